/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver of the virtio-scsi tests. */
#include "virtio-scsi-driver.h"

#include <string.h>

#define DEVFN QPCI_DEVFN(4, 0)
#define SLOT 512u

Scsi *scsi_start(const char *options, const char *controller, const char *type, bool legacy)
{
    Scsi *d = g_new0(Scsi, 1);
    /* The controller comes first: disks need its bus. */
    g_auto(GStrv) parts = g_strsplit(options, "@", 2);

    d->s = qtest_initf("-machine q35 -nodefaults -m 256 %s -device %s,id=scsi0,addr=04.0%s %s",
                       parts[0], type, controller, parts[0] && parts[1] ? parts[1] : "");
    d->bus = qpci_new(d->s);
    d->v = qvirtio_new(d->bus, 0, DEVFN, legacy);
    d->cdb_size = 32;
    d->sense_size = SCSI_SENSE_SIZE;
    scsi_buffers(d);
    return d;
}

void scsi_stop(Scsi *d)
{
    qvirtio_free(d->v);
    qpci_free(d->bus);
    qtest_quit(d->s);
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
