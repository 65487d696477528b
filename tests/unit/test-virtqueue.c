/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtqueue between its device and its loop: the driver hears of everything that was used,
 * however long and however much the device may save up for one notification.
 */
#include "qemu/osdep.h"

#include "hw/virtio/virtio.h"

#include "../../hw/virtio/virtio-private.h"

#define RAM_SIZE 0x100000u
#define NUM 256
#define DESC_AREA 0x1000u
#define AVAIL_AREA 0x3000u
#define USED_AREA 0x4000u
#define BUFFER 0x10000u
#define USECS 1000000u

static MemoryRegion ram;
static AddressSpace as;
static unsigned interrupts;

/* --- the device ------------------------------------------------------------------------------ */

static void use_all(VirtQueue *vq)
{
    VirtElem *e;

    while ((e = virtqueue_pop(vq))) {
        virtqueue_push(vq, e, 0);
    }
}

static void count_interrupt(void *transport, VirtQueue *vq)
{
    interrupts++;
}

static const VirtioTransportOps ops = {.queue_interrupt = count_interrupt};

static const TypeInfo sink_info = {
    .name = "test-virtio-sink",
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(VirtIODevice),
};
QOM_TYPE(sink_info);

/* --- the driver ------------------------------------------------------------------------------ */

static uint16_t *word(uint64_t addr)
{
    return (uint16_t *)((uint8_t *)memory_region_get_ram_ptr(&ram) + addr);
}

/* Each descriptor is a chain of its own, and they are offered in turn. */
static void driver_init(void)
{
    memset(word(0), 0, RAM_SIZE);
    for (unsigned i = 0; i < NUM; i++) {
        VirtqDesc d = {.addr = BUFFER, .len = 16, .flags = VIRTQ_DESC_F_WRITE};

        memcpy(word(DESC_AREA + 16 * i), &d, sizeof(d));
        *word(AVAIL_AREA + VIRTQ_AVAIL_RING + 2 * i) = (uint16_t)i;
    }
}

/* Offers a whole ring, and waits until it has been used. */
static void round_of(VirtQueue *vq)
{
    uint16_t end = (uint16_t)(*word(AVAIL_AREA + VIRTQ_AVAIL_IDX) + NUM);

    __atomic_store_n(word(AVAIL_AREA + VIRTQ_AVAIL_IDX), end, __ATOMIC_SEQ_CST);
    virtio_queue_notify(vq);
    while (__atomic_load_n(word(USED_AREA + VIRTQ_USED_IDX), __ATOMIC_SEQ_CST) != end) {
        aio_poll(vq->ctx, true);
    }
}

static VirtQueue *queue_start(VirtIODevice *vdev, bool event_idx)
{
    VirtQueue *vq;

    vdev->name = "sink";
    vdev->as = &as;
    vdev->ops = &ops;
    vdev->home = aio_get_main();
    vdev->features = event_idx ? BIT_ULL(VIRTIO_F_EVENT_IDX) : 0;
    vq = virtio_add_queue(vdev, NUM, sizeof(VirtElem), false, use_all);
    vq->ctx = aio_get_main();
    virtqueue_make_bh(vq);
    vq->desc = DESC_AREA;
    vq->driver = AVAIL_AREA;
    vq->device = USED_AREA;
    driver_init();
    interrupts = 0;
    g_assert_true(virtqueue_start(vq));
    return vq;
}

static void queue_end(VirtIODevice *vdev, VirtQueue *vq)
{
    virtqueue_stop(vq);
    while (vq->started) {
        aio_poll(vq->ctx, true);
    }
    g_clear_pointer(&vq->bh, aio_bh_delete);
    object_unref(OBJECT(vdev));
}

/* --- tests ----------------------------------------------------------------------------------- */

/* A window that never ends by itself, and as many used chains as a counter of 16 bits has values:
 * the driver hears of them, and of the last ones when the time is over. */
static void test_long_window(const void *opaque)
{
    bool event_idx = opaque != NULL;
    VirtIODevice *vdev = VIRTIO_DEVICE(object_new("test-virtio-sink", NULL));
    VirtQueue *vq = queue_start(vdev, event_idx);
    uint16_t *used_event = word(AVAIL_AREA + VIRTQ_AVAIL_RING + 2 * NUM);

    virtqueue_coalesce(vq, 0, USECS);
    for (unsigned n = 0; n < 0x10000 / NUM; n++) {
        round_of(vq);
        if (interrupts == 1 && event_idx) {
            *used_event = *word(USED_AREA + VIRTQ_USED_IDX); /* and of the next one, too */
        }
    }
    g_assert_cmpuint(interrupts, >=, 1);
    interrupts = 0;
    *used_event = *word(USED_AREA + VIRTQ_USED_IDX);
    round_of(vq);
    g_assert_cmpuint(interrupts, ==, 0);
    aio_clock_advance(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + (int64_t)USECS * SCALE_US);
    g_assert_cmpuint(interrupts, ==, 1);
    queue_end(vdev, vq);
}

/* Windows one after the other; the last one ends with the queue, whose next life begins with
 * none. */
static void test_windows(void)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(object_new("test-virtio-sink", NULL));
    VirtQueue *vq = queue_start(vdev, false);

    virtqueue_coalesce(vq, 3 * NUM, USECS);
    for (unsigned n = 0; n < 30; n++) {
        AioTimer *t = vq->coal_timer;

        round_of(vq);
        g_assert_cmpuint(interrupts, ==, n);
        g_assert_true(aio_timer_pending(vq->coal_timer));
        g_assert_true(!n || vq->coal_timer == t); /* made once */
        if (n % 2) {                              /* as many as may wait */
            round_of(vq);
            g_assert_cmpuint(interrupts, ==, n);
            round_of(vq);
        } else { /* as long as they may */
            aio_clock_advance(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + (int64_t)USECS * SCALE_US);
        }
        g_assert_cmpuint(interrupts, ==, n + 1);
        g_assert_false(aio_timer_pending(vq->coal_timer));
    }
    round_of(vq);
    virtqueue_coalesce(vq, 0, 0); /* off: what waits is told at once */
    g_assert_cmpuint(interrupts, ==, 31);
    round_of(vq);
    g_assert_cmpuint(interrupts, ==, 32);
    virtqueue_coalesce(vq, 0, USECS);
    round_of(vq);
    g_assert_cmpuint(interrupts, ==, 32);
    virtqueue_stop(vq);
    g_assert_cmpuint(interrupts, ==, 33);
    g_assert_null(vq->coal_timer);
    while (vq->started) {
        aio_poll(vq->ctx, true);
    }
    driver_init();
    g_assert_true(virtqueue_start(vq));
    round_of(vq);
    g_assert_cmpuint(interrupts, ==, 33);
    g_assert_true(aio_timer_pending(vq->coal_timer));
    queue_end(vdev, vq);
    g_assert_cmpuint(interrupts, ==, 34);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(aio_init_main(NULL));
    aio_clock_set_manual(true);
    memory_map_init();
    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", RAM_SIZE, NULL));
    memory_region_add_subregion(get_system_memory(), 0, &ram);
    address_space_init(&as, get_system_memory(), "dma");
    g_test_add_data_func("/virtqueue/long-window/flags", NULL, test_long_window);
    g_test_add_data_func("/virtqueue/long-window/event-idx", &ram, test_long_window);
    g_test_add_func("/virtqueue/windows", test_windows);
    return g_test_run();
}
