/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-balloon (virtio 1.2, section 5.5): the guest gives pages back and takes them again; it
 * tells its statistics; it reports pages that are free, which are given back, too, and hints at
 * such pages when it is asked to, which are counted.  Main loop, where those live who ask.
 */
#include "hw/boards.h"
#include "hw/virtio/virtio-pci.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/keyval.h"
#include "qapi/qapi-commands.h"
#include "qapi/qapi-events.h"

#include <sys/mman.h>

#define TYPE_VIRTIO_BALLOON "virtio-balloon-device"
#define QUEUE_SIZE 128
#define PFN_SHIFT 12

#define VIRTIO_BALLOON_F_MUST_TELL_HOST 0
#define VIRTIO_BALLOON_F_STATS_VQ 1
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM 2
#define VIRTIO_BALLOON_F_FREE_PAGE_HINT 3
#define VIRTIO_BALLOON_F_PAGE_POISON 4
#define VIRTIO_BALLOON_F_REPORTING 5

typedef struct BalloonConfig {
    uint32_t num_pages, actual; /* 4 KiB pages in the balloon: wanted, there */
    uint32_t free_page_hint_cmd_id, poison_val;
} BalloonConfig;

/* free_page_hint_cmd_id [5.5.6.7]; other numbers name a round of hints. */
enum { HINT_STOP, HINT_DONE, HINT_FIRST };

/* Statistics by tag [5.5.6.3.1]. */
static const char *const stat_names[] = {
    "stat-swap-in",      "stat-swap-out",     "stat-major-faults",     "stat-minor-faults",
    "stat-free-memory",  "stat-total-memory", "stat-available-memory", "stat-disk-caches",
    "stat-htlb-pgalloc", "stat-htlb-pgfail",  "stat-oom-kills",        "stat-alloc-stall",
    "stat-async-scans",  "stat-direct-scans", "stat-async-reclaims",   "stat-direct-reclaims",
};
#define NUM_STATS G_N_ELEMENTS(stat_names)

typedef struct QEMU_PACKED BalloonStat {
    uint16_t tag;
    uint64_t val;
} BalloonStat;

typedef struct VirtIOBalloon {
    VirtIODevice parent_obj;
    bool deflate_on_oom, page_poison, reporting, hint_wanted;
    VirtQueue *inflate, *deflate, *stats, *hint, *report;
    uint32_t hint_round;      /* the last one that was asked for; 0: none */
    bool hinting;             /* the driver has begun that round, and not ended it */
    uint64_t hinted;          /* bytes, in that round */
    uint64_t stat[NUM_STATS]; /* UINT64_MAX: not told */
    int64_t stats_time;       /* seconds since 1970; 0: never */
    VirtElem *stats_elem;     /* given back to ask for news */
    int64_t poll_s;           /* guest-stats-polling-interval; 0: off */
    AioTimer *timer;
} VirtIOBalloon;
#define VIRTIO_BALLOON(obj) ((VirtIOBalloon *)(obj))

/* The one device that query-balloon and balloon are about; while realized. */
static VirtIOBalloon *the_balloon;

/* --- pages ----------------------------------------------------------------------------------- */

/* The host's pages that lie wholly in this range are given back; the guest finds zeroes, or the
 * file's content, when it uses them again. */
static void discard(uint8_t *host, uint64_t len)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ALIGN_UP((uintptr_t)host, page);
    uintptr_t end = ALIGN_DOWN((uintptr_t)host + len, page);

    if (first < end && madvise((void *)first, end - first, MADV_REMOVE) < 0) {
        madvise((void *)first, end - first, MADV_DONTNEED); /* private memory */
    }
}

static void inflate_pfn(VirtIODevice *vdev, uint32_t pfn)
{
    hwaddr len = 1u << PFN_SHIFT;
    RAMBlock *block;
    uint8_t *host = address_space_map_ram(vdev->as, (hwaddr)pfn << PFN_SHIFT, &len, true, &block);

    if (host) {
        discard(host, len);
        ram_block_unpin(block);
    }
}

