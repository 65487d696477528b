/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Input from users to devices, its QMP and HMP commands. */
#include "ui/input.h"

#include "hw/input/ps2.h"
#include "monitor/hmp.h"
#include "qapi/qapi-commands.h"
#include "qemu/aio.h"
#include "system/runstate.h"

#define DEFAULT_HOLD_MS 100
#define MAX_HOLD_MS (60 * 60 * 1000)
/* Keys that send-key has yet to press or release. */
#define MAX_PENDING_KEYS 4096

struct InputSink {
    DeviceState *dev;
    const InputHandler *handler;
    void *opaque;
    unsigned index;
    bool dirty; /* events since the last sync */
};

static GPtrArray *sinks; /* the last one that takes an event gets it */
static unsigned next_index;

/* --- devices
 * ------------------------------------------------------------------------------------------ */

InputSink *input_handler_register(DeviceState *dev, const InputHandler *handler, void *opaque)
{
    InputSink *sink = g_new0(InputSink, 1);

    assert_main_loop();
    sinks = sinks ? sinks : g_ptr_array_new();
    sink->dev = dev;
    sink->handler = handler;
    sink->opaque = opaque;
    sink->index = next_index++;
    g_ptr_array_add(sinks, sink);
    return sink;
}

void input_handler_unregister(InputSink *sink)
{
    assert_main_loop();
    if (sink) {
        g_ptr_array_remove(sinks, sink);
        g_free(sink);
    }
}

static InputSink *find_sink(InputEventKind kind, const DeviceState *dev)
{
    for (unsigned n = sinks ? sinks->len : 0; n-- > 0;) {
        InputSink *sink = sinks->pdata[n];

        if (sink->handler->mask & BIT(kind) && (!dev || sink->dev == dev)) {
            return sink;
        }
    }
    return NULL;
}

bool input_is_absolute(void)
{
    InputSink *rel = find_sink(INPUT_EVENT_KIND_REL, NULL);
    InputSink *abs = find_sink(INPUT_EVENT_KIND_ABS, NULL);
    guint rel_at = 0, abs_at = 0;

    if (!rel || !abs) {
        return abs != NULL;
    }
    g_ptr_array_find(sinks, rel, &rel_at);
    g_ptr_array_find(sinks, abs, &abs_at);
    return abs_at > rel_at;
}

/* --- events
 * ------------------------------------------------------------------------------------------- */

static void deliver_key(InputSink *sink, QKeyCode key, bool down)
{
    if (sink && sink->handler->key) {
        sink->handler->key(sink->opaque, key, down);
        sink->dirty = true;
    }
}

static void deliver_button(InputSink *sink, InputButton button, bool down)
{
    if (sink && sink->handler->button) {
        sink->handler->button(sink->opaque, button, down);
        sink->dirty = true;
    }
}

static void deliver_move(InputSink *sink, InputAxis axis, int value)
{
    if (sink && sink->handler->move) {
        sink->handler->move(sink->opaque, axis, value);
        sink->dirty = true;
    }
}

void input_send_key(QKeyCode key, bool down)
{
    deliver_key(find_sink(INPUT_EVENT_KIND_KEY, NULL), key, down);
}

void input_send_button(InputButton button, bool down)
{
    deliver_button(find_sink(INPUT_EVENT_KIND_BTN, NULL), button, down);
}

void input_send_rel(InputAxis axis, int value)
{
    deliver_move(find_sink(INPUT_EVENT_KIND_REL, NULL), axis, value);
}

void input_sync(void)
{
    assert_main_loop();
    for (unsigned n = 0; sinks && n < sinks->len; n++) {
        InputSink *sink = sinks->pdata[n];

        if (sink->dirty) {
            sink->dirty = false;
            if (sink->handler->sync) {
                sink->handler->sync(sink->opaque);
            }
        }
    }
}

/* --- send-key: keys wait for their time
 * --------------------------------------------------------------- */

