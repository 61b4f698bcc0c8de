/* golden/wide, whose widths every type divides: the whole model with weights of each type against
 * the same model with these weights unpacked to float first, all modules, logits and masks of whole
 * conversations within the float32 tolerance that the goldens state. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/file.h"
#include "program.h"
#include "vectors.h"

#define WIDE "golden/wide/"

static const char *const TYPES[] = {
    "bf16", "f16", "q8_0", "q6_K", "q5_K", "q4_K", "q4_K_M", "q4_1", "q4_0"
};
enum { NTYPES = sizeof TYPES / sizeof *TYPES };

static gm_file *open_good(const char *path)
{
    gm_error e = { "" };
    gm_file *f = gm_file_open(path, &e);
    ck_assert_msg(f != NULL, "%s", e.text);
    return f;
}

/* tap/model.layers.0 in the JSON is tap_model.layers.0 in the file; taps of which none is stored
 * have no line: the largest gap of all. */
static double gap_of(const json_t *facts, const char *key)
{
    const char *name;
    const json_t *t;
    double most = 0;
    json_object_foreach((json_t *)facts, name, t) {
        double gap = json_number_value(json_object_get(t, "f64_gap"));
        size_t n = strcspn(name, "/");
        if (strncmp(name, key, n) == 0 && strlen(key) > n && strcmp(name + n + 1, key + n + 1) == 0)
            return gap;
        most = fmax(most, strncmp(name, "grad/", 5) ? gap : 0);
    }
    return most;
}

/* Returns how many tensors were compared. */
static int compare(const char *type, const char *name)
{
    char path[300];
    int n = 0;
    snprintf(path, sizeof path, WIDE "cases/%s.json", name);
    json_t *all = load_vectors(path);
    gm_file *a = open_good(OUTPUT "/typed.safetensors"),
            *b = open_good(OUTPUT "/floats.safetensors");
    ck_assert_int_eq(gm_file_count(a), gm_file_count(b));
    for (int64_t i = 0; i < gm_file_count(a); i++) {
        const char *key = gm_file_name(a, i);
        gm_tensor x = gm_file_tensor(a, i), y = gm_file_find(b, key);
        double most = 0, off = 0, gap = gap_of(json_object_get(all, "tensors"), key);
        if (x.type != GM_F32 || gm_numel(x) == 0) continue;
        ck_assert(y.data && gm_numel(y) == gm_numel(x));
        for (int64_t k = 0; k < gm_numel(x); k++) {
            double p = ((float *)x.data)[k], q = ((float *)y.data)[k];
            ck_assert(isfinite(p) && isfinite(q));
            most = fmax(most, fabs(q));
            off = fmax(off, fabs(p - q));
        }
        ck_assert_msg(off <= 8 * gap + 4 * 0x1p-23 * most, "%s, %s, %s: off by %g of %g, gap %g",
                      type, name, key, off, most, gap);
        n++;
    }
    gm_file_close(a);
    gm_file_close(b);
    json_decref(all);
    return n;
}

START_TEST(as_the_unpacked_model)
{
    static const char *const cases[] = { "gcg", "refer", "region" };
    const char *type = TYPES[_i];
    clean_output();
    ck_assert_int_eq(shell("$G convert " WIDE "model --out " OUTPUT "/t.gguf --type %s -q && "
                           "$G convert " OUTPUT "/t.gguf --out " OUTPUT "/u.gguf --type f32 -q",
                           type), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(shell("for m in typed:t floats:u; do $G trace " OUTPUT "/${m#*:}.gguf -q "
                               "--case " WIDE "cases/%s.json --out " OUTPUT "/${m%%:*}.safetensors"
                               " || exit 1; done", cases[i]), 0);
        ck_assert_int_gt(compare(type, cases[i]), 30);
    }
}
END_TEST

START_TEST(a_pair_is_verified_before_use)
{
    clean_output();
    ck_assert_int_eq(shell("$G convert " WIDE "model --out " OUTPUT "/t.gguf --type q4_K -q"), 0);
    ck_assert_int_eq(shell("$G info " OUTPUT "/t.gguf --verify"), 0);
    ck_assert_int_eq(shell("printf x | dd of=" OUTPUT "/t.vision.gguf bs=1 seek=200000 "
                           "conv=notrunc 2> /dev/null; $G info " OUTPUT "/t.gguf"), 0);
    ck_assert_int_eq(shell("$G info " OUTPUT "/t.gguf --verify"), 1);
    ck_assert_ptr_nonnull(strstr(complained(), "t.vision.gguf: "));
    ck_assert_ptr_nonnull(strstr(complained(), "is damaged: checksum"));
    ck_assert_int_eq(shell("$G info " WIDE "model --verify"), 1);
    ck_assert_ptr_nonnull(strstr(complained(), "found a folder, which has no checksums"));
}
END_TEST

Suite *test_types(void);
Suite *test_types(void)
{
    Suite *s = suite_create("types");
    TCase *t = tcase_create("types");
    tcase_add_loop_test(t, as_the_unpacked_model, 0, NTYPES);
    tcase_add_test(t, a_pair_is_verified_before_use);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    return s;
}
