/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reservations (NVMe 1.4, sections 6.10 to 6.13 and 8.8). */
#ifndef HW_NVME_RESERVATION_H
#define HW_NVME_RESERVATION_H

#include "nvme.h"

#define NVME_MAX_REGISTRANTS 64

enum NvmeReservationType {
    NVME_RESV_NONE,
    NVME_RESV_WRITE_EXCLUSIVE,
    NVME_RESV_EXCLUSIVE_ACCESS,
    NVME_RESV_WE_REGISTRANTS,
    NVME_RESV_EA_REGISTRANTS,
    NVME_RESV_WE_ALL,
    NVME_RESV_EA_ALL,
};

typedef struct NvmeHostId {
    uint8_t id[16]; /* zeros: unknown; then each controller is a host of its own */
    bool extended;  /* 128 bits */
    uint16_t cntlid;
} NvmeHostId;

/* Queue context: any of the four commands.  The host's data is read here, the rest is done at home.
 */
uint16_t nvme_resv_command(NvmeRequest *req);
/* Bits of the gate that the reservation of ns closes for n.  With the subsystem's lock. */
uint32_t nvme_resv_gate(NvmeNamespace *ns, NvmeCtrl *n);
/* From the state file, with the subsystem's lock. */
void nvme_resv_restore(NvmeNamespace *ns);
void nvme_resv_free(NvmeNamespace *ns);
/* The notification log page: one entry, which goes when it is read. */
void nvme_resv_log(NvmeCtrl *n, uint8_t page[64], bool retain);

#endif
