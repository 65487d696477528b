/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A parallel ATA channel with two drives, and the bus master that moves its DMA data.
 *
 * Registers are accessed on the vCPU's thread under the lock; commands run in the main loop, where
 * the bottom half takes over what a register write has asked for.
 */
#ifndef HW_IDE_PATA_H
#define HW_IDE_PATA_H

#include "hw/ide/ide.h"
#include "hw/pci/pci.h"

#define PATA_BUFFER (64 * 1024u)
enum { BM_START = 1, BM_TO_MEMORY = 8 };
enum { BM_ST_ACTIVE = 1, BM_ST_ERROR = 2, BM_ST_IRQ = 4, BM_ST_CAPABLE = 0x60 };

typedef enum PioState { PIO_IDLE, PIO_IN, PIO_OUT, PIO_CDB } PioState;

typedef struct PataChannel {
    QemuMutex *lock;
    PCIDevice *pci; /* whose bus master it is */
    IDEBus *bus;
    qemu_irq irq;
    AioBH *bh;
    /* All else: lock. */
    AtaRegs regs[2];
    unsigned sel;
    uint8_t ctl;
    bool irq_level, want_command, want_data, want_reset;
    AtaTask task;
    PioState pio;
    uint8_t *buffer;
    uint32_t pos, win_end,
        have; /* in buffer: next byte, end of what DRQ offers, end of what is there (or wanted) */
    /* Bus master. */
    uint8_t bm_cmd, bm_status;
    uint32_t bm_prd;
    uint32_t prd_next, prd_base, prd_left;
    bool prd_last, dma_moving;
    uint32_t dma_piece;
} PataChannel;

/* Main loop. */
void pata_init(PataChannel *c, QemuMutex *lock, PCIDevice *pci, DeviceState *owner, int index);
void pata_exit(PataChannel *c);
/* Power-on. Lock not held. */
void pata_reset(PataChannel *c);

/* Any thread, lock held. */
uint8_t pata_read(PataChannel *c, unsigned reg);
void pata_write(PataChannel *c, unsigned reg, uint8_t val);
uint32_t pata_data_read(PataChannel *c, unsigned size);
void pata_data_write(PataChannel *c, uint32_t val, unsigned size);
uint8_t pata_alt_status(const PataChannel *c);
void pata_control(PataChannel *c, uint8_t val);
uint8_t pata_bm_read(const PataChannel *c, unsigned reg);
void pata_bm_write(PataChannel *c, unsigned reg, uint8_t val);

#endif
