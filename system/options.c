/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line's option table: one row an option, with its help line and what it does to
 * vm_config.
 */
#include "system/vl.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "monitor/fdset.h"
#include "qapi/keyval.h"
#include "qemu/log.h"
#include "qemu/trace.h"
#include "system/datadir.h"

VmConfig vm_config;

typedef enum OptionKind {
    OPT_STR,    /* const char * in vm_config: the last one counts */
    OPT_LIST,   /* GPtrArray in vm_config: all count, in order */
    OPT_KEYVAL, /* json_object in vm_config: all are merged, later keys win */
    OPT_FLAG,   /* bool in vm_config becomes true */
    OPT_FN,     /* fn decides */
} OptionKind;

typedef struct OptionDef {
    const char *name;
    const char *arg; /* shown in the help; NULL: takes no argument */
    OptionKind kind;
    size_t offset;       /* of the field in VmConfig */
    const char *implied; /* OPT_KEYVAL: key of a leading bare word */
    bool (*fn)(const struct OptionDef *def, const char *arg, GError **errp);
    const char *help;
} OptionDef;

static bool list_add(GPtrArray **list, void *item)
{
    if (!*list) {
        *list = g_ptr_array_new();
    }
    g_ptr_array_add(*list, item);
    return true;
}

static void json_merge(json_object *into, json_object *from)
{
    json_object_object_foreach(from, key, value)
    {
        json_object *old;

        if (json_object_is_type(value, json_type_object) &&
            json_object_object_get_ex(into, key, &old) &&
            json_object_is_type(old, json_type_object)) {
            json_merge(old, value);
        } else {
            json_object_object_add(into, key, json_object_get(value));
        }
    }
}

static bool opt_accel(const OptionDef *def, const char *arg, GError **errp)
{
    bool is_json = false;
    json_object *opts = keyval_parse(arg, "accel", &is_json, errp);

    if (!opts) {
        return false;
    }
    if (!json_object_object_get_ex(opts, "accel", NULL)) {
        json_object_put(opts);
        error_setg(errp, "-accel %s: no accelerator is named; use -accel kvm or -accel qtest", arg);
        return false;
    }
    return list_add(&vm_config.accels, opts);
}

static bool opt_enable_kvm(const OptionDef *def, const char *arg, GError **errp)
{
    return opt_accel(def, "kvm", errp);
}

static bool opt_none_only(const OptionDef *def, const char *arg, GError **errp)
{
    g_autofree char *driver = g_strdup_printf("driver=none");

    if (strcmp(arg, "none") && !g_str_has_prefix(arg, "none,") && !strstr(arg, driver) &&
        !strstr(arg, "\"none\"")) {
        error_setg(errp, "-%s %s: only 'none' is built in", def->name, arg);
        return false;
    }
    return true;
}

static bool opt_display(const OptionDef *def, const char *arg, GError **errp)
{
    vm_config.display_given = true;
    if (strcmp(arg, "help") == 0) {
        printf("Available display backend types:\nnone\n");
        return true;
    }
    return opt_none_only(def, arg, errp);
}

static void trace_pattern(const char *option, const char *pattern)
{
    if (!trace_enable(pattern)) {
        warn_report("-trace %s: no trace point matches '%s'; -trace help lists them", option,
                    pattern);
    }
}

/* events=FILE: a pattern a line; empty lines and those that begin with '#' do not count. */
static bool trace_events_file(const char *path, GError **errp)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, &err)) {
        error_setg(errp, "events=: %s; name a file with one pattern a line", err->message);
        return false;
    }
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        g_strstrip(*line);
        if (**line && **line != '#') {
            trace_pattern(path, *line);
        }
    }
    return true;
}

