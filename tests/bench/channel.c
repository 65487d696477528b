/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one guest access costs by each way that KVM knows, ioregionfd's among them: a 16-bit loop of accesses, an empty handler. No emulator.
 *
 * Usage: channel kvm|module|none [polling] (none: only what every KVM has). Tells, for each way,
 *     CHANNEL <name> <nanoseconds of each access> <context switches of the vCPU's thread in all>
 * or with "polling", which wants two processors, one for the vCPU and one for a home that never sleeps,
 *     POLLING <name> <voluntary context switches of the vCPU's thread> <of the home> <rounds without any> <rounds>
 * with the counts of the best round, where a nanosecond is an instruction if the machine counts those. Where an answer is waited for this is the time from one access to
 * the next; where not, processor time of the vCPU's thread. What the home got is checked: every value, in order.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/ioregionfd-module.h>
#include <linux/kvm-ioregionfd.h>
#include <linux/ioregion.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    ROUNDS = 5,
    COUNT = 1000,
    MMIO = 0xd0000,
    PORT = 0x10,
    END_PORT = 0xf4,
    CODE = 0x1000,
    RAM = 0x10000,
    RING_POSTED = 4096,
};

static struct {
    int vm, vcpu, regions, run_fd; /* the latter two: where the ioctls of ioregionfd go */
    uint8_t *ram;
    struct kvm_run *run;
    size_t run_size;
} m;

static void die(const char *what)
{
    fprintf(stderr, "channel: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int want(int r, const char *what)
{
    if (r < 0) {
        die(what);
    }
    return r;
}

static void require(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "channel: %s\n", what);
        exit(1);
    }
}

/* --- the machine -------------------------------------------------------------------------------- */

