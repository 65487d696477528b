/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Get and Set Features (NVMe 1.4, section 5.21).  At home.
 *
 * Features of one dword are rows of a table; the others (structures, and those that do something)
 * have functions.  With a state file most can be saved: a controller begins with what was saved.
 */
#include "features.h"
#include "state.h"

/* --- features of one dword ------------------------------------------------------------------- */

typedef struct Simple {
    uint8_t fid;
    size_t offset; /* uint32_t in NvmeCtrl */
    uint32_t def, mask;
    bool saveable;
} Simple;

static const Simple simple[] = {
    {NVME_FEAT_ARBITRATION, offsetof(NvmeCtrl, feat_arbitration), 7, UINT32_MAX, true},
    {NVME_FEAT_POWER_MANAGEMENT, offsetof(NvmeCtrl, feat_power), 0, 0xff, true},
    {NVME_FEAT_INTERRUPT_COALESCING, offsetof(NvmeCtrl, feat_coalescing), 0, 0xffff, true},
    {NVME_FEAT_WRITE_ATOMICITY, offsetof(NvmeCtrl, feat_atomicity), 0, 1, true},
    {NVME_FEAT_ASYNC_EVENT, offsetof(NvmeCtrl, feat_async_event), 0, UINT32_MAX, true},
    {NVME_FEAT_KEEP_ALIVE, offsetof(NvmeCtrl, feat_keep_alive), 0, UINT32_MAX, false},
    {NVME_FEAT_PROGRESS_MARKER, offsetof(NvmeCtrl, feat_progress), 0, 0xff, true},
};

static const Simple *find_simple(uint8_t fid)
{
    for (size_t i = 0; i < G_N_ELEMENTS(simple); i++) {
        if (simple[i].fid == fid) {
            return &simple[i];
        }
    }
    return NULL;
}

static uint32_t *field(NvmeCtrl *n, const Simple *f)
{
    return (uint32_t *)((char *)n + f->offset);
}

static void set_simple(NvmeCtrl *n, const Simple *f, uint32_t v)
{
    __atomic_store_n(field(n, f), v & f->mask, __ATOMIC_RELAXED);
}

/* --- saved values ---------------------------------------------------------------------------- */

static const char *saved_name(uint8_t fid, unsigned sub, char buf[16])
{
    g_snprintf(buf, 16, "%02x.%x", fid, sub);
    return buf;
}

static uint32_t saved_value(NvmeCtrl *n, uint8_t fid, unsigned sub, uint32_t def)
{
    char name[16];
    QEMU_LOCK_GUARD(&n->subsys->lock);

    return nvme_state_get(nvme_state_find(n->subsys, "features", n->cntlid),
                          saved_name(fid, sub, name), def);
}

static void save_value(NvmeCtrl *n, uint8_t fid, unsigned sub, uint32_t v)
{
    char name[16];
    QEMU_LOCK_GUARD(&n->subsys->lock);

    nvme_state_put(nvme_state_entry(n->subsys, "features", n->cntlid), saved_name(fid, sub, name),
                   v);
}

bool nvme_feature_saveable(NvmeCtrl *n, uint8_t fid)
{
    const Simple *f = find_simple(fid);

    return n->subsys->state && ((f && f->saveable) || fid == NVME_FEAT_TEMPERATURE_THRESHOLD ||
                                fid == NVME_FEAT_INTERRUPT_VECTOR);
}

/* --- reset ----------------------------------------------------------------------------------- */

static void set_dulbe(NvmeCtrl *n, uint32_t nsid, bool on)
{
    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        NvmeNamespace *ns = nsid == id || nsid == NVME_NSID_ALL ? nvme_attached_ns(n, id) : NULL;

        if (ns && n->slots[id].dulbe != on) {
            __atomic_store_n(&n->slots[id].dulbe, on, __ATOMIC_RELAXED);
            __atomic_fetch_add(&ns->dulbe_users, on ? 1 : -1, __ATOMIC_RELAXED);
        }
    }
}

