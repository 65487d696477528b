/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory slots: carries RAM and ROM of the memory map to KVM with as few updates as possible, and
 * reads the dirty log.
 *
 * A transaction's changes are collected and compared at its end.  A piece that goes and comes back
 * the same costs nothing, one that only moves or changes its log flag costs one update.  KVM cannot
 * resize a slot, so where old and new pieces overlap the guest would for a moment see a hole: then,
 * and only then, vCPUs are kept out of guest mode meanwhile (kvm_inhibit_begin()).
 */
#include "qemu/osdep.h"

#include "kvm-int.h"
#include "qemu/trace.h"

#define SLOT_ALIGN UINT64_C(4096)

typedef struct KVMSlot {
    hwaddr start;
    uint64_t size;
    uint8_t *host;
    uint32_t flags; /* KVM_MEM_* */
    uint32_t id;
    MemoryRegion *mr;
    hwaddr offset; /* of start in mr */
} KVMSlot;

uint32_t kvm_inhibit;

static GArray *slots; /* what KVM has, by ascending start */
static GArray *pending_del, *pending_add;
static GArray *free_ids; /* uint32_t, used as a stack */
static uint32_t next_id;
static bool in_transaction;

/* --- keeping vCPUs out of the guest
 * ---------------------------------------------------------------------------- */

void kvm_inhibit_begin(void)
{
    assert_main_loop();
    __atomic_add_fetch(&kvm_inhibit, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; cpus && i < cpus->len; i++) {
        CPUState *cpu = g_ptr_array_index(cpus, i);
        KVMVcpu *v = kvm_vcpu(cpu);

        /* A vCPU sets in_guest before it looks at kvm_inhibit: one that we see outside will see us.
         */
        while (v && __atomic_load_n(&v->in_guest, __ATOMIC_SEQ_CST)) {
            cpus_get_accel()->kick(cpu);
            qemu_futex_wait(&v->in_guest, 1, -1);
        }
    }
}

void kvm_inhibit_end(void)
{
    assert_main_loop();
    if (__atomic_sub_fetch(&kvm_inhibit, 1, __ATOMIC_SEQ_CST) == 0) {
        qemu_futex_wake(&kvm_inhibit, INT_MAX);
    }
}

/* --- the table
 * --------------------------------------------------------------------------------------------------
 */

#define SLOT(array, i) (&g_array_index(array, KVMSlot, i))

