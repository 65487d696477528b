/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packet commands of a CD/DVD-ROM drive (SPC-3, MMC-5). */
#include "hw/ide/ide.h"

#include "monitor/monitor.h"

enum {
    TEST_UNIT_READY = 0x00,
    REQUEST_SENSE = 0x03,
    INQUIRY = 0x12,
    MODE_SELECT_6 = 0x15,
    MODE_SENSE_6 = 0x1a,
    START_STOP = 0x1b,
    PREVENT_ALLOW = 0x1e,
    READ_CAPACITY = 0x25,
    READ_10 = 0x28,
    SEEK_10 = 0x2b,
    VERIFY_10 = 0x2f,
    SYNC_CACHE = 0x35,
    READ_SUBCHANNEL = 0x42,
    READ_TOC = 0x43,
    GET_CONFIGURATION = 0x46,
    GET_EVENT_STATUS = 0x4a,
    READ_DISC_INFO = 0x51,
    READ_TRACK_INFO = 0x52,
    MODE_SELECT_10 = 0x55,
    MODE_SENSE_10 = 0x5a,
    READ_12 = 0xa8,
    READ_DVD_STRUCTURE = 0xad,
    SET_SPEED = 0xbb,
    MECHANISM_STATUS = 0xbd,
    READ_CD = 0xbe,
};
enum { NO_SENSE = 0, NOT_READY = 2, MEDIUM_ERROR = 3, ILLEGAL_REQUEST = 5, UNIT_ATTENTION = 6 };
enum {
    ASC_UNRECOVERED_READ = 0x11,
    ASC_INVALID_COMMAND = 0x20,
    ASC_LBA_OUT_OF_RANGE = 0x21,
    ASC_INVALID_FIELD = 0x24,
    ASC_MEDIUM_CHANGED = 0x28,
    ASC_NO_MEDIUM = 0x3a,
    ASC_REMOVAL_PREVENTED = 0x53,
};
#define CD_MAX_SECTORS (80 * 60 * 75) /* beyond what a CD holds it is a DVD */
#define MODE_DATA_MAX 256

/* --- ends ------------------------------------------------------------------------------------- */

static void good(AtaTask *t)
{
    t->drive->sense_key = t->drive->asc = t->drive->ascq = 0;
    ata_done(t);
    t->regs.count = ATAPI_COD | ATAPI_IO;
}

static void check(AtaTask *t, uint8_t key, uint8_t asc, uint8_t ascq)
{
    IDEDrive *d = t->drive;

    d->sense_key = key;
    d->asc = asc;
    d->ascq = ascq;
    ata_fail(t, key << 4 | ATA_ERR_ABORT);
    t->regs.count = ATAPI_COD | ATAPI_IO;
}

void atapi_read_error(AtaTask *t)
{
    check(t, MEDIUM_ERROR, ASC_UNRECOVERED_READ, 0);
}

/* A data phase of what was allocated, cut to what the host takes. */
static void reply(AtaTask *t, uint32_t have, uint32_t allocation)
{
    uint32_t limit = t->regs.lba >> 8 & 0xffff;

    t->drive->sense_key = t->drive->asc = t->drive->ascq = 0;
    t->total = MIN(have, allocation);
    t->drq = limit && limit != 0xffff ? limit & ~1u : 0xfffe;
    t->drq = MAX(t->drq, 2u);
    if (!t->total) {
        good(t);
    }
}

static bool has_medium(const IDEDrive *d)
{
    return d->conf.blk && !d->tray_open;
}

static uint16_t be16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static void put_be16(uint8_t *p, uint16_t v)
{
    p[0] = v >> 8;
    p[1] = v;
}

static void put_be32(uint8_t *p, uint32_t v)
{
    put_be16(p, v >> 16);
    put_be16(p + 2, v);
}

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
        put_be32(p, lba);
    }
}

/* --- data of the medium ----------------------------------------------------------------------- */

