/* Parameters dealt to the processes of one machine: each moves its own, and has their moments. */
#ifndef GM_TRAIN_DEAL_H
#define GM_TRAIN_DEAL_H
#include "params.h"

/* Says which parameters are elsewhere, so that all processes take about the same time for theirs;
 * alone, or over MPI, where copies cost more than they spare, none is. */
int gm_deal_open(gm_params *ps, gm_error *e);
/* After a step: the new weights come from where they were made, the same bits everywhere. */
int gm_deal_weights(gm_params *ps, gm_error *e);
/* The same of the moments, before they are saved. */
int gm_deal_moments(gm_params *ps, gm_error *e);

#endif