static bool opt_trace(const OptionDef *def, const char *arg, GError **errp)
{
    static const char *const known[] = {"enable", "events", NULL};
    g_autoptr(json_object) opts = keyval_parse(arg, "enable", NULL, errp);
    g_autofree char *pattern = NULL, *events = NULL;

    if (!opts) {
        return false;
    }
    if (json_object_object_get_ex(opts, "file", NULL)) {
        error_setg(errp, "file= is not built in: trace lines go to the log; use -D FILE");
        return false;
    }
    pattern = opts_take_str(opts, "enable");
    events = opts_take_str(opts, "events");
    if (!opts_check_empty(opts, "-trace", known, errp) ||
        (events && !trace_events_file(events, errp))) {
        return false;
    }
    if (pattern) {
        trace_pattern(arg, pattern);
    }
    return true;
}

static bool opt_msg(const OptionDef *def, const char *arg, GError **errp)
{
    bool is_json = false;
    json_object *opts = keyval_parse(arg, NULL, &is_json, errp);
    static const char *const known[] = {"timestamp", "guest-name", NULL};
    bool on = false, names = false, ok;

    if (!opts) {
        return false;
    }
    ok = opts_take_bool(opts, "timestamp", false, &on, errp) &&
         opts_take_bool(opts, "guest-name", false, &names, errp) &&
         opts_check_empty(opts, "-msg", known, errp);
    json_object_put(opts);
    if (ok) {
        error_set_timestamps(on);
    }
    return ok;
}

/* mem-lock: nothing of this process is paged out, or nothing that was touched once (on-fault). */
static bool opt_overcommit(const OptionDef *def, const char *arg, GError **errp)
{
    static const char *const known[] = {"mem-lock", "cpu-pm", NULL};
    bool is_json = false, cpu_pm = false, lock = false, ok;
    json_object *opts = keyval_parse(arg, NULL, &is_json, errp);
    g_autofree char *mem_lock = opts ? opts_take_str(opts, "mem-lock") : NULL;
    bool on_fault = mem_lock && strcmp(mem_lock, "on-fault") == 0;

    if (!opts) {
        return false;
    }
    ok = (on_fault || !mem_lock || parse_bool("mem-lock", mem_lock, &lock, errp)) &&
         opts_take_bool(opts, "cpu-pm", false, &cpu_pm, errp) &&
         opts_check_empty(opts, "-overcommit", known, errp);
    json_object_put(opts);
    if (ok && cpu_pm) {
        error_setg(errp, "-overcommit cpu-pm=on: not built in; leave it out");
        return false;
    }
    if (ok && (lock || on_fault) &&
        mlockall(MCL_CURRENT | MCL_FUTURE | (on_fault ? MCL_ONFAULT : 0)) < 0) {
        error_setg_errno(errp, errno,
                         "-overcommit mem-lock=%s: memory cannot be locked; raise the limit "
                         "RLIMIT_MEMLOCK, or leave it out",
                         mem_lock);
        return false;
    }
    return ok;
}

/* The descriptor was inherited; the set gets a copy, as one may be put into several. */
static bool opt_add_fd(const OptionDef *def, const char *arg, GError **errp)
{
    static const char *const known[] = {"fd", "set", "opaque", NULL};
    bool is_json = false, ok;
    json_object *opts = keyval_parse(arg, NULL, &is_json, errp);
    g_autofree char *opaque = opts ? opts_take_str(opts, "opaque") : NULL;
    uint64_t fd = UINT64_MAX, set = UINT64_MAX;
    int copy;

    if (!opts) {
        return false;
    }
    ok = opts_take_uint(opts, "fd", UINT64_MAX, INT_MAX, &fd, errp) &&
         opts_take_uint(opts, "set", UINT64_MAX, INT64_MAX, &set, errp) &&
         opts_check_empty(opts, "-add-fd", known, errp);
    json_object_put(opts);
    if (!ok) {
        return false;
    }
    if (fd > INT_MAX || set > INT64_MAX) {
        error_setg(errp, "-add-fd %s: fd= and set= are needed", arg);
        return false;
    }
    if (fd <= STDERR_FILENO) {
        error_setg(errp, "-add-fd %s: fd=%d is a standard stream; pass another descriptor", arg,
                   (int)fd);
        return false;
    }
    copy = fcntl((int)fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        error_setg_errno(errp, errno, "-add-fd %s: descriptor %d cannot be had", arg, (int)fd);
        return false;
    }
    if (fdset_add(copy, (int64_t)set, opaque, errp) < 0) {
        close(copy);
        return false;
    }
    return true;
}

