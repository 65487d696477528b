/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scsi-cd on virtio-scsi: the MMC commands, tray and lock as the guest moves them, and media that
 * the monitor changes, with commands in flight; the same monitor commands for ide-cd; the boot
 * order of SCSI disks.
 */
#include "virtio-scsi-driver.h"

#include <string.h>
#include <unistd.h>

static char *images[2];
static const unsigned sectors[2] = {300, 200};

static char *make_image(unsigned n, uint8_t first)
{
    char *path = NULL;
    int fd = g_file_open_tmp("scsi-cd-test-XXXXXX", &path, NULL);
    g_autofree uint8_t *buf = g_malloc(n * 2048u);

    for (unsigned i = 0; i < n; i++) {
        memset(buf + 2048 * i, (uint8_t)(first + i), 2048);
    }
    g_assert_cmpint(write(fd, buf, n * 2048u), ==, (ssize_t)(n * 2048u));
    close(fd);
    return path;
}

static Scsi *start(QHome home, const char *drive, const char *cd)
{
    g_autofree char *device =
        g_strdup_printf("-device scsi-cd,id=cd0,bus=scsi0.0,scsi-id=1,lun=0%s", cd);
    Scsi *d = scsi_start(home, false, drive, "", device);

    d->target = 1;
    d->lun = 0;
    return d;
}

static Scsi *start_full(QHome home)
{
    g_autofree char *drive =
        g_strdup_printf("-drive if=none,id=drv,file=%s,format=raw,media=cdrom", images[0]);

    return start(home, drive, ",drive=drv");
}

static void go(Scsi *d)
{
    scsi_init(d, 0, 2, 0, false);
    assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 6, 0x2900);
}

/* --- commands -------------------------------------------------------------------------------- */

