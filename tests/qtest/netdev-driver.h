/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of network back ends share: guests with virtio-net drivers on the inside, sockets
 * of the test on the outside.
 */
#ifndef QTEST_NETDEV_DRIVER_H
#define QTEST_NETDEV_DRIVER_H

#include "virtio.h"

#include <sys/socket.h>

#define HDR 12
#define RX_BUF 4096
#define RX_COUNT 32
#define F_MRG QVIRTIO_F(15)

typedef struct Guest {
    QTestState *s;
    QPCIBus *bus;
    QVirtio *v[2]; /* NULL: not there */
    uint64_t rx[2], tx[2];
    uint64_t rx_at[2][1024]; /* by id */
} Guest;

/* For sockets and files of the test, while netdev_run() runs. */
extern char *netdev_folder;
/* Runs the tests; main()'s result. */
int netdev_run(void);

/* --- inside */

/* A machine with these options, whose NICs, at slots 4 and 5, have drivers. */
Guest *netdev_boot(unsigned nics, const char *args);
void netdev_stop(Guest *g);
/* The driver of one NIC: buffers are offered. */
void netdev_open_nic(Guest *g, unsigned nic, unsigned slot);
/* Offers RX_COUNT buffers of receive queue r to a NIC with several pairs of queues. */
void netdev_post_queue(Guest *g, unsigned r);
void guest_send(Guest *g, unsigned nic, const uint8_t *f, unsigned len);
/* The next frame; its length. */
unsigned guest_recv(Guest *g, unsigned nic, uint8_t *f);
/* One command on the control queue, number 4; its status. */
uint8_t guest_command(Guest *g, const void *cmd, unsigned len);
/* A frame to all, whose bytes follow from seed. */
void netdev_frame(uint8_t *f, unsigned len, unsigned seed);

/* --- outside */

/* A socket at netdev_folder/name: bound (and listening), or connected. */
int unix_socket(int type, const char *name, bool server);
/* A UDP socket on the loopback interface and its port. */
int udp_socket(uint16_t *port);
void send_all(int fd, const void *data, size_t len);
void recv_all(int fd, void *data, size_t len);

/* --- packets */

/* The internet checksum, begun with start. */
uint16_t inet_sum(const uint8_t *p, unsigned len, uint32_t start);
void put16(uint8_t *p, unsigned v);
extern const uint8_t guest_mac[6];
/* Ethernet and IPv4 headers in front of a payload that is in place at f + 34; the frame's length.
 */
unsigned ip_frame(uint8_t *f, const uint8_t *dst_mac, const uint8_t *src, const uint8_t *dst,
                  uint8_t proto, unsigned payload);

#endif
