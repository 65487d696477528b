/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -nic: a back end and a NIC in one option.  -net: the older form, where everything meets in hub 0.
 * Main loop.
 */
#include "net-internal.h"

#include "hw/qdev-core.h"
#include "hw/qdev-monitor.h"

#define DEFAULT_MODEL "virtio-net-pci"

/* A NIC that is to be made when the board is there. */
typedef struct PlannedNic {
    char *option; /* for messages */
    json_object *props;
} PlannedNic;

static GPtrArray *planned;
static unsigned numbers; /* of back ends without an id */

static const char *model_type(const char *model)
{
    static const char *const shorts[] = {"virtio", "virtio-net", "virtio-net-pci"};

    for (size_t i = 0; i < G_N_ELEMENTS(shorts); i++) {
        if (!model || !strcmp(model, shorts[i])) {
            return DEFAULT_MODEL;
        }
    }
    return model;
}

static bool check_model(const char *option, const char *model, GError **errp)
{
    const char *type = model_type(model);
    ObjectClass *klass = object_class_by_name(type);

    if (!klass || object_class_is_abstract(klass) || !object_class_is_a(klass, TYPE_DEVICE) ||
        ((DeviceClass *)klass)->category != DEVICE_CATEGORY_NETWORK) {
        error_setg(errp, "%s: model=%s: no such NIC; there is %s", option, model, DEFAULT_MODEL);
        return false;
    }
    return true;
}

/* Takes what describes the NIC out of opts; netdev: the back end's id. */
static bool plan_nic(const char *option, json_object *opts, const char *netdev, GError **errp)
{
    static const char *const same[] = {"addr", "vectors", "bus", NULL};
    g_autofree char *model = opts_take_str(opts, "model"), *mac = opts_take_str(opts, "mac"),
                    *macaddr = opts_take_str(opts, "macaddr");
    uint8_t parsed[NET_ALEN];
    PlannedNic *nic;
    json_object *props;

    if (!check_model(option, model, errp)) {
        return false;
    }
    if ((mac || macaddr) && !net_parse_mac(mac ? mac : macaddr, parsed)) {
        error_setg(errp, "%s: '%s' is no MAC address; the form is 52:54:00:12:34:56", option,
                   mac ? mac : macaddr);
        return false;
    }
    props = json_object_new_object();
    json_object_object_add(props, "driver", json_object_new_string(model_type(model)));
    if (netdev) {
        json_object_object_add(props, "netdev", json_object_new_string(netdev));
    }
    if (mac || macaddr) {
        json_object_object_add(props, "mac", json_object_new_string(mac ? mac : macaddr));
    }
    for (const char *const *key = same; *key; key++) {
        g_autofree char *v = opts_take_str(opts, *key);

        if (v) {
            json_object_object_add(props, *key, json_object_new_string(v));
        }
    }
    nic = g_new0(PlannedNic, 1);
    nic->option = g_strdup(option);
    nic->props = props;
    if (!planned) {
        planned = g_ptr_array_new();
    }
    g_ptr_array_add(planned, nic);
    return true;
}

static char *fresh_id(const char *what)
{
    char *id;

    do {
        id = g_strdup_printf("%s.%u", what, numbers++);
        if (!net_port_find(id, true)) {
            return id;
        }
        g_free(id);
    } while (true);
}

/* The options of the NIC, which the back end must not see. */
static json_object *split_nic(json_object *opts)
{
    static const char *const keys[] = {"model", "mac", "macaddr", "addr", "vectors", "bus"};
    json_object *nic = json_object_new_object();

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_object *v;

        /* stream's addr is an object. */
        if (json_object_object_get_ex(opts, keys[i], &v) &&
            !json_object_is_type(v, json_type_object)) {
            json_object_object_add(nic, keys[i], json_object_get(v));
            json_object_object_del(opts, keys[i]);
        }
    }
    return nic;
}

static bool is_type(json_object *opts, const char *type)
{
    json_object *v;

    return json_object_object_get_ex(opts, "type", &v) && !strcmp(json_object_get_string(v), type);
}

