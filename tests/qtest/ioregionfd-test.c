/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regions whose home is elsewhere: an IOThread, and another process that may be hostile.
 *
 * The other process is a thread of this test with a socket: what matters is that it speaks the
 * protocol over a file descriptor that the emulator was given.  After each of its misdeeds the
 * access has ended with all-ones, the monitor answers, and a well-behaved answer is taken again.
 */
#include "libqtest.h"
#include "pci.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioregion.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIMEOUT_MS = 300 };

static QTestState *s;

/* --- the external device
 * ------------------------------------------------------------------------------------------------
 */

typedef enum Behaviour {
    GOOD,
    LATE,
    SHORT,
    LONG,
    DOUBLE,
    WRONG_ID,
    UNSOLICITED,
    REFUSE,
    NEVER
} Behaviour;

typedef struct Device {
    int fd;
    pthread_t thread;
    int behaviour;                    /* atomic Behaviour, of the next answer */
    unsigned commands, reads, writes; /* atomic */
    uint64_t last_offset, last_data;  /* atomic; of the last write */
    unsigned last_size;
    uint64_t registers[8]; /* device thread only */
} Device;

static void answer(Device *d, uint32_t id, uint64_t data, uint32_t status, size_t size)
{
    struct ioregionfd_resp resp = {.data = data, .id = id, .status = status};
    uint8_t buf[64] = {0};

    memcpy(buf, &resp, sizeof(resp));
    if (send(d->fd, buf, size, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET) {
        g_error("device: send: %s", g_strerror(errno));
    }
}

static void serve(Device *d, const struct ioregionfd_cmd *cmd)
{
    unsigned size = 1u << ((cmd->info & IOREGIONFD_SIZE_MASK) >> IOREGIONFD_SIZE_SHIFT);
    uint64_t data = 0;

    if ((cmd->info & IOREGIONFD_CMD_MASK) == IOREGIONFD_CMD_WRITE) {
        d->registers[cmd->offset / 8 % 8] = cmd->data;
        __atomic_store_n(&d->last_offset, cmd->offset, __ATOMIC_RELAXED);
        __atomic_store_n(&d->last_data, cmd->data, __ATOMIC_RELAXED);
        __atomic_store_n(&d->last_size, size, __ATOMIC_RELAXED);
        __atomic_add_fetch(&d->writes, 1, __ATOMIC_RELEASE);
    } else if ((cmd->info & IOREGIONFD_CMD_MASK) == IOREGIONFD_CMD_READ) {
        data = d->registers[cmd->offset / 8 % 8];
        __atomic_add_fetch(&d->reads, 1, __ATOMIC_RELEASE);
    }
    if (!(cmd->info & IOREGIONFD_RESP)) {
        return;
    }
    switch ((cmd->info & IOREGIONFD_CMD_MASK) == IOREGIONFD_CMD_SYNC
                ? GOOD
                : __atomic_load_n(&d->behaviour, __ATOMIC_ACQUIRE)) {
    case GOOD:
        answer(d, cmd->id, data, IOREGIONFD_STATUS_OK, 32);
        break;
    case LATE:
        g_usleep(2 * TIMEOUT_MS * 1000);
        answer(d, cmd->id, 0x1a7e, IOREGIONFD_STATUS_OK, 32);
        break;
    case SHORT:
        answer(d, cmd->id, 0x5407, IOREGIONFD_STATUS_OK, 8);
        break;
    case LONG:
        answer(d, cmd->id, 0x1046, IOREGIONFD_STATUS_OK, 40);
        break;
    case DOUBLE:
        answer(d, cmd->id, data, IOREGIONFD_STATUS_OK, 32);
        answer(d, cmd->id, 0xd0b1e, IOREGIONFD_STATUS_OK, 32);
        break;
    case WRONG_ID:
        answer(d, cmd->id + 1, 0xbad1d, IOREGIONFD_STATUS_OK, 32);
        break;
    case UNSOLICITED:
        for (uint32_t i = 0; i < 100; i++) {
            answer(d, i, 0xdead, IOREGIONFD_STATUS_OK, 32);
        }
        break;
    case REFUSE:
        answer(d, cmd->id, 0x4ef5e, IOREGIONFD_STATUS_ERROR, 32);
        break;
    case NEVER:
        break;
    }
}

static void *device_thread(void *opaque)
{
    Device *d = opaque;
    struct ioregionfd_cmd cmd;

    for (;;) {
        ssize_t n = recv(d->fd, &cmd, sizeof(cmd), 0);

        if (n <= 0) {
            return NULL;
        }
        g_assert_cmpint(n, ==, sizeof(cmd));
        __atomic_add_fetch(&d->commands, 1, __ATOMIC_RELEASE);
        serve(d, &cmd);
    }
}

/* A descriptor that the emulator does not inherit in fd's place. */
static int move_cloexec(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    close(fd);
    return copy;
}

static void device_stop(Device *d)
{
    shutdown(d->fd, SHUT_RDWR);
    pthread_join(d->thread, NULL);
    close(d->fd);
}

/* pc-testdev's memory: 64 KiB that any access size may be used on. */
#define WINDOW 0xff000000u
#define TESTDEV "-machine q35 -nodefaults -device pc-testdev,id=t "

/* A machine with a pc-testdev whose memory is served by d. */
static void start_external(Device *d)
{
    int fds[2];

    memset(d, 0, sizeof(*d));
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), ==, 0);
    d->fd = move_cloexec(fds[1]);
    /* It serves from the first request on: who does not answer is not waited for again. */
    pthread_create(&d->thread, NULL, device_thread, d);
    s = qtest_initf(TESTDEV
                    "-object ioregionfd,id=r,fd=%d,device=t,region=pc-testdev-iomem,timeout-ms=%d",
                    fds[0], TIMEOUT_MS);
    close(fds[0]);
}

