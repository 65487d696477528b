/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contexts: their life, one iteration of the loop, sleeping and being woken. */
#include "aio-private.h"

#include <sys/prctl.h>

static __thread AioContext *current;
static __thread char thread_identity; /* only its address matters */

/* All contexts: for clock control.  The lock is taken when a context is made or freed and by clock
 * control only. */
static pthread_mutex_t contexts_lock = PTHREAD_MUTEX_INITIALIZER;
static GPtrArray *contexts;

/* --- life ----------------------------------------------------------------------------------- */

AioContext *aio_context_new(const char *name, GError **errp)
{
    AioContext *ctx = g_new0(AioContext, 1);

    ctx->refs = 1;
    ctx->notifier.fd = -1;
    if (!event_notifier_init(&ctx->notifier, false, errp)) {
        g_free(ctx);
        return NULL;
    }
    ctx->name = g_strdup(name);
    ctx->handlers = g_hash_table_new(NULL, NULL);
    ctx->poll_grow = 2;
    aio_timers_awake(ctx);
    pthread_mutex_lock(&contexts_lock);
    if (!contexts) {
        contexts = g_ptr_array_new();
    }
    g_ptr_array_add(contexts, ctx);
    pthread_mutex_unlock(&contexts_lock);
    return ctx;
}

AioContext *aio_context_ref(AioContext *ctx)
{
    __atomic_fetch_add(&ctx->refs, 1, __ATOMIC_RELAXED);
    return ctx;
}

static void context_free(AioContext *ctx)
{
    GHashTableIter it;
    void *h;

    g_assert(!ctx->depth && !ctx->inflight);
    aio_pool_cleanup(ctx);
    aio_bh_cleanup(ctx);
    aio_timers_cleanup(ctx);
    for (AioPoller *p = ctx->pollers; p; p = p->next) {
        p->deleted = true;
    }
    ctx->pollers_deleted = true;
    aio_pollers_reap(ctx);
    if (ctx->engine) {
        ctx->engine->cleanup(ctx);
    }
    g_hash_table_iter_init(&it, ctx->handlers);
    while (g_hash_table_iter_next(&it, NULL, &h)) {
        g_free(h);
    }
    g_slist_free_full(ctx->dead_handlers, g_free);
    g_hash_table_destroy(ctx->handlers);
    event_notifier_cleanup(&ctx->notifier);
    g_free(ctx->name);
    g_free(ctx);
}

void aio_context_unref(AioContext *ctx)
{
    if (!ctx || __atomic_sub_fetch(&ctx->refs, 1, __ATOMIC_ACQ_REL)) {
        return;
    }
    if (current == ctx) {
        aio_set_current(NULL);
    }
    g_assert(!__atomic_load_n(&ctx->home, __ATOMIC_ACQUIRE));
    pthread_mutex_lock(&contexts_lock);
    g_ptr_array_remove(contexts, ctx);
    pthread_mutex_unlock(&contexts_lock);
    context_free(ctx);
}

