/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-testdev: a function that measures how accesses are dispatched.
 *
 * BAR 0 (memory) and BAR 1 (ports) begin with a header.  The guest writes a test's number to byte
 * 0; the header then says where the test's register is (offset), how wide an access it wants
 * (width), what to write (data) and counts the writes that came (count); its name follows.  Each
 * BAR has three tests: without an eventfd, with one that takes any value, and with one that takes
 * data only.
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

    QEMU_LOCK_GUARD(&w->dev->lock);
    collect_events(w);
    fill_header(w, header, sizeof(header));
    if (offset + size <= sizeof(header)) {
        memcpy(&val, header + offset, size);
    }
    return val;
}

/* The eventfd of the chosen test appears with the choice: topology, so in the main loop. */
static void set_eventfd(Window *w, Test *t, bool on)
{
    MemoryRegionIoeventfd e = {.offset = t->offset,
                               .size = 1,
                               .match_data = t->match,
                               .data = MATCH_DATA,
                               .fd = t->event.fd};

    if (!t->has_event) {
        return;
    }
    memory_region_transaction_begin();
    if (on) {
        memory_region_add_eventfd(&w->mr, &e);
    } else {
        memory_region_del_eventfd(&w->mr, &e);
    }
    memory_region_transaction_commit();
}

static void choose(Window *w, int test)
{
    assert_main_loop();
    if (w->current >= 0) {
        set_eventfd(w, &w->tests[w->current], false);
    }
    qemu_mutex_lock(&w->dev->lock);
    collect_events(w);
    w->current = test < TESTS_PER_BAR ? test : -1;
    w->count = 0;
    qemu_mutex_unlock(&w->dev->lock);
    if (w->current >= 0) {
        set_eventfd(w, &w->tests[w->current], true);
    }
}

static bool write_direct(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    Window *w = opaque;

    if (offset == 0) {
        return false; /* choosing a test changes the memory map */
    }
    QEMU_LOCK_GUARD(&w->dev->lock);
    if (w->current >= 0 && offset == w->tests[w->current].offset && size == 1 &&
        (!w->tests[w->current].match || data == MATCH_DATA)) {
        w->count++;
    }
    return true;
}

static void testdev_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    if (offset == 0) {
        choose(opaque, data & 0xff);
    } else {
        write_direct(opaque, offset, data, size);
    }
}

static bool read_direct(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    *data = testdev_read(opaque, offset, size);
    return true;
}

static const MemoryRegionOps testdev_ops = {
    .read = testdev_read,
    .write = testdev_write,
    .read_direct = read_direct,
    .write_direct = write_direct,
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
    w->current = -1;
    for (int n = 0; n < TESTS_PER_BAR; n++) {
        Test *t = &w->tests[n];

        t->name = names[bar][n];
        t->offset = 2 * HEADER_SIZE + 16 * n;
        t->has_event = n > 0;
        t->match = n == 2;
        t->event.fd = -1;
        if (t->has_event && !event_notifier_init(&t->event, false, errp)) {
            return false;
        }
    }
    memory_region_init_io(&w->mr, OBJECT(d), &testdev_ops, w,
                          bar ? "pci-testdev-portio" : "pci-testdev-mmio", size);
    memory_region_set_home(&w->mr, aio_get_main(), 0);
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
        choose(w, TESTS_PER_BAR);
        for (int n = 0; n < TESTS_PER_BAR; n++) {
            event_notifier_cleanup(&w->tests[n].event);
        }
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
    choose(&d->window[0], TESTS_PER_BAR);
    choose(&d->window[1], TESTS_PER_BAR);
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
