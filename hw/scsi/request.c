/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests: their way in and out, their data, and the commands that a target answers itself,
 * whatever its units are (SPC-4: REPORT LUNS, and all commands to units that do not exist).
 */
#include "hw/scsi/scsi.h"
#include "qemu/trace.h"

/* --- results --------------------------------------------------------------------------------- */

bool scsi_req_good(SCSIRequest *r)
{
    r->status = SCSI_GOOD;
    return true;
}

bool scsi_req_check(SCSIRequest *r, uint8_t key, uint16_t asc)
{
    r->status = SCSI_CHECK_CONDITION;
    r->sense_len = scsi_build_sense(r->sense, false, key, asc, false, 0);
    return true;
}

bool scsi_req_check_info(SCSIRequest *r, bool descriptor, uint8_t key, uint16_t asc, uint64_t info)
{
    r->status = SCSI_CHECK_CONDITION;
    r->sense_len = scsi_build_sense(r->sense, descriptor, key, asc, true, info);
    return true;
}

bool scsi_req_invalid(SCSIRequest *r, uint16_t asc)
{
    return scsi_req_check(r, SCSI_ILLEGAL_REQUEST, asc);
}

void scsi_req_done(SCSIRequest *r)
{
    TRACE(scsi, done, "op 0x%02x status 0x%02x moved %" PRIu64, r->cdb[0], r->status, r->moved);
    if (r->cut_len) {
        r->iov[r->cut].iov_len += r->cut_len;
        r->cut_len = 0;
    }
    if (unlikely(r->buf)) {
        g_clear_pointer(&r->buf, g_free);
    }
    r->complete(r);
}

/* --- data ------------------------------------------------------------------------------------ */

size_t scsi_req_copy(SCSIRequest *r, size_t offset, void *buf, size_t len, bool to_guest)
{
    size_t done = 0;

    for (unsigned i = 0; i < r->niov && done < len; i++) {
        const struct iovec *v = &r->iov[i];
        size_t part;

        if (offset >= v->iov_len) {
            offset -= v->iov_len;
            continue;
        }
        part = MIN(len - done, v->iov_len - offset);
        if (to_guest) {
            memcpy((uint8_t *)v->iov_base + offset, (uint8_t *)buf + done, part);
        } else {
            memcpy((uint8_t *)buf + done, (uint8_t *)v->iov_base + offset, part);
        }
        done += part;
        offset = 0;
    }
    return done;
}

/* True if there are bytes of room in that direction. */
static bool room(SCSIRequest *r, uint64_t bytes, bool to_dev)
{
    if (bytes && (r->bytes < bytes || r->to_dev != to_dev)) {
        r->overrun = true;
        return false;
    }
    return true;
}

bool scsi_req_reply(SCSIRequest *r, const void *data, size_t have, uint64_t allocation)
{
    if (room(r, allocation, false)) {
        r->moved =
            scsi_req_copy(r, 0, (void *)(uintptr_t)data, MIN((uint64_t)have, allocation), true);
        scsi_req_good(r);
    }
    return true;
}

bool scsi_req_take(SCSIRequest *r, void *buf, size_t len)
{
    if (!room(r, len, true)) {
        return false;
    }
    r->moved = scsi_req_copy(r, 0, buf, len, false);
    return true;
}

bool scsi_req_data(SCSIRequest *r, uint64_t bytes, bool to_dev)
{
    unsigned i = 0;

    if (!room(r, bytes, to_dev)) {
        return false;
    }
    if (r->bytes > bytes) {
        for (uint64_t left = bytes; i < r->niov; i++) {
            if (left <= r->iov[i].iov_len) {
                r->cut = i;
                r->cut_len = r->iov[i].iov_len - left;
                r->iov[i].iov_len = left;
                break;
            }
            left -= r->iov[i].iov_len;
        }
        r->niov = bytes ? i + 1 : 0;
    }
    return true;
}

/* --- the target's own commands --------------------------------------------------------------- */

#define INQUIRY_BYTES 36

/* A unit that does not exist, or the well known one. */
static bool target_inquiry(SCSIRequest *r)
{
    uint8_t p[INQUIRY_BYTES] = {0};

    p[0] = r->dev ? SCSI_TYPE_NONE : SCSI_TYPE_WLUN;
    if (r->cdb[1] & 1) {
        if (r->cdb[2]) {
            return scsi_req_invalid(r, SCSI_ASC_INVALID_FIELD);
        }
        p[3] = 1; /* the list of pages has itself only */
        return scsi_req_reply(r, p, 5, scsi_get_be16(r->cdb + 3));
    }
    if (r->cdb[2]) {
        return scsi_req_invalid(r, SCSI_ASC_INVALID_FIELD);
    }
    p[2] = 5;
    p[3] = 0x12;
    p[4] = sizeof(p) - 5;
    memset(p + 8, ' ', 28);
    memcpy(p + 8, "QEMU", 4);
    memcpy(p + 16, "QEMU TARGET", 11);
    return scsi_req_reply(r, p, sizeof(p), scsi_get_be16(r->cdb + 3));
}

