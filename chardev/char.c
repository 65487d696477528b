/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Character devices: creation by option, look-up, and the interface that front ends use. */
#include "chardev-internal.h"

#include "monitor/fdset.h"
#include "qapi/json.h"
#include "qapi/keyval.h"
#include "qemu/osdep.h"

#include <fcntl.h>
#include <signal.h>

static GPtrArray *chardevs; /* of Chardev, in order of creation; main loop */

/* Accepted by every back end. */
static const char *const common_keys[] = {"backend", "id", "mux", "logfile", "logappend", NULL};

/* --- look-up
 * ------------------------------------------------------------------------------------------------
 */

Chardev *qemu_chr_find(const char *id)
{
    for (guint i = 0; chardevs && i < chardevs->len; i++) {
        Chardev *chr = g_ptr_array_index(chardevs, i);

        if (!strcmp(chr->label, id)) {
            return chr;
        }
    }
    return NULL;
}

const char *qemu_chr_label(Chardev *chr)
{
    return chr->label;
}

char *qemu_chr_filename(Chardev *chr)
{
    ChardevClass *cc = CHARDEV_GET_CLASS(chr);

    return cc->filename ? cc->filename(chr) : g_strdup(cc->backend);
}

void qemu_chr_foreach(void (*fn)(Chardev *chr, void *opaque), void *opaque)
{
    for (guint i = 0; chardevs && i < chardevs->len; i++) {
        fn(g_ptr_array_index(chardevs, i), opaque);
    }
}

bool qemu_chr_frontend_open(Chardev *chr)
{
    return chr->fe_open;
}

bool qemu_chr_is_mux(Chardev *chr)
{
    return chr->mux;
}

typedef struct BackendWalk {
    void (*fn)(const char *name, void *opaque);
    void *opaque;
} BackendWalk;

static void visit_backend(ObjectClass *klass, void *opaque)
{
    BackendWalk *walk = opaque;

    walk->fn(((ChardevClass *)klass)->backend, walk->opaque);
}

void qemu_chr_backends_foreach(void (*fn)(const char *name, void *opaque), void *opaque)
{
    BackendWalk walk = {fn, opaque};

    object_class_foreach(visit_backend, TYPE_CHARDEV, false, &walk);
}

/* --- creation
 * --------------------------------------------------------------------------------------------------
 */

static void collect_backend(const char *name, void *opaque)
{
    g_ptr_array_add(opaque, (void *)(uintptr_t)name);
}

static ChardevClass *find_class(const char *backend, GError **errp)
{
    g_autofree char *type =
        g_strdup_printf(CHR_TYPE_NAME("%s"), !strcmp(backend, "memory") ? "ringbuf" : backend);
    ObjectClass *klass = object_class_by_name(type);
    g_autoptr(GPtrArray) names = NULL;
    g_autofree char *list = NULL;

    if (klass && object_class_is_a(klass, TYPE_CHARDEV) && !object_class_is_abstract(klass)) {
        return (ChardevClass *)klass;
    }
    names = g_ptr_array_new();
    qemu_chr_backends_foreach(collect_backend, names);
    g_ptr_array_add(names, NULL);
    list = g_strjoinv(", ", (char **)names->pdata);
    error_setg(errp, "'%s' is not a valid char driver name: there are %s", backend, list);
    return NULL;
}

static bool open_log(Chardev *chr, json_object *opts, GError **errp)
{
    g_autofree char *path = opts_take_str(opts, "logfile");
    bool append;
    int fd;

    if (!opts_take_bool(opts, "logappend", false, &append, errp)) {
        return false;
    }
    if (!path) {
        return true;
    }
    fd = qemu_open(path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), 0666, errp);
    if (fd < 0) {
        g_prefix_error(errp, "chardev '%s': logfile: ", chr->label);
        return false;
    }
    chr->log_fd = fd;
    return true;
}

static json_object *copy_opts(json_object *opts)
{
    json_object *copy = NULL;

    json_object_deep_copy(opts, &copy, NULL);
    return copy;
}

GString *qemu_chr_help(const char *backend, GError **errp)
{
    ChardevClass *cc = find_class(backend, errp);
    const char *const *const lists[] = {cc ? cc->keys : NULL, common_keys + 1};
    GString *out;

    if (!cc) {
        return NULL;
    }
    out = g_string_new(NULL);
    g_string_append_printf(out, "%s: %s; options:\n", cc->backend, cc->help);
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const char *const *k = lists[i]; k && *k; k++) {
            g_string_append_printf(out, "  %s=\n", *k);
        }
    }
    return out;
}

/* Before anything is opened: a misspelt option must not leave traces. */
static bool check_keys(Chardev *chr, json_object *opts, GError **errp)
{
    ChardevClass *cc = CHARDEV_GET_CLASS(chr);
    g_autoptr(json_object) unknown = copy_opts(opts);
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    g_autofree char *what = g_strdup_printf("back end '%s'", cc->backend);
    const char *const *const lists[] = {common_keys, cc->keys};

    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const char *const *k = lists[i]; k && *k; k++) {
            g_ptr_array_add(known, (void *)(uintptr_t)*k);
            json_object_object_del(unknown, *k);
        }
    }
    g_ptr_array_add(known, NULL);
    return opts_check_empty(unknown, what, (const char *const *)known->pdata, errp);
}

