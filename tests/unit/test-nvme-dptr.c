/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NVMe data pointers: PRPs and SGLs against guest memory that is made here.  Random descriptions of
 * random data must come out as exactly the host bytes that a naive walk finds; each malformed one
 * gives its status; and whatever happened, no RAM stays pinned.
 */
#include "qemu/osdep.h"

#include "../../hw/nvme/nvme.h"
#include "../../system/memory-internal.h"
#include "../include/soak.h"

/* 0 .. 4 MiB low, a second block right behind it, a hole, and 1 MiB from 4 GiB on. */
#define LOW_SIZE 0x400000u
#define NEXT_SIZE 0x100000u
#define HIGH_BASE 0x100000000u
#define HIGH_SIZE 0x100000u
#define MAX_IOV 600

static MemoryRegion low, next, high, device;
static NvmeCtrl *n;
static NvmeSq sq;
static NvmeRequest req;
static GRand *rnd;

static uint64_t no_read(void *opaque, hwaddr offset, unsigned size)
{
    g_assert_not_reached();
}

static void no_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    g_assert_not_reached();
}

static const MemoryRegionOps device_ops = {.read = no_read, .write = no_write};

static uint8_t *host_of(uint64_t addr)
{
    if (addr < LOW_SIZE) {
        return (uint8_t *)memory_region_get_ram_ptr(&low) + addr;
    }
    if (addr < LOW_SIZE + NEXT_SIZE) {
        return (uint8_t *)memory_region_get_ram_ptr(&next) + (addr - LOW_SIZE);
    }
    if (addr >= HIGH_BASE && addr < HIGH_BASE + HIGH_SIZE) {
        return (uint8_t *)memory_region_get_ram_ptr(&high) + (addr - HIGH_BASE);
    }
    return NULL;
}

static void setup(void)
{
    memory_map_init();
    g_assert_true(memory_region_init_ram(&low, NULL, "low", LOW_SIZE, NULL));
    g_assert_true(memory_region_init_ram(&next, NULL, "next", NEXT_SIZE, NULL));
    g_assert_true(memory_region_init_ram(&high, NULL, "high", HIGH_SIZE, NULL));
    memory_region_init_io(&device, NULL, &device_ops, NULL, "device", 0x10000);
    memory_region_add_subregion(get_system_memory(), 0, &low);
    memory_region_add_subregion(get_system_memory(), LOW_SIZE, &next);
    memory_region_add_subregion(get_system_memory(), HIGH_BASE, &high);
    memory_region_add_subregion(get_system_memory(), 0xf0000000, &device);
    n = g_new0(NvmeCtrl, 1);
    n->max_iov = MAX_IOV;
    n->page_size = 4096;
    n->page_bits = 12;
    address_space_init(&PCI_DEVICE(n)->bus_master_as, get_system_memory(), "dma");
    sq = (NvmeSq){.n = n, .id = 1};
    req = (NvmeRequest){
        .sq = &sq,
        .data = {.iov = g_new0(struct iovec, MAX_IOV), .block = g_new0(RAMBlock *, MAX_IOV)}};
}

static void check_unpinned(void)
{
    nvme_ram_clear(&sq.ram);
    g_assert_false(ram_block_pinned(low.ram_block));
    g_assert_false(ram_block_pinned(next.ram_block));
    g_assert_false(ram_block_pinned(high.ram_block));
}

/* --- a description, byte by byte
 * ------------------------------------------------------------------- */

typedef struct Extent {
    uint64_t addr, len;
} Extent;

static GArray *extents;

static void expect(uint64_t addr, uint64_t len)
{
    Extent e = {addr, len};
    g_array_append_val(extents, e);
}

static void check_mapping(uint64_t len)
{
    uint64_t done = 0;
    int seg = 0;
    size_t seg_done = 0;

    for (guint i = 0; i < extents->len; i++) {
        Extent *e = &g_array_index(extents, Extent, i);
        for (uint64_t b = 0; b < e->len; b++, done++) {
            g_assert_cmpint(seg, <, req.data.niov);
            g_assert_true((uint8_t *)req.data.iov[seg].iov_base + seg_done == host_of(e->addr + b));
            if (++seg_done == req.data.iov[seg].iov_len) {
                seg++;
                seg_done = 0;
            }
        }
    }
    g_assert_cmpuint(done, ==, len);
    g_assert_cmpint(seg, ==, req.data.niov);
    g_assert_cmpuint(req.data.len, ==, len);
}

