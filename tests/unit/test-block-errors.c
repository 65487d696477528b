/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block layer: errors injected and real ones, what is done about them, read-only nodes. */
#include "block-test-util.h"

#include <sys/mount.h>
#include <sys/stat.h>

/* --- errors
 * ----------------------------------------------------------------------------------------------------
 */

static void test_blkdebug(void)
{
    g_autofree char *path = make_file("debug.img", 1 * MiB);
    BlockBackend *blk;
    char buf[4096];

    blockdev("file,node-name=base,filename=%s", path);
    blockdev("{'driver': 'blkdebug', 'node-name': 'dbg', 'image': 'base', 'inject-error': ["
             "{'event': 'none', 'iotype': 'read', 'sector': 8, 'errno': 61},"
             "{'event': 'write_aio', 'errno': 28, 'iotype': 'write', 'once': true},"
             "{'event': 'flush_to_disk', 'iotype': 'flush', 'once': true, 'immediately': true}]}");
    blk = attach("dbg");
    g_assert_null(blk->fast);
    g_assert_cmpint(rw(blk, BLK_READ, 0, buf, 4096, 0), ==, 0);
    g_assert_cmpint(rw(blk, BLK_READ, 4096, buf, 512, 0), ==, -ENODATA);
    g_assert_cmpint(rw(blk, BLK_READ, 1024, buf, 4096, 0), ==, -ENODATA);
    g_assert_cmpint(rw(blk, BLK_READ, 4608, buf, 512, 0), ==, 0);
    g_assert_cmpint(rw(blk, BLK_WRITE, 0, buf, 512, 0), ==, -ENOSPC);
    g_assert_cmpint(rw(blk, BLK_WRITE, 0, buf, 512, 0), ==, 0);
    g_assert_cmpint(op(blk, BLK_FLUSH, 0, 0, 0), ==, -EIO);
    g_assert_cmpint(op(blk, BLK_FLUSH, 0, 0, 0), ==, 0);
    blk_detach_dev(blk);
    del("dbg");
    blockdev("blkdebug,node-name=dbg,image=base,inject-error.0.event=none,inject-error.0.once=on");
    blk = attach("dbg");
    g_assert_cmpint(rw(blk, BLK_READ, 0, buf, 512, 0), ==, -EIO);
    g_assert_cmpint(rw(blk, BLK_READ, 0, buf, 512, 0), ==, 0);
    blk_detach_dev(blk);
    del("dbg");
    del("base");
    blockdev_fails("event 'x' does not happen",
                   "blkdebug,node-name=d,image.driver=null-co,inject-error.0.event=x");
    blockdev_fails("inject-error has no parameter 'even'; did you mean 'event'",
                   "blkdebug,node-name=d,image.driver=null-co,inject-error.0.event=none,inject-"
                   "error.0.even=x");
    blockdev_fails("needs 'image'", "blkdebug,node-name=d");
}

static BlockBackend *hooked;
static BlockErrorAction hooked_action;

static void hook(BlockBackend *blk, bool is_read, int error, BlockErrorAction action)
{
    hooked = blk;
    hooked_action = action;
}

static void test_policy(void)
{
    BlkErrorHook *old = blk_error_hook;
    g_autoptr(GError) err = NULL;
    BlockBackend *blk;

    blk_error_hook = hook;
    blockdev("null-co,node-name=p");
    blk = attach("p");
    g_assert_cmpint(blk_error_action(blk, true, EIO), ==, BLOCK_ERROR_ACTION_REPORT);
    g_assert_true(hooked == blk && hooked_action == BLOCK_ERROR_ACTION_REPORT);
    g_assert_cmpint(blk_error_action(blk, false, EIO), ==, BLOCK_ERROR_ACTION_REPORT);
    g_assert_cmpint(blk_error_action(blk, false, ENOSPC), ==, BLOCK_ERROR_ACTION_STOP);
    g_assert_cmpint(blk->io_status, ==, ENOSPC);
    g_assert_true(blk_set_error_policy(blk, "stop", "ignore", &err));
    g_assert_cmpint(blk_error_action(blk, true, EIO), ==, BLOCK_ERROR_ACTION_STOP);
    g_assert_cmpint(blk_error_action(blk, false, ENOSPC), ==, BLOCK_ERROR_ACTION_IGNORE);
    g_assert_true(blk_set_error_policy(blk, NULL, "auto", &err));
    g_assert_cmpint(blk_error_action(blk, true, EIO), ==, BLOCK_ERROR_ACTION_STOP);
    g_assert_false(blk_set_error_policy(blk, "enospc", NULL, &err));
    g_assert_nonnull(strstr(err->message, "rerror=enospc"));
    blk_detach_dev(blk);
    del("p");
    blk_error_hook = old;
}

