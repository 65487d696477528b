/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -object filter-dump: what passes a back end, in a pcap file.  The queues of a back end may live
 * in several threads; the file has a lock.
 */
#include "net-internal.h"

#include "qemu/thread.h"

#define TYPE_FILTER_DUMP "filter-dump"

enum { DIRECTION_ALL, DIRECTION_RX, DIRECTION_TX };
static const EnumTable direction_table = {
    .qapi_name = "NetFilterDirection",
    .names = (const char *const[]){"all", "rx", "tx", NULL},
};

typedef struct FilterDump {
    Object parent_obj;
    char *netdev, *file;
    uint32_t maxlen;
    int direction; /* seen from the back end: rx is what it receives, from the guest */
    bool on;       /* atomic */
    NetFilter filter;
    QemuMutex lock;
    PcapFile pcap; /* lock */
    bool added;
} FilterDump;

static bool dump_wants(NetFilter *f, bool from_port)
{
    FilterDump *d = container_of(f, FilterDump, filter);

    return __atomic_load_n(&d->on, __ATOMIC_RELAXED) &&
           (d->direction == DIRECTION_ALL || (d->direction == DIRECTION_TX) == from_port);
}

static void dump_packet(NetFilter *f, const struct iovec *iov, unsigned niov, size_t len, bool vnet)
{
    FilterDump *d = container_of(f, FilterDump, filter);
    g_autofree struct iovec *rest = NULL;

    if (vnet) {
        size_t skip = NET_VNET_HDR_LEN;

        if (len < skip) {
            return;
        }
        rest = g_new(struct iovec, niov);
        memcpy(rest, iov, niov * sizeof(*iov));
        for (unsigned i = 0; i < niov && skip; i++) {
            size_t part = MIN(skip, rest[i].iov_len);

            rest[i].iov_base = (uint8_t *)rest[i].iov_base + part;
            rest[i].iov_len -= part;
            skip -= part;
        }
        iov = rest;
        len -= NET_VNET_HDR_LEN;
    }
    QEMU_LOCK_GUARD(&d->lock);
    if (!d->pcap.failed && !pcap_write(&d->pcap, g_get_real_time(), iov, niov, len)) {
        warn_report("filter-dump: file '%s': %s; nothing more is written", d->file,
                    g_strerror(errno));
    }
}

static bool dump_complete(Object *obj, GError **errp)
{
    FilterDump *d = (FilterDump *)obj;
    NetPort *port;

    if (!d->netdev) {
        error_setg(errp, "filter-dump: Parameter 'netdev' is missing: the id of a -netdev");
        return false;
    }
    if (!d->file) {
        error_setg(errp, "filter-dump: Parameter 'file' is missing: where the packets go");
        return false;
    }
    if (!d->maxlen) {
        error_setg(errp, "filter-dump: maxlen=0: must be at least 1");
        return false;
    }
    port = net_port_find(d->netdev, false);
    if (!port) {
        error_setg(errp,
                   "filter-dump: Parameter 'netdev' expects a network backend id; '%s' is none",
                   d->netdev);
        return false;
    }
    if (!pcap_open(&d->pcap, d->file, d->maxlen, errp)) {
        return false;
    }
    d->filter.wants = dump_wants;
    d->filter.packet = dump_packet;
    net_filter_add(port, &d->filter);
    d->added = true;
    return true;
}

static json_object *status_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return json_object_new_string(((FilterDump *)obj)->on ? "on" : "off");
}

static bool status_set(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    const char *text = json_object_get_string(value);

    if (strcmp(text, "on") && strcmp(text, "off")) {
        error_setg(errp, "filter-dump: status=%s: must be on or off", text);
        return false;
    }
    __atomic_store_n(&((FilterDump *)obj)->on, !strcmp(text, "on"), __ATOMIC_RELAXED);
    return true;
}

static void dump_init(Object *obj)
{
    FilterDump *d = (FilterDump *)obj;

    qemu_mutex_init(&d->lock);
    d->pcap.fd = -1;
    d->on = true;
}

static void dump_unparent(Object *obj)
{
    FilterDump *d = (FilterDump *)obj;

    if (d->added) {
        net_filter_remove(&d->filter);
        d->added = false;
    }
}

static void dump_finalize(Object *obj)
{
    FilterDump *d = (FilterDump *)obj;

    pcap_close(&d->pcap);
    qemu_mutex_destroy(&d->lock);
}

static const ObjectProperty dump_props[] = {
    DEFINE_PROP_STRING("netdev", FilterDump, netdev, "id of the -netdev"),
    DEFINE_PROP_STRING("file", FilterDump, file, "pcap file that is written"),
    DEFINE_PROP_UINT32("maxlen", FilterDump, maxlen, 65536, "bytes of a packet that are kept"),
    DEFINE_PROP_ENUM("queue", FilterDump, direction, direction_table, DIRECTION_ALL,
                     "rx: what the back end receives; tx: what it sends; all"),
    {.name = "status",
     .kind = PROP_STRING,
     .get = status_get,
     .set = status_set,
     .settable_live = true,
     .help = "on or off"},
};

static void dump_class_init(ObjectClass *klass, const void *data)
{
    klass->complete = dump_complete;
    klass->unparent = dump_unparent;
    object_class_add_property_table(klass, dump_props);
}

static const char *const dump_interfaces[] = {TYPE_USER_CREATABLE, NULL};

static const TypeInfo dump_info = {
    .name = TYPE_FILTER_DUMP,
    .parent = TYPE_OBJECT,
    .instance_size = sizeof(FilterDump),
    .class_init = dump_class_init,
    .instance_init = dump_init,
    .instance_finalize = dump_finalize,
    .interfaces = dump_interfaces,
};
QOM_TYPE(dump_info);
