/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bad input on the command line: one line on stderr that names the option or value, exit status 1,
 * and nothing left behind.  The same mistakes at run time are refused, and the machine goes on.
 */
#include "libqtest.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#define BASE "-machine q35,accel=qtest -nodefaults -display none "

static char *dir;
static char *image;

static void refused(const char *args, const char *words)
{
    qtest_refused_in(dir, words, "%s", args);
}

static void test_unknown_options(void)
{
    refused(BASE "-devcie nvme", "-devcie|-device");
    refused(BASE "-blokdev x", "-blokdev|-blockdev");
    refused(BASE "-no-such-option-at-all", "-no-such-option-at-all");
    refused(BASE "--machin q35", "--machin: |-machine?");
    refused(BASE "-vnc :0", "-vnc"); /* QEMU has it, this has not */
    refused(BASE "-usb", "-usb");
    refused(BASE "-netdev users,id=n0", "-netdev|users");
    refused(BASE "-netdev hubport,id=n0", "hubid");
    refused(BASE "-netdev stream,id=n0", "addr.type");
    refused(BASE "-netdev tap,id=n0,vhostforce=on", "vhostforce");
    refused(BASE "-netdev hubport,id=n0,hubid=1,hubis=2", "hubis|hubid");
    refused(BASE "-netdev hubport,id=n0,hubid=1 -netdev hubport,id=n1,hubid=2,netdev=n0", "joined");
    refused(BASE "-nic hubport,hubid=0,model=ne2001", "ne2001|virtio-net-pci");
    refused(BASE "-device virtio-net-pci,netdev=nope", "nope");
    refused(BASE "-device", "-device: needs an argument|DRIVER");
    refused(BASE "stray", "stray|Could not open");
}

static void test_values(void)
{
    refused("-machine q36 -accel qtest", "-machine q36|-machine help");
    refused("-machine q35,nope=1 -accel qtest", "nope");
    refused("-machine q35 -accel nope", "nope");
    refused("-machine q35,accel=qtest -accel qtest", "exclude each other|keep one");
    refused(BASE "-m 12x", "12x");
    refused(BASE "-m 0", "-m 0: |512M");
    refused(BASE "-smp 0", "-smp cpus=0|at least 1");
    refused(BASE "-smp 4,sockets=3", "-smp: sockets (3)|make them equal");
    refused(BASE "-smp cpus=2,coers=2", "coers|cores");
    refused(BASE "-cpu nope", "nope");
    refused(BASE "-rtc base=never", "never");
    refused(BASE "-rtc base=2026-02-30", "-rtc base=2026-02-30|calendar");
    refused(BASE "-rtc base=2026-12-31T23:59:61", "-rtc base=2026-12-31T23:59:61|calendar");
    refused(BASE "-uuid 123", "123");
    refused(BASE "-display gtk", "gtk");
    refused(BASE "-kernel /no/such/kernel", "/no/such/kernel");
    refused(BASE "-D /no/such/dir/log", "/no/such/dir/log");
    refused(BASE "-pidfile /no/such/dir/pid", "/no/such/dir/pid");
    refused(BASE "-qtest-log /no/such/dir/log -qtest null", "/no/such/dir/log");
}

/* One region, two objects: whichever devices they are, and whether or not these have a home of
 * their own. */
static void test_two_claims(void)
{
    static const char *const devices[][2] = {{"nvme,serial=x,drive=d", "0"},
                                             {"virtio-blk-pci,drive=d", "4"},
                                             {"virtio-rng-pci", "4"},
                                             {"pci-testdev", "0"}};

    for (unsigned i = 0; i < G_N_ELEMENTS(devices); i++) {
        const char *region = devices[i][1];
        g_autofree char *args = g_strdup_printf(
            BASE "-object iothread,id=i0 -object iothread,id=i1 -blockdev null-co,node-name=d "
                 "-object ioregionfd,id=r,iothread=i0,device=n,region=%s "
                 "-object ioregionfd,id=r2,iothread=i1,device=n,region=%s -device %s,id=n",
            region, region, devices[i][0]);

        refused(args, "'r'|'r2'|claimed|'n'");
    }
}

