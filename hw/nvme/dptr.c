/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data pointers: physical region pages (NVMe 1.4, 4.3) and scatter-gather lists (4.4).
 *
 * The same walk serves both uses: map the guest's pages into an iovec (data of reads and writes, no
 * copy), or copy a structure.
 */
#include "nvme.h"

/* What is done with each piece of the host's buffer. */
typedef struct Walk {
    NvmeRequest *req;
    uint64_t left; /* bytes still wanted */
    bool to_host;
    uint8_t *copy; /* structure to copy; NULL: map */
} Walk;

/* Adds one piece of host memory, whose block the caller keeps from going away during the call. */
static bool add_iov(NvmeData *d, uint32_t max_iov, RAMBlock *block, uint8_t *host, uint64_t len)
{
    struct iovec *last = &d->iov[d->niov - 1];
    bool same_block = d->niov && d->block[d->niov - 1] == block;

    if (same_block && (uint8_t *)last->iov_base + last->iov_len == host) {
        last->iov_len += len;
    } else if (d->niov == (int)max_iov) {
        return false;
    } else {
        if (!same_block) {
            ram_block_pin(block);
        }
        d->block[d->niov] = block;
        d->iov[d->niov++] = (struct iovec){host, len};
    }
    d->len += len;
    return true;
}

/* A piece that crosses the edge of a RAM range. */
static uint16_t map_crossing(Walk *w, uint64_t addr, uint64_t len)
{
    NvmeCtrl *n = w->req->sq->n;

    while (len) {
        hwaddr part = len;
        RAMBlock *block;
        uint8_t *host =
            address_space_map_ram(&PCI_DEVICE(n)->bus_master_as, addr, &part, w->to_host, &block);
        bool added;

        if (!host) {
            return NVME_DATA_TRANSFER_ERROR;
        }
        added = add_iov(&w->req->data, n->max_iov, block, host, part);
        ram_block_unpin(block);
        if (!added) {
            return NVME_INVALID_SGL_COUNT | NVME_DNR;
        }
        addr += part;
        len -= part;
        if (!addr && len) {
            return NVME_DATA_TRANSFER_ERROR; /* ran over the end of all addresses */
        }
    }
    return NVME_SUCCESS;
}

static uint16_t map_piece(Walk *w, uint64_t addr, uint64_t len)
{
    NvmeCtrl *n = w->req->sq->n;
    RamCache *cache;
    uint8_t *host = nvme_ram(n, &w->req->sq->ram, addr, len, w->to_host, &cache);

    if (unlikely(!host)) {
        return map_crossing(w, addr, len);
    }
    return add_iov(&w->req->data, n->max_iov, cache->block, host, len)
               ? NVME_SUCCESS
               : NVME_INVALID_SGL_COUNT | NVME_DNR;
}

static uint16_t walk_piece(Walk *w, uint64_t addr, uint64_t len)
{
    NvmeCtrl *n = w->req->sq->n;
    bool ok;

    len = MIN(len, w->left);
    w->left -= len;
    if (!len) {
        return NVME_SUCCESS;
    }
    if (!w->copy) {
        return map_piece(w, addr, len);
    }
    ok = w->to_host ? nvme_dma_write(n, addr, w->copy, len) : nvme_dma_read(n, addr, w->copy, len);
    w->copy += len;
    return ok ? NVME_SUCCESS : NVME_DATA_TRANSFER_ERROR;
}

/* --- PRPs ------------------------------------------------------------------------------------ */

