/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Namespaces: where they lie on their back end, in which LBA format, who they say they are, and to
 * which controllers they are attached.
 */
#include "nvme.h"

#include "reservation.h"
#include "sanitize.h"

#include "system/vl.h"

/* --- formats --------------------------------------------------------------------------------- */

unsigned nvme_ns_fill_formats(NvmeNamespace *ns, unsigned shift, unsigned ms)
{
    static const uint16_t metadata[] = {0, 8, 16, 64};
    unsigned n = 0, found = UINT_MAX;

    for (unsigned ds = 9; ds <= 12; ds += 3) {
        for (size_t i = 0; i < G_N_ELEMENTS(metadata); i++, n++) {
            ns->formats[n] = (NvmeLbaFormat){.ms = metadata[i], .ds = ds};
            if (ds == shift && metadata[i] == ms) {
                found = n;
            }
        }
    }
    if (found == UINT_MAX) {
        found = n;
        ns->formats[n++] = (NvmeLbaFormat){.ms = ms, .ds = shift};
    }
    ns->num_formats = n;
    return found;
}

static uint64_t room(const NvmeNamespace *ns)
{
    int64_t len = blk_getlength(ns->blk);
    uint64_t all = len < 0 ? 0 : (uint64_t)len;

    all = all > ns->base ? all - ns->base : 0;
    return ns->capacity ? MIN(ns->capacity, all) : all;
}

/* Blocks first, then the metadata of all of them. */
static uint64_t blocks_in(uint64_t bytes, const NvmeLbaFormat *f)
{
    return bytes / ((UINT64_C(1) << f->ds) + f->ms);
}

uint16_t nvme_ns_set_format(NvmeNamespace *ns, unsigned f, bool extended, unsigned pi_type,
                            bool pi_first)
{
    unsigned pi_size = ns->pif ? 16 : 8;
    uint64_t blocks;

    if (f >= ns->num_formats || pi_type > 3 || (pi_type && ns->formats[f].ms < pi_size)) {
        return NVME_INVALID_FORMAT | NVME_DNR;
    }
    blocks = blocks_in(room(ns), &ns->formats[f]);
    ns->layout = (NvmeLayout){
        .format = f,
        .lba_shift = ns->formats[f].ds,
        .ms = ns->formats[f].ms,
        .extended = extended && ns->formats[f].ms,
        .pi_type = pi_type,
        .pi_first = pi_first,
        .pi_size = pi_size,
        .meta_base = ns->base + (blocks << ns->formats[f].ds),
    };
    __atomic_store_n(&ns->blocks, blocks, __ATOMIC_RELEASE);
    return NVME_SUCCESS;
}

/* --- identifiers ----------------------------------------------------------------------------- */

/* Stable ones: the guest finds its disk again by them. */
static void derive(uint8_t *out, const char *what, const char *serial, uint32_t nsid)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    g_autofree char *text = g_strdup_printf("%s-%u:%s", what, nsid, serial);
    uint8_t digest[20];
    size_t len = sizeof(digest);

    g_checksum_update(sum, (const guchar *)text, -1);
    g_checksum_get_digest(sum, digest, &len);
    memcpy(out, digest, 16);
    out[6] = (out[6] & 0x0f) | 0x50; /* RFC 4122: version 5, variant 1 */
    out[8] = (out[8] & 0x3f) | 0x80;
}

static bool parse_nguid(const char *text, uint8_t out[16])
{
    unsigned digits = 0;

    memset(out, 0, 16);
    for (; *text; text++) {
        if (*text == '-') {
            continue;
        }
        if (!g_ascii_isxdigit(*text) || digits == 32) {
            return false;
        }
        out[digits / 2] |= g_ascii_xdigit_value(*text) << (digits & 1 ? 0 : 4);
        digits++;
    }
    return digits == 32;
}

static bool set_identifiers(NvmeNamespace *ns, const NvmeNsParams *p, const char *serial,
                            GError **errp)
{
    bool own_uuid = p->uuid && !g_str_equal(p->uuid, "auto");
    bool own_nguid = p->nguid && !g_str_equal(p->nguid, "auto");

    derive(ns->uuid, "nvme-ns", serial, ns->nsid);
    if (own_uuid && !uuid_parse(p->uuid, ns->uuid)) {
        error_setg(errp, "nvme-ns: uuid=%s: write it as 8-4-4-4-12 hexadecimal digits, or 'auto'",
                   p->uuid);
        return false;
    }
    memcpy(ns->nguid, ns->uuid, sizeof(ns->nguid));
    if (own_nguid && !parse_nguid(p->nguid, ns->nguid)) {
        error_setg(errp, "nvme-ns: nguid=%s: write it as 32 hexadecimal digits, or 'auto'",
                   p->nguid);
        return false;
    }
    ns->eui64 = p->eui64;
    if (!ns->eui64 && p->eui64_default) {
        /* 52:54:00 is the prefix of locally made addresses here. */
        ns->eui64 = UINT64_C(0x5254000000000000) | ns->nsid;
    }
    return true;
}

