/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's SMBIOS structures and their entry point.  Offsets and values are those of DSP0134,
 * chapter 7. */
#include "hw/smbios/smbios.h"

#include "qemu/error.h"
#include "system/vl.h"

#define MAX_32 0xffff /* bytes of tables with the 32-bit entry point */
#define DIMM_SIZE (UINT64_C(16) * GiB)

enum {
    HANDLE_BIOS = 0x0000,
    HANDLE_SYSTEM = 0x0100,
    HANDLE_BOARD = 0x0200,
    HANDLE_CHASSIS = 0x0300,
    HANDLE_CPU = 0x0400,
    HANDLE_PORT = 0x0800,
    HANDLE_OEM = 0x0e00,
    HANDLE_ARRAY = 0x1000,
    HANDLE_DIMM = 0x1100,
    HANDLE_RANGE = 0x1300,
    HANDLE_BOOT = 0x2000,
    HANDLE_ONBOARD = 0x2900,
    HANDLE_END = 0x7f00
};

/* One structure being built: bytes, and strings that go behind them. */
typedef struct Structure {
    GByteArray *bytes, *strings;
    unsigned n_strings;
} Structure;

typedef struct Builder {
    GByteArray *out;
    unsigned count, largest;
} Builder;

/* --- structures
 * ---------------------------------------------------------------------------------------- */

static void put(Structure *s, uint64_t v, unsigned size)
{
    g_byte_array_append(s->bytes, (const uint8_t *)&v, size); /* little-endian, as the host */
}

static Structure begin(uint8_t type, uint16_t handle)
{
    Structure s = {g_byte_array_new(), g_byte_array_new(), 0};

    put(&s, type, 1);
    put(&s, 0, 1); /* length */
    put(&s, handle, 2);
    return s;
}

static void put_string(Structure *s, const char *text)
{
    if (!text || !*text) {
        put(s, 0, 1);
        return;
    }
    g_byte_array_append(s->strings, (const uint8_t *)text, strlen(text) + 1);
    put(s, ++s->n_strings, 1);
}

static void account(Builder *b, unsigned from)
{
    b->count++;
    b->largest = MAX(b->largest, b->out->len - from);
}

static void end(Builder *b, Structure *s)
{
    unsigned from = b->out->len;

    s->bytes->data[1] = s->bytes->len;
    g_byte_array_append(b->out, s->bytes->data, s->bytes->len);
    if (!s->n_strings) {
        g_byte_array_append(s->strings, (const uint8_t *)"", 1);
    }
    g_byte_array_append(s->strings, (const uint8_t *)"", 1);
    g_byte_array_append(b->out, s->strings->data, s->strings->len);
    g_byte_array_unref(s->bytes);
    g_byte_array_unref(s->strings);
    account(b, from);
}

/* --- what the user gave
 * -------------------------------------------------------------------------------- */

static const char *field(json_object *o, const char *name, const char *otherwise)
{
    json_object *v;

    return o && json_object_object_get_ex(o, name, &v) ? json_object_get_string(v) : otherwise;
}

static bool number(unsigned type, json_object *o, const char *name, uint64_t max, uint64_t *v,
                   GError **errp)
{
    const char *text = field(o, name, NULL);
    char *last;
    guint64 n;

    if (!text) {
        return true;
    }
    n = g_ascii_strtoull(text, &last, 0);
    if (*last || last == text || n > max) {
        error_setg(errp, "-smbios type=%u,%s=%s: a number up to %" PRIu64 " is expected", type,
                   name, text, max);
        return false;
    }
    *v = n;
    return true;
}

static bool absent(unsigned type)
{
    return !smbios_has_file(type);
}

/* --- types
 * --------------------------------------------------------------------------------------------- */