static bool opt_no_hpet(const OptionDef *def, const char *arg, GError **errp)
{
    if (!vm_config.machine) {
        vm_config.machine = json_object_new_object();
    }
    json_object_object_add(vm_config.machine, "hpet", json_object_new_string("off"));
    return true;
}

static bool opt_drive(const OptionDef *def, const char *arg, GError **errp)
{
    static const struct {
        const char *option, *implied;
    } shorts[] = {
        {"hda", "if=ide,index=0,media=disk"},
        {"hdb", "if=ide,index=1,media=disk"},
        {"hdc", "if=ide,index=2,media=disk"},
        {"hdd", "if=ide,index=3,media=disk"},
        {"cdrom", "if=ide,index=2,media=cdrom"},
        {"fda", "if=floppy,index=0"},
        {"fdb", "if=floppy,index=1"},
        {"pflash", "if=pflash"},
    };
    VmDrive *d = g_new0(VmDrive, 1);

    d->text = arg;
    for (size_t i = 0; i < G_N_ELEMENTS(shorts); i++) {
        if (!strcmp(def->name, shorts[i].option)) {
            d->option = shorts[i].option;
            d->implied = shorts[i].implied;
        }
    }
    return list_add(&vm_config.drives, d);
}

static bool opt_gdb_default(const OptionDef *def, const char *arg, GError **errp)
{
    vm_config.gdb = "tcp::1234";
    return true;
}

static bool opt_datadir(const OptionDef *def, const char *arg, GError **errp)
{
    datadir_add(arg);
    return true;
}

#define F(field) offsetof(VmConfig, field)

