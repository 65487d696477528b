/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A back end that does not answer holds nobody up who may give up: Abort, task management, resets,
 * unplug and quit end in bounded time with requests in flight that would take an hour.  What a back
 * end does not give back (a library makes the kernel's calls hang) is waited for, except by quit.
 */
#include "durability.h"
#include "nvme-driver.h"
#include "virtio-machine.h"
#include "virtio-scsi-driver.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOUR "latency-ns=3600000000000"
#define SLOW "-blockdev driver=null-co,node-name=d0,size=64M,read-zeroes=on," HOUR
#define PORT "-device pcie-root-port,id=rp0,addr=06.0,chassis=1,slot=1"
#define BOUND_US (8 * G_USEC_PER_SEC) /* far from an hour, also where everything is slow */

static DurabilityPage *page;
static const char *library;
static char *image;
static int64_t begun;

static void begin(void)
{
    begun = g_get_monotonic_time();
}

/* What began there has ended in time, and the VM has not been stopped or told of a bad disk. */
static void bounded(QTestState *s)
{
    g_assert_cmpint(g_get_monotonic_time() - begun, <, BOUND_US);
    g_assert_false(qtest_qmp_has_event(s, "BLOCK_IO_ERROR"));
    g_assert_false(qtest_qmp_has_event(s, "STOP"));
}

/* Requests that the back end has: waits until there are n. */
static void wait_inflight(unsigned n)
{
    int64_t end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    while (__atomic_load_n(&page->plain, __ATOMIC_RELAXED) < n) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(1000);
    }
}

/* --- NVMe --------------------------------------------------------------------------------------
 */

static uint16_t nvme_read(QNvme *n, unsigned qid)
{
    NvmeCmd cmd = {.opcode = NVME_IO_READ, .nsid = 1, .dptr.prp1 = n->page, .cdw10 = 8, .cdw12 = 7};
    uint16_t cid = qnvme_push(n, qid, &cmd);

    qnvme_ring(n, qid);
    return cid;
}

static void test_nvme_abort(const void *opaque)
{
    QNvme *n = qnvme_start(GPOINTER_TO_INT(opaque), SLOW, ",rerror=stop");
    uint16_t cid[3];

    qnvme_bring_up(n, 2, false);
    for (unsigned i = 0; i < 3; i++) {
        cid[i] = nvme_read(n, 1);
    }
    begin();
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_ABORT, 0, 0, (uint32_t)cid[1] << 16 | 1, 0), ==, 0);
    g_assert_cmpuint(n->result & 1, ==, 0);
    g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_ABORT_REQUESTED);
    g_assert_cmpuint(n->last_cid, ==, cid[1]);
    bounded(n->s);
    g_assert_false(qnvme_ready(n, 1)); /* the others are as they were */
    /* Another one, that is there no more. */
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_ABORT, 0, 0, (uint32_t)cid[1] << 16 | 1, 0), ==, 0);
    g_assert_cmpuint(n->result & 1, ==, 1);
    /* The queue's end ends the others. */
    begin();
    qnvme_delete_pair(n, 1);
    bounded(n->s);
    if (GPOINTER_TO_INT(opaque) == IOTHREAD) {
        qnvme_create_pair(n, 1, 16, 0);
        nvme_read(n, 1);
    }
    begin();
    qnvme_stop(n); /* SIGTERM */
    g_assert_cmpint(g_get_monotonic_time() - begun, <, BOUND_US + 6 * G_USEC_PER_SEC);
}

