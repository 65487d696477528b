/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The NVMe controller's own header: state, and who may touch it.
 *
 * Homes.  The controller's registers, the admin queue and everything not said otherwise belong to
 * its home context (n->home).  Each pair of doorbells belongs to the context of its queue pair
 * (nvme_queue_ctx()).  A completion queue lives in the context of its own number, a submission
 * queue in the context of the completion queue that it completes to; with the usual one-to-one
 * pairing they are the same.
 *
 * Waits go one way: main loop -> home -> queue context.  The home installs and removes queues in
 * their context by aio_call(); a queue context never waits, it posts to the home.
 */
#ifndef HW_NVME_H
#define HW_NVME_H

#include "block/block-backend.h"
#include "block/nvme.h"
#include "hw/pci/pci.h"
#include "ns.h"
#include "qemu/trace.h"
#include "hw/device-homes.h"

#define TYPE_NVME "nvme"
#define NVME_MAX_IOQPAIRS 256
#define NVME_MAX_QUEUE_ENTRIES 2048 /* CAP.MQES + 1 */
#define NVME_MAX_AERS 16
#define NVME_ERROR_LOG_ENTRIES 16
#define NVME_ABORT_LIMIT 4
#define NVME_LATENCY_BUCKETS 40
#define NVME_PAGE_SIZE_MIN 4096u
#define NVME_VERSION 0x00010400u
#define NVME_TEMPERATURE 0x143u
#define NVME_TEMPERATURE_WARNING 0x157u
#define NVME_TEMPERATURE_CRITICAL 0x175u

typedef struct NvmeSq NvmeSq;
typedef struct NvmeCq NvmeCq;

/* Where a command's data lies in guest RAM.  Filled by dptr.c; the blocks are pinned (once for each
 * run of entries that share one) until nvme_data_unmap(). */
typedef struct NvmeData {
    struct iovec *iov; /* room for n->max_iov entries */
    RAMBlock **block;  /* the block of each entry */
    int niov;
    uint64_t len; /* bytes mapped so far */
} NvmeData;

/* One command in flight.  Preallocated with its queue; belongs to the queue's context. */
struct NvmeRequest {
    NvmeRequest *next; /* in sq->free or cq->done */
    NvmeSq *sq;
    NvmeNamespace *ns; /* that it works on, until it is complete */
    NvmeCmd cmd;
    NvmeCqe cqe;
    NvmeData data;
    BlkRequest blk;
    BlkRequest *home_blk; /* a format's step at home, or NULL */
    uint16_t status;
    bool busy;    /* fetched, not yet completed */
    bool parked;  /* failed with policy "stop": submitted again when the VM runs */
    bool aborted; /* ends at its next step */
    bool waiting; /* fused.c: for a pair's end */
    struct NvmePair *pair;
    uint8_t *bounce; /* commands that take several steps: freed at completion */
    size_t bounce_size;
    uint64_t step; /* how far they are */
};

/* A namespace as one controller sees it. */
typedef struct NvmeNsSlot {
    NvmeNamespace *ns; /* atomic; written with the subsystem's lock. NULL: not attached */
    uint32_t gate;     /* atomic; NVME_GATE_*: why a command must not take the short path */
    bool dulbe;        /* atomic: reads of deallocated blocks fail */
    uint8_t resv_mask; /* reservation events that the host does not want; subsystem lock */
} NvmeNsSlot;

/* What a queue's thread sees of guest memory: below and from 4 GiB on, which are different pieces
 * of RAM on a PC. */
typedef struct NvmeRam {
    RamCache low, high;
} NvmeRam;

/* Written by one thread, read by any: relaxed. */
typedef struct NvmeStats {
    uint64_t blocks_read, blocks_written, reads, writes, media_errors;
} NvmeStats;

