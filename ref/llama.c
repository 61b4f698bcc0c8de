/* LLaMA decoder.  Source: transformers 4.28 modeling_llama.py, LlamaModel, LlamaDecoderLayer,
 * LlamaAttention. */
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "constants.h"
#include "model.h"
#include "tape.h"

int gm_llama_bind(llama *m, gm_weights *w, const gm_config *g, gm_error *e)
{
    int64_t C = g->llm.hidden, F = g->llm.inter, V = g->llm.vocab;
    *m = (llama){
        .L = g->llm.layers, .NH = g->llm.heads, .NKV = g->llm.kv_heads, .eps = g->llm.eps,
        .theta = g->llm.theta, .interleaved = g->llm.interleaved
    };
    if (m->L < 1 || m->NH < 1 || m->NKV < 1 || C % m->NH || m->NH % m->NKV || C / m->NH % 2)
        return gm_fail(e,
                       "config.json: hidden_size %lld, %lld heads and %lld key/value heads do not "
                       "fit together",
                       (long long)C, (long long)m->NH, (long long)m->NKV);
    m->HD = C / m->NH;
    int64_t KV = m->NKV * m->HD;
    m->layer = calloc((size_t)m->L, sizeof *m->layer);
    if (!m->layer) return gm_fail(e, "out of memory for %lld LLaMA layers", (long long)m->L);
    m->embed = gm_weight(w, 2, GM_DIMS(V, C), "model.embed_tokens.weight");
    m->head = g->llm.tied ? m->embed : gm_weight(w, 2, GM_DIMS(V, C), "lm_head.weight");
    m->norm = gm_weight_f32(w, 1, GM_DIMS(C), "model.norm.weight");
    for (int64_t l = 0; l < m->L; l++) {
        llama_layer *y = &m->layer[l];
        const gm_part part[] = {
            { &y->q_w, NULL, "self_attn.q_proj", C, C },
            { &y->k_w, NULL, "self_attn.k_proj", KV, C },
            { &y->v_w, NULL, "self_attn.v_proj", KV, C },
            { &y->o_w, NULL, "self_attn.o_proj", C, C },
            { &y->gate_w, NULL, "mlp.gate_proj", F, C },
            { &y->up_w, NULL, "mlp.up_proj", F, C },
            { &y->down_w, NULL, "mlp.down_proj", C, F },
            { &y->input_norm, NULL, "input_layernorm", C, 0 },
            { &y->post_norm, NULL, "post_attention_layernorm", C, 0 },
        };
        gm_bind_parts(w, part, GM_COUNT(part), "model.layers.%lld.", (long long)l);
    }
    return 0;
}

void gm_llama_free(llama *m)
{
    free(m->layer);
    m->layer = NULL;
}

int gm_llama_kv(llama *m, const char *name, gm_error *e)
{
    const gm_dtype type[] = { GM_F32, GM_BF16, GM_F16 };
    for (size_t i = 0; i < GM_COUNT(type); i++) {
        if (strcmp(name, gm_type_name(type[i])) != 0) continue;
        m->kv = type[i];
        return 0;
    }
    return gm_fail(e, "kv %s: wanted f32, bf16 or f16", name);
}

int gm_llama_cache_new(gm_ctx *c, llama_cache *kv, const llama *m, int64_t B, int64_t N)
{
    *kv = (llama_cache){ 0 };
    kv->k = calloc((size_t)m->L, sizeof *kv->k);
    kv->v = calloc((size_t)m->L, sizeof *kv->v);
    if (!kv->k || !kv->v) gm_set_error(c, "out of memory for the KV cache");
    for (int64_t l = 0; l < m->L && gm_ok(c); l++) {
        kv->k[l] = gm_new(c, m->kv, 3, GM_DIMS(B, N, m->NKV * m->HD));
        kv->v[l] = gm_new(c, m->kv, 3, GM_DIMS(B, N, m->NKV * m->HD));
    }
    if (!gm_ok(c)) gm_llama_cache_free(kv);
    return gm_ok(c) ? 0 : -1;
}

void gm_llama_cache_free(llama_cache *kv)
{
    free(kv->k);
    free(kv->v);
    *kv = (llama_cache){ 0 };
}

