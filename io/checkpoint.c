/* See checkpoint.h. */
#include "checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../ref/kernels/typed.h"
#include "config.h"
#include "folder.h"
#include "os.h"
#include "shards.h"
#include "text_model.h"

#define VISION GM_TOWER "vision_model."
#define ENCODER GM_GROUNDING "image_encoder."
#define DEFAULT_ALPHA 16 /* of LoRA, where no file says it (train.py, --lora_alpha) */

struct gm_checkpoint {
    char *path;
    gm_folder folder;                   /* its small files */
    gm_config config;
    gm_weights *weights;
    gm_files files;
};

/* The JSON file `name` of d; *o stays NULL when it is not there.  *path: for messages, malloc'ed. */
static int read_optional(const gm_folder *d, const char *name, char **path, json_t **o, gm_error *e)
{
    size_t n;
    *o = NULL;
    *path = gm_path_join(d->path, name);
    if (!*path) return gm_fail(e, "%s: out of memory", d->path);
    gm_error why = { "" };
    char *text = gm_folder_text(d, name, &n, &why);
    if (text) *o = gm_json_object(text, n, *path, e);
    free(text);
    if (why.text[0]) return gm_fail(e, "%s", why.text);
    return *o || !text ? 0 : -1;
}

typedef int (*config_reader)(gm_config *g, const json_t *o, const char *name, gm_error *e);

/* *found (may be NULL): whether the file is there. */
static int read_part(gm_config *g, config_reader read, const gm_folder *d, const char *name,
                     bool *found, gm_error *e)
{
    char *path;
    json_t *o;
    int bad = read_optional(d, name, &path, &o, e);
    if (!bad && o) bad = read(g, o, path, e);
    if (found) *found = o != NULL;
    json_decref(o);
    free(path);
    return bad;
}

/* The model's own config; *tower: what it calls the CLIP tower, malloc'ed, "" for nothing. */
static int read_model_config(gm_checkpoint *k, char **tower, gm_error *e)
{
    char *path;
    json_t *o;
    int bad = read_optional(&k->folder, "config.json", &path, &o, e);
    if (!bad && !o) bad = gm_fail(e, "%s: there is no such file", path);
    gm_config_defaults(&k->config);
    if (!bad) bad = read_part(&k->config, gm_config_sizes, &k->folder, "sizes.json", NULL, e);
    if (!bad) bad = gm_config_model(&k->config, o, path, e);
    const char *name = gm_json_text(o, "mm_vision_tower");
    if (!name) name = gm_json_text(o, "vision_tower");
    if (!bad && !(*tower = gm_copy_text(name && !k->folder.packed ? name : "")))
        bad = gm_fail(e, "%s: out of memory", k->path);
    k->config.llm.interleaved = k->folder.packed;
    json_decref(o);
    free(path);
    return bad;
}

/* ---- the CLIP tower ---- */

/* folder, malloc'ed, when it holds a config.json; else NULL, with an error only when out of
 * memory. */
static char *with_config(char *folder, gm_error *e)
{
    char *path = folder ? gm_path_join(folder, "config.json") : NULL;
    if (!path) gm_fail(e, "out of memory for a path");
    else if (gm_is_file(path)) {
        free(path);
        return folder;
    }
    free(path);
    free(folder);
    return NULL;
}

/* The folder that the config's name for the tower means: as a path from the checkpoint folder, or
 * its last part there.  malloc'ed; NULL when there is none, with an error only when out of
 * memory. */
static char *tower_folder(const gm_checkpoint *k, const char *tower, gm_error *e)
{
    const char *last = strrchr(tower, '/');
    if (!*tower) return NULL;
    char *folder =
        with_config(*tower == '/' ? gm_copy_text(tower) : gm_path_join(k->path, tower), e);
    if (folder || !last || !last[1] || e->text[0]) return folder;
    return with_config(gm_path_join(k->path, last + 1), e);
}

/* Sizes of a tower that came without its config: what sizes.json left open, from the shapes.
 * Patches are square, heads 64 wide as in every published tower. */
