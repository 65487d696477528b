/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -blockdev and -drive: from the user's words to nodes and back ends. */
#include "block-private.h"

#include "block/block-monitor.h"

#include <fcntl.h>
#include <sys/stat.h>

/* --- -blockdev
 * ------------------------------------------------------------------------------------------- */

/* {"a.b": x} as {"a": {"b": x}}: JSON may spell paths with dots, too. */
static bool undot(json_object *opts, GError **errp)
{
    g_auto(GStrv) keys = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new();

    json_object_object_foreach(opts, key, value)
    {
        if (strchr(key, '.')) {
            g_ptr_array_add(list, g_strdup(key));
        }
        if (json_object_is_type(value, json_type_object) && !undot(value, errp)) {
            g_ptr_array_set_free_func(list, g_free);
            return false;
        }
    }
    g_ptr_array_add(list, NULL);
    keys = (char **)g_ptr_array_steal(list, NULL);
    for (char **k = keys; *k; k++) {
        g_autofree char *head = g_strndup(*k, strchr(*k, '.') - *k);
        const char *tail = strchr(*k, '.') + 1;
        json_object *sub = NULL, *moved = json_object_get(json_object_object_get(opts, *k));

        if (!json_object_object_get_ex(opts, head, &sub)) {
            sub = json_object_new_object();
            json_object_object_add(opts, head, sub);
        }
        if (!json_object_is_type(sub, json_type_object)) {
            json_object_put(moved);
            error_setg(errp, "Parameters '%s' and '%s' exclude each other", head, *k);
            return false;
        }
        json_object_object_add(sub, tail, moved);
        json_object_object_del(opts, *k);
        if (strchr(tail, '.') && !undot(sub, errp)) {
            return false;
        }
    }
    return true;
}

bool blockdev_add(json_object *opts, bool from_strings, GError **errp)
{
    g_autoptr(json_object) copy = NULL;
    BlockNode *bs;

    assert_main_loop();
    /* Values of key=value are text; JSON has types, which hold. */
    if (!from_strings && !block_check_types(opts, errp)) {
        return false;
    }
    if (!json_object_object_get_ex(opts, "node-name", NULL)) {
        error_setg(errp, "'node-name' must be specified for the root node");
        return false;
    }
    if (json_object_deep_copy(opts, &copy, NULL) < 0) {
        error_setg(errp, "the description is too large");
        return false;
    }
    if (!undot(copy, errp)) {
        return false;
    }
    bs = block_node_open(copy, NULL, errp);
    if (!bs) {
        return false;
    }
    bs->by_monitor = true;
    return true;
}

/* --- -drive
 * ------------------------------------------------------------------------------------------------
 */

