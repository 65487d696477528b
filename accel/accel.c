/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The base type of accelerators, and which one is in use. */
#include "system/accel.h"

#include "hw/boards.h"

AccelState *current_accel(void)
{
    return current_machine ? current_machine->accelerator : NULL;
}

const char *current_accel_name(void)
{
    AccelState *accel = current_accel();

    return accel ? ACCEL_GET_CLASS(accel)->name : NULL;
}

bool qtest_enabled(void)
{
    return g_strcmp0(current_accel_name(), "qtest") == 0;
}

static const TypeInfo accel_info = {
    .name = TYPE_ACCEL,
    .instance_size = sizeof(AccelState),
    .class_size = sizeof(AccelClass),
    .abstract = true,
};
QOM_TYPE(accel_info);
