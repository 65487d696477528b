/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SMBus controllers of ICH9 (data sheet, chapter 20) and PIIX4 (82371AB data sheet, 7.3), and
 * the memory modules' EEPROMs behind them. */
#include "libqtest.h"
#include "pci.h"

#include <string.h>

#define BASE 0x700

enum { STS = 0, CNT = 2, CMD = 3, ADDR = 4, D0 = 5, D1 = 6, BLOCK = 7, PEC = 8, SLVA = 9 };
enum { AUX_STS = 12, AUX_CTL = 13, PIN_CTL = 14, SLV_CMD = 17 };
enum { BUSY = 1, INTR = 2, DEV_ERR = 4, FAILED = 0x10, INUSE = 0x40, BYTE_DONE = 0x80 };
enum { QUICK = 0, BYTE = 1, BYTE_DATA = 2, WORD = 3, CALL = 4, BLOCK_CMD = 5, I2C_READ = 6 };
enum { BLOCK_CALL = 7 };
enum { INTREN = 1, KILL = 2, LAST_BYTE = 0x20, START = 0x40, PEC_EN = 0x80 };
enum { AAC = 1, E32B = 2 };
enum { EEPROM = 0x50, NOBODY = 0x33 };

static QTestState *s;
static QPCIBus *bus;
static QPCIDevice *dev;
static bool ich;

static void enable(void)
{
    if (ich) {
        dev = qpci_device_at(bus, 0, QPCI_DEVFN(0x1f, 3));
        g_assert_nonnull(dev);
        qpci_config_writel(dev, 0x20, BASE);
        qpci_config_writew(dev, 4, 1);
        qpci_config_writeb(dev, 0x40, 1);
    } else {
        dev = qpci_device_at(bus, 0, QPCI_DEVFN(1, 3));
        g_assert_nonnull(dev);
        qpci_config_writel(dev, 0x90, BASE | 1);
        qpci_config_writeb(dev, 0xd2, 9); /* enabled, IRQ 9 */
    }
}

static void start_with(bool on_q35, const char *more)
{
    ich = on_q35;
    s = qtest_initf("-machine %s -nodefaults -m 384 %s", ich ? "q35" : "pc", more);
    bus = qpci_new(s);
    enable();
}

static void start(bool on_q35)
{
    start_with(on_q35, "");
}

static void stop(void)
{
    qpci_device_free(dev);
    qpci_free(bus);
    qtest_quit(s);
}

static uint8_t rd(unsigned reg)
{
    return qtest_inb(s, (uint16_t)(BASE + reg));
}

static void wr(unsigned reg, unsigned val)
{
    qtest_outb(s, (uint16_t)(BASE + reg), (uint8_t)val);
}

/* Status without the semaphore, which is set by reading. */
static uint8_t status(void)
{
    return rd(STS) & (uint8_t)~INUSE;
}

static uint8_t run(unsigned protocol, unsigned address, bool read, unsigned cmd, unsigned more)
{
    uint8_t got;

    wr(STS, 0x1e);
    wr(ADDR, address << 1 | read);
    wr(CMD, cmd);
    wr(CNT, protocol << 2 | START | more);
    got = status();
    wr(STS, 0x1e);
    return got;
}

static uint8_t read_eeprom(unsigned address, unsigned at)
{
    g_assert_cmphex(run(BYTE_DATA, address, true, at, 0), ==, INTR);
    return rd(D0);
}

static void for_both(void (*fn)(void))
{
    for (unsigned n = 0; n < 2; n++) {
        start(n);
        fn();
        stop();
    }
}

/* --- registers ------------------------------------------------------------------------------- */

