/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of the SCSI standards (SAM-5, SPC-4, SBC-3, MMC-5) that devices and controllers share. */
#ifndef HW_SCSI_SPEC_H
#define HW_SCSI_SPEC_H

#include "qemu/osdep.h"

/* Operation codes. */
enum {
    SCSI_TEST_UNIT_READY = 0x00,
    SCSI_REQUEST_SENSE = 0x03,
    SCSI_READ_6 = 0x08,
    SCSI_WRITE_6 = 0x0a,
    SCSI_INQUIRY = 0x12,
    SCSI_MODE_SELECT_6 = 0x15,
    SCSI_RESERVE_6 = 0x16,
    SCSI_RELEASE_6 = 0x17,
    SCSI_MODE_SENSE_6 = 0x1a,
    SCSI_START_STOP = 0x1b,
    SCSI_SEND_DIAGNOSTIC = 0x1d,
    SCSI_PREVENT_ALLOW = 0x1e,
    SCSI_READ_CAPACITY_10 = 0x25,
    SCSI_READ_10 = 0x28,
    SCSI_WRITE_10 = 0x2a,
    SCSI_SEEK_10 = 0x2b,
    SCSI_WRITE_VERIFY_10 = 0x2e,
    SCSI_VERIFY_10 = 0x2f,
    SCSI_SYNCHRONIZE_CACHE_10 = 0x35,
    SCSI_WRITE_SAME_10 = 0x41,
    SCSI_UNMAP = 0x42, /* disks; READ SUB-CHANNEL on CDs */
    SCSI_READ_SUBCHANNEL = 0x42,
    SCSI_READ_TOC = 0x43,
    SCSI_GET_CONFIGURATION = 0x46,
    SCSI_GET_EVENT_STATUS = 0x4a,
    SCSI_READ_DISC_INFO = 0x51,
    SCSI_READ_TRACK_INFO = 0x52,
    SCSI_MODE_SELECT_10 = 0x55,
    SCSI_RESERVE_10 = 0x56,
    SCSI_RELEASE_10 = 0x57,
    SCSI_MODE_SENSE_10 = 0x5a,
    SCSI_READ_16 = 0x88,
    SCSI_WRITE_16 = 0x8a,
    SCSI_WRITE_VERIFY_16 = 0x8e,
    SCSI_VERIFY_16 = 0x8f,
    SCSI_SYNCHRONIZE_CACHE_16 = 0x91,
    SCSI_WRITE_SAME_16 = 0x93,
    SCSI_SERVICE_ACTION_IN_16 = 0x9e,
    SCSI_REPORT_LUNS = 0xa0,
    SCSI_READ_12 = 0xa8,
    SCSI_WRITE_12 = 0xaa,
    SCSI_READ_DVD_STRUCTURE = 0xad,
    SCSI_WRITE_VERIFY_12 = 0xae,
    SCSI_VERIFY_12 = 0xaf,
    SCSI_SET_SPEED = 0xbb,
    SCSI_MECHANISM_STATUS = 0xbd,
    SCSI_READ_CD = 0xbe,
};
#define SCSI_SAI_READ_CAPACITY_16 0x10

/* Status [SAM-5, 5.3.1]. */
enum { SCSI_GOOD = 0x00, SCSI_CHECK_CONDITION = 0x02, SCSI_BUSY = 0x08 };

/* Peripheral device types. */
enum { SCSI_TYPE_DISK = 0x00, SCSI_TYPE_CD = 0x05, SCSI_TYPE_WLUN = 0x1e, SCSI_TYPE_NONE = 0x7f };

/* Sense keys [SPC-4, 4.5.6]. */
enum {
    SCSI_NO_SENSE = 0x0,
    SCSI_NOT_READY = 0x2,
    SCSI_MEDIUM_ERROR = 0x3,
    SCSI_HARDWARE_ERROR = 0x4,
    SCSI_ILLEGAL_REQUEST = 0x5,
    SCSI_UNIT_ATTENTION = 0x6,
    SCSI_DATA_PROTECT = 0x7,
    SCSI_ABORTED_COMMAND = 0xb,
    SCSI_MISCOMPARE = 0xe,
};

