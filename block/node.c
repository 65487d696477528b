/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes: their names, the graph, and the options that all drivers have in common. */
#include "block-private.h"

#include "block/block-monitor.h"

const char *const detect_zeroes_names[] = {"off", "on", "unmap", NULL};

static const BlockDriver *const drivers[] = {
    &block_driver_file,    &block_driver_host_device, &block_driver_raw,
    &block_driver_null_co, &block_driver_null_aio,    &block_driver_blkdebug,
};

static const char *const common_options[] = {
    "driver",         "node-name", "cache.direct",  "cache.no-flush", "read-only",
    "auto-read-only", "discard",   "detect-zeroes", "force-share",
};

static GPtrArray *nodes; /* all, in order of creation */

/* --- look-up -----------------------------------------------------------------------------------
 */

static const BlockDriver *find_driver(const char *name, GError **errp)
{
    const char *names[G_N_ELEMENTS(drivers) + 1] = {NULL};
    g_autofree char *all = NULL;
    const char *near;

    for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++) {
        if (g_str_equal(drivers[i]->name, name)) {
            return drivers[i];
        }
        names[i] = drivers[i]->name;
    }
    near = nearest_name(name, names);
    all = g_strjoinv(", ", (char **)names);
    error_setg(errp, "block driver '%s' does not exist%s%s%s; there are: %s", name,
               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", all);
    return NULL;
}

GString *blockdev_driver_help(const char *driver, GError **errp)
{
    const BlockDriver *drv = driver ? find_driver(driver, errp) : NULL;
    GString *out;

    if (driver && !drv) {
        return NULL;
    }
    out = g_string_new(driver ? NULL : "Supported block drivers:\n");
    for (size_t i = 0; !driver && i < G_N_ELEMENTS(drivers); i++) {
        g_string_append_printf(out, "  %s\n", drivers[i]->name);
    }
    if (drv) {
        g_string_append_printf(out, "%s options:\n", drv->name);
        for (int i = 0; drv->options && drv->options[i]; i++) {
            g_string_append_printf(out, "  %s=\n", drv->options[i]);
        }
        if (drv->child_key) {
            g_string_append_printf(out, "  %s=NODE\n", drv->child_key);
        }
        for (size_t i = 1; i < G_N_ELEMENTS(common_options); i++) {
            g_string_append_printf(out, "  %s=\n", common_options[i]);
        }
    }
    return out;
}

BlockNode *block_node_find(const char *name)
{
    for (guint i = 0; nodes && i < nodes->len; i++) {
        BlockNode *bs = g_ptr_array_index(nodes, i);

        if (g_str_equal(bs->name, name)) {
            return bs;
        }
    }
    return NULL;
}

void block_node_foreach(void (*fn)(BlockNode *bs, void *opaque), void *opaque)
{
    for (guint i = 0; nodes && i < nodes->len; i++) {
        fn(g_ptr_array_index(nodes, i), opaque);
    }
}

/* --- options -------------------------------------------------------------------------------------
 */

static bool take_enum(json_object *opts, const char *key, const char *const *names, int *value,
                      GError **errp)
{
    g_autofree char *text = opts_take_str(opts, key);
    g_autofree char *all = NULL;

    if (!text) {
        return true;
    }
    for (int i = 0; names[i]; i++) {
        if (g_str_equal(names[i], text)) {
            *value = i;
            return true;
        }
    }
    all = g_strjoinv(", ", (char **)names);
    error_setg(errp, "Parameter '%s' does not accept value '%s'; there are: %s", key, text, all);
    return false;
}

static bool take_cache(BlockNode *bs, json_object *opts, const BlockNode *parent, GError **errp)
{
    g_autoptr(json_object) cache = NULL;
    json_object *value = NULL;

    bs->cache_direct = parent && parent->cache_direct;
    bs->cache_no_flush = parent && parent->cache_no_flush;
    if (!json_object_object_get_ex(opts, "cache", &value)) {
        return true;
    }
    cache = json_object_get(value);
    json_object_object_del(opts, "cache");
    if (!json_object_is_type(cache, json_type_object)) {
        error_setg(errp, "Parameter 'cache' is an object with 'direct' and 'no-flush', not '%s'",
                   json_object_get_string(cache));
        return false;
    }
    return opts_take_bool(cache, "direct", bs->cache_direct, &bs->cache_direct, errp) &&
           opts_take_bool(cache, "no-flush", bs->cache_no_flush, &bs->cache_no_flush, errp) &&
           opts_check_empty(cache, "cache", (const char *const[]){"direct", "no-flush", NULL},
                            errp);
}

