/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The object model's rules: types, interfaces, properties, the composition tree, user-creatable
 * objects. */
#include "qapi/keyval.h"
#include "qom/object.h"

typedef struct Toy {
    Object parent_obj;
    bool flag;
    uint8_t level;
    int32_t offset;
    uint64_t memory;
    char *label;
    int mode, color;
    struct Toy *peer;
    uint64_t seen_at_init;
} Toy;

typedef struct ToyClass {
    ObjectClass parent_class;
    int (*price)(Toy *toy);
} ToyClass;

typedef struct PlayableMethods {
    int (*play)(Object *obj);
    int (*stop)(Object *obj);
} PlayableMethods;

static int finalized, unparented, inits;
static bool refuse_complete, refuse_delete;

static const EnumTable colors = {"ToyColor", (const char *const[]){"red", "green", NULL}};

static json_object *get_twice(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return json_object_new_int(2 * ((Toy *)obj)->level);
}

static bool set_twice(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    ((Toy *)obj)->level = json_object_get_uint64(value) / 2;
    return true;
}

static const ObjectProperty toy_props[] = {
    DEFINE_PROP_BOOL("flag", Toy, flag, true, "a flag"),
    {.name = "level",
     .kind = PROP_UINT,
     .size = 1,
     .has_default = true,
     .offset = offsetof(Toy, level),
     .defval = 7,
     .min = 1,
     .max = 100,
     .help = "how loud"},
    DEFINE_PROP_INT32("offset", Toy, offset, -5, NULL),
    DEFINE_PROP_SIZE("memory.size", Toy, memory, 4096, NULL),
    DEFINE_PROP_STRING("label", Toy, label, NULL),
    DEFINE_PROP_ON_OFF_AUTO("mode", Toy, mode, ON_OFF_AUTO_AUTO, NULL),
    DEFINE_PROP_ENUM("color", Toy, color, colors, 1, NULL),
    DEFINE_PROP_LINK("peer", Toy, peer, "toy", NULL),
    {.name = "twice", .kind = PROP_UINT, .size = 2, .get = get_twice, .set = set_twice},
};

static int toy_price(Toy *toy)
{
    return 1;
}

static int toy_play(Object *obj)
{
    return 10;
}

static int toy_stop(Object *obj)
{
    return 11;
}

static int robot_play(Object *obj)
{
    return 20;
}

static bool toy_complete(Object *obj, GError **errp)
{
    if (refuse_complete) {
        error_setg(errp, "toy is broken");
    }
    return !refuse_complete;
}

static bool toy_can_be_deleted(Object *obj, GError **errp)
{
    return !refuse_delete;
}

static void toy_unparent(Object *obj)
{
    unparented++;
}

static void toy_class_init(ObjectClass *klass, const void *data)
{
    PlayableMethods *play = object_class_interface(klass, "playable");

    ((ToyClass *)klass)->price = toy_price;
    klass->complete = toy_complete;
    klass->can_be_deleted = toy_can_be_deleted;
    klass->unparent = toy_unparent;
    play->play = toy_play;
    play->stop = toy_stop;
    object_class_add_property_table(klass, toy_props);
}

static void toy_init(Object *obj)
{
    ((Toy *)obj)->seen_at_init = ((Toy *)obj)->level;
    inits = (inits % 1000) * 10 + 1; /* the last four initialisers */
}

static void toy_finalize(Object *obj)
{
    finalized++;
}

static const TypeInfo toy_info = {
    .name = "toy",
    .instance_size = sizeof(Toy),
    .class_size = sizeof(ToyClass),
    .class_init = toy_class_init,
    .instance_init = toy_init,
    .instance_finalize = toy_finalize,
    .interfaces = (const char *const[]){"playable", TYPE_USER_CREATABLE, NULL},
};
QOM_TYPE(toy_info);

static const TypeInfo playable_info = {
    .name = "playable",
    .parent = TYPE_INTERFACE,
    .class_size = sizeof(PlayableMethods),
};
QOM_TYPE(playable_info);

static void robot_class_init(ObjectClass *klass, const void *data)
{
    PlayableMethods *play = object_class_interface(klass, "playable");

    play->play = robot_play;
    object_class_property_set_default(klass, "level", *(const int *)data);
}

