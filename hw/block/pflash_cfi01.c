/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cfi.pflash01: NOR flash with Intel's command set (CFI, JEP137; command set 0001), one byte wide,
 * whose content is an image.
 *
 * In read mode the guest reads it like ROM; the first write leaves that mode, and commands are
 * accesses to the device until "read array" comes.  Its home is the main loop, for the modes change
 * the memory map.  Bytes that were programmed go to the image in the background; the end of the
 * program waits for them.
 */
#include "block/block-backend.h"
#include "hw/qdev-core.h"
#include "qemu/aio.h"
#include "qemu/log.h"
#include "system/memory.h"
#include "system/runstate.h"

#define TYPE_PFLASH "cfi.pflash01"
#define SECTOR_SIZE 4096u
#define BUFFER_SIZE 64u
#define FLASH_MAX (64 * MiB)

enum {
    CMD_READ_ARRAY_0 = 0x00,
    CMD_PROGRAM = 0x10,
    CMD_ERASE = 0x20,
    CMD_PROGRAM_2 = 0x40,
    CMD_CLEAR_STATUS = 0x50,
    CMD_LOCK = 0x60,
    CMD_READ_STATUS = 0x70,
    CMD_READ_ID = 0x90,
    CMD_QUERY = 0x98,
    CMD_CONFIRM = 0xd0,
    CMD_WRITE_BUFFER = 0xe8,
    CMD_READ_ARRAY = 0xff,
};
enum { ST_LOCKED = 0x02, ST_PROGRAM_ERROR = 0x10, ST_ERASE_ERROR = 0x20, ST_READY = 0x80 };

typedef struct PFlash {
    SysBusDevice parent_obj;
    BlockBackend *blk;
    MemoryRegion mem;
    uint8_t *data;
    uint64_t size;
    bool read_only;
    /* The command under way. */
    uint8_t command, status;
    unsigned cycle;         /* writes that it has had */
    uint64_t base;          /* of its sector */
    unsigned expected, got; /* bytes of a buffered write */
    uint8_t buffer[BUFFER_SIZE];
    uint64_t buffer_at[BUFFER_SIZE];
    /* What the image does not have yet: [dirty_from, dirty_to); one request at a time. */
    uint64_t dirty_from, dirty_to;
    bool writing;
    uint8_t *bounce;
    struct iovec iov;
    BlkRequest req;
} PFlash;
#define PFLASH(obj) ((PFlash *)(obj))

/* --- the image -------------------------------------------------------------------------------- */

static void write_back(PFlash *s);

static void written(BlkRequest *req, int ret)
{
    PFlash *s = container_of(req, PFlash, req);

    s->writing = false;
    g_clear_pointer(&s->bounce, g_free);
    if (ret < 0) {
        error_report("flash: the image cannot be written: %s; the change is kept in memory only",
                     g_strerror(-ret));
        s->dirty_from = s->dirty_to = 0;
        return;
    }
    write_back(s);
}

static void write_back(PFlash *s)
{
    uint64_t from, len;

    if (s->writing || s->dirty_from == s->dirty_to) {
        return;
    }
    from = s->dirty_from;
    len = s->dirty_to - from;
    s->dirty_from = s->dirty_to = 0;
    s->bounce = g_memdup2(s->data + from, len);
    s->iov = (struct iovec){.iov_base = s->bounce, .iov_len = len};
    s->req = (BlkRequest){.op = BLK_WRITE,
                          .flags = BLK_REQ_FUA,
                          .offset = from,
                          .bytes = len,
                          .iov = &s->iov,
                          .niov = 1,
                          .complete = written};
    s->writing = true;
    blk_submit(s->blk, &s->req, aio_get_main());
}

static void changed(PFlash *s, uint64_t at, uint64_t len)
{
    uint64_t from = ALIGN_DOWN(at, (uint64_t)SECTOR_SIZE),
             to = ALIGN_UP(at + len, (uint64_t)SECTOR_SIZE);

    memory_region_set_dirty(&s->mem, at, len);
    if (s->dirty_from == s->dirty_to) {
        s->dirty_from = from;
        s->dirty_to = to;
    } else {
        s->dirty_from = MIN(s->dirty_from, from);
        s->dirty_to = MAX(s->dirty_to, to);
    }
    write_back(s);
}

static void flush_at_exit(void *opaque)
{
    PFlash *s = opaque;

    while (s->blk && (s->writing || s->dirty_from != s->dirty_to)) {
        write_back(s);
        /* Not a drain: what a completion submits during one waits for a later turn of the loop. */
        aio_poll(aio_get_main(), true);
    }
}

/* --- commands --------------------------------------------------------------------------------- */

