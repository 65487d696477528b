/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device's lines, in and out, in named lists. Set up by the main loop; then the arrays stay where
 * they are. */
#include "hw/qdev-core.h"

static void free_list(gpointer data)
{
    NamedGpioList *list = data;

    g_free(list->name);
    g_free(list->in);
    g_free(list->out);
    g_free(list);
}

NamedGpioList *qdev_find_gpio_list(DeviceState *dev, const char *name)
{
    for (unsigned i = 0; dev->gpios && i < dev->gpios->len; i++) {
        NamedGpioList *list = dev->gpios->pdata[i];

        if (!g_strcmp0(list->name, name)) {
            return list;
        }
    }
    return NULL;
}

static NamedGpioList *get_list(DeviceState *dev, const char *name)
{
    NamedGpioList *list = qdev_find_gpio_list(dev, name);

    if (!list) {
        list = g_new0(NamedGpioList, 1);
        list->name = g_strdup(name);
        if (!dev->gpios) {
            dev->gpios = g_ptr_array_new_with_free_func(free_list);
        }
        g_ptr_array_add(dev->gpios, list);
    }
    return list;
}

void qdev_init_gpio_in_named(DeviceState *dev, const char *name, IrqHandler *handler, int n)
{
    NamedGpioList *list = get_list(dev, name);

    g_assert(!list->in);
    list->in = qemu_allocate_irqs(handler, dev, n);
    list->n_in = n;
}

void qdev_init_gpio_in(DeviceState *dev, IrqHandler *handler, int n)
{
    qdev_init_gpio_in_named(dev, NULL, handler, n);
}

void qdev_init_gpio_out_named(DeviceState *dev, const char *name, qemu_irq *pins, int n)
{
    NamedGpioList *list = get_list(dev, name);

    list->out = g_renew(qemu_irq *, list->out, list->n_out + n);
    for (int i = 0; i < n; i++) {
        list->out[list->n_out++] = &pins[i];
    }
}

void qdev_init_gpio_out(DeviceState *dev, qemu_irq *pins, int n)
{
    qdev_init_gpio_out_named(dev, NULL, pins, n);
}

qemu_irq qdev_get_gpio_in_named(DeviceState *dev, const char *name, int n)
{
    NamedGpioList *list = qdev_find_gpio_list(dev, name);

    g_assert(list && n >= 0 && n < list->n_in);
    return &list->in[n];
}

qemu_irq qdev_get_gpio_in(DeviceState *dev, int n)
{
    return qdev_get_gpio_in_named(dev, NULL, n);
}

void qdev_connect_gpio_out_named(DeviceState *dev, const char *name, int n, qemu_irq irq)
{
    NamedGpioList *list = qdev_find_gpio_list(dev, name);

    g_assert(list && n >= 0 && n < list->n_out);
    *list->out[n] = irq;
}

void qdev_connect_gpio_out(DeviceState *dev, int n, qemu_irq irq)
{
    qdev_connect_gpio_out_named(dev, NULL, n, irq);
}
