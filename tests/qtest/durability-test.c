/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest is told is durable has been made durable by the kernel before.  A library in the
 * emulator makes fdatasync and durable writes fail at will: where the guest sees the failure, the
 * completion waited for the call's result; where it does not, the call was not asked for.  With
 * worker threads and with a ring.
 */
#include "durability.h"
#include "nvme-driver.h"
#include "virtio-machine.h"
#include "virtio-scsi-driver.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define IMAGE_SIZE (4u << 20)
#define FUA (1u << 30)
#define WCE_OFFSET 32 /* virtio-blk's writeback, in its configuration */

enum { F_FLUSH = 9, F_CONFIG_WCE = 11 };

static DurabilityPage *page;
static char *image;

/* How requests go to the kernel. */
typedef struct Way {
    const char *name, *aio;
} Way;
static const Way ways[] = {{"threads", "aio=threads"}, {"ring", "aio=io_uring"}};

static char *drive(const Way *w, const char *cache)
{
    return g_strdup_printf("-drive file=%s,if=none,id=d0,format=raw,cache=%s,%s", image, cache,
                           w->aio);
}

/* --- what must hold ----------------------------------------------------------------------------
 */

/* A request of some device: 0, or its error. */
typedef unsigned Request(void *dev, const void *what);

enum { NOTHING, SYNC, DURABLE };

static void forget(void)
{
    memset(page, 0, sizeof(*page));
}

/* The request depends on a call of this kind, and on no other; it succeeds if that does. */
static void depends(Request *request, void *dev, const void *what, int on)
{
    forget();
    g_assert_cmphex(request(dev, what), ==, 0);
    g_assert_cmpuint(!!page->syncs, ==, on == SYNC);
    g_assert_cmpuint(!!page->durable, ==, on == DURABLE);
    page->fail_sync = on != SYNC;
    page->fail_durable = on != DURABLE;
    g_assert_cmphex(request(dev, what), ==, 0);
    page->fail_sync = on == SYNC;
    page->fail_durable = on == DURABLE;
    if (on != NOTHING) {
        g_assert_cmphex(request(dev, what), !=, 0);
    }
    forget();
    g_assert_cmphex(request(dev, what), ==, 0); /* and all is well again */
}

/* Plain writes are seen by the library, too: it is in the way that data takes. */
static void sees_writes(Request *request, void *dev, const void *what, const Way *w)
{
    forget();
    g_assert_cmphex(request(dev, what), ==, 0);
    g_assert_cmpuint(page->plain, >, 0);
    g_assert_cmpuint(!!page->by_ring, ==, g_str_equal(w->name, "ring"));
    page->fail_plain = 1;
    g_assert_cmphex(request(dev, what), !=, 0);
    forget();
}

/* --- NVMe --------------------------------------------------------------------------------------
 */

static unsigned nvme_request(void *dev, const void *what)
{
    NvmeCmd cmd = *(const NvmeCmd *)what;

    return qnvme_cmd(dev, 1, &cmd);
}

static NvmeCmd nvme_rw(QNvme *n, uint8_t opcode, uint32_t dw12)
{
    return (NvmeCmd){
        .opcode = opcode, .nsid = 1, .dptr.prp1 = n->page, .cdw10 = 8, .cdw12 = 7 | dw12};
}

static QNvme *nvme_start(const Way *w, const char *cache, QHome home)
{
    g_autofree char *args = drive(w, cache);
    QNvme *n = qnvme_start(home, args, "");

    qnvme_bring_up(n, 1, false);
    return n;
}

static void nvme_copy(QNvme *n)
{
    uint64_t range[4] = {0, 32, 7, 0}; /* format 0: SLBA, NLB */
    NvmeCmd copy = {.opcode = NVME_IO_COPY, .nsid = 1, .dptr.prp1 = n->page + 2048, .cdw10 = 64};

    qtest_memwrite(n->s, n->page + 2048, range, sizeof(range));
    depends(nvme_request, n, &copy, NOTHING);
    copy.cdw12 |= FUA;
    depends(nvme_request, n, &copy, DURABLE);
}