static uint64_t load(uint64_t offset, unsigned size)
{
    switch (size) {
    case 1:
        return qtest_readb(s, WINDOW + offset);
    case 2:
        return qtest_readw(s, WINDOW + offset);
    default:
        return qtest_readl(s, WINDOW + offset);
    }
}

static void store(uint64_t offset, unsigned size, uint32_t v)
{
    switch (size) {
    case 1:
        qtest_writeb(s, WINDOW + offset, (uint8_t)v);
        break;
    case 2:
        qtest_writew(s, WINDOW + offset, (uint16_t)v);
        break;
    default:
        qtest_writel(s, WINDOW + offset, v);
    }
}

static void alive(void)
{
    qtest_qmp_ok(s, "{'execute': 'query-status'}");
}

static void test_external(void)
{
    Device d;
    start_external(&d);

    for (unsigned size = 1; size <= 4; size *= 2) {
        unsigned before = __atomic_load_n(&d.writes, __ATOMIC_ACQUIRE);

        /* A posted write has arrived when the next request is read. */
        store(0x10 * size, size, 0x11223344);
        g_assert_cmpuint(__atomic_load_n(&d.writes, __ATOMIC_ACQUIRE), ==, before + 1);
        g_assert_cmphex(d.last_offset, ==, 0x10 * size);
        g_assert_cmphex(d.last_data, ==,
                        0x11223344 & (size == 4 ? 0xffffffffu : (1u << 8 * size) - 1));
        g_assert_cmpuint(d.last_size, ==, size);
        g_assert_cmphex(load(0x10 * size, size), ==, d.last_data);
    }
    /* A thousand posted writes keep their order. */
    for (unsigned i = 0; i < 1000; i++) {
        store(8, 4, i);
        g_assert_cmpuint(d.last_data, ==, i);
    }
    alive();
    qtest_quit(s);
    device_stop(&d);
}

static unsigned count_lines(const char *path, const char *word)
{
    g_autofree char *text = NULL;
    unsigned n = 0;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    for (char *p = text; (p = strstr(p, word)); p++) {
        n++;
    }
    return n;
}

static void test_hostile(void)
{
    static const struct {
        Behaviour behaviour;
        uint32_t value; /* that the guest reads; 0: the register's */
    } cases[] = {
        {LATE, 0xffffffff},     {SHORT, 0xffffffff},       {LONG, 0xffffffff}, {DOUBLE, 0},
        {WRONG_ID, 0xffffffff}, {UNSOLICITED, 0xffffffff}, {REFUSE, 0x4ef5e}, /* an error that comes
                                                                                 with data, like a
                                                                                 device's own */
        {NEVER, 0xffffffff},
    };
    g_autofree char *dir = g_dir_make_tmp("qtest-XXXXXX", NULL),
                    *path = g_strdup_printf("%s/stderr", dir);
    Device d;

    qtest_stderr_to(path);
    start_external(&d);
    qtest_stderr_to(NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("behaviour %d", cases[i].behaviour);
        __atomic_store_n(&d.behaviour, GOOD, __ATOMIC_RELEASE);
        store(0x18, 4, 0x600d0000 + i);
        for (int twice = 0; twice < 2; twice++) {
            gint64 begin = g_get_monotonic_time();
            uint32_t v;

            __atomic_store_n(&d.behaviour, cases[i].behaviour, __ATOMIC_RELEASE);
            v = (uint32_t)load(0x18, 4);
            g_assert_cmphex(v, ==, cases[i].value ? cases[i].value : 0x600d0000 + i);
            g_assert_cmpint(g_get_monotonic_time() - begin, <, 20 * TIMEOUT_MS * 1000);
            alive();
        }
        /* Good manners are taken at once, and late answers to others. */
        __atomic_store_n(&d.behaviour, GOOD, __ATOMIC_RELEASE);
        g_usleep(cases[i].behaviour == LATE ? 5 * TIMEOUT_MS * 1000 : 0);
        for (int n = 0; n < 10; n++) {
            g_assert_cmphex(load(0x18, 4), ==, 0x600d0000 + i);
        }
    }
    /* Other devices never noticed. */
    g_assert_cmphex(qtest_inw(s, 0xcf8), !=, 0xffff);
    qtest_quit(s);
    device_stop(&d);
    /* Told once, not for each. */
    g_assert_cmpuint(count_lines(path, "ioregionfd"), >=, 1);
    g_assert_cmpuint(count_lines(path, "ioregionfd"), <=, 4);
    unlink(path);
    rmdir(dir);
}

