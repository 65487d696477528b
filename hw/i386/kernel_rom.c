/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -kernel with firmware: the parts of a bzImage as fw_cfg items, with the fields of its header that
 * a boot loader fills in, and the option ROM that starts it when its turn comes.
 */
#include "hw/i386/firmware.h"
#include "system/datadir.h"

#define KERNEL_MAX (1 * GiB)
#define SETUP_ADDR 0x10000
#define KERNEL_ADDR 0x100000
/* The firmware's own tables lie at the top of RAM. */
#define FIRMWARE_TABLES 0x40000
#define LINUXBOOT_ROM "linuxboot_dma.bin"

enum {
    HDR_SETUP_SECTS = 0x1f1,
    HDR_VERSION = 0x206,
    HDR_LOADER = 0x210,
    HDR_LOADFLAGS = 0x211,
    HDR_RAMDISK = 0x218,
    HDR_RAMDISK_SIZE = 0x21c,
    HDR_HEAP_END = 0x224,
    HDR_CMDLINE = 0x228,
    HDR_INITRD_MAX = 0x22c,
};

static void put32(uint8_t *p, unsigned at, uint32_t v)
{
    v = GUINT32_TO_LE(v);
    memcpy(p + at, &v, 4);
}

static uint32_t get32(const uint8_t *p, unsigned at)
{
    uint32_t v;

    memcpy(&v, p + at, 4);
    return GUINT32_FROM_LE(v);
}

/* What a loader tells the kernel in its header (x86 boot protocol 2.02 and later). */
static void fill_header(uint8_t *setup, uint32_t initrd_addr, uint32_t initrd_size)
{
    enum { CAN_USE_HEAP = 0x80, LOADER_UNDEFINED = 0xb0 };
    uint16_t version = setup[HDR_VERSION] | setup[HDR_VERSION + 1] << 8;

    setup[HDR_LOADER] = LOADER_UNDEFINED;
    if (version >= 0x201) {
        uint16_t heap_end = GUINT16_TO_LE(BOOT_CMDLINE - SETUP_ADDR - 0x200);

        setup[HDR_LOADFLAGS] |= CAN_USE_HEAP;
        memcpy(setup + HDR_HEAP_END, &heap_end, 2);
    }
    put32(setup, HDR_CMDLINE, BOOT_CMDLINE);
    put32(setup, HDR_RAMDISK, initrd_addr);
    put32(setup, HDR_RAMDISK_SIZE, initrd_size);
}

static bool export_initrd(PCMachineState *pc, const uint8_t *setup, uint32_t *addr, uint32_t *size,
                          GError **errp)
{
    MachineState *ms = MACHINE(pc);
    uint16_t version = setup[HDR_VERSION] | setup[HDR_VERSION + 1] << 8;
    uint64_t end = version >= 0x203 ? (uint64_t)get32(setup, HDR_INITRD_MAX) + 1 : 0x38000000;
    g_autofree uint8_t *data = NULL;
    size_t len;

    *addr = *size = 0;
    if (!ms->initrd_filename) {
        return true;
    }
    data = datadir_read("-initrd", ms->initrd_filename, KERNEL_MAX, &len, errp);
    if (!data) {
        return false;
    }
    end = MIN(end, pc->ram_below_4g - FIRMWARE_TABLES);
    if (len + 16 * MiB > end) {
        error_setg(errp,
                   "-initrd %s: %zu bytes do not fit into RAM below 0x%" PRIx64
                   "; give more memory with -m",
                   ms->initrd_filename, len, end);
        return false;
    }
    *addr = ALIGN_DOWN(end - len, UINT64_C(4096));
    *size = len;
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_INITRD_ADDR, *addr);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_INITRD_SIZE, *size);
    fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_INITRD_DATA, data, len);
    return true;
}

bool pc_export_kernel(PCMachineState *pc, GError **errp)
{
    MachineState *ms = MACHINE(pc);
    const char *cmdline = ms->kernel_cmdline ? ms->kernel_cmdline : "";
    g_autofree uint8_t *kernel = NULL;
    g_autofree char *rom = NULL;
    uint32_t initrd_addr, initrd_size;
    size_t size, setup;

    if (!ms->kernel_filename) {
        return true;
    }
    kernel = datadir_read("-kernel", ms->kernel_filename, KERNEL_MAX, &size, errp);
    if (!kernel) {
        return false;
    }
    if (!boot_is_bzimage(kernel, size)) {
        error_setg(errp,
                   "-kernel %s with -bios: only a bzImage can be handed to firmware; without -bios "
                   "PVH and multiboot images are started, too",
                   ms->kernel_filename);
        return false;
    }
    if (strlen(cmdline) >= BOOT_CMDLINE_MAX) {
        error_setg(errp, "-append: the command line is longer than %d bytes", BOOT_CMDLINE_MAX - 1);
        return false;
    }
    setup = MIN(((kernel[HDR_SETUP_SECTS] ? kernel[HDR_SETUP_SECTS] : 4) + 1) * 512u, size);
    if (!export_initrd(pc, kernel, &initrd_addr, &initrd_size, errp)) {
        return false;
    }
    fill_header(kernel, initrd_addr, initrd_size);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_SETUP_ADDR, SETUP_ADDR);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_SETUP_SIZE, setup);
    fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_SETUP_DATA, kernel, setup);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_KERNEL_ADDR, KERNEL_ADDR);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_KERNEL_SIZE, size - setup);
    fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_KERNEL_DATA, kernel + setup, size - setup);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_CMDLINE_ADDR, BOOT_CMDLINE);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_CMDLINE_SIZE, strlen(cmdline) + 1);
    fw_cfg_add_string(pc->fw_cfg, FW_CFG_CMDLINE_DATA, cmdline);

    if (pc->board->no_option_roms) {
        return true; /* the firmware itself starts it */
    }
    rom = datadir_find("-kernel with -bios: option ROM", LINUXBOOT_ROM, errp);
    return rom && pc_add_option_rom(pc, rom, 0, errp);
}