void nvme_features_reset(NvmeCtrl *n)
{
    set_dulbe(n, NVME_NSID_ALL, false);
    n->feat_error_recovery = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(simple); i++) {
        set_simple(n, &simple[i],
                   simple[i].saveable ? saved_value(n, simple[i].fid, 0, simple[i].def)
                                      : simple[i].def);
    }
    n->temp_over = saved_value(n, NVME_FEAT_TEMPERATURE_THRESHOLD, 0, NVME_TEMPERATURE_WARNING);
    n->temp_under = saved_value(n, NVME_FEAT_TEMPERATURE_THRESHOLD, 1, 0);
    for (unsigned i = 0; n->feat_vector && i < n->params.msix_qsize; i++) {
        __atomic_store_n(&n->feat_vector[i], saved_value(n, NVME_FEAT_INTERRUPT_VECTOR, i, i),
                         __ATOMIC_RELAXED);
    }
    memset(&n->host_behavior, 0, sizeof(n->host_behavior));
    n->timestamp_base = 0;
    n->timestamp_origin = 0;
    n->timestamp_set_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    nvme_resv_host_reset(n);
}

/* --- what is supported ----------------------------------------------------------------------- */

static const uint8_t others[] = {
    NVME_FEAT_LBA_RANGE,        NVME_FEAT_TEMPERATURE_THRESHOLD,
    NVME_FEAT_ERROR_RECOVERY,   NVME_FEAT_VOLATILE_WRITE_CACHE,
    NVME_FEAT_NUMBER_OF_QUEUES, NVME_FEAT_INTERRUPT_VECTOR,
    NVME_FEAT_TIMESTAMP,        NVME_FEAT_HOST_BEHAVIOR,
    NVME_FEAT_HOST_ID,          NVME_FEAT_RESV_NOTIFICATION,
    NVME_FEAT_RESV_PERSISTENCE, NVME_FEAT_NS_WRITE_PROTECT,
};

bool nvme_feature_known(uint8_t fid)
{
    return find_simple(fid) || memchr(others, fid, sizeof(others));
}

bool nvme_feature_per_namespace(uint8_t fid)
{
    return fid == NVME_FEAT_ERROR_RECOVERY || fid == NVME_FEAT_LBA_RANGE ||
           fid == NVME_FEAT_RESV_NOTIFICATION || fid == NVME_FEAT_RESV_PERSISTENCE ||
           fid == NVME_FEAT_NS_WRITE_PROTECT;
}

static uint32_t capabilities(NvmeCtrl *n, uint8_t fid)
{
    return NVME_FEAT_CAP_CHANGEABLE | (nvme_feature_per_namespace(fid) ? NVME_FEAT_CAP_NS : 0) |
           (nvme_feature_saveable(n, fid) ? NVME_FEAT_CAP_SAVEABLE : 0);
}

/* --- get ------------------------------------------------------------------------------------- */

enum { CURRENT = NVME_FEAT_SEL_CURRENT, DEFAULT = NVME_FEAT_SEL_DEFAULT };

static uint32_t queue_limit(NvmeCtrl *n)
{
    uint32_t pairs = n->num_db - 1;

    return (pairs - 1) | (pairs - 1) << 16; /* both 0-based */
}

/* One switch for the controller: on while any of its namespaces has it on. */
static bool write_cache(NvmeCtrl *n)
{
    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        NvmeNamespace *ns = nvme_attached_ns(n, id);

        if (ns && blk_write_cache_enabled(ns->blk)) {
            return true;
        }
    }
    return false;
}

