/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The QMP server.
 *
 * Input is read in the main loop.  A client that enables "oob" gets its connection moved to a
 * thread of its own (one for all such clients, started when the first comes): it cuts the stream,
 * runs out-of-band commands on the spot and queues the others, so that they overtake a command that
 * holds the main loop.  In-band requests run in the main loop one at a time, in order, and their
 * errors of syntax keep their place among the replies.
 */
#include "monitor-internal.h"

#include "qapi/qapi-commands.h"
#include "qemu/osdep.h"

struct QmpRequest {
    json_object *value; /* or */
    GError *err;
    int fds[16]; /* that came with it */
    int n_fds;
};

static struct {
    AioContext *ctx; /* NULL: not running */
    QemuThread thread;
    bool stop;
} io;

/* --- the I/O thread
 * --------------------------------------------------------------------------------------------- */

static void *io_thread(void *opaque)
{
    aio_set_current(io.ctx);
    while (!__atomic_load_n(&io.stop, __ATOMIC_ACQUIRE)) {
        aio_poll(io.ctx, true);
    }
    aio_set_current(NULL);
    return NULL;
}

static bool start_io_thread(GError **errp)
{
    if (io.ctx) {
        return true;
    }
    io.ctx = aio_context_new("monitor", errp);
    if (!io.ctx) {
        return false;
    }
    io.stop = false;
    if (!qemu_thread_create(&io.thread, "mon_iothread", io_thread, NULL, errp)) {
        g_clear_pointer(&io.ctx, aio_context_unref);
        return false;
    }
    return true;
}

void qmp_stop_io_thread(void)
{
    if (io.ctx) {
        __atomic_store_n(&io.stop, true, __ATOMIC_RELEASE);
        aio_notify(io.ctx);
        qemu_thread_join(&io.thread);
        g_clear_pointer(&io.ctx, aio_context_unref);
    }
}

/* --- output
 * ------------------------------------------------------------------------------------------------------
 */

void qmp_send(Monitor *mon, json_object *message)
{
    int flags = JSON_C_TO_STRING_NOSLASHESCAPE |
                (mon->pretty ? JSON_C_TO_STRING_PRETTY : JSON_C_TO_STRING_SPACED);
    size_t len;
    const char *text = json_object_to_json_string_length(message, flags, &len);
    g_autofree char *line = g_malloc(len + 2);

    memcpy(line, text, len);
    memcpy(line + len, "\r\n", 2);
    qemu_chr_fe_write_all(&mon->fe, (const uint8_t *)line, (int)(len + 2));
}

/* request's id, of any type, null too, is echoed. */
static void reply(Monitor *mon, json_object *ret, GError *err, json_object *request)
{
    json_object *id = NULL;
    g_autoptr(json_object) message = json_object_new_object();

    if (err) {
        json_object *e = json_object_new_object();

        json_object_object_add(e, "class",
                               json_object_new_string(error_class_name(error_class(err))));
        json_object_object_add(e, "desc", json_object_new_string(err->message));
        json_object_object_add(message, "error", e);
    } else {
        json_object_object_add(message, "return", ret);
    }
    if (json_object_object_get_ex(request, "id", &id)) {
        json_object_object_add(message, "id", json_object_get(id));
    }
    qmp_send(mon, message);
}

static void greet(Monitor *mon)
{
    g_autoptr(json_object) message = json_object_new_object();
    json_object *qmp = json_object_new_object(), *caps = json_object_new_array();
    g_autoptr(VersionInfo) v = qmp_query_version(NULL);

    json_object_object_add(qmp, "version", VersionInfo_to_json(v));
    json_object_array_add(caps, json_object_new_string("oob"));
    json_object_object_add(qmp, "capabilities", caps);
    json_object_object_add(message, "QMP", qmp);
    qmp_send(mon, message);
}

/* --- one request
 * ----------------------------------------------------------------------------------------------------
 */

typedef struct Call {
    const char *name;
    json_object *args;
    bool oob;
} Call;

