/* REFER's refs(..).p: a Python pickle of a list of dicts (dataset/utils/refcoco_refer.py). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/refer.h"
#include "refseg.h"

/* A text or whole number as text, malloc'ed; NULL for others. */
static char *text_of(const gm_pickle_value *v)
{
    char number[32];
    int64_t i;
    if (!gm_refer_number(v, &i)) return gm_refer_text(v);
    snprintf(number, sizeof number, "%" PRId64, i);
    return gm_copy_text(number);
}

/* The annotations of a ref: one id, or gRefCOCO's list, in which -1 means none. */
static int add_annotations(gm_texts *wanted, const gm_pickle_value *v, int64_t *parts, gm_error *e)
{
    bool many = v && v->kind == GM_P_LIST;
    int bad = 0;
    *parts = 0;
    for (int64_t i = 0; !bad && i < (many ? v->u.list.n : 1); i++) {
        char *id = text_of(many ? v->u.list.item[i] : v);
        if (!id) bad = gm_fail(e, "wanted an ann_id, a number or a list of numbers");
        else if (!many || strcmp(id, "-1") != 0) {
            bad = gm_texts_add(wanted, id, e);
            (*parts)++;
        }
        free(id);
    }
    return bad;
}

/* The sentences of a ref, which share its annotations. */
static int add_sentences(gm_ref_set *s, int64_t image, const gm_pickle_value *ref, gm_texts *wanted,
                         gm_error *e)
{
    const gm_pickle_value *list = gm_pickle_get(ref, "sentences");
    int64_t parts, first = wanted->n;
    if (!list || list->kind != GM_P_LIST) return gm_fail(e, "wanted a list of sentences");
    int bad = add_annotations(wanted, gm_pickle_get(ref, "ann_id"), &parts, e);
    for (int64_t i = 0; !bad && i < list->u.list.n; i++) {
        char *id = text_of(gm_pickle_get(list->u.list.item[i], "sent_id"));
        char *text = text_of(gm_pickle_get(list->u.list.item[i], "sent"));
        gm_expression *x = id && text ? gm_ref_add(s, image, id, text, e) : NULL;
        if (x) {
            x->first = first;
            x->parts = parts;
        } else {
            bad = gm_fail(e, "sentence %lld: wanted a sent_id and a sent", (long long)i);
        }
        free(id);
        free(text);
    }
    return bad;
}

static int add_ref(gm_ref_set *s, const gm_pickle_value *ref, const char *split, const gm_ids *ids,
                   gm_texts *wanted, gm_error *e)
{
    char *of = text_of(gm_pickle_get(ref, "split")), *id = text_of(gm_pickle_get(ref, "image_id"));
    int bad = of && id ? 0 : gm_fail(e, "wanted a split and an image_id");
    if (!bad && gm_refer_in_split(of, split)) {
        int64_t image = gm_ids_find(ids, id);
        if (image < 0) bad = gm_fail(e, "image %s is not in instances.json", id);
        else bad = add_sentences(s, image, ref, wanted, e);
    }
    free(of);
    free(id);
    return bad;
}

int gm_ref_set_pickle(gm_ref_set *s, const char *path, const char *split, const gm_ids *ids,
                      gm_texts *wanted, gm_error *e)
{
    size_t n;
    const uint8_t *bytes = gm_map(path, &n, e);
    gm_pickle *p = bytes ? gm_pickle_read(bytes, n, NULL, 0, path, NULL, e) : NULL;
    const gm_pickle_value *root = p ? gm_pickle_root(p) : NULL;
    int bad = p ? 0 : -1;
    if (!bad && (!root || root->kind != GM_P_LIST))
        bad = gm_fail(e, "%s: wanted a list of refs", path);
    for (int64_t i = 0; !bad && i < root->u.list.n; i++) {
        gm_error why = { "" };
        if (add_ref(s, root->u.list.item[i], split, ids, wanted, &why) != 0)
            bad = gm_fail(e, "%s: ref %lld: %s", path, (long long)i, why.text);
    }
    gm_pickle_free(p);
    gm_unmap(bytes, n);
    return bad;
}
