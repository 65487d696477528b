/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ATA commands of a disk (ATA8-ACS): decoding, data phases, block requests. */
#include "hw/ide/ide.h"

#include "qemu/log.h"
#include "system/runstate.h"

enum {
    CMD_NOP = 0x00,
    CMD_DSM = 0x06,
    CMD_RECALIBRATE = 0x10,
    CMD_READ = 0x20,
    CMD_READ_ONCE = 0x21,
    CMD_READ_EXT = 0x24,
    CMD_READ_DMA_EXT = 0x25,
    CMD_READ_NATIVE_MAX_EXT = 0x27,
    CMD_READ_MULTIPLE_EXT = 0x29,
    CMD_READ_LOG_EXT = 0x2f,
    CMD_WRITE = 0x30,
    CMD_WRITE_ONCE = 0x31,
    CMD_WRITE_EXT = 0x34,
    CMD_WRITE_DMA_EXT = 0x35,
    CMD_WRITE_MULTIPLE_EXT = 0x39,
    CMD_WRITE_DMA_FUA_EXT = 0x3d,
    CMD_VERIFY = 0x40,
    CMD_VERIFY_ONCE = 0x41,
    CMD_VERIFY_EXT = 0x42,
    CMD_READ_LOG_DMA_EXT = 0x47,
    CMD_READ_NCQ = 0x60,
    CMD_WRITE_NCQ = 0x61,
    CMD_SEEK = 0x70,
    CMD_DIAGNOSTIC = 0x90,
    CMD_INIT_PARAMETERS = 0x91,
    CMD_IDENTIFY_PACKET = 0xa1,
    CMD_READ_MULTIPLE = 0xc4,
    CMD_WRITE_MULTIPLE = 0xc5,
    CMD_SET_MULTIPLE = 0xc6,
    CMD_READ_DMA = 0xc8,
    CMD_READ_DMA_ONCE = 0xc9,
    CMD_WRITE_DMA = 0xca,
    CMD_WRITE_DMA_ONCE = 0xcb,
    CMD_WRITE_MULTIPLE_FUA_EXT = 0xce,
    CMD_STANDBY_NOW = 0xe0,
    CMD_IDLE_NOW = 0xe1,
    CMD_STANDBY = 0xe2,
    CMD_IDLE = 0xe3,
    CMD_CHECK_POWER = 0xe5,
    CMD_SLEEP = 0xe6,
    CMD_FLUSH = 0xe7,
    CMD_FLUSH_EXT = 0xea,
    CMD_IDENTIFY = 0xec,
    CMD_SET_FEATURES = 0xef,
    CMD_READ_NATIVE_MAX = 0xf8,
};
#define LBA48_MASK ((UINT64_C(1) << 48) - 1)
#define DEVICE_LBA 0x40

/* --- ends ------------------------------------------------------------------------------------- */

void ata_done(AtaTask *t)
{
    t->phase = ATA_PHASE_DONE;
    t->regs.status = ATA_ST_READY | ATA_ST_SEEK;
    t->regs.error = 0;
}

void ata_fail(AtaTask *t, uint8_t error)
{
    t->phase = ATA_PHASE_DONE;
    t->regs.status = ATA_ST_READY | ATA_ST_SEEK | ATA_ST_ERR;
    t->regs.error = error;
}

void ata_task_abort(AtaTask *t)
{
    ata_fail(t, ATA_ERR_ABORT);
}

uint8_t *ata_buffer(AtaTask *t, AtaPhase phase, uint32_t n)
{
    g_free(t->buf);
    t->buf = g_malloc0(n);
    t->medium = false;
    t->phase = phase;
    t->total = n;
    t->done = 0;
    t->drq = ATA_SECTOR;
    return t->buf;
}

void ata_task_clear(AtaTask *t)
{
    g_clear_pointer(&t->buf, g_free);
}

/* --- block requests --------------------------------------------------------------------------- */

static void request_done(BlkRequest *req, int ret);

static void submit(AtaTask *t)
{
    t->active = true;
    blk_submit(t->drive->conf.blk, &t->req, aio_get_main());
}

static void start_request(AtaTask *t, BlkOp op, unsigned flags, uint64_t offset, uint64_t bytes,
                          void *buf)
{
    t->iov = (struct iovec){.iov_base = buf, .iov_len = bytes};
    t->req = (BlkRequest){
        .op = op,
        .flags = flags,
        .offset = offset,
        .bytes = bytes,
        .iov = buf ? &t->iov : NULL,
        .niov = buf ? 1 : 0,
        .complete = request_done,
    };
    submit(t);
}

