/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back end "user": a network of the process's own, made by libslirp, which turns the guest's
 * connections into sockets of this process.
 *
 * libslirp says which descriptors it waits for; they are watched in the wire's thread and only
 * changes reach the event loop.  While the NIC has no room, sockets are not read.
 */
#include "slirp.h"

#include "qemu/log.h"
#include "qemu/trace.h"

#include <arpa/inet.h>

#define MAX_HOSTNAME 32

typedef struct SlirpTimer {
    SlirpPort *s;
    SlirpTimerCb cb;
    void *opaque;
    AioTimer *timer; /* NULL: between two threads */
    int64_t expire;  /* ns; -1: not set */
} SlirpTimer;

static QemuMutex lock;

void slirp_lock(void) TSA_NO_ANALYSIS
{
    qemu_mutex_lock(&lock);
}

void slirp_unlock(void) TSA_NO_ANALYSIS
{
    qemu_mutex_unlock(&lock);
}

void slirp_port_wake(SlirpPort *s)
{
    QEMU_LOCK_GUARD(&s->bh_lock);
    if (s->bh) {
        aio_bh_schedule(s->bh);
    }
}

/* --- what libslirp calls: wire's thread, locked ---------------------------------------------- */

static ssize_t send_packet(const void *buf, size_t len, void *opaque)
{
    SlirpPort *s = opaque;

    if (!net_send_buf(s->parent.queues[0], buf, len)) {
        s->paused = true;
        slirp_port_wake(s);
    }
    return len;
}

static void guest_error(const char *msg, void *opaque)
{
    TRACE(net, slirp_guest_error, "%s", msg);
}

static int64_t clock_get_ns(void *opaque)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static void timer_fired(void *opaque)
{
    SlirpTimer *t = opaque;
    SlirpPort *s = t->s;

    slirp_lock();
    t->expire = -1;
    t->cb(t->opaque);
    slirp_unlock();
    slirp_port_wake(s);
}

static void *timer_new(SlirpTimerCb cb, void *cb_opaque, void *opaque)
{
    SlirpPort *s = opaque;
    SlirpTimer *t = g_new0(SlirpTimer, 1);

    t->s = s;
    t->cb = cb;
    t->opaque = cb_opaque;
    t->expire = -1;
    g_ptr_array_add(s->timers, t);
    if (s->parent.queues[0]->attached) {
        t->timer = aio_timer_new(s->parent.queues[0]->ctx, QEMU_CLOCK_VIRTUAL, timer_fired, t);
    }
    return t;
}

static void timer_free(void *timer, void *opaque)
{
    SlirpTimer *t = timer;

    g_clear_pointer(&t->timer, aio_timer_free);
    g_ptr_array_remove_fast(t->s->timers, t);
    g_free(t);
}

static void timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    SlirpTimer *t = timer;

    t->expire = expire_ms * SCALE_MS;
    if (t->timer) {
        aio_timer_mod(t->timer, t->expire);
    }
}

static void register_poll_fd(int fd, void *opaque)
{
}

/* The descriptor is about to be closed. */
static void unregister_poll_fd(int fd, void *opaque)
{
    SlirpPort *s = opaque;

    if (g_hash_table_remove(s->watch, GINT_TO_POINTER(fd))) {
        aio_set_fd_handler(s->parent.queues[0]->ctx, fd, NULL, NULL, NULL);
    }
}

static void notify(void *opaque)
{
    slirp_port_wake(opaque);
}

static const SlirpCb callbacks = {
    .send_packet = send_packet,
    .guest_error = guest_error,
    .clock_get_ns = clock_get_ns,
    .timer_new = timer_new,
    .timer_free = timer_free,
    .timer_mod = timer_mod,
    .register_poll_fd = register_poll_fd,
    .unregister_poll_fd = unregister_poll_fd,
    .notify = notify,
};

/* --- descriptors and deadlines: wire's thread ------------------------------------------------ */

static int add_poll(int fd, int events, void *opaque)
{
    SlirpPort *s = opaque;
    struct pollfd p = {.fd = fd};

    if (s->paused) {
        events &= ~(SLIRP_POLL_IN | SLIRP_POLL_PRI);
    }
    p.events = (events & SLIRP_POLL_IN ? POLLIN : 0) | (events & SLIRP_POLL_OUT ? POLLOUT : 0) |
               (events & SLIRP_POLL_PRI ? POLLPRI : 0);
    g_array_append_val(s->polls, p);
    return s->polls->len - 1;
}