static bool take_member(Monitor *mon, Call *call, const char *key, json_object *value,
                        GError **errp)
{
    if (!strcmp(key, "id")) {
        return true;
    }
    if (!strcmp(key, "arguments")) {
        if (!json_object_is_type(value, json_type_object)) {
            error_setg(errp, "QMP input member 'arguments' must be an object");
            return false;
        }
        call->args = value;
        return true;
    }
    if (!strcmp(key, "execute") || (mon->oob && !strcmp(key, "exec-oob"))) {
        if (!json_object_is_type(value, json_type_string)) {
            error_setg(errp, "QMP input member '%s' must be a string", key);
            return false;
        }
        if (call->name) {
            error_setg(errp, "QMP input members 'execute' and 'exec-oob' exclude each other");
            return false;
        }
        call->name = json_object_get_string(value);
        call->oob = !strcmp(key, "exec-oob");
        return true;
    }
    error_setg(errp, "QMP input member '%s' is unexpected", key);
    return false;
}

/* Pointers in *call are borrowed from request. */
static bool parse_call(Monitor *mon, json_object *request, Call *call, GError **errp)
{
    if (!json_object_is_type(request, json_type_object)) {
        error_setg(errp, "QMP input must be a JSON object");
        return false;
    }
    json_object_object_foreach(request, key, value)
    {
        if (!take_member(mon, call, key, value, errp)) {
            return false;
        }
    }
    if (!call->name) {
        error_setg(errp, "QMP input lacks member 'execute'");
        return false;
    }
    return true;
}

static json_object *run_call(Monitor *mon, const Call *call, GError **errp)
{
    bool negotiation = !strcmp(call->name, "qmp_capabilities");
    int cmd = qapi_find_command(&qapi_schema, call->name);
    Monitor *outer = monitor_current;
    json_object *ret;

    if (!mon->negotiated && !negotiation) {
        error_set_class(errp, ERROR_CLASS_COMMAND_NOT_FOUND,
                        "Expecting capabilities negotiation with 'qmp_capabilities'");
        return NULL;
    }
    if (mon->negotiated && negotiation) {
        error_set_class(errp, ERROR_CLASS_COMMAND_NOT_FOUND,
                        "Capabilities negotiation is already complete, command ignored");
        return NULL;
    }
    if (cmd < 0) {
        error_set_class(errp, ERROR_CLASS_COMMAND_NOT_FOUND, "The command %s has not been found",
                        call->name);
        return NULL;
    }
    if (call->oob && !(qapi_schema.commands[cmd].flags & QAPI_CMD_OOB)) {
        error_setg(errp, "The command %s does not support OOB", call->name);
        return NULL;
    }
    monitor_current = mon;
    ret = qapi_dispatch(&qapi_schema, qapi_commands, cmd, call->args, errp);
    monitor_current = outer;
    return ret;
}

static void run_request(Monitor *mon, json_object *value, GError *err)
{
    Call call = {0};
    json_object *ret = NULL;

    if (!err && parse_call(mon, value, &call, &err)) {
        ret = run_call(mon, &call, &err);
    }
    reply(mon, ret, err, value);
    g_clear_error(&err);
}

/* --- the queue
 * -------------------------------------------------------------------------------------------------------
 */

static void request_free(QmpRequest *req)
{
    for (int i = 0; i < req->n_fds; i++) {
        close(req->fds[i]);
    }
    json_object_put(req->value);
    g_clear_error(&req->err);
    g_free(req);
}

static void dispatch(void *opaque)
{
    Monitor *mon = opaque;
    QmpRequest *req;
    bool more, resume;
    GError *err;

    qemu_mutex_lock(&mon->lock);
    req = g_queue_pop_head(&mon->queue);
    more = !g_queue_is_empty(&mon->queue);
    resume = mon->suspended && mon->queue.length < QMP_QUEUE_MAX;
    mon->suspended = mon->suspended && !resume;
    qemu_mutex_unlock(&mon->lock);
    if (!req) {
        return;
    }
    mon->current = req;
    err = g_steal_pointer(&req->err);
    run_request(mon, req->value, err);
    mon->current = NULL;
    request_free(req);
    if (more) {
        aio_bh_schedule(mon->dispatch_bh); /* others get their turn in between */
    }
    if (resume) {
        qemu_chr_fe_accept_input(&mon->fe);
    }
}