static void test_nvme(const void *opaque)
{
    const Way *w = opaque;
    QNvme *n = nvme_start(w, "writeback", g_str_equal(w->name, "ring") ? PER_QUEUE : MAIN_LOOP);
    NvmeCmd flush = {.opcode = NVME_IO_FLUSH, .nsid = 1}, cmd = nvme_rw(n, NVME_IO_WRITE, 0);

    sees_writes(nvme_request, n, &cmd, w);
    depends(nvme_request, n, &flush, SYNC);
    flush.nsid = NVME_NSID_ALL;
    depends(nvme_request, n, &flush, SYNC);
    depends(nvme_request, n, &cmd, NOTHING);
    cmd = nvme_rw(n, NVME_IO_WRITE, FUA);
    depends(nvme_request, n, &cmd, DURABLE);
    cmd = nvme_rw(n, NVME_IO_WRITE_ZEROES, 0);
    depends(nvme_request, n, &cmd, NOTHING);
    cmd = nvme_rw(n, NVME_IO_WRITE_ZEROES, FUA);
    depends(nvme_request, n, &cmd, SYNC);
    cmd = nvme_rw(n, NVME_IO_READ, 0);
    depends(nvme_request, n, &cmd, NOTHING);
    /* What a read with FUA returns is durable: it commits what the cache has (1.4, 6.9), and so do
     * its relatives. */
    cmd = nvme_rw(n, NVME_IO_READ, FUA);
    depends(nvme_request, n, &cmd, SYNC);
    cmd = nvme_rw(n, NVME_IO_COMPARE, FUA);
    depends(nvme_request, n, &cmd, SYNC);
    cmd = nvme_rw(n, NVME_IO_VERIFY, FUA);
    depends(nvme_request, n, &cmd, SYNC);
    nvme_copy(n);
    /* Feature 6: without a write cache every write is durable when it completes. */
    g_assert_cmphex(qnvme_set_feature(n, 6, 0), ==, 0);
    cmd = nvme_rw(n, NVME_IO_WRITE, 0);
    depends(nvme_request, n, &cmd, DURABLE);
    cmd = nvme_rw(n, NVME_IO_WRITE_ZEROES, 0);
    depends(nvme_request, n, &cmd, SYNC);
    g_assert_cmphex(qnvme_set_feature(n, 6, 1), ==, 0);
    cmd = nvme_rw(n, NVME_IO_WRITE, 0);
    depends(nvme_request, n, &cmd, NOTHING);
    qnvme_stop(n);
}

/* Data at an address that the image cannot take directly: through a buffer, and as durable. */
static void test_nvme_bounce(const void *opaque)
{
    QNvme *n = nvme_start(opaque, "none", IOTHREAD);
    NvmeCmd cmd = nvme_rw(n, NVME_IO_WRITE, FUA);

    depends(nvme_request, n, &cmd, DURABLE);
    cmd.dptr.prp1 += 4;
    cmd.cdw12 = 3 | FUA;
    depends(nvme_request, n, &cmd, DURABLE);
    cmd.cdw12 = 3;
    depends(nvme_request, n, &cmd, NOTHING);
    qnvme_stop(n);
}

static void test_nvme_caches(const void *opaque)
{
    NvmeCmd flush = {.opcode = NVME_IO_FLUSH, .nsid = 1}, cmd;
    QNvme *n = nvme_start(opaque, "writethrough", IOREGIONFD);

    cmd = nvme_rw(n, NVME_IO_WRITE, 0);
    depends(nvme_request, n, &cmd, DURABLE);
    depends(nvme_request, n, &flush, SYNC);
    qnvme_stop(n);
    n = nvme_start(opaque, "unsafe", IOREGIONFD); /* asked for, and got */
    cmd = nvme_rw(n, NVME_IO_WRITE, FUA);
    depends(nvme_request, n, &cmd, NOTHING);
    depends(nvme_request, n, &flush, NOTHING);
    qnvme_stop(n);
}

/* --- virtio-blk --------------------------------------------------------------------------------
 */

typedef struct Blk {
    QTestState *s;
    QVirtio *v;
    uint64_t mem; /* header, status, a range, data: a page each */
} Blk;

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_WRITE_ZEROES = 13 };

