/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loop on one CPU: it lets producers run first where that makes batches larger, and nowhere
 * else. */
#include "qemu/osdep.h"

#include "qemu/aio.h"
#include "qemu/thread.h"

#include <sched.h>

enum { WINDOW = 32 };

static cpu_set_t all_cpus;

static void use_one_cpu(bool one)
{
    cpu_set_t set;
    int cpu = 0;

    if (!one) {
        g_assert_cmpint(sched_setaffinity(0, sizeof(all_cpus), &all_cpus), ==, 0);
        return;
    }
    while (!CPU_ISSET(cpu, &all_cpus)) {
        cpu++;
    }
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    g_assert_cmpint(sched_setaffinity(0, sizeof(set), &set), ==, 0);
}

static void windows(AioContext *ctx, unsigned n, unsigned requests)
{
    for (unsigned i = 0; i < n * WINDOW; i++) {
        aio_batch_done(ctx, requests);
    }
}

static AioContext *start(void)
{
    g_autoptr(GError) err = NULL;
    AioContext *ctx = aio_context_new("batch", &err);

    g_assert_no_error(err);
    aio_set_current(ctx);
    return ctx;
}

static void end(AioContext *ctx)
{
    static const struct sched_param none;

    aio_set_current(NULL);
    aio_context_unref(ctx);
    use_one_cpu(false);
    g_assert_cmpint(sched_setscheduler(0, SCHED_OTHER, &none), ==, 0);
}

static void test_pays(void)
{
    AioContext *ctx = start();

    use_one_cpu(true);
    g_assert_cmpint(sched_getscheduler(0), ==, SCHED_OTHER);
    windows(ctx, 1, 1);
    g_assert_cmpint(sched_getscheduler(0), ==, SCHED_BATCH);
    windows(ctx, 20, 2);
    g_assert_cmpint(sched_getscheduler(0), ==, SCHED_BATCH);
    end(ctx);
}

/* Tries become rarer, but do not end. */
static void test_does_not_pay(void)
{
    AioContext *ctx = start();
    unsigned tries = 0, last = 0;

    use_one_cpu(true);
    for (unsigned i = 0; i < 1000; i++) {
        windows(ctx, 1, 1);
        if (sched_getscheduler(0) == SCHED_BATCH) {
            tries++;
            last = i;
        }
    }
    g_assert_cmpuint(tries, >=, 10);
    g_assert_cmpuint(tries, <=, 40);
    g_assert_cmpuint(last, >=, 1000 - 80);
    end(ctx);
}

static void test_several_cpus(void)
{
    AioContext *ctx;

    if (CPU_COUNT(&all_cpus) < 2) {
        g_test_skip("this machine has one CPU");
        return;
    }
    ctx = start();
    windows(ctx, 100, 8);
    g_assert_cmpint(sched_getscheduler(0), ==, SCHED_OTHER);
    use_one_cpu(true);
    windows(ctx, 1, 8);
    g_assert_cmpint(sched_getscheduler(0), ==, SCHED_BATCH);
    use_one_cpu(false);
    windows(ctx, 1, 8);
    g_assert_cmpint(sched_getscheduler(0), ==, SCHED_OTHER);
    end(ctx);
}

static void *idle_thread(void *opaque)
{
    static const struct sched_param none;
    AioContext *ctx = start();

    use_one_cpu(true);
    g_assert_cmpint(sched_setscheduler(0, SCHED_IDLE, &none), ==, 0);
    windows(ctx, 200, 8);
    g_assert_cmpint(sched_getscheduler(0), ==, SCHED_IDLE);
    aio_set_current(NULL);
    aio_context_unref(ctx);
    return NULL;
}

/* Whoever gave the thread a policy of its own keeps it. */
static void test_other_policy(void)
{
    g_thread_join(g_thread_new("idle", idle_thread, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(sched_getaffinity(0, sizeof(all_cpus), &all_cpus), ==, 0);
    g_test_add_func("/aio/batch/pays", test_pays);
    g_test_add_func("/aio/batch/does-not-pay", test_does_not_pay);
    g_test_add_func("/aio/batch/several-cpus", test_several_cpus);
    g_test_add_func("/aio/batch/other-policy", test_other_policy);
    return g_test_run();
}