static int tower_from_shapes(gm_checkpoint *k, gm_error *e)
{
    gm_config *g = &k->config;
    const gm_weights *w = k->weights;
    gm_tensor patch = gm_weights_look(w, VISION "embeddings.patch_embedding.weight");
    gm_tensor place = gm_weights_look(w, VISION "embeddings.position_embedding.weight");
    gm_tensor fc1 = gm_weights_look(w, VISION "encoder.layers.0.mlp.fc1.weight");
    if (patch.nd != 4 || place.nd != 2 || fc1.nd != 2)
        return gm_fail(e, "%s: the CLIP tower inside the checkpoint is not complete", k->path);
    if (!g->clip.hidden) g->clip.hidden = patch.dim[0];
    if (!g->clip.patch) g->clip.patch = patch.dim[3];
    if (!g->clip.inter) g->clip.inter = fc1.dim[0];
    if (!g->clip.layers)
        g->clip.layers = gm_weights_count(w, VISION "encoder.layers.%d.layer_norm1.weight");
    if (!g->clip.heads && g->clip.hidden % 64)
        return gm_fail(e, "%s: nothing says how many heads the CLIP tower inside has "
                       "(sizes.json: clip_heads)", k->path);
    if (!g->clip.heads) g->clip.heads = g->clip.hidden / 64;
    if (g->clip.image) return 0;
    int64_t side = 0;
    while (side < 4096 && side * side + 1 < place.dim[0]) side++;
    if (side * side + 1 != place.dim[0])
        return gm_fail(e, "%s: CLIP's %lld positions are not one and a square", k->path,
                       (long long)place.dim[0]);
    g->clip.image = side * g->clip.patch;
    return 0;
}

static int take_all(gm_checkpoint *k, gm_weights *from, const char *what, gm_error *e)
{
    int64_t replaced, added;
    if (gm_weights_take(k->weights, from, &replaced, &added, e) != 0) return -1;
    if (k->weights->verbose)
        gm_weights_say(k->weights, "%s: %s: %lld tensors replaced, %lld added", from->path, what,
                       (long long)replaced, (long long)added);
    return 0;
}

static int read_tower(gm_checkpoint *k, gm_weights *w, const char *folder, gm_error *e)
{
    bool found = false;
    gm_folder d;
    int bad = gm_folder_open(&d, folder, e);
    if (!bad) bad = read_part(&k->config, gm_config_clip, &d, "config.json", &found, e);
    if (!bad && !found) bad = gm_fail(e, "%s: no config.json of a CLIP tower", folder);
    if (!bad)
        bad = read_part(&k->config, gm_config_preprocessor, &d, "preprocessor_config.json", NULL,
                        e);
    gm_folder_close(&d);
    return bad || gm_open_folder(&k->files, w, folder, GM_FROM_CLIP, e) ? -1 : 0;
}

static int open_tower_folder(gm_checkpoint *k, const char *folder, const gm_model_options *o,
                             gm_error *e)
{
    gm_weights *w = gm_weights_new(folder, o, e);
    int bad = w ? read_tower(k, w, folder, e) : -1;
    if (!bad) bad = take_all(k, w, "CLIP tower", e);
    gm_weights_free(w);
    return bad;
}

static int open_tower(gm_checkpoint *k, const char *tower, const gm_model_options *o, gm_error *e)
{
    if (o && o->clip) return open_tower_folder(k, o->clip, o, e);
    char *folder = tower_folder(k, tower, e);
    if (!folder && e->text[0]) return -1;
    if (folder) {
        int bad = open_tower_folder(k, folder, o, e);
        free(folder);
        return bad;
    }
    if (gm_weights_look(k->weights, VISION "embeddings.class_embedding").data) {
        if (read_part(&k->config, gm_config_preprocessor, &k->folder, "preprocessor_config.json",
                      NULL, e) != 0)
            return -1;
        return tower_from_shapes(k, e);
    }
    if (!*tower)
        return gm_fail(e, "%s: no CLIP tower: not among the checkpoint's tensors, and config.json "
                       "names no folder; say where it is (--clip)", k->path);
    const char *last = strrchr(tower, '/');
    return gm_fail(e,
                   "%s: no CLIP tower: not among the checkpoint's tensors, and no folder "
                   "with a config.json at %s%s%.200s%s%s%.200s; say where it is (--clip)",
                   k->path, *tower == '/' ? "" : k->path, *tower == '/' ? "" : "/", tower,
                   last ? " or " : "", last ? k->path : "", last ? last : "");
}

/* ---- SAM and LoRA ---- */

static int open_sam(gm_checkpoint *k, const gm_model_options *o, gm_error *e)
{
    gm_weights *w = gm_weights_new(o->sam, o, e);
    int bad = w ? gm_open_weights(&k->files, w, o->sam, GM_FROM_SAM, e) : -1;
    if (!bad) bad = take_all(k, w, "grounding encoder", e);
    gm_weights_free(w);
    return bad;
}

/* alpha of adapter_config.json; settings that would need another formula are refused. */
static int read_adapter_config(const json_t *o, const char *name, double *alpha, gm_error *e)
{
    float a = DEFAULT_ALPHA;
    if (gm_json_float(o, "lora_alpha", &a, name, e) != 0) return -1;
    static const char *const off[] = { "fan_in_fan_out", "use_rslora", "use_dora" };
    for (int i = 0; i < 3; i++) {
        bool on = false;
        if (gm_json_bool(o, off[i], &on, name, e) != 0) return -1;
        if (on) return gm_fail(e, "%s: %s is not read", name, off[i]);
    }
    if (json_object_size(json_object_get(o, "alpha_pattern")) ||
        json_object_size(json_object_get(o, "rank_pattern")))
        return gm_fail(e, "%s: alpha_pattern and rank_pattern are not read", name);
    *alpha = a;
    return 0;
}

