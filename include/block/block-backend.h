/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a device sees of the block layer: a BlockBackend, the device's hold on the top node of a graph.
 *
 * Threads: creation, attach, properties: main loop.  blk_submit() and completion: the thread of any AioContext; a request completes in the
 * context that submitted it, so that several queues use one disk from several IOThreads without meeting.
 */
#ifndef BLOCK_BLOCK_BACKEND_H
#define BLOCK_BLOCK_BACKEND_H

#include "qemu/aio.h"
#include "qom/object.h"

typedef struct BlockBackend BlockBackend;
typedef struct BlockNode BlockNode;

typedef enum BlkOp { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_WRITE_ZEROES } BlkOp;
#define BLK_REQ_FUA (1u << 0)      /* WRITE, WRITE_ZEROES: durable when complete */
#define BLK_REQ_MAY_UNMAP (1u << 1)
#define BLK_REQ_NO_FALLBACK (1u << 2)

typedef enum BlockErrorAction { BLOCK_ERROR_ACTION_IGNORE, BLOCK_ERROR_ACTION_REPORT, BLOCK_ERROR_ACTION_STOP } BlockErrorAction;

/* One request, embedded in the device's own (no allocation).  The caller fills the first part and keeps it until complete(). */
typedef struct BlkRequest BlkRequest;
struct BlkRequest {
    BlkOp op;
    unsigned flags;
    uint64_t offset, bytes;
    const struct iovec *iov;        /* READ, WRITE: together bytes long */
    int niov;
    void (*complete)(BlkRequest *req, int ret);   /* in the submitting context; ret: 0 or -errno */
    /* The block layer's own: */
    AioContext *ctx;
    struct BlkQueue *queue;
    BlkRequest *next, *prev;        /* in the queue's list of what is in flight, or in one of its other lists */
    BlockNode *node;                /* that works on it now, */
    uint64_t node_offset;           /* at this place, */
    BlkOp todo;                     /* and does this: a write of zeroes may have become BLK_WRITE_ZEROES */
    unsigned todo_flags;
    AioRequest aio;
    AioWork work;
    uint64_t progress;              /* bytes done */
    uint64_t lock_start, lock_end;  /* range lock */
    BlkRequest *lock_next;
    BlkRequest *queue_next;         /* done, or to be started again */
    bool lock_held, lock_serialising;
    void *priv;                     /* the node's */
    uint8_t phase;                  /* BlkPhase; the submitting thread's */
    bool cancelled;                 /* atomic: blk_cancel() was called since it was submitted */
    int result;
    int64_t start_ns;
};

/* Never completes from inside this call.  Bad extents complete with -EIO, writes to read-only nodes with -EACCES / -EPERM. */
void blk_submit(BlockBackend *blk, BlkRequest *req, AioContext *ctx);

/* req, if it is in flight, is to end soon: it completes as always, later, with -ECANCELED where it could be taken back.  What the kernel is
 * working on and does not give back runs to its end, and so do writes that have begun.  True: it ends with -ECANCELED; false: not known yet, or not in flight.  In the
 * submitting context. */
bool blk_cancel(BlkRequest *req);
/* The same for all that is in flight at blk.  Main loop; returns when each context was told. */
void blk_cancel_all(BlockBackend *blk);

/* Finds a node (node-name) or a -drive (id), and takes hold of it for dev; NULL with errp: unknown, in use by another device, no permission.
 * dev may be NULL (tests, tools).  A device that goes without blk_detach_dev() is detached. */
BlockBackend *blk_attach_dev(const char *name, Object *dev, bool need_write, GError **errp);
/* Main loop.  Requests that are in flight are taken back as by blk_cancel_all(), and waited for. */
void blk_detach_dev(BlockBackend *blk);
const char *blk_name(BlockBackend *blk);
int64_t blk_getlength(BlockBackend *blk);        /* bytes; negative errno; any thread */
bool blk_is_read_only(BlockBackend *blk);
bool blk_write_cache_enabled(BlockBackend *blk);      /* any thread */
void blk_set_write_cache(BlockBackend *blk, bool on); /* any thread */
uint32_t blk_request_alignment(BlockBackend *blk);
uint32_t blk_mem_alignment(BlockBackend *blk);
/* Length changed (block_resize): called in the main loop. */
void blk_set_resize_cb(BlockBackend *blk, void (*cb)(void *opaque), void *opaque);

/* rerror/werror policy: decides, and for STOP requests the VM stop; sends BLOCK_IO_ERROR.  Any thread.  On STOP the device keeps the request
 * and submits it again when the VM runs. */
BlockErrorAction blk_error_action(BlockBackend *blk, bool is_read, int error);
/* rerror=/werror= given on the device. */
bool blk_set_error_policy(BlockBackend *blk, const char *rerror, const char *werror, GError **errp);

/* Waits until no request of blk is in flight (main loop; completions on other threads go on meanwhile).  What is submitted during the wait starts
 * after it. */
void blk_drain(BlockBackend *blk);
/* The same, but takes back what is in flight (blk_cancel_all()): for who must not wait for a medium. */
void blk_drain_cancelled(BlockBackend *blk);
void blk_drain_all(void);
/* For the process's end: the same, and flushes every image; but takes back what makes no progress for 5 s, waits
 * 10 s at most for the flushes, and leaves alone, with a warning, what does not end even so. */
void blk_finish_all(void);
/* Flushes every image (main loop, waits); 0 or the first error. */
int blk_flush_all(void);

/* Property for devices: drive=ID-or-node.  Field is BlockBackend *. Attach happens when set. */
#define DEFINE_PROP_DRIVE(n, state, field) \
    { .name = n, .type = "str", .kind = PROP_CUSTOM, .offset = offsetof(state, field), .get = qdev_prop_drive_get, \
      .set = qdev_prop_drive_set, .help = "Node name or ID of a block device to use as a backend" }
json_object *qdev_prop_drive_get(Object *obj, const ObjectProperty *prop, GError **errp);
bool qdev_prop_drive_set(Object *obj, const ObjectProperty *prop, json_object *value, GError **errp);

#endif
