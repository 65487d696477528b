/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the block layer share.
 *
 * node.c     nodes: names, graph, options common to all drivers      backend.c  a device's hold on
 * a graph; requests, queues, drain attach.c   devices and -drive take hold of nodes error.c
 * rerror/werror file.c     drivers file and host_device: opening, locking           file-io.c their
 * requests range-lock.c  who may write where at the same time                  raw.c null.c
 * blkdebug.c  other drivers drive.c    -drive qmp.c      QMP commands, events
 *
 * Threads: the graph changes in the main loop only, and only where no request is in flight.
 * Requests run in the thread of the AioContext that submitted them, and in worker threads where
 * noted.
 */
#ifndef BLOCK_BLOCK_PRIVATE_H
#define BLOCK_BLOCK_PRIVATE_H

#include "block/block-backend.h"
#include "qapi/json.h"
#include "qapi/keyval.h"
#include "qemu/thread.h"

#define BLOCK_SECTOR 512u

typedef enum DetectZeroes { DETECT_ZEROES_OFF, DETECT_ZEROES_ON, DETECT_ZEROES_UNMAP } DetectZeroes;
extern const char *const detect_zeroes_names[];

typedef struct BlockDriver {
    const char *name;
    const char *child_key; /* option that names or describes the child: "file"; NULL: has none */
    bool is_filter;        /* passes data through unchanged */
    const char *const *options; /* its own, for messages; NULL-terminated */
    /* Takes its options out of opts.  Children are open.  On failure nothing is left behind. */
    bool (*open)(BlockNode *bs, json_object *opts, GError **errp);
    void (*close)(BlockNode *bs);
    /* Works on req (todo, todo_flags, bytes, iov) at offset: completes it with blk_request_done()
     * later, fails it with blk_request_defer(), or passes it to a child.  req->ctx's thread. */
    void (*submit)(BlockNode *bs, BlkRequest *req, uint64_t offset);
    /* req, which this node works on, is to end soon (req->cancelled is set): completes it by blk_request_defer() with -ECANCELED
     * if it can be taken back.  In req->ctx's thread.  NULL: it cannot. */
    void (*cancel)(BlockNode *bs, BlkRequest *req);
    /* If requests pass through unchanged but for an offset: that offset, into *child; else NULL.
     * Used to skip the node. */
    BlockNode *(*bypass)(BlockNode *bs, uint64_t *offset);
    /* Present length in bytes or -errno.  NULL: the child's. */
    int64_t (*get_length)(BlockNode *bs);
    bool (*truncate)(BlockNode *bs, int64_t length, GError **errp);
    /* Becomes writable or read-only again (auto-read-only); NULL: nothing to do. */
    bool (*set_writable)(BlockNode *bs, bool on, GError **errp);
    /* The image's own permissions, or its file system's, let nobody here write it; NULL: they do. */
    bool (*write_protected)(BlockNode *bs);
    /* Bytes that the image takes on the host; negative: unknown. */
    int64_t (*allocated)(BlockNode *bs);
} BlockDriver;

struct BlockNode {
    char *name;
    const BlockDriver *drv;
    void *state;     /* the driver's */
    char *filename;  /* for people */
    BlockNode *file; /* child; a reference */
    int refs;        /* parents, back ends, the monitor */
    bool by_monitor; /* blockdev-add made it: blockdev-del takes it away */
    int users;       /* parents and back ends */
    int writers;     /* of them, those that write */
    int sharers;     /* of them, those that bear other writers: all, if there is more than one writer */
    bool read_only;  /* cannot be written */
    bool auto_read_only;
    bool cache_direct, cache_no_flush, discard_unmap;
    DetectZeroes detect_zeroes;
    int64_t length; /* atomic; bytes */
    uint32_t request_alignment, mem_alignment;
};

typedef enum BlkPhase {
    BLK_IDLE,    /* not in flight */
    BLK_HELD,    /* came during a drain */
    BLK_RUNNING, /* with a node */
    BLK_ENDING,  /* completes at the next turn of the loop */
} BlkPhase;

/* Where one context's requests of a back end are. */
typedef struct BlkQueue {
    struct BlkQueue *next; /* list grows only */
    BlockBackend *blk;
    AioContext *ctx;     /* a reference */
    AioBH *bh;           /* works off done, held, restart */
    BlkRequest *restart; /* lock-free stack, any thread: got their range lock */
    unsigned inflight;   /* atomic; written by the context's thread */
    /* The context's thread only: */
    BlkRequest *list; /* in flight */
    BlkRequest *done_head, **done_tail;
    BlkRequest *held, **held_tail; /* came during a drain */
    /* Written there, read anywhere (relaxed); index BlkOp. */
    uint64_t ops[5], bytes[5], time_ns[5], failed[5];
    uint64_t highest; /* end of the highest write */
} BlkQueue;

