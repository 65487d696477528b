/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The emulator's process and the connections to it. */
#include "libqtest-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *binary(void)
{
    const char *path = getenv("QTEST_QEMU_BINARY");

    if (!path) {
        g_error("QTEST_QEMU_BINARY is not set: name the emulator's binary with it");
    }
    return path;
}

/* --- processes
 * ---------------------------------------------------------------------------------------------------------
 */

static pid_t spawn(char **argv, const char *folder, int output)
{
    pid_t parent = getpid(), pid = fork();

    if (pid < 0) {
        g_error("fork: %s", g_strerror(errno));
    }
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(127);
        }
        if (folder && chdir(folder) < 0) {
            _exit(127);
        }
        if (output >= 0) {
            dup2(output, STDOUT_FILENO);
            dup2(output, STDERR_FILENO);
        } else {
            dup2(STDERR_FILENO, STDOUT_FILENO); /* stdout is the test's own report */
        }
        if (getenv("QTEST_LATE")) {
            setenv("LD_PRELOAD", getenv("QTEST_LATE"), false);
        }
        execv(argv[0], argv);
        fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    return pid;
}

static char **make_argv(const char *more, const char *fmt, ...) QTEST_PRINTF(2, 3);
static char **make_argv(const char *more, const char *fmt, ...)
{
    g_autofree char *own = NULL;
    g_autofree char *all = NULL;
    GError *err = NULL;
    char **argv;
    va_list ap;

    va_start(ap, fmt);
    own = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    all = g_strdup_printf("%s %s %s", binary(), own, more);
    if (!g_shell_parse_argv(all, NULL, &argv, &err)) {
        g_error("%s: %s", all, err->message);
    }
    return argv;
}

static void note_end(QTestState *s, int status)
{
    s->alive = false;
    s->status = status;
}

bool qtest_alive(QTestState *s)
{
    int status;

    if (s->alive && waitpid(s->pid, &status, WNOHANG) == s->pid) {
        note_end(s, status);
    }
    return s->alive;
}

pid_t qtest_pid(QTestState *s)
{
    return s->pid;
}

void qtest_set_expected_status(QTestState *s, int status)
{
    s->expected_status = status;
}

int qtest_run(const char *args, char **output)
{
    return qtest_run_in(NULL, args, output);
}

int qtest_run_in(const char *folder, const char *args, char **output)
{
    g_auto(GStrv) argv = make_argv(args, " ");
    g_autoptr(GString) text = g_string_new(NULL);
    gint64 deadline = g_get_monotonic_time() + QTEST_TIMEOUT_MS * G_TIME_SPAN_MILLISECOND;
    int fds[2], status;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0) {
        g_error("pipe: %s", g_strerror(errno));
    }
    pid = spawn(argv, folder, fds[1]);
    close(fds[1]);
    for (;;) {
        struct pollfd p = {.fd = fds[0], .events = POLLIN};
        gint64 left = (deadline - g_get_monotonic_time()) / G_TIME_SPAN_MILLISECOND;
        char buf[4096];
        ssize_t n;

        if (left <= 0 || poll(&p, 1, (int)left) == 0) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            g_error("the emulator still runs after a minute: %s", args);
        }
        n = read(fds[0], buf, sizeof(buf));
        if (n <= 0) {
            break;
        }
        g_string_append_len(text, buf, n);
    }
    close(fds[0]);
    if (waitpid(pid, &status, 0) != pid) {
        g_error("waitpid: %s", g_strerror(errno));
    }
    if (output) {
        *output = g_strdup(text->str);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- sockets
 * ---------------------------------------------------------------------------------------------------------------
 */

static int unix_socket(const char *path, struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (fd < 0 ||
        g_strlcpy(addr->sun_path, path, sizeof(addr->sun_path)) >= sizeof(addr->sun_path)) {
        g_error("socket %s: %s", path, g_strerror(errno));
    }
    return fd;
}

static int listen_at(const char *path)
{
    struct sockaddr_un addr;
    int fd = unix_socket(path, &addr);

    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0) {
        g_error("socket %s: %s", path, g_strerror(errno));
    }
    return fd;
}

int qtest_connect(const char *path)
{
    struct sockaddr_un addr;
    int fd = unix_socket(path, &addr);

    /* The emulator makes its sockets one after the other: this one may be yet to come. */
    for (int i = 0; connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0; i++) {
        if ((errno != ENOENT && errno != ECONNREFUSED) || i >= 10000) {
            g_error("connect %s: %s", path, g_strerror(errno));
        }
        g_usleep(1000);
    }
    return fd;
}

/* Waits for the emulator's connection; closes the listening socket. */
static int accept_from(QTestState *s, int listener, const char *what)
{
    for (int waited = 0; waited < 50000; waited += 100) {
        struct pollfd p = {.fd = listener, .events = POLLIN};

        if (poll(&p, 1, 100) > 0) {
            int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

            close(listener);
            return fd;
        }
        if (!qtest_alive(s)) {
            g_error("the emulator ended (status 0x%x) before it connected its %s socket", s->status,
                    what);
        }
    }
    g_error("the emulator did not connect its %s socket", what);
}

