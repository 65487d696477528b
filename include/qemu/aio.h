/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event loops.
 *
 * An AioContext is a home: one thread runs it, and what is registered with it runs in that thread only.  The main
 * loop is an AioContext that GLib's main loop drives; each IOThread runs one of its own.  The engine is one io_uring per
 * context (epoll where the kernel has none), created when the context first needs it.
 *
 * Unless a comment says "any thread", a function may be called only from the context's home thread, or before the
 * context's thread runs, and asserts so.
 */
#ifndef QEMU_AIO_H
#define QEMU_AIO_H

#include "qemu/error.h"
#include "qemu/osdep.h"
#include "qemu/thread.h"

typedef struct AioContext AioContext;
typedef struct AioHandler AioHandler;
typedef struct AioBH AioBH;
typedef struct AioPoller AioPoller;
typedef struct AioTimer AioTimer;
typedef void AioFn(void *opaque);

/* --- contexts --------------------------------------------------------------------------------------------- */

/* A new context that no thread runs yet.  name (copied) is for traces and for thread names. */
AioContext *aio_context_new(const char *name, GError **errp);
AioContext *aio_context_ref(AioContext *ctx);   /* any thread */
void aio_context_unref(AioContext *ctx);        /* any thread; the last one frees it */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AioContext, aio_context_unref)

/* The main loop's context; created by aio_init_main(), once, in the main thread.  Any thread. */
AioContext *aio_get_main(void);
bool aio_init_main(GError **errp);

/* The context that the calling thread runs, or NULL (vCPU threads, worker threads).  Any thread. */
AioContext *aio_get_current(void);
static inline bool aio_in_home(AioContext *ctx)
{
    return aio_get_current() == ctx;
}
#define aio_assert_home(ctx) g_assert(aio_in_home(ctx))
/* Asserts the main loop's thread: memory topology, monitor commands, object creation. */
#define assert_main_loop() g_assert(aio_in_home(aio_get_main()))

/* Makes the calling thread the home of ctx (an IOThread's first act; NULL gives it up).  Once a thread has called aio_poll(), no other
 * thread may become the home: an io_uring belongs to one thread. */
void aio_set_current(AioContext *ctx);

/* True if some thread is ctx's home now.  Any thread. */
bool aio_context_is_running(AioContext *ctx);

/* Runs what is ready.  If blocking, polls (adaptively) and sleeps until something is.  Returns true if a handler,
 * bottom half, timer or poller did something. */
bool aio_poll(AioContext *ctx, bool blocking);

/* Makes a sleeping aio_poll() return.  Any thread. */
void aio_notify(AioContext *ctx);

const char *aio_context_name(const AioContext *ctx);   /* any thread */
/* "io_uring" or "epoll". */
const char *aio_context_engine(const AioContext *ctx);

/* --- file descriptors --------------------------------------------------------------------------------------- */

/* Level-triggered readiness.  io_read and io_write may be NULL; both NULL removes the fd.  A handler may remove any
 * handler, its own too. */
void aio_set_fd_handler(AioContext *ctx, int fd, AioFn *io_read, AioFn *io_write, void *opaque);

/* The same for an eventfd, cheaper: fn runs after each (coalesced) event_notifier_set(), and once in a while without one; nobody has to
 * read the eventfd, and nothing is lost if somebody does.  A set before registration counts.  fn NULL removes it. */
typedef struct EventNotifier EventNotifier;
void aio_set_event_notifier(AioContext *ctx, EventNotifier *n, AioFn *fn, void *opaque);

/* --- bottom halves, calls ------------------------------------------------------------------------------------ */

/* A bottom half runs fn once, in ctx's thread, after each (coalesced) schedule.  new, schedule, cancel: any thread.
 * delete: any thread; after it fn is not entered again, but may be running if the caller is not at home. */
AioBH *aio_bh_new(AioContext *ctx, AioFn *fn, void *opaque);
/* The same for work that takes objects away or stops and starts the machine: it runs in the outermost iteration only, never inside an
 * aio_poll() whose caller still holds what fn would free.  What waits inside such an aio_poll() must not need it. */
AioBH *aio_bh_new_outermost(AioContext *ctx, AioFn *fn, void *opaque);
/* At home: true inside an aio_poll() that something which ctx runs has called. */
bool aio_is_nested(const AioContext *ctx);
void aio_bh_schedule(AioBH *bh);
void aio_bh_cancel(AioBH *bh);
void aio_bh_delete(AioBH *bh);

/* Runs fn(opaque) once in ctx's thread, later; in order for one caller.  Any thread. */
void aio_post(AioContext *ctx, AioFn *fn, void *opaque);

/* Runs fn(opaque) in ctx's thread and returns when it has returned (directly if the caller is at home).  Waits go one way:
 * vCPU, main loop, device home, queue home; never call this towards the left.  Any thread that may wait. */
void aio_call(AioContext *ctx, AioFn *fn, void *opaque);

/* Main loop: returns when ctx has set the event.  Meanwhile the main loop does what is posted to it, and ctx, if that is the main
 * loop, runs. */
void aio_await(AioContext *ctx, QemuEvent *done);

/* --- pollers --------------------------------------------------------------------------------------------------- */

typedef struct AioPollOps {
    /* Looks for work without a system call and does it; returns true if there was any. */
    bool (*poll)(void *opaque);
    /* Polling ends and the thread is about to sleep: from now on producers must kick (arm the eventfd kick).  Returns
     * true if work came in meanwhile, so that the loop must not sleep.  Must not do the work.  NULL: never needed. */
    bool (*sleep)(void *opaque);
    /* The thread woke up: producers need not kick any more.  NULL: never needed. */
    void (*wake)(void *opaque);
} AioPollOps;

