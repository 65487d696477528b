/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floppy disks and drives in the machine: sizes, types, changes, firmware's word of them; hostile
 * input. */
#include "fdc-driver.h"

#include <glib/gstdio.h>
#include <string.h>

static void recalibrate(void)
{
    SEND(0x07, 0);
    fdc_sense("20 00");
}

/* --- media ------------------------------------------------------------------------------------ */

typedef struct Size {
    unsigned kib, sectors, tracks, heads;
    uint8_t rate, cmos;
} Size;

static const Size sizes[] = {
    {160, 8, 40, 1, 2, 2},   {180, 9, 40, 1, 1, 2},   {320, 8, 40, 2, 2, 2},
    {360, 9, 40, 2, 1, 2},   {720, 9, 80, 2, 2, 4},   {1200, 15, 80, 2, 0, 2},
    {1440, 18, 80, 2, 0, 4}, {1680, 21, 80, 2, 0, 4}, {2880, 36, 80, 2, 3, 5},
};

static void test_size(const void *opaque)
{
    const Size *z = opaque;
    unsigned c = z->tracks - 1, h = z->heads - 1;
    g_autofree char *want = g_strdup_printf("%02x 00 00 %02x %02x 01 02", h << 2, c + 1, h);

    fdc_start_on("pc", z->kib * 1024ull, "");
    qtest_outb(s, 0x70, 0x10);
    g_assert_cmphex(qtest_inb(s, 0x71), ==, z->cmos << 4);
    fdc_reset_chip();
    qtest_outb(s, CCR, z->rate);
    fdc_seek(0, c);
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ | MFM, c, h, z->sectors, z->sectors);
    fdc_expect(want);
    fdc_expect_memory(0, z->kib * 2 - 1);
    fdc_stop();
}

static void test_odd_size(void)
{
    fdc_start_on("pc", SECTOR + 100, "");
    fdc_reset_chip();
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ | MFM, 0, 0, 1, 18); /* what is there can be read */
    fdc_expect("00 00 00 00 00 02 02");
    fdc_expect_memory(0, 0);
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ | MFM, 0, 0, 4, 18); /* what is not cannot */
    fdc_expect("40 20 20 00 00 04 02");
    fdc_stop();
}

static void test_cmos(const void *machine)
{
    static const struct {
        const char *options;
        uint8_t types, equipment;
    } cases[] = {
        {"-nodefaults -device floppy", 0x50, 0x07},
        {"-nodefaults -device floppy,drive-type=144 -device floppy,unit=1,drive-type=120", 0x42,
         0x47},
        {"-nodefaults -device floppy,unit=1,drive-type=288", 0x05, 0x07},
        {"-nodefaults -device floppy -global isa-fdc.fallback=144", 0x40, 0x07},
        {"-nodefaults -device floppy -global isa-fdc.fdtypeA=120", 0x20, 0x07},
        {"-nodefaults -device floppy,drive-type=none", 0x00, 0x06},
        {"-nodefaults", 0x00, 0x06},
    };

    for (unsigned n = 0; n < G_N_ELEMENTS(cases); n++) {
        s = qtest_initf("-machine %s %s %s", (const char *)machine,
                        strcmp(machine, "q35") || n == 6 ? "" : "-device isa-fdc",
                        cases[n].options);
        qtest_outb(s, 0x70, 0x10);
        g_assert_cmphex(qtest_inb(s, 0x71), ==, cases[n].types);
        qtest_outb(s, 0x70, 0x14);
        g_assert_cmphex(qtest_inb(s, 0x71), ==, cases[n].equipment);
        qtest_quit(s);
    }
}

static void test_defaults(void)
{
    static const struct {
        const char *options;
        bool controller;
        uint8_t types;
    } cases[] = {
        {"-machine pc", true, 0x50},
        {"-machine pc -nodefaults", true, 0x00},
        {"-machine pc -device floppy,unit=1", true, 0x05},
        {"-machine q35", false, 0x00},
        {"-machine q35 -drive if=floppy,driver=null-co,size=1474560,read-zeroes=on", true, 0x40},
    };

    for (unsigned n = 0; n < G_N_ELEMENTS(cases); n++) {
        s = qtest_init(cases[n].options);
        g_assert_cmphex(qtest_inb(s, MSR), ==, cases[n].controller ? RQM : 0xff);
        qtest_outb(s, 0x70, 0x10);
        g_assert_cmphex(qtest_inb(s, 0x71), ==, cases[n].types);
        qtest_quit(s);
    }
}

