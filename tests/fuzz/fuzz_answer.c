/* Answers and prompts: the first byte says what the rest is: 'c' an answer to clean, 'p' a
 * prompts.json, anything else a user's text for every task of the release's prompts. */
#include <stdlib.h>
#include <string.h>
#include "../../io/prompts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int good)
{
    if (!good) abort();
}

static void clean(const char *text)
{
    char *caption;
    gm_span *span;
    int64_t nspans, segs = 0;
    gm_error e = { "" };
    must(gm_answer_clean(text, &caption, &span, &nspans, &e) == 0);
    size_t n = strlen(caption);
    for (const char *s = text; *s; s++) segs += *s == '[';
    for (int64_t i = 0; i < nspans; i++) {
        must(span[i].start <= span[i].end && span[i].end <= n);
        must(span[i].mask >= -1 && span[i].mask < segs);
        must(i == 0 || span[i].start >= span[i - 1].start);
    }
    must(n == 0 || (caption[0] != ' ' && caption[n - 1] != ' '));
    free(caption);
    free(span);
}

/* Every task with the text, its first templates, alone and after other turns. */
static void ask(const gm_prompts *p, const char *text)
{
    double box[3][4] = { { 0 } };
    for (int k = 0; k < 36; k++) {
        gm_error e = { "" };
        gm_ask q = { .task = (gm_task)(k % 6), .text = k / 6 % 2 ? text : NULL, .boxes = box,
                     .nboxes = k % 4, .forced = k % 5 == 0 };
        char *user = gm_prompt_user(p, &q, k / 12, k % 2 == 0, k % 3, &e);
        if (!user) {
            must(e.text[0] != 0);
            continue;
        }
        const char *turn[] = { "a", text, user };
        char *s = gm_conversation(p, k % 2 ? "llava_v1" : "llava_llama_2", k % 3 ? turn : turn + 2,
                                  k % 3 ? 3 : 1, &e);
        must(s != NULL || e.text[0] != 0);
        free(s);
        free(user);
    }
    char *forced = gm_forced_answer(text, NULL);
    if (forced) clean(forced);
    free(forced);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0) return 0;
    gm_error e = { "" };
    char *text = malloc(n);
    must(text != NULL);
    memcpy(text, data + 1, n - 1);
    text[n - 1] = 0;
    if (*data == 'c') {
        clean(text);
    } else {
        gm_prompts *p = *data == 'p' ? gm_prompts_parse(text, n - 1, "p", &e)
            : gm_prompts_open(NULL, &e);
        must(p != NULL || e.text[0] != 0);
        if (p) ask(p, *data == 'p' ? "<p>a</p>" : text);
        gm_prompts_free(p);
    }
    free(text);
    return 0;
}