struct BlockBackend {
    char *id;        /* of a -drive, or NULL */
    BlockNode *root; /* a reference */
    /* The leaf that reads, writes and flushes go to directly, NULL: they walk the graph; constant
     * while attached. */
    BlockNode *fast;
    uint64_t fast_offset;
    BlkQueue *queues; /* atomic pointer; grows under lock */
    QemuMutex lock;
    int quiesced;     /* atomic: drains that run */
    bool write_cache; /* atomic */
    bool writes;      /* holds write permission */
    bool shares;      /* and leaves it to others, too */
    bool attached;
    Object *dev;     /* attached device; NULL if none, or if it is no object */
    void *dev_field; /* its BlockBackend *, cleared when it goes; may be NULL */
    void (*resize_cb)(void *opaque);
    void *resize_opaque;
    int on_read_error, on_write_error; /* BlkErrorPolicy */
    int io_status;                     /* atomic: 0, or errno */
    uint32_t events_pending;           /* atomic bits */
};

/* node.c --- main loop unless noted */
extern const BlockDriver block_driver_file, block_driver_host_device, block_driver_raw,
    block_driver_null_co, block_driver_null_aio, block_driver_blkdebug;
/* json-types.c.  False with errp: a value in this JSON description is not of its member's type. */
bool block_check_types(json_object *opts, GError **errp);
BlockNode *block_node_find(const char *name);
/* Opens a node with all its children from its description, of which it takes what it knows out
 * (opts is changed). Returns a reference. */
BlockNode *block_node_open(json_object *opts, BlockNode *parent, GError **errp);
BlockNode *block_node_ref(BlockNode *bs);
void block_node_unref(BlockNode *bs);
/* A parent or back end; shares: others may write, too (share-rw=on). */
bool block_node_add_user(BlockNode *bs, bool writes, bool shares, const char *who, GError **errp);
void block_node_remove_user(BlockNode *bs, bool writes, bool shares);
void block_node_foreach(void (*fn)(BlockNode *bs, void *opaque), void *opaque);
int64_t block_node_refresh_length(BlockNode *bs);
bool block_node_truncate(BlockNode *bs, int64_t length, GError **errp);
bool block_node_del(const char *name, GError **errp);
/* Child option: a node's name, or a description of a new node. */
bool block_node_open_file(BlockNode *bs, json_object *opts, GError **errp);
int64_t block_node_allocated(BlockNode *bs);
/* Request's thread. */
void block_node_submit(BlockNode *bs, BlkRequest *req, uint64_t offset);

/* backend.c */
BlockBackend *blk_new(const char *id, BlockNode *root,
                      bool writes); /* takes over the reference and the user */
void blk_free(BlockBackend *blk);
void blk_request_done(BlkRequest *req, int ret); /* in req->ctx's thread, not inside submit */
void blk_request_defer(BlkRequest *req,
                       int ret); /* in req->ctx's thread: blk_request_done() a little later */
void blk_request_restart(
    BlkRequest *req); /* any thread: block_node_submit() again in req->ctx's thread */
void blk_root_changed(BlockBackend *blk); /* recomputes what is derived from the graph */
BlockBackend *blk_find(const char *id);
void blk_foreach(void (*fn)(BlockBackend *blk, void *opaque), void *opaque);
void blk_resized(BlockBackend *blk);

/* range-lock.c: overlapping writes of which one reads, modifies and writes do not run together. */
typedef struct RangeLock {
    QemuMutex lock;
    BlkRequest *held, *waiting;
} RangeLock;
void range_lock_init(RangeLock *rl);
void range_lock_destroy(RangeLock *rl);
/* True: taken, go on.  False: the request is restarted when it has the lock (lock_held is set
 * then). */
bool range_lock_take(RangeLock *rl, BlkRequest *req, uint64_t start, uint64_t end,
                     bool serialising);
/* Does not wait any more; false: it has the lock, or gets it right now. */
bool range_lock_forget(RangeLock *rl, BlkRequest *req);
void range_lock_drop(RangeLock *rl, BlkRequest *req);

/* drive.c */
/* An image as -drive file=... would open it; read_only is an OnOffAuto, auto: if it must be. A
 * reference. */
BlockNode *drive_open_medium(const char *filename, const char *format, int read_only,
                             GError **errp);

/* error.c */
typedef enum BlkErrorPolicy {
    BLK_ON_ERROR_REPORT,
    BLK_ON_ERROR_IGNORE,
    BLK_ON_ERROR_ENOSPC,
    BLK_ON_ERROR_STOP
} BlkErrorPolicy;
bool blk_parse_error_policy(const char *option, const char *text, int *policy, GError **errp);
/* What the rest of the program does about an error; set by qmp.c at start-up.  Any thread. */
typedef void BlkErrorHook(BlockBackend *blk, bool is_read, int error, BlockErrorAction action);
extern BlkErrorHook *blk_error_hook;

/* file-io.c */
typedef struct FileState {
    int fd;
    bool is_device;
    bool ring;       /* aio=io_uring or native */
    bool memory_fs;  /* I/O never waits for a disk: done at once, in the caller's thread */
    bool try_nowait; /* atomic: reads that the page cache answers are done at once */
    bool no_zero_range, no_punch; /* atomics: the file system cannot */
    bool track;                   /* writes may need read-modify-write: range locks */
    int locking;                  /* OnOffAuto */
    bool locked;
    bool fd_writable;
    int open_flags;
    RangeLock ranges;
} FileState;
void file_submit(BlockNode *bs, BlkRequest *req, uint64_t offset);
void file_cancel(BlockNode *bs, BlkRequest *req);

/* True if all bytes are zero. */
bool block_iov_is_zero(const struct iovec *iov, int niov);

#endif
