/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices and buses.  Main loop only, except where said.
 *
 * Life: object_new() -> properties -> realize (hardware appears) -> [reset]* -> unrealize (hardware disappears, homes
 * drained) -> finalize.  A device that -device or device_add made lies at /machine/peripheral/ID or
 * /machine/peripheral-anon/device[N], one that the machine made at its own place or at /machine/unattached/device[N].
 */
#ifndef HW_QDEV_CORE_H
#define HW_QDEV_CORE_H

#include "hw/irq.h"
#include "qom/object.h"

#define TYPE_DEVICE "device"
#define TYPE_BUS "bus"
#define TYPE_SYS_BUS "System"
#define TYPE_SYS_BUS_DEVICE "sys-bus-device"
#define TYPE_HOTPLUG_HANDLER "hotplug-handler"

typedef struct DeviceState DeviceState;
typedef struct BusState BusState;

typedef struct NamedGpioList {
    char *name;             /* NULL: the unnamed list */
    IrqLine *in;            /* n_in lines that this device receives */
    int n_in;
    qemu_irq **out;         /* n_out places where the device keeps its outputs */
    int n_out;
} NamedGpioList;

struct DeviceState {
    Object parent_obj;
    char *id;               /* from the user, or NULL */
    BusState *parent_bus;
    bool realized;
    bool unrealizing;       /* its unrealize() has not returned, and may let the main loop run */
    bool hotplugged;
    bool pending_unplug;    /* device_del came, DEVICE_DELETED has not gone out */
    GPtrArray *gpios;       /* NamedGpioList; NULL: none */
    GPtrArray *child_buses; /* BusState, children in the tree; never NULL */
};

typedef enum DeviceCategory {
    DEVICE_CATEGORY_BRIDGE, DEVICE_CATEGORY_USB, DEVICE_CATEGORY_STORAGE, DEVICE_CATEGORY_NETWORK,
    DEVICE_CATEGORY_INPUT, DEVICE_CATEGORY_DISPLAY, DEVICE_CATEGORY_SOUND, DEVICE_CATEGORY_MISC,
    DEVICE_CATEGORY_CPU, DEVICE_CATEGORY_WATCHDOG, DEVICE_CATEGORY_MAX,
} DeviceCategory;

typedef struct DeviceClass {
    ObjectClass parent_class;
    const char *desc;        /* one line for -device help */
    const char *bus_type;    /* bus that it plugs into, NULL: none */
    DeviceCategory category;
    bool user_creatable;     /* -device may make it; default true */
    bool not_built_in;       /* realize() only says what to use instead: not listed */
    bool hotpluggable;       /* default true */
    bool (*realize)(DeviceState *dev, GError **errp);
    void (*unrealize)(DeviceState *dev);
    void (*reset)(DeviceState *dev);   /* to power-on state; homes are drained by the device itself */
} DeviceClass;

struct BusState {
    Object parent_obj;
    DeviceState *parent;     /* NULL for the system bus */
    char *name;              /* "pcie.0" */
    GPtrArray *children;     /* DeviceState, in order of plugging; not owned (the tree owns) */
    Object *hotplug_handler; /* implements TYPE_HOTPLUG_HANDLER, or NULL: no hot plug on this bus */
    unsigned max_index;
};

typedef struct BusClass {
    ObjectClass parent_class;
    const char *bus_type_name;
    unsigned max_dev;        /* 0: no limit */
    /* Refuses a device (bad address ...) before its realize; may be NULL. */
    bool (*check_address)(BusState *bus, DeviceState *dev, GError **errp);
    char *(*get_dev_path)(DeviceState *dev);
    void (*reset)(BusState *bus);
    /* info qtree: lines about a device, indented by indent. */
    void (*print_dev)(GString *out, DeviceState *dev, int indent);
} BusClass;

/* Methods of TYPE_HOTPLUG_HANDLER.  plug: the last step of a hot-plugged or cold-plugged device's realize.  unplug_request: the guest is
 * asked (the handler ends it, at once or later, with qdev_unplug_complete()); unplug: called at the end of an immediate unplug, before
 * unrealize.  NULL members are skipped; without unplug_request, unplug is immediate. */
typedef struct HotplugHandlerClass {
    bool (*pre_plug)(Object *handler, DeviceState *dev, GError **errp);
    bool (*plug)(Object *handler, DeviceState *dev, GError **errp);
    bool (*unplug_request)(Object *handler, DeviceState *dev, GError **errp);
    bool (*unplug)(Object *handler, DeviceState *dev, GError **errp);
} HotplugHandlerClass;

#define DEVICE(obj) ((DeviceState *)(obj))
#define BUS(obj) ((BusState *)(obj))
#define DEVICE_GET_CLASS(obj) ((DeviceClass *)object_get_class(obj))
#define BUS_GET_CLASS(obj) ((BusClass *)object_get_class(obj))

/* A device of a type that is known to exist (a bug of ours otherwise); one reference, the caller's. */
DeviceState *qdev_new(const char *typename);
/* Plugs dev into bus (may be NULL) and realizes it.  Puts it at /machine/unattached if it has no parent yet.  The caller's reference
 * stays the caller's.  On failure nothing is left behind and dev is not on the bus. */
bool qdev_realize(DeviceState *dev, BusState *bus, GError **errp);
/* qdev_realize(), then drops the caller's reference, on failure too. */
bool qdev_realize_and_unref(DeviceState *dev, BusState *bus, GError **errp);
/* Undoes qdev_realize() but for bus and tree, devices on dev's buses first; for a parent whose own realize fails after its part's
 * succeeded. */
