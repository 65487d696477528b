/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 16550 serial port: registers, loopback, FIFO, interrupts, and bytes to and from a character
 * device. */
#include "libqtest.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BASE = 0x3f8,
    RBR = BASE,
    THR = BASE,
    IER = BASE + 1,
    IIR = BASE + 2,
    FCR = BASE + 2,
    LCR = BASE + 3,
    MCR = BASE + 4,
    LSR = BASE + 5,
    MSR = BASE + 6,
    SCR = BASE + 7,
    LSR_DR = 1,
    LSR_OE = 2,
    LSR_THRE = 0x20,
    LSR_TEMT = 0x40,
    MCR_OUT2 = 8,
    MCR_LOOP = 16,
    COM1_IRQ = 4,
};

static QTestState *s;

static void start(const char *args)
{
    s = qtest_initf("-machine q35 -nodefaults %s", args);
    qtest_irq_intercept_in(s, "ioapic");
}

/* Waits for bits of the line status; returns all that were seen, because reading takes some of them
 * back. */
static uint8_t wait_lsr(uint8_t bits)
{
    uint8_t seen = qtest_inb(s, LSR), last = seen;

    for (int i = 0; (last & bits) != bits; i++) {
        g_assert_cmpint(i, <, 2000);
        qtest_clock_step(s, 1000000); /* a byte takes its time on the line */
        g_usleep(1000);
        last = qtest_inb(s, LSR);
        seen |= last;
    }
    return seen;
}

static void test_registers(void)
{
    start("-serial null");
    g_assert_cmphex(qtest_inb(s, LSR), ==, LSR_THRE | LSR_TEMT);
    g_assert_cmphex(qtest_inb(s, IIR) & 0xf, ==, 1); /* nothing pending */
    for (unsigned v = 0; v < 256; v += 5) {
        qtest_outb(s, SCR, (uint8_t)v);
        g_assert_cmphex(qtest_inb(s, SCR), ==, v);
        qtest_outb(s, LCR, (uint8_t)v & 0x7f);
        g_assert_cmphex(qtest_inb(s, LCR), ==, v & 0x7f);
    }
    qtest_outb(s, IER, 0xff);
    g_assert_cmphex(qtest_inb(s, IER), ==, 0x0f);
    qtest_outb(s, IER, 0);
    /* The divisor hides behind DLAB. */
    qtest_outb(s, LCR, 0x83);
    qtest_outb(s, BASE, 0x34);
    qtest_outb(s, BASE + 1, 0x12);
    qtest_outb(s, LCR, 3);
    g_assert_cmphex(qtest_inb(s, IER), ==, 0);
    qtest_outb(s, LCR, 0x83);
    g_assert_cmphex(qtest_inb(s, BASE), ==, 0x34);
    g_assert_cmphex(qtest_inb(s, BASE + 1), ==, 0x12);
    qtest_outb(s, BASE, 0); /* a divisor of zero must be survived */
    qtest_outb(s, BASE + 1, 0);
    qtest_outb(s, LCR, 3);
    qtest_outb(s, THR, 'x');
    qtest_system_reset(s);
    g_assert_cmphex(qtest_inb(s, LCR) & 0x80, ==, 0);
    g_assert_cmphex(qtest_inb(s, IER), ==, 0);
    qtest_quit(s);
}