static uint16_t get_temperature(NvmeRequest *req, unsigned sel)
{
    NvmeCtrl *n = req->sq->n;
    uint32_t dw11 = req->cmd.cdw11;
    unsigned sensor = dw11 >> 16 & 0xf, under = dw11 >> 20 & 3;
    uint32_t def = under ? 0 : NVME_TEMPERATURE_WARNING;

    if (under > 1) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (sensor != 0) {
        req->cqe.result = under ? 0 : 0xffff; /* no sensor of its own */
    } else if (sel == CURRENT) {
        req->cqe.result = under ? n->temp_under : n->temp_over;
    } else {
        req->cqe.result =
            sel == DEFAULT ? def : saved_value(n, NVME_FEAT_TEMPERATURE_THRESHOLD, under, def);
    }
    return NVME_SUCCESS;
}

static uint16_t get_vector(NvmeRequest *req, unsigned sel)
{
    NvmeCtrl *n = req->sq->n;
    uint32_t vector = req->cmd.cdw11 & 0xffff;

    if (vector >= n->params.msix_qsize) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    req->cqe.result = sel == CURRENT   ? n->feat_vector[vector]
                      : sel == DEFAULT ? vector
                                       : saved_value(n, NVME_FEAT_INTERRUPT_VECTOR, vector, vector);
    return NVME_SUCCESS;
}

static uint16_t get_timestamp(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    int64_t ms = (qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) - n->timestamp_set_ns) / SCALE_MS;
    uint64_t stamp = (n->timestamp_base + ms) & MASK_ULL(48);

    stamp |= (uint64_t)(n->timestamp_origin << 1) << 48;
    return nvme_copy_to_host(req, &stamp, sizeof(stamp));
}

static uint16_t get_value(NvmeRequest *req, uint8_t fid, unsigned sel)
{
    NvmeCtrl *n = req->sq->n;
    const Simple *f = find_simple(fid);
    uint32_t *result = &req->cqe.result;

    if (f) {
        *result = sel == CURRENT                              ? *field(n, f)
                  : sel == NVME_FEAT_SEL_SAVED && f->saveable ? saved_value(n, fid, 0, f->def)
                                                              : f->def;
        return NVME_SUCCESS;
    }
    switch (fid) {
    case NVME_FEAT_TEMPERATURE_THRESHOLD:
        return get_temperature(req, sel);
    case NVME_FEAT_ERROR_RECOVERY:
        if (sel == CURRENT) {
            bool dulbe = req->cmd.nsid != NVME_NSID_ALL && n->slots[req->cmd.nsid].dulbe;

            *result = n->feat_error_recovery | (dulbe ? BIT(16) : 0);
        }
        return NVME_SUCCESS;
    case NVME_FEAT_VOLATILE_WRITE_CACHE:
        *result = write_cache(n);
        return NVME_SUCCESS;
    case NVME_FEAT_NUMBER_OF_QUEUES:
        *result = queue_limit(n);
        return NVME_SUCCESS;
    case NVME_FEAT_INTERRUPT_VECTOR:
        return get_vector(req, sel);
    case NVME_FEAT_TIMESTAMP:
        return get_timestamp(req);
    case NVME_FEAT_HOST_BEHAVIOR:
        return nvme_copy_to_host(req, n->host_behavior, sizeof(n->host_behavior));
    case NVME_FEAT_LBA_RANGE:
        return nvme_get_lba_ranges(req);
    case NVME_FEAT_HOST_ID:
    case NVME_FEAT_RESV_NOTIFICATION:
    case NVME_FEAT_RESV_PERSISTENCE:
        return nvme_resv_get_feature(req, fid);
    default:
        return nvme_get_write_protect(req);
    }
}

