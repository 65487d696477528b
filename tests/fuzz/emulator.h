/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole emulator in a fuzzer's process, without a CPU that runs. */
#ifndef TESTS_FUZZ_EMULATOR_H
#define TESTS_FUZZ_EMULATOR_H

#include "qemu/osdep.h"

/* Starts it with -accel qtest and these further options (NULL-terminated). The current folder is an
 * empty one from now on, which goes when the process ends in order; stdout goes nowhere. */
void emulator_start(const char *const *args);
/* Runs what the main loop has to do. */
void emulator_settle(void);

#endif
