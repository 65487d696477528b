/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices and buses: -device with its errors, realize failures, hot plug and unplug, -global,
 * lines, reset order. */
#include "hw/qdev-core.h"
#include "hw/qdev-monitor.h"
#include "qapi/keyval.h"
#include "qapi/qapi-commands.h"
#include "qemu/aio.h"

#define TYPE_RACK "rack"
#define TYPE_RACK_BUS "Rack"

typedef struct Card {
    DeviceState parent_obj;
    uint32_t speed;
    char *tag;
    char *fail;
    qemu_irq out[2];
} Card;

static GString *trace;
static int finalized;
static bool ask_guest, refuse_plug;

static const ObjectProperty card_props[] = {
    DEFINE_PROP_UINT32("speed", Card, speed, 10, "in furlongs"),
    DEFINE_PROP_STRING("tag", Card, tag, NULL),
    DEFINE_PROP_STRING("fail", Card, fail, NULL),
};

static const char *name_of(DeviceState *dev)
{
    return dev->id ? dev->id : object_get_typename(OBJECT(dev));
}

static bool card_realize(DeviceState *dev, GError **errp)
{
    if (((Card *)dev)->fail) {
        error_setg(errp, "card on fire");
        return false;
    }
    g_string_append_printf(trace, "+%s ", name_of(dev));
    return true;
}

/* What a guest does while an unrealize waits. */
static void (*meanwhile)(DeviceState *dev);

static void card_unrealize(DeviceState *dev)
{
    if (meanwhile) {
        meanwhile(dev);
    }
    g_string_append_printf(trace, "-%s ", name_of(dev));
}

static void card_reset(DeviceState *dev)
{
    g_string_append_printf(trace, "r%s ", name_of(dev));
}

static void card_finalize(Object *obj)
{
    finalized++;
}

static void card_line(void *opaque, int n, int level)
{
    g_string_append_printf(trace, "%s:%d=%d ", name_of(opaque), n, level);
}

static void card_init(Object *obj)
{
    qdev_init_gpio_in(DEVICE(obj), card_line, 3);
    qdev_init_gpio_out_named(DEVICE(obj), "irq", &((Card *)obj)->out[0], 1);
    qdev_init_gpio_out_named(DEVICE(obj), "irq", &((Card *)obj)->out[1], 1);
}

static void card_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->bus_type = TYPE_RACK_BUS;
    dc->realize = card_realize;
    dc->unrealize = card_unrealize;
    dc->reset = card_reset;
    dc->desc = "A card";
    dc->category = DEVICE_CATEGORY_MISC;
    object_class_add_property_table(klass, card_props);
}

static const TypeInfo card_info = {
    .name = "card",
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(Card),
    .class_init = card_class_init,
    .instance_init = card_init,
    .instance_finalize = card_finalize,
};
QOM_TYPE(card_info);

/* A card with a rack of its own behind it. */
static bool riser_realize(DeviceState *dev, GError **errp)
{
    BusState *bus = qbus_new(TYPE_RACK_BUS, dev, dev->id);

    qbus_set_hotplug_handler(bus, OBJECT(dev));
    return card_realize(dev, errp);
}

static bool riser_plug(Object *handler, DeviceState *dev, GError **errp)
{
    if (refuse_plug) {
        error_setg(errp, "no power");
    }
    return !refuse_plug;
}

static bool riser_unplug_request(Object *handler, DeviceState *dev, GError **errp)
{
    if (!ask_guest) {
        qdev_unplug_complete(dev);
    }
    return true;
}

static void riser_class_init(ObjectClass *klass, const void *data)
{
    HotplugHandlerClass *hc = object_class_interface(klass, TYPE_HOTPLUG_HANDLER);

    ((DeviceClass *)klass)->realize = riser_realize;
    ((DeviceClass *)klass)->hotpluggable = false;
    hc->plug = riser_plug;
    hc->unplug_request = riser_unplug_request;
}

static const TypeInfo riser_info = {
    .name = "riser",
    .parent = "card",
    .class_init = riser_class_init,
    .interfaces = (const char *const[]){TYPE_HOTPLUG_HANDLER, NULL},
};
QOM_TYPE(riser_info);

