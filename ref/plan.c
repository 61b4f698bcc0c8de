/* The memory plan.  Every formula counts the tensors that are alive together in the step that holds
 * most. */
#include "plan.h"

#include <stdio.h>

#include "kernels/typed.h"

const char *gm_size_text(double bytes, char *buf)
{
    static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    int u = 0;
    for (; bytes >= 1024 && u < 4; u++) bytes /= 1024;
    sprintf(buf, u ? "%.1f %s" : "%.0f %s", bytes, unit[u]);
    return buf;
}

/* Freed blocks are kept for reuse and rarely fit exactly. */
static const double SLACK = 1.5;

static void add(gm_plan *p, const char *name, const char *what, double bytes, bool at_once)
{
    p->row[p->n++] = (gm_plan_row){ name, what, bytes, at_once };
}

static double clip_bytes(const glamm *m)
{
    double T = (double)gm_image_token_count(m) + 1, C = (double)m->config.clip.hidden;
    return SLACK * 4 * T *
           (18 * C + 3 * (double)m->config.clip.inter); /* a block's tensors; five kept states */
}

/* Three and a half copies of the largest map beside four levels twice over (4/3 of it each). */
static double region_bytes(const glamm *m, const gm_kernels *k)
{
    int64_t S = 8 * (m->config.clip.image / m->config.clip.patch), C = m->config.clip.hidden;
    gm_conv fuse = { 1, C, S, S, C, 3, 3, 1, 1, S, S };
    double scratch = k->conv2d_scratch ? (double)k->conv2d_scratch(GM_BF16, &fuse) : 0;
    return scratch + SLACK * 4 * (double)(C * S * S) * (3.5 + 8.0 / 3);
}

/* The four fused levels: the largest and a third of it. */
static double region_maps_bytes(const glamm *m)
{
    int64_t S = 8 * (m->config.clip.image / m->config.clip.patch);
    return 4 * (double)(m->config.clip.hidden * S * S) * 4 / 3;
}

static double prefill_bytes(const glamm *m, double T)
{
    return SLACK * 4 * T * (12 * (double)m->config.llm.hidden + 4 * (double)m->config.llm.inter);
}

static double cache_bytes(const glamm *m, double N)
{
    double keys = 2 * (double)m->llama.L * (double)(m->llama.NKV * m->llama.HD);
    double bytes = m->llama.kv == GM_F32 ? 4 : 2;
    return N * (bytes * keys + 4 * (double)m->config.llm.hidden); /* final states, for the masks */
}

static const char *cache_text(const glamm *m)
{
    switch (m->llama.kv) {
    case GM_BF16: return "bf16, a 128-token prompt and 512 new tokens";
    case GM_F16: return "f16, a 128-token prompt and 512 new tokens";
    default: return "float32, a 128-token prompt and 512 new tokens";
    }
}

static double sam_bytes(const glamm *m, const gm_kernels *k)
{
    int64_t G = m->sam.G, T = G * G, C = m->sam.patch_w.dim[0], NH = m->sam.NH;
    if (!m->sam.L || NH < 1) return 0;
    gm_attn global = {
        .B = 1, .TQ = T, .TK = T, .KS = T, .NH = NH, .NKV = NH, .HD = C / NH, .GH = G, .GW = G
    };
    double scratch = k->attention_scratch ? (double)k->attention_scratch(&global) : 0;
    return scratch + SLACK * 4 * (double)(T * (12 * C + 2 * m->sam.block[0].lin1_w.dim[0]));
}

/* An encoder's weights at a time: a block's, and as much again for what lies outside of blocks. */
static double passing(double bytes, int64_t blocks)
{
    return blocks > 2 ? 2 * bytes / (double)blocks : bytes;
}

/* A mask is enlarged to SAM's input, cut twice, and brought to the image's size. */
static double mask_bytes(const glamm *m)
{
    double side = (double)gm_sam_side(m);
    return 4 * GM_PLAN_MASKS * 7 * side * side;
}

/* What an image holds between questions beside keys and values: pixels twice, tokens, a map. */
static double image_bytes(const glamm *m)
{
    double S = (double)gm_sam_side(m), P = (double)m->config.clip.image, G = (double)m->sam.G;
    double tokens = (double)(gm_image_token_count(m) * m->config.llm.hidden);
    return 4 * (3 * (S * S + P * P) + tokens + (double)m->decoder.no_mask.dim[1] * G * G);
}

gm_plan gm_plan_memory(const glamm *m, const gm_kernels *k, const gm_weight_bytes *w,
                       int64_t answer)
{
    gm_plan p = { .n = 0, .weights = *w };
    double T = (double)gm_image_token_count(m) + GM_PLAN_PROMPT, most = 0;
    double kv = cache_bytes(m, T + (double)answer);
    add(&p, "weights, mapped", "read from the files as needed, shared with the page cache",
        w->others, false);
    add(&p, "weights, copied", "converted to float32 or merged", w->owned, false);
    add(&p, "KV cache", cache_text(m), kv, false);
    if (m->config.text_only) {
        add(&p, "prefill", "a 128-token prompt", prefill_bytes(m, T), true);
        p.with_boxes = p.total = w->others + w->owned + kv + prefill_bytes(m, T);
        p.session = kv;
        return p;
    }
    double maps = region_maps_bytes(m), boxes = region_bytes(m, k) + w->region + w->clip;
    add(&p, "the image", "its pixels and what was made of them", image_bytes(m), false);
    add(&p, "CLIP", "one image, and weights that go block by block",
        clip_bytes(m) + passing(w->clip, m->clip.L), true);
    add(&p, "prefill", "a 128-token prompt and the image", prefill_bytes(m, T), true);
    add(&p, "SAM", "one image, and weights that go block by block",
        sam_bytes(m, k) + passing(w->sam, m->sam.L), true);
    add(&p, "masks", "4 masks at the size of SAM's input", mask_bytes(m), true);
    for (int i = 0; i < p.n; i++) {
        if (!p.row[i].at_once) p.total += p.row[i].bytes;
        else if (p.row[i].bytes > most) most = p.row[i].bytes;
    }
    p.with_boxes = p.total + maps + (boxes > most ? boxes : most);
    p.total += most;
    p.session = kv + image_bytes(m);
    add(&p, "region encoder", "with boxes, and weights that go again", boxes, true);
    add(&p, "region maps", "kept once boxes were given", maps, false);
    return p;
}

/* Bytes of a matrix's values in a type, whose blocks may be too long for some rows
 * (io/convert.c). */
static double stored(const gm_weight_bytes *w, gm_dtype type)
{
    gm_dtype short_rows = gm_block_values(type) > 32 ? GM_Q8_0 : type;
    return w->values_256 * (double)gm_type_bytes(type, 256) / 256 +
           w->values_32 * (double)gm_type_bytes(short_rows, 32) / 32;
}

const char *gm_plan_type(const gm_plan *p, double bytes, double *total)
{
    /* What loses least comes first.  The last two are for rows that blocks of 256 do not divide. */
    static const gm_dtype type[] = { GM_BF16, GM_Q8_0, GM_Q6_K, GM_Q5_K,
                                     GM_Q4_K, GM_Q4_1, GM_Q4_0 };
    for (size_t i = 0; p->total > bytes && i < sizeof type / sizeof *type; i++) {
        double then = stored(&p->weights, type[i]);
        *total = p->total - p->weights.matrices + then;
        if (then < p->weights.matrices && *total <= bytes) return gm_type_name(type[i]);
    }
    return NULL;
}
