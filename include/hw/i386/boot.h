/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting a kernel without firmware.
 *
 * A plan says what to put where in RAM and how the boot processor begins.  It is made once, from
 * the files, and carried out at each reset: RAM that a guest has written over is right again.  Main
 * loop.
 */
#ifndef HW_I386_BOOT_H
#define HW_I386_BOOT_H

#include "hw/i386/cpu.h"

typedef struct BootSegment {
    uint64_t addr, mem_size; /* in guest memory; behind the data it is zeroed */
    int fd;                  /* -1: data */
    uint64_t offset, size;   /* in the file, or of data */
    void *data;              /* owned */
} BootSegment;

typedef struct BootPlan {
    GArray *segments; /* BootSegment */
    int kernel_fd, initrd_fd;
    char *kernel_name;
    uint64_t kernel_end; /* first byte behind everything that the kernel needs at its place */
    uint64_t initrd_addr, initrd_size;
    X86BootRegs regs;
} BootPlan;

/* What the loaders must know of the machine. */
typedef struct BootEnv {
    uint8_t *ram;                          /* host address of guest address 0 */
    uint64_t ram_low;                      /* bytes of RAM from 0 up */
    const char *kernel, *initrd, *cmdline; /* initrd and cmdline may be NULL */
    const struct E820Entry *e820;
    unsigned n_e820;
    uint64_t rsdp; /* 0: none */
} BootEnv;

/* Fixed places of what a direct start puts into low memory. */
enum {
    BOOT_GDT = 0x500,
    BOOT_PAGE_TABLES = 0x1000,
    BOOT_START_INFO = 0x8000,
    BOOT_PARAMS = 0x10000,
    BOOT_CMDLINE = 0x20000,
    BOOT_CMDLINE_MAX = 0x10000,
    BOOT_ACPI_TABLES = 0xe0000,
    BOOT_ACPI_SIZE = 0x10000,
    BOOT_RSDP = 0xf0000,
    BOOT_MPTABLE = 0xf1000,
    BOOT_MPTABLE_SIZE = 0x7000,
    BOOT_SMBIOS_ANCHOR = 0xf8000,
    BOOT_SMBIOS_TABLES = 0xf8020,
    BOOT_SMBIOS_SIZE = 0x7fe0,
};

/* Recognises a bzImage or an ELF file with a PVH entry.  NULL with errp naming the file and what is
 * wrong. */
BootPlan *boot_plan_new(const BootEnv *env, GError **errp);
void boot_plan_free(BootPlan *plan);
/* Puts everything into RAM.  False with errp when a file became unreadable. */
bool boot_plan_load(const BootPlan *plan, uint8_t *ram, GError **errp);

/* For the loaders. */
void boot_add_data(BootPlan *plan, uint64_t addr, const void *data, size_t size);
/* Other content, of the same size, for what boot_add_data() put at addr; false: there is none such. */
bool boot_replace_data(BootPlan *plan, uint64_t addr, const void *data, size_t size);
void boot_add_file(BootPlan *plan, uint64_t addr, uint64_t mem_size, int fd, uint64_t offset,
                   uint64_t size);
/* Exactly size bytes at offset; false with errp. */
bool boot_read(int fd, const char *name, void *buf, uint64_t offset, size_t size, GError **errp);
/* Places the initrd below max_addr (inclusive) and above the kernel. */
bool boot_place_initrd(BootPlan *plan, const BootEnv *env, uint64_t max_addr, GError **errp);
/* Flat segments at BOOT_GDT: 0x10 code, 0x18 data; code64 makes 0x10 a 64-bit segment. */
void boot_add_gdt(BootPlan *plan, bool code64);
bool boot_is_bzimage(const uint8_t *head, size_t len);
bool boot_bzimage(BootPlan *plan, const BootEnv *env, uint64_t file_size, GError **errp);
/* A header of the Multiboot specification, which goes before a PVH entry. */
bool boot_is_multiboot(const uint8_t *head, size_t len);
bool boot_multiboot(BootPlan *plan, const BootEnv *env, uint64_t file_size, GError **errp);
/* The segments of a 32-bit ELF file and its entry. */
bool boot_elf32(BootPlan *plan, const BootEnv *env, uint64_t file_size, GError **errp);
bool boot_pvh(BootPlan *plan, const BootEnv *env, uint64_t file_size, GError **errp);

#endif
