/* See compare.h. */
#include "compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static double error_of(double got, double want)
{
    if (isnan(got) && isnan(want)) return 0;
    if (isnan(got) || isnan(want)) return INFINITY;
    if (isinf(got) || isinf(want)) return got == want ? 0 : INFINITY;
    return fabs(got - want);
}

static void note(gm_comparison *c, int64_t i, double got, double want, double error,
                 double tolerance)
{
    double ratio = error == 0 ? 0 : tolerance > 0 ? error / tolerance : INFINITY;
    c->n++;
    if (!(error <= tolerance)) c->bad++;
    c->max_error = fmax(c->max_error, error);
    if (c->worst >= 0 && ratio <= c->ratio) return;
    c->worst = i;
    c->want = want;
    c->got = got;
    c->error = error;
    c->tolerance = tolerance;
    c->ratio = ratio;
}

/* Two finite values that differ, or one value alone. */
static int varies(const float *want, int64_t n)
{
    int64_t first = 0;
    while (first < n && !isfinite(want[first])) first++;
    if (n == 1) return first == 0;
    for (int64_t i = first + 1; i < n; i++)
        if (isfinite(want[i]) && want[i] != want[first]) return 1;
    return 0;
}

static gm_comparison finish(gm_comparison c, int vary)
{
    c.verdict = c.bad || c.why[0] ? GM_FAIL : c.n > 0 && vary ? GM_PASS : GM_VACUOUS;
    return c;
}

/* got every stride elements of it, want n of them. */
static gm_comparison compare(const float *got, int64_t stride, const float *want, int64_t n,
                             const float *scale, double factor, double relative)
{
    gm_comparison c = { .worst = -1 };
    for (int64_t i = 0; i < n; i++) {
        double w = want[i], g = got[i * stride];
        double tolerance = factor * (scale ? scale[i] : 1.0) +
                           (relative > 0 && isfinite(w) ? relative * fabs(w) : 0);
        if (!isfinite(w) && !isfinite(tolerance)) tolerance = 0;       /* NaN and Inf have none */
        if (isfinite(w) && !(tolerance >= 0 && tolerance <= 3.5e38) && !c.why[0])
            snprintf(c.why, sizeof c.why, "the tolerance of element %" PRId64 " is %g", i,
                     tolerance);
        note(&c, i, g, w, error_of(g, w), tolerance);
    }
    return finish(c, varies(want, n));
}

gm_comparison gm_compare(const float *got, const float *want, int64_t n, double absolute,
                         double relative)
{
    return compare(got, 1, want, n, NULL, absolute, relative);
}

gm_comparison gm_compare_each(const float *got, const float *want, int64_t n, const float *scale,
                              double factor)
{
    return compare(got, 1, want, n, scale, factor, 0);
}

gm_comparison gm_compare_bits(const float *got, const float *want, int64_t n)
{
    gm_comparison c = { .worst = -1 };
    for (int64_t i = 0; i < n; i++) {
        int same = (isnan(got[i]) && isnan(want[i])) || !memcmp(got + i, want + i, sizeof *got);
        double error = error_of(got[i], want[i]);
        note(&c, i, got[i], want[i], same ? 0 : error > 0 ? error : INFINITY, 0);
    }
    return finish(c, varies(want, n));
}

gm_comparison gm_compare_ints(const int32_t *got, const int32_t *want, int64_t n)
{
    gm_comparison c = { .worst = -1 };
    int vary = n == 1;
    for (int64_t i = 0; i < n; i++) {
        note(&c, i, got[i], want[i], fabs((double)got[i] - want[i]), 0);
        if (want[i] != want[0]) vary = 1;
    }
    return finish(c, vary);
}

/* "(2, 3)"; at most eight sizes. */
static void shape_text(char *buf, size_t size, int nd, const int64_t *dim)
{
    size_t at = (size_t)snprintf(buf, size, "(");
    for (int i = 0; i < nd && at < size; i++)
        at += (size_t)snprintf(buf + at, size - at, i ? ", %" PRId64 : "%" PRId64, dim[i]);
    if (at < size) snprintf(buf + at, size - at, ")");
}

gm_comparison gm_compare_shaped(const float *got, int got_nd, const int64_t *got_dim,
                                const float *want, int nd, const int64_t *dim, int64_t stride,
                                double absolute, double relative)
{
    int64_t n = 1;
    int same = got_nd == nd && stride > 0;
    for (int i = 0; i < nd; i++) {
        n *= dim[i];
        same = same && got_dim[i] == dim[i];
    }
    if (!same) {
        char found[70], wanted[70];
        gm_comparison c = { .worst = -1 };
        shape_text(found, sizeof found, got_nd, got_dim);
        shape_text(wanted, sizeof wanted, nd, dim);
        snprintf(c.why, sizeof c.why, "sizes %s, wanted %s", found, wanted);
        return finish(c, 0);
    }
    return compare(got, stride, want, (n + stride - 1) / stride, NULL, absolute, relative);
}

const char *gm_verdict_name(gm_verdict v)
{
    return v == GM_PASS ? "pass" : v == GM_FAIL ? "FAIL" : "VACUOUS";
}

const char *gm_comparison_text(char *buf, size_t size, const gm_comparison *c)
{
    if (c->why[0]) snprintf(buf, size, "%s: %s", gm_verdict_name(c->verdict), c->why);
    else if (c->n == 0) snprintf(buf, size, "%s: nothing compared", gm_verdict_name(c->verdict));
    else
        snprintf(buf, size,
                 "%s: %" PRId64 " of %" PRId64 " outside; worst at %" PRId64
                 ": got %.9g, want %.9g,"
                 " error %.3g, tolerance %.3g",
                 gm_verdict_name(c->verdict), c->bad, c->n, c->worst, c->got, c->want, c->error,
                 c->tolerance);
    return buf;
}
