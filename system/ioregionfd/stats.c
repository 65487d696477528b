/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known about regions and channels: query-ioregionfd, info ioregionfd, info mtree. */
#include "internal.h"

const char *ioregion_engine_name(IoRegionEngine e)
{
    static const char *const names[] = {"user", "kvm", "module"};

    return names[e];
}

IoRegionEngine ioregion_engine(const IoRegion *r)
{
    return __atomic_load_n(&r->kvm_sections, __ATOMIC_RELAXED) &&
                   !__atomic_load_n(&r->kvm_failed, __ATOMIC_RELAXED)
               ? io_kernel_engine()
               : IOREGION_ENGINE_USER;
}

static const char *transport_name(IoRegionTransport t)
{
    return t == IOREGION_TRANSPORT_RING ? "ring" : "socket";
}

static const char *home_name(const IoChannel *ch)
{
    return ch->external ? NULL : aio_context_name(ch->ctx);
}

void ioregion_describe(const MemoryRegion *mr, GString *out)
{
    const IoRegion *r = mr->home;

    if (!r) {
        return;
    }
    if (r->channel->owner) {
        g_string_append_printf(out, "%s at ", r->channel->name);
    }
    g_string_append_printf(out, "%s, %s, %s%s",
                           home_name(r->channel) ? home_name(r->channel) : "another process",
                           ioregion_engine_name(ioregion_engine(r)),
                           transport_name(r->channel->transport), r->posted ? ", posted" : "");
}

/* The home counts where it comes from before what it is: in between, the difference is one short.
 */
static uint64_t count_exits(const IoRegion *r)
{
    uint64_t all = io_counter(&r->reads) + io_counter(&r->writes) + io_counter(&r->posted_writes);
    uint64_t in_kernel = io_counter(&r->in_kernel);

    return all > in_kernel ? all - in_kernel : 0;
}

static IoRegionInfo region_info(IoRegion *r)
{
    const IoChannel *ch = r->channel;
    IoRegionInfo info = {
        .name = r->mr->name,
        .owner = r->mr->owner ? object_get_canonical_path(r->mr->owner) : NULL,
        .channel = ch->name,
        .user_object = ch->owner,
        .home = home_name(ch),
        .engine = ioregion_engine(r),
        .transport = ch->transport,
        .posted_writes = r->posted,
        .pio = r->mr->in_io_space,
        .size = memory_region_size(r->mr),
        .reads = io_counter(&r->reads),
        .writes = io_counter(&r->writes),
        .posted = io_counter(&r->posted_writes),
        .exits = count_exits(r),
        .spun = io_counter(&r->spun),
        .full_stalls = io_counter(&r->full_stalls),
        .dma_dropped = io_counter(&r->dma_dropped),
        .timeouts = io_counter(&r->timeouts),
        .cancelled = io_counter(&r->cancelled),
    };

    for (unsigned i = 0; i < IOREGION_LATENCY_BUCKETS; i++) {
        info.latency[i] = io_counter(&r->latency[i]);
        info.waits += info.latency[i];
    }
    info.waits += info.timeouts + info.cancelled;
    return info;
}

void ioregion_query(void (*channel)(const IoRegionChannelInfo *c, void *opaque),
                    void (*region)(const IoRegionInfo *r, void *opaque), void *opaque)
{
    for (IoChannel *ch = io_channel_first(); channel && ch; ch = ch->next) {
        channel(
            &(IoRegionChannelInfo){
                .name = ch->name,
                .user_object = ch->owner,
                .home = home_name(ch),
                .transport = ch->transport,
                .posted_writes = ch->posted_writes,
                .regions = ch->regions,
                .kicks = io_counter(&ch->kicks),
                .bad_answers = io_counter(&ch->bad_answers),
                .bad_commands = io_counter(&ch->bad_commands),
            },
            opaque);
    }
    for (IoRegion *r = io_region_first(); region && r; r = r->next) {
        IoRegionInfo info = region_info(r);

        region(&info, opaque);
        g_free(info.owner);
    }
}

/* --- info ioregionfd
 * ----------------------------------------------------------------------------------------------------------
 */

static void print_channel(const IoRegionChannelInfo *c, void *opaque)
{
    g_string_append_printf(opaque,
                           "%s%s: home %s, transport %s%s, %u regions, %" PRIu64 " kicks, %" PRIu64
                           " bad answers, %" PRIu64 " bad commands\n",
                           c->user_object ? "object " : "context ", c->name,
                           c->home ? c->home : "another process", transport_name(c->transport),
                           c->posted_writes ? ", posted writes" : "", c->regions, c->kicks,
                           c->bad_answers, c->bad_commands);
}

/* The bucket in which the median lies, as nanoseconds. */
static uint64_t median_ns(const IoRegionInfo *r)
{
    uint64_t total = 0, seen = 0;

    for (unsigned i = 0; i < IOREGION_LATENCY_BUCKETS; i++) {
        total += r->latency[i];
    }
    for (unsigned i = 0; i < IOREGION_LATENCY_BUCKETS; i++) {
        seen += r->latency[i];
        if (seen * 2 >= total && total) {
            return BIT_ULL(i);
        }
    }
    return 0;
}

static void print_region(const IoRegionInfo *r, void *opaque)
{
    g_string_append_printf(
        opaque,
        "  %s%s%s (%s, 0x%" PRIx64 " bytes): engine %s via %s\n"
        "    reads %" PRIu64 " writes %" PRIu64 " posted %" PRIu64 " exits %" PRIu64
        " waits %" PRIu64 " (polled %" PRIu64 ", about %" PRIu64 " ns) stalls %" PRIu64 "\n",
        r->owner ? r->owner : "", r->owner ? ": " : "", r->name, r->pio ? "ports" : "memory",
        r->size, ioregion_engine_name(r->engine), r->channel, r->reads, r->writes, r->posted,
        r->exits, r->waits, r->spun, median_ns(r), r->full_stalls);
    if (r->timeouts || r->cancelled || r->dma_dropped) {
        g_string_append_printf(
            opaque, "    time-outs %" PRIu64 " cancelled %" PRIu64 " DMA dropped %" PRIu64 "\n",
            r->timeouts, r->cancelled, r->dma_dropped);
    }
}

void ioregion_info(GString *out)
{
    ioregion_query(print_channel, print_region, out);
    if (!out->len) {
        g_string_append(out, "no region has a home\n");
    }
}