static const OptionDef option_table[] = {
    {"accel", "NAME[,PROP=VALUE...]", OPT_FN, 0, NULL, opt_accel,
     "accelerator: kvm[,ioregionfd=auto|kvm|module|user][,kernel-irqchip=on|split|off], qtest; may "
     "be repeated, "
     "the first that works is used"},
    {"add-fd", "fd=N,set=N[,opaque=TEXT]", OPT_FN, 0, NULL, opt_add_fd,
     "put an inherited descriptor into a set, which file names call /dev/fdset/N"},
    {"action", "reboot=|shutdown=|panic=|watchdog=ACTION", OPT_KEYVAL, F(action), NULL, NULL,
     "what is done when the guest reboots, shuts down, panics, or its watchdog expires"},
    {"append", "TEXT", OPT_STR, F(append), NULL, NULL, "command line of the -kernel"},
    {"audio", "none", OPT_FN, 0, NULL, opt_none_only, "audio back end; only 'none' is built in"},
    {"audiodev", "none,id=ID", OPT_FN, 0, NULL, opt_none_only,
     "audio back end; only 'none' is built in"},
    {"bios", "FILE", OPT_STR, F(bios), NULL, NULL,
     "firmware image, mapped so that it ends at 4 GiB"},
    {"blockdev", "DRIVER,node-name=N,...", OPT_LIST, F(blockdevs), NULL, NULL,
     "block node, as key=value or JSON: file, host_device, raw, null-co, null-aio, blkdebug "
     "('help' "
     "lists, 'DRIVER,help' shows its options)"},
    {"boot",
     "[order=]LETTERS[,once=,menu=on|off,splash=,splash-time=,reboot-timeout=,strict=on|off]",
     OPT_KEYVAL, F(boot), "order", NULL,
     "boot order of a PC: a, b floppies, c disk, d CD-ROM, n network; times in ms"},
    {"cdrom", "FILE", OPT_FN, 0, NULL, opt_drive, "CD-ROM image, as IDE drive 2"},
    {"chardev", "TYPE,id=ID,...", OPT_LIST, F(chardevs), NULL, NULL,
     "character device: stdio, socket, pty, file, pipe, null, ringbuf"},
    {"cpu", "MODEL[,+FEAT][,-FEAT][,FEAT=on]", OPT_STR, F(cpu), NULL, NULL,
     "CPU model: host, max, qemu64 (default), and those of processors such as Skylake-Client and "
     "EPYC "
     "('help' lists)"},
    {"d", "ITEM,...", OPT_STR, F(log_items), NULL, NULL,
     "log categories: guest_errors, unimp, int, cpu_reset"},
    {"D", "FILE", OPT_STR, F(logfile), NULL, NULL, "file for the log (default: stderr)"},
    {"daemonize", NULL, OPT_FLAG, F(daemonize), NULL, NULL,
     "go to the background when everything is set up"},
    {"debugcon", "CHARDEV", OPT_LIST, F(debugcons), NULL, NULL, "debug output port 0xe9"},
    {"device", "DRIVER[,PROP=VALUE...]", OPT_LIST, F(devices), NULL, NULL,
     "device, as key=value or JSON ('help' lists, 'DRIVER,help' shows its properties)"},
    {"display", "none", OPT_FN, 0, NULL, opt_display, "display; only 'none' is built in"},
    {"drive", "file=F,if=IF,id=ID,...", OPT_FN, 0, NULL, opt_drive,
     "disk image: file=, format=raw, if=ide|floppy|pflash|virtio|none, index=, media=disk|cdrom, "
     "id=, "
     "cache=, aio=, werror=, rerror=, discard=, read-only="},
    {"enable-kvm", NULL, OPT_FN, 0, NULL, opt_enable_kvm, "short for -accel kvm"},
    {"fda", "FILE", OPT_FN, 0, NULL, opt_drive, "floppy image, as drive A (-fdb: B)"},
    {"fdb", "FILE", OPT_FN, 0, NULL, opt_drive, "floppy image, as drive B"},
    {"fw_cfg", "[name=]NAME,file=FILE|string=TEXT", OPT_LIST, F(fw_cfgs), NULL, NULL,
     "item of data for firmware; the name begins with opt/"},
    {"gdb", "CHARDEV", OPT_STR, F(gdb), NULL, NULL,
     "let a debugger connect: tcp::1234, unix:PATH,server=on,wait=off, stdio"},
    {"global", "DRIVER.PROP=VALUE", OPT_LIST, F(globals), NULL, NULL,
     "default of a device property"},
    {"h", NULL, OPT_FN, 0, NULL, NULL, "this text"},
    {"hda", "FILE", OPT_FN, 0, NULL, opt_drive,
     "disk image, as IDE drive 0 (-hdb, -hdc, -hdd: 1 to 3)"},
    {"hdb", "FILE", OPT_FN, 0, NULL, opt_drive, "disk image, as IDE drive 1"},
    {"hdc", "FILE", OPT_FN, 0, NULL, opt_drive, "disk image, as IDE drive 2"},
    {"hdd", "FILE", OPT_FN, 0, NULL, opt_drive, "disk image, as IDE drive 3"},
    {"help", NULL, OPT_FN, 0, NULL, NULL, "this text"},
    {"initrd", "FILE", OPT_STR, F(initrd), NULL, NULL, "initial RAM disk of the -kernel"},
    {"kernel", "FILE", OPT_STR, F(kernel), NULL, NULL,
     "Linux kernel (bzImage), multiboot kernel or PVH ELF image to start"},
    {"L", "DIR", OPT_FN, 0, NULL, opt_datadir,
     "folder with firmware and option ROMs, looked at first ('help' lists all)"},
    {"m", "[size=]MIB[,slots=N,maxmem=SIZE]", OPT_KEYVAL, F(memory), "size", NULL,
     "guest memory (default 128 MiB)"},
    {"M", "NAME[,PROP=VALUE...]", OPT_KEYVAL, F(machine), "type", NULL, "short for -machine"},
    {"machine", "NAME[,PROP=VALUE...]", OPT_KEYVAL, F(machine), "type", NULL,
     "machine: pc (default), q35, microvm, none ('help' lists); memory-backend=ID, "
     "kernel-irqchip=, accel="},
    {"mon", "[chardev=]ID,mode=control|readline", OPT_LIST, F(mons), NULL, NULL,
     "monitor on a character device"},
    {"monitor", "CHARDEV", OPT_LIST, F(monitors), NULL, NULL, "HMP monitor on a character device"},
    {"msg", "timestamp=on|off,guest-name=on|off", OPT_FN, 0, NULL, opt_msg,
     "form of messages on stderr"},
    {"name", "[guest=]TEXT[,debug-threads=on|off]", OPT_STR, F(name), NULL, NULL, "name of the VM"},
    {"net", "nic|none|user|tap|socket|stream|dgram|bridge[,PROP=VALUE...]", OPT_LIST, F(nets), NULL,
     NULL, "network by hub 0: a NIC (nic,model=,macaddr=) or a back end; none: no network"},
    {"netdev", "TYPE,id=ID[,PROP=VALUE...]", OPT_LIST, F(netdevs), NULL, NULL,
     "network back end, as key=value or JSON: user, tap, bridge, stream, dgram, socket, hubport; "
     "for -device virtio-net-pci,netdev=ID ('help' lists)"},
    {"nic", "none|TYPE[,model=M][,mac=A][,PROP=VALUE...]", OPT_LIST, F(nics), NULL, NULL,
     "network back end and NIC in one (model virtio-net-pci); without -nic, -net and -device there "
     "is no NIC"},
    {"no-hpet", NULL, OPT_FN, 0, NULL, opt_no_hpet, "old name: -machine hpet=off"},
    {"no-fd-bootchk", NULL, OPT_FLAG, F(no_fd_bootchk), NULL, NULL,
     "boot floppies without a signature, too"},
    {"no-reboot", NULL, OPT_FLAG, F(no_reboot), NULL, NULL, "exit instead of rebooting"},
    {"no-shutdown", NULL, OPT_FLAG, F(no_shutdown), NULL, NULL,
     "stop instead of exiting when the guest powers off"},
    {"no-user-config", NULL, OPT_FLAG, F(no_user_config), NULL, NULL,
     "accepted: there are no configuration files"},
    {"nodefaults", NULL, OPT_FLAG, F(nodefaults), NULL, NULL, "no default devices"},
    {"nographic", NULL, OPT_FLAG, F(nographic), NULL, NULL,
     "first serial port and HMP monitor on stdio (Ctrl-A h)"},
    {"object", "TYPE,id=ID[,PROP=VALUE...]", OPT_LIST, F(objects), NULL, NULL,
     "object, as key=value or JSON: iothread, ioregionfd, memory-backend-ram ... ('help' lists)"},
    {"option-rom", "FILE[,bootindex=N]", OPT_LIST, F(option_roms), NULL, NULL,
     "option ROM that firmware runs"},
    {"parallel", "CHARDEV", OPT_LIST, F(parallels), NULL, NULL,
     "back end of the next printer port"},
    {"pflash", "FILE", OPT_FN, 0, NULL, opt_drive,
     "flash image: the first is code, the second variables"},
    {"overcommit", "mem-lock=on|off|on-fault", OPT_FN, 0, NULL, opt_overcommit,
     "keep the memory of guest and emulator from being paged out"},
    {"pidfile", "FILE", OPT_STR, F(pidfile), NULL, NULL, "file for the process id"},
    {"qmp", "CHARDEV", OPT_LIST, F(qmps), NULL, NULL, "QMP monitor on a character device"},
    {"qmp-pretty", "CHARDEV", OPT_LIST, F(qmps_pretty), NULL, NULL, "the same with indented JSON"},
    {"qtest", "CHARDEV", OPT_STR, F(qtest), NULL, NULL,
     "qtest protocol server on a character device"},
    {"qtest-log", "FILE", OPT_STR, F(qtest_log), NULL, NULL,
     "log of the qtest protocol ('none': no log)"},
    {"rtc", "[base=utc|localtime|DATE][,clock=host|vm]", OPT_KEYVAL, F(rtc), "base", NULL,
     "the guest's clock"},
    {"s", NULL, OPT_FN, 0, NULL, opt_gdb_default, "short for -gdb tcp::1234"},
    {"S", NULL, OPT_FLAG, F(stopped), NULL, NULL, "do not start the guest; QMP 'cont' does"},
    {"serial", "CHARDEV", OPT_LIST, F(serials), NULL, NULL, "back end of the next serial port"},
    {"smbios", "type=N,FIELD=VALUE... | file=FILE", OPT_LIST, F(smbios), NULL, NULL,
     "SMBIOS fields of types 0, 1, 2, 3, 4, 8, 11, 17, 41, or a structure"},
    {"smp", "[cpus=]N[,maxcpus=,sockets=,dies=,cores=,threads=]", OPT_KEYVAL, F(smp), "cpus", NULL,
     "number and topology of vCPUs"},
    {"trace", "[[enable=]PATTERN][,events=FILE]", OPT_FN, 0, NULL, opt_trace,
     "log these trace points ('help' lists); all are USDT probes, too"},
    {"uuid", "UUID", OPT_STR, F(uuid), NULL, NULL, "UUID of the VM"},
    {"version", NULL, OPT_FN, 0, NULL, NULL, "version"},
    {"vga", "std|none", OPT_STR, F(vga), NULL, NULL, "graphics card: std is VGA with Bochs VBE"},
};

