/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back ends "stream" and "socket" (listen=, connect=, fd= of a stream socket): frames over a
 * connection, each behind its length.  A server has one peer at a time; a client may reconnect.
 *
 * Everything after open() happens in the wire's thread.
 */
#include "net-internal.h"

#include "qapi/qapi-events.h"
#include "qemu/startup-files.h"
#include "qemu/trace.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CONNECT_MS 3000
#define READS_AT_ONCE 16

typedef struct StreamPort {
    NetPort parent;
    NetAddress *addr;
    bool server, events;
    char *unlink_path; /* the socket that we made, absolute */
    int64_t reconnect_ns;
    /* --- wire's thread --- */
    int listen_fd, fd; /* -1: none */
    bool connecting;   /* fd is not connected yet */
    bool paused;       /* the NIC has no room */
    unsigned next_addr;
    AioTimer *timer;
    NetFraming in;
    uint8_t *out; /* what of a frame did not fit into the socket */
    size_t out_len, out_done;
} StreamPort;

static const NetPortInfo stream_info, socket_info;
static void connect_start(void *opaque);
static void set_handlers(StreamPort *s);

static AioContext *ctx_of(StreamPort *s)
{
    return s->parent.queues[0]->ctx;
}

/* --- events ---------------------------------------------------------------------------------- */

static void say_connected(StreamPort *s)
{
    g_autoptr(SocketAddress) a = g_new0(SocketAddress, 1);
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    char host[NI_MAXHOST], port[NI_MAXSERV];

    TRACE(net, stream_connected, "%s", s->parent.id);
    if (!s->events) {
        return;
    }
    a->type = s->addr->type;
    switch (s->addr->type) {
    case SOCKET_ADDRESS_TYPE_UNIX:
        a->u.q_unix.path = g_strdup(s->addr->path);
        break;
    case SOCKET_ADDRESS_TYPE_FD:
        a->u.fd.str = g_strdup(s->addr->path);
        break;
    default:
        if (getpeername(s->fd, (struct sockaddr *)&ss, &len) < 0 ||
            getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port, sizeof(port),
                        NI_NUMERICHOST | NI_NUMERICSERV)) {
            g_strlcpy(host, s->addr->host, sizeof(host));
            g_strlcpy(port, s->addr->port, sizeof(port));
        }
        a->u.inet.host = g_strdup(host);
        a->u.inet.port = g_strdup(port);
        break;
    }
    qapi_event_send_netdev_stream_connected(s->parent.id, a);
}

/* --- connections ----------------------------------------------------------------------------- */

static void adopt(StreamPort *s, int fd)
{
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* fails on others: no matter */
    s->fd = fd;
    s->connecting = false;
    s->in.start = s->in.end = 0;
    s->out_len = s->out_done = 0;
    say_connected(s);
}

static void retry_later(StreamPort *s)
{
    if (s->timer) {
        aio_timer_mod(s->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + s->reconnect_ns);
    }
}

static void close_fd(StreamPort *s)
{
    aio_set_fd_handler(ctx_of(s), s->fd, NULL, NULL, NULL);
    close(s->fd);
    s->fd = -1;
}

static void disconnected(StreamPort *s)
{
    close_fd(s);
    s->out_len = s->out_done = 0;
    TRACE(net, stream_disconnected, "%s", s->parent.id);
    if (s->events) {
        qapi_event_send_netdev_stream_disconnected(s->parent.id);
    }
    if (s->server) {
        set_handlers(s);
    } else if (s->reconnect_ns) {
        retry_later(s);
    }
    /* What waits for a peer that is gone is lost. */
    net_ready(s->parent.queues[0]);
}

static void peer_came(void *opaque)
{
    StreamPort *s = opaque;
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        adopt(s, fd);
        set_handlers(s);
    }
}

static void connect_ended(void *opaque)
{
    StreamPort *s = opaque;
    int err = 0;
    socklen_t len = sizeof(err);

    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len);
    if (err) {
        close_fd(s);
        s->connecting = false;
        retry_later(s);
        return;
    }
    aio_set_fd_handler(ctx_of(s), s->fd, NULL, NULL, NULL);
    adopt(s, s->fd);
    set_handlers(s);
}

