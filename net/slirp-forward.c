/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back end "user": ports of the host that lead to the guest (hostfwd), addresses of the network
 * that lead to programs or character devices (guestfwd); the monitor's commands.
 *
 * A character device's data come in the main loop and go through a bounded inbox to the network's
 * thread, which says how much it takes.
 */
#include "slirp.h"

#include "monitor/hmp.h"

#include <arpa/inet.h>

#define INBOX_MAX 65536

struct SlirpForward {
    SlirpPort *s;
    CharFrontend fe;
    char *label;
    struct in_addr server;
    int port;
    QemuMutex lock;
    GByteArray *inbox; /* lock */
    int credit;        /* lock: bytes that the network takes */
};

/* --- hostfwd --------------------------------------------------------------------------------- */

typedef struct HostForward {
    SlirpPort *s;
    bool udp, remove;
    struct in_addr host, guest;
    uint64_t host_port, guest_port;
    int ret, err;
} HostForward;

static bool parse_end(const char *text, const char *what, struct in_addr *addr, uint64_t *port,
                      bool zero_ok, GError **errp)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *host = colon ? g_strndup(text, colon - text) : NULL;

    if (!colon) {
        error_setg(errp, "%s '%s': expected [ADDRESS]:PORT", what, text);
        return false;
    }
    if (*host && inet_pton(AF_INET, host, addr) != 1) {
        error_setg(errp, "%s '%s': '%s' is no IPv4 address", what, text, host);
        return false;
    }
    if (!parse_uint(what, colon + 1, 65535, port, errp)) {
        return false;
    }
    if (!*port && !zero_ok) {
        error_setg(errp, "%s '%s': port 0 cannot be", what, text);
        return false;
    }
    return true;
}

/* "tcp:", "udp:" or ":". */
static const char *parse_protocol(const char *text, bool *udp)
{
    *udp = g_str_has_prefix(text, "udp:");
    return *udp || g_str_has_prefix(text, "tcp:") ? text + 4 : *text == ':' ? text + 1 : NULL;
}

static void hostfwd_at_home(void *opaque)
{
    HostForward *f = opaque;

    slirp_lock();
    if (f->remove) {
        f->ret = f->s->lib->slirp_remove_hostfwd(f->s->slirp, f->udp, f->host, f->host_port);
    } else {
        f->ret = f->s->lib->slirp_add_hostfwd(f->s->slirp, f->udp, f->host, f->host_port, f->guest,
                                              f->guest_port);
    }
    f->err = errno;
    slirp_unlock();
    slirp_port_wake(f->s);
}

bool slirp_hostfwd(SlirpPort *s, const char *text, bool remove, GError **errp)
{
    HostForward f = {.s = s, .remove = remove, .guest = s->dhcp_start};
    const char *rest = parse_protocol(text, &f.udp);
    const char *dash = rest ? strchr(rest, '-') : NULL;
    g_autofree char *host = rest ? dash ? g_strndup(rest, dash - rest) : g_strdup(rest) : NULL;

    if (!rest || (!dash && !remove)) {
        error_setg(errp, "hostfwd=%s: expected [tcp|udp]:[ADDRESS]:PORT%s", text,
                   remove ? "" : "-[ADDRESS]:PORT");
        return false;
    }
    if (!parse_end(host, "hostfwd", &f.host, &f.host_port, !remove, errp) ||
        (!remove && !parse_end(dash + 1, "hostfwd", &f.guest, &f.guest_port, false, errp))) {
        return false;
    }
    aio_call(s->parent.queues[0]->ctx, hostfwd_at_home, &f);
    if (f.ret < 0) {
        if (remove) {
            error_setg(errp, "host forwarding rule '%s' not found", text);
        } else {
            error_setg_errno(errp, f.err, "could not set up host forwarding rule '%s'", text);
        }
    }
    return f.ret >= 0;
}

/* --- guestfwd -------------------------------------------------------------------------------- */

/* Main loop. */
static int forward_can_read(void *opaque)
{
    SlirpForward *f = opaque;

    QEMU_LOCK_GUARD(&f->lock);
    return MAX(0, MIN(f->credit, INBOX_MAX) - (int)f->inbox->len);
}

static void forward_read(void *opaque, const uint8_t *buf, int len)
{
    SlirpForward *f = opaque;

    qemu_mutex_lock(&f->lock);
    g_byte_array_append(f->inbox, buf, len);
    qemu_mutex_unlock(&f->lock);
    slirp_port_wake(f->s);
}

/* Wire's thread. */
static ssize_t forward_write(const void *buf, size_t len, void *opaque)
{
    SlirpForward *f = opaque;

    return qemu_chr_fe_write_all(&f->fe, buf, len);
}

void slirp_forwards_run(SlirpPort *s)
{
    for (unsigned i = 0; i < s->forwards->len; i++) {
        SlirpForward *f = s->forwards->pdata[i];
        g_autoptr(GByteArray) data = NULL;
        int room;

        qemu_mutex_lock(&f->lock);
        if (f->inbox->len) {
            data = f->inbox;
            f->inbox = g_byte_array_new();
        }
        qemu_mutex_unlock(&f->lock);
        if (data) {
            s->lib->slirp_socket_recv(s->slirp, f->server, f->port, data->data, data->len);
        }
        room = s->lib->slirp_socket_can_recv(s->slirp, f->server, f->port);
        qemu_mutex_lock(&f->lock);
        f->credit = room;
        qemu_mutex_unlock(&f->lock);
        if (room) {
            qemu_chr_fe_accept_input(&f->fe);
        }
    }
}

