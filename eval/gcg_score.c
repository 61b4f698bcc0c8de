/* Scores of gcg.h: eval/gcg/evaluate.py main. */
#include <stdlib.h>
#include <string.h>
#include "gcg.h"
#include "ptb.h"

static int score_ap(gm_gcg_scores *s, const gm_gcg *g, gm_error *e)
{
    gm_mask_image *m = malloc((size_t)(g->n + 1) * sizeof *m);
    if (!m) return gm_fail(e, "out of memory for %lld images", (long long)g->n);
    for (int64_t i = 0; i < g->n; i++) {
        const gm_gcg_image *one = &g->image[g->order[i]];
        m[i] = (gm_mask_image){ one->mask, one->found, NULL, one->nmasks, one->nfound };
    }
    int bad = gm_coco_ap(s->ap, m, g->n, e);
    free(m);
    return bad;
}

/* The image's mIoU into *miou. */
static int image_miou(double *miou, gm_gcg *g, const gm_gcg_image *m, gm_error *e)
{
    double *iou = malloc((size_t)(m->nfound * m->nmasks + 1) * sizeof *iou);
    gm_rle *truth = malloc((size_t)(m->nmasks + 1) * sizeof *truth);
    gm_error why = { "" };
    int bad = iou && truth ? 0 : gm_fail(e, "out of memory for the masks of %s", m->id);
    *miou = 0;
    for (int64_t i = 0; !bad && i < m->nmasks; i++) truth[i] = m->mask[i].mask;
    if (!bad && gm_iou_matrix(iou, m->found, m->nfound, truth, m->nmasks, &why) != 0)
        bad = gm_gcg_problem(g, e, "image %s: %s", m->id, why.text);
    else if (!bad) *miou = gm_miou(iou, m->nfound, m->nmasks);
    free(iou);
    free(truth);
    return bad;
}

static int score_miou(gm_gcg_scores *s, gm_gcg *g, gm_error *e)
{
    s->miou = 0;
    for (int64_t i = 0; i < g->captioned; i++) {
        if (image_miou(&s->each[i].miou, g, &g->image[i], e) != 0) return -1;
        s->miou += s->each[i].miou;
    }
    s->miou /= (double)g->captioned;
    return 0;
}

/* Texts in the order in which the tokeniser sees them, each replaced by its tokens (malloc'ed). */
static int tokenise(char **text, int64_t n, gm_error *e)
{
    const char *next = NULL;
    for (int64_t i = n - 1; i >= 0; i--) {
        const char *here = text[i];
        text[i] = gm_ptb_tokens(here, next, e);
        if (!text[i]) {
            memset(text, 0, (size_t)i * sizeof *text);      /* not ours */
            return -1;
        }
        if (here[strspn(here, " \n")]) next = here;
    }
    return 0;
}

static void free_all(char **text, int64_t n)
{
    for (int64_t i = 0; text && i < n; i++) free(text[i]);
    free(text);
}

static int caption_metrics(gm_gcg_scores *s, const gm_caption *c, int64_t n, gm_error *e)
{
    double *each = malloc((size_t)n * (GM_BLEU_MOST + 2) * sizeof *each);
    if (!each) return gm_fail(e, "out of memory for %lld captions", (long long)n);
    double *rouge = each + n * GM_BLEU_MOST, *cider = rouge + n;
    int bad = gm_bleu(s->bleu, each, c, n, e);
    if (!bad) bad = gm_rouge_l(&s->rouge, rouge, c, n, e);
    if (!bad) bad = gm_cider(&s->cider, cider, c, n, e);
    for (int64_t i = 0; !bad && i < n; i++) {
        memcpy(s->each[i].bleu, each + i * GM_BLEU_MOST, sizeof s->each[i].bleu);
        s->each[i].rouge = rouge[i];
        s->each[i].cider = cider[i];
    }
    free(each);
    return bad;
}

static int score_captions(gm_gcg_scores *s, const gm_gcg *g, gm_error *e)
{
    int64_t n = g->captioned, ntruth = 0, at = 0;
    for (int64_t i = 0; i < n; i++) ntruth += g->image[i].captions.n;
    char **found = calloc((size_t)n + 1, sizeof *found);
    char **truth = calloc((size_t)ntruth + 1, sizeof *truth);
    gm_caption *c = calloc((size_t)n + 1, sizeof *c);
    int bad = found && truth && c ? 0 : gm_fail(e, "out of memory for %lld captions", (long long)n);
    for (int64_t i = 0; !bad && i < n; i++) {
        const gm_gcg_image *m = &g->image[i];
        found[i] = m->caption;
        c[i] = (gm_caption){ NULL, (const char *const *)&truth[at], m->captions.n };
        for (int64_t k = 0; k < m->captions.n; k++) truth[at++] = m->captions.text[k];
    }
    if (bad || tokenise(found, n, e) != 0) {
        free_all(found, bad ? 0 : n);
        free(truth);
        free(c);
        return -1;
    }
    bad = tokenise(truth, ntruth, e);
    for (int64_t i = 0; i < n; i++) c[i].found = found[i];
    if (!bad) bad = caption_metrics(s, c, n, e);
    free_all(found, n);
    free_all(truth, ntruth);
    free(c);
    return bad;
}

int gm_gcg_score(gm_gcg_scores *s, gm_gcg *g, gm_error *e)
{
    *s = (gm_gcg_scores){ .each = calloc((size_t)g->captioned + 1, sizeof *s->each) };
    if (!s->each) return gm_fail(e, "out of memory for %lld images", (long long)g->captioned);
    if (score_ap(s, g, e) != 0 || score_miou(s, g, e) != 0) return -1;
    return score_captions(s, g, e);
}
