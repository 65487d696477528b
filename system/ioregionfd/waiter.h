/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiters: the per-thread record in which the answer to a forwarded access arrives.
 *
 * A thread has at most one answered command in flight, so it has one record for life.  The
 * command's id is the record's index and a generation: an answer counts only while exactly that
 * command is pending, all others are dropped.
 */
#ifndef IOREGIONFD_WAITER_H
#define IOREGIONFD_WAITER_H

#include "qemu/osdep.h"
#include "qemu/thread.h"

struct CPUState;

/* An id: generation (22 bits, never 0), index (10 bits). */
#define WAITER_INDEX_BITS 10
#define WAITERS_MAX (1u << WAITER_INDEX_BITS)

/* Low half of IoRegionWaiter.state, the futex word.  The high half is the id. */
enum {
    WAIT_IDLE = 0,
    WAIT_PENDING = 1,   /* the command is on its way */
    WAIT_CLAIMED = 2,   /* someone is writing the answer: a few instructions */
    WAIT_DONE = 3,      /* data and status are valid */
    WAIT_CANCELLED = 4, /* status says why */
    WAIT_PHASE = 7,
    WAIT_SLEEP = 1 << 3, /* sleeps on the futex word */
    WAIT_POLL = 1 << 4,  /* sleeps in poll() with its eventfd: it reads a socket */
    WAIT_KICK = 1 << 5,  /* its vCPU has something else to do */
    WAIT_LEAD = 1 << 6,  /* it is asked to read its channel's socket from now on */
    WAIT_AWAY = 1 << 7,  /* it is in its vCPU's events, maybe parked: it reads nothing */
};

/* Why a wait failed: status beyond what the wire has. */
enum {
    WAIT_FAIL_CANCELLED = 0x10000,
    WAIT_FAIL_TIMEOUT,
    WAIT_FAIL_CLOSED,
    WAIT_FAIL_NESTED,
};

typedef struct IoRegionWaiter {
    uint64_t state; /* atomic: id << 32 | flags */
    uint64_t data;  /* the answer; written by who claimed it, read after DONE */
    uint32_t status;
    /* Which command; set by the waiter before PENDING, read by answerers (atomic, relaxed). */
    const void *channel;
    const void *region; /* for cancelling only: compared, never followed */
    /* The waiting thread's own. */
    uint32_t index;
    uint32_t generation;
    uint64_t start;      /* ticks */
    int64_t timeout_ns;  /* < 0: none */
    uint64_t spin_ticks; /* how long polling pays */
    uint32_t spin_age;
    bool spun;            /* the last answer came while it polled */
    int eventfd;          /* -1: not made yet; made before WAIT_POLL is set */
    struct CPUState *cpu; /* vCPU that this thread runs, or NULL */
    /* Parks the vCPU and the like; NULL with cpu NULL. */
    void (*process_events)(struct CPUState *cpu);
    const bool *events_pending; /* the vCPU's exit_request, or NULL */
    bool in_use;                /* atomic: has a thread */
} __attribute__((aligned(QEMU_CACHELINE))) IoRegionWaiter;

/* The calling thread's record, made on first use; NULL when WAITERS_MAX threads have one. */
IoRegionWaiter *waiter_self(void);
/* Gives the calling thread's record back (also done when it ends). */
void waiter_release_self(void);
IoRegionWaiter *waiter_by_index(unsigned index);
/* One more than the highest index in use. */
unsigned waiter_count(void);

/* Begins a command that may take timeout_ns (< 0: any time); returns its id, or 0 when the thread
 * is inside a wait already. */
uint32_t waiter_begin(IoRegionWaiter *w, const void *channel, const void *region,
                      int64_t timeout_ns);
/* The answer to id through channel.  False: no such command is pending; nothing happened.  Any
 * thread. */
bool waiter_answer(uint32_t id, const void *channel, uint64_t data, uint32_t status);
/* True while id waits for its answer. Any thread. */
bool waiter_pending(uint32_t id);
/* Ends w's wait with status why, if it waits in channel (NULL: any) for region (NULL: any). True if
 * so. Any thread. */
bool waiter_cancel(IoRegionWaiter *w, const void *channel, const void *region, uint32_t why);
unsigned waiter_cancel_all(const void *channel, const void *region, uint32_t why);
/* The thread shall look at its vCPU's flags now. Any thread. */
void waiter_kick(IoRegionWaiter *w);
/* The thread shall read its channel's socket.  False: it does not wait, or is away; ask another
 * one.  Any thread. */
bool waiter_promote(IoRegionWaiter *w);

/* What waiter_look() saw. */
typedef enum WaiterStep { WAITER_PENDING, WAITER_ENDED, WAITER_EVENTS } WaiterStep;
static inline uint32_t waiter_flags(const IoRegionWaiter *w)
{
    return (uint32_t)__atomic_load_n(&w->state, __ATOMIC_ACQUIRE);
}
/* PENDING, or ENDED (done or cancelled), or EVENTS: call waiter_run_events(). */
WaiterStep waiter_look(IoRegionWaiter *w);
/* Runs the vCPU's events and takes the time out of the wait's.  promoted() (may be NULL) is called
 * first if the thread had been promoted. */
void waiter_run_events(IoRegionWaiter *w, void (*promoted)(void *channel, const IoRegionWaiter *w));
/* Polls for the answer as long as that has paid lately; true if the wait is over. */
bool waiter_spin(IoRegionWaiter *w);
/* Sets flag (WAIT_SLEEP, WAIT_POLL) for a sleep; false if there is something to do instead. *flags:
 * the state's low half, for the futex. */
bool waiter_prepare_sleep(IoRegionWaiter *w, uint32_t flag, uint32_t *flags);
void waiter_end_sleep(IoRegionWaiter *w, uint32_t flag);
/* Nanoseconds that are left, -1: no limit, 0: none. */
int64_t waiter_time_left(const IoRegionWaiter *w);
/* Waits for the answer with a futex.  Ends in WAITER_ENDED state. */
void waiter_wait(IoRegionWaiter *w);
/* Takes the result and makes the record idle.  Returns status; *ns (may be NULL): how long it took.
 */
uint32_t waiter_finish(IoRegionWaiter *w, uint64_t *data, uint64_t *ns, bool *lead);

/* --- ticks: the TSC, because a clock call may cost more than the whole hand-over --- */
static inline uint64_t ioregion_ticks(void)
{
    return __builtin_ia32_rdtsc();
}
uint64_t ioregion_ticks_to_ns(uint64_t ticks);

#endif
