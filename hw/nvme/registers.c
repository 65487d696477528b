/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Controller registers (NVMe 1.4, section 3.1): enable, reset, shutdown, interrupt mask. */
#include "nvme.h"

#include "firmware.h"
#include "selftest.h"

/* Reads that the vCPU thread answers itself: every register is one atomic load. */
static uint64_t register_value(NvmeCtrl *n, hwaddr reg)
{
    switch (reg) {
    case NVME_REG_CAP:
        return n->cap;
    case NVME_REG_VS:
        return NVME_VERSION;
    case NVME_REG_INTMS:
    case NVME_REG_INTMC:
        return __atomic_load_n(&n->intms, __ATOMIC_ACQUIRE);
    case NVME_REG_CC:
        return __atomic_load_n(&n->cc, __ATOMIC_ACQUIRE);
    case NVME_REG_CSTS:
        return __atomic_load_n(&n->csts, __ATOMIC_ACQUIRE);
    case NVME_REG_AQA:
        return __atomic_load_n(&n->aqa, __ATOMIC_ACQUIRE);
    case NVME_REG_ASQ:
        return __atomic_load_n(&n->asq, __ATOMIC_ACQUIRE);
    case NVME_REG_ACQ:
        return __atomic_load_n(&n->acq, __ATOMIC_ACQUIRE);
    default:
        return 0; /* reserved, and NSSR, whose reads give 0 */
    }
}

static bool is_64bit(hwaddr reg)
{
    return reg == NVME_REG_CAP || reg == NVME_REG_ASQ || reg == NVME_REG_ACQ;
}

static uint64_t nvme_register_read(void *opaque, hwaddr offset, unsigned size)
{
    NvmeCtrl *n = opaque;
    hwaddr reg = offset & ~3ull;
    uint64_t v;

    if (is_64bit(reg & ~7ull)) {
        v = register_value(n, reg & ~7ull) >> ((offset & 7) * 8);
    } else {
        v = register_value(n, reg);
        if (size == 8 && !is_64bit(reg + 4)) {
            v |= register_value(n, reg + 4) << 32;
        }
        v >>= (offset & 3) * 8;
    }
    return v & MASK_ULL(size * 8);
}

static bool nvme_register_read_direct(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    *data = nvme_register_read(opaque, offset, size);
    return true;
}

void nvme_fail(NvmeCtrl *n, const char *why)
{
    TRACE(nvme, controller_fatal, "%s", why);
    __atomic_fetch_or(&n->csts, NVME_CSTS_CFS, __ATOMIC_RELEASE);
}

