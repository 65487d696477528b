/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The firmware image, and what firmware finds in CMOS and fw_cfg besides the board's own
 * description. */
#include "hw/i386/firmware.h"

#include "block/block-monitor.h"
#include "hw/rtc/mc146818.h"
#include "qapi/keyval.h"
#include "qemu/log.h"
#include "system/datadir.h"
#include "system/vl.h"

#define DEFAULT_FIRMWARE "bios-256k.bin"
#define FIRMWARE_MAX (16 * MiB)
#define ISA_BIOS_MAX (128 * KiB)
#define ITEM_MAX (256 * MiB)

/* --- image ------------------------------------------------------------------------------------ */

/* At each reset, since the guest may write to it. */
static void copy_to_ram(void *opaque)
{
    PCMachineState *pc = opaque;
    MemoryRegion *ram = MACHINE(pc)->ram;
    uint64_t size = memory_region_size(&pc->bios), low = MIN(size, (uint64_t)ISA_BIOS_MAX);
    uint8_t *image = memory_region_get_ram_ptr(&pc->bios);

    memcpy((uint8_t *)memory_region_get_ram_ptr(ram) + 0x100000 - low, image + size - low, low);
    memory_region_set_dirty(ram, 0x100000 - low, low);
}

static bool load_firmware(PCMachineState *pc, const char *path, GError **errp)
{
    size_t size;
    g_autofree uint8_t *data = datadir_read("-bios", path, FIRMWARE_MAX, &size, errp);
    uint64_t low;

    if (!data) {
        return false;
    }
    if (size % (64 * KiB)) {
        error_setg(errp, "-bios %s: a firmware image is a multiple of 64 KiB, up to 16 MiB", path);
        return false;
    }
    if (!memory_region_init_rom(&pc->bios, OBJECT(pc), "pc.bios", size, errp)) {
        return false;
    }
    memcpy(memory_region_get_ram_ptr(&pc->bios), data, size);
    memory_region_add_subregion(&pc->pci_mem, PC_4G - size, &pc->bios);
    /* The processor starts at the top of 4 GiB; the end of the image shows up below 1 MiB, too. */
    if (pc->board->firmware_in_ram) {
        qemu_register_reset(copy_to_ram, pc);
        return true;
    }
    low = MIN((uint64_t)size, (uint64_t)ISA_BIOS_MAX);
    memory_region_init_alias(&pc->isa_bios, OBJECT(pc), "isa-bios", &pc->bios, size - low, low);
    memory_region_add_subregion_overlap(&pc->pci_mem, 0x100000 - low, &pc->isa_bios, 1);
    return true;
}

/* --- flash: the first one ends at 4 GiB, the second lies below it ------------------------------
 */

static bool add_flash(PCMachineState *pc, unsigned n, uint64_t *top, GError **errp)
{
    DeviceState *dev = qdev_new("cfi.pflash01");
    g_autofree char *name = g_strdup_printf("system.flash%u", n);
    MemoryRegion *mr;
    uint64_t size, low;
    bool ok = object_property_set_str(OBJECT(dev), "drive", pc->pflash[n], errp) &&
              object_property_add_child(OBJECT(pc), name, OBJECT(dev), errp) &&
              qdev_realize(dev, BUS(sysbus_get_default()), errp);

    object_unref(dev);
    if (!ok) {
        g_prefix_error(errp, "pflash%u=%s: ", n, pc->pflash[n]);
        return false;
    }
    mr = SYS_BUS_DEVICE(dev)->mmio[0];
    size = memory_region_size(mr);
    if (size > PC_4G - 0xff000000u || *top - size < 0xff000000u) {
        error_setg(errp, "pflash%u=%s: the flashes together may have 16 MiB", n, pc->pflash[n]);
        return false;
    }
    *top -= size;
    memory_region_add_subregion(&pc->pci_mem, *top, mr);
    if (n > 0) {
        return true;
    }
    /* Its end is below 1 MiB, too: a copy, which the flash's commands do not reach. */
    low = MIN(size, (uint64_t)ISA_BIOS_MAX);
    if (!memory_region_init_rom(&pc->isa_bios, OBJECT(pc), "isa-bios", low, errp)) {
        return false;
    }
    memcpy(memory_region_get_ram_ptr(&pc->isa_bios),
           (uint8_t *)memory_region_get_ram_ptr(mr) + size - low, low);
    memory_region_add_subregion_overlap(&pc->pci_mem, 0x100000 - low, &pc->isa_bios, 1);
    return true;
}

/* -drive if=pflash fills the places that the machine's properties leave. */
static bool take_pflash_drives(PCMachineState *pc, GError **errp)
{
    for (int n = 0; n < 2; n++) {
        DriveInfo *d = drive_take(DRIVE_IF_PFLASH, 0, n, 2);

        if (d && pc->pflash[n]) {
            error_setg(errp, "-machine pflash%d=%s and -drive if=pflash,unit=%d exclude each other",
                       n, pc->pflash[n], n);
            return false;
        }
        if (d) {
            pc->pflash[n] = g_strdup(d->id);
        }
    }
    if (pc->pflash[1] && !pc->pflash[0]) {
        error_setg(errp, "pflash1 is given without pflash0, which has the firmware");
        return false;
    }
    return true;
}

