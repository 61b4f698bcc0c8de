/* The learning rate of every update. */
#ifndef GM_TRAIN_SCHEDULE_H
#define GM_TRAIN_SCHEDULE_H
#include <stdint.h>

typedef enum {
    GM_CONSTANT,            /* warm-up, then lr */
    GM_WARMUP_DECAY,        /* from 0 at update 0 to lr at `warmup`, in a line to 0 at `total` */
    GM_COSINE,              /* warm-up, then half a cosine from lr to floor * lr */
    GM_HOLD_COSINE          /* warm-up, lr until `hold` of total, a quarter cosine to the floor */
} gm_schedule_kind;

typedef struct {
    gm_schedule_kind kind;
    double lr;
    int64_t warmup, total;  /* updates */
    double hold, floor;     /* shares of total and of lr */
} gm_schedule;

/* Learning rate of update i (from 0).  GM_WARMUP_DECAY is DeepSpeed's WarmupDecayLR with a linear
 * warm-up (deepspeed/runtime/lr_schedules.py): update 0 has rate 0.  The others warm up from lr /
 * warmup at update 0, as golden/nano was trained (golden/oracle/train_nano.py). */
double gm_schedule_rate(const gm_schedule *s, int64_t i);

/* The kinds as a configuration names them, in their order: "constant|warmup_decay|...". */
extern const char gm_schedule_words[];

#endif
