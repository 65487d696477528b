/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An NVMe driver that resets its controller again and again: queues of two entries come and go,
 * rung by registers at first and through shadow doorbells then.  The runner keeps the emulator's
 * main loop busy meanwhile.  Each command must end: a tail or a head that is lost is one too many.
 */
#include "guest.h"

#define ROUNDS 60u
#define PAIRS 4u
#define COMMANDS 6u
#define BAR 0xe0000000u
#define CYCLES 12000000000ull /* some seconds: nobody will answer any more */

enum { REG_CC = 0x14, REG_CSTS = 0x1c, REG_AQA = 0x24, REG_ASQ = 0x28, REG_ACQ = 0x30 };
enum { REG_DOORBELLS = 0x1000, CC_ENABLE = 0x00460001, ADMIN_SIZE = 16, IO_SIZE = 2 };
enum { CREATE_SQ = 1, CREATE_CQ = 5, DOORBELL_BUFFER_CONFIG = 0x7c, IO_READ = 2 };

typedef struct Cmd {
    uint32_t opcode_cid, nsid, reserved[4], prp1, prp1_high, prp2, prp2_high, dw[6];
} Cmd;

typedef struct Entry {
    uint32_t result, reserved, sq, cid_status;
} Entry;

static volatile Cmd sq[PAIRS + 1][ADMIN_SIZE] __attribute__((aligned(4096)));
static volatile struct {
    Entry e[4096 / sizeof(Entry)];
} cq[PAIRS + 1] __attribute__((aligned(4096)));
static volatile uint32_t dbs[1024] __attribute__((aligned(4096)));
static volatile uint32_t eis[1024] __attribute__((aligned(4096)));
static volatile uint8_t buffer[4096] __attribute__((aligned(4096)));
/* A page each: rings are page aligned. */
static volatile Cmd io_sq[PAIRS + 1][4096 / sizeof(Cmd)] __attribute__((aligned(4096)));
static struct {
    uint32_t size, tail, head, phase, cid;
} state[PAIRS + 1];
static bool shadow;

static bool find_device(void)
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        if (config_read(devfn, 8) >> 8 == 0x010802) {
            config_write(devfn, 0x10, BAR);
            config_write(devfn, 0x14, 0);
            config_write(devfn, 0x04, 0x406); /* no INTx: it polls */
            return true;
        }
    }
    return false;
}

static bool wait_ready(uint32_t want)
{
    uint64_t start = rdtsc();

    while ((MMIO(uint32_t, BAR + REG_CSTS) & 1) != want) {
        if (rdtsc() - start > CYCLES) {
            return false;
        }
    }
    return true;
}

static void ring(unsigned qid, bool is_cq, uint32_t value)
{
    unsigned i = 2 * qid + is_cq;

    if (shadow && qid) {
        uint32_t old = dbs[i];

        dbs[i] = value;
        __sync_synchronize();
        if ((uint16_t)(value - eis[i] - 1) >= (uint16_t)(value - old)) {
            return;
        }
    }
    MMIO(uint32_t, BAR + REG_DOORBELLS + 4 * i) = value;
}

static volatile Cmd *ring_of(unsigned qid)
{
    return qid ? io_sq[qid] : sq[0];
}

static void begin(unsigned qid, uint32_t size)
{
    for (unsigned i = 0; i < size; i++) {
        cq[qid].e[i].cid_status = 0;
    }
    state[qid].size = size;
    state[qid].tail = state[qid].head = 0;
    state[qid].phase = 1;
}

static void submit(unsigned qid, uint32_t opcode, uint32_t prp1, uint32_t prp2, uint32_t dw10,
                   uint32_t dw11)
{
    volatile Cmd *c = &ring_of(qid)[state[qid].tail];

    c->opcode_cid = opcode | ++state[qid].cid << 16;
    c->nsid = qid ? 1 : 0;
    c->prp1 = prp1;
    c->prp2 = prp2;
    c->dw[0] = dw10;
    c->dw[1] = dw11;
    state[qid].tail = (state[qid].tail + 1) % state[qid].size;
    ring(qid, false, state[qid].tail);
}

static bool finish(unsigned qid)
{
    volatile Entry *e = &cq[qid].e[state[qid].head];
    uint64_t start = rdtsc();
    uint32_t word;

    while (((word = e->cid_status) >> 16 & 1) != state[qid].phase) {
        __asm__ volatile("pause");
        if (rdtsc() - start > CYCLES) {
            return false;
        }
    }
    if (++state[qid].head == state[qid].size) {
        state[qid].head = 0;
        state[qid].phase ^= 1;
    }
    ring(qid, true, state[qid].head);
    return word >> 17 == 0 && (word & 0xffff) == (state[qid].cid & 0xffff);
}

static bool admin(uint32_t opcode, volatile void *prp1, volatile void *prp2, uint32_t dw10,
                  uint32_t dw11)
{
    submit(0, opcode, (uintptr_t)prp1, (uintptr_t)prp2, dw10, dw11);
    return finish(0);
}

static bool start(void)
{
    bool ok;

    begin(0, ADMIN_SIZE);
    MMIO(uint32_t, BAR + REG_AQA) = (ADMIN_SIZE - 1) << 16 | (ADMIN_SIZE - 1);
    MMIO(uint32_t, BAR + REG_ASQ) = (uintptr_t)sq[0];
    MMIO(uint32_t, BAR + REG_ASQ + 4) = 0;
    MMIO(uint32_t, BAR + REG_ACQ) = (uintptr_t)&cq[0];
    MMIO(uint32_t, BAR + REG_ACQ + 4) = 0;
    MMIO(uint32_t, BAR + REG_CC) = CC_ENABLE;
    ok = wait_ready(1);
    for (unsigned q = 1; ok && q <= PAIRS; q++) {
        begin(q, IO_SIZE);
        ok = admin(CREATE_CQ, &cq[q], 0, (IO_SIZE - 1) << 16 | q, 1) &&
             admin(CREATE_SQ, io_sq[q], 0, (IO_SIZE - 1) << 16 | q, q << 16 | 1);
    }
    return ok;
}

static bool work(void)
{
    bool ok = true;

    for (unsigned i = 0; ok && i < COMMANDS; i++) {
        for (unsigned q = 1; q <= PAIRS; q++) {
            submit(q, IO_READ, (uintptr_t)buffer, 0, i, 0);
        }
        for (unsigned q = 1; ok && q <= PAIRS; q++) {
            ok = finish(q);
        }
    }
    return ok;
}

static bool stop(void)
{
    MMIO(uint32_t, BAR + REG_CC) = 0;
    shadow = false;
    return wait_ready(0);
}

int guest_main(void)
{
    bool up = true, plain = true, shadowed = true, down = true;
    unsigned n = 0;

    tap_plan(5);
    tap_ok(find_device(), "there is a controller");
    for (; n < ROUNDS && up && plain && shadowed && down; n++) {
        up = start();
        plain = up && work();
        shadowed = plain && admin(DOORBELL_BUFFER_CONFIG, dbs, eis, 0, 0);
        shadow = shadowed;
        shadowed = shadowed && work();
        down = shadowed && stop();
    }
    tap_note("rounds", n);
    tap_ok(up, "it starts, with queues");
    tap_ok(plain, "commands end that registers announce");
    tap_ok(shadowed, "commands end that shadow doorbells announce");
    tap_ok(down, "it stops");
    return 0;
}
