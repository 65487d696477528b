/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Namespace Management (NVMe 1.4, section 5.20): namespaces that the host creates and deletes, in
 * the drive that the user gave for that (ns-pool=).  Each is one extent of it; the table of them is
 * in the state file.  At home, but where said.
 */
#include "pool.h"

#include "state.h"

#define UNIT UINT64_C(0x100000) /* extents begin at multiples of this */

enum { CREATE = 0, DELETE = 1 };

typedef struct NvmePool {
    BlockBackend *blk;
    uint64_t size;
} NvmePool;

static uint64_t extent(const NvmeNamespace *ns)
{
    return ALIGN_UP(ns->capacity, UNIT);
}

/* First fit.  With the subsystem's lock. */
static bool find_room(NvmeSubsystem *s, uint64_t bytes, uint64_t *base)
{
    uint64_t at = 0;
    bool moved = true;

    while (moved) {
        moved = false;
        for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
            NvmeNamespace *ns = s->ns[id];

            if (ns && ns->pooled && at < ns->base + extent(ns) && ns->base < at + bytes) {
                at = ns->base + extent(ns);
                moved = true;
            }
        }
    }
    *base = at;
    return at <= s->pool->size && bytes <= s->pool->size - at;
}

void nvme_pool_capacity(NvmeSubsystem *s, uint64_t *total, uint64_t *unallocated)
{
    QEMU_LOCK_GUARD(&s->lock);

    *total = *unallocated = s->pool ? s->pool->size : 0;
    for (uint32_t id = 1; s->pool && id <= NVME_MAX_NAMESPACES; id++) {
        if (s->ns[id] && s->ns[id]->pooled) {
            *unallocated -= MIN(*unallocated, extent(s->ns[id]));
        }
    }
}

/* --- create ---------------------------------------------------------------------------------- */

static NvmeNamespace *make(NvmeSubsystem *s, uint32_t nsid, uint64_t base, uint64_t capacity,
                           bool shared, const uint8_t uuid[16])
{
    NvmeNamespace *ns = nvme_ns_new_in_pool(s->pool->blk, base, capacity, uuid);

    ns->nsid = nsid;
    ns->subsys = s;
    ns->shared = shared && s->user;
    return ns;
}

static void remember(NvmeNamespace *ns)
{
    json_object *o = nvme_state_entry(ns->subsys, "pool", ns->nsid);
    uint64_t half[2];

    memcpy(half, ns->uuid, sizeof(half));
    nvme_state_put(o, "base", (int64_t)ns->base);
    nvme_state_put(o, "capacity", (int64_t)ns->capacity);
    nvme_state_put(o, "shared", ns->shared);
    nvme_state_put(o, "uuid.0", (int64_t)half[0]);
    nvme_state_put(o, "uuid.1", (int64_t)half[1]);
    nvme_ns_save_format(ns);
}

static uint16_t check_create(NvmeSubsystem *s, const NvmeIdNamespace *want, uint64_t *bytes)
{
    NvmeNamespace any = {0};
    unsigned format = want->flbas & 0xf, pi = want->dps & 7;

    nvme_ns_fill_formats(&any, 9, 0);
    if (format >= any.num_formats || pi > 3 || (pi && any.formats[format].ms < 8)) {
        return NVME_INVALID_FORMAT | NVME_DNR;
    }
    if (!want->nsze || want->ncap > want->nsze || want->nmic > (s->user ? 1 : 0)) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (want->ncap < want->nsze) {
        return NVME_THIN_NOT_SUPPORTED | NVME_DNR;
    }
    if (want->nsze > s->pool->size >> any.formats[format].ds) {
        return NVME_NS_INSUFFICIENT_CAPACITY | NVME_DNR;
    }
    *bytes = want->nsze * ((UINT64_C(1) << any.formats[format].ds) + any.formats[format].ms);
    return NVME_SUCCESS;
}

/* With the subsystem's lock. */
static uint16_t create(NvmeRequest *req, const NvmeIdNamespace *want)
{
    NvmeSubsystem *s = req->sq->n->subsys;
    uint64_t bytes, base;
    uint32_t nsid = 1, random[4];
    uint8_t uuid[16];
    uint16_t status = check_create(s, want, &bytes);

    if (status) {
        return status;
    }
    while (nsid <= NVME_MAX_NAMESPACES && s->ns[nsid]) {
        nsid++;
    }
    if (nsid > NVME_MAX_NAMESPACES) {
        return NVME_NSID_UNAVAILABLE | NVME_DNR;
    }
    if (!find_room(s, ALIGN_UP(bytes, UNIT), &base)) {
        return NVME_NS_INSUFFICIENT_CAPACITY | NVME_DNR;
    }
    for (unsigned i = 0; i < 4; i++) {
        random[i] = g_random_int();
    }
    memcpy(uuid, random, sizeof(uuid));
    uuid[6] = (uuid[6] & 0x0f) | 0x40; /* RFC 4122: version 4, variant 1 */
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    s->ns[nsid] = make(s, nsid, base, bytes, want->nmic & 1, uuid);
    nvme_ns_set_format(s->ns[nsid], want->flbas & 0xf, want->flbas >> 4 & 1, want->dps & 7,
                       want->dps >> 3 & 1);
    remember(s->ns[nsid]);
    req->cqe.result = nsid;
    TRACE(nvme, ns_create, "nsid %u base 0x%" PRIx64 " bytes 0x%" PRIx64, nsid, base, bytes);
    return NVME_SUCCESS;
}

