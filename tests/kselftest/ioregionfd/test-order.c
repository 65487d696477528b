/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In which order commands come, what happens when a channel is full, which region a write goes to (data match, update).
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "tests.h"

#define POSTED KVM_IOREGION_POSTED_WRITES
#define PIO KVM_IOREGION_PIO

/* Posted and answered, memory and ports, of several regions. */
static void order_bus_mix(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[40];
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 0x100, POSTED, 0);
    channel_bind(m, c, GUEST_MMIO + 0x100, 0x100, 0, 1);
    channel_bind(m, c, 0x500, 0x10, POSTED | PIO, 2);
    channel_bind(m, c, 0x600, 0x10, PIO, 3);
    for (unsigned i = 0; i < 40; i++) {
        static const uint64_t where[] = {GUEST_MMIO, GUEST_MMIO + 0x100, 0x500, 0x600};
        unsigned which = i * 7 / 3 % 4;

        ops[i] = (struct guest_op){which < 2 ? OP_WRITE : OP_OUT, 1, where[which] + 2, 0x100 + i, 1};
    }
    vcpu_script(v, ops, 40);
    vcpu_start(v);
    for (unsigned i = 0; i < 40; i++) {
        unsigned which = i * 7 / 3 % 4;

        cmd = device_want(c);
        WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 2,
                 (which & 1 ? IOREGIONFD_RESP : 0) | (which & 2 ? IOREGIONFD_PIO : 0), which, 2, 0x100 + i);
        if (which & 1)
            device_answer(c, &cmd, 0);
    }
    EQUAL(vcpu_join(v), 0);
}

/* What two vCPUs order by a lock of the guest's comes in that order. */
static void tickets(unsigned vcpus, unsigned each, uint32_t flags)
{
    struct machine *m = machine_new(vcpus);
    struct channel *c = channel_new(m);
    struct guest_op op = {OP_TICKET, 3, GUEST_MMIO + 8, 0, each};
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 0x100, flags, 9);
    for (unsigned i = 0; i < vcpus; i++) {
        vcpu_script(&m->vcpu[i], &op, 1);
        vcpu_start(&m->vcpu[i]);
    }
    for (unsigned i = 0; i < vcpus * each; i++) {
        cmd = device_want(c);
        EQUAL(cmd.offset, 8);
        EQUAL(cmd.data, i + 1);
        if (cmd.info & IOREGIONFD_RESP)
            device_answer(c, &cmd, 0);
    }
    for (unsigned i = 0; i < vcpus; i++)
        EQUAL(vcpu_join(&m->vcpu[i]), 0);
    device_quiet(c);
}

static void order_one_file(void)
{
    tickets(2, 500 + 500 * options.seconds, POSTED);
}

static void order_answered(void)
{
    tickets(2, 100 + 100 * options.seconds, 0);
}

/* An answered command comes after all posted ones before it, though nobody has read those. */
static void order_posted_then_read(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_WRITE, 2, GUEST_MMIO, 1, 30}, {OP_READ, 2, GUEST_MMIO, 0, 1}, {OP_WRITE, 2, GUEST_MMIO, 31, 1}};
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 8, POSTED, 1);
    vcpu_script(v, ops, 3);
    vcpu_start(v);
    CHECK(!vcpu_has_ended(v, 30));
    for (unsigned i = 1; i <= 30; i++) {
        cmd = device_want(c);
        WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, 0, 1, 0, i);
    }
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 4, IOREGIONFD_RESP, 1, 0, 0);
    device_quiet(c);
    device_answer(c, &cmd, 5);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, 0, 1, 0, 31);
    EQUAL(vcpu_join(v), 0);
}