/* The sector that could not be read or written, for the registers. */
static void failed_at(AtaTask *t, uint64_t sector)
{
    t->regs.lba = sector & LBA48_MASK;
    ata_fail(t, t->req.op == BLK_READ ? ATA_ERR_UNC : ATA_ERR_ABORT);
}

/* Next range of a TRIM; false: a request is under way. */
static bool next_range(AtaTask *t)
{
    unsigned n = t->total / 8;

    while (t->ranges_left) {
        uint64_t entry;
        uint64_t lba, count;

        memcpy(&entry, t->buf + 8 * (n - t->ranges_left), 8);
        t->ranges_left--;
        lba = entry & LBA48_MASK;
        count = entry >> 48;
        if (!count) {
            continue;
        }
        if (lba >= t->drive->sectors || count > t->drive->sectors - lba) {
            t->ranges_left = 0;
            ata_fail(t, ATA_ERR_IDNF);
            return true;
        }
        start_request(t, BLK_DISCARD, 0, lba * ATA_SECTOR, count * ATA_SECTOR, NULL);
        return false;
    }
    ata_done(t);
    return true;
}

/* All bytes of the data phase have moved. */
static bool data_complete(AtaTask *t)
{
    if (t->phase == ATA_PHASE_OUT && !t->medium) {
        if (t->drive->is_cd) {
            return atapi_data_out(t);
        }
        t->ranges_left = t->total / 8;
        return next_range(t);
    }
    ata_done(t);
    if (t->drive->is_cd) {
        t->regs.count = ATAPI_COD | ATAPI_IO;
    }
    return true;
}

/* True: the task is to be told that it is ready. */
static bool request_result(AtaTask *t, int ret)
{
    IDEDrive *d = t->drive;

    if (ret < 0 && !d->conf.blk) {
        atapi_medium_gone(t);
        return true;
    }
    if (ret < 0 && t->req.op != BLK_DISCARD) {
        switch (blk_error_action(d->conf.blk, t->req.op == BLK_READ, -ret)) {
        case BLOCK_ERROR_ACTION_STOP:
            t->stalled = true;
            t->next_stalled = d->stalled;
            d->stalled = t;
            return false;
        case BLOCK_ERROR_ACTION_REPORT:
            if (d->is_cd) {
                atapi_read_error(t);
            } else {
                failed_at(t, t->req.offset / ATA_SECTOR);
            }
            return true;
        case BLOCK_ERROR_ACTION_IGNORE:
            break;
        }
    }
    if (t->req.op == BLK_FLUSH) {
        ata_done(t);
        return true;
    }
    if (t->req.op == BLK_DISCARD) {
        return next_range(t);
    }
    t->done += t->piece;
    return t->done < t->total || data_complete(t);
}

static void request_done(BlkRequest *req, int ret)
{
    AtaTask *t = container_of(req, AtaTask, req);
    QEMU_LOCK_GUARD(t->lock);

    t->active = false;
    if (!t->dropped && request_result(t, ret)) {
        t->ready(t);
    }
}

/* The VM runs again: what an error had stopped is tried once more. */
void ide_drive_resume(void *opaque, bool running, RunState state);
void ide_drive_resume(void *opaque, bool running, RunState state)
{
    IDEDrive *d = opaque;
    AtaTask *list = d->stalled;

    if (!running || !list) {
        return;
    }
    QEMU_LOCK_GUARD(list->lock);
    d->stalled = NULL;
    for (AtaTask *next; list; list = next) {
        next = list->next_stalled;
        list->stalled = false;
        if (d->conf.blk) {
            submit(list);
        } else {
            atapi_medium_gone(list);
            list->ready(list);
        }
    }
}

void ide_drive_cancel(IDEDrive *d, AtaTask *tasks, unsigned n)
{
    assert_main_loop();
    for (unsigned i = 0; i < n; i++) {
        QEMU_LOCK_GUARD(tasks[i].lock);

        tasks[i].dropped = tasks[i].drive == d;
        if (tasks[i].dropped && tasks[i].stalled) {
            tasks[i].stalled = false;
        }
    }
    d->stalled = NULL;
    if (d->conf.blk) {
        blk_drain_cancelled(d->conf.blk);
    }
    for (unsigned i = 0; i < n; i++) {
        tasks[i].dropped = false;
    }
}

bool ata_flush(AtaTask *t)
{
    start_request(t, BLK_FLUSH, 0, 0, 0, NULL);
    return false;
}

