/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of tests, each ends with an empty entry. Names are those of docs/specs/ioregionfd.rst. */
#ifndef KST_TESTS_H
#define KST_TESTS_H

#include "harness.h"

extern const struct test abi_tests[], access_tests[], order_tests[], wait_tests[], life_tests[], hostile_tests[],
    channel_tests[], shadow_tests[], load_tests[], module_tests[];

#endif