static void read_array(PFlash *s)
{
    s->command = CMD_READ_ARRAY;
    s->cycle = 0;
    memory_region_rom_device_set_romd(&s->mem, true);
}

/* Programming can only clear bits. */
static void program(PFlash *s, uint64_t at, uint8_t val)
{
    if (s->read_only) {
        s->status |= ST_PROGRAM_ERROR | ST_LOCKED;
        return;
    }
    if (s->data[at] & ~val) {
        s->data[at] &= val;
        changed(s, at, 1);
    } else if (s->data[at] != val) {
        s->status |= ST_PROGRAM_ERROR; /* a bit that is 0 stays 0 */
    }
}

static void erase(PFlash *s, uint64_t base)
{
    if (s->read_only) {
        s->status |= ST_ERASE_ERROR | ST_LOCKED;
        return;
    }
    memset(s->data + base, 0xff, SECTOR_SIZE);
    changed(s, base, SECTOR_SIZE);
}

static void first_cycle(PFlash *s, uint64_t at, uint8_t val)
{
    switch (val) {
    case CMD_READ_ARRAY:
    case CMD_READ_ARRAY_0:
        read_array(s);
        return;
    case CMD_CLEAR_STATUS:
        s->status = 0;
        read_array(s);
        return;
    case CMD_READ_STATUS:
    case CMD_READ_ID:
    case CMD_QUERY:
        s->command = val;
        return;
    case CMD_PROGRAM:
    case CMD_PROGRAM_2:
    case CMD_ERASE:
    case CMD_LOCK:
        s->command = val;
        s->cycle = 1;
        return;
    case CMD_WRITE_BUFFER:
        s->command = val;
        s->cycle = 1;
        s->base = ALIGN_DOWN(at, (uint64_t)SECTOR_SIZE);
        s->status |= ST_READY;
        return;
    }
    qemu_log_mask(LOG_GUEST_ERROR, "pflash: unknown command 0x%02x\n", val);
    read_array(s);
}

/* Count, data, confirmation. */
static void buffer_cycle(PFlash *s, uint64_t at, uint8_t val)
{
    if (s->cycle == 1) {
        s->expected = val + 1u;
        s->got = 0;
        s->cycle = 2;
        if (s->expected > BUFFER_SIZE) {
            s->status |= ST_PROGRAM_ERROR;
            s->cycle = 0;
            s->command = CMD_READ_STATUS;
        }
        return;
    }
    if (s->got < s->expected) {
        s->buffer[s->got] = val;
        s->buffer_at[s->got++] = at;
        return;
    }
    if (val == CMD_CONFIRM) {
        for (unsigned n = 0; n < s->got; n++) {
            if (ALIGN_DOWN(s->buffer_at[n], (uint64_t)SECTOR_SIZE) == s->base) {
                program(s, s->buffer_at[n], s->buffer[n]);
            } else {
                s->status |= ST_PROGRAM_ERROR;
            }
        }
    } else {
        s->status |= ST_PROGRAM_ERROR | ST_ERASE_ERROR;
    }
    s->status |= ST_READY;
    s->cycle = 0;
    s->command = CMD_READ_STATUS;
}

static void next_cycle(PFlash *s, uint64_t at, uint8_t val)
{
    switch (s->command) {
    case CMD_PROGRAM:
    case CMD_PROGRAM_2:
        program(s, at, val);
        break;
    case CMD_ERASE:
        if (val == CMD_CONFIRM) {
            erase(s, ALIGN_DOWN(at, (uint64_t)SECTOR_SIZE));
        } else {
            s->status |= ST_PROGRAM_ERROR | ST_ERASE_ERROR; /* command sequence error */
        }
        break;
    case CMD_LOCK: /* locks are accepted; sectors are always unlocked */
        break;
    case CMD_WRITE_BUFFER:
        buffer_cycle(s, at, val);
        return;
    }
    s->status |= ST_READY;
    s->cycle = 0;
    s->command = CMD_READ_STATUS;
}

static void flash_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    PFlash *s = opaque;

    memory_region_rom_device_set_romd(&s->mem, false);
    if (s->cycle) {
        next_cycle(s, offset, data);
    } else {
        first_cycle(s, offset, data);
    }
}

