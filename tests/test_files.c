/* Weight files: torch.save's forms against the same tensors as safetensors
 * (tests/data/torch/make.py), the writer, and files that lie: cut, overlapping, too large,
 * compressed, with code in the pickle. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/file.h"
#include "../io/os.h"
#include "../io/pickle.h"
#include "../ref/kernels/typed.h"

#define DATA "tests/data/torch/"

static gm_file *open_good(const char *path)
{
    gm_error e = { "" };
    gm_file *f = gm_file_open(path, &e);
    ck_assert_msg(f != NULL, "%s", e.text);
    return f;
}

static void same_tensor(const char *name, gm_tensor got, gm_tensor want)
{
    char a[100], b[100];
    ck_assert_msg(got.data && got.type == want.type && got.nd == want.nd, "%s: %s %s, wanted %s %s",
                  name, gm_type_name(got.type), gm_shape_text(a, got), gm_type_name(want.type),
                  gm_shape_text(b, want));
    for (int i = 0; i < got.nd; i++)
        ck_assert_msg(got.dim[i] == want.dim[i], "%s: %s", name, gm_shape_text(a, got));
    ck_assert_msg((uintptr_t)got.data % gm_type_size(got.type) == 0 || gm_numel(got) == 0,
                  "%s is misaligned", name);
    ck_assert_msg(memcmp(got.data, want.data, gm_bytes(got)) == 0,
                  "%s", name);
}

START_TEST(every_torch_form_reads_the_same)
{
    static const char *const form[] = { "zip2", "zip4", "zip64", "wrapped", "legacy2", "legacy4" };
    char path[100];
    snprintf(path, sizeof path, DATA "%s.pt", form[_i]);
    gm_file *f = open_good(path), *want = open_good(DATA "expected.safetensors");
    ck_assert_int_eq(gm_file_count(f), 19);
    ck_assert_int_eq(gm_file_count(want), 19);
    for (int64_t i = 0; i < 19; i++) {
        const char *name = gm_file_name(want, i);
        same_tensor(name, gm_file_find(f, name), gm_file_tensor(want, i));
    }
    ck_assert(!gm_file_find(f, "no such").data);
    ck_assert(!gm_file_name(f, 19) && !gm_file_tensor(f, -1).data);
    gm_file_close(f);
    gm_file_close(want);
}
END_TEST

START_TEST(aligned_tensors_are_not_copied)
{
    gm_file *f = open_good("golden/mini/model/pytorch_model.bin");
    ck_assert_uint_eq(gm_file_copied(f), 0);
    for (int64_t i = 0; i < gm_file_count(f); i++) {
        const uint8_t *p = gm_file_tensor(f, i).data;
        ck_assert(p >= f->bytes && p < f->bytes + f->size);
    }
    gm_file_close(f);
}
END_TEST

START_TEST(a_state_dict_with_metadata)
{
    gm_file *f = open_good(DATA "metadata.pt");
    ck_assert_int_eq(gm_file_count(f), 7);
    ck_assert_int_eq(gm_file_find(f, "1.num_batches_tracked").type, GM_I64);
    gm_file_close(f);
}
END_TEST

START_TEST(written_files_read_back)
{
    gm_error e = { "" };
    gm_file *f = open_good("golden/mini/cases/gcg.safetensors");
    int64_t n = gm_file_count(f);
    const char **name = malloc((size_t)n * sizeof *name);
    gm_tensor *x = malloc((size_t)n * sizeof *x);
    ck_assert(name && x);
    for (int64_t i = 0; i < n; i++) name[i] = gm_file_name(f, i), x[i] = gm_file_tensor(f, i);
    name[0] = "a \"quoted\" \\ größe";
    ck_assert_msg(gm_make_dir("build/tmp", &e) == 0, "%s", e.text);
    ck_assert_msg(gm_safetensors_write("build/tmp/written.safetensors", name, x, n, &e) == 0, "%s",
                  e.text);
    gm_file *g = open_good("build/tmp/written.safetensors");
    ck_assert_int_eq(gm_file_count(g), n);
    for (int64_t i = 0; i < n; i++) same_tensor(name[i], gm_file_find(g, name[i]), x[i]);
    name[1] = name[0];
    ck_assert_int_eq(gm_safetensors_write("build/tmp/twice.safetensors", name, x, n, &e), -1);
    ck_assert_ptr_nonnull(strstr(e.text, "twice"));
    gm_file_close(f);
    gm_file_close(g);
    free(name);
    free(x);
}
END_TEST

/* The bytes as a file; it must fail with an error that names the file and says `why`. */
static void refused(const void *bytes, size_t n, const char *why)
{
    gm_error e = { "" };
    uint8_t *exact = malloc(n ? n : 1);         /* so that a sanitizer sees one byte too far */
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, bytes, n);
    gm_file *f = gm_file_parse(exact, n, "FILE", &e);
    ck_assert_msg(f == NULL, "was read, wanted: %s", why);
    ck_assert_msg(strncmp(e.text, "FILE: ", 6) == 0 && strstr(e.text, why),
                  "wanted '%s', found '%s'", why, e.text);
    free(exact);
}

