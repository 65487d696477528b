/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the durability test and the library that it loads into the emulator share: one page of a
 * file that both map. */
#ifndef DURABILITY_H
#define DURABILITY_H

#define DURABILITY_ENV "DURABILITY_PAGE"

typedef struct DurabilityPage {
    /* Set by the test: the kernel is not asked, and the call fails. */
    int fail_sync;    /* fdatasync, by call or by ring */
    int fail_durable; /* writes with RWF_DSYNC */
    int fail_plain;   /* other writes */
    int hang;         /* writes and fdatasync wait as long as this is set; on a ring, until they are
                         cancelled */
    /* Counted by the library, failed ones included. */
    unsigned syncs, durable, plain;
    unsigned by_ring; /* of them all, those that went through a ring */
} DurabilityPage;

#endif
