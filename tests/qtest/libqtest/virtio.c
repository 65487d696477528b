/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's virtio driver for the tests. */
#include "virtio.h"

#include <string.h>

#define WAIT_US (20 * G_USEC_PER_SEC)
#define CAP_VENDOR 0x09
#define DESC_NEXT 1
#define DESC_WRITE 2
#define DESC_INDIRECT 4
#define PACKED_AVAIL 0x80
#define PACKED_USED 0x8000

/* --- finding it ------------------------------------------------------------------------------ */

static void probe_caps(QVirtio *v)
{
    uint8_t cap = 0;
    int bar = -1;

    while ((cap = qpci_find_capability(v->pci, CAP_VENDOR, cap))) {
        uint8_t type = qpci_config_readb(v->pci, cap + 3);
        uint32_t offset = qpci_config_readl(v->pci, cap + 8);

        if (type >= 1 && type <= 4) {
            g_assert_true(bar < 0 || bar == qpci_config_readb(v->pci, cap + 4));
            bar = qpci_config_readb(v->pci, cap + 4);
        }
        switch (type) {
        case 1:
            v->common = offset;
            break;
        case 2:
            v->notify = offset;
            v->multiplier = qpci_config_readl(v->pci, cap + 16);
            break;
        case 3:
            v->isr = offset;
            break;
        case 4:
            v->device = offset;
            break;
        case 5:
            v->cfg_cap = cap;
            break;
        }
    }
    if (bar >= 0 && !v->legacy) {
        v->bar = qpci_iomap(v->pci, bar);
    }
}

void qvirtio_probe(QVirtio *v)
{
    uint16_t id = qpci_config_readw(v->pci, 2);

    g_assert_cmphex(qpci_config_readw(v->pci, 0), ==, 0x1af4);
    g_assert_true(id >= 0x1000 && id <= 0x107f);
    g_clear_pointer(&v->bar, g_free);
    g_clear_pointer(&v->io, g_free);
    v->msix = false;
    if (id < 0x1040) {
        v->io = qpci_iomap(v->pci, 0);
    }
    probe_caps(v);
    g_assert_true(v->legacy ? v->io != NULL : v->bar != NULL);
    qpci_device_enable(v->pci);
}

QVirtio *qvirtio_new(QPCIBus *bus, uint8_t bus_num, uint8_t devfn, bool legacy)
{
    QVirtio *v = g_new0(QVirtio, 1);

    v->s = bus->s;
    v->pci = qpci_device_at(bus, bus_num, devfn);
    v->legacy = legacy;
    g_assert_nonnull(v->pci);
    qvirtio_probe(v);
    return v;
}

QVirtio *qvirtio_new_mmio(QTestState *s, uint64_t base)
{
    QVirtio *v = g_new0(QVirtio, 1);
    uint32_t version;

    v->s = s;
    v->mmio = base;
    g_assert_cmphex(qvirtio_mmio(v, 0), ==, 0x74726976);
    version = qvirtio_mmio(v, 4);
    g_assert_true(version == 1 || version == 2);
    v->legacy = version == 1;
    return v;
}

void qvirtio_free(QVirtio *v)
{
    if (v->mmio) {
        g_free(v);
        return;
    }
    g_free(v->bar);
    g_free(v->io);
    qpci_device_free(v->pci);
    g_free(v);
}

/* --- registers of the MMIO transport (4.2.2) ------------------------------------------------- */

uint32_t qvirtio_mmio(QVirtio *v, uint64_t reg)
{
    return qtest_readl(v->s, v->mmio + reg);
}

void qvirtio_mmio_write(QVirtio *v, uint64_t reg, uint32_t val)
{
    qtest_writel(v->s, v->mmio + reg, val);
}

static uint64_t mmio_config(QVirtio *v, uint64_t offset, unsigned size)
{
    uint64_t at = v->mmio + 0x100 + offset;

    switch (size) {
    case 1:
        return qtest_readb(v->s, at);
    case 2:
        return qtest_readw(v->s, at);
    case 4:
        return qtest_readl(v->s, at);
    default:
        return qtest_readl(v->s, at) | (uint64_t)qtest_readl(v->s, at + 4) << 32;
    }
}

