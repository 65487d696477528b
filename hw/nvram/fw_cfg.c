/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fw_cfg: selector, data port, file directory, DMA. */
#include "hw/nvram/fw_cfg.h"
#include "qemu/thread.h"
#include "system/memory.h"

#define FILE_SLOTS 64
#define LEGACY_SLOTS 0x20
#define ARCH_LOCAL 0x8000
#define ARCH_SLOTS 0x10
#define NAME_MAX_LEN 56
/* "QEMU CFG" as the DMA register shows it, most significant byte first. */
#define DMA_SIGNATURE UINT64_C(0x51454d5520434647)
/* Longest transfer in one request: the guest chooses the length, and its processor waits. */
#define DMA_MAX (1 * GiB)

enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

typedef struct Item {
    uint8_t *data;
    uint32_t len;
    bool writable;
    char *name; /* files */
    /* What the file is to be when firmware starts; NULL: what it is. */
    uint8_t *staged;
    uint32_t staged_len;
} Item;

struct FWCfgState {
    SysBusDevice parent_obj;
    QemuMutex lock;
    Item legacy[LEGACY_SLOTS], file[FILE_SLOTS], arch[ARCH_SLOTS];
    unsigned nfiles;
    Item dir;     /* the directory as the guest reads it */
    uint16_t key; /* lock: selected item and place in it */
    uint32_t offset;
    uint64_t dma_addr; /* lock: written half by half */
    MemoryRegion ctl, dma;
};

static FWCfgState *the_fw_cfg;

static Item *find_item(FWCfgState *s, uint16_t key)
{
    if (key == FW_CFG_FILE_DIR) {
        return &s->dir;
    }
    if (key < LEGACY_SLOTS) {
        return &s->legacy[key];
    }
    if (key >= FW_CFG_FILE_FIRST && key < FW_CFG_FILE_FIRST + FILE_SLOTS) {
        return &s->file[key - FW_CFG_FILE_FIRST];
    }
    if (key >= ARCH_LOCAL && key < ARCH_LOCAL + ARCH_SLOTS) {
        return &s->arch[key - ARCH_LOCAL];
    }
    return NULL;
}

static void item_set(Item *it, const void *data, size_t len)
{
    uint8_t *copy = g_memdup2(data, len);

    g_free(it->data);
    it->data = copy;
    it->len = len;
}

/* --- items
 * ------------------------------------------------------------------------------------------- */

void fw_cfg_add_bytes(FWCfgState *s, uint16_t key, const void *data, size_t len)
{
    QEMU_LOCK_GUARD(&s->lock);
    Item *it = find_item(s, key);

    g_assert(it && len <= UINT32_MAX);
    item_set(it, data, len);
}

void fw_cfg_add_i16(FWCfgState *s, uint16_t key, uint16_t v)
{
    fw_cfg_add_bytes(s, key, &v, sizeof(v));
}

void fw_cfg_add_i32(FWCfgState *s, uint16_t key, uint32_t v)
{
    fw_cfg_add_bytes(s, key, &v, sizeof(v));
}

void fw_cfg_add_i64(FWCfgState *s, uint16_t key, uint64_t v)
{
    fw_cfg_add_bytes(s, key, &v, sizeof(v));
}

void fw_cfg_add_string(FWCfgState *s, uint16_t key, const char *text)
{
    fw_cfg_add_bytes(s, key, text, strlen(text) + 1);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(Item *const *)a)->name, (*(Item *const *)b)->name);
}

/* Directory, sorted by name: count, then size, selector, reserved, name per file; big-endian
 * numbers. */
