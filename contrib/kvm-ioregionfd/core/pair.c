// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Channels over files that user space made: UNIX sockets, pipes. A worker moves commands from the
 * channel's queue into one file and answers out of the other, without waiting in them. vCPUs that
 * may wait do the same with sockets; pipes they do not touch, so that nobody who holds a pipe's
 * lock can hold a vCPU.
 */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "internal.h"

#define BATCH 64

static LIST_HEAD(pairs);
static DEFINE_MUTEX(pairs_lock);
static DECLARE_WAIT_QUEUE_HEAD(pair_gone);
static unsigned int gone; /* how many pairs have gone; written with pairs_lock */

/* --- moving
 * ------------------------------------------------------------------------------------------------------------------------------
 */

enum moved { MOVED, BLOCKED, RETRY, CLOSED };

static enum moved result_of(int n)
{
    switch (n) {
    case -EAGAIN:
    case -EINTR:
        return BLOCKED;
    case -ENOMEM:
    case -ENOBUFS:
        return RETRY;
    default:
        return n > 0 ? MOVED : CLOSED;
    }
}

/* Writes up to size bytes; sets *done. */
static enum moved put_bytes(struct file *file, const void *from, unsigned int size,
                            unsigned int *done)
{
    struct socket *sock = sock_from_file(file);
    enum moved result;
    int n;

    if (sock) {
        struct msghdr msg = {.msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL};
        struct kvec vec = {.iov_base = (void *)from, .iov_len = size};

        n = kernel_sendmsg(sock, &msg, &vec, 1, size);
    } else {
        __poll_t events = vfs_poll(file, NULL);
        loff_t pos = 0;

        if (events & EPOLLERR) {
            return CLOSED;
        }
        n = events & EPOLLOUT ? kernel_write(file, from, size, &pos) : -EAGAIN;
    }
    result = result_of(n);
    if (result == MOVED) {
        *done += n;
    }
    return result;
}

static enum moved get_bytes(struct file *file, void *to, unsigned int size, unsigned int *done)
{
    struct socket *sock = sock_from_file(file);
    int n;

    if (sock) {
        struct msghdr msg = {};
        struct kvec vec = {.iov_base = to, .iov_len = size};

        n = kernel_recvmsg(sock, &msg, &vec, 1, size, MSG_DONTWAIT);
        if (!n && !(vfs_poll(file, NULL) & (EPOLLRDHUP | EPOLLHUP))) {
            return MOVED; /* an empty packet */
        }
    } else {
        __poll_t events = vfs_poll(file, NULL);
        loff_t pos = 0;

        n = events & EPOLLIN                 ? kernel_read(file, to, size, &pos)
            : events & (EPOLLHUP | EPOLLERR) ? 0
                                             : -EAGAIN;
    }
    if (n > 0) {
        *done += n;
    }
    return result_of(n);
}

/* One command, or the rest of one. */
static enum moved send_one(struct ior_channel *ch)
{
    bool fresh = !ch->tx_done;
    enum moved result;

    if (fresh && !ior_channel_peek(ch, &ch->tx, 1)) {
        return BLOCKED;
    }
    result = put_bytes(ch->wfile, (u8 *)&ch->tx + ch->tx_done, sizeof(ch->tx) - ch->tx_done,
                       &ch->tx_done);
    if (result == BLOCKED) {
        /* Room that came before somebody would tell us shows in a second try. */
        smp_store_mb(ch->tx_blocked, true);
        result = put_bytes(ch->wfile, (u8 *)&ch->tx + ch->tx_done, sizeof(ch->tx) - ch->tx_done,
                           &ch->tx_done);
    }
    if (result != BLOCKED) {
        WRITE_ONCE(ch->tx_blocked, false);
    }
    if (fresh) {
        ior_channel_consume(ch, result == MOVED);
    }
    if (ch->tx_done == sizeof(ch->tx)) {
        ch->tx_done = 0;
    }
    return result;
}

/* What was received: a message, part of one in a stream, or nonsense. False: the stream makes no
 * sense any more. */
