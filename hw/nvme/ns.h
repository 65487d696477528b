/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Namespaces and subsystems: what several controllers may share.
 *
 * A subsystem has the namespaces that exist ("allocated") and the controllers; a controller has a
 * table of those that are attached to it (n->slots).  A controller without -device nvme-subsys has
 * a subsystem of its own, so that there is one way only.
 *
 * Threads.  The subsystem's lock guards its tables and what is said to be under it; no command that
 * reads or writes takes it.  What such commands read of a namespace (blk, base, layout) changes
 * only while none of them is in flight: whoever changes it closes the gate (nvme_gate_set) and
 * waits with nvme_quiesce().  blocks is atomic.
 */
#ifndef HW_NVME_NS_H
#define HW_NVME_NS_H

#include "block/nvme.h"
#include "hw/block/block.h"
#include "qemu/thread.h"
#include "qom/object.h"

#define NVME_MAX_NAMESPACES 256
#define NVME_MAX_CONTROLLERS 32
#define NVME_MAX_FORMATS 16

typedef struct NvmeCtrl NvmeCtrl;
typedef struct NvmeRequest NvmeRequest;
typedef struct NvmeSubsystem NvmeSubsystem;
typedef struct NvmeNamespace NvmeNamespace;

/* Why commands leave the short path: bits of a slot's gate. */
enum {
    NVME_GATE_FORMAT = 1 << 0,    /* being formatted: everything is refused */
    NVME_GATE_DELETED = 1 << 1,   /* about to go: everything is refused */
    NVME_GATE_RANGES = 1 << 2,    /* some blocks are marked (uncorrectable, deallocated) */
    NVME_GATE_FUSED = 1 << 3,     /* a fused pair works: overlapping writes wait */
    NVME_GATE_NO_READ = 1 << 4,   /* a reservation of another host */
    NVME_GATE_NO_WRITE = 1 << 5,  /* the same */
    NVME_GATE_SANITIZE = 1 << 6,  /* the subsystem is being sanitized, or failed to be */
    NVME_GATE_NOT_READY = 1 << 7, /* its back end has gone */
    NVME_GATE_WRITE_PROTECT = 1 << 8,
};

/* User's wishes; nvme-ns's properties, and those of nvme for its namespace 1. */
typedef struct NvmeNsParams {
    BlockConf conf;
    uint32_t nsid;
    bool detached, shared;
    char *uuid, *nguid;
    uint64_t eui64;
    bool eui64_default;
    uint16_t ms;
    uint8_t mset, pi, pil, pif;
    uint16_t mssrl;
    uint32_t mcl;
    uint8_t msrc;
} NvmeNsParams;

/* Properties that a namespace has, whether it is a device or its controller's drive=. */
#define NVME_NS_PROPERTIES(state, params) \
    DEFINE_BLOCK_PROPERTIES(state, params.conf, 0), \
        DEFINE_PROP_UINT16("mssrl", state, params.mssrl, 128, "copy: blocks of one range"), \
        DEFINE_PROP_UINT32("mcl", state, params.mcl, 128, "copy: blocks of one command"), \
        DEFINE_PROP_UINT8("msrc", state, params.msrc, 127, "copy: ranges, 0-based")

/* How blocks lie on the back end, and what is beside them. */
typedef struct NvmeLayout {
    uint8_t format; /* index of the LBA format */
    uint8_t lba_shift;
    uint16_t ms;        /* metadata bytes of a block; 0: none */
    bool extended;      /* metadata follows each block in the host's buffer */
    uint8_t pi_type;    /* 0: no protection information */
    bool pi_first;      /* in the first bytes of the metadata, not the last */
    uint8_t pi_size;    /* 8 or 16 bytes; also when pi_type is 0: what the format would have */
    uint64_t meta_base; /* where the metadata of block 0 lies on the back end */
} NvmeLayout;

struct NvmeNamespace {
    /* What commands read. */
    BlockBackend *blk;
    uint64_t base;   /* where it begins on blk: bytes */
    uint64_t blocks; /* atomic: changes with block_resize */
    NvmeLayout layout;

    NvmeSubsystem *subsys;
    uint32_t nsid;
    uint64_t capacity; /* bytes that data and metadata may take; 0: all that blk has */
    bool shared;
    bool own_blk; /* detached from blk's device by nvme_ns_free() */
    bool pooled;  /* made by Namespace Management */
    uint32_t discard_granularity;
    NvmeLbaFormat formats[NVME_MAX_FORMATS];
    uint8_t num_formats;
    uint8_t pif; /* protection information format of those with metadata */
    uint16_t mssrl;
    uint32_t mcl;
    uint8_t msrc;
    uint8_t uuid[16], nguid[16];
    uint64_t eui64; /* as a number; big-endian on the wire */

    uint32_t gate;        /* subsystem's lock: bits for all controllers */
    uint8_t percent_left; /* atomic: of a format */
    bool going;           /* atomic: about to be unplugged: what waits or works step by step ends;
                             pooled: set with the subsystem's lock */
    unsigned dulbe_users; /* atomic: controllers that want errors for deallocated blocks */
    QemuMutex lock;       /* taken before the subsystem's: what follows */
    struct NvmeRanges *uncorrectable, *deallocated; /* NULL: none */
    struct NvmePair *pairs;                         /* fused.c */
    void *lba_ranges; /* features-ns.c; subsystem's lock, as the next three */
    unsigned lba_ranges_count;
    uint8_t write_protect;
    struct NvmeReservation *resv; /* reservation.c */
};