/* q or k of a GGUF, each head 0, HD/2, 1, HD/2 + 1, ..., in the order 0, 1, ... that rope takes. */
static gm_tensor halves(gm_ctx *c, const llama *m, gm_tensor x)
{
    if (!m->interleaved) return x;
    gm_tensor y = gm_transpose(c, gm_reshape(c, x, 3, GM_DIMS(-1, m->HD / 2, 2)));
    return gm_reshape(c, y, x.nd, x.dim);
}

typedef struct {
    const llama *m;
    int64_t l;
    gm_tensor angle, keep;              /* angle (B T, HD/2) */
    llama_cache *kv, *const *each;      /* of all; of each sequence one of its own; or neither */
    llama_rows rows;
} layer_args;

/* Packed rows (R, C) as conversations (B, T, C), and the rows that go on from there. */
static gm_tensor spread(gm_ctx *c, const llama_rows *r, gm_tensor x)
{
    if (!r->B) return x;
    x = gm_gather(c, x, r->spread);
    return gm_reshape(c, x, 3, GM_DIMS(r->B, -1, x.dim[1]));
}
static gm_tensor pack(gm_ctx *c, const llama_rows *r, gm_tensor y, bool last)
{
    if (!r->B) return y;
    y = gm_reshape(c, y, 2, GM_DIMS(-1, y.dim[2]));
    return gm_gather(c, y, last ? r->last : r->source);
}

/* q against the keys so far and k, which the cache takes up. */
static gm_tensor attend(gm_ctx *c, gm_tensor q, gm_tensor k, gm_tensor v, gm_attn_options o,
                        llama_cache *kv, int64_t l)
{
    if (kv) {
        o.past = kv->len, o.TK = kv->len + k.dim[1];
        gm_place(c, kv->k[l], k, kv->len);
        gm_place(c, kv->v[l], v, kv->len);
        k = kv->k[l], v = kv->v[l];
    }
    return gm_attention(c, q, k, v, o);
}

gm_tensor gm_llama_row(gm_tensor x, int64_t b)
{
    int64_t C = x.dim[x.nd - 1];
    return (gm_tensor){ (float *)x.data + b * C, { 1, 1, C }, 3, x.type };
}

/* The same for sequences of their own lengths, of which q, k, v (B, 1, C) are the next rows. */
static gm_tensor attend_each(gm_ctx *c, gm_tensor q, gm_tensor k, gm_tensor v, gm_attn_options o,
                             llama_cache *const *kv, int64_t l)
{
    gm_tensor y = gm_new(c, GM_F32, 3, GM_DIMS(1, q.dim[0], q.dim[2]));
    for (int64_t b = 0; b < q.dim[0] && gm_ok(c); b++) {
        gm_mark mark = gm_scope(c);
        gm_place(c, y, attend(c, gm_llama_row(q, b), gm_llama_row(k, b), gm_llama_row(v, b), o,
                              kv[b], l), b);
        gm_scope_end(c, mark, GM_NONE);
    }
    return gm_reshape(c, y, 3, q.dim);
}

/* h (B, T, C) -> (B, T, C).  LlamaAttention.forward */
static gm_tensor attention(gm_ctx *c, const layer_args *a, gm_tensor h)
{
    const llama *m = a->m;
    const llama_layer *w = &m->layer[a->l];
    gm_attn_options o = { .NH = m->NH, .NKV = m->NKV, .causal = true, .keep = a->keep };
    gm_tensor q = gm_rope(c, halves(c, m, gm_lora_linear(c, h, w->q_w, &w->q)), a->angle);
    gm_tensor k = gm_rope(c, halves(c, m, gm_lora_linear(c, h, w->k_w, &w->k)), a->angle);
    gm_tensor v = gm_lora_linear(c, h, w->v_w, &w->v);
    q = spread(c, &a->rows, q), k = spread(c, &a->rows, k), v = spread(c, &a->rows, v);
    gm_tensor y = a->each ? attend_each(c, q, k, v, o, a->each, a->l)
                          : attend(c, q, k, v, o, a->kv, a->l);
    y = pack(c, &a->rows, y, a->l == m->L - 1);
    return gm_lora_linear(c, y, w->o_w, &w->o);
}

