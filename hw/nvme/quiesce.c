/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting until nobody works on a namespace any more, without a counter on the path of each
 * command: every queue is asked, in its own context, which of its commands are at it; if there are
 * some, it is asked again a little later.  Controllers are asked at their homes by messages, as one
 * home must not wait for another.  Who waits may give up; who takes a namespace away takes its
 * commands back, again each time, as some go step by step.
 */
#include "nvme.h"

#define RETRY_NS (SCALE_MS / 2)

typedef struct Quiesce {
    unsigned left; /* atomic: controllers that have not answered, and the one who starts it */
    bool given_up; /* atomic */
    NvmeNamespace *ns;
    const NvmeQuiesceOps *ops;
    void *opaque;
    AioContext *home; /* where done() runs */
    bool take_back;   /* commands end as soon as they can */
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
    Quiesce *q = c->q;

    for (uint32_t i = 0; i < c->sq->nr_reqs && (!c->busy || q->take_back); i++) {
        NvmeRequest *req = &c->sq->reqs[i];

        c->busy |= req->busy && req->ns && (!q->ns || req->ns == q->ns) &&
                   (!q->ops->busy || q->ops->busy(req, q->opaque));
        if (q->take_back && req->busy && req->ns == q->ns) {
            nvme_take_back(req, NVME_ABORT_REQUESTED);
        }
    }
}

static void over(void *opaque)
{
    g_autofree Quiesce *q = opaque;

    q->ops->done(q->opaque, !__atomic_load_n(&q->given_up, __ATOMIC_RELAXED));
}

static void drop(Quiesce *q)
{
    if (__atomic_sub_fetch(&q->left, 1, __ATOMIC_ACQ_REL) == 0) {
        aio_post(q->home, over, q);
    }
}

static bool look_at_queues(NvmeCtrl *n, Quiesce *q)
{
    Count c = {.q = q};

    for (unsigned id = 1; n->sq && id < n->num_db && (!c.busy || q->take_back); id++) {
        c.sq = n->sq[id];
        if (c.sq) {
            aio_call(c.sq->ctx, look_in_ctx, &c);
        }
    }
    return c.busy;
}

/* At the controller's home. */
static void ask(void *opaque)
{
    Question *a = opaque;
    Quiesce *q = a->q;

    if (q->ops->unwanted && q->ops->unwanted(q->opaque)) {
        __atomic_store_n(&q->given_up, true, __ATOMIC_RELAXED);
    } else if (look_at_queues(a->n, q)) {
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

void nvme_quiesce(NvmeCtrl *n, NvmeSubsystem *s, NvmeNamespace *ns, const NvmeQuiesceOps *ops,
                  void *opaque)
{
    Quiesce *q = g_new(Quiesce, 1);

    *q = (Quiesce){.left = 1, .ns = ns, .ops = ops, .opaque = opaque, .home = n->home};
    ask_all(s, q);
}

static void set_flag(void *opaque, bool quiet)
{
    *(bool *)opaque = true;
}

void nvme_quiesce_wait(NvmeSubsystem *s, NvmeNamespace *ns)
{
    static const NvmeQuiesceOps ops = {.done = set_flag};
    Quiesce *q = g_new(Quiesce, 1);
    bool finished = false;

    assert_main_loop();
    *q = (Quiesce){.left = 1,
                   .ns = ns,
                   .ops = &ops,
                   .opaque = &finished,
                   .home = aio_get_main(),
                   .take_back = true};
    ask_all(s, q);
    while (!finished) {
        aio_poll(aio_get_main(), true);
    }
}