static void build_directory(FWCfgState *s)
{
    GByteArray *d = g_byte_array_new();
    uint32_t count = GUINT32_TO_BE(s->nfiles);
    Item *sorted[FILE_SLOTS];

    g_byte_array_append(d, (uint8_t *)&count, 4);
    for (unsigned n = 0; n < s->nfiles; n++) {
        sorted[n] = &s->file[n];
    }
    qsort(sorted, s->nfiles, sizeof(sorted[0]), by_name);
    for (unsigned n = 0; n < s->nfiles; n++) {
        uint32_t size = GUINT32_TO_BE(sorted[n]->len);
        uint16_t words[2] = {GUINT16_TO_BE(FW_CFG_FILE_FIRST + (sorted[n] - s->file)), 0};
        char name[NAME_MAX_LEN] = {0};

        memcpy(name, sorted[n]->name, MIN(strlen(sorted[n]->name), NAME_MAX_LEN - 1));
        g_byte_array_append(d, (uint8_t *)&size, 4);
        g_byte_array_append(d, (uint8_t *)words, 4);
        g_byte_array_append(d, (uint8_t *)name, NAME_MAX_LEN);
    }
    item_set(&s->dir, d->data, d->len);
    g_byte_array_unref(d);
}

bool fw_cfg_add_file(FWCfgState *s, const char *name, const void *data, size_t len, bool writable,
                     GError **errp)
{
    QEMU_LOCK_GUARD(&s->lock);
    unsigned n = 0;

    g_assert(strlen(name) < NAME_MAX_LEN);
    /* In order of name; all files are there before a guest looks. */
    while (n < s->nfiles && strcmp(s->file[n].name, name) < 0) {
        n++;
    }
    bool there = n < s->nfiles && !strcmp(s->file[n].name, name);
    if (!there && s->nfiles == FILE_SLOTS) {
        error_setg(errp, "fw_cfg: no room for file '%s': there are %d already", name, FILE_SLOTS);
        return false;
    }
    if (!there) {
        memmove(&s->file[n + 1], &s->file[n], (s->nfiles - n) * sizeof(Item));
        s->file[n] = (Item){.name = g_strdup(name)};
        s->nfiles++;
    }
    item_set(&s->file[n], data, len);
    g_clear_pointer(&s->file[n].staged, g_free);
    s->file[n].writable = writable;
    build_directory(s);
    return true;
}

static Item *find_file(FWCfgState *s, const char *name)
{
    for (unsigned n = 0; n < s->nfiles; n++) {
        if (!strcmp(s->file[n].name, name)) {
            return &s->file[n];
        }
    }
    return NULL;
}

bool fw_cfg_stage_file(FWCfgState *s, const char *name, const void *data, size_t len)
{
    QEMU_LOCK_GUARD(&s->lock);
    Item *it = find_file(s, name);

    if (!it || len > UINT32_MAX) {
        return false;
    }
    g_free(it->staged);
    it->staged = g_memdup2(data, len);
    it->staged_len = len;
    return true;
}

/* With the lock. */
static void take_staged(FWCfgState *s)
{
    bool any = false;

    for (unsigned n = 0; n < s->nfiles; n++) {
        Item *it = &s->file[n];

        if (it->staged) {
            g_free(it->data);
            it->data = g_steal_pointer(&it->staged);
            it->len = it->staged_len;
            any = true;
        }
    }
    if (any) {
        build_directory(s);
    }
}

bool fw_cfg_read_file(FWCfgState *s, const char *name, void *data, size_t len)
{
    QEMU_LOCK_GUARD(&s->lock);
    const Item *it = find_file(s, name);

    if (!it || it->len != len) {
        return false;
    }
    memcpy(data, it->data, len);
    return true;
}

bool fw_cfg_has_file(FWCfgState *s, const char *name)
{
    QEMU_LOCK_GUARD(&s->lock);

    return find_file(s, name) != NULL;
}

/* --- ports
 * -------------------------------------------------------------------------------------------- */

static void select_key(FWCfgState *s, uint16_t key)
{
    if (key == FW_CFG_SIGNATURE) {
        take_staged(s); /* firmware asks whether there is fw_cfg: it has read nothing yet */
    }
    s->key = key;
    s->offset = 0;
}

