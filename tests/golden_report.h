/* What the golden runner found: one row per compared thing, counted and printed as a table. */
#ifndef GM_GOLDEN_REPORT_H
#define GM_GOLDEN_REPORT_H
#include <stdbool.h>
#include "compare.h"
#include "golden_case.h"

typedef struct {
    char *place, *case_name, *tensor, *why;
    double error, tolerance, ratio;
    bool passed;
} golden_row;

typedef struct {
    golden_row *row;
    int64_t rows, room, passed, failed, not_yet;
    bool all;                           /* print every row, not the worst of each case */
    bool cached;                        /* generate with the KV cache only (verify) */
    bool checkpoint;                    /* gradients with activation checkpointing */
    bool packed;                        /* as training computes it; no taps */
    const char *only;                   /* compare this tensor alone, or NULL */
    const char *variant;                /* put behind the names of rows, or NULL */
    char place[512];                    /* backend and folder of what runs now, as arguments */
    bool broken;                        /* out of memory for rows */
} golden_report;

void golden_free(golden_report *r);

/* why: "" or what is wrong.  tensor "" stands for the case as a whole. */
void golden_row_add(golden_report *r, const char *case_name, const char *tensor, bool passed,
                    double error, double tolerance, double ratio, const char *why);
void golden_failed(golden_report *r, const char *case_name, const char *tensor, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));
void golden_not_yet(golden_report *r, const char *tensor);
bool golden_wanted(const golden_report *r, const char *tensor);

/* Compare with what is stored under `name` and mark that as seen; nothing is done when nothing is
 * stored.  Floats: within 8 x f64_gap + 4 eps x absmax, and the whole tensor's norm and largest
 * value (of which a stride shows only a part) likewise.  exact: bit for bit, for inputs. */
void golden_floats(golden_report *r, golden_case *g, const char *name, const float *got, int nd,
                   const int64_t *dim);
void golden_exact(golden_report *r, golden_case *g, const char *name, const float *got, int nd,
                  const int64_t *dim);
void golden_ints(golden_report *r, golden_case *g, const char *name, const int32_t *got, int nd,
                 const int64_t *dim);
/* What golden_floats allows. */
double golden_tolerance(const golden_tensor *t);
/* Two lists of ids. */
void golden_ids(golden_report *r, golden_case *g, const char *name, const int32_t *got, int64_t n,
                const int32_t *want, int64_t m);

/* The table of rows since `from`. */
void golden_print(const golden_report *r, int64_t from);

#endif