static void test_two_drives(void)
{
    g_autofree char *b = fdc_make_image(720 * 1024), *options = g_strdup_printf(" -fdb %s", b);

    fdc_start_on("q35", 1440 * 1024, options);
    qtest_outb(s, 0x70, 0x10);
    g_assert_cmphex(qtest_inb(s, 0x71), ==, 0x44);
    fdc_reset_chip();
    qtest_outb(s, DOR, 0x2d);
    qtest_outb(s, CCR, 2);
    fdc_seek(1, 3);
    fdc_dma(TO_MEMORY, SECTOR);
    SEND(READ | MFM, 1, 3, 0, 9, 2, 9, 0x1b, 0xff);
    fdc_expect("01 00 00 04 00 01 02");
    fdc_expect_memory(0, 3 * 18 + 8);
    fdc_stop();
    g_unlink(b);
}

static void test_disk_change(void)
{
    fdc_start();
    fdc_reset_chip();
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0x80);
    recalibrate(); /* the heads are there: no step */
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0x80);
    fdc_seek(0, 1);
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0);
    qtest_outb(s, DOR, 0x2d);
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0); /* no drive */
    qtest_outb(s, DOR, 0x1c);
    qtest_qmp_ok(s, "{'execute': 'eject', 'arguments': {'device': 'floppy0'}}");
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0x80);
    fdc_seek(0, 0);
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0x80); /* steps do not help without a disk */
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ | MFM, 0, 0, 1, 18);
    fdc_expect("40 01 00 00 00 01 02");
    qtest_qmp_ok(s,
                 "{'execute': 'blockdev-change-medium', 'arguments': {'device': 'floppy0', "
                 "'filename': '%s', 'format': 'raw'}}",
                 image);
    fdc_seek(0, 0);
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0x80);
    fdc_seek(0, 1);
    g_assert_cmphex(qtest_inb(s, DIGIN), ==, 0);
    fdc_data_command(READ | MFM, 1, 0, 1, 18);
    fdc_expect("00 00 00 01 00 02 02");
    fdc_stop();
}

static void test_medium_commands(void)
{
    g_autofree char *other = fdc_make_image(720 * 1024), *third = fdc_make_image(1440 * 1024),
                    *text = NULL;
    json_object *list, *drive, *value;

    fdc_start_on("pc", 1440 * 1024, "");
    qtest_quit(s);
    s = qtest_initf(
        "-machine pc -nodefaults -blockdev driver=raw,node-name=a,file.driver=file,"
        "file.filename=%s -blockdev driver=raw,node-name=b,read-only=on,file.driver=file,"
        "file.filename=%s -device floppy,id=fd,drive=a",
        image, other);
    list = qtest_qmp_return(s, "{'execute': 'query-block'}");
    drive = json_object_array_get_idx(list, 0);
    g_assert_true(json_object_object_get_ex(drive, "removable", &value));
    g_assert_true(json_object_get_boolean(value));
    g_assert_false(json_object_object_get_ex(drive, "tray_open", NULL));
    g_assert_true(json_object_object_get_ex(drive, "inserted", NULL));
    json_object_put(list);
    text = qtest_hmp(s, "info block");
    g_assert_nonnull(strstr(text, "not locked\r\n"));
    /* there is no tray */
    qtest_qmp_ok(s, "{'execute': 'blockdev-open-tray', 'arguments': {'id': 'fd'}}");
    qtest_qmp_ok(s, "{'execute': 'blockdev-close-tray', 'arguments': {'id': 'fd'}}");
    g_assert_false(qtest_qmp_has_event(s, "DEVICE_TRAY_MOVED"));
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'blockdev-insert-medium', 'arguments': "
                           "{'id': 'fd', 'node-name': 'b'}}"));
    qtest_qmp_ok(s, "{'execute': 'blockdev-remove-medium', 'arguments': {'id': 'fd'}}");
    qtest_qmp_ok(s, "{'execute': 'blockdev-remove-medium', 'arguments': {'id': 'fd'}}");
    qtest_qmp_ok(s, "{'execute': 'blockdev-insert-medium', 'arguments': "
                    "{'id': 'fd', 'node-name': 'b'}}");
    /* the drive is still one for 1.44M; the disk is 720K and write-protected */
    qtest_outb(s, DOR, 0x1c);
    SEND(0x04, 0);
    fdc_expect("78");
    qtest_outb(s, CCR, 2);
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ | MFM, 0, 1, 9, 9);
    fdc_expect("04 00 00 01 01 01 02");
    fdc_expect_memory(0, 17);
    /* as protected as the one before; or not */
    qtest_qmp_ok(s,
                 "{'execute': 'blockdev-change-medium', 'arguments': {'id': 'fd', "
                 "'filename': '%s', 'format': 'raw'}}",
                 third);
    SEND(0x04, 0);
    fdc_expect("78");
    qtest_qmp_ok(s, "{'execute': 'eject', 'arguments': {'id': 'fd'}}");
    qtest_qmp_ok(
        s,
        "{'execute': 'blockdev-change-medium', 'arguments': {'id': 'fd', 'filename': '%s', "
        "'format': 'raw', 'read-only-mode': 'read-write'}}",
        third);
    SEND(0x04, 0);
    fdc_expect("38");
    g_free(qtest_qmp_error(s, "GenericError",
                           "{'execute': 'blockdev-change-medium', 'arguments': {"
                           "'id': 'fd', 'filename': '/nonexistent', 'format': 'raw'}}"));
    fdc_stop();
    g_unlink(other);
    g_unlink(third);
}

