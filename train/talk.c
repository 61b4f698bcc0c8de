/* Conversations of samples, from the words of the model's prompts. */
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/unicode.h"
#include "set.h"

char *gm_stripped(const char *s, const char *marks)
{
    size_t start = 0, end = strlen(s);
    if (marks) {
        start = strspn(s, marks);
        while (end > start && strchr(marks, s[end - 1])) end--;
    }
    gm_strip_left(s, &start, end);
    gm_strip_right(s, start, &end);
    char *copy = malloc(end - start + 1);
    if (!copy) return NULL;
    memcpy(copy, s + start, end - start);
    copy[end - start] = 0;
    return copy;
}

/* One of training's templates. */
static int64_t choose(const gm_set *s, gm_draw *d, const char *list)
{
    int64_t first = gm_prompts_training(s->prompts, list);
    int64_t n = gm_prompts_count(s->prompts, list) - first;
    return first + (n > 0 ? gm_draw_below(d, n) : 0);
}

static char *ask(const gm_set *s, gm_draw *d, const gm_ask *q, const char *list, bool first,
                  int64_t before, gm_error *e)
{
    return gm_prompt_user(s->prompts, q, choose(s, d, list), first, before, e);
}

/* A question or answer that prompts and data made: NULL is the data's fault, unless out of
 * memory. */
static gm_problem add_turn(gm_sample *out, char *text, gm_error *e)
{
    return text ? gm_sample_turn(out, text, e) : GM_PROBLEM_TEXT;
}

/* RefCOCO_Segm_ds.py, create_conversations. */
gm_problem gm_talk_refer(const gm_set *s, gm_draw *d, const char *const *name, int64_t n,
                         gm_sample *out, gm_error *e)
{
    for (int64_t i = 0; i < n; i++) {
        gm_ask q = { .task = GM_REFER, .text = name[i] };
        gm_problem p = add_turn(out, ask(s, d, &q, "refer", i == 0, 0, e), e);
        if (p) return p;
        const char *answer = gm_prompts_template(s->prompts, "refer_answers",
                                                 choose(s, d, "refer_answers"), e);
        p = add_turn(out, answer ? gm_copy_text(answer) : NULL, e);
        if (p) return p;
    }
    return GM_PROBLEM_NONE;
}

/* RefCOCO_VG_Region_ds.py, create_conversations: region i of the n answers. */
gm_problem gm_talk_regions(const gm_set *s, gm_draw *d, const char *const *answer, int64_t n,
                           bool first, gm_sample *out, gm_error *e)
{
    const double any[1][4] = { { 0 } };
    for (int64_t i = 0; i < n; i++) {
        gm_ask q = { .task = GM_REGION, .boxes = any, .nboxes = 1 };
        gm_problem p = add_turn(out, ask(s, d, &q, "region", first && i == 0, i, e), e);
        if (!p) p = add_turn(out, gm_copy_text(answer[i]), e);
        if (p) return p;
    }
    return GM_PROBLEM_NONE;
}

/* Flickr_Region_ds.py, create_conversations. */
gm_problem gm_talk_group(const gm_set *s, gm_draw *d, const char *caption,
                         const char *const *answer, int64_t n, gm_sample *out, gm_error *e)
{
    bool group = gm_prompts_count(s->prompts, "region_group") > 0;
    int64_t index = choose(s, d, group ? "region_group" : "region");
    gm_problem p = add_turn(out, gm_prompt_group(s->prompts, index, n, e), e);
    if (!p) p = add_turn(out, gm_copy_text(caption), e);
    return p ? p : gm_talk_regions(s, d, answer, n, false, out, e);
}

/* COCO_Caption_ds.py, create_conversations. */
gm_problem gm_talk_caption(const gm_set *s, gm_draw *d, const char *caption, gm_sample *out,
                           gm_error *e)
{
    gm_ask q = { .task = GM_CAPTION };
    gm_problem p = add_turn(out, ask(s, d, &q, "caption", true, 0, e), e);
    return p ? p : add_turn(out, gm_stripped(caption, NULL), e);
}

/* ---- grounded captions ---- */

void gm_phrase_list_free(gm_phrase *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++) gm_rle_free(&p[i].mask);
    free(p);
}

/* The byte at which character n begins; the end when there are fewer. */
static int64_t byte_of(const char *s, int64_t n)
{
    size_t at = 0, size = strlen(s), k;
    bool valid;
    for (; n > 0 && at < size; n--, at += k) gm_utf8_get(s + at, size - at, &k, &valid);
    return (int64_t)at;
}

gm_problem gm_phrase_span(gm_phrase *p, const char *caption, const json_t *span, gm_error *e)
{
    const json_t *a = json_array_get(span, 0), *b = json_array_get(span, 1);
    if (json_array_size(span) != 2 || !json_is_integer(a) || !json_is_integer(b))
        return gm_problem_say(e, GM_PROBLEM_RECORD, "wanted a phrase's span as [start, end]");
    int64_t start = json_integer_value(a), end = json_integer_value(b);
    p->start = byte_of(caption, start);
    p->end = byte_of(caption, end);
    if (start >= 0 && p->start < p->end) return GM_PROBLEM_NONE;
    return gm_problem_say(e, GM_PROBLEM_SPAN, "wanted a span inside the caption, found %lld to "
                          "%lld", (long long)start, (long long)end);
}

/* By start, the longer first; few enough for an insertion sort, which keeps the order of equals. */
static void sort_phrases(gm_phrase *p, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        gm_phrase x = p[i];
        int64_t k = i;
        for (; k > 0 && (p[k - 1].start > x.start ||
                         (p[k - 1].start == x.start && p[k - 1].end < x.end)); k--)
            p[k] = p[k - 1];
        p[k] = x;
    }
}

/* GranDf_gcg_ds.py, create_conversations (tag_caption) and process_data. */
gm_problem gm_talk_gcg(gm_set *s, gm_draw *d, const char *caption, gm_phrase *phrase, int64_t n,
                       gm_sample *out, gm_error *e)
{
    gm_text answer = { 0 };
    gm_problem p = GM_PROBLEM_NONE;
    int64_t at = 0;
    sort_phrases(phrase, n);
    for (int64_t i = 0; !p && i < n; i++) {
        if (phrase[i].start < at) {                 /* Q27: interleaved tags in the release */
            s->left_out++;
            continue;
        }
        gm_text_add(&answer, caption + at, (size_t)(phrase[i].start - at));
        gm_text_adds(&answer, "<p> ");
        gm_text_add(&answer, caption + phrase[i].start, (size_t)(phrase[i].end - phrase[i].start));
        gm_text_adds(&answer, " </p> [SEG]");
        at = phrase[i].end;
        p = gm_sample_mask(out, &phrase[i].mask, e);
    }
    gm_text_adds(&answer, caption + at);
    if (!p) {
        gm_ask q = { .task = GM_GCG };
        p = add_turn(out, ask(s, d, &q, "gcg", true, 0, e), e);
    }
    if (!p) return gm_sample_turn(out, gm_text_take(&answer), e);
    gm_text_drop(&answer);
    return p;
}
