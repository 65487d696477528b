/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ich9-ahci: PCI function with the AHCI registers (AHCI 1.3.1, chapter 3) at BAR 5 and an
 * index/data pair at BAR 4. */
#include "ahci.h"

#define TYPE_ICH9_AHCI "ich9-ahci"
enum {
    HBA_CAP = 0x00,
    HBA_GHC = 0x04,
    HBA_IS = 0x08,
    HBA_PI = 0x0c,
    HBA_VS = 0x10,
    PORT_BASE = 0x100,
    PORT_SIZE = 0x80
};
enum {
    PX_CLB = 0x00,
    PX_CLBU = 0x04,
    PX_FB = 0x08,
    PX_FBU = 0x0c,
    PX_IS = 0x10,
    PX_IE = 0x14,
    PX_CMD = 0x18,
    PX_TFD = 0x20,
    PX_SIG = 0x24,
    PX_SSTS = 0x28,
    PX_SCTL = 0x2c,
    PX_SERR = 0x30,
    PX_SACT = 0x34,
    PX_CI = 0x38,
};
enum { GHC_HR = BIT(0), GHC_IE = BIT(1) };
#define GHC_AE BIT(31)
#define CAP_BITS \
    (BIT(31) | BIT(30) | BIT(24) | BIT(18)) /* 64 bits, NCQ, command list override, AHCI only */
#define CAP_GEN2 (2u << 20)
#define MEM_SIZE 0x1000
#define IS_BITS 0xfdc000ffu

/* --- interrupts ------------------------------------------------------------------------------- */

static void update_irq(AHCIState *s, bool edge)
{
    bool level = s->is && (s->ghc & GHC_IE);

    if (msi_enabled(PCI_DEVICE(s))) {
        if (level && (edge || !s->msi_level)) {
            msi_notify(PCI_DEVICE(s), 0);
        }
        s->msi_level = level;
        pci_set_irq(PCI_DEVICE(s), 0);
        return;
    }
    s->msi_level = false;
    pci_set_irq(PCI_DEVICE(s), level);
}

static void port_level(AHCIPort *p, bool edge)
{
    if (p->is & p->ie) {
        p->hba->is |= BIT(p->number);
    }
    update_irq(p->hba, edge && (p->is & p->ie));
}

void ahci_port_interrupt(AHCIPort *p, uint32_t bits)
{
    p->is |= bits;
    port_level(p, true);
}

/* --- ports ------------------------------------------------------------------------------------ */

static uint32_t sata_status(const AHCIPort *p)
{
    unsigned det = p->sctl & 0xf;

    if (!p->bus->drive[0] || det == 4) {
        return 0;
    }
    return det == 1 ? 0x1 : 0x123; /* present, 3 Gbit/s, active */
}

static uint32_t port_read(AHCIPort *p, unsigned reg)
{
    switch (reg) {
    case PX_CLB:
        return p->clb;
    case PX_CLBU:
        return p->clb >> 32;
    case PX_FB:
        return p->fb;
    case PX_FBU:
        return p->fb >> 32;
    case PX_IS:
        return p->is;
    case PX_IE:
        return p->ie;
    case PX_CMD:
        return p->cmd | (p->running >= 0 ? (uint32_t)p->running << 8 : 0);
    case PX_TFD:
        return p->tfd;
    case PX_SIG:
        return p->sig;
    case PX_SSTS:
        return sata_status(p);
    case PX_SCTL:
        return p->sctl;
    case PX_SERR:
        return p->serr;
    case PX_SACT:
        return p->sact;
    case PX_CI:
        return p->ci;
    }
    return 0;
}

static void schedule(AHCIPort *p, bool *what)
{
    *what = true;
    aio_bh_schedule(p->hba->bh);
}

