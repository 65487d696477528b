/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accelerators: "kvm", "qtest".  Types are NAME-accel. */
#ifndef SYSTEM_ACCEL_H
#define SYSTEM_ACCEL_H

#include "qom/object.h"

#define TYPE_ACCEL "accel"

typedef struct AccelState {
    Object parent_obj;
} AccelState;

struct MachineState;
typedef struct AccelClass {
    ObjectClass parent_class;
    const char *name;               /* "kvm" */
    /* Machine and accel properties are set; before any device or CPU.  False with errp: the next -accel is tried. */
    bool (*init_machine)(AccelState *accel, struct MachineState *ms, GError **errp);
} AccelClass;
#define ACCEL_GET_CLASS(obj) ((AccelClass *)object_get_class(obj))

AccelState *current_accel(void);    /* NULL before it is chosen */
const char *current_accel_name(void);
bool qtest_enabled(void);           /* -accel qtest is in use */

#endif