static void test_loopback(void)
{
    start("-serial null");
    qtest_outb(s, FCR, 7); /* FIFOs on and empty */
    g_assert_cmphex(qtest_inb(s, IIR) & 0xc0, ==, 0xc0);
    qtest_outb(s, MCR, MCR_LOOP | 0xf);
    /* Modem outputs come back as inputs: OUT2, OUT1, DTR, RTS as DCD, RI, DSR, CTS. */
    g_assert_cmphex(qtest_inb(s, MSR) & 0xf0, ==, 0xf0);
    qtest_outb(s, MCR, MCR_LOOP | 1);
    g_assert_cmphex(qtest_inb(s, MSR) & 0xf0, ==, 0x20);
    for (int i = 0; i < 8; i++) {
        qtest_outb(s, THR, (uint8_t)('a' + i));
        wait_lsr(LSR_TEMT);
    }
    for (int i = 0; i < 8; i++) {
        g_assert_cmphex(qtest_inb(s, LSR) & LSR_DR, ==, LSR_DR);
        g_assert_cmpint(qtest_inb(s, RBR), ==, 'a' + i);
    }
    g_assert_cmphex(qtest_inb(s, LSR) & LSR_DR, ==, 0);
    /* Sixteen fit; one more is an overrun, told once. */
    for (int i = 0; i < 16; i++) {
        qtest_outb(s, THR, (uint8_t)i);
        g_assert_cmphex(wait_lsr(LSR_TEMT) & LSR_OE, ==, 0);
    }
    qtest_outb(s, THR, 16);
    g_assert_cmphex(wait_lsr(LSR_TEMT) & LSR_OE, ==, LSR_OE);
    g_assert_cmphex(qtest_inb(s, LSR) & LSR_OE, ==, 0);
    qtest_outb(s, FCR, 3);
    g_assert_cmphex(qtest_inb(s, LSR) & LSR_DR, ==, 0);
    qtest_quit(s);
}

static void test_transmit_interrupt(void)
{
    start("-serial null");
    qtest_outb(s, MCR, MCR_OUT2);
    g_assert_false(qtest_get_irq(s, COM1_IRQ));
    qtest_outb(s, IER, 2);
    g_assert_true(qtest_get_irq(s, COM1_IRQ)); /* the holding register is empty */
    g_assert_cmphex(qtest_inb(s, IIR) & 0xf, ==, 2);
    g_assert_false(qtest_get_irq(s, COM1_IRQ)); /* reading took it back */
    qtest_outb(s, THR, 'x');
    wait_lsr(LSR_THRE);
    g_assert_true(qtest_get_irq(s, COM1_IRQ));
    qtest_outb(s, IER, 0);
    g_assert_false(qtest_get_irq(s, COM1_IRQ));
    qtest_quit(s);
}

static void test_wire(void)
{
    g_autofree char *dir = g_dir_make_tmp("qtest-XXXXXX", NULL),
                    *path = g_strdup_printf("%s/com1", dir);
    g_autofree char *args = g_strdup_printf("-serial unix:%s,server=on,wait=off", path);
    static const char out[] = "Hello, host\r\n", in[] = "Hello, guest";
    char buf[64];
    size_t n = 0;
    int fd;

    start(args);
    fd = qtest_connect(path);
    qtest_outb(s, FCR, 7);
    qtest_outb(s, MCR, MCR_OUT2);
    for (const char *p = out; *p; p++) {
        wait_lsr(LSR_THRE);
        qtest_outb(s, THR, (uint8_t)*p);
    }
    wait_lsr(LSR_TEMT);
    while (n < strlen(out)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t got;

        g_assert_cmpint(poll(&p, 1, 10000), ==, 1);
        got = read(fd, buf + n, sizeof(buf) - n);
        g_assert_cmpint(got, >, 0);
        n += (size_t)got;
    }
    g_assert_true(n == strlen(out) && !memcmp(buf, out, n));

    qtest_outb(s, IER, 1);
    g_assert_cmpint(write(fd, in, strlen(in)), ==, (ssize_t)strlen(in));
    for (const char *p = in; *p; p++) {
        wait_lsr(LSR_DR);
        g_assert_true(qtest_get_irq(s, COM1_IRQ) || p != in);
        g_assert_cmpint(qtest_inb(s, RBR), ==, *p);
    }
    qtest_clock_step(s, 100000000);
    g_assert_false(qtest_get_irq(s, COM1_IRQ));
    /* The other end goes and comes back. */
    close(fd);
    qtest_outb(s, THR, 'x');
    fd = qtest_connect(path);
    for (int i = 0; i < 100; i++) {
        qtest_inb(s, LSR);
    }
    g_assert_cmpint(write(fd, "z", 1), ==, 1);
    wait_lsr(LSR_DR);
    g_assert_cmpint(qtest_inb(s, RBR), ==, 'z');
    close(fd);
    qtest_quit(s);
    unlink(path);
    rmdir(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/serial/registers", test_registers);
    g_test_add_func("/serial/loopback", test_loopback);
    g_test_add_func("/serial/transmit-interrupt", test_transmit_interrupt);
    g_test_add_func("/serial/wire", test_wire);
    return g_test_run();
}
