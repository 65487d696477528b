/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reservations (NVMe 1.4, sections 6.10 to 6.13 and 8.8).  The commands run in queue contexts; the
 * state is under the subsystem's lock.  Who may do what is worked out when something changes, and
 * put into the gates of the controllers: commands that read and write see a bit.
 */
#include "reservation.h"

#include "features.h"
#include "io.h"
#include "state.h"

typedef struct Registrant {
    NvmeHostId host;
    uint64_t key;
} Registrant;

typedef struct NvmeReservation {
    Registrant reg[NVME_MAX_REGISTRANTS];
    unsigned count;
    uint8_t type;
    int holder; /* index; -1: none, or all registrants */
    uint32_t generation;
    bool ptpl; /* persists through power loss */
} NvmeReservation;

enum { REG_PREEMPTED = 1, RESV_RELEASED = 2, RESV_PREEMPTED = 3 };

/* --- hosts ----------------------------------------------------------------------------------- */

static bool known(const NvmeHostId *h)
{
    static const uint8_t zero[16];

    return memcmp(h->id, zero, sizeof(zero)) != 0;
}

static bool same_host(const NvmeHostId *a, const NvmeHostId *b)
{
    if (!known(a) || !known(b)) {
        return !known(a) && !known(b) && a->cntlid == b->cntlid;
    }
    return !memcmp(a->id, b->id, sizeof(a->id));
}

static NvmeHostId host_of(NvmeCtrl *n)
{
    NvmeHostId h = {.extended = n->host_id_extended, .cntlid = n->cntlid};

    memcpy(h.id, n->host_id, sizeof(h.id));
    return h;
}

static int find(const NvmeReservation *r, const NvmeHostId *h)
{
    for (unsigned i = 0; r && i < r->count; i++) {
        if (same_host(&r->reg[i].host, h)) {
            return (int)i;
        }
    }
    return -1;
}

static bool all_registrants(const NvmeReservation *r)
{
    return r->type == NVME_RESV_WE_ALL || r->type == NVME_RESV_EA_ALL;
}

static bool holds(const NvmeReservation *r, int i)
{
    return i >= 0 && r->type && (all_registrants(r) || r->holder == i);
}

/* --- what follows for others ----------------------------------------------------------------- */

uint32_t nvme_resv_gate(NvmeNamespace *ns, NvmeCtrl *n)
{
    NvmeReservation *r = ns->resv;
    NvmeHostId h = host_of(n);
    int i = find(r, &h);

    if (!r || !r->type || holds(r, i)) {
        return 0;
    }
    switch (r->type) {
    case NVME_RESV_WRITE_EXCLUSIVE:
        return NVME_GATE_NO_WRITE;
    case NVME_RESV_EXCLUSIVE_ACCESS:
        return NVME_GATE_NO_WRITE | NVME_GATE_NO_READ;
    case NVME_RESV_WE_REGISTRANTS:
    case NVME_RESV_WE_ALL:
        return i < 0 ? NVME_GATE_NO_WRITE : 0;
    default:
        return i < 0 ? NVME_GATE_NO_WRITE | NVME_GATE_NO_READ : 0;
    }
}

/* Tells the controllers of a host. */
static void notify(NvmeNamespace *ns, const NvmeHostId *h, unsigned what)
{
    for (unsigned i = 0; i < NVME_MAX_CONTROLLERS; i++) {
        NvmeCtrl *n = ns->subsys->ctrls[i];
        NvmeHostId mine;

        if (!n || !nvme_ns_attached(ns, n)) {
            continue;
        }
        mine = host_of(n);
        if (!same_host(&mine, h) || n->slots[ns->nsid].resv_mask & BIT(what)) {
            continue;
        }
        if (n->resv_logs < G_N_ELEMENTS(n->resv_log)) {
            n->resv_log[n->resv_logs].type = what;
            n->resv_log[n->resv_logs].nsid = ns->nsid;
            n->resv_logs++;
        }
        n->resv_log_count++;
        nvme_aer_event_post(n, NVME_AER_IO_COMMAND, NVME_AER_RESERVATION_LOG);
    }
}

