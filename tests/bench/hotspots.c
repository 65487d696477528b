/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plugin for level 1's emulator (its plugin interface, version 1): counts how often each piece of
 * code was executed. At each SIGRTMIN+7 it writes "address instructions" lines to the next of
 * OUT.0, OUT.1, ... and begins again from zero.
 *
 * For an emulator with one thread of execution: counters are added to without a lock.
 */
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the interface, as far as it is used ------------------------------------------------------ */

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_info_t;
enum { ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*fn)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *counter,
                                              uint64_t add);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

/* --- counting --------------------------------------------------------------------------------- */

enum { SLOTS = 1 << 22, NAME = 4096 };

static struct {
    uint64_t address, count;
} * table;
static const char *out = "hotspots";
static unsigned files;

static void dump(int number)
{
    char part[NAME], name[NAME];
    FILE *file;

    (void)number;
    snprintf(part, sizeof(part), "%s.part", out);
    snprintf(name, sizeof(name), "%s.%u", out, files++);
    file = fopen(part, "w");
    if (!file) {
        return;
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (table[i].count) {
            fprintf(file, "%lx %lu\n", (unsigned long)table[i].address,
                    (unsigned long)table[i].count);
            table[i].count = 0;
        }
    }
    if (fclose(file) == 0) {
        rename(part, name); /* who waits for it finds it whole */
    }
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    static unsigned used;
    uint64_t address = qemu_plugin_tb_vaddr(tb);
    unsigned i = (unsigned)(address * 0x9e3779b97f4a7c15u >> 42);

    (void)id;
    while (table[i].address && table[i].address != address) {
        i = (i + 1) % SLOTS;
    }
    if (!table[i].address) {
        if (used == SLOTS / 2) {
            return; /* never full: the search ends */
        }
        used++;
        table[i].address = address;
    }
    qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &table[i].count,
                                             qemu_plugin_tb_n_insns(tb));
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
                                                               const struct qemu_info_t *info,
                                                               int argc, char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0) {
        fprintf(stderr, "hotspots: out=FILE is missing\n");
        return -1;
    }
    out = strdup(argv[0] + 4);
    table = calloc(SLOTS, sizeof(*table));
    if (!out || !table) {
        return -1;
    }
    signal(SIGRTMIN + 7, dump);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