static void mmio_config_write(QVirtio *v, uint64_t offset, unsigned size, uint64_t val)
{
    uint64_t at = v->mmio + 0x100 + offset;

    switch (size) {
    case 1:
        qtest_writeb(v->s, at, (uint8_t)val);
        break;
    case 2:
        qtest_writew(v->s, at, (uint16_t)val);
        break;
    default:
        qtest_writel(v->s, at, (uint32_t)val);
    }
}

static uint64_t mmio_features(QVirtio *v)
{
    uint64_t f;

    qvirtio_mmio_write(v, 0x14, 1);
    f = (uint64_t)qvirtio_mmio(v, 0x10) << 32;
    qvirtio_mmio_write(v, 0x14, 0);
    return f | qvirtio_mmio(v, 0x10);
}

static void mmio_queue_enable(QVirtio *v, const QVirtQueue *q)
{
    qvirtio_mmio_write(v, 0x38, q->num);
    if (v->legacy) {
        qvirtio_mmio_write(v, 0x3c, 4096);
        qvirtio_mmio_write(v, 0x40, (uint32_t)(q->desc >> 12));
        g_assert_cmphex(qvirtio_mmio(v, 0x40), ==, q->desc >> 12);
        return;
    }
    g_assert_cmpuint(qvirtio_mmio(v, 0x44), ==, 0);
    qvirtio_mmio_write(v, 0x80, (uint32_t)q->desc);
    qvirtio_mmio_write(v, 0x84, q->desc >> 32);
    qvirtio_mmio_write(v, 0x90, (uint32_t)q->driver);
    qvirtio_mmio_write(v, 0x94, q->driver >> 32);
    qvirtio_mmio_write(v, 0xa0, (uint32_t)q->device);
    qvirtio_mmio_write(v, 0xa4, q->device >> 32);
    qvirtio_mmio_write(v, 0x44, 1);
    g_assert_cmpuint(qvirtio_mmio(v, 0x44), ==, 1);
}

/* --- registers ------------------------------------------------------------------------------- */

uint64_t qvirtio_common(QVirtio *v, uint64_t offset, unsigned size)
{
    return qpci_io_read(v->bar, v->common + offset, size);
}

void qvirtio_common_write(QVirtio *v, uint64_t offset, unsigned size, uint64_t val)
{
    qpci_io_write(v->bar, v->common + offset, size, val);
}

uint8_t qvirtio_status(QVirtio *v)
{
    if (v->mmio) {
        return (uint8_t)qvirtio_mmio(v, 0x70);
    }
    return v->legacy ? (uint8_t)qpci_io_read(v->io, 18, 1) : (uint8_t)qvirtio_common(v, 0x14, 1);
}

void qvirtio_set_status(QVirtio *v, uint8_t status)
{
    if (v->mmio) {
        qvirtio_mmio_write(v, 0x70, status);
    } else if (v->legacy) {
        qpci_io_write(v->io, 18, 1, status);
    } else {
        qvirtio_common_write(v, 0x14, 1, status);
    }
}

void qvirtio_reset(QVirtio *v)
{
    gint64 end = g_get_monotonic_time() + WAIT_US;

    qvirtio_set_status(v, 0);
    while (qvirtio_status(v)) {
        if (g_get_monotonic_time() > end) {
            g_error("the device does not reset: status 0x%x", qvirtio_status(v));
        }
        g_usleep(200);
    }
    memset(v->q, 0, sizeof(v->q));
}

uint64_t qvirtio_host_features(QVirtio *v)
{
    uint64_t f;

    if (v->mmio) {
        return mmio_features(v);
    }
    if (v->legacy) {
        return qpci_io_read(v->io, 0, 4);
    }
    qvirtio_common_write(v, 0, 4, 0);
    f = qvirtio_common(v, 4, 4);
    qvirtio_common_write(v, 0, 4, 1);
    return f | qvirtio_common(v, 4, 4) << 32;
}

static uint64_t legacy_config(QVirtio *v)
{
    return v->msix ? 24 : 20;
}

uint64_t qvirtio_config(QVirtio *v, uint64_t offset, unsigned size)
{
    if (v->mmio) {
        return mmio_config(v, offset, size);
    }
    if (v->legacy && size == 8) {
        return qvirtio_config(v, offset, 4) | qvirtio_config(v, offset + 4, 4) << 32;
    }
    return v->legacy ? qpci_io_read(v->io, legacy_config(v) + offset, size)
                     : qpci_io_read(v->bar, v->device + offset, size);
}

