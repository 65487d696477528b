/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The socket transport: each message is one SOCK_SEQPACKET packet of 32 bytes.  Several threads
 * send commands; answers come back on the same socket, and one of the waiting threads (the leader)
 * reads them for all.  A leader that has its own answer hands over to another thread that still
 * waits.  The process at the other end is not trusted: what it sends is an answer to a pending
 * command of this channel, or it is counted and dropped.
 */
#include "internal.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "qemu/log.h"

/* Answers that a leader reads before it looks after its own time-out and kicks. */
#define READ_BATCH 64

/* --- set-up
 * ----------------------------------------------------------------------------------------------------------
 */

bool io_socket_check_fd(int fd, const char *what, GError **errp)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(int), peer_len = sizeof(peer);
    struct stat st;
    int type = 0, flags;

    if (fd < 0 || fstat(fd, &st) < 0) {
        error_setg(errp,
                   "%s is not an open file descriptor; give one end of a socketpair(AF_UNIX, "
                   "SOCK_SEQPACKET)",
                   what);
        return false;
    }
    if (!S_ISSOCK(st.st_mode) || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0) {
        error_setg(errp,
                   "%s is not a socket; give one end of a socketpair(AF_UNIX, SOCK_SEQPACKET)",
                   what);
        return false;
    }
    if (type != SOCK_SEQPACKET) {
        error_setg(
            errp,
            "%s is a socket of another type; messages need SOCK_SEQPACKET, which keeps their "
            "boundaries",
            what);
        return false;
    }
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) < 0) {
        error_setg(errp, "%s is not connected", what);
        return false;
    }
    flags = fcntl(fd, F_GETFD);
    if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0) {
        error_setg_errno(errp, errno, "cannot use %s", what);
        return false;
    }
    return true;
}

bool io_socket_pair(int fds[2], GError **errp)
{
    int size = 1 << 20;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
        error_setg_errno(errp, errno, "cannot make a pair of sockets");
        return false;
    }
    /* Answers never wait: each thread has one in flight.  The system cuts this down to what it
     * allows. */
    setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return true;
}

void io_socket_set_dead(IoChannel *ch, int err)
{
    __atomic_store_n(&ch->dead, true, __ATOMIC_RELEASE);
    if (!__atomic_exchange_n(&ch->death_logged, true, __ATOMIC_RELAXED)) {
        warn_report(
            "ioregionfd '%s': the process at the other end is gone (%s); its regions read as "
            "all-ones",
            ch->name, err ? strerror(err) : "connection closed");
    }
}

/* --- commands out
 * ------------------------------------------------------------------------------------------------------
 */

int io_socket_send(IoChannel *ch, const struct ioregionfd_cmd *cmd)
{
    ssize_t n;

    if (__atomic_load_n(&ch->dead, __ATOMIC_ACQUIRE)) {
        return -EPIPE;
    }
    n = RETRY_ON_EINTR(send(ch->fd, cmd, sizeof(*cmd), MSG_DONTWAIT | MSG_NOSIGNAL));
    if (n == sizeof(*cmd)) {
        return 0;
    }
    /* ENOBUFS and ENOMEM pass; whoever waits tries again. */
    if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)) {
        return -EAGAIN;
    }
    return n < 0 ? -errno : -EMSGSIZE;
}

/* Once in a wait: a kick that came before PENDING was set left its flag in the vCPU only.  True if
 * so; it is a kick now. */
static bool look_at_events(IoRegionWaiter *w, uint32_t sleep_flag, bool *looked)
{
    if (*looked) {
        return false;
    }
    *looked = true;
    if (!w->events_pending || !__atomic_load_n(w->events_pending, __ATOMIC_SEQ_CST)) {
        return false;
    }
    waiter_end_sleep(w, sleep_flag);
    waiter_kick(w);
    return true;
}

/* What a thread has done in this wait already. */
typedef struct Looks {
    bool events; /* looked for what may have come before it waited */
    bool last;   /* its time is over, and it has looked at the descriptor since */
} Looks;

/* Sleeps until fd has events, the waiter is kicked, answered or cancelled, or its time is over:
 * then it looks at fd once more, as it may not have come to that before, and is cancelled the next
 * time.  The caller looks at the waiter again in each case. */
