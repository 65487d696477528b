/* SPDX-License-Identifier: GPL-2.0-or-later */
/* microvm: a machine of virtio-mmio transports and little else.  Main loop. */
#ifndef HW_I386_MICROVM_H
#define HW_I386_MICROVM_H

#include "hw/acpi/ged.h"
#include "hw/i386/pc.h"
#include "hw/virtio/virtio-mmio.h"

#define TYPE_MICROVM_MACHINE MACHINE_TYPE_NAME("microvm")

#define MICROVM_GED_BASE 0xfea00000u
#define MICROVM_GED_REGS 0xfea00200u
#define MICROVM_GED_IRQ 9
#define MICROVM_VIRTIO_BASE 0xfeb00000u
#define MICROVM_IOAPIC2 0xfec10000u
#define MICROVM_PCIE_MMIO 0xc0000000u
#define MICROVM_PCIE_MMIO_SIZE 0x20000000u
#define MICROVM_PCIE_ECAM 0xe0000000u
#define MICROVM_PCIE_ECAM_SIZE 0x10000000u
#define MICROVM_PCIE_IRQ 12
#define MICROVM_TRANSPORTS_MAX 24

typedef struct MicrovmMachineState {
    PCMachineState parent_obj;
    /* --- properties: OnOffAuto --- */
    int rtc, pcie, ioapic2;
    bool isa_serial, option_roms, auto_cmdline;
    /* --- */
    PCBoard board;
    GEDState *ged; /* NULL: acpi=off */
    DeviceState *ioapic2_dev;
    VirtIOMMIO *transports[MICROVM_TRANSPORTS_MAX];
    unsigned num_transports, virtio_irq_base;
} MicrovmMachineState;
#define MICROVM_MACHINE(obj) ((MicrovmMachineState *)(obj))

static inline uint32_t microvm_transport_base(unsigned n)
{
    return MICROVM_VIRTIO_BASE + n * VIRTIO_MMIO_SIZE;
}

/* hw/acpi/microvm.c: as PCBoard.build_acpi. */
struct AcpiTables;
struct AcpiTables *acpi_microvm_build(const PCMachineState *pc);

#endif
