/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the event loop share.
 *
 * context.c   life of a context, aio_poll(), sleeping and waking       bh.c      bottom halves,
 * posts, calls fd.c        file descriptor handlers                                 poll.c pollers,
 * adaptive polling timer.c     timers of one context                                    clock.c
 * clocks, qtest's manual clock uring.c     engine on io_uring epoll.c   engine on epoll pool.c
 * worker threads                                           main.c    the main loop as a GSource
 *
 * A context's fields come in two groups.  "Any thread" ones are atomics.  All others belong to the
 * home thread (or to whoever holds the context before a thread runs it and after that thread is
 * gone).
 */
#ifndef UTIL_AIO_PRIVATE_H
#define UTIL_AIO_PRIVATE_H

#include "qemu/aio.h"
#include "qemu/thread.h"

#define AIO_N_CLOCKS (QEMU_CLOCK_HOST + 1)

/* Values of AioContext.state; docs/devel/aio-notify.promela is the model of this handshake.
 *
 * Who has something for the loop publishes it and then exchanges the state to NOTIFIED.  The loop
 * exchanges it to AWAKE before it looks at what was published, and goes to sleep by changing AWAKE
 * to ASLEEP, which fails when a notification came in between. Only a notifier that replaces ASLEEP
 * makes the system call. */
enum { AIO_AWAKE, AIO_ASLEEP, AIO_NOTIFIED };

struct AioHandler {
    AioContext *ctx;
    int fd;
    AioFn *io_read, *io_write;
    void *opaque;
    bool edge; /* an event notifier: a wake-up for each set, nobody needs to read it */
    bool deleted;
    bool armed;      /* the kernel watches it */
    bool queued;     /* io_uring: on arm_list */
    bool always;     /* epoll: a file that cannot be watched because it is always ready */
    unsigned events; /* POLL* bits that the kernel watches, while armed */
    int busy;        /* callbacks of it on the stack */
    AioHandler *arm_next;
};

struct AioBH {
    AioContext *ctx;
    AioFn *fn;
    void *opaque;
    AioBH *next;       /* while BH_QUEUED */
    QemuEvent *called; /* aio_call(): set when fn has returned */
    uint32_t flags;    /* atomic */
};

struct AioPoller {
    AioContext *ctx;
    const AioPollOps *ops;
    void *opaque;
    AioPoller *next;
    bool asleep;
    bool deleted;
};

struct AioTimer {
    AioContext *ctx;
    QEMUClockType clock;
    AioFn *fn;
    void *opaque;
    int64_t expire; /* atomic; -1: not pending */
    bool dirty;     /* atomic; on the context's list of changed timers */
    AioTimer *dirty_next;
    int64_t key; /* home: expire as the heap knows it */
    int index;   /* home: place in the heap, -1: not in it */
};

typedef struct AioTimerHeap {
    AioTimer **t;
    int n, size;
} AioTimerHeap;

typedef struct AioPool AioPool;

/* An engine watches descriptors, does file I/O and is where the thread sleeps. */
typedef struct AioEngine {
    const char *name;
    bool has_file_io;
    /* In the home thread.  On failure nothing is left behind. */
    bool (*init)(AioContext *ctx, GError **errp);
    void (*cleanup)(AioContext *ctx);
    /* h is new, has other callbacks or was deleted. */
    void (*update)(AioContext *ctx, AioHandler *h);
    /* True if there is something to collect; no system call. */
    bool (*ready)(AioContext *ctx);
    /* Asks the kernel to give a request back.  NULL: it cannot. */
    void (*cancel)(AioContext *ctx, AioRequest *req);
    /* Hands what was queued to the kernel. */
    void (*flush)(AioContext *ctx);
    /* Does flush, sleeps at most timeout ns (< 0: no limit, 0: not at all) until there is something
     * to collect. */
    void (*wait)(AioContext *ctx, int64_t timeout);
    /* Calls handlers and completions for what wait() found; true if there was any. */
    bool (*dispatch)(AioContext *ctx);
    /* File I/O.  NULL: goes to the worker threads. */
    void (*submit)(AioContext *ctx, AioRequest *req);
    /* Readable when there is something to collect: what GLib polls. */
    int (*pollfd)(AioContext *ctx);
} AioEngine;

extern const AioEngine aio_engine_epoll;
#ifdef CONFIG_LINUX_IO_URING
extern const AioEngine aio_engine_uring;
#endif

