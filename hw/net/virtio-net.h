/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-net, between its files (virtio 1.2, section 5.1). */
#ifndef HW_NET_VIRTIO_NET_H
#define HW_NET_VIRTIO_NET_H

#include "hw/virtio/virtio-pci.h"
#include "net/net.h"
#include "qemu/thread.h"

#define TYPE_VIRTIO_NET "virtio-net-device"

/* Feature bits [5.1.3]. */
#define VIRTIO_NET_F_CSUM 0
#define VIRTIO_NET_F_GUEST_CSUM 1
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS 2
#define VIRTIO_NET_F_MTU 3
#define VIRTIO_NET_F_MAC 5
#define VIRTIO_NET_F_GSO 6 /* legacy: all of HOST_* */
#define VIRTIO_NET_F_GUEST_TSO4 7
#define VIRTIO_NET_F_GUEST_TSO6 8
#define VIRTIO_NET_F_GUEST_ECN 9
#define VIRTIO_NET_F_GUEST_UFO 10
#define VIRTIO_NET_F_HOST_TSO4 11
#define VIRTIO_NET_F_HOST_TSO6 12
#define VIRTIO_NET_F_HOST_ECN 13
#define VIRTIO_NET_F_HOST_UFO 14
#define VIRTIO_NET_F_MRG_RXBUF 15
#define VIRTIO_NET_F_STATUS 16
#define VIRTIO_NET_F_CTRL_VQ 17
#define VIRTIO_NET_F_CTRL_RX 18
#define VIRTIO_NET_F_CTRL_VLAN 19
#define VIRTIO_NET_F_CTRL_RX_EXTRA 20
#define VIRTIO_NET_F_GUEST_ANNOUNCE 21
#define VIRTIO_NET_F_MQ 22
#define VIRTIO_NET_F_CTRL_MAC_ADDR 23
#define VIRTIO_NET_F_NOTF_COAL 53
#define VIRTIO_NET_F_GUEST_USO4 54
#define VIRTIO_NET_F_GUEST_USO6 55
#define VIRTIO_NET_F_HOST_USO 56
#define VIRTIO_NET_F_HASH_REPORT 57
#define VIRTIO_NET_F_RSS 60
#define VIRTIO_NET_F_SPEED_DUPLEX 63

/* Configuration space [5.1.4]. */
typedef struct QEMU_PACKED VirtioNetConfig {
    uint8_t mac[NET_ALEN];
    uint16_t status, max_virtqueue_pairs, mtu;
    uint32_t speed;
    uint8_t duplex, rss_max_key_size;
    uint16_t rss_max_indirection_table_length;
    uint32_t supported_hash_types;
} VirtioNetConfig;
G_STATIC_ASSERT(sizeof(VirtioNetConfig) == 24);
#define VIRTIO_NET_S_LINK_UP 1
#define VIRTIO_NET_S_ANNOUNCE 2

#define VIRTIO_NET_RSS_MAX_KEY 40
#define VIRTIO_NET_RSS_MAX_TABLE 128
#define VIRTIO_NET_RSS_TYPES 0x3fu /* IPv4, IPv6, each alone, with TCP, with UDP */

/* Behind the header of each packet, with VIRTIO_NET_F_HASH_REPORT [5.1.6.4.4]. */
typedef struct VirtNetHash {
    uint32_t value;
    uint16_t report; /* what it is the hash of; 0: there is none */
    uint16_t padding;
} VirtNetHash;

#define MAC_TABLE_SIZE 64 /* of each of the two tables */

/* What the driver wants to receive [5.1.6.5.1 to 3]. */
typedef struct RxFilter {
    uint8_t mac[NET_ALEN];
    bool promisc, allmulti, alluni, nomulti, nouni, nobcast;
    bool vlan_filter; /* only tagged frames of the table */
    bool uni_overflow, multi_overflow;
    uint8_t uni_count, multi_count;
    uint8_t uni[MAC_TABLE_SIZE][NET_ALEN], multi[MAC_TABLE_SIZE][NET_ALEN];
    uint32_t vlans[4096 / 32];
} RxFilter;

/* Notification coalescing [5.1.6.5.8]. */
typedef struct VirtNetCoal {
    uint32_t max_packets, max_usecs;
} VirtNetCoal;

typedef struct VirtIONet VirtIONet;
typedef struct VirtNetRss VirtNetRss; /* which queue a packet goes to; constant once made */
typedef struct VirtNetPacket VirtNetPacket;

