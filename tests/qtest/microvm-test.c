/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The microvm machine: what it has with each of its options, its ACPI tables, sleep and reset
 * registers, events. */
#include "libqtest.h"
#include "pci.h"

#include <string.h>

#define GED UINT64_C(0xfea00000)
#define GED_REGS UINT64_C(0xfea00200)
#define PLACES UINT64_C(0xfeb00000)

static QTestState *s;

static void start(const char *machine, const char *more)
{
    s = qtest_initf("-machine microvm%s -nodefaults -m 64 %s", machine, more);
}

/* --- parts ----------------------------------------------------------------------------------- */

static bool has_pic(void)
{
    qtest_outb(s, 0x21, 0x5a);
    return qtest_inb(s, 0x21) == 0x5a;
}

static bool has_pit(void)
{
    qtest_outb(s, 0x43, 0x34);
    qtest_outb(s, 0x40, 0);
    qtest_outb(s, 0x40, 0x80);
    qtest_outb(s, 0x43, 0xe2); /* read back the status of counter 0 */
    return (qtest_inb(s, 0x40) & 0x3f) == 0x34;
}

static bool has_rtc(void)
{
    qtest_outb(s, 0x70, 0x0d);
    return qtest_inb(s, 0x71) == 0x80; /* VRT */
}

static bool has_serial(void)
{
    qtest_outb(s, 0x3ff, 0x3c);
    return qtest_inb(s, 0x3ff) == 0x3c;
}

static bool has_ged(void)
{
    qtest_qmp_ok(s, "{'execute': 'system_powerdown'}");
    return qtest_readl(s, GED) == 2;
}

static unsigned count_places(void)
{
    unsigned n = 0;

    while (n < 40 && qtest_readl(s, PLACES + 0x200 * n) == 0x74726976) {
        n++;
    }
    return n;
}

static void test_parts(void)
{
    static const struct {
        const char *machine;
        bool pic, pit, rtc, serial;
        unsigned places;
    } t[] = {
        {"", true, true, true, true, 8},
        {",pic=off", false, true, true, true, 8},
        {",pit=off", true, false, true, true, 8},
        {",pit=off,pic=off,rtc=off,isa-serial=off", false, false, false, false, 8},
        {",rtc=on,acpi=off", true, true, true, true, 8},
        {",rtc=off", true, true, false, true, 8},
        {",isa-serial=off", true, true, true, false, 8},
        {",ioapic2=on", true, true, true, true, 24},
        {",pcie=on", true, true, true, true, 8},
        {",x-option-roms=off,auto-kernel-cmdline=off", true, true, true, true, 8},
    };

    for (unsigned n = 0; n < G_N_ELEMENTS(t); n++) {
        start(t[n].machine, "-serial null");
        g_assert_cmpint(has_pic(), ==, t[n].pic);
        g_assert_cmpint(has_pit(), ==, t[n].pit);
        g_assert_cmpint(has_rtc(), ==, t[n].rtc);
        g_assert_cmpint(has_serial(), ==, t[n].serial);
        g_assert_cmpuint(count_places(), ==, t[n].places);
        g_assert_cmpint(has_ged(), ==, !strstr(t[n].machine, "acpi=off"));
        qtest_system_reset(s);
        g_assert_cmpuint(count_places(), ==, t[n].places);
        qtest_quit(s);
    }
}

static void test_options(void)
{
    static const struct {
        const char *args, *text;
    } t[] = {
        {"-machine microvm,pcie=on,acpi=off", "acpi=on"},
        {"-machine microvm,ioapic2=on,acpi=off", "acpi=on"},
        {"-machine microvm -vga std", "no graphics card"},
        {"-machine microvm -parallel null", "no printer port"},
        {"-machine microvm -device pci-testdev", "No 'PCI' bus found"},
        {"-machine microvm -device nvme,serial=x", "bus found"},
    };
    g_autofree char *help = NULL;
    static const char *const props[] = {
        "pit=",     "pic=",  "rtc=",           "isa-serial=",         "pcie=",
        "ioapic2=", "acpi=", "x-option-roms=", "auto-kernel-cmdline="};

    for (unsigned n = 0; n < G_N_ELEMENTS(t); n++) {
        qtest_refused(t[n].text, "-accel qtest -display none -nodefaults %s", t[n].args);
    }
    g_assert_cmpint(qtest_run("-machine microvm,help", &help), ==, 0);
    for (unsigned n = 0; n < G_N_ELEMENTS(props); n++) {
        g_assert_nonnull(strstr(help, props[n]));
    }
}

