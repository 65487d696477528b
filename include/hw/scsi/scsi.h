/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SCSI: a bus with devices on it, and requests that a controller (virtio-scsi) sends to them.
 *
 * A request is embedded in the controller's own; it runs in the AioContext that the controller says
 * and completes there, so that several queues use one device without meeting.  Reads and writes
 * take no lock; what changes a device's state takes the device's.
 *
 * Devices come and go in the main loop, while requests run elsewhere.  The bus's table of devices
 * is replaced as a whole; a controller's fence() tells that nobody uses the old one any more.
 */
#ifndef HW_SCSI_H
#define HW_SCSI_H

#include "block/block-backend.h"
#include "hw/qdev-core.h"
#include "hw/scsi/spec.h"

#define TYPE_SCSI_BUS "SCSI"
#define TYPE_SCSI_DEVICE "scsi-device"
#define SCSI_CDB_MAX 32

typedef struct SCSIBus SCSIBus;
typedef struct SCSIDevice SCSIDevice;
typedef struct SCSIRequest SCSIRequest;

struct SCSIRequest {
    /* The controller's, before scsi_req_start(). */
    SCSIBus *bus;
    SCSIDevice *dev;           /* on the request's target; NULL: the REPORT LUNS well known unit */
    bool lun_missing;          /* dev is another unit of that target */
    AioContext *ctx;           /* that submits and completes */
    uint8_t cdb[SCSI_CDB_MAX]; /* zeros after its end */
    unsigned cdb_len;          /* bytes that the controller transported */
    struct iovec *iov;         /* the data buffer; entries may be changed until complete() */
    unsigned niov;
    uint64_t bytes;                   /* of it */
    bool to_dev;                      /* its direction */
    void (*complete)(SCSIRequest *r); /* in ctx; perhaps from inside scsi_req_start() */
    /* The result. */
    bool overrun; /* the command needs a larger buffer; nothing was done */
    uint8_t status;
    uint8_t sense[SCSI_SENSE_DESCRIPTOR];
    unsigned sense_len;
    uint64_t moved; /* bytes of the data buffer */
    /* ctx.  parked: failed with policy "stop", waits for scsi_req_resume(); aborted: ends soon, and
     * what it says does not matter. */
    bool parked, aborted;
    /* The device's own: */
    BlkRequest blk;
    BlockBackend *backend;        /* that blk went to */
    void (*next)(SCSIRequest *r); /* after blk succeeded */
    unsigned cut;                 /* entry of iov that was shortened, */
    size_t cut_len;               /* by this much */
    uint64_t lba, left;           /* blocks still to do, */
    uint32_t piece;               /* of which under way */
    uint64_t bytes_wanted;
    uint8_t *buf; /* data that is not the guest's; freed at the end */
    size_t buf_used;
    struct iovec bounce;
    unsigned phase;
};

/* What a controller does for its bus.  Main loop. */
typedef struct SCSIBusOps {
    /* Returns when no context uses what it had loaded before. */
    void (*fence)(void *hba);
    /* Returns when no request of dev is in flight any more; dev is in no table. */
    void (*drain)(void *hba, SCSIDevice *dev);
    /* dev came, or went: the driver is told. */
    void (*plugged)(void *hba, SCSIDevice *dev, bool came);
    /* A unit attention with this code is pending. */
    void (*changed)(void *hba, SCSIDevice *dev, uint16_t asc);
} SCSIBusOps;

/* Devices by address; never changes once it is published. */
typedef struct SCSITable {
    unsigned n;
    SCSIDevice *dev[];
} SCSITable;

struct SCSIBus {
    BusState parent_obj;
    const SCSIBusOps *ops;
    void *hba;
    unsigned max_channel, max_target, max_lun; /* the largest that there may be */
    SCSITable *table;                          /* atomic; NULL: empty */
};
#define SCSI_BUS(obj) ((SCSIBus *)(obj))

struct SCSIDevice {
    DeviceState parent_obj;
    uint32_t channel;
    int32_t id, lun; /* -1 until plugged: the first free one */
};
#define SCSI_DEVICE(obj) ((SCSIDevice *)(obj))

typedef struct SCSIDeviceClass {
    DeviceClass parent_class;
    bool (*realize)(SCSIDevice *dev, GError **errp);
    void (*unrealize)(SCSIDevice *dev);
    /* Any context: does the command; true: it is done, false: scsi_req_done() follows. */
    bool (*command)(SCSIDevice *dev, SCSIRequest *r);
    /* ctx: goes on with what was parked. */
    void (*resume)(SCSIRequest *r);
    /* Any thread: power-on, reset or nexus loss; asc is the unit attention that follows. */
    void (*reset_unit)(SCSIDevice *dev, uint16_t asc);
    /* Main loop: the units of its target are others now. */
    void (*units_changed)(SCSIDevice *dev);
} SCSIDeviceClass;
#define SCSI_DEVICE_GET_CLASS(obj) ((SCSIDeviceClass *)object_get_class(obj))

/* --- for controllers ------------------------------------------------------------------------- */

/* Main loop. name as for qbus_new(). */
SCSIBus *scsi_bus_new(DeviceState *parent, const char *name, const SCSIBusOps *ops, void *hba,
                      unsigned max_channel, unsigned max_target, unsigned max_lun);
/* The unit at this address, else some unit of that target (*exact says which); NULL: no target. Any
 * context that fence() waits for. */
SCSIDevice *scsi_bus_find(SCSIBus *bus, unsigned channel, unsigned id, unsigned lun, bool *exact);
/* A 64-bit LUN as a number [SAM-5, 4.7]: peripheral device and flat space addressing. False:
 * another method. */
bool scsi_decode_lun(const uint8_t *p, unsigned *lun);
void scsi_encode_lun(uint8_t *p, unsigned lun);
/* ctx. */
void scsi_req_start(SCSIRequest *r);
void scsi_req_resume(SCSIRequest *r);
/* ctx: ends a parked request at once, any other one soon. */
void scsi_req_abort(SCSIRequest *r);

/* --- for devices ----------------------------------------------------------------------------- */

/* Ends it; ctx. */
void scsi_req_done(SCSIRequest *r);
/* These set the result and return true, so that a command can end with one of them. */
bool scsi_req_good(SCSIRequest *r);
bool scsi_req_check(SCSIRequest *r, uint8_t key, uint16_t asc);
bool scsi_req_invalid(SCSIRequest *r, uint16_t asc); /* ILLEGAL REQUEST */
/* CHECK CONDITION whose information field has info. */
bool scsi_req_check_info(SCSIRequest *r, bool descriptor, uint8_t key, uint16_t asc, uint64_t info);
/* have bytes at data are the answer, of which the command has room for allocation. */
bool scsi_req_reply(SCSIRequest *r, const void *data, size_t have, uint64_t allocation);
/* Takes len bytes of parameters from the driver; false (with the result set): there are fewer. */
bool scsi_req_take(SCSIRequest *r, void *buf, size_t len);
/* The data buffer becomes exactly bytes long; false (with the result set): it is too short, or goes
 * the other way. */
bool scsi_req_data(SCSIRequest *r, uint64_t bytes, bool to_dev);
/* Copies len bytes at offset of the data buffer. */
size_t scsi_req_copy(SCSIRequest *r, size_t offset, void *buf, size_t len, bool to_guest);

#endif
