/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Namespace Attachment (NVMe 1.4, section 5.19).  At home.
 *
 * A command that is refused changes nothing: the whole list is looked at first.  What has been
 * started on a namespace ends before its detachment is complete.
 */
#include "nvme.h"

enum { ATTACH = 0, DETACH = 1 };

/* What is wrong with one controller of the list. */
static uint16_t check_one(NvmeSubsystem *s, NvmeNamespace *ns, uint16_t id, unsigned select)
{
    NvmeCtrl *n = id < NVME_MAX_CONTROLLERS ? s->ctrls[id] : NULL;

    if (!n) {
        return NVME_CONTROLLER_LIST_INVALID | NVME_DNR;
    }
    if (select == DETACH) {
        return nvme_ns_attached(ns, n) ? NVME_SUCCESS : NVME_NS_NOT_ATTACHED | NVME_DNR;
    }
    if (nvme_ns_attached(ns, n)) {
        return NVME_NS_ALREADY_ATTACHED | NVME_DNR;
    }
    for (unsigned i = 0; !ns->shared && i < NVME_MAX_CONTROLLERS; i++) {
        if (s->ctrls[i] && s->ctrls[i] != n && nvme_ns_attached(ns, s->ctrls[i])) {
            return NVME_NS_PRIVATE | NVME_DNR;
        }
    }
    return NVME_SUCCESS;
}

static uint16_t check_list(NvmeSubsystem *s, NvmeNamespace *ns, const NvmeControllerList *list,
                           unsigned select)
{
    if (!list->count || list->count > G_N_ELEMENTS(list->id)) {
        return NVME_CONTROLLER_LIST_INVALID | NVME_DNR;
    }
    for (unsigned i = 0; i < list->count; i++) {
        uint16_t status;

        if (i && list->id[i] <= list->id[i - 1]) { /* 4.11: in ascending order */
            return NVME_CONTROLLER_LIST_INVALID | NVME_DNR;
        }
        status = check_one(s, ns, list->id[i], select);
        if (status) {
            return status;
        }
    }
    if (select == ATTACH && !ns->shared && list->count > 1) {
        return NVME_NS_PRIVATE | NVME_DNR;
    }
    return NVME_SUCCESS;
}

static bool unwanted(void *opaque)
{
    const NvmeRequest *req = opaque;

    return __atomic_load_n(&req->sq->n->resetting, __ATOMIC_RELAXED);
}

static void complete(void *opaque, bool quiet)
{
    NvmeRequest *req = opaque;

    req->status = quiet ? req->status : NVME_ABORT_REQUESTED;
    nvme_complete(req);
}

/* With the subsystem's lock. */
static uint16_t change(NvmeCtrl *n, uint32_t nsid, const NvmeControllerList *list, unsigned select,
                       NvmeNamespace **ns)
{
    NvmeSubsystem *s = n->subsys;
    uint16_t status;

    *ns = s->ns[nsid];
    if (!*ns) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    status = check_list(s, *ns, list, select);
    if (status) {
        return status;
    }
    for (unsigned i = 0; i < list->count; i++) {
        NvmeCtrl *c = s->ctrls[list->id[i]];

        if (select == ATTACH) {
            nvme_ns_attach_locked(*ns, c);
        } else {
            nvme_ns_detach_locked(*ns, c);
        }
        if (c != n) { /* the one who asks knows */
            nvme_aer_ns_changed(c, nsid);
        }
    }
    TRACE(nvme, ns_attachment, "nsid %u select %u controllers %u", nsid, select, list->count);
    return NVME_SUCCESS;
}

uint16_t nvme_ns_attachment(NvmeRequest *req, bool *later)
{
    static const NvmeQuiesceOps ops = {.unwanted = unwanted, .done = complete};
    NvmeCtrl *n = req->sq->n;
    NvmeSubsystem *s = n->subsys;
    unsigned select = req->cmd.cdw10 & 0xf;
    uint32_t nsid = req->cmd.nsid;
    g_autofree NvmeControllerList *list = g_new0(NvmeControllerList, 1);
    NvmeNamespace *ns;
    uint16_t status;

    if (!nsid || nsid > NVME_MAX_NAMESPACES) {
        return NVME_INVALID_NSID | NVME_DNR;
    }
    if (select != ATTACH && select != DETACH) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    status = nvme_copy_from_host(req, list, sizeof(*list));
    if (status) {
        return status;
    }
    qemu_mutex_lock(&s->lock);
    status = change(n, nsid, list, select, &ns);
    qemu_mutex_unlock(&s->lock);
    if (!status && select == DETACH) {
        *later = true;
        nvme_quiesce(n, s, ns, &ops, req);
    }
    return status;
}
