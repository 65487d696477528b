/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block layer: graphs of nodes from -blockdev's and -drive's options, image locking, resizing.
 */
#include "block-test-util.h"

#include <sys/stat.h>

/* --- locking
 * ------------------------------------------------------------------------------------------------
 */

static void test_locking(void)
{
    g_autofree char *path = g_test_subprocess() ? g_strdup(g_getenv("TEST_BLOCK_IMAGE"))
                                                : make_file("lock.img", 1 * MiB);
    g_autoptr(GError) err = NULL;
    BlockBackend *blk;

    if (g_test_subprocess()) {
        g_autofree char *ro = g_strdup_printf("file,node-name=r,read-only=on,filename=%s", path);

        blockdev_fails("is locked: another process", "file,node-name=l,filename=%s", path);
        blockdev_fails("lock.img", "%s", ro);
        blockdev("file,node-name=l,locking=off,filename=%s", path);
        return;
    }
    /* A writer, and somebody in another process. */
    blockdev("file,node-name=l,filename=%s", path);
    g_setenv("TEST_BLOCK_IMAGE", path, true);
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed();
    /* A second node of this process. */
    blockdev_fails("is locked", "file,node-name=l2,filename=%s", path);
    del("l");
    /* Readers share. */
    blockdev("file,node-name=l,read-only=on,filename=%s", path);
    blockdev("file,node-name=l2,read-only=on,filename=%s", path);
    blockdev_fails("is locked", "file,node-name=l3,filename=%s", path);
    del("l2");
    del("l");
    /* auto-read-only: locked for writing while somebody writes. */
    blockdev("file,node-name=l,auto-read-only=on,filename=%s", path);
    blockdev("file,node-name=l2,auto-read-only=on,filename=%s", path);
    g_assert_null(blk_attach_dev("l", NULL, true, &err));
    g_assert_nonnull(strstr(err->message, "is locked"));
    del("l2");
    blk = attach("l");
    blockdev_fails("is locked", "file,node-name=l2,read-only=on,filename=%s", path);
    blk_detach_dev(blk);
    blockdev("file,node-name=l2,read-only=on,filename=%s", path);
    del("l2");
    del("l");
}

/* --- graph and options
 * ------------------------------------------------------------------------------------------ */

static void test_options(void)
{
    g_autofree char *path = make_file("opt.img", 1 * MiB);
    g_autoptr(GError) err = NULL;
    BlockBackend *blk;

    blockdev_fails("'node-name' must be specified", "null-co");
    blockdev_fails("Parameter 'driver' is missing", "node-name=x");
    blockdev_fails("did you mean 'file'", "fil,node-name=x");
    blockdev_fails("there are: file, host_device, raw", "qcow2,node-name=x");
    blockdev_fails("has no parameter 'sise'; did you mean 'size'", "null-co,node-name=x,sise=1M");
    blockdev_fails("starts with a letter", "null-co,node-name=1x");
    blockdev_fails("starts with a letter", "null-co,node-name=a/b");
    blockdev_fails("Could not open '/nonexistent/a'", "file,node-name=x,filename=/nonexistent/a");
    blockdev_fails("'filename' is missing", "file,node-name=x");
    blockdev_fails("is no regular file", "file,node-name=x,filename=/dev/null");
    blockdev_fails("is no block device", "host_device,node-name=x,filename=%s", path);
    blockdev_fails("'aio' does not accept value 'fast'", "file,node-name=x,aio=fast,filename=%s",
                   path);
    blockdev_fails("aio=native needs cache.direct=on", "file,node-name=x,aio=native,filename=%s",
                   path);
    blockdev_fails("'locking' does not accept", "file,node-name=x,locking=perhaps,filename=%s",
                   path);
    blockdev_fails("'discard' does not accept value 'on'", "null-co,node-name=x,discard=on");
    blockdev_fails("cache has no parameter 'drect'; did you mean 'direct'",
                   "null-co,node-name=x,cache.drect=on");
    blockdev_fails("there is no node of this name", "raw,node-name=x,file=nothing");
    blockdev_fails("needs 'file'", "raw,node-name=x");
    g_assert_null(block_node_find("x"));

    blockdev("{'driver': 'file', 'node-name': 'f', 'filename': '%s', 'cache.direct': true, "
             "'cache': {'no-flush': true}}",
             path);
    g_assert_true(block_node_find("f")->cache_direct);
    g_assert_true(block_node_find("f")->cache_no_flush);
    blockdev_fails("in use already", "null-co,node-name=f");
    blockdev("raw,node-name=r,file=f");
    g_assert_false(block_node_del("f", &err));
    g_assert_nonnull(strstr(err->message, "is in use"));
    g_clear_error(&err);
    g_assert_false(block_node_del("nope", &err));
    g_clear_error(&err);
    blk = attach("r");
    g_assert_cmpstr(blk_name(blk), ==, "r");
    g_assert_null(blk_attach_dev("r", NULL, false, &err));
    g_assert_nonnull(strstr(err->message, "another device or node writes to it"));
    g_clear_error(&err);
    g_assert_null(blk_attach_dev("f", NULL, false, &err));
    g_clear_error(&err);
    blockdev_fails("writes to it", "raw,node-name=r2,file=f");
    g_assert_false(block_node_del("r", &err));
    g_clear_error(&err);
    blk_detach_dev(blk);
    del("r");
    del("f");
    g_assert_null(blk_attach_dev("f", NULL, false, &err));
    g_assert_nonnull(strstr(err->message, "'f'"));
}

