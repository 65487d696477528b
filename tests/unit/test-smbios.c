/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMBIOS: every structure of a machine, what users change, both entry points, wrong options. */
#include "hw/smbios/smbios.h"

#include "qemu/error.h"

static const SmbiosMachine small = {
    .product = "A board",
    .version = "board-1",
    .uuid = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
             0xee, 0xff},
    .sockets = 2,
    .cores = 3,
    .threads = 2,
    .cpuid_eax = 0x12345678,
    .cpuid_edx = 0x9abcdef0,
    .ram_size = 6 * GiB,
    .ranges = {{0, 3 * GiB}, {4 * GiB, 3 * GiB}},
    .n_ranges = 2,
};

static SmbiosTables build(const SmbiosMachine *m)
{
    SmbiosTables t = {0};
    g_autoptr(GError) err = NULL;

    g_assert_true(smbios_build(m, &t, &err));
    g_assert_no_error(err);
    return t;
}

/* The n-th structure of a type, or NULL; checks the chain on its way. */
static const uint8_t *find(const SmbiosTables *t, unsigned type, unsigned n)
{
    const uint8_t *p = t->tables->data, *end = p + t->tables->len;

    while (p < end) {
        const uint8_t *s = p;

        g_assert_cmpint(end - p, >=, 6);
        p += p[1];
        while (p[0] || p[1]) {
            p++;
            g_assert_cmpint(end - p, >=, 2);
        }
        p += 2;
        if (s[0] == type && n-- == 0) {
            return s;
        }
        g_assert_true(s[0] != 127 || p == end); /* the end is the last */
    }
    return NULL;
}

static const char *string(const uint8_t *s, unsigned at)
{
    const char *p = (const char *)s + s[1];

    for (unsigned n = s[at]; n > 1; n--) {
        p += strlen(p) + 1;
    }
    return s[at] ? p : "";
}

static uint64_t get(const uint8_t *s, unsigned at, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, s + at, size);
    return v;
}

static uint8_t sum(const uint8_t *p, unsigned n)
{
    uint8_t v = 0;

    while (n--) {
        v += *p++;
    }
    return v;
}

static void ok(const char *text)
{
    g_autoptr(GError) err = NULL;

    smbios_add_option(text, &err);
    g_assert_no_error(err);
}

static void bad(const char *text, const char *word)
{
    g_autoptr(GError) err = NULL;

    g_assert_false(smbios_add_option(text, &err));
    g_test_message("%s", err->message);
    g_assert_nonnull(strstr(err->message, word));
}

static void test_defaults(void)
{
    SmbiosTables t = build(&small);
    const uint8_t *s = find(&t, 1, 0);

    g_assert_null(find(&t, 0, 0)); /* firmware's own */
    g_assert_null(find(&t, 2, 0));
    g_assert_cmpint(s[1], ==, 27);
    g_assert_cmpstr(string(s, 4), ==, "QEMU");
    g_assert_cmpstr(string(s, 5), ==, "A board");
    g_assert_cmpstr(string(s, 6), ==, "board-1");
    g_assert_cmpstr(string(s, 7), ==, "");
    g_assert_cmphex(get(s, 8, 4), ==, 0x00112233); /* little-endian */
    g_assert_cmphex(get(s, 12, 2), ==, 0x4455);
    g_assert_cmphex(s[16], ==, 0x88); /* as it is */
    g_assert_cmphex(s[24], ==, 6);
    g_assert_nonnull(find(&t, 3, 0));
    g_assert_nonnull(find(&t, 32, 0));
    g_assert_nonnull(find(&t, 127, 0));
    smbios_free(&t);
}

static void test_processors(void)
{
    SmbiosTables t = build(&small);
    const uint8_t *s = find(&t, 4, 1);

    g_assert_cmpint(s[1], ==, 48);
    g_assert_cmpstr(string(s, 4), ==, "CPU 1");
    g_assert_cmphex(get(s, 8, 8), ==, 0x9abcdef012345678);
    g_assert_cmphex(s[24], ==, 0x41);
    g_assert_cmpint(s[35], ==, 3);
    g_assert_cmpint(s[37], ==, 6);
    g_assert_cmpint(get(s, 46, 2), ==, 6);
    g_assert_null(find(&t, 4, 2));
    smbios_free(&t);
}

