/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-scsi: the control queue (virtio 1.2, section 5.6.6.2) and the event queue (5.6.6.3). */
#include "virtio-scsi.h"

/* Control requests. */
enum { CONTROL_TMF, CONTROL_AN_QUERY, CONTROL_AN_SUBSCRIBE };
enum {
    TMF_ABORT_TASK,
    TMF_ABORT_TASK_SET,
    TMF_CLEAR_ACA,
    TMF_CLEAR_TASK_SET,
    TMF_NEXUS_RESET,
    TMF_UNIT_RESET,
    TMF_QUERY_TASK,
    TMF_QUERY_TASK_SET,
};

typedef struct TmfRequest {
    uint32_t type, subtype;
    uint8_t lun[8];
    uint64_t id;
} TmfRequest;

typedef struct QEMU_PACKED AnRequest {
    uint32_t type;
    uint8_t lun[8];
    uint32_t requested;
} AnRequest;

typedef struct QEMU_PACKED AnResponse {
    uint32_t actual;
    uint8_t response;
} AnResponse;

/* Events. */
enum { EVENT_NONE = 0, EVENT_TRANSPORT_RESET = 1, EVENT_PARAM_CHANGE = 3 };
#define EVENT_MISSED 0x80000000u
enum { RESET_RESCAN = 1, RESET_REMOVED = 2 };

typedef struct Event {
    uint32_t event;
    uint8_t lun[8];
    uint32_t reason;
} Event;

/* --- task management ------------------------------------------------------------------------- */

/* The tasks have ended; what was to be reset is reset now. */
static void reset_units(VirtIOSCSI *s, const VirtioScsiCtl *ctl)
{
    const SCSITable *t = __atomic_load_n(&s->bus->table, __ATOMIC_ACQUIRE);
    bool nexus = ctl->subtype == TMF_NEXUS_RESET;

    for (unsigned i = 0; t && i < t->n; i++) {
        SCSIDevice *d = t->dev[i];

        if ((unsigned)d->id == ctl->where.target && (nexus || (unsigned)d->lun == ctl->where.lun)) {
            SCSI_DEVICE_GET_CLASS(d)->reset_unit(d, nexus ? SCSI_ASC_NEXUS_LOSS
                                                          : SCSI_ASC_DEVICE_RESET);
        }
    }
}

static void finish(void *opaque)
{
    VirtioScsiCtl *ctl = opaque;

    if (ctl->subtype == TMF_NEXUS_RESET || ctl->subtype == TMF_UNIT_RESET) {
        reset_units(VIRTIO_SCSI(ctl->vq->vdev), ctl);
    }
    TRACE(virtio_scsi, tmf_done, "subtype %u response %u", ctl->subtype, ctl->response);
    virtio_elem_write(&ctl->elem, 0, &ctl->response, 1);
    virtqueue_push(ctl->vq, &ctl->elem, 1);
    if (ctl->vq->blocked) {
        virtqueue_block(ctl->vq, false);
    }
}

void virtio_scsi_ctl_put(VirtioScsiCtl *ctl)
{
    if (__atomic_sub_fetch(&ctl->waiting, 1, __ATOMIC_ACQ_REL)) {
        return;
    }
    if (aio_in_home(ctl->vq->ctx)) {
        finish(ctl);
    } else {
        aio_post(ctl->vq->ctx, finish, ctl);
    }
}

static void answer(VirtioScsiCtl *ctl, uint8_t response)
{
    virtio_elem_write(&ctl->elem, 0, &response, 1);
    virtqueue_push(ctl->vq, &ctl->elem, 1);
}

/* 0, or why there is no such unit. */
static uint8_t check_address(VirtIOSCSI *s, const uint8_t *lun, bool any_unit, VirtioScsiAddress *a)
{
    bool exact;

    if (!virtio_scsi_address(lun, a) || a->well_known ||
        !scsi_bus_find(s->bus, 0, a->target, a->lun, &exact)) {
        return VIRTIO_SCSI_S_BAD_TARGET;
    }
    return exact || any_unit ? 0 : VIRTIO_SCSI_S_INCORRECT_LUN;
}

static void task_management(VirtIOSCSI *s, VirtioScsiCtl *ctl, const TmfRequest *t)
{
    VirtioScsiScan scan = {.by = SCAN_UNIT, .tag = t->id, .response = VIRTIO_SCSI_S_ABORTED};
    uint8_t wrong = check_address(s, t->lun, t->subtype == TMF_NEXUS_RESET, &ctl->where);

    TRACE(virtio_scsi, tmf, "subtype %u target %u lun %u id %" PRIu64, t->subtype,
          ctl->where.target, ctl->where.lun, t->id);
    if (wrong) {
        answer(ctl, wrong);
        return;
    }
    ctl->subtype = t->subtype;
    ctl->waiting = 1;
    ctl->response = VIRTIO_SCSI_S_OK;
    scan.where = ctl->where;
    scan.ctl = ctl;
    scan.abort = true;
    switch (t->subtype) {
    case TMF_ABORT_TASK:
        scan.by = SCAN_TAG;
        break;
    case TMF_ABORT_TASK_SET:
    case TMF_CLEAR_TASK_SET:
        break;
    case TMF_NEXUS_RESET:
        scan.by = SCAN_TARGET;
        scan.response = VIRTIO_SCSI_S_RESET;
        break;
    case TMF_UNIT_RESET:
        scan.response = VIRTIO_SCSI_S_RESET;
        break;
    case TMF_QUERY_TASK:
        scan.by = SCAN_TAG;
        scan.abort = false;
        break;
    case TMF_QUERY_TASK_SET:
        scan.abort = false;
        break;
    default: /* there is no ACA */
        answer(ctl, VIRTIO_SCSI_S_FUNCTION_REJECTED);
        return;
    }
    virtio_scsi_scan(s, &scan);
    if (!scan.abort && scan.found) {
        ctl->response = VIRTIO_SCSI_S_FUNCTION_SUCCEEDED;
    }
    /* One at a time: the next one may mean the same tasks, and has to wait for them, too. */
    if (__atomic_load_n(&ctl->waiting, __ATOMIC_ACQUIRE) > 1) {
        virtqueue_block(ctl->vq, true);
    }
    virtio_scsi_ctl_put(ctl);
}