static bool take(struct ior_channel *ch)
{
    const struct ioregionfd_resp *resp = &ch->rx.resp;
    bool good;

    if (ch->stream && ch->rx_len < sizeof(*resp)) {
        return true;
    }
    good = ch->rx_len == sizeof(*resp) && !resp->pad[0] && !resp->pad[1];
    ch->rx_len = 0;
    if (good) {
        ior_channel_answer(ch, resp);
    } else {
        WRITE_ONCE(ch->bad_answers, ch->bad_answers + 1);
    }
    return good || !ch->stream;
}

static enum moved receive_one(struct ior_channel *ch)
{
    /* Where packets have boundaries, one that is too long must show. */
    unsigned int size = ch->stream ? sizeof(ch->rx.resp) - ch->rx_len : sizeof(ch->rx.bytes);
    enum moved result = get_bytes(ch->rfile, ch->rx.bytes + ch->rx_len, size, &ch->rx_len);

    if (result == MOVED && !take(ch)) {
        ior_channel_kill(ch, KVM_IOREGION_FAIL_PROTOCOL);
        return CLOSED;
    }
    return result;
}

/* All that goes without waiting, up to a batch. pump_lock held. */
static void move(struct ior_channel *ch)
{
    enum moved in = MOVED, out = MOVED;

    if (READ_ONCE(ch->dead)) {
        return;
    }
    for (int i = 0; i < BATCH && out == MOVED; i++) {
        out = send_one(ch);
    }
    smp_store_mb(ch->rx_ready, false); /* what comes from here on sets it again */
    for (int i = 0; i < BATCH && in == MOVED; i++) {
        in = receive_one(ch);
    }
    if (in == CLOSED || out == CLOSED) {
        ior_channel_kill(ch, KVM_IOREGION_FAIL_CLOSED);
    } else if (in == MOVED || out == MOVED) {
        queue_delayed_work(ior_wq, &ch->pump, 0);
    } else if (in == RETRY || out == RETRY) {
        queue_delayed_work(ior_wq, &ch->pump, 1);
    }
}

static void pump(struct work_struct *work)
{
    struct ior_channel *ch = container_of(to_delayed_work(work), struct ior_channel, pump);

    mutex_lock(&ch->pump_lock);
    move(ch);
    mutex_unlock(&ch->pump_lock);
}

void ior_pair_run(struct ior_channel *ch)
{
    if (mutex_trylock(&ch->pump_lock)) {
        move(ch);
        mutex_unlock(&ch->pump_lock);
    } else {
        ior_pair_pump(ch);
    }
}

void ior_pair_pump(struct ior_channel *ch)
{
    mod_delayed_work(ior_wq, &ch->pump, 0);
}

/* --- being told
 * ---------------------------------------------------------------------------------------------------------------------------
 */

/* Under the wait queue's lock. A vCPU that waits for an answer gets it itself, if there is one. */
static int file_event(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
    struct ior_channel *ch = container_of(wait, struct ior_poll, wait)->ch;
    __poll_t events = key_to_poll(key);

    if (!ch->direct || !(events & (EPOLLIN | EPOLLOUT)) || (events & (EPOLLHUP | EPOLLERR))) {
        ior_pair_pump(ch);
        return 0;
    }
    if ((events & EPOLLOUT) && READ_ONCE(ch->tx_blocked)) {
        ior_pair_pump(ch);
    }
    if (events & EPOLLIN) {
        WRITE_ONCE(ch->rx_ready, true);
        if (wq_has_sleeper(&ch->receivers)) {
            wake_up(&ch->receivers);
        } else {
            ior_pair_pump(ch);
        }
    }
    return 0;
}

struct subscription {
    poll_table table;
    struct ior_channel *ch;
};

static void subscribe_one(struct file *file, wait_queue_head_t *head, poll_table *table)
{
    struct ior_channel *ch = container_of(table, struct subscription, table)->ch;
    struct ior_poll *p = &ch->polls[ch->npolls];

    /* A pipe that is open both ways has two. */
    if (ch->npolls == ARRAY_SIZE(ch->polls)) {
        return;
    }
    p->ch = ch;
    p->head = head;
    init_waitqueue_func_entry(&p->wait, file_event);
    add_wait_queue(head, &p->wait);
    ch->npolls++;
}