struct NvmeSq {
    NvmeCtrl *n;
    NvmeCq *cq;
    AioContext *ctx;
    uint16_t id;
    uint32_t size, head;
    uint32_t tail; /* atomic: the doorbell may be homed elsewhere than ctx */
    uint64_t base; /* guest address of the ring */
    NvmeRam ram;
    NvmeRequest *reqs; /* nr_reqs entries; more commands wait in the ring */
    NvmeRequest *free;
    uint32_t nr_reqs, inflight, max_depth;
    uint64_t doorbells;       /* written in the doorbell's context */
    bool starved;             /* stopped because no request was free */
    NvmeRequest *fused_first; /* a Compare whose Write has not been fetched */
    NvmeSq *starved_next;     /* in cq_post_bh()'s list */
    NvmeStats stats;
    struct NvmeArbiter *arbiter; /* NULL: first come, first served */
    NvmeSq *arb_next;
    uint8_t priority; /* 0: urgent ... 3: low */
    bool arb_listed;
    uint16_t abort_cid[NVME_ABORT_LIMIT]; /* to end when they are fetched */
    uint8_t aborts;
    bool processing;         /* nvme_sq_process() is on the stack */
    bool deleting;           /* takes no new commands, submits nothing; freed when inflight is 0.
                                Atomic: other threads look while a command of it waits */
    AioBH *bh;               /* wakes ctx when the doorbell lives elsewhere */
    NvmeRequest *delete_req; /* admin command to complete when the last one is done; home's */
    uint32_t shadow_base;    /* dbbuf.c: what the shadow doorbell began with */
    bool shadowed;           /* the host has changed it: what it says counts */
    bool listening;          /* ctx listens to the doorbell's eventfd */
};

struct NvmeCq {
    NvmeCtrl *n;
    AioContext *ctx;
    uint16_t id, vector;
    uint32_t size, tail;
    uint32_t head; /* as the host wrote it; atomic, written in ctx */
    uint8_t phase;
    bool irq_enabled;
    bool irq_pin; /* counts in n->pin_users[vector] */
    uint64_t base;
    NvmeRam ram;
    NvmeRequest *done, **done_tail; /* completed, not yet posted; in order */
    uint64_t posted, batches, interrupts;
    uint64_t
        latency[NVME_LATENCY_BUCKETS]; /* [n]: commands that took 2^n .. 2^(n+1)-1 ns; a sample */
    unsigned pending;                  /* entries that wait for an interrupt (coalescing) */
    AioTimer *timer;                   /* the longest they do */
    AioBH *bh;                         /* posts done requests, once an iteration */
    unsigned sqs;                      /* atomic: submission queues that complete here */
    uint64_t *post;       /* atomic, where KVM leaves the head; NULL: it does not.  Set at home */
    uint64_t post_seen;   /* of it, taken over in head */
    uint32_t shadow_base; /* dbbuf.c: what the shadow doorbell began with */
    bool shadowed;        /* the host has changed it: what it says counts */
    bool listening;       /* ctx listens to the doorbell's eventfd */
};

/* A doorbell's eventfd (doorbell-event.c). */
typedef struct NvmeDoorbellEvent {
    EventNotifier notifier; /* made with the first queue that wants it, closed at the end */
    uint64_t *word;         /* constant: where values are stored; NULL: they are lost */
    bool wanted;            /* atomic: set by the queue's context or for it, cleared at home */
    bool registered;        /* main loop's */
} NvmeDoorbellEvent;

/* A doorbell pair's register region. */
typedef struct NvmeDoorbell {
    MemoryRegion mr;
    NvmeCtrl *n;
    uint16_t qid;
    NvmeSq *sq; /* in the pair's context (RCU-free: only that context reads and writes them) */
    NvmeCq *cq;
    NvmeDoorbellEvent sq_event, cq_event;
} NvmeDoorbell;

typedef struct NvmeParams {
    char *serial, *state, *firmware;
    uint32_t num_queues, max_ioqpairs;
    uint16_t msix_qsize;
    uint32_t cmb_size_mb;
    uint8_t aerl, mdts;
    uint32_t aer_max_queued;
    bool ioeventfd, dbbuf;
    int post_write; /* OnOffAuto */
} NvmeParams;

struct NvmeCtrl {
    PCIDevice parent_obj;
    NvmeParams params;
    NvmeNsParams ns_params;  /* of the namespace that drive= makes */
    NvmeNamespace *drive_ns; /* that namespace, or NULL */
    NvmeSubsystem *subsys;   /* while realized */
    BlockBackend *pool_blk;  /* property ns-pool */
    Object *subsys_dev;      /* property */
    uint16_t cntlid;
    BusState *bus; /* for nvme-ns */
    NvmeNsSlot slots[NVME_MAX_NAMESPACES + 1];
    uint32_t changed_ns[NVME_MAX_NAMESPACES / 32 + 1]; /* atomic: for the changed namespace list */
    DeviceHomes homes;      /* properties; ioregionfd= is for registers and, without ioregionfds=, doorbells */
    AioContext **pair_ctx;  /* of each queue pair; constant while realized */