static uint16_t walk_prp_list(Walk *w, uint64_t list)
{
    NvmeCtrl *n = w->req->sq->n;
    uint32_t page = n->page_size;

    if (list & 7) {
        return NVME_INVALID_PRP_OFFSET | NVME_DNR;
    }
    while (w->left) {
        uint64_t entries[64];
        uint64_t left_in_page = (page - (list & (page - 1))) / 8;
        uint64_t wanted = DIV_ROUND_UP(w->left, page);
        uint64_t count = MIN(MIN(left_in_page, wanted), G_N_ELEMENTS(entries));

        /* One copy: the host may change the list while it is looked at. */
        const void *ram = nvme_ram(n, &w->req->sq->ram, list, count * 8, false, NULL);
        if (likely(ram)) {
            memcpy(entries, ram, count * 8);
        } else if (!nvme_dma_read(n, list, entries, count * 8)) {
            return NVME_DATA_TRANSFER_ERROR;
        }
        for (uint64_t i = 0; i < count; i++) {
            uint16_t status;

            /* The last entry of a page points to the next page of the list when more than it is
             * needed. */
            if (left_in_page - i == 1 && w->left > page) {
                if (entries[i] & (page - 1)) {
                    return NVME_INVALID_PRP_OFFSET | NVME_DNR;
                }
                list = entries[i];
                goto next_list;
            }
            if (entries[i] & (page - 1)) {
                return NVME_INVALID_PRP_OFFSET | NVME_DNR;
            }
            status = walk_piece(w, entries[i], page);
            if (status) {
                return status;
            }
        }
        list += count * 8;
    next_list:;
    }
    return NVME_SUCCESS;
}

static uint16_t walk_prps(Walk *w)
{
    NvmeCtrl *n = w->req->sq->n;
    uint64_t prp1 = w->req->cmd.dptr.prp1, prp2 = w->req->cmd.dptr.prp2;
    uint64_t first = n->page_size - (prp1 & (n->page_size - 1));
    uint16_t status;

    if (prp1 & 3) {
        return NVME_INVALID_PRP_OFFSET | NVME_DNR;
    }
    status = walk_piece(w, prp1, first);
    if (status || !w->left) {
        return status;
    }
    if (w->left > n->page_size) {
        return walk_prp_list(w, prp2);
    }
    if (prp2 & (n->page_size - 1)) {
        return NVME_INVALID_PRP_OFFSET | NVME_DNR;
    }
    return walk_piece(w, prp2, n->page_size);
}

/* --- SGLs ------------------------------------------------------------------------------------ */

#define SGL_MAX_SEGMENTS 256 /* a hostile chain ends here */
#define SGL_MAX_DESCRIPTORS 4096

static uint16_t walk_bit_bucket(Walk *w, uint64_t len)
{
    /* 4.4: a bit bucket discards what a read would have stored; for host-to-controller data it has
     * length 0. */
    if (!w->to_host) {
        return NVME_SUCCESS;
    }
    return NVME_SGL_TYPE_INVALID | NVME_DNR;
}

static uint16_t walk_sgl_data(Walk *w, const NvmeSglDescriptor *d)
{
    switch (NVME_SGL_TYPE(d->type)) {
    case NVME_SGL_DATA_BLOCK:
        if (NVME_SGL_SUBTYPE(d->type) != 0) {
            return NVME_SGL_TYPE_INVALID | NVME_DNR;
        }
        if (d->len > w->left) {
            return NVME_DATA_SGL_LENGTH_INVALID | NVME_DNR; /* SGLS bit 18 is 0: no excess length */
        }
        return walk_piece(w, d->addr, d->len);
    case NVME_SGL_BIT_BUCKET:
        return walk_bit_bucket(w, d->len);
    default:
        return NVME_SGL_TYPE_INVALID | NVME_DNR;
    }
}

static bool is_segment(uint8_t type)
{
    return NVME_SGL_TYPE(type) == NVME_SGL_SEGMENT || NVME_SGL_TYPE(type) == NVME_SGL_LAST_SEGMENT;
}

/* Walks one segment; *next is the descriptor of the following one, or its type is 0 when there is
 * none. */
