/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Features of a namespace: LBA range types and write protection (NVMe 1.4, 5.21.1.3 and 5.21.1.29).
 * At home. */
#include "features.h"

/* --- LBA range types: the host's notes, kept for it ------------------------------------------ */

typedef struct QEMU_PACKED LbaRange {
    uint8_t type, attributes, rsvd2[14];
    uint64_t slba, nlb;
    uint8_t guid[16], rsvd48[16];
} LbaRange;
_Static_assert(sizeof(LbaRange) == 64, "figure 277");

uint16_t nvme_get_lba_ranges(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    NvmeNamespace *ns = nvme_attached_ns(n, req->cmd.nsid);
    LbaRange list[64] = {0};
    unsigned count = 1;

    qemu_mutex_lock(&n->subsys->lock);
    if (ns->lba_ranges && (req->cmd.cdw10 >> 8 & 7) == NVME_FEAT_SEL_CURRENT) {
        count = ns->lba_ranges_count;
        memcpy(list, ns->lba_ranges, sizeof(list));
    } else { /* one range: all of it, of no particular type, to be overwritten and seen */
        list[0].attributes = 1;
        list[0].nlb = __atomic_load_n(&ns->blocks, __ATOMIC_RELAXED);
    }
    qemu_mutex_unlock(&n->subsys->lock);
    req->cqe.result = count - 1;
    return nvme_copy_to_host(req, list, sizeof(list));
}

static uint16_t check_lba_ranges(NvmeNamespace *ns, const LbaRange *list, unsigned count)
{
    uint64_t blocks = __atomic_load_n(&ns->blocks, __ATOMIC_RELAXED);

    for (unsigned i = 0; i < count; i++) {
        if (list[i].slba > blocks || list[i].nlb > blocks - list[i].slba || !list[i].nlb) {
            return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
        }
        for (unsigned k = 0; k < i; k++) {
            if (list[i].slba < list[k].slba + list[k].nlb &&
                list[k].slba < list[i].slba + list[i].nlb) {
                return NVME_OVERLAPPING_RANGE | NVME_DNR;
            }
        }
    }
    return NVME_SUCCESS;
}

uint16_t nvme_set_lba_ranges(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    NvmeNamespace *ns = nvme_attached_ns(n, req->cmd.nsid);
    unsigned count = (req->cmd.cdw11 & 0x3f) + 1;
    LbaRange list[64] = {0};
    uint16_t status = nvme_copy_from_host(req, list, count * sizeof(list[0]));

    if (!status) {
        status = check_lba_ranges(ns, list, count);
    }
    if (!status) {
        QEMU_LOCK_GUARD(&n->subsys->lock);

        if (!ns->lba_ranges) {
            ns->lba_ranges = g_malloc(sizeof(list));
        }
        memcpy(ns->lba_ranges, list, sizeof(list));
        ns->lba_ranges_count = count;
    }
    return status;
}

/* --- write protection ------------------------------------------------------------------------ */

enum { UNPROTECTED, PROTECTED, UNTIL_POWER_CYCLE, PERMANENT };

uint16_t nvme_get_write_protect(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    NvmeNamespace *ns = nvme_attached_ns(n, req->cmd.nsid);
    QEMU_LOCK_GUARD(&n->subsys->lock);

    req->cqe.result = ns->write_protect;
    return NVME_SUCCESS;
}

/* One namespace; states that only a power cycle would end are not offered (NWPC). */
uint16_t nvme_set_write_protect(NvmeRequest *req)
{
    NvmeNamespace *ns;
    unsigned state = req->cmd.cdw11 & 7;

    if (req->cmd.nsid == NVME_NSID_ALL) {
        return NVME_INVALID_NSID | NVME_DNR;
    }
    ns = nvme_attached_ns(req->sq->n, req->cmd.nsid);
    if (state == UNTIL_POWER_CYCLE || state == PERMANENT) {
        return NVME_FEATURE_NOT_CHANGEABLE | NVME_DNR;
    }
    if (state > PERMANENT) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    qemu_mutex_lock(&ns->subsys->lock);
    ns->write_protect = state;
    qemu_mutex_unlock(&ns->subsys->lock);
    nvme_gate_change(ns, state ? NVME_GATE_WRITE_PROTECT : 0, state ? 0 : NVME_GATE_WRITE_PROTECT);
    nvme_ns_changed_but(ns, req->sq->n);
    return NVME_SUCCESS;
}
