/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back ends "dgram" and "socket" (udp=, mcast=, fd= of a datagram socket): a frame is a datagram.
 * After open() everything happens in the wire's thread.
 */
#include "net-internal.h"

#include "qemu/startup-files.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>

#define READS_AT_ONCE 64

typedef struct DgramPort {
    NetPort parent;
    int fd;
    bool has_dest;
    NetSockaddr dest;
    char *text, *unlink_path;
    /* --- wire's thread --- */
    bool paused, full; /* the NIC has no room; the socket has none */
    uint8_t *buf;
} DgramPort;

static void set_handlers(DgramPort *s);

static void dgram_readable(void *opaque)
{
    DgramPort *s = opaque;

    for (unsigned n = 0; n < READS_AT_ONCE; n++) {
        ssize_t got = recv(s->fd, s->buf, NET_PACKET_MAX, MSG_DONTWAIT);

        if (got < 0 && errno != EINTR) {
            return; /* nothing there; or an ICMP error of something that was sent before */
        }
        if (got > 0 && !net_send_buf(s->parent.queues[0], s->buf, got)) {
            s->paused = true;
            set_handlers(s);
            return;
        }
    }
}

static void dgram_writable(void *opaque)
{
    DgramPort *s = opaque;

    s->full = false;
    set_handlers(s);
    net_ready(s->parent.queues[0]);
}

static bool dgram_receive(NetQueue *q, const struct iovec *iov, unsigned niov, size_t len)
{
    DgramPort *s = (DgramPort *)q->port;
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = niov};
    g_autofree uint8_t *whole = NULL;
    struct iovec one;

    if (s->full) {
        return false;
    }
    if (niov > IOV_MAX) {
        whole = g_malloc(len);
        net_iov_copy(iov, niov, 0, whole, len);
        one = (struct iovec){whole, len};
        msg.msg_iov = &one;
        msg.msg_iovlen = 1;
    }
    if (s->has_dest) {
        msg.msg_name = &s->dest.addr;
        msg.msg_namelen = s->dest.len;
    }
    /* Other errors than a full socket (no peer yet, too long): the packet is lost. */
    if (RETRY_ON_EINTR(sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL)) < 0 && errno == EAGAIN) {
        s->full = true;
        set_handlers(s);
        return false;
    }
    return true;
}

static void dgram_resume(NetQueue *q)
{
    DgramPort *s = (DgramPort *)q->port;

    s->paused = false;
    set_handlers(s);
}

static void set_handlers(DgramPort *s)
{
    NetQueue *q = s->parent.queues[0];

    aio_set_fd_handler(q->ctx, s->fd, q->attached && !s->paused ? dgram_readable : NULL,
                       q->attached && s->full ? dgram_writable : NULL, s);
}

static void dgram_attach(NetQueue *q)
{
    DgramPort *s = (DgramPort *)q->port;

    s->paused = s->full = false;
    set_handlers(s);
}

static void dgram_detach(NetQueue *q)
{
    set_handlers((DgramPort *)q->port);
}

static void dgram_cleanup(NetPort *p)
{
    DgramPort *s = (DgramPort *)p;

    close(s->fd);
    if (s->unlink_path) {
        unlink(s->unlink_path);
    }
    g_free(s->unlink_path);
    g_free(s->text);
    g_free(s->buf);
}

static char *dgram_describe(NetPort *p)
{
    return g_strdup(((DgramPort *)p)->text);
}

#define DGRAM_INFO(t) \
    { \
        .type = t, .size = sizeof(DgramPort), .receive = dgram_receive, .resume = dgram_resume, \
        .attach = dgram_attach, .detach = dgram_detach, .cleanup = dgram_cleanup, \
        .describe = dgram_describe, \
    }
static const NetPortInfo dgram_info = DGRAM_INFO(NET_CLIENT_DRIVER_DGRAM);
static const NetPortInfo socket_info = DGRAM_INFO(NET_CLIENT_DRIVER_SOCKET);

/* --- opening: main loop ---------------------------------------------------------------------- */

