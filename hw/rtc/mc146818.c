/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mc146818rtc: the real-time clock at ports 0x70 and 0x71, interrupt 8, under a lock of its own. */
#include "hw/rtc/mc146818.h"
#include "hw/boards.h"
#include "hw/timer/home_timer.h"
#include "monitor/monitor.h"
#include "qemu/thread.h"
#include "system/runstate.h"

#define RTC_IRQ 8
enum { RTC_SHUTDOWN_CODE = 0x0f, SHUTDOWN_S3 = 0xfe, RTC_ALARM = 0x20 };

struct MC146818Device {
    ISADevice parent_obj;
    QemuMutex lock;
    RtcCore core; /* lock */
    QEMUClockType clock;
    HomeTimer timer;
    qemu_irq irq;
    int lost_tick_policy;
    int32_t base_year;
    MemoryRegion io;
};
#define RTC(obj) ((MC146818Device *)(obj))

static int64_t now_ns(MC146818Device *s)
{
    return qemu_clock_get_ns(s->clock);
}

static void update(MC146818Device *s, int64_t now)
{
    int64_t next = rtc_core_next_event(&s->core, now);

    qemu_set_irq(s->irq, rtc_core_irq(&s->core));
    home_timer_mod(&s->timer, next);
}

static void timer_fired(void *opaque)
{
    MC146818Device *s = opaque;
    int64_t now = now_ns(s);
    QEMU_LOCK_GUARD(&s->lock);

    rtc_core_advance(&s->core, now);
    if (s->core.cmos[RTC_REG_B] & s->core.cmos[RTC_REG_C] & RTC_ALARM) {
        qemu_system_wakeup_request(); /* one that is awake does not notice */
    }
    update(s, now);
}

static uint64_t rtc_read(void *opaque, hwaddr offset, unsigned size)
{
    MC146818Device *s = opaque;
    int64_t now = now_ns(s);
    QEMU_LOCK_GUARD(&s->lock);
    uint8_t val = rtc_core_read(&s->core, offset & 1, now);

    if (offset & 1) {
        /* Reading register C lowers the line even when a replayed tick raises it again at once. */
        if (s->core.index == RTC_REG_C && (val & 0x80)) {
            qemu_set_irq(s->irq, 0);
        }
        update(s, now);
    }
    return val;
}

static void rtc_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    MC146818Device *s = opaque;
    int64_t now = now_ns(s);
    bool changed;
    int64_t shown;

    qemu_mutex_lock(&s->lock);
    rtc_core_write(&s->core, offset & 1, data, now, &changed);
    if (offset & 1) {
        update(s, now);
    }
    shown = rtc_core_time(&s->core, now);
    qemu_mutex_unlock(&s->lock);
    if (changed) {
        json_object *info = json_object_new_object();
        struct tm tm;
        g_autofree char *path = object_get_canonical_path(OBJECT(s));

        qemu_get_timedate(&tm, 0);
        json_object_object_add(info, "offset", json_object_new_int64(shown - timegm(&tm)));
        json_object_object_add(info, "qom-path", json_object_new_string(path ? path : ""));
        qapi_event_emit("RTC_CHANGE", info);
    }
}

static const MemoryRegionOps rtc_ops = {
    .read = rtc_read,
    .write = rtc_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

void rtc_set_cmos(ISADevice *dev, unsigned addr, uint8_t val)
{
    QEMU_LOCK_GUARD(&RTC(dev)->lock);

    RTC(dev)->core.cmos[addr] = val;
}

static bool rtc_realize(DeviceState *dev, GError **errp)
{
    MC146818Device *s = RTC(dev);
    struct tm tm;
    int64_t now, sec, fraction = 0;

    s->clock = rtc_clock_type();
    now = now_ns(s);
    qemu_get_timedate(&tm, 0);
    sec = timegm(&tm);
    if (s->clock == QEMU_CLOCK_HOST) {
        fraction = now % NANOSECONDS_PER_SECOND; /* seconds begin when the host's do */
    }
    rtc_core_init(&s->core, sec, now - fraction);
    s->core.slew = s->lost_tick_policy == 2;
    s->irq = isa_get_irq(ISA_DEVICE(dev), RTC_IRQ);
    memory_region_init_io(&s->io, OBJECT(s), &rtc_ops, s, "rtc", 2);
    home_timer_init(&s->timer, &s->io, s->clock, timer_fired, s);
    isa_register_ioport(ISA_DEVICE(dev), &s->io, 0x70);
    return true;
}

static void rtc_reset(DeviceState *dev)
{
    MC146818Device *s = RTC(dev);
    int64_t now = now_ns(s);
    QEMU_LOCK_GUARD(&s->lock);

    rtc_core_reset(&s->core, now);
    /* Firmware looks here for whether to start or to go on. */
    s->core.cmos[RTC_SHUTDOWN_CODE] = qemu_system_is_waking() ? SHUTDOWN_S3 : 0;
    update(s, now);
}

static void rtc_init(Object *obj)
{
    qemu_mutex_init(&RTC(obj)->lock);
}

static void rtc_finalize(Object *obj)
{
    home_timer_cleanup(&RTC(obj)->timer);
    qemu_mutex_destroy(&RTC(obj)->lock);
}

static json_object *rtc_get_date(Object *obj, const ObjectProperty *prop, GError **errp)
{
    MC146818Device *s = RTC(obj);
    json_object *o = json_object_new_object();
    struct tm tm;
    time_t t;

    qemu_mutex_lock(&s->lock);
    t = rtc_core_time(&s->core, now_ns(s));
    qemu_mutex_unlock(&s->lock);
    gmtime_r(&t, &tm);
    json_object_object_add(o, "tm_year", json_object_new_int(tm.tm_year));
    json_object_object_add(o, "tm_mon", json_object_new_int(tm.tm_mon));
    json_object_object_add(o, "tm_mday", json_object_new_int(tm.tm_mday));
    json_object_object_add(o, "tm_hour", json_object_new_int(tm.tm_hour));
    json_object_object_add(o, "tm_min", json_object_new_int(tm.tm_min));
    json_object_object_add(o, "tm_sec", json_object_new_int(tm.tm_sec));
    return o;
}

static const char *const lost_tick_names[] = {"discard", "delay", "slew", NULL};
static const EnumTable lost_tick_table = {"LostTickPolicy", lost_tick_names};

static const ObjectProperty rtc_props[] = {
    DEFINE_PROP_ENUM("lost_tick_policy", MC146818Device, lost_tick_policy, lost_tick_table, 0,
                     "discard, or slew: periodic interrupts that the guest missed are replayed"),
    DEFINE_PROP_INT32("base_year", MC146818Device, base_year, 1980,
                      "Year at which firmware begins to count"),
    {.name = "date",
     .type = "struct tm",
     .kind = PROP_CUSTOM,
     .read_only = true,
     .get = rtc_get_date,
     .help = "Date and time that the clock shows"},
};

static void rtc_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "MC146818 real-time clock";
    dc->realize = rtc_realize;
    dc->reset = rtc_reset;
    dc->user_creatable = false;
    object_class_add_property_table(klass, rtc_props);
}

static const TypeInfo rtc_info = {
    .name = TYPE_MC146818_RTC,
    .parent = TYPE_ISA_DEVICE,
    .instance_size = sizeof(MC146818Device),
    .class_init = rtc_class_init,
    .instance_init = rtc_init,
    .instance_finalize = rtc_finalize,
};
QOM_TYPE(rtc_info);
