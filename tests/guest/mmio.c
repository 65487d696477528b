/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-mmio on microvm, version 2 (virtio 1.2, 4.2): an entropy device fills buffers, and its
 * level-triggered line arrives through the I/O APIC, or the second one where there is one. */
#include "guest.h"

#define PLACE 0xfeb00000u
#define PLACE_SIZE 0x200u
#define IOAPIC2_BASE 0xfec10000u
#define ROUNDS 20u

enum { MAGIC = 0x00, VERSION = 0x04, DEVICE_ID = 0x08, FEATURES = 0x10, FEATURES_SEL = 0x14 };
enum { DRIVER_FEATURES = 0x20, DRIVER_SEL = 0x24, QUEUE_SEL = 0x30, NUM_MAX = 0x34, NUM = 0x38 };
enum { READY = 0x44, NOTIFY = 0x50, INT_STATUS = 0x60, INT_ACK = 0x64, STATUS = 0x70 };
enum { DESC = 0x80, DRIVER = 0x90, DEVICE = 0xa0 };
enum { VECTOR = 0x35, ENTRY_LEVEL = 0x8000, DESC_WRITE = 2, SIZE = 8, LENGTH = 64 };

static struct {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
} descs[SIZE] __attribute__((aligned(16)));
static volatile struct {
    uint16_t flags, idx, ring[SIZE], event;
} avail __attribute__((aligned(4)));
static volatile struct {
    uint16_t flags, idx;
    struct {
        uint32_t id, len;
    } ring[SIZE];
    uint16_t event;
} used __attribute__((aligned(4)));
static volatile uint8_t buffer[LENGTH];
static volatile uint32_t hits;

static uint32_t rd(uint32_t reg)
{
    return MMIO(uint32_t, PLACE + reg);
}

static void wr(uint32_t reg, uint32_t val)
{
    MMIO(uint32_t, PLACE + reg) = val;
}

/* A KVM that emulates instructions may enter a handler twice for one interrupt: the second time
 * there is nothing to acknowledge. */
static void handler(void)
{
    uint32_t status = rd(INT_STATUS);

    if (status & 1) {
        hits++;
    }
    wr(INT_ACK, status);
}

static bool start(void)
{
    wr(STATUS, 0);
    wr(STATUS, 3);
    wr(FEATURES_SEL, 1);
    wr(DRIVER_SEL, 1);
    wr(DRIVER_FEATURES, rd(FEATURES) & 1);
    wr(DRIVER_SEL, 0);
    wr(DRIVER_FEATURES, 0);
    wr(STATUS, 0xb);
    wr(QUEUE_SEL, 0);
    wr(NUM, SIZE);
    wr(DESC, (uintptr_t)descs);
    wr(DESC + 4, 0);
    wr(DRIVER, (uintptr_t)&avail);
    wr(DRIVER + 4, 0);
    wr(DEVICE, (uintptr_t)&used);
    wr(DEVICE + 4, 0);
    wr(READY, 1);
    wr(STATUS, 0xf);
    return rd(STATUS) == 0xf && rd(READY) == 1;
}

static void route(bool second)
{
    uint32_t base = second ? IOAPIC2_BASE : IOAPIC_BASE, pin = second ? 0 : 16;

    MMIO(uint32_t, base) = 0x10 + 2 * pin + 1;
    MMIO(uint32_t, base + 0x10) = 0;
    MMIO(uint32_t, base) = 0x10 + 2 * pin;
    MMIO(uint32_t, base + 0x10) = VECTOR | ENTRY_LEVEL;
}

/* Offers the buffer and sleeps until the interrupt. */
static uint32_t one_round(void)
{
    uint32_t before = hits, ones = 0;

    for (unsigned i = 0; i < LENGTH; i++) {
        buffer[i] = 0;
    }
    descs[0].addr = (uintptr_t)buffer;
    descs[0].len = LENGTH;
    descs[0].flags = DESC_WRITE;
    avail.ring[avail.idx % SIZE] = 0;
    __atomic_store_n(&avail.idx, (uint16_t)(avail.idx + 1), __ATOMIC_SEQ_CST);
    wr(NOTIFY, 0);
    while (hits == before) {
        halt();
    }
    for (unsigned i = 0; i < LENGTH; i++) {
        for (uint32_t bits = buffer[i]; bits; bits &= bits - 1) {
            ones++;
        }
    }
    return ones;
}

int guest_main(void)
{
    bool second = MMIO(uint32_t, PLACE + 8 * PLACE_SIZE) == 0x74726976, random = true;

    tap_plan(6);
    tap_equal(rd(MAGIC), 0x74726976, "the first place is a transport");
    tap_equal(rd(VERSION), 2, "of version 2");
    tap_equal(rd(DEVICE_ID), 4, "with an entropy device");
    irq_init(0);
    MMIO(uint32_t, LAPIC_BASE + 0xf0) = 0x1ff;
    apic_handler[VECTOR - 0x30] = handler;
    route(second);
    tap_ok(start(), "it starts");
    for (unsigned n = 0; n < ROUNDS; n++) {
        uint32_t ones = one_round();

        random = random && ones > LENGTH && ones < LENGTH * 7;
    }
    tap_ok(random && used.idx == ROUNDS, "each buffer comes back full, by interrupt");
    tap_equal(hits, ROUNDS, second ? "one interrupt each, second I/O APIC" : "one interrupt each");
    return 0;
}