/* --- delete ---------------------------------------------------------------------------------- */

typedef struct Delete {
    NvmeRequest *req;
    NvmeNamespace *list[NVME_MAX_NAMESPACES];
    unsigned count, at;
} Delete;

/* The controller is reset, or the pool goes. */
static bool unwanted(void *opaque)
{
    const Delete *d = opaque;
    bool stop = __atomic_load_n(&d->req->sq->n->resetting, __ATOMIC_RELAXED);

    for (unsigned i = d->at; i < d->count; i++) {
        stop |= __atomic_load_n(&d->list[i]->going, __ATOMIC_RELAXED);
    }
    return stop;
}

/* With the subsystem's lock: those that are left stay, attached to nobody. */
static void keep_the_rest(Delete *d)
{
    for (unsigned i = d->at; i < d->count; i++) {
        nvme_gate_change_locked(d->list[i], 0, NVME_GATE_DELETED);
    }
    d->req->status = NVME_ABORT_REQUESTED;
}

static void quiesced(void *opaque, bool quiet);
static const NvmeQuiesceOps quiesce_ops = {.unwanted = unwanted, .done = quiesced};

static void quiesced(void *opaque, bool quiet)
{
    Delete *d = opaque;
    NvmeRequest *req = d->req;
    NvmeSubsystem *s = req->sq->n->subsys;
    NvmeNamespace *ns = d->list[d->at];

    qemu_mutex_lock(&s->lock);
    if (!quiet || unwanted(d)) {
        keep_the_rest(d);
        qemu_mutex_unlock(&s->lock);
        g_free(d);
        nvme_state_save_and_complete(req);
        return;
    }
    s->ns[ns->nsid] = NULL;
    nvme_state_drop(s, "pool", ns->nsid);
    nvme_state_drop(s, "namespaces", ns->nsid);
    nvme_state_drop(s, "reservations", ns->nsid);
    qemu_mutex_unlock(&s->lock);
    TRACE(nvme, ns_delete, "nsid %u", ns->nsid);
    nvme_ns_free(ns);
    if (++d->at < d->count) {
        nvme_quiesce(req->sq->n, s, d->list[d->at], &quiesce_ops, d);
        return;
    }
    g_free(d);
    nvme_state_save_and_complete(req);
}

/* With the subsystem's lock: nobody begins anything on it any more. */
static void detach_all(NvmeNamespace *ns, NvmeCtrl *by)
{
    NvmeSubsystem *s = ns->subsys;

    for (unsigned i = 0; i < NVME_MAX_CONTROLLERS; i++) {
        NvmeCtrl *n = s->ctrls[i];

        if (n && nvme_ns_attached(ns, n)) {
            nvme_ns_detach_locked(ns, n);
            if (n != by) {
                nvme_aer_ns_changed(n, ns->nsid);
            }
        }
    }
}

static uint16_t collect(NvmeSubsystem *s, uint32_t nsid, Delete *d)
{
    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        NvmeNamespace *ns = nsid == id || nsid == NVME_NSID_ALL ? s->ns[id] : NULL;

        if (ns && ns->pooled) {
            if (ns->gate & NVME_GATE_FORMAT) {
                return NVME_FORMAT_IN_PROGRESS;
            }
            if (ns->gate & NVME_GATE_DELETED) {
                return NVME_INVALID_FIELD | NVME_DNR; /* somebody does it already */
            }
            d->list[d->count++] = ns;
        }
    }
    /* Not there, or a device of the user's. */
    return d->count || nsid == NVME_NSID_ALL ? NVME_SUCCESS : NVME_INVALID_FIELD | NVME_DNR;
}

static uint16_t delete (NvmeRequest *req, bool *later)
{
    NvmeCtrl *n = req->sq->n;
    NvmeSubsystem *s = n->subsys;
    uint32_t nsid = req->cmd.nsid;
    g_autofree Delete *d = g_new0(Delete, 1);
    uint16_t status;

    if (nsid != NVME_NSID_ALL && nsid - 1 >= NVME_MAX_NAMESPACES) {
        return NVME_INVALID_NSID | NVME_DNR;
    }
    d->req = req;
    qemu_mutex_lock(&s->lock);
    status = collect(s, nsid, d);
    for (unsigned i = 0; !status && i < d->count; i++) {
        nvme_gate_change_locked(d->list[i], NVME_GATE_DELETED, 0);
        detach_all(d->list[i], n);
    }
    qemu_mutex_unlock(&s->lock);
    if (status || !d->count) {
        return status;
    }
    *later = true;
    nvme_quiesce(n, s, d->list[0], &quiesce_ops, d);
    g_steal_pointer(&d);
    return NVME_SUCCESS;
}

