/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irqfds with resampling on I/O APIC pins while the I/O APIC is the emulator's (split).
 *
 * KVM refuses KVM_IRQFD_FLAG_RESAMPLE then.  So the irqfd is a plain one (a write sends what the
 * pin's route says), and the eventfd that asks the device to look again is written when the I/O
 * APIC hears that the pin's interrupt has ended.
 */
#include "qemu/osdep.h"

#include "kvm-int.h"

#define MAX_RESAMPLERS 64

typedef struct Resampler {
    int fd, resamplefd, pin; /* fd -1: free */
} Resampler;

static QemuMutex lock;
static Resampler all[MAX_RESAMPLERS] TSA_GUARDED_BY(lock);
static uint64_t pins; /* atomic: those that have any */
G_STATIC_ASSERT(KVM_IOAPIC_PINS <= 64);

void kvm_resample_init(void)
{
    qemu_mutex_init(&lock);
    QEMU_LOCK_GUARD(&lock);
    for (unsigned n = 0; n < MAX_RESAMPLERS; n++) {
        all[n].fd = -1;
    }
}

static void note_pins(void) TSA_REQUIRES(lock);
static void note_pins(void)
{
    uint64_t now = 0;

    for (unsigned n = 0; n < MAX_RESAMPLERS; n++) {
        now |= all[n].fd >= 0 ? BIT_ULL(all[n].pin) : 0;
    }
    __atomic_store_n(&pins, now, __ATOMIC_RELEASE);
}

int kvm_resample_add(int fd, int resamplefd, int pin)
{
    QEMU_LOCK_GUARD(&lock);

    if (pin < 0 || pin >= KVM_IOAPIC_PINS) {
        return -EINVAL;
    }
    for (unsigned n = 0; n < MAX_RESAMPLERS; n++) {
        if (all[n].fd < 0) {
            all[n] = (Resampler){fd, resamplefd, pin};
            note_pins();
            return 0;
        }
    }
    return -ENOSPC;
}

void kvm_resample_del(int fd, int pin)
{
    QEMU_LOCK_GUARD(&lock);

    for (unsigned n = 0; n < MAX_RESAMPLERS; n++) {
        if (all[n].fd == fd && all[n].pin == pin) {
            all[n].fd = -1;
        }
    }
    note_pins();
}

void kvm_irqfd_resample(int pin)
{
    uint64_t one = 1;

    if (!(__atomic_load_n(&pins, __ATOMIC_ACQUIRE) & BIT_ULL(pin))) {
        return;
    }
    QEMU_LOCK_GUARD(&lock);
    for (unsigned n = 0; n < MAX_RESAMPLERS; n++) {
        /* A full eventfd is set already. */
        if (all[n].fd >= 0 && all[n].pin == pin &&
            write(all[n].resamplefd, &one, sizeof(one)) < 0 && errno != EAGAIN) {
            warn_report_once("resampling interrupt %d: %s", pin, strerror(errno));
        }
    }
}
