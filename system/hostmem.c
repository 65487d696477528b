/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host memory backends: anonymous memory, a file, a memfd. */
#include "system/hostmem.h"

#include "qemu/startup-files.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct HostMemoryBackend {
    Object parent_obj;
    uint64_t size;
    uint64_t align;
    bool share, prealloc, merge, dump, reserve, discard_data, readonly;
    bool canonical_path; /* x-use-canonical-path-for-ramblock-id: only migration streams show the
                            difference */
    char *mem_path;
    bool hugetlb, seal;
    uint64_t hugetlbsize;
    void *ptr;
    int fd;
    bool mapped;
    char *user;
    MemoryRegion mr;
};
#define BACKEND(obj) ((HostMemoryBackend *)(obj))

typedef struct HostMemoryBackendClass {
    ObjectClass parent_class;
    /* Opens the descriptor to map, or sets *fd to -1 for anonymous memory. */
    bool (*open)(HostMemoryBackend *b, int *fd, GError **errp);
} HostMemoryBackendClass;

static bool open_anonymous(HostMemoryBackend *b, int *fd, GError **errp)
{
    *fd = -1;
    return true;
}

static bool open_file(HostMemoryBackend *b, int *fd, GError **errp)
{
    const char *id = object_get_name(OBJECT(b));
    struct stat st;
    g_autofree char *path = NULL;

    if (!b->mem_path) {
        error_setg(errp, "memory-backend-file '%s': mem-path is missing; name a file or a folder",
                   id);
        return false;
    }
    path = g_strdup(b->mem_path);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        *fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    } else {
        *fd =
            b->readonly ? open(path, O_RDONLY | O_CLOEXEC) : startup_files_open(path, O_RDWR, 0644);
    }
    if (*fd < 0) {
        error_setg_errno(errp, errno, "memory-backend-file '%s': cannot open mem-path=%s", id,
                         path);
        return false;
    }
    if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size < b->size) {
        if (b->readonly || ftruncate(*fd, b->size) < 0) {
            error_setg(errp,
                       "memory-backend-file '%s': %s is smaller than size=%" PRIu64
                       " and cannot be grown",
                       id, path, b->size);
            return false;
        }
    }
    return true;
}