/* Takes a reference unless the last one is just going. */
static bool try_ref(AioContext *ctx)
{
    int n = __atomic_load_n(&ctx->refs, __ATOMIC_RELAXED);

    while (n > 0) {
        if (__atomic_compare_exchange_n(&ctx->refs, &n, n + 1, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

void aio_foreach_running(void (*fn)(AioContext *ctx, void *opaque), void *opaque)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();

    pthread_mutex_lock(&contexts_lock);
    for (guint i = 0; contexts && i < contexts->len; i++) {
        AioContext *ctx = g_ptr_array_index(contexts, i);

        if (__atomic_load_n(&ctx->home, __ATOMIC_ACQUIRE) && try_ref(ctx)) {
            g_ptr_array_add(list, ctx);
        }
    }
    pthread_mutex_unlock(&contexts_lock);
    for (guint i = 0; i < list->len; i++) {
        AioContext *ctx = g_ptr_array_index(list, i);

        fn(ctx, opaque);
        aio_context_unref(ctx);
    }
}

static void notify_one(AioContext *ctx, void *opaque)
{
    aio_notify(ctx);
}

void aio_notify_all(void)
{
    aio_foreach_running(notify_one, NULL);
}

AioContext *aio_get_current(void)
{
    return current;
}

void aio_set_current(AioContext *ctx)
{
    void *nobody = NULL;

    if (current == ctx) {
        return;
    }
    if (current) {
        __atomic_store_n(&current->home, NULL, __ATOMIC_RELEASE);
    }
    current = ctx;
    if (ctx) {
        bool ok = __atomic_compare_exchange_n(&ctx->home, &nobody, &thread_identity, false,
                                              __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);

        /* Two threads that run one context, or one that takes over another's io_uring. */
        g_assert(ok && (!ctx->engine_thread || ctx->engine_thread == &thread_identity));
        /* Timers of the loop are the guest's timers: no 50 us of slack. */
        prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
    }
}

bool aio_context_is_running(AioContext *ctx)
{
    return __atomic_load_n(&ctx->home, __ATOMIC_ACQUIRE) != NULL;
}

void aio_assert_owner(AioContext *ctx)
{
    g_assert(current == ctx || !__atomic_load_n(&ctx->home, __ATOMIC_ACQUIRE));
}

const char *aio_context_name(const AioContext *ctx)
{
    return ctx->name;
}

/* --- engine --------------------------------------------------------------------------------- */

static const AioEngine *engine_choice(void)
{
#ifdef CONFIG_LINUX_IO_URING
    const char *wanted = g_getenv("QEMU_AIO_ENGINE");

    if (!wanted || !g_str_equal(wanted, "epoll")) {
        return &aio_engine_uring;
    }
#endif
    return &aio_engine_epoll;
}

/* Set once a ring could not be made (old kernel, forbidden by the host): later contexts do not ask
 * again. */
static bool uring_refused;

void aio_engine_need(AioContext *ctx)
{
    const AioEngine *engine;
    g_autoptr(GError) err = NULL;
    GHashTableIter it;
    void *h;

    if (likely(ctx->engine)) {
        return;
    }
    engine = engine_choice();
    if (__atomic_load_n(&uring_refused, __ATOMIC_RELAXED) || !engine->init(ctx, NULL)) {
        __atomic_store_n(&uring_refused, true, __ATOMIC_RELAXED);
        engine = &aio_engine_epoll;
        if (!engine->init(ctx, &err)) {
            /* Not even an epoll descriptor: nothing can run. */
            error_report("event loop '%s': %s", ctx->name, err->message);
            exit(1);
        }
    }
    ctx->engine_thread = &thread_identity;
    __atomic_store_n(&ctx->engine, engine, __ATOMIC_RELEASE);
    g_hash_table_iter_init(&it, ctx->handlers);
    while (g_hash_table_iter_next(&it, NULL, &h)) {
        engine->update(ctx, h);
    }
}

/* The engine that ctx has, or will have as far as is known. */
static const AioEngine *engine_of(const AioContext *ctx)
{
    const AioEngine *engine = __atomic_load_n(&ctx->engine, __ATOMIC_ACQUIRE);

    if (engine) {
        return engine;
    }
    return __atomic_load_n(&uring_refused, __ATOMIC_RELAXED) ? &aio_engine_epoll : engine_choice();
}

const char *aio_context_engine(const AioContext *ctx)
{
    return engine_of(ctx)->name;
}

bool aio_has_io_uring(AioContext *ctx)
{
    if (aio_in_home(ctx)) {
        aio_engine_need(ctx);
    }
    return engine_of(ctx)->has_file_io;
}

void aio_submit(AioContext *ctx, AioRequest *req)
{
    aio_assert_home(ctx);
    aio_engine_need(ctx);
    req->cancelled = false;
    if (ctx->engine->submit) {
        __atomic_fetch_add(&ctx->inflight, 1, __ATOMIC_RELAXED);
        ctx->engine->submit(ctx, req);
    } else {
        aio_pool_submit_request(ctx, req);
    }
}

void aio_cancel(AioContext *ctx, AioRequest *req)
{
    aio_assert_home(ctx);
    if (ctx->engine && ctx->engine->cancel) {
        ctx->engine->cancel(ctx, req);
    }
}

void aio_set_max_batch(AioContext *ctx, unsigned n)
{
    __atomic_store_n(&ctx->max_batch, n, __ATOMIC_RELAXED);
}

/* --- notify, sleep --------------------------------------------------------------------------- */

void aio_notify(AioContext *ctx)
{
    if (__atomic_exchange_n(&ctx->state, AIO_NOTIFIED, __ATOMIC_SEQ_CST) == AIO_ASLEEP) {
        __atomic_fetch_add(&ctx->notifies, 1, __ATOMIC_RELAXED);
        event_notifier_set(&ctx->notifier);
    }
}

int64_t aio_sleep_begin(AioContext *ctx)
{
    uint32_t awake = AIO_AWAKE;
    int64_t timeout = aio_timers_sleep(ctx);

    if (!timeout || !aio_pollers_sleep(ctx)) {
        return 0;
    }
    if (!__atomic_compare_exchange_n(&ctx->state, &awake, AIO_ASLEEP, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        return 0;
    }
    aio_stat_inc(&ctx->stats.sleeps);
    return timeout;
}

void aio_sleep_end(AioContext *ctx)
{
    uint32_t asleep = AIO_ASLEEP;

    /* A notification stays: aio_dispatch() takes it. */
    __atomic_compare_exchange_n(&ctx->state, &asleep, AIO_AWAKE, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    aio_timers_awake(ctx);
    aio_pollers_wake(ctx);
}

/* --- one iteration -----------------------------------------------------------------------------
 */

bool aio_dispatch(AioContext *ctx)
{
    bool progress;

    aio_stat_inc(&ctx->stats.iterations);
    __atomic_exchange_n(&ctx->state, AIO_AWAKE, __ATOMIC_SEQ_CST);
    ctx->depth++;
    progress = ctx->engine->dispatch(ctx);
    progress |= aio_bh_run(ctx);
    progress |= aio_work_run_done(ctx);
    progress |= aio_timers_run(ctx);
    progress |= aio_pollers_run(ctx);
    if (--ctx->depth == 0) {
        aio_pollers_reap(ctx);
        aio_bh_release(ctx);
    }
    return progress;
}

static bool something_ready(AioContext *ctx)
{
    return __atomic_load_n(&ctx->state, __ATOMIC_RELAXED) == AIO_NOTIFIED || ctx->bh_head ||
           ctx->engine->ready(ctx);
}

/* Waits for something to dispatch; true if a poller did work meanwhile. */
static bool wait_for_work(AioContext *ctx)
{
    bool measure = __atomic_load_n(&ctx->poll_max_ns, __ATOMIC_RELAXED) > 0;
    int64_t start = measure ? aio_monotonic_ns() : 0;
    bool progress = false;

    if (!measure || !aio_poll_window(ctx, &progress)) {
        ctx->engine->wait(ctx, aio_sleep_begin(ctx));
        aio_sleep_end(ctx);
        if (measure) {
            aio_poll_adapt(ctx, aio_monotonic_ns() - start);
        }
    }
    return progress;
}

bool aio_poll(AioContext *ctx, bool blocking)
{
    bool progress = false;

    aio_assert_home(ctx);
    aio_engine_need(ctx);
    if (blocking && !something_ready(ctx)) {
        ctx->depth++;
        progress = wait_for_work(ctx);
        if (--ctx->depth == 0) {
            aio_bh_release(ctx);
        }
    } else {
        ctx->engine->wait(ctx, 0);
    }
    return aio_dispatch(ctx) || progress;
}

void aio_get_stats(AioContext *ctx, AioStats *st)
{
    st->iterations = __atomic_load_n(&ctx->stats.iterations, __ATOMIC_RELAXED);
    st->sleeps = __atomic_load_n(&ctx->stats.sleeps, __ATOMIC_RELAXED);
    st->polls_hit = __atomic_load_n(&ctx->stats.polls_hit, __ATOMIC_RELAXED);
    st->polls_missed = __atomic_load_n(&ctx->stats.polls_missed, __ATOMIC_RELAXED);
    st->notifies = __atomic_load_n(&ctx->notifies, __ATOMIC_RELAXED);
}
