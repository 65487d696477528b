/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Search path of firmware images and option ROMs. */
#include "system/datadir.h"

#include <fcntl.h>
#include <sys/stat.h>

static GPtrArray *user_dirs;

static const char *const package_dirs[] = {
    "/usr/share/seabios", "/usr/share/qemu", "/usr/lib/ipxe/qemu",
    "/usr/share/OVMF",    "/usr/share/ovmf",
};

/* By beginning of the name: who has such a file. */
static const struct {
    const char *prefix, *package;
} packages[] = {
    {"bios", "seabios"},
    {"vgabios", "seabios"},
    {"linuxboot", "qemu-system-data"},
    {"multiboot", "qemu-system-data"},
    {"kvmvapic", "qemu-system-data"},
    {"OVMF", "ovmf"},
    {"efi-", "ipxe-qemu"},
    {"pxe-", "ipxe-qemu"},
};

void datadir_add(const char *dir)
{
    if (!user_dirs) {
        user_dirs = g_ptr_array_new_with_free_func(g_free);
    }
    g_ptr_array_add(user_dirs, g_strdup(dir));
}

static char *file_in(const char *dir, const char *name)
{
    char *path = g_build_filename(dir, name, NULL);

    if (access(path, R_OK) == 0) {
        return path;
    }
    g_free(path);
    return NULL;
}

char *datadir_find(const char *option, const char *name, GError **errp)
{
    g_autofree char *base = g_path_get_basename(name);
    const char *package = NULL;
    char *path = NULL;

    if (access(name, R_OK) == 0) {
        return g_strdup(name);
    }
    if (!strchr(name, '/')) {
        for (unsigned n = 0; user_dirs && !path && n < user_dirs->len; n++) {
            path = file_in(user_dirs->pdata[n], name);
        }
        for (unsigned n = 0; !path && n < G_N_ELEMENTS(package_dirs); n++) {
            path = file_in(package_dirs[n], name);
        }
    }
    if (path) {
        return path;
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(packages); n++) {
        if (g_str_has_prefix(base, packages[n].prefix)) {
            package = packages[n].package;
        }
    }
    error_setg(errp, "%s %s: no such file that can be read%s%s%s", option, name,
               strchr(name, '/') ? "" : ", here or in a folder that -L help lists",
               package ? "; Debian has it in package " : "", package ? package : "");
    return NULL;
}

void datadir_list(FILE *out)
{
    for (unsigned n = 0; user_dirs && n < user_dirs->len; n++) {
        fprintf(out, "%s\n", (const char *)user_dirs->pdata[n]);
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(package_dirs); n++) {
        fprintf(out, "%s\n", package_dirs[n]);
    }
}

uint8_t *datadir_read(const char *option, const char *path, size_t max, size_t *size, GError **errp)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autofree uint8_t *data = NULL;
    size_t done = 0;
    struct stat st;

    if (fd < 0) {
        error_setg_errno(errp, errno, "%s %s cannot be opened", option, path);
        return NULL;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 || (size_t)st.st_size > max) {
        error_setg(errp, "%s %s must be a regular file of 1 to %zu bytes", option, path, max);
        close(fd);
        return NULL;
    }
    data = g_malloc(st.st_size);
    while (done < (size_t)st.st_size) {
        ssize_t n = RETRY_ON_EINTR(read(fd, data + done, st.st_size - done));

        if (n <= 0) {
            error_setg(errp, "%s %s: %s", option, path,
                       n ? g_strerror(errno) : "the file became shorter");
            close(fd);
            return NULL;
        }
        done += n;
    }
    close(fd);
    *size = done;
    return g_steal_pointer(&data);
}
