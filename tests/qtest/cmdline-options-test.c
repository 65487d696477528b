/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options by themselves: help and its exit status, what a refusal tells to do instead, and what
 * -name, -msg, -mon, -trace and abstract sockets do.
 */
#include "libqtest.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BASE "-machine q35,accel=qtest -nodefaults -display none "

static char *dir;

/* --- refused
 * ----------------------------------------------------------------------------------------------------
 */

typedef struct Refusal {
    const char *args, *words;
} Refusal;

static void all_refused(const Refusal *list, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        qtest_refused_in(dir, list[i].words, BASE "%s", list[i].args);
    }
}

/* QEMU has these: what comes nearest is told. */
static void test_foreign(void)
{
    static const Refusal t[] = {
        {"-spice port=1", "-spice|not built in|-display none"},
        {"-vnc :0", "-vnc|not built in|-display none"},
        {"-icount auto", "-icount|not built in|nothing like it"},
        {"-numa node", "-numa|not built in|-smp|-object memory-backend"},
        {"-usb", "-usb|not built in|PS/2"},
        {"-mem-path /x", "-mem-path|not built in|-object memory-backend-file"},
        {"-mem-prealloc", "-mem-prealloc|prealloc=on"},
        {"-no-acpi", "-no-acpi|not built in|-machine acpi=off"},
        {"-snapshot", "-snapshot|not built in|-drive"},
        {"-readconfig x", "-readconfig|not built in|command line"},
        {"-runas x", "-runas|not built in|setpriv"},
        {"-run-with x", "-run-with|not built in|setpriv"},
        {"-sandbox on", "-sandbox|not built in|SystemCallFilter"},
        {"-preconfig", "-preconfig|not built in|use -S"},
        {"--preconfig", "--preconfig|not built in|use -S"},
        {"-acpitable x", "-acpitable|not built in|-machine acpi="},
        {"-g 1x1", "-g:|not built in|-append"},
        {"-k de", "-k:|not built in|leave it out"},
        {"-chroot /", "-chroot|not built in|chroot(1)"},
        {"-tpmdev x", "-tpmdev|not built in|nothing like it"},
        {"-set x", "-set|not built in|-global"},
        {"-sd x", "-sd|not built in|-drive if=virtio"},
        {"-echr 1", "-echr|not built in|Ctrl-A"},
        {"-watchdog-action reset", "-watchdog-action|not built in|-action watchdog="},
        {"-watchdog i6300esb", "-watchdog:|not built in|-device i6300esb"},
        {"-xen-domid-restrict", "-xen-domid-restrict|not built in|-accel kvm"},
        {"-jitdump", "-jitdump|not built in|perf kvm"},
        {"-loadvm x", "-loadvm|not built in|no snapshots"},
        {"-incoming defer", "-incoming|not built in|no migration"},
    };

    all_refused(t, G_N_ELEMENTS(t));
}

