/* IoU of masks pair by pair, and their mean over greedy pairs: eval/utils.py compute_iou,
 * eval/gcg/evaluate.py compute_iou_matrix and compute_miou. */
#include <math.h>
#include "masks.h"

int gm_iou_matrix(double *iou, const gm_rle *a, int64_t R, const gm_rle *b, int64_t C, gm_error *e)
{
    for (int64_t r = 0; r < R; r++) {
        for (int64_t c = 0; c < C; c++) {
            int64_t both, either;
            if (gm_rle_overlap(&a[r], &b[c], &both, &either) != 0)
                return gm_fail(e, "masks of two sizes: %lld x %lld and %lld x %lld",
                               (long long)a[r].width, (long long)a[r].height, (long long)b[c].width,
                               (long long)b[c].height);
            iou[r * C + c] = either ? (double)both / (double)either : NAN;
        }
    }
    return 0;
}

double gm_miou(double *iou, int64_t R, int64_t C, int64_t *match)
{
    double sum = 0;
    int64_t pairs = 0;
    for (int64_t r = 0; match && r < R; r++) match[r] = -1;
    for (int64_t i = 0; i < R * C; i++)
        if (isnan(iou[i])) return 0;
    for (;;) {
        int64_t best = -1;
        for (int64_t i = 0; i < R * C; i++)
            if (iou[i] > (best < 0 ? 0 : iou[best])) best = i;
        if (best < 0) return pairs ? sum / (double)pairs : 0;
        sum += iou[best];
        pairs++;
        if (match) match[best / C] = best % C;
        for (int64_t r = 0; r < R; r++) iou[r * C + best % C] = 0;
        for (int64_t c = 0; c < C; c++) iou[best / C * C + c] = 0;
    }
}
