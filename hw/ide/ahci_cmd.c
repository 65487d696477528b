/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AHCI command processing: command list, FISes, the scatter list (AHCI 1.3.1, chapters 4 and 5). */
#include "ahci.h"

enum { FIS_H2D = 0x27, FIS_D2H = 0x34, FIS_PIO_SETUP = 0x5f, FIS_SDB = 0xa1 };
enum { RX_PIO_SETUP = 0x20, RX_D2H = 0x40, RX_SDB = 0x58 };
enum { HDR_ATAPI = BIT(5), HDR_WRITE = BIT(6), HDR_CLEAR_BUSY = BIT(10) };
#define HEADER_SIZE 32
#define TABLE_ACMD 0x40
#define TABLE_PRDT 0x80

static void slot_go(AHCISlot *s);

/* --- FISes to the host ------------------------------------------------------------------------ */

static void post(AHCIPort *p, unsigned offset, const uint8_t *fis, unsigned len)
{
    if (p->cmd & PORT_CMD_FRE) {
        pci_dma_write(PCI_DEVICE(p->hba), p->fb + offset, fis, len);
    }
}

static void fill_regs(uint8_t *fis, const AtaRegs *r)
{
    fis[2] = r->status;
    fis[3] = r->error;
    for (unsigned n = 0; n < 3; n++) {
        fis[4 + n] = r->lba >> (8 * n);
        fis[8 + n] = r->lba >> (24 + 8 * n);
    }
    fis[7] = r->device;
    fis[12] = r->count;
    fis[13] = r->count >> 8;
}

void ahci_post_d2h(AHCIPort *p, const AtaRegs *r, bool interrupt)
{
    uint8_t fis[20] = {FIS_D2H, interrupt ? 0x40 : 0};

    fill_regs(fis, r);
    post(p, RX_D2H, fis, sizeof(fis));
    p->tfd = r->status | r->error << 8;
    if (interrupt) {
        ahci_port_interrupt(p, PORT_IS_DHRS | (r->status & ATA_ST_ERR ? PORT_IS_TFES : 0));
    }
}

static void post_pio_setup(AHCIPort *p, const AHCISlot *s, const AtaRegs *r)
{
    uint8_t fis[20] = {FIS_PIO_SETUP, 0x40 | (s->write ? 0 : 0x20)};

    fill_regs(fis, r);
    fis[15] = r->status; /* when the data has moved */
    fis[16] = s->task.total;
    fis[17] = s->task.total >> 8;
    post(p, RX_PIO_SETUP, fis, sizeof(fis));
    p->tfd = r->status | r->error << 8;
}

static void post_sdb(AHCIPort *p, const AtaRegs *r, uint32_t done)
{
    uint8_t fis[8] = {FIS_SDB, 0x40, r->status & 0x77, r->error};

    memcpy(fis + 4, &done, 4);
    post(p, RX_SDB, fis, sizeof(fis));
    p->tfd = (p->tfd & ATA_ST_BUSY) | (r->status & ~ATA_ST_BUSY) | r->error << 8;
}

void ahci_post_signature(AHCIPort *p)
{
    AtaRegs r = {0};

    if (!p->bus->drive[0] || !(p->cmd & PORT_CMD_FRE)) {
        return;
    }
    ide_drive_signature(p->bus->drive[0], &r);
    r.status = p->bus->drive[0]->is_cd ? 0x10 : ATA_ST_READY | ATA_ST_SEEK;
    r.error = 1;
    p->signature_due = false;
    p->sig = (uint32_t)r.lba << 8 | (r.count & 0xff);
    ahci_post_d2h(p, &r, false);
}

/* --- scatter list ----------------------------------------------------------------------------- */

static bool load_prd(AHCISlot *s)
{
    uint32_t e[4];

    if (s->prd >= s->prdtl ||
        pci_dma_read(PCI_DEVICE(s->port->hba), s->table + TABLE_PRDT + 16 * (uint64_t)s->prd, e,
                     sizeof(e)) != MEMTX_OK) {
        return false;
    }
    s->prd_base = GUINT32_FROM_LE(e[0]) | (uint64_t)GUINT32_FROM_LE(e[1]) << 32;
    s->prd_size = ((GUINT32_FROM_LE(e[3]) & 0x3fffff) | 1) + 1; /* even, zero-based */
    s->prd_done = 0;
    s->prd_loaded = true;
    return true;
}

