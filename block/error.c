/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rerror= and werror=: what happens when a request of a guest fails. */
#include "block-private.h"

BlkErrorHook *blk_error_hook;

bool blk_parse_error_policy(const char *option, const char *text, int *policy, GError **errp)
{
    static const char *const names[] = {
        [BLK_ON_ERROR_REPORT] = "report",
        [BLK_ON_ERROR_IGNORE] = "ignore",
        [BLK_ON_ERROR_ENOSPC] = "enospc",
        [BLK_ON_ERROR_STOP] = "stop",
    };
    bool reads = g_str_equal(option, "rerror");

    for (int i = 0; text && i < (int)G_N_ELEMENTS(names); i++) {
        if (g_str_equal(text, names[i]) && !(reads && i == BLK_ON_ERROR_ENOSPC)) {
            *policy = i;
            return true;
        }
    }
    if (!text || g_str_equal(text, "auto")) {
        return true;
    }
    error_setg(errp, "%s=%s is not valid: use report, ignore, stop%s or auto", option, text,
               reads ? "" : ", enospc");
    return false;
}

bool blk_set_error_policy(BlockBackend *blk, const char *rerror, const char *werror, GError **errp)
{
    int on_read = blk->on_read_error, on_write = blk->on_write_error;

    if (!blk_parse_error_policy("rerror", rerror, &on_read, errp) ||
        !blk_parse_error_policy("werror", werror, &on_write, errp)) {
        return false;
    }
    blk->on_read_error = on_read;
    blk->on_write_error = on_write;
    return true;
}

static BlockErrorAction decide(BlkErrorPolicy policy, int error)
{
    switch (policy) {
    case BLK_ON_ERROR_IGNORE:
        return BLOCK_ERROR_ACTION_IGNORE;
    case BLK_ON_ERROR_STOP:
        return BLOCK_ERROR_ACTION_STOP;
    case BLK_ON_ERROR_ENOSPC:
        return error == ENOSPC ? BLOCK_ERROR_ACTION_STOP : BLOCK_ERROR_ACTION_REPORT;
    case BLK_ON_ERROR_REPORT:
        break;
    }
    return BLOCK_ERROR_ACTION_REPORT;
}

BlockErrorAction blk_error_action(BlockBackend *blk, bool is_read, int error)
{
    BlockErrorAction action = decide(is_read ? blk->on_read_error : blk->on_write_error, error);

    if (action == BLOCK_ERROR_ACTION_STOP) {
        int none = 0;

        __atomic_compare_exchange_n(&blk->io_status, &none, error, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
    }
    if (blk_error_hook) {
        blk_error_hook(blk, is_read, error, action);
    }
    return action;
}
