/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-rng: bytes come, from each kind of source, no faster than allowed, and a source that has
 * none keeps the guest waiting and nothing else. */
#include "virtio-machine.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Rng {
    QTestState *s;
    QVirtio *v;
    uint64_t buf;
} Rng;

static Rng *start(const char *args, const char *props, bool legacy)
{
    Rng *r = g_new0(Rng, 1);

    r->v = qvirtio_boot(legacy,
                        "-object iothread,id=iot0 %s -device virtio-rng-pci,id=rng,addr=04.0%s",
                        args, props);
    r->s = r->v->s;
    r->buf = qtest_alloc(r->s, 0x10000, 4096);
    return r;
}

static void stop(Rng *r)
{
    qvirtio_quit(r->v);
    g_free(r);
}

static void offer(Rng *r, uint32_t len)
{
    QVirtioBuf buf = {r->buf, len, true};

    qvirtio_add(&r->v->q[0], &buf, 1, false);
    qvirtio_kick(&r->v->q[0]);
}

static void check_random(Rng *r, uint32_t len)
{
    g_autofree uint8_t *got = g_malloc(len);
    unsigned ones = 0;

    qtest_bufread(r->s, r->buf, got, len);
    for (uint32_t i = 0; i < len; i++) {
        ones += (unsigned)__builtin_popcount(got[i]);
    }
    /* 4096 bytes: 16384 ones, give or take; twelve standard deviations off is no accident */
    g_assert_cmpuint(ones, >, len * 4 - len / 4);
    g_assert_cmpuint(ones, <, len * 4 + len / 4);
}

static void test_sources(void)
{
    static const struct {
        const char *args, *props;
    } t[] = {
        {"", ""},
        {"", ",iothread=iot0,packed=on"},
        {"-object rng-builtin,id=r0", ",rng=r0"},
        {"-object rng-random,id=r0", ",rng=r0"},
        {"-object rng-random,id=r0,filename=/dev/urandom", ",rng=r0,iothread=iot0"},
        {"-object ioregionfd,id=ior0,iothread=iot0", ",ioregionfd=ior0"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        for (unsigned legacy = 0; legacy < 2; legacy++) {
            Rng *r = start(t[i].args, t[i].props, legacy);
            uint32_t len;

            g_assert_cmphex(qpci_config_readw(r->v->pci, 2), ==, 0x1005);
            g_assert_cmphex(qpci_config_readw(r->v->pci, 0x2e), ==, 4);
            qvirtio_start(r->v, i == 1 ? QVIRTIO_F_PACKED : 0, 1, 0, !legacy);
            for (unsigned k = 0; k < 20; k++) {
                qtest_memset(r->s, r->buf, 0, 4096);
                offer(r, 4096);
                qvirtio_wait(&r->v->q[0], &len);
                g_assert_cmpuint(len, ==, 4096);
                check_random(r, 4096);
            }
            stop(r);
        }
    }
}

static void test_limit(void)
{
    Rng *r = start("", ",max-bytes=5000,period=1000", false);
    uint32_t len;

    qvirtio_start(r->v, 0, 1, 0, false);
    for (unsigned k = 0; k < 3; k++) {
        offer(r, 4096);
        qvirtio_wait(&r->v->q[0], &len);
        g_assert_cmpuint(len, ==, 4096);
        offer(r, 4096);
        qvirtio_wait(&r->v->q[0], &len);
        g_assert_cmpuint(len, ==, 904);
        offer(r, 4096);
        qtest_clock_step(r->s, 900 * 1000000ll);
        g_usleep(10000);
        g_assert_false(qvirtio_ready(&r->v->q[0]));
        qtest_clock_step(r->s, 200 * 1000000ll);
        qvirtio_wait(&r->v->q[0], &len);
        g_assert_cmpuint(len, ==, 4096);
        qtest_clock_step(r->s, 2000 * 1000000ll);
        qvirtio_reset(r->v);
        qvirtio_start(r->v, 0, 1, 0, false);
    }
    stop(r);
}

/* A pipe that says nothing for a while, and then a little. */
static void test_slow_source(void)
{
    g_autofree char *dir = g_dir_make_tmp("virtio-rng-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "pipe", NULL);
    g_autofree char *args = g_strdup_printf("-object rng-random,id=r0,filename=%s", path);
    uint32_t len;
    Rng *r;
    int fd;

    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    fd = open(path, O_RDWR);
    g_assert_cmpint(fd, >=, 0);
    r = start(args, ",rng=r0,iothread=iot0", false);
    qvirtio_start(r->v, 0, 1, 0, false);
    for (unsigned k = 0; k < 3; k++) {
        offer(r, 64);
        g_usleep(10000);
        g_assert_false(qvirtio_ready(&r->v->q[0]));
        if (k == 1) {
            /* reset while it waits */
            qvirtio_reset(r->v);
            qvirtio_start(r->v, 0, 1, 0, false);
            offer(r, 64);
        }
        g_assert_cmpint(write(fd, "0123456789", 10), ==, 10);
        qvirtio_wait(&r->v->q[0], &len);
        g_assert_cmpuint(len, ==, 10);
    }
    {
        g_autofree char *desc = qtest_qmp_error(
            r->s, "GenericError", "{'execute': 'object-del', 'arguments': {'id': 'r0'}}");

        g_assert_nonnull(strstr(desc, "in use"));
    }
    offer(r, 64); /* and the end while it waits */
    stop(r);
    close(fd);
    unlink(path);
    rmdir(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-rng/sources", test_sources);
    g_test_add_func("/virtio-rng/limit", test_limit);
    g_test_add_func("/virtio-rng/slow-source", test_slow_source);
    return g_test_run();
}
