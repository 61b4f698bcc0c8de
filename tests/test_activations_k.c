/* Products of weights in blocks of 256 with 8-bit activations against llama.cpp's own
 * (golden/make_activations_k.py), and of every processor against the oracle. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/file.h"
#include "../ref/backend.h"
#include "../ref/kernels/cpu_dots.h"
#include "../ref/kernels/cpu_few.h"
#include "../ref/kernels/typed.h"
#include "compare.h"
#include "hash.h"

#define STORED "golden/gguf/activations_k.gguf"
enum { R = 6, N = 5, K = 512, BLOCKS = K / GM_K_BLOCK, STORED_BLOCK = 292, MOST = 5 };

static const struct { const char *name, *dot; gm_dtype type; } TYPES[] = {
    { "q4_K", "dot.q4_K", GM_Q4_K }, { "q5_K", "dot.q5_K", GM_Q5_K },
    { "q6_K", "dot.q6_K", GM_Q6_K },
};

static gm_kernels table(const char *backend)
{
    gm_kernels k;
    gm_error e = { "" };
    gm_engine none = { 0 };
    ck_assert_int_eq(gm_backend(&k, backend, &e), 0);
    ck_assert_msg(gm_backend_activations(&k, &none, "q8", &e) == 0, "%s", e.text);
    return k;
}

static int byte_at(const int32_t *b, int i) { return b[i] & 255; }

START_TEST(blocks_are_llama_cpp_s)
{
    gm_error e = { "" };
    gm_file *f = gm_file_open(STORED, &e);
    ck_assert_msg(f != NULL, "%s", e.text);
    gm_tensor x = gm_file_find(f, "x"), want = gm_file_find(f, "rounded");
    ck_assert(gm_numel(x) == R * K && gm_numel(want) == R * BLOCKS * STORED_BLOCK);
    for (int i = 0; i < R * BLOCKS; i++) {
        gm_k8_block got;
        const int32_t *b = (const int32_t *)want.data + STORED_BLOCK * i;       /* a byte each */
        gm_round_k8(&got, (const float *)x.data + i * GM_K_BLOCK);
        for (int k = 0; k < GM_K_BLOCK; k++) ck_assert_int_eq(got.q[k], b[4 + k]);
        uint32_t d = 0;
        for (int k = 0; k < 4; k++) d |= (uint32_t)byte_at(b, k) << 8 * k;
        ck_assert_float_eq(got.d, gm_float_of_bits(d));
        for (int j = 0; j < GM_K_BLOCK / 16; j++)
            ck_assert_int_eq(got.sums[j], (int16_t)(byte_at(b, 260 + 2 * j) |
                                                    byte_at(b, 261 + 2 * j) << 8));
    }
    gm_file_close(f);
}
END_TEST

/* The absolute terms of a product: of whole numbers, and of minima with sums. */
static float size_of(const float *x, const uint8_t *w, gm_dtype type, int64_t blocks)
{
    double sum = 0;
    for (int64_t i = 0; i < blocks; i++, w += gm_block_bytes(type)) {
        gm_k8_block q;
        gm_round_k8(&q, x + i * GM_K_BLOCK);
        for (int k = 0; k < GM_K_BLOCK; k++) {
            double m = type == GM_Q6_K ? 0 : (double)gm_half_at(w + 2) * gm_k_least(w + 4, k / 32);
            sum += fabs((double)q.d * q.q[k] * ((double)gm_k_quantised(w, type, k) + m)) +
                   fabs((double)q.d * q.q[k] * m);
        }
    }
    return (float)sum;
}

static void judge(const float *got, const float *want, const float *size, int64_t n)
{
    gm_comparison c = gm_compare_each(got, want, n, size, 4 * GM_EPS);
    char text[400];
    ck_assert_msg(c.verdict == GM_PASS || (n == 1 && c.bad == 0), "%s",
                  gm_comparison_text(text, sizeof text, &c));
}

START_TEST(products_are_llama_cpp_s)
{
    gm_error e = { "" };
    gm_file *f = gm_file_open(STORED, &e);
    ck_assert_msg(f != NULL, "%s", e.text);
    gm_dtype type = TYPES[_i / 2].type;
    gm_kernels k = table(_i % 2 ? "cpu" : "ref");
    gm_tensor x = gm_file_find(f, "x"), w = gm_file_find(f, TYPES[_i / 2].name),
              want = gm_file_find(f, TYPES[_i / 2].dot);
    ck_assert(w.type == type && gm_numel(w) == N * K && gm_numel(want) == R * N);
    float got[R * N], size[R * N];
    void *scratch = malloc(k.linear_scratch(type, R, N, K) + 64);
    ck_assert_int_eq(k.linear(got, x.data, w.data, type, NULL, R, N, K, scratch), 0);
    for (int o = 0; o < R * N; o++)
        size[o] = size_of((const float *)x.data + o / N * K,
                          (const uint8_t *)w.data + o % N * BLOCKS * gm_block_bytes(type), type,
                          BLOCKS);
    judge(got, want.data, size, R * N);
    free(scratch);
    gm_file_close(f);
}
END_TEST

/* Rows of random bits under small scales. */
static uint8_t *random_rows(gm_dtype type, int64_t blocks)
{
    int64_t bytes = gm_block_bytes(type);
    uint8_t *w = malloc((size_t)(blocks * bytes));
    for (int64_t i = 0; i < blocks * bytes; i++)
        w[i] = (uint8_t)(hash_uniform(2, (uint32_t)i) * 127 + 128);
    for (int64_t b = 0; b < blocks; b++) {
        uint16_t half[2] = { gm_to_f16(hash_uniform(3, (uint32_t)b)),
                             gm_to_f16(hash_uniform(4, (uint32_t)b)) };
        if (type == GM_Q6_K) memcpy(w + b * bytes + 208, half, 2);
        else memcpy(w + b * bytes, half, 4);
    }
    return w;
}