/* Only when asked for: firmware has one of its own. */
static bool add_bios(Builder *b, GError **errp)
{
    json_object *o = smbios_fields(0);
    unsigned major = 0, minor = 0;
    const char *release = field(o, "release", NULL), *uefi = field(o, "uefi", "off");
    Structure s;

    if (!o || !absent(0)) {
        return true;
    }
    if (release && (sscanf(release, "%u.%u", &major, &minor) != 2 || major > 255 || minor > 255)) {
        error_setg(errp, "-smbios type=0,release=%s: MAJOR.MINOR is expected, each up to 255",
                   release);
        return false;
    }
    if (strcmp(uefi, "on") && strcmp(uefi, "off")) {
        error_setg(errp, "-smbios type=0,uefi=%s: on or off is expected", uefi);
        return false;
    }
    s = begin(0, HANDLE_BIOS);
    put_string(&s, field(o, "vendor", NULL));
    put_string(&s, field(o, "version", NULL));
    put(&s, 0xe800, 2); /* segment of the code */
    put_string(&s, field(o, "date", NULL));
    put(&s, 0, 1); /* 64 KiB of ROM */
    put(&s, 8, 8); /* characteristics are not told */
    put(&s, 0, 1);
    put(&s, 0x10 | 0x04 | (*(uefi + 1) == 'n' ? 0x08 : 0),
        1); /* virtual machine, targeted content, UEFI */
    put(&s, release ? major : 0, 1);
    put(&s, release ? minor : 0, 1);
    put(&s, 0xff, 1); /* no embedded controller */
    put(&s, 0xff, 1);
    end(b, &s);
    return true;
}

/* The first three fields of a UUID are little-endian here. */
static void put_uuid(Structure *s, const uint8_t u[16])
{
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

    for (unsigned n = 0; n < 16; n++) {
        put(s, u[order[n]], 1);
    }
}

static bool add_system(Builder *b, const SmbiosMachine *m, GError **errp)
{
    json_object *o = smbios_fields(1);
    const char *text = field(o, "uuid", NULL);
    uint8_t uuid[16];
    Structure s;

    memcpy(uuid, m->uuid, 16);
    if (text && !uuid_parse(text, uuid)) {
        error_setg(errp,
                   "-smbios type=1,uuid=%s: not of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
                   text);
        return false;
    }
    if (!absent(1)) {
        return true;
    }
    s = begin(1, HANDLE_SYSTEM);
    put_string(&s, field(o, "manufacturer", "QEMU"));
    put_string(&s, field(o, "product", m->product));
    put_string(&s, field(o, "version", m->version));
    put_string(&s, field(o, "serial", NULL));
    put_uuid(&s, uuid);
    put(&s, 6, 1); /* woken by the power switch */
    put_string(&s, field(o, "sku", NULL));
    put_string(&s, field(o, "family", NULL));
    end(b, &s);
    return true;
}

static void add_board(Builder *b)
{
    json_object *o = smbios_fields(2);
    Structure s;

    if (!o || !absent(2)) {
        return;
    }
    s = begin(2, HANDLE_BOARD);
    put_string(&s, field(o, "manufacturer", "QEMU"));
    put_string(&s, field(o, "product", NULL));
    put_string(&s, field(o, "version", NULL));
    put_string(&s, field(o, "serial", NULL));
    put_string(&s, field(o, "asset", NULL));
    put(&s, 1, 1); /* hosting board */
    put_string(&s, field(o, "location", NULL));
    put(&s, HANDLE_CHASSIS, 2);
    put(&s, 10, 1); /* motherboard */
    put(&s, 0, 1);
    end(b, &s);
}

static void add_chassis(Builder *b, const SmbiosMachine *m)
{
    json_object *o = smbios_fields(3);
    Structure s;

    if (!absent(3)) {
        return;
    }
    s = begin(3, HANDLE_CHASSIS);
    put_string(&s, field(o, "manufacturer", "QEMU"));
    put(&s, 1, 1); /* other */
    put_string(&s, field(o, "version", m->version));
    put_string(&s, field(o, "serial", NULL));
    put_string(&s, field(o, "asset", NULL));
    put(&s, 3, 1); /* boot-up, power and thermal state: safe */
    put(&s, 3, 1);
    put(&s, 3, 1);
    put(&s, 2, 1); /* security: unknown */
    put(&s, 0, 4);
    put(&s, 0, 1); /* height, power cords */
    put(&s, 0, 1);
    put(&s, 0, 1); /* no elements, each of 0 bytes */
    put(&s, 0, 1);
    put_string(&s, field(o, "sku", NULL));
    end(b, &s);
}