static void check_registers(void)
{
    g_assert_cmphex(status(), ==, 0);
    wr(CMD, 0x12);
    wr(ADDR, 0x34);
    wr(D0, 0x56);
    wr(D1, 0x78);
    g_assert_cmphex(rd(CMD), ==, 0x12);
    g_assert_cmphex(rd(ADDR), ==, 0x34);
    g_assert_cmphex(rd(D0), ==, 0x56);
    g_assert_cmphex(rd(D1), ==, 0x78);
    wr(CNT, 0x3d); /* START reads 0; bit 5 is ICH9's only */
    g_assert_cmphex(rd(CNT), ==, ich ? 0x3d : 0x1d);
    wr(CNT, 0xff & ~START & ~KILL);
    g_assert_cmphex(rd(CNT), ==, ich ? 0xbd : 0x1d);
    wr(CNT, 0);
    g_assert_cmphex(qtest_inw(s, BASE + D0), ==, 0x7856);
    if (!ich) {
        return;
    }
    g_assert_cmphex(rd(SLVA), ==, 0x44);
    wr(SLVA, 0xff);
    g_assert_cmphex(rd(SLVA), ==, 0x7f);
    wr(AUX_CTL, 0xff);
    g_assert_cmphex(rd(AUX_CTL), ==, AAC | E32B);
    wr(AUX_CTL, 0);
    g_assert_cmphex(rd(PIN_CTL), ==, 7);
    wr(PIN_CTL, 0);
    g_assert_cmphex(rd(PIN_CTL), ==, 3);
    wr(SLV_CMD, 0xff);
    g_assert_cmphex(rd(SLV_CMD), ==, 7);
    wr(PEC, 0xa5);
    g_assert_cmphex(rd(PEC), ==, 0xa5);
}

static void test_registers(void)
{
    for_both(check_registers);
}

/* INUSE_STS: the first read after it was cleared gives 0 to whoever has the controller then. */
static void test_inuse(void)
{
    start(true);
    g_assert_cmphex(rd(STS), ==, 0);
    g_assert_cmphex(rd(STS), ==, INUSE);
    g_assert_cmphex(rd(STS), ==, INUSE);
    wr(STS, INUSE);
    g_assert_cmphex(rd(STS), ==, 0);
    stop();
    start(false);
    g_assert_cmphex(rd(STS), ==, 0);
    g_assert_cmphex(rd(STS), ==, 0);
    stop();
}

/* HST_EN off: nothing starts (ICH9), or nothing is there (PIIX4); SSRESET (ICH9) sets all back. */
static void check_enable(void)
{
    qpci_config_writeb(dev, ich ? 0x40 : 0xd2, 0);
    wr(ADDR, EEPROM << 1 | 1);
    wr(CNT, BYTE_DATA << 2 | START);
    g_assert_cmphex(status(), ==, ich ? 0 : (uint8_t)~INUSE);
    qpci_config_writeb(dev, ich ? 0x40 : 0xd2, 1);
    g_assert_cmphex(run(QUICK, EEPROM, false, 0, 0), ==, INTR);
    if (ich) {
        wr(D0, 0x77);
        qpci_config_writeb(dev, 0x40, 9);
        g_assert_cmphex(qpci_config_readb(dev, 0x40), ==, 1);
        g_assert_cmphex(rd(D0), ==, 0);
        g_assert_cmphex(run(QUICK, EEPROM, false, 0, 0), ==, INTR);
    }
}

static void test_enable(void)
{
    for_both(check_enable);
}

/* --- protocols ------------------------------------------------------------------------------- */

