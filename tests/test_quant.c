/* Quantised weights: linear and gather of the cpu table against the oracle, and each processor's own
 * products against plain sums. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/quantise.h"
#include "../ref/backend.h"
#include "../ref/kernels/cpu_dots.h"
#include "../ref/kernels/typed.h"
#include "compare.h"
#include "hash.h"

static const gm_dtype TYPES[] = { GM_Q8_0, GM_Q4_0, GM_Q4_1, GM_Q4_K, GM_Q5_K, GM_Q6_K };
enum { NTYPES = sizeof TYPES / sizeof *TYPES };

/* n values, those of a block of about one size, from 1e-3 to 1e2. */
static float *values(uint32_t seed, int64_t n)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = hash_uniform(seed, (uint32_t)i) *
               powf(10, (float)(hash32(seed + 1, (uint32_t)(i / 32)) % 6) - 3);
    return x;
}

typedef struct { float *x, *w, *b; void *q; int64_t R, N, K; gm_dtype type; } problem;

static problem problem_new(gm_dtype type, int64_t R, int64_t N, int64_t K)
{
    problem p = { values(1, R * K), values(3, N * K), values(5, N), NULL, R, N, K, type };
    p.q = malloc(gm_type_bytes(type, N * K));
    gm_quantise(p.q, type, p.w, N * K);
    return p;
}

static void problem_free(problem *p)
{
    free(p->x);
    free(p->w);
    free(p->b);
    free(p->q);
}

/* |weight i|; where it is a sum, d q + m or d s q - e t, of both terms. */
static double magnitude(const problem *p, int64_t i)
{
    int64_t each = gm_block_values(p->type);
    const uint8_t *b = (const uint8_t *)p->q + i / each * gm_block_bytes(p->type);
    double v = gm_typed(p->q, p->type, i), m = 0;
    if (p->type == GM_Q4_1) m = gm_half_at(b + 2);
    if (p->type == GM_Q4_K || p->type == GM_Q5_K)
        m = -(double)gm_half_at(b + 2) * gm_k_least(b + 4, i % each / 32);
    return fabs(v - m) + fabs(m);
}

static cpu_dot dot_of(const cpu_dots *d, gm_dtype type)
{
    const cpu_dot by[] = { d->q8_0, d->q4_0, d->q4_1, d->q4_k, d->q5_k, d->q6_k };
    return by[type - GM_Q8_0];
}

START_TEST(linear_agrees_with_the_oracle)
{
    static const int64_t sizes[][3] = {
        { 1, 1, 32 }, { 1, 7, 64 }, { 2, 5, 96 }, { 4, 33, 4096 }, { 5, 9, 160 }, { 70, 40, 224 },
        { 6, 1100, 64 }, { 19, 33, 96 }, { 2, 16, 544 }, { 9, 29, 64 },
    };
    const int64_t *s = sizes[_i / NTYPES], each = gm_block_values(TYPES[_i % NTYPES]);
    gm_kernels k;
    gm_error e = { "" };
    ck_assert_int_eq(gm_backend(&k, "cpu", &e), 0);
    problem p = problem_new(TYPES[_i % NTYPES], s[0], s[1], (s[2] + each - 1) / each * each);
    int64_t n = p.R * p.N;
    float *got = malloc((size_t)n * 4), *want = malloc((size_t)n * 4),
          *scale = malloc((size_t)n * 4);
    void *scratch = malloc(k.linear_scratch(p.type, p.R, p.N, p.K) + 64);
    for (int64_t o = 0; o < n; o++) {
        double sum = fabs((double)p.b[o % p.N]);
        for (int64_t i = 0; i < p.K; i++)
            sum += fabs((double)p.x[o / p.N * p.K + i]) * magnitude(&p, o % p.N * p.K + i);
        scale[o] = (float)sum;
    }
    ck_assert_int_eq(k.linear(got, p.x, p.q, p.type, p.b, p.R, p.N, p.K, scratch), 0);
    ck_assert_int_eq(gm_kernels_ref()->linear(want, p.x, p.q, p.type, p.b, p.R, p.N, p.K, NULL), 0);
    double allowed = p.type >= GM_Q4_K ? fmax(4, sqrt((double)p.K) / 2) : 4;    /* TOLERANCE.md */
    gm_comparison c = gm_compare_each(got, want, n, scale, allowed * GM_EPS);
    char text[400];
    ck_assert_msg(c.verdict == GM_PASS || (n == 1 && c.bad == 0), "%s",
                  gm_comparison_text(text, sizeof text, &c));
    free(got);
    free(want);
    free(scale);
    free(scratch);
    problem_free(&p);
}
END_TEST