void qvirtio_config_write(QVirtio *v, uint64_t offset, unsigned size, uint64_t val)
{
    if (v->mmio) {
        mmio_config_write(v, offset, size, val);
    } else if (v->legacy) {
        qpci_io_write(v->io, legacy_config(v) + offset, size, val);
    } else {
        qpci_io_write(v->bar, v->device + offset, size, val);
    }
}

uint8_t qvirtio_isr(QVirtio *v)
{
    if (v->mmio) {
        uint32_t status = qvirtio_mmio(v, 0x60);

        qvirtio_mmio_write(v, 0x64, status);
        return (uint8_t)status;
    }
    return (uint8_t)(v->legacy ? qpci_io_read(v->io, 19, 1) : qpci_io_read(v->bar, v->isr, 1));
}

uint32_t qvirtio_cfg_access(QVirtio *v, uint64_t offset, unsigned size, bool write, uint32_t val)
{
    g_assert_cmpuint(v->cfg_cap, !=, 0);
    qpci_config_writeb(v->pci, v->cfg_cap + 4, 4);
    qpci_config_writel(v->pci, v->cfg_cap + 8, (uint32_t)offset);
    qpci_config_writel(v->pci, v->cfg_cap + 12, size);
    if (write) {
        switch (size) {
        case 1:
            qpci_config_writeb(v->pci, v->cfg_cap + 16, (uint8_t)val);
            break;
        case 2:
            qpci_config_writew(v->pci, v->cfg_cap + 16, (uint16_t)val);
            break;
        default:
            qpci_config_writel(v->pci, v->cfg_cap + 16, val);
        }
        return 0;
    }
    switch (size) {
    case 1:
        return qpci_config_readb(v->pci, v->cfg_cap + 16);
    case 2:
        return qpci_config_readw(v->pci, v->cfg_cap + 16);
    default:
        return qpci_config_readl(v->pci, v->cfg_cap + 16);
    }
}

/* --- start ----------------------------------------------------------------------------------- */

void qvirtio_negotiate(QVirtio *v, uint64_t features)
{
    qvirtio_reset(v);
    qvirtio_set_status(v, 1);
    qvirtio_set_status(v, 3);
    if (v->legacy) {
        v->features = features & UINT32_MAX;
        if (v->mmio) {
            qvirtio_mmio_write(v, 0x24, 0);
            qvirtio_mmio_write(v, 0x20, (uint32_t)v->features);
            qvirtio_mmio_write(v, 0x28, 4096);
        } else {
            qpci_io_write(v->io, 4, 4, v->features);
        }
        return;
    }
    v->features = features | QVIRTIO_F_VERSION_1;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t half = (uint32_t)(v->features >> (32 * i));

        if (v->mmio) {
            qvirtio_mmio_write(v, 0x24, i);
            qvirtio_mmio_write(v, 0x20, half);
        } else {
            qvirtio_common_write(v, 8, 4, i);
            qvirtio_common_write(v, 12, 4, half);
        }
    }
    qvirtio_set_status(v, 0xb);
    g_assert_cmphex(qvirtio_status(v), ==, 0xb);
}

static void select_queue(QVirtio *v, unsigned index)
{
    if (v->mmio) {
        qvirtio_mmio_write(v, 0x30, index);
    } else if (v->legacy) {
        qpci_io_write(v->io, 14, 2, index);
    } else {
        qvirtio_common_write(v, 0x16, 2, index);
    }
}

static bool packed(const QVirtio *v)
{
    return v->features & QVIRTIO_F_PACKED;
}

static bool event_idx(const QVirtio *v)
{
    return v->features & QVIRTIO_F_EVENT_IDX;
}

