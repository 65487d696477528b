/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The picture that VGA's registers and video RAM make: text, planes, CGA, 256 colours, Bochs VBE
 * modes. */
#include "hw/display/vga.h"

enum { ATTR_MODE = 0x10, ATTR_PLANES = 0x12, ATTR_SELECT = 0x14 };
enum { MODE_LINE_GRAPHICS = 0x04, MODE_BLINK = 0x08, MODE_SELECT = 0x80 };

/* --- colours ---------------------------------------------------------------------------------- */

static uint32_t dac_colour(const VGAState *s, uint8_t n)
{
    const uint8_t *c = &s->dac[(n & s->dac_mask) * 3];

    if ((s->vbe[VBE_ENABLE] & VBE_ENABLED) && (s->vbe[VBE_ENABLE] & VBE_8BIT_DAC)) {
        return c[0] << 16 | c[1] << 8 | c[2];
    }
    /* 6 bits: the top two again at the bottom. */
    return ((c[0] & 63) << 2 | (c[0] >> 4 & 3)) << 16 | ((c[1] & 63) << 2 | (c[1] >> 4 & 3)) << 8 |
           ((c[2] & 63) << 2 | (c[2] >> 4 & 3));
}

/* The 16 colours of text and planes, by way of the attribute controller's palette. */
static void palette16(const VGAState *s, uint32_t out[16])
{
    for (unsigned n = 0; n < 16; n++) {
        uint8_t v = s->attr[n] & 0x3f;

        if (s->attr[ATTR_MODE] & MODE_SELECT) {
            v = (s->attr[ATTR_SELECT] & 0xf) << 4 | (v & 0xf);
        } else {
            v |= (s->attr[ATTR_SELECT] & 0xc) << 4;
        }
        out[n] = dac_colour(s, v);
    }
}

static uint8_t ram(const VGAState *s, uint64_t at)
{
    return s->vram[at & (s->vram_size - 1)];
}

/* --- sizes from the CRT controller ------------------------------------------------------------ */

static unsigned columns(const VGAState *s)
{
    return s->crtc[1] + 1;
}

static unsigned lines(const VGAState *s)
{
    return (s->crtc[0x12] | (s->crtc[7] & 0x02) << 7 | (s->crtc[7] & 0x40) << 3) + 1;
}

static unsigned line_compare(const VGAState *s)
{
    return s->crtc[0x18] | (s->crtc[7] & 0x10) << 4 | (s->crtc[9] & 0x40) << 3;
}

static uint32_t start_address(const VGAState *s)
{
    return s->crtc[0xc] << 8 | s->crtc[0xd];
}

/* --- text ------------------------------------------------------------------------------------- */

typedef struct TextMode {
    unsigned cell_w, cell_h, cols, rows;
    uint32_t font[2], colours[16];
    unsigned cursor, cursor_from, cursor_to; /* cell, rows of it */
} TextMode;

/* Offset of a font in plane 2 by its 3-bit number. */
static uint32_t font_offset(unsigned n)
{
    return (n & 3) * 0x4000 + (n & 4 ? 0x2000 : 0);
}

static void draw_cell(const VGAState *s, const TextMode *m, uint32_t *out, unsigned width,
                      uint32_t cell)
{
    uint8_t ch = ram(s, cell * 4), attr = ram(s, cell * 4 + 1);
    bool blink = s->attr[ATTR_MODE] & MODE_BLINK;
    uint32_t fg = m->colours[attr & 0xf], bg = m->colours[attr >> 4 & (blink ? 7 : 0xf)];
    uint32_t glyph = m->font[attr & 8 ? 1 : 0] + ch * 32;
    bool join = (s->attr[ATTR_MODE] & MODE_LINE_GRAPHICS) && ch >= 0xc0 && ch <= 0xdf;

    for (unsigned y = 0; y < m->cell_h; y++, out += width) {
        uint8_t bits = ram(s, (uint64_t)(glyph + y) * 4 + 2);

        if (cell == m->cursor && y >= m->cursor_from && y <= m->cursor_to) {
            bits = 0xff;
        }
        for (unsigned x = 0; x < 8; x++) {
            out[x] = bits & (0x80 >> x) ? fg : bg;
        }
        if (m->cell_w == 9) {
            out[8] = join && (bits & 1) ? fg : bg;
        }
    }
}

static void draw_text(VGAState *s, DisplaySurface *surface)
{
    TextMode m = {
        .cell_w = s->seq[1] & 1 ? 8 : 9,
        .cell_h = (s->crtc[9] & 0x1f) + 1,
        .cols = columns(s),
        .cursor = s->crtc[0xe] << 8 | s->crtc[0xf],
        .cursor_from = s->crtc[0xa] & 0x1f,
        .cursor_to = s->crtc[0xb] & 0x1f,
    };
    unsigned map = s->seq[3], pitch = s->crtc[0x13] * 2;
    uint32_t start = start_address(s);

    m.rows = MAX(lines(s) / (m.cell_h << (s->crtc[9] >> 7)), 1u);
    m.font[0] = font_offset((map & 3) | (map >> 2 & 4));
    m.font[1] = font_offset((map >> 2 & 3) | (map >> 3 & 4));
    if (s->crtc[0xa] & 0x20) {
        m.cursor = UINT32_MAX;
    }
    palette16(s, m.colours);
    surface_resize(surface, m.cols * m.cell_w, m.rows * m.cell_h);
    for (unsigned row = 0; row < m.rows; row++) {
        for (unsigned col = 0; col < m.cols; col++) {
            draw_cell(s, &m,
                      surface->pixels + (size_t)row * m.cell_h * surface->width + col * m.cell_w,
                      surface->width, (start + row * pitch + col) & 0xffff);
        }
    }
}