static void make_machine(bool module)
{
    struct kvm_userspace_memory_region slot = {.memory_size = RAM};
    int kvm = want(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");

    m.vm = want(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
    m.ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    slot.userspace_addr = (uintptr_t)m.ram;
    want(ioctl(m.vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
    m.vcpu = want(ioctl(m.vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
    m.run_size = (size_t)want(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
    m.run = mmap(NULL, m.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m.vcpu, 0);
    require(m.ram != MAP_FAILED && m.run != MAP_FAILED, "no memory for a machine");
    m.regions = m.vm;
    m.run_fd = m.vcpu;
    if (module) {
        struct ioregionfd_attach_vm vm = {.size = sizeof(vm), .vm_fd = m.vm};
        struct ioregionfd_attach_vcpu vcpu = {.size = sizeof(vcpu),
                                              .vcpu_fd = m.vcpu,
                                              .run = (uintptr_t)m.run,
                                              .run_size = m.run_size};

        m.regions = want(open(IOREGIONFD_MODULE_DEVICE, O_RDWR | O_CLOEXEC), IOREGIONFD_MODULE_DEVICE);
        want(ioctl(m.regions, IOREGIONFD_ATTACH_VM, &vm), "IOREGIONFD_ATTACH_VM");
        m.run_fd = want(ioctl(m.regions, IOREGIONFD_ATTACH_VCPU, &vcpu), "IOREGIONFD_ATTACH_VCPU");
    }
}

enum access { MMIO_WRITE, MMIO_READ, PORT_WRITE, PORT_READ };

/* The loop: COUNT accesses, writes with a value that counts down from COUNT, then a write to END_PORT. */
static void put_code(enum access access)
{
    static const uint8_t code[][16] = {
        [MMIO_WRITE] = {0x66, 0x89, 0x0e, 0, 0, /* mov [0], ecx */
                        0x66, 0x49, 0x75, 0xf7, /* dec ecx; jnz */
                        0xe6, END_PORT},        /* out END_PORT, al */
        [MMIO_READ] = {0x66, 0xa1, 0, 0, /* mov eax, [0] */
                       0x66, 0x49, 0x75, 0xf8, 0xe6, END_PORT},
        [PORT_WRITE] = {0xe6, PORT, 0x66, 0x49, 0x75, 0xfa, 0xe6, END_PORT},
        [PORT_READ] = {0xe4, PORT, 0x66, 0x49, 0x75, 0xfa, 0xe6, END_PORT},
    };
    struct kvm_sregs s;
    struct kvm_regs r = {.rip = CODE, .rflags = 2, .rcx = COUNT};

    memcpy(m.ram + CODE, code[access], sizeof(code[access]));
    want(ioctl(m.vcpu, KVM_GET_SREGS, &s), "KVM_GET_SREGS");
    s.cs.base = s.cs.selector = 0;
    s.ds.base = MMIO;
    s.ds.selector = MMIO >> 4;
    want(ioctl(m.vcpu, KVM_SET_SREGS, &s), "KVM_SET_SREGS");
    want(ioctl(m.vcpu, KVM_SET_REGS, &r), "KVM_SET_REGS");
}

/* --- measuring ---------------------------------------------------------------------------------- */

static int64_t now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static long switches(void)
{
    struct rusage u;

    getrusage(RUSAGE_THREAD, &u);
    return u.ru_nvcsw + u.ru_nivcsw;
}

/* Those that a thread made because it waited; the others are the scheduler's, for tasks that have nothing to do with it. */
static long waits(void)
{
    struct rusage u;

    getrusage(RUSAGE_THREAD, &u);
    return u.ru_nvcsw;
}

static unsigned exits; /* of the last loop */
static long loop_waits; /* of this thread while it ran */

/* Runs the loop once; an access that comes here is answered with nothing. Nanoseconds of it all. */
static int64_t run_loop(enum access access, clockid_t clock)
{
    int64_t start;

    put_code(access);
    exits = 0;
    loop_waits = -waits();
    start = now(clock);
    for (;;) {
        if (ioctl(m.run_fd, KVM_RUN, 0) < 0) {
            if (errno == EINTR) {
                continue;
            }
            die("KVM_RUN");
        }
        if (m.run->exit_reason == KVM_EXIT_IO && m.run->io.port == END_PORT) {
            break;
        }
        require(m.run->exit_reason == KVM_EXIT_IO || m.run->exit_reason == KVM_EXIT_MMIO, "an exit that is no access");
        exits++;
    }
    start = now(clock) - start;
    loop_waits += waits();
    return start;
}

/* One more KVM_RUN ends the instruction of the last exit. */
static void end_loop(void)
{
    m.run->immediate_exit = 1;
    require(ioctl(m.run_fd, KVM_RUN, 0) < 0 && errno == EINTR, "the last exit does not end");
    m.run->immediate_exit = 0;
}

/* The best of some rounds; between them after() empties the channel and checks what was in it. */
static void measure(const char *name, enum access access, clockid_t clock, unsigned expected_exits, void (*before)(void),
                    void (*after)(void))
{
    int64_t least = INT64_MAX;
    long switched = switches();

    for (int round = 0; round < ROUNDS; round++) {
        int64_t t;

        if (before) {
            before();
        }
        t = run_loop(access, clock);
        end_loop();
        require(exits == expected_exits, "accesses came to user space, or did not");
        least = t < least ? t : least;
        if (after) {
            after();
        }
    }
    printf("CHANNEL %s %lld %ld\n", name, (long long)least / COUNT, switches() - switched);
    fflush(stdout);
}

/* --- channels ----------------------------------------------------------------------------------- */

static struct {
    int fd;   /* KVM's end, or the file */
    int home; /* where commands are read */
    int kick;
    struct ioregionfd_ring *ring;
    struct ioregionfd_cmd *cmds;
    struct ioregionfd_resp *resps;
    uint32_t head;
    uint64_t expected; /* the next value written */
    unsigned got;
    pthread_t thread;
    bool stop;
} c;

static void set_region(uint32_t flags)
{
    struct kvm_ioregion r = {.size = sizeof(r),
                             .flags = flags,
                             .guest_paddr = flags & KVM_IOREGION_PIO ? PORT : MMIO,
                             .memory_size = 4,
                             .user_data = 0x1234,
                             .fd = c.fd};

    want(ioctl(m.regions, KVM_SET_IOREGION, &r), "KVM_SET_IOREGION");
}

static void open_ring(void)
{
    struct kvm_create_ioregionfd create = {.size = sizeof(create),
                                           .flags = KVM_IOREGIONFD_RING | KVM_IOREGIONFD_KICK,
                                           .posted = RING_POSTED};
    uint32_t size;

    c.kick = want(eventfd(0, EFD_CLOEXEC), "eventfd");
    create.kick_fd = c.kick;
    c.fd = c.home = want(ioctl(m.regions, KVM_CREATE_IOREGIONFD, &create), "KVM_CREATE_IOREGIONFD");
    c.ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, c.fd, 0);
    require(c.ring != MAP_FAILED && c.ring->magic == IOREGIONFD_RING_MAGIC, "the ring is not there");
    size = c.ring->map_size;
    munmap(c.ring, 4096);
    c.ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, c.fd, 0);
    require(c.ring != MAP_FAILED, "the ring cannot be mapped");
    c.cmds = (void *)((char *)c.ring + c.ring->cmds_offset);
    c.resps = (void *)((char *)c.ring + c.ring->resps_offset);
    c.head = 0;
}

static void open_socket(void)
{
    int fds[2], size = 1 << 20;

    want(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), "socketpair");
    want(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)), "SO_SNDBUFFORCE");
    c.fd = fds[0];
    c.home = fds[1];
}

static void open_file(void)
{
    struct kvm_create_ioregionfd create = {.size = sizeof(create), .posted = RING_POSTED};

    c.fd = c.home = want(ioctl(m.regions, KVM_CREATE_IOREGIONFD, &create), "KVM_CREATE_IOREGIONFD");
}

static void close_channel(uint32_t flags)
{
    set_region(flags | KVM_IOREGION_DEASSIGN);
    if (c.ring) {
        munmap(c.ring, c.ring->map_size);
        close(c.kick);
    }
    if (c.home != c.fd) {
        close(c.home);
    }
    close(c.fd);
    memset(&c, 0, sizeof(c));
}

/* What a command must be; the data of an answer. */
static uint64_t carry_out(const struct ioregionfd_cmd *cmd)
{
    require(cmd->user_data == 0x1234 && cmd->offset == 0, "a command for another region");
    if ((cmd->info & IOREGIONFD_CMD_MASK) == IOREGIONFD_CMD_WRITE) {
        if (!c.expected) {
            c.expected = COUNT;
        }
        require(cmd->data == c.expected, "a value is missing or out of order");
        c.expected--;
    }
    c.got++;
    return c.got;
}

/* Takes what lies in the ring; true if there was something. */
static bool ring_take(void)
{
    uint32_t tail = __atomic_load_n(&c.ring->tail, __ATOMIC_ACQUIRE);
    bool any = tail != c.head, answered = false;
    uint32_t wake;

    while (c.head != tail) {
        struct ioregionfd_cmd cmd = c.cmds[c.head % c.ring->capacity];

        uint64_t data = carry_out(&cmd);
        if (cmd.info & IOREGIONFD_RESP) {
            struct ioregionfd_resp *resp = &c.resps[cmd.id & IOREGIONFD_ID_INDEX];

            resp->data = data;
            resp->status = 0;
            __atomic_store_n(&resp->id, cmd.id, __ATOMIC_RELEASE);
            answered = true;
        }
        __atomic_store_n(&c.ring->head, ++c.head, __ATOMIC_RELEASE);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    wake = __atomic_load_n(&c.ring->need_wake, __ATOMIC_RELAXED);
    if (any && (((wake & IOREGIONFD_RING_WAKE_ANSWER) && answered) || (wake & IOREGIONFD_RING_WAKE_ROOM))) {
        want(ioctl(c.fd, KVM_IOREGIONFD_WAKE, 0), "KVM_IOREGIONFD_WAKE");
    }
    return any;
}

static void *ring_home(void *opaque)
{
    while (!__atomic_load_n(&c.stop, __ATOMIC_ACQUIRE)) {
        uint64_t n;

        if (ring_take()) {
            continue;
        }
        __atomic_store_n(&c.ring->asleep, 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&c.ring->tail, __ATOMIC_SEQ_CST) == c.head) {
            require(read(c.kick, &n, sizeof(n)) == sizeof(n), "the kick cannot be read");
        }
        __atomic_store_n(&c.ring->asleep, 0, __ATOMIC_RELAXED);
    }
    return opaque;
}

/* Commands are read and answers written one at a time. */
static void *file_home(void *opaque)
{
    struct ioregionfd_cmd cmd;

    while (read(c.home, &cmd, sizeof(cmd)) == sizeof(cmd) && !__atomic_load_n(&c.stop, __ATOMIC_ACQUIRE)) {
        struct ioregionfd_resp resp = {.data = carry_out(&cmd), .id = cmd.id};

        if (cmd.info & IOREGIONFD_RESP) {
            require(write(c.home, &resp, sizeof(resp)) == sizeof(resp), "an answer cannot be written");
        }
    }
    return opaque;
}

static void start_home(void *(*home)(void *))
{
    require(pthread_create(&c.thread, NULL, home, NULL) == 0, "no thread");
}

/* The home may not have looked at its last command when the guest is done. */
static void settle(void)
{
    for (int i = 0; i < 1000 && __atomic_load_n(&c.got, __ATOMIC_ACQUIRE) % COUNT; i++) {
        usleep(1000);
    }
    require(c.got % COUNT == 0, "commands are missing");
}

static void ring_empty(void)
{
    ring_take();
    require(c.got == COUNT, "commands are missing");
    c.got = 0;
}

static void queue_empty(void)
{
    struct ioregionfd_cmd cmd;

    for (int i = 0; i < COUNT; i++) {
        require(read(c.home, &cmd, sizeof(cmd)) == sizeof(cmd), "commands are missing");
        carry_out(&cmd);
    }
}

static void is_asleep(void)
{
    __atomic_store_n(&c.ring->asleep, 1, __ATOMIC_SEQ_CST);
}

static void was_kicked(void)
{
    uint64_t n;

    require(read(c.kick, &n, sizeof(n)) == sizeof(n) && n == 1, "one kick was expected");
    ring_empty();
}

/* --- eventfds ------------------------------------------------------------------------------------ */

static int event;

static void event_count(void)
{
    uint64_t n;

    require(read(event, &n, sizeof(n)) == sizeof(n) && n == COUNT, "an eventfd did not count its signals");
}

static void *event_home(void *opaque)
{
    uint64_t n;

    while (read(event, &n, sizeof(n)) == sizeof(n) && !__atomic_load_n(&c.stop, __ATOMIC_ACQUIRE)) {
    }
    return opaque;
}

static void measure_ioeventfd(void)
{
    uint64_t one = 1;
    struct kvm_ioeventfd e = {.addr = MMIO, .len = 4};

    event = want(eventfd(0, EFD_CLOEXEC), "eventfd");
    e.fd = event;
    want(ioctl(m.vm, KVM_IOEVENTFD, &e), "KVM_IOEVENTFD");
    measure("ioeventfd", MMIO_WRITE, CLOCK_THREAD_CPUTIME_ID, 0, NULL, event_count);
    start_home(event_home);
    usleep(1000);
    measure("ioeventfd-waking", MMIO_WRITE, CLOCK_THREAD_CPUTIME_ID, 0, NULL, NULL);
    c.stop = true;
    require(write(event, &one, sizeof(one)) == sizeof(one), "eventfd");
    pthread_join(c.thread, NULL);
    c.stop = false;
    e.flags = KVM_IOEVENTFD_FLAG_DEASSIGN;
    want(ioctl(m.vm, KVM_IOEVENTFD, &e), "KVM_IOEVENTFD");
    if (ioctl(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_IOEVENTFD_POST_WRITE) == 1) {
        static uint64_t posted;
        uint64_t address = (uintptr_t)&posted;

        e.flags = KVM_IOEVENTFD_FLAG_POST_WRITE;
        memcpy((char *)&e + KVM_IOEVENTFD_POST_ADDR_OFFSET, &address, sizeof(address));
        want(ioctl(m.vm, KVM_IOEVENTFD, &e), "KVM_IOEVENTFD with post-write");
        posted = 0;
        measure("ioeventfd-post-write", MMIO_WRITE, CLOCK_THREAD_CPUTIME_ID, 0, NULL, NULL);
        require(posted == 1, "the last value is not the one that was written last");
        e.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
        want(ioctl(m.vm, KVM_IOEVENTFD, &e), "KVM_IOEVENTFD");
    }
    close(event);
}

/* --- all of them ---------------------------------------------------------------------------------- */

static void measure_posted(void)
{
    open_ring();
    set_region(KVM_IOREGION_POSTED_WRITES);
    measure("posted-ring-awake", MMIO_WRITE, CLOCK_THREAD_CPUTIME_ID, 0, NULL, ring_empty);
    measure("posted-ring-asleep", MMIO_WRITE, CLOCK_THREAD_CPUTIME_ID, 0, is_asleep, was_kicked);
    start_home(ring_home);
    usleep(1000);
    measure("posted-ring-waking", MMIO_WRITE, CLOCK_THREAD_CPUTIME_ID, 0, NULL, settle);
    c.stop = true;
    require(write(c.kick, &(uint64_t){1}, 8) == 8, "eventfd");
    pthread_join(c.thread, NULL);
    close_channel(KVM_IOREGION_POSTED_WRITES);

    open_file();
    set_region(KVM_IOREGION_POSTED_WRITES);
    measure("posted-file", MMIO_WRITE, CLOCK_THREAD_CPUTIME_ID, 0, NULL, queue_empty);
    close_channel(KVM_IOREGION_POSTED_WRITES);
}

static void measure_answered(const char *transport, void (*open_channel)(void), void *(*home)(void *))
{
    static const struct {
        const char *name;
        enum access access;
        uint32_t flags;
    } kinds[] = {
        {"mmio-write", MMIO_WRITE, 0},
        {"mmio-read", MMIO_READ, 0},
        {"port-read", PORT_READ, KVM_IOREGION_PIO},
    };

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char name[64];

        open_channel();
        set_region(kinds[i].flags);
        start_home(home);
        usleep(1000);
        snprintf(name, sizeof(name), "answered-%s-%s", transport, kinds[i].name);
        measure(name, kinds[i].access, CLOCK_MONOTONIC, 0, NULL, settle);
        if (kinds[i].access == MMIO_READ) {
            struct kvm_regs r;

            want(ioctl(m.vcpu, KVM_GET_REGS, &r), "KVM_GET_REGS");
            require((uint32_t)r.rax == (uint32_t)ROUNDS * COUNT, "the guest did not read what was answered");
        }
        __atomic_store_n(&c.stop, true, __ATOMIC_RELEASE);
        if (c.ring) {
            require(write(c.kick, &(uint64_t){1}, 8) == 8, "eventfd");
        } else {
            pthread_cancel(c.thread);
        }
        pthread_join(c.thread, NULL);
        close_channel(kinds[i].flags);
    }
}

/* --- a home that polls ----------------------------------------------------------------------------- */

enum { POLLING_ROUNDS = 40 };

static long home_waits; /* of the polling home's thread until now; it stores this when asked */
static unsigned asked, told;

static void stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    require(sched_setaffinity(0, sizeof(set), &set) == 0, "polling wants two processors");
}

