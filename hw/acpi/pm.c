/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI fixed hardware: the register blocks of ICH9 (data sheet, 13.8.3) and PIIX4 (data
 * sheet, 7.2). */
#include "hw/acpi/pm.h"

#include "monitor/hmp.h"
#include "qapi/qapi-commands.h"
#include "qemu/log.h"
#include "system/runstate.h"

enum {
    REG_PM1_STS = 0x00,
    REG_PM1_EN = 0x02,
    REG_PM1_CNT = 0x04,
    REG_TIMER = 0x08,
    REG_GPE_STS = 0x20,
    REG_GPE_EN = 0x28,
    REG_SMI_EN = 0x30,
    REG_SMI_STS = 0x34,
};
#define SMI_EN_APMC BIT(5)

const AcpiPMModel acpi_pm_ich9 = {
    .name = "ich9-pm",
    .block_size = 128,
    .gpe_len = 16,
    .gpe_in_block = true,
    .smi_in_block = true,
    .acpi_enable = 2,
    .acpi_disable = 3,
};

const AcpiPMModel acpi_pm_piix4 = {
    .name = "piix4-pm",
    .block_size = 64,
    .gpe_len = 4,
    .acpi_enable = 0xf1,
    .acpi_disable = 0xf0,
};

uint32_t acpi_pm_timer_at(int64_t ns)
{
    return (uint32_t)((__int128)ns * PM_TIMER_FREQ / NANOSECONDS_PER_SECOND) & 0xffffff;
}

/* The first time after ns at which bit 23 changes. */
static int64_t next_carry(int64_t ns)
{
    int64_t ticks = (__int128)ns * PM_TIMER_FREQ / NANOSECONDS_PER_SECOND;

    ticks = (ticks | 0x7fffff) + 1;
    return (__int128)ticks * NANOSECONDS_PER_SECOND / PM_TIMER_FREQ + 1;
}

static void update_sci(AcpiPM *pm)
{
    uint16_t events = pm->pm1_sts & pm->pm1_en & (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC);
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    qemu_set_irq(pm->sci, events || (pm->gpe_sts & pm->gpe_en) || pm->sci_shared);
    if ((pm->pm1_en & PM1_TMR) && !(pm->pm1_sts & PM1_TMR)) {
        aio_timer_mod(pm->timer, next_carry(now));
    } else {
        aio_timer_del(pm->timer);
    }
}

static void carry(void *opaque)
{
    AcpiPM *pm = opaque;
    QEMU_LOCK_GUARD(&pm->lock);

    pm->pm1_sts |= PM1_TMR;
    update_sci(pm);
}

void acpi_pm_power_button(AcpiPM *pm)
{
    QEMU_LOCK_GUARD(&pm->lock);

    pm->pm1_sts |= PM1_PWRBTN;
    pm->woken_by |= PM1_PWRBTN; /* if it sleeps */
    update_sci(pm);
}

void acpi_pm_share_sci(AcpiPM *pm, bool level)
{
    QEMU_LOCK_GUARD(&pm->lock);

    pm->sci_shared = level;
    update_sci(pm);
}

void acpi_pm_gpe(AcpiPM *pm, unsigned n)
{
    QEMU_LOCK_GUARD(&pm->lock);

    pm->gpe_sts |= BIT_ULL(n);
    update_sci(pm);
}

/* --- sleep
 * ------------------------------------------------------------------------------------------- */

static void sleep_enter(AcpiPM *pm, unsigned type)
{
    switch (type) {
    case SLP_TYP_S5:
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
        return;
    case SLP_TYP_S3:
        if (!pm->disable_s3) {
            qemu_system_suspend_request();
            return;
        }
        break;
    case SLP_TYP_S4:
        if (!pm->disable_s4) {
            qapi_event_emit("SUSPEND_DISK", NULL);
            qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
            return;
        }
        break;
    }
    qemu_log_mask(LOG_GUEST_ERROR, "acpi: sleep type %u is not offered and was ignored\n", type);
}

/* --- registers: byte lanes of one little-endian block
 * -------------------------------------------------- */

