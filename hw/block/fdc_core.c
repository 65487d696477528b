/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 82077AA/82078: registers, and the command and result phases (data sheets, 2.1 and 6). */
#include "hw/block/fdc.h"

enum {
    DSR_RESET = 0x80,
    DSR_POWERDOWN = 0x40,
    DSR_HARD = 0x00, /* 500 kbit/s, as firmware leaves it; the chip alone would say 250 */
    DOR_POWER_ON = FDC_DOR_RESET_N | FDC_DOR_DMAGATE,
    CONFIG_EFIFO = 0x20,
    CONFIG_LOCKED = 0x2f, /* EFIFO, FIFOTHR */
    CONFIG_DEFAULT = CONFIG_EFIFO,
    VERSION_82077 = 0x90,
    PART_82078 = 0x41,
    RELATIVE_IN = 0x40,
    SPEC_DONE = 0x80,
    SPEC_NO_RESULT = 0x40,
    SPEC_BYTES_MAX = 5, /* one a drive, and the last one */
    SAVED = 16,
    RECALIBRATE_STEPS = 79,
};

FdcDrive *fdc_drive(FdcCore *s, unsigned unit)
{
    return unit < FDC_DRIVES && s->drive[unit].present ? &s->drive[unit] : NULL;
}

static FdcDrive *selected(FdcCore *s)
{
    return fdc_drive(s, s->dor & 3);
}

/* --- phases ----------------------------------------------------------------------------------- */

static void expect_command(FdcCore *s)
{
    s->phase = FDC_COMMAND;
    s->pos = 0;
    s->len = 1;
}

void fdc_result(FdcCore *s, unsigned len)
{
    s->phase = FDC_RESULT;
    s->pos = 0;
    s->len = len;
    s->result_irq = false;
}

static void result_byte(FdcCore *s, uint8_t val)
{
    s->fifo[0] = val;
    fdc_result(s, 1);
}

static void cause_interrupt(FdcCore *s, unsigned unit, uint8_t st0)
{
    s->sense_st0[unit] = st0 | unit;
    s->sense_pending |= BIT(unit);
    s->irq = true;
}

/* --- reset ------------------------------------------------------------------------------------ */

/* What is under way ends; a request on the buffer goes on, and nobody looks at its result. */
static void abort_all(FdcCore *s)
{
    s->io_stale = s->io_busy;
    s->sense_pending = 0;
    s->irq = false;
    expect_command(s);
}

/* By DOR or DSR: SPECIFY's values stay, and those of CONFIGURE that are locked. */
static void soft_reset(FdcCore *s)
{
    abort_all(s);
    s->perpendicular &= ~3u; /* GAP, WGATE */
    if (s->lock) {
        s->config &= CONFIG_LOCKED;
    } else {
        s->config = CONFIG_DEFAULT;
        s->pretrk = 0;
    }
}

/* The drives are polled: each has one interrupt cause. */
static void after_reset(FdcCore *s)
{
    for (unsigned n = 0; n < 4; n++) {
        cause_interrupt(s, n, FDC_ST0_POLLING);
    }
}

void fdc_core_reset(FdcCore *s)
{
    s->lock = false;
    s->dor = DOR_POWER_ON;
    s->dsr = DSR_HARD;
    s->tdr = 0;
    s->perpendicular = s->powerdown = s->option = s->eot = 0;
    memset(s->specify, 0, sizeof(s->specify));
    memset(s->drive_spec, 0, sizeof(s->drive_spec));
    memset(s->pcn, 0, sizeof(s->pcn));
    for (unsigned n = 0; n < FDC_DRIVES; n++) {
        s->drive[n].track = s->drive[n].passed = 0;
        s->drive[n].changed = true;
    }
    soft_reset(s);
}

/* --- seeks ------------------------------------------------------------------------------------ */

/* Moves the heads; the change line goes back when they do, and there is a medium. False: there is
 * no drive. */
bool fdc_seek(FdcCore *s, unsigned unit, int steps)
{
    FdcDrive *d = fdc_drive(s, unit);

    if (!d) {
        return false;
    }
    d->track = CLAMP(d->track + steps, 0, FDC_LAST_STEP);
    if (steps && d->format) {
        d->changed = false;
    }
    return true;
}