/* Each unit of the request's target; all of the bus, with their targets, for the well known unit.
 */
static size_t list_units(SCSIRequest *r, uint8_t *p, size_t max)
{
    const SCSITable *t = __atomic_load_n(&r->bus->table, __ATOMIC_ACQUIRE);
    bool zero = r->dev != NULL;
    size_t n = zero ? 8 : 0; /* unit 0 of a target is always there [SPC-4, 6.33] */

    for (unsigned i = 0; t && i < t->n && n + 8 <= max; i++) {
        const SCSIDevice *d = t->dev[i];

        if (!r->dev) {
            p[n] = 1;
            p[n + 1] = d->id;
            scsi_encode_lun(p + n + 2, d->lun);
            n += 8;
        } else if (d->id == r->dev->id && d->channel == r->dev->channel && d->lun) {
            scsi_encode_lun(p + n, d->lun);
            n += 8;
        }
    }
    return n;
}

static bool report_luns(SCSIRequest *r)
{
    const SCSITable *t = __atomic_load_n(&r->bus->table, __ATOMIC_ACQUIRE);
    uint32_t allocation = scsi_get_be32(r->cdb + 6);
    size_t max = 8 * ((t ? t->n : 0) + 1), n = 0;
    uint8_t *p;

    if (allocation < 16 || r->cdb[2] > 2) {
        return scsi_req_invalid(r, SCSI_ASC_INVALID_FIELD);
    }
    p = r->buf = g_try_malloc0(8 + max);
    if (!p) {
        return scsi_req_check(r, SCSI_HARDWARE_ERROR, SCSI_ASC_TARGET_FAILURE);
    }
    if (r->cdb[2] != 0) { /* well known units, alone or too */
        p[8] = 0xc1;
        p[9] = 1;
        n = 8;
    }
    if (r->cdb[2] != 1) {
        n = list_units(r, p + 8, max);
    }
    scsi_put_be32(p, n);
    return scsi_req_reply(r, p, 8 + n, allocation);
}

static bool target_command(SCSIRequest *r)
{
    uint8_t p[SCSI_SENSE_DESCRIPTOR];
    unsigned n;

    switch (r->cdb[0]) {
    case SCSI_REPORT_LUNS:
        return report_luns(r);
    case SCSI_INQUIRY:
        return target_inquiry(r);
    case SCSI_REQUEST_SENSE:
        n = scsi_build_sense(p, r->cdb[1] & 1, r->dev ? SCSI_ILLEGAL_REQUEST : SCSI_NO_SENSE,
                             r->dev ? SCSI_ASC_NO_SUCH_LUN : SCSI_ASC_NONE, false, 0);
        return scsi_req_reply(r, p, n, r->cdb[4]);
    case SCSI_TEST_UNIT_READY:
        if (!r->dev) {
            return scsi_req_good(r);
        }
        break;
    }
    return scsi_req_invalid(r, r->dev ? SCSI_ASC_NO_SUCH_LUN : SCSI_ASC_INVALID_COMMAND);
}

/* --- in -------------------------------------------------------------------------------------- */

static bool start(SCSIRequest *r)
{
    unsigned len = scsi_cdb_length(r->cdb[0]);

    if (!len) {
        return scsi_req_invalid(r, SCSI_ASC_INVALID_COMMAND);
    }
    /* A command that was transported in part, or one that asks for ACA, which there is not. */
    if (len > r->cdb_len || (r->cdb[len - 1] & 4)) {
        return scsi_req_invalid(r, SCSI_ASC_INVALID_FIELD);
    }
    if (!r->dev || r->lun_missing || r->cdb[0] == SCSI_REPORT_LUNS) {
        return target_command(r);
    }
    return SCSI_DEVICE_GET_CLASS(r->dev)->command(r->dev, r);
}

void scsi_req_start(SCSIRequest *r)
{
    r->overrun = r->parked = r->aborted = false;
    r->status = SCSI_GOOD;
    r->sense_len = 0;
    r->moved = 0;
    r->cut_len = 0;
    r->buf = NULL;
    TRACE(scsi, start, "op 0x%02x bytes %" PRIu64 " to_dev %d", r->cdb[0], r->bytes, r->to_dev);
    if (start(r)) {
        scsi_req_done(r);
    }
}

void scsi_req_resume(SCSIRequest *r)
{
    r->parked = false;
    SCSI_DEVICE_GET_CLASS(r->dev)->resume(r);
}

void scsi_req_abort(SCSIRequest *r)
{
    r->aborted = true;
    if (r->parked) {
        r->parked = false;
        scsi_req_done(r);
    } else {
        blk_cancel(&r->blk);
    }
}