/* --- life ------------------------------------------------------------------------------------ */

static bool check_params(const NvmeNsParams *p, unsigned lbs, GError **errp)
{
    if (lbs < 512 || lbs > 4096 || (lbs & (lbs - 1))) {
        error_setg(errp, "nvme: logical_block_size=%u: use 512, 1024, 2048 or 4096", lbs);
    } else if (p->nsid > NVME_MAX_NAMESPACES) {
        error_setg(errp, "nvme-ns: nsid=%u: must be between 1 and %d, or 0 for the lowest free one",
                   p->nsid, NVME_MAX_NAMESPACES);
    } else if (p->pi > 3) {
        error_setg(errp, "nvme-ns: pi=%u: protection types are 1, 2 and 3; 0 is none", p->pi);
    } else if (p->pif != 0 && p->pif != 2) {
        error_setg(errp, "nvme-ns: pif=%u: use 0 (16-bit guard) or 2 (64-bit guard)", p->pif);
    } else if (p->pil > 1 || p->mset > 1) {
        error_setg(errp, "nvme-ns: mset=%u, pil=%u: each is 0 or 1", p->mset, p->pil);
    } else if (p->ms > 256) {
        error_setg(errp, "nvme-ns: ms=%u: at most 256 bytes of metadata", p->ms);
    } else if (p->pi && p->ms < (p->pif ? 16 : 8)) {
        error_setg(errp, "nvme-ns: pi=%u needs at least %u bytes of metadata; give ms=", p->pi,
                   p->pif ? 16 : 8);
    } else if (!p->mssrl || !p->mcl || p->mcl < p->mssrl) {
        error_setg(errp,
                   "nvme-ns: mssrl=%u, mcl=%u: copy limits must be 1 or more, and mcl not "
                   "below mssrl",
                   p->mssrl, p->mcl);
    } else if (!p->conf.blk) {
        error_setg(errp, "nvme-ns: drive property not set; give the namespace drive=ID");
    } else {
        return true;
    }
    return false;
}

NvmeNamespace *nvme_ns_new(const NvmeNsParams *p, const char *serial, GError **errp)
{
    unsigned lbs = p->conf.logical_block_size ? p->conf.logical_block_size : 512, format;
    NvmeNamespace *ns;

    if (!check_params(p, lbs, errp) || block_conf_take(&p->conf, "nvme", errp) < 0) {
        return NULL;
    }
    ns = g_new0(NvmeNamespace, 1);
    qemu_mutex_init(&ns->lock);
    ns->blk = p->conf.blk;
    ns->nsid = p->nsid;
    ns->shared = p->shared;
    ns->pif = p->pif;
    ns->mssrl = p->mssrl;
    ns->mcl = p->mcl;
    ns->msrc = p->msrc;
    ns->discard_granularity =
        p->conf.discard_granularity ? p->conf.discard_granularity : MAX(lbs, 4096);
    format = nvme_ns_fill_formats(ns, __builtin_ctz(lbs), p->ms);
    nvme_ns_set_format(ns, format, p->mset, p->pi, p->pil);
    if (!set_identifiers(ns, p, serial, errp)) {
        nvme_ns_free(ns);
        return NULL;
    }
    return ns;
}

NvmeNamespace *nvme_ns_new_in_pool(BlockBackend *blk, uint64_t base, uint64_t capacity,
                                   const uint8_t uuid[16])
{
    NvmeNamespace *ns = g_new0(NvmeNamespace, 1);

    qemu_mutex_init(&ns->lock);
    ns->blk = blk;
    ns->base = base;
    ns->capacity = capacity;
    ns->pooled = true;
    ns->mssrl = 128;
    ns->mcl = 128;
    ns->msrc = 127;
    ns->discard_granularity = 4096;
    memcpy(ns->uuid, uuid, sizeof(ns->uuid));
    memcpy(ns->nguid, uuid, sizeof(ns->nguid));
    nvme_ns_set_format(ns, nvme_ns_fill_formats(ns, 9, 0), false, 0, false);
    return ns;
}

void nvme_ns_free(NvmeNamespace *ns)
{
    nvme_resv_free(ns);
    g_free(ns->lba_ranges);
    g_free(ns->uncorrectable);
    g_free(ns->deallocated);
    qemu_mutex_destroy(&ns->lock);
    g_free(ns);
}

/* --- who has it ------------------------------------------------------------------------------ */

void nvme_gate_change_locked(NvmeNamespace *ns, uint32_t set, uint32_t clear)
{
    NvmeSubsystem *s = ns->subsys;

    ns->gate = (ns->gate & ~clear) | set;
    for (unsigned i = 0; i < NVME_MAX_CONTROLLERS; i++) {
        NvmeCtrl *n = s->ctrls[i];

        if (n && n->slots[ns->nsid].ns == ns) {
            __atomic_store_n(&n->slots[ns->nsid].gate, ns->gate | nvme_resv_gate(ns, n),
                             __ATOMIC_RELEASE);
        }
    }
}

