/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -object ioregionfd: a home that the user chose, with a channel to it. */
#include "internal.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "monitor/monitor.h"
#include "system/iothread.h"

#define IOREGIONFD(obj) ((IoRegionFd *)(obj))

static const char *const transport_names[] = {"ring", "socket", NULL};
static const EnumTable transport_table = {"IoRegionTransport", transport_names};

AioContext *ioregionfd_context(IoRegionFd *ior)
{
    return ior->ctx;
}

bool ioregionfd_posted_writes(IoRegionFd *ior)
{
    return ior->posted_writes;
}

const char *ioregionfd_id(IoRegionFd *ior)
{
    return ior->id ? ior->id : object_get_name(OBJECT(ior));
}

/* --- complete
 * ------------------------------------------------------------------------------------------------------------
 */

static int connect_path(IoRegionFd *ior, GError **errp)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(ior->path) >= sizeof(addr.sun_path)) {
        error_setg(errp,
                   "ioregionfd '%s': path=%s is longer than a socket's name may be (%zu bytes)",
                   ior->id, ior->path, sizeof(addr.sun_path) - 1);
        return -1;
    }
    strcpy(addr.sun_path, ior->path);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        error_setg_errno(
            errp, errno,
            "ioregionfd '%s': cannot connect to path=%s; a process must listen there with "
            "SOCK_SEQPACKET",
            ior->id, ior->path);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

/* The other process's socket, -1: none is wanted, or (with *failed) it cannot be had. */
static int open_external(IoRegionFd *ior, bool *failed, GError **errp)
{
    g_autofree char *what = NULL;
    int fd;

    *failed = true;
    if (ior->path) {
        fd = connect_path(ior, errp);
        *failed = fd < 0;
        return fd;
    }
    if (!ior->fd) {
        *failed = false;
        return -1;
    }
    fd = monitor_fd_param(monitor_cur(), ior->fd, errp);
    if (fd < 0) {
        return -1;
    }
    what = g_strdup_printf("ioregionfd '%s': fd=%s", ior->id, ior->fd);
    if (!io_socket_check_fd(fd, what, errp)) {
        return -1; /* It is not ours to close: it may be any descriptor of the process. */
    }
    *failed = false;
    return fd;
}

static bool check_options(IoRegionFd *ior, GError **errp)
{
    if (ior->fd && ior->path) {
        error_setg(errp, "ioregionfd '%s': fd= and path= exclude each other", ior->id);
        return false;
    }
    if ((ior->fd || ior->path) && ior->iothread) {
        error_setg(errp,
                   "ioregionfd '%s': %s= makes another process the home, so iothread= has no use; "
                   "leave one "
                   "of them out",
                   ior->id, ior->fd ? "fd" : "path");
        return false;
    }
    if (!ior->device != !ior->region) {
        error_setg(errp, "ioregionfd '%s': device= and region= go together; %s= is missing",
                   ior->id, ior->device ? "region" : "device");
        return false;
    }
    return true;
}

static char *hold_name(const IoRegionFd *ior)
{
    return g_strdup_printf("ioregionfd object '%s'", ior->id);
}

static bool choose_home(IoRegionFd *ior, bool external, GError **errp)
{
    g_autofree char *name = hold_name(ior);

    if (external) {
        /* Nobody ever runs it: no thread is at home here. */
        ior->ctx = aio_context_new(ior->id, errp);
        return ior->ctx;
    }
    if (ior->iothread) {
        iothread_hold((IOThread *)ior->iothread, name);
        ior->ctx = aio_context_ref(iothread_get_context((IOThread *)ior->iothread));
    } else {
        ior->ctx = aio_context_ref(aio_get_main());
    }
    return true;
}

/* Undoes what complete() did, in any state. */
static void shut_down(IoRegionFd *ior)
{
    if (ior->channel) {
        io_binding_remove(ior);
        io_channel_free(ior->channel);
        ior->channel = NULL;
    }
    if (ior->ctx && ior->iothread) {
        g_autofree char *name = hold_name(ior);

        iothread_release((IOThread *)ior->iothread, name);
    }
    g_clear_pointer(&ior->ctx, aio_context_unref);
    ior->completed = false;
}

