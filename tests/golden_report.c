#include "golden_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"

/* Beyond this share of the largest value a tolerance proves nothing. */
#define LOOSE 0.05

void golden_free(golden_report *r)
{
    for (int64_t i = 0; i < r->rows; i++) {
        free(r->row[i].place);
        free(r->row[i].case_name);
        free(r->row[i].tensor);
        free(r->row[i].why);
    }
    free(r->row);
    *r = (golden_report){ 0 };
}

bool golden_wanted(const golden_report *r, const char *tensor)
{
    if (r->packed && strncmp(tensor, "tap/", 4) == 0) return false;
    return !r->only || strcmp(r->only, tensor) == 0;
}

void golden_row_add(golden_report *r, const char *case_name, const char *tensor, bool passed,
                    double error, double tolerance, double ratio, const char *why)
{
    char name[700];
    if (*tensor && !golden_wanted(r, tensor)) return;
    snprintf(name, sizeof name, "%s%s", tensor, r->variant ? r->variant : "");
    if (passed) r->passed++;
    else r->failed++;
    if (r->rows == r->room) {
        int64_t room = r->room ? 2 * r->room : 256;
        golden_row *more = realloc(r->row, (size_t)room * sizeof *more);
        if (!more) {
            r->broken = true;
            return;
        }
        r->row = more;
        r->room = room;
    }
    golden_row *w = &r->row[r->rows++];
    *w = (golden_row){ gm_copy_text(r->place), gm_copy_text(case_name), gm_copy_text(name),
                       gm_copy_text(why),
                       error, tolerance, ratio, passed };
    if (!w->place || !w->case_name || !w->tensor || !w->why) r->broken = true;
}

void golden_failed(golden_report *r, const char *case_name, const char *tensor, const char *format,
                   ...)
{
    char why[1700];
    va_list a;
    va_start(a, format);
    vsnprintf(why, sizeof why, format, a);
    va_end(a);
    golden_row_add(r, case_name, tensor, false, NAN, 0, INFINITY, why);
}

void golden_not_yet(golden_report *r, const char *tensor)
{
    if (golden_wanted(r, tensor)) r->not_yet++;
}

static bool same_shape(const golden_tensor *t, int nd, const int64_t *dim)
{
    return t->nd == nd && memcmp(t->dim, dim, (size_t)nd * sizeof *dim) == 0;
}

/* A mask list may be empty; then only the shape can agree. */
static bool both_empty(const golden_tensor *t, int nd, const int64_t *dim)
{
    int64_t n = 1;
    for (int d = 0; d < nd; d++) n *= dim[d];
    return n == 0 && t->numel == 0 && (same_shape(t, nd, dim) || t->nd == 1);
}

static golden_tensor *stored(golden_report *r, golden_case *g, const char *name, gm_dtype type)
{
    golden_tensor *t = golden_find(g, name);
    if (!t || t->seen || !golden_wanted(r, name)) return NULL;
    t->seen = true;
    if (t->numel > 0 && t->stored.type != type) {
        golden_failed(r, g->name, name, "stored as %s, wanted %s", gm_type_name(t->stored.type),
                      gm_type_name(type));
        return NULL;
    }
    return t;
}

static void add(golden_report *r, golden_case *g, const char *name, const gm_comparison *c)
{
    char why[400] = "";
    if (c->verdict != GM_PASS) gm_comparison_text(why, sizeof why, c);
    golden_row_add(r, g->name, name, c->verdict == GM_PASS, c->error, c->tolerance, c->ratio, why);
}

/* The stride leaves most of a large tensor unseen: its norm and largest value are stored whole. */
static void whole(gm_comparison *c, const golden_tensor *t, const float *got, double tolerance)
{
    double sum = 0, most = 0;
    for (int64_t i = 0; i < t->numel; i++) {
        sum += (double)got[i] * got[i];
        if (!(fabs((double)got[i]) <= most)) most = fabs((double)got[i]);
    }
    double norm = sqrt(sum), slack = tolerance * sqrt((double)t->numel);
    if (!(fabs(most - t->absmax) <= tolerance)) {
        c->verdict = GM_FAIL;
        snprintf(c->why, sizeof c->why, "largest value of the whole tensor %.9g, wanted %.9g", most,
                 t->absmax);
    } else if (!(fabs(norm - t->norm) <= slack)) {
        c->verdict = GM_FAIL;
        snprintf(c->why, sizeof c->why, "norm of the whole tensor %.9g, wanted %.9g +- %.2g", norm,
                 t->norm, slack);
    }
}

double golden_tolerance(const golden_tensor *t)
{
    return 8 * t->f64_gap + 4 * GM_EPS * t->absmax;
}