static uint8_t next_byte(FWCfgState *s)
{
    Item *it = find_item(s, s->key);

    return it && s->offset < it->len ? it->data[s->offset++] : 0;
}

/* 0x510 selects with 16 bits; 0x511 reads a byte. */
static uint64_t ctl_read(void *opaque, hwaddr offset, unsigned size)
{
    FWCfgState *s = opaque;

    return offset == 1 && size == 1 ? next_byte(s) : 0;
}

static void ctl_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    if (offset == 0 && size == 2) {
        select_key(opaque, data);
    }
}

static bool ctl_accepts(void *opaque, hwaddr offset, unsigned size, bool is_write, MemTxAttrs attrs)
{
    return size == 1 || (is_write && size == 2 && offset == 0);
}

static const MemoryRegionOps ctl_ops = {
    .read = ctl_read,
    .write = ctl_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 2, .accepts = ctl_accepts},
    .impl = {.min_access_size = 1, .max_access_size = 2},
};

/* --- DMA
 * ------------------------------------------------------------------------------------------------
 */

/* Moves len bytes between the item and guest memory; what lies behind the item's end reads as zero.
 */
static bool dma_transfer(FWCfgState *s, uint32_t control, uint64_t addr, uint32_t len)
{
    static const uint8_t zeros[4096];
    Item *it = find_item(s, s->key);
    uint32_t have = it && s->offset < it->len ? MIN(len, it->len - s->offset) : 0;
    MemTxResult r = MEMTX_OK;

    if (len > DMA_MAX && (control & (DMA_READ | DMA_WRITE))) {
        return false;
    }
    if (control & DMA_READ) {
        if (have) {
            r = dma_memory_write(&address_space_memory, addr, it->data + s->offset, have,
                                 MEMTXATTRS_UNSPECIFIED);
        }
        for (uint32_t done = have; done < len && r == MEMTX_OK; done += sizeof(zeros)) {
            r = dma_memory_write(&address_space_memory, addr + done, zeros,
                                 MIN(len - done, sizeof(zeros)), MEMTXATTRS_UNSPECIFIED);
        }
    } else if (control & DMA_WRITE) {
        if (!it || !it->writable || have != len) {
            return false;
        }
        r = dma_memory_read(&address_space_memory, addr, it->data + s->offset, len,
                            MEMTXATTRS_UNSPECIFIED);
    }
    s->offset += have;
    return r == MEMTX_OK;
}

/* The guest's request: control, length, address, all big-endian; control is written back: 0 or the
 * error bit. */
static void dma_run(FWCfgState *s)
{
    struct {
        uint32_t control, length;
        uint64_t address;
    } req;
    uint32_t control, result;
    uint64_t at = s->dma_addr;

    s->dma_addr = 0;
    if (dma_memory_read(&address_space_memory, at, &req, sizeof(req), MEMTXATTRS_UNSPECIFIED) !=
        MEMTX_OK) {
        result = GUINT32_TO_BE(DMA_ERROR);
        dma_memory_write(&address_space_memory, at, &result, 4, MEMTXATTRS_UNSPECIFIED);
        return;
    }
    control = GUINT32_FROM_BE(req.control);
    if (control & DMA_SELECT) {
        select_key(s, control >> 16);
    }
    result = 0;
    if ((control & (DMA_READ | DMA_WRITE | DMA_SKIP)) &&
        !dma_transfer(s, control, GUINT64_FROM_BE(req.address), GUINT32_FROM_BE(req.length))) {
        result = GUINT32_TO_BE(DMA_ERROR);
    }
    dma_memory_write(&address_space_memory, at, &result, 4, MEMTXATTRS_UNSPECIFIED);
}

static uint64_t dma_reg_read(void *opaque, hwaddr offset, unsigned size)
{
    return DMA_SIGNATURE >> ((8 - offset - size) * 8) & MASK_ULL(8 * size);
}

