/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Direct start of a kernel: the plan, its files, the initrd, and putting it all into RAM. */
#include "hw/i386/boot.h"

#include <fcntl.h>
#include <sys/stat.h>

#define FILE_MAX (4 * GiB)

bool boot_read(int fd, const char *name, void *buf, uint64_t offset, size_t size, GError **errp)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = RETRY_ON_EINTR(pread(fd, (char *)buf + done, size - done, offset + done));

        if (n < 0) {
            error_setg_errno(errp, errno, "%s cannot be read", name);
            return false;
        }
        if (n == 0) {
            error_setg(errp, "%s ends early: %zu bytes expected at offset %" PRIu64, name, size,
                       offset);
            return false;
        }
        done += n;
    }
    return true;
}

void boot_add_data(BootPlan *plan, uint64_t addr, const void *data, size_t size)
{
    BootSegment s = {
        .addr = addr, .mem_size = size, .fd = -1, .size = size, .data = g_memdup2(data, size)};

    g_array_append_val(plan->segments, s);
}

bool boot_replace_data(BootPlan *plan, uint64_t addr, const void *data, size_t size)
{
    for (unsigned n = 0; n < plan->segments->len; n++) {
        BootSegment *s = &g_array_index(plan->segments, BootSegment, n);

        if (s->fd < 0 && s->addr == addr && s->size == size) {
            memcpy(s->data, data, size);
            return true;
        }
    }
    return false;
}

void boot_add_file(BootPlan *plan, uint64_t addr, uint64_t mem_size, int fd, uint64_t offset,
                   uint64_t size)
{
    BootSegment s = {.addr = addr, .mem_size = mem_size, .fd = fd, .offset = offset, .size = size};

    g_array_append_val(plan->segments, s);
}

void boot_add_gdt(BootPlan *plan, bool code64)
{
    const uint64_t gdt[4] = {
        0,
        0,
        code64 ? UINT64_C(0x00af9b000000ffff) : UINT64_C(0x00cf9b000000ffff),
        UINT64_C(0x00cf93000000ffff),
    };

    boot_add_data(plan, BOOT_GDT, gdt, sizeof(gdt));
    plan->regs.gdt_base = BOOT_GDT;
    plan->regs.gdt_limit = sizeof(gdt) - 1;
    plan->regs.cs_sel = 0x10;
    plan->regs.ds_sel = 0x18;
}

/* A regular file with content, open for reading; its size goes to *size. -1 with errp. */
static int open_image(const char *option, const char *name, uint64_t *size, GError **errp)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0) {
        error_setg_errno(errp, errno, "%s %s cannot be opened", option, name);
        return -1;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > FILE_MAX) {
        error_setg(errp, "%s %s must be a regular file that is not empty", option, name);
        close(fd);
        return -1;
    }
    *size = st.st_size;
    return fd;
}

bool boot_place_initrd(BootPlan *plan, const BootEnv *env, uint64_t max_addr, GError **errp)
{
    uint64_t size, end;

    if (!env->initrd) {
        return true;
    }
    plan->initrd_fd = open_image("-initrd", env->initrd, &size, errp);
    if (plan->initrd_fd < 0) {
        return false;
    }
    end = MIN(env->ram_low, max_addr + 1);
    if (size > end || ALIGN_DOWN(end - size, UINT64_C(4096)) < plan->kernel_end) {
        error_setg(errp,
                   "-initrd %s: %" PRIu64 " bytes do not fit into RAM below 0x%" PRIx64
                   " beside the kernel, which ends at "
                   "0x%" PRIx64 "; give more memory with -m",
                   env->initrd, size, end, plan->kernel_end);
        return false;
    }
    plan->initrd_addr = ALIGN_DOWN(end - size, UINT64_C(4096));
    plan->initrd_size = size;
    boot_add_file(plan, plan->initrd_addr, size, plan->initrd_fd, 0, size);
    return true;
}

static bool check_segments(const BootPlan *plan, const BootEnv *env, GError **errp)
{
    for (unsigned n = 0; n < plan->segments->len; n++) {
        const BootSegment *s = &g_array_index(plan->segments, BootSegment, n);

        if (s->size > s->mem_size || s->addr > env->ram_low ||
            s->mem_size > env->ram_low - s->addr) {
            error_setg(errp,
                       "-kernel %s wants memory from 0x%" PRIx64 " to 0x%" PRIx64
                       ", and RAM ends at 0x%" PRIx64 "; give more with -m",
                       env->kernel, s->addr, s->addr + s->mem_size, env->ram_low);
            return false;
        }
    }
    return true;
}

BootPlan *boot_plan_new(const BootEnv *env, GError **errp)
{
    BootPlan *plan = g_new0(BootPlan, 1);
    uint8_t head[8192] = {0};
    uint64_t size;
    bool ok;

    plan->segments = g_array_new(false, false, sizeof(BootSegment));
    plan->initrd_fd = -1;
    plan->kernel_name = g_strdup(env->kernel);
    plan->kernel_fd = open_image("-kernel", env->kernel, &size, errp);
    ok = plan->kernel_fd >= 0 &&
         boot_read(plan->kernel_fd, env->kernel, head, 0, MIN(size, sizeof(head)), errp);
    if (ok && env->cmdline && strlen(env->cmdline) >= BOOT_CMDLINE_MAX) {
        error_setg(errp, "-append: the command line is longer than %d bytes", BOOT_CMDLINE_MAX - 1);
        ok = false;
    }
    if (ok && boot_is_bzimage(head, MIN(size, sizeof(head)))) {
        ok = boot_bzimage(plan, env, size, errp);
    } else if (ok && boot_is_multiboot(head, MIN(size, sizeof(head)))) {
        ok = boot_multiboot(plan, env, size, errp);
    } else if (ok && !memcmp(head,
                             "\x7f"
                             "ELF",
                             4)) {
        ok = boot_pvh(plan, env, size, errp);
    } else if (ok) {
        error_setg(errp, "-kernel %s is neither a bzImage nor a multiboot kernel nor an ELF file with a "
                   "PVH entry",
                   env->kernel);
        ok = false;
    }
    if (!ok || !check_segments(plan, env, errp)) {
        boot_plan_free(plan);
        return NULL;
    }
    return plan;
}

void boot_plan_free(BootPlan *plan)
{
    if (!plan) {
        return;
    }
    for (unsigned n = 0; n < plan->segments->len; n++) {
        g_free(g_array_index(plan->segments, BootSegment, n).data);
    }
    g_array_unref(plan->segments);
    if (plan->kernel_fd >= 0) {
        close(plan->kernel_fd);
    }
    if (plan->initrd_fd >= 0) {
        close(plan->initrd_fd);
    }
    g_free(plan->kernel_name);
    g_free(plan);
}

bool boot_plan_load(const BootPlan *plan, uint8_t *ram, GError **errp)
{
    for (unsigned n = 0; n < plan->segments->len; n++) {
        const BootSegment *s = &g_array_index(plan->segments, BootSegment, n);

        if (s->fd < 0) {
            memcpy(ram + s->addr, s->data, s->size);
        } else if (!boot_read(s->fd, plan->kernel_name, ram + s->addr, s->offset, s->size, errp)) {
            return false;
        }
        memset(ram + s->addr + s->size, 0, s->mem_size - s->size);
    }
    return true;
}
