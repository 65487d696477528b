/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver of the virtio-scsi tests. */
#include "virtio-scsi-driver.h"

#include <string.h>
#include <unistd.h>

#define SLOT 512u

char *scsi_image;

int scsi_run(void)
{
    int status;

    scsi_image = qpattern_image(SCSI_DISK_SIZE);
    status = g_test_run();
    unlink(scsi_image);
    g_free(scsi_image);
    return status;
}

/* --- start and stop -------------------------------------------------------------------------- */

Scsi *scsi_start(QHome home, bool legacy, const char *before, const char *controller,
                 const char *devices)
{
    static const char *const props[HOMES] = QHOME_PROPS(
        "ior0:ior1", ",iothread-vq-mapping.0.iothread=iot0,"
                     "iothread-vq-mapping.0.vqs.0=0,iothread-vq-mapping.0.vqs.1=2,"
                     "iothread-vq-mapping.1.iothread=iot1,iothread-vq-mapping.1.vqs.0=1,"
                     "iothread-vq-mapping.1.vqs.1=3");
    Scsi *d = g_new0(Scsi, 1);

    /* The controller comes first: disks need its bus. */
    d->v =
        qvirtio_boot(legacy, "%s %s -device virtio-scsi-pci,id=scsi0,addr=04.0,num_queues=4%s%s %s",
                     qhome_args(home), before, props[home], controller, devices);
    d->s = d->v->s;
    d->cdb_size = 32;
    d->sense_size = SCSI_SENSE_SIZE;
    d->target = 2;
    d->lun = 3;
    scsi_buffers(d);
    return d;
}

Scsi *scsi_start_drive(QHome home, bool legacy, const char *drive, const char *controller,
                       const char *disk)
{
    g_autofree char *devices =
        g_strdup_printf("-device scsi-hd,id=hd0,bus=scsi0.0,scsi-id=2,lun=3,drive=d0%s", disk);
    g_autofree char *props = g_strdup_printf(",virtqueue_size=64%s", controller);

    return scsi_start(home, legacy, drive, props, devices);
}

Scsi *scsi_start_disk(QHome home, bool legacy, const char *controller, const char *disk)
{
    g_autofree char *drive = g_strdup_printf(
        "-blockdev file,filename=%s,node-name=d0,locking=off,discard=unmap", scsi_image);

    return scsi_start_drive(home, legacy, drive, controller, disk);
}

Scsi *scsi_start_slow(QHome home, unsigned ms)
{
    g_autofree char *drive = g_strdup_printf(
        "-blockdev null-co,size=4M,read-zeroes=on,x-give-back=off,latency-ns=%u000000,node-name=d0",
        ms);

    return scsi_start_drive(home, false, drive, ",packed=on", "");
}

void scsi_stop(Scsi *d)
{
    qvirtio_quit(d->v);
    g_free(d);
}

void scsi_buffers(Scsi *d)
{
    d->req = qtest_alloc(d->s, SCSI_SLOTS * SLOT, 4096);
    d->resp = qtest_alloc(d->s, SCSI_SLOTS * SLOT, 4096);
    d->data = qtest_alloc(d->s, SCSI_DATA_MAX, 4096);
    d->events = qtest_alloc(d->s, 4096, 4096);
}

void scsi_init(Scsi *d, uint64_t features, unsigned n, unsigned size, bool msix)
{
    d->indirect = features & QVIRTIO_F_INDIRECT;
    qvirtio_start(d->v, features, n + 2, size, msix);
}

/* --- requests --------------------------------------------------------------------------------- */

static void put_lun(uint8_t *p, unsigned target, unsigned lun)
{
    memset(p, 0, 8);
    p[0] = 1;
    p[1] = (uint8_t)target;
    p[2] = (uint8_t)(0x40 | lun >> 8);
    p[3] = (uint8_t)lun;
    if (target == 0xc1) { /* the well known unit */
        p[0] = 0xc1;
        p[1] = 1;
        p[2] = 0;
    }
}

uint16_t scsi_push(Scsi *d, unsigned queue, unsigned slot, unsigned target, unsigned lun,
                   uint64_t tag, const uint8_t *cdb, unsigned cdb_len, uint64_t addr, uint32_t len,
                   bool from_dev)
{
    uint64_t req = d->req + slot * SLOT, resp = d->resp + slot * SLOT;
    uint8_t h[19 + 255] = {0};
    QVirtioBuf bufs[3];
    unsigned n = 0;

    put_lun(h, target, lun);
    memcpy(h + 8, &tag, 8);
    memcpy(h + 19, cdb, cdb_len);
    qtest_memwrite(d->s, req, h, 19 + d->cdb_size);
    qtest_memset(d->s, resp, 0xee, 12 + d->sense_size);
    bufs[n++] = (QVirtioBuf){req, 19 + d->cdb_size, false};
    if (len && !from_dev) {
        bufs[n++] = (QVirtioBuf){addr, len, false};
    }
    bufs[n++] = (QVirtioBuf){resp, 12 + d->sense_size, true};
    if (len && from_dev) {
        bufs[n++] = (QVirtioBuf){addr, len, true};
    }
    return qvirtio_add(&d->v->q[queue + 2], bufs, n, d->indirect);
}

