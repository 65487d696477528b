/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Four vCPUs on one channel and on four, reads checked one by one, with signals, for as long as the command line says.
 */
#include <string.h>

#include "channel.h"
#include "tests.h"

#define POSTED KVM_IOREGION_POSTED_WRITES

enum { VCPUS = 4, STOP = GUEST_DATA + 0x8000 };

/* Reads of one's own registers, whose values nobody else's have; posted and answered writes; ports. */
static void load_script(struct vcpu *v)
{
    uint64_t base = GUEST_MMIO + v->index * 0x1000;
    struct guest_op ops[8];

    for (unsigned i = 0; i < 4; i++) {
        uint64_t offset = v->index * 0x1000 + 8 + 16 * i;

        ops[i] = (struct guest_op){OP_EXPECT, i, GUEST_MMIO + offset, server_value(1, offset), 1};
        if (i < 3)
            ops[i].value &= (1ull << (8 << i)) - 1;
    }
    ops[4] = (struct guest_op){OP_WRITE, 2, base + 0x100000, 0, 20};
    ops[5] = (struct guest_op){OP_WRITE, 1, base + 0x200, 0, 2};
    ops[6] = (struct guest_op){OP_OUT, 0, 0x500 + v->index, 1, 1};
    ops[7] = (struct guest_op){OP_JUMP_UNLESS, 0, STOP, op_address(v, 0), 1};
    vcpu_script(v, ops, 8);
}

static void load(unsigned channels)
{
    struct machine *m = machine_new(VCPUS);
    struct channel *c[VCPUS];
    struct server *s[VCPUS];
    uint64_t seed = options.seed, commands = 0;
    int64_t until = now_ms() + options.seconds * 1000;

    for (unsigned i = 0; i < channels; i++) {
        unsigned vcpus = VCPUS / channels;
        uint64_t start = GUEST_MMIO + i * vcpus * 0x1000;
        struct kvm_ioregion region;

        c[i] = channel_new(m);
        region = channel_region(c[i], start, vcpus * 0x1000, 0, 1);
        region.offset = start - GUEST_MMIO;
        EQUAL(region_set(m, &region), 0);
        channel_bind(m, c[i], start + 0x100000, vcpus * 0x1000, POSTED, 2);
        channel_bind(m, c[i], 0x500 + i * vcpus, vcpus, KVM_IOREGION_PIO | POSTED, 3);
        s[i] = server_start(c[i]);
    }
    for (unsigned i = 0; i < VCPUS; i++) {
        load_script(&m->vcpu[i]);
        vcpu_start(&m->vcpu[i]);
    }
    while (now_ms() < until) {
        sleep_ms(1 + random_next(&seed) % 8);
        vcpu_kick(&m->vcpu[random_next(&seed) % VCPUS]);
    }
    __atomic_store_n((uint64_t *)(m->ram + STOP), 1, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < VCPUS; i++) {
        struct vcpu *v = &m->vcpu[i];

        EQUAL(vcpu_join(v), 0);
        EQUAL(v->logged, 0); /* not one exit */
        CHECK(v->exits < 1000000);
    }
    EQUAL(*(uint64_t *)(m->ram + GUEST_WRONG), 0); /* not one wrong value */
    sleep_ms(30);
    for (unsigned i = 0; i < channels; i++)
        commands += server_stop(s[i]);
    test_note("%llu commands", (unsigned long long)commands);
    CHECK(commands > VCPUS * 20);
}

static void one_file(void)
{
    load(1);
}

static void four_files(void)
{
    load(4);
}

const struct test load_tests[] = {
    {"load-one-file", "4 vCPUs on one channel", one_file, CH_ALL, 0, 20},
    {"load-four-files", "4 vCPUs on four channels", four_files, CH_ALL, 0, 20},
    {0}};