static void test_commands(const void *opaque)
{
    Scsi *d = start_full(qhome_of(opaque));

    go(d);
    assert_good(d, CMD(d, 36, 0x12, 0, 0, 0, 36, 0), 0);
    scsi_assert_bytes(d, 0, "\5\x80\5", 3);
    scsi_assert_bytes(d, 8, "QEMU    QEMU CD-ROM     2.5+", 28);
    assert_good(d, CMD(d, 16, 0x12, 1, 0, 0, 16, 0), 10);
    scsi_assert_bytes(d, 0, "\5\0\0\2\0\x83", 6);
    assert_good(d, CMD(d, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    scsi_assert_bytes(d, 0, "\0\0\1\x2b\0\0\10\0", 8);
    /* reads */
    assert_good(d, CMD(d, 4096, 0x28, 0, 0, 0, 0, 7, 0, 0, 2, 0), 0);
    g_assert_cmphex(qtest_readb(d->s, d->data), ==, 7);
    g_assert_cmphex(qtest_readb(d->s, d->data + 4095), ==, 8);
    assert_good(d, CMD(d, 2048, 0xa8, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0), 0);
    g_assert_cmphex(qtest_readb(d->s, d->data), ==, 9);
    assert_good(d, CMD(d, 2048, 0xbe, 0, 0, 0, 0, 10, 0, 0, 1, 0x10, 0, 0), 0);
    g_assert_cmphex(qtest_readb(d->s, d->data + 2047), ==, 10);
    assert_good(d, CMD(d, 0, 0xbe, 0, 0, 0, 0, 10, 0, 0, 1, 0, 0, 0), 0);
    assert_check(d, CMD(d, 2352, 0xbe, 0, 0, 0, 0, 10, 0, 0, 1, 0xf8, 0, 0), 5, 0x2400);
    assert_check(d, CMD(d, 2048, 0x28, 0, 0, 0, 1, 0x2c, 0, 0, 1, 0), 5, 0x2100);
    assert_check(d, CMD(d, -2048, 0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0), 5, 0x2000);
    assert_check(d, CMD(d, -2048, 0x41, 0, 0, 0, 0, 1, 0, 0, 1, 0), 5, 0x2000);
    assert_good(d, CMD(d, 0, 0x2f, 0, 0, 0, 0, 0, 0, 1, 0x2c, 0), 0);
    assert_good(d, CMD(d, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    assert_good(d, CMD(d, 0, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    /* READ TOC: tracks, session, raw, another format */
    assert_good(d, CMD(d, 20, 0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0), 0);
    scsi_assert_bytes(d, 0, "\0\x12\1\1\0\x14\1\0\0\0\0\0\0\x16\xaa\0\0\0\1\x2c", 20);
    assert_good(d, CMD(d, 20, 0x43, 2, 0, 0, 0, 0, 0, 0, 20, 0), 0);
    scsi_assert_bytes(d, 8, "\0\0\2\0", 4); /* 00:02:00 */
    assert_good(d, CMD(d, 12, 0x43, 0, 1, 0, 0, 0, 0, 0, 12, 0), 0);
    scsi_assert_bytes(d, 0, "\0\12\1\1\0\x14\1\0\0\0\0\0", 12);
    assert_good(d, CMD(d, 64, 0x43, 0, 2, 0, 0, 0, 0, 0, 64, 0), 16);
    assert_check(d, CMD(d, 64, 0x43, 0, 5, 0, 0, 0, 0, 0, 64, 0), 5, 0x2400);
    assert_check(d, CMD(d, 64, 0x43, 0, 0, 0, 0, 0, 7, 0, 64, 0), 5, 0x2400);
    /* GET CONFIGURATION: all, one, from one on */
    assert_good(d, CMD(d, 64, 0x46, 0, 0, 0, 0, 0, 0, 0, 64, 0), 24);
    scsi_assert_bytes(d, 0, "\0\0\0\x24\0\0\0\10", 8);
    assert_good(d, CMD(d, 64, 0x46, 2, 0, 3, 0, 0, 0, 0, 64, 0), 48);
    scsi_assert_bytes(d, 8, "\0\3\3\4\x29", 5);
    assert_good(d, CMD(d, 64, 0x46, 0, 0, 1, 0, 0, 0, 0, 64, 0), 36);
    assert_check(d, CMD(d, 64, 0x46, 3, 0, 0, 0, 0, 0, 0, 64, 0), 5, 0x2400);
    /* disc, track, mechanism, sub-channel, structure, mode pages */
    assert_good(d, CMD(d, 34, 0x51, 0, 0, 0, 0, 0, 0, 0, 34, 0), 0);
    scsi_assert_bytes(d, 0, "\0\x20\x0e\1\1\1\1", 7);
    assert_good(d, CMD(d, 36, 0x52, 1, 0, 0, 0, 1, 0, 0, 36, 0), 0);
    scsi_assert_bytes(d, 24, "\0\0\1\x2c", 4);
    assert_check(d, CMD(d, 36, 0x52, 1, 0, 0, 0, 2, 0, 0, 36, 0), 5, 0x2400);
    assert_good(d, CMD(d, 8, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0), 0);
    scsi_assert_bytes(d, 0, "\0\0\0\0\0\1\0\0", 8);
    assert_good(d, CMD(d, 4, 0x42, 0, 0, 0, 0, 0, 0, 0, 4, 0), 0);
    assert_check(d, CMD(d, 64, 0xad, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0), 5, 0x3000);
    assert_good(d, CMD(d, 64, 0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 64, 0), 36);
    scsi_assert_bytes(d, 0, "\0\x1a\1\0\0\0\0\0\x2a\x12", 10);
    assert_good(d, CMD(d, 255, 0x1a, 0, 0x3f, 0, 255, 0), 255 - 4 - 8 - 12 - 16 - 20);
    assert_check(d, CMD(d, 64, 0x1a, 0, 8, 0, 64, 0), 5, 0x2400);
    scsi_stop(d);
}

static void test_empty(void)
{
    Scsi *d = start(IOTHREAD, "", "");
    json_object *list;

    go(d);
    assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 2, 0x3a01);
    assert_check(d, CMD(d, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 2, 0x3a01);
    assert_check(d, CMD(d, 2048, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), 2, 0x3a01);
    assert_check(d, CMD(d, 20, 0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0), 2, 0x3a01);
    assert_good(d, CMD(d, 8, 0x46, 0, 0, 0, 0, 0, 0, 0, 8, 0), 0);
    scsi_assert_bytes(d, 6, "\0\0", 2); /* no profile */
    list = qtest_qmp_return(d->s, "{'execute': 'query-block'}");
    g_assert_cmpuint(json_object_array_length(list), ==, 1);
    g_assert_false(json_object_object_get_ex(json_object_array_get_idx(list, 0), "inserted", NULL));
    json_object_put(list);
    scsi_stop(d);
}

/* --- tray and media -------------------------------------------------------------------------- */

static void expect_tray(Scsi *d, bool open)
{
    json_object *e = qtest_qmp_event(d->s, "DEVICE_TRAY_MOVED"), *data, *v;

    g_assert_true(json_object_object_get_ex(e, "data", &data));
    g_assert_true(json_object_object_get_ex(data, "tray-open", &v));
    g_assert_cmpint(json_object_get_boolean(v), ==, open);
    g_assert_true(json_object_object_get_ex(data, "id", &v));
    g_assert_cmpstr(json_object_get_string(v), ==, "cd0");
    json_object_put(e);
}

/* The medium's events: code and state. */
static void expect_event(Scsi *d, uint8_t code, uint8_t state)
{
    uint8_t p[8];

    assert_good(d, CMD(d, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0), 0);
    qtest_memread(d->s, d->data, p, sizeof(p));
    g_assert_cmphex(p[2], ==, 4);
    g_assert_cmphex(p[4], ==, code);
    g_assert_cmphex(p[5], ==, state);
}

static void test_tray(const void *opaque)
{
    Scsi *d = start_full(qhome_of(opaque));
    g_autofree char *desc = NULL;

    go(d);
    expect_event(d, 0, 2);
    assert_check(d, CMD(d, 8, 0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8, 0), 5, 0x2400);
    assert_good(d, CMD(d, 4, 0x4a, 1, 0, 0, 2, 0, 0, 0, 4, 0), 0);
    /* the guest opens and closes */
    assert_good(d, CMD(d, 0, 0x1b, 0, 0, 0, 2, 0), 0);
    expect_tray(d, true);
    assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 2, 0x3a02);
    assert_check(d, CMD(d, 2048, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), 2, 0x3a02);
    expect_event(d, 0, 1);
    assert_good(d, CMD(d, 0, 0x1b, 0, 0, 0, 3, 0), 0);
    expect_tray(d, false);
    expect_event(d, 2, 2);
    expect_event(d, 0, 2);
    assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 6, 0x2800);
    assert_good(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 0);
    /* locked: neither the guest nor the monitor opens it, who leaves a wish */
    assert_good(d, CMD(d, 0, 0x1e, 0, 0, 0, 1, 0), 0);
    assert_check(d, CMD(d, 0, 0x1b, 0, 0, 0, 2, 0), 5, 0x5302);
    desc =
        qtest_qmp_error(d->s, "GenericError", "{'execute': 'eject', 'arguments': {'id': 'cd0'}}");
    g_assert_nonnull(strstr(desc, "is locked"));
    expect_event(d, 1, 2);
    expect_event(d, 0, 2);
    qtest_qmp_ok(d->s, "{'execute': 'blockdev-open-tray', 'arguments': {'id': 'cd0'}}");
    expect_event(d, 1, 2);
    assert_good(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 0);
    assert_good(d, CMD(d, 0, 0x1e, 0, 0, 0, 0, 0), 0);
    assert_good(d, CMD(d, 0, 0x1b, 0, 0, 0, 2, 0), 0);
    expect_tray(d, true);
    scsi_stop(d);
}

static void expect_first(Scsi *d, unsigned which)
{
    assert_good(d, CMD(d, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    g_assert_cmpuint(qtest_readb(d->s, d->data + 2) << 8 | qtest_readb(d->s, d->data + 3), ==,
                     sectors[which] - 1);
    assert_good(d, CMD(d, 2048, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), 0);
    g_assert_cmphex(qtest_readb(d->s, d->data), ==, which * 100);
}

static void fails(Scsi *d, const char *want, const char *command, const char *arguments)
{
    g_autofree char *desc = qtest_qmp_error(
        d->s, "GenericError", "{'execute': '%s', 'arguments': {%s}}", command, arguments);

    if (!strstr(desc, want)) {
        g_error("%s %s: %s", command, arguments, desc);
    }
}

static void test_change(const void *opaque)
{
    Scsi *d = start_full(qhome_of(opaque));

    go(d);
    expect_first(d, 0);
    for (unsigned i = 0; i < 4; i++) {
        unsigned which = (i + 1) % 2;

        qtest_qmp_ok(d->s,
                     "{'execute': 'blockdev-change-medium', 'arguments': {'%s': '%s', 'filename': "
                     "'%s', 'format': 'raw'}}",
                     i % 2 ? "device" : "id", i % 2 ? "drv" : "cd0", images[which]);
        expect_tray(d, true);
        expect_tray(d, false);
        assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 6, 0x2800);
        expect_first(d, which);
    }
    /* step by step */
    fails(d, "is not open", "blockdev-remove-medium", "'id': 'cd0'");
    fails(d, "is not open", "blockdev-insert-medium", "'id': 'cd0', 'node-name': 'm1'");
    qtest_qmp_ok(d->s, "{'execute': 'blockdev-open-tray', 'arguments': {'id': 'cd0'}}");
    expect_tray(d, true);
    qtest_qmp_ok(d->s,
                 "{'execute': 'blockdev-add', 'arguments': {'driver': 'file', 'node-name': 'm1', "
                 "'read-only': true, 'filename': '%s'}}",
                 images[1]);
    fails(d, "already is a medium", "blockdev-insert-medium", "'id': 'cd0', 'node-name': 'm1'");
    qtest_qmp_ok(d->s, "{'execute': 'blockdev-remove-medium', 'arguments': {'id': 'cd0'}}");
    fails(d, "not found", "blockdev-insert-medium", "'id': 'cd0', 'node-name': 'nothing'");
    qtest_qmp_ok(d->s, "{'execute': 'blockdev-insert-medium', 'arguments': {'id': 'cd0', "
                       "'node-name': 'm1'}}");
    assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 2, 0x3a02);
    qtest_qmp_ok(d->s, "{'execute': 'blockdev-close-tray', 'arguments': {'id': 'cd0'}}");
    expect_tray(d, false);
    assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 6, 0x2800);
    expect_first(d, 1);
    qtest_qmp_ok(d->s, "{'execute': 'eject', 'arguments': {'id': 'cd0'}}");
    qtest_qmp_ok(d->s, "{'execute': 'blockdev-del', 'arguments': {'node-name': 'm1'}}");
    fails(d, "exactly one", "eject", "'id': 'cd0', 'device': 'drv'");
    fails(d, "not removable", "eject", "'id': 'scsi0'");
    fails(d, "Could not open", "blockdev-change-medium", "'id': 'cd0', 'filename': '/nowhere/x'");
    fails(d, "use read-only", "blockdev-change-medium",
          "'id': 'cd0', 'filename': 'x', 'read-only-mode': 'read-write'");
    scsi_stop(d);
}

/* The medium goes while it is read; each command has an answer. */
static void test_busy(const void *opaque)
{
    Scsi *d = start(qhome_of(opaque),
                    "-blockdev null-co,size=4M,read-zeroes=on,x-give-back=off,latency-ns=20000000,node-name=slow",
                    ",drive=slow");

    go(d);
    for (unsigned round = 0; round < 3; round++) {
        uint32_t used;

        for (unsigned i = 0; i < 16; i++) {
            /* a read, or a verification in steps */
            scsi_push(d, i % 2, i + 1, 1, 0, i,
                      i & 2 ? CDB(0x2f, 0, 0, 0, 0, 0, 0, 4, 0, 0)
                            : CDB(0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0),
                      10, d->data, i & 2 ? 0 : 2048, true);
        }
        qvirtio_kick(&d->v->q[2]);
        qvirtio_kick(&d->v->q[3]);
        qtest_qmp_ok(d->s, "{'execute': 'eject', 'arguments': {'id': 'cd0', 'force': true}}");
        for (unsigned i = 0; i < 16; i++) {
            qvirtio_wait(&d->v->q[i % 2 + 2], &used);
        }
        for (unsigned i = 0; i < 16; i++) {
            scsi_answer(d, i + 1);
            g_assert_cmpuint(d->response, ==, S_OK);
            g_assert_true(d->status == GOOD || d->key == 2);
        }
        assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 2, 0x3a02);
        qtest_qmp_ok(d->s, "{'execute': 'blockdev-insert-medium', 'arguments': {'id': 'cd0', "
                           "'node-name': 'slow'}}");
        qtest_qmp_ok(d->s, "{'execute': 'blockdev-close-tray', 'arguments': {'id': 'cd0'}}");
        assert_check(d, CMD(d, 0, 0, 0, 0, 0, 0, 0), 6, 0x2800);
    }
    scsi_stop(d);
}

/* --- ide-cd ---------------------------------------------------------------------------------- */

static void expect_info(QTestState *s, const char *want)
{
    g_autofree char *text = qtest_hmp(s, "info block");

    if (!strstr(text, want)) {
        g_error("info block: %s", text);
    }
}

static void test_ide(void)
{
    QTestState *s = qtest_initf("-machine pc -nodefaults -drive "
                                "if=none,id=drv,file=%s,format=raw,media=cdrom -device "
                                "ide-cd,id=cd0,drive=drv,bus=ide.1",
                                images[0]);
    json_object *list, *disk, *v;

    for (unsigned i = 0; i < 4; i++) {
        qtest_qmp_ok(s,
                     "{'execute': 'blockdev-change-medium', 'arguments': {'device': 'drv', "
                     "'filename': '%s'}}",
                     images[i % 2]);
        json_object_put(qtest_qmp_event(s, "DEVICE_TRAY_MOVED"));
        json_object_put(qtest_qmp_event(s, "DEVICE_TRAY_MOVED"));
        list = qtest_qmp_return(s, "{'execute': 'query-block'}");
        g_assert_cmpuint(json_object_array_length(list), ==, 1);
        disk = json_object_array_get_idx(list, 0);
        g_assert_true(json_object_object_get_ex(disk, "device", &v));
        g_assert_cmpstr(json_object_get_string(v), ==, "drv");
        g_assert_true(json_object_object_get_ex(disk, "tray_open", &v));
        g_assert_false(json_object_get_boolean(v));
        g_assert_true(json_object_object_get_ex(disk, "inserted", &v));
        g_assert_true(json_object_object_get_ex(v, "file", &v));
        g_assert_cmpstr(json_object_get_string(v), ==, images[i % 2]);
        json_object_put(list);
    }
    qtest_qmp_ok(s, "{'execute': 'eject', 'arguments': {'device': 'drv'}}");
    list = qtest_qmp_return(s, "{'execute': 'query-block'}");
    disk = json_object_array_get_idx(list, 0);
    g_assert_true(json_object_object_get_ex(disk, "tray_open", &v));
    g_assert_true(json_object_get_boolean(v));
    g_assert_false(json_object_object_get_ex(disk, "inserted", NULL));
    json_object_put(list);
    /* the same at the human monitor */
    expect_info(s, "drv: [not inserted]");
    expect_info(s, "tray open");
    g_free(qtest_hmp(s, "change drv %s raw", images[1]));
    expect_info(s, images[1]);
    expect_info(s, "tray closed");
    g_free(qtest_hmp(s, "eject -f cd0"));
    expect_info(s, "[not inserted]");
    qtest_quit(s);
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    images[0] = make_image(sectors[0], 0);
    images[1] = make_image(sectors[1], 100);
    qhome_add("/scsi-cd/commands", test_commands);
    g_test_add_func("/scsi-cd/empty", test_empty);
    qhome_add("/scsi-cd/tray", test_tray);
    qhome_add("/scsi-cd/change", test_change);
    qhome_add("/scsi-cd/busy", test_busy);
    g_test_add_func("/scsi-cd/ide", test_ide);
    ret = g_test_run();
    for (unsigned i = 0; i < 2; i++) {
        unlink(images[i]);
        g_free(images[i]);
    }
    return ret;
}
