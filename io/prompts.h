/* Prompts are data of the model: prompts.json of its folder, else the release's strings
 * (models/release-prompts.json, linked into the library).  And what is done with answers. */
#ifndef GM_IO_PROMPTS_H
#define GM_IO_PROMPTS_H
#include <stdbool.h>
#include "../ref/error.h"

typedef struct gm_prompts gm_prompts;

/* path NULL: the release's. */
gm_prompts *gm_prompts_open(const char *path, gm_error *e);
void gm_prompts_free(gm_prompts *p);

/* The user's message for a task (spec 1.4, 1.9), malloc'ed: `first` puts BEGIN in front (not for CHAT,
 * which gets the image markers and a newline).  index: which of the task's templates. Boxes: REGION
 * asks about region1 <bbox> .. ; CHAT text is taken as it stands. */
char *gm_prompt_user(const gm_prompts *p, const gm_ask *q, int64_t index, bool first, gm_error *e);

/* turn 2i is the user's, 2i + 1 the assistant's; an odd count ends with the open assistant turn.
 * name: "llava_v1" or "llava_llama_2" (spec 1.1).  malloc'ed. */
char *gm_conversation(const gm_prompts *p, const char *name, const char *const *turn, int64_t n, gm_error *e);

/* The forced form of phrase grounding: the caption with " [SEG]" after every </p>. malloc'ed. */
char *gm_forced_answer(const char *caption, gm_error *e);

/* What evaluation makes of a decoded answer (spec 1.8, 2 to 4): clean caption with spans; span k's mask
 * is the next [SEG] after its </p>, if it comes before the following <p>.  *caption, *span malloc'ed. */
int gm_answer_clean(const char *text, char **caption, gm_span **span, int64_t *nspans, gm_error *e);

#endif
