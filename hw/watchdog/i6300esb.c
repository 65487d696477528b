/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * i6300esb: the watchdog of Intel's 6300ESB I/O controller hub (data sheet, chapter 16): two stages
 * of 20-bit timers; the first may interrupt, the second resets.  One lock.
 */
#include "hw/pci/pci.h"
#include "system/watchdog.h"

enum {
    CFG_CONFIG = 0x60,   /* 16 bits */
    CFG_LOCK = 0x68,     /* 8 bits */
    CONFIG_INT_MASK = 3, /* 0 IRQ, 1 NMI, 2 SMI, 3 none */
    CONFIG_FINE = 4,     /* prescaler: 1 us instead of 1 ms */
    CONFIG_NO_OUTPUT = 0x20,
    LOCK_LOCKED = 1,
    LOCK_ENABLE = 2,
    LOCK_FREE_RUN = 4,

    REG_PRELOAD1 = 0x0,
    REG_PRELOAD2 = 0x4,
    REG_INT_STATUS = 0x8,
    REG_RELOAD = 0xc,
    RELOAD_NOW = 0x100,
    RELOAD_TIMEOUT = 0x200, /* the machine was reset by it; written 1 to clear */
    PRELOAD_MAX = 0xfffff,
    UNLOCK_FIRST = 0x80,
    UNLOCK_SECOND = 0x86,
};
/* A count is 2^15 or 2^5 periods of the 33 MHz PCI clock. */
#define PCI_CLOCK 33000000

typedef struct I6300Esb {
    PCIDevice parent_obj;
    QemuMutex lock;
    AioTimer *timer;
    uint32_t preload[2];
    unsigned stage, unlock; /* stage 1 or 2; writes of the unlock sequence seen */
    bool int_active, timed_out;
    MemoryRegion mr;
} I6300Esb;
#define I6300ESB(obj) ((I6300Esb *)(obj))

static bool is_enabled(I6300Esb *d)
{
    return PCI_DEVICE(d)->config[CFG_LOCK] & LOCK_ENABLE;
}

static void start_stage(I6300Esb *d, unsigned stage)
{
    unsigned shift = PCI_DEVICE(d)->config[CFG_CONFIG] & CONFIG_FINE ? 5 : 15;
    int64_t ns = ((int64_t)d->preload[stage - 1] << shift) * NANOSECONDS_PER_SECOND / PCI_CLOCK;

    d->stage = stage;
    aio_timer_mod(d->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + ns);
}

/* Stage 1 over: interrupt, then stage 2.  Stage 2 over: the reset, once more from the start in
 * free-running mode. */
static void expired(void *opaque)
{
    I6300Esb *d = opaque;
    const uint8_t *c = PCI_DEVICE(d)->config;
    bool act = false;

    qemu_mutex_lock(&d->lock);
    if (!is_enabled(d)) {
        qemu_mutex_unlock(&d->lock);
        return;
    }
    if (d->stage == 1) {
        if ((c[CFG_CONFIG] & CONFIG_INT_MASK) == 0) {
            d->int_active = true;
            pci_set_irq(PCI_DEVICE(d), 1);
        }
        start_stage(d, 2);
    } else {
        act = !(c[CFG_CONFIG] & CONFIG_NO_OUTPUT);
        d->timed_out |= act;
        if (c[CFG_LOCK] & LOCK_FREE_RUN) {
            start_stage(d, 1);
        }
    }
    qemu_mutex_unlock(&d->lock);
    if (act) {
        watchdog_expired();
    }
}

/* --- registers
 * ----------------------------------------------------------------------------------------- */

static uint64_t esb_read(void *opaque, hwaddr offset, unsigned size)
{
    I6300Esb *d = opaque;
    QEMU_LOCK_GUARD(&d->lock);

    switch (offset) {
    case REG_PRELOAD1:
        return d->preload[0];
    case REG_PRELOAD2:
        return d->preload[1];
    case REG_INT_STATUS:
        return d->int_active;
    case REG_RELOAD:
        return d->timed_out ? RELOAD_TIMEOUT : 0;
    }
    return 0;
}

/* A write that the two unlocking ones precede. */
static void unlocked_write(I6300Esb *d, hwaddr offset, uint32_t val)
{
    switch (offset) {
    case REG_PRELOAD1:
    case REG_PRELOAD2:
        d->preload[offset / 4] = val & PRELOAD_MAX;
        break;
    case REG_RELOAD:
        if (val & RELOAD_TIMEOUT) {
            d->timed_out = false;
        }
        if (val & RELOAD_NOW && is_enabled(d)) {
            start_stage(d, 1);
        }
        break;
    }
}

