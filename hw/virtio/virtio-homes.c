/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a virtio device and its queues live: iothread=, iothread-vq-mapping=, ioregionfd=,
 * ioregionfds=.  Main loop.
 */
#include "virtio-private.h"

#include "qapi/keyval.h"

/* --- properties ------------------------------------------------------------------------------ */

json_object *virtio_prop_mapping_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    json_object *m = VIRTIO_DEVICE(obj)->homes.mapping;

    return m ? json_object_get(m) : json_object_new_array();
}

bool virtio_prop_mapping_set(Object *obj, const ObjectProperty *prop, json_object *value,
                             GError **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(obj);
    json_object *list;

    if (json_object_is_type(value, json_type_string)) {
        list = json_parse(json_object_get_string(value), errp);
        if (!list) {
            return false;
        }
    } else {
        list = json_object_get(value);
    }
    if (!json_object_is_type(list, json_type_array)) {
        json_object_put(list);
        error_setg(errp, "%s: expected a list of {\"iothread\": ID, \"vqs\": [N, ...]}",
                   prop->name);
        return false;
    }
    g_clear_pointer(&vdev->homes.mapping, json_object_put);
    vdev->homes.mapping = list;
    return true;
}

json_object *virtio_prop_ids_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    const char *text = VIRTIO_DEVICE(obj)->homes.ioregionfds_text;
    json_object *list = json_object_new_array();
    g_auto(GStrv) ids = g_strsplit(text ? text : "", ":", -1);

    for (char **id = ids; *id && **id; id++) {
        json_object_array_add(list, json_object_new_string(*id));
    }
    return list;
}

bool virtio_prop_ids_set(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(obj);
    g_autoptr(GString) text = g_string_new(NULL);

    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            g_string_append_printf(text, "%s%s", i ? ":" : "",
                                   json_object_get_string(json_object_array_get_idx(value, i)));
        }
    } else if (json_object_is_type(value, json_type_string)) {
        g_string_append(text, json_object_get_string(value));
    } else {
        error_setg(errp, "Invalid parameter type for '%s', expected: array", prop->name);
        return false;
    }
    g_free(vdev->homes.ioregionfds_text);
    vdev->homes.ioregionfds_text = text->len ? g_strdup(text->str) : NULL;
    return true;
}

/* --- the device's home ----------------------------------------------------------------------- */

static bool resolve_ioregionfds(VirtIODevice *vdev, GError **errp)
{
    VirtioHomeConf *h = &vdev->homes;
    g_auto(GStrv) ids = NULL;

    if (!h->ioregionfds_text) {
        return true;
    }
    ids = g_strsplit(h->ioregionfds_text, ":", -1);
    h->ioregionfds = g_ptr_array_new_with_free_func(object_unref);
    for (char **id = ids; *id; id++) {
        Object *obj = object_resolve_path_type(*id, TYPE_IOREGIONFD, NULL);

        if (!obj) {
            error_setg(errp,
                       "%s: ioregionfds: no ioregionfd object '%s'; create it with -object "
                       "ioregionfd,id=%s,iothread=...",
                       vdev->name, *id, *id);
            return false;
        }
        g_ptr_array_add(h->ioregionfds, object_ref(obj));
    }
    return true;
}

static bool hold(VirtIODevice *vdev, IOThread *iot)
{
    VirtioHomeConf *h = &vdev->homes;

    if (!h->held) {
        h->held = g_ptr_array_new();
    }
    g_ptr_array_add(h->held, iot);
    iothread_hold(iot, vdev->name);
    return true;
}

/* A home in another process (fd=) has no thread here that could serve rings. */
static bool check_running(VirtIODevice *vdev, AioContext *ctx, GError **errp)
{
    if (ctx == aio_get_main() || aio_context_is_running(ctx)) {
        return true;
    }
    error_setg(errp,
               "%s: ioregionfd: an object with fd= has its home in another process; give it "
               "iothread= instead",
               vdev->name);
    return false;
}

