/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-scsi (virtio 1.2, section 5.6), between its files: virtio-scsi.c (requests, life),
 * virtio-scsi-control.c (task management, events).
 *
 * Request queues live each in a context of its own; control and event queue stay at home.
 */
#ifndef HW_SCSI_VIRTIO_SCSI_H
#define HW_SCSI_VIRTIO_SCSI_H

#include "hw/scsi/scsi.h"
#include "hw/virtio/virtio-pci.h"

#define TYPE_VIRTIO_SCSI "virtio-scsi-device"

/* Features [5.6.3]. */
#define VIRTIO_SCSI_F_HOTPLUG 1
#define VIRTIO_SCSI_F_CHANGE 2

#define VIRTIO_SCSI_FIXED_QUEUES 2 /* control, events */
#define VIRTIO_SCSI_MAX_TARGET 255
#define VIRTIO_SCSI_MAX_LUN 16383
#define VIRTIO_SCSI_CDB_SIZE 32 /* defaults of what the driver may change */
#define VIRTIO_SCSI_SENSE_SIZE 96
#define VIRTIO_SCSI_CDB_SIZE_MAX 255
#define VIRTIO_SCSI_SENSE_SIZE_MAX 65535

/* Responses [5.6.6.1, 5.6.6.2]. */
enum {
    VIRTIO_SCSI_S_OK = 0, /* also FUNCTION COMPLETE */
    VIRTIO_SCSI_S_OVERRUN = 1,
    VIRTIO_SCSI_S_ABORTED = 2,
    VIRTIO_SCSI_S_BAD_TARGET = 3,
    VIRTIO_SCSI_S_RESET = 4,
    VIRTIO_SCSI_S_FAILURE = 9,
    VIRTIO_SCSI_S_FUNCTION_SUCCEEDED = 10,
    VIRTIO_SCSI_S_FUNCTION_REJECTED = 11,
    VIRTIO_SCSI_S_INCORRECT_LUN = 12,
};

/* Configuration space [5.6.4]. */
typedef struct QEMU_PACKED VirtioScsiConfig {
    uint32_t num_queues, seg_max, max_sectors, cmd_per_lun, event_info_size, sense_size, cdb_size;
    uint16_t max_channel, max_target;
    uint32_t max_lun;
} VirtioScsiConfig;
G_STATIC_ASSERT(sizeof(VirtioScsiConfig) == 36);

typedef struct VirtIOSCSI {
    VirtIODevice parent_obj;
    uint16_t num_queues, queue_size;
    uint32_t max_sectors, cmd_per_lun;
    bool seg_max_adjust, hotplug, param_change;
    SCSIBus *bus;
    VirtQueue *control, *event;
    uint32_t cdb_size, sense_size; /* atomic; home writes */
    bool events_missed;            /* home */
} VirtIOSCSI;
#define VIRTIO_SCSI(obj) ((VirtIOSCSI *)(obj))

/* Where a request goes. */
typedef struct VirtioScsiAddress {
    bool well_known; /* the REPORT LUNS unit */
    unsigned target, lun;
} VirtioScsiAddress;
/* False: no address of this device. */
bool virtio_scsi_address(const uint8_t *p, VirtioScsiAddress *a);

/* A control request; task management waits here for the tasks that it ends. */
typedef struct VirtioScsiCtl {
    VirtElem elem; /* first */
    VirtQueue *vq;
    uint32_t subtype;
    VirtioScsiAddress where;
    unsigned waiting; /* atomic: tasks, and one for who looks for them */
    uint8_t response;
} VirtioScsiCtl;
/* One thing less to wait for.  Any context of the device. */
void virtio_scsi_ctl_put(VirtioScsiCtl *ctl);

/* Somebody waits until requests of a queue have ended. */
typedef struct VirtioScsiDrain {
    unsigned left; /* atomic: requests, and one for who looks for them */
    QemuEvent done;
} VirtioScsiDrain;

typedef struct VirtioScsiReq {
    VirtElem elem; /* first */
    VirtQueue *vq;
    SCSIRequest scsi;
    uint64_t tag;
    VirtioScsiAddress where;
    bool active;            /* the SCSI request is under way */
    uint8_t ended_with;     /* response if it was aborted */
    VirtioScsiCtl *ctl;     /* that aborted it */
    VirtioScsiDrain *drain; /* that waits for its end */
    uint32_t sense_size;    /* room for sense data */
    unsigned first_in;      /* entry of elem.iov where data begins, */
    size_t skipped;         /* after this much of it */
} VirtioScsiReq;

/* What to look for among the requests in flight, and what to do with it. */
typedef struct VirtioScsiScan {
    enum { SCAN_TAG, SCAN_UNIT, SCAN_TARGET, SCAN_DEVICE } by;
    uint64_t tag;
    VirtioScsiAddress where;
    SCSIDevice *dev;
    bool abort;
    uint8_t response;       /* of those that are aborted */
    VirtioScsiCtl *ctl;     /* that waits for them, or NULL */
    VirtioScsiDrain *drain; /* the same */
    unsigned found;
    VirtQueue *vq;
} VirtioScsiScan;
/* Looks at each request queue in its context, one after the other.  Main loop or home. */
void virtio_scsi_scan(VirtIOSCSI *s, VirtioScsiScan *scan);

/* --- virtio-scsi-control.c: home --- */
void virtio_scsi_handle_control(VirtQueue *vq);
void virtio_scsi_handle_event(VirtQueue *vq);
/* Main loop: what the bus has to tell the driver. */
void virtio_scsi_plugged(void *hba, SCSIDevice *dev, bool came);
void virtio_scsi_changed(void *hba, SCSIDevice *dev, uint16_t asc);

#endif
