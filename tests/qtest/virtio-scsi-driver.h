/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A virtio-scsi driver for the tests, written from virtio 1.2, section 5.6. */
#ifndef QTEST_VIRTIO_SCSI_DRIVER_H
#define QTEST_VIRTIO_SCSI_DRIVER_H

#include "virtio.h"

#define SCSI_SLOTS 64
#define SCSI_DATA_MAX 0x40000u
#define SCSI_SENSE_SIZE 96u

/* Responses. */
enum {
    S_OK,
    S_OVERRUN,
    S_ABORTED,
    S_BAD_TARGET,
    S_RESET,
    S_FAILURE = 9,
    S_SUCCEEDED,
    S_REJECTED,
    S_LUN
};
enum { GOOD = 0, CHECK = 2 };

typedef struct Scsi {
    QTestState *s;
    QPCIBus *bus;
    QVirtio *v;
    uint64_t req, resp, data, events;
    bool indirect;
    unsigned cdb_size, sense_size;
    /* The latest answer. */
    uint8_t response, status, key, sense[SCSI_SENSE_SIZE];
    uint16_t asc;
    uint32_t sense_len, residual, used;
} Scsi;

/* options: of the emulator; controller: properties of virtio-scsi-pci, which is scsi0. */
Scsi *scsi_start(const char *options, const char *controller, const char *type, bool legacy);
void scsi_stop(Scsi *d);
/* Features beyond VERSION_1; n request queues of size entries. */
void scsi_init(Scsi *d, uint64_t features, unsigned n, unsigned size, bool msix);
/* Takes the buffers anew (after a reset of the machine). */
void scsi_buffers(Scsi *d);

/* Offers a command in slot; its id.  len bytes of data at addr; write: from the device. */
uint16_t scsi_push(Scsi *d, unsigned queue, unsigned slot, unsigned target, unsigned lun,
                   uint64_t tag, const uint8_t *cdb, unsigned cdb_len, uint64_t addr, uint32_t len,
                   bool from_dev);
/* Reads slot's answer. */
void scsi_answer(Scsi *d, unsigned slot);
/* One command from start to end; its response. */
uint8_t scsi_cmd_on(Scsi *d, unsigned queue, unsigned target, unsigned lun, const uint8_t *cdb,
                    unsigned cdb_len, uint32_t len, bool from_dev);
/* Task management; its response. */
uint8_t scsi_tmf(Scsi *d, uint32_t subtype, unsigned target, unsigned lun, uint64_t tag);
void scsi_push_event_buffer(Scsi *d, unsigned slot);
/* Waits for an event. */
void scsi_event(Scsi *d, uint32_t *event, unsigned *target, unsigned *lun, uint32_t *reason);

#endif
