/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The controller and its drives, for each other. */
#ifndef HW_BLOCK_FDC_ISA_H
#define HW_BLOCK_FDC_ISA_H

#include "block/removable.h"
#include "hw/block/block.h"
#include "hw/block/fdc.h"
#include "qemu/aio.h"
#include "qemu/thread.h"

typedef struct IsaFdc IsaFdc;
typedef struct FloppyBus FloppyBus;

typedef struct FloppyDrive {
    DeviceState parent_obj;
    BlockConf conf;
    int32_t unit; /* 0 and 1; -1: the first that is free */
    int type;     /* FloppyType; AUTO until realize */
    BlkRemovable medium;
} FloppyDrive;
#define FLOPPY(obj) ((FloppyDrive *)(obj))

struct FloppyBus {
    BusState parent_obj;
    IsaFdc *fdc;
    FloppyDrive *drive[FDC_DRIVES];
};
#define FLOPPY_BUS(obj) ((FloppyBus *)(obj))

struct IsaFdc {
    ISADevice parent_obj;
    QemuMutex lock;
    FdcCore core; /* lock */
    uint32_t iobase, irq_number, dma;
    char *drive_names[FDC_DRIVES];
    int32_t bootindex[FDC_DRIVES];
    bool check_media_rate;
    int default_type[FDC_DRIVES], fallback; /* FloppyType */
    qemu_irq irq;
    AioBH *bh;
    AioTimer *timer;      /* main loop: looks whether the DMA channel is served by now */
    int64_t dma_deadline; /* lock; -1: nothing waits */
    BlkRequest req;       /* the core says when it is in use */
    struct iovec iov;
    FloppyBus *bus;
    MemoryRegion low, high;
    IsaFdc *next; /* main loop */
};
#define ISA_FDC(obj) ((IsaFdc *)(obj))

#endif
