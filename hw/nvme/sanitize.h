/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sanitize: what the other files ask. */
#ifndef HW_NVME_SANITIZE_H
#define HW_NVME_SANITIZE_H

#include "nvme.h"

/* At home: the command; the work goes on behind it. */
uint16_t nvme_sanitize(NvmeRequest *req);
/* Any thread: the status that commands get now. */
uint16_t nvme_sanitize_refusal(NvmeSubsystem *s);
bool nvme_sanitize_busy(NvmeSubsystem *s);
/* May this admin command be used while the subsystem is sanitized? */
bool nvme_sanitize_allows(uint8_t opcode);
void nvme_sanitize_log(NvmeSubsystem *s, uint8_t page[512]);
/* Main loop: ends what is under way, as failed, and waits for it; a namespace or its controller
 * goes. */
void nvme_sanitize_stop(NvmeSubsystem *s, NvmeCtrl *n); /* n: only what that one does */
void nvme_sanitize_free(NvmeSubsystem *s);

#endif
