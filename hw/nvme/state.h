/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a subsystem keeps over restarts, in a JSON file that the user names (state=FILE): formats of
 * namespaces, saved features, reservations that persist, created namespaces, firmware.  Without a
 * file everything works, and is forgotten at the end.
 */
#ifndef HW_NVME_STATE_H
#define HW_NVME_STATE_H

#include "ns.h"

typedef struct NvmeState {
    char *path;
    json_object *root;    /* subsystem's lock */
    QemuMutex write_lock; /* one writer of the file at a time */
} NvmeState;

/* Reads the file, if it is there.  Main loop. */
bool nvme_state_open(NvmeSubsystem *s, const char *path, GError **errp);
void nvme_state_close(NvmeSubsystem *s);
/* The object section/key ("namespaces", "3"), made when missing; NULL without a state file.  With
 * the subsystem's lock. */
json_object *nvme_state_entry(NvmeSubsystem *s, const char *section, uint32_t key);
/* The same, but NULL when it is not there. */
json_object *nvme_state_find(NvmeSubsystem *s, const char *section, uint32_t key);
void nvme_state_drop(NvmeSubsystem *s, const char *section, uint32_t key);
void nvme_state_put(json_object *entry, const char *name, int64_t v);
/* def when it is not there or not a number. */
int64_t nvme_state_get(json_object *entry, const char *name, int64_t def);

#endif