static void check_protocols(void)
{
    /* Somebody is at the modules' addresses (256 and 128 MiB) and at no other. */
    for (unsigned a = 0; a < 128; a++) {
        g_assert_cmphex(run(QUICK, a, a & 1, 0, 0), ==, a == 0x50 || a == 0x51 ? INTR : DEV_ERR);
    }
    /* Byte data: writes and reads. */
    wr(D0, 0x5a);
    g_assert_cmphex(run(BYTE_DATA, EEPROM, false, 200, 0), ==, INTR);
    g_assert_cmphex(read_eeprom(EEPROM, 200), ==, 0x5a);
    g_assert_cmphex(read_eeprom(EEPROM + 1, 200), ==, 0);
    /* Word data: low byte first. */
    wr(D0, 0x11);
    wr(D1, 0x22);
    g_assert_cmphex(run(WORD, EEPROM, false, 210, 0), ==, INTR);
    wr(D0, 0);
    wr(D1, 0);
    g_assert_cmphex(run(WORD, EEPROM, true, 210, 0), ==, INTR);
    g_assert_cmphex(rd(D0), ==, 0x11);
    g_assert_cmphex(rd(D1), ==, 0x22);
    /* Send byte sets the pointer, receive byte reads on from there. */
    g_assert_cmphex(run(BYTE, EEPROM, false, 210, 0), ==, INTR);
    g_assert_cmphex(run(BYTE, EEPROM, true, 0, 0), ==, INTR);
    g_assert_cmphex(rd(D0), ==, 0x11);
    g_assert_cmphex(run(BYTE, EEPROM, true, 0, 0), ==, INTR);
    g_assert_cmphex(rd(D0), ==, 0x22);
    /* The pointer wraps at the end. */
    wr(D0, 0xee);
    g_assert_cmphex(run(BYTE_DATA, EEPROM, false, 255, 0), ==, INTR);
    g_assert_cmphex(run(WORD, EEPROM, true, 255, 0), ==, INTR);
    g_assert_cmphex(rd(D0), ==, 0xee);
    g_assert_cmphex(rd(D1), ==, 128);
    /* Nobody there. */
    for (unsigned p = QUICK; p <= BLOCK_CALL; p++) {
        g_assert_cmphex(run(p, NOBODY, false, 0, 0), ==, DEV_ERR);
        g_assert_cmphex(run(p, NOBODY, true, 0, 0), ==, DEV_ERR);
    }
    /* A reset brings back what the modules had. */
    qtest_system_reset(s);
    qpci_device_free(dev);
    enable();
    g_assert_cmphex(read_eeprom(EEPROM, 200), ==, 0);
}

static void test_protocols(void)
{
    for_both(check_protocols);
}

/* A process call writes a word and reads one; reserved on PIIX4, like the two last ones. */
static void check_process_call(void)
{
    wr(D0, 0x34);
    wr(D1, 0x12);
    g_assert_cmphex(run(CALL, EEPROM, false, 100, 0), ==, ich ? INTR : DEV_ERR);
    g_assert_cmphex(read_eeprom(EEPROM, 100), ==, ich ? 0x34 : 0);
    if (!ich) {
        g_assert_cmphex(run(I2C_READ, EEPROM, true, 0, 0), ==, DEV_ERR);
        g_assert_cmphex(run(BLOCK_CALL, EEPROM, true, 0, 0), ==, DEV_ERR);
    }
}

static void test_process_call(void)
{
    for_both(check_process_call);
}

/* Blocks through the 32-byte buffer, whose index a read of the control register sets back. */
static void check_buffer(void)
{
    if (ich) {
        wr(AUX_CTL, E32B);
    }
    rd(CNT);
    for (unsigned n = 0; n < 32; n++) {
        wr(BLOCK, 0xa0 + n);
    }
    wr(D0, 32);
    g_assert_cmphex(run(BLOCK_CMD, EEPROM, false, 128, 0), ==, INTR);
    g_assert_cmphex(read_eeprom(EEPROM, 128), ==, 32); /* the count is a byte on the wire */
    g_assert_cmphex(read_eeprom(EEPROM, 129), ==, 0xa0);
    g_assert_cmphex(read_eeprom(EEPROM, 160), ==, 0xbf);
    rd(CNT);
    for (unsigned n = 0; n < 32; n++) {
        wr(BLOCK, 0);
    }
    wr(D0, 7);
    g_assert_cmphex(run(BLOCK_CMD, EEPROM, true, 128, 0), ==, INTR);
    g_assert_cmphex(rd(D0), ==, 32); /* the device's */
    rd(CNT);
    for (unsigned n = 0; n < 32; n++) {
        g_assert_cmphex(rd(BLOCK), ==, 0xa0 + n);
    }
    g_assert_cmphex(rd(BLOCK), ==, 0xa0); /* around */
    rd(CNT);
    g_assert_cmphex(rd(BLOCK), ==, 0xa0);
    /* 1 to 32 bytes. */
    for (unsigned n = 0; n < 2; n++) {
        wr(D0, n ? 33 : 0);
        g_assert_cmphex(run(BLOCK_CMD, EEPROM, false, 60, 0), ==, DEV_ERR);
        wr(D0, n ? 33 : 0);
        g_assert_cmphex(run(BYTE_DATA, EEPROM, false, 60, 0), ==, INTR);
        g_assert_cmphex(run(BLOCK_CMD, EEPROM, true, 60, 0), ==, DEV_ERR);
    }
    if (ich) {
        /* Block process call: the EEPROM takes "2 7 8" at 100 and then gives what is behind. */
        wr(D0, 2);
        g_assert_cmphex(run(BYTE_DATA, EEPROM, false, 103, 0), ==, INTR);
        wr(D0, 0x66);
        g_assert_cmphex(run(BYTE_DATA, EEPROM, false, 104, 0), ==, INTR);
        rd(CNT);
        wr(BLOCK, 7);
        wr(BLOCK, 8);
        wr(D0, 2);
        g_assert_cmphex(run(BLOCK_CALL, EEPROM, false, 100, 0), ==, INTR);
        g_assert_cmphex(rd(D0), ==, 2);
        rd(CNT);
        g_assert_cmphex(rd(BLOCK), ==, 0x66);
        g_assert_cmphex(read_eeprom(EEPROM, 102), ==, 8);
    }
}