    AioContext *home;
    MemoryRegion bar0, iomem; /* container; registers */
    NvmeDoorbell *db;         /* max_ioqpairs + 1 */
    bool post_write;          /* completion queues' heads are stored; constant while realized */
    unsigned num_db;
    struct NvmePostedHead *posted;   /* of each completion queue; NULL: !post_write */
    AioBH *events_bh;                /* main loop: doorbells' eventfds are wanted, or no more */
    AioBH *events_gone_bh;           /* home: the main loop did what was asked */
    bool events_asked;               /* atomic */
    bool events_leaving;             /* home: a reset waits for that */

    /* Registers.  Written at home; the atomics are read by any thread (direct reads). */
    uint64_t cap, asq, acq;
    uint32_t cc, csts, aqa;
    uint32_t intms;         /* atomic */
    uint32_t pin_users[32]; /* atomic: completion queues that assert INTx, by vector */
    uint32_t page_bits, page_size;
    uint32_t max_iov;

    /* Queues by number, at home; admin is 0. */
    NvmeSq **sq;
    NvmeCq **cq;
    bool gone;      /* atomic: unrealized; a late access finds nobody */
    bool resetting; /* atomic, written at home: CC.EN went to 0, commands are still in flight */
    bool subsystem_reset;  /* home: the reset on its way is one of the subsystem */
    unsigned draining;     /* queues that wait for their last command */
    uint64_t bounce_bytes; /* atomic: memory of commands that go step by step */
    unsigned questions;    /* atomic: quiesce.c's, on their way */

    /* Shadow doorbells; set at home, read by queue contexts (atomic, 0: off). */
    uint64_t dbbuf_dbs, dbbuf_eis;

    /* Asynchronous events, at home. */
    NvmeRequest *aer_reqs[NVME_MAX_AERS];
    unsigned aer_outstanding;
    struct {
        uint8_t type, info, log_page;
    } aer_queue[64];
    unsigned aer_queued;
    uint8_t aer_masked;  /* bit per event type, until its log page is read */
    uint64_t event_bits; /* atomic: events from other contexts, bit type * 8 + info */
    AioBH *event_bh;     /* takes them home */

    /* Features, at home. */
    uint32_t feat_arbitration, feat_power, feat_error_recovery, feat_async_event, feat_coalescing,
        feat_atomicity;
    uint32_t feat_keep_alive, feat_progress;
    uint8_t host_behavior[512];
    uint8_t host_id[16]; /* this and what follows: the subsystem's lock */
    bool host_id_extended;
    struct {
        uint32_t nsid;
        uint8_t type;
    } resv_log[32];
    unsigned resv_logs;
    uint64_t resv_log_count;
    struct NvmeFirmware *firmware;  /* home */
    struct NvmeSelfTest *self_test; /* home */
    struct NvmeShutdown *shutdown;  /* home; NULL: none is under way */
    uint8_t telemetry[1024];        /* home */
    uint16_t temp_over, temp_under;
    uint32_t *feat_vector; /* per vector: coalescing disable */
    uint64_t timestamp_base;
    int64_t timestamp_set_ns;
    uint8_t timestamp_origin;
    AioTimer *keep_alive_timer;
    bool keep_alive_seen;

    NvmeErrorLog errors[NVME_ERROR_LOG_ENTRIES];
    unsigned errors_next;
    uint64_t error_count; /* atomic */
    uint32_t error_posts; /* atomic: entries on their way home */
    NvmeStats stats;      /* of queues that are gone; home */
    int64_t start_ns;
    struct NvmeArbiter *arbiters; /* home; NULL: none */
    unsigned num_arbiters;
    void *vmstate_handle;
    void *waiting; /* reset from the main loop waits for this (QemuEvent *) */
};
#define NVME(obj) ((NvmeCtrl *)(obj))

