/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The qtest protocol, word by word: each verb's reply, each way to fail, buffering, lines between
 * replies, the clock. */
#include "libqtest.h"

#include <string.h>

static QTestState *s;

/* One request, one reply. */
static void check(const char *request, const char *want)
{
    g_autofree char *got = qtest_command(s, "%s", request);

    g_test_message("%s -> %.60s", request, got);
    g_assert_cmpstr(got, ==, want);
}

static void check_fail(const char *request)
{
    g_autofree char *got = qtest_command(s, "%s", request);

    g_test_message("%.60s -> %.80s", request, got);
    g_assert_true(g_str_has_prefix(got, "FAIL"));
    check("endianness", "OK little"); /* alive, and in step */
}

static void check_clock(const char *request, const char *verdict, int64_t now)
{
    g_autofree char *want = g_strdup_printf("%s %" G_GINT64_FORMAT, verdict, now);

    check(request, want);
}

static void test_ports(void)
{
    check("endianness", "OK little");
    check("endianness big", "OK little"); /* surplus words are ignored */
    /* Index and data of the RTC: any byte that can be written and read. */
    check("outb 0x70 0x0f", "OK");
    check("outb 0x71 0x1ab", "OK");
    check("outb 0x70 15", "OK");
    check("inb 0x71", "OK 0x00ab");
    check("inb 113", "OK 0x00ab");
    check("inb 0161", "OK 0x00ab");
    /* The PCI address register is 32 bits wide. */
    check("outl 0xcf8 0xf80000000", "OK");
    check("inl 0xcf8", "OK 0x80000000");
    check("inw 0xcfc", "OK 0x8086");
    check("outw 0xcfc 0x1ffff", "OK");
    /* Nobody there: all ones. */
    check("inb 0x9999", "OK 0x00ff");
    check("inw 0x9999", "OK 0xffff");
    check("inl 0x9999", "OK 0xffffffff");
    check("outl 0x9999 0", "OK");
}

static void test_memory(void)
{
    check("writel 0x100000 0x11223344", "OK");
    check("readl 0x100000", "OK 0x0000000011223344");
    check("read 0x100000 4", "OK 0x44332211");
    check("readb 0x100001", "OK 0x0000000000000033");
    check("readw 0x100002", "OK 0x0000000000001122");
    check("writeq 0x100000 0x8877665544332211", "OK");
    check("readq 1048576", "OK 0x8877665544332211");
    check("readl 0x100001", "OK 0x0000000055443322"); /* unaligned */
    check("writeb 0x100000 0xfff", "OK");
    check("writew 0x100002 0x1234567", "OK");
    check("readq 0x100000", "OK 0x88776655456722ff");
    check("writeb 0x100000 -1", "OK");
    check("readb 0x100000", "OK 0x00000000000000ff");
    /* A hole. */
    check("readl 0xd0000000", "OK 0x0000000000000000");
    check("writel 0xd0000000 5", "OK");
}

static void test_blocks(void)
{
    check("memset 0x200000 16 0x5a", "OK");
    check("memset 0x200000 0 0xff", "OK");
    check("write 0x200000 4 0x01020304", "OK");
    check("read 0x200000 0x6", "OK 0x010203045a5a");
    check("write 0x200000 4 0xAA", "OK"); /* missing digits are zero */
    check("read 0x200000 5", "OK 0xaa0000005a");
    check("write 0x200000 2 0x0102030405", "OK"); /* surplus ones are ignored */
    check("read 0x200000 4", "OK 0x01020000");
    check("write 0x200000 3 0xaabbc", "OK"); /* a lone last one is dropped */
    check("read 0x200000 4", "OK 0xaabb0000");
    check("write 0x200000 1 0x", "ERR invalid argument size");
    check("write 0x200000 1 0xzz", "FAIL Data is not hexadecimal");
    check("b64write 0x200000 4 3q2+7w==", "OK");
    check("read 0x200000 5", "OK 0xdeadbeef5a");
    check("b64read 0x200000 4", "OK 3q2+7w==");
    check("b64write 0x200000 2 AAAAAAAA", "OK"); /* the shorter length counts */
    check("b64write 0x200002 100 /w==", "OK");
    check("read 0x200000 5", "OK 0x0000ffef5a");
    /* Across the end of what is mapped: the rest reads as zero. */
    check("memset 0x7fffff0 16 0x11", "OK");
    check("read 0x7fffffe 4", "OK 0x11110000");
}