static void robot_init(Object *obj)
{
    g_assert_cmpstr(object_get_typename(obj), ==, "robot-2.0,x");
    inits = (inits % 1000) * 10 + 2;
}

static const int robot_level = 42;
static const TypeInfo robot_info = {
    .name = "robot-2.0,x",
    .parent = "toy",
    .class_init = robot_class_init,
    .class_data = &robot_level,
    .instance_init = robot_init,
};
QOM_TYPE(robot_info);

static const TypeInfo vehicle_info = {
    .name = "vehicle",
    .parent = "toy",
    .abstract = true,
};
QOM_TYPE(vehicle_info);

static Toy *toy_new(const char *type)
{
    return (Toy *)object_new(type, NULL);
}

static void test_types(void)
{
    ObjectClass *toy = object_class_by_name("toy"), *robot = object_class_by_name("robot-2.0,x");
    PlayableMethods *play;
    g_autoptr(GError) err = NULL;

    g_assert_cmpstr(object_class_get_name(robot), ==, "robot-2.0,x");
    g_assert_true(object_class_get_parent(robot) == toy);
    g_assert_true(object_class_get_parent(object_class_by_name(TYPE_OBJECT)) == NULL);
    g_assert_true(object_class_is_a(robot, "toy"));
    g_assert_true(object_class_is_a(robot, "object"));
    g_assert_true(object_class_is_a(robot, "playable"));
    g_assert_true(object_class_is_a(robot, "interface"));
    g_assert_false(object_class_is_a(toy, "robot-2.0,x"));
    g_assert_false(object_class_is_a(toy, "no-such-type"));
    g_assert_true(object_class_is_abstract(object_class_by_name("playable")));
    g_assert_true(object_class_ancestor(robot, "toy") == toy);
    g_assert_cmpint(((ToyClass *)robot)->price(NULL), ==, 1);
    /* A derived class's methods start as its parent's, and changing them leaves the parent's alone.
     */
    play = object_class_interface(robot, "playable");
    g_assert_cmpint(play->play(NULL), ==, 20);
    g_assert_cmpint(play->stop(NULL), ==, 11);
    play = object_class_interface(toy, "playable");
    g_assert_cmpint(play->play(NULL), ==, 10);
    g_assert_null(object_class_interface(toy, "hotplug-handler"));

    g_assert_null(object_new("toyy", &err));
    g_assert_nonnull(strstr(err->message, "'toy'"));
    g_clear_error(&err);
    g_assert_null(object_new("vehicle", &err));
    g_clear_error(&err);
    g_assert_null(object_new("playable", &err));
}

static void collect(ObjectClass *klass, void *opaque)
{
    g_string_append_printf(opaque, "%s ", object_class_get_name(klass));
}

static void test_type_list(void)
{
    g_autoptr(GString) names = g_string_new(NULL);

    object_class_foreach(collect, "playable", false, names);
    g_assert_cmpstr(names->str, ==, "robot-2.0,x toy ");
    g_string_truncate(names, 0);
    object_class_foreach(collect, "toy", true, names);
    g_assert_cmpstr(names->str, ==, "robot-2.0,x toy vehicle ");
}

static void test_defaults(void)
{
    Toy *toy = toy_new("toy"), *robot;

    g_assert_true(toy->flag);
    g_assert_cmpint(toy->level, ==, 7);
    g_assert_cmpint(toy->offset, ==, -5);
    g_assert_cmpint(toy->memory, ==, 4096);
    g_assert_cmpint(toy->color, ==, 1);
    g_assert_null(toy->label);
    inits = finalized = 0;
    robot = toy_new("robot-2.0,x");
    g_assert_cmpint(robot->level, ==, 42);
    g_assert_cmpint(robot->seen_at_init, ==, 42); /* defaults come before instance_init */
    g_assert_cmpint(inits, ==, 12);
    object_unref(toy);
    object_unref(robot);
    g_assert_cmpint(finalized, ==, 2);
}