/* --- asynchronous notification: no event has a subscription of its own ----------------------- */

static bool notification(VirtIOSCSI *s, VirtioScsiCtl *ctl)
{
    VirtioScsiAddress where;
    AnResponse resp = {0};
    AnRequest q;

    if (virtio_elem_read(&ctl->elem, 0, &q, sizeof(q)) != sizeof(q) ||
        ctl->elem.in_bytes < sizeof(resp)) {
        return false;
    }
    resp.response = check_address(s, q.lun, false, &where);
    virtio_elem_write(&ctl->elem, 0, &resp, sizeof(resp));
    virtqueue_push(ctl->vq, &ctl->elem, sizeof(resp));
    return true;
}

static bool control_request(VirtIOSCSI *s, VirtioScsiCtl *ctl)
{
    TmfRequest t;
    uint32_t type;

    if (virtio_elem_read(&ctl->elem, 0, &type, sizeof(type)) != sizeof(type)) {
        return false;
    }
    switch (type) {
    case CONTROL_TMF:
        if (virtio_elem_read(&ctl->elem, 0, &t, sizeof(t)) != sizeof(t) || !ctl->elem.in_bytes) {
            return false;
        }
        task_management(s, ctl, &t);
        return true;
    case CONTROL_AN_QUERY:
    case CONTROL_AN_SUBSCRIBE:
        return notification(s, ctl);
    }
    if (!ctl->elem.in_bytes) {
        return false;
    }
    answer(ctl, VIRTIO_SCSI_S_FUNCTION_REJECTED);
    return true;
}

void virtio_scsi_handle_control(VirtQueue *vq)
{
    VirtioScsiCtl *ctl;

    while (!vq->blocked && (ctl = (VirtioScsiCtl *)virtqueue_pop(vq))) {
        ctl->vq = vq;
        if (!control_request(VIRTIO_SCSI(vq->vdev), ctl)) {
            virtio_error(vq, "a control request is too short, or has no room for its response");
            virtqueue_drop(vq, &ctl->elem);
            return;
        }
    }
}

/* --- events ---------------------------------------------------------------------------------- */

static void push_event(VirtIOSCSI *s, Event *ev)
{
    VirtElem *e = virtqueue_pop(s->event);

    if (!e) {
        s->events_missed = true; /* 5.6.6.3.2: told with the next one */
        return;
    }
    if (e->in_bytes < sizeof(*ev)) {
        virtio_error(s->event, "a buffer for events is too small");
        virtqueue_drop(s->event, e);
        return;
    }
    ev->event |= s->events_missed ? EVENT_MISSED : 0;
    s->events_missed = false;
    TRACE(virtio_scsi, event, "event 0x%x reason 0x%x", ev->event, ev->reason);
    virtio_elem_write(e, 0, ev, sizeof(*ev));
    virtqueue_push(s->event, e, sizeof(*ev));
}

void virtio_scsi_handle_event(VirtQueue *vq)
{
    VirtIOSCSI *s = VIRTIO_SCSI(vq->vdev);
    Event ev = {.event = EVENT_NONE};

    while (s->events_missed && !vq->ring.broken) {
        push_event(s, &ev);
        if (s->events_missed && !virtqueue_want_kick(vq)) {
            return;
        }
    }
}

typedef struct EventCall {
    VirtIOSCSI *s;
    Event ev;
    unsigned feature;
} EventCall;

static void event_at_home(void *opaque)
{
    EventCall *c = opaque;
    VirtIODevice *vdev = &c->s->parent_obj;

    if (virtio_driver_ok(vdev) && virtio_has_feature(vdev, c->feature)) {
        push_event(c->s, &c->ev);
    }
}

static void tell(VirtIOSCSI *s, SCSIDevice *dev, unsigned feature, uint32_t event, uint32_t reason)
{
    EventCall c = {.s = s, .feature = feature, .ev = {.event = event, .reason = reason}};

    c.ev.lun[0] = 1;
    c.ev.lun[1] = dev->id;
    scsi_encode_lun(c.ev.lun + 2, dev->lun);
    c.ev.lun[2] |= 0x40; /* flat space addressing, as drivers expect it here */
    aio_call(s->parent_obj.home, event_at_home, &c);
}

void virtio_scsi_plugged(void *hba, SCSIDevice *dev, bool came)
{
    tell(hba, dev, VIRTIO_SCSI_F_HOTPLUG, EVENT_TRANSPORT_RESET,
         came ? RESET_RESCAN : RESET_REMOVED);
}

void virtio_scsi_changed(void *hba, SCSIDevice *dev, uint16_t asc)
{
    tell(hba, dev, VIRTIO_SCSI_F_CHANGE, EVENT_PARAM_CHANGE, asc >> 8 | (asc & 0xff) << 8);
}