static int get_revents(int idx, void *opaque)
{
    SlirpPort *s = opaque;
    short r = g_array_index(s->polls, struct pollfd, idx).revents;

    return (r & POLLIN ? SLIRP_POLL_IN : 0) | (r & POLLOUT ? SLIRP_POLL_OUT : 0) |
           (r & POLLPRI ? SLIRP_POLL_PRI : 0) | (r & POLLERR ? SLIRP_POLL_ERR : 0) |
           (r & POLLHUP ? SLIRP_POLL_HUP : 0);
}

static void fd_ready(void *opaque)
{
    aio_bh_schedule(((SlirpPort *)opaque)->bh);
}

static gboolean forget_fd(gpointer fd, gpointer events, gpointer opaque)
{
    SlirpPort *s = opaque;

    aio_set_fd_handler(s->parent.queues[0]->ctx, GPOINTER_TO_INT(fd), NULL, NULL, NULL);
    return true;
}

/* Changes between what is watched and what is to be. */
static void watch_fds(SlirpPort *s)
{
    AioContext *ctx = s->parent.queues[0]->ctx;
    g_autoptr(GHashTable) old = s->watch;

    s->watch = g_hash_table_new(NULL, NULL);
    for (unsigned i = 0; i < s->polls->len; i++) {
        struct pollfd *p = &g_array_index(s->polls, struct pollfd, i);
        int events = p->events & (POLLIN | POLLOUT);
        gpointer key = GINT_TO_POINTER(p->fd);
        int was = GPOINTER_TO_INT(g_hash_table_lookup(old, key));

        g_hash_table_remove(old, key);
        if (!events) {
            if (was) {
                aio_set_fd_handler(ctx, p->fd, NULL, NULL, NULL);
            }
            continue;
        }
        g_hash_table_insert(s->watch, key, GINT_TO_POINTER(events));
        if (was != events) {
            aio_set_fd_handler(ctx, p->fd, events & POLLIN ? fd_ready : NULL,
                               events & POLLOUT ? fd_ready : NULL, s);
        }
    }
    g_hash_table_foreach_remove(old, forget_fd, s);
}

static void look(void *opaque)
{
    SlirpPort *s = opaque;
    uint32_t timeout = UINT32_MAX;
    int n;

    slirp_lock();
    if (s->polls->len) {
        n = poll((struct pollfd *)(void *)s->polls->data, s->polls->len, 0);
        s->lib->slirp_pollfds_poll(s->slirp, n < 0, get_revents, s);
    } else {
        s->lib->slirp_pollfds_poll(s->slirp, 0, get_revents, s);
    }
    slirp_forwards_run(s);
    g_array_set_size(s->polls, 0);
    s->lib->slirp_pollfds_fill(s->slirp, &timeout, add_poll, s);
    watch_fds(s);
    slirp_unlock();
    if (timeout != UINT32_MAX) {
        aio_timer_mod(s->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + timeout * SCALE_MS);
    } else {
        aio_timer_del(s->timer);
    }
}

static bool user_receive(NetQueue *q, const struct iovec *iov, unsigned niov, size_t len)
{
    SlirpPort *s = (SlirpPort *)q->port;

    /* A copy: the guest must not change what was checked. */
    net_iov_copy(iov, niov, 0, s->buf, len);
    slirp_lock();
    s->lib->slirp_input(s->slirp, s->buf, (int)len);
    slirp_unlock();
    aio_bh_schedule(s->bh);
    return true;
}

static void user_resume(NetQueue *q)
{
    SlirpPort *s = (SlirpPort *)q->port;

    s->paused = false;
    slirp_port_wake(s);
}

static void user_attach(NetQueue *q)
{
    SlirpPort *s = (SlirpPort *)q->port;

    s->paused = false;
    s->timer = aio_timer_new(q->ctx, QEMU_CLOCK_VIRTUAL, look, s);
    for (unsigned i = 0; i < s->timers->len; i++) {
        SlirpTimer *t = s->timers->pdata[i];

        t->timer = aio_timer_new(q->ctx, QEMU_CLOCK_VIRTUAL, timer_fired, t);
        if (t->expire >= 0) {
            aio_timer_mod(t->timer, t->expire);
        }
    }
    qemu_mutex_lock(&s->bh_lock);
    s->bh = aio_bh_new(q->ctx, look, s);
    aio_bh_schedule(s->bh);
    qemu_mutex_unlock(&s->bh_lock);
}

static void user_detach(NetQueue *q)
{
    SlirpPort *s = (SlirpPort *)q->port;

    qemu_mutex_lock(&s->bh_lock);
    g_clear_pointer(&s->bh, aio_bh_delete);
    qemu_mutex_unlock(&s->bh_lock);
    g_clear_pointer(&s->timer, aio_timer_free);
    for (unsigned i = 0; i < s->timers->len; i++) {
        g_clear_pointer(&((SlirpTimer *)s->timers->pdata[i])->timer, aio_timer_free);
    }
    g_hash_table_foreach_remove(s->watch, forget_fd, s);
    g_array_set_size(s->polls, 0);
}