/* A node below another takes over what it does not say itself; discards go down to it as the upper
 * one lets them. */
static bool take_common(BlockNode *bs, json_object *opts, const BlockNode *parent, GError **errp)
{
    static const char *const discard_names[] = {"ignore", "unmap", NULL};
    int discard = parent != NULL, detect = DETECT_ZEROES_OFF;
    bool force_share;

    if (!take_cache(bs, opts, parent, errp) ||
        !opts_take_bool(opts, "read-only", parent && parent->read_only, &bs->read_only, errp) ||
        !opts_take_bool(opts, "auto-read-only", parent && parent->auto_read_only,
                        &bs->auto_read_only, errp) ||
        !opts_take_bool(opts, "force-share", false, &force_share, errp) ||
        !take_enum(opts, "discard", discard_names, &discard, errp) ||
        !take_enum(opts, "detect-zeroes", detect_zeroes_names, &detect, errp)) {
        return false;
    }
    if (force_share && !bs->read_only) {
        error_setg(errp, "force-share=on can only be used with read-only=on");
        return false;
    }
    bs->discard_unmap = discard;
    bs->detect_zeroes = detect;
    if (detect == DETECT_ZEROES_UNMAP && !bs->discard_unmap) {
        error_setg(errp, "detect-zeroes=unmap needs discard=unmap");
        return false;
    }
    return true;
}

static bool check_name(const char *name, GError **errp)
{
    bool ok = g_ascii_isalpha(name[0]) && strlen(name) < 128;

    for (const char *p = name; *p; p++) {
        ok &= g_ascii_isalnum(*p) || strchr("-._", *p);
    }
    if (!ok) {
        error_setg(errp,
                   "node-name '%s' is not valid: it starts with a letter, consists of letters, "
                   "digits, '-', '.' and '_', and "
                   "is shorter than 128",
                   name);
        return false;
    }
    if (block_node_find(name)) {
        error_setg(errp, "node-name '%s' is in use already; choose another", name);
        return false;
    }
    return true;
}

static bool take_name(BlockNode *bs, json_object *opts, GError **errp)
{
    static unsigned counter;

    bs->name = opts_take_str(opts, "node-name");
    if (bs->name) {
        return check_name(bs->name, errp);
    }
    bs->name = g_strdup_printf("#block%03u", counter++);
    return true;
}

/* --- life
 * ------------------------------------------------------------------------------------------ */

static void node_free(BlockNode *bs)
{
    if (bs->file) {
        block_node_remove_user(bs->file, false, false);
        block_node_unref(bs->file);
    }
    g_free(bs->filename);
    g_free(bs->name);
    g_free(bs);
}

bool block_node_open_file(BlockNode *bs, json_object *opts, GError **errp)
{
    g_autoptr(json_object) desc = NULL;
    json_object *value = NULL;
    const char *key = bs->drv->child_key;
    BlockNode *child;

    if (!json_object_object_get_ex(opts, key, &value) || !value) {
        error_setg(errp, "driver '%s' needs '%s': the name of a node, or a description of one",
                   bs->drv->name, key);
        return false;
    }
    desc = json_object_get(value);
    json_object_object_del(opts, key);
    if (json_object_is_type(desc, json_type_string)) {
        const char *name = json_object_get_string(desc);

        child = block_node_find(name);
        if (!child) {
            error_setg(errp, "%s=%s: there is no node of this name", key, name);
            return false;
        }
        block_node_ref(child);
    } else if (json_object_is_type(desc, json_type_object)) {
        child = block_node_open(desc, bs, errp);
    } else {
        error_setg(errp, "Parameter '%s' is the name of a node or a description of one, not '%s'",
                   key, json_object_get_string(desc));
        return false;
    }
    if (!child) {
        return false;
    }
    /* Whether it writes is asked when somebody writes to us. */
    if (!block_node_add_user(child, false, false, bs->name, errp)) {
        block_node_unref(child);
        return false;
    }
    bs->file = child;
    if (!bs->filename) {
        bs->filename = g_strdup(child->filename);
    }
    return true;
}

