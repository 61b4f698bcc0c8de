/* Modules of a preset's sizes with random weights in memory, bound as a checkpoint's are.  Nothing
 * is freed: each row is a process. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "preset.h"
#include "../io/os.h"
#include "../io/quantise.h"
#include "../io/weights.h"
#include "../ref/kernels/typed.h"

/* Uniform in -scale .. scale, the same each time. */
gm_tensor bench_random(gm_dtype type, int nd, const int64_t *dim, float scale)
{
    gm_tensor x = { .nd = nd, .type = type };
    int64_t n = 1;
    for (int i = 0; i < nd; i++) n *= x.dim[i] = dim[i];
    int64_t runs = (n + 65535) / 65536;
    x.data = gm_aligned_alloc((size_t)n * gm_type_size(type));
    if (!x.data) abort();
    #pragma omp parallel for
    for (int64_t run = 0; run < runs; run++) {
        uint32_t s = (uint32_t)run * 2654435761u + 12345u;
        int64_t end = (run + 1) * 65536 < n ? (run + 1) * 65536 : n;
        for (int64_t i = run * 65536; i < end; i++) {
            s = s * 1664525u + 1013904223u;
            float v = ((float)(s >> 8) * 0x1p-23f - 1.0f) * scale;
            if (type == GM_F32) ((float *)x.data)[i] = v;
            else ((uint16_t *)x.data)[i] = type == GM_BF16 ? gm_to_bf16(v) : gm_to_f16(v);
        }
    }
    return x;
}

gm_tensor bench_matrix(gm_dtype type, int64_t N, int64_t K, float scale)
{
    enum { FEW = 16 };
    if (!gm_block_bytes(type)) return bench_random(type, 2, GM_DIMS(N, K), scale);
    gm_tensor few = bench_random(GM_F32, 2, GM_DIMS(FEW, K), scale), x = { .nd = 2, .type = type };
    size_t row = gm_type_bytes(type, K);
    gm_quantise(few.data, type, few.data, FEW * K);
    x.dim[0] = N, x.dim[1] = K;
    x.data = gm_aligned_alloc((size_t)N * row);
    if (!x.data) abort();
    for (int64_t n = 0; n < N; n++)
        memcpy((uint8_t *)x.data + (size_t)n * row, (uint8_t *)few.data + (size_t)(n % FEW) * row,
               row);
    free(few.data);
    return x;
}

/* ---- a preset's weights ---- */

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* As the released files store them. */
static gm_dtype type_of(const char *name)
{
    bool wide = begins(name, GM_GROUNDING) || begins(name, GM_TOWER) ||
                strstr(name, "text_hidden_fcs");
    return wide ? GM_F32 : GM_BF16;
}

static gm_tensor values(init_tensor *t, gm_dtype matrices)
{
    gm_dtype type = type_of(t->name);
    bool language = begins(t->name, "model.layers.") || begins(t->name, "lm_head.") ||
                    begins(t->name, "model.embed_tokens.");
    t->x.data = "";                     /* for gm_numel; nothing reads it */
    float scale = (float)(sqrt(3) * init_spread(t, false));
    if (language && t->x.nd == 2) return bench_matrix(matrices, t->x.dim[0], t->x.dim[1], scale);
    gm_tensor x = bench_random(type, t->x.nd, t->x.dim, scale);
    for (int64_t i = 0; t->kind == INIT_NORM && i < gm_numel(x); i++) {
        if (type == GM_F32) ((float *)x.data)[i] = 1;
        else ((uint16_t *)x.data)[i] = gm_to_bf16(1);
    }
    return x;
}

static gm_config config_of(const init_sizes *s)
{
    gm_config g = {
        .llm = { s->vocab, s->hidden, s->inter, s->layers, s->heads, s->kv_heads, 4096, 1e-5f,
                 10000, false, false },
        .clip = { .image = s->clip_image, .patch = s->clip_patch, .hidden = s->clip_hidden,
                  .inter = s->clip_inter, .layers = s->clip_layers, .heads = s->clip_heads,
                  .eps = 1e-5f },
        .region = { s->region_scale, s->region_groups, 4 },
        .sam = { s->sam_dec_heads, s->sam_depth },
        .select_layer = -2,
        .bf16 = true,
    };
    return g;
}