static void handle_pages(VirtQueue *vq)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(vq->vdev);
    VirtElem *e;

    while ((e = virtqueue_pop(vq))) {
        uint32_t pfns[256];
        size_t at = 0, len;

        /* A chain is at most 4 GiB long; drivers put some hundred numbers into it. */
        while (vq == s->inflate && (len = virtio_elem_read(e, at, pfns, sizeof(pfns))) >= 4 &&
               at < MiB) {
            for (unsigned i = 0; i < len / 4; i++) {
                inflate_pfn(vq->vdev, pfns[i]);
            }
            at += len;
        }
        virtqueue_push(vq, e, 0);
    }
}

static bool pages_are_poisoned(VirtIOBalloon *s)
{
    uint32_t poison;

    memcpy(&poison, s->parent_obj.config + offsetof(BalloonConfig, poison_val), sizeof(poison));
    return virtio_has_feature(&s->parent_obj, VIRTIO_BALLOON_F_PAGE_POISON) && poison;
}

static void handle_report(VirtQueue *vq)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(vq->vdev);
    VirtElem *e;

    while ((e = virtqueue_pop(vq))) {
        /* 5.5.6.6: what the pages hold must stay, or be the poison: ours would be zero. */
        for (unsigned i = 0; i < e->num_in && !pages_are_poisoned(s); i++) {
            const struct iovec *iov = &e->iov[e->num_out + i];

            discard(iov->iov_base, iov->iov_len);
        }
        virtqueue_push(vq, e, 0);
    }
}

/* --- hints ----------------------------------------------------------------------------------- */

static uint32_t config_word(VirtIOBalloon *s, unsigned offset);

/* Tells the driver what it is to do. */
static void hint_command(VirtIOBalloon *s, uint32_t id)
{
    virtio_config_write(&s->parent_obj, offsetof(BalloonConfig, free_page_hint_cmd_id), &id,
                        sizeof(id), true);
}

/* The driver names the round that it begins, or ends one with another number.  Numbers of rounds
 * that are over are late: what follows them is not looked at. */
static void hint_message(VirtIOBalloon *s, uint32_t id)
{
    uint32_t wanted = config_word(s, offsetof(BalloonConfig, free_page_hint_cmd_id));
    bool ended = s->hinting;

    s->hinting = id >= HINT_FIRST && id == wanted;
    if (ended && !s->hinting && wanted >= HINT_FIRST) {
        hint_command(s, HINT_DONE); /* the pages are the guest's again */
    }
}

/* A hint is no promise: its driver does not wait until we used it, and takes pages back whenever
 * the guest runs out of memory.  So they are counted, and what they hold stays. */
static void handle_hint(VirtQueue *vq)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(vq->vdev);
    VirtElem *e;

    while ((e = virtqueue_pop(vq))) {
        uint32_t id;

        if (e->out_bytes) {
            if (virtio_elem_read(e, 0, &id, sizeof(id)) == sizeof(id)) {
                hint_message(s, id);
            }
        } else if (s->hinting) {
            s->hinted += e->in_bytes;
        }
        virtqueue_push(vq, e, 0);
    }
}

static json_object *hints_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(obj);

    return json_object_new_boolean(
        s->timer && config_word(s, offsetof(BalloonConfig, free_page_hint_cmd_id)) >= HINT_FIRST);
}

static bool hints_set(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(obj);

    if (!s->timer || !virtio_driver_ok(&s->parent_obj) ||
        !virtio_has_feature(&s->parent_obj, VIRTIO_BALLOON_F_FREE_PAGE_HINT)) {
        error_setg(errp,
                   "%s: the guest has no driver that gives hints at free pages; the device needs "
                   "free-page-hint=on",
                   prop->name);
        return false;
    }
    if (json_object_get_boolean(value)) {
        s->hint_round =
            MAX(s->hint_round + 1, HINT_FIRST); /* and behind the last number the first */
        s->hinting = false;
        s->hinted = 0;
        hint_command(s, s->hint_round);
    } else if (config_word(s, offsetof(BalloonConfig, free_page_hint_cmd_id)) >= HINT_FIRST) {
        s->hinting = false;
        hint_command(s, HINT_DONE);
    }
    return true;
}

