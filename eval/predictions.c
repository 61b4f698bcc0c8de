/* See predictions.h. */
#include "predictions.h"

#include <stdlib.h>
#include <string.h>
#include "../io/json_stream.h"
#include "../io/os.h"

typedef struct { char *id; int64_t file; gm_json_place place; bool asked; } entry;

struct gm_predictions {
    char *path;
    bool folder;
    gm_texts files;
    entry *entry;
    int64_t n, room;
    gm_ids ids;
};

static int add(gm_predictions *p, const char *id, gm_json_place place, gm_error *e)
{
    if (p->n == p->room) {
        int64_t room = p->room ? 2 * p->room : 64;
        entry *more = realloc(p->entry, (size_t)room * sizeof *more);
        if (!more) return gm_fail(e, "%s: out of memory", p->path);
        p->entry = more;
        p->room = room;
    }
    char *copy = gm_copy_text(id);
    if (!copy) return gm_fail(e, "%s: out of memory", p->path);
    p->entry[p->n++] = (entry){ copy, p->files.n - 1, place, false };
    return 0;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n > m && strcmp(s + n - m, end) == 0;
}

/* The id of a list's element, NULL when it has none. */
static const char *id_of(const json_t *o, const char *const *keys, char number[32])
{
    for (; *keys; keys++) {
        const char *id = gm_id_text(json_object_get(o, *keys), number);
        if (id) return id;
    }
    return NULL;
}

/* The predictions of the file last named in p->files, one after another. */
static int add_list(gm_predictions *p, const char *path, bool lines, const char *const *keys,
                    gm_texts *problems, gm_error *e)
{
    gm_json_form form = lines ? GM_JSON_LINES : GM_JSON_WHOLE;
    gm_json_stream *s = gm_json_stream_open(path, form, e);
    gm_error why = { "" };
    const char *key;
    char number[32];
    json_t *o;
    int bad = s ? 0 : -1, more = 0;
    for (int64_t i = 0; !bad && (more = gm_json_next(s, &key, &o, &why)) == 1; i++) {
        const char *id = id_of(o, keys, number);
        if (id) bad = add(p, id, gm_json_here(s), e);
        else bad = gm_texts_note(problems, e, "%s: element %lld: wanted an object with \"%s\"",
                                 path, (long long)i, *keys);
        json_decref(o);
    }
    if (!bad && more < 0) bad = gm_texts_add(problems, why.text, e);
    gm_json_stream_free(s);
    return bad;
}

/* A file: what it is shows in its name and its first byte.  alone: it was named by the user, not
 * found in a folder. */
static int add_file(gm_predictions *p, const char *path, const char *name, bool alone,
                    const char *const *keys, gm_texts *problems, gm_error *e)
{
    bool lines = ends_with(name, ".jsonl");
    if (!alone && !lines && !ends_with(name, ".json")) return 0;
    if (!alone && strcmp(name, "merged.json") == 0)         /* what RE leaves in the folder */
        return gm_texts_note(problems, e, "%s: left out: the authors' script writes it from the "
                             "other files", path);
    if (gm_texts_add(&p->files, path, e) != 0) return -1;
    if (lines || gm_json_first_byte(path) == '[')
        return add_list(p, path, lines, keys, problems, e);
    char *id = gm_copy_text(name);
    if (!id) return gm_fail(e, "%s: out of memory", path);
    if (ends_with(id, ".json")) id[strlen(id) - strlen(".json")] = 0;
    int bad = add(p, id, (gm_json_place){ 0, 0 }, e);
    free(id);
    return bad;
}

static int add_folder(gm_predictions *p, const char *const *keys, gm_texts *problems, gm_error *e)
{
    char **names;
    int64_t n;
    if (gm_list_dir(p->path, &names, &n, e) != 0) return -1;
    int bad = 0;
    for (int64_t i = 0; !bad && i < n; i++) {
        char *path = gm_path_join(p->path, names[i]);
        if (!path) bad = gm_fail(e, "%s: out of memory", p->path);
        else if (gm_is_file(path)) bad = add_file(p, path, names[i], false, keys, problems, e);
        free(path);
    }
    gm_free_list(names, n);
    return bad;
}

/* Sorts the ids; of equal ones the first stays. */
static int index_ids(gm_predictions *p, gm_texts *problems, gm_error *e)
{
    const char *twice;
    p->ids.id = malloc((size_t)(p->n + 1) * sizeof *p->ids.id);
    if (!p->ids.id) return gm_fail(e, "%s: out of memory", p->path);
    for (int64_t i = 0; i < p->n; i++) p->ids.id[i] = (gm_id){ p->entry[i].id, i };
    p->ids.n = p->n;
    gm_ids_sort(&p->ids, &twice);
    if (!twice) return 0;
    int64_t kept = 0;
    for (int64_t i = 0; i < p->n; i++) {
        const gm_id *one = &p->ids.id[i];
        if (kept && strcmp(p->ids.id[kept - 1].id, one->id) == 0) {
            p->entry[one->place].asked = true;
            if (gm_texts_note(problems, e, "%s: a second prediction for %s, which does not count",
                              p->files.text[p->entry[one->place].file], one->id) != 0)
                return -1;
        } else {
            p->ids.id[kept++] = *one;
        }
    }
    p->ids.n = kept;
    return 0;
}

gm_predictions *gm_predictions_open(const char *path, const char *const *keys, gm_texts *problems,
                                    gm_error *e)
{
    gm_predictions *p = calloc(1, sizeof *p);
    if (p) p->path = gm_copy_text(path);
    int bad = p && p->path ? 0 : gm_fail(e, "%s: out of memory", path);
    if (!bad) {
        const char *slash = strrchr(path, '/');
        p->folder = gm_is_dir(path);
        if (p->folder) bad = add_folder(p, keys, problems, e);
        else if (!gm_is_file(path))
            bad = gm_fail(e, "%s: wanted a folder or file with predictions, found none", path);
        else bad = add_file(p, path, slash ? slash + 1 : path, true, keys, problems, e);
    }
    if (!bad && index_ids(p, problems, e) == 0) return p;
    gm_predictions_free(p);
    return NULL;
}

void gm_predictions_free(gm_predictions *p)
{
    if (!p) return;
    for (int64_t i = 0; i < p->n; i++) free(p->entry[i].id);
    free(p->entry);
    free(p->ids.id);
    gm_texts_free(&p->files);
    free(p->path);
    free(p);
}

json_t *gm_predictions_get(gm_predictions *p, const char *id, gm_error *e)
{
    int64_t at = gm_ids_find(&p->ids, id);
    if (at < 0) return NULL;
    p->entry[at].asked = true;
    return gm_json_read_at(p->files.text[p->entry[at].file], p->entry[at].place, e);
}

const char *gm_predictions_where(const gm_predictions *p, const char *id, char text[600])
{
    int64_t at = gm_ids_find(&p->ids, id);
    const char *file = at < 0 ? p->path : p->files.text[p->entry[at].file];
    bool own = at < 0 ? p->folder : p->entry[at].place.length == 0;
    if (at >= 0 && own) snprintf(text, 600, "%s", file);
    else if (own) snprintf(text, 600, "%s/%s.json", file, id);
    else snprintf(text, 600, "%s: %s", file, id);
    return text;
}

int64_t gm_predictions_left(const gm_predictions *p, const char **first)
{
    int64_t left = 0;
    *first = NULL;
    for (int64_t i = 0; i < p->n; i++) {
        if (p->entry[i].asked) continue;
        if (!left++) *first = p->entry[i].id;
    }
    return left;
}
