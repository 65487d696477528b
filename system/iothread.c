/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -object iothread: a thread that runs an event loop; devices and ioregionfd objects make it their
 * home. */
#include "system/iothread.h"

#include "qemu/thread.h"

struct IOThread {
    Object parent_obj;
    AioContext *ctx;
    QemuThread thread;
    bool running;  /* the thread exists */
    bool stopping; /* atomic: set by the main loop, read by the thread */
    int tid;       /* written by the thread before ready is set */
    QemuEvent ready;
    GPtrArray *users; /* char *: who holds the thread; main loop */
    int64_t poll_max_ns, poll_grow, poll_shrink;
    int64_t aio_max_batch;
};

#define IOTHREAD(obj) ((IOThread *)(obj))
#define POLL_MAX_NS_DEFAULT 32768

static void *iothread_run(void *opaque)
{
    IOThread *iot = opaque;

    iot->tid = qemu_get_thread_id();
    aio_set_current(iot->ctx);
    qemu_event_set(&iot->ready);
    while (!__atomic_load_n(&iot->stopping, __ATOMIC_ACQUIRE)) {
        aio_poll(iot->ctx, true);
    }
    aio_set_current(NULL);
    return NULL;
}

static void iothread_apply(IOThread *iot)
{
    if (iot->ctx) {
        aio_set_poll_params(iot->ctx, iot->poll_max_ns, iot->poll_grow, iot->poll_shrink);
        aio_set_max_batch(iot->ctx, MIN(iot->aio_max_batch, UINT32_MAX));
    }
}

static bool iothread_complete(Object *obj, GError **errp)
{
    IOThread *iot = IOTHREAD(obj);
    g_autofree char *name = g_strdup_printf("IO %s", object_get_name(obj));

    iot->ctx = aio_context_new(object_get_name(obj), errp);
    if (!iot->ctx) {
        return false;
    }
    iothread_apply(iot);
    if (!qemu_thread_create(&iot->thread, name, iothread_run, iot, errp)) {
        return false;
    }
    iot->running = true;
    qemu_event_wait(&iot->ready);
    return true;
}

static void iothread_stop(IOThread *iot)
{
    if (iot->running) {
        __atomic_store_n(&iot->stopping, true, __ATOMIC_RELEASE);
        aio_notify(iot->ctx);
        qemu_thread_join(&iot->thread);
        iot->running = false;
    }
}

static bool iothread_can_be_deleted(Object *obj, GError **errp)
{
    IOThread *iot = IOTHREAD(obj);

    if (iot->users->len) {
        error_setg(errp, "iothread '%s' is in use by %s; remove that first", object_get_name(obj),
                   (char *)g_ptr_array_index(iot->users, 0));
        return false;
    }
    return true;
}

static void iothread_init(Object *obj)
{
    IOThread *iot = IOTHREAD(obj);

    qemu_event_init(&iot->ready, false);
    iot->users = g_ptr_array_new_with_free_func(g_free);
}

static void iothread_finalize(Object *obj)
{
    IOThread *iot = IOTHREAD(obj);

    iothread_stop(iot);
    g_clear_pointer(&iot->ctx, aio_context_unref);
    g_ptr_array_unref(iot->users);
}

AioContext *iothread_get_context(IOThread *iot)
{
    return iot->ctx;
}

const char *iothread_id(IOThread *iot)
{
    return object_get_name(OBJECT(iot));
}

int iothread_tid(IOThread *iot)
{
    return iot->tid;
}

IOThread *iothread_by_id(const char *id, GError **errp)
{
    Object *obj = object_resolve_path_type(id, TYPE_IOTHREAD, NULL);

    if (!obj) {
        error_setg(errp, "iothread '%s' does not exist; create it with -object iothread,id=%s", id,
                   id);
    }
    return (IOThread *)obj;
}

void iothread_hold(IOThread *iot, const char *user)
{
    object_ref(iot);
    g_ptr_array_add(iot->users, g_strdup(user));
}

void iothread_release(IOThread *iot, const char *user)
{
    for (unsigned i = 0; i < iot->users->len; i++) {
        if (strcmp(g_ptr_array_index(iot->users, i), user) == 0) {
            g_ptr_array_remove_index(iot->users, i);
            object_unref(iot);
            return;
        }
    }
    g_assert_not_reached();
}

/* --- properties: all may be changed while the thread runs
 * --------------------------------------------------- */

static json_object *iothread_get_int(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return json_object_new_int64(*(int64_t *)((char *)obj + prop->offset));
}

static bool iothread_set_int(Object *obj, const ObjectProperty *prop, json_object *value,
                             GError **errp)
{
    int64_t v;

    if (json_object_is_type(value, json_type_string)) {
        char *end;
        const char *text = json_object_get_string(value);

        errno = 0;
        v = g_ascii_strtoll(text, &end, 0);
        if (errno || *end || end == text) {
            error_setg(errp, "iothread: %s=%s is not a number", prop->name, text);
            return false;
        }
    } else if (json_object_is_type(value, json_type_int)) {
        v = json_object_get_int64(value);
    } else {
        error_setg(errp, "Invalid parameter type for '%s', expected: integer", prop->name);
        return false;
    }
    if (v < 0) {
        error_setg(errp, "iothread: %s=%" PRId64 " must not be negative", prop->name, v);
        return false;
    }
    *(int64_t *)((char *)obj + prop->offset) = v;
    iothread_apply(IOTHREAD(obj));
    return true;
}

#define IOTHREAD_INT(n, field, def, h) \
    { \
        .name = n, .type = "int", .kind = PROP_CUSTOM, .has_default = true, .defval = def, \
        .offset = offsetof(IOThread, field), .get = iothread_get_int, .set = iothread_set_int, \
        .settable_live = true, .help = h \
    }

static const ObjectProperty iothread_props[] = {
    IOTHREAD_INT("poll-max-ns", poll_max_ns, POLL_MAX_NS_DEFAULT,
                 "longest busy wait in nanoseconds; 0: none"),
    IOTHREAD_INT("poll-grow", poll_grow, 0, "factor by which the busy wait grows; 0: 2"),
    IOTHREAD_INT("poll-shrink", poll_shrink, 0,
                 "divisor by which it shrinks; 0: to nothing at once"),
    IOTHREAD_INT("aio-max-batch", aio_max_batch, 0,
                 "requests that go to the kernel together; 0: all of an iteration"),
};

static void iothread_instance_init(Object *obj)
{
    iothread_init(obj);
    IOTHREAD(obj)->poll_max_ns = POLL_MAX_NS_DEFAULT;
}

static void iothread_class_init(ObjectClass *klass, const void *data)
{
    klass->complete = iothread_complete;
    klass->can_be_deleted = iothread_can_be_deleted;
    object_class_add_property_table(klass, iothread_props);
}

static const char *const iothread_interfaces[] = {TYPE_USER_CREATABLE, NULL};
static const TypeInfo iothread_info = {
    .name = TYPE_IOTHREAD,
    .instance_size = sizeof(IOThread),
    .class_init = iothread_class_init,
    .instance_init = iothread_instance_init,
    .instance_finalize = iothread_finalize,
    .interfaces = iothread_interfaces,
};
QOM_TYPE(iothread_info);