static void test_medium_goes_during_command(void)
{
    fdc_start();
    fdc_reset_chip();
    fdc_program_dma(TO_MEMORY, SECTOR, false);
    fdc_data_command(READ | MFM, 0, 0, 1, 18);
    qtest_qmp_ok(s, "{'execute': 'eject', 'arguments': {'device': 'floppy0'}}");
    fdc_expect("40 01 00 00 00 01 02");
    fdc_stop();
}

/* The image does not answer, and the disk is pulled out, or another one put in; the drive goes on
 * with that. */
static void test_medium_goes_while_it_hangs(void)
{
    g_autofree char *other = fdc_make_image(1440 * 1024);

    s = qtest_init("-machine pc -nodefaults -device floppy,id=f0,drive=slow -blockdev "
                   "driver=null-co,node-name=slow,size=1474560,latency-ns=3600000000000 -blockdev "
                   "driver=null-co,node-name=slow2,size=1474560,latency-ns=3600000000000");
    for (unsigned round = 0; round < 2; round++) {
        int64_t begun;

        fdc_reset_chip();
        fdc_dma(TO_MEMORY, SECTOR);
        fdc_data_command(READ | MFM, 0, 0, 1, 18);
        g_usleep(20000);
        g_assert_cmphex(fdc_msr() & RQM, ==, 0);
        begun = g_get_monotonic_time();
        if (round) {
            qtest_qmp_ok(s,
                         "{'execute': 'blockdev-change-medium', 'arguments': {'id': 'f0', "
                         "'filename': '%s', 'format': 'raw'}}",
                         other);
        } else {
            qtest_qmp_ok(s, "{'execute': 'eject', 'arguments': {'id': 'f0'}}");
            qtest_qmp_ok(s, "{'execute': 'blockdev-insert-medium', 'arguments': {'id': 'f0', "
                            "'node-name': 'slow2'}}");
        }
        g_assert_cmpint(g_get_monotonic_time() - begun, <, 8 * G_USEC_PER_SEC);
        fdc_expect("40 01 00 00 00 01 02");
        qtest_qmp_ok(s, "{'execute': 'blockdev-del', 'arguments': {'node-name': '%s'}}",
                     round ? "slow2" : "slow");
    }
    fdc_seek(0, 1); /* clears the disk change line */
    fdc_seek(0, 0);
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ | MFM, 0, 0, 1, 18);
    fdc_expect("00 00 00 00 00 02 02");
    fdc_expect_memory(0, 0);
    qtest_quit(s);
    g_unlink(other);
}

/* --- hostile input ---------------------------------------------------------------------------- */

