/* SPDX-License-Identifier: GPL-2.0-or-later */
/* INQUIRY: standard data and vital product data (SPC-4, 6.6 and 7.8; SBC-3, 6.6). */
#include "disk.h"

#define STANDARD_BYTES 36
#define PAGE_MAX 256

static void put_text(uint8_t *p, size_t room, const char *text)
{
    memset(p, ' ', room);
    memcpy(p, text, MIN(strlen(text), room));
}

static bool standard(SCSIDisk *s, SCSIRequest *r)
{
    uint8_t p[STANDARD_BYTES] = {0};

    if (r->cdb[2]) {
        return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
    }
    p[0] = s->is_cd ? SCSI_TYPE_CD : SCSI_TYPE_DISK;
    p[1] = s->removable ? 0x80 : 0;
    p[2] = 5;    /* SPC-3 */
    p[3] = 0x12; /* LUNs are hierarchical, response format 2 */
    p[4] = sizeof(p) - 5;
    p[7] = 0x12; /* SYNC, command queuing */
    put_text(p + 8, 8, s->vendor);
    put_text(p + 16, 16, s->product);
    put_text(p + 32, 4, s->version);
    return scsi_req_reply(r, p, sizeof(p), scsi_get_be16(r->cdb + 3));
}

/* --- pages: what follows the header of four bytes; its length -------------------------------- */

static unsigned page_serial(SCSIDisk *s, uint8_t *p)
{
    size_t n = MIN(strlen(s->serial), 36u);

    memcpy(p, s->serial, n);
    return n;
}

static unsigned designator(uint8_t *p, uint8_t code_set, uint8_t type, const void *data, size_t n)
{
    p[0] = code_set;
    p[1] = type;
    p[3] = n;
    memcpy(p + 4, data, n);
    return 4 + n;
}

/* Who the unit is (association 0), and its port (1, with the protocol SAS). */
static unsigned page_identification(SCSIDisk *s, uint8_t *p)
{
    const char *id = s->device_id ? s->device_id : s->serial;
    uint8_t number[8];
    unsigned n = 0;

    if (id && *id) {
        n += designator(p + n, 2, 0, id, MIN(strlen(id), 128u));
    }
    if (s->wwn) {
        scsi_put_be64(number, s->wwn);
        n += designator(p + n, 1, 3, number, 8);
    }
    if (s->port_wwn) {
        scsi_put_be64(number, s->port_wwn);
        n += designator(p + n, 0x61, 0x93, number, 8);
    }
    if (s->port_index) {
        scsi_put_be32(number, s->port_index);
        n += designator(p + n, 0x61, 0x94, number, 4);
    }
    return n;
}

static unsigned page_block_limits(SCSIDisk *s, uint8_t *p)
{
    uint32_t bs = s->block_size;
    uint32_t max_io = MIN(s->max_io_size / bs, UINT64_C(0xffffffff));

    p[0] = 1; /* WSNZ: no WRITE SAME "to the end" */
    scsi_put_be16(p + 2, MIN(s->conf.min_io_size / bs, 0xffffu));
    scsi_put_be32(p + 4, max_io);
    scsi_put_be32(p + 8, s->conf.opt_io_size / bs);
    if (s->discard) {
        scsi_put_be32(p + 16, MIN(s->max_unmap_size / bs, UINT64_C(0xffffffff)));
        scsi_put_be32(p + 20, SCSI_UNMAP_RANGES);
        scsi_put_be32(p + 24, MAX(s->conf.discard_granularity / bs, 1u));
    }
    scsi_put_be64(p + 32, max_io); /* WRITE SAME */
    return 0x3c;
}

static unsigned page_characteristics(SCSIDisk *s, uint8_t *p)
{
    scsi_put_be16(p, s->rotation_rate);
    return 0x3c;
}

static unsigned page_provisioning(SCSIDisk *s, uint8_t *p)
{
    p[1] = s->discard ? 0xe0 : 0; /* UNMAP, WRITE SAME (16) and (10) deallocate */
    p[2] = s->discard ? 2 : 0;    /* thin */
    return 4;
}

static unsigned page_list(SCSIDisk *s, uint8_t *p);

static const struct {
    uint8_t code;
    bool disk_only, with_serial;
    unsigned (*build)(SCSIDisk *s, uint8_t *p);
} pages[] = {
    {0x00, false, false, page_list},           {0x80, false, true, page_serial},
    {0x83, false, false, page_identification}, {0xb0, true, false, page_block_limits},
    {0xb1, true, false, page_characteristics}, {0xb2, true, false, page_provisioning},
};

static bool page_exists(const SCSIDisk *s, unsigned i)
{
    return !(pages[i].disk_only && s->is_cd) && !(pages[i].with_serial && !s->serial);
}

static unsigned page_list(SCSIDisk *s, uint8_t *p)
{
    unsigned n = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(pages); i++) {
        if (page_exists(s, i)) {
            p[n++] = pages[i].code;
        }
    }
    return n;
}

bool scsi_disk_inquiry(SCSIDisk *s, SCSIRequest *r)
{
    uint8_t p[PAGE_MAX] = {0};

    if (!(r->cdb[1] & 1)) {
        return standard(s, r);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(pages); i++) {
        if (pages[i].code == r->cdb[2] && page_exists(s, i)) {
            unsigned n = pages[i].build(s, p + 4);

            p[0] = s->is_cd ? SCSI_TYPE_CD : SCSI_TYPE_DISK;
            p[1] = pages[i].code;
            scsi_put_be16(p + 2, n);
            return scsi_req_reply(r, p, 4 + n, scsi_get_be16(r->cdb + 3));
        }
    }
    return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
}
