/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring and the waiters: order, bounds, kicks in every state, time-outs, answers that come late,
 * twice or to nobody. */
#include "qemu/osdep.h"

#include <sys/eventfd.h>

#include "../../system/ioregionfd/ring.h"
#include "../../system/ioregionfd/waiter.h"
#include "../include/soak.h"

#define PRODUCERS 4

static int scale(int n)
{
    return (int)soak(n, n * 10);
}

/* --- a home
 * --------------------------------------------------------------------------------------------------------
 */

typedef struct Home {
    IoRing ring;
    uint32_t asleep;
    int eventfd;
    bool stop;
    bool silent;       /* does not answer */
    unsigned delay_us; /* before an answer, at random up to this */
    uint64_t kicks;
    QemuThread thread;
    /* checks */
    uint64_t next[PRODUCERS];
    uint64_t total, seen, last_ticket;
    bool tickets;
} Home;

static uint64_t answer_of(uint64_t data)
{
    return data * 2654435761u + 7;
}

static void home_do(Home *h, const struct ioregionfd_cmd *cmd)
{
    if (h->tickets) {
        g_assert_cmpuint(cmd->data, ==, h->last_ticket + 1);
        h->last_ticket = cmd->data;
    } else {
        g_assert_cmpuint(cmd->user_data, <, PRODUCERS);
        g_assert_cmpuint(cmd->data, ==, h->next[cmd->user_data]);
        h->next[cmd->user_data]++;
    }
    __atomic_store_n(&h->seen, h->seen + 1, __ATOMIC_RELEASE);
    if (cmd->info & IOREGIONFD_RESP && !h->silent && waiter_pending(cmd->id)) {
        if (h->delay_us) {
            g_usleep(g_random_int_range(0, h->delay_us));
        }
        waiter_answer(cmd->id, h, answer_of(cmd->data), 0);
    }
}

