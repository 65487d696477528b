/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VGA registers (IBM VGA technical reference; FreeVGA), the Bochs VBE interface, and the planes
 * behind 0xa0000. */
#include "hw/display/vga.h"

enum { SEQ_MAP_MASK = 2, SEQ_MEMORY_MODE = 4 };
enum {
    GFX_SET_RESET,
    GFX_ENABLE_SR,
    GFX_COMPARE,
    GFX_ROTATE,
    GFX_READ_MAP,
    GFX_MODE,
    GFX_MISC,
    GFX_DONT_CARE,
    GFX_BIT_MASK
};
enum { SEQ_CHAIN4 = 0x08, SEQ_NO_ODD_EVEN = 0x04, GFX_ODD_EVEN = 0x10 };
#define VBE_MAX_X 16000
#define VBE_MAX_Y 12000

/* --- registers -------------------------------------------------------------------------------- */

static const uint8_t seq_mask[8] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
static const uint8_t gfx_mask[16] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};

static void dac_data(VGAState *s, uint8_t val)
{
    s->dac_cache[s->dac_sub] = val;
    if (++s->dac_sub == 3) {
        memcpy(&s->dac[s->dac_write * 3], s->dac_cache, 3);
        s->dac_sub = 0;
        s->dac_write++;
    }
}

static uint8_t dac_read(VGAState *s)
{
    uint8_t val = s->dac[s->dac_read * 3 + s->dac_sub];

    if (++s->dac_sub == 3) {
        s->dac_sub = 0;
        s->dac_read++;
    }
    return val;
}

static void attr_write(VGAState *s, uint8_t val)
{
    unsigned n = s->attr_index & 0x1f;

    if (!s->attr_is_data) {
        s->attr_index = val & 0x3f;
    } else if (n < 0x10) {
        s->attr[n] = val & 0x3f;
    } else if (n < 0x15) {
        s->attr[n] = val;
    }
    s->attr_is_data = !s->attr_is_data;
}

static void crtc_write(VGAState *s, uint8_t val)
{
    unsigned n = s->crtc_index;

    if (n > 0x18) {
        return;
    }
    /* Bit 7 of register 11h protects 0 to 7, but for one bit of 7. */
    if (n <= 7 && (s->crtc[0x11] & 0x80)) {
        if (n == 7) {
            s->crtc[7] = (s->crtc[7] & ~0x10) | (val & 0x10);
        }
        return;
    }
    s->crtc[n] = val;
}

/* Whether the port belongs to the other of the monochrome and colour sets. */
static bool hidden(const VGAState *s, uint16_t port)
{
    bool colour = s->misc & 1;

    return (colour && port >= 0x3b0 && port <= 0x3bf) ||
           (!colour && port >= 0x3d0 && port <= 0x3df);
}

uint8_t vga_port_read(VGAState *s, uint16_t port)
{
    if (hidden(s, port)) {
        return 0xff;
    }
    switch (port) {
    case 0x3c0:
        return s->attr_is_data ? 0 : s->attr_index;
    case 0x3c1:
        return (s->attr_index & 0x1f) < 0x15 ? s->attr[s->attr_index & 0x1f] : 0;
    case 0x3c2:
        return 0;
    case 0x3c4:
        return s->seq_index;
    case 0x3c5:
        return s->seq[s->seq_index];
    case 0x3c6:
        return s->dac_mask;
    case 0x3c7:
        return s->dac_state;
    case 0x3c8:
        return s->dac_write;
    case 0x3c9:
        return dac_read(s);
    case 0x3ca:
        return s->feature;
    case 0x3cc:
        return s->misc;
    case 0x3ce:
        return s->gfx_index;
    case 0x3cf:
        return s->gfx[s->gfx_index];
    case 0x3b4:
    case 0x3d4:
        return s->crtc_index;
    case 0x3b5:
    case 0x3d5:
        return s->crtc[s->crtc_index];
    case 0x3ba:
    case 0x3da:
        /* Retrace and display enable toggle: who waits for either sees it. */
        s->attr_is_data = false;
        s->status1 ^= 0x09;
        return s->status1;
    }
    return 0xff;
}