static void *polling_home(void *opaque)
{
    stay_on(1);
    while (!__atomic_load_n(&c.stop, __ATOMIC_ACQUIRE)) {
        unsigned question = __atomic_load_n(&asked, __ATOMIC_ACQUIRE);

        ring_take();
        if (question != told) {
            home_waits = waits();
            __atomic_store_n(&told, question, __ATOMIC_RELEASE);
        }
    }
    return opaque;
}

static long ask_home(void)
{
    unsigned question = __atomic_add_fetch(&asked, 1, __ATOMIC_ACQ_REL);

    while (__atomic_load_n(&told, __ATOMIC_ACQUIRE) != question) {
        sched_yield();
    }
    return home_waits;
}

static void measure_polling(const char *name, enum access access, uint32_t flags)
{
    long best_vcpu = 0, best_home = 0;
    unsigned clean = 0;

    open_ring();
    set_region(flags);
    start_home(polling_home);
    for (int round = 0; round < POLLING_ROUNDS; round++) {
        long home = ask_home(), vcpu;

        run_loop(access, CLOCK_MONOTONIC);
        vcpu = loop_waits;
        home = ask_home() - home;
        require(exits == 0, "accesses came to user space");
        end_loop();
        settle();
        if (round == 0 || vcpu + home < best_vcpu + best_home) {
            best_vcpu = vcpu;
            best_home = home;
        }
        clean += vcpu + home == 0;
    }
    printf("POLLING %s %ld %ld %u %u\n", name, best_vcpu, best_home, clean, POLLING_ROUNDS);
    fflush(stdout);
    __atomic_store_n(&c.stop, true, __ATOMIC_RELEASE);
    pthread_join(c.thread, NULL);
    close_channel(flags);
}

