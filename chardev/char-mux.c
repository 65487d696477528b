/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux=on: several front ends share one back end.  All write to it; one, which has the focus, gets
 * the input.  Ctrl-A followed by c, x, h, b or Ctrl-A switches, quits, helps, sends a break or a
 * plain Ctrl-A.
 */
#include "chardev-internal.h"

#include "qemu/osdep.h"
#include "system/runstate.h"

#define MUX_MAX 4
#define MUX_BUFFER 64 /* a power of two */
#define ESCAPE 0x01

typedef struct MuxInput {
    uint8_t data[MUX_BUFFER]; /* what the front end was too busy for */
    unsigned head, tail;      /* free running */
} MuxInput;

struct ChrMux {
    Chardev *chr;
    CharFrontend *fe[MUX_MAX];
    MuxInput input[MUX_MAX];
    int focus;       /* -1: nobody yet */
    bool escaped;    /* Ctrl-A was read */
    AioBH *drain_bh; /* main loop: hands buffered input over */
};

static unsigned buffered(const MuxInput *in)
{
    return in->head - in->tail;
}

/* Hands over what was buffered for front end n, as far as it takes it. */
static void drain(ChrMux *mux, int n)
{
    CharFrontend *fe = mux->fe[n];
    MuxInput *in = &mux->input[n];

    while (fe && fe->read && buffered(in) && fe->can_read && fe->can_read(fe->opaque) > 0) {
        uint8_t c = in->data[in->tail++ % MUX_BUFFER];

        fe->read(fe->opaque, &c, 1);
        fe = mux->fe[n];
    }
}

static void drain_in_main(void *opaque)
{
    ChrMux *mux = opaque;

    for (int i = 0; i < MUX_MAX; i++) {
        drain(mux, i);
    }
}

ChrMux *chr_mux_new(Chardev *chr)
{
    ChrMux *mux = g_new0(ChrMux, 1);

    mux->chr = chr;
    mux->focus = -1;
    mux->drain_bh = aio_bh_new(aio_get_main(), drain_in_main, mux);
    return mux;
}

void chr_mux_free(ChrMux *mux)
{
    aio_bh_delete(mux->drain_bh);
    g_free(mux);
}

bool chr_mux_attach(ChrMux *mux, CharFrontend *fe, GError **errp)
{
    for (int i = 0; i < MUX_MAX; i++) {
        if (!mux->fe[i]) {
            mux->fe[i] = fe;
            mux->input[i].head = mux->input[i].tail = 0;
            fe->tag = i;
            return true;
        }
    }
    error_setg(errp, "Chardev '%s' has %d users already, which is the limit of mux=on",
               qemu_chr_label(mux->chr), MUX_MAX);
    return false;
}

void chr_mux_orphan(ChrMux *mux)
{
    for (int i = 0; i < MUX_MAX; i++) {
        if (mux->fe[i]) {
            mux->fe[i]->chr = NULL;
            mux->fe[i] = NULL;
        }
    }
    mux->focus = -1;
}

static void focus_event(ChrMux *mux, ChrEvent event)
{
    CharFrontend *fe = mux->focus >= 0 ? mux->fe[mux->focus] : NULL;

    if (fe && fe->event) {
        fe->event(fe->opaque, event);
    }
}

static int next_frontend(const ChrMux *mux)
{
    for (int i = 1; i <= MUX_MAX; i++) {
        int n = (mux->focus + i) % MUX_MAX;

        if (n >= 0 && mux->fe[n]) {
            return n;
        }
    }
    return -1;
}

void chr_mux_detach(ChrMux *mux, CharFrontend *fe)
{
    mux->fe[fe->tag] = NULL;
    if (mux->focus == fe->tag) {
        mux->focus = next_frontend(mux);
        focus_event(mux, CHR_EVENT_MUX_IN);
    }
}

bool chr_mux_busy(const ChrMux *mux)
{
    for (int i = 0; i < MUX_MAX; i++) {
        if (mux->fe[i]) {
            return true;
        }
    }
    return false;
}

void chr_mux_set_focus(ChrMux *mux, int tag)
{
    if (mux->focus == tag || tag < 0) {
        return;
    }
    focus_event(mux, CHR_EVENT_MUX_OUT);
    mux->focus = tag;
    focus_event(mux, CHR_EVENT_MUX_IN);
}

void chr_mux_event(ChrMux *mux, ChrEvent event)
{
    if (event == CHR_EVENT_BREAK) {
        focus_event(mux, event);
        return;
    }
    for (int i = 0; i < MUX_MAX; i++) {
        if (mux->fe[i] && mux->fe[i]->event) {
            mux->fe[i]->event(mux->fe[i]->opaque, event);
        }
    }
}

int chr_mux_can_read(ChrMux *mux)
{
    return mux->focus < 0 ? 0 : (int)(MUX_BUFFER - buffered(&mux->input[mux->focus]));
}

static void say(ChrMux *mux, const char *text)
{
    chr_io_write(mux->chr, (const uint8_t *)text, strlen(text), true);
}

/* Absent in programs that have no run state (unit tests). */
#pragma weak qemu_system_shutdown_request

static void command(ChrMux *mux, uint8_t c)
{
    switch (c) {
    case 'c':
        chr_mux_set_focus(mux, next_frontend(mux));
        break;
    case 'x':
        say(mux, "QEMU: Terminated\r\n");
        if (qemu_system_shutdown_request) {
            qemu_system_shutdown_request(SHUTDOWN_CAUSE_HOST_QMP_QUIT);
        }
        break;
    case 'b':
        chr_mux_event(mux, CHR_EVENT_BREAK);
        break;
    case 'h':
    case '?':
        say(mux, "\r\n"
                 "Ctrl-A h       this text\r\n"
                 "Ctrl-A x       quit the emulator\r\n"
                 "Ctrl-A b       send a break\r\n"
                 "Ctrl-A c       switch between console and monitor\r\n"
                 "Ctrl-A Ctrl-A  send Ctrl-A\r\n");
        break;
    default:
        break;
    }
}

void chr_mux_read(ChrMux *mux, const uint8_t *buf, int len)
{
    for (int i = 0; i < len; i++) {
        MuxInput *in;

        if (mux->escaped && buf[i] != ESCAPE) {
            mux->escaped = false;
            command(mux, buf[i]);
            continue;
        }
        if (!mux->escaped && buf[i] == ESCAPE) {
            mux->escaped = true;
            continue;
        }
        mux->escaped = false;
        if (mux->focus < 0) {
            continue;
        }
        in = &mux->input[mux->focus];
        if (buffered(in) < MUX_BUFFER) {
            in->data[in->head++ % MUX_BUFFER] = buf[i];
        }
    }
    if (mux->focus >= 0) {
        drain(mux, mux->focus);
    }
}

void chr_mux_accept_input(ChrMux *mux, CharFrontend *fe)
{
    aio_bh_schedule(mux->drain_bh);
}
