/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -daemonize and -pidfile. */
#include "system/vl.h"

#include "qemu/log.h"
#include "qemu/startup-files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int ready_fd = -1;
static char *pidfile_path;
static int pidfile_fd = -1;

bool daemon_start(GError **errp)
{
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0) {
        error_setg_errno(errp, errno, "-daemonize: cannot create a pipe");
        return false;
    }
    pid = fork();
    if (pid < 0) {
        error_setg_errno(errp, errno, "-daemonize: cannot fork");
        close(fds[0]);
        close(fds[1]);
        return false;
    }
    if (pid > 0) {
        char status = 1;
        ssize_t n;

        close(fds[1]);
        n = RETRY_ON_EINTR(read(fds[0], &status, 1));
        if (n != 1) {
            RETRY_ON_EINTR(waitpid(pid, NULL, 0));
            status = 1;
        }
        _exit(status);
    }
    close(fds[0]);
    ready_fd = fds[1];
    setsid();
    return true;
}

bool daemon_ready(GError **errp)
{
    int null;
    char status = 0;

    if (ready_fd < 0) {
        return true;
    }
    if (chdir("/") < 0) {
        warn_report("-daemonize: cannot change to /: %s", strerror(errno));
    }
    /* The caller may wait for the end of its pipes: none may stay open. */
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) {
        error_setg_errno(errp, errno, "-daemonize: cannot open /dev/null; make the device node");
        return false;
    }
    dup2(null, STDERR_FILENO);
    qemu_log_to_descriptor(STDERR_FILENO);
    close(null);
    /* All is as it will be when the caller hears of it. */
    if (RETRY_ON_EINTR(write(ready_fd, &status, 1)) != 1) {
        error_setg_errno(errp, errno, "-daemonize: the process that waited for the start is gone");
        return false;
    }
    close(ready_fd);
    ready_fd = -1;
    return true;
}

bool pidfile_create(const char *path, GError **errp)
{
    /* Locked, so that a second VM with the same file is refused and a stale file is taken over. */
    for (;;) {
        struct stat held, named;
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        g_autofree char *text = g_strdup_printf("%d\n", getpid());
        int fd = startup_files_open(path, O_RDWR, 0644);

        if (fd < 0) {
            error_setg_errno(errp, errno, "-pidfile %s: cannot open it", path);
            return false;
        }
        if (fcntl(fd, F_SETLK, &lock) < 0) {
            error_setg(
                errp,
                "-pidfile %s: locked by another running process; give each VM a file of its own",
                path);
            close(fd);
            return false;
        }
        if (fstat(fd, &held) < 0 || stat(path, &named) < 0 || held.st_ino != named.st_ino) {
            close(fd); /* its owner removed it between our open and lock */
            continue;
        }
        if (ftruncate(fd, 0) < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
            error_setg_errno(errp, errno, "-pidfile %s: cannot write it", path);
            close(fd);
            return false;
        }
        pidfile_fd = fd;
        pidfile_path = g_canonicalize_filename(path, NULL);
        return true;
    }
}

void pidfile_remove(void)
{
    if (pidfile_path) {
        unlink(pidfile_path);
        close(pidfile_fd);
        g_clear_pointer(&pidfile_path, g_free);
    }
}