/* cache= is three switches; "writeback" is what a drive has anyway. */
static bool cache_mode(const char *mode, bool *direct, bool *no_flush, bool *write_cache,
                       GError **errp)
{
    static const struct {
        const char *name;
        bool direct, no_flush, write_cache;
    } modes[] = {
        {"none", true, false, true},           {"off", true, false, true},
        {"writeback", false, false, true},     {"unsafe", false, true, true},
        {"writethrough", false, false, false}, {"directsync", true, false, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        if (g_str_equal(mode, modes[i].name)) {
            *direct = modes[i].direct;
            *no_flush = modes[i].no_flush;
            *write_cache = modes[i].write_cache;
            return true;
        }
    }
    error_setg(
        errp,
        "-drive cache=%s is not valid: use none, writeback, writethrough, directsync or unsafe",
        mode);
    return false;
}

/* "file=NAME" next to "file.locking=off" would make one key twice: the name gets a key of its own.
 */
static char *rename_file_key(const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);
    bool at_start = true;

    while (*text) {
        if (at_start && g_str_has_prefix(text, "file=")) {
            g_string_append(out, "x-file-name=");
            text += strlen("file=");
        }
        at_start = false;
        if (text[0] == ',' && text[1] == ',') {
            g_string_append(out, ",,");
            text += 2;
        } else if (*text) {
            at_start = *text == ',';
            g_string_append_c(out, *text++);
        }
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void set_str(json_object *obj, const char *key, const char *value)
{
    if (!json_object_object_get_ex(obj, key, NULL)) {
        json_object_object_add(obj, key, json_object_new_string(value));
    }
}

/* What kind of thing a -drive's file= names: fills in driver and filename of desc. */
static bool describe_file(json_object *desc, const char *name, GError **errp)
{
    static const char *const nulls[] = {"null-co://", "null-aio://"};
    const char *colon = strchr(name, ':'), *slash = strchr(name, '/');
    struct stat st;

    for (size_t i = 0; i < G_N_ELEMENTS(nulls); i++) {
        if (g_str_equal(name, nulls[i])) {
            g_autofree char *driver = g_strndup(name, strchr(name, ':') - name);

            set_str(desc, "driver", driver);
            return true;
        }
    }
    if (g_str_has_prefix(name, "file:") || g_str_has_prefix(name, "host_device:")) {
        g_autofree char *driver = g_strndup(name, colon - name);

        name = colon + 1;
        if (g_str_has_prefix(name, "//")) {
            name += 2;
        }
        set_str(desc, "driver", driver);
        set_str(desc, "filename", name);
        return true;
    }
    if (colon && (!slash || colon < slash)) {
        error_setg(errp,
                   "-drive file=%s: unknown protocol '%.*s'; there are: file, host_device, "
                   "null-co, null-aio (a file whose name has a "
                   "colon: ./%s)",
                   name, (int)(colon - name), name, name);
        return false;
    }
    set_str(desc, "driver", stat(name, &st) == 0 && S_ISBLK(st.st_mode) ? "host_device" : "file");
    set_str(desc, "filename", name);
    return true;
}

/* Who gives no format gets raw; but not for an image that plainly is something else. */
static bool check_magic(json_object *desc, GError **errp)
{
    const char *name = json_object_get_string(json_object_object_get(desc, "filename"));
    char magic[4] = {0};
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    bool foreign;

    if (fd < 0) {
        return true; /* the driver will say why */
    }
    foreign =
        read(fd, magic, sizeof(magic)) == sizeof(magic) &&
        (!memcmp(magic, "QFI\xfb", 4) || !memcmp(magic, "KDMV", 4) || !memcmp(magic, "vhdx", 4));
    close(fd);
    if (foreign) {
        error_setg(errp,
                   "-drive file=%s: this looks like an image in a format other than raw, which is "
                   "the only one that is "
                   "supported; convert it, or say format=raw if it is raw",
                   name);
    }
    return !foreign;
}

static const struct {
    const char *name;
    DriveInterface type;
} interfaces[] = {
    {"none", DRIVE_IF_NONE},     {"ide", DRIVE_IF_IDE},       {"floppy", DRIVE_IF_FLOPPY},
    {"pflash", DRIVE_IF_PFLASH}, {"virtio", DRIVE_IF_VIRTIO},
};

static GPtrArray *drives; /* DriveInfo, those for the board */

static bool take_place(json_object *opts, const char *key, int *result, GError **errp)
{
    uint64_t v = UINT64_MAX;

    if (json_object_object_get_ex(opts, key, NULL) &&
        !opts_take_uint(opts, key, 0, 255, &v, errp)) {
        return false;
    }
    *result = v <= 255 ? (int)v : -1;
    return true;
}

static bool take_interface(json_object *opts, DriveInfo *info, GError **errp)
{
    g_autofree char *iface = opts_take_str(opts, "if");

    info->type = DRIVE_IF_IDE;
    for (unsigned n = 0; iface && n < G_N_ELEMENTS(interfaces); n++) {
        if (g_str_equal(iface, interfaces[n].name)) {
            info->type = interfaces[n].type;
            return true;
        }
    }
    if (iface && g_str_equal(iface, "scsi")) {
        error_setg(errp, "-drive if=scsi: this machine has no SCSI controller of its own; use "
                         "if=none,id=ID with -device virtio-scsi-pci -device scsi-hd,drive=ID");
    } else if (iface) {
        error_setg(errp, "-drive if=%s is not valid: use none, ide, floppy, pflash or virtio",
                   iface);
    }
    return !iface;
}

/* What is a -drive's and not the node's: interface, place, medium. */
static bool take_info(json_object *opts, DriveInfo *info, GError **errp)
{
    g_autofree char *media = opts_take_str(opts, "media");
    bool snapshot, cor;

    if (!opts_take_bool(opts, "snapshot", false, &snapshot, errp) ||
        !opts_take_bool(opts, "copy-on-read", false, &cor, errp) ||
        !take_interface(opts, info, errp) || !take_place(opts, "bus", &info->bus, errp) ||
        !take_place(opts, "unit", &info->unit, errp) ||
        !take_place(opts, "index", &info->index, errp)) {
        return false;
    }
    if (info->index >= 0 && (info->bus >= 0 || info->unit >= 0)) {
        error_setg(errp, "-drive: index= and bus=, unit= exclude each other");
        return false;
    }
    if (snapshot || cor) {
        error_setg(errp, "-drive %s=on is not supported; copy the image and use the copy",
                   snapshot ? "snapshot" : "copy-on-read");
        return false;
    }
    if (media && !g_str_equal(media, "disk") && !g_str_equal(media, "cdrom")) {
        error_setg(errp, "-drive media=%s is not valid: use disk or cdrom", media);
        return false;
    }
    info->cdrom = media && g_str_equal(media, "cdrom");
    if (info->cdrom) {
        set_str(opts, "read-only", "on");
    }
    return true;
}

typedef struct Drive {
    char *id, *werror, *rerror;
    bool write_cache;
    int on_read, on_write;
} Drive;

static void drive_clear(Drive *d)
{
    g_free(d->id);
    g_free(d->werror);
    g_free(d->rerror);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Drive, drive_clear)

static bool take_cache(json_object *opts, Drive *d, GError **errp)
{
    json_object *value = NULL, *cache;
    bool direct, no_flush;

    d->write_cache = true;
    if (!json_object_object_get_ex(opts, "cache", &value) ||
        json_object_is_type(value, json_type_object)) {
        json_object *wb = NULL;
        bool ok = true;

        /* cache.writeback is the drive's, the rest is the node's. */
        if (value && json_object_object_get_ex(value, "writeback", &wb)) {
            ok = opts_take_bool(value, "writeback", true, &d->write_cache, errp);
        }
        return ok;
    }
    if (!cache_mode(json_object_get_string(value), &direct, &no_flush, &d->write_cache, errp)) {
        return false;
    }
    json_object_object_del(opts, "cache");
    cache = json_object_new_object();
    json_object_object_add(cache, "direct", json_object_new_boolean(direct));
    json_object_object_add(cache, "no-flush", json_object_new_boolean(no_flush));
    json_object_object_add(opts, "cache", cache);
    return true;
}

/* Moves what belongs to the protocol node ("aio", "locking") down. */
static void move_down(json_object *opts, json_object *desc, const char *key)
{
    g_autofree char *value = opts_take_str(opts, key);

    if (value) {
        set_str(desc, key, value);
    }
}

/* opts becomes the description of the top node. */
static bool build_node(json_object *opts, GError **errp)
{
    g_autofree char *file = opts_take_str(opts, "x-file-name");
    g_autofree char *format = opts_take_str(opts, "format");
    json_object *desc = NULL;

    if (format && json_object_object_get_ex(opts, "driver", NULL)) {
        error_setg(errp, "-drive: 'format' and 'driver' exclude each other");
        return false;
    }
    if (format) {
        set_str(opts, "driver", format);
    }
    if (!file && json_object_object_get_ex(opts, "driver", NULL) &&
        !json_object_object_get_ex(opts, "file", NULL)) {
        return true; /* a driver without files: driver=null-co */
    }
    if (!json_object_object_get_ex(opts, "file", &desc)) {
        desc = json_object_new_object();
        json_object_object_add(opts, "file", desc);
    }
    if (json_object_is_type(desc, json_type_object)) {
        move_down(opts, desc, "aio");
        move_down(opts, desc, "locking");
        if (file && !describe_file(desc, file, errp)) {
            return false;
        }
        if (!format && !json_object_object_get_ex(opts, "driver", NULL) &&
            !check_magic(desc, errp)) {
            return false;
        }
    }
    set_str(opts, "driver", "raw");
    return true;
}

BlockNode *drive_open_medium(const char *filename, const char *format, int read_only, GError **errp)
{
    g_autoptr(json_object) opts = json_object_new_object();

    set_str(opts, "x-file-name", filename);
    set_str(opts, "read-only", read_only == ON_OFF_AUTO_ON ? "on" : "off");
    set_str(opts, "auto-read-only", read_only == ON_OFF_AUTO_AUTO ? "on" : "off");
    if (format) {
        set_str(opts, "format", format);
    }
    return build_node(opts, errp) ? block_node_open(opts, NULL, errp) : NULL;
}

static bool take_drive(json_object *opts, Drive *d, DriveInfo *info, GError **errp)
{
    g_autofree char *readonly = NULL;

    d->on_read = BLK_ON_ERROR_REPORT;
    d->on_write = BLK_ON_ERROR_ENOSPC;
    d->id = opts_take_str(opts, "id");
    d->werror = opts_take_str(opts, "werror");
    d->rerror = opts_take_str(opts, "rerror");
    readonly = opts_take_str(opts, "readonly");
    if (readonly) {
        set_str(opts, "read-only", readonly);
    }
    if (!take_info(opts, info, errp) ||
        !blk_parse_error_policy("rerror", d->rerror, &d->on_read, errp) ||
        !blk_parse_error_policy("werror", d->werror, &d->on_write, errp) ||
        !take_cache(opts, d, errp)) {
        return false;
    }
    set_str(opts, "auto-read-only", "on");
    return true;
}

/* A name for a drive that the board puts into a device and the user has not named. */
static char *default_id(const DriveInfo *info)
{
    unsigned n = drives ? drives->len : 0, floppies = 0;

    if (info->type == DRIVE_IF_FLOPPY) {
        for (unsigned i = 0; i < n; i++) {
            floppies += ((DriveInfo *)drives->pdata[i])->type == DRIVE_IF_FLOPPY;
        }
        return g_strdup_printf("floppy%d", info->index >= 0  ? info->index
                                           : info->unit >= 0 ? info->unit
                                                             : (int)floppies);
    }
    return g_strdup_printf("%s%u",
                           info->type == DRIVE_IF_PFLASH   ? "pflash"
                           : info->type == DRIVE_IF_VIRTIO ? "virtio"
                           : info->cdrom                   ? "ide-cd"
                                                           : "ide-hd",
                           n);
}

/* Known to the board from now on. */
static void remember(const DriveInfo *info)
{
    if (!drives) {
        drives = g_ptr_array_new();
    }
    g_ptr_array_add(drives, g_memdup2(info, sizeof(*info)));
}

static bool add(json_object *opts, GError **errp)
{
    g_auto(Drive) d = {0};
    DriveInfo info = {.bus = -1, .unit = -1, .index = -1};
    BlockBackend *blk;
    BlockNode *bs;

    if (!take_drive(opts, &d, &info, errp)) {
        return false;
    }
    if (d.id && (blk_find(d.id) || block_node_find(d.id))) {
        error_setg(errp, "-drive id=%s: this name is in use already; choose another", d.id);
        return false;
    }
    if (!json_object_object_get_ex(opts, "x-file-name", NULL) &&
        !json_object_object_get_ex(opts, "file", NULL) &&
        !json_object_object_get_ex(opts, "driver", NULL)) {
        if (info.type == DRIVE_IF_NONE || (!info.cdrom && info.type != DRIVE_IF_FLOPPY)) {
            error_setg(errp,
                       "no image is named; give file=NAME, and id=, if=, format=... as -drive "
                       "help lists");
            return false;
        }
        remember(&info); /* a drive without a medium */
        return true;
    }
    if (!d.id && info.type != DRIVE_IF_NONE) {
        d.id = default_id(&info);
    }
    if (!build_node(opts, errp)) {
        return false;
    }
    bs = block_node_open(opts, NULL, errp);
    if (!bs) {
        return false;
    }
    if (!block_node_add_user(bs, false, false, d.id ? d.id : "-drive", errp)) {
        block_node_unref(bs);
        return false;
    }
    blk = blk_new(d.id, bs, false);
    blk->on_read_error = d.on_read;
    blk->on_write_error = d.on_write;
    blk_set_write_cache(blk, d.write_cache);
    if (info.type != DRIVE_IF_NONE) {
        info.id = g_strdup(d.id);
        remember(&info);
    }
    return true;
}

bool drive_add(const char *text, const char *implied, GError **errp)
{
    g_autofree char *both =
        implied ? g_strdup_printf("%s%s%s", implied, *text ? "," : "", text) : g_strdup(text);
    g_autofree char *renamed = rename_file_key(both);
    bool is_json = false;
    g_autoptr(json_object) opts = NULL;

    assert_main_loop();
    opts = keyval_parse(renamed, NULL, &is_json, errp);
    if (!opts) {
        return false;
    }
    if (is_json) {
        error_setg(errp, "-drive takes key=value,...; JSON is for -blockdev");
        return false;
    }
    return add(opts, errp);
}

/* --- for the board ---------------------------------------------------------------------------- */

/* Whether a drive says that it is at this place. */
static bool at_place(const DriveInfo *d, int bus, int unit, int units)
{
    if (d->index >= 0) {
        return d->index == bus * units + unit;
    }
    return (d->bus >= 0 || d->unit >= 0) && MAX(d->bus, 0) == bus && MAX(d->unit, 0) == unit;
}

static bool has_place(const DriveInfo *d)
{
    return d->index >= 0 || d->bus >= 0 || d->unit >= 0;
}

/* Drives without a place of their own get the first places that nobody names. */
static DriveInfo *nth_without_place(DriveInterface type, int n, int units)
{
    int place = 0;

    for (unsigned i = 0; i < drives->len; i++) {
        DriveInfo *d = drives->pdata[i];

        if (d->type != type || has_place(d)) {
            continue;
        }
        for (bool named = true; named; place += named) {
            named = false;
            for (unsigned j = 0; j < drives->len; j++) {
                const DriveInfo *o = drives->pdata[j];

                named |= o->type == type && has_place(o) &&
                         at_place(o, place / units, place % units, units);
            }
        }
        if (place++ == n) {
            return d;
        }
    }
    return NULL;
}

DriveInfo *drive_take(DriveInterface type, int bus, int unit, int units)
{
    DriveInfo *found = NULL;

    for (unsigned n = 0; drives && !found && n < drives->len; n++) {
        DriveInfo *d = drives->pdata[n];

        if (d->type == type && !d->taken && has_place(d) && at_place(d, bus, unit, units)) {
            found = d;
        }
    }
    if (!found && drives) {
        found = nth_without_place(type, bus * units + unit, units);
    }
    if (!found || found->taken) {
        return NULL;
    }
    found->taken = true;
    return found;
}

DriveInfo *drive_take_next(DriveInterface type)
{
    for (unsigned n = 0; drives && n < drives->len; n++) {
        DriveInfo *d = drives->pdata[n];

        if (d->type == type && !d->taken) {
            d->taken = true;
            return d;
        }
    }
    return NULL;
}

bool drive_any_cdrom(void)
{
    for (unsigned n = 0; drives && n < drives->len; n++) {
        if (((DriveInfo *)drives->pdata[n])->cdrom) {
            return true;
        }
    }
    return false;
}

bool drive_check_taken(GError **errp)
{
    for (unsigned n = 0; drives && n < drives->len; n++) {
        const DriveInfo *d = drives->pdata[n];

        if (!d->taken) {
            const char *name = "";

            for (unsigned i = 0; i < G_N_ELEMENTS(interfaces); i++) {
                name = interfaces[i].type == d->type ? interfaces[i].name : name;
            }
            error_setg(errp,
                       "-drive if=%s%s%s: the machine has no place for it; use another index=, or "
                       "if=none,id=ID with -device TYPE,drive=ID",
                       name, d->id ? ",id=" : "", d->id ? d->id : "");
            return false;
        }
    }
    return true;
}
