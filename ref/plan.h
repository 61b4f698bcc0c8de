/* How much memory a run will need, from sizes alone. */
#ifndef GM_PLAN_H
#define GM_PLAN_H
#include "model.h"

typedef struct { const char *name, *what; double bytes; bool at_once; } gm_plan_row;
typedef struct {
    gm_plan_row row[10];
    int n;
    double total;       /* what stays, and the largest of the stages that follow one another */
    double with_boxes;  /* the same when boxes are asked about */
    double session;     /* what another image beside the first takes */
    gm_weight_bytes weights;
} gm_plan;

enum { GM_PLAN_PROMPT = 128, GM_PLAN_ANSWER = 512, GM_PLAN_MASKS = 4 };

/* Stages are estimates: the live tensors of their largest step (a 128-token prompt, `answer` new
 * tokens, 4 masks, an image of the size of SAM's input, one box), and the weights that leave memory
 * after it. */
gm_plan gm_plan_memory(const glamm *m, const gm_kernels *k, const gm_weight_bytes *w,
                       int64_t answer);
/* The type that the language model's matrices would have to be stored in for the plan to fit so
 * many bytes, of those of `glamm convert` the one that loses least, and what it would take then;
 * NULL when none is small enough, or it fits as it is. */
const char *gm_plan_type(const gm_plan *p, double bytes, double *total);
/* "1.5 GiB", into buf of at least 40 bytes. */
const char *gm_size_text(double bytes, char *buf);

#endif
