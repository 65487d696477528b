/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded before the C library into the emulator that cmdline-kvm-test.c starts: a /dev/kvm as hosts
 * have it that this one is not, by the environment variable KVM_PRELOAD.
 *
 *   absent      no such file          denied    it may not be opened
 *   version=N   another API version   no-vm     KVM_CREATE_VM fails
 *   lacks=N     capability N is missing
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static int device = -1, vm = -1;

static const char *mode(const char *name)
{
    const char *text = getenv("KVM_PRELOAD");
    size_t n = strlen(name);

    if (!text) {
        abort(); /* a test without a host to stand for would prove nothing */
    }
    return strncmp(text, name, n) ? NULL : text + n;
}

static int fail(int err)
{
    errno = err;
    return -1;
}

static int open_kvm(void)
{
    if (mode("absent")) {
        return fail(ENOENT);
    }
    if (mode("denied")) {
        return fail(EACCES);
    }
    return device = memfd_create("kvm", MFD_CLOEXEC);
}

int open64(const char *path, int flags, ...)
{
    static int (*next)(const char *, int, ...);
    va_list ap;
    unsigned perm;

    if (strcmp(path, "/dev/kvm") == 0) {
        return open_kvm();
    }
    va_start(ap, flags);
    perm = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, unsigned) : 0;
    va_end(ap);
    if (!next) {
        next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    }
    return next(path, flags, perm);
}

static int kvm_ioctl(unsigned long request, unsigned long arg)
{
    const char *number;

    switch (request) {
    case KVM_GET_API_VERSION:
        number = mode("version=");
        return number ? atoi(number) : KVM_API_VERSION;
    case KVM_CREATE_VM:
        return mode("no-vm") ? fail(EBUSY) : (vm = memfd_create("kvm-vm", MFD_CLOEXEC));
    case KVM_GET_VCPU_MMAP_SIZE:
        return 3 * 4096;
    case KVM_SET_IDENTITY_MAP_ADDR:
    case KVM_SET_TSS_ADDR:
        return 0;
    case KVM_CHECK_EXTENSION:
        number = mode("lacks=");
        return !number || strtoul(number, NULL, 10) != arg;
    default:
        return fail(ENOTTY);
    }
}

int ioctl(int fd, unsigned long request, ...)
{
    static int (*next)(int, unsigned long, ...);
    va_list ap;
    unsigned long arg;

    va_start(ap, request);
    arg = va_arg(ap, unsigned long);
    va_end(ap);
    if (fd >= 0 && (fd == device || fd == vm)) {
        return kvm_ioctl(request, arg);
    }
    if (!next) {
        next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    }
    return next(fd, request, arg);
}
