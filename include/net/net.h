/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks: what has packets (back ends, NICs, ports of hubs) and the wires between two of them.
 *
 * A NetPort is one end: it has a name, options and one NetQueue or more.  Queue i of one port is
 * wired to queue i of its peer.  A wire lives in one event loop, the NIC's: packets go from end to
 * end by function calls in that thread, and a back end's descriptors are watched there.  Ports
 * come, go and are wired in the main loop, which stops a wire before it changes it.
 *
 * Flow control.  A receiver that has no room refuses the packet; then the wire keeps a copy
 * (bounded), and the sender pauses until its resume() is called.  A sender that goes on all the
 * same fills the backlog, after which its packets are dropped and counted.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "qapi/qapi-types.h"
#include "qemu/aio.h"
#include "qemu/error.h"
#include "qom/object.h"

#include <json-c/json.h>

#define NET_ALEN 6
#define NET_PACKET_MAX 65550 /* a frame of the largest segment: 64 KiB and headers */
#define NET_VNET_HDR_LEN 12  /* before each packet of a wire with vnet set */
#define NET_QUEUES_MAX 256

/* The header of virtio 1.2, section 5.1.6, which tap speaks, too. */
typedef struct NetVnetHdr {
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
} NetVnetHdr;
G_STATIC_ASSERT(sizeof(NetVnetHdr) == NET_VNET_HDR_LEN);

#define NET_HDR_F_NEEDS_CSUM 1
#define NET_HDR_F_DATA_VALID 2
#define NET_GSO_NONE 0
#define NET_GSO_TCPV4 1
#define NET_GSO_UDP 3
#define NET_GSO_TCPV6 4
#define NET_GSO_UDP_L4 5
#define NET_GSO_ECN 0x80

/* What a receiver of a wire with vnet set can take undone. */
enum {
    NET_OFFLOAD_CSUM = 1,
    NET_OFFLOAD_TSO4 = 2,
    NET_OFFLOAD_TSO6 = 4,
    NET_OFFLOAD_ECN = 8,
    NET_OFFLOAD_UFO = 16,
    NET_OFFLOAD_USO = 32,
};

typedef struct NetPort NetPort;
typedef struct NetQueue NetQueue;
typedef struct NetFilter NetFilter;

/* What kind of end it is.  All but receive may be NULL. */
typedef struct NetPortInfo {
    NetClientDriver type;
    size_t size;       /* of a structure that begins with a NetPort; 0: just that */
    size_t queue_size; /* likewise of a NetQueue */
    /* Wire's thread.  A packet comes.  False: there is no room, nothing was taken; net_ready() will
     * be called when there is. */
    bool (*receive)(NetQueue *q, const struct iovec *iov, unsigned niov, size_t len);
    /* Wire's thread: after net_send() said false: there is room again. */
    void (*resume)(NetQueue *q);
    /* In q->ctx: the queue lives there from now on / no longer.  Descriptors are watched in
     * between.
     */
    void (*attach)(NetQueue *q);
    void (*detach)(NetQueue *q);
    /* Main loop. */
    void (*link_changed)(NetPort *p);
    void (*cleanup)(NetPort *p);
    char *(*describe)(NetPort *p); /* for info network: "net=10.0.2.0,restrict=off"; g_free */
    RxFilterInfo *(*query_rx_filter)(NetPort *p);
    void (*announce)(NetPort *p);
    /* In q->ctx: what the peer takes undone (NET_OFFLOAD_*). */
    void (*set_offload)(NetQueue *q, unsigned offloads);
    /* In q->ctx: the queue gets packets, or not. */
    void (*enable_queue)(NetQueue *q, bool on);
} NetPortInfo;

typedef struct NetPacket NetPacket;

struct NetQueue {
    NetPort *port;
    unsigned index;
    AioContext *ctx; /* main loop changes it while the wire stands still */
    /* --- wire's thread --- */
    NetQueue *peer;
    bool vnet;     /* packets begin with a NetVnetHdr */
    bool attached; /* between attach() and detach() */
    bool paused;   /* resume() is owed */
    bool flushing;
    NetPacket *backlog, **backlog_tail; /* sent by this queue, refused by the peer */
    unsigned backlog_len;
    size_t backlog_bytes;
    GPtrArray *filters;         /* NetFilter *, the port's; NULL: none */
    uint64_t packets, bytes;    /* that this queue sent; relaxed for readers elsewhere */
    uint64_t dropped, deferred; /* lost; kept because the peer had no room */
};

