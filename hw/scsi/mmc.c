/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptions of a CD/DVD-ROM drive and its medium: one data track (MMC-5). */
#include "hw/scsi/mmc.h"

/* Minute, second, frame of a sector. */
static void put_msf(uint8_t *p, uint32_t lba)
{
    lba += 150;
    p[0] = 0;
    p[1] = lba / 75 / 60;
    p[2] = lba / 75 % 60;
    p[3] = lba % 75;
}

static void put_address(uint8_t *p, bool msf, uint32_t lba)
{
    if (msf) {
        put_msf(p, lba);
    } else {
        scsi_put_be32(p, lba);
    }
}

static bool is_dvd(const MmcState *m)
{
    return mmc_ready(m) && m->sectors > MMC_CD_MAX_SECTORS;
}

/* --- the medium ------------------------------------------------------------------------------ */

/* The track with this number (0xaa: the lead-out). */
static unsigned toc_track(uint8_t *p, bool msf, uint8_t number, uint32_t lba)
{
    p[1] = number == 0xaa ? 0x16 : 0x14;
    p[2] = number;
    put_address(p + 4, msf, lba);
    return 8;
}

static unsigned toc_raw(const MmcState *m, uint8_t *p)
{
    static const uint8_t points[] = {0xa0, 0xa1, 0xa2, 1};

    for (unsigned i = 0; i < sizeof(points); i++, p += 11) {
        p[0] = 1;
        p[1] = 0x14;
        p[3] = points[i];
        if (i < 2) {
            p[8] = 1; /* first and last track */
        } else {
            put_msf(p + 7, i == 2 ? m->sectors : 0);
        }
    }
    return 11 * sizeof(points);
}

/* Formats 0 (one data track and the lead-out), 1 (one session) and 2 (raw); 0: another. */
static unsigned read_toc(const MmcState *m, const uint8_t *c, uint8_t *p)
{
    bool msf = c[1] & 2;
    uint8_t format = c[2] & 0xf ? c[2] & 0xf : c[9] >> 6, start = c[6];
    unsigned n = 4;

    p[2] = p[3] = 1;
    switch (format) {
    case 0:
        if (start > 1 && start != 0xaa) {
            return 0;
        }
        if (start <= 1) {
            n += toc_track(p + n, msf, 1, 0);
        }
        n += toc_track(p + n, msf, 0xaa, m->sectors);
        break;
    case 1:
        n += toc_track(p + n, msf, 1, 0);
        break;
    case 2:
        n += toc_raw(m, p + n);
        break;
    default:
        return 0;
    }
    scsi_put_be16(p, n - 2);
    return n;
}

static unsigned read_disc_info(uint8_t *p)
{
    scsi_put_be16(p, 32);
    p[2] = 0x0e; /* last session complete, disc finalized */
    p[3] = p[4] = p[5] = p[6] = 1;
    p[7] = 0x20; /* unrestricted use */
    memset(p + 16, 0xff, 8);
    return 34;
}

static unsigned read_track_info(const MmcState *m, const uint8_t *c, uint8_t *p)
{
    if ((c[1] & 3) == 1 && scsi_get_be32(c + 2) > 1) {
        return 0;
    }
    scsi_put_be16(p, 34);
    p[2] = p[3] = 1;
    p[5] = 4;
    p[6] = 1; /* mode 1 */
    scsi_put_be32(p + 24, m->sectors);
    return 36;
}

/* Physical format information of a single-layer DVD-ROM. */
static unsigned read_dvd_structure(const MmcState *m, const uint8_t *c, uint8_t *p, uint16_t *asc)
{
    if (c[7] || c[6] || !is_dvd(m)) {
        *asc = c[7] ? SCSI_ASC_INVALID_FIELD : SCSI_ASC_INCOMPATIBLE_MEDIUM;
        return 0;
    }
    scsi_put_be16(p, 2050);
    p[4] = 0x01; /* DVD-ROM, version 1 */
    p[5] = 0x0f;
    p[6] = 0x01;
    scsi_put_be32(p + 8, 0x30000);
    scsi_put_be32(p + 12, 0x30000 + m->sectors - 1);
    return 2052;
}

/* --- the drive ------------------------------------------------------------------------------- */

