/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floppy controller: the rules of the 82077AA's data sheet. */
#include "fdc-driver.h"

#include <string.h>

/* --- reset, status ---------------------------------------------------------------------------- */

static void test_reset(void)
{
    fdc_start();
    g_assert_cmphex(qtest_inb(s, DOR), ==, 0x0c);
    g_assert_cmphex(fdc_msr(), ==, RQM);
    qtest_outb(s, DOR, 0x08);
    g_assert_cmphex(fdc_msr(), ==, 0); /* held in reset */
    g_assert_false(qtest_get_irq(s, IRQ));
    qtest_outb(s, FIFO, 0x10); /* nobody listens */
    qtest_outb(s, DOR, 0x0c);
    g_assert_true(qtest_get_irq(s, IRQ));
    fdc_sense("c0 00");
    g_assert_false(qtest_get_irq(s, IRQ));
    fdc_sense("c1 00");
    fdc_sense("c2 00");
    fdc_sense("c3 00");
    fdc_sense("80");          /* nothing is pending: an invalid command */
    qtest_outb(s, DSR, 0x80); /* the same by DSR, which clears the bit itself */
    g_assert_true(qtest_get_irq(s, IRQ));
    g_assert_cmphex(fdc_msr(), ==, RQM);
    fdc_sense("c0 00");
    /* a reset in the middle of a command */
    SEND(0x46, 0, 0);
    g_assert_cmphex(fdc_msr(), ==, RQM | BUSY);
    fdc_reset_chip();
    SEND(0x10);
    fdc_expect("90");
    fdc_stop();
}

static void test_dmagate_gates_interrupt(void)
{
    fdc_start();
    qtest_outb(s, DOR, 0x00);
    qtest_outb(s, DOR, 0x04);
    g_assert_false(qtest_get_irq(s, IRQ));
    qtest_outb(s, DOR, 0x0c);
    g_assert_true(qtest_get_irq(s, IRQ));
    fdc_stop();
}

static void test_powerdown(void)
{
    fdc_start();
    qtest_outb(s, DSR, 0x40);
    g_assert_cmphex(fdc_msr(), ==, 0);
    qtest_outb(s, FIFO, 0x10);
    fdc_reset_chip(); /* wakes it */
    SEND(0x10);
    fdc_expect("90");
    fdc_stop();
}

static void test_registers(void)
{
    fdc_start();
    qtest_outb(s, TDR, 0xff);
    g_assert_cmphex(qtest_inb(s, TDR), ==, 3);
    qtest_outb(s, DOR, 0x3d);
    g_assert_cmphex(qtest_inb(s, DOR), ==, 0x3d);
    g_assert_cmphex(qtest_inb(s, SRB), ==, 0xe3); /* motors 0 and 1, drive 1 */
    g_assert_cmphex(qtest_inb(s, 0x3f0), ==, 0xff);
    fdc_stop();
}

static void test_invalid_command(void)
{
    static const uint8_t codes[] = {0x00, 0x01, 0x0b, 0x1a, 0x1f, 0x28, 0x30, 0x53, 0xff};

    fdc_start();
    for (unsigned n = 0; n < sizeof(codes); n++) {
        fdc_send(codes[n]);
        fdc_expect("80");
        g_assert_false(qtest_get_irq(s, IRQ));
    }
    fdc_stop();
}

/* --- commands without data -------------------------------------------------------------------- */

static void test_version_and_part(void)
{
    fdc_start();
    SEND(0x10);
    g_assert_cmphex(fdc_msr(), ==, RQM | DIO | BUSY);
    fdc_expect("90");
    SEND(0x18);
    fdc_expect("41");
    fdc_stop();
}

