/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest: 64-bit code that carries out a list of operations. It is the same for every test; the lists differ.
 * Included by the assembler, too.
 */
#ifndef KST_GUEST_H
#define KST_GUEST_H

/* Where things lie in guest memory. Linear addresses are guest-physical ones, for the first 4 GiB. */
#define GUEST_CODE 0x1000
#define GUEST_LOCK 0x7000     /* u64 lock, u64 counter */
#define GUEST_WRONG 0x7010    /* u64: reads of OP_EXPECT that gave something else */
#define GUEST_TABLES 0x8000   /* page tables, 6 pages */
#define GUEST_SCRIPT 0x20000  /* of vCPU n at + n * GUEST_SCRIPT_SIZE */
#define GUEST_SCRIPT_SIZE 0x8000
#define GUEST_DATA 0x100000
#define GUEST_RAM 0x200000
#define GUEST_MMIO 0xd0000000u /* where the tests' regions lie */

/* log2size is 0 to 3; what has a count is done so often, at least once. */
#define OP_HALT 0       /* hlt; afterwards goes on with the next */
#define OP_WRITE 1      /* [addr] = value, value + 1, ... */
#define OP_READ 2       /* value = [addr] */
#define OP_OUT 3        /* as OP_WRITE, port addr */
#define OP_IN 4         /* as OP_READ */
#define OP_OUTS 5       /* rep outs of count elements from memory at value */
#define OP_INS 6        /* rep ins to memory at value */
#define OP_TICKET 7     /* under the lock in memory: counter++, [addr] = counter */
#define OP_EXPECT 8     /* reads [addr] count times; adds to GUEST_WRONG how often it was not value */
#define OP_JUMP_UNLESS 9 /* when the u64 at addr is not count: goes on with the operation at value */
#define OP_WRITE16 10   /* one instruction that stores 16 bytes: value, value */
#define OP_READ16 11    /* one instruction that loads 16 bytes: value, count */
#define OP_OR 12        /* lock or [addr], value: a read and a write */
#define OP_MOVS 13      /* rep movsb of count bytes from addr to value */
#define OP_MAX 13

#ifndef __ASSEMBLER__
#include <stdint.h>

struct guest_op {
    uint32_t op;
    uint32_t log2size;
    uint64_t addr;
    uint64_t value;
    uint64_t count;
};

extern const uint8_t guest_code[], guest_code_end[];
#endif

#endif
