/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting until nobody works on a namespace any more, without a counter on the path of each
 * command: every queue is asked, in its own context, which of its commands are at it; if there are
 * some, it is asked again a little later.  Controllers are asked at their homes by messages, as one
 * home must not wait for another.
 */
#include "nvme.h"

#define RETRY_NS (SCALE_MS / 2)

typedef struct Quiesce {
    unsigned left; /* atomic: controllers that have not answered, and the one who starts it */
    NvmeNamespace *ns;
    bool (*busy)(NvmeRequest *req, void *opaque);
    void (*done)(void *opaque);
    void *opaque;
    AioContext *home; /* where done() runs */
    bool drop_parked; /* those that wait for the VM to run are not done again */
} Quiesce;

/* One controller's share. */
typedef struct Question {
    Quiesce *q;
    NvmeCtrl *n; /* a reference */
    AioTimer *timer;
} Question;

typedef struct Count {
    NvmeSq *sq;
    Quiesce *q;
    bool busy;
} Count;

static void look_in_ctx(void *opaque)
{
    Count *c = opaque;

    for (uint32_t i = 0; i < c->sq->nr_reqs && !c->busy; i++) {
        NvmeRequest *req = &c->sq->reqs[i];

        if (c->q->drop_parked && req->busy && req->parked && req->ns == c->q->ns) {
            req->parked = false;
            req->status = NVME_ABORT_REQUESTED;
            nvme_complete(req);
        }
        c->busy = req->busy && req->ns && (!c->q->ns || req->ns == c->q->ns) &&
                  (!c->q->busy || c->q->busy(req, c->q->opaque));
    }
}

static void drop(Quiesce *q)
{
    if (__atomic_sub_fetch(&q->left, 1, __ATOMIC_ACQ_REL) == 0) {
        aio_post(q->home, q->done, q->opaque);
        g_free(q);
    }
}

/* At the controller's home. */
static void ask(void *opaque)
{
    Question *a = opaque;
    Count c = {.q = a->q};

    for (unsigned id = 1; a->n->sq && id < a->n->num_db && !c.busy; id++) {
        c.sq = a->n->sq[id];
        if (c.sq) {
            aio_call(c.sq->ctx, look_in_ctx, &c);
        }
    }
    if (c.busy) {
        if (!a->timer) {
            a->timer = aio_timer_new(a->n->home, QEMU_CLOCK_REALTIME, ask, a);
        }
        aio_timer_mod(a->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + RETRY_NS);
        return;
    }
    g_clear_pointer(&a->timer, aio_timer_free);
    drop(a->q);
    __atomic_fetch_sub(&a->n->questions, 1, __ATOMIC_RELEASE);
    object_unref(a->n);
    g_free(a);
}

static void ask_all(NvmeSubsystem *s, Quiesce *q)
{
    Question *list[NVME_MAX_CONTROLLERS];
    unsigned count = 0;

    qemu_mutex_lock(&s->lock);
    for (unsigned i = 0; i < NVME_MAX_CONTROLLERS; i++) {
        NvmeCtrl *n = s->ctrls[i];

        if (n) {
            Question *a = g_new0(Question, 1);

            *a = (Question){.q = q, .n = (NvmeCtrl *)object_ref(n)};
            q->left++;
            /* A controller that goes away answers what it was asked first. */
            __atomic_fetch_add(&n->questions, 1, __ATOMIC_RELAXED);
            list[count++] = a;
        }
    }
    qemu_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < count; i++) {
        aio_post(list[i]->n->home, ask, list[i]);
    }
    drop(q);
}

void nvme_quiesce(NvmeCtrl *n, NvmeSubsystem *s, NvmeNamespace *ns,
                  bool (*busy)(NvmeRequest *req, void *opaque), void (*done)(void *opaque),
                  void *opaque)
{
    Quiesce *q = g_new(Quiesce, 1);

    *q = (Quiesce){
        .left = 1, .ns = ns, .busy = busy, .done = done, .opaque = opaque, .home = n->home};
    ask_all(s, q);
}

static void set_flag(void *opaque)
{
    *(bool *)opaque = true;
}

void nvme_quiesce_wait(NvmeSubsystem *s, NvmeNamespace *ns)
{
    Quiesce *q = g_new(Quiesce, 1);
    bool finished = false;

    assert_main_loop();
    *q = (Quiesce){.left = 1,
                   .ns = ns,
                   .done = set_flag,
                   .opaque = &finished,
                   .home = aio_get_main(),
                   .drop_parked = true};
    ask_all(s, q);
    while (!finished) {
        aio_poll(aio_get_main(), true);
    }
}