/* --- registers.c: at home -------------------------------------------------------------------- */
extern const MemoryRegionOps nvme_register_ops;
void nvme_registers_reset(NvmeCtrl *n);
/* At home: the subsystem is reset, for which this controller counts in n->questions. */
void nvme_subsystem_reset(void *opaque);
/* At home: the controller goes and must not wait for its shutdown's flush. */
void nvme_shutdown_take_back(void *opaque);
/* All queues are gone after CC.EN went to 0. */
void nvme_reset_finished(NvmeCtrl *n);
/* Fatal error: CSTS.CFS. Any thread. */
void nvme_fail(NvmeCtrl *n, const char *why);

/* --- homes.c: main loop ---------------------------------------------------------------------- */
bool nvme_homes_choose(NvmeCtrl *n, GError **errp);
void nvme_homes_release(NvmeCtrl *n);
bool nvme_set_region_home(NvmeCtrl *n, MemoryRegion *mr, uint16_t qid, unsigned flags,
                          GError **errp);

/* --- arbiter.c: queue context ---------------------------------------------------------------- */
/* Home: one for each context of queue pairs, while CC.AMS says so. */
void nvme_arbiters_init(NvmeCtrl *n);
void nvme_arbiters_free(NvmeCtrl *n);
/* The one of completion queue cqid's context; NULL: round robin without a limit. */
struct NvmeArbiter *nvme_arbiter_of(NvmeCtrl *n, uint16_t cqid);
void nvme_arbiter_add(NvmeSq *sq);
void nvme_arbiter_remove(NvmeSq *sq);

/* --- abort.c --------------------------------------------------------------------------------- */
uint16_t nvme_abort(NvmeRequest *req); /* home */
/* Queue context: req, which works on a namespace, ends with status if nobody works on it, and soon
 * if the one who does gives it back.  True: it does. */
bool nvme_take_back(NvmeRequest *req, uint16_t status);
/* Queue context: a command that was to be aborted before it was fetched; true: it has ended. */
bool nvme_abort_fetched(NvmeRequest *req);

/* --- queue.c --------------------------------------------------------------------------------- */
extern const MemoryRegionOps nvme_doorbell_ops;
/* The context of queue pair qid; constant while realized. */
static inline AioContext *nvme_queue_ctx(NvmeCtrl *n, uint16_t qid)
{
    return n->pair_ctx[qid];
}
/* Home: makes queues and installs them in their context. */
NvmeCq *nvme_cq_new(NvmeCtrl *n, uint16_t id, uint64_t base, uint32_t size, uint16_t vector,
                    bool irq);
/* NULL: no memory for its requests. */
NvmeSq *nvme_sq_new(NvmeCtrl *n, uint16_t id, uint64_t base, uint32_t size, NvmeCq *cq,
                    unsigned priority);
/* Home: starts the end of a queue.  req (an admin command, may be NULL) is completed when the last
 * command of the SQ has ended. */
void nvme_sq_delete(NvmeSq *sq, NvmeRequest *req);
void nvme_cq_delete(NvmeCq *cq);
/* In cq->ctx: the host says that it has seen all entries before head.  Counts, and is true, if it
 * can have said so after the head that we know; what is no entry of the queue is reported. */
bool nvme_cq_take_head(NvmeCq *cq, uint32_t head);
/* In cq->ctx: does what waits for cq->head. */
void nvme_cq_head_moved(NvmeCq *cq);
/* Home: the end of a reset that took all queues away. */
void nvme_queues_gone(NvmeCtrl *n);
/* Home: all queues, I/O first. nvme_reset_finished() is called (later, perhaps) when all have
 * ended. */
void nvme_delete_all_queues(NvmeCtrl *n);
/* Queue context: a command has ended with req->status; posts its completion at the end of this
 * iteration. */
void nvme_complete(NvmeRequest *req);
/* Queue context: fetches and starts what the host submitted, at most budget commands; how many. */
uint32_t nvme_sq_fetch(NvmeSq *sq, uint32_t budget);
static inline void nvme_sq_process(NvmeSq *sq)
{
    if (unlikely(sq->arbiter)) {
        nvme_arbiter_add(sq);
    } else {
        nvme_sq_fetch(sq, UINT32_MAX);
    }
}
/* Does the host have commands in the ring that were not fetched? */
bool nvme_sq_waiting(NvmeSq *sq);
/* Home: returns when each queue's context has looked at what was changed before. */
void nvme_fence_queues(NvmeCtrl *n);
/* Home: adds up all queues' counters. */
NvmeStats nvme_stats(NvmeCtrl *n);
/* Recomputes the INTx level. Any thread. */
void nvme_update_pin(NvmeCtrl *n);