static void test_enospc(void)
{
    g_autofree char *mnt = g_build_filename(dir, "mnt", NULL);
    g_autofree char *path = g_build_filename(mnt, "full.img", NULL);
    g_autofree char *buf = g_malloc(1 * MiB);
    BlockBackend *blk;
    int fd;

    g_mkdir(mnt, 0700);
    if (mount("none", mnt, "tmpfs", 0, "size=256k") < 0) {
        g_test_skip("no right to mount a small tmpfs");
        g_rmdir(mnt);
        return;
    }
    fd = open(path, O_RDWR | O_CREAT, 0600);
    g_assert_cmpint(ftruncate(fd, 4 * MiB), ==, 0);
    close(fd);
    memset(buf, 3, 1 * MiB);
    blockdev("file,node-name=full,filename=%s", path);
    blk = attach("full");
    g_assert_true(((FileState *)blk->root->state)->memory_fs);
    g_assert_cmpint(rw(blk, BLK_WRITE, 0, buf, 64 * KiB, 0), ==, 0);
    g_assert_cmpint(rw(blk, BLK_READ, 0, buf, 64 * KiB, 0), ==, 0);
    /* A part fits, which is no success. */
    g_assert_cmpint(rw(blk, BLK_WRITE, 1 * MiB, buf, 1 * MiB, 0), ==, -ENOSPC);
    blk_detach_dev(blk);
    del("full");
    if (aio_has_io_uring(aio_get_main())) {
        blockdev("file,node-name=full,aio=io_uring,filename=%s", path);
        blk = attach("full");
        g_assert_cmpint(rw(blk, BLK_WRITE, 2 * MiB, buf, 1 * MiB, 0), ==, -ENOSPC);
        blk_detach_dev(blk);
        del("full");
    }
    g_assert_cmpint(umount(mnt), ==, 0);
    g_rmdir(mnt);
}

static void test_read_only(void)
{
    g_autofree char *path = make_file("ro.img", 1 * MiB);
    g_autoptr(GError) err = NULL;
    BlockBackend *blk;
    char buf[512];

    blockdev("raw,node-name=ro,read-only=on,file.driver=file,file.filename=%s", path);
    g_assert_null(blk_attach_dev("ro", NULL, true, &err));
    g_assert_nonnull(strstr(err->message, "'ro' is read-only"));
    blk = blk_attach_dev("ro", NULL, false, NULL);
    g_assert_nonnull(blk);
    g_assert_true(blk_is_read_only(blk));
    g_assert_cmpint(rw(blk, BLK_READ, 0, buf, 512, 0), ==, 0);
    g_assert_cmpint(rw(blk, BLK_WRITE, 0, buf, 512, 0), ==, -EACCES);
    g_assert_cmpint(op(blk, BLK_DISCARD, 0, 512, 0), ==, -EACCES);
    g_assert_cmpint(op(blk, BLK_FLUSH, 0, 0, 0), ==, 0);
    blk_detach_dev(blk);
    del("ro");
}

int main(int argc, char **argv)
{
    block_test_init(&argc, &argv);
    g_test_add_func("/block/blkdebug", test_blkdebug);
    g_test_add_func("/block/policy", test_policy);
    g_test_add_func("/block/enospc", test_enospc);
    g_test_add_func("/block/read-only", test_read_only);
    return block_test_run();
}
