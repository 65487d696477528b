/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmgenid: a GUID in guest memory that is another one when the virtual machine goes on from an
 * older state ("Virtual Machine Generation ID", Microsoft 2012).  The board's ACPI tables carry the
 * GUID and tell the guest where it is.
 */
#include "hw/acpi/vmgenid.h"

#include "hw/qdev-core.h"
#include "qapi/qapi-commands.h"
#include "system/vl.h"

typedef struct VMGenId {
    DeviceState parent_obj;
    char *text; /* property */
    uint8_t guid[16];
} VMGenId;

bool vmgenid_get(uint8_t guid[16])
{
    /* UUIDs are written big-endian; as a GUID the first three fields are little-endian. */
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    VMGenId *s = (VMGenId *)object_resolve_path_type("", TYPE_VMGENID, NULL);

    for (unsigned n = 0; s && n < 16; n++) {
        guid[n] = s->guid[order[n]];
    }
    return s != NULL;
}

GuidInfo *qmp_query_vm_generation_id(GError **errp)
{
    VMGenId *s = (VMGenId *)object_resolve_path_type("", TYPE_VMGENID, NULL);
    GuidInfo *info;
    const uint8_t *g;

    if (!s) {
        error_setg(errp, "VM Generation ID device not found: add -device vmgenid,guid=auto");
        return NULL;
    }
    g = s->guid;
    info = g_new0(GuidInfo, 1);
    info->guid = g_strdup_printf(
        "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[0], g[1], g[2],
        g[3], g[4], g[5], g[6], g[7], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
    return info;
}

static bool random_guid(uint8_t guid[16], GError **errp)
{
    if (getentropy(guid, 16) != 0) {
        error_setg_errno(errp, errno, "vmgenid: no random numbers for guid=auto");
        return false;
    }
    guid[6] = (guid[6] & 0x0f) | 0x40; /* version 4 of RFC 4122 */
    guid[8] = (guid[8] & 0x3f) | 0x80;
    return true;
}

static bool vmgenid_realize(DeviceState *dev, GError **errp)
{
    VMGenId *s = (VMGenId *)dev;

    if (object_resolve_path_type("", TYPE_VMGENID, NULL) != OBJECT(dev)) {
        error_setg(errp, "vmgenid: the machine has one already");
        return false;
    }
    if (!s->text || !strcmp(s->text, "auto")) {
        return random_guid(s->guid, errp);
    }
    if (!uuid_parse(s->text, s->guid)) {
        error_setg(errp, "vmgenid: guid=%s: auto, or xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
                   s->text);
        return false;
    }
    return true;
}

static const ObjectProperty vmgenid_props[] = {
    DEFINE_PROP_STRING("guid", VMGenId, text, "Generation as a UUID; auto: a new one"),
};

static void vmgenid_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "generation of the virtual machine, in ACPI";
    dc->category = DEVICE_CATEGORY_MISC;
    dc->hotpluggable = false;
    dc->realize = vmgenid_realize;
    object_class_add_property_table(klass, vmgenid_props);
}

static const TypeInfo vmgenid_info = {
    .name = TYPE_VMGENID,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(VMGenId),
    .class_init = vmgenid_class_init,
};
QOM_TYPE(vmgenid_info);
