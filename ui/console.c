/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of graphic consoles, and pictures of them. */
#include "ui/console.h"

#include "monitor/hmp.h"
#include "qapi/qapi-commands.h"
#include "qemu/aio.h"

#include <fcntl.h>

struct GraphicConsole {
    DeviceState *dev;
    const GraphicOps *ops;
    void *opaque;
    DisplaySurface surface;
};

static GPtrArray *consoles;

GraphicConsole *graphic_console_new(DeviceState *dev, const GraphicOps *ops, void *opaque)
{
    GraphicConsole *con = g_new0(GraphicConsole, 1);

    assert_main_loop();
    if (!consoles) {
        consoles = g_ptr_array_new();
    }
    con->dev = dev;
    con->ops = ops;
    con->opaque = opaque;
    g_ptr_array_add(consoles, con);
    return con;
}

void graphic_console_delete(GraphicConsole *con)
{
    assert_main_loop();
    if (con) {
        g_ptr_array_remove(consoles, con);
        g_free(con->surface.pixels);
        g_free(con);
    }
}

GraphicConsole *graphic_console_find(const char *device, GError **errp)
{
    DeviceState *dev = NULL;

    if (device && !(dev = qdev_find(device, errp))) {
        return NULL;
    }
    for (unsigned n = 0; consoles && n < consoles->len; n++) {
        GraphicConsole *con = consoles->pdata[n];

        if (!dev || con->dev == dev) {
            return con;
        }
    }
    if (device) {
        error_setg(errp, "Device '%s' is no display", device);
    } else {
        error_setg(errp, "there is no display: the machine has no graphics card (-vga std)");
    }
    return NULL;
}

const DisplaySurface *graphic_console_render(GraphicConsole *con)
{
    assert_main_loop();
    con->ops->render(con->opaque, &con->surface);
    return &con->surface;
}

bool surface_resize(DisplaySurface *s, unsigned width, unsigned height)
{
    bool ok = width && height && width <= SURFACE_MAX_SIDE && height <= SURFACE_MAX_SIDE;
    size_t pixels;

    s->width = ok ? width : 640;
    s->height = ok ? height : 480;
    pixels = (size_t)s->width * s->height;
    if (pixels > s->allocated || pixels < s->allocated / 4) {
        g_free(s->pixels);
        s->pixels = g_new(uint32_t, pixels);
        s->allocated = pixels;
    }
    memset(s->pixels, 0, pixels * sizeof(uint32_t));
    return ok;
}

/* --- screendump ------------------------------------------------------------------------------- */

static bool dump(const char *filename, const char *device, bool png, GError **errp)
{
    GraphicConsole *con = graphic_console_find(device, errp);
    const DisplaySurface *s;
    FILE *out;
    bool ok;
    int fd;

    if (!con) {
        return false;
    }
    fd = open(filename, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    out = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!out) {
        error_setg_errno(errp, errno, "failed to open file '%s'", filename);
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    s = graphic_console_render(con);
    ok = png ? surface_write_png(s, out, errp) : surface_write_ppm(s, out, errp);
    if (fclose(out) && ok) {
        error_setg_errno(errp, errno, "failed to write file '%s'", filename);
        ok = false;
    }
    if (!ok) {
        unlink(filename);
    }
    return ok;
}

void qmp_screendump(const char *filename, const char *device, bool has_head, int64_t head,
                    bool has_format, ImageFormat format, GError **errp)
{
    if (has_head && !device) {
        error_setg(errp, "'head' must be specified together with 'device'");
    } else if (has_head && head != 0) {
        error_setg(errp, "Device '%s' has no head %" PRId64 ": there is only 0", device, head);
    } else {
        dump(filename, device, has_format && format == IMAGE_FORMAT_PNG, errp);
    }
}

/* screendump [-f FORMAT] FILE [DEVICE] */
static void hmp_screendump(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(GError) err = NULL;
    bool png = false;
    int n = 0;

    if (args->argc >= 3 && !strcmp(args->argv[0], "-f")) {
        png = !strcmp(args->argv[1], "png");
        if (!png && strcmp(args->argv[1], "ppm")) {
            monitor_printf(mon, "Error: format '%s' is not known: use ppm or png\n", args->argv[1]);
            return;
        }
        n = 2;
    }
    if (!dump(args->argv[n], args->argc > n + 1 ? args->argv[n + 1] : NULL, png, &err)) {
        hmp_report(mon, g_steal_pointer(&err));
    }
}
HMP_COMMAND(hmp_screendump, "screendump", "[-f ppm|png] file [device]",
            "save the screen as a picture", hmp_screendump, 1, 4);