bool virtio_homes_choose(VirtIODevice *vdev, GError **errp)
{
    VirtioHomeConf *h = &vdev->homes;

    if (h->ioregionfd && h->iothread) {
        error_setg(errp,
                   "%s: ioregionfd= and iothread= exclude each other; the ioregionfd object has an "
                   "iothread of its own",
                   vdev->name);
        return false;
    }
    if (h->mapping && (h->iothread || h->ioregionfds_text)) {
        error_setg(errp, "%s: iothread-vq-mapping= and %s= exclude each other", vdev->name,
                   h->iothread ? "iothread" : "ioregionfds");
        return false;
    }
    if (!resolve_ioregionfds(vdev, errp)) {
        return false;
    }
    if (h->ioregionfd) {
        vdev->home = ioregionfd_context(h->ioregionfd);
    } else if (h->iothread) {
        vdev->home = iothread_get_context(h->iothread);
        hold(vdev, h->iothread);
    } else if (h->ioregionfds) {
        vdev->home = ioregionfd_context(g_ptr_array_index(h->ioregionfds, 0));
    } else {
        vdev->home = aio_get_main();
    }
    return check_running(vdev, vdev->home, errp);
}

/* --- iothread-vq-mapping --------------------------------------------------------------------- */

/* Queues that share a context have the same group; -1: they stay at home. */
static int group_of(VirtIODevice *vdev, unsigned index)
{
    VirtioDeviceClass *vc = VIRTIO_DEVICE_GET_CLASS(vdev);

    return vc->queue_group ? vc->queue_group(vdev, index) : (int)index;
}

/* A number in JSON, or as text from key=value options. */
static bool queue_number(json_object *v, uint64_t *n, GError **errp)
{
    if (json_object_is_type(v, json_type_string)) {
        return parse_uint("vqs", json_object_get_string(v), UINT16_MAX, n, errp);
    }
    if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0) {
        error_setg(errp, "iothread-vq-mapping: vqs: expected numbers of queues");
        return false;
    }
    *n = json_object_get_uint64(v);
    return true;
}

static bool map_queues(VirtIODevice *vdev, json_object *vqs, IOThread *iot, GError **errp)
{
    if (!json_object_is_type(vqs, json_type_array)) {
        error_setg(errp, "iothread-vq-mapping: vqs: expected a list of numbers");
        return false;
    }
    for (size_t i = 0; i < json_object_array_length(vqs); i++) {
        unsigned fixed = VIRTIO_DEVICE_GET_CLASS(vdev)->fixed_queues;
        uint64_t n;

        if (!queue_number(json_object_array_get_idx(vqs, i), &n, errp)) {
            return false;
        }
        if (n >= vdev->num_vqs - fixed) {
            error_setg(errp, "iothread-vq-mapping: queue %" PRIu64 ": the device has 0 to %u", n,
                       vdev->num_vqs - fixed - 1);
            return false;
        }
        n += fixed;
        if (vdev->vqs[n]->ctx) {
            error_setg(errp, "iothread-vq-mapping: queue %" PRIu64 " is named twice", n - fixed);
            return false;
        }
        if (group_of(vdev, n) < 0) {
            error_setg(errp,
                       "iothread-vq-mapping: queue %" PRIu64
                       " is the control queue, which stays with the registers: leave it out",
                       n - fixed);
            return false;
        }
        vdev->vqs[n]->ctx = iothread_get_context(iot);
    }
    return true;
}

/* Each queue has a context, the same as the others of its group. */
static bool check_groups(VirtIODevice *vdev, GError **errp)
{
    for (unsigned n = 0; n < vdev->num_vqs; n++) {
        VirtQueue *vq = vdev->vqs[n];

        if (!vq->ctx) {
            error_setg(errp, "iothread-vq-mapping: queue %u is not in the list",
                       n - VIRTIO_DEVICE_GET_CLASS(vdev)->fixed_queues);
            return false;
        }
        if (n && group_of(vdev, n) == group_of(vdev, n - 1) && vq->ctx != vdev->vqs[n - 1]->ctx) {
            error_setg(errp,
                       "iothread-vq-mapping: queues %u and %u are a pair: they need the same "
                       "iothread",
                       n - 1, n);
            return false;
        }
    }
    return true;
}