/* Out until the drive says that it is at track 0; from beyond track 79 once is not enough. */
static void recalibrate(FdcCore *s)
{
    unsigned unit = s->fifo[1] & 3;
    const FdcDrive *d = fdc_drive(s, unit);
    bool good = d && d->track <= RECALIBRATE_STEPS;

    fdc_seek(s, unit, d ? -MIN(d->track, RECALIBRATE_STEPS) : 0);
    s->pcn[unit] = 0;
    expect_command(s);
    cause_interrupt(
        s, unit, good ? FDC_ST0_SEEK_END : FDC_ST0_ABNORMAL | FDC_ST0_SEEK_END | FDC_ST0_EQUIPMENT);
}

/* The head is not reported: ST0's H is 0 after a seek. */
static void seek_to(FdcCore *s, uint8_t cylinder)
{
    unsigned unit = s->fifo[1] & 3;

    fdc_seek(s, unit, cylinder - s->pcn[unit]);
    s->pcn[unit] = cylinder;
    expect_command(s);
    cause_interrupt(s, unit, FDC_ST0_SEEK_END);
}

static void seek(FdcCore *s)
{
    seek_to(s, s->fifo[2]);
}

static void relative_seek(FdcCore *s)
{
    uint8_t now = s->pcn[s->fifo[1] & 3];

    seek_to(s, s->fifo[0] & RELATIVE_IN ? now + s->fifo[2] : now - s->fifo[2]);
}

static void sense_interrupt(FdcCore *s)
{
    unsigned unit;

    s->irq = false;
    if (!s->sense_pending) {
        result_byte(s, FDC_ST0_INVALID);
        return;
    }
    unit = __builtin_ctz(s->sense_pending);
    s->sense_pending &= s->sense_pending - 1;
    s->fifo[0] = s->sense_st0[unit];
    s->fifo[1] = s->pcn[unit];
    fdc_result(s, 2);
    s->result_irq = true;
}

/* --- commands without data -------------------------------------------------------------------- */

static void specify(FdcCore *s)
{
    s->specify[0] = s->fifo[1];
    s->specify[1] = s->fifo[2];
    expect_command(s);
}

static void sense_drive(FdcCore *s)
{
    const FdcDrive *d = fdc_drive(s, s->fifo[1] & 3);
    uint8_t st3 = 0x28 | (s->fifo[1] & 7);

    if (d) {
        st3 |= (d->track ? 0 : 0x10) | (d->format && d->read_only ? 0x40 : 0);
    }
    result_byte(s, st3);
}

static void version(FdcCore *s)
{
    result_byte(s, VERSION_82077);
}

static void part_id(FdcCore *s)
{
    result_byte(s, PART_82078);
}

static void configure(FdcCore *s)
{
    s->config = s->fifo[2] & 0x7f;
    s->pretrk = s->fifo[3];
    expect_command(s);
}

static void lock(FdcCore *s)
{
    s->lock = s->fifo[0] & 0x80;
    result_byte(s, s->lock << 4);
}

/* Without OW the drives' bits stay. */
static void perpendicular(FdcCore *s)
{
    uint8_t val = s->fifo[1];

    s->perpendicular = val & 0x80 ? val & 0x3f : (s->perpendicular & 0x3c) | (val & 3);
    expect_command(s);
}

static void powerdown(FdcCore *s)
{
    s->powerdown = s->fifo[1];
    result_byte(s, s->powerdown);
}

static void option(FdcCore *s)
{
    s->option = s->fifo[1] & 1;
    expect_command(s);
}

/* From EOT to PRETRK, as DUMPREG and SAVE show them. */
static void put_configuration(const FdcCore *s, uint8_t *p)
{
    p[0] = s->specify[0];
    p[1] = s->specify[1];
    p[2] = s->eot;
    p[3] = s->lock << 7 | s->perpendicular;
    p[4] = s->config;
    p[5] = s->pretrk;
}

static void dumpreg(FdcCore *s)
{
    memcpy(s->fifo, s->pcn, 4);
    put_configuration(s, s->fifo + 4);
    fdc_result(s, 10);
}

static void save(FdcCore *s)
{
    memset(s->fifo, 0, SAVED);
    s->fifo[0] = s->dsr & 0x1f;
    s->fifo[1] = s->option;
    memcpy(s->fifo + 2, s->pcn, 4);
    put_configuration(s, s->fifo + 6);
    s->fifo[12] = s->powerdown;
    fdc_result(s, SAVED);
}

static void restore(FdcCore *s)
{
    const uint8_t *p = s->fifo + 1;

    s->dsr = p[0] & 0x1f;
    s->option = p[1] & 1;
    memcpy(s->pcn, p + 2, 4);
    s->specify[0] = p[6];
    s->specify[1] = p[7];
    s->eot = p[8];
    s->lock = p[9] >> 7;
    s->perpendicular = p[9] & 0x3f;
    s->config = p[10] & 0x7f;
    s->pretrk = p[11];
    s->powerdown = p[12];
    expect_command(s);
}

