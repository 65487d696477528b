/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A floppy controller as a test drives it: one emulator at a time, with a disk in drive A whose
 * sectors say their numbers.  What goes wrong ends the test.
 */
#ifndef FDC_DRIVER_H
#define FDC_DRIVER_H

#include "libqtest.h"

enum { SRB = 0x3f1, DOR, TDR, MSR, FIFO, DIGIN = 0x3f7, DSR = MSR, CCR = DIGIN, IRQ = 6 };
enum { RQM = 0x80, DIO = 0x40, NONDMA = 0x20, BUSY = 0x10 };
enum { DMA_BUFFER = 0x20000, SECTOR = 512 };
enum { MFM = 0x40, SK = 0x20, MT = 0x80 };
enum {
    READ = 0x06,
    READ_DELETED = 0x0c,
    WRITE = 0x05,
    WRITE_DELETED = 0x09,
    VERIFY = 0x16,
    READ_TRACK = 0x02,
    FORMAT = 0x0d,
    SCAN_EQUAL = 0x11,
    SCAN_LOW = 0x19,
    SCAN_HIGH = 0x1d
};
enum { TO_MEMORY = 0x46, FROM_MEMORY = 0x4a };

extern QTestState *s; /* the emulator, */
extern char *image;   /* and the disk's image */

/* What sector n of an image holds: its number in the first two bytes, and the rest is made of it.
 */
void fdc_fill_sector(uint8_t *p, unsigned n);
/* An image of so many bytes; its path (g_free), the file is the caller's to delete. */
char *fdc_make_image(uint64_t bytes);
/* An emulator with such an image in drive A; more: what follows the -drive. */
void fdc_start_on(const char *machine, uint64_t bytes, const char *more);
/* The same with 1.44M on pc. */
void fdc_start(void);
/* Both go. */
void fdc_stop(void);
/* The image's sector n. */
void fdc_expect_image(unsigned n, const uint8_t *want);
/* Main status register. */
uint8_t fdc_msr(void);
/* One byte of a command. */
void fdc_send(uint8_t val);
/* Until the chip wants or has something: the image is read in the background. */
void fdc_wait_ready(void);
/* All bytes of the result phase as text (g_free), or that they are these. */
char *fdc_result(void);
void fdc_expect(const char *want);
/* SENSE INTERRUPT STATUS. */
void fdc_sense(const char *want);
/* Reset by DOR, its interrupts sensed, motor A on, 500 kbit/s. */
void fdc_reset_chip(void);
void fdc_seek(uint8_t unit, uint8_t cylinder);
/* Channel 2 to or from the buffer. */
void fdc_program_dma(uint8_t mode, unsigned bytes, bool unmask);
void fdc_dma(uint8_t mode, unsigned bytes);
/* A data command at cylinder c, head h, sector r, 512 bytes, up to sector eot. */
void fdc_data_command(uint8_t op, uint8_t c, uint8_t h, uint8_t r, uint8_t eot);
/* Its place on a 1.44M disk. */
unsigned fdc_lba(unsigned c, unsigned h, unsigned r);
/* Sector n of an image lies in the buffer, as number at. */
void fdc_expect_memory(unsigned at, unsigned n);
void fdc_set_memory(unsigned at, uint8_t val, unsigned bytes);

#define SEND(...) \
    do { \
        const uint8_t bytes_[] = {__VA_ARGS__}; \
        for (size_t i_ = 0; i_ < sizeof(bytes_); i_++) { \
            fdc_send(bytes_[i_]); \
        } \
    } while (0)

#endif