bool pc_firmware_init(PCMachineState *pc, GError **errp)
{
    MachineState *ms = MACHINE(pc);
    const char *name = ms->firmware;
    uint64_t top = PC_4G;
    g_autoptr(GError) err = NULL;

    if (!take_pflash_drives(pc, errp)) {
        return false;
    }
    if (pc->pflash[0] && pc->board->firmware_in_ram) {
        error_setg(errp, "pflash0=%s: this machine has no flash; use -bios", pc->pflash[0]);
        return false;
    }
    if (pc->pflash[0]) {
        if (ms->firmware) {
            error_setg(errp, "-bios %s and a pflash exclude each other: both are the firmware",
                       ms->firmware);
            return false;
        }
        pc->firmware_path = g_strdup("pflash");
        return add_flash(pc, 0, &top, errp) && (!pc->pflash[1] || add_flash(pc, 1, &top, errp));
    }

    if (!ms->firmware && ms->kernel_filename) {
        return true; /* started directly */
    }
    if (!name) {
        name = pc->board->firmware ? pc->board->firmware : DEFAULT_FIRMWARE;
    }
    pc->firmware_path = datadir_find("-bios", name, &err);
    if (pc->firmware_path) {
        return load_firmware(pc, pc->firmware_path, errp);
    }
    if (!ms->firmware && qtest_enabled()) {
        return true; /* nothing runs: nobody misses it */
    }
    error_setg(errp, "%s%s", err->message,
               ms->firmware ? "" : "; install it, or give -bios FILE or -kernel FILE");
    return false;
}

/* --- boot order ------------------------------------------------------------------------------- */

/* CMOS numbers of -boot's letters (0: none such on a PC). */
static unsigned boot_letter(char c)
{
    switch (c) {
    case 'a':
    case 'b':
        return 1;
    case 'c':
        return 2;
    case 'd':
        return 3;
    case 'n':
        return 4;
    }
    return 0;
}

static bool check_order(const char *key, const char *order, GError **errp)
{
    if (strlen(order) > 3) {
        error_setg(errp, "-boot %s=%s: a PC takes at most three devices", key, order);
        return false;
    }
    for (const char *p = order; *p; p++) {
        if (!boot_letter(*p) || strchr(p + 1, *p)) {
            error_setg(
                errp, "-boot %s=%s: '%c' %s; a and b are floppies, c disk, d CD-ROM, n network",
                key, order, *p, boot_letter(*p) ? "is there twice" : "is no boot device of a PC");
            return false;
        }
    }
    return true;
}

static void set_order(PCMachineState *pc, const char *order)
{
    unsigned n[3] = {0};

    for (unsigned i = 0; i < 3 && order[i]; i++) {
        n[i] = boot_letter(order[i]);
    }
    if (!pc->rtc) {
        return;
    }
    rtc_set_cmos(pc->rtc, 0x3d, n[1] << 4 | n[0]);
    /* Bit 0: no check of a floppy's signature. */
    rtc_set_cmos(pc->rtc, 0x38, n[2] << 4 | !MACHINE(pc)->boot.fd_bootchk);
}

/* bootindex may be changed while the VM runs, and once= ends with the first boot. */
static void firmware_reset(void *opaque)
{
    PCMachineState *pc = opaque;
    const MachineBoot *boot = &MACHINE(pc)->boot;
    size_t size = 0;
    g_autofree char *list = get_boot_devices_list(&size);

    if (list) {
        fw_cfg_add_file(pc->fw_cfg, "bootorder", list, size, false, NULL);
    }
    set_order(pc, boot->once && !pc->booted ? boot->once : boot->order ? boot->order : "cdn");
    pc->booted = true;
}

static bool export_boot(PCMachineState *pc, GError **errp)
{
    const MachineBoot *boot = &MACHINE(pc)->boot;
    bool ok = true;

    if ((boot->order && !check_order("order", boot->order, errp)) ||
        (boot->once && !check_order("once", boot->once, errp))) {
        return false;
    }
    fw_cfg_add_i16(pc->fw_cfg, FW_CFG_BOOT_MENU, boot->menu);
    if (boot->splash_time >= 0) {
        uint16_t ms = GUINT16_TO_LE(boot->splash_time);

        ok = fw_cfg_add_file(pc->fw_cfg, "etc/boot-menu-wait", &ms, sizeof(ms), false, errp);
    }
    if (ok && boot->reboot_timeout >= 0) {
        uint32_t ms = GUINT32_TO_LE(boot->reboot_timeout);

        ok = fw_cfg_add_file(pc->fw_cfg, "etc/boot-fail-wait", &ms, sizeof(ms), false, errp);
    }
    if (ok && boot->splash) {
        size_t size;
        g_autofree char *path = datadir_find("-boot splash", boot->splash, errp);
        g_autofree uint8_t *data =
            path ? datadir_read("-boot splash", path, 16 * MiB, &size, errp) : NULL;
        bool bmp = data && size > 2 && !memcmp(data, "BM", 2);
        bool jpeg = data && size > 2 && !memcmp(data, "\xff\xd8", 2);

        if (data && !bmp && !jpeg) {
            error_setg(errp, "-boot splash=%s: must be a JPEG or BMP picture", boot->splash);
        }
        ok = (bmp || jpeg) && fw_cfg_add_file(pc->fw_cfg, bmp ? "bootsplash.bmp" : "bootsplash.jpg",
                                              data, size, false, errp);
    }
    return ok;
}