static void test_buffer(void)
{
    for_both(check_buffer);
}

/* Without E32B: BYTE_DONE for each byte, also the last; the end comes when that was taken: n + 1
 * interrupts for n bytes. */
static void test_byte_by_byte(void)
{
    start(true);
    wr(STS, 0xff);
    wr(D0, 3);
    wr(BLOCK, 0x31);
    wr(ADDR, EEPROM << 1);
    wr(CMD, 40);
    wr(CNT, BLOCK_CMD << 2 | START);
    for (unsigned n = 0; n < 3; n++) {
        g_assert_cmphex(status(), ==, BYTE_DONE | BUSY);
        wr(BLOCK, 0x32 + n);
        wr(STS, BYTE_DONE);
    }
    g_assert_cmphex(status(), ==, INTR);
    wr(STS, INTR);
    g_assert_cmphex(status(), ==, 0);
    g_assert_cmphex(read_eeprom(EEPROM, 40), ==, 3);
    g_assert_cmphex(read_eeprom(EEPROM, 43), ==, 0x33);

    wr(ADDR, EEPROM << 1 | 1);
    wr(CMD, 40);
    wr(CNT, BLOCK_CMD << 2 | START);
    g_assert_cmphex(rd(D0), ==, 3);
    for (unsigned n = 0; n < 3; n++) {
        g_assert_cmphex(status(), ==, BYTE_DONE | BUSY);
        g_assert_cmphex(rd(BLOCK), ==, 0x31 + n);
        if (n == 1) {
            wr(CNT, BLOCK_CMD << 2 | LAST_BYTE); /* what software says of the last byte */
        }
        wr(STS, BYTE_DONE);
    }
    g_assert_cmphex(status(), ==, INTR);
    wr(STS, INTR);

    /* LAST_BYTE ends it early. */
    wr(CNT, BLOCK_CMD << 2 | START | LAST_BYTE);
    g_assert_cmphex(status(), ==, BYTE_DONE | BUSY);
    wr(STS, BYTE_DONE);
    g_assert_cmphex(status(), ==, INTR);
    wr(STS, INTR);

    /* I2C read: as long as software wants, from the offset in D1. */
    wr(ADDR, EEPROM << 1);
    wr(D1, 41);
    wr(CNT, I2C_READ << 2 | START);
    for (unsigned n = 0; n < 100; n++) {
        g_assert_cmphex(status(), ==, BYTE_DONE | BUSY);
        if (n < 3) {
            g_assert_cmphex(rd(BLOCK), ==, 0x31 + n);
        }
        wr(STS, BYTE_DONE);
    }
    wr(CNT, I2C_READ << 2 | LAST_BYTE);
    wr(STS, BYTE_DONE);
    wr(STS, BYTE_DONE);
    g_assert_cmphex(status(), ==, INTR);
    stop();
}