static void test_specify_configure_dumpreg(void)
{
    fdc_start();
    SEND(0x0e);
    fdc_expect("00 00 00 00 00 00 00 00 20 00");
    SEND(0x03, 0xaf, 0x02);
    SEND(0x13, 0, 0x57, 0x0a);
    SEND(0x12, 0x86); /* perpendicular: drive 0, WGATE */
    SEND(0x0e);
    fdc_expect("00 00 00 00 af 02 00 06 57 0a");
    SEND(0x12, 0x3d); /* without OW only GAP and WGATE change */
    SEND(0x0e);
    fdc_expect("00 00 00 00 af 02 00 05 57 0a");
    /* a software reset keeps SPECIFY's values and the drives' perpendicular bits */
    fdc_reset_chip();
    SEND(0x0e);
    fdc_expect("00 00 00 00 af 02 00 04 20 00");
    fdc_stop();
}

static void test_lock(void)
{
    fdc_start();
    SEND(0x13, 0, 0x57, 0x0a);
    SEND(0x94);
    fdc_expect("10");
    fdc_reset_chip();
    SEND(0x0e);
    fdc_expect("00 00 00 00 00 00 00 80 07 0a"); /* EFIFO, FIFOTHR and PRETRK are kept */
    SEND(0x14);
    fdc_expect("00");
    fdc_reset_chip();
    SEND(0x0e);
    fdc_expect("00 00 00 00 00 00 00 00 20 00");
    SEND(0x94);
    fdc_expect("10");
    qtest_system_reset(s); /* a hardware reset unlocks */
    SEND(0x0e);
    fdc_expect("00 00 00 00 00 00 00 00 20 00");
    fdc_stop();
}

static void test_powerdown_mode_option_drive_specification(void)
{
    fdc_start();
    SEND(0x17, 0x05);
    fdc_expect("05");
    SEND(0x33, 0x01);
    SEND(0x8e, 0x05, 0x2a, 0x80);
    fdc_expect("05 0a 00 00");
    SEND(0x8e, 0x16, 0xc0); /* no result wanted */
    SEND(0x8e, 0x80);
    fdc_expect("16 0a 00 00");
    fdc_stop();
}

static void test_save_restore(void)
{
    fdc_start();
    SEND(0x03, 0xaf, 0x02);
    SEND(0x13, 0, 0x57, 0x0a);
    SEND(0x2e);
    fdc_expect("00 00 00 00 00 00 af 02 00 00 57 0a 00 00 00 00");
    SEND(0x4e, 1, 1, 1, 2, 3, 4, 0x11, 0x22, 0x12, 0x80, 0x23, 0x05, 0x01, 0, 0, 0);
    SEND(0x0e);
    fdc_expect("01 02 03 04 11 22 12 80 23 05");
    fdc_stop();
}

static void test_seek_and_recalibrate(void)
{
    fdc_start();
    fdc_reset_chip();
    SEND(0x0f, 0, 40);
    g_assert_true(qtest_get_irq(s, IRQ));
    fdc_sense("20 28");
    g_assert_false(qtest_get_irq(s, IRQ));
    SEND(0x04, 0x04);
    fdc_expect("2c"); /* not at track 0; head 1 */
    SEND(0x07, 0);
    fdc_sense("20 00");
    SEND(0x04, 0x00);
    fdc_expect("38");
    /* 79 steps do not reach track 0 from beyond track 79 */
    fdc_seek(0, 82);
    SEND(0x07, 0);
    fdc_sense("70 00");
    SEND(0x07, 0);
    fdc_sense("20 00");
    /* where there is no drive, track 0 is never seen */
    SEND(0x07, 1);
    fdc_sense("71 00");
    SEND(0x04, 1);
    fdc_expect("29");
    fdc_stop();
}

static void test_relative_seek(void)
{
    fdc_start();
    fdc_reset_chip();
    SEND(0xcf, 0, 5);
    fdc_sense("20 05");
    SEND(0x8f, 0, 2);
    fdc_sense("20 03");
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ | MFM, 3, 0, 1, 18);
    fdc_expect("00 00 00 03 00 02 02");
    fdc_expect_memory(0, fdc_lba(3, 0, 1));
    fdc_stop();
}

