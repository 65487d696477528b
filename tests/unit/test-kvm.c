/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The accelerator on the host's KVM: one vCPU, RAM, a ROM with a few instructions at the reset
 * vector, and a region of ours that records each access.
 */
#include "qemu/osdep.h"

#include "hw/i386/cpu.h"
#include "qemu/aio.h"
#include "system/ioregionfd.h"
#include "system/kvm.h"
#include "system/runstate.h"
#include "system/vl.h"

#include <sys/eventfd.h>

#define RAM_SIZE (2 * MiB)
#define ROM_BASE 0xffff0000u
#define ROM_SIZE 0x10000u
#define MMIO_BASE 0xd0000u
#define PORT_BASE 0x600u
#define COUNTER 0x700u /* programs count here, in RAM */
#define FLAG 0x708u
#define RESULTS 0x800u

/* Each program starts in real mode with CS base 0xffff0000 and ends with a write to PORT_BASE +
 * 0xf0. */
#define PROGRAM(name, text) \
    __asm__(".pushsection .rodata\n.code16\nprog_" #name ":\n" text "\nprog_" #name \
            "_end:\n.code64\n" \
            ".popsection\n"); \
    extern const uint8_t prog_##name[], prog_##name##_end[]

#define DONE "mov $0x6f0,%dx\nmov $0x5a,%al\nout %al,%dx\n9:\ncli\nhlt\njmp 9b\n"
#define SPIN "8:\nincl %es:0x700\njmp 8b\n"
#define ZERO_ES "xor %ax,%ax\nmov %ax,%es\n"

PROGRAM(sizes, ZERO_ES "mov $0xd000,%ax\nmov %ax,%ds\n"
                       "movb $0x11,0x0\nmovw $0x2222,0x2\nmovl $0x33333333,0x4\n"
                       "mov 0x10,%al\nmov %al,%es:0x800\n"
                       "mov 0x12,%ax\nmov %ax,%es:0x802\n"
                       "mov 0x14,%eax\nmov %eax,%es:0x804\n" DONE);
PROGRAM(ports, ZERO_ES "mov %ax,%ds\nmov $0x600,%dx\nmov $0x44332211,%eax\n"
                       "out %al,%dx\nout %ax,%dx\nout %eax,%dx\n"
                       "in %dx,%al\nin %dx,%ax\nin %dx,%eax\nmov %eax,%es:0x804\n"
                       "movl $0x64636261,0x900\nmov $0x900,%si\nmov $4,%cx\ncld\nrep outsb\n"
                       "mov $0x804,%di\nmov $3,%cx\nrep insw\n" DONE);
PROGRAM(rom, ZERO_ES "mov $0xe000,%ax\nmov %ax,%ds\nmov 0,%al\nmov %al,%es:0x800\n"
                     "movb $0x99,0\nmov 0,%al\nmov %al,%es:0x801\n" DONE);
PROGRAM(spin, ZERO_ES SPIN);
PROGRAM(eventfd,
        ZERO_ES "mov $0xd000,%ax\nmov %ax,%ds\nmovw $7,0x40\nmovw $8,0x40\nmovw $7,0x42\n" DONE);
PROGRAM(dirty, ZERO_ES "mov $0x3000,%bx\nmov %bx,%ds\nmovb $1,0x1234\nmovb $1,0x5000\n" DONE);
PROGRAM(triple,
        ZERO_ES "incl %es:0x700\ncmpl $2,%es:0x700\nje 1f\n"
                "movw $0,%es:0x710\nmovl $0,%es:0x712\nlidt %es:0x710\n"
                "mov %cr0,%eax\nor $1,%al\nmov %eax,%cr0\nmov $0x88,%ax\nmov %ax,%ds\n1:\n" DONE);
PROGRAM(edge, ZERO_ES "mov $0xd000,%ax\nmov %ax,%ds\nmovl $0x44332211,0xfe\nmov 0xfe,%eax\n"
                      "mov %eax,%es:0x800\n" DONE);

typedef struct Access {
    hwaddr addr;
    uint64_t value;
    unsigned size;
    bool write, port;
} Access;

static Access accesses[64];
static unsigned n_accesses; /* vCPU thread writes, read after done */
static bool done;           /* atomic */
static MemoryRegion ram, rom, low_rom, mmio, ports;
static uint8_t *ram_ptr;
static CPUState *cpu;

