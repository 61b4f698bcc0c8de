/* Greedy or sampled generation about one image, and the masks of every [SEG]. */
#ifndef GM_GENERATE_H
#define GM_GENERATE_H
#include "past.h"

/* One image, prepared once: what depends on the pixels alone is computed on first need and kept. */
typedef struct {
    gm_tensor clip_pixels;              /* (1, 3, S, S) */
    gm_tensor sam_pixels;               /* (1, 3, S, S) */
    int64_t resized[2], original[2];    /* height, width: inside the SAM pixels; of the masks */
    gm_tensor img;                      /* (1, T_img, C), with data once CLIP has run */
    gm_tensor maps[4];                  /* the region encoder's, once boxes were asked about */
    gm_tensor embedding;                /* SAM's (1, C, G, G), once a [SEG] came */
    gm_past *past;                      /* of earlier questions; NULL: each is read from its start */
} gm_scene;

typedef struct {
    const int32_t *prompt;              /* ids, -200 the image */
    int64_t nprompt;
    const int32_t *answer; /* forced answer ids: nothing is generated; NULL: generate */
    int64_t nanswer;
    gm_tensor box;                      /* (N, 4) in 0..1, or GM_NONE */
    int64_t max_new;                    /* generated ids at most */
    bool no_cache, no_masks;
    float temperature, top_p; /* temperature below 1e-6: greedy; top_p 0 or 1: all tokens */
    uint64_t seed;
    /* After every generated id: all ids so far, the prompt's included.  Non-zero stops. */
    int (*on_ids)(void *user, const int32_t *ids, int64_t n);
    void (*on_stage)(void *user, const char *stage, double done);
    void *user;
} gm_generate_options;

/* Of a stage from its start to its end; "first_token": from the question to the first new id. */
typedef struct { const char *stage; double seconds; } gm_stage_time;

typedef struct {
    int32_t *ids;                       /* prompt and answer, malloc'ed */
    int64_t n;
    bool finished;                      /* ended with </s> */
    gm_tensor mask; /* (N, H, W) logits, one for every [SEG]; in the context's scope */
    gm_tensor iou;                      /* (N, 1) or GM_NONE */
    gm_stage_time time[8];
    int64_t ntimes;
} gm_generated;

/* Source: groundingLMM model/GLaMM.py, GLaMMForCausalLM.evaluate; transformers 4.28 greedy_search.
 * 0, or -1 with the context's error set.  The caller frees out->ids in either case. */
int gm_generate(gm_ctx *c, const glamm *m, gm_scene *s, const gm_generate_options *o,
                gm_generated *out);

/* The same for n <= GM_MAX_TOGETHER questions about scenes of their own, each in a context of its
 * own: their ids are written side by side, in shared, so that each step reads the weights once.  A
 * question that fails leaves the others alone: its context has the error. */
enum { GM_MAX_TOGETHER = 64 };
typedef struct {
    gm_ctx *c;
    gm_scene *scene;
    const gm_generate_options *options;
    gm_generated *out;
} gm_generation;
void gm_generate_each(gm_ctx *shared, const glamm *m, const gm_generation *g, int64_t n);

/* The next id of a row of logits (V): argmax, or a draw from softmax(logits / temperature) cut to
 * the smallest set of tokens whose probabilities reach top_p. */
int32_t gm_choose(gm_ctx *c, gm_tensor logits, float temperature, float top_p, uint64_t *state);

#endif