/* A receive and a transmit queue and the wire between them and the back end, all in one context. */
typedef struct VirtNetPair {
    NetQueue nq;
    VirtIONet *n;
    VirtQueue *rx, *tx;
    /* --- context --- */
    RxFilter filter;       /* a copy of the device's */
    bool active;           /* below the number of pairs that the driver asked for */
    unsigned hdr_len;      /* of the driver's headers */
    bool hash_report;      /* they have a hash */
    struct iovec *iov;     /* of a frame being sent */
    uint8_t *frame;        /* one in one piece, for what is left to do */
    const VirtNetRss *rss; /* NULL: the back end chooses the queue */
    bool inbox_waits;      /* for buffers */
    unsigned offloads;     /* NET_OFFLOAD_* that the back end was told; 0 at first */
    bool congested;        /* the back end asked for a pause while a chain was sent */
    uint64_t rx_drops, tx_drops;
    /* --- packets that came in at other queues --- */
    QemuMutex inbox_lock;
    AioBH *inbox_bh;                    /* in the context; constant while realized */
    VirtNetPacket *inbox, **inbox_tail; /* inbox_lock */
    unsigned inbox_packets;             /* atomic; written with inbox_lock */
    size_t inbox_bytes;                 /* atomic; written with inbox_lock */
    unsigned inbox_drops;               /* atomic */
} VirtNetPair;

/* The NIC as the network sees it. */
typedef struct VirtNetPort {
    NetPort port;
    VirtIONet *n;
} VirtNetPort;

struct VirtIONet {
    VirtIODevice parent_obj;
    NICConf conf;
    uint16_t rx_size, tx_size, host_mtu;
    int32_t speed, tx_burst;
    char *duplex, *tx_mode;
    uint64_t wanted; /* feature bits that the properties leave on */
    uint8_t mac[NET_ALEN];
    NetPort *nic; /* while realized */
    unsigned pairs;
    VirtQueue *ctrl;
    char *path;
    void *vmstate_handle;
    bool running;   /* atomic: the VM's */
    bool event_due; /* atomic: NIC_RX_FILTER_CHANGED is to be sent */
    /* --- home --- */
    RxFilter filter;
    unsigned active_pairs;
    VirtNetRss *rss;
    uint64_t guest_offloads; /* feature bits that are on now */
    VirtNetCoal coal_rx, coal_tx;
    bool announce; /* VIRTIO_NET_S_ANNOUNCE */
};
#define VIRTIO_NET(obj) ((VirtIONet *)(obj))

static inline VirtNetPair *virtio_net_pair(VirtIONet *n, unsigned i)
{
    return (VirtNetPair *)n->nic->queues[i];
}

/* Wire's context. */
bool virtio_net_receive(NetQueue *nq, const struct iovec *iov, unsigned niov, size_t len);
/* The same behind the choice of the queue. */
bool virtio_net_receive_here(VirtNetPair *p, const struct iovec *iov, unsigned niov, size_t len);
void virtio_net_handle_rx(VirtQueue *vq);
void virtio_net_handle_tx(VirtQueue *vq);
void virtio_net_resume_tx(NetQueue *nq);
/* True: the frame, whose first bytes (14, or 18 if it has them) are at head, is wanted. */
bool virtio_net_filter_accepts(const RxFilter *f, const uint8_t *head, size_t len);

/* The pair that the frame goes to; own: if the driver does not choose. */
unsigned virtio_net_rss_queue(const VirtNetRss *r, const uint8_t *frame, size_t len, unsigned own);
/* For the driver's header. */
VirtNetHash virtio_net_hash(const VirtNetRss *r, const uint8_t *frame, size_t len);
/* The pair's context: takes over what the headers look like that were negotiated. */
void virtio_net_pair_layout(VirtNetPair *p);
/* Any pair's context: puts a packet into the inbox of another pair; bounded, what does not fit is
 * lost. */
void virtio_net_hand_over(VirtNetPair *to, const struct iovec *iov, unsigned niov, size_t len);
/* The pair's context: delivers what is in its inbox. */
void virtio_net_inbox_run(void *pair);
/* Main loop. */
void virtio_net_inbox_init(VirtNetPair *p);
void virtio_net_inbox_free(VirtNetPair *p);

/* Home: the command's data; NULL: they make no sense.  *pairs: how many are in use. g_free. */
VirtNetRss *virtio_net_rss_parse(VirtIONet *n, const VirtElem *e, unsigned *pairs);
/* The same for the command that wants hashes only. */
VirtNetRss *virtio_net_hash_parse(const VirtElem *e);
void virtio_net_handle_ctrl(VirtQueue *vq);
void virtio_net_filter_reset(VirtIONet *n);
/* Gives each pair the filter, the offloads and whether it is active, as they are now. */
void virtio_net_update_pairs(VirtIONet *n);
/* The same with another choice of queues, which becomes the device's. */
void virtio_net_set_rss(VirtIONet *n, VirtNetRss *rss);
void virtio_net_update_status(VirtIONet *n);
/* Main loop. */
RxFilterInfo *virtio_net_query_rx_filter(NetPort *p);

#endif
