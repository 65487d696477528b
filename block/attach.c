/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices take hold of a -drive (by id) or of a node (by node-name). */
#include "block-private.h"

#include "hw/qdev-core.h"

/* The device goes without having detached, because it was never realized. */
static void device_gone(gpointer opaque, GObject *where_it_was)
{
    BlockBackend *blk = opaque;

    blk->dev = NULL;
    if (blk->dev_field) {
        *(BlockBackend **)blk->dev_field = NULL;
    }
    blk_detach_dev(blk);
}

static const char *device_label(Object *dev)
{
    const char *name = dev ? object_get_name(dev) : NULL;

    return name ? name : dev ? object_get_typename(dev) : "block device";
}

static bool write_protected(BlockNode *bs)
{
    for (; bs->file; bs = bs->file) {
    }
    return bs->drv->write_protected && bs->drv->write_protected(bs);
}

/* Write permission, or read permission alone where the image cannot be written and the device can
 * live with it. */
static bool take_permission(BlockNode *bs, const char *who, bool need_write, bool shares,
                            bool *writes, GError **errp)
{
    GError *err = NULL;

    *writes = need_write || !bs->read_only;
    if (block_node_add_user(bs, *writes, shares, who, &err)) {
        return true;
    }
    /* Only what nobody may write is taken as read-only; an image that another one writes is not. */
    if (!need_write && bs->auto_read_only && write_protected(bs) &&
        block_node_add_user(bs, false, shares, who, NULL)) {
        g_error_free(err);
        *writes = false;
        return true;
    }
    g_propagate_error(errp, err);
    return false;
}

/* A drive without a device holds its node for reading; the device's hold takes the place of that.
 */
static BlockBackend *attach_drive(BlockBackend *blk, const char *who, bool need_write, bool shares,
                                  GError **errp)
{
    if (blk->attached) {
        error_setg(errp, "Drive '%s' is already in use by another device", blk->id);
        return NULL;
    }
    block_node_remove_user(blk->root, false, false);
    if (!take_permission(blk->root, who, need_write, shares, &blk->writes, errp)) {
        bool ok = block_node_add_user(blk->root, false, false, blk->id, NULL);

        g_assert(ok);
        return NULL;
    }
    return blk;
}

static BlockBackend *attach_node(BlockNode *bs, const char *who, bool need_write, bool shares,
                                 GError **errp)
{
    bool writes;

    if (!take_permission(bs, who, need_write, shares, &writes, errp)) {
        return NULL;
    }
    return blk_new(NULL, block_node_ref(bs), writes);
}

/* As the property says, which is set before the drive is. */
static bool bears_writers(Object *dev)
{
    return dev && object_property_find(dev, "share-rw") &&
           object_property_get_bool(dev, "share-rw", NULL);
}

BlockBackend *blk_attach_dev(const char *name, Object *dev, bool need_write, GError **errp)
{
    BlockBackend *blk = blk_find(name);
    BlockNode *bs = blk ? NULL : block_node_find(name);
    const char *who = device_label(dev);
    bool shares = bears_writers(dev);

    assert_main_loop();
    if (blk) {
        blk = attach_drive(blk, who, need_write, shares, errp);
    } else if (bs) {
        blk = attach_node(bs, who, need_write, shares, errp);
    } else {
        error_setg(errp, "there is no -drive with id '%s' and no -blockdev with that node-name",
                   name);
    }
    if (!blk) {
        return NULL;
    }
    blk->attached = true;
    blk->shares = shares;
    blk->dev = dev;
    if (dev) {
        g_object_weak_ref(G_OBJECT(dev), device_gone, blk);
    }
    return blk;
}

void blk_detach_dev(BlockBackend *blk)
{
    assert_main_loop();
    if (blk->dev) {
        g_object_weak_unref(G_OBJECT(blk->dev), device_gone, blk);
        blk->dev = NULL;
    }
    blk->dev_field = NULL;
    blk->resize_cb = NULL;
    blk_free(blk); /* as elsewhere, a -drive goes with its device */
}

/* --- property
 * ---------------------------------------------------------------------------------------- */

static BlockBackend **field_of(Object *obj, const ObjectProperty *prop)
{
    return (BlockBackend **)((char *)obj + prop->offset);
}

json_object *qdev_prop_drive_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    BlockBackend *blk = *field_of(obj, prop);

    return json_object_new_string(blk ? blk_name(blk) : "");
}

bool qdev_prop_drive_set(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    BlockBackend **field = field_of(obj, prop);
    const char *name = json_object_get_string(value);
    g_autoptr(GError) err = NULL;
    BlockBackend *blk;

    if (!json_object_is_type(value, json_type_string)) {
        error_setg(errp, "Property '%s' is the id of a -drive or the name of a node", prop->name);
        return false;
    }
    if (!*name) {
        if (*field) {
            blk_detach_dev(*field);
            *field = NULL;
        }
        return true;
    }
    blk = blk_attach_dev(name, obj, false, &err);
    if (!blk) {
        error_setg(errp, "Property '%s.%s' can't use value '%s': %s", object_get_typename(obj),
                   prop->name, name, err->message);
        return false;
    }
    if (*field) {
        blk_detach_dev(*field);
    }
    *field = blk;
    blk->dev_field = field;
    return true;
}
