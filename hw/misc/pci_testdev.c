/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-testdev: a function that measures how accesses are dispatched.
 *
 * BAR 0 (memory) and BAR 1 (ports) begin with a header.  The guest writes a test's number to byte
 * 0; the header then says where the test's register is (offset), how wide an access it wants
 * (width), what to write (data) and counts the writes that came (count); its name follows.  Each
 * BAR has three tests: without an eventfd, with one that takes any value, and with one that takes
 * data only.
 *
 * The core holds the device's lock around the callbacks, on the accessing thread or at the home
 * that an ioregionfd object gives the region. Choosing a test changes the memory map, which is the
 * main loop's: the eventfd follows a little later, and until then the callback counts the writes.
 */
#include "hw/pci/pci.h"
#include "qemu/aio.h"
#include "qemu/thread.h"

#define HEADER_SIZE 0x20 /* of the header and its name */
#define MEM_SIZE 4096
#define IO_SIZE 128
#define TESTS_PER_BAR 3
#define MATCH_DATA 0xfa

typedef struct QEMU_PACKED Header {
    uint8_t test, width, pad[2];
    uint32_t offset, data, count;
    char name[];
} Header;

typedef struct Test {
    const char *name;
    uint32_t offset;
    bool has_event, match;
    EventNotifier event;
} Test;

typedef struct Window {
    struct PCITestdev *dev;
    MemoryRegion mr;
    Test tests[TESTS_PER_BAR];
    int current;    /* dev->lock; -1: none chosen */
    uint32_t count; /* dev->lock */
    int armed;      /* main loop: the test whose eventfd is in the memory map; -1: none */
    AioBH *follow;  /* makes armed follow current */
} Window;

typedef struct PCITestdev {
    PCIDevice parent_obj;
    QemuMutex lock;
    Window window[2]; /* memory, ports */
    uint64_t membar_size;
    bool membar_backed;
    MemoryRegion membar;
} PCITestdev;

static void fill_header(const Window *w, uint8_t *buf, size_t size)
{
    Header h = {.test = w->current < 0 ? 0xff : w->current};
    const Test *t = w->current < 0 ? NULL : &w->tests[w->current];

    memset(buf, 0, size);
    if (t) {
        h.width = 1;
        h.offset = t->offset;
        h.data = MATCH_DATA;
        h.count = w->count;
        g_strlcpy((char *)buf + sizeof(h), t->name, size - sizeof(h));
    }
    memcpy(buf, &h, sizeof(h));
}

/* Adds the writes that went to the chosen test's eventfd. dev->lock held. */
static void collect_events(Window *w)
{
    uint64_t n;

    if (w->current >= 0 && w->tests[w->current].has_event &&
        read(w->tests[w->current].event.fd, &n, sizeof(n)) == sizeof(n)) {
        w->count += n;
    }
}

static uint64_t testdev_read(void *opaque, hwaddr offset, unsigned size)
{
    Window *w = opaque;
    uint8_t header[64];
    uint64_t val = 0;

    collect_events(w);
    fill_header(w, header, sizeof(header));
    if (offset + size <= sizeof(header)) {
        memcpy(&val, header + offset, size);
    }
    return val;
}

/* The test's eventfd joins or leaves the memory map; main loop. */
static void set_eventfd(Window *w, int test, bool on)
{
    Test *t = &w->tests[test];
    MemoryRegionIoeventfd e = {.offset = t->offset,
                               .size = 1,
                               .match_data = t->match,
                               .data = MATCH_DATA,
                               .fd = t->event.fd};

    if (on) {
        memory_region_add_eventfd(&w->mr, &e);
    } else {
        memory_region_del_eventfd(&w->mr, &e);
    }
}

/* Main loop. */
static void follow_current(void *opaque)
{
    Window *w = opaque;
    int wanted;

    assert_main_loop();
    qemu_mutex_lock(&w->dev->lock);
    wanted = w->current >= 0 && w->tests[w->current].has_event ? w->current : -1;
    qemu_mutex_unlock(&w->dev->lock);
    if (wanted == w->armed) {
        return;
    }
    memory_region_transaction_begin();
    if (w->armed >= 0) {
        set_eventfd(w, w->armed, false);
    }
    if (wanted >= 0) {
        set_eventfd(w, wanted, true);
    }
    w->armed = wanted;
    memory_region_transaction_commit();
}

/* Any thread, dev->lock held: the count begins anew, without what an earlier choice has left. */
static void choose(Window *w, int test)
{
    w->current = test < TESTS_PER_BAR ? test : -1;
    collect_events(w);
    w->count = 0;
}

/* Main loop: no test is chosen, and no eventfd is left in the memory map. */
static void choose_none(Window *w)
{
    qemu_mutex_lock(&w->dev->lock);
    choose(w, TESTS_PER_BAR);
    qemu_mutex_unlock(&w->dev->lock);
    follow_current(w);
}

static void testdev_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    Window *w = opaque;

    if (offset == 0) {
        choose(w, data & 0xff);
        aio_bh_schedule(w->follow);
    } else if (w->current >= 0 && offset == w->tests[w->current].offset && size == 1 &&
               (!w->tests[w->current].match || data == MATCH_DATA)) {
        w->count++;
    }
}

