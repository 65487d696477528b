/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parallel ATA channel: task file, PIO and packet protocol (ATA/ATAPI-7 volume 2), bus master
 * (SFF-8038i). */
#include "pata.h"

enum {
    REG_DATA,
    REG_ERROR,
    REG_COUNT,
    REG_LBA_LOW,
    REG_LBA_MID,
    REG_LBA_HIGH,
    REG_DEVICE,
    REG_STATUS
};
#define PRD_LAST 0x80000000u

static void proceed(PataChannel *c);

static AtaRegs *selected(PataChannel *c)
{
    return &c->regs[c->sel];
}

static IDEDrive *selected_drive(const PataChannel *c)
{
    return c->bus->drive[c->sel];
}

static void set_irq(PataChannel *c, bool level)
{
    bool line;

    if (level) {
        c->bm_status |= BM_ST_IRQ;
    }
    c->irq_level = level;
    line = level && !(c->ctl & ATA_CTL_NIEN);
    qemu_set_irq(c->irq, line);
}

/* --- windows: what DRQ offers at once --------------------------------------------------------- */

static void open_window(PataChannel *c)
{
    AtaRegs *r = selected(c);
    uint32_t len = MIN(c->task.drq, c->have - c->pos);

    c->win_end = c->pos + len;
    r->status = ATA_ST_READY | ATA_ST_SEEK | ATA_ST_DRQ;
    if (c->task.drive->is_cd && r->command == ATA_CMD_PACKET) {
        r->lba = (r->lba & 0xff) | (uint64_t)len << 8;
        r->count = c->pio == PIO_IN ? ATAPI_IO : 0;
    }
}

static void later(PataChannel *c)
{
    selected(c)->status = ATA_ST_BUSY;
    c->want_data = true;
    aio_bh_schedule(c->bh);
}

/* The window's last byte has moved. */
static void window_done(PataChannel *c)
{
    if (c->pio != PIO_CDB && c->pos < c->have) {
        open_window(c);
        set_irq(c, true);
    } else if (c->pio == PIO_IN && c->task.phase == ATA_PHASE_DONE) {
        bool packet = c->task.drive->is_cd && selected(c)->command == ATA_CMD_PACKET;

        c->pio = PIO_IDLE;
        *selected(c) = c->task.regs;
        if (packet) {
            set_irq(c, true);
        }
    } else {
        later(c);
    }
}

uint32_t pata_data_read(PataChannel *c, unsigned size)
{
    uint32_t val = 0;
    unsigned n = MIN(size, c->win_end - c->pos);

    if (c->pio != PIO_IN || !(selected(c)->status & ATA_ST_DRQ) || !n) {
        return 0;
    }
    memcpy(&val, c->buffer + c->pos, n);
    c->pos += n;
    if (c->pos == c->win_end) {
        window_done(c);
    }
    return val;
}

void pata_data_write(PataChannel *c, uint32_t val, unsigned size)
{
    unsigned n = MIN(size, c->win_end - c->pos);

    if ((c->pio != PIO_OUT && c->pio != PIO_CDB) || !(selected(c)->status & ATA_ST_DRQ) || !n) {
        return;
    }
    memcpy(c->buffer + c->pos, &val, n);
    c->pos += n;
    if (c->pos == c->win_end) {
        window_done(c);
    }
}

/* --- bus master ------------------------------------------------------------------------------- */

/* The next descriptor; false: the table has ended, or is not in memory. */
static bool next_prd(PataChannel *c)
{
    uint32_t prd[2];

    if (c->prd_last || pci_dma_read(c->pci, c->prd_next, prd, sizeof(prd)) != MEMTX_OK) {
        return false;
    }
    c->prd_next += sizeof(prd);
    c->prd_base = GUINT32_FROM_LE(prd[0]) & ~1u;
    c->prd_left = GUINT32_FROM_LE(prd[1]) & 0xfffe;
    c->prd_left = c->prd_left ? c->prd_left : 0x10000;
    c->prd_last = GUINT32_FROM_LE(prd[1]) & PRD_LAST;
    return true;
}

/* Moves len bytes between buffer and guest memory; how many could be moved. */
static uint32_t move(PataChannel *c, uint32_t len, bool to_memory)
{
    uint32_t done = 0;

    while (done < len) {
        uint32_t n;
        MemTxResult r;

        if (!c->prd_left && !next_prd(c)) {
            break;
        }
        n = MIN(len - done, c->prd_left);
        r = to_memory ? pci_dma_write(c->pci, c->prd_base, c->buffer + done, n)
                      : pci_dma_read(c->pci, c->prd_base, c->buffer + done, n);
        if (r != MEMTX_OK) {
            c->bm_status |= BM_ST_ERROR;
        }
        c->prd_base += n;
        c->prd_left -= n;
        done += n;
    }
    return done;
}

