/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a start makes: pid file, log, sockets, files of back ends, a daemon.  A start that fails
 * takes all of it away again, one that succeeds keeps it, and a daemon gives its caller's streams
 * back.
 */
#include "libqtest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BASE "-machine q35 -accel qtest -display none -nodefaults -S "

static char *dir;

static void in_dir(const char *name, char **path)
{
    *path = g_strdup_printf("%s/%s", dir, name);
}

static bool there(const char *name)
{
    g_autofree char *path = NULL;

    in_dir(name, &path);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void drop(const char *name)
{
    g_autofree char *path = NULL;

    in_dir(name, &path);
    g_assert_cmpint(unlink(path), ==, 0);
}

static char *content(const char *name)
{
    g_autofree char *path = NULL;
    char *text = NULL;

    in_dir(name, &path);
    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

/* --- a start that fails
 * ------------------------------------------------------------------------------------------------
 */

#define MANY \
    "-D log -d guest_errors -pidfile pid -qmp unix:q,server=on,wait=off -chardev " \
    "socket,id=c,path=c.sock,server=on,wait=off -chardev file,id=f,path=out,logfile=out.log " \
    "-object " \
    "memory-backend-file,id=m,size=2M,mem-path=ram,share=on -netdev " \
    "stream,id=n,server=on,addr.type=unix,addr.path=net.sock -netdev " \
    "dgram,id=n2,local.type=unix,local.path=net2.sock,remote.type=unix,remote.path=/none -serial " \
    "file:serial -monitor " \
    "unix:hmp,server=on,wait=off "

/* Each fails at another point of the start. */
static void test_leaves_nothing(void)
{
    static const struct {
        const char *args, *words;
    } late[] = {
        {"-kernel /none", "-kernel|/none"},
        {"-kernel /etc/passwd", "-kernel|/etc/passwd"},
        {"-option-rom /none", "-option-rom|/none"},
        {"-device nosuch", "-device nosuch"},
        {"-m 64M,foo=2", "-m|foo"},
        {"-device nvme,serial=x,drive=nobody", "nobody"},
        {"-global cfi.pflash01.width=wide -drive if=pflash,file=flash,format=raw", "width"},
        {"-mon chardev=nobody", "nobody"},
        {"-gdb unix:/no/such/dir/gdb,server=on,wait=off", "-gdb|-accel kvm"},
        {"-d nosuch", "-d nosuch"},
    };
    g_autofree char *flash = NULL;
    int fd;

    in_dir("flash", &flash);
    fd = open(flash, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    g_assert_cmpint(ftruncate(fd, 64 * 1024), ==, 0);
    close(fd);
    for (unsigned i = 0; i < G_N_ELEMENTS(late); i++) {
        qtest_refused_in(dir, late[i].words, BASE MANY "%s", late[i].args);
        qtest_refused_in(dir, late[i].words, BASE MANY "-daemonize %s", late[i].args);
    }
    drop("flash");
}

/* What was there before stays. */
static void test_leaves_old_files(void)
{
    g_autofree char *out = NULL, *ram = NULL, *text = NULL;

    in_dir("out", &out);
    in_dir("ram", &ram);
    g_assert_true(g_file_set_contents(out, "old\n", -1, NULL));
    g_assert_true(g_file_set_contents(ram, "x", 1, NULL));
    qtest_refused_in(dir, "nosuch",
                     BASE "-chardev file,id=f,path=out,append=on -object "
                          "memory-backend-file,id=m,size=2M,mem-path=ram,share=on -D log -device "
                          "nosuch");
    text = content("out");
    g_assert_cmpstr(text, ==, "old\n");
    drop("out");
    drop("ram");
}

/* --- a start that succeeds
 * ----------------------------------------------------------------------------------------
 */

static void test_keeps_files(void)
{
    QTestState *s = qtest_initf("-machine q35 -nodefaults -D %s/log -chardev file,id=f,path=%s/out "
                                "-object memory-backend-file,id=m,size=2M,mem-path=%s/ram,share=on "
                                "-chardev socket,id=c,path=%s/c.sock,server=on,wait=off",
                                dir, dir, dir, dir);

    g_assert_true(there("log") && there("out") && there("ram") && there("c.sock"));
    qtest_quit(s);
    g_assert_true(there("log") && there("out") && there("ram"));
    g_assert_false(there("c.sock"));
    drop("log");
    drop("out");
    drop("ram");
}

static void test_pidfile(void)
{
    QTestState *s = qtest_initf("-machine q35 -nodefaults -pidfile %s/pid", dir);
    g_autofree char *text = content("pid"), *want = g_strdup_printf("%d\n", qtest_pid(s));
    g_autofree char *path = NULL, *after = NULL;

    g_assert_cmpstr(text, ==, want);
    /* A second one is told so, and the first one's file stays as it is. */
    qtest_refused_in(dir, "-pidfile pid|locked|of its own", BASE "-pidfile pid");
    after = content("pid");
    g_assert_cmpstr(after, ==, want);
    qtest_quit(s);
    g_assert_false(there("pid"));
    /* One that a crash left behind is taken over, and gone after an orderly end. */
    in_dir("pid", &path);
    g_assert_true(g_file_set_contents(path, "1234567890\n", -1, NULL));
    s = qtest_initf("-machine q35 -nodefaults -pidfile %s/pid", dir);
    g_free(want);
    g_free(text);
    want = g_strdup_printf("%d\n", qtest_pid(s));
    text = content("pid");
    g_assert_cmpstr(text, ==, want);
    qtest_quit(s);
    g_assert_false(there("pid"));
}

/* --- a daemon
 * ---------------------------------------------------------------------------------------------------
 */

static pid_t daemon_pid(void)
{
    g_autofree char *text = content("pid");

    g_assert_nonnull(text);
    return (pid_t)g_ascii_strtoll(text, NULL, 10);
}

static void end_daemon(pid_t pid)
{
    g_assert_cmpint(kill(pid, SIGTERM), ==, 0);
    for (int i = 0; i < 3000 && there("pid"); i++) {
        g_usleep(10000);
    }
    g_assert_false(there("pid"));
}

static char *link_of(pid_t pid, const char *what)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", pid, what);

    return g_file_read_link(path, NULL);
}

/* The call returns because no descriptor of its pipe is left open: qtest_run() reads to the end. */
static void test_daemonize(void)
{
    g_autofree char *out = NULL;
    static const char *const streams[] = {"fd/0", "fd/1", "fd/2"};
    struct rlimit limit;
    rlim_t soft;
    pid_t pid;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    soft = limit.rlim_cur;
    limit.rlim_cur = 200;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    g_assert_cmpint(qtest_run_in(dir,
                                 BASE "-daemonize -pidfile pid -qmp unix:q,server=on,wait=off "
                                      "-serial file:serial",
                                 &out),
                    ==, 0);
    limit.rlim_cur = soft;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    g_assert_cmpstr(out, ==, "");
    pid = daemon_pid();
    g_assert_cmpint(getsid(pid), ==, pid);
    /* As many descriptors as the host allows. */
    g_assert_cmpint(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), ==, 0);
    g_assert_true(limit.rlim_cur == limit.rlim_max);
    for (unsigned i = 0; i < G_N_ELEMENTS(streams); i++) {
        g_autofree char *link = link_of(pid, streams[i]);

        g_assert_cmpstr(link, ==, "/dev/null");
    }
    {
        g_autofree char *cwd = link_of(pid, "cwd"), *path = NULL;
        char greeting[512];
        ssize_t n;
        int fd;

        g_assert_cmpstr(cwd, ==, "/");
        /* It is up when the call returns. */
        in_dir("q", &path);
        fd = qtest_connect(path);
        n = read(fd, greeting, sizeof(greeting) - 1);
        g_assert_cmpint(n, >, 0);
        greeting[n] = 0;
        g_assert_nonnull(strstr(greeting, "\"QMP\""));
        close(fd);
    }
    end_daemon(pid);
    g_assert_false(there("q"));
    drop("serial");
}

/* With a log, that is where messages go from then on. */
static void test_daemon_log(void)
{
    g_autofree char *out = NULL, *link = NULL, *log = NULL;
    pid_t pid;

    g_assert_cmpint(qtest_run_in(dir, BASE "-daemonize -pidfile pid -D log", &out), ==, 0);
    g_assert_cmpstr(out, ==, "");
    pid = daemon_pid();
    link = link_of(pid, "fd/2");
    g_assert_true(g_str_has_suffix(link, "/log"));
    end_daemon(pid);
    log = content("log");
    g_assert_nonnull(strstr(log, "terminating on signal 15"));
    drop("log");
}

/* libvirt's way to ask what there is: -nographic that puts nothing on a terminal. */
static void test_daemon_probe(void)
{
    g_autofree char *out = NULL;

    g_assert_cmpint(qtest_run_in(dir,
                                 "-S -no-user-config -nodefaults -nographic -machine "
                                 "none,accel=qtest:tcg -qmp unix:q,server=on,wait=off -pidfile pid "
                                 "-daemonize",
                                 &out),
                    ==, 0);
    g_assert_cmpstr(out, ==, "");
    end_daemon(daemon_pid());
    g_assert_false(there("q"));
}

static void test_daemon_and_stdio(void)
{
    static const struct {
        const char *args, *words;
    } t[] = {
        {"-serial stdio", "-serial stdio|-daemonize|file:PATH"},
        {"-serial mon:stdio", "-serial mon:stdio|-daemonize|file:PATH"},
        {"-monitor stdio", "-monitor stdio|-daemonize|file:PATH"},
        {"-qmp stdio", "-qmp stdio|-daemonize|unix:PATH"},
        {"-qmp-pretty stdio", "-qmp-pretty stdio|-daemonize|unix:PATH"},
        {"-chardev stdio,id=c", "-chardev stdio|-daemonize|unix:PATH"},
        {"-debugcon stdio", "-debugcon stdio|-daemonize|file:PATH"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        qtest_refused_in(dir, t[i].words, BASE "-daemonize -pidfile pid %s", t[i].args);
    }
    qtest_refused_in(dir, "-daemonize|-nographic|-display none",
                     "-accel qtest -daemonize -pidfile pid -nographic");
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("qtest-XXXXXX", NULL);
    g_test_add_func("/cmdline/start/leaves-nothing", test_leaves_nothing);
    g_test_add_func("/cmdline/start/leaves-old-files", test_leaves_old_files);
    g_test_add_func("/cmdline/start/keeps-files", test_keeps_files);
    g_test_add_func("/cmdline/start/pidfile", test_pidfile);
    g_test_add_func("/cmdline/start/daemonize", test_daemonize);
    g_test_add_func("/cmdline/start/daemon-log", test_daemon_log);
    g_test_add_func("/cmdline/start/daemon-probe", test_daemon_probe);
    g_test_add_func("/cmdline/start/daemon-and-stdio", test_daemon_and_stdio);
    ret = g_test_run();
    rmdir(dir);
    return ret;
}