static const MemoryRegionOps testdev_ops = {
    .read = testdev_read,
    .write = testdev_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4},
    .impl = {.min_access_size = 1, .max_access_size = 4},
};

static bool window_init(PCITestdev *d, int bar, GError **errp)
{
    static const char *const names[2][TESTS_PER_BAR] = {
        {"mmio-no-eventfd", "mmio-wildcard-eventfd", "mmio-datamatch-eventfd"},
        {"portio-no-eventfd", "portio-wildcard-eventfd", "portio-datamatch-eventfd"},
    };
    Window *w = &d->window[bar];
    uint32_t size = bar ? IO_SIZE : MEM_SIZE;

    w->dev = d;
    w->current = w->armed = -1;
    w->follow = aio_bh_new(aio_get_main(), follow_current, w);
    for (int n = 0; n < TESTS_PER_BAR; n++) {
        w->tests[n].event.fd = -1;
    }
    for (int n = 0; n < TESTS_PER_BAR; n++) {
        Test *t = &w->tests[n];

        t->name = names[bar][n];
        t->offset = 2 * HEADER_SIZE + 16 * n;
        t->has_event = n > 0;
        t->match = n == 2;
        if (t->has_event && !event_notifier_init(&t->event, false, errp)) {
            return false;
        }
    }
    memory_region_init_io(&w->mr, OBJECT(d), &testdev_ops, w,
                          bar ? "pci-testdev-portio" : "pci-testdev-mmio", size);
    memory_region_set_lock(&w->mr, &d->lock);
    pci_register_bar(PCI_DEVICE(d), bar,
                     bar ? PCI_BASE_ADDRESS_SPACE_IO : PCI_BASE_ADDRESS_SPACE_MEMORY, &w->mr);
    return true;
}

static void testdev_exit(PCIDevice *dev)
{
    PCITestdev *d = (PCITestdev *)dev;

    for (int bar = 0; bar < 2; bar++) {
        Window *w = &d->window[bar];

        if (!w->dev) {
            continue;
        }
        choose_none(w);
        aio_bh_delete(w->follow);
        for (int n = 0; n < TESTS_PER_BAR; n++) {
            event_notifier_cleanup(&w->tests[n].event);
        }
        if (w->mr.name) {
            memory_region_finalize(&w->mr);
        }
    }
    if (d->membar.name) {
        memory_region_finalize(&d->membar);
    }
}

static bool testdev_realize(PCIDevice *dev, GError **errp)
{
    PCITestdev *d = (PCITestdev *)dev;

    if (d->membar_size & (d->membar_size - 1)) {
        error_setg(errp, "pci-testdev: membar=%" PRIu64 " must be a power of two", d->membar_size);
        return false;
    }
    dev->config[PCI_INTERRUPT_PIN] = 0;
    if (!window_init(d, 0, errp) || !window_init(d, 1, errp)) {
        testdev_exit(dev);
        return false;
    }
    if (d->membar_size) {
        if (d->membar_backed) {
            if (!memory_region_init_ram(&d->membar, OBJECT(d), "pci-testdev-membar", d->membar_size,
                                        errp)) {
                testdev_exit(dev);
                return false;
            }
        } else {
            memory_region_init(&d->membar, OBJECT(d), "pci-testdev-membar", d->membar_size);
        }
        pci_register_bar(dev, 2, PCI_BASE_ADDRESS_MEM_PREFETCH | PCI_BASE_ADDRESS_MEM_TYPE_64,
                         &d->membar);
    }
    return true;
}

static void testdev_reset(DeviceState *qdev)
{
    PCITestdev *d = (PCITestdev *)qdev;

    pci_device_reset(PCI_DEVICE(qdev));
    choose_none(&d->window[0]);
    choose_none(&d->window[1]);
}

static void testdev_init(Object *obj)
{
    qemu_mutex_init(&((PCITestdev *)obj)->lock);
}

static const ObjectProperty testdev_props[] = {
    DEFINE_PROP_SIZE("membar", PCITestdev, membar_size, 0, "Size of a further memory BAR; 0: none"),
    DEFINE_PROP_BOOL("membar-backed", PCITestdev, membar_backed, false, "That BAR is RAM"),
};

static void testdev_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;
    DeviceClass *dc = (DeviceClass *)klass;

    pc->realize = testdev_realize;
    pc->exit = testdev_exit;
    pc->vendor_id = PCI_VENDOR_ID_REDHAT;
    pc->device_id = PCI_DEVICE_ID_REDHAT_TEST;
    pc->class_id = PCI_CLASS_OTHERS;
    dc->desc = "PCI Test Device";
    dc->category = DEVICE_CATEGORY_MISC;
    dc->reset = testdev_reset;
    object_class_add_property_table(klass, testdev_props);
}

static const TypeInfo testdev_info = {
    .name = "pci-testdev",
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(PCITestdev),
    .class_init = testdev_class_init,
    .instance_init = testdev_init,
    .interfaces = (const char *const[]){INTERFACE_CONVENTIONAL_PCI_DEVICE, NULL},
};
QOM_TYPE(testdev_info);
