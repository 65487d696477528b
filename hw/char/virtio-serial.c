/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-serial (virtio 1.2, section 5.3): ports, and the control queues that tell the driver of
 * them.  Main loop, where the back ends are.
 *
 * What the driver has to be told is kept as bits, one set a port: nothing grows while it does not
 * listen.
 */
#include "virtio-serial.h"

#define QUEUE_SIZE 128
#define MAX_PORTS 511 /* two queues each, and the control queues, of VIRTIO_QUEUE_MAX */

#define VIRTIO_CONSOLE_F_MULTIPORT 1
#define VIRTIO_CONSOLE_F_EMERG_WRITE 2

/* Control messages [5.3.6.2]. */
enum {
    CONSOLE_DEVICE_READY,
    CONSOLE_DEVICE_ADD,
    CONSOLE_DEVICE_REMOVE,
    CONSOLE_PORT_READY,
    CONSOLE_CONSOLE_PORT,
    CONSOLE_RESIZE,
    CONSOLE_OPEN,
    CONSOLE_NAME,
};

typedef struct ControlMessage {
    uint32_t id;
    uint16_t event, value;
} ControlMessage;

typedef struct ConsoleConfig {
    uint16_t cols, rows;
    uint32_t max_nr_ports, emerg_wr;
} ConsoleConfig;

static bool multiport(VirtIOSerial *s)
{
    return virtio_has_feature(&s->parent_obj, VIRTIO_CONSOLE_F_MULTIPORT);
}

bool virtio_serial_port_ready(VirtIOSerialPort *port)
{
    return virtio_driver_ok(&port->vser->parent_obj) &&
           (port->guest_open || !multiport(port->vser));
}

/* --- to the driver --------------------------------------------------------------------------- */

/* False: there is no room. */
static bool send(VirtIOSerial *s, unsigned nr, uint16_t event, uint16_t value, const char *text)
{
    ControlMessage m = {nr, event, value};
    VirtElem *e = virtqueue_pop(s->control_in);
    size_t len;

    if (!e) {
        return false;
    }
    len = virtio_elem_write(e, 0, &m, sizeof(m));
    if (text) {
        len += virtio_elem_write(e, sizeof(m), text, strlen(text));
    }
    virtqueue_push(s->control_in, e, len);
    return true;
}

/* The first thing in *bits; false: there is no room. */
static bool tell_one(VirtIOSerial *s, unsigned nr, uint8_t *bits)
{
    VirtIOSerialPort *port = s->ports[nr];
    uint8_t what = *bits & -*bits;
    bool sent = true;

    switch (what) {
    case VSER_TELL_ADD:
        sent = !port || send(s, nr, CONSOLE_DEVICE_ADD, 1, NULL);
        break;
    case VSER_TELL_REMOVE:
        sent = send(s, nr, CONSOLE_DEVICE_REMOVE, 1, NULL);
        break;
    case VSER_TELL_CONSOLE:
        sent = !port || send(s, nr, CONSOLE_CONSOLE_PORT, 1, NULL);
        break;
    case VSER_TELL_NAME:
        sent = !port || !port->name || send(s, nr, CONSOLE_NAME, 1, port->name);
        break;
    case VSER_TELL_OPEN:
        sent = !port || send(s, nr, CONSOLE_OPEN, port->host_open, NULL);
        break;
    }
    if (sent) {
        *bits &= ~what;
    }
    return sent;
}

static void tell_all(VirtQueue *vq)
{
    VirtIOSerial *s = VIRTIO_SERIAL(vq->vdev);

    for (unsigned nr = 0; s->driver_ready && nr < s->max_ports; nr++) {
        while (s->tell[nr]) {
            if (!tell_one(s, nr, &s->tell[nr]) && !virtqueue_want_kick(vq)) {
                return;
            }
            if (!vq->running || vq->ring.broken) {
                return;
            }
        }
    }
}

void virtio_serial_tell(VirtIOSerial *s, unsigned nr, uint8_t what)
{
    if (what & VSER_TELL_REMOVE) {
        s->tell[nr] = 0;
    }
    s->tell[nr] |= what;
    if (s->driver_ready && s->control_in->running) {
        tell_all(s->control_in);
    }
}

/* --- from the driver ------------------------------------------------------------------------- */

static void control_message(VirtIOSerial *s, const ControlMessage *m)
{
    VirtIOSerialPort *port;

    TRACE(virtio_serial, control, "port %u event %u value %u", m->id, m->event, m->value);
    if (m->event == CONSOLE_DEVICE_READY) {
        s->driver_ready = m->value == 1;
        for (unsigned nr = 0; s->driver_ready && nr < s->max_ports; nr++) {
            if (s->ports[nr]) {
                s->tell[nr] |= VSER_TELL_ADD;
            }
        }
        tell_all(s->control_in);
        return;
    }
    port = m->id < s->max_ports ? s->ports[m->id] : NULL;
    if (!port) {
        return; /* it went meanwhile, or never was */
    }
    switch (m->event) {
    case CONSOLE_PORT_READY:
        if (m->value == 1) {
            virtio_serial_tell(s, m->id,
                               (port->console ? VSER_TELL_CONSOLE : 0) |
                                   (port->name ? VSER_TELL_NAME : 0) |
                                   (port->host_open ? VSER_TELL_OPEN : 0));
        }
        break;
    case CONSOLE_OPEN:
        virtio_serial_port_guest_open(port, m->value);
        break;
    default:
        break;
    }
}

