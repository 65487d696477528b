/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI fixed hardware (ACPI 6.4, 4.8): PM1 events and control, PM timer, general-purpose events.
 *
 * One lock; any thread.  The timer register is read without it.  The SCI line is set under the
 * lock.
 */
#ifndef HW_ACPI_PM_H
#define HW_ACPI_PM_H

#include "hw/irq.h"
#include "qemu/aio.h"
#include "qemu/thread.h"
#include "system/memory.h"

#define PM_TIMER_FREQ 3579545

enum {
    PM1_TMR = BIT(0),
    PM1_GBL = BIT(5),
    PM1_PWRBTN = BIT(8),
    PM1_RTC = BIT(10),
    PM1_WAK = BIT(15)
};
enum { PM1_CNT_SCI_EN = BIT(0), PM1_CNT_SLP_TYP = 7 << 10, PM1_CNT_SLP_EN = BIT(13) };
/* Sleep types that the DSDT names. */
enum { SLP_TYP_S5 = 0, SLP_TYP_S3 = 1, SLP_TYP_S4 = 2 };

/* What differs between the south bridges. */
typedef struct AcpiPMModel {
    const char *name;
    uint16_t block_size;  /* bytes of the block at PMBASE */
    uint8_t gpe_len;      /* status and enable bytes together: 4 (PIIX4) or 16 (ICH9) */
    bool gpe_in_block;    /* at offset 0x20 of the block; else AcpiPM.gpe is placed by the bridge */
    bool smi_in_block;    /* SMI_EN at 0x30 */
    uint8_t acpi_enable, acpi_disable; /* commands to port 0xb2, as the FADT says */
} AcpiPMModel;
extern const AcpiPMModel acpi_pm_ich9, acpi_pm_piix4;

typedef struct AcpiPM {
    const AcpiPMModel *model;
    QemuMutex lock;
    uint16_t pm1_sts, pm1_en, pm1_cnt; /* lock */
    uint64_t gpe_sts, gpe_en;          /* lock */
    uint32_t smi_en;                   /* lock */
    uint8_t apm_cmd, apm_sts;          /* lock */
    bool sci_shared;   /* lock: somebody else asserts the line as well */
    uint16_t woken_by; /* lock; status bits of what would wake the guest */
    bool disable_s3, disable_s4;
    AioTimer *timer; /* carry of the PM timer while its interrupt is enabled */
    qemu_irq sci;
    MemoryRegion io, apm, gpe;
} AcpiPM;

/* io: the model's block, for the bridge to place; apm: ports 0xb2 and 0xb3; gpe: only where the model has it
 * outside the block. */
void acpi_pm_init(AcpiPM *pm, const AcpiPMModel *model, Object *owner);
void acpi_pm_reset(AcpiPM *pm);
/* The user pressed the power button. */
void acpi_pm_power_button(AcpiPM *pm);
/* Another device asserts the SCI's line, or no more. Any thread. */
void acpi_pm_share_sci(AcpiPM *pm, bool level);
/* General-purpose event n happened. */
void acpi_pm_gpe(AcpiPM *pm, unsigned n);
/* Value of the 24-bit timer at ns of the guest's clock. */
uint32_t acpi_pm_timer_at(int64_t ns);

#endif
