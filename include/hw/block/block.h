/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What devices with a drive have in common: the properties, their checks, the drive taken and given
 * back.  Main loop.
 */
#ifndef HW_BLOCK_BLOCK_H
#define HW_BLOCK_BLOCK_H

#include "block/block-backend.h"
#include "qom/object.h"

typedef struct BlockConf {
    BlockBackend *blk;
    uint32_t logical_block_size, physical_block_size, discard_granularity, opt_io_size, min_io_size;
    int32_t bootindex;
    char *rerror, *werror;
    int write_cache; /* OnOffAuto */
    bool share_rw;
} BlockConf;

/* discard_granularity that follows from the size of the physical blocks. */
#define BLOCK_GRANULARITY_AUTO UINT32_MAX

/* Of a device whose type is state, with a BlockConf at conf; granularity: what discard_granularity
 * is unless the user says. */
#define DEFINE_BLOCK_PROPERTIES(state, conf, granularity) \
    DEFINE_PROP_DRIVE("drive", state, conf.blk), \
        DEFINE_PROP_UINT32("logical_block_size", state, conf.logical_block_size, 0, \
                           "bytes of a logical block (512; CD: 2048)"), \
        DEFINE_PROP_UINT32("physical_block_size", state, conf.physical_block_size, 0, \
                           "bytes of a physical block"), \
        DEFINE_PROP_UINT32("discard_granularity", state, conf.discard_granularity, granularity, \
                           "bytes; preferred unit of deallocation"), \
        DEFINE_PROP_INT32("bootindex", state, conf.bootindex, -1, "place in the boot order"), \
        DEFINE_PROP_STRING("rerror", state, conf.rerror, "read errors: report, ignore, stop"), \
        DEFINE_PROP_STRING("werror", state, conf.werror, \
                           "write errors: report, ignore, stop, enospc"), \
        DEFINE_PROP_ON_OFF_AUTO("write-cache", state, conf.write_cache, ON_OFF_AUTO_AUTO, \
                                "volatile write cache"), \
        DEFINE_PROP_BOOL("share-rw", state, conf.share_rw, false, \
                         "other devices may write to the drive")

/* Of those that tell the guest which sizes are best. */
#define DEFINE_BLOCK_IO_SIZE_PROPERTIES(state, conf) \
    DEFINE_PROP_UINT32("min_io_size", state, conf.min_io_size, 0, \
                       "bytes; preferred smallest transfer"), \
        DEFINE_PROP_UINT32("opt_io_size", state, conf.opt_io_size, 0, "bytes; preferred transfer")

/* Puts in what the user left out, and looks whether the sizes fit together; who: the device, for
 * the message.  False with an error. */
bool block_conf_check_sizes(BlockConf *c, const char *who, GError **errp);
/* Gives the drive, which is there, the policy for errors and the cache mode; its length in bytes,
 * or -1 with an error. */
int64_t block_conf_take(const BlockConf *c, const char *who, GError **errp);
/* Gives the drive back, if there is one: it may go elsewhere. */
void block_conf_release(BlockConf *c);

#endif
