/* Scores of gcg.h: eval/gcg/evaluate.py main. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "gcg.h"

static int out_of_memory(const gm_gcg_image *m, gm_error *e)
{
    return gm_fail(e, "out of memory for the masks of %s", m->id);
}

/* The prediction of image m into it and into masks; what is wrong with it becomes m->problem. */
static int take_prediction(gm_gcg_image *m, gm_gcg_masks *masks, gm_predictions *p, gm_error *e)
{
    char where[600], text[700];
    gm_error why = { "" };
    char *caption = NULL;
    json_t *o = gm_predictions_get(p, m->id, &why);
    gm_predictions_where(p, m->id, where);
    if (!o && !why.text[0]) {
        snprintf(text, sizeof text, "%s: no prediction for this image", where);
        gm_fail(&why, "%s", text);
    }
    if (o && gm_gcg_prediction(masks, &caption, &m->phrases, o, where, &why) == 0) {
        free(m->caption);
        m->caption = caption;
        m->predicted = true;
    } else {
        m->problem = gm_copy_text(why.text);
    }
    json_decref(o);
    return m->predicted || m->problem ? 0 : out_of_memory(m, e);
}

/* IoU of true and found masks, kept for recall, and the image's mIoU. */
static int pair_masks(gm_gcg_image *m, double *miou, const gm_gcg_masks *masks, gm_error *e)
{
    int64_t T = masks->ntruth, F = masks->nfound;
    gm_rle *truth = malloc((size_t)(T + 1) * sizeof *truth);
    double *used = malloc((size_t)(T * F + 1) * sizeof *used);
    gm_error why = { "" };
    m->iou = malloc((size_t)(T * F + 1) * sizeof *m->iou);
    m->match = malloc((size_t)(F + 1) * sizeof *m->match);
    m->nfound = F;
    *miou = 0;
    int bad = truth && used && m->iou && m->match ? 0 : out_of_memory(m, e);
    for (int64_t f = 0; !bad && f < F; f++) m->match[f] = -1;
    for (int64_t i = 0; !bad && i < T; i++) truth[i] = masks->truth[i].mask;
    if (!bad && gm_iou_matrix(m->iou, truth, T, masks->found, F, &why) != 0) {
        free(m->iou);
        m->iou = NULL;
        size_t n = strlen(m->id) + sizeof why.text + 16;
        m->problem = malloc(n);
        if (m->problem) snprintf(m->problem, n, "image %s: %s", m->id, why.text);
        else bad = out_of_memory(m, e);
    } else if (!bad) {
        for (int64_t t = 0; t < T; t++)         /* found masks are rows: of equals the first wins */
            for (int64_t f = 0; f < F; f++) used[f * T + t] = m->iou[t * F + f];
        *miou = gm_miou(used, F, T, m->match);
    }
    free(truth);
    free(used);
    return bad;
}

/* All that needs image i's masks. */
static int score_masks(gm_ap_part *part, double *miou, gm_gcg *g, int64_t i, gm_predictions *p,
                       gm_error *e)
{
    gm_gcg_image *m = &g->image[i];
    gm_gcg_masks masks;
    int bad = gm_gcg_true_masks(&masks, g, i, e);
    if (!bad && m->captioned) bad = take_prediction(m, &masks, p, e);
    if (!bad) {
        gm_mask_image one = { masks.truth, masks.found, NULL, masks.ntruth, masks.nfound };
        if (gm_ap_judge(part, &one) != 0) bad = out_of_memory(m, e);
    }
    if (!bad && m->captioned) bad = pair_masks(m, miou, &masks, e);
    gm_gcg_masks_free(&masks);
    return bad;
}