void golden_floats(golden_report *r, golden_case *g, const char *name, const float *got, int nd,
                   const int64_t *dim)
{
    golden_tensor *t = stored(r, g, name, GM_F32);
    if (!t) return;
    if (!(t->f64_gap >= 0)) {
        golden_failed(r, g->name, name, "a stored output without f64_gap");
        return;
    }
    if (both_empty(t, nd, dim)) {
        golden_row_add(r, g->name, name, true, 0, 0, 0, "");
        return;
    }
    double tolerance = golden_tolerance(t);
    if (!(tolerance <= LOOSE * t->absmax)) {
        golden_failed(r, g->name, name, "tolerance %.3g for values up to %.3g proves nothing",
                      tolerance, t->absmax);
        return;
    }
    gm_comparison c = gm_compare_shaped(got, nd, dim, t->stored.data, t->nd, t->dim, t->stride,
                                        tolerance, 0);
    if (c.verdict == GM_PASS) whole(&c, t, got, tolerance);
    add(r, g, name, &c);
}

void golden_exact(golden_report *r, golden_case *g, const char *name, const float *got, int nd,
                  const int64_t *dim)
{
    golden_tensor *t = stored(r, g, name, GM_F32);
    if (!t) return;
    if (both_empty(t, nd, dim)) {
        golden_row_add(r, g->name, name, true, 0, 0, 0, "");
        return;
    }
    gm_comparison c = gm_compare_shaped(got, nd, dim, t->stored.data, t->nd, t->dim, t->stride, 0,
                                        0);
    if (c.verdict == GM_PASS) whole(&c, t, got, 1e-7 * t->absmax);
    add(r, g, name, &c);
}

void golden_ints(golden_report *r, golden_case *g, const char *name, const int32_t *got, int nd,
                 const int64_t *dim)
{
    golden_tensor *t = stored(r, g, name, GM_I32);
    if (!t) return;
    if (!same_shape(t, nd, dim)) {
        golden_failed(r, g->name, name,
                      "wanted %d sizes (%" PRId64 ", %" PRId64 "), found (%" PRId64 ", %" PRId64
                      ")",
                      t->nd, t->dim[0], t->dim[1], dim[0], dim[1]);
        return;
    }
    gm_comparison c = gm_compare_ints(got, t->stored.data, t->numel);
    if (t->stride != 1) c.verdict = GM_FAIL;        /* ids are stored whole */
    add(r, g, name, &c);
}

void golden_ids(golden_report *r, golden_case *g, const char *name, const int32_t *got, int64_t n,
                const int32_t *want, int64_t m)
{
    int64_t i = 0;
    while (i < n && i < m && got[i] == want[i]) i++;
    if (n == m && i == n) golden_row_add(r, g->name, name, true, 0, 0, 0, "");
    else if (i < n && i < m)
        golden_failed(r, g->name, name,
                      "id %" PRId64 " is %d, wanted %d (lengths %" PRId64 ", %" PRId64 ")", i,
                      got[i], want[i], n, m);
    else golden_failed(r, g->name, name, "%" PRId64 " ids, wanted %" PRId64, n, m);
}

static void print_row(const golden_row *w, int64_t of)
{
    char count[40] = "";
    if (of > 1) snprintf(count, sizeof count, "  worst of %" PRId64, of);
    printf("%-12s %-58s %10.3g %10.3g %8.3f  %s%s\n", w->case_name,
           *w->tensor ? w->tensor : "(case)", w->error, w->tolerance, w->ratio,
           w->passed ? "pass" : "FAIL", count);
    if (w->passed) return;
    printf("             %s\n", w->why);
    if (*w->tensor)
        printf("             again: build/golden %s --case %s --tensor '%.*s'\n", w->place,
               w->case_name, (int)strcspn(w->tensor, " "), w->tensor);
    else printf("             again: build/golden %s --case %s\n", w->place, w->case_name);
}

void golden_print(const golden_report *r, int64_t from)
{
    printf("%-12s %-58s %10s %10s %8s  %s\n", "case", "tensor", "max error", "tolerance",
           "fraction", "verdict");
    for (int64_t i = from, end; i < r->rows; i = end) {
        const golden_row *worst = NULL;
        int64_t passed = 0;
        for (end = i; end < r->rows && strcmp(r->row[end].case_name, r->row[i].case_name) == 0;
             end++) {
            const golden_row *w = &r->row[end];
            if (!w->passed || r->all) print_row(w, 1);
            else if (++passed && (!worst || w->ratio > worst->ratio)) worst = w;
        }
        if (worst) print_row(worst, passed);
    }
}