static void test_overlapped_seeks(void)
{
    fdc_start();
    fdc_reset_chip();
    SEND(0x0f, 0, 4);
    SEND(0x0f, 1, 7);
    g_assert_true(qtest_get_irq(s, IRQ));
    fdc_sense("20 04");
    g_assert_true(qtest_get_irq(s, IRQ)); /* the other one's */
    fdc_sense("21 07");
    g_assert_false(qtest_get_irq(s, IRQ));
    fdc_stop();
}

static void test_read_id(void)
{
    fdc_start();
    fdc_reset_chip();
    fdc_seek(0, 5);
    SEND(0x4a, 4);
    fdc_wait_ready();
    g_assert_true(qtest_get_irq(s, IRQ));
    g_assert_cmphex(qtest_inb(s, FIFO), ==, 0x04);
    g_assert_false(qtest_get_irq(s, IRQ)); /* the first result byte takes it back */
    fdc_expect("00 00 05 01 01 02");
    SEND(0x4a, 4);
    fdc_expect("04 00 00 05 01 02 02"); /* the next sector comes by */
    SEND(0x0a, 0);                      /* FM */
    fdc_expect("40 01 00 05 00 00 02");
    SEND(0x4a, 1); /* no drive */
    fdc_expect("41 01 00 00 00 00 02");
    fdc_stop();
}

/* --- reading ---------------------------------------------------------------------------------- */

static void test_read_until_terminal_count(void)
{
    fdc_start();
    fdc_reset_chip();
    fdc_dma(TO_MEMORY, 2 * SECTOR);
    fdc_data_command(READ | MFM, 0, 0, 3, 18);
    fdc_wait_ready();
    g_assert_true(qtest_get_irq(s, IRQ));
    fdc_expect("00 00 00 00 00 05 02");
    g_assert_false(qtest_get_irq(s, IRQ));
    fdc_expect_memory(0, fdc_lba(0, 0, 3));
    fdc_expect_memory(1, fdc_lba(0, 0, 4));
    /* the last sector of a track: the next cylinder's first */
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ | MFM, 0, 1, 18, 18);
    fdc_expect("04 00 00 01 01 01 02");
    fdc_expect_memory(0, fdc_lba(0, 1, 18));
    /* terminal count in the middle of a sector */
    fdc_set_memory(0, 0xee, SECTOR);
    fdc_dma(TO_MEMORY, 100);
    fdc_data_command(READ | MFM, 0, 0, 1, 18);
    fdc_expect("00 00 00 00 00 02 02");
    g_assert_cmphex(qtest_readb(s, DMA_BUFFER + 99), ==, 1);
    g_assert_cmphex(qtest_readb(s, DMA_BUFFER + 100), ==, 0xee);
    fdc_stop();
}

static void test_multitrack(void)
{
    fdc_start();
    fdc_reset_chip();
    fdc_dma(TO_MEMORY, 36 * SECTOR);
    fdc_data_command(READ | MFM | MT, 0, 0, 1, 18);
    fdc_expect("04 00 00 01 00 01 02");
    for (unsigned n = 0; n < 36; n++) {
        fdc_expect_memory(n, n);
    }
    fdc_dma(TO_MEMORY, 18 * SECTOR);
    fdc_data_command(READ | MFM | MT, 0, 0, 1, 18);
    fdc_expect("00 00 00 00 01 01 02"); /* goes on at head 1 */
    fdc_dma(TO_MEMORY, 20 * SECTOR);
    fdc_data_command(READ | MFM | MT, 0, 0, 17, 18);
    fdc_expect("04 00 00 01 00 01 02");
    fdc_expect_memory(0, 16);
    fdc_expect_memory(19, 35);
    fdc_stop();
}