START_TEST(a_cut_file_is_an_error)
{
    static const char *const path[] = {
        "golden/mini/model/pytorch_model.bin",
        "golden/mini/forms/legacy/pytorch_model.bin",
        "golden/mini/model/sam.pth",
        "golden/mini/forms/safetensors-tower-inside/model.safetensors",
        "golden/mini/lora/peft_start/adapter_model.bin",
        DATA "zip64.pt",
        DATA "legacy4.pt",
        "golden/mini/forms/clipmodel/pytorch_model.bin",
        "golden/mini/model/clip/pytorch_model.bin",
        "golden/mini/forms/released/pytorch_model-00001-of-00002.bin",
        "golden/mini/forms/released/pytorch_model-00002-of-00002.bin",
        "golden/mini/forms/prefixed/pytorch_model.bin",
    };
    gm_error e = { "" };
    size_t n;
    const uint8_t *b = gm_map(path[_i], &n, &e);
    ck_assert_msg(b != NULL, "%s", e.text);
    for (size_t k = 0; k < 100; k++) refused(b, k < 20 ? k : n * k / 100 - k % 8, "");
    refused(b, n - 1, "");
    gm_unmap(b, n);
}
END_TEST

static void header(const char *json, uint64_t length, size_t data, const char *why)
{
    uint8_t b[600] = { 0 };
    size_t n = strlen(json);
    ck_assert(8 + n + data <= sizeof b);
    for (int i = 0; i < 8; i++) b[i] = (uint8_t)((length ? length : n) >> (8 * i));
    memcpy(b + 8, json, n);
    refused(b, 8 + n + data, why);
}

START_TEST(safetensors_that_lie)
{
    header("{}", (uint64_t)1 << 63, 8, "9223372036854775808 bytes does not fit");
    header("{}", 11, 8, "11 bytes does not fit");
    header("{\"a\":}", 0, 8, "not valid JSON");
    header("{\"a\":1,\"a\":1}", 0, 8, "duplicate");
    header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
           "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
           0, 8, "a and b overlap");
    header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", 0, 8,
           "outside the 8 data bytes");
    header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 0, 8, "outside");
    header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 0, 8, "outside");
    header("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}",
           0, 8, "do not match");
    header("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1,-2],\"data_offsets\":[0,8]}}", 0, 8,
           "do not match");
    header("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 0, 8,
           "do not match");
    header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,8]}}", 0, 8,
           "whole number");
    header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,2],\"data_offsets\":[0,8]}}", 0, 8,
           "at most 4 sizes");
    header("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}}", 0, 8,
           "type F8_E4M3 is not read");
    header("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 0, 8, "wanted dtype, shape");
    header("{\"a\":[]}", 0, 8, "wanted dtype, shape");
}
END_TEST

/* A copy of the fixture with `len` bytes changed at the k-th occurrence of `find`, plus
 * `offset`. */
