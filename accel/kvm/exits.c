/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "info exits": how often each vCPU thread came back from KVM, by reason. */
#include "qemu/osdep.h"

#include "kvm-int.h"
#include "monitor/hmp.h"
#include "system/cpus.h"
#include "system/kvm.h"

static void hmp_info_exits(Monitor *mon, const HmpArgs *args)
{
    if (!kvm_enabled()) {
        monitor_printf(mon, "no vCPU runs on KVM\n");
        return;
    }
    for (guint i = 0; i < cpus->len; i++) {
        CPUState *cpu = g_ptr_array_index(cpus, i);
        uint64_t total = 0;

        monitor_printf(mon, "CPU #%d:", cpu->cpu_index);
        for (unsigned reason = 0; reason < G_N_ELEMENTS(cpu->exits); reason++) {
            uint64_t count = __atomic_load_n(&cpu->exits[reason], __ATOMIC_RELAXED);

            total += count;
            if (count) {
                monitor_printf(mon, " %s=%" PRIu64, kvm_exit_name(reason), count);
            }
        }
        monitor_printf(mon, " total=%" PRIu64 "\n", total);
    }
}
HMP_INFO(hmp_info_exits, "exits", "", "show how often each vCPU left KVM, by reason",
         hmp_info_exits, 0, 0);
