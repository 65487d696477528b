/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handlers of file descriptors, and eventfds. */
#include "aio-private.h"

#include <poll.h>
#include <sys/eventfd.h>

unsigned aio_handler_events(const AioHandler *h)
{
    return h->deleted ? 0 : (h->io_read ? POLLIN : 0) | (h->io_write ? POLLOUT : 0);
}

/* Calls what revents asks for.  Errors and hang-ups go to every callback: it meets them when it
 * reads or writes. */
bool aio_handler_call(AioHandler *h, unsigned revents)
{
    bool called = false;

    h->busy++;
    if (!h->deleted && h->io_read && revents & (POLLIN | POLLHUP | POLLERR | POLLRDHUP)) {
        h->io_read(h->opaque);
        called = true;
    }
    if (!h->deleted && h->io_write && revents & (POLLOUT | POLLHUP | POLLERR)) {
        h->io_write(h->opaque);
        called = true;
    }
    h->busy--;
    return called;
}

static void set_handler(AioContext *ctx, int fd, AioFn *io_read, AioFn *io_write, void *opaque,
                        bool edge)
{
    AioHandler *h;

    aio_assert_owner(ctx);
    g_assert(fd >= 0);
    h = g_hash_table_lookup(ctx->handlers, GINT_TO_POINTER(fd));
    if (h && ((!io_read && !io_write) || h->edge != edge)) {
        g_hash_table_remove(ctx->handlers, GINT_TO_POINTER(fd));
        h->deleted = true;
        if (ctx->engine) {
            ctx->engine->update(ctx, h); /* frees it, at once or later */
        } else {
            g_free(h);
        }
        h = NULL;
    }
    if (!io_read && !io_write) {
        return;
    }
    if (!h) {
        h = g_new0(AioHandler, 1);
        h->ctx = ctx;
        h->fd = fd;
        h->edge = edge;
        g_hash_table_insert(ctx->handlers, GINT_TO_POINTER(fd), h);
    }
    h->io_read = io_read;
    h->io_write = io_write;
    h->opaque = opaque;
    if (ctx->engine) {
        ctx->engine->update(ctx, h);
    }
}

void aio_set_fd_handler(AioContext *ctx, int fd, AioFn *io_read, AioFn *io_write, void *opaque)
{
    set_handler(ctx, fd, io_read, io_write, opaque, false);
}

void aio_set_event_notifier(AioContext *ctx, EventNotifier *n, AioFn *fn, void *opaque)
{
    set_handler(ctx, n->fd, fn, NULL, opaque, true);
}

/* --- eventfd ---------------------------------------------------------------------------------- */

bool event_notifier_init(EventNotifier *n, bool set, GError **errp)
{
    n->fd = eventfd(set, EFD_NONBLOCK | EFD_CLOEXEC);
    if (n->fd < 0) {
        error_setg_errno(errp, errno, "cannot create an eventfd");
        return false;
    }
    return true;
}

void event_notifier_cleanup(EventNotifier *n)
{
    if (n->fd >= 0) {
        close(n->fd);
        n->fd = -1;
    }
}

void event_notifier_set(EventNotifier *n)
{
    static const uint64_t one = 1;

    /* EAGAIN: the counter is full, so it is set. */
    RETRY_ON_EINTR(write(n->fd, &one, sizeof(one)));
}

bool event_notifier_test_and_clear(EventNotifier *n)
{
    uint64_t value;

    return RETRY_ON_EINTR(read(n->fd, &value, sizeof(value))) == sizeof(value);
}