static void test_end_of_cylinder(void)
{
    fdc_start();
    fdc_reset_chip();
    fdc_dma(TO_MEMORY, 4 * SECTOR);
    fdc_data_command(READ | MFM, 0, 0, 17, 18); /* two sectors, four were asked for */
    fdc_expect("40 80 00 01 00 01 02");
    fdc_expect_memory(1, fdc_lba(0, 0, 18));
    fdc_dma(TO_MEMORY, 40 * SECTOR);
    fdc_data_command(READ | MFM | MT, 0, 0, 1, 18);
    fdc_expect("44 80 00 01 00 01 02");
    fdc_stop();
}

static void test_no_data(void)
{
    fdc_start();
    fdc_reset_chip();
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ | MFM, 0, 0, 19, 19);
    fdc_expect("40 04 00 00 00 13 02");
    fdc_data_command(READ | MFM, 0, 0, 0, 18);
    fdc_expect("40 04 00 00 00 00 02");
    fdc_data_command(READ | MFM, 7, 0, 1, 18); /* the heads are elsewhere */
    fdc_expect("40 04 10 07 00 01 02");
    SEND(READ | MFM, 0, 0, 1, 1, 2, 18, 0x1b, 0xff); /* head in the ID is another */
    fdc_expect("40 04 00 00 01 01 02");
    SEND(READ | MFM, 0, 0, 0, 1, 3, 18, 0x1b, 0xff); /* 1024 bytes */
    fdc_expect("40 04 00 00 00 01 03");
    /* EOT behind the end of the track */
    fdc_dma(TO_MEMORY, 3 * SECTOR);
    fdc_data_command(READ | MFM, 0, 0, 18, 20);
    fdc_expect("40 04 00 00 00 13 02");
    /* EOT before R is never met */
    fdc_data_command(READ | MFM, 0, 0, 18, 2);
    fdc_expect("40 04 00 00 00 13 02");
    fdc_stop();
}

static void test_missing_address_mark(void)
{
    fdc_start();
    fdc_reset_chip();
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_seek(0, 81); /* no such track */
    fdc_data_command(READ | MFM, 81, 0, 1, 18);
    fdc_expect("40 01 00 51 00 01 02");
    fdc_seek(0, 0);
    qtest_outb(s, CCR, 2); /* another data rate */
    fdc_data_command(READ | MFM, 0, 0, 1, 18);
    fdc_expect("40 01 00 00 00 01 02");
    SEND(0x4a, 0);
    fdc_expect("40 01 00 00 00 00 02");
    qtest_outb(s, CCR, 0);
    fdc_data_command(READ, 0, 0, 1, 18); /* FM */
    fdc_expect("40 01 00 00 00 01 02");
    SEND(READ | MFM, 1, 0, 0, 1, 2, 18, 0x1b, 0xff); /* no drive */
    fdc_expect("41 01 00 00 00 01 02");
    SEND(READ | MFM, 3, 0, 0, 1, 2, 18, 0x1b, 0xff);
    fdc_expect("43 01 00 00 00 01 02");
    fdc_stop();
}

static void test_media_rate_is_not_checked(void)
{
    fdc_start_on("pc", 1440 * 1024, " -global isa-fdc.check_media_rate=off");
    fdc_reset_chip();
    qtest_outb(s, CCR, 2);
    SEND(0x4a, 0);
    fdc_expect("00 00 00 00 00 01 02");
    fdc_stop();
}

static void test_implied_seek(void)
{
    fdc_start();
    fdc_reset_chip();
    SEND(0x13, 0, 0x57, 0);
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ | MFM, 33, 0, 2, 18);
    fdc_expect("20 00 00 21 00 03 02");
    fdc_expect_memory(0, fdc_lba(33, 0, 2));
    SEND(0x0e);
    fdc_expect("21 00 00 00 00 00 12 00 57 00");
    fdc_stop();
}

