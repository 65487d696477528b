/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The abstract type of all vCPUs: a device that cannot be made by -device and that keeps its index
 * and topology. */
#include "qemu/osdep.h"

#include "system/cpus.h"

static void cpu_instance_init(Object *obj)
{
    CPUState *cpu = CPU(obj);

    cpu->cpu_index = -1;
    cpu->thread_id = -1;
}

static void cpu_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->category = DEVICE_CATEGORY_CPU;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static const TypeInfo cpu_type = {
    .name = TYPE_CPU,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(CPUState),
    .abstract = true,
    .class_init = cpu_class_init,
    .instance_init = cpu_instance_init,
};
QOM_TYPE(cpu_type);
