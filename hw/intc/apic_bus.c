/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How messages find local APICs: physical and logical destinations, shorthands, lowest priority. */
#include "hw/intc/apic.h"

#define MAX_APICS 1024

/* By order of arrival; entries are atomic, and an APIC lives until the processors that could be
 * looking have ended. */
static ApicCore *apics[MAX_APICS];
static unsigned n_apics;

void apic_bus_add(ApicCore *a)
{
    unsigned n = 0;

    while (n < MAX_APICS - 1 && __atomic_load_n(&apics[n], __ATOMIC_RELAXED)) {
        n++;
    }
    __atomic_store_n(&apics[n], a, __ATOMIC_RELEASE);
    __atomic_store_n(&n_apics, MAX(n_apics, n + 1), __ATOMIC_RELEASE);
}

void apic_bus_remove(ApicCore *a)
{
    for (unsigned n = 0; n < n_apics; n++) {
        if (__atomic_load_n(&apics[n], __ATOMIC_RELAXED) == a) {
            __atomic_store_n(&apics[n], NULL, __ATOMIC_RELEASE);
        }
    }
}

static bool addressed(ApicCore *a, ApicCore *sender, uint32_t dest, bool logical, bool x2apic,
                      unsigned shorthand)
{
    switch (shorthand) {
    case 1:
        return a == sender;
    case 2:
        return true;
    case 3:
        return a != sender;
    default:
        /* What a device or an xAPIC calls 255 is everybody, for x2APICs, too. */
        return (!x2apic && !logical && dest == 0xff) || apic_matches(a, dest, logical);
    }
}

void apic_bus_send(ApicCore *sender, uint32_t dest, bool logical, bool x2apic, ApicMode mode,
                   uint8_t vector, bool level, unsigned shorthand)
{
    unsigned n_all = __atomic_load_n(&n_apics, __ATOMIC_ACQUIRE);
    ApicCore *best = NULL;
    uint8_t best_priority = 0;

    for (unsigned n = 0; n < n_all; n++) {
        ApicCore *a = __atomic_load_n(&apics[n], __ATOMIC_ACQUIRE);

        if (!a || !addressed(a, sender, dest, logical, x2apic, shorthand)) {
            continue;
        }
        if (mode != APIC_LOWEST) {
            apic_accept(a, mode, vector, level);
        } else if (!best || apic_priority(a) < best_priority) {
            best = a;
            best_priority = apic_priority(a);
        }
    }
    if (best) {
        apic_accept(best, APIC_FIXED, vector, level);
    }
}

void apic_bus_message(MSIMessage msg)
{
    uint32_t dest = msg.address >> 12 & 0xff;
    bool redirection = msg.address & BIT(3), logical = msg.address & BIT(2);
    ApicMode mode = msg.data >> 8 & 7;

    if (mode == APIC_FIXED && redirection && logical) {
        mode = APIC_LOWEST;
    }
    if (mode == APIC_EXTINT || mode == APIC_STARTUP || mode == 3) {
        return; /* none of these comes from a device */
    }
    apic_bus_send(NULL, dest, logical, false, mode, msg.data & 0xff, msg.data & BIT(15), 0);
}