/* More posted writes than fit: the vCPU waits for the one that did not, and for no other. */
static void posted_full(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, options.channel, 8);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_WRITE, 2, GUEST_MMIO, 0, 5000};
    unsigned answered = 0;

    channel_bind(m, c, GUEST_MMIO, 8, POSTED, 1);
    vcpu_script(v, &op, 1);
    vcpu_start(v);
    do { /* until it is full, as nobody takes anything */
        vcpu_interrupt(v);
        sleep_ms(5);
    } while (__atomic_load_n(&v->run->exit_reason, __ATOMIC_ACQUIRE) != KVM_EXIT_IOREGION_PENDING);
    CHECK(!vcpu_has_ended(v, 20));
    for (unsigned i = 0; i < 5000; i++) {
        struct ioregionfd_cmd cmd = device_want(c);

        EQUAL(cmd.data, i);
        if (cmd.info & IOREGIONFD_RESP) {
            answered++;
            device_answer(c, &cmd, 0);
        }
    }
    EQUAL(vcpu_join(v), 0);
    device_quiet(c);
    test_note("%u of 5,000 posted writes were answered", answered);
    CHECK(answered >= 1);
    EQUAL(v->logged, 0);
}

/* All vCPUs have answered commands in a channel that has room for few. */
static void answered_full(void)
{
    struct machine *m = machine_new(4);
    struct kvm_create_ioregionfd create = {.size = sizeof(create), .posted = 1, .answered = 1};
    struct kvm_ioregion region = {.size = sizeof(region), .guest_paddr = GUEST_MMIO, .memory_size = 0x100};
    struct guest_op op = {OP_READ, 2, 0, 0, 1};
    uint64_t seen = 0;

    region.fd = channel_create(m, &create);
    CHECK(region.fd >= 0);
    EQUAL(region_set(m, &region), 0);
    for (unsigned i = 0; i < 4; i++) {
        op.addr = GUEST_MMIO + 4 * i;
        vcpu_script(&m->vcpu[i], &op, 1);
        vcpu_start(&m->vcpu[i]);
    }
    sleep_ms(50);
    for (unsigned i = 0; i < 4; i++)
        vcpu_interrupt(&m->vcpu[i]); /* those that wait for room, too */
    for (unsigned i = 0; i < 4; i++) {
        struct ioregionfd_cmd cmd;
        struct ioregionfd_resp response = {0};

        if (read(region.fd, &cmd, sizeof(cmd)) != sizeof(cmd))
            FAIL("no command: %s", strerror(errno));
        seen |= 1ull << cmd.offset / 4;
        response.id = cmd.id;
        response.data = cmd.offset + 100;
        EQUAL(write(region.fd, &response, sizeof(response)), sizeof(response));
    }
    EQUAL(seen, 15);
    for (unsigned i = 0; i < 4; i++) {
        EQUAL(vcpu_join(&m->vcpu[i]), 0);
        EQUAL(vcpu_op(&m->vcpu[i], 0)->value, 4 * i + 100);
    }
}

/* Two commands in flight are answered the other way round. */
static void out_of_order(void)
{
    struct machine *m = machine_new(2);
    struct channel *c = channel_new(m);
    struct guest_op op = {OP_READ, 2, GUEST_MMIO, 0, 1};
    struct ioregionfd_cmd cmd[2];

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 1);
    for (unsigned i = 0; i < 2; i++) {
        op.addr = GUEST_MMIO + 8 * i;
        vcpu_script(&m->vcpu[i], &op, 1);
        vcpu_start(&m->vcpu[i]);
    }
    cmd[0] = device_want(c);
    cmd[1] = device_want(c);
    CHECK(cmd[0].id != cmd[1].id);
    device_answer(c, &cmd[1], cmd[1].offset + 1);
    device_answer(c, &cmd[0], cmd[0].offset + 1);
    for (unsigned i = 0; i < 2; i++) {
        EQUAL(vcpu_join(&m->vcpu[i]), 0);
        EQUAL(vcpu_op(&m->vcpu[i], 0)->value, 8 * i + 1);
    }
}

/* --- data match ---------------------------------------------------------------------------------------------------------- */

