/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-serial: the control dialogue, data both ways, a slow reader, ports that come and go, and
 * messages that make no sense. */
#include "virtio-machine.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RX(port) ((port) ? 2 * (port) + 2 : 0)
#define TX(port) (RX(port) + 1)

enum { READY, ADD, REMOVE, PORT_READY, CONSOLE, RESIZE, OPEN, NAME };

typedef struct Serial {
    QTestState *s;
    QVirtio *v;
    uint64_t in, out, ctl;
    char *dir, *path;
    int client;
} Serial;

typedef struct Message {
    uint32_t id;
    uint16_t event, value;
    char name[56];
} Message;

static Serial *start(const char *more, bool legacy)
{
    Serial *t = g_new0(Serial, 1);

    t->dir = g_dir_make_tmp("virtio-serial-XXXXXX", NULL);
    t->path = g_build_filename(t->dir, "sock", NULL);
    t->v = qvirtio_boot(legacy,
                        "-chardev socket,id=c1,path=%s,server=on,wait=off -chardev "
                        "ringbuf,id=c0,size=64K -device virtio-serial-pci,id=vs0,addr=04.0,"
                        "max_ports=3 %s",
                        t->path, more);
    t->s = t->v->s;
    t->in = qtest_alloc(t->s, 0x10000, 4096);
    t->out = qtest_alloc(t->s, 0x10000, 4096);
    t->ctl = qtest_alloc(t->s, 4096, 4096);
    t->client = -1;
    return t;
}

static void stop(Serial *t)
{
    if (t->client >= 0) {
        close(t->client);
    }
    qvirtio_quit(t->v);
    unlink(t->path);
    rmdir(t->dir);
    g_free(t->path);
    g_free(t->dir);
    g_free(t);
}

static void offer_control(Serial *t)
{
    for (unsigned i = 0; i < 8; i++) {
        QVirtioBuf buf = {t->ctl + 64 * i, 64, true};

        qvirtio_add(&t->v->q[2], &buf, 1, false);
    }
    qvirtio_kick(&t->v->q[2]);
}

/* The next control message; its buffer is offered again. */
static Message hear(Serial *t)
{
    Message m = {0};
    uint32_t len;
    uint16_t id = qvirtio_wait(&t->v->q[2], &len);
    uint64_t at = t->ctl + 64 * (id % 8);
    QVirtioBuf buf = {at, 64, true};

    g_assert_cmpuint(len, >=, 8);
    qtest_memread(t->s, at, &m, len);
    /* ids follow the order of offers, and so do addresses */
    qvirtio_add(&t->v->q[2], &buf, 1, false);
    qvirtio_kick(&t->v->q[2]);
    return m;
}

static void expect(Serial *t, uint32_t id, uint16_t event, uint16_t value, const char *name)
{
    Message m = hear(t);

    g_assert_cmpuint(m.id, ==, id);
    g_assert_cmpuint(m.event, ==, event);
    g_assert_cmpuint(m.value, ==, value);
    g_assert_cmpstr(m.name, ==, name ? name : "");
}

static void say(Serial *t, uint32_t id, uint16_t event, uint16_t value)
{
    Message m = {id, event, value, ""};
    QVirtioBuf buf = {t->out + 0xf000, 8, false};
    uint32_t len;

    qtest_memwrite(t->s, t->out + 0xf000, &m, 8);
    qvirtio_add(&t->v->q[3], &buf, 1, false);
    qvirtio_kick(&t->v->q[3]);
    qvirtio_wait(&t->v->q[3], &len);
}

static void connect_client(Serial *t)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    t->client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_strlcpy(a.sun_path, t->path, sizeof(a.sun_path));
    g_assert_cmpint(connect(t->client, (struct sockaddr *)&a, sizeof(a)), ==, 0);
}

static void transmit(Serial *t, unsigned port, const void *data, uint32_t len)
{
    QVirtioBuf buf = {t->out, len, false};

    qtest_bufwrite(t->s, t->out, data, len);
    qvirtio_add(&t->v->q[TX(port)], &buf, 1, false);
    qvirtio_kick(&t->v->q[TX(port)]);
}

static void expect_vserport(Serial *t, bool open)
{
    json_object *event = qtest_qmp_event(t->s, "VSERPORT_CHANGE"), *data, *v;

    g_assert_true(json_object_object_get_ex(event, "data", &data));
    g_assert_true(json_object_object_get_ex(data, "open", &v));
    g_assert_cmpint(json_object_get_boolean(v), ==, open);
    g_assert_true(json_object_object_get_ex(data, "id", &v));
    g_assert_cmpstr(json_object_get_string(v), ==, "p1");
    json_object_put(event);
}