static void dma_fail(PataChannel *c)
{
    c->bm_status = (c->bm_status | BM_ST_ERROR) & ~BM_ST_ACTIVE;
    c->dma_moving = false;
    c->task.phase = ATA_PHASE_DONE;
    ata_task_abort(&c->task);
}

/* The next piece of the task's data, if the bus master runs. */
static void dma_next(PataChannel *c)
{
    AtaTask *t = &c->task;
    uint32_t len = MIN(t->total - t->done, (uint64_t)PATA_BUFFER);

    if (!(c->bm_cmd & BM_START) || !(c->bm_status & BM_ST_ACTIVE)) {
        return;
    }
    c->dma_piece = len;
    c->dma_moving = true;
    if (t->phase == ATA_PHASE_OUT && move(c, len, false) != len) {
        dma_fail(c);
        proceed(c);
        return;
    }
    if (ata_task_transfer(t, c->buffer, len)) {
        proceed(c);
    }
}

/* A piece of DMA data came or went; the task says how it goes on. */
static void dma_moved(PataChannel *c)
{
    AtaTask *t = &c->task;
    bool failed = t->phase == ATA_PHASE_DONE && (t->regs.status & ATA_ST_ERR);

    c->dma_moving = false;
    if (!failed && (c->bm_cmd & BM_TO_MEMORY) && move(c, c->dma_piece, true) != c->dma_piece) {
        dma_fail(c);
    }
    if (t->phase == ATA_PHASE_DONE && !(c->prd_left || !c->prd_last)) {
        c->bm_status &= ~BM_ST_ACTIVE;
    }
}

uint8_t pata_bm_read(const PataChannel *c, unsigned reg)
{
    switch (reg) {
    case 0:
        return c->bm_cmd;
    case 2:
        return c->bm_status;
    case 4 ... 7:
        return c->bm_prd >> (8 * (reg - 4));
    }
    return 0xff;
}

void pata_bm_write(PataChannel *c, unsigned reg, uint8_t val)
{
    switch (reg) {
    case 0:
        if ((val & BM_START) && !(c->bm_cmd & BM_START)) {
            c->prd_next = c->bm_prd;
            c->prd_left = 0;
            c->prd_last = false;
            c->bm_status |= BM_ST_ACTIVE;
            c->want_data = c->want_data || (c->pio == PIO_IDLE && !c->want_command);
            aio_bh_schedule(c->bh);
        } else if (!(val & BM_START)) {
            c->bm_status &= ~BM_ST_ACTIVE;
        }
        c->bm_cmd = val & (BM_START | BM_TO_MEMORY);
        break;
    case 2:
        c->bm_status = (val & BM_ST_CAPABLE) | (c->bm_status & BM_ST_ACTIVE) |
                       (c->bm_status & ~val & (BM_ST_ERROR | BM_ST_IRQ));
        break;
    case 4 ... 7:
        c->bm_prd &= ~(0xffu << (8 * (reg - 4)));
        c->bm_prd |= (uint32_t)val << (8 * (reg - 4));
        c->bm_prd &= ~3u;
        break;
    }
}

/* --- protocol --------------------------------------------------------------------------------- */

/* PIO data in: as much as the buffer holds, then window by window. */
static void fetch(PataChannel *c)
{
    AtaTask *t = &c->task;

    c->pio = PIO_IN;
    c->pos = 0;
    c->have = MIN(t->total - t->done, (uint64_t)PATA_BUFFER);
    c->win_end = 0;
    if (ata_task_transfer(t, c->buffer, c->have)) {
        proceed(c);
    }
}

static void offer(PataChannel *c, bool irq)
{
    c->pio = PIO_OUT;
    c->pos = 0;
    c->have = MIN(c->task.total - c->task.done, (uint64_t)PATA_BUFFER);
    open_window(c);
    if (irq) {
        set_irq(c, true);
    }
}

static void finish(PataChannel *c)
{
    c->pio = PIO_IDLE;
    *selected(c) = c->task.regs;
    ata_task_clear(&c->task);
    set_irq(c, true);
}

