/* See init.h. */
#include "init.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/json.h"
#include "../io/names.h"
#include "../io/os.h"
#include "../io/tensor_out.h"
#include "../io/tokenizer.h"
#include "../ref/hash.h"
#include "export_files.h"
#include "init_tensors.h"

#define MOST ((int64_t)1 << 20)
static const double PI = 3.14159265358979323846;

/* ---- sizes ---- */

static int read_sizes(init_sizes *s, const json_t *root, const char *name, gm_error *e)
{
    const json_t *o = json_object_get(root, "sizes"), *global;
    if (!json_is_object(o)) o = root;
    const struct { const char *key; int64_t *v; } list[] = {
        { "hidden", &s->hidden }, { "inter", &s->inter }, { "layers", &s->layers },
        { "heads", &s->heads }, { "kv_heads", &s->kv_heads }, { "clip_image", &s->clip_image },
        { "clip_patch", &s->clip_patch }, { "clip_hidden", &s->clip_hidden },
        { "clip_inter", &s->clip_inter }, { "clip_layers", &s->clip_layers },
        { "clip_heads", &s->clip_heads }, { "region_mid", &s->region_mid },
        { "region_pos", &s->region_pos }, { "region_groups", &s->region_groups },
        { "region_scale", &s->region_scale }, { "sam_image", &s->sam_image },
        { "sam_patch", &s->sam_patch }, { "sam_dim", &s->sam_dim }, { "sam_depth", &s->sam_depth },
        { "sam_heads", &s->sam_heads }, { "sam_window", &s->sam_window },
        { "sam_out", &s->sam_out }, { "sam_mlp", &s->sam_mlp },
        { "sam_iou_hidden", &s->sam_iou_hidden }, { "sam_dec_heads", &s->sam_dec_heads },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (gm_json_int(o, list[i].key, 1, MOST, list[i].v, name, e) != 0) return -1;
        if (!*list[i].v) return gm_fail(e, "%s: wanted %s", name, list[i].key);
    }
    global = json_object_get(o, "sam_global");
    if (!json_is_array(global))
        return gm_fail(e, "%s: wanted sam_global, a list of blocks", name);
    for (size_t i = 0; i < json_array_size(global); i++) {
        const json_t *v = json_array_get(global, i);
        json_int_t b = json_is_integer(v) ? json_integer_value(v) : -1;
        if (b < 0 || b >= s->sam_depth || b >= 64)
            return gm_fail(e, "%s: sam_global: wanted blocks below sam_depth = %lld", name,
                           (long long)s->sam_depth);
        s->sam_global[b] = true;
    }
    return 0;
}

static int check_sizes(const init_sizes *s, const char *name, gm_error *e)
{
    const struct { const char *what; int64_t whole, part; } divides[] = {
        { "heads divide hidden", s->hidden, s->heads },
        { "kv_heads divide heads", s->heads, s->kv_heads },
        { "clip_patch divides clip_image", s->clip_image, s->clip_patch },
        { "clip_heads divide clip_hidden", s->clip_hidden, s->clip_heads },
        { "region_groups divide clip_hidden", s->clip_hidden, s->region_groups },
        { "sam_patch divides sam_image", s->sam_image, s->sam_patch },
        { "sam_heads divide sam_dim", s->sam_dim, s->sam_heads },
        { "8 divides sam_out", s->sam_out, 8 },
        { "sam_dec_heads divide sam_out / 2", s->sam_out / 2, s->sam_dec_heads },
        { "2 divides hidden / heads", s->hidden / s->heads, 2 },
    };
    for (size_t i = 0; i < sizeof divides / sizeof *divides; i++)
        if (divides[i].whole % divides[i].part)
            return gm_fail(e, "%s: wanted that %s, found %lld and %lld", name, divides[i].what,
                           (long long)divides[i].whole, (long long)divides[i].part);
    if (s->clip_layers < 11)
        return gm_fail(e, "%s: clip_layers: wanted at least 11 (the region encoder reads states "
                       "L-10, L-7, L-4, L-1), found %lld", name, (long long)s->clip_layers);
    return s->sam_depth <= 64 ? 0 : gm_fail(e, "%s: sam_depth: wanted at most 64", name);
}

/* ---- values ---- */

static double normal(uint64_t key, int64_t i)
{
    double u = 1 - gm_hash_unit(key, 2 * (uint64_t)i), v = gm_hash_unit(key, 2 * (uint64_t)i + 1);
    return sqrt(-2 * log(u)) * cos(2 * PI * v);
}

double init_spread(const init_tensor *t, bool release)
{
    double fan_in = (double)(t->x.nd > 1 ? gm_numel(t->x) / t->x.dim[0] : 1);
    bool pconv = strstr(t->name, ".pconvs.") != NULL;
    bool buffer = gm_name_matches(t->name, "*.positional_encoding_gaussian_matrix");
    switch (t->kind) {
    case INIT_MATRIX: return release ? 0.02 : t->gain / sqrt(fan_in);
    case INIT_CONV: return release && pconv ? 0.01 : 1 / sqrt((release ? 3 : 1) * fan_in);
    case INIT_TOKEN: return release && !buffer ? 0.02 : t->gain;
    case INIT_TABLE: return release ? 0 : t->gain;
    default: return 0;
    }
}

