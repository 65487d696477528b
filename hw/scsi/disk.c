/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of disks and CD-ROM drives: decoding, unit attentions, and those that move no blocks
 * (SPC-4, SBC-3, MMC-5).
 */
#include "disk.h"

/* --- sense ----------------------------------------------------------------------------------- */

static bool descriptor_sense(SCSIDisk *s)
{
    return __atomic_load_n(&s->descriptor_sense, __ATOMIC_RELAXED);
}

bool scsi_disk_check(SCSIDisk *s, SCSIRequest *r, uint8_t key, uint16_t asc)
{
    r->status = SCSI_CHECK_CONDITION;
    r->sense_len = scsi_build_sense(r->sense, descriptor_sense(s), key, asc, false, 0);
    return true;
}

bool scsi_disk_check_lba(SCSIDisk *s, SCSIRequest *r, uint64_t lba)
{
    return scsi_req_check_info(r, descriptor_sense(s), SCSI_ILLEGAL_REQUEST, SCSI_ASC_LBA_RANGE,
                               lba);
}

static bool invalid_field(SCSIDisk *s, SCSIRequest *r)
{
    return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD);
}

/* --- unit attentions [SAM-5, 5.14] ----------------------------------------------------------- */

/* Takes the first one; 0: there is none. */
static uint16_t take_attention(SCSIDisk *s)
{
    static const uint16_t codes[] = {SCSI_ASC_POWER_ON,         SCSI_ASC_DEVICE_RESET,
                                     SCSI_ASC_NEXUS_LOSS,       SCSI_ASC_MEDIUM_CHANGED,
                                     SCSI_ASC_CAPACITY_CHANGED, SCSI_ASC_LUNS_CHANGED};
    uint32_t bits = __atomic_load_n(&s->attentions, __ATOMIC_RELAXED), first = bits & -bits;

    if (!bits || !(__atomic_fetch_and(&s->attentions, ~first, __ATOMIC_RELAXED) & first)) {
        return 0;
    }
    return codes[__builtin_ctz(first)];
}

/* These are answered in any case, and take no attention away. */
static bool ignores_attention(uint8_t op)
{
    return op == SCSI_INQUIRY || op == SCSI_REPORT_LUNS || op == SCSI_REQUEST_SENSE ||
           op == SCSI_GET_CONFIGURATION || op == SCSI_GET_EVENT_STATUS;
}

/* --- small commands: lock held --------------------------------------------------------------- */

MmcState scsi_disk_mmc(SCSIDisk *s)
{
    return (MmcState){
        .sectors = scsi_disk_blocks(s),
        .inserted = scsi_disk_backend(s) != NULL,
        .tray_open = s->tray_open,
        .tray_locked = s->tray_locked,
        .new_medium = s->new_medium,
        .eject_request = s->eject_request,
    };
}

static bool not_ready(SCSIDisk *s, SCSIRequest *r)
{
    return scsi_disk_check(s, r, SCSI_NOT_READY,
                           s->tray_open ? SCSI_ASC_NO_MEDIUM_OPEN : SCSI_ASC_NO_MEDIUM_CLOSED);
}

static bool request_sense(SCSIDisk *s, SCSIRequest *r)
{
    uint8_t p[SCSI_SENSE_DESCRIPTOR];
    uint16_t asc = take_attention(s);
    unsigned n = scsi_build_sense(p, r->cdb[1] & 1, asc ? SCSI_UNIT_ATTENTION : SCSI_NO_SENSE, asc,
                                  false, 0);

    return scsi_req_reply(r, p, n, r->cdb[4]);
}

static bool read_capacity_10(SCSIDisk *s, SCSIRequest *r)
{
    uint64_t blocks = scsi_disk_blocks(s);
    uint8_t p[8];

    if (!(r->cdb[8] & 1) && scsi_get_be32(r->cdb + 2)) {
        return invalid_field(s, r);
    }
    if (!blocks) {
        return scsi_disk_check(s, r, SCSI_NOT_READY, SCSI_ASC_NOT_READY_INTERVENTION);
    }
    scsi_put_be32(p, MIN(blocks - 1, UINT64_C(0xffffffff)));
    scsi_put_be32(p + 4, s->block_size);
    return scsi_req_reply(r, p, sizeof(p), sizeof(p));
}