static bool apply_mapping(VirtIODevice *vdev, GError **errp)
{
    json_object *list = vdev->homes.mapping;
    size_t len = json_object_array_length(list);
    bool named = false;

    if (!len) {
        error_setg(errp, "iothread-vq-mapping: the list is empty");
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        json_object *entry = json_object_array_get_idx(list, i), *id, *vqs;
        const char *name;
        IOThread *iot;

        if (!json_object_is_type(entry, json_type_object) ||
            !json_object_object_get_ex(entry, "iothread", &id) ||
            !json_object_is_type(id, json_type_string)) {
            error_setg(errp, "iothread-vq-mapping: entry %zu has no 'iothread'", i);
            return false;
        }
        json_object_object_foreach(entry, key, unused)
        {
            (void)unused;
            if (strcmp(key, "iothread") && strcmp(key, "vqs")) {
                error_setg(errp,
                           "iothread-vq-mapping: unknown member '%s'; there are iothread "
                           "and vqs",
                           key);
                return false;
            }
        }
        name = json_object_get_string(id);
        iot = iothread_by_id(name, errp);
        if (!iot) {
            return false;
        }
        for (unsigned n = 0; vdev->homes.held && n < vdev->homes.held->len; n++) {
            if (vdev->homes.held->pdata[n] == iot) {
                error_setg(errp, "iothread-vq-mapping: iothread '%s' is named twice", name);
                return false;
            }
        }
        hold(vdev, iot);
        if (json_object_object_get_ex(entry, "vqs", &vqs) != named && i) {
            error_setg(errp, "iothread-vq-mapping: either all entries have 'vqs' or none");
            return false;
        }
        named = json_object_object_get_ex(entry, "vqs", &vqs);
        if (named && !map_queues(vdev, vqs, iot, errp)) {
            return false;
        }
    }
    for (unsigned n = 0; n < vdev->num_vqs; n++) {
        int group = group_of(vdev, n);

        if (group < 0) {
            vdev->vqs[n]->ctx = vdev->home;
        } else if (!named) {
            vdev->vqs[n]->ctx = iothread_get_context(vdev->homes.held->pdata[group % len]);
        }
    }
    return check_groups(vdev, errp);
}

IoRegionFd *virtio_queue_ioregionfd(VirtQueue *vq)
{
    VirtioHomeConf *h = &vq->vdev->homes;

    if (h->ioregionfds) {
        int group = group_of(vq->vdev, vq->index);

        if (group < 0 && (h->ioregionfd || h->iothread)) {
            return h->ioregionfd;
        }
        return g_ptr_array_index(h->ioregionfds, MAX(group, 0) % h->ioregionfds->len);
    }
    /* With a mapping the queue's thread is not the object's. */
    return h->mapping ? NULL : h->ioregionfd;
}

bool virtio_homes_assign(VirtIODevice *vdev, GError **errp)
{
    VirtioHomeConf *h = &vdev->homes;

    if (h->mapping && !apply_mapping(vdev, errp)) {
        return false;
    }
    for (unsigned i = 0; i < vdev->num_vqs; i++) {
        VirtQueue *vq = vdev->vqs[i];

        if (!vq->ctx) {
            IoRegionFd *ior = virtio_queue_ioregionfd(vq);

            vq->ctx = ior ? ioregionfd_context(ior) : vdev->home;
        }
        if (!check_running(vdev, vq->ctx, errp)) {
            return false;
        }
        /* Waits go from the home to the queues' contexts: never to the main loop. */
        if (vq->ctx == aio_get_main() && vdev->home != vq->ctx) {
            error_setg(errp, "%s: ioregionfds: '%s' has no iothread; give it one", vdev->name,
                       ioregionfd_id(virtio_queue_ioregionfd(vq)));
            return false;
        }
    }
    return true;
}

void virtio_homes_release(VirtIODevice *vdev)
{
    VirtioHomeConf *h = &vdev->homes;

    for (unsigned i = 0; h->held && i < h->held->len; i++) {
        iothread_release(h->held->pdata[i], vdev->name);
    }
    g_clear_pointer(&h->held, g_ptr_array_unref);
    g_clear_pointer(&h->ioregionfds, g_ptr_array_unref);
}
