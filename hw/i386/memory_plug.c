/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory modules that are added and removed while the guest runs: slots and addresses. */
#include "hw/i386/memory_plug.h"

#define ALIGNMENT (2 * MiB)
/* Of addresses that are chosen here: Linux takes and gives memory in blocks of this size. */
#define BLOCK (128 * MiB)

void pc_memory_hotplug_area(const PCMachineState *pc, uint64_t *base, uint64_t *size)
{
    const MachineState *ms = MACHINE(pc);

    *base = ALIGN_UP(PC_4G + pc->ram_above_4g, 1 * GiB);
    /* Room to begin each module at a multiple of 1 GiB. */
    *size = ms->ram_slots ? ms->maxram_size - ms->ram_size + ms->ram_slots * GiB : 0;
}

/* --- slot and address ------------------------------------------------------------------------ */

static const PCDIMM *in_slot(const MemoryHotplug *s, unsigned n)
{
    return PC_DIMM(s->slots.slots[n].dev); /* the main loop alone changes it */
}

static bool choose_slot(const MemoryHotplug *s, PCDIMM *dimm, GError **errp)
{
    if (dimm->slot >= (int)s->slots.n || dimm->slot < -1) {
        error_setg(errp, "pc-dimm: slot %d does not exist: -m slots= has 0 to %u", dimm->slot,
                   s->slots.n - 1);
        return false;
    }
    if (dimm->slot >= 0 && in_slot(s, (unsigned)dimm->slot)) {
        error_setg(errp, "pc-dimm: slot %d is busy", dimm->slot);
        return false;
    }
    for (unsigned n = 0; n < s->slots.n && dimm->slot < 0; n++) {
        dimm->slot = in_slot(s, n) ? -1 : (int)n;
    }
    if (dimm->slot < 0) {
        error_setg(errp, "pc-dimm: no free slots available: there are %u (-m slots=)", s->slots.n);
        return false;
    }
    return true;
}

/* A module that [addr, addr + size) would touch; NULL: none. */
static const PCDIMM *in_the_way(const MemoryHotplug *s, uint64_t addr, uint64_t size)
{
    for (unsigned n = 0; n < s->slots.n; n++) {
        const PCDIMM *d = in_slot(s, n);

        if (d && addr < d->addr + pc_dimm_size(d) && d->addr < addr + size) {
            return d;
        }
    }
    return NULL;
}

static bool choose_address(const PCMachineState *pc, PCDIMM *dimm, GError **errp)
{
    const MemoryHotplug *s = pc->memory_hotplug;
    uint64_t base, room, addr, size = pc_dimm_size(dimm);
    const PCDIMM *other;

    pc_memory_hotplug_area(pc, &base, &room);
    if (size % ALIGNMENT || dimm->addr % ALIGNMENT) {
        error_setg(errp,
                   "pc-dimm: size (0x%" PRIx64 ") and address (0x%" PRIx64
                   ") must be multiples of 0x%" PRIx64,
                   size, dimm->addr, (uint64_t)ALIGNMENT);
        return false;
    }
    if (dimm->addr && (dimm->addr < base || size > room || dimm->addr - base > room - size)) {
        error_setg(errp, "pc-dimm: addr=0x%" PRIx64 " is not within 0x%" PRIx64 " to 0x%" PRIx64,
                   dimm->addr, base, base + room);
        return false;
    }
    if (dimm->addr) {
        other = in_the_way(s, dimm->addr, size);
        if (other) {
            error_setg(errp, "pc-dimm: addr=0x%" PRIx64 " is taken by '%s'", dimm->addr,
                       DEVICE(other)->id ?: "");
        }
        return !other;
    }
    for (addr = base; (other = in_the_way(s, addr, size));) {
        addr = ALIGN_UP(other->addr + pc_dimm_size(other), BLOCK);
    }
    if (size > room || addr - base > room - size) {
        error_setg(errp, "pc-dimm: no gap of 0x%" PRIx64 " bytes is left", size);
        return false;
    }
    dimm->addr = addr;
    return true;
}

bool pc_dimm_pre_plug(PCMachineState *pc, PCDIMM *dimm, GError **errp)
{
    const MachineState *ms = MACHINE(pc);
    uint64_t left;

    if (!pc->memory_hotplug) {
        error_setg(errp, "pc-dimm: the machine has no slots: use -M pc or q35 with "
                         "-m SIZE,slots=N,maxmem=SIZE");
        return false;
    }
    if (!dimm->backend) {
        error_setg(errp, "pc-dimm: memdev is missing; name a memory backend");
        return false;
    }
    left = ms->maxram_size - ms->ram_size - pc_dimm_total();
    if (pc_dimm_size(dimm) > left) {
        error_setg(errp,
                   "pc-dimm: not enough space: 0x%" PRIx64 " bytes are left below -m maxmem=, and "
                   "it has 0x%" PRIx64,
                   left, pc_dimm_size(dimm));
        return false;
    }
    return choose_slot(pc->memory_hotplug, dimm, errp) && choose_address(pc, dimm, errp);
}

void pc_dimm_plug(PCMachineState *pc, PCDIMM *dimm)
{
    pc_dimm_map(dimm, get_system_memory());
    memory_hotplug_plug(pc->memory_hotplug, dimm, DEVICE(dimm)->hotplugged);
}

void pc_dimm_unplug_request(PCMachineState *pc, PCDIMM *dimm)
{
    memory_hotplug_unplug_request(pc->memory_hotplug, dimm);
}

/* --- init ------------------------------------------------------------------------------------ */

static void reset(void *opaque)
{
    memory_hotplug_reset(opaque);
}

bool pc_memory_hotplug_init(PCMachineState *pc, GError **errp)
{
    unsigned slots = (unsigned)MACHINE(pc)->ram_slots;
    uint64_t base, size, end;

    if (!slots) {
        return true;
    }
    pc->memory_hotplug = g_new0(MemoryHotplug, 1);
    memory_hotplug_init(pc->memory_hotplug, OBJECT(pc), pc->pm, slots);
    qemu_register_reset(reset, pc->memory_hotplug);
    /* Firmware puts large BARs behind it. */
    pc_memory_hotplug_area(pc, &base, &size);
    end = GUINT64_TO_LE(ALIGN_UP(base + size, 1 * GiB));
    return fw_cfg_add_file(pc->fw_cfg, "etc/reserved-memory-end", &end, sizeof(end), false, errp);
}
