/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 82077AA/82078: execution phase of the commands that move data (data sheet, 6.1).
 *
 * Sectors that lie in a row on one side of a track and have the same data mark are a run.  A run is
 * read from the image before the host gets it, or collected from the host before it is written.
 */
#include "hw/block/fdc.h"

enum {
    CMD_MT = 0x80,
    CMD_MFM = 0x40,
    CMD_SK = 0x20,
    SPECIFY_NON_DMA = 0x01,
    CONFIG_IMPLIED_SEEK = 0x40,
    VERIFY_COUNTED = 0x80,
    SIZE_512 = 2,
    ID_BYTES = 4,
};

static void next_run(FdcCore *s);

/* --- end -------------------------------------------------------------------------------------- */

void fdc_finish(FdcCore *s, uint8_t st0)
{
    FdcExec *x = &s->x;
    uint8_t *p = s->fifo;

    p[0] = st0 | (x->seeked ? FDC_ST0_SEEK_END : 0) | x->head << 2 | x->unit;
    p[1] = x->st1;
    p[2] = x->st2;
    p[3] = x->c;
    p[4] = x->h;
    p[5] = x->r;
    p[6] = x->n;
    fdc_result(s, 7);
    s->result_irq = true;
    s->irq = true;
}

static void fail(FdcCore *s, uint8_t st1, uint8_t st2)
{
    s->x.st1 |= st1;
    s->x.st2 |= st2;
    fdc_finish(s, FDC_ST0_ABNORMAL);
}

/* The address that the host would go on with: table of result values at the end. */
static void to_next_address(FdcExec *x)
{
    if (x->r <= x->eot) {
        return;
    }
    x->r = 1;
    if (!x->mt) {
        x->c++;
    } else {
        x->c += x->head;
        x->h ^= 1;
    }
}

static void succeed(FdcCore *s)
{
    to_next_address(&s->x);
    fdc_finish(s, 0);
}

static void end_of_cylinder(FdcCore *s)
{
    FdcExec *x = &s->x;

    if (x->op == FDC_VERIFY && !x->counted) {
        succeed(s);
        return;
    }
    if (x->op == FDC_SCAN) {
        x->st2 |= FDC_ST2_SN;
        succeed(s);
        return;
    }
    to_next_address(x);
    fail(s, FDC_ST1_EN, 0);
}

/* --- marks ------------------------------------------------------------------------------------ */

bool fdc_marks_visible(const FdcCore *s, unsigned unit, unsigned head)
{
    const FdcDrive *d = unit < FDC_DRIVES && s->drive[unit].present ? &s->drive[unit] : NULL;

    return d && d->format && (!s->check_rate || (s->dsr & 3) == d->format->rate) &&
           d->track < d->format->tracks && head < d->format->heads;
}

static uint64_t *marks(FdcCore *s)
{
    FdcDrive *d = &s->drive[s->x.unit];

    return &d->deleted[2 * d->track + s->x.head];
}

static bool is_deleted(FdcCore *s, unsigned r)
{
    return *marks(s) >> r & 1;
}

static void set_marks(FdcCore *s, unsigned r, unsigned n, bool deleted)
{
    uint64_t mask = ((UINT64_C(1) << n) - 1) << r;

    *marks(s) = deleted ? *marks(s) | mask : *marks(s) & ~mask;
}

/* --- runs ------------------------------------------------------------------------------------- */

static bool writes(const FdcExec *x)
{
    return x->op == FDC_WRITE || x->op == FDC_FORMAT;
}

static void open_window(FdcCore *s, unsigned at, unsigned size)
{
    s->x.step = FDC_STEP_HOST;
    s->x.window = at;
    s->x.size = size;
    s->x.pos = 0;
    s->irq = s->x.pio;
}

/* What sector R's ID field and the command disagree about. */
static bool id_differs(FdcCore *s, uint8_t *st1, uint8_t *st2)
{
    const FdcExec *x = &s->x;
    const FdcDrive *d = &s->drive[x->unit];

    if (x->c != d->track) {
        *st2 |= FDC_ST2_WC;
    } else if (x->h == x->head && x->n == SIZE_512 && x->r && x->r <= d->format->sectors) {
        return false;
    }
    *st1 |= FDC_ST1_ND;
    return true;
}

/* Sectors whose data mark is not the wanted one are passed over.  False: there is no other. */
static bool skip_sectors(FdcCore *s, unsigned last)
{
    FdcExec *x = &s->x;

    while (x->r <= last && is_deleted(s, x->r) != x->deleted) {
        x->st2 |= FDC_ST2_CM;
        x->r += x->stride;
    }
    return x->r <= last;
}