static const TypeInfo secret_info = {
    .name = "secret-card",
    .parent = "card",
    .abstract = true,
};
QOM_TYPE(secret_info);

static void rack_bus_class_init(ObjectClass *klass, const void *data)
{
    ((BusClass *)klass)->max_dev = 4;
}

static const TypeInfo rack_bus_info = {
    .name = TYPE_RACK_BUS,
    .parent = TYPE_BUS,
    .class_init = rack_bus_class_init,
};
QOM_TYPE(rack_bus_info);

static bool rack_realize(DeviceState *dev, GError **errp)
{
    qbus_new(TYPE_RACK_BUS, dev, "rack.0");
    return true;
}

static void rack_reset(DeviceState *dev)
{
    g_string_append(trace, "rrack ");
}

static void rack_class_init(ObjectClass *klass, const void *data)
{
    ((DeviceClass *)klass)->realize = rack_realize;
    ((DeviceClass *)klass)->reset = rack_reset;
}

static const TypeInfo rack_info = {
    .name = TYPE_RACK,
    .parent = TYPE_SYS_BUS_DEVICE,
    .class_init = rack_class_init,
};
QOM_TYPE(rack_info);

static const TypeInfo lamp_info = {
    .name = "lamp", /* on no bus */
    .parent = "card",
};
QOM_TYPE(lamp_info);

static DeviceState *add(const char *options, GError **errp)
{
    json_object *opts = keyval_parse(options, "driver", NULL, NULL);
    DeviceState *dev = qdev_device_add(opts, true, errp);

    json_object_put(opts);
    return dev;
}

static void add_fails(const char *options, const char *word)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GString) before = g_string_new(NULL), after = g_string_new(NULL);
    GString *qtree = qdev_print_qtree();

    qom_tree_info(object_get_root(), before);
    g_assert_null(add(options, &err));
    g_test_message("%s: %s", options, err ? err->message : "(no error)");
    g_assert_nonnull(err);
    g_assert_nonnull(strstr(err->message, word));
    /* Nothing is left behind. */
    qom_tree_info(object_get_root(), after);
    g_assert_cmpstr(before->str, ==, after->str);
    GString *qtree2 = qdev_print_qtree();
    g_assert_cmpstr(qtree->str, ==, qtree2->str);
    g_string_free(qtree, true);
    g_string_free(qtree2, true);
}

static void take_trace(const char *want)
{
    g_assert_cmpstr(trace->str, ==, want);
    g_string_truncate(trace, 0);
}

static void record_deleted(const char *id, const char *path)
{
    g_string_append_printf(trace, "deleted(%s,%s) ", id ? id : "", path);
}

static void test_add(void)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *path = NULL;
    DeviceState *a, *b;

    a = add("card,id=a,speed=0x20,tag=x", &err);
    g_assert_no_error(err);
    g_assert_cmpstr(a->parent_bus->name, ==, "rack.0");
    g_assert_cmpint(((Card *)a)->speed, ==, 32);
    g_assert_true(a->realized && !a->hotplugged);
    g_assert_true(qdev_find("a", NULL) == a);
    b = add("card", NULL);
    path = object_get_canonical_path(OBJECT(b));
    g_assert_cmpstr(path, ==, "/machine/peripheral-anon/device[0]");
    g_assert_true(qdev_find(path, NULL) == b);
    add("riser,id=r1,bus=rack.0", &err);
    g_assert_no_error(err);
    take_trace("+a +card +r1 ");

    add_fails("crad", "'card'");
    add_fails("id=x", "driver");
    add_fails("secret-card", "abstract");
    add_fails("rack", "machine's own");
    add_fails("container", "'container'");
    add_fails("card,speeed=1", "'speed'");
    add_fails("card,speed=fast", "speed");
    add_fails("card,id=a", "'a'");
    add_fails("card,id=1a", "'1a'");
    add_fails("card,bus=rack.1", "'rack.1'");
    add_fails("card,bus=main-system-bus", "main-system-bus");
    add_fails("card,fail=1,id=f", "on fire");
    add_fails("riser,fail=1,id=f", "on fire");
    refuse_plug = true;
    add_fails("card,bus=r1", "no power");
    refuse_plug = false;
    take_trace("+card -card ");
}

