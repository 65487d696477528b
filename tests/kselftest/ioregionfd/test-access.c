/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which commands accesses become, and what the guest gets: sizes, alignment, edges, strings, ports.
 */
#include <string.h>

#include "channel.h"
#include "tests.h"

enum { DATA = 0x11 }; /* user_data of most regions */

#define PATTERN 0x8877665544332211ull

static uint64_t low_bytes(uint64_t value, unsigned size)
{
    return size == 8 ? value : value & ((1ull << size * 8) - 1);
}

static void read_sizes(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[4];

    channel_bind(m, c, GUEST_MMIO, 0x1000, 0, DATA);
    for (unsigned i = 0; i < 4; i++)
        ops[i] = (struct guest_op){OP_READ, i, GUEST_MMIO + 0x100 + 16 * i, 0, 1};
    vcpu_script(v, ops, 4);
    vcpu_start(v);
    for (unsigned i = 0; i < 4; i++) {
        struct ioregionfd_cmd cmd = device_want(c);

        WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 1u << i, IOREGIONFD_RESP, DATA, 0x100 + 16 * i, 0);
        device_answer(c, &cmd, PATTERN); /* what lies above the size must not matter */
    }
    EQUAL(vcpu_join(v), 0);
    for (unsigned i = 0; i < 4; i++)
        EQUAL(vcpu_op(v, i)->value, low_bytes(PATTERN, 1u << i));
    EQUAL(v->logged, 0);
}

static void write_sizes(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[4];

    channel_bind(m, c, GUEST_MMIO, 0x1000, 0, DATA);
    for (unsigned i = 0; i < 4; i++)
        ops[i] = (struct guest_op){OP_WRITE, i, GUEST_MMIO + 8 * i, PATTERN, 1};
    vcpu_script(v, ops, 4);
    vcpu_start(v);
    for (unsigned i = 0; i < 4; i++) {
        struct ioregionfd_cmd cmd = device_want(c);

        WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 1u << i, IOREGIONFD_RESP, DATA, 8 * i,
                 low_bytes(PATTERN, 1u << i));
        CHECK(!vcpu_has_ended(v, 10)); /* it waits for the answer */
        device_answer(c, &cmd, 0);
    }
    EQUAL(vcpu_join(v), 0);
    EQUAL(v->logged, 0);
}

static void posted_sizes(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[4];

    channel_bind(m, c, GUEST_MMIO, 0x1000, KVM_IOREGION_POSTED_WRITES, DATA);
    for (unsigned i = 0; i < 4; i++)
        ops[i] = (struct guest_op){OP_WRITE, i, GUEST_MMIO + 8 * i, PATTERN, 1};
    vcpu_do(v, ops, 4); /* nobody serves the channel: posted writes wait for nobody */
    EQUAL(v->logged, 0);
    for (unsigned i = 0; i < 4; i++) {
        struct ioregionfd_cmd cmd = device_want(c);

        WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 1u << i, 0, DATA, 8 * i, low_bytes(PATTERN, 1u << i));
        EQUAL(cmd.id, 0);
    }
    device_quiet(c);
}

static void posted_region_read(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_READ, 2, GUEST_MMIO + 4, 0, 1};
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 0x1000, KVM_IOREGION_POSTED_WRITES, DATA);
    vcpu_script(v, &op, 1);
    vcpu_start(v);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 4, IOREGIONFD_RESP, DATA, 4, 0);
    device_answer(c, &cmd, 0xfeedf00d);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0xfeedf00d);
}

static void unaligned(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_READ, 2, GUEST_MMIO + 1, 0, 1},
                             {OP_WRITE, 1, GUEST_MMIO + 0x13, 0xabcd, 1},
                             {OP_READ, 3, GUEST_MMIO + 0x25, 0, 1}};
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 0x1000, 0, DATA);
    vcpu_script(v, ops, 3);
    vcpu_start(v);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 4, IOREGIONFD_RESP, DATA, 1, 0);
    device_answer(c, &cmd, 0x01020304);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 2, IOREGIONFD_RESP, DATA, 0x13, 0xabcd);
    device_answer(c, &cmd, 0);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 8, IOREGIONFD_RESP, DATA, 0x25, 0);
    device_answer(c, &cmd, PATTERN);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0x01020304);
    EQUAL(vcpu_op(v, 2)->value, PATTERN);
}

