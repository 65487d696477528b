/* SPDX-License-Identifier: (GPL-2.0-or-later WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * ioregionfd: the 32-byte commands and responses, host byte order, and the ring in which they may lie.  See
 * docs/specs/ioregionfd.rst.
 */
#ifndef _UAPI_LINUX_IOREGION_H
#define _UAPI_LINUX_IOREGION_H

#include <linux/types.h>

struct ioregionfd_cmd {
    __u32 info;       /* IOREGIONFD_CMD_*, see below */
    __u32 id;         /* echoed in the response; 0: one request in flight at a time */
    __u64 user_data;  /* of the region, as registered */
    __u64 offset;     /* of the access in the region, bytes */
    __u64 data;       /* WRITE: the value, low size bytes */
};

struct ioregionfd_resp {
    __u64 data;       /* READ: the value */
    __u32 id;         /* of the command */
    __u32 status;     /* IOREGIONFD_STATUS_*; anything but OK makes the access fail */
    __u64 pad[2];     /* zero */
};

#define IOREGIONFD_CMD_MASK 0xfu
#define IOREGIONFD_CMD_READ 0u
#define IOREGIONFD_CMD_WRITE 1u
#define IOREGIONFD_CMD_SYNC 2u            /* nothing but an answer, once all before it is done */
#define IOREGIONFD_CMD_NOP 3u             /* in a ring: a command that was taken back before it was read */
#define IOREGIONFD_SIZE_SHIFT 4
#define IOREGIONFD_SIZE_MASK (3u << IOREGIONFD_SIZE_SHIFT) /* log2 of the bytes */
#define IOREGIONFD_RESP (1u << 6)         /* a response is wanted */
#define IOREGIONFD_PIO (1u << 7)          /* port, not memory */
#define IOREGIONFD_SIZE_UNKNOWN (1u << 8) /* any-length region: size and data are not known */

#define IOREGIONFD_STATUS_OK 0u
#define IOREGIONFD_STATUS_ERROR 1u        /* the device refused the access */
#define IOREGIONFD_STATUS_NO_REGION 2u    /* user_data names no region of the device */

#define IOREGIONFD_MSG_SIZE 32

/* The part of an id that says who waits: also the index of its response in a ring. */
#define IOREGIONFD_ID_INDEX 0x3ffu

/*
 * First bytes of a mapped channel.  Commands follow at cmds_offset, responses at resps_offset.  The engine keeps copies of its own of
 * all that it writes here and believes nothing it reads.  Indices count up for ever and wrap at 2^32; the slot is index % capacity.
 */
struct ioregionfd_ring {
    /* written by the engine */
    __u32 tail;         /* commands put in so far; store-release, after the command */
    __u32 need_wake;    /* IOREGIONFD_RING_WAKE_*: the home must call KVM_IOREGIONFD_WAKE */
    __u32 spin_ns;      /* how long a vCPU looks for its answer before it sleeps, as learned; a hint */
    __u32 pad0[13];
    /* written by the home */
    __u32 head;         /* commands taken so far; store-release, after the copy */
    __u32 asleep;       /* not 0: the engine kicks after it has put something in, and sets 0 */
    __u32 spin_limit_ns; /* vCPUs look for answers no longer than this; 0: the engine's choice */
    __u32 pad1[13];
    /* constant; the engine does not look here */
    __u32 magic;        /* IOREGIONFD_RING_MAGIC */
    __u32 capacity;     /* command slots, a power of two */
    __u32 posted;       /* of which posted writes use at most so many */
    __u32 answered;     /* response slots */
    __u32 cmds_offset;  /* bytes from here to the first command */
    __u32 resps_offset; /* bytes from here to the first response */
    __u32 map_size;     /* bytes of the whole mapping */
    __u32 pad2[9];
};
#define IOREGIONFD_RING_MAGIC 0x524f4901u /* "IOR", 1 as a version */

#define IOREGIONFD_RING_WAKE_ANSWER (1u << 0) /* look here after an answer: a vCPU sleeps for one */
#define IOREGIONFD_RING_WAKE_ROOM (1u << 1)   /* look here after moving head: a vCPU sleeps for room */

#endif