static void dma_reg_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    FWCfgState *s = opaque;

    if (size == 4 && offset == 0) {
        s->dma_addr = data << 32 | (s->dma_addr & UINT32_MAX);
    } else if (size == 4 && offset == 4) {
        s->dma_addr = (s->dma_addr & ~(uint64_t)UINT32_MAX) | data;
        dma_run(s);
    } else if (size == 8 && offset == 0) {
        s->dma_addr = data;
        dma_run(s);
    }
}

static bool dma_accepts(void *opaque, hwaddr offset, unsigned size, bool is_write, MemTxAttrs attrs)
{
    return !is_write || (size == 4 && (offset == 0 || offset == 4)) || (size == 8 && offset == 0);
}

static const MemoryRegionOps dma_ops = {
    .read = dma_reg_read,
    .write = dma_reg_write,
    .endianness = DEVICE_BIG_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 8, .accepts = dma_accepts},
    .impl = {.min_access_size = 1, .max_access_size = 8},
};

/* --- device
 * ---------------------------------------------------------------------------------------------- */

static bool fw_cfg_realize(DeviceState *dev, GError **errp)
{
    FWCfgState *s = (FWCfgState *)dev;

    fw_cfg_add_bytes(s, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_add_i32(s, FW_CFG_ID, 3); /* ports and DMA */
    build_directory(s);
    memory_region_init_io(&s->ctl, OBJECT(s), &ctl_ops, s, "fwcfg", 2);
    memory_region_set_lock(&s->ctl, &s->lock);
    memory_region_add_subregion(get_system_io(), 0x510, &s->ctl);
    memory_region_init_io(&s->dma, OBJECT(s), &dma_ops, s, "fwcfg.dma", 8);
    memory_region_set_lock(&s->dma, &s->lock);
    memory_region_add_subregion(get_system_io(), 0x514, &s->dma);
    return true;
}

static void fw_cfg_reset(DeviceState *dev)
{
    FWCfgState *s = (FWCfgState *)dev;
    QEMU_LOCK_GUARD(&s->lock);

    select_key(s, FW_CFG_SIGNATURE);
    s->dma_addr = 0;
}

static void fw_cfg_init(Object *obj)
{
    qemu_mutex_init(&((FWCfgState *)obj)->lock);
}

static void items_free(Item *it, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        g_free(it[i].data);
        g_free(it[i].name);
        g_free(it[i].staged);
    }
}

static void fw_cfg_finalize(Object *obj)
{
    FWCfgState *s = (FWCfgState *)obj;

    items_free(s->legacy, LEGACY_SLOTS);
    items_free(s->file, FILE_SLOTS);
    items_free(s->arch, ARCH_SLOTS);
    g_free(s->dir.data);
    qemu_mutex_destroy(&s->lock);
    if (the_fw_cfg == s) {
        the_fw_cfg = NULL;
    }
}

FWCfgState *fw_cfg_find(void)
{
    return the_fw_cfg;
}

FWCfgState *fw_cfg_create(Object *parent, GError **errp)
{
    DeviceState *dev = qdev_new(TYPE_FW_CFG_IO);

    if (!object_property_add_child(parent, "fw_cfg", OBJECT(dev), errp) ||
        !qdev_realize_and_unref(dev, BUS(sysbus_get_default()), errp)) {
        return NULL;
    }
    the_fw_cfg = (FWCfgState *)dev;
    return the_fw_cfg;
}

static void fw_cfg_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "data for firmware and boot loaders";
    dc->realize = fw_cfg_realize;
    dc->reset = fw_cfg_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
}

static const TypeInfo fw_cfg_info = {
    .name = TYPE_FW_CFG_IO,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(FWCfgState),
    .class_init = fw_cfg_class_init,
    .instance_init = fw_cfg_init,
    .instance_finalize = fw_cfg_finalize,
};
QOM_TYPE(fw_cfg_info);
