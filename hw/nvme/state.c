/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file: read once, replaced as a whole by a worker thread after each change. */
#include "state.h"
#include "nvme.h"

#include <sys/stat.h>

#define STATE_MAX (4 * MiB)

static bool read_file(const char *path, json_object **root, GError **errp)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) err = NULL;
    struct stat st;

    if (stat(path, &st) < 0) {
        *root = json_object_new_object();
        return true;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > STATE_MAX) {
        error_setg(errp, "nvme: state=%s: this is not a state file; name a file of its own", path);
        return false;
    }
    if (!g_file_get_contents(path, &text, NULL, &err)) {
        error_setg(errp, "nvme: state=%s: %s", path, err->message);
        return false;
    }
    *root = json_tokener_parse(text);
    if (!*root || !json_object_is_type(*root, json_type_object)) {
        g_clear_pointer(root, json_object_put);
        error_setg(errp, "nvme: state=%s: this is not a state file; name another one, or remove it",
                   path);
        return false;
    }
    return true;
}

bool nvme_state_open(NvmeSubsystem *s, const char *path, GError **errp)
{
    g_autofree char *dir = g_path_get_dirname(path);
    json_object *root;

    if (!g_file_test(dir, G_FILE_TEST_IS_DIR)) {
        error_setg(errp, "nvme: state=%s: there is no folder '%s'", path, dir);
        return false;
    }
    if (!read_file(path, &root, errp)) {
        return false;
    }
    s->state = g_new0(NvmeState, 1);
    s->state->path = g_strdup(path);
    s->state->root = root;
    qemu_mutex_init(&s->state->write_lock);
    return true;
}

void nvme_state_close(NvmeSubsystem *s)
{
    NvmeState *st = g_steal_pointer(&s->state);

    if (st) {
        json_object_put(st->root);
        qemu_mutex_destroy(&st->write_lock);
        g_free(st->path);
        g_free(st);
    }
}

/* --- entries --------------------------------------------------------------------------------- */

static json_object *member(json_object *parent, const char *name, bool make)
{
    json_object *o = NULL;

    if (json_object_object_get_ex(parent, name, &o) && json_object_is_type(o, json_type_object)) {
        return o;
    }
    if (!make) {
        return NULL;
    }
    o = json_object_new_object();
    json_object_object_add(parent, name, o);
    return o;
}

static json_object *entry(NvmeSubsystem *s, const char *section, uint32_t key, bool make)
{
    char name[12];
    json_object *o = s->state ? member(s->state->root, section, make) : NULL;

    g_snprintf(name, sizeof(name), "%u", key);
    return o ? member(o, name, make) : NULL;
}

json_object *nvme_state_entry(NvmeSubsystem *s, const char *section, uint32_t key)
{
    return entry(s, section, key, true);
}

json_object *nvme_state_find(NvmeSubsystem *s, const char *section, uint32_t key)
{
    return entry(s, section, key, false);
}

void nvme_state_drop(NvmeSubsystem *s, const char *section, uint32_t key)
{
    char name[12];
    json_object *o = s->state ? member(s->state->root, section, false) : NULL;

    g_snprintf(name, sizeof(name), "%u", key);
    if (o) {
        json_object_object_del(o, name);
    }
}

void nvme_state_put(json_object *entry, const char *name, int64_t v)
{
    if (entry) {
        json_object_object_add(entry, name, json_object_new_int64(v));
    }
}

int64_t nvme_state_get(json_object *entry, const char *name, int64_t def)
{
    json_object *o;

    return entry && json_object_object_get_ex(entry, name, &o) &&
                   json_object_is_type(o, json_type_int)
               ? json_object_get_int64(o)
               : def;
}

/* --- save ------------------------------------------------------------------------------------ */

typedef struct Save {
    AioWork work;
    NvmeSubsystem *s;
    void (*done)(void *opaque, bool ok);
    void *opaque;
} Save;

/* Worker thread.  The text is made under the write lock, so that the last writer has the newest. */
static int write_file(AioWork *w)
{
    NvmeSubsystem *s = container_of(w, Save, work)->s;
    g_autofree char *text = NULL;
    QEMU_LOCK_GUARD(&s->state->write_lock);

    qemu_mutex_lock(&s->lock);
    text = g_strdup(json_object_to_json_string_ext(s->state->root, JSON_C_TO_STRING_PRETTY));
    qemu_mutex_unlock(&s->lock);
    return g_file_set_contents_full(s->state->path, text, -1,
                                    G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                    0600, NULL)
               ? 0
               : -EIO;
}

static void write_done(AioWork *w, int res)
{
    Save *save = container_of(w, Save, work);

    if (res < 0) {
        warn_report("nvme: state file '%s' cannot be written", save->s->state->path);
    }
    save->done(save->opaque, res == 0);
    g_free(save);
}

void nvme_state_save(NvmeCtrl *n, void (*done)(void *opaque, bool ok), void *opaque)
{
    Save *save;

    if (!n->subsys->state) {
        done(opaque, true);
        return;
    }
    save = g_new0(Save, 1);
    *save = (Save){.work = {.work = write_file, .done = write_done},
                   .s = n->subsys,
                   .done = done,
                   .opaque = opaque};
    aio_work_submit(n->home, &save->work);
}

static void save_completes(void *opaque, bool ok)
{
    NvmeRequest *req = opaque;

    if (!ok && !req->status) {
        req->status = NVME_INTERNAL_ERROR;
    }
    nvme_complete(req);
}

void nvme_state_save_and_complete(NvmeRequest *req)
{
    nvme_state_save(req->sq->n, save_completes, req);
}

/* --- formats of namespaces ------------------------------------------------------------------- */

void nvme_ns_save_format(NvmeNamespace *ns)
{
    const NvmeLayout *l = &ns->layout;
    json_object *o = nvme_state_entry(ns->subsys, "namespaces", ns->nsid);

    nvme_state_put(o, "lba-shift", l->lba_shift);
    nvme_state_put(o, "ms", l->ms);
    nvme_state_put(o, "extended", l->extended);
    nvme_state_put(o, "pi", l->pi_type);
    nvme_state_put(o, "pi-first", l->pi_first);
}

void nvme_ns_restore_format(NvmeNamespace *ns)
{
    json_object *o = nvme_state_find(ns->subsys, "namespaces", ns->nsid);
    int64_t shift = nvme_state_get(o, "lba-shift", 0), ms = nvme_state_get(o, "ms", 0);

    for (unsigned f = 0; shift && f < ns->num_formats; f++) {
        if (ns->formats[f].ds == shift && ns->formats[f].ms == ms) {
            nvme_ns_set_format(ns, f, nvme_state_get(o, "extended", 0),
                               nvme_state_get(o, "pi", 0) & 3, nvme_state_get(o, "pi-first", 0));
            return;
        }
    }
}