void qvirtio_queue_init(QVirtio *v, unsigned index, unsigned size)
{
    QVirtQueue *q = &v->q[index];
    unsigned max;

    g_assert_cmpuint(index, <, QVIRTIO_QUEUES);
    select_queue(v, index);
    max = (unsigned)(v->mmio     ? qvirtio_mmio(v, 0x34)
                     : v->legacy ? qpci_io_read(v->io, 12, 2)
                                 : qvirtio_common(v, 0x18, 2));
    g_assert_cmpuint(max, >, 0);
    /* The legacy interface over PCI has no choice. */
    *q = (QVirtQueue){.v = v, .index = index, .num = size && (!v->legacy || v->mmio) ? size : max};
    q->free_descs = q->num;
    q->avail_wrap = q->used_wrap = true;
    if (v->legacy) {
        uint64_t len = ((16 + 2) * q->num + 6 + 4095) & ~4095u;

        q->desc = qtest_alloc(v->s, len + 6 + 8 * q->num, 4096);
        q->driver = q->desc + 16 * q->num;
        q->device = q->desc + len;
    } else {
        q->desc = qtest_alloc(v->s, 16 * q->num, 16);
        q->driver = qtest_alloc(v->s, packed(v) ? 4 : 6 + 2 * q->num, 4);
        q->device = qtest_alloc(v->s, packed(v) ? 4 : 6 + 8 * q->num, 4);
    }
    if (!v->legacy && !v->mmio) {
        q->notify = v->notify + qvirtio_common(v, 0x1e, 2) * v->multiplier;
    }
    q->tables = qtest_alloc(v->s, 4096 * (uint64_t)MIN(q->num, 64), 4096);
}

void qvirtio_queue_enable(QVirtio *v, unsigned index)
{
    QVirtQueue *q = &v->q[index];

    select_queue(v, index);
    if (v->mmio) {
        mmio_queue_enable(v, q);
        return;
    }
    if (v->legacy) {
        qpci_io_write(v->io, 8, 4, q->desc >> 12);
        return;
    }
    qvirtio_common_write(v, 0x18, 2, q->num);
    g_assert_cmpuint(qvirtio_common(v, 0x18, 2), ==, q->num);
    qvirtio_common_write(v, 0x20, 4, (uint32_t)q->desc);
    qvirtio_common_write(v, 0x24, 4, q->desc >> 32);
    qvirtio_common_write(v, 0x28, 8, q->driver);
    qvirtio_common_write(v, 0x30, 4, (uint32_t)q->device);
    qvirtio_common_write(v, 0x34, 4, q->device >> 32);
    qvirtio_common_write(v, 0x1c, 2, 1);
    g_assert_cmpuint(qvirtio_common(v, 0x1c, 2), ==, 1);
}

static void set_vectors(QVirtio *v, unsigned n)
{
    if (!v->msix) {
        qpci_msix_enable(v->pci);
        v->msix = true;
    }
    if (v->legacy) {
        qpci_io_write(v->io, 20, 2, 0);
    } else {
        qvirtio_common_write(v, 0x10, 2, 0);
        g_assert_cmphex(qvirtio_common(v, 0x10, 2), ==, 0);
    }
    for (unsigned i = 0; i < n; i++) {
        select_queue(v, i);
        if (v->legacy) {
            qpci_io_write(v->io, 22, 2, i + 1);
            g_assert_cmphex(qpci_io_read(v->io, 22, 2), ==, i + 1);
        } else {
            qvirtio_common_write(v, 0x1a, 2, i + 1);
            g_assert_cmphex(qvirtio_common(v, 0x1a, 2), ==, i + 1);
        }
    }
}

void qvirtio_start(QVirtio *v, uint64_t features, unsigned n, unsigned size, bool msix)
{
    qvirtio_negotiate(v, features);
    for (unsigned i = 0; i < n; i++) {
        qvirtio_queue_init(v, i, size);
    }
    if (msix) {
        set_vectors(v, n);
    }
    for (unsigned i = 0; i < n; i++) {
        qvirtio_queue_enable(v, i);
    }
    qvirtio_set_status(v, v->legacy ? 7 : 0xf);
    g_assert_cmphex(qvirtio_status(v), ==, v->legacy ? 7 : 0xf);
}

/* --- chains ---------------------------------------------------------------------------------- */

static void put_desc(QVirtio *v, uint64_t at, uint64_t addr, uint32_t len, uint16_t a, uint16_t b)
{
    struct {
        uint64_t addr;
        uint32_t len;
        uint16_t a, b;
    } d = {addr, len, a, b};

    qtest_memwrite(v->s, at, &d, sizeof(d));
}

static uint64_t table_of(QVirtQueue *q, unsigned id)
{
    return q->tables + 4096 * (uint64_t)(id % MIN(q->num, 64));
}