static bool read_capacity_16(SCSIDisk *s, SCSIRequest *r)
{
    uint64_t blocks = scsi_disk_blocks(s);
    uint8_t p[32] = {0};

    if ((r->cdb[1] & 0x1f) != SCSI_SAI_READ_CAPACITY_16 ||
        (!(r->cdb[14] & 1) && scsi_get_be64(r->cdb + 2))) {
        return invalid_field(s, r);
    }
    if (!blocks) {
        return scsi_disk_check(s, r, SCSI_NOT_READY, SCSI_ASC_NOT_READY_INTERVENTION);
    }
    scsi_put_be64(p, blocks - 1);
    scsi_put_be32(p + 8, s->block_size);
    p[13] = __builtin_ctz(s->conf.physical_block_size / s->block_size);
    p[14] = s->discard ? 0x80 : 0; /* LBPME */
    return scsi_req_reply(r, p, sizeof(p), scsi_get_be32(r->cdb + 10));
}

static bool seek(SCSIDisk *s, SCSIRequest *r)
{
    if (scsi_disk_in_range(s, r, scsi_get_be32(r->cdb + 2), 1)) {
        scsi_req_good(r);
    }
    return true;
}

static bool synchronize(SCSIDisk *s, SCSIRequest *r)
{
    uint64_t lba;
    uint32_t n;

    scsi_disk_extent(r->cdb, &lba, &n);
    /* Everything is written, whatever the range is. */
    return scsi_disk_in_range(s, r, lba, n) ? scsi_disk_flush(s, r) : true;
}

/* [SBC-3, 5.25; MMC-5, 6.42]  A disk that stops writes what it has; it goes on by itself. */
static bool start_stop(SCSIDisk *s, SCSIRequest *r)
{
    bool begin = r->cdb[4] & 1, load_eject = r->cdb[4] & 2;

    if (r->cdb[4] >> 4) { /* a power condition: entered and left at once */
        return scsi_req_good(r);
    }
    if (load_eject && s->is_cd) {
        if (!begin && s->tray_locked && !s->tray_open) {
            return scsi_disk_check(s, r,
                                   scsi_disk_backend(s) ? SCSI_ILLEGAL_REQUEST : SCSI_NOT_READY,
                                   SCSI_ASC_REMOVAL_PREVENTED);
        }
        scsi_disk_move_tray(s, !begin);
        return scsi_req_good(r);
    }
    if (!begin && !s->is_cd && !(r->cdb[4] & 4)) {
        return scsi_disk_flush(s, r);
    }
    return scsi_req_good(r);
}

static bool prevent_allow(SCSIDisk *s, SCSIRequest *r)
{
    s->tray_locked = r->cdb[4] & 1;
    if (!s->tray_locked) {
        s->eject_request = false;
    }
    return scsi_req_good(r);
}

static bool send_diagnostic(SCSIDisk *s, SCSIRequest *r)
{
    /* The default self-test passes; there are no others. */
    return (r->cdb[1] & 0xe4) == 4 ? scsi_req_good(r) : invalid_field(s, r);
}

static bool describe_cd(SCSIDisk *s, SCSIRequest *r)
{
    MmcState m = scsi_disk_mmc(s);
    uint32_t allocation;
    uint16_t asc;
    unsigned n;

    r->buf = g_try_malloc0(MMC_REPLY_MAX);
    if (!r->buf) {
        return scsi_disk_check(s, r, SCSI_HARDWARE_ERROR, SCSI_ASC_TARGET_FAILURE);
    }
    n = mmc_reply(&m, r->cdb, r->buf, &allocation, &asc);
    s->new_medium = m.new_medium;
    s->eject_request = m.eject_request;
    return n ? scsi_req_reply(r, r->buf, n, allocation)
             : scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, asc);
}

/* User data of mode 1 sectors is what an image has. */
static bool read_cd(SCSIDisk *s, SCSIRequest *r)
{
    switch (r->cdb[9] & 0xf8) {
    case 0x00:
        return scsi_req_good(r);
    case 0x10:
        return scsi_disk_transfer(s, r, scsi_get_be32(r->cdb + 2), scsi_get_be24(r->cdb + 6), false,
                                  false);
    }
    return invalid_field(s, r);
}

/* --- decoding -------------------------------------------------------------------------------- */

