/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What commands may do on a namespace on which something special goes on.  In the queue's context.
 */
#include "io.h"

uint16_t nvme_io_gate(NvmeRequest *req, uint32_t gate)
{
    if (gate & NVME_GATE_DELETED) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (gate & NVME_GATE_FORMAT) {
        return NVME_FORMAT_IN_PROGRESS;
    }
    return NVME_SUCCESS;
}
