/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The "nvme" device: PCI function, properties, life.  Realize, reset and unplug run in the main
 * loop, which may wait for the device's home.
 */
#include "firmware.h"
#include "nvme.h"
#include "system/kvm.h"
#include "pool.h"
#include "sanitize.h"
#include "selftest.h"
#include "state.h"

#include "hw/boards.h"
#include "qapi/keyval.h"
#include "system/runstate.h"

/* --- BAR 0: registers, doorbells, MSI-X ------------------------------------------------------ */

static bool init_doorbells(NvmeCtrl *n, GError **errp)
{
    bool ok = true;

    n->db = g_new0(NvmeDoorbell, n->num_db);
    nvme_doorbell_events_init(n);
    memory_region_transaction_begin();
    for (unsigned id = 0; ok && id < n->num_db; id++) {
        NvmeDoorbell *db = &n->db[id];
        g_autofree char *name = g_strdup_printf("nvme-doorbell-%u", id);

        db->n = n;
        db->qid = id;
        memory_region_init_io(&db->mr, OBJECT(n), &nvme_doorbell_ops, db, name, 8);
        memory_region_add_subregion(&n->bar0, NVME_REG_DOORBELLS + (hwaddr)id * 8, &db->mr);
        ok = nvme_set_region_home(n, &db->mr, id, MEMORY_HOME_POSTED_WRITES, errp);
    }
    memory_region_transaction_commit();
    return ok;
}

static bool init_bar0(NvmeCtrl *n, GError **errp)
{
    PCIDevice *pci = PCI_DEVICE(n);
    uint64_t doorbells = (uint64_t)n->num_db * 8;
    uint64_t table = ALIGN_UP(NVME_REG_DOORBELLS + doorbells, 4096);
    uint64_t pba = table + ALIGN_UP((uint64_t)n->params.msix_qsize * PCI_MSIX_ENTRY_SIZE, 4096);
    uint64_t size = pba + ALIGN_UP(DIV_ROUND_UP(n->params.msix_qsize, 8), 8);

    size = UINT64_C(1) << (64 - __builtin_clzll(size - 1));
    memory_region_init(&n->bar0, OBJECT(n), "nvme-bar0", size);
    memory_region_init_io(&n->iomem, OBJECT(n), &nvme_register_ops, n, "nvme-registers",
                          NVME_REG_DOORBELLS);
    memory_region_add_subregion(&n->bar0, 0, &n->iomem);
    if (!nvme_set_region_home(n, &n->iomem, 0, 0, errp) || !init_doorbells(n, errp)) {
        return false;
    }
    pci_register_bar(pci, 0, PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64,
                     &n->bar0);
    return msix_init(pci, n->params.msix_qsize, &n->bar0, 0, table, &n->bar0, 0, pba, 0, errp);
}

/* --- subsystem and namespace ----------------------------------------------------------------- */

static bool init_subsystem(NvmeCtrl *n, GError **errp)
{
    g_autofree char *nqn = NULL;

    if (n->subsys_dev) {
        if (n->params.state) {
            error_setg(errp, "nvme: state=%s: give it to the nvme-subsys device", n->params.state);
            return false;
        }
        n->subsys = nvme_subsys_of_device(n->subsys_dev);
        n->subsys->refs++;
        return true;
    }
    nqn = g_strdup_printf("nqn.2019-08.org.qemu:%s", n->params.serial);
    n->subsys = nvme_subsys_new(nqn);
    return !n->params.state || nvme_state_open(n->subsys, n->params.state, errp);
}

/* drive= is namespace 1; without it the controller begins with those that its subsystem shares. */
static bool init_namespace(NvmeCtrl *n, GError **errp)
{
    if (!n->ns_params.conf.blk) {
        return true;
    }
    n->ns_params.nsid = 1;
    n->drive_ns = nvme_ns_new(&n->ns_params, n->params.serial, errp);
    if (n->drive_ns && !nvme_ns_plug(n->drive_ns, n->subsys, n, false, errp)) {
        g_clear_pointer(&n->drive_ns, nvme_ns_free);
    }
    return n->drive_ns;
}

