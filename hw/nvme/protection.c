/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * End-to-end data protection: 8 bytes (16-bit guard, application tag, 32-bit reference tag) or 16
 * (64-bit guard, application tag, 48-bit reference tag), big-endian, in a block's metadata.
 */
#include "nvme.h"

#include "protection.h"

/* --- checksums ------------------------------------------------------------------------------- */

typedef struct Tables {
    uint16_t t10[256];
    uint64_t nvme64[256];
} Tables;

static void make_tables(Tables *t)
{
    for (unsigned i = 0; i < 256; i++) {
        uint16_t c16 = i << 8;
        uint64_t c64 = i;

        for (unsigned bit = 0; bit < 8; bit++) {
            c16 = c16 & 0x8000 ? (uint16_t)(c16 << 1) ^ 0x8bb7 : c16 << 1;
            /* 0xad93d23594c93659, mirrored */
            c64 = c64 & 1 ? c64 >> 1 ^ UINT64_C(0x9a6c9329ac4bc9b5) : c64 >> 1;
        }
        t->t10[i] = c16;
        t->nvme64[i] = c64;
    }
}

static const Tables *tables(void)
{
    static Tables t;
    static gsize once;

    if (g_once_init_enter(&once)) {
        make_tables(&t);
        g_once_init_leave(&once, 1);
    }
    return &t;
}

uint16_t nvme_crc16_t10dif(const uint8_t *p, size_t len, uint16_t crc)
{
    const uint16_t *t = tables()->t10;

    while (len--) {
        crc = (uint16_t)(crc << 8) ^ t[(crc >> 8 ^ *p++) & 0xff];
    }
    return crc;
}

uint64_t nvme_crc64(const uint8_t *p, size_t len, uint64_t crc)
{
    const uint64_t *t = tables()->nvme64;

    crc = ~crc;
    while (len--) {
        crc = crc >> 8 ^ t[(crc ^ *p++) & 0xff];
    }
    return ~crc;
}

/* --- one block's information ----------------------------------------------------------------- */

typedef struct Tuple {
    uint64_t guard, ref;
    uint16_t app;
} Tuple;

static uint64_t get_be(const uint8_t *p, unsigned len)
{
    uint64_t v = 0;

    while (len--) {
        v = v << 8 | *p++;
    }
    return v;
}

static void put_be(uint8_t *p, unsigned len, uint64_t v)
{
    while (len--) {
        p[len] = v & 0xff;
        v >>= 8;
    }
}

static unsigned ref_bits(const NvmeLayout *l)
{
    return l->pi_size == 16 ? 48 : 32;
}

static Tuple load(const NvmeLayout *l, const uint8_t *p)
{
    if (l->pi_size == 16) {
        return (Tuple){get_be(p, 8), get_be(p + 10, 6), get_be(p + 8, 2)};
    }
    return (Tuple){get_be(p, 2), get_be(p + 4, 4), get_be(p + 2, 2)};
}

static void store(const NvmeLayout *l, uint8_t *p, const Tuple *t)
{
    unsigned guard = l->pi_size == 16 ? 8 : 2;

    put_be(p, guard, t->guard);
    put_be(p + guard, 2, t->app);
    put_be(p + guard + 2, l->pi_size - guard - 2, t->ref);
}

static unsigned place(const NvmeLayout *l)
{
    return l->pi_first ? 0 : l->ms - l->pi_size;
}

/* The guard covers the block and the metadata that lies before it. */
static uint64_t guard_of(const NvmeLayout *l, const uint8_t *data, const uint8_t *meta)
{
    size_t block = (size_t)1 << l->lba_shift;

    if (l->pi_size == 16) {
        uint64_t crc = nvme_crc64(data, block, 0);

        return place(l) ? nvme_crc64(meta, place(l), crc) : crc;
    }
    return nvme_crc16_t10dif(meta, place(l), nvme_crc16_t10dif(data, block, 0));
}

static bool all_zero(const uint8_t *p, size_t len)
{
    return !len || (!*p && !memcmp(p, p + 1, len - 1));
}

static bool unwritten(const NvmeLayout *l, const uint8_t *data, const uint8_t *meta)
{
    return all_zero(meta, l->ms) && all_zero(data, (size_t)1 << l->lba_shift);
}

