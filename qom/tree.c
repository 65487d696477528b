/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The composition tree: each object but the root is the child of one other, under a name.  A child
 * is a property of its parent, of kind PROP_CHILD, which holds the tree's reference.
 */
#include "qom-internal.h"

Object *object_get_root(void)
{
    static Object *root;

    if (!root) {
        root = object_new(TYPE_CONTAINER, NULL);
    }
    return root;
}

static Object *find_child(Object *obj, const char *name, size_t len)
{
    for (unsigned i = 0; obj->priv->props && i < obj->priv->props->len; i++) {
        const ObjectProperty *prop = obj->priv->props->pdata[i];

        if (prop->kind == PROP_CHILD && !strncmp(prop->name, name, len) && !prop->name[len]) {
            return property_child(prop);
        }
    }
    return NULL;
}

Object *container_get(Object *root, const char *path)
{
    while (*(path += strspn(path, "/"))) {
        size_t len = strcspn(path, "/");
        Object *child = find_child(root, path, len);

        if (!child) {
            g_autofree char *name = g_strndup(path, len);

            child = object_new(TYPE_CONTAINER, NULL);
            object_property_add_child(root, name, child, NULL);
            object_unref(child);
        }
        root = child;
        path += len;
    }
    return root;
}

/* "name[N]" for "name[*]", with the lowest N that is free. */
static char *numbered_name(Object *parent, const char *name)
{
    size_t prefix = strlen(name) - 2;
    unsigned n = parent->priv->props ? parent->priv->props->len : 0;
    g_autofree bool *taken = g_new0(bool, n + 1);
    unsigned number = 0;

    for (unsigned i = 0; i < n; i++) {
        const ObjectProperty *prop = parent->priv->props->pdata[i];

        if (!strncmp(prop->name, name, prefix) && g_ascii_isdigit(prop->name[prefix])) {
            uint64_t v = g_ascii_strtoull(prop->name + prefix, NULL, 10);

            if (v <= n) {
                taken[v] = true;
            }
        }
    }
    while (taken[number]) {
        number++;
    }
    return g_strdup_printf("%.*s%u]", (int)prefix, name, number);
}

bool object_property_add_child(Object *parent, const char *name, Object *child, GError **errp)
{
    ObjectProperty prop = {.kind = PROP_CHILD, .read_only = true, .opaque = child};
    g_autofree char *numbered = NULL;

    qom_assert_thread();
    g_assert(!child->priv->parent && child != parent);
    if (g_str_has_suffix(name, "[*]")) {
        name = numbered = numbered_name(parent, name);
    }
    if (object_property_find(parent, name)) {
        g_autofree char *path = object_get_canonical_path(parent);

        error_setg(errp, "The name '%s' is taken already at '%s'", name,
                   path ? path : object_get_typename(parent));
        return false;
    }
    prop.name = name;
    object_property_add(parent, &prop);
    child->priv->parent = parent;
    child->priv->name = g_strdup(name);
    object_ref(child);
    return true;
}

void object_leave_tree(Object *obj)
{
    ObjectClass *klass = object_get_class(obj);
    Object *parent = obj->priv->parent;

    if (!parent) {
        return;
    }
    object_ref(obj);
    if (klass->unparent) {
        klass->unparent(obj);
    }
    /* One at a time from the end: a hook may take out siblings. */
    for (bool more = true; more;) {
        more = false;
        for (unsigned i = obj->priv->props ? obj->priv->props->len : 0; i-- > 0;) {
            const ObjectProperty *prop = obj->priv->props->pdata[i];

            if (prop->kind == PROP_CHILD) {
                object_leave_tree(property_child(prop));
                more = true;
                break;
            }
        }
    }
    parent = obj->priv->parent;
    if (parent) {
        obj->priv->parent = NULL;
        object_property_del(parent, obj->priv->name);
        g_clear_pointer(&obj->priv->name, g_free);
        object_unref(obj);
    }
    object_unref(obj);
}

void object_unparent(Object *obj)
{
    qom_assert_thread();
    object_leave_tree(obj);
}