static void record(hwaddr addr, unsigned size, uint64_t value, bool write, bool port)
{
    g_assert_cmpuint(n_accesses, <, G_N_ELEMENTS(accesses));
    g_assert_true(cpu_get_current() == cpu);
    accesses[n_accesses++] = (Access){addr, value, size, write, port};
}

/* Reads give the bytes offset, offset + 1 ... */
static uint64_t pattern(hwaddr offset, unsigned size)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++) {
        v |= (uint64_t)((offset + i) & 0xff) << (8 * i);
    }
    return v;
}

static uint64_t mmio_read(void *opaque, hwaddr offset, unsigned size)
{
    record(offset, size, 0, false, opaque != NULL);
    return pattern(offset, size);
}

static void mmio_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    if (opaque && offset == 0xf0) {
        __atomic_store_n(&done, true, __ATOMIC_RELEASE);
        aio_notify(aio_get_main());
        return;
    }
    record(offset, size, value, true, opaque != NULL);
}

static const MemoryRegionOps region_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .valid = {1, 8, true},
    .impl = {1, 8, true},
};

static void load(const uint8_t *program, const uint8_t *end)
{
    static const uint8_t jump[] = {0xe9, 0x0d, 0x00}; /* from 0xfff0 to 0 */
    uint8_t *p = memory_region_get_ram_ptr(&rom);

    memset(p, 0xf4, ROM_SIZE);
    memcpy(p, program, (size_t)(end - program));
    memcpy(p + 0xfff0, jump, sizeof(jump));
    memset(ram_ptr, 0, RAM_SIZE);
    n_accesses = 0;
    __atomic_store_n(&done, false, __ATOMIC_RELEASE);
    qemu_system_reset(SHUTDOWN_CAUSE_NONE);
}
#define LOAD(name) load(prog_##name, prog_##name##_end)

static void run_until_done(void)
{
    int64_t limit = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 20 * NANOSECONDS_PER_SECOND;

    g_assert_true(vm_start(NULL));
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_REALTIME), <, limit);
        g_assert_false(runstate_get() == RUN_STATE_INTERNAL_ERROR);
        aio_poll(aio_get_main(), false);
        g_usleep(500);
    }
    vm_stop(RUN_STATE_PAUSED);
}

static void expect(unsigned i, hwaddr addr, unsigned size, uint64_t value, bool write, bool port)
{
    g_assert_cmpuint(i, <, n_accesses);
    g_assert_cmphex(accesses[i].addr, ==, addr);
    g_assert_cmphex(accesses[i].value, ==, value);
    g_assert_cmpuint(accesses[i].size, ==, size);
    g_assert_true(accesses[i].write == write && accesses[i].port == port);
}

static uint32_t counter(void)
{
    return __atomic_load_n((uint32_t *)(ram_ptr + COUNTER), __ATOMIC_ACQUIRE);
}

static void wait_counter(void)
{
    uint32_t before = counter();

    for (int i = 0; counter() == before; i++) {
        g_assert_cmpint(i, <, 10000);
        aio_poll(aio_get_main(), false);
        g_usleep(1000);
    }
}

static void test_sizes(void)
{
    LOAD(sizes);
    run_until_done();
    g_assert_cmpuint(n_accesses, ==, 6);
    expect(0, 0, 1, 0x11, true, false);
    expect(1, 2, 2, 0x2222, true, false);
    expect(2, 4, 4, 0x33333333, true, false);
    expect(3, 0x10, 1, 0, false, false);
    expect(4, 0x12, 2, 0, false, false);
    expect(5, 0x14, 4, 0, false, false);
    g_assert_cmphex(ram_ptr[RESULTS], ==, 0x10);
    g_assert_cmpint(memcmp(ram_ptr + RESULTS + 2, "\x12\x13\x14\x15\x16\x17", 6), ==, 0);
    g_assert_cmpuint(cpu->exits[KVM_EXIT_MMIO], >=, 6);
}

static void test_ports(void)
{
    LOAD(ports);
    run_until_done();
    g_assert_cmpuint(n_accesses, ==, 6 + 4 + 3);
    expect(0, 0, 1, 0x11, true, true);
    expect(1, 0, 2, 0x2211, true, true);
    expect(2, 0, 4, 0x44332211, true, true);
    expect(5, 0, 4, 0, false, true);
    for (unsigned i = 0; i < 4; i++) {
        expect(6 + i, 0, 1, 0x61 + i, true, true);
    }
    for (unsigned i = 0; i < 3; i++) {
        expect(10 + i, 0, 2, 0, false, true);
    }
    g_assert_cmpint(memcmp(ram_ptr + RESULTS + 4, "\0\1\0\1\0\1", 6), ==, 0);
}

