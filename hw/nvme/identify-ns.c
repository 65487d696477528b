/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Identify: what there is to say of namespaces (NVMe 1.4, section 5.15; 2.0 where a structure is
 * newer).  At home.
 *
 * "Active" namespaces are attached to this controller, "allocated" ones exist in the subsystem.
 */
#include "nvme.h"

/* Each function that takes a namespace of the table is called with the subsystem's lock. */
static void fill_formats(const NvmeNamespace *ns, NvmeIdNamespace *id)
{
    id->nlbaf = ns->num_formats - 1;
    memcpy(id->lbaf, ns->formats, ns->num_formats * sizeof(ns->formats[0]));
    id->mc = 3;           /* metadata behind each block, or in a buffer of its own */
    id->dpc = 7 | 3 << 3; /* types 1 to 3; first or last bytes */
}

static void fill_namespace(NvmeNamespace *ns, NvmeIdNamespace *id)
{
    const NvmeLayout *l = &ns->layout;
    uint32_t unit = MAX(1, ns->discard_granularity >> l->lba_shift);

    id->nsze = id->ncap = id->nuse = __atomic_load_n(&ns->blocks, __ATOMIC_RELAXED);
    id->nsfeat = 1 << 4 | 1 << 2; /* NPWG and its relatives are valid; DULBE */
    id->fpi = 0x80 | __atomic_load_n(&ns->percent_left, __ATOMIC_RELAXED);
    id->flbas = l->format | (l->extended ? BIT(4) : 0);
    id->dps = l->pi_type | (l->pi_type && l->pi_first ? BIT(3) : 0);
    id->nmic = ns->shared ? NVME_NMIC_SHARED : 0;
    /* All types; a key is ignored only where 1.3 and later say so; persistent with a state file. */
    id->rescap = 0x7e | BIT(7) | (ns->subsys->state ? 1 : 0);
    /* Write Zeroes may deallocate.  What deallocated blocks read is not said: that depends on the
     * image. */
    id->dlfeat = 1 << 3;
    id->nsattr = blk_is_read_only(ns->blk) || ns->write_protect;
    id->npwg = id->npwa = id->npdg = id->npda = MIN(unit, 0x10000u) - 1;
    id->mssrl = ns->mssrl;
    id->mcl = ns->mcl;
    id->msrc = ns->msrc;
    id->nvmcap[0] = 0;
    if (ns->pooled) {
        memcpy(id->nvmcap, &ns->capacity, sizeof(ns->capacity));
    }
    memcpy(id->nguid, ns->nguid, sizeof(id->nguid));
    id->eui64 = __builtin_bswap64(ns->eui64);
    fill_formats(ns, id);
}

/* What all namespaces here have in common (NSID FFFFFFFFh). */
static void fill_common(NvmeIdNamespace *id)
{
    NvmeNamespace any = {0};

    nvme_ns_fill_formats(&any, 9, 0);
    fill_formats(&any, id);
}

/* The namespace that nsid names: active, or allocated with any. */
static NvmeNamespace *find(NvmeCtrl *n, uint32_t nsid, bool any)
{
    return any ? n->subsys->ns[nsid] : n->slots[nsid].ns;
}

static bool bad_nsid(uint32_t nsid)
{
    return nsid == 0 || nsid > NVME_MAX_NAMESPACES;
}

static uint16_t identify_namespace(NvmeRequest *req, bool any)
{
    NvmeCtrl *n = req->sq->n;
    g_autofree NvmeIdNamespace *id = g_new0(NvmeIdNamespace, 1);
    uint32_t nsid = req->cmd.nsid;

    if (nsid == NVME_NSID_ALL && !any) {
        fill_common(id);
    } else if (bad_nsid(nsid)) {
        return NVME_INVALID_NSID | NVME_DNR;
    } else {
        QEMU_LOCK_GUARD(&n->subsys->lock);
        NvmeNamespace *ns = find(n, nsid, any);

        if (ns) { /* else all zeros: it is not active, or not there */
            fill_namespace(ns, id);
        }
    }
    return nvme_copy_to_host(req, id, sizeof(*id));
}

static uint16_t identify_list(NvmeRequest *req, bool any)
{
    NvmeCtrl *n = req->sq->n;
    uint32_t list[1024] = {0};
    unsigned count = 0;

    if (req->cmd.nsid >= NVME_NSID_ALL - 1) {
        return NVME_INVALID_NSID | NVME_DNR;
    }
    qemu_mutex_lock(&n->subsys->lock);
    for (uint64_t id = (uint64_t)req->cmd.nsid + 1; id <= NVME_MAX_NAMESPACES; id++) {
        if (find(n, id, any)) {
            list[count++] = id;
        }
    }
    qemu_mutex_unlock(&n->subsys->lock);
    return nvme_copy_to_host(req, list, sizeof(list));
}

