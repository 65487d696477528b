/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packet commands of a CD/DVD-ROM drive (SPC-3, MMC-5). */
#include "hw/ide/ide.h"

#include "hw/scsi/mmc.h"

#define MODE_DATA_MAX 256

/* --- ends ------------------------------------------------------------------------------------- */

static void good(AtaTask *t)
{
    t->drive->sense_key = t->drive->asc = t->drive->ascq = 0;
    ata_done(t);
    t->regs.count = ATAPI_COD | ATAPI_IO;
}

static void check(AtaTask *t, uint8_t key, uint16_t asc)
{
    IDEDrive *d = t->drive;

    d->sense_key = key;
    d->asc = asc >> 8;
    d->ascq = asc;
    ata_fail(t, key << 4 | ATA_ERR_ABORT);
    t->regs.count = ATAPI_COD | ATAPI_IO;
}

void atapi_medium_gone(AtaTask *t)
{
    check(t, SCSI_NOT_READY, SCSI_ASC_NO_MEDIUM);
}

void atapi_read_error(AtaTask *t)
{
    check(t, SCSI_MEDIUM_ERROR, SCSI_ASC_READ_ERROR);
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

static MmcState mmc_state(const IDEDrive *d)
{
    return (MmcState){
        .sectors = d->sectors,
        .inserted = d->conf.blk != NULL,
        .tray_open = d->tray_open,
        .tray_locked = d->tray_locked,
        .atapi = true,
        .new_medium = d->event_pending,
        .eject_request = d->eject_request,
    };
}

/* --- data of the medium ----------------------------------------------------------------------- */

static bool read_sectors(AtaTask *t, uint32_t lba, uint32_t count)
{
    IDEDrive *d = t->drive;
    uint32_t limit = t->regs.lba >> 8 & 0xffff;

    if (!has_medium(d)) {
        check(t, SCSI_NOT_READY, SCSI_ASC_NO_MEDIUM);
    } else if (lba > d->sectors || count > d->sectors - lba) {
        check(t, SCSI_ILLEGAL_REQUEST, SCSI_ASC_LBA_RANGE);
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
    uint32_t count = c[6] << 16 | scsi_get_be16(c + 7);

    switch (c[9] & 0xf8) {
    case 0x00:
        good(t);
        return true;
    case 0x10:
        return read_sectors(t, scsi_get_be32(c + 2), count);
    }
    check(t, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
    return true;
}

/* --- descriptions ----------------------------------------------------------------------------- */

static void inquiry(AtaTask *t)
{
    const IDEDrive *d = t->drive;
    uint8_t *p;

    if (t->cdb[1] & 1) { /* vital product data: the list of pages, which has itself only */
        if (t->cdb[2]) {
            check(t, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
            return;
        }
        p = ata_buffer(t, ATA_PHASE_IN, 5);
        p[0] = 5;
        p[3] = 1;
        reply(t, 5, scsi_get_be16(t->cdb + 3));
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
    reply(t, 36, scsi_get_be16(t->cdb + 3));
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

static void mode_sense(AtaTask *t, unsigned header)
{
    static const uint8_t all[] = {0x01, 0x0e, 0x2a};
    MmcState m = mmc_state(t->drive);
    uint8_t page = t->cdb[2] & 0x3f, control = t->cdb[2] >> 6;
    uint32_t allocation = header == 8 ? scsi_get_be16(t->cdb + 7) : t->cdb[4];
    uint8_t *p = ata_buffer(t, ATA_PHASE_IN, MODE_DATA_MAX);
    unsigned n = header;

    if (control == 3) { /* no saved values */
        check(t, SCSI_ILLEGAL_REQUEST, SCSI_ASC_NO_SAVING);
        return;
    }
    for (unsigned i = 0; i < sizeof(all); i++) {
        if (page == all[i] || page == 0x3f) {
            unsigned len = mmc_mode_page(&m, all[i], p + n);

            if (control == 1) { /* nothing can be changed */
                memset(p + n + 2, 0, len - 2);
            }
            n += len;
        }
    }
    if (n == header) {
        check(t, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
        return;
    }
    if (header == 8) {
        scsi_put_be16(p, n - 2);
        p[2] = mmc_medium_type(&m);
    } else {
        p[0] = n - 1;
        p[1] = mmc_medium_type(&m);
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

    scsi_put_be32(p, t->drive->sectors - 1);
    scsi_put_be32(p + 4, CD_SECTOR);
    reply(t, 8, 8);
}

/* --- the tray --------------------------------------------------------------------------------- */

static void move_tray(IDEDrive *d, bool open)
{
    if (d->tray_open == open) {
        return;
    }
    d->tray_open = open;
    if (!open && d->conf.blk) {
        d->changed = d->event_pending = true;
    }
    blk_removable_tray_moved(&d->medium, open);
}

static void start_stop(AtaTask *t)
{
    IDEDrive *d = t->drive;
    bool start = t->cdb[4] & 1, load_eject = t->cdb[4] & 2;

    if (load_eject && !start && d->tray_locked && !d->tray_open) {
        check(t, has_medium(d) ? SCSI_ILLEGAL_REQUEST : SCSI_NOT_READY, SCSI_ASC_REMOVAL_PREVENTED);
        return;
    }
    if (load_eject) {
        move_tray(d, !start);
    }
    good(t);
}

/* --- the monitor's way to it: main loop, where commands run too --------------------------------
 */

static BlockBackend *medium(DeviceState *dev)
{
    return IDE_DRIVE(dev)->conf.blk;
}

static bool tray_open(DeviceState *dev)
{
    return IDE_DRIVE(dev)->tray_open;
}

static bool tray_locked(DeviceState *dev)
{
    return IDE_DRIVE(dev)->tray_locked;
}

static void monitor_moves_tray(DeviceState *dev, bool open)
{
    if (open) {
        IDE_DRIVE(dev)->tray_locked = false;
    }
    move_tray(IDE_DRIVE(dev), open);
}

static void request_eject(DeviceState *dev)
{
    IDE_DRIVE(dev)->eject_request = true;
}

static bool set_medium(DeviceState *dev, BlockBackend *blk, GError **errp)
{
    IDEDrive *d = IDE_DRIVE(dev);
    BlockBackend *old = d->conf.blk;
    int64_t sectors = blk ? blk_getlength(blk) / CD_SECTOR : 0;

    if (sectors < 0 || sectors > UINT32_MAX) {
        error_setg(errp, "ide-cd: '%s' is no image that a CD or DVD can have", blk_name(blk));
        return false;
    }
    if (blk && !blk_set_error_policy(blk, d->conf.rerror, d->conf.werror, errp)) {
        return false;
    }
    /* First, so that what is under way finds nothing when it wants more. */
    d->conf.blk = blk;
    d->sectors = sectors;
    if (old) {
        blk_detach_dev(old);
    }
    return true;
}

const BlkRemovableOps atapi_removable_ops = {
    .medium = medium,
    .tray_open = tray_open,
    .tray_locked = tray_locked,
    .move_tray = monitor_moves_tray,
    .request_eject = request_eject,
    .set_medium = set_medium,
};

/* --- decoding --------------------------------------------------------------------------------- */

static void describe(AtaTask *t)
{
    MmcState m = mmc_state(t->drive);
    g_autofree uint8_t *answer = g_malloc0(MMC_REPLY_MAX);
    uint32_t allocation;
    uint16_t asc;
    unsigned n = mmc_reply(&m, t->cdb, answer, &allocation, &asc);

    t->drive->event_pending = m.new_medium;
    t->drive->eject_request = m.eject_request;
    if (!n) {
        check(t, SCSI_ILLEGAL_REQUEST, asc);
        return;
    }
    memcpy(ata_buffer(t, ATA_PHASE_IN, n), answer, n);
    reply(t, n, allocation);
}

static void small_command(AtaTask *t)
{
    switch (t->cdb[0]) {
    case SCSI_TEST_UNIT_READY:
    case SCSI_SYNCHRONIZE_CACHE_10:
    case SCSI_SET_SPEED:
        good(t);
        return;
    case SCSI_SEEK_10:
    case SCSI_VERIFY_10:
        if (scsi_get_be32(t->cdb + 2) >= t->drive->sectors) {
            check(t, SCSI_ILLEGAL_REQUEST, SCSI_ASC_LBA_RANGE);
        } else {
            good(t);
        }
        return;
    case SCSI_PREVENT_ALLOW:
        t->drive->tray_locked = t->cdb[4] & 1;
        t->drive->eject_request &= t->drive->tray_locked;
        good(t);
        return;
    case SCSI_START_STOP:
        start_stop(t);
        return;
    case SCSI_REQUEST_SENSE:
        request_sense(t);
        return;
    case SCSI_INQUIRY:
        inquiry(t);
        return;
    case SCSI_MODE_SENSE_6:
        mode_sense(t, 4);
        return;
    case SCSI_MODE_SENSE_10:
        mode_sense(t, 8);
        return;
    case SCSI_MODE_SELECT_6:
        mode_select(t, t->cdb[4]);
        return;
    case SCSI_MODE_SELECT_10:
        mode_select(t, scsi_get_be16(t->cdb + 7));
        return;
    case SCSI_READ_CAPACITY_10:
        read_capacity(t);
        return;
    }
    if (mmc_knows(t->cdb[0])) {
        describe(t);
        return;
    }
    check(t, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_COMMAND);
}

bool atapi_start(AtaTask *t)
{
    IDEDrive *d = t->drive;
    uint8_t op = t->cdb[0];

    /* A new medium is announced once (SPC-3, 5.9); these commands do not take the news away. */
    if (d->changed && op != SCSI_REQUEST_SENSE && op != SCSI_INQUIRY &&
        op != SCSI_GET_EVENT_STATUS && op != SCSI_GET_CONFIGURATION) {
        d->changed = false;
        check(t, SCSI_UNIT_ATTENTION, SCSI_ASC_MEDIUM_CHANGED);
        return true;
    }
    if (mmc_needs_medium(op) && !has_medium(d)) {
        check(t, SCSI_NOT_READY,
              d->tray_open ? SCSI_ASC_NO_MEDIUM_OPEN : SCSI_ASC_NO_MEDIUM_CLOSED);
        return true;
    }
    switch (op) {
    case SCSI_READ_10:
        return read_sectors(t, scsi_get_be32(t->cdb + 2), scsi_get_be16(t->cdb + 7));
    case SCSI_READ_12:
        return read_sectors(t, scsi_get_be32(t->cdb + 2), scsi_get_be32(t->cdb + 6));
    case SCSI_READ_CD:
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
