/* glamm trace: every module against PyTorch's, replacing outputs, pictures. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include "../io/checkpoint.h"
#include "../io/os.h"
#include "program.h"

#define MINI "golden/mini/model"
#define CASES "golden/mini/cases/"
#define SAM "model.grounding_encoder.image_encoder."

static void check_contains(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "wanted \"%s\" in: %s", part, text);
}

START_TEST(every_case_agrees_with_pytorch)
{
    static const char *const name[] = { "gcg",    "refer", "region", "caption",   "vqa",
                                        "phrase", "batch", "offset", "extramask", "batchregion" };
    static const int least[] = { 40, 5, 55, 3, 3, 5, 6, 6, 5, 3 };
    clean_output();
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        int compared = -1, differ = -1, missing = -1;
        ck_assert_msg(shell("$G trace " MINI " --case " CASES "%s.json --compare " CASES
                            "%s.safetensors",
                            name[i], name[i]) == 0,
                      "%s: %s", name[i], complained());
        const char *text = said(), *end = strstr(text, " compared, ");
        ck_assert_ptr_nonnull(end);
        while (end > text && end[-1] != '\n') end--;
        ck_assert_int_eq(
            sscanf(end, "%d compared, %d differ, %d missing", &compared, &differ, &missing), 3);
        ck_assert_int_ge(compared, least[i]);
        ck_assert_int_eq(differ, 0);
        ck_assert_int_eq(missing, 0);
    }
}
END_TEST

START_TEST(the_first_difference_is_named)
{
    clean_output();
    /* another case's tensors: the ids differ already; other numbers of positions are a difference,
     * not an error */
    ck_assert_int_eq(
        shell("$G trace " MINI " --case " CASES "gcg.json --compare " CASES "region.safetensors"),
        1);
    check_contains(said(), "the first to diverge: input_ids\n");
    check_contains(said(), "stored, but no module of this run gave it");
    ck_assert_int_eq(shell("$G trace " MINI " --case " CASES "gcg.json --compare " MINI "/sam.pth"),
                     1);
    check_contains(complained(), "none of the tensors");
}
END_TEST

/* A trace equals itself to the bit, also when its own tensors are fed back; someone else's change
 * what follows, and only that. */
START_TEST(injected_outputs_go_on)
{
    clean_output();
    ck_assert_int_eq(
        shell("$G trace " MINI " --case " CASES "gcg.json --out %s/a.safetensors", OUTPUT), 0);
    ck_assert_int_eq(
        shell("$G trace " MINI " --case " CASES "refer.json --out %s/b.safetensors", OUTPUT), 0);
    ck_assert_int_eq(
        shell("$G trace " MINI " --case " CASES "gcg.json --compare %s/a.safetensors --tolerance 0 "
              "--inject model.layers.0=%s/a.safetensors --inject " SAM "neck=%s/a.safetensors",
              OUTPUT, OUTPUT, OUTPUT),
        0);
    ck_assert_int_eq(shell("$G trace " MINI " --case " CASES
                           "gcg.json --compare %s/a.safetensors --tolerance 0 "
                           "--inject " SAM "blocks.1=%s/b.safetensors",
                           OUTPUT, OUTPUT),
                     1);
    check_contains(said(), "the first to diverge: tap/" SAM "blocks.1\n");
    check_contains(said(), "BAD  mask_logits/0");
    check_contains(said(), "ok   tap/lm_head");
    ck_assert_int_eq(shell("$G trace " MINI " --case " CASES
                           "gcg.json --out %s/c.safetensors --inject nowhere=%s/a.safetensors",
                           OUTPUT, OUTPUT),
                     1);
    check_contains(complained(), "nowhere");
    ck_assert_int_eq(shell("$G trace " MINI " --case " CASES
                           "gcg.json --out %s/c.safetensors --inject "
                           "model.layers.0=%s/b.safetensors",
                           OUTPUT, OUTPUT),
                     1);
    check_contains(complained(), "--inject model.layers.0: wanted (1, 98, 32)");
    ck_assert(!gm_is_file(OUTPUT "/c.safetensors"));
}
END_TEST

/* What is no file is written to, not replaced. */
START_TEST(a_trace_goes_into_a_pipe)
{
    const char *trace = "$G trace golden/mini/model --case golden/mini/cases/gcg.json --out "
                        OUTPUT;
    clean_output();
    ck_assert_int_eq(shell("mkfifo " OUTPUT "/pipe && %s/file && (cat " OUTPUT "/pipe > " OUTPUT
                           "/copy & %s/pipe && wait) && cmp " OUTPUT "/file " OUTPUT
                           "/copy && test -p " OUTPUT "/pipe", trace, trace), 0);
}
END_TEST

START_TEST(a_question_is_traced_and_drawn)
{
    static const char *const picture[] = { "input-clip",     "input-sam",    "clip-layers",
                                           "clip-attention", "llama-layers", "llama-attention",
                                           "sam-blocks",     "sam-neck",     "masks-low",
                                           "masks" };
    clean_output();
    ck_assert_int_eq(shell("$G trace models/nano --image golden/nano/cases/gcg2.png --out "
                           "%s/t.safetensors --pictures %s/pictures",
                           OUTPUT, OUTPUT),
                     0);
    check_contains(said(), "answer: ");
    int segs = 0;
    for (const char *s = said(); (s = strstr(s, "[SEG]")); s++) segs++;
    ck_assert_int_ge(segs, 2);
    gm_error e = { "" };
    gm_file *f = gm_file_open(OUTPUT "/t.safetensors", &e);
    ck_assert_msg(f != NULL, "%s", e.text);
    gm_tensor low = gm_file_find(f, "tap_model.grounding_encoder.mask_decoder:0");
    ck_assert_int_eq(low.dim[0], segs);
    ck_assert_int_eq(gm_file_find(f, "mask_logits_0").dim[1], 256);
    gm_file_close(f);
    for (size_t i = 0; i < sizeof picture / sizeof *picture; i++) {
        char path[200];
        snprintf(path, sizeof path, OUTPUT "/pictures/%s.png", picture[i]);
        ck_assert_msg(gm_is_file(path), "%s is not there", path);
    }
    ck_assert_int_eq(shell("cat %s/pictures/index.txt", OUTPUT), 0);
    check_contains(said(), "masks.png: ");
    ck_assert_int_eq(shell("$G trace models/nano --image golden/nano/cases/region6.png --box "
                           "117,100,173,148 --pictures %s/region",
                           OUTPUT),
                     0);
    ck_assert(gm_is_file(OUTPUT "/region/region-rois.png"));
    ck_assert(!gm_is_file(OUTPUT "/region/masks.png"));         /* the answer has no [SEG] */
}
END_TEST

Suite *test_trace(void);
Suite *test_trace(void)
{
    Suite *s = suite_create("trace");
    TCase *t = tcase_create("trace");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, every_case_agrees_with_pytorch);
    tcase_add_test(t, the_first_difference_is_named);
    tcase_add_test(t, injected_outputs_go_on);
    tcase_add_test(t, a_trace_goes_into_a_pipe);
    tcase_add_test(t, a_question_is_traced_and_drawn);
    suite_add_tcase(s, t);
    return s;
}
