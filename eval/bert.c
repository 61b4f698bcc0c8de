/* BERT's encoder.  Source: transformers 4.28 modeling_bert.py, BertModel (absolute positions, erf
 * GELU, no pooler), eval mode. */
#include "bert.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/checkpoint.h"
#include "../io/file.h"
#include "../io/json.h"
#include "../io/os.h"
#include "../ref/backend.h"
#include "../ref/ops.h"
#include "wordpiece.h"

enum { MOST_TOKENS = 512, MOST_ROWS = 1024 };       /* of a text; of a batch, all tokens counted */

typedef struct { gm_tensor w, b; } layer;           /* (out, in), (out); of a norm both (out) */

typedef struct {
    layer q, k, v, o, norm1, up, down, norm2;
} block;

struct gm_bert {
    char *path;                         /* of the weights */
    gm_file *file;
    gm_kernels kernels;
    gm_ctx *ctx;
    gm_wordpiece *pieces;
    int64_t C, F, L, NH, V, P;          /* P positions */
    float eps;
    gm_tensor word, position, type;     /* (V, C), (P, C), (2, C) */
    layer norm;
    block *block;
};

static int read_config(gm_bert *b, const char *folder, gm_error *e)
{
    char *path = gm_path_join(folder, "config.json");
    json_t *o = path ? gm_json_read(path, e) : NULL;
    b->eps = 1e-12f;
    int64_t most = 1 << 20;
    int bad = !o || gm_json_int(o, "hidden_size", 1, most, &b->C, path, e) ||
              gm_json_int(o, "intermediate_size", 1, most, &b->F, path, e) ||
              gm_json_int(o, "num_hidden_layers", 1, 1000, &b->L, path, e) ||
              gm_json_int(o, "num_attention_heads", 1, 1000, &b->NH, path, e) ||
              gm_json_int(o, "vocab_size", 1, most, &b->V, path, e) ||
              gm_json_int(o, "max_position_embeddings", 2, most, &b->P, path, e) ||
              gm_json_float(o, "layer_norm_eps", &b->eps, path, e);
    const char *act = gm_json_text(o, "hidden_act");
    const char *place = gm_json_text(o, "position_embedding_type");
    if (!path) bad = gm_fail(e, "out of memory");
    else if (!bad && (!b->C || !b->F || !b->L || !b->NH || !b->V || !b->P || b->C % b->NH))
        bad = gm_fail(e, "%s: wanted the sizes of a BERT, hidden_size a multiple of "
                      "num_attention_heads", path);
    else if (!bad && ((act && strcmp(act, "gelu")) || (place && strcmp(place, "absolute"))))
        bad = gm_fail(e, "%s: wanted hidden_act gelu and absolute positions, found %s, %s", path,
                      act ? act : "gelu", place ? place : "absolute");
    json_decref(o);
    free(path);
    return bad ? -1 : 0;
}

/* The tensor `stem`.`kind`: of a whole model it starts with "bert.", in old files a norm's weight
 * and bias are called gamma and beta. */
static gm_tensor find(const gm_bert *b, const char *stem, const char *kind)
{
    const char *old = strcmp(kind, "bias") == 0 ? "beta" : "gamma", *kinds[2] = { kind, old };
    for (int i = 0; i < 4; i++) {
        char name[200];
        snprintf(name, sizeof name, "%s%s.%s", i & 1 ? "bert." : "", stem, kinds[i / 2]);
        gm_tensor x = gm_file_find(b->file, name);
        if (x.data) return x;
    }
    return GM_NONE;
}

/* The tensor in its stored type, of size (R, C); or as float a vector (R), for C 0. */
static int demand(gm_tensor *y, gm_bert *b, int64_t R, int64_t C, const char *stem,
                  const char *kind, gm_error *e)
{
    char found[100];
    gm_tensor x = find(b, stem, kind);
    if (!x.data) return gm_fail(e, "%s: no tensor %s.%s", b->path, stem, kind);
    if (x.nd != (C ? 2 : 1) || x.dim[0] != R || (C && x.dim[1] != C))
        return gm_fail(e, "%s: %s.%s: wanted %lld x %lld, found %s", b->path, stem, kind,
                       (long long)R, (long long)(C ? C : 1), gm_shape_text(found, x));
    if (x.type != GM_F32 && x.type != GM_BF16 && x.type != GM_F16)
        return gm_fail(e, "%s: %s.%s: wanted float numbers", b->path, stem, kind);
    *y = x;
    if (C || x.type == GM_F32) return 0;
    float *copy = malloc((size_t)R * sizeof *copy);
    if (copy) gm_to_float(copy, x.data, x.type, R);
    *y = gm_from_owned(b->ctx, GM_F32, copy, 1, GM_DIMS(R));
    return y->data ? 0 : gm_fail(e, "%s: out of memory", b->path);
}