static void check_set(Toy *toy, const char *name, const char *text, bool ok)
{
    g_autoptr(GError) err = NULL;

    g_test_message("%s=%s", name, text);
    g_assert_cmpint(object_property_parse(OBJECT(toy), name, text, &err), ==, ok);
    g_assert_cmpint(err == NULL, ==, ok);
    if (err) {
        g_assert_nonnull(strstr(err->message, name));
    }
}

static void check_json(Toy *toy, const char *name, const char *json, bool ok)
{
    json_object *value = strcmp(json, "null") ? json_parse(json, NULL) : NULL;
    g_autoptr(GError) err = NULL;

    g_test_message("%s: %s", name, json);
    g_assert_cmpint(object_property_set_json(OBJECT(toy), name, value, false, &err), ==, ok);
    g_assert_cmpint(err == NULL, ==, ok);
    json_object_put(value);
}

static void test_values(void)
{
    Toy *toy = toy_new("toy");
    g_autofree char *s = NULL;

    check_set(toy, "flag", "off", true);
    g_assert_false(toy->flag);
    check_set(toy, "flag", "maybe", false);
    check_set(toy, "level", "0x10", true);
    g_assert_cmpint(toy->level, ==, 16);
    check_set(toy, "level", "0", false);
    check_set(toy, "level", "101", false);
    check_set(toy, "level", "-1", false);
    check_set(toy, "level", "1x", false);
    check_set(toy, "offset", "-2147483648", true);
    check_set(toy, "offset", "2147483648", false);
    check_set(toy, "memory.size", "2M", true);
    g_assert_cmpint(toy->memory, ==, 2 * MiB);
    check_set(toy, "label", "some,text", true);
    check_set(toy, "label", "other", true);
    g_assert_cmpstr(toy->label, ==, "other");
    check_set(toy, "mode", "on", true);
    check_set(toy, "mode", "yes", false);
    check_set(toy, "color", "red", true);
    check_set(toy, "twice", "50", true);
    g_assert_cmpint(toy->level, ==, 25);
    check_set(toy, "twice", "70000", false); /* range holds with callbacks, too */
    check_set(toy, "type", "x", false);
    check_set(toy, "lebel", "x", false);

    /* QMP is strict about types. */
    check_json(toy, "flag", "'on'", false);
    check_json(toy, "flag", "true", true);
    check_json(toy, "level", "'5'", false);
    check_json(toy, "level", "5", true);
    check_json(toy, "level", "5.5", false);
    check_json(toy, "level", "-5", false);
    check_json(toy, "label", "5", false);
    check_json(toy, "label", "null", false);
    check_json(toy, "twice", "{}", false);
    check_json(toy, "offset", "-7", true);
    check_json(toy, "offset", "18446744073709551615", false);
    g_assert_cmpint(toy->offset, ==, -7);
    s = object_property_get_str(OBJECT(toy), "type", NULL);
    g_assert_cmpstr(s, ==, "toy");
    g_assert_cmpuint(object_property_get_uint(OBJECT(toy), "twice", NULL), ==, 10);
    object_unref(toy);
}

static void test_unknown_property_names_nearest(void)
{
    Toy *toy = toy_new("toy");
    g_autoptr(GError) err = NULL;

    g_assert_false(object_property_parse(OBJECT(toy), "colour", "red", &err));
    g_assert_nonnull(strstr(err->message, "'toy.colour'"));
    g_assert_nonnull(strstr(err->message, "'color'"));
    object_unref(toy);
}

static void test_instance_properties(void)
{
    Toy *toy = toy_new("toy");
    ObjectProperty prop = DEFINE_PROP_UINT64("extra", Toy, seen_at_init, 99, "more");

    object_property_add(OBJECT(toy), &prop);
    g_assert_cmpuint(object_property_get_uint(OBJECT(toy), "extra", NULL), ==, 99);
    g_assert_true(object_property_parse(OBJECT(toy), "extra", "5", NULL));
    g_assert_cmpuint(toy->seen_at_init, ==, 5);
    object_property_del(OBJECT(toy), "extra");
    g_assert_null(object_property_find(OBJECT(toy), "extra"));
    object_unref(toy);
}

static void collect_prop(const ObjectProperty *prop, void *opaque)
{
    g_autofree char *type = object_property_type_name(prop);

    g_string_append_printf(opaque, "%s:%s ", prop->name, type);
}