static bool add_cpus(Builder *b, const SmbiosMachine *m, GError **errp)
{
    json_object *o = smbios_fields(4);
    uint64_t max_speed = 2000, speed = 2000, family = 0xfe,
             threads = (uint64_t)m->cores * m->threads;
    uint64_t id = m->cpuid_eax | (uint64_t)m->cpuid_edx << 32;

    if (!number(4, o, "max-speed", UINT16_MAX, &max_speed, errp) ||
        !number(4, o, "current-speed", UINT16_MAX, &speed, errp) ||
        !number(4, o, "processor-family", UINT16_MAX, &family, errp) ||
        !number(4, o, "processor-id", UINT64_MAX, &id, errp)) {
        return false;
    }
    for (unsigned n = 0; n < m->sockets && absent(4); n++) {
        g_autofree char *socket = g_strdup_printf("%s %u", field(o, "sock_pfx", "CPU"), n);
        Structure s = begin(4, HANDLE_CPU + n);

        put_string(&s, socket);
        put(&s, 3, 1);    /* central processor */
        put(&s, 0xfe, 1); /* family: see family 2 */
        put_string(&s, field(o, "manufacturer", "QEMU"));
        put(&s, id, 8);
        put_string(&s, field(o, "version", m->version));
        put(&s, 0, 1); /* voltage and external clock are unknown */
        put(&s, 0, 2);
        put(&s, max_speed, 2);
        put(&s, speed, 2);
        put(&s, 0x41, 1);   /* populated and enabled */
        put(&s, 1, 1);      /* upgrade: other */
        put(&s, 0xffff, 2); /* caches are not told */
        put(&s, 0xffff, 2);
        put(&s, 0xffff, 2);
        put_string(&s, field(o, "serial", NULL));
        put_string(&s, field(o, "asset", NULL));
        put_string(&s, field(o, "part", NULL));
        put(&s, MIN(m->cores, 0xffu), 1);
        put(&s, MIN(m->cores, 0xffu), 1);
        put(&s, MIN(threads, 0xffu), 1);
        put(&s, 2, 2);                           /* characteristics: unknown */
        put(&s, family == 0xfe ? 1 : family, 2); /* 1: other */
        put(&s, m->cores, 2);
        put(&s, m->cores, 2);
        put(&s, threads, 2);
        end(b, &s);
    }
    return true;
}

static bool add_ports(Builder *b, GError **errp)
{
    GPtrArray *list = smbios_repeated(8);

    for (unsigned n = 0; list && n < list->len; n++) {
        json_object *o = list->pdata[n];
        uint64_t connector = 0, port = 0;
        Structure s;

        if (!number(8, o, "connector_type", 255, &connector, errp) ||
            !number(8, o, "port_type", 255, &port, errp)) {
            return false;
        }
        s = begin(8, HANDLE_PORT + n);
        put_string(&s, field(o, "internal_reference", NULL));
        put(&s, 0, 1);
        put_string(&s, field(o, "external_reference", NULL));
        put(&s, connector, 1);
        put(&s, port, 1);
        end(b, &s);
    }
    return true;
}

static bool add_oem_strings(Builder *b, GError **errp)
{
    GPtrArray *list = smbios_repeated(11);
    Structure s;

    if (!list) {
        return true;
    }
    if (list->len > 255) {
        error_setg(errp, "-smbios type=11: %u strings; there can be 255", list->len);
        return false;
    }
    s = begin(11, HANDLE_OEM);
    put(&s, list->len, 1);
    for (unsigned n = 0; n < list->len; n++) {
        const char *path = field(list->pdata[n], "path", NULL);
        const char *text = field(list->pdata[n], "value", "");
        g_autofree char *data = NULL;
        gsize size;

        if (path && !g_file_get_contents(path, &data, &size, errp)) {
            g_prefix_error(errp, "-smbios type=11,path=%s: ", path);
            end(b, &s);
            return false;
        }
        text = path ? data : text;
        text = *text ? text : " "; /* an empty string would end the list */
        g_byte_array_append(s.strings, (const uint8_t *)text, strlen(text) + 1);
        s.n_strings++;
    }
    end(b, &s);
    return true;
}