/* Every product that this processor has, on rows of 1 to 9 blocks. */
START_TEST(each_processor_s_product)
{
    const cpu_dots *table;
    for (int t = 0; (table = cpu_best_dots(t)) != NULL; t++)
        for (int64_t blocks = 1; blocks < 10; blocks++) {
            problem p = problem_new(TYPES[_i], 1, 1, gm_block_values(TYPES[_i]) * blocks);
            double want = 0, scale = 0;
            for (int64_t i = 0; i < p.K; i++) {
                double v = (double)p.x[i] * gm_typed(p.q, p.type, i);
                want += v;
                scale += fabs((double)p.x[i]) * magnitude(&p, i);
            }
            double got = (double)dot_of(table, p.type)(p.q, p.x, blocks);
            ck_assert_msg(fabs(got - want) <= 4 * GM_EPS * scale, "%s, %d blocks: %.9g, wanted %.9g",
                          table->name, (int)blocks, got, want);
            problem_free(&p);
        }
}
END_TEST

/* Inf x weight, as one product, is what the oracle gives: never Inf - Inf of a weight's two terms. */
START_TEST(an_infinite_input)
{
    const cpu_dots *table;
    for (int t = 0; (table = cpu_best_dots(t)) != NULL; t++)
        for (int64_t at = 0; at < 3 * gm_block_values(TYPES[_i]); at++) {
            problem p = problem_new(TYPES[_i], 1, 1, 3 * gm_block_values(TYPES[_i]));
            double want = 0;
            p.x[at] = at % 2 ? INFINITY : -INFINITY;
            for (int64_t i = 0; i < p.K; i++) want += (double)p.x[i] * gm_typed(p.q, p.type, i);
            double got = (double)dot_of(table, p.type)(p.q, p.x, 3);
            ck_assert_msg(got == want || (isnan(got) && isnan(want)), "%s, %d: %g, wanted %g",
                          table->name, (int)at, got, want);
            problem_free(&p);
        }
}
END_TEST

START_TEST(gather_unpacks_rows)
{
    gm_kernels k;
    gm_error e = { "" };
    ck_assert_int_eq(gm_backend(&k, "cpu", &e), 0);
    int64_t C = 3 * gm_block_values(TYPES[_i]);
    problem p = problem_new(TYPES[_i], 1, 6, C);
    const int32_t rows[] = { 5, 0, 5, 2 };
    float y[4 * 3 * GM_K_BLOCK];
    ck_assert_int_eq(k.gather(y, p.q, p.type, rows, 4, 6, C), 0);
    for (int64_t i = 0; i < 4 * C; i++)
        ck_assert_float_eq(y[i], gm_typed(p.q, p.type, rows[i / C] * C + i % C));
    ck_assert_int_ne(k.gather(y, p.q, p.type, rows, 4, 6, 33), 0);      /* no whole blocks */
    problem_free(&p);
}
END_TEST

START_TEST(a_tensor_from_the_host_has_all_its_blocks)
{
    gm_ctx *c = gm_ctx_new(gm_kernels_ref(), NULL);
    int64_t K = 2 * gm_block_values(TYPES[_i]);
    problem p = problem_new(TYPES[_i], 1, 3, K);
    gm_tensor w = gm_from(c, p.type, p.q, 2, GM_DIMS(3, K));
    ck_assert(w.data && gm_bytes(w) == gm_type_bytes(p.type, 3 * K));
    ck_assert_mem_eq(w.data, p.q, gm_bytes(w));
    problem_free(&p);
    gm_ctx_free(c);
}
END_TEST

Suite *test_quant(void)
{
    Suite *s = suite_create("quant");
    TCase *t = tcase_create("quant");
    tcase_add_loop_test(t, linear_agrees_with_the_oracle, 0, 10 * NTYPES);
    tcase_add_loop_test(t, each_processor_s_product, 0, NTYPES);
    tcase_add_loop_test(t, an_infinite_input, 0, NTYPES);
    tcase_add_loop_test(t, gather_unpacks_rows, 0, NTYPES);
    tcase_add_loop_test(t, a_tensor_from_the_host_has_all_its_blocks, 0, NTYPES);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
