/* Mask recall of gcg.h: eval/gcg/evaluate.py evaluate_recall_with_mapping. */
#include <stdlib.h>
#include "gcg.h"
#include "text_recall.h"

int gm_gcg_recall(gm_gcg_scores *s, const gm_gcg *g, gm_bert *b, gm_error *e)
{
    size_t n = (size_t)g->captioned + 1;
    gm_recall_texts *image = calloc(n, sizeof *image);
    for (int i = 0; i < 2; i++) s->each_found[i] = calloc(n, sizeof *s->each_found[i]);
    int bad = image && s->each_found[0] && s->each_found[1] ? 0 : gm_fail(e, "out of memory");
    for (int64_t i = 0; !bad && i < g->captioned; i++) {
        const gm_gcg_image *m = &g->image[i];
        image[i] = (gm_recall_texts){ m->iou, (const char *const *)m->labels.text,
                                      (const char *const *)m->phrases.text, m->nmasks, m->nfound,
                                      m->labels.n, m->phrases.n };
    }
    for (int mode = 0; mode < 2 && !bad; mode++)
        bad = gm_text_recall(&s->recall[mode], s->each_found[mode],
                             mode == GM_RECALL_RELEASED ? &s->outside : NULL, image, g->captioned,
                             b, (gm_recall_mode)mode, e);
    free(image);
    return bad;
}