/* Beyond EOT, or the end of the side: the other side, or that was all. */
static void side_done(FdcCore *s)
{
    FdcExec *x = &s->x;

    if (x->r <= x->eot || x->beyond) {
        fail(s, FDC_ST1_ND, 0); /* the track ends before EOT is met */
    } else if (x->mt && !x->head) {
        x->head = 1;
        x->h ^= 1;
        x->r = 1;
        next_run(s);
    } else {
        end_of_cylinder(s);
    }
}

/* READ TRACK takes sectors as they come by, from the index hole on; it only says whether their IDs
 * were the ones asked for. */
static unsigned plan_track(FdcCore *s)
{
    FdcExec *x = &s->x;

    if (!x->begun) {
        id_differs(s, &x->st1, &x->st2);
        x->st1 |= x->r != 1 ? FDC_ST1_ND : 0;
        x->begun = true;
        x->r = 1;
    }
    return MIN(x->eot, s->drive[x->unit].format->sectors);
}

/* How far a run reaches that begins at R. */
static unsigned run_length(FdcCore *s, unsigned last)
{
    FdcExec *x = &s->x;
    unsigned n = 1;

    if (x->one_by_one || x->last_sector || x->op == FDC_SCAN) {
        return 1;
    }
    while (x->r + n <= last &&
           (writes(x) || x->op == FDC_READ_TRACK || is_deleted(s, x->r + n) == x->deleted)) {
        n++;
    }
    return n;
}

static void next_run(FdcCore *s)
{
    FdcExec *x = &s->x;
    unsigned sectors, last;

    if (!fdc_marks_visible(s, x->unit, x->head)) {
        fail(s, FDC_ST1_MA, 0);
        return;
    }
    sectors = s->drive[x->unit].format->sectors;
    last = x->r <= x->eot ? MIN(x->eot, sectors) : sectors;
    x->beyond = x->r > x->eot;
    if (x->op == FDC_READ_TRACK) {
        last = plan_track(s);
        x->beyond = !x->eot;
    } else if (id_differs(s, &x->st1, &x->st2)) {
        fail(s, 0, 0);
        return;
    }
    if (x->op != FDC_WRITE && x->op != FDC_READ_TRACK && is_deleted(s, x->r) != x->deleted) {
        if (!x->skip) {
            x->st2 |= FDC_ST2_CM;
            x->last_sector = true;
        } else if (!skip_sectors(s, last)) {
            side_done(s);
            return;
        }
    }
    if (x->r > last) { /* READ TRACK with EOT 0 */
        side_done(s);
        return;
    }
    x->run = run_length(s, last);
    if (writes(x)) {
        memset(s->buffer, 0, x->run * FDC_SECTOR);
        open_window(s, 0, x->run * FDC_SECTOR);
    } else {
        x->step = FDC_STEP_DISK_READ;
    }
}

/* The run has been dealt with. */
static void run_done(FdcCore *s)
{
    FdcExec *x = &s->x;
    unsigned sectors;

    if (x->last_sector) {
        fdc_finish(s, 0); /* the address is not moved on */
        return;
    }
    x->r += x->op == FDC_SCAN ? x->stride : x->run;
    if (x->terminal || (x->counted && !x->left)) {
        succeed(s);
        return;
    }
    if (!fdc_marks_visible(s, x->unit, x->head)) {
        fail(s, FDC_ST1_MA, 0);
        return;
    }
    sectors = s->drive[x->unit].format->sectors;
    if (x->r > sectors || (x->r > x->eot && !x->beyond)) {
        side_done(s);
    } else {
        next_run(s);
    }
}

/* --- format ----------------------------------------------------------------------------------- */

/* An image has the format that it has: the IDs must be those of the track's sectors, in any order.
 */
static bool same_format(FdcCore *s)
{
    const FdcExec *x = &s->x;
    const FdcDrive *d = &s->drive[x->unit];
    uint64_t seen = 0;

    for (unsigned n = 0; n < x->pos / ID_BYTES; n++) {
        const uint8_t *id = s->buffer + n * ID_BYTES;

        if (id[0] != d->track || id[1] != x->head || !id[2] || id[2] > d->format->sectors ||
            id[3] != SIZE_512) {
            return false;
        }
        seen |= UINT64_C(1) << id[2];
    }
    return seen == ((UINT64_C(1) << d->format->sectors) - 1) << 1;
}

static void format_ids_done(FdcCore *s)
{
    FdcExec *x = &s->x;

    if (!fdc_marks_visible(s, x->unit, x->head)) {
        fail(s, FDC_ST1_MA, 0);
        return;
    }
    if (!same_format(s)) {
        fail(s, FDC_ST1_ND, 0);
        return;
    }
    x->run = s->drive[x->unit].format->sectors;
    x->r = 1;
    x->terminal = true;
    memset(s->buffer, x->fill, x->run * FDC_SECTOR);
    x->step = FDC_STEP_DISK_WRITE;
}