/* The same description, used to copy. */
static void check_copy(uint64_t len)
{
    g_autofree uint8_t *buf = g_malloc(len), *back = g_malloc(len);
    for (uint64_t i = 0; i < len; i++) {
        buf[i] = (uint8_t)g_rand_int(rnd);
    }
    g_assert_cmphex(nvme_copy_to_host(&req, buf, len), ==, NVME_SUCCESS);
    uint64_t at = 0;
    for (guint i = 0; i < extents->len; i++) {
        Extent *e = &g_array_index(extents, Extent, i);
        for (uint64_t b = 0; b < e->len; b++, at++) {
            g_assert_cmphex(*host_of(e->addr + b), ==, buf[at]);
        }
    }
    g_assert_cmphex(nvme_copy_from_host(&req, back, len), ==, NVME_SUCCESS);
    g_assert_cmpmem(back, len, buf, len);
}

/* --- PRPs
 * -------------------------------------------------------------------------------------------- */

/* Data pages come from the lower part of low, from next and high, each once; lists from the rest.
 */
static uint64_t data_page(unsigned i, uint32_t page)
{
    uint64_t half = LOW_SIZE / 2 / page;
    if (i < half) {
        return (uint64_t)i * page;
    }
    i -= (unsigned)half;
    return i < NEXT_SIZE / page ? LOW_SIZE + (uint64_t)i * page
                                : HIGH_BASE + (uint64_t)(i - NEXT_SIZE / page) * page;
}

static uint64_t next_list; /* free space for lists */

static void build_prps(uint64_t len, uint32_t page)
{
    unsigned total = (LOW_SIZE / 2 + NEXT_SIZE + HIGH_SIZE) / page, nr = 0;
    g_autofree uint64_t *pages = g_new(uint64_t, total);
    bool in_order = g_rand_boolean(rnd);

    for (unsigned i = 0; i < total; i++) {
        pages[i] = data_page(i, page);
    }
    for (unsigned i = 0; !in_order && i < total; i++) {
        unsigned k = (unsigned)g_rand_int_range(rnd, 0, (int)total);
        uint64_t t = pages[i];
        pages[i] = pages[k];
        pages[k] = t;
    }
    uint32_t offset = (uint32_t)g_rand_int_range(rnd, 0, (int)page / 4) * 4;
    uint64_t first = MIN(len, page - offset), left = len - first;
    req.cmd.dptr.prp1 = pages[nr++] + offset;
    expect(req.cmd.dptr.prp1, first);
    if (!left) {
        req.cmd.dptr.prp2 = 0xdeadbeef; /* not looked at */
        return;
    }
    if (left <= page) {
        req.cmd.dptr.prp2 = pages[nr];
        expect(pages[nr], left);
        return;
    }
    /* a list from anywhere in a page */
    next_list = ALIGN_UP(next_list, page);
    uint64_t at = next_list + (uint64_t)g_rand_int_range(rnd, 0, (int)page / 8) * 8;
    req.cmd.dptr.prp2 = at;
    next_list += page;
    while (left) {
        if (at % page == page - 8 && left > page) {
            *(uint64_t *)host_of(at) = next_list;
            at = next_list;
            next_list += page;
            continue;
        }
        *(uint64_t *)host_of(at) = pages[nr];
        expect(pages[nr], MIN(left, page));
        left -= MIN(left, page);
        nr++;
        at += 8;
    }
}

static void test_prp_random(void)
{
    for (long left = soak(3000, 100000); left; left--) {
        n->page_bits = 12 + (unsigned)g_rand_int_range(rnd, 0, 3);
        n->page_size = 1u << n->page_bits;
        uint64_t len = (uint64_t)g_rand_int_range(rnd, 1, g_rand_boolean(rnd) ? 40 : 600) * 512;
        next_list = LOW_SIZE / 2;
        g_array_set_size(extents, 0);
        req.cmd.flags = 0;
        build_prps(len, n->page_size);
        g_assert_cmphex(nvme_map_data(&req, len, g_rand_boolean(rnd)), ==, NVME_SUCCESS);
        check_mapping(len);
        nvme_data_unmap(&req, true);
        if (left % 16 == 0) {
            check_copy(len);
        }
    }
    n->page_bits = 12;
    n->page_size = 4096;
    check_unpinned();
}

