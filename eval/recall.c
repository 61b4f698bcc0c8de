/* Mask recall: eval/gcg/evaluate.py find_best_matches (released), the paper's appendix A.1
 * (paper). */
#include <math.h>
#include <stdlib.h>
#include "masks.h"

static const double LEAST = 0.5;        /* both thresholds */

/* numpy.argmax: the first of the largest; the first NaN before all. */
static int64_t argmax(const double *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 0; i < n && !isnan(x[best]); i++)
        if (isnan(x[i]) || x[i] > x[best]) best = i;
    return best;
}

static int64_t released(gm_recall_image *m, bool *outside)
{
    if (m->T * m->F == 0) return 0;
    /* Pairs found are set to 0 in both matrices, so each row is found once and the loop ends. */
    for (int64_t found = 0;; found++) {
        int64_t best = argmax(m->iou, m->T * m->F), t = best / m->F, f = best % m->F;
        if (m->iou[best] < LEAST) return found; /* a NaN (two empty masks) passes, as there */
        if (t >= m->L || f >= m->P) {
            if (outside) *outside = true;
            return 0;
        }
        if (m->similarity[t * m->P + f] < LEAST) return found;
        for (int64_t i = 0; i < m->F; i++) m->iou[t * m->F + i] = 0;
        for (int64_t i = 0; i < m->T; i++) m->iou[i * m->F + f] = 0;
    }
}

static int64_t paper(const gm_recall_image *m)
{
    int64_t found = 0, *match = malloc((size_t)(m->T + 1) * sizeof *match);
    for (int64_t i = 0; i < m->T * m->F; i++)
        if (isnan(m->iou[i])) m->iou[i] = 0;
    if (!match || gm_assign(match, m->iou, m->T, m->F) != 0) {
        free(match);
        return -1;
    }
    for (int64_t t = 0; t < m->T && t < m->L; t++) {
        int64_t f = match[t];
        found += f >= 0 && f < m->P && m->iou[t * m->F + f] > LEAST &&
                 m->similarity[t * m->P + f] > LEAST;
    }
    free(match);
    return found;
}

int64_t gm_recall_found(gm_recall_image *m, gm_recall_mode mode, bool *outside)
{
    return mode == GM_RECALL_PAPER ? paper(m) : released(m, outside);
}

int64_t gm_recall_wanted(const gm_recall_image *m, gm_recall_mode mode)
{
    return mode == GM_RECALL_PAPER ? m->T : m->L;
}
