/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures as files: PPM by hand, PNG by libpng, which is loaded when the first one is written. */
#include "ui/console.h"

#include <dlfcn.h>
#include <png.h>

bool surface_write_ppm(const DisplaySurface *s, FILE *out, GError **errp)
{
    g_autofree uint8_t *row = g_malloc(3 * s->width);
    bool ok = fprintf(out, "P6\n%u %u\n255\n", s->width, s->height) > 0;

    for (unsigned y = 0; ok && y < s->height; y++) {
        const uint32_t *p = s->pixels + (size_t)y * s->width;

        for (unsigned x = 0; x < s->width; x++) {
            row[3 * x] = p[x] >> 16;
            row[3 * x + 1] = p[x] >> 8;
            row[3 * x + 2] = p[x];
        }
        ok = fwrite(row, 3, s->width, out) == s->width;
    }
    if (!ok) {
        error_setg_errno(errp, errno, "failed to write the picture");
    }
    return ok;
}

typedef int PngWrite(png_imagep image, FILE *file, int convert, const void *buffer, int stride,
                     const void *colormap);

static PngWrite *load_libpng(GError **errp)
{
    static PngWrite *fn;
    void *lib;

    if (!fn) {
        lib = dlopen("libpng16.so.16", RTLD_NOW | RTLD_LOCAL);
        fn = lib ? (PngWrite *)(uintptr_t)dlsym(lib, "png_image_write_to_stdio") : NULL;
    }
    if (!fn) {
        error_setg(errp,
                   "format png needs libpng16.so.16 (Debian package libpng16-16); use format ppm");
    }
    return fn;
}

bool surface_write_png(const DisplaySurface *s, FILE *out, GError **errp)
{
    PngWrite *write = load_libpng(errp);
    g_autofree uint8_t *rgb = NULL;
    png_image image = {
        .version = PNG_IMAGE_VERSION,
        .width = s->width,
        .height = s->height,
        .format = PNG_FORMAT_RGB,
    };

    if (!write) {
        return false;
    }
    rgb = g_malloc((size_t)3 * s->width * s->height);
    for (size_t n = 0; n < (size_t)s->width * s->height; n++) {
        rgb[3 * n] = s->pixels[n] >> 16;
        rgb[3 * n + 1] = s->pixels[n] >> 8;
        rgb[3 * n + 2] = s->pixels[n];
    }
    if (!write(&image, out, 0, rgb, 3 * s->width, NULL)) {
        error_setg(errp, "failed to write the picture: %s", image.message);
        return false;
    }
    return true;
}