static void test_nvme_reset(const void *opaque)
{
    QNvme *n = qnvme_start(GPOINTER_TO_INT(opaque), SLOW, ",rerror=stop,werror=stop");
    static const uint8_t opcodes[] = {NVME_IO_READ,    NVME_IO_WRITE,  NVME_IO_FLUSH,
                                      NVME_IO_COMPARE, NVME_IO_VERIFY, NVME_IO_WRITE_ZEROES};

    for (unsigned round = 0; round < 3; round++) {
        qnvme_bring_up(n, 2, false);
        for (unsigned i = 0; i < G_N_ELEMENTS(opcodes); i++) {
            NvmeCmd cmd = {
                .opcode = opcodes[i], .nsid = 1, .dptr.prp1 = n->page, .cdw10 = 8 * i, .cdw12 = 7};

            qnvme_push(n, 1 + i % 2, &cmd);
        }
        qnvme_ring(n, 1);
        qnvme_ring(n, 2);
        begin();
        switch (round) {
        case 0:
            qnvme_disable(n);
            break;
        case 1:
            qtest_system_reset(n->s);
            qnvme_probe(n);
            break;
        case 2:
            qnvme_writel(n, NVME_REG_NSSR, 0x4e564d65);
            qnvme_wait_csts(n, NVME_CSTS_RDY, 0);
            break;
        }
        bounded(n->s);
    }
    qnvme_stop(n);
}

/* A format, a self-test, a shutdown's flush: what the controller itself does. */
static void test_nvme_admin(const void *opaque)
{
    QNvme *n = qnvme_start(GPOINTER_TO_INT(opaque), SLOW, "");
    NvmeCmd format = {.opcode = NVME_ADM_FORMAT_NVM, .nsid = 1, .cdw10 = 1 << 9};

    qnvme_bring_up(n, 1, false);
    qnvme_push(n, 0, &format);
    qnvme_ring(n, 0);
    g_usleep(20000);
    begin();
    qnvme_disable(n);
    bounded(n->s);
    qnvme_bring_up(n, 1, false);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 1, 0, 1, 0), ==, 0);
    qtest_clock_step(n->s, INT64_C(2000000000));
    begin();
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SELF_TEST, 1, 0, 0xf, 0), ==, 0);
    if (GPOINTER_TO_INT(opaque) == IOTHREAD) { /* its flush costs quit its 5 s: once is enough */
        qnvme_writel(n, NVME_REG_CC, qnvme_readl(n, NVME_REG_CC) | 1 << 14); /* normal shutdown */
    }
    qtest_system_reset(n->s);
    bounded(n->s);
    qnvme_stop(n);
}

static void test_nvme_unplug(const void *opaque)
{
    QNvme *n = qnvme_start_behind(GPOINTER_TO_INT(opaque), SLOW " " PORT, "rp0");

    qnvme_bring_up(n, 2, false);
    for (unsigned i = 0; i < 12; i++) {
        nvme_read(n, 1 + i % 2);
    }
    begin();
    qtest_qmp_ok(n->s, "{'execute': 'device_del', 'arguments': {'id': 'nvme0'}}");
    qtest_qmp_ok(n->s, "{'execute': 'system_reset'}"); /* the guest has nobody to answer */
    json_object_put(qtest_qmp_event(n->s, "DEVICE_DELETED"));
    json_object_put(qtest_qmp_event(n->s, "RESET"));
    qtest_qmp_ok(n->s, "{'execute': 'blockdev-del', 'arguments': {'node-name': 'd0'}}");
    bounded(n->s);
    qnvme_stop(n);
}

/* A sanitize works while its controller goes. */
static void test_nvme_sanitize(const void *opaque)
{
    QNvme *n = qnvme_start_behind(GPOINTER_TO_INT(opaque), SLOW " " PORT, "rp0");

    qnvme_bring_up(n, 1, false);
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_SANITIZE, 0, 0, 2, 0), ==, 0);
    g_usleep(20000);
    begin();
    qtest_qmp_ok(n->s, "{'execute': 'device_del', 'arguments': {'id': 'nvme0'}}");
    qtest_qmp_ok(n->s, "{'execute': 'system_reset'}");
    json_object_put(qtest_qmp_event(n->s, "DEVICE_DELETED"));
    bounded(n->s);
    qnvme_stop(n);
}

