/* Which expressions are asked, and their scores: refseg.h. */
#include <stdlib.h>
#include <string.h>
#include "../io/json.h"
#include "../io/os.h"
#include "../io/segmentation.h"
#include "../io/text.h"
#include "refseg.h"

enum { SAMPLE = 3 };            /* num_classes_per_sample of RefCOCO_Segm_ds.py */

const char *const GM_REF_KEYS[] = { "sent_id", "expression_id", "image_id", NULL };

static int out_of_memory(gm_error *e)
{
    return gm_fail(e, "out of memory for the expressions");
}

/* ---- which are asked ---- */

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t gm_ref_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* FNV-1a of an id, so that an image's draw does not depend on the other images. */
uint64_t gm_ref_seed(uint64_t seed, const char *id)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *id; id++) h = (h ^ (unsigned char)*id) * 0x100000001b3u;
    return seed ^ h;
}

int gm_ref_choose(gm_ref_set *s, gm_ref_protocol protocol, uint64_t seed, gm_error *e)
{
    s->asked = 0;
    for (int64_t i = 0; i < s->nimages; i++) {
        gm_ref_image *m = &s->image[i];
        uint64_t state = gm_ref_seed(seed, m->id);
        bool draw = protocol == GM_REF_RELEASED && m->n >= SAMPLE;
        m->asked = malloc((size_t)(m->n + 1) * sizeof *m->asked);
        if (!m->asked) return out_of_memory(e);
        memcpy(m->asked, s->by_image + m->first, (size_t)m->n * sizeof *m->asked);
        m->nasked = draw ? SAMPLE : m->n;
        for (int64_t k = 0; draw && k < SAMPLE; k++) {      /* the first steps of a shuffle */
            int64_t other = k + (int64_t)(gm_ref_random(&state) % (uint64_t)(m->n - k));
            int64_t kept = m->asked[k];
            m->asked[k] = m->asked[other];
            m->asked[other] = kept;
        }
        for (int64_t k = 0; k < m->nasked; k++) s->expression[m->asked[k]].asked = true;
        s->asked += m->nasked;
    }
    return 0;
}

/* ---- masks ---- */

/* The pixels of one part are added to sum (H, W); its sizes fill in those that are unknown. */
static int add_part(uint8_t **sum, int64_t *H, int64_t *W, const json_t *part, const char *what,
                    gm_error *e)
{
    gm_rle r;
    gm_error why = { "" };
    int bad = gm_segmentation_part(&r, part, *H, *W, &why);
    if (bad) return gm_fail(e, "%s: %s", what, why.text);
    if (!*H) *H = r.height, *W = r.width;
    bool fits = r.height == *H && r.width == *W;
    uint8_t *mask = fits ? malloc((size_t)(*H * *W)) : NULL;
    if (!*sum && mask) *sum = calloc((size_t)*H, (size_t)*W);
    if (!fits)
        bad = gm_fail(e, "%s: wanted a mask of %lld x %lld pixels, found %lld x %lld", what,
                      (long long)*W, (long long)*H, (long long)r.width, (long long)r.height);
    else if (!mask || !*sum) bad = out_of_memory(e);
    else gm_rle_decode(mask, &r);
    for (int64_t k = 0; !bad && k < *H * *W; k++) (*sum)[k] = (uint8_t)((*sum)[k] + mask[k]);
    free(mask);
    gm_rle_free(&r);
    return bad;
}

/* One annotation's mask: a list of polygons or of run-length masks, which are summed, or one of the
 * latter; an empty list is an empty mask. */
static int add_segmentation(uint8_t **sum, int64_t *H, int64_t *W, const json_t *segmentation,
                            const char *what, gm_error *e)
{
    bool list = json_is_array(segmentation);
    size_t n = list ? json_array_size(segmentation) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *one = list ? json_array_get(segmentation, i) : segmentation;
        if (add_part(sum, H, W, one, what, e) != 0) return -1;
    }
    return 0;
}

uint8_t *gm_ref_truth(const gm_ref_set *s, const gm_expression *x, int64_t *height, int64_t *width,
                      gm_error *e)
{
    const gm_ref_image *m = &s->image[x->image];
    uint8_t *all = NULL;
    int bad = 0;
    *height = m->height;
    *width = m->width;
    for (int64_t k = 0; !bad && k < x->parts; k++) {
        gm_json_place place = s->part[x->first + k];
        char what[600];
        snprintf(what, sizeof what, "%s: the segmentation at byte %llu", s->path,
                 (unsigned long long)place.offset);
        json_t *o = gm_json_read_at(s->path, place, e);
        uint8_t *one = NULL;
        const json_t *segmentation = json_object_get(o, "segmentation");
        bad = !o ? -1 : segmentation ? add_segmentation(&one, height, width, segmentation, what, e)
            : gm_fail(e, "%s: wanted a segmentation", what);
        for (int64_t i = 0; !bad && all && one && i < *height * *width; i++) all[i] |= one[i];
        if (all) free(one);
        else all = one;
        json_decref(o);
    }
    if (!bad && !all && (!*height || !*width))
        bad = gm_fail(e, "%s: expression %s: wanted the image's height and width", s->path, x->id);
    if (!bad && !all && !(all = calloc((size_t)*height, (size_t)*width))) bad = out_of_memory(e);
    if (!bad) return all;
    free(all);
    return NULL;
}