static void test_pio(void)
{
    fdc_start();
    fdc_reset_chip();
    SEND(0x03, 0xaf, 0x03); /* ND */
    fdc_data_command(READ | MFM, 0, 0, 17, 18);
    fdc_wait_ready();
    g_assert_cmphex(fdc_msr(), ==, RQM | DIO | NONDMA | BUSY);
    g_assert_true(qtest_get_irq(s, IRQ));
    for (unsigned n = 0; n < 2 * SECTOR; n++) {
        uint8_t want[SECTOR];

        fdc_fill_sector(want, fdc_lba(0, 0, 17) + n / SECTOR);
        g_assert_cmphex(qtest_inb(s, FIFO), ==, want[n % SECTOR]);
    }
    fdc_expect("40 80 00 01 00 01 02"); /* there is no terminal count */
    fdc_data_command(WRITE | MFM, 0, 0, 18, 18);
    fdc_wait_ready();
    g_assert_cmphex(fdc_msr(), ==, RQM | NONDMA | BUSY);
    for (unsigned n = 0; n < SECTOR; n++) {
        qtest_outb(s, FIFO, 0x5a);
    }
    fdc_expect("40 80 00 01 00 01 02");
    SEND(0x03, 0xaf, 0x02);
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ | MFM, 0, 0, 18, 18);
    fdc_expect("00 00 00 01 00 01 02");
    g_assert_cmphex(qtest_readl(s, DMA_BUFFER + 508), ==, 0x5a5a5a5a);
    fdc_stop();
}

static void test_dma_may_be_late(void)
{
    fdc_start();
    fdc_reset_chip();
    fdc_program_dma(TO_MEMORY, SECTOR, false);
    fdc_data_command(READ | MFM, 0, 0, 2, 18);
    qtest_clock_step(s, 100 * G_GINT64_CONSTANT(1000000));
    g_assert_cmphex(fdc_msr(), ==, BUSY);
    qtest_outb(s, 0x0a, 2);
    for (unsigned n = 0; !(fdc_msr() & RQM); n++) {
        g_assert_cmpuint(n, <, 1000);
        qtest_clock_step(s, 1000000);
    }
    fdc_expect("00 00 00 00 00 03 02");
    fdc_expect_memory(0, fdc_lba(0, 0, 2));
    fdc_stop();
}

/* The ports on a thread of their own, the transfer in the main loop: both sides, late DMA. */
static void test_ports_in_an_iothread(void)
{
    image = fdc_make_image(1440 * 1024);
    s = qtest_initf("-machine q35 -nodefaults -object iothread,id=t -object "
                    "ioregionfd,id=r,iothread=t,device=f,region=fdc -device isa-fdc,id=f -blockdev "
                    "file,filename=%s,node-name=d0 -device floppy,drive=d0",
                    image);
    qtest_irq_intercept_in(s, "ioapic");
    fdc_reset_chip();
    for (unsigned round = 0; round < 5; round++) {
        fdc_program_dma(TO_MEMORY, 4 * SECTOR, false);
        fdc_data_command(READ | MFM | MT, 0, 0, 17, 18);
        qtest_clock_step(s, 50 * G_GINT64_CONSTANT(1000000));
        g_assert_cmphex(fdc_msr(), ==, BUSY);
        qtest_outb(s, 0x0a, 2);
        for (unsigned n = 0; !(fdc_msr() & RQM); n++) {
            g_assert_cmpuint(n, <, 1000);
            qtest_clock_step(s, 1000000);
        }
        fdc_expect("04 00 00 00 01 03 02");
        fdc_expect_memory(0, 16);
        fdc_expect_memory(3, 19);
    }
    fdc_stop();
}

static void test_overrun(void)
{
    fdc_start();
    fdc_reset_chip();
    fdc_program_dma(TO_MEMORY, SECTOR, false);
    fdc_data_command(READ | MFM, 0, 0, 2, 18);
    for (unsigned n = 0; !(fdc_msr() & RQM); n++) {
        g_assert_cmpuint(n, <, 1000);
        qtest_clock_step(s, 10 * G_GINT64_CONSTANT(1000000));
        g_usleep(20);
    }
    fdc_expect("40 10 00 00 00 02 02");
    fdc_stop();
}

