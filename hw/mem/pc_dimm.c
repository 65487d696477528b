/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory modules (see hw/mem/pc-dimm.h), and what query-memory-devices says of them. */
#include "hw/mem/pc-dimm.h"

#include "monitor/hmp.h"
#include "qapi/qapi-commands.h"

uint64_t pc_dimm_size(const PCDIMM *dimm)
{
    return dimm->backend ? memory_region_size(host_memory_backend_get_memory(dimm->backend)) : 0;
}

void pc_dimm_map(PCDIMM *dimm, MemoryRegion *system)
{
    dimm->mapped_in = system;
    memory_region_add_subregion(system, dimm->addr, host_memory_backend_get_memory(dimm->backend));
}

static bool dimm_realize(DeviceState *dev, GError **errp)
{
    PCDIMM *dimm = PC_DIMM(dev);
    g_autofree char *user = g_strdup_printf("pc-dimm '%s'", dev->id ? dev->id : "");

    if (!dimm->backend || dimm->slot < 0 || !dimm->addr) {
        error_setg(errp, "pc-dimm: the machine has no slots for memory modules; use -M pc or q35");
        return false;
    }
    dimm->claimed = host_memory_backend_claim(dimm->backend, user, errp);
    return dimm->claimed;
}

static void dimm_unrealize(DeviceState *dev)
{
    PCDIMM *dimm = PC_DIMM(dev);

    if (dimm->mapped_in) {
        memory_region_del_subregion(dimm->mapped_in, host_memory_backend_get_memory(dimm->backend));
        dimm->mapped_in = NULL;
    }
    if (dimm->claimed) {
        host_memory_backend_release(dimm->backend);
        dimm->claimed = false;
    }
}

/* --- queries --------------------------------------------------------------------------------- */

static bool note_dimm(Object *child, void *opaque)
{
    if (object_is_a(child, TYPE_PC_DIMM) && DEVICE(child)->realized) {
        g_ptr_array_add(opaque, child);
    }
    return true;
}

static int by_address(const void *a, const void *b)
{
    const PCDIMM *x = *(PCDIMM *const *)a, *y = *(PCDIMM *const *)b;

    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static GPtrArray *all_dimms(void)
{
    GPtrArray *list = g_ptr_array_new();

    object_child_foreach_recursive(object_get_root(), note_dimm, list);
    g_ptr_array_sort(list, by_address);
    return list;
}

uint64_t pc_dimm_total(void)
{
    g_autoptr(GPtrArray) list = all_dimms();
    uint64_t total = 0;

    for (unsigned n = 0; n < list->len; n++) {
        total += pc_dimm_size(list->pdata[n]);
    }
    return total;
}

MemoryDeviceInfoList *qmp_query_memory_devices(GError **errp)
{
    g_autoptr(GPtrArray) list = all_dimms();
    MemoryDeviceInfoList *head = NULL, **tail = &head;

    for (unsigned n = 0; n < list->len; n++) {
        PCDIMM *dimm = list->pdata[n];
        MemoryDeviceInfo *info = g_new0(MemoryDeviceInfo, 1);
        PCDIMMDeviceInfo *d = g_new0(PCDIMMDeviceInfo, 1);

        d->id = g_strdup(DEVICE(dimm)->id);
        d->addr = (int64_t)dimm->addr;
        d->size = (int64_t)pc_dimm_size(dimm);
        d->slot = dimm->slot;
        d->node = dimm->node;
        d->memdev = object_get_canonical_path(OBJECT(dimm->backend));
        d->hotplugged = DEVICE(dimm)->hotplugged;
        d->hotpluggable = true;
        info->type = MEMORY_DEVICE_INFO_KIND_DIMM;
        info->u.dimm.data = d;
        QAPI_LIST_APPEND(tail, info);
    }
    return head;
}

static void hmp_info_memory_devices(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(MemoryDeviceInfoList) list = qmp_query_memory_devices(NULL);

    for (MemoryDeviceInfoList *l = list; l; l = l->next) {
        const PCDIMMDeviceInfo *d = l->value->u.dimm.data;

        monitor_printf(mon,
                       "Memory device [dimm]: \"%s\"\n  addr: 0x%" PRIx64 "\n  slot: %" PRId64
                       "\n  node: %" PRId64 "\n  size: %" PRIu64
                       "\n  memdev: %s\n  hotplugged: %s\n  hotpluggable: %s\n",
                       d->id ? d->id : "", (uint64_t)d->addr, d->slot, d->node, (uint64_t)d->size,
                       d->memdev, d->hotplugged ? "true" : "false",
                       d->hotpluggable ? "true" : "false");
    }
}
HMP_INFO(hmp_info_memory_devices, "memory-devices", "", "show memory modules",
         hmp_info_memory_devices, 0, 0);

/* --- type ------------------------------------------------------------------------------------ */

static json_object *get_size(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return json_object_new_uint64(pc_dimm_size(PC_DIMM(obj)));
}

static const ObjectProperty dimm_props[] = {
    DEFINE_PROP_LINK("memdev", PCDIMM, backend, TYPE_MEMORY_BACKEND, "the memory"),
    DEFINE_PROP_UINT64("addr", PCDIMM, addr, 0, "guest physical address; 0: the machine chooses"),
    DEFINE_PROP_INT32("slot", PCDIMM, slot, -1, "slot of -m slots=; -1: the machine chooses"),
    DEFINE_PROP_UINT32("node", PCDIMM, node, 0, "proximity domain"),
    {.name = "size", .type = "size", .kind = PROP_CUSTOM, .read_only = true, .get = get_size},
};

static void dimm_init(Object *obj)
{
    PC_DIMM(obj)->slot = -1;
}

static void dimm_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "DIMM memory module";
    dc->realize = dimm_realize;
    dc->unrealize = dimm_unrealize;
    object_class_add_property_table(klass, dimm_props);
}

static const TypeInfo dimm_info = {
    .name = TYPE_PC_DIMM,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(PCDIMM),
    .class_init = dimm_class_init,
    .instance_init = dimm_init,
};
QOM_TYPE(dimm_info);