static void test_live_property(void)
{
    DeviceState *a = qdev_find("a", NULL);
    g_autoptr(GError) err = NULL;

    g_assert_false(object_property_parse(OBJECT(a), "speed", "3", &err));
    g_assert_nonnull(strstr(err->message, "speed"));
    g_assert_true(object_property_get_bool(OBJECT(a), "realized", NULL));
}

static void test_buses(void)
{
    g_autoptr(GError) err = NULL;
    BusState *r1 = qbus_find("r1", NULL);
    Object *o;

    g_assert_nonnull(r1);
    g_assert_true(qbus_find("rack.0/r1/r1", NULL) == r1);
    g_assert_true(qbus_find("/machine/peripheral/r1", NULL) == r1);
    g_assert_null(qbus_find("rack.0/a/x", &err));
    g_clear_error(&err);
    g_assert_null(qbus_find("a", &err));
    g_clear_error(&err);
    add("card,bus=r1,id=b1", &err);
    g_assert_no_error(err);
    add("card,bus=/machine/peripheral/r1,id=b2", &err);
    g_assert_no_error(err);
    /* rack.0 has a, anonymous, r1; with one more it is full, and the next goes to r1. */
    g_assert_cmpstr(add("card,id=c", NULL)->parent_bus->name, ==, "rack.0");
    add_fails("card,bus=rack.0", "rack.0");
    g_assert_cmpstr(add("card,id=d", NULL)->parent_bus->name, ==, "r1");
    o = object_property_get_link(OBJECT(qdev_find("d", NULL)), "parent_bus", NULL);
    g_assert_true(o == OBJECT(r1));
    g_string_truncate(trace, 0);
}

static void test_reset_order(void)
{
    qemu_devices_reset();
    take_trace("ra rcard rb1 rb2 rd rr1 rc rrack ");
}

static void count_reset(void *opaque)
{
    ++*(int *)opaque;
}

static void test_reset_functions(void)
{
    int n = 0;

    qemu_register_reset(count_reset, &n);
    qemu_devices_reset();
    g_assert_cmpint(n, ==, 1);
    qemu_unregister_reset(count_reset, &n);
    qemu_devices_reset();
    g_assert_cmpint(n, ==, 1);
    g_string_truncate(trace, 0);
}

static void test_lines(void)
{
    DeviceState *a = qdev_find("a", NULL), *c = qdev_find("c", NULL);

    qemu_set_irq(((Card *)a)->out[0], 1); /* not connected */
    qdev_connect_gpio_out_named(a, "irq", 0, qdev_get_gpio_in(c, 2));
    qdev_connect_gpio_out_named(a, "irq", 1, qdev_get_gpio_in(c, 0));
    qemu_irq_raise(((Card *)a)->out[0]);
    qemu_irq_pulse(((Card *)a)->out[1]);
    take_trace("c:2=1 c:0=1 c:0=0 ");
}

static void test_help(void)
{
    GString *out = qdev_device_help("help", NULL);
    g_autoptr(GError) err = NULL;

    g_assert_nonnull(strstr(out->str, "Misc devices:\nname \"card\", bus Rack, desc \"A card\"\n"));
    g_assert_null(strstr(out->str, "secret-card"));
    g_assert_null(strstr(out->str, "\"rack\""));
    g_string_free(out, true);
    out = qdev_device_help("card,help", NULL);
    g_assert_cmpstr(out->str, ==,
                    "card options:\n  fail=<str>\n  speed=<uint32>         - in furlongs (default: "
                    "10)\n  tag=<str>\n");
    g_string_free(out, true);
    g_assert_null(qdev_device_help("crd,help", &err));
    g_assert_nonnull(strstr(err->message, "'card'"));
    g_clear_error(&err);
    g_assert_null(qdev_device_help("quite-something-else,help", &err));
    g_assert_nonnull(strstr(err->message, "-device help"));
    g_assert_null(qdev_device_help("card,id=help", NULL));
    out = qdev_print_qtree();
    g_assert_nonnull(strstr(
        out->str, "bus: main-system-bus\n  type System\n  dev: rack, id \"\"\n    bus: rack.0\n"
                  "      type Rack\n      dev: card, id \"a\"\n        gpio-in \"\" 3\n"
                  "        gpio-out \"irq\" 2\n        fail = \"\"\n        speed = 32 (0x20)\n"));
    g_string_free(out, true);
}

