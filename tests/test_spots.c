/* Facts that whole-model goldens cannot see: RoPE angles at the release's head width, and the dense
 * positional encoding of a bfloat16 release (golden/spots, made by golden/oracle/spots.py). */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../ref/backend.h"
#include "../ref/constants.h"
#include "../ref/kernels/typed.h"
#include "../ref/model.h"

Suite *test_spots(void);

static json_t *load(const char *path)
{
    json_error_t why;
    json_t *j = json_load_file(path, 0, &why);
    ck_assert_msg(j != NULL, "%s: %s", path, why.text);
    return j;
}

static int64_t integer(const json_t *list, size_t i)
{
    return json_integer_value(json_array_get(list, i));
}

/* The double cosine and sine of the float32 angle, rounded, are torch's values or their neighbours
 * (its vector cosine is good to 1.0 ulp and differs in 4.3 % of them); an angle wrong in its own
 * last bit would be off by far more. */
START_TEST(rope_angles_are_float32)
{
    json_t *j = load("golden/spots/rope.json");
    int64_t HD = json_integer_value(json_object_get(j, "head_width")), seen = 0, same = 0;
    const json_t *positions = json_object_get(j, "positions");
    for (size_t p = 0; p < json_array_size(positions); p++)
        for (int64_t i = 0; i < HD / 2; i++) {
            double angle = gm_rope_angle(integer(positions, p), i, HD, 10000),
                   turn[2] = { cos(angle), sin(angle) };
            for (int k = 0; k < 2; k++) {
                const json_t *bits = json_array_get(json_object_get(j, k ? "sin_bits" : "cos_bits"),
                                                    p);
                float want = gm_float_of_bits((uint32_t)integer(bits, (size_t)i)),
                      got = (float)turn[k];
                float next = nextafterf(want, got);
                ck_assert_msg(got == want || got == next,
                              "position %zu, frequency %lld: %.9g, torch has %.9g", p, (long long)i,
                              (double)got, (double)want);
                seen++;
                same += got == want;
            }
        }
    ck_assert_int_ge(seen, 1000);
    ck_assert_msg(same * 100 >= seen * 95, "only %lld of %lld values have torch's bits",
                  (long long)same, (long long)seen);
    json_decref(j);
}
END_TEST

/* The table of one grid, bf16 rounding on or off, against torch's. */
static void check_pe(const char *grid, const char *backend, bool bf16)
{
    json_t *j = load("golden/spots/pe.json"), *g = json_object_get(j, grid);
    const json_t *shape = json_object_get(g, "shape"), *matrix = json_object_get(g, "matrix_bf16");
    const json_t *want = json_object_get(g, bf16 ? "table_bf16" : "table_f32");
    int64_t half = integer(shape, 0) / 2, stride = json_integer_value(json_object_get(g, "stride"));
    gm_kernels k;
    ck_assert_int_eq(gm_backend(&k, backend, NULL), 0);
    gm_ctx *c = gm_ctx_new(&k, NULL);
    mask_decoder m = { .G = integer(shape, 1), .bf16 = bf16 };
    m.gaussian = gm_new(c, GM_F32, 2, GM_DIMS(2, half));
    /* A file with the matrix in float32: a bfloat16 release rounds it first. */
    float unrounded = bf16 ? 1 + 0x1p-12f : 1;
    for (int64_t i = 0; i < 2 * half; i++)
        ((float *)m.gaussian.data)[i] = gm_from_bf16((uint16_t)integer(matrix, (size_t)i)) *
                                        unrounded;
    gm_tensor pe = gm_dense_pe(c, &m);
    ck_assert_msg(gm_ok(c), "%s", gm_error_text(c));
    ck_assert_int_eq(gm_numel(pe), 2 * half * m.G * m.G);
    size_t n = json_array_size(want);
    ck_assert_int_ge(n, 512);
    for (size_t i = 0; i < n; i++) {
        float got = ((float *)pe.data)[(int64_t)i * stride];
        if (bf16)
            ck_assert_msg(gm_to_bf16(got) == integer(want, i) &&
                              gm_from_bf16(gm_to_bf16(got)) == got,
                          "grid %s, value %zu: bits %d, torch has %lld", grid, i, gm_to_bf16(got),
                          (long long)integer(want, i));
        else
            ck_assert_float_eq_tol(got, (float)json_number_value(json_array_get(want, i)), 2e-6f);
    }
    gm_ctx_free(c);
    json_decref(j);
}

START_TEST(dense_pe_of_a_bf16_release)
{
    check_pe("64", "ref", true);
    check_pe("8", "ref", true);
    check_pe("64", "cpu", true);
}
END_TEST

START_TEST(dense_pe_in_float32)
{
    check_pe("64", "ref", false);
    check_pe("8", "cpu", false);
}
END_TEST

Suite *test_spots(void)
{
    Suite *s = suite_create("spots");
    TCase *t = tcase_create("spots");
    tcase_add_test(t, rope_angles_are_float32);
    tcase_add_test(t, dense_pe_of_a_bf16_release);
    tcase_add_test(t, dense_pe_in_float32);
    suite_add_tcase(s, t);
    return s;
}
