/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends Ethernet frames to itself at the other end of a link, and tells what one costs.
 *
 *   netload send INTERFACE FRAMES SIZE      in bursts, each answered by one frame
 *   netload receive INTERFACE FRAMES SIZE
 *   netload pair ONE OTHER                  makes a veth pair of these names
 *
 * The sender tries until the receiver is there, so either may be started first.  Each tells its
 * time from the first burst's answer to the last one's: "NET DIRECTION SIZE NANOSECONDS FRAMES".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define ETHERTYPE 0x88b5 /* for experiments */
#define BURST 64

enum { HELLO = 1, DATA, ANSWER };

typedef struct Frame {
    uint8_t to[6], from[6];
    uint16_t type;
    uint16_t size;
    uint8_t kind;
    uint8_t rest[1497];
} __attribute__((packed)) Frame;

static unsigned size;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "netload: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_link(const char *name)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETHERTYPE));
    struct sockaddr_ll addr = {.sll_family = AF_PACKET,
                               .sll_protocol = htons(ETHERTYPE),
                               .sll_ifindex = (int)if_nametoindex(name)};

    if (fd < 0 || !addr.sll_ifindex || bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
        fail(name);
    }
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &(int){1}, sizeof(int));
    return fd;
}

static void set_patience(int fd, unsigned ms)
{
    struct timeval t = {ms / 1000, ms % 1000 * 1000};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
}

static void put(int fd, unsigned kind)
{
    static Frame f = {.to = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, .from = {2, 0, 0, 0, 0, 1}};

    f.type = htons(ETHERTYPE);
    f.size = htons(size);
    f.kind = kind;
    if (send(fd, &f, kind == DATA ? size : 60, 0) < 0) {
        fail("send");
    }
}

/* The kind of the next frame of this run; 0: none came in time. */
static unsigned get(int fd)
{
    Frame f;

    for (;;) {
        ssize_t n = recv(fd, &f, sizeof(f), 0);

        if (n < 0) {
            if (errno == EAGAIN) {
                return 0;
            }
            fail("recv");
        }
        if (n >= 60 && ntohs(f.size) == size) {
            return f.kind;
        }
    }
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

static uint64_t send_all(int fd, unsigned bursts)
{
    uint64_t begin = 0;

    set_patience(fd, 10);
    do {
        put(fd, HELLO);
    } while (get(fd) != ANSWER);
    set_patience(fd, 20); /* answers to further hellos */
    while (get(fd)) {
    }
    set_patience(fd, 20000);
    for (unsigned i = 0; i <= bursts; i++) {
        for (unsigned n = 0; n < BURST; n++) {
            put(fd, DATA);
        }
        if (get(fd) != ANSWER) {
            errno = ETIMEDOUT;
            fail("a burst was not answered");
        }
        begin = i ? begin : now();
    }
    return now() - begin;
}

static uint64_t receive_all(int fd, unsigned bursts)
{
    uint64_t begin = 0;

    set_patience(fd, 60000);
    for (unsigned i = 0; i <= bursts; i++) {
        for (unsigned n = 0; n < BURST;) {
            unsigned kind = get(fd);

            if (!kind) {
                errno = ETIMEDOUT;
                fail("a burst did not come");
            }
            n += kind == DATA;
            if (kind == HELLO) {
                put(fd, ANSWER);
            }
        }
        put(fd, ANSWER);
        begin = i ? begin : now();
    }
    return now() - begin;
}

/* --- a veth pair: busybox's ip cannot make one ------------------------------------------------ */

typedef struct Request {
    struct nlmsghdr h;
    struct ifinfomsg i;
    char attrs[256];
} Request;

static struct rtattr *add(Request *r, unsigned type, const void *data, size_t len)
{
    struct rtattr *a = (void *)((char *)r + NLMSG_ALIGN(r->h.nlmsg_len));

    a->rta_type = (unsigned short)type;
    a->rta_len = (unsigned short)RTA_LENGTH(len);
    if (len) {
        memcpy(RTA_DATA(a), data, len);
    }
    r->h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->h.nlmsg_len) + RTA_SPACE(len));
    return a;
}

static void end(Request *r, struct rtattr *a)
{
    a->rta_len = (unsigned short)((char *)r + r->h.nlmsg_len - (char *)a);
}

static void make_pair(const char *one, const char *other)
{
    Request r = {.h = {.nlmsg_len = NLMSG_LENGTH(sizeof(r.i)),
                       .nlmsg_type = RTM_NEWLINK,
                       .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK}};
    struct rtattr *info, *data, *peer;
    struct {
        struct nlmsghdr h;
        struct nlmsgerr e;
        char rest[512];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    add(&r, IFLA_IFNAME, one, strlen(one) + 1);
    info = add(&r, IFLA_LINKINFO, NULL, 0);
    add(&r, IFLA_INFO_KIND, "veth", 4);
    data = add(&r, IFLA_INFO_DATA, NULL, 0);
    peer = add(&r, VETH_INFO_PEER, &r.i, sizeof(r.i));
    add(&r, IFLA_IFNAME, other, strlen(other) + 1);
    end(&r, peer);
    end(&r, data);
    end(&r, info);
    if (fd < 0 || send(fd, &r, r.h.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0) {
        fail("netlink");
    }
    errno = -answer.e.error;
    if (errno) {
        fail(one);
    }
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "pair")) {
        make_pair(argv[2], argv[3]);
        return 0;
    }
    if (argc != 5) {
        return 2;
    }
    int fd = open_link(argv[2]);
    unsigned bursts = (unsigned)atoi(argv[3]) / BURST;
    uint64_t took;

    size = (unsigned)atoi(argv[4]);
    if (!bursts || size < 60 || size > sizeof(Frame)) {
        return 2;
    }
    took = strcmp(argv[1], "send") ? receive_all(fd, bursts) : send_all(fd, bursts);
    printf("NET %s %u %llu %u\n", argv[1], size, (unsigned long long)took, bursts * BURST);
    return 0;
}
