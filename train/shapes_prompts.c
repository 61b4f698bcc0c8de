/* prompts.json of a model trained on drawn scenes. */
#include <jansson.h>
#include <stdlib.h>
#include "shapes_text.h"

/* Adds list to the array under key. */
static int put(json_t *o, const char *key, const char *const *list)
{
    json_t *a = json_object_get(o, key);
    int bad = 0;
    if (!a) {
        a = json_array();
        bad = json_object_set_new(o, key, a);
    }
    for (; *list; list++) bad |= json_array_append_new(a, json_string(*list));
    return bad;
}

static int put_words(json_t *o, const gm_shapes_words *w)
{
    const char *const phrase[] = { w->phrase, NULL };
    return put(o, "gcg", w->gcg) | put(o, "refer", w->refer)
        | put(o, "refer_answers", w->refer_answers) | put(o, "region", w->region)
        | put(o, "caption", w->caption) | put(o, "phrase", phrase);
}

char *gm_shapes_prompts(gm_shapes_world world)
{
    json_t *o = json_pack("{ssss}", "system", gm_shapes_system, "begin", gm_shapes_begin);
    int bad = o ? 0 : -1;
    if (!bad && world != GM_SHAPES_B) bad = put_words(o, gm_shapes_words_of(GM_SHAPES_A));
    if (!bad && world != GM_SHAPES_A) bad = put_words(o, gm_shapes_words_of(GM_SHAPES_B));
    char *text = bad ? NULL : json_dumps(o, JSON_INDENT(1));
    json_decref(o);
    return text;
}