static void sleep_on_fd(IoChannel *ch, IoRegionWaiter *w, short events, Looks *looks)
{
    struct pollfd fds[2];
    struct timespec ts;
    uint32_t flags;
    int64_t left;

    if (w->eventfd < 0) {
        w->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (w->eventfd < 0) {
            waiter_cancel(w, NULL, NULL, WAIT_FAIL_CANCELLED);
            return;
        }
    }
    if (!waiter_prepare_sleep(w, WAIT_POLL, &flags)) {
        return;
    }
    if (look_at_events(w, WAIT_POLL, &looks->events)) {
        return;
    }
    left = waiter_time_left(w);
    if (!left && looks->last) {
        waiter_end_sleep(w, WAIT_POLL);
        waiter_cancel(w, NULL, NULL, WAIT_FAIL_TIMEOUT);
        return;
    }
    looks->last = !left;
    fds[0] = (struct pollfd){.fd = ch->fd, .events = events};
    fds[1] = (struct pollfd){.fd = w->eventfd, .events = POLLIN};
    ts.tv_sec = left / NANOSECONDS_PER_SECOND;
    ts.tv_nsec = left % NANOSECONDS_PER_SECOND;
    if (ppoll(fds, 2, left < 0 ? NULL : &ts, NULL) > 0 && fds[1].revents) {
        uint64_t n;

        if (read(w->eventfd, &n, sizeof(n)) < 0) {
            /* someone was faster: a wake-up of the wait before */
        }
    }
    waiter_end_sleep(w, WAIT_POLL);
}

/* --- answers in
 * --------------------------------------------------------------------------------------------------------
 */

static void bad_answer(IoChannel *ch, const char *what)
{
    if (__atomic_fetch_add(&ch->bad_answers, 1, __ATOMIC_RELAXED) == 0) {
        warn_report("ioregionfd '%s': dropped %s answer; further ones are counted only", ch->name,
                    what);
    }
}

/* Reads what is there, up to a batch.  False when the other end is gone. */
static bool read_answers(IoChannel *ch, bool *more)
{
    /* More than a message: an oversized one shows. */
    union {
        struct ioregionfd_resp resp;
        char bytes[sizeof(struct ioregionfd_resp) * 2];
    } in;

    *more = false;
    for (int i = 0; i < READ_BATCH; i++) {
        ssize_t n = recv(ch->fd, &in, sizeof(in), MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOMEM)) {
            return true;
        }
        if (n <= 0) {
            io_socket_set_dead(ch, n ? errno : 0);
            return false;
        }
        if (n != sizeof(in.resp)) {
            bad_answer(ch, "a short or long");
        } else if (in.resp.pad[0] || in.resp.pad[1]) {
            bad_answer(ch, "a malformed");
        } else if (!waiter_answer(in.resp.id, ch, in.resp.data, MIN(in.resp.status, 0xffffu))) {
            bad_answer(ch, "a late, double or unsolicited");
        } else {
            __atomic_fetch_add(&ch->good_answers, 1, __ATOMIC_RELAXED);
        }
    }
    *more = true;
    return true;
}

void io_socket_pass_lead(IoChannel *ch, const IoRegionWaiter *but)
{
    for (unsigned i = 0; i < waiter_count(); i++) {
        IoRegionWaiter *w = waiter_by_index(i);

        if (w && w != but && (waiter_flags(w) & WAIT_PHASE) == WAIT_PENDING &&
            __atomic_load_n(&w->channel, __ATOMIC_RELAXED) == ch) {
            /* It may end before it looks: then it passes this on. */
            if (waiter_promote(w)) {
                return;
            }
        }
    }
}

static void pass_lead(void *channel, const IoRegionWaiter *but)
{
    io_socket_pass_lead(channel, but);
}