static void patched(const char *path, const char *find, size_t n, int k, int offset, const char *to,
                    size_t len, const char *why)
{
    gm_error e = { "" };
    size_t size;
    const uint8_t *b = gm_map(path, &size, &e);
    ck_assert_msg(b != NULL, "%s", e.text);
    uint8_t *c = malloc(size);
    ck_assert_ptr_nonnull(c);
    memcpy(c, b, size);
    for (size_t i = 0; i + n <= size; i++) {
        if (memcmp(c + i, find, n) != 0 || k-- > 0) continue;
        memcpy(c + i + offset, to, len);
        break;
    }
    ck_assert_msg(k < 0, "%s not found in %s", find, path);
    refused(c, size, why);
    free(c);
    gm_unmap(b, size);
}

START_TEST(torch_files_that_lie)
{
    gm_error e = { "" };
    ck_assert_ptr_null(gm_file_open(DATA "compressed.pt", &e));
    ck_assert_ptr_nonnull(strstr(e.text, "compressed (method 8)"));
    const char *zip = DATA "zip2.pt", *old = DATA "legacy2.pt";
    patched(zip, "PK\1\2", 4, 0, 8, "\1", 1, "encrypted");
    patched(zip, "PK\1\2", 4, 1, 42, "\xff\xff\xff\x7f", 4,
            "no zip entry where the directory says");
    patched(zip, "PK\1\2", 4, 1, 20, "\xff\xff\xff\x7f\xff\xff\xff\x7f", 8, "lie past the end");
    patched(zip, "PK\1\2", 4, 1, 20, "\x08\0\0\0\x08\0\0\0", 8,
            "has 8 bytes, wanted 24 elements of 4");
    patched(zip, "PK\1\2", 4, 2, 46, "zip2/data/0", 11, "is there twice");
    patched(zip, "PK\5\6", 4, 0, 10, "\xff\x7f", 2, "does not fit");
    patched(DATA "zip64.pt", "PK\6\7", 4, 0, 0, "PKxx", 4, "zip64 locator");
    patched(DATA "zip64.pt", "PK\6\6", 4, 0, 0, "PKxx", 4, "zip64 end record");
    patched(zip, "data.pkl", 8, 1, 0, "data.pkx", 8, "without data.pkl");
    patched(zip, "OrderedDict", 11, 0, 0, "OrderedDicx", 11,
            "refuses the global collections.OrderedDicx");
    patched(zip, "FloatStorage", 12, 0, 0, "FlootStorage", 12,
            "refuses the global torch.FlootStorage");
    patched(zip, "_rebuild_tensor_v2", 18, 0, 0, "_rebuild_tensor_v9", 18, "_rebuild_tensor_v9");
    patched(zip, "QK\6", 3, 0, 0, "QK\x7f", 3, "tied: starts at element 127 of a storage of 24");
    patched(zip, "QK\6", 3, 0, 0, "QK\x0d", 3, "tied: its sizes reach past its 44 stored bytes");
    patched(zip, "storage", 7, 0, 0, "steerage", 7, "without a storage");
    patched(old, "\x6c\xfc\x9c\x46", 4, 0, 0, "\x6d", 1, "not one that torch.save wrote");
    patched(old, "M\xe9\x03", 3, 0, 0, "M\xea\x03", 3, "unknown version");
    patched(old, "little_endian", 13, 0, 15, "\x89", 1, "big-endian");
    refused("hello", 5, "wanted a safetensors, torch or GGUF file");
    refused("", 0, "wanted a safetensors, torch or GGUF file");
}
END_TEST

