/* Merging low-rank adapters while loading.  Source: peft 0.5.0 tuners/lora.py, Linear.merge. */
#include "weights.h"

#include <stdlib.h>
#include <string.h>
#include "../ref/kernels/typed.h"
#include "os.h"

void gm_lora_row(float *row, const float *A, const float *B, int64_t in, int64_t r, float scale,
                 int64_t o)
{
    for (int64_t i = 0; i < in; i++) {
        float sum = 0;
        for (int64_t k = 0; k < r; k++) sum += B[o * r + k] * A[k * in + i];
        row[i] += scale * sum;
    }
}

static void *merged_copy(gm_tensor W, const float *A, const float *B, int64_t r, float scale)
{
    int64_t out = W.dim[0], in = W.dim[1];
    size_t each = gm_type_size(W.type);
    uint8_t *y = gm_aligned_alloc((size_t)(out * in) * each);
    float *row = malloc((size_t)(in + 1) * sizeof *row);
    uint16_t (*round_to)(float) = W.type == GM_BF16 ? gm_to_bf16 : gm_to_f16;
    for (int64_t o = 0; y && row && o < out; o++) {
        uint8_t *to = y + (size_t)(o * in) * each;
        gm_to_float(row, (const uint8_t *)W.data + (size_t)(o * in) * each, W.type, in);
        gm_lora_row(row, A, B, in, r, scale, o);
        if (W.type == GM_F32) memcpy(to, row, (size_t)in * each);
        else for (int64_t i = 0; i < in; i++) ((uint16_t *)to)[i] = round_to(row[i]);
    }
    if (!row) {
        free(y);
        y = NULL;
    }
    free(row);
    return y;
}

/* A's or B's values as float: malloc'ed. */
static float *values(gm_tensor x)
{
    int64_t n = gm_numel(x);
    float *y = malloc((size_t)(n + 1) * sizeof *y);
    if (y) gm_to_float(y, x.data, x.type, n);
    return y;
}

static bool is_matrix(gm_tensor x)
{
    return x.nd == 2 && (x.type == GM_F32 || x.type == GM_BF16 || x.type == GM_F16);
}

static int merge_pair(gm_weights *w, gm_weight_entry *a, gm_weight_entry *b, const char *target,
                      double alpha, gm_error *e)
{
    gm_weight_entry *t = gm_weights_find(w, target);
    char sa[100], sb[100], st[100];
    if (!t)
        return gm_fail(e, "%s: %s: the checkpoint has no %s to merge it into", a->file, a->name,
                       target);
    gm_tensor A = a->x, B = b->x, W = t->x;
    if (!is_matrix(A) || !is_matrix(B) || !is_matrix(W) || A.dim[0] < 1 || B.dim[1] != A.dim[0] ||
        W.dim[0] != B.dim[0] || W.dim[1] != A.dim[1])
        return gm_fail(e, "%s: %s: A %s and B %s do not fit the weight %s", a->file, target,
                       gm_shape_text(sa, A), gm_shape_text(sb, B), gm_shape_text(st, W));
    float *fa = values(A), *fb = values(B);
    void *y = fa && fb ? merged_copy(W, fa, fb, A.dim[0], (float)(alpha / (double)A.dim[0])) : NULL;
    free(fa);
    free(fb);
    if (!y) return gm_fail(e, "%s: %s: out of memory while merging", a->file, target);
    size_t bytes = gm_bytes(W);
    if (t->merged) w->owned -= bytes;
    free(t->merged);
    t->merged = t->x.data = y;
    w->owned += bytes;
    a->used = b->used = true;
    return 0;
}

/* The other half of the pair: the same name with A and B exchanged. */
static gm_weight_entry *partner(const gm_weights *from, const gm_weight_entry *a)
{
    char name[GM_NAME_MAX];
    strcpy(name, a->name);
    strstr(name, ".lora_A.")[6] = 'B';
    return gm_weights_find(from, name);
}

int gm_lora_merge(gm_weights *w, gm_weights *from, double alpha, int64_t *merged, gm_error *e)
{
    *merged = 0;
    for (int64_t i = 0; i < from->n; i++) {
        gm_weight_entry *a = &from->entry[i];
        char target[GM_NAME_MAX];
        if (a->used || strlen(a->name) >= GM_NAME_MAX ||
            !gm_lora_target(target, sizeof target, a->name))
            continue;
        gm_weight_entry *b = partner(from, a);
        if (!b) return gm_fail(e, "%s: %s: its lora_B is missing", a->file, a->name);
        if (merge_pair(w, a, b, target, alpha, e) != 0) return -1;
        ++*merged;
    }
    for (int64_t i = 0; i < from->n; i++) {
        if (!from->entry[i].used && gm_name_is_lora(from->entry[i].name))
            return gm_fail(e, "%s: %s: half a pair, or a name that is not understood",
                           from->entry[i].file, from->entry[i].name);
    }
    return 0;
}
