/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Driver "raw": the bytes of its child, or a window of them. */
#include "block-private.h"

typedef struct RawState {
    uint64_t offset;
    uint64_t size; /* while fixed */
    bool fixed;    /* size= was given */
} RawState;

static int64_t raw_get_length(BlockNode *bs)
{
    RawState *s = bs->state;
    int64_t below = block_node_refresh_length(bs->file);

    if (below < 0 || s->fixed) {
        return below < 0 ? below : (int64_t)s->size;
    }
    return below > (int64_t)s->offset ? below - (int64_t)s->offset : 0;
}

static bool check_window(BlockNode *bs, GError **errp)
{
    RawState *s = bs->state;
    int64_t below = block_node_refresh_length(bs->file);

    if (s->offset % BLOCK_SECTOR || s->size % BLOCK_SECTOR) {
        error_setg(errp, "driver 'raw': offset and size are multiples of %u", BLOCK_SECTOR);
        return false;
    }
    if (below < 0) {
        error_setg_errno(errp, -below, "driver 'raw': the size of '%s' cannot be read",
                         bs->file->name);
        return false;
    }
    if (s->offset > (uint64_t)below || s->size > (uint64_t)below - s->offset) {
        error_setg(errp,
                   "driver 'raw': offset %" PRIu64 " and size %" PRIu64
                   " reach beyond the end of '%s', which has %" PRId64 " bytes",
                   s->offset, s->size, bs->file->name, below);
        return false;
    }
    return true;
}

static bool raw_open(BlockNode *bs, json_object *opts, GError **errp)
{
    RawState *s = g_new0(RawState, 1);

    bs->state = s;
    s->fixed = json_object_object_get_ex(opts, "size", NULL);
    if (opts_take_size(opts, "offset", 0, &s->offset, errp) &&
        opts_take_size(opts, "size", 0, &s->size, errp) && check_window(bs, errp)) {
        return true;
    }
    g_free(s);
    return false;
}

static void raw_close(BlockNode *bs)
{
    g_free(bs->state);
}

static void raw_submit(BlockNode *bs, BlkRequest *req, uint64_t offset)
{
    RawState *s = bs->state;

    block_node_submit(bs->file, req, offset + s->offset);
}

static BlockNode *raw_bypass(BlockNode *bs, uint64_t *offset)
{
    *offset += ((RawState *)bs->state)->offset;
    return bs->file;
}

static bool raw_truncate(BlockNode *bs, int64_t length, GError **errp)
{
    RawState *s = bs->state;

    if (s->fixed) {
        error_setg(errp, "Node '%s' has a fixed size (size=): it cannot be resized", bs->name);
        return false;
    }
    if (length > INT64_MAX - (int64_t)s->offset) {
        error_setg(errp, "%" PRId64 " bytes behind offset %" PRIu64 " are too many", length,
                   s->offset);
        return false;
    }
    return block_node_truncate(bs->file, length + s->offset, errp);
}

const BlockDriver block_driver_raw = {
    .name = "raw",
    .child_key = "file",
    .options = (const char *const[]){"offset", "size", NULL},
    .open = raw_open,
    .close = raw_close,
    .submit = raw_submit,
    .bypass = raw_bypass,
    .get_length = raw_get_length,
    .truncate = raw_truncate,
};
