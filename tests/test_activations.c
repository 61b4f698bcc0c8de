/* Products with 8-bit activations against llama.cpp's own (golden/make_activations.py), and with
 * bfloat16 ones. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/file.h"
#include "../io/quantise.h"
#include "../ref/backend.h"
#include "../ref/kernels/cpu_dots.h"
#include "../ref/kernels/typed.h"
#include "amx_emulated.h"
#include "compare.h"
#include "hash.h"

#define STORED "golden/gguf/activations.gguf"
enum { R = 6, N = 5, K = 96, BLOCKS = K / GM_BLOCK };

static const struct { const char *name; gm_dtype type; } TYPES[] = {
    { "q8_0", GM_Q8_0 }, { "q4_0", GM_Q4_0 }, { "q4_1", GM_Q4_1 },
};

static gm_kernels table(const char *backend, const char *activations)
{
    gm_kernels k;
    gm_error e = { "" };
    gm_engine none = { 0 };
    ck_assert_int_eq(gm_backend(&k, backend, &e), 0);
    ck_assert_msg(gm_backend_activations(&k, &none, activations, &e) == 0, "%s", e.text);
    return k;
}

static gm_tensor stored(const gm_file *f, const char *prefix, const char *name)
{
    char full[40];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return gm_file_find(f, full);
}

START_TEST(blocks_are_llama_cpp_s)
{
    gm_error e = { "" };
    gm_file *f = gm_file_open(STORED, &e);
    ck_assert_msg(f != NULL, "%s", e.text);
    gm_tensor x = gm_file_find(f, "x"), want = gm_file_find(f, "rounded");
    ck_assert(gm_numel(x) == R * K && gm_numel(want) == R * BLOCKS * 36 && want.type == GM_I32);
    for (int i = 0; i < R * BLOCKS; i++) {
        gm_q8_block got;
        const int32_t *b = (const int32_t *)want.data + 36 * i;     /* a byte each */
        gm_round_q8(&got, (const float *)x.data + i * GM_BLOCK);
        for (int k = 0; k < GM_BLOCK; k++) ck_assert_int_eq(got.q[k], b[4 + k]);
        ck_assert_float_eq(got.d, gm_from_f16((uint16_t)((b[0] & 255) | (b[1] & 255) << 8)));
        ck_assert_float_eq(got.s, gm_from_f16((uint16_t)((b[2] & 255) | (b[3] & 255) << 8)));
    }
    gm_file_close(f);
}
END_TEST

/* Every processor's rounding is the same bits: many sizes, zeros, tiny, NaN, Inf. */
START_TEST(each_processor_s_rounding)
{
    for (uint32_t i = 0; i < 4000; i++) {
        float x[GM_BLOCK];
        gm_q8_block got, want;
        for (uint32_t k = 0; k < GM_BLOCK; k++)
            x[k] = ldexpf(i % 5 ? hash_uniform(7, 32 * i + k) : (float)(k % 9) - 4.5f,
                          (int)(i % 97) * 3 - 150);
        if (i % 31 == 0) memset(x, 0, sizeof x);
        if (i % 41 == 0) x[i % 32] = i % 2 ? NAN : -INFINITY;
        gm_round_q8(&want, x);
        cpu_round_q8(&got, x, 1);
        ck_assert_mem_eq(got.q, want.q, sizeof want.q);
        ck_assert(got.d == want.d || (isnan(got.d) && isnan(want.d)));
        ck_assert(got.s == want.s || (isnan(got.s) && isnan(want.s)));
    }
}
END_TEST

/* The absolute terms of a product, each of two whole numbers: llama.cpp adds four of them exactly
 * and the rest in float32. */
static float size_of(const float *x, const uint8_t *w, gm_dtype type, int64_t blocks)
{
    double sum = 0;
    for (int64_t i = 0; i < blocks; i++, w += gm_block_bytes(type)) {
        gm_q8_block q;
        double dot = 0, m = type == GM_Q4_1 ? (double)gm_half_at(w + 2) : 0;
        gm_round_q8(&q, x + i * GM_BLOCK);
        for (int k = 0; k < GM_BLOCK; k++)
            dot += fabs(q.q[k] * ((double)gm_quantised(w, type, k) - m));
        sum += (double)q.d * dot + (m != 0 ? fabs(m * (double)q.s) : 0);
    }
    return (float)sum;
}