/* Index of the first slot that starts at or after start. */
static unsigned slot_position(hwaddr start)
{
    unsigned lo = 0, hi = slots->len;

    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;
        if (SLOT(slots, mid)->start < start) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static KVMSlot *find_slot(hwaddr start, uint64_t size)
{
    unsigned i = slot_position(start);

    if (i < slots->len && SLOT(slots, i)->start == start && SLOT(slots, i)->size == size) {
        return SLOT(slots, i);
    }
    return NULL;
}

static uint32_t take_id(void)
{
    if (free_ids->len) {
        uint32_t id = g_array_index(free_ids, uint32_t, free_ids->len - 1);
        g_array_set_size(free_ids, free_ids->len - 1);
        return id;
    }
    return next_id++;
}

static uint32_t section_flags(const MemoryRegionSection *s)
{
    uint32_t flags = 0;

    if (s->readonly || s->mr->readonly || s->mr->rom_device) {
        flags |= KVM_MEM_READONLY;
    }
    if (__atomic_load_n(&s->mr->dirty_log_mask, __ATOMIC_RELAXED)) {
        flags |= KVM_MEM_LOG_DIRTY_PAGES;
    }
    return flags;
}

/* What of a section can be a slot: whole pages of memory.  The rest is emulated access by access.
 */
static bool section_to_slot(const MemoryRegionSection *s, KVMSlot *slot)
{
    MemoryRegion *mr = s->mr;
    bool backed = mr->rom_device ? mr->romd_mode : mr->ram;
    hwaddr start = ALIGN_UP(s->offset_within_address_space, SLOT_ALIGN);
    hwaddr skipped = start - s->offset_within_address_space;
    uint64_t size;

    if (!backed || s->size <= skipped) {
        return false;
    }
    size = ALIGN_DOWN((uint64_t)(s->size - skipped), SLOT_ALIGN);
    *slot = (KVMSlot){
        .start = start,
        .size = size,
        .host = (uint8_t *)memory_region_get_ram_ptr(mr) + s->offset_within_region + skipped,
        .flags = section_flags(s),
        .mr = mr,
        .offset = s->offset_within_region + skipped,
    };
    return size && IS_ALIGNED((uintptr_t)slot->host, SLOT_ALIGN);
}

static bool update_kvm(const KVMSlot *slot, uint64_t size)
{
    struct kvm_userspace_memory_region region = {
        .slot = slot->id,
        .flags = slot->flags,
        .guest_phys_addr = slot->start,
        .memory_size = size,
        .userspace_addr = (uintptr_t)slot->host,
    };
    int r = kvm_vm_ioctl(KVM_SET_USER_MEMORY_REGION, &region);

    TRACE(kvm, set_memory, "slot %u start 0x%" PRIx64 " size 0x%" PRIx64 " flags %u: %d", slot->id,
          slot->start, size, slot->flags, r);
    if (r < 0) {
        error_report("KVM refuses memory slot %u (0x%" PRIx64 " bytes at 0x%" PRIx64
                     ", flags %u): %s; "
                     "accesses there are emulated one by one",
                     slot->id, size, slot->start, slot->flags, strerror(-r));
    }
    return r == 0;
}

/* --- dirty log
 * -----------------------------------------------------------------------------------------------------
 */

static void report_dirty(const KVMSlot *slot, const uint64_t *bitmap)
{
    uint64_t pages = slot->size / SLOT_ALIGN;

    for (uint64_t word = 0; word * 64 < pages; word++) {
        uint64_t bits = bitmap[word];

        while (bits) {
            unsigned first = (unsigned)__builtin_ctzll(bits);
            uint64_t rest = ~(bits >> first);
            unsigned run = rest ? (unsigned)__builtin_ctzll(rest) : 64 - first;
            uint64_t page = word * 64 + first;

            run = MIN(run, 64 - first);
            memory_region_set_dirty(slot->mr, slot->offset + page * SLOT_ALIGN, run * SLOT_ALIGN);
            bits &= ~(MASK_ULL(run) << first);
        }
    }
}

/* Moves the slot's dirty bits from KVM to the memory core. */
static void sync_slot(const KVMSlot *slot)
{
    uint64_t pages = slot->size / SLOT_ALIGN;
    g_autofree uint64_t *bitmap = NULL;
    struct kvm_dirty_log log = {.slot = slot->id};

    if (!(slot->flags & KVM_MEM_LOG_DIRTY_PAGES)) {
        return;
    }
    bitmap = g_new0(uint64_t, DIV_ROUND_UP(pages, 64));
    log.dirty_bitmap = bitmap;
    int r = kvm_vm_ioctl(KVM_GET_DIRTY_LOG, &log);
    if (r == 0 && kvm_state->manual_dirty_log) {
        /* Reading does not clear: pages are write-protected again now, before anyone looks at their
         * content. */
        struct kvm_clear_dirty_log clear = {
            .slot = slot->id,
            .num_pages = (uint32_t)pages,
            .dirty_bitmap = bitmap,
        };
        r = kvm_vm_ioctl(KVM_CLEAR_DIRTY_LOG, &clear);
    }
    if (r < 0) {
        /* Losing track of a page would corrupt a display or a migration: call all of them dirty. */
        memset(bitmap, 0xff, DIV_ROUND_UP(pages, 64) * sizeof(uint64_t));
        if (pages % 64) {
            bitmap[pages / 64] = MASK_ULL(pages % 64);
        }
        warn_report_once("KVM's dirty log fails: %s", strerror(-r));
    }
    report_dirty(slot, bitmap);
}

static void slots_log_sync(MemoryListener *l, const MemoryRegionSection *s)
{
    KVMSlot want, *slot;

    if (section_to_slot(s, &want) && (slot = find_slot(want.start, want.size))) {
        sync_slot(slot);
    }
}

static void slots_log_change(MemoryListener *l, const MemoryRegionSection *s)
{
    KVMSlot want, *slot;

    if (!section_to_slot(s, &want) || !(slot = find_slot(want.start, want.size)) ||
        slot->flags == want.flags) {
        return;
    }
    sync_slot(slot);
    slot->flags = want.flags;
    update_kvm(slot, slot->size);
}

/* --- transactions
 * -----------------------------------------------------------------------------------------------------
 */

static void slots_begin(MemoryListener *l)
{
    in_transaction = true;
}

static void slots_commit(MemoryListener *l);

static void slots_region_add(MemoryListener *l, const MemoryRegionSection *s)
{
    KVMSlot slot;

    if (section_to_slot(s, &slot)) {
        g_array_append_val(pending_add, slot);
        if (!in_transaction) {
            slots_commit(l);
        }
    }
}

static void slots_region_del(MemoryListener *l, const MemoryRegionSection *s)
{
    KVMSlot slot;

    if (section_to_slot(s, &slot)) {
        g_array_append_val(pending_del, slot);
        if (!in_transaction) {
            slots_commit(l);
        }
    }
}

static void remove_slot(KVMSlot *slot)
{
    sync_slot(slot);
    update_kvm(slot, 0);
    g_array_append_val(free_ids, slot->id);
    g_array_remove_index(slots, slot_position(slot->start));
}

static void insert_slot(KVMSlot slot)
{
    slot.id = take_id();
    if (!update_kvm(&slot, slot.size)) {
        g_array_append_val(free_ids, slot.id);
        return;
    }
    g_array_insert_val(slots, slot_position(slot.start), slot);
}

/* Old and new at the same place: nothing to do, or only a flag.  KVM does not let KVM_MEM_READONLY
 * change. */
static bool same_place(const KVMSlot *old, const KVMSlot *new)
{
    return old->start == new->start && old->size == new->size && old->host == new->host &&
           !((old->flags ^ new->flags) & KVM_MEM_READONLY);
}

/* The same memory elsewhere: KVM can move a slot. */
static bool same_memory(const KVMSlot *old, const KVMSlot *new)
{
    return old->size == new->size && old->host == new->host && old->flags == new->flags;
}

static bool overlaps(const KVMSlot *a, const KVMSlot *b)
{
    return a->start < b->start + b->size && b->start < a->start + a->size;
}

/* Pairs removals with additions that make them cheaper. */
static void cancel_pairs(void)
{
    for (unsigned d = 0; d < pending_del->len;) {
        KVMSlot *old = find_slot(SLOT(pending_del, d)->start, SLOT(pending_del, d)->size);
        bool done = !old;

        for (unsigned a = 0; !done && a < pending_add->len; a++) {
            KVMSlot *new = SLOT(pending_add, a);

            if (!same_place(old, new)) {
                continue;
            }
            if (old->flags != new->flags) {
                sync_slot(old);
                old->flags = new->flags;
                update_kvm(old, old->size);
            }
            old->mr = new->mr;
            old->offset = new->offset;
            g_array_remove_index_fast(pending_add, a);
            done = true;
        }
        if (done) {
            g_array_remove_index_fast(pending_del, d);
        } else {
            d++;
        }
    }
}

/* Index in pending_add of the place that a slot moves to, or -1.  The place must be free. */
static int move_target(const KVMSlot *old)
{
    for (unsigned a = 0; a < pending_add->len; a++) {
        KVMSlot *new = SLOT(pending_add, a);
        bool is_free = same_memory(old, new);

        for (unsigned i = 0; is_free && i < slots->len; i++) {
            is_free = SLOT(slots, i) == old ? !overlaps(old, new) : !overlaps(SLOT(slots, i), new);
        }
        if (is_free) {
            return (int)a;
        }
    }
    return -1;
}

static void move_slot(KVMSlot *old, unsigned a)
{
    KVMSlot moved = *SLOT(pending_add, a);

    sync_slot(old);
    moved.id = old->id;
    g_array_remove_index_fast(pending_add, a);
    if (update_kvm(&moved, moved.size)) {
        g_array_remove_index(slots, slot_position(old->start));
        g_array_insert_val(slots, slot_position(moved.start), moved);
    } else {
        remove_slot(old);
    }
}

static bool guest_could_see_hole(void)
{
    for (unsigned d = 0; d < pending_del->len; d++) {
        for (unsigned a = 0; a < pending_add->len; a++) {
            if (overlaps(SLOT(pending_del, d), SLOT(pending_add, a))) {
                return true;
            }
        }
    }
    return false;
}

static void slots_commit(MemoryListener *l)
{
    bool inhibit;

    in_transaction = false;
    if (!pending_del->len && !pending_add->len) {
        return;
    }
    cancel_pairs();
    inhibit = guest_could_see_hole();
    if (inhibit) {
        kvm_inhibit_begin();
    }
    for (unsigned d = 0; d < pending_del->len; d++) {
        KVMSlot *old = find_slot(SLOT(pending_del, d)->start, SLOT(pending_del, d)->size);
        int target = old ? move_target(old) : -1;

        if (target >= 0) {
            move_slot(old, (unsigned)target);
        } else if (old) {
            remove_slot(old);
        }
    }
    for (unsigned a = 0; a < pending_add->len; a++) {
        insert_slot(*SLOT(pending_add, a));
    }
    g_array_set_size(pending_del, 0);
    g_array_set_size(pending_add, 0);
    if (inhibit) {
        kvm_inhibit_end();
    }
}

static MemoryListener memory_listener = {
    .name = "kvm-memory",
    .priority = 10,
    .begin = slots_begin,
    .commit = slots_commit,
    .region_add = slots_region_add,
    .region_del = slots_region_del,
    .log_start = slots_log_change,
    .log_stop = slots_log_change,
    .log_sync = slots_log_sync,
    .eventfd_add = kvm_eventfd_add,
    .eventfd_del = kvm_eventfd_del,
    .coalesced_add = kvm_coalesced_add,
    .coalesced_del = kvm_coalesced_del,
};

static MemoryListener io_listener = {
    .name = "kvm-io",
    .priority = 10,
    .eventfd_add = kvm_pio_eventfd_add,
    .eventfd_del = kvm_pio_eventfd_del,
    .coalesced_add = kvm_coalesced_pio_add,
    .coalesced_del = kvm_coalesced_pio_del,
};

bool kvm_slots_init(GError **errp)
{
    slots = g_array_new(FALSE, FALSE, sizeof(KVMSlot));
    pending_del = g_array_new(FALSE, FALSE, sizeof(KVMSlot));
    pending_add = g_array_new(FALSE, FALSE, sizeof(KVMSlot));
    free_ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    memory_listener_register(&memory_listener, &address_space_memory);
    memory_listener_register(&io_listener, &address_space_io);
    return true;
}
