/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Character devices against real sockets, pipes, terminals and files. */
#include "qemu/osdep.h"

#include "chardev/char.h"
#include "monitor/fdset.h"
#include "qapi/keyval.h"
#include "qemu/thread.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>

static char *dir;

typedef struct Front {
    CharFrontend fe;
    GString *got;
    int room; /* what can_read says */
    int opened, closed, breaks, mux_in;
    pthread_t reader;
} Front;

static int front_can_read(void *opaque)
{
    return ((Front *)opaque)->room;
}

static void front_read(void *opaque, const uint8_t *buf, int len)
{
    Front *f = opaque;

    g_string_append_len(f->got, (const char *)buf, len);
    f->reader = pthread_self();
}

static void front_event(void *opaque, ChrEvent event)
{
    Front *f = opaque;

    f->opened += event == CHR_EVENT_OPENED;
    f->closed += event == CHR_EVENT_CLOSED;
    f->breaks += event == CHR_EVENT_BREAK;
    f->mux_in += event == CHR_EVENT_MUX_IN;
}

static void front_attach(Front *f, Chardev *chr)
{
    *f = (Front){.got = g_string_new(NULL), .room = 4096};
    g_assert_true(qemu_chr_fe_init(&f->fe, chr, NULL));
    qemu_chr_fe_set_handlers(&f->fe, front_can_read, front_read, front_event, f);
}

static void front_done(Front *f)
{
    qemu_chr_fe_deinit(&f->fe);
    g_string_free(f->got, true);
}

static bool timed_out;
static gboolean on_timeout(gpointer opaque)
{
    timed_out = true;
    return G_SOURCE_REMOVE;
}

/* Runs the main loop until cond holds, 10 s at most. */
#define wait_for(cond) \
    do { \
        guint t_ = g_timeout_add(10000, on_timeout, NULL); \
        timed_out = false; \
        while (!(cond) && !timed_out) { \
            g_main_context_iteration(NULL, true); \
        } \
        g_assert_false(timed_out); \
        g_source_remove(t_); \
    } while (0)

/* Lets everything that is ready run. */
static void settle(void)
{
    for (int i = 0; i < 20; i++) {
        g_main_context_iteration(NULL, false);
        g_usleep(500);
    }
}

static Chardev *make(const char *opts_text, GError **errp)
{
    g_autoptr(json_object) opts = keyval_parse(opts_text, "backend", NULL, errp);

    return opts ? qemu_chr_new_opts(opts, errp) : NULL;
}

static Chardev *make_fmt(const char *fmt, ...) QEMU_PRINTF(1, 2);
static Chardev *make_fmt(const char *fmt, ...)
{
    g_autofree char *text = NULL;
    GError *err = NULL;
    Chardev *chr;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    chr = make(text, &err);
    g_assert_no_error(err);
    return chr;
}

static int unix_connect(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&un, sizeof(un)), ==, 0);
    return fd;
}

static void expect_read(int fd, const char *text)
{
    g_autofree char *buf = g_malloc0(strlen(text) + 1);
    size_t done = 0;

    while (done < strlen(text)) {
        ssize_t n = read(fd, buf + done, strlen(text) - done);

        g_assert_cmpint(n, >, 0);
        done += n;
    }
    g_assert_cmpstr(buf, ==, text);
}

static void put(int fd, const char *text)
{
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
}

static void say(Front *f, const char *text)
{
    g_assert_cmpint(qemu_chr_fe_write_all(&f->fe, (const uint8_t *)text, strlen(text)), ==,
                    strlen(text));
}

