/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The homes that a device with queues can have (include/hw/device-homes.h): a test runs in each. */
#ifndef LIBQTEST_HOMES_H
#define LIBQTEST_HOMES_H

#include <glib.h>

/* Where registers and queues live: all in the main loop, in an IOThread, behind an ioregionfd
 * object, behind several, queues in IOThreads by iothread-vq-mapping. */
typedef enum QHome { MAIN_LOOP, IOTHREAD, IOREGIONFD, PER_QUEUE, MAPPING, HOMES } QHome;

/* The options that make the objects iot0.. and ior0.. which home needs. */
const char *qhome_args(QHome home);

/* A device's properties, by home: what it adds to ioregionfd=ior0 for PER_QUEUE, and its mapping;
 * for the command line, and as members of JSON. */
#define QHOME_PROPS(per_queue, mapping) \
    { \
        "", ",iothread=iot0", ",ioregionfd=ior0", ",ioregionfd=ior0,ioregionfds=" per_queue, \
            mapping \
    }
#define QHOME_JSON(per_queue, mapping) \
    { \
        "", ", 'iothread': 'iot0'", ", 'ioregionfd': 'ior0'", \
            ", 'ioregionfd': 'ior0', 'ioregionfds': [" per_queue "]", \
            ", 'iothread-vq-mapping': [" mapping "]" \
    }
/* Both threads, queues by turns. */
#define QHOME_SPREAD ",iothread-vq-mapping.0.iothread=iot0,iothread-vq-mapping.1.iothread=iot1"

const char *qhome_name(QHome home);
/* Adds the test name/HOME for each home; its data is home. */
void qhome_add(const char *name, GTestDataFunc fn);
static inline QHome qhome_of(const void *data)
{
    return (QHome)GPOINTER_TO_INT(data);
}

#endif
