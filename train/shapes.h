/* Drawn scenes of coloured shapes with exact masks, and conversations about them for every task: a
 * world small enough to train a model on without any data set (docs/SHAPES.md).  Every sample is a
 * function of (seed, index): the same bits on every machine, in any order. */
#ifndef GM_TRAIN_SHAPES_H
#define GM_TRAIN_SHAPES_H
#include <stdbool.h>
#include "sample.h"

/* A: the world that golden/nano was trained on (golden/oracle/shapeworld.py and nano_data.py), word
 * for word.  B: richer, in words of its own.  MIX: each index is one or the other, evenly. */
typedef enum { GM_SHAPES_A, GM_SHAPES_B, GM_SHAPES_MIX, GM_SHAPES_WORLDS } gm_shapes_world;

typedef enum {
    GM_SHAPES_GCG, GM_SHAPES_REFER, GM_SHAPES_REGION, GM_SHAPES_CAPTION, GM_SHAPES_VQA,
    GM_SHAPES_PHRASE,
    GM_SHAPES_OBJECTS,          /* no words: every object's mask, box and traits */
    GM_SHAPES_TASKS
} gm_shapes_task;

enum { GM_SHAPES_SIDE = 256, GM_SHAPES_MOST = 8, GM_SHAPES_TURNS = 8 };

/* A conversation of one task about scene `index`; the scene does not depend on the task.
 * max_objects 1..GM_SHAPES_MOST (world A: at most 4); 0: the world's own, 4 in A and 6 in B.
 * turns 1..GM_SHAPES_TURNS: questions of refer, region and vqa at most; 0: the world's own, 3.
 * gcg, refer and phrase have masks (visible pixels, in the order of the answers' [SEG]), region has
 * boxes, objects both, from back to front.  Errors: a task, world, max_objects or turns that is
 * none, no memory.  Freed with gm_sample_free.  Source: nano_data.py, sample. */
int gm_shapes_sample(gm_sample *out, uint64_t seed, int64_t index, gm_shapes_task task,
                     gm_shapes_world world, int max_objects, int turns, gm_error *e);

/* What a model of this world belongs beside: prompts.json (docs/TEXT.md), malloc'ed; MIX has the
 * questions of both, A's first.  NULL when out of memory. */
char *gm_shapes_prompts(gm_shapes_world world);
/* "gcg", "refer", ... */
const char *gm_shapes_task_name(gm_shapes_task task);

/* A data set on disk. */
typedef struct {
    const char *dir;
    uint64_t seed;
    int64_t count;              /* scenes */
    gm_shapes_world world;
    int max_objects;            /* as for gm_shapes_sample */
    unsigned tasks;             /* a bit for each task to write; phrase has no file */
    bool validation;            /* scenes of GM_SHAPES_VALIDATION on, and evaluation's files too */
    void (*progress)(void *user, int64_t done, int64_t count);  /* NULL: none */
    void *user;
} gm_shapes_set;

/* Training draws scenes below this index, validation from it on: they never share one. */
#define GM_SHAPES_VALIDATION ((int64_t)1 << 40)

/* Writes images/ (PNG), an annotation file in the real data's format for each task, prompts.json
 * and data.txt (docs/SHAPES.md); every file whole or not at all, annotations last.  Errors name the
 * file. */
int gm_shapes_write(const gm_shapes_set *o, gm_error *e);

#endif