/* Bytes come until one says that it is the last. */
static void drive_specification(FdcCore *s)
{
    uint8_t val = s->fifo[s->pos - 1];

    if (!(val & SPEC_DONE)) {
        s->drive_spec[val >> 5 & 3] = val & 0x1f;
        if (s->pos > SPEC_BYTES_MAX) {
            expect_command(s);
        } else {
            s->len++;
        }
        return;
    }
    if (val & SPEC_NO_RESULT) {
        expect_command(s);
        return;
    }
    memcpy(s->fifo, s->drive_spec, 4);
    fdc_result(s, 4);
}

/* The next sector that comes by on the track. */
static void read_id(FdcCore *s)
{
    unsigned unit = s->fifo[1] & 3, head = s->fifo[1] >> 2 & 1;
    FdcDrive *d;

    s->phase = FDC_EXECUTION;
    s->x = (FdcExec){.unit = unit, .head = head, .c = s->pcn[unit], .h = head, .n = 2};
    if (!(s->fifo[0] & 0x40) || !fdc_marks_visible(s, unit, head)) {
        s->x.st1 = FDC_ST1_MA;
        fdc_finish(s, FDC_ST0_ABNORMAL);
        return;
    }
    d = &s->drive[unit];
    d->passed = d->passed % d->format->sectors + 1;
    s->x.c = d->track;
    s->x.r = d->passed;
    fdc_finish(s, 0);
}

/* --- decoding --------------------------------------------------------------------------------- */

typedef struct FdcCommand {
    uint8_t mask, code;
    uint8_t len;
    void (*fn)(FdcCore *s); /* NULL: a data command, */
    FdcOp op;               /* this one */
} FdcCommand;

/* MT, MFM and SK are bits 7, 6 and 5 of those commands that have them. */
static const FdcCommand commands[] = {
    {0x1f, 0x06, 9, NULL, FDC_READ},
    {0x1f, 0x0c, 9, NULL, FDC_READ}, /* deleted data */
    {0x3f, 0x05, 9, NULL, FDC_WRITE},
    {0x3f, 0x09, 9, NULL, FDC_WRITE}, /* deleted data */
    {0x9f, 0x02, 9, NULL, FDC_READ_TRACK},
    {0x1f, 0x16, 9, NULL, FDC_VERIFY},
    {0xbf, 0x0d, 6, NULL, FDC_FORMAT},
    {0x1f, 0x11, 9, NULL, FDC_SCAN},
    {0x1f, 0x19, 9, NULL, FDC_SCAN},
    {0x1f, 0x1d, 9, NULL, FDC_SCAN},
    {0xff, 0x07, 2, recalibrate, 0},
    {0xff, 0x08, 1, sense_interrupt, 0},
    {0xff, 0x03, 3, specify, 0},
    {0xff, 0x04, 2, sense_drive, 0},
    {0xff, 0x10, 1, version, 0},
    {0xff, 0x13, 4, configure, 0},
    {0xff, 0x0f, 3, seek, 0},
    {0xbf, 0x8f, 3, relative_seek, 0},
    {0xff, 0x0e, 1, dumpreg, 0},
    {0xbf, 0x0a, 2, read_id, 0},
    {0xff, 0x12, 2, perpendicular, 0},
    {0x7f, 0x14, 1, lock, 0},
    {0xff, 0x18, 1, part_id, 0},
    {0xff, 0x17, 2, powerdown, 0},
    {0xff, 0x33, 2, option, 0},
    {0xff, 0x2e, 1, save, 0},
    {0xff, 0x4e, SAVED + 1, restore, 0},
    {0xff, 0x8e, 2, drive_specification, 0},
};

static const FdcCommand *decode(uint8_t val)
{
    for (unsigned n = 0; n < G_N_ELEMENTS(commands); n++) {
        if ((val & commands[n].mask) == commands[n].code) {
            return &commands[n];
        }
    }
    return NULL;
}

static void command_byte(FdcCore *s, uint8_t val)
{
    const FdcCommand *c = decode(s->pos ? s->fifo[0] : val);

    if (!c) {
        result_byte(s, FDC_ST0_INVALID);
        return;
    }
    if (!s->pos) {
        s->len = c->len;
    }
    s->fifo[s->pos++] = val;
    if (s->pos < s->len) {
        return;
    }
    if (c->fn) {
        c->fn(s);
    } else {
        fdc_exec_begin(s, c->op);
    }
}

