/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of net/. */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include "net/net.h"
#include "qapi/json.h"
#include "qapi/keyval.h"

#include <sys/socket.h>

/* A kind of back end.  open takes its options out of opts; what is left over is refused by the
 * caller, with known as hint. */
typedef struct NetBackend {
    NetClientDriver type;
    const char *const *known;
    NetPort *(*open)(const char *id, json_object *opts, GError **errp);
} NetBackend;

extern const NetBackend net_backend_user, net_backend_tap, net_backend_bridge, net_backend_stream,
    net_backend_dgram, net_backend_socket, net_backend_hubport;

/* Text of -netdev to an option object; JSON is checked against the schema. */
json_object *net_parse_options(const char *text, GError **errp);

/* pcap files (net/pcap.c). */
typedef struct PcapFile {
    int fd;
    uint32_t maxlen;
    bool failed; /* nothing more is written */
} PcapFile;

bool pcap_open(PcapFile *f, const char *path, uint32_t maxlen, GError **errp);
/* One packet of len bytes at time (microseconds since 1970); false and errno: failed. */
bool pcap_write(PcapFile *f, int64_t us, const struct iovec *iov, unsigned niov, size_t len);
void pcap_close(PcapFile *f);

/* Frames on a byte stream, each behind its length in 4 bytes, network order (net/framing.c). */
typedef struct NetFraming {
    uint8_t *buf; /* NET_PACKET_MAX + 4 and some, allocated once */
    size_t size, start, end;
} NetFraming;

void net_framing_init(NetFraming *f);
void net_framing_free(NetFraming *f);
/* Where the next bytes of the stream go and how many fit (never 0 after net_framing_next() gave
 * NULL without an error); then net_framing_filled(). */
uint8_t *net_framing_room(NetFraming *f, size_t *len);
void net_framing_filled(NetFraming *f, size_t len);
/* The next whole frame, or NULL; *bad: the stream says a length that cannot be. */
const uint8_t *net_framing_next(NetFraming *f, size_t *len, bool *bad);

/* Addresses of sockets (net/address.c). */
typedef struct NetAddress {
    SocketAddressType type;
    char *text;    /* for messages: "unix:/path", "127.0.0.1:1234" */
    GArray *addrs; /* NetSockaddr */
    char *path;    /* unix, not abstract: the file */
    char *host, *port;
    int fd; /* SOCKET_ADDRESS_TYPE_FD: ours; -1 */
} NetAddress;

typedef struct NetSockaddr {
    struct sockaddr_storage addr;
    socklen_t len;
} NetSockaddr;

/* Takes key's object {"type":..., ...} out of opts and resolves it; NULL without errp if it is not
 * there. passive: for bind(). */
NetAddress *net_address_take(json_object *opts, const char *key, int socktype, bool passive,
                             GError **errp);
NetAddress *net_address_inet(const char *host, const char *port, int socktype, bool passive,
                             GError **errp);
void net_address_free(NetAddress *a);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetAddress, net_address_free)
/* "HOST:PORT", "[V6]:PORT", ":PORT". */
bool net_split_host_port(const char *text, char **host, char **port, GError **errp);
/* A descriptor that is inherited (a number) or was passed with getfd; checked to be open, made
 * non-blocking and close-on-exec. */
int net_take_fd(const char *what, const char *text, GError **errp);
/* -netdev socket with a stream: one of the three is given (net/stream.c). */
NetPort *net_socket_stream(const char *id, const char *fd, const char *listen_at,
                           const char *connect_to, GError **errp);
/* "10.0.0.1:22" of a socket's address; g_free. */
char *net_sockaddr_text(const struct sockaddr_storage *addr, socklen_t len);

#endif
