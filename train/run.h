/* A whole training run: stages, the loop, checkpoints, what is written. */
#ifndef GM_TRAIN_RUN_H
#define GM_TRAIN_RUN_H
#include "trainer.h"

typedef struct {
    const char *out;            /* folder of the run */
    bool resume;                /* goes on from the newest checkpoint; else out must hold none */
    bool dry_run;               /* opens everything, says what would be done, and ends */
    bool (*interrupted)(void);  /* asked after every update; NULL: never.  The run is saved then. */
} gm_train_options;

/* out/ of a run without stages, out/NAME/ of each stage: config.txt, log.csv, curves.png,
 * update-NNNNNNNN/ (checkpoints), best (the name of the one with the least validation loss),
 * pictures/, and at the end model/ and adapter/.  A stage that has model/ is done; the next one
 * starts from it.  0: done; 1: interrupted and saved; -1: an error. */
int gm_train_run(const gm_train_plan *p, const gm_train_options *o, const gm_train_log *log,
                 gm_error *e);

#endif