static uint16_t walk_sgl_segment(Walk *w, const NvmeSglDescriptor *segment, NvmeSglDescriptor *next,
                                 unsigned *budget)
{
    NvmeCtrl *n = w->req->sq->n;
    uint32_t count = segment->len / sizeof(NvmeSglDescriptor);
    bool last = NVME_SGL_TYPE(segment->type) == NVME_SGL_LAST_SEGMENT;
    NvmeSglDescriptor d[16];

    *next = (NvmeSglDescriptor){0};
    if (!count || segment->len % sizeof(d[0]) || NVME_SGL_SUBTYPE(segment->type) ||
        count > *budget) {
        return NVME_INVALID_SGL_SEGMENT | NVME_DNR;
    }
    *budget -= count;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t status;

        if (i % G_N_ELEMENTS(d) == 0) {
            hwaddr bytes = MIN(count - i, G_N_ELEMENTS(d)) * sizeof(d[0]);

            if (!nvme_dma_read(n, segment->addr + (hwaddr)i * sizeof(d[0]), d, bytes)) {
                return NVME_DATA_TRANSFER_ERROR;
            }
        }
        if (is_segment(d[i % G_N_ELEMENTS(d)].type)) {
            if (last || i + 1 != count) {
                return NVME_INVALID_SGL_SEGMENT | NVME_DNR;
            }
            *next = d[i % G_N_ELEMENTS(d)];
            return NVME_SUCCESS;
        }
        status = walk_sgl_data(w, &d[i % G_N_ELEMENTS(d)]);
        if (status) {
            return status;
        }
    }
    return last ? NVME_SUCCESS : NVME_INVALID_SGL_SEGMENT | NVME_DNR;
}

static uint16_t walk_sgl(Walk *w)
{
    NvmeSglDescriptor d = w->req->cmd.dptr.sgl, next;
    unsigned budget = SGL_MAX_DESCRIPTORS;
    uint16_t status = NVME_SUCCESS;

    if (!is_segment(d.type)) {
        status = walk_sgl_data(w, &d);
    } else {
        for (unsigned i = 0;; i++) {
            if (i == SGL_MAX_SEGMENTS) {
                return NVME_INVALID_SGL_COUNT | NVME_DNR;
            }
            status = walk_sgl_segment(w, &d, &next, &budget);
            if (status || !next.len) {
                break;
            }
            d = next;
        }
    }
    if (!status && w->left) {
        return NVME_DATA_SGL_LENGTH_INVALID | NVME_DNR;
    }
    return status;
}

/* --- entry points ---------------------------------------------------------------------------- */

static uint16_t walk(Walk *w)
{
    switch (NVME_CMD_PSDT(w->req->cmd.flags)) {
    case 0:
        return walk_prps(w);
    case 1:
    case 2:
        /* Admin commands use PRPs only on this transport (figure 104). */
        if (w->req->sq->id == 0) {
            return NVME_INVALID_FIELD | NVME_DNR;
        }
        return walk_sgl(w);
    default:
        return NVME_INVALID_FIELD | NVME_DNR;
    }
}

uint16_t nvme_map_data(NvmeRequest *req, uint64_t len, bool to_host)
{
    Walk w = {.req = req, .left = len, .to_host = to_host};

    return len ? walk(&w) : NVME_SUCCESS;
}

void nvme_data_unmap(NvmeRequest *req, bool written)
{
    NvmeData *d = &req->data;

    for (int i = 0; i < d->niov; i++) {
        if (written) {
            ram_block_set_dirty(d->block[i], d->iov[i].iov_base, d->iov[i].iov_len);
        }
        if (i + 1 == d->niov || d->block[i + 1] != d->block[i]) {
            ram_block_unpin(d->block[i]);
        }
    }
    d->niov = 0;
    d->len = 0;
}

uint16_t nvme_copy_to_host(NvmeRequest *req, const void *buf, uint64_t len)
{
    Walk w = {.req = req, .left = len, .to_host = true, .copy = (uint8_t *)(uintptr_t)buf};

    return len ? walk(&w) : NVME_SUCCESS;
}

uint16_t nvme_copy_from_host(NvmeRequest *req, void *buf, uint64_t len)
{
    Walk w = {.req = req, .left = len, .to_host = false, .copy = buf};

    return len ? walk(&w) : NVME_SUCCESS;
}
