/* The truth of evaluation: the first byte says what the rest is: 'g' captions with masks, 'c'
 * captions, 'r' regions, 'q' questions, 'l' questions as lines, 'e' expressions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../eval/caption_set.h"
#include "../../eval/gcg.h"
#include "../../eval/qa_set.h"
#include "../../eval/refseg.h"
#include "../../io/os.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define DIR "build/fuzz/sets"

static void must(int good)
{
    if (!good) abort();
}

static void put(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    must(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

/* The bytes are both truth files and the predictions' list. */
static int grounded(const char *path, gm_error *e)
{
    static const char *const keys[] = { "image_id", NULL };
    gm_gcg g;
    gm_gcg_scores s = { 0 };
    gm_predictions *p = NULL;
    int bad = gm_gcg_read(&g, path, "val", e);
    if (!bad) bad = !(p = gm_predictions_open(path, keys, &g.problems, e));
    if (!bad) bad = gm_gcg_score(&s, &g, p, e);
    gm_predictions_free(p);
    gm_gcg_scores_free(&s);
    gm_gcg_free(&g);
    return bad;
}

static int captions(const char *path, bool regions, gm_error *e)
{
    gm_caption_set s;
    gm_predictions *p = NULL;
    int bad = gm_caption_set_read(&s, path, regions, e);
    if (!bad) bad = !(p = gm_predictions_open(path, GM_CAPTION_KEYS, &s.problems, e));
    if (!bad) bad = gm_caption_set_score(&s, p, e);
    gm_predictions_free(p);
    gm_caption_set_free(&s);
    return bad;
}

static int questions(const char *path, gm_error *e)
{
    gm_qa_set s;
    gm_predictions *p = NULL;
    int bad = gm_qa_set_read(&s, path, true, e);
    if (!bad) bad = !(p = gm_predictions_open(path, GM_QA_KEYS, &s.problems, e));
    if (!bad) bad = gm_qa_set_score(&s, p, e);
    gm_predictions_free(p);
    gm_qa_set_free(&s);
    return bad;
}

static int expressions(const char *path, gm_error *e)
{
    gm_ref_set s;
    gm_seg_sums sums;
    gm_predictions *p = NULL;
    int bad = gm_ref_set_read(&s, path, "val", e) || gm_ref_choose(&s, GM_REF_ALL, 0, e);
    if (!bad) bad = !(p = gm_predictions_open(path, GM_REF_KEYS, &s.problems, e));
    if (!bad) bad = gm_ref_score(&sums, &s, p, e);
    gm_predictions_free(p);
    gm_ref_set_free(&s);
    return bad;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    gm_error e = { "" };
    if (n == 0) return 0;
    if (!gm_is_dir(DIR)) must(gm_make_dir(DIR, &e) == 0);
    const char *path = *data == 'l' ? DIR "/truth.jsonl" : DIR "/caption.json";
    put(path, data + 1, n - 1);
    if (*data == 'g') put(DIR "/mask.json", data + 1, n - 1);
    int bad = *data == 'g' ? grounded(path, &e) : *data == 'c' ? captions(path, false, &e)
        : *data == 'r' ? captions(path, true, &e) : *data == 'e' ? expressions(path, &e)
        : questions(path, &e);
    must((bad != 0) == (e.text[0] != 0));
    return 0;
}
