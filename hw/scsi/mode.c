/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mode pages (SPC-4, 6.11 to 6.14 and 7.5; SBC-3, 6.5; MMC-5, 7). */
#include "disk.h"

#define MODE_MAX 256 /* bytes of all pages with their header */
#define PAGE_MAX 32

enum { PAGE_ALL = 0x3f, PAGE_CACHING = 0x08, PAGE_CONTROL = 0x0a };
static const uint8_t disk_pages[] = {0x01, 0x04, PAGE_CACHING, PAGE_CONTROL};
static const uint8_t cd_pages[] = {0x01, PAGE_CONTROL, 0x0e, 0x2a};

/* --- pages ----------------------------------------------------------------------------------- */

static unsigned disk_page(SCSIDisk *s, uint8_t page, uint8_t *p)
{
    uint64_t cylinders = scsi_disk_blocks(s) / (16 * 63);

    switch (page) {
    case 0x01: /* read-write error recovery */
        p[1] = 10;
        p[2] = 0x80; /* automatic reassignment of bad blocks */
        break;
    case 0x04: /* rigid disk geometry */
        p[1] = 22;
        scsi_put_be24(p + 2, CLAMP(cylinders, 2, 0xffffffu));
        p[5] = 16;
        scsi_put_be16(p + 20, s->rotation_rate > 1 ? s->rotation_rate : 5400);
        break;
    case PAGE_CACHING:
        p[1] = 18;
        p[2] = blk_write_cache_enabled(s->conf.blk) ? 4 : 0; /* WCE */
        break;
    default:
        return 0;
    }
    p[0] = page;
    return p[1] + 2u;
}

/* Present values; length, 0: there is no such page. */
static unsigned build_page(SCSIDisk *s, uint8_t page, uint8_t *p)
{
    MmcState m;

    memset(p, 0, PAGE_MAX);
    if (page == PAGE_CONTROL) {
        p[0] = PAGE_CONTROL;
        p[1] = 10;
        p[2] = s->descriptor_sense ? 4 : 0; /* D_SENSE */
        p[3] = 0x10;                        /* commands may be reordered */
        return 12;
    }
    if (!s->is_cd) {
        return disk_page(s, page, p);
    }
    m = scsi_disk_mmc(s);
    return mmc_mode_page(&m, page, p);
}

/* The bits that MODE SELECT can change, in the byte at offset 2 of a page. */
static uint8_t changeable(const SCSIDisk *s, uint8_t page)
{
    return page == PAGE_CONTROL || (page == PAGE_CACHING && !s->is_cd) ? 4 : 0;
}

static uint8_t default_bits(const SCSIDisk *s, uint8_t page)
{
    return page == PAGE_CACHING && s->default_write_cache ? 4 : 0;
}

/* --- MODE SENSE ------------------------------------------------------------------------------ */

static unsigned sense_page(SCSIDisk *s, uint8_t page, uint8_t control, uint8_t *p)
{
    unsigned n = build_page(s, page, p);
    uint8_t bits = changeable(s, page);

    if (n && control == 1) {
        memset(p + 2, 0, n - 2);
        p[2] = bits;
    } else if (n && control == 2) {
        p[2] = (p[2] & ~bits) | (default_bits(s, page) & bits);
    }
    return n;
}

/* Number and size of blocks, for disks. */
static unsigned block_descriptor(SCSIDisk *s, uint8_t *p)
{
    scsi_put_be32(p, MIN(scsi_disk_blocks(s), UINT64_C(0xffffffff)));
    scsi_put_be24(p + 5, s->block_size);
    return 8;
}