/* --- life: main loop ------------------------------------------------------------------------- */

static void user_cleanup(NetPort *p)
{
    SlirpPort *s = (SlirpPort *)p;

    slirp_forwards_free(s);
    if (s->slirp) {
        slirp_lock();
        s->lib->slirp_cleanup(s->slirp);
        slirp_unlock();
    }
    g_array_unref(s->polls);
    g_hash_table_unref(s->watch);
    g_ptr_array_unref(s->timers);
    g_ptr_array_unref(s->forwards);
    qemu_mutex_destroy(&s->bh_lock);
    g_free(s->buf);
}

static char *user_describe(NetPort *p)
{
    SlirpPort *s = (SlirpPort *)p;
    char net[INET_ADDRSTRLEN] = "", mask[INET_ADDRSTRLEN] = "";

    inet_ntop(AF_INET, &s->net, net, sizeof(net));
    inet_ntop(AF_INET, &s->mask, mask, sizeof(mask));
    return g_strdup_printf("net=%s,mask=%s,restrict=%s", net, mask, s->restricted ? "on" : "off");
}

static const NetPortInfo user_info = {
    .type = NET_CLIENT_DRIVER_USER,
    .size = sizeof(SlirpPort),
    .receive = user_receive,
    .resume = user_resume,
    .attach = user_attach,
    .detach = user_detach,
    .cleanup = user_cleanup,
    .describe = user_describe,
};

/* --- options --------------------------------------------------------------------------------- */

static bool take_ipv4(json_object *opts, const char *key, struct in_addr net, struct in_addr mask,
                      struct in_addr *addr, GError **errp)
{
    g_autofree char *text = opts_take_str(opts, key);

    if (!text) {
        return true;
    }
    if (inet_pton(AF_INET, text, addr) != 1) {
        error_setg(errp, "%s=%s: expected an IPv4 address", key, text);
        return false;
    }
    if ((addr->s_addr & mask.s_addr) != net.s_addr) {
        error_setg(errp, "%s=%s: the address is not in the network", key, text);
        return false;
    }
    return true;
}

/* ADDRESS, ADDRESS/BITS or ADDRESS/MASK. */
static bool parse_net(const char *text, struct in_addr *net, struct in_addr *mask, GError **errp)
{
    g_auto(GStrv) part = g_strsplit(text, "/", 2);
    uint64_t bits;
    uint32_t m, first;

    if (inet_pton(AF_INET, part[0] ? part[0] : "", net) != 1) {
        error_setg(errp, "net=%s: expected ADDRESS/BITS", text);
        return false;
    }
    first = ntohl(net->s_addr) >> 24;
    if (!part[1]) {
        m = first < 128 ? 0xff000000 : first < 192 ? 0xffff0000 : 0xffffff00;
    } else if (strchr(part[1], '.')) {
        if (inet_pton(AF_INET, part[1], mask) != 1) {
            error_setg(errp, "net=%s: '%s' is no mask", text, part[1]);
            return false;
        }
        m = ntohl(mask->s_addr);
    } else {
        if (!parse_uint("net", part[1], 32, &bits, errp)) {
            return false;
        }
        m = bits ? ~0u << (32 - bits) : 0;
    }
    if (m < 0xff000000 || m > 0xfffffffc || (~m & (~m + 1))) {
        error_setg(errp, "net=%s: the network must have 8 to 30 bits", text);
        return false;
    }
    mask->s_addr = htonl(m);
    net->s_addr &= mask->s_addr;
    return true;
}