/* Monitors find nothing amiss on a machine without PCI. */
static void test_monitor(void)
{
    static const struct {
        const char *command, *text;
    } hmp[] = {
        {"info qtree", "dev: virtio-mmio"},
        {"info mtree -f", "virtio-mmio"},
        {"info pic", "ioapic"},
        {"info cpus", "CPU #0"},
        {"info qom-tree", "/machine (microvm-machine)"},
        {"info block", ""},
        {"info virtio", ""},
    };

    for (unsigned pcie = 0; pcie < 2; pcie++) {
        start(pcie ? ",pcie=on" : "", pcie ? "-device pci-testdev" : "");
        for (unsigned n = 0; n < G_N_ELEMENTS(hmp); n++) {
            g_autofree char *text = qtest_hmp(s, "%s", hmp[n].command);

            if (!strstr(text, hmp[n].text) || strstr(text, "unknown command")) {
                g_error("%s: %s", hmp[n].command, text);
            }
        }
        qtest_qmp_ok(s, "{'execute': 'query-status'}");
        qtest_qmp_ok(s, "{'execute': 'query-cpus-fast'}");
        qtest_qmp_ok(s, "{'execute': 'x-query-virtio'}");
        qtest_qmp_ok(s, "{'execute': 'query-machines'}");
        qtest_quit(s);
    }
}

/* --- interrupts ------------------------------------------------------------------------------ */

static void test_ged(void)
{
    start("", "");
    qtest_irq_intercept_in(s, "/machine/ioapic");
    g_assert_cmphex(qtest_readl(s, GED), ==, 0);
    qtest_qmp_ok(s, "{'execute': 'system_powerdown'}");
    g_assert_cmphex(qtest_readl(s, GED), ==, 2);
    g_assert_cmphex(qtest_readl(s, GED), ==, 0); /* reading took it */
    qtest_get_irq(s, 9);
    g_assert_cmpuint(qtest_irq_raises(s, 9), ==, 1); /* an edge */
    g_assert_false(qtest_get_irq(s, 9));
    qtest_qmp_ok(s, "{'execute': 'system_powerdown'}");
    qtest_system_reset(s);
    g_assert_cmphex(qtest_readl(s, GED), ==, 0);
    qtest_quit(s);
}

/* ACPI 6.4, 4.8.3.6 and 4.8.3.7: sleep control and reset register. */
static void test_sleep_and_reset(void)
{
    json_object *event;

    start("", "-no-shutdown");
    qtest_writeb(s, GED_REGS, 5 << 2);        /* without SLP_EN */
    qtest_writeb(s, GED_REGS, 0x20 | 3 << 2); /* no such type */
    qtest_writeb(s, GED_REGS + 2, 0x41);
    qtest_qmp_ok(s, "{'execute': 'query-status'}");
    g_assert_false(qtest_qmp_has_event(s, "SHUTDOWN"));
    g_assert_false(qtest_qmp_has_event(s, "RESET"));
    g_assert_cmphex(qtest_readb(s, GED_REGS + 1), ==, 0);
    qtest_writeb(s, GED_REGS + 2, 0x42);
    event = qtest_qmp_event(s, "RESET");
    json_object_put(event);
    qtest_writeb(s, GED_REGS, 0x20 | 5 << 2);
    event = qtest_qmp_event(s, "SHUTDOWN");
    json_object_put(event);
    qtest_quit(s);
}

/* --- tables: as firmware gets them ----------------------------------------------------------- */

static uint16_t fw_select(const char *name, uint32_t *size)
{
    uint32_t count = 0;

    qtest_outw(s, 0x510, 0x19);
    for (int i = 0; i < 4; i++) {
        count = count << 8 | qtest_inb(s, 0x511);
    }
    for (uint32_t n = 0; n < count; n++) {
        uint8_t entry[64];

        for (unsigned i = 0; i < sizeof(entry); i++) {
            entry[i] = qtest_inb(s, 0x511);
        }
        if (!strcmp((char *)entry + 8, name)) {
            *size = (uint32_t)entry[0] << 24 | entry[1] << 16 | entry[2] << 8 | entry[3];
            return (uint16_t)(entry[4] << 8 | entry[5]);
        }
    }
    return 0;
}

static uint8_t *fw_file(const char *name, uint32_t *size)
{
    uint16_t key = fw_select(name, size);
    uint8_t *data;

    if (!key) {
        return NULL;
    }
    data = g_malloc(*size);
    qtest_outw(s, 0x510, key);
    for (uint32_t i = 0; i < *size; i++) {
        data[i] = qtest_inb(s, 0x511);
    }
    return data;
}

static const uint8_t *find(const uint8_t *blob, uint32_t size, const char *what, size_t len)
{
    return memmem(blob, size, what, len);
}