static void test_remedies(void)
{
    static const Refusal t[] = {
        {"-smp 4x", "-smp: |'cpus'|'4x'"},
        {"-smp 100000", "-smp: |'cpus'|4096|100000"},
        {"-smp 300", "-smp: |300|288|fewer"},
        {"-smp 2,foo=3", "-smp has no parameter 'foo'|sockets|threads"},
        {"-m size=64M,foo=2", "-m has no parameter 'foo'|maxmem"},
        {"-m 64M,slots=x", "-m: |'slots'|'x'"},
        {"-rtc foo=1", "-rtc has no parameter 'foo'|driftfix"},
        {"-msg foo", "-msg has no parameter 'foo'|timestamp"},
        {"-msg timestamp=maybe", "-msg timestamp=maybe: |'on' or 'off'"},
        {"-overcommit foo=1", "-overcommit has no parameter 'foo'|mem-lock"},
        {"-name guest=x,debug-threads=maybe", "-name guest=x,debug-threads=maybe: |'on' or 'off'"},
        {"-name guest=x,process=y", "-name|process=|exec -a"},
        {"-cpu max,avx=maybe", "-cpu: |'avx'|'maybe'"},
        {"-boot foo=1", "-boot has no parameter 'foo'|reboot-timeout"},
        {"-boot menu=maybe", "-boot: |'menu'|'maybe'"},
        {"-chardev null,id=c -mon chardev=c,foo=1", "-mon chardev=c,foo=1: |'foo'|it has chardev"},
        {"-mon foo", "-mon|'foo'|-chardev"},
        {"-chardev null,id=c,foo=1", "-chardev null,id=c,foo=1: |'foo'|logfile"},
        {"-chardev null", "-chardev null: |'id'|id=NAME"},
        {"-netdev user", "-netdev user: |'id'|id=NAME"},
        {"-drive foo", "-drive foo: |file=NAME"},
        {"-device nosuch", "-device nosuch: |-device help"},
        {"-device nvme,serial=x,foo=1", "-device nvme,serial=x,foo=1: |foo|-device nvme,help"},
        {"-device nvme,serial=x,bus=nobus", "bus=nobus: |there are |pcie.0"},
        {"-object nosuch,id=x", "-object nosuch,id=x: |-object help"},
        {"-object iothread,id=x,foo=1", "-object iothread,id=x,foo=1: |-object iothread,help"},
        {"-machine foo=1", "-machine foo=1: |,help lists"},
        {"-machine smm=on", "-machine smm=on: the|smm=off"},
        {"-blockdev null-co,node-name=n,foo=1", "-blockdev|'foo'|latency-ns"},
        {"-blockdev \"{'driver': 'file', 'filename': 5, 'node-name': 'n'}\"",
         "-blockdev|'filename'|string|5"},
        {"-blockdev \"{'driver': 'raw', 'node-name': 'n', 'file': {'driver': 'file', 'filename': "
         "true}}\"",
         "-blockdev|'filename'|string|true"},
        {"-trace file=/x", "-trace file=/x: |-D FILE"},
        {"-trace events=/no/such/file", "-trace|/no/such/file|one pattern a line"},
        {"-trace nvme_*,foo=1", "-trace has no parameter 'foo'|events"},
        /* The -object is to blame, and its 130 regions are few words. */
        {"-object iothread,id=i -device nvme,id=n,serial=x -object "
         "ioregionfd,id=r1,iothread=i,device=n,region=9",
         "qemu-system-x86_64: -object ioregionfd,id=r1,region=9: |'n'|0 "
         "(nvme-bar0)|nvme-doorbell-64..."},
    };

    all_refused(t, G_N_ELEMENTS(t));
    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        g_autofree char *args = g_strconcat(BASE, t[i].args, NULL), *out = NULL;

        qtest_run_in(dir, args, &out);
        g_assert_cmpuint(strlen(out), <, 480);
    }
}

/* What the machine without a board cannot use is not ignored. */
static void test_empty_machine(void)
{
    static const char *const options[] = {"-kernel x", "-option-rom x",          "-vga std",
                                          "-bios x",   "-fw_cfg opt/x,string=y", "-serial null"};

    for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
        g_auto(GStrv) words = g_strsplit(options[i], " ", 2);
        g_autofree char *want = g_strdup_printf("%s: |'none'|leave it out", words[0]);

        qtest_refused_in(dir, want, "-machine none -accel qtest -display none %s", options[i]);
    }
}

/* --- help
 * -----------------------------------------------------------------------------------------------------------
 */