void nvme_gate_change(NvmeNamespace *ns, uint32_t set, uint32_t clear)
{
    QEMU_LOCK_GUARD(&ns->subsys->lock);

    nvme_gate_change_locked(ns, set, clear);
}

void nvme_ns_attach_locked(NvmeNamespace *ns, NvmeCtrl *n)
{
    __atomic_store_n(&n->slots[ns->nsid].ns, ns, __ATOMIC_RELEASE);
    nvme_gate_change_locked(ns, 0, 0);
}

void nvme_ns_detach_locked(NvmeNamespace *ns, NvmeCtrl *n)
{
    __atomic_store_n(&n->slots[ns->nsid].ns, NULL, __ATOMIC_RELEASE);
    __atomic_store_n(&n->slots[ns->nsid].gate, 0, __ATOMIC_RELEASE);
    if (n->slots[ns->nsid].dulbe) {
        __atomic_store_n(&n->slots[ns->nsid].dulbe, false, __ATOMIC_RELAXED);
        __atomic_fetch_sub(&ns->dulbe_users, 1, __ATOMIC_RELAXED);
    }
}

bool nvme_ns_attached(NvmeNamespace *ns, NvmeCtrl *n)
{
    return __atomic_load_n(&n->slots[ns->nsid].ns, __ATOMIC_ACQUIRE) == ns;
}

typedef struct Tell {
    NvmeNamespace *ns;
    NvmeCtrl *but;
} Tell;

static void tell(NvmeCtrl *n, void *opaque)
{
    Tell *t = opaque;

    if (n != t->but && nvme_ns_attached(t->ns, n)) {
        nvme_aer_ns_changed(n, t->ns->nsid);
    }
}

void nvme_ns_changed_but(NvmeNamespace *ns, NvmeCtrl *n)
{
    Tell t = {ns, n};

    nvme_subsys_foreach(ns->subsys, tell, &t);
}

void nvme_ns_changed(NvmeNamespace *ns)
{
    nvme_ns_changed_but(ns, NULL);
}

void nvme_ns_resized(void *opaque)
{
    NvmeNamespace *ns = opaque;
    uint64_t blocks = blocks_in(room(ns), &ns->formats[ns->layout.format]);

    /* Metadata lies behind the blocks: such a namespace keeps its size until it is formatted. */
    if (!ns->layout.ms) {
        __atomic_store_n(&ns->blocks, blocks, __ATOMIC_RELEASE);
        nvme_ns_changed(ns);
    }
}

bool nvme_ns_plug(NvmeNamespace *ns, NvmeSubsystem *s, NvmeCtrl *owner, bool detached,
                  GError **errp)
{
    if (!nvme_subsys_add_ns(s, ns, errp)) {
        return false;
    }
    ns->shared = ns->shared && s->user;
    qemu_mutex_lock(&s->lock);
    nvme_ns_restore_format(ns);
    nvme_resv_restore(ns);
    qemu_mutex_unlock(&s->lock);
    if (!detached) {
        QEMU_LOCK_GUARD(&s->lock);

        for (unsigned i = 0; i < NVME_MAX_CONTROLLERS; i++) {
            if (s->ctrls[i] && (ns->shared || s->ctrls[i] == owner)) {
                nvme_ns_attach_locked(ns, s->ctrls[i]);
            }
        }
    }
    blk_set_resize_cb(ns->blk, nvme_ns_resized, ns);
    nvme_ns_changed(ns);
    return true;
}

/* A Format or a Delete has it in its list. */
static bool being_changed(NvmeNamespace *ns)
{
    QEMU_LOCK_GUARD(&ns->subsys->lock);

    return ns->gate & (NVME_GATE_FORMAT | NVME_GATE_DELETED);
}

void nvme_ns_unplug(NvmeNamespace *ns)
{
    NvmeSubsystem *s = ns->subsys;

    blk_set_resize_cb(ns->blk, NULL, NULL);
    __atomic_store_n(&ns->going, true, __ATOMIC_RELAXED);
    nvme_ns_changed(ns);
    qemu_mutex_lock(&s->lock);
    for (unsigned i = 0; i < NVME_MAX_CONTROLLERS; i++) {
        if (s->ctrls[i] && nvme_ns_attached(ns, s->ctrls[i])) {
            nvme_ns_detach_locked(ns, s->ctrls[i]);
        }
    }
    s->ns[ns->nsid] = NULL;
    qemu_mutex_unlock(&s->lock);
    nvme_sanitize_stop(s, NULL); /* the next one does not know it */
    nvme_quiesce_wait(s, ns); /* at each home, too: nobody there is about to begin something */
    while (being_changed(ns)) {
        nvme_format_take_back(s);
        aio_poll(aio_get_main(), false);
        g_usleep(50);
    }
    nvme_format_take_back(s); /* the one who opened the gate has returned */
    blk_drain_cancelled(ns->blk); /* what controllers do by themselves */
    nvme_ns_free(ns);
}
