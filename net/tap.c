/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back ends "tap" and "bridge": an interface of the host whose other end is a descriptor, one a
 * queue.  Each queue is read and written in its wire's thread.
 *
 * With vnet_hdr each packet has a NetVnetHdr in front, so that checksums and segments may be left
 * to do; a peer that does not speak it gets complete frames.
 */
#include "net-internal.h"

#include "qemu/trace.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define READS_AT_ONCE 64
#define SCRIPT_UP "/etc/qemu-ifup"
#define SCRIPT_DOWN "/etc/qemu-ifdown"

typedef struct TapQueue {
    NetQueue parent;
    int fd;
    bool paused, full; /* the NIC has no room; the interface has none */
    bool disabled;     /* the kernel gives this queue no packets, and reports an error for it */
    bool dead;         /* the interface is gone */
    uint8_t *buf;
} TapQueue;

typedef struct TapPort {
    NetPort parent;
    char ifname[IFNAMSIZ];
    char *downscript;
    bool made_here;
} TapPort;

static void set_handlers(TapQueue *t);

/* --- packets --------------------------------------------------------------------------------- */

static void tap_readable(void *opaque)
{
    TapQueue *t = opaque;
    size_t skip = t->parent.port->vnet && !t->parent.vnet ? NET_VNET_HDR_LEN : 0;

    for (unsigned n = 0; n < READS_AT_ONCE; n++) {
        ssize_t got = RETRY_ON_EINTR(read(t->fd, t->buf, NET_PACKET_MAX + NET_VNET_HDR_LEN));

        if (got < 0 && errno != EAGAIN) {
            /* Its descriptor is ready for ever. */
            warn_report("netdev '%s': the interface is gone: %s", t->parent.port->id,
                        g_strerror(errno));
            t->dead = true;
            set_handlers(t);
        }
        if (got <= (ssize_t)skip) {
            return;
        }
        if (!net_send_buf(&t->parent, t->buf + skip, got - skip)) {
            t->paused = true;
            set_handlers(t);
            return;
        }
    }
}

static void tap_writable(void *opaque)
{
    TapQueue *t = opaque;

    t->full = false;
    set_handlers(t);
    net_ready(&t->parent);
}

/* Behind a header that says that nothing is left to do, or in more pieces than writev() takes. */
static ssize_t write_copy(TapQueue *t, const struct iovec *iov, unsigned niov, size_t len)
{
    size_t head = t->parent.port->vnet && !t->parent.vnet ? NET_VNET_HDR_LEN : 0;
    g_autofree uint8_t *whole = NULL;
    static const NetVnetHdr nothing;
    struct iovec few[34];

    if (head && niov < G_N_ELEMENTS(few)) {
        few[0] = (struct iovec){(void *)(uintptr_t)&nothing, head};
        memcpy(few + 1, iov, niov * sizeof(*iov));
        return RETRY_ON_EINTR(writev(t->fd, few, niov + 1));
    }
    whole = g_malloc0(head + len);
    net_iov_copy(iov, niov, 0, whole + head, len);
    return RETRY_ON_EINTR(write(t->fd, whole, head + len));
}

static bool tap_receive(NetQueue *q, const struct iovec *iov, unsigned niov, size_t len)
{
    TapQueue *t = (TapQueue *)q;
    ssize_t n;

    if (t->full) {
        return false;
    }
    if ((q->port->vnet && !q->vnet) || niov > IOV_MAX) {
        n = write_copy(t, iov, niov, len);
    } else {
        n = RETRY_ON_EINTR(writev(t->fd, iov, niov));
    }
    /* Other errors (the interface is down, a frame that it does not like): the packet is lost. */
    if (n < 0 && errno == EAGAIN) {
        t->full = true;
        set_handlers(t);
        return false;
    }
    return true;
}

static void tap_resume(NetQueue *q)
{
    ((TapQueue *)q)->paused = false;
    set_handlers((TapQueue *)q);
}

static void set_handlers(TapQueue *t)
{
    bool on = t->parent.attached && !t->disabled && !t->dead;

    aio_set_fd_handler(t->parent.ctx, t->fd, on && !t->paused ? tap_readable : NULL,
                       on && t->full ? tap_writable : NULL, t);
}

