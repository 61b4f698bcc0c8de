/* Modules of a preset (train/synth.h) in memory, and their work. */
#ifndef BENCH_PRESET_H
#define BENCH_PRESET_H
#include "bench.h"
#include "../train/synth.h"

/* What is measured: main.c sets it before any row runs. */
typedef struct {
    const char *preset;
    init_sizes s;
    bool whole;                 /* all layers of the language model, not a few */
} bench_choice;
extern bench_choice bench_chosen;

typedef struct { gm_config g; gm_weights *w; } bench_model;

/* Weights whose names begin with one of `prefixes`, separated by spaces; the language model's
 * matrices in type `matrices`, all others as the release stores them.  0, or -1 with the reason in
 * r's note. */
int bench_model_new(bench_model *m, const init_sizes *s, const char *prefixes, gm_dtype matrices,
                    bench_result *r);
/* After modules were bound, of which bad says how: 0 when nothing was missing or left over. */
int bench_model_bound(const bench_model *m, int bad, const gm_error *e, bench_result *r);

/* Work in GFLOP: SAM's and CLIP's encoder, the region encoder with boxes, the mask decoder. */
double bench_sam_gflop(const init_sizes *s);
double bench_clip_gflop(const init_sizes *s);
double bench_region_gflop(const init_sizes *s, int64_t boxes);
double bench_masks_gflop(const init_sizes *s, int64_t masks);

#endif