Object *object_get_parent(const Object *obj)
{
    return obj->priv->parent;
}

const char *object_get_name(const Object *obj)
{
    return obj->priv->name;
}

char *object_get_canonical_path(const Object *obj)
{
    const Object *root = object_get_root();
    GString *path;

    if (obj == root) {
        return g_strdup("/");
    }
    path = g_string_new(NULL);
    for (; obj->priv->parent; obj = obj->priv->parent) {
        g_string_prepend(path, obj->priv->name);
        g_string_prepend_c(path, '/');
    }
    return g_string_free(path, obj != root);
}

/* --- look-up
 * -------------------------------------------------------------------------------------------------------
 */

/* The object that path, relative to obj, names; links are followed where follow says so. */
static Object *resolve_from(Object *obj, const char *path, bool follow)
{
    while (obj && *(path += strspn(path, "/"))) {
        size_t len = strcspn(path, "/");
        Object *next = find_child(obj, path, len);

        if (!next && follow) {
            g_autofree char *name = g_strndup(path, len);
            const ObjectProperty *prop = object_property_find(obj, name);

            if (prop && prop->kind == PROP_LINK) {
                next = object_property_get_link(obj, name, NULL);
            }
        }
        obj = next;
        path += len;
    }
    return obj;
}

typedef struct PartialSearch {
    const char *path, *typename;
    Object *found;
    bool ambiguous;
} PartialSearch;

/* Tries the path from obj and from everything below it; the empty path is each object itself. */
static void search_below(Object *obj, PartialSearch *s)
{
    Object *hit = resolve_from(obj, s->path, false);

    if (hit && (hit != obj || !*s->path) && (!s->typename || object_is_a(hit, s->typename))) {
        if (s->found && s->found != hit) {
            s->ambiguous = true;
        }
        s->found = hit;
    }
    for (unsigned i = 0; obj->priv->props && i < obj->priv->props->len && !s->ambiguous; i++) {
        const ObjectProperty *prop = obj->priv->props->pdata[i];

        if (prop->kind == PROP_CHILD) {
            search_below(property_child(prop), s);
        }
    }
}

Object *object_resolve_path_type(const char *path, const char *typename, bool *ambiguous)
{
    PartialSearch s = {.path = path, .typename = typename};

    if (*path == '/') {
        s.found = resolve_from(object_get_root(), path, true);
        if (s.found && typename && !object_is_a(s.found, typename)) {
            s.found = NULL;
        }
    } else if (*path || typename) {
        search_below(object_get_root(), &s);
    }
    if (ambiguous) {
        *ambiguous = s.ambiguous;
    }
    return s.ambiguous ? NULL : s.found;
}

Object *object_resolve_path(const char *path, bool *ambiguous)
{
    return object_resolve_path_type(path, NULL, ambiguous);
}

/* --- walks
 * ----------------------------------------------------------------------------------------------------------
 */

static bool foreach_child(Object *obj, bool (*fn)(Object *child, void *opaque), void *opaque,
                          bool recursive)
{
    g_autoptr(GPtrArray) children = g_ptr_array_new_with_free_func(object_unref);
    bool go_on = true;

    /* A copy with references, because fn may change the tree. */
    for (unsigned i = 0; obj->priv->props && i < obj->priv->props->len; i++) {
        const ObjectProperty *prop = obj->priv->props->pdata[i];

        if (prop->kind == PROP_CHILD) {
            g_ptr_array_add(children, object_ref(property_child(prop)));
        }
    }
    for (unsigned i = 0; i < children->len && go_on; i++) {
        go_on = fn(children->pdata[i], opaque) &&
                (!recursive || foreach_child(children->pdata[i], fn, opaque, true));
    }
    return go_on;
}

bool object_child_foreach(Object *obj, bool (*fn)(Object *child, void *opaque), void *opaque)
{
    return foreach_child(obj, fn, opaque, false);
}

bool object_child_foreach_recursive(Object *obj, bool (*fn)(Object *child, void *opaque),
                                    void *opaque)
{
    return foreach_child(obj, fn, opaque, true);
}
