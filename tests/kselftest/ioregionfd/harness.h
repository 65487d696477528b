/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TAP and isolation: each test runs in a process of its own that is killed when it takes too long, so that a test
 * that hangs or dies costs one line. No test needs another one to have run.
 */
#ifndef KST_HARNESS_H
#define KST_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum front { FRONT_KVM = 1, FRONT_MODULE = 2 };

/* Bits, as a test says which of them it is for. */
enum channel_kind {
    CH_SOCKET = 1 << 0,    /* SOCK_SEQPACKET pair */
    CH_PIPE = 1 << 1,      /* two pipes */
    CH_FILE = 1 << 2,      /* KVM_CREATE_IOREGIONFD, read and write */
    CH_URING = 1 << 3,     /* the same file, through io_uring */
    CH_RING = 1 << 4,      /* mapped; the reader looks all the time */
    CH_RING_SLEEP = 1 << 5, /* mapped; the reader sleeps until it is kicked */
    CH_SHADOW = 1 << 6,    /* newest value at an address */
};
#define CH_ANY_FILE (CH_FILE | CH_URING)
#define CH_ANY_RING (CH_RING | CH_RING_SLEEP)
#define CH_FOREIGN (CH_SOCKET | CH_PIPE)                       /* files that are not of the kernel half's own kind */
#define CH_OWN (CH_ANY_FILE | CH_ANY_RING)                     /* those that are */
#define CH_ALL (CH_FOREIGN | CH_OWN)                           /* all that carry commands and answers */
#define CH_NONE 0                                              /* the test chooses by itself */

struct test {
    const char *name;  /* as the specification's tables call it */
    const char *what;  /* the rule, as one sentence */
    void (*run)(void);
    unsigned channels; /* CH_*; CH_NONE: does not depend on it */
    unsigned fronts;   /* FRONT_*; 0: both */
    unsigned seconds;  /* limit on hardware; 0: 10 */
};

/* What the command line chose; constant while tests run. */
extern struct options {
    enum front front;
    enum channel_kind channel;
    unsigned seconds; /* how long a load lasts */
    unsigned slow;    /* limits are multiplied by this; waits for something not to happen are not */
    uint64_t seed;    /* of the random ones */
} options;

/* Ends the test, which has failed, with file, line and a text. */
_Noreturn void test_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Ends the test as skipped: this kernel has no such thing. */
_Noreturn void test_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line of explanation. */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define FAIL(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            FAIL("%s", #condition);                                                                \
    } while (0)
#define EQUAL(got, wanted)                                                                         \
    do {                                                                                           \
        long long got_ = (long long)(got), wanted_ = (long long)(wanted);                          \
        if (got_ != wanted_)                                                                       \
            FAIL("%s is %lld (0x%llx), not %lld (0x%llx)", #got, got_, got_, wanted_, wanted_);      \
    } while (0)

int64_t now_ms(void);
/* A limit in milliseconds for something that should happen. */
int limit_ms(int milliseconds);
void sleep_ms(int milliseconds);

/* Runs the chosen tests; returns the process's exit status. names: NULL-terminated, empty for all. */
int run_tests(const struct test *const *tables, char **names, bool list);

/* xorshift64*: the random tests of one seed are always the same. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

#endif