static const OptionDef *option_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(option_table); i++) {
        if (strcmp(option_table[i].name, name) == 0) {
            return &option_table[i];
        }
    }
    return NULL;
}

static void option_unknown(const char *given, const char *name, GError **errp)
{
    const char *names[G_N_ELEMENTS(option_table) + 1] = {NULL};
    const char *near, *instead = option_foreign(name);

    if (instead) {
        error_setg(errp, "%s: this option of QEMU is not built in; %s", given, instead);
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(option_table); i++) {
        names[i] = option_table[i].name;
    }
    near = nearest_name(name, names);
    if (near) {
        error_setg(errp, "%s: unknown option; did you mean -%s?", given, near);
    } else {
        error_setg(errp, "%s: unknown option; -help lists all", given);
    }
}

static bool option_apply(const OptionDef *def, const char *arg, GError **errp)
{
    void *field = (char *)&vm_config + def->offset;

    switch (def->kind) {
    case OPT_STR:
        *(const char **)field = arg;
        return true;
    case OPT_LIST:
        return list_add(field, (void *)(uintptr_t)arg);
    case OPT_FLAG:
        *(bool *)field = true;
        return true;
    case OPT_KEYVAL: {
        json_object **into = field;
        bool is_json = false;
        g_autoptr(GError) err = NULL;
        json_object *opts = keyval_parse(arg, def->implied, &is_json, &err);

        if (!opts) {
            error_setg(errp, "-%s %s: %s", def->name, arg, err->message);
            return false;
        }
        if (!*into) {
            *into = json_object_new_object();
        }
        json_merge(*into, opts);
        json_object_put(opts);
        return true;
    }
    case OPT_FN: {
        g_autofree char *option = g_strdup_printf("-%s", def->name);
        bool ok = def->fn(def, arg, errp);

        error_name_option(errp, option, arg);
        return ok;
    }
    }
    return true;
}

