/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that times accesses to a pci-testdev and to a pc-testdev: no firmware, no interrupts, one CPU in 32-bit protected
 * mode.
 *
 * Started by the PVH entry. For each test that a pci-testdev offers it writes "count" times where the device says, and reads
 * as often; of a pc-testdev it does so with a port and a byte of memory that read back what was written. Each loop runs five times, and the shortest one is told on the serial port as
 *     ACCESS <name> <write|read> <ticks of the time stamp counter per access> <writes that the device counted>
 * Under instruction counting a tick is an instruction of the machine that runs the emulator. Ends with isa-debug-exit.
 */
#include <stdint.h>

enum {
    COUNT = 1000,
    ROUNDS = 5,
    SERIAL = 0x3f8,
    DEBUG_EXIT = 0xf4,
    TESTDEV_VENDOR_DEVICE = 0x00051b36,
    FREE_MMIO = 0xfe000000, /* for BARs that no firmware has placed */
    FREE_PIO = 0xc000,
    LATCH_PIO = 0xe0, /* of a pc-testdev */
    LATCH_MMIO = 0xff000000,
};

/* What pci-testdev shows at the start of each of its regions. */
struct test_header {
    uint8_t test;
    uint8_t width;
    uint8_t pad[2];
    uint32_t offset;
    uint32_t data;
    uint32_t count;
    char name[];
};