int gm_ref_found(gm_rle *r, const json_t *prediction, const gm_expression *x, const char *what,
                 gm_error *e)
{
    const json_t *list = json_object_get(prediction, "expressions");
    const json_t *mask = list ? NULL : json_object_get(prediction, "segmentation");
    for (size_t i = 0; !mask && i < json_array_size(list); i++) {
        char number[32];
        const json_t *one = json_array_get(list, i);
        const char *id = gm_id_text(json_object_get(one, "id"), number);
        if (!id) id = gm_id_text(json_object_get(one, "sent_id"), number);
        if (id && strcmp(id, x->id) == 0) mask = json_object_get(one, "segmentation");
    }
    *r = (gm_rle){ 0 };
    if (!mask) return 0;
    gm_error why = { "" };
    if (gm_segmentation_part(r, mask, 0, 0, &why) == 0) return 1;
    return gm_fail(e, "%s: %s", what, why.text);
}

/* ---- scores ---- */

json_t *gm_ref_prediction(gm_predictions *p, const gm_ref_set *s, const gm_expression *x,
                          gm_error *e)
{
    const char *image = s->image[x->image].id;
    json_t *o = gm_predictions_get(p, image, e);
    if (o && json_object_get(o, "expressions")) return o;
    json_decref(o);
    return gm_predictions_get(p, x->id, e);
}

/* Expression x of image m; problems are lines of `why`. */
static int score_expression(gm_ref_set *s, gm_expression *x, gm_seg_sums *mine,
                            gm_predictions *p, gm_text *problems, gm_error *e)
{
    int64_t H, W;
    gm_rle found = { 0 };
    gm_error why = { "" };
    char where[600], what[700];
    uint8_t *truth = gm_ref_truth(s, x, &H, &W, e);
    uint8_t *mask = truth ? calloc((size_t)H, (size_t)W) : NULL;
    int bad = mask ? 0 : truth ? out_of_memory(e) : -1;
    json_t *o = bad ? NULL : gm_ref_prediction(p, s, x, &why);
    gm_predictions_where(p, s->image[x->image].id, where);
    snprintf(what, sizeof what, "%s: expression %s", where, x->id);
    if (o && gm_ref_found(&found, o, x, what, &why) == 1) {
        x->predicted = found.height == H && found.width == W;
        if (x->predicted) gm_rle_decode(mask, &found);
        else gm_fail(&why, "%s: wanted a mask of %lld x %lld pixels, found %lld x %lld", what,
                     (long long)W, (long long)H, (long long)found.width, (long long)found.height);
    }
    if (!bad && !x->predicted) {
        if (!why.text[0]) gm_fail(&why, "%s: no mask", what);
        if (problems->n) gm_text_adds(problems, "\n");
        gm_text_adds(problems, why.text);
    }
    if (!bad) gm_seg_add(mine, mask, truth, H * W);
    x->both = mine->both;
    x->either = mine->either;
    json_decref(o);
    gm_rle_free(&found);
    free(mask);
    free(truth);
    return bad;
}

static int score_image(gm_seg_sums *sums, gm_ref_set *s, gm_ref_image *m, gm_predictions *p,
                       gm_error *e)
{
    gm_text problems = { 0 };
    int bad = 0;
    for (int64_t k = 0; !bad && k < m->nasked; k++) {
        gm_seg_sums mine = { 0 };
        bad = score_expression(s, &s->expression[m->asked[k]], &mine, p, &problems, e);
        sums->iou += mine.iou;
        sums->both += mine.both;
        sums->either += mine.either;
        sums->n += mine.n;
    }
    if (!bad && problems.n && !(m->problem = gm_text_take(&problems))) bad = out_of_memory(e);
    gm_text_drop(&problems);
    return bad;
}

/* The lines of every image's problems. */
static int gather_problems(gm_ref_set *s, gm_error *e)
{
    for (int64_t i = 0; i < s->nimages; i++) {
        char *line = s->image[i].problem;
        while (line) {
            char *next = strchr(line, '\n');
            if (next) *next = 0;
            if (gm_texts_add(&s->problems, line, e) != 0) return -1;
            if (next) *next = '\n';
            line = next ? next + 1 : NULL;
        }
    }
    return 0;
}

int gm_ref_score(gm_seg_sums *sums, gm_ref_set *s, gm_predictions *p, gm_error *e)
{
    const char *first;
    gm_seg_sums *each = calloc((size_t)s->nimages + 1, sizeof *each);
    gm_error *why = calloc(1, sizeof *why);
    int64_t failed = s->nimages;
    int bad = each && why ? 0 : out_of_memory(e);
    *sums = (gm_seg_sums){ 0 };
    #pragma omp parallel for schedule(dynamic) if (!bad)
    for (int64_t i = 0; i < (bad ? 0 : s->nimages); i++) {
        gm_error mine = { "" };
        if (score_image(&each[i], s, &s->image[i], p, &mine) == 0) continue;
        #pragma omp critical
        if (i < failed) {
            failed = i;
            *why = mine;
        }
    }
    if (!bad && failed < s->nimages) bad = gm_fail(e, "%s", why->text);
    for (int64_t i = 0; !bad && i < s->nimages; i++) {      /* in one order: the sum's bits stay */
        sums->iou += each[i].iou;
        sums->both += each[i].both;
        sums->either += each[i].either;
        sums->n += each[i].n;
    }
    for (int64_t k = 0; k < s->n; k++)
        s->missing += s->expression[k].asked && !s->expression[k].predicted;
    if (!bad) bad = gather_problems(s, e);
    s->extra = gm_predictions_left(p, &first);
    free(each);
    free(why);
    return bad;
}
