/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libFuzzer: -device, -object, -blockdev and -drive, in both syntaxes.  Each line of the input is
 * one such option.  It is refused with a message of one line, or what it makes is there; in the end
 * all of it is taken away again.
 */
#include "emulator.h"

#include <fcntl.h>

#include "../../block/block-private.h"
#include "block/block-monitor.h"
#include "hw/qdev-core.h"
#include "qapi/keyval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { MAX_LINES = 8 };

static GPtrArray *devices, *objects, *nodes,
    *drives; /* char *: what the input made, oldest first */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char *const args[] = {"-machine",  "q35",
                                       "-m",        "32",
                                       "-object",   "iothread,id=iot0",
                                       "-blockdev", "null-co,node-name=disk0,size=1M",
                                       "-device",   "pcie-root-port,id=rp0,addr=5,chassis=1",
                                       "-device",   "pcie-root-port,id=rp1,addr=6,chassis=2",
                                       "-device",   "pci-testdev,addr=3,id=dev0",
                                       NULL};
    int fd;

    emulator_start(args);
    /* The one file that there is. */
    fd = open("disk.img", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    g_assert_cmpint(ftruncate(fd, 1 * MiB), ==, 0);
    close(fd);
    devices = g_ptr_array_new_with_free_func(g_free);
    objects = g_ptr_array_new_with_free_func(g_free);
    nodes = g_ptr_array_new_with_free_func(g_free);
    drives = g_ptr_array_new_with_free_func(g_free);
    return 0;
}

static void check_error(GError *err)
{
    g_assert_nonnull(err);
    g_assert_true(*err->message && g_utf8_validate(err->message, -1, NULL));
}

static char *member(json_object *opts, const char *key)
{
    json_object *v = NULL;

    json_object_object_get_ex(opts, key, &v);
    return json_object_is_type(v, json_type_string) ? g_strdup(json_object_get_string(v)) : NULL;
}

static void device(json_object *opts, bool strings, GError **errp)
{
    DeviceState *dev = qdev_device_add(opts, strings, errp);

    if (dev) {
        g_ptr_array_add(devices, object_get_canonical_path(OBJECT(dev)));
    }
}

static void object(json_object *opts, bool strings, GError **errp)
{
    g_autofree char *type = opts_take_str(opts, "qom-type"), *id = opts_take_str(opts, "id");

    if (!type || !id) {
        error_setg(errp, "no type or no id");
    } else if (user_creatable_add(type, id, opts, strings, errp)) {
        g_ptr_array_add(objects, g_steal_pointer(&id));
    }
}

static void blockdev(json_object *opts, bool strings, GError **errp)
{
    g_autofree char *name = member(opts, "node-name");

    if (blockdev_add(opts, strings, errp)) {
        g_ptr_array_add(nodes, g_steal_pointer(&name));
    }
}

static void drive(const char *text, json_object *opts, GError **errp)
{
    g_autofree char *id = member(opts, "id");

    if (drive_add(text, NULL, errp)) {
        g_ptr_array_add(drives, g_steal_pointer(&id));
    }
}

/* No file but those in the scratch folder, no terabytes made real; an unnamed drive stays. */
static bool is_harmless(const char *text)
{
    return !strchr(text, '/') && !strchr(text, '\\') && !strstr(text, "prealloc") &&
           !strstr(text, "reserve") && (!g_str_has_prefix(text, "-drive ") || strstr(text, "id="));
}

static void run_option(const char *text)
{
    static const char *const implied[][2] = {{"-device ", "driver"},
                                             {"-object ", "qom-type"},
                                             {"-blockdev ", "driver"},
                                             {"-drive ", NULL}};
    json_object *opts;
    bool is_json = false;
    GError *err = NULL;
    unsigned which = 0;

    while (which < 4 && !g_str_has_prefix(text, implied[which][0])) {
        which++;
    }
    if (which == 4 || !is_harmless(text)) {
        return;
    }
    text += strlen(implied[which][0]);
    opts = keyval_parse(text, implied[which][1], &is_json, &err);
    if (!opts) {
        check_error(err);
        g_error_free(err);
        return;
    }
    switch (which) {
    case 0:
        device(opts, !is_json, &err);
        break;
    case 1:
        object(opts, !is_json, &err);
        break;
    case 2:
        blockdev(opts, !is_json, &err);
        break;
    case 3:
        drive(text, opts, &err);
        break;
    }
    if (err) {
        check_error(err);
        g_error_free(err);
    }
    json_object_put(opts);
}

static void take_away(void)
{
    for (unsigned i = devices->len; i-- > 0;) {
        Object *obj = object_resolve_path(devices->pdata[i], NULL);

        if (obj) {
            qdev_unplug_complete(DEVICE(obj));
        }
    }
    for (unsigned i = objects->len; i-- > 0;) {
        g_autoptr(GError) err = NULL;

        if (!user_creatable_del(objects->pdata[i], &err)) {
            g_error("object %s stays: %s", (char *)objects->pdata[i], err->message);
        }
    }
    for (unsigned i = 0; i < drives->len; i++) {
        BlockBackend *blk = drives->pdata[i] ? blk_find(drives->pdata[i]) : NULL;

        if (blk) {
            blk_detach_dev(blk);
        }
    }
    for (unsigned i = nodes->len; i-- > 0;) {
        g_autoptr(GError) err = NULL;

        if (!block_node_del(nodes->pdata[i], &err)) {
            g_error("node %s stays: %s", (char *)nodes->pdata[i], err->message);
        }
    }
    g_ptr_array_set_size(devices, 0);
    g_ptr_array_set_size(objects, 0);
    g_ptr_array_set_size(nodes, 0);
    g_ptr_array_set_size(drives, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", MAX_LINES);

    for (char **line = lines; *line; line++) {
        run_option(*line);
        emulator_settle();
    }
    take_away();
    emulator_settle();
    return 0;
}
