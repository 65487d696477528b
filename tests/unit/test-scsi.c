/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sense data, lengths of commands, LUNs, and what a CD-ROM drive says of itself: byte for byte. */
#include "hw/scsi/mmc.h"
#include "hw/scsi/scsi.h"

static void test_cdb_length(void)
{
    static const uint8_t want[8] = {6, 10, 10, 0, 16, 12, 0, 0};

    for (unsigned op = 0; op < 256; op++) {
        g_assert_cmpuint(scsi_cdb_length(op), ==, want[op >> 5]);
    }
}

static void test_sense(void)
{
    uint8_t buf[SCSI_SENSE_DESCRIPTOR];

    g_assert_cmpuint(scsi_build_sense(buf, false, 5, 0x2100, true, 0x12345678), ==, 18);
    g_assert_cmpmem(buf, 18, "\xf0\0\5\x12\x34\x56\x78\12\0\0\0\0\x21\0\0\0\0\0", 18);
    /* information that the fixed format has no room for is not valid */
    g_assert_cmpuint(scsi_build_sense(buf, false, 5, 0x2100, true, UINT64_C(1) << 32), ==, 18);
    g_assert_cmpmem(buf, 18, "\x70\0\5\0\0\0\0\12\0\0\0\0\x21\0\0\0\0\0", 18);
    g_assert_cmpuint(scsi_build_sense(buf, true, 6, 0x2a09, false, 0), ==, 8);
    g_assert_cmpmem(buf, 8, "\x72\6\x2a\x09\0\0\0\0", 8);
    g_assert_cmpuint(scsi_build_sense(buf, true, 5, 0x2100, true, UINT64_C(0x0102030405060708)), ==,
                     20);
    g_assert_cmpmem(buf, 20, "\x72\5\x21\0\0\0\0\14\0\12\x80\0\1\2\3\4\5\6\7\10", 20);
}

static void test_lun(void)
{
    static const uint8_t wrong[][6] = {
        {1, 2}, {0x80, 0}, {0xc1, 1}, {0x40, 1, 1}, {0, 1, 0, 0, 0, 1}};
    uint8_t p[6];
    unsigned lun;

    for (unsigned want = 0; want < 16384; want++) {
        scsi_encode_lun(p, want);
        g_assert_true(scsi_decode_lun(p, &lun));
        g_assert_cmpuint(lun, ==, want);
        p[0] = 0x40 | want >> 8; /* flat space addressing reaches the small ones, too */
        g_assert_true(scsi_decode_lun(p, &lun));
        g_assert_cmpuint(lun, ==, want);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_assert_false(scsi_decode_lun(wrong[i], &lun));
    }
}

/* --- MMC ------------------------------------------------------------------------------------- */

static unsigned reply(MmcState *m, const uint8_t *cdb, uint8_t *p, uint16_t *asc)
{
    uint32_t allocation;

    memset(p, 0, MMC_REPLY_MAX);
    return mmc_reply(m, cdb, p, &allocation, asc);
}

static void test_mmc(void)
{
    MmcState cd = {.sectors = 1000, .inserted = true}, dvd = {.sectors = 400000, .inserted = true};
    MmcState none = {0}, open = {.sectors = 1000, .inserted = true, .tray_open = true};
    g_autofree uint8_t *p = g_malloc(MMC_REPLY_MAX);
    const uint8_t structure[16] = {SCSI_READ_DVD_STRUCTURE}, config[16] = {SCSI_GET_CONFIGURATION};
    const uint8_t event[16] = {SCSI_GET_EVENT_STATUS, 1, 0, 0, 0x10};
    uint16_t asc;

    g_assert_true(mmc_ready(&cd));
    g_assert_false(mmc_ready(&none));
    g_assert_false(mmc_ready(&open));
    g_assert_cmphex(mmc_no_medium(&none), ==, 0x3a01);
    g_assert_cmphex(mmc_no_medium(&open), ==, 0x3a02);
    g_assert_cmphex(mmc_medium_type(&cd), ==, 0x01);
    g_assert_cmphex(mmc_medium_type(&none), ==, 0x70);
    g_assert_cmphex(mmc_medium_type(&open), ==, 0x71);
    /* a DVD has a structure; a CD says that it is another medium */
    g_assert_cmpuint(reply(&dvd, structure, p, &asc), ==, 2052);
    g_assert_cmpuint(scsi_get_be32(p + 12), ==, 0x30000 + 400000 - 1);
    g_assert_cmpuint(reply(&cd, structure, p, &asc), ==, 0);
    g_assert_cmphex(asc, ==, SCSI_ASC_INCOMPATIBLE_MEDIUM);
    /* the current profile, and which interface the drive has */
    for (unsigned atapi = 0; atapi < 2; atapi++) {
        dvd.atapi = atapi;
        g_assert_cmpuint(reply(&dvd, config, p, &asc), ==, 40);
        g_assert_cmphex(scsi_get_be16(p + 6), ==, 0x10);
        g_assert_cmphex(p[27], ==, atapi ? 2 : 1);
    }
    reply(&cd, config, p, &asc);
    g_assert_cmphex(scsi_get_be16(p + 6), ==, 0x08);
    reply(&open, config, p, &asc);
    g_assert_cmphex(scsi_get_be16(p + 6), ==, 0);
    /* each event is told once, a wish to eject first */
    cd.eject_request = cd.new_medium = true;
    for (unsigned i = 0; i < 3; i++) {
        static const uint8_t codes[] = {1, 2, 0};

        g_assert_cmpuint(reply(&cd, event, p, &asc), ==, 8);
        g_assert_cmphex(p[4], ==, codes[i]);
    }
    for (unsigned op = 0; op < 256; op++) {
        const uint8_t other[16] = {op};

        g_assert_true(mmc_knows(op) || !reply(&cd, other, p, &asc));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scsi/cdb-length", test_cdb_length);
    g_test_add_func("/scsi/sense", test_sense);
    g_test_add_func("/scsi/lun", test_lun);
    g_test_add_func("/scsi/mmc", test_mmc);
    return g_test_run();
}