static void next_ref(const NvmeLayout *l, NvmePi *pi)
{
    if (l->pi_type != 3) {
        pi->ref_tag = (pi->ref_tag + 1) & MASK_ULL(ref_bits(l));
    }
}

/* --- commands -------------------------------------------------------------------------------- */

NvmePi nvme_pi_of_command(const NvmeCmd *cmd)
{
    return (NvmePi){
        .prinfo = NVME_CMD_PRINFO(cmd->cdw12),
        .app_tag = cmd->cdw15 & 0xffff,
        .app_mask = cmd->cdw15 >> 16,
        .ref_tag = (uint64_t)(cmd->cdw3 & 0xffff) << 32 | cmd->cdw14,
    };
}

uint16_t nvme_pi_valid(const NvmeLayout *l, const NvmePi *pi, uint64_t slba)
{
    uint64_t mask = MASK_ULL(ref_bits(l));

    if (!l->pi_type || !(pi->prinfo & NVME_PRINFO_REF)) {
        return NVME_SUCCESS;
    }
    /* Type 1: the reference tag is the block's address; type 3 has none to check (8.3.1.5). */
    if (l->pi_type == 3 || (l->pi_type == 1 && (pi->ref_tag & mask) != (slba & mask))) {
        return NVME_INVALID_PROTECTION_INFO | NVME_DNR;
    }
    return NVME_SUCCESS;
}

void nvme_pi_generate(const NvmeLayout *l, NvmePi *pi, const uint8_t *data, uint8_t *meta,
                      uint32_t nlb)
{
    for (uint32_t i = 0; i < nlb; i++, data += (size_t)1 << l->lba_shift, meta += l->ms) {
        Tuple t = {guard_of(l, data, meta), pi->ref_tag & MASK_ULL(ref_bits(l)), pi->app_tag};

        store(l, meta + place(l), &t);
        next_ref(l, pi);
    }
}

static uint16_t check_block(const NvmeLayout *l, const NvmePi *pi, const uint8_t *data,
                            const uint8_t *meta)
{
    Tuple t = load(l, meta + place(l));
    uint64_t ones = MASK_ULL(ref_bits(l));

    if (t.app == 0xffff && (l->pi_type != 3 || t.ref == ones)) {
        return NVME_SUCCESS; /* says of itself that it is not to be checked */
    }
    if ((pi->prinfo & NVME_PRINFO_GUARD) && t.guard != guard_of(l, data, meta)) {
        return unwritten(l, data, meta) ? NVME_SUCCESS : NVME_GUARD_CHECK;
    }
    if ((pi->prinfo & NVME_PRINFO_APP) && ((t.app ^ pi->app_tag) & pi->app_mask)) {
        return unwritten(l, data, meta) ? NVME_SUCCESS : NVME_APP_TAG_CHECK;
    }
    if ((pi->prinfo & NVME_PRINFO_REF) && l->pi_type != 3 && t.ref != (pi->ref_tag & ones)) {
        return unwritten(l, data, meta) ? NVME_SUCCESS : NVME_REF_TAG_CHECK;
    }
    return NVME_SUCCESS;
}

uint16_t nvme_pi_check(const NvmeLayout *l, NvmePi *pi, const uint8_t *data, const uint8_t *meta,
                       uint32_t nlb)
{
    for (uint32_t i = 0; i < nlb; i++, data += (size_t)1 << l->lba_shift, meta += l->ms) {
        uint16_t status = check_block(l, pi, data, meta);

        if (status) {
            TRACE(nvme, protection, "block %u of a piece: status 0x%x", i, status);
            return status;
        }
        next_ref(l, pi);
    }
    return NVME_SUCCESS;
}

void nvme_pi_mark_unwritten(const NvmeLayout *l, const uint8_t *data, uint8_t *meta, uint32_t nlb)
{
    for (uint32_t i = 0; i < nlb; i++, data += (size_t)1 << l->lba_shift, meta += l->ms) {
        if (unwritten(l, data, meta)) {
            memset(meta + place(l), 0xff, l->pi_size);
        }
    }
}
