/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtconsole and virtserialport: ports of virtio-serial, each with a back end.  Main loop. */
#include "virtio-serial.h"

#include "qapi/qapi-events.h"

#define TYPE_VIRTCONSOLE "virtconsole"
#define TYPE_VIRTSERIALPORT "virtserialport"

/* --- driver to back end ---------------------------------------------------------------------- */

static void output_again(void *opaque)
{
    VirtIOSerialPort *port = opaque;

    if (port->vser) {
        virtio_serial_port_output(port);
    }
    object_unref(port);
}

/* Writes what is left of port->tx; false: the back end is slow, and says when it goes on. */
static bool write_chain(VirtIOSerialPort *port)
{
    VirtElem *e = port->tx;
    size_t start = 0;

    for (unsigned i = 0; i < e->num_out; i++) {
        const struct iovec *iov = &e->iov[i];

        while (port->tx_done < start + iov->iov_len) {
            size_t from = port->tx_done - start;
            int n;

            if (!port->chr.chr || !qemu_chr_fe_backend_open(&port->chr)) {
                return true; /* nobody listens: it is gone */
            }
            n = qemu_chr_fe_write(&port->chr, (uint8_t *)iov->iov_base + from,
                                  MIN(iov->iov_len - from, INT_MAX));
            if (n < 0) {
                return true;
            }
            if (n == 0) {
                return false;
            }
            port->tx_done += n;
        }
        start += iov->iov_len;
    }
    return true;
}

void virtio_serial_port_output(VirtIOSerialPort *port)
{
    VirtQueue *vq = port->vser->tx[port->nr];
    bool fresh = !port->tx;

    do {
        while (port->tx || (port->tx = virtqueue_pop(vq))) {
            VirtElem *e = port->tx;

            if (fresh) {
                port->tx_done = 0;
            }
            if (!write_chain(port)) {
                qemu_chr_fe_add_watch(&port->chr, output_again, object_ref(port));
                return;
            }
            fresh = true;
            port->tx = NULL;
            virtqueue_push(vq, e, 0);
        }
    } while (virtqueue_want_kick(vq));
}

/* --- back end to driver ---------------------------------------------------------------------- */

static int chr_can_read(void *opaque)
{
    VirtIOSerialPort *port = opaque;
    VirtQueue *vq;

    if (!port->vser || !virtio_serial_port_ready(port)) {
        return 0;
    }
    vq = port->vser->rx[port->nr];
    while (!port->rx) {
        port->rx = virtqueue_pop(vq);
        port->rx_done = 0;
        if (!port->rx) {
            if (!virtqueue_want_kick(vq)) {
                return 0;
            }
        } else if (!port->rx->in_bytes) {
            virtqueue_push(vq, port->rx, 0);
            port->rx = NULL;
        }
    }
    return MIN(port->rx->in_bytes, INT_MAX);
}

static void chr_read(void *opaque, const uint8_t *buf, int len)
{
    VirtIOSerialPort *port = opaque;

    while (len > 0 && chr_can_read(port) > 0) {
        size_t n = virtio_elem_write(port->rx, 0, buf, len);
        VirtElem *e = port->rx;

        port->rx = NULL;
        virtqueue_push(port->vser->rx[port->nr], e, n);
        buf += n;
        len -= n;
    }
}

void virtio_serial_port_input(VirtIOSerialPort *port)
{
    if (port->chr.chr && virtio_serial_port_ready(port)) {
        qemu_chr_fe_accept_input(&port->chr);
    }
}

static void set_host_open(VirtIOSerialPort *port, bool open)
{
    if (port->host_open != open) {
        port->host_open = open;
        if (port->vser) {
            virtio_serial_tell(port->vser, port->nr, VSER_TELL_OPEN);
        }
    }
}

static void chr_event(void *opaque, ChrEvent event)
{
    VirtIOSerialPort *port = opaque;

    /* A console is there for the guest whether somebody looks at it or not. */
    if (!port->console && event == CHR_EVENT_OPENED) {
        set_host_open(port, true);
    } else if (!port->console && event == CHR_EVENT_CLOSED) {
        set_host_open(port, false);
        if (port->tx) {
            virtio_serial_port_output(port); /* what waited for the one who left is gone */
        }
    }
}

void virtio_serial_port_guest_open(VirtIOSerialPort *port, bool open)
{
    if (port->guest_open == open) {
        return;
    }
    port->guest_open = open;
    if (!port->console && DEVICE(port)->id) {
        qapi_event_send_vserport_change(DEVICE(port)->id, open);
    }
    if (open) {
        virtio_serial_port_input(port);
    }
}

void virtio_serial_port_drop(VirtIOSerialPort *port, VirtQueue *vq)
{
    if (vq == port->vser->rx[port->nr] && port->rx) {
        VirtElem *e = port->rx;

        port->rx = NULL;
        virtqueue_drop(vq, e);
    } else if (vq == port->vser->tx[port->nr] && port->tx) {
        VirtElem *e = port->tx;

        port->tx = NULL;
        virtqueue_drop(vq, e);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

static bool port_realize(DeviceState *dev, GError **errp)
{
    VirtIOSerialPort *port = VIRTIO_SERIAL_PORT(dev);
    VirtIOSerial *s = VIRTIO_SERIAL(dev->parent_bus->parent);

    port->console = object_is_a(OBJECT(dev), TYPE_VIRTCONSOLE);
    if (port->console && !port->chr.chr) {
        error_setg(errp, "virtconsole: chardev= is missing: name a character device");
        return false;
    }
    port->host_open = port->console;
    if (!virtio_serial_add_port(s, port, errp)) {
        return false;
    }
    if (port->chr.chr) {
        qemu_chr_fe_set_handlers(&port->chr, chr_can_read, chr_read, chr_event, port);
    }
    return true;
}

static void port_unrealize(DeviceState *dev)
{
    VirtIOSerialPort *port = VIRTIO_SERIAL_PORT(dev);

    if (port->chr.chr) {
        qemu_chr_fe_set_handlers(&port->chr, NULL, NULL, NULL, NULL);
    }
    virtio_serial_remove_port(port);
    qemu_chr_fe_deinit(&port->chr);
}

static const ObjectProperty port_props[] = {
    DEFINE_PROP_CHR("chardev", VirtIOSerialPort, chr),
    DEFINE_PROP_UINT32("nr", VirtIOSerialPort, nr, UINT32_MAX, "number of the port (any free one)"),
    DEFINE_PROP_STRING("name", VirtIOSerialPort, name,
                       "what the guest finds it by, as org.qemu.guest_agent.0"),
};

static void port_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->bus_type = TYPE_VIRTIO_SERIAL_BUS;
    dc->category = DEVICE_CATEGORY_INPUT;
    dc->realize = port_realize;
    dc->unrealize = port_unrealize;
    object_class_add_property_table(klass, port_props);
}

static const TypeInfo port_info = {
    .name = TYPE_VIRTIO_SERIAL_PORT,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(VirtIOSerialPort),
    .abstract = true,
    .class_init = port_class_init,
};
QOM_TYPE(port_info);

static const TypeInfo virtserialport_info = {
    .name = TYPE_VIRTSERIALPORT,
    .parent = TYPE_VIRTIO_SERIAL_PORT,
};
QOM_TYPE(virtserialport_info);

static const TypeInfo virtconsole_info = {
    .name = TYPE_VIRTCONSOLE,
    .parent = TYPE_VIRTIO_SERIAL_PORT,
};
QOM_TYPE(virtconsole_info);
