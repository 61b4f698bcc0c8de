/* See config.h.  Sources: transformers 4.28 configuration_llama.py, configuration_clip.py,
 * image_processing_clip.py; the authors' LlavaConfig keys (QUIRKS A11, A12). */
#include "config.h"

#include <string.h>

#define MOST ((int64_t)1 << 24) /* no width, count or side is larger; products stay in int64 */
#define MOST_LAYERS 4096        /* each layer's missing tensors are noted by name */

void gm_config_defaults(gm_config *g)
{
    *g = (gm_config){ 0 };
    g->llm.vocab = 32000;
    g->llm.hidden = 4096;
    g->llm.inter = 11008;
    g->llm.layers = 32;
    g->llm.heads = 32;
    g->llm.max_positions = 2048;
    g->llm.eps = 1e-6f;
    g->llm.theta = 10000;
    g->clip.eps = 1e-5f;
    const float mean[3] = { 0.48145466f, 0.4578275f, 0.40821073f };
    const float std[3] = { 0.26862954f, 0.26130258f, 0.27577711f };
    memcpy(g->clip.mean, mean, sizeof mean);
    memcpy(g->clip.std, std, sizeof std);
    g->region.scale = 224;
    g->region.groups = 64;
    g->region.levels = 4;
    g->sam.decoder_heads = 8;
    g->select_layer = -2;
}

typedef struct { const char *key; int64_t *v; } int_key;

static int read_ints(const json_t *o, const int_key *list, int n, const char *name, gm_error *e)
{
    for (int i = 0; i < n; i++) {
        if (gm_json_int(o, list[i].key, 1, MOST, list[i].v, name, e) != 0) return -1;
    }
    return 0;
}
#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

int gm_config_sizes(gm_config *g, const json_t *o, const char *name, gm_error *e)
{
    const json_t *nested = json_object_get(o, "sizes");
    const int_key list[] = {
        { "kv_heads", &g->llm.kv_heads },          { "clip_image", &g->clip.image },
        { "clip_patch", &g->clip.patch },          { "clip_hidden", &g->clip.hidden },
        { "clip_inter", &g->clip.inter },          { "clip_layers", &g->clip.layers },
        { "clip_heads", &g->clip.heads },          { "region_scale", &g->region.scale },
        { "region_groups", &g->region.groups },    { "sam_dec_heads", &g->sam.decoder_heads },
        { "sam_depth", &g->sam.depth },
    };
    return read_ints(json_is_object(nested) ? nested : o, list, COUNT(list), name, e);
}

/* A text key that, where present, must have this value. */
static int only(const json_t *o, const char *key, const char *want, const char *name, gm_error *e)
{
    const char *s = gm_json_text(o, key);
    return !s || strcmp(s, want) == 0 ? 0
         : gm_fail(e, "%s: %s: wanted %s, found %.100s", name, key, want, s);
}

int gm_config_model(gm_config *g, const json_t *o, const char *name, gm_error *e)
{
    const int_key list[] = {
        { "vocab_size", &g->llm.vocab },
        { "hidden_size", &g->llm.hidden },
        { "intermediate_size", &g->llm.inter },
        { "num_hidden_layers", &g->llm.layers },
        { "num_attention_heads", &g->llm.heads },
        { "num_key_value_heads", &g->llm.kv_heads },
        { "max_position_embeddings", &g->llm.max_positions },
        { "num_level_reg_features", &g->region.levels },
    };
    if (read_ints(o, list, COUNT(list), name, e) != 0) return -1;
    float theta = 10000;
    if (gm_json_float(o, "rms_norm_eps", &g->llm.eps, name, e) != 0 ||
        gm_json_float(o, "rope_theta", &theta, name, e) != 0)
        return -1;
    if (theta != 10000) return gm_fail(e, "%s: rope_theta: only 10000 is read", name);
    const json_t *scaling = json_object_get(o, "rope_scaling");
    if (scaling && !json_is_null(scaling)) return gm_fail(e, "%s: rope_scaling is not read", name);
    if (gm_json_int(o, "mm_vision_select_layer", -MOST, MOST, &g->select_layer, name, e) != 0 ||
        only(o, "hidden_act", "silu", name, e) != 0 ||
        only(o, "mm_vision_select_feature", "patch", name, e) != 0)
        return -1;
    const char *type = gm_json_text(o, "torch_dtype");
    g->bf16 = type && strcmp(type, "bfloat16") == 0;
    return 0;
}

int gm_config_clip(gm_config *g, const json_t *o, const char *name, gm_error *e)
{
    const json_t *nested = json_object_get(o, "vision_config");
    if (json_is_object(nested)) o = nested;
    g->clip.hidden = 768;
    g->clip.inter = 3072;
    g->clip.layers = g->clip.heads = 12;
    g->clip.image = 224;
    g->clip.patch = 32;
    const int_key list[] = {
        { "hidden_size", &g->clip.hidden },        { "intermediate_size", &g->clip.inter },
        { "num_hidden_layers", &g->clip.layers },  { "num_attention_heads", &g->clip.heads },
        { "image_size", &g->clip.image },          { "patch_size", &g->clip.patch },
    };
    if (read_ints(o, list, COUNT(list), name, e) != 0) return -1;
    if (only(o, "hidden_act", "quick_gelu", name, e) != 0) return -1;
    return gm_json_float(o, "layer_norm_eps", &g->clip.eps, name, e);
}