static void datamatch(void)
{
    struct machine *m = machine_new(1);
    struct channel *c[3];
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_WRITE, 1, GUEST_MMIO, 0, 4},           /* 0 to 2 match, 3 does not */
                             {OP_WRITE, 2, GUEST_MMIO, 1, 1},           /* another size */
                             {OP_WRITE, 0, GUEST_MMIO, 1, 1},
                             {OP_WRITE, 1, GUEST_MMIO + 1, 1, 1},       /* another address */
                             {OP_WRITE, 1, GUEST_MMIO, 0x10001, 1},     /* the same in two bytes */
                             {OP_READ, 1, GUEST_MMIO, 0, 1}};

    for (unsigned i = 0; i < 3; i++) {
        struct kvm_ioregion region;

        c[i] = channel_new(m);
        region = channel_region(c[i], GUEST_MMIO, 2, POSTED | KVM_IOREGION_DATAMATCH, 10 + i);
        region.datamatch = i;
        EQUAL(region_set(m, &region), 0);
    }
    vcpu_do(v, ops, 6);
    for (unsigned i = 0; i < 3; i++) {
        struct ioregionfd_cmd cmd = device_want(c[i]);

        WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 2, 0, 10 + i, 0, i);
    }
    {
        struct ioregionfd_cmd cmd = device_want(c[1]);

        WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 2, 0, 11, 0, 1);
    }
    for (unsigned i = 0; i < 3; i++)
        device_quiet(c[i]);
    EQUAL(v->logged, 5);
    EQUAL(v->log[0].data, 3);
    CHECK(v->log[0].write && !v->log[4].write);
}

static void datamatch_answered(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct kvm_ioregion region = channel_region(c, 0x700, 1, PIO | KVM_IOREGION_DATAMATCH, 3);
    struct guest_op op = {OP_OUT, 0, 0x700, 0x54, 3};
    struct ioregionfd_cmd cmd;

    region.datamatch = 0x55;
    EQUAL(region_set(m, &region), 0);
    vcpu_script(v, &op, 1);
    vcpu_start(v);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 1, IOREGIONFD_RESP | IOREGIONFD_PIO, 3, 0, 0x55);
    vcpu_interrupt(v);
    device_answer(c, &cmd, 0);
    EQUAL(vcpu_join(v), 0);
    EQUAL(v->logged, 2);
}

/* --- update -------------------------------------------------------------------------------------------------------------- */

static void update_fields(void)
{
    struct machine *m = machine_new(1);
    struct channel *a = channel_new(m), *b = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_WRITE, 2, GUEST_MMIO + 4, 1, 1};
    struct kvm_ioregion region = channel_region(b, GUEST_MMIO, 0x10, POSTED | KVM_IOREGION_UPDATE, 22);
    struct ioregionfd_cmd cmd;

    channel_bind(m, a, GUEST_MMIO, 0x10, POSTED, 11);
    vcpu_do(v, &op, 1);
    cmd = device_want(a);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, 0, 11, 4, 1);
    region.offset = 0x1000;
    EQUAL(region_set(m, &region), 0);
    vcpu_do(v, &op, 1);
    cmd = device_want(b);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, 0, 22, 0x1004, 1);
    device_quiet(a);
    region.flags &= ~POSTED; /* now it is answered */
    EQUAL(region_set(m, &region), 0);
    vcpu_script(v, &op, 1);
    vcpu_start(v);
    cmd = device_want(b);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, IOREGIONFD_RESP, 22, 0x1004, 1);
    device_answer(b, &cmd, 0);
    EQUAL(vcpu_join(v), 0);
    EQUAL(v->logged, 0);
}

