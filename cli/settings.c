/* Options that several subcommands share, and the questions they mean. */
#include "settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(model_settings, field)
const option MODEL_OPTIONS[] = {
    { "backend", 0, OPTION_CHOICE, AT(backend), "ref|cpu|cuda|cuda-bf16",
      "Kernels: cpu (default, OpenBLAS and OpenMP); ref, the slow textbook ones; cuda, an NVIDIA "
      "GPU (cuda-bf16: products in bfloat16).", 0, 0 },
    { "clip", 0, OPTION_TEXT, AT(clip), "DIR",
      "Folder of the CLIP tower, where the model does not hold it.", 0, 0 },
    { "sam", 0, OPTION_TEXT, AT(sam), "FILE",
      "SAM's own .pth, in place of the model's grounding encoder.", 0, 0 },
    { "lora", 0, OPTION_TEXT, AT(lora), "DIR",
      "LoRA weights (folder or file) to merge while loading.", 0, 0 },
    { "conversation", 0, OPTION_CHOICE, AT(conversation), "llava_v1|llava_llama_2",
      "Conversation template (default llava_v1).", 0, 0 },
    { "exact-f32", 0, OPTION_FLAG, AT(exact_f32), NULL,
      "Do not round to bfloat16 where a bfloat16 release does.", 0, 0 },
    { "activations", 0, OPTION_CHOICE, AT(activations), "f32|bf16|q8",
      "What weights are multiplied by: float32 (default); bf16: numbers rounded to bfloat16 where the "
      "weights are bf16; q8: 8-bit numbers where they are quantised, as llama.cpp does.", 0, 0 },
    { "kv", 0, OPTION_CHOICE, AT(kv), "f32|bf16|f16",
      "What keys and values are kept in: f32 (default), or bf16 or f16, half the memory (f16 is the "
      "default with --activations).", 0, 0 },
    { "threads", 't', OPTION_INT, AT(threads), "N",
      "Threads (default: one for each physical core).", 1, 4096 },
    { "cache", 0, OPTION_TEXT, AT(cache), "DIR",
      "Keep SAM's image embeddings here, so that a later question about the same image starts "
      "without SAM. Several programs may share it.", 0, 0 },
    { "cache-size", 0, OPTION_REAL, AT(cache_gb), "GB",
      "With --cache: what it may take (default 4); what was longest unused goes.", 0.001, 1e6 },
    { "verify", 0, OPTION_FLAG, AT(verify), NULL,
      "Hold every byte of a GGUF pair against its checksums before it is used.", 0, 0 },
    { "verbose", 'v', OPTION_FLAG, AT(verbose), NULL,
      "Name every unused or missing tensor; print the time of each stage.", 0, 0 },
    { "quiet", 'q', OPTION_FLAG, AT(quiet), NULL,
      "No progress and no notes, only results and errors.", 0, 0 },
};
const int NMODEL_OPTIONS = sizeof MODEL_OPTIONS / sizeof *MODEL_OPTIONS;
#undef AT

#define AT(field) offsetof(ask_settings, field)
const option ASK_OPTIONS[] = {
    { "task", 0, OPTION_CHOICE, AT(task), "gcg|refer|region|caption|phrase|chat",
      "What to do. Default: what the other options mean, else gcg.", 0, 0 },
    { "expression", 0, OPTION_LIST, AT(expressions), "TEXT",
      "refer: the object to mark, such as \"the red ball\". Repeatable: one question each.", 0, 0 },
    { "box", 0, OPTION_LIST, AT(boxes), "X1,Y1,X2,Y2",
      "region: a box in pixels of the image. Repeatable: one question each. With chat, the box of "
      "the next <bbox> in the prompt.",
      0, 0 },
    { "phrase", 0, OPTION_LIST, AT(phrases), "TEXT",
      "phrase: a caption whose phrases to ground stand between <p> and </p>.", 0, 0 },
    { "forced", 0, OPTION_FLAG, AT(forced), NULL,
      "phrase: take the caption as the answer instead of letting the model repeat it.", 0, 0 },
    { "prompt", 'p', OPTION_TEXT, AT(prompt), "TEXT",
      "chat: the question, as it stands. gcg, caption, region: an instruction in place of the "
      "built-in one.",
      0, 0 },
};
const int NASK_OPTIONS = sizeof ASK_OPTIONS / sizeof *ASK_OPTIONS;

