/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ISA DMA: an 8237A with its page registers (Intel 8237A data sheet; IBM PC/AT Technical
 * Reference).  The core has no lock: its owner serialises calls.  The device "i8257" has one; a PC
 * has two, for bytes (channels 0 to 3) and words (5 to 7).
 */
#ifndef HW_ISA_I8257_H
#define HW_ISA_I8257_H

#include "hw/isa/isa.h"

#define TYPE_I8257 "i8257"

enum {
    DMA_MODE_VERIFY = 0,
    DMA_MODE_TO_MEMORY = 1,   /* "write" */
    DMA_MODE_FROM_MEMORY = 2, /* "read" */
};

typedef struct DmaChannel {
    uint16_t base_addr, base_count, addr,
        count; /* count: transfers less one; wraps to ffff at the end */
    uint8_t mode, page;
} DmaChannel;

typedef struct DmaCore {
    DmaChannel channel[4];
    uint8_t mask, request, command;
    uint8_t status; /* bits 3:0: terminal count since the last read */
    bool flipflop;  /* the next byte of a 16-bit register is the high one */
    bool words;     /* addresses and counts are words */
} DmaCore;

/* A device's data to or from memory; false: the address is nobody's. */
typedef bool DmaMemoryFn(void *opaque, uint64_t addr, void *buf, unsigned len, bool to_memory);

void dma_core_reset(DmaCore *d);
/* reg 0 to 15, whatever the spacing of ports. */
uint8_t dma_core_read(DmaCore *d, unsigned reg);
void dma_core_write(DmaCore *d, unsigned reg, uint8_t val);
/* True if a device's request on this channel is served. */
bool dma_core_ready(const DmaCore *d, unsigned channel);
/* Moves up to len bytes (an even number with words) as the channel is programmed: direction,
 * address up or down, automatic start over. Returns how many; fewer when the terminal count comes
 * (*tc) or nothing is programmed. */
unsigned dma_core_transfer(DmaCore *d, unsigned channel, void *buf, unsigned len, bool *tc,
                           DmaMemoryFn *memory, void *opaque);

/* The two chips of a PC on its ISA bus. */
bool isa_dma_init(ISABus *bus, GError **errp);
/* For a device in its realize(): moves bytes on channel 0 to 3 or 5 to 7 of dev's bus, any thread.
 * 0 when there is no such chip. */
unsigned isa_dma_transfer(ISADevice *dev, unsigned channel, void *buf, unsigned len, bool *tc);

#endif
