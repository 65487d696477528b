/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -global DRIVER.PROP=VALUE: defaults that the user changes for all devices of a type and of types
 * derived from it. */
#include "hw/qdev-monitor.h"
#include "qdev-internal.h"

typedef struct Global {
    char *driver, *prop, *value;
    bool used;
} Global;

static GArray *globals; /* Global, in order given; NULL: none */

void qdev_global_add(const char *driver, const char *prop, const char *value)
{
    Global g = {.driver = g_strdup(driver), .prop = g_strdup(prop), .value = g_strdup(value)};

    if (!globals) {
        globals = g_array_new(false, false, sizeof(Global));
    }
    g_array_append_val(globals, g);
}

bool qdev_apply_globals(DeviceState *dev, GError **errp)
{
    for (unsigned i = 0; globals && i < globals->len; i++) {
        Global *g = &g_array_index(globals, Global, i);
        GError *err = NULL;

        if (!object_is_a(OBJECT(dev), g->driver)) {
            continue;
        }
        g->used = true;
        if (object_property_parse(OBJECT(dev), g->prop, g->value, &err)) {
            continue;
        }
        g_prefix_error(&err, "can't apply global %s.%s=%s: ", g->driver, g->prop, g->value);
        if (!qdev_hotplug) {
            g_propagate_error(errp, err);
            return false;
        }
        /* A running VM does not lose a device to it. */
        warn_report("%s", err->message);
        g_error_free(err);
    }
    return true;
}

void qdev_globals_warn_unused(void)
{
    for (unsigned i = 0; globals && i < globals->len; i++) {
        Global *g = &g_array_index(globals, Global, i);
        ObjectClass *klass = g->used ? NULL : object_class_by_name(g->driver);

        if (g->used) {
            continue;
        }
        if (!klass) {
            g_autofree char *hint = object_type_hint(g->driver, TYPE_DEVICE);

            warn_report("-global %s.%s: there is no type '%s'%s", g->driver, g->prop, g->driver,
                        hint);
        } else if (!object_class_is_a(klass, TYPE_DEVICE)) {
            warn_report("-global %s.%s: '%s' is no device type", g->driver, g->prop, g->driver);
        } else if (!object_class_property_find(klass, g->prop)) {
            warn_report("-global %s.%s: '%s' has no such property", g->driver, g->prop, g->driver);
        }
    }
}
