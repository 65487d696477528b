/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parking, resuming, work and reset of vCPU threads; the threads of this test run a counter instead
 * of a guest. */
#include "qemu/osdep.h"

#include "qemu/aio.h"
#include "system/cpus.h"

#include "../include/soak.h"

#define N 4

typedef struct TestCpu {
    CPUState cs; /* not a live object: nothing here asks for its type */
    uint64_t steps;
    unsigned resets;
    /* Atomics: the thread pretends to wait for the main loop inside an access until answered is
     * set. */
    bool enter_access, answered;
    bool linger; /* atomic: the thread that is to end waits with it */
    bool reset_in_access;
} TestCpu;

static TestCpu test_cpus[N];

static uint64_t steps_of(TestCpu *t)
{
    return __atomic_load_n(&t->steps, __ATOMIC_ACQUIRE);
}

static void wait_for_answer(TestCpu *t)
{
    t->cs.in_access = true;
    while (!__atomic_load_n(&t->answered, __ATOMIC_ACQUIRE)) {
        if (cpu_events_pending(&t->cs)) {
            cpu_process_events(&t->cs);
        } else {
            cpu_wait_for_events(&t->cs);
        }
    }
    t->cs.in_access = false;
    __atomic_store_n(&t->enter_access, false, __ATOMIC_RELEASE);
}

static void *cpu_thread(void *opaque)
{
    TestCpu *t = opaque;

    cpu_mark_started(&t->cs);
    while (!__atomic_load_n(&t->cs.unplug, __ATOMIC_ACQUIRE)) {
        if (cpu_events_pending(&t->cs) || __atomic_load_n(&t->cs.stop, __ATOMIC_RELAXED)) {
            cpu_process_events(&t->cs);
            continue;
        }
        if (__atomic_load_n(&t->enter_access, __ATOMIC_ACQUIRE)) {
            wait_for_answer(t);
        }
        __atomic_fetch_add(&t->steps, 1, __ATOMIC_RELEASE);
        sched_yield();
    }
    while (__atomic_load_n(&t->linger, __ATOMIC_ACQUIRE)) {
        g_usleep(100);
    }
    cpu_mark_ended(&t->cs);
    return NULL;
}

static bool create_thread(CPUState *cpu, GError **errp)
{
    return qemu_thread_create(&cpu->thread, "test CPU", cpu_thread, cpu, errp);
}

static void kick(CPUState *cpu)
{
}

static void reset(CPUState *cpu)
{
    TestCpu *t = (TestCpu *)cpu;

    g_assert_true(cpu->stopped);
    t->reset_in_access |= cpu->in_access;
    t->resets++;
}

static const AccelCPUOps ops = {.create_vcpu_thread = create_thread, .kick = kick, .reset = reset};

static void wait_steps(TestCpu *t)
{
    uint64_t before = steps_of(t);

    for (int i = 0; steps_of(t) == before; i++) {
        g_assert_cmpint(i, <, 5000);
        g_usleep(1000);
    }
}

static void assert_all_still(void)
{
    uint64_t before[N];

    for (int i = 0; i < N; i++) {
        before[i] = steps_of(&test_cpus[i]);
    }
    g_usleep(20000);
    for (int i = 0; i < N; i++) {
        g_assert_cmpuint(steps_of(&test_cpus[i]), ==, before[i]);
    }
}

static void test_start(void)
{
    cpus_register_accel(&ops);
    for (int i = 0; i < N; i++) {
        CPUState *cs = &test_cpus[i].cs;

        cs->cpu_index = cpu_next_index();
        g_assert_cmpint(cs->cpu_index, ==, i);
        g_assert_true(cpu_start_thread(cs, NULL));
        g_assert_cmpint(cs->thread_id, >, 0);
        g_assert_cmpint(cs->thread_id, !=, getpid());
        cpu_list_add(cs);
    }
    g_assert_true(cpu_first() == &test_cpus[0].cs);
    assert_all_still();
}