static void tap_set_offload(NetQueue *q, unsigned offloads)
{
    unsigned f = (offloads & NET_OFFLOAD_CSUM ? TUN_F_CSUM : 0) |
                 (offloads & NET_OFFLOAD_TSO4 ? TUN_F_TSO4 : 0) |
                 (offloads & NET_OFFLOAD_TSO6 ? TUN_F_TSO6 : 0) |
                 (offloads & NET_OFFLOAD_ECN ? TUN_F_TSO_ECN : 0) |
                 (offloads & NET_OFFLOAD_UFO ? TUN_F_UFO : 0) |
                 (offloads & NET_OFFLOAD_USO ? TUN_F_USO4 | TUN_F_USO6 : 0);

    TRACE(net, tap_offload, "%s queue %u 0x%x", q->port->id, q->index, f);
    if (ioctl(((TapQueue *)q)->fd, TUNSETOFFLOAD, f) < 0 && f) {
        warn_report_once("netdev '%s': TUNSETOFFLOAD 0x%x: %s", q->port->id, f, g_strerror(errno));
    }
}

static void tap_attach(NetQueue *q)
{
    TapQueue *t = (TapQueue *)q;

    t->paused = t->full = false;
    if (q->port->vnet) {
        tap_set_offload(q, 0); /* until the driver says what it takes */
    }
    set_handlers(t);
}

static void tap_detach(NetQueue *q)
{
    set_handlers((TapQueue *)q);
}

/* Only multi-queue interfaces know this; the first queue stays. */
static void tap_enable_queue(NetQueue *q, bool on)
{
    TapQueue *t = (TapQueue *)q;
    struct ifreq ifr = {.ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

    if (q->port->num_queues == 1 || t->disabled == !on) {
        return;
    }
    /* A queue that is detached must not be watched. */
    t->disabled = true;
    set_handlers(t);
    if (ioctl(t->fd, TUNSETQUEUE, &ifr) < 0) {
        warn_report_once("netdev '%s': queue %u cannot be %s: %s", q->port->id, q->index,
                         on ? "attached" : "detached", g_strerror(errno));
    }
    t->disabled = !on;
    set_handlers(t);
}

/* --- scripts, helper: main loop -------------------------------------------------------------- */

static bool run_script(const char *script, const char *ifname, GError **errp)
{
    char *argv[] = {(char *)(uintptr_t)script, (char *)(uintptr_t)ifname, NULL};
    g_autoptr(GError) err = NULL;
    int status;

    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL,
                      &status, &err)) {
        error_setg(errp, "could not launch network script '%s': %s", script, err->message);
        return false;
    }
    if (!g_spawn_check_wait_status(status, &err)) {
        error_setg(errp, "network script '%s' failed: %s", script, err->message);
        return false;
    }
    return true;
}

static int receive_fd(int sock)
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    int fd = -1;

    if (RETRY_ON_EINTR(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC)) > 0 && msg.msg_controllen &&
        control.h.cmsg_level == SOL_SOCKET && control.h.cmsg_type == SCM_RIGHTS &&
        control.h.cmsg_len == CMSG_LEN(sizeof(int))) {
        memcpy(&fd, CMSG_DATA(&control.h), sizeof(fd));
    }
    return fd;
}

static const char *default_helper(void)
{
    static const char ours[] = CONFIG_PREFIX "/libexec/qemu-bridge-helper";

    return access(ours, X_OK) == 0 ? ours : "/usr/lib/qemu/qemu-bridge-helper";
}

static void keep_fd(gpointer opaque)
{
    fcntl(GPOINTER_TO_INT(opaque), F_SETFD, 0);
}