/* CSTS.SHST; other bits may change meanwhile. */
static void set_shutdown_status(NvmeCtrl *n, uint32_t shst)
{
    uint32_t old = __atomic_load_n(&n->csts, __ATOMIC_RELAXED);

    while (!__atomic_compare_exchange_n(&n->csts, &old, (old & ~NVME_CSTS_SHST_MASK) | shst, true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
}

/* --- enable and reset ------------------------------------------------------------------------ */

static const char *enable_error(NvmeCtrl *n, uint32_t cc)
{
    uint32_t asqs = (n->aqa & 0xfff) + 1, acqs = (n->aqa >> 16 & 0xfff) + 1;
    uint32_t page = 1u << (12 + NVME_CC_MPS(cc));

    if (NVME_CC_MPS(cc) > (n->cap >> 52 & 0xf)) {
        return "CC.MPS is beyond CAP.MPSMAX";
    }
    if (NVME_CC_CSS(cc) != NVME_CC_CSS_NVM && NVME_CC_CSS(cc) != NVME_CC_CSS_ALL) {
        return "CC.CSS selects no command set of CAP.CSS";
    }
    if (NVME_CC_AMS(cc) > 1) {
        return "CC.AMS selects an arbitration that CAP.AMS does not offer";
    }
    if (!n->asq || !n->acq || n->asq & (page - 1) || n->acq & (page - 1)) {
        return "ASQ or ACQ is zero or not page aligned";
    }
    if (asqs < 2 || acqs < 2) {
        return "AQA has a queue of fewer than two entries";
    }
    return NULL;
}

static void controller_enable(NvmeCtrl *n, uint32_t cc)
{
    const char *error = enable_error(n, cc);
    NvmeCq *cq;

    if (error) {
        nvme_fail(n, error);
        return;
    }
    n->page_bits = 12 + NVME_CC_MPS(cc);
    n->page_size = 1u << n->page_bits;
    if (NVME_CC_AMS(cc) == 1) {
        nvme_arbiters_init(n);
    }
    cq = nvme_cq_new(n, 0, n->acq, (n->aqa >> 16 & 0xfff) + 1, 0, true);
    if (!nvme_sq_new(n, 0, n->asq, (n->aqa & 0xfff) + 1, cq, 0)) {
        nvme_cq_delete(cq);
        nvme_fail(n, "no memory for the admin queue");
        return;
    }
    n->keep_alive_seen = false;
    for (unsigned i = 0; i < G_N_ELEMENTS(n->changed_ns); i++) {
        __atomic_store_n(&n->changed_ns[i], 0, __ATOMIC_RELAXED);
    }
    TRACE(nvme, controller_ready, "page size %u", n->page_size);
    __atomic_fetch_or(&n->csts, NVME_CSTS_RDY, __ATOMIC_RELEASE);
}

/* A subsystem reset (7.3.1) takes the registers along; the host sees by CSTS.NSSRO that it was one.
 */
static void subsystem_reset_done(NvmeCtrl *n)
{
    n->subsystem_reset = false;
    nvme_registers_reset(n);
    __atomic_fetch_or(&n->csts, NVME_CSTS_NSSRO, __ATOMIC_RELEASE);
    nvme_update_pin(n);
    __atomic_fetch_sub(&n->questions, 1, __ATOMIC_RELEASE);
    object_unref(n);
}

void nvme_reset_finished(NvmeCtrl *n)
{
    __atomic_store_n(&n->resetting, false, __ATOMIC_RELAXED);
    nvme_arbiters_free(n);
    nvme_features_reset(n);
    nvme_firmware_reset(n);
    nvme_self_test_stop(n, NVME_SELF_TEST_BY_RESET);
    __atomic_fetch_and(&n->csts, ~(NVME_CSTS_RDY | NVME_CSTS_CFS | NVME_CSTS_SHST_MASK),
                       __ATOMIC_RELEASE);
    TRACE(nvme, controller_reset_done, "%s", "queues are gone");
    if (n->subsystem_reset) {
        subsystem_reset_done(n);
        return;
    }
    /* The host may have enabled it again without waiting for RDY to clear: what it asks for is done
     * now. */
    if (n->cc & NVME_CC_EN) {
        controller_enable(n, n->cc);
    }
}

static void controller_disable(NvmeCtrl *n)
{
    __atomic_store_n(&n->resetting, true, __ATOMIC_RELAXED);
    nvme_aer_clear(n);
    nvme_dbbuf_off(n);
    aio_timer_del(n->keep_alive_timer);
    nvme_delete_all_queues(n);
}

void nvme_subsystem_reset(void *opaque)
{
    NvmeCtrl *n = opaque;
    uint32_t cc = n->cc;

    if (n->subsystem_reset || __atomic_load_n(&n->gone, __ATOMIC_ACQUIRE)) {
        __atomic_fetch_sub(&n->questions, 1, __ATOMIC_RELEASE); /* one is enough */
        object_unref(n);
        return;
    }
    TRACE(nvme, subsystem_reset, "controller %u", n->cntlid);
    n->subsystem_reset = true;
    __atomic_store_n(&n->cc, 0, __ATOMIC_RELEASE);
    if (n->resetting) {
        return; /* ends as this one */
    }
    if (cc & NVME_CC_EN) {
        controller_disable(n);
    } else {
        nvme_features_reset(n);
        subsystem_reset_done(n);
    }
}

static void reset_one(NvmeCtrl *n, void *opaque)
{
    __atomic_fetch_add(&n->questions, 1, __ATOMIC_RELAXED); /* its home stays until then */
    aio_post(n->home, nvme_subsystem_reset, object_ref(n));
}

/* --- shutdown (7.6.2) ------------------------------------------------------------------------ */

/* What was acknowledged must be durable before SHST says complete.  One at a time; it counts in
 * n->questions, as it needs the home. */
struct NvmeShutdown {
    BlkRequest blk;
    NvmeCtrl *n; /* a reference */
    uint32_t nsid;
    bool failed;
    bool again; /* the host has asked once more */
};

static void shutdown_next(struct NvmeShutdown *f);

static void shutdown_flushed(BlkRequest *blk, int ret)
{
    struct NvmeShutdown *f = container_of(blk, struct NvmeShutdown, blk);

    f->failed |= ret < 0 && ret != -ECANCELED; /* then the namespace has gone */
    shutdown_next(f);
}

/* The next attached namespace that can be written. */
static NvmeNamespace *shutdown_space(struct NvmeShutdown *f)
{
    while (f->nsid < NVME_MAX_NAMESPACES && !__atomic_load_n(&f->n->gone, __ATOMIC_ACQUIRE)) {
        NvmeNamespace *ns = nvme_attached_ns(f->n, ++f->nsid);

        if (ns && !blk_is_read_only(ns->blk)) {
            return ns;
        }
    }
    return NULL;
}

/* Behind the last namespace the shutdown is complete. */
static void shutdown_next(struct NvmeShutdown *f)
{
    NvmeCtrl *n = f->n;
    NvmeNamespace *ns = shutdown_space(f);

    if (!ns && f->again) {
        f->again = false;
        f->nsid = 0;
        ns = shutdown_space(f);
    }
    if (ns) {
        f->blk = (BlkRequest){.op = BLK_FLUSH, .complete = shutdown_flushed};
        blk_submit(ns->blk, &f->blk, n->home);
        return;
    }
    if (f->failed) {
        nvme_fail(n, "flush at shutdown failed");
    }
    if (NVME_CC_SHN(n->cc)) {
        set_shutdown_status(n, NVME_CSTS_SHST_COMPLETE);
    }
    n->shutdown = NULL;
    __atomic_fetch_sub(&n->questions, 1, __ATOMIC_RELEASE);
    object_unref(n);
    g_free(f);
}

static void controller_shutdown(NvmeCtrl *n)
{
    set_shutdown_status(n, NVME_CSTS_SHST_OCCURRING);
    if (n->shutdown) {
        n->shutdown->again = true;
        return;
    }
    n->shutdown = g_new0(struct NvmeShutdown, 1);
    n->shutdown->n = (NvmeCtrl *)object_ref(n);
    __atomic_fetch_add(&n->questions, 1, __ATOMIC_RELAXED);
    shutdown_next(n->shutdown);
}

void nvme_shutdown_take_back(void *opaque)
{
    NvmeCtrl *n = opaque;

    if (n->shutdown) {
        blk_cancel(&n->shutdown->blk);
    }
}

static void write_cc(NvmeCtrl *n, uint32_t value)
{
    uint32_t old = n->cc;

    value &= NVME_CC_WRITABLE;
    TRACE(nvme, write_cc, "0x%x -> 0x%x", old, value);
    __atomic_store_n(&n->cc, value, __ATOMIC_RELEASE);
    if ((value & NVME_CC_EN) && !(old & NVME_CC_EN)) {
        if (!n->resetting) {
            controller_enable(n, value);
        }
    } else if (!(value & NVME_CC_EN) && (old & NVME_CC_EN)) {
        controller_disable(n);
    }
    if (NVME_CC_SHN(value) && !NVME_CC_SHN(old)) {
        controller_shutdown(n);
    } else if (!NVME_CC_SHN(value) && NVME_CC_SHN(old) && !n->resetting) {
        set_shutdown_status(n, 0);
    }
}

/* --- writes ---------------------------------------------------------------------------------- */

static void write_64bit(uint64_t *reg, hwaddr offset, uint64_t data, unsigned size, uint64_t mask)
{
    unsigned shift = (offset & 7) * 8;
    uint64_t lanes = MASK_ULL(size * 8) << shift;

    __atomic_store_n(reg, ((*reg & ~lanes) | (data << shift & lanes)) & mask, __ATOMIC_RELEASE);
}

static void nvme_register_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    NvmeCtrl *n = opaque;
    bool enabled = n->cc & NVME_CC_EN;

    if (unlikely(__atomic_load_n(&n->gone, __ATOMIC_ACQUIRE))) {
        return;
    }
    if (offset & 3 || size < 4) { /* 3.1: hosts use 32-bit or 64-bit accesses */
        TRACE(nvme, unaligned_write, "offset 0x%" PRIx64, (uint64_t)offset);
        return;
    }
    switch (offset) {
    case NVME_REG_INTMS:
    case NVME_REG_INTMC:
        /* 3.1.3: undefined while MSI-X is in use; ours have no effect then. */
        if (!msix_enabled(PCI_DEVICE(n))) {
            if (offset == NVME_REG_INTMS) {
                __atomic_fetch_or(&n->intms, (uint32_t)data, __ATOMIC_ACQ_REL);
            } else {
                __atomic_fetch_and(&n->intms, ~(uint32_t)data, __ATOMIC_ACQ_REL);
            }
            nvme_update_pin(n);
        }
        break;
    case NVME_REG_CC:
        write_cc(n, data);
        break;
    case NVME_REG_CSTS:
        if (data & NVME_CSTS_NSSRO) {
            __atomic_fetch_and(&n->csts, ~NVME_CSTS_NSSRO, __ATOMIC_RELEASE);
        }
        break;
    case NVME_REG_AQA:
        if (!enabled) {
            __atomic_store_n(&n->aqa, data & 0x0fff0fff, __ATOMIC_RELEASE);
        }
        if (size == 8 && !enabled) {
            write_64bit(&n->asq, NVME_REG_ASQ, data >> 32, 4, ~0xfffull);
        }
        break;
    case NVME_REG_ASQ:
    case NVME_REG_ASQ + 4:
        if (!enabled) {
            write_64bit(&n->asq, offset, data, size, ~0xfffull);
        }
        break;
    case NVME_REG_ACQ:
    case NVME_REG_ACQ + 4:
        if (!enabled) {
            write_64bit(&n->acq, offset, data, size, ~0xfffull);
        }
        break;
    case NVME_REG_NSSR:
        if ((uint32_t)data == NVME_NSSR_RESET) {
            nvme_subsys_foreach(n->subsys, reset_one, NULL);
        }
        break;
    default:
        /* Read-only and reserved registers. */
        TRACE(nvme, ignored_write, "offset 0x%" PRIx64, (uint64_t)offset);
        break;
    }
}

void nvme_registers_reset(NvmeCtrl *n)
{
    __atomic_store_n(&n->cc, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&n->csts, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&n->aqa, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&n->asq, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&n->acq, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&n->intms, 0, __ATOMIC_RELEASE);
}

const MemoryRegionOps nvme_register_ops = {
    .read = nvme_register_read,
    .write = nvme_register_write,
    .read_direct = nvme_register_read_direct,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 8},
    .impl = {.min_access_size = 1, .max_access_size = 8},
};
