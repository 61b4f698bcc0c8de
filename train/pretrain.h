/* What a new model's image encoders and mask decoder learn before there are words, from drawn
 * objects whose traits are known: what CLIP and SAM bring in the release.  The heads that read the
 * traits, and the layers that write a prompt of them, train along and are left behind. */
#ifndef GM_TRAIN_PRETRAIN_H
#define GM_TRAIN_PRETRAIN_H
#include "loss.h"
#include "params.h"
#include "sample.h"

/* GM_LEARN_TALK: conversations, no pretraining (loss.h). */
typedef enum { GM_LEARN_TALK, GM_LEARN_CLIP, GM_LEARN_SAM, GM_LEARN_DECODER } gm_learn;
/* "talk", "clip", "sam", "decoder"; the key's words. */
gm_learn gm_learn_of(const char *word);

/* The layers of its own, as parameters "pretrain.*" (checkpoints keep them, exports do not): a head
 * for clip and sam, two layers for the decoder's prompts.  Errors: no memory. */
int gm_pretrain_open(gm_params *ps, const glamm *m, gm_learn learn, const gm_train_policy *o,
                     gm_error *e);

/* The losses of n >= 1 samples with traits (gm_sample), weighted; ps: of gm_pretrain_open for the
 * same learn; key: of random choices.  Errors, in c: a sample without traits (its source is named),
 * no memory.
 *
 * clip, sam: a linear layer on every cell of the encoder's output (the state that leaves the CLIP
 * tower, G x G of them; SAM's image embedding) says what object lies there.  l->ce: the mean over
 * the cells of an object of the cross-entropy of colour, form, size, texture, of the way to the
 * object's centre (sixteenths of the picture, -4 .. 3 each way), of its place in the row from left
 * to right and of how many there are (what a caption needs to know); GM_NONE when no cell is an
 * object's.  l->bce: which sixteenths of the cell are covered.  A cell is of the object that covers
 * most of it, if that is more than 0.15.
 * decoder: up to three objects are asked for by where they are, by traits, or both, in the place of
 * [SEG]'s state; l->bce and l->dice as in gm_loss.
 * Source: golden/oracle/pretrain_nano.py, pretrain_decoder.py, where the way to the centre is a
 * number, and neither place nor count is asked for. */
int gm_pretrain_loss(gm_ctx *c, const glamm *m, const gm_params *ps, gm_learn learn,
                     const gm_sample *s, int64_t n, uint64_t key, gm_losses *l);

#endif
