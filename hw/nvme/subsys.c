/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subsystems: the controllers and namespaces that belong together, and the "nvme-subsys" device. */
#include "nvme.h"
#include "sanitize.h"
#include "state.h"

#include "hw/qdev-core.h"

NvmeSubsystem *nvme_subsys_new(const char *nqn)
{
    NvmeSubsystem *s = g_new0(NvmeSubsystem, 1);

    s->refs = 1;
    s->nqn = g_strdup(nqn);
    qemu_mutex_init(&s->lock);
    return s;
}

void nvme_subsys_unref(NvmeSubsystem *s)
{
    assert_main_loop();
    if (s && --s->refs == 0) {
        nvme_sanitize_free(s);
        nvme_state_close(s);
        qemu_mutex_destroy(&s->lock);
        g_free(s->nqn);
        g_free(s);
    }
}

bool nvme_subsys_add_ctrl(NvmeSubsystem *s, NvmeCtrl *n, GError **errp)
{
    QEMU_LOCK_GUARD(&s->lock);

    for (unsigned i = 0; i < NVME_MAX_CONTROLLERS; i++) {
        if (!s->ctrls[i]) {
            s->ctrls[i] = n;
            n->cntlid = i;
            for (unsigned id = 1; id <= NVME_MAX_NAMESPACES; id++) {
                if (s->ns[id] && s->ns[id]->shared) {
                    nvme_ns_attach_locked(s->ns[id], n);
                }
            }
            return true;
        }
    }
    error_setg(errp, "nvme: subsys=: the subsystem has %d controllers already",
               NVME_MAX_CONTROLLERS);
    return false;
}

void nvme_subsys_del_ctrl(NvmeCtrl *n)
{
    QEMU_LOCK_GUARD(&n->subsys->lock);

    n->subsys->ctrls[n->cntlid] = NULL;
}

bool nvme_subsys_add_ns(NvmeSubsystem *s, NvmeNamespace *ns, GError **errp)
{
    QEMU_LOCK_GUARD(&s->lock);

    if (ns->nsid) {
        if (s->ns[ns->nsid]) {
            error_setg(errp, "nvme-ns: nsid=%u is taken already; give another one, or none",
                       ns->nsid);
            return false;
        }
    } else {
        for (unsigned id = 1; id <= NVME_MAX_NAMESPACES && !ns->nsid; id++) {
            ns->nsid = s->ns[id] ? 0 : id;
        }
        if (!ns->nsid) {
            error_setg(errp, "nvme-ns: all %d namespace ids are taken", NVME_MAX_NAMESPACES);
            return false;
        }
    }
    s->ns[ns->nsid] = ns;
    ns->subsys = s;
    return true;
}

void nvme_subsys_foreach(NvmeSubsystem *s, void (*fn)(NvmeCtrl *n, void *opaque), void *opaque)
{
    QEMU_LOCK_GUARD(&s->lock);

    for (unsigned i = 0; i < NVME_MAX_CONTROLLERS; i++) {
        if (s->ctrls[i]) {
            fn(s->ctrls[i], opaque);
        }
    }
}

/* --- device ---------------------------------------------------------------------------------- */

typedef struct NvmeSubsysDevice {
    DeviceState parent_obj;
    char *nqn, *state;
    NvmeSubsystem *subsys;
} NvmeSubsysDevice;
#define NVME_SUBSYS_DEVICE(obj) ((NvmeSubsysDevice *)(obj))

NvmeSubsystem *nvme_subsys_of_device(Object *dev)
{
    return NVME_SUBSYS_DEVICE(dev)->subsys;
}

static bool subsys_realize(DeviceState *dev, GError **errp)
{
    NvmeSubsysDevice *d = NVME_SUBSYS_DEVICE(dev);
    const char *name = d->nqn ? d->nqn : dev->id ? dev->id : "subsys";
    g_autofree char *nqn = g_strdup_printf("nqn.2019-08.org.qemu:%s", name);
    BusState *bus;

    if (strlen(nqn) > 223) {
        error_setg(errp, "nvme-subsys: nqn=%s: the whole name may have 223 characters", name);
        return false;
    }
    d->subsys = nvme_subsys_new(nqn);
    d->subsys->user = true;
    if (d->state && !nvme_state_open(d->subsys, d->state, errp)) {
        g_clear_pointer(&d->subsys, nvme_subsys_unref);
        return false;
    }
    bus = qbus_new(TYPE_NVME_BUS, dev, dev->id);
    qbus_set_hotplug_handler(bus, OBJECT(dev));
    return true;
}

static void subsys_unrealize(DeviceState *dev)
{
    g_clear_pointer(&NVME_SUBSYS_DEVICE(dev)->subsys, nvme_subsys_unref);
}

static const ObjectProperty subsys_props[] = {
    DEFINE_PROP_STRING("state", NvmeSubsysDevice, state,
                       "file that keeps formats, saved features, reservations ... over restarts"),
    DEFINE_PROP_STRING("nqn", NvmeSubsysDevice, nqn,
                       "last part of the subsystem's qualified name (the device's id)"),
};

static void subsys_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "NVMe subsystem: controllers that share namespaces";
    dc->category = DEVICE_CATEGORY_STORAGE;
    dc->hotpluggable = false;
    dc->realize = subsys_realize;
    dc->unrealize = subsys_unrealize;
    object_class_add_property_table(klass, subsys_props);
}

/* Namespaces come and go at once: guests learn of it by an event. */
static const char *const subsys_interfaces[] = {TYPE_HOTPLUG_HANDLER, NULL};

static const TypeInfo subsys_info = {
    .name = TYPE_NVME_SUBSYS,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(NvmeSubsysDevice),
    .class_init = subsys_class_init,
    .interfaces = subsys_interfaces,
};
QOM_TYPE(subsys_info);

static const TypeInfo bus_info = {
    .name = TYPE_NVME_BUS,
    .parent = TYPE_BUS,
};
QOM_TYPE(bus_info);
