/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiboot kernels (Multiboot Specification 0.6.96): a header within the first 8 KiB, ELF segments
 * or the header's own addresses, 32-bit protected mode, EBX points to an information structure.
 * -initrd FILE[ ARGS][,FILE[ ARGS]]... are its modules.
 */
#include "hw/i386/boot.h"
#include "hw/i386/pc.h"

#define HEADER_MAGIC 0x1badb002
#define LOADER_MAGIC 0x2badb002
#define SEARCH_SIZE 8192
#define MODULES_MAX 16
#define STRINGS_MAX 4096

enum {
    FLAG_PAGE_ALIGN = BIT(0),
    FLAG_MEMORY = BIT(1),
    FLAG_VIDEO = BIT(2),
    FLAG_ADDRESSES = BIT(16),
    FLAGS_MUST = 0xffff
};
enum {
    INFO_MEMORY = BIT(0),
    INFO_CMDLINE = BIT(2),
    INFO_MODULES = BIT(3),
    INFO_MAP = BIT(6),
    INFO_NAME = BIT(9)
};

typedef struct Header {
    uint32_t magic, flags, checksum, header_addr, load_addr, load_end_addr, bss_end_addr,
        entry_addr;
} Header;

typedef struct Info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4],
        mmap_length, mmap_addr, drives_length, drives_addr, config_table, boot_loader_name,
        apm_table, vbe[4];
} Info;

typedef struct QEMU_PACKED MapEntry {
    uint32_t size;
    uint64_t addr, length;
    uint32_t type;
} MapEntry;

typedef struct Module {
    uint32_t start, end, string, reserved;
} Module;

/* What lies at BOOT_START_INFO. */
typedef struct Block {
    Info info;
    Module modules[MODULES_MAX];
    MapEntry map[32];
    char loader[16], strings[STRINGS_MAX];
} Block;

static int find_header(const uint8_t *head, size_t len, Header *h)
{
    for (size_t at = 0; at + 12 <= len; at += 4) {
        memset(h, 0, sizeof(*h));
        memcpy(h, head + at, MIN(sizeof(*h), len - at));
        if (h->magic == HEADER_MAGIC && h->magic + h->flags + h->checksum == 0) {
            return (int)at;
        }
    }
    return -1;
}

bool boot_is_multiboot(const uint8_t *head, size_t len)
{
    Header h;

    return find_header(head, MIN(len, SEARCH_SIZE), &h) >= 0;
}

/* Load addresses from the header: the file from the header on backwards to load_addr. */
static bool add_by_header(BootPlan *plan, const BootEnv *env, const Header *h, uint32_t at,
                          uint64_t file_size, GError **errp)
{
    uint64_t offset, size, mem_size;

    if (h->header_addr < h->load_addr || h->header_addr - h->load_addr > at) {
        error_setg(errp,
                   "-kernel %s: the multiboot header's addresses do not fit its place in the file",
                   env->kernel);
        return false;
    }
    offset = at - (h->header_addr - h->load_addr);
    size = h->load_end_addr ? (uint64_t)h->load_end_addr - h->load_addr : file_size - offset;
    if (h->load_end_addr && h->load_end_addr < h->load_addr) {
        size = UINT64_MAX;
    }
    if (size > file_size - offset || h->load_addr < 0x100000) {
        error_setg(errp,
                   "-kernel %s: the multiboot header asks for more than the file has, or for "
                   "memory below 1 MiB",
                   env->kernel);
        return false;
    }
    mem_size =
        MAX(size, h->bss_end_addr > h->load_addr ? (uint64_t)h->bss_end_addr - h->load_addr : 0);
    boot_add_file(plan, h->load_addr, mem_size, plan->kernel_fd, offset, size);
    plan->kernel_end = h->load_addr + mem_size;
    plan->regs.rip = h->entry_addr;
    return true;
}

/* --- modules
 * ------------------------------------------------------------------------------------------- */

typedef struct ModulePlan {
    Block *block;
    unsigned n;
    uint64_t next; /* free memory begins here */
    size_t used;   /* of strings */
} ModulePlan;

