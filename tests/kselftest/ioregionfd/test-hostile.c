/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device that lies, and random input on every way in. Nothing may crash, hang a vCPU for good, or reach a later command.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "tests.h"

#define POSTED KVM_IOREGION_POSTED_WRITES

static const struct guest_op read_op = {OP_READ, 2, GUEST_MMIO, 0, 1};

static void answer_id(struct channel *c, uint32_t id, uint64_t data)
{
    struct ioregionfd_resp response = {.id = id, .data = data};

    /* A ring has no slot for an id beyond its own. */
    if (options.channel & CH_ANY_RING && (id & IOREGIONFD_ID_INDEX) >= channel_ring(c)->answered)
        return;
    EQUAL(device_send(c, &response), 0);
}

static uint64_t read_once(struct machine *m, struct channel *c, uint64_t data, struct ioregionfd_cmd *cmd)
{
    struct vcpu *v = &m->vcpu[0];

    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    *cmd = device_want(c);
    device_answer(c, cmd, data);
    EQUAL(vcpu_join(v), 0);
    return vcpu_op(v, 0)->value;
}

static void answer_double(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 1);
    for (unsigned i = 0; i < 50; i++) {
        EQUAL(read_once(m, c, i, &cmd), i);
        for (unsigned k = 0; k < 3; k++)
            device_answer(c, &cmd, 0xbad0 + i);
    }
    EQUAL(m->vcpu[0].logged, 0);
}

/* Before there is a command, and with each id but the right one. */
static void answer_unsolicited(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct ioregionfd_cmd cmd;
    uint32_t last;

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 1);
    for (unsigned i = 0; i < 20; i++)
        answer_id(c, i << 10 | (i & 1), 0xbad);
    read_once(m, c, 1, &cmd);
    last = cmd.id;
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    cmd = device_want(c);
    CHECK(cmd.id != last); /* the generation changes */
    for (unsigned bit = 0; bit < 32; bit++)
        answer_id(c, cmd.id ^ 1u << bit, 0xbad);
    answer_id(c, 0, 0xbad);
    answer_id(c, last, 0xbad);
    answer_id(c, UINT32_MAX, 0xbad);
    CHECK(!vcpu_has_ended(v, 50));
    device_answer(c, &cmd, 0x900d);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0x900d);
    EQUAL(v->logged, 0);
}

/* The right id through another channel. */
static void answer_other_channel(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m), *other = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 1);
    channel_bind(m, other, GUEST_MMIO + 0x100, 0x100, 0, 2);
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    cmd = device_want(c);
    for (unsigned i = 0; i < 5; i++)
        answer_id(other, cmd.id, 0xbad);
    CHECK(!vcpu_has_ended(v, 50));
    device_answer(c, &cmd, 0x900d);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0x900d);
}

/* Wrong answers without end: the vCPU still hears signals, and cancel. */
struct flood {
    struct channel *c;
    bool stop; /* atomic */
};

static void *flood_thread(void *opaque)
{
    struct flood *flood = opaque;
    uint32_t id = 0;

    while (!__atomic_load_n(&flood->stop, __ATOMIC_ACQUIRE)) {
        struct ioregionfd_resp response = {.id = ++id << 12};

        if (device_send(flood->c, &response) == -EAGAIN)
            sleep_ms(1);
    }
    return NULL;
}

static void flooded(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct vcpu *v = &m->vcpu[0];
    struct flood flood = {.c = c};
    struct ioregionfd_cmd cmd;
    pthread_t thread;

    if (options.channel & CH_FOREIGN)
        CHECK(fcntl(channel_device_fd(c), F_SETFL, O_NONBLOCK) == 0);
    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 77);
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    cmd = device_want(c);
    CHECK(pthread_create(&thread, NULL, flood_thread, &flood) == 0);
    for (unsigned i = 0; i < 20; i++)
        vcpu_interrupt(v);
    EQUAL(vcpu_cancel(v), 0);
    EQUAL(vcpu_join(v), 0);
    EQUAL(v->log[0].failure.reason, KVM_IOREGION_FAIL_CANCELLED);
    __atomic_store_n(&flood.stop, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    (void)cmd;
}

/* --- random input -------------------------------------------------------------------------------------------------------- */

/* A vCPU that accesses a region of the channel for ever, and is kicked now and then; each fuzzer has one running. */
struct victim {
    struct machine *m;
    struct vcpu *v;
};

static void victim_start(struct victim *x, struct machine *m)
{
    struct vcpu *v = &m->vcpu[0];
    struct guest_op ops[] = {{OP_READ, 2, GUEST_MMIO, 0, 3},      {OP_WRITE, 3, GUEST_MMIO + 0x100, 0, 5},
                             {OP_IN, 1, 0x500, 0, 1},             {OP_WRITE, 0, GUEST_MMIO + 0x200, 0, 2},
                             {OP_READ16, 0, GUEST_MMIO + 8, 0, 1}, {OP_JUMP_UNLESS, 0, GUEST_DATA, op_address(v, 0), 1}};

    x->m = m;
    x->v = v;
    vcpu_script(v, ops, 6);
    vcpu_start(v);
}

