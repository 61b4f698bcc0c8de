/* A checkpoint of random weights in the layout of the released ones: for benches, and for trying a
 * machine before a download.  docs/REAL_CHECKPOINT.md. */
#ifndef GM_TRAIN_SYNTH_H
#define GM_TRAIN_SYNTH_H
#include <stdint.h>
#include "../ref/error.h"
#include "init_tensors.h"

typedef struct {
    const char *preset;         /* "glamm-7b", "glamm-1b", "small" */
    uint64_t seed;
    /* Each file as it is begun; may be NULL. */
    void (*log)(void *user, const char *line);
    void *user;
} gm_synth_options;

/* "glamm-7b, ...": for messages. */
const char *gm_synth_presets(void);
/* A preset's sizes, the added tokens among the vocabulary; false: there is no such preset. */
bool gm_synth_sizes(const char *name, init_sizes *s);

/* The folder: config.json, shards of PyTorch's zip form of up to 10 GB with their index (bfloat16;
 * the grounding encoder and text_hidden_fcs float32), a tokenizer of 32000 made-up pieces with the
 * seven added tokens, and the CLIP tower (float32) in clip-vit-large-patch14-336/.  Values are
 * uniform with the variance that training starts from, the same for the same seed; they are made as
 * they are written, so little memory is needed.  folder appears complete or not at all. */
int gm_synth(const char *folder, const gm_synth_options *o, gm_error *e);

/* synth_tokens.c: folder/tokenizer.model with n pieces (at least 400) that encode any text, and the
 * seven added tokens beside it. */
int gm_synth_tokenizer(const char *folder, int64_t n, gm_error *e);

#endif
