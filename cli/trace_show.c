/* A trace as numbers to read: a line for each tensor, with the place of its largest value. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../io/os.h"
#include "trace.h"

enum { FIRST = 5 };             /* values printed */

static double value(gm_tensor x, int64_t i)
{
    return x.type == GM_I32 ? ((const int32_t *)x.data)[i] : ((const float *)x.data)[i];
}

static void show(const char *name, gm_tensor x)
{
    char shape[100];
    int64_t n = gm_numel(x), at = 0;
    double sum = 0, low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double v = value(x, i);
        sum += v;
        low = fmin(low, v);
        if (v > high) high = v, at = i;
    }
    printf("%s %s mean %.4g, %.4g to %.4g (at %lld):", name, gm_shape_text(shape, x),
           n ? sum / (double)n : 0, low, high, (long long)at);
    for (int64_t i = 0; i < n && i < FIRST; i++) printf(" %.3g", value(x, i));
    printf("%s\n", n > FIRST ? " .." : "");
}

/* The places and values of the next two: what else the model might have written, for a row of
 * logits. */
static void show_runners_up(gm_tensor x)
{
    int64_t n = gm_numel(x), best[3] = { -1, -1, -1 };
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i;
        for (int k = 0; k < 3; k++) {
            if (best[k] >= 0 && !(value(x, at) > value(x, best[k]))) continue;
            int64_t moved = best[k];
            best[k] = at;
            at = moved;
            if (at < 0) break;
        }
    }
    printf("    then");
    for (int k = 1; k < 3 && best[k] >= 0; k++)
        printf("%s %.4g at %lld", k > 1 ? "," : "", value(x, best[k]), (long long)best[k]);
    printf("\n");
}

/* One row of x, all leading sizes folded. */
static int show_row(const char *wanted, gm_tensor x, int64_t row, gm_error *e)
{
    int64_t C = x.nd ? x.dim[x.nd - 1] : 1, rows = C ? gm_numel(x) / C : 0;
    if (row < 0 || row >= rows)
        return gm_fail(e, "--show %s: wanted a row below %lld", wanted, (long long)rows);
    gm_tensor y = { .data = (char *)x.data + gm_type_bytes(x.type, row * C), .dim = { C },
                    .nd = 1, .type = x.type };
    show(wanted, y);
    if (C > 1) show_runners_up(y);
    return 0;
}

/* The tensor of a name as it was asked for: an input, a result, or a module without its "tap/". */
static const gm_tensor *find(const trace_list *l, const char *name)
{
    char full[320];
    snprintf(full, sizeof full, "tap/%s", name);
    const gm_tensor *x = trace_find(l, full);
    return x ? x : trace_find(l, name);
}

int trace_show(const trace_list *l, const char *wanted, gm_error *e)
{
    if (strcmp(wanted, "all") == 0) {
        for (int64_t i = 0; i < l->n; i++) {
            const char *name = l->item[i].name;
            show(strncmp(name, "tap/", 4) == 0 ? name + 4 : name, l->item[i].x);
        }
        return 0;
    }
    char *name = gm_copy_text(wanted), *row = name ? strrchr(name, '@') : NULL;
    if (!name) return gm_fail(e, "out of memory");
    if (row) *row++ = 0;
    const gm_tensor *x = find(l, name);
    int bad = x ? 0 : gm_fail(e, "--show %s: this run has no such tensor", name);
    if (!bad && row) bad = show_row(wanted, *x, strtoll(row, NULL, 10), e);
    else if (!bad) show(wanted, *x);
    free(name);
    return bad;
}