/* KVM cuts an access at a page's end; here both halves are the region's. */
static void page_crossing(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_READ, 3, GUEST_MMIO + 0xffc, 0, 1},
                             {OP_WRITE, 3, GUEST_MMIO + 0xffc, PATTERN, 1}};
    uint64_t answer = 0x1111111122222222;
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 0x2000, 0, DATA);
    vcpu_script(v, ops, 2);
    vcpu_start(v);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 4, IOREGIONFD_RESP, DATA, 0xffc, 0);
    device_answer(c, &cmd, answer & 0xffffffff);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 4, IOREGIONFD_RESP, DATA, 0x1000, 0);
    device_answer(c, &cmd, answer >> 32);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, IOREGIONFD_RESP, DATA, 0xffc, PATTERN & 0xffffffff);
    device_answer(c, &cmd, 0);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, IOREGIONFD_RESP, DATA, 0x1000, PATTERN >> 32);
    device_answer(c, &cmd, 0);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, answer);
    EQUAL(v->logged, 0);
}

/* The second half goes to another region, then to nobody; each with a signal in between. */
static void page_crossing_two(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_READ, 3, GUEST_MMIO + 0xffc, 0, 1}, {OP_READ, 3, GUEST_MMIO + 0x1ffc, 0, 1}};
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 0x1000, 0, 1);
    channel_bind(m, c, GUEST_MMIO + 0x1000, 0x1000, 0, 2);
    v->fill = 0x77777777;
    vcpu_script(v, ops, 2);
    vcpu_start(v);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 4, IOREGIONFD_RESP, 1, 0xffc, 0);
    vcpu_interrupt(v);
    device_answer(c, &cmd, 0xaaaaaaaa);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 4, IOREGIONFD_RESP, 2, 0, 0);
    vcpu_interrupt(v);
    device_answer(c, &cmd, 0xbbbbbbbb);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 4, IOREGIONFD_RESP, 2, 0xffc, 0);
    vcpu_interrupt(v);
    device_answer(c, &cmd, 0xcccccccc);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0xbbbbbbbbaaaaaaaa);
    EQUAL(vcpu_op(v, 1)->value, 0x77777777cccccccc);
    EQUAL(v->logged, 1);
    EQUAL(v->log[0].addr, GUEST_MMIO + 0x2000);
}

static void edge(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    /* over the end, over the start, behind, and the last four bytes, which are inside */
    struct guest_op ops[] = {{OP_READ, 2, GUEST_MMIO + 0x1fe, 0, 1},  {OP_WRITE, 2, GUEST_MMIO + 0x1fd, 5, 1},
                             {OP_READ, 2, GUEST_MMIO + 0xfe, 0, 1},   {OP_WRITE, 3, GUEST_MMIO + 0xf9, 6, 1},
                             {OP_READ, 0, GUEST_MMIO + 0x200, 0, 1},  {OP_READ, 0, GUEST_MMIO + 0xff, 0, 1},
                             {OP_READ, 2, GUEST_MMIO + 0x1fc, 0, 1}};
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO + 0x100, 0x100, 0, DATA);
    vcpu_script(v, ops, 7);
    vcpu_start(v);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 4, IOREGIONFD_RESP, DATA, 0xfc, 0);
    device_answer(c, &cmd, 1);
    EQUAL(vcpu_join(v), 0);
    EQUAL(v->logged, 6);
    for (unsigned i = 0; i < 6; i++) {
        EQUAL(v->log[i].reason, KVM_EXIT_MMIO);
        EQUAL(v->log[i].addr, ops[i].addr);
        EQUAL(v->log[i].len, 1u << ops[i].log2size);
        EQUAL(v->log[i].write, ops[i].op == OP_WRITE);
    }
    EQUAL(vcpu_op(v, 0)->value, v->fill & 0xffffffff);
    EQUAL(vcpu_op(v, 6)->value, 1);
}

static void one_byte_region(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_READ, 0, GUEST_MMIO + 0x10, 0, 1}, {OP_READ, 1, GUEST_MMIO + 0x10, 0, 1}};
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO + 0x10, 1, 0, DATA);
    vcpu_script(v, ops, 2);
    vcpu_start(v);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 1, IOREGIONFD_RESP, DATA, 0, 0);
    device_answer(c, &cmd, 0x42);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0x42);
    EQUAL(v->logged, 1);
}