/* --- virtio-blk --------------------------------------------------------------------------------
 */

typedef struct Blk {
    QTestState *s;
    QVirtio *v;
    uint64_t mem; /* headers, status bytes, data: a page each */
} Blk;

static Blk *blk_start(bool iothread, const char *args, const char *where)
{
    Blk *b = g_new0(Blk, 1);
    QPCIBus *bus;

    b->s = qtest_initf(
        "-machine q35 -nodefaults -m 256 -object iothread,id=iot0 -object iothread,id=iot1 %s "
        "-device virtio-blk-pci,id=vd0,drive=d0,num-queues=2,rerror=stop,werror=stop,%s%s",
        args, where,
        iothread ? ",iothread-vq-mapping.0.iothread=iot0,iothread-vq-mapping.1.iothread=iot1" : "");
    bus = qpci_new(b->s);
    if (g_str_equal(where, "bus=rp0")) {
        QPCIDevice *port = qpci_device_at(bus, 0, QPCI_DEVFN(6, 0));

        qpci_bridge_setup(port, 1);
        qpci_device_free(port);
        b->v = qvirtio_new(bus, 1, 0, false);
    } else {
        b->v = qvirtio_new(bus, 0, QPCI_DEVFN(4, 0), false);
    }
    b->mem = qtest_alloc(b->s, 12288, 4096);
    return b;
}

static void blk_stop(Blk *b)
{
    qvirtio_quit(b->v);
    g_free(b);
}

static void blk_fill(Blk *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint32_t header[4] = {i % 3 == 2 ? 4 : i % 3, 0, 8 * i}; /* reads, writes, flushes */
        QVirtioBuf bufs[3] = {{b->mem + 16 * i, 16, false}};
        unsigned k = 1;

        qtest_memwrite(b->s, b->mem + 16 * i, header, sizeof(header));
        if (header[0] != 4) {
            bufs[k++] = (QVirtioBuf){b->mem + 8192, 4096, !header[0]};
        }
        bufs[k++] = (QVirtioBuf){b->mem + 4096 + i, 1, true};
        qvirtio_add(&b->v->q[i % 2], bufs, k, false);
    }
    qvirtio_kick(&b->v->q[0]);
    qvirtio_kick(&b->v->q[1]);
}

static void test_blk(const void *opaque)
{
    Blk *b = blk_start(GPOINTER_TO_INT(opaque), SLOW " " PORT, "addr=04.0");
    uint64_t features = QVIRTIO_F(9) | QVIRTIO_F_RING_RESET;

    for (unsigned round = 0; round < 2; round++) {
        qvirtio_start(b->v, features, 2, 64, false);
        blk_fill(b, 30);
        begin();
        if (round) {
            qtest_system_reset(b->s);
            qvirtio_probe(b->v);
        } else {
            qvirtio_reset(b->v);
        }
        bounded(b->s);
    }
    /* One queue's end; the other goes on. */
    qvirtio_start(b->v, features, 2, 64, false);
    blk_fill(b, 10);
    begin();
    qvirtio_common_write(b->v, 0x16, 2, 0);
    qvirtio_common_write(b->v, 0x3a, 2, 1);
    while (qvirtio_common(b->v, 0x3a, 2)) {
        g_assert_cmpint(g_get_monotonic_time() - begun, <, BOUND_US);
    }
    bounded(b->s);
    g_assert_false(qvirtio_ready(&b->v->q[1]));
    begin();
    blk_stop(b);
    g_assert_cmpint(g_get_monotonic_time() - begun, <, BOUND_US + 6 * G_USEC_PER_SEC);

    b = blk_start(GPOINTER_TO_INT(opaque), SLOW " " PORT, "bus=rp0");
    qvirtio_start(b->v, features, 2, 64, false);
    blk_fill(b, 30);
    begin();
    qtest_qmp_ok(b->s, "{'execute': 'device_del', 'arguments': {'id': 'vd0'}}");
    qtest_qmp_ok(b->s, "{'execute': 'system_reset'}");
    json_object_put(qtest_qmp_event(b->s, "RESET"));
    qtest_qmp_ok(b->s, "{'execute': 'blockdev-del', 'arguments': {'node-name': 'd0'}}");
    bounded(b->s);
    blk_stop(b);
}

