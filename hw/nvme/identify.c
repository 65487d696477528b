/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identify (NVMe 1.4, section 5.15). At home. */
#include "nvme.h"

#include "firmware.h"
#include "pool.h"

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
    uint64_t total, unallocated;

    id->vid = pci_get_word(pci->config + PCI_VENDOR_ID);
    id->ssvid = pci_get_word(pci->config + PCI_SUBSYSTEM_VENDOR_ID);
    pad(id->sn, sizeof(id->sn), n->params.serial);
    pad(id->mn, sizeof(id->mn), "QEMU NVMe Ctrl");
    nvme_firmware_revision(n, id->fr);
    id->rab = 6;
    id->ieee[0] = 0x00;
    id->ieee[1] = 0x54;
    id->ieee[2] = 0x52;
    id->cmic = n->subsys->user ? NVME_CMIC_MULTI_CTRL : 0;
    id->mdts = n->params.mdts;
    id->cntlid = n->cntlid;
    id->ver = NVME_VERSION;
    id->oaes = NVME_OAES_NS_CHANGED;
    id->cntrltype = 1; /* I/O controller */
    id->oacs = NVME_OACS_NS_MANAGEMENT | NVME_OACS_FORMAT | NVME_OACS_SELF_TEST |
               (n->params.dbbuf ? NVME_OACS_DBBUF : 0);
    id->acl = NVME_ABORT_LIMIT - 1;
    id->aerl = n->params.aerl;
    if (n->params.firmware) {
        id->frmw = 1 << 4 | NVME_FIRMWARE_SLOTS << 1 | 1; /* without reset, too; slot 1 is ours */
        id->fwug = 1;                                     /* 4 KiB */
        id->oacs |= NVME_OACS_FIRMWARE;
    } else {
        id->frmw = 1 << 1 | 1; /* one slot, read-only */
    }
    id->lpa = NVME_LPA_EFFECTS | NVME_LPA_EXTENDED | NVME_LPA_TELEMETRY | NVME_LPA_SUPPORTED;
    id->ctratt = NVME_CTRATT_HOST_ID_EXTENDED;
    id->sanicap = NVME_SANICAP_CRYPTO | NVME_SANICAP_BLOCK | NVME_SANICAP_OVERWRITE | 1u << 30;
    id->edstt = 1; /* an extended self-test takes up to a minute */
    id->dsto = 1;  /* one self-test at a time */
    id->nwpc = 1;
    nvme_pool_capacity(n->subsys, &total, &unallocated);
    memcpy(id->tnvmcap, &total, sizeof(total));
    memcpy(id->unvmcap, &unallocated, sizeof(unallocated));
    id->elpe = NVME_ERROR_LOG_ENTRIES - 1;
    id->npss = 0;
    id->wctemp = NVME_TEMPERATURE_WARNING;
    id->cctemp = NVME_TEMPERATURE_CRITICAL;
    id->kas = 10; /* units of 100 ms */
    id->sqes = 6 << 4 | 6;
    id->cqes = 4 << 4 | 4;
    id->nn = NVME_MAX_NAMESPACES;
    id->oncs = NVME_ONCS_COMPARE | NVME_ONCS_DSM | NVME_ONCS_WRITE_ZEROES | NVME_ONCS_FEATURES |
               NVME_ONCS_TIMESTAMP | NVME_ONCS_VERIFY | NVME_ONCS_WRITE_UNCORRECTABLE |
               NVME_ONCS_COPY | NVME_ONCS_RESERVATIONS;
    id->fuses = 1;    /* compare and write */
    id->fna = 1 << 2; /* formats one namespace or all; cryptographic erase is there */
    id->ocfs = 3;
    id->vwc = 3 << 1 | 1;   /* present; a flush of all namespaces is fine */
    id->sgls = 1 | BIT(16); /* supported, no alignment rule, bit buckets */
    g_strlcpy(id->subnqn, n->subsys->nqn, sizeof(id->subnqn));
    id->psd[0].max_power = 2500;
    id->psd[0].entry_latency = 0x10;
    id->psd[0].exit_latency = 0x4;
    return nvme_copy_to_host(req, id, sizeof(*id));
}

