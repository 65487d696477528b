/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets: UNIX (paths, abstract names), TCP, or an inherited descriptor; as a server that takes
 * one client at a time, or as a client that may reconnect.  Connections may carry descriptors
 * (SCM_RIGHTS).
 */
#include "chardev-internal.h"

#include "qapi/keyval.h"
#include "qemu/osdep.h"
#include "qemu/startup-files.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

typedef struct SocketChardev {
    Chardev parent_obj;
    char *path, *host, *port;
    bool abstract, tight, server, nodelay, is_unix, is_inherited;
    int listen_fd;        /* server; -1: none */
    bool listening;       /* listen_fd has its handler */
    char *unlink_path;    /* the file that we made, absolute: -daemonize changes the folder */
    int64_t reconnect_ns; /* client; 0: once */
    AioTimer *timer;      /* next attempt */
    int connecting_fd;    /* an attempt is under way; -1: none */
} SocketChardev;

static void start_listening(SocketChardev *s);
static void try_connect(void *opaque);

/* --- addresses
 * -------------------------------------------------------------------------------------------------
 */

static bool unix_address(SocketChardev *s, struct sockaddr_un *un, socklen_t *len, GError **errp)
{
    size_t n = strlen(s->path), room = sizeof(un->sun_path) - (s->abstract ? 1 : 0);

    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    if (n > room || (!s->abstract && n == room)) {
        error_setg(errp, "UNIX socket path '%s' is too long: at most %zu bytes fit", s->path,
                   room - 1);
        return false;
    }
    memcpy(un->sun_path + (s->abstract ? 1 : 0), s->path, n);
    *len = s->abstract && s->tight ? offsetof(struct sockaddr_un, sun_path) + 1 + n : sizeof(*un);
    return true;
}

static char *socket_filename(Chardev *chr)
{
    SocketChardev *s = (SocketChardev *)chr;
    const char *state = chr->open ? "" : "disconnected:";
    const char *server = s->server ? ",server=on" : "";

    if (s->is_inherited && !s->path && !s->host) {
        return g_strdup_printf("%sfd%s", state, server);
    }
    if (s->is_unix) {
        return g_strdup_printf("%sunix:%s%s%s", state, s->path, s->abstract ? ",abstract=on" : "",
                               server);
    }
    return g_strdup_printf(strchr(s->host, ':') ? "%stcp:[%s]:%s%s" : "%stcp:%s:%s%s", state,
                           s->host, s->port, server);
}

/* --- connected
 * --------------------------------------------------------------------------------------------------
 */

static void adopt(SocketChardev *s, int fd)
{
    int one = 1;

    chr_set_nonblocking(fd, NULL);
    if (!s->is_unix && s->nodelay) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    chr_io_open(&s->parent_obj, fd, fd, true);
}

static void client_came(void *opaque)
{
    SocketChardev *s = opaque;
    int fd = RETRY_ON_EINTR(accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));

    if (fd < 0) {
        return; /* it went away again, or no descriptor is left: the next one is tried */
    }
    aio_set_fd_handler(aio_get_main(), s->listen_fd, NULL, NULL, NULL);
    s->listening = false;
    adopt(s, fd);
}

static void start_listening(SocketChardev *s)
{
    if (s->listen_fd >= 0 && !s->listening && !s->parent_obj.open) {
        s->listening = true;
        aio_set_fd_handler(aio_get_main(), s->listen_fd, client_came, NULL, s);
    }
}

static void retry_later(SocketChardev *s)
{
    aio_timer_mod(s->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + s->reconnect_ns);
}

static void socket_closed(Chardev *chr)
{
    SocketChardev *s = (SocketChardev *)chr;

    if (s->server) {
        start_listening(s);
    } else if (s->reconnect_ns) {
        retry_later(s);
    }
}

/* --- server
 * ------------------------------------------------------------------------------------------------------
 */