static json_object *hinted_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return json_object_new_uint64(VIRTIO_BALLOON(obj)->hinted);
}

/* --- statistics ------------------------------------------------------------------------------ */

static void clear_stats(VirtIOBalloon *s)
{
    for (unsigned i = 0; i < NUM_STATS; i++) {
        s->stat[i] = UINT64_MAX;
    }
}

static void arm(VirtIOBalloon *s)
{
    if (s->poll_s > 0) {
        aio_timer_mod(s->timer,
                      qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + s->poll_s * NANOSECONDS_PER_SECOND);
    } else {
        aio_timer_del(s->timer);
    }
}

static void poll_stats(void *opaque)
{
    VirtIOBalloon *s = opaque;

    if (s->stats_elem) {
        VirtElem *e = s->stats_elem;

        s->stats_elem = NULL;
        virtqueue_push(s->stats, e, 0);
    } else {
        arm(s); /* the driver has not answered the last time yet */
    }
}

static void handle_stats(VirtQueue *vq)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(vq->vdev);
    VirtElem *e;

    while ((e = virtqueue_pop(vq))) {
        BalloonStat stat;

        if (s->stats_elem) {
            virtqueue_push(vq, s->stats_elem, 0); /* there should be one only */
        }
        s->stats_elem = e;
        clear_stats(s);
        for (size_t at = 0;
             at < 64 * sizeof(stat) && virtio_elem_read(e, at, &stat, sizeof(stat)) == sizeof(stat);
             at += sizeof(stat)) {
            if (stat.tag < NUM_STATS) {
                s->stat[stat.tag] = stat.val;
            }
        }
        s->stats_time = qemu_clock_get_ns(QEMU_CLOCK_HOST) / NANOSECONDS_PER_SECOND;
        arm(s);
    }
}

static void stop_queue(VirtQueue *vq)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(vq->vdev);

    if (vq == s->stats && s->stats_elem) {
        VirtElem *e = s->stats_elem;

        s->stats_elem = NULL;
        virtqueue_drop(vq, e);
    }
}

/* --- what users see -------------------------------------------------------------------------- */

static uint32_t config_word(VirtIOBalloon *s, unsigned offset)
{
    uint32_t v;

    memcpy(&v, s->parent_obj.config + offset, sizeof(v));
    return v;
}

static int64_t actual_bytes(VirtIOBalloon *s)
{
    uint64_t in = (uint64_t)config_word(s, offsetof(BalloonConfig, actual)) << PFN_SHIFT;

    return current_machine->ram_size - MIN(in, current_machine->ram_size);
}

static VirtIOBalloon *find(GError **errp)
{
    if (!the_balloon) {
        error_set_class(errp, ERROR_CLASS_DEVICE_NOT_ACTIVE,
                        "No balloon device has been activated");
    }
    return the_balloon;
}

BalloonInfo *qmp_query_balloon(GError **errp)
{
    VirtIOBalloon *s = find(errp);
    BalloonInfo *info;

    if (!s) {
        return NULL;
    }
    info = g_new0(BalloonInfo, 1);
    info->actual = actual_bytes(s);
    return info;
}

void qmp_balloon(int64_t value, GError **errp)
{
    VirtIOBalloon *s = find(errp);
    uint64_t ram;
    uint32_t pages;

    if (!s) {
        return;
    }
    if (value <= 0) {
        error_setg(errp, "Parameter 'value' expects a size above 0");
        return;
    }
    ram = current_machine->ram_size;
    pages = (ram - MIN((uint64_t)value, ram)) >> PFN_SHIFT;
    virtio_config_write(&s->parent_obj, offsetof(BalloonConfig, num_pages), &pages, sizeof(pages),
                        true);
}

static void hmp_balloon(Monitor *mon, const HmpArgs *args)
{
    GError *err = NULL;
    uint64_t mib;

    if (parse_uint("value", args->argv[0], INT64_MAX / MiB, &mib, &err)) {
        qmp_balloon((int64_t)(mib * MiB), &err);
    }
    if (err) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_balloon, "balloon", "target", "ask the guest to have so many MiB of RAM",
            hmp_balloon, 1, 1);

