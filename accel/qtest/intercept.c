/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interception of interrupt lines: the test hears of each change, and the line still drives what it
 * drove.
 *
 * A line may be set by any thread while it is being intercepted, so only one pointer of it is
 * replaced: the handler of an input, or the place that an output leads to.  One device a process,
 * which makes the rest constants that are found through a global.
 */
#include "qemu/thread.h"
#include "qtest-internal.h"

static struct {
    DeviceState *dev;
    int n;
    IrqHandler *input_handler; /* of the inputs; NULL: outputs are intercepted */
    qemu_irq *old_outputs;     /* where each output led */
    IrqLine *outputs;          /* where they lead now */
    QemuMutex lock;
    bool *levels; /* what the client knows; under lock */
} icpt;

static void tell(int n, int level)
{
    QEMU_LOCK_GUARD(&icpt.lock);
    if (icpt.levels[n] != !!level) {
        char line[32];

        icpt.levels[n] = !!level;
        snprintf(line, sizeof(line), "IRQ %s %d", level ? "raise" : "lower", n);
        qtest_queue_line(line);
    }
}

static void input_changed(void *opaque, int n, int level)
{
    icpt.input_handler(opaque, n, level);
    tell(n, level);
}

static void output_changed(void *opaque, int n, int level)
{
    qemu_set_irq(icpt.old_outputs[n], level);
    tell(n, level);
}

static void intercept_inputs(NamedGpioList *list)
{
    icpt.input_handler = list->in[0].handler;
    for (int i = 0; i < list->n_in; i++) {
        g_assert(list->in[i].handler == icpt.input_handler);
        __atomic_store_n(&list->in[i].handler, input_changed, __ATOMIC_RELEASE);
    }
}

static void intercept_outputs(NamedGpioList *list)
{
    icpt.outputs = qemu_allocate_irqs(output_changed, NULL, list->n_out);
    icpt.old_outputs = g_new0(qemu_irq, list->n_out);
    for (int i = 0; i < list->n_out; i++) {
        icpt.old_outputs[i] = *list->out[i];
        __atomic_store_n(list->out[i], &icpt.outputs[i], __ATOMIC_RELEASE);
    }
}

const char *qtest_intercept(const char *path, bool outputs, const char *name)
{
    Object *obj = object_resolve_path_type(path, TYPE_DEVICE, NULL);
    NamedGpioList *list;

    if (!obj) {
        return "Unknown device";
    }
    if (!outputs && name) {
        return "Interception of named in-GPIOs not yet supported";
    }
    if (icpt.dev) {
        return icpt.dev == DEVICE(obj) ? NULL : "IRQ intercept already enabled";
    }
    list = qdev_find_gpio_list(DEVICE(obj), name);
    if (!list || !(outputs ? list->n_out : list->n_in)) {
        return "No intercepts installed";
    }
    icpt.n = outputs ? list->n_out : list->n_in;
    qemu_mutex_init(&icpt.lock);
    qemu_mutex_lock(&icpt.lock);
    icpt.levels = g_new0(bool, icpt.n);
    qemu_mutex_unlock(&icpt.lock);
    /* The lines outlive an unplug of the device, and so must what they lead to. */
    icpt.dev = DEVICE(object_ref(obj));
    if (outputs) {
        intercept_outputs(list);
    } else {
        intercept_inputs(list);
    }
    return NULL;
}

bool qtest_intercepting(void)
{
    return icpt.dev != NULL;
}

void qtest_intercept_reset_levels(void)
{
    if (icpt.dev) {
        QEMU_LOCK_GUARD(&icpt.lock);
        memset(icpt.levels, 0, icpt.n * sizeof(*icpt.levels));
    }
}