static void test_memory(void)
{
    SmbiosMachine m = small;
    SmbiosTables t = build(&m);
    const uint8_t *s = find(&t, 16, 0);

    g_assert_cmpint(s[1], ==, 23);
    g_assert_cmphex(get(s, 7, 4), ==, 6 * MiB);
    g_assert_cmpint(get(s, 13, 2), ==, 1);
    s = find(&t, 17, 0);
    g_assert_cmpint(s[1], ==, 40);
    g_assert_cmpint(get(s, 12, 2), ==, 6 * 1024);
    s = find(&t, 19, 1);
    g_assert_cmpint(s[1], ==, 31);
    g_assert_cmphex(get(s, 4, 4), ==, 4 * MiB);
    g_assert_cmphex(get(s, 8, 4), ==, 7 * MiB - 1);
    smbios_free(&t);

    /* More than the old fields hold. */
    m.ram_size = 40 * GiB * 1024;
    m.ranges[1].size = m.ram_size - 3 * GiB;
    t = build(&m);
    s = find(&t, 16, 0);
    g_assert_cmphex(get(s, 7, 4), ==, 0x80000000);
    g_assert_cmphex(get(s, 15, 8), ==, m.ram_size);
    g_assert_cmpint(get(find(&t, 17, 0), 12, 2), ==, 16 * 1024);
    s = find(&t, 19, 1);
    g_assert_cmphex(get(s, 4, 4), ==, UINT32_MAX);
    g_assert_cmphex(get(s, 15, 8), ==, 4 * GiB);
    smbios_free(&t);
}

static void test_options(void)
{
    SmbiosTables t;
    const uint8_t *s;

    ok("type=0,vendor=V,version=1,date=01/02/2003,release=4.5,uefi=on");
    ok("type=1,manufacturer=M,serial=S1,uuid=ffeeddcc-bbaa-9988-7766-554433221100");
    ok("type=1,serial=S2,family=F"); /* the last one counts */
    ok("type=2,product=B,asset=A");
    ok("type=3,asset=box");
    ok("type=4,sock_pfx=S,max-speed=4000,processor-family=0xc6");
    ok("type=8,internal_reference=in,external_reference=out,connector_type=4,port_type=0x10");
    ok("type=11,value=one,value=two");
    ok("type=11,value=three");
    ok("type=17,manufacturer=Maker,speed=3200");
    t = build(&small);
    s = find(&t, 0, 0);
    g_assert_cmpstr(string(s, 8), ==, "01/02/2003");
    g_assert_cmpint(s[20], ==, 4);
    g_assert_cmpint(s[21], ==, 5);
    g_assert_cmphex(s[19], ==, 0x1c);
    s = find(&t, 1, 0);
    g_assert_cmpstr(string(s, 4), ==, "M");
    g_assert_cmpstr(string(s, 7), ==, "S2");
    g_assert_cmpstr(string(s, 26), ==, "F");
    g_assert_cmphex(get(s, 8, 4), ==, 0xffeeddcc);
    g_assert_cmpstr(string(find(&t, 2, 0), 5), ==, "B");
    g_assert_cmpstr(string(find(&t, 3, 0), 8), ==, "box");
    s = find(&t, 4, 0);
    g_assert_cmpstr(string(s, 4), ==, "S 0");
    g_assert_cmpint(get(s, 20, 2), ==, 4000);
    g_assert_cmphex(get(s, 40, 2), ==, 0xc6);
    s = find(&t, 8, 0);
    g_assert_cmpstr(string(s, 4), ==, "in");
    g_assert_cmpstr(string(s, 6), ==, "out");
    g_assert_cmphex(s[8], ==, 0x10);
    s = find(&t, 11, 0);
    g_assert_cmpint(s[4], ==, 3);
    g_assert_cmpstr((const char *)s + 5, ==, "one");
    g_assert_cmpstr((const char *)s + 9, ==, "two");
    g_assert_cmpint(get(find(&t, 17, 0), 21, 2), ==, 3200);
    smbios_free(&t);
    smbios_reset_options();
}

