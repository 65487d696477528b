/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's code. rdi: the list; rsi is kept free for string instructions. Position-independent, uses no stack.
 */
#include "guest.h"

#define OP 0(%rdi)
#define LOG2SIZE 4(%rdi)
#define ADDR 8(%rdi)
#define VALUE 16(%rdi)
#define COUNT 24(%rdi)

    .section .rodata
    .code64
    .balign 16
    .globl guest_code, guest_code_end
guest_code:
fetch:
    movl OP, %eax
    movl LOG2SIZE, %ecx
    movq ADDR, %rdx
    movq VALUE, %rbx
    movq COUNT, %r8
    testq %r8, %r8
    jnz 1f
    movl $1, %r8d
1:
    cmpl $OP_MAX, %eax
    ja halt
    /* four bytes a jump table entry, relative to the table */
    leaq table(%rip), %r9
    movslq (%r9,%rax,4), %r10
    addq %r9, %r10
    /* size index for those that have one: 16 bytes of code a size */
    shll $4, %ecx
    jmp *%r10

table:
    .long halt - table, write - table, read - table, out - table, in - table, outs - table, ins - table
    .long ticket - table, expect - table, jump_unless - table, write16 - table, read16 - table, or - table
    .long movs - table

next:
    addq $32, %rdi
    jmp fetch

halt:
    hlt
    jmp next

/* A table of four pieces of code, 16 bytes each, that do one access and jump on. */
    .macro sizes a b c d then
    .irp instruction, "\a", "\b", "\c", "\d"
    .balign 16
    \instruction
    jmp \then
    .endr
    .endm

write:
    leaq write_sizes(%rip), %r10
    addq %rcx, %r10
1:
    jmp *%r10
write_done:
    incq %rbx
    decq %r8
    jnz 1b
    jmp next
    .balign 16
write_sizes:
    sizes "movb %bl, (%rdx)", "movw %bx, (%rdx)", "movl %ebx, (%rdx)", "movq %rbx, (%rdx)", write_done

read:
    leaq read_sizes(%rip), %r10
    addq %rcx, %r10
1:
    xorl %ebx, %ebx
    jmp *%r10
read_done:
    decq %r8
    jnz 1b
    movq %rbx, VALUE
    jmp next
    .balign 16
read_sizes:
    sizes "movb (%rdx), %bl", "movw (%rdx), %bx", "movl (%rdx), %ebx", "movq (%rdx), %rbx", read_done

out:
    leaq out_sizes(%rip), %r10
    addq %rcx, %r10
1:
    movq %rbx, %rax
    jmp *%r10
out_done:
    incq %rbx
    decq %r8
    jnz 1b
    jmp next
    .balign 16
out_sizes:
    sizes "outb %al, %dx", "outw %ax, %dx", "outl %eax, %dx", "nop", out_done

in:
    leaq in_sizes(%rip), %r10
    addq %rcx, %r10
1:
    xorl %eax, %eax
    jmp *%r10
in_done:
    decq %r8
    jnz 1b
    movq %rax, VALUE
    jmp next
    .balign 16
in_sizes:
    sizes "inb %dx, %al", "inw %dx, %ax", "inl %dx, %eax", "nop", in_done

outs:
    leaq outs_sizes(%rip), %r10
    addq %rcx, %r10
    movq %rbx, %rsi
    movq %r8, %rcx
    cld
    jmp *%r10
    .balign 16
outs_sizes:
    sizes "rep outsb", "rep outsw", "rep outsl", "nop", next

ins:
    leaq ins_sizes(%rip), %r10
    addq %rcx, %r10
    movq %rdi, %r12
    movq %rbx, %rdi
    movq %r8, %rcx
    cld
    jmp *%r10
ins_done:
    movq %r12, %rdi
    jmp next
    .balign 16
ins_sizes:
    sizes "rep insb", "rep insw", "rep insl", "nop", ins_done

ticket:
    leaq ticket_sizes(%rip), %r10
    addq %rcx, %r10
1:
    movl $1, %eax
    xchgq %rax, GUEST_LOCK
    testq %rax, %rax
    jz 2f
    pause
    jmp 1b
2:
    incq GUEST_LOCK + 8
    movq GUEST_LOCK + 8, %rbx
    jmp *%r10
ticket_done:
    movq $0, GUEST_LOCK
    decq %r8
    jnz 1b
    jmp next
    .balign 16
ticket_sizes:
    sizes "movb %bl, (%rdx)", "movw %bx, (%rdx)", "movl %ebx, (%rdx)", "movq %rbx, (%rdx)", ticket_done

expect:
    leaq expect_sizes(%rip), %r10
    addq %rcx, %r10
    xorl %r11d, %r11d
1:
    xorl %eax, %eax
    jmp *%r10
expect_done:
    cmpq %rax, %rbx
    je 2f
    incq %r11
2:
    decq %r8
    jnz 1b
    lock addq %r11, GUEST_WRONG
    jmp next
    .balign 16
expect_sizes:
    sizes "movb (%rdx), %al", "movw (%rdx), %ax", "movl (%rdx), %eax", "movq (%rdx), %rax", expect_done

jump_unless:
    movq COUNT, %r8
    cmpq %r8, (%rdx)
    je next
    movq %rbx, %rdi
    jmp fetch

write16:
    movq %rbx, %xmm0
    punpcklqdq %xmm0, %xmm0
    movups %xmm0, (%rdx)
    jmp next

read16:
    movups (%rdx), %xmm0
    movups %xmm0, VALUE
    jmp next

or:
    leaq or_sizes(%rip), %r10
    addq %rcx, %r10
    jmp *%r10
    .balign 16
or_sizes:
    sizes "lock orb %bl, (%rdx)", "lock orw %bx, (%rdx)", "lock orl %ebx, (%rdx)", "lock orq %rbx, (%rdx)", next

movs:
    movq %rdi, %r12
    movq %rdx, %rsi
    movq %rbx, %rdi
    movq %r8, %rcx
    cld
    rep movsb
    movq %r12, %rdi
    jmp next
guest_code_end:

    .section .note.GNU-stack, "", @progbits
