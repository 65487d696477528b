/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF kernels with a PVH entry (Xen's x86/HVM direct boot ABI): program segments at their physical
 * addresses, 32-bit protected mode, EBX points to a start info structure.
 */
#include "hw/i386/boot.h"
#include "hw/i386/pc.h"

#include <elf.h>

#define NOTE_PHYS32_ENTRY 18
#define START_MAGIC 0x336ec578
#define MAX_HEADERS 64
#define MAX_NOTES (64 * KiB)

typedef struct StartInfo {
    uint32_t magic, version, flags, nr_modules;
    uint64_t modules, cmdline, rsdp, memmap;
    uint32_t memmap_entries, reserved;
} StartInfo;

typedef struct ModuleEntry {
    uint64_t addr, size, cmdline, reserved;
} ModuleEntry;

typedef struct MemmapEntry {
    uint64_t addr, size;
    uint32_t type, reserved;
} MemmapEntry;

/* One program header of either class. */
typedef struct Program {
    uint32_t type;
    uint64_t offset, paddr, filesz, memsz, align;
} Program;

/* Program headers; 0 and errp when the file is no usable ELF executable. */
static unsigned read_programs(int fd, const char *name, Program *out, GError **errp)
{
    union {
        unsigned char ident[EI_NIDENT];
        Elf32_Ehdr h32;
        Elf64_Ehdr h64;
    } eh;
    union {
        Elf32_Phdr p32;
        Elf64_Phdr p64;
    } ph;
    bool is64;
    unsigned n;
    uint64_t at, step;

    if (!boot_read(fd, name, &eh, 0, sizeof(eh.h32), errp)) {
        return 0;
    }
    is64 = eh.ident[EI_CLASS] == ELFCLASS64;
    if (is64 && !boot_read(fd, name, &eh, 0, sizeof(eh.h64), errp)) {
        return 0;
    }
    if (eh.ident[EI_DATA] != ELFDATA2LSB || (!is64 && eh.ident[EI_CLASS] != ELFCLASS32)) {
        error_setg(errp, "-kernel %s: not a little-endian ELF file", name);
        return 0;
    }
    n = is64 ? eh.h64.e_phnum : eh.h32.e_phnum;
    at = is64 ? eh.h64.e_phoff : eh.h32.e_phoff;
    step = is64 ? sizeof(ph.p64) : sizeof(ph.p32);
    if (!n || n > MAX_HEADERS || (is64 ? eh.h64.e_phentsize : eh.h32.e_phentsize) != step) {
        error_setg(errp, "-kernel %s: %u program headers: 1 to %d are expected", name, n,
                   MAX_HEADERS);
        return 0;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!boot_read(fd, name, &ph, at + i * step, step, errp)) {
            return 0;
        }
        out[i] = is64 ? (Program){ph.p64.p_type,   ph.p64.p_offset, ph.p64.p_paddr,
                                  ph.p64.p_filesz, ph.p64.p_memsz,  ph.p64.p_align}
                      : (Program){ph.p32.p_type,   ph.p32.p_offset, ph.p32.p_paddr,
                                  ph.p32.p_filesz, ph.p32.p_memsz,  ph.p32.p_align};
    }
    return n;
}

/* Looks through one note segment for Xen's entry note. */
static bool find_entry(const uint8_t *notes, size_t size, uint64_t align, uint32_t *entry)
{
    size_t at = 0;

    align = align == 8 ? 8 : 4;
    while (at + sizeof(Elf32_Nhdr) <= size) {
        Elf32_Nhdr h;
        size_t name, desc;

        memcpy(&h, notes + at, sizeof(h));
        name = at + sizeof(h);
        if (h.n_namesz > size - name) {
            return false;
        }
        desc = ALIGN_UP(name + h.n_namesz, align);
        if (desc > size || h.n_descsz > size - desc) {
            return false;
        }
        if (h.n_type == NOTE_PHYS32_ENTRY && h.n_namesz == 4 && !memcmp(notes + name, "Xen", 4) &&
            h.n_descsz >= 4) {
            memcpy(entry, notes + desc, 4);
            return true;
        }
        at = ALIGN_UP(desc + h.n_descsz, align);
    }
    return false;
}

static bool entry_from_notes(int fd, const char *name, const Program *p, uint32_t *entry,
                             bool *found, GError **errp)
{
    size_t size = MIN(p->filesz, MAX_NOTES);
    g_autofree uint8_t *notes = g_malloc(size + 1);

    if (!boot_read(fd, name, notes, p->offset, size, errp)) {
        return false;
    }
    *found = *found || find_entry(notes, size, p->align, entry);
    return true;
}