void scsi_answer(Scsi *d, unsigned slot)
{
    uint8_t r[12 + SCSI_SENSE_SIZE];

    qtest_memread(d->s, d->resp + slot * SLOT, r, 12 + MIN(d->sense_size, SCSI_SENSE_SIZE));
    memcpy(&d->sense_len, r, 4);
    memcpy(&d->residual, r + 4, 4);
    d->status = r[10];
    d->response = r[11];
    memcpy(d->sense, r + 12, SCSI_SENSE_SIZE);
    d->key = 0;
    d->asc = 0;
    if (d->response == S_OK && d->sense_len) {
        bool descriptor = (d->sense[0] & 0x7f) >= 0x72;

        d->key = d->sense[descriptor ? 1 : 2] & 0xf;
        d->asc = (uint16_t)(descriptor ? d->sense[2] << 8 | d->sense[3]
                                       : d->sense[12] << 8 | d->sense[13]);
    }
}

uint8_t scsi_cmd_on(Scsi *d, unsigned queue, unsigned target, unsigned lun, const uint8_t *cdb,
                    unsigned cdb_len, uint32_t len, bool from_dev)
{
    uint16_t id = scsi_push(d, queue, 0, target, lun, 1, cdb, cdb_len, d->data, len, from_dev);

    qvirtio_kick(&d->v->q[queue + 2]);
    g_assert_cmpuint(qvirtio_wait(&d->v->q[queue + 2], &d->used), ==, id);
    scsi_answer(d, 0);
    return d->response;
}

uint8_t scsi_tmf(Scsi *d, uint32_t subtype, unsigned target, unsigned lun, uint64_t tag)
{
    uint64_t req = d->req + (SCSI_SLOTS - 1) * SLOT, resp = d->resp + (SCSI_SLOTS - 1) * SLOT;
    uint8_t h[24] = {0};
    QVirtioBuf bufs[2] = {{req, sizeof(h), false}, {resp, 1, true}};
    uint32_t used;
    uint16_t id;

    memcpy(h + 4, &subtype, 4);
    put_lun(h + 8, target, lun);
    memcpy(h + 16, &tag, 8);
    qtest_memwrite(d->s, req, h, sizeof(h));
    qtest_writeb(d->s, resp, 0xee);
    id = qvirtio_add(&d->v->q[0], bufs, 2, d->indirect);
    qvirtio_kick(&d->v->q[0]);
    g_assert_cmpuint(qvirtio_wait(&d->v->q[0], &used), ==, id);
    g_assert_cmpuint(used, ==, 1);
    return qtest_readb(d->s, resp);
}

void scsi_push_event_buffer(Scsi *d, unsigned slot)
{
    QVirtioBuf buf = {d->events + slot * 16, 16, true};

    qtest_memset(d->s, buf.addr, 0xee, 16);
    qvirtio_add(&d->v->q[1], &buf, 1, false);
    qvirtio_kick(&d->v->q[1]);
}

void scsi_event(Scsi *d, uint32_t *event, unsigned *target, unsigned *lun, uint32_t *reason)
{
    uint32_t used;
    uint8_t e[16];

    qvirtio_wait(&d->v->q[1], &used);
    g_assert_cmpuint(used, ==, 16);
    qtest_memread(d->s, d->events, e, sizeof(e)); /* tests offer slot 0 at a time */
    memcpy(event, e, 4);
    memcpy(reason, e + 12, 4);
    *target = e[5];
    *lun = (e[6] & 0x3f) << 8 | e[7];
}

/* --- the disk --------------------------------------------------------------------------------- */

void scsi_ready(Scsi *d)
{
    assert_check(d, CMD(d, 0, 0x00, 0, 0, 0, 0, 0), 6, 0x2900);
    assert_good(d, CMD(d, 0, 0x00, 0, 0, 0, 0, 0), 0);
}

void scsi_go(Scsi *d, uint64_t features)
{
    scsi_init(d, features, 4, 0, false);
    scsi_ready(d);
}

void scsi_fill(Scsi *d, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        scsi_push(d, i % 4, i + 1, 2, 3, 100 + i, CDB(0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0), 10,
                  d->data + 512 * i, 512, true);
    }
    for (unsigned q = 0; q < 4; q++) {
        qvirtio_kick(&d->v->q[q + 2]);
    }
}

void scsi_assert_bytes(Scsi *d, uint64_t at, const void *want, size_t n)
{
    g_autofree uint8_t *got = g_malloc(n);

    qtest_memread(d->s, d->data + at, got, n);
    g_assert_cmpmem(got, n, want, n);
}

void scsi_check(Scsi *d, uint64_t at, uint64_t lba, size_t len)
{
    qpattern_check(d->s, d->data + at, lba * 512, len);
}

void scsi_put(Scsi *d, uint64_t lba, size_t len)
{
    qpattern_put(d->s, d->data, lba * 512, len);
}
