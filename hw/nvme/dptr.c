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

static uint16_t map_piece(Walk *w, uint64_t addr, uint64_t len)
{
    NvmeCtrl *n = w->req->sq->n;
    NvmeData *d = &w->req->data;

    while (len) {
        hwaddr part = len;
        RAMBlock *block;
        uint8_t *host = address_space_map_ram(pci_get_address_space(PCI_DEVICE(n)), addr, &part,
                                              w->to_host, &block);

        if (!host || !part) {
            return NVME_DATA_TRANSFER_ERROR;
        }
        if (d->niov && d->block[d->niov - 1] == block &&
            (uint8_t *)d->iov[d->niov - 1].iov_base + d->iov[d->niov - 1].iov_len == host) {
            d->iov[d->niov - 1].iov_len += part;
            ram_block_unpin(block);
        } else if (d->niov == (int)n->max_iov) {
            ram_block_unpin(block);
            return NVME_INVALID_SGL_COUNT | NVME_DNR;
        } else {
            d->block[d->niov] = block;
            d->iov[d->niov++] = (struct iovec){host, part};
        }
        d->len += part;
        addr += part;
        len -= part;
    }
    return NVME_SUCCESS;
}

static uint16_t walk_piece(Walk *w, uint64_t addr, uint64_t len)
{
    NvmeCtrl *n = w->req->sq->n;
    MemTxResult r;

    len = MIN(len, w->left);
    w->left -= len;
    if (!w->copy) {
        return map_piece(w, addr, len);
    }
    if (w->to_host) {
        r = pci_dma_write(PCI_DEVICE(n), addr, w->copy, len);
    } else {
        r = pci_dma_read(PCI_DEVICE(n), addr, w->copy, len);
    }
    w->copy += len;
    return r == MEMTX_OK ? NVME_SUCCESS : NVME_DATA_TRANSFER_ERROR;
}

/* --- PRPs
 * ---------------------------------------------------------------------------------------------------
 */

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

        if (pci_dma_read(PCI_DEVICE(n), list, entries, count * 8) != MEMTX_OK) {
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

/* --- SGLs
 * ---------------------------------------------------------------------------------------------------
 */

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

            if (pci_dma_read(PCI_DEVICE(n), segment->addr + (hwaddr)i * sizeof(d[0]), d, bytes) !=
                MEMTX_OK) {
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

/* --- entry points
 * -----------------------------------------------------------------------------------------------
 */

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
        ram_block_unpin(d->block[i]);
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
