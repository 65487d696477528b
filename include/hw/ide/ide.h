/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ATA and ATAPI drives, and how a controller drives them.
 *
 * A drive executes one task at a time for a parallel channel, several (NCQ) for AHCI.  A task is
 * what a command is made of: registers, perhaps a data phase that the controller moves piece by
 * piece, and the registers again.
 *
 * Threads: tasks run in the main loop under the controller's lock, which is also what guards a
 * drive's state; block requests complete in the main loop and take that lock.
 */
#ifndef HW_IDE_IDE_H
#define HW_IDE_IDE_H

#include "block/removable.h"
#include "hw/block/block.h"
#include "hw/qdev-core.h"
#include "qemu/thread.h"

#define TYPE_IDE_BUS "IDE"
#define TYPE_IDE_DEVICE "ide-device"
#define TYPE_IDE_HD "ide-hd"
#define TYPE_IDE_CD "ide-cd"
#define ATA_SECTOR 512u
#define CD_SECTOR 2048u
#define ATA_MULTIPLE_MAX 16

enum {
    ATA_ST_ERR = 0x01,
    ATA_ST_DRQ = 0x08,
    ATA_ST_SEEK = 0x10,
    ATA_ST_FAULT = 0x20,
    ATA_ST_READY = 0x40,
    ATA_ST_BUSY = 0x80,
};
enum { ATA_ERR_ABORT = 0x04, ATA_ERR_IDNF = 0x10, ATA_ERR_UNC = 0x40, ATA_ERR_ICRC = 0x80 };
/* Interrupt reason of a packet command, in the count register. */
enum { ATAPI_COD = 1, ATAPI_IO = 2 };
enum { ATA_CTL_NIEN = 0x02, ATA_CTL_SRST = 0x04, ATA_CTL_HOB = 0x80 };
enum { ATA_CMD_DEVICE_RESET = 0x08, ATA_CMD_PACKET = 0xa0 };

typedef struct IDEDrive IDEDrive;
typedef struct IDEBus IDEBus;
typedef struct AtaTask AtaTask;

/* The task file.  Registers that are written twice for 48-bit commands hold the older value in the
 * upper half. */
typedef struct AtaRegs {
    uint8_t command, status, error, device;
    uint16_t feature, count;
    uint64_t lba; /* low, mid, high in bits 23:0, their older values in 47:24 */
} AtaRegs;

typedef enum AtaPhase {
    ATA_PHASE_DONE,   /* regs have status and error */
    ATA_PHASE_PACKET, /* wants 12 bytes of command: ata_task_packet() */
    ATA_PHASE_IN,     /* gives total - done bytes */
    ATA_PHASE_OUT,    /* takes total - done bytes */
} AtaPhase;

struct AtaTask {
    IDEDrive *drive;
    QemuMutex *lock;           /* the controller's */
    void (*ready)(AtaTask *t); /* what returned false is done; in the main loop under the lock */
    void *opaque;              /* the controller's */
    AtaRegs regs;
    AtaPhase phase;
    bool dma; /* the data phase is DMA; else PIO */
    bool ncq;
    uint64_t total, done; /* bytes of the data phase */
    uint32_t drq;         /* PIO: bytes between two interrupts */
    /* The drive's own: */
    uint8_t *buf; /* data that is not the medium's; owned */
    bool medium, fua, active, dropped, stalled;
    uint64_t offset;
    uint8_t cdb[16];
    uint32_t piece;       /* bytes under way */
    unsigned ranges_left; /* TRIM */
    struct iovec iov;
    BlkRequest req;
    AtaTask *next_stalled;
};

/* All of these: main loop, under the lock.  True: the task went on at once, look at phase; false:
 * ready() will be called. */
bool ata_task_start(AtaTask *t);
bool ata_task_packet(AtaTask *t, const uint8_t cdb[12]);
/* The next len bytes of the data phase; buf stays the caller's and must live until it is done. */
bool ata_task_transfer(AtaTask *t, void *buf, uint32_t len);
/* The controller cannot go on (no memory for the data ...): an aborted command. */
void ata_task_abort(AtaTask *t);
/* Frees what a task holds. Not while it is under way. */
void ata_task_clear(AtaTask *t);

/* Main loop, lock not held: waits until no request of the drive is in flight; their ready() is not
 * called any more. */
void ide_drive_cancel(IDEDrive *d, AtaTask *tasks, unsigned n);
/* Power-on or software reset: signature in regs. Under the lock. */
void ide_drive_reset(IDEDrive *d, AtaRegs *regs, bool hard);
/* The signature alone (device reset, identify of the other kind). */
void ide_drive_signature(const IDEDrive *d, AtaRegs *regs);

struct IDEDrive {
    DeviceState parent_obj;
    BlockConf conf;
    bool is_cd;
    int32_t unit; /* place on the bus; -1: the first free one */
    char *serial, *model, *version;
    uint64_t wwn;
    uint32_t rotation_rate;
    uint32_t cyls, heads, secs; /* geometry; 0: derived */
    /* State: under the controller's lock. */
    uint64_t sectors; /* of 512 bytes (disk) or 2048 (CD) */
    uint32_t cur_cyls, cur_heads, cur_secs;
    uint8_t multiple;
    bool write_cache;
    uint8_t mwdma, udma; /* chosen mode | 8, or 0 */
    bool sata;
    uint8_t ncq_error_tag; /* 0x80: none; for the log */
    AtaRegs ncq_error;
    /* CD. */
    bool tray_open, tray_locked, changed, event_pending, eject_request;
    uint8_t sense_key, asc, ascq;
    BlkRemovable medium;
    AtaTask *stalled; /* wait for the VM to run again */
    void *vmstate;
};
#define IDE_DRIVE(obj) ((IDEDrive *)(obj))

struct IDEBus {
    BusState parent_obj;
    IDEDrive *drive[2];
    unsigned max_units;
    bool sata;
    int index; /* number of the bus at its controller */
    void *controller;
    void (*plugged)(IDEBus *bus); /* a drive came, or is about to go; main loop */
};
#define IDE_BUS(obj) ((IDEBus *)(obj))

/* A bus of max_units places; index is its number at the controller. */
IDEBus *ide_bus_new(DeviceState *parent, int index, unsigned max_units, bool sata);

/* Between the files of hw/ide. */
void ata_identify(const IDEDrive *d, uint8_t *data);
void ata_identify_packet(const IDEDrive *d, uint8_t *data);
void ata_done(AtaTask *t);
void ata_fail(AtaTask *t, uint8_t error);
/* Begins a data phase whose bytes are in t->buf (n of them allocated and zeroed there). */
uint8_t *ata_buffer(AtaTask *t, AtaPhase phase, uint32_t n);
bool ata_flush(AtaTask *t);
bool atapi_start(AtaTask *t);
bool atapi_data_out(AtaTask *t);
void atapi_read_error(AtaTask *t);
void atapi_medium_gone(AtaTask *t);
extern const BlkRemovableOps atapi_removable_ops;

#endif
