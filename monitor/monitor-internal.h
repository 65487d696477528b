/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the monitor share.  Main loop only, except where said. */
#ifndef MONITOR_INTERNAL_H
#define MONITOR_INTERNAL_H

#include "monitor/json-stream.h"
#include "monitor/monitor.h"
#include "qemu/thread.h"

typedef struct Readline Readline;
typedef struct QmpRequest QmpRequest;

/* Requests that wait; then the client is not read any more. */
#define QMP_QUEUE_MAX 8
/* Descriptors that a client may keep under names. */
#define MONITOR_MAX_FDS 1024

struct Monitor {
    CharFrontend fe;
    bool qmp, pretty;

    /* QMP */
    JsonStream stream; /* the thread that reads */
    QemuMutex lock;    /* guards queue and the flags below it */
    GQueue queue;      /* QmpRequest */
    bool suspended;    /* can_read() said no */
    bool negotiated;   /* qmp_capabilities has succeeded */
    bool oob;          /* ... and enabled out-of-band execution */
    AioBH *dispatch_bh;
    QmpRequest *current; /* the in-band request that runs */
    GHashTable *fds;     /* name -> descriptor + 1 */

    /* HMP */
    Readline *readline; /* NULL: output is collected only */
    GString *out;       /* text that was not sent yet */
    AioBH *banner_bh, *input_bh;
    bool is_mux, has_focus, greeted;
    int hmp_cpu; /* the CPU that commands about one CPU mean */
};

extern __thread Monitor *monitor_current;

/* qmp.c */
void qmp_monitor_init(Monitor *mon);
void qmp_monitor_destroy(Monitor *mon);
/* One message to the client.  Any thread. */
void qmp_send(Monitor *mon, json_object *message);
/* A descriptor that came with the running request, or -1; it becomes the caller's. */
int qmp_take_fd(Monitor *mon);
/* The thread that serves out-of-band requests is joined. */
void qmp_stop_io_thread(void);

/* hmp.c, readline.c */
void hmp_monitor_init(Monitor *mon);
void hmp_monitor_destroy(Monitor *mon);
void hmp_flush(Monitor *mon);

typedef struct ReadlineOps {
    void (*print)(void *opaque, const char *text);
    void (*line)(void *opaque, const char *line);
    /* Completions of the words so far, NULL-terminated; g_strfreev(). */
    char **(*complete)(void *opaque, const char *line);
} ReadlineOps;
Readline *readline_new(const char *prompt, const ReadlineOps *ops, void *opaque);
void readline_free(Readline *rl);
void readline_show_prompt(Readline *rl);
void readline_byte(Readline *rl, uint8_t c);

#endif
