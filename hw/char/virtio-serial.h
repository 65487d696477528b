/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-serial: what the device and its ports share.  Everything here lives in the main loop. */
#ifndef HW_CHAR_VIRTIO_SERIAL_H
#define HW_CHAR_VIRTIO_SERIAL_H

#include "chardev/char.h"
#include "hw/virtio/virtio-pci.h"

#define TYPE_VIRTIO_SERIAL "virtio-serial-device"
#define TYPE_VIRTIO_SERIAL_BUS "virtio-serial-bus"
#define TYPE_VIRTIO_SERIAL_PORT "virtio-serial-port"

typedef struct VirtIOSerial VirtIOSerial;

/* What the driver has still to be told about a port, in this order. */
enum {
    VSER_TELL_ADD = 1,
    VSER_TELL_REMOVE = 2,
    VSER_TELL_CONSOLE = 4,
    VSER_TELL_NAME = 8,
    VSER_TELL_OPEN = 16,
};

typedef struct VirtIOSerialPort {
    DeviceState parent_obj;
    VirtIOSerial *vser; /* while realized */
    CharFrontend chr;
    uint32_t nr; /* UINT32_MAX: any */
    char *name;
    bool console;    /* virtconsole */
    bool host_open;  /* somebody is at the back end */
    bool guest_open; /* a program in the guest has it open */
    VirtElem *rx;    /* being filled; rx_done bytes are in it */
    VirtElem *tx;    /* the back end is slow: tx_done bytes are out */
    size_t rx_done, tx_done;
} VirtIOSerialPort;
#define VIRTIO_SERIAL_PORT(obj) ((VirtIOSerialPort *)(obj))

struct VirtIOSerial {
    VirtIODevice parent_obj;
    BusState *bus;
    uint32_t max_ports;
    bool emergency_write;
    VirtIOSerialPort **ports; /* by number */
    uint8_t *tell;            /* VSER_TELL_*, by number */
    VirtQueue **rx, **tx;     /* by port number */
    VirtQueue *control_in, *control_out;
    bool driver_ready;
};
#define VIRTIO_SERIAL(obj) ((VirtIOSerial *)(obj))

/* Adds or removes a port of the bus's device. */
bool virtio_serial_add_port(VirtIOSerial *s, VirtIOSerialPort *port, GError **errp);
void virtio_serial_remove_port(VirtIOSerialPort *port);
/* The driver is told these things about port nr as soon as it has room. */
void virtio_serial_tell(VirtIOSerial *s, unsigned nr, uint8_t what);
/* True if data may go to the driver. */
bool virtio_serial_port_ready(VirtIOSerialPort *port);

/* --- virtio-console.c: a port's data --- */
void virtio_serial_port_output(VirtIOSerialPort *port);
void virtio_serial_port_input(VirtIOSerialPort *port);
void virtio_serial_port_guest_open(VirtIOSerialPort *port, bool open);
/* The queue is about to stop. */
void virtio_serial_port_drop(VirtIOSerialPort *port, VirtQueue *vq);

#endif