static void test_pause_resume(void)
{
    for (int round = 0; round < (int)soak(20, 1000); round++) {
        resume_all_vcpus();
        for (int i = 0; i < N; i++) {
            wait_steps(&test_cpus[i]);
        }
        pause_all_vcpus();
        for (int i = 0; i < N; i++) {
            g_assert_true(test_cpus[i].cs.stopped);
        }
        if (round % 5 == 0) {
            assert_all_still();
        }
    }
}

static void count_work(CPUState *cpu, void *opaque)
{
    g_assert_true(cpu_get_current() == cpu);
    ++*(int *)opaque;
}

static void test_work(void)
{
    int n = 0;

    for (int round = 0; round < 100; round++) {
        cpu_run_on(&test_cpus[round % N].cs, count_work, &n); /* parked */
    }
    resume_all_vcpus();
    for (int round = 0; round < 100; round++) {
        cpu_run_on(&test_cpus[round % N].cs, count_work, &n); /* running */
    }
    g_assert_cmpint(n, ==, 200);
    pause_all_vcpus();
}

static void answer(void *opaque)
{
    TestCpu *t = opaque;

    __atomic_store_n(&t->answered, true, __ATOMIC_RELEASE);
    cpu_kick(&t->cs);
}

static void start_access(TestCpu *t)
{
    t->answered = false;
    __atomic_store_n(&t->enter_access, true, __ATOMIC_RELEASE);
    resume_all_vcpus();
    for (int i = 0; !__atomic_load_n(&t->cs.in_access, __ATOMIC_RELAXED); i++) {
        g_assert_cmpint(i, <, 5000);
        g_usleep(1000);
    }
}

/* A vCPU that waits for an answer parks all the same, runs work there, and goes on with its wait.
 */
static void test_park_in_access(void)
{
    TestCpu *t = &test_cpus[1];
    int n = 0;

    start_access(t);
    pause_all_vcpus();
    g_assert_true(t->cs.stopped && t->cs.parked_in_access);
    cpu_run_on(&t->cs, count_work, &n);
    g_assert_cmpint(n, ==, 1);
    assert_all_still();
    resume_all_vcpus();
    wait_steps(&test_cpus[0]);
    g_assert_true(t->enter_access);
    answer(t);
    wait_steps(t);
    pause_all_vcpus();
}

/* A reset first lets the access end, whose answer comes from the main loop here, then resets. */
static void test_reset_in_access(void)
{
    TestCpu *t = &test_cpus[2];

    start_access(t);
    pause_all_vcpus();
    g_assert_true(t->cs.parked_in_access);
    aio_post(aio_get_main(), answer, t);
    cpu_reset_all();
    g_assert_false(t->cs.parked_in_access);
    for (int i = 0; i < N; i++) {
        g_assert_cmpuint(test_cpus[i].resets, ==, 1);
        g_assert_false(test_cpus[i].reset_in_access);
    }
    assert_all_still();
    resume_all_vcpus();
    wait_steps(t);
    pause_all_vcpus();
}

static void resume_one(void *opaque)
{
    TestCpu *t = opaque;

    cpu_resume(&test_cpus[0].cs);
    answer(t);
}

/* One that comes while all are being paused does not run before the others do. */
static void test_resume_one(void)
{
    TestCpu *t = &test_cpus[2];

    g_assert_true(vcpus_are_paused());
    cpu_resume(&test_cpus[0].cs);
    assert_all_still();
    start_access(t);
    g_assert_false(vcpus_are_paused());
    pause_all_vcpus();
    aio_post(aio_get_main(), resume_one, t);
    cpus_end_accesses();
    g_assert_true(test_cpus[0].cs.stopped);
    assert_all_still();
    resume_all_vcpus();
    wait_steps(&test_cpus[0]);
    /* While the others run it goes at once, and they are left alone. */
    test_cpus[0].cs.stop = true;
    cpu_kick(&test_cpus[0].cs);
    while (!__atomic_load_n(&test_cpus[0].cs.stopped, __ATOMIC_ACQUIRE)) {
        g_usleep(100);
    }
    cpu_resume(&test_cpus[0].cs);
    wait_steps(&test_cpus[0]);
    pause_all_vcpus();
}

