/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC's SMBIOS tables: to firmware by fw_cfg, or into memory for a kernel that is started
 * directly. */
#include "hw/i386/pc.h"

#include "hw/smbios/smbios.h"
#include "system/vl.h"

static void describe(const PCMachineState *pc, SmbiosMachine *m)
{
    const MachineState *ms = MACHINE(pc);
    const SMPConfig *smp = &ms->smp;
    const MachineClass *mc = MACHINE_GET_CLASS(pc);
    CPUState *cpu = cpu_first();
    struct kvm_cpuid2 *cpuid = cpu ? X86_CPU(cpu)->cpuid : NULL;
    struct kvm_cpuid_entry2 *leaf = cpuid ? x86_cpuid_find(cpuid, 1, 0) : NULL;

    *m = (SmbiosMachine){
        .product = mc->desc,
        .version = mc->name,
        .cores = MAX(smp->dies, 1) * MAX(smp->cores, 1),
        .threads = MAX(smp->threads, 1),
        .cpuid_eax = leaf ? leaf->eax : 0,
        .cpuid_edx = leaf ? leaf->edx : 0,
        .ram_size = ms->ram_size,
        .entry = pc->smbios_entry,
    };
    m->sockets = MAX(DIV_ROUND_UP(smp->max_cpus, m->cores * m->threads), 1);
    memcpy(m->uuid, qemu_uuid, sizeof(m->uuid));
    m->ranges[m->n_ranges++] = (SmbiosMemory){0, pc->ram_below_4g};
    if (pc->ram_above_4g) {
        m->ranges[m->n_ranges++] = (SmbiosMemory){PC_4G, pc->ram_above_4g};
    }
}

static bool give_to_kernel(PCMachineState *pc, SmbiosTables *t, GError **errp)
{
    if (t->tables->len > BOOT_SMBIOS_SIZE) {
        error_setg(errp,
                   "SMBIOS tables of %u bytes do not fit below 1 MiB: use -bios, or fewer strings",
                   t->tables->len);
        return false;
    }
    smbios_anchor_at(t, BOOT_SMBIOS_TABLES);
    boot_add_data(pc->boot, BOOT_SMBIOS_ANCHOR, t->anchor, t->anchor_size);
    boot_add_data(pc->boot, BOOT_SMBIOS_TABLES, t->tables->data, t->tables->len);
    return true;
}

bool pc_smbios_init(PCMachineState *pc, GError **errp)
{
    SmbiosTables t = {0};
    SmbiosMachine m;
    bool ok = true;

    for (unsigned n = 0; vm_config.smbios && n < vm_config.smbios->len && ok; n++) {
        ok = smbios_add_option(vm_config.smbios->pdata[n], errp);
    }
    if (!ok) {
        return false;
    }
    describe(pc, &m);
    ok = smbios_build(&m, &t, errp) &&
         fw_cfg_add_file(pc->fw_cfg, "etc/smbios/smbios-tables", t.tables->data, t.tables->len,
                         false, errp) &&
         fw_cfg_add_file(pc->fw_cfg, "etc/smbios/smbios-anchor", t.anchor, t.anchor_size, false,
                         errp) &&
         (!pc->boot || give_to_kernel(pc, &t, errp));
    smbios_free(&t);
    return ok;
}