/* --- SCSI --------------------------------------------------------------------------------------
 */

static void fill_unit(Scsi *d, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        static const uint8_t in[10] = {0x28, 0, 0, 0, 0, 8, 0, 0, 1},
                             out[10] = {0x2a, 0, 0, 0, 0, 8, 0, 0, 1};

        scsi_push(d, 0, i + 1, 0, 0, 100 + i, i % 2 ? out : in, 10, d->data + 512 * i, 512,
                  !(i % 2));
    }
    qvirtio_kick(&d->v->q[2]);
}

static void expect_all(Scsi *d, unsigned n, uint8_t response)
{
    uint32_t used;

    for (unsigned i = 0; i < n; i++) {
        qvirtio_wait(&d->v->q[2], &used);
    }
    for (unsigned i = 0; i < n; i++) {
        scsi_answer(d, i + 1);
        g_assert_cmpuint(d->response, ==, response);
    }
}

static void test_scsi(const void *opaque)
{
    Scsi *d = scsi_start((QHome)GPOINTER_TO_INT(opaque), false, SLOW, "",
                         "-device scsi-hd,id=hd0,drive=d0,scsi-id=0,rerror=stop,werror=stop");

    d->target = d->lun = 0;
    scsi_init(d, 0, 4, 64, false);
    scsi_ready(d);
    for (unsigned round = 0; round < 3; round++) {
        static const struct {
            uint32_t subtype;
            uint8_t response;
        } t[] = {{0, S_ABORTED}, {1, S_ABORTED}, {5, S_RESET}}; /* task, task set, unit */
        unsigned n = round ? 10 : 1;

        fill_unit(d, n);
        begin();
        g_assert_cmpuint(scsi_tmf(d, t[round].subtype, 0, 0, 100), ==, S_OK);
        expect_all(d, n, t[round].response);
        bounded(d->s);
    }
    fill_unit(d, 10);
    begin();
    qvirtio_reset(d->v);
    bounded(d->s);
    scsi_init(d, 0, 4, 64, false);
    scsi_ready(d);
    fill_unit(d, 10);
    begin();
    qtest_qmp_ok(d->s, "{'execute': 'device_del', 'arguments': {'id': 'hd0'}}");
    json_object_put(qtest_qmp_event(d->s, "DEVICE_DELETED"));
    qtest_qmp_ok(d->s, "{'execute': 'blockdev-del', 'arguments': {'node-name': 'd0'}}");
    bounded(d->s);
    scsi_stop(d);
}

/* The end of the process takes back what does not end by itself: that is no error of the disk. */
static void test_scsi_quit(const void *opaque)
{
    Scsi *d = scsi_start((QHome)GPOINTER_TO_INT(opaque), false, SLOW, "",
                         "-device scsi-hd,id=hd0,drive=d0,scsi-id=0,rerror=stop,werror=stop");

    d->target = d->lun = 0;
    scsi_init(d, 0, 4, 64, false);
    scsi_ready(d);
    fill_unit(d, 10);
    begin();
    qtest_qmp_ok(d->s, "{'execute': 'quit'}");
    while (qtest_alive(d->s)) {
        g_assert_cmpint(g_get_monotonic_time() - begun, <, BOUND_US + 6 * G_USEC_PER_SEC);
        g_usleep(10000);
    }
    qtest_qmp_last_events(d->s);
    g_assert_true(qtest_qmp_has_event(d->s, "SHUTDOWN"));
    g_assert_false(qtest_qmp_has_event(d->s, "BLOCK_IO_ERROR"));
    scsi_stop(d);
}