/* poll() runs once per iteration, and again and again during the adaptive polling window.  After sleep() a producer
 * wakes the loop with aio_notify() or with an eventfd that has a handler. */
AioPoller *aio_poller_new(AioContext *ctx, const AioPollOps *ops, void *opaque);
void aio_poller_delete(AioPoller *p);

/* Adaptive polling: at most max_ns a time (0: off), growing by factor grow (0: 2), shrinking by divisor shrink
 * (0: to zero at once).  Not used while the process may run on one CPU only.  Any thread. */
void aio_set_poll_params(AioContext *ctx, int64_t max_ns, int64_t grow, int64_t shrink);

/* Tells the loop that n requests were completed together (with one interrupt, say).  Where the process may run on one CPU only, a home
 * that wakes up takes the CPU from the producer that has just sent it its first request, so that each batch is one request.  There the
 * loop tries, now and then, to let the producer run until it sleeps, and stays with it while batches of two or more come of it
 * (SCHED_BATCH instead of SCHED_OTHER; a thread to which the user gave another policy keeps it). */
void aio_batch_done(AioContext *ctx, unsigned n);

/* At most n requests of one iteration go to the kernel together; 0: all of them.  Any thread. */
void aio_set_max_batch(AioContext *ctx, unsigned n);

/* Statistics of a context; any thread, relaxed. */
typedef struct AioStats {
    uint64_t iterations, sleeps, polls_hit, polls_missed, notifies;
} AioStats;
void aio_get_stats(AioContext *ctx, AioStats *st);

/* --- timers ------------------------------------------------------------------------------------------------------ */

typedef enum QEMUClockType {
    QEMU_CLOCK_REALTIME,  /* CLOCK_MONOTONIC */
    QEMU_CLOCK_VIRTUAL,   /* guest time: stands still while the VM is stopped; moved by qtest's clock_step */
    QEMU_CLOCK_HOST,      /* wall clock */
} QEMUClockType;

int64_t qemu_clock_get_ns(QEMUClockType clock);   /* any thread, no lock */

/* A timer fires fn once in ctx's thread when its clock reaches the time set.  mod and del: any thread.  After del at
 * home fn does not run; elsewhere it may be running. free: at home, or when ctx's thread is gone. */
AioTimer *aio_timer_new(AioContext *ctx, QEMUClockType clock, AioFn *fn, void *opaque);
void aio_timer_mod(AioTimer *t, int64_t expire_ns);
void aio_timer_del(AioTimer *t);
bool aio_timer_pending(const AioTimer *t);
int64_t aio_timer_expire_ns(const AioTimer *t);   /* -1 when not pending */
void aio_timer_free(AioTimer *t);

/* The virtual clock's control; main loop only.  With manual on (qtest) the clock starts at 0 and moves only by
 * aio_clock_advance(), which steps through each deadline of every context in order, running the timers with the clock at
 * their own deadline (on their own thread, waited for), and returns the new time. */
void aio_clock_set_manual(bool manual);
void aio_clock_enable(bool running);              /* VM runs / is stopped */
int64_t aio_clock_next_deadline(void);            /* earliest virtual deadline of the process, -1: none */
int64_t aio_clock_advance(int64_t target_ns);

/* --- file I/O ------------------------------------------------------------------------------------------------------ */

typedef enum AioOp { AIO_READV, AIO_WRITEV, AIO_FSYNC, AIO_FDATASYNC, AIO_FALLOCATE } AioOp;

/* Embedded in the caller's request; no allocation.  Belongs to the loop from submit until complete() is entered. */
typedef struct AioRequest AioRequest;
struct AioRequest {
    void (*complete)(AioRequest *req, int res);  /* in ctx's thread; res: bytes, 0, or -errno */
    AioRequest *next;                            /* loop's own */
    AioOp op;
    int fd;
    int mode;                                    /* AIO_FALLOCATE: mode bits; READV, WRITEV: RWF_ flags */
    uint64_t offset, len;                        /* len: AIO_FALLOCATE */
    const struct iovec *iov;                     /* must live until completion */
    int niov;
    bool cancelled;                              /* loop's own */
};

/* Queues req; submissions of one loop iteration go to the kernel together.  complete() is never entered from inside this
 * call.  On an epoll engine the request runs in the thread pool instead. */
void aio_submit(AioContext *ctx, AioRequest *req);
/* Asks the kernel to give req back: it completes with -ECANCELED if the kernel does, otherwise as it would have.  At home; req was submitted to
 * ctx and has not completed. */
void aio_cancel(AioContext *ctx, AioRequest *req);
/* True if the context's engine has io_uring file I/O. */
bool aio_has_io_uring(AioContext *ctx);

/* Runs work(arg) on a worker thread, then done(arg, its result) in ctx's thread.  Bounded number of workers, started as needed;
 * idle ones end after 10 s.  Submitting: any thread. */
typedef struct AioWork AioWork;
struct AioWork {
    int (*work)(AioWork *w);
    void (*done)(AioWork *w, int res);
    AioContext *ctx;   /* set by aio_work_submit() */
    AioWork *next;     /* pool's own */
    int res;           /* pool's own */
};
void aio_work_submit(AioContext *ctx, AioWork *w);
/* Takes back work for which no worker had time yet; true: neither work() nor done() is called.  At home. */
bool aio_work_cancel(AioContext *ctx, AioWork *w);

/* --- eventfd ---------------------------------------------------------------------------------------------------------- */

struct EventNotifier {
    int fd;  /* -1: not open */
};
bool event_notifier_init(EventNotifier *n, bool set, GError **errp);
void event_notifier_cleanup(EventNotifier *n);
void event_notifier_set(EventNotifier *n);            /* any thread */
bool event_notifier_test_and_clear(EventNotifier *n); /* any thread; true if it was set */

#endif