/* Sizes on both sides of what one way of multiplying does, a bias, and a rest of outputs. */
START_TEST(cpu_agrees_with_the_oracle)
{
    static const int64_t sizes[][3] = { { 1, 1, 256 },  { 1, 17, 768 },  { 2, 16, 256 },
                                        { 3, 33, 512 }, { 7, 40, 1280 }, { 13, 31, 512 },
                                        { 5, 9, 512 },  { 19, 65, 256 }, { 40, 130, 1024 } };
    const int64_t *s = sizes[_i / 3], n = s[0] * s[1];
    gm_dtype type = TYPES[_i % 3].type;
    gm_kernels k[2] = { table("cpu"), table("ref") };
    float *x = malloc((size_t)(s[0] * s[2]) * 4), *b = malloc((size_t)s[1] * 4), *y[2],
          *size = malloc((size_t)n * 4);
    int64_t blocks = s[2] / GM_K_BLOCK;
    uint8_t *w = random_rows(type, s[1] * blocks);
    for (int64_t i = 0; i < s[0] * s[2]; i++) x[i] = hash_uniform(1, (uint32_t)i);
    for (int64_t i = 0; i < s[1]; i++) b[i] = hash_uniform(5, (uint32_t)i);
    for (int t = 0; t < 2; t++) {
        void *scratch = aligned_alloc(64, (k[t].linear_scratch(type, s[0], s[1], s[2]) + 127) /
                                              64 * 64);
        y[t] = malloc((size_t)n * 4);
        for (int64_t i = 0; i < n; i++) y[t][i] = NAN;
        ck_assert_int_eq(k[t].linear(y[t], x, w, type, b, s[0], s[1], s[2], scratch), 0);
        free(scratch);
    }
    for (int64_t o = 0; o < n; o++)
        size[o] = fabsf(b[o % s[1]]) + size_of(x + o / s[1] * s[2],
                                               w + o % s[1] * blocks * gm_block_bytes(type), type,
                                               blocks);
    judge(y[0], y[1], size, n);
    free(x), free(w), free(b), free(y[0]), free(y[1]), free(size);
}
END_TEST

/* What processors without VNNI run. */
START_TEST(each_processor_s_product)
{
    const cpu_dots_k8 *tables[2] = { &cpu_dots_k8_plain, cpu_best_dots_k8() };
    gm_dtype type = TYPES[_i].type;
    gm_kernels ref = table("ref");
    for (int t = 0; t < 2 && tables[t]; t++)
        for (int64_t blocks = 1; blocks <= MOST; blocks++) {
            const cpu_dot_k8 dot[3] = { tables[t]->q4_k, tables[t]->q5_k, tables[t]->q6_k };
            float x[MOST * GM_K_BLOCK], want;
            gm_k8_block room[MOST], rounded[MOST];
            int64_t width = blocks * GM_K_BLOCK;
            uint8_t *w = random_rows(type, blocks);
            for (int64_t i = 0; i < width; i++) x[i] = hash_uniform(1, (uint32_t)i);
            for (int64_t b = 0; b < blocks; b++) gm_round_k8(&rounded[b], x + b * GM_K_BLOCK);
            ck_assert_int_eq(ref.linear(&want, x, w, type, NULL, 1, 1, width, room), 0);
            float got = dot[_i](w, rounded, blocks);
            ck_assert_msg(fabsf(got - want) <= 4 * (float)GM_EPS * size_of(x, w, type, blocks),
                          "%s, %d blocks: %.9g, wanted %.9g", tables[t]->name, (int)blocks,
                          (double)got, (double)want);
            free(w);
        }
}
END_TEST

START_TEST(what_is_not_finite_stays_so)
{
    enum { OUT = 16, ROWS = 20 };
    static const int rows[] = { 1, 2, ROWS };
    float *x = calloc(ROWS * GM_K_BLOCK, 4), y[ROWS * OUT];
    gm_kernels k = table(_i / 2 ? "cpu" : "ref");
    for (int t = 0; t < 3; t++) {
        uint8_t *w = random_rows(TYPES[t].type, OUT);
        x[40] = _i % 2 ? NAN : INFINITY;
        for (int r = 0; r < 3; r++) {
            void *scratch = aligned_alloc(
                64, (k.linear_scratch(TYPES[t].type, rows[r], OUT, GM_K_BLOCK) + 127) / 64 * 64);
            ck_assert_int_eq(k.linear(y, x, w, TYPES[t].type, NULL, rows[r], OUT, GM_K_BLOCK,
                                      scratch), 0);
            for (int i = 0; i < OUT; i++) ck_assert(!isfinite(y[i]));
            if (rows[r] > 1) ck_assert_float_eq(y[OUT], 0);     /* the next row is zeros */
            free(scratch);
        }
        free(w);
    }
    free(x);
}
END_TEST

Suite *test_activations_k(void);
Suite *test_activations_k(void)
{
    Suite *s = suite_create("activations_k");
    TCase *t = tcase_create("activations_k");
    tcase_add_test(t, blocks_are_llama_cpp_s);
    tcase_add_loop_test(t, products_are_llama_cpp_s, 0, 6);
    tcase_add_loop_test(t, cpu_agrees_with_the_oracle, 0, 27);
    tcase_add_loop_test(t, each_processor_s_product, 0, 3);
    tcase_add_loop_test(t, what_is_not_finite_stays_so, 0, 4);
    suite_add_tcase(s, t);
    return s;
}
