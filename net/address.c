/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of sockets as options name them, resolved once.  Main loop. */
#include "net-internal.h"

#include "monitor/monitor.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

void net_address_free(NetAddress *a)
{
    if (a) {
        if (a->addrs) {
            g_array_unref(a->addrs);
        }
        if (a->fd >= 0) {
            close(a->fd);
        }
        g_free(a->text);
        g_free(a->path);
        g_free(a->host);
        g_free(a->port);
        g_free(a);
    }
}

static NetAddress *address_new(SocketAddressType type)
{
    NetAddress *a = g_new0(NetAddress, 1);

    a->type = type;
    a->fd = -1;
    a->addrs = g_array_new(false, true, sizeof(NetSockaddr));
    return a;
}

bool net_split_host_port(const char *text, char **host, char **port, GError **errp)
{
    const char *colon = strrchr(text, ':');

    if (!colon || !colon[1]) {
        error_setg(errp, "'%s': expected HOST:PORT", text);
        return false;
    }
    if (*text == '[' && colon > text && colon[-1] == ']') {
        *host = g_strndup(text + 1, colon - text - 2);
    } else {
        *host = g_strndup(text, colon - text);
    }
    *port = g_strdup(colon + 1);
    return true;
}

NetAddress *net_address_inet(const char *host, const char *port, int socktype, bool passive,
                             GError **errp)
{
    struct addrinfo hints = {.ai_socktype = socktype, .ai_flags = passive ? AI_PASSIVE : 0}, *list;
    g_autoptr(NetAddress) a = address_new(SOCKET_ADDRESS_TYPE_INET);
    uint64_t number;
    int rc;

    /* A number too large would be taken modulo 65536. */
    if (g_ascii_isdigit(*port) && !parse_uint("port", port, 65535, &number, errp)) {
        return NULL;
    }
    rc = getaddrinfo(*host ? host : NULL, port, &hints, &list);
    a->host = g_strdup(host);
    a->port = g_strdup(port);
    a->text = g_strdup_printf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
    if (rc) {
        error_setg(errp, "address resolution failed for %s: %s", a->text, gai_strerror(rc));
        return NULL;
    }
    for (struct addrinfo *i = list; i; i = i->ai_next) {
        NetSockaddr s = {.len = i->ai_addrlen};

        memcpy(&s.addr, i->ai_addr, i->ai_addrlen);
        g_array_append_val(a->addrs, s);
    }
    freeaddrinfo(list);
    return g_steal_pointer(&a);
}

static NetAddress *address_unix(json_object *o, GError **errp)
{
    g_autoptr(NetAddress) a = address_new(SOCKET_ADDRESS_TYPE_UNIX);
    g_autofree char *path = opts_take_str(o, "path");
    NetSockaddr s = {0};
    struct sockaddr_un *un = (struct sockaddr_un *)&s.addr;
    bool abstract, tight;
    size_t n;

    if (!opts_take_bool(o, "abstract", false, &abstract, errp) ||
        !opts_take_bool(o, "tight", true, &tight, errp)) {
        return NULL;
    }
    if (!path || !*path) {
        error_setg(errp, "Parameter 'path' is missing");
        return NULL;
    }
    n = strlen(path);
    if (n + 1 > sizeof(un->sun_path)) {
        error_setg(errp, "UNIX socket path '%s' is too long: at most %zu bytes fit", path,
                   sizeof(un->sun_path) - 1);
        return NULL;
    }
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + abstract, path, n);
    s.len = abstract && tight ? offsetof(struct sockaddr_un, sun_path) + 1 + n : sizeof(*un);
    g_array_append_val(a->addrs, s);
    a->text = g_strdup_printf("unix:%s", path);
    a->path = g_strdup(path);
    a->host = abstract ? g_strdup("abstract") : NULL;
    return g_steal_pointer(&a);
}

int net_take_fd(const char *what, const char *text, GError **errp)
{
    int fd = monitor_fd_param(monitor_cur(), text, errp);
    int flags;

    if (fd < 0) {
        return -1;
    }
    flags = fcntl(fd, F_GETFL);
    if (flags < 0) {
        error_setg(errp, "%s=%s is no open descriptor: it must be inherited, or passed with getfd",
                   what, text);
        return -1;
    }
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static NetAddress *address_fd(json_object *o, int socktype, GError **errp)
{
    g_autoptr(NetAddress) a = address_new(SOCKET_ADDRESS_TYPE_FD);
    g_autofree char *str = opts_take_str(o, "str");
    socklen_t len = sizeof(int);
    int type;

    if (!str) {
        error_setg(errp, "Parameter 'str' is missing: the descriptor's number or name");
        return NULL;
    }
    a->fd = net_take_fd("str", str, errp);
    if (a->fd < 0) {
        return NULL;
    }
    if (getsockopt(a->fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != socktype) {
        error_setg(errp, "descriptor '%s' is no %s socket", str,
                   socktype == SOCK_STREAM ? "stream" : "datagram");
        return NULL;
    }
    a->text = g_strdup_printf("fd:%s", str);
    a->path = g_strdup(str);
    return g_steal_pointer(&a);
}

NetAddress *net_address_take(json_object *opts, const char *key, int socktype, bool passive,
                             GError **errp)
{
    static const char *const known[] = {"type", "path", "abstract", "tight",
                                        "host", "port", "str",      NULL};
    json_object *o;
    g_autofree char *type = NULL, *host = NULL, *port = NULL;
    g_autoptr(NetAddress) a = NULL;
    GError *err = NULL;

    if (!json_object_object_get_ex(opts, key, &o)) {
        return NULL;
    }
    json_object_get(o);
    json_object_object_del(opts, key);
    type = json_object_is_type(o, json_type_object) ? opts_take_str(o, "type") : NULL;
    if (!g_strcmp0(type, "unix")) {
        a = address_unix(o, &err);
    } else if (!g_strcmp0(type, "fd")) {
        a = address_fd(o, socktype, &err);
    } else if (!g_strcmp0(type, "inet")) {
        host = opts_take_str(o, "host");
        port = opts_take_str(o, "port");
        if (host && port) {
            a = net_address_inet(host, port, socktype, passive, &err);
        } else {
            error_setg(&err, "Parameter '%s' is missing", host ? "port" : "host");
        }
    } else {
        error_setg(&err, "type: must be inet, unix or fd");
    }
    if (a && !opts_check_empty(o, key, known, &err)) {
        g_clear_pointer(&a, net_address_free);
    }
    json_object_put(o);
    if (err) {
        g_propagate_prefixed_error(errp, err, "%s: ", key);
    }
    return g_steal_pointer(&a);
}

char *net_sockaddr_text(const struct sockaddr_storage *addr, socklen_t len)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (addr->ss_family == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)addr;

        return g_strdup_printf("unix:%s",
                               len > offsetof(struct sockaddr_un, sun_path) ? un->sun_path : "");
    }
    if (getnameinfo((const struct sockaddr *)addr, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV)) {
        return g_strdup("?");
    }
    return g_strdup_printf(addr->ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}
