/* An open model: what gm_model_open gathers.  For the program's info and trace, and for tests. */
#ifndef GM_MODEL_OPEN_H
#define GM_MODEL_OPEN_H
#include "../io/checkpoint.h"
#include "../io/prompts.h"
#include "../io/tokenizer.h"
#include "backend.h"
#include "generate.h"

struct gm_model {
    gm_checkpoint *checkpoint;
    gm_tokenizer *tokenizer;
    gm_prompts *prompts;
    gm_kernels kernels;
    gm_engine engine;                   /* where tensors live */
    glamm net;
    char conversation[32];
    int threads;
    const char *cache;                  /* as in gm_model_options */
    int64_t cache_bytes;
    void (*log)(void *user, const char *line);
    void *user;
};

/* Pixels and sizes of an image in a context (freed with it). */
int gm_scene_new(gm_ctx *c, gm_scene *s, const glamm *m, const gm_image *image, gm_error *e);

/* The masks of every [SEG] in a conversation that is given whole (turn 2i the user's with the
 * image's <image> in the first, 2i + 1 the assistant's): *logits (*n, height, width), malloc'ed.
 * ref/forced.c */
int gm_forced_masks(gm_model *m, const gm_image *image, const char *const *turn, int64_t turns,
                    float **logits, int64_t *n, gm_error *e);
/* gm_session_ask with the user's message as it stands, its <image> and <bbox> included; of q the
 * task's text and template are not used.  For questions of data sets. */
gm_answer *gm_session_say(gm_session *s, const gm_ask *q, const char *message, gm_error *e);

#endif