/* --- stop, start, reset ---------------------------------------------------------------------- */

static void resume_queue(void *opaque)
{
    nvme_io_resume(opaque);
}

static void resume_all(void *opaque)
{
    NvmeCtrl *n = opaque;

    for (unsigned id = 1; id < n->num_db; id++) {
        if (n->sq[id]) {
            aio_call(n->sq[id]->ctx, resume_queue, n->sq[id]);
        }
    }
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    NvmeCtrl *n = opaque;

    if (running) {
        aio_call(n->home, resume_all, n);
    }
}

static void keep_alive_expired(void *opaque)
{
    NvmeCtrl *n = opaque;

    if (n->keep_alive_seen) {
        n->keep_alive_seen = false;
        aio_timer_mod(n->keep_alive_timer,
                      qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + n->feat_keep_alive * SCALE_MS);
    } else {
        nvme_fail(n, "keep alive timer expired");
    }
}

typedef struct StopCall {
    NvmeCtrl *n;
    QemuEvent done;
} StopCall;

/* Home: a reset from outside; sets the event when the last queue is gone. */
static void stop_at_home(void *opaque)
{
    StopCall *c = opaque;
    NvmeCtrl *n = c->n;
    bool queues = false;

    for (unsigned id = 0; id < n->num_db; id++) {
        queues |= n->sq[id] || n->cq[id];
    }
    __atomic_store_n(&n->cc, 0, __ATOMIC_RELEASE);
    if (!queues && !n->resetting) {
        qemu_event_set(&c->done);
        return;
    }
    n->waiting = &c->done;
    if (!n->resetting) {
        __atomic_store_n(&n->resetting, true, __ATOMIC_RELAXED);
        nvme_aer_clear(n);
        nvme_dbbuf_off(n);
        aio_timer_del(n->keep_alive_timer);
        nvme_delete_all_queues(n);
    }
}

static void registers_at_home(void *opaque)
{
    NvmeCtrl *n = opaque;

    n->waiting = NULL;
    nvme_arbiters_free(n);
    nvme_registers_reset(n);
    nvme_features_reset(n);
}

/* Main loop: ends all commands and queues, then resets the registers.  Commands in flight are taken
 * back from their back end; what the kernel keeps is waited for. */
static void nvme_stop(NvmeCtrl *n)
{
    StopCall c = {.n = n};

    qemu_event_init(&c.done, false);
    aio_call(n->home, stop_at_home, &c);
    aio_await(n->home, &c.done);
    aio_call(n->home, registers_at_home, n);
    nvme_update_pin(n);
}

/* Machine reset, and function-level reset by the guest. */
static void nvme_device_reset(DeviceState *dev)
{
    NvmeCtrl *n = NVME(dev);

    nvme_stop(n);
    pci_device_reset(PCI_DEVICE(n));
}

static void fence_at_home(void *opaque)
{
    nvme_fence_queues(opaque);
}

static void nvme_config_changed(PCIDevice *pci, uint32_t addr, int len)
{
    NvmeCtrl *n = NVME(pci);

    /* Bus mastering went off: when the write is done, no queue fetches or posts any more. */
    if (addr <= PCI_COMMAND && addr + len > PCI_COMMAND && n->home &&
        !(pci_get_word(pci->config + PCI_COMMAND) & PCI_COMMAND_MASTER)) {
        aio_call(n->home, fence_at_home, n);
    }
}

/* --- realize and unrealize ------------------------------------------------------------------- */

