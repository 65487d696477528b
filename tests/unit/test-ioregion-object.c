/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -object ioregionfd as users give it: options, binding a device's region before and after the device exists, claims, removal. */
#include "qemu/osdep.h"

#include <sys/socket.h>

#include "../../system/ioregionfd/internal.h"
#include "hw/qdev-core.h"
#include "qapi/qapi-commands.h"
#include "qemu/rcu.h"

/* --- a device with two regions, one in a container -------------------------------------------------------------------- */

typedef struct TestDevice {
    SysBusDevice parent_obj;
    MemoryRegion mmio, container, inner;
    QemuMutex lock;
    uint64_t value;
    AioContext *ran_in;
    bool locked;
} TestDevice;

static uint64_t test_read(void *opaque, hwaddr offset, unsigned size)
{
    TestDevice *d = opaque;

    d->ran_in = aio_get_current();
    d->locked = qemu_mutex_held(&d->lock);
    return d->value + offset;
}

static void test_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    TestDevice *d = opaque;

    d->ran_in = aio_get_current();
    d->value = data;
}

static const MemoryRegionOps test_ops = {
    .read = test_read,
    .write = test_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 8},
    .impl = {.min_access_size = 1, .max_access_size = 8},
};

static bool test_realize(DeviceState *dev, GError **errp)
{
    TestDevice *d = (TestDevice *)dev;

    qemu_mutex_init(&d->lock);
    memory_region_init_io(&d->mmio, OBJECT(dev), &test_ops, d, "regs", 256);
    memory_region_set_lock(&d->mmio, &d->lock);
    memory_region_init(&d->container, OBJECT(dev), "window", 4096);
    memory_region_init_io(&d->inner, OBJECT(dev), &test_ops, d, "inner", 256);
    memory_region_set_lock(&d->inner, &d->lock);
    memory_region_add_subregion(&d->container, 0x100, &d->inner);
    sysbus_init_mmio(SYS_BUS_DEVICE(dev), &d->mmio);
    sysbus_init_mmio(SYS_BUS_DEVICE(dev), &d->container);
    return true;
}

static void test_unrealize(DeviceState *dev)
{
    TestDevice *d = (TestDevice *)dev;

    memory_region_finalize(&d->inner);
    memory_region_finalize(&d->container);
    memory_region_finalize(&d->mmio);
}

static void test_class_init(ObjectClass *klass, const void *data)
{
    ((DeviceClass *)klass)->realize = test_realize;
    ((DeviceClass *)klass)->unrealize = test_unrealize;
    ((DeviceClass *)klass)->user_creatable = true;
}

static const TypeInfo test_info = {
    .name = "ioregion-testdev",
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(TestDevice),
    .class_init = test_class_init,
};
QOM_TYPE(test_info);

static TestDevice *device_add(const char *id, GError **errp)
{
    json_object *o = json_object_new_object();
    DeviceState *dev;

    json_object_object_add(o, "driver", json_object_new_string("ioregion-testdev"));
    json_object_object_add(o, "id", json_object_new_string(id));
    dev = qdev_device_add(o, false, errp);
    json_object_put(o);
    return (TestDevice *)dev;
}

static bool object_add(const char *type, const char *id, const char *text, GError **errp)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);
    json_object *props = json_object_new_object();
    Object *obj;

    for (int i = 0; items[i] && *items[i]; i++) {
        char *eq = strchr(items[i], '=');

        *eq = '\0';
        json_object_object_add(props, items[i], json_object_new_string(eq + 1));
    }
    obj = user_creatable_add(type, id, props, true, errp);
    json_object_put(props);
    return obj;
}

static void refuse(const char *text, const char *why)
{
    g_autoptr(GError) err = NULL;

    if (object_add("ioregionfd", "bad", text, &err)) {
        g_error("'%s' was accepted", text);
    }
    if (!strstr(err->message, why)) {
        g_error("'%s': '%s' does not say '%s'", text, err->message, why);
    }
    g_assert_null(object_resolve_path("/objects/bad", NULL));
}

