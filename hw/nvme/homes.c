/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a controller and its queue pairs live: iothread=, ioregionfd=, ioregionfds=,
 * iothread-vq-mapping=.  Main loop.
 */
#include "nvme.h"

#include "qapi/keyval.h"

/* --- properties ------------------------------------------------------------------------------ */

json_object *nvme_prop_ids_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    NvmeCtrl *n = NVME(obj);
    json_object *list = json_object_new_array();
    g_auto(GStrv) ids = g_strsplit(n->ioregionfds_text ? n->ioregionfds_text : "", ":", -1);

    for (char **id = ids; *id && **id; id++) {
        json_object_array_add(list, json_object_new_string(*id));
    }
    return list;
}

bool nvme_prop_ids_set(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    NvmeCtrl *n = NVME(obj);
    GString *text = g_string_new(NULL);

    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            g_string_append_printf(text, "%s%s", i ? ":" : "",
                                   json_object_get_string(json_object_array_get_idx(value, i)));
        }
    } else if (json_object_is_type(value, json_type_string)) {
        g_string_append(text, json_object_get_string(value));
    } else {
        g_string_free(text, TRUE);
        error_setg(errp, "Invalid parameter type for '%s', expected: array", prop->name);
        return false;
    }
    g_free(n->ioregionfds_text);
    n->ioregionfds_text = g_string_free(text, FALSE);
    if (!*n->ioregionfds_text) {
        g_clear_pointer(&n->ioregionfds_text, g_free);
    }
    return true;
}

json_object *nvme_prop_mapping_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    json_object *m = NVME(obj)->mapping;

    return m ? json_object_get(m) : json_object_new_array();
}

bool nvme_prop_mapping_set(Object *obj, const ObjectProperty *prop, json_object *value,
                           GError **errp)
{
    NvmeCtrl *n = NVME(obj);
    json_object *list = json_object_is_type(value, json_type_string)
                            ? json_parse(json_object_get_string(value), errp)
                            : json_object_get(value);

    if (!list) {
        return false;
    }
    if (!json_object_is_type(list, json_type_array) || !json_object_array_length(list)) {
        json_object_put(list);
        error_setg(errp, "%s: expected a list of {\"iothread\": ID, \"vqs\": [N, ...]}",
                   prop->name);
        return false;
    }
    g_clear_pointer(&n->mapping, json_object_put);
    n->mapping = list;
    return true;
}

/* --- the controller's home ------------------------------------------------------------------- */

static bool resolve_ioregionfds(NvmeCtrl *n, GError **errp)
{
    g_auto(GStrv) ids = NULL;

    if (!n->ioregionfds_text) {
        return true;
    }
    ids = g_strsplit(n->ioregionfds_text, ":", -1);
    n->ioregionfds = g_ptr_array_new_with_free_func(object_unref);
    for (char **id = ids; *id; id++) {
        Object *obj = object_resolve_path_type(*id, TYPE_IOREGIONFD, NULL);

        if (!obj) {
            error_setg(errp,
                       "nvme: ioregionfds: no ioregionfd object '%s'; create it with -object "
                       "ioregionfd,id=%s,iothread=...",
                       *id, *id);
            return false;
        }
        g_ptr_array_add(n->ioregionfds, object_ref(obj));
    }
    return true;
}

static bool choose_device_home(NvmeCtrl *n, GError **errp)
{
    if (n->ioregionfd && n->iothread) {
        error_setg(errp, "nvme: ioregionfd= and iothread= exclude each other; the ioregionfd "
                         "object has an iothread of its own");
        return false;
    }
    if (!resolve_ioregionfds(n, errp)) {
        return false;
    }
    if (n->ioregionfd) {
        n->home = ioregionfd_context(n->ioregionfd);
    } else if (n->iothread) {
        n->home = iothread_get_context(n->iothread);
        iothread_hold(n->iothread, "nvme");
    } else if (n->ioregionfds) {
        n->home = ioregionfd_context(g_ptr_array_index(n->ioregionfds, 0));
    } else {
        n->home = aio_get_main();
    }
    /* Waits go from the home to the queues' contexts: never to the main loop. */
    for (unsigned i = 0; n->ioregionfds && i < n->ioregionfds->len; i++) {
        AioContext *ctx = ioregionfd_context(g_ptr_array_index(n->ioregionfds, i));

        if (ctx == aio_get_main() && n->home != ctx) {
            error_setg(errp, "nvme: ioregionfds: '%s' has no iothread; give it one",
                       ioregionfd_id(g_ptr_array_index(n->ioregionfds, i)));
            return false;
        }
    }
    return true;
}

/* --- queue pairs ----------------------------------------------------------------------------- */

