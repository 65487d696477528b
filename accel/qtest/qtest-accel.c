/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -accel qtest: vCPUs exist and execute nothing; the virtual clock moves only when the test says
 * so. */
#include "qemu/aio.h"
#include "system/accel.h"
#include "system/cpus.h"

static const AccelCPUOps qtest_cpu_ops;

static bool qtest_init_machine(AccelState *accel, struct MachineState *ms, GError **errp)
{
    aio_clock_set_manual(true);
    cpus_register_accel(&qtest_cpu_ops);
    return true;
}

static void qtest_accel_class_init(ObjectClass *klass, const void *data)
{
    AccelClass *ac = (AccelClass *)klass;

    ac->name = "qtest";
    ac->init_machine = qtest_init_machine;
}

static const TypeInfo qtest_accel_info = {
    .name = "qtest-accel",
    .parent = TYPE_ACCEL,
    .class_init = qtest_accel_class_init,
};
QOM_TYPE(qtest_accel_info);