/* Does this value of the option ask what it takes?  Where "help" may be a name (a file, a node), or
 * the value is looked at later, it does not. */
static bool wants_usage(const OptionDef *def, const char *arg)
{
    static const char *const plain[] = {"add-fd", "drive",      "fw_cfg", "global", "mon",
                                        "msg",    "overcommit", "name",   "smbios", NULL};

    return arg && (!strcmp(arg, "help") || !strcmp(arg, "?")) &&
           (g_strv_contains(plain, def->name) ||
            (def->kind == OPT_KEYVAL && def->offset != offsetof(VmConfig, machine)));
}

static void print_version(void)
{
    printf("QEMU emulator version %s (ioregionfd edition, written from scratch)\n", QEMU_VERSION);
}

static void print_trace_point(const TracePoint *tp, void *opaque)
{
    printf("%s\n", tp->name);
}

void options_print_help(FILE *out)
{
    print_version();
    fprintf(out, "usage: qemu-system-x86_64 [options]\n\n");
    for (size_t i = 0; i < G_N_ELEMENTS(option_table); i++) {
        const OptionDef *def = &option_table[i];
        g_autofree char *left =
            g_strdup_printf("-%s%s%s", def->name, def->arg ? " " : "", def->arg ? def->arg : "");

        if (strlen(left) > 30) {
            fprintf(out, "  %s\n  %-31s%s\n", left, "", def->help);
        } else {
            fprintf(out, "  %-30s %s\n", left, def->help);
        }
    }
    fprintf(out, "\nCHARDEV is stdio, unix:PATH[,server=on,wait=off], tcp:HOST:PORT, pty, "
                 "file:PATH, pipe:PATH, null, none,\n"
                 "mon:stdio or chardev:ID.  The manual is in docs/system.\n");
}

