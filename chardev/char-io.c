/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading and writing of descriptors, for all back ends that have some.
 *
 * Output goes straight to the descriptor when nothing is queued; what does not fit is queued and
 * written by the home's handler, so a slow reader costs bounded memory and never time.  The end of
 * a connection is noticed anywhere and handled by hup_bh in the main loop.
 */
#include "chardev-internal.h"

#include "qemu/osdep.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define READ_CHUNK 4096

static void io_readable(void *opaque);
static void io_writable(void *opaque);

bool chr_set_nonblocking(int fd, GError **errp)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        error_setg_errno(errp, errno, "cannot use descriptor %d", fd);
        return false;
    }
    return true;
}

/* --- handlers
 * ------------------------------------------------------------------------------------------------
 */

/* In ctx's thread. */
static void set_handlers(Chardev *chr, bool rd, bool wr)
{
    if (rd == chr->read_armed && wr == chr->write_armed) {
        return;
    }
    if (chr->in_fd == chr->out_fd) {
        aio_set_fd_handler(chr->ctx, chr->in_fd, rd ? io_readable : NULL, wr ? io_writable : NULL,
                           chr);
    } else {
        if (rd != chr->read_armed) {
            aio_set_fd_handler(chr->ctx, chr->in_fd, rd ? io_readable : NULL, NULL, chr);
        }
        if (wr != chr->write_armed) {
            aio_set_fd_handler(chr->ctx, chr->out_fd, NULL, wr ? io_writable : NULL, chr);
        }
    }
    chr->read_armed = rd;
    chr->write_armed = wr;
}

static bool queue_empty(const Chardev *chr)
{
    return chr->queue->len == chr->queue_done;
}

static void io_update_home(void *opaque)
{
    Chardev *chr = opaque;
    bool rd, wr, read_file;

    qemu_mutex_lock(&chr->lock);
    if (!aio_in_home(chr->ctx)) {
        /* A leftover of the context that the descriptors were moved away from. */
        qemu_mutex_unlock(&chr->lock);
        return;
    }
    rd = chr->in_fd >= 0 && !chr->hup && chr->fe_open && !chr->input_blocked &&
         !chr->input_ended;
    wr = chr->out_fd >= 0 && !chr->hup && (!queue_empty(chr) || chr->watch);
    read_file = rd && chr->unpollable;
    set_handlers(chr, rd && !chr->unpollable, wr);
    if (chr->watch && chr->out_fd < 0) {
        /* Nobody is there: output is possible, it goes nowhere. */
        void (*watch)(void *) = chr->watch;
        void *arg = chr->watch_opaque;

        chr->watch = NULL;
        qemu_mutex_unlock(&chr->lock);
        aio_post(aio_get_main(), watch, arg);
    } else {
        qemu_mutex_unlock(&chr->lock);
    }
    if (read_file) {
        io_readable(chr);
        chr_io_update(chr);
    }
}

void chr_io_update_locked(Chardev *chr)
{
    aio_bh_schedule(chr->update_bh);
}

void chr_io_update(Chardev *chr)
{
    QEMU_LOCK_GUARD(&chr->lock);
    chr_io_update_locked(chr);
}

static void io_remove_home(void *opaque)
{
    Chardev *chr = opaque;

    QEMU_LOCK_GUARD(&chr->lock);
    set_handlers(chr, false, false);
}

/* Main loop: afterwards no handler of chr runs in ctx. */
static void remove_handlers(Chardev *chr)
{
    aio_call(chr->ctx, io_remove_home, chr);
}

/* --- end of a connection
 * ---------------------------------------------------------------------------------------- */

static void hangup_locked(Chardev *chr)
{
    if (!chr->hup && chr->in_fd >= 0) {
        chr->hup = true;
        aio_bh_schedule(chr->hup_bh);
        chr_io_update_locked(chr);
    }
}

static void hup_in_main(void *opaque)
{
    Chardev *chr = opaque;
    ChardevClass *cc = CHARDEV_GET_CLASS(chr);
    bool was_open = chr->open;

    if (!chr->hup) {
        return;
    }
    object_ref(chr);
    chr_io_close(chr);
    if (was_open) {
        chr_send_event(chr, CHR_EVENT_CLOSED);
    }
    if (cc->closed) {
        cc->closed(chr);
    }
    object_unref(chr);
}

/* --- input
 * --------------------------------------------------------------------------------------------------------
 */

int chr_can_read(Chardev *chr)
{
    if (chr->mux) {
        return chr_mux_can_read(chr->mux);
    }
    return chr->fe && chr->fe->can_read ? chr->fe->can_read(chr->fe->opaque) : 0;
}

void chr_deliver(Chardev *chr, const uint8_t *buf, int len)
{
    if (chr->mux) {
        chr_mux_read(chr->mux, buf, len);
    } else if (chr->fe && chr->fe->read) {
        chr->fe->read(chr->fe->opaque, buf, len);
    }
}