/* A home waits for its queues' threads; two homes that wait for each other would wait for ever. */
static void test_crosswise_homes(void)
{
#define TWO \
    BASE "-object iothread,id=i0 -object iothread,id=i1 -object iothread,id=i2 -object " \
         "ioregionfd,id=r0,iothread=i0 -object ioregionfd,id=r1,iothread=i1 -object " \
         "ioregionfd,id=r2,iothread=i2 "
    refused(TWO "-device nvme,serial=a,ioregionfds=r0:r1 -device nvme,serial=b,ioregionfds=r1:r0",
            "'i0'|'i1'|the same home");
    refused(TWO "-device virtio-scsi-pci,ioregionfds=r0:r1,num_queues=2 -device "
                "virtio-scsi-pci,ioregionfds=r1:r0,num_queues=2",
            "'i0'|'i1'|the same home");
    refused(TWO "-device nvme,serial=a,ioregionfds=r0:r1 -device nvme,serial=b,ioregionfds=r1:r2 "
                "-device nvme,serial=c,ioregionfds=r2:r0",
            "'i0'|'i2'|the same home");
    /* A home in another process has no thread for queues. */
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), ==, 0);
    for (unsigned i = 0; i < 2; i++) {
        g_autofree char *args = g_strdup_printf(
            TWO "-object ioregionfd,id=other,fd=%d -device %s", fds[0],
            i ? "virtio-net-pci,ioregionfds=other" : "nvme,serial=a,ioregionfd=other");

        refused(args, "another process|iothread=");
    }
    close(fds[0]);
    close(fds[1]);
    QTestState *s = qtest_init("-machine q35 -nodefaults -object iothread,id=i0 -object "
                               "iothread,id=i1 -object iothread,id=i2 -device pcie-root-port,id=rp "
                               "-object ioregionfd,id=r0,iothread=i0 -object "
                               "ioregionfd,id=r1,iothread=i1 -device "
                               "nvme,serial=a,ioregionfds=r0:r1 -device "
                               "nvme,serial=b,ioregionfds=r0:r1");
    json_object *reply = qtest_qmp(s, "{'execute': 'device_add', 'arguments': {'driver': 'nvme', "
                                      "'serial': 'c', 'bus': 'rp', 'ioregionfds': 'r1:r0'}}");

    g_assert_true(json_object_object_get_ex(reply, "error", NULL));
    json_object_put(reply);
    qtest_quit(s);
#undef TWO
}

static void test_secrets_and_descriptors(void)
{
    g_autofree char *none = g_strdup_printf(BASE "-object secret,id=s,file=%s/none", dir);
    QTestState *s;

    refused(none, "'s'|none");
    refused(BASE "-object secret,id=s", "'s'|data=|file=");
    refused(BASE "-object secret,id=s,data=x,file=/dev/null", "'s'|data=|file=");
    refused(BASE "-object secret,id=s,data=!,format=base64", "'s'|base64");
    refused(BASE "-object secret,id=s,data=x,format=hex", "format|hex");
    refused(BASE "-object secret,id=s,data=x,keyid=k", "'s'|keyid=");
    refused(BASE "-object secret,id=s,file=/dev/zero", "'s'|larger");
    refused(BASE "-add-fd fd=2,set=1", "-add-fd|fd=2");
    refused(BASE "-add-fd fd=999,set=1", "-add-fd|999");
    refused(BASE "-add-fd set=1", "-add-fd|fd=");
    refused(BASE "-overcommit cpu-pm=on", "-overcommit|cpu-pm");
    refused(BASE "-overcommit mem-lock=maybe", "mem-lock|maybe");
    s = qtest_init("-machine q35 -nodefaults -no-hpet -overcommit mem-lock=off -object "
                   "secret,id=s,data=c2VjcmV0,format=base64");
    /* The value is not told. */
    g_autofree char *value = qtest_hmp(s, "qom-get /objects/s data");
    g_assert_null(strstr(value, "c2Vj"));
    g_assert_null(strstr(value, "secret"));
    /* No HPET: no capabilities. */
    g_assert_cmphex(qtest_readl(s, 0xfed00000), ==, 0);
    qtest_quit(s);
}

