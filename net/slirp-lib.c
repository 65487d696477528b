/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads libslirp: whoever does not use it does not pay for it. */
#include "slirp-lib.h"

#include <dlfcn.h>

#define SONAME "libslirp.so.0"

static SlirpLib lib;

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define F(fn) {#fn, offsetof(SlirpLib, fn)},
    SLIRP_FUNCTIONS(F)
#undef F
};

const SlirpLib *slirp_lib_load(GError **errp)
{
    static void *handle;

    if (handle) {
        return &lib;
    }
    handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        error_setg(errp, "the library for user-mode networks cannot be loaded: %s", dlerror());
        return NULL;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(functions); i++) {
        void *fn = dlsym(handle, functions[i].name);

        if (!fn) {
            error_setg(errp, SONAME " has no %s: version 4.7 or later is needed",
                       functions[i].name);
            dlclose(handle);
            handle = NULL;
            return NULL;
        }
        memcpy((char *)&lib + functions[i].offset, &fn, sizeof(fn));
    }
    return &lib;
}