static uint16_t identify_csi_controller(NvmeRequest *req)
{
    g_autofree NvmeIdControllerNvm *id = g_new0(NvmeIdControllerNvm, 1);

    if (NVME_CMD_CSI(req->cmd.cdw11) != NVME_CSI_NVM) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    /* Write Zeroes and its like have no limit; one Dataset Management names 256 ranges. */
    id->vsl = req->sq->n->params.mdts;
    id->dmrl = 255;
    id->dmrsl = UINT32_MAX;
    id->dmsl = UINT64_MAX;
    return nvme_copy_to_host(req, id, sizeof(*id));
}

/* One combination: the NVM command set. */
static uint16_t identify_command_sets(NvmeRequest *req)
{
    uint64_t vectors[512] = {1u << NVME_CSI_NVM};
    uint16_t cntid = req->cmd.cdw10 >> 16;

    if (cntid != 0xffff && cntid != req->sq->n->cntlid) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    return nvme_copy_to_host(req, vectors, sizeof(vectors));
}

/* --- controllers ----------------------------------------------------------------------------- */

typedef struct ControllerWalk {
    NvmeControllerList *list;
    uint16_t first;
    NvmeNamespace *ns; /* only those that have it attached */
} ControllerWalk;

static void add_controller(NvmeCtrl *n, void *opaque)
{
    ControllerWalk *w = opaque;

    if (n->cntlid >= w->first && (!w->ns || nvme_ns_attached(w->ns, n))) {
        w->list->id[w->list->count++] = n->cntlid;
    }
}

static uint16_t identify_controllers(NvmeRequest *req, bool of_namespace)
{
    NvmeSubsystem *s = req->sq->n->subsys;
    g_autofree NvmeControllerList *list = g_new0(NvmeControllerList, 1);
    ControllerWalk w = {.list = list, .first = req->cmd.cdw10 >> 16};

    if (of_namespace) {
        uint32_t nsid = req->cmd.nsid;

        if (!nsid || nsid > NVME_MAX_NAMESPACES) {
            return NVME_INVALID_NSID | NVME_DNR;
        }
        qemu_mutex_lock(&s->lock);
        w.ns = s->ns[nsid];
        qemu_mutex_unlock(&s->lock);
        if (!w.ns) {
            return NVME_INVALID_FIELD | NVME_DNR;
        }
    }
    nvme_subsys_foreach(s, add_controller, &w);
    return nvme_copy_to_host(req, list, sizeof(*list));
}

/* There are no virtual functions: nothing that could be moved between controllers. */
static uint16_t identify_virtualization(NvmeRequest *req, bool primary)
{
    uint8_t page[4096] = {0};

    if (primary) {
        pci_set_word(page, req->sq->n->cntlid);
        return nvme_copy_to_host(req, page, sizeof(page));
    }
    return nvme_copy_to_host(req, page, sizeof(page)); /* 0 entries */
}

uint16_t nvme_identify(NvmeRequest *req)
{
    uint8_t cns = req->cmd.cdw10 & 0xff;

    switch (cns) {
    case NVME_CNS_CONTROLLER:
        return identify_controller(req);
    case NVME_CNS_CSI_CONTROLLER:
        return identify_csi_controller(req);
    case NVME_CNS_NS_CONTROLLERS:
    case NVME_CNS_CONTROLLERS:
        return identify_controllers(req, cns == NVME_CNS_NS_CONTROLLERS);
    case NVME_CNS_PRIMARY_CAPABILITIES:
    case NVME_CNS_SECONDARY_CONTROLLERS:
        return identify_virtualization(req, cns == NVME_CNS_PRIMARY_CAPABILITIES);
    case NVME_CNS_COMMAND_SETS:
        return identify_command_sets(req);
    default:
        return nvme_identify_namespace(req, cns);
    }
}