static void test_devices(void)
{
    refused(BASE "-device nvem", "nvem|nvme");
    refused(BASE "-device nvme,serial=x,seriall=y", "seriall|serial");
    refused(BASE "-device nvme,serial=x,drive=nobody", "nobody");
    refused(BASE "-device nvme,serial=x,bus=nobus", "nobus");
    refused(BASE "-device nvme,serial=x,addr=99", "99");
    refused(BASE "-device nvme,serial=x,addr=4 -device nvme,serial=y,addr=4",
            "-device nvme,serial=y|in use");
    refused(BASE "-device nvme,serial=x,id=a -device nvme,serial=y,id=a",
            "Duplicate device ID 'a'");
    refused(BASE "-device nvme,serial=x,id=9a", "id '9a' is not valid|a letter");
    refused(BASE "-device nvme", "serial=TEXT");
    refused(BASE "-device id=x", "'driver' is missing");
    refused(BASE "-device device", "'device' is abstract");
    refused(BASE "-device pcie-root-port,slot=fast", "fast");
    refused(BASE "-global nvme.serial -device nvme,serial=x", "nvme.serial");
    refused(BASE "-global pcie-root-port.slot=fast -device pcie-root-port", "fast");
}

static void test_json(void)
{
    refused(BASE "-device \"{'driver': 'nvme'\"", "-device");
    refused(BASE "-device \"{'driver': 'nvme', 'serial': 'x',}\"", "-device");
    refused(BASE "-device \"{'driver' 'nvme'}\"", "-device");
    refused(BASE "-device \"{'driver': 'nvme', 'serial': 'x'} y\"", "-device");
    refused(BASE "-device \"{'driver': 'nvme', 'serial': 5.5}\"", "serial");
    refused(BASE "-object \"{'qom-type': 'iothread', 'id': }\"", "-object");
    refused(BASE "-device \"{'driver': 'nvme', 'serial': 'x', 'serial': 'y'}\"",
            "-device|'serial' is given twice");
    refused(BASE "-object \"{'qom-type': 'iothread', 'id': 'i', 'poll-max-ns': 'x'}\"",
            "poll-max-ns");
    refused(BASE "-blockdev \"{'driver': 'file'\"", "-blockdev");
    refused(BASE "-blockdev \"[]\"", "-blockdev");
}

static void test_objects(void)
{
    refused(BASE "-object iotread,id=i", "iotread|iothread");
    refused(BASE "-object iothread", "id is missing");
    refused(BASE "-object iothread,id=i -object iothread,id=i", "with id 'i' already");
    refused(BASE "-object iothread,id=i,poll-max-nss=1", "poll-max-nss|poll-max-ns");
    refused(BASE "-object iothread,id=i,poll-max-ns=often", "often");
    refused(BASE "-object ioregionfd,id=r,iothread=nobody", "nobody");
    refused(BASE "-object iothread,id=i -object ioregionfd,id=r,iothread=i,transport=pigeon",
            "pigeon");
    refused(BASE "-object ioregionfd,id=r,fd=99", "99");
}

static void test_regions(void)
{
    refused(BASE "-object iothread,id=i -object ioregionfd,id=r,iothread=i,device=nobody,region=0",
            "nobody");
    refused(BASE "-object iothread,id=i -device nvme,serial=x,id=n -object "
                 "ioregionfd,id=r,iothread=i,device=n,region=7",
            "7");
    refused(BASE "-object iothread,id=i -device pc-testdev,id=t -object "
                 "ioregionfd,id=r0,iothread=i,device=t,region=pc-testdev-iomem -object "
                 "ioregionfd,id=r1,iothread=i,device=t,region=pc-testdev-iomem",
            "region|r0");
}

static void test_images(void)
{
    g_autofree char *missing =
        g_strdup_printf(BASE "-drive if=none,id=d,file=%s/none.img,format=raw", dir);
    g_autofree char *missing_node =
        g_strdup_printf(BASE "-blockdev file,node-name=d,filename=%s/none.img", dir);
    g_autofree char *directory =
        g_strdup_printf(BASE "-blockdev file,node-name=d,filename=%s", dir);
    g_autofree char *locked = NULL, *locked_why = NULL;
    g_autofree char *format =
        g_strdup_printf(BASE "-drive if=none,id=d,file=%s,format=nope", image);
    g_autofree char *twice =
        g_strdup_printf(BASE "-drive if=none,id=d,file=%s,format=raw -device nvme,serial=x,drive=d "
                             "-device nvme,serial=y,drive=d",
                        image);
    g_autofree char *two_nodes = g_strdup_printf(
        BASE "-drive if=none,id=d,file=%s,format=raw -device nvme,serial=x,drive=d "
             "-drive if=none,id=d2,file=%s,format=raw -device nvme,serial=y,drive=d2",
        image, image);
    QTestState *holder;

    refused(two_nodes, "'d'|locked");
    refused(missing, "none.img");
    refused(missing_node, "none.img");
    refused(directory, dir);
    refused(format, "nope");
    refused(twice, "serial=y,drive=d|already");
    refused(BASE "-drive if=none,id=d,file=/tmp/x,formt=raw", "formt");
    refused(BASE "-machine none -drive if=floppy,id=d", "floppy");
    refused(BASE "-blockdev driver=nope,node-name=n", "nope");
    refused(BASE "-blockdev null-co,node-name=n -blockdev null-co,node-name=n", "node-name=n|'n'");

    /* Another process has the image. */
    holder = qtest_initf("-machine q35 -nodefaults -drive if=none,id=d,file=%s,format=raw -device "
                         "nvme,serial=x,drive=d",
                         image);
    locked = g_strdup_printf(
        BASE "-drive if=none,id=d,file=%s,format=raw -device nvme,serial=x,drive=d", image);
    refused(locked, "lock");
    locked_why = g_strdup_printf("%s", image);
    refused(locked, locked_why);
    qtest_quit(holder);
}

