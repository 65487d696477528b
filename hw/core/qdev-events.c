/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sends DEVICE_DELETED.  In a file of its own, so that unit tests of devices link without a
 * monitor. */
#include "hw/qdev-core.h"
#include "qapi/qapi-events.h"

static __attribute__((constructor)) void connect_events(void)
{
    qdev_set_deleted_fn(qapi_event_send_device_deleted);
}
