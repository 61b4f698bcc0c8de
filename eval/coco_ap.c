/* Average precision and recall of masks as COCOeval computes them (pycocotools cocoeval.py). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "masks.h"

enum { AREAS = GM_AP_AREAS, STEPS = 10, POINTS = GM_AP_POINTS, MOST = 100 };

/* Closed ranges of area (Params.setDetParams): 1024 and 9216 lie in two. */
static const double AREA[AREAS][2] = { { 0, 1e10 }, { 0, 1024 }, { 1024, 9216 }, { 9216, 1e10 } };

const char *const GM_AP_NAMES[GM_AP_STATS] = {
    "AP", "AP50", "AP75", "AP small", "AP medium", "AP large",
    "AR 1", "AR 10", "AR 100", "AR small", "AR medium", "AR large"
};

/* numpy.linspace(0.5, 0.95, 10): its ninth is 0.8999999999999999. */
static double threshold(int t)
{
    return t == STEPS - 1 ? 0.95 : 0.5 + t * ((0.95 - 0.5) / 9);
}

/* What became of one found mask, per area range and threshold. */
typedef struct {
    double score;
    int64_t order;                      /* before sorting: by image, then by score */
    int64_t rank;                       /* in its image */
    uint8_t hit[AREAS][STEPS];
    uint8_t ignored[AREAS][STEPS];
} verdict;

typedef struct { double score; int64_t order, index; } ranked;

