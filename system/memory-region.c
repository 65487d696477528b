/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory regions: their making, their place in the tree, and what may be changed about them later.
 */
#include "qemu/osdep.h"

#include "memory-internal.h"
#include "system/ioregionfd.h"

/* --- making
 * ---------------------------------------------------------------------------------------- */

void memory_region_init(MemoryRegion *mr, Object *owner, const char *name, MemSize size)
{
    memset(mr, 0, sizeof(*mr));
    mr->name = g_strdup(name ? name : "");
    mr->owner = owner;
    mr->size = size;
    mr->enabled = true;
    mr->romd_mode = true;
    mr->link.data = mr;
    g_queue_init(&mr->subregions);
}

void memory_region_init_io(MemoryRegion *mr, Object *owner, const MemoryRegionOps *ops,
                           void *opaque, const char *name, MemSize size)
{
    memory_region_init(mr, owner, name, size);
    mr->ops = ops;
    mr->opaque = opaque;
    mr->terminates = true;
}

static bool attach_block(MemoryRegion *mr, RAMBlock *block)
{
    if (!block) {
        memory_region_finalize(mr);
        return false;
    }
    mr->ram_block = block;
    mr->terminates = true;
    return true;
}

bool memory_region_init_ram(MemoryRegion *mr, Object *owner, const char *name, uint64_t size,
                            GError **errp)
{
    memory_region_init(mr, owner, name, size);
    mr->ram = true;
    return attach_block(mr, ram_block_new(size, errp));
}

bool memory_region_init_rom(MemoryRegion *mr, Object *owner, const char *name, uint64_t size,
                            GError **errp)
{
    memory_region_init(mr, owner, name, size);
    mr->ram = true;
    mr->readonly = true;
    return attach_block(mr, ram_block_new(size, errp));
}

void memory_region_init_ram_ptr(MemoryRegion *mr, Object *owner, const char *name, uint64_t size,
                                void *ptr, int fd)
{
    memory_region_init(mr, owner, name, size);
    mr->ram = true;
    attach_block(mr, ram_block_new_ptr(size, ptr, fd));
}

void memory_region_init_ram_device_ptr(MemoryRegion *mr, Object *owner, const char *name,
                                       uint64_t size, void *ptr)
{
    memory_region_init_ram_ptr(mr, owner, name, size, ptr, -1);
    mr->ram_device = true;
}

bool memory_region_init_rom_device(MemoryRegion *mr, Object *owner, const MemoryRegionOps *ops,
                                   void *opaque, const char *name, uint64_t size, GError **errp)
{
    memory_region_init_io(mr, owner, ops, opaque, name, size);
    mr->rom_device = true;
    return attach_block(mr, ram_block_new(size, errp));
}

void memory_region_init_alias(MemoryRegion *mr, Object *owner, const char *name, MemoryRegion *orig,
                              hwaddr offset, MemSize size)
{
    memory_region_init(mr, owner, name, size);
    mr->alias = orig;
    mr->alias_offset = offset;
}

void memory_region_finalize(MemoryRegion *mr)
{
    assert_main_loop();
    if (mr->destroyed++) {
        return;
    }
    memory_region_transaction_begin();
    if (mr->container) {
        memory_region_del_subregion(mr->container, mr);
    }
    while (mr->subregions.head) {
        memory_region_del_subregion(mr, mr->subregions.head->data);
    }
    memory_region_transaction_commit();
    if (mr->home || mr->home_ctx) {
        memory_region_set_home(mr, NULL, 0);
    }
    memory_region_free_eventfds(mr);
    g_clear_pointer(&mr->coalesced, g_array_unref);
    if (mr->ram_block) {
        ram_block_unref(mr->ram_block);
        mr->ram_block = NULL;
    }
    g_clear_pointer(&mr->name, g_free);
}

/* --- the tree
 * ---------------------------------------------------------------------------------------- */

/* Highest priority first; among equals the newest first. */
static void insert_subregion(MemoryRegion *mr, MemoryRegion *sub)
{
    GList *l = mr->subregions.head;
    while (l && ((MemoryRegion *)l->data)->priority > sub->priority) {
        l = l->next;
    }
    sub->link.data = sub;
    sub->link.next = sub->link.prev = NULL;
    if (l) {
        g_queue_insert_before_link(&mr->subregions, l, &sub->link);
    } else {
        g_queue_push_tail_link(&mr->subregions, &sub->link);
    }
}

/* A change of sub matters to views only if sub shows at all. */
static void region_changed(const MemoryRegion *sub)
{
    if (sub->enabled) {
        memory_map_changed();
    }
}

static void add_subregion(MemoryRegion *mr, hwaddr offset, MemoryRegion *sub, int priority,
                          bool overlap)
{
    assert_main_loop();
    g_assert(!sub->container && !mr->alias);
    memory_region_transaction_begin();
    sub->container = mr;
    sub->addr = offset;
    sub->priority = priority;
    sub->mapped_overlap = overlap;
    insert_subregion(mr, sub);
    region_changed(sub);
    memory_region_transaction_commit();
}

void memory_region_add_subregion(MemoryRegion *mr, hwaddr offset, MemoryRegion *sub)
{
    add_subregion(mr, offset, sub, 0, false);
}

