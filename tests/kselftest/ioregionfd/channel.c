/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channels of each kind, as a device sees them. Nothing here trusts the kernel half more than a device would.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "ring.h"

struct channel {
    enum channel_kind kind;
    int fd;      /* what is registered */
    int resp_fd; /* with FD_PAIR the other */
    int rx, tx;  /* the device's side; may be fd */
    struct io_uring uring;
    bool reading; /* a read of the io_uring is under way */
    struct ioregionfd_cmd buffer;
    struct ring_view ring;
    int kick;     /* eventfd of a ring that sleeps */
};

static void no_channel(int got, const char *what)
{
    FAIL("%s: %s", what, strerror(got < 0 ? -got : errno));
}

/* posted: the smallest buffer that the kernel gives is the bound then. */
static struct channel *new_socket(struct channel *c, unsigned posted)
{
    int pair[2], smallest = 1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        no_channel(0, "socketpair");
    if (posted && setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest)) < 0)
        no_channel(0, "SO_SNDBUF");
    c->fd = pair[0];
    c->rx = c->tx = pair[1];
    return c;
}

static struct channel *new_pipes(struct channel *c, unsigned posted)
{
    int commands[2], responses[2];

    if (pipe2(commands, O_CLOEXEC) < 0 || pipe2(responses, O_CLOEXEC) < 0)
        no_channel(0, "pipe2");
    if (posted && fcntl(commands[1], F_SETPIPE_SZ, 4096) < 0)
        no_channel(0, "F_SETPIPE_SZ");
    c->fd = commands[1];
    c->rx = commands[0];
    c->resp_fd = responses[0];
    c->tx = responses[1];
    return c;
}

static struct channel *new_file(struct machine *m, struct channel *c, unsigned posted)
{
    struct kvm_create_ioregionfd create = {.size = sizeof(create), .posted = posted};

    c->fd = channel_create(m, &create);
    if (c->fd < 0)
        no_channel(c->fd, "KVM_CREATE_IOREGIONFD");
    c->rx = c->tx = c->fd;
    if (c->kind == CH_URING) {
        int got = io_uring_queue_init(8, &c->uring, 0);

        if (got < 0)
            no_channel(got, "io_uring_queue_init");
    }
    return c;
}

static struct channel *new_ring(struct machine *m, struct channel *c, unsigned posted)
{
    struct kvm_create_ioregionfd create = {.size = sizeof(create), .flags = KVM_IOREGIONFD_RING, .posted = posted};

    if (c->kind == CH_RING_SLEEP) {
        c->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        create.flags |= KVM_IOREGIONFD_KICK;
        create.kick_fd = c->kick;
    }
    c->fd = channel_create(m, &create);
    if (c->fd < 0)
        no_channel(c->fd, "KVM_CREATE_IOREGIONFD with RING");
    ring_map(&c->ring, c->fd);
    c->rx = c->tx = c->fd;
    return c;
}

struct channel *channel_new_kind(struct machine *m, enum channel_kind kind, unsigned posted)
{
    struct channel *c = calloc(1, sizeof(*c));

    c->kind = kind;
    c->fd = c->resp_fd = c->rx = c->tx = c->kick = -1;
    switch (kind) {
    case CH_SOCKET:
        return new_socket(c, posted);
    case CH_PIPE:
        return new_pipes(c, posted);
    case CH_FILE:
    case CH_URING:
        return new_file(m, c, posted);
    case CH_RING:
    case CH_RING_SLEEP:
        return new_ring(m, c, posted);
    case CH_SHADOW:
        break;
    }
    FAIL("no channel of commands is of kind %d", kind);
}

