/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIIX3 ISA bridge, function 1.0 (82371SB data sheet, chapter 2): the ISA bus, PIRQ A to D each
 * driving one of the classic interrupts, reset control at 0xcf9.
 */
#include "hw/isa/piix.h"

#include "system/runstate.h"

enum { PIIX_IORT = 0x4c, PIIX_XBCS = 0x4e, PIIX_PIRQA = 0x60, PIIX_TOM = 0x69, PIIX_MBIRQ = 0x70 };
#define PIRQ_DISABLED 0x80

/* --- interrupts ------------------------------------------------------------------------------- */

/* Pins rotate by slot; slot 1 is the bridge itself, where INTA# is PIRQ A. */
int piix3_map_irq(PCIBus *bus, uint8_t devfn, int pin)
{
    return (PCI_SLOT(devfn) + pin + 3) & 3;
}

/* Interrupts 0, 1, 2, 8 and 13 cannot be chosen (data sheet, 2.3.7). */
static bool routable(uint8_t route)
{
    return !(route & PIRQ_DISABLED) && (BIT(route & 0xf) & 0xdef8);
}

static void update(PIIX3State *s)
{
    uint16_t levels = 0, changed;

    for (int n = 0; n < PIIX_PIRQS; n++) {
        if ((s->pirq_level & BIT(n)) && routable(s->pirq_route[n])) {
            levels |= BIT(s->pirq_route[n] & 0xf);
        }
    }
    changed = levels ^ s->pic_level;
    s->pic_level = levels;
    for (int n = 0; n < 16; n++) {
        if (changed & BIT(n)) {
            qemu_set_irq(s->gsi[n], !!(levels & BIT(n)));
        }
    }
}

void piix3_set_pirq(void *opaque, int pirq, int level)
{
    PIIX3State *s = opaque;
    QEMU_LOCK_GUARD(&s->route_lock);

    s->pirq_level = level ? s->pirq_level | BIT(pirq) : s->pirq_level & ~BIT(pirq);
    update(s);
}

static void routes_changed(PIIX3State *s)
{
    QEMU_LOCK_GUARD(&s->route_lock);

    memcpy(s->pirq_route, PCI_DEVICE(s)->config + PIIX_PIRQA, PIIX_PIRQS);
    update(s);
}

static void piix3_config_changed(PCIDevice *dev, uint32_t addr, int len)
{
    if (addr < PIIX_PIRQA + PIIX_PIRQS && addr + len > PIIX_PIRQA) {
        routes_changed(PIIX3(dev));
    }
}

const uint8_t piix3_pirq_irqs[PIIX_PIRQS] = {10, 10, 11, 11};

void piix3_firmware_setup(PIIX3State *s)
{
    for (int n = 0; n < PIIX_PIRQS; n++) {
        pci_config_write(PCI_DEVICE(s), PIIX_PIRQA + n, piix3_pirq_irqs[n], 1);
    }
}

/* --- reset control: bit 2 resets, bit 1 is remembered ------------------------------------------
 */

static uint8_t reset_read(void *opaque)
{
    return __atomic_load_n(&PIIX3(opaque)->rst_cnt, __ATOMIC_RELAXED);
}

static void reset_write(void *opaque, uint8_t val)
{
    if (val & 4) {
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        return;
    }
    __atomic_store_n(&PIIX3(opaque)->rst_cnt, val & 2, __ATOMIC_RELAXED);
}

void piix3_connect_host(PIIX3State *s, PCIHostState *host)
{
    host->reset_opaque = s;
    host->reset_read = reset_read;
    host->reset_write = reset_write;
}

/* --- device ----------------------------------------------------------------------------------- */

static void load_defaults(PIIX3State *s)
{
    uint8_t *c = PCI_DEVICE(s)->config;

    pci_set_word(c + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    c[PIIX_IORT] = 0x4d;
    pci_set_word(c + PIIX_XBCS, 0x0003);
    memset(c + PIIX_PIRQA, PIRQ_DISABLED, PIIX_PIRQS);
    c[PIIX_TOM] = 0x02;
    c[PIIX_MBIRQ] = c[PIIX_MBIRQ + 1] = PIRQ_DISABLED;
}

static bool piix3_realize(PCIDevice *dev, GError **errp)
{
    PIIX3State *s = PIIX3(dev);

    dev->multifunction = true;
    dev->config[PCI_HEADER_TYPE] |= 0x80;
    dev->wmask[PIIX_IORT] = 0x7f;
    pci_set_word(dev->wmask + PIIX_XBCS, 0x01ff);
    memset(dev->wmask + PIIX_PIRQA, 0x8f, PIIX_PIRQS);
    dev->wmask[PIIX_TOM] = 0xfe;
    dev->wmask[PIIX_MBIRQ] = dev->wmask[PIIX_MBIRQ + 1] = 0xaf;
    load_defaults(s);
    s->isa = isa_bus_new(DEVICE(dev), "isa.0", get_system_io(), s->gsi);
    return true;
}

static void piix3_reset(DeviceState *qdev)
{
    PIIX3State *s = PIIX3(qdev);

    pci_device_reset(PCI_DEVICE(qdev));
    load_defaults(s);
    routes_changed(s);
    __atomic_store_n(&s->rst_cnt, 0, __ATOMIC_RELAXED);
}

static void piix3_init(Object *obj)
{
    qemu_mutex_init(&PIIX3(obj)->route_lock);
}

static void piix3_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;
    DeviceClass *dc = (DeviceClass *)klass;

    pc->realize = piix3_realize;
    pc->config_changed = piix3_config_changed;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = 0x7000;
    pc->class_id = PCI_CLASS_BRIDGE_ISA;
    dc->desc = "PIIX3 ISA bridge";
    dc->category = DEVICE_CATEGORY_BRIDGE;
    dc->reset = piix3_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static const TypeInfo piix3_info = {
    .name = TYPE_PIIX3,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(PIIX3State),
    .class_init = piix3_class_init,
    .instance_init = piix3_init,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(piix3_info);
