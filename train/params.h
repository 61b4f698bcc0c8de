/* What trains: which tensors, their float32 masters, gradients and moments. */
#ifndef GM_TRAIN_PARAMS_H
#define GM_TRAIN_PARAMS_H
#include "../ref/model_open.h"
#include "adamw.h"
#include "words.h"

/* Patterns over tensor names: '*' is any text.  A tensor trains when the policy or `include` names
 * it and `exclude` does not. */
typedef struct {
    /* "released": mask decoder, L-P projection, region encoder, token embeddings and head, as
     * groundingLMM train.py (set_trainable_modules); without LoRA also the LLaMA layers and the V-L
     * projector, as its --lora_r 0.  "paper": also the V-L projector.  "full": every tensor that
     * the forward pass reads.  "none": LoRA and `include` alone. */
    const char *freeze;
    gm_words include, exclude;
    int64_t rank;               /* of LoRA; 0: none */
    double alpha, dropout;
    gm_words targets;           /* q_proj k_proj v_proj o_proj gate_proj up_proj down_proj */
    double decay;               /* weight decay, of tensors with 2 or more sizes */
    gm_words muon;              /* patterns: of these, matrices move by Muon, not by AdamW */
    double momentum;            /* Muon's */
    gm_words rates;             /* "PATTERN FACTOR" of the learning rate; the last fit counts */
    uint64_t seed;              /* of LoRA's start */
    bool planning;              /* nothing is copied: for plans of memory */
} gm_train_policy;

typedef struct {
    char *name;                 /* in memory; of LoRA ....q_proj.lora_A.weight */
    gm_tensor w, dw;            /* float32 master and gradient */
    gm_tensor live, dlive;      /* what kernels read and add to: w and dw, or theirs on a device */
    gm_dtype stored;            /* in the checkpoint's file */
    float *m, *v;               /* AdamW's moments */
    int64_t steps;              /* updates that reached it */
    double rate, decay;
    bool muon;                  /* m is Muon's momentum, v stays 0 */
    int owner;                  /* the process that steps it and has its moments: deal.h */
    bool elsewhere;             /* that is another one */
    bool own;                   /* training's alone (gm_params_add): exports leave it out */
} gm_param;

/* The adapter of one linear layer: p[at] is A, p[at + 1] is B. */
typedef struct { char *base; low_rank *slot; gm_tensor *weight; int64_t at; } gm_lora_pair;

typedef struct {
    gm_param *p;
    int64_t n, room;
    gm_lora_pair *pair;
    int64_t pairs;
    double alpha, dropout;
    int64_t rank;
    uint64_t seed;
    double momentum;
    float *scratch;             /* of Muon's largest matrix, or NULL: there is none */
    int64_t scratch_size;
    gm_memory memory;           /* the device's, or upload is NULL */
    int (*fill)(float *y, int64_t N, float value);      /* its slot */
} gm_params;

/* Chooses, copies to float32, and binds the model to the copies; on a device, to copies of these.
 * Gradients are made there, optimizers run here.  m stays the caller's; it must be freed after ps.
 * An error names a pattern that fits nothing, a target that does not exist.  (Patterns of muon may
 * also name adapters and pretrain.*.) */
int gm_params_open(gm_params *ps, gm_model *m, const gm_train_policy *o, gm_error *e);
void gm_params_free(gm_params *ps);
/* One more, not of the model: float32 of these nd sizes, uniform within +- bound, by o->seed and
 * its place.  Before the first gradient is asked for.  Errors: no memory, a rate that is none. */
int gm_params_add(gm_params *ps, const char *name, int nd, const int64_t *dim, double bound,
                  const gm_train_policy *o, gm_error *e);
/* The parameter of this name, or NULL. */
gm_param *gm_params_find(const gm_params *ps, const char *name);
/* Takes values from a file of tensors, by name (peft's and DeepSpeed's spellings, too); *taken
 * counts.  What the file has beside that is passed over. */
int gm_params_load(gm_params *ps, const char *path, int64_t *taken, gm_error *e);
/* The masters to the device, after they have changed; its gradients to dw, before they are read.
 * Without a device nothing is done. */
int gm_params_push(const gm_params *ps, gm_error *e);
int gm_params_pull(const gm_params *ps, gm_error *e);

/* Sets all gradients to 0; -1 when the device fails. */
int gm_params_clear(gm_params *ps);
/* LoRA's dropout masks of micro-batch `number` of the run; -1: no dropout (validation). */
void gm_params_dropout(gm_params *ps, int64_t number);
/* The norm of all gradients together, times scale. */
double gm_params_norm(const gm_params *ps, double scale);
/* One update by scale * dw, AdamW's or Muon's.  A tensor whose gradient is all 0 was not reached by
 * this batch and stays as it is, moments and all, as in PyTorch, where it would have none. */
void gm_params_step(gm_params *ps, const gm_adamw *o, double lr, double scale);

/* Numbers of trainable values. */
int64_t gm_params_count(const gm_params *ps);

#endif