void slirp_forwards_free(SlirpPort *s)
{
    for (unsigned i = 0; i < s->forwards->len; i++) {
        SlirpForward *f = s->forwards->pdata[i];

        qemu_chr_fe_deinit(&f->fe);
        qemu_chr_delete(f->label, NULL);
        g_byte_array_unref(f->inbox);
        qemu_mutex_destroy(&f->lock);
        g_free(f->label);
        g_free(f);
    }
    g_ptr_array_set_size(s->forwards, 0);
}

static bool add_chardev_forward(SlirpPort *s, struct in_addr server, int port, const char *dev,
                                GError **errp)
{
    g_autofree char *label = g_strdup_printf("guestfwd.%s.%d", s->parent.id, port);
    Chardev *chr = qemu_chr_new(label, dev, errp);
    SlirpForward *f;

    if (!chr) {
        return false;
    }
    f = g_new0(SlirpForward, 1);
    f->s = s;
    f->label = g_strdup(qemu_chr_label(chr));
    f->server = server;
    f->port = port;
    f->inbox = g_byte_array_new();
    qemu_mutex_init(&f->lock);
    g_ptr_array_add(s->forwards, f);
    if (!qemu_chr_fe_init(&f->fe, chr, errp)) {
        return false;
    }
    slirp_lock();
    if (s->lib->slirp_add_guestfwd(s->slirp, forward_write, f, &f->server, port) < 0) {
        slirp_unlock();
        error_setg(errp, "guestfwd: conflicting address or port %d", port);
        return false;
    }
    slirp_unlock();
    qemu_chr_fe_set_handlers(&f->fe, forward_can_read, forward_read, NULL, f);
    return true;
}

bool slirp_guestfwd(SlirpPort *s, const char *text, GError **errp)
{
    bool udp;
    const char *rest = parse_protocol(text, &udp);
    const char *dash = rest ? strchr(rest, '-') : NULL;
    g_autofree char *end = dash ? g_strndup(rest, dash - rest) : NULL;
    struct in_addr server = {.s_addr = htonl(ntohl(s->net.s_addr) | 4)};
    uint64_t port;
    int ret;

    if (!dash || udp || !dash[1]) {
        error_setg(errp, "guestfwd=%s: expected [tcp]:SERVER:PORT-DEVICE or ...-cmd:COMMAND", text);
        return false;
    }
    if (!parse_end(end, "guestfwd", &server, &port, false, errp)) {
        return false;
    }
    if (!g_str_has_prefix(dash + 1, "cmd:")) {
        return add_chardev_forward(s, server, port, dash + 1, errp);
    }
    slirp_lock();
    ret = s->lib->slirp_add_exec(s->slirp, dash + 5, &server, port);
    slirp_unlock();
    if (ret < 0) {
        error_setg(errp, "guestfwd=%s: conflicting address or port", text);
    }
    return ret >= 0;
}

/* --- the monitor ----------------------------------------------------------------------------- */

static void collect_user(NetPort *p, void *opaque)
{
    if (p->info->type == NET_CLIENT_DRIVER_USER) {
        g_ptr_array_add(opaque, p);
    }
}

/* The back end named, or the only one. */
static SlirpPort *find_user(const char *id, GError **errp)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    net_port_foreach(collect_user, all);
    for (unsigned i = 0; i < all->len; i++) {
        NetPort *p = all->pdata[i];

        if (id ? !strcmp(p->id, id) : all->len == 1) {
            return (SlirpPort *)p;
        }
    }
    if (id) {
        error_setg(errp, "netdev '%s' is no user-mode network", id);
    } else {
        error_setg(errp, all->len ? "there are several user-mode networks: name one"
                                  : "there is no user-mode network");
    }
    return NULL;
}

static void hmp_hostfwd(Monitor *mon, const HmpArgs *args, bool remove)
{
    const char *rule = args->argv[args->argc - 1];
    GError *err = NULL;
    SlirpPort *s = find_user(args->argc > 1 ? args->argv[0] : NULL, &err);

    if (!s || !slirp_hostfwd(s, rule, remove, &err)) {
        hmp_report(mon, err);
    } else if (remove) {
        monitor_printf(mon, "host forwarding rule for %s removed\n", rule);
    }
}

static void hmp_hostfwd_add(Monitor *mon, const HmpArgs *args)
{
    hmp_hostfwd(mon, args, false);
}
HMP_COMMAND(hmp_hostfwd_add, "hostfwd_add",
            "[netdev] [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport",
            "lead a port of the host to the guest", hmp_hostfwd_add, 1, 2);

static void hmp_hostfwd_remove(Monitor *mon, const HmpArgs *args)
{
    hmp_hostfwd(mon, args, true);
}
HMP_COMMAND(hmp_hostfwd_remove, "hostfwd_remove", "[netdev] [tcp|udp]:[hostaddr]:hostport",
            "end what hostfwd_add began", hmp_hostfwd_remove, 1, 2);

typedef struct InfoCall {
    SlirpPort *s;
    char *text;
} InfoCall;

static void info_at_home(void *opaque)
{
    InfoCall *c = opaque;

    slirp_lock();
    c->text = c->s->lib->slirp_connection_info(c->s->slirp);
    slirp_unlock();
}

static void hmp_info_usernet(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    net_port_foreach(collect_user, all);
    for (unsigned i = 0; i < all->len; i++) {
        InfoCall c = {.s = all->pdata[i]};

        aio_call(c.s->parent.queues[0]->ctx, info_at_home, &c);
        monitor_printf(mon, "%s:\n%s", c.s->parent.id, c.text);
        g_free(c.text);
    }
}
HMP_INFO(hmp_info_usernet, "usernet", "", "show the connections of user-mode networks",
         hmp_info_usernet, 0, 0);
