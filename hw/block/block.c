/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What devices with a drive have in common. */
#include "hw/block/block.h"

enum { LOGICAL_MIN = 512, LOGICAL_MAX = 32768, PHYSICAL_MAX = 2 * MiB, GRANULARITY = 4096 };

static bool is_power_of_2(uint32_t v)
{
    return v && !(v & (v - 1));
}

bool block_conf_check_sizes(BlockConf *c, const char *who, GError **errp)
{
    uint32_t logical = c->logical_block_size ? c->logical_block_size : LOGICAL_MIN;

    c->logical_block_size = logical;
    c->physical_block_size = c->physical_block_size ? c->physical_block_size : logical;
    if (!is_power_of_2(logical) || logical < LOGICAL_MIN || logical > LOGICAL_MAX) {
        error_setg(errp, "%s: logical_block_size=%u: must be a power of two from %d to %d", who,
                   logical, LOGICAL_MIN, LOGICAL_MAX);
        return false;
    }
    if (!is_power_of_2(c->physical_block_size) || c->physical_block_size < logical ||
        c->physical_block_size > PHYSICAL_MAX) {
        error_setg(errp,
                   "%s: physical_block_size=%u: must be a power of two, from logical_block_size "
                   "(%u) to 2 MiB",
                   who, c->physical_block_size, logical);
        return false;
    }
    if (c->discard_granularity == BLOCK_GRANULARITY_AUTO) {
        c->discard_granularity = MAX(c->physical_block_size, (uint32_t)GRANULARITY);
    }
    if (c->min_io_size % logical || c->opt_io_size % logical || c->discard_granularity % logical) {
        error_setg(errp,
                   "%s: min_io_size, opt_io_size and discard_granularity must be multiples of "
                   "logical_block_size (%u)",
                   who, logical);
        return false;
    }
    return true;
}

int64_t block_conf_take(const BlockConf *c, const char *who, GError **errp)
{
    int64_t len;

    if (!blk_set_error_policy(c->blk, c->rerror, c->werror, errp)) {
        return -1;
    }
    len = blk_getlength(c->blk);
    if (len < 0) {
        error_setg_errno(errp, -len, "%s: drive=%s: its size cannot be read", who,
                         blk_name(c->blk));
        return -1;
    }
    if (c->write_cache != ON_OFF_AUTO_AUTO) {
        blk_set_write_cache(c->blk, c->write_cache == ON_OFF_AUTO_ON);
    }
    return len;
}

void block_conf_release(BlockConf *c)
{
    if (c->blk) {
        blk_detach_dev(c->blk);
        c->blk = NULL;
    }
}
