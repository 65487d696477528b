/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floppy disk controller 82077AA/82078 (Intel data sheets), its drives and what lies in them.
 *
 * The core knows registers, commands and tracks; it has no lock (its owner serialises) and does no
 * I/O: it asks for tracks with fdc_core_next_io() and offers bytes for DMA with
 * fdc_core_dma_window().  The device "isa-fdc" has the lock, the ports, the interrupt, the DMA
 * channel and the block requests.
 */
#ifndef HW_BLOCK_FDC_H
#define HW_BLOCK_FDC_H

#include "hw/isa/isa.h"

#define TYPE_ISA_FDC "isa-fdc"
#define TYPE_FLOPPY_BUS "floppy-bus"
#define TYPE_FLOPPY "floppy"
#define FDC_DRIVES 2
#define FDC_SECTOR 512u
#define FDC_MAX_SECTORS 48 /* on one side of a track */
#define FDC_MAX_TRACKS 83
#define FDC_LAST_STEP 85 /* where the heads' way ends */

/* --- media ------------------------------------------------------------------------------------ */

typedef enum FloppyType {
    FLOPPY_TYPE_144,
    FLOPPY_TYPE_288,
    FLOPPY_TYPE_120,
    FLOPPY_TYPE_NONE,
    FLOPPY_TYPE_AUTO,
} FloppyType;
extern const EnumTable floppy_type_table;

/* Data rates as CCR's two bits say them. */
enum { FDC_RATE_500K, FDC_RATE_300K, FDC_RATE_250K, FDC_RATE_1M };

typedef struct FloppyFormat {
    FloppyType type; /* of the drive that it belongs to */
    uint8_t sectors, tracks, heads;
    uint8_t rate;
} FloppyFormat;

/* How a medium of so many bytes is laid out for a drive of this type (AUTO: any); never NULL. A
 * size that no format has is taken for the smaller or the larger one that is usual in such a drive.
 */
const FloppyFormat *floppy_format(FloppyType type, uint64_t bytes);
/* CMOS byte 0x10's four bits for a drive; 0: none. */
uint8_t floppy_cmos_type(FloppyType type);

typedef struct FdcDrive {
    bool present;
    const FloppyFormat *format; /* of the medium; NULL: there is none */
    bool read_only;
    bool changed;                         /* no step since the medium went or came */
    uint8_t track;                        /* where the heads are */
    uint8_t passed;                       /* sector that READ ID saw last */
    uint64_t deleted[FDC_MAX_TRACKS * 2]; /* sectors with a deleted data mark, which an image does
                                             not keep: bit R of track 2 * C + H */
} FdcDrive;

/* --- core ------------------------------------------------------------------------------------- */

enum {
    FDC_REG_SRA,
    FDC_REG_SRB,
    FDC_REG_DOR,
    FDC_REG_TDR,
    FDC_REG_MSR, /* DSR when written */
    FDC_REG_FIFO,
    FDC_REG_DIR = 7, /* CCR when written */
};
enum {
    FDC_DOR_RESET_N = 0x04,
    FDC_DOR_DMAGATE = 0x08,
    FDC_MSR_BUSY = 0x10,
    FDC_MSR_NONDMA = 0x20,
    FDC_MSR_DIO = 0x40,
    FDC_MSR_RQM = 0x80,
};
enum {
    FDC_ST0_SEEK_END = 0x20,
    FDC_ST0_EQUIPMENT = 0x10,
    FDC_ST0_ABNORMAL = 0x40,
    FDC_ST0_INVALID = 0x80,
    FDC_ST0_POLLING = 0xc0,
    FDC_ST1_MA = 0x01, /* no address mark */
    FDC_ST1_NW = 0x02, /* not writable */
    FDC_ST1_ND = 0x04, /* no such sector */
    FDC_ST1_OR = 0x10, /* overrun */
    FDC_ST1_DE = 0x20, /* data error */
    FDC_ST1_EN = 0x80, /* end of cylinder */
    FDC_ST2_SN = 0x04, /* scan not satisfied */
    FDC_ST2_SH = 0x08, /* scan equal hit */
    FDC_ST2_WC = 0x10, /* wrong cylinder */
    FDC_ST2_DD = 0x20, /* data error in the data field */
    FDC_ST2_CM = 0x40, /* the other data mark */
};

typedef enum FdcPhase { FDC_COMMAND, FDC_EXECUTION, FDC_RESULT } FdcPhase;
typedef enum FdcOp { FDC_READ, FDC_WRITE, FDC_VERIFY, FDC_SCAN, FDC_READ_TRACK, FDC_FORMAT } FdcOp;
typedef enum FdcScan { FDC_SCAN_EQUAL, FDC_SCAN_LOW, FDC_SCAN_HIGH } FdcScan;
/* What a data command waits for. */
typedef enum FdcStep {
    FDC_STEP_START,
    FDC_STEP_DISK_READ,
    FDC_STEP_DISK_WRITE,
    FDC_STEP_HOST
} FdcStep;

