/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Human monitor: info block, info blockstats. */
#include "monitor/hmp.h"
#include "qapi/qapi-commands.h"

static void hmp_info_block(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(BlockInfoList) list = qmp_query_block(NULL);

    for (BlockInfoList *l = list; l; l = l->next) {
        const BlockInfo *info = l->value;
        const BlockDeviceInfo *in = info->inserted;

        monitor_printf(mon, "%s%s(%s): %s (%s%s)\n", info->device, *info->device ? " " : "",
                       in->node_name, in->file, in->drv, in->ro ? ", read-only" : "");
        if (info->qdev) {
            monitor_printf(mon, "    Attached to:      %s\n", info->qdev);
        }
        monitor_printf(mon, "    Size:             %" PRId64 " bytes\n", in->image->virtual_size);
        monitor_printf(mon, "    Cache mode:       %s%s%s\n",
                       in->cache->writeback ? "writeback" : "writethrough",
                       in->cache->direct ? ", direct" : "",
                       in->cache->no_flush ? ", ignore flushes" : "");
        if (info->has_io_status && info->io_status != BLOCK_DEVICE_IO_STATUS_OK) {
            monitor_printf(mon, "    I/O status:       %s\n",
                           BlockDeviceIoStatus_str(info->io_status));
        }
    }
}
HMP_INFO(hmp_info_block, "block", "", "show the disks", hmp_info_block, 0, 0);

static void hmp_info_blockstats(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(BlockStatsList) list = qmp_query_blockstats(false, false, NULL);

    for (BlockStatsList *l = list; l; l = l->next) {
        const BlockDeviceStats *st = l->value->stats;

        monitor_printf(mon,
                       "%s: rd_bytes=%" PRId64 " wr_bytes=%" PRId64 " rd_operations=%" PRId64
                       " wr_operations=%" PRId64 " flush_operations=%" PRId64
                       " rd_total_time_ns=%" PRId64 " wr_total_time_ns=%" PRId64
                       " failed_rd_operations=%" PRId64 " failed_wr_operations=%" PRId64 "\n",
                       *l->value->device ? l->value->device : l->value->node_name, st->rd_bytes,
                       st->wr_bytes, st->rd_operations, st->wr_operations, st->flush_operations,
                       st->rd_total_time_ns, st->wr_total_time_ns, st->failed_rd_operations,
                       st->failed_wr_operations);
    }
}
HMP_INFO(hmp_info_blockstats, "blockstats", "", "show what the disks did", hmp_info_blockstats, 0,
         0);
