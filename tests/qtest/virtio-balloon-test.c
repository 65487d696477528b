/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-balloon: pages given back are zero afterwards, reported ones too; what is asked and told
 * over QMP; statistics on request; page numbers that are none. */
#include "virtio-machine.h"

#include <string.h>

#define MIB (1024u * 1024)

typedef struct Balloon {
    QTestState *s;
    QVirtio *v;
    uint64_t list, page;
} Balloon;

static Balloon *start(const char *props)
{
    Balloon *b = g_new0(Balloon, 1);

    b->v = qvirtio_boot(false, "-m 128 -device virtio-balloon-pci,id=b0,addr=04.0%s", props);
    b->s = b->v->s;
    b->list = qtest_alloc(b->s, 4096, 4096);
    b->page = qtest_alloc(b->s, 0x8000, 4096);
    return b;
}

static void stop(Balloon *b)
{
    qvirtio_quit(b->v);
    g_free(b);
}

static void send(Balloon *b, unsigned q, uint64_t addr, uint32_t len, bool write)
{
    QVirtioBuf buf = {addr, len, write};
    uint32_t used;

    qvirtio_add(&b->v->q[q], &buf, 1, false);
    qvirtio_kick(&b->v->q[q]);
    qvirtio_wait(&b->v->q[q], &used);
}

static int64_t actual(Balloon *b)
{
    json_object *r = qtest_qmp_return(b->s, "{'execute': 'query-balloon'}"), *v;
    int64_t n;

    g_assert_true(json_object_object_get_ex(r, "actual", &v));
    n = json_object_get_int64(v);
    json_object_put(r);
    return n;
}

static void test_pages(void)
{
    Balloon *b = start("");
    json_object *event;
    g_autofree char *text = NULL;

    qvirtio_start(b->v, QVIRTIO_F(1), 3, 0, true);
    g_assert_cmpint(actual(b), ==, 128 * MIB);
    qtest_qmp_ok(b->s, "{'execute': 'balloon', 'arguments': {'value': %u}}", 100 * MIB);
    qpci_msix_wait(b->v->pci, 0);
    g_assert_cmpuint(qvirtio_config(b->v, 0, 4), ==, 28 * 256);
    /* two pages go; a neighbour stays; numbers that name nothing do no harm */
    qtest_memset(b->s, b->page, 0x5a, 0x8000);
    qtest_writel(b->s, b->list, (uint32_t)(b->page >> 12));
    qtest_writel(b->s, b->list + 4, (uint32_t)(b->page >> 12) + 3);
    qtest_writel(b->s, b->list + 8, 0xffffffffu);
    qtest_writel(b->s, b->list + 12, 0xe0000);
    qtest_writel(b->s, b->list + 16, 0xfee00);
    send(b, 0, b->list, 22, false);
    g_assert_cmphex(qtest_readl(b->s, b->page + 0x10), ==, 0);
    g_assert_cmphex(qtest_readl(b->s, b->page + 0x1010), ==, 0x5a5a5a5a);
    g_assert_cmphex(qtest_readl(b->s, b->page + 0x3ffc), ==, 0);
    g_assert_cmphex(qtest_readl(b->s, b->page + 0x4000), ==, 0x5a5a5a5a);
    qvirtio_config_write(b->v, 4, 4, 2);
    event = qtest_qmp_event(b->s, "BALLOON_CHANGE");
    json_object_put(event);
    g_assert_cmpint(actual(b), ==, 128 * MIB - 8192);
    send(b, 1, b->list, 8, false);
    qvirtio_config_write(b->v, 4, 4, 0xffffffff);
    g_assert_cmpint(actual(b), ==, 0);
    qvirtio_config_write(b->v, 0, 4, 7); /* read-only */
    g_assert_cmpuint(qvirtio_config(b->v, 0, 4), ==, 28 * 256);
    /* more than there is, and less than nothing */
    qtest_qmp_ok(b->s, "{'execute': 'balloon', 'arguments': {'value': %u}}", 512 * MIB);
    g_assert_cmpuint(qvirtio_config(b->v, 0, 4), ==, 0);
    g_free(
        qtest_qmp_error(b->s, "GenericError", "{'execute': 'balloon', 'arguments': {'value': 0}}"));
    g_free(qtest_hmp(b->s, "balloon 64"));
    g_assert_cmpuint(qvirtio_config(b->v, 0, 4), ==, 64 * 256);
    text = qtest_hmp(b->s, "info balloon");
    g_assert_cmpstr(text, ==, "balloon: actual=0\r\n");
    qvirtio_reset(b->v);
    g_assert_cmpint(actual(b), ==, 128 * MIB);
    stop(b);
}