/* h (B, T, C) -> (B, T, C).  LlamaMLP.forward */
static gm_tensor mlp(gm_ctx *c, const llama_layer *w, gm_tensor h)
{
    gm_tensor gate = gm_silu(c, gm_lora_linear(c, h, w->gate_w, &w->gate));       /* (B, T, F) */
    gm_tensor up = gm_lora_linear(c, h, w->up_w, &w->up);
    return gm_lora_linear(c, gm_mul(c, gate, up), w->down_w, &w->down);
}

/* x (B, T, C) -> (B, T, C); packed (R, C) -> (R, C), the last layer (N, C).
 * LlamaDecoderLayer.forward */
static gm_tensor layer(gm_ctx *c, gm_tensor x, const void *args)
{
    const layer_args *a = args;
    const llama_layer *w = &a->m->layer[a->l];
    gm_tensor h = gm_rmsnorm(c, x, w->input_norm, a->m->eps);
    h = attention(c, a, h);
    if (a->rows.B && a->l == a->m->L - 1) x = gm_gather(c, x, a->rows.last_rows);
    x = gm_add(c, x, h);
    h = gm_rmsnorm(c, x, w->post_norm, a->m->eps);
    return gm_add(c, x, mlp(c, w, h));
}

/* The angles of B conversations of T positions behind `past`: (B T, HD/2). */
static gm_tensor angles(gm_ctx *c, const llama *m, int64_t past, int64_t B, int64_t T)
{
    gm_tensor angle = gm_repeat(c, gm_rope_table(c, past, T, m->HD, m->theta), B);
    return gm_reshape(c, angle, 2, GM_DIMS(B * T, m->HD / 2));
}

static gm_tensor layers(gm_ctx *c, gm_mark mark, gm_tensor x, layer_args a)
{
    const llama *m = a.m;
    for (a.l = 0; a.l < m->L; a.l++) {
        x = gm_block_run(c, layer, x, &a, sizeof a);
        gm_tap(c, x, "model.layers.%lld", (long long)a.l);
        gm_scope_keep(c, mark, (gm_tensor[]){ x, a.angle }, 2);
        gm_progress(c, a.l + 1, m->L);
    }
    x = gm_rmsnorm(c, x, m->norm, m->eps);
    gm_tap(c, x, "model.norm");
    return gm_scope_end(c, mark, x);
}

gm_tensor gm_llama(gm_ctx *c, const llama *m, gm_tensor x, llama_cache *kv, gm_tensor keep)
{
    gm_mark mark = gm_scope(c);
    int64_t T = x.dim[1];
    gm_tensor angle = angles(c, m, kv ? kv->len : 0, x.dim[0], T);
    x = layers(c, mark, x, (layer_args){ .m = m, .angle = angle, .keep = keep, .kv = kv });
    if (kv) kv->len += T;
    return x;
}

gm_tensor gm_llama_step(gm_ctx *c, const llama *m, gm_tensor x, llama_cache *const *kv)
{
    gm_mark mark = gm_scope(c);
    gm_tensor angle = gm_rope_table(c, kv[0]->len, 1, m->HD, m->theta);
    for (int64_t b = 1; b < x.dim[0]; b++)
        angle = gm_concat(c, angle, gm_rope_table(c, kv[b]->len, 1, m->HD, m->theta), 0);
    x = layers(c, mark, x, (layer_args){ .m = m, .angle = angle, .each = kv });
    for (int64_t b = 0; b < x.dim[0]; b++) kv[b]->len++;
    return x;
}

gm_tensor gm_llama_packed(gm_ctx *c, const llama *m, gm_tensor x, llama_rows rows, gm_tensor keep)
{
    gm_mark mark = gm_scope(c);
    gm_tensor angle = GM_NONE;
    if (rows.B) {
        angle = angles(c, m, 0, rows.B, rows.spread.dim[0] / rows.B);
        angle = gm_gather(c, angle, rows.source);
    }
    return layers(c, mark, x, (layer_args){ .m = m, .angle = angle, .keep = keep, .rows = rows });
}