/* --- scan ------------------------------------------------------------------------------------- */

/* The first byte counts most; a byte of ones of either side fits anything. */
static int compare(const uint8_t *disk, const uint8_t *host, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (disk[i] != host[i] && disk[i] != 0xff && host[i] != 0xff) {
            return disk[i] < host[i] ? -1 : 1;
        }
    }
    return 0;
}

static void scan_sector(FdcCore *s)
{
    FdcExec *x = &s->x;
    int order = compare(s->buffer, s->buffer + x->window, x->pos);

    if (!order) {
        x->st2 |= FDC_ST2_SH;
    }
    if (!order || (x->scan == FDC_SCAN_LOW && order < 0) ||
        (x->scan == FDC_SCAN_HIGH && order > 0)) {
        fdc_finish(s, 0); /* at the sector that was found */
    } else if (x->terminal) {
        x->st2 |= FDC_ST2_SN;
        x->r += x->stride;
        succeed(s);
    } else {
        run_done(s);
    }
}

/* --- the host's side -------------------------------------------------------------------------- */

/* The window has been used up, or terminal count has come. */
static void window_done(FdcCore *s, bool tc)
{
    FdcExec *x = &s->x;
    unsigned sectors = DIV_ROUND_UP(x->pos, FDC_SECTOR);

    s->irq = false;
    if (x->op == FDC_FORMAT) {
        format_ids_done(s);
        return;
    }
    if (x->op == FDC_SCAN) {
        x->terminal = tc;
        scan_sector(s);
        return;
    }
    if (x->op == FDC_WRITE) {
        x->terminal = tc;
        x->run = sectors;
        x->step = FDC_STEP_DISK_WRITE;
        return;
    }
    if (tc) {
        if (!x->last_sector) {
            x->r += sectors;
            to_next_address(x);
        }
        fdc_finish(s, 0);
    } else {
        run_done(s);
    }
}

bool fdc_core_dma_window(FdcCore *s, void **buf, unsigned *len)
{
    FdcExec *x = &s->x;

    if (s->phase != FDC_EXECUTION || x->pio || x->step != FDC_STEP_HOST || s->io_busy) {
        return false;
    }
    *buf = s->buffer + x->window + x->pos;
    *len = x->size - x->pos;
    return true;
}

void fdc_core_dma_moved(FdcCore *s, unsigned n, bool tc)
{
    s->x.pos += n;
    if (tc || s->x.pos == s->x.size) {
        window_done(s, tc);
    }
}

/* What was under way with the old medium has lost its track. */
void fdc_core_set_medium(FdcCore *s, unsigned unit, const FloppyFormat *format, bool read_only)
{
    FdcDrive *d = &s->drive[unit];

    d->format = format;
    d->read_only = read_only;
    d->changed = true;
    d->passed = 0;
    memset(d->deleted, 0, sizeof(d->deleted));
    if (s->phase == FDC_EXECUTION && s->x.unit == unit) {
        s->io_stale = s->io_busy;
        fail(s, FDC_ST1_MA, 0);
    }
}

void fdc_core_overrun(FdcCore *s)
{
    fail(s, FDC_ST1_OR, 0);
}

static bool pio_ready(const FdcCore *s, bool to_host)
{
    const FdcExec *x = &s->x;

    return x->pio && x->step == FDC_STEP_HOST && !s->io_busy &&
           (x->op == FDC_READ || x->op == FDC_READ_TRACK) == to_host;
}

uint8_t fdc_exec_fifo_read(FdcCore *s)
{
    uint8_t val;

    if (!pio_ready(s, true)) {
        return 0;
    }
    val = s->buffer[s->x.window + s->x.pos];
    fdc_core_dma_moved(s, 1, false);
    return val;
}

void fdc_exec_fifo_write(FdcCore *s, uint8_t val)
{
    if (pio_ready(s, false)) {
        s->buffer[s->x.window + s->x.pos] = val;
        fdc_core_dma_moved(s, 1, false);
    }
}

/* --- the image's side ------------------------------------------------------------------------- */

bool fdc_core_next_io(FdcCore *s, FdcIO *io)
{
    FdcExec *x = &s->x;
    const FdcDrive *d = &s->drive[x->unit % FDC_DRIVES];

    if (s->phase != FDC_EXECUTION || s->io_busy) {
        return false;
    }
    if (x->step == FDC_STEP_START) {
        /* The buffer is free now. */
        if (x->op == FDC_FORMAT) {
            open_window(s, 0, x->run * ID_BYTES);
        } else {
            next_run(s);
        }
        if (s->phase != FDC_EXECUTION) {
            return false;
        }
    }
    if (x->step != FDC_STEP_DISK_READ && x->step != FDC_STEP_DISK_WRITE) {
        return false;
    }
    if (!d->format) {
        fail(s, FDC_ST1_MA, 0);
        return false;
    }
    *io = (FdcIO){
        .unit = x->unit,
        .write = x->step == FDC_STEP_DISK_WRITE,
        .offset =
            ((uint64_t)(d->track * d->format->heads + x->head) * d->format->sectors + x->r - 1) *
            FDC_SECTOR,
        .bytes = x->run * FDC_SECTOR,
        .buf = s->buffer,
    };
    s->io_busy = true;
    return true;
}

