/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each access size on memory and ports, string instructions, an access over a region's edge, order
 * of writes. */
#include "guest.h"

static void memory_sizes(void)
{
    MMIO(uint32_t, IOMEM_BASE) = 0;
    MMIO(uint32_t, IOMEM_BASE + 4) = 0;
    MMIO(uint8_t, IOMEM_BASE + 1) = 0x5a;
    tap_equal(MMIO(uint32_t, IOMEM_BASE), 0x00005a00, "memory write of 1 byte touches one byte");
    tap_equal(MMIO(uint8_t, IOMEM_BASE + 1), 0x5a, "memory read of 1 byte");
    MMIO(uint16_t, IOMEM_BASE + 2) = 0xbeef;
    tap_equal(MMIO(uint32_t, IOMEM_BASE), 0xbeef5a00, "memory write of 2 bytes touches two bytes");
    tap_equal(MMIO(uint16_t, IOMEM_BASE + 2), 0xbeef, "memory read of 2 bytes");
    MMIO(uint32_t, IOMEM_BASE + 4) = 0x12345678;
    tap_equal(MMIO(uint32_t, IOMEM_BASE + 4), 0x12345678, "memory read and write of 4 bytes");
    tap_equal(MMIO(uint8_t, IOMEM_BASE + 7), 0x12, "bytes are in little-endian order");
}

static uint64_t buffer[2] __attribute__((aligned(8)));

static void memory_8(void)
{
    buffer[0] = 0x1122334455667788ull;
    long_mode_copy(IOMEM_BASE + 0x20, (uint32_t)&buffer[0]);
    tap_equal(MMIO(uint32_t, IOMEM_BASE + 0x20), 0x55667788, "memory write of 8 bytes, low half");
    tap_equal(MMIO(uint32_t, IOMEM_BASE + 0x24), 0x11223344, "memory write of 8 bytes, high half");
    long_mode_copy((uint32_t)&buffer[1], IOMEM_BASE + 0x20);
    tap_ok(buffer[1] == buffer[0], "memory read of 8 bytes");
}

static void read_modify_write(void)
{
    MMIO(uint32_t, IOMEM_BASE + 0x40) = 0x0f;
    __asm__ volatile("lock orl $0xf0, %0" : "+m"(MMIO(uint32_t, IOMEM_BASE + 0x40)));
    tap_equal(MMIO(uint32_t, IOMEM_BASE + 0x40), 0xff, "read-modify-write");
}

static void ports(void)
{
    outl(LATCH_PORT, 0);
    outb(LATCH_PORT + 1, 0x77);
    tap_equal(inl(LATCH_PORT), 0x7700, "port write of 1 byte");
    tap_equal(inb(LATCH_PORT + 1), 0x77, "port read of 1 byte");
    outw(LATCH_PORT + 2, 0xcafe);
    tap_equal(inl(LATCH_PORT), 0xcafe7700, "port write of 2 bytes");
    tap_equal(inw(LATCH_PORT + 2), 0xcafe, "port read of 2 bytes");
    outl(LATCH_PORT, 0xdeadbeef);
    tap_equal(inl(LATCH_PORT), 0xdeadbeef, "port read and write of 4 bytes");
}

static void string_ports(void)
{
    static const uint8_t bytes[5] = {1, 2, 3, 4, 0xa5};
    static const uint32_t longs[3] = {1, 2, 0x01020304};
    uint16_t words[4] = {0, 0, 0, 0};
    const void *from = bytes;
    void *to = words;
    uint32_t n = 5;

    outl(LATCH_PORT, 0);
    __asm__ volatile("cld; rep outsb" : "+S"(from), "+c"(n) : "d"(LATCH_PORT) : "memory");
    tap_equal(inl(LATCH_PORT), 0xa5, "rep outsb: all to one port, the last one stays");
    tap_ok(n == 0 && from == bytes + 5, "rep outsb: registers at the end");
    from = longs;
    n = 3;
    __asm__ volatile("cld; rep outsl" : "+S"(from), "+c"(n) : "d"(LATCH_PORT) : "memory");
    tap_equal(inl(LATCH_PORT), 0x01020304, "rep outsl");
    n = 3;
    __asm__ volatile("cld; rep insw" : "+D"(to), "+c"(n) : "d"(LATCH_PORT) : "memory");
    tap_ok(words[0] == 0x0304 && words[1] == 0x0304 && words[2] == 0x0304 && words[3] == 0,
           "rep insw: as many words as asked for");
}

static void edge(void)
{
    uint32_t end = IOMEM_BASE + IOMEM_SIZE;
    uint32_t v;

    MMIO(uint16_t, end - 4) = 0x1111;
    MMIO(uint16_t, end - 2) = 0x2222;
    MMIO(uint32_t, end - 2) = 0x99887766;
    tap_equal(MMIO(uint16_t, end - 2), 0x7766,
              "write over the region's end: the part inside arrives");
    tap_equal(MMIO(uint16_t, end - 4), 0x1111, "write over the region's end: nothing else changes");
    v = MMIO(uint32_t, end - 2);
    tap_equal(v & 0xffff, 0x7766, "read over the region's end: the part inside is right");
    MMIO(uint32_t, IOMEM_BASE) = 0x44332211;
    v = MMIO(uint32_t, IOMEM_BASE - 2);
    tap_equal(v >> 16, 0x2211, "read over the region's start");
}

/* Each write counts, and none overtakes another, posted or not. */
static void order(void)
{
    bool ok = true;

    for (uint32_t i = 0; i < 200 && ok; i++) {
        MMIO(uint32_t, IOMEM_BASE + 0x100) = i;
        MMIO(uint32_t, IOMEM_BASE + 0x104) = ~i;
        MMIO(uint8_t, IOMEM_BASE + 0x100) = (uint8_t)(i + 1);
        ok = MMIO(uint32_t, IOMEM_BASE + 0x104) == ~i &&
             MMIO(uint32_t, IOMEM_BASE + 0x100) == ((i & ~0xffu) | ((i + 1) & 0xff));
    }
    tap_ok(ok, "a read sees all writes before it, in their order");
    for (uint32_t i = 0; i < 1000; i++) {
        MMIO(uint32_t, IOMEM_BASE + 0x200 + (i % 64) * 4) = i;
    }
    ok = true;
    for (uint32_t i = 1000 - 64; i < 1000; i++) {
        ok = ok && MMIO(uint32_t, IOMEM_BASE + 0x200 + (i % 64) * 4) == i;
    }
    tap_ok(ok, "of a thousand writes in a row none is lost or late");
    for (uint32_t i = 0; i < 50 && ok; i++) {
        MMIO(uint32_t, IOMEM_BASE + 0x300) = i;
        outl(LATCH_PORT, i + 1);
        ok = inl(LATCH_PORT) == i + 1 && MMIO(uint32_t, IOMEM_BASE + 0x300) == i;
    }
    tap_ok(ok, "memory and port writes in turn");
}

int guest_main(void)
{
    tap_plan(28);
    memory_sizes();
    memory_8();
    read_modify_write();
    ports();
    string_ports();
    edge();
    order();
    tap_equal(MMIO(uint32_t, 0xe0000000), MMIO(uint32_t, 0xe0000000),
              "a read of nothing gives one answer");
    tap_ok(inb(0x2f0) == 0xff, "a port that is not there reads as all-ones");
    return 0;
}
