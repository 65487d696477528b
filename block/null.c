/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drivers "null-co" and "null-aio": nothing is kept; for measurements. */
#include "block-private.h"

typedef struct NullState {
    uint64_t size, latency_ns;
    bool read_zeroes;
    bool give_back; /* a request that waits for its latency can be cancelled */
} NullState;

static bool null_open(BlockNode *bs, json_object *opts, GError **errp)
{
    NullState *s = g_new0(NullState, 1);

    bs->state = s;
    bs->filename = g_strdup_printf("%s://", bs->drv->name);
    if (opts_take_size(opts, "size", GiB, &s->size, errp) &&
        opts_take_uint(opts, "latency-ns", 0, 3600 * NANOSECONDS_PER_SECOND, &s->latency_ns,
                       errp) &&
        opts_take_bool(opts, "x-give-back", true, &s->give_back, errp) &&
        opts_take_bool(opts, "read-zeroes", false, &s->read_zeroes, errp)) {
        if (s->size <= INT64_MAX) {
            return true;
        }
        error_setg(errp, "driver '%s': size=%" PRIu64 " is too large", bs->drv->name, s->size);
    }
    g_free(s);
    return false;
}

static void null_close(BlockNode *bs)
{
    g_free(bs->state);
}

static int64_t null_get_length(BlockNode *bs)
{
    return ((NullState *)bs->state)->size;
}

static bool null_truncate(BlockNode *bs, int64_t length, GError **errp)
{
    ((NullState *)bs->state)->size = length;
    return true;
}

static void latency_over(void *opaque)
{
    BlkRequest *req = opaque;

    aio_timer_free(req->priv);
    blk_request_done(req, 0);
}

static void null_submit(BlockNode *bs, BlkRequest *req, uint64_t offset)
{
    NullState *s = bs->state;

    if (req->todo == BLK_READ && s->read_zeroes) {
        for (int i = 0; i < req->niov; i++) {
            memset(req->iov[i].iov_base, 0, req->iov[i].iov_len);
        }
    }
    if (!s->latency_ns) {
        blk_request_defer(req, 0);
        return;
    }
    /* The caller's thread is the timer's. */
    req->priv = aio_timer_new(req->ctx, QEMU_CLOCK_REALTIME, latency_over, req);
    aio_timer_mod(req->priv, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + s->latency_ns);
}

static void null_cancel(BlockNode *bs, BlkRequest *req)
{
    NullState *s = bs->state;

    if (s->give_back) {
        aio_timer_free(req->priv);
        blk_request_defer(req, -ECANCELED);
    }
}

static int64_t null_allocated(BlockNode *bs)
{
    return 0;
}

#define NULL_DRIVER(n) \
    { \
        .name = n, \
        .options = \
            (const char *const[]){"size", "latency-ns", "read-zeroes", "x-give-back", NULL}, \
        .open = null_open, .close = null_close, .submit = null_submit, .cancel = null_cancel, \
        .get_length = null_get_length, .truncate = null_truncate, .allocated = null_allocated, \
    }
const BlockDriver block_driver_null_co = NULL_DRIVER("null-co");
const BlockDriver block_driver_null_aio = NULL_DRIVER("null-aio");