static bool check_params(NvmeCtrl *n, GError **errp)
{
    NvmeParams *p = &n->params;

    if (p->num_queues) {
        p->max_ioqpairs = p->num_queues - 1;
    }
    if (!p->serial || !*p->serial) {
        error_setg(errp, "nvme: serial property not set; give the device serial=TEXT");
        return false;
    }
    if (p->max_ioqpairs < 1 || p->max_ioqpairs > NVME_MAX_IOQPAIRS) {
        error_setg(errp, "nvme: max_ioqpairs=%u: must be between 1 and %d", p->max_ioqpairs,
                   NVME_MAX_IOQPAIRS);
        return false;
    }
    if (p->msix_qsize < 1 || p->msix_qsize > PCI_MSIX_FLAGS_QSIZE + 1) {
        error_setg(errp, "nvme: msix_qsize=%u: must be between 1 and %d", p->msix_qsize,
                   PCI_MSIX_FLAGS_QSIZE + 1);
        return false;
    }
    if (p->cmb_size_mb) {
        error_setg(errp, "nvme: cmb_size_mb=%u: a controller memory buffer is not built in; use 0",
                   p->cmb_size_mb);
        return false;
    }
    if (p->aerl >= NVME_MAX_AERS) {
        error_setg(errp, "nvme: aerl=%u: must be below %d", p->aerl, NVME_MAX_AERS);
        return false;
    }
    if (p->mdts > 11) {
        error_setg(errp, "nvme: mdts=%u: at most 11 (8 MiB)", p->mdts);
        return false;
    }
    n->num_db = p->max_ioqpairs + 1;
    /* One more entry than pages: the first may start anywhere.  mdts 0 is "no limit": then the
     * number of blocks in a command is the limit, as far as 32 MiB. */
    n->max_iov = (p->mdts ? 1u << p->mdts : 8192) + 1;
    return true;
}

/* A timer belongs to its loop. */
static void free_timer_at_home(void *opaque)
{
    NvmeCtrl *n = opaque;

    g_clear_pointer(&n->keep_alive_timer, aio_timer_free);
    nvme_self_test_free(n);
}

static void free_state(NvmeCtrl *n)
{
    nvme_firmware_free(n);
    g_clear_pointer(&n->sq, g_free);
    g_clear_pointer(&n->cq, g_free);
    g_clear_pointer(&n->feat_vector, g_free);
    g_clear_pointer(&n->event_bh, aio_bh_delete);
    g_clear_pointer(&n->subsys, nvme_subsys_unref);
    if (n->home) {
        aio_call(n->home, free_timer_at_home, n);
    }
    nvme_homes_release(n);
}

static void take_homes_away(NvmeCtrl *n)
{
    nvme_doorbell_events_exit(n);
    memory_region_transaction_begin();
    if (n->iomem.name) {
        memory_region_set_home(&n->iomem, NULL, 0);
    }
    for (unsigned id = 0; n->db && id < n->num_db && n->db[id].n; id++) {
        memory_region_set_home(&n->db[id].mr, NULL, 0);
    }
    memory_region_transaction_commit();
}

/* What others asked of this controller's home, and what works there by itself, ends. */
static void answer_questions(NvmeCtrl *n)
{
    nvme_sanitize_stop(n->subsys, n);
    while (__atomic_load_n(&n->questions, __ATOMIC_ACQUIRE) || nvme_self_test_reading(n)) {
        aio_call(n->home, nvme_shutdown_take_back, n);
        aio_poll(aio_get_main(), false);
        g_usleep(50);
    }
}