/* True if w reads the answers from now on. */
static bool take_lead(IoChannel *ch, IoRegionWaiter *w)
{
    uint32_t nobody = 0;

    /* A promotion is used up here: if another thread was faster, it will promote someone when it
     * leaves. */
    if (waiter_flags(w) & WAIT_LEAD) {
        waiter_end_sleep(w, WAIT_LEAD);
    }
    return __atomic_compare_exchange_n(&ch->leader, &nobody, w->index + 1, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/* w does something else for a while, or is done: another one reads. */
static void drop_lead(IoChannel *ch, IoRegionWaiter *w, bool *leading)
{
    bool promoted = waiter_flags(w) & WAIT_LEAD;

    if (promoted) {
        waiter_end_sleep(w, WAIT_LEAD);
    }
    if (*leading) {
        __atomic_store_n(&ch->leader, 0, __ATOMIC_SEQ_CST);
    }
    if (*leading || promoted) {
        io_socket_pass_lead(ch, w);
    }
    *leading = false;
}

/* As the one who reads: until w's wait is over, or w has something else to do. */
static void lead(IoChannel *ch, IoRegionWaiter *w, Looks *looks)
{
    bool more = false, leading = true;

    while (waiter_look(w) == WAITER_PENDING) {
        if (waiter_flags(w) & WAIT_LEAD) {
            waiter_end_sleep(w, WAIT_LEAD);
        }
        if (!more) {
            sleep_on_fd(ch, w, POLLIN, looks);
        } else if (!waiter_time_left(w)) {
            /* A flood must not keep us. */
            waiter_cancel(w, NULL, NULL, WAIT_FAIL_TIMEOUT);
        }
        if (!read_answers(ch, &more)) {
            waiter_cancel_all(ch, NULL, WAIT_FAIL_CLOSED);
        }
    }
    drop_lead(ch, w, &leading);
}

bool io_socket_send_wait(IoChannel *ch, IoRegionWaiter *w, const struct ioregionfd_cmd *cmd)
{
    bool leading = false, sent = false;
    Looks looks = {0};

    while (waiter_look(w) != WAITER_ENDED) {
        int err = io_socket_send(ch, cmd);
        bool more;

        sent = !err;
        if (sent) {
            break;
        }
        if (err != -EAGAIN) {
            io_socket_set_dead(ch, -err);
            waiter_cancel_all(ch, NULL, WAIT_FAIL_CLOSED);
            break;
        }
        if (waiter_look(w) == WAITER_EVENTS) {
            drop_lead(ch, w, &leading);
            waiter_run_events(w, pass_lead);
            continue;
        }
        /* The other end may be unable to read because nobody reads its answers. */
        leading = leading || take_lead(ch, w);
        sleep_on_fd(ch, w, leading ? POLLIN | POLLOUT : POLLOUT, &looks);
        if (leading && !read_answers(ch, &more)) {
            waiter_cancel_all(ch, NULL, WAIT_FAIL_CLOSED);
        }
    }
    drop_lead(ch, w, &leading);
    return sent;
}

void io_socket_wait(IoChannel *ch, IoRegionWaiter *w)
{
    bool leading = false;
    Looks looks = {0};

    for (;;) {
        uint32_t flags;
        int64_t left;

        switch (waiter_look(w)) {
        case WAITER_ENDED:
            return;
        case WAITER_EVENTS:
            drop_lead(ch, w, &leading);
            waiter_run_events(w, pass_lead);
            continue;
        case WAITER_PENDING:
            break;
        }
        if (take_lead(ch, w)) {
            lead(ch, w, &looks);
            continue;
        }
        if (!waiter_prepare_sleep(w, WAIT_SLEEP, &flags)) {
            continue;
        }
        if (look_at_events(w, WAIT_SLEEP, &looks.events)) {
            continue;
        }
        left = waiter_time_left(w);
        if (left) {
            qemu_futex_wait((uint32_t *)&w->state, flags, left);
        } else {
            waiter_cancel(w, NULL, NULL, WAIT_FAIL_TIMEOUT);
        }
        waiter_end_sleep(w, WAIT_SLEEP);
    }
}

/* --- the home's end
 * ----------------------------------------------------------------------------------------------------
 */

bool io_socket_home_read(IoChannel *ch, IoSource source, unsigned max)
{
    int fd = source == IO_FROM_KVM ? ch->kvm_fd : ch->home_fd;
    union {
        struct ioregionfd_cmd cmd;
        char bytes[sizeof(struct ioregionfd_cmd) * 2];
    } in;

    if (ch->in_callback) {
        return false;
    }
    for (unsigned i = 0; i < max; i++) {
        ssize_t n = RETRY_ON_EINTR(read(fd, &in, sizeof(in)));

        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            /* Nobody will ever write again. */
            aio_set_fd_handler(ch->ctx, fd, NULL, NULL, NULL);
            return false;
        }
        if (n < 0) {
            return false;
        }
        if (n != sizeof(in.cmd)) {
            io_count(&ch->bad_commands);
            continue;
        }
        io_channel_execute(ch, &in.cmd, 0, source);
    }
    return true;
}

void io_socket_home_reply(IoChannel *ch, IoSource source, const struct ioregionfd_resp *resp)
{
    ssize_t n;

    if (source == IO_FROM_KVM) {
        n = RETRY_ON_EINTR(write(ch->kvm_fd, resp, sizeof(*resp)));
    } else {
        n = RETRY_ON_EINTR(send(ch->home_fd, resp, sizeof(*resp), MSG_DONTWAIT | MSG_NOSIGNAL));
    }
    if (n != sizeof(*resp)) {
        /* The one who waits times out, or is gone. */
        io_count(&ch->bad_commands);
    }
}