/* Console 0 and named port 1, up to where the driver has opened the port. */
static void bring_up(Serial *t)
{
    qvirtio_start(t->v, QVIRTIO_F(1), 6, 0, false);
    offer_control(t);
    say(t, 0, READY, 1);
    expect(t, 0, ADD, 1, NULL);
    expect(t, 1, ADD, 1, NULL);
    say(t, 0, PORT_READY, 1);
    expect(t, 0, CONSOLE, 1, NULL);
    expect(t, 0, OPEN, 1, NULL);
    say(t, 1, PORT_READY, 1);
    expect(t, 1, NAME, 1, "org.test.0");
}

#define PORTS \
    "-device virtconsole,chardev=c0,bus=vs0.0 -device " \
    "virtserialport,chardev=c1,id=p1,name=org.test.0,bus=vs0.0"

static void test_dialogue(void)
{
    Serial *t = start(PORTS, false);
    char got[64] = {0};
    QVirtioBuf buf = {t->in, 16, true};
    uint32_t len;

    g_assert_cmpuint(qvirtio_config(t->v, 4, 4), ==, 3);
    for (unsigned round = 0; round < 3; round++) {
        bring_up(t);
        connect_client(t);
        expect(t, 1, OPEN, 1, NULL);
        say(t, 1, OPEN, 1);
        expect_vserport(t, true);
        /* out */
        transmit(t, 1, "hello, host", 11);
        qvirtio_wait(&t->v->q[TX(1)], &len);
        g_assert_cmpint(recv(t->client, got, 11, MSG_WAITALL), ==, 11);
        g_assert_cmpmem(got, 11, "hello, host", 11);
        /* in: longer than a buffer, and no buffer at first */
        g_assert_cmpint(write(t->client, "hello, guest, how are you?", 26), ==, 26);
        g_usleep(20000);
        qvirtio_add(&t->v->q[RX(1)], &buf, 1, false);
        qvirtio_kick(&t->v->q[RX(1)]);
        qvirtio_wait(&t->v->q[RX(1)], &len);
        g_assert_cmpuint(len, ==, 16);
        qtest_memread(t->s, t->in, got, 16);
        g_assert_cmpmem(got, 16, "hello, guest, ho", 16);
        qvirtio_add(&t->v->q[RX(1)], &buf, 1, false);
        qvirtio_kick(&t->v->q[RX(1)]);
        qvirtio_wait(&t->v->q[RX(1)], &len);
        g_assert_cmpuint(len, ==, 10);
        /* the console */
        transmit(t, 0, "on the console", 14);
        qvirtio_wait(&t->v->q[TX(0)], &len);
        {
            json_object *r = qtest_qmp_return(
                t->s, "{'execute': 'ringbuf-read', 'arguments': {'device': 'c0', 'size': 100}}");

            g_assert_cmpstr(json_object_get_string(r), ==, "on the console");
            json_object_put(r);
        }
        qvirtio_add(&t->v->q[RX(1)], &buf, 1, false); /* held when the reset comes */
        qvirtio_kick(&t->v->q[RX(1)]);
        close(t->client);
        expect(t, 1, OPEN, 0, NULL);
        if (round == 0) {
            say(t, 1, OPEN, 0);
        } else {
            qvirtio_reset(t->v);
        }
        expect_vserport(t, false);
    }
    t->client = -1;
    stop(t);
}

/* Nobody reads for a while: the driver's data waits, and nothing of it is lost. */
static void test_slow_reader(void)
{
    Serial *t = start(PORTS, false);
    g_autofree uint8_t *data = g_malloc(0x8000), *got = g_malloc(0x8000);
    unsigned sent = 0, done = 0;
    uint32_t len;

    bring_up(t);
    connect_client(t);
    expect(t, 1, OPEN, 1, NULL);
    say(t, 1, OPEN, 1);
    for (unsigned i = 0; i < 0x8000; i++) {
        data[i] = (uint8_t)(i * 7 + i / 256);
    }
    while (sent < 40) {
        transmit(t, 1, data, 0x8000);
        sent++;
        g_usleep(2000);
        while (qvirtio_ready(&t->v->q[TX(1)])) {
            qvirtio_wait(&t->v->q[TX(1)], &len);
            done++;
        }
        if (sent - done > 2) {
            break;
        }
    }
    g_assert_cmpuint(sent, >, done); /* it does wait */
    for (unsigned i = 0; i < sent; i++) {
        g_assert_cmpint(recv(t->client, got, 0x8000, MSG_WAITALL), ==, 0x8000);
        g_assert_cmpmem(got, 0x8000, data, 0x8000);
    }
    while (done < sent) {
        qvirtio_wait(&t->v->q[TX(1)], &len);
        done++;
    }
    /* he leaves in the middle: the rest is gone, the queue goes on */
    for (unsigned i = 0; i < 40 && sent - done < 3; i++) {
        transmit(t, 1, data, 0x8000);
        sent++;
        g_usleep(2000);
        while (qvirtio_ready(&t->v->q[TX(1)])) {
            qvirtio_wait(&t->v->q[TX(1)], &len);
            done++;
        }
    }
    close(t->client);
    t->client = -1;
    while (done < sent) {
        qvirtio_wait(&t->v->q[TX(1)], &len);
        done++;
    }
    stop(t);
}