/* Begins to connect to the next address: descriptor, or -1 and errno. */
static int connect_begin(StreamPort *s, bool *pending)
{
    NetSockaddr *a =
        &g_array_index(s->addr->addrs, NetSockaddr, s->next_addr++ % s->addr->addrs->len);
    int fd = socket(a->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

    *pending = false;
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a->addr, a->len) < 0) {
        *pending = errno == EINPROGRESS;
        if (!*pending) {
            err = errno;
            close(fd);
            errno = err;
            return -1;
        }
    }
    return fd;
}

/* Timer. */
static void connect_start(void *opaque)
{
    StreamPort *s = opaque;
    bool pending;
    int fd = connect_begin(s, &pending);

    if (fd < 0) {
        retry_later(s);
        return;
    }
    if (pending) {
        s->fd = fd;
        s->connecting = true;
    } else {
        adopt(s, fd);
    }
    set_handlers(s);
}

/* --- data ------------------------------------------------------------------------------------ */

static void stream_readable(void *opaque);

/* Whole frames go to the NIC.  False: it has no room, or the stream is broken. */
static bool deliver(StreamPort *s)
{
    const uint8_t *frame;
    size_t len;
    bool bad;

    while (!s->paused && (frame = net_framing_next(&s->in, &len, &bad))) {
        s->paused = !net_send_buf(s->parent.queues[0], frame, len);
    }
    if (s->paused) {
        return false;
    }
    if (bad) {
        warn_report("netdev '%s': the peer says a frame of more than %d bytes; disconnected",
                    s->parent.id, NET_PACKET_MAX);
        disconnected(s);
        return false;
    }
    return true;
}

static void stream_readable(void *opaque)
{
    StreamPort *s = opaque;

    for (unsigned n = 0; n < READS_AT_ONCE; n++) {
        size_t room;
        uint8_t *at;
        ssize_t got;

        if (!deliver(s)) {
            if (s->fd >= 0) {
                set_handlers(s);
            }
            return;
        }
        at = net_framing_room(&s->in, &room);
        got = recv(s->fd, at, room, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (got <= 0) {
            disconnected(s);
            return;
        }
        net_framing_filled(&s->in, got);
        if ((size_t)got < room && deliver(s)) {
            return; /* that was all: saves asking */
        }
        if (s->paused || s->fd < 0) {
            if (s->fd >= 0) {
                set_handlers(s);
            }
            return;
        }
    }
}

static void stream_writable(void *opaque)
{
    StreamPort *s = opaque;
    ssize_t n =
        send(s->fd, s->out + s->out_done, s->out_len - s->out_done, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            disconnected(s);
        }
        return;
    }
    s->out_done += n;
    if (s->out_done == s->out_len) {
        s->out_done = s->out_len = 0;
        set_handlers(s);
        net_ready(s->parent.queues[0]);
    }
}

/* One call for a frame; what the socket does not take is kept. */
static bool stream_receive(NetQueue *q, const struct iovec *iov, unsigned niov, size_t len)
{
    StreamPort *s = (StreamPort *)q->port;
    uint32_t be = GUINT32_TO_BE(len);
    struct iovec stack[33],
        *vec = niov < G_N_ELEMENTS(stack) ? stack : g_new(struct iovec, niov + 1);
    struct msghdr msg = {.msg_iov = vec, .msg_iovlen = MIN(niov + 1, IOV_MAX)};
    ssize_t n;

    if (s->fd < 0 || s->connecting) {
        n = len + 4; /* nobody is there: lost */
    } else if (s->out_len) {
        n = -1;
    } else {
        vec[0] = (struct iovec){&be, 4};
        memcpy(vec + 1, iov, niov * sizeof(*iov));
        n = RETRY_ON_EINTR(sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL));
        if (n < 0 && errno != EAGAIN) {
            disconnected(s);
            n = len + 4;
        } else {
            n = MAX(n, 0);
        }
        if (n < (ssize_t)len + 4) {
            s->out_len = len + 4 - n;
            net_iov_copy(vec, niov + 1, n, s->out, s->out_len);
            set_handlers(s);
        }
    }
    if (vec != stack) {
        g_free(vec);
    }
    return n >= 0;
}

static void stream_resume(NetQueue *q)
{
    StreamPort *s = (StreamPort *)q->port;

    s->paused = false;
    if (s->fd >= 0 && !s->connecting) {
        if (deliver(s) || s->fd >= 0) {
            set_handlers(s);
        }
    }
}

/* --- where it lives -------------------------------------------------------------------------- */