bool ata_task_transfer(AtaTask *t, void *buf, uint32_t len)
{
    bool in = t->phase == ATA_PHASE_IN;

    g_assert(len && len <= t->total - t->done);
    if (t->medium && !t->drive->conf.blk) {
        atapi_medium_gone(t);
        return true;
    }
    if (t->medium) {
        t->piece = len;
        start_request(t, in ? BLK_READ : BLK_WRITE, t->fua ? BLK_REQ_FUA : 0, t->offset + t->done,
                      len, buf);
        return false;
    }
    if (in) {
        memcpy(buf, t->buf + t->done, len);
    } else {
        memcpy(t->buf + t->done, buf, len);
    }
    t->done += len;
    return t->done < t->total || data_complete(t);
}

/* --- reading and writing ---------------------------------------------------------------------- */

/* First sector of a 28-bit command: LBA, or cylinder, head and sector (from 1).  UINT64_MAX: no
 * such sector. */
static uint64_t address28(const AtaTask *t)
{
    const IDEDrive *d = t->drive;
    uint64_t low = t->regs.lba & 0xffffff;
    unsigned head = t->regs.device & 0xf, sec = low & 0xff, cyl = low >> 8;

    if (t->regs.device & DEVICE_LBA) {
        return low | (uint64_t)head << 24;
    }
    if (!sec || sec > d->cur_secs || head >= d->cur_heads) {
        return UINT64_MAX;
    }
    return ((uint64_t)cyl * d->cur_heads + head) * d->cur_secs + sec - 1;
}

/* Sectors and first sector of the command; false: outside the medium. */
static bool extent(AtaTask *t, bool ext, uint64_t *lba, uint32_t *count)
{
    uint64_t sectors = t->drive->sectors;

    if (t->ncq) {
        *lba = t->regs.lba & LBA48_MASK;
        *count = t->regs.feature ? t->regs.feature : 65536;
    } else if (ext) {
        *lba = t->regs.lba & LBA48_MASK;
        *count = t->regs.count ? t->regs.count : 65536;
    } else {
        *lba = address28(t);
        *count = t->regs.count & 0xff ? t->regs.count & 0xff : 256;
    }
    return *lba < sectors && *count <= sectors - *lba;
}

static bool start_rw(AtaTask *t, AtaPhase phase, bool ext, bool dma, unsigned block, bool fua)
{
    uint64_t lba;
    uint32_t count;

    if (!extent(t, ext, &lba, &count)) {
        ata_fail(t, ATA_ERR_IDNF);
        return true;
    }
    if (phase == ATA_PHASE_OUT && blk_is_read_only(t->drive->conf.blk)) {
        ata_fail(t, ATA_ERR_ABORT);
        return true;
    }
    t->phase = phase;
    t->medium = true;
    t->dma = dma;
    t->fua = fua || (phase == ATA_PHASE_OUT && !t->drive->write_cache);
    t->drq = block * ATA_SECTOR;
    t->offset = lba * ATA_SECTOR;
    t->total = (uint64_t)count * ATA_SECTOR;
    t->done = 0;
    return true;
}

static bool start_multiple(AtaTask *t, AtaPhase phase, bool ext, bool fua)
{
    if (!t->drive->multiple) {
        ata_fail(t, ATA_ERR_ABORT);
        return true;
    }
    return start_rw(t, phase, ext, false, t->drive->multiple, fua);
}

static void verify(AtaTask *t, bool ext)
{
    uint64_t lba;
    uint32_t count;

    if (extent(t, ext, &lba, &count)) {
        ata_done(t);
    } else {
        ata_fail(t, ATA_ERR_IDNF);
    }
}

/* --- small commands --------------------------------------------------------------------------- */

static void set_features(AtaTask *t)
{
    IDEDrive *d = t->drive;
    uint8_t count = t->regs.count;

    switch (t->regs.feature & 0xff) {
    case 0x02: /* write cache on */
        d->write_cache = true;
        break;
    case 0x82:
        d->write_cache = false;
        break;
    case 0x03: /* transfer mode */
        switch (count >> 3) {
        case 0: /* PIO */
        case 1:
            d->mwdma = d->udma = 0;
            break;
        case 4:
            d->udma = 0;
            d->mwdma = 8 | (count & 7);
            break;
        case 8:
            d->mwdma = 0;
            d->udma = 8 | (count & 7);
            break;
        default:
            ata_fail(t, ATA_ERR_ABORT);
            return;
        }
        if ((d->mwdma & 7) > 2 || (d->udma & 7) > 5) {
            d->mwdma = d->udma = 0;
            ata_fail(t, ATA_ERR_ABORT);
            return;
        }
        break;
    case 0x10: /* SATA features: none needs anything here */
    case 0x90:
    case 0x55: /* look-ahead off, on */
    case 0xaa:
    case 0x66: /* defaults at reset */
    case 0xcc:
        break;
    default:
        ata_fail(t, ATA_ERR_ABORT);
        return;
    }
    ata_done(t);
}