/* Images are independent; the first error in their order is the one that is told. */
static int all_masks(gm_gcg_scores *s, gm_gcg *g, gm_predictions *p, gm_error *e)
{
    gm_ap_part *part = calloc((size_t)g->n + 1, sizeof *part);
    gm_error *why = calloc(1, sizeof *why);
    int64_t failed = g->n;
    int bad = part && why ? 0 : gm_fail(e, "out of memory for %lld images", (long long)g->n);
    #pragma omp parallel for schedule(dynamic) if (!bad)
    for (int64_t k = 0; k < (bad ? 0 : g->n); k++) {
        int64_t i = g->order[k];
        gm_error mine = { "" };
        double unused, *miou = g->image[i].captioned ? &s->each_miou[i] : &unused;
        if (score_masks(&part[k], miou, g, i, p, &mine) == 0) continue;
        #pragma omp critical
        if (k < failed) {
            failed = k;
            *why = mine;
        }
    }
    if (!bad && failed < g->n) bad = gm_fail(e, "%s", why->text);
    if (!bad) bad = gm_ap_total(s->ap, s->curve50, part, g->n, e);
    for (int64_t k = 0; part && k < g->n; k++) gm_ap_part_free(&part[k]);
    free(part);
    free(why);
    return bad;
}

static bool says(const gm_texts *found, int64_t f, const gm_texts *true_texts, int64_t t)
{
    return f < found->n && t < true_texts->n && gm_texts_same(found->text[f], true_texts->text[t]);
}

/* The shares of gcg.h's matched and phrases. */
static void count_matched(gm_gcg_scores *s, const gm_gcg *g)
{
    int64_t wanted = 0, matched = 0, right = 0;
    for (int64_t i = 0; i < g->captioned; i++) {
        const gm_gcg_image *m = &g->image[i];
        wanted += m->nmasks;
        for (int64_t f = 0; f < m->nfound; f++) {
            int64_t t = m->match[f];
            if (t < 0 || m->iou[t * m->nfound + f] < 0.5) continue;
            matched++;
            right += says(&m->phrases, f, &m->labels, t) || says(&m->phrases, f, &m->also, t);
        }
    }
    s->matched = wanted ? (double)matched / (double)wanted : NAN;
    s->phrases = matched ? (double)right / (double)matched : NAN;
}

static int gather_problems(gm_gcg *g, const gm_predictions *p, gm_error *e)
{
    const char *first;
    g->missing = 0;
    for (int64_t i = 0; i < g->captioned; i++) {
        g->missing += !g->image[i].predicted;
        if (g->image[i].problem && gm_texts_add(&g->problems, g->image[i].problem, e) != 0)
            return -1;
    }
    g->extra = gm_predictions_left(p, &first);
    return 0;
}

static int all_captions(gm_gcg_scores *s, const gm_gcg *g, gm_error *e)
{
    const char **found = malloc((size_t)(g->captioned + 1) * sizeof *found);
    gm_texts *truth = malloc((size_t)(g->captioned + 1) * sizeof *truth);
    int bad = found && truth ? 0 : gm_fail(e, "out of memory for the captions");
    for (int64_t i = 0; !bad && i < g->captioned; i++) {
        found[i] = g->image[i].caption;
        truth[i] = g->image[i].captions;
    }
    if (!bad)
        bad = gm_score_captions(&s->caption, s->each, found, truth, g->captioned, g->meteor, e);
    free(found);
    free(truth);
    return bad;
}

int gm_gcg_score(gm_gcg_scores *s, gm_gcg *g, gm_predictions *p, gm_error *e)
{
    *s = (gm_gcg_scores){ .each = calloc((size_t)g->captioned + 1, sizeof *s->each),
                          .each_miou = calloc((size_t)g->captioned + 1, sizeof *s->each_miou),
                          .recall = { NAN, NAN } };
    if (!s->each || !s->each_miou)
        return gm_fail(e, "out of memory for %lld images", (long long)g->captioned);
    if (all_masks(s, g, p, e) != 0 || gather_problems(g, p, e) != 0) return -1;
    for (int64_t i = 0; i < g->captioned; i++) s->miou += s->each_miou[i];
    s->miou /= (double)g->captioned;
    count_matched(s, g);
    return all_captions(s, g, e);
}

void gm_gcg_scores_free(gm_gcg_scores *s)
{
    free(s->each);
    free(s->each_miou);
    free(s->each_found[0]);
    free(s->each_found[1]);
    *s = (gm_gcg_scores){ 0 };
}