static bool take_v4_config(SlirpPort *s, SlirpConfig *cfg, json_object *opts, GError **errp)
{
    g_autofree char *net = opts_take_str(opts, "net"), *ip = opts_take_str(opts, "ip");
    uint32_t base;

    if (net && ip) {
        error_setg(errp, "net= and ip= are the same: give one");
        return false;
    }
    if (!parse_net(net ? net : ip ? ip : "10.0.2.0/24", &s->net, &s->mask, errp)) {
        return false;
    }
    base = ntohl(s->net.s_addr);
    s->host.s_addr = htonl(base | (2 & ~ntohl(s->mask.s_addr)));
    cfg->vnameserver.s_addr = htonl(base | (3 & ~ntohl(s->mask.s_addr)));
    s->dhcp_start.s_addr = htonl(base | (15 & ~ntohl(s->mask.s_addr)));
    if (!take_ipv4(opts, "host", s->net, s->mask, &s->host, errp) ||
        !take_ipv4(opts, "dns", s->net, s->mask, &cfg->vnameserver, errp) ||
        !take_ipv4(opts, "dhcpstart", s->net, s->mask, &s->dhcp_start, errp)) {
        return false;
    }
    if (cfg->in_enabled &&
        (s->host.s_addr == cfg->vnameserver.s_addr || s->dhcp_start.s_addr == s->host.s_addr ||
         s->dhcp_start.s_addr == cfg->vnameserver.s_addr)) {
        error_setg(errp, "host=, dns= and dhcpstart= must be different addresses");
        return false;
    }
    cfg->vnetwork = s->net;
    cfg->vnetmask = s->mask;
    cfg->vhost = s->host;
    cfg->vdhcp_start = s->dhcp_start;
    return true;
}

static bool in_prefix(const struct in6_addr *a, const struct in6_addr *net, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++) {
        if ((a->s6_addr[i / 8] ^ net->s6_addr[i / 8]) & (0x80 >> (i % 8))) {
            return false;
        }
    }
    return true;
}

static bool take_v6_config(SlirpConfig *cfg, json_object *opts, GError **errp)
{
    g_autofree char *net = opts_take_str(opts, "ipv6-net");
    g_autofree char *prefix = opts_take_str(opts, "ipv6-prefix");
    g_autofree char *host = opts_take_str(opts, "ipv6-host");
    g_autofree char *dns = opts_take_str(opts, "ipv6-dns");
    uint64_t bits = 64;

    if (net && !prefix) {
        char *slash = strchr(net, '/');

        if (slash) {
            *slash = 0;
            if (!parse_uint("ipv6-net", slash + 1, 126, &bits, errp)) {
                return false;
            }
        }
        prefix = g_steal_pointer(&net);
    }
    if (!opts_take_uint(opts, "ipv6-prefixlen", bits, 126, &bits, errp)) {
        return false;
    }
    if (inet_pton(AF_INET6, prefix ? prefix : "fec0::", &cfg->vprefix_addr6) != 1) {
        error_setg(errp, "ipv6-prefix=%s: expected an IPv6 address", prefix);
        return false;
    }
    cfg->vprefix_len = bits;
    cfg->vhost6 = cfg->vnameserver6 = cfg->vprefix_addr6;
    cfg->vhost6.s6_addr[15] |= 2;
    cfg->vnameserver6.s6_addr[15] |= 3;
    if (host && (inet_pton(AF_INET6, host, &cfg->vhost6) != 1 ||
                 !in_prefix(&cfg->vhost6, &cfg->vprefix_addr6, bits))) {
        error_setg(errp, "ipv6-host=%s: expected an IPv6 address in the network", host);
        return false;
    }
    if (dns && (inet_pton(AF_INET6, dns, &cfg->vnameserver6) != 1 ||
                !in_prefix(&cfg->vnameserver6, &cfg->vprefix_addr6, bits))) {
        error_setg(errp, "ipv6-dns=%s: expected an IPv6 address in the network", dns);
        return false;
    }
    return true;
}

/* [{"str": TEXT}, ...] as NULL-terminated texts. */
static char **take_list(json_object *opts, const char *key)
{
    GPtrArray *out = g_ptr_array_new();
    json_object *list;

    if (json_object_object_get_ex(opts, key, &list)) {
        for (size_t i = 0;
             json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
             i++) {
            json_object *e = json_object_array_get_idx(list, i), *str;

            if (json_object_is_type(e, json_type_object) &&
                json_object_object_get_ex(e, "str", &str)) {
                e = str;
            }
            g_ptr_array_add(out, g_strdup(json_object_get_string(e)));
        }
        json_object_object_del(opts, key);
    }
    g_ptr_array_add(out, NULL);
    return (char **)g_ptr_array_free(out, FALSE);
}

static bool take_families(SlirpConfig *cfg, json_object *opts, GError **errp)
{
    bool has4 = json_object_object_get_ex(opts, "ipv4", NULL);
    bool has6 = json_object_object_get_ex(opts, "ipv6", NULL), v4, v6;

    if (!opts_take_bool(opts, "ipv4", true, &v4, errp) ||
        !opts_take_bool(opts, "ipv6", true, &v6, errp)) {
        return false;
    }
    /* Asking for one alone leaves the other out; switching one off leaves the other on. */
    cfg->in_enabled = has4 ? v4 : !(has6 && v6);
    cfg->in6_enabled = has6 ? v6 : !(has4 && v4);
    if (!cfg->in_enabled && !cfg->in6_enabled) {
        error_setg(errp, "ipv4=off and ipv6=off: nothing is left");
        return false;
    }
    return true;
}