/* A bias is 0, a norm's weight 1, the rest normal; the release's convolutions are uniform, with the
 * same variance. */
static void fill(const init_tensor *t, bool release, uint64_t key)
{
    float *x = t->x.data;
    double std = init_spread(t, release);
    for (int64_t i = 0; i < gm_numel(t->x); i++)
        x[i] = t->kind == INIT_NORM ? 1 : std > 0 ? (float)(std * normal(key, i)) : 0;
}

/* ---- files ---- */

static json_t *config_json(const init_sizes *s, const gm_tokenizer *t)
{
    json_t *o = json_pack(
        "{ss ss sI sI sI sI sI sI sf sI sI sI sI sI}", "model_type", "llava", "hidden_act", "silu",
        "vocab_size", (json_int_t)s->vocab, "hidden_size", (json_int_t)s->hidden,
        "intermediate_size", (json_int_t)s->inter, "num_hidden_layers", (json_int_t)s->layers,
        "num_attention_heads", (json_int_t)s->heads, "max_position_embeddings", (json_int_t)2048,
        "rms_norm_eps", 1e-6, "bos_token_id", (json_int_t)1, "eos_token_id", (json_int_t)2,
        "pad_token_id", (json_int_t)0, "mm_hidden_size", (json_int_t)s->clip_hidden, "out_dim",
        (json_int_t)s->sam_out);
    json_t *more = json_pack(
        "{ss ss sI sI sb sb sb sb sb ss sI}", "mm_vision_tower", "inside",
        "mm_vision_select_feature", "patch", "mm_vision_select_layer", (json_int_t)-2,
        "num_level_reg_features", (json_int_t)4, "mm_use_im_start_end", 1, "with_region", 1,
        "train_mask_decoder", 1, "tie_word_embeddings", 0, "use_cache", 0, "torch_dtype", "float32",
        "bbox_token_idx", (json_int_t)gm_token_id(t, "<bbox>"));
    if (!o || !more || json_object_update(o, more) != 0) {
        json_decref(o);
        o = NULL;
    }
    json_decref(more);
    return o;
}

static int write_weights(const char *folder, const init_sizes *s, const char *start, uint64_t seed,
                         gm_error *e)
{
    init_list l;
    init_tensors(&l, s);
    gm_out_tensor *t = calloc((size_t)l.n + 1, sizeof *t);
    char *path = gm_path_join(folder, "model.safetensors");
    int bad = l.failed || !t || !path ? gm_fail(e, "%s: out of memory", folder) : 0;
    for (int64_t i = 0; !bad && i < l.n; i++) {
        gm_tensor *x = &l.t[i].x;
        x->data = "";                           /* for gm_numel */
        x->data = malloc((size_t)gm_numel(*x) * sizeof(float));
        if (!x->data) bad = gm_fail(e, "%s: out of memory for %s", folder, l.t[i].name);
        else fill(&l.t[i], strcmp(start, "release") == 0, gm_hash(seed, (uint64_t)i));
        t[i] = (gm_out_tensor){ .name = l.t[i].name, .x = *x, .type = GM_F32 };
    }
    if (!bad) bad = gm_safetensors_write_out(path, t, l.n, e);
    for (int64_t i = 0; i < l.n; i++) free(l.t[i].x.data);
    free(path);
    free(t);
    init_list_free(&l);
    return bad;
}

static int write_small(const char *folder, const init_sizes *s, const json_t *sizes,
                       const gm_tokenizer *t, const char *tokenizer, gm_error *e)
{
    static const char *const copied[] = {
        "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "prompts.json"
    };
    json_t *config = config_json(s, t);
    int bad = export_json(folder, "config.json", config, e);
    if (!bad) bad = export_json(folder, "sizes.json", sizes, e);
    for (size_t i = 0; !bad && i < sizeof copied / sizeof *copied; i++)
        bad = export_copy(tokenizer, folder, copied[i], e);
    json_decref(config);
    return bad;
}

int gm_init_model(const char *folder, const char *sizes, const char *tokenizer, const char *start,
                  uint64_t seed, gm_error *e)
{
    init_sizes s = { 0 };
    json_t *o = gm_json_read(sizes, e);
    gm_tokenizer *t = o ? gm_tokenizer_open(tokenizer, e) : NULL;
    int bad = t ? read_sizes(&s, o, sizes, e) : -1;
    if (!bad) bad = check_sizes(&s, sizes, e);
    if (!bad) {
        s.vocab = gm_tokenizer_size(t);
        char *temporary = export_begin(folder, e);
        bad = temporary ? write_weights(temporary, &s, start, seed, e) : -1;
        if (!bad) bad = write_small(temporary, &s, o, t, tokenizer, e);
        bad = export_end(temporary, folder, bad, e);
    }
    gm_tokenizer_free(t);
    json_decref(o);
    return bad;
}
