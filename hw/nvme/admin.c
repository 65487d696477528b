/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The admin command set (NVMe 1.4, section 5): queues, abort, and the way to the rest. At home. */
#include "nvme.h"

#include "firmware.h"
#include "pool.h"
#include "sanitize.h"
#include "selftest.h"

/* --- queues (5.3 to 5.6) --------------------------------------------------------------------- */

static uint16_t create_cq(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    const NvmeCmd *cmd = &req->cmd;
    uint16_t id = cmd->cdw10 & 0xffff, vector = cmd->cdw11 >> 16;
    uint32_t size = (cmd->cdw10 >> 16) + 1;
    bool irq = cmd->cdw11 & BIT(1);

    if (!id || id >= n->num_db || n->cq[id]) {
        return NVME_INVALID_QID | NVME_DNR;
    }
    if (size < 2 || size > NVME_MAX_QUEUE_ENTRIES) {
        return NVME_INVALID_QSIZE | NVME_DNR;
    }
    if (cmd->dptr.prp1 & (n->page_size - 1) || !cmd->dptr.prp1) {
        return NVME_INVALID_PRP_OFFSET | NVME_DNR;
    }
    if (vector >= n->params.msix_qsize || (!msix_enabled(PCI_DEVICE(n)) && vector > 31)) {
        return NVME_INVALID_IV | NVME_DNR;
    }
    /* CAP.CQR: queues are physically contiguous. */
    if (!(cmd->cdw11 & BIT(0)) || NVME_CC_IOCQES(n->cc) != 4) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    nvme_cq_new(n, id, cmd->dptr.prp1, size, vector, irq);
    return NVME_SUCCESS;
}

static uint16_t create_sq(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    const NvmeCmd *cmd = &req->cmd;
    uint16_t id = cmd->cdw10 & 0xffff, cqid = cmd->cdw11 >> 16;
    uint32_t size = (cmd->cdw10 >> 16) + 1;

    if (!cqid || cqid >= n->num_db || !n->cq[cqid]) {
        return NVME_INVALID_CQ | NVME_DNR;
    }
    if (!id || id >= n->num_db || n->sq[id]) {
        return NVME_INVALID_QID | NVME_DNR;
    }
    if (size < 2 || size > NVME_MAX_QUEUE_ENTRIES) {
        return NVME_INVALID_QSIZE | NVME_DNR;
    }
    if (cmd->dptr.prp1 & (n->page_size - 1) || !cmd->dptr.prp1) {
        return NVME_INVALID_PRP_OFFSET | NVME_DNR;
    }
    if (!(cmd->cdw11 & BIT(0)) || NVME_CC_IOSQES(n->cc) != 6) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    return nvme_sq_new(n, id, cmd->dptr.prp1, size, n->cq[cqid], cmd->cdw11 >> 1 & 3)
               ? NVME_SUCCESS
               : NVME_INTERNAL_ERROR;
}

static uint16_t delete_sq(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    uint16_t id = req->cmd.cdw10 & 0xffff;

    if (!id || id >= n->num_db || !n->sq[id] || n->sq[id]->deleting) {
        return NVME_INVALID_QID | NVME_DNR;
    }
    nvme_sq_delete(n->sq[id], req); /* completes the command when the queue is empty */
    return NVME_SUCCESS;
}

static uint16_t delete_cq(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    uint16_t id = req->cmd.cdw10 & 0xffff;

    if (!id || id >= n->num_db || !n->cq[id]) {
        return NVME_INVALID_QID | NVME_DNR;
    }
    if (__atomic_load_n(&n->cq[id]->sqs, __ATOMIC_RELAXED)) {
        return NVME_INVALID_QUEUE_DELETION;
    }
    nvme_cq_delete(n->cq[id]);
    return NVME_SUCCESS;
}

/* --- dispatch -------------------------------------------------------------------------------- */

static uint16_t start(NvmeRequest *req, bool *later)
{
    NvmeCtrl *n = req->sq->n;
    uint16_t status;

    switch (req->cmd.opcode) {
    case NVME_ADM_DELETE_SQ:
        status = delete_sq(req);
        *later = !status;
        return status;
    case NVME_ADM_CREATE_SQ:
        return create_sq(req);
    case NVME_ADM_GET_LOG_PAGE:
        return nvme_get_log_page(req);
    case NVME_ADM_DELETE_CQ:
        return delete_cq(req);
    case NVME_ADM_CREATE_CQ:
        return create_cq(req);
    case NVME_ADM_IDENTIFY:
        return nvme_identify(req);
    case NVME_ADM_ABORT:
        return nvme_abort(req);
    case NVME_ADM_SET_FEATURES:
        return nvme_set_features(req, later);
    case NVME_ADM_GET_FEATURES:
        return nvme_get_features(req);
    case NVME_ADM_ASYNC_EVENT_REQUEST:
        *later = true;
        nvme_aer_request(req);
        return NVME_SUCCESS;
    case NVME_ADM_FIRMWARE_DOWNLOAD:
        return n->params.firmware ? nvme_firmware_download(req) : NVME_INVALID_OPCODE | NVME_DNR;
    case NVME_ADM_FIRMWARE_COMMIT:
        return n->params.firmware ? nvme_firmware_commit(req, later)
                                  : NVME_INVALID_OPCODE | NVME_DNR;
    case NVME_ADM_SELF_TEST:
        return nvme_self_test(req);
    case NVME_ADM_SANITIZE:
        return nvme_sanitize(req);
    case NVME_ADM_FORMAT_NVM:
        return nvme_format_nvm(req, later);
    case NVME_ADM_NS_MANAGEMENT:
        return nvme_ns_management(req, later);
    case NVME_ADM_NS_ATTACHMENT:
        return nvme_ns_attachment(req, later);
    case NVME_ADM_KEEP_ALIVE:
        n->keep_alive_seen = true;
        return NVME_SUCCESS;
    case NVME_ADM_DOORBELL_BUFFER_CONFIG:
        if (!n->params.dbbuf) {
            return NVME_INVALID_OPCODE | NVME_DNR;
        }
        nvme_dbbuf_config(n, req);
        return req->status;
    default:
        return NVME_INVALID_OPCODE | NVME_DNR;
    }
}

void nvme_admin_command(NvmeRequest *req)
{
    bool later = false;
    uint16_t status;

    if (NVME_CMD_PSDT(req->cmd.flags)) {
        req->status =
            NVME_INVALID_FIELD | NVME_DNR; /* SGLs are not for admin commands over PCI Express */
        nvme_complete(req);
        return;
    }
    status = nvme_sanitize_allows(req->cmd.opcode) ? NVME_SUCCESS
                                                   : nvme_sanitize_refusal(req->sq->n->subsys);
    if (!status) {
        status = start(req, &later);
    }
    if (!later) {
        req->status = status;
        nvme_complete(req);
    }
}