static bool add_forwards(SlirpPort *s, char **hostfwd, char **guestfwd, GError **errp)
{
    for (char **t = hostfwd; *t; t++) {
        if (!slirp_hostfwd(s, *t, false, errp)) {
            return false;
        }
    }
    for (char **t = guestfwd; *t; t++) {
        if (!slirp_guestfwd(s, *t, errp)) {
            return false;
        }
    }
    return true;
}

static bool configure(SlirpPort *s, json_object *opts, GError **errp)
{
    g_autofree char *hostname = opts_take_str(opts, "hostname"),
                    *tftp = opts_take_str(opts, "tftp"),
                    *bootfile = opts_take_str(opts, "bootfile"),
                    *domain = opts_take_str(opts, "domainname"),
                    *tftp_name = opts_take_str(opts, "tftp-server-name");
    g_auto(GStrv) search = take_list(opts, "dnssearch"), hostfwd = take_list(opts, "hostfwd"),
                  guestfwd = take_list(opts, "guestfwd");
    SlirpConfig cfg = {.version = 1};

    if (!take_families(&cfg, opts, errp) ||
        !opts_take_bool(opts, "restrict", false, &s->restricted, errp) ||
        !take_v4_config(s, &cfg, opts, errp) || !take_v6_config(&cfg, opts, errp)) {
        return false;
    }
    if (hostname && strlen(hostname) > MAX_HOSTNAME) {
        error_setg(errp, "hostname=%s: at most %d characters", hostname, MAX_HOSTNAME);
        return false;
    }
    if ((domain && strlen(domain) > 255) || (tftp_name && strlen(tftp_name) > 255)) {
        error_setg(errp, "domainname= and tftp-server-name= have at most 255 characters");
        return false;
    }
    if (bootfile && strlen(bootfile) > 127) {
        error_setg(errp, "bootfile=%s: at most 127 characters", bootfile);
        return false;
    }
    cfg.restricted = s->restricted;
    cfg.vhostname = hostname;
    cfg.tftp_server_name = tftp_name;
    cfg.tftp_path = tftp;
    cfg.bootfile = bootfile;
    cfg.vdnssearch = *search ? (const char **)search : NULL;
    cfg.vdomainname = domain;
    slirp_lock();
    s->slirp = s->lib->slirp_new(&cfg, &callbacks, s);
    slirp_unlock();
    if (!s->slirp) {
        error_setg(errp, "libslirp refuses the configuration");
        return false;
    }
    return add_forwards(s, hostfwd, guestfwd, errp);
}

static NetPort *user_open(const char *id, json_object *opts, GError **errp)
{
    static gsize once;
    g_autoptr(GError) err = NULL;
    const SlirpLib *lib = slirp_lib_load(errp);
    SlirpPort *s;

    if (g_once_init_enter(&once)) {
        qemu_mutex_init(&lock);
        g_once_init_leave(&once, 1);
    }
    s = lib ? (SlirpPort *)net_port_new(&user_info, id, 1, errp) : NULL;
    if (!s) {
        return NULL;
    }
    s->lib = lib;
    qemu_mutex_init(&s->bh_lock);
    s->polls = g_array_new(false, true, sizeof(struct pollfd));
    s->watch = g_hash_table_new(NULL, NULL);
    s->timers = g_ptr_array_new();
    s->forwards = g_ptr_array_new();
    s->buf = g_malloc(NET_PACKET_MAX + NET_VNET_HDR_LEN);
    if (!configure(s, opts, &err)) {
        error_setg(errp, "user: %s", err->message);
        net_port_free(&s->parent);
        return NULL;
    }
    net_port_start(&s->parent);
    return &s->parent;
}

static const char *const user_keys[] = {"type",
                                        "id",
                                        "hostname",
                                        "restrict",
                                        "ipv4",
                                        "ipv6",
                                        "ip",
                                        "net",
                                        "host",
                                        "tftp",
                                        "bootfile",
                                        "dhcpstart",
                                        "dns",
                                        "dnssearch",
                                        "hostfwd",
                                        "guestfwd",
                                        "domainname",
                                        "ipv6-net",
                                        "ipv6-prefix",
                                        "ipv6-prefixlen",
                                        "ipv6-host",
                                        "ipv6-dns",
                                        "tftp-server-name",
                                        NULL};

const NetBackend net_backend_user = {
    .type = NET_CLIENT_DRIVER_USER,
    .known = user_keys,
    .open = user_open,
};
