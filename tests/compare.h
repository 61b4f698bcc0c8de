/* The one comparator: every test that compares numbers, and the golden runner, go through it. */
#ifndef GM_COMPARE_H
#define GM_COMPARE_H
#include <stddef.h>
#include <stdint.h>

#define GM_EPS 1.1920928955078125e-7    /* 2^-23, float */

/* VACUOUS is not a pass: nothing was compared, or the wanted values do not vary (of more than one
 * value, at least two finite ones must differ), so that a constant could have passed. */
typedef enum { GM_PASS, GM_FAIL, GM_VACUOUS } gm_verdict;

typedef struct {
    gm_verdict verdict;
    int64_t n, bad;                     /* values compared; values outside their tolerance */
    int64_t worst;                      /* index of the largest error / tolerance, -1 when n is 0 */
    double want, got, error,
        tolerance; /* at worst; error is infinite where NaN or Inf is on one side only */
    double ratio;                       /* error / tolerance at worst; 0 when equal */
    double max_error;                   /* largest error anywhere */
    char why[160];                      /* "" or what is wrong besides values: shapes, tolerances */
} gm_comparison;

/* Passes when |got - want| <= absolute + relative |want| everywhere; NaN exactly where NaN is
 * wanted, infinities equal.  A tolerance that is negative, infinite or NaN fails. */
gm_comparison gm_compare(const float *got, const float *want, int64_t n, double absolute,
                         double relative);

/* The same with one tolerance per element: factor * scale[i]. */
gm_comparison gm_compare_each(const float *got, const float *want, int64_t n, const float *scale,
                              double factor);

/* Equal bits (so -0 is not 0); any NaN equals any NaN. */
gm_comparison gm_compare_bits(const float *got, const float *want, int64_t n);
gm_comparison gm_compare_ints(const int32_t *got, const int32_t *want, int64_t n);

/* gm_compare of tensors: the sizes must be equal too.  want holds every stride-th element (from the
 * first) of the flattened tensor of sizes dim; got holds all. */
gm_comparison gm_compare_shaped(const float *got, int got_nd, const int64_t *got_dim,
                                const float *want, int nd, const int64_t *dim, int64_t stride,
                                double absolute, double relative);

/* "pass", "FAIL" or "VACUOUS". */
const char *gm_verdict_name(gm_verdict v);
/* One line for people; returns buf. */
const char *gm_comparison_text(char *buf, size_t size, const gm_comparison *c);

#endif