static void victim_bind(struct machine *m, struct channel *c)
{
    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 1);
    channel_bind(m, c, GUEST_MMIO + 0x100, 0x80, POSTED, 2);
    channel_bind(m, c, GUEST_MMIO + 0x200, 0, POSTED, 3);
    channel_bind(m, c, 0x500, 8, KVM_IOREGION_PIO, 4);
}

/* The vCPU must come to its end when what it waits for is cancelled. */
static void victim_stop(struct victim *x)
{
    int64_t until = now_ms() + limit_ms(5000);

    __atomic_store_n((uint64_t *)(x->m->ram + GUEST_DATA), 1, __ATOMIC_RELEASE);
    while (!vcpu_has_ended(x->v, 1)) {
        CHECK(now_ms() < until);
        vcpu_cancel(x->v);
        vcpu_kick(x->v);
    }
    EQUAL(vcpu_join(x->v), 0);
    test_note("%u exits, %u signals", x->v->exits, x->v->interrupts);
}

static int64_t fuzz_until(void)
{
    return now_ms() + options.seconds * 1000;
}

/* Answers: right ones, wrong ones, parts, anything. */
static void fuzz_file(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new(m);
    struct victim x;
    uint64_t seed = options.seed, count = 0;
    int64_t until = fuzz_until();
    struct ioregionfd_cmd cmd = {0};

    CHECK(fcntl(channel_device_fd(c), F_SETFL, O_NONBLOCK) == 0);
    victim_bind(m, c);
    victim_start(&x, m);
    while (now_ms() < until) {
        uint64_t bytes[16];
        struct ioregionfd_resp *response = (void *)bytes;
        uint64_t what = random_next(&seed);
        unsigned size = what >> 8 & 3 ? 32 : what >> 16 & 127;

        if (device_get(c, &cmd, what & 1))
            count++;
        for (unsigned i = 0; i < 16; i++)
            bytes[i] = random_next(&seed);
        if (what >> 32 & 3) {
            response->id = cmd.id;
            response->pad[0] = response->pad[1] = 0;
            if (what >> 34 & 1)
                response->status &= 3;
        }
        /* Padding in a stream would be the channel's end. */
        if (options.channel == CH_PIPE) {
            size = 32;
            response->pad[0] = response->pad[1] = 0;
        }
        if (options.channel & CH_ANY_RING) {
            response->id = response->id % channel_ring(c)->answered | (response->id & ~IOREGIONFD_ID_INDEX);
            device_send(c, response);
        } else {
            device_send_bytes(c, bytes, size);
        }
        if (!(what >> 40 & 31))
            vcpu_kick(x.v);
        if (!(what >> 48 & 63))
            vcpu_cancel(x.v);
        if (x.v->logged > MAX_LOG - 8)
            __atomic_store_n(&x.v->logged, 0, __ATOMIC_RELAXED);
    }
    victim_stop(&x);
    test_note("%llu commands", (unsigned long long)count);
    CHECK(count > 0);
}

/* Every word of the ring is written at random, commands and constants too. */
static void fuzz_ring(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_RING, 0);
    struct ring_view *r = channel_ring(c);
    struct victim x;
    uint64_t seed = options.seed;
    int64_t until = fuzz_until();
    volatile uint32_t *words = (volatile uint32_t *)r->ring;

    victim_bind(m, c);
    victim_start(&x, m);
    while (now_ms() < until) {
        for (unsigned i = 0; i < 50; i++) {
            uint64_t what = random_next(&seed);

            if (what & 7)
                words[(what >> 8) % (r->map_size / 4)] = what >> 32;
            else if (what & 0x30)
                r->ring->head = r->ring->tail + (what >> 60) - 8;
            else
                words[(what >> 8) % 64] = what >> 60;
        }
        if (!(random_next(&seed) & 15))
            ring_wake(r);
        if (!(random_next(&seed) & 15))
            vcpu_kick(x.v);
        if (!(random_next(&seed) & 15))
            vcpu_cancel(x.v);
        if (x.v->logged > MAX_LOG - 8)
            __atomic_store_n(&x.v->logged, 0, __ATOMIC_RELAXED);
    }
    victim_stop(&x);
}

