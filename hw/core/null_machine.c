/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine "none": no board, no processors; for asking the program what it has. */
#include "hw/boards.h"

static void none_class_init(ObjectClass *klass, const void *data)
{
    MachineClass *mc = (MachineClass *)klass;

    mc->name = "none";
    mc->desc = "empty machine";
    mc->max_cpus = 1;
    mc->no_accel = true;
    mc->default_ram_size = 0;
}

static const TypeInfo none_info = {
    .name = MACHINE_TYPE_NAME("none"),
    .parent = TYPE_MACHINE,
    .class_init = none_class_init,
};
QOM_TYPE(none_info);
