/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Formats of floppy disks, and which of them an image has. */
#include "hw/block/fdc.h"

static const char *const type_names[] = {"144", "288", "120", "none", "auto", NULL};
const EnumTable floppy_type_table = {"FdcDriveType", type_names};

/* The first of a type is its own; for AUTO the first that has the size counts. */
static const FloppyFormat formats[] = {
    {FLOPPY_TYPE_144, 18, 80, 2, FDC_RATE_500K}, /* 1.44M */
    {FLOPPY_TYPE_288, 36, 80, 2, FDC_RATE_1M},   /* 2.88M */
    {FLOPPY_TYPE_120, 15, 80, 2, FDC_RATE_500K}, /* 1.2M */
    /* 3.5", 1.44M drive, more than was meant to be on it */
    {FLOPPY_TYPE_144, 20, 80, 2, FDC_RATE_500K},
    {FLOPPY_TYPE_144, 21, 80, 2, FDC_RATE_500K},
    {FLOPPY_TYPE_144, 21, 82, 2, FDC_RATE_500K},
    {FLOPPY_TYPE_144, 21, 83, 2, FDC_RATE_500K},
    {FLOPPY_TYPE_144, 22, 80, 2, FDC_RATE_500K},
    {FLOPPY_TYPE_144, 23, 80, 2, FDC_RATE_500K},
    {FLOPPY_TYPE_144, 24, 80, 2, FDC_RATE_500K},
    /* 3.5", double density */
    {FLOPPY_TYPE_144, 9, 80, 2, FDC_RATE_250K}, /* 720K */
    {FLOPPY_TYPE_144, 10, 80, 2, FDC_RATE_250K},
    {FLOPPY_TYPE_144, 10, 82, 2, FDC_RATE_250K},
    {FLOPPY_TYPE_144, 10, 83, 2, FDC_RATE_250K},
    {FLOPPY_TYPE_144, 13, 80, 2, FDC_RATE_250K},
    {FLOPPY_TYPE_144, 14, 80, 2, FDC_RATE_250K},
    /* 3.5", extra density */
    {FLOPPY_TYPE_288, 39, 80, 2, FDC_RATE_1M},
    {FLOPPY_TYPE_288, 40, 80, 2, FDC_RATE_1M},
    {FLOPPY_TYPE_288, 44, 80, 2, FDC_RATE_1M},
    {FLOPPY_TYPE_288, 48, 80, 2, FDC_RATE_1M},
    /* 5.25", high density */
    {FLOPPY_TYPE_120, 18, 80, 2, FDC_RATE_500K},
    {FLOPPY_TYPE_120, 18, 82, 2, FDC_RATE_500K},
    {FLOPPY_TYPE_120, 18, 83, 2, FDC_RATE_500K},
    {FLOPPY_TYPE_120, 20, 80, 2, FDC_RATE_500K},
    /* 5.25", double density, which turns faster in this drive */
    {FLOPPY_TYPE_120, 9, 80, 2, FDC_RATE_250K},
    {FLOPPY_TYPE_120, 11, 80, 2, FDC_RATE_250K},
    {FLOPPY_TYPE_120, 9, 40, 2, FDC_RATE_300K}, /* 360K */
    {FLOPPY_TYPE_120, 9, 40, 1, FDC_RATE_300K}, /* 180K */
    {FLOPPY_TYPE_120, 10, 41, 2, FDC_RATE_300K},
    {FLOPPY_TYPE_120, 10, 42, 2, FDC_RATE_300K},
    {FLOPPY_TYPE_120, 8, 40, 2, FDC_RATE_250K}, /* 320K */
    {FLOPPY_TYPE_120, 8, 40, 1, FDC_RATE_250K}, /* 160K */
    /* 3.5", one side */
    {FLOPPY_TYPE_144, 9, 80, 1, FDC_RATE_250K},
};

/* A 2.88M drive also takes what belongs into a 1.44M one. */
static bool takes(FloppyType drive, FloppyType format)
{
    return drive == FLOPPY_TYPE_AUTO || drive == format ||
           (drive == FLOPPY_TYPE_288 && format == FLOPPY_TYPE_144);
}

static uint64_t capacity(const FloppyFormat *f)
{
    return (uint64_t)f->sectors * f->tracks * f->heads * FDC_SECTOR;
}

static const FloppyFormat *own_format(FloppyType type, uint64_t bytes)
{
    const FloppyFormat *small = &formats[0], *large = &formats[1];

    switch (type) {
    case FLOPPY_TYPE_120:
        return &formats[2];
    case FLOPPY_TYPE_144:
        return small;
    default:
        return bytes > capacity(small) ? large : small;
    }
}

const FloppyFormat *floppy_format(FloppyType type, uint64_t bytes)
{
    for (unsigned n = 0; n < G_N_ELEMENTS(formats); n++) {
        if (takes(type, formats[n].type) && capacity(&formats[n]) == bytes) {
            return &formats[n];
        }
    }
    return own_format(type, bytes);
}

uint8_t floppy_cmos_type(FloppyType type)
{
    switch (type) {
    case FLOPPY_TYPE_144:
        return 4;
    case FLOPPY_TYPE_288:
        return 5;
    case FLOPPY_TYPE_120:
        return 2;
    default:
        return 0;
    }
}