struct channel *channel_new(struct machine *m)
{
    return channel_new_kind(m, options.channel, 0);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void device_close(struct channel *c)
{
    bool own = c->rx == c->fd;

    if (c->kind == CH_URING && c->rx >= 0)
        io_uring_queue_exit(&c->uring);
    if (c->kind & CH_ANY_RING && c->rx >= 0)
        ring_unmap(&c->ring);
    if (c->tx != c->rx)
        close_fd(&c->tx);
    close_fd(&c->rx);
    c->tx = -1;
    if (own)
        c->fd = -1;
}

void channel_free(struct channel *c)
{
    device_close(c);
    close_fd(&c->fd);
    close_fd(&c->resp_fd);
    close_fd(&c->kick);
    free(c);
}

unsigned channel_files(const struct channel *c, int files[2])
{
    files[0] = c->fd;
    files[1] = c->resp_fd;
    return c->resp_fd >= 0 ? 2 : 1;
}

int channel_device_fd(const struct channel *c)
{
    return c->rx;
}

struct ring_view *channel_ring(struct channel *c)
{
    return &c->ring;
}

struct kvm_ioregion channel_region(const struct channel *c, uint64_t addr, uint64_t size, uint32_t flags,
                                   uint64_t user_data)
{
    struct kvm_ioregion region = {.size = sizeof(region),
                                  .flags = flags,
                                  .guest_paddr = addr,
                                  .memory_size = size,
                                  .user_data = user_data,
                                  .fd = c->fd};

    if (c->resp_fd >= 0) {
        region.flags |= KVM_IOREGION_FD_PAIR;
        region.resp_fd = c->resp_fd;
    }
    return region;
}

void channel_bind(struct machine *m, const struct channel *c, uint64_t addr, uint64_t size, uint32_t flags,
                  uint64_t user_data)
{
    struct kvm_ioregion region = channel_region(c, addr, size, flags, user_data);
    int got = region_set(m, &region);

    if (got)
        FAIL("KVM_SET_IOREGION: %s", strerror(-got));
}

int channel_unbind(struct machine *m, const struct channel *c, uint64_t addr, uint64_t size, uint32_t flags)
{
    struct kvm_ioregion region = channel_region(c, addr, size, flags | KVM_IOREGION_DEASSIGN, 0);

    return region_set(m, &region);
}

static bool wait_readable(int fd, int64_t until)
{
    while (true) {
        struct pollfd p = {fd, POLLIN, 0};
        int64_t left = until - now_ms();
        int got = poll(&p, 1, left > 0 ? (int)left : 0);

        if (got > 0)
            return true;
        if (got < 0 && errno != EINTR)
            FAIL("poll: %s", strerror(errno));
        if (got == 0 && left <= 0)
            return false;
    }
}

/* A pipe may give a message in parts. */
static bool read_whole(struct channel *c, struct ioregionfd_cmd *cmd, int64_t until)
{
    size_t have = 0;

    while (have < sizeof(*cmd)) {
        ssize_t got;

        if (!wait_readable(c->rx, until)) {
            if (have)
                FAIL("%zu bytes of a command, and no more", have);
            return false;
        }
        got = read(c->rx, (char *)cmd + have, sizeof(*cmd) - have);
        if (got == 0)
            return false;
        if (got < 0)
            FAIL("reading a command: %s", strerror(errno));
        if (c->kind != CH_PIPE && got != sizeof(*cmd))
            FAIL("a command of %zd bytes", got);
        have += got;
    }
    return true;
}

static bool read_uring(struct channel *c, struct ioregionfd_cmd *cmd, int64_t until)
{
    struct io_uring_cqe *cqe;
    int64_t left = until - now_ms();
    struct __kernel_timespec time = {0};
    int got;

    if (left < 0)
        left = 0;
    time.tv_sec = left / 1000;
    time.tv_nsec = left % 1000 * 1000000;
    if (!c->reading) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&c->uring);

        io_uring_prep_read(sqe, c->rx, &c->buffer, sizeof(c->buffer), 0);
        io_uring_sqe_set_data64(sqe, 1);
        io_uring_submit(&c->uring);
        c->reading = true;
    }
    got = io_uring_wait_cqe_timeout(&c->uring, &cqe, &time);
    if (got == -ETIME || got == -EINTR)
        return false;
    if (got < 0)
        FAIL("io_uring_wait_cqe_timeout: %s", strerror(-got));
    got = cqe->res;
    io_uring_cqe_seen(&c->uring, cqe);
    c->reading = false;
    if (got != sizeof(*cmd))
        FAIL("io_uring gave %d instead of a command", got);
    *cmd = c->buffer;
    return true;
}

static bool read_ring(struct channel *c, struct ioregionfd_cmd *cmd, int64_t until)
{
    while (!ring_take(&c->ring, cmd)) {
        if (now_ms() > until)
            return false;
        if (c->kind == CH_RING)
            continue;
        if (ring_sleep(&c->ring))
            wait_readable(c->kick, until);
        ring_awake(&c->ring, c->kick);
    }
    return true;
}

bool device_get(struct channel *c, struct ioregionfd_cmd *cmd, int milliseconds)
{
    int64_t until = now_ms() + milliseconds;

    if (c->kind == CH_URING)
        return read_uring(c, cmd, until);
    if (c->kind & CH_ANY_RING)
        return read_ring(c, cmd, until);
    return read_whole(c, cmd, until);
}

struct ioregionfd_cmd device_want(struct channel *c)
{
    struct ioregionfd_cmd cmd;

    if (!device_get(c, &cmd, limit_ms(3000)))
        FAIL("no command comes");
    return cmd;
}

