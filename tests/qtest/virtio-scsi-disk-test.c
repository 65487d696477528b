/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scsi-hd: each command with success and with each of its errors, disks of several kinds, images
 * that fail. */
#include "virtio-scsi-driver.h"

#include <string.h>

/* --- descriptions ----------------------------------------------------------------------------- */

static void test_inquiry(void)
{
    Scsi *d = scsi_start_disk(
        MAIN_LOOP, false, "",
        ",serial=number-1,wwn=0x5000c50012345678,vendor=Ours,product=Disk,ver=7,"
        "rotation_rate=1,min_io_size=4096,opt_io_size=65536,device_id=an-id,port_index=5,"
        "port_wwn=0x5000c50012345679");
    uint8_t p[96];

    scsi_init(d, 0, 1, 0, false);
    /* before the unit attention is taken */
    assert_good(d, CMD(d, 96, 0x12, 0, 0, 0, 96, 0), 60);
    qtest_memread(d->s, d->data, p, 36);
    g_assert_cmphex(p[0], ==, 0);
    g_assert_cmphex(p[1], ==, 0);
    g_assert_cmphex(p[2], ==, 5);
    g_assert_cmphex(p[3] & 0xf, ==, 2);
    g_assert_cmpuint(p[4], ==, 31);
    g_assert_cmpmem(p + 8, 28, "Ours    Disk            7   ", 28);
    scsi_ready(d);
    assert_good(d, CMD(d, 5, 0x12, 0, 0, 0, 5, 0), 0);
    assert_check(d, CMD(d, 96, 0x12, 0, 1, 0, 96, 0), 5, 0x2400);
    assert_check(d, CMD(d, 96, 0x12, 1, 0x99, 0, 96, 0), 5, 0x2400);
    assert_good(d, CMD(d, 96, 0x12, 1, 0, 0, 96, 0), 86);
    scsi_assert_bytes(d, 0, "\0\0\0\6\x00\x80\x83\xb0\xb1\xb2", 10);
    assert_good(d, CMD(d, 96, 0x12, 1, 0x80, 0, 96, 0), 84);
    scsi_assert_bytes(d, 0, "\0\x80\0\10number-1", 12);
    assert_good(d, CMD(d, 96, 0x12, 1, 0x83, 0, 96, 0), 96 - 4 - 9 - 12 - 12 - 8);
    scsi_assert_bytes(d, 0,
                      "\0\x83\0\x29\2\0\0\5an-id\1\3\0\10\x50\0\xc5\0\x12\x34\x56\x78"
                      "\x61\x93\0\10\x50\0\xc5\0\x12\x34\x56\x79\x61\x94\0\4\0\0\0\5",
                      45);
    assert_good(d, CMD(d, 96, 0x12, 1, 0xb0, 0, 96, 0), 32);
    qtest_memread(d->s, d->data, p, 64);
    g_assert_cmphex(p[4], ==, 1);
    scsi_assert_bytes(d, 6, "\0\10\0\x3f\xff\xff\0\0\0\x80", 10);  /* min, max, optimal */
    scsi_assert_bytes(d, 20, "\0\x20\0\0\0\0\0\xff\0\0\0\10", 12); /* 1 GiB, ranges, granularity */
    assert_good(d, CMD(d, 96, 0x12, 1, 0xb1, 0, 96, 0), 32);
    scsi_assert_bytes(d, 0, "\0\xb1\0\x3c\0\1", 6);
    assert_good(d, CMD(d, 96, 0x12, 1, 0xb2, 0, 96, 0), 88);
    scsi_assert_bytes(d, 0, "\0\xb2\0\4\0\xe0\2\0", 8);
    /* a unit that is not there, and the well known one */
    assert_good(d, scsi_cmd_on(d, 0, 2, 0, CDB(0x12, 0, 0, 0, 36, 0), 6, 36, true), 0);
    g_assert_cmphex(qtest_readb(d->s, d->data), ==, 0x7f);
    assert_good(d, scsi_cmd_on(d, 0, 0xc1, 0, CDB(0x12, 0, 0, 0, 36, 0), 6, 36, true), 0);
    g_assert_cmphex(qtest_readb(d->s, d->data), ==, 0x1e);
    assert_good(d, scsi_cmd_on(d, 0, 2, 0, CDB(0x03, 0, 0, 0, 18, 0), 6, 18, true), 0);
    scsi_assert_bytes(d, 0, "\x70\0\5\0\0\0\0\12\0\0\0\0\x25\0", 14);
    /* REPORT LUNS: of the target from any unit; of the bus */
    assert_good(d, CMD(d, 64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0), 40);
    scsi_assert_bytes(d, 0, "\0\0\0\20\0\0\0\0\0\0\0\0\0\0\0\0\0\3\0\0\0\0\0\0", 24);
    assert_good(
        d, scsi_cmd_on(d, 0, 0xc1, 0, CDB(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0), 12, 64, true),
        48);
    scsi_assert_bytes(d, 0, "\0\0\0\10\0\0\0\0\1\2\0\3\0\0\0\0", 16);
    assert_check(d, CMD(d, 64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0), 5, 0x2400);
    assert_check(d, CMD(d, 64, 0xa0, 0, 9, 0, 0, 0, 0, 0, 0, 64, 0, 0), 5, 0x2400);
    assert_check(d, scsi_cmd_on(d, 0, 0xc1, 0, CDB(0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 10, 0, true),
                 5, 0x2000);
    /* READ CAPACITY */
    assert_good(d, CMD(d, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    scsi_assert_bytes(d, 0, "\0\0\x1f\xff\0\0\2\0", 8);
    assert_check(d, CMD(d, 8, 0x25, 0, 0, 0, 0, 1, 0, 0, 0, 0), 5, 0x2400);
    assert_good(d, CMD(d, 32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0), 0);
    scsi_assert_bytes(d, 0, "\0\0\0\0\0\0\x1f\xff\0\0\2\0\0\0\x80\0", 16);
    assert_check(d, CMD(d, 32, 0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0), 5, 0x2400);
    scsi_stop(d);
}

static void test_small(void)
{
    Scsi *d = scsi_start_disk(IOTHREAD, false, "", "");

    scsi_go(d, 0);
    /* REQUEST SENSE: nothing; both formats */
    assert_good(d, CMD(d, 18, 0x03, 0, 0, 0, 18, 0), 0);
    scsi_assert_bytes(d, 0, "\x70\0\0\0\0\0\0\12\0\0\0\0\0\0\0\0\0\0", 18);
    assert_good(d, CMD(d, 18, 0x03, 1, 0, 0, 18, 0), 10);
    scsi_assert_bytes(d, 0, "\x72\0\0\0\0\0\0\0", 8);
    /* START STOP, PREVENT, RESERVE, SEND DIAGNOSTIC, SEEK, SYNCHRONIZE CACHE */
    assert_good(d, CMD(d, 0, 0x1b, 0, 0, 0, 0, 0), 0);
    assert_good(d, CMD(d, 0, 0x1b, 0, 0, 0, 1, 0), 0);
    assert_good(d, CMD(d, 0, 0x1b, 0, 0, 0, 0x30, 0), 0);
    assert_good(d, CMD(d, 0, 0x1e, 0, 0, 0, 1, 0), 0);
    assert_good(d, CMD(d, 0, 0x16, 0, 0, 0, 0, 0), 0);
    assert_good(d, CMD(d, 0, 0x17, 0, 0, 0, 0, 0), 0);
    assert_good(d, CMD(d, 0, 0x1d, 4, 0, 0, 0, 0), 0);
    assert_check(d, CMD(d, 0, 0x1d, 0x20, 0, 0, 0, 0), 5, 0x2400);
    assert_good(d, CMD(d, 0, 0x2b, 0, 0, 0, 0x1f, 0xff, 0, 0, 0, 0), 0);
    assert_check(d, CMD(d, 0, 0x2b, 0, 0, 0, 0x20, 0, 0, 0, 0, 0), 5, 0x2100);
    assert_good(d, CMD(d, 0, 0x91, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    assert_check(d, CMD(d, 0, 0x35, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    /* a MMC command, which disks have not */
    assert_check(d, CMD(d, 12, 0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0), 5, 0x2000);
    scsi_stop(d);
}

static void test_mode(void)
{
    Scsi *d = scsi_start_disk(IOTHREAD, false, "", ",dpofua=on");
    uint8_t p[64];

    scsi_go(d, 0);
    /* MODE SENSE 6: header, block descriptor, caching page */
    assert_good(d, CMD(d, 64, 0x1a, 0, 8, 0, 64, 0), 64 - 4 - 8 - 20);
    qtest_memread(d->s, d->data, p, 32);
    g_assert_cmpmem(p, 12, "\x1f\0\x10\10\0\0\x20\0\0\0\2\0", 12);
    g_assert_cmpmem(p + 12, 3, "\10\x12\4", 3);
    assert_good(d, CMD(d, 64, 0x5a, 8, 8, 0, 0, 0, 0, 0, 64, 0), 64 - 8 - 20);
    scsi_assert_bytes(d, 0, "\0\x1a\0\x10\0\0\0\0\10\x12\4", 11);
    /* changeable, default, saved; all; none */
    assert_good(d, CMD(d, 64, 0x1a, 8, 0x48, 0, 64, 0), 40);
    scsi_assert_bytes(d, 4, "\10\x12\4\0\0\0\0\0", 8);
    assert_good(d, CMD(d, 64, 0x1a, 8, 0x88, 0, 64, 0), 40);
    scsi_assert_bytes(d, 4, "\10\x12\4", 3);
    assert_check(d, CMD(d, 64, 0x1a, 8, 0xc8, 0, 64, 0), 5, 0x3900);
    assert_good(d, CMD(d, 255, 0x1a, 8, 0x3f, 0, 255, 0), 255 - 4 - 12 - 24 - 20 - 12);
    assert_check(d, CMD(d, 64, 0x1a, 8, 0x2a, 0, 64, 0), 5, 0x2400);
    assert_check(d, CMD(d, 64, 0x1a, 8, 8, 1, 64, 0), 5, 0x2400);
    /* MODE SELECT: write cache off, seen by MODE SENSE and by query-block */
    memset(p, 0, sizeof(p));
    p[4] = 8;
    p[5] = 0x12;
    qtest_memwrite(d->s, d->data, p, 24);
    assert_good(d, CMD(d, -24, 0x15, 0x10, 0, 0, 24, 0), 0);
    assert_good(d, CMD(d, 64, 0x1a, 8, 8, 0, 64, 0), 40);
    scsi_assert_bytes(d, 4, "\10\x12\0", 3);
    /* with a block descriptor, ten bytes, on again */
    memset(p, 0, sizeof(p));
    p[7] = 8;
    p[8 + 2] = 0x20;
    p[8 + 6] = 2;
    p[16] = 8;
    p[17] = 0x12;
    p[18] = 4;
    qtest_memwrite(d->s, d->data, p, 36);
    assert_good(d, CMD(d, -36, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 36, 0), 0);
    assert_good(d, CMD(d, 64, 0x1a, 8, 8, 0, 64, 0), 40);
    scsi_assert_bytes(d, 4, "\10\x12\4", 3);
    /* what cannot be */
    qtest_memwrite(d->s, d->data, p, 36);
    assert_check(d, CMD(d, -36, 0x55, 0, 0, 0, 0, 0, 0, 0, 36, 0), 5, 0x2400);
    assert_check(d, CMD(d, -36, 0x55, 0x11, 0, 0, 0, 0, 0, 0, 36, 0), 5, 0x2400);
    assert_check(d, CMD(d, -36, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 35, 0), 5, 0x1a00);
    assert_check(d, CMD(d, -36, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 7, 0), 5, 0x1a00);
    assert_good(d, CMD(d, 0, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    qtest_writeb(d->s, d->data + 14, 4); /* another block size */
    assert_check(d, CMD(d, -36, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 36, 0), 5, 0x2600);
    qtest_writeb(d->s, d->data + 14, 2);
    qtest_writeb(d->s, d->data + 18, 5); /* a bit that is fixed */
    assert_check(d, CMD(d, -36, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 36, 0), 5, 0x2600);
    qtest_writeb(d->s, d->data + 17, 0x11);
    assert_check(d, CMD(d, -36, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 36, 0), 5, 0x2600);
    /* D_SENSE: descriptor format from now on, with the block in a descriptor */
    memset(p, 0, sizeof(p));
    p[4] = 0x0a;
    p[5] = 10;
    p[6] = 4;
    p[7] = 0x10;
    qtest_memwrite(d->s, d->data, p, 16);
    assert_good(d, CMD(d, -16, 0x15, 0x10, 0, 0, 16, 0), 0);
    assert_check(d, CMD(d, 512, 0x28, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    g_assert_cmpuint(d->sense_len, ==, 20);
    g_assert_cmpmem(d->sense, 20, "\x72\5\x21\0\0\0\0\14\0\12\x80\0\0\0\0\0\0\0\x20\0", 20);
    scsi_stop(d);
}

/* --- VERIFY, WRITE SAME, UNMAP ---------------------------------------------------------------- */

static void test_verify(const void *opaque)
{
    Scsi *d = scsi_start_disk(qhome_of(opaque), false, "", "");

    scsi_go(d, 0);
    assert_good(d, CMD(d, 0, 0x2f, 0, 0, 0, 0, 0, 0, 0x20, 0, 0), 0); /* the whole disk */
    scsi_put(d, 30, 2048);
    assert_good(d, CMD(d, -2048, 0x2f, 2, 0, 0, 0, 30, 0, 0, 4, 0), 0);
    assert_good(d, CMD(d, -2048, 0xaf, 2, 0, 0, 0, 30, 0, 0, 0, 4, 0, 0), 0);
    assert_good(d, CMD(d, -2048, 0x8f, 2, 0, 0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 4, 0, 0), 0);
    qtest_writeb(d->s, d->data + 1027, 0);
    assert_check(d, CMD(d, -2048, 0x2f, 2, 0, 0, 0, 30, 0, 0, 4, 0), 0xe, 0x1d00);
    g_assert_cmpuint(d->sense[5] << 8 | d->sense[6], ==, 1027);
    /* one block for all of them */
    scsi_put(d, 30, 512);
    assert_good(d, CMD(d, -512, 0x2f, 6, 0, 0, 0, 30, 0, 0, 1, 0), 0);
    assert_check(d, CMD(d, -512, 0x2f, 6, 0, 0, 0, 30, 0, 0, 2, 0), 0xe, 0x1d00);
    assert_check(d, CMD(d, -512, 0x2f, 4, 0, 0, 0, 30, 0, 0, 1, 0), 5, 0x2400);
    assert_check(d, CMD(d, 0, 0x2f, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    g_assert_cmpuint(CMD(d, -512, 0x2f, 2, 0, 0, 0, 30, 0, 0, 2, 0), ==, S_OVERRUN);
    /* WRITE AND VERIFY */
    scsi_put(d, 77, 1024);
    assert_good(d, CMD(d, -1024, 0x2e, 0, 0, 0, 0, 200, 0, 0, 2, 0), 0);
    assert_good(d, CMD(d, -1024, 0x2e, 2, 0, 0, 0, 200, 0, 0, 2, 0), 0);
    assert_good(d, CMD(d, 1024, 0x28, 0, 0, 0, 0, 200, 0, 0, 2, 0), 0);
    scsi_check(d, 0, 77, 1024);
    scsi_put(d, 200, 1024);
    assert_good(d, CMD(d, -1024, 0x8e, 2, 0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0, 2, 0, 0), 0);
    assert_good(d, CMD(d, -1024, 0xae, 2, 0, 0, 0, 200, 0, 0, 0, 2, 0, 0), 0);
    assert_check(d, CMD(d, -1024, 0x2e, 6, 0, 0, 0, 200, 0, 0, 2, 0), 5, 0x2400);
    assert_check(d, CMD(d, -512, 0x2e, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    scsi_stop(d);
}

static void read_and_check(Scsi *d, uint8_t lba, uint8_t n, uint8_t first, bool zero)
{
    qtest_memset(d->s, d->data, 0xcc, n * 512u);
    assert_good(d, CMD(d, n * 512, 0x28, 0, 0, 0, 1, lba, 0, 0, n, 0), 0);
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmphex(qtest_readb(d->s, d->data + 512 * i), ==, zero ? 0 : first);
        g_assert_cmphex(qtest_readb(d->s, d->data + 512 * i + 511), ==, zero ? 0 : first);
    }
}

static void test_write_same(const void *opaque)
{
    Scsi *d = scsi_start_disk(qhome_of(opaque), false, "", "");

    scsi_go(d, 0);
    qtest_memset(d->s, d->data, 0x5a, 512);
    assert_good(d, CMD(d, -512, 0x41, 0, 0, 0, 1, 0, 0, 4, 0, 0), 0); /* 512 KiB: two pieces */
    read_and_check(d, 0, 16, 0x5a, false);
    read_and_check(d, 240, 16, 0x5a, false);
    qtest_memset(d->s, d->data, 0, 512);
    assert_good(d, CMD(d, -512, 0x93, 8, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 4, 0, 0), 0);
    read_and_check(d, 4, 4, 0, true);
    read_and_check(d, 8, 8, 0x5a, false);
    assert_good(d, CMD(d, 0, 0x93, 9, 0, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 4, 0, 0), 0); /* no data */
    read_and_check(d, 4, 8, 0, true);
    qtest_memset(d->s, d->data, 0x6b, 512);
    assert_good(d, CMD(d, -512, 0x41, 8, 0, 0, 1, 8, 0, 0, 4, 0), 0); /* data wins over UNMAP */
    read_and_check(d, 8, 4, 0x6b, false);
    assert_check(d, CMD(d, -512, 0x41, 0, 0, 0, 1, 0, 0, 0, 0, 0), 5, 0x2400);
    assert_check(d, CMD(d, -512, 0x41, 0x10, 0, 0, 1, 0, 0, 0, 1, 0), 5, 0x2400);
    assert_check(d, CMD(d, -512, 0x41, 2, 0, 0, 1, 0, 0, 0, 1, 0), 5, 0x2400);
    assert_check(d, CMD(d, -512, 0x41, 0x20, 0, 0, 1, 0, 0, 0, 1, 0), 5, 0x2400);
    assert_check(d, CMD(d, -512, 0x41, 0, 0, 0, 0x20, 0, 0, 0, 1, 0), 5, 0x2100);
    g_assert_cmpuint(CMD(d, -511, 0x41, 0, 0, 0, 1, 0, 0, 0, 1, 0), ==, S_OVERRUN);
    /* UNMAP: two ranges, an empty one between */
    {
        uint8_t u[8 + 48] = {0, 54, 0, 48};

        u[8 + 6] = 1;
        u[8 + 7] = 16;
        u[8 + 11] = 8;
        u[24 + 7] = 3;
        u[40 + 6] = 1;
        u[40 + 7] = 40;
        u[40 + 11] = 8;
        qtest_memwrite(d->s, d->data, u, sizeof(u));
        assert_good(d, CMD(d, -56, 0x42, 0, 0, 0, 0, 0, 0, 0, 56, 0), 0);
        read_and_check(d, 16, 8, 0, true);
        read_and_check(d, 24, 16, 0x5a, false);
        read_and_check(d, 40, 8, 0, true);
        assert_good(d, CMD(d, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
        qtest_memwrite(d->s, d->data, u, sizeof(u));
        assert_check(d, CMD(d, -56, 0x42, 1, 0, 0, 0, 0, 0, 0, 56, 0), 5, 0x2400);
        assert_check(d, CMD(d, -56, 0x42, 0, 0, 0, 0, 0, 0, 0, 7, 0), 5, 0x1a00);
        assert_check(d, CMD(d, -56, 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0), 5, 0x1a00);
        u[40 + 5] = 1; /* beyond the end */
        qtest_memwrite(d->s, d->data, u, sizeof(u));
        assert_check(d, CMD(d, -56, 0x42, 0, 0, 0, 0, 0, 0, 0, 56, 0), 5, 0x2100);
    }
    scsi_stop(d);
}

/* Images that cannot be written; disks without deallocation; other block sizes. */
static void test_kinds(void)
{
    g_autofree char *ro = g_strdup_printf(
        "-blockdev file,filename=%s,node-name=d0,locking=off,read-only=on", scsi_image);
    Scsi *d = scsi_start_drive(IOTHREAD, false, ro, "", "");

    scsi_go(d, 0);
    assert_check(d, CMD(d, -512, 0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0), 7, 0x2700);
    assert_check(d, CMD(d, -512, 0x2e, 0, 0, 0, 0, 1, 0, 0, 1, 0), 7, 0x2700);
    assert_check(d, CMD(d, -512, 0x41, 0, 0, 0, 0, 1, 0, 0, 1, 0), 7, 0x2700);
    assert_good(d, CMD(d, 4, 0x1a, 8, 8, 0, 4, 0), 0);
    g_assert_cmphex(qtest_readb(d->s, d->data + 2) & 0x80, ==, 0x80);
    assert_check(d, CMD(d, -56, 0x42, 0, 0, 0, 0, 0, 0, 0, 56, 0), 5, 0x2000);
    scsi_stop(d);
    d = scsi_start_disk(
        IOTHREAD, false, "",
        ",logical_block_size=4096,discard_granularity=0,removable=on,max_io_size=65536");
    scsi_go(d, 0);
    assert_good(d, CMD(d, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    scsi_assert_bytes(d, 0, "\0\0\3\xff\0\0\x10\0", 8);
    assert_good(d, CMD(d, 4096, 0x28, 0, 0, 0, 0, 5, 0, 0, 1, 0), 0);
    scsi_check(d, 0, 40, 4096);
    assert_good(d, CMD(d, 36, 0x12, 0, 0, 0, 36, 0), 0);
    g_assert_cmphex(qtest_readb(d->s, d->data + 1), ==, 0x80);
    assert_good(d, CMD(d, 8, 0x12, 1, 0xb2, 0, 8, 0), 0);
    scsi_assert_bytes(d, 4, "\0\0\0\0", 4);
    assert_check(d, CMD(d, -4096, 0x41, 8, 0, 0, 0, 1, 0, 0, 1, 0), 5, 0x2400);
    assert_check(d, CMD(d, 0x11000, 0x28, 0, 0, 0, 0, 5, 0, 0, 17, 0), 5, 0x2400);
    assert_good(d, CMD(d, 0x10000, 0x28, 0, 0, 0, 0, 5, 0, 0, 16, 0), 0);
    scsi_stop(d);
}

/* --- errors of the image ---------------------------------------------------------------------- */

static Scsi *start_failing(const char *rules, const char *disk)
{
    g_autofree char *drive = g_strdup_printf(
        "-blockdev "
        "'{\"driver\":\"blkdebug\",\"node-name\":\"d0\",\"image\":{\"driver\":\"null-co\","
        "\"read-zeroes\":true,\"size\":4194304},\"inject-error\":[%s]}'",
        rules);

    return scsi_start_drive(IOTHREAD, false, drive, "", disk);
}

static void test_errors(void)
{
    Scsi *d = start_failing("{\"event\":\"none\",\"iotype\":\"read\",\"errno\":5,\"sector\":8},"
                            "{\"event\":\"none\",\"iotype\":\"write\",\"errno\":28,\"sector\":16},"
                            "{\"event\":\"none\",\"iotype\":\"write\",\"errno\":5,\"sector\":24},"
                            "{\"event\":\"none\",\"iotype\":\"write\",\"errno\":12,\"sector\":32},"
                            "{\"event\":\"none\",\"iotype\":\"flush\",\"errno\":5}",
                            ",werror=report,rerror=report");

    scsi_go(d, 0);
    assert_check(d, CMD(d, 512, 0x28, 0, 0, 0, 0, 8, 0, 0, 1, 0), 3, 0x1100);
    g_assert_cmpuint(d->residual, ==, 512);
    assert_check(d, CMD(d, -512, 0x2a, 0, 0, 0, 0, 16, 0, 0, 1, 0), 7, 0x2707);
    assert_check(d, CMD(d, -512, 0x2a, 0, 0, 0, 0, 24, 0, 0, 1, 0), 3, 0x0c00);
    assert_check(d, CMD(d, -512, 0x2a, 0, 0, 0, 0, 32, 0, 0, 1, 0), 4, 0x4400);
    assert_check(d, CMD(d, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0), 3, 0x0c00);
    assert_check(d, CMD(d, 0, 0x2f, 0, 0, 0, 0, 0, 0, 0, 9, 0), 3, 0x1100);
    assert_good(d, CMD(d, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0), 0);
    scsi_stop(d);
    d = start_failing("{\"event\":\"none\",\"iotype\":\"read\",\"errno\":5}", ",rerror=ignore");
    scsi_go(d, 0);
    assert_good(d, CMD(d, 512, 0x28, 0, 0, 0, 0, 8, 0, 0, 1, 0), 0);
    scsi_stop(d);
}

/* werror=stop: parked, and done when the VM runs again; a reset or an abort gets it out, too. */
static void test_stop(void)
{
    Scsi *d = start_failing("{\"event\":\"none\",\"iotype\":\"write\",\"errno\":28,\"once\":true}",
                            ",werror=stop");
    uint32_t used;

    scsi_go(d, 0);
    scsi_push(d, 0, 1, 2, 3, 7, CDB(0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0), 10, d->data, 512, false);
    qvirtio_kick(&d->v->q[2]);
    json_object_put(qtest_qmp_event(d->s, "STOP"));
    g_assert_false(qvirtio_ready(&d->v->q[2]));
    qtest_qmp_ok(d->s, "{'execute': 'cont'}");
    qvirtio_wait(&d->v->q[2], &used);
    scsi_answer(d, 1);
    assert_good(d, d->response, 0);
    scsi_stop(d);
    d = start_failing("{\"event\":\"none\",\"iotype\":\"write\",\"errno\":28}", ",werror=stop");
    for (unsigned how = 0; how < 3; how++) {
        scsi_go(d, 0);
        scsi_push(d, 0, 1, 2, 3, 7, CDB(0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0), 10, d->data, 512, false);
        qvirtio_kick(&d->v->q[2]);
        json_object_put(qtest_qmp_event(d->s, "STOP"));
        switch (how) {
        case 0:
            g_assert_cmpuint(scsi_tmf(d, 6, 2, 3, 7), ==, S_SUCCEEDED);
            g_assert_cmpuint(scsi_tmf(d, 0, 2, 3, 7), ==, S_OK);
            qvirtio_wait(&d->v->q[2], &used);
            scsi_answer(d, 1);
            g_assert_cmpuint(d->response, ==, S_ABORTED);
            break;
        case 1:
            qvirtio_reset(d->v);
            break;
        case 2:
            qtest_qmp_ok(d->s, "{'execute': 'device_del', 'arguments': {'id': 'hd0'}}");
            json_object_put(qtest_qmp_event(d->s, "DEVICE_DELETED"));
            qvirtio_wait(&d->v->q[2], &used);
            scsi_answer(d, 1);
            g_assert_cmpuint(d->response, ==, S_BAD_TARGET);
            break;
        }
        qtest_qmp_ok(d->s, "{'execute': 'cont'}");
        qtest_qmp_drop_events(d->s);
    }
    scsi_stop(d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-scsi/inquiry", test_inquiry);
    g_test_add_func("/virtio-scsi/small", test_small);
    g_test_add_func("/virtio-scsi/mode", test_mode);
    qhome_add("/virtio-scsi/verify", test_verify);
    qhome_add("/virtio-scsi/write-same", test_write_same);
    g_test_add_func("/virtio-scsi/kinds", test_kinds);
    g_test_add_func("/virtio-scsi/errors", test_errors);
    g_test_add_func("/virtio-scsi/stop", test_stop);
    return scsi_run();
}