static bool map_pair(NvmeCtrl *n, json_object *v, AioContext *ctx, GError **errp)
{
    uint64_t qid;

    if (json_object_is_type(v, json_type_string)) {
        if (!parse_uint("vqs", json_object_get_string(v), UINT16_MAX, &qid, errp)) {
            return false;
        }
    } else if (json_object_is_type(v, json_type_int) && json_object_get_int64(v) >= 0) {
        qid = json_object_get_uint64(v);
    } else {
        error_setg(errp, "nvme: iothread-vq-mapping: vqs: expected numbers of queue pairs");
        return false;
    }
    if (!qid || qid >= n->num_db) {
        error_setg(errp,
                   "nvme: iothread-vq-mapping: queue pair %" PRIu64
                   ": the controller has 1 to %u (pair 0, the admin queue, stays with the "
                   "registers)",
                   qid, n->num_db - 1);
        return false;
    }
    if (n->pair_ctx[qid]) {
        error_setg(errp, "nvme: iothread-vq-mapping: queue pair %" PRIu64 " is named twice", qid);
        return false;
    }
    n->pair_ctx[qid] = ctx;
    return true;
}

/* One element; *spread is set when it names no queues. */
static bool map_entry(NvmeCtrl *n, json_object *entry, bool *spread, GError **errp)
{
    json_object *id = NULL, *vqs = NULL;
    IOThread *iot;

    if (!json_object_is_type(entry, json_type_object) ||
        !json_object_object_get_ex(entry, "iothread", &id)) {
        error_setg(errp, "nvme: iothread-vq-mapping: each element needs an iothread");
        return false;
    }
    iot = iothread_by_id(json_object_get_string(id), errp);
    if (!iot) {
        return false;
    }
    iothread_hold(iot, "nvme");
    g_ptr_array_add(n->held, iot);
    *spread = !json_object_object_get_ex(entry, "vqs", &vqs);
    if (!*spread && !json_object_is_type(vqs, json_type_array)) {
        error_setg(errp, "nvme: iothread-vq-mapping: vqs: expected a list of numbers");
        return false;
    }
    for (size_t i = 0; !*spread && i < json_object_array_length(vqs); i++) {
        if (!map_pair(n, json_object_array_get_idx(vqs, i), iothread_get_context(iot), errp)) {
            return false;
        }
    }
    return true;
}

static bool apply_mapping(NvmeCtrl *n, GError **errp)
{
    size_t count = json_object_array_length(n->mapping), spread = 0;

    if (n->iothread || n->ioregionfds_text) {
        error_setg(errp, "nvme: iothread-vq-mapping= and %s= exclude each other",
                   n->iothread ? "iothread" : "ioregionfds");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        bool s;

        if (!map_entry(n, json_object_array_get_idx(n->mapping, i), &s, errp)) {
            return false;
        }
        spread += s;
    }
    if (spread && spread != count) {
        error_setg(errp, "nvme: iothread-vq-mapping: give vqs to all elements, or to none");
        return false;
    }
    for (unsigned qid = 1; qid < n->num_db; qid++) {
        if (spread) {
            n->pair_ctx[qid] = iothread_get_context(g_ptr_array_index(n->held, (qid - 1) % count));
        } else if (!n->pair_ctx[qid]) {
            error_setg(errp, "nvme: iothread-vq-mapping: queue pair %u is not in the list", qid);
            return false;
        }
    }
    return true;
}

bool nvme_homes_choose(NvmeCtrl *n, GError **errp)
{
    n->held = g_ptr_array_new();
    n->pair_ctx = g_new0(AioContext *, n->num_db);
    if (!choose_device_home(n, errp) || (n->mapping && !apply_mapping(n, errp))) {
        return false;
    }
    n->pair_ctx[0] = n->home;
    for (unsigned qid = 1; qid < n->num_db; qid++) {
        if (n->ioregionfds && n->ioregionfds->len) {
            n->pair_ctx[qid] = ioregionfd_context(
                g_ptr_array_index(n->ioregionfds, (qid - 1) % n->ioregionfds->len));
        } else if (!n->pair_ctx[qid]) {
            n->pair_ctx[qid] = n->home;
        }
    }
    return true;
}

void nvme_homes_release(NvmeCtrl *n)
{
    if (n->iothread && n->home) {
        iothread_release(n->iothread, "nvme");
    }
    for (guint i = 0; n->held && i < n->held->len; i++) {
        iothread_release(g_ptr_array_index(n->held, i), "nvme");
    }
    g_clear_pointer(&n->held, g_ptr_array_unref);
    g_clear_pointer(&n->pair_ctx, g_free);
    g_clear_pointer(&n->ioregionfds, g_ptr_array_unref);
    n->home = NULL;
}

bool nvme_set_region_home(NvmeCtrl *n, MemoryRegion *mr, uint16_t qid, unsigned flags,
                          GError **errp)
{
    IoRegionFd *ior = n->ioregionfd;

    if (qid && n->mapping) {
        memory_region_set_home(mr, n->pair_ctx[qid], flags);
        return true;
    }
    if (qid && n->ioregionfds) {
        ior = g_ptr_array_index(n->ioregionfds, (qid - 1) % n->ioregionfds->len);
    }
    if (ior) {
        return memory_region_set_ioregionfd(mr, ior, flags, errp);
    }
    memory_region_set_home(mr, n->pair_ctx[qid], flags);
    return true;
}
