/* A language model alone, in one GGUF of another program's: its sizes, and how it is talked to. */
#ifndef GM_IO_TEXT_MODEL_H
#define GM_IO_TEXT_MODEL_H
#include "../ref/config.h"
#include "gguf.h"
#include "prompts.h"

#define GM_TEXT_CONVERSATION "text"     /* the one conversation of gm_text_model_prompts */

/* The sizes from a llama file's keys (gguf-py constants.py, LLM), into g, which has the defaults.
 * Refuses what nothing here computes: another architecture, experts, scaled or partial rotation,
 * heads of a width of their own. */
int gm_text_model_config(gm_config *g, const gm_gguf *f, gm_error *e);

/* Its conversation, by tokenizer.chat_template: ChatML where <|im_start|> stands in it, with the
 * system text that the template falls back on; without a template words follow each other as they are.
 * Another kind of template is an error. */
gm_prompts *gm_text_model_prompts(const gm_gguf *f, gm_error *e);

#endif
