/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local APICs in the emulator (kernel-irqchip=off): xAPIC and x2APIC registers, timer, and the bus
 * by which messages find them.  Intel SDM volume 3, chapter 11.
 *
 * An APIC is a plain structure with a lock of its own; any thread.  Time is told in each call that
 * needs it (ns of the guest's clock), so a test can move it by hand.  No two APICs' locks are ever
 * held together: what an APIC sends leaves it after its lock is released.
 */
#ifndef HW_INTC_APIC_H
#define HW_INTC_APIC_H

#include "hw/pci/pci.h"
#include "qemu/thread.h"

#define APIC_BASE_BSP BIT(8)
#define APIC_BASE_X2APIC BIT(10)
#define APIC_BASE_ENABLE BIT(11)
#define APIC_DEFAULT_ADDRESS 0xfee00000u
#define APIC_LVTS 6

typedef enum ApicMode {
    APIC_FIXED,
    APIC_LOWEST,
    APIC_SMI,
    APIC_NMI = 4,
    APIC_INIT,
    APIC_STARTUP,
    APIC_EXTINT,
} ApicMode;

typedef struct ApicCore ApicCore;

typedef struct ApicOps {
    /* There is something for the processor: an interrupt that it may take, or (mode NMI, SMI, INIT,
     * STARTUP) an event.  Not under the APIC's lock. Any thread. */
    void (*attention)(void *opaque, ApicMode mode, uint8_t vector);
    /* The processor ended vector; broadcast: I/O APICs are to hear of it. Not under the lock. */
    void (*ended)(void *opaque, uint8_t vector, bool broadcast);
    /* The timer's next event: at ns of the guest's clock, or when the time stamp counter reaches
     * tsc (TSC deadline mode); -1 and 0: none.  Under the lock. */
    void (*set_timer)(void *opaque, int64_t at, uint64_t tsc);
} ApicOps;

struct ApicCore {
    QemuMutex lock; /* everything below but id, ops and opaque, which are fixed */
    uint32_t id;
    uint64_t base; /* atomic: IA32_APIC_BASE */
    uint32_t tpr, ldr, dfr, svr;
    uint32_t irr[8], isr[8], tmr[8];
    uint32_t esr, errors; /* as read, and gathered since the last write */
    uint64_t icr;
    uint32_t lvt[APIC_LVTS];
    uint32_t initial_count, divide;
    int64_t timer_start;   /* when the initial count was written */
    uint64_t timer_events; /* that have happened since */
    uint64_t tsc_deadline;
    const ApicOps *ops;
    void *opaque;
};

/* id: the APIC id; base as after power-on. */
void apic_init(ApicCore *a, uint32_t id, bool bsp, const ApicOps *ops, void *opaque);
/* Power-on state, or what INIT leaves (keeps the base). */
void apic_reset(ApicCore *a, bool init);
/* The processor changed IA32_APIC_BASE. */
void apic_set_base(ApicCore *a, uint64_t base);

/* Registers by number: offset / 16 in the page, MSR - 0x800.  Reads and writes of the xAPIC page
 * never fail; the x2APIC ones are false where the processor raises #GP. The processor's thread. */
uint32_t apic_mmio_read(ApicCore *a, unsigned reg, int64_t now);
void apic_mmio_write(ApicCore *a, unsigned reg, uint32_t val, int64_t now);
bool apic_msr_read(ApicCore *a, unsigned reg, uint64_t *val, int64_t now);
bool apic_msr_write(ApicCore *a, unsigned reg, uint64_t val, int64_t now);
/* IA32_TSC_DEADLINE. */
uint64_t apic_tsc_deadline(ApicCore *a);
void apic_set_tsc_deadline(ApicCore *a, uint64_t tsc);
/* CR8, 0 to 15. */
void apic_set_cr8(ApicCore *a, uint8_t cr8);
uint8_t apic_cr8(ApicCore *a);

/* A message arrives. */
void apic_accept(ApicCore *a, ApicMode mode, uint8_t vector, bool level);
/* LINT0 or LINT1 (0, 1) is pulsed. */
void apic_local_pin(ApicCore *a, int pin);
/* The timer's event is due. */
void apic_timer_fired(ApicCore *a, int64_t now);
/* The vector that the processor would take now, or -1. */
int apic_pending(ApicCore *a);
/* It takes that one: the vector, or -1 if it is gone. */
int apic_take(ApicCore *a);
/* True if the 8259s' output reaches the processor (LINT0 as ExtINT, or the APIC is off). */
bool apic_accepts_pic(ApicCore *a);

/* --- the bus.  Add and remove: main loop, processors parked or not yet there; the rest: any
 * thread. */
void apic_bus_add(ApicCore *a);
void apic_bus_remove(ApicCore *a);
/* A message of the form that devices send. */
void apic_bus_message(MSIMessage msg);
/* Destination as in ICR; sender NULL: a device. shorthand 0: dest, 1 self, 2 all, 3 all but self.
 */
void apic_bus_send(ApicCore *sender, uint32_t dest, bool logical, bool x2apic, ApicMode mode,
                   uint8_t vector, bool level, unsigned shorthand);
/* True if the APIC is addressed. */
bool apic_matches(ApicCore *a, uint32_t dest, bool logical);
/* For lowest priority: the processor's present priority. */
uint8_t apic_priority(ApicCore *a);

#endif
