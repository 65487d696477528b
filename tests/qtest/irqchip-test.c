/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt controllers and tick sources on the board: ports, lines, who gets interrupt 0 and 8,
 * and the same with the tick source at home in a thread of its own. */
#include "libqtest.h"

#include <string.h>

#define MS G_GINT64_CONSTANT(1000000)
#define IOAPIC 0xfec00000u
#define HPET 0xfed00000u

static QTestState *s;

static void start(const char *more)
{
    s = qtest_initf("-machine q35 -nodefaults %s", more);
    qtest_irq_intercept_in(s, "ioapic");
    qtest_outb(s, 0x21, 0xff); /* nobody takes interrupts here: none is to be owed */
}

static void pit_mode2(uint16_t count)
{
    qtest_outb(s, 0x43, 0x34);
    qtest_outb(s, 0x40, count & 0xff);
    qtest_outb(s, 0x40, count >> 8);
}

/* Raises of line n in a second, stepped in milliseconds. */
static unsigned raises_in_a_second(unsigned n)
{
    unsigned before = qtest_irq_raises(s, n);

    for (int i = 0; i < 1000; i++) {
        qtest_clock_step(s, MS);
    }
    return qtest_irq_raises(s, n) - before;
}

static void pit_ticks_on_line_0(void)
{
    start("");
    g_assert_cmpuint(raises_in_a_second(0), ==, 0); /* not programmed */
    pit_mode2(11932);                               /* 100 Hz */
    g_assert_cmpuint(raises_in_a_second(0), ==, 99);
    qtest_outb(s, 0x43, 0x30); /* mode 0, no count */
    g_assert_cmpuint(raises_in_a_second(0), ==, 0);
    qtest_quit(s);
}

static void pit_in_a_thread_of_its_own_ticks_alike(void)
{
    start("-object iothread,id=ticks -object ioregionfd,id=t0,iothread=ticks,"
          "device=/machine/unattached/device[2],region=pit");
    pit_mode2(11932);
    g_assert_cmpuint(raises_in_a_second(0), ==, 99);
    qtest_quit(s);
}

static void speaker_port_gates_and_shows_counter_2(void)
{
    start("");
    g_assert_cmphex(qtest_inb(s, 0x61) & 0x0f, ==, 0);
    qtest_outb(s, 0x43, 0xb0); /* counter 2, mode 0 */
    qtest_outb(s, 0x42, 0xe8);
    qtest_outb(s, 0x42, 0x03);
    qtest_clock_step(s, 10 * MS);
    g_assert_cmphex(qtest_inb(s, 0x61) & 0x20, ==, 0); /* the gate is low */
    qtest_outb(s, 0x61, 1);
    qtest_clock_step(s, 10 * MS);
    g_assert_cmphex(qtest_inb(s, 0x61) & 0x21, ==, 0x21);
    qtest_outb(s, 0x61, 0xff);
    g_assert_cmphex(qtest_inb(s, 0x61) & 0x0f, ==, 0x0f);
    qtest_quit(s);
}

static void pic_requests_show_in_irr_and_poll(void)
{
    static const uint8_t words[] = {0x20, 0x04, 0x01, 0x00};

    start("");
    qtest_outb(s, 0x20, 0x11);
    for (unsigned n = 0; n < G_N_ELEMENTS(words); n++) {
        qtest_outb(s, 0x21, words[n]);
    }
    pit_mode2(11932);
    qtest_clock_step(s, 20 * MS);
    g_assert_cmphex(qtest_inb(s, 0x20), ==, 1);
    qtest_outb(s, 0x20, 0x0c);
    g_assert_cmphex(qtest_inb(s, 0x20), ==, 0x80);
    qtest_outb(s, 0x20, 0x0b);
    g_assert_cmphex(qtest_inb(s, 0x20), ==, 1);
    qtest_outb(s, 0x20, 0x20);
    g_assert_cmphex(qtest_inb(s, 0x20), ==, 0);
    qtest_quit(s);
}