static void test_help(void)
{
    static const struct {
        const char *args, *words;
    } t[] = {
        {"-help", "-machine NAME|microvm|null-aio|Skylake-Client"},
        {"-machine help", "Supported machines are:\n|pc-q35-"},
        {"-machine q35,help", "pc-q35-|up to 288 vCPUs|hpet=<bool>"},
        {"-accel help", "Accelerators supported|kvm\n"},
        {"-cpu help", "Available CPUs:\n|qemu64"},
        {"-cpu max,help", "Available CPUs:\n|qemu64"},
        {"-device help", "Storage devices:\nname \""},
        {"-device nvme,help", "nvme options:\n|  serial=<str>"},
        {"-object help", "List of user creatable objects:\n  "},
        {"-object iothread,help", "iothread options:\n|  poll-max-ns=<int>"},
        {"-netdev help", "Available netdev backend types:\n|hubport\n"},
        {"-chardev help", "Available chardev backend types:\n|  socket\n"},
        {"-chardev socket,help", "socket: |  path=\n|  server=\n|  logfile=\n"},
        {"-blockdev help", "Supported block drivers:\n|  null-aio\n"},
        {"-blockdev file,help", "file options:\n|  filename=\n|  cache.direct=\n"},
        {"-drive help", "-drive file=|werror="},
        {"-global help", "-global DRIVER.PROP=VALUE\n"},
        {"-rtc help", "-rtc [base=|clock="},
        {"-smp help", "-smp [cpus=]N|sockets="},
        {"-m help", "-m [size=]MIB"},
        {"-boot help", "-boot [order=]"},
        {"-name help", "-name [guest=]TEXT"},
        {"-d help", "Log items|guest_errors |trace:PATTERN"},
        {"-trace help", "nvme_command\n|kvm_mmio\n"},
        {"-vga help", "std "},
        {"-display help", "none\n"},
        {"-L help", "/"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        g_auto(GStrv) words = g_strsplit(t[i].words, "|", -1);
        g_autofree char *out = NULL;

        g_assert_cmpint(qtest_run_in(dir, t[i].args, &out), ==, 0);
        for (char **w = words; *w; w++) {
            if (!strstr(out, *w)) {
                g_error("'%s' does not say '%s': %s", t[i].args, *w, out);
            }
        }
        /* A list, not a message. */
        g_assert_null(strstr(out, "qemu-system-x86_64: "));
    }
    {
        g_autofree char *out = NULL;

        qtest_run_in(dir, "-device help", &out);
        g_assert_null(strstr(out, "not built in"));
    }
}

/* Help for what there is not is an error. */
static void test_help_for_nothing(void)
{
    static const Refusal t[] = {
        {"-device nosuch,help", "-device nosuch|-device help"},
        {"-device nvem,help", "-device nvem|'nvme'"},
        {"-object nosuch,help", "-object nosuch|-object help"},
        {"-chardev nosuch,help", "-chardev nosuch|socket"},
        {"-blockdev nosuch,help", "-blockdev nosuch|null-co"},
    };

    all_refused(t, G_N_ELEMENTS(t));
    qtest_refused_in(dir, "-machine nosuch|-machine help", "-machine nosuch,help");
}

/* --- what some options do
 * ------------------------------------------------------------------------------------------
 */

static void test_message_form(void)
{
    g_autofree char *out = NULL;

    g_assert_cmpint(
        qtest_run_in(dir, BASE "-msg timestamp=on,guest-name=on -name vm7 -device nosuch", &out),
        ==, 1);
    g_assert_true(g_regex_match_simple("^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z vm7 "
                                       "qemu-system-x86_64: -device nosuch: ",
                                       out, 0, 0));
    g_clear_pointer(&out, g_free);
    g_assert_cmpint(qtest_run_in(dir, BASE "-msg timestamp=off -device nosuch", &out), ==, 1);
    g_assert_true(g_str_has_prefix(out, "qemu-system-x86_64: "));
}

/* Reads from a socket until text has come. */
static void await_text(int fd, const char *text)
{
    g_autoptr(GString) got = g_string_new(NULL);

    while (!strstr(got->str, text)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        char buf[512];
        ssize_t n;

        g_assert_cmpint(poll(&p, 1, 30000), ==, 1);
        n = read(fd, buf, sizeof(buf));
        g_assert_cmpint(n, >, 0);
        g_string_append_len(got, buf, n);
    }
}

static void test_mon_readline(void)
{
    g_autofree char *path = g_strdup_printf("%s/hmp", dir);
    QTestState *s = qtest_initf("-machine q35 -nodefaults -name vm8 -chardev "
                                "socket,id=h,path=%s,server=on,wait=off -mon h,mode=readline",
                                path);
    int fd = qtest_connect(path);

    await_text(fd, "(qemu) ");
    g_assert_cmpint(write(fd, "info name\n", 10), ==, 10);
    await_text(fd, "vm8");
    close(fd);
    qtest_quit(s);
}

/* A name in the kernel's own space: no file, neither during nor after. */
static void test_abstract(void)
{
    g_autofree char *name = g_strdup_printf("%s/abstract", dir);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    QTestState *s = qtest_initf("-machine q35 -nodefaults -chardev "
                                "socket,id=h,path=%s,abstract=on,server=on,wait=off -mon h",
                                name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_false(g_file_test(name, G_FILE_TEST_EXISTS));
    g_strlcpy(addr.sun_path + 1, name, sizeof(addr.sun_path) - 1);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&addr,
                            offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)),
                    ==, 0);
    await_text(fd, "(qemu) ");
    close(fd);
    qtest_quit(s);
}