static void sixteen_bytes(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_WRITE16, 0, GUEST_MMIO + 0x40, PATTERN, 1}, {OP_READ16, 0, GUEST_MMIO + 0x40, 0, 1}};
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 0x1000, 0, DATA);
    vcpu_script(v, ops, 2);
    vcpu_start(v);
    for (unsigned i = 0; i < 4; i++) {
        cmd = device_want(c);
        WANT_CMD(&cmd, i < 2 ? IOREGIONFD_CMD_WRITE : IOREGIONFD_CMD_READ, 8, IOREGIONFD_RESP, DATA,
                 0x40 + 8 * (i & 1), i < 2 ? PATTERN : 0);
        if (i & 1)
            vcpu_interrupt(v);
        device_answer(c, &cmd, 100 + i);
    }
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 1)->value, 102);
    EQUAL(vcpu_op(v, 1)->count, 103);
    EQUAL(v->logged, 0);
}

static void read_modify_write(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_OR, 2, GUEST_MMIO + 8, 0xf0, 1};
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 0x1000, 0, DATA);
    vcpu_script(v, &op, 1);
    vcpu_start(v);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 4, IOREGIONFD_RESP, DATA, 8, 0);
    device_answer(c, &cmd, 0x0f);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, IOREGIONFD_RESP, DATA, 8, 0xff);
    device_answer(c, &cmd, 0);
    EQUAL(vcpu_join(v), 0);
}

static void memory_string(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_MOVS, 0, GUEST_MMIO + 0x20, GUEST_DATA, 5};

    channel_bind(m, c, GUEST_MMIO, 0x1000, 0, DATA);
    vcpu_script(v, &op, 1);
    vcpu_start(v);
    for (unsigned i = 0; i < 5; i++) {
        struct ioregionfd_cmd cmd = device_want(c);

        WANT_CMD(&cmd, IOREGIONFD_CMD_READ, 1, IOREGIONFD_RESP, DATA, 0x20 + i, 0);
        device_answer(c, &cmd, 'a' + i);
    }
    EQUAL(vcpu_join(v), 0);
    CHECK(!memcmp(m->ram + GUEST_DATA, "abcde", 6));
}

static void port_sizes(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[6];

    channel_bind(m, c, 0x500, 0x10, KVM_IOREGION_PIO, DATA);
    for (unsigned i = 0; i < 3; i++) {
        ops[i] = (struct guest_op){OP_OUT, i, 0x500 + i, PATTERN, 1};
        ops[3 + i] = (struct guest_op){OP_IN, i, 0x508 + i, 0, 1};
    }
    vcpu_script(v, ops, 6);
    vcpu_start(v);
    for (unsigned i = 0; i < 6; i++) {
        struct ioregionfd_cmd cmd = device_want(c);
        unsigned size = 1u << i % 3;

        WANT_CMD(&cmd, i < 3 ? IOREGIONFD_CMD_WRITE : IOREGIONFD_CMD_READ, size,
                 IOREGIONFD_RESP | IOREGIONFD_PIO, DATA, i < 3 ? i : 8 + i - 3,
                 i < 3 ? low_bytes(PATTERN, size) : 0);
        device_answer(c, &cmd, ~PATTERN);
    }
    EQUAL(vcpu_join(v), 0);
    for (unsigned i = 0; i < 3; i++)
        EQUAL(vcpu_op(v, 3 + i)->value, low_bytes(~PATTERN, 1u << i));
    EQUAL(v->logged, 0);
}

static void port_posted(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_OUT, 2, 0x500, 0x1000, 5};

    channel_bind(m, c, 0x500, 4, KVM_IOREGION_PIO | KVM_IOREGION_POSTED_WRITES, DATA);
    vcpu_do(v, &op, 1);
    EQUAL(v->logged, 0);
    for (unsigned i = 0; i < 5; i++) {
        struct ioregionfd_cmd cmd = device_want(c);

        WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, IOREGIONFD_PIO, DATA, 0, 0x1000 + i);
    }
}

static void port_edge(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_OUT, 2, 0x502, 1, 1}, {OP_IN, 1, 0x4ff, 0, 1}, {OP_IN, 0, 0x504, 0, 1}};

    channel_bind(m, c, 0x500, 4, KVM_IOREGION_PIO, DATA);
    vcpu_do(v, ops, 3);
    EQUAL(v->logged, 3);
    for (unsigned i = 0; i < 3; i++) {
        EQUAL(v->log[i].reason, KVM_EXIT_IO);
        EQUAL(v->log[i].addr, ops[i].addr);
    }
    device_quiet(c);
}

/* Memory and ports are two buses: the same numbers mean different regions. */
static void port_is_not_memory(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op op = {OP_IN, 0, 0x500, 0, 1};

    channel_bind(m, c, 0x500, 4, 0, DATA);
    vcpu_do(v, &op, 1);
    EQUAL(v->logged, 1);
    device_quiet(c);
}