/* The helper opens the interface with its own rights and sends the descriptor. */
static int run_helper(const char *helper, const char *br, GError **errp)
{
    g_autofree char *command = NULL;
    g_autofree char *with_args = NULL, *bridge = g_shell_quote(br);
    char *argv[] = {(char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c", NULL, NULL};
    g_autoptr(GError) err = NULL;
    int sv[2], fd = -1, status;
    GPid pid;

    helper = helper ? helper : default_helper();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0) {
        error_setg_errno(errp, errno, "no socket pair for the bridge helper");
        return -1;
    }
    command = strpbrk(helper, " \t") ? g_strdup(helper) : g_shell_quote(helper);
    with_args = g_strdup_printf(
        "exec %s --use-vnet --fd=%d%s%s", command, sv[1],
        strstr(helper, "--br=") ? "" : " --br=", strstr(helper, "--br=") ? "" : bridge);
    argv[2] = with_args;
    if (!g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN,
                       keep_fd, GINT_TO_POINTER(sv[1]), &pid, &err)) {
        error_setg(errp, "bridge helper '%s': %s", helper, err->message);
    } else {
        close(sv[1]);
        sv[1] = -1;
        fd = receive_fd(sv[0]);
        RETRY_ON_EINTR(waitpid(pid, &status, 0));
        if (fd < 0 || !g_spawn_check_wait_status(status, &err)) {
            error_setg(errp, "bridge helper '%s' failed%s%s", helper, err ? ": " : "",
                       err ? err->message : "");
            if (fd >= 0) {
                close(fd);
                fd = -1;
            }
        }
    }
    close(sv[0]);
    if (sv[1] >= 0) {
        close(sv[1]);
    }
    if (fd >= 0) {
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    return fd;
}

/* --- opening: main loop ---------------------------------------------------------------------- */

typedef struct TapOptions {
    char *ifname, *fd, *fds, *script, *downscript, *br, *helper;
    bool vnet_given, vnet;
    uint64_t queues, sndbuf;
} TapOptions;

static void tap_options_free(TapOptions *o)
{
    g_free(o->ifname);
    g_free(o->fd);
    g_free(o->fds);
    g_free(o->script);
    g_free(o->downscript);
    g_free(o->br);
    g_free(o->helper);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TapOptions, tap_options_free)

static int open_interface(const TapOptions *o, char name[IFNAMSIZ], bool *vnet, GError **errp)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    unsigned features = 0;

    if (fd < 0) {
        error_setg_errno(errp, errno, "could not open /dev/net/tun");
        return -1;
    }
    ioctl(fd, TUNGETFEATURES, &features);
    *vnet = (!o->vnet_given || o->vnet) && (features & IFF_VNET_HDR);
    if (o->vnet_given && o->vnet && !*vnet) {
        error_setg(errp, "vnet_hdr=on: this kernel's tun device does not support it");
        close(fd);
        return -1;
    }
    if (o->queues > 1 && !(features & IFF_MULTI_QUEUE)) {
        error_setg(errp, "queues=%" PRIu64 ": this kernel's tun device has one queue only",
                   o->queues);
        close(fd);
        return -1;
    }
    ifr.ifr_flags |= (*vnet ? IFF_VNET_HDR : 0) | (o->queues > 1 ? IFF_MULTI_QUEUE : 0);
    g_strlcpy(ifr.ifr_name, *name ? name : o->ifname ? o->ifname : "tap%d", IFNAMSIZ);
    if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
        error_setg_errno(errp, errno, "could not configure interface '%s'", ifr.ifr_name);
        close(fd);
        return -1;
    }
    g_strlcpy(name, ifr.ifr_name, IFNAMSIZ);
    return fd;
}

/* What a descriptor from elsewhere is. */
static bool look_at_fd(int fd, char name[IFNAMSIZ], bool *vnet, GError **errp)
{
    struct ifreq ifr = {0};

    if (ioctl(fd, TUNGETIFF, &ifr) < 0) {
        error_setg_errno(errp, errno, "the descriptor is no tap interface's");
        return false;
    }
    *vnet = ifr.ifr_flags & IFF_VNET_HDR;
    g_strlcpy(name, ifr.ifr_name, IFNAMSIZ);
    return true;
}

/* What the kernel takes from us undone. */
static unsigned probe_offloads(int fd)
{
    unsigned base = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    unsigned have = NET_OFFLOAD_CSUM;

    if (ioctl(fd, TUNSETOFFLOAD, base) == 0) {
        have |= NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 | NET_OFFLOAD_ECN;
    }
    if (ioctl(fd, TUNSETOFFLOAD, base | TUN_F_UFO) == 0) {
        have |= NET_OFFLOAD_UFO;
    }
    if (ioctl(fd, TUNSETOFFLOAD, base | TUN_F_USO4 | TUN_F_USO6) == 0) {
        have |= NET_OFFLOAD_USO;
    }
    ioctl(fd, TUNSETOFFLOAD, 0);
    return have;
}

static bool set_up_fd(TapPort *p, int fd, const TapOptions *o, GError **errp)
{
    int size = NET_VNET_HDR_LEN, sndbuf = MIN(o->sndbuf, INT_MAX);

    if (p->parent.vnet && ioctl(fd, TUNSETVNETHDRSZ, &size) < 0) {
        error_setg_errno(errp, errno, "interface '%s' does not take headers of %d bytes", p->ifname,
                         size);
        return false;
    }
    if (o->sndbuf && ioctl(fd, TUNSETSNDBUF, &sndbuf) < 0) {
        error_setg_errno(errp, errno, "sndbuf=%" PRIu64, o->sndbuf);
        return false;
    }
    if (p->parent.vnet) {
        p->parent.offered = probe_offloads(fd);
    }
    return true;
}