static void test_debug_threads(void)
{
    QTestState *s = qtest_init("-machine q35 -nodefaults -name vm9,debug-threads=on -object "
                               "iothread,id=home9");
    g_autofree char *tasks = g_strdup_printf("/proc/%d/task", qtest_pid(s));
    GDir *d = g_dir_open(tasks, 0, NULL);
    bool found = false;
    const char *tid;

    while ((tid = g_dir_read_name(d))) {
        g_autofree char *path = g_strdup_printf("%s/%s/comm", tasks, tid), *comm = NULL;

        found |= g_file_get_contents(path, &comm, NULL, NULL) && strstr(comm, "home9");
    }
    g_dir_close(d);
    g_assert_true(found);
    qtest_quit(s);
}

/* Two ways to the same trace points; the log tells which were hit. */
static void test_trace(void)
{
    g_autofree char *events = g_strdup_printf("%s/events", dir),
                    *log = g_strdup_printf("%s/log", dir);
    g_autofree char *first = NULL, *second = NULL, *third = NULL, *none = NULL;

    g_assert_true(g_file_set_contents(events, "# comment\n\n  runstate_*  \n", -1, NULL));
    for (unsigned i = 0; i < 4; i++) {
        static const char *const forms[] = {"-trace runstate_*", "-trace enable=runstate_*",
                                            "-trace events=%s", ""};
        g_autofree char *form =
            i == 2 ? g_strdup_printf("-trace events=%s", events) : g_strdup(forms[i]);
        char **text = (char **[]){&first, &second, &third, &none}[i];
        QTestState *s = qtest_initf("-machine none -nodefaults -D %s %s", log, form);

        qtest_qmp_ok(s, "{'execute': 'query-name'}");
        qtest_quit(s);
        g_assert_true(g_file_get_contents(log, text, NULL, NULL));
        unlink(log);
    }
    g_assert_nonnull(strstr(first, "runstate_set"));
    g_assert_nonnull(strstr(second, "runstate_set"));
    g_assert_nonnull(strstr(third, "runstate_set"));
    g_assert_null(strstr(none, "runstate_set"));
    unlink(events);
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("qtest-XXXXXX", NULL);
    g_test_add_func("/cmdline/options/foreign", test_foreign);
    g_test_add_func("/cmdline/options/remedies", test_remedies);
    g_test_add_func("/cmdline/options/empty-machine", test_empty_machine);
    g_test_add_func("/cmdline/options/help", test_help);
    g_test_add_func("/cmdline/options/help-for-nothing", test_help_for_nothing);
    g_test_add_func("/cmdline/options/message-form", test_message_form);
    g_test_add_func("/cmdline/options/mon-readline", test_mon_readline);
    g_test_add_func("/cmdline/options/abstract", test_abstract);
    g_test_add_func("/cmdline/options/debug-threads", test_debug_threads);
    g_test_add_func("/cmdline/options/trace", test_trace);
    ret = g_test_run();
    rmdir(dir);
    return ret;
}
