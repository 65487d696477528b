/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The human monitor: tables of commands, parsing of lines, output, and the terminal in front of it.
 */
#include "monitor/hmp.h"

#include "monitor-internal.h"
#include "qemu/osdep.h"

/* The linker gathers the tables; a program without commands has none. */
extern const HmpCommand *const __start_hmp_commands[] __attribute__((weak, visibility("hidden")));
extern const HmpCommand *const __stop_hmp_commands[] __attribute__((weak, visibility("hidden")));
extern const HmpCommand *const __start_hmp_info[] __attribute__((weak, visibility("hidden")));
extern const HmpCommand *const __stop_hmp_info[] __attribute__((weak, visibility("hidden")));

/* In memory, not selected between in the code: clang 14 does not come to an end with pointers to
 * weak symbols that a loop compares. */
static const struct {
    const HmpCommand *const *start;
    const HmpCommand *const *stop;
} tables[2] = {
    {__start_hmp_commands, __stop_hmp_commands},
    {__start_hmp_info, __stop_hmp_info},
};

static const HmpCommand *const *table(bool info, size_t *n)
{
    *n = tables[info].stop - tables[info].start;
    return tables[info].start;
}

/* --- output
 * -------------------------------------------------------------------------------------------------------------
 */

void hmp_flush(Monitor *mon)
{
    if (mon->readline && mon->out->len) {
        qemu_chr_fe_write_all(&mon->fe, (const uint8_t *)mon->out->str, (int)mon->out->len);
        g_string_truncate(mon->out, 0);
    }
}

/* Lines end in CR LF: a terminal in raw mode and human-monitor-command's clients want that. */
static void put_text(Monitor *mon, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') {
            g_string_append_c(mon->out, '\r');
        }
        g_string_append_c(mon->out, *text);
    }
}

void monitor_printf(Monitor *mon, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    put_text(mon, text);
    if (mon->out->len > 64 * KiB) {
        hmp_flush(mon);
    }
}

void hmp_report(Monitor *mon, GError *err)
{
    monitor_printf(mon, "Error: %s\n", err->message);
    g_error_free(err);
}

/* --- tables
 * ---------------------------------------------------------------------------------------------------------------
 */

static bool name_matches(const char *names, const char *word, size_t len)
{
    while (*names) {
        size_t n = strcspn(names, "|");

        if (n == len && !memcmp(names, word, n)) {
            return true;
        }
        names += n + (names[n] == '|');
    }
    return false;
}

static const HmpCommand *find(bool info, const char *word, size_t len)
{
    size_t n;
    const HmpCommand *const *t = table(info, &n);

    for (size_t i = 0; i < n; i++) {
        if (name_matches(t[i]->name, word, len)) {
            return t[i];
        }
    }
    return NULL;
}

void hmp_complete(bool info, const char *prefix, void (*fn)(const char *name, void *opaque),
                  void *opaque)
{
    size_t n;
    const HmpCommand *const *t = table(info, &n);

    for (size_t i = 0; i < n; i++) {
        g_auto(GStrv) names = g_strsplit(t[i]->name, "|", -1);

        for (char **name = names; *name; name++) {
            if (g_str_has_prefix(*name, prefix)) {
                fn(*name, opaque);
            }
        }
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const HmpCommand *const *)a)->name, (*(const HmpCommand *const *)b)->name);
}

static void print_help(Monitor *mon, bool info, const char *word)
{
    size_t n;
    const HmpCommand *const *t = table(info, &n);
    g_autofree const HmpCommand **sorted = g_memdup2(t, n * sizeof(*t));

    if (n) {
        qsort(sorted, n, sizeof(*sorted), by_name);
    }
    for (size_t i = 0; i < n; i++) {
        const HmpCommand *c = sorted[i];

        if (!word || name_matches(c->name, word, strlen(word))) {
            monitor_printf(mon, "%s%s%s%s -- %s\n", info ? "info " : "", c->name,
                           *c->params ? " " : "", c->params, c->help);
        }
    }
}

/* --- lines
 * ------------------------------------------------------------------------------------------------------------------
 */

/* Words of a line; quotes and backslashes hold characters together. NULL when a quote does not end.
 */
static char **split(const char *line)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

    while (*(line += strspn(line, " \t"))) {
        g_autoptr(GString) word = g_string_new(NULL);
        bool quoted = false;

        for (; *line && (quoted || (*line != ' ' && *line != '\t')); line++) {
            if (*line == '"') {
                quoted = !quoted;
            } else if (*line == '\\' && quoted && line[1]) {
                line++;
                g_string_append_c(word, *line == 'n' ? '\n' : *line == 'r' ? '\r' : *line);
            } else {
                g_string_append_c(word, *line);
            }
        }
        if (quoted) {
            return NULL;
        }
        g_ptr_array_add(words, g_strdup(word->str));
    }
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&words), false);
}

static void run(Monitor *mon, bool info, const HmpCommand *c, const char *format, const char *rest)
{
    g_auto(GStrv) words = split(rest);
    HmpArgs args = {.argv = words, .line = rest, .format = format};

    if (!words) {
        monitor_printf(mon, "%s: a quote is not closed\n", c->name);
        return;
    }
    args.argc = (int)g_strv_length(words);
    if (args.argc < c->min_args || (c->max_args >= 0 && args.argc > c->max_args)) {
        monitor_printf(mon, "%s: %s\nTry \"help %s%s\" for more information\n", c->name,
                       args.argc < c->min_args ? "parameters are missing"
                                               : "extraneous characters at the end of line",
                       info ? "info " : "", c->name);
        return;
    }
    c->fn(mon, &args);
}