/* --- user's items ----------------------------------------------------------------------------- */

static bool add_user_item(PCMachineState *pc, const char *text, GError **errp)
{
    static const char *const known[] = {"name", "file", "string", NULL};
    g_autoptr(GError) err = NULL;
    bool is_json = false, ok;
    json_object *opts = keyval_parse(text, "name", &is_json, &err);
    g_autofree char *name = opts ? opts_take_str(opts, "name") : NULL;
    g_autofree char *file = opts ? opts_take_str(opts, "file") : NULL;
    g_autofree char *string = opts ? opts_take_str(opts, "string") : NULL;
    g_autofree uint8_t *data = NULL;
    size_t size = string ? strlen(string) : 0;

    ok = opts && opts_check_empty(opts, "it", known, &err);
    json_object_put(opts);
    if (ok && (!name || !*name || !file == !string)) {
        error_setg(&err, "the form is name=NAME,file=FILE or name=NAME,string=TEXT");
        ok = false;
    } else if (ok && strlen(name) > 55) {
        error_setg(&err, "name=: at most 55 characters");
        ok = false;
    } else if (ok && fw_cfg_has_file(pc->fw_cfg, name)) {
        error_setg(&err, "there is an item of that name already");
        ok = false;
    } else if (ok && !g_str_has_prefix(name, "opt/")) {
        warn_report("-fw_cfg %s: names of users' items begin with opt/", name);
    }
    if (ok && file) {
        data = datadir_read("file", file, ITEM_MAX, &size, &err);
        ok = data != NULL;
    }
    ok = ok &&
         fw_cfg_add_file(pc->fw_cfg, name, data ? (const char *)data : string, size, false, &err);
    if (!ok) {
        error_setg(errp, "-fw_cfg %s: %s", text, err->message);
    }
    return ok;
}

static bool add_option_rom(PCMachineState *pc, const char *text, GError **errp)
{
    static const char *const known[] = {"romfile", "bootindex", NULL};
    bool is_json = false;
    json_object *opts = keyval_parse(text, "romfile", &is_json, errp);
    g_autofree char *file = opts ? opts_take_str(opts, "romfile") : NULL, *path = NULL;
    uint64_t index = UINT64_MAX;
    bool ok = opts && opts_take_uint(opts, "bootindex", UINT64_MAX, INT32_MAX, &index, errp) &&
              opts_check_empty(opts, "-option-rom", known, errp);

    json_object_put(opts);
    if (ok && !file) {
        error_setg(errp, "-option-rom %s: the form is FILE[,bootindex=N]", text);
        ok = false;
    }
    path = ok ? datadir_find("-option-rom", file, errp) : NULL;
    return path && pc_add_option_rom(pc, path, index > INT32_MAX ? -1 : (int32_t)index, errp);
}

bool pc_add_option_rom(PCMachineState *pc, const char *path, int32_t bootindex, GError **errp)
{
    size_t size;
    g_autofree uint8_t *data = datadir_read("option ROM", path, 128 * KiB, &size, errp);
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *name = g_strdup_printf("genroms/%.40s", base);
    g_autofree char *boot_path = g_strdup_printf("/rom@%s", name);

    if (!data) {
        return false;
    }
    add_boot_device_path(bootindex, NULL, boot_path);
    return fw_cfg_add_file(pc->fw_cfg, name, data, size, false, errp);
}

bool pc_firmware_export(PCMachineState *pc, GError **errp)
{
    MachineState *ms = MACHINE(pc);

    if (!export_boot(pc, errp)) {
        return false;
    }
    for (unsigned n = 0; vm_config.fw_cfgs && n < vm_config.fw_cfgs->len; n++) {
        if (!add_user_item(pc, vm_config.fw_cfgs->pdata[n], errp)) {
            return false;
        }
    }
    for (unsigned n = 0; vm_config.option_roms && n < vm_config.option_roms->len; n++) {
        if (!add_option_rom(pc, vm_config.option_roms->pdata[n], errp)) {
            return false;
        }
    }
    if (!ms->graphics && serial_hd(0)) {
        uint16_t port = GUINT16_TO_LE(0x3f8);

        /* SeaBIOS shows its text on this serial port, too. */
        if (!fw_cfg_add_file(pc->fw_cfg, "etc/sercon-port", &port, sizeof(port), false, errp)) {
            return false;
        }
    }
    if (pc->firmware_path && !pc_export_kernel(pc, errp)) {
        return false;
    }
    qemu_register_reset(firmware_reset, pc);
    return true;
}
