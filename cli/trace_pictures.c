/* A trace as pictures: sheets of small maps, one per layer, channel or mask. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../io/image.h"
#include "../io/os.h"
#include "../ref/constants.h"
#include "trace.h"

#define CLIP "tap/model.vision_tower.vision_tower.vision_model."
#define REGION "tap/model.region_encoder."
#define SAM "tap/model.grounding_encoder.image_encoder."
#define DECODER "tap/model.grounding_encoder.mask_decoder"

enum { TILE = 96, GAP = 4, COLUMNS = 8, CHANNELS = 16, SHEET_MAPS = 64, BAND = 16 };

/* ---- sheets ---- */

/* Maps of one size, to be drawn side by side. */
typedef struct { float *value; int64_t n, H, W; } maps;

typedef struct {
    const trace_list *list;
    gm_ctx *c;
    const glamm *net;
    const trace_inputs *in;
    const char *folder;
    FILE *index;                /* index.txt: what each picture shows */
    gm_error *e;
} drawing;

/* v in 0..1 -> black, violet, red, orange, pale yellow: a ramp in the manner of "inferno". */
static void heat(double v, uint8_t *rgb)
{
    static const double stop[6][3] = { { 0, 0, 4 },     { 60, 15, 110 },  { 145, 40, 100 },
                                       { 220, 75, 55 }, { 250, 160, 30 }, { 252, 255, 190 } };
    double x = 5 * fmin(fmax(v, 0), 1);
    int i = x >= 5 ? 4 : (int)x;
    for (int k = 0; k < 3; k++)
        rgb[k] = (uint8_t)(stop[i][k] + (x - i) * (stop[i + 1][k] - stop[i][k]) + 0.5);
}

/* v in -1..1 -> blue below zero, white at zero, red above: a logit's sign is a mask's edge. */
static void signed_heat(double v, uint8_t *rgb)
{
    double x = fmin(fmax(v, -1), 1), pale = 255 * (1 - fabs(x));
    rgb[0] = (uint8_t)(x > 0 ? 255 - 55 * x : pale);
    rgb[1] = (uint8_t)pale;
    rgb[2] = (uint8_t)(x < 0 ? 255 + 55 * x : pale);
}

/* One map into its place.  Every map has its own scale, a signed one two: one a side of zero. */
static void draw_map(uint8_t *rgb, int64_t width, int64_t x0, int64_t y0, const float *v,
                     const maps *m, int64_t zoom, bool is_signed)
{
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < m->H * m->W; i++) {
        low = fmin(low, v[i]);
        high = fmax(high, v[i]);
    }
    for (int64_t y = 0; y < m->H * zoom; y++)
        for (int64_t x = 0; x < m->W * zoom; x++) {
            double a = v[y / zoom * m->W + x / zoom];
            uint8_t *p = rgb + 3 * ((y0 + y) * width + x0 + x);
            if (is_signed) signed_heat(a > 0 ? a / high : a < 0 ? a / -low : 0, p);
            else heat(high > low ? (a - low) / (high - low) : 0, p);
        }
}

/* folder/name, with the maps in rows of COLUMNS; frees them. */
static int sheet(drawing *d, const char *name, maps m, bool is_signed, const char *what)
{
    int64_t longest = m.H > m.W ? m.H : m.W,
            zoom = longest && longest < TILE ? (TILE + longest - 1) / longest : 1;
    int64_t columns = m.n < COLUMNS ? m.n : COLUMNS,
            rows = columns ? (m.n + columns - 1) / columns : 0;
    int64_t width = columns * (m.W * zoom + GAP) + GAP, height = rows * (m.H * zoom + GAP) + GAP;
    if (!m.value || m.n == 0) {
        free(m.value);
        return m.n == 0 ? 0 : gm_fail(d->e, "out of memory for %s", name);
    }
    uint8_t *rgb = malloc((size_t)(3 * width * height));
    char *path = gm_path_join(d->folder, name);
    int bad = rgb && path ? 0 : gm_fail(d->e, "out of memory for %s", name);
    if (!bad) {
        memset(rgb, 255, (size_t)(3 * width * height));
        for (int64_t i = 0; i < m.n; i++)
            draw_map(rgb, width, GAP + i % columns * (m.W * zoom + GAP),
                     GAP + i / columns * (m.H * zoom + GAP), m.value + i * m.H * m.W, &m, zoom,
                     is_signed);
        bad = gm_png_write(path, rgb, width, height, 3, d->e);
        fprintf(d->index, "%s: %s\n", name, what);
    }
    free(rgb);
    free(path);
    free(m.value);
    return bad;
}

