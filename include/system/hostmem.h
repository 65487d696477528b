/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -object memory-backend-ram, -file, -memfd: host memory that the machine or a device uses as guest RAM. Main loop. */
#ifndef SYSTEM_HOSTMEM_H
#define SYSTEM_HOSTMEM_H

#include "system/memory.h"

#define TYPE_MEMORY_BACKEND "memory-backend"
typedef struct HostMemoryBackend HostMemoryBackend;

/* The region; owned by the backend. */
MemoryRegion *host_memory_backend_get_memory(HostMemoryBackend *backend);
/* Marks the backend as somebody's; false with errp if it is taken. */
bool host_memory_backend_claim(HostMemoryBackend *backend, const char *user, GError **errp);
/* The end of a claim. */
void host_memory_backend_release(HostMemoryBackend *backend);

#endif