struct AioContext {
    /* Any thread. */
    int refs;
    uint32_t state;
    AioBH *bh_incoming;
    AioWork *work_done;
    AioTimer *timers_dirty;
    /* Per clock: the deadline the thread sleeps to (INT64_MAX: none), INT64_MIN while it is awake.
     */
    int64_t sleep_deadline[AIO_N_CLOCKS];
    void *home; /* identity of the thread that runs the context, NULL: none */
    uint64_t notifies;
    int64_t poll_max_ns, poll_grow, poll_shrink;
    unsigned max_batch; /* atomic: requests that go to the kernel together, 0: no limit */
    char *name;             /* constant */
    EventNotifier notifier; /* constant */

    /* Home thread. */
    char pad[QEMU_CACHELINE];
    const AioEngine *engine; /* NULL until first needed; atomic: others may ask for its name */
    void *engine_thread;     /* thread that made it: an io_uring has one submitter */
    void *engine_state;
    GHashTable *handlers;  /* fd -> AioHandler */
    GSList *dead_handlers; /* deleted; the engine still knows them */
    AioBH *bh_head, *bh_tail;
    int bh_count;
    AioBH *bh_held; /* outermost ones that came up inside a callback, the last one first */
    AioPoller *pollers;
    bool pollers_asleep, pollers_deleted;
    AioTimerHeap timers[AIO_N_CLOCKS];
    int depth;          /* aio_poll() calls on the stack */
    int inflight;       /* file I/O and work; atomic */
    AioWork *done_head; /* finished work, done() not called yet */
    AioPool *pool;      /* atomic pointer: any thread may submit work */
    int64_t poll_ns;
    /* aio_batch_done()'s, home only */
    unsigned batches, batched; /* in this window: how many, and the requests in them */
    unsigned patience_wait;    /* windows between two tries */
    unsigned patience_left;    /* windows until the next one */
    bool patient;              /* the thread is SCHED_BATCH */
    unsigned poll_count; /* windows since the affinity mask was last looked at */
    bool may_spin;
    AioStats stats; /* written by home with relaxed stores */
};

static inline void aio_stat_inc(uint64_t *counter)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

static inline int64_t aio_monotonic_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

/* Asserts that the caller is at home or that no thread runs ctx. */
void aio_assert_owner(AioContext *ctx);
/* context.c */
void aio_engine_need(AioContext *ctx);
/* Prepares sleeping: returns how long (< 0: no limit); 0: do not sleep. aio_sleep_end() follows in
 * any case. */
int64_t aio_sleep_begin(AioContext *ctx);
void aio_sleep_end(AioContext *ctx);
bool aio_dispatch(AioContext *ctx);
/* fn for each context that a thread runs, with references held. */
void aio_foreach_running(void (*fn)(AioContext *ctx, void *opaque), void *opaque);
void aio_notify_all(void);
/* bh.c */
bool aio_bh_run(AioContext *ctx);
/* The outermost iteration ends: what it held back is as if scheduled now. */
void aio_bh_release(AioContext *ctx);
void aio_bh_cleanup(AioContext *ctx);
/* fd.c */
unsigned aio_handler_events(const AioHandler *h);
bool aio_handler_call(AioHandler *h, unsigned revents);
/* timer.c */
int64_t aio_timers_sleep(AioContext *ctx); /* as aio_sleep_begin() */
void aio_timers_awake(AioContext *ctx);
bool aio_timers_run(AioContext *ctx);
bool aio_timers_run_clock(AioContext *ctx, QEMUClockType clock);
int64_t aio_timers_next(AioContext *ctx, QEMUClockType clock); /* -1: none */
void aio_timers_cleanup(AioContext *ctx);
/* clock.c: true if timers of the clock fire now; runs: time passes by itself */
bool aio_clock_enabled(QEMUClockType clock, bool *runs);
/* poll.c */
bool aio_pollers_run(AioContext *ctx);
bool aio_pollers_sleep(AioContext *ctx); /* false: there is work, do not sleep */
void aio_pollers_wake(AioContext *ctx);
void aio_pollers_reap(AioContext *ctx);
/* Spins for a while; true if there is something to dispatch. *progress set if a poller did work. */
bool aio_poll_window(AioContext *ctx, bool *progress);
void aio_poll_adapt(AioContext *ctx, int64_t blocked_ns);
/* pool.c */
bool aio_work_run_done(AioContext *ctx);
void aio_pool_cleanup(AioContext *ctx);
void aio_pool_submit_request(AioContext *ctx, AioRequest *req);

#endif