static void test_list_properties(void)
{
    g_autoptr(GError) err = NULL;
    ObjectPropertyInfoList *list = qmp_device_list_properties("card", NULL);
    json_object *json = ObjectPropertyInfoList_to_json(list);

    g_assert_cmpstr(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN), ==,
                    "[{\"name\":\"fail\",\"type\":\"str\"},{\"name\":\"speed\",\"type\":\"uint32\","
                    "\"description\":"
                    "\"in furlongs\",\"default-value\":10},{\"name\":\"tag\",\"type\":\"str\"}]");
    json_object_put(json);
    qapi_free_ObjectPropertyInfoList(list);
    g_assert_null(qmp_device_list_properties("nope", &err));
    g_assert_cmpint(error_class(err), ==, ERROR_CLASS_DEVICE_NOT_FOUND);
    g_clear_error(&err);
    g_assert_null(qmp_device_list_properties("secret-card", &err));
    g_assert_cmpint(error_class(err), ==, ERROR_CLASS_GENERIC_ERROR);
}

static void test_qmp(void)
{
    json_object *args = json_parse("{'driver': 'card', 'id': 5}", NULL);
    g_autoptr(GError) err = NULL;
    json_object *ret = NULL, *value;
    ObjectPropertyInfoList *list;
    ObjectTypeInfoList *types;

    qmp_device_add(args, &ret, &err);
    g_assert_nonnull(err);
    g_clear_error(&err);
    json_object_put(args);
    list = qmp_qom_list("/machine/peripheral", NULL);
    g_assert_cmpstr(list->value->name, ==, "a");
    g_assert_cmpstr(list->value->type, ==, "child<card>");
    qapi_free_ObjectPropertyInfoList(list);
    g_assert_null(qmp_qom_list("/nowhere", &err));
    g_assert_cmpint(error_class(err), ==, ERROR_CLASS_DEVICE_NOT_FOUND);
    g_clear_error(&err);
    value = qmp_qom_get("a", "speed", &err);
    g_assert_no_error(err);
    g_assert_cmpint(json_object_get_int(value), ==, 32);
    qmp_qom_set("a", "speed", value, &err); /* realized */
    g_assert_nonnull(err);
    g_clear_error(&err);
    json_object_put(value);
    types = qmp_qom_list_types("card", true, true, NULL);
    g_assert_cmpstr(types->value->name, ==, "card");
    g_assert_cmpstr(types->value->parent, ==, "device");
    g_assert_false(types->value->abstract);
    qapi_free_ObjectTypeInfoList(types);
    g_assert_null(qmp_qom_list_types("no-such-type", false, false, &err));
    g_assert_no_error(err);
}

static void test_globals(void)
{
    Card *card;

    qdev_global_add("card", "speed", "77");
    qdev_global_add("riser", "tag", "only risers");
    card = (Card *)qdev_new("card");
    g_assert_cmpint(card->speed, ==, 77);
    g_assert_null(card->tag);
    object_unref(card);
    card = (Card *)qdev_new("riser"); /* an ancestor's globals hold, too */
    g_assert_cmpint(card->speed, ==, 77);
    g_assert_cmpstr(card->tag, ==, "only risers");
    object_unref(card);
    qdev_global_add("lamp", "speed", "bright");
    g_autoptr(GError) err = NULL;
    g_assert_null(object_new("lamp", &err));
    g_assert_nonnull(strstr(err->message, "lamp.speed=bright"));
}