/* --- graphics of VGA itself ------------------------------------------------------------------- */

/* Address of byte (plane column) x in scan line y: the low row bits may replace address bits 13
 * and 14. */
static uint32_t scan_address(const VGAState *s, uint32_t base, unsigned x, unsigned scan)
{
    uint32_t at = base + x;

    if (!(s->crtc[0x17] & 1)) {
        at = (at & ~0x2000u) | (scan & 1) << 13;
    }
    if (!(s->crtc[0x17] & 2)) {
        at = (at & ~0x4000u) | (scan & 2) << 13;
    }
    return at;
}

/* Eight pixels of four planes. */
static void planar_byte(const VGAState *s, const uint32_t colours[16], uint32_t at, uint32_t *out)
{
    uint8_t enabled = s->attr[ATTR_PLANES] & 0xf;

    for (unsigned bit = 0; bit < 8; bit++) {
        unsigned n = 0;

        for (unsigned p = 0; p < 4; p++) {
            n |= (ram(s, (uint64_t)at * 4 + p) >> (7 - bit) & 1) << p;
        }
        out[bit] = colours[n & enabled];
    }
}

/* Two bits a pixel, even bytes in plane 0, odd ones in plane 1. */
static void cga_byte(const VGAState *s, const uint32_t colours[16], uint32_t at, uint32_t *out)
{
    for (unsigned bit = 0; bit < 8; bit++) {
        uint8_t byte = ram(s, (uint64_t)at * 4 + bit / 4);

        out[bit] = colours[byte >> (6 - 2 * (bit & 3)) & 3];
    }
}

static void draw_line(const VGAState *s, unsigned shift, const uint32_t colours[16], uint32_t base,
                      unsigned scan, uint32_t *out, unsigned cols)
{
    for (unsigned c = 0; c < cols; c++) {
        uint32_t at = scan_address(s, base, c, scan);

        if (shift == 0) {
            planar_byte(s, colours, at, out + 8 * c);
        } else if (shift == 1) {
            cga_byte(s, colours, at, out + 8 * c);
        } else { /* four pixels of a byte, each twice as wide */
            for (unsigned x = 0; x < 8; x++) {
                out[8 * c + x] = dac_colour(s, ram(s, ((uint64_t)base + c) * 4 + x / 2));
            }
        }
    }
}

static void draw_graphics(VGAState *s, DisplaySurface *surface)
{
    unsigned shift = s->gfx[5] >> 5 & 3, cols = columns(s), height = lines(s);
    unsigned repeat = ((s->crtc[9] & 0x1f) + 1) << (s->crtc[9] >> 7);
    unsigned pitch = s->crtc[0x13] * 2, split = line_compare(s), first = 0;
    uint32_t colours[16], start = start_address(s);

    palette16(s, colours);
    surface_resize(surface, cols * 8, height);
    for (unsigned y = 0; y < surface->height; y++) {
        unsigned rows, scan;

        if (y == split + 1) {
            start = 0;
            first = y;
        }
        rows = (y - first) / repeat;
        scan = (y - first) % repeat >> (s->crtc[9] >> 7);
        draw_line(s, shift, colours, start + rows * pitch, scan,
                  surface->pixels + (size_t)y * surface->width, surface->width / 8);
    }
}

/* --- VBE modes -------------------------------------------------------------------------------- */

static uint32_t vbe_pixel(const VGAState *s, uint64_t row, unsigned x, unsigned bpp,
                          const uint32_t colours[16])
{
    uint32_t v;

    switch (bpp) {
    case 4:
        v = 0;
        for (unsigned p = 0; p < 4; p++) {
            v |= (ram(s, (row + x / 8) * 4 + p) >> (7 - x % 8) & 1) << p;
        }
        return colours[v];
    case 8:
        return dac_colour(s, ram(s, row + x));
    case 15:
        v = ram(s, row + 2 * x) | ram(s, row + 2 * x + 1) << 8;
        return (v >> 10 & 31) * 255 / 31 << 16 | (v >> 5 & 31) * 255 / 31 << 8 |
               (v & 31) * 255 / 31;
    case 16:
        v = ram(s, row + 2 * x) | ram(s, row + 2 * x + 1) << 8;
        return (v >> 11) * 255 / 31 << 16 | (v >> 5 & 63) * 255 / 63 << 8 | (v & 31) * 255 / 31;
    default:
        row += (uint64_t)x * (bpp / 8);
        return ram(s, row) | ram(s, row + 1) << 8 | ram(s, row + 2) << 16;
    }
}

static void draw_vbe(VGAState *s, DisplaySurface *surface)
{
    unsigned bpp = s->vbe[VBE_BPP], width = s->vbe[VBE_XRES];
    uint64_t stride = vga_vbe_stride(s);
    uint32_t colours[16];

    palette16(s, colours);
    surface_resize(surface, width, s->vbe[VBE_YRES]);
    for (unsigned y = 0; y < surface->height; y++) {
        uint64_t row = (y + s->vbe[VBE_Y_OFFSET]) * stride;

        for (unsigned x = 0; x < surface->width; x++) {
            surface->pixels[(size_t)y * surface->width + x] =
                vbe_pixel(s, row, x + s->vbe[VBE_X_OFFSET], bpp, colours);
        }
    }
}

void vga_draw(VGAState *s, DisplaySurface *surface)
{
    if (s->vbe[VBE_ENABLE] & VBE_ENABLED) {
        draw_vbe(s, surface);
    } else if (!(s->attr_index & 0x20) || (s->seq[1] & 0x20) || !s->crtc[1]) {
        surface_resize(surface, 640, 480); /* blank */
    } else if (s->gfx[6] & 1) {
        draw_graphics(s, surface);
    } else {
        draw_text(s, surface);
    }
}
