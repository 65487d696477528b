/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines around one virtio device: there from the start, or plugged into a port and out of it. */
#ifndef LIBQTEST_VIRTIO_MACHINE_H
#define LIBQTEST_VIRTIO_MACHINE_H

#include "homes.h"
#include "virtio.h"

/* A q35 machine of 256 MiB (unless the options say otherwise) with these further options, which
 * have a device at addr=04.0, and a driver for it.  Ends with qvirtio_quit(), which frees v. */
QVirtio *qvirtio_boot(bool legacy, const char *fmt, ...) QTEST_PRINTF(2, 3);
void qvirtio_quit(QVirtio *v);

/* system_reset, after which the driver is as new. */
void qvirtio_system_reset(QVirtio *v);

/* Sets the property "notify" of the object at path, for n queues, to modes (one or more, with ':'
 * between), and it reads as each queue's mode; automatic: what "auto" means. */
void qvirtio_set_notify(QTestState *s, const char *path, const char *modes, unsigned n,
                        const char *automatic);
/* The mode of queue index among these modes. */
char *qvirtio_notify_mode(const char *modes, unsigned index, const char *automatic);
/* Posted and answered writes to the region of this name that its home has carried out since it has
 * it. */
uint64_t qvirtio_posted(QTestState *s, const char *region);
uint64_t qvirtio_answered(QTestState *s, const char *region);

/* A machine with a root port, "rp". */
typedef struct QVirtioPort {
    QTestState *s;
    QPCIBus *bus;
    QPCIDevice *port;
} QVirtioPort;

QVirtioPort *qvirtio_port_new(const char *fmt, ...) QTEST_PRINTF(1, 2);
void qvirtio_port_free(QVirtioPort *p);
/* device_add of driver as id, with further members; its driver. */
QVirtio *qvirtio_port_plug(QVirtioPort *p, const char *driver, const char *id, const char *members);
/* The guest takes the slot's power.  begin does not wait for the answer, so that what a client says
 * next comes in the midst of it, and returns what the slot's control register is to be; end does. */
unsigned qvirtio_port_power_off_begin(QVirtioPort *p);
void qvirtio_port_power_off_end(QVirtioPort *p);
/* device_del, which the guest does not answer: the reset of the machine ends the unplug.  The
 * device child in it (NULL: there is none), its back end and the device are gone, in this order; v
 * is freed, the port is ready for the next one. */
void qvirtio_port_unplug(QVirtioPort *p, QVirtio *v, const char *id, const char *child);

#endif
