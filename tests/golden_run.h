/* Runs one golden case: inputs, ids, the training-mode forward pass with its taps, generation. */
#ifndef GM_GOLDEN_RUN_H
#define GM_GOLDEN_RUN_H
#include "../io/checkpoint.h"
#include "../io/prompts.h"
#include "../io/tokenizer.h"
#include "../ref/model.h"
#include "golden_report.h"

/* A checkpoint opened on one kernel table, with everything that a case needs. */
typedef struct {
    gm_kernels kernels;
    gm_ctx *ctx;
    gm_checkpoint *files;
    gm_tokenizer *tokenizer;
    gm_prompts *prompts;
    glamm glamm;
    bool bound;
} golden_model;

int golden_model_open(golden_model *m, const char *path, const gm_model_options *o, gm_error *e);
void golden_model_close(golden_model *m);

/* What a case feeds the model. */
typedef struct {
    int64_t S, Z;                       /* sides of the two encoders' images */
    float *clip, *sam;                  /* (images, 3, S, S), (images, 3, Z, Z) */
    int64_t (*resized)[2], (*original)[2];
    float *box;                         /* (boxes, 4), image after image */
    int64_t boxes, *boxes_of;           /* as in gm_batch */
    int32_t *ids, *labels;              /* (B, L) */
    int64_t B, L;
    bool masks;                         /* some image has a true mask: SAM runs */
} golden_inputs;

/* Compares everything that the case stores; what could not be run is reported as failed. */
void golden_run(golden_report *r, golden_model *m, golden_case *g);

/* The part of it that generates, with KV cache and without (golden_generate.c). */
void golden_generate(golden_report *r, golden_model *m, golden_case *g, const golden_inputs *in);

#endif