static void check_served(TestDevice *d, MemoryRegion *mr, const char *home)
{
    uint64_t v = 0;

    d->ran_in = NULL;
    g_assert_cmpint(memory_region_dispatch_write(mr, 0, 0x1234, 4, MEMTXATTRS_UNSPECIFIED), ==, MEMTX_OK);
    g_assert_cmpint(memory_region_dispatch_read(mr, 4, &v, 4, MEMTXATTRS_UNSPECIFIED), ==, MEMTX_OK);
    g_assert_cmphex(v, ==, 0x1238);
    g_assert_cmpstr(aio_context_name(d->ran_in), ==, home);
    g_assert_true(d->locked);
}

static void remove_device(TestDevice *d)
{
    qdev_unplug_complete(DEVICE(d));
}

/* --- tests -------------------------------------------------------------------------------------------------------------- */

static void test_bind_after(void)
{
    TestDevice *d = device_add("dev0", NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    IoRegionFdInfoList *list;

    g_assert_nonnull(d);
    check_served(d, &d->mmio, aio_context_name(aio_get_main()));
    g_assert_true(object_add("ioregionfd", "ior0", "iothread=iot0,device=dev0,region=0", NULL));
    check_served(d, &d->mmio, "iot0");
    /* claimed */
    refuse("iothread=iot0,device=dev0,region=0", "claimed by ioregionfd object 'ior0'");
    refuse("device=dev0,region=2", "it has 0 (regs), 1 (window), inner");
    refuse("device=dev0,region=nothing", "region=nothing");
    /* the whole container, by number; and one by name */
    g_assert_true(object_add("ioregionfd", "ior1", "iothread=iot0,transport=socket,device=dev0,region=1", NULL));
    check_served(d, &d->inner, "iot0");
    list = qmp_query_ioregionfd(NULL);
    g_assert_cmpstr(list->value->id, ==, "ior0");
    g_assert_cmpstr(list->value->home, ==, "iot0");
    g_assert_cmpuint(list->value->regions->value->posted, ==, 1);
    g_assert_cmpuint(list->value->regions->value->reads, ==, 1);
    g_assert_cmpuint(list->value->regions->value->waits, ==, 1);
    g_assert_cmpuint(list->value->regions->value->latency->value->count, ==, 1);
    g_assert_cmpint(list->value->regions->value->engine, ==, IOREGION_ENGINE_USER);
    g_assert_cmpstr(list->next->value->regions->value->name, ==, "inner");
    g_assert_cmpint(list->next->value->transport, ==, IOREGION_TRANSPORT_SOCKET);
    qapi_free_IoRegionFdInfoList(list);
    ioregion_info(out);
    g_assert_nonnull(strstr(out->str, "ior0"));
    g_assert_true(user_creatable_del("ior1", NULL));
    check_served(d, &d->inner, aio_context_name(aio_get_main()));
    g_assert_true(object_add("ioregionfd", "ior1", "iothread=iot0,device=dev0,region=inner", NULL));
    check_served(d, &d->inner, "iot0");
    /* the iothread is in use */
    g_assert_false(user_creatable_del("iot0", NULL));
    g_assert_true(user_creatable_del("ior0", NULL));
    check_served(d, &d->mmio, aio_context_name(aio_get_main()));
    remove_device(d);
    g_assert_true(user_creatable_del("ior1", NULL));
    memory_reclaim_barrier();
}

/* The object comes first, the device later; it goes and comes again. */
static void test_bind_before(void)
{
    g_autoptr(GError) err = NULL;

    g_assert_true(object_add("ioregionfd", "ior0", "iothread=iot0,device=dev1,region=0", NULL));
    g_assert_false(ioregionfd_check_bindings(&err));
    g_assert_nonnull(strstr(err->message, "dev1"));
    for (int i = 0; i < 2; i++) {
        TestDevice *d = device_add("dev1", NULL);

        g_assert_nonnull(d);
        g_assert_true(ioregionfd_check_bindings(NULL));
        check_served(d, &d->mmio, "iot0");
        remove_device(d);
        memory_reclaim_barrier();
    }
    g_assert_true(user_creatable_del("ior0", NULL));
    /* a region that the device does not have makes the device fail */
    g_assert_true(object_add("ioregionfd", "ior0", "device=dev1,region=7", NULL));
    g_clear_error(&err);
    g_assert_null(device_add("dev1", &err));
    g_assert_nonnull(strstr(err->message, "region=7"));
    g_assert_true(user_creatable_del("ior0", NULL));
    memory_reclaim_barrier();
}

/* A device that asked for the home itself keeps it: the object stays. */
static void test_native(void)
{
    TestDevice *d = device_add("dev2", NULL);
    IoRegionFd *ior;
    g_autoptr(GError) err = NULL;

    g_assert_true(object_add("ioregionfd", "ior0", "iothread=iot0", NULL));
    ior = (IoRegionFd *)object_resolve_path("/objects/ior0", NULL);
    g_assert_true(memory_region_set_ioregionfd(&d->mmio, ior, MEMORY_HOME_POSTED_WRITES, NULL));
    g_assert_true(ioregionfd_posted_writes(ior));
    g_assert_false(user_creatable_del("ior0", &err));
    g_assert_nonnull(strstr(err->message, "'regs'"));
    memory_region_set_home(&d->mmio, NULL, 0);
    g_assert_true(user_creatable_del("ior0", NULL));
    /* Its own home is not taken from it. */
    memory_region_set_home(&d->mmio, aio_get_main(), 0);
    refuse("iothread=iot0,device=dev2,region=0", "has a home already");
    memory_region_set_home(&d->mmio, NULL, 0);
    remove_device(d);
    memory_reclaim_barrier();
}

static void test_options(void)
{
    int fds[2];
    g_autofree char *text = NULL;

    refuse("iothread=nope", "nope");
    refuse("transport=pigeon", "pigeon");
    refuse("device=dev0", "region= is missing");
    refuse("region=0", "device= is missing");
    refuse("fd=9999", "9999");
    refuse("fd=1,path=/x", "exclude");
    refuse("path=/nonexistent/socket", "/nonexistent/socket");
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), ==, 0);
    text = g_strdup_printf("fd=%d,iothread=iot0", fds[0]);
    refuse(text, "iothread=");
    text[strcspn(text, ",")] = '\0';
    g_assert_true(object_add("ioregionfd", "ior0", text, NULL));
    g_assert_true(user_creatable_del("ior0", NULL));
    memory_reclaim_barrier();
    close(fds[1]);
}