static bool check_left(BlockNode *bs, json_object *opts, GError **errp)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    g_autofree char *what = g_strdup_printf("driver '%s'", bs->drv->name);

    for (size_t i = 0; i < G_N_ELEMENTS(common_options); i++) {
        g_ptr_array_add(known, (char *)common_options[i]);
    }
    if (bs->drv->child_key) {
        g_ptr_array_add(known, (char *)bs->drv->child_key);
    }
    for (int i = 0; bs->drv->options && bs->drv->options[i]; i++) {
        g_ptr_array_add(known, (char *)bs->drv->options[i]);
    }
    g_ptr_array_add(known, NULL);
    return opts_check_empty(opts, what, (const char *const *)known->pdata, errp);
}

static bool node_open(BlockNode *bs, json_object *opts, BlockNode *parent, GError **errp)
{
    int64_t length;

    if (!take_name(bs, opts, errp) || !take_common(bs, opts, parent, errp) ||
        (bs->drv->child_key && !block_node_open_file(bs, opts, errp))) {
        return false;
    }
    bs->request_alignment = bs->file ? bs->file->request_alignment : BLOCK_SECTOR;
    bs->mem_alignment = bs->file ? bs->file->mem_alignment : 1;
    if (!bs->drv->open(bs, opts, errp)) {
        return false;
    }
    if (!check_left(bs, opts, errp)) {
        goto close;
    }
    length = block_node_refresh_length(bs);
    if (length < 0) {
        error_setg_errno(errp, -length, "node '%s': its length cannot be read", bs->name);
        goto close;
    }
    return true;
close:
    bs->drv->close(bs);
    return false;
}

BlockNode *block_node_open(json_object *opts, BlockNode *parent, GError **errp)
{
    g_autofree char *driver = opts_take_str(opts, "driver");
    const BlockDriver *drv;
    BlockNode *bs;

    assert_main_loop();
    if (!driver) {
        error_setg(errp, "Parameter 'driver' is missing");
        return NULL;
    }
    drv = find_driver(driver, errp);
    if (!drv) {
        return NULL;
    }
    bs = g_new0(BlockNode, 1);
    bs->drv = drv;
    bs->refs = 1;
    if (!node_open(bs, opts, parent, errp)) {
        node_free(bs);
        return NULL;
    }
    if (!nodes) {
        nodes = g_ptr_array_new();
    }
    g_ptr_array_add(nodes, bs);
    return bs;
}

BlockNode *block_node_ref(BlockNode *bs)
{
    bs->refs++;
    return bs;
}

void block_node_unref(BlockNode *bs)
{
    assert_main_loop();
    if (--bs->refs) {
        return;
    }
    g_ptr_array_remove(nodes, bs);
    bs->drv->close(bs);
    node_free(bs);
}

bool block_node_del(const char *name, GError **errp)
{
    BlockNode *bs = block_node_find(name);

    if (!bs) {
        error_setg(errp, "Failed to find node with node-name='%s'", name);
        return false;
    }
    if (!bs->by_monitor) {
        error_setg(errp,
                   "Node '%s' was not made by -blockdev or blockdev-add: it goes with what uses it",
                   name);
        return false;
    }
    if (bs->users) {
        error_setg(errp, "Node '%s' is in use; remove the device or node that uses it first", name);
        return false;
    }
    block_node_unref(bs);
    return true;
}

/* --- users
 * ------------------------------------------------------------------------------------------- */

static void say_used(BlockNode *bs, const char *who, GError **errp)
{
    error_setg(
        errp,
        "'%s' needs to write to node '%s', which another device or node uses (share-rw=on at "
        "all devices lets them share it)",
        who, bs->name);
}

/* The first user of bs begins to write: so do the nodes below (auto-read-only ones open their files
 * anew). */