static void execute(Monitor *mon, bool info, const char *line)
{
    size_t len;
    const HmpCommand *c;
    g_autofree char *format = NULL;

    line += strspn(line, " \t");
    len = strcspn(line, " \t/");
    if (!len) {
        if (info) {
            print_help(mon, true, NULL);
        }
        return;
    }
    c = find(info, line, len);
    if (!c) {
        monitor_printf(mon, info ? "unknown command: 'info %.*s'\n" : "unknown command: '%.*s'\n",
                       (int)len, line);
        return;
    }
    line += len;
    /* "xp/4xw ADDR" and "xp /4xw ADDR"; what begins with a slash elsewhere is a path. */
    if (g_str_has_prefix(c->params, "/fmt")) {
        line += strspn(line, " \t");
    }
    if (*line == '/') {
        len = strcspn(++line, " \t");
        format = g_strndup(line, len);
        line += len;
    }
    line += strspn(line, " \t");
    run(mon, info, c, format ? format : "", line);
}

void hmp_execute(Monitor *mon, const char *line)
{
    execute(mon, false, line);
}

static void hmp_help(Monitor *mon, const HmpArgs *args)
{
    bool info = args->argc && !strcmp(args->argv[0], "info");

    if (info) {
        print_help(mon, true, args->argv[1]);
    } else {
        print_help(mon, false, args->argv[0]);
    }
}
HMP_COMMAND(hmp_help, "help|?", "[command]", "show the commands", hmp_help, 0, 2);

static void hmp_info(Monitor *mon, const HmpArgs *args)
{
    execute(mon, true, args->line);
}
HMP_COMMAND(hmp_info, "info", "[subject]", "show a part of the state; without a subject, list them",
            hmp_info, 0, -1);

/* --- terminal
 * -----------------------------------------------------------------------------------------------------------------
 */

static void terminal_print(void *opaque, const char *text)
{
    put_text(opaque, text);
}

static void terminal_line(void *opaque, const char *line)
{
    Monitor *mon = opaque, *outer = monitor_current;

    monitor_current = mon;
    hmp_execute(mon, line);
    monitor_current = outer;
    readline_show_prompt(mon->readline);
}

static void add_name(const char *name, void *opaque)
{
    g_ptr_array_add(opaque, g_strdup(name));
}

static char **terminal_complete(void *opaque, const char *line)
{
    GPtrArray *names = g_ptr_array_new();
    const char *word = strrchr(line, ' ');

    if (!word) {
        hmp_complete(false, line, add_name, names);
    } else if (g_str_has_prefix(line, "info ") && word == line + 4) {
        hmp_complete(true, word + 1, add_name, names);
    } else if (g_str_has_prefix(line, "help ") && word == line + 4) {
        hmp_complete(false, word + 1, add_name, names);
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, false);
}

/* A command never runs inside another one's wait. */
static int hmp_can_read(void *opaque)
{
    Monitor *mon = opaque;

    if (aio_is_nested(aio_get_main())) {
        aio_bh_schedule(mon->input_bh);
        return 0;
    }
    return 1024;
}

static void accept_input(void *opaque)
{
    Monitor *mon = opaque;

    qemu_chr_fe_accept_input(&mon->fe);
}

/* A shared terminal: the guest's console may take the focus before the main loop runs, and then no
 * banner belongs there. */
static void show_banner(void *opaque)
{
    Monitor *mon = opaque;

    aio_bh_cancel(mon->banner_bh);
    if (!qemu_chr_fe_backend_open(&mon->fe) || (mon->is_mux && !mon->has_focus)) {
        return;
    }
    if (!mon->greeted) {
        monitor_printf(mon, "QEMU %s monitor - type 'help' for more information\n", QEMU_VERSION);
        mon->greeted = true;
    } else {
        monitor_printf(mon, "\n");
    }
    readline_show_prompt(mon->readline);
    hmp_flush(mon);
}

static void hmp_read(void *opaque, const uint8_t *buf, int len)
{
    Monitor *mon = opaque;

    if (!mon->greeted) {
        show_banner(mon); /* input that was there before the main loop ran */
    }
    for (int i = 0; i < len; i++) {
        readline_byte(mon->readline, buf[i]);
    }
    hmp_flush(mon);
}

static void hmp_event(void *opaque, ChrEvent event)
{
    Monitor *mon = opaque;

    switch (event) {
    case CHR_EVENT_MUX_IN:
        mon->has_focus = true;
        aio_bh_schedule(mon->banner_bh);
        break;
    case CHR_EVENT_MUX_OUT:
        mon->has_focus = false;
        break;
    case CHR_EVENT_OPENED:
        aio_bh_schedule(mon->banner_bh);
        break;
    case CHR_EVENT_CLOSED:
        mon->greeted = false;
        break;
    default:
        break;
    }
}

static const ReadlineOps terminal_ops = {
    .print = terminal_print,
    .line = terminal_line,
    .complete = terminal_complete,
};

void hmp_monitor_init(Monitor *mon)
{
    mon->out = g_string_new(NULL);
    mon->readline = readline_new("(qemu) ", &terminal_ops, mon);
    mon->is_mux = qemu_chr_is_mux(mon->fe.chr);
    mon->banner_bh = aio_bh_new(aio_get_main(), show_banner, mon);
    mon->input_bh = aio_bh_new_outermost(aio_get_main(), accept_input, mon);
    qemu_chr_fe_set_handlers(&mon->fe, hmp_can_read, hmp_read, hmp_event, mon);
}

void hmp_monitor_destroy(Monitor *mon)
{
    aio_bh_delete(mon->banner_bh);
    aio_bh_delete(mon->input_bh);
    readline_free(mon->readline);
    g_string_free(mon->out, true);
}