/* KILL ends what is under way with FAILED, and nothing starts until it is cleared. */
static void test_kill(void)
{
    start(true);
    wr(STS, 0xff);
    wr(D0, 5);
    wr(ADDR, EEPROM << 1);
    wr(CNT, BLOCK_CMD << 2 | START);
    g_assert_cmphex(status(), ==, BYTE_DONE | BUSY);
    wr(CNT, BLOCK_CMD << 2 | START); /* one at a time */
    wr(CNT, BLOCK_CMD << 2 | KILL);
    g_assert_cmphex(status(), ==, BYTE_DONE | FAILED);
    wr(STS, BYTE_DONE | FAILED);
    g_assert_cmphex(status(), ==, 0);
    wr(CNT, QUICK << 2 | START | KILL);
    g_assert_cmphex(status(), ==, 0);
    g_assert_cmphex(run(QUICK, EEPROM, false, 0, 0), ==, INTR);
    stop();
}

/* PEC: with AAC the controller checks the byte behind a message, and CRCE comes with DEV_ERR. The
 * EEPROM knows no PEC: it takes it as data, and gives its next byte as one. */
static void test_pec(void)
{
    uint8_t crc;

    start(true);
    wr(AUX_CTL, AAC);
    wr(D0, 0x5a);
    g_assert_cmphex(run(BYTE_DATA, EEPROM, false, 90, PEC_EN), ==, INTR);
    crc = rd(PEC);
    g_assert_cmphex(crc, ==, 0x47); /* of a0 5a 5a */
    wr(AUX_CTL, 0);
    g_assert_cmphex(read_eeprom(EEPROM, 91), ==, crc);
    wr(AUX_CTL, AAC);
    g_assert_cmphex(run(BYTE_DATA, EEPROM, true, 90, PEC_EN), ==, DEV_ERR);
    g_assert_cmphex(rd(PEC), ==, crc);
    g_assert_cmphex(rd(AUX_STS), ==, 1);
    wr(AUX_STS, 1);
    g_assert_cmphex(rd(AUX_STS), ==, 0);
    /* Without AAC software makes and checks it. */
    wr(AUX_CTL, 0);
    wr(PEC, 0x99);
    wr(D0, 0x5b);
    g_assert_cmphex(run(BYTE_DATA, EEPROM, false, 92, PEC_EN), ==, INTR);
    g_assert_cmphex(run(BYTE_DATA, EEPROM, true, 92, PEC_EN), ==, INTR);
    g_assert_cmphex(rd(PEC), ==, 0x99);
    stop();
}

/* --- interrupts ------------------------------------------------------------------------------ */

static void check_interrupt(void)
{
    unsigned gsi = ich ? 16 : 9; /* INTA# of slot 31; IRQ 9 by INTRSEL */

    if (ich) {
        /* Which of PIRQ A to H it is, is the chipset's: any of them. */
        qtest_irq_intercept_in(s, "/machine/q35/ioapic");
    } else {
        qpci_config_writeb(dev, 0xd2, 9);
        qtest_irq_intercept_in(s, "/machine/i440fx/ioapic");
    }
    wr(STS, 0xff);
    wr(ADDR, EEPROM << 1);
    wr(CNT, QUICK << 2 | START); /* not enabled */
    for (unsigned n = gsi; n < (ich ? 24 : gsi + 1); n++) {
        g_assert_false(qtest_get_irq(s, n));
    }
    for (unsigned fail = 0; fail < 2; fail++) {
        unsigned up = 0;

        wr(STS, 0xff);
        wr(ADDR, (fail ? NOBODY : EEPROM) << 1);
        wr(CNT, QUICK << 2 | START | INTREN);
        for (unsigned n = gsi; n < (ich ? 24 : gsi + 1); n++) {
            up += qtest_get_irq(s, n);
        }
        g_assert_cmpuint(up, ==, 1);
        wr(STS, fail ? DEV_ERR : INTR);
        for (unsigned n = gsi; n < (ich ? 24 : gsi + 1); n++) {
            g_assert_false(qtest_get_irq(s, n));
        }
    }
}