void vga_port_write(VGAState *s, uint16_t port, uint8_t val)
{
    if (hidden(s, port)) {
        return;
    }
    switch (port) {
    case 0x3c0:
    case 0x3c1:
        attr_write(s, val);
        break;
    case 0x3c2:
        s->misc = val & ~0x10;
        break;
    case 0x3c4:
        s->seq_index = val & 7;
        break;
    case 0x3c5:
        s->seq[s->seq_index] = val & seq_mask[s->seq_index];
        break;
    case 0x3c6:
        s->dac_mask = val;
        break;
    case 0x3c7:
        s->dac_read = val;
        s->dac_sub = 0;
        s->dac_state = 3;
        break;
    case 0x3c8:
        s->dac_write = val;
        s->dac_sub = 0;
        s->dac_state = 0;
        break;
    case 0x3c9:
        dac_data(s, val);
        break;
    case 0x3ce:
        s->gfx_index = val & 0xf;
        break;
    case 0x3cf:
        s->gfx[s->gfx_index] = val & gfx_mask[s->gfx_index];
        break;
    case 0x3b4:
    case 0x3d4:
        s->crtc_index = val & 0x1f;
        break;
    case 0x3b5:
    case 0x3d5:
        crtc_write(s, val);
        break;
    case 0x3ba:
    case 0x3da:
        s->feature = val & 0x10;
        break;
    }
}

/* --- Bochs VBE -------------------------------------------------------------------------------- */

uint32_t vga_vbe_stride(const VGAState *s)
{
    uint32_t width = s->vbe[VBE_VIRT_WIDTH], bpp = s->vbe[VBE_BPP];

    return bpp == 4 ? width / 8 : width * ((bpp + 7) / 8);
}

/* Keeps the visible part inside the virtual screen, and that inside the video RAM. */
static void vbe_fixup(VGAState *s)
{
    uint16_t *r = s->vbe;
    uint32_t stride, rows;

    switch (r[VBE_BPP]) {
    case 4:
    case 8:
    case 15:
    case 16:
    case 24:
    case 32:
        break;
    default:
        r[VBE_BPP] = 8;
    }
    r[VBE_XRES] = CLAMP(r[VBE_XRES] & ~7, 8, VBE_MAX_X);
    r[VBE_VIRT_WIDTH] = CLAMP(r[VBE_VIRT_WIDTH] & ~7, r[VBE_XRES], VBE_MAX_X);
    stride = vga_vbe_stride(s) * (r[VBE_BPP] == 4 ? 4 : 1);
    if ((uint64_t)stride > s->vram_size) {
        r[VBE_VIRT_WIDTH] = r[VBE_XRES];
        stride = vga_vbe_stride(s) * (r[VBE_BPP] == 4 ? 4 : 1);
    }
    rows = s->vram_size / stride;
    r[VBE_YRES] = CLAMP(r[VBE_YRES], 1, MIN(rows, (uint32_t)VBE_MAX_Y));
    r[VBE_VIRT_HEIGHT] = MIN(rows, 0xffffu);
    r[VBE_X_OFFSET] = MIN(r[VBE_X_OFFSET], r[VBE_VIRT_WIDTH] - r[VBE_XRES]);
    r[VBE_Y_OFFSET] = MIN(r[VBE_Y_OFFSET], r[VBE_VIRT_HEIGHT] - r[VBE_YRES]);
}

static void vbe_enable(VGAState *s, uint16_t val)
{
    bool on = (val & VBE_ENABLED) && !(s->vbe[VBE_ENABLE] & VBE_ENABLED);

    s->vbe[VBE_ENABLE] = val;
    if (on) {
        s->vbe[VBE_VIRT_WIDTH] = s->vbe[VBE_XRES];
        s->vbe[VBE_X_OFFSET] = s->vbe[VBE_Y_OFFSET] = 0;
        s->vbe[VBE_BANK] = 0;
        vbe_fixup(s);
        if (!(val & VBE_NOCLEAR)) {
            memset(s->vram, 0,
                   MIN((uint64_t)s->vbe[VBE_YRES] * vga_vbe_stride(s), (uint64_t)s->vram_size));
            memory_region_set_dirty(&s->mem, 0, s->vram_size);
        }
    }
}

uint16_t vga_vbe_read(const VGAState *s, unsigned reg)
{
    if (reg >= VBE_REGS) {
        return 0;
    }
    if (s->vbe[VBE_ENABLE] & VBE_GETCAPS) {
        switch (reg) {
        case VBE_XRES:
            return VBE_MAX_X;
        case VBE_YRES:
            return VBE_MAX_Y;
        case VBE_BPP:
            return 32;
        }
    }
    return reg == VBE_MEMORY_64K ? s->vram_size / (64 * KiB) : s->vbe[reg];
}

void vga_vbe_write(VGAState *s, unsigned reg, uint16_t val)
{
    switch (reg) {
    case VBE_ID:
        if (val >= 0xb0c0 && val <= 0xb0c5) {
            s->vbe[VBE_ID] = val;
        }
        break;
    case VBE_BANK:
        s->vbe[VBE_BANK] = val & (s->vram_size / (64 * KiB) - 1);
        break;
    case VBE_ENABLE:
        vbe_enable(s, val);
        break;
    case VBE_XRES:
    case VBE_YRES:
    case VBE_BPP:
    case VBE_VIRT_WIDTH:
    case VBE_X_OFFSET:
    case VBE_Y_OFFSET:
        s->vbe[reg] = val;
        if (s->vbe[VBE_ENABLE] & VBE_ENABLED) {
            vbe_fixup(s);
        }
        break;
    }
}