static void set_handlers(StreamPort *s)
{
    bool on = s->parent.queues[0]->attached;

    if (s->listen_fd >= 0) {
        aio_set_fd_handler(ctx_of(s), s->listen_fd, on && s->fd < 0 ? peer_came : NULL, NULL, s);
    }
    if (s->fd >= 0 && s->connecting) {
        aio_set_fd_handler(ctx_of(s), s->fd, NULL, on ? connect_ended : NULL, s);
    } else if (s->fd >= 0) {
        aio_set_fd_handler(ctx_of(s), s->fd, on && !s->paused ? stream_readable : NULL,
                           on && s->out_len ? stream_writable : NULL, s);
    }
}

static void stream_attach(NetQueue *q)
{
    StreamPort *s = (StreamPort *)q->port;

    s->paused = false;
    if (s->reconnect_ns) {
        s->timer = aio_timer_new(q->ctx, QEMU_CLOCK_REALTIME, connect_start, s);
        if (s->fd < 0) {
            aio_timer_mod(s->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME));
        }
    }
    set_handlers(s);
}

static void stream_detach(NetQueue *q)
{
    StreamPort *s = (StreamPort *)q->port;

    g_clear_pointer(&s->timer, aio_timer_free);
    set_handlers(s);
}

static void stream_cleanup(NetPort *p)
{
    StreamPort *s = (StreamPort *)p;

    if (s->fd >= 0) {
        close(s->fd);
    }
    if (s->listen_fd >= 0) {
        close(s->listen_fd);
    }
    if (s->unlink_path) {
        unlink(s->unlink_path);
    }
    g_free(s->unlink_path);
    net_framing_free(&s->in);
    g_free(s->out);
    net_address_free(s->addr);
}

static char *stream_describe(NetPort *p)
{
    StreamPort *s = (StreamPort *)p;

    return g_strdup_printf("%s%s, %s", s->addr->text, s->server ? ",server=on" : "",
                           s->fd >= 0 && !s->connecting ? "connected" : "no peer");
}

/* --- opening: main loop ---------------------------------------------------------------------- */