void memory_region_add_subregion_overlap(MemoryRegion *mr, hwaddr offset, MemoryRegion *sub,
                                         int priority)
{
    add_subregion(mr, offset, sub, priority, true);
}

void memory_region_del_subregion(MemoryRegion *mr, MemoryRegion *sub)
{
    assert_main_loop();
    g_assert(sub->container == mr);
    memory_region_transaction_begin();
    g_queue_unlink(&mr->subregions, &sub->link);
    sub->container = NULL;
    region_changed(sub);
    memory_region_transaction_commit();
}

void memory_region_set_enabled(MemoryRegion *mr, bool enabled)
{
    assert_main_loop();
    if (mr->enabled == enabled) {
        return;
    }
    memory_region_transaction_begin();
    mr->enabled = enabled;
    memory_map_changed();
    memory_region_transaction_commit();
}

void memory_region_set_address(MemoryRegion *mr, hwaddr addr)
{
    assert_main_loop();
    if (mr->addr == addr) {
        return;
    }
    memory_region_transaction_begin();
    mr->addr = addr;
    if (mr->container) { /* it becomes the newest of its priority, as if it had been taken out and
                            put in again */
        g_queue_unlink(&mr->container->subregions, &mr->link);
        insert_subregion(mr->container, mr);
    }
    region_changed(mr);
    memory_region_transaction_commit();
}

void memory_region_place(MemoryRegion *container, MemoryRegion *mr, hwaddr addr, bool on,
                         int priority)
{
    if (on && mr->container) {
        memory_region_set_address(mr, addr);
    } else if (on) {
        memory_region_add_subregion_overlap(container, addr, mr, priority);
    } else if (mr->container) {
        memory_region_del_subregion(container, mr);
    }
}

void memory_region_set_size(MemoryRegion *mr, MemSize size)
{
    assert_main_loop();
    g_assert(!mr->ram_block || size <= ram_block_size(mr->ram_block));
    if (mr->size == size) {
        return;
    }
    memory_region_transaction_begin();
    mr->size = size;
    region_changed(mr);
    memory_region_transaction_commit();
}

void memory_region_set_alias_offset(MemoryRegion *mr, hwaddr offset)
{
    assert_main_loop();
    g_assert(mr->alias);
    if (mr->alias_offset == offset) {
        return;
    }
    memory_region_transaction_begin();
    mr->alias_offset = offset;
    region_changed(mr);
    memory_region_transaction_commit();
}

void memory_region_set_readonly(MemoryRegion *mr, bool readonly)
{
    assert_main_loop();
    if (mr->readonly == readonly) {
        return;
    }
    memory_region_transaction_begin();
    mr->readonly = readonly;
    region_changed(mr);
    memory_region_transaction_commit();
}

void memory_region_rom_device_set_romd(MemoryRegion *mr, bool romd_mode)
{
    assert_main_loop();
    g_assert(mr->rom_device);
    if (mr->romd_mode == romd_mode) {
        return;
    }
    memory_region_transaction_begin();
    mr->romd_mode = romd_mode;
    region_changed(mr);
    memory_region_transaction_commit();
}

/* --- who runs the callbacks
 * ------------------------------------------------------------------------------ */

void memory_region_set_lock(MemoryRegion *mr, QemuMutex *lock)
{
    mr->lock = lock;
}

void memory_region_set_accepts_msi(MemoryRegion *mr)
{
    mr->accepts_msi = true;
}

void memory_region_set_home(MemoryRegion *mr, AioContext *ctx, unsigned flags)
{
    assert_main_loop();
    memory_region_transaction_begin();
    ioregion_set_home(mr, ctx, flags);
    memory_map_changed();
    memory_region_transaction_commit();
}

bool memory_region_set_ioregionfd(MemoryRegion *mr, IoRegionFd *ior, unsigned flags, GError **errp)
{
    assert_main_loop();
    memory_region_transaction_begin();
    bool ok = ioregion_set_ioregionfd(mr, ior, flags, errp);
    memory_map_changed();
    memory_region_transaction_commit();
    return ok;
}

void memory_region_drain_home(MemoryRegion *mr)
{
    AioContext *home = __atomic_load_n(&mr->home_ctx, __ATOMIC_ACQUIRE);
    if (home && aio_in_home(home)) {
        return;
    }
    ioregion_drain(mr);
}

/* --- small things
 * --------------------------------------------------------------------------------------- */

void *memory_region_get_ram_ptr(MemoryRegion *mr)
{
    hwaddr offset = 0;
    while (mr->alias) {
        offset += mr->alias_offset;
        mr = mr->alias;
    }
    return mr->ram_block ? ram_block_host(mr->ram_block) + offset : NULL;
}

int memory_region_get_fd(MemoryRegion *mr)
{
    while (mr->alias) {
        mr = mr->alias;
    }
    return mr->ram_block ? ram_block_fd(mr->ram_block) : -1;
}

uint64_t memory_region_size(const MemoryRegion *mr)
{
    return mr->size > UINT64_MAX ? UINT64_MAX : (uint64_t)mr->size;
}

const char *memory_region_name(const MemoryRegion *mr)
{
    return mr->name;
}

bool memory_region_is_mapped(const MemoryRegion *mr)
{
    return mr->container != NULL;
}