static void test_read_track(void)
{
    fdc_start();
    fdc_reset_chip();
    fdc_dma(TO_MEMORY, 18 * SECTOR);
    fdc_data_command(READ_TRACK | MFM, 0, 1, 1, 18);
    fdc_expect("04 00 00 01 01 01 02");
    for (unsigned n = 0; n < 18; n++) {
        fdc_expect_memory(n, 18 + n);
    }
    fdc_dma(TO_MEMORY, 4 * SECTOR);
    fdc_data_command(READ_TRACK | MFM, 0, 0, 5,
                     18); /* from the index hole on; the ID was another */
    fdc_expect("00 04 00 00 00 05 02");
    fdc_expect_memory(0, 0);
    fdc_expect_memory(3, 3);
    fdc_stop();
}

/* --- writing ---------------------------------------------------------------------------------- */

static void test_write(void)
{
    uint8_t want[SECTOR];

    fdc_start();
    fdc_reset_chip();
    fdc_seek(0, 2);
    fdc_set_memory(0, 0xa1, SECTOR);
    fdc_set_memory(SECTOR, 0xa2, SECTOR);
    fdc_dma(FROM_MEMORY, 2 * SECTOR);
    fdc_data_command(WRITE | MFM | MT, 2, 0, 18, 18);
    fdc_expect("04 00 00 02 01 02 02");
    memset(want, 0xa1, SECTOR);
    fdc_expect_image(fdc_lba(2, 0, 18), want);
    memset(want, 0xa2, SECTOR);
    fdc_expect_image(fdc_lba(2, 1, 1), want);
    fdc_fill_sector(want, fdc_lba(2, 1, 2));
    fdc_expect_image(fdc_lba(2, 1, 2), want);
    /* terminal count in the middle: zeroes fill the sector */
    fdc_dma(FROM_MEMORY, 10);
    fdc_data_command(WRITE | MFM, 2, 0, 1, 18);
    fdc_expect("00 00 00 02 00 02 02");
    memset(want, 0, SECTOR);
    memset(want, 0xa1, 10);
    fdc_expect_image(fdc_lba(2, 0, 1), want);
    fdc_stop();
}

static void test_write_protected(void)
{
    fdc_start_on("pc", 1440 * 1024, ",readonly=on");
    fdc_reset_chip();
    SEND(0x04, 0);
    fdc_expect("78");
    fdc_dma(FROM_MEMORY, SECTOR);
    fdc_data_command(WRITE | MFM, 0, 0, 1, 18);
    fdc_expect("40 02 00 00 00 01 02");
    SEND(FORMAT | MFM, 0, 2, 18, 0x54, 0xf6);
    fdc_expect("40 02 00 00 00 00 02");
    fdc_stop();
}

static void test_deleted_data(void)
{
    fdc_start();
    fdc_reset_chip();
    fdc_dma(FROM_MEMORY, SECTOR);
    fdc_data_command(WRITE_DELETED | MFM, 0, 0, 2, 18);
    fdc_expect("00 00 00 00 00 03 02");
    /* read without SK: the sector comes with CM, and it is the last; the address stays */
    fdc_dma(TO_MEMORY, 3 * SECTOR);
    fdc_data_command(READ | MFM, 0, 0, 1, 18);
    fdc_expect("00 00 40 00 00 02 02");
    fdc_expect_memory(0, 0);
    /* with SK it is passed over */
    fdc_dma(TO_MEMORY, 2 * SECTOR);
    fdc_data_command(READ | MFM | SK, 0, 0, 1, 18);
    fdc_expect("00 00 40 00 00 04 02");
    fdc_expect_memory(0, 0);
    fdc_expect_memory(1, 2);
    /* READ DELETED DATA is the other way round */
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ_DELETED | MFM | SK, 0, 0, 1, 18);
    fdc_expect("00 00 40 00 00 03 02");
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ_DELETED | MFM, 0, 0, 3, 18);
    fdc_expect("00 00 40 00 00 03 02");
    fdc_expect_memory(0, 2);
    fdc_data_command(READ_DELETED | MFM | SK, 0, 0, 3, 18);
    fdc_expect("40 80 40 01 00 01 02");
    /* WRITE DATA makes it an ordinary one */
    fdc_dma(FROM_MEMORY, SECTOR);
    fdc_data_command(WRITE | MFM, 0, 0, 2, 18);
    fdc_expect("00 00 00 00 00 03 02");
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ | MFM, 0, 0, 2, 18);
    fdc_expect("00 00 00 00 00 03 02");
    fdc_stop();
}