static int listen_unix(SocketChardev *s, GError **errp)
{
    struct sockaddr_un un;
    socklen_t len;
    struct stat st;
    int fd;

    if (!unix_address(s, &un, &len, errp)) {
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        error_setg_errno(errp, errno, "cannot make a UNIX socket");
        return -1;
    }
    /* A socket file that a former run left behind must not be in the way; anything else must stay.
     */
    if (!s->abstract && lstat(s->path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(s->path);
    }
    if (bind(fd, (struct sockaddr *)&un, len) < 0) {
        error_setg_errno(errp, errno, "Failed to bind socket to %s", s->path);
        close(fd);
        return -1;
    }
    if (!s->abstract) {
        s->unlink_path = g_canonicalize_filename(s->path, NULL);
        startup_files_add(s->path);
    }
    if (listen(fd, 8) < 0) {
        error_setg_errno(errp, errno, "cannot listen at %s", s->path);
        close(fd);
        return -1;
    }
    return fd;
}

static struct addrinfo *resolve(SocketChardev *s, GError **errp)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = s->server ? AI_PASSIVE : 0},
                    *list;
    int rc = getaddrinfo(*s->host ? s->host : NULL, s->port, &hints, &list);

    if (rc) {
        error_setg(errp, "address resolution failed for %s:%s: %s", s->host, s->port,
                   gai_strerror(rc));
        return NULL;
    }
    return list;
}

static int listen_tcp(SocketChardev *s, GError **errp)
{
    struct addrinfo *list = resolve(s, errp);
    int fd = -1, err = EADDRNOTAVAIL, one = 1;

    if (!list) {
        return -1;
    }
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
                        bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 8) < 0)) {
            err = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        error_setg_errno(errp, err, "Failed to bind socket to %s:%s", s->host, s->port);
    }
    return fd;
}

/* port 0: show the one that the kernel chose. */
static void learn_port(SocketChardev *s)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    char port[16];

    if (!s->is_unix && getsockname(s->listen_fd, (struct sockaddr *)&addr, &len) == 0 &&
        getnameinfo((struct sockaddr *)&addr, len, NULL, 0, port, sizeof(port), NI_NUMERICSERV) ==
            0) {
        g_free(s->port);
        s->port = g_strdup(port);
    }
}

/* wait=on: the start-up goes on when the first client is there. */
static bool wait_for_client(SocketChardev *s, GError **errp)
{
    struct pollfd p = {.fd = s->listen_fd, .events = POLLIN};
    g_autofree char *name = socket_filename(&s->parent_obj);
    int fd;

    info_report("waiting for connection on: %s", name);
    do {
        if (poll(&p, 1, -1) < 0) {
            error_setg_errno(errp, errno, "chardev '%s': stopped waiting for a client",
                             s->parent_obj.label);
            return false;
        }
        fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (fd < 0);
    adopt(s, fd);
    return true;
}

static bool open_server(SocketChardev *s, int inherited, bool wait, GError **errp)
{
    s->listen_fd = inherited >= 0 ? inherited
                   : s->is_unix   ? listen_unix(s, errp)
                                  : listen_tcp(s, errp);
    if (s->listen_fd < 0 || !chr_set_nonblocking(s->listen_fd, errp)) {
        return false;
    }
    if (s->host) {
        learn_port(s);
    }
    if (wait) {
        return wait_for_client(s, errp);
    }
    start_listening(s);
    return true;
}

/* --- client
 * --------------------------------------------------------------------------------------------------------
 */

/* Starts to connect; with block it is finished when it returns.  -1 with errp; *pending says that
 * connect() goes on. */
static int connect_any(SocketChardev *s, bool block, bool *pending, GError **errp)
{
    int flags = SOCK_STREAM | SOCK_CLOEXEC | (block ? 0 : SOCK_NONBLOCK), fd = -1, err = 0;
    struct addrinfo un_info = {0}, *list;
    struct sockaddr_un un;

    if (s->is_unix) {
        if (!unix_address(s, &un, &un_info.ai_addrlen, errp)) {
            return -1;
        }
        un_info.ai_family = AF_UNIX;
        un_info.ai_addr = (struct sockaddr *)&un;
        list = &un_info;
    } else {
        list = resolve(s, errp);
    }
    *pending = false;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, flags, 0);
        if (fd >= 0 && RETRY_ON_EINTR(connect(fd, a->ai_addr, a->ai_addrlen)) < 0) {
            err = errno;
            if (!block && err == EINPROGRESS) {
                *pending = true;
                break;
            }
            close(fd);
            fd = -1;
        }
    }
    if (list != &un_info && list) {
        freeaddrinfo(list);
        if (fd < 0) {
            error_setg_errno(errp, err, "Failed to connect to '%s:%s'", s->host, s->port);
        }
    } else if (list && fd < 0) {
        error_setg_errno(errp, err, "Failed to connect to '%s'", s->path);
    }
    return fd;
}