static void subscribe(struct ior_channel *ch)
{
    struct subscription s = {.ch = ch};

    init_poll_funcptr(&s.table, subscribe_one);
    vfs_poll(ch->wfile, &s.table);
    if (ch->rfile != ch->wfile) {
        vfs_poll(ch->rfile, &s.table);
    }
    ior_pair_pump(ch); /* what is there already, and an end that was closed before */
}

/* --- life
 * ------------------------------------------------------------------------------------------------------------------------------------
 */

static int check_file(struct file *file, fmode_t mode, bool pair)
{
    struct socket *sock = sock_from_file(file);

    if (!sock && !(pair && S_ISFIFO(file_inode(file)->i_mode))) {
        return -EINVAL;
    }
    if (!(file->f_mode & mode)) {
        return -EBADF;
    }
    if (!sock) {
        return 0;
    }
    if (sock->ops->family != AF_UNIX ||
        (sock->type != SOCK_SEQPACKET && sock->type != SOCK_STREAM)) {
        return -EINVAL;
    }
    return sock->state == SS_CONNECTED ? 0 : -ENOTCONN;
}

static bool is_stream(struct file *file)
{
    struct socket *sock = sock_from_file(file);

    return !sock || sock->type == SOCK_STREAM;
}

/* The channel of these files. pairs_lock held. *dying: it is there, and going. */
static struct ior_channel *find_pair(struct file *wfile, struct file *rfile, bool *dying)
{
    struct ior_channel *ch;

    *dying = false;
    list_for_each_entry(ch, &pairs, pairs)
    {
        if (ch->wfile == wfile && ch->rfile == rfile) {
            if (kref_get_unless_zero(&ch->ref)) {
                return ch;
            }
            *dying = true;
        }
    }
    return NULL;
}

static struct ior_channel *new_pair(struct file *wfile, struct file *rfile)
{
    struct ior_channel *ch = ior_channel_new(IOR_PAIR, 0, 0);

    if (!IS_ERR(ch)) {
        ch->wfile = get_file(wfile);
        ch->rfile = get_file(rfile);
        ch->stream = is_stream(rfile);
        ch->direct = sock_from_file(wfile) && sock_from_file(rfile);
        mutex_init(&ch->pump_lock);
        init_waitqueue_head(&ch->receivers);
        INIT_DELAYED_WORK(&ch->pump, pump);
        list_add(&ch->pairs, &pairs);
        subscribe(ch);
    }
    return ch;
}

static struct ior_channel *find_or_make(struct file *wfile, struct file *rfile)
{
    struct ior_channel *ch;
    unsigned int seen;
    bool dying;

    for (;;) {
        mutex_lock(&pairs_lock);
        seen = gone;
        ch = find_pair(wfile, rfile, &dying);
        if (!ch && !dying) {
            ch = new_pair(wfile, rfile);
        }
        mutex_unlock(&pairs_lock);
        if (ch) {
            return ch;
        }
        /* The one before must not eat this one's answers. */
        if (wait_event_interruptible(pair_gone, READ_ONCE(gone) != seen)) {
            return ERR_PTR(-EINTR);
        }
    }
}

struct ior_channel *ior_pair_get(struct file *wfile, struct file *rfile)
{
    bool pair = wfile != rfile;
    struct ior_channel *ch;
    int err = check_file(wfile, FMODE_WRITE, pair);

    if (!err) {
        err = check_file(rfile, FMODE_READ, pair);
    }
    ch = err ? ERR_PTR(err) : find_or_make(wfile, rfile);
    fput(wfile);
    fput(rfile);
    return ch;
}

/* The last reference is gone; a worker is here. */
void ior_pair_release(struct ior_channel *ch)
{
    for (unsigned int i = 0; i < ch->npolls; i++) {
        remove_wait_queue(ch->polls[i].head, &ch->polls[i].wait);
    }
    cancel_delayed_work_sync(&ch->pump);
    mutex_lock(&pairs_lock);
    list_del(&ch->pairs);
    WRITE_ONCE(gone, gone + 1);
    mutex_unlock(&pairs_lock);
    wake_up_all(&pair_gone);
    fput(ch->wfile);
    fput(ch->rfile);
}