static unsigned blk_request(void *dev, const void *what)
{
    Blk *b = dev;
    uint32_t header[4] = {*(const uint32_t *)what};
    uint32_t range[4] = {8, 0, 8, 0};
    QVirtioBuf bufs[3] = {{b->mem, 16, false}};
    unsigned n = 1;
    uint32_t used;

    qtest_memwrite(b->s, b->mem, header, sizeof(header));
    qtest_memwrite(b->s, b->mem + 8192, range, sizeof(range));
    if (header[0] == T_WRITE_ZEROES) {
        bufs[n++] = (QVirtioBuf){b->mem + 8192, 16, false};
    } else if (header[0] != T_FLUSH) {
        bufs[n++] = (QVirtioBuf){b->mem + 12288, 4096, header[0] == T_IN};
    }
    bufs[n++] = (QVirtioBuf){b->mem + 4096, 1, true};
    qvirtio_add(&b->v->q[0], bufs, n, false);
    qvirtio_kick(&b->v->q[0]);
    qvirtio_wait(&b->v->q[0], &used);
    return qtest_readb(b->s, b->mem + 4096);
}

static Blk *blk_start(const Way *w, const char *cache, const char *props)
{
    g_autofree char *args = drive(w, cache);
    Blk *b = g_new0(Blk, 1);

    b->v = qvirtio_boot(false,
                        "-object iothread,id=iot0 %s -device virtio-blk-pci,addr=04.0,drive=d0%s",
                        args, props);
    b->s = b->v->s;
    b->mem = qtest_alloc(b->s, 16384, 4096);
    return b;
}

static void blk_stop(Blk *b)
{
    qvirtio_quit(b->v);
    g_free(b);
}

static const uint32_t blk_in = T_IN, blk_out = T_OUT, blk_flush = T_FLUSH,
                      blk_zeroes = T_WRITE_ZEROES;

static void test_blk(const void *opaque)
{
    const Way *w = opaque;
    Blk *b = blk_start(w, "writeback", g_str_equal(w->name, "ring") ? ",iothread=iot0" : "");
    uint64_t all = QVIRTIO_F(F_FLUSH) | QVIRTIO_F(F_CONFIG_WCE) | QVIRTIO_F(14);

    qvirtio_start(b->v, all, 1, 64, false);
    sees_writes(blk_request, b, &blk_out, w);
    depends(blk_request, b, &blk_flush, SYNC);
    depends(blk_request, b, &blk_out, NOTHING);
    depends(blk_request, b, &blk_zeroes, NOTHING);
    depends(blk_request, b, &blk_in, NOTHING);
    /* The driver turns the cache off (1.2, 5.2.6.2): writes are durable. */
    qvirtio_config_write(b->v, WCE_OFFSET, 1, 0);
    g_assert_cmpuint(qvirtio_config(b->v, WCE_OFFSET, 1), ==, 0);
    depends(blk_request, b, &blk_out, DURABLE);
    depends(blk_request, b, &blk_zeroes, SYNC);
    qvirtio_config_write(b->v, WCE_OFFSET, 1, 1);
    depends(blk_request, b, &blk_out, NOTHING);
    /* Who has not negotiated FLUSH cannot ask: the device must write through (1.2, 5.2.5.2). */
    qvirtio_reset(b->v);
    qvirtio_start(b->v, QVIRTIO_F(14), 1, 64, false);
    depends(blk_request, b, &blk_out, DURABLE);
    blk_stop(b);

    b = blk_start(w, "writethrough", ",iothread=iot0");
    qvirtio_start(b->v, all, 1, 64, false);
    g_assert_cmpuint(qvirtio_config(b->v, WCE_OFFSET, 1), ==, 0);
    depends(blk_request, b, &blk_out, DURABLE);
    depends(blk_request, b, &blk_flush, SYNC);
    blk_stop(b);
}

/* --- SCSI --------------------------------------------------------------------------------------
 */

static unsigned scsi_request(void *dev, const void *what)
{
    const uint8_t *cdb = what;
    bool data = cdb[0] == 0x2a || cdb[0] == 0x2e;

    g_assert_cmpuint(scsi_cmd_on(dev, 0, 0, 0, cdb, 10, data ? 4096 : 0, false), ==, S_OK);
    return ((Scsi *)dev)->status;
}

