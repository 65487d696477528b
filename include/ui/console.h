/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Graphic consoles: what a display device shows, as a picture made when somebody asks for it.  Main
 * loop only.
 */
#ifndef UI_CONSOLE_H
#define UI_CONSOLE_H

#include "hw/qdev-core.h"

#define SURFACE_MAX_SIDE 16384

/* Pixels 0x00RRGGBB, rows without gaps. */
typedef struct DisplaySurface {
    unsigned width, height;
    uint32_t *pixels;
    size_t allocated; /* pixels */
} DisplaySurface;

typedef struct GraphicOps {
    /* Draws the whole picture: surface_resize() first. */
    void (*render)(void *opaque, DisplaySurface *surface);
} GraphicOps;

typedef struct GraphicConsole GraphicConsole;

/* A console of dev; the first one is the primary. */
GraphicConsole *graphic_console_new(DeviceState *dev, const GraphicOps *ops, void *opaque);
void graphic_console_delete(GraphicConsole *con);
/* The console of the device with this id or path (NULL: the primary), or NULL with errp. */
GraphicConsole *graphic_console_find(const char *device, GError **errp);
/* The picture as it is now; the console's own until the next call. */
const DisplaySurface *graphic_console_render(GraphicConsole *con);

/* All pixels black; false when a side is 0 or too large (the surface is 640x480 then). */
bool surface_resize(DisplaySurface *s, unsigned width, unsigned height);

/* Writes a picture to an open file; false with errp. */
bool surface_write_ppm(const DisplaySurface *s, FILE *out, GError **errp);
bool surface_write_png(const DisplaySurface *s, FILE *out, GError **errp);

#endif