/* The task went on: look where it is. */
static void proceed(PataChannel *c)
{
    AtaTask *t = &c->task;

    if (c->dma_moving) {
        dma_moved(c);
    } else if (c->pio == PIO_IN && c->have &&
               !(t->phase == ATA_PHASE_DONE && (t->regs.status & ATA_ST_ERR))) {
        /* The buffer is full; the last window's end will say what comes then. */
        open_window(c);
        set_irq(c, true);
        return;
    }
    switch (t->phase) {
    case ATA_PHASE_DONE:
        finish(c);
        break;
    case ATA_PHASE_PACKET:
        selected(c)->count = ATAPI_COD;
        c->pio = PIO_CDB;
        c->pos = 0;
        c->have = c->win_end = 12;
        selected(c)->status = ATA_ST_READY | ATA_ST_SEEK | ATA_ST_DRQ;
        break;
    case ATA_PHASE_IN:
    case ATA_PHASE_OUT:
        if (t->dma) {
            c->pio = PIO_IDLE;
            selected(c)->status = ATA_ST_BUSY; /* until all has moved */
            dma_next(c);
        } else if (t->phase == ATA_PHASE_IN) {
            fetch(c);
        } else {
            offer(c, t->done > 0 || selected(c)->command == ATA_CMD_PACKET);
        }
        break;
    }
}

static void task_ready(AtaTask *t)
{
    proceed(t->opaque);
}

static void start_command(PataChannel *c)
{
    AtaTask *t = &c->task;

    ata_task_clear(t);
    t->drive = selected_drive(c);
    t->regs = *selected(c);
    c->pio = PIO_IDLE;
    c->dma_moving = false;
    c->have = 0;
    if (ata_task_start(t)) {
        proceed(c);
    }
}

/* What a filled or emptied buffer, or the bus master's start, asks for. */
static void continue_data(PataChannel *c)
{
    AtaTask *t = &c->task;

    switch (c->pio) {
    case PIO_IN:
        fetch(c);
        break;
    case PIO_OUT:
        if (ata_task_transfer(t, c->buffer, c->have)) {
            proceed(c);
        }
        break;
    case PIO_CDB:
        c->pio = PIO_IDLE;
        c->have = 0;
        if (ata_task_packet(t, c->buffer)) {
            proceed(c);
        }
        break;
    case PIO_IDLE:
        if (t->dma && !t->active && !c->dma_moving &&
            (t->phase == ATA_PHASE_IN || t->phase == ATA_PHASE_OUT)) {
            dma_next(c);
        }
        break;
    }
}

static void cancel(PataChannel *c)
{
    if (c->task.drive) {
        ide_drive_cancel(c->task.drive, &c->task, 1);
    }
}

/* Lock held. */
static void reset_state(PataChannel *c, bool hard)
{
    ata_task_clear(&c->task);
    c->task.phase = ATA_PHASE_DONE;
    c->task.dma = false;
    c->pio = PIO_IDLE;
    c->dma_moving = false;
    c->want_command = c->want_data = c->want_reset = false;
    c->sel = 0;
    c->bm_status &= ~BM_ST_ACTIVE;
    for (unsigned n = 0; n < 2; n++) {
        if (c->bus->drive[n]) {
            ide_drive_reset(c->bus->drive[n], &c->regs[n], hard);
        } else {
            c->regs[n] = (AtaRegs){0};
        }
    }
    set_irq(c, false);
}

static void run(void *opaque)
{
    PataChannel *c = opaque;

    qemu_mutex_lock(c->lock);
    if (c->want_reset) {
        qemu_mutex_unlock(c->lock);
        cancel(c);
        qemu_mutex_lock(c->lock);
        reset_state(c, false);
        if (c->ctl & ATA_CTL_SRST) {
            c->regs[0].status = c->regs[1].status = ATA_ST_BUSY;
        }
    } else if (c->want_command) {
        c->want_command = c->want_data = false;
        start_command(c);
    } else if (c->want_data) {
        c->want_data = false;
        continue_data(c);
    }
    qemu_mutex_unlock(c->lock);
}

/* --- registers -------------------------------------------------------------------------------- */

static void command(PataChannel *c, uint8_t val)
{
    AtaRegs *r = selected(c);

    if (!selected_drive(c)) {
        return;
    }
    if (val == ATA_CMD_DEVICE_RESET && selected_drive(c)->is_cd) {
        /* Also ends what is under way. */
        r->status = ATA_ST_BUSY;
        c->want_reset = true;
        aio_bh_schedule(c->bh);
        return;
    }
    if ((r->status & ATA_ST_BUSY) || (r->status & ATA_ST_DRQ && c->pio != PIO_IDLE)) {
        return;
    }
    set_irq(c, false);
    c->bm_status &= ~BM_ST_IRQ;
    r->command = val;
    r->status = ATA_ST_BUSY;
    r->error = 0;
    c->want_command = true;
    aio_bh_schedule(c->bh);
}

