/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of captured packets in the classic pcap format: link type Ethernet, microseconds. */
#include "net-internal.h"

#include "monitor/fdset.h"

#include <fcntl.h>

#define PCAP_MAGIC 0xa1b2c3d4u
#define LINKTYPE_ETHERNET 1

typedef struct PcapHeader {
    uint32_t magic;
    uint16_t major, minor;
    int32_t zone;
    uint32_t accuracy, maxlen, linktype;
} PcapHeader;
G_STATIC_ASSERT(sizeof(PcapHeader) == 24);

typedef struct PcapRecord {
    uint32_t sec, usec, captured, len;
} PcapRecord;
G_STATIC_ASSERT(sizeof(PcapRecord) == 16);

bool pcap_open(PcapFile *f, const char *path, uint32_t maxlen, GError **errp)
{
    PcapHeader h = {.magic = PCAP_MAGIC,
                    .major = 2,
                    .minor = 4,
                    .maxlen = maxlen,
                    .linktype = LINKTYPE_ETHERNET};

    f->maxlen = maxlen;
    f->failed = false;
    f->fd = qemu_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644, errp);
    if (f->fd < 0) {
        return false;
    }
    if (write(f->fd, &h, sizeof(h)) != sizeof(h)) {
        error_setg_errno(errp, errno, "cannot write to '%s'", path);
        pcap_close(f);
        return false;
    }
    return true;
}

bool pcap_write(PcapFile *f, int64_t us, const struct iovec *iov, unsigned niov, size_t len)
{
    size_t room = MIN(len, f->maxlen), want = sizeof(PcapRecord) + room;
    PcapRecord r = {
        .sec = us / G_USEC_PER_SEC, .usec = us % G_USEC_PER_SEC, .captured = room, .len = len};
    struct iovec part[16];
    unsigned n = 1;
    ssize_t done;

    part[0] = (struct iovec){&r, sizeof(r)};
    for (unsigned i = 0; i < niov && room; i++) {
        if (n == G_N_ELEMENTS(part)) {
            /* A packet in very many pieces: as one. */
            uint8_t *whole = g_malloc(MIN(len, f->maxlen));
            bool ok;

            net_iov_copy(iov, niov, 0, whole, MIN(len, f->maxlen));
            part[1] = (struct iovec){whole, MIN(len, f->maxlen)};
            ok = RETRY_ON_EINTR(writev(f->fd, part, 2)) == (ssize_t)want;
            g_free(whole);
            f->failed |= !ok;
            return ok;
        }
        part[n] = iov[i];
        part[n].iov_len = MIN(iov[i].iov_len, room);
        room -= part[n++].iov_len;
    }
    done = RETRY_ON_EINTR(writev(f->fd, part, n));
    if (done >= 0 && done < (ssize_t)want) {
        errno = ENOSPC;
    }
    f->failed |= done != (ssize_t)want;
    return done == (ssize_t)want;
}

void pcap_close(PcapFile *f)
{
    if (f->fd >= 0) {
        close(f->fd);
        f->fd = -1;
    }
}
