/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Driver "blkdebug": a filter that makes requests fail, for tests of whoever has to cope with it.
 */
#include "block-private.h"

enum { TYPE_READ = 1, TYPE_WRITE = 2, TYPE_WRITE_ZEROES = 4, TYPE_DISCARD = 8, TYPE_FLUSH = 16 };

/* Events that a request causes here.  "none" has happened when the node was made. */
static const struct {
    const char *name;
    unsigned types;
} events[] = {
    {"none", 0},
    {"read_aio", TYPE_READ},
    {"write_aio", TYPE_WRITE},
    {"pwritev", TYPE_WRITE},
    {"pwritev_zero", TYPE_WRITE_ZEROES},
    {"flush_to_disk", TYPE_FLUSH},
    {"flush_to_os", TYPE_FLUSH},
};

static const struct {
    const char *name;
    unsigned type;
} iotypes[] = {
    {"read", TYPE_READ},       {"write", TYPE_WRITE}, {"write-zeroes", TYPE_WRITE_ZEROES},
    {"discard", TYPE_DISCARD}, {"flush", TYPE_FLUSH},
};

typedef struct Rule {
    unsigned event_types; /* requests that make it active; 0: it is from the start */
    unsigned types;       /* requests that it hits while active */
    int64_t sector;       /* -1: any */
    int error;
    bool once;
    bool active, used; /* under the node's lock */
} Rule;

typedef struct DebugState {
    QemuMutex lock;
    Rule *rules;
    int n;
} DebugState;

static bool take_event(json_object *opts, Rule *r, GError **errp)
{
    g_autofree char *name = opts_take_str(opts, "event");
    g_autoptr(GString) all = g_string_new(NULL);

    for (size_t i = 0; name && i < G_N_ELEMENTS(events); i++) {
        if (g_str_equal(events[i].name, name)) {
            r->event_types = events[i].types;
            r->active = !events[i].types;
            return true;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
        g_string_append_printf(all, "%s%s", i ? ", " : "", events[i].name);
    }
    error_setg(errp, "inject-error: event '%s' does not happen here; there are: %s",
               name ? name : "", all->str);
    return false;
}

static bool take_iotype(json_object *opts, Rule *r, GError **errp)
{
    g_autofree char *name = opts_take_str(opts, "iotype");

    r->types = TYPE_READ | TYPE_WRITE | TYPE_WRITE_ZEROES | TYPE_DISCARD | TYPE_FLUSH;
    for (size_t i = 0; name && i < G_N_ELEMENTS(iotypes); i++) {
        if (g_str_equal(iotypes[i].name, name)) {
            r->types = iotypes[i].type;
            return true;
        }
    }
    if (name) {
        error_setg(
            errp,
            "inject-error: iotype '%s' is not one of read, write, write-zeroes, discard, flush",
            name);
    }
    return !name;
}

static bool parse_rule(json_object *opts, Rule *r, GError **errp)
{
    bool immediately;
    uint64_t error, sector;

    if (!json_object_is_type(opts, json_type_object)) {
        error_setg(errp, "inject-error: each rule is an object with 'event' and more");
        return false;
    }
    r->sector = -1;
    if (json_object_object_get_ex(opts, "sector", NULL)) {
        if (!opts_take_uint(opts, "sector", 0, INT64_MAX / BLOCK_SECTOR, &sector, errp)) {
            return false;
        }
        r->sector = sector;
    }
    /* Nothing completes from inside a submission here, so "immediately" makes no difference. */
    if (!take_event(opts, r, errp) || !take_iotype(opts, r, errp) ||
        !opts_take_uint(opts, "errno", EIO, 4095, &error, errp) ||
        !opts_take_bool(opts, "once", false, &r->once, errp) ||
        !opts_take_bool(opts, "immediately", false, &immediately, errp)) {
        return false;
    }
    r->error = error;
    return opts_check_empty(
        opts, "inject-error",
        (const char *const[]){"event", "iotype", "errno", "sector", "once", "immediately", NULL},
        errp);
}

static bool parse_rules(DebugState *s, json_object *opts, GError **errp)
{
    g_autoptr(json_object) list = NULL;
    json_object *value = NULL;

    if (!json_object_object_get_ex(opts, "inject-error", &value)) {
        return true;
    }
    list = json_object_get(value);
    json_object_object_del(opts, "inject-error");
    if (!json_object_is_type(list, json_type_array)) {
        error_setg(errp, "inject-error is a list: inject-error.0.event=... and so on");
        return false;
    }
    s->n = json_object_array_length(list);
    s->rules = g_new0(Rule, s->n);
    for (int i = 0; i < s->n; i++) {
        if (!parse_rule(json_object_array_get_idx(list, i), &s->rules[i], errp)) {
            return false;
        }
    }
    return true;
}

static bool debug_open(BlockNode *bs, json_object *opts, GError **errp)
{
    DebugState *s = g_new0(DebugState, 1);

    if (!parse_rules(s, opts, errp)) {
        g_free(s->rules);
        g_free(s);
        return false;
    }
    qemu_mutex_init(&s->lock);
    bs->state = s;
    bs->discard_unmap = true; /* a filter lets everything pass */
    return true;
}

static void debug_close(BlockNode *bs)
{
    DebugState *s = bs->state;

    qemu_mutex_destroy(&s->lock);
    g_free(s->rules);
    g_free(s);
}

static bool hits(const Rule *r, unsigned type, uint64_t offset, uint64_t bytes)
{
    uint64_t at = r->sector * BLOCK_SECTOR;

    if (!r->active || r->used || !(r->types & type)) {
        return false;
    }
    return r->sector < 0 || (at >= offset && at - offset < bytes);
}

static int check(DebugState *s, unsigned type, uint64_t offset, uint64_t bytes)
{
    QEMU_LOCK_GUARD(&s->lock);

    for (int i = 0; i < s->n; i++) {
        s->rules[i].active |= (s->rules[i].event_types & type) != 0;
    }
    for (int i = 0; i < s->n; i++) {
        Rule *r = &s->rules[i];

        if (hits(r, type, offset, bytes)) {
            r->used = r->once;
            return r->error;
        }
    }
    return 0;
}

static void debug_submit(BlockNode *bs, BlkRequest *req, uint64_t offset)
{
    static const unsigned types[] = {
        [BLK_READ] = TYPE_READ,
        [BLK_WRITE] = TYPE_WRITE,
        [BLK_FLUSH] = TYPE_FLUSH,
        [BLK_DISCARD] = TYPE_DISCARD,
        [BLK_WRITE_ZEROES] = TYPE_WRITE_ZEROES,
    };
    int error = check(bs->state, types[req->todo], offset, req->bytes);

    if (error) {
        blk_request_defer(req, -error);
    } else {
        block_node_submit(bs->file, req, offset);
    }
}

static bool debug_truncate(BlockNode *bs, int64_t length, GError **errp)
{
    return block_node_truncate(bs->file, length, errp);
}

const BlockDriver block_driver_blkdebug = {
    .name = "blkdebug",
    .child_key = "image",
    .is_filter = true,
    .options = (const char *const[]){"inject-error", NULL},
    .open = debug_open,
    .close = debug_close,
    .submit = debug_submit,
    .truncate = debug_truncate,
};