/* y (rows, outputs) = x w^T by the product for AMX on emulated tiles. */
static void emulated8(float *y, const float *x, const uint8_t *w, gm_dtype type, int64_t rows,
                      int64_t outputs, int64_t blocks)
{
    int64_t row = blocks * gm_block_bytes(type);
    float *out = malloc((size_t)cpu_panel_size(rows) * sizeof *out);
    void *packed = malloc(amx_emulated8.bytes(rows, blocks));
    amx_emulated8.pack(packed, x, type, rows, blocks);
    for (int64_t i = 0; i < outputs; i += CPU_PANEL) {
        int64_t columns = outputs - i < CPU_PANEL ? outputs - i : CPU_PANEL;
        amx_emulated8.product(out, packed, w + i * row, type, rows, columns, blocks);
        cpu_place_panel(y, out, NULL, rows, outputs, i);
    }
    free(out), free(packed);
}

/* On both tables and on emulated tiles. */
START_TEST(products_are_llama_cpp_s)
{
    gm_error e = { "" };
    gm_file *f = gm_file_open(STORED, &e);
    ck_assert_msg(f != NULL, "%s", e.text);
    gm_dtype type = TYPES[_i / 3].type;
    gm_kernels k = table(_i % 3 ? "cpu" : "ref", "q8");
    gm_tensor x = gm_file_find(f, "x"), w = gm_file_find(f, TYPES[_i / 3].name),
              want = stored(f, "dot.", TYPES[_i / 3].name);
    ck_assert(w.type == type && gm_numel(w) == N * K && gm_numel(want) == R * N);
    float got[R * N], size[R * N];
    void *scratch = malloc(k.linear_scratch(type, R, N, K) + 64);
    if (_i % 3 == 2) emulated8(got, x.data, w.data, type, R, N, BLOCKS);
    else ck_assert_int_eq(k.linear(got, x.data, w.data, type, NULL, R, N, K, scratch), 0);
    for (int o = 0; o < R * N; o++)
        size[o] = size_of((const float *)x.data + o / N * K,
                          (const uint8_t *)w.data + o % N * BLOCKS * gm_block_bytes(type), type,
                          BLOCKS);
    gm_comparison c = gm_compare_each(got, want.data, R * N, size, 4 * GM_EPS);
    char text[400];
    ck_assert_msg(c.verdict == GM_PASS, "%s", gm_comparison_text(text, sizeof text, &c));
    free(scratch);
    gm_file_close(f);
}
END_TEST

/* Sizes of more than one task, a bias, and what other weights do: as without the switch. */
START_TEST(cpu_agrees_with_the_oracle)
{
    static const int64_t sizes[][3] = { { 1, 1, 32 },   { 1, 300, 576 }, { 3, 33, 4096 },
                                        { 40, 65, 96 }, { 5, 64, 256 },  { 7, 130, 544 },
                                        { 11, 17, 288 }, { 9, 18, 64 } };
    const int64_t *s = sizes[_i / 3], n = s[0] * s[1];
    gm_dtype type = TYPES[_i % 3].type;
    gm_kernels cpu = table("cpu", "q8"), ref = table("ref", "q8");
    float *x = malloc((size_t)(s[0] * s[2]) * 4), *w = malloc((size_t)(s[1] * s[2]) * 4),
          *b = malloc((size_t)s[1] * 4), *y[2], *size = malloc((size_t)n * 4);
    for (int64_t i = 0; i < s[0] * s[2]; i++) x[i] = hash_uniform(1, (uint32_t)i);
    for (int64_t i = 0; i < s[1] * s[2]; i++) w[i] = hash_uniform(2, (uint32_t)i);
    for (int64_t i = 0; i < s[1]; i++) b[i] = hash_uniform(3, (uint32_t)i);
    gm_quantise(w, type, w, s[1] * s[2]);
    for (int t = 0; t < 2; t++) {
        const gm_kernels *k = t ? &ref : &cpu;
        void *scratch = malloc(k->linear_scratch(type, s[0], s[1], s[2]) + 64);
        y[t] = malloc((size_t)n * 4);
        ck_assert_int_eq(k->linear(y[t], x, w, type, b, s[0], s[1], s[2], scratch), 0);
        free(scratch);
    }
    int64_t row = s[2] / GM_BLOCK * gm_block_bytes(type);
    for (int64_t o = 0; o < n; o++)
        size[o] = fabsf(b[o % s[1]]) + size_of(x + o / s[1] * s[2],
                                               (const uint8_t *)w + o % s[1] * row, type,
                                               s[2] / GM_BLOCK);
    gm_comparison c = gm_compare_each(y[0], y[1], n, size, 4 * GM_EPS);
    char text[400];
    ck_assert_msg(c.verdict == GM_PASS || (n == 1 && c.bad == 0), "%s",
                  gm_comparison_text(text, sizeof text, &c));
    free(x), free(w), free(b), free(y[0]), free(y[1]), free(size);
}
END_TEST