static uint8_t read_byte(AcpiPM *pm, unsigned reg)
{
    switch (reg) {
    case REG_PM1_STS ... REG_PM1_STS + 1:
        return pm->pm1_sts >> (8 * (reg - REG_PM1_STS));
    case REG_PM1_EN ... REG_PM1_EN + 1:
        return pm->pm1_en >> (8 * (reg - REG_PM1_EN));
    case REG_PM1_CNT ... REG_PM1_CNT + 1:
        return pm->pm1_cnt >> (8 * (reg - REG_PM1_CNT));
    case REG_GPE_STS ... REG_GPE_STS + 7:
        if (!pm->model->gpe_in_block) {
            return 0;
        }
        return pm->gpe_sts >> (8 * (reg - REG_GPE_STS));
    case REG_GPE_EN ... REG_GPE_EN + 7:
        if (!pm->model->gpe_in_block) {
            return 0;
        }
        return pm->gpe_en >> (8 * (reg - REG_GPE_EN));
    case REG_SMI_EN ... REG_SMI_EN + 3:
        if (!pm->model->smi_in_block) {
            return 0;
        }
        return pm->smi_en >> (8 * (reg - REG_SMI_EN));
    }
    return 0;
}

static uint64_t put_byte(uint64_t old, unsigned lane, uint8_t val)
{
    return (old & ~(UINT64_C(0xff) << (8 * lane))) | (uint64_t)val << (8 * lane);
}

static void write_byte(AcpiPM *pm, unsigned reg, uint8_t val)
{
    switch (reg) {
    case REG_PM1_STS ... REG_PM1_STS + 1:
        pm->pm1_sts &= ~(val << (8 * (reg - REG_PM1_STS)));
        break;
    case REG_PM1_EN ... REG_PM1_EN + 1:
        pm->pm1_en = put_byte(pm->pm1_en, reg - REG_PM1_EN, val) &
                     (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC);
        break;
    case REG_PM1_CNT ... REG_PM1_CNT + 1:
        pm->pm1_cnt = put_byte(pm->pm1_cnt, reg - REG_PM1_CNT, val);
        break;
    case REG_GPE_STS ... REG_GPE_STS + 7:
        if (pm->model->gpe_in_block) {
            pm->gpe_sts &= ~((uint64_t)val << (8 * (reg - REG_GPE_STS)));
        }
        break;
    case REG_GPE_EN ... REG_GPE_EN + 7:
        if (pm->model->gpe_in_block) {
            pm->gpe_en = put_byte(pm->gpe_en, reg - REG_GPE_EN, val);
        }
        break;
    case REG_SMI_EN ... REG_SMI_EN + 3:
        if (pm->model->smi_in_block) {
            /* No SMI is ever raised: that of port 0xb2 reads as in use already, so firmware does
             * not wait for one. */
            pm->smi_en = put_byte(pm->smi_en, reg - REG_SMI_EN, val) | SMI_EN_APMC;
        }
        break;
    }
}

/* The timer is a function of the time alone: read without a lock, wherever the registers are at
 * home. */
static bool read_timer(void *opaque, hwaddr offset, uint64_t *data, unsigned size)
{
    uint32_t t;

    if (offset < REG_TIMER || offset + size > REG_TIMER + 4) {
        return false;
    }
    t = acpi_pm_timer_at(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
    *data = (t >> (8 * (offset - REG_TIMER))) & MASK_ULL(8 * size);
    return true;
}

static uint64_t pm_read(void *opaque, hwaddr offset, unsigned size)
{
    AcpiPM *pm = opaque;
    uint64_t val = 0;

    if (read_timer(opaque, offset, &val, size)) {
        return val;
    }
    QEMU_LOCK_GUARD(&pm->lock);
    for (unsigned n = 0; n < size; n++) {
        val |= (uint64_t)read_byte(pm, offset + n) << (8 * n);
    }
    return val;
}

static void pm_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    AcpiPM *pm = opaque;
    bool sleep = false;
    unsigned type = 0;

    qemu_mutex_lock(&pm->lock);
    for (unsigned n = 0; n < size; n++) {
        write_byte(pm, offset + n, data >> (8 * n));
    }
    if (pm->pm1_cnt & PM1_CNT_SLP_EN) {
        pm->pm1_cnt &= ~PM1_CNT_SLP_EN; /* write-only */
        sleep = true;
        type = (pm->pm1_cnt & PM1_CNT_SLP_TYP) >> 10;
    }
    update_sci(pm);
    qemu_mutex_unlock(&pm->lock);
    if (sleep) {
        sleep_enter(pm, type);
    }
}

static const MemoryRegionOps pm_ops = {
    .read = pm_read,
    .read_direct = read_timer,
    .write = pm_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4, .unaligned = true},
    .impl = {.min_access_size = 1, .max_access_size = 4, .unaligned = true},
};