static void esb_write(void *opaque, hwaddr offset, uint64_t val, unsigned size)
{
    I6300Esb *d = opaque;
    QEMU_LOCK_GUARD(&d->lock);

    if (offset == REG_INT_STATUS) {
        if (val & 1) {
            d->int_active = false;
            pci_set_irq(PCI_DEVICE(d), 0);
        }
    } else if (offset == REG_RELOAD && val == UNLOCK_FIRST) {
        d->unlock = 1;
    } else if (offset == REG_RELOAD && val == UNLOCK_SECOND && d->unlock == 1) {
        d->unlock = 2;
    } else {
        if (d->unlock == 2) {
            unlocked_write(d, offset, val);
        }
        d->unlock = 0;
    }
}

static const MemoryRegionOps esb_ops = {
    .read = esb_read,
    .write = esb_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 1, .max_access_size = 4},
};

static void esb_config_changed(PCIDevice *dev, uint32_t addr, int len)
{
    I6300Esb *d = I6300ESB(dev);

    if (addr > CFG_LOCK || addr + len <= CFG_LOCK) {
        return;
    }
    QEMU_LOCK_GUARD(&d->lock);
    if (dev->config[CFG_LOCK] & LOCK_LOCKED) {
        dev->wmask[CFG_LOCK] = 0; /* until the next reset */
    }
    if (!is_enabled(d)) {
        aio_timer_del(d->timer);
    } else if (!aio_timer_pending(d->timer)) {
        start_stage(d, 1);
    }
}

/* --- life
 * ---------------------------------------------------------------------------------------------- */

static bool esb_realize(PCIDevice *dev, GError **errp)
{
    I6300Esb *d = I6300ESB(dev);

    d->timer = aio_timer_new(aio_get_main(), QEMU_CLOCK_VIRTUAL, expired, d);
    memory_region_init_io(&d->mr, OBJECT(d), &esb_ops, d, "i6300esb", 0x10);
    pci_register_bar(dev, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &d->mr);
    dev->config[PCI_INTERRUPT_PIN] = 1;
    pci_set_word(dev->wmask + CFG_CONFIG, CONFIG_INT_MASK | CONFIG_FINE | CONFIG_NO_OUTPUT);
    dev->wmask[CFG_LOCK] = LOCK_LOCKED | LOCK_ENABLE | LOCK_FREE_RUN;
    pci_config_mark_home(dev, CFG_LOCK, 1);
    return true;
}

static void esb_exit(PCIDevice *dev)
{
    aio_timer_free(I6300ESB(dev)->timer);
    memory_region_finalize(&I6300ESB(dev)->mr);
}

static void esb_reset(DeviceState *dev)
{
    I6300Esb *d = I6300ESB(dev);
    PCIDevice *pci = PCI_DEVICE(dev);

    pci_device_reset(pci);
    QEMU_LOCK_GUARD(&d->lock);
    aio_timer_del(d->timer);
    pci_set_word(pci->config + CFG_CONFIG, 0);
    pci->config[CFG_LOCK] = 0;
    pci->wmask[CFG_LOCK] = LOCK_LOCKED | LOCK_ENABLE | LOCK_FREE_RUN;
    d->preload[0] = d->preload[1] = PRELOAD_MAX;
    d->stage = 1;
    d->unlock = 0;
    d->int_active =
        false; /* that it timed out is remembered: the guest wants to know why it was reset */
    pci_set_irq(pci, 0);
}

static void esb_init(Object *obj)
{
    qemu_mutex_init(&I6300ESB(obj)->lock);
}

static void esb_finalize(Object *obj)
{
    qemu_mutex_destroy(&I6300ESB(obj)->lock);
}

static void esb_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;
    DeviceClass *dc = (DeviceClass *)klass;

    pc->realize = esb_realize;
    pc->exit = esb_exit;
    pc->config_changed = esb_config_changed;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = 0x25ab;
    pc->class_id = 0x0880; /* system peripheral, other */
    dc->desc = "Intel 6300ESB watchdog";
    dc->category = DEVICE_CATEGORY_WATCHDOG;
    dc->reset = esb_reset;
}

static const TypeInfo esb_info = {
    .name = "i6300esb",
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(I6300Esb),
    .class_init = esb_class_init,
    .instance_init = esb_init,
    .instance_finalize = esb_finalize,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(esb_info);