/* Moves len bytes between the slot's buffer and guest memory; false: the list is too short. */
static bool move(AHCISlot *s, uint32_t len, bool to_memory)
{
    PCIDevice *pci = PCI_DEVICE(s->port->hba);

    for (uint32_t done = 0; done < len;) {
        uint32_t n;

        if (!s->prd_loaded && !load_prd(s)) {
            return false;
        }
        n = MIN(len - done, s->prd_size - s->prd_done);
        if (to_memory) {
            pci_dma_write(pci, s->prd_base + s->prd_done, s->buf + done, n);
        } else {
            pci_dma_read(pci, s->prd_base + s->prd_done, s->buf + done, n);
        }
        done += n;
        s->prd_done += n;
        if (s->prd_done == s->prd_size) {
            s->prd++;
            s->prd_loaded = false;
        }
    }
    return true;
}

/* --- the end of a command --------------------------------------------------------------------- */

static void slot_free(AHCISlot *s)
{
    s->busy = s->moving = false;
    ata_task_clear(&s->task);
    g_clear_pointer(&s->buf, g_free);
    s->buf_size = 0;
}

static void finish_ncq(AHCISlot *s)
{
    AHCIPort *p = s->port;
    const AtaRegs *r = &s->task.regs;
    bool failed = r->status & ATA_ST_ERR;

    if (failed) {
        IDEDrive *d = p->bus->drive[0];

        d->ncq_error = *r;
        d->ncq_error_tag = s->number;
        p->halted = true;
    } else {
        p->sact &= ~BIT(s->number);
    }
    p->ncq_active &= ~BIT(s->number);
    post_sdb(p, r, failed ? 0 : BIT(s->number));
    slot_free(s);
    ahci_port_interrupt(p, PORT_IS_SDBS | (failed ? PORT_IS_TFES : 0));
}

static void finish(AHCISlot *s)
{
    AHCIPort *p = s->port;
    AtaTask *t = &s->task;
    AtaRegs r = t->regs;
    bool failed = r.status & ATA_ST_ERR;
    bool pio_in = !failed && !t->dma && t->done && !s->write && r.command != ATA_CMD_PACKET;
    uint32_t count = t->done;

    if (t->ncq) {
        finish_ncq(s);
        return;
    }
    pci_dma_write(PCI_DEVICE(p->hba), s->header + 4, &count, 4);
    p->running = -1;
    if (failed) {
        p->halted = true;
    } else {
        p->ci &= ~BIT(s->number);
    }
    if (pio_in) {
        post_pio_setup(p, s, &r);
    }
    slot_free(s);
    if (pio_in) {
        ahci_port_interrupt(p, PORT_IS_PSS);
    } else {
        ahci_post_d2h(p, &r, true);
    }
    p->want_work = true;
    aio_bh_schedule(p->hba->bh);
}

/* --- data ------------------------------------------------------------------------------------- */

static void too_short(AHCISlot *s)
{
    ata_task_abort(&s->task);
    s->port->is |= PORT_IS_OFS;
}

/* A piece came from or went to the drive. */
static void moved(AHCISlot *s)
{
    AtaTask *t = &s->task;

    s->moving = false;
    if (!s->write && !(t->phase == ATA_PHASE_DONE && (t->regs.status & ATA_ST_ERR)) &&
        !move(s, s->piece, true)) {
        too_short(s);
    }
}

static bool next_piece(AHCISlot *s)
{
    AtaTask *t = &s->task;

    s->piece = MIN(t->total - t->done, (uint64_t)AHCI_PIECE);
    s->write = t->phase == ATA_PHASE_OUT;
    if (s->buf_size < s->piece) {
        g_free(s->buf);
        s->buf = g_malloc(s->piece);
        s->buf_size = s->piece;
    }
    if (s->write && !move(s, s->piece, false)) {
        too_short(s);
        return true;
    }
    s->moving = true;
    return ata_task_transfer(t, s->buf, s->piece);
}

static void slot_go(AHCISlot *s)
{
    AtaTask *t = &s->task;

    for (;;) {
        if (s->moving) {
            moved(s);
        }
        if (t->phase == ATA_PHASE_DONE) {
            finish(s);
            return;
        }
        if (t->phase == ATA_PHASE_PACKET) {
            uint8_t cdb[16] = {0};

            pci_dma_read(PCI_DEVICE(s->port->hba), s->table + TABLE_ACMD, cdb, sizeof(cdb));
            if (!ata_task_packet(t, cdb)) {
                return;
            }
        } else if (!next_piece(s)) {
            return;
        }
    }
}

void ahci_task_ready(AtaTask *t)
{
    slot_go(container_of(t, AHCISlot, task));
}

/* --- the start of a command ------------------------------------------------------------------- */

