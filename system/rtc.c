/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -rtc: which clock the guest's real-time clock follows, and how far it is ahead of it. */
#include "hw/boards.h"
#include "hw/qdev-core.h"
#include "qapi/keyval.h"
#include "system/vl.h"

static int64_t base_date;  /* seconds since the epoch, when base_since was */
static int64_t base_since; /* ns of clock_type */
static bool base_is_date, base_localtime;
static QEMUClockType clock_type = QEMU_CLOCK_HOST;

static bool parse_date(const char *text, int64_t *date, GError **errp)
{
    struct tm tm = {0}, given;
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

    if (!end || *end) {
        memset(&tm, 0, sizeof(tm));
        end = strptime(text, "%Y-%m-%d", &tm);
    }
    if (!end || *end) {
        error_setg(errp, "-rtc base=%s: use utc, localtime, or a date as in 2026-01-31T12:00:00",
                   text);
        return false;
    }
    given = tm;
    *date = timegm(&tm);
    /* 30 February would silently be 2 March. */
    if (tm.tm_mday != given.tm_mday || tm.tm_mon != given.tm_mon || tm.tm_year != given.tm_year ||
        tm.tm_sec != given.tm_sec) {
        error_setg(errp,
                   "-rtc base=%s: there is no such day or second; give a date of the calendar",
                   text);
        return false;
    }
    return true;
}

bool rtc_configure(json_object *opts, GError **errp)
{
    static const char *const known[] = {"base", "clock", "driftfix", NULL};
    g_autofree char *base = opts_take_str(opts, "base");
    g_autofree char *clock = opts_take_str(opts, "clock");
    g_autofree char *driftfix = opts_take_str(opts, "driftfix");

    if (base && strcmp(base, "localtime") == 0) {
        base_localtime = true;
    } else if (base && strcmp(base, "utc")) {
        if (!parse_date(base, &base_date, errp)) {
            return false;
        }
        base_is_date = true;
    }
    if (clock && strcmp(clock, "vm") == 0) {
        clock_type = QEMU_CLOCK_VIRTUAL;
    } else if (clock && strcmp(clock, "rt") == 0) {
        clock_type = QEMU_CLOCK_REALTIME;
    } else if (clock && strcmp(clock, "host")) {
        error_setg(errp, "-rtc clock=%s: use host, rt or vm", clock);
        return false;
    }
    if (driftfix && strcmp(driftfix, "none") && strcmp(driftfix, "slew")) {
        error_setg(errp, "-rtc driftfix=%s: use none or slew", driftfix);
        return false;
    }
    if (driftfix && strcmp(driftfix, "slew") == 0) {
        qdev_global_add("mc146818rtc", "lost_tick_policy", "slew");
    }
    base_since = qemu_clock_get_ns(clock_type);
    return opts_check_empty(opts, "-rtc", known, errp);
}

QEMUClockType rtc_clock_type(void)
{
    return clock_type;
}

void qemu_get_timedate(struct tm *tm, int64_t offset_seconds)
{
    time_t now = time(NULL);

    /* From the date on, by the clock that the guest's follows: what the start took must not show.
     */
    if (base_is_date) {
        now = base_date + (qemu_clock_get_ns(clock_type) - base_since) / NANOSECONDS_PER_SECOND;
    }
    now += offset_seconds;

    if (base_localtime) {
        localtime_r(&now, tm);
    } else {
        gmtime_r(&now, tm);
    }
}