static void notify_all_but(NvmeNamespace *ns, const NvmeHostId *but, unsigned what)
{
    for (unsigned i = 0; i < ns->resv->count; i++) {
        if (!same_host(&ns->resv->reg[i].host, but)) {
            notify(ns, &ns->resv->reg[i].host, what);
        }
    }
}

void nvme_resv_log(NvmeCtrl *n, uint8_t page[64], bool retain)
{
    QEMU_LOCK_GUARD(&n->subsys->lock);

    memset(page, 0, 64);
    if (!n->resv_logs) {
        return;
    }
    memcpy(page, &n->resv_log_count, 8);
    page[8] = n->resv_log[0].type;
    page[9] = n->resv_logs - 1; /* more pages */
    memcpy(page + 12, &n->resv_log[0].nsid, 4);
    if (!retain) {
        n->resv_logs--;
        memmove(&n->resv_log[0], &n->resv_log[1], n->resv_logs * sizeof(n->resv_log[0]));
    }
}

static void changed(NvmeNamespace *ns)
{
    nvme_gate_change_locked(ns, 0, 0);
}

static void release(NvmeNamespace *ns, const NvmeHostId *by)
{
    NvmeReservation *r = ns->resv;
    uint8_t type = r->type;

    r->type = NVME_RESV_NONE;
    r->holder = -1;
    if (type != NVME_RESV_WRITE_EXCLUSIVE && type != NVME_RESV_EXCLUSIVE_ACCESS) {
        notify_all_but(ns, by, RESV_RELEASED);
    }
}

static void remove_registrant(NvmeNamespace *ns, int i)
{
    NvmeReservation *r = ns->resv;
    NvmeHostId h = r->reg[i].host;

    if (holds(r, i) && (!all_registrants(r) || r->count == 1)) {
        release(ns, &h);
    }
    r->count--;
    memmove(&r->reg[i], &r->reg[i + 1], (r->count - i) * sizeof(r->reg[0]));
    if (r->holder > i) {
        r->holder--;
    }
}

/* --- the commands; with the lock ------------------------------------------------------------- */

static uint16_t do_register(NvmeNamespace *ns, NvmeCtrl *n, uint32_t dw10, const uint64_t *keys)
{
    NvmeReservation *r = ns->resv;
    NvmeHostId h = host_of(n);
    int i = find(r, &h);
    bool ignore = dw10 & BIT(3);
    unsigned cptpl = dw10 >> 30;

    if ((dw10 & 7) > 2 || cptpl == 1 || (cptpl == 3 && !ns->subsys->state)) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    switch (dw10 & 7) {
    case 0:
        if (i >= 0 && r->reg[i].key != keys[1]) {
            return NVME_RESERVATION_CONFLICT | NVME_DNR;
        }
        if (i < 0) {
            if (r->count == NVME_MAX_REGISTRANTS) {
                return NVME_INTERNAL_ERROR;
            }
            r->reg[r->count++] = (Registrant){h, keys[1]};
            r->generation++;
        }
        break;
    case 1:
        if (i < 0 || (!ignore && r->reg[i].key != keys[0])) {
            return NVME_RESERVATION_CONFLICT | NVME_DNR;
        }
        remove_registrant(ns, i);
        r->generation++;
        break;
    case 2:
        if (i < 0 && ignore && r->count < NVME_MAX_REGISTRANTS) {
            i = (int)r->count++;
            r->reg[i] = (Registrant){h, 0};
        } else if (i < 0 || (!ignore && r->reg[i].key != keys[0])) {
            return NVME_RESERVATION_CONFLICT | NVME_DNR;
        }
        r->reg[i].key = keys[1];
        r->generation++;
        break;
    }
    if (cptpl >= 2) {
        r->ptpl = cptpl == 3;
    }
    return NVME_SUCCESS;
}

