/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that a start makes, so that one that fails leaves none behind. */
#include "qemu/startup-files.h"

#include <fcntl.h>
#include <sys/stat.h>

/* The file as it was made: what another process puts in its place meanwhile is not ours. */
typedef struct MadeFile {
    char *path; /* absolute: -daemonize changes the folder */
    dev_t dev;
    ino_t ino;
} MadeFile;

static GArray *made; /* of MadeFile; main thread, until kept */
static bool kept;    /* atomic */

void startup_files_add(const char *path)
{
    MadeFile file;
    struct stat st;

    if (__atomic_load_n(&kept, __ATOMIC_ACQUIRE) || lstat(path, &st) < 0) {
        return;
    }
    if (!made) {
        made = g_array_new(false, false, sizeof(MadeFile));
    }
    file = (MadeFile){g_canonicalize_filename(path, NULL), st.st_dev, st.st_ino};
    g_array_append_val(made, file);
}

int startup_files_open(const char *path, int flags, mode_t mode)
{
    int fd = -1;

    flags |= O_CREAT | O_CLOEXEC;
    if (!__atomic_load_n(&kept, __ATOMIC_ACQUIRE)) {
        fd = RETRY_ON_EINTR(open(path, flags | O_EXCL, mode));
        if (fd >= 0) {
            startup_files_add(path);
            return fd;
        }
    }
    return RETRY_ON_EINTR(open(path, flags, mode));
}

static void forget_all(void)
{
    for (unsigned i = 0; made && i < made->len; i++) {
        g_free(g_array_index(made, MadeFile, i).path);
    }
    g_clear_pointer(&made, g_array_unref);
}

void startup_files_keep(void)
{
    __atomic_store_n(&kept, true, __ATOMIC_RELEASE);
    forget_all();
}

void startup_files_remove(void)
{
    for (unsigned i = 0; made && i < made->len; i++) {
        const MadeFile *file = &g_array_index(made, MadeFile, i);
        struct stat st;

        if (lstat(file->path, &st) == 0 && st.st_dev == file->dev && st.st_ino == file->ino) {
            unlink(file->path);
        }
    }
    forget_all();
}