/* Nothing may be loaded over what this loader itself puts into low memory. */
static bool add_program(BootPlan *plan, const BootEnv *env, const Program *p, uint64_t file_size,
                        GError **errp)
{
    if (!p->memsz) {
        return true;
    }
    if (p->filesz > p->memsz || p->offset > file_size || p->filesz > file_size - p->offset ||
        p->paddr > env->ram_low || p->memsz > env->ram_low - p->paddr) {
        error_setg(errp,
                   "-kernel %s: segment of 0x%" PRIx64 " bytes at 0x%" PRIx64
                   " does not fit into the file or into RAM, "
                   "which ends at 0x%" PRIx64,
                   env->kernel, p->memsz, p->paddr, env->ram_low);
        return false;
    }
    if (p->paddr < 0x100000) {
        error_setg(
            errp, "-kernel %s: segment at 0x%" PRIx64 ": a kernel must be linked at 1 MiB or above",
            env->kernel, p->paddr);
        return false;
    }
    boot_add_file(plan, p->paddr, p->memsz, plan->kernel_fd, p->offset, p->filesz);
    plan->kernel_end = MAX(plan->kernel_end, p->paddr + p->memsz);
    return true;
}

static void add_start_info(BootPlan *plan, const BootEnv *env)
{
    struct {
        StartInfo info;
        ModuleEntry module;
        MemmapEntry map[32];
    } s = {0};
    unsigned n = MIN(env->n_e820, G_N_ELEMENTS(s.map));
    const char *cmdline = env->cmdline ? env->cmdline : "";

    s.info = (StartInfo){
        .magic = START_MAGIC,
        .version = 1,
        .nr_modules = plan->initrd_size ? 1 : 0,
        .modules = plan->initrd_size ? BOOT_START_INFO + sizeof(s.info) : 0,
        .cmdline = BOOT_CMDLINE,
        .rsdp = env->rsdp,
        .memmap = BOOT_START_INFO + sizeof(s.info) + sizeof(s.module),
        .memmap_entries = n,
    };
    s.module = (ModuleEntry){.addr = plan->initrd_addr, .size = plan->initrd_size};
    for (unsigned i = 0; i < n; i++) {
        s.map[i] = (MemmapEntry){env->e820[i].addr, env->e820[i].size, env->e820[i].type, 0};
    }
    boot_add_data(plan, BOOT_START_INFO, &s, sizeof(s));
    boot_add_data(plan, BOOT_CMDLINE, cmdline, strlen(cmdline) + 1);
}

bool boot_elf32(BootPlan *plan, const BootEnv *env, uint64_t file_size, GError **errp)
{
    Program programs[MAX_HEADERS];
    unsigned n = read_programs(plan->kernel_fd, env->kernel, programs, errp);
    Elf32_Ehdr eh;

    if (!n || !boot_read(plan->kernel_fd, env->kernel, &eh, 0, sizeof(eh), errp)) {
        return false;
    }
    if (eh.e_ident[EI_CLASS] != ELFCLASS32) {
        error_setg(errp,
                   "-kernel %s: a multiboot kernel must be a 32-bit ELF file, or have addresses in "
                   "its header",
                   env->kernel);
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        if (programs[i].type == PT_LOAD && !add_program(plan, env, &programs[i], file_size, errp)) {
            return false;
        }
    }
    plan->regs.rip = eh.e_entry;
    return true;
}

bool boot_pvh(BootPlan *plan, const BootEnv *env, uint64_t file_size, GError **errp)
{
    Program programs[MAX_HEADERS];
    unsigned n = read_programs(plan->kernel_fd, env->kernel, programs, errp);
    uint32_t entry = 0;
    bool found = false;

    if (!n) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        if (programs[i].type == PT_LOAD && !add_program(plan, env, &programs[i], file_size, errp)) {
            return false;
        }
        if (programs[i].type == PT_NOTE &&
            !entry_from_notes(plan->kernel_fd, env->kernel, &programs[i], &entry, &found, errp)) {
            return false;
        }
    }
    if (!found) {
        error_setg(errp,
                   "-kernel %s has no PVH entry note (XEN_ELFNOTE_PHYS32_ENTRY); a Linux vmlinux "
                   "needs CONFIG_PVH",
                   env->kernel);
        return false;
    }
    if (!boot_place_initrd(plan, env, UINT32_MAX, errp)) {
        return false;
    }
    add_start_info(plan, env);
    plan->regs.mode = X86_BOOT_PROT32;
    plan->regs.rip = entry;
    plan->regs.rbx = BOOT_START_INFO;
    plan->regs.rsp = BOOT_START_INFO;
    boot_add_gdt(plan, false);
    return true;
}
