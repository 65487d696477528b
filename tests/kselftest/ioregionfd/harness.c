/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs each test in a child, reads its verdict from a pipe, and prints TAP.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

struct options options = {.front = FRONT_KVM, .channel = CH_FILE, .seconds = 1, .slow = 1, .seed = 1};

enum { STATUS_PASS = 0, STATUS_FAIL = 91, STATUS_SKIP = 92 };

/* A child's texts go here; whole lines at a time, so that its threads do not mix theirs. */
static int report = -1;

static void tell(const char *prefix, const char *format, va_list ap)
{
    char text[1024];
    int n = snprintf(text, sizeof(text) - 1, "%s", prefix);

    n += vsnprintf(text + n, sizeof(text) - 1 - n, format, ap);
    if (n > (int)sizeof(text) - 2)
        n = sizeof(text) - 2;
    for (char *p = text; *p; p++) {
        if (*p == '\n')
            *p = ' ';
    }
    text[n++] = '\n';
    if (write(report, text, n) != n)
        _exit(STATUS_FAIL);
}

void test_note(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    tell("", format, ap);
    va_end(ap);
}

_Noreturn void test_fail(const char *file, int line, const char *format, ...)
{
    char place[128];
    const char *base = strrchr(file, '/');
    va_list ap;

    snprintf(place, sizeof(place), "%s:%d: ", base ? base + 1 : file, line);
    va_start(ap, format);
    tell(place, format, ap);
    va_end(ap);
    _exit(STATUS_FAIL);
}

_Noreturn void test_skip(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    tell("", format, ap);
    va_end(ap);
    _exit(STATUS_SKIP);
}

int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

int limit_ms(int milliseconds)
{
    return milliseconds * (int)options.slow;
}

void sleep_ms(int milliseconds)
{
    struct timespec t = {milliseconds / 1000, milliseconds % 1000 * 1000000};

    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

static const char *front_name(void)
{
    return options.front == FRONT_KVM ? "kvm" : "module";
}

static const char *channel_name(void)
{
    switch (options.channel) {
    case CH_SOCKET:
        return "socket";
    case CH_PIPE:
        return "pipe";
    case CH_FILE:
        return "file";
    case CH_URING:
        return "uring";
    case CH_RING:
        return "ring";
    case CH_RING_SLEEP:
        return "ring-sleep";
    case CH_SHADOW:
        return "shadow";
    }
    return "?";
}

static _Noreturn void child(const struct test *test, int out)
{
    report = out;
    /* Its own group: what it forks goes with it. */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    test->run();
    _exit(STATUS_PASS);
}

/* Waits for a child's end. Returns false when it has not ended in time. */
static bool reap(pid_t pid, int64_t until, int *status)
{
    while (true) {
        pid_t got = waitpid(pid, status, WNOHANG);

        if (got == pid)
            return true;
        if (now_ms() > until)
            return false;
        sleep_ms(2);
    }
}

/* Copies what the child said as comments; the first line of it stays in "first". */
static void comments(int in, char *first, size_t size)
{
    FILE *stream = fdopen(in, "r");
    char line[1100];

    *first = '\0';
    while (stream && fgets(line, sizeof(line), stream)) {
        line[strcspn(line, "\n")] = '\0';
        if (!*first)
            snprintf(first, size, "%.*s", (int)size - 1, line);
        printf("# %s\n", line);
    }
    if (stream)
        fclose(stream);
}

enum verdict { PASSED, FAILED, SKIPPED, STUCK };

static enum verdict run_one(const struct test *test, unsigned number, bool with_channel)
{
    char label[256], first[200];
    int pipes[2], status = 0;
    enum verdict verdict = FAILED;
    const char *why = NULL;
    int64_t start = now_ms();
    unsigned seconds = (test->seconds ? test->seconds : 10) * options.slow + options.seconds;
    pid_t pid;

    snprintf(label, sizeof(label), "%s (%s%s%s): %s", test->name, front_name(),
             with_channel ? ", " : "", with_channel ? channel_name() : "", test->what);
    fflush(stdout);
    if (pipe(pipes) < 0 || (pid = fork()) < 0) {
        printf("Bail out! %s\n", strerror(errno));
        exit(1);
    }
    if (pid == 0) {
        close(pipes[0]);
        child(test, pipes[1]);
    }
    close(pipes[1]);
    setpgid(pid, pid);
    if (!reap(pid, start + seconds * 1000ll, &status)) {
        why = "took too long";
        kill(pid, SIGKILL);
        if (!reap(pid, now_ms() + limit_ms(5000), &status)) {
            why = "took too long, and cannot be killed";
            verdict = STUCK;
        }
    } else if (WIFSIGNALED(status)) {
        why = strsignal(WTERMSIG(status));
    } else if (WEXITSTATUS(status) == STATUS_PASS) {
        verdict = PASSED;
    } else if (WEXITSTATUS(status) == STATUS_SKIP) {
        verdict = SKIPPED;
    }
    kill(-pid, SIGKILL); /* what it left behind holds the pipe, too */
    if (verdict == STUCK)
        close(pipes[0]);
    else
        comments(pipes[0], first, sizeof(first));
    if (why)
        printf("# %s: %s\n", test->name, why);
    if (verdict == SKIPPED)
        printf("ok %u - %s # SKIP %s\n", number, label, first);
    else
        printf("%s %u - %s\n", verdict == PASSED ? "ok" : "not ok", number, label);
    if (now_ms() - start > 3000)
        printf("# %s took %.1f s\n", test->name, (now_ms() - start) / 1000.0);
    fflush(stdout);
    return verdict;
}

static bool chosen(const struct test *test, char **names)
{
    if (test->fronts && !(test->fronts & options.front))
        return false;
    if (*names) {
        for (; *names; names++) {
            if (!strcmp(*names, test->name))
                return true;
        }
        return false;
    }
    return !test->channels || test->channels & options.channel;
}

int run_tests(const struct test *const *tables, char **names, bool list)
{
    unsigned number = 0, count = 0, failed = 0;

    for (const struct test *const *table = tables; *table; table++) {
        for (const struct test *test = *table; test->name; test++) {
            count += chosen(test, names);
            /* name, channels it is for, fronts it is for: the lab's runner chooses by this */
            if (list)
                printf("%s %u %u\n", test->name, test->channels, test->fronts);
        }
    }
    if (list)
        return 0;
    printf("1..%u\n", count);
    for (const struct test *const *table = tables; *table; table++) {
        for (const struct test *test = *table; test->name; test++) {
            enum verdict verdict;

            if (!chosen(test, names))
                continue;
            verdict = run_one(test, ++number, test->channels != 0);
            failed += verdict == FAILED || verdict == STUCK;
            if (verdict == STUCK) {
                printf("Bail out! a process that cannot be killed\n");
                return 1;
            }
        }
    }
    return failed ? 1 : 0;
}