/* The device's process dies: accesses fail at once from then on, and the object can be taken away.
 */
static void test_death(void)
{
    Device d;
    start_external(&d);

    store(8, 4, 5);
    g_assert_cmphex(load(8, 4), ==, 5);
    device_stop(&d);
    for (int i = 0; i < 5; i++) {
        g_assert_cmphex(load(8, 4), ==, 0xffffffffu);
        store(8, 4, 6);
    }
    alive();
    qtest_system_reset(s);
    qtest_qmp_ok(s, "{'execute': 'object-del', 'arguments': {'id': 'r'}}");
    alive();
    qtest_quit(s);
}

/* What is written while nobody reads is bounded in time, too. */
static void test_full(void)
{
    int fds[2], mine;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), ==, 0);
    mine = move_cloexec(fds[1]);
    s = qtest_initf(TESTDEV
                    "-object ioregionfd,id=r,fd=%d,device=t,region=pc-testdev-iomem,timeout-ms=20",
                    fds[0]);
    close(fds[0]);
    for (int i = 0; i < 500; i++) {
        store(8, 4, (uint32_t)i);
    }
    alive();
    g_assert_cmphex(load(8, 4), ==, 0xffffffffu);
    alive();
    qtest_quit(s);
    close(mine);
}

/* --- a region that moves between homes
 * --------------------------------------------------------------------------------------- */

enum { SCRATCH = 0x3f8 + 7 };

static void check_serial(void)
{
    for (unsigned v = 0; v < 256; v += 51) {
        qtest_outb(s, SCRATCH, (uint8_t)v);
        g_assert_cmphex(qtest_inb(s, SCRATCH), ==, v);
    }
}

static json_object *query(void)
{
    return qtest_qmp_return(s, "{'execute': 'query-ioregionfd'}");
}

/* True if the reply's text has word. */
static bool query_has(const char *word)
{
    json_object *ret = query();
    bool has = strstr(json_object_to_json_string(ret), word) != NULL;

    json_object_put(ret);
    return has;
}

static void test_run_time_moves(void)
{
    static const char *const transports[] = {"ring", "socket"};

    s = qtest_init("-machine q35 -nodefaults -chardev null,id=c -device "
                   "isa-serial,chardev=c,id=com1 -object iothread,id=i0 "
                   "-object iothread,id=i1");
    check_serial();
    for (unsigned t = 0; t < G_N_ELEMENTS(transports); t++) {
        for (int posted = 0; posted < 2; posted++) {
            g_test_message("%s, posted %d", transports[t], posted);
            qtest_qmp_ok(
                s,
                "{'execute': 'object-add', 'arguments': {'qom-type': 'ioregionfd', 'id': 'r', "
                "'iothread': 'i%d', "
                "'device': 'com1', 'region': '0', 'transport': '%s', 'posted-writes': %s}}",
                posted, transports[t], posted ? "true" : "false");
            check_serial();
            g_assert_true(query_has("\"r\""));
            /* In use: neither the thread nor the region can be had. */
            g_free(qtest_qmp_error(s, "GenericError",
                                   "{'execute': 'object-del', 'arguments': {'id': 'i%d'}}",
                                   posted));
            g_autofree char *claim =
                qtest_qmp_error(s, "GenericError",
                                "{'execute': 'object-add', 'arguments': {'qom-type': 'ioregionfd', "
                                "'id': 'r2', 'iothread': 'i0', 'device': "
                                "'com1', 'region': '0'}}");
            g_assert_nonnull(strstr(claim, "'r'"));
            qtest_system_reset(s);
            check_serial();
            qtest_qmp_ok(s, "{'execute': 'stop'}");
            check_serial();
            qtest_qmp_ok(s, "{'execute': 'cont'}");
            qtest_qmp_ok(s, "{'execute': 'object-del', 'arguments': {'id': 'r'}}");
            g_assert_false(query_has("\"r\""));
            check_serial();
        }
    }
    qtest_qmp_ok(s, "{'execute': 'object-del', 'arguments': {'id': 'i0'}}");
    qtest_quit(s);
}