/* Takes fd and text. */
static NetPort *port_on(const NetPortInfo *info, const char *id, int fd, const NetSockaddr *dest,
                        char *text, const char *unlink_path, GError **errp)
{
    DgramPort *s = (DgramPort *)net_port_new(info, id, 1, errp);

    if (!s) {
        close(fd);
        if (unlink_path) {
            unlink(unlink_path);
        }
        g_free(text);
        return NULL;
    }
    s->fd = fd;
    s->text = text;
    s->unlink_path = unlink_path ? g_canonicalize_filename(unlink_path, NULL) : NULL;
    s->buf = g_malloc(NET_PACKET_MAX);
    if (dest) {
        s->has_dest = true;
        s->dest = *dest;
    }
    net_port_start(&s->parent);
    return &s->parent;
}

static bool is_multicast(const NetSockaddr *a)
{
    return a->addr.ss_family == AF_INET &&
           IN_MULTICAST(ntohl(((const struct sockaddr_in *)&a->addr)->sin_addr.s_addr));
}

/* A member of group; from interface local (NULL: the default). */
static int join_group(const NetSockaddr *group, const NetSockaddr *local, int fd, GError **errp)
{
    const struct sockaddr_in *sin = (const struct sockaddr_in *)&group->addr;
    struct ip_mreq m = {.imr_multiaddr = sin->sin_addr};
    int one = 1;

    if (local && local->addr.ss_family != AF_INET) {
        error_setg(errp, "the interface of an IPv4 group needs an IPv4 address");
        return -1;
    }
    if (fd < 0) {
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            bind(fd, (struct sockaddr *)(uintptr_t)sin, sizeof(*sin)) < 0) {
            error_setg_errno(errp, errno, "cannot bind to the multicast group");
            goto fail;
        }
    }
    if (local) {
        m.imr_interface = ((const struct sockaddr_in *)&local->addr)->sin_addr;
    }
    if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)) < 0 ||
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof(one)) < 0 ||
        (local && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &m.imr_interface,
                             sizeof(m.imr_interface)) < 0)) {
        error_setg_errno(errp, errno, "cannot join the multicast group");
        goto fail;
    }
    return fd;