/* A data command under way. */
typedef struct FdcExec {
    FdcOp op;
    FdcStep step;
    FdcScan scan;
    bool pio, mt, skip, deleted;
    bool seeked;        /* an implied seek was made */
    bool last_sector;   /* the run is the last: its mark is the other one */
    bool terminal;      /* terminal count came: the write under way is the last */
    bool begun;         /* READ TRACK: the ID was looked at */
    bool beyond;        /* R began behind EOT: it will not be met */
    bool one_by_one;    /* a run could not be read: sector by sector from here on */
    bool counted;       /* VERIFY: left is in use */
    uint8_t unit, head; /* physical */
    uint8_t c, h, r, n, eot, stride, fill;
    uint8_t st1, st2;
    unsigned left; /* sectors to verify */
    unsigned run;  /* sectors in buffer */
    unsigned window, size,
        pos; /* the host's bytes: buffer[window + pos] to buffer[window + size] */
} FdcExec;

typedef struct FdcCore {
    FdcDrive drive[FDC_DRIVES];
    bool check_rate; /* media answer at their own data rate only */
    /* Registers. */
    uint8_t dor, tdr, dsr;
    uint8_t config, pretrk, specify[2], perpendicular, powerdown, option, eot;
    uint8_t drive_spec[4];
    bool lock;
    uint8_t pcn[4];
    uint8_t sense_pending; /* bit n: drive n has an interrupt cause, */
    uint8_t sense_st0[4];  /* this one */
    bool irq;
    bool result_irq; /* reading the result takes the interrupt back */
    FdcPhase phase;
    uint8_t fifo[20];
    unsigned pos, len; /* next byte, bytes wanted or there */
    FdcExec x;
    bool io_busy;  /* a request on buffer is under way, */
    bool io_stale; /* of a command that a reset has ended */
    uint8_t buffer[FDC_MAX_SECTORS * FDC_SECTOR + FDC_SECTOR];
} FdcCore;

typedef struct FdcIO {
    unsigned unit;
    bool write;
    uint64_t offset;
    uint32_t bytes;
    void *buf;
} FdcIO;

/* Power-on.  A request that is under way is waited for, its result ignored. */
void fdc_core_reset(FdcCore *s);
uint8_t fdc_core_read(FdcCore *s, unsigned reg);
void fdc_core_write(FdcCore *s, unsigned reg, uint8_t val);
/* Level of the interrupt line. */
static inline bool fdc_core_irq(const FdcCore *s)
{
    return s->irq && (s->dor & FDC_DOR_DMAGATE);
}
/* True: the caller is to do this, and to call fdc_core_io_done() once with 0 or -errno. */
bool fdc_core_next_io(FdcCore *s, FdcIO *io);
void fdc_core_io_done(FdcCore *s, int ret);
/* True: the three around this have something to do. */
static inline bool fdc_core_needs_home(const FdcCore *s)
{
    return s->phase == FDC_EXECUTION && !s->io_busy && (s->x.step != FDC_STEP_HOST || !s->x.pio);
}
/* True: these bytes wait for the DMA controller. */
bool fdc_core_dma_window(FdcCore *s, void **buf, unsigned *len);
/* n of them have moved; tc: terminal count. */
void fdc_core_dma_moved(FdcCore *s, unsigned n, bool tc);
/* The DMA controller did not serve the request in time. */
void fdc_core_overrun(FdcCore *s);
/* A medium came (format) or went (NULL). */
void fdc_core_set_medium(FdcCore *s, unsigned unit, const FloppyFormat *format, bool read_only);

/* Between the core's files. */
void fdc_exec_begin(FdcCore *s, FdcOp op);
uint8_t fdc_exec_fifo_read(FdcCore *s);
void fdc_exec_fifo_write(FdcCore *s, uint8_t val);
bool fdc_seek(FdcCore *s, unsigned unit, int steps);
/* No medium, another data rate, FM: there are no address marks to be seen. */
bool fdc_marks_visible(const FdcCore *s, unsigned unit, unsigned head);
FdcDrive *fdc_drive(FdcCore *s, unsigned unit);
/* The execution phase is over. */
void fdc_finish(FdcCore *s, uint8_t st0);
void fdc_result(FdcCore *s, unsigned len);

/* --- devices: main loop ----------------------------------------------------------------------- */

/* The types of the drives at the controller that a PC has at 0x3f0, for firmware; NONE where there
 * is no drive. */
void isa_fdc_drive_types(FloppyType types[FDC_DRIVES]);
/* How an empty drive is called in the monitor's commands. */
void floppy_set_drive_name(DeviceState *floppy, const char *name);

#endif