static void *home_run(void *opaque)
{
    Home *h = opaque;
    struct ioregionfd_cmd cmd;
    uint32_t attrs;

    while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE) || io_ring_ready(&h->ring)) {
        while (io_ring_pop(&h->ring, &cmd, &attrs)) {
            g_assert_cmpuint(attrs, ==, 0xa5a5);
            home_do(h, &cmd);
        }
        if (!io_ring_sleep(&h->asleep, &h->ring, NULL) &&
            !__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE)) {
            uint64_t n;

            /* A lost kick shows as a test that hangs. */
            g_assert_cmpint(read(h->eventfd, &n, sizeof(n)), ==, sizeof(n));
            __atomic_store_n(&h->asleep, 0, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

static void home_wake(Home *h)
{
    uint64_t one = 1;

    g_assert_cmpint(write(h->eventfd, &one, sizeof(one)), ==, sizeof(one));
}

static void home_start(Home *h, unsigned posted, unsigned answered)
{
    memset(h, 0, sizeof(*h));
    g_assert_true(io_ring_init(&h->ring, posted, answered));
    h->eventfd = eventfd(0, EFD_CLOEXEC);
    g_assert_cmpint(h->eventfd, >=, 0);
}

static void home_go(Home *h)
{
    g_assert_true(qemu_thread_create(&h->thread, "home", home_run, h, NULL));
}

static void home_end(Home *h)
{
    __atomic_store_n(&h->stop, true, __ATOMIC_RELEASE);
    home_wake(h);
    qemu_thread_join(&h->thread);
    close(h->eventfd);
    io_ring_destroy(&h->ring);
}

static bool push(Home *h, uint64_t limit, const struct ioregionfd_cmd *cmd)
{
    if (!io_ring_push(&h->ring, limit, cmd, 0xa5a5)) {
        return false;
    }
    if (io_ring_must_kick(&h->asleep)) {
        __atomic_fetch_add(&h->kicks, 1, __ATOMIC_RELAXED);
        home_wake(h);
    }
    return true;
}

/* --- producers
 * -----------------------------------------------------------------------------------------------------------
 */

typedef struct Producer {
    Home *home;
    unsigned number;
    unsigned count;
    unsigned answered_every; /* 0: none */
    unsigned stalls;
    bool *lock; /* tickets are drawn under it */
    uint64_t *ticket;
    IoRegionWaiter **waiter; /* published for a kicker */
    struct CPUState *cpu;
    void (*events)(struct CPUState *cpu);
    const bool *pending;
    QemuThread thread;
} Producer;

static uint32_t ask(Producer *p, struct ioregionfd_cmd *cmd, uint64_t *data)
{
    IoRegionWaiter *w = waiter_self();

    cmd->info |= IOREGIONFD_RESP;
    cmd->id = waiter_begin(w, p->home, NULL, NANOSECONDS_PER_SECOND * 60);
    g_assert_cmpuint(cmd->id, !=, 0);
    g_assert_true(push(p->home, p->home->ring.capacity, cmd));
    waiter_wait(w);
    return waiter_finish(w, data, NULL, NULL);
}

static void *produce(void *opaque)
{
    Producer *p = opaque;
    IoRegionWaiter *w = waiter_self();

    w->cpu = p->cpu;
    w->process_events = p->events;
    w->events_pending = p->pending;
    if (p->waiter) {
        __atomic_store_n(p->waiter, w, __ATOMIC_RELEASE);
    }
    for (unsigned i = 0; i < p->count; i++) {
        struct ioregionfd_cmd cmd = {
            .info = IOREGIONFD_CMD_WRITE, .user_data = p->number, .data = i};
        uint64_t data;

        if (p->ticket) {
            while (__atomic_test_and_set(p->lock, __ATOMIC_ACQUIRE)) {
                sched_yield();
            }
            cmd.data = ++*p->ticket;
        }
        if (p->answered_every && i % p->answered_every == 0) {
            g_assert_cmpuint(ask(p, &cmd, &data), ==, 0);
            g_assert_cmpuint(data, ==, answer_of(cmd.data));
        } else if (!push(p->home, p->home->ring.posted_limit, &cmd)) {
            /* full: through the slot that is kept for this thread */
            p->stalls++;
            g_assert_cmpuint(ask(p, &cmd, &data), ==, 0);
        }
        if (p->ticket) {
            __atomic_clear(p->lock, __ATOMIC_RELEASE);
        }
    }
    if (p->waiter) {
        __atomic_store_n(p->waiter, NULL, __ATOMIC_RELEASE);
    }
    waiter_release_self();
    return NULL;
}

static uint64_t run_producers(Home *h, unsigned count, unsigned answered_every, bool tickets)
{
    Producer p[PRODUCERS];
    uint64_t ticket = 0, stalls = 0;
    bool lock = false;

    h->tickets = tickets;
    home_go(h);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        p[i] = (Producer){.home = h,
                          .number = i,
                          .count = count,
                          .answered_every = answered_every,
                          .lock = &lock,
                          .ticket = tickets ? &ticket : NULL};
        g_assert_true(qemu_thread_create(&p[i].thread, "producer", produce, &p[i], NULL));
    }
    for (unsigned i = 0; i < PRODUCERS; i++) {
        qemu_thread_join(&p[i].thread);
        stalls += p[i].stalls;
    }
    home_end(h);
    g_assert_cmpuint(h->seen, ==, (uint64_t)count * PRODUCERS);
    return stalls;
}

/* Each producer's commands arrive in its order, none is lost, none twice. */
static void test_order(void)
{
    Home h;

    home_start(&h, 192, 64);
    run_producers(&h, scale(100000), 0, false);
}

static void test_order_answered(void)
{
    Home h;

    home_start(&h, 192, 64);
    run_producers(&h, scale(20000), 3, false);
}

/* A small ring goes round often and is full all the time. */
static void test_full(void)
{
    Home h;
    uint64_t stalls;

    home_start(&h, 8, 8);
    stalls = run_producers(&h, scale(20000), 0, false);
    g_assert_cmpuint(stalls, >, 0);
}

/* What a guest orders with a lock of its own arrives in that order: one queue, not one a producer.
 */
static void test_total_order(void)
{
    Home h;

    home_start(&h, 32, 32);
    run_producers(&h, scale(20000), 50, true);
}

/* Posted commands leave room for answered ones; nothing goes in beyond capacity. */
static void test_bounds(void)
{
    struct ioregionfd_cmd cmd = {0}, out;
    uint32_t attrs;
    IoRing r = {0};
    unsigned posted = 0, answered = 0;

    g_assert_true(io_ring_init(&r, 40, 20));
    g_assert_cmpuint(r.capacity, ==, 64);
    g_assert_cmpuint(r.posted_limit, ==, 44);
    for (int lap = 0; lap < 5; lap++) {
        posted = answered = 0;
        while (io_ring_push(&r, r.posted_limit, &cmd, 1)) {
            posted++;
        }
        while (io_ring_push(&r, r.capacity, &cmd, 1)) {
            answered++;
        }
        g_assert_cmpuint(posted, ==, 44);
        g_assert_cmpuint(answered, ==, 20);
        for (int i = 0; i < 64; i++) {
            g_assert_true(io_ring_pop(&r, &out, &attrs));
        }
        g_assert_false(io_ring_pop(&r, &out, &attrs));
        g_assert_false(io_ring_ready(&r));
    }
    io_ring_destroy(&r);
}

/* The home never polls here: each command finds it awake, on its way to sleep or asleep. */
static void test_sleep(void)
{
    Home h;

    home_start(&h, 16, 16);
    run_producers(&h, scale(10000), 1, false);
    g_assert_cmpuint(h.kicks, >, 0);
}

/* --- kicks
 * ----------------------------------------------------------------------------------------------------------------
 */

static bool exit_request;
static uint64_t kicks_sent, kicks_seen, events_run;

static void process_events(struct CPUState *cpu)
{
    /* As cpu_process_events(): the request is taken back before what it stands for is looked at. */
    __atomic_store_n(&exit_request, false, __ATOMIC_SEQ_CST);
    __atomic_store_n(&kicks_seen, __atomic_load_n(&kicks_sent, __ATOMIC_SEQ_CST), __ATOMIC_SEQ_CST);
    events_run++;
}

/* The kicker waits for each kick to be seen: by process_events() or, between two waits, by nobody;
 * then the next wait does it. */
static void test_kick(void)
{
    char fake_cpu;
    IoRegionWaiter *w = NULL;
    Home h;
    Producer p;
    unsigned sent = 0;

    home_start(&h, 16, 16);
    h.delay_us = 50;
    home_go(&h);
    exit_request = false;
    kicks_sent = kicks_seen = events_run = 0;
    p = (Producer){.home = &h,
                   .count = scale(4000),
                   .answered_every = 1,
                   .waiter = &w,
                   .cpu = (struct CPUState *)&fake_cpu,
                   .events = process_events,
                   .pending = &exit_request};
    g_assert_true(qemu_thread_create(&p.thread, "vcpu", produce, &p, NULL));
    while (!__atomic_load_n(&w, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
    for (;;) {
        IoRegionWaiter *target = __atomic_load_n(&w, __ATOMIC_ACQUIRE);
        uint64_t n;

        if (!target) {
            break;
        }
        n = __atomic_add_fetch(&kicks_sent, 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&exit_request, true, __ATOMIC_SEQ_CST);
        waiter_kick(target);
        sent++;
        while (__atomic_load_n(&kicks_seen, __ATOMIC_SEQ_CST) < n &&
               __atomic_load_n(&w, __ATOMIC_ACQUIRE)) {
            sched_yield();
        }
        if (sent % 3 == 0) {
            g_usleep(g_random_int_range(0, 60));
        }
    }
    qemu_thread_join(&p.thread);
    home_end(&h);
    g_assert_cmpuint(events_run, >, 0);
    g_test_message("%u kicks sent, events run %" PRIu64 " times", sent, events_run);
}

static bool parked_go;
static bool parked;

static void park(struct CPUState *cpu)
{
    __atomic_store_n(&exit_request, false, __ATOMIC_SEQ_CST);
    __atomic_store_n(&parked, true, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&parked_go, __ATOMIC_ACQUIRE)) {
        g_usleep(100);
    }
}

/* A kick parks a vCPU inside its wait; the answer comes meanwhile, and counts. The time in the park
 * is no part of the time-out. */
static void test_park(void)
{
    char fake_cpu;
    Home h;
    Producer p;
    IoRegionWaiter *w = NULL;

    home_start(&h, 16, 16);
    h.silent = true;
    home_go(&h);
    parked = parked_go = exit_request = false;
    p = (Producer){.home = &h,
                   .count = 1,
                   .answered_every = 1,
                   .waiter = &w,
                   .cpu = (struct CPUState *)&fake_cpu,
                   .events = park,
                   .pending = &exit_request};
    g_assert_true(qemu_thread_create(&p.thread, "vcpu", produce, &p, NULL));
    while (!__atomic_load_n(&h.seen, __ATOMIC_ACQUIRE)) {
        g_usleep(100);
    }
    __atomic_store_n(&exit_request, true, __ATOMIC_SEQ_CST);
    waiter_kick(__atomic_load_n(&w, __ATOMIC_ACQUIRE));
    while (!__atomic_load_n(&parked, __ATOMIC_ACQUIRE)) {
        g_usleep(100);
    }
    g_assert_true(
        waiter_answer(__atomic_load_n(&w->state, __ATOMIC_ACQUIRE) >> 32, &h, answer_of(0), 0));
    __atomic_store_n(&parked_go, true, __ATOMIC_RELEASE);
    qemu_thread_join(&p.thread);
    home_end(&h);
}

/* --- outcomes
 * ----------------------------------------------------------------------------------------------------------------
 */

static void test_timeout(void)
{
    IoRegionWaiter *w = waiter_self();
    int channel, other;
    uint32_t id = waiter_begin(w, &channel, NULL, 20 * SCALE_MS);
    int64_t before = g_get_monotonic_time();
    uint64_t data;

    waiter_wait(w);
    g_assert_cmpint(g_get_monotonic_time() - before, >=, 15000);
    g_assert_false(waiter_pending(id));
    g_assert_cmpuint(waiter_finish(w, &data, NULL, NULL), ==, WAIT_FAIL_TIMEOUT);
    g_assert_cmpuint(data, ==, UINT64_MAX);
    /* late */
    g_assert_false(waiter_answer(id, &channel, 1, 0));
    /* the next command is not met by the old one's answer, nor by another channel's */
    uint32_t next = waiter_begin(w, &channel, NULL, -1);

    g_assert_cmpuint(next, !=, id);
    g_assert_false(waiter_answer(id, &channel, 1, 0));
    g_assert_false(waiter_answer(next, &other, 1, 0));
    g_assert_true(waiter_answer(next, &channel, 42, 3));
    /* double */
    g_assert_false(waiter_answer(next, &channel, 43, 0));
    waiter_wait(w);
    g_assert_cmpuint(waiter_finish(w, &data, NULL, NULL), ==, 3);
    g_assert_cmpuint(data, ==, 42);
    g_assert_false(waiter_answer(next, &channel, 43, 0));
    /* unsolicited: ids that nobody has */
    for (uint32_t i = 0; i < 5000; i++) {
        g_assert_false(waiter_answer(i, &channel, 1, 0));
    }
}

static void test_nested(void)
{
    IoRegionWaiter *w = waiter_self();
    uint64_t data;

    g_assert_cmpuint(waiter_begin(w, &data, NULL, -1), !=, 0);
    g_assert_cmpuint(waiter_begin(w, &data, NULL, -1), ==, 0);
    g_assert_true(waiter_cancel(w, NULL, NULL, WAIT_FAIL_CANCELLED));
    g_assert_cmpuint(waiter_finish(w, &data, NULL, NULL), ==, WAIT_FAIL_CANCELLED);
}

static void test_generation(void)
{
    IoRegionWaiter *w = waiter_self();
    uint32_t before = 0;
    uint64_t data;

    w->generation = (1u << (32 - WAITER_INDEX_BITS)) - 3;
    for (int i = 0; i < 6; i++) {
        uint32_t id = waiter_begin(w, &data, NULL, -1);

        g_assert_cmpuint(id >> WAITER_INDEX_BITS, !=, 0);
        g_assert_cmpuint(id, !=, before);
        before = id;
        g_assert_true(waiter_answer(id, &data, 0, 0));
        waiter_finish(w, &data, NULL, NULL);
    }
}

static void *wait_for_cancel(void *opaque)
{
    IoRegionWaiter *w = waiter_self();
    Producer *p = opaque;
    uint64_t data;

    waiter_begin(w, p->home, p, -1);
    __atomic_store_n(p->waiter, w, __ATOMIC_RELEASE);
    waiter_wait(w);
    g_assert_cmpuint(waiter_finish(w, &data, NULL, NULL), ==, WAIT_FAIL_CANCELLED);
    g_assert_cmpuint(data, ==, UINT64_MAX);
    waiter_release_self();
    return NULL;
}

static void test_cancel(void)
{
    for (int i = 0; i < scale(200); i++) {
        IoRegionWaiter *w = NULL;
        Home h;
        Producer p = {.home = &h, .waiter = &w};

        g_assert_true(qemu_thread_create(&p.thread, "vcpu", wait_for_cancel, &p, NULL));
        while (!__atomic_load_n(&w, __ATOMIC_ACQUIRE)) {
            sched_yield();
        }
        if (i & 1) {
            g_usleep(i % 5 * 50);
        }
        /* another channel's, another region's: not this one */
        g_assert_cmpuint(waiter_cancel_all(&p, NULL, WAIT_FAIL_CANCELLED), ==, 0);
        g_assert_cmpuint(waiter_cancel_all(&h, &h, WAIT_FAIL_CANCELLED), ==, 0);
        g_assert_cmpuint(waiter_cancel_all(&h, &p, WAIT_FAIL_CANCELLED), ==, 1);
        qemu_thread_join(&p.thread);
    }
}

/* An answer, a cancel and a short time-out race for each command: exactly one wins, and the outcome
 * is whole. */
static bool race_stop;

static void *race_cancel(void *opaque)
{
    while (!__atomic_load_n(&race_stop, __ATOMIC_ACQUIRE)) {
        waiter_cancel_all(opaque, NULL, WAIT_FAIL_CANCELLED);
        g_usleep(g_random_int_range(0, 1000));
    }
    return NULL;
}

static void test_race(void)
{
    IoRegionWaiter *w = waiter_self();
    unsigned done = 0, cancelled = 0, timed_out = 0;
    QemuThread canceller;
    Home h;

    home_start(&h, 64, 512);
    h.delay_us = 40;
    home_go(&h);
    race_stop = false;
    g_assert_true(qemu_thread_create(&canceller, "canceller", race_cancel, &h, NULL));
    for (int i = 0; i < scale(10000); i++) {
        struct ioregionfd_cmd cmd = {.info = IOREGIONFD_CMD_WRITE | IOREGIONFD_RESP, .data = i};
        uint64_t data;

        cmd.id = waiter_begin(w, &h, NULL, g_random_int_range(20, 600) * SCALE_US);
        while (!push(&h, h.ring.capacity, &cmd)) {
            sched_yield();
        }
        waiter_wait(w);
        switch (waiter_finish(w, &data, NULL, NULL)) {
        case 0:
            g_assert_cmpuint(data, ==, answer_of(i));
            done++;
            break;
        case WAIT_FAIL_CANCELLED:
            g_assert_cmpuint(data, ==, UINT64_MAX);
            cancelled++;
            break;
        case WAIT_FAIL_TIMEOUT:
            g_assert_cmpuint(data, ==, UINT64_MAX);
            timed_out++;
            break;
        default:
            g_assert_not_reached();
        }
    }
    __atomic_store_n(&race_stop, true, __ATOMIC_RELEASE);
    qemu_thread_join(&canceller);
    home_end(&h);
    g_test_message("%u answered, %u cancelled, %u timed out", done, cancelled, timed_out);
    g_assert_cmpuint(done + cancelled + timed_out, ==, scale(10000));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ioregion/ring/bounds", test_bounds);
    g_test_add_func("/ioregion/ring/order", test_order);
    g_test_add_func("/ioregion/ring/order-answered", test_order_answered);
    g_test_add_func("/ioregion/ring/full", test_full);
    g_test_add_func("/ioregion/ring/total-order", test_total_order);
    g_test_add_func("/ioregion/ring/sleep", test_sleep);
    g_test_add_func("/ioregion/waiter/kick", test_kick);
    g_test_add_func("/ioregion/waiter/park", test_park);
    g_test_add_func("/ioregion/waiter/outcomes", test_timeout);
    g_test_add_func("/ioregion/waiter/nested", test_nested);
    g_test_add_func("/ioregion/waiter/generation", test_generation);
    g_test_add_func("/ioregion/waiter/cancel", test_cancel);
    g_test_add_func("/ioregion/waiter/race", test_race);
    return g_test_run();
}