static void forget(Chardev *chr)
{
    g_ptr_array_remove(chardevs, chr);
    object_unparent(OBJECT(chr));
}

static bool setup(Chardev *chr, json_object *opts, GError **errp)
{
    ChardevClass *cc = CHARDEV_GET_CLASS(chr);
    bool mux;

    if (!check_keys(chr, opts, errp) || !opts_take_bool(opts, "mux", false, &mux, errp) ||
        !open_log(chr, opts, errp)) {
        return false;
    }
    if (mux) {
        chr->mux = chr_mux_new(chr);
    }
    return !cc->open || cc->open(chr, opts, errp);
}

/* opts is consumed key by key. */
static Chardev *create(const char *backend, const char *id, json_object *opts, GError **errp)
{
    ChardevClass *cc = find_class(backend, errp);
    Object *obj;
    Chardev *chr;

    if (!cc) {
        return NULL;
    }
    if (qemu_chr_find(id)) {
        error_setg(errp, "Chardev with id '%s' already exists", id);
        return NULL;
    }
    obj = object_new(object_class_get_name((ObjectClass *)cc), errp);
    if (!obj) {
        return NULL;
    }
    chr = CHARDEV(obj);
    chr->label = g_strdup(id);
    if (!object_property_add_child(container_get(object_get_root(), "/chardevs"), id, obj, errp)) {
        object_unref(obj);
        return NULL;
    }
    object_unref(obj); /* the tree holds it */
    if (!chardevs) {
        chardevs = g_ptr_array_new();
        signal(SIGPIPE, SIG_IGN);
    }
    g_ptr_array_add(chardevs, chr);
    if (!setup(chr, opts, errp)) {
        forget(chr);
        return NULL;
    }
    return chr;
}

Chardev *qemu_chr_new_opts(json_object *opts, GError **errp)
{
    g_autoptr(json_object) left = copy_opts(opts);
    g_autofree char *backend = opts_take_str(left, "backend");
    g_autofree char *id = opts_take_str(left, "id");

    assert_main_loop();
    if (!backend) {
        error_setg(errp, "parameter 'backend' is missing: say which kind first, as in "
                         "-chardev socket,id=c0,path=/tmp/sock,server=on");
        return NULL;
    }
    if (!id) {
        error_setg(errp, "parameter 'id' is missing; give the back end id=NAME");
        return NULL;
    }
    return create(backend, id, left, errp);
}

/* Where the monitor is linked in, "mon:..." starts one. */
#pragma weak monitor_init
bool monitor_init(Chardev *chr, bool qmp, bool pretty, GError **errp);

Chardev *qemu_chr_new(const char *label, const char *spec, GError **errp)
{
    g_autoptr(json_object) opts = NULL;
    g_autofree char *backend = NULL;
    bool mon = false;
    Chardev *chr;

    assert_main_loop();
    if (g_str_has_prefix(spec, "chardev:")) {
        chr = qemu_chr_find(spec + strlen("chardev:"));
        if (!chr) {
            error_setg(errp, "chardev '%s' does not exist: define it with -chardev",
                       spec + strlen("chardev:"));
        }
        return chr;
    }
    opts = chr_parse_legacy(spec, &mon, errp);
    if (!opts) {
        return NULL;
    }
    backend = opts_take_str(opts, "backend");
    chr = create(backend, label, opts, errp);
    if (chr && mon && (!monitor_init || !monitor_init(chr, false, false, errp))) {
        forget(chr);
        return NULL;
    }
    return chr;
}

bool qemu_chr_delete(const char *id, GError **errp)
{
    Chardev *chr = qemu_chr_find(id);

    if (!chr) {
        error_setg(errp, "Chardev '%s' not found", id);
        return false;
    }
    if (chr->fe || (chr->mux && chr_mux_busy(chr->mux))) {
        error_setg(errp, "Chardev '%s' is busy: remove the device or monitor that uses it first",
                   id);
        return false;
    }
    forget(chr);
    return true;
}

void qemu_chr_cleanup(void)
{
    while (chardevs && chardevs->len) {
        Chardev *chr = g_ptr_array_index(chardevs, chardevs->len - 1);

        if (chr->fe) {
            qemu_chr_fe_deinit(chr->fe);
        } else if (chr->mux) {
            chr_mux_orphan(chr->mux);
        }
        forget(chr);
    }
    g_clear_pointer(&chardevs, g_ptr_array_unref);
}

/* --- front ends
 * ----------------------------------------------------------------------------------------------------
 */

void chr_send_event(Chardev *chr, ChrEvent event)
{
    if (chr->mux) {
        chr_mux_event(chr->mux, event);
    } else if (chr->fe && chr->fe->event) {
        chr->fe->event(chr->fe->opaque, event);
    }
}