static void native_max(AtaTask *t, bool ext)
{
    uint64_t last = t->drive->sectors - 1;

    if (ext) {
        t->regs.lba = last & LBA48_MASK;
    } else {
        last = MIN(last, UINT64_C(0x0fffffff));
        t->regs.lba = last & 0xffffff;
        t->regs.device = (t->regs.device & 0xf0) | (last >> 24 & 0xf);
    }
    ata_done(t);
}

/* Logs: directory (0), and what was wrong with a queued command (0x10). */
static void read_log(AtaTask *t, bool dma)
{
    IDEDrive *d = t->drive;
    uint8_t address = t->regs.lba & 0xff, sum = 0, *p;
    unsigned page = t->regs.lba >> 8 & 0xffff;

    if ((address != 0 && address != 0x10) || page || t->regs.count != 1) {
        ata_fail(t, ATA_ERR_ABORT);
        return;
    }
    p = ata_buffer(t, ATA_PHASE_IN, 512);
    t->dma = dma;
    if (address == 0) {
        p[0] = 1;
        p[0x20] = 1;
        return;
    }
    p[0] = d->ncq_error_tag;
    p[2] = d->ncq_error.status;
    p[3] = d->ncq_error.error;
    p[4] = d->ncq_error.lba;
    p[5] = d->ncq_error.lba >> 8;
    p[6] = d->ncq_error.lba >> 16;
    p[7] = d->ncq_error.device;
    p[8] = d->ncq_error.lba >> 24;
    p[9] = d->ncq_error.lba >> 32;
    p[10] = d->ncq_error.lba >> 40;
    p[12] = d->ncq_error.count;
    p[13] = d->ncq_error.count >> 8;
    for (unsigned n = 0; n < 511; n++) {
        sum += p[n];
    }
    p[511] = -sum;
    d->ncq_error_tag = 0x80;
}

static void trim(AtaTask *t)
{
    if ((t->regs.feature & 0xff) != 1 || !t->regs.count || t->regs.count > 8 ||
        blk_is_read_only(t->drive->conf.blk)) {
        ata_fail(t, ATA_ERR_ABORT);
        return;
    }
    ata_buffer(t, ATA_PHASE_OUT, t->regs.count * ATA_SECTOR);
    t->dma = true;
}

static void init_parameters(AtaTask *t)
{
    IDEDrive *d = t->drive;
    uint8_t secs = t->regs.count, heads = (t->regs.device & 0xf) + 1;

    if (!secs) {
        ata_fail(t, ATA_ERR_ABORT);
        return;
    }
    d->cur_secs = secs;
    d->cur_heads = heads;
    d->cur_cyls = MIN(d->sectors / ((uint64_t)secs * heads), UINT64_C(65535));
    ata_done(t);
}

static void set_multiple(AtaTask *t)
{
    uint8_t n = t->regs.count;

    if (n > ATA_MULTIPLE_MAX || (n & (n - 1))) {
        ata_fail(t, ATA_ERR_ABORT);
        return;
    }
    t->drive->multiple = n;
    ata_done(t);
}

/* --- decoding --------------------------------------------------------------------------------- */