static maps new_maps(int64_t room, int64_t H, int64_t W)
{
    return (maps){ calloc((size_t)(room * H * W) + 1, sizeof(float)), 0, H, W };
}

/* Appends the length of each of H x W tokens (rows of C). */
static void add_lengths(maps *m, const float *x, int64_t C)
{
    for (int64_t i = 0; m->value && i < m->H * m->W; i++) {
        double sum = 0;
        for (int64_t k = 0; k < C; k++) sum += (double)x[i * C + k] * x[i * C + k];
        m->value[m->n * m->H * m->W + i] = (float)sqrt(sum);
    }
    m->n++;
}

/* The same where channels come first: x (C, H, W). */
static void add_channel_lengths(maps *m, const float *x, int64_t C)
{
    int64_t P = m->H * m->W;
    for (int64_t i = 0; m->value && i < P; i++) {
        double sum = 0;
        for (int64_t k = 0; k < C; k++) sum += (double)x[k * P + i] * x[k * P + i];
        m->value[m->n * P + i] = (float)sqrt(sum);
    }
    m->n++;
}

/* n maps that lie one after another in x. */
static maps copy_maps(const float *x, int64_t n, int64_t H, int64_t W)
{
    maps m = new_maps(n, H, W);
    if (m.value) memcpy(m.value, x, (size_t)(n * H * W) * sizeof *x);
    m.n = n;
    return m;
}

/* The l-th module of a row of them, NULL after the last. */
static const gm_tensor *layer(const drawing *d, const char *pattern, int64_t l)
{
    char name[320];
    snprintf(name, sizeof name, pattern, (long long)l);
    return trace_find(d->list, name);
}

/* ---- attention ---- */

/* Probabilities of query `row` over keys 0 .. TK, mean over heads; q (T, NH HD), k (T, NKV HD) -> p
 * (TK). */
static void attention_row(float *p, const float *q, const float *k, int64_t row, int64_t TK,
                          int64_t NH, int64_t NKV, int64_t HD)
{
    for (int64_t i = 0; i < TK; i++) p[i] = 0;
    double *s = malloc((size_t)TK * sizeof *s);
    for (int64_t h = 0; s && h < NH; h++) {
        const float *qh = q + (row * NH + h) * HD;
        double max = -INFINITY, sum = 0;
        for (int64_t i = 0; i < TK; i++) {
            const float *kh = k + (i * NKV + h / (NH / NKV)) * HD;
            s[i] = 0;
            for (int64_t j = 0; j < HD; j++) s[i] += (double)qh[j] * kh[j];
            s[i] /= sqrt((double)HD);
            max = fmax(max, s[i]);
        }
        for (int64_t i = 0; i < TK; i++) sum += exp(s[i] - max);
        for (int64_t i = 0; i < TK; i++) p[i] += (float)(exp(s[i] - max) / sum / (double)NH);
    }
    free(s);
}