bool qemu_chr_fe_init(CharFrontend *fe, Chardev *chr, GError **errp)
{
    if (chr && chr->mux) {
        if (!chr_mux_attach(chr->mux, fe, errp)) {
            return false;
        }
    } else if (chr) {
        if (chr->fe) {
            error_setg(errp,
                       "Chardev '%s' is already in use: give each user its own, or add mux=on",
                       chr->label);
            return false;
        }
        chr->fe = fe;
    }
    fe->chr = chr;
    return true;
}

void qemu_chr_fe_set_handlers(CharFrontend *fe, int (*can_read)(void *),
                              void (*read)(void *, const uint8_t *, int),
                              void (*event)(void *, ChrEvent), void *opaque)
{
    Chardev *chr = fe->chr;

    fe->can_read = can_read;
    fe->read = read;
    fe->event = event;
    fe->opaque = opaque;
    if (!chr) {
        return;
    }
    qemu_mutex_lock(&chr->lock);
    chr->fe_open = can_read || read || event || chr->mux;
    chr->input_blocked = false;
    chr_io_update_locked(chr);
    qemu_mutex_unlock(&chr->lock);
    if (chr->mux && read) {
        chr_mux_set_focus(chr->mux, fe->tag);
    }
    if (event && chr->open) {
        event(opaque, CHR_EVENT_OPENED);
    }
}

void qemu_chr_fe_deinit(CharFrontend *fe)
{
    Chardev *chr = fe->chr;

    if (!chr) {
        return;
    }
    chr_io_set_context(chr, aio_get_main());
    if (chr->mux) {
        chr_mux_detach(chr->mux, fe);
    } else {
        chr->fe = NULL;
    }
    qemu_mutex_lock(&chr->lock);
    chr->watch = NULL;
    chr->fe_open = chr->mux && chr_mux_busy(chr->mux);
    chr_io_update_locked(chr);
    qemu_mutex_unlock(&chr->lock);
    memset(fe, 0, sizeof(*fe));
}

int qemu_chr_fe_write(CharFrontend *fe, const uint8_t *buf, int len)
{
    return fe->chr ? chr_io_write(fe->chr, buf, len, false) : len;
}

int qemu_chr_fe_write_all(CharFrontend *fe, const uint8_t *buf, int len)
{
    return fe->chr ? chr_io_write(fe->chr, buf, len, true) : len;
}

void qemu_chr_fe_flush(CharFrontend *fe, int ms)
{
    if (fe->chr) {
        chr_io_flush(fe->chr, ms);
    }
}

void qemu_chr_fe_add_watch(CharFrontend *fe, void (*fn)(void *opaque), void *opaque)
{
    Chardev *chr = fe->chr;

    if (!chr) {
        aio_post(aio_get_main(), fn, opaque);
        return;
    }
    QEMU_LOCK_GUARD(&chr->lock);
    chr->watch = fn;
    chr->watch_opaque = opaque;
    chr_io_update_locked(chr);
}

void qemu_chr_fe_accept_input(CharFrontend *fe)
{
    Chardev *chr = fe->chr;

    if (!chr) {
        return;
    }
    QEMU_LOCK_GUARD(&chr->lock);
    if (chr->mux) {
        chr_mux_accept_input(chr->mux, fe);
    }
    chr->input_blocked = false;
    chr_io_update_locked(chr);
}

int qemu_chr_fe_get_msgfd(CharFrontend *fe)
{
    Chardev *chr = fe->chr;
    int fd;

    if (!chr) {
        return -1;
    }
    QEMU_LOCK_GUARD(&chr->lock);
    if (!chr->n_msgfds) {
        return -1;
    }
    fd = chr->msgfds[0];
    memmove(&chr->msgfds[0], &chr->msgfds[1], --chr->n_msgfds * sizeof(int));
    return fd;
}

bool qemu_chr_fe_backend_open(CharFrontend *fe)
{
    return fe->chr && fe->chr->open;
}

bool qemu_chr_fe_set_context(CharFrontend *fe, AioContext *ctx)
{
    assert_main_loop();
    return fe->chr && chr_io_set_context(fe->chr, ctx);
}

/* --- the type
 * ---------------------------------------------------------------------------------------------------------
 */

static void chardev_init(Object *obj)
{
    chr_io_init(CHARDEV(obj));
}

static void chardev_finalize(Object *obj)
{
    Chardev *chr = CHARDEV(obj);

    chr_io_destroy(chr);
    g_clear_pointer(&chr->mux, chr_mux_free);
    g_free(chr->label);
}

static const TypeInfo chardev_info = {
    .name = TYPE_CHARDEV,
    .parent = TYPE_OBJECT,
    .instance_size = sizeof(Chardev),
    .class_size = sizeof(ChardevClass),
    .abstract = true,
    .instance_init = chardev_init,
    .instance_finalize = chardev_finalize,
};
QOM_TYPE(chardev_info);
