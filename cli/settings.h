/* What run, chat and trace have in common: the options of model and question, and the questions
 * they mean. */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H
#include <stdbool.h>
#include "../ref/error.h"
#include "options.h"

/* ---- the model's options ---- */
typedef struct {
    const char *backend, *clip, *sam, *lora, *conversation, *cache, *activations, *kv;
    int exact_f32, verify, verbose, quiet;
    int64_t threads;
    double cache_gb;
} model_settings;
extern const option MODEL_OPTIONS[];
extern const int NMODEL_OPTIONS;

/* log (warnings of the library) may be NULL. */
gm_model_options settings_model(const model_settings *s, void (*log)(void *user, const char *line),
                                void *user);

/* ---- the question's options ---- */
typedef struct {
    const char *task, *prompt;
    text_list expressions, phrases, boxes;
    int forced, no_masks, no_kv_cache;
    int64_t max_tokens, seed;
    double temp, top_p;
} ask_settings;
extern const option ASK_OPTIONS[], ANSWER_OPTIONS[];     /* what is asked; how it is answered */
extern const int NASK_OPTIONS, NANSWER_OPTIONS;
void ask_settings_free(ask_settings *s);

/* ---- the questions they mean ---- */

/* What is asked about one image, wherever it was written: on the command line or in a list. */
typedef struct {
    const char *task, *prompt;                  /* NULL: not given */
    const char *const *expression; int64_t nexpressions;
    const char *const *phrase; int64_t nphrases;
    const double (*box)[4]; int64_t nboxes;     /* pixels, x1 y1 x2 y2 */
    int forced;
} asked;

/* One question; its text and boxes belong to the asked it was made of. */
typedef struct {
    gm_task task;
    const char *text;
    const double (*boxes)[4];
    int64_t nboxes;
    int forced;
} question;

/* Refuses options that would change nothing: --top-p and --seed of a greedy answer. */
int answer_check(const ask_settings *s, gm_error *e);

/* The boxes of --box, malloc'ed (NULL and *n = 0: none). */
int boxes_read(const text_list *texts, double (**boxes)[4], int64_t *n, gm_error *e);

/* One question per expression, phrase caption or region box; one in all for the other tasks.  A
 * task that is not named follows from what is given: an expression asks refer, a phrase phrase, a
 * box region, a prompt chat, nothing gcg.  *q malloc'ed.  The error names the option that is
 * missing or too much. */
int questions_make(question **q, int64_t *n, const asked *a, gm_error *e);
const char *task_name(gm_task task);

/* The library's form of a question: the caller adds its callbacks. */
gm_ask question_ask(const question *q, const ask_settings *s);

#endif