static void test_type_names(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    object_class_property_foreach(object_class_by_name("robot-2.0,x"), collect_prop, out);
    g_assert_cmpstr(out->str, ==,
                    "color:ToyColor flag:bool label:str level:uint8 memory.size:size "
                    "mode:OnOffAuto offset:int32 "
                    "peer:link<toy> twice:uint16 type:string ");
}

static void test_tree(void)
{
    Object *root = object_get_root(), *box = container_get(root, "/shelf/box");
    Toy *a = toy_new("toy"), *b = toy_new("toy"), *c = toy_new("toy");
    g_autofree char *path = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    bool ambiguous;

    g_assert_true(container_get(root, "shelf/box") == box);
    g_assert_null(object_get_canonical_path(OBJECT(a)));
    g_assert_true(object_property_add_child(box, "toy[*]", OBJECT(a), NULL));
    g_assert_true(object_property_add_child(box, "toy[*]", OBJECT(b), NULL));
    g_assert_false(object_property_add_child(box, "toy[1]", OBJECT(c), NULL));
    path = object_get_canonical_path(OBJECT(b));
    g_assert_cmpstr(path, ==, "/shelf/box/toy[1]");
    g_assert_true(object_resolve_path(path, NULL) == OBJECT(b));
    g_assert_true(object_resolve_path("toy[0]", NULL) == OBJECT(a));
    g_assert_true(object_resolve_path("box/toy[0]", NULL) == OBJECT(a));
    g_assert_null(object_resolve_path("/shelf/toy[0]", NULL));
    g_assert_null(object_resolve_path("", NULL));
    g_assert_true(object_property_add_child(OBJECT(a), "toy[1]", OBJECT(c), NULL));
    g_assert_null(object_resolve_path("toy[1]", &ambiguous));
    g_assert_true(ambiguous);
    g_assert_true(object_resolve_path("toy[0]/toy[1]", &ambiguous) == OBJECT(c));
    /* The empty path: the only object of a type, at any depth. */
    g_assert_null(object_resolve_path_type("", "toy", &ambiguous));
    g_assert_true(ambiguous);
    g_assert_null(object_resolve_path_type("", "iothread", &ambiguous));
    g_assert_false(ambiguous);

    qom_tree_info(box, out);
    g_assert_cmpstr(out->str, ==,
                    "/box (container)\n  /toy[0] (toy)\n    /toy[1] (toy)\n  /toy[1] (toy)\n");
    g_string_truncate(out, 0);
    object_property_foreach(box, collect_prop, out);
    g_assert_cmpstr(out->str, ==, "toy[0]:child<toy> toy[1]:child<toy> type:string ");

    /* A link holds its target; absolute paths go through links. */
    g_assert_true(object_property_parse(OBJECT(b), "peer", "toy[0]", NULL));
    g_assert_true(b->peer == a);
    g_assert_true(object_resolve_path("/shelf/box/toy[1]/peer/toy[1]", NULL) == OBJECT(c));
    g_assert_false(object_property_parse(OBJECT(b), "peer", "box", NULL));
    g_assert_false(object_property_parse(OBJECT(b), "peer", "nobody", NULL));
    g_assert_true(b->peer == a);

    unparented = finalized = 0;
    object_unref(c);
    object_unref(a);
    object_unparent(OBJECT(a)); /* takes c with it; b's link keeps a */
    g_assert_cmpint(unparented, ==, 2);
    g_assert_cmpint(finalized, ==, 1);
    g_assert_null(object_resolve_path("toy[0]", NULL));
    object_unref(b);
    object_unparent(OBJECT(b));
    g_assert_cmpint(finalized, ==, 3);
    /* Freed numbers are used again. */
    a = toy_new("toy");
    g_assert_true(object_property_add_child(box, "toy[*]", OBJECT(a), NULL));
    g_assert_cmpstr(object_get_name(OBJECT(a)), ==, "toy[0]");
    object_unparent(OBJECT(a));
    object_unref(a);
}