/* size and crop_size: 336, or {"shortest_edge": 336}, or {"height": 336, "width": 336}. */
static int read_side(const json_t *o, const char *key, int64_t *v, const char *name, gm_error *e)
{
    const json_t *s = json_object_get(o, key);
    if (!json_is_object(s)) return gm_json_int(o, key, 1, MOST, v, name, e);
    if (json_object_get(s, "shortest_edge"))
        return gm_json_int(s, "shortest_edge", 1, MOST, v, name, e);
    int64_t h = 0, w = 0;
    if (gm_json_int(s, "height", 1, MOST, &h, name, e) != 0 ||
        gm_json_int(s, "width", 1, MOST, &w, name, e) != 0)
        return -1;
    if (h != w || h == 0)
        return gm_fail(e, "%s: %s: wanted one side, found height %lld and width %lld", name, key,
                       (long long)h, (long long)w);
    *v = h;
    return 0;
}

static int read_three(const json_t *o, const char *key, float v[3], const char *name, gm_error *e)
{
    const json_t *a = json_object_get(o, key);
    if (!a || json_is_null(a)) return 0;
    if (!json_is_array(a) || json_array_size(a) != 3)
        return gm_fail(e, "%s: %s: wanted three numbers", name, key);
    for (size_t i = 0; i < 3; i++) {
        const json_t *x = json_array_get(a, i);
        if (!json_is_number(x)) return gm_fail(e, "%s: %s: wanted three numbers", name, key);
        v[i] = (float)json_number_value(x);
    }
    return 0;
}

int gm_config_preprocessor(gm_config *g, const json_t *o, const char *name, gm_error *e)
{
    static const char *const steps[] = { "do_resize", "do_center_crop", "do_normalize" };
    for (int i = 0; i < COUNT(steps); i++) {
        bool on = true;
        if (gm_json_bool(o, steps[i], &on, name, e) != 0) return -1;
        if (!on) return gm_fail(e, "%s: %s: only true is read", name, steps[i]);
    }
    int64_t bicubic = 3;
    if (gm_json_int(o, "resample", 0, 10, &bicubic, name, e) != 0) return -1;
    if (bicubic != 3) return gm_fail(e, "%s: resample: only 3 (bicubic) is read", name);
    if (read_side(o, "size", &g->clip.shortest, name, e) != 0 ||
        read_side(o, "crop_size", &g->clip.crop, name, e) != 0 ||
        read_three(o, "image_mean", g->clip.mean, name, e) != 0 ||
        read_three(o, "image_std", g->clip.std, name, e) != 0)
        return -1;
    for (int i = 0; i < 3; i++) {
        if (!(g->clip.std[i] > 0)) return gm_fail(e, "%s: image_std: wanted numbers above 0", name);
    }
    return 0;
}

typedef struct { const char *what; int64_t whole, part; } division;

static int check_divisions(const division *d, int n, const char *name, gm_error *e)
{
    for (int i = 0; i < n; i++)
        if (d[i].part < 1 || d[i].whole < 1 || d[i].whole % d[i].part)
            return gm_fail(e, "%s: %s must divide, found %lld and %lld", name, d[i].what,
                           (long long)d[i].whole, (long long)d[i].part);
    return 0;
}

/* The language model's part. */
static int check_language(const gm_config *g, const char *name, gm_error *e)
{
    const division divides[] = {
        { "hidden_size by num_attention_heads", g->llm.hidden, g->llm.heads },
        { "num_attention_heads by num_key_value_heads", g->llm.heads, g->llm.kv_heads },
    };
    if (check_divisions(divides, COUNT(divides), name, e) != 0) return -1;
    if (g->llm.layers > MOST_LAYERS || g->clip.layers > MOST_LAYERS)
        return gm_fail(e, "%s: wanted at most %d layers, found %lld and %lld", name, MOST_LAYERS,
                       (long long)g->llm.layers, (long long)g->clip.layers);
    if (g->llm.hidden / g->llm.heads % 2)
        return gm_fail(e, "%s: an attention head must have an even width, found %lld", name,
                       (long long)(g->llm.hidden / g->llm.heads));
    if (!(g->llm.eps > 0) || !(g->clip.eps > 0))
        return gm_fail(e, "%s: a norm's epsilon must be above 0", name);
    return 0;
}

int gm_config_check(gm_config *g, const char *name, gm_error *e)
{
    if (!g->llm.kv_heads) g->llm.kv_heads = g->llm.heads;
    if (!g->clip.shortest) g->clip.shortest = g->clip.image;
    if (!g->clip.crop) g->clip.crop = g->clip.image;
    if (check_language(g, name, e) != 0) return -1;
    if (g->text_only) return 0;
    const division divides[] = {
        { "CLIP's hidden_size by num_attention_heads", g->clip.hidden, g->clip.heads },
        { "CLIP's image_size by patch_size", g->clip.image, g->clip.patch },
        { "CLIP's hidden_size by the region encoder's groups", g->clip.hidden, g->region.groups },
    };
    if (check_divisions(divides, COUNT(divides), name, e) != 0) return -1;
    if (g->clip.crop != g->clip.image || g->clip.shortest < g->clip.crop)
        return gm_fail(e,
                       "%s: the preprocessor's shortest side %lld and crop %lld "
                       "do not fit CLIP's image side %lld",
                       name, (long long)g->clip.shortest, (long long)g->clip.crop,
                       (long long)g->clip.image);
    if (g->region.levels != 4)
        return gm_fail(e, "%s: num_level_reg_features: only 4 is read, found %lld", name,
                       (long long)g->region.levels);
    if (g->select_layer >= 0 || g->select_layer < -(g->clip.layers + 1))
        return gm_fail(e, "%s: mm_vision_select_layer: wanted %lld to -1, found %lld", name,
                       (long long)-(g->clip.layers + 1), (long long)g->select_layer);
    return 0;
}