/* The kernel keeps copies of its own of all that matters. */
static void ring_hostile(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_RING, 0);
    struct ring_view *r = channel_ring(c);
    struct vcpu *v = &m->vcpu[0];
    struct ioregionfd_cmd cmd;

    channel_bind(m, c, GUEST_MMIO, 0x100, 0, 1);
    channel_bind(m, c, GUEST_MMIO + 0x100, 0x100, POSTED, 2);
    /* Geometry is not read back. */
    r->ring->capacity = 0x80000000;
    r->ring->cmds_offset = 0xfffff000;
    r->ring->resps_offset = 0x7ffff000;
    r->ring->answered = UINT32_MAX;
    r->ring->posted = 0;
    vcpu_do(v, &(struct guest_op){OP_WRITE, 2, GUEST_MMIO + 0x100, 1, 3}, 1);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(ring_take(r, &cmd));
        EQUAL(cmd.data, i + 1);
    }
    /* tail is the kernel's. */
    r->ring->tail = 0x12345678;
    vcpu_do(v, &(struct guest_op){OP_WRITE, 2, GUEST_MMIO + 0x100, 4, 1}, 1);
    EQUAL(r->ring->tail, 4);
    cmd = device_want(c);
    EQUAL(cmd.data, 4);
    /* A head beyond tail means full: the vCPU waits, hears signals, and goes on once it is right. */
    r->ring->head = 0x80000000;
    vcpu_script(v, &(struct guest_op){OP_WRITE, 2, GUEST_MMIO + 0x100, 5, 1}, 1);
    vcpu_start(v);
    CHECK(!vcpu_has_ended(v, 50));
    vcpu_interrupt(v);
    r->ring->head = 4;
    ring_wake(r);
    cmd = device_want(c);
    EQUAL(cmd.data, 5);
    if (cmd.info & IOREGIONFD_RESP)
        device_answer(c, &cmd, 0);
    EQUAL(vcpu_join(v), 0);
    EQUAL(v->logged, 0);
    /* Slots with each id but the right one. */
    vcpu_script(v, &read_op, 1);
    vcpu_start(v);
    cmd = device_want(c);
    for (unsigned i = 0; i < r->answered; i++) {
        r->resps[i].data = 0xbad;
        r->resps[i].id = i == (cmd.id & IOREGIONFD_ID_INDEX) ? cmd.id ^ 0x400 : cmd.id;
    }
    ring_wake(r);
    CHECK(!vcpu_has_ended(v, 50));
    device_answer(c, &cmd, 0x900d);
    EQUAL(vcpu_join(v), 0);
    EQUAL(vcpu_op(v, 0)->value, 0x900d);
}

