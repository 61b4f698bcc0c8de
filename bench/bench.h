/* make bench: how fast the cpu table is, as a share of what OpenBLAS's sgemm gives in the same
 * run. */
#ifndef BENCH_H
#define BENCH_H
#include <stdbool.h>
#include "../ref/model.h"

/* What a row measured.  Zero where it says nothing. */
typedef struct {
    int which;                  /* of the row: bench_row's */
    double seconds;             /* median */
    double gflop;               /* work of one run, 2 per multiply-add */
    double gb;                  /* or what it reads, 1e9 bytes, where that is the limit */
    double ratio; /* its rate over the limit's, measured before and after each run; median */
    char limit[24];             /* what that is; "": sgemm */
    double target;              /* the ratio, or (nano) the seconds, wanted */
    double peak_mb;             /* largest resident size of the row's process */
    double others; /* processor time of other processes during the row, over the row's time */
    char note[400];
} bench_result;

/* quick: the estimate of a part instead of the whole.  Returns 0, or -1 with the reason in
 * r->note.  which: the case, where several rows have one function; r->which is the same. */
typedef struct {
    const char *name, *what;
    int (*run)(bench_result *r, bool quick);
    int which;
} bench_row;

extern const bench_row bench_rows[], bench_gpu_rows[]; /* the CPU's; gpu.c: with --gpu */
extern const int bench_nrows, bench_gpu_nrows;

/* rows.c: the row's first word, which says what stage it is of: "mm" of "mm-q8_0". */
bool bench_is(const char *row, const char *word);
/* Of at most 15 values. */
double bench_median(const double *x, int n);
/* Seconds; of processor time when there is one thread. */
double bench_now(void);
/* One run of something: its seconds, or a negative number when it failed. */
typedef double (*bench_timed)(void *what);
/* n runs (at most 15) between n + 1 of a yardstick: seconds and ratio of r, from its work in the
 * yardstick's unit (1e9 of something); the yardstick's median rate, or -1 when a run failed. */
typedef struct { bench_timed run; void *what; double work; } bench_yard;
double bench_between(bench_result *r, double work, bench_timed run, void *what, int n,
                     bench_yard yard);
/* The same between runs of sgemm, from r's gflop; adds to its note. */
int bench_beside(bench_result *r, bench_timed run, void *what, int n);

/* backward.c: rows. */
int bench_linear_dx(bench_result *r, bool quick);
int bench_linear_dw(bench_result *r, bool quick);
int bench_lora(bench_result *r, bool quick);
int bench_attention_back(bench_result *r, bool quick);
int bench_conv_back(bench_result *r, bool quick);

/* stages.c: the encoders and the mask decoder at the preset's sizes. */
int bench_clip(bench_result *r, bool quick);
int bench_sam(bench_result *r, bool quick);
int bench_projector(bench_result *r, bool quick);
int bench_region(bench_result *r, bool quick);
int bench_masks(bench_result *r, bool quick);

/* language.c: layers of the language model, by number of a list of types. */
int bench_prefill(bench_result *r, bool quick);
int bench_token(bench_result *r, bool quick);

/* batch.c: weights of a type, by number. */
int bench_batch(bench_result *r, bool quick);
/* nano.c, shapes.c, lora.c: a row each. */
int bench_lora_step(bench_result *r, bool quick);
int bench_nano(bench_result *r, bool quick);
int bench_shapes(bench_result *r, bool quick);

/* products.c: seconds to read a buffer of whole 8 bytes once, in order. */
double bench_read_seconds(const void *p, size_t bytes);
/* One row times weights of a type, by number, of as many inputs as the model is wide and as its MLP
 * is, as a share of the read bandwidth; the four products of a layer, the least share of the
 * instruction's peak. */
int bench_decode(bench_result *r, bool quick);
int bench_decode_long(bench_result *r, bool quick);
int bench_mm_bf16(bench_result *r, bool quick);
int bench_mm_8(bench_result *r, bool quick);   /* which: the type */
/* The cpu table with these activations, or the reason to r's note. */
int bench_table(gm_kernels *k, const char *activations, bench_result *r);
/* cache.c: one query against a KV cache of a type (which), as a share of the read bandwidth. */
int bench_cache(bench_result *r, bool quick);
/* peak_x86.c, peak_none.c: operations in 1e9 a second of one core with "vfmadd231ps", "vdpbf16ps"
 * or "vpdpbusd" alone; 0 where it has none. */
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

/* preset.c: random, uniform in -scale .. scale; f32 or bf16, and a matrix (N, K) of any type that
 * products read. */
gm_tensor bench_random(gm_dtype type, int nd, const int64_t *dim, float scale);
gm_tensor bench_matrix(gm_dtype type, int64_t N, int64_t K, float scale);

#endif