static void handle_control_out(VirtQueue *vq)
{
    VirtIOSerial *s = VIRTIO_SERIAL(vq->vdev);
    VirtElem *e;

    while ((e = virtqueue_pop(vq))) {
        ControlMessage m;

        if (virtio_elem_read(e, 0, &m, sizeof(m)) == sizeof(m)) {
            control_message(s, &m);
        }
        virtqueue_push(vq, e, 0);
    }
}

static VirtIOSerialPort *port_of(VirtQueue *vq)
{
    return VIRTIO_SERIAL(vq->vdev)->ports[GPOINTER_TO_UINT(vq->opaque)];
}

static void handle_input(VirtQueue *vq)
{
    VirtIOSerialPort *port = port_of(vq);

    if (port) {
        virtio_serial_port_input(port);
    }
}

/* Nobody is there: it is gone. */
static void discard(VirtQueue *vq)
{
    VirtElem *e;

    do {
        while ((e = virtqueue_pop(vq))) {
            virtqueue_push(vq, e, 0);
        }
    } while (virtqueue_want_kick(vq));
}

static void handle_output(VirtQueue *vq)
{
    VirtIOSerialPort *port = port_of(vq);

    if (port) {
        virtio_serial_port_output(port);
    } else {
        discard(vq);
    }
}

/* --- ports ----------------------------------------------------------------------------------- */

bool virtio_serial_add_port(VirtIOSerial *s, VirtIOSerialPort *port, GError **errp)
{
    if (port->nr == UINT32_MAX) {
        /* Port 0 is a console to drivers that know no others. */
        for (port->nr = port->console ? 0 : 1; port->nr < s->max_ports && s->ports[port->nr];
             port->nr++) {
        }
        if (port->nr >= s->max_ports) {
            port->nr = UINT32_MAX;
            error_setg(errp, "virtio-serial: all %u ports are taken; give the device max_ports=",
                       s->max_ports);
            return false;
        }
    }
    if (port->nr >= s->max_ports) {
        error_setg(errp, "virtio-serial: nr=%u: the device has ports 0 to %u", port->nr,
                   s->max_ports - 1);
        return false;
    }
    if (s->ports[port->nr]) {
        error_setg(errp, "virtio-serial: nr=%u: that port is taken", port->nr);
        return false;
    }
    if (port->nr == 0 && !port->console) {
        error_setg(errp, "virtio-serial: nr=0 is for virtconsole; use another number");
        return false;
    }
    for (unsigned nr = 0; port->name && nr < s->max_ports; nr++) {
        if (s->ports[nr] && !g_strcmp0(s->ports[nr]->name, port->name)) {
            error_setg(errp, "virtio-serial: name=%s: port %u has that name", port->name, nr);
            return false;
        }
    }
    port->vser = s;
    s->ports[port->nr] = port;
    virtio_serial_tell(s, port->nr, VSER_TELL_ADD);
    return true;
}

void virtio_serial_remove_port(VirtIOSerialPort *port)
{
    VirtIOSerial *s = port->vser;
    VirtQueue *tx = s->tx[port->nr];

    if (port->rx) {
        virtqueue_push(s->rx[port->nr], port->rx, 0);
        port->rx = NULL;
    }
    if (port->tx) {
        virtqueue_push(tx, port->tx, 0);
        port->tx = NULL;
    }
    s->ports[port->nr] = NULL;
    virtio_serial_tell(s, port->nr, VSER_TELL_REMOVE);
    if (tx->running) {
        discard(tx);
    }
    port->vser = NULL;
}

/* --- the device ------------------------------------------------------------------------------ */

static void stop_queue(VirtQueue *vq)
{
    VirtIOSerial *s = VIRTIO_SERIAL(vq->vdev);

    if (vq != s->control_in && vq != s->control_out && port_of(vq)) {
        virtio_serial_port_drop(port_of(vq), vq);
    }
}

static void device_reset(VirtIODevice *vdev)
{
    VirtIOSerial *s = VIRTIO_SERIAL(vdev);

    s->driver_ready = false;
    memset(s->tell, 0, s->max_ports);
    for (unsigned nr = 0; nr < s->max_ports; nr++) {
        if (s->ports[nr] && s->ports[nr]->guest_open) {
            virtio_serial_port_guest_open(s->ports[nr], false);
        }
    }
}

