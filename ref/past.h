/* What the language model has read about one image: the next question reads on from where its ids
 * part from these. */
#ifndef GM_PAST_H
#define GM_PAST_H
#include "model.h"

typedef struct gm_past {
    gm_ctx *c;                          /* owns the tensors below */
    int64_t room;                       /* positions that they have room for */
    llama_cache kv;                     /* kv.len of them are filled */
    gm_tensor hidden;                   /* (1, room, C): final states, for the masks */
    int32_t *ids;                       /* that fill them, -200 the image */
    int64_t n;
    float *box;                         /* (nboxes, 4) in 0..1: of the <bbox> among the ids */
    int64_t nboxes;
} gm_past;

/* An empty past with a context of its own.  false when out of memory. */
bool gm_past_open(gm_past *p, const gm_kernels *kernels, const gm_memory *memory);
void gm_past_close(gm_past *p);
/* Nothing is read; the room stays. */
void gm_past_forget(gm_past *p);
/* How many of ids are read already: those that are the same, up to the first <bbox> whose box (of
 * box (nboxes, 4), or NULL) is another.  One box serves every <bbox> (QUIRKS C2). */
int64_t gm_past_shared(const gm_past *p, const glamm *m, const int32_t *ids, int64_t n,
                       const float *box, int64_t nboxes);
/* Forgets all but the first n ids, and has room for room positions after this. 0, or -1 with c's
 * error set. */
int gm_past_keep(gm_past *p, gm_ctx *c, const glamm *m, int64_t n, int64_t room);
/* ids (n) fill the positions from now on, with these boxes. 0, or -1 with c's error set. */
int gm_past_note(gm_past *p, gm_ctx *c, const int32_t *ids, int64_t n, const float *box,
                 int64_t nboxes);

/* Positions of n ids: the image has many. */
int64_t gm_positions(const glamm *m, const int32_t *ids, int64_t n);

#endif