static bool read_sectors(AtaTask *t, uint32_t lba, uint32_t count)
{
    IDEDrive *d = t->drive;
    uint32_t limit = t->regs.lba >> 8 & 0xffff;

    if (!has_medium(d)) {
        check(t, NOT_READY, ASC_NO_MEDIUM, 0);
    } else if (lba > d->sectors || count > d->sectors - lba) {
        check(t, ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, 0);
    } else if (!count) {
        good(t);
    } else {
        d->sense_key = d->asc = d->ascq = 0;
        t->phase = ATA_PHASE_IN;
        t->medium = true;
        t->offset = (uint64_t)lba * CD_SECTOR;
        t->total = (uint64_t)count * CD_SECTOR;
        t->done = 0;
        /* Whole sectors where the host takes that much in one piece. */
        t->drq = limit && limit != 0xffff ? limit & ~1u : 0xf800;
        t->drq = t->drq >= CD_SECTOR ? t->drq / CD_SECTOR * CD_SECTOR : MAX(t->drq, 2u);
    }
    return true;
}

/* READ CD: user data of mode 1 sectors is what an image has. */
static bool read_cd(AtaTask *t)
{
    const uint8_t *c = t->cdb;
    uint32_t count = c[6] << 16 | be16(c + 7);

    switch (c[9] & 0xf8) {
    case 0x00:
        good(t);
        return true;
    case 0x10:
        return read_sectors(t, be32(c + 2), count);
    }
    check(t, ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
    return true;
}

/* --- descriptions ----------------------------------------------------------------------------- */

static void inquiry(AtaTask *t)
{
    const IDEDrive *d = t->drive;
    uint8_t *p;

    if (t->cdb[1] & 1) { /* vital product data: the list of pages, which has itself only */
        if (t->cdb[2]) {
            check(t, ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
            return;
        }
        p = ata_buffer(t, ATA_PHASE_IN, 5);
        p[0] = 5;
        p[3] = 1;
        reply(t, 5, be16(t->cdb + 3));
        return;
    }
    p = ata_buffer(t, ATA_PHASE_IN, 36);
    p[0] = 5;    /* CD/DVD */
    p[1] = 0x80; /* removable */
    p[3] = 0x21; /* ATAPI-2, response format 1 */
    p[4] = 31;
    memset(p + 8, ' ', 28);
    memcpy(p + 8, "QEMU", 4);
    memcpy(p + 16, "QEMU DVD-ROM", 12);
    memcpy(p + 32, d->version, MIN(strlen(d->version), 4));
    reply(t, 36, be16(t->cdb + 3));
}

static void request_sense(AtaTask *t)
{
    IDEDrive *d = t->drive;
    uint8_t *p = ata_buffer(t, ATA_PHASE_IN, 18);

    p[0] = 0x70;
    p[2] = d->sense_key;
    p[7] = 10;
    p[12] = d->asc;
    p[13] = d->ascq;
    reply(t, 18, t->cdb[4]);
}

/* One mode page at p; its length, 0: there is no such page. */
static unsigned mode_page(const IDEDrive *d, uint8_t page, uint8_t *p)
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
        p[6] = 0x29 | (d->tray_locked ? 2 : 0); /* tray, eject, lock */
        put_be16(p + 8, 706);                   /* speed: 4x */
        put_be16(p + 10, 2);
        put_be16(p + 12, 512);
        put_be16(p + 14, 706);
        return 20;
    }
    return 0;
}