typedef struct PendingKey {
    QKeyCode key;
    bool down;
    int64_t delay; /* ns to wait after it */
} PendingKey;

static GQueue pending = G_QUEUE_INIT;
static AioTimer *pending_timer;

static void send_pending(void *opaque)
{
    int64_t delay = 0;

    while (!delay && !g_queue_is_empty(&pending)) {
        g_autofree PendingKey *p = g_queue_pop_head(&pending);

        input_send_key(p->key, p->down);
        delay = p->delay;
    }
    input_sync();
    if (delay) {
        aio_timer_mod(pending_timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + delay);
    }
}

static void push_key(QKeyCode key, bool down, int64_t delay)
{
    PendingKey *p = g_new(PendingKey, 1);

    *p = (PendingKey){key, down, delay};
    g_queue_push_tail(&pending, p);
}

static bool send_keys(const QKeyCode *keys, unsigned n, int64_t hold_ms, GError **errp)
{
    if (hold_ms <= 0 || hold_ms > MAX_HOLD_MS) {
        error_setg(errp, "Parameter 'hold-time' expects 1 to %d ms", MAX_HOLD_MS);
        return false;
    }
    if (!find_sink(INPUT_EVENT_KIND_KEY, NULL)) {
        error_setg(errp, "this machine has no keyboard: use -machine i8042=on");
        return false;
    }
    if (g_queue_get_length(&pending) + 2 * n > MAX_PENDING_KEYS) {
        error_setg(errp, "%u keys are waiting already: try again later",
                   g_queue_get_length(&pending));
        return false;
    }
    for (unsigned k = 0; k < n; k++) {
        push_key(keys[k], true, k == n - 1 ? hold_ms * SCALE_MS : 0);
    }
    /* As long again before the next keys. */
    for (unsigned k = n; k-- > 0;) {
        push_key(keys[k], false, k ? 0 : hold_ms * SCALE_MS);
    }
    if (!pending_timer) {
        pending_timer = aio_timer_new(aio_get_main(), QEMU_CLOCK_VIRTUAL, send_pending, NULL);
    }
    if (!aio_timer_pending(pending_timer)) {
        send_pending(NULL);
    }
    return true;
}

static bool key_of(const KeyValue *v, QKeyCode *key, GError **errp)
{
    int64_t number = v->type == KEY_VALUE_KIND_NUMBER ? v->u.number.data : 0;

    *key = v->type == KEY_VALUE_KIND_QCODE ? v->u.qcode.data
           : number > 0 && number <= 0xff  ? ps2_key_from_number(number)
                                           : Q_KEY_CODE_UNMAPPED;
    if (*key == Q_KEY_CODE_UNMAPPED && v->type == KEY_VALUE_KIND_NUMBER) {
        error_setg(errp, "no key has the number %" PRId64, number);
        return false;
    }
    return true;
}

void qmp_send_key(KeyValueList *keys, bool has_hold_time, int64_t hold_time, GError **errp)
{
    g_autoptr(GArray) codes = g_array_new(false, false, sizeof(QKeyCode));

    for (KeyValueList *l = keys; l; l = l->next) {
        QKeyCode key;

        if (!key_of(l->value, &key, errp)) {
            return;
        }
        if (codes->len == 16) {
            error_setg(errp, "Parameter 'keys': at most 16 keys at once");
            return;
        }
        g_array_append_val(codes, key);
    }
    if (codes->len) {
        send_keys((QKeyCode *)codes->data, codes->len, has_hold_time ? hold_time : DEFAULT_HOLD_MS,
                  errp);
    }
}

/* --- input-send-event
 * --------------------------------------------------------------------------------- */

