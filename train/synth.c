/* See synth.h. */
#include "synth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/names.h"
#include "../io/os.h"
#include "../ref/hash.h"
#include "export_files.h"
#include "init_tensors.h"

#define TOWER_FOLDER "clip-vit-large-patch14-336"
enum { ADDED = 7 };

typedef struct { const char *name; int64_t pieces; init_sizes s; } preset;

static const preset PRESETS[] = {
    { "glamm-7b", 32000,
      { 0, 4096, 11008, 32, 32, 32, 336, 14, 1024, 4096, 24, 16, 1024, 256, 64, 224, 1024, 16, 1280,
        32, 16, 14, 256, 2048, 256, 8, { [7] = true, [15] = true, [23] = true, [31] = true } } },
    { "glamm-1b", 32000,                /* the release's encoders on a small language model */
      { 0, 1536, 4096, 16, 12, 12, 336, 14, 1024, 4096, 24, 16, 1024, 256, 64, 224, 1024, 16, 768,
        12, 12, 14, 256, 2048, 256, 8, { [2] = true, [5] = true, [8] = true, [11] = true } } },
    { "small", 2000,
      { 0, 256, 512, 4, 8, 8, 112, 14, 64, 256, 13, 4, 64, 32, 8, 112, 256, 16, 64, 4, 4, 7, 64, 256,
        64, 4, { [1] = true, [3] = true } } },
};
enum { NPRESETS = sizeof PRESETS / sizeof *PRESETS };

const char *gm_synth_presets(void) { return "glamm-7b, glamm-1b or small"; }

static const preset *find(const char *name)
{
    for (int i = 0; i < NPRESETS; i++)
        if (strcmp(PRESETS[i].name, name) == 0) return &PRESETS[i];
    return NULL;
}

bool gm_synth_sizes(const char *name, init_sizes *s)
{
    const preset *p = find(name);
    if (!p) return false;
    *s = p->s;
    s->vocab = p->pieces + ADDED;
    return true;
}

/* ---- values ---- */

typedef struct { const init_tensor *t; uint64_t key; float reach; } maker;

/* Uniform in +- reach; 0 without one; 1 for a norm's weight. */
static void make_row(const void *user, float *row, int64_t r)
{
    const maker *m = user;
    int64_t n = m->t->x.dim[m->t->x.nd - 1];
    for (int64_t i = 0; i < n; i++)
        row[i] = m->t->kind == INIT_NORM ? 1
                 : m->reach > 0
                     ? m->reach * (float)(2 * gm_hash_unit(m->key, (uint64_t)(r * n + i)) - 1)
                     : 0;
}

/* ---- files ---- */

static bool begins(const char *s, const char *with) { return strncmp(s, with, strlen(with)) == 0; }

static gm_dtype type_of(const char *name)
{
    return begins(name, GM_GROUNDING) || strstr(name, "text_hidden_fcs") ? GM_F32 : GM_BF16;
}

/* The tensors of the tower, or all others, as files of the folder. */
static int write_tensors(const char *folder, init_list *l, bool tower, const gm_synth_options *o,
                         gm_error *e)
{
    gm_out_tensor *t = calloc((size_t)l->n + 1, sizeof *t);
    maker *m = calloc((size_t)l->n + 1, sizeof *m);
    int64_t n = 0;
    int bad = t && m ? 0 : gm_fail(e, "%s: out of memory", folder);
    for (int64_t i = 0; !bad && i < l->n; i++) {
        init_tensor *x = &l->t[i];
        if (begins(x->name, GM_TOWER) != tower) continue;
        x->x.data = "";                 /* for gm_numel; nothing reads it */
        m[n] = (maker){ x, gm_hash(o->seed, (uint64_t)i),
                        (float)(sqrt(3) * init_spread(x, false)) };
        t[n] = (gm_out_tensor){ .name = tower ? x->name + strlen(GM_TOWER) : x->name, .x = x->x,
                                .type = tower ? GM_F32 : type_of(x->name), .make = make_row,
                                .user = &m[n] };
        n++;
    }
    if (!bad) bad = export_shards(folder, false, 0, t, n, e);
    free(t);
    free(m);
    return bad;
}