/* --- IDE ---------------------------------------------------------------------------------------
 */

static void test_ide(const void *unused)
{
    QTestState *s =
        qtest_init("-machine pc -nodefaults " SLOW " -device ide-hd,drive=d0,bus=ide.0");
    QPCIBus *bus = qpci_new(s);
    QPCIDevice *dev = qpci_device_at(bus, 0, QPCI_DEVFN(1, 1));

    for (unsigned round = 0; round < 2; round++) {
        qpci_config_writew(dev, 4, 5);
        qtest_outb(s, 0x1f6, 0xe0);
        qtest_outb(s, 0x1f7, round ? 0xe7 : 0x20); /* a flush, a read */
        g_assert_cmphex(qtest_inb(s, 0x1f7) & 0x80, ==, 0x80);
        begin();
        if (round) {
            qtest_system_reset(s);
        } else {
            qtest_outb(s, 0x3f6, 4);
            qtest_outb(s, 0x3f6, 0);
            while (qtest_inb(s, 0x1f7) & 0x80) {
                g_assert_cmpint(g_get_monotonic_time() - begun, <, BOUND_US);
            }
        }
        bounded(s);
    }
    qpci_device_free(dev);
    qpci_free(bus);
    qtest_quit(s);
}

/* --- calls that hang ---------------------------------------------------------------------------
 */

static QNvme *hanging(const char *aio, const char *more)
{
    g_autofree char *args = g_strdup_printf(
        "-blockdev driver=file,filename=%s,node-name=d0,aio=%s %s", image, aio, more);
    QNvme *n;

    g_setenv("LD_PRELOAD", library, true);
    n = qnvme_start(IOTHREAD, args, "");
    g_unsetenv("LD_PRELOAD");
    qnvme_bring_up(n, 1, false);
    qnvme_delete_pair(n, 1);
    qnvme_create_pair(n, 1, 128, 0);
    memset(page, 0, sizeof(*page));
    page->hang = 1;
    return n;
}

static void write_many(QNvme *n, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        NvmeCmd cmd = {
            .opcode = NVME_IO_WRITE, .nsid = 1, .dptr.prp1 = n->page, .cdw10 = 8 * i, .cdw12 = 7};

        qnvme_push(n, 1, &cmd);
    }
    qnvme_ring(n, 1);
}

/* 64 workers hang: a reset waits for them, as the kernel may read the guest's memory; the 36
 * requests behind them are taken back. */
static void test_hang_threads(const void *unused)
{
    QNvme *n = hanging("threads", "");

    write_many(n, 100);
    wait_inflight(64);
    qnvme_writel(n, NVME_REG_CC, qnvme_readl(n, NVME_REG_CC) & ~1u);
    g_usleep(100000);
    g_assert_cmphex(qnvme_readl(n, NVME_REG_CSTS) & NVME_CSTS_RDY, ==, NVME_CSTS_RDY);
    page->hang = 0;
    begin();
    qnvme_wait_csts(n, NVME_CSTS_RDY, 0);
    bounded(n->s);
    g_assert_cmpuint(page->plain, ==, 64);
    qnvme_bring_up(n, 1, false);
    qnvme_stop(n);
}

/* What waits in a ring is given back by the kernel. */
static void test_hang_ring(const void *unused)
{
    QNvme *n = hanging("io_uring", "");
    NvmeCmd flush = {.opcode = NVME_IO_FLUSH, .nsid = 1};
    uint16_t cid;

    write_many(n, 50);
    wait_inflight(50);
    begin();
    qnvme_disable(n);
    bounded(n->s);
    qnvme_bring_up(n, 1, false);
    cid = qnvme_push(n, 1, &flush);
    qnvme_ring(n, 1);
    begin();
    g_assert_cmphex(qnvme_admin(n, NVME_ADM_ABORT, 0, 0, (uint32_t)cid << 16 | 1, 0), ==, 0);
    g_assert_cmphex(qnvme_wait(n, 1), ==, NVME_ABORT_REQUESTED);
    bounded(n->s);
    page->hang = 0;
    qnvme_stop(n);
}