static void update_in_flight(void)
{
    struct machine *m = machine_new(1);
    struct channel *a = channel_new(m), *b = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_READ, 2, GUEST_MMIO, 0, 1}, {OP_READ, 2, GUEST_MMIO, 0, 1}};
    struct kvm_ioregion region = channel_region(b, GUEST_MMIO, 0x10, KVM_IOREGION_UPDATE, 22);
    struct ioregionfd_cmd cmd;

    channel_bind(m, a, GUEST_MMIO, 0x10, 0, 11);
    vcpu_script(v, ops, 2);
    vcpu_start(v);
    cmd = device_want(a);
    EQUAL(region_set(m, &region), 0); /* does not wait for the answer */
    CHECK(!vcpu_has_ended(v, 20));
    device_answer(a, &cmd, 5);
    cmd = device_want(b);
    EQUAL(cmd.user_data, 22);
    device_answer(b, &cmd, 6);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 5);
    EQUAL(vcpu_op(v, 1)->value, 6);
    EQUAL(v->logged, 0);
}

/* A vCPU writes all the time while the region moves to and fro: every write comes, none exits. */
static void update_no_gap(void)
{
    struct machine *m = machine_new(1);
    struct channel *c[2] = {channel_new(m), channel_new(m)};
    struct server *s[2] = {server_start(c[0]), server_start(c[1])};
    struct vcpu *v = &m->vcpu[0];
    unsigned writes = 1000 + 3000 * options.seconds;
    struct guest_op op = {OP_WRITE, 2, GUEST_MMIO, 1, writes};
    struct kvm_ioregion region[2];
    unsigned updates = 0;
    int64_t until;

    for (unsigned i = 0; i < 2; i++)
        region[i] = channel_region(c[i], GUEST_MMIO, 0x10, KVM_IOREGION_UPDATE | POSTED, i);
    channel_bind(m, c[0], GUEST_MMIO, 0x10, POSTED, 0);
    vcpu_script(v, &op, 1);
    vcpu_start(v);
    while (!__atomic_load_n(&v->ended, __ATOMIC_ACQUIRE)) {
        EQUAL(region_set(m, &region[++updates & 1]), 0);
        if (updates & 4)
            sleep_ms(1);
    }
    EQUAL(vcpu_join(v), 0);
    until = now_ms() + limit_ms(1000);
    while (server_seen(s[0]) + server_seen(s[1]) < writes && now_ms() < until)
        sleep_ms(5);
    sleep_ms(20); /* none comes twice */
    EQUAL(v->logged, 0);
    EQUAL(server_stop(s[0]) + server_stop(s[1]), writes);
    test_note("%u updates", updates);
}

const struct test order_tests[] = {
    {"order-bus-mix", "posted and answered, memory and ports: one order", order_bus_mix, CH_ALL, 0, 0},
    {"order-one-file", "2 vCPUs: posted writes come as the guest's lock orders them", order_one_file, CH_ALL, 0, 20},
    {"order-answered", "2 vCPUs: answered writes likewise", order_answered, CH_ALL, 0, 20},
    {"order-posted-then-read", "a read comes after the posted writes before it", order_posted_then_read, CH_ALL, 0, 0},
    {"posted-full", "a posted write that finds no room is waited for; none is lost", posted_full, CH_ALL, 0, 20},
    {"answered-full", "answered commands wait for room, each its turn", answered_full, 0, 0, 0},
    {"answer-out-of-order", "answers in another order reach those that wait for them", out_of_order, CH_ALL, 0, 0},
    {"datamatch", "one register's writes go to several files by value; all else exits", datamatch, CH_ALL, 0, 0},
    {"datamatch-answered", "the same, answered, on a port", datamatch_answered, CH_ALL, 0, 0},
    {"update", "UPDATE changes channel, user_data, offset and kind of writes", update_fields, CH_ALL, 0, 0},
    {"update-in-flight", "what is in flight is answered from the old channel", update_in_flight, CH_ALL, 0, 0},
    {"update-no-gap", "no write falls between the old and the new region", update_no_gap, CH_ALL, 0, 20},
    {0}};