static void test_plug(void)
{
    Serial *t = start("", false);

    qvirtio_start(t->v, QVIRTIO_F(1), 8, 0, false);
    offer_control(t);
    say(t, 0, READY, 1);
    for (unsigned round = 0; round < 3; round++) {
        qtest_qmp_ok(t->s, "{'execute': 'device_add', 'arguments': {'driver': 'virtserialport', "
                           "'bus': 'vs0.0', 'chardev': 'c1', 'id': 'p1', 'name': 'org.test.0'}}");
        expect(t, 1, ADD, 1, NULL);
        say(t, 1, PORT_READY, 1);
        expect(t, 1, NAME, 1, "org.test.0");
        say(t, 1, OPEN, 1);
        g_free(qtest_qmp_error(t->s, "GenericError",
                               "{'execute': 'device_add', 'arguments': {'driver': "
                               "'virtserialport', 'bus': 'vs0.0', 'nr': 1, 'id': 'p2'}}"));
        g_free(qtest_qmp_error(t->s, "GenericError",
                               "{'execute': 'device_add', 'arguments': {'driver': "
                               "'virtserialport', 'bus': 'vs0.0', 'nr': 3, 'id': 'p2'}}"));
        g_free(qtest_qmp_error(t->s, "GenericError",
                               "{'execute': 'device_add', 'arguments': {'driver': "
                               "'virtserialport', 'bus': 'vs0.0', 'nr': 0, 'id': 'p2'}}"));
        g_free(qtest_qmp_error(
            t->s, "GenericError",
            "{'execute': 'device_add', 'arguments': {'driver': 'virtserialport', 'bus': 'vs0.0', "
            "'name': 'org.test.0', 'id': 'p2'}}"));
        qtest_qmp_ok(t->s, "{'execute': 'device_del', 'arguments': {'id': 'p1'}}");
        json_object_put(qtest_qmp_event(t->s, "DEVICE_DELETED"));
        expect(t, 1, REMOVE, 1, NULL);
    }
    stop(t);
}

static void test_legacy_console(void)
{
    Serial *t = start(PORTS, true);
    uint32_t len;
    json_object *r;

    qvirtio_start(t->v, 0, 2, 0, false); /* no MULTIPORT: port 0 only, always open */
    transmit(t, 0, "boot", 4);
    qvirtio_wait(&t->v->q[1], &len);
    qvirtio_config_write(t->v, 8, 4, '!'); /* the emergency byte */
    r = qtest_qmp_return(t->s,
                         "{'execute': 'ringbuf-read', 'arguments': {'device': 'c0', 'size': 9}}");
    g_assert_cmpstr(json_object_get_string(r), ==, "boot!");
    json_object_put(r);
    stop(t);
}

static void test_nonsense(void)
{
    Serial *t = start(PORTS, false);
    QVirtioBuf buf = {t->out, 3, false};
    uint32_t len;

    qvirtio_start(t->v, QVIRTIO_F(1), 6, 0, false);
    say(t, 0, READY, 1); /* nobody listens yet: what is to be said does not grow */
    for (unsigned i = 0; i < 200; i++) {
        say(t, i, (uint16_t)(i % 11), (uint16_t)i);
        say(t, UINT32_MAX - i, PORT_READY, 1);
        say(t, 1, PORT_READY, 1);
    }
    qtest_memset(t->s, t->out, 0xff, 8);
    qvirtio_add(&t->v->q[3], &buf, 1, false);
    qvirtio_kick(&t->v->q[3]);
    qvirtio_wait(&t->v->q[3], &len);
    g_assert_cmphex(qvirtio_status(t->v), ==, 0xf);
    bring_up(t);
    stop(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-serial/dialogue", test_dialogue);
    g_test_add_func("/virtio-serial/slow-reader", test_slow_reader);
    g_test_add_func("/virtio-serial/plug", test_plug);
    g_test_add_func("/virtio-serial/legacy-console", test_legacy_console);
    g_test_add_func("/virtio-serial/nonsense", test_nonsense);
    return g_test_run();
}