static bool start_disk(AtaTask *t)
{
    uint8_t cmd = t->regs.command;

    switch (cmd) {
    case CMD_READ:
    case CMD_READ_ONCE:
    case CMD_READ_EXT:
        return start_rw(t, ATA_PHASE_IN, cmd == CMD_READ_EXT, false, 1, false);
    case CMD_WRITE:
    case CMD_WRITE_ONCE:
    case CMD_WRITE_EXT:
        return start_rw(t, ATA_PHASE_OUT, cmd == CMD_WRITE_EXT, false, 1, false);
    case CMD_READ_MULTIPLE:
    case CMD_READ_MULTIPLE_EXT:
        return start_multiple(t, ATA_PHASE_IN, cmd == CMD_READ_MULTIPLE_EXT, false);
    case CMD_WRITE_MULTIPLE:
    case CMD_WRITE_MULTIPLE_EXT:
    case CMD_WRITE_MULTIPLE_FUA_EXT:
        return start_multiple(t, ATA_PHASE_OUT, cmd != CMD_WRITE_MULTIPLE,
                              cmd == CMD_WRITE_MULTIPLE_FUA_EXT);
    case CMD_READ_DMA:
    case CMD_READ_DMA_ONCE:
    case CMD_READ_DMA_EXT:
        return start_rw(t, ATA_PHASE_IN, cmd == CMD_READ_DMA_EXT, true, 1, false);
    case CMD_WRITE_DMA:
    case CMD_WRITE_DMA_ONCE:
    case CMD_WRITE_DMA_EXT:
    case CMD_WRITE_DMA_FUA_EXT:
        return start_rw(t, ATA_PHASE_OUT, cmd == CMD_WRITE_DMA_EXT || cmd == CMD_WRITE_DMA_FUA_EXT,
                        true, 1, cmd == CMD_WRITE_DMA_FUA_EXT);
    case CMD_READ_NCQ:
    case CMD_WRITE_NCQ:
        if (!t->ncq) {
            ata_fail(t, ATA_ERR_ABORT);
            return true;
        }
        return start_rw(t, cmd == CMD_READ_NCQ ? ATA_PHASE_IN : ATA_PHASE_OUT, true, true, 1,
                        t->regs.device & 0x80);
    case CMD_FLUSH:
    case CMD_FLUSH_EXT:
        return ata_flush(t);
    case CMD_VERIFY:
    case CMD_VERIFY_ONCE:
    case CMD_VERIFY_EXT:
        verify(t, cmd == CMD_VERIFY_EXT);
        return true;
    case CMD_DSM:
        trim(t);
        return true;
    case CMD_IDENTIFY:
        ata_identify(t->drive, ata_buffer(t, ATA_PHASE_IN, 512));
        return true;
    case CMD_SET_FEATURES:
        set_features(t);
        return true;
    case CMD_SET_MULTIPLE:
        set_multiple(t);
        return true;
    case CMD_INIT_PARAMETERS:
        init_parameters(t);
        return true;
    case CMD_READ_NATIVE_MAX:
    case CMD_READ_NATIVE_MAX_EXT:
        native_max(t, cmd == CMD_READ_NATIVE_MAX_EXT);
        return true;
    case CMD_READ_LOG_EXT:
    case CMD_READ_LOG_DMA_EXT:
        read_log(t, cmd == CMD_READ_LOG_DMA_EXT);
        return true;
    case CMD_CHECK_POWER:
        t->regs.count = 0xff; /* active or idle */
        ata_done(t);
        return true;
    case CMD_RECALIBRATE ... CMD_RECALIBRATE + 15:
    case CMD_SEEK ... CMD_SEEK + 15:
    case CMD_STANDBY_NOW ... CMD_IDLE:
    case CMD_SLEEP:
        ata_done(t);
        return true;
    }
    ata_fail(t, ATA_ERR_ABORT);
    return true;
}

bool ata_task_start(AtaTask *t)
{
    IDEDrive *d = t->drive;

    t->phase = ATA_PHASE_DONE;
    t->dma = t->medium = t->fua = false;
    t->ncq = d->sata && !d->is_cd &&
             (t->regs.command == CMD_READ_NCQ || t->regs.command == CMD_WRITE_NCQ);
    t->total = t->done = 0;
    if (t->regs.command == CMD_DIAGNOSTIC) {
        ide_drive_signature(d, &t->regs);
        t->regs.status = d->is_cd ? 0 : ATA_ST_READY | ATA_ST_SEEK;
        t->regs.error = 1; /* passed */
        return true;
    }
    if (!d->is_cd) {
        return start_disk(t);
    }
    switch (t->regs.command) {
    case ATA_CMD_PACKET:
        t->dma = t->regs.feature & 1;
        t->phase = ATA_PHASE_PACKET;
        t->regs.count = ATAPI_COD;
        return true;
    case CMD_IDENTIFY_PACKET:
        ata_identify_packet(d, ata_buffer(t, ATA_PHASE_IN, 512));
        return true;
    case ATA_CMD_DEVICE_RESET:
        ide_drive_signature(d, &t->regs);
        t->regs.status = 0;
        t->regs.error = 1;
        return true;
    case CMD_IDENTIFY:
    case CMD_READ: /* a packet device answers with its signature */
        ide_drive_signature(d, &t->regs);
        ata_fail(t, ATA_ERR_ABORT);
        return true;
    case CMD_SET_FEATURES:
        set_features(t);
        return true;
    case CMD_CHECK_POWER:
        t->regs.count = 0xff;
        ata_done(t);
        return true;
    case CMD_STANDBY_NOW ... CMD_IDLE:
    case CMD_SLEEP:
        ata_done(t);
        return true;
    }
    ata_fail(t, ATA_ERR_ABORT);
    return true;
}
