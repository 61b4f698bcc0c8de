/* A model from nothing: a folder of given sizes with random weights. */
#ifndef GM_TRAIN_INIT_H
#define GM_TRAIN_INIT_H
#include <stdint.h>
#include "../ref/error.h"

/* sizes: a sizes.json with every key that models/nano/sizes.json has; the vocabulary is the
 * tokenizer's.  tokenizer: a folder with tokenizer.model and added tokens, which are copied
 * together with its prompts.json.  start: "fan_in", normal with 1 / sqrt(fan-in), the branches that
 * end in a sum scaled down by the depth, embeddings 0.5 (golden/oracle/pretrain_llm.py); or
 * "release", what the released code gives to parameters that no checkpoint has (QUIRKS A13).
 * Biases 0, norms 1.  The same seed gives the same weights. */
int gm_init_model(const char *folder, const char *sizes, const char *tokenizer, const char *start,
                  uint64_t seed, gm_error *e);

#endif