/* Every product that this processor has, on rows of 1 to 20 blocks: whole groups and a rest. */
START_TEST(each_processor_s_product)
{
    const cpu_dots8 *here;
    gm_dtype type = TYPES[_i].type;
    gm_kernels ref = table("ref", "q8");
    for (int t = 0; (here = cpu_best_dots8(t)) != NULL; t++)
        for (int64_t blocks = 1; blocks <= 20; blocks++) {
            const cpu_dot8 dot[3] = { here->q8_0, here->q4_0, here->q4_1 };
            float x[20 * GM_BLOCK], w[20 * GM_BLOCK], want;
            gm_q8_block room[20];
            cpu_group8 packed[3];
            int64_t width = blocks * GM_BLOCK;
            for (int i = 0; i < width; i++) x[i] = hash_uniform(7, (uint32_t)i);
            for (int i = 0; i < width; i++) w[i] = hash_uniform(8, (uint32_t)i);
            uint8_t *q = malloc(gm_type_bytes(type, width)); /* not a byte more: sanitizers see */
            gm_quantise(q, type, w, width);
            cpu_pack8(packed, x, type, blocks);
            ck_assert_int_eq(ref.linear(&want, x, q, type, NULL, 1, 1, width, room), 0);
            float got = dot[_i](q, packed, blocks);
            ck_assert_msg(fabsf(got - want) <= 4 * (float)GM_EPS * size_of(x, q, type, blocks),
                          "%s, %d blocks: %.9g, wanted %.9g", here->name, (int)blocks,
                          (double)got, (double)want);
            free(q);
        }
}
END_TEST

/* The product for AMX on emulated tiles: around 32 rows, 64 outputs, 32 and 256 inputs. */
START_TEST(amx_tiles)
{
    static const int64_t sizes[][3] = { { 5, 3, 7 }, { 33, 65, 65 }, { 32, 64, 256 },
                                        { 40, 100, 289 } };
    const int64_t *s = sizes[_i], n = s[0] * s[1];
    gm_kernels ref = table("ref", "bf16");
    float *x = malloc((size_t)(s[0] * s[2]) * 4), *got = malloc((size_t)cpu_panel_size(s[0]) * 4),
          *y = malloc((size_t)n * 4), *want = malloc((size_t)n * 4);
    uint16_t *w = malloc((size_t)(s[1] * s[2]) * 2);
    for (int64_t i = 0; i < s[0] * s[2]; i++) x[i] = hash_uniform(1, (uint32_t)i);
    for (int64_t i = 0; i < s[1] * s[2]; i++) w[i] = gm_to_bf16(hash_uniform(2, (uint32_t)i));
    void *packed = malloc(amx_emulated.bytes(s[0], s[2]));
    void *scratch = malloc(ref.linear_scratch(GM_BF16, s[0], s[1], s[2]));
    amx_emulated.pack(packed, x, s[0], s[2]);
    for (int64_t i = 0; i < s[1]; i += CPU_PANEL) {
        int64_t columns = s[1] - i < CPU_PANEL ? s[1] - i : CPU_PANEL;
        amx_emulated.bf16(got, packed, w + i * s[2], s[0], columns, s[2]);
        cpu_place_panel(y, got, NULL, s[0], s[1], i);
    }
    ck_assert_int_eq(ref.linear(want, x, w, GM_BF16, NULL, s[0], s[1], s[2], scratch), 0);
    for (int64_t i = 0; i < n; i++)
        ck_assert_float_eq_tol(y[i], want[i], 4 * (float)GM_EPS * (float)s[2]);
    free(x), free(got), free(y), free(want), free(w), free(packed), free(scratch);
}
END_TEST

