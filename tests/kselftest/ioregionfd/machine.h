/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual machine with a few vCPUs, through either front end. A vCPU runs in the caller's thread (vcpu_run) or in one of its
 * own (vcpu_start).
 */
#ifndef KST_MACHINE_H
#define KST_MACHINE_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>

#include "guest.h"
#include "harness.h"
#include "linux/kvm-ioregionfd.h"

enum { MAX_VCPUS = 4, MAX_LOG = 256 };

/* An exit that reached user space. */
struct exit_log {
    uint32_t reason; /* KVM_EXIT_* */
    bool write;
    uint32_t len;    /* of MMIO, or of one element */
    uint32_t count;  /* elements, PIO */
    uint64_t addr;
    uint64_t data;   /* written, or what was given; the first element */
    struct kvm_ioregion_failure failure;
};

struct vcpu {
    struct machine *machine;
    unsigned index;
    int fd;
    int front;            /* the file that takes KVM_RUN: the module's, or fd */
    struct kvm_run *run;
    uint64_t fill;        /* what reads get that come to user space */
    pthread_t thread;
    bool threaded;
    int tid;              /* of the thread, atomic */
    int result;           /* of the loop, once it has ended; atomic */
    bool ended;           /* atomic */
    bool stop;            /* atomic: the next EINTR ends the loop with -EINTR */
    unsigned interrupts;  /* EINTR seen; atomic */
    unsigned exits;       /* all, atomic */
    struct exit_log log[MAX_LOG];
    unsigned logged;      /* atomic */
};

struct machine {
    int kvm, vm, front;   /* front: the file that takes KVM_SET_IOREGION */
    uint8_t *ram;
    size_t run_size;
    unsigned count;
    struct vcpu vcpu[MAX_VCPUS];
};

/*
 * Keeps a machine for as long as this process lives. KVM patches the kernel's code when the first machine comes and when the last
 * one goes; doing that hundreds of times is no subject of these tests, and emulators of several CPUs do not all survive it.
 */
void machine_keep(void);

/* Makes a machine; fails or skips the test when it cannot. */
struct machine *machine_new(unsigned vcpus);
/* Closes all of its files, VM first when vm_first. Threads must have ended. */
void machine_free(struct machine *m, bool vm_first);

/* The same one by one; each may be done before. */
void vcpu_close(struct vcpu *v);
void vm_close(struct machine *m);

/* KVM_SET_IOREGION; 0 or -errno. */
int region_set(struct machine *m, const struct kvm_ioregion *region);
/* KVM_CREATE_IOREGIONFD; a file or -errno. */
int channel_create(struct machine *m, const struct kvm_create_ioregionfd *create);
/* KVM_CANCEL_IOREGION; 0 or -errno. */
int vcpu_cancel(struct vcpu *v);

/* Where a vCPU's next script goes. An OP_HALT is put behind it. */
struct guest_op *vcpu_script(struct vcpu *v, const struct guest_op *ops, unsigned count);
/* Results of the script: the operation as the guest left it. */
struct guest_op *vcpu_op(struct vcpu *v, unsigned index);
uint64_t op_address(const struct vcpu *v, unsigned index);

/* One KVM_RUN: 0 or -errno. */
int vcpu_run(struct vcpu *v);
/*
 * Runs until the script halts: 0; or until something else happens that it does not know: -errno. Exits are logged; MMIO and PIO
 * reads get "fill", failure exits are left as they are.
 */
int vcpu_loop(struct vcpu *v);
/* The same in a thread. */
void vcpu_start(struct vcpu *v);
/* Waits for the thread's end; fails the test when it has not ended in time. Returns the loop's result. */
int vcpu_join(struct vcpu *v);
bool vcpu_has_ended(struct vcpu *v, int milliseconds);
/* Sends the signal that makes KVM_RUN return. */
void vcpu_kick(struct vcpu *v);
/* Kicks until the loop has seen an EINTR, which it answers with another KVM_RUN. */
void vcpu_interrupt(struct vcpu *v);

/* Script in, result out, in this thread. */
void vcpu_do(struct vcpu *v, const struct guest_op *ops, unsigned count);

/* Whether the extension is there on this VM; the mask. */
int capability(struct machine *m);

#endif
