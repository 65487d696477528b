/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu-system-x86_64: from argv to an exit status. */
#include "system/vl.h"

#include "qemu/startup-files.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>

/* For threads that libraries start: a stack that can hold a huge page is cleared, and kept, 2 MiB
 * at a time. */
static void small_stacks(void)
{
    pthread_attr_t attr;

    if (pthread_attr_init(&attr) == 0) {
        pthread_attr_setstacksize(&attr, 1024 * 1024);
        pthread_setattr_default_np(&attr);
        pthread_attr_destroy(&attr);
    }
}

/* Queues, interrupts and connections have descriptors, many more than the soft limit of old, which is
 * there for select().  Nothing here uses that. */
static void many_descriptors(void)
{
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
        lim.rlim_cur = lim.rlim_max;
        setrlimit(RLIMIT_NOFILE, &lim);
    }
}

int main(int argc, char **argv)
{
    GError *err = NULL;
    int status;

    /* One heap: hot paths do not allocate, and a heap of its own costs each thread pages and time.
     */
    mallopt(M_ARENA_MAX, 1);
    small_stacks();
    many_descriptors();
    atexit(startup_files_remove); /* whatever ends a start that does not succeed */
    error_set_progname(argv[0]);
    switch (options_parse(argc, argv, &err)) {
    case OPTIONS_DONE:
        return 0;
    case OPTIONS_FAILED:
        error_report_err(err);
        return 1;
    case OPTIONS_RUN:
        break;
    }
    switch (vm_create(&err)) {
    case OPTIONS_DONE:
        return 0;
    case OPTIONS_FAILED:
        error_report_err(err);
        vm_cleanup();
        return 1;
    case OPTIONS_RUN:
        break;
    }
    status = vm_main_loop();
    vm_cleanup();
    return status;
}
