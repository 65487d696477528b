/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long a random or a stress test takes: the everyday form, or the long one of "make soak". */
#ifndef TESTS_SOAK_H
#define TESTS_SOAK_H

#include <glib.h>

/* True under "make soak" (SOAK=1 in the environment) and with GLib's own -m slow. */
static inline gboolean soak_wanted(void)
{
    const char *env = g_getenv("SOAK");

    return g_test_slow() || (env && *env && g_strcmp0(env, "0"));
}

/* How many rounds, requests or seconds. */
static inline long soak(long everyday, long longer)
{
    return soak_wanted() ? longer : everyday;
}

#endif
