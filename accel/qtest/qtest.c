/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The qtest server: lines in, one reply a line out, interrupt lines in between, and the log.
 *
 * A request is run when its newline has come, to its end, before the next one is looked at; its
 * reply goes out in one write with the interrupt lines that it, or anything before it, caused.
 */
#include "qtest-internal.h"

#include "qemu/aio.h"
#include "qemu/thread.h"
#include "system/ioregionfd.h"
#include "system/iothread.h"

/* A longer line is refused, so that a client cannot take all memory. */
enum { LINE_MAX_BYTES = 512 * MiB };

static struct {
    CharFrontend fe;
    Chardev *own_chr; /* of -qtest: goes with the server */
    FILE *log;
    int64_t opened_ns;
    GString *in;
    bool running;  /* a request is being run: data that comes meanwhile waits */
    bool skipping; /* the rest of a line that was too long is thrown away */
    AioBH *flush_bh;
    QemuMutex lock;
    GString *queued; /* lines that wait for the next write; under lock */
} server;

bool qtest_driver(void)
{
    return server.in != NULL;
}

/* --- log
 * -----------------------------------------------------------------------------------------------------------
 */

static void log_line(char kind, const char *text, size_t len)
{
    int64_t ns = server.opened_ns ? qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - server.opened_ns : 0;

    if (server.log) {
        fprintf(server.log, "[%c +%.6f] %.*s\n", kind, (double)ns / NANOSECONDS_PER_SECOND,
                (int)len, text);
        fflush(server.log);
    }
}

static bool open_log(const char *log, GError **errp)
{
    if (!log) {
        server.log = stderr;
    } else if (strcmp(log, "none")) {
        server.log = fopen(log, "we");
        if (!server.log) {
            error_setg_errno(errp, errno, "-qtest-log %s: cannot open the file", log);
            return false;
        }
    }
    return true;
}

static void close_log(void)
{
    if (server.log && server.log != stderr) {
        fclose(server.log);
    }
    server.log = NULL;
}

/* --- out
 * -----------------------------------------------------------------------------------------------------------
 */

void qtest_queue_line(const char *line)
{
    QEMU_LOCK_GUARD(&server.lock);
    g_string_append(server.queued, line);
    g_string_append_c(server.queued, '\n');
    aio_bh_schedule(server.flush_bh);
}

/* The queued lines, logged; they are the caller's. */
static GString *take_queued(void)
{
    GString *text;

    qemu_mutex_lock(&server.lock);
    text = server.queued;
    server.queued = g_string_new(NULL);
    qemu_mutex_unlock(&server.lock);
    for (const char *p = text->str; *p; p += strcspn(p, "\n") + 1) {
        log_line('S', p, strcspn(p, "\n"));
    }
    return text;
}

static void write_out(GString *text)
{
    if (text->len) {
        qemu_chr_fe_write_all(&server.fe, (const uint8_t *)text->str, (int)text->len);
    }
    g_string_free(text, true);
}

static void flush_queued(void *opaque)
{
    write_out(take_queued());
}

static void do_nothing(void *opaque)
{
}

static bool fence_iothread(Object *obj, void *opaque)
{
    if (object_is_a(obj, TYPE_IOTHREAD)) {
        aio_call(iothread_get_context((IOThread *)obj), do_nothing, NULL);
    }
    return true;
}

/* What the request caused is done when the client reads the reply: posted writes have been
 * consumed; and a home that has shown a completion in memory has also set its interrupt line,
 * because both happen inside one turn of its loop. */
static void settle(void)
{
    ioregion_flush_all();
    if (qtest_intercepting()) {
        object_child_foreach(container_get(object_get_root(), "/objects"), fence_iothread, NULL);
    }
}

void qtest_reply_take(GString *text)
{
    GString *out;

    settle();
    out = take_queued();
    log_line('S', text->str, MIN(text->len, 4096));
    g_string_append_len(out, text->str, (gssize)text->len);
    g_string_append_c(out, '\n');
    g_string_free(text, true);
    write_out(out);
}

void qtest_reply(const char *fmt, ...)
{
    GString *text = g_string_new(NULL);
    va_list ap;

    va_start(ap, fmt);
    g_string_append_vprintf(text, fmt, ap);
    va_end(ap);
    qtest_reply_take(text);
}

/* --- in
 * ---------------------------------------------------------------------------------------------------------------
 */

static void run_line(char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);

    log_line('R', line, MIN(strlen(line), 4096));
    if (!words[0] || !*words[0]) {
        qtest_reply("FAIL Empty request");
    } else {
        qtest_run_request(words, g_strv_length(words));
    }
}