static bool open_queue(TapPort *p, unsigned i, const TapOptions *o, char **fds, GError **errp)
{
    TapQueue *t = (TapQueue *)p->parent.queues[i];
    char name[IFNAMSIZ] = "";
    bool vnet = false;

    if (fds) {
        t->fd = net_take_fd("fd", fds[i], errp);
    } else if (o->helper || o->br) {
        t->fd = run_helper(o->helper, o->br ? o->br : "br0", errp);
    } else {
        t->fd = open_interface(o, p->ifname, &vnet, errp);
        p->made_here = t->fd >= 0;
    }
    if (t->fd < 0) {
        return false;
    }
    if (!p->made_here) {
        if (!look_at_fd(t->fd, name, &vnet, errp)) {
            return false;
        }
        if (o->vnet_given && o->vnet && !vnet) {
            error_setg(errp, "vnet_hdr=on: the descriptor of '%s' was opened without it", name);
            return false;
        }
        if (i && strcmp(name, p->ifname)) {
            error_setg(errp, "the descriptors belong to different interfaces: '%s', '%s'",
                       p->ifname, name);
            return false;
        }
        g_strlcpy(p->ifname, name, IFNAMSIZ);
    }
    if (i && vnet != p->parent.vnet) {
        error_setg(errp, "the descriptors differ in vnet_hdr");
        return false;
    }
    p->parent.vnet = vnet;
    t->buf = g_malloc(NET_PACKET_MAX + NET_VNET_HDR_LEN);
    return set_up_fd(p, t->fd, o, errp);
}

static void tap_cleanup(NetPort *port)
{
    TapPort *p = (TapPort *)port;
    g_autoptr(GError) err = NULL;

    for (unsigned i = 0; i < port->num_queues; i++) {
        TapQueue *t = (TapQueue *)port->queues[i];

        if (t->fd >= 0) {
            close(t->fd);
        }
        g_free(t->buf);
    }
    if (p->downscript && !run_script(p->downscript, p->ifname, &err)) {
        warn_report("netdev '%s': %s", port->id, err->message);
    }
    g_free(p->downscript);
}

static char *tap_describe(NetPort *port)
{
    return g_strdup_printf("ifname=%s,vnet_hdr=%s", ((TapPort *)port)->ifname,
                           port->vnet ? "on" : "off");
}

#define TAP_INFO(t) \
    { \
        .type = t, .size = sizeof(TapPort), .queue_size = sizeof(TapQueue), \
        .receive = tap_receive, .resume = tap_resume, .attach = tap_attach, .detach = tap_detach, \
        .cleanup = tap_cleanup, .describe = tap_describe, .set_offload = tap_set_offload, \
        .enable_queue = tap_enable_queue, \
    }
static const NetPortInfo tap_info = TAP_INFO(NET_CLIENT_DRIVER_TAP);
static const NetPortInfo bridge_info = TAP_INFO(NET_CLIENT_DRIVER_BRIDGE);

/* "no": none; not given: the usual one if there is one. */
static char *script_of(const char *given, const char *usual)
{
    if (given) {
        return strcmp(given, "no") && *given ? g_strdup(given) : NULL;
    }
    return access(usual, X_OK) == 0 ? g_strdup(usual) : NULL;
}

static NetPort *open_port(const NetPortInfo *info, const char *id, const TapOptions *o,
                          GError **errp)
{
    g_auto(GStrv) fds = o->fd    ? g_strsplit(o->fd, ":", 1)
                        : o->fds ? g_strsplit(o->fds, ":", -1)
                                 : NULL;
    unsigned n = fds ? g_strv_length(fds) : o->queues;
    g_autofree char *script = NULL;
    TapPort *p;

    if (n < 1 || n > NET_QUEUES_MAX) {
        error_setg(errp, "there can be 1 to %d queues, not %u", NET_QUEUES_MAX, n);
        return NULL;
    }
    p = (TapPort *)net_port_new(info, id, n, errp);
    if (!p) {
        return NULL;
    }
    for (unsigned i = 0; i < n; i++) {
        ((TapQueue *)p->parent.queues[i])->fd = -1;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!open_queue(p, i, o, fds, errp)) {
            net_port_free(&p->parent);
            return NULL;
        }
    }
    if (p->made_here) {
        script = script_of(o->script, SCRIPT_UP);
        if (script && !run_script(script, p->ifname, errp)) {
            net_port_free(&p->parent);
            return NULL;
        }
        p->downscript = script_of(o->downscript, SCRIPT_DOWN);
    }
    net_port_start(&p->parent);
    return &p->parent;
}