/* Where CLIP's class row looks, layer by layer. */
static int clip_attention(drawing *d, int64_t G)
{
    const clip_tower *m = &d->net->clip;
    maps a = new_maps(m->L, G, G);
    int64_t T = G * G + 1;
    float *p = malloc((size_t)T * sizeof *p);
    for (int64_t l = 0; p && a.value && l < m->L && gm_ok(d->c); l++) {
        const gm_tensor *x = l ? layer(d, CLIP "encoder.layers.%lld", l - 1)
                               : trace_find(d->list, CLIP "pre_layrnorm");
        if (!x || x->dim[1] != T) break;
        gm_mark mark = gm_scope(d->c);
        int64_t C = x->dim[2];
        gm_tensor in = gm_from(d->c, GM_F32, x->data, 3, GM_DIMS(1, T, C));
        gm_tensor h = gm_layernorm(d->c, in, m->layer[l].ln1_w, m->layer[l].ln1_b, m->eps);
        gm_tensor q = gm_linear(d->c, h, m->layer[l].q_w, m->layer[l].q_b);
        gm_tensor k = gm_linear(d->c, h, m->layer[l].k_w, m->layer[l].k_b);
        q = gm_host_copy(d->c, q), k = gm_host_copy(d->c, k);
        if (gm_ok(d->c)) {
            attention_row(p, q.data, k.data, 0, T, m->NH, m->NH, C / m->NH);
            memcpy(a.value + a.n++ * G * G, p + 1, (size_t)(G * G) * sizeof *p);
        }
        free(q.data);
        free(k.data);
        gm_scope_end(d->c, mark, GM_NONE);
    }
    free(p);
    return sheet(d, "clip-attention.png", a, false,
                 "attention of CLIP's class token to the patches, layer by layer, mean over heads");
}

/* Where the state that predicts the first [SEG] looks in the image, LLaMA layer by layer. */
static int llama_attention(drawing *d, int64_t G, int64_t image_at, int64_t seg_at)
{
    const llama *m = &d->net->llama;
    maps a = new_maps(m->L, G, G);
    float *p = malloc((size_t)(seg_at + 1) * sizeof *p);
    for (int64_t l = 1; p && a.value && l < m->L && gm_ok(d->c); l++) {
        const gm_tensor *x = layer(d, "tap/model.layers.%lld", l - 1);
        if (!x || x->dim[1] <= seg_at) break;
        gm_mark mark = gm_scope(d->c);
        int64_t T = x->dim[1];
        gm_tensor in = gm_from(d->c, GM_F32, x->data, 3, GM_DIMS(1, T, x->dim[2]));
        gm_tensor angle = gm_rope_table(d->c, 0, T, m->HD, m->theta),
                  h = gm_rmsnorm(d->c, in, m->layer[l].input_norm, m->eps);
        gm_tensor q = gm_rope(d->c, gm_linear(d->c, h, m->layer[l].q_w, GM_NONE), angle);
        gm_tensor k = gm_rope(d->c, gm_linear(d->c, h, m->layer[l].k_w, GM_NONE), angle);
        q = gm_host_copy(d->c, q), k = gm_host_copy(d->c, k);
        if (gm_ok(d->c)) {
            attention_row(p, q.data, k.data, seg_at, seg_at + 1, m->NH, m->NKV, m->HD);
            memcpy(a.value + a.n++ * G * G, p + image_at, (size_t)(G * G) * sizeof *p);
        }
        free(q.data);
        free(k.data);
        gm_scope_end(d->c, mark, GM_NONE);
    }
    free(p);
    return sheet(d, "llama-attention.png", a, false,
                 "attention of the state that predicts the first [SEG] to the image tokens, LLaMA "
                 "layers 1, 2, .., mean over heads");
}

/* ---- the stages ---- */