/* Additional sense codes with their qualifiers in the lower byte [SPC-4, annex E.2]. */
enum {
    SCSI_ASC_NONE = 0x0000,
    SCSI_ASC_NOT_READY_INTERVENTION = 0x0403,
    SCSI_ASC_WRITE_ERROR = 0x0c00,
    SCSI_ASC_READ_ERROR = 0x1100,
    SCSI_ASC_PARAMETER_LENGTH = 0x1a00,
    SCSI_ASC_MISCOMPARE = 0x1d00,
    SCSI_ASC_INVALID_COMMAND = 0x2000,
    SCSI_ASC_LBA_RANGE = 0x2100,
    SCSI_ASC_INVALID_FIELD = 0x2400,
    SCSI_ASC_NO_SUCH_LUN = 0x2500,
    SCSI_ASC_INVALID_PARAMETER = 0x2600,
    SCSI_ASC_WRITE_PROTECTED = 0x2700,
    SCSI_ASC_SPACE_ALLOCATION = 0x2707,
    SCSI_ASC_MEDIUM_CHANGED = 0x2800,
    SCSI_ASC_POWER_ON = 0x2900,
    SCSI_ASC_DEVICE_RESET = 0x2903,
    SCSI_ASC_NEXUS_LOSS = 0x2907,
    SCSI_ASC_CAPACITY_CHANGED = 0x2a09,
    SCSI_ASC_INCOMPATIBLE_MEDIUM = 0x3000,
    SCSI_ASC_NO_SAVING = 0x3900,
    SCSI_ASC_NO_MEDIUM = 0x3a00,
    SCSI_ASC_NO_MEDIUM_CLOSED = 0x3a01,
    SCSI_ASC_NO_MEDIUM_OPEN = 0x3a02,
    SCSI_ASC_LUNS_CHANGED = 0x3f0e,
    SCSI_ASC_TARGET_FAILURE = 0x4400,
    SCSI_ASC_REMOVAL_PREVENTED = 0x5302,
};

#define SCSI_SENSE_FIXED 18 /* bytes of each format, as built here */
#define SCSI_SENSE_DESCRIPTOR 20

static inline uint16_t scsi_get_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t scsi_get_be24(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | scsi_get_be16(p + 1);
}
static inline uint32_t scsi_get_be32(const uint8_t *p)
{
    return (uint32_t)scsi_get_be16(p) << 16 | scsi_get_be16(p + 2);
}
static inline uint64_t scsi_get_be64(const uint8_t *p)
{
    return (uint64_t)scsi_get_be32(p) << 32 | scsi_get_be32(p + 4);
}
static inline void scsi_put_be16(uint8_t *p, uint16_t v)
{
    p[0] = v >> 8;
    p[1] = v;
}
static inline void scsi_put_be24(uint8_t *p, uint32_t v)
{
    p[0] = v >> 16;
    scsi_put_be16(p + 1, v);
}
static inline void scsi_put_be32(uint8_t *p, uint32_t v)
{
    scsi_put_be16(p, v >> 16);
    scsi_put_be16(p + 2, v);
}
static inline void scsi_put_be64(uint8_t *p, uint64_t v)
{
    scsi_put_be32(p, v >> 32);
    scsi_put_be32(p + 4, v);
}

/* Bytes of a command descriptor block by its operation code; 0: there is no such group, or its
 * length is in the block [SPC-4, 4.2.5.1]. */
unsigned scsi_cdb_length(uint8_t opcode);
/* Sense data in buf (20 bytes): fixed [SPC-4, 4.5.3] or descriptor format [4.5.2]; its length. With
 * has_info the information field holds info, if it fits. */
unsigned scsi_build_sense(uint8_t *buf, bool descriptor, uint8_t key, uint16_t asc, bool has_info,
                          uint64_t info);

#endif