/* --- dbbuf.c --------------------------------------------------------------------------------- */
void nvme_dbbuf_config(NvmeCtrl *n, NvmeRequest *req);
/* Home: shadow doorbells off (reset). */
void nvme_dbbuf_off(NvmeCtrl *n);
/* Queue context: newest tail from the shadow page; with arm, asks for an MMIO write at the next
 * change and looks again. */
uint32_t nvme_dbbuf_sq_tail(NvmeSq *sq, bool arm);
/* The same for a head, which is taken over. */
void nvme_dbbuf_cq_head(NvmeCq *cq, bool arm);
/* Queue context: the host wrote the doorbell itself although shadow doorbells are on. */
void nvme_dbbuf_note_mmio(NvmeCtrl *n, uint16_t qid, bool is_cq, uint32_t value);
/* Queue context: an NvmeSq that is made while shadow doorbells are on; one that ends. */
void nvme_dbbuf_sq_new(void *opaque);
void nvme_dbbuf_sq_end(NvmeSq *sq);

/* --- doorbell-event.c ------------------------------------------------------------------------ */
/* Home, or the context of the queue that needs it: the main loop will register ev.  False: out of
 * descriptors. */
bool nvme_doorbell_event_want(NvmeCtrl *n, NvmeDoorbellEvent *ev);
/* Home, without queues: true if eventfds that lose values have to go first; nvme_queues_gone() is
 * called when they have. */
bool nvme_doorbell_events_leave(NvmeCtrl *n);
/* Main loop, when the doorbells are there; when there are no queues any more. */
void nvme_doorbell_events_init(NvmeCtrl *n);
void nvme_doorbell_events_exit(NvmeCtrl *n);
/* When no view of the memory map has the doorbells any more. */
void nvme_doorbell_events_free(NvmeCtrl *n);

/* --- cq-post.c ------------------------------------------------------------------------------- */
/* Home: a new queue's heads will be stored, where n->post_write. */
void nvme_cq_post_attach(NvmeCq *cq);
/* In cq->ctx, with cq->post: takes over what was stored; and from now on each store is noticed. */
void nvme_cq_post_sync(NvmeCq *cq);
void nvme_cq_post_listen(NvmeCq *cq);
void nvme_cq_post_silence(NvmeCq *cq);
/* The same, after sync: a head that came another way was taken over. */
void nvme_cq_post_note(NvmeCq *cq, uint32_t head);

/* --- dptr.c: queue context ------------------------------------------------------------------- */
/* Maps len bytes that the command's PRPs or SGL describe; to_host: the device will write to them.
 * Returns a status. */
uint16_t nvme_map_data(NvmeRequest *req, uint64_t len, bool to_host);
void nvme_data_unmap(NvmeRequest *req, bool written);
/* Copies a structure to or from the host's buffer; len is cut to what the buffer's description says
 * by the caller. */
uint16_t nvme_copy_to_host(NvmeRequest *req, const void *buf, uint64_t len);
uint16_t nvme_copy_from_host(NvmeRequest *req, void *buf, uint64_t len);

/* job.c: queue context.  req->bounce, which goes with the request; NVME_COMMAND_INTERRUPTED when
 * the controller's share of memory is used up. */
uint16_t nvme_bounce_alloc(NvmeRequest *req, size_t size);
void nvme_bounce_free(NvmeRequest *req);

/* --- fused.c: queue context ------------------------------------------------------------------ */
/* A command with FUSE bits, or after one, was fetched; false: it is a plain one. */
bool nvme_fused_fetched(NvmeRequest *req);
/* sq->fused_first stays alone. */
void nvme_fused_missing(NvmeSq *sq);
/* A part of a pair has ended. */
void nvme_fused_completed(NvmeRequest *req);
/* The status of a part of a pair as long as it is good: takes nvme_complete() off the short path.
 */
#define NVME_STATUS_PAIR 0x8000u

/* --- command sets ---------------------------------------------------------------------------- */
/* Each starts the command; it ends, now or later, with nvme_complete(). */
void nvme_admin_command(NvmeRequest *req); /* home */
void nvme_io_command(NvmeRequest *req);    /* queue context */
/* Submits parked requests of a queue again. */
void nvme_io_resume(NvmeSq *sq);