static bool take_write(BlockNode *bs, const char *who, GError **errp)
{
    if (bs->read_only) {
        error_setg(errp, "'%s' needs to write, but block node '%s' is read-only", who, bs->name);
        return false;
    }
    if (bs->file && bs->file->users > 1) {
        say_used(bs->file, bs->name, errp);
        return false;
    }
    if (bs->file && !take_write(bs->file, bs->name, errp)) {
        return false;
    }
    if (bs->drv->set_writable && !bs->drv->set_writable(bs, true, errp)) {
        return false; /* a node with a file below has no such callback */
    }
    if (bs->file) {
        bs->file->writers = 1; /* we are its only user */
    }
    return true;
}

static void drop_write(BlockNode *bs)
{
    if (bs->file) {
        bs->file->writers = 0;
        drop_write(bs->file);
    }
    if (bs->drv->set_writable) {
        bs->drv->set_writable(bs, false, NULL);
    }
}

bool block_node_add_user(BlockNode *bs, bool writes, bool shares, const char *who, GError **errp)
{
    if (bs->writers && (!shares || bs->users > bs->sharers)) {
        error_setg(errp,
                   "'%s' cannot use node '%s': another device or node writes to it (share-rw=on at "
                   "all devices lets them share it)",
                   who, bs->name);
        return false;
    }
    if (writes && bs->users > bs->sharers) {
        say_used(bs, who, errp);
        return false;
    }
    if (writes && !bs->writers && !take_write(bs, who, errp)) {
        return false;
    }
    bs->users++;
    bs->sharers += shares;
    bs->writers += writes;
    return true;
}

void block_node_remove_user(BlockNode *bs, bool writes, bool shares)
{
    bs->users--;
    bs->sharers -= shares;
    bs->writers -= writes;
    if (writes && !bs->writers) {
        drop_write(bs);
    }
}

/* --- size
 * -------------------------------------------------------------------------------------------- */

int64_t block_node_refresh_length(BlockNode *bs)
{
    int64_t length =
        bs->drv->get_length ? bs->drv->get_length(bs) : block_node_refresh_length(bs->file);

    if (length >= 0) {
        __atomic_store_n(&bs->length, length, __ATOMIC_RELAXED);
    }
    return length;
}

bool block_node_truncate(BlockNode *bs, int64_t length, GError **errp)
{
    if (bs->read_only) {
        error_setg(errp, "Node '%s' is read-only", bs->name);
        return false;
    }
    if (!bs->drv->truncate) {
        error_setg(errp, "Node '%s': driver '%s' cannot be resized", bs->name, bs->drv->name);
        return false;
    }
    if (!bs->drv->truncate(bs, length, errp)) {
        return false;
    }
    block_node_refresh_length(bs);
    return true;
}

int64_t block_node_allocated(BlockNode *bs)
{
    return bs->drv->allocated ? bs->drv->allocated(bs)
           : bs->file         ? block_node_allocated(bs->file)
                              : -1;
}

/* --- requests
 * ---------------------------------------------------------------------------------------- */

bool block_iov_is_zero(const struct iovec *iov, int niov)
{
    for (int i = 0; i < niov; i++) {
        const char *p = iov[i].iov_base;

        /* A block equals itself moved by one byte only if all its bytes are the first one. */
        if (iov[i].iov_len && (p[0] || memcmp(p, p + 1, iov[i].iov_len - 1))) {
            return false;
        }
    }
    return true;
}

void block_node_submit(BlockNode *bs, BlkRequest *req, uint64_t offset)
{
    req->node = bs;
    req->node_offset = offset;
    switch (req->todo) {
    case BLK_FLUSH:
        if (bs->cache_no_flush) {
            blk_request_defer(req, 0);
            return;
        }
        break;
    case BLK_DISCARD:
        if (!bs->discard_unmap) {
            blk_request_defer(req, 0); /* a hint that is ignored */
            return;
        }
        break;
    case BLK_WRITE:
        if (bs->detect_zeroes != DETECT_ZEROES_OFF && block_iov_is_zero(req->iov, req->niov)) {
            req->todo = BLK_WRITE_ZEROES;
            req->todo_flags |= bs->detect_zeroes == DETECT_ZEROES_UNMAP ? BLK_REQ_MAY_UNMAP : 0;
        }
        break;
    default:
        break;
    }
    if (req->todo == BLK_WRITE_ZEROES && !bs->discard_unmap) {
        req->todo_flags &= ~BLK_REQ_MAY_UNMAP;
    }
    bs->drv->submit(bs, req, offset);
}