static void elcr_and_masks_read_back(void)
{
    start("");
    qtest_outb(s, 0x4d0, 0xff);
    qtest_outb(s, 0x4d1, 0xff);
    g_assert_cmphex(qtest_inb(s, 0x4d0), ==, 0xf8);
    g_assert_cmphex(qtest_inb(s, 0x4d1), ==, 0xde);
    qtest_outb(s, 0xa1, 0x5a);
    g_assert_cmphex(qtest_inb(s, 0xa1), ==, 0x5a);
    qtest_qmp_ok(s, "{'execute': 'system_reset'}");
    qtest_clock_step(s, 1);
    g_assert_cmphex(qtest_inb(s, 0x4d1), ==, 0);
    qtest_quit(s);
}

static void ioapic_identity_and_entries(void)
{
    start("");
    qtest_writel(s, IOAPIC, 1);
    g_assert_cmphex(qtest_readl(s, IOAPIC + 0x10), ==, 0x00170020);
    qtest_writel(s, IOAPIC, 0x10 + 2 * 20);
    g_assert_cmphex(qtest_readl(s, IOAPIC + 0x10), ==, 0x10000);
    qtest_writel(s, IOAPIC + 0x10, 0x1a055);
    g_assert_cmphex(qtest_readl(s, IOAPIC + 0x10), ==, 0x1a055);
    qtest_quit(s);
}

/* Comparator 0, periodic at 1 kHz, by the replacement route. */
static void hpet_legacy(void)
{
    qtest_writel(s, HPET + 0x100, 0x14c);
    qtest_writel(s, HPET + 0x108, 100000);
    qtest_writel(s, HPET + 0x10, 3);
}

static void hpet_takes_line_0_from_the_pit_and_gives_it_back(void)
{
    start("");
    pit_mode2(11932);
    hpet_legacy();
    g_assert_cmpuint(raises_in_a_second(0), ==, 1000);
    qtest_writel(s, HPET + 0x10, 1);
    g_assert_cmpuint(raises_in_a_second(0), ==, 100);
    qtest_quit(s);
}

static void hpet_in_a_thread_of_its_own_ticks_alike(void)
{
    uint32_t before;

    start("-object iothread,id=ticks -object ioregionfd,id=t0,iothread=ticks,"
          "device=/machine/unattached/device[3],region=hpet");
    hpet_legacy();
    before = qtest_readl(s, HPET + 0xf0);
    g_assert_cmpuint(raises_in_a_second(0), ==, 1000);
    g_assert_cmpuint(qtest_readl(s, HPET + 0xf0) - before, ==, 100000000);
    qtest_quit(s);
}

static void hpet_can_be_left_out(void)
{
    start("-machine hpet=off");
    g_assert_cmphex(qtest_readl(s, HPET), !=, 0x8086a201);
    qtest_quit(s);
}

static void info_pic_and_info_pit(void)
{
    g_autofree char *pic = NULL, *pit = NULL;

    start("");
    qtest_outb(s, 0x21, 0x5a);
    pic = qtest_hmp(s, "info pic");
    g_assert_nonnull(strstr(pic, "pic0: irr=00 imr=5a"));
    g_assert_nonnull(strstr(pic, "pin 23"));
    pit_mode2(11932);
    pit = qtest_hmp(s, "info pit");
    g_assert_nonnull(strstr(pit, "owed=0"));
    qtest_quit(s);
}

static void nmi_needs_somebody_to_interrupt(void)
{
    g_autofree char *said = NULL;

    start("");
    said = qtest_hmp(s, "nmi");
    g_assert_nonnull(strstr(said, "-accel kvm"));
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/irqchip/pit", pit_ticks_on_line_0);
    g_test_add_func("/irqchip/pit-in-a-thread", pit_in_a_thread_of_its_own_ticks_alike);
    g_test_add_func("/irqchip/speaker-port", speaker_port_gates_and_shows_counter_2);
    g_test_add_func("/irqchip/pic", pic_requests_show_in_irr_and_poll);
    g_test_add_func("/irqchip/elcr", elcr_and_masks_read_back);
    g_test_add_func("/irqchip/ioapic", ioapic_identity_and_entries);
    g_test_add_func("/irqchip/hpet-legacy", hpet_takes_line_0_from_the_pit_and_gives_it_back);
    g_test_add_func("/irqchip/hpet-in-a-thread", hpet_in_a_thread_of_its_own_ticks_alike);
    g_test_add_func("/irqchip/hpet-off", hpet_can_be_left_out);
    g_test_add_func("/irqchip/info", info_pic_and_info_pit);
    g_test_add_func("/irqchip/nmi", nmi_needs_somebody_to_interrupt);
    return g_test_run();
}
