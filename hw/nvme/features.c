/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Get and Set Features (NVMe 1.4, section 5.21). At home. No feature is saveable: the Save bit is
 * refused. */
#include "nvme.h"

static uint64_t timestamp_now(NvmeCtrl *n)
{
    int64_t ms = (qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) - n->timestamp_set_ns) / SCALE_MS;

    return (n->timestamp_base + ms) & MASK_ULL(48);
}

/* Reads of deallocated blocks fail (5.21.1.5); for one namespace, or all. */
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

static bool get_dulbe(NvmeCtrl *n, uint32_t nsid)
{
    return nsid != NVME_NSID_ALL && n->slots[nsid].dulbe;
}

void nvme_features_reset(NvmeCtrl *n)
{
    set_dulbe(n, NVME_NSID_ALL, false);
    n->feat_arbitration = 7; /* no limit on the burst */
    n->feat_power = 0;
    n->feat_error_recovery = 0;
    n->feat_async_event = 0;
    n->feat_coalescing = 0;
    n->feat_atomicity = 0;
    n->feat_keep_alive = 0;
    n->temp_over = NVME_TEMPERATURE_WARNING;
    n->temp_under = 0;
    for (unsigned i = 0; n->feat_vector && i < n->params.msix_qsize; i++) {
        n->feat_vector[i] = i;
    }
    n->timestamp_base = 0;
    n->timestamp_origin = 0;
    n->timestamp_set_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

/* --- get ------------------------------------------------------------------------------------- */

static uint32_t queue_limit(NvmeCtrl *n)
{
    uint32_t pairs = n->num_db - 1;

    return (pairs - 1) | (pairs - 1) << 16; /* both 0-based */
}

static bool known(uint8_t fid)
{
    switch (fid) {
    case NVME_FEAT_ARBITRATION:
    case NVME_FEAT_POWER_MANAGEMENT:
    case NVME_FEAT_TEMPERATURE_THRESHOLD:
    case NVME_FEAT_ERROR_RECOVERY:
    case NVME_FEAT_VOLATILE_WRITE_CACHE:
    case NVME_FEAT_NUMBER_OF_QUEUES:
    case NVME_FEAT_INTERRUPT_COALESCING:
    case NVME_FEAT_INTERRUPT_VECTOR:
    case NVME_FEAT_WRITE_ATOMICITY:
    case NVME_FEAT_ASYNC_EVENT:
    case NVME_FEAT_TIMESTAMP:
    case NVME_FEAT_KEEP_ALIVE:
        return true;
    default:
        return false;
    }
}

static uint16_t get_temperature(NvmeCtrl *n, NvmeRequest *req, bool defaults)
{
    uint32_t dw11 = req->cmd.cdw11;
    unsigned sensor = dw11 >> 16 & 0xf, under = dw11 >> 20 & 3;

    if (sensor != 0) {
        req->cqe.result = under ? 0 : 0xffff; /* no sensor of its own */
    } else if (under == 1) {
        req->cqe.result = defaults ? 0 : n->temp_under;
    } else if (under == 0) {
        req->cqe.result = defaults ? NVME_TEMPERATURE_WARNING : n->temp_over;
    } else {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    return NVME_SUCCESS;
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

static uint16_t get_value(NvmeCtrl *n, NvmeRequest *req, uint8_t fid, bool defaults)
{
    uint32_t *result = &req->cqe.result;
    uint32_t vector = req->cmd.cdw11 & 0xffff;
    uint64_t stamp;

    switch (fid) {
    case NVME_FEAT_ARBITRATION:
        *result = defaults ? 7 : n->feat_arbitration;
        break;
    case NVME_FEAT_POWER_MANAGEMENT:
        *result = defaults ? 0 : n->feat_power;
        break;
    case NVME_FEAT_TEMPERATURE_THRESHOLD:
        return get_temperature(n, req, defaults);
    case NVME_FEAT_ERROR_RECOVERY:
        if (req->cmd.nsid != NVME_NSID_ALL && !nvme_attached_ns(n, req->cmd.nsid)) {
            return NVME_INVALID_NSID | NVME_DNR;
        }
        *result =
            defaults ? 0 : n->feat_error_recovery | (get_dulbe(n, req->cmd.nsid) ? BIT(16) : 0);
        break;
    case NVME_FEAT_VOLATILE_WRITE_CACHE:
        *result = write_cache(n);
        break;
    case NVME_FEAT_NUMBER_OF_QUEUES:
        *result = queue_limit(n);
        break;
    case NVME_FEAT_INTERRUPT_COALESCING:
        *result = defaults ? 0 : n->feat_coalescing;
        break;
    case NVME_FEAT_INTERRUPT_VECTOR:
        if (vector >= n->params.msix_qsize) {
            return NVME_INVALID_FIELD | NVME_DNR;
        }
        *result = defaults ? vector : n->feat_vector[vector];
        break;
    case NVME_FEAT_WRITE_ATOMICITY:
        *result = defaults ? 0 : n->feat_atomicity;
        break;
    case NVME_FEAT_ASYNC_EVENT:
        *result = defaults ? 0 : n->feat_async_event;
        break;
    case NVME_FEAT_TIMESTAMP:
        stamp = timestamp_now(n) | (uint64_t)(n->timestamp_origin << 1) << 48;
        return nvme_copy_to_host(req, &stamp, sizeof(stamp));
    case NVME_FEAT_KEEP_ALIVE:
        *result = defaults ? 0 : n->feat_keep_alive;
        break;
    }
    return NVME_SUCCESS;
}

uint16_t nvme_get_features(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    uint8_t fid = req->cmd.cdw10 & 0xff, sel = req->cmd.cdw10 >> 8 & 7;

    if (!known(fid)) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    switch (sel) {
    case NVME_FEAT_SEL_CURRENT:
        return get_value(n, req, fid, false);
    case NVME_FEAT_SEL_DEFAULT:
    case NVME_FEAT_SEL_SAVED: /* nothing is saved: the default */
        return get_value(n, req, fid, true);
    case NVME_FEAT_SEL_SUPPORTED:
        req->cqe.result =
            NVME_FEAT_CAP_CHANGEABLE | (fid == NVME_FEAT_ERROR_RECOVERY ? NVME_FEAT_CAP_NS : 0);
        return NVME_SUCCESS;
    default:
        return NVME_INVALID_FIELD | NVME_DNR;
    }
}

/* --- set ------------------------------------------------------------------------------------- */

static uint16_t set_temperature(NvmeCtrl *n, uint32_t dw11)
{
    unsigned sensor = dw11 >> 16 & 0xf, under = dw11 >> 20 & 3;

    if (sensor != 0 && sensor != 0xf) {
        return NVME_SUCCESS; /* sensors that do not exist never cross a threshold */
    }
    if (under == 1) {
        n->temp_under = dw11 & 0xffff;
    } else if (under == 0) {
        n->temp_over = dw11 & 0xffff;
    } else {
        return NVME_INVALID_FIELD | NVME_DNR;
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

static uint16_t set_keep_alive(NvmeCtrl *n, uint32_t ms)
{
    n->feat_keep_alive = ms;
    n->keep_alive_seen = false;
    if (ms) {
        aio_timer_mod(n->keep_alive_timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + ms * SCALE_MS);
    } else {
        aio_timer_del(n->keep_alive_timer);
    }
    return NVME_SUCCESS;
}

static uint16_t set_value(NvmeCtrl *n, NvmeRequest *req, uint8_t fid)
{
    uint32_t dw11 = req->cmd.cdw11;

    switch (fid) {
    case NVME_FEAT_ARBITRATION:
        n->feat_arbitration = dw11;
        return NVME_SUCCESS;
    case NVME_FEAT_POWER_MANAGEMENT:
        if (dw11 & 0x1f) {
            return NVME_INVALID_FIELD | NVME_DNR; /* there is power state 0 only */
        }
        n->feat_power = dw11 & 0xff;
        return NVME_SUCCESS;
    case NVME_FEAT_TEMPERATURE_THRESHOLD:
        return set_temperature(n, dw11);
    case NVME_FEAT_ERROR_RECOVERY:
        if (req->cmd.nsid != NVME_NSID_ALL && !nvme_attached_ns(n, req->cmd.nsid)) {
            return NVME_INVALID_NSID | NVME_DNR;
        }
        set_dulbe(n, req->cmd.nsid, dw11 & BIT(16));
        n->feat_error_recovery = dw11 & 0xffff;
        return NVME_SUCCESS;
    case NVME_FEAT_VOLATILE_WRITE_CACHE:
        for (uint32_t id = 1; id <= NVME_MAX_NAMESPACES; id++) {
            NvmeNamespace *ns = nvme_attached_ns(n, id);

            if (ns) {
                blk_set_write_cache(ns->blk, dw11 & 1);
            }
        }
        return NVME_SUCCESS;
    case NVME_FEAT_NUMBER_OF_QUEUES:
        return set_queues(n, req);
    case NVME_FEAT_INTERRUPT_COALESCING:
        n->feat_coalescing = dw11 & 0xffff;
        return NVME_SUCCESS;
    case NVME_FEAT_INTERRUPT_VECTOR:
        if ((dw11 & 0xffff) >= n->params.msix_qsize) {
            return NVME_INVALID_FIELD | NVME_DNR;
        }
        n->feat_vector[dw11 & 0xffff] = dw11 & 0x1ffff;
        return NVME_SUCCESS;
    case NVME_FEAT_WRITE_ATOMICITY:
        n->feat_atomicity = dw11 & 1;
        return NVME_SUCCESS;
    case NVME_FEAT_ASYNC_EVENT:
        n->feat_async_event = dw11;
        return NVME_SUCCESS;
    case NVME_FEAT_TIMESTAMP:
        return set_timestamp(n, req);
    case NVME_FEAT_KEEP_ALIVE:
        return set_keep_alive(n, dw11);
    default:
        return NVME_INVALID_FIELD | NVME_DNR;
    }
}

uint16_t nvme_set_features(NvmeRequest *req)
{
    uint8_t fid = req->cmd.cdw10 & 0xff;

    if (!known(fid)) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (req->cmd.cdw10 & BIT(31)) {
        return NVME_FEATURE_NOT_SAVEABLE | NVME_DNR;
    }
    if (req->cmd.nsid && req->cmd.nsid != NVME_NSID_ALL && fid != NVME_FEAT_ERROR_RECOVERY) {
        return NVME_FEATURE_NOT_NS_SPECIFIC | NVME_DNR;
    }
    return set_value(req->sq->n, req, fid);
}
