/* The assignment of rows to columns with the largest sum (Kuhn, Munkres): one row after another
 * along the cheapest augmenting path, as in J. Munkres, "Algorithms for the Assignment and
 * Transportation Problems" (1957), with potentials. */
#include <math.h>
#include <stdlib.h>
#include "masks.h"

/* Columns and rows are numbered from 1; column 0 holds the row that is being placed. */
typedef struct {
    double *u, *v, *slack;              /* potentials of rows and columns; how far a column is */
    int64_t *row, *from;                /* a column's row, and the column before it on the path */
    bool *seen;
} tableau;

/* The cost of row i in column j, of whichever side is shorter. */
static double cost(const double *value, int64_t R, int64_t C, int64_t i, int64_t j)
{
    return R <= C ? -value[(i - 1) * C + j - 1] : -value[(j - 1) * C + i - 1];
}

/* Places row i (n rows, m >= n columns). */
static void place(tableau *t, const double *value, int64_t R, int64_t C, int64_t i, int64_t m)
{
    int64_t j = 0;
    t->row[0] = i;
    for (int64_t k = 0; k <= m; k++) {
        t->slack[k] = INFINITY;
        t->seen[k] = false;
    }
    do {
        t->seen[j] = true;
        double least = INFINITY;
        int64_t next = 0, here = t->row[j];
        for (int64_t k = 1; k <= m; k++) {
            if (t->seen[k]) continue;
            double d = cost(value, R, C, here, k) - t->u[here] - t->v[k];
            if (d < t->slack[k]) {
                t->slack[k] = d;
                t->from[k] = j;
            }
            if (t->slack[k] < least) {
                least = t->slack[k];
                next = k;
            }
        }
        for (int64_t k = 0; k <= m; k++) {
            if (!t->seen[k]) t->slack[k] -= least;
            else t->u[t->row[k]] += least, t->v[k] -= least;
        }
        j = next;
    } while (t->row[j]);
    for (; j; j = t->from[j]) t->row[j] = t->row[t->from[j]];
}

int gm_assign(int64_t *match, const double *value, int64_t R, int64_t C)
{
    int64_t n = R < C ? R : C, m = R < C ? C : R;
    size_t room = (size_t)m + 1;
    tableau t = { calloc(room, sizeof(double)),  calloc(room, sizeof(double)),
                  calloc(room, sizeof(double)),  calloc(room, sizeof(int64_t)),
                  calloc(room, sizeof(int64_t)), calloc(room, 1) };
    bool good = t.u && t.v && t.slack && t.row && t.from && t.seen;
    for (int64_t r = 0; r < R; r++) match[r] = -1;
    for (int64_t i = 1; good && i <= n; i++) place(&t, value, R, C, i, m);
    for (int64_t j = 1; good && j <= m; j++) {
        if (!t.row[j]) continue;
        if (R <= C) match[t.row[j] - 1] = j - 1;
        else match[j - 1] = t.row[j] - 1;
    }
    free(t.u);
    free(t.v);
    free(t.slack);
    free(t.row);
    free(t.from);
    free(t.seen);
    return good ? 0 : -1;
}