static int by_score(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* Found masks of an image, best score first (equals in file order), at most MOST: *keep,
 * malloc'ed. */
static int rank_found(ranked **keep, const gm_mask_image *m)
{
    ranked *r = malloc((size_t)(m->nfound + 1) * sizeof *r);
    if (!r) return -1;
    for (int64_t i = 0; i < m->nfound; i++) r[i] = (ranked){ m->score ? m->score[i] : 1, i, i };
    qsort(r, (size_t)m->nfound, sizeof *r, by_score);
    *keep = r;
    return 0;
}

static bool out_of(double area, int a)
{
    return area < AREA[a][0] || area > AREA[a][1];
}

/* The true masks' order in evaluateImg: ignored ones last, otherwise as in the file. */
static void order_truth(int64_t *order, bool *ignored, const gm_mask_image *m, int a)
{
    int64_t n = 0;
    for (int last = 0; last < 2; last++) {
        for (int64_t g = 0; g < m->ntruth; g++) {
            ignored[g] = m->truth[g].crowd || out_of(m->truth[g].area, a);
            if (ignored[g] == (last == 1)) order[n++] = g;
        }
    }
}

/* The true mask for one found mask (iou: its row), or -1: the largest IoU of at least `least`, the
 * later of equals; an ignored one only when no regular one fits. */
static int64_t best_match(const double *iou, double least, const int64_t *order,
                          const bool *ignored, const bool *taken, const gm_mask_image *m)
{
    int64_t best = -1;
    for (int64_t k = 0; k < m->ntruth; k++) {
        int64_t g = order[k];
        if (taken[g] && !m->truth[g].crowd) continue;
        if (best >= 0 && !ignored[best] && ignored[g]) break;
        if (iou[g] < least) continue;
        least = iou[g];
        best = g;
    }
    return best;
}

typedef struct { double *iou; int64_t *order; bool *ignored, *taken; double *area; } scratch;

/* evaluateImg for one area range: v[d] for the D found masks kept. */
static void judge(verdict *v, int64_t D, const gm_mask_image *m, int a, const scratch *s)
{
    order_truth(s->order, s->ignored, m, a);
    for (int t = 0; t < STEPS; t++) {
        memset(s->taken, 0, (size_t)m->ntruth * sizeof *s->taken);
        for (int64_t d = 0; d < D; d++) {
            double least = fmin(threshold(t), 1 - 1e-10);
            int64_t g = best_match(s->iou + d * m->ntruth, least, s->order, s->ignored, s->taken,
                                   m);
            if (g >= 0) s->taken[g] = true;
            v[d].hit[a][t] = g >= 0 && !m->truth[g].id_is_0;
            v[d].ignored[a][t] = (g >= 0 && s->ignored[g]) ||
                                 (!v[d].hit[a][t] && out_of(s->area[d], a));
        }
    }
}

/* Boxes that share no pixel: IoU 0 without a walk over the runs. */
static bool apart(const int64_t a[4], const int64_t b[4])
{
    return a[0] >= b[0] + b[2] || b[0] >= a[0] + a[2] || a[1] >= b[1] + b[3] || b[1] >= a[1] + a[3];
}

static void fill_ious(const gm_mask_image *m, const ranked *keep, int64_t D, const scratch *s)
{
    for (int64_t g = 0; g < m->ntruth; g++) {
        int64_t box[4], other[4];
        gm_rle_box(&m->truth[g].mask, box);
        for (int64_t d = 0; d < D; d++) {
            const gm_rle *found = &m->found[keep[d].index];
            gm_rle_box(found, other);
            s->iou[d * m->ntruth + g] = apart(box, other) ? 0 :
                                        gm_rle_iou(found, &m->truth[g].mask, m->truth[g].crowd);
        }
    }
    for (int64_t d = 0; d < D; d++) s->area[d] = (double)gm_rle_area(&m->found[keep[d].index]);
}

static int64_t kept(const gm_mask_image *m)
{
    return m->nfound < MOST ? m->nfound : MOST;
}

/* Verdicts of one image's found masks, v[0] .. v[kept - 1]; true masks that count, per area, are
 * added to wanted. */
static int judge_image(verdict *v, int64_t wanted[AREAS], const gm_mask_image *m)
{
    int64_t D = kept(m), G = m->ntruth;
    ranked *keep = NULL;
    scratch s = { malloc((size_t)(D * G + 1) * sizeof(double)),
                  malloc((size_t)(G + 1) * sizeof(int64_t)), malloc((size_t)G + 1),
                  malloc((size_t)G + 1), malloc((size_t)(D + 1) * sizeof(double)) };
    bool good = rank_found(&keep, m) == 0 && s.iou && s.order && s.ignored && s.taken && s.area;
    if (good) {
        fill_ious(m, keep, D, &s);
        for (int64_t d = 0; d < D; d++) {
            v[d].score = keep[d].score;
            v[d].rank = d;
        }
        for (int a = 0; a < AREAS; a++) {
            judge(v, D, m, a, &s);
            for (int64_t g = 0; g < G; g++) wanted[a] += !s.ignored[g];
        }
    }
    free(keep);
    free(s.iou);
    free(s.order);
    free(s.ignored);
    free(s.taken);
    free(s.area);
    return good ? 0 : -1;
}

/* The monotonic curve (pr over rc, nd points) at the recall points: 0 past the last recall. */
static void read_points(double at[POINTS], const double *pr, const double *rc, int64_t nd)
{
    int64_t d = 0;
    for (int p = 0; p < POINTS; p++) {
        double point = p == POINTS - 1 ? 1 : p * 0.01; /* not p / 100.0: ten of them differ */
        while (d < nd && rc[d] < point) d++;
        at[p] = d < nd ? pr[d] : 0;
    }
}

/* accumulate() for one threshold: *precision is the mean over the recall points, *recall the last.
 * v in order of score; of each image only the first `most`. curve: 2 n numbers of scratch; keep:
 * the precision at every recall point, or NULL. */
static void accumulate(double *precision, double *recall, const verdict *v, int64_t n,
                       int64_t wanted, int a, int t, int64_t most, double *curve, double *keep)
{
    double *pr = curve, *rc = curve + n, tp = 0, fp = 0, sum = 0;
    int64_t nd = 0;
    for (int64_t d = 0; d < n; d++) {
        if (v[d].rank >= most) continue;
        tp += v[d].hit[a][t] && !v[d].ignored[a][t];
        fp += !v[d].hit[a][t] && !v[d].ignored[a][t];
        rc[nd] = tp / (double)wanted;
        pr[nd++] = tp / (fp + tp + 0x1p-52);
    }
    for (int64_t d = nd - 1; d > 0; d--)
        if (pr[d] > pr[d - 1]) pr[d - 1] = pr[d];
    double at[POINTS];
    read_points(at, pr, rc, nd);
    for (int p = 0; p < POINTS; p++) sum += at[p];
    if (keep) memcpy(keep, at, sizeof at);
    *precision = sum / POINTS;
    *recall = nd ? rc[nd - 1] : 0;
}

/* The means of thresholds first..last, -1 without true masks. */
static void mean_over(double *precision, double *recall, const verdict *v, int64_t n,
                      const int64_t wanted[AREAS], int a, int64_t most, int first, int last,
                      double *curve)
{
    double p = -1, r = -1, sum_p = 0, sum_r = 0;
    for (int t = first; wanted[a] && t <= last; t++) {
        accumulate(&p, &r, v, n, wanted[a], a, t, most, curve, NULL);
        sum_p += p;
        sum_r += r;
        p = sum_p / (last - first + 1);
        r = sum_r / (last - first + 1);
    }
    *precision = p;
    *recall = r;
}

static int verdict_by_score(const void *a, const void *b)
{
    const verdict *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

int gm_ap_judge(gm_ap_part *p, const gm_mask_image *m)
{
    *p = (gm_ap_part){ .n = kept(m) };
    p->verdict = calloc((size_t)p->n + 1, sizeof(verdict));
    return p->verdict ? judge_image(p->verdict, p->wanted, m) : -1;
}

void gm_ap_part_free(gm_ap_part *p)
{
    free(p->verdict);
    *p = (gm_ap_part){ 0 };
}

/* All parts' verdicts in order of score (malloc'ed, NULL: out of memory), and their sums. */
static verdict *gather(const gm_ap_part *part, int64_t n, int64_t *total, int64_t wanted[AREAS])
{
    *total = 0;
    for (int64_t i = 0; i < n; i++) *total += part[i].n;
    verdict *v = malloc((size_t)(*total + 1) * sizeof *v);
    for (int64_t i = 0, at = 0; v && i < n; at += part[i++].n) {
        if (part[i].n) memcpy(v + at, part[i].verdict, (size_t)part[i].n * sizeof *v);
        for (int a = 0; a < AREAS; a++) wanted[a] += part[i].wanted[a];
    }
    for (int64_t d = 0; v && d < *total; d++) v[d].order = d;
    if (v) qsort(v, (size_t)*total, sizeof *v, verdict_by_score);
    return v;
}

int gm_ap_total(double stats[GM_AP_STATS], double curve50[GM_AP_POINTS], const gm_ap_part *part,
                int64_t n, gm_error *e)
{
    int64_t total, wanted[AREAS] = { 0 };
    verdict *v = gather(part, n, &total, wanted);
    double *curve = malloc((size_t)(2 * total + 1) * sizeof *curve), unused;
    bool good = v && curve;
    if (good) {
        mean_over(&stats[0], &stats[8], v, total, wanted, 0, MOST, 0, STEPS - 1, curve);
        mean_over(&stats[2], &unused, v, total, wanted, 0, MOST, 5, 5, curve);
        for (int a = 1; a < AREAS; a++)
            mean_over(&stats[2 + a], &stats[8 + a], v, total, wanted, a, MOST, 0, STEPS - 1, curve);
        mean_over(&unused, &stats[6], v, total, wanted, 0, 1, 0, STEPS - 1, curve);
        mean_over(&unused, &stats[7], v, total, wanted, 0, 10, 0, STEPS - 1, curve);
        mean_over(&stats[1], &unused, v, total, wanted, 0, MOST, 0, 0, curve);
        if (curve50) memset(curve50, 0, GM_AP_POINTS * sizeof *curve50);
        if (curve50 && wanted[0])
            accumulate(&unused, &unused, v, total, wanted[0], 0, 0, MOST, curve, curve50);
    }
    free(v);
    free(curve);
    return good ? 0
                : gm_fail(e, "average precision of %lld masks: out of memory", (long long)total);
}

int gm_coco_ap(double stats[GM_AP_STATS], const gm_mask_image *image, int64_t n, gm_error *e)
{
    gm_ap_part *part = calloc((size_t)n + 1, sizeof *part);
    int bad = part ? 0 : -1;
    for (int64_t i = 0; !bad && i < n; i++) bad = gm_ap_judge(&part[i], &image[i]);
    if (bad) gm_fail(e, "average precision of %lld images: out of memory", (long long)n);
    else bad = gm_ap_total(stats, NULL, part, n, e);
    for (int64_t i = 0; part && i < n; i++) gm_ap_part_free(&part[i]);
    free(part);
    return bad;
}
