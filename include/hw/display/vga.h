/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA with the Bochs extensions: registers, the window at 0xa0000, the picture.
 *
 * Registers and the window run on the vCPU's thread under the lock; pictures are made in the main
 * loop under it.  The linear frame buffer is RAM and needs nobody.
 */
#ifndef HW_DISPLAY_VGA_H
#define HW_DISPLAY_VGA_H

#include "qemu/thread.h"
#include "system/memory.h"
#include "ui/console.h"

enum {
    VBE_ID,
    VBE_XRES,
    VBE_YRES,
    VBE_BPP,
    VBE_ENABLE,
    VBE_BANK,
    VBE_VIRT_WIDTH,
    VBE_VIRT_HEIGHT,
    VBE_X_OFFSET,
    VBE_Y_OFFSET,
    VBE_MEMORY_64K,
    VBE_REGS,
};
enum {
    VBE_ENABLED = 0x01,
    VBE_GETCAPS = 0x02,
    VBE_8BIT_DAC = 0x20,
    VBE_LFB = 0x40,
    VBE_NOCLEAR = 0x80
};

typedef struct VGAState {
    QemuMutex lock;
    uint8_t *vram;
    uint32_t vram_size;
    MemoryRegion mem;    /* the video RAM */
    MemoryRegion window; /* 0xa0000 to 0xbffff */
    MemoryRegion ports, vbe_ports;
    /* lock */
    uint8_t seq_index, seq[8], gfx_index, gfx[16], crtc_index, crtc[32], attr_index, attr[32], misc,
        feature;
    bool attr_is_data;
    uint8_t dac_mask, dac_read, dac_write, dac_sub, dac_state, dac_cache[3], dac[768];
    uint32_t latch;
    uint16_t vbe_index, vbe[VBE_REGS];
    uint8_t status1;
} VGAState;

/* Video RAM of size bytes (a power of two, 1 to 512 MiB) for owner. Main loop. */
bool vga_init(VGAState *s, Object *owner, uint32_t size, GError **errp);
/* The classic ports, the Bochs ports, and the window in pci_mem's low megabyte. */
void vga_map_legacy(VGAState *s, Object *owner, MemoryRegion *pci_mem);
void vga_unmap_legacy(VGAState *s, MemoryRegion *pci_mem);
void vga_exit(VGAState *s);
void vga_reset(VGAState *s);
extern const GraphicOps vga_graphic_ops;

/* lock held */
uint8_t vga_port_read(VGAState *s, uint16_t port);
void vga_port_write(VGAState *s, uint16_t port, uint8_t val);
uint16_t vga_vbe_read(const VGAState *s, unsigned reg);
void vga_vbe_write(VGAState *s, unsigned reg, uint16_t val);
void vga_draw(VGAState *s, DisplaySurface *surface);
/* Bytes between two rows of a VBE mode. */
uint32_t vga_vbe_stride(const VGAState *s);

#endif
