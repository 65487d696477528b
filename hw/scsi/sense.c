/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sense data and the shape of commands (SPC-4, sections 4.2 and 4.5). */
#include "hw/scsi/spec.h"

unsigned scsi_cdb_length(uint8_t opcode)
{
    static const uint8_t length[8] = {6, 10, 10, 0, 16, 12, 0, 0};

    return length[opcode >> 5];
}

static unsigned fixed_sense(uint8_t *buf, uint8_t key, uint16_t asc, bool has_info, uint64_t info)
{
    bool fits = has_info && info <= UINT32_MAX;

    buf[0] = 0x70 | (fits ? 0x80 : 0);
    buf[2] = key;
    scsi_put_be32(buf + 3, fits ? info : 0);
    buf[7] = SCSI_SENSE_FIXED - 8;
    scsi_put_be16(buf + 12, asc);
    return SCSI_SENSE_FIXED;
}

unsigned scsi_build_sense(uint8_t *buf, bool descriptor, uint8_t key, uint16_t asc, bool has_info,
                          uint64_t info)
{
    memset(buf, 0, SCSI_SENSE_DESCRIPTOR);
    if (!descriptor) {
        return fixed_sense(buf, key, asc, has_info, info);
    }
    buf[0] = 0x72;
    buf[1] = key;
    scsi_put_be16(buf + 2, asc);
    if (!has_info) {
        return 8;
    }
    buf[7] = 12; /* one descriptor: information [4.5.2.2] */
    buf[9] = 10;
    buf[10] = 0x80;
    scsi_put_be64(buf + 12, info);
    return SCSI_SENSE_DESCRIPTOR;
}
