/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identify (NVMe 1.4, section 5.15). At home. */
#include "nvme.h"

/* Fixed-width ASCII fields are padded with spaces (1.5). */
static void pad(char *field, size_t size, const char *text)
{
    memset(field, ' ', size);
    memcpy(field, text, MIN(strlen(text), size));
}

static uint16_t identify_controller(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    PCIDevice *pci = PCI_DEVICE(n);
    g_autofree NvmeIdController *id = g_new0(NvmeIdController, 1);

    id->vid = pci_get_word(pci->config + PCI_VENDOR_ID);
    id->ssvid = pci_get_word(pci->config + PCI_SUBSYSTEM_VENDOR_ID);
    pad(id->sn, sizeof(id->sn), n->params.serial);
    pad(id->mn, sizeof(id->mn), "QEMU NVMe Ctrl");
    pad(id->fr, sizeof(id->fr), QEMU_VERSION);
    id->rab = 6;
    id->ieee[0] = 0x00;
    id->ieee[1] = 0x54;
    id->ieee[2] = 0x52;
    id->mdts = n->params.mdts;
    id->ver = NVME_VERSION;
    id->oaes = NVME_OAES_NS_CHANGED;
    id->cntrltype = 1; /* I/O controller */
    id->oacs = n->params.dbbuf ? NVME_OACS_DBBUF : 0;
    id->acl = NVME_ABORT_LIMIT - 1;
    id->aerl = n->params.aerl;
    id->frmw = 1 << 1 | 1; /* one slot, read-only */
    id->lpa = NVME_LPA_EFFECTS | NVME_LPA_EXTENDED;
    id->elpe = NVME_ERROR_LOG_ENTRIES - 1;
    id->npss = 0;
    id->wctemp = NVME_TEMPERATURE_WARNING;
    id->cctemp = NVME_TEMPERATURE_CRITICAL;
    id->kas = 10; /* units of 100 ms */
    id->sqes = 6 << 4 | 6;
    id->cqes = 4 << 4 | 4;
    id->nn = 1;
    id->oncs = NVME_ONCS_COMPARE | NVME_ONCS_DSM | NVME_ONCS_WRITE_ZEROES | NVME_ONCS_FEATURES |
               NVME_ONCS_TIMESTAMP | NVME_ONCS_VERIFY;
    id->vwc = 3 << 1 | 1;   /* present; a flush of all namespaces is fine */
    id->sgls = 1 | BIT(16); /* supported, no alignment rule, bit buckets */
    g_snprintf(id->subnqn, sizeof(id->subnqn), "nqn.2019-08.org.qemu:%s", n->params.serial);
    id->psd[0].max_power = 2500;
    id->psd[0].entry_latency = 0x10;
    id->psd[0].exit_latency = 0x4;
    return nvme_copy_to_host(req, id, sizeof(*id));
}

static uint16_t identify_namespace(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    g_autofree NvmeIdNamespace *id = g_new0(NvmeIdNamespace, 1);
    uint64_t blocks = __atomic_load_n(&n->ns_blocks, __ATOMIC_RELAXED);

    if (req->cmd.nsid == NVME_NSID_ALL || (req->cmd.nsid == 1 && n->conf.blk)) {
        if (req->cmd.nsid == 1) {
            id->nsze = id->ncap = id->nuse = blocks;
            id->nsfeat = 1 << 4; /* NPWG and its relatives are valid */
            /* Write Zeroes may deallocate.  What deallocated blocks read is not said: that depends
             * on the image. */
            id->dlfeat = 1 << 3;
            id->nsattr = blk_is_read_only(n->conf.blk);
            id->npwg = id->npwa = id->npdg = id->npda =
                MAX(1, n->conf.discard_granularity >> n->lba_shift) - 1;
            memcpy(id->nguid, n->uuid, sizeof(id->nguid));
        }
        id->lbaf[0].ds = n->lba_shift;
        return nvme_copy_to_host(req, id, sizeof(*id));
    }
    if (req->cmd.nsid == 1) {
        return nvme_copy_to_host(req, id, sizeof(*id)); /* inactive: all zeros */
    }
    return NVME_INVALID_NSID | NVME_DNR;
}

static uint16_t identify_active_list(NvmeRequest *req)
{
    uint32_t list[1024] = {0};

    if (req->cmd.nsid >= NVME_NSID_ALL - 1) {
        return NVME_INVALID_NSID | NVME_DNR;
    }
    if (req->cmd.nsid < 1 && req->sq->n->conf.blk) {
        list[0] = 1;
    }
    return nvme_copy_to_host(req, list, sizeof(list));
}

static uint16_t identify_descriptors(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    uint8_t list[4096] = {0};

    if (req->cmd.nsid != 1 || !n->conf.blk) {
        return NVME_INVALID_NSID | NVME_DNR;
    }
    list[0] = 3; /* UUID (figure 248) */
    list[1] = 16;
    memcpy(list + 4, n->uuid, 16);
    return nvme_copy_to_host(req, list, sizeof(list));
}

uint16_t nvme_identify(NvmeRequest *req)
{
    switch (req->cmd.cdw10 & 0xff) {
    case NVME_CNS_NAMESPACE:
        return identify_namespace(req);
    case NVME_CNS_CONTROLLER:
        return identify_controller(req);
    case NVME_CNS_ACTIVE_NSIDS:
        return identify_active_list(req);
    case NVME_CNS_NS_DESCRIPTORS:
        return identify_descriptors(req);
    default:
        return NVME_INVALID_FIELD | NVME_DNR;
    }
}
