/* Checkpoints of a run: everything that it needs to go on to the bit.
 *
 * A folder OUT/update-00000500/ holds state.json and tensors.safetensors (masters, and the moments
 * as NAME.m and NAME.v).  It is written under another name and renamed, so one that is there is
 * whole. */
#ifndef GM_TRAIN_STATE_H
#define GM_TRAIN_STATE_H
#include "trainer.h"

/* Writes the folder of t->update and removes old ones: all but the last t->o->keep and the best. */
int gm_state_save(const gm_trainer *t, const char *out, gm_error *e);
/* The update of the newest checkpoint in out, -1 when there is none. */
int64_t gm_state_newest(const char *out);
/* Takes the checkpoint of that update; one that was made with other settings of what trains is an
 * error. */
int gm_state_load(gm_trainer *t, const char *out, int64_t update, gm_error *e);

#endif