bool scsi_disk_mode_sense(SCSIDisk *s, SCSIRequest *r)
{
    const uint8_t *c = r->cdb, *list = s->is_cd ? cd_pages : disk_pages;
    bool ten = c[0] == SCSI_MODE_SENSE_10, found = false;
    uint8_t page = c[2] & 0x3f, control = c[2] >> 6, p[MODE_MAX] = {0}, specific = 0, type = 0;
    unsigned n = ten ? 8 : 4, descriptors = 0;
    unsigned pages = s->is_cd ? sizeof(cd_pages) : sizeof(disk_pages);

    if (control == 3) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_NO_SAVING);
    }
    if (c[3] && !(page == PAGE_ALL && c[3] == 0xff)) { /* there are no subpages */
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
    }
    if (s->is_cd) {
        MmcState m = scsi_disk_mmc(s);

        type = mmc_medium_type(&m);
    } else {
        specific = (s->dpofua ? 0x10 : 0) | (blk_is_read_only(s->conf.blk) ? 0x80 : 0);
        descriptors = c[1] & 8 ? 0 : block_descriptor(s, p + n);
        n += descriptors;
    }
    for (unsigned i = 0; i < pages; i++) {
        if (page == list[i] || page == PAGE_ALL) {
            n += sense_page(s, list[i], control, p + n);
            found = true;
        }
    }
    if (!found) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
    }
    if (ten) {
        scsi_put_be16(p, n - 2);
        p[2] = type;
        p[3] = specific;
        scsi_put_be16(p + 6, descriptors);
    } else {
        p[0] = n - 1;
        p[1] = type;
        p[2] = specific;
        p[3] = descriptors;
    }
    return scsi_req_reply(r, p, n, ten ? scsi_get_be16(c + 7) : c[4]);
}

/* --- MODE SELECT ----------------------------------------------------------------------------- */

/* Each page is one of ours and changes only what can be changed; 0, or the additional sense code.
 */
static uint16_t check_pages(SCSIDisk *s, const uint8_t *p, size_t len)
{
    while (len) {
        uint8_t now[PAGE_MAX], mask;
        unsigned n;

        if (len < 2) {
            return SCSI_ASC_PARAMETER_LENGTH;
        }
        n = build_page(s, p[0] & 0x3f, now);
        if (!n || (p[0] & 0x40) || p[1] + 2u != n) { /* SPF: a subpage */
            return SCSI_ASC_INVALID_PARAMETER;
        }
        if (len < n) {
            return SCSI_ASC_PARAMETER_LENGTH;
        }
        mask = changeable(s, p[0] & 0x3f);
        for (unsigned i = 2; i < n; i++) {
            if ((p[i] ^ now[i]) & ~(i == 2 ? mask : 0)) {
                return SCSI_ASC_INVALID_PARAMETER;
            }
        }
        p += n;
        len -= n;
    }
    return 0;
}

/* True if the write cache was switched off: what is in it has to go to the medium. */
static bool apply_pages(SCSIDisk *s, const uint8_t *p, size_t len)
{
    bool flush = false;

    for (size_t at = 0; at < len; at += p[at + 1] + 2u) {
        bool on = p[at + 2] & 4;

        if ((p[at] & 0x3f) == PAGE_CONTROL) {
            __atomic_store_n(&s->descriptor_sense, on, __ATOMIC_RELAXED);
        } else if ((p[at] & 0x3f) == PAGE_CACHING && !s->is_cd) {
            flush = !on && blk_write_cache_enabled(s->conf.blk);
            blk_set_write_cache(s->conf.blk, on);
        }
    }
    return flush;
}

/* The descriptor says what we say, or nothing. */
static bool descriptor_ok(SCSIDisk *s, const uint8_t *p)
{
    uint8_t now[8] = {0};
    uint32_t blocks = scsi_get_be32(p), size = scsi_get_be24(p + 5);

    block_descriptor(s, now);
    return (!blocks || blocks == scsi_get_be32(now)) && (!size || size == s->block_size);
}

bool scsi_disk_mode_select(SCSIDisk *s, SCSIRequest *r)
{
    const uint8_t *c = r->cdb;
    bool ten = c[0] == SCSI_MODE_SELECT_10;
    size_t len = ten ? scsi_get_be16(c + 7) : c[4], header = ten ? 8 : 4, descriptors;
    uint8_t p[MODE_MAX];
    uint16_t asc;

    /* Only standard pages (PF), and nothing is saved (SP). */
    if ((c[1] & 0x11) != 0x10) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
    }
    if (!len) {
        return scsi_req_good(r);
    }
    if (len < header || len > sizeof(p)) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_PARAMETER_LENGTH);
    }
    if (!scsi_req_take(r, p, len)) {
        return true;
    }
    descriptors = ten ? scsi_get_be16(p + 6) : p[3];
    if (descriptors > len - header) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_PARAMETER_LENGTH);
    }
    if (descriptors && (descriptors != 8 || s->is_cd || !descriptor_ok(s, p + header))) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_PARAMETER);
    }
    header += descriptors;
    asc = check_pages(s, p + header, len - header);
    if (asc) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, asc);
    }
    return apply_pages(s, p + header, len - header) ? scsi_disk_flush(s, r) : scsi_req_good(r);
}
