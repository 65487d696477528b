/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the test library share. */
#ifndef LIBQTEST_PRIVATE_H
#define LIBQTEST_PRIVATE_H

#include "libqtest.h"

enum { QTEST_MAX_IRQS = 256, QTEST_TIMEOUT_MS = 60000 };

/* A connection with what was received and not used yet. */
typedef struct QTestStream {
    int fd;
    GString *in;
} QTestStream;

struct QTestState {
    pid_t pid;
    int status; /* of the ended process, valid when !alive */
    bool alive;
    int expected_status;
    char *dir; /* of the sockets */
    QTestStream qtest, qmp;
    bool levels[QTEST_MAX_IRQS];
    unsigned raises[QTEST_MAX_IRQS];
    GQueue *events;    /* json_object */
    uint64_t ram_size; /* 0: not asked for yet */
    uint64_t next_free;
};

void qtest_stream_send(QTestState *s, QTestStream *st, const void *data, size_t len);
/* The next line without its newline (g_free); ends the test when none comes. */
char *qtest_stream_line(QTestState *s, QTestStream *st);
/* The handshake: greeting, qmp_capabilities. */
void qtest_qmp_negotiate(QTestState *s);

#endif
