/* Runs one golden case: inputs, ids, the training-mode forward pass with its taps, generation. */
#ifndef GM_GOLDEN_RUN_H
#define GM_GOLDEN_RUN_H
#include "../ref/model_open.h"
#include "golden_report.h"

/* What a case feeds the model. */
typedef struct {
    int64_t S, Z;                       /* sides of the two encoders' images */
    float *clip, *sam;                  /* (images, 3, S, S), (images, 3, Z, Z) */
    int64_t (*resized)[2], (*original)[2];
    float *box;                         /* (boxes, 4), image after image */
    int64_t boxes, *boxes_of;           /* as in gm_batch */
    int32_t *ids, *labels;              /* (B, L) */
    int64_t B, L;
    gm_image *image;
    bool masks;                         /* some image has a true mask: SAM runs */
} golden_inputs;

int golden_inputs_make(golden_inputs *in, const gm_model *m, const golden_case *g, gm_error *e);
void golden_inputs_free(golden_inputs *in, const golden_case *g);

/* True masks: target[i] (count[i], height, width) of image i. */
typedef struct { float **target; int64_t *count; int64_t images; } golden_targets;
int golden_targets_read(golden_targets *t, const golden_case *g, gm_error *e);
void golden_targets_free(golden_targets *t);

/* Compares everything that the case stores; what could not be run is reported as failed. */
void golden_run(golden_report *r, const gm_model *m, golden_case *g);

/* The case as a gm_batch in c; the batch points into in and g. */
gm_batch golden_batch(gm_ctx *c, const golden_case *g, const golden_inputs *in);

/* Losses and gradients (golden_gradient.c).  Before the forward pass: a zeroed gradient for each of
 * the n parameters that the case stores one of, malloc'ed, and the tape told to fill them. */
typedef struct { const char *name; gm_tensor dw; } golden_parameter;
golden_parameter *golden_want_gradients(gm_ctx *c, const gm_model *m, const golden_case *g,
                                        int64_t *n);
/* After it: compares the losses and goes back from their sum. */
void golden_losses(golden_report *r, const gm_model *m, golden_case *g, const golden_inputs *in,
                   gm_ctx *c, const gm_batch *b, const gm_output *out);
void golden_gradients(golden_report *r, const gm_model *m, golden_case *g, gm_ctx *c,
                      const golden_parameter *p, int64_t n);

/* The part of it that generates, with KV cache and without (golden_generate.c). */
void golden_generate(golden_report *r, const gm_model *m, golden_case *g, const golden_inputs *in);

/* The fine-tuning run that folder/lora/ stores, with the model beside it (golden_lora.c). */
void golden_lora(golden_report *r, const char *folder, const char *model, const char *backend);

#endif