/* --- general-purpose events in a block of their own: status in the first half, enable in the
 * second */

static uint64_t gpe_read(void *opaque, hwaddr offset, unsigned size)
{
    AcpiPM *pm = opaque;
    unsigned half = pm->model->gpe_len / 2;
    QEMU_LOCK_GUARD(&pm->lock);

    return (offset < half ? pm->gpe_sts >> (8 * offset) : pm->gpe_en >> (8 * (offset - half))) &
           0xff;
}

static void gpe_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    AcpiPM *pm = opaque;
    unsigned half = pm->model->gpe_len / 2;
    QEMU_LOCK_GUARD(&pm->lock);

    if (offset < half) {
        pm->gpe_sts &= ~((data & 0xff) << (8 * offset));
    } else {
        pm->gpe_en = put_byte(pm->gpe_en, offset - half, data);
    }
    update_sci(pm);
}

static const MemoryRegionOps gpe_ops = {
    .read = gpe_read,
    .write = gpe_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4, .unaligned = true},
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

/* --- APM ports: how an OS takes the fixed hardware over
 * ------------------------------------------------- */

static uint64_t apm_read(void *opaque, hwaddr offset, unsigned size)
{
    AcpiPM *pm = opaque;
    QEMU_LOCK_GUARD(&pm->lock);

    return offset ? pm->apm_sts : pm->apm_cmd;
}

static void apm_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    AcpiPM *pm = opaque;
    QEMU_LOCK_GUARD(&pm->lock);

    if (offset) {
        pm->apm_sts = data;
        return;
    }
    pm->apm_cmd = data;
    if (data == pm->model->acpi_enable) {
        pm->pm1_cnt |= PM1_CNT_SCI_EN;
    } else if (data == pm->model->acpi_disable) {
        pm->pm1_cnt &= ~PM1_CNT_SCI_EN;
    }
    update_sci(pm);
}

static const MemoryRegionOps apm_ops = {
    .read = apm_read,
    .write = apm_write,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

void acpi_pm_reset(AcpiPM *pm)
{
    QEMU_LOCK_GUARD(&pm->lock);

    pm->pm1_sts = pm->pm1_en = pm->pm1_cnt = 0;
    if (qemu_system_is_waking()) {
        pm->pm1_sts = PM1_WAK | (pm->woken_by & (PM1_PWRBTN | PM1_RTC));
        pm->pm1_cnt = PM1_CNT_SCI_EN; /* the OS goes on with ACPI mode on */
    }
    pm->woken_by = 0;
    pm->gpe_sts = pm->gpe_en = 0;
    pm->smi_en = SMI_EN_APMC;
    pm->apm_cmd = pm->apm_sts = 0;
    update_sci(pm);
}

/* The only PM block, for QMP. */
static const AcpiPM *the_pm;

void qmp_system_wakeup(GError **errp)
{
    if (runstate_get() != RUN_STATE_SUSPENDED) {
        error_setg(errp, "Unable to wake up: guest is not in suspended state");
        return;
    }
    qemu_system_wakeup_request();
    qemu_system_process_requests();
}

CurrentMachineParams *qmp_query_current_machine(GError **errp)
{
    CurrentMachineParams *p = g_new0(CurrentMachineParams, 1);

    p->wakeup_suspend_support = the_pm && !the_pm->disable_s3;
    return p;
}

static void hmp_system_wakeup(Monitor *mon, const HmpArgs *args)
{
    GError *err = NULL;

    qmp_system_wakeup(&err);
    if (err) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_system_wakeup, "system_wakeup", "", "wake a guest that sleeps", hmp_system_wakeup,
            0, 0);

static void powerdown(void *opaque)
{
    acpi_pm_power_button(opaque);
}

void acpi_pm_init(AcpiPM *pm, const AcpiPMModel *model, Object *owner)
{
    pm->model = model;
    the_pm = pm;
    qemu_mutex_init(&pm->lock);
    pm->timer = aio_timer_new(aio_get_main(), QEMU_CLOCK_VIRTUAL, carry, pm);
    memory_region_init_io(&pm->io, owner, &pm_ops, pm, model->name, model->block_size);
    memory_region_init_io(&pm->apm, owner, &apm_ops, pm, "apm-io", 2);
    if (!model->gpe_in_block) {
        memory_region_init_io(&pm->gpe, owner, &gpe_ops, pm, "acpi-gpe0", model->gpe_len);
    }
    qemu_register_powerdown_notifier(powerdown, pm);
}
