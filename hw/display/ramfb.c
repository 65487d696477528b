/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ramfb: a picture in guest memory whose place the guest writes into the fw_cfg file etc/ramfb:
 * address 8 bytes, format 4 (a DRM fourcc), flags 4, width 4, height 4, bytes a line 4, all
 * big-endian.
 */
#include "hw/nvram/fw_cfg.h"
#include "hw/qdev-core.h"
#include "system/memory.h"
#include "ui/console.h"

#define TYPE_RAMFB "ramfb"
#define RAMFB_FILE "etc/ramfb"
#define MAX_SIDE 8192

#define FOURCC(a, b, c, d) \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

typedef struct QEMU_PACKED RamfbConfig {
    uint64_t addr;
    uint32_t fourcc, flags, width, height, stride;
} RamfbConfig;
G_STATIC_ASSERT(sizeof(RamfbConfig) == 28);

typedef struct Ramfb {
    SysBusDevice parent_obj;
    FWCfgState *fw_cfg;
    GraphicConsole *console;
} Ramfb;

/* Bytes a pixel; 0: a format that is not known. */
static unsigned pixel_size(uint32_t fourcc)
{
    switch (fourcc) {
    case FOURCC('X', 'R', '2', '4'):
    case FOURCC('A', 'R', '2', '4'):
        return 4;
    case FOURCC('R', 'G', '2', '4'):
        return 3;
    case FOURCC('R', 'G', '1', '6'):
        return 2;
    default:
        return 0;
    }
}

static uint32_t to_rgb(const uint8_t *p, unsigned size)
{
    if (size == 2) {
        unsigned v = p[0] | p[1] << 8, r = v >> 11, g = v >> 5 & 0x3f, b = v & 0x1f;

        return (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2);
    }
    return p[0] | p[1] << 8 | (uint32_t)p[2] << 16;
}

/* What the guest wrote, in the host's order; false: nothing that is a picture. */
static bool read_config(Ramfb *s, RamfbConfig *c)
{
    unsigned size;

    if (!fw_cfg_read_file(s->fw_cfg, RAMFB_FILE, c, sizeof(*c))) {
        return false;
    }
    c->addr = GUINT64_FROM_BE(c->addr);
    c->fourcc = GUINT32_FROM_BE(c->fourcc);
    c->width = GUINT32_FROM_BE(c->width);
    c->height = GUINT32_FROM_BE(c->height);
    c->stride = GUINT32_FROM_BE(c->stride);
    size = pixel_size(c->fourcc);
    if (!size || !c->width || !c->height || c->width > MAX_SIDE || c->height > MAX_SIDE) {
        return false;
    }
    c->stride = c->stride ? c->stride : c->width * size;
    return c->stride >= c->width * size && c->stride <= 4 * MAX_SIDE * 4 &&
           c->addr + (uint64_t)c->stride * c->height >= c->addr;
}

static void render(void *opaque, DisplaySurface *surface)
{
    Ramfb *s = opaque;
    RamfbConfig c;
    g_autofree uint8_t *line = NULL;
    unsigned size;

    if (!read_config(s, &c)) {
        surface_resize(surface, 640, 480); /* black */
        return;
    }
    if (!surface_resize(surface, c.width, c.height)) {
        return;
    }
    size = pixel_size(c.fourcc);
    line = g_malloc(c.width * size);
    for (unsigned y = 0; y < c.height; y++) {
        uint32_t *out = surface->pixels + (size_t)y * c.width;

        if (dma_memory_read(&address_space_memory, c.addr + (uint64_t)y * c.stride, line,
                            c.width * size, MEMTXATTRS_UNSPECIFIED) != MEMTX_OK) {
            return; /* the rest stays black */
        }
        for (unsigned x = 0; x < c.width; x++) {
            out[x] = to_rgb(line + x * size, size);
        }
    }
}

static const GraphicOps ramfb_graphic_ops = {.render = render};

static bool ramfb_realize(DeviceState *dev, GError **errp)
{
    Ramfb *s = (Ramfb *)dev;
    RamfbConfig none = {0};

    s->fw_cfg = fw_cfg_find();
    if (!s->fw_cfg) {
        error_setg(errp, "ramfb: this machine has no fw_cfg, through which the guest sets it up");
        return false;
    }
    if (fw_cfg_has_file(s->fw_cfg, RAMFB_FILE)) {
        error_setg(errp, "ramfb: the machine has one already");
        return false;
    }
    if (!fw_cfg_add_file(s->fw_cfg, RAMFB_FILE, &none, sizeof(none), true, errp)) {
        return false;
    }
    s->console = graphic_console_new(dev, &ramfb_graphic_ops, s);
    return true;
}

static void ramfb_unrealize(DeviceState *dev)
{
    graphic_console_delete(((Ramfb *)dev)->console);
}

static void ramfb_reset(DeviceState *dev)
{
    RamfbConfig none = {0};

    fw_cfg_add_file(((Ramfb *)dev)->fw_cfg, RAMFB_FILE, &none, sizeof(none), true, NULL);
}

static void ramfb_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "picture in guest memory, set up through fw_cfg";
    dc->category = DEVICE_CATEGORY_DISPLAY;
    dc->hotpluggable = false;
    dc->user_creatable = true;
    dc->realize = ramfb_realize;
    dc->unrealize = ramfb_unrealize;
    dc->reset = ramfb_reset;
}

static const TypeInfo ramfb_info = {
    .name = TYPE_RAMFB,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(Ramfb),
    .class_init = ramfb_class_init,
};
QOM_TYPE(ramfb_info);
