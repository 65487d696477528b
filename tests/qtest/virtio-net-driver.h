/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio-net driver for the tests, written from virtio 1.2, section 5.1, and the test itself at
 * the other end of the wire: a datagram socket that the emulator inherits.
 */
#ifndef QTEST_VIRTIO_NET_DRIVER_H
#define QTEST_VIRTIO_NET_DRIVER_H

#include "virtio-machine.h"

#define HDR 12
#define RX 0
#define TX 1
#define CTL 2
#define RX_BUF 2048
#define F_CSUM QVIRTIO_F(0)
#define F_GUEST_CSUM QVIRTIO_F(1)
#define F_HOST_TSO4 QVIRTIO_F(11)
#define F_HOST_TSO6 QVIRTIO_F(12)
#define F_HOST_ECN QVIRTIO_F(13)
#define F_HOST_USO QVIRTIO_F(56)
#define F_MRG QVIRTIO_F(15)
#define F_STATUS QVIRTIO_F(16)
#define F_CTRL_VQ QVIRTIO_F(17)
#define F_CTRL_RX QVIRTIO_F(18)
#define F_CTRL_VLAN QVIRTIO_F(19)
#define F_CTRL_RX_EXTRA QVIRTIO_F(20)
#define F_ANNOUNCE QVIRTIO_F(21)
#define F_MQ QVIRTIO_F(22)
#define F_CTRL_MAC QVIRTIO_F(23)
#define F_ALL_CTRL \
    (F_STATUS | F_CTRL_VQ | F_CTRL_RX | F_CTRL_VLAN | F_CTRL_RX_EXTRA | F_ANNOUNCE | F_CTRL_MAC)

typedef struct Net {
    QTestState *s;
    QVirtio *v;
    int peer;
    unsigned hdr;          /* length of headers */
    uint64_t rx, tx, ctrl; /* buffers in the guest */
    uint64_t rx_at[1024];  /* by id */
} Net;

extern const uint8_t net_own_mac[6], net_broadcast[6];

/* A machine with this NIC; props are further properties. */
Net *net_start(QHome home, bool legacy, const char *props);
void net_stop(Net *n);
/* The pair of sockets between back end and test. */
void net_wire(int sv[2]);
/* Starts the driver anew with queues of size entries: receive, transmit, control. */
void net_drive(Net *n, uint64_t features, unsigned size);

/* --- the wire */

/* A frame to dst whose bytes follow from seed. */
void net_frame(uint8_t *f, const uint8_t *dst, unsigned len, unsigned seed);
void wire_send(Net *n, const uint8_t *f, unsigned len);
void wire_send_new(Net *n, const uint8_t *dst, unsigned len, unsigned seed);
/* Length of the next frame; -1: none came in ms. */
ssize_t wire_recv(Net *n, uint8_t *f, size_t size, int ms);
/* Until the emulator has read all that was sent. */
void wire_wait(Net *n);

/* --- the guest's queues */

/* Offers buffer slot with len bytes, without a notification; count buffers with one. */
void net_add_rx(Net *n, unsigned slot, unsigned len);
void net_add_rx_many(Net *n, unsigned count);
/* The next used buffer holds this frame, alone. */
void net_expect_rx(Net *n, const uint8_t *frame, unsigned len);
void net_expect_rx_new(Net *n, const uint8_t *dst, unsigned len, unsigned seed);
/* Sends hdr and frame as one chain (pieces: into how many descriptors the frame is cut; 0: one
 * with the header's) and waits until it is used. */
void net_transmit(Net *n, const uint8_t *hdr, const uint8_t *frame, unsigned len, unsigned pieces);
/* Frames of many sizes in many pieces arrive at the wire. */
void net_some_traffic(Net *n);
/* One command on the control queue; its status. */
uint8_t net_command(Net *n, uint8_t class, uint8_t cmd, const void *data, unsigned len);
/* Waits until the status field of the configuration is this. */
void net_wait_status(Net *n, unsigned want);

#endif