START_TEST(views_stay_inside_their_storage)
{
    static const float data[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    static const struct { int64_t dim[2], stride[2]; const char *why; } view[] = {
        { { 3, 4 }, { 5, 1 }, NULL },
        { { 4, 4 }, { 5, 1 }, "reach past its 64 stored bytes" },
        { { 4, 4 }, { 1, 5 }, "reach past its 64 stored bytes" },
        { { 2, 2 }, { -1, 1 }, "reach past" },
        { { 2, 2 }, { INT64_MAX, INT64_MAX }, "reach past" },
        { { 3, 2 }, { INT64_MAX, 1 }, "reach past" },
        { { INT64_MAX, 2 }, { 0, 0 }, "reach past" },
        { { 1 << 20, 2 }, { 0, 0 }, "more than 8 times its size" },
        { { -2, -2 }, { 1, 1 }, "reach past" },
    };
    for (size_t i = 0; i < sizeof view / sizeof *view; i++) {
        gm_file *f = calloc(1, sizeof *f);
        gm_error e = { "" };
        ck_assert_ptr_nonnull(f);
        f->path = gm_copy_text("FILE");
        f->size = sizeof data;
        int bad = gm_file_add(f, &(gm_stored_tensor){
            .name = "x", .name_length = 1, .type = GM_STORED_F32, .nd = 2, .dim = view[i].dim,
            .stride = view[i].stride, .data = (const uint8_t *)data, .avail = sizeof data }, &e);
        ck_assert_msg(bad == (view[i].why ? -1 : 0), "view %zu: %s", i, e.text);
        if (view[i].why)
            ck_assert_msg(strstr(e.text, view[i].why) != NULL, "view %zu: %s", i, e.text);
        else ck_assert(((float *)f->entry[0].x.data)[11] == 13);
        gm_file_close(f);
    }
}
END_TEST

/* ---- pickles alone ---- */

static void no_pickle(const char *bytes, size_t n, const char *why)
{
    static const gm_pickle_global known[] = { { "collections", "OrderedDict", 1 } };
    gm_error e = { "" };
    gm_pickle *p = gm_pickle_read((const uint8_t *)bytes, n, known, 1, "P", NULL, &e);
    ck_assert_msg(p == NULL, "was read, wanted: %s", why);
    ck_assert_msg(strstr(e.text, why) != NULL, "wanted '%s', found '%s'", why, e.text);
}
#define NO(bytes, why) no_pickle(bytes, sizeof bytes - 1, why)

START_TEST(pickles_that_are_refused)
{
    NO("cos\nsystem\n(S'echo'\ntR.", "offset 0: refuses the global os.system");
    NO("\x80\4\x8c\2os\x8c\6system\x93.", "offset 14: refuses the global os.system");
    NO("ccollections\nOrderedDict\n)\x81.", "offset 26: refuses the opcode NEWOBJ (0x81)");
    NO("(ios\nsystem\n.", "offset 1: refuses the opcode INST");
    NO("\x82\1.", "refuses the opcode EXT1");
    NO("\xff.", "refuses the opcode unknown (0xff)");
    NO("Pid\n.", "refuses the opcode PERSID");
    NO("\x80\6N.", "protocol newer than 5");
    NO("K", "ends in the middle");
    NO("X\xff\xff\xff\xff" "abc.", "ends in the middle");
    NO("\x8d\xff\xff\xff\xff\xff\xff\xff\xff" "abc.", "ends in the middle");
    NO("N", "ends in the middle");
    NO(".", "stack is empty");
    NO("(.", "stack is empty");
    NO("h\0.", "memo that was not put");
    NO("Nr\xff\xff\xff\xff.", "memo number that cannot be");
    NO("t.", "no mark");
    NO("Na.", "stack is empty");
    NO("NNa.", "appends to what is no list");
    NO("NNNs.", "sets items of what is no dict");
    NO("}(Nu.", "a key without a value");
    NO("N)R.", "calls what is no known global");
    NO("I99999999999999999999\n.", "64-bit");
    NO("S'a\\x1'\n.", "broken escape");
    NO("\x95\xff\xff\xff\xff\xff\xff\xff\xff.", "frame longer");
}
END_TEST

static const gm_pickle_value *at(const gm_pickle_value *v, int64_t i)
{
    ck_assert(i < v->u.list.n);
    return v->u.list.item[i];
}

/* [{'a\n"b': (1, -2, 1.5)}, True, None, 'é€', -70000] in protocols 0 and 2. */
START_TEST(pickles_that_are_read)
{
    static const char zero[] = "(lp0\n(dp1\nS'a\\n\"b'\np2\n(I1\nL-2L\nF1."
                               "5\ntp3\nsaI01\naNaV\xe9\\u20ac\np4\naI-70000\na.";
    static const char two[] =
        "\x80\2]q\0(}q\1U\4a\n\"bq\2K\1J\xfe\xff\xff\xffG?\xf8\0\0\0\0\0\0\x87q\3s\x88NX\5\0\0\0"
        "\xc3\xa9\xe2\x82\xacq\4J\x90\xee\xfe\xff"
        "e.";
    gm_error e = { "" };
    size_t n = _i ? sizeof two - 1 : sizeof zero - 1, used;
    gm_pickle *p = gm_pickle_read((const uint8_t *)(_i ? two : zero), n, NULL, 0, "P", &used, &e);
    ck_assert_msg(p != NULL, "%s", e.text);
    ck_assert_uint_eq(used, n);
    const gm_pickle_value *v = gm_pickle_root(p), *t = gm_pickle_get(at(v, 0), "a\n\"b");
    ck_assert_int_eq(v->kind, GM_P_LIST);
    ck_assert_int_eq(v->u.list.n, 5);
    ck_assert(t && t->kind == GM_P_TUPLE && t->u.list.n == 3);
    ck_assert(at(t, 0)->u.i == 1 && at(t, 1)->u.i == -2 && at(t, 2)->kind == GM_P_FLOAT &&
              at(t, 2)->u.f == 1.5);
    ck_assert(at(v, 1)->kind == GM_P_BOOL && at(v, 1)->u.i == 1 && at(v, 2)->kind == GM_P_NONE);
    ck_assert(gm_pickle_is(at(v, 3), "é€") && at(v, 4)->u.i == -70000);
    gm_pickle_free(p);
}
END_TEST

START_TEST(numbers_convert)
{
    static const uint16_t half[6] = { 0x3c00, 0x8000, 0x7bff, 0x0001, 0x0400, 0x7c00 };
    static const float want[6] = { 1, -0.0f, 65504, 5.9604645e-8f, 6.1035156e-5f, INFINITY };
    float got[6];
    gm_to_float(got, half, GM_F16, 6);
    ck_assert_mem_eq(got, want, sizeof got);
    /* torch.tensor([...]).bfloat16(): ties go to even */
    ck_assert_uint_eq(gm_to_bf16(1.00390625f), 0x3f80);
    ck_assert_uint_eq(gm_to_bf16(1.01171875f), 0x3f82);
    ck_assert_uint_eq(gm_to_bf16(-INFINITY), 0xff80);
    ck_assert_uint_eq(gm_to_bf16(3.4e38f), 0x7f80);
    ck_assert_uint_eq(gm_to_bf16(NAN) & 0x7fff, 0x7fc0);

    ck_assert_uint_eq(gm_to_f16(NAN) & 0x7fff, 0x7e00);
    for (unsigned h = 0; h < 0x7c00;
         h++) { /* every half is itself; what lies between goes to the nearer */
        uint16_t pair[2] = { (uint16_t)h, (uint16_t)(h + 1) };
        float v[2];
        gm_to_float(v, pair, GM_F16, 2);
        ck_assert_uint_eq(gm_to_f16(v[0]), h);
        ck_assert_uint_eq(gm_to_f16(-v[0]), h | 0x8000);
        if (h == 0x7bff) v[1] = 65536;
        float middle = (v[0] + v[1]) / 2;
        ck_assert_uint_eq(gm_to_f16(middle), h + (h & 1));
        ck_assert_uint_eq(gm_to_f16(nextafterf(middle, 0)), h);
        ck_assert_uint_eq(gm_to_f16(nextafterf(middle, INFINITY)), h + 1);
    }
}
END_TEST

Suite *test_files(void)
{
    Suite *s = suite_create("files");
    TCase *t = tcase_create("files");
    tcase_add_loop_test(t, every_torch_form_reads_the_same, 0, 6);
    tcase_add_test(t, aligned_tensors_are_not_copied);
    tcase_add_test(t, a_state_dict_with_metadata);
    tcase_add_test(t, written_files_read_back);
    tcase_add_loop_test(t, a_cut_file_is_an_error, 0, 12);
    tcase_add_test(t, safetensors_that_lie);
    tcase_add_test(t, torch_files_that_lie);
    tcase_add_test(t, views_stay_inside_their_storage);
    tcase_add_test(t, pickles_that_are_refused);
    tcase_add_loop_test(t, pickles_that_are_read, 0, 2);
    tcase_add_test(t, numbers_convert);
    suite_add_tcase(s, t);
    return s;
}