static int poll_all(void)
{
    stay_on(0);
    measure_polling("posted-mmio-write", MMIO_WRITE, KVM_IOREGION_POSTED_WRITES);
    measure_polling("answered-mmio-write", MMIO_WRITE, 0);
    measure_polling("answered-mmio-read", MMIO_READ, 0);
    printf("POLLING end\n");
    return 0;
}

int main(int argc, char **argv)
{
    bool none = argc >= 2 && !strcmp(argv[1], "none");
    bool polling = argc == 3 && !strcmp(argv[2], "polling");

    require((argc == 2 && none) ||
                ((argc == 2 || polling) && (!strcmp(argv[1], "kvm") || !strcmp(argv[1], "module"))),
            "usage: channel kvm|module|none [polling]");
    make_machine(!strcmp(argv[1], "module"));
    if (polling) {
        return poll_all();
    }
    measure("exit-mmio-write", MMIO_WRITE, CLOCK_THREAD_CPUTIME_ID, COUNT, NULL, NULL);
    measure("exit-mmio-read", MMIO_READ, CLOCK_THREAD_CPUTIME_ID, COUNT, NULL, NULL);
    measure("exit-port-write", PORT_WRITE, CLOCK_THREAD_CPUTIME_ID, COUNT, NULL, NULL);
    measure_ioeventfd();
    if (!none) {
        require(ioctl(m.regions, KVM_CHECK_EXTENSION, KVM_CAP_IOREGIONFD) > 0, "no KVM_CAP_IOREGIONFD");
        measure_posted();
        measure_answered("ring", open_ring, ring_home);
        measure_answered("file", open_file, file_home);
        measure_answered("socket", open_socket, file_home);
    }
    printf("CHANNEL end\n");
    return 0;
}
