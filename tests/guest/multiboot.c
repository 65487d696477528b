/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A multiboot kernel: looks at what it was given, and says so in TAP. */
#include "guest.h"

typedef struct {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4],
        mmap_length, mmap_addr;
} Info;

typedef struct {
    uint32_t start, end, string, reserved;
} Module;

static bool has(const char *text, const char *word)
{
    for (; *text; text++) {
        const char *a = text, *b = word;

        while (*b && *a == *b) {
            a++;
            b++;
        }
        if (!*b) {
            return true;
        }
    }
    return false;
}

static volatile uint8_t bss[4096];

void multiboot_main(uint32_t magic, const Info *info);
/* The header stands in the first bytes of the code, behind a jump over it. */
__asm__(
    ".section .text.first, \"ax\"\n.globl multiboot_entry\nmultiboot_entry:\njmp 1f\n.balign 4\n"
    ".long 0x1badb002, 3, -(0x1badb002 + 3)\n1:\n"
    "mov $0x90000, %esp\npush %ebx\npush %eax\ncall multiboot_main\n.text\n");

static uint32_t n;

static void line(bool ok, const char *name)
{
    const char *text = ok ? "ok " : "not ok ";

    n++;
    for (; *text; text++) {
        outb(0x3f8, (uint8_t)*text);
    }
    outb(0x3f8, (uint8_t)('0' + n));
    for (text = " - "; *text; text++) {
        outb(0x3f8, (uint8_t)*text);
    }
    for (; *name; name++) {
        outb(0x3f8, (uint8_t)*name);
    }
    outb(0x3f8, '\n');
}

void multiboot_main(uint32_t magic, const Info *info)
{
    const Module *m = (const Module *)(uintptr_t)info->mods_addr;
    bool zero = true;
    uint32_t ram = 0;

    for (uint32_t i = 0; i < sizeof(bss); i++) {
        zero &= !bss[i];
    }
    for (uint32_t at = 0; at < info->mmap_length; at += 24) {
        const uint32_t *e = (const uint32_t *)(uintptr_t)(info->mmap_addr + at);

        ram += e[0] == 20 && e[5] == 1 ? e[3] / 1024 : 0;
    }
    line(magic == 0x2badb002, "EAX says that a multiboot loader was here");
    line((info->flags & 0x4d) == 0x4d, "memory, command line, modules and map are told");
    line(has((const char *)(uintptr_t)info->cmdline, "word=7"), "the command line");
    line(info->mem_lower == 640 && info->mem_upper == 15 * 1024, "sizes of memory");
    line(ram >= 15 * 1024 && ram <= 16 * 1024, "the map has all RAM");
    line(info->mods_count == 2, "two modules");
    line(m[0].end - m[0].start == 6 && has((const char *)(uintptr_t)m[0].start, "first"),
         "the first");
    line(has((const char *)(uintptr_t)m[1].string, "with args") && !(m[1].start & 0xfff),
         "the second, with its arguments, on a page");
    line(zero, "memory behind the file is clear");
    outb(0xf4, 0);
    for (;;) {
        __asm__ volatile("hlt");
    }
}