static void test_by_index(void)
{
    CPUState *gone = &test_cpus[1].cs;

    cpu_list_remove(gone);
    g_assert_null(cpu_by_index(1));
    g_assert_true(cpu_by_index(2) == &test_cpus[2].cs);
    g_assert_null(cpu_by_index(N));
    g_assert_null(cpu_by_index(-1));
    g_assert_null(cpu_by_index(INT64_C(1) << 32));
    cpu_list_add(gone);
    g_assert_true(cpu_by_index(1) == gone);
}

typedef struct Late {
    TestCpu *t;
    int n;
} Late;

static void count_any(CPUState *cpu, void *opaque)
{
    ++*(int *)opaque;
}

static void work_for_one_that_ends(void *opaque)
{
    Late *late = opaque;

    __atomic_store_n(&late->t->linger, false, __ATOMIC_RELEASE);
    cpu_run_on(&late->t->cs, count_any, &late->n);
    late->n += 10;
}

/* Work for a vCPU that is being unplugged is done, whichever comes first. */
static void test_work_and_unplug(void)
{
    for (int round = 0; round < (int)soak(200, 5000); round++) {
        TestCpu *t = &test_cpus[N - 1];
        Late late = {t};

        t->linger = true;
        aio_post(aio_get_main(), work_for_one_that_ends, &late);
        cpu_stop_thread(&t->cs);
        g_assert_cmpint(late.n, ==, 11);
        cpu_run_on(&t->cs, count_any, &late.n); /* without a thread */
        g_assert_cmpint(late.n, ==, 12);
        cpu_list_remove(&t->cs);
        t->cs = (CPUState){.cpu_index = N - 1};
        g_assert_true(cpu_start_thread(&t->cs, NULL));
        cpu_list_add(&t->cs);
    }
}

static void unplug(void *opaque)
{
    TestCpu *t = opaque;

    cpu_stop_thread(&t->cs);
    memset(&t->cs, 0x5a, sizeof(t->cs)); /* freed */
}

/* The other way round: the unplug comes while the work is waited for. */
static void test_unplug_under_work(void)
{
    for (int round = 0; round < (int)soak(200, 5000); round++) {
        TestCpu *t = &test_cpus[N - 1];
        int n = 0;

        cpu_list_remove(&t->cs);
        aio_post(aio_get_main(), unplug, t);
        cpu_run_on(&t->cs, count_any, &n);
        g_assert_cmpint(n, ==, 1);
        while (t->cs.cpu_index == N - 1) {
            aio_poll(aio_get_main(), true);
        }
        t->cs = (CPUState){.cpu_index = N - 1};
        g_assert_true(cpu_start_thread(&t->cs, NULL));
        cpu_list_add(&t->cs);
    }
}

static void test_end(void)
{
    resume_all_vcpus();
    for (int i = N - 1; i >= 0; i--) {
        cpu_stop_thread(&test_cpus[i].cs);
        cpu_list_remove(&test_cpus[i].cs);
    }
    g_assert_null(cpu_first());
    g_assert_cmpint(cpu_next_index(), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(aio_init_main(NULL));
    g_test_add_func("/cpus/start", test_start);
    g_test_add_func("/cpus/pause-resume", test_pause_resume);
    g_test_add_func("/cpus/work", test_work);
    g_test_add_func("/cpus/park-in-access", test_park_in_access);
    g_test_add_func("/cpus/reset-in-access", test_reset_in_access);
    g_test_add_func("/cpus/resume-one", test_resume_one);
    g_test_add_func("/cpus/by-index", test_by_index);
    g_test_add_func("/cpus/work-and-unplug", test_work_and_unplug);
    g_test_add_func("/cpus/unplug-under-work", test_unplug_under_work);
    g_test_add_func("/cpus/end", test_end);
    return g_test_run();
}
