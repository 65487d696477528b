/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux bzImage (x86 boot protocol 2.06 and later): the protected-mode part goes to 1 MiB; entered
 * in 64-bit mode where the kernel says that it can be, else in 32-bit protected mode.
 */
#include "hw/i386/boot.h"
#include "hw/i386/pc.h"

#define LOAD_ADDR 0x100000u
#define SECTOR 512
#define HEADER_END 0x268 /* of the fields that are used here */

/* Offsets in the first sectors and in boot_params, which are the same. */
enum {
    OFF_ACPI_RSDP = 0x070,
    OFF_E820_COUNT = 0x1e8,
    OFF_SETUP_SECTS = 0x1f1,
    OFF_BOOT_FLAG = 0x1fe,
    OFF_JUMP = 0x200,
    OFF_MAGIC = 0x202,
    OFF_VERSION = 0x206,
    OFF_LOADER = 0x210,
    OFF_LOADFLAGS = 0x211,
    OFF_CODE32 = 0x214,
    OFF_RAMDISK = 0x218,
    OFF_RAMDISK_SIZE = 0x21c,
    OFF_HEAP_END = 0x224,
    OFF_CMDLINE = 0x228,
    OFF_INITRD_MAX = 0x22c,
    OFF_ALIGNMENT = 0x230,
    OFF_RELOCATABLE = 0x234,
    OFF_XLOADFLAGS = 0x236,
    OFF_CMDLINE_SIZE = 0x238,
    OFF_PREF_ADDRESS = 0x258,
    OFF_INIT_SIZE = 0x260,
    OFF_E820 = 0x2d0,
};
enum { LOADED_HIGH = BIT(0), CAN_USE_HEAP = BIT(7), XLF_KERNEL_64 = BIT(0) };
#define E820_MAX 128

static uint16_t word(const uint8_t *p, unsigned at)
{
    uint16_t v;

    memcpy(&v, p + at, 2);
    return v;
}

static uint32_t dword(const uint8_t *p, unsigned at)
{
    uint32_t v;

    memcpy(&v, p + at, 4);
    return v;
}

static uint64_t qword(const uint8_t *p, unsigned at)
{
    uint64_t v;

    memcpy(&v, p + at, 8);
    return v;
}

bool boot_is_bzimage(const uint8_t *head, size_t len)
{
    return len >= HEADER_END && word(head, OFF_BOOT_FLAG) == 0xaa55 &&
           !memcmp(head + OFF_MAGIC, "HdrS", 4);
}

/* What a kernel needs at its place: from where it is loaded, or wants to be, to the end of what it
 * unpacks. */
static uint64_t footprint_end(const uint8_t *h, uint64_t size)
{
    uint64_t end = LOAD_ADDR + size;

    if (word(h, OFF_VERSION) >= 0x20a) {
        end = MAX(end,
                  MAX(qword(h, OFF_PREF_ADDRESS), (uint64_t)LOAD_ADDR) + dword(h, OFF_INIT_SIZE));
    }
    return end;
}

static void fill_params(uint8_t *p, const uint8_t *h, BootPlan *plan, const BootEnv *env)
{
    unsigned header_end = MIN(OFF_MAGIC + h[OFF_JUMP + 1], 0x290);
    uint32_t v;
    unsigned n = MIN(env->n_e820, E820_MAX);

    memcpy(p + OFF_SETUP_SECTS, h + OFF_SETUP_SECTS, MAX(header_end, HEADER_END) - OFF_SETUP_SECTS);
    p[OFF_LOADER] = 0xff; /* a loader without a number of its own */
    p[OFF_LOADFLAGS] = (p[OFF_LOADFLAGS] | LOADED_HIGH) & ~CAN_USE_HEAP;
    v = LOAD_ADDR;
    memcpy(p + OFF_CODE32, &v, 4);
    v = plan->initrd_addr;
    memcpy(p + OFF_RAMDISK, &v, 4);
    v = plan->initrd_size;
    memcpy(p + OFF_RAMDISK_SIZE, &v, 4);
    v = BOOT_CMDLINE;
    memcpy(p + OFF_CMDLINE, &v, 4);
    memcpy(p + OFF_ACPI_RSDP, &env->rsdp, 8);
    p[OFF_E820_COUNT] = n;
    memcpy(p + OFF_E820, env->e820, n * sizeof(E820Entry));
}

