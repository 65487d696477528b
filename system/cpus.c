/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of vCPUs, and how the main loop makes them park, go on, and run a function.
 *
 * A vCPU thread owns itself: others only set its flags and kick it.  It looks at the flags in
 * cpu_process_events(), in its run loop and inside each wait for a device home, so that it can be
 * parked although its access is unfinished. There is no lock here: flags are atomics, work is a
 * lock-free list, and sleepers sleep on a futex word each.
 */
#include "qemu/osdep.h"

#include "qemu/aio.h"
#include "qemu/trace.h"
#include "system/cpus.h"
#include "system/ioregionfd.h"

/* A function for a vCPU thread; lives on the stack of cpu_run_on(). */
typedef struct CPUWork {
    void (*fn)(CPUState *cpu, void *opaque);
    void *opaque;
    struct CPUWork *next;
    bool done; /* atomic; set by the vCPU thread as its last access */
} CPUWork;

/* Weak, so that what only needs vCPUs does not drag in the whole of ioregionfd. */
extern __typeof__(ioregion_kick) ioregion_kick __attribute__((weak));
extern __typeof__(ioregion_vcpu_exit) ioregion_vcpu_exit __attribute__((weak));
extern __typeof__(ioregion_cancel) ioregion_cancel __attribute__((weak));
extern __typeof__(ioregion_cancel_vcpu) ioregion_cancel_vcpu __attribute__((weak));

GPtrArray *cpus;

#define CPUS_MAX 1024

static const AccelCPUOps *accel_ops;
/* Main loop: from the begin of a pause until everything is resumed; nothing has run at first. */
static bool all_paused = true;
static __thread CPUState *current_cpu;

CPUState *cpu_get_current(void)
{
    return current_cpu;
}

void cpu_set_current(CPUState *cpu)
{
    current_cpu = cpu;
}

CPUState *cpu_first(void)
{
    return cpus && cpus->len ? g_ptr_array_index(cpus, 0) : NULL;
}

CPUState *cpu_by_index(int64_t index)
{
    for (unsigned i = 0; cpus && i < cpus->len; i++) {
        CPUState *cpu = g_ptr_array_index(cpus, i);

        if (cpu->cpu_index == index) {
            return cpu;
        }
    }
    return NULL;
}

void cpus_register_accel(const AccelCPUOps *ops)
{
    accel_ops = ops;
}

const AccelCPUOps *cpus_get_accel(void)
{
    return accel_ops;
}

void cpu_list_add(CPUState *cpu)
{
    assert_main_loop();
    if (!cpus) {
        cpus = g_ptr_array_sized_new(
            CPUS_MAX); /* it does not move under those who look at the first */
    }
    unsigned i = 0;
    while (i < cpus->len && ((CPUState *)g_ptr_array_index(cpus, i))->cpu_index < cpu->cpu_index) {
        i++;
    }
    g_ptr_array_insert(cpus, i, cpu);
}

void cpu_list_remove(CPUState *cpu)
{
    assert_main_loop();
    if (cpus) {
        g_ptr_array_remove(cpus, cpu);
    }
}

int cpu_next_index(void)
{
    CPUState *last = cpus && cpus->len ? g_ptr_array_index(cpus, cpus->len - 1) : NULL;
    return last ? last->cpu_index + 1 : 0;
}

/* --- the vCPU's side
 * --------------------------------------------------------------------------------------- */

/* Runs what cpu_run_on() queued, oldest first: the vCPU's thread, or the main loop when that has
 * ended. */
static void run_queued_work(CPUState *cpu)
{
    CPUWork *list = __atomic_exchange_n(&cpu->work, NULL, __ATOMIC_ACQUIRE);
    CPUWork *ordered = NULL;

    while (list) {
        CPUWork *next = list->next;
        list->next = ordered;
        ordered = list;
        list = next;
    }
    while (ordered) {
        CPUWork *w = ordered;
        ordered = w->next;
        w->fn(cpu, w->opaque);
        __atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
        aio_notify(aio_get_main());
    }
}

/* A vCPU that is inside an access goes on until it is out of it while the main loop unwinds it for
 * a reset. */
static bool must_park(CPUState *cpu)
{
    if (!__atomic_load_n(&cpu->stop, __ATOMIC_ACQUIRE) ||
        __atomic_load_n(&cpu->unplug, __ATOMIC_ACQUIRE)) {
        return false;
    }
    return !(cpu->in_access && __atomic_load_n(&cpu->unwind, __ATOMIC_ACQUIRE));
}