/* Normalised pixels (3, S, S) of the first image as the encoder sees them, back to 8 bit. */
static int draw_input(drawing *d, const char *tensor, const char *name, const float mean[3],
                      const float std[3], const char *what)
{
    const gm_tensor *x = trace_find(d->list, tensor);
    if (!x) return 0;
    int64_t S = x->dim[3], P = S * x->dim[2];
    const float *v = x->data;
    uint8_t *rgb = malloc((size_t)(3 * P));
    char *path = gm_path_join(d->folder, name);
    int bad = rgb && path ? 0 : gm_fail(d->e, "out of memory for %s", name);
    for (int64_t i = 0; !bad && i < 3 * P; i++)
        rgb[i] = (uint8_t)(fmin(fmax(v[i % 3 * P + i / 3] * std[i % 3] + mean[i % 3], 0), 1) * 255 +
                           0.5);
    if (!bad) bad = gm_png_write(path, rgb, S, x->dim[2], 3, d->e);
    fprintf(d->index, "%s: %s\n", name, what);
    free(rgb);
    free(path);
    return bad;
}

static int draw_clip(drawing *d, int64_t G)
{
    int64_t n = 0;
    const gm_tensor *x;
    while (layer(d, CLIP "encoder.layers.%lld", n)) n++;
    maps lengths = new_maps(n, G, G);
    for (int64_t l = 0;
         l < n && (x = layer(d, CLIP "encoder.layers.%lld", l)) && x->dim[1] == G * G + 1; l++)
        add_lengths(&lengths, (const float *)x->data + x->dim[2], x->dim[2]);
    int bad = sheet(d, "clip-layers.png", lengths, false,
                    "length of each patch's vector after each CLIP layer");
    return bad || clip_attention(d, G) ? -1 : 0;
}

/* What every box reads from every level: (N, C, P, P). */
static int draw_region(drawing *d)
{
    const gm_tensor *x = trace_find(d->list, REGION "roi_align.roi_layers.0");
    if (!x) return 0;
    int64_t N = x->dim[0], C = x->dim[1], P = x->dim[2];
    maps rois = new_maps(4 * N, P, P);
    for (int64_t i = 0; i < N; i++)
        for (int l = 0; l < 4; l++)
            if ((x = layer(d, REGION "roi_align.roi_layers.%lld", l)))
                add_channel_lengths(&rois, (const float *)x->data + i * C * P * P, C);
    int bad = sheet(d, "region-rois.png", rois, false,
                    "what RoIAlign reads for each box from the four levels, largest map first");
    /* the last fuse step's maps: its taps are numbered by level */
    for (int l = 0; !bad && l < 4; l++) {
        char name[120], file[40], what[80];
        int64_t last = d->net->region.nfuse - 1;
        int n = snprintf(name, sizeof name, REGION "mlvl_fuse.fuse_convs.%lld", (long long)last);
        if (l) snprintf(name + n, sizeof name - (size_t)n, "#%d", l);
        snprintf(file, sizeof file, "region-level%d.png", l);
        snprintf(what, sizeof what, "first channels of the fused region map of level %d", l);
        if (!(x = trace_find(d->list, name))) continue;
        int64_t n_channels = x->dim[1] < CHANNELS ? x->dim[1] : CHANNELS;
        bad = sheet(d, file, copy_maps(x->data, n_channels, x->dim[2], x->dim[3]), false, what);
    }
    return bad;
}

static int draw_sam(drawing *d)
{
    int64_t n = 0, G = d->net->sam.G;
    const gm_tensor *x;
    while (layer(d, SAM "blocks.%lld", n)) n++;
    maps lengths = new_maps(n, G, G);
    for (int64_t l = 0; l < n; l++) {
        x = layer(d, SAM "blocks.%lld", l);
        add_lengths(&lengths, x->data, x->dim[3]);
    }
    int bad = sheet(d, "sam-blocks.png", lengths, false,
                    "length of each token's vector after each SAM block");
    x = trace_find(d->list, SAM "neck");
    if (bad || !x) return bad;
    int64_t channels = x->dim[1] < CHANNELS ? x->dim[1] : CHANNELS;
    return sheet(d, "sam-neck.png", copy_maps(x->data, channels, G, G), true,
                 "first channels of SAM's image embedding");
}