static uint8_t *add_descriptor(uint8_t *p, uint8_t type, const void *value, uint8_t len)
{
    p[0] = type;
    p[1] = len;
    memcpy(p + 4, value, len);
    return p + 4 + len;
}

static uint16_t identify_descriptors(NvmeRequest *req)
{
    static const uint8_t zero[16], csi = NVME_CSI_NVM;
    NvmeCtrl *n = req->sq->n;
    uint8_t list[4096] = {0}, *p = list;
    uint32_t nsid = req->cmd.nsid;

    if (bad_nsid(nsid)) {
        return NVME_INVALID_NSID | NVME_DNR;
    }
    qemu_mutex_lock(&n->subsys->lock);
    NvmeNamespace *ns = find(n, nsid, false);
    if (ns) {
        uint64_t eui64 = __builtin_bswap64(ns->eui64);

        p = add_descriptor(p, NVME_NIDT_UUID, ns->uuid, sizeof(ns->uuid));
        if (memcmp(ns->nguid, zero, sizeof(zero))) {
            p = add_descriptor(p, NVME_NIDT_NGUID, ns->nguid, sizeof(ns->nguid));
        }
        if (eui64) {
            p = add_descriptor(p, NVME_NIDT_EUI64, &eui64, sizeof(eui64));
        }
        add_descriptor(p, NVME_NIDT_CSI, &csi, sizeof(csi));
    }
    qemu_mutex_unlock(&n->subsys->lock);
    if (!ns) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    return nvme_copy_to_host(req, list, sizeof(list));
}

static uint16_t identify_csi_namespace(NvmeRequest *req, bool any)
{
    NvmeCtrl *n = req->sq->n;
    g_autofree NvmeIdNamespaceNvm *id = g_new0(NvmeIdNamespaceNvm, 1);

    if (bad_nsid(req->cmd.nsid)) {
        return NVME_INVALID_NSID | NVME_DNR;
    }
    if (NVME_CMD_CSI(req->cmd.cdw11) != NVME_CSI_NVM) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    qemu_mutex_lock(&n->subsys->lock);
    NvmeNamespace *ns = find(n, req->cmd.nsid, any);
    for (unsigned i = 0; ns && i < ns->num_formats; i++) {
        id->elbaf[i] = ns->formats[i].ms ? (uint32_t)ns->pif << 7 : 0;
    }
    qemu_mutex_unlock(&n->subsys->lock);
    return nvme_copy_to_host(req, id, sizeof(*id));
}

static uint16_t identify_csi_list(NvmeRequest *req, bool any)
{
    if (NVME_CMD_CSI(req->cmd.cdw11) != NVME_CSI_NVM) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    return identify_list(req, any);
}

static uint16_t identify_independent(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    g_autofree NvmeIdNamespaceIndependent *id = g_new0(NvmeIdNamespaceIndependent, 1);

    if (bad_nsid(req->cmd.nsid)) {
        return NVME_INVALID_NSID | NVME_DNR;
    }
    qemu_mutex_lock(&n->subsys->lock);
    NvmeNamespace *ns = find(n, req->cmd.nsid, false);
    if (ns) {
        NvmeIdNamespace full = {0};

        fill_namespace(ns, &full);
        id->nmic = full.nmic;
        id->rescap = full.rescap;
        id->nsattr = full.nsattr;
        id->fpi = full.fpi;
        id->nstat = 1;
    }
    qemu_mutex_unlock(&n->subsys->lock);
    return nvme_copy_to_host(req, id, sizeof(*id));
}

uint16_t nvme_identify_namespace(NvmeRequest *req, uint8_t cns)
{
    switch (cns) {
    case NVME_CNS_NAMESPACE:
    case NVME_CNS_ALLOCATED_NAMESPACE:
        return identify_namespace(req, cns == NVME_CNS_ALLOCATED_NAMESPACE);
    case NVME_CNS_ACTIVE_NSIDS:
    case NVME_CNS_ALLOCATED_NSIDS:
        return identify_list(req, cns == NVME_CNS_ALLOCATED_NSIDS);
    case NVME_CNS_NS_DESCRIPTORS:
        return identify_descriptors(req);
    case NVME_CNS_CSI_NAMESPACE:
    case NVME_CNS_CSI_ALLOCATED_NAMESPACE:
        return identify_csi_namespace(req, cns == NVME_CNS_CSI_ALLOCATED_NAMESPACE);
    case NVME_CNS_CSI_ACTIVE_NSIDS:
    case NVME_CNS_CSI_ALLOCATED_NSIDS:
        return identify_csi_list(req, cns == NVME_CNS_CSI_ALLOCATED_NSIDS);
    case NVME_CNS_INDEPENDENT_NAMESPACE:
        return identify_independent(req);
    default:
        return NVME_INVALID_FIELD | NVME_DNR;
    }
}