static void test_rom(void)
{
    memset(memory_region_get_ram_ptr(&low_rom), 0x77, 0x1000);
    LOAD(rom);
    run_until_done();
    g_assert_cmphex(ram_ptr[RESULTS], ==, 0x77);
    g_assert_cmphex(ram_ptr[RESULTS + 1], ==, 0x77);
    g_assert_cmphex(*(uint8_t *)memory_region_get_ram_ptr(&low_rom), ==, 0x77);
}

/* An access over the end of the region: its first part is ours, what lies behind reads as 0 or
 * all-ones, and nothing is lost. */
static void test_edge(void)
{
    LOAD(edge);
    run_until_done();
    g_assert_cmpuint(n_accesses, >=, 2);
    for (unsigned i = 0; i < n_accesses; i++) {
        g_assert_cmpuint(accesses[i].addr + accesses[i].size, <=, 0x100);
    }
    g_assert_cmphex(ram_ptr[RESULTS], ==, 0xfe);
    g_assert_cmphex(ram_ptr[RESULTS + 1], ==, 0xff);
}

static void test_pause(void)
{
    LOAD(spin);
    g_assert_true(vm_start(NULL));
    for (int i = 0; i < 30; i++) {
        wait_counter();
        vm_stop(RUN_STATE_PAUSED);
        uint32_t at = counter();
        g_usleep(5000);
        g_assert_cmpuint(counter(), ==, at);
        g_assert_true(vm_start(NULL));
    }
    vm_stop(RUN_STATE_PAUSED);
}

/* The memory map changes under a running guest that executes from, and writes to, the pieces that
 * change. */
static void test_remap(void)
{
    static MemoryRegion hole; /* views that show it are freed later */

    memory_region_init_io(&hole, NULL, &region_ops, NULL, "hole", 0x1000);
    LOAD(spin);
    g_assert_true(vm_start(NULL));
    for (int i = 0; i < 30; i++) {
        wait_counter();
        memory_region_add_subregion_overlap(get_system_memory(), 0x10000, &hole, 2);
        wait_counter();
        memory_region_del_subregion(get_system_memory(), &hole);
    }
    wait_counter();
    g_assert_true(runstate_is_running());
    vm_stop(RUN_STATE_PAUSED);
    g_assert_cmpuint(n_accesses, ==, 0);
}

static void test_eventfd(void)
{
    int fd = eventfd(0, EFD_NONBLOCK);
    MemoryRegionIoeventfd e = {.offset = 0x40, .size = 2, .match_data = true, .data = 7, .fd = fd};
    uint64_t value = 0;

    memory_region_add_eventfd(&mmio, &e);
    LOAD(eventfd);
    run_until_done();
    memory_region_del_eventfd(&mmio, &e);
    g_assert_cmpint(read(fd, &value, sizeof(value)), ==, sizeof(value));
    g_assert_cmpuint(value, ==, 1);
    g_assert_cmpuint(n_accesses, ==, 2);
    expect(0, 0x40, 2, 8, true, false);
    expect(1, 0x42, 2, 7, true, false);
    close(fd);
}

/* The newest value is in our memory when the eventfd is signalled, whoever carries the write: KVM
 * with post-write, or we. */
static void test_post_write(void)
{
    static uint64_t posted;
    int fd = eventfd(0, EFD_NONBLOCK);
    MemoryRegionIoeventfd e = {.offset = 0x40, .size = 2, .fd = fd, .post_addr = &posted};
    uint64_t value = 0, before;

    if (g_getenv("TEST_KVM_POST_WRITE")) {
        g_assert_true(kvm_has_post_write());
    }
    memory_region_add_eventfd(&mmio, &e);
    LOAD(eventfd);
    before = cpu->exits[KVM_EXIT_MMIO];
    run_until_done();
    memory_region_del_eventfd(&mmio, &e);
    g_assert_cmpuint(posted, ==, 8);
    g_assert_cmpint(read(fd, &value, sizeof(value)), ==, sizeof(value));
    g_assert_cmpuint(value, ==, 2);
    g_assert_cmpuint(n_accesses, ==, 1);
    expect(0, 0x42, 2, 7, true, false);
    g_assert_cmpuint(cpu->exits[KVM_EXIT_MMIO] - before, ==, kvm_has_post_write() ? 1 : 3);
    close(fd);
}

