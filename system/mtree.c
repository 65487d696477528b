/* SPDX-License-Identifier: GPL-2.0-or-later */
/* info mtree: the tree of regions, or the views (-f), with who serves each range and (-o) who owns
 * it. */
#include "qemu/osdep.h"

#include "memory-internal.h"
#include "system/ioregionfd.h"

static const char *kind_of(const MemoryRegion *mr, bool readonly)
{
    if (mr->ram_device) {
        return "ramd";
    }
    if (mr->rom_device) {
        return "romd";
    }
    if (mr->ram) {
        return readonly ? "rom" : "ram";
    }
    return mr->ops ? "i/o" : "container";
}

/* Who answers: "[direct]", "[lock]", "[home: iothread iot0, user, ring]". */
static void append_server(GString *out, const MemoryRegion *mr)
{
    if (mr->alias || (!mr->ops && !mr->ram)) {
        return;
    }
    if (mr->home) {
        g_string_append(out, " [home: ");
        ioregion_describe(mr, out);
        g_string_append_c(out, ']');
    } else if (mr->ops) {
        g_string_append(out, mr->lock ? " [lock]" : " [direct]");
    }
    if (mr->ioeventfds && mr->ioeventfds->len) {
        g_string_append_printf(out, " [ioeventfd: %u]", mr->ioeventfds->len);
    }
    if (mr->coalesced && mr->coalesced->len) {
        g_string_append(out, " [coalesced]");
    }
}

static void append_owner(GString *out, const MemoryRegion *mr)
{
    g_autofree char *path = mr->owner ? object_get_canonical_path(mr->owner) : NULL;
    if (path) {
        g_string_append_printf(out, " owner:%s", path);
    } else if (mr->owner) {
        g_string_append_printf(out, " owner:(%s)", object_get_typename(mr->owner));
    } else {
        g_string_append(out, " owner:none");
    }
}

static void append_span(GString *out, unsigned indent, hwaddr start, MemSize size)
{
    hwaddr last = size ? start + (hwaddr)(size - 1) : start;
    g_string_append_printf(out, "%*s%016" HWADDR_PRIx "-%016" HWADDR_PRIx, (int)indent, "", start,
                           last);
}

/* --- tree
 * ------------------------------------------------------------------------------------------- */

static void print_tree(GString *out, const MemoryRegion *mr, hwaddr base, unsigned indent,
                       bool owner, GPtrArray *aliased)
{
    hwaddr start = base + mr->addr;

    append_span(out, indent, start, mr->size);
    g_string_append_printf(out, " (prio %d, %s): ", mr->priority,
                           mr->alias ? "alias" : kind_of(mr, mr->readonly));
    if (mr->alias) {
        g_string_append_printf(out, "%s @%s %016" HWADDR_PRIx "-%016" HWADDR_PRIx, mr->name,
                               mr->alias->name, mr->alias_offset,
                               mr->alias_offset + (hwaddr)(mr->size - 1));
        if (!g_ptr_array_find(aliased, mr->alias, NULL)) {
            g_ptr_array_add(aliased, mr->alias);
        }
    } else {
        g_string_append(out, mr->name);
    }
    append_server(out, mr);
    if (mr->readonly && mr->alias) {
        g_string_append(out, " [readonly]");
    }
    if (!mr->enabled) {
        g_string_append(out, " [disabled]");
    }
    if (owner) {
        append_owner(out, mr);
    }
    g_string_append_c(out, '\n');

    /* By address for the reader; the list is by priority. */
    g_autoptr(GPtrArray) subs = g_ptr_array_new();
    for (GList *l = mr->subregions.head; l; l = l->next) {
        const MemoryRegion *sub = l->data;
        guint at = 0;
        while (at < subs->len && ((MemoryRegion *)g_ptr_array_index(subs, at))->addr <= sub->addr) {
            at++;
        }
        g_ptr_array_insert(subs, (int)at, (void *)sub);
    }
    for (guint i = 0; i < subs->len; i++) {
        print_tree(out, g_ptr_array_index(subs, i), start, indent + 2, owner, aliased);
    }
}

static const MemoryRegion *top_of(const MemoryRegion *mr)
{
    while (mr->container) {
        mr = mr->container;
    }
    return mr;
}

static void print_trees(GString *out, bool owner)
{
    g_autoptr(GPtrArray) shown = g_ptr_array_new(), aliased = g_ptr_array_new();

    for (GList *l = address_spaces.head; l; l = l->next) {
        AddressSpace *as = l->data;
        g_string_append_printf(out, "address-space: %s\n", as->name);
        if (g_ptr_array_find(shown, as->root, NULL)) {
            g_string_append_printf(out, "  (as above: %s)\n\n", as->root->name);
            continue;
        }
        g_ptr_array_add(shown, as->root);
        print_tree(out, as->root, 0, 2, owner, aliased);
        g_string_append_c(out, '\n');
    }
    for (guint i = 0; i < aliased->len; i++) { /* grows while it is walked */
        const MemoryRegion *mr = g_ptr_array_index(aliased, i);
        if (g_ptr_array_find(shown, top_of(mr), NULL)) {
            continue;
        }
        g_string_append_printf(out, "memory-region: %s\n", mr->name);
        print_tree(out, mr, 0, 2, owner, aliased);
        g_string_append_c(out, '\n');
    }
}

/* --- views
 * ------------------------------------------------------------------------------------------- */

static void print_view(GString *out, const FlatView *fv, bool owner)
{
    if (!fv->nr) {
        g_string_append(out, "  No rendered FlatView\n");
    }
    for (unsigned i = 0; i < fv->nr; i++) {
        const FlatRange *r = &fv->ranges[i];
        append_span(out, 2, r->start, (MemSize)(r->last - r->start) + 1);
        g_string_append_printf(out, " (prio %d, %s): %s", r->mr->priority,
                               kind_of(r->mr, r->readonly), r->mr->name);
        if (r->offset) {
            g_string_append_printf(out, " @%016" HWADDR_PRIx, r->offset);
        }
        append_server(out, r->mr);
        if (owner) {
            append_owner(out, r->mr);
        }
        g_string_append_c(out, '\n');
    }
    g_string_append_c(out, '\n');
}

static void print_views(GString *out, bool owner)
{
    g_autoptr(GPtrArray) shown = g_ptr_array_new();
    unsigned n = 0;

    for (GList *l = address_spaces.head; l; l = l->next) {
        const FlatView *fv = ((AddressSpace *)l->data)->current_map;
        if (g_ptr_array_find(shown, fv, NULL)) {
            continue;
        }
        g_ptr_array_add(shown, (void *)fv);
        g_string_append_printf(out, "FlatView #%u\n", n++);
        for (GList *k = l; k; k = k->next) {
            const AddressSpace *as = k->data;
            if (as->current_map == fv) {
                g_string_append_printf(
                    out, " AS \"%s\", root: %s%s\n", as->name, as->root->name,
                    __atomic_load_n(&as->enabled, __ATOMIC_RELAXED) ? "" : " [disabled]");
            }
        }
        g_string_append_printf(out, " Root memory region: %s\n",
                               fv->root ? fv->root->name : "(none)");
        print_view(out, fv, owner);
    }
}

void mtree_info(GString *out, bool flatview, bool owner)
{
    assert_main_loop();
    if (flatview) {
        print_views(out, owner);
    } else {
        print_trees(out, owner);
    }
}