static uint16_t map_prp(uint64_t prp1, uint64_t prp2, uint64_t len)
{
    req.cmd.flags = 0;
    req.cmd.dptr.prp1 = prp1;
    req.cmd.dptr.prp2 = prp2;
    uint16_t status = nvme_map_data(&req, len, true);
    nvme_data_unmap(&req, false);
    return status;
}

static void test_prp_errors(void)
{
    uint64_t *list = (uint64_t *)host_of(0x200000);

    g_assert_cmphex(map_prp(0x1002, 0, 512), ==, NVME_INVALID_PRP_OFFSET | NVME_DNR);
    g_assert_cmphex(map_prp(0x1000, 0x2004, 8192), ==, NVME_INVALID_PRP_OFFSET | NVME_DNR);
    g_assert_cmphex(map_prp(0x1000, 0x200004, 3 * 4096), ==, NVME_INVALID_PRP_OFFSET | NVME_DNR);
    list[0] = 0x3000;
    list[1] = 0x4010;
    g_assert_cmphex(map_prp(0x1000, 0x200000, 3 * 4096), ==, NVME_INVALID_PRP_OFFSET | NVME_DNR);
    list[511] = 0x201008; /* the pointer to the next page of the list */
    g_assert_cmphex(map_prp(0x1000, 0x200ff8, 3 * 4096), ==, NVME_INVALID_PRP_OFFSET | NVME_DNR);
    /* not RAM: nothing there, a device, the hole, the end of all addresses; as data and as list */
    static const uint64_t bad[] = {0x80000000, 0xf0000000, LOW_SIZE + NEXT_SIZE,
                                   UINT64_MAX & ~0xfffull};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_cmphex(map_prp(bad[i], 0, 512), ==, NVME_DATA_TRANSFER_ERROR);
        g_assert_cmphex(map_prp(0x1000, bad[i], 8192), ==, NVME_DATA_TRANSFER_ERROR);
        g_assert_cmphex(map_prp(0x1000, bad[i], 3 * 4096), ==, NVME_DATA_TRANSFER_ERROR);
        list[0] = 0x3000;
        list[1] = bad[i];
        g_assert_cmphex(map_prp(0x1000, 0x200000, 3 * 4096), ==, NVME_DATA_TRANSFER_ERROR);
    }
    /* more pieces than there is room for */
    for (unsigned i = 0; i < 700; i++) {
        list[i == 511 ? 700 : i] = (uint64_t)(i % 2 ? 0x10000 : 0x20000);
    }
    list[511] = 0x201000;
    g_assert_cmphex(map_prp(0x1000, 0x200000, 690 * 4096), ==, NVME_INVALID_SGL_COUNT | NVME_DNR);
    /* bus master off */
    address_space_set_enabled(&PCI_DEVICE(n)->bus_master_as, false);
    g_assert_cmphex(map_prp(0x1000, 0, 512), ==, NVME_DATA_TRANSFER_ERROR);
    address_space_set_enabled(&PCI_DEVICE(n)->bus_master_as, true);
    g_assert_cmphex(map_prp(0x1000, 0, 512), ==, NVME_SUCCESS);
    check_unpinned();
}

/* --- SGLs
 * ---------------------------------------------------------------------------------------------- */

static uint64_t random_data(uint64_t len)
{
    switch (g_rand_int_range(rnd, 0, 3)) {
    case 0: /* over the edge of two blocks, now and then */
        return LOW_SIZE - len + (uint64_t)g_rand_int_range(rnd, 0, (int)len + 1);
    case 1:
        return (uint64_t)g_rand_int_range(rnd, 0, (int)(LOW_SIZE / 2 - len));
    default:
        return HIGH_BASE + (uint64_t)g_rand_int_range(rnd, 0, (int)(HIGH_SIZE - len));
    }
}

static NvmeSglDescriptor sgl(uint64_t addr, uint64_t len, unsigned type)
{
    return (NvmeSglDescriptor){.addr = addr, .len = (uint32_t)len, .type = (uint8_t)(type << 4)};
}