/* Calls that hang do not keep the process from ending. */
static void test_hang_quit(const void *opaque)
{
    QNvme *n = hanging("threads", "");

    write_many(n, 20);
    wait_inflight(20);
    begin();
    if (GPOINTER_TO_INT(opaque)) {
        qtest_qmp_send(n->s, "{'execute': 'quit'}");
    } else {
        kill(qtest_pid(n->s), SIGTERM);
    }
    while (qtest_alive(n->s)) {
        /* 5 s of patience, 1 s with what is taken back; no flush is waited for. */
        g_assert_cmpint(g_get_monotonic_time() - begun, <, 9 * G_USEC_PER_SEC);
        g_usleep(10000);
    }
    page->hang = 0;
    qnvme_stop(n);
}

/* --- the start ---------------------------------------------------------------------------------
 */

static void set_up(void)
{
    g_autofree char *path = NULL, *asan = g_strdup_printf("verify_asan_link_order=0:%s",
                                                          g_getenv("ASAN_OPTIONS") ?: "");
    int fd = g_file_open_tmp("block-cancel-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, 4096), ==, 0);
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(page != MAP_FAILED);
    close(fd);
    g_setenv(DURABILITY_ENV, path, true);
    g_setenv("ASAN_OPTIONS", asan, true);
    image = qpattern_image(4 << 20);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestDataFunc fn;
    } nvme[] = {{"abort", test_nvme_abort},
                {"reset", test_nvme_reset},
                {"admin", test_nvme_admin},
                {"unplug", test_nvme_unplug},
                {"sanitize", test_nvme_sanitize}};
    int ret;

    g_test_init(&argc, &argv, NULL);
    library = g_getenv("DURABILITY_LIBRARY");
    if (!library) {
        g_printerr("DURABILITY_LIBRARY must name the library durability-preload\n");
        return 1;
    }
    set_up();
    for (unsigned i = 0; i < G_N_ELEMENTS(nvme); i++) {
        for (unsigned home = 0; home < HOMES; home++) {
            g_autofree char *path =
                g_strdup_printf("/block-cancel/nvme/%s/%s", nvme[i].name, qhome_name((QHome)home));

            g_test_add_data_func(path, GINT_TO_POINTER(home), nvme[i].fn);
        }
    }
    g_test_add_data_func("/block-cancel/virtio-blk/main-loop", GINT_TO_POINTER(0), test_blk);
    g_test_add_data_func("/block-cancel/virtio-blk/iothreads", GINT_TO_POINTER(1), test_blk);
    g_test_add_data_func("/block-cancel/scsi/main-loop", GINT_TO_POINTER(0), test_scsi);
    g_test_add_data_func("/block-cancel/scsi/mapping", GINT_TO_POINTER(MAPPING), test_scsi);
    g_test_add_data_func("/block-cancel/scsi-quit/main-loop", GINT_TO_POINTER(0), test_scsi_quit);
    g_test_add_data_func("/block-cancel/scsi-quit/mapping", GINT_TO_POINTER(MAPPING),
                         test_scsi_quit);
    g_test_add_data_func("/block-cancel/ide", NULL, test_ide);
    g_test_add_data_func("/block-cancel/hang/threads", NULL, test_hang_threads);
    g_test_add_data_func("/block-cancel/hang/ring", NULL, test_hang_ring);
    g_test_add_data_func("/block-cancel/hang/quit", GINT_TO_POINTER(1), test_hang_quit);
    g_test_add_data_func("/block-cancel/hang/signal", GINT_TO_POINTER(0), test_hang_quit);
    ret = g_test_run();
    unlink(image);
    unlink(g_getenv(DURABILITY_ENV));
    return ret;
}
