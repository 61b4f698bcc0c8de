/* Written weight files: read back by our readers (PyTorch reads them in golden/check_export.py). */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "../io/checkpoint.h"
#include "../io/os.h"
#include "../io/tensor_out.h"
#include "../ref/kernels/typed.h"

#define PATH "build/tests/written"

typedef int (*writer)(const char *path, const gm_out_tensor *t, int64_t n, gm_error *e);
static const writer writers[2] = { gm_torch_write, gm_safetensors_write_out };

static float values[6] = { 1.00390625f, -2, 3.1415927f, 0, 1e-30f, 65504 };
static int32_t ints[3] = { 1, -2, 1 << 30 };

static gm_tensor tensor(void *p, gm_dtype type, int nd, int64_t a, int64_t b)
{
    return (gm_tensor){ .data = p, .nd = nd, .dim = { a, b }, .type = type };
}

static gm_file *written(writer f, const gm_out_tensor *t, int64_t n)
{
    gm_error e = { "" };
    ck_assert_msg(f(PATH, t, n, &e) == 0, "%s", e.text);
    gm_file *file = gm_file_open(PATH, &e);
    ck_assert_msg(file != NULL, "%s", e.text);
    return file;
}

START_TEST(types_and_sizes_come_back)
{
    uint16_t half[2] = { 0x3c00, 0xc000 };
    uint8_t byte = 7;
    int64_t wide[2] = { 5, -((int64_t)1 << 40) };
    const gm_out_tensor t[] = {
        { .name = "a.weight", .x = tensor(values, GM_F32, 2, 2, 3), .type = GM_F32 },
        { .name = "a.bias", .x = tensor(values, GM_F32, 1, 5, 0), .type = GM_F32 },
        { .name = "half", .x = tensor(half, GM_F16, 1, 2, 0), .type = GM_F16 },
        { .name = "i32", .x = tensor(ints, GM_I32, 2, 3, 1), .type = GM_I32 },
        { .name = "i64", .x = tensor(wide, GM_I64, 1, 2, 0), .type = GM_I64 },
        { .name = "number", .x = tensor(&byte, GM_U8, 0, 0, 0), .type = GM_U8 },
    };
    const int64_t n = sizeof t / sizeof *t;
    gm_file *f = written(writers[_i], t, n);
    ck_assert_int_eq(gm_file_count(f), n);
    for (int64_t i = 0; i < n; i++) {
        gm_tensor x = gm_file_find(f, t[i].name);
        ck_assert_msg(x.data != NULL, "%s is missing", t[i].name);
        ck_assert_int_eq(x.type, t[i].type);
        ck_assert_int_eq(x.nd, t[i].x.nd);
        for (int d = 0; d < x.nd; d++) ck_assert_int_eq(x.dim[d], t[i].x.dim[d]);
        ck_assert_int_eq(memcmp(x.data, t[i].x.data, gm_out_bytes(&t[i])), 0);
    }
    ck_assert_uint_eq((size_t)gm_file_find(f, "a.weight").data % 4, 0);
    gm_file_close(f);
}
END_TEST

START_TEST(values_are_rounded_once)
{
    float a[6] = { 1, 2, 3, 4, 5, 6 }, b[4] = { 1, 0, 0.5f, -1 };      /* rank 2, (2, 3) */
    const gm_out_tensor t[] = {
        { .name = "bf16", .x = tensor(values, GM_F32, 1, 6, 0), .type = GM_BF16 },
        { .name = "f16", .x = tensor(values, GM_F32, 2, 2, 3), .type = GM_F16 },
        { .name = "merged", .x = tensor(values, GM_F32, 2, 2, 3), .type = GM_BF16, .a = a, .b = b,
          .rank = 2, .scale = 2 },
    };
    gm_file *f = written(writers[_i], t, 3);
    gm_tensor x = gm_file_find(f, "bf16"), y = gm_file_find(f, "f16");
    gm_tensor z = gm_file_find(f, "merged");
    ck_assert(x.type == GM_BF16 && y.type == GM_F16 && z.type == GM_BF16);
    for (int64_t i = 0; i < 6; i++) {
        int64_t r = i / 3, c = i % 3;
        float sum = b[2 * r] * a[c] + b[2 * r + 1] * a[3 + c];
        ck_assert_uint_eq(((uint16_t *)x.data)[i], gm_to_bf16(values[i]));
        ck_assert_uint_eq(((uint16_t *)y.data)[i], gm_to_f16(values[i]));
        ck_assert_uint_eq(((uint16_t *)z.data)[i], gm_to_bf16(values[i] + 2 * sum));
    }
    gm_file_close(f);
}
END_TEST

/* More values than are converted at once. */
START_TEST(long_tensors_are_written_whole)
{
    int64_t n = 700, m = 3001;
    float *x = malloc((size_t)(n * m) * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (int64_t i = 0; i < n * m; i++) x[i] = (float)(i % 257);
    const gm_out_tensor t = { .name = "x", .x = tensor(x, GM_F32, 2, n, m), .type = GM_BF16 };
    gm_file *f = written(writers[_i], &t, 1);
    const uint16_t *y = gm_file_find(f, "x").data;
    int64_t bad = 0;
    for (int64_t i = 0; i < n * m; i++) bad += y[i] != gm_to_bf16(x[i]);
    ck_assert_int_eq(bad, 0);
    gm_file_close(f);
    free(x);
}
END_TEST

START_TEST(a_full_disk_is_one_error)
{
    gm_error e = { "" };
    const gm_out_tensor t = { .name = "x", .x = tensor(values, GM_F32, 1, 6, 0), .type = GM_F32 };
    if (!gm_is_file("/dev/full") && !gm_is_dir("/dev")) return;
    ck_assert_int_ne(writers[_i]("/dev/full", &t, 1, &e), 0);
    ck_assert_msg(strstr(e.text, "/dev/full") != NULL, "%s", e.text);
    e.text[0] = 0;
    ck_assert_int_ne(writers[_i]("build/tests/no/such/folder", &t, 1, &e), 0);
    ck_assert_msg(strstr(e.text, "no/such/folder") != NULL, "%s", e.text);
}
END_TEST

Suite *test_torch_write(void);
Suite *test_torch_write(void)
{
    Suite *s = suite_create("torch_write");
    TCase *t = tcase_create("files");
    tcase_add_loop_test(t, types_and_sizes_come_back, 0, 2);
    tcase_add_loop_test(t, values_are_rounded_once, 0, 2);
    tcase_add_loop_test(t, long_tensors_are_written_whole, 0, 2);
    tcase_add_loop_test(t, a_full_disk_is_one_error, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