static void format_ids(unsigned sectors, uint8_t c, uint8_t h, unsigned interleave)
{
    for (unsigned n = 0; n < sectors; n++) {
        qtest_writel(s, DMA_BUFFER + 4 * n,
                     c | h << 8 | (n * interleave % sectors + 1) << 16 | 2u << 24);
    }
    fdc_dma(FROM_MEMORY, 4 * sectors);
}

static void test_format(void)
{
    uint8_t want[SECTOR];

    fdc_start();
    fdc_reset_chip();
    fdc_seek(0, 9);
    format_ids(18, 9, 1, 5);
    SEND(FORMAT | MFM, 4, 2, 18, 0x54, 0xf6);
    fdc_expect("04 00 00 0a 01 01 02");
    memset(want, 0xf6, SECTOR);
    for (unsigned r = 1; r <= 18; r++) {
        fdc_expect_image(fdc_lba(9, 1, r), want);
    }
    fdc_fill_sector(want, fdc_lba(9, 0, 18));
    fdc_expect_image(fdc_lba(9, 0, 18), want);
    fdc_fill_sector(want, fdc_lba(10, 0, 1));
    fdc_expect_image(fdc_lba(10, 0, 1), want);
    /* what the image cannot hold */
    SEND(FORMAT | MFM, 4, 2, 9, 0x54, 0xf6);
    fdc_expect("44 04 00 09 01 00 02");
    format_ids(18, 9, 1, 2); /* some sectors twice */
    SEND(FORMAT | MFM, 4, 2, 18, 0x54, 0xe5);
    fdc_expect("44 04 00 09 01 00 02");
    format_ids(18, 8, 1, 1); /* another cylinder */
    SEND(FORMAT | MFM, 4, 2, 18, 0x54, 0xe5);
    fdc_expect("44 04 00 09 01 00 02");
    fdc_stop();
}

static void test_verify(void)
{
    fdc_start();
    fdc_reset_chip();
    fdc_data_command(VERIFY | MFM, 0, 0, 1, 18); /* up to EOT */
    fdc_expect("00 00 00 01 00 01 02");
    SEND(VERIFY | MFM, 0x80, 0, 0, 1, 2, 18, 0x1b, 5); /* five sectors */
    fdc_expect("00 00 00 00 00 06 02");
    SEND(VERIFY | MFM | MT, 0x80, 0, 0, 1, 2, 18, 0x1b, 36);
    fdc_expect("04 00 00 01 00 01 02");
    SEND(VERIFY | MFM, 0x80, 0, 0, 10, 2, 18, 0x1b, 10); /* nine are left */
    fdc_expect("40 80 00 01 00 01 02");
    fdc_data_command(VERIFY | MFM, 0, 0, 1, 19);
    fdc_expect("40 04 00 00 00 13 02");
    fdc_stop();
}