static void test_interrupt(void)
{
    for_both(check_interrupt);
}

/* --- modules --------------------------------------------------------------------------------- */

static void check_spd(unsigned address, unsigned mib)
{
    uint8_t spd[64], sum = 0;
    uint64_t size;

    for (unsigned n = 0; n < 64; n++) {
        spd[n] = read_eeprom(address, n);
        sum = (uint8_t)(sum + (n < 63 ? spd[n] : 0));
    }
    g_assert_cmphex(spd[2], ==, 8); /* DDR2 */
    g_assert_cmphex(spd[63], ==, sum);
    size = (UINT64_C(1) << (spd[3] + spd[4])) * spd[17] * 8 * ((spd[5] & 7u) + 1);
    g_assert_cmpuint(size, ==, (uint64_t)mib << 20);
    g_assert_cmphex(spd[31], ==, mib < 1024 ? mib / 128 << 5 : mib / 1024);
}

static void test_spd(void)
{
    for (unsigned q35 = 0; q35 < 2; q35++) {
        start(q35);
        check_spd(0x50, 256);
        check_spd(0x51, 128);
        stop();
        start_with(q35, "-m 3584");
        check_spd(0x50, 2048);
        check_spd(0x51, 1024);
        check_spd(0x52, 512);
        g_assert_cmphex(run(QUICK, 0x53, false, 0, 0), ==, DEV_ERR);
        stop();
    }
}

static void test_off(void)
{
    QTestState *q = qtest_init("-machine q35,smbus=off -nodefaults");
    QPCIBus *b = qpci_new(q);

    g_assert_null(qpci_device_at(b, 0, QPCI_DEVFN(0x1f, 3)));
    qpci_free(b);
    qtest_quit(q);
    s = q = qtest_init("-machine pc,smbus=off -nodefaults");
    b = qpci_new(q);
    dev = qpci_device_at(b, 0, QPCI_DEVFN(1, 3));
    qpci_config_writel(dev, 0x90, BASE | 1);
    qpci_config_writeb(dev, 0xd2, 9);
    g_assert_cmphex(rd(CNT), ==, 0xff);
    qpci_device_free(dev);
    qpci_free(b);
    qtest_quit(q);
}

/* Random accesses: it works afterwards. */
static void check_random(void)
{
    GRand *rand = g_rand_new_with_seed(7);

    for (unsigned n = 0; n < 4000; n++) {
        unsigned reg = (unsigned)g_rand_int_range(rand, 0, ich ? 32 : 16);

        wr(reg, g_rand_int(rand));
        rd((unsigned)g_rand_int_range(rand, 0, ich ? 32 : 16));
    }
    wr(CNT, KILL);
    wr(STS, 0xff);
    wr(CNT, 0);
    wr(AUX_CTL, 0);
    g_assert_cmphex(run(QUICK, EEPROM, false, 0, 0), ==, INTR);
    g_rand_free(rand);
}

static void test_random(void)
{
    for_both(check_random);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smbus/registers", test_registers);
    g_test_add_func("/smbus/inuse", test_inuse);
    g_test_add_func("/smbus/enable", test_enable);
    g_test_add_func("/smbus/protocols", test_protocols);
    g_test_add_func("/smbus/process-call", test_process_call);
    g_test_add_func("/smbus/buffer", test_buffer);
    g_test_add_func("/smbus/byte-by-byte", test_byte_by_byte);
    g_test_add_func("/smbus/kill", test_kill);
    g_test_add_func("/smbus/pec", test_pec);
    g_test_add_func("/smbus/interrupt", test_interrupt);
    g_test_add_func("/smbus/spd", test_spd);
    g_test_add_func("/smbus/off", test_off);
    g_test_add_func("/smbus/random", test_random);
    return g_test_run();
}