static void test_drive(void)
{
    g_autofree char *path = make_file("drive,1.img", 1 * MiB);
    g_autofree char *comma = g_build_filename(dir, "drive,,1.img", NULL);
    g_autofree char *qcow = g_build_filename(dir, "x.qcow2", NULL);
    g_autofree char *text = g_strdup_printf(
        "if=none,id=d0,file=%s,format=raw,cache=none,aio=native,werror=stop,rerror=ignore,"
        "discard=unmap,detect-zeroes=unmap,file.locking=off",
        comma);
    g_autofree char *wt =
        g_strdup_printf("file=%s,if=none,id=d1,cache=writethrough,readonly=on", comma);
    g_autofree char *q1 = g_strdup_printf("file=%s,if=none,id=q", qcow);
    g_autofree char *q2 = g_strdup_printf("file=%s,if=none,id=q,format=raw", qcow);
    g_autofree char *q3 = g_strdup_printf("file.driver=file,file.filename=%s,if=none,id=q", comma);
    g_autoptr(GError) err = NULL;
    BlockBackend *blk;

    g_assert_true(drive_add(text, NULL, &err));
    drive_fails("in use already", "if=none,id=d0,driver=null-co");
    blk = attach("d0");
    g_assert_cmpstr(blk_name(blk), ==, "d0");
    g_assert_true(blk->root->cache_direct && blk->root->file->cache_direct &&
                  blk->root->discard_unmap);
    g_assert_cmpstr(blk->root->filename, ==, path);
    g_assert_true(blk_write_cache_enabled(blk));
    g_assert_cmpint(blk_error_action(blk, false, EIO), ==, BLOCK_ERROR_ACTION_STOP);
    g_assert_cmpint(blk_error_action(blk, true, EIO), ==, BLOCK_ERROR_ACTION_IGNORE);
    g_assert_false(blk_is_read_only(blk));
    g_assert_null(blk_attach_dev("d0", NULL, false, &err));
    g_clear_error(&err);
    blk_detach_dev(blk);
    g_assert_null(blk_find("d0"));

    g_assert_true(drive_add(wt, NULL, &err));
    blk = blk_attach_dev("d1", NULL, false, &err);
    g_assert_true(blk_is_read_only(blk));
    g_assert_false(blk_write_cache_enabled(blk));
    blk_detach_dev(blk);

    g_assert_true(drive_add("file=null-co://,if=none,id=n,file.size=64K", NULL, &err));
    blk = attach("n");
    g_assert_cmpint(blk_getlength(blk), ==, 64 * KiB);
    blk_detach_dev(blk);
    g_assert_true(drive_add("driver=null-aio,if=none,id=n,size=1M,cache=directsync", NULL, &err));
    blk = attach("n");
    g_assert_cmpint(blk_getlength(blk), ==, 1 * MiB);
    blk_detach_dev(blk);
    g_assert_true(drive_add(q3, NULL, &err));
    blk_detach_dev(blk_find("q"));

    g_assert_true(g_file_set_contents(qcow, "QFI\xfb rest", 9, NULL));
    drive_fails("looks like an image in a format other than raw", q1);
    g_assert_true(drive_add(q2, NULL, &err));
    blk_detach_dev(blk_find("q"));
    drive_fails("-device virtio-scsi-pci -device scsi-hd,drive=ID", "file=x,if=scsi");
    drive_fails("if=mtd is not valid", "file=x,if=mtd");
    drive_fails("Could not open", "file=x");
    drive_fails("snapshot=on is not supported", "file=x,if=none,snapshot=on");
    drive_fails("cache=fast is not valid", "file=x,if=none,cache=fast");
    drive_fails("werror=perhaps", "file=x,if=none,werror=perhaps");
    drive_fails("unknown protocol 'nbd'", "file=nbd://host/x,if=none");
    drive_fails("give file=NAME", "if=none,id=e");
    drive_fails("Could not open", "file=/nonexistent/x,if=none,id=e");
    drive_fails("has no parameter 'fromat'", "file=null-co://,if=none,id=e,fromat=raw");
    g_assert_null(blk_find("e"));
}

static void resized(void *opaque)
{
    ++*(int *)opaque;
}

static void test_resize(void)
{
    g_autofree char *path = make_file("resize.img", 1 * MiB);
    g_autoptr(GError) err = NULL;
    int calls = 0;
    BlockBackend *blk;
    struct stat st;

    blockdev("raw,node-name=rs,file.driver=file,file.filename=%s", path);
    blk = attach("rs");
    blk_set_resize_cb(blk, resized, &calls);
    g_assert_true(block_node_truncate(blk->root, 2 * MiB, &err));
    blk_resized(blk);
    g_assert_cmpint(calls, ==, 1);
    g_assert_cmpint(blk_getlength(blk), ==, 2 * MiB);
    stat(path, &st);
    g_assert_cmpint(st.st_size, ==, 2 * MiB);
    blk_detach_dev(blk);
    del("rs");
}

int main(int argc, char **argv)
{
    block_test_init(&argc, &argv);
    g_test_add_func("/block/locking", test_locking);
    g_test_add_func("/block/options", test_options);
    g_test_add_func("/block/drive", test_drive);
    g_test_add_func("/block/resize", test_resize);
    return block_test_run();
}