static uint16_t do_acquire(NvmeNamespace *ns, NvmeCtrl *n, unsigned type)
{
    NvmeReservation *r = ns->resv;
    NvmeHostId h = host_of(n);
    int i = find(r, &h);

    if (r->type) {
        return holds(r, i) && r->type == type ? NVME_SUCCESS : NVME_RESERVATION_CONFLICT | NVME_DNR;
    }
    r->type = type;
    r->holder = all_registrants(r) ? -1 : i;
    return NVME_SUCCESS;
}

/* Removes registrants with that key (all others, for key 0 with "all registrants"). */
static bool remove_by_key(NvmeNamespace *ns, const NvmeHostId *but, uint64_t key, bool all)
{
    NvmeReservation *r = ns->resv;
    bool any = false;

    for (int i = (int)r->count - 1; i >= 0; i--) {
        NvmeHostId h = r->reg[i].host;

        if ((all || r->reg[i].key == key) && !same_host(&h, but)) {
            uint8_t type = r->type; /* the caller says what becomes of the reservation */
            int holder = r->holder;

            r->type = NVME_RESV_NONE;
            remove_registrant(ns, i);
            r->type = type;
            r->holder = holder == i ? -1 : holder > i ? holder - 1 : holder;
            notify(ns, &h, REG_PREEMPTED);
            any = true;
        }
    }
    return any;
}

static uint16_t do_preempt(NvmeNamespace *ns, NvmeCtrl *n, unsigned type, uint64_t key)
{
    NvmeReservation *r = ns->resv;
    NvmeHostId h = host_of(n);
    bool was_all = r->type && all_registrants(r);
    uint8_t old = r->type;
    bool takes = false;

    if (was_all) {
        takes = key == 0;
        if (!remove_by_key(ns, &h, key, key == 0) && key) {
            return NVME_RESERVATION_CONFLICT | NVME_DNR;
        }
    } else if (r->type && r->holder >= 0 && r->reg[r->holder].key == key) {
        takes = true;
        remove_by_key(ns, &h, key, false);
    } else {
        if (!key) {
            return NVME_INVALID_FIELD | NVME_DNR;
        }
        if (!remove_by_key(ns, &h, key, false)) {
            return NVME_RESERVATION_CONFLICT | NVME_DNR;
        }
    }
    if (takes) {
        r->type = type;
        r->holder = all_registrants(r) ? -1 : find(r, &h);
        if (old != type) {
            notify_all_but(ns, &h, RESV_RELEASED);
        }
    }
    r->generation++;
    return NVME_SUCCESS;
}

static uint16_t acquire(NvmeNamespace *ns, NvmeCtrl *n, uint32_t dw10, const uint64_t *keys)
{
    NvmeReservation *r = ns->resv;
    NvmeHostId h = host_of(n);
    int i = find(r, &h);
    unsigned action = dw10 & 7, type = dw10 >> 8 & 0xff;

    if (action > 2 || dw10 & BIT(3) || !type || type > NVME_RESV_EA_ALL) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (i < 0 || r->reg[i].key != keys[0]) {
        return NVME_RESERVATION_CONFLICT | NVME_DNR;
    }
    return action == 0 ? do_acquire(ns, n, type) : do_preempt(ns, n, type, keys[1]);
}

static uint16_t do_release(NvmeNamespace *ns, NvmeCtrl *n, uint32_t dw10, const uint64_t *keys)
{
    NvmeReservation *r = ns->resv;
    NvmeHostId h = host_of(n);
    int i = find(r, &h);
    unsigned action = dw10 & 7, type = dw10 >> 8 & 0xff;

    if (action > 1 || dw10 & BIT(3)) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (i < 0 || r->reg[i].key != keys[0]) {
        return NVME_RESERVATION_CONFLICT | NVME_DNR;
    }
    if (action == 0) {
        if (!holds(r, i)) {
            return NVME_SUCCESS; /* nothing to release */
        }
        if (type != r->type) {
            return NVME_INVALID_FIELD | NVME_DNR;
        }
        release(ns, &h);
        return NVME_SUCCESS;
    }
    notify_all_but(ns, &h, r->type ? RESV_PREEMPTED : REG_PREEMPTED);
    r->count = 0;
    r->type = NVME_RESV_NONE;
    r->holder = -1;
    r->generation++;
    return NVME_SUCCESS;
}

