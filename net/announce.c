/* SPDX-License-Identifier: GPL-2.0-or-later */
/* announce-self: NICs tell their network where they are, several times with growing pauses.  Main
 * loop. */
#include "net-internal.h"

#include "monitor/hmp.h"
#include "qapi/qapi-commands.h"

typedef struct Series {
    char *id;
    GPtrArray *names; /* NULL: all */
    int64_t initial, max, step, rounds, done;
    AioTimer *timer;
} Series;

static GPtrArray *series;

static void announce_port(NetPort *p, void *opaque)
{
    Series *s = opaque;

    if (!p->info->announce) {
        return;
    }
    for (unsigned i = 0; s->names && i <= s->names->len; i++) {
        if (i == s->names->len) {
            return;
        }
        if (!strcmp(s->names->pdata[i], p->id)) {
            break;
        }
    }
    p->info->announce(p);
}

static void series_free(Series *s)
{
    aio_timer_free(s->timer);
    g_clear_pointer(&s->names, g_ptr_array_unref);
    g_free(s->id);
    g_free(s);
}

static void series_round(void *opaque)
{
    Series *s = opaque;
    int64_t pause = MIN(s->initial + s->done * s->step, s->max);

    net_port_foreach(announce_port, s);
    if (++s->done >= s->rounds) {
        g_ptr_array_remove(series, s);
        series_free(s);
        return;
    }
    aio_timer_mod(s->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + pause * SCALE_MS);
}

static void series_end(const char *id)
{
    for (unsigned i = 0; i < series->len; i++) {
        Series *s = series->pdata[i];

        if (!strcmp(s->id, id)) {
            g_ptr_array_remove_index(series, i);
            series_free(s);
            return;
        }
    }
}

static bool in_range(const char *what, int64_t v, int64_t max, GError **errp)
{
    if (v < 0 || v > max) {
        error_setg(errp, "Parameter '%s' expects a value from 0 to %" PRId64, what, max);
        return false;
    }
    return true;
}

void qmp_announce_self(AnnounceSelfArgs *arg, GError **errp)
{
    const char *id = arg->id ? arg->id : "";
    Series *s;

    if (!in_range("initial", arg->initial, 100000, errp) ||
        !in_range("max", arg->max, 100000, errp) || !in_range("rounds", arg->rounds, 1000, errp) ||
        !in_range("step", arg->step, 10000, errp)) {
        return;
    }
    if (!series) {
        series = g_ptr_array_new();
    }
    series_end(id);
    if (!arg->rounds) {
        return;
    }
    if (series->len >= 64) {
        error_setg(errp, "64 series of announcements are under way: end one first");
        return;
    }
    s = g_new0(Series, 1);
    s->id = g_strdup(id);
    s->initial = arg->initial;
    s->max = arg->max;
    s->step = arg->step;
    s->rounds = arg->rounds;
    for (strList *l = arg->interfaces; l; l = l->next) {
        s->names = s->names ? s->names : g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(s->names, g_strdup(l->value));
    }
    s->timer = aio_timer_new(aio_get_main(), QEMU_CLOCK_REALTIME, series_round, s);
    g_ptr_array_add(series, s);
    series_round(s);
}

static void hmp_announce_self(Monitor *mon, const HmpArgs *args)
{
    strList *names = NULL, **tail = &names;
    AnnounceSelfArgs arg = {.initial = 50, .max = 550, .rounds = 10, .step = 50};
    GError *err = NULL;

    if (args->argc > 0) {
        g_auto(GStrv) parts = g_strsplit(args->argv[0], ",", -1);

        for (char **p = parts; *p; p++) {
            QAPI_LIST_APPEND(tail, g_strdup(*p));
        }
    }
    arg.has_interfaces = names != NULL;
    arg.interfaces = names;
    arg.id = args->argc > 1 ? args->argv[1] : NULL;
    qmp_announce_self(&arg, &err);
    qapi_free_strList(names);
    if (err) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_announce_self, "announce_self", "[interfaces] [id]",
            "make NICs tell their network where they are", hmp_announce_self, 0, 2);