fail:
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static int bind_local(NetAddress *local, GError **errp)
{
    NetSockaddr *a = &g_array_index(local->addrs, NetSockaddr, 0);
    int fd = socket(a->addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
    struct stat st;

    if (local->path && !local->host && lstat(local->path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(local->path); /* a former run's */
    }
    if (fd >= 0 && a->addr.ss_family != AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (fd < 0 || bind(fd, (struct sockaddr *)&a->addr, a->len) < 0) {
        error_setg_errno(errp, errno, "Failed to bind socket to %s", local->text);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    if (local->path && !local->host) {
        startup_files_add(local->path);
    }
    return fd;
}

static NetPort *open_addresses(const NetPortInfo *info, const char *id, NetAddress *local,
                               NetAddress *remote, GError **errp)
{
    NetSockaddr *dest =
        remote && remote->addrs->len ? &g_array_index(remote->addrs, NetSockaddr, 0) : NULL;
    NetSockaddr *own =
        local && local->addrs->len ? &g_array_index(local->addrs, NetSockaddr, 0) : NULL;
    const char *path = local && local->path && !local->host && local->fd < 0 ? local->path : NULL;
    int fd;

    if (remote && remote->fd >= 0) {
        error_setg(errp, "a descriptor is given as local, not as remote");
        return NULL;
    }
    if (dest && is_multicast(dest)) {
        int given = -1;

        if (local && local->fd >= 0) {
            given = local->fd;
            local->fd = -1;
        }
        fd = join_group(dest, own, given, errp);
        path = NULL;
    } else if (local && local->fd >= 0) {
        if (dest) {
            error_setg(errp, "beside a descriptor, which has its peer, remote must not be given");
            return NULL;
        }
        fd = local->fd;
        local->fd = -1;
    } else if (!local || !remote) {
        error_setg(errp,
                   "Parameter '%s' is missing: both are needed, unless local is a descriptor "
                   "or remote a multicast group",
                   local ? "remote" : "local");
        return NULL;
    } else if (own->addr.ss_family != dest->addr.ss_family) {
        error_setg(errp, "local (%s) and remote (%s) are of different kinds", local->text,
                   remote->text);
        return NULL;
    } else {
        fd = bind_local(local, errp);
    }
    if (fd < 0) {
        return NULL;
    }
    return port_on(info, id, fd, dest,
                   g_strdup_printf("%s%s%s", local ? local->text : "", remote ? " to " : "",
                                   remote ? remote->text : ""),
                   path, errp);
}

static NetPort *dgram_open(const char *id, json_object *opts, GError **errp)
{
    g_autoptr(NetAddress) local = NULL, remote = NULL;
    GError *err = NULL;
    NetPort *p = NULL;

    local = net_address_take(opts, "local", SOCK_DGRAM, true, &err);
    if (!err) {
        remote = net_address_take(opts, "remote", SOCK_DGRAM, false, &err);
    }
    if (!err) {
        p = open_addresses(&dgram_info, id, local, remote, &err);
    }
    if (err) {
        g_propagate_prefixed_error(errp, err, "dgram: ");
    }
    return p;
}

static const char *const dgram_keys[] = {"type", "id", "local", "remote", NULL};

const NetBackend net_backend_dgram = {
    .type = NET_CLIENT_DRIVER_DGRAM,
    .known = dgram_keys,
    .open = dgram_open,
};

/* --- socket ---------------------------------------------------------------------------------- */

static NetAddress *inet_of(const char *text, bool passive, GError **errp)
{
    g_autofree char *host = NULL, *port = NULL;

    return net_split_host_port(text, &host, &port, errp)
               ? net_address_inet(host, port, SOCK_DGRAM, passive, errp)
               : NULL;
}

static NetPort *socket_datagram(const char *id, const char *fd, const char *udp, const char *mcast,
                                const char *localaddr, GError **errp)
{
    g_autoptr(NetAddress) local = NULL, remote = NULL;

    if (fd) {
        int number = net_take_fd("fd", fd, errp);

        return number < 0 ? NULL
                          : port_on(&socket_info, id, number, NULL, g_strdup_printf("fd:%s", fd),
                                    NULL, errp);
    }
    if (udp && !localaddr) {
        error_setg(errp, "socket: beside udp=%s the parameter localaddr=HOST:PORT is needed", udp);
        return NULL;
    }
    remote = inet_of(udp ? udp : mcast, false, errp);
    if (!remote) {
        return NULL;
    }
    if (mcast && !is_multicast(&g_array_index(remote->addrs, NetSockaddr, 0))) {
        error_setg(errp, "socket: mcast=%s is no IPv4 multicast group", mcast);
        return NULL;
    }
    if (localaddr) {
        local = udp ? inet_of(localaddr, true, errp)
                    : net_address_inet(localaddr, "0", SOCK_DGRAM, true, errp);
        if (!local) {
            return NULL;
        }
    }
    return open_addresses(&socket_info, id, local, remote, errp);
}

static bool is_datagram(const char *fd)
{
    char *end;
    long number = strtol(fd, &end, 10);
    int type;
    socklen_t len = sizeof(type);

    /* A name that getfd gave cannot be looked at without taking it: those are streams. */
    return !*end && getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM;
}

static NetPort *socket_open(const char *id, json_object *opts, GError **errp)
{
    g_autofree char *fd = opts_take_str(opts, "fd"), *listen_at = opts_take_str(opts, "listen"),
                    *connect_to = opts_take_str(opts, "connect"),
                    *mcast = opts_take_str(opts, "mcast"),
                    *localaddr = opts_take_str(opts, "localaddr"),
                    *udp = opts_take_str(opts, "udp");

    if (!!fd + !!listen_at + !!connect_to + !!mcast + !!udp != 1) {
        error_setg(errp,
                   "socket: exactly one of listen=, connect=, mcast=, udp= and fd= is required");
        return NULL;
    }
    if (localaddr && !mcast && !udp) {
        error_setg(errp, "socket: localaddr= is only valid with mcast= or udp=");
        return NULL;
    }
    if (mcast || udp || (fd && is_datagram(fd))) {
        return socket_datagram(id, fd, udp, mcast, localaddr, errp);
    }
    return net_socket_stream(id, fd, listen_at, connect_to, errp);
}

static const char *const socket_keys[] = {"type",  "id",        "fd",  "listen", "connect",
                                          "mcast", "localaddr", "udp", NULL};

const NetBackend net_backend_socket = {
    .type = NET_CLIENT_DRIVER_SOCKET,
    .known = socket_keys,
    .open = socket_open,
};