/* --- report ---------------------------------------------------------------------------------- */

static uint16_t report(NvmeRequest *req)
{
    NvmeNamespace *ns = req->ns;
    NvmeCtrl *n = req->sq->n;
    bool extended = req->cmd.cdw11 & 1;
    size_t entry = extended ? 64 : 24, size = extended ? 64 : 24;
    uint64_t want = ((uint64_t)req->cmd.cdw10 + 1) * 4;
    g_autofree uint8_t *page = g_malloc0(size + NVME_MAX_REGISTRANTS * entry);
    unsigned count = 0;

    qemu_mutex_lock(&ns->subsys->lock);
    NvmeReservation *r = ns->resv;
    NvmeHostId mine = host_of(n);
    bool mixed = known(&mine) && n->host_id_extended != extended;
    if (mixed) {
        qemu_mutex_unlock(&ns->subsys->lock);
        return NVME_HOST_ID_INCONSISTENT | NVME_DNR;
    }
    for (unsigned i = 0; r && i < r->count; i++, count++) {
        uint8_t *e = page + size + i * entry;

        memcpy(e, &r->reg[i].host.cntlid, 2);
        e[2] = holds(r, (int)i);
        if (extended) {
            memcpy(e + 8, &r->reg[i].key, 8);
            memcpy(e + 16, r->reg[i].host.id, 16);
        } else {
            memcpy(e + 8, r->reg[i].host.id, 8);
            memcpy(e + 16, &r->reg[i].key, 8);
        }
    }
    if (r) {
        memcpy(page, &r->generation, 4);
        page[4] = r->type;
        page[5] = count;
        page[9] = r->ptpl;
    }
    qemu_mutex_unlock(&ns->subsys->lock);
    return nvme_copy_to_host(req, page, MIN(want, size + count * entry));
}

/* --- state file ------------------------------------------------------------------------------ */

static void remember(NvmeNamespace *ns)
{
    NvmeReservation *r = ns->resv;
    json_object *o;

    nvme_state_drop(ns->subsys, "reservations", ns->nsid);
    if (!r->ptpl || !ns->subsys->state) {
        return;
    }
    o = nvme_state_entry(ns->subsys, "reservations", ns->nsid);
    nvme_state_put(o, "type", r->type);
    nvme_state_put(o, "holder", r->holder);
    nvme_state_put(o, "generation", r->generation);
    nvme_state_put(o, "count", r->count);
    for (unsigned i = 0; i < r->count; i++) {
        char name[16];
        uint64_t half[2];

        memcpy(half, r->reg[i].host.id, sizeof(half));
        g_snprintf(name, sizeof(name), "key%u", i);
        nvme_state_put(o, name, (int64_t)r->reg[i].key);
        g_snprintf(name, sizeof(name), "host%u.0", i);
        nvme_state_put(o, name, (int64_t)half[0]);
        g_snprintf(name, sizeof(name), "host%u.1", i);
        nvme_state_put(o, name, (int64_t)half[1]);
        g_snprintf(name, sizeof(name), "cntl%u", i);
        nvme_state_put(o, name, r->reg[i].host.cntlid);
    }
}

void nvme_resv_restore(NvmeNamespace *ns)
{
    json_object *o = nvme_state_find(ns->subsys, "reservations", ns->nsid);
    NvmeReservation *r;

    if (!o) {
        return;
    }
    r = ns->resv = g_new0(NvmeReservation, 1);
    r->ptpl = true;
    r->generation = nvme_state_get(o, "generation", 0);
    r->count = CLAMP(nvme_state_get(o, "count", 0), 0, NVME_MAX_REGISTRANTS);
    r->type = CLAMP(nvme_state_get(o, "type", 0), 0, NVME_RESV_EA_ALL);
    r->holder = CLAMP(nvme_state_get(o, "holder", -1), -1, (int)r->count - 1);
    for (unsigned i = 0; i < r->count; i++) {
        char name[16];
        uint64_t half[2];

        g_snprintf(name, sizeof(name), "key%u", i);
        r->reg[i].key = (uint64_t)nvme_state_get(o, name, 0);
        g_snprintf(name, sizeof(name), "host%u.0", i);
        half[0] = (uint64_t)nvme_state_get(o, name, 0);
        g_snprintf(name, sizeof(name), "host%u.1", i);
        half[1] = (uint64_t)nvme_state_get(o, name, 0);
        memcpy(r->reg[i].host.id, half, sizeof(half));
        g_snprintf(name, sizeof(name), "cntl%u", i);
        r->reg[i].host.cntlid = nvme_state_get(o, name, 0);
        r->reg[i].host.extended = half[1];
    }
}