static uint16_t check_nsid(NvmeRequest *req, uint8_t fid, bool set)
{
    uint32_t nsid = req->cmd.nsid;

    if (!nvme_feature_per_namespace(fid)) {
        return set && nsid && nsid != NVME_NSID_ALL ? NVME_FEATURE_NOT_NS_SPECIFIC | NVME_DNR
                                                    : NVME_SUCCESS;
    }
    if (nsid == NVME_NSID_ALL && (fid == NVME_FEAT_ERROR_RECOVERY || set) &&
        fid != NVME_FEAT_LBA_RANGE) {
        return NVME_SUCCESS;
    }
    if (!nsid || nsid > NVME_MAX_NAMESPACES) {
        return NVME_INVALID_NSID | NVME_DNR;
    }
    return nvme_attached_ns(req->sq->n, nsid) ? NVME_SUCCESS : NVME_INVALID_FIELD | NVME_DNR;
}

uint16_t nvme_get_features(NvmeRequest *req)
{
    uint8_t fid = req->cmd.cdw10 & 0xff, sel = req->cmd.cdw10 >> 8 & 7;
    uint16_t status;

    if (!nvme_feature_known(fid) || sel > NVME_FEAT_SEL_SUPPORTED) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (sel == NVME_FEAT_SEL_SUPPORTED) {
        req->cqe.result = capabilities(req->sq->n, fid);
        return NVME_SUCCESS;
    }
    status = check_nsid(req, fid, false);
    return status ? status : get_value(req, fid, sel);
}

/* --- set ------------------------------------------------------------------------------------- */

static uint16_t set_temperature(NvmeCtrl *n, uint32_t dw11, bool save)
{
    unsigned sensor = dw11 >> 16 & 0xf, under = dw11 >> 20 & 3;

    if (under > 1) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (sensor != 0 && sensor != 0xf) {
        return NVME_SUCCESS; /* sensors that do not exist never cross a threshold */
    }
    if (under) {
        n->temp_under = dw11 & 0xffff;
    } else {
        n->temp_over = dw11 & 0xffff;
    }
    if (save) {
        save_value(n, NVME_FEAT_TEMPERATURE_THRESHOLD, under, dw11 & 0xffff);
    }
    if ((n->feat_async_event & BIT(NVME_AER_SMART_TEMPERATURE)) &&
        (NVME_TEMPERATURE >= n->temp_over || NVME_TEMPERATURE <= n->temp_under)) {
        nvme_aer_event(n, NVME_AER_SMART, NVME_AER_SMART_TEMPERATURE, NVME_LOG_SMART);
    }
    return NVME_SUCCESS;
}

static uint16_t set_queues(NvmeCtrl *n, NvmeRequest *req)
{
    uint32_t dw11 = req->cmd.cdw11;

    if ((dw11 & 0xffff) == 0xffff || dw11 >> 16 == 0xffff) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    for (unsigned id = 1; id < n->num_db; id++) {
        if (n->sq[id] || n->cq[id]) {
            return NVME_COMMAND_SEQUENCE_ERROR | NVME_DNR; /* 5.21.1.7: before I/O queues exist */
        }
    }
    req->cqe.result = queue_limit(n);
    return NVME_SUCCESS;
}

static uint16_t set_timestamp(NvmeCtrl *n, NvmeRequest *req)
{
    uint64_t stamp;
    uint16_t status = nvme_copy_from_host(req, &stamp, sizeof(stamp));

    if (!status) {
        n->timestamp_base = stamp & MASK_ULL(48);
        n->timestamp_set_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
        n->timestamp_origin = 1;
    }
    return status;
}

static void start_keep_alive(NvmeCtrl *n)
{
    n->keep_alive_seen = false;
    if (n->feat_keep_alive) {
        aio_timer_mod(n->keep_alive_timer,
                      qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + n->feat_keep_alive * SCALE_MS);
    } else {
        aio_timer_del(n->keep_alive_timer);
    }
}

static uint16_t set_vector(NvmeCtrl *n, uint32_t dw11, bool save)
{
    uint32_t vector = dw11 & 0xffff;

    if (vector >= n->params.msix_qsize) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    __atomic_store_n(&n->feat_vector[vector], dw11 & 0x1ffff, __ATOMIC_RELAXED);
    if (save) {
        save_value(n, NVME_FEAT_INTERRUPT_VECTOR, vector, dw11 & 0x1ffff);
    }
    return NVME_SUCCESS;
}