static void mode_sense(AtaTask *t, unsigned header)
{
    static const uint8_t all[] = {0x01, 0x0e, 0x2a};
    const IDEDrive *d = t->drive;
    uint8_t page = t->cdb[2] & 0x3f, control = t->cdb[2] >> 6;
    uint32_t allocation = header == 8 ? be16(t->cdb + 7) : t->cdb[4];
    uint8_t *p = ata_buffer(t, ATA_PHASE_IN, MODE_DATA_MAX);
    unsigned n = header;

    if (control == 3) { /* no saved values */
        check(t, ILLEGAL_REQUEST, 0x39, 0);
        return;
    }
    for (unsigned i = 0; i < sizeof(all); i++) {
        if (page == all[i] || page == 0x3f) {
            unsigned len = mode_page(d, all[i], p + n);

            if (control == 1) { /* nothing can be changed */
                memset(p + n + 2, 0, len - 2);
            }
            n += len;
        }
    }
    if (n == header) {
        check(t, ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    if (header == 8) {
        put_be16(p, n - 2);
        p[2] = d->tray_open ? 0x71 : d->conf.blk ? 0x01 : 0x70;
    } else {
        p[0] = n - 1;
        p[1] = d->tray_open ? 0x71 : d->conf.blk ? 0x01 : 0x70;
    }
    reply(t, n, allocation);
}

/* Parameters come, and have nothing to change. */
static void mode_select(AtaTask *t, uint32_t len)
{
    uint32_t limit = t->regs.lba >> 8 & 0xffff;

    if (!len) {
        good(t);
        return;
    }
    ata_buffer(t, ATA_PHASE_OUT, len);
    t->drq = MAX(limit & ~1u, 2u);
}

bool atapi_data_out(AtaTask *t)
{
    good(t);
    return true;
}

static void read_capacity(AtaTask *t)
{
    uint8_t *p = ata_buffer(t, ATA_PHASE_IN, 8);

    put_be32(p, t->drive->sectors - 1);
    put_be32(p + 4, CD_SECTOR);
    reply(t, 8, 8);
}

/* Formats 0 (one data track and the lead-out), 1 (one session) and 2 (raw). */
static void read_toc(AtaTask *t)
{
    bool msf = t->cdb[1] & 2;
    unsigned format = t->cdb[2] & 0xf, n;
    uint8_t start = t->cdb[6], *p;

    if (!format) {
        format = t->cdb[9] >> 6;
    }
    p = ata_buffer(t, ATA_PHASE_IN, 64);
    p[2] = p[3] = 1;
    n = 4;
    switch (format) {
    case 0:
        if (start > 1 && start != 0xaa) {
            check(t, ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
            return;
        }
        if (start <= 1) {
            p[n + 1] = 0x14;
            p[n + 2] = 1;
            put_address(p + n + 4, msf, 0);
            n += 8;
        }
        p[n + 1] = 0x16;
        p[n + 2] = 0xaa;
        put_address(p + n + 4, msf, t->drive->sectors);
        n += 8;
        break;
    case 1:
        p[n + 1] = 0x14;
        p[n + 2] = 1;
        put_address(p + n + 4, msf, 0);
        n += 8;
        break;
    case 2:
        for (unsigned i = 0; i < 4; i++) {
            static const uint8_t points[] = {0xa0, 0xa1, 0xa2, 1};
            uint8_t *e = p + n;

            e[0] = 1;
            e[1] = 0x14;
            e[3] = points[i];
            if (i < 2) {
                e[8] = 1; /* first and last track */
            } else {
                put_msf(e + 7, i == 2 ? t->drive->sectors : 0);
            }
            n += 11;
        }
        break;
    default:
        check(t, ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    put_be16(p, n - 2);
    reply(t, n, be16(t->cdb + 7));
}

/* MMC-5, 6.6: profiles DVD-ROM and CD-ROM, core, removable medium. */
static void get_configuration(AtaTask *t)
{
    const IDEDrive *d = t->drive;
    uint8_t *p = ata_buffer(t, ATA_PHASE_IN, 40);
    bool dvd = has_medium(d) && d->sectors > CD_MAX_SECTORS;
    unsigned n = 8;

    if ((t->cdb[1] & 3) == 3) {
        check(t, ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    put_be16(p + 6, !has_medium(d) ? 0 : dvd ? 0x10 : 0x08);
    put_be16(p + n, 0x0000); /* profile list */
    p[n + 2] = 0x03;
    p[n + 3] = 8;
    put_be16(p + n + 4, 0x10);
    p[n + 6] = dvd;
    put_be16(p + n + 8, 0x08);
    p[n + 10] = has_medium(d) && !dvd;
    n += 12;
    put_be16(p + n, 0x0001); /* core */
    p[n + 2] = 0x0b;
    p[n + 3] = 8;
    p[n + 7] = 2; /* ATAPI */
    p[n + 8] = 1;
    n += 12;
    put_be16(p + n, 0x0003); /* removable medium */
    p[n + 2] = 0x03;
    p[n + 3] = 4;
    p[n + 4] = 0x29; /* tray, eject, lock */
    n += 8;
    put_be32(p, n - 4);
    reply(t, n, be16(t->cdb + 7));
}

static void get_event_status(AtaTask *t)
{
    IDEDrive *d = t->drive;
    uint8_t *p = ata_buffer(t, ATA_PHASE_IN, 8);

    if (!(t->cdb[1] & 1)) { /* only polling */
        check(t, ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    p[3] = 0x10; /* media events are supported */
    if (!(t->cdb[4] & 0x10)) {
        p[1] = 2;
        p[2] = 0x80;
        reply(t, 4, be16(t->cdb + 7));
        return;
    }
    p[1] = 6;
    p[2] = 4;
    p[4] = d->event_pending ? 2 : 0; /* new medium */
    p[5] = (d->tray_open ? 1 : 0) | (has_medium(d) ? 2 : 0);
    d->event_pending = false;
    reply(t, 8, be16(t->cdb + 7));
}

static void read_disc_info(AtaTask *t)
{
    uint8_t *p = ata_buffer(t, ATA_PHASE_IN, 34);

    put_be16(p, 32);
    p[2] = 0x0e; /* last session complete, disc finalized */
    p[3] = p[4] = p[5] = p[6] = 1;
    p[7] = 0x20; /* unrestricted use */
    memset(p + 16, 0xff, 8);
    reply(t, 34, be16(t->cdb + 7));
}

static void read_track_info(AtaTask *t)
{
    uint8_t *p = ata_buffer(t, ATA_PHASE_IN, 36);

    if ((t->cdb[1] & 3) == 1 && be32(t->cdb + 2) > 1) {
        check(t, ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    put_be16(p, 34);
    p[2] = p[3] = 1;
    p[5] = 4;
    p[6] = 1; /* mode 1 */
    put_be32(p + 24, t->drive->sectors);
    reply(t, 36, be16(t->cdb + 7));
}

static void read_subchannel(AtaTask *t)
{
    uint8_t *p = ata_buffer(t, ATA_PHASE_IN, 4);

    p[1] = 0x15; /* no audio status */
    reply(t, 4, be16(t->cdb + 7));
}

/* Physical format information of a single-layer DVD-ROM. */
static void read_dvd_structure(AtaTask *t)
{
    uint8_t *p = ata_buffer(t, ATA_PHASE_IN, 2052);

    if (t->cdb[7] != 0 || t->cdb[6] || t->drive->sectors <= CD_MAX_SECTORS) {
        check(t, ILLEGAL_REQUEST, t->cdb[7] ? ASC_INVALID_FIELD : 0x30, 0);
        return;
    }
    put_be16(p, 2050);
    p[4] = 0x01; /* DVD-ROM, version 1 */
    p[5] = 0x0f;
    p[6] = 0x01;
    put_be32(p + 8, 0x30000);
    put_be32(p + 12, 0x30000 + t->drive->sectors - 1);
    reply(t, 2052, be16(t->cdb + 8));
}

static void mechanism_status(AtaTask *t)
{
    uint8_t *p = ata_buffer(t, ATA_PHASE_IN, 8);

    p[1] = t->drive->tray_open ? 0x10 : 0;
    p[5] = 1;
    reply(t, 8, be16(t->cdb + 8));
}

/* --- the tray --------------------------------------------------------------------------------- */

static void tray_event(IDEDrive *d)
{
    json_object *data = json_object_new_object();
    g_autofree char *path = object_get_canonical_path(OBJECT(d));

    json_object_object_add(data, "device", json_object_new_string(""));
    json_object_object_add(data, "id",
                           json_object_new_string(d->parent_obj.id ? d->parent_obj.id : path));
    json_object_object_add(data, "tray-open", json_object_new_boolean(d->tray_open));
    qapi_event_emit("DEVICE_TRAY_MOVED", data);
}

static void start_stop(AtaTask *t)
{
    IDEDrive *d = t->drive;
    bool start = t->cdb[4] & 1, load_eject = t->cdb[4] & 2;

    if (load_eject && !start && d->tray_locked && !d->tray_open) {
        check(t, has_medium(d) ? ILLEGAL_REQUEST : NOT_READY, ASC_REMOVAL_PREVENTED, 2);
        return;
    }
    if (load_eject && d->tray_open == start) {
        d->tray_open = !start;
        if (!d->tray_open && d->conf.blk) {
            d->changed = d->event_pending = true;
        }
        tray_event(d);
    }
    good(t);
}

/* --- decoding --------------------------------------------------------------------------------- */

static bool needs_medium(uint8_t op)
{
    switch (op) {
    case TEST_UNIT_READY:
    case READ_CAPACITY:
    case SEEK_10:
    case VERIFY_10:
    case READ_SUBCHANNEL:
    case READ_TOC:
    case READ_DISC_INFO:
    case READ_TRACK_INFO:
    case READ_DVD_STRUCTURE:
        return true;
    }
    return false;
}

static void small_command(AtaTask *t)
{
    switch (t->cdb[0]) {
    case TEST_UNIT_READY:
    case SYNC_CACHE:
    case SET_SPEED:
        good(t);
        return;
    case SEEK_10:
    case VERIFY_10:
        if (be32(t->cdb + 2) >= t->drive->sectors) {
            check(t, ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, 0);
        } else {
            good(t);
        }
        return;
    case PREVENT_ALLOW:
        t->drive->tray_locked = t->cdb[4] & 1;
        good(t);
        return;
    case START_STOP:
        start_stop(t);
        return;
    case REQUEST_SENSE:
        request_sense(t);
        return;
    case INQUIRY:
        inquiry(t);
        return;
    case MODE_SENSE_6:
        mode_sense(t, 4);
        return;
    case MODE_SENSE_10:
        mode_sense(t, 8);
        return;
    case MODE_SELECT_6:
        mode_select(t, t->cdb[4]);
        return;
    case MODE_SELECT_10:
        mode_select(t, be16(t->cdb + 7));
        return;
    case READ_CAPACITY:
        read_capacity(t);
        return;
    case READ_TOC:
        read_toc(t);
        return;
    case GET_CONFIGURATION:
        get_configuration(t);
        return;
    case GET_EVENT_STATUS:
        get_event_status(t);
        return;
    case READ_DISC_INFO:
        read_disc_info(t);
        return;
    case READ_TRACK_INFO:
        read_track_info(t);
        return;
    case READ_SUBCHANNEL:
        read_subchannel(t);
        return;
    case READ_DVD_STRUCTURE:
        read_dvd_structure(t);
        return;
    case MECHANISM_STATUS:
        mechanism_status(t);
        return;
    }
    check(t, ILLEGAL_REQUEST, ASC_INVALID_COMMAND, 0);
}

bool atapi_start(AtaTask *t)
{
    IDEDrive *d = t->drive;
    uint8_t op = t->cdb[0];

    /* A new medium is announced once (SPC-3, 5.9); these commands do not take the news away. */
    if (d->changed && op != REQUEST_SENSE && op != INQUIRY && op != GET_EVENT_STATUS &&
        op != GET_CONFIGURATION) {
        d->changed = false;
        check(t, UNIT_ATTENTION, ASC_MEDIUM_CHANGED, 0);
        return true;
    }
    if (needs_medium(op) && !has_medium(d)) {
        check(t, NOT_READY, ASC_NO_MEDIUM, d->tray_open ? 2 : 1);
        return true;
    }
    switch (op) {
    case READ_10:
        return read_sectors(t, be32(t->cdb + 2), be16(t->cdb + 7));
    case READ_12:
        return read_sectors(t, be32(t->cdb + 2), be32(t->cdb + 6));
    case READ_CD:
        return read_cd(t);
    }
    small_command(t);
    return true;
}

bool ata_task_packet(AtaTask *t, const uint8_t cdb[12])
{
    memset(t->cdb, 0, sizeof(t->cdb));
    memcpy(t->cdb, cdb, 12);
    return atapi_start(t);
}