static void test_scsi(const void *opaque)
{
    static const uint8_t sync[10] = {0x35}, out[10] = {0x2a, 0, 0, 0, 0, 8, 0, 0, 8},
                         fua[10] = {0x2a, 8, 0, 0, 0, 8, 0, 0, 8};
    const Way *w = opaque;
    g_autofree char *args = drive(w, "writeback"), *through = drive(w, "writethrough");
    Scsi *d =
        scsi_start(MAIN_LOOP, false, args, "", "-device scsi-hd,drive=d0,scsi-id=0,dpofua=on");

    d->target = d->lun = 0;
    scsi_init(d, 0, 4, 64, false);
    scsi_ready(d);
    sees_writes(scsi_request, d, out, w);
    depends(scsi_request, d, sync, SYNC);
    depends(scsi_request, d, out, NOTHING);
    depends(scsi_request, d, fua, DURABLE);
    scsi_stop(d);

    d = scsi_start(IOTHREAD, false, through, "", "-device scsi-hd,drive=d0,scsi-id=0");
    d->target = d->lun = 0;
    scsi_init(d, 0, 4, 64, false);
    scsi_ready(d);
    depends(scsi_request, d, out, DURABLE);
    depends(scsi_request, d, sync, SYNC);
    scsi_stop(d);
}

/* --- IDE ---------------------------------------------------------------------------------------
 */

static unsigned ide_flush(void *dev, const void *what)
{
    QTestState *s = dev;
    uint8_t status;

    qtest_outb(s, 0x1f6, 0xe0);
    qtest_outb(s, 0x1f7, *(const uint8_t *)what);
    do {
        status = qtest_inb(s, 0x1f7);
    } while (status & 0x80);
    return status & 1;
}

static void test_ide(const void *opaque)
{
    static const uint8_t flush = 0xe7, flush_ext = 0xea;
    g_autofree char *args = drive(opaque, "writeback");
    QTestState *s =
        qtest_initf("-machine pc -nodefaults %s -device ide-hd,drive=d0,bus=ide.0", args);
    QPCIBus *bus = qpci_new(s);
    QPCIDevice *dev = qpci_device_at(bus, 0, QPCI_DEVFN(1, 1));

    qpci_config_writew(dev, 4, 5);
    qpci_device_free(dev);
    qpci_free(bus);
    depends(ide_flush, s, &flush, SYNC);
    depends(ide_flush, s, &flush_ext, SYNC);
    qtest_quit(s);
}

/* --- the machine's end -------------------------------------------------------------------------
 */

/* What the guest wrote without a flush is made durable when the machine stops. */
static void test_stop(const void *opaque)
{
    QNvme *n = nvme_start(opaque, "writeback", IOTHREAD);
    NvmeCmd cmd = nvme_rw(n, NVME_IO_WRITE, 0);

    forget();
    g_assert_cmphex(nvme_request(n, &cmd), ==, 0);
    g_assert_cmpuint(page->syncs, ==, 0);
    qtest_qmp_ok(n->s, "{'execute':'stop'}");
    g_assert_cmpuint(page->syncs, >, 0);
    qnvme_stop(n);
}

/* --- the start ---------------------------------------------------------------------------------
 */

static void set_up(const char *library)
{
    g_autofree char *path = NULL, *asan = g_strdup_printf("verify_asan_link_order=0:%s",
                                                          g_getenv("ASAN_OPTIONS") ?: "");
    int fd = g_file_open_tmp("durability-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, 4096), ==, 0);
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(page != MAP_FAILED);
    close(fd);
    g_setenv(DURABILITY_ENV, path, true);
    g_setenv("LD_PRELOAD", library, true);
    g_setenv("ASAN_OPTIONS", asan, true);
    image = qpattern_image(IMAGE_SIZE);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestDataFunc fn;
    } tests[] = {{"nvme", test_nvme},
                 {"nvme-bounce", test_nvme_bounce},
                 {"nvme-caches", test_nvme_caches},
                 {"virtio-blk", test_blk},
                 {"scsi", test_scsi},
                 {"ide", test_ide},
                 {"stop", test_stop}};
    const char *library = g_getenv("DURABILITY_LIBRARY");
    int ret;

    g_test_init(&argc, &argv, NULL);
    if (!library) {
        g_printerr("DURABILITY_LIBRARY must name the library durability-preload\n");
        return 1;
    }
    set_up(library);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        for (unsigned w = 0; w < G_N_ELEMENTS(ways); w++) {
            g_autofree char *path =
                g_strdup_printf("/durability/%s/%s", tests[i].name, ways[w].name);

            g_test_add_data_func(path, &ways[w], tests[i].fn);
        }
    }
    ret = g_test_run();
    unlink(image);
    unlink(g_getenv(DURABILITY_ENV));
    return ret;
}