static void test_coalesced(void)
{
    memory_region_add_coalescing(&mmio, 0x40, 4);
    LOAD(eventfd);
    uint64_t before = cpu->exits[KVM_EXIT_MMIO];
    run_until_done();
    memory_region_clear_coalescing(&mmio);
    /* All three arrive, in order, before the access that ends the program. */
    g_assert_cmpuint(n_accesses, ==, 3);
    expect(0, 0x40, 2, 7, true, false);
    expect(1, 0x40, 2, 8, true, false);
    expect(2, 0x42, 2, 7, true, false);
    if (kvm_check_extension(KVM_CAP_COALESCED_MMIO)) {
        g_assert_cmpuint(cpu->exits[KVM_EXIT_MMIO], ==, before);
    }
}

static void test_dirty_log(void)
{
    g_autofree unsigned long *first = NULL, *bits = NULL;

    LOAD(dirty);
    memory_region_set_log(&ram, true, DIRTY_MEMORY_MIGRATION);
    first = memory_region_snapshot_and_clear_dirty(&ram, 0, RAM_SIZE, DIRTY_MEMORY_MIGRATION);
    run_until_done();
    bits = memory_region_snapshot_and_clear_dirty(&ram, 0, RAM_SIZE, DIRTY_MEMORY_MIGRATION);
    for (unsigned page = 0; page < RAM_SIZE / 4096; page++) {
        bool dirty = (bits[page / 64] >> (page % 64)) & 1;
        /* 0x30000 + 0x1234, 0x30000 + 0x5000 */
        g_assert_true(dirty == (page == 0x31 || page == 0x35));
    }
    memory_region_set_log(&ram, false, DIRTY_MEMORY_MIGRATION);
}

static void test_triple_fault(void)
{
    LOAD(triple);
    run_until_done();
    g_assert_cmpuint(counter(), ==, 2);
    g_assert_cmpuint(cpu->exits[KVM_EXIT_SHUTDOWN], ==, 1);
}

static void test_dump(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    LOAD(spin);
    cpus_get_accel()->dump_regs(cpu, out);
    g_assert_nonnull(strstr(out->str, "RIP=000000000000fff0"));
    g_assert_nonnull(strstr(out->str, "CS =f000 00000000ffff0000 0000ffff"));
    g_assert_nonnull(strstr(out->str, "Code=e9 0d 00"));
}

static void test_boot_regs(void)
{
    X86BootRegs regs = {
        .mode = X86_BOOT_PROT32, .rip = 0x5000, .rbx = 0x1234, .cs_sel = 0x10, .ds_sel = 0x18};
    /* mov %ebx,0x800; mov $0x6f0,%edx; out %al,(%dx); hlt, in 32-bit code */
    static const uint8_t code[] = {0x89, 0x1d, 0x00, 0x08, 0x00, 0x00, 0xba,
                                   0xf0, 0x06, 0x00, 0x00, 0xee, 0xfa, 0xf4};

    x86_cpu_set_boot_regs(cpu, &regs);
    LOAD(spin);
    memcpy(ram_ptr + 0x5000, code, sizeof(code));
    run_until_done();
    g_assert_cmphex(*(uint32_t *)(ram_ptr + RESULTS), ==, 0x1234);
    x86_cpu_set_boot_regs(cpu, NULL);
}

static void test_routes(void)
{
    MSIMessage msg = {.address = 0xfee00000, .data = 0x40};
    int v[200];

    kvm_irq_routes_begin();
    for (unsigned i = 0; i < G_N_ELEMENTS(v); i++) {
        v[i] = kvm_irq_route_add_msi(msg);
        g_assert_cmpint(v[i], ==, KVM_IOAPIC_PINS + (int)i);
    }
    kvm_irq_routes_commit();
    int fd = eventfd(0, 0);
    g_assert_cmpint(kvm_irqfd_add(fd, -1, v[3]), ==, 0);
    g_assert_cmpint(kvm_irqfd_del(fd, v[3]), ==, 0);
    kvm_irq_route_release(v[5]);
    g_assert_cmpint(kvm_irq_route_add_msi(msg), ==, v[5]);
    for (unsigned i = 0; i < G_N_ELEMENTS(v); i++) {
        kvm_irq_route_release(v[i]);
    }
    close(fd);
}

