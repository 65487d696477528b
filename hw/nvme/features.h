/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Features that belong to other concepts, as Get and Set Features see them.  At home. */
#ifndef HW_NVME_FEATURES_H
#define HW_NVME_FEATURES_H

#include "nvme.h"

/* What the log page of feature identifiers says. */
bool nvme_feature_known(uint8_t fid);
bool nvme_feature_saveable(NvmeCtrl *n, uint8_t fid);
bool nvme_feature_per_namespace(uint8_t fid);

/* features-ns.c: of a namespace that is attached */
uint16_t nvme_get_lba_ranges(NvmeRequest *req);
uint16_t nvme_set_lba_ranges(NvmeRequest *req);
uint16_t nvme_get_write_protect(NvmeRequest *req);
uint16_t nvme_set_write_protect(NvmeRequest *req);

/* reservation.c: host identifier, notification mask, persistence */
uint16_t nvme_resv_get_feature(NvmeRequest *req, uint8_t fid);
uint16_t nvme_resv_set_feature(NvmeRequest *req, uint8_t fid);
/* A controller was reset: its host is not known any more. */
void nvme_resv_host_reset(NvmeCtrl *n);

#endif