const option ANSWER_OPTIONS[] = {
    { "max-tokens", 0, OPTION_INT, AT(max_tokens), "N",
      "Stop after N generated tokens (default 512).", 1, 1 << 20 },
    { "temp", 0, OPTION_REAL, AT(temp), "X", "Sample at this temperature (default 0: greedy).", 0,
      100 },
    { "top-p", 0, OPTION_REAL, AT(top_p), "X", "Sample from the likeliest tokens that sum to X.", 0,
      1 },
    { "seed", 0, OPTION_INT, AT(seed), "N", "Seed of the sampling (default 0).", 0, 9e15 },
    { "no-kv-cache", 0, OPTION_FLAG, AT(no_kv_cache), NULL,
      "Recompute everything at each step, as the authors' code does.", 0, 0 },
    { "no-masks", 0, OPTION_FLAG, AT(no_masks), NULL,
      "Text only: leave SAM and the mask decoder out.", 0, 0 },
};
const int NANSWER_OPTIONS = sizeof ANSWER_OPTIONS / sizeof *ANSWER_OPTIONS;
#undef AT

static const char *const TASKS[] = {
    "gcg", "refer", "region", "caption", "phrase", "chat"
}; /* gm_task's order */

gm_model_options settings_model(const model_settings *s, void (*log)(void *, const char *),
                                void *user)
{
    return (gm_model_options){ .backend = s->backend,
                               .clip = s->clip,
                               .sam = s->sam,
                               .lora = s->lora,
                               .conversation = s->conversation,
                               .activations = s->activations,
                               .kv = s->kv,
                               .cache = s->cache,
                               .cache_bytes = (int64_t)(1e9 * s->cache_gb),
                               .exact_f32 = s->exact_f32,
                               .threads = (int)s->threads,
                               .verify = s->verify,
                               .verbose = s->verbose,
                               .log = log,
                               .user = user };
}

void ask_settings_free(ask_settings *s)
{
    text_list_free(&s->expressions);
    text_list_free(&s->phrases);
    text_list_free(&s->boxes);
}

const char *task_name(gm_task task)
{
    return TASKS[task];
}

int answer_check(const ask_settings *s, gm_error *e)
{
    if (s->temp > 0 || (s->top_p == 0 && s->seed == 0)) return 0;
    return gm_fail(e, "--%s: wanted --temp above 0 with it; without, the answer is greedy",
                   s->seed ? "seed" : "top-p");
}

int boxes_read(const text_list *texts, double (**boxes)[4], int64_t *n, gm_error *e)
{
    *n = 0;
    *boxes = NULL;
    if (!texts->n) return 0;
    *boxes = malloc((size_t)texts->n * sizeof **boxes);
    if (!*boxes) return gm_fail(e, "--box: out of memory");
    for (int i = 0; i < texts->n; i++) {
        const char *s = texts->item[i];
        int good = 1;
        for (int k = 0; good && k < 4; k++) {
            char *end;
            double v = strtod(s, &end);
            good = end != s && isfinite(v) && *end == (k < 3 ? ',' : 0);
            (*boxes)[i][k] = v;
            s = end + 1;
        }
        if (!good) {
            free(*boxes);
            *boxes = NULL;
            return gm_fail(e, "--box: wanted four numbers, x1,y1,x2,y2 in pixels, found '%s'",
                           texts->item[i]);
        }
    }
    *n = texts->n;
    return 0;
}

static int task_of(const asked *a, gm_task *task, gm_error *e)
{
    if (!a->task) {
        *task = a->nexpressions ? GM_REFER : a->nphrases ? GM_PHRASE
              : a->prompt ? GM_CHAT : a->nboxes ? GM_REGION : GM_GCG;
        return 0;
    }
    for (int i = 0; i < (int)(sizeof TASKS / sizeof *TASKS); i++)
        if (strcmp(a->task, TASKS[i]) == 0) {
            *task = (gm_task)i;
            return 0;
        }
    return gm_fail(e, "--task: wanted gcg, refer, region, caption, phrase or chat, found '%s'",
                   a->task);
}

