/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Namespaces that the host creates and deletes. */
#ifndef HW_NVME_POOL_H
#define HW_NVME_POOL_H

#include "reservation.h"

/* Main loop: ns-pool= of a controller that is in its subsystem; brings back what the state file
 * has. */
bool nvme_pool_init(NvmeCtrl *n, GError **errp);
void nvme_pool_exit(NvmeCtrl *n);
/* Bytes; any thread. */
void nvme_pool_capacity(NvmeSubsystem *s, uint64_t *total, uint64_t *unallocated);
uint16_t nvme_ns_management(NvmeRequest *req, bool *later); /* home */

#endif