/* weight and bias of a linear layer (out, in), or of a norm (in 0). */
static int demand_layer(layer *y, gm_bert *b, int64_t out, int64_t in, const char *stem,
                        gm_error *e)
{
    if (demand(&y->w, b, out, in, stem, "weight", e) != 0) return -1;
    return demand(&y->b, b, out, 0, stem, "bias", e);
}

static int bind_block(gm_bert *b, block *y, int64_t l, gm_error *e)
{
    const struct { layer *to; int64_t out, in; const char *name; } part[] = {
        { &y->q, b->C, b->C, "attention.self.query" },
        { &y->k, b->C, b->C, "attention.self.key" },
        { &y->v, b->C, b->C, "attention.self.value" },
        { &y->o, b->C, b->C, "attention.output.dense" },
        { &y->norm1, b->C, 0, "attention.output.LayerNorm" },
        { &y->up, b->F, b->C, "intermediate.dense" },
        { &y->down, b->C, b->F, "output.dense" },
        { &y->norm2, b->C, 0, "output.LayerNorm" },
    };
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        char stem[100];
        snprintf(stem, sizeof stem, "encoder.layer.%lld.%s", (long long)l, part[i].name);
        if (demand_layer(part[i].to, b, part[i].out, part[i].in, stem, e) != 0) return -1;
    }
    return 0;
}

static int bind_all(gm_bert *b, gm_error *e)
{
    int64_t C = b->C;
    if (demand(&b->word, b, b->V, C, "embeddings.word_embeddings", "weight", e) != 0 ||
        demand(&b->position, b, b->P, C, "embeddings.position_embeddings", "weight", e) != 0 ||
        demand(&b->type, b, 2, C, "embeddings.token_type_embeddings", "weight", e) != 0 ||
        demand_layer(&b->norm, b, C, 0, "embeddings.LayerNorm", e) != 0)
        return -1;
    if (!(b->block = calloc((size_t)b->L, sizeof *b->block)))
        return gm_fail(e, "%s: out of memory", b->path);
    for (int64_t l = 0; l < b->L; l++)
        if (bind_block(b, &b->block[l], l, e) != 0) return -1;
    return 0;
}

static int open_weights(gm_bert *b, const char *folder, gm_error *e)
{
    static const char *const NAMES[] = { "model.safetensors", "pytorch_model.bin" };
    for (int i = 0; i < 2 && !b->path; i++) {
        b->path = gm_path_join(folder, NAMES[i]);
        if (!b->path) return gm_fail(e, "out of memory");
        if (gm_is_file(b->path)) break;
        free(b->path);
        b->path = NULL;
    }
    if (!b->path)
        return gm_fail(e, "%s: wanted model.safetensors or pytorch_model.bin of a BERT", folder);
    b->file = gm_file_open(b->path, e);
    return b->file ? 0 : -1;
}

static int open_pieces(gm_bert *b, const char *folder, gm_error *e)
{
    char *path = gm_path_join(folder, "vocab.txt");
    b->pieces = path ? gm_wordpiece_open(path, e) : NULL;
    int bad = b->pieces ? 0 : gm_fail(e, "out of memory");
    if (!bad && gm_wordpiece_size(b->pieces) != b->V)
        bad = gm_fail(e, "%s: wanted %lld pieces, as config.json says, found %lld", path,
                      (long long)b->V, (long long)gm_wordpiece_size(b->pieces));
    free(path);
    return bad;
}

gm_bert *gm_bert_open(const char *folder, gm_error *e)
{
    gm_bert *b = calloc(1, sizeof *b);
    int bad = b ? read_config(b, folder, e) : gm_fail(e, "out of memory");
    if (!bad) bad = gm_backend(&b->kernels, NULL, e);
    if (!bad && !(b->ctx = gm_ctx_new(&b->kernels, NULL))) bad = gm_fail(e, "out of memory");
    if (!bad) bad = open_pieces(b, folder, e);
    if (!bad) bad = open_weights(b, folder, e);
    if (!bad) bad = bind_all(b, e);
    if (!bad) return b;
    gm_bert_free(b);
    return NULL;
}

void gm_bert_free(gm_bert *b)
{
    if (!b) return;
    free(b->block);
    if (b->ctx) gm_ctx_free(b->ctx);
    if (b->file) gm_file_close(b->file);
    gm_wordpiece_free(b->pieces);
    free(b->path);
    free(b);
}

int64_t gm_bert_width(const gm_bert *b)
{
    return b->C;
}