void qtest_stream_send(QTestState *s, QTestStream *st, const void *data, size_t len)
{
    const char *p = data;

    while (len) {
        ssize_t n = send(st->fd, p, len, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR) {
            qtest_alive(s);
            g_error("cannot send to the emulator: %s", g_strerror(errno));
        }
        p += MAX(n, 0);
        len -= (size_t)MAX(n, 0);
    }
}

char *qtest_stream_line(QTestState *s, QTestStream *st)
{
    size_t looked = 0;

    for (;;) {
        struct pollfd p = {.fd = st->fd, .events = POLLIN};
        char *end = memchr(st->in->str + looked, '\n', st->in->len - looked);
        char buf[65536];
        ssize_t n;

        if (end) {
            size_t len = (size_t)(end - st->in->str);
            char *line = g_strndup(st->in->str, len);

            g_string_erase(st->in, 0, (gssize)len + 1);
            return line;
        }
        looked = st->in->len;
        if (poll(&p, 1, QTEST_TIMEOUT_MS) == 0) {
            g_error("no answer from the emulator on its %s socket",
                    st == &s->qmp ? "QMP" : "qtest");
        }
        n = read(st->fd, buf, sizeof(buf));
        if (n == 0 || (n < 0 && errno != EINTR)) {
            g_usleep(100000);
            qtest_alive(s);
            g_error("the emulator closed its %s socket (%s, status 0x%x)",
                    st == &s->qmp ? "QMP" : "qtest", s->alive ? "alive" : "ended",
                    s->alive ? 0 : s->status);
        }
        g_string_append_len(st->in, buf, MAX(n, 0));
    }
}

/* --- start and end
 * ------------------------------------------------------------------------------------------------------------
 */

static const char *stderr_path;

void qtest_stderr_to(const char *path)
{
    stderr_path = path;
}

static QTestState *start(const char *args, const char *last)
{
    QTestState *s = g_new0(QTestState, 1);
    g_autofree char *qtest_path = NULL, *qmp_path = NULL;
    g_auto(GStrv) argv = NULL;
    int qtest_listener, qmp_listener, output;

    s->dir = g_dir_make_tmp("qtest-XXXXXX", NULL);
    if (!s->dir) {
        g_error("cannot make a temporary directory");
    }
    qtest_path = g_strdup_printf("%s/qtest", s->dir);
    qmp_path = g_strdup_printf("%s/qmp", s->dir);
    qtest_listener = listen_at(qtest_path);
    qmp_listener = listen_at(qmp_path);
    argv = make_argv(last,
                     "-qtest unix:%s -qtest-log %s -chardev socket,path=%s,id=char0 -mon "
                     "chardev=char0,mode=control "
                     "-display none %s",
                     qtest_path, getenv("QTEST_LOG") ? "/dev/fd/2" : "/dev/null", qmp_path, args);
    s->events = g_queue_new();
    s->qtest.in = g_string_new(NULL);
    s->qmp.in = g_string_new(NULL);
    s->alive = true;
    output = stderr_path ? open(stderr_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    s->pid = spawn(argv, NULL, output);
    if (output >= 0) {
        close(output);
    }
    s->qtest.fd = accept_from(s, qtest_listener, "qtest");
    s->qmp.fd = accept_from(s, qmp_listener, "QMP");
    unlink(qtest_path);
    unlink(qmp_path);
    rmdir(s->dir);
    return s;
}

QTestState *qtest_init_raw(const char *args)
{
    return start(args, "");
}

QTestState *qtest_init(const char *args)
{
    QTestState *s = start(args, "-accel qtest");
    g_autofree char *reply = qtest_command(s, "endianness");

    g_assert_cmpstr(reply, ==, "OK little");
    qtest_qmp_negotiate(s);
    return s;
}

QTestState *qtest_initf(const char *fmt, ...)
{
    g_autofree char *args = NULL;
    va_list ap;

    va_start(ap, fmt);
    args = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    return qtest_init(args);
}

void qtest_quit(QTestState *s)
{
    for (int waited = 0; qtest_alive(s); waited += 10) {
        if (waited == 0) {
            kill(s->pid, SIGTERM);
        }
        if (waited >= 30000) {
            kill(s->pid, SIGKILL);
            g_error("the emulator did not end within 30 s of SIGTERM");
        }
        g_usleep(10 * G_TIME_SPAN_MILLISECOND);
    }
    if (!WIFEXITED(s->status) || WEXITSTATUS(s->status) != s->expected_status) {
        g_error("the emulator ended with status 0x%x and not with %d", s->status,
                s->expected_status);
    }
    close(s->qtest.fd);
    close(s->qmp.fd);
    g_string_free(s->qtest.in, true);
    g_string_free(s->qmp.in, true);
    qtest_qmp_drop_events(s);
    g_queue_free(s->events);
    g_free(s->dir);
    g_free(s);
}
