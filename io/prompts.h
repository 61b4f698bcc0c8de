/* Prompts are data of the model: prompts.json of its folder, else the release's strings
 * (models/release-prompts.json, linked into the library).  And what is done with answers.
 * docs/TEXT.md describes the file. */
#ifndef GM_IO_PROMPTS_H
#define GM_IO_PROMPTS_H
#include <stdbool.h>
#include "../ref/error.h"

typedef struct gm_prompts gm_prompts;

/* path NULL: the release's. */
gm_prompts *gm_prompts_open(const char *path, gm_error *e);
/* The same from n bytes of JSON; name is for messages. */
gm_prompts *gm_prompts_parse(const char *json, size_t n, const char *name, gm_error *e);
void gm_prompts_free(gm_prompts *p);

/* The user's message for a task (docs/TEXT.md), malloc'ed.  first: the conversation starts, so the
 * file's `begin` (for CHAT its `chat_begin`, if it has one) comes in front.  index: which of the
 * task's templates.  REGION asks about the q->nboxes regions, numbered on from `before`; PHRASE
 * with q->forced asks gcg's question, the caption being the answer (gm_forced_answer).  Text given
 * by the user goes in as it stands, but for REFER's expression, stripped and in lower case;
 * "<image>" in it is an error (QUIRKS Q5). */
char *gm_prompt_user(const gm_prompts *p, const gm_ask *q, int64_t index, bool first,
                     int64_t before, gm_error *e);

/* Training: the templates of a list, and the first of them that it uses (evaluation's own come
 * before).  A template, NULL with an error when there is none. */
int64_t gm_prompts_count(const gm_prompts *p, const char *list);
int64_t gm_prompts_training(const gm_prompts *p, const char *list);
const char *gm_prompts_template(const gm_prompts *p, const char *list, int64_t index, gm_error *e);
/* First messages of training about regions, malloc'ed: all n of them in one question (a template
 * of region_group, or of region where there is no group form); and RefCOCO's about region
 * before + 1, whose intro is the file's refcoco_begin. */
char *gm_prompt_group(const gm_prompts *p, int64_t index, int64_t n, gm_error *e);
char *gm_prompt_refcoco(const gm_prompts *p, int64_t before, gm_error *e);

/* turn 2i is the user's, 2i + 1 the assistant's; an odd count ends with the open assistant turn.
 * name: "llava_v1" or "llava_llama_2" (docs/TEXT.md), or another one of the file.  malloc'ed. */
char *gm_conversation(const gm_prompts *p, const char *name, const char *const *turn, int64_t n,
                      gm_error *e);

/* The forced form of phrase grounding: the caption with " [SEG]" after every </p> that has none
 * yet.  malloc'ed. */
char *gm_forced_answer(const char *caption, gm_error *e);

/* What evaluation makes of a decoded answer (eval/gcg/infer.py, inference): newlines
 * deleted, what follows the last "ASSISTANT: ", then tags and [SEG] removed, white space collapsed,
 * ' stripped at both ends.  One span per <p> .. </p>, in bytes of *caption, without white space at
 * its ends; where cleaning left nothing of it, empty.  Its mask is the next [SEG] after its </p> if
 * that comes before the following <p>, else -1; [SEG]s are counted over the whole text.
 * *caption, *span malloc'ed. */
int gm_answer_clean(const char *text, char **caption, gm_span **span, int64_t *nspans, gm_error *e);

#endif
