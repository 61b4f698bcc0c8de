/* Pieces of language that both worlds use. */
#include "shapes_text.h"

#include <stdarg.h>
#include <string.h>

const char gm_shapes_system[] =
    "A chat between a curious human and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the human's questions.";
const char gm_shapes_begin[] =
    "The <im_start><image><im_end> provides an overview of the picture.\n";

const gm_shapes_words *gm_shapes_words_of(gm_shapes_world w)
{
    return w == GM_SHAPES_B ? &gm_shapes_words_b : &gm_shapes_words_a;
}

void gm_shapes_say(gm_text *t, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    for (const char *at; (at = strstr(format, "{}")); format = at + 2) {
        gm_text_add(t, format, (size_t)(at - format));
        gm_text_adds(t, va_arg(list, const char *));
    }
    va_end(list);
    gm_text_adds(t, format);
}

const char *gm_shapes_pick(gm_random *r, const char *const *list)
{
    int n = 0;
    while (list[n]) n++;
    return list[gm_random_below(r, n)];
}

const char *gm_shapes_article(const char *word) { return strchr("aeiou", *word) ? "an" : "a"; }

const char *gm_shapes_number(int n)
{
    static const char *const name[] = { "zero", "one", "two", "three", "four", "five", "six",
                                        "seven", "eight" };
    return name[n];
}

void gm_shapes_permutation(int *order, int n, gm_random *r)
{
    for (int i = 0; i < n; i++) {
        int j = gm_random_below(r, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}

void gm_shapes_tag(gm_text *t, const gm_shapes_caption *c, bool seg)
{
    size_t at = 0;
    for (int i = 0; i < c->spans; i++) {
        const gm_shapes_span *p = &c->span[i];
        gm_text_add(t, c->text.s + at, p->start - at);
        gm_text_adds(t, "<p> ");
        gm_text_add(t, c->text.s + p->start, p->end - p->start);
        gm_text_adds(t, seg ? " </p> [SEG]" : " </p>");
        at = p->end;
    }
    gm_text_adds(t, c->text.s + at);
}