static bool realize_parts(NvmeCtrl *n, GError **errp)
{
    PCIDevice *pci = PCI_DEVICE(n);

    n->post_write =
        n->params.post_write == ON_OFF_AUTO_ON ||
        (n->params.post_write == ON_OFF_AUTO_AUTO && n->params.ioeventfd && kvm_has_post_write());
    if (!check_params(n, errp) || !nvme_homes_choose(n, errp) || !init_subsystem(n, errp)) {
        return false;
    }
    n->sq = g_new0(NvmeSq *, n->num_db);
    n->cq = g_new0(NvmeCq *, n->num_db);
    n->feat_vector = g_new0(uint32_t, n->params.msix_qsize);
    n->page_bits = 12;
    n->page_size = NVME_PAGE_SIZE_MIN;
    n->cap = NVME_CAP_MQES(NVME_MAX_QUEUE_ENTRIES - 1) | NVME_CAP_CQR | NVME_CAP_AMS_WRR |
             NVME_CAP_NSSRS | NVME_CAP_TO(15) | NVME_CAP_CSS_NVM | NVME_CAP_CSS_CSI |
             NVME_CAP_MPSMIN(0) | NVME_CAP_MPSMAX(4);
    n->start_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    n->keep_alive_timer = aio_timer_new(n->home, QEMU_CLOCK_VIRTUAL, keep_alive_expired, n);
    n->event_bh = aio_bh_new(n->home, nvme_aer_posted, n);
    if (!nvme_firmware_init(n, errp)) {
        return false;
    }
    nvme_features_reset(n);
    pci_set_byte(pci->config + PCI_CLASS_PROG, 2); /* NVM Express I/O controller */
    pci_set_byte(pci->config + PCI_INTERRUPT_PIN, 1);
    if (pcie_endpoint_cap_init(pci, 0x80) < 0 || pci_pm_init(pci, 0x60, errp) < 0 ||
        !init_bar0(n, errp)) {
        return false;
    }
    pcie_cap_flr_init(pci);
    n->bus = qbus_new(TYPE_NVME_BUS, DEVICE(n), DEVICE(n)->id);
    qbus_set_hotplug_handler(n->bus, OBJECT(n));
    if (!nvme_subsys_add_ctrl(n->subsys, n, errp)) {
        return false;
    }
    if (!init_namespace(n, errp) || !nvme_pool_init(n, errp)) {
        nvme_pool_exit(n);
        g_clear_pointer(&n->drive_ns, nvme_ns_unplug);
        nvme_subsys_del_ctrl(n);
        answer_questions(n);
        return false;
    }
    return true;
}

static bool nvme_realize(PCIDevice *pci, GError **errp)
{
    NvmeCtrl *n = NVME(pci);

    if (!realize_parts(n, errp)) {
        take_homes_away(n);
        free_state(n);
        return false;
    }
    n->vmstate_handle = qemu_add_vm_change_state_handler(vm_state_changed, n);
    if (n->drive_ns && n->ns_params.conf.bootindex >= 0) {
        add_boot_device_path(n->ns_params.conf.bootindex, DEVICE(n), "/namespace@1,0");
    }
    return true;
}

static void nvme_exit(PCIDevice *pci)
{
    NvmeCtrl *n = NVME(pci);

    qemu_del_vm_change_state_handler(n->vmstate_handle);
    __atomic_store_n(&n->gone, true, __ATOMIC_RELEASE);
    nvme_stop(n);
    g_clear_pointer(&n->drive_ns, nvme_ns_unplug);
    nvme_pool_exit(n);
    nvme_subsys_del_ctrl(n);
    answer_questions(n);
    /* now, not when the last view of our regions is gone: the disk may go elsewhere */
    block_conf_release(&n->ns_params.conf);
    if (n->pool_blk) {
        blk_detach_dev(n->pool_blk);
        n->pool_blk = NULL;
    }
    take_homes_away(n);
    msix_uninit(pci);
    free_state(n);
}

static void nvme_finalize(Object *obj)
{
    NvmeCtrl *n = NVME(obj);

    device_homes_finalize(&n->homes);
    for (unsigned id = 0; n->db && id < n->num_db && n->db[id].n; id++) {
        memory_region_finalize(&n->db[id].mr);
    }
    if (n->bar0.name) {
        memory_region_finalize(&n->iomem);
        memory_region_finalize(&n->bar0);
    }
    nvme_doorbell_events_free(n);
    g_free(n->db);
    block_conf_release(&n->ns_params.conf);
    if (n->pool_blk) {
        blk_detach_dev(n->pool_blk);
    }
}

