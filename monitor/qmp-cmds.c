/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands about the monitor itself: version, schema, descriptors; and identity of the virtual
 * machine. */
#include "monitor-internal.h"

#include "monitor/fdset.h"
#include "monitor/hmp.h"
#include "qapi/qapi-commands.h"
#include "qemu/osdep.h"
#include "system/cpus.h"
#include "system/vl.h"

VersionInfo *qmp_query_version(GError **errp)
{
    VersionInfo *v = g_new0(VersionInfo, 1);

    v->qemu = g_new0(VersionTriple, 1);
    if (sscanf(QEMU_VERSION, "%" SCNd64 ".%" SCNd64 ".%" SCNd64, &v->qemu->major, &v->qemu->minor,
               &v->qemu->micro) != 3) {
        g_assert_not_reached();
    }
    v->package = g_strdup("");
    return v;
}

void qmp_query_commands(json_object *args, json_object **ret, GError **errp)
{
    *ret = qapi_list_commands(&qapi_schema);
}

void qmp_query_qmp_schema(json_object *args, json_object **ret, GError **errp)
{
    *ret = qapi_introspect(&qapi_schema);
}

NameInfo *qmp_query_name(GError **errp)
{
    NameInfo *info = g_new0(NameInfo, 1);

    info->name = g_strdup(qemu_name);
    return info;
}

UuidInfo *qmp_query_uuid(GError **errp)
{
    UuidInfo *info = g_new0(UuidInfo, 1);
    const uint8_t *u = qemu_uuid;

    info->UUID = g_strdup_printf(
        "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
        u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
    return info;
}

char *qmp_human_monitor_command(const char *command_line, bool has_cpu_index, int64_t cpu_index,
                                GError **errp)
{
    Monitor *outer = monitor_current;
    Monitor hmp = {.out = g_string_new(NULL), .fds = outer ? outer->fds : NULL, .hmp_cpu = 0};

    if (has_cpu_index && !cpu_by_index(cpu_index)) {
        g_string_free(hmp.out, true);
        error_setg(errp, "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    hmp.hmp_cpu = has_cpu_index ? (int)cpu_index : outer ? outer->hmp_cpu : 0;
    monitor_current = &hmp;
    hmp_execute(&hmp, command_line);
    monitor_current = outer;
    return g_string_free(hmp.out, false);
}

/* --- descriptors
 * ---------------------------------------------------------------------------------------------------
 */

static int passed_fd(GError **errp)
{
    int fd = qmp_take_fd(monitor_cur());

    if (fd < 0) {
        error_setg(errp, "No file descriptor supplied via SCM_RIGHTS");
    }
    return fd;
}

void qmp_getfd(const char *fdname, GError **errp)
{
    int fd = passed_fd(errp);

    if (fd >= 0 && !monitor_add_fd(monitor_cur(), fdname, fd, errp)) {
        close(fd);
    }
}

void qmp_closefd(const char *fdname, GError **errp)
{
    int fd;

    if (g_ascii_isdigit(*fdname) || (fd = monitor_fd_param(monitor_cur(), fdname, NULL)) < 0) {
        error_setg(errp, "File descriptor named '%s' not found", fdname);
        return;
    }
    close(fd);
}

AddfdInfo *qmp_add_fd(bool has_fdset_id, int64_t fdset_id, const char *opaque, GError **errp)
{
    AddfdInfo *info;
    int64_t set;
    int fd;

    if (has_fdset_id && fdset_id < 0) {
        error_setg(errp, "Parameter 'fdset-id' expects a non-negative value");
        return NULL;
    }
    fd = passed_fd(errp);
    if (fd < 0) {
        return NULL;
    }
    set = fdset_add(fd, has_fdset_id ? fdset_id : -1, opaque, errp);
    if (set < 0) {
        close(fd);
        return NULL;
    }
    info = g_new0(AddfdInfo, 1);
    info->fdset_id = set;
    info->fd = fd;
    return info;
}

void qmp_remove_fd(int64_t fdset_id, bool has_fd, int64_t fd, GError **errp)
{
    if (has_fd && (fd < 0 || fd > INT_MAX)) {
        error_setg(errp, "Parameter 'fd' expects a descriptor's number");
        return;
    }
    fdset_remove(fdset_id, has_fd ? (int)fd : -1, errp);
}

typedef struct FdsetWalk {
    FdsetInfoList *head, **tail;
    FdsetInfo *last;
    FdsetFdInfoList **fd_tail;
} FdsetWalk;

static void add_fdset_entry(int64_t id, int fd, const char *opaque, void *data)
{
    FdsetWalk *walk = data;
    FdsetFdInfo *entry = g_new0(FdsetFdInfo, 1);

    if (!walk->last || walk->last->fdset_id != id) {
        walk->last = g_new0(FdsetInfo, 1);
        walk->last->fdset_id = id;
        walk->fd_tail = &walk->last->fds;
        QAPI_LIST_APPEND(walk->tail, walk->last);
    }
    entry->fd = fd;
    entry->opaque = g_strdup(opaque);
    QAPI_LIST_APPEND(walk->fd_tail, entry);
}

FdsetInfoList *qmp_query_fdsets(GError **errp)
{
    FdsetWalk walk = {0};

    walk.tail = &walk.head;
    fdset_foreach(add_fdset_entry, &walk);
    return walk.head;
}

/* --- what other monitors' clients ask for at start-up
 * --------------------------------------------------------------- */

static bool migration_events;

void qmp_migrate_set_capabilities(MigrationCapabilityStatusList *capabilities, GError **errp)
{
    for (; capabilities; capabilities = capabilities->next) {
        if (capabilities->value->capability == MIGRATION_CAPABILITY_EVENTS) {
            migration_events = capabilities->value->state;
        }
    }
}

MigrationCapabilityStatusList *qmp_query_migrate_capabilities(GError **errp)
{
    MigrationCapabilityStatusList *head = NULL, **tail = &head;
    MigrationCapabilityStatus *status = g_new0(MigrationCapabilityStatus, 1);

    status->capability = MIGRATION_CAPABILITY_EVENTS;
    status->state = migration_events;
    QAPI_LIST_APPEND(tail, status);
    return head;
}

/* Block jobs are what would be listed; the block layer starts none by itself. */
JobInfoList *qmp_query_jobs(GError **errp)
{
    return NULL;
}
