/* make bench: how fast the cpu table is, as a share of what OpenBLAS's sgemm gives in the same
 * run. */
#ifndef BENCH_H
#define BENCH_H
#include <stdbool.h>
#include "../ref/model.h"

/* What a row measured.  Zero where it says nothing. */
typedef struct {
    double seconds;             /* median */
    double gflop;               /* work of one run, 2 per multiply-add */
    double ratio; /* its rate over sgemm's, measured before and after each run; median */
    double target;              /* the ratio, or (nano) the seconds, wanted */
    double peak_mb;             /* largest resident size of the row's process */
    double others; /* processor time of other processes during the row, over the row's time */
    char note[400];
} bench_result;

/* quick: the estimate of a part instead of the whole.  Returns 0, or -1 with the reason in
 * r->note. */
typedef struct {
    const char *name, *what;
    int (*run)(bench_result *r, bool quick);
} bench_row;

extern const bench_row bench_rows[], bench_gpu_rows[]; /* the CPU's; gpu.c: with --gpu */
extern const int bench_nrows, bench_gpu_nrows;

/* rows.c: of at most 15 values. */
double bench_median(const double *x, int n);
/* Seconds; of processor time when there is one thread. */
double bench_now(void);
/* One run of something: its seconds, or a negative number when it failed. */
typedef double (*bench_timed)(void *what);
/* n runs (at most 15) between n + 1 of sgemm: seconds and ratio of r, from its gflop; adds to its
 * note. */
int bench_beside(bench_result *r, bench_timed run, void *what, int n);

/* backward.c: rows. */
int bench_linear_dx(bench_result *r, bool quick);
int bench_linear_dw(bench_result *r, bool quick);
int bench_lora(bench_result *r, bool quick);
int bench_attention_back(bench_result *r, bool quick);
int bench_conv_back(bench_result *r, bool quick);

/* batch.c, nano.c, shapes.c, lora.c: a row each; batch.c two. */
int bench_lora_step(bench_result *r, bool quick);
int bench_batch(bench_result *r, bool quick);
int bench_batch_f16(bench_result *r, bool quick);
int bench_nano(bench_result *r, bool quick);
int bench_shapes(bench_result *r, bool quick);

/* products.c: one row times weights of a type, by number, of 4096 and 11008 inputs, as a share
 * of the read bandwidth; four products of LLaMA-7B, the least share of the instruction's peak. */
int bench_decode(bench_result *r, int i, bool quick);
int bench_decode_long(bench_result *r, int i, bool quick);
int bench_mm_bf16(bench_result *r, bool quick);
int bench_mm_q8(bench_result *r, bool quick);
int bench_mm_q4(bench_result *r, bool quick);
/* Random weights (N, K) of any type, about 0.02 large, for free(). */
void *bench_weights(gm_dtype type, int64_t N, int64_t K);
/* Seconds to read a buffer (bytes, a multiple of 8) once, in order. */
double bench_read_seconds(const void *p, size_t bytes);
/* cache.c: one query against a KV cache of a type, as a share of the read bandwidth. */
int bench_cache_f32(bench_result *r, bool quick);
int bench_cache_bf16(bench_result *r, bool quick);
int bench_cache_f16(bench_result *r, bool quick);
/* peak_x86.c, peak_none.c: operations in 1e9 a second of one core with "vdpbf16ps" or "vpdpbusd"
 * alone; 0 where it has none. */
double bench_peak(const char *instruction);

/* child.c: runs a row in a process of its own, so that its memory and processor time are its
 * own. */
int bench_in_child(const bench_row *row, bool quick, bench_result *r);
/* Runs a program (argv ends in NULL), its output dropped; seconds and peak_mb of r. */
int bench_program(char *const argv[], bench_result *r);

/* machine.c: seconds that all processors together were busy since the start of the machine; a line
 * on processor, flags and threads. */
double bench_busy_seconds(void);
void bench_machine(char *text, size_t size);

/* models.c: modules at release size with random weights, f32. */
gm_tensor bench_random(gm_dtype type, int nd, const int64_t *dim, float scale);
void bench_sam(sam_encoder *m, int64_t windows, int64_t globals);
void bench_clip(clip_tower *m);
void bench_region(region_encoder *m, int64_t steps);
double bench_sam_gflop(int64_t windows, int64_t globals);
double bench_clip_gflop(void);
double bench_region_gflop(int64_t steps, int64_t boxes);

#endif