/* -nic none and -net none: the default, said aloud. */
static bool is_none(const char *text)
{
    return !strcmp(text, "none") || !strcmp(text, "type=none");
}

bool net_nic_option(const char *text, GError **errp)
{
    g_autofree char *option = g_strdup_printf("-nic %s", text), *id = NULL;
    g_autoptr(json_object) opts = NULL, nic = NULL;
    g_autoptr(GError) err = NULL;

    if (is_none(text)) {
        return true;
    }
    opts = net_parse_options(text, &err);
    if (!opts) {
        error_setg(errp, "%s: %s", option, err->message);
        return false;
    }
    if (!json_object_object_get_ex(opts, "type", NULL)) {
        json_object_object_add(opts, "type", json_object_new_string("user"));
    }
    nic = split_nic(opts);
    id = opts_take_str(opts, "id");
    if (!id) {
        id = fresh_id("nic");
    }
    json_object_object_add(opts, "id", json_object_new_string(id));
    if (!net_add_opts(opts, &err)) {
        error_setg(errp, "%s: %s", option, err->message);
        return false;
    }
    return plan_nic(option, nic, id, errp);
}

/* A new port of hub 0 with netdev (NULL: none, for a NIC); its id. */
static char *hub_port(const char *netdev, GError **errp)
{
    g_autoptr(json_object) opts = json_object_new_object();
    g_autofree char *id = fresh_id("hub0port");

    json_object_object_add(opts, "type", json_object_new_string("hubport"));
    json_object_object_add(opts, "id", json_object_new_string(id));
    json_object_object_add(opts, "hubid", json_object_new_int(0));
    if (netdev) {
        json_object_object_add(opts, "netdev", json_object_new_string(netdev));
    }
    return net_add_opts(opts, errp) ? g_steal_pointer(&id) : NULL;
}

static bool net_nic(const char *option, json_object *opts, GError **errp)
{
    static const char *const known[] = {"type", "netdev",  "macaddr", "model",
                                        "name", "vectors", "addr",    NULL};
    g_autofree char *netdev = opts_take_str(opts, "netdev");
    g_autoptr(json_object) nic = split_nic(opts);

    json_object_object_del(opts, "type");
    json_object_object_del(opts, "name"); /* a NIC's name here has no use */
    if (!opts_check_empty(opts, "-net nic", known, errp)) {
        return false;
    }
    if (!netdev && !(netdev = hub_port(NULL, errp))) {
        return false;
    }
    return plan_nic(option, nic, netdev, errp);
}

bool net_net_option(const char *text, GError **errp)
{
    g_autofree char *option = g_strdup_printf("-net %s", text), *id = NULL, *port = NULL,
                    *name = NULL;
    g_autoptr(json_object) opts = NULL;
    g_autoptr(GError) err = NULL;

    if (is_none(text)) {
        return true;
    }
    opts = net_parse_options(text, &err);
    if (!opts) {
        error_setg(errp, "%s: %s", option, err->message);
        return false;
    }
    if (is_type(opts, "nic")) {
        return net_nic(option, opts, errp);
    }
    if (is_type(opts, "hubport")) {
        error_setg(errp, "%s: hubport is for -netdev: -net puts everything into hub 0", option);
        return false;
    }
    name = opts_take_str(opts, "name");
    id = opts_take_str(opts, "id");
    if (!id) {
        id = name ? g_steal_pointer(&name) : fresh_id("net");
    }
    json_object_object_add(opts, "id", json_object_new_string(id));
    if (!net_add_opts(opts, &err) || !(port = hub_port(id, &err))) {
        error_setg(errp, "%s: %s", option, err->message);
        return false;
    }
    return true;
}

bool net_create_nics(GError **errp)
{
    for (unsigned i = 0; planned && i < planned->len; i++) {
        PlannedNic *nic = planned->pdata[i];
        g_autoptr(GError) err = NULL;

        if (!qdev_device_add(nic->props, true, &err)) {
            error_setg(errp, "%s: %s", nic->option, err->message);
            return false;
        }
        json_object_put(nic->props);
        g_free(nic->option);
        g_free(nic);
    }
    g_clear_pointer(&planned, g_ptr_array_unref);
    return true;
}