void nvme_resv_free(NvmeNamespace *ns)
{
    g_clear_pointer(&ns->resv, g_free);
}

/* --- entry ----------------------------------------------------------------------------------- */

static void complete_in_ctx(void *opaque)
{
    nvme_complete(opaque);
}

static void back_to_ctx(void *opaque)
{
    NvmeRequest *req = opaque;

    aio_post(req->sq->ctx, complete_in_ctx, req);
}

static void saved(void *opaque, bool ok)
{
    NvmeRequest *req = opaque;

    req->status = ok ? NVME_SUCCESS : NVME_INTERNAL_ERROR;
    back_to_ctx(req);
}

/* "Preempt and abort": what other hosts have begun ends before the command does. */
static bool of_others(NvmeRequest *req, void *opaque)
{
    return req != opaque && req->sq->n != ((NvmeRequest *)opaque)->sq->n;
}

static bool unwanted(void *opaque)
{
    const NvmeRequest *req = opaque;

    return __atomic_load_n(&req->sq->deleting, __ATOMIC_RELAXED);
}

static void others_ended(void *opaque, bool quiet)
{
    NvmeRequest *req = opaque;

    req->status = quiet ? NVME_SUCCESS : NVME_ABORT_SQ_DELETED;
    back_to_ctx(req);
}

static void finish_at_home(void *opaque)
{
    static const NvmeQuiesceOps ops = {
        .busy = of_others, .unwanted = unwanted, .done = others_ended};
    NvmeRequest *req = opaque;
    NvmeCtrl *n = req->sq->n;

    if (req->cmd.opcode == NVME_IO_RESERVATION_ACQUIRE && (req->cmd.cdw10 & 7) == 2) {
        nvme_quiesce(n, n->subsys, req->ns, &ops, req);
    } else {
        nvme_state_save(n, saved, req);
    }
}

uint16_t nvme_resv_command(NvmeRequest *req)
{
    NvmeNamespace *ns = req->ns;
    NvmeCtrl *n = req->sq->n;
    uint64_t keys[2] = {0};
    uint16_t status;

    if (req->cmd.opcode == NVME_IO_RESERVATION_REPORT) {
        status = report(req);
        if (!status) {
            nvme_complete(req);
        }
        return status;
    }
    status =
        nvme_copy_from_host(req, keys, req->cmd.opcode == NVME_IO_RESERVATION_RELEASE ? 8 : 16);
    if (status) {
        return status;
    }
    qemu_mutex_lock(&ns->subsys->lock);
    if (!ns->resv) {
        ns->resv = g_new0(NvmeReservation, 1);
        ns->resv->holder = -1;
    }
    status =
        req->cmd.opcode == NVME_IO_RESERVATION_REGISTER  ? do_register(ns, n, req->cmd.cdw10, keys)
        : req->cmd.opcode == NVME_IO_RESERVATION_ACQUIRE ? acquire(ns, n, req->cmd.cdw10, keys)
                                                         : do_release(ns, n, req->cmd.cdw10, keys);
    if (!status) {
        changed(ns);
        remember(ns);
    }
    TRACE(nvme, reservation, "nsid %u opcode 0x%x dw10 0x%x status 0x%x type %u", ns->nsid,
          req->cmd.opcode, req->cmd.cdw10, status, ns->resv->type);
    qemu_mutex_unlock(&ns->subsys->lock);
    if (!status) {
        aio_post(n->home, finish_at_home, req);
    }
    return status;
}