/* The same for weights in blocks: around 16 and 32 rows, 64 outputs, 8 blocks; a row whose s is
 * beyond f16's range, which only q4_1 may notice. */
START_TEST(amx_tiles_8)
{
    static const int64_t sizes[][3] = { { 5, 3, 1 }, { 33, 65, 9 }, { 32, 64, 8 }, { 16, 70, 17 } };
    const int64_t *s = sizes[_i / 3], n = s[0] * s[1], blocks = s[2], width = blocks * GM_BLOCK;
    gm_dtype type = TYPES[_i % 3].type;
    int64_t row = blocks * gm_block_bytes(type);
    gm_kernels ref = table("ref", "q8");
    float *x = malloc((size_t)(s[0] * width) * 4), *w = malloc((size_t)(s[1] * width) * 4),
          *y = malloc((size_t)n * 4), *want = malloc((size_t)n * 4), *size = malloc((size_t)n * 4);
    for (int64_t i = 0; i < s[0] * width; i++) x[i] = hash_uniform(1, (uint32_t)i);
    for (int64_t i = 0; i < GM_BLOCK && type != GM_Q4_1; i++) x[i] = 9000;
    for (int64_t i = 0; i < s[1] * width; i++) w[i] = hash_uniform(2, (uint32_t)i);
    gm_quantise(w, type, w, s[1] * width);
    const uint8_t *q = (const uint8_t *)w;
    void *scratch = malloc(ref.linear_scratch(type, s[0], s[1], width) + 64);
    emulated8(y, x, q, type, s[0], s[1], blocks);
    ck_assert_int_eq(ref.linear(want, x, q, type, NULL, s[0], s[1], width, scratch), 0);
    for (int64_t o = 0; o < n; o++)
        size[o] = size_of(x + o / s[1] * width, q + o % s[1] * row, type, blocks);
    gm_comparison c = gm_compare_each(y, want, n, size, 4 * GM_EPS);
    char text[400];
    ck_assert_msg(c.verdict == GM_PASS, "%s", gm_comparison_text(text, sizeof text, &c));
    free(x), free(y), free(want), free(size), free(w), free(scratch);
}
END_TEST

/* bfloat16: the processor's product, and what few rows and other processors do, against the oracle;
 * sizes around tiles of 6 rows, panels of 64 outputs and runs of 192 inputs. */