/* DEFAULT_ALPHA when the folder has no adapter_config.json. */
static int adapter_alpha(const gm_folder *d, double *alpha, gm_error *e)
{
    char *path;
    json_t *o;
    *alpha = DEFAULT_ALPHA;
    int bad = read_optional(d, "adapter_config.json", &path, &o, e);
    if (!bad && o) bad = read_adapter_config(o, path, alpha, e);
    json_decref(o);
    free(path);
    return bad;
}

static int open_adapter(gm_files *files, gm_weights *w, const char *path, double *alpha,
                        gm_error *e)
{
    static const char *const name[2] = { "adapter_model.safetensors", "adapter_model.bin" };
    *alpha = DEFAULT_ALPHA;
    if (!gm_is_dir(path)) return gm_open_weights(files, w, path, GM_FROM_MODEL, e);
    gm_folder d;
    int bad = gm_folder_open(&d, path, e) || adapter_alpha(&d, alpha, e);
    gm_folder_close(&d);
    if (bad) return -1;
    for (int i = 0; i < 2; i++) {
        char *file = gm_path_join(path, name[i]);
        if (!file) return gm_fail(e, "%s: out of memory", path);
        bool there = gm_is_file(file);
        bad = there ? gm_open_weights(files, w, file, GM_FROM_MODEL, e) : 0;
        free(file);
        if (there) return bad;
    }
    return gm_fail(e, "%s: no adapter: wanted adapter_model.safetensors or adapter_model.bin",
                   path);
}

/* Full tensors of the adapter (training exports: embeddings, mask decoder) first, then its
 * pairs.  Not into a GGUF pair: its rows of q and k stand in another order than the adapter's. */
static int open_lora(gm_checkpoint *k, const gm_model_options *o, gm_error *e)
{
    double alpha;
    int64_t merged = 0;
    if (k->folder.packed)
        return gm_fail(e, "%s: wanted a model folder to merge %s into, found a GGUF pair (merge "
                       "while converting)", k->path, o->lora);
    gm_weights *full = gm_weights_new(o->lora, o, e);
    int bad = full ? open_adapter(&k->files, full, o->lora, &alpha, e) : -1;
    if (!bad) bad = take_all(k, full, "full tensors", e);
    if (!bad) bad = gm_lora_merge(k->weights, full, alpha, &merged, e);
    if (!bad && !merged) bad = gm_fail(e, "%s: no pair of lora_A and lora_B in it", o->lora);
    if (!bad)
        gm_weights_say(k->weights, "%s: %lld pairs merged with alpha %g", o->lora,
                       (long long)merged, alpha);
    gm_weights_free(full);
    return bad;
}

/* Pairs that stand unmerged in the checkpoint itself. */
static int merge_own_pairs(gm_checkpoint *k, gm_error *e)
{
    double alpha;
    int64_t merged;
    if (adapter_alpha(&k->folder, &alpha, e) != 0) return -1;
    if (gm_lora_merge(k->weights, k->weights, alpha, &merged, e) != 0) return -1;
    if (merged)
        gm_weights_say(k->weights, "%s: %lld LoRA pairs merged with alpha %g", k->path,
                       (long long)merged, alpha);
    return 0;
}

/* ---- all of it ---- */

/* Of a GGUF pair: the language model from the one file, the rest from the other. */
static int open_weights(gm_checkpoint *k, gm_error *e)
{
    if (k->folder.alone) return gm_open_weights(&k->files, k->weights, k->path, GM_FROM_GGUF, e);
    if (!k->folder.packed)
        return gm_open_folder(&k->files, k->weights, k->path, GM_FROM_MODEL, e);
    if (gm_open_weights(&k->files, k->weights, k->path, GM_FROM_GGUF, e) != 0) return -1;
    return gm_open_weights(&k->files, k->weights, k->folder.path, GM_FROM_MODEL, e);
}

/* A language model alone: everything is in its one file. */
static int open_text_model(gm_checkpoint *k, const gm_model_options *o, gm_error *e)
{
    if (o && (o->clip || o->sam || o->lora))
        return gm_fail(e, "%s: a text model takes no %s", k->path,
                       o->clip ? "CLIP tower" : o->sam ? "grounding encoder" : "adapter");
    gm_config_defaults(&k->config);
    if (gm_text_model_config(&k->config, &k->folder.pack, e) != 0) return -1;
    if (open_weights(k, e) != 0) return -1;
    k->config.llm.tied = !gm_weights_look(k->weights, "lm_head.weight").data;
    return gm_config_check(&k->config, k->path, e);
}

