/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware Image Download and Commit (NVMe 1.4, sections 5.11 and 5.12).  With firmware=PATH there
 * are two slots besides the built-in one; a committed image becomes the file PATH.2 or PATH.3.
 * Nothing in it is executed: it has a revision (its first 8 characters), which the controller shows
 * when it is active.  At home.
 */
#include "firmware.h"

#include <sys/stat.h>

#define IMAGE_MAX (4u * 1024 * 1024)
#define UNIT 4096u

typedef struct NvmeFirmware {
    char revision[NVME_FIRMWARE_SLOTS + 1][8]; /* empty: nothing there */
    unsigned active, next;                     /* next: at the next reset; 0: no change */
    uint8_t *image;                            /* being downloaded */
    uint32_t size;
    uint8_t *have; /* a bit for each dword */
} NvmeFirmware;

static char *slot_path(NvmeCtrl *n, unsigned slot)
{
    return g_strdup_printf("%s.%u", n->params.firmware, slot);
}

/* An image begins with 8 printable characters, and has more than those. */
static bool good_image(const uint8_t *image, size_t size)
{
    for (unsigned i = 0; i < 8; i++) {
        if (size < 16 || !g_ascii_isprint(image[i])) {
            return false;
        }
    }
    return true;
}

bool nvme_firmware_init(NvmeCtrl *n, GError **errp)
{
    NvmeFirmware *f = n->firmware = g_new0(NvmeFirmware, 1);

    f->active = 1;
    memset(f->revision[1], ' ', 8);
    memcpy(f->revision[1], QEMU_VERSION, MIN(strlen(QEMU_VERSION), (size_t)8));
    for (unsigned slot = 2; n->params.firmware && slot <= NVME_FIRMWARE_SLOTS; slot++) {
        g_autofree char *path = slot_path(n, slot);
        g_autofree char *data = NULL;
        struct stat st;
        gsize len;

        if (stat(path, &st) < 0) {
            continue;
        }
        if (!S_ISREG(st.st_mode) || st.st_size > IMAGE_MAX ||
            !g_file_get_contents(path, &data, &len, NULL) || !good_image((uint8_t *)data, len)) {
            error_setg(errp,
                       "nvme: firmware=%s: '%s' is not an image that was committed; remove it",
                       n->params.firmware, path);
            return false;
        }
        memcpy(f->revision[slot], data, 8);
    }
    return true;
}

void nvme_firmware_free(NvmeCtrl *n)
{
    if (n->firmware) {
        g_free(n->firmware->image);
        g_free(n->firmware->have);
        g_clear_pointer(&n->firmware, g_free);
    }
}

void nvme_firmware_revision(NvmeCtrl *n, char out[8])
{
    memcpy(out, n->firmware->revision[n->firmware->active], 8);
}

void nvme_firmware_log(NvmeCtrl *n, NvmeFirmwareSlotLog *page)
{
    NvmeFirmware *f = n->firmware;

    memset(page, 0, sizeof(*page));
    page->afi = f->active | f->next << 4;
    for (unsigned slot = 1; slot <= NVME_FIRMWARE_SLOTS; slot++) {
        memcpy(page->frs[slot - 1], f->revision[slot], 8);
    }
}

static void forget_download(NvmeFirmware *f)
{
    g_clear_pointer(&f->image, g_free);
    g_clear_pointer(&f->have, g_free);
    f->size = 0;
}

void nvme_firmware_reset(NvmeCtrl *n)
{
    NvmeFirmware *f = n->firmware;

    if (f) {
        forget_download(f);
        if (f->next) {
            f->active = f->next;
            f->next = 0;
        }
    }
}

