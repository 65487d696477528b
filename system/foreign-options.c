/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options that QEMU has and this program has not.  Who gives one is told what comes nearest here,
 * not that it is a typing error.
 */
#include "system/vl.h"

static const struct {
    const char *name, *instead;
} foreign_options[] = {
    {"acpitable", "tables are made from the machine: see -machine acpi=, -smbios and -fw_cfg"},
    {"alt-grab", "there is no window whose keys could be grabbed: leave it out"},
    {"async-teardown", "memory is given back while the process ends: leave it out"},
    {"chroot", "start it with chroot(1) or in a mount namespace, unshare(1)"},
    {"compat", "nothing here is deprecated with a policy: leave it out"},
    {"confidential-guest-support", "guest memory is not encrypted: leave it out"},
    {"ctrl-grab", "there is no window whose keys could be grabbed: leave it out"},
    {"curses", "use -display none with -serial mon:stdio, or -nographic"},
    {"dfilter", "no translated code is logged; -trace PATTERN selects trace points"},
    {"dtb", "a PC has no device tree: leave it out; -append passes a command line"},
    {"dump-vmstate", "there is no migration, and no state to describe: leave it out"},
    {"echr", "the escape character of mon:stdio is Ctrl-A"},
    {"enable-sync-profile", "QMP query-stats and -trace show where time goes"},
    {"fsdev", "no folder is shared with the guest; give it a disk with -blockdev, or -netdev"},
    {"full-screen", "there is no window; use -display none"},
    {"g", "the guest sets the resolution itself; for a Linux kernel, -append video=WIDTHxHEIGHT"},
    {"icount", "guests run on KVM, which does not count instructions: there is nothing like it"},
    {"incoming", "there is no migration: start the guest anew, -blockdev has its disk"},
    {"iscsi",
     "attach the target on the host and use -blockdev driver=host_device,filename=/dev/..."},
    {"jitdump", "no code is translated: profile with perf kvm"},
    {"k", "there is no window whose keyboard had a layout: leave it out"},
    {"loadvm", "there are no snapshots of machines: start the guest anew"},
    {"mem-path", "use -object memory-backend-file,id=m,mem-path=PATH,size=SIZE with -machine "
                 "memory-backend=m"},
    {"mem-prealloc", "use -object memory-backend-ram,id=m,size=SIZE,prealloc=on with -machine "
                     "memory-backend=m"},
    {"mtdblock", "a PC has no flash of that kind; use -drive if=pflash,file=FILE,format=raw"},
    {"no-acpi", "use -machine acpi=off"},
    {"numa", "guest memory is one node; use -smp for the topology of processors, and numactl(8) "
             "or -object memory-backend-ram for the host's side"},
    {"only-migratable", "there is no migration: leave it out"},
    {"perfmap", "no code is translated: profile with perf kvm"},
    {"plugin", "no code is translated: use -trace PATTERN, or perf kvm"},
    {"portrait", "there is no window; use -display none"},
    {"preconfig", "use -S, which waits for QMP cont with the machine set up"},
    {"prom-env", "a PC has no Open Firmware; use -fw_cfg name=opt/NAME,string=TEXT"},
    {"readconfig", "there are no configuration files: give the options on the command line"},
    {"rotate", "there is no window; use -display none"},
    {"run-with", "start it with setpriv(1) or chroot(1), or by a service manager"},
    {"runas", "start it with setpriv(1) or runuser(1) as the user it is to be"},
    {"sandbox", "use the seccomp filter of a service manager, SystemCallFilter= of systemd"},
    {"sd", "a PC has no SD card socket; use -drive if=virtio,file=FILE,format=raw"},
    {"seed", "use -object rng-random or -object rng-builtin, with -device virtio-rng-pci"},
    {"semihosting", "x86 guests have none; use -device isa-debug-exit or -debugcon"},
    {"semihosting-config", "x86 guests have none; use -device isa-debug-exit or -debugcon"},
    {"set", "use -global DRIVER.PROPERTY=VALUE, or write it into the -device itself"},
    {"shim", "firmware is not asked to verify a kernel; use -bios or -drive if=pflash"},
    {"show-cursor", "there is no window; use -display none"},
    {"singlestep", "no code is translated; -gdb steps single instructions"},
    {"snapshot", "changes go to the image: use -drive read-only=on,file=FILE, or a copy of it"},
    {"soundhw", "no sound card is built in; use -audio none"},
    {"spice", "no screen is shown; use -display none, and QMP screendump for a picture"},
    {"tb-size", "no code is translated: leave it out"},
    {"tdf", "use -rtc driftfix=slew"},
    {"tpmdev", "no TPM is built in: there is nothing like it"},
    {"usb", "no USB controller is built in; the PS/2 keyboard and mouse are there without it"},
    {"usbdevice",
     "no USB controller is built in; the PS/2 keyboard and mouse are there without it"},
    {"virtfs", "no folder is shared with the guest; give it a disk with -blockdev, or -netdev"},
    {"vnc", "no screen is shown; use -display none, and QMP screendump for a picture"},
    {"watchdog", "use -device i6300esb"},
    {"watchdog-action", "use -action watchdog=ACTION"},
    {"win2k-hack", "disks fill as they are written: leave it out"},
    {"writeconfig", "there are no configuration files: keep the command line"},
    {"xen-attach", "guests run on KVM: use -accel kvm"},
    {"xen-domid", "guests run on KVM: use -accel kvm"},
    {"xen-domid-restrict", "guests run on KVM: use -accel kvm"},
    {"audio-help", "no sound card is built in; -audio none is all there is"},
};

const char *option_foreign(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(foreign_options); i++) {
        if (strcmp(foreign_options[i].name, name) == 0) {
            return foreign_options[i].instead;
        }
    }
    return NULL;
}