static void test_user_creatable(void)
{
    json_object *props = keyval_parse("level=9,memory.size=1K", NULL, NULL, NULL),
                *flat = json_object_new_object();
    g_autoptr(GError) err = NULL;
    Object *obj;

    json_object_put(props);
    json_object_object_add(flat, "level", json_object_new_string("9"));
    finalized = 0;
    obj = user_creatable_add("toy", "t0", flat, true, &err);
    g_assert_no_error(err);
    g_assert_cmpint(((Toy *)obj)->level, ==, 9);
    g_assert_true(object_resolve_path("/objects/t0", NULL) == obj);
    /* Taken id, bad ids, bad types, bad properties. */
    g_assert_null(user_creatable_add("toy", "t0", NULL, true, &err));
    g_clear_error(&err);
    g_assert_null(user_creatable_add("toy", "0t", NULL, true, &err));
    g_clear_error(&err);
    g_assert_null(user_creatable_add("toy", NULL, NULL, true, &err));
    g_clear_error(&err);
    g_assert_null(user_creatable_add("container", "c", NULL, true, &err));
    g_clear_error(&err);
    g_assert_null(user_creatable_add("vehicle", "v", NULL, true, &err));
    g_clear_error(&err);
    finalized = 0;
    g_assert_null(
        user_creatable_add("toy", "t1", flat, false, &err)); /* a string where a number belongs */
    g_clear_error(&err);
    refuse_complete = true;
    g_assert_null(user_creatable_add("toy", "t1", NULL, true, &err));
    g_assert_cmpstr(err->message, ==, "toy is broken");
    g_clear_error(&err);
    refuse_complete = false;
    g_assert_cmpint(finalized, ==, 2);
    g_assert_null(object_resolve_path("/objects/t1", NULL));

    g_assert_false(object_property_parse(obj, "level", "3", &err)); /* complete */
    g_clear_error(&err);
    refuse_delete = true;
    g_assert_false(user_creatable_del("t0", &err));
    g_clear_error(&err);
    refuse_delete = false;
    g_assert_true(user_creatable_del("t0", &err));
    g_assert_cmpint(finalized, ==, 3);
    g_assert_false(user_creatable_del("t0", &err));
    json_object_put(flat);
}

static void test_help(void)
{
    GString *out = user_creatable_help("help", NULL);
    g_autoptr(GError) err = NULL;

    g_assert_nonnull(strstr(out->str, "  toy\n"));
    g_assert_null(strstr(out->str, "vehicle"));
    g_string_free(out, true);
    g_assert_null(user_creatable_help("robot-2.0,x,help", &err)); /* up to the first comma */
    g_assert_nonnull(strstr(err->message, "'robot-2.0'"));
    out = user_creatable_help("toy,id=x,?", NULL);
    g_assert_nonnull(strstr(out->str, "level=<uint8>"));
    g_assert_nonnull(strstr(out->str, "how loud (default: 7)\n"));
    g_assert_null(strstr(out->str, "type="));
    g_string_free(out, true);
    g_assert_null(user_creatable_help("toy,id=help", NULL));
    g_assert_null(user_creatable_help("{'qom-type': 'toy', 'id': 'x,help", NULL));
}

static void *look_up(void *arg)
{
    return object_class_by_name(arg);
}

static void test_lookup_from_threads(void)
{
    GThread *threads[4];

    for (int i = 0; i < 4; i++) {
        threads[i] = g_thread_new("look-up", look_up, (char *)"robot-2.0,x");
    }
    for (int i = 0; i < 4; i++) {
        g_assert_true(g_thread_join(threads[i]) == object_class_by_name("robot-2.0,x"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qom/lookup-from-threads", test_lookup_from_threads);
    g_test_add_func("/qom/types", test_types);
    g_test_add_func("/qom/type-list", test_type_list);
    g_test_add_func("/qom/defaults", test_defaults);
    g_test_add_func("/qom/values", test_values);
    g_test_add_func("/qom/unknown-property", test_unknown_property_names_nearest);
    g_test_add_func("/qom/instance-properties", test_instance_properties);
    g_test_add_func("/qom/type-names", test_type_names);
    g_test_add_func("/qom/tree", test_tree);
    g_test_add_func("/qom/user-creatable", test_user_creatable);
    g_test_add_func("/qom/help", test_help);
    return g_test_run();
}
