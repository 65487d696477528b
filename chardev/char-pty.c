/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pseudo terminal.  The kernel says when the last user has closed it (hang-up), but not when one
 * opens it: that is polled for.
 */
#include "chardev-internal.h"

#include "qapi/keyval.h"
#include "qemu/osdep.h"
#include "qemu/startup-files.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>

#define POLL_NS (500 * SCALE_MS)

typedef struct PtyChardev {
    Chardev parent_obj;
    int master;      /* stays open; the connection gets a duplicate */
    char *name;      /* /dev/pts/N */
    char *link;      /* path=: a symbolic link that we made */
    AioTimer *timer; /* looks whether somebody opened it */
} PtyChardev;

static void look_again(PtyChardev *s)
{
    aio_timer_mod(s->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + POLL_NS);
}

static void look(void *opaque)
{
    PtyChardev *s = opaque;
    struct pollfd p = {.fd = s->master, .events = POLLOUT};
    int fd;

    if (poll(&p, 1, 0) < 0 || p.revents & POLLHUP) {
        look_again(s);
        return;
    }
    fd = fcntl(s->master, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        look_again(s);
        return;
    }
    chr_io_open(&s->parent_obj, fd, fd, false);
}

static void pty_closed(Chardev *chr)
{
    look_again((PtyChardev *)chr);
}

static char *pty_filename(Chardev *chr)
{
    return g_strdup_printf("pty:%s", ((PtyChardev *)chr)->name);
}

static bool make_pty(PtyChardev *s, GError **errp)
{
    struct termios tty;
    char name[64];
    int slave;

    s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (s->master < 0 || grantpt(s->master) < 0 || unlockpt(s->master) < 0 ||
        ptsname_r(s->master, name, sizeof(name)) != 0) {
        error_setg_errno(errp, errno, "chardev '%s': Failed to create PTY", s->parent_obj.label);
        return false;
    }
    s->name = g_strdup(name);
    /* Raw, and opened and closed once, so that the hang-up state is known from the start. */
    slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0 || tcgetattr(slave, &tty) < 0) {
        error_setg_errno(errp, errno, "chardev '%s': cannot set up %s", s->parent_obj.label, name);
        if (slave >= 0) {
            close(slave);
        }
        return false;
    }
    cfmakeraw(&tty);
    tcsetattr(slave, TCSAFLUSH, &tty);
    close(slave);
    return chr_set_nonblocking(s->master, errp);
}

static bool pty_open(Chardev *chr, json_object *opts, GError **errp)
{
    PtyChardev *s = (PtyChardev *)chr;
    g_autofree char *path = opts_take_str(opts, "path");

    if (!make_pty(s, errp)) {
        return false;
    }
    if (path) {
        if (symlink(s->name, path) < 0) {
            error_setg_errno(errp, errno, "chardev '%s': Failed to create PTY symlink '%s'",
                             chr->label, path);
            return false;
        }
        s->link = g_canonicalize_filename(path, NULL);
        startup_files_add(s->link);
    }
    info_report("char device redirected to %s (label %s)", s->name, chr->label);
    s->timer = aio_timer_new(aio_get_main(), QEMU_CLOCK_REALTIME, look, s);
    look(s);
    return true;
}

static void pty_init(Object *obj)
{
    ((PtyChardev *)obj)->master = -1;
}

static void pty_finalize(Object *obj)
{
    PtyChardev *s = (PtyChardev *)obj;

    if (s->timer) {
        aio_timer_free(s->timer);
    }
    if (s->master >= 0) {
        close(s->master);
    }
    if (s->link) {
        unlink(s->link);
    }
    g_free(s->link);
    g_free(s->name);
}

static const char *const pty_keys[] = {"path", NULL};

static void pty_class_init(ObjectClass *klass, const void *data)
{
    ChardevClass *cc = (ChardevClass *)klass;

    cc->backend = "pty";
    cc->help = "pseudo terminal";
    cc->open = pty_open;
    cc->closed = pty_closed;
    cc->filename = pty_filename;
    cc->keys = pty_keys;
}

static const TypeInfo pty_info = {
    .name = CHR_TYPE_NAME("pty"),
    .parent = TYPE_CHARDEV,
    .instance_size = sizeof(PtyChardev),
    .instance_init = pty_init,
    .instance_finalize = pty_finalize,
    .class_init = pty_class_init,
};
QOM_TYPE(pty_info);