int bench_model_new(bench_model *m, const init_sizes *s, const char *prefixes, gm_dtype matrices,
                    bench_result *r)
{
    gm_error e = { "" };
    init_list l;
    init_tensors(&l, s);
    *m = (bench_model){ .g = config_of(s), .w = gm_weights_new("preset", NULL, &e) };
    gm_file f = { .path = "preset", .entry = calloc((size_t)l.n + 1, sizeof *f.entry) };
    for (int64_t i = 0; f.entry && i < l.n; i++) {
        char first[400];
        snprintf(first, sizeof first, "%s", prefixes);
        for (char *p = strtok(first, " "); p; p = strtok(NULL, " ")) {
            if (!begins(l.t[i].name, p)) continue;
            f.entry[f.n++] = (gm_file_entry){ l.t[i].name, values(&l.t[i], matrices) };
            break;
        }
    }
    if (f.entry && m->w && !l.failed && gm_weights_add(m->w, &f, GM_FROM_MODEL, &e) == 0) return 0;
    snprintf(r->note, sizeof r->note, "%.380s", e.text[0] ? e.text : "out of memory");
    return -1;
}

int bench_model_bound(const bench_model *m, int bad, const gm_error *e, bench_result *r)
{
    gm_error missing = { "" };
    if (gm_weights_finish(m->w, &missing) == 0 && !bad) return 0;
    snprintf(r->note, sizeof r->note, "%.380s", bad ? e->text : missing.text);
    return -1;
}

/* ---- work ---- */

/* Linear layers and attention of a block over T tokens of which each sees `keys`; 2 per
 * multiply-add, as everywhere. */
static double block_flop(double T, double C, double F, double keys)
{
    return 8 * T * C * C + 4 * T * C * F + 4 * T * keys * C;
}

/* The windows' padding is computed as the authors do, and counted; relative positions likewise. */
double bench_sam_gflop(const init_sizes *s)
{
    double G = (double)(s->sam_image / s->sam_patch), T = G * G, C = (double)s->sam_dim, F = 4 * C;
    double W = (double)s->sam_window, side = ceil(G / W) * W, padded = side * side;
    double O = (double)s->sam_out, P = (double)s->sam_patch;
    double sum = 2 * T * (3 * P * P * C + C * O + 9 * O * O);
    for (int64_t l = 0; l < s->sam_depth; l++)
        sum += s->sam_global[l]
                   ? block_flop(T, C, F, T) + 4 * T * C * G
                   : 8 * padded * C * C + 4 * T * C * F + padded * C * (4 * W * W + 4 * W);
    return 1e-9 * sum;
}

double bench_clip_gflop(const init_sizes *s)
{
    double G = (double)(s->clip_image / s->clip_patch), T = G * G + 1, C = (double)s->clip_hidden;
    double P = (double)s->clip_patch, used = (double)(s->clip_layers - 1);
    return 1e-9 * (2 * G * G * 3 * P * P * C + used * block_flop(T, C, (double)s->clip_inter, T));
}

double bench_region_gflop(const init_sizes *s, int64_t boxes)
{
    double G = (double)(s->clip_image / s->clip_patch), C = (double)s->clip_hidden;
    double pixels = G * G * (1 + 4 + 16 + 64), N = (double)boxes, mid = (double)s->region_mid;
    enum { STEPS = 5, CELLS = 14 * 14 };
    double head = 2 * N * CELLS * C * (4 * 9 * C + mid) + 2 * N * mid * (double)s->hidden;
    return 1e-9 * (2 * pixels * C * (C + 2) + STEPS * 18 * pixels * C * C + head);
}

double bench_masks_gflop(const init_sizes *s, int64_t masks)
{
    double G = (double)(s->sam_image / s->sam_patch), T = G * G, C = (double)s->sam_out, h = C / 2;
    enum { TOKENS = 6 };
    double cross = 4 * T * C * h + 4 * T * TOKENS * h;  /* two products with the image, attention */
    double up = 2 * T * C * C + 8 * T * C / 4 * C / 2 + 2 * 16 * T * C / 8;
    return 1e-9 * (double)masks * (5 * cross + up);
}
