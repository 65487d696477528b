/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Human monitor: info block, info blockstats, eject, change. */
#include "monitor/hmp.h"
#include "qapi/qapi-commands.h"

/* What is the same with and without a medium. */
static void print_drive(Monitor *mon, const BlockInfo *info)
{
    if (info->qdev) {
        monitor_printf(mon, "    Attached to:      %s\n", info->qdev);
    }
    if (info->removable) {
        monitor_printf(mon, "    Removable device: %slocked%s\n", info->locked ? "" : "not ",
                       !info->has_tray_open ? ""
                       : info->tray_open    ? ", tray open"
                                            : ", tray closed");
    }
}

static void hmp_info_block(Monitor *mon, const HmpArgs *args)
{
    g_autoptr(BlockInfoList) list = qmp_query_block(NULL);

    for (BlockInfoList *l = list; l; l = l->next) {
        const BlockInfo *info = l->value;
        const BlockDeviceInfo *in = info->inserted;

        if (!in) {
            monitor_printf(mon, "%s: [not inserted]\n", *info->device ? info->device : info->qdev);
            print_drive(mon, info);
            continue;
        }
        monitor_printf(mon, "%s%s(%s): %s (%s%s)\n", info->device, *info->device ? " " : "",
                       in->node_name, in->file, in->drv, in->ro ? ", read-only" : "");
        print_drive(mon, info);
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

/* As elsewhere a drive is named here by its -drive, or else by its device. */
static void name_drive(const char *name, const char **device, const char **id)
{
    g_autoptr(BlockInfoList) list = qmp_query_block(NULL);

    *device = NULL;
    *id = name;
    for (BlockInfoList *l = list; l; l = l->next) {
        if (g_str_equal(l->value->device, name)) {
            *device = name;
            *id = NULL;
        }
    }
}

static void hmp_eject(Monitor *mon, const HmpArgs *args)
{
    bool force = g_str_equal(args->argv[0], "-f");
    const char *device, *id;
    GError *err = NULL;

    if (args->argc != 1 + force) {
        monitor_printf(mon, "Error: eject [-f] device\n");
        return;
    }
    name_drive(args->argv[force], &device, &id);
    qmp_eject(device, id, true, force, &err);
    if (err) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_eject, "eject", "[-f] device", "take the medium out (-f: even if it is locked)",
            hmp_eject, 1, 2);

static void hmp_change(Monitor *mon, const HmpArgs *args)
{
    const char *device, *id;
    GError *err = NULL;

    name_drive(args->argv[0], &device, &id);
    qmp_blockdev_change_medium(device, id, args->argv[1], args->argc > 2 ? args->argv[2] : NULL,
                               false, false, false, BLOCKDEV_CHANGE_READ_ONLY_MODE_RETAIN, &err);
    if (err) {
        hmp_report(mon, err);
    }
}
HMP_COMMAND(hmp_change, "change", "device filename [format]", "put another medium in", hmp_change,
            2, 3);