static void connect_finished(void *opaque)
{
    SocketChardev *s = opaque;
    int fd = s->connecting_fd, err = 0;
    socklen_t len = sizeof(err);

    aio_set_fd_handler(aio_get_main(), fd, NULL, NULL, NULL);
    s->connecting_fd = -1;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
    if (err) {
        close(fd);
        retry_later(s);
    } else {
        adopt(s, fd);
    }
}

static void try_connect(void *opaque)
{
    SocketChardev *s = opaque;
    bool pending;
    int fd = connect_any(s, false, &pending, NULL);

    if (fd < 0) {
        retry_later(s);
    } else if (pending) {
        s->connecting_fd = fd;
        aio_set_fd_handler(aio_get_main(), fd, NULL, connect_finished, s);
    } else {
        adopt(s, fd);
    }
}

static bool open_client(SocketChardev *s, int inherited, GError **errp)
{
    bool pending;
    int fd;

    if (s->reconnect_ns) {
        s->timer = aio_timer_new(aio_get_main(), QEMU_CLOCK_REALTIME, try_connect, s);
        try_connect(s);
        return true;
    }
    fd = inherited >= 0 ? inherited : connect_any(s, true, &pending, errp);
    if (fd < 0) {
        return false;
    }
    adopt(s, fd);
    return true;
}

/* --- options
 * ---------------------------------------------------------------------------------------------------------
 */

static const char *const socket_keys[] = {
    "path", "abstract", "tight",  "host",      "port",      "fd",        "server",
    "wait", "nowait",   "delay",  "nodelay",   "telnet",    "reconnect", "reconnect-ms",
    "ipv4", "ipv6",     "tn3270", "websocket", "tls-creds", NULL};

static bool refuse(Chardev *chr, json_object *opts, const char *key, GError **errp)
{
    g_autofree char *value = opts_take_str(opts, key);

    if (value && strcmp(value, "off") && strcmp(value, "false")) {
        error_setg(errp, "chardev '%s': %s=%s is not supported: use a plain socket", chr->label,
                   key, value);
        return false;
    }
    return true;
}

static bool take_address(SocketChardev *s, json_object *opts, int *inherited, GError **errp)
{
    g_autofree char *fd_text = opts_take_str(opts, "fd");
    const char *label = s->parent_obj.label;
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    uint64_t number;

    s->path = opts_take_str(opts, "path");
    s->host = opts_take_str(opts, "host");
    s->port = opts_take_str(opts, "port");
    *inherited = -1;
    if (!!s->path + !!s->host + !!fd_text > 1) {
        error_setg(errp, "chardev '%s': only one of path, host and fd can be given", label);
        return false;
    }
    if (s->port && !s->host && !fd_text && !s->path) {
        s->host = g_strdup("");
    }
    if (fd_text) {
        if (!parse_uint("fd", fd_text, INT_MAX, &number, errp)) {
            return false;
        }
        if (getsockname((int)number, (struct sockaddr *)&addr, &len) < 0) {
            error_setg(errp,
                       "chardev '%s': fd=%s is no open socket: it must be inherited or passed",
                       label, fd_text);
            return false;
        }
        *inherited = (int)number;
        s->is_inherited = true;
        s->is_unix = addr.ss_family == AF_UNIX;
        if (s->is_unix && len > offsetof(struct sockaddr_un, sun_path)) {
            s->path = g_strndup(((struct sockaddr_un *)&addr)->sun_path,
                                len - offsetof(struct sockaddr_un, sun_path));
        }
        return true;
    }
    s->is_unix = s->path;
    if (s->host && (!s->port || !*s->port)) {
        error_setg(errp, "chardev '%s': parameter 'port' is missing beside host=%s", label,
                   s->host);
        return false;
    }
    if (s->host && g_ascii_isdigit(*s->port) &&
        !parse_uint("port", s->port, 65535, &number, errp)) {
        g_prefix_error(errp, "chardev '%s': ", label);
        return false;
    }
    if (!s->path && !s->host) {
        error_setg(errp, "chardev '%s': socket: one of path, host and port, or fd is needed",
                   label);
        return false;
    }
    return true;
}