static void test_scan(void)
{
    fdc_start();
    fdc_reset_chip();
    for (unsigned n = 0; n < 3; n++) { /* what sector 3 of the track is made of */
        uint8_t sector[SECTOR];

        fdc_fill_sector(sector, 2);
        qtest_memwrite(s, DMA_BUFFER + n * SECTOR, sector, SECTOR);
    }
    fdc_dma(FROM_MEMORY, 18 * SECTOR);
    SEND(SCAN_EQUAL | MFM, 0, 0, 0, 1, 2, 18, 0x1b, 1);
    fdc_expect("00 00 08 00 00 03 02");
    fdc_dma(FROM_MEMORY, 18 * SECTOR);
    SEND(SCAN_EQUAL | MFM, 0, 0, 0, 1, 2, 18, 0x1b, 2); /* every other sector */
    fdc_expect("00 00 08 00 00 03 02");
    fdc_dma(FROM_MEMORY, 18 * SECTOR);
    SEND(SCAN_LOW | MFM, 0, 0, 0, 1, 2, 18, 0x1b, 1); /* the first is lower already */
    fdc_expect("00 00 00 00 00 01 02");
    fdc_dma(FROM_MEMORY, 18 * SECTOR);
    SEND(SCAN_HIGH | MFM, 0, 0, 0, 1, 2, 18, 0x1b, 1); /* the third is equal */
    fdc_expect("00 00 08 00 00 03 02");
    fdc_set_memory(0, 0x00, 18 * SECTOR);
    fdc_dma(FROM_MEMORY, 18 * SECTOR);
    SEND(SCAN_EQUAL | MFM, 0, 0, 0, 1, 2, 18, 0x1b, 1);
    fdc_expect("00 00 04 01 00 01 02"); /* not satisfied */
    fdc_stop();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fdc/reset", test_reset);
    g_test_add_func("/fdc/dmagate", test_dmagate_gates_interrupt);
    g_test_add_func("/fdc/powerdown", test_powerdown);
    g_test_add_func("/fdc/registers", test_registers);
    g_test_add_func("/fdc/invalid-command", test_invalid_command);
    g_test_add_func("/fdc/version-part-id", test_version_and_part);
    g_test_add_func("/fdc/specify-configure-dumpreg", test_specify_configure_dumpreg);
    g_test_add_func("/fdc/lock", test_lock);
    g_test_add_func("/fdc/powerdown-mode-option-drive-specification",
                    test_powerdown_mode_option_drive_specification);
    g_test_add_func("/fdc/save-restore", test_save_restore);
    g_test_add_func("/fdc/seek-recalibrate", test_seek_and_recalibrate);
    g_test_add_func("/fdc/relative-seek", test_relative_seek);
    g_test_add_func("/fdc/overlapped-seeks", test_overlapped_seeks);
    g_test_add_func("/fdc/read-id", test_read_id);
    g_test_add_func("/fdc/read-until-terminal-count", test_read_until_terminal_count);
    g_test_add_func("/fdc/multi-track", test_multitrack);
    g_test_add_func("/fdc/end-of-cylinder", test_end_of_cylinder);
    g_test_add_func("/fdc/no-data", test_no_data);
    g_test_add_func("/fdc/missing-address-mark", test_missing_address_mark);
    g_test_add_func("/fdc/media-rate-not-checked", test_media_rate_is_not_checked);
    g_test_add_func("/fdc/implied-seek", test_implied_seek);
    g_test_add_func("/fdc/pio", test_pio);
    g_test_add_func("/fdc/late-dma", test_dma_may_be_late);
    g_test_add_func("/fdc/iothread", test_ports_in_an_iothread);
    g_test_add_func("/fdc/overrun", test_overrun);
    g_test_add_func("/fdc/read-track", test_read_track);
    g_test_add_func("/fdc/write", test_write);
    g_test_add_func("/fdc/write-protected", test_write_protected);
    g_test_add_func("/fdc/deleted-data", test_deleted_data);
    g_test_add_func("/fdc/format", test_format);
    g_test_add_func("/fdc/verify", test_verify);
    g_test_add_func("/fdc/scan", test_scan);
    return g_test_run();
}