static void test_reporting(void)
{
    Balloon *b = start(",free-page-reporting=on");

    for (unsigned poison = 0; poison < 2; poison++) {
        qvirtio_start(b->v, QVIRTIO_F(1) | QVIRTIO_F(5) | (poison ? QVIRTIO_F(4) : 0), 4, 0, false);
        qvirtio_config_write(b->v, 12, 4, 0xaaaaaaaa);
        qtest_memset(b->s, b->page, 0x5a, 0x8000);
        send(b, 3, b->page + 0x1000, 0x3000, true);
        g_assert_cmphex(qtest_readl(b->s, b->page + 0xffc), ==, 0x5a5a5a5a);
        g_assert_cmphex(qtest_readl(b->s, b->page + 0x1000), ==, poison ? 0x5a5a5a5a : 0);
        g_assert_cmphex(qtest_readl(b->s, b->page + 0x3ffc), ==, poison ? 0x5a5a5a5a : 0);
        g_assert_cmphex(qtest_readl(b->s, b->page + 0x4000), ==, 0x5a5a5a5a);
    }
    stop(b);
}

static uint64_t property(Balloon *b, const char *name)
{
    json_object *r = qtest_qmp_return(
        b->s,
        "{'execute': 'qom-get', 'arguments': {'path': '/machine/peripheral/b0', 'property': '%s'}}",
        name);
    uint64_t v = json_object_get_uint64(r);

    json_object_put(r);
    return v;
}

#define ASK \
    "{'execute': 'qom-set', 'arguments': {'path': '/machine/peripheral/b0', 'property': " \
    "'x-hint-free-pages', 'value': %s}}"
#define HINT 3
#define CMD_ID 8 /* in the configuration */

static void say_round(Balloon *b, uint32_t id)
{
    qtest_writel(b->s, b->list, id);
    send(b, HINT, b->list, 4, false);
}

/* Names a page as free; is it counted?  What it holds stays: the guest may use it at any time. */
static bool hint(Balloon *b)
{
    uint64_t before = property(b, "x-hinted-bytes"), after;

    qtest_memset(b->s, b->page, 0x5a, 0x3000);
    send(b, HINT, b->page + 0x1000, 0x1000, true);
    for (unsigned at = 0; at < 0x3000; at += 0x400) {
        g_assert_cmphex(qtest_readl(b->s, b->page + at), ==, 0x5a5a5a5a);
    }
    after = property(b, "x-hinted-bytes");
    g_assert_true(after == before || after == before + 0x1000);
    return after != before;
}

static void test_hints(void)
{
    Balloon *b = start(",free-page-hint=on,free-page-reporting=on");
    uint64_t features = QVIRTIO_F(1) | QVIRTIO_F(3) | QVIRTIO_F(5);

    g_free(qtest_qmp_error(b->s, "GenericError", ASK, "true")); /* there is no driver */
    for (uint32_t round = 0; round < 2; round++) {
        uint32_t id = round ? 5 : 2; /* numbers are not used again */

        qvirtio_start(b->v, features, 5, 0, true);
        g_assert_cmpuint(qvirtio_config(b->v, CMD_ID, 4), ==, 0);
        g_assert_false(hint(b)); /* nobody asked */
        qtest_qmp_ok(b->s, ASK, "true");
        qpci_msix_wait(b->v->pci, 0);
        g_assert_cmpuint(qvirtio_config(b->v, CMD_ID, 4), ==, id);
        g_assert_cmpuint(property(b, "x-hint-free-pages"), ==, 1);
        g_assert_false(hint(b)); /* the driver has not begun */
        say_round(b, id - 1);    /* with another one */
        g_assert_false(hint(b));
        say_round(b, id);
        g_assert_true(hint(b));
        g_assert_true(hint(b));
        g_assert_cmpuint(property(b, "x-hinted-bytes"), ==, 0x2000);
        say_round(b, 0); /* that was all: the driver may have its pages back */
        qpci_msix_wait(b->v->pci, 0);
        g_assert_cmpuint(qvirtio_config(b->v, CMD_ID, 4), ==, 1);
        g_assert_cmpuint(property(b, "x-hint-free-pages"), ==, 0);
        g_assert_false(hint(b));
        /* Called off in the middle; a late message with its number begins nothing. */
        qtest_qmp_ok(b->s, ASK, "true");
        qpci_msix_wait(b->v->pci, 0);
        say_round(b, id + 1);
        g_assert_true(hint(b));
        qtest_qmp_ok(b->s, ASK, "false");
        qpci_msix_wait(b->v->pci, 0);
        g_assert_cmpuint(qvirtio_config(b->v, CMD_ID, 4), ==, 1);
        say_round(b, id + 1);
        g_assert_false(hint(b));
        /* A new question while a round is under way. */
        if (!round) {
            qtest_qmp_ok(b->s, ASK, "true");
            say_round(b, 4);
            g_assert_true(hint(b));
        }
        qvirtio_config_write(b->v, CMD_ID, 4, 9); /* read-only */
        g_assert_cmpuint(qvirtio_config(b->v, CMD_ID, 4), ==, round ? 1 : 4);
        /* The reporting queue comes behind this one. */
        qtest_memset(b->s, b->page, 0x5a, 0x3000);
        send(b, 4, b->page + 0x1000, 0x1000, true);
        g_assert_cmphex(qtest_readl(b->s, b->page + 0x1000), ==, 0);
        qvirtio_reset(b->v); /* a round ends with its driver */
    }
    /* Pages with poison count, too; a message that is too short is none. */
    qvirtio_start(b->v, features | QVIRTIO_F(4), 5, 0, true);
    qvirtio_config_write(b->v, 12, 4, 0xaaaaaaaa);
    qtest_qmp_ok(b->s, ASK, "true");
    qtest_writel(b->s, b->list, 7);
    send(b, HINT, b->list, 3, false);
    g_assert_false(hint(b));
    say_round(b, 7);
    g_assert_true(hint(b));
    g_assert_cmpuint(property(b, "x-hinted-bytes"), ==, 0x1000);
    stop(b);
}