static bool open_memfd(HostMemoryBackend *b, int *fd, GError **errp)
{
    const char *id = object_get_name(OBJECT(b));
    unsigned flags =
        MFD_CLOEXEC | (b->hugetlb ? MFD_HUGETLB : 0) | (b->seal ? MFD_ALLOW_SEALING : 0);

    if (b->hugetlb && b->hugetlbsize) {
        flags |= (unsigned)__builtin_ctzll(b->hugetlbsize) << MFD_HUGE_SHIFT;
    }
    *fd = memfd_create(id, flags);
    if (*fd < 0 || ftruncate(*fd, b->size) < 0) {
        error_setg_errno(errp, errno, "memory-backend-memfd '%s': cannot make %" PRIu64 " bytes",
                         id, b->size);
        return false;
    }
    if (b->seal) {
        fcntl(*fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    }
    return true;
}

static bool backend_complete(Object *obj, GError **errp)
{
    HostMemoryBackend *b = BACKEND(obj);
    HostMemoryBackendClass *klass = (HostMemoryBackendClass *)object_get_class(obj);
    const char *id = object_get_name(obj);
    int flags = b->share ? MAP_SHARED : MAP_PRIVATE;

    if (!b->size) {
        error_setg(errp,
                   "%s '%s': size is missing; give size=BYTES (or with a suffix, as in size=512M)",
                   object_get_typename(obj), id);
        return false;
    }
    if (!klass->open(b, &b->fd, errp)) {
        return false;
    }
    flags |= b->fd < 0 ? MAP_ANONYMOUS : 0;
    flags |= b->reserve ? 0 : MAP_NORESERVE;
    b->ptr = mmap(NULL, b->size, PROT_READ | (b->readonly && b->share ? 0 : PROT_WRITE), flags,
                  b->fd, 0);
    if (b->ptr == MAP_FAILED) {
        b->ptr = NULL;
        error_setg_errno(errp, errno, "%s '%s': cannot map size=%" PRIu64, object_get_typename(obj),
                         id, b->size);
        return false;
    }
    if (!b->dump) {
        madvise(b->ptr, b->size, MADV_DONTDUMP);
    }
    if (b->merge) {
        madvise(b->ptr, b->size, MADV_MERGEABLE);
    }
    if (b->prealloc && madvise(b->ptr, b->size, MADV_POPULATE_WRITE) < 0 && errno != EINVAL) {
        error_setg_errno(errp, errno, "%s '%s': prealloc=on: not enough memory for size=%" PRIu64,
                         object_get_typename(obj), id, b->size);
        return false;
    }
    memory_region_init_ram_ptr(&b->mr, obj, id, b->size, b->ptr, b->fd);
    b->mapped = true;
    return true;
}

static bool backend_can_be_deleted(Object *obj, GError **errp)
{
    HostMemoryBackend *b = BACKEND(obj);

    if (b->user) {
        error_setg(errp, "memory backend '%s' is in use by %s", object_get_name(obj), b->user);
        return false;
    }
    return true;
}

static void backend_instance_init(Object *obj)
{
    BACKEND(obj)->fd = -1;
}

static void backend_finalize(Object *obj)
{
    HostMemoryBackend *b = BACKEND(obj);

    if (b->mapped) {
        memory_region_finalize(&b->mr);
    }
    if (b->ptr) {
        munmap(b->ptr, b->size);
    }
    if (b->fd >= 0) {
        close(b->fd);
    }
    g_free(b->user);
}

MemoryRegion *host_memory_backend_get_memory(HostMemoryBackend *backend)
{
    return &backend->mr;
}

bool host_memory_backend_claim(HostMemoryBackend *backend, const char *user, GError **errp)
{
    if (backend->user) {
        error_setg(errp,
                   "memory backend '%s' is already used by %s; give each user a backend of its own",
                   object_get_name(OBJECT(backend)), backend->user);
        return false;
    }
    backend->user = g_strdup(user);
    return true;
}

void host_memory_backend_release(HostMemoryBackend *backend)
{
    g_clear_pointer(&backend->user, g_free);
}

static const ObjectProperty backend_props[] = {
    DEFINE_PROP_SIZE("size", HostMemoryBackend, size, 0, "size in bytes"),
    DEFINE_PROP_BOOL("share", HostMemoryBackend, share, false,
                     "other processes that map it see what the guest writes"),
    DEFINE_PROP_BOOL("prealloc", HostMemoryBackend, prealloc, false, "touch all pages at start"),
    DEFINE_PROP_BOOL("merge", HostMemoryBackend, merge, false, "let KSM merge equal pages"),
    DEFINE_PROP_BOOL("dump", HostMemoryBackend, dump, true, "part of core dumps"),
    DEFINE_PROP_BOOL("reserve", HostMemoryBackend, reserve, false, "reserve swap space"),
    DEFINE_PROP_BOOL("x-use-canonical-path-for-ramblock-id", HostMemoryBackend, canonical_path,
                     true, "name of the RAM block: path or id"),
};

static const ObjectProperty file_props[] = {
    DEFINE_PROP_STRING("mem-path", HostMemoryBackend, mem_path,
                       "file, or folder for an unnamed file"),
    DEFINE_PROP_BOOL("readonly", HostMemoryBackend, readonly, false,
                     "open the file for reading only"),
};

static const ObjectProperty memfd_props[] = {
    DEFINE_PROP_BOOL("hugetlb", HostMemoryBackend, hugetlb, false, "use huge pages"),
    DEFINE_PROP_SIZE("hugetlbsize", HostMemoryBackend, hugetlbsize, 0, "size of the huge pages"),
    DEFINE_PROP_BOOL("seal", HostMemoryBackend, seal, true, "seal the size"),
};

static void backend_class_init(ObjectClass *klass, const void *data)
{
    klass->complete = backend_complete;
    klass->can_be_deleted = backend_can_be_deleted;
    object_class_add_property_table(klass, backend_props);
}

static void ram_class_init(ObjectClass *klass, const void *data)
{
    ((HostMemoryBackendClass *)klass)->open = open_anonymous;
}

static void file_class_init(ObjectClass *klass, const void *data)
{
    ((HostMemoryBackendClass *)klass)->open = open_file;
    object_class_add_property_table(klass, file_props);
}

static void memfd_class_init(ObjectClass *klass, const void *data)
{
    ((HostMemoryBackendClass *)klass)->open = open_memfd;
    object_class_add_property_table(klass, memfd_props);
    object_class_property_set_default(klass, "share", true);
}

static const char *const backend_interfaces[] = {TYPE_USER_CREATABLE, NULL};
static const TypeInfo backend_info = {
    .name = TYPE_MEMORY_BACKEND,
    .instance_size = sizeof(HostMemoryBackend),
    .class_size = sizeof(HostMemoryBackendClass),
    .abstract = true,
    .class_init = backend_class_init,
    .instance_init = backend_instance_init,
    .instance_finalize = backend_finalize,
    .interfaces = backend_interfaces,
};
QOM_TYPE(backend_info);
static const TypeInfo ram_info = {
    .name = "memory-backend-ram", .parent = TYPE_MEMORY_BACKEND, .class_init = ram_class_init};
QOM_TYPE(ram_info);
static const TypeInfo file_info = {
    .name = "memory-backend-file", .parent = TYPE_MEMORY_BACKEND, .class_init = file_class_init};
QOM_TYPE(file_info);
static const TypeInfo memfd_info = {
    .name = "memory-backend-memfd", .parent = TYPE_MEMORY_BACKEND, .class_init = memfd_class_init};
QOM_TYPE(memfd_info);