static void write_command(AHCIPort *p, uint32_t val)
{
    uint32_t old = p->cmd, kept = PORT_CMD_CR | PORT_CMD_FR;

    p->cmd = (old & kept) |
             (val & (PORT_CMD_ST | PORT_CMD_SUD | PORT_CMD_POD | PORT_CMD_FRE | PORT_CMD_ATAPI));
    if (val & PORT_CMD_CLO) {
        p->tfd &= ~(uint32_t)(ATA_ST_BUSY | ATA_ST_DRQ);
    }
    p->cmd = p->cmd & PORT_CMD_FRE ? p->cmd | PORT_CMD_FR : p->cmd & ~PORT_CMD_FR;
    if (p->cmd & PORT_CMD_ST) {
        if (!(old & PORT_CMD_ST)) {
            p->cmd |= PORT_CMD_CR;
            p->halted = false;
            p->last = AHCI_SLOTS - 1;
        }
    } else if (old & PORT_CMD_ST) {
        /* The list stops running when what is under way has been ended. */
        schedule(p, &p->want_stop);
    }
    if (p->signature_due) {
        ahci_post_signature(p);
    }
}

static void write_control(AHCIPort *p, uint32_t val)
{
    unsigned old = p->sctl & 0xf;

    p->sctl = val & 0xfff;
    if (old == 1 && (val & 0xf) == 0) {
        p->tfd = 0x7f;
        schedule(p, &p->want_reset);
    }
}

static void set_half(uint64_t *field, bool high, uint32_t val, uint32_t mask)
{
    if (high) {
        *field = (*field & UINT32_MAX) | (uint64_t)val << 32;
    } else {
        *field = (*field & ~(uint64_t)UINT32_MAX) | (val & mask);
    }
}

static void port_write(AHCIPort *p, unsigned reg, uint32_t val)
{
    switch (reg) {
    case PX_CLB:
    case PX_CLBU:
        set_half(&p->clb, reg == PX_CLBU, val, ~0x3ffu);
        break;
    case PX_FB:
    case PX_FBU:
        set_half(&p->fb, reg == PX_FBU, val, ~0xffu);
        break;
    case PX_IS:
        p->is &= ~val;
        port_level(p, false);
        break;
    case PX_IE:
        p->ie = val & IS_BITS;
        port_level(p, false);
        break;
    case PX_CMD:
        write_command(p, val);
        break;
    case PX_SCTL:
        write_control(p, val);
        break;
    case PX_SERR:
        p->serr &= ~val;
        if (val & BIT(26)) {
            p->is &= ~PORT_IS_PCS;
        }
        if (val & BIT(16)) {
            p->is &= ~PORT_IS_PRCS;
        }
        break;
    case PX_SACT:
        if (p->cmd & PORT_CMD_ST) {
            p->sact |= val;
        }
        break;
    case PX_CI:
        if (p->cmd & PORT_CMD_ST) {
            p->ci |= val;
            schedule(p, &p->want_work);
        }
        break;
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static uint32_t hba_read(AHCIState *s, unsigned reg)
{
    if (reg >= PORT_BASE) {
        unsigned n = (reg - PORT_BASE) / PORT_SIZE;

        return n < AHCI_PORTS ? port_read(&s->port[n], (reg - PORT_BASE) % PORT_SIZE) : 0;
    }
    switch (reg) {
    case HBA_CAP:
        return CAP_BITS | CAP_GEN2 | (AHCI_SLOTS - 1) << 8 | (AHCI_PORTS - 1);
    case HBA_GHC:
        return s->ghc | GHC_AE | (s->want_hba_reset ? GHC_HR : 0);
    case HBA_IS:
        return s->is;
    case HBA_PI:
        return BIT(AHCI_PORTS) - 1;
    case HBA_VS:
        return 0x00010000;
    }
    return 0;
}

static void hba_write(AHCIState *s, unsigned reg, uint32_t val)
{
    if (reg >= PORT_BASE) {
        unsigned n = (reg - PORT_BASE) / PORT_SIZE;

        if (n < AHCI_PORTS) {
            port_write(&s->port[n], (reg - PORT_BASE) % PORT_SIZE, val);
        }
        return;
    }
    switch (reg) {
    case HBA_GHC:
        if (val & GHC_HR) {
            s->want_hba_reset = true;
            aio_bh_schedule(s->bh);
            return;
        }
        s->ghc = val & GHC_IE;
        update_irq(s, false);
        break;
    case HBA_IS:
        s->is &= ~val;
        for (unsigned n = 0; n < AHCI_PORTS; n++) {
            /* A port that still has something to say says it again. */
            if ((s->port[n].is & s->port[n].ie) && (val & BIT(n))) {
                s->is |= BIT(n);
            }
        }
        update_irq(s, true);
        break;
    }
}

static uint64_t mem_read(void *opaque, hwaddr offset, unsigned size)
{
    return hba_read(opaque, offset);
}

static void mem_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    hba_write(opaque, offset, data);
}

static const MemoryRegionOps mem_ops = {
    .read = mem_read,
    .write = mem_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 8},
    .impl = {.min_access_size = 4, .max_access_size = 4},
};