/* One byte of the LBA and, behind it, the value that it had before. */
static void write_lba(AtaRegs *r, unsigned lane, uint8_t val)
{
    uint8_t old = r->lba >> (8 * lane);

    r->lba &= ~((UINT64_C(0xff) << (8 * lane)) | (UINT64_C(0xff) << (24 + 8 * lane)));
    r->lba |= (uint64_t)val << (8 * lane) | (uint64_t)old << (24 + 8 * lane);
}

void pata_write(PataChannel *c, unsigned reg, uint8_t val)
{
    c->ctl &= ~ATA_CTL_HOB;
    if (reg == REG_STATUS) {
        command(c, val);
        return;
    }
    if (selected(c)->status & ATA_ST_BUSY) {
        return; /* the task file is the drive's */
    }
    for (unsigned n = 0; n < 2; n++) {
        AtaRegs *r = &c->regs[n];

        switch (reg) {
        case REG_ERROR:
            r->feature = r->feature << 8 | val;
            break;
        case REG_COUNT:
            r->count = r->count << 8 | val;
            break;
        case REG_LBA_LOW ... REG_LBA_HIGH:
            write_lba(r, reg - REG_LBA_LOW, val);
            break;
        case REG_DEVICE:
            r->device = val;
            break;
        }
    }
    if (reg == REG_DEVICE) {
        c->sel = val >> 4 & 1;
    }
}

uint8_t pata_alt_status(const PataChannel *c)
{
    return selected_drive(c) ? c->regs[c->sel].status : 0;
}

uint8_t pata_read(PataChannel *c, unsigned reg)
{
    const AtaRegs *r = selected(c);
    unsigned hob = c->ctl & ATA_CTL_HOB ? 1 : 0;

    if (!c->bus->drive[0] && !c->bus->drive[1]) {
        return reg == REG_STATUS ? 0 : 0xff;
    }
    if (!selected_drive(c) && reg != REG_DEVICE) {
        return 0;
    }
    switch (reg) {
    case REG_ERROR:
        return r->error;
    case REG_COUNT:
        return r->count >> (8 * hob);
    case REG_LBA_LOW ... REG_LBA_HIGH:
        return r->lba >> (8 * (reg - REG_LBA_LOW) + 24 * hob);
    case REG_DEVICE:
        return r->device | 0xa0;
    case REG_STATUS:
        set_irq(c, false);
        return r->status;
    }
    return 0xff;
}

void pata_control(PataChannel *c, uint8_t val)
{
    uint8_t old = c->ctl;

    c->ctl = val;
    if ((val & ATA_CTL_SRST) && !(old & ATA_CTL_SRST)) {
        c->regs[0].status = c->regs[1].status = ATA_ST_BUSY;
        c->want_reset = true;
        aio_bh_schedule(c->bh);
    } else if (!(val & ATA_CTL_SRST) && (old & ATA_CTL_SRST) && !c->want_reset) {
        reset_state(c, false);
    }
    qemu_set_irq(c->irq, c->irq_level && !(val & ATA_CTL_NIEN));
}

/* --- life ------------------------------------------------------------------------------------- */

void pata_reset(PataChannel *c)
{
    cancel(c);
    QEMU_LOCK_GUARD(c->lock);
    c->ctl = 0;
    c->bm_cmd = 0;
    c->bm_status = 0;
    c->bm_prd = 0;
    reset_state(c, true);
}

/* A drive came (it has its power-on state then), or is about to go. */
static void plugged(IDEBus *bus)
{
    pata_reset(bus->controller);
}

void pata_init(PataChannel *c, QemuMutex *lock, PCIDevice *pci, DeviceState *owner, int index)
{
    c->lock = lock;
    c->pci = pci;
    c->buffer = g_malloc0(PATA_BUFFER);
    c->bh = aio_bh_new(aio_get_main(), run, c);
    c->task.lock = lock;
    c->task.ready = task_ready;
    c->task.opaque = c;
    c->bus = ide_bus_new(owner, index, 2, false);
    c->bus->plugged = plugged;
    c->bus->controller = c;
}

void pata_exit(PataChannel *c)
{
    cancel(c);
    aio_bh_delete(c->bh);
    ata_task_clear(&c->task);
    g_free(c->buffer);
}
