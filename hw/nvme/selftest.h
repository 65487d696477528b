/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device self-test (NVMe 1.4, sections 5.8 and 8.11).  At home. */
#ifndef HW_NVME_SELFTEST_H
#define HW_NVME_SELFTEST_H

#include "nvme.h"

#define NVME_SELF_TEST_RESULTS 20
#define NVME_SELF_TEST_LOG_BYTES (4 + NVME_SELF_TEST_RESULTS * 28)

uint16_t nvme_self_test(NvmeRequest *req);
void nvme_self_test_log(NvmeCtrl *n, uint8_t page[NVME_SELF_TEST_LOG_BYTES]);
/* Why a test ends early: the host says so, the controller is reset, the namespace goes that it
 * reads from, one is formatted. */
enum {
    NVME_SELF_TEST_BY_COMMAND = 1,
    NVME_SELF_TEST_BY_RESET = 2,
    NVME_SELF_TEST_BY_UNPLUG = 3,
    NVME_SELF_TEST_BY_FORMAT = 4
};
void nvme_self_test_stop(NvmeCtrl *n, unsigned why);
/* A read of it is on its way: it must not be freed. */
bool nvme_self_test_reading(NvmeCtrl *n);
void nvme_self_test_free(NvmeCtrl *n);

#endif