uint16_t nvme_identify(NvmeRequest *req);
uint16_t nvme_identify_namespace(NvmeRequest *req, uint8_t cns); /* those of namespaces */
/* Those that set *later complete the command themselves. */
uint16_t nvme_ns_attachment(NvmeRequest *req, bool *later);
uint16_t nvme_format_nvm(NvmeRequest *req, bool *later);
/* state.c, at home: writes the state file, if there is one; done() comes now or later. */
void nvme_state_save(NvmeCtrl *n, void (*done)(void *opaque, bool ok), void *opaque);
void nvme_state_save_and_complete(NvmeRequest *req);
uint16_t nvme_get_log_page(NvmeRequest *req);
uint16_t nvme_get_features(NvmeRequest *req);
uint16_t nvme_set_features(NvmeRequest *req, bool *later);
void nvme_features_reset(NvmeCtrl *n);
void nvme_log_error(NvmeRequest *req);

/* --- aer.c: home ----------------------------------------------------------------------------- */
void nvme_aer_request(NvmeRequest *req);
void nvme_aer_event(NvmeCtrl *n, uint8_t type, uint8_t info, uint8_t log_page);
/* The log page that an event pointed to was read: events of that type may come again. */
void nvme_aer_rearm(NvmeCtrl *n, uint8_t log_page);
/* Reset or abort: forgets outstanding requests; with cid, only that one, which ends as aborted. */
void nvme_aer_clear(NvmeCtrl *n);
bool nvme_aer_abort(NvmeCtrl *n, uint16_t cid);
/* The same from any thread: posted. info is below 8; what is posted twice before the home looks
 * comes once. */
void nvme_aer_event_post(NvmeCtrl *n, uint8_t type, uint8_t info);
void nvme_aer_posted(void *opaque); /* n->event_bh */
/* Any thread: a namespace changed, came or went. */
void nvme_aer_ns_changed(NvmeCtrl *n, uint32_t nsid);

static inline bool nvme_dbbuf_on(const NvmeCtrl *n)
{
    return __atomic_load_n(&n->dbbuf_dbs, __ATOMIC_ACQUIRE) != 0;
}

/* The namespace attached to n as nsid, or NULL. Any thread. */
static inline NvmeNamespace *nvme_attached_ns(NvmeCtrl *n, uint32_t nsid)
{
    return nsid && nsid <= NVME_MAX_NAMESPACES
               ? __atomic_load_n(&n->slots[nsid].ns, __ATOMIC_ACQUIRE)
               : NULL;
}

/* The host address of [addr, addr+len), or NULL if that is not RAM in one piece (writable RAM, for
 * is_write).  Good until the next call for the same ram; *cache (may be NULL) gets the mapping. */
static inline void *nvme_ram(NvmeCtrl *n, NvmeRam *ram, uint64_t addr, uint64_t len, bool is_write,
                             RamCache **cache)
{
    RamCache *c = addr >> 32 ? &ram->high : &ram->low;

    if (cache) {
        *cache = c;
    }
    return ram_cache_lookup(c, &PCI_DEVICE(n)->bus_master_as, addr, len, is_write);
}

static inline void nvme_ram_clear(NvmeRam *ram)
{
    ram_cache_clear(&ram->low);
    ram_cache_clear(&ram->high);
}

/* Structures, not data. Any thread. */
static inline bool nvme_dma_read(NvmeCtrl *n, uint64_t addr, void *buf, uint64_t len)
{
    return dma_memory_read(&PCI_DEVICE(n)->bus_master_as, addr, buf, len, MEMTXATTRS_UNSPECIFIED) ==
           MEMTX_OK;
}

static inline bool nvme_dma_write(NvmeCtrl *n, uint64_t addr, const void *buf, uint64_t len)
{
    return dma_memory_write(&PCI_DEVICE(n)->bus_master_as, addr, buf, len,
                            MEMTXATTRS_UNSPECIFIED) == MEMTX_OK;
}

/* A counter with one writer. */
static inline void nvme_count(uint64_t *counter, uint64_t v)
{
    __atomic_store_n(counter, *counter + v, __ATOMIC_RELAXED);
}

#endif