/* Random structures, mostly plausible, to all ioctls of all files, under a running vCPU. */
static void fuzz_ioctl(void)
{
    struct machine *m = machine_new(1);
    struct channel *c = channel_new_kind(m, CH_FILE, 0);
    struct server *s;
    struct victim x;
    uint64_t seed = options.seed * 3 + 1;
    int64_t until = fuzz_until();
    unsigned good = 0, tried = 0;
    int pool[16], pair[2], pipes[2], at = 0;
    static const unsigned numbers[] = {KVM_SET_IOREGION, KVM_CREATE_IOREGIONFD, KVM_CANCEL_IOREGION, KVM_IOREGIONFD_WAKE};
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0 && pipe2(pipes, O_NONBLOCK) == 0);
    for (unsigned i = 0; i < 16; i++)
        pool[i] = -1;
    pool[8] = pair[0];
    pool[9] = pair[1];
    pool[10] = pipes[0];
    pool[11] = pipes[1];
    pool[12] = eventfd(0, EFD_NONBLOCK);
    pool[13] = m->front;
    pool[14] = m->kvm; /* not the vCPU's file: KVM's own ioctls wait there until the vCPU leaves KVM_RUN */
    pool[15] = channel_device_fd(c);
    victim_bind(m, c);
    s = server_start(c);
    victim_start(&x, m);
    while (now_ms() < until) {
        uint64_t words[16];
        uint64_t what = random_next(&seed);
        struct kvm_ioregion *region = (void *)words;
        struct kvm_create_ioregionfd *create = (void *)words;
        unsigned number = numbers[what & 3];
        int file = (what >> 2 & 15) == 0 ? pool[what >> 6 & 15] : number == KVM_CANCEL_IOREGION ? m->vcpu[0].front
                                                              : number == KVM_IOREGIONFD_WAKE ? pool[what >> 6 & 7] : m->front;
        int got;

        for (unsigned i = 0; i < 16; i++)
            words[i] = random_next(&seed) & (random_next(&seed) & 1 ? 0 : random_next(&seed));
        if (number == KVM_SET_IOREGION && what >> 12 & 7) {
            region->size = sizeof(*region);
            region->flags &= 0x7f & random_next(&seed);
            region->guest_paddr = GUEST_MMIO + 0x400 + (what >> 16 & 0x3f);
            if (region->flags & KVM_IOREGION_PIO)
                region->guest_paddr &= 0xffff;
            region->memory_size = what >> 24 & 15;
            region->fd = what >> 28 & 1 ? -1 : pool[what >> 32 & 15];
            region->resp_fd = region->flags & KVM_IOREGION_FD_PAIR ? pool[what >> 36 & 15] : 0;
            region->datamatch = region->flags & KVM_IOREGION_DATAMATCH ? what >> 40 & 3 : 0;
            region->post_addr = region->flags & KVM_IOREGION_SHADOW ? (uintptr_t)page : 0;
        } else if (number == KVM_CREATE_IOREGIONFD && what >> 12 & 7) {
            *create = (struct kvm_create_ioregionfd){.size = sizeof(*create),
                                                     .flags = what >> 16 & 3,
                                                     .posted = what >> 18 & 0x1ff,
                                                     .answered = what >> 28 & 0x7f};
            if (create->flags & KVM_IOREGIONFD_KICK)
                create->kick_fd = pool[12];
        }
        if (number == KVM_CANCEL_IOREGION && what >> 12 & 1)
            memcpy(words, &(struct kvm_ioregion_cancel){.size = sizeof(struct kvm_ioregion_cancel)},
                   sizeof(struct kvm_ioregion_cancel));
        got = ioctl(file, number, number == KVM_IOREGIONFD_WAKE ? NULL : words);
        tried++;
        good += got >= 0;
        if (got >= 0 && number == KVM_CREATE_IOREGIONFD && file == m->front) {
            at = (at + 1) & 7;
            if (pool[at] >= 0)
                close(pool[at]);
            pool[at] = got;
        }
        if (!(what >> 50 & 63))
            vcpu_kick(x.v);
        if (x.v->logged > MAX_LOG - 8)
            __atomic_store_n(&x.v->logged, 0, __ATOMIC_RELAXED);
        if (!(what >> 44 & 255)) { /* all but the victim's regions go */
            for (unsigned bus = 0; bus < 2; bus++) {
                for (unsigned size = 0; size < 16; size++) {
                    for (unsigned i = 0; i < 64; i++) {
                        struct kvm_ioregion back = {.size = sizeof(back), .fd = -1, .memory_size = size,
                                                    .flags = KVM_IOREGION_DEASSIGN | bus,
                                                    .guest_paddr = GUEST_MMIO + 0x400 + i};

                        if (bus)
                            back.guest_paddr &= 0xffff;
                        region_set(m, &back);
                    }
                }
            }
        }
    }
    victim_stop(&x);
    server_stop(s);
    test_note("%u of %u calls succeeded", good, tried);
    CHECK(good > 0 && good < tried);
}

/* Bytes without any boundary into stream channels, which die of it, again and again. */
static void fuzz_stream(void)
{
    uint64_t seed = options.seed * 5 + 1;
    int64_t until = fuzz_until();
    unsigned rounds = 0;

    while (now_ms() < until) {
        struct machine *m = machine_new(1);
        struct channel *c = channel_new_kind(m, CH_PIPE, 0);
        struct victim x;

        CHECK(fcntl(channel_device_fd(c), F_SETFL, O_NONBLOCK) == 0);
        victim_bind(m, c);
        victim_start(&x, m);
        for (unsigned i = 0; i < 20; i++) {
            uint64_t bytes[16];
            struct ioregionfd_cmd cmd;

            device_get(c, &cmd, 0);
            for (unsigned k = 0; k < 16; k++)
                bytes[k] = random_next(&seed);
            device_send_bytes(c, bytes, 1 + random_next(&seed) % 128);
        }
        victim_stop(&x);
        machine_free(m, rounds & 1);
        channel_free(c);
        rounds++;
    }
    test_note("%u channels", rounds);
}

const struct test hostile_tests[] = {
    {"answer-double", "answers that come again change nothing later", answer_double, CH_ALL, 0, 0},
    {"answer-unsolicited", "answers with other ids are dropped", answer_unsolicited, CH_ALL, 0, 0},
    {"answer-other-channel", "an answer counts only in the channel of its command", answer_other_channel, CH_ALL, 0, 0},
    {"answer-flood", "a flood of wrong answers does not keep signals and cancel out", flooded, CH_ALL, 0, 0},
    {"ring-hostile", "the kernel believes nothing that stands in a ring", ring_hostile, 0, 0, 0},
    {"fuzz-ioctl", "random ioctls under a running vCPU", fuzz_ioctl, 0, 0, 15},
    {"fuzz-file", "random answers under a running vCPU", fuzz_file, CH_ALL, 0, 15},
    {"fuzz-ring", "random words all over a ring under a running vCPU", fuzz_ring, 0, 0, 15},
    {"fuzz-stream", "random bytes in pipes", fuzz_stream, 0, 0, 15},
    {0}};