static int64_t stat(Balloon *b, const char *name)
{
    json_object *r = qtest_qmp_return(b->s, "{'execute': 'qom-get', 'arguments': {'path': "
                                            "'/machine/peripheral/b0', 'property': "
                                            "'guest-stats'}}"),
                *v;
    int64_t n;

    if (strcmp(name, "last-update")) {
        g_assert_true(json_object_object_get_ex(r, "stats", &v));
        g_assert_true(json_object_object_get_ex(v, name, &v));
    } else {
        g_assert_true(json_object_object_get_ex(r, name, &v));
    }
    n = json_object_get_int64(v);
    json_object_put(r);
    return n;
}

static void put_stat(Balloon *b, unsigned i, uint16_t tag, uint64_t val)
{
    qtest_writew(b->s, b->list + 10 * i, tag);
    qtest_memwrite(b->s, b->list + 10 * i + 2, &val, 8);
}

static void test_stats(void)
{
    Balloon *b = start("");
    QVirtioBuf buf = {b->list, 30, false};
    uint32_t len;

    for (unsigned round = 0; round < 2; round++) {
        qvirtio_start(b->v, QVIRTIO_F(1), 3, 0, false);
        g_assert_cmpint(stat(b, "last-update"), ==, 0);
        g_assert_cmpint(stat(b, "stat-free-memory"), ==, -1);
        put_stat(b, 0, 4, 1000);
        put_stat(b, 1, 0, 7);
        put_stat(b, 2, 0xffff, 9);
        qvirtio_add(&b->v->q[2], &buf, 1, false);
        qvirtio_kick(&b->v->q[2]);
        while (stat(b, "last-update") == 0) {
            g_usleep(1000);
        }
        g_assert_cmpint(stat(b, "stat-free-memory"), ==, 1000);
        g_assert_cmpint(stat(b, "stat-swap-in"), ==, 7);
        g_assert_cmpint(stat(b, "stat-swap-out"), ==, -1);
        g_assert_false(qvirtio_ready(&b->v->q[2])); /* kept, until news are wanted */
        qtest_qmp_ok(b->s, "{'execute': 'qom-set', 'arguments': {'path': "
                           "'/machine/peripheral/b0', 'property': 'guest-stats-polling-interval', "
                           "'value': 2}}");
        qtest_clock_step(b->s, 1000000000);
        g_assert_false(qvirtio_ready(&b->v->q[2]));
        qtest_clock_step(b->s, 1100000000);
        qvirtio_wait(&b->v->q[2], &len);
        put_stat(b, 0, 4, 500);
        qvirtio_add(&b->v->q[2], &buf, 1, false);
        qvirtio_kick(&b->v->q[2]);
        while (stat(b, "stat-free-memory") != 500) {
            g_usleep(1000);
        }
        qtest_qmp_ok(b->s, "{'execute': 'qom-set', 'arguments': {'path': "
                           "'/machine/peripheral/b0', 'property': 'guest-stats-polling-interval', "
                           "'value': 0}}");
        qtest_clock_step(b->s, 10000000000ll);
        g_assert_false(qvirtio_ready(&b->v->q[2]));
        qvirtio_reset(b->v); /* while the device keeps the chain */
    }
    stop(b);
}

static void test_none(void)
{
    QTestState *s = qtest_init("-machine q35 -nodefaults");

    g_free(qtest_qmp_error(s, "DeviceNotActive", "{'execute': 'query-balloon'}"));
    g_free(qtest_qmp_error(s, "DeviceNotActive",
                           "{'execute': 'balloon', 'arguments': {'value': 1000000}}"));
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-balloon/pages", test_pages);
    g_test_add_func("/virtio-balloon/reporting", test_reporting);
    g_test_add_func("/virtio-balloon/hints", test_hints);
    g_test_add_func("/virtio-balloon/stats", test_stats);
    g_test_add_func("/virtio-balloon/none", test_none);
    return g_test_run();
}