/* Vector lengths of every position (columns) after every layer (rows), on a logarithmic scale. */
static int draw_llama(drawing *d)
{
    int64_t n = 0;
    const gm_tensor *x = trace_find(d->list, "tap/model.layers.0");
    while (layer(d, "tap/model.layers.%lld", n)) n++;
    if (!x) return 0;
    int64_t T = x->dim[1], C = x->dim[2];
    maps one = new_maps(1, n * BAND, T);
    for (int64_t l = 0; one.value && l < n * BAND; l++) {
        maps row = { one.value + l * T, 0, 1, T };
        add_lengths(&row, layer(d, "tap/model.layers.%lld", l / BAND)->data, C);
    }
    for (int64_t i = 0; one.value && i < n * BAND * T; i++)
        one.value[i] = logf(one.value[i] + 1e-6f);
    one.n = 1;
    return sheet(d, "llama-layers.png", one, false,
                 "length of the vector at each position (left to right) after each LLaMA layer "
                 "(top to bottom), logarithmic");
}

static int draw_masks(drawing *d)
{
    const gm_tensor *low = trace_find(d->list, DECODER ":0"),
                    *full = trace_find(d->list, "mask_logits/0");
    int bad = 0;
    if (low) {
        int64_t n = low->dim[0] < SHEET_MAPS ? low->dim[0] : SHEET_MAPS;
        bad =
            sheet(d, "masks-low.png", copy_maps(low->data, n, low->dim[2], low->dim[3]), true,
                  "mask logits as the decoder gives them: red inside, white at zero, blue outside");
    }
    if (!bad && full && full->dim[0]) {
        int64_t n = full->dim[0] < SHEET_MAPS ? full->dim[0] : SHEET_MAPS;
        bad = sheet(d, "masks.png", copy_maps(full->data, n, full->dim[1], full->dim[2]), true,
                    "mask logits at the size of the image");
    }
    return bad;
}

static int draw_all(drawing *d)
{
    static const float sam_mean[3] = { 123.675f / 255, 116.28f / 255, 103.53f / 255 };
    static const float sam_std[3] = { 58.395f / 255, 57.12f / 255, 57.375f / 255 };
    const gm_config *g = &d->net->config;
    int64_t G = g->clip.image / g->clip.patch, image_at = 0, seg = 0;
    const int32_t *ids = d->in->ids;
    for (int64_t i = 1; i < d->in->batch.L; i++) {
        if (ids[i] == GM_IMAGE_ID) image_at = i;
        if (ids[i] == d->net->seg && !seg) seg = i;
    }
    int bad = draw_input(d, "clip_pixels", "input-clip.png", g->clip.mean, g->clip.std,
                         "the image as CLIP sees it");
    bad = bad || draw_input(d, "sam_pixels", "input-sam.png", sam_mean, sam_std,
                            "the image as SAM sees it");
    bad = bad || draw_clip(d, G) || draw_region(d) || draw_llama(d);
    if (!bad && seg > image_at) bad = llama_attention(d, G, image_at, seg - 1 + G * G - 1);
    bad = bad || draw_sam(d) || draw_masks(d);
    if (!bad && !gm_ok(d->c)) bad = gm_fail(d->e, "%s", gm_error_text(d->c));
    return bad;
}

int trace_pictures(const trace_list *l, gm_ctx *c, const gm_model *m, const trace_inputs *in,
                   const char *folder, gm_error *e)
{
    gm_writer w;
    if (gm_make_dir(folder, e)) return -1;
    char *index = gm_path_join(folder, "index.txt");
    int bad = index ? gm_create(&w, index, e) : gm_fail(e, "out of memory");
    free(index);
    if (bad) return -1;
    drawing d = {
        .list = l, .c = c, .net = &m->net, .in = in, .folder = folder, .index = w.file, .e = e
    };
    if (draw_all(&d) == 0) return gm_commit(&w, e);
    gm_discard(&w);
    return -1;
}