static void test_policy(void)
{
    IoRegionPolicy p;
    g_autoptr(GError) err = NULL;

    g_assert_true(ioregion_policy_parse("kvm", &p, NULL));
    g_assert_cmpint(p, ==, IOREGION_POLICY_KVM);
    g_assert_false(ioregion_policy_parse("fast", &p, &err));
    g_assert_nonnull(strstr(err->message, "ioregionfd=fast"));
    g_clear_error(&err);
    g_assert_false(ioregion_set_engine_policy(IOREGION_POLICY_KVM, -1, &err));
    g_assert_nonnull(strstr(err->message, "lacks KVM"));
    g_clear_error(&err);
    g_assert_false(ioregion_set_engine_policy(IOREGION_POLICY_MODULE, -1, &err));
    g_assert_nonnull(strstr(err->message, "/dev/ioregionfd"));
    g_assert_true(ioregion_set_engine_policy(IOREGION_POLICY_AUTO, -1, NULL));
}

int main(int argc, char **argv)
{
    int res;

    g_test_init(&argc, &argv, NULL);
    rcu_register_thread();
    g_assert_true(aio_init_main(NULL));
    aio_set_current(aio_get_main());
    memory_map_init();
    g_assert_true(object_add("iothread", "iot0", "", NULL));
    g_test_add_func("/ioregion/object/bind-after", test_bind_after);
    g_test_add_func("/ioregion/object/bind-before", test_bind_before);
    g_test_add_func("/ioregion/object/native", test_native);
    g_test_add_func("/ioregion/object/options", test_options);
    g_test_add_func("/ioregion/object/policy", test_policy);
    res = g_test_run();
    g_assert_true(user_creatable_del("iot0", NULL));
    return res;
}