/* The first 4 GiB, mapped to themselves with 2 MiB pages: what the 64-bit entry asks for, and more.
 */
static uint64_t add_page_tables(BootPlan *plan)
{
    enum { PRESENT_WRITE = 3, LARGE = 0x80, TABLES = 6 };
    g_autofree uint64_t *t = g_new0(uint64_t, TABLES * 512);

    t[0] = (BOOT_PAGE_TABLES + 0x1000) | PRESENT_WRITE;
    for (unsigned g = 0; g < 4; g++) {
        t[512 + g] = (BOOT_PAGE_TABLES + 0x2000 + 0x1000 * g) | PRESENT_WRITE;
        for (unsigned n = 0; n < 512; n++) {
            t[(2 + g) * 512 + n] =
                ((uint64_t)g << 30) + ((uint64_t)n << 21) + (LARGE | PRESENT_WRITE);
        }
    }
    boot_add_data(plan, BOOT_PAGE_TABLES, t, TABLES * 4096);
    return BOOT_PAGE_TABLES;
}

static void set_entry(BootPlan *plan, const uint8_t *h)
{
    X86BootRegs *r = &plan->regs;

    if (word(h, OFF_VERSION) >= 0x20c && (word(h, OFF_XLOADFLAGS) & XLF_KERNEL_64)) {
        r->mode = X86_BOOT_LONG64;
        r->rip = LOAD_ADDR + 0x200;
        r->cr3 = add_page_tables(plan);
    } else {
        r->mode = X86_BOOT_PROT32;
        r->rip = LOAD_ADDR;
    }
    r->rsi = BOOT_PARAMS;
    r->rsp = BOOT_PARAMS;
    boot_add_gdt(plan, r->mode == X86_BOOT_LONG64);
}

bool boot_bzimage(BootPlan *plan, const BootEnv *env, uint64_t file_size, GError **errp)
{
    g_autofree uint8_t *h = g_malloc0(4096), *params = g_malloc0(4096);
    const char *cmdline = env->cmdline ? env->cmdline : "";
    uint64_t setup, max_initrd;
    uint32_t max_cmdline;

    if (!boot_read(plan->kernel_fd, env->kernel, h, 0, MIN(file_size, 4096), errp)) {
        return false;
    }
    setup = ((h[OFF_SETUP_SECTS] ? h[OFF_SETUP_SECTS] : 4) + 1) * (uint64_t)SECTOR;
    if (word(h, OFF_VERSION) < 0x206 || !(h[OFF_LOADFLAGS] & LOADED_HIGH)) {
        error_setg(errp,
                   "-kernel %s: boot protocol %u.%02u is too old (2.06 and a bzImage are needed)",
                   env->kernel, h[OFF_VERSION + 1], h[OFF_VERSION]);
        return false;
    }
    if (setup >= file_size) {
        error_setg(errp,
                   "-kernel %s: damaged: the setup part (%" PRIu64 " bytes) is as long as the file",
                   env->kernel, setup);
        return false;
    }
    plan->kernel_end = footprint_end(h, file_size - setup);
    if (plan->kernel_end < LOAD_ADDR || plan->kernel_end > env->ram_low) {
        error_setg(errp,
                   "-kernel %s needs RAM up to 0x%" PRIx64 ", and there is RAM up to 0x%" PRIx64
                   "; give more with -m",
                   env->kernel, plan->kernel_end, env->ram_low);
        return false;
    }
    max_cmdline = dword(h, OFF_CMDLINE_SIZE) ? dword(h, OFF_CMDLINE_SIZE) : 255;
    if (strlen(cmdline) > max_cmdline) {
        error_setg(errp, "-append: %zu bytes are more than this kernel takes (%u)", strlen(cmdline),
                   max_cmdline);
        return false;
    }
    max_initrd = dword(h, OFF_INITRD_MAX) ? dword(h, OFF_INITRD_MAX) : 0x37ffffff;
    if (!boot_place_initrd(plan, env, max_initrd, errp)) {
        return false;
    }
    boot_add_file(plan, LOAD_ADDR, file_size - setup, plan->kernel_fd, setup, file_size - setup);
    boot_add_data(plan, BOOT_CMDLINE, cmdline, strlen(cmdline) + 1);
    fill_params(params, h, plan, env);
    boot_add_data(plan, BOOT_PARAMS, params, 4096);
    set_entry(plan, h);
    return true;
}