/* vhost=on asks for speed and may be declined; vhostforce=on insists.  Management software passes
 * descriptors of /dev/vhost-net without being asked. */
static bool decline_vhost(json_object *opts, GError **errp)
{
    static const char *const keys[] = {"vhostfd", "vhostfds"};
    bool vhost, force;

    if (!opts_take_bool(opts, "vhost", false, &vhost, errp) ||
        !opts_take_bool(opts, "vhostforce", false, &force, errp)) {
        return false;
    }
    g_free(opts_take_str(opts, "poll-us"));
    if (force) {
        error_setg(errp, "vhostforce=on: vhost-net is not built in; leave it out: the queues are "
                         "served by the device's IOThread");
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *text = opts_take_str(opts, keys[i]);
        g_auto(GStrv) names = text ? g_strsplit(text, ":", -1) : NULL;

        for (char **name = names; name && *name; name++) {
            int fd = net_take_fd(keys[i], *name, errp);

            if (fd < 0) {
                return false;
            }
            close(fd);
        }
    }
    if (vhost) {
        warn_report("vhost=on: vhost-net is not built in; the queues are served by the device's "
                    "IOThread");
    }
    return true;
}

static bool check_options(const TapOptions *o, bool queues_given, GError **errp)
{
    if (!!o->fd + !!o->fds + !!(o->helper || o->br) + !!o->ifname > 1) {
        error_setg(errp, "only one of ifname=, fd=, fds= and helper= can be given");
        return false;
    }
    if ((o->fd || o->fds || o->helper || o->br) && (o->script || o->downscript || queues_given)) {
        error_setg(errp, "script=, downscript= and queues= are only for interfaces that are opened "
                         "here, not beside fd=, fds=, br= or helper=");
        return false;
    }
    if (o->ifname && (strlen(o->ifname) >= IFNAMSIZ || !*o->ifname)) {
        error_setg(errp, "ifname=%s: an interface's name has 1 to %d characters", o->ifname,
                   IFNAMSIZ - 1);
        return false;
    }
    return true;
}

static NetPort *tap_open(const char *id, json_object *opts, GError **errp)
{
    bool queues_given = json_object_object_get_ex(opts, "queues", NULL);
    g_auto(TapOptions) o = {
        .ifname = opts_take_str(opts, "ifname"),
        .fd = opts_take_str(opts, "fd"),
        .fds = opts_take_str(opts, "fds"),
        .script = opts_take_str(opts, "script"),
        .downscript = opts_take_str(opts, "downscript"),
        .br = opts_take_str(opts, "br"),
        .helper = opts_take_str(opts, "helper"),
        .vnet_given = json_object_object_get_ex(opts, "vnet_hdr", NULL),
    };
    g_autoptr(GError) err = NULL;
    NetPort *p = NULL;

    if (opts_take_bool(opts, "vnet_hdr", true, &o.vnet, &err) &&
        opts_take_uint(opts, "queues", 1, NET_QUEUES_MAX, &o.queues, &err) &&
        opts_take_size(opts, "sndbuf", 0, &o.sndbuf, &err) && decline_vhost(opts, &err) &&
        check_options(&o, queues_given, &err)) {
        p = open_port(&tap_info, id, &o, &err);
    }
    if (err) {
        error_setg(errp, "tap: %s", err->message);
    }
    return p;
}

static NetPort *bridge_open(const char *id, json_object *opts, GError **errp)
{
    g_auto(TapOptions)
        o = {.br = opts_take_str(opts, "br"), .helper = opts_take_str(opts, "helper"), .queues = 1};
    g_autoptr(GError) err = NULL;
    NetPort *p;

    o.br = o.br ? o.br : g_strdup("br0");
    p = open_port(&bridge_info, id, &o, &err);
    if (err) {
        error_setg(errp, "bridge: %s", err->message);
    }
    return p;
}

static const char *const tap_keys[] = {
    "type",       "id",       "ifname",     "fd",     "fds",      "script",
    "downscript", "br",       "helper",     "sndbuf", "vnet_hdr", "vhost",
    "vhostfd",    "vhostfds", "vhostforce", "queues", "poll-us",  NULL};
static const char *const bridge_keys[] = {"type", "id", "br", "helper", NULL};

const NetBackend net_backend_tap = {
    .type = NET_CLIENT_DRIVER_TAP,
    .known = tap_keys,
    .open = tap_open,
};
const NetBackend net_backend_bridge = {
    .type = NET_CLIENT_DRIVER_BRIDGE,
    .known = bridge_keys,
    .open = bridge_open,
};