struct NvmeSubsystem {
    int refs; /* main loop */
    char *nqn;
    bool user; /* -device nvme-subsys */
    QemuMutex lock;
    NvmeCtrl *ctrls[NVME_MAX_CONTROLLERS];      /* lock; by CNTLID */
    NvmeNamespace *ns[NVME_MAX_NAMESPACES + 1]; /* lock; by NSID */
    struct NvmePool *pool;                      /* ns-mgmt.c; NULL: none */
    struct NvmeState *state;                    /* state.c; NULL: nothing is kept */
    struct NvmeSanitize *sanitize;              /* sanitize.c */
};

#define TYPE_NVME_BUS "nvme-bus"
#define TYPE_NVME_NS "nvme-ns"
#define TYPE_NVME_SUBSYS "nvme-subsys"

/* --- subsys.c: main loop, but where said ----------------------------------------------------- */
NvmeSubsystem *nvme_subsys_new(const char *nqn);
void nvme_subsys_unref(NvmeSubsystem *s);
/* The one behind a nvme-subsys device. */
NvmeSubsystem *nvme_subsys_of_device(Object *dev);
/* Takes the lowest free controller id; false with errp when all are taken. */
bool nvme_subsys_add_ctrl(NvmeSubsystem *s, NvmeCtrl *n, GError **errp);
void nvme_subsys_del_ctrl(NvmeCtrl *n);
/* Puts ns (nsid 0: the lowest free) into the table of namespaces. */
bool nvme_subsys_add_ns(NvmeSubsystem *s, NvmeNamespace *ns, GError **errp);
/* Any thread: calls fn with the lock held for each controller. */
void nvme_subsys_foreach(NvmeSubsystem *s, void (*fn)(NvmeCtrl *n, void *opaque), void *opaque);

/* --- namespace.c ----------------------------------------------------------------------------- */
/* A namespace as p says, on p->conf.blk; NULL with errp.  serial and nsid make its identifiers when
 * the user gave none. Main loop. */
NvmeNamespace *nvme_ns_new(const NvmeNsParams *p, const char *serial, GError **errp);
/* One in a part of a drive; it is in no table yet. Any thread. */
NvmeNamespace *nvme_ns_new_in_pool(BlockBackend *blk, uint64_t base, uint64_t capacity,
                                   const uint8_t uuid[16]);
/* No controller knows it any more. */
void nvme_ns_free(NvmeNamespace *ns);
/* Uses LBA format f with these settings from now on: sets layout and blocks.  NVME_INVALID_FORMAT,
 * or NVME_SUCCESS.  Nothing may be in flight. */
uint16_t nvme_ns_set_format(NvmeNamespace *ns, unsigned f, bool extended, unsigned pi_type,
                            bool pi_first);
/* The table of LBA formats for data of 1 << shift bytes and ms bytes of metadata, and the index of
 * that. */
unsigned nvme_ns_fill_formats(NvmeNamespace *ns, unsigned shift, unsigned ms);
void nvme_ns_resized(void *opaque);
/* Tells each controller that has ns attached that it changed. Any thread. */
void nvme_ns_changed(NvmeNamespace *ns);
/* All but n. */
void nvme_ns_changed_but(NvmeNamespace *ns, NvmeCtrl *n);
/* state.c: with the subsystem's lock. */
void nvme_ns_save_format(NvmeNamespace *ns);
void nvme_ns_restore_format(NvmeNamespace *ns);
/* Attach and detach by table; with the subsystem's lock. */
void nvme_ns_attach_locked(NvmeNamespace *ns, NvmeCtrl *n);
void nvme_ns_detach_locked(NvmeNamespace *ns, NvmeCtrl *n);
bool nvme_ns_attached(NvmeNamespace *ns, NvmeCtrl *n);
/* Main loop, at plug: in the subsystem's table, attached where p says. */
bool nvme_ns_plug(NvmeNamespace *ns, NvmeSubsystem *s, NvmeCtrl *owner, bool detached,
                  GError **errp);
/* Main loop: leaves all tables, waits for its commands, frees it. */
void nvme_ns_unplug(NvmeNamespace *ns);

/* format.c, main loop: takes steps of formats that are unwanted back. */
void nvme_format_take_back(NvmeSubsystem *s);

/* gate.c, any thread: blocks were deallocated; no block is marked any more. */
void nvme_gate_deallocated(NvmeNamespace *ns, uint64_t slba, uint64_t nlb);
void nvme_gate_forget_marks(NvmeNamespace *ns);

/* Sets and clears bits of ns's gate for all controllers; _locked: the caller has the lock. Any
 * thread. */
void nvme_gate_change(NvmeNamespace *ns, uint32_t set, uint32_t clear);
void nvme_gate_change_locked(NvmeNamespace *ns, uint32_t set, uint32_t clear);

/* --- quiesce.c ------------------------------------------------------------------------------- */
typedef struct NvmeQuiesceOps {
    /* Does a command count?  In queue contexts.  NULL: all do. */
    bool (*busy)(NvmeRequest *req, void *opaque);
    /* The one who waits must not wait any longer (a reset, an unplug), as the commands that it
     * waits for may be others', which nobody takes back.  At any controller's home; once true, it
     * stays so.  NULL: never. */
    bool (*unwanted)(void *opaque);
    /* It is over; quiet: no command that counts is at work. */
    void (*done)(void *opaque, bool quiet);
} NvmeQuiesceOps;

/* Waits, without blocking, until no command that counts works on ns (NULL: any namespace) on any of
 * the subsystem's controllers, or until that is unwanted; then done() runs at n's home.  Start it
 * there. */
void nvme_quiesce(NvmeCtrl *n, NvmeSubsystem *s, NvmeNamespace *ns, const NvmeQuiesceOps *ops,
                  void *opaque);
/* For the main loop, which waits until no command works on ns; they are taken back. */
void nvme_quiesce_wait(NvmeSubsystem *s, NvmeNamespace *ns);

#endif