static void test_random_writes(void)
{
    static const uint16_t ports[] = {DOR, TDR, DSR, FIFO, FIFO, FIFO, FIFO, FIFO, CCR, 0x0a, 0x0b};

    fdc_start();
    for (unsigned n = 0; n < 20000; n++) {
        uint16_t port = ports[g_test_rand_int_range(0, G_N_ELEMENTS(ports))];
        uint8_t val = g_test_rand_int_range(0, 256);

        if (port == DOR && g_test_rand_int_range(0, 4)) {
            val |= 0x0c;
        }
        if (port == 0x0a || port == 0x0b) {
            val = (val & ~3) | 2;
        }
        if (port == DSR) {
            val &= 0x9f;
        }
        qtest_outb(s, port, val);
        if (!(n & 3)) {
            qtest_inb(s, FIFO);
        }
        if (!(n & 63)) {
            qtest_clock_step(s, 300 * G_GINT64_CONSTANT(1000000));
        }
    }
    fdc_reset_chip();
    SEND(0x10);
    fdc_expect("90");
    fdc_stop();
}

static void test_reset_during_commands(void)
{
    fdc_start();
    for (unsigned n = 0; n < 200; n++) {
        fdc_reset_chip();
        fdc_dma(n & 1 ? TO_MEMORY : FROM_MEMORY, SECTOR);
        fdc_data_command((n & 1 ? READ : WRITE) | MFM, 0, 0, 1 + n % 18, 18);
    }
    fdc_reset_chip();
    fdc_dma(TO_MEMORY, SECTOR);
    fdc_data_command(READ | MFM, 0, 1, 1, 18);
    fdc_expect("04 00 00 00 01 02 02");
    fdc_expect_memory(0, 18);
    fdc_stop();
}

static void refused(const char *options, const char *word)
{
    qtest_refused(word, "-display none -accel qtest %s", options);
}

static void test_errors(void)
{
    refused("-machine pc -device isa-fdc", "iobase=0x3f0");
    refused("-machine q35 -device floppy", "floppy");
    refused("-machine q35 -device isa-fdc,irq=16", "irq=16");
    refused("-machine q35 -device isa-fdc,dma=5", "dma=5");
    refused("-machine q35 -device isa-fdc,iobase=0x3f3", "iobase=0x3f3");
    refused("-machine q35 -device isa-fdc,fallback=auto", "fallback");
    refused("-machine q35 -device isa-fdc,driveA=nobody", "nobody");
    refused("-machine pc -device floppy,unit=2", "unit=2");
    refused("-machine pc -device floppy -device floppy,unit=0", "unit=0");
    refused("-machine pc -device floppy,drive-type=99", "drive-type");
    refused("-machine pc -device floppy,logical_block_size=4096", "logical_block_size=4096");
    refused("-machine pc -drive if=none,id=d,driver=null-co,size=1474560 "
            "-device floppy,drive=d,drive-type=none",
            "drive-type=none");
    refused("-machine pc -drive if=floppy,index=2,driver=null-co,size=1474560", "floppy");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned n = 0; n < G_N_ELEMENTS(sizes); n++) {
        g_autofree char *path = g_strdup_printf("/fdc-media/size/%uK", sizes[n].kib);

        g_test_add_data_func(path, &sizes[n], test_size);
    }
    g_test_add_func("/fdc-media/odd-size", test_odd_size);
    g_test_add_data_func("/fdc-media/cmos/pc", "pc", test_cmos);
    g_test_add_data_func("/fdc-media/cmos/q35", "q35", test_cmos);
    g_test_add_func("/fdc-media/defaults", test_defaults);
    g_test_add_func("/fdc-media/two-drives", test_two_drives);
    g_test_add_func("/fdc-media/disk-change", test_disk_change);
    g_test_add_func("/fdc-media/medium-commands", test_medium_commands);
    g_test_add_func("/fdc-media/medium-goes-during-command", test_medium_goes_during_command);
    g_test_add_func("/fdc-media/medium-goes-while-it-hangs", test_medium_goes_while_it_hangs);
    g_test_add_func("/fdc-media/random-writes", test_random_writes);
    g_test_add_func("/fdc-media/reset-during-commands", test_reset_during_commands);
    g_test_add_func("/fdc-media/errors", test_errors);
    return g_test_run();
}