/* 6.6: profiles DVD-ROM and CD-ROM, core, removable medium. */
static unsigned get_configuration(const MmcState *m, const uint8_t *c, uint8_t *p)
{
    bool dvd = is_dvd(m), cd = mmc_ready(m) && !dvd;
    uint16_t start = scsi_get_be16(c + 2);
    unsigned request = c[1] & 3, n = 8;

    if (request == 3) {
        return 0;
    }
    scsi_put_be16(p + 6, dvd ? 0x10 : cd ? 0x08 : 0);
    if (request == 2 ? start == 0x0000 : start == 0) { /* profile list */
        p[n + 2] = 0x03;
        p[n + 3] = 8;
        scsi_put_be16(p + n + 4, 0x10);
        p[n + 6] = dvd;
        scsi_put_be16(p + n + 8, 0x08);
        p[n + 10] = cd;
        n += 12;
    }
    if (request == 2 ? start == 0x0001 : start <= 1) { /* core */
        scsi_put_be16(p + n, 0x0001);
        p[n + 2] = 0x0b;
        p[n + 3] = 8;
        p[n + 7] = m->atapi ? 2 : 1;
        p[n + 8] = 1;
        n += 12;
    }
    if (request == 2 ? start == 0x0003 : start <= 3) { /* removable medium */
        scsi_put_be16(p + n, 0x0003);
        p[n + 2] = 0x03;
        p[n + 3] = 4;
        p[n + 4] = 0x29; /* tray, eject, lock */
        n += 8;
    }
    scsi_put_be32(p, n - 4);
    return n;
}

static unsigned get_event_status(MmcState *m, const uint8_t *c, uint8_t *p)
{
    if (!(c[1] & 1)) { /* only polling */
        return 0;
    }
    p[3] = 0x10; /* media events are supported */
    if (!(c[4] & 0x10)) {
        p[1] = 2;
        p[2] = 0x80;
        return 4;
    }
    p[1] = 6;
    p[2] = 4;
    if (m->eject_request) {
        p[4] = 1;
        m->eject_request = false;
    } else if (m->new_medium) {
        p[4] = 2;
        m->new_medium = false;
    }
    p[5] = (m->tray_open ? 1 : 0) | (mmc_ready(m) ? 2 : 0);
    return 8;
}

unsigned mmc_mode_page(const MmcState *m, uint8_t page, uint8_t *p)
{
    switch (page) {
    case 0x01: /* read error recovery */
        p[0] = 0x01;
        p[1] = 6;
        p[3] = 5;
        return 8;
    case 0x0e: /* audio control */
        p[0] = 0x0e;
        p[1] = 14;
        return 16;
    case 0x2a: /* capabilities */
        p[0] = 0x2a;
        p[1] = 18;
        p[2] = 0x3b;                            /* reads CD-R, CD-RW, method 2, DVD-ROM, DVD-R */
        p[4] = 0x70;                            /* multisession, mode 2 */
        p[6] = 0x29 | (m->tray_locked ? 2 : 0); /* tray, eject, lock */
        scsi_put_be16(p + 8, 706);              /* speed: 4x */
        scsi_put_be16(p + 10, 2);
        scsi_put_be16(p + 12, 512);
        scsi_put_be16(p + 14, 706);
        return 20;
    }
    return 0;
}

uint8_t mmc_medium_type(const MmcState *m)
{
    return m->tray_open ? 0x71 : m->inserted ? 0x01 : 0x70;
}

/* --- decoding -------------------------------------------------------------------------------- */

bool mmc_knows(uint8_t opcode)
{
    switch (opcode) {
    case SCSI_READ_SUBCHANNEL:
    case SCSI_READ_TOC:
    case SCSI_GET_CONFIGURATION:
    case SCSI_GET_EVENT_STATUS:
    case SCSI_READ_DISC_INFO:
    case SCSI_READ_TRACK_INFO:
    case SCSI_READ_DVD_STRUCTURE:
    case SCSI_MECHANISM_STATUS:
        return true;
    }
    return false;
}

bool mmc_needs_medium(uint8_t opcode)
{
    switch (opcode) {
    case SCSI_TEST_UNIT_READY:
    case SCSI_READ_CAPACITY_10:
    case SCSI_SEEK_10:
    case SCSI_VERIFY_10:
    case SCSI_READ_SUBCHANNEL:
    case SCSI_READ_TOC:
    case SCSI_READ_DISC_INFO:
    case SCSI_READ_TRACK_INFO:
    case SCSI_READ_DVD_STRUCTURE:
        return true;
    }
    return false;
}

unsigned mmc_reply(MmcState *m, const uint8_t *c, uint8_t *p, uint32_t *allocation, uint16_t *asc)
{
    *asc = SCSI_ASC_INVALID_FIELD;
    *allocation = scsi_get_be16(c + 7);
    switch (c[0]) {
    case SCSI_READ_SUBCHANNEL:
        p[1] = 0x15; /* no audio status */
        return 4;
    case SCSI_READ_TOC:
        return read_toc(m, c, p);
    case SCSI_GET_CONFIGURATION:
        return get_configuration(m, c, p);
    case SCSI_GET_EVENT_STATUS:
        return get_event_status(m, c, p);
    case SCSI_READ_DISC_INFO:
        return read_disc_info(p);
    case SCSI_READ_TRACK_INFO:
        return read_track_info(m, c, p);
    case SCSI_READ_DVD_STRUCTURE:
        *allocation = scsi_get_be16(c + 8);
        return read_dvd_structure(m, c, p, asc);
    case SCSI_MECHANISM_STATUS:
        *allocation = scsi_get_be16(c + 8);
        p[1] = m->tray_open ? 0x10 : 0;
        p[5] = 1;
        return 8;
    }
    return 0;
}
