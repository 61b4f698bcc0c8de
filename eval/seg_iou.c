/* gIoU and cIoU: eval/referring_seg/infer_and_evaluate.py evaluate_model_performance, class 1;
 * tools/utils.py intersectionAndUnionGPU, AverageMeter. */
#include "masks.h"

void gm_seg_add(gm_seg_sums *s, const uint8_t *found, const uint8_t *truth, int64_t pixels)
{
    int64_t both = 0, either = 0;
    for (int64_t i = 0; i < pixels; i++) {
        both += found[i] && truth[i] == 1;
        either += found[i] || truth[i] == 1;
    }
    s->iou += either ? (double)both / ((double)either + 1e-5) : 1;
    s->both += both;
    s->either += either;
    s->n++;
}

double gm_giou(const gm_seg_sums *s)
{
    return s->iou / ((double)s->n + 1e-5);
}

double gm_ciou(const gm_seg_sums *s)
{
    return (double)s->both / ((double)s->either + 1e-10);
}