/* Index at 0x10, data at 0x14. */
static uint64_t idp_read(void *opaque, hwaddr offset, unsigned size)
{
    AHCIState *s = opaque;

    return offset == 0x10 ? s->index : offset == 0x14 ? hba_read(s, s->index) : 0;
}

static void idp_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    AHCIState *s = opaque;

    if (offset == 0x10) {
        s->index = data & (MEM_SIZE - 4);
    } else if (offset == 0x14) {
        hba_write(s, s->index, data);
    }
}

static const MemoryRegionOps idp_ops = {
    .read = idp_read,
    .write = idp_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 4, .max_access_size = 4},
};

/* --- resets ----------------------------------------------------------------------------------- */

/* Lock held, nothing under way. */
static void port_defaults(AHCIPort *p)
{
    AtaRegs regs;

    p->sact = p->ci = 0;
    p->tfd = 0x7f;
    p->sig = UINT32_MAX;
    p->halted = p->srst = false;
    p->want_work = p->want_stop = p->want_reset = false;
    p->signature_due = true;
    if (p->bus->drive[0]) {
        ide_drive_reset(p->bus->drive[0], &regs, true);
    }
}

/* COMRESET: the drive comes back, and says so. */
static void port_reset(AHCIPort *p)
{
    ahci_port_cancel(p);
    QEMU_LOCK_GUARD(&p->hba->lock);
    port_defaults(p);
    if (p->bus->drive[0]) {
        p->serr |= BIT(26); /* exchanged */
        ahci_post_signature(p);
        ahci_port_interrupt(p, PORT_IS_PCS);
    }
}

static void port_stop(AHCIPort *p)
{
    ahci_port_cancel(p);
    QEMU_LOCK_GUARD(&p->hba->lock);
    p->want_stop = false;
    if (!(p->cmd & PORT_CMD_ST)) {
        p->cmd &= ~PORT_CMD_CR;
        p->ci = p->sact = 0;
    }
}

static void hba_reset(AHCIState *s)
{
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        AHCIPort *p = &s->port[n];

        ahci_port_cancel(p);
        QEMU_LOCK_GUARD(&s->lock);
        p->clb = p->fb = 0;
        p->is = p->ie = p->sctl = p->serr = 0;
        p->cmd = PORT_CMD_SUD | PORT_CMD_POD;
        port_defaults(p);
    }
    QEMU_LOCK_GUARD(&s->lock);
    s->ghc = s->is = 0;
    s->want_hba_reset = false;
    update_irq(s, false);
}

static bool take(AHCIState *s, bool *what)
{
    QEMU_LOCK_GUARD(&s->lock);
    bool was = *what;

    *what = false;
    return was;
}

static void run(void *opaque)
{
    AHCIState *s = opaque;
    bool reset;

    qemu_mutex_lock(&s->lock);
    reset = s->want_hba_reset;
    qemu_mutex_unlock(&s->lock);
    if (reset) {
        hba_reset(s);
        return;
    }
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        AHCIPort *p = &s->port[n];

        if (take(s, &p->want_stop)) {
            port_stop(p);
        }
        if (take(s, &p->want_reset)) {
            port_reset(p);
        }
        if (take(s, &p->want_work)) {
            QEMU_LOCK_GUARD(&s->lock);
            ahci_port_start(p);
        }
    }
}