static void add_array(Builder *b, const SmbiosMachine *m, unsigned n_dimms)
{
    uint64_t kib = m->ram_size / KiB;
    Structure s = begin(16, HANDLE_ARRAY);

    put(&s, 1, 1); /* location: other; use: system memory; errors: multi-bit ECC */
    put(&s, 3, 1);
    put(&s, 6, 1);
    put(&s, kib < 0x80000000u ? kib : 0x80000000u, 4);
    put(&s, 0xfffe, 2); /* no error information */
    put(&s, n_dimms, 2);
    put(&s, kib < 0x80000000u ? 0 : m->ram_size, 8);
    end(b, &s);
}

static bool add_dimms(Builder *b, const SmbiosMachine *m, unsigned n_dimms, GError **errp)
{
    json_object *o = smbios_fields(17);
    uint64_t speed = 0, left = m->ram_size;

    if (!number(17, o, "speed", UINT16_MAX, &speed, errp)) {
        return false;
    }
    for (unsigned n = 0; n < n_dimms; n++) {
        g_autofree char *place = g_strdup_printf("%s %u", field(o, "loc_pfx", "DIMM"), n);
        uint64_t size = MIN(left, DIMM_SIZE), mib = size / MiB;
        Structure s = begin(17, HANDLE_DIMM + n);

        left -= size;
        put(&s, HANDLE_ARRAY, 2);
        put(&s, 0xfffe, 2);
        put(&s, 0xffff, 2); /* widths are unknown */
        put(&s, 0xffff, 2);
        put(&s, mib < 0x7fff ? mib : 0x7fff, 2);
        put(&s, 9, 1); /* DIMM */
        put(&s, 0, 1);
        put_string(&s, place);
        put_string(&s, field(o, "bank", NULL));
        put(&s, 7, 1);    /* type: RAM */
        put(&s, 0x02, 2); /* detail: other */
        put(&s, speed, 2);
        put_string(&s, field(o, "manufacturer", "QEMU"));
        put_string(&s, field(o, "serial", NULL));
        put_string(&s, field(o, "asset", NULL));
        put_string(&s, field(o, "part", NULL));
        put(&s, 0, 1); /* rank */
        put(&s, mib < 0x7fff ? 0 : mib, 4);
        put(&s, speed, 2);
        put(&s, 0, 2); /* voltages */
        put(&s, 0, 2);
        put(&s, 0, 2);
        end(b, &s);
    }
    return true;
}

static void add_ranges(Builder *b, const SmbiosMachine *m)
{
    for (unsigned n = 0; n < m->n_ranges; n++) {
        uint64_t first = m->ranges[n].addr / KiB;
        uint64_t last = (m->ranges[n].addr + m->ranges[n].size) / KiB - 1;
        bool wide = last >= UINT32_MAX;
        Structure s = begin(19, HANDLE_RANGE + n);

        put(&s, wide ? UINT32_MAX : first, 4);
        put(&s, wide ? UINT32_MAX : last, 4);
        put(&s, HANDLE_ARRAY, 2);
        put(&s, 1, 1);
        put(&s, wide ? m->ranges[n].addr : 0, 8);
        put(&s, wide ? m->ranges[n].addr + m->ranges[n].size - 1 : 0, 8);
        end(b, &s);
    }
}

static void add_boot(Builder *b)
{
    Structure s = begin(32, HANDLE_BOOT);

    put(&s, 0, 6);
    put(&s, 0, 1); /* no errors */
    end(b, &s);
}

static bool add_onboard(Builder *b, GError **errp)
{
    GPtrArray *list = smbios_repeated(41);

    for (unsigned n = 0; list && n < list->len; n++) {
        json_object *o = list->pdata[n];
        static const char *const kinds[] = {"",     "other",    "unknown",   "video",
                                            "scsi", "ethernet", "tokenring", "sound",
                                            "pata", "sata",     "sas",       NULL};
        const char *kind = field(o, "kind", "other");
        uint64_t instance = 1;
        unsigned k = 1;
        Structure s;

        while (kinds[k] && strcmp(kinds[k], kind)) {
            k++;
        }
        if (!kinds[k] || field(o, "pcidev", NULL)) {
            error_setg(errp, "-smbios type=41: kind is other, unknown, video, scsi, ethernet, "
                             "tokenring, sound, pata, sata or sas; pcidev is not supported");
            return false;
        }
        if (!number(41, o, "instance", 255, &instance, errp)) {
            return false;
        }
        s = begin(41, HANDLE_ONBOARD + n);
        put_string(&s, field(o, "designation", NULL));
        put(&s, 0x80 | k, 1); /* enabled */
        put(&s, instance, 1);
        put(&s, 0xffff, 2); /* segment; bus and function: on none */
        put(&s, 0xff, 1);
        put(&s, 0xff, 1);
        end(b, &s);
    }
    return true;
}