static uint32_t get32(const uint8_t *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static void test_tables(void)
{
    g_autofree uint8_t *blob = NULL;
    const uint8_t *fadt, *vr, *madt;
    uint32_t size;

    start("", "-device virtio-rng-device -device virtio-rng-device,bus=virtio-mmio-bus.5");
    blob = fw_file("etc/acpi/tables", &size);
    g_assert_nonnull(blob);
    fadt = find(blob, size, "FACP", 4);
    g_assert_nonnull(fadt);
    g_assert_cmpuint(get32(fadt + 4), ==, 276);
    g_assert_cmpuint(fadt[8], ==, 6);
    g_assert_cmphex(get32(fadt + 112), ==, 1u << 20 | 1u << 10); /* reduced, reset register */
    g_assert_cmphex(get32(fadt + 56), ==, 0);                    /* no PM1 block */
    g_assert_cmpuint(fadt[116], ==, 0);                          /* memory */
    g_assert_cmphex(get32(fadt + 120), ==, GED_REGS + 2);
    g_assert_cmphex(fadt[128], ==, 0x42);
    g_assert_cmphex(get32(fadt + 248), ==, GED_REGS);
    g_assert_cmphex(get32(fadt + 260), ==, GED_REGS + 1);
    madt = find(blob, size, "APIC", 4);
    g_assert_nonnull(madt);
    /* Places with a device are in the DSDT, others are not. */
    for (unsigned n = 0; n < 8; n++) {
        g_autofree char *name = g_strdup_printf("VR%02u", n);

        vr = find(blob, size, name, 4);
        g_assert_cmpint(vr != NULL, ==, n == 0 || n == 5);
        if (vr) {
            const uint8_t *crs = find(vr, 80, "\x86\x09\x00", 3);

            g_assert_cmpmem(vr + 4, 14, "\x08_HID\x0dLNRO0005", 14);
            g_assert_nonnull(crs);
            g_assert_cmphex(get32(crs + 4), ==, PLACES + 0x200 * n);
            g_assert_cmphex(get32(crs + 8), ==, 0x200);
            g_assert_cmphex(crs[12], ==, 0x89);
            g_assert_cmpuint(get32(crs + 17), ==, 16 + n);
        }
    }
    g_assert_null(find(blob, size, "MCFG", 4));
    qtest_quit(s);

    start(",pcie=on", "");
    g_free(blob);
    blob = fw_file("etc/acpi/tables", &size);
    g_assert_nonnull(find(blob, size, "MCFG", 4));
    qtest_quit(s);

    start(",acpi=off", "");
    g_assert_null(fw_file("etc/acpi/tables", &size));
    qtest_quit(s);
}

/* pcie=on: ECAM at its place, a function's registers there, its pin at interrupt 12 + (slot + pin)
 * mod 4. */
static void test_pcie(void)
{
    const uint64_t ecam = UINT64_C(0xe0000000), dev = ecam + (3 << 15);

    start(",pcie=on", "-device virtio-rng-pci,addr=3.0,id=r0");
    g_assert_cmphex(qtest_readl(s, ecam), ==, 0x00081b36);
    g_assert_cmphex(qtest_readw(s, dev), ==, 0x1af4);
    g_assert_cmphex(qtest_readl(s, ecam + (4 << 15)), ==, UINT32_MAX);
    qtest_writel(s, dev + 0x20, 0xc0000000); /* BAR 4 */
    qtest_writel(s, dev + 0x24, 0);
    qtest_writew(s, dev + 4, 6);
    g_assert_cmphex(qtest_readw(s, 0xc0000012), ==, 1); /* one queue */
    qtest_quit(s);
}

/* fw_cfg's boot order names the transport. */
static void test_bootindex(void)
{
    g_autofree uint8_t *order = NULL;
    uint32_t size;

    start("", "-blockdev null-co,node-name=n0,size=1M "
              "-device virtio-blk-device,drive=n0,bus=virtio-mmio-bus.2,bootindex=1");
    order = fw_file("bootorder", &size);
    g_assert_nonnull(order);
    g_assert_cmpstr((char *)order, ==, "/virtio-mmio@00000000feb00400/disk@0,0");
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/microvm/parts", test_parts);
    g_test_add_func("/microvm/options", test_options);
    g_test_add_func("/microvm/monitor", test_monitor);
    g_test_add_func("/microvm/ged", test_ged);
    g_test_add_func("/microvm/sleep-and-reset", test_sleep_and_reset);
    g_test_add_func("/microvm/tables", test_tables);
    g_test_add_func("/microvm/pcie", test_pcie);
    g_test_add_func("/microvm/bootindex", test_bootindex);
    return g_test_run();
}