/* --- device ----------------------------------------------------------------------------------- */

static void plugged(IDEBus *bus)
{
    AHCIPort *p = bus->controller;

    ahci_port_cancel(p);
    QEMU_LOCK_GUARD(&p->hba->lock);
    port_defaults(p);
}

static bool ahci_realize(PCIDevice *dev, GError **errp)
{
    AHCIState *s = AHCI(dev);
    int cap;

    dev->config[PCI_CLASS_PROG] = 1;
    dev->config[PCI_CACHE_LINE_SIZE] = 8;
    dev->config[PCI_INTERRUPT_PIN] = 1;
    dev->config[0x90] = BIT(6); /* address map: AHCI */
    if (!msi_init(dev, 0x80, 1, true, false, errp)) {
        return false;
    }
    cap = pci_add_capability(dev, 0x12, 0xa8, 8,
                             errp); /* serial ATA: index/data pair at BAR 4 + 0x10 */
    if (cap < 0) {
        return false;
    }
    pci_set_word(dev->config + cap + 2, 0x0010);
    pci_set_long(dev->config + cap + 4, 0x00000048);

    s->bh = aio_bh_new(aio_get_main(), run, s);
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        AHCIPort *p = &s->port[n];

        p->hba = s;
        p->number = n;
        p->running = -1;
        p->slots = g_new0(AHCISlot, AHCI_SLOTS);
        for (unsigned i = 0; i < AHCI_SLOTS; i++) {
            p->slots[i].port = p;
            p->slots[i].number = i;
            p->slots[i].task.lock = &s->lock;
            p->slots[i].task.ready = ahci_task_ready;
        }
        p->bus = ide_bus_new(DEVICE(s), n, 1, true);
        p->bus->controller = p;
        p->bus->plugged = plugged;
    }
    memory_region_init_io(&s->mem, OBJECT(s), &mem_ops, s, "ahci", MEM_SIZE);
    memory_region_set_lock(&s->mem, &s->lock);
    memory_region_init_io(&s->idp, OBJECT(s), &idp_ops, s, "ahci-idp", 32);
    memory_region_set_lock(&s->idp, &s->lock);
    pci_register_bar(dev, 4, PCI_BASE_ADDRESS_SPACE_IO, &s->idp);
    pci_register_bar(dev, 5, PCI_BASE_ADDRESS_SPACE_MEMORY, &s->mem);
    return true;
}

static void ahci_exit(PCIDevice *dev)
{
    AHCIState *s = AHCI(dev);

    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        ahci_port_cancel(&s->port[n]);
        g_clear_pointer(&s->port[n].slots, g_free);
    }
    aio_bh_delete(s->bh);
    memory_region_finalize(&s->mem);
    memory_region_finalize(&s->idp);
}

static void ahci_reset(DeviceState *qdev)
{
    pci_device_reset(PCI_DEVICE(qdev));
    hba_reset(AHCI(qdev));
    AHCI(qdev)->index = 0;
}

static void ahci_init(Object *obj)
{
    qemu_mutex_init(&AHCI(obj)->lock);
}

static void ahci_finalize(Object *obj)
{
    qemu_mutex_destroy(&AHCI(obj)->lock);
}

static void ahci_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;
    DeviceClass *dc = (DeviceClass *)klass;

    pc->realize = ahci_realize;
    pc->exit = ahci_exit;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = 0x2922;
    pc->revision = 2;
    pc->class_id = 0x0106;
    dc->desc = "ICH9 SATA controller (AHCI)";
    dc->category = DEVICE_CATEGORY_STORAGE;
    dc->reset = ahci_reset;
}

static const TypeInfo ahci_info = {
    .name = TYPE_ICH9_AHCI,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(AHCIState),
    .class_init = ahci_class_init,
    .instance_init = ahci_init,
    .instance_finalize = ahci_finalize,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(ahci_info);