void cpu_process_events(CPUState *cpu)
{
    for (;;) {
        uint32_t seq = __atomic_load_n(&cpu->wake_seq, __ATOMIC_ACQUIRE);

        __atomic_store_n(&cpu->exit_request, false, __ATOMIC_SEQ_CST);
        run_queued_work(cpu);
        if (!must_park(cpu)) {
            break;
        }
        __atomic_store_n(&cpu->parked_in_access, cpu->in_access, __ATOMIC_RELAXED);
        if (!__atomic_exchange_n(&cpu->stopped, true, __ATOMIC_ACQ_REL)) {
            TRACE(cpu, park, "cpu %d in_access %d", cpu->cpu_index, cpu->in_access);
            aio_notify(aio_get_main());
        }
        /* Whoever changes a flag increments wake_seq afterwards: a change since the load above does
         * not let us sleep. */
        qemu_futex_wait(&cpu->wake_seq, seq, -1);
    }
    if (__atomic_exchange_n(&cpu->stopped, false, __ATOMIC_ACQ_REL)) {
        TRACE(cpu, unpark, "cpu %d", cpu->cpu_index);
    }
}

void cpu_wait_for_events(CPUState *cpu)
{
    uint32_t seq = __atomic_load_n(&cpu->wake_seq, __ATOMIC_ACQUIRE);

    if (!cpu_events_pending(cpu)) {
        qemu_futex_wait(&cpu->wake_seq, seq, -1);
    }
}

void cpu_mark_started(CPUState *cpu)
{
    cpu_set_current(cpu);
    cpu->thread_id = qemu_get_thread_id();
    __atomic_store_n(&cpu->exit_request, true, __ATOMIC_RELEASE);
    __atomic_store_n(&cpu->thread_started, true, __ATOMIC_RELEASE);
    __atomic_store_n(&cpu->started, 1, __ATOMIC_RELEASE);
    qemu_futex_wake(&cpu->started, 1);
}

/* --- everybody else's side
 * ---------------------------------------------------------------------------------- */

/* Makes a parked or waiting vCPU look at its flags, without taking it out of guest mode. */
static void cpu_wake(CPUState *cpu)
{
    __atomic_add_fetch(&cpu->wake_seq, 1, __ATOMIC_SEQ_CST);
    qemu_futex_wake(&cpu->wake_seq, INT_MAX);
}

void cpu_kick(CPUState *cpu)
{
    __atomic_store_n(&cpu->exit_request, true, __ATOMIC_SEQ_CST);
    if (cpu == current_cpu) {
        return;
    }
    cpu_wake(cpu);
    if (ioregion_kick) {
        ioregion_kick(cpu);
    }
    if (accel_ops && accel_ops->kick && __atomic_load_n(&cpu->thread_started, __ATOMIC_ACQUIRE)) {
        accel_ops->kick(cpu);
    }
}

static bool cpu_has_thread(const CPUState *cpu)
{
    return __atomic_load_n(&cpu->thread_started, __ATOMIC_ACQUIRE);
}

static bool all_parked(bool outside_accesses)
{
    for (unsigned i = 0; cpus && i < cpus->len; i++) {
        CPUState *cpu = g_ptr_array_index(cpus, i);

        if (!cpu_has_thread(cpu)) {
            continue;
        }
        if (!__atomic_load_n(&cpu->stopped, __ATOMIC_ACQUIRE)) {
            return false;
        }
        if (outside_accesses && __atomic_load_n(&cpu->parked_in_access, __ATOMIC_RELAXED)) {
            return false;
        }
    }
    return true;
}

/* Asks every vCPU to park; the main loop's home goes on being served meanwhile, because a vCPU may
 * be waiting for it. */
static void park_all(bool unwind)
{
    AioContext *ctx = aio_get_main();

    assert_main_loop();
    all_paused = true;
    for (unsigned i = 0; cpus && i < cpus->len; i++) {
        CPUState *cpu = g_ptr_array_index(cpus, i);

        __atomic_store_n(&cpu->unwind, unwind, __ATOMIC_SEQ_CST);
        __atomic_store_n(&cpu->stop, true, __ATOMIC_SEQ_CST);
        if (!cpu_has_thread(cpu)) {
            __atomic_store_n(&cpu->stopped, true, __ATOMIC_RELEASE);
        } else if (unwind || !__atomic_load_n(&cpu->stopped, __ATOMIC_ACQUIRE)) {
            cpu_kick(cpu);
        }
    }
    while (!all_parked(unwind)) {
        aio_poll(ctx, true);
    }
}

bool vcpus_are_paused(void)
{
    assert_main_loop();
    return all_paused;
}