static int write_tower(const char *folder, const init_sizes *s, init_list *l,
                       const gm_synth_options *o, gm_error *e)
{
    char *own = gm_path_join(folder, TOWER_FOLDER);
    json_t *config = json_pack("{ss ss sI sI sI sI sI sI sf}", "model_type", "clip_vision_model",
                               "hidden_act", "quick_gelu", "hidden_size",
                               (json_int_t)s->clip_hidden, "intermediate_size",
                               (json_int_t)s->clip_inter, "num_hidden_layers",
                               (json_int_t)s->clip_layers, "num_attention_heads",
                               (json_int_t)s->clip_heads, "image_size", (json_int_t)s->clip_image,
                               "patch_size", (json_int_t)s->clip_patch, "layer_norm_eps", 1e-5);
    json_t *pixels = json_pack("{sI sI}", "size", (json_int_t)s->clip_image, "crop_size",
                               (json_int_t)s->clip_image);
    int bad = own ? gm_make_dir(own, e) : gm_fail(e, "%s: out of memory", folder);
    if (!bad) bad = export_json(own, "config.json", config, e);
    if (!bad) bad = export_json(own, "preprocessor_config.json", pixels, e);
    if (!bad) bad = write_tensors(own, l, true, o, e);
    json_decref(config);
    json_decref(pixels);
    free(own);
    return bad;
}

static int write_config(const char *folder, const preset *p, const init_sizes *s, gm_error *e)
{
    json_t *config = json_pack(
        "{ss ss ss sI sI sI sI sI sI sf sI sI sI sI sI ss ss sI sI sI ss}", "model_type", "llava",
        "hidden_act", "silu", "torch_dtype", "bfloat16", "vocab_size", (json_int_t)s->vocab,
        "hidden_size", (json_int_t)s->hidden, "intermediate_size", (json_int_t)s->inter,
        "num_hidden_layers", (json_int_t)s->layers, "num_attention_heads", (json_int_t)s->heads,
        "max_position_embeddings", (json_int_t)4096, "rms_norm_eps", 1e-5, "bos_token_id",
        (json_int_t)1, "eos_token_id", (json_int_t)2, "pad_token_id", (json_int_t)0,
        "mm_hidden_size", (json_int_t)s->clip_hidden, "out_dim", (json_int_t)s->sam_out,
        "mm_vision_tower", "openai/" TOWER_FOLDER, "mm_vision_select_feature", "patch",
        "mm_vision_select_layer", (json_int_t)-2, "num_level_reg_features", (json_int_t)4,
        "bbox_token_idx", (json_int_t)(p->pieces + 2), "mm_projector_type", "mlp2x_gelu");
    /* What a release leaves to constants, where a preset's are others. */
    json_t *sizes = json_pack("{s{sI sI sI}}", "sizes", "region_scale",
                              (json_int_t)s->region_scale, "region_groups",
                              (json_int_t)s->region_groups, "sam_dec_heads",
                              (json_int_t)s->sam_dec_heads);
    bool release = s->region_scale == 224 && s->region_groups == 64 && s->sam_dec_heads == 8;
    int bad = export_json(folder, "config.json", config, e);
    if (!bad && !release) bad = export_json(folder, "sizes.json", sizes, e);
    json_decref(config);
    json_decref(sizes);
    return bad;
}

static void say(const gm_synth_options *o, const char *line)
{
    if (o->log) o->log(o->user, line);
}

static int fill_folder(const char *folder, const preset *p, const gm_synth_options *o, gm_error *e)
{
    init_sizes s;
    init_list l;
    gm_synth_sizes(p->name, &s);
    init_tensors(&l, &s);
    int bad = l.failed ? gm_fail(e, "%s: out of memory", folder) : 0;
    if (!bad) bad = gm_synth_tokenizer(folder, p->pieces, e);
    if (!bad) bad = write_config(folder, p, &s, e);
    if (!bad) say(o, "the CLIP tower");
    if (!bad) bad = write_tower(folder, &s, &l, o, e);
    if (!bad) say(o, "the language model, the grounding encoder and the rest");
    if (!bad) bad = write_tensors(folder, &l, false, o, e);
    init_list_free(&l);
    return bad;
}

int gm_synth(const char *folder, const gm_synth_options *o, gm_error *e)
{
    const preset *p = find(o->preset);
    if (!p) return gm_fail(e, "preset %s: wanted %s", o->preset, gm_synth_presets());
    char *temporary = export_begin(folder, e);
    int bad = temporary ? fill_folder(temporary, p, o, e) : -1;
    return export_end(temporary, folder, bad, e);
}