enum { ELEMENTS = 300 };

static void string_out(unsigned log2size, bool interrupted, uint32_t flags)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    unsigned size = 1u << log2size, count = flags & KVM_IOREGION_POSTED_WRITES ? 60 : ELEMENTS;
    struct guest_op op = {OP_OUTS, log2size, 0x600, GUEST_DATA, count};

    channel_bind(m, c, 0x600, 8, KVM_IOREGION_PIO | flags, DATA);
    for (unsigned i = 0; i < count * size; i++)
        m->ram[GUEST_DATA + i] = i * 7 + 1;
    vcpu_script(v, &op, 1);
    vcpu_start(v);
    for (unsigned i = 0; i < count; i++) {
        struct ioregionfd_cmd cmd = device_want(c);
        uint64_t wanted = 0;

        memcpy(&wanted, m->ram + GUEST_DATA + i * size, size);
        WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, size,
                 IOREGIONFD_PIO | (flags & KVM_IOREGION_POSTED_WRITES ? 0 : IOREGIONFD_RESP), DATA, 0, wanted);
        if (cmd.info & IOREGIONFD_RESP) {
            if (interrupted && i % 16 == 3)
                vcpu_interrupt(v);
            device_answer(c, &cmd, 0);
        }
    }
    EQUAL(vcpu_join(v), 0);
    device_quiet(c); /* nothing comes twice */
    EQUAL(v->logged, 0);
}

static void string_in(unsigned log2size, bool interrupted)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    unsigned size = 1u << log2size;
    struct guest_op op = {OP_INS, log2size, 0x600, GUEST_DATA, ELEMENTS};

    channel_bind(m, c, 0x600, 8, KVM_IOREGION_PIO, DATA);
    vcpu_script(v, &op, 1);
    vcpu_start(v);
    for (unsigned i = 0; i < ELEMENTS; i++) {
        struct ioregionfd_cmd cmd = device_want(c);

        WANT_CMD(&cmd, IOREGIONFD_CMD_READ, size, IOREGIONFD_RESP | IOREGIONFD_PIO, DATA, 0, 0);
        if (interrupted && i % 16 == 5)
            vcpu_interrupt(v);
        device_answer(c, &cmd, i * 0x01010101u + 1);
    }
    EQUAL(vcpu_join(v), 0);
    device_quiet(c);
    for (unsigned i = 0; i < ELEMENTS; i++) {
        uint64_t got = 0;

        memcpy(&got, m->ram + GUEST_DATA + i * size, size);
        EQUAL(got, low_bytes(i * 0x01010101u + 1, size));
    }
    EQUAL(m->ram[GUEST_DATA + ELEMENTS * size], 0);
    EQUAL(v->logged, 0);
}

static void string_out_bytes(void)
{
    string_out(0, false, 0);
}

static void string_out_longs(void)
{
    string_out(2, false, 0);
}

static void string_out_posted(void)
{
    string_out(1, false, KVM_IOREGION_POSTED_WRITES);
}

static void string_out_signal(void)
{
    string_out(1, true, 0);
}

static void string_in_words(void)
{
    string_in(1, false);
}

static void string_in_signal(void)
{
    string_in(2, true);
}

/* The registration's offset says where in the device's region this range begins. */
static void offset_is_added(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct kvm_ioregion region = channel_region(c, GUEST_MMIO + 0x800, 0x100, KVM_IOREGION_POSTED_WRITES, DATA);
    struct guest_op ops[] = {{OP_WRITE, 2, GUEST_MMIO + 0x810, 3, 1}, {OP_WRITE, 2, GUEST_MMIO + 0x8fc, 4, 1}};
    struct ioregionfd_cmd cmd;

    region.offset = 0x123450000000;
    EQUAL(region_set(m, &region), 0);
    vcpu_do(v, ops, 2);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, 0, DATA, 0x123450000010, 3);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 4, 0, DATA, 0x1234500000fc, 4);
}

static void user_data_tells(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_WRITE, 0, GUEST_MMIO + 0x10, 1, 1},
                             {OP_WRITE, 0, GUEST_MMIO + 0x20, 2, 1},
                             {OP_OUT, 0, 0x700, 3, 1}};
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO + 0x10, 0x10, KVM_IOREGION_POSTED_WRITES, UINT64_MAX);
    channel_bind(m, c, GUEST_MMIO + 0x20, 0x10, KVM_IOREGION_POSTED_WRITES, 0);
    channel_bind(m, c, 0x700, 1, KVM_IOREGION_POSTED_WRITES | KVM_IOREGION_PIO, 0x8000000000000000);
    vcpu_do(v, ops, 3);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 1, 0, UINT64_MAX, 0, 1);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 1, 0, 0, 0, 2);
    cmd = device_want(c);
    WANT_CMD(&cmd, IOREGIONFD_CMD_WRITE, 1, IOREGIONFD_PIO, 0x8000000000000000, 0, 3);
}