static bool send_event(const InputEvent *e, const DeviceState *dev, bool really, GError **errp)
{
    InputSink *sink = find_sink(e->type, dev);
    QKeyCode key;

    if (!sink) {
        error_setg(errp, "Input handler not found for event type %s", InputEventKind_str(e->type));
        return false;
    }
    switch (e->type) {
    case INPUT_EVENT_KIND_KEY:
        if (!key_of(e->u.key.data->key, &key, errp)) {
            return false;
        }
        if (really) {
            deliver_key(sink, key, e->u.key.data->down);
        }
        break;
    case INPUT_EVENT_KIND_BTN:
        if (really) {
            deliver_button(sink, e->u.btn.data->button, e->u.btn.data->down);
        }
        break;
    case INPUT_EVENT_KIND_REL:
    case INPUT_EVENT_KIND_ABS: {
        const InputMoveEvent *m = e->type == INPUT_EVENT_KIND_REL ? e->u.rel.data : e->u.abs.data;

        if (e->type == INPUT_EVENT_KIND_ABS && (m->value < 0 || m->value > 0x7fff)) {
            error_setg(errp, "Parameter 'value' expects 0 to 32767");
            return false;
        }
        if (really) {
            deliver_move(sink, m->axis, CLAMP(m->value, INT_MIN, INT_MAX));
        }
        break;
    }
    default:
        return false;
    }
    return true;
}

void qmp_input_send_event(const char *device, bool has_head, int64_t head, InputEventList *events,
                          GError **errp)
{
    DeviceState *dev = NULL;

    if (device && !(dev = qdev_find(device, errp))) {
        return;
    }
    if (!runstate_is_running()) {
        error_setg(errp, "VM not running");
        return;
    }
    if (has_head && head != 0) {
        error_setg(errp, "Parameter 'head': displays have one output, 0");
        return;
    }
    /* All or none: first it is looked whether each event has its device. */
    for (InputEventList *e = events; e; e = e->next) {
        if (!send_event(e->value, dev, false, errp)) {
            return;
        }
    }
    for (InputEventList *e = events; e; e = e->next) {
        send_event(e->value, dev, true, NULL);
    }
    input_sync();
}

/* --- mice
 * --------------------------------------------------------------------------------------------- */

MouseInfoList *qmp_query_mice(GError **errp)
{
    MouseInfoList *list = NULL, **tail = &list;
    InputSink *current =
        find_sink(input_is_absolute() ? INPUT_EVENT_KIND_ABS : INPUT_EVENT_KIND_REL, NULL);

    for (unsigned n = sinks ? sinks->len : 0; n-- > 0;) {
        InputSink *sink = sinks->pdata[n];

        if (sink->handler->mask & (INPUT_MASK_REL | INPUT_MASK_ABS)) {
            MouseInfo *info = g_new0(MouseInfo, 1);

            info->name = g_strdup(sink->handler->name);
            info->index = sink->index;
            info->current = sink == current;
            info->absolute = sink->handler->mask & INPUT_MASK_ABS;
            QAPI_LIST_APPEND(tail, info);
        }
    }
    return list;
}

static void hmp_info_mice(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(MouseInfoList) list = qmp_query_mice(NULL);

    if (!list) {
        monitor_printf(mon, "No mouse devices connected\n");
    }
    for (MouseInfoList *l = list; l; l = l->next) {
        monitor_printf(mon, "%c Mouse #%" PRId64 ": %s%s\n", l->value->current ? '*' : ' ',
                       l->value->index, l->value->name, l->value->absolute ? " (absolute)" : "");
    }
}
HMP_INFO(hmp_info_mice, "mice", "", "show the pointing devices", hmp_info_mice, 0, 0);

/* --- people's commands
 * -------------------------------------------------------------------------------- */

static bool number_arg(Monitor *mon, const HmpArgs *args, int n, int *val)
{
    char *end;
    gint64 v = g_ascii_strtoll(args->argv[n], &end, 0);

    if (*end || end == args->argv[n] || v < INT_MIN || v > INT_MAX) {
        monitor_printf(mon, "Error: '%s' is no number\n", args->argv[n]);
        return false;
    }
    *val = v;
    return true;
}

