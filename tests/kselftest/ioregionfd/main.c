/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Selftests of the kernel's half of ioregionfd; one front end and one channel a run. TAP on the standard output.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "tests.h"

static const struct test *const tables[] = {abi_tests, access_tests, order_tests, wait_tests, life_tests,
                                            channel_tests, hostile_tests, shadow_tests, load_tests, module_tests, NULL};

static const struct {
    const char *name;
    unsigned value;
} fronts[] = {{"kvm", FRONT_KVM}, {"module", FRONT_MODULE}},
  channels[] = {{"socket", CH_SOCKET}, {"pipe", CH_PIPE},             {"file", CH_FILE},    {"uring", CH_URING},
                {"ring", CH_RING},     {"ring-sleep", CH_RING_SLEEP}, {"shadow", CH_SHADOW}};

static unsigned find(const char *what, const char *name, const void *table, size_t count)
{
    const typeof(fronts[0]) *entry = table;

    for (size_t i = 0; i < count; i++) {
        if (!strcmp(entry[i].name, name))
            return entry[i].value;
    }
    fprintf(stderr, "%s \"%s\" is none of", what, name);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, " %s", entry[i].name);
    fprintf(stderr, "\n");
    exit(2);
}

static void usage(const char *program)
{
    printf("usage: %s [--front kvm|module] [--channel NAME] [--seconds N] [--slow N] [--seed N] [--list] [TEST]...\n"
           "channels: socket pipe file uring ring ring-sleep shadow\n"
           "--seconds  how long loads and random input last [1]\n"
           "--slow     multiplies time limits: this machine is emulated, or its kernel checks itself [1]\n"
           "--list     names of tests, with masks of the channels and front ends that they are for\n",
           program);
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"front", 1, 0, 'f'}, {"channel", 1, 0, 'c'}, {"seconds", 1, 0, 's'},
                                          {"slow", 1, 0, 'w'},  {"seed", 1, 0, 'r'},    {"list", 0, 0, 'l'},
                                          {"help", 0, 0, 'h'},  {0}};
    bool list = false;
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        switch (c) {
        case 'f':
            options.front = find("front end", optarg, fronts, sizeof(fronts) / sizeof(fronts[0]));
            break;
        case 'c':
            options.channel = find("channel", optarg, channels, sizeof(channels) / sizeof(channels[0]));
            break;
        case 's':
            options.seconds = strtoul(optarg, NULL, 0);
            break;
        case 'w':
            options.slow = strtoul(optarg, NULL, 0) ?: 1;
            break;
        case 'r':
            options.seed = strtoull(optarg, NULL, 0) ?: 1;
            break;
        case 'l':
            list = true;
            break;
        default:
            usage(argv[0]);
            return c == 'h' ? 0 : 2;
        }
    }
    if (!list)
        machine_keep();
    return run_tests(tables, argv + optind, list);
}