/* --- the window: four planes whose bytes lie beside each other in the video RAM ------------------
 */

/* Place in the selected part of the window; UINT32_MAX: outside. */
static uint32_t window_offset(const VGAState *s, hwaddr at)
{
    switch (s->gfx[GFX_MISC] >> 2 & 3) {
    case 0:
        return at;
    case 1:
        return at < 0x10000 ? at + (s->vbe[VBE_BANK] << 16) : UINT32_MAX;
    case 2:
        return at >= 0x10000 && at < 0x18000 ? at - 0x10000 : UINT32_MAX;
    default:
        return at >= 0x18000 ? at - 0x18000 : UINT32_MAX;
    }
}

static uint32_t planes_at(const VGAState *s, uint32_t at)
{
    return at * 4 & (s->vram_size - 1);
}

static uint8_t window_byte(VGAState *s, hwaddr offset)
{
    uint32_t at = window_offset(s, offset);
    unsigned plane = s->gfx[GFX_READ_MAP];

    if (at == UINT32_MAX) {
        return 0xff;
    }
    if (s->seq[SEQ_MEMORY_MODE] & SEQ_CHAIN4) {
        return s->vram[at & (s->vram_size - 1)];
    }
    if (s->gfx[GFX_MODE] & GFX_ODD_EVEN) {
        plane = (plane & 2) | (at & 1);
        at &= ~1u;
        return s->vram[(at << 1 | plane) & (s->vram_size - 1)];
    }
    memcpy(&s->latch, s->vram + planes_at(s, at), 4);
    if (s->gfx[GFX_MODE] & 8) { /* read mode 1: pixels of one colour */
        uint8_t match = 0xff;

        for (unsigned p = 0; p < 4; p++) {
            uint8_t byte = s->latch >> (8 * p), want = s->gfx[GFX_COMPARE] >> p & 1 ? 0xff : 0;

            if (s->gfx[GFX_DONT_CARE] >> p & 1) {
                match &= ~(byte ^ want);
            }
        }
        return match;
    }
    return s->latch >> (8 * plane);
}

/* A bit a plane, spread to a byte a plane. */
static uint32_t spread(uint8_t bits)
{
    return (bits & 1 ? 0xffu : 0) | (bits & 2 ? 0xff00u : 0) | (bits & 4 ? 0xff0000u : 0) |
           (bits & 8 ? 0xff000000u : 0);
}

/* What the four write modes make of a byte of the processor's and the latches. */
static uint32_t combine(const VGAState *s, uint8_t val)
{
    uint8_t rotate = s->gfx[GFX_ROTATE] & 7, mask = s->gfx[GFX_BIT_MASK];
    uint8_t rotated = val >> rotate | val << ((8 - rotate) & 7);
    uint32_t data = 0, bits;

    switch (s->gfx[GFX_MODE] & 3) {
    case 0:
        bits = spread(s->gfx[GFX_ENABLE_SR]);
        data = (rotated * 0x01010101u & ~bits) | (spread(s->gfx[GFX_SET_RESET]) & bits);
        break;
    case 1:
        return s->latch;
    case 2:
        data = spread(val);
        break;
    case 3:
        mask &= rotated;
        data = spread(s->gfx[GFX_SET_RESET]);
        break;
    }
    switch (s->gfx[GFX_ROTATE] >> 3 & 3) {
    case 1:
        data &= s->latch;
        break;
    case 2:
        data |= s->latch;
        break;
    case 3:
        data ^= s->latch;
        break;
    }
    bits = mask * 0x01010101u;
    return (data & bits) | (s->latch & ~bits);
}

static void window_put(VGAState *s, hwaddr offset, uint8_t val)
{
    uint32_t at = window_offset(s, offset), data, old, enabled;
    uint8_t map = s->seq[SEQ_MAP_MASK];

    if (at == UINT32_MAX) {
        return;
    }
    if (s->seq[SEQ_MEMORY_MODE] & SEQ_CHAIN4) {
        if (map >> (at & 3) & 1) {
            s->vram[at & (s->vram_size - 1)] = val;
        }
        return;
    }
    if (!(s->seq[SEQ_MEMORY_MODE] & SEQ_NO_ODD_EVEN)) {
        unsigned plane = at & 1;

        /* Even addresses are planes 0 and 2, odd ones 1 and 3. */
        for (at = (at & ~1u) << 1; plane < 4; plane += 2) {
            if (map >> plane & 1) {
                s->vram[(at | plane) & (s->vram_size - 1)] = val;
            }
        }
        return;
    }
    data = combine(s, val);
    enabled = spread(map);
    memcpy(&old, s->vram + planes_at(s, at), 4);
    data = (data & enabled) | (old & ~enabled);
    memcpy(s->vram + planes_at(s, at), &data, 4);
}

