/* What to train and how: a text file of `key = value` lines, '#' starts a comment.  `data`, `val`,
 * `rate`, `include` and `exclude` may be repeated.  A line `stage = NAME` begins a stage: it has
 * everything that stands before the first stage, and its own lines on top.  docs/TRAINING.md. */
#ifndef GM_TRAIN_CONFIG_H
#define GM_TRAIN_CONFIG_H
#include "params.h"
#include "schedule.h"

typedef struct {
    char *stage;                /* its name; "" when the file has none */
    char *model, *clip, *sam, *adapter, *backend, *convolutions;
    char *init, *tokenizer, *start;
    int64_t threads, processes;
    gm_words data, val;
    double weight[3];           /* of updates with captions, regions, masks: gm_set_kind's order */
    bool by_epochs;
    char *learn;                /* gm_learn_of's words */
    char *freeze, *exported, *export_type, *export_format, *schedule;
    gm_words include, exclude, rates, muon, lora_targets;
    int64_t lora_rank;
    double lora_alpha, lora_dropout;
    double momentum, lr, hold, floor, beta1, beta2, eps, weight_decay, clip_norm;
    int64_t warmup, updates, batch, accumulate, max_ids;
    double ce_weight, bce_weight, dice_weight;
    bool checkpointing;
    int64_t seed, validate_every, val_samples, pictures, save_every, keep, plot_every;
} gm_train_config;

typedef enum {
    GM_KEY_TEXT, GM_KEY_CHOICE, GM_KEY_INT, GM_KEY_REAL, GM_KEY_YES,
    GM_KEY_LINES,               /* gm_words: every line adds one */
    GM_KEY_WORDS                /* gm_words: the words of the last line */
} gm_key_kind;

typedef struct {
    const char *key;
    gm_key_kind kind;
    size_t at;                  /* in gm_train_config */
    const char *argument;       /* "DIR"; of a choice its words, "a|b" */
    const char *standard;       /* as a file would say it, or NULL: none */
    const char *help;
    double min, max;            /* both 0: any number */
} gm_train_key;
extern const gm_train_key gm_train_keys[];
extern const int gm_train_nkeys;

typedef struct { gm_train_config *stage; int64_t n; } gm_train_plan;

/* Reads the file; an error names file, line, key, what was wanted and found, the nearest key. */
int gm_train_plan_read(gm_train_plan *p, const char *path, gm_error *e);
/* The same from text. */
int gm_train_plan_parse(gm_train_plan *p, const char *text, const char *name, gm_error *e);
/* Sets a key in every stage (the command line's options; where: "--lr"). */
int gm_train_plan_set(gm_train_plan *p, const char *key, const char *value, const char *where,
                      gm_error *e);
/* Forgets the lines of a repeatable key. */
void gm_train_plan_clear(gm_train_plan *p, const char *key);
/* Values that do not fit together. */
int gm_train_plan_check(const gm_train_plan *p, const char *name, gm_error *e);
/* Of these, what concerns `processes` alone. */
int gm_train_plan_check_processes(const gm_train_plan *p, const char *name, gm_error *e);
void gm_train_plan_free(gm_train_plan *p);

/* All settings of a stage as a file that reads back to them: malloc'ed, NULL when out of memory. */
char *gm_train_config_text(const gm_train_config *c);

gm_train_policy gm_train_policy_of(const gm_train_config *c);   /* points into c */
gm_schedule gm_train_schedule_of(const gm_train_config *c);

#endif