void pause_all_vcpus(void)
{
    park_all(false);
}

static void let_go(CPUState *cpu)
{
    if (cpu->debug_held) {
        return;
    }
    __atomic_store_n(&cpu->unwind, false, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->stop, false, __ATOMIC_SEQ_CST);
    if (!cpu_has_thread(cpu)) {
        __atomic_store_n(&cpu->stopped, false, __ATOMIC_RELEASE);
    } else {
        cpu_kick(cpu);
    }
}

void resume_all_vcpus(void)
{
    assert_main_loop();
    all_paused = false;
    for (unsigned i = 0; cpus && i < cpus->len; i++) {
        let_go(g_ptr_array_index(cpus, i));
    }
}

void cpu_resume(CPUState *cpu)
{
    assert_main_loop();
    if (!all_paused) {
        let_go(cpu);
    }
}

void cpu_run_on(CPUState *cpu, void (*fn)(CPUState *cpu, void *opaque), void *opaque)
{
    CPUWork work = {.fn = fn, .opaque = opaque};

    if (cpu == current_cpu) {
        fn(cpu, opaque);
        return;
    }
    assert_main_loop();
    if (!cpu_has_thread(cpu)) {
        fn(cpu, opaque);
        return;
    }
    work.next = __atomic_load_n(&cpu->work, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&cpu->work, &work.next, &work, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
    }
    cpu_kick(cpu);
    /* While it waits the vCPU may be unplugged: cpu is looked at as long as the work is not done
     * only, for who ends the thread does it. */
    while (!__atomic_load_n(&work.done, __ATOMIC_ACQUIRE)) {
        if (__atomic_load_n(&cpu->thread_ended, __ATOMIC_ACQUIRE)) {
            run_queued_work(cpu);
        } else {
            aio_poll(aio_get_main(), true);
        }
    }
}

bool cpu_start_thread(CPUState *cpu, GError **errp)
{
    assert_main_loop();
    __atomic_store_n(&cpu->stop, true, __ATOMIC_RELEASE);
    if (!accel_ops || !accel_ops->create_vcpu_thread) {
        __atomic_store_n(&cpu->stopped, true, __ATOMIC_RELEASE);
        return true;
    }
    if (!accel_ops->create_vcpu_thread(cpu, errp)) {
        return false;
    }
    while (!__atomic_load_n(&cpu->started, __ATOMIC_ACQUIRE)) {
        qemu_futex_wait(&cpu->started, 0, -1);
    }
    return true;
}

void cpu_stop_thread(CPUState *cpu)
{
    assert_main_loop();
    if (!cpu_has_thread(cpu)) {
        return;
    }
    __atomic_store_n(&cpu->unwind, true, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->unplug, true, __ATOMIC_SEQ_CST);
    if (ioregion_cancel_vcpu) {
        ioregion_cancel_vcpu(cpu);
    }
    cpu_kick(cpu);
    while (!__atomic_load_n(&cpu->thread_ended, __ATOMIC_ACQUIRE)) {
        aio_poll(aio_get_main(), true);
    }
    qemu_thread_join(&cpu->thread);
    run_queued_work(cpu); /* what came when the thread had looked for the last time */
    if (accel_ops && accel_ops->park) {
        accel_ops->park(cpu);
    }
    __atomic_store_n(&cpu->thread_started, false, __ATOMIC_RELEASE);
    __atomic_store_n(&cpu->started, 0, __ATOMIC_RELAXED);
}

void cpu_mark_ended(CPUState *cpu)
{
    run_queued_work(cpu);
    if (ioregion_vcpu_exit) {
        ioregion_vcpu_exit(cpu);
    }
    __atomic_store_n(&cpu->stopped, true, __ATOMIC_RELEASE);
    __atomic_store_n(&cpu->thread_ended, true, __ATOMIC_RELEASE);
    aio_notify(aio_get_main());
}

void cpus_end_accesses(void)
{
    /* An access that is under way belongs to the time before the reset: its device answers or it is
     * taken back, and the instruction ends. */
    if (ioregion_cancel) {
        ioregion_cancel(NULL);
    }
    park_all(true);
}

void cpu_reset_all(void)
{
    assert_main_loop();
    cpus_end_accesses();
    for (unsigned i = 0; cpus && i < cpus->len; i++) {
        CPUState *cpu = g_ptr_array_index(cpus, i);

        __atomic_store_n(&cpu->unwind, false, __ATOMIC_RELAXED);
        if (accel_ops && accel_ops->reset) {
            accel_ops->reset(cpu);
        }
    }
}