static void add_files(Builder *b)
{
    GPtrArray *list = smbios_files();

    for (unsigned n = 0; list && n < list->len; n++) {
        gsize size;
        const uint8_t *data = g_bytes_get_data(list->pdata[n], &size);
        unsigned from = b->out->len;

        g_byte_array_append(b->out, data, size);
        account(b, from);
    }
}

/* --- entry point
 * --------------------------------------------------------------------------------------- */

static uint8_t negative_sum(const uint8_t *p, unsigned n)
{
    uint8_t sum = 0;

    while (n--) {
        sum += *p++;
    }
    return -sum;
}

void smbios_anchor_at(SmbiosTables *t, uint64_t addr)
{
    uint8_t *a = t->anchor;

    if (t->anchor_size == 24) {
        memcpy(a + 16, &addr, 8);
        a[5] = 0;
        a[5] = negative_sum(a, 24);
    } else {
        uint32_t low = addr;

        memcpy(a + 24, &low, 4);
        a[4] = a[21] = 0;
        a[21] = negative_sum(a + 16, 15);
        a[4] = negative_sum(a, 31);
    }
}

static void build_anchor(const Builder *b, bool wide, SmbiosTables *t)
{
    uint8_t *a = t->anchor;
    uint32_t size = b->out->len;
    uint16_t size16 = size, count = b->count, largest = b->largest;

    memset(a, 0, SMBIOS_ANCHOR_MAX);
    if (wide) {
        memcpy(a, "_SM3_", 5);
        a[6] = t->anchor_size = 24;
        a[7] = 3;
        a[10] = 1;
        memcpy(a + 12, &size, 4);
    } else {
        memcpy(a, "_SM_", 4);
        a[5] = t->anchor_size = 31;
        a[6] = 2;
        a[7] = 8;
        memcpy(a + 8, &largest, 2);
        memcpy(a + 16, "_DMI_", 5);
        memcpy(a + 22, &size16, 2);
        memcpy(a + 28, &count, 2);
        a[30] = 0x28;
    }
    smbios_anchor_at(t, 0);
}

static bool add_all(Builder *b, const SmbiosMachine *m, GError **errp)
{
    unsigned n_dimms = MIN(DIV_ROUND_UP(m->ram_size, DIMM_SIZE), 0x1ffu);
    Structure s;

    add_files(b);
    if (!add_bios(b, errp) || !add_system(b, m, errp)) {
        return false;
    }
    add_board(b);
    add_chassis(b, m);
    if (!add_cpus(b, m, errp) || !add_ports(b, errp) || !add_oem_strings(b, errp)) {
        return false;
    }
    add_array(b, m, n_dimms);
    if (!add_dimms(b, m, n_dimms, errp)) {
        return false;
    }
    add_ranges(b, m);
    add_boot(b);
    if (!add_onboard(b, errp)) {
        return false;
    }
    s = begin(127, HANDLE_END);
    end(b, &s);
    return true;
}

bool smbios_build(const SmbiosMachine *m, SmbiosTables *t, GError **errp)
{
    Builder b = {g_byte_array_new(), 0, 0};
    bool ok = add_all(&b, m, errp);

    if (ok && b.out->len > MAX_32 && m->entry == SMBIOS_ENTRY_32) {
        error_setg(errp,
                   "SMBIOS tables of %u bytes do not fit the 32-bit entry point; use "
                   "-machine smbios-entry-point-type=64",
                   b.out->len);
        ok = false;
    }
    t->tables = b.out;
    if (ok) {
        build_anchor(&b, m->entry == SMBIOS_ENTRY_64 || b.out->len > MAX_32, t);
    }
    return ok;
}

void smbios_free(SmbiosTables *t)
{
    g_clear_pointer(&t->tables, g_byte_array_unref);
}
