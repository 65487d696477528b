/* SPDX-License-Identifier: (GPL-2.0-or-later WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * ioregionfd wire protocol: 32-byte commands and responses, host byte order.  See docs/specs/ioregionfd.rst.
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
#define IOREGIONFD_SIZE_SHIFT 4
#define IOREGIONFD_SIZE_MASK (3u << IOREGIONFD_SIZE_SHIFT) /* log2 of the bytes */
#define IOREGIONFD_RESP (1u << 6)         /* a response is wanted */
#define IOREGIONFD_PIO (1u << 7)          /* port, not memory */
#define IOREGIONFD_SIZE_UNKNOWN (1u << 8) /* any-length region: size and data are not known */

#define IOREGIONFD_STATUS_OK 0u
#define IOREGIONFD_STATUS_ERROR 1u        /* the device refused the access */
#define IOREGIONFD_STATUS_NO_REGION 2u    /* user_data names no region of the device */

#define IOREGIONFD_MSG_SIZE 32

#endif