/* text is "FILE[ ARGS]", which is the module's string, too. */
static bool add_module(BootPlan *plan, const BootEnv *env, ModulePlan *m, const char *text,
                       GError **errp)
{
    g_autofree char *path = g_strndup(text, strcspn(text, " ")), *data = NULL;
    gsize size;

    if (m->n == MODULES_MAX || m->used + strlen(text) + 1 > STRINGS_MAX) {
        error_setg(errp, "-initrd: at most %d modules with %d characters of text", MODULES_MAX,
                   STRINGS_MAX);
        return false;
    }
    if (!g_file_get_contents(path, &data, &size, errp)) {
        g_prefix_error(errp, "-initrd %s: ", path);
        return false;
    }
    if (size > env->ram_low || m->next > env->ram_low - size) {
        error_setg(errp,
                   "-initrd %s: %zu bytes do not fit into RAM behind the kernel; give more with -m",
                   path, (size_t)size);
        return false;
    }
    m->block->modules[m->n++] = (Module){
        .start = m->next,
        .end = m->next + size,
        .string = BOOT_START_INFO + offsetof(Block, strings) + m->used,
    };
    strcpy(m->block->strings + m->used, text);
    m->used += strlen(text) + 1;
    boot_add_data(plan, m->next, data, size);
    m->next = ALIGN_UP(m->next + size, UINT64_C(4096));
    return true;
}

static bool add_modules(BootPlan *plan, const BootEnv *env, ModulePlan *m, GError **errp)
{
    g_auto(GStrv) texts = g_strsplit(env->initrd ? env->initrd : "", ",", -1);

    m->next = ALIGN_UP(plan->kernel_end, UINT64_C(4096));
    for (char **t = texts; *t; t++) {
        if (**t && !add_module(plan, env, m, *t, errp)) {
            return false;
        }
    }
    return true;
}

/* --- information
 * --------------------------------------------------------------------------------------- */

static void add_info(BootPlan *plan, const BootEnv *env, Block *b, unsigned n_modules)
{
    unsigned n = MIN(env->n_e820, G_N_ELEMENTS(b->map));
    g_autofree char *cmdline = g_strdup_printf("%s%s%s", env->kernel, env->cmdline ? " " : "",
                                               env->cmdline ? env->cmdline : "");
    size_t room = MIN(strlen(cmdline) + 1, BOOT_CMDLINE_MAX);

    for (unsigned i = 0; i < n; i++) {
        b->map[i] = (MapEntry){sizeof(MapEntry) - 4, env->e820[i].addr, env->e820[i].size,
                               env->e820[i].type};
    }
    strcpy(b->loader, "qemu");
    b->info = (Info){
        .flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MAP | INFO_NAME,
        .mem_lower = 640,
        .mem_upper = (env->ram_low - 1 * MiB) / KiB,
        .cmdline = BOOT_CMDLINE,
        .mods_count = n_modules,
        .mods_addr = BOOT_START_INFO + offsetof(Block, modules),
        .mmap_length = n * sizeof(MapEntry),
        .mmap_addr = BOOT_START_INFO + offsetof(Block, map),
        .boot_loader_name = BOOT_START_INFO + offsetof(Block, loader),
    };
    cmdline[room - 1] = '\0';
    boot_add_data(plan, BOOT_START_INFO, b, sizeof(*b));
    boot_add_data(plan, BOOT_CMDLINE, cmdline, room);
}

bool boot_multiboot(BootPlan *plan, const BootEnv *env, uint64_t file_size, GError **errp)
{
    uint8_t head[SEARCH_SIZE] = {0};
    size_t len = MIN(file_size, sizeof(head));
    g_autofree Block *block = g_new0(Block, 1);
    ModulePlan modules = {.block = block};
    Header h;
    int at;

    if (!boot_read(plan->kernel_fd, env->kernel, head, 0, len, errp)) {
        return false;
    }
    at = find_header(head, len, &h);
    if (h.flags & FLAGS_MUST & ~(FLAG_PAGE_ALIGN | FLAG_MEMORY | FLAG_VIDEO)) {
        error_setg(
            errp, "-kernel %s: the multiboot header wants something that is not known (flags 0x%x)",
            env->kernel, h.flags);
        return false;
    }
    if (h.flags & FLAG_ADDRESSES) {
        if (!add_by_header(plan, env, &h, at, file_size, errp)) {
            return false;
        }
    } else if (!boot_elf32(plan, env, file_size, errp)) {
        return false;
    }
    if (!add_modules(plan, env, &modules, errp)) {
        return false;
    }
    add_info(plan, env, block, modules.n);
    plan->regs.mode = X86_BOOT_PROT32;
    plan->regs.rax = LOADER_MAGIC;
    plan->regs.rbx = BOOT_START_INFO;
    plan->regs.rsp = BOOT_START_INFO;
    boot_add_gdt(plan, false);
    return true;
}