static void drop_msgfds_locked(Chardev *chr)
{
    for (int i = 0; i < chr->n_msgfds; i++) {
        close(chr->msgfds[i]);
    }
    chr->n_msgfds = 0;
}

/* Descriptors that came replace those that nobody took; what exceeds the limit is closed by the
 * kernel (MSG_CTRUNC). */
static void take_msgfds(Chardev *chr, struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t n;
        int fds[CHR_MSGFDS_MAX];

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
            c->cmsg_len < CMSG_LEN(0)) {
            continue;
        }
        n = MIN((c->cmsg_len - CMSG_LEN(0)) / sizeof(int), G_N_ELEMENTS(fds));
        memcpy(fds, CMSG_DATA(c), n * sizeof(int));
        QEMU_LOCK_GUARD(&chr->lock);
        drop_msgfds_locked(chr);
        memcpy(chr->msgfds, fds, n * sizeof(int));
        chr->n_msgfds = n;
    }
}

static ssize_t receive(Chardev *chr, uint8_t *buf, size_t len)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(CHR_MSGFDS_MAX * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = buf, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    ssize_t n = RETRY_ON_EINTR(recvmsg(chr->in_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));

    if (n >= 0) {
        take_msgfds(chr, &msg);
    }
    return n;
}

static void io_readable(void *opaque)
{
    Chardev *chr = opaque;
    uint8_t buf[READ_CHUNK];
    int want = chr_can_read(chr);
    ssize_t n;

    if (want <= 0) {
        QEMU_LOCK_GUARD(&chr->lock);
        chr->input_blocked = true;
        chr_io_update_locked(chr);
        return;
    }
    want = MIN(want, (int)sizeof(buf));
    n = chr->is_socket ? receive(chr, buf, want) : RETRY_ON_EINTR(read(chr->in_fd, buf, want));
    if (n > 0) {
        chr_deliver(chr, buf, n);
    } else if (n == 0 && chr->in_fd != chr->out_fd) {
        /* The end of standard input or of a pipe: output still has its reader. */
        QEMU_LOCK_GUARD(&chr->lock);
        chr->input_ended = true;
        chr_io_update_locked(chr);
    } else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
        QEMU_LOCK_GUARD(&chr->lock);
        hangup_locked(chr);
        set_handlers(chr, false, false);
    }
}

/* --- output
 * ---------------------------------------------------------------------------------------------------------
 */

/* Bytes taken, 0 when the descriptor is full, -1 when the connection broke. */
static int write_fd(Chardev *chr, const uint8_t *buf, int len)
{
    int done = 0;

    while (done < len) {
        ssize_t n = chr->is_socket ? RETRY_ON_EINTR(send(chr->out_fd, buf + done, len - done,
                                                         MSG_DONTWAIT | MSG_NOSIGNAL))
                                   : RETRY_ON_EINTR(write(chr->out_fd, buf + done, len - done));

        if (n < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) {
                break;
            }
            return -1;
        }
        if (n == 0) {
            break;
        }
        done += n;
    }
    return done;
}

/* False when the connection broke. */
static bool flush_locked(Chardev *chr)
{
    while (!queue_empty(chr)) {
        size_t left = chr->queue->len - chr->queue_done;
        int n = write_fd(chr, chr->queue->data + chr->queue_done, MIN(left, (size_t)1 << 20));

        if (n <= 0) {
            return n == 0;
        }
        chr->queue_done += n;
    }
    g_byte_array_set_size(chr->queue, 0);
    chr->queue_done = 0;
    return true;
}

static void io_writable(void *opaque)
{
    Chardev *chr = opaque;
    void (*watch)(void *) = NULL;
    void *arg = NULL;

    qemu_mutex_lock(&chr->lock);
    if (!flush_locked(chr)) {
        hangup_locked(chr);
        set_handlers(chr, false, false);
    } else if (queue_empty(chr)) {
        watch = chr->watch;
        arg = chr->watch_opaque;
        chr->watch = NULL;
        set_handlers(chr, chr->read_armed, false);
    }
    qemu_mutex_unlock(&chr->lock);
    if (watch && aio_in_home(aio_get_main())) {
        watch(arg);
    } else if (watch) {
        aio_post(aio_get_main(), watch, arg);
    }
}

static void write_log(Chardev *chr, const uint8_t *buf, int len)
{
    while (chr->log_fd >= 0 && len > 0) {
        ssize_t n = RETRY_ON_EINTR(write(chr->log_fd, buf, len));

        if (n <= 0) {
            return; /* a full disk must not stop the guest's output */
        }
        buf += n;
        len -= n;
    }
}

