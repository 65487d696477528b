/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A virtio-scsi driver for the tests, written from virtio 1.2, section 5.6. */
#ifndef QTEST_VIRTIO_SCSI_DRIVER_H
#define QTEST_VIRTIO_SCSI_DRIVER_H

#include "pattern.h"
#include "virtio-machine.h"

#define SCSI_SLOTS 64
#define SCSI_DATA_MAX 0x40000u
#define SCSI_SENSE_SIZE 96u
#define SCSI_DISK_SIZE (4u * 1024 * 1024)
#define SCSI_DISK_BLOCKS (SCSI_DISK_SIZE / 512)

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
    QVirtio *v;
    uint64_t req, resp, data, events;
    bool indirect;
    unsigned cdb_size, sense_size;
    unsigned target, lun;      /* that CMD() is for */
    /* The latest answer. */
    uint8_t response, status, key, sense[SCSI_SENSE_SIZE];
    uint16_t asc;
    uint32_t sense_len, residual, used;
} Scsi;

/* A controller, scsi0, with four request queues and these properties, in that home.  before:
 * options in front of it; devices: behind it. */
Scsi *scsi_start(QHome home, bool legacy, const char *before, const char *controller,
                 const char *devices);
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

/* --- a disk at target 2, unit 3 */

/* Its image, of SCSI_DISK_SIZE bytes of the pattern: main() of the tests makes it. */
extern char *scsi_image;
/* Makes scsi_image, runs the tests, takes it away; main()'s result. */
int scsi_run(void);

/* Four queues of 64; drive: options that make the node d0; disk: properties of the scsi-hd hd0. */
Scsi *scsi_start_drive(QHome home, bool legacy, const char *drive, const char *controller,
                       const char *disk);
/* The same with scsi_image. */
Scsi *scsi_start_disk(QHome home, bool legacy, const char *controller, const char *disk);
/* The same with a disk that answers after so many milliseconds. */
Scsi *scsi_start_slow(QHome home, unsigned ms);
/* Takes the unit attention after power-on, which each start has. */
void scsi_ready(Scsi *d);
/* Four queues without interrupts, and the disk ready. */
void scsi_go(Scsi *d, uint64_t features);
/* n reads with tags from 100, in slots from 1, over the four queues; then the notifications. */
void scsi_fill(Scsi *d, unsigned n);

/* --- data and answers */

void scsi_assert_bytes(Scsi *d, uint64_t at, const void *want, size_t n);
/* The data at at are those of the image from lba; or become them (at the beginning). */
void scsi_check(Scsi *d, uint64_t at, uint64_t lba, size_t len);
void scsi_put(Scsi *d, uint64_t lba, size_t len);

#define CDB(...) ((const uint8_t[]){__VA_ARGS__})
/* A command on queue 0; data of len bytes from the device, or to it where negative. */
#define CMD(d, len, ...) \
    scsi_cmd_on(d, 0, (d)->target, (d)->lun, CDB(__VA_ARGS__), sizeof(CDB(__VA_ARGS__)), \
                (uint32_t)((len) < 0 ? -(len) : (len)), (len) >= 0)

/* Answers with success and so many bytes not moved. */
#define assert_good(d, response_, rest) \
    do { \
        g_assert_cmpuint(response_, ==, S_OK); \
        if ((d)->status != GOOD) { \
            g_test_message("key 0x%x asc 0x%04x", (d)->key, (d)->asc); \
        } \
        g_assert_cmphex((d)->status, ==, GOOD); \
        g_assert_cmpuint((d)->sense_len, ==, 0); \
        g_assert_cmpuint((d)->residual, ==, rest); \
    } while (0)
#define assert_check(d, response_, key_, asc_) \
    do { \
        g_assert_cmpuint(response_, ==, S_OK); \
        g_assert_cmphex((d)->status, ==, CHECK); \
        g_assert_cmphex((d)->key, ==, key_); \
        g_assert_cmphex((d)->asc, ==, asc_); \
    } while (0)

#endif