static void hmp_info_balloon(Monitor *mon, const HmpArgs *args)
{
    GError *err = NULL;
    g_autoptr(BalloonInfo) info = qmp_query_balloon(&err);

    if (err) {
        hmp_report(mon, err);
    } else {
        monitor_printf(mon, "balloon: actual=%" PRId64 "\n", (int64_t)(info->actual / MiB));
    }
}
HMP_INFO(hmp_info_balloon, "balloon", "", "show how much RAM the guest has", hmp_info_balloon, 0,
         0);

static json_object *stats_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(obj);
    json_object *all = json_object_new_object(), *stats = json_object_new_object();

    for (unsigned i = 0; i < NUM_STATS; i++) {
        json_object_object_add(stats, stat_names[i],
                               s->stat[i] == UINT64_MAX ? json_object_new_int64(-1)
                                                        : json_object_new_uint64(s->stat[i]));
    }
    json_object_object_add(all, "stats", stats);
    json_object_object_add(all, "last-update", json_object_new_int64(s->stats_time));
    return all;
}

static json_object *interval_get(Object *obj, const ObjectProperty *prop, GError **errp)
{
    return json_object_new_int64(VIRTIO_BALLOON(obj)->poll_s);
}

static bool interval_set(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(obj);
    int64_t v = json_object_get_int64(value);

    if (v < 0 || v > UINT32_MAX) {
        error_setg(errp, "guest-stats-polling-interval=%" PRId64 ": must be 0 (off) to %u seconds",
                   v, UINT32_MAX);
        return false;
    }
    s->poll_s = v;
    if (s->timer) {
        arm(s);
    }
    return true;
}

/* --- the device ------------------------------------------------------------------------------ */

static void config_written(VirtIODevice *vdev, unsigned offset, unsigned size, const uint8_t *old)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(vdev);
    unsigned actual = offsetof(BalloonConfig, actual);
    unsigned poison = offsetof(BalloonConfig, poison_val);
    uint32_t before;

    for (unsigned i = offset; i < offset + size; i++) {
        bool writable = (i >= actual && i < actual + 4) || (i >= poison && i < poison + 4);

        if (!writable) {
            __atomic_store_n(&vdev->config[i], old[i], __ATOMIC_RELEASE);
        }
    }
    memcpy(&before, old + actual, sizeof(before));
    if (before != config_word(s, actual)) {
        qapi_event_send_balloon_change(actual_bytes(s));
    }
}

static void device_reset(VirtIODevice *vdev)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(vdev);
    uint32_t zero = 0;

    /* The pages that it held are the next driver's. */
    virtio_config_write(vdev, offsetof(BalloonConfig, actual), &zero, sizeof(zero), false);
    virtio_config_write(vdev, offsetof(BalloonConfig, poison_val), &zero, sizeof(zero), false);
    virtio_config_write(vdev, offsetof(BalloonConfig, free_page_hint_cmd_id), &zero, sizeof(zero),
                        false);
    s->hinting = false;
    clear_stats(s);
    s->stats_time = 0;
}

static uint64_t get_features(VirtIODevice *vdev)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(vdev);

    return BIT_ULL(VIRTIO_BALLOON_F_STATS_VQ) |
           (s->deflate_on_oom ? BIT_ULL(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) : 0) |
           (s->hint_wanted ? BIT_ULL(VIRTIO_BALLOON_F_FREE_PAGE_HINT) : 0) |
           (s->page_poison ? BIT_ULL(VIRTIO_BALLOON_F_PAGE_POISON) : 0) |
           (s->reporting ? BIT_ULL(VIRTIO_BALLOON_F_REPORTING) : 0);
}