/* --- features -------------------------------------------------------------------------------- */

uint16_t nvme_resv_get_feature(NvmeRequest *req, uint8_t fid)
{
    NvmeCtrl *n = req->sq->n;
    NvmeNamespace *ns = nvme_attached_ns(n, req->cmd.nsid);
    uint8_t id[16];
    bool extended = req->cmd.cdw11 & 1;

    qemu_mutex_lock(&n->subsys->lock);
    memcpy(id, n->host_id, sizeof(id));
    if (fid == NVME_FEAT_RESV_NOTIFICATION) {
        req->cqe.result = n->slots[ns->nsid].resv_mask;
    } else if (fid == NVME_FEAT_RESV_PERSISTENCE) {
        req->cqe.result = ns->resv && ns->resv->ptpl;
    } else {
        req->cqe.result = extended;
    }
    qemu_mutex_unlock(&n->subsys->lock);
    return fid == NVME_FEAT_HOST_ID ? nvme_copy_to_host(req, id, extended ? 16 : 8) : NVME_SUCCESS;
}

static uint16_t set_host_id(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    NvmeSubsystem *s = n->subsys;
    bool extended = req->cmd.cdw11 & 1;
    uint8_t id[16] = {0};
    uint16_t status = nvme_copy_from_host(req, id, extended ? 16 : 8);

    if (status) {
        return status;
    }
    QEMU_LOCK_GUARD(&s->lock);
    for (unsigned i = 0; i < NVME_MAX_CONTROLLERS; i++) { /* 8.8: one kind for all */
        NvmeCtrl *c = s->ctrls[i];
        NvmeHostId h;

        if (c && c != n && (h = host_of(c), known(&h)) && c->host_id_extended != extended) {
            return NVME_HOST_ID_INCONSISTENT | NVME_DNR;
        }
    }
    memcpy(n->host_id, id, sizeof(id));
    n->host_id_extended = extended;
    for (uint32_t nsid = 1; nsid <= NVME_MAX_NAMESPACES; nsid++) {
        if (n->slots[nsid].ns) {
            changed(n->slots[nsid].ns);
        }
    }
    return NVME_SUCCESS;
}

uint16_t nvme_resv_set_feature(NvmeRequest *req, uint8_t fid)
{
    NvmeCtrl *n = req->sq->n;
    uint32_t dw11 = req->cmd.cdw11, nsid = req->cmd.nsid;

    if (fid == NVME_FEAT_HOST_ID) {
        return set_host_id(req);
    }
    if (fid == NVME_FEAT_RESV_PERSISTENCE && dw11 & 1 && !n->subsys->state) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    QEMU_LOCK_GUARD(&n->subsys->lock);
    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        NvmeNamespace *ns = nsid == id || nsid == NVME_NSID_ALL ? n->slots[id].ns : NULL;

        if (ns && fid == NVME_FEAT_RESV_NOTIFICATION) {
            n->slots[id].resv_mask = dw11 & 0xe;
        } else if (ns) {
            if (!ns->resv) {
                ns->resv = g_new0(NvmeReservation, 1);
                ns->resv->holder = -1;
            }
            ns->resv->ptpl = dw11 & 1;
            remember(ns);
        }
    }
    return NVME_SUCCESS;
}

/* A host without an identifier is one with this controller, and ends with it. */
void nvme_resv_host_reset(NvmeCtrl *n)
{
    NvmeSubsystem *s = n->subsys;
    QEMU_LOCK_GUARD(&s->lock);
    NvmeHostId h = host_of(n);

    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        NvmeNamespace *ns = s->ns[id];
        int i = ns && ns->resv && !known(&h) ? find(ns->resv, &h) : -1;

        n->slots[id].resv_mask = 0;
        if (i >= 0) {
            remove_registrant(ns, i);
            changed(ns);
        }
    }
    n->resv_logs = 0;
    memset(n->host_id, 0, sizeof(n->host_id));
    n->host_id_extended = false;
    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        if (n->slots[id].ns) {
            changed(n->slots[id].ns);
        }
    }
}