static void test_hotplug(void)
{
    g_autoptr(GError) err = NULL;

    qdev_machine_creation_done();
    qdev_set_deleted_fn(record_deleted);
    add_fails("card,bus=rack.0", "rack.0"); /* full */
    g_assert_false(qdev_unplug("a", &err));
    g_assert_nonnull(strstr(err->message, "rack.0"));
    g_clear_error(&err);
    g_assert_false(qdev_unplug("zz", &err));
    g_assert_cmpint(error_class(err), ==, ERROR_CLASS_DEVICE_NOT_FOUND);
    g_clear_error(&err);
    g_assert_false(qdev_unplug("r1", &err));
    g_clear_error(&err);
    add_fails("riser,bus=r1", "hotplugging");
    g_string_truncate(trace, 0);

    g_assert_true(add("card,bus=r1,id=h", &err)->hotplugged);
    take_trace("+h rh "); /* a hot-plugged device starts in its reset state */
    finalized = 0;
    g_assert_true(qdev_unplug("h", &err));
    take_trace("-h deleted(h,/machine/peripheral/h) ");
    g_assert_cmpint(finalized, ==, 1);
    g_assert_null(qdev_find("h", NULL));

    ask_guest = true;
    add("card,bus=r1,id=h", NULL);
    g_string_truncate(trace, 0);
    g_assert_true(qdev_unplug("h", &err));
    g_assert_false(qdev_unplug("h", &err));
    g_assert_nonnull(strstr(err->message, "already in the process of unplug"));
    take_trace("");
    qdev_unplug_complete(qdev_find("h", NULL));
    take_trace("-h deleted(h,/machine/peripheral/h) ");
}

static void test_removal_takes_what_is_behind(void)
{
    finalized = 0;
    qdev_unplug_complete(qdev_find("r1", NULL));
    take_trace("-d -b2 -b1 -r1 deleted(d,/machine/peripheral/d) deleted(b2,/machine/peripheral/b2) "
               "deleted(b1,/machine/peripheral/b1) deleted(r1,/machine/peripheral/r1) ");
    g_assert_cmpint(finalized, ==, 4);
    g_assert_null(qbus_find("r1", NULL));
}

static void power_off_all(DeviceState *dev)
{
    qdev_unplug_complete(dev);
    qdev_unplug_complete(qdev_find("r2", NULL));
    qdev_unplug_complete(dev);
}

static void unplug_pending(void)
{
    while (aio_poll(aio_get_main(), false)) {
    }
}

/* While a device's unrealize waits, the guest ends the unplug of what it sits on, and its own once
 * more: each goes once, one after the other. */
static void test_unplug_meanwhile(void)
{
    DeviceState *r2 = qdev_new("riser"); /* which users cannot add now */

    r2->id = g_strdup("r2");
    object_property_add_child(container_get(object_get_root(), "/machine/peripheral"), "r2",
                              OBJECT(r2), NULL);
    g_assert_true(qdev_realize_and_unref(r2, qbus_find("rack.0", NULL), NULL));
    ask_guest = false;
    add("card,bus=r2,id=x", NULL);
    add("card,bus=r2,id=y", NULL);
    g_string_truncate(trace, 0);
    finalized = 0;
    meanwhile = power_off_all;
    g_assert_true(qdev_unplug("x", NULL));
    take_trace("-x deleted(x,/machine/peripheral/x) ");
    g_assert_nonnull(qdev_find("r2", NULL));
    meanwhile = NULL;
    unplug_pending();
    take_trace("-y -r2 deleted(y,/machine/peripheral/y) deleted(r2,/machine/peripheral/r2) ");
    g_assert_cmpint(finalized, ==, 3);
    g_assert_null(qbus_find("r2", NULL));
    unplug_pending();
    take_trace("");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(aio_init_main(NULL));
    trace = g_string_new(NULL);
    container_get(object_get_root(), "/machine");
    qdev_realize_and_unref(qdev_new(TYPE_RACK), sysbus_get_default(), NULL);
    g_test_add_func("/qdev/add", test_add);
    g_test_add_func("/qdev/live-property", test_live_property);
    g_test_add_func("/qdev/buses", test_buses);
    g_test_add_func("/qdev/reset-order", test_reset_order);
    g_test_add_func("/qdev/reset-functions", test_reset_functions);
    g_test_add_func("/qdev/lines", test_lines);
    g_test_add_func("/qdev/help", test_help);
    g_test_add_func("/qdev/list-properties", test_list_properties);
    g_test_add_func("/qdev/qmp", test_qmp);
    g_test_add_func("/qdev/globals", test_globals);
    g_test_add_func("/qdev/hotplug", test_hotplug);
    g_test_add_func("/qdev/removal-recursive", test_removal_takes_what_is_behind);
    g_test_add_func("/qdev/unplug-meanwhile", test_unplug_meanwhile);
    return g_test_run();
}