static bool wants_oob(Monitor *mon, json_object *value)
{
    return mon->oob && json_object_is_type(value, json_type_object) &&
           json_object_object_get_ex(value, "exec-oob", NULL);
}

/* In the thread that reads. */
static void stream_item(void *opaque, json_object *value, GError *err)
{
    Monitor *mon = opaque;
    QmpRequest *req;
    int fd;

    if (wants_oob(mon, value)) {
        run_request(mon, value, err);
        json_object_put(value);
        return;
    }
    req = g_new0(QmpRequest, 1);
    req->value = value;
    req->err = err;
    while (req->n_fds < (int)G_N_ELEMENTS(req->fds) &&
           (fd = qemu_chr_fe_get_msgfd(&mon->fe)) >= 0) {
        req->fds[req->n_fds++] = fd;
    }
    qemu_mutex_lock(&mon->lock);
    g_queue_push_tail(&mon->queue, req);
    qemu_mutex_unlock(&mon->lock);
    aio_bh_schedule(mon->dispatch_bh);
}

int qmp_take_fd(Monitor *mon)
{
    QmpRequest *req = mon->current;

    if (!req || !req->n_fds) {
        return -1;
    }
    int fd = req->fds[0];
    memmove(&req->fds[0], &req->fds[1], --req->n_fds * sizeof(int));
    return fd;
}

/* --- front end of the chardev
 * --------------------------------------------------------------------------------------- */

static int qmp_can_read(void *opaque)
{
    Monitor *mon = opaque;

    QEMU_LOCK_GUARD(&mon->lock);
    mon->suspended = mon->queue.length >= QMP_QUEUE_MAX;
    return mon->suspended ? 0 : 4096;
}

static void qmp_read(void *opaque, const uint8_t *buf, int len)
{
    Monitor *mon = opaque;

    json_stream_feed(&mon->stream, buf, len);
}

static void forget_client(Monitor *mon)
{
    qemu_chr_fe_set_context(&mon->fe, aio_get_main());
    json_stream_reset(&mon->stream);
    g_queue_clear_full(&mon->queue, (GDestroyNotify)request_free);
    mon->negotiated = mon->oob = mon->suspended = false;
}

static void qmp_event(void *opaque, ChrEvent event)
{
    Monitor *mon = opaque;

    if (event == CHR_EVENT_OPENED) {
        forget_client(mon);
        greet(mon);
    } else if (event == CHR_EVENT_CLOSED) {
        forget_client(mon);
    }
}

void qmp_qmp_capabilities(bool has_enable, QMPCapabilityList *enable, GError **errp)
{
    Monitor *mon = monitor_cur();
    bool oob = false;

    for (; enable; enable = enable->next) {
        oob |= enable->value == QMP_CAPABILITY_OOB;
    }
    if (oob) {
        if (!start_io_thread(errp)) {
            return;
        }
        if (!qemu_chr_fe_set_context(&mon->fe, io.ctx)) {
            error_setg(errp, "capability oob is not available: this monitor's chardev is shared "
                             "(mux=on) or a file");
            return;
        }
    }
    mon->negotiated = true;
    __atomic_store_n(&mon->oob, oob, __ATOMIC_RELEASE);
}

void qmp_monitor_init(Monitor *mon)
{
    json_stream_init(&mon->stream, stream_item, mon);
    g_queue_init(&mon->queue);
    mon->dispatch_bh = aio_bh_new_outermost(aio_get_main(), dispatch, mon);
    qemu_chr_fe_set_handlers(&mon->fe, qmp_can_read, qmp_read, qmp_event, mon);
}

void qmp_monitor_destroy(Monitor *mon)
{
    aio_bh_delete(mon->dispatch_bh);
    g_queue_clear_full(&mon->queue, (GDestroyNotify)request_free);
    json_stream_destroy(&mon->stream);
}