static void set_write_cache(NvmeCtrl *n, bool on)
{
    for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
        NvmeNamespace *ns = nvme_attached_ns(n, id);

        if (ns) {
            blk_set_write_cache(ns->blk, on);
        }
    }
}

/* Advanced command retry is not offered; copy formats and extended LBA formats need no switch here.
 */
static uint16_t set_host_behavior(NvmeCtrl *n, NvmeRequest *req)
{
    uint8_t data[sizeof(n->host_behavior)];
    uint16_t status = nvme_copy_from_host(req, data, sizeof(data));

    if (status) {
        return status;
    }
    if (data[0] > 1 || data[1] > 1 || data[2] > 1) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    memcpy(n->host_behavior, data, 3);
    return NVME_SUCCESS;
}

static uint16_t set_simple_value(NvmeRequest *req, const Simple *f, bool save)
{
    NvmeCtrl *n = req->sq->n;
    uint32_t dw11 = req->cmd.cdw11;

    if (f->fid == NVME_FEAT_POWER_MANAGEMENT && dw11 & 0x1f) {
        return NVME_INVALID_FIELD | NVME_DNR; /* there is power state 0 only */
    }
    set_simple(n, f, dw11);
    if (save) {
        save_value(n, f->fid, 0, dw11 & f->mask);
    }
    if (f->fid == NVME_FEAT_KEEP_ALIVE) {
        start_keep_alive(n);
    }
    return NVME_SUCCESS;
}

static uint16_t set_value(NvmeRequest *req, uint8_t fid, bool save)
{
    NvmeCtrl *n = req->sq->n;
    const Simple *f = find_simple(fid);
    uint32_t dw11 = req->cmd.cdw11;

    if (f) {
        return set_simple_value(req, f, save);
    }
    switch (fid) {
    case NVME_FEAT_TEMPERATURE_THRESHOLD:
        return set_temperature(n, dw11, save);
    case NVME_FEAT_ERROR_RECOVERY:
        set_dulbe(n, req->cmd.nsid, dw11 & BIT(16));
        n->feat_error_recovery = dw11 & 0xffff;
        return NVME_SUCCESS;
    case NVME_FEAT_VOLATILE_WRITE_CACHE:
        set_write_cache(n, dw11 & 1);
        return NVME_SUCCESS;
    case NVME_FEAT_NUMBER_OF_QUEUES:
        return set_queues(n, req);
    case NVME_FEAT_INTERRUPT_VECTOR:
        return set_vector(n, dw11, save);
    case NVME_FEAT_TIMESTAMP:
        return set_timestamp(n, req);
    case NVME_FEAT_HOST_BEHAVIOR:
        return set_host_behavior(n, req);
    case NVME_FEAT_LBA_RANGE:
        return nvme_set_lba_ranges(req);
    case NVME_FEAT_HOST_ID:
    case NVME_FEAT_RESV_NOTIFICATION:
    case NVME_FEAT_RESV_PERSISTENCE:
        return nvme_resv_set_feature(req, fid);
    default:
        return nvme_set_write_protect(req);
    }
}

uint16_t nvme_set_features(NvmeRequest *req, bool *later)
{
    uint8_t fid = req->cmd.cdw10 & 0xff;
    bool save = req->cmd.cdw10 & BIT(31);
    uint16_t status;

    if (!nvme_feature_known(fid)) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (save && !nvme_feature_saveable(req->sq->n, fid)) {
        return NVME_FEATURE_NOT_SAVEABLE | NVME_DNR;
    }
    status = check_nsid(req, fid, true);
    if (!status) {
        status = set_value(req, fid, save);
    }
    if (!status && (save || fid == NVME_FEAT_RESV_PERSISTENCE)) {
        *later = true;
        nvme_state_save_and_complete(req);
    }
    return status;
}