static int64_t count(const char *text, const char *what)
{
    int64_t n = 0;
    for (const char *s = text; (s = strstr(s, what)); s += strlen(what)) n++;
    return n;
}

/* What a task needs and what it has no use for. */
static int check(const asked *a, gm_task task, gm_error *e)
{
    const char *name = TASKS[task];
    if (task == GM_REFER && !a->nexpressions)
        return gm_fail(e, "--task refer: wanted --expression \"the red ball\", found none");
    if (task == GM_REGION && !a->nboxes)
        return gm_fail(e, "--task region: wanted --box x1,y1,x2,y2, found none");
    if (task == GM_PHRASE && !a->nphrases)
        return gm_fail(e,
                       "--task phrase: wanted --phrase \"a photo of <p> a dog </p>\", found none");
    if (task == GM_CHAT && !a->prompt)
        return gm_fail(e, "--task chat: wanted --prompt \"a question\", found none");
    if (task != GM_REFER && a->nexpressions)
        return gm_fail(e, "--expression: task %s does not use it", name);
    if (task != GM_PHRASE && a->nphrases)
        return gm_fail(e, "--phrase: task %s does not use it", name);
    if (task != GM_PHRASE && a->forced)
        return gm_fail(e, "--forced: task %s does not use it", name);
    if ((task == GM_REFER || task == GM_PHRASE) && a->prompt)
        return gm_fail(e, "--prompt: task %s does not use it", name);
    if (task != GM_REGION && a->nboxes && !(a->prompt && strstr(a->prompt, "<bbox>")))
        return gm_fail(
            e, "--box: wanted --task region, or a --prompt with <bbox> in it; task is %s", name);
    if (a->prompt && a->nboxes > count(a->prompt, "<bbox>") && strstr(a->prompt, "<bbox>"))
        return gm_fail(e, "--box: wanted as many as <bbox> in --prompt, %lld, found %lld",
                       (long long)count(a->prompt, "<bbox>"), (long long)a->nboxes);
    for (int64_t i = 0; i < a->nphrases; i++)
        if (!strstr(a->phrase[i], "<p>") || !strstr(a->phrase[i], "</p>"))
            return gm_fail(e, "--phrase: wanted phrases between <p> and </p>, found none in '%s'",
                           a->phrase[i]);
    return 0;
}

int questions_make(question **q, int64_t *n, const asked *a, gm_error *e)
{
    gm_task task = GM_GCG;
    *q = NULL;
    *n = 0;
    if (task_of(a, &task, e) || check(a, task, e)) return -1;
    bool each_box = task == GM_REGION && !a->prompt;
    int64_t count = task == GM_REFER    ? a->nexpressions
                    : task == GM_PHRASE ? a->nphrases
                    : each_box          ? a->nboxes
                                        : 1;
    *q = malloc((size_t)count * sizeof **q);
    if (!*q) return gm_fail(e, "out of memory for %lld questions", (long long)count);
    for (int64_t i = 0; i < count; i++) {
        const char *text = task == GM_REFER    ? a->expression[i]
                           : task == GM_PHRASE ? a->phrase[i]
                                               : a->prompt;
        (*q)[i] = (question){ .task = task,
                              .text = text,
                              .forced = a->forced,
                              .boxes = each_box ? a->box + i : a->box,
                              .nboxes = each_box ? 1 : a->nboxes };
    }
    *n = count;
    return 0;
}

gm_ask question_ask(const question *q, const ask_settings *s)
{
    return (gm_ask){ .task = q->task,
                     .text = q->text,
                     .boxes = q->boxes,
                     .nboxes = q->nboxes,
                     .forced = q->forced,
                     .max_new_tokens = s->max_tokens,
                     .temperature = (float)s->temp,
                     .top_p = (float)s->top_p,
                     .seed = (uint64_t)s->seed,
                     .no_kv_cache = s->no_kv_cache,
                     .no_masks = s->no_masks };
}