static bool ioregionfd_complete(Object *obj, GError **errp)
{
    IoRegionFd *ior = IOREGIONFD(obj);
    bool failed;
    int fd;

    ior->id = g_strdup(object_get_name(obj));
    if (!check_options(ior, errp)) {
        return false;
    }
    fd = open_external(ior, &failed, errp);
    if (failed) {
        return false;
    }
    if (!choose_home(ior, fd >= 0, errp)) {
        goto fail;
    }
    ior->channel = io_channel_new(
        &(IoChannelConfig){
            .name = ior->id,
            .ctx = ior->ctx,
            .owner = ior,
            .transport = fd >= 0 ? IOREGION_TRANSPORT_SOCKET : (IoRegionTransport)ior->transport,
            .external_fd = fd,
            .posted_writes = ior->posted_writes,
            .timeout_ns = ior->timeout_ms ? ior->timeout_ms * SCALE_MS : -1,
        },
        errp);
    if (!ior->channel) {
        goto fail;
    }
    if (ior->device && !io_binding_add(ior, errp)) {
        shut_down(ior);
        return false;
    }
    ior->completed = true;
    return true;

fail:
    if (fd >= 0 && ior->path) {
        close(fd);
    }
    shut_down(ior);
    return false;
}

static bool ioregionfd_can_be_deleted(Object *obj, GError **errp)
{
    IoRegionFd *ior = IOREGIONFD(obj);

    if (!ior->channel) {
        return true;
    }
    /* Regions that were moved here from outside go back.  A device that asked for this home has no
     * other. */
    for (IoRegion *r = io_region_first(); r; r = r->next) {
        if (r->channel == ior->channel && !r->bound) {
            g_autofree char *path = r->mr->owner ? object_get_canonical_path(r->mr->owner) : NULL;

            error_setg(errp,
                       "ioregionfd '%s' is in use by region '%s' of '%s', which has its home "
                       "there; remove that "
                       "device first",
                       ior->id, r->mr->name, path ? path : "the machine");
            return false;
        }
    }
    return true;
}

static void ioregionfd_unparent(Object *obj)
{
    shut_down(IOREGIONFD(obj));
}

static void ioregionfd_instance_init(Object *obj)
{
    IoRegionFd *ior = IOREGIONFD(obj);

    ior->posted_writes = true;
    ior->timeout_ms = IOREGION_TIMEOUT_DEFAULT_MS;
    ior->bound = g_ptr_array_new();
}

static void ioregionfd_finalize(Object *obj)
{
    IoRegionFd *ior = IOREGIONFD(obj);

    shut_down(ior);
    g_ptr_array_unref(ior->bound);
    g_free(ior->id);
}

static const ObjectProperty ioregionfd_props[] = {
    DEFINE_PROP_LINK("iothread", IoRegionFd, iothread, TYPE_IOTHREAD,
                     "the IOThread that is the home; without: the main loop"),
    DEFINE_PROP_ENUM("transport", IoRegionFd, transport, transport_table, IOREGION_TRANSPORT_RING,
                     "how commands get to the home: ring (shared memory) or socket"),
    DEFINE_PROP_BOOL("posted-writes", IoRegionFd, posted_writes, true,
                     "writes that need no answer are not waited for"),
    DEFINE_PROP_STRING("fd", IoRegionFd, fd,
                       "a connected SOCK_SEQPACKET socket: another process is the home"),
    DEFINE_PROP_STRING("path", IoRegionFd, path,
                       "a listening SOCK_SEQPACKET socket's path: another process is the home"),
    DEFINE_PROP_STRING("device", IoRegionFd, device,
                       "id or path of a device whose region moves to this home"),
    DEFINE_PROP_STRING("region", IoRegionFd, region,
                       "which region: number of its BAR or mmio region, or its name"),
    DEFINE_PROP_UINT32("timeout-ms", IoRegionFd, timeout_ms, IOREGION_TIMEOUT_DEFAULT_MS,
                       "after how long an unanswered access reads as all-ones; 0: never"),
};

static void ioregionfd_class_init(ObjectClass *klass, const void *data)
{
    klass->complete = ioregionfd_complete;
    klass->can_be_deleted = ioregionfd_can_be_deleted;
    klass->unparent = ioregionfd_unparent;
    object_class_add_property_table(klass, ioregionfd_props);
}

static const char *const ioregionfd_interfaces[] = {TYPE_USER_CREATABLE, NULL};
static const TypeInfo ioregionfd_info = {
    .name = TYPE_IOREGIONFD,
    .instance_size = sizeof(IoRegionFd),
    .class_init = ioregionfd_class_init,
    .instance_init = ioregionfd_instance_init,
    .instance_finalize = ioregionfd_finalize,
    .interfaces = ioregionfd_interfaces,
};
QOM_TYPE(ioregionfd_info);
