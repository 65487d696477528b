/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GSI routes: which message, or which pin of KVM's own chips, an interrupt number stands for.
 *
 * KVM takes the whole table at once, so changes are made in our copy and sent by the commit that
 * ends a batch.  A commit sends whatever has changed, also what another thread is in the middle of
 * changing: half a batch is as good as none, and what the committing thread changed must be in
 * force when its commit returns.
 */
#include "qemu/osdep.h"

#include "kvm-int.h"
#include "qemu/trace.h"

/* The kernel's limit, KVM_MAX_IRQ_ROUTES. */
#define MAX_GSI 4096
#define IOAPIC_PINS 24
#define PIC_PINS 16

typedef enum RouteKind { ROUTE_FREE, ROUTE_RESERVED, ROUTE_MSI, ROUTE_CHIPS } RouteKind;

typedef struct Route {
    uint8_t kind;
    MSIMessage msg;
} Route;

static QemuMutex lock;
static Route *routes TSA_GUARDED_BY(lock);     /* by GSI */
static unsigned n_routes TSA_GUARDED_BY(lock); /* GSIs in use, and free ones between them */
static unsigned first_free TSA_GUARDED_BY(lock);
static bool dirty TSA_GUARDED_BY(lock);
static bool dirty_hint; /* atomic copy of dirty */
static __thread unsigned batch_depth;

static void set_dirty(void) TSA_REQUIRES(lock);
static void set_dirty(void)
{
    dirty = true;
    __atomic_store_n(&dirty_hint, true, __ATOMIC_RELEASE);
}

static void reserve(unsigned n) TSA_REQUIRES(lock);
static void reserve(unsigned n)
{
    if (n > n_routes) {
        routes = g_renew(Route, routes, n);
        memset(routes + n_routes, 0, (n - n_routes) * sizeof(Route));
        n_routes = n;
    }
}

void kvm_routes_init(KVMIrqchipMode mode)
{
    qemu_mutex_init(&lock);
    QEMU_LOCK_GUARD(&lock);
    /* The lowest numbers are the IOAPICs' pins in both modes. */
    unsigned pins = mode == KVM_IRQCHIP_ON ? IOAPIC_PINS : KVM_IOAPIC_PINS;

    reserve(pins);
    for (unsigned gsi = 0; gsi < pins; gsi++) {
        routes[gsi].kind = mode == KVM_IRQCHIP_ON ? ROUTE_CHIPS : ROUTE_RESERVED;
    }
    first_free = pins;
    if (mode == KVM_IRQCHIP_ON) {
        set_dirty(); /* KVM's own table connects GSI 0 to IOAPIC pin 0; on a PC it is pin 2 */
    }
}

static unsigned add_chip_pin(struct kvm_irq_routing_entry *e, unsigned gsi, unsigned chip,
                             unsigned pin)
{
    *e = (struct kvm_irq_routing_entry){
        .gsi = gsi,
        .type = KVM_IRQ_ROUTING_IRQCHIP,
        .u.irqchip = {.irqchip = chip, .pin = pin},
    };
    return 1;
}

/* Pins of KVM's chips that a GSI below 24 drives: the 8259 pair for 0 to 15, and the IOAPIC, where
 * the timer's GSI 0 is on pin 2. */
static unsigned add_chips(struct kvm_irq_routing_entry *e, unsigned gsi)
{
    unsigned n = 0;

    if (gsi < PIC_PINS) {
        unsigned chip = gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
        n += add_chip_pin(e, gsi, chip, gsi % 8);
    }
    if (gsi != 2) {
        n += add_chip_pin(e + n, gsi, KVM_IRQCHIP_IOAPIC, gsi == 0 ? 2 : gsi);
    }
    return n;
}

static unsigned add_msi(struct kvm_irq_routing_entry *e, unsigned gsi, MSIMessage msg)
{
    *e = (struct kvm_irq_routing_entry){
        .gsi = gsi,
        .type = KVM_IRQ_ROUTING_MSI,
        .u.msi =
            {
                .address_lo = (uint32_t)msg.address,
                .address_hi = (uint32_t)(msg.address >> 32),
                .data = msg.data,
            },
    };
    return 1;
}