/* CFI table: "QRY", command set, size, erase block region. */
static uint8_t query_byte(const PFlash *s, unsigned at)
{
    uint32_t blocks = s->size / SECTOR_SIZE - 1;

    switch (at) {
    case 0x10:
        return 'Q';
    case 0x11:
        return 'R';
    case 0x12:
        return 'Y';
    case 0x13:
        return 0x01; /* Intel/Sharp extended */
    case 0x15:
        return 0x31;
    case 0x1b: /* supply voltage, time-outs */
        return 0x45;
    case 0x1c:
        return 0x55;
    case 0x1f:
    case 0x20:
        return 0x07;
    case 0x21:
        return 0x0a;
    case 0x23:
    case 0x24:
        return 0x04;
    case 0x25:
        return 0x04;
    case 0x27:
        return 63 - __builtin_clzll(s->size);
    case 0x2a:
        return 63 - __builtin_clzll(BUFFER_SIZE);
    case 0x2c:
        return 1;
    case 0x2d:
        return blocks;
    case 0x2e:
        return blocks >> 8;
    case 0x2f:
        return SECTOR_SIZE >> 8 & 0xff;
    case 0x30:
        return SECTOR_SIZE >> 16;
    case 0x31:
        return 'P';
    case 0x32:
        return 'R';
    case 0x33:
        return 'I';
    case 0x34:
        return '1';
    case 0x35:
        return '0';
    }
    return 0;
}

static uint64_t flash_read(void *opaque, hwaddr offset, unsigned size)
{
    PFlash *s = opaque;

    switch (s->command) {
    case CMD_READ_ID:
        return 0; /* no maker, no lock */
    case CMD_QUERY:
        return query_byte(s, offset & 0xff);
    case CMD_READ_ARRAY:
        return s->data[offset];
    }
    return s->status;
}

static const MemoryRegionOps flash_ops = {
    .read = flash_read,
    .write = flash_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 8, .unaligned = true},
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

/* --- life ------------------------------------------------------------------------------------- */

typedef struct LoadRequest {
    BlkRequest req;
    int result;
} LoadRequest;

static void loaded(BlkRequest *req, int ret)
{
    container_of(req, LoadRequest, req)->result = ret;
}

static bool load(PFlash *s, GError **errp)
{
    struct iovec iov = {.iov_base = s->data, .iov_len = s->size};
    LoadRequest l = {
        .req = {.op = BLK_READ, .bytes = s->size, .iov = &iov, .niov = 1, .complete = loaded}};

    blk_submit(s->blk, &l.req, aio_get_main());
    blk_drain(s->blk);
    if (l.result < 0) {
        error_setg_errno(errp, -l.result, "the flash image cannot be read");
    }
    return l.result >= 0;
}

static bool flash_realize(DeviceState *dev, GError **errp)
{
    PFlash *s = PFLASH(dev);
    int64_t len;

    if (!s->blk) {
        error_setg(errp, "cfi.pflash01: drive= is missing: name a -drive's id or a node");
        return false;
    }
    len = blk_getlength(s->blk);
    if (len < SECTOR_SIZE || len % SECTOR_SIZE || len > (int64_t)FLASH_MAX) {
        error_setg(errp,
                   "a flash image must be a multiple of 4 KiB, up to 64 MiB; this one has %" PRId64
                   " bytes",
                   len);
        return false;
    }
    s->size = len;
    s->read_only = blk_is_read_only(s->blk);
    if (!memory_region_init_rom_device(&s->mem, OBJECT(s), &flash_ops, s, "system.flash", s->size,
                                       errp)) {
        return false;
    }
    s->data = memory_region_get_ram_ptr(&s->mem);
    if (!load(s, errp)) {
        memory_region_finalize(&s->mem);
        return false;
    }
    s->command = CMD_READ_ARRAY;
    s->status = ST_READY;
    memory_region_set_home(&s->mem, aio_get_main(), 0);
    sysbus_init_mmio(SYS_BUS_DEVICE(dev), &s->mem);
    qemu_add_exit_notifier(flush_at_exit, s);
    return true;
}

static void flash_reset(DeviceState *dev)
{
    PFlash *s = PFLASH(dev);

    read_array(s);
    s->status = ST_READY;
}

static void flash_finalize(Object *obj)
{
    PFlash *s = PFLASH(obj);

    if (s->blk) {
        blk_drain(s->blk); /* what the guest was told is written is not taken back */
        blk_detach_dev(s->blk);
    }
}

static const ObjectProperty flash_props[] = {
    DEFINE_PROP_DRIVE("drive", PFlash, blk),
};

static void flash_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->desc = "parallel NOR flash";
    dc->category = DEVICE_CATEGORY_STORAGE;
    dc->realize = flash_realize;
    dc->reset = flash_reset;
    dc->user_creatable = false;
    dc->hotpluggable = false;
    object_class_add_property_table(klass, flash_props);
}

static const TypeInfo flash_info = {
    .name = TYPE_PFLASH,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(PFlash),
    .class_init = flash_class_init,
    .instance_finalize = flash_finalize,
};
QOM_TYPE(flash_info);
