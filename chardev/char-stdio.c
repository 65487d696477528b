/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Standard input and output.  A terminal is put into raw mode and put back at exit, when a fatal
 * signal ends the process, and while it is suspended.  Both descriptors are opened anew where
 * possible, so that our O_NONBLOCK does not reach the programs we share them with.
 */
#include "chardev-internal.h"

#include "qapi/keyval.h"
#include "qemu/osdep.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

typedef struct StdioChardev {
    Chardev parent_obj;
    bool owner; /* the one that has the terminal */
} StdioChardev;

/* One process has one terminal; signal handlers read these. */
static struct termios saved_tty, raw_tty;
static volatile sig_atomic_t tty_is_raw;
static bool stdio_used;
static const char *forbidden_by; /* an option; NULL: stdio may be had */

void qemu_chr_forbid_stdio(const char *option)
{
    forbidden_by = option;
}

static const int fatal_signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGQUIT};

static void tty_restore(void)
{
    if (tty_is_raw) {
        tcsetattr(STDIN_FILENO, TCSANOW, &saved_tty);
        tty_is_raw = 0;
    }
}

/* The default action follows: SA_RESETHAND took this handler away. */
static void on_fatal(int sig)
{
    tty_restore();
    raise(sig);
}

static void on_suspend(int sig)
{
    int was_raw = tty_is_raw;

    tty_restore();
    tty_is_raw = was_raw;
    raise(SIGSTOP);
}

static void on_continue(int sig)
{
    if (tty_is_raw) {
        tcsetattr(STDIN_FILENO, TCSANOW, &raw_tty);
    }
}

static void handle(int sig, void (*fn)(int), int flags)
{
    struct sigaction old, sa = {.sa_handler = fn, .sa_flags = flags};

    /* Someone who has a handler of his own (main loop, sanitizer) keeps it. */
    if (sigaction(sig, NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
        sigaction(sig, &sa, NULL);
    }
}

static void tty_make_raw(bool signals)
{
    raw_tty = saved_tty;
    raw_tty.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw_tty.c_oflag |= OPOST;
    raw_tty.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
    if (!signals) {
        raw_tty.c_lflag &= ~ISIG;
    }
    raw_tty.c_cflag &= ~(CSIZE | PARENB);
    raw_tty.c_cflag |= CS8;
    raw_tty.c_cc[VMIN] = 1;
    raw_tty.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw_tty);
    tty_is_raw = 1;
}

/* A descriptor of our own for fd: files keep their shared offset, sockets cannot be opened anew. */
static int private_fd(int fd, int mode)
{
    char path[32];
    struct stat st;
    int copy = -1;

    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISSOCK(st.st_mode)) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        copy = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    }
    if (copy < 0) {
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    }
    return copy;
}

static bool is_socket_fd(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static bool stdio_open(Chardev *chr, json_object *opts, GError **errp)
{
    StdioChardev *s = (StdioChardev *)chr;
    static bool at_exit;
    bool signals;
    int in, out;

    if (!opts_take_bool(opts, "signal", true, &signals, errp)) {
        return false;
    }
    if (forbidden_by) {
        error_setg(errp,
                   "chardev '%s': stdio cannot be had with %s; use file:PATH, or "
                   "unix:PATH,server=on,wait=off",
                   chr->label, forbidden_by);
        return false;
    }
    if (stdio_used) {
        error_setg(errp, "chardev '%s': stdio is in use by another chardev: share it with mux=on",
                   chr->label);
        return false;
    }
    in = private_fd(STDIN_FILENO, O_RDONLY);
    out = private_fd(STDOUT_FILENO, O_WRONLY);
    if (in < 0 || out < 0) {
        error_setg_errno(errp, errno, "chardev '%s': standard input or output is not open",
                         chr->label);
        if (in >= 0) {
            close(in);
        }
        if (out >= 0) {
            close(out);
        }
        return false;
    }
    stdio_used = s->owner = true;
    if (isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &saved_tty) == 0) {
        if (!at_exit) {
            at_exit = true;
            atexit(tty_restore);
            for (size_t i = 0; i < G_N_ELEMENTS(fatal_signals); i++) {
                handle(fatal_signals[i], on_fatal, SA_RESETHAND | SA_NODEFER);
            }
            handle(SIGTSTP, on_suspend, SA_RESTART);
            handle(SIGCONT, on_continue, SA_RESTART);
        }
        tty_make_raw(signals);
    }
    chr_io_open(chr, in, out, is_socket_fd(in) && is_socket_fd(out));
    return true;
}

static void stdio_finalize(Object *obj)
{
    if (((StdioChardev *)obj)->owner) {
        tty_restore();
        stdio_used = false;
    }
}

static const char *const stdio_keys[] = {"signal", NULL};

static void stdio_class_init(ObjectClass *klass, const void *data)
{
    ChardevClass *cc = (ChardevClass *)klass;

    cc->backend = "stdio";
    cc->help = "standard input and output";
    cc->open = stdio_open;
    cc->keys = stdio_keys;
}

static const TypeInfo stdio_info = {
    .name = CHR_TYPE_NAME("stdio"),
    .parent = TYPE_CHARDEV,
    .instance_size = sizeof(StdioChardev),
    .instance_finalize = stdio_finalize,
    .class_init = stdio_class_init,
};
QOM_TYPE(stdio_info);
