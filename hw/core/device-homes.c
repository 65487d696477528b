/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a device with queues lives (see hw/device-homes.h). */
#include "qemu/osdep.h"

#include "hw/device-homes.h"
#include "qapi/keyval.h"

static DeviceHomes *all; /* main loop: those that have a home */

/* --- properties ------------------------------------------------------------------------------ */

static DeviceHomes *homes_of(Object *obj, const ObjectProperty *prop)
{
    return (DeviceHomes *)((char *)obj + prop->offset);
}

json_object *device_homes_get_mapping(Object *obj, const ObjectProperty *prop, GError **errp)
{
    json_object *m = homes_of(obj, prop)->mapping;

    return m ? json_object_get(m) : json_object_new_array();
}

bool device_homes_set_mapping(Object *obj, const ObjectProperty *prop, json_object *value,
                              GError **errp)
{
    DeviceHomes *h = homes_of(obj, prop);
    json_object *list = json_object_is_type(value, json_type_string)
                            ? json_parse(json_object_get_string(value), errp)
                            : json_object_get(value);

    if (!list) {
        g_prefix_error(errp, "%s: ", prop->name);
        return false;
    }
    if (!json_object_is_type(list, json_type_array)) {
        json_object_put(list);
        error_setg(errp, "%s: expected a list of {\"iothread\": ID, \"vqs\": [N, ...]}",
                   prop->name);
        return false;
    }
    g_clear_pointer(&h->mapping, json_object_put);
    h->mapping = list;
    return true;
}

json_object *device_homes_get_ids(Object *obj, const ObjectProperty *prop, GError **errp)
{
    const char *text = homes_of(obj, prop)->ioregionfds_text;
    json_object *list = json_object_new_array();
    g_auto(GStrv) ids = g_strsplit(text ? text : "", ":", -1);

    for (char **id = ids; *id && **id; id++) {
        json_object_array_add(list, json_object_new_string(*id));
    }
    return list;
}

bool device_homes_set_ids(Object *obj, const ObjectProperty *prop, json_object *value,
                          GError **errp)
{
    DeviceHomes *h = homes_of(obj, prop);
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
    g_free(h->ioregionfds_text);
    h->ioregionfds_text = text->len ? g_strdup(text->str) : NULL;
    return true;
}

/* --- who waits for whom ---------------------------------------------------------------------- */

/* A home waits for the contexts of its queues; a thread may be the home of one device and serve
 * queues of another. */
static bool waits_for(AioContext *from, AioContext *ctx, GHashTable *seen)
{
    if (from == ctx) {
        return true;
    }
    if (from == aio_get_main() || !g_hash_table_add(seen, from)) {
        return false;
    }
    for (DeviceHomes *d = all; d; d = d->next) {
        for (unsigned i = 0; d->home == from && i < d->waits->len; i++) {
            if (waits_for(d->waits->pdata[i], ctx, seen)) {
                return true;
            }
        }
    }
    return false;
}

/* A home in another process (fd=) has no thread here that could serve rings. */
static bool check_running(DeviceHomes *h, AioContext *ctx, GError **errp)
{
    if (ctx == aio_get_main() || aio_context_is_running(ctx)) {
        return true;
    }
    error_setg(errp,
               "%s: ioregionfd: an object with fd= has its home in another process; give it "
               "iothread= instead",
               h->who);
    return false;
}

bool device_homes_add_queue(DeviceHomes *h, AioContext *ctx, GError **errp)
{
    g_autoptr(GHashTable) seen = NULL;

    if (!check_running(h, ctx, errp)) {
        return false;
    }
    if (ctx == h->home || g_ptr_array_find(h->waits, ctx, NULL)) {
        return true;
    }
    if (ctx == aio_get_main()) {
        error_setg(errp, "%s: ioregionfds: one of the objects has no iothread; give it one",
                   h->who);
        return false;
    }
    seen = g_hash_table_new(NULL, NULL);
    if (h->home != aio_get_main() && waits_for(ctx, h->home, seen)) {
        error_setg(errp,
                   "%s: its home '%s' would wait for queues in '%s', where the home of another "
                   "device waits for '%s'; give both devices the same home (iothread= or "
                   "ioregionfd=)",
                   h->who, aio_context_name(h->home), aio_context_name(ctx),
                   aio_context_name(h->home));
        return false;
    }
    g_ptr_array_add(h->waits, ctx);
    return true;
}

/* --- the device's home ----------------------------------------------------------------------- */

static bool resolve_ioregionfds(DeviceHomes *h, GError **errp)
{
    g_auto(GStrv) ids = g_strsplit(h->ioregionfds_text, ":", -1);

    h->ioregionfds = g_ptr_array_new_with_free_func(object_unref);
    for (char **id = ids; *id; id++) {
        Object *obj = object_resolve_path_type(*id, TYPE_IOREGIONFD, NULL);

        if (!obj) {
            error_setg(errp,
                       "%s: ioregionfds: no ioregionfd object '%s'; create it with -object "
                       "ioregionfd,id=%s,iothread=...",
                       h->who, *id, *id);
            return false;
        }
        g_ptr_array_add(h->ioregionfds, object_ref(obj));
    }
    return true;
}