static void read_done(FdcCore *s)
{
    FdcExec *x = &s->x;

    switch (x->op) {
    case FDC_VERIFY:
        if (x->counted && x->left <= x->run) {
            x->run = x->left;
        }
        x->left -= x->counted ? x->run : 0;
        run_done(s);
        break;
    case FDC_SCAN:
        open_window(s, FDC_SECTOR, FDC_SECTOR);
        break;
    default:
        open_window(s, 0, x->run * FDC_SECTOR);
    }
}

void fdc_core_io_done(FdcCore *s, int ret)
{
    FdcExec *x = &s->x;

    s->io_busy = false;
    if (s->io_stale) {
        s->io_stale = false;
        return;
    }
    if (ret < 0 && x->step == FDC_STEP_DISK_READ && x->run > 1) {
        x->one_by_one = true; /* those before the bad one are good */
        x->run = 1;
    } else if (ret < 0) {
        bool write_protected = ret == -EACCES || ret == -EPERM || ret == -EROFS;

        fail(s, write_protected ? FDC_ST1_NW : FDC_ST1_DE,
             x->step == FDC_STEP_DISK_READ ? FDC_ST2_DD : 0);
    } else if (x->step == FDC_STEP_DISK_READ) {
        read_done(s);
    } else {
        set_marks(s, x->r, x->run, x->deleted);
        run_done(s);
    }
}

/* --- start ------------------------------------------------------------------------------------ */

static void decode_data(FdcCore *s, FdcExec *x)
{
    const uint8_t *p = s->fifo;

    x->c = p[2];
    x->h = p[3];
    x->r = p[4];
    x->n = p[5];
    x->eot = s->eot = p[6];
    x->mt = x->op != FDC_READ_TRACK && (p[0] & CMD_MT);
    x->skip = p[0] & CMD_SK;
    x->deleted = (p[0] & 0x1f) == 0x0c || (p[0] & 0x1f) == 0x09;
    x->stride = 1;
    if (x->op == FDC_SCAN) {
        x->scan = (p[0] & 0x0c) == 0x0c   ? FDC_SCAN_HIGH
                  : (p[0] & 0x08) == 0x08 ? FDC_SCAN_LOW
                                          : FDC_SCAN_EQUAL;
        x->stride = p[8] == 2 ? 2 : 1;
    }
    if (x->op == FDC_VERIFY) {
        x->counted = p[1] & VERIFY_COUNTED;
        x->left = p[8] ? p[8] : 256;
    }
}

static void decode_format(FdcCore *s, FdcExec *x)
{
    const uint8_t *p = s->fifo;

    x->n = p[2];
    x->eot = s->eot = p[3];
    x->run = p[3];
    x->fill = p[5];
}

void fdc_exec_begin(FdcCore *s, FdcOp op)
{
    FdcExec *x = &s->x;
    FdcDrive *d;

    *x = (FdcExec){
        .op = op,
        .step = FDC_STEP_START,
        .unit = s->fifo[1] & 3,
        .head = s->fifo[1] >> 2 & 1,
        .pio = (s->specify[1] & SPECIFY_NON_DMA) || !(s->dor & FDC_DOR_DMAGATE),
    };
    if (op == FDC_FORMAT) {
        decode_format(s, x);
    } else {
        decode_data(s, x);
    }
    s->phase = FDC_EXECUTION;
    d = fdc_drive(s, x->unit);
    if (op != FDC_FORMAT && (s->config & CONFIG_IMPLIED_SEEK)) {
        fdc_seek(s, x->unit, x->c - s->pcn[x->unit]);
        s->pcn[x->unit] = x->c;
        x->seeked = true;
    }
    if (op == FDC_FORMAT && d) {
        x->c = d->track;
        x->h = x->head;
    }
    if (!(s->fifo[0] & CMD_MFM) || !fdc_marks_visible(s, x->unit, x->head)) {
        fail(s, FDC_ST1_MA, 0);
    } else if (writes(x) && d->read_only) {
        fail(s, FDC_ST1_NW, 0);
    } else if (op == FDC_FORMAT && x->run != d->format->sectors) {
        fail(s, FDC_ST1_ND, 0);
    }
}