OptionsResult options_parse(int argc, char **argv, GError **errp)
{
    bool disk = false;

    for (int i = 1; i < argc; i++) {
        const char *given = argv[i], *arg = NULL;
        const char *name = given + 1;
        const OptionDef *def;

        if (given[0] != '-' || given[1] == '\0') {
            /* A disk image, as with -hda. */
            if (*given == '-' || disk) {
                error_setg(errp, "%s: not an option%s", given,
                           disk ? ", and a second disk image needs -hdb or -drive" : "");
                return OPTIONS_FAILED;
            }
            disk = true;
            if (!option_apply(option_find("hda"), given, errp)) {
                return OPTIONS_FAILED;
            }
            continue;
        }
        if (*name == '-') {
            name++;
        }
        def = option_find(name);
        if (!def) {
            option_unknown(given, name, errp);
            return OPTIONS_FAILED;
        }
        if (def->arg) {
            if (i + 1 >= argc) {
                error_setg(errp, "%s: needs an argument: %s", given, def->arg);
                return OPTIONS_FAILED;
            }
            arg = argv[++i];
        }
        if (strcmp(def->name, "h") == 0 || strcmp(def->name, "help") == 0) {
            options_print_help(stdout);
            return OPTIONS_DONE;
        }
        if (strcmp(def->name, "version") == 0) {
            print_version();
            return OPTIONS_DONE;
        }
        if (strcmp(def->name, "L") == 0 && strcmp(arg, "help") == 0) {
            datadir_list(stdout);
            return OPTIONS_DONE;
        }
        if (strcmp(def->name, "trace") == 0 && strcmp(arg, "help") == 0) {
            trace_list(print_trace_point, NULL);
            return OPTIONS_DONE;
        }
        if (strcmp(def->name, "vga") == 0 && strcmp(arg, "help") == 0) {
            puts("none                 no graphics card\n"
                 "std                  standard VGA (the machine's default)");
            return OPTIONS_DONE;
        }
        if (wants_usage(def, arg)) {
            printf("-%s %s\n  %s\n", def->name, def->arg, def->help);
            return OPTIONS_DONE;
        }
        if (strcmp(def->name, "d") == 0 && (!strcmp(arg, "help") || !strcmp(arg, "?"))) {
            qemu_log_list(stdout);
            return OPTIONS_DONE;
        }
        if (strcmp(def->name, "display") == 0 && strcmp(arg, "help") == 0) {
            opt_display(def, arg, NULL);
            return OPTIONS_DONE;
        }
        if (!option_apply(def, arg, errp)) {
            return OPTIONS_FAILED;
        }
    }
    return OPTIONS_RUN;
}
