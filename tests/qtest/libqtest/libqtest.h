/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives an emulator from a test: memory, ports, interrupt lines and the virtual clock over the
 * qtest protocol, everything else over QMP.
 *
 * Whatever does not go as the protocol says (the emulator dies, an answer is no OK, or none comes
 * within a minute) ends the test with a message; functions therefore return no errors, except where
 * said.  The binary is named by QTEST_QEMU_BINARY; with QTEST_LOG set the protocol is logged on
 * stderr.  One thread.
 */
#ifndef LIBQTEST_H
#define LIBQTEST_H

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct QTestState QTestState;

#define QTEST_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* --- process
 * -----------------------------------------------------------------------------------------------------
 */

/* Starts the emulator with -accel qtest, no display, and a QMP monitor whose capabilities are
 * negotiated; args are further options, with a shell's quoting. */
QTestState *qtest_init(const char *args);
QTestState *qtest_initf(const char *fmt, ...) QTEST_PRINTF(1, 2);
/* The same without "-accel qtest" and without waiting for QMP's greeting: for tests of the
 * handshake. */
QTestState *qtest_init_raw(const char *args);
/* What emulators started from now on write on stderr goes to this file; NULL: to the test's. */
void qtest_stderr_to(const char *path);
/* SIGTERM; the emulator must end with the expected status (0). */
void qtest_quit(QTestState *s);
void qtest_set_expected_status(QTestState *s, int status);
pid_t qtest_pid(QTestState *s);
/* True while the process lives. */
bool qtest_alive(QTestState *s);

/* A start that is to end by itself: runs the emulator with args (nothing is added) for at most a
 * minute; *output (may be NULL) gets what it wrote on stderr and stdout. Returns the exit status,
 * -1 if a signal ended it. */
int qtest_run(const char *args, char **output);
/* The same in a folder of its own: where the emulator finds and makes files without a path. */
int qtest_run_in(const char *folder, const char *args, char **output);
/* The same for a start that is refused: status 1, one line that has all the words, which are
 * separated by '|', and the folder (an empty one without _in) has the same names as before. */
void qtest_refused_in(const char *folder, const char *words, const char *fmt, ...)
    QTEST_PRINTF(3, 4);
void qtest_refused(const char *words, const char *fmt, ...) QTEST_PRINTF(2, 3);

/* --- protocol
 * -------------------------------------------------------------------------------------------------------
 */

/* Sends one line, returns the reply (g_free) without its newline; IRQ lines before it are taken
 * note of. */
char *qtest_command(QTestState *s, const char *fmt, ...) QTEST_PRINTF(2, 3);
/* Bytes as they are, and one line as it comes (g_free), IRQ lines too. */
void qtest_send_raw(QTestState *s, const void *data, size_t len);
char *qtest_recv_line(QTestState *s);

uint8_t qtest_inb(QTestState *s, uint16_t port);
uint16_t qtest_inw(QTestState *s, uint16_t port);
uint32_t qtest_inl(QTestState *s, uint16_t port);
void qtest_outb(QTestState *s, uint16_t port, uint8_t v);
void qtest_outw(QTestState *s, uint16_t port, uint16_t v);
void qtest_outl(QTestState *s, uint16_t port, uint32_t v);
uint8_t qtest_readb(QTestState *s, uint64_t addr);
uint16_t qtest_readw(QTestState *s, uint64_t addr);
uint32_t qtest_readl(QTestState *s, uint64_t addr);
uint64_t qtest_readq(QTestState *s, uint64_t addr);
void qtest_writeb(QTestState *s, uint64_t addr, uint8_t v);
void qtest_writew(QTestState *s, uint64_t addr, uint16_t v);
void qtest_writel(QTestState *s, uint64_t addr, uint32_t v);
void qtest_writeq(QTestState *s, uint64_t addr, uint64_t v);
/* Hexadecimal on the wire; for large blocks bufread and bufwrite, which use base64. */
void qtest_memread(QTestState *s, uint64_t addr, void *buf, size_t len);
void qtest_memwrite(QTestState *s, uint64_t addr, const void *buf, size_t len);
void qtest_bufread(QTestState *s, uint64_t addr, void *buf, size_t len);
void qtest_bufwrite(QTestState *s, uint64_t addr, const void *buf, size_t len);
void qtest_memset(QTestState *s, uint64_t addr, uint8_t pattern, size_t len);

/* Advances the virtual clock by ns / to the next timer / to ns; returns its new value. */
int64_t qtest_clock_step(QTestState *s, int64_t ns);
int64_t qtest_clock_step_next(QTestState *s);
int64_t qtest_clock_set(QTestState *s, int64_t ns);

void qtest_irq_intercept_in(QTestState *s, const char *path);
void qtest_irq_intercept_out(QTestState *s, const char *path, const char *name);
/* Level of intercepted line n, all that came before included. */
bool qtest_get_irq(QTestState *s, unsigned n);
/* How often line n went up since the start. */
unsigned qtest_irq_raises(QTestState *s, unsigned n);
void qtest_set_irq_in(QTestState *s, const char *path, const char *name, unsigned n, int level);

/* --- QMP
 * ----------------------------------------------------------------------------------------------------------------
 */

/* Sends a command, JSON in printf's manner with single quotes (arguments are inserted as text:
 * numbers, names), and returns the whole reply; json_object_put() it.  Events that come meanwhile
 * are kept. */
json_object *qtest_qmp(QTestState *s, const char *fmt, ...) QTEST_PRINTF(2, 3);
/* The same for a command that must succeed; returns "return". */
json_object *qtest_qmp_return(QTestState *s, const char *fmt, ...) QTEST_PRINTF(2, 3);
void qtest_qmp_ok(QTestState *s, const char *fmt, ...) QTEST_PRINTF(2, 3);
/* The same for a command that must fail with class cls; returns "desc" (g_free). */
char *qtest_qmp_error(QTestState *s, const char *cls, const char *fmt, ...) QTEST_PRINTF(3, 4);
/* Sends without waiting; takes the next message, event or reply, that comes. */
void qtest_qmp_send(QTestState *s, const char *fmt, ...) QTEST_PRINTF(2, 3);
void qtest_qmp_send_raw(QTestState *s, const void *data, size_t len);
json_object *qtest_qmp_receive(QTestState *s);
/* Waits for an event (those kept are looked through first) and returns it. Events before it are
 * dropped. */
json_object *qtest_qmp_event(QTestState *s, const char *name);
/* True if the event is among those kept: it came before the last reply. */
bool qtest_qmp_has_event(QTestState *s, const char *name);
/* After the emulator has ended: keeps the events that it sent before. */
void qtest_qmp_last_events(QTestState *s);
void qtest_qmp_drop_events(QTestState *s);
/* human-monitor-command; the text (g_free). */
char *qtest_hmp(QTestState *s, const char *fmt, ...) QTEST_PRINTF(2, 3);
/* system_reset, and RESET has come. */
void qtest_system_reset(QTestState *s);
/* One more connection to a listening socket, for tests with several monitors; a file descriptor. */
int qtest_connect(const char *path);

/* --- guest memory
 * ----------------------------------------------------------------------------------------------------------
 */

/* Bytes of RAM, as fw_cfg tells. */
uint64_t qtest_ram_size(QTestState *s);
/* size bytes of RAM, aligned to align (a power of two; 0: 4096), from 1 MiB upwards and below
 * 0xe0000000; zeroed. */
uint64_t qtest_alloc(QTestState *s, uint64_t size, uint64_t align);
/* All that was allocated is free again. */
void qtest_alloc_reset(QTestState *s);

#endif