static int verify(const gm_checkpoint *k, gm_error *e)
{
    if (!k->folder.packed && !k->folder.alone)
        return gm_fail(e, "%s: wanted a GGUF pair to verify, found a folder, which has no checksums",
                       k->path);
    int bad = gm_gguf_verify(k->path, e);
    return bad || k->folder.alone ? bad : gm_gguf_verify(k->folder.path, e);
}

static int open_all(gm_checkpoint *k, const gm_model_options *o, gm_error *e)
{
    char *tower = NULL;
    int bad = o && o->verify ? verify(k, e) : 0;
    if (bad) return bad;
    if (k->folder.alone) return open_text_model(k, o, e);
    bad = read_model_config(k, &tower, e);
    if (!bad) bad = open_weights(k, e);
    if (!bad) bad = open_tower(k, tower, o, e);
    free(tower);
    if (!bad && o && o->sam) bad = open_sam(k, o, e);
    if (!bad) bad = merge_own_pairs(k, e);
    if (!bad && o && o->lora) bad = open_lora(k, o, e);
    if (!bad && o && o->exact_f32) k->config.bf16 = false;
    return bad ? bad : gm_config_check(&k->config, k->path, e);
}

gm_checkpoint *gm_checkpoint_open(const char *path, const gm_model_options *o, gm_error *e)
{
    gm_error own = { "" };
    if (!e) e = &own;
    gm_checkpoint *k = calloc(1, sizeof *k);
    if (k) k->path = gm_copy_text(path);
    if (k && k->path) k->weights = gm_weights_new(path, o, e);
    if (!k || !k->path || !k->weights) gm_fail(e, "%s: out of memory", path);
    else if (gm_folder_open(&k->folder, path, e) == 0 && open_all(k, o, e) == 0) return k;
    gm_checkpoint_free(k);
    return NULL;
}

void gm_checkpoint_free(gm_checkpoint *k)
{
    if (!k) return;
    gm_weights_free(k->weights);
    gm_close_files(&k->files);
    gm_folder_close(&k->folder);
    free(k->path);
    free(k);
}

const gm_config *gm_checkpoint_config(const gm_checkpoint *k)
{
    return &k->config;
}

gm_weights *gm_checkpoint_weights(gm_checkpoint *k)
{
    return k->weights;
}

const gm_folder *gm_checkpoint_folder(const gm_checkpoint *k)
{
    return &k->folder;
}

const char *gm_checkpoint_path(const gm_checkpoint *k)
{
    return k->path;
}

int64_t gm_checkpoint_tensors(const gm_checkpoint *k, gm_stored *out, int64_t max)
{
    const gm_weights *w = k->weights;
    for (int64_t i = 0; i < w->n && i < max; i++) {
        const gm_weight_entry *t = &w->entry[i];
        out[i] = (gm_stored){ .name = t->name, .file = t->file, .tensor = t->x, .used = t->used };
    }
    return w->n;
}

void gm_checkpoint_forget(const gm_checkpoint *k, gm_tensor x)
{
    for (int64_t i = 0; i < k->files.n; i++) gm_file_forget(k->files.file[i], x);
}

size_t gm_checkpoint_owned(const gm_checkpoint *k)
{
    size_t n = k->weights->owned;
    for (int64_t i = 0; i < k->files.n; i++) n += gm_file_copied(k->files.file[i]);
    return n;
}

static bool starts(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

gm_weight_bytes gm_checkpoint_bytes(const gm_checkpoint *k)
{
    gm_weight_bytes b = { .owned = (double)gm_checkpoint_owned(k) };
    for (int64_t i = 0; i < k->weights->n; i++) {
        const gm_weight_entry *w = &k->weights->entry[i];
        double n = (double)gm_bytes(w->x);
        if (!w->used || w->merged) continue;
        if (starts(w->name, GM_TOWER)) b.clip += n;
        else if (starts(w->name, GM_REGION_ENCODER)) b.region += n;
        else if (starts(w->name, ENCODER)) b.sam += n;
        else b.others += n;
        bool matrix = w->x.nd == 2 && (starts(w->name, "model.layers.") ||
                                       starts(w->name, "lm_head.") ||
                                       starts(w->name, "model.embed_tokens."));
        if (!matrix || !gm_is_matrix_type(GM_Q8_0, w->x.dim[1])) continue;
        b.matrices += n;
        bool wide = gm_is_matrix_type(GM_Q4_K, w->x.dim[1]);
        *(wide ? &b.values_256 : &b.values_32) += (double)gm_numel(w->x);
    }
    return b;
}

void gm_checkpoint_forget_all(const gm_checkpoint *k, const char *prefix)
{
    for (int64_t i = 0; i < k->weights->n; i++)
        if (starts(k->weights->entry[i].name, prefix))
            gm_checkpoint_forget(k, k->weights->entry[i].x);
}