static void test_chardevs(void)
{
    refused(BASE "-chardev nope,id=c", "nope");
    refused(BASE "-chardev socket,id=c", "one of path, host and port");
    refused(BASE "-chardev socket,id=c,path=/no/such/socket", "/no/such/socket");
    refused(BASE "-chardev null,id=c -chardev null,id=c", "'c' already exists");
    refused(BASE "-mon chardev=nobody,mode=control", "nobody");
    refused(BASE "-chardev null,id=c -mon chardev=c,mode=telepathy", "telepathy");
    refused(BASE "-chardev socket,id=c,host=127.0.0.1,port=99999,server=on,wait=off",
            "-chardev socket|port|65535|99999");
    refused(BASE "-serial tcp:127.0.0.1:65536,server=on,wait=off", "-serial tcp:|port|65535");
    refused(BASE "-netdev socket,id=n,listen=127.0.0.1:65536", "-netdev socket|port|65535");
    refused(BASE "-serial nope:", "nope");
    refused(BASE "-qmp nope:", "nope");
    refused(BASE "-qtest unix:/no/such/socket", "/no/such/socket");
}

/* Engines that the host has not are errors, never a silent fallback. */
static void test_engine(void)
{
    refused("-machine none -accel kvm,ioregionfd=warp", "-accel kvm,ioregionfd=warp|'user'");
    /* Also of accelerators that would not be used. */
    refused(BASE "-machine kernel-irqchip=bogus", "-machine kernel-irqchip=bogus|split");
    refused("-machine none,kernel_irqchip=bogus -accel kvm", "-machine kernel-irqchip=bogus|split");
    refused("-machine q35 -accel qtest -accel kvm,ioregionfd=bogus", "ioregionfd=bogus|'user'");
    refused("-machine q35 -accel qtest -accel kvm,foo=1", "-accel kvm,foo=1|kernel-irqchip");
    refused("-machine q35 -accel qtest -accel tgc", "-accel tgc|use kvm");
    refused("-machine q35,accel=qtest:kmv", "kmv|use kvm");
    refused("-machine q35 -accel tcg", "-accel tcg|use kvm");
    refused("-machine q35,accel=tcg", "tcg|use kvm");
    refused("-machine q35 -accel qtest,foo=1", "-accel qtest,foo=1|leave it out");
}

/* One that QEMU has may stand in a list to choose from. */
static void test_foreign_accels(void)
{
    static const char *const lists[] = {"-accel qtest -accel tcg", "-accel tcg -accel qtest",
                                        "-machine accel=qtest:tcg", "-machine accel=tcg:qtest"};

    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_autofree char *args = g_strdup_printf(
            "-display none -nodefaults %s -device isa-debug-exit,id=x -device x,help -S", lists[i]);
        g_autofree char *out = NULL;

        g_assert_cmpint(qtest_run(args, &out), ==, 1);
        g_assert_nonnull(strstr(out, "-device x")); /* it got that far */
    }
}

