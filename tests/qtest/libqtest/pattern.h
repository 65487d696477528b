/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images and guest memory whose bytes tell where on the disk they are from. */
#ifndef LIBQTEST_PATTERN_H
#define LIBQTEST_PATTERN_H

#include "libqtest.h"

/* The byte at this offset of the disk: neighbours differ, and so do neighbouring sectors. */
uint8_t qpattern(uint64_t offset);
/* A temporary file of size bytes (the caller unlinks it); its path (g_free). */
char *qpattern_image(size_t size);
/* len bytes of guest memory at addr are those of the disk from offset; or become them. */
void qpattern_check(QTestState *s, uint64_t addr, uint64_t offset, size_t len);
void qpattern_put(QTestState *s, uint64_t addr, uint64_t offset, size_t len);

#endif
