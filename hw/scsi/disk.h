/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scsi-hd and scsi-cd, between their files: device.c (life, properties, medium), disk.c (decoding,
 * small commands), disk-io.c (commands that move blocks), inquiry.c, mode.c.
 */
#ifndef HW_SCSI_DISK_H
#define HW_SCSI_DISK_H

#include "block/removable.h"
#include "hw/block/block.h"
#include "hw/scsi/mmc.h"
#include "hw/scsi/scsi.h"
#include "qemu/thread.h"

#define TYPE_SCSI_DISK "scsi-disk-base"
#define SCSI_UNMAP_RANGES 255 /* of one UNMAP */

/* Pending unit attentions; of several, the lowest is told first. */
enum {
    ATTENTION_POWER_ON = BIT(0),
    ATTENTION_DEVICE_RESET = BIT(1),
    ATTENTION_NEXUS_LOSS = BIT(2),
    ATTENTION_MEDIUM = BIT(3),
    ATTENTION_CAPACITY = BIT(4),
    ATTENTION_UNITS = BIT(5),
};

typedef struct SCSIDisk {
    SCSIDevice parent_obj;
    BlockConf conf; /* conf.blk: atomic; changes in the main loop, with a fence of the bus */
    bool is_cd;
    bool removable, dpofua;
    char *serial, *vendor, *product, *version, *device_id;
    uint64_t wwn, port_wwn;
    uint16_t port_index, rotation_rate;
    uint64_t max_unmap_size, max_io_size;
    uint32_t block_size;
    bool discard;
    bool default_write_cache;
    BlkRemovable medium; /* CD: the monitor's way to it */
    /* Atomic. */
    uint64_t blocks;
    bool ready; /* there is a medium, and the tray is closed */
    uint32_t attentions;
    QemuMutex lock;
    /* lock: */
    bool descriptor_sense; /* D_SENSE; atomic for readers without it */
    bool tray_open, tray_locked, new_medium, eject_request;
} SCSIDisk;
#define SCSI_DISK(obj) ((SCSIDisk *)(obj))

static inline uint64_t scsi_disk_blocks(SCSIDisk *s)
{
    return __atomic_load_n(&s->blocks, __ATOMIC_RELAXED);
}
static inline BlockBackend *scsi_disk_backend(SCSIDisk *s)
{
    return __atomic_load_n(&s->conf.blk, __ATOMIC_ACQUIRE);
}
/* Lock held. */
MmcState scsi_disk_mmc(SCSIDisk *s);

/* CHECK CONDITION in the format that the driver has chosen; true. */
bool scsi_disk_check(SCSIDisk *s, SCSIRequest *r, uint8_t key, uint16_t asc);
bool scsi_disk_check_lba(SCSIDisk *s, SCSIRequest *r, uint64_t lba);

/* --- device.c: any context, lock held --- */
void scsi_disk_move_tray(SCSIDisk *s, bool open);

/* --- disk.c: ctx --- */
bool scsi_disk_command(SCSIDevice *dev, SCSIRequest *r);

/* --- inquiry.c, lock held --- */
bool scsi_disk_inquiry(SCSIDisk *s, SCSIRequest *r);

/* --- mode.c, lock held --- */
bool scsi_disk_mode_sense(SCSIDisk *s, SCSIRequest *r);
bool scsi_disk_mode_select(SCSIDisk *s, SCSIRequest *r);

/* --- disk-io.c: ctx; without the lock or with it --- */
/* n blocks from or to the driver's buffer. */
bool scsi_disk_transfer(SCSIDisk *s, SCSIRequest *r, uint64_t lba, uint32_t n, bool write,
                        bool fua);
/* The same for one of the READ and WRITE commands. */
bool scsi_disk_rw(SCSIDisk *s, SCSIRequest *r);
bool scsi_disk_verify(SCSIDisk *s, SCSIRequest *r);
bool scsi_disk_write_verify(SCSIDisk *s, SCSIRequest *r);
bool scsi_disk_write_same(SCSIDisk *s, SCSIRequest *r);
bool scsi_disk_unmap(SCSIDisk *s, SCSIRequest *r);
bool scsi_disk_flush(SCSIDisk *s, SCSIRequest *r);
/* First block and number of blocks of a 6, 10, 12 or 16 byte command. */
void scsi_disk_extent(const uint8_t *cdb, uint64_t *lba, uint32_t *n);
/* False, with the result set: the blocks are not all there. */
bool scsi_disk_in_range(SCSIDisk *s, SCSIRequest *r, uint64_t lba, uint64_t n);
void scsi_disk_resume(SCSIRequest *r);

#endif
