/* Growing a sample, and checking it. */
#include <stdlib.h>
#include <string.h>
#include "set.h"

static gm_problem no_memory(gm_error *e)
{
    return gm_problem_say(e, GM_PROBLEM_MEMORY, "out of memory for the sample");
}

gm_problem gm_sample_turn(gm_sample *s, char *text, gm_error *e)
{
    char **more = text ? realloc(s->turn, (size_t)(s->turns + 1) * sizeof *more) : NULL;
    if (!more) {
        free(text);
        return no_memory(e);
    }
    s->turn = more;
    s->turn[s->turns++] = text;
    return GM_PROBLEM_NONE;
}

gm_problem gm_sample_mask(gm_sample *s, gm_rle *r, gm_error *e)
{
    gm_rle *more = realloc(s->mask, (size_t)(s->masks + 1) * sizeof *more);
    if (!more) {
        gm_rle_free(r);
        return no_memory(e);
    }
    s->mask = more;
    s->mask[s->masks++] = *r;
    *r = (gm_rle){ 0 };
    return GM_PROBLEM_NONE;
}

gm_problem gm_sample_box(gm_sample *s, const double corners[4], gm_error *e)
{
    double(*more)[4] = realloc(s->box, (size_t)(s->boxes + 1) * sizeof *more);
    if (!more) return no_memory(e);
    s->box = more;
    for (int i = 0; i < 4; i++)
        more[s->boxes][i] = corners[i] / (double)(i % 2 ? s->image.height : s->image.width);
    s->boxes++;
    return GM_PROBLEM_NONE;
}

static int64_t count(const gm_sample *s, const char *token)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->turns; i++)
        for (const char *at = s->turn[i]; (at = strstr(at, token)); at += strlen(token)) n++;
    return n;
}

/* What the label rules cannot take (dataset.py, _process_conversation; A15). */
static gm_problem check_turns(const gm_sample *s, gm_error *e)
{
    static const char *const refused[] = { " ASSISTANT:", "</s>", "<unk>" };
    if (s->turns < 2 || s->turns % 2)
        return gm_problem_say(e, GM_PROBLEM_TEXT, "wanted questions and answers in turn, found "
                              "%lld texts", (long long)s->turns);
    for (int64_t i = 0; i < s->turns; i++) {
        if (!s->turn[i][strspn(s->turn[i], " \n\t\r")])
            return gm_problem_say(e, GM_PROBLEM_TEXT, "%s %lld is empty",
                                  i % 2 ? "answer" : "question", (long long)(i / 2));
        for (size_t k = 0; k < sizeof refused / sizeof *refused; k++)
            if (strstr(s->turn[i], refused[k]))
                return gm_problem_say(e, GM_PROBLEM_TEXT, "%s %lld holds \"%s\"",
                                      i % 2 ? "answer" : "question", (long long)(i / 2),
                                      refused[k]);
    }
    return GM_PROBLEM_NONE;
}

gm_problem gm_sample_check(const gm_sample *s, gm_error *e)
{
    if (s->trait && !s->turns) return GM_PROBLEM_NONE;
    gm_problem p = check_turns(s, e);
    if (p) return p;
    int64_t images = count(s, "<image>"), masks = count(s, "[SEG]"), boxes = count(s, "<bbox>");
    if (images != 1 || !strstr(s->turn[0], "<image>"))
        return gm_problem_say(e, GM_PROBLEM_TEXT, "wanted <image> once, in the first question, "
                              "found it %lld times", (long long)images);
    if (masks != s->masks)
        return gm_problem_say(e, GM_PROBLEM_TEXT, "wanted a [SEG] for each of %lld masks, found "
                              "%lld", (long long)s->masks, (long long)masks);
    if (boxes != s->boxes)
        return gm_problem_say(e, GM_PROBLEM_TEXT, "wanted a <bbox> for each of %lld boxes, found "
                              "%lld", (long long)s->boxes, (long long)boxes);
    for (int64_t i = 0; i < s->masks; i++)
        if (s->mask[i].height != s->image.height || s->mask[i].width != s->image.width)
            return gm_problem_say(e, GM_PROBLEM_MASK, "mask %lld: wanted the image's %lld x %lld "
                                  "pixels, found %lld x %lld", (long long)i,
                                  (long long)s->image.width, (long long)s->image.height,
                                  (long long)s->mask[i].width, (long long)s->mask[i].height);
    return GM_PROBLEM_NONE;
}