/* x (B, T, C) -> (B, T, C); norms come behind the sums.  BertLayer */
static gm_tensor run_block(gm_ctx *c, const block *w, gm_tensor x, int64_t NH, float eps)
{
    gm_tensor q = gm_linear(c, x, w->q.w, w->q.b);
    gm_tensor k = gm_linear(c, x, w->k.w, w->k.b);
    gm_tensor v = gm_linear(c, x, w->v.w, w->v.b);
    gm_tensor h = gm_attention(c, q, k, v, (gm_attn_options){ .NH = NH });
    x = gm_add(c, x, gm_linear(c, h, w->o.w, w->o.b));
    x = gm_layernorm(c, x, w->norm1.w, w->norm1.b, eps);
    h = gm_gelu(c, gm_linear(c, x, w->up.w, w->up.b));              /* (B, T, F) */
    x = gm_add(c, x, gm_linear(c, h, w->down.w, w->down.b));
    return gm_layernorm(c, x, w->norm2.w, w->norm2.b, eps);
}

/* id i32 (B T) -> the last hidden state (B, T, C). */
static gm_tensor encode(gm_bert *b, gm_tensor id, int64_t B, int64_t T)
{
    gm_ctx *c = b->ctx;
    int32_t first = 0, *place = malloc((size_t)T * sizeof *place);
    for (int32_t t = 0; place && t < T; t++) place[t] = t;
    gm_tensor at = gm_from_owned(c, GM_I32, place, 1, GM_DIMS(T));
    gm_tensor zero = gm_from(c, GM_I32, &first, 1, GM_DIMS(1));
    gm_tensor x = gm_reshape(c, gm_gather(c, b->word, id), 3, GM_DIMS(B, T, b->C));
    x = gm_add(c, x, gm_reshape(c, gm_gather(c, b->type, zero), 1, GM_DIMS(b->C)));
    x = gm_add(c, x, gm_gather(c, b->position, at));
    x = gm_layernorm(c, x, b->norm.w, b->norm.b, b->eps);
    for (int64_t l = 0; l < b->L; l++) {
        gm_mark mark = gm_scope(c);
        x = gm_scope_end(c, mark, run_block(c, &b->block[l], x, b->NH, b->eps));
    }
    return x;
}

/* x (T, C) -> its mean over T. */
static void mean(float *y, const float *x, int64_t T, int64_t C)
{
    for (int64_t i = 0; i < C; i++) {
        double sum = 0;
        for (int64_t t = 0; t < T; t++) sum += x[t * C + i];
        y[i] = (float)(sum / (double)T);
    }
}

typedef struct { int32_t *id; int64_t n, place; } tokens;

/* B texts of the same length into their rows of y. */
static int embed_batch(float *y, gm_bert *b, const tokens *t, int64_t B, gm_error *e)
{
    int64_t T = t->n, C = b->C;
    gm_mark mark = gm_scope(b->ctx);
    int32_t *id = malloc((size_t)(B * T) * sizeof *id);
    float *x = malloc((size_t)(B * T * C) * sizeof *x);
    for (int64_t i = 0; id && i < B; i++) memcpy(id + i * T, t[i].id, (size_t)T * sizeof *id);
    gm_tensor h = encode(b, gm_from_owned(b->ctx, GM_I32, id, 1, GM_DIMS(B * T)), B, T);
    if (x) gm_to_host(b->ctx, x, h);
    int bad = x && gm_ok(b->ctx) ? 0 : gm_fail(e, "%s: %s", b->path, gm_error_text(b->ctx));
    for (int64_t i = 0; !bad && i < B; i++) mean(y + t[i].place * C, x + i * T * C, T, C);
    gm_scope_end(b->ctx, mark, GM_NONE);
    free(x);
    return bad;
}

static int by_length(const void *a, const void *b)
{
    const tokens *x = a, *y = b;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

int gm_bert_embed(float *y, gm_bert *b, const char *const *text, int64_t n, gm_error *e)
{
    tokens *t = calloc((size_t)n + 1, sizeof *t);
    int64_t most = b->P < MOST_TOKENS ? b->P : MOST_TOKENS;
    int bad = t ? 0 : gm_fail(e, "out of memory for %lld texts", (long long)n);
    for (int64_t i = 0; !bad && i < n; i++) {
        t[i].place = i;
        t[i].id = gm_wordpiece_ids(b->pieces, text[i], most, &t[i].n);
        if (!t[i].id) bad = gm_fail(e, "out of memory for %lld texts", (long long)n);
    }
    if (!bad) qsort(t, (size_t)n, sizeof *t, by_length);
    for (int64_t i = 0, B; !bad && i < n; i += B) {     /* texts of one length need no padding */
        for (B = 1; i + B < n && t[i + B].n == t[i].n && (B + 1) * t[i].n <= MOST_ROWS;) B++;
        bad = embed_batch(y, b, t + i, B, e);
    }
    for (int64_t i = 0; t && i < n; i++) free(t[i].id);
    free(t);
    return bad;
}

double gm_cosine(const float *a, const float *b, int64_t C)
{
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < C; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? ab / (sqrt(aa) * sqrt(bb)) : 0;
}
