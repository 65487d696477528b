/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IDENTIFY DEVICE and IDENTIFY PACKET DEVICE data (ATA8-ACS, 7.16 and 7.17). */
#include "hw/ide/ide.h"

static void put16(uint8_t *data, unsigned word, uint16_t v)
{
    data[2 * word] = v;
    data[2 * word + 1] = v >> 8;
}

static void put_wide(uint8_t *data, unsigned word, uint64_t v, unsigned words)
{
    for (unsigned n = 0; n < words; n++) {
        put16(data, word + n, v >> (16 * n));
    }
}

/* Text is padded with spaces, and the bytes of each word are swapped. */
static void put_text(uint8_t *data, unsigned word, unsigned words, const char *text)
{
    size_t len = strlen(text);

    for (unsigned n = 0; n < 2 * words; n++) {
        data[2 * word + (n ^ 1)] = n < len ? text[n] : ' ';
    }
}

/* Transfer modes: supported in the low byte, the chosen one in the high byte. */
static uint16_t modes(uint8_t supported, uint8_t chosen)
{
    return supported | (chosen & 8 ? BIT(8 + (chosen & 7)) : 0);
}

static void common(const IDEDrive *d, uint8_t *data)
{
    put_text(data, 10, 10, d->serial);
    put_text(data, 23, 4, d->version);
    put_text(data, 27, 20, d->model);
    put16(data, 48, 1);
    put16(data, 53, 7); /* words 54-58, 64-70 and 88 are valid */
    put16(data, 63, modes(0x07, d->mwdma));
    put16(data, 64, 3); /* PIO 3 and 4 */
    for (unsigned w = 65; w <= 68; w++) {
        put16(data, w, 120);
    }
    put16(data, 88, modes(0x3f, d->udma));
    if (d->sata) {
        put16(data, 76, BIT(8) | BIT(2) | BIT(1)); /* NCQ (disks), 1.5 and 3 Gbit/s */
        put16(data, 222, 0x1020);                  /* serial transport, 2.6 */
    } else {
        put16(data, 93, 0x6001 | (d->unit == 0 ? 0 : 0x0a00)); /* 80-wire cable, who answered */
    }
}

static unsigned log2_of(uint32_t n)
{
    return n ? 31 - __builtin_clz(n) : 0;
}

void ata_identify(const IDEDrive *d, uint8_t *data)
{
    uint64_t chs = (uint64_t)d->cur_cyls * d->cur_heads * d->cur_secs;
    uint32_t physical = d->conf.physical_block_size ? d->conf.physical_block_size : ATA_SECTOR;
    uint16_t set1 =
        BIT(14) | BIT(6) | BIT(5) | BIT(3); /* NOP, look-ahead, write cache, power management */
    uint16_t set2 = BIT(13) | BIT(12) | BIT(10); /* FLUSH CACHE EXT, FLUSH CACHE, 48-bit */
    uint16_t set3 = BIT(14) | (d->wwn ? BIT(8) : 0);
    bool trim = !blk_is_read_only(d->conf.blk);

    memset(data, 0, 512);
    common(d, data);
    put16(data, 0, 0x0040);
    put16(data, 1, d->cyls);
    put16(data, 3, d->heads);
    put16(data, 6, d->secs);
    put16(data, 47, 0x8000 | ATA_MULTIPLE_MAX);
    put16(data, 49, BIT(11) | BIT(9) | BIT(8)); /* IORDY, LBA, DMA */
    put16(data, 50, 0x4000);
    put16(data, 54, d->cur_cyls);
    put16(data, 55, d->cur_heads);
    put16(data, 56, d->cur_secs);
    put_wide(data, 57, MIN(chs, (uint64_t)UINT32_MAX), 2);
    put16(data, 59, d->multiple ? 0x100 | d->multiple : 0);
    put_wide(data, 60, MIN(d->sectors, UINT64_C(0x0fffffff)), 2);
    if (d->sata) {
        put16(data, 75, 31); /* 32 commands */
    } else {
        put16(data, 76, 0);
    }
    put16(data, 80, 0x01f0); /* ATA-4 to ATA8-ACS */
    put16(data, 82, set1);
    put16(data, 83, BIT(14) | set2);
    put16(data, 84, set3);
    put16(data, 85, (set1 & ~BIT(5)) | (d->write_cache ? BIT(5) : 0));
    put16(data, 86, set2);
    put16(data, 87, set3);
    put_wide(data, 100, d->sectors, 4);
    if (trim) {
        put16(data, 105, 8); /* blocks of ranges in one command */
        put16(data, 169, 1);
    }
    if (physical > ATA_SECTOR) {
        put16(data, 106, 0x6000 | log2_of(physical / ATA_SECTOR));
    }
    for (unsigned n = 0; n < 4 && d->wwn; n++) {
        put16(data, 108 + n, d->wwn >> (48 - 16 * n));
    }
    put16(data, 217, d->rotation_rate);
    if (d->sata) {
        uint8_t sum = 0;

        data[510] = 0xa5; /* the last word: signature and checksum */
        for (unsigned n = 0; n < 511; n++) {
            sum += data[n];
        }
        data[511] = -sum;
    }
}

void ata_identify_packet(const IDEDrive *d, uint8_t *data)
{
    memset(data, 0, 512);
    common(d, data);
    put16(data, 0, 0x85c0); /* CD-ROM, removable, 12-byte commands, DRQ within 50 us */
    put16(data, 49, BIT(11) | BIT(9) | BIT(8));
    if (d->sata) {
        put16(data, 76, BIT(2) | BIT(1));
    }
    put16(data, 80, 0x01f0);
    put16(data, 82, BIT(14) | BIT(9) | BIT(4)); /* NOP, DEVICE RESET, packets */
    put16(data, 83, BIT(14));
    put16(data, 84, BIT(14));
    put16(data, 85, BIT(14) | BIT(9) | BIT(4));
    put16(data, 87, BIT(14));
}