/* The same mistakes at run time. */
static void test_run_time(void)
{
    QTestState *s = qtest_init(
        "-machine q35 -nodefaults -object iothread,id=i -device pcie-root-port,id=rp -device "
        "pc-testdev,id=t -object ioregionfd,id=r,iothread=i,device=t,region=pc-testdev-iomem");
    static const char *const bad[] = {
        "{'execute': 'object-del', 'arguments': {'id': 'i'}}", /* in use */
        "{'execute': 'object-add', 'arguments': {'qom-type': 'ioregionfd', 'id': 'r2', 'iothread': "
        "'i', 'device': 't', "
        "'region': 'pc-testdev-iomem'}}",
        "{'execute': 'object-add', 'arguments': {'qom-type': 'ioregionfd', 'id': 'r2', 'iothread': "
        "'i', 'device': 't', "
        "'region': '77'}}",
        "{'execute': 'object-add', 'arguments': {'qom-type': 'ioregionfd', 'id': 'r2', 'iothread': "
        "'nobody'}}",
        "{'execute': 'device_add', 'arguments': {'driver': 'nvme', 'bus': 'rp', 'serial': 'x', "
        "'drive': 'nobody'}}",
        "{'execute': 'device_add', 'arguments': {'driver': 'nvme', 'bus': 'rp'}}",
        "{'execute': 'device_add', 'arguments': {'driver': 'nvme', 'bus': 'pcie.0', 'serial': "
        "'x'}}",
        "{'execute': 'device_add', 'arguments': {'driver': 'nvme', 'bus': 'nobus', 'serial': 'x'}}",
        "{'execute': 'device_add', 'arguments': {'driver': 'pcie-root-port'}}",
        "{'execute': 'device_del', 'arguments': {'id': 't'}}",
        "{'execute': 'blockdev-add', 'arguments': {'driver': 'file', 'node-name': 'n', 'filename': "
        "'/no/such/image'}}",
    };
    g_autofree char *before = qtest_hmp(s, "info qom-tree"), *after = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        /* A link to nobody is DeviceNotFound, everything else GenericError. */
        const char *cls =
            strstr(bad[i], "'iothread': 'nobody'") ? "DeviceNotFound" : "GenericError";
        g_autofree char *text = qtest_qmp_error(s, cls, "%s", bad[i]);

        g_assert_null(strchr(text, '\n'));
    }
    after = qtest_hmp(s, "info qom-tree");
    g_assert_cmpstr(before, ==, after);
    /* In order, everything goes. */
    qtest_qmp_ok(s, "{'execute': 'object-del', 'arguments': {'id': 'r'}}");
    qtest_qmp_ok(s, "{'execute': 'object-del', 'arguments': {'id': 'i'}}");
    qtest_quit(s);
}

static void test_help(void)
{
    static const struct {
        const char *args, *word;
    } cases[] = {
        {"-help", "-device"},
        {"-version", "version"},
        {"-machine help", "q35"},
        {"-M help", "none"},
        {"-device help", "nvme"},
        {"-device ?", "nvme"},
        {"-object help", "iothread"},
        {"-cpu help", "max"},
        {"-accel help", "kvm"},
        {"-chardev help", "socket"},
        {"-device nvme,help", "serial"},
        {"-object iothread,help", "poll-max-ns"},
        {"-object ioregionfd,?", "iothread"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *out = NULL;
        int status = qtest_run(cases[i].args, &out);

        g_test_message("%s", cases[i].args);
        g_assert_cmpint(status, ==, 0);
        g_assert_nonnull(strstr(out, cases[i].word));
    }
}

int main(int argc, char **argv)
{
    int ret, fd;

    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("qtest-XXXXXX", NULL);
    image = g_strdup_printf("%s/disk.img", dir);
    fd = open(image, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    g_assert_cmpint(ftruncate(fd, 1 << 20), ==, 0);
    close(fd);
    g_test_add_func("/cmdline/unknown-options", test_unknown_options);
    g_test_add_func("/cmdline/values", test_values);
    g_test_add_func("/cmdline/devices", test_devices);
    g_test_add_func("/cmdline/two-claims", test_two_claims);
    g_test_add_func("/cmdline/crosswise-homes", test_crosswise_homes);
    g_test_add_func("/cmdline/secrets-and-descriptors", test_secrets_and_descriptors);
    g_test_add_func("/cmdline/json", test_json);
    g_test_add_func("/cmdline/objects", test_objects);
    g_test_add_func("/cmdline/regions", test_regions);
    g_test_add_func("/cmdline/images", test_images);
    g_test_add_func("/cmdline/chardevs", test_chardevs);
    g_test_add_func("/cmdline/engine", test_engine);
    g_test_add_func("/cmdline/foreign-accels", test_foreign_accels);
    g_test_add_func("/cmdline/run-time", test_run_time);
    g_test_add_func("/cmdline/help", test_help);
    ret = g_test_run();
    unlink(image);
    rmdir(dir);
    return ret;
}
