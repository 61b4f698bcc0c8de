/* How much memory a run will need, from sizes alone. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H
#include "../ref/model.h"

typedef struct { const char *name, *what; double bytes; bool at_once; } plan_row;
typedef struct {
    plan_row row[9];
    int n;
    double total; /* what stays, and the largest of the stages that follow one another */
} memory_plan;

enum { PLAN_PROMPT = 128, PLAN_ANSWER = 512, PLAN_MASKS = 4 };

/* mapped, owned: bytes of the weights that are used as the files have them, and of copies.  Stages
 * are estimates: the live tensors of their largest step (a 128-token prompt, 512 new tokens, 4
 * masks, an image of the size of SAM's input, one box). */
memory_plan plan_memory(const glamm *m, const gm_kernels *k, double mapped, double owned);

/* "1.5 GiB", into buf of at least 40 bytes. */
const char *size_text(double bytes, char *buf);

#endif
