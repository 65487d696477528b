/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sources of random bytes: a character device of the host, or the kernel's generator. */
#include "system/rng.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

struct RngBackend {
    Object parent_obj;
    char *filename; /* rng-random */
    int fd;
    unsigned users;
};
#define RNG_BACKEND(obj) ((RngBackend *)(obj))

int rng_fd(RngBackend *rng)
{
    return rng->fd;
}

ssize_t rng_readv(RngBackend *rng, const struct iovec *iov, int niov)
{
    ssize_t total = 0, n;

    if (rng->fd >= 0) {
        n = RETRY_ON_EINTR(readv(rng->fd, iov, MIN(niov, IOV_MAX)));
        /* The end of a stream will not go away by asking again. */
        return n > 0 ? n : n == 0 ? -EIO : -errno;
    }
    for (int i = 0; i < niov; i++) {
        n = RETRY_ON_EINTR(getrandom(iov[i].iov_base, iov[i].iov_len, 0));
        if (n < 0) {
            return total ? total : -errno;
        }
        total += n;
        if ((size_t)n < iov[i].iov_len) {
            break;
        }
    }
    return total;
}

void rng_hold(RngBackend *rng)
{
    rng->users++;
}

void rng_release(RngBackend *rng)
{
    rng->users--;
}

static bool can_be_deleted(Object *obj, GError **errp)
{
    if (RNG_BACKEND(obj)->users) {
        error_setg(errp, "%s '%s' is in use by a device; unplug that first",
                   object_get_typename(obj), object_get_name(obj));
        return false;
    }
    return true;
}

static bool random_complete(Object *obj, GError **errp)
{
    RngBackend *rng = RNG_BACKEND(obj);
    const char *name = rng->filename ? rng->filename : "/dev/urandom";
    struct stat st;

    rng->fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (rng->fd < 0) {
        error_setg_errno(errp, errno, "rng-random '%s': filename=%s cannot be opened",
                         object_get_name(obj), name);
        return false;
    }
    if (fstat(rng->fd, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))) {
        error_setg(errp,
                   "rng-random '%s': filename=%s is no source of random bytes; name a character "
                   "device, as /dev/urandom, or a pipe",
                   object_get_name(obj), name);
        return false;
    }
    return true;
}

static void backend_init(Object *obj)
{
    RNG_BACKEND(obj)->fd = -1;
}

static void backend_finalize(Object *obj)
{
    if (RNG_BACKEND(obj)->fd >= 0) {
        close(RNG_BACKEND(obj)->fd);
    }
}

static const ObjectProperty random_props[] = {
    DEFINE_PROP_STRING("filename", RngBackend, filename,
                       "character device or pipe with random bytes (/dev/urandom)"),
};

static void backend_class_init(ObjectClass *klass, const void *data)
{
    klass->can_be_deleted = can_be_deleted;
}

static void random_class_init(ObjectClass *klass, const void *data)
{
    klass->complete = random_complete;
    object_class_add_property_table(klass, random_props);
}

static const char *const user_creatable[] = {TYPE_USER_CREATABLE, NULL};

static const TypeInfo rng_backend_info = {
    .name = TYPE_RNG_BACKEND,
    .instance_size = sizeof(RngBackend),
    .abstract = true,
    .class_init = backend_class_init,
    .instance_init = backend_init,
    .instance_finalize = backend_finalize,
    .interfaces = user_creatable,
};
QOM_TYPE(rng_backend_info);

static const TypeInfo rng_random_info = {
    .name = TYPE_RNG_RANDOM,
    .parent = TYPE_RNG_BACKEND,
    .class_init = random_class_init,
};
QOM_TYPE(rng_random_info);

static const TypeInfo rng_builtin_info = {
    .name = TYPE_RNG_BUILTIN,
    .parent = TYPE_RNG_BACKEND,
};
QOM_TYPE(rng_builtin_info);