static void send_fd(int sock, const char *text, int fd)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {.iov_base = (char *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    g_assert_cmpint(sendmsg(sock, &msg, 0), ==, strlen(text));
}

static void test_unix_server(void)
{
    g_autofree char *path = g_build_filename(dir, "sock", NULL);
    Chardev *chr = make_fmt("socket,id=s,path=%s,server=on,wait=off", path);
    g_autofree char *name = qemu_chr_filename(chr);
    g_autofree char *name2 = NULL;
    GError *err = NULL;
    Front f, other = {0};
    int fd;

    g_assert_true(g_str_has_prefix(name, "disconnected:unix:"));
    front_attach(&f, chr);
    g_assert_cmpint(f.opened, ==, 0);
    /* With nobody there, output vanishes, and the writer goes on. */
    say(&f, "lost");
    g_assert_false(qemu_chr_fe_init(&other.fe, chr, &err));
    g_assert_nonnull(strstr(err->message, "'s' is already in use"));
    g_clear_error(&err);
    g_assert_false(qemu_chr_delete("s", &err));
    g_assert_nonnull(strstr(err->message, "busy"));
    g_clear_error(&err);
    for (int round = 1; round <= 3; round++) {
        fd = unix_connect(path);
        wait_for(f.opened == round);
        name2 = qemu_chr_filename(chr);
        g_assert_true(g_str_has_prefix(name2, "unix:") && g_str_has_suffix(name2, ",server=on"));
        g_clear_pointer(&name2, g_free);
        put(fd, "hello");
        wait_for(!strcmp(f.got->str, "hello"));
        say(&f, "world");
        expect_read(fd, "world");
        g_string_truncate(f.got, 0);
        close(fd);
        wait_for(f.closed == round);
    }
    front_done(&f);
    g_assert_true(qemu_chr_delete("s", NULL));
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    g_assert_null(qemu_chr_find("s"));
}

static void test_flow_control(void)
{
    g_autofree char *path = g_build_filename(dir, "flow", NULL);
    Front f;
    int fd;

    front_attach(&f, make_fmt("socket,id=flow,path=%s,server=on,wait=off", path));
    fd = unix_connect(path);
    wait_for(f.opened);
    f.room = 0;
    put(fd, "abcdef");
    settle();
    g_assert_cmpstr(f.got->str, ==, "");
    f.room = 2;
    qemu_chr_fe_accept_input(&f.fe);
    wait_for(f.got->len == 6);
    /* Data that was sent before the end must still be seen. */
    f.room = 0;
    put(fd, "last");
    close(fd);
    settle();
    f.room = 100;
    qemu_chr_fe_accept_input(&f.fe);
    wait_for(f.closed);
    g_assert_cmpstr(f.got->str, ==, "abcdeflast");
    front_done(&f);
    qemu_chr_delete("flow", NULL);
}

static bool watched;
static void on_watch(void *opaque)
{
    watched = true;
}

/* A peer that does not read: writes are refused, queued in order, and bounded. */
static void test_slow_reader(void)
{
    g_autofree char *path = g_build_filename(dir, "slow", NULL);
    g_autofree uint8_t *block = g_malloc(1 << 20);
    g_autofree uint8_t *back = g_malloc(1 << 20);
    size_t direct = 0, queued = 0, received = 0;
    Front f;
    int fd, n;

    for (int i = 0; i < 1 << 20; i++) {
        block[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    front_attach(&f, make_fmt("socket,id=slow,path=%s,server=on,wait=off", path));
    fd = unix_connect(path);
    wait_for(f.opened);
    while ((n = qemu_chr_fe_write(&f.fe, block + direct, 1000)) > 0) {
        direct += n;
    }
    g_assert_cmpint(n, ==, 0);
    watched = false;
    qemu_chr_fe_add_watch(&f.fe, on_watch, NULL);
    settle();
    g_assert_false(watched);
    queued = (1 << 20) - direct;
    g_assert_cmpint(qemu_chr_fe_write_all(&f.fe, block + direct, queued), ==, queued);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (received < 1 << 20) {
        ssize_t r = read(fd, back + received, (1 << 20) - received);

        if (r > 0) {
            received += r;
        } else {
            g_main_context_iteration(NULL, false);
        }
    }
    g_assert_cmpint(memcmp(block, back, 1 << 20), ==, 0);
    wait_for(watched);
    /* Beyond the bound the connection is given up. */
    for (n = 0; n < 200 && qemu_chr_fe_write_all(&f.fe, block, 1 << 20) > 0; n++) {
    }
    g_assert_cmpint(n, >=, 64);
    g_assert_cmpint(n, <, 70);
    wait_for(f.closed);
    close(fd);
    front_done(&f);
    qemu_chr_delete("slow", NULL);
}

static void test_fd_passing(void)
{
    g_autofree char *path = g_build_filename(dir, "fds", NULL);
    int fd, p[2], got;
    Front f;

    front_attach(&f, make_fmt("socket,id=fds,path=%s,server=on,wait=off", path));
    fd = unix_connect(path);
    wait_for(f.opened);
    g_assert_cmpint(pipe(p), ==, 0);
    send_fd(fd, "x", p[1]);
    close(p[1]);
    wait_for(f.got->len == 1);
    got = qemu_chr_fe_get_msgfd(&f.fe);
    g_assert_cmpint(got, >=, 0);
    g_assert_cmpint(qemu_chr_fe_get_msgfd(&f.fe), ==, -1);
    put(got, "through");
    close(got);
    expect_read(p[0], "through");
    /* Descriptors that nobody takes are closed with the connection: the pipe ends. */
    close(p[0]);
    g_assert_cmpint(pipe(p), ==, 0);
    send_fd(fd, "y", p[1]);
    close(p[1]);
    wait_for(f.got->len == 2);
    close(fd);
    wait_for(f.closed);
    g_assert_cmpint(read(p[0], &got, 1), ==, 0);
    close(p[0]);
    front_done(&f);
    qemu_chr_delete("fds", NULL);
}

static void test_tcp_and_reconnect(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int server = socket(AF_INET, SOCK_STREAM, 0), fd, one = 1;
    Front client, listener;
    int port;

    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    g_assert_cmpint(bind(server, (struct sockaddr *)&in, sizeof(in)), ==, 0);
    getsockname(server, (struct sockaddr *)&in, &len);
    port = ntohs(in.sin_port);
    /* Nobody listens yet: it tries again and again. */
    front_attach(&client, make_fmt("socket,id=c,host=127.0.0.1,port=%d,reconnect-ms=50", port));
    settle();
    g_assert_cmpint(client.opened, ==, 0);
    g_assert_cmpint(listen(server, 1), ==, 0);
    for (int round = 1; round <= 2; round++) {
        wait_for(client.opened == round);
        fd = accept(server, NULL, NULL);
        put(fd, "hi");
        wait_for(client.got->len == 2 * (size_t)round);
        close(fd);
        wait_for(client.closed == round);
    }
    close(server);
    front_done(&client);
    qemu_chr_delete("c", NULL);

    Chardev *chr = make_fmt("socket,id=l,host=127.0.0.1,port=0,server=on,wait=off");
    g_autofree char *name = qemu_chr_filename(chr);
    front_attach(&listener, chr);
    g_assert_cmpint(sscanf(name, "disconnected:tcp:127.0.0.1:%d,server=on", &port), ==, 1);
    in.sin_port = htons(port);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&in, sizeof(in)), ==, 0);
    wait_for(listener.opened);
    close(fd);
    front_done(&listener);
    qemu_chr_delete("l", NULL);
}

static void test_inherited(void)
{
    int pair[2];
    Front f;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    front_attach(&f, make_fmt("socket,id=inh,fd=%d", pair[0]));
    g_assert_cmpint(f.opened, ==, 1);
    put(pair[1], "data");
    wait_for(f.got->len == 4);
    close(pair[1]);
    wait_for(f.closed);
    front_done(&f);
    qemu_chr_delete("inh", NULL);

    /* A listening one, as libvirt hands over. */
    g_autofree char *path = g_build_filename(dir, "inh", NULL);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;

    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    g_assert_cmpint(bind(listener, (struct sockaddr *)&un, sizeof(un)), ==, 0);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    front_attach(&f, make_fmt("socket,id=inh,fd=%d,server=on,wait=off", listener));
    fd = unix_connect(path);
    wait_for(f.opened == 1);
    close(fd);
    wait_for(f.closed == 1);
    fd = unix_connect(path);
    wait_for(f.opened == 2);
    close(fd);
    front_done(&f);
    qemu_chr_delete("inh", NULL);
    g_unlink(path);
}

static void test_pty(void)
{
    Chardev *chr = make_fmt("pty,id=pty");
    g_autofree char *name = qemu_chr_filename(chr);
    struct termios tty;
    Front f;
    int fd;

    g_assert_true(g_str_has_prefix(name, "pty:/dev/pts/"));
    front_attach(&f, chr);
    say(&f, "lost");
    for (int round = 1; round <= 2; round++) {
        fd = open(name + 4, O_RDWR | O_NOCTTY);
        g_assert_cmpint(fd, >=, 0);
        wait_for(f.opened == round);
        tcgetattr(fd, &tty);
        g_assert_cmpint(tty.c_lflag & (ECHO | ICANON), ==, 0);
        put(fd, "in\x03");
        wait_for(f.got->len == 3 * (size_t)round);
        say(&f, "out");
        expect_read(fd, "out");
        close(fd);
        wait_for(f.closed == round);
    }
    front_done(&f);
    qemu_chr_delete("pty", NULL);
}

static void test_files(void)
{
    g_autofree char *path = g_build_filename(dir, "file", NULL);
    g_autofree char *log = g_build_filename(dir, "log", NULL);
    g_autofree char *fifo = g_build_filename(dir, "fifo", NULL);
    g_autofree char *fifo_in = g_strconcat(fifo, ".in", NULL),
                    *fifo_out = g_strconcat(fifo, ".out", NULL);
    g_autofree char *text = NULL;
    Front f;
    int in, out;

    for (int round = 0; round < 3; round++) {
        front_attach(&f, make_fmt("file,id=f,path=%s,append=%s", path, round == 1 ? "on" : "off"));
        say(&f, round == 1 ? "two" : "one");
        front_done(&f);
        qemu_chr_delete("f", NULL);
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, round == 1 ? "onetwo" : "one");
        g_clear_pointer(&text, g_free);
    }
    front_attach(&f, make_fmt("null,id=n,logfile=%s", log));
    say(&f, "logged");
    front_done(&f);
    qemu_chr_delete("n", NULL);
    /* The log's file is a passed descriptor, as libvirt does it. */
    in = open(log, O_WRONLY | O_APPEND);
    g_assert_cmpint(fdset_add(in, 7, "log", NULL), ==, 7);
    front_attach(&f, make_fmt("null,id=n,logfile=/dev/fdset/7,logappend=on"));
    say(&f, " more");
    front_done(&f);
    qemu_chr_delete("n", NULL);
    g_assert_true(g_file_get_contents(log, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "logged more");
    g_assert_true(fdset_remove(7, -1, NULL));

    g_assert_cmpint(mkfifo(fifo_in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(fifo_out, 0600), ==, 0);
    front_attach(&f, make_fmt("pipe,id=p,path=%s", fifo));
    in = open(fifo_in, O_WRONLY | O_NONBLOCK);
    out = open(fifo_out, O_RDONLY | O_NONBLOCK);
    put(in, "pin");
    wait_for(f.got->len == 3);
    say(&f, "pout");
    expect_read(out, "pout");
    close(in);
    close(out);
    front_done(&f);
    qemu_chr_delete("p", NULL);
}

static void test_ringbuf(void)
{
    g_autofree uint8_t *data = NULL;
    GError *err = NULL;
    size_t len;
    Front f;

    front_attach(&f, make_fmt("ringbuf,id=r,size=8"));
    say(&f, "0123456789");
    data = qemu_chr_ringbuf_read("r", 3, &len, NULL);
    g_assert_cmpstr((char *)data, ==, "234");
    g_free(data);
    g_assert_true(qemu_chr_ringbuf_write("r", (const uint8_t *)"ab", 2, NULL));
    data = qemu_chr_ringbuf_read("r", 100, &len, NULL);
    g_assert_cmpstr((char *)data, ==, "56789ab");
    g_assert_cmpint(len, ==, 7);
    g_assert_null(qemu_chr_ringbuf_read("nope", 1, &len, &err));
    g_clear_error(&err);
    front_done(&f);
    qemu_chr_delete("r", NULL);
}

static void test_mux(void)
{
    int pair[2];
    Front console, monitor;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    Chardev *chr = make_fmt("socket,id=m,fd=%d,mux=on", pair[0]);
    front_attach(&monitor, chr);
    front_attach(&console, chr);
    put(pair[1], "a");
    wait_for(console.got->len == 1);
    put(pair[1], "\x01"
                 "cb");
    wait_for(monitor.got->len == 1);
    g_assert_cmpstr(monitor.got->str, ==, "b");
    put(pair[1], "\x01"
                 "c\x01\x01"
                 "c\x01"
                 "b");
    wait_for(console.breaks == 1);
    g_assert_cmpstr(console.got->str, ==,
                    "a\x01"
                    "c");
    g_assert_cmpint(monitor.breaks, ==, 0);
    /* A busy front end's input waits, and the other can be reached all the same. */
    console.room = 0;
    put(pair[1], "wait\x01"
                 "cgo");
    wait_for(monitor.got->len == 3);
    g_assert_cmpint(console.got->len, ==, 3);
    console.room = 100;
    qemu_chr_fe_accept_input(&console.fe);
    wait_for(console.got->len == 7);
    say(&console, "C");
    say(&monitor, "M");
    expect_read(pair[1], "CM");
    put(pair[1], "\x01"
                 "h");
    settle();
    expect_read(pair[1], "\r\nCtrl-A h");
    close(pair[1]);
    wait_for(console.closed && monitor.closed);
    front_done(&console);
    front_done(&monitor);
    qemu_chr_delete("m", NULL);
}

static struct {
    AioContext *ctx;
    bool stop;
} io;

static void *io_thread(void *opaque)
{
    aio_set_current(io.ctx);
    while (!__atomic_load_n(&io.stop, __ATOMIC_ACQUIRE)) {
        aio_poll(io.ctx, true);
    }
    aio_set_current(NULL);
    return NULL;
}

static void *write_many(void *opaque)
{
    Front *f = opaque;

    for (int i = 0; i < 2000; i++) {
        qemu_chr_fe_write_all(&f->fe, (const uint8_t *)"0123456789abcdef", 16);
    }
    return NULL;
}

/* Input in another thread's loop, output from several threads: no byte is torn or lost. */
static void test_context(void)
{
    int pair[2];
    QemuThread thread, writers[3];
    g_autofree char *buf = g_malloc(96000);
    size_t got = 0;
    Front f;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    io.ctx = aio_context_new("test", NULL);
    g_assert_true(qemu_thread_create(&thread, "io", io_thread, NULL, NULL));
    front_attach(&f, make_fmt("socket,id=ctx,fd=%d", pair[0]));
    g_assert_true(qemu_chr_fe_set_context(&f.fe, io.ctx));
    put(pair[1], "there");
    for (int i = 0; i < 5000 && __atomic_load_n(&f.got->len, __ATOMIC_ACQUIRE) < 5; i++) {
        g_usleep(1000); /* this thread's loop does not run */
    }
    g_assert_cmpint(f.got->len, ==, 5);
    g_assert_false(pthread_equal(f.reader, pthread_self()));
    for (int i = 0; i < 3; i++) {
        g_assert_true(qemu_thread_create(&writers[i], "writer", write_many, &f, NULL));
    }
    while (got < 96000) {
        ssize_t n = read(pair[1], buf + got, 96000 - got);

        g_assert_cmpint(n, >, 0);
        got += n;
    }
    for (int i = 0; i < 3; i++) {
        qemu_thread_join(&writers[i]);
    }
    for (size_t i = 0; i < 96000; i += 16) {
        g_assert_cmpint(memcmp(buf + i, "0123456789abcdef", 16), ==, 0);
    }
    /* And back. */
    g_assert_true(qemu_chr_fe_set_context(&f.fe, aio_get_main()));
    put(pair[1], "here");
    wait_for(f.got->len == 9);
    g_assert_true(pthread_equal(f.reader, pthread_self()));
    g_assert_true(qemu_chr_fe_set_context(&f.fe, io.ctx));
    close(pair[1]);
    wait_for(f.closed);
    front_done(&f);
    qemu_chr_delete("ctx", NULL);
    __atomic_store_n(&io.stop, true, __ATOMIC_RELEASE);
    aio_notify(io.ctx);
    qemu_thread_join(&thread);
    aio_context_unref(io.ctx);
}

static void test_errors(void)
{
    static const struct {
        const char *opts, *message;
    } cases[] = {
        {"nonsense,id=x", "'nonsense' is not a valid char driver name"},
        {"socket", "parameter 'id' is missing"},
        {"id=x", "parameter 'backend' is missing"},
        {"socket,id=x", "one of path, host and port, or fd is needed"},
        {"socket,id=x,host=h", "'port' is missing beside host=h"},
        {"socket,id=x,path=/a,host=h,port=1", "only one of path, host and fd"},
        {"socket,id=x,path=/a,telnet=on", "telnet=on is not supported"},
        {"socket,id=x,path=/a,server=on,reconnect=1", "incompatible with server=on"},
        {"socket,id=x,path=/a,wait=on", "'wait' option is incompatible"},
        {"socket,id=x,path=/nonexistent/sock", "Failed to connect to '/nonexistent/sock'"},
        {"socket,id=x,path=/nonexistent/sock,server=on,wait=off",
         "Failed to bind socket to /nonexistent/sock"},
        {"socket,id=x,fd=999", "fd=999 is no open socket"},
        {"socket,id=x,fd=abc", "fd"},
        {"socket,id=x,path=/a,sever=on", "did you mean 'server'"},
        {"ringbuf,id=x,size=100", "power of two"},
        {"ringbuf,id=x,size=0", "power of two"},
        {"file,id=x", "parameter 'path' is missing"},
        {"file,id=x,path=/nonexistent/f", "/nonexistent/f"},
        {"file,id=x,path=/dev/null,apend=on", "did you mean 'append'"},
        {"null,id=x,logfile=/dev/fdset/99", "/dev/fdset/99 does not exist"},
        {"null,id=x,mux=maybe", "mux"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) err = NULL;

        g_assert_null(make(cases[i].opts, &err));
        g_assert_nonnull(err);
        if (!strstr(err->message, cases[i].message)) {
            g_test_message("%s: %s", cases[i].opts, err->message);
            g_test_fail();
        }
        g_assert_null(qemu_chr_find("x"));
    }
    make_fmt("null,id=x");
    g_autoptr(GError) err = NULL;
    g_assert_null(make("null,id=x", &err));
    g_assert_cmpstr(err->message, ==, "Chardev with id 'x' already exists");
    g_assert_true(qemu_chr_delete("x", NULL));
}

static void test_legacy(void)
{
    g_autofree char *path = g_build_filename(dir, "leg", NULL);
    g_autofree char *spec = g_strdup_printf("unix:%s,server=on,wait=off", path);
    g_autofree char *old = g_strdup_printf("unix:%s,server,nowait", path);
    g_autofree char *name = NULL;
    g_autoptr(GError) err = NULL;
    Chardev *chr = qemu_chr_new("a", spec, &err);

    g_assert_no_error(err);
    name = qemu_chr_filename(chr);
    g_assert_true(g_str_has_suffix(name, ",server=on"));
    g_assert_true(qemu_chr_new("b", "chardev:a", NULL) == chr);
    qemu_chr_delete("a", NULL);
    g_assert_nonnull(qemu_chr_new("a", old, &err));
    qemu_chr_delete("a", NULL);
    g_assert_nonnull(qemu_chr_new("a", "none", NULL));
    g_assert_null(qemu_chr_new("c", "vc", &err));
    g_assert_nonnull(strstr(err->message, "'vc' is not a valid char driver"));
    g_clear_error(&err);
    g_assert_null(qemu_chr_new("c", "chardev:nope", &err));
    g_clear_error(&err);
    g_assert_null(qemu_chr_new("c", "tcp:nocolon", &err));
    g_clear_error(&err);
    g_assert_nonnull(qemu_chr_new("d", "tcp:127.0.0.1:0,server=on,wait=off,nodelay=on", &err));
    g_assert_no_error(err);
    qemu_chr_delete("d", NULL);
    qemu_chr_delete("a", NULL);
}

int main(int argc, char **argv)
{
    int rc;

    g_test_init(&argc, &argv, NULL);
    g_assert_true(aio_init_main(NULL));
    dir = g_dir_make_tmp("test-char-XXXXXX", NULL);
    g_test_add_func("/char/unix-server", test_unix_server);
    g_test_add_func("/char/flow-control", test_flow_control);
    g_test_add_func("/char/slow-reader", test_slow_reader);
    g_test_add_func("/char/fd-passing", test_fd_passing);
    g_test_add_func("/char/tcp-reconnect", test_tcp_and_reconnect);
    g_test_add_func("/char/inherited", test_inherited);
    g_test_add_func("/char/pty", test_pty);
    g_test_add_func("/char/files", test_files);
    g_test_add_func("/char/ringbuf", test_ringbuf);
    g_test_add_func("/char/mux", test_mux);
    g_test_add_func("/char/context", test_context);
    g_test_add_func("/char/errors", test_errors);
    g_test_add_func("/char/legacy", test_legacy);
    rc = g_test_run();
    qemu_chr_cleanup();
    g_autofree char *cmd = g_strdup_printf("rm -rf %s", dir);
    return system(cmd) | rc;
}