struct NetPort {
    const NetPortInfo *info;
    char *id;
    char *model; /* NIC: its device's type; else NULL */
    NetPort *peer;
    bool link_down;   /* by set_link on this end; atomic */
    bool vnet;        /* it can speak NetVnetHdr */
    unsigned offered; /* NET_OFFLOAD_*: a back end with vnet takes these undone */
    bool deleted;     /* taken out of the list by its id already */
    unsigned num_queues;
    NetQueue **queues;
};

/* Sees packets; may change neither them nor the wire.  Wire's thread. */
struct NetFilter {
    NetPort *port;
    bool (*wants)(NetFilter *f, bool from_port);
    void (*packet)(NetFilter *f, const struct iovec *iov, unsigned niov, size_t len, bool vnet);
};

/* --- the ends: main loop --------------------------------------------------------------------- */

/* A new port with n queues, in the main loop's context, attached. id must be free. */
NetPort *net_port_new(const NetPortInfo *info, const char *id, unsigned n, GError **errp);
/* The descriptors are there: queues may be watched. */
void net_port_start(NetPort *p);
/* Ends its wire, detaches, cleans up, frees. */
void net_port_free(NetPort *p);
/* By id; netdevs and hub ports, or NICs as well. NULL: none. */
NetPort *net_port_find(const char *id, bool nics_too);
void net_port_foreach(void (*fn)(NetPort *p, void *opaque), void *opaque);
/* Wires two ports.  The wire lives in nic's contexts: ctx[i] for queue i (NULL: the main loop). */
bool net_connect(NetPort *nic, NetPort *be, AioContext *const *ctx, GError **errp);
/* Ends p's wire, if it has one; returns when no packet is on it. */
void net_disconnect(NetPort *p);
/* Both ends are up. Any thread. */
bool net_link_is_up(NetPort *p);
void net_set_link(NetPort *p, bool up);
/* A filter on p's wires. */
void net_filter_add(NetPort *p, NetFilter *f);
void net_filter_remove(NetFilter *f);

/* --- packets: wire's thread ------------------------------------------------------------------ */

/* Sends to the peer.  False: pause, resume() will be called. */
bool net_send(NetQueue *q, const struct iovec *iov, unsigned niov);
static inline bool net_send_buf(NetQueue *q, const void *buf, size_t len)
{
    struct iovec iov = {(void *)(uintptr_t)buf, len};

    return net_send(q, &iov, 1);
}
/* The receiver has room (again): what is in its peer's backlog is delivered, and the peer goes on.
 */
void net_ready(NetQueue *receiver);

size_t net_iov_len(const struct iovec *iov, unsigned niov);
/* Copies a packet into one piece; its length, at most size. */
size_t net_iov_copy(const struct iovec *iov, unsigned niov, size_t skip, void *buf, size_t size);

/* --- options: main loop ---------------------------------------------------------------------- */

/* -netdev: key=value or JSON. */
bool net_add_text(const char *text, GError **errp);
/* opts: {"type":, "id":, ...}; taken from, not consumed. */
NetPort *net_add_opts(json_object *opts, GError **errp);
/* -nic TEXT and -net TEXT: back ends now, devices by net_create_nics(). */
bool net_nic_option(const char *text, GError **errp);
bool net_net_option(const char *text, GError **errp);
bool net_create_nics(GError **errp);
/* -netdev help, -nic help: the text, or NULL when no help is asked for. */
GString *net_help(const char *option, const char *text);
void net_cleanup(void);

/* MAC addresses. */
bool net_parse_mac(const char *text, uint8_t mac[NET_ALEN]);
char *net_format_mac(const uint8_t mac[NET_ALEN]); /* g_free */
/* Fills in the next of the default addresses when mac is all zero; marks it as used. */
void net_default_mac(uint8_t mac[NET_ALEN]);
void net_release_mac(const uint8_t mac[NET_ALEN]);

/* What NIC devices have. */
typedef struct NICConf {
    char *netdev; /* id */
    char *mac_text;
    int32_t bootindex;
} NICConf;

#endif
