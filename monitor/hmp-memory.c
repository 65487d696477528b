/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Human monitor: looking at guest memory and ports. */
#include "monitor/hmp.h"
#include "qapi/keyval.h"
#include "qemu/osdep.h"
#include "system/memory.h"

/* A dump is for a screen. */
#define DUMP_MAX_ITEMS 65536

typedef struct DumpFormat {
    unsigned count, size; /* items, bytes of each */
    char style;           /* x, d, u, o, c */
} DumpFormat;

/* "8xw": how many, how shown, how big (b, h, w, g). */
static bool parse_format(const char *text, DumpFormat *f)
{
    *f = (DumpFormat){.count = 1, .size = 4, .style = 'x'};
    if (g_ascii_isdigit(*text)) {
        char *end;

        f->count = (unsigned)MIN(g_ascii_strtoull(text, &end, 10), DUMP_MAX_ITEMS);
        text = end;
    }
    for (; *text; text++) {
        const char *sizes = "bhwg", *s = strchr(sizes, *text);

        if (s) {
            f->size = 1u << (s - sizes);
        } else if (strchr("xduoc", *text)) {
            f->style = *text;
            f->size = *text == 'c' ? 1 : f->size;
        } else {
            return false;
        }
    }
    return true;
}

static void print_item(Monitor *mon, const DumpFormat *f, uint64_t v)
{
    int64_t s = (int64_t)(v << (64 - f->size * 8)) >> (64 - f->size * 8);

    switch (f->style) {
    case 'x':
        monitor_printf(mon, " 0x%0*" PRIx64, (int)f->size * 2, v);
        break;
    case 'o':
        monitor_printf(mon, " 0%" PRIo64, v);
        break;
    case 'u':
        monitor_printf(mon, " %" PRIu64, v);
        break;
    case 'd':
        monitor_printf(mon, " %" PRId64, s);
        break;
    default:
        monitor_printf(mon, g_ascii_isprint((char)v) ? " '%c'" : " '\\x%02x'", (int)v);
    }
}

static bool number(Monitor *mon, const char *text, uint64_t *v)
{
    GError *err = NULL;

    if (!parse_uint("address", text, UINT64_MAX, v, &err)) {
        hmp_report(mon, err);
        return false;
    }
    return true;
}

static void hmp_xp(Monitor *mon, const HmpArgs *args)
{
    DumpFormat f;
    uint64_t addr;
    unsigned per_line;

    if (!parse_format(args->format, &f)) {
        monitor_printf(
            mon,
            "invalid format '%s': COUNT, then x, d, u, o or c, then b, h, w or g is expected\n",
            args->format);
        return;
    }
    if (!number(mon, args->argv[0], &addr)) {
        return;
    }
    per_line = f.size == 8 ? 2 : f.size == 4 ? 4 : 8;
    for (unsigned i = 0; i < f.count; i++) {
        uint64_t v = 0;

        if (i % per_line == 0) {
            monitor_printf(mon, "%s%016" PRIx64 ":", i ? "\n" : "", addr);
        }
        if (address_space_load(&address_space_memory, addr, f.size, &v, MEMTXATTRS_UNSPECIFIED) !=
            MEMTX_OK) {
            monitor_printf(mon, "\nCannot access memory");
            break;
        }
        print_item(mon, &f, v);
        addr += f.size;
    }
    monitor_printf(mon, "\n");
}
HMP_COMMAND(hmp_xp, "xp", "/fmt addr", "show physical memory", hmp_xp, 1, 1);

static unsigned port_size(const HmpArgs *args)
{
    switch (*args->format) {
    case 'h':
        return 2;
    case 'w':
        return 4;
    default:
        return 1;
    }
}

static void hmp_port_read(Monitor *mon, const HmpArgs *args)
{
    unsigned size = port_size(args);
    uint64_t port, v = 0;

    if (!number(mon, args->argv[0], &port)) {
        return;
    }
    port &= 0xffff;
    address_space_load(&address_space_io, port, size, &v, MEMTXATTRS_UNSPECIFIED);
    monitor_printf(mon, "port%c[0x%04x] = 0x%0*" PRIx64 "\n",
                   size == 1   ? 'b'
                   : size == 2 ? 'w'
                               : 'l',
                   (unsigned)port, (int)size * 2, v);
}
HMP_COMMAND(hmp_port_read, "i", "/fmt addr", "read a port (fmt: b, h or w)", hmp_port_read, 1, 1);

static void hmp_port_write(Monitor *mon, const HmpArgs *args)
{
    uint64_t port, v;

    if (number(mon, args->argv[0], &port) && number(mon, args->argv[1], &v)) {
        address_space_store(&address_space_io, port & 0xffff, port_size(args), v,
                            MEMTXATTRS_UNSPECIFIED);
    }
}
HMP_COMMAND(hmp_port_write, "o", "/fmt addr value", "write a port (fmt: b, h or w)", hmp_port_write,
            2, 2);