static void send_table(void) TSA_REQUIRES(lock);
static void send_table(void)
{
    g_autofree struct kvm_irq_routing *table =
        g_malloc0(sizeof(*table) + (n_routes + PIC_PINS) * sizeof(table->entries[0]));
    int r;

    if (!dirty) {
        return;
    }
    for (unsigned gsi = 0; gsi < n_routes; gsi++) {
        struct kvm_irq_routing_entry *e = &table->entries[table->nr];

        if (routes[gsi].kind == ROUTE_CHIPS) {
            table->nr += add_chips(e, gsi);
        } else if (routes[gsi].kind == ROUTE_MSI) {
            table->nr += add_msi(e, gsi, routes[gsi].msg);
        }
    }
    r = kvm_vm_ioctl(KVM_SET_GSI_ROUTING, table);
    TRACE(kvm, set_routes, "entries %u: %d", table->nr, r);
    if (r < 0) {
        error_report("KVM refuses a table of %u interrupt routes: %s", table->nr, strerror(-r));
    }
    dirty = false;
    __atomic_store_n(&dirty_hint, false, __ATOMIC_RELEASE);
}

void kvm_routes_flush(void)
{
    if (__atomic_load_n(&dirty_hint, __ATOMIC_ACQUIRE)) {
        QEMU_LOCK_GUARD(&lock);
        send_table();
    }
}

void kvm_irq_routes_begin(void)
{
    batch_depth++;
}

void kvm_irq_routes_commit(void)
{
    g_assert(batch_depth);
    if (--batch_depth == 0) {
        kvm_routes_flush();
    }
}

/* Outside of a batch a change is its own batch. */
static void end_change(void)
{
    if (!batch_depth) {
        kvm_routes_flush();
    }
}

static int take_gsi(MSIMessage msg)
{
    QEMU_LOCK_GUARD(&lock);

    while (first_free < n_routes && routes[first_free].kind != ROUTE_FREE) {
        first_free++;
    }
    if (first_free >= MAX_GSI) {
        return -ENOSPC;
    }
    if (first_free == n_routes) {
        reserve(MIN(n_routes * 2, MAX_GSI));
    }
    routes[first_free] = (Route){.kind = ROUTE_MSI, .msg = msg};
    set_dirty();
    return (int)first_free++;
}

int kvm_irq_route_add_msi(MSIMessage msg)
{
    int gsi;

    if (!kvm_enabled() || kvm_irqchip_mode() == KVM_IRQCHIP_OFF) {
        return -ENOSYS;
    }
    gsi = take_gsi(msg);
    end_change();
    return gsi;
}

void kvm_irq_route_update_msi(int virq, MSIMessage msg)
{
    qemu_mutex_lock(&lock);
    g_assert(virq >= 0 && (unsigned)virq < n_routes && routes[virq].kind == ROUTE_MSI);
    Route *r = &routes[virq];
    if (r->msg.address != msg.address || r->msg.data != msg.data) {
        r->msg = msg;
        set_dirty();
    }
    qemu_mutex_unlock(&lock);
    end_change();
}

void kvm_irq_route_release(int virq)
{
    qemu_mutex_lock(&lock);
    g_assert(virq >= IOAPIC_PINS && (unsigned)virq < n_routes && routes[virq].kind == ROUTE_MSI);
    routes[virq] = (Route){.kind = ROUTE_FREE};
    first_free = MIN(first_free, (unsigned)virq);
    /* The stale entry does no harm (no irqfd uses it): it goes with the next table that is sent. */
    dirty = true;
    qemu_mutex_unlock(&lock);
}

void kvm_irq_route_set_ioapic_pin(int pin, bool masked, MSIMessage msg)
{
    g_assert(pin >= 0 && pin < KVM_IOAPIC_PINS);
    if (!kvm_irqchip_is_split()) {
        return;
    }
    qemu_mutex_lock(&lock);
    Route new = masked ? (Route){.kind = ROUTE_RESERVED} : (Route){.kind = ROUTE_MSI, .msg = msg};
    Route *r = &routes[pin];
    if (r->kind != new.kind || r->msg.address != new.msg.address || r->msg.data != new.msg.data) {
        *r = new;
        set_dirty();
    }
    qemu_mutex_unlock(&lock);
    end_change();
}