static bool virtio_balloon_realize(VirtIODevice *vdev, GError **errp)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(vdev);

    if (the_balloon) {
        error_setg(errp, "virtio-balloon: there can be one balloon device only");
        return false;
    }
    virtio_config_init(vdev, NULL, sizeof(BalloonConfig));
    s->inflate = virtio_add_queue(vdev, QUEUE_SIZE, sizeof(VirtElem), false, handle_pages);
    s->deflate = virtio_add_queue(vdev, QUEUE_SIZE, sizeof(VirtElem), false, handle_pages);
    s->stats = virtio_add_queue(vdev, QUEUE_SIZE, sizeof(VirtElem), false, handle_stats);
    /* As drivers number them: a queue without its feature is not there. */
    if (s->hint_wanted) {
        s->hint = virtio_add_queue(vdev, QUEUE_SIZE, sizeof(VirtElem), false, handle_hint);
    }
    if (s->reporting) {
        s->report = virtio_add_queue(vdev, 32, sizeof(VirtElem), false, handle_report);
    }
    s->timer = aio_timer_new(aio_get_main(), QEMU_CLOCK_VIRTUAL, poll_stats, s);
    clear_stats(s);
    the_balloon = s;
    return true;
}

static void virtio_balloon_unrealize(VirtIODevice *vdev)
{
    VirtIOBalloon *s = VIRTIO_BALLOON(vdev);

    g_clear_pointer(&s->timer, aio_timer_free);
    the_balloon = NULL;
}

static const ObjectProperty virtio_balloon_props[] = {
    DEFINE_PROP_BOOL("deflate-on-oom", VirtIOBalloon, deflate_on_oom, false,
                     "the guest may take pages back when it runs out of memory"),
    DEFINE_PROP_BOOL("page-poison", VirtIOBalloon, page_poison, true,
                     "the guest may tell what it fills free pages with"),
    DEFINE_PROP_BOOL("free-page-reporting", VirtIOBalloon, reporting, false,
                     "the guest reports free pages, which are given back"),
    DEFINE_PROP_BOOL("free-page-hint", VirtIOBalloon, hint_wanted, false,
                     "the guest names free pages when x-hint-free-pages asks for them"),
    {.name = "x-hint-free-pages",
     .type = "bool",
     .kind = PROP_BOOL,
     .settable_live = true,
     .get = hints_get,
     .set = hints_set,
     .help = "true: the guest is asked which pages are free; false when it has named all"},
    {.name = "x-hinted-bytes",
     .type = "int",
     .kind = PROP_CUSTOM,
     .read_only = true,
     .get = hinted_get,
     .help = "what the guest named since it was asked last"},
    {.name = "guest-stats",
     .type = "guest statistics",
     .kind = PROP_CUSTOM,
     .read_only = true,
     .get = stats_get,
     .help = "what the guest told last"},
    {.name = "guest-stats-polling-interval",
     .type = "int",
     .kind = PROP_INT,
     .size = 8,
     .settable_live = true,
     .get = interval_get,
     .set = interval_set,
     .help = "seconds between questions for statistics; 0: off"},
};

static void virtio_balloon_class_init(ObjectClass *klass, const void *data)
{
    VirtioDeviceClass *vc = (VirtioDeviceClass *)klass;

    vc->parent_class.category = DEVICE_CATEGORY_MISC;
    vc->parent_class.desc = "virtio memory balloon";
    vc->name = "virtio-balloon";
    vc->device_id = VIRTIO_ID_BALLOON;
    vc->legacy_pci_id = 0x1002;
    vc->pci_class = PCI_CLASS_OTHERS;
    vc->realize = virtio_balloon_realize;
    vc->unrealize = virtio_balloon_unrealize;
    vc->get_features = get_features;
    vc->reset = device_reset;
    vc->config_written = config_written;
    vc->stop_queue = stop_queue;
    object_class_add_property_table(klass, virtio_balloon_props);
}

static const TypeInfo virtio_balloon_info = {
    .name = TYPE_VIRTIO_BALLOON,
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(VirtIOBalloon),
    .class_init = virtio_balloon_class_init,
};
QOM_TYPE(virtio_balloon_info);

VIRTIO_PCI_TYPES(virtio_balloon, "virtio-balloon", TYPE_VIRTIO_BALLOON);