uint16_t nvme_ns_management(NvmeRequest *req, bool *later)
{
    NvmeSubsystem *s = req->sq->n->subsys;
    g_autofree NvmeIdNamespace *want = NULL;
    uint16_t status;

    if (!s->pool) {
        return NVME_INVALID_OPCODE | NVME_DNR;
    }
    switch (req->cmd.cdw10 & 0xf) {
    case CREATE:
        if (NVME_CMD_CSI(req->cmd.cdw11) != NVME_CSI_NVM) {
            return NVME_INVALID_FIELD | NVME_DNR;
        }
        want = g_new0(NvmeIdNamespace, 1);
        status = nvme_copy_from_host(req, want, sizeof(*want));
        if (!status) {
            qemu_mutex_lock(&s->lock);
            status = create(req, want);
            qemu_mutex_unlock(&s->lock);
        }
        if (!status) {
            *later = true;
            nvme_state_save_and_complete(req);
        }
        return status;
    case DELETE:
        return delete (req, later);
    default:
        return NVME_INVALID_FIELD | NVME_DNR;
    }
}

/* --- life: main loop ------------------------------------------------------------------------- */

/* Each namespace of the state file must lie in the drive, and not in another one. */
static bool restore(NvmeSubsystem *s, uint32_t nsid, GError **errp)
{
    json_object *o = nvme_state_find(s, "pool", nsid);
    uint64_t base = (uint64_t)nvme_state_get(o, "base", 0);
    uint64_t capacity = (uint64_t)nvme_state_get(o, "capacity", 0);
    uint64_t half[2] = {(uint64_t)nvme_state_get(o, "uuid.0", 0),
                        (uint64_t)nvme_state_get(o, "uuid.1", 0)};
    uint8_t uuid[16];

    if (!o) {
        return true;
    }
    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        NvmeNamespace *ns = s->ns[id];

        if (ns && ns->pooled && base < ns->base + extent(ns) &&
            ns->base < base + ALIGN_UP(capacity, UNIT)) {
            capacity = 0;
        }
    }
    if (s->ns[nsid] || !capacity || base % UNIT || base > s->pool->size ||
        capacity > s->pool->size - base) {
        error_setg(errp,
                   "nvme: ns-pool: namespace %u of the state file does not fit; give the drive and "
                   "devices that it was made with, or another state=",
                   nsid);
        return false;
    }
    memcpy(uuid, half, sizeof(uuid));
    s->ns[nsid] = make(s, nsid, base, capacity, nvme_state_get(o, "shared", 0), uuid);
    nvme_ns_restore_format(s->ns[nsid]);
    nvme_resv_restore(s->ns[nsid]);
    return true;
}

bool nvme_pool_init(NvmeCtrl *n, GError **errp)
{
    NvmeSubsystem *s = n->subsys;
    int64_t len;
    bool ok = true;

    if (!n->pool_blk) {
        return true;
    }
    len = blk_getlength(n->pool_blk);
    if (!s->state || s->pool || blk_is_read_only(n->pool_blk) || len < (int64_t)UNIT) {
        error_setg(errp, "nvme: ns-pool=%s: %s", blk_name(n->pool_blk),
                   !s->state ? "give state=FILE, too: the table of namespaces is kept there"
                   : s->pool ? "the subsystem has one already"
                   : len < (int64_t)UNIT ? "the drive must have 1 MiB or more"
                                         : "the drive must be writable");
        return false;
    }
    QEMU_LOCK_GUARD(&s->lock);
    s->pool = g_new0(NvmePool, 1);
    s->pool->blk = n->pool_blk;
    s->pool->size = (uint64_t)len;
    for (uint32_t id = 1; ok && id <= NVME_MAX_NAMESPACES; id++) {
        ok = restore(s, id, errp);
        if (ok && s->ns[id] && s->ns[id]->pooled) { /* 5.19 leaves it open: attached at power on */
            for (unsigned i = 0; i < NVME_MAX_CONTROLLERS; i++) {
                if (s->ctrls[i] && (s->ns[id]->shared || s->ctrls[i] == n)) {
                    nvme_ns_attach_locked(s->ns[id], s->ctrls[i]);
                }
            }
        }
    }
    return ok;
}

void nvme_pool_exit(NvmeCtrl *n)
{
    NvmeSubsystem *s = n->subsys;

    if (!s || !s->pool || s->pool->blk != n->pool_blk) {
        return;
    }
    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        NvmeNamespace *ns;

        /* Another controller may be about to delete it: it is gone, or that gives up. */
        qemu_mutex_lock(&s->lock);
        ns = s->ns[id] && s->ns[id]->pooled ? s->ns[id] : NULL;
        if (ns) {
            __atomic_store_n(&ns->going, true, __ATOMIC_RELAXED);
        }
        qemu_mutex_unlock(&s->lock);
        if (ns) {
            nvme_ns_unplug(ns);
        }
    }
    g_clear_pointer(&s->pool, g_free);
}