static uint64_t window_read(void *opaque, hwaddr offset, unsigned size)
{
    return window_byte(opaque, offset);
}

static void window_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    window_put(opaque, offset, data);
}

static const MemoryRegionOps window_ops = {
    .read = window_read,
    .write = window_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 8, .unaligned = true},
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

/* --- ports ------------------------------------------------------------------------------------ */

static uint64_t ports_read(void *opaque, hwaddr offset, unsigned size)
{
    return vga_port_read(opaque, 0x3b0 + offset);
}

static void ports_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    vga_port_write(opaque, 0x3b0 + offset, data);
}

static const MemoryRegionOps ports_ops = {
    .read = ports_read,
    .write = ports_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4, .unaligned = true},
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

/* 16-bit registers at neighbouring ports: the index at 0x1ce, the data at 0x1cf and 0x1d0. */
static uint64_t vbe_port_read(void *opaque, hwaddr offset, unsigned size)
{
    VGAState *s = opaque;

    return offset ? vga_vbe_read(s, s->vbe_index) : s->vbe_index;
}

static void vbe_port_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    VGAState *s = opaque;

    if (offset) {
        vga_vbe_write(s, s->vbe_index, data);
    } else {
        s->vbe_index = data;
    }
}

static const MemoryRegionOps vbe_port_ops = {
    .read = vbe_port_read,
    .write = vbe_port_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 2, .max_access_size = 2, .unaligned = true},
    .impl = {.min_access_size = 2, .max_access_size = 2, .unaligned = true},
};

/* --- life ------------------------------------------------------------------------------------- */

bool vga_init(VGAState *s, Object *owner, uint32_t size, GError **errp)
{
    qemu_mutex_init(&s->lock);
    if (!memory_region_init_ram(&s->mem, owner, "vga.vram", size, errp)) {
        qemu_mutex_destroy(&s->lock);
        return false;
    }
    s->vram = memory_region_get_ram_ptr(&s->mem);
    s->vram_size = size;
    return true;
}

void vga_map_legacy(VGAState *s, Object *owner, MemoryRegion *pci_mem)
{
    memory_region_init_io(&s->window, owner, &window_ops, s, "vga-lowmem", 0x20000);
    memory_region_set_lock(&s->window, &s->lock);
    memory_region_add_subregion_overlap(pci_mem, 0xa0000, &s->window, 1);
    memory_region_init_io(&s->ports, owner, &ports_ops, s, "vga", 0x30);
    memory_region_set_lock(&s->ports, &s->lock);
    memory_region_add_subregion_overlap(get_system_io(), 0x3b0, &s->ports, -1);
    memory_region_init_io(&s->vbe_ports, owner, &vbe_port_ops, s, "vbe", 4);
    memory_region_set_lock(&s->vbe_ports, &s->lock);
    memory_region_add_subregion_overlap(get_system_io(), 0x1ce, &s->vbe_ports, 0);
}

void vga_unmap_legacy(VGAState *s, MemoryRegion *pci_mem)
{
    memory_region_finalize(&s->window);
    memory_region_finalize(&s->ports);
    memory_region_finalize(&s->vbe_ports);
}

void vga_exit(VGAState *s)
{
    memory_region_finalize(&s->mem);
    qemu_mutex_destroy(&s->lock);
}

void vga_reset(VGAState *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    memset(s->seq, 0, sizeof(s->seq));
    memset(s->gfx, 0, sizeof(s->gfx));
    memset(s->crtc, 0, sizeof(s->crtc));
    memset(s->attr, 0, sizeof(s->attr));
    memset(s->dac, 0, sizeof(s->dac));
    memset(s->vbe, 0, sizeof(s->vbe));
    s->seq_index = s->gfx_index = s->crtc_index = s->attr_index = s->misc = s->feature = 0;
    s->attr_is_data = false;
    s->dac_mask = 0xff;
    s->dac_read = s->dac_write = s->dac_sub = s->dac_state = 0;
    s->latch = 0;
    s->vbe_index = 0;
    s->vbe[VBE_ID] = 0xb0c5;
    s->status1 = 0;
    memset(s->vram, 0, MIN(s->vram_size, (uint32_t)(256 * KiB)));
}

static void render(void *opaque, DisplaySurface *surface)
{
    VGAState *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    vga_draw(s, surface);
}

const GraphicOps vga_graphic_ops = {.render = render};