static bool enqueue_locked(Chardev *chr, const uint8_t *buf, int len)
{
    if (chr->queue->len - chr->queue_done + (size_t)len > CHR_QUEUE_MAX) {
        return false;
    }
    if (chr->queue_done) {
        g_byte_array_remove_range(chr->queue, 0, chr->queue_done);
        chr->queue_done = 0;
    }
    g_byte_array_append(chr->queue, buf, len);
    chr_io_update_locked(chr);
    return true;
}

int chr_io_write(Chardev *chr, const uint8_t *buf, int len, bool all)
{
    ChardevClass *cc = CHARDEV_GET_CLASS(chr);
    int done = 0;

    QEMU_LOCK_GUARD(&chr->lock);
    if (cc->write) {
        done = cc->write(chr, buf, len);
    } else if (chr->out_fd < 0 || chr->hup || !chr->open) {
        done = len; /* nobody listens: as a serial line without a cable */
    } else {
        if (queue_empty(chr)) {
            done = write_fd(chr, buf, len);
        }
        if (done < 0 || (all && done < len && !enqueue_locked(chr, buf + done, len - done))) {
            hangup_locked(chr);
            return -1;
        }
        done = all ? len : done;
    }
    write_log(chr, buf, done);
    return done;
}

void chr_io_flush(Chardev *chr, int ms)
{
    int64_t end = g_get_monotonic_time() + ms * INT64_C(1000);

    QEMU_LOCK_GUARD(&chr->lock);
    while (chr->out_fd >= 0 && !queue_empty(chr) && flush_locked(chr) && !queue_empty(chr)) {
        struct pollfd p = {.fd = chr->out_fd, .events = POLLOUT};
        int64_t left = end - g_get_monotonic_time();

        if (left <= 0 || poll(&p, 1, (int)(left / 1000) + 1) < 0) {
            return;
        }
    }
}

/* --- life
 * -------------------------------------------------------------------------------------------------------------
 */

void chr_io_init(Chardev *chr)
{
    qemu_mutex_init(&chr->lock);
    chr->in_fd = chr->out_fd = chr->log_fd = -1;
    chr->queue = g_byte_array_new();
    chr->ctx = aio_get_main();
    chr->update_bh = aio_bh_new(chr->ctx, io_update_home, chr);
    chr->hup_bh = aio_bh_new(aio_get_main(), hup_in_main, chr);
}

void chr_io_open(Chardev *chr, int in_fd, int out_fd, bool is_socket)
{
    struct stat st;

    qemu_mutex_lock(&chr->lock);
    chr->in_fd = in_fd;
    chr->out_fd = out_fd;
    chr->is_socket = is_socket;
    /* epoll refuses what is always ready: files, /dev/null. */
    chr->unpollable = in_fd >= 0 && fstat(in_fd, &st) == 0 &&
                      (S_ISREG(st.st_mode) || (S_ISCHR(st.st_mode) && !isatty(in_fd)));
    chr->open = true;
    chr->hup = chr->input_blocked = chr->input_ended = false;
    chr_io_update_locked(chr);
    qemu_mutex_unlock(&chr->lock);
    chr_send_event(chr, CHR_EVENT_OPENED);
}

void chr_io_close(Chardev *chr)
{
    remove_handlers(chr);
    qemu_mutex_lock(&chr->lock);
    if (chr->in_fd >= 0) {
        close(chr->in_fd);
    }
    if (chr->out_fd >= 0 && chr->out_fd != chr->in_fd) {
        close(chr->out_fd);
    }
    chr->in_fd = chr->out_fd = -1;
    chr->open = chr->hup = false;
    g_byte_array_set_size(chr->queue, 0);
    chr->queue_done = 0;
    drop_msgfds_locked(chr);
    if (chr->watch) {
        chr_io_update_locked(chr);
    }
    qemu_mutex_unlock(&chr->lock);
}

bool chr_io_set_context(Chardev *chr, AioContext *ctx)
{
    AioBH *old;

    if (chr->ctx == ctx) {
        return true;
    }
    if (chr->mux || chr->unpollable || CHARDEV_GET_CLASS(chr)->write) {
        return false;
    }
    remove_handlers(chr);
    qemu_mutex_lock(&chr->lock);
    old = chr->update_bh;
    chr->ctx = ctx;
    chr->update_bh = aio_bh_new(ctx, io_update_home, chr);
    chr_io_update_locked(chr);
    qemu_mutex_unlock(&chr->lock);
    aio_bh_delete(old);
    return true;
}

void chr_io_destroy(Chardev *chr)
{
    chr_io_close(chr);
    if (chr->ctx != aio_get_main()) {
        chr_io_set_context(chr, aio_get_main());
    }
    aio_bh_delete(chr->update_bh);
    aio_bh_delete(chr->hup_bh);
    g_byte_array_free(chr->queue, true);
    if (chr->log_fd >= 0) {
        close(chr->log_fd);
    }
    qemu_mutex_destroy(&chr->lock);
}