/* A FIS that sets device control: its SRST bit resets the drive when it falls. */
static void control_fis(AHCIPort *p, unsigned slot, uint8_t control)
{
    p->ci &= ~BIT(slot);
    if (control & ATA_CTL_SRST) {
        p->srst = true;
        p->tfd = ATA_ST_BUSY;
    } else if (p->srst) {
        AtaRegs regs;

        p->srst = false;
        ide_drive_reset(p->bus->drive[0], &regs, false);
        ahci_post_signature(p);
    }
}

static void decode_fis(AtaRegs *r, const uint8_t *fis)
{
    *r = (AtaRegs){
        .command = fis[2],
        .device = fis[7],
        .feature = fis[3] | fis[11] << 8,
        .count = fis[12] | fis[13] << 8,
    };
    for (unsigned n = 0; n < 3; n++) {
        r->lba |= (uint64_t)fis[4 + n] << (8 * n) | (uint64_t)fis[8 + n] << (24 + 8 * n);
    }
}

static bool is_ncq(const AHCIPort *p, uint8_t command)
{
    return (command == 0x60 || command == 0x61) && !p->bus->drive[0]->is_cd;
}

/* A command that cannot be fetched: host bus fatal error, and the port stands still. */
static void fetch_failed(AHCIPort *p)
{
    p->halted = true;
    ahci_port_interrupt(p, PORT_IS_HBFS);
}

static void start_slot(AHCIPort *p, unsigned slot)
{
    AHCISlot *s = &p->slots[slot];
    PCIDevice *pci = PCI_DEVICE(p->hba);
    uint32_t header[8];
    uint8_t fis[20];

    s->header = p->clb + HEADER_SIZE * slot;
    if (pci_dma_read(pci, s->header, header, sizeof(header)) != MEMTX_OK) {
        fetch_failed(p);
        return;
    }
    s->prdtl = GUINT32_FROM_LE(header[0]) >> 16;
    s->table = (GUINT32_FROM_LE(header[2]) & ~0x7fu) | (uint64_t)GUINT32_FROM_LE(header[3]) << 32;
    s->prd = 0;
    s->prd_loaded = false;
    s->write = false;
    if (pci_dma_read(pci, s->table, fis, sizeof(fis)) != MEMTX_OK) {
        fetch_failed(p);
        return;
    }
    if (fis[0] != FIS_H2D || !(fis[1] & 0x80)) {
        control_fis(p, slot, fis[0] == FIS_H2D ? fis[15] : 0);
        return;
    }
    ata_task_clear(&s->task);
    s->task.drive = p->bus->drive[0];
    decode_fis(&s->task.regs, fis);
    s->busy = true;
    s->moving = false;
    if (is_ncq(p, s->task.regs.command)) {
        /* The drive has the command: its slot is free, SActive says that it goes on. */
        p->ncq_active |= BIT(slot);
        p->ci &= ~BIT(slot);
    } else {
        p->running = slot;
        p->tfd = ATA_ST_BUSY | (p->tfd & 0xff00);
    }
    if (ata_task_start(&s->task)) {
        slot_go(s);
    }
}

/* The next slot in turn that may be started now; -1: none. */
static int next_slot(AHCIPort *p)
{
    if (p->running >= 0 || p->halted) {
        return -1;
    }
    for (unsigned n = 1; n <= AHCI_SLOTS; n++) {
        unsigned slot = (p->last + n) % AHCI_SLOTS;

        if ((p->ci & BIT(slot)) && !p->slots[slot].busy) {
            return slot;
        }
    }
    return -1;
}

void ahci_port_start(AHCIPort *p)
{
    int slot;

    if (!p->bus->drive[0] || !(p->cmd & PORT_CMD_ST)) {
        return;
    }
    while ((slot = next_slot(p)) >= 0) {
        p->last = slot;
        start_slot(p, slot);
    }
}

void ahci_port_cancel(AHCIPort *p)
{
    for (unsigned n = 0; n < AHCI_SLOTS; n++) {
        AHCISlot *s = &p->slots[n];

        if (s->busy && s->task.drive) {
            s->task.dropped = true;
        }
    }
    if (p->bus->drive[0]) {
        ide_drive_cancel(p->bus->drive[0], NULL, 0);
    }
    QEMU_LOCK_GUARD(&p->hba->lock);
    for (unsigned n = 0; n < AHCI_SLOTS; n++) {
        p->slots[n].task.dropped = p->slots[n].task.stalled = false;
        slot_free(&p->slots[n]);
    }
    p->ncq_active = 0;
    p->running = -1;
}
