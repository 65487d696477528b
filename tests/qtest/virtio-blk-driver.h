/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A virtio-blk driver for the tests, written from virtio 1.2, section 5.2. */
#ifndef QTEST_VIRTIO_BLK_DRIVER_H
#define QTEST_VIRTIO_BLK_DRIVER_H

#include "pattern.h"
#include "virtio-machine.h"

#define BLK_SIZE (4u * 1024 * 1024)
#define BLK_SECTORS (BLK_SIZE / 512)

typedef struct Blk {
    QTestState *s;
    QVirtio *v;
    uint64_t header, status, data;
} Blk;

/* The disk's image, of BLK_SIZE bytes of the pattern: main() of the tests makes it. */
extern char *blk_image;
/* Options for the node d0 (g_free). */
char *blk_drive(const char *path);
/* Makes blk_image, runs the tests, takes it away; main()'s result. */
int blk_run(void);

/* A machine with this device, four queues of 64; drive: options that make d0; props: further
 * properties. */
Blk *blk_start_with(QHome home, bool legacy, const char *type, const char *drive,
                    const char *props);
/* The same with blk_image. */
Blk *blk_start(QHome home, bool legacy, const char *props);
/* The same with a disk that answers after so many milliseconds. */
Blk *blk_start_slow(QHome home, bool legacy, unsigned ms);
void blk_stop(Blk *b);
/* Takes the buffers anew, after qtest_alloc_reset(). */
void blk_buffers(Blk *b);

/* Offers a request to queue qi, without a notification; its id.  slot chooses header and status;
 * write: data goes to the guest. */
uint16_t blk_push(Blk *b, unsigned qi, unsigned slot, uint32_t type, uint64_t sector, uint64_t data,
                  uint32_t len, bool write, bool indirect);
/* One request from start to end, which must use want_len bytes; its status. */
uint8_t blk_request(Blk *b, unsigned qi, uint32_t type, uint64_t sector, uint64_t data,
                    uint32_t len, bool write, bool indirect, uint32_t want_len);
uint8_t blk_read(Blk *b, unsigned qi, uint64_t sector, uint64_t addr, uint32_t len);
/* The guest has at addr what the image has from sector. */
void blk_check(Blk *b, uint64_t addr, uint64_t sector, size_t len);
#define BLK_FILL 40
/* So many reads by turns in four queues, then the notifications; read i answers in status + i. */
void blk_fill(Blk *b);

#endif