/* --- registers -------------------------------------------------------------------------------- */

/* Held in reset, or switched off until one: the chip takes no commands. */
static bool asleep(const FdcCore *s)
{
    return !(s->dor & FDC_DOR_RESET_N) || (s->dsr & DSR_POWERDOWN);
}

static uint8_t main_status(const FdcCore *s)
{
    const FdcExec *x = &s->x;

    if (asleep(s)) {
        return 0;
    }
    switch (s->phase) {
    case FDC_COMMAND:
        return FDC_MSR_RQM | (s->pos ? FDC_MSR_BUSY : 0);
    case FDC_RESULT:
        return FDC_MSR_RQM | FDC_MSR_DIO | FDC_MSR_BUSY;
    default:
        break;
    }
    if (!x->pio) {
        return FDC_MSR_BUSY;
    }
    return FDC_MSR_BUSY | FDC_MSR_NONDMA |
           (x->step != FDC_STEP_HOST                       ? 0
            : x->op == FDC_READ || x->op == FDC_READ_TRACK ? FDC_MSR_RQM | FDC_MSR_DIO
                                                           : FDC_MSR_RQM);
}

/* Another drive's seek waits to be sensed; what polling found has one interrupt for all. */
static bool seek_pending(const FdcCore *s)
{
    return s->sense_pending &&
           (s->sense_st0[__builtin_ctz(s->sense_pending)] & FDC_ST0_POLLING) != FDC_ST0_POLLING;
}

static uint8_t fifo_read(FdcCore *s)
{
    uint8_t val;

    if (asleep(s) || s->phase == FDC_COMMAND) {
        return 0;
    }
    if (s->phase == FDC_EXECUTION) {
        return fdc_exec_fifo_read(s);
    }
    s->irq = s->irq && !s->result_irq;
    val = s->fifo[s->pos++];
    if (s->pos == s->len) {
        expect_command(s);
        s->irq = s->irq || (s->result_irq && seek_pending(s));
    }
    return val;
}

static uint8_t status_a(FdcCore *s)
{
    const FdcDrive *d = selected(s);

    /* Interrupt, no second drive, track 0 and write protection (low), head */
    return (s->irq ? 0x80 : 0) | 0x40 | (d && !d->track ? 0 : 0x10) | (s->x.head ? 0x08 : 0) |
           (d && d->format && d->read_only ? 0 : 0x02) | 0x04;
}

uint8_t fdc_core_read(FdcCore *s, unsigned reg)
{
    const FdcDrive *d = selected(s);

    switch (reg) {
    case FDC_REG_SRA:
        return status_a(s);
    case FDC_REG_SRB:
        return 0xc0 | (s->dor & 1) << 5 | (s->dor >> 4 & 3);
    case FDC_REG_DOR:
        return s->dor;
    case FDC_REG_TDR:
        return s->tdr;
    case FDC_REG_MSR:
        return main_status(s);
    case FDC_REG_FIFO:
        return fifo_read(s);
    case FDC_REG_DIR:
        return d && d->changed ? 0x80 : 0;
    }
    return 0xff;
}

static void write_dor(FdcCore *s, uint8_t val)
{
    uint8_t old = s->dor;

    s->dor = val;
    if ((old & ~val) & FDC_DOR_RESET_N) {
        s->dsr &= ~DSR_POWERDOWN;
        soft_reset(s);
    } else if ((val & ~old) & FDC_DOR_RESET_N) {
        after_reset(s);
    }
}

static void write_dsr(FdcCore *s, uint8_t val)
{
    s->dsr = val & ~DSR_RESET;
    if (val & DSR_RESET) {
        soft_reset(s);
        if (s->dor & FDC_DOR_RESET_N) {
            after_reset(s);
        }
    } else if (val & DSR_POWERDOWN) {
        abort_all(s);
    }
}

void fdc_core_write(FdcCore *s, unsigned reg, uint8_t val)
{
    switch (reg) {
    case FDC_REG_DOR:
        write_dor(s, val);
        break;
    case FDC_REG_TDR:
        s->tdr = val & 3;
        break;
    case FDC_REG_MSR:
        write_dsr(s, val);
        break;
    case FDC_REG_FIFO:
        if (asleep(s)) {
            break;
        }
        if (s->phase == FDC_COMMAND) {
            command_byte(s, val);
        } else if (s->phase == FDC_EXECUTION) {
            fdc_exec_fifo_write(s, val);
        }
        break;
    case FDC_REG_DIR:
        s->dsr = (s->dsr & ~3u) | (val & 3);
        break;
    }
}
