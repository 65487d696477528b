/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NVMe: random commands on two queues against a copy of the disk in the test's memory. Commands in
 * flight together touch different blocks; what each reads, and the image in the end, must be what
 * the copy says. --seed of GLib's test runner repeats a run; "make soak" runs many more.
 */
#include "nvme-driver.h"

#include "../include/soak.h"

#include <string.h>
#include <unistd.h>

#define IMAGE_SIZE (4u * 1024 * 1024)
#define BLOCKS (IMAGE_SIZE / 512)
#define MAX_BLOCKS 24u
#define PAGES (MAX_BLOCKS * 512 / 4096 + 1)
#define DEPTH 7u
#define QUEUES 2u

typedef struct Slot {
    uint64_t memory; /* PAGES + 1 pages: the data's and one for the PRP list */
    uint16_t cid;
    uint8_t opcode;
    unsigned lba, nlb, offset; /* offset: of the data in the first page */
    unsigned page[PAGES];      /* order of the data's pages */
    bool busy;
} Slot;

static uint8_t *shadow; /* IMAGE_SIZE */
static Slot slots[QUEUES * DEPTH];

static bool is_free(unsigned lba, unsigned nlb)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(slots); i++) {
        const Slot *s = &slots[i];

        if (s->busy && lba < s->lba + s->nlb && s->lba < lba + nlb) {
            return false;
        }
    }
    return true;
}

/* Copies between the guest's pages and buf. */
static void transfer(QNvme *n, const Slot *s, uint8_t *buf, bool to_guest)
{
    size_t left = s->nlb * 512, offset = s->offset;

    for (unsigned i = 0; left; i++, offset = 0) {
        size_t len = MIN(left, 4096 - offset);
        uint64_t at = s->memory + s->page[i] * 4096 + offset;

        if (to_guest) {
            qtest_bufwrite(n->s, at, buf, len);
        } else {
            qtest_bufread(n->s, at, buf, len);
        }
        buf += len;
        left -= len;
    }
}

static void put_prps(QNvme *n, const Slot *s, NvmeCmd *cmd)
{
    unsigned pages = (s->offset + s->nlb * 512 + 4095) / 4096;
    uint64_t list[PAGES] = {0};

    cmd->dptr.prp1 = s->memory + s->page[0] * 4096 + s->offset;
    if (pages == 2) {
        cmd->dptr.prp2 = s->memory + s->page[1] * 4096;
    } else if (pages > 2) {
        for (unsigned i = 1; i < pages; i++) {
            list[i - 1] = s->memory + s->page[i] * 4096;
        }
        cmd->dptr.prp2 = s->memory + PAGES * 4096;
        qtest_memwrite(n->s, cmd->dptr.prp2, list, sizeof(list));
    }
}

static void submit(QNvme *n, unsigned qid, Slot *s)
{
    static const uint8_t opcodes[] = {NVME_IO_READ,  NVME_IO_READ,    NVME_IO_WRITE,
                                      NVME_IO_WRITE, NVME_IO_COMPARE, NVME_IO_WRITE_ZEROES,
                                      NVME_IO_FLUSH};
    NvmeCmd cmd = {.nsid = 1};

    s->opcode = opcodes[g_test_rand_int_range(0, sizeof(opcodes))];
    do {
        s->nlb = (unsigned)g_test_rand_int_range(1, MAX_BLOCKS + 1);
        s->lba = (unsigned)g_test_rand_int_range(0, (int)(BLOCKS - s->nlb + 1));
    } while (!is_free(s->lba, s->nlb));
    s->busy = true;
    s->offset = (unsigned)g_test_rand_int_range(0, 1024) * 4;
    for (unsigned i = 0; i < PAGES; i++) {
        unsigned other = (unsigned)g_test_rand_int_range(0, (int)i + 1);

        s->page[i] = s->page[other];
        s->page[other] = i;
    }
    if (s->opcode == NVME_IO_WRITE) {
        uint8_t *at = shadow + s->lba * 512;

        for (unsigned i = 0; i < s->nlb * 512; i += 4) {
            uint32_t word = (uint32_t)g_test_rand_int();

            memcpy(at + i, &word, 4);
        }
    } else if (s->opcode == NVME_IO_WRITE_ZEROES) {
        memset(shadow + s->lba * 512, 0, s->nlb * 512);
        cmd.cdw12 = g_test_rand_bit() ? NVME_WZ_DEALLOCATE : 0;
    }
    if (s->opcode == NVME_IO_WRITE || s->opcode == NVME_IO_COMPARE) {
        transfer(n, s, shadow + s->lba * 512, true);
    }
    cmd.opcode = s->opcode;
    if (s->opcode != NVME_IO_FLUSH) {
        cmd.cdw10 = s->lba;
        cmd.cdw12 |= s->nlb - 1;
    }
    if (s->opcode != NVME_IO_FLUSH && s->opcode != NVME_IO_WRITE_ZEROES) {
        put_prps(n, s, &cmd);
    }
    s->cid = qnvme_push(n, qid, &cmd);
}