/* With split interrupt controllers KVM refuses such irqfds: the end of a pin's interrupt is told by
 * the emulator's I/O APIC. */
static void test_resample(void)
{
    int fd = eventfd(0, EFD_NONBLOCK), resample = eventfd(0, EFD_NONBLOCK);
    uint64_t n;

    g_assert_true(kvm_irqchip_is_split());
    g_assert_cmpint(kvm_irqfd_add(fd, resample, KVM_IOAPIC_PINS), ==, -EINVAL); /* no pin */
    g_assert_cmpint(kvm_irqfd_add(fd, resample, 16), ==, 0);
    kvm_irqfd_resample(17);
    g_assert_cmpint(read(resample, &n, sizeof(n)), ==, -1);
    kvm_irqfd_resample(16);
    kvm_irqfd_resample(16);
    g_assert_cmpint(read(resample, &n, sizeof(n)), ==, sizeof(n));
    g_assert_cmpuint(n, ==, 2);
    g_assert_cmpint(kvm_irqfd_del(fd, 16), ==, 0);
    kvm_irqfd_resample(16);
    g_assert_cmpint(read(resample, &n, sizeof(n)), ==, -1);
    close(fd);
    close(resample);
}

static void make_machine(void)
{
    g_autoptr(GError) err = NULL;

    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", RAM_SIZE, &err));
    g_assert_true(memory_region_init_rom(&rom, NULL, "rom", ROM_SIZE, &err));
    g_assert_true(memory_region_init_rom(&low_rom, NULL, "low-rom", 0x1000, &err));
    memory_region_init_io(&mmio, NULL, &region_ops, NULL, "mmio", 0x100);
    memory_region_init_io(&ports, NULL, &region_ops, &ports, "ports", 0x100);
    memory_region_transaction_begin();
    memory_region_add_subregion(get_system_memory(), 0, &ram);
    memory_region_add_subregion(get_system_memory(), ROM_BASE, &rom);
    memory_region_add_subregion_overlap(get_system_memory(), 0xe0000, &low_rom, 1);
    memory_region_add_subregion_overlap(get_system_memory(), MMIO_BASE, &mmio, 1);
    memory_region_add_subregion(get_system_io(), PORT_BASE, &ports);
    memory_region_transaction_commit();
    ram_ptr = memory_region_get_ram_ptr(&ram);
    cpu = CPU(qdev_new(X86_CPU_TYPE_NAME("host")));
    if (!qdev_realize(DEVICE(cpu), NULL, &err)) {
        g_error("%s", err->message);
    }
}

static bool make_accel(void)
{
    g_autoptr(GError) err = NULL;
    Object *accel = object_new("kvm-accel", NULL);

    if (access("/dev/kvm", R_OK | W_OK) < 0) {
        printf("1..0 # SKIP /dev/kvm cannot be opened: %s\n", strerror(errno));
        return false;
    }
    g_assert_true(object_property_parse(accel, "ioregionfd", "user", NULL));
    if (!ACCEL_GET_CLASS(accel)->init_machine((AccelState *)accel, NULL, &err)) {
        printf("1..0 # SKIP %s\n", err->message);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(aio_init_main(NULL));
    runstate_init();
    memory_map_init();
    if (!make_accel()) {
        return 0;
    }
    make_machine();
    g_test_add_func("/kvm/sizes", test_sizes);
    g_test_add_func("/kvm/ports", test_ports);
    g_test_add_func("/kvm/rom", test_rom);
    g_test_add_func("/kvm/edge", test_edge);
    g_test_add_func("/kvm/pause", test_pause);
    g_test_add_func("/kvm/remap", test_remap);
    g_test_add_func("/kvm/eventfd", test_eventfd);
    g_test_add_func("/kvm/post-write", test_post_write);
    g_test_add_func("/kvm/coalesced", test_coalesced);
    g_test_add_func("/kvm/dirty-log", test_dirty_log);
    g_test_add_func("/kvm/triple-fault", test_triple_fault);
    g_test_add_func("/kvm/dump", test_dump);
    g_test_add_func("/kvm/boot-regs", test_boot_regs);
    g_test_add_func("/kvm/routes", test_routes);
    g_test_add_func("/kvm/resample", test_resample);
    return g_test_run();
}