__asm__(".pushsection .note.pvh, \"a\", @note\n"
        ".balign 4\n"
        ".long 4, 4, 18\n" /* name size, value size, XEN_ELFNOTE_PHYS32_ENTRY */
        ".asciz \"Xen\"\n"
        ".long entry\n"
        ".popsection\n"
        ".text\n"
        ".globl entry\n"
        "entry:\n"
        "    mov $stack_end, %esp\n"
        "    call guest_main\n"
        "1:  hlt\n"
        "    jmp 1b\n"
        ".bss\n"
        ".balign 16\n"
        ".skip 16384\n"
        "stack_end:\n"
        ".text\n");

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint64_t ticks(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static void put_char(char c)
{
    while (!(inb(SERIAL + 5) & 0x20)) {
    }
    outb(SERIAL, (uint8_t)c);
}

static void put_text(const char *text)
{
    while (*text) {
        put_char(*text++);
    }
}

static void put_number(uint32_t value)
{
    char digits[11];
    int n = sizeof(digits) - 1;

    digits[n] = 0;
    do {
        digits[--n] = '0' + value % 10;
        value /= 10;
    } while (value);
    put_text(digits + n);
}

static uint32_t config_read(uint32_t address)
{
    outl(0xcf8, address);
    return inl(0xcfc);
}

static void config_write(uint32_t address, uint32_t value)
{
    outl(0xcf8, address);
    outl(0xcfc, value);
}

/* Where one BAR's accesses go; a small size only, so that the loops hold nothing else. */
struct window {
    int pio;
    uint32_t base;
};

static inline __attribute__((always_inline)) void put8(const struct window *w, uint32_t at, uint8_t v)
{
    if (w->pio) {
        outb((uint16_t)(w->base + at), v);
    } else {
        *(volatile uint8_t *)(w->base + at) = v;
    }
}

static inline __attribute__((always_inline)) uint8_t get8(const struct window *w, uint32_t at)
{
    return w->pio ? inb((uint16_t)(w->base + at)) : *(volatile uint8_t *)(w->base + at);
}

static uint32_t get32(const struct window *w, uint32_t at)
{
    return get8(w, at) | get8(w, at + 1) << 8 | get8(w, at + 2) << 16 | (uint32_t)get8(w, at + 3) << 24;
}

/* The time of one loop; separate loops, so that a port access is one instruction of the guest. */
static uint32_t loop_ticks(const struct window *w, uint32_t at, uint8_t value, int read)
{
    uint16_t port = (uint16_t)(w->base + at);
    volatile uint8_t *place = (volatile uint8_t *)(w->base + at);
    uint64_t start = ticks();

    if (w->pio && read) {
        for (int i = 0; i < COUNT; i++) {
            inb(port);
        }
    } else if (w->pio) {
        for (int i = 0; i < COUNT; i++) {
            outb(port, value);
        }
    } else if (read) {
        for (int i = 0; i < COUNT; i++) {
            (void)*place;
        }
    } else {
        for (int i = 0; i < COUNT; i++) {
            *place = value;
        }
    }
    return (uint32_t)(ticks() - start);
}

/* The shortest of some rounds. */
static uint32_t best(const struct window *w, uint32_t at, uint8_t value, int read)
{
    uint32_t least = ~0u;

    for (int round = 0; round < ROUNDS; round++) {
        uint32_t t = loop_ticks(w, at, value, read);

        least = t < least ? t : least;
    }
    return least;
}

static void tell(const char *name, const char *what, uint32_t least, uint32_t counted)
{
    put_text("ACCESS ");
    put_text(name);
    put_char(' ');
    put_text(what);
    put_char(' ');
    put_number(least / COUNT);
    put_char(' ');
    put_number(counted);
    put_text("\r\n");
}

/* Runs the tests that one region offers; a test number that does not exist shows an empty name or the old one. */
static void run_region(const struct window *w)
{
    for (uint8_t test = 0; test < 3; test++) {
        char name[40];
        unsigned n = 0;

        put8(w, 0, test);
        for (; n < sizeof(name) - 1; n++) {
            name[n] = (char)get8(w, sizeof(struct test_header) + n);
            if (!name[n]) {
                break;
            }
        }
        name[n] = 0;
        if (!n || get8(w, 1) != 1) {
            continue;
        }
        uint32_t at = get32(w, 4);
        uint8_t value = (uint8_t)get32(w, 8);
        uint32_t least = best(w, at, value, 0);

        tell(name, "write", least, get32(w, 12));
        tell(name, "read", best(w, at, value, 1), 0);
    }
}

/* One latch; it counts nothing, so the count tells whether it still holds what was written. */
static void run_latch(const struct window *w, const char *name)
{
    uint32_t least = best(w, 0, 0x5a, 0);

    tell(name, "write", least, get8(w, 0) == 0x5a ? ROUNDS * COUNT : 0);
    tell(name, "read", best(w, 0, 0x5a, 1), 0);
}

static void run_latches(void)
{
    struct window memory = {0, LATCH_MMIO}, ports = {1, LATCH_PIO};

    put8(&ports, 0, 0xa5);
    if (get8(&ports, 0) == 0xa5) {
        run_latch(&ports, "portio-latch");
        run_latch(&memory, "mmio-latch");
        put_text("ACCESS end\r\n");
        outb(DEBUG_EXIT, 0);
    }
}

void guest_main(void);

__attribute__((used)) void guest_main(void)
{
    for (uint32_t slot = 0; slot < 32; slot++) {
        uint32_t function = 0x80000000u | slot << 11;

        if (config_read(function) != TESTDEV_VENDOR_DEVICE) {
            continue;
        }
        uint32_t mmio = config_read(function | 0x10) & ~15u;
        uint32_t pio = config_read(function | 0x14) & ~3u;
        if (!mmio) {
            mmio = FREE_MMIO;
            config_write(function | 0x10, mmio);
        }
        if (!pio) {
            pio = FREE_PIO;
            config_write(function | 0x14, pio);
        }
        config_write(function | 4, 3);
        struct window memory = {0, mmio}, ports = {1, pio};
        run_region(&ports);
        run_region(&memory);
        put_text("ACCESS end\r\n");
        outb(DEBUG_EXIT, 0);
    }
    run_latches();
    put_text("ACCESS no pci-testdev found\r\n");
    outb(DEBUG_EXIT, 1);
}
