/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firmware images (NVMe 1.4, sections 5.11 and 5.12).  At home. */
#ifndef HW_NVME_FIRMWARE_H
#define HW_NVME_FIRMWARE_H

#include "nvme.h"

#define NVME_FIRMWARE_SLOTS 3 /* the first is what is built in */

/* Reads the slots that firmware=PATH has.  Main loop. */
bool nvme_firmware_init(NvmeCtrl *n, GError **errp);
void nvme_firmware_free(NvmeCtrl *n);
uint16_t nvme_firmware_download(NvmeRequest *req);
uint16_t nvme_firmware_commit(NvmeRequest *req, bool *later);
/* A reset of the controller: what was committed for it becomes active. */
void nvme_firmware_reset(NvmeCtrl *n);
void nvme_firmware_log(NvmeCtrl *n, NvmeFirmwareSlotLog *page);
/* The revision that runs, 8 characters padded with spaces. */
void nvme_firmware_revision(NvmeCtrl *n, char out[8]);

#endif