static uint16_t add_split(QVirtQueue *q, const QVirtioBuf *bufs, unsigned n, bool indirect)
{
    QVirtio *v = q->v;
    unsigned places = indirect ? 1 : n, head = q->next_free;
    uint64_t table = indirect ? table_of(q, head) : q->desc;

    g_assert_cmpuint(q->free_descs, >=, places);
    for (unsigned i = 0; i < n; i++) {
        unsigned at = indirect ? i : (head + i) % q->num;
        unsigned next = indirect ? i + 1 : (head + i + 1) % q->num;

        put_desc(v, table + 16 * (uint64_t)at, bufs[i].addr, bufs[i].len,
                 (uint16_t)((bufs[i].write ? DESC_WRITE : 0) | (i + 1 < n ? DESC_NEXT : 0)),
                 (uint16_t)(i + 1 < n ? next : 0));
    }
    if (indirect) {
        put_desc(v, q->desc + 16 * (uint64_t)head, table, 16 * n, DESC_INDIRECT, 0);
    }
    q->next_free = (uint16_t)((head + places) % q->num);
    q->free_descs -= places;
    q->ndescs[head] = (uint16_t)places;
    qtest_writew(v->s, q->driver + 4 + 2 * (uint64_t)(q->avail % q->num), (uint16_t)head);
    qtest_writew(v->s, q->driver + 2, ++q->avail);
    q->offered++;
    return (uint16_t)head;
}

static uint16_t packed_flags(bool wrap)
{
    return wrap ? PACKED_AVAIL : PACKED_USED;
}

static uint16_t add_packed(QVirtQueue *q, const QVirtioBuf *bufs, unsigned n, bool indirect)
{
    QVirtio *v = q->v;
    unsigned places = indirect ? 1 : n, id = q->avail;
    uint16_t head = q->avail, head_flags = 0;

    g_assert_cmpuint(q->free_descs, >=, places);
    while (q->ndescs[id]) {
        id = (id + 1) % q->num;
    }
    for (unsigned i = 0; indirect && i < n; i++) {
        put_desc(v, table_of(q, id) + 16 * i, bufs[i].addr, bufs[i].len, 0,
                 bufs[i].write ? DESC_WRITE : 0);
    }
    for (unsigned i = 0; i < places; i++) {
        uint64_t at = q->desc + 16 * (uint64_t)q->avail;
        uint16_t flags = packed_flags(q->avail_wrap);

        if (indirect) {
            flags |= DESC_INDIRECT;
            put_desc(v, at, table_of(q, id), 16 * n, (uint16_t)id, 0);
        } else {
            flags |= (uint16_t)((bufs[i].write ? DESC_WRITE : 0) | (i + 1 < n ? DESC_NEXT : 0));
            /* The old flags of the first stay: it becomes available last. */
            put_desc(v, at, bufs[i].addr, bufs[i].len, (uint16_t)id,
                     i ? flags : packed_flags(!q->avail_wrap));
        }
        if (!i) {
            head_flags = flags;
            if (indirect) {
                qtest_writew(v->s, at + 14, packed_flags(!q->avail_wrap));
            }
        }
        if (++q->avail == q->num) {
            q->avail = 0;
            q->avail_wrap = !q->avail_wrap;
        }
    }
    q->ndescs[id] = (uint16_t)places;
    q->free_descs -= places;
    q->offered += (uint16_t)places;
    qtest_writew(v->s, q->desc + 16 * (uint64_t)head + 14, head_flags);
    return (uint16_t)id;
}

uint16_t qvirtio_add(QVirtQueue *q, const QVirtioBuf *bufs, unsigned n, bool indirect)
{
    g_assert_cmpuint(n, <=, 256);
    return packed(q->v) ? add_packed(q, bufs, n, indirect) : add_split(q, bufs, n, indirect);
}

void qvirtio_kick(QVirtQueue *q)
{
    QVirtio *v = q->v;
    uint32_t next = packed(v) ? q->avail | (q->avail_wrap ? 0x8000u : 0) : q->avail;

    q->told = q->offered;
    if (v->mmio) {
        bool data = v->features & QVIRTIO_F_NOTIFICATION_DATA;

        qvirtio_mmio_write(v, 0x50, q->index | (data ? next << 16 : 0));
    } else if (v->legacy) {
        qpci_io_write(v->io, 16, 2, q->index);
    } else if (v->features & QVIRTIO_F_NOTIFICATION_DATA) {
        qpci_io_write(v->bar, q->notify, 4, q->index | next << 16);
    } else {
        qpci_io_write(v->bar, q->notify, 2, q->index);
    }
}