static void run_buffered(void)
{
    size_t from = 0;

    if (server.running) {
        return;
    }
    server.running = true;
    /* The buffer may grow and move while a request runs. */
    for (;;) {
        char *end = memchr(server.in->str + from, '\n', server.in->len - from);
        g_autofree char *line = NULL;

        if (!end) {
            break;
        }
        line = g_strndup(server.in->str + from, end - (server.in->str + from));
        from = end + 1 - server.in->str;
        if (server.skipping) {
            server.skipping = false;
            qtest_reply("FAIL Request is longer than %lld bytes", (long long)LINE_MAX_BYTES);
        } else {
            run_line(line);
        }
        from = MIN(from, server.in->len); /* a disconnect empties the buffer */
    }
    g_string_erase(server.in, 0, (gssize)from);
    if (server.skipping || server.in->len > LINE_MAX_BYTES) {
        server.skipping = true;
        g_string_truncate(server.in, 0);
    }
    server.running = false;
}

static int can_read(void *opaque)
{
    return 64 * KiB;
}

static void read_data(void *opaque, const uint8_t *buf, int len)
{
    g_string_append_len(server.in, (const char *)buf, len);
    run_buffered();
}

static void event(void *opaque, ChrEvent ev)
{
    switch (ev) {
    case CHR_EVENT_OPENED:
        qtest_intercept_reset_levels();
        server.opened_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
        if (server.log) {
            fprintf(server.log, "[I 0.000000] OPENED\n");
            fflush(server.log);
        }
        break;
    case CHR_EVENT_CLOSED:
        log_line('I', "CLOSED", strlen("CLOSED"));
        server.opened_ns = 0;
        g_string_truncate(server.in, 0);
        server.skipping = false;
        break;
    default:
        break;
    }
}

/* --- start and end
 * ------------------------------------------------------------------------------------------------------
 */

static bool start(Chardev *chr, const char *log, GError **errp)
{
    if (!qemu_chr_fe_init(&server.fe, chr, errp)) {
        return false;
    }
    if (!open_log(log, errp)) {
        qemu_chr_fe_deinit(&server.fe);
        return false;
    }
    server.in = g_string_new(NULL);
    qemu_mutex_init(&server.lock);
    qemu_mutex_lock(&server.lock);
    server.queued = g_string_new(NULL);
    qemu_mutex_unlock(&server.lock);
    server.flush_bh = aio_bh_new(aio_get_main(), flush_queued, NULL);
    qemu_chr_fe_set_handlers(&server.fe, can_read, read_data, event, NULL);
    return true;
}

bool qtest_server_init(const char *chardev_spec, const char *log, GError **errp)
{
    if (qtest_driver()) {
        error_setg(errp, "-qtest %s: there is a qtest server already; give one", chardev_spec);
        return false;
    }
    server.own_chr = qemu_chr_new("qtest", chardev_spec, errp);
    if (!server.own_chr) {
        g_prefix_error(errp, "-qtest %s: ", chardev_spec);
        return false;
    }
    if (!start(server.own_chr, log, errp)) {
        qemu_chr_delete("qtest", NULL);
        server.own_chr = NULL;
        return false;
    }
    return true;
}

void qtest_server_cleanup(void)
{
    if (!qtest_driver()) {
        return;
    }
    qemu_chr_fe_deinit(&server.fe);
    aio_bh_delete(server.flush_bh);
    close_log();
    g_string_free(server.in, true);
    server.in = NULL;
    if (server.own_chr) {
        qemu_chr_delete("qtest", NULL);
        server.own_chr = NULL;
    }
}

/* --- -object qtest,id=ID,chardev=CHR[,log=FILE]
 * ------------------------------------------------------------------------------ */

typedef struct QTestObject {
    Object parent_obj;
    char *chardev, *log;
    bool serving;
} QTestObject;

static bool object_complete(Object *obj, GError **errp)
{
    QTestObject *q = (QTestObject *)obj;
    Chardev *chr;

    if (!q->chardev) {
        error_setg(errp, "-object qtest: parameter 'chardev' is missing");
        return false;
    }
    if (qtest_driver()) {
        error_setg(errp, "-object qtest: there is a qtest server already; give one");
        return false;
    }
    chr = qemu_chr_find(q->chardev);
    if (!chr) {
        error_setg(errp,
                   "-object qtest,chardev=%s: there is no such chardev; create it with -chardev",
                   q->chardev);
        return false;
    }
    q->serving = start(chr, q->log, errp);
    return q->serving;
}

static void object_leave(Object *obj)
{
    if (((QTestObject *)obj)->serving) {
        qtest_server_cleanup();
    }
}

static const ObjectProperty object_props[] = {
    DEFINE_PROP_STRING("chardev", QTestObject, chardev,
                       "ID of the chardev that the test program is at"),
    DEFINE_PROP_STRING("log", QTestObject, log,
                       "File for the protocol's log, or 'none'; default is stderr"),
};

static void qtest_object_class_init(ObjectClass *klass, const void *data)
{
    klass->complete = object_complete;
    klass->unparent = object_leave;
    object_class_add_property_table(klass, object_props);
}

static const TypeInfo qtest_object_info = {
    .name = "qtest",
    .instance_size = sizeof(QTestObject),
    .class_init = qtest_object_class_init,
    .interfaces = (const char *const[]){TYPE_USER_CREATABLE, NULL},
};
QOM_TYPE(qtest_object_info);
