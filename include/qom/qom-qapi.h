/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties as QMP lists them. Main loop only. */
#ifndef QOM_QAPI_H
#define QOM_QAPI_H

#include "qapi/qapi-types.h"
#include "qom/object.h"

/* Properties of obj, or (obj NULL) of klass with their defaults, for which skip (may be NULL) is false; in order of name. */
ObjectPropertyInfoList *qom_property_infos(ObjectClass *klass, Object *obj, bool (*skip)(const ObjectProperty *prop));

#endif