static bool cd_command(SCSIDisk *s, SCSIRequest *r)
{
    uint8_t op = r->cdb[0];

    if (mmc_knows(op)) {
        return describe_cd(s, r);
    }
    switch (op) {
    case SCSI_READ_CD:
        return read_cd(s, r);
    case SCSI_SET_SPEED:
        return scsi_req_good(r);
    }
    return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_COMMAND);
}

static bool disk_command(SCSIDisk *s, SCSIRequest *r)
{
    switch (r->cdb[0]) {
    case SCSI_SYNCHRONIZE_CACHE_16:
        return synchronize(s, r);
    case SCSI_WRITE_VERIFY_10:
    case SCSI_WRITE_VERIFY_12:
    case SCSI_WRITE_VERIFY_16:
        return scsi_disk_write_verify(s, r);
    case SCSI_WRITE_SAME_10:
    case SCSI_WRITE_SAME_16:
        return scsi_disk_write_same(s, r);
    case SCSI_UNMAP:
        return scsi_disk_unmap(s, r);
    case SCSI_RESERVE_6: /* there is one initiator: it has what it reserves */
    case SCSI_RESERVE_10:
    case SCSI_RELEASE_6:
    case SCSI_RELEASE_10:
        return scsi_req_good(r);
    }
    return scsi_disk_check(s, r, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_COMMAND);
}

static bool small_command(SCSIDisk *s, SCSIRequest *r)
{
    switch (r->cdb[0]) {
    case SCSI_TEST_UNIT_READY:
        return scsi_req_good(r);
    case SCSI_REQUEST_SENSE:
        return request_sense(s, r);
    case SCSI_INQUIRY:
        return scsi_disk_inquiry(s, r);
    case SCSI_MODE_SENSE_6:
    case SCSI_MODE_SENSE_10:
        return scsi_disk_mode_sense(s, r);
    case SCSI_MODE_SELECT_6:
    case SCSI_MODE_SELECT_10:
        return scsi_disk_mode_select(s, r);
    case SCSI_START_STOP:
        return start_stop(s, r);
    case SCSI_SEND_DIAGNOSTIC:
        return send_diagnostic(s, r);
    case SCSI_PREVENT_ALLOW:
        return s->removable ? prevent_allow(s, r) : scsi_req_good(r);
    case SCSI_READ_CAPACITY_10:
        return read_capacity_10(s, r);
    case SCSI_SERVICE_ACTION_IN_16:
        return read_capacity_16(s, r);
    case SCSI_SEEK_10:
        return seek(s, r);
    case SCSI_VERIFY_10:
    case SCSI_VERIFY_12:
    case SCSI_VERIFY_16:
        return scsi_disk_verify(s, r);
    case SCSI_SYNCHRONIZE_CACHE_10:
        return s->is_cd ? scsi_req_good(r) : synchronize(s, r);
    }
    return s->is_cd ? cd_command(s, r) : disk_command(s, r);
}

static bool is_rw(uint8_t op)
{
    switch (op) {
    case SCSI_READ_6:
    case SCSI_READ_10:
    case SCSI_READ_12:
    case SCSI_READ_16:
    case SCSI_WRITE_6:
    case SCSI_WRITE_10:
    case SCSI_WRITE_12:
    case SCSI_WRITE_16:
        return true;
    }
    return false;
}

/* Beyond MMC's own: whatever looks at the blocks. */
static bool needs_medium(uint8_t op)
{
    return mmc_needs_medium(op) || is_rw(op) || op == SCSI_READ_CD ||
           op == SCSI_SERVICE_ACTION_IN_16 || op == SCSI_VERIFY_12 || op == SCSI_VERIFY_16;
}

bool scsi_disk_command(SCSIDevice *dev, SCSIRequest *r)
{
    SCSIDisk *s = SCSI_DISK(dev);
    uint8_t op = r->cdb[0];

    if (unlikely(__atomic_load_n(&s->attentions, __ATOMIC_RELAXED)) && !ignores_attention(op)) {
        uint16_t asc = take_attention(s);

        if (asc) {
            return scsi_disk_check(s, r, SCSI_UNIT_ATTENTION, asc);
        }
    }
    if (likely(is_rw(op) && __atomic_load_n(&s->ready, __ATOMIC_ACQUIRE))) {
        return scsi_disk_rw(s, r);
    }
    QEMU_LOCK_GUARD(&s->lock);
    if (s->is_cd && !s->ready && needs_medium(op)) {
        return not_ready(s, r);
    }
    return small_command(s, r);
}