void qdev_unrealize(DeviceState *dev);
/* The end of an unplug: unrealize, leave bus and tree, DEVICE_DELETED event.  While another device is being unrealized (which may
 * wait, and let a guest's access come here) it is put off until that has ended; dev is kept alive until then. */
void qdev_unplug_complete(DeviceState *dev);

/* -device / device_add: opts has "driver", "id", "bus" and properties (JSON object). */
DeviceState *qdev_device_add(json_object *opts, bool from_strings, GError **errp);
/* device_del: by id or path. */
bool qdev_unplug(const char *id_or_path, GError **errp);
DeviceState *qdev_find(const char *id_or_path, GError **errp);
/* From now on new devices are hot-plugged. Called once, when the machine is complete. */
void qdev_machine_creation_done(void);
/* Called with id (may be NULL) and path of each user's device whose unplug has ended. */
void qdev_set_deleted_fn(void (*fn)(const char *id, const char *path));

/* -global DRIVER.PROP=VALUE; unused ones are only warned about.  Applied between instance init and user properties. */
void qdev_global_add(const char *driver, const char *prop, const char *value);

void qdev_init_gpio_in(DeviceState *dev, IrqHandler *handler, int n);
void qdev_init_gpio_in_named(DeviceState *dev, const char *name, IrqHandler *handler, int n);
void qdev_init_gpio_out(DeviceState *dev, qemu_irq *pins, int n);
void qdev_init_gpio_out_named(DeviceState *dev, const char *name, qemu_irq *pins, int n);
qemu_irq qdev_get_gpio_in(DeviceState *dev, int n);
qemu_irq qdev_get_gpio_in_named(DeviceState *dev, const char *name, int n);
void qdev_connect_gpio_out(DeviceState *dev, int n, qemu_irq irq);
void qdev_connect_gpio_out_named(DeviceState *dev, const char *name, int n, qemu_irq irq);

/* dev's lines under name (NULL: the unnamed ones), or NULL. */
NamedGpioList *qdev_find_gpio_list(DeviceState *dev, const char *name);

/* A bus below parent, named name, or ID.N / TYPE.N when NULL. Owned by parent; NULL parent: the caller has the only reference. */
BusState *qbus_new(const char *typename, DeviceState *parent, const char *name);
void qbus_set_hotplug_handler(BusState *bus, Object *handler);
/* A bus by name ("pcie.0", "rp1"), by QOM path, by the id of a device that has one bus, or BUS/DEVICE/BUS. */
BusState *qbus_find(const char *name_or_path, GError **errp);
/* The first bus, from the system bus down, that takes devices of bus_type and has room; NULL with errp. */
BusState *qbus_find_for(const char *bus_type, const char *driver, GError **errp);
BusState *sysbus_get_default(void);

/* Who is asked about plugging dev on its bus, or the machine's handler, or NULL. */
Object *qdev_get_hotplug_handler(DeviceState *dev);

/* Resets dev and all below its buses, parents after children. */
void device_cold_reset(DeviceState *dev);
void bus_cold_reset(BusState *bus);
char *qdev_get_dev_path(DeviceState *dev);

/* --- system bus devices: memory-mapped devices that the board wires --------------------------------------------- */
typedef struct SysBusDevice {
    DeviceState parent_obj;
    struct MemoryRegion *mmio[16];
    int num_mmio;
    qemu_irq *irqs[32];
    int num_irq;
} SysBusDevice;
#define SYS_BUS_DEVICE(obj) ((SysBusDevice *)(obj))
void sysbus_init_mmio(SysBusDevice *dev, struct MemoryRegion *mr);
void sysbus_init_irq(SysBusDevice *dev, qemu_irq *pin);
void sysbus_mmio_map(SysBusDevice *dev, int n, hwaddr addr);
void sysbus_connect_irq(SysBusDevice *dev, int n, qemu_irq irq);

/* --- who wants to know about devices ---------------------------------------------------------------------------------- */
typedef struct DeviceListener DeviceListener;
struct DeviceListener {
    /* Before dev's realize, when its properties can still be set; false with errp makes that fail.  May be NULL. */
    bool (*realizing)(DeviceListener *l, DeviceState *dev, GError **errp);
    /* After dev's own realize succeeded, before plug; false with errp makes the realize fail (and undoes it).  May be NULL. */
    bool (*realized)(DeviceListener *l, DeviceState *dev, GError **errp);
    /* Before dev's unrealize. May be NULL. */
    void (*unrealizing)(DeviceListener *l, DeviceState *dev);
    DeviceListener *next;    /* list's own */
};
/* Listeners are called in order of registration. Main loop. */
void device_listener_register(DeviceListener *l);
void device_listener_unregister(DeviceListener *l);
/* For qdev_realize() and unrealize only. */
bool device_listeners_realizing(DeviceState *dev, GError **errp);
bool device_listeners_realized(DeviceState *dev, GError **errp);
void device_listeners_unrealizing(DeviceState *dev);

/* --- reset of the machine, and of things that are no device -------------------------------------------------------- */
/* qemu_devices_reset(): each realized device once (what hangs on the system bus, then devices on no bus), then the functions registered,
 * in order of registration. */
void qemu_register_reset(void (*fn)(void *), void *opaque);
void qemu_unregister_reset(void (*fn)(void *), void *opaque);
void qemu_devices_reset(void);

#endif