/* What the device has written about the notifications that it wants (virtio 1.2, 2.7.10, 2.8.10).
 */
static bool kick_wanted(QVirtQueue *q)
{
    uint16_t fresh = q->offered - q->told, at, flags;

    if (packed(q->v)) {
        at = qtest_readw(q->v->s, q->device);
        flags = qtest_readw(q->v->s, q->device + 2);
        if (flags != 2) {
            return flags == 0;
        }
        /* How far behind the next free descriptor that place is, in this lap or the one before. */
        at = (uint16_t)(q->avail - (at & 0x7fff) + (at >> 15 == q->avail_wrap ? 0 : q->num));
    } else if (event_idx(q->v)) {
        at = (uint16_t)(q->avail - qtest_readw(q->v->s, q->device + 4 + 8 * (uint64_t)q->num));
    } else {
        return !(qtest_readw(q->v->s, q->device) & 1);
    }
    return at > 0 && at <= fresh;
}

void qvirtio_kick_if_wanted(QVirtQueue *q)
{
    if (kick_wanted(q)) {
        qvirtio_kick(q);
    }
}

bool qvirtio_ready(QVirtQueue *q)
{
    QVirtio *v = q->v;

    if (packed(v)) {
        uint16_t flags = qtest_readw(v->s, q->desc + 16 * (uint64_t)q->used + 14);

        return !!(flags & PACKED_AVAIL) == q->used_wrap && !!(flags & PACKED_USED) == q->used_wrap;
    }
    return qtest_readw(v->s, q->device + 2) != q->used;
}

uint16_t qvirtio_wait(QVirtQueue *q, uint32_t *len)
{
    QVirtio *v = q->v;
    gint64 end = g_get_monotonic_time() + WAIT_US;
    uint32_t id;

    while (!qvirtio_ready(q)) {
        if (g_get_monotonic_time() > end) {
            g_error("nothing used on queue %u, status 0x%x", q->index, qvirtio_status(v));
        }
        g_usleep(100);
    }
    if (packed(v)) {
        uint64_t at = q->desc + 16 * (uint64_t)q->used;
        unsigned to;

        id = qtest_readw(v->s, at + 12);
        *len = qtest_readl(v->s, at + 8);
        g_assert_cmpuint(id, <, q->num);
        to = q->used + q->ndescs[id];
        if (to >= q->num) {
            to -= q->num;
            q->used_wrap = !q->used_wrap;
        }
        q->used = (uint16_t)to;
    } else {
        uint64_t at = q->device + 4 + 8 * (uint64_t)(q->used % q->num);

        id = qtest_readl(v->s, at);
        *len = qtest_readl(v->s, at + 4);
        q->used++;
    }
    g_assert_cmpuint(id, <, q->num);
    g_assert_cmpuint(q->ndescs[id], >, 0); /* it was ours to give, and is given back once */
    q->free_descs += q->ndescs[id];
    q->ndescs[id] = 0;
    return (uint16_t)id;
}

void qvirtio_want_interrupt(QVirtQueue *q, bool on)
{
    QVirtio *v = q->v;

    if (packed(v)) {
        qtest_writel(v->s, q->driver,
                     !on            ? 1u << 16
                     : event_idx(v) ? (2u << 16 | q->used | (q->used_wrap ? 0x8000u : 0))
                                    : 0);
    } else if (event_idx(v)) {
        qtest_writew(v->s, q->driver + 4 + 2 * (uint64_t)q->num,
                     on ? q->used : (uint16_t)(q->used - 1));
    } else {
        qtest_writew(v->s, q->driver, !on);
    }
}

void qvirtio_wait_needs_reset(QVirtio *v)
{
    gint64 end = g_get_monotonic_time() + WAIT_US;

    while (!(qvirtio_status(v) & 0x40)) {
        if (g_get_monotonic_time() > end) {
            g_error("status stays 0x%x without NEEDS_RESET", qvirtio_status(v));
        }
        g_usleep(200);
    }
}