/* Size 0: any length, posted, at exactly one address; beside it accesses exit as ever. */
static void any_length(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_WRITE, 0, GUEST_MMIO + 0x40, 1, 1},
                             {OP_WRITE, 3, GUEST_MMIO + 0x40, 2, 1},
                             {OP_WRITE, 0, GUEST_MMIO + 0x41, 3, 1}};

    channel_bind(m, c, GUEST_MMIO + 0x40, 0, KVM_IOREGION_POSTED_WRITES, DATA);
    vcpu_do(v, ops, 3);
    for (unsigned i = 0; i < 2; i++) {
        struct ioregionfd_cmd cmd = device_want(c);

        EQUAL(cmd.info, IOREGIONFD_CMD_WRITE | IOREGIONFD_SIZE_UNKNOWN);
        EQUAL(cmd.user_data, DATA);
        EQUAL(cmd.offset, 0);
        EQUAL(cmd.data, 0);
    }
    EQUAL(v->logged, 1);
    EQUAL(v->log[0].addr, GUEST_MMIO + 0x41);
}

const struct test access_tests[] = {
    {"rw-sizes", "reads of 1, 2, 4 and 8 bytes become commands and get their data", read_sizes, CH_ALL, 0, 0},
    {"write-sizes", "answered writes carry their value and wait", write_sizes, CH_ALL, 0, 0},
    {"posted-sizes", "posted writes carry their value, have no id, and wait for nobody", posted_sizes, CH_ALL, 0, 0},
    {"posted-region-read", "a read of a region of posted writes is answered", posted_region_read, CH_ALL, 0, 0},
    {"unaligned", "unaligned accesses inside a page stay whole", unaligned, CH_ALL, 0, 0},
    {"page-crossing", "an access over a page's end is two commands", page_crossing, CH_ALL, 0, 0},
    {"page-crossing-two", "its halves may lie in two regions or outside, with signals between", page_crossing_two,
     CH_ALL, 0, 0},
    {"rw-straddle", "an access that is not wholly inside a region exits as ever", edge, CH_ALL, 0, 0},
    {"one-byte-region", "a region of one byte takes just that", one_byte_region, CH_ALL, 0, 0},
    {"sixteen-bytes", "an access of 16 bytes is two of 8", sixteen_bytes, CH_ALL, 0, 0},
    {"read-modify-write", "a locked instruction is a read and a write", read_modify_write, CH_ALL, 0, 0},
    {"memory-string", "rep movs from a region reads it element by element", memory_string, CH_ALL, 0, 0},
    {"port-sizes", "ports: 1, 2 and 4 bytes, both ways", port_sizes, CH_ALL, 0, 0},
    {"port-posted", "ports: posted writes", port_posted, CH_ALL, 0, 0},
    {"port-edge", "ports: what is not wholly inside exits as ever", port_edge, CH_ALL, 0, 0},
    {"port-is-not-memory", "a region of memory does not take ports of the same number", port_is_not_memory, CH_ALL, 0, 0},
    {"pio-string", "rep outsb: a command an element", string_out_bytes, CH_ALL, 0, 0},
    {"string-out-longs", "rep outsl", string_out_longs, CH_ALL, 0, 0},
    {"string-out-posted", "rep outsw, posted", string_out_posted, CH_ALL, 0, 0},
    {"string-out-signal", "rep outsw with signals: no element is lost or comes twice", string_out_signal, CH_ALL, 0, 0},
    {"string-in-words", "rep insw: each element has its own answer", string_in_words, CH_ALL, 0, 0},
    {"string-in-signal", "rep insl with signals: no element is lost or comes twice", string_in_signal, CH_ALL, 0, 0},
    {"offset-is-added", "the registration's offset is added to each command's", offset_is_added, CH_ALL, 0, 0},
    {"user-data-tells", "user_data tells regions of one channel apart", user_data_tells, CH_ALL, 0, 0},
    {"any-length", "size 0: one address, any length, neither size nor data", any_length, CH_ALL, 0, 0},
    {0}};