static void test_sgl_random(void)
{
    for (long left = soak(3000, 100000); left; left--) {
        unsigned pieces = (unsigned)g_rand_int_range(rnd, 1, 60);
        uint64_t len = 0, at = LOW_SIZE / 2;
        NvmeSglDescriptor d[60];

        g_array_set_size(extents, 0);
        for (unsigned i = 0; i < pieces; i++) {
            uint64_t l = (uint64_t)g_rand_int_range(rnd, 0, 2000), addr = random_data(MAX(l, 1));
            d[i] = sgl(addr, l, NVME_SGL_DATA_BLOCK);
            expect(addr, l);
            len += l;
        }
        req.cmd.flags = 1 << 6;
        if (pieces == 1) {
            req.cmd.dptr.sgl = d[0];
        } else {
            /* segments of random sizes; each but the last ends in a descriptor of the next */
            NvmeSglDescriptor *link = &req.cmd.dptr.sgl;
            for (unsigned i = 0; i < pieces;) {
                unsigned count = (unsigned)g_rand_int_range(rnd, 1, (int)(pieces - i) + 1);
                bool last = i + count == pieces;
                *link =
                    sgl(at, (count + !last) * 16, last ? NVME_SGL_LAST_SEGMENT : NVME_SGL_SEGMENT);
                memcpy(host_of(at), d + i, count * 16);
                i += count;
                link = (NvmeSglDescriptor *)host_of(at + count * 16);
                at += 0x1000;
            }
        }
        if (!len) {
            continue;
        }
        g_assert_cmphex(nvme_map_data(&req, len, g_rand_boolean(rnd)), ==, NVME_SUCCESS);
        check_mapping(len);
        nvme_data_unmap(&req, false);
        /* one byte more or less than is described */
        g_assert_cmphex(nvme_map_data(&req, len + 1, true), ==,
                        NVME_DATA_SGL_LENGTH_INVALID | NVME_DNR);
        nvme_data_unmap(&req, false);
    }
    check_unpinned();
}

/* Whatever the guest wrote: a status comes back, in bounded time, and nothing stays pinned. */
static void test_garbage(void)
{
    uint64_t *words = (uint64_t *)host_of(0x200000);

    for (long left = soak(20000, 500000); left; left--) {
        for (unsigned i = 0; i < 64; i++) {
            uint64_t w = (uint64_t)g_rand_int(rnd) << 32 | g_rand_int(rnd);
            switch (g_rand_int_range(rnd, 0, 4)) {
            case 0:
                w = 0x200000 + w % 512;
                break;
            case 1:
                w = w % 0x500000 & ~0xfffull;
                break;
            case 2: /* as an SGL's second half: small length, some type */
                w = (w % 64) * 16 | (w >> 20) % 4 << 60;
                break;
            }
            words[i] = w;
        }
        req.cmd.flags = (uint8_t)(g_rand_int_range(rnd, 0, 4) << 6);
        req.cmd.dptr.prp1 = words[g_rand_int_range(rnd, 0, 64)];
        req.cmd.dptr.prp2 = words[g_rand_int_range(rnd, 0, 64)];
        nvme_map_data(&req, (uint64_t)g_rand_int_range(rnd, 0, 0x100000), g_rand_boolean(rnd));
        nvme_data_unmap(&req, false);
    }
    check_unpinned();
}

int main(int argc, char **argv)
{
    g_autoptr(GError) err = NULL;

    g_test_init(&argc, &argv, NULL);
    if (!aio_init_main(&err)) {
        g_error("%s", err->message);
    }
    rnd = g_rand_new_with_seed((guint32)g_test_rand_int());
    extents = g_array_new(false, false, sizeof(Extent));
    setup();
    g_test_add_func("/nvme-dptr/prp/random", test_prp_random);
    g_test_add_func("/nvme-dptr/prp/errors", test_prp_errors);
    g_test_add_func("/nvme-dptr/sgl/random", test_sgl_random);
    g_test_add_func("/nvme-dptr/garbage", test_garbage);
    int res = g_test_run();
    g_array_unref(extents);
    g_rand_free(rnd);
    return res;
}