/* --- properties ------------------------------------------------------------------------------ */

static const ObjectProperty nvme_props[] = {
    NVME_NS_PROPERTIES(NvmeCtrl, ns_params),
    DEFINE_PROP_STRING("serial", NvmeCtrl, params.serial,
                       "serial number, up to 20 characters (required)"),
    DEFINE_PROP_STRING("firmware", NvmeCtrl, params.firmware,
                       "committed firmware images become the files FIRMWARE.2 and FIRMWARE.3"),
    DEFINE_PROP_DRIVE("ns-pool", NvmeCtrl, pool_blk),
    DEFINE_PROP_STRING("state", NvmeCtrl, params.state,
                       "file that keeps formats, saved features, reservations ... over restarts"),
    DEFINE_PROP_LINK("subsys", NvmeCtrl, subsys_dev, TYPE_NVME_SUBSYS,
                     "nvme-subsys that this controller belongs to (one of its own)"),
    DEFINE_PROPS_DEVICE_HOMES(NvmeCtrl, homes, "I/O queue pairs (from 1)"),
    DEFINE_PROP_UINT32("num_queues", NvmeCtrl, params.num_queues, 0, "old name: max_ioqpairs + 1"),
    DEFINE_PROP_UINT32("max_ioqpairs", NvmeCtrl, params.max_ioqpairs, 64, "I/O queue pairs"),
    DEFINE_PROP_UINT16("msix_qsize", NvmeCtrl, params.msix_qsize, 65, "MSI-X vectors"),
    DEFINE_PROP_UINT32("cmb_size_mb", NvmeCtrl, params.cmb_size_mb, 0,
                       "controller memory buffer (not built in: 0)"),
    DEFINE_PROP_UINT8("aerl", NvmeCtrl, params.aerl, 3,
                      "limit of outstanding async event requests, 0-based"),
    DEFINE_PROP_UINT32("aer_max_queued", NvmeCtrl, params.aer_max_queued, 64,
                       "limit of queued async events"),
    DEFINE_PROP_UINT8("mdts", NvmeCtrl, params.mdts, 7,
                      "largest transfer: 4 KiB << mdts; 0: no limit announced"),
    DEFINE_PROP_ON_OFF_AUTO("post-write", NvmeCtrl, params.post_write, ON_OFF_AUTO_AUTO,
                            "heads of completion queues are stored by the doorbell's write itself "
                            "(auto: where KVM does that)"),
    DEFINE_PROP_BOOL("ioeventfd", NvmeCtrl, params.ioeventfd, true,
                     "eventfd on doorbells while the host shadows them"),
    DEFINE_PROP_BOOL("dbbuf", NvmeCtrl, params.dbbuf, true,
                     "offer shadow doorbells (Doorbell Buffer Config)"),
};

static void nvme_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;
    PCIDeviceClass *pc = (PCIDeviceClass *)klass;

    dc->desc = "Non-Volatile Memory Express";
    dc->category = DEVICE_CATEGORY_STORAGE;
    dc->reset = nvme_device_reset;
    pc->realize = nvme_realize;
    pc->exit = nvme_exit;
    pc->config_changed = nvme_config_changed;
    pc->vendor_id = PCI_VENDOR_ID_REDHAT;
    pc->device_id = PCI_DEVICE_ID_REDHAT_NVME;
    pc->class_id = PCI_CLASS_STORAGE_EXPRESS;
    pc->revision = 2;
    object_class_add_property_table(klass, nvme_props);
}

static const char *const nvme_interfaces[] = {TYPE_HOTPLUG_HANDLER, INTERFACE_PCIE_DEVICE, NULL};
static const TypeInfo nvme_info = {
    .name = TYPE_NVME,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(NvmeCtrl),
    .class_init = nvme_class_init,
    .instance_finalize = nvme_finalize,
    .interfaces = nvme_interfaces,
};
QOM_TYPE(nvme_info);
