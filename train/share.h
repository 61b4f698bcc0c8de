/* Gradients summed over the processes while the backward pass still runs. */
#ifndef GM_TRAIN_SHARE_H
#define GM_TRAIN_SHARE_H
#include "params.h"

typedef struct gm_share gm_share;

/* Groups of tensors, 1 MB and more, in the order in which the backward pass finishes them, the same in
 * every process.  ps must outlive it.  NULL: an error. */
gm_share *gm_share_open(const gm_params *ps, gm_error *e);
void gm_share_close(gm_share *s);

/* An update's last backward pass begins: nothing is final. */
void gm_share_begin(gm_share *s);
/* For gm_on_final (s is the user): a group whose gradients are all final, and those before it, is
 * under way from then on. */
void gm_share_final(void *s, gm_tensor dw);
/* Starts what is left, waits, and leaves the sums in the gradients. */
int gm_share_finish(gm_share *s, gm_error *e);

/* Of the last update: groups in all, groups under way before the last gradient was final, and the
 * seconds that gm_share_finish took. */
typedef struct { int64_t groups, early; double seconds; } gm_share_report;
gm_share_report gm_share_last(const gm_share *s);

#endif