uint16_t nvme_firmware_download(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    NvmeFirmware *f = n->firmware;
    uint64_t len = ((uint64_t)req->cmd.cdw10 + 1) * 4, offset = (uint64_t)req->cmd.cdw11 * 4;
    uint16_t status = NVME_SUCCESS;

    if (len % UNIT || offset % UNIT) { /* FWUG */
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (offset + len > IMAGE_MAX ||
        (n->params.mdts && len > (uint64_t)NVME_PAGE_SIZE_MIN << n->params.mdts)) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (!f->image) {
        f->image = g_try_malloc0(IMAGE_MAX);
        f->have = g_malloc0(IMAGE_MAX / UNIT);
        if (!f->image) {
            forget_download(f);
            return NVME_INTERNAL_ERROR;
        }
    }
    if (memchr(f->have + offset / UNIT, 1, len / UNIT)) {
        return NVME_OVERLAPPING_RANGE | NVME_DNR;
    }
    status = nvme_copy_from_host(req, f->image + offset, len);
    if (!status) {
        memset(f->have + offset / UNIT, 1, len / UNIT);
        f->size = MAX(f->size, offset + len);
    }
    return status;
}

/* --- commit ---------------------------------------------------------------------------------- */

typedef struct Commit {
    AioWork work;
    NvmeRequest *req;
    char *path;
    uint8_t *image;
    uint32_t size;
    unsigned slot, action;
} Commit;

enum { REPLACE = 0, REPLACE_ACTIVATE = 1, ACTIVATE = 2, ACTIVATE_NOW = 3 };

static void activate(NvmeFirmware *f, unsigned slot, unsigned action)
{
    if (action == ACTIVATE_NOW) {
        f->active = slot;
        f->next = 0;
    } else if (action != REPLACE) {
        f->next = slot;
    }
}

static int write_image(AioWork *w)
{
    Commit *c = container_of(w, Commit, work);

    return g_file_set_contents_full(c->path, (char *)c->image, c->size,
                                    G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                    0600, NULL)
               ? 0
               : -EIO;
}

static void written(AioWork *w, int res)
{
    Commit *c = container_of(w, Commit, work);
    NvmeFirmware *f = c->req->sq->n->firmware;

    if (res < 0) {
        c->req->status = NVME_INTERNAL_ERROR;
    } else {
        memcpy(f->revision[c->slot], c->image, 8);
        activate(f, c->slot, c->action);
    }
    TRACE(nvme, firmware_commit, "slot %u action %u result %d", c->slot, c->action, res);
    nvme_complete(c->req);
    g_free(c->image);
    g_free(c->path);
    g_free(c);
}

static bool complete_image(const NvmeFirmware *f)
{
    return f->size && !memchr(f->have, 0, f->size / UNIT) && good_image(f->image, f->size);
}

uint16_t nvme_firmware_commit(NvmeRequest *req, bool *later)
{
    NvmeCtrl *n = req->sq->n;
    NvmeFirmware *f = n->firmware;
    unsigned slot = req->cmd.cdw10 & 7, action = req->cmd.cdw10 >> 3 & 7;
    bool image = f->size;
    Commit *c;

    if (action > ACTIVATE_NOW || req->cmd.cdw10 & BIT(31)) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (action == ACTIVATE || (action == ACTIVATE_NOW && !image)) {
        if (!slot || slot > NVME_FIRMWARE_SLOTS) {
            return NVME_INVALID_FIRMWARE_SLOT | NVME_DNR;
        }
        if (!f->revision[slot][0]) {
            return NVME_INVALID_FIRMWARE_IMAGE | NVME_DNR;
        }
        activate(f, slot, action);
        return NVME_SUCCESS;
    }
    if (slot == 0) { /* ours to choose */
        slot = f->active == 2 ? 3 : 2;
    }
    if (slot == 1 || slot > NVME_FIRMWARE_SLOTS) {
        return NVME_INVALID_FIRMWARE_SLOT | NVME_DNR;
    }
    if (!image || !complete_image(f)) {
        forget_download(f);
        return NVME_INVALID_FIRMWARE_IMAGE | NVME_DNR;
    }
    c = g_new0(Commit, 1);
    *c = (Commit){.work = {.work = write_image, .done = written},
                  .req = req,
                  .path = slot_path(n, slot),
                  .image = g_steal_pointer(&f->image),
                  .size = f->size,
                  .slot = slot,
                  .action = action};
    forget_download(f);
    *later = true;
    aio_work_submit(n->home, &c->work);
    return NVME_SUCCESS;
}