static void hold(DeviceHomes *h, IOThread *iot)
{
    g_ptr_array_add(h->held, iot);
    iothread_hold(iot, h->who);
}

bool device_homes_choose(DeviceHomes *h, const char *who, GError **errp)
{
    h->who = who;
    h->held = g_ptr_array_new();
    h->waits = g_ptr_array_new();
    h->home = aio_get_main();
    h->next = all;
    all = h;
    if (h->ioregionfd && h->iothread) {
        error_setg(errp,
                   "%s: ioregionfd= and iothread= exclude each other; the ioregionfd object has an "
                   "iothread of its own",
                   who);
        return false;
    }
    if (h->mapping && (h->iothread || h->ioregionfds_text)) {
        error_setg(errp, "%s: iothread-vq-mapping= and %s= exclude each other", who,
                   h->iothread ? "iothread" : "ioregionfds");
        return false;
    }
    if (h->ioregionfds_text && !resolve_ioregionfds(h, errp)) {
        return false;
    }
    if (h->ioregionfd) {
        h->home = ioregionfd_context(h->ioregionfd);
    } else if (h->iothread) {
        h->home = iothread_get_context(h->iothread);
        hold(h, h->iothread);
    } else if (h->ioregionfds) {
        h->home = ioregionfd_context(h->ioregionfds->pdata[0]);
    }
    return check_running(h, h->home, errp);
}

void device_homes_release(DeviceHomes *h)
{
    for (DeviceHomes **p = &all; *p; p = &(*p)->next) {
        if (*p == h) {
            *p = h->next;
            break;
        }
    }
    for (unsigned i = 0; h->held && i < h->held->len; i++) {
        iothread_release(h->held->pdata[i], h->who);
    }
    g_clear_pointer(&h->held, g_ptr_array_unref);
    g_clear_pointer(&h->waits, g_ptr_array_unref);
    g_clear_pointer(&h->ioregionfds, g_ptr_array_unref);
    h->home = NULL;
}

void device_homes_finalize(DeviceHomes *h)
{
    g_clear_pointer(&h->mapping, json_object_put);
    g_clear_pointer(&h->ioregionfds_text, g_free);
}

/* --- iothread-vq-mapping --------------------------------------------------------------------- */

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

static bool map_queues(json_object *vqs, IOThread *iot, DeviceHomesPlace *place, void *opaque,
                       GError **errp)
{
    if (!json_object_is_type(vqs, json_type_array)) {
        error_setg(errp, "iothread-vq-mapping: vqs: expected a list of numbers");
        return false;
    }
    for (size_t i = 0; i < json_object_array_length(vqs); i++) {
        uint64_t n;

        if (!queue_number(json_object_array_get_idx(vqs, i), &n, errp) ||
            !place(opaque, n, iothread_get_context(iot), errp)) {
            return false;
        }
    }
    return true;
}

/* The thread that an entry names; it is held. */
static IOThread *entry_thread(DeviceHomes *h, json_object *entry, GError **errp)
{
    json_object *id;
    IOThread *iot;

    if (!json_object_is_type(entry, json_type_object) ||
        !json_object_object_get_ex(entry, "iothread", &id) ||
        !json_object_is_type(id, json_type_string)) {
        error_setg(errp, "iothread-vq-mapping: each entry needs an 'iothread'");
        return NULL;
    }
    json_object_object_foreach(entry, key, unused)
    {
        (void)unused;
        if (strcmp(key, "iothread") && strcmp(key, "vqs")) {
            error_setg(errp, "iothread-vq-mapping: unknown member '%s'; there are iothread and vqs",
                       key);
            return NULL;
        }
    }
    iot = iothread_by_id(json_object_get_string(id), errp);
    if (iot && g_ptr_array_find(h->held, iot, NULL)) {
        error_setg(errp, "iothread-vq-mapping: iothread '%s' is named twice", iothread_id(iot));
        return NULL;
    }
    if (iot) {
        hold(h, iot);
    }
    return iot;
}

bool device_homes_map(DeviceHomes *h, DeviceHomesPlace *place, void *opaque, bool *spread,
                      GError **errp)
{
    size_t len = json_object_array_length(h->mapping);

    *spread = false;
    if (!len) {
        error_setg(errp, "iothread-vq-mapping: the list is empty");
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        json_object *entry = json_object_array_get_idx(h->mapping, i), *vqs;
        IOThread *iot = entry_thread(h, entry, errp);
        bool named;

        if (!iot) {
            return false;
        }
        named = json_object_object_get_ex(entry, "vqs", &vqs);
        if (i && named == *spread) {
            error_setg(errp, "iothread-vq-mapping: give 'vqs' to all entries, or to none");
            return false;
        }
        *spread = !named;
        if (named && !map_queues(vqs, iot, place, opaque, errp)) {
            return false;
        }
    }
    return true;
}

AioContext *device_homes_spread(const DeviceHomes *h, unsigned i)
{
    return iothread_get_context(h->held->pdata[i % h->held->len]);
}
