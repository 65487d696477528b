/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of passed descriptors, and an open() that knows them. */
#include "monitor/fdset.h"

#include "qemu/osdep.h"
#include "qemu/startup-files.h"
#include "qemu/thread.h"

#include <fcntl.h>

typedef struct FdEntry {
    int64_t set;
    int fd;
    char *opaque;
} FdEntry;

/* Bounds what a client can make us hold. */
#define FDSET_MAX_FDS 4096

static pthread_mutex_t fdset_lock = PTHREAD_MUTEX_INITIALIZER;
static GArray *entries; /* of FdEntry, in order of set; under fdset_lock */

static int dup_from_set(int64_t set, int flags, GError **errp)
{
    int access = flags & O_ACCMODE;
    bool known = false;

    for (guint i = 0; entries && i < entries->len; i++) {
        const FdEntry *e = &g_array_index(entries, FdEntry, i);
        int have;

        if (e->set != set) {
            continue;
        }
        known = true;
        have = fcntl(e->fd, F_GETFL);
        if (have >= 0 && ((have & O_ACCMODE) == access)) {
            int fd = fcntl(e->fd, F_DUPFD_CLOEXEC, 0);

            if (fd < 0) {
                error_setg_errno(errp, errno,
                                 "cannot duplicate descriptor %d of /dev/fdset/%" PRId64, e->fd,
                                 set);
            }
            return fd;
        }
    }
    error_setg(errp,
               known ? "no descriptor in /dev/fdset/%" PRId64 " has the access mode that is needed"
                     : "/dev/fdset/%" PRId64
                       " does not exist: pass its descriptor with add-fd or -add-fd first",
               set);
    return -1;
}

int qemu_open(const char *path, int flags, mode_t mode, GError **errp)
{
    static const char prefix[] = "/dev/fdset/";
    int fd;

    if (g_str_has_prefix(path, prefix)) {
        char *end;
        int64_t set = g_ascii_strtoll(path + strlen(prefix), &end, 10);

        if (*end || end == path + strlen(prefix) || set < 0) {
            error_setg(errp, "'%s' names no descriptor set: /dev/fdset/NUMBER is expected", path);
            return -1;
        }
        pthread_mutex_lock(&fdset_lock);
        fd = dup_from_set(set, flags, errp);
        pthread_mutex_unlock(&fdset_lock);
        return fd;
    }
    fd = flags & O_CREAT ? startup_files_open(path, flags, mode)
                         : RETRY_ON_EINTR(open(path, flags | O_CLOEXEC));
    if (fd < 0) {
        error_setg_errno(errp, errno, "Could not open '%s'", path);
    }
    return fd;
}

int64_t fdset_add(int fd, int64_t id, const char *opaque, GError **errp)
{
    guint pos = 0;

    pthread_mutex_lock(&fdset_lock);
    if (!entries) {
        entries = g_array_new(false, false, sizeof(FdEntry));
    }
    if (entries->len >= FDSET_MAX_FDS) {
        pthread_mutex_unlock(&fdset_lock);
        error_setg(errp, "more than %d descriptors in sets: remove some with remove-fd",
                   FDSET_MAX_FDS);
        return -1;
    }
    if (id < 0) {
        /* The lowest free number: entries are in order of set. */
        id = 0;
        for (guint i = 0; i < entries->len; i++) {
            int64_t used = g_array_index(entries, FdEntry, i).set;

            if (used > id) {
                break;
            }
            id = used + 1;
        }
    }
    while (pos < entries->len && g_array_index(entries, FdEntry, pos).set <= id) {
        pos++;
    }
    FdEntry e = {.set = id, .fd = fd, .opaque = g_strdup(opaque)};
    g_array_insert_val(entries, pos, e);
    pthread_mutex_unlock(&fdset_lock);
    return id;
}

bool fdset_remove(int64_t id, int fd, GError **errp)
{
    bool found = false;

    pthread_mutex_lock(&fdset_lock);
    for (guint i = 0; entries && i < entries->len;) {
        FdEntry *e = &g_array_index(entries, FdEntry, i);

        if (e->set == id && (fd < 0 || e->fd == fd)) {
            close(e->fd);
            g_free(e->opaque);
            g_array_remove_index(entries, i);
            found = true;
        } else {
            i++;
        }
    }
    pthread_mutex_unlock(&fdset_lock);
    if (!found && fd >= 0) {
        error_setg(errp, "File descriptor named 'fdset-id:%" PRId64 ", fd:%d' not found", id, fd);
    } else if (!found) {
        error_setg(errp, "File descriptor named 'fdset-id:%" PRId64 "' not found", id);
    }
    return found;
}

void fdset_foreach(void (*fn)(int64_t id, int fd, const char *opaque, void *data), void *data)
{
    pthread_mutex_lock(&fdset_lock);
    for (guint i = 0; entries && i < entries->len; i++) {
        const FdEntry *e = &g_array_index(entries, FdEntry, i);

        fn(e->set, e->fd, e->opaque, data);
    }
    pthread_mutex_unlock(&fdset_lock);
}
