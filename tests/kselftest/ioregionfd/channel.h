/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device's side of a channel of any kind.
 */
#ifndef KST_CHANNEL_H
#define KST_CHANNEL_H

#include "linux/ioregion.h"
#include "machine.h"
#include "ring.h"

struct channel;

/* Makes a channel of the kind that the command line chose, or of a given one. posted: size of its queue, 0 for the default. */
struct channel *channel_new(struct machine *m);
struct channel *channel_new_kind(struct machine *m, enum channel_kind kind, unsigned posted);
/* Closes whatever of it is still open. */
void channel_free(struct channel *c);

/* A region of this channel, to be registered; user_data tells which. */
struct kvm_ioregion channel_region(const struct channel *c, uint64_t addr, uint64_t size, uint32_t flags,
                                   uint64_t user_data);
/* Registers such a region; fails the test when that fails. */
void channel_bind(struct machine *m, const struct channel *c, uint64_t addr, uint64_t size, uint32_t flags,
                  uint64_t user_data);
/* Takes it back; 0 or -errno. */
int channel_unbind(struct machine *m, const struct channel *c, uint64_t addr, uint64_t size, uint32_t flags);

/* The next command; false when none comes in that time. */
bool device_get(struct channel *c, struct ioregionfd_cmd *cmd, int milliseconds);
/* The next command, which must come. */
struct ioregionfd_cmd device_want(struct channel *c);
/* Fails the test when a command comes, in a time that is long enough for one that is on its way. */
void device_quiet(struct channel *c);
void device_answer(struct channel *c, const struct ioregionfd_cmd *cmd, uint64_t data);
/* 0, or -errno of the kernel. */
int device_send(struct channel *c, const struct ioregionfd_resp *response);
/* Raw bytes where the kind has such; 0 or -errno, -EOPNOTSUPP for a kind without. */
int device_send_bytes(struct channel *c, const void *bytes, size_t size);
/* The device's end is gone: its process has died. */
void device_close(struct channel *c);

/* The device's file: to be polled, read, or handed on. */
int channel_device_fd(const struct channel *c);
/* The mapping of a ring. */
struct ring_view *channel_ring(struct channel *c);

/* Files that stand for this channel, to be passed on: how many, and which. */
unsigned channel_files(const struct channel *c, int files[2]);

/* A device of its own thread: answers reads by a function of the offset until it is told to stop. */
struct server;
struct server *server_start(struct channel *c);
/* What its reads give. */
uint64_t server_value(uint64_t user_data, uint64_t offset);
/* How many commands it has seen. */
uint64_t server_seen(const struct server *s);
/* Ends it; returns the same. */
uint64_t server_stop(struct server *s);

/* What a command says */
static inline unsigned cmd_op(const struct ioregionfd_cmd *cmd)
{
    return cmd->info & IOREGIONFD_CMD_MASK;
}

static inline unsigned cmd_size(const struct ioregionfd_cmd *cmd)
{
    return 1u << ((cmd->info & IOREGIONFD_SIZE_MASK) >> IOREGIONFD_SIZE_SHIFT);
}

/* Fails the test unless the command is just so. flags: IOREGIONFD_RESP and the like. */
void want_cmd(const char *file, int line, const struct ioregionfd_cmd *cmd, unsigned op, unsigned size, unsigned flags,
              uint64_t user_data, uint64_t offset, uint64_t data);
#define WANT_CMD(cmd, op, size, flags, user_data, offset, data)                                    \
    want_cmd(__FILE__, __LINE__, cmd, op, size, flags, user_data, offset, data)

#endif