void device_quiet(struct channel *c)
{
    struct ioregionfd_cmd cmd;

    if (device_get(c, &cmd, 50))
        FAIL("a command too many: info 0x%x, offset 0x%llx, data 0x%llx", cmd.info, (unsigned long long)cmd.offset,
             (unsigned long long)cmd.data);
}

static int write_uring(struct channel *c, const void *bytes, size_t size)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&c->uring);
    struct io_uring_cqe *cqe;

    io_uring_prep_write(sqe, c->tx, bytes, size, 0);
    io_uring_sqe_set_data64(sqe, 2);
    io_uring_submit(&c->uring);
    /* Completions of the read may come in between: it stays for read_uring() by being done again here. */
    while (true) {
        int res;

        if (io_uring_wait_cqe(&c->uring, &cqe) < 0)
            continue;
        res = cqe->res;
        if (io_uring_cqe_get_data64(cqe) == 2) {
            io_uring_cqe_seen(&c->uring, cqe);
            return res < 0 ? res : 0;
        }
        FAIL("a read ended between a command and its answer");
    }
}

int device_send_bytes(struct channel *c, const void *bytes, size_t size)
{
    ssize_t got;

    if (c->kind == CH_URING && !c->reading)
        return write_uring(c, bytes, size);
    got = c->kind == CH_SOCKET ? send(c->tx, bytes, size, MSG_NOSIGNAL) : write(c->tx, bytes, size);
    if (got < 0)
        return -errno;
    return (size_t)got == size ? 0 : -EIO;
}

int device_send(struct channel *c, const struct ioregionfd_resp *response)
{
    if (c->kind & CH_ANY_RING) {
        ring_answer(&c->ring, response);
        return 0;
    }
    return device_send_bytes(c, response, sizeof(*response));
}

void device_answer(struct channel *c, const struct ioregionfd_cmd *cmd, uint64_t data)
{
    struct ioregionfd_resp response = {.data = data, .id = cmd->id};
    int got = device_send(c, &response);

    if (got)
        FAIL("sending an answer: %s", strerror(-got));
}

void want_cmd(const char *file, int line, const struct ioregionfd_cmd *cmd, unsigned op, unsigned size, unsigned flags,
              uint64_t user_data, uint64_t offset, uint64_t data)
{
    unsigned info = op | (unsigned)__builtin_ctz(size) << IOREGIONFD_SIZE_SHIFT | flags;

    if (cmd->info != info || cmd->user_data != user_data || cmd->offset != offset || cmd->data != data)
        test_fail(file, line,
                  "the command is info 0x%x user_data 0x%llx offset 0x%llx data 0x%llx, not 0x%x 0x%llx 0x%llx 0x%llx",
                  cmd->info, (unsigned long long)cmd->user_data, (unsigned long long)cmd->offset,
                  (unsigned long long)cmd->data, info, (unsigned long long)user_data, (unsigned long long)offset,
                  (unsigned long long)data);
    if (!(flags & IOREGIONFD_RESP) && cmd->id)
        test_fail(file, line, "a posted write has id 0x%x", cmd->id);
}

/* --- server -------------------------------------------------------------------------------------------------------------- */

struct server {
    struct channel *channel;
    pthread_t thread;
    bool stop; /* atomic */
    uint64_t seen; /* atomic */
};

uint64_t server_value(uint64_t user_data, uint64_t offset)
{
    return (offset + 1) * 0x9e3779b97f4a7c15ull ^ user_data << 32;
}

static void *server_thread(void *opaque)
{
    struct server *s = opaque;
    struct ioregionfd_cmd cmd;

    while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
        if (!device_get(s->channel, &cmd, 20))
            continue;
        __atomic_add_fetch(&s->seen, 1, __ATOMIC_RELAXED);
        if (cmd.info & IOREGIONFD_RESP)
            device_answer(s->channel, &cmd, cmd_op(&cmd) == IOREGIONFD_CMD_READ ?
                                                server_value(cmd.user_data, cmd.offset) : 0);
    }
    return NULL;
}

struct server *server_start(struct channel *c)
{
    struct server *s = calloc(1, sizeof(*s));
    int error;

    s->channel = c;
    error = pthread_create(&s->thread, NULL, server_thread, s);
    if (error)
        FAIL("pthread_create: %s", strerror(error));
    return s;
}

uint64_t server_seen(const struct server *s)
{
    return __atomic_load_n(&s->seen, __ATOMIC_RELAXED);
}

uint64_t server_stop(struct server *s)
{
    uint64_t seen;

    __atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
    pthread_join(s->thread, NULL);
    seen = s->seen;
    free(s);
    return seen;
}
