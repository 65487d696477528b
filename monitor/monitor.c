/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitors: creation from options, events to all of them, descriptors that clients passed. */
#include "monitor-internal.h"

#include "qapi/keyval.h"
#include "qemu/osdep.h"

#include <sys/time.h>

static GPtrArray *monitors; /* of Monitor */
__thread Monitor *monitor_current;

Monitor *monitor_cur(void)
{
    return monitor_current;
}

/* --- creation
 * ---------------------------------------------------------------------------------------------------
 */

bool monitor_init(Chardev *chr, bool qmp, bool pretty, GError **errp)
{
    Monitor *mon = g_new0(Monitor, 1);

    assert_main_loop();
    if (!qemu_chr_fe_init(&mon->fe, chr, errp)) {
        g_free(mon);
        return false;
    }
    mon->qmp = qmp;
    mon->pretty = pretty;
    qemu_mutex_init(&mon->lock);
    mon->fds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!monitors) {
        monitors = g_ptr_array_new();
    }
    g_ptr_array_add(monitors, mon);
    if (qmp) {
        qmp_monitor_init(mon);
    } else {
        hmp_monitor_init(mon);
    }
    return true;
}

bool monitor_init_opts(json_object *opts, GError **errp)
{
    static const char *const known[] = {"chardev", "mode", "pretty", "id", NULL};
    g_autoptr(json_object) left = NULL;
    g_autofree char *chardev = NULL, *mode = NULL, *id = NULL;
    bool pretty, has_pretty;
    Chardev *chr;
    bool qmp;

    json_object_deep_copy(opts, &left, NULL);
    chardev = opts_take_str(left, "chardev");
    mode = opts_take_str(left, "mode");
    id = opts_take_str(left, "id");
    has_pretty = json_object_object_get_ex(left, "pretty", NULL);
    if (!opts_take_bool(left, "pretty", false, &pretty, errp) ||
        !opts_check_empty(left, "a monitor", known, errp)) {
        return false;
    }
    qmp = mode && !strcmp(mode, "control");
    if (mode && !qmp && strcmp(mode, "readline")) {
        error_setg(errp, "unknown monitor mode '%s': use readline or control", mode);
        return false;
    }
    if (has_pretty && !qmp) {
        error_setg(errp, "'pretty' is not compatible with mode=readline");
        return false;
    }
    chr = chardev ? qemu_chr_find(chardev) : NULL;
    if (!chr) {
        error_setg(errp,
                   chardev ? "-mon: chardev '%s' does not exist: define it with -chardev"
                           : "-mon: parameter 'chardev' is missing",
                   chardev);
        return false;
    }
    return monitor_init(chr, qmp, pretty, errp);
}

bool monitor_init_legacy(const char *spec, bool qmp, bool pretty, GError **errp)
{
    static unsigned count;
    g_autofree char *label = NULL;
    Chardev *chr;

    if (!strcmp(spec, "none")) {
        return true;
    }
    label = g_strdup_printf("compat_monitor%u", count++);
    chr = qemu_chr_new(label, spec, errp);
    return chr && monitor_init(chr, qmp, pretty, errp);
}

static gboolean close_fd(gpointer name, gpointer fd, gpointer opaque)
{
    close(GPOINTER_TO_INT(fd) - 1);
    return true;
}

static void monitor_free(Monitor *mon)
{
    qemu_chr_fe_flush(&mon->fe, 500);
    qemu_chr_fe_deinit(&mon->fe);
    if (mon->qmp) {
        qmp_monitor_destroy(mon);
    } else {
        hmp_monitor_destroy(mon);
    }
    g_hash_table_foreach_remove(mon->fds, close_fd, NULL);
    g_hash_table_destroy(mon->fds);
    qemu_mutex_destroy(&mon->lock);
    g_free(mon);
}

void monitor_cleanup(void)
{
    while (monitors && monitors->len) {
        monitor_free(g_ptr_array_remove_index(monitors, monitors->len - 1));
    }
    g_clear_pointer(&monitors, g_ptr_array_unref);
    qmp_stop_io_thread();
}

/* --- events
 * -------------------------------------------------------------------------------------------------------
 */

static void broadcast(void *opaque)
{
    json_object *event = opaque;

    for (guint i = 0; monitors && i < monitors->len; i++) {
        Monitor *mon = g_ptr_array_index(monitors, i);

        if (mon->qmp && mon->negotiated) {
            qmp_send(mon, event);
        }
    }
    json_object_put(event);
}

void qapi_event_emit(const char *name, json_object *data)
{
    json_object *event = json_object_new_object(), *stamp = json_object_new_object();
    struct timeval tv;

    gettimeofday(&tv, NULL);
    json_object_object_add(stamp, "seconds", json_object_new_int64(tv.tv_sec));
    json_object_object_add(stamp, "microseconds", json_object_new_int64(tv.tv_usec));
    json_object_object_add(event, "timestamp", stamp);
    json_object_object_add(event, "event", json_object_new_string(name));
    if (data) {
        json_object_object_add(event, "data", data);
    }
    if (aio_in_home(aio_get_main())) {
        broadcast(event);
    } else {
        aio_post(aio_get_main(), broadcast, event);
    }
}

/* --- named descriptors
 * ------------------------------------------------------------------------------------------------
 */

bool monitor_add_fd(Monitor *mon, const char *name, int fd, GError **errp)
{
    gpointer old;

    if (g_ascii_isdigit(*name)) {
        error_setg(errp, "Parameter 'fdname' expects a name not starting with a digit");
        return false;
    }
    if (g_hash_table_size(mon->fds) >= MONITOR_MAX_FDS) {
        error_setg(errp, "this monitor keeps %d descriptors already: give some back with closefd",
                   MONITOR_MAX_FDS);
        return false;
    }
    old = g_hash_table_lookup(mon->fds, name);
    if (old) {
        close(GPOINTER_TO_INT(old) - 1);
    }
    g_hash_table_replace(mon->fds, g_strdup(name), GINT_TO_POINTER(fd + 1));
    return true;
}

int monitor_fd_param(Monitor *mon, const char *fdname, GError **errp)
{
    uint64_t number;
    gpointer value;

    if (g_ascii_isdigit(*fdname)) {
        return parse_uint("fd", fdname, INT_MAX, &number, errp) ? (int)number : -1;
    }
    value = mon ? g_hash_table_lookup(mon->fds, fdname) : NULL;
    if (!value) {
        error_setg(errp, "File descriptor named '%s' has not been found", fdname);
        return -1;
    }
    g_hash_table_remove(mon->fds, fdname);
    return GPOINTER_TO_INT(value) - 1;
}