static void finish(QNvme *n, unsigned qid)
{
    uint16_t status = qnvme_wait(n, qid);
    uint8_t got[MAX_BLOCKS * 512];

    for (unsigned i = (qid - 1) * DEPTH; i < qid * DEPTH; i++) {
        Slot *s = &slots[i];

        if (!s->busy || s->cid != n->last_cid) {
            continue;
        }
        if (status != NVME_SUCCESS) {
            g_error("opcode 0x%x, block %u + %u: status 0x%x", s->opcode, s->lba, s->nlb, status);
        }
        if (s->opcode == NVME_IO_READ) {
            transfer(n, s, got, false);
            g_assert_cmpmem(got, s->nlb * 512, shadow + s->lba * 512, s->nlb * 512);
        }
        s->busy = false;
        return;
    }
    g_error("queue %u: a completion for command %u, which is not there", qid, n->last_cid);
}

static void test_random(const void *opaque)
{
    g_autofree char *image = qpattern_image(IMAGE_SIZE);
    g_autofree char *args =
        g_strdup_printf("-drive if=none,id=d0,format=raw,discard=unmap,file=%s", image);
    g_autofree char *content = NULL;
    QNvme *n = qnvme_start(GPOINTER_TO_INT(opaque), args, "");
    size_t len;

    qnvme_bring_up(n, QUEUES, false);
    for (uint64_t i = 0; i < IMAGE_SIZE; i++) {
        shadow[i] = qpattern(i);
    }
    memset(slots, 0, sizeof(slots));
    for (unsigned i = 0; i < G_N_ELEMENTS(slots); i++) {
        slots[i].memory = qtest_alloc(n->s, (PAGES + 1) * 4096, 4096);
    }
    for (long left = soak(40, 2500); left; left--) {
        unsigned count[QUEUES];

        for (unsigned q = 0; q < QUEUES; q++) {
            count[q] = (unsigned)g_test_rand_int_range(0, DEPTH + 1);
            for (unsigned i = 0; i < count[q]; i++) {
                submit(n, q + 1, &slots[q * DEPTH + i]);
            }
            qnvme_ring(n, q + 1);
        }
        for (unsigned q = 0; q < QUEUES; q++) {
            while (count[q]--) {
                finish(n, q + 1);
            }
        }
    }
    qnvme_stop(n);
    g_assert_true(g_file_get_contents(image, &content, &len, NULL));
    g_assert_cmpmem(content, len, shadow, IMAGE_SIZE);
    unlink(image);
}

int main(int argc, char **argv)
{
    int res;

    g_test_init(&argc, &argv, NULL);
    shadow = g_malloc(IMAGE_SIZE);
    qhome_add("/nvme-random", test_random);
    res = g_test_run();
    g_free(shadow);
    return res;
}
