/* See export.h.  The folder is written under a temporary name; export_files.c has its small
 * files. */
#include "export.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/tensor_out.h"
#include "../io/weights.h"
#include "export_files.h"

typedef struct { gm_out_tensor *t; char **name; int64_t n; } out_list;

static void free_list(out_list *l)
{
    for (int64_t i = 0; i < l->n; i++) free(l->name[i]);
    free(l->name);
    free(l->t);
}

static int new_list(out_list *l, int64_t room, gm_error *e)
{
    size_t n = (size_t)room + 1;
    *l = (out_list){ calloc(n, sizeof *l->t), calloc(n, sizeof *l->name), 0 };
    return l->t && l->name ? 0 : gm_fail(e, "out of memory for %lld tensors", (long long)room);
}

/* prefix + name: NULL when out of memory. */
static gm_out_tensor *append(out_list *l, const char *prefix, const char *name)
{
    size_t n = strlen(prefix), m = strlen(name);
    char *s = malloc(n + m + 1);
    if (!s) return NULL;
    memcpy(s, prefix, n);
    memcpy(s + n, name, m + 1);
    l->name[l->n] = s;
    gm_out_tensor *t = &l->t[l->n++];
    *t = (gm_out_tensor){ .name = s };
    return t;
}

static gm_dtype type_of(const char *word, gm_dtype stored)
{
    bool is_float = stored == GM_F32 || stored == GM_BF16 || stored == GM_F16;
    if (!is_float || strcmp(word, "stored") == 0) return stored;
    return strcmp(word, "bf16") == 0 ? GM_BF16 : strcmp(word, "f16") == 0 ? GM_F16 : GM_F32;
}

static const gm_lora_pair *pair_of(const gm_params *ps, const char *name)
{
    for (int64_t i = 0; i < ps->pairs; i++) {
        size_t n = strlen(ps->pair[i].base);
        if (strncmp(name, ps->pair[i].base, n) == 0 && strcmp(name + n, ".weight") == 0)
            return &ps->pair[i];
    }
    return NULL;
}

/* The type that the file of a master's tensor had. */
static gm_dtype stored_type(const gm_params *ps, const gm_weight_entry *t)
{
    const gm_param *p = gm_params_find(ps, t->name);
    return p ? p->stored : t->x.type;
}

/* A tensor of the model as it is now; the random matrix, no parameter, keeps its type. */
static int add_entry(out_list *l, const gm_params *ps, const gm_weight_entry *t, const char *name,
                     const char *type, gm_error *e)
{
    gm_out_tensor *o = append(l, "", name);
    const gm_lora_pair *pair = pair_of(ps, t->name);
    if (!o) return gm_fail(e, "out of memory for %s", name);
    gm_dtype stored = stored_type(ps, t);
    o->x = t->x;
    o->type = gm_name_matches(t->name, "*.positional_encoding_gaussian_matrix")
        ? stored : type_of(type, stored);
    if (pair) {
        o->a = ps->p[pair->at].w.data;
        o->b = ps->p[pair->at + 1].w.data;
        o->rank = ps->rank;
        o->scale = (float)(ps->alpha / (double)ps->rank);
    }
    return 0;
}

/* ---- the whole model ---- */

/* Whether the tower lies in a folder of its own; *folder: which, malloc'ed. */
static int tower_folder(const gm_weights *w, const char *base, char **folder, gm_error *e)
{
    *folder = NULL;
    for (int64_t i = 0; i < w->n; i++) {
        const char *slash = strrchr(w->entry[i].file, '/');
        size_t n = slash ? (size_t)(slash - w->entry[i].file) : 0;
        if (strncmp(w->entry[i].name, GM_TOWER, strlen(GM_TOWER)) != 0) continue;
        if (n == strlen(base) && strncmp(base, w->entry[i].file, n) == 0) return 0;
        *folder = gm_copy_text(w->entry[i].file);
        if (!*folder) return gm_fail(e, "out of memory");
        (*folder)[n] = 0;
        return 0;
    }
    return 0;
}

static bool tower_trains(const gm_params *ps)
{
    for (int64_t i = 0; i < ps->n; i++)
        if (strncmp(ps->p[i].name, GM_TOWER, strlen(GM_TOWER)) == 0) return true;
    return false;
}