/* The object may come before its device on the command line, and a device may come and go below it.
 */
static void test_order_and_hotplug(void)
{
    QPCIBus *bus;
    QPCIDevice *port;

    s = qtest_init("-machine q35 -nodefaults -object iothread,id=i0 -object "
                   "ioregionfd,id=r,iothread=i0,device=com1,region=0 "
                   "-chardev null,id=c -device isa-serial,chardev=c,id=com1 -device "
                   "pcie-root-port,id=rp,addr=06.0 "
                   "-object ioregionfd,id=rn,iothread=i0");
    check_serial();
    bus = qpci_new(s);
    port = qpci_device_at(bus, 0, QPCI_DEVFN(6, 0));
    for (int round = 0; round < 3; round++) {
        qtest_qmp_ok(s, "{'execute': 'device_add', 'arguments': {'driver': 'nvme', 'id': 'n', "
                        "'serial': 'x', 'bus': 'rp', "
                        "'ioregionfd': 'rn'}}");
        g_free(qtest_qmp_error(s, "GenericError",
                               "{'execute': 'object-del', 'arguments': {'id': 'rn'}}"));
        bus->mem_next = 0xe0000000;
        qpci_bridge_setup(port, 1);
        QPCIDevice *dev = qpci_device_at(bus, 1, 0);
        g_assert_nonnull(dev);
        g_autofree QPCIBar *bar = qpci_iomap(dev, 0);
        qpci_device_enable(dev);
        g_assert_cmphex(qpci_io_read(bar, 8, 4), >=, 0x10000);
        qpci_device_free(dev);
        qtest_qmp_ok(s, "{'execute': 'device_del', 'arguments': {'id': 'n'}}");
        if (!qtest_qmp_has_event(s, "DEVICE_DELETED")) {
            qtest_qmp_ok(s, "{'execute': 'system_reset'}"); /* lets it go without the guest */
        }
        json_object_put(qtest_qmp_event(s, "DEVICE_DELETED"));
    }
    qtest_qmp_ok(s, "{'execute': 'object-del', 'arguments': {'id': 'rn'}}");
    qpci_device_free(port);
    qpci_free(bus);
    qtest_quit(s);
}

static void test_texts(void)
{
    s = qtest_init("-machine q35 -nodefaults -object iothread,id=i0 -object "
                   "ioregionfd,id=r,iothread=i0,device=com1,region=0 "
                   "-chardev null,id=c -device isa-serial,chardev=c,id=com1");
    check_serial();
    g_autofree char *info = qtest_hmp(s, "info ioregionfd"), *mtree = qtest_hmp(s, "info mtree -f");

    g_test_message("%s", info);
    g_assert_nonnull(strstr(info, "serial"));
    g_assert_nonnull(strstr(info, "i0"));
    g_assert_nonnull(strstr(mtree, "i0"));
    qtest_quit(s);
}

/* Devices with a home of their own move as a whole. */
static void test_own_home(void)
{
    static const char *const devices[] = {"nvme,serial=x,drive=d", "virtio-blk-pci,drive=d",
                                          "virtio-rng-pci"};

    for (unsigned i = 0; i < G_N_ELEMENTS(devices); i++) {
        s = qtest_initf(
            "-machine q35 -nodefaults -object iothread,id=i0 -blockdev null-co,node-name=d "
            "-object ioregionfd,id=r,iothread=i0,device=n,region=%d -device %s,id=n",
            strstr(devices[i], "virtio") ? 4 : 0, devices[i]);
        g_autofree char *info = qtest_hmp(s, "info ioregionfd");

        g_assert_nonnull(strstr(info, "i0"));
        g_assert_nonnull(strstr(info, strstr(devices[i], "virtio") ? "virtio" : "nvme"));
        g_assert_true(query_has("\"r\""));
        qtest_quit(s);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ioregionfd/external", test_external);
    g_test_add_func("/ioregionfd/hostile", test_hostile);
    g_test_add_func("/ioregionfd/death", test_death);
    g_test_add_func("/ioregionfd/full", test_full);
    g_test_add_func("/ioregionfd/run-time-moves", test_run_time_moves);
    g_test_add_func("/ioregionfd/order-and-hotplug", test_order_and_hotplug);
    g_test_add_func("/ioregionfd/own-home", test_own_home);
    g_test_add_func("/ioregionfd/texts", test_texts);
    return g_test_run();
}