static bool open_server(StreamPort *s, GError **errp)
{
    int err = EADDRNOTAVAIL, one = 1;
    struct stat st;

    if (s->addr->fd >= 0) {
        socklen_t len = sizeof(one);

        if (getsockopt(s->addr->fd, SOL_SOCKET, SO_ACCEPTCONN, &one, &len) < 0 || !one) {
            error_setg(errp, "%s does not listen; with server=on it must", s->addr->text);
            return false;
        }
        s->listen_fd = s->addr->fd;
        s->addr->fd = -1;
        return true;
    }
    if (s->addr->path && !s->addr->host && lstat(s->addr->path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(s->addr->path); /* a former run's */
    }
    for (unsigned i = 0; i < s->addr->addrs->len && s->listen_fd < 0; i++) {
        NetSockaddr *a = &g_array_index(s->addr->addrs, NetSockaddr, i);
        int fd = socket(a->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0) {
            err = errno;
            continue;
        }
        if (a->addr.ss_family != AF_UNIX) {
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        }
        if (bind(fd, (struct sockaddr *)&a->addr, a->len) < 0 || listen(fd, 1) < 0) {
            err = errno;
            close(fd);
        } else {
            s->listen_fd = fd;
        }
    }
    if (s->listen_fd < 0) {
        error_setg_errno(errp, err, "Failed to bind socket to %s", s->addr->text);
        return false;
    }
    if (s->addr->path && !s->addr->host) {
        s->unlink_path = g_canonicalize_filename(s->addr->path, NULL);
        startup_files_add(s->addr->path);
    }
    return true;
}

static bool open_client(StreamPort *s, GError **errp)
{
    int err = 0;

    if (s->addr->fd >= 0) {
        adopt(s, s->addr->fd);
        s->addr->fd = -1;
        return true;
    }
    for (unsigned i = 0; i < s->addr->addrs->len; i++) {
        struct pollfd p = {.events = POLLOUT};
        socklen_t len = sizeof(err);
        bool pending;
        int fd = connect_begin(s, &pending);

        err = fd < 0 ? errno : 0;
        if (pending) {
            p.fd = fd;
            err = ETIMEDOUT;
            if (RETRY_ON_EINTR(poll(&p, 1, CONNECT_MS)) > 0) {
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
            }
        }
        if (!err) {
            adopt(s, fd);
            return true;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    error_setg_errno(errp, err, "Failed to connect to '%s'", s->addr->text);
    return false;
}

/* Takes addr. */
static NetPort *open_stream(const NetPortInfo *info, const char *id, NetAddress *addr, bool server,
                            int64_t reconnect_ns, GError **errp)
{
    StreamPort *s = (StreamPort *)net_port_new(info, id, 1, errp);

    if (!s) {
        net_address_free(addr);
        return NULL;
    }
    s->addr = addr;
    s->server = server;
    s->events = info == &stream_info;
    s->reconnect_ns = reconnect_ns;
    s->listen_fd = s->fd = -1;
    net_framing_init(&s->in);
    s->out = g_malloc(NET_PACKET_MAX + NET_VNET_HDR_LEN + 4);
    if (server ? !open_server(s, errp) : !reconnect_ns && !open_client(s, errp)) {
        net_port_free(&s->parent);
        return NULL;
    }
    net_port_start(&s->parent);
    return &s->parent;
}

static NetPort *stream_open(const char *id, json_object *opts, GError **errp)
{
    bool server;
    uint64_t seconds, ms;
    g_autoptr(NetAddress) addr = NULL;
    g_autoptr(GError) err = NULL;

    if (!opts_take_bool(opts, "server", false, &server, errp) ||
        !opts_take_uint(opts, "reconnect", 0, 24 * 3600, &seconds, errp) ||
        !opts_take_uint(opts, "reconnect-ms", 0, 24 * 3600 * 1000, &ms, errp)) {
        return NULL;
    }
    if (server && (seconds || ms)) {
        error_setg(errp, "stream: 'reconnect' is for clients: it cannot be with server=on");
        return NULL;
    }
    if (seconds && ms) {
        error_setg(errp, "stream: 'reconnect' and 'reconnect-ms' are mutually exclusive");
        return NULL;
    }
    addr = net_address_take(opts, "addr", SOCK_STREAM, server, &err);
    if (!addr) {
        if (err) {
            g_propagate_error(errp, g_steal_pointer(&err));
        } else {
            error_setg(errp, "stream: Parameter 'addr.type' is missing: inet, unix or fd");
        }
        return NULL;
    }
    if (addr->fd >= 0 && (seconds || ms)) {
        error_setg(errp, "stream: 'reconnect' needs an address: a descriptor has none");
        return NULL;
    }
    return open_stream(&stream_info, id, g_steal_pointer(&addr), server,
                       ms ? (int64_t)ms * SCALE_MS : (int64_t)seconds * NANOSECONDS_PER_SECOND,
                       errp);
}

static const NetPortInfo stream_info = {
    .type = NET_CLIENT_DRIVER_STREAM,
    .size = sizeof(StreamPort),
    .receive = stream_receive,
    .resume = stream_resume,
    .attach = stream_attach,
    .detach = stream_detach,
    .cleanup = stream_cleanup,
    .describe = stream_describe,
};

static const char *const stream_keys[] = {"type",      "id",           "addr", "server",
                                          "reconnect", "reconnect-ms", NULL};

const NetBackend net_backend_stream = {
    .type = NET_CLIENT_DRIVER_STREAM,
    .known = stream_keys,
    .open = stream_open,
};

/* --- socket ---------------------------------------------------------------------------------- */

static const NetPortInfo socket_info = {
    .type = NET_CLIENT_DRIVER_SOCKET,
    .size = sizeof(StreamPort),
    .receive = stream_receive,
    .resume = stream_resume,
    .attach = stream_attach,
    .detach = stream_detach,
    .cleanup = stream_cleanup,
    .describe = stream_describe,
};

NetPort *net_socket_stream(const char *id, const char *fd, const char *listen_at,
                           const char *connect_to, GError **errp)
{
    g_autofree char *host = NULL, *port = NULL;
    NetAddress *addr;

    if (fd) {
        g_autoptr(json_object) o = json_object_new_object();
        json_object *a = json_object_new_object();

        json_object_object_add(a, "type", json_object_new_string("fd"));
        json_object_object_add(a, "str", json_object_new_string(fd));
        json_object_object_add(o, "fd", a);
        addr = net_address_take(o, "fd", SOCK_STREAM, false, errp);
    } else {
        if (!net_split_host_port(listen_at ? listen_at : connect_to, &host, &port, errp)) {
            return NULL;
        }
        addr = net_address_inet(host, port, SOCK_STREAM, listen_at != NULL, errp);
    }
    return addr ? open_stream(&socket_info, id, addr, listen_at != NULL, 0, errp) : NULL;
}
