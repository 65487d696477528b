/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The homes that a device with queues can have. */
#include "homes.h"

const char *qhome_args(QHome home)
{
    static const char *const args[HOMES] = {
        "",
        "-object iothread,id=iot0",
        "-object iothread,id=iot0 -object ioregionfd,id=ior0,iothread=iot0",
        "-object iothread,id=iot0 -object iothread,id=iot1 -object iothread,id=iot2 "
        "-object ioregionfd,id=ior0,iothread=iot0 -object ioregionfd,id=ior1,iothread=iot1 "
        "-object ioregionfd,id=ior2,iothread=iot2",
        "-object iothread,id=iot0 -object iothread,id=iot1",
    };

    return args[home];
}

const char *qhome_name(QHome home)
{
    static const char *const names[HOMES] = {"main-loop", "iothread", "ioregionfd", "per-queue",
                                             "mapping"};

    return names[home];
}

void qhome_add(const char *name, GTestDataFunc fn)
{
    for (int home = 0; home < HOMES; home++) {
        g_autofree char *path = g_strdup_printf("%s/%s", name, qhome_name(home));

        g_test_add_data_func(path, GINT_TO_POINTER(home), fn);
    }
}
