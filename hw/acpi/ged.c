/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acpi-ged: what hardware-reduced ACPI has instead of the fixed registers: the Generic Event Device
 * (ACPI 6.4, 5.6.9), and sleep and reset registers (4.8.3.7, 4.8.3.6).
 *
 * Any thread; the events are one atomic word.
 */
#include "hw/acpi/ged.h"

#include "qemu/log.h"
#include "system/runstate.h"

enum { REG_SLEEP_CONTROL, REG_SLEEP_STATUS, REG_RESET, REGS };
enum { SLP_EN = BIT(5), SLP_TYP_SHIFT = 2, SLP_TYP_MASK = 7 };

void ged_event(GEDState *s, uint32_t events)
{
    __atomic_fetch_or(&s->selector, events, __ATOMIC_SEQ_CST);
    /* The line is for edges; the method takes all events that there are. */
    qemu_irq_raise(s->irq);
    qemu_irq_lower(s->irq);
}

/* Reading takes the events. */
static uint64_t selector_read(void *opaque, hwaddr offset, unsigned size)
{
    return __atomic_exchange_n(&((GEDState *)opaque)->selector, 0, __ATOMIC_SEQ_CST);
}

static void selector_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
}

static const MemoryRegionOps selector_ops = {
    .read = selector_read,
    .write = selector_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 4, .max_access_size = 4},
    .impl = {.min_access_size = 4, .max_access_size = 4},
};

static uint64_t regs_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0; /* WAK_STS is never set: there is no state to wake from */
}

static void regs_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    switch (offset) {
    case REG_SLEEP_CONTROL:
        if ((data & SLP_EN) && (data >> SLP_TYP_SHIFT & SLP_TYP_MASK) == GED_SLP_TYP_S5) {
            qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
        } else if (data & SLP_EN) {
            qemu_log_mask(LOG_GUEST_ERROR,
                          "acpi-ged: sleep type %u is not offered and was ignored\n",
                          (unsigned)(data >> SLP_TYP_SHIFT & SLP_TYP_MASK));
        }
        break;
    case REG_RESET:
        if (data == GED_RESET_VALUE) {
            qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        }
        break;
    default:
        break;
    }
}

static const MemoryRegionOps regs_ops = {
    .read = regs_read,
    .write = regs_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 1},
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

static void powerdown(void *opaque)
{
    ged_event(opaque, GED_EVENT_POWER_DOWN);
}

static bool ged_realize(DeviceState *dev, GError **errp)
{
    GEDState *s = GED(dev);

    memory_region_init_io(&s->select_mr, OBJECT(s), &selector_ops, s, "acpi-ged", 4);
    memory_region_init_io(&s->regs_mr, OBJECT(s), &regs_ops, s, "acpi-ged-regs", REGS);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->select_mr);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->regs_mr);
    sysbus_init_irq(SYS_BUS_DEVICE(s), &s->irq);
    qemu_register_powerdown_notifier(powerdown, s);
    return true;
}

static void ged_reset(DeviceState *dev)
{
    __atomic_store_n(&GED(dev)->selector, 0, __ATOMIC_SEQ_CST);
}

static void ged_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "ACPI Generic Event Device";
    dc->realize = ged_realize;
    dc->reset = ged_reset;
}

static const TypeInfo ged_info = {
    .name = TYPE_GED,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(GEDState),
    .class_init = ged_class_init,
};
QOM_TYPE(ged_info);