static bool take_reconnect(SocketChardev *s, json_object *opts, GError **errp)
{
    uint64_t seconds, ms;

    if (!opts_take_uint(opts, "reconnect", 0, 24 * 3600, &seconds, errp) ||
        !opts_take_uint(opts, "reconnect-ms", 0, 24 * 3600 * 1000, &ms, errp)) {
        return false;
    }
    if ((seconds || ms) && s->server) {
        error_setg(errp, "chardev '%s': 'reconnect' option is incompatible with server=on",
                   s->parent_obj.label);
        return false;
    }
    if (seconds && ms) {
        error_setg(errp, "chardev '%s': 'reconnect' and 'reconnect-ms' are mutually exclusive",
                   s->parent_obj.label);
        return false;
    }
    s->reconnect_ns = ms ? (int64_t)ms * SCALE_MS : (int64_t)seconds * NANOSECONDS_PER_SECOND;
    return true;
}

static bool socket_open(Chardev *chr, json_object *opts, GError **errp)
{
    SocketChardev *s = (SocketChardev *)chr;
    bool has_wait = json_object_object_get_ex(opts, "wait", NULL);
    bool wait, nowait, delay, nodelay, ignored;
    int inherited;

    if (!refuse(chr, opts, "telnet", errp) || !refuse(chr, opts, "tn3270", errp) ||
        !refuse(chr, opts, "websocket", errp) || !refuse(chr, opts, "tls-creds", errp) ||
        !opts_take_bool(opts, "server", false, &s->server, errp) ||
        !opts_take_bool(opts, "wait", s->server, &wait, errp) ||
        !opts_take_bool(opts, "nowait", false, &nowait, errp) ||
        !opts_take_bool(opts, "delay", true, &delay, errp) ||
        !opts_take_bool(opts, "nodelay", !delay, &nodelay, errp) ||
        !opts_take_bool(opts, "abstract", false, &s->abstract, errp) ||
        !opts_take_bool(opts, "tight", true, &s->tight, errp) ||
        !opts_take_bool(opts, "ipv4", true, &ignored, errp) ||
        !opts_take_bool(opts, "ipv6", true, &ignored, errp) || !take_reconnect(s, opts, errp) ||
        !take_address(s, opts, &inherited, errp)) {
        return false;
    }
    s->nodelay = nodelay;
    if (has_wait && wait && !s->server) {
        error_setg(errp,
                   "chardev '%s': 'wait' option is incompatible with socket in client connect mode",
                   chr->label);
        return false;
    }
    return s->server ? open_server(s, inherited, wait && !nowait, errp)
                     : open_client(s, inherited, errp);
}

static void socket_init(Object *obj)
{
    SocketChardev *s = (SocketChardev *)obj;

    s->listen_fd = s->connecting_fd = -1;
}

static void socket_finalize(Object *obj)
{
    SocketChardev *s = (SocketChardev *)obj;

    if (s->timer) {
        aio_timer_free(s->timer);
    }
    if (s->connecting_fd >= 0) {
        aio_set_fd_handler(aio_get_main(), s->connecting_fd, NULL, NULL, NULL);
        close(s->connecting_fd);
    }
    if (s->listen_fd >= 0) {
        if (s->listening) {
            aio_set_fd_handler(aio_get_main(), s->listen_fd, NULL, NULL, NULL);
        }
        close(s->listen_fd);
    }
    if (s->unlink_path) {
        unlink(s->unlink_path);
    }
    g_free(s->unlink_path);
    g_free(s->path);
    g_free(s->host);
    g_free(s->port);
}

static void socket_class_init(ObjectClass *klass, const void *data)
{
    ChardevClass *cc = (ChardevClass *)klass;

    cc->backend = "socket";
    cc->help = "UNIX or TCP socket";
    cc->open = socket_open;
    cc->closed = socket_closed;
    cc->filename = socket_filename;
    cc->keys = socket_keys;
}

static const TypeInfo socket_info = {
    .name = CHR_TYPE_NAME("socket"),
    .parent = TYPE_CHARDEV,
    .instance_size = sizeof(SocketChardev),
    .instance_init = socket_init,
    .instance_finalize = socket_finalize,
    .class_init = socket_class_init,
};
QOM_TYPE(socket_info);
