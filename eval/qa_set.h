/* Questions with one right answer each: conversations as LLaVA-Instruct writes them, or JSON Lines
 * with a question and its answer; found answers in LLaVA's format. */
#ifndef GM_EVAL_QA_SET_H
#define GM_EVAL_QA_SET_H
#include "predictions.h"

typedef struct {
    char *id, *file, *question;
    gm_texts answers;           /* true ones, any of which is right */
    char *found;                /* "" without a prediction */
    bool predicted, exact, relaxed;
    char *problem;              /* or NULL */
} gm_asked;

typedef struct {
    gm_asked *item;
    int64_t n, missing, extra;
    int64_t exact, relaxed;     /* right answers: letter by letter; without case and punctuation */
    gm_texts problems;
} gm_qa_set;

/* path: a list of {"id", "image", "conversations": [{"from": "human", "value"}, {"from": "gpt",
 * "value"}, ..]}: every turn is a question of its own, called ID when it is the only one, else
 * ID-1, ID-2, ..; "<image>" and white space around it are taken out.  Or .jsonl of {"question_id",
 * "image", "text" (the question), "answer" or "answers": [..]}; without answers (LLaVA-Bench's
 * questions) unless answers_wanted.  gm_qa_set_free in any case. */
int gm_qa_set_read(gm_qa_set *s, const char *path, bool answers_wanted, gm_error *e);
void gm_qa_set_free(gm_qa_set *s);

/* Reads every prediction, {"question_id", "text"}, and compares. */
int gm_qa_set_score(gm_qa_set *s, gm_predictions *p, gm_error *e);
extern const char *const GM_QA_KEYS[];

/* Equal but for white space around (exact), and for case, punctuation and white space (relaxed). */
bool gm_answer_exact(const char *found, const char *truth);
bool gm_answer_relaxed(const char *found, const char *truth);

#endif