START_TEST(bf16_agrees_with_the_oracle)
{
    static const int64_t sizes[][3] = { { 1, 9, 64 },    { 4, 70, 33 },   { 5, 1, 1 },
                                        { 6, 64, 192 },  { 7, 65, 193 },  { 13, 130, 31 },
                                        { 5, 16, 385 },  { 29, 79, 450 },
                                        { 9, 29, 36 },   { 10, 29, 71 } };
    const int64_t *s = sizes[_i], n = s[0] * s[1];
    gm_kernels k[2] = { table("cpu", "bf16"), table("ref", "bf16") };
    float *x = malloc((size_t)(s[0] * s[2]) * 4), *b = malloc((size_t)s[1] * 4),
          *size = malloc((size_t)n * 4), *y[2];
    uint16_t *w = malloc((size_t)(s[1] * s[2]) * 2);
    for (int64_t i = 0; i < s[0] * s[2]; i++) x[i] = hash_uniform(1, (uint32_t)i);
    for (int64_t i = 0; i < s[1] * s[2]; i++) w[i] = gm_to_bf16(hash_uniform(2, (uint32_t)i));
    for (int64_t i = 0; i < s[1]; i++) b[i] = hash_uniform(3, (uint32_t)i);
    for (int t = 0; t < 2; t++) {
        size_t bytes = k[t].linear_scratch(GM_BF16, s[0], s[1], s[2]);
        void *scratch = aligned_alloc(64, (bytes + 127) / 64 * 64);
        y[t] = malloc((size_t)n * 4);
        for (int64_t i = 0; i < n; i++) y[t][i] = NAN;
        ck_assert_int_eq(k[t].linear(y[t], x, w, GM_BF16, b, s[0], s[1], s[2], scratch), 0);
        free(scratch);
    }
    for (int64_t o = 0; o < n; o++) {
        size[o] = fabsf(b[o % s[1]]);
        for (int64_t i = 0; i < s[2]; i++)
            size[o] += fabsf(x[o / s[1] * s[2] + i] * gm_from_bf16(w[o % s[1] * s[2] + i]));
    }
    gm_comparison c = gm_compare_each(y[0], y[1], n, size, 4 * GM_EPS);
    char text[400];
    ck_assert_msg(c.verdict == GM_PASS, "%s", gm_comparison_text(text, sizeof text, &c));
    free(x), free(w), free(b), free(y[0]), free(y[1]), free(size);
}
END_TEST

START_TEST(other_weights_are_as_before)
{
    float x[2 * 32], w[3 * 32], y[2][6];
    gm_kernels k[2] = { table(_i ? "cpu" : "ref", "f32"), table(_i ? "cpu" : "ref", "q8") };
    for (int i = 0; i < 64; i++) x[i] = hash_uniform(4, (uint32_t)i);
    for (int i = 0; i < 96; i++) w[i] = hash_uniform(5, (uint32_t)i);
    for (int t = 0; t < 2; t++)
        ck_assert_int_eq(k[t].linear(y[t], x, w, GM_F32, NULL, 2, 3, 32, NULL), 0);
    ck_assert_mem_eq(y[0], y[1], sizeof y[0]);
}
END_TEST

START_TEST(what_is_not_finite_stays_so)
{
    float x[64] = { 0 }, w[64], y[2];
    gm_kernels k = table(_i / 2 ? "cpu" : "ref", "q8");
    for (int i = 0; i < 64; i++) w[i] = 1 + hash_uniform(6, (uint32_t)i);
    gm_quantise(w, GM_Q4_1, w, 64);
    x[40] = _i % 2 ? NAN : INFINITY;
    void *scratch = malloc(k.linear_scratch(GM_Q4_1, 1, 1, 64) + 64);
    ck_assert_int_eq(k.linear(y, x, w, GM_Q4_1, NULL, 1, 1, 64, scratch), 0);
    ck_assert(!isfinite(y[0]));
    free(scratch);
}
END_TEST

START_TEST(names_of_activations)
{
    gm_error e = { "" };
    gm_kernels k = table("cpu", NULL);
    gm_engine none = { 0 };
    ck_assert_int_ne(gm_backend_activations(&k, &none, "q7", &e), 0);
    ck_assert_str_eq(e.text, "activations q7: wanted f32, bf16 or q8");
}
END_TEST

Suite *test_activations(void);
Suite *test_activations(void)
{
    Suite *s = suite_create("activations");
    TCase *t = tcase_create("activations");
    tcase_add_test(t, blocks_are_llama_cpp_s);
    tcase_add_test(t, each_processor_s_rounding);
    tcase_add_loop_test(t, products_are_llama_cpp_s, 0, 9);
    tcase_add_loop_test(t, cpu_agrees_with_the_oracle, 0, 24);
    tcase_add_loop_test(t, each_processor_s_product, 0, 3);
    tcase_add_loop_test(t, bf16_agrees_with_the_oracle, 0, 10);
    tcase_add_loop_test(t, amx_tiles, 0, 4);
    tcase_add_loop_test(t, amx_tiles_8, 0, 12);
    tcase_add_loop_test(t, other_weights_are_as_before, 0, 2);
    tcase_add_loop_test(t, what_is_not_finite_stays_so, 0, 4);
    tcase_add_test(t, names_of_activations);
    suite_add_tcase(s, t);
    return s;
}