/* The emergency byte: the first thing that an early kernel says, without a queue. */
static void config_written(VirtIODevice *vdev, unsigned offset, unsigned size, const uint8_t *old)
{
    VirtIOSerial *s = VIRTIO_SERIAL(vdev);
    unsigned at = offsetof(ConsoleConfig, emerg_wr);
    uint8_t byte = vdev->config[at];

    memcpy(vdev->config + offset, old + offset, size);
    if (offset == at && s->emergency_write && s->ports[0] && s->ports[0]->chr.chr) {
        qemu_chr_fe_write(&s->ports[0]->chr, &byte, 1);
    }
}

static uint64_t get_features(VirtIODevice *vdev)
{
    VirtIOSerial *s = VIRTIO_SERIAL(vdev);

    return (s->max_ports > 1 ? BIT_ULL(VIRTIO_CONSOLE_F_MULTIPORT) : 0) |
           (s->emergency_write ? BIT_ULL(VIRTIO_CONSOLE_F_EMERG_WRITE) : 0);
}

static VirtQueue *port_queue(VirtIOSerial *s, unsigned nr, VirtQueueFn *fn)
{
    VirtQueue *vq = virtio_add_queue(&s->parent_obj, QUEUE_SIZE, sizeof(VirtElem), true, fn);

    vq->opaque = GUINT_TO_POINTER(nr);
    return vq;
}

static bool virtio_serial_realize(VirtIODevice *vdev, GError **errp)
{
    VirtIOSerial *s = VIRTIO_SERIAL(vdev);
    DeviceState *proxy = virtio_front(vdev);
    g_autofree char *name = proxy->id ? g_strdup_printf("%s.0", proxy->id) : NULL;
    ConsoleConfig config = {.max_nr_ports = s->max_ports};

    if (s->max_ports < 1 || s->max_ports > MAX_PORTS) {
        error_setg(errp, "virtio-serial: max_ports=%u: must be between 1 and %d", s->max_ports,
                   MAX_PORTS);
        return false;
    }
    virtio_config_init(vdev, &config, sizeof(config));
    s->ports = g_new0(VirtIOSerialPort *, s->max_ports);
    s->tell = g_new0(uint8_t, s->max_ports);
    s->rx = g_new0(VirtQueue *, s->max_ports);
    s->tx = g_new0(VirtQueue *, s->max_ports);
    for (unsigned nr = 0; nr < s->max_ports; nr++) {
        s->rx[nr] = port_queue(s, nr, handle_input);
        s->tx[nr] = port_queue(s, nr, handle_output);
        if (nr == 0) {
            s->control_in = virtio_add_queue(vdev, 32, sizeof(VirtElem), true, tell_all);
            s->control_out =
                virtio_add_queue(vdev, 32, sizeof(VirtElem), false, handle_control_out);
        }
    }
    s->bus = qbus_new(TYPE_VIRTIO_SERIAL_BUS, DEVICE(vdev), name);
    qbus_set_hotplug_handler(s->bus, OBJECT(vdev));
    return true;
}

static void virtio_serial_finalize(Object *obj)
{
    VirtIOSerial *s = VIRTIO_SERIAL(obj);

    g_free(s->ports);
    g_free(s->tell);
    g_free(s->rx);
    g_free(s->tx);
}

static const ObjectProperty virtio_serial_props[] = {
    DEFINE_PROP_UINT32("max_ports", VirtIOSerial, max_ports, 31, "ports"),
    DEFINE_PROP_BOOL("emergency-write", VirtIOSerial, emergency_write, true,
                     "offer a register that writes a byte to the console"),
};

static void virtio_serial_class_init(ObjectClass *klass, const void *data)
{
    VirtioDeviceClass *vc = (VirtioDeviceClass *)klass;

    vc->parent_class.category = DEVICE_CATEGORY_INPUT;
    vc->parent_class.desc = "virtio console and serial ports";
    vc->name = "virtio-serial";
    vc->device_id = VIRTIO_ID_CONSOLE;
    vc->legacy_pci_id = 0x1003;
    vc->pci_class = 0x0780;
    vc->realize = virtio_serial_realize;
    vc->get_features = get_features;
    vc->reset = device_reset;
    vc->config_written = config_written;
    vc->stop_queue = stop_queue;
    object_class_add_property_table(klass, virtio_serial_props);
}

/* Ports come and go at once: nobody has to be asked. */
static const char *const virtio_serial_interfaces[] = {TYPE_HOTPLUG_HANDLER, NULL};

static const TypeInfo virtio_serial_info = {
    .name = TYPE_VIRTIO_SERIAL,
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(VirtIOSerial),
    .class_init = virtio_serial_class_init,
    .instance_finalize = virtio_serial_finalize,
    .interfaces = virtio_serial_interfaces,
};
QOM_TYPE(virtio_serial_info);

static const TypeInfo virtio_serial_bus_info = {
    .name = TYPE_VIRTIO_SERIAL_BUS,
    .parent = TYPE_BUS,
};
QOM_TYPE(virtio_serial_bus_info);

VIRTIO_PCI_TYPES(virtio_serial, "virtio-serial", TYPE_VIRTIO_SERIAL);