static void test_large_block(void)
{
    enum { N = 1 << 20 };
    g_autofree uint8_t *out = g_malloc(N), *in = g_malloc(N);

    for (int i = 0; i < N; i++) {
        out[i] = (uint8_t)(i * 7 + i / 256);
    }
    qtest_memwrite(s, 0x300001, out, N);
    qtest_bufread(s, 0x300001, in, N);
    g_assert_true(!memcmp(in, out, N));
    qtest_memset(s, 0x300000, 0, N + 2);
    qtest_bufwrite(s, 0x300001, out, N);
    qtest_memread(s, 0x300001, in, N);
    g_assert_true(!memcmp(in, out, N));
}

static void test_failures(void)
{
    static const char *const bad[] = {
        "",
        " ",
        "read",
        "read 0x100000",
        "read 0x100000 0",
        "read 0x100000 x",
        "read 0x100000  4",
        "read  0x100000 4",
        "readl",
        "readl x",
        "readl 0x",
        "readl 1x",
        "writel 0",
        "writel 0 y",
        "inb",
        "inb 0x10000",
        "outb 0x10000 1",
        "outb 1",
        "memset 0 1",
        "memset 0 1 x",
        "write 0 1",
        "b64read 0 0",
        "b64write 0 1",
        "read 0 0xffffffffffffffff",
        "memset 0 0xffffffffffffffff 0",
        "write 0 0xffffffffffffffff 0x00",
        "readl 0x1ffffffffffffffff",
        "clock_step x",
        "clock_set",
        "clock_set x",
        "irq_intercept_in",
        "irq_intercept_out",
        "set_irq_in",
        "set_irq_in ioapic unnamed-gpio-in 0",
        "set_irq_in ioapic unnamed-gpio-in 9999 1",
        "set_irq_in ioapic nope 0 1",
        "module_load a b",
        "rtas x 0 0 0 0",
        "ENDIANNESS",
        "endianness\r",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        check_fail(bad[i]);
    }
    check("nonsense word", "FAIL Unknown command 'nonsense'");
    check("irq_intercept_in /nobody", "FAIL Unknown device");
    check("set_irq_in /nobody unnamed-gpio-in 0 1", "FAIL Unknown device");
    check("irq_intercept_in ioapic name", "FAIL Interception of named in-GPIOs not yet supported");
}

static void test_buffering(void)
{
    static const char two[] = "readb 0x9\nreadb 0xa\nrea", rest[] = "db 0xb\n";
    g_autofree char *a = NULL, *b = NULL, *c = NULL;

    check("write 0x9 3 0x112233", "OK");
    qtest_send_raw(s, two, strlen(two));
    a = qtest_recv_line(s);
    b = qtest_recv_line(s);
    g_assert_cmpstr(a, ==, "OK 0x0000000000000011");
    g_assert_cmpstr(b, ==, "OK 0x0000000000000022");
    qtest_send_raw(s, rest, strlen(rest));
    c = qtest_recv_line(s);
    g_assert_cmpstr(c, ==, "OK 0x0000000000000033");
}

static void test_clock(void)
{
    int64_t now, next;

    /* So that there is something to step to. */
    qtest_outb(s, 0x43, 0x36);
    qtest_outb(s, 0x40, 0);
    qtest_outb(s, 0x40, 0);
    now = qtest_clock_step(s, 1000);

    check_clock("clock_step 0", "FAIL", now);
    check_clock("clock_step -5", "FAIL", now);
    check_clock("clock_set 0", "FAIL", now);
    g_assert_cmpint(qtest_clock_set(s, now), ==, now);
    g_assert_cmpint(qtest_clock_set(s, now + 500), ==, now + 500);
    g_assert_cmpint(qtest_clock_step(s, 10), ==, now + 510);
    next = qtest_clock_step_next(s);
    g_assert_cmpint(next, >, now + 510);
    check_clock("clock_step 0x7fffffffffffffff", "FAIL", next);

    /* A stopped machine's clock stands, and everything else works. */
    qtest_qmp_ok(s, "{'execute': 'stop'}");
    check_clock("clock_step 100", "FAIL", next);
    check_clock("clock_step", "FAIL", next);
    check("writeb 0x100000 0x77", "OK");
    check("readb 0x100000", "OK 0x0000000000000077");
    qtest_qmp_ok(s, "{'execute': 'cont'}");
    g_assert_cmpint(qtest_clock_step(s, 100), ==, next + 100);
}

