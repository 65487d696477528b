/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libFuzzer: a raw image of any content and length, as a drive whose format is guessed and as a
 * node with or without a window; requests to it against a copy in memory, while the file is cut
 * short behind the back.  The input: a header, requests of 4 bytes, the image.
 */
#include "../unit/block-test-util.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { IMAGE_MAX = 32 * KiB, SECTOR = 512, REQUESTS_MAX = 32 };
enum { OP_READ, OP_WRITE, OP_ZERO, OP_DISCARD, OP_FLUSH, OP_CUT, OP_COUNT };
enum { WINDOW = 1, SIZED = 2, UNMAP = 4, DETECT = 8, DETECT_UNMAP = 16 };

typedef struct Header {
    uint8_t flags, offset, sectors, n_requests;
} Header;

typedef struct Disk {
    int fd;
    size_t len;            /* of the image, in whole sectors */
    uint64_t offset, size; /* the node's window */
    bool unmap;
    uint8_t want[IMAGE_MAX]; /* the image as it must be */
    BlockBackend *blk;
} Disk;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    g_assert_true(aio_init_main(NULL));
    return 0;
}

/* What looks like another format is not taken for raw by guessing. */
static void check_guess(const Disk *d, const char *path)
{
    g_autofree char *text = g_strdup_printf("if=none,id=guess,file=%s", path);
    g_autoptr(GError) err = NULL;

    if (drive_add(text, NULL, &err)) {
        g_assert_false(d->len && !memcmp(d->want, "QFI\xfb", 4));
        blk_detach_dev(blk_find("guess"));
    } else {
        g_assert_true(*err->message);
    }
}

static bool open_node(Disk *d, const Header *h, const char *path)
{
    g_autoptr(GString) text = g_string_new("raw,node-name=disk,file.driver=file,file.filename=");
    g_autoptr(GError) err = NULL;
    bool fits;

    d->unmap = h->flags & UNMAP;
    d->offset = h->flags & WINDOW ? h->offset * SECTOR : 0;
    fits = d->offset <= d->len;
    d->size = fits ? d->len - d->offset : 0;
    if (h->flags & SIZED) {
        fits &= h->sectors * SECTOR <= d->size;
        d->size = h->sectors * SECTOR;
    }
    g_string_append_printf(text, "%s,discard=%s", path, d->unmap ? "unmap" : "ignore");
    if (h->flags & WINDOW) {
        g_string_append_printf(text, ",offset=%u", h->offset * SECTOR);
    }
    if (h->flags & SIZED) {
        g_string_append_printf(text, ",size=%u", h->sectors * SECTOR);
    }
    if (h->flags & DETECT) {
        g_string_append_printf(text, ",detect-zeroes=%s",
                               d->unmap && h->flags & DETECT_UNMAP ? "unmap" : "on");
    }
    if (!try_blockdev(&err, "%s", text->str)) {
        g_assert_false(fits);
        return false;
    }
    g_assert_true(fits);
    d->blk = attach("disk");
    g_assert_cmpint(blk_getlength(d->blk), ==, d->size);
    return true;
}

/* A discarded range reads as before or as zeros, sector by sector. */
static void after_discard(Disk *d, uint64_t offset, size_t bytes)
{
    static const uint8_t zeros[SECTOR];
    uint8_t got[SECTOR];

    for (size_t at = 0; at < bytes; at += SECTOR) {
        uint8_t *want = d->want + d->offset + offset + at;

        g_assert_cmpint(rw(d->blk, BLK_READ, offset + at, got, SECTOR, 0), ==, 0);
        if (d->unmap && !memcmp(got, zeros, SECTOR)) {
            memset(want, 0, SECTOR);
        }
        g_assert_cmpmem(got, SECTOR, want, SECTOR);
    }
}

static void request(Disk *d, const uint8_t r[4])
{
    uint64_t offset = r[1] % 80 * SECTOR;
    size_t bytes = r[2] % 24 * SECTOR;
    bool fits = offset <= d->size && bytes <= d->size - offset;
    uint8_t buf[24 * SECTOR], *want = d->want + (fits ? d->offset + offset : 0);
    int expected = fits ? 0 : -EIO;

    switch (r[0] % OP_COUNT) {
    case OP_READ:
        memset(buf, 0x5a, sizeof(buf));
        g_assert_cmpint(rw(d->blk, BLK_READ, offset, buf, bytes, 0), ==, expected);
        if (fits) {
            g_assert_cmpmem(buf, bytes, want, bytes);
        }
        break;
    case OP_WRITE:
        memset(buf, r[3], bytes);
        g_assert_cmpint(rw(d->blk, BLK_WRITE, offset, buf, bytes, r[3] & 1), ==, expected);
        if (fits) {
            memset(want, r[3], bytes);
        }
        break;
    case OP_ZERO:
        g_assert_cmpint(
            op(d->blk, BLK_WRITE_ZEROES, offset, bytes, r[3] & (BLK_REQ_FUA | BLK_REQ_MAY_UNMAP)),
            ==, expected);
        if (fits) {
            memset(want, 0, bytes);
        }
        break;
    case OP_DISCARD:
        g_assert_cmpint(op(d->blk, BLK_DISCARD, offset, bytes, 0), ==, expected);
        if (fits) {
            after_discard(d, offset, bytes);
        }
        break;
    case OP_FLUSH:
        g_assert_cmpint(op(d->blk, BLK_FLUSH, 0, 0, 0), ==, 0);
        break;
    case OP_CUT: {
        size_t len = r[1] * 128u + r[2]; /* what is gone reads as zeros */

        if (len < d->len && lseek(d->fd, 0, SEEK_END) > (off_t)len) {
            g_assert_cmpint(ftruncate(d->fd, (off_t)len), ==, 0);
            memset(d->want + len, 0, sizeof(d->want) - len);
        }
        break;
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *path = NULL;
    Disk d = {0};
    uint8_t got[IMAGE_MAX] = {0};
    const uint8_t *requests;
    Header h;
    unsigned n;

    if (size < sizeof(h)) {
        return 0;
    }
    memcpy(&h, data, sizeof(h));
    requests = data + sizeof(h);
    n = MIN(MIN(h.n_requests, REQUESTS_MAX), (size - sizeof(h)) / 4);
    data = requests + n * 4;
    size = MIN(size - sizeof(h) - n * 4, IMAGE_MAX);
    d.fd = memfd_create("image", MFD_CLOEXEC);
    g_assert_cmpint(write(d.fd, data, size), ==, size);
    memcpy(d.want, data, size);
    d.len = ALIGN_UP(size, SECTOR);
    path = g_strdup_printf("/proc/self/fd/%d", d.fd);
    check_guess(&d, path);
    if (open_node(&d, &h, path)) {
        for (unsigned i = 0; i < n; i++) {
            request(&d, requests + i * 4);
        }
        blk_detach_dev(d.blk);
        del("disk");
    }
    g_assert_cmpint(pread(d.fd, got, sizeof(got), 0), <=, d.len);
    g_assert_cmpmem(got, sizeof(got), d.want, sizeof(d.want));
    close(d.fd);
    return 0;
}
