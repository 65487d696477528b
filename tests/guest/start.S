/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the reset vector to C: real mode, then flat 32-bit protected mode.  Other processors come the same way from a
 * copy of ap_trampoline at AP_PAGE.  Also: interrupt entries, and a visit to long mode for 8-byte accesses.
 */
#define CODE32 0x08
#define DATA32 0x10
#define CODE64 0x18
#define AP_PAGE 0x7000
#define STACKS 0x80000          /* tops: 4 KiB a processor below this + (n + 1) * 4096 */
#define PAGE_TABLES 0x1000      /* PML4, PDPT, two page directories */

    .section .reset, "ax"
    .code16
    .globl reset_vector
reset_vector:
    cli
    jmp start16
    .balign 16, 0xf4

    .section .text16, "ax"
    .code16
start16:
    lgdtl %cs:gdt_pointer16       /* guest.ld: its offset in the segment */
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $CODE32, $start32

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    /* 32-bit code */
    .quad 0x00cf93000000ffff    /* data */
    .quad 0x00af9b000000ffff    /* 64-bit code */
gdt_end:
    .globl gdt_pointer
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt

    .globl ap_trampoline, ap_trampoline_end
ap_trampoline:
    cli
    mov %cs, %ax
    mov %ax, %ds
    lgdtl ap_gdt_pointer - ap_trampoline
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $CODE32, $ap_start32
ap_gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
ap_trampoline_end:

    .text
    .code32
.macro load_segments
    mov $DATA32, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
.endm

start32:
    load_segments
    mov $bss_start, %edi
    mov $bss_end, %ecx
    sub %edi, %ecx
    shr $2, %ecx
    xor %eax, %eax
    cld
    rep stosl
    mov $(STACKS + 4096), %esp
    call guest_main
    push %eax
    call guest_exit
1:  cli
    hlt
    jmp 1b

ap_start32:
    load_segments
    mov 0xfee00020, %ebx        /* local APIC id */
    shr $24, %ebx
    mov %ebx, %esp
    inc %esp
    shl $12, %esp
    add $STACKS, %esp
    push %ebx
    call ap_main
1:  cli
    hlt
    jmp 1b

/* Interrupt vectors 0x20 to 0x5f, and the NMI: call irq_handler(vector). */
    .balign 16
    .globl irq_entries, default_entry, nmi_entry
irq_entries:
    vector = 0x20
    .rept 64
    .balign 16
    push $vector
    jmp irq_common
    vector = vector + 1
    .endr
irq_common:
    pusha
    cld
    push 32(%esp)
    call irq_handler
    add $4, %esp
    popa
    /* Where KVM emulates instructions it has no protected-mode iret: the frame (vector, eip, cs, flags) becomes flags, eip. */
    push %eax
    mov 8(%esp), %eax
    xchg %eax, 16(%esp)
    mov %eax, 12(%esp)
    pop %eax
    add $8, %esp
    popf
    ret
default_entry:
    push $0
    jmp irq_common
nmi_entry:
    push $2
    jmp irq_common

/* void long_mode_copy(uint32_t to, uint32_t from): one 8-byte load and one 8-byte store, both in long mode with the first and
 * the fourth GiB mapped to themselves. */
    .globl long_mode_copy
long_mode_copy:
    push %ebx
    push %esi
    push %edi
    mov 16(%esp), %edi
    mov 20(%esp), %esi
    /* PML4[0] -> PDPT; PDPT[0] and [3] -> a directory each, whose entries are present, writable, 2 MiB */
    movl $(PAGE_TABLES + 0x1003), PAGE_TABLES
    movl $0, PAGE_TABLES + 4
    xor %eax, %eax
    mov $(PAGE_TABLES + 0x1000), %ebx
    mov $(8 * 4), %ecx
1:  movl %eax, -4(%ebx,%ecx)
    sub $4, %ecx
    jnz 1b
    movl $(PAGE_TABLES + 0x2003), PAGE_TABLES + 0x1000
    movl $(PAGE_TABLES + 0x3003), PAGE_TABLES + 0x1018
    mov $0x83, %eax
    xor %ecx, %ecx
1:  lea 0xc0000000(%eax), %edx
    mov %eax, PAGE_TABLES + 0x2000(,%ecx,8)
    mov %edx, PAGE_TABLES + 0x3000(,%ecx,8)
    movl $0, PAGE_TABLES + 0x2004(,%ecx,8)
    movl $0, PAGE_TABLES + 0x3004(,%ecx,8)
    add $0x200000, %eax
    inc %ecx
    cmp $512, %ecx
    jne 1b
    mov %cr4, %eax
    or $0x20, %eax
    mov %eax, %cr4
    mov $PAGE_TABLES, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    mov $back_to_32, %edx
    ljmp $CODE64, $2f
    .code64
2:  mov %esi, %esi
    mov %edi, %edi
    mov (%rsi), %rax
    mov %rax, (%rdi)
    ljmpl *(%rdx)
    .code32
3:  mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    mov $0xc0000080, %ecx
    rdmsr
    and $~0x100, %eax
    wrmsr
    pop %edi
    pop %esi
    pop %ebx
    ret
    .section .rodata
back_to_32:
    .long 3b
    .word CODE32
    .section .note.GNU-stack, "", @progbits
