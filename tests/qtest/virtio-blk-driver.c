/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver of the virtio-blk tests. */
#include "virtio-blk-driver.h"

#include <unistd.h>

char *blk_image;

char *blk_drive(const char *path)
{
    return g_strdup_printf("-blockdev file,filename=%s,node-name=d0,locking=off", path);
}

int blk_run(void)
{
    int status;

    blk_image = qpattern_image(BLK_SIZE);
    status = g_test_run();
    unlink(blk_image);
    g_free(blk_image);
    return status;
}

/* --- start and stop -------------------------------------------------------------------------- */

void blk_buffers(Blk *b)
{
    b->header = qtest_alloc(b->s, 4096, 4096);
    b->status = qtest_alloc(b->s, 4096, 4096);
    b->data = qtest_alloc(b->s, 0x20000, 4096);
}

Blk *blk_start_with(QHome home, bool legacy, const char *type, const char *drive, const char *props)
{
    static const char *const home_props[HOMES] = QHOME_PROPS("ior1:ior2", QHOME_SPREAD);
    Blk *b = g_new0(Blk, 1);

    b->v = qvirtio_boot(legacy,
                        "%s %s -device %s,id=vd0,addr=04.0,drive=d0,num-queues=4,"
                        "queue-size=64%s%s",
                        qhome_args(home), drive, type, home_props[home], props);
    b->s = b->v->s;
    blk_buffers(b);
    return b;
}

Blk *blk_start(QHome home, bool legacy, const char *props)
{
    g_autofree char *drive = blk_drive(blk_image);

    return blk_start_with(home, legacy, "virtio-blk-pci", drive, props);
}

Blk *blk_start_slow(QHome home, bool legacy, unsigned ms)
{
    g_autofree char *drive = g_strdup_printf(
        "-blockdev null-co,size=4M,read-zeroes=on,x-give-back=off,latency-ns=%u000000,node-name=d0",
        ms);

    return blk_start_with(home, legacy, "virtio-blk-pci", drive, ",packed=on,in_order=on");
}

void blk_stop(Blk *b)
{
    qvirtio_quit(b->v);
    g_free(b);
}

/* --- requests --------------------------------------------------------------------------------- */

uint16_t blk_push(Blk *b, unsigned qi, unsigned slot, uint32_t type, uint64_t sector, uint64_t data,
                  uint32_t len, bool write, bool indirect)
{
    struct {
        uint32_t type, prio;
        uint64_t sector;
    } h = {type, 0, sector};
    QVirtioBuf bufs[3] = {{b->header + 16 * slot, 16, false}};
    unsigned n = 1;

    qtest_memwrite(b->s, b->header + 16 * slot, &h, sizeof(h));
    qtest_writeb(b->s, b->status + slot, 0xaa);
    if (len) {
        bufs[n++] = (QVirtioBuf){data, len, write};
    }
    bufs[n++] = (QVirtioBuf){b->status + slot, 1, true};
    return qvirtio_add(&b->v->q[qi], bufs, n, indirect);
}

uint8_t blk_request(Blk *b, unsigned qi, uint32_t type, uint64_t sector, uint64_t data,
                    uint32_t len, bool write, bool indirect, uint32_t want_len)
{
    uint16_t id = blk_push(b, qi, 0, type, sector, data, len, write, indirect);
    uint32_t used;

    qvirtio_kick_if_wanted(&b->v->q[qi]);
    g_assert_cmpuint(qvirtio_wait(&b->v->q[qi], &used), ==, id);
    g_assert_cmpuint(used, ==, want_len);
    return qtest_readb(b->s, b->status);
}

uint8_t blk_read(Blk *b, unsigned qi, uint64_t sector, uint64_t addr, uint32_t len)
{
    return blk_request(b, qi, 0, sector, addr, len, true, false, len + 1);
}

void blk_check(Blk *b, uint64_t addr, uint64_t sector, size_t len)
{
    qpattern_check(b->s, addr, sector * 512, len);
}

void blk_fill(Blk *b)
{
    for (unsigned i = 0; i < BLK_FILL; i++) {
        blk_push(b, i % 4, i, 0, i, b->data + 512 * i, 512, true, false);
    }
    for (unsigned q = 0; q < 4; q++) {
        qvirtio_kick(&b->v->q[q]);
    }
}