static void hmp_mouse_set(Monitor *mon, const HmpArgs *args)
{
    int index;

    if (!number_arg(mon, args, 0, &index)) {
        return;
    }
    for (unsigned n = 0; sinks && n < sinks->len; n++) {
        InputSink *sink = sinks->pdata[n];

        if ((int)sink->index == index && sink->handler->mask & (INPUT_MASK_REL | INPUT_MASK_ABS)) {
            g_ptr_array_steal_index(sinks, n);
            g_ptr_array_add(sinks, sink);
            return;
        }
    }
    monitor_printf(mon, "Error: mouse at index '%d' not found: see info mice\n", index);
}
HMP_COMMAND(hmp_mouse_set, "mouse_set", "index", "choose the mouse that gets the events",
            hmp_mouse_set, 1, 1);

static void wheel(InputButton button, int steps)
{
    for (int n = 0; n < MIN(steps, 128); n++) {
        input_send_button(button, true);
        input_send_button(button, false);
    }
}

static void hmp_mouse_move(Monitor *mon, const HmpArgs *args)
{
    int dx, dy, dz = 0;

    if (!number_arg(mon, args, 0, &dx) || !number_arg(mon, args, 1, &dy) ||
        (args->argc > 2 && !number_arg(mon, args, 2, &dz))) {
        return;
    }
    input_send_rel(INPUT_AXIS_X, dx);
    input_send_rel(INPUT_AXIS_Y, dy);
    wheel(dz > 0 ? INPUT_BUTTON_WHEEL_UP : INPUT_BUTTON_WHEEL_DOWN, dz == INT_MIN ? 0 : abs(dz));
    input_sync();
}
HMP_COMMAND(hmp_mouse_move, "mouse_move", "dx dy [dz]",
            "move the mouse right, down, and its wheel up", hmp_mouse_move, 2, 3);

static void hmp_mouse_button(Monitor *mon, const HmpArgs *args)
{
    static const InputButton buttons[] = {INPUT_BUTTON_LEFT, INPUT_BUTTON_MIDDLE,
                                          INPUT_BUTTON_RIGHT};
    int state;

    if (!number_arg(mon, args, 0, &state)) {
        return;
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(buttons); n++) {
        input_send_button(buttons[n], state & BIT(n));
    }
    input_sync();
}
HMP_COMMAND(hmp_mouse_button, "mouse_button", "state",
            "hold these buttons of the mouse (1=left, 2=middle, 4=right)", hmp_mouse_button, 1, 1);

/* ctrl-alt-f1, or numbers. */
static bool parse_keys(Monitor *mon, const char *text, GArray *keys)
{
    g_auto(GStrv) names = g_strsplit(text, "-", -1);

    for (char **name = names; *name; name++) {
        char *end;
        guint64 number = g_ascii_strtoull(*name, &end, 0);
        QKeyCode key;

        if (g_str_has_prefix(*name, "0x") && !*end) {
            key = number <= 0xff ? ps2_key_from_number(number) : Q_KEY_CODE_UNMAPPED;
        } else {
            key = !strcmp(*name, "<") ? Q_KEY_CODE_LESS : QKeyCode_parse(*name, NULL);
        }
        if (key <= Q_KEY_CODE_UNMAPPED || key >= Q_KEY_CODE__MAX || keys->len == 16) {
            monitor_printf(mon, "Error: invalid parameter: %s\n", *name);
            return false;
        }
        g_array_append_val(keys, key);
    }
    return true;
}

static void hmp_sendkey(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(GArray) keys = g_array_new(false, false, sizeof(QKeyCode));
    GError *err = NULL;
    int hold = DEFAULT_HOLD_MS;

    if ((args->argc > 1 && !number_arg(mon, args, 1, &hold)) ||
        !parse_keys(mon, args->argv[0], keys)) {
        return;
    }
    if (!send_keys((QKeyCode *)keys->data, keys->len, hold, &err)) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_sendkey, "sendkey", "keys [hold_ms]",
            "press keys together (sendkey ctrl-alt-f1), and release them after 100 ms", hmp_sendkey,
            1, 2);