static int add_entries(out_list *l, const gm_params *ps, const gm_weights *w, bool tower,
                       bool others, const char *type, gm_error *e)
{
    int bad = 0;
    for (int64_t i = 0; !bad && i < w->n; i++) {
        const gm_weight_entry *t = &w->entry[i];
        bool inside = strncmp(t->name, GM_TOWER, strlen(GM_TOWER)) == 0;
        if (gm_name_is_lora(t->name) || !(inside ? tower : others)) continue;
        size_t cut = inside && !others ? strlen(GM_TOWER) : 0;
        bad = add_entry(l, ps, t, t->name + cut, type, e);
    }
    return bad;
}

/* folder/clip: the tower that the base had in a folder of its own. */
static int write_tower(const char *folder, const char *from, const gm_params *ps,
                       const gm_weights *w, const gm_export_options *o, gm_error *e)
{
    char *own = gm_path_join(folder, "clip");
    out_list l = { 0 };
    int bad = own ? gm_make_dir(own, e) : gm_fail(e, "out of memory");
    if (!bad) bad = export_copy(from, own, "config.json", e);
    if (!bad) bad = export_copy(from, own, "preprocessor_config.json", e);
    if (!bad) bad = new_list(&l, w->n, e);
    if (!bad) bad = add_entries(&l, ps, w, true, false, o->type, e);
    if (!bad) bad = export_shards(own, o->safetensors, o->shard_bytes, l.t, l.n, e);
    free_list(&l);
    free(own);
    return bad;
}

static int fill_model(const char *folder, const gm_params *ps, gm_model *m,
                      const gm_export_options *o, gm_error *e)
{
    const gm_weights *w = gm_checkpoint_weights(m->checkpoint);
    const char *base = gm_checkpoint_path(m->checkpoint);
    char *tower = NULL;
    out_list l = { 0 };
    int bad = tower_folder(w, base, &tower, e);
    bool copy = tower && (tower_trains(ps) || strncmp(tower, base, strlen(base)) == 0);
    if (!bad) bad = export_base_files(base, folder, o->type, copy, e);
    if (!bad && copy) bad = write_tower(folder, tower, ps, w, o, e);
    if (!bad) bad = new_list(&l, w->n, e);
    if (!bad) bad = add_entries(&l, ps, w, !tower, true, o->type, e);
    if (!bad) bad = export_shards(folder, o->safetensors, o->shard_bytes, l.t, l.n, e);
    free_list(&l);
    free(tower);
    return bad;
}

int gm_export_model(const char *folder, const gm_params *ps, gm_model *m,
                    const gm_export_options *o, gm_error *e)
{
    char *temporary = export_begin(folder, e);
    int bad = temporary ? fill_model(temporary, ps, m, o, e) : -1;
    return export_end(temporary, folder, bad, e);
}

/* ---- the adapter ---- */

static int fill_adapter(const char *folder, const gm_params *ps, const char *base,
                        const gm_export_options *o, gm_error *e)
{
    out_list l;
    int bad = new_list(&l, ps->n, e);
    for (int64_t i = 0; !bad && i < ps->n; i++) {
        if (ps->p[i].own) continue;
        gm_out_tensor *t = append(&l, "base_model.model.", ps->p[i].name);
        if (!t) bad = gm_fail(e, "out of memory for the adapter");
        else {
            t->x = ps->p[i].w;
            t->type = gm_name_is_lora(ps->p[i].name) ? GM_F32 : type_of(o->type, ps->p[i].stored);
        }
    }
    if (!bad)
        bad = export_file(folder, o->safetensors ? "adapter_model.safetensors" : "adapter_model.bin",
                          o->safetensors, l.t, l.n, e);
    if (!bad) bad = export_adapter_config(folder, ps, base, e);
    free_list(&l);
    return bad;
}

int gm_export_adapter(const char *folder, const gm_params *ps, const char *base,
                      const gm_export_options *o, gm_error *e)
{
    if (!ps->pairs)
        return gm_fail(e, "%s: no adapter to write: lora_rank is 0", folder);
    char *temporary = export_begin(folder, e);
    int bad = temporary ? fill_adapter(temporary, ps, base, o, e) : -1;
    return export_end(temporary, folder, bad, e);
}