static void test_lines(void)
{
    g_autofree char *a = NULL, *b = NULL, *c = NULL;
    static const char raise[] = "set_irq_in ioapic unnamed-gpio-in 5 1\n";

    check("irq_intercept_in ioapic", "OK");
    check("irq_intercept_in ioapic", "OK"); /* once more is no harm */
    check("irq_intercept_in /machine/unattached/device[0]", "FAIL IRQ intercept already enabled");
    qtest_send_raw(s, raise, strlen(raise));
    a = qtest_recv_line(s);
    b = qtest_recv_line(s);
    g_assert_cmpstr(a, ==, "IRQ raise 5"); /* before the reply */
    g_assert_cmpstr(b, ==, "OK");
    qtest_send_raw(s, raise, strlen(raise));
    c = qtest_recv_line(s);
    g_assert_cmpstr(c, ==, "OK"); /* no change, no line */
    qtest_set_irq_in(s, "ioapic", NULL, 5, 0);
    g_assert_false(qtest_get_irq(s, 5));
    qtest_set_irq_in(s, "ioapic", NULL, 5, 1);
    g_assert_true(qtest_get_irq(s, 5));
    qtest_set_irq_in(s, "ioapic", NULL, 5, 0);
    qtest_outb(s, 0x21, 1); /* nobody takes ticks, none is to be owed */
    /* The PIT's first channel as a square wave of the largest count: a rising edge in 54.9 ms. */
    qtest_outb(s, 0x43, 0x36);
    qtest_outb(s, 0x40, 0);
    qtest_outb(s, 0x40, 0);
    unsigned before = qtest_irq_raises(s, 0);
    qtest_clock_step(s, 1000000000);
    g_assert_cmpuint(qtest_irq_raises(s, 0) - before, >=, 17);
    g_assert_cmpuint(qtest_irq_raises(s, 0) - before, <=, 19);
}

/* Interception survives a reset, RAM keeps its content, the clock goes on. */
static void test_reset(void)
{
    int64_t now = qtest_clock_step(s, 1);

    check("writel 0x100000 0xfeedface", "OK");
    qtest_system_reset(s);
    check("readl 0x100000", "OK 0x00000000feedface");
    qtest_set_irq_in(s, "ioapic", NULL, 5, 1);
    g_assert_true(qtest_get_irq(s, 5));
    qtest_set_irq_in(s, "ioapic", NULL, 5, 0);
    g_assert_cmpint(qtest_clock_step(s, 1), >, now);
}

/* The server answers before anything was said on QMP. */
static void test_before_qmp(void)
{
    QTestState *main_state = s;

    s = qtest_init_raw("-machine none -nodefaults -accel qtest");
    check("endianness", "OK little");
    check("inb 0x80", "OK 0x00ff");
    check("inl 0x80", "OK 0xffffffff");
    check_fail("readl 0"); /* no CPU */
    check_fail("memset 0 0 0");
    qtest_quit(s);
    s = main_state;
}

/* -S: nothing runs, memory and ports work, the clock does not move. */
static void test_prelaunch(void)
{
    QTestState *main_state = s;

    s = qtest_init("-S -machine q35 -nodefaults");
    check("writeb 0x1000 1", "OK");
    check("readb 0x1000", "OK 0x0000000000000001");
    check("clock_step 5", "FAIL 0");
    qtest_qmp_ok(s, "{'execute': 'cont'}");
    check("clock_step 5", "OK 5");
    qtest_quit(s);
    s = main_state;
}

/* One server a process. */
static void test_object(void)
{
    QTestState *main_state = s;

    s = qtest_init("-machine none -nodefaults");
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'object-add', 'arguments': {'qom-type': "
                           "'qtest', 'id': 'q', 'chardev': 'char0'}}"));
    qtest_quit(s);
    s = main_state;
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    s = qtest_init("-machine q35 -nodefaults -m 128");
    g_test_add_func("/qtest/ports", test_ports);
    g_test_add_func("/qtest/memory", test_memory);
    g_test_add_func("/qtest/blocks", test_blocks);
    g_test_add_func("/qtest/large-block", test_large_block);
    g_test_add_func("/qtest/failures", test_failures);
    g_test_add_func("/qtest/buffering", test_buffering);
    g_test_add_func("/qtest/clock", test_clock);
    g_test_add_func("/qtest/lines", test_lines);
    g_test_add_func("/qtest/reset", test_reset);
    g_test_add_func("/qtest/before-qmp", test_before_qmp);
    g_test_add_func("/qtest/prelaunch", test_prelaunch);
    g_test_add_func("/qtest/second-server", test_object);
    ret = g_test_run();
    qtest_quit(s);
    return ret;
}