static void test_entry_points(void)
{
    SmbiosMachine m = small;
    SmbiosTables t = build(&m);

    smbios_anchor_at(&t, 0xf8020);
    g_assert_cmpint(t.anchor_size, ==, 31);
    g_assert_cmpint(memcmp(t.anchor, "_SM_", 4), ==, 0);
    g_assert_cmphex(sum(t.anchor, 31), ==, 0);
    g_assert_cmphex(sum(t.anchor + 16, 15), ==, 0);
    g_assert_cmphex(get(t.anchor, 24, 4), ==, 0xf8020);
    g_assert_cmpint(get(t.anchor, 22, 2), ==, t.tables->len);
    g_assert_cmpint(get(t.anchor, 28, 2), ==, 1 + 1 + 2 + 1 + 1 + 2 + 1 + 1);
    smbios_free(&t);
    m.entry = SMBIOS_ENTRY_64;
    t = build(&m);
    smbios_anchor_at(&t, 0x123456789a);
    g_assert_cmpint(t.anchor_size, ==, 24);
    g_assert_cmpint(memcmp(t.anchor, "_SM3_", 5), ==, 0);
    g_assert_cmphex(sum(t.anchor, 24), ==, 0);
    g_assert_cmphex(get(t.anchor, 16, 8), ==, 0x123456789a);
    smbios_free(&t);
}

static void test_large_tables(void)
{
    g_autofree char *text = g_strdup_printf("type=11,value=%01000d", 0);
    SmbiosMachine m = small;
    SmbiosTables t = {0};
    g_autoptr(GError) err = NULL;

    for (int n = 0; n < 80; n++) {
        ok(text);
    }
    t = build(&m); /* auto: the other entry point */
    g_assert_cmpint(t.anchor_size, ==, 24);
    smbios_free(&t);
    m.entry = SMBIOS_ENTRY_32;
    g_assert_false(smbios_build(&m, &t, &err));
    g_assert_nonnull(strstr(err->message, "smbios-entry-point-type=64"));
    smbios_free(&t);
    smbios_reset_options();
}

static void test_files(void)
{
    g_autofree char *path = NULL, *text = NULL;
    int fd = g_file_open_tmp("smbios-XXXXXX", &path, NULL);
    static const uint8_t structure[] = {2, 8, 0x34, 0x12, 1, 2, 3, 4, 'x', 0, 0};
    SmbiosTables t;

    g_assert_cmpint(write(fd, structure, sizeof(structure)), ==, sizeof(structure));
    text = g_strdup_printf("file=%s", path);
    ok(text);
    bad("type=2,product=x", "as a file");
    bad(text, "other options");
    t = build(&small);
    g_assert_cmpint(memcmp(find(&t, 2, 0), structure, sizeof(structure)), ==, 0);
    smbios_free(&t);
    smbios_reset_options();
    g_assert_cmpint(ftruncate(fd, 9), ==, 0);
    bad(text, "two zero bytes");
    g_assert_cmpint(ftruncate(fd, 0), ==, 0);
    bad(text, "not one SMBIOS structure");
    close(fd);
    unlink(path);
    bad(text, "No such file");
}

static void test_errors(void)
{
    SmbiosTables t = {0};
    g_autoptr(GError) err = NULL;

    bad("type=5,x=y", "0, 1, 2");
    bad("type=one", "0, 1, 2");
    bad("type=1,colour=red", "manufacturer");
    bad("serial=1", "type=N");
    bad("type=11,text=1", "value=TEXT");
    ok("type=0,release=huge");
    g_assert_false(smbios_build(&small, &t, &err));
    g_assert_nonnull(strstr(err->message, "MAJOR.MINOR"));
    smbios_free(&t);
    smbios_reset_options();
    g_clear_error(&err);
    ok("type=4,max-speed=70000");
    g_assert_false(smbios_build(&small, &t, &err));
    g_assert_nonnull(strstr(err->message, "65535"));
    smbios_free(&t);
    smbios_reset_options();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smbios/defaults", test_defaults);
    g_test_add_func("/smbios/processors", test_processors);
    g_test_add_func("/smbios/memory", test_memory);
    g_test_add_func("/smbios/options", test_options);
    g_test_add_func("/smbios/entry-points", test_entry_points);
    g_test_add_func("/smbios/large", test_large_tables);
    g_test_add_func("/smbios/files", test_files);
    g_test_add_func("/smbios/errors", test_errors);
    return g_test_run();
}
