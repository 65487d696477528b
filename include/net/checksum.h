/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a NIC's driver left undone, done in software: checksums and segments, for back ends that
 * take only complete frames.  No state; any thread.
 */
#ifndef NET_CHECKSUM_H
#define NET_CHECKSUM_H

#include "net/net.h"

/* Sum of 16-bit words in network order, not folded; an odd last byte counts as if zero followed. */
uint32_t net_sum(const uint8_t *data, size_t len, uint32_t sum);
/* Folded and complemented: what belongs into a header, in host order. */
uint16_t net_sum_finish(uint32_t sum);

/* The frame of len bytes with the header h: fn is called for each complete frame that it stands
 * for, with memory that it may not keep (frame is changed).  False: h says what cannot be (offsets
 * outside of the frame, no TCP header where one must be ...): nothing was sent, *why says it. */
typedef void NetFrameFn(void *opaque, const struct iovec *iov, unsigned niov);
bool net_complete(const NetVnetHdr *h, uint8_t *frame, size_t len, NetFrameFn *fn, void *opaque,
                  const char **why);

#endif
