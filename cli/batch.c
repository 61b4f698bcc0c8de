/* Collects what is to be asked about which image. */
#include "batch.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"

static const char *const EXTENSIONS[] = { ".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".pnm" };
static const char *const NOT_READ[] = { ".webp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif",
                                        ".jxl", ".jp2", ".pbm" };
static const char *const KEYS[] = { "image", "id", "task", "expression", "phrase", "boxes",
                                    "prompt", "forced" };
enum { NKEYS = sizeof KEYS / sizeof *KEYS, NNOT_READ = sizeof NOT_READ / sizeof *NOT_READ };

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    if (n < m) return false;
    for (size_t i = 0; i < m; i++)
        if (tolower((unsigned char)s[n - m + i]) != end[i]) return false;
    return true;
}

static bool ends_with_any(const char *s, const char *const *end, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ends_with(s, end[i])) return true;
    return false;
}

bool is_list(const char *path)
{
    return ends_with(path, ".jsonl");
}

/* Is it an image, and not one that this program wrote: x.overlay.png, x.mask3.png? */
static bool is_input(const char *name)
{
    const char *mask = strstr(name, ".mask");
    if (ends_with(name, ".overlay.png")) return false;
    if (mask && mask[5] && strspn(mask + 5, "0123456789") + strlen(".png") == strlen(mask + 5))
        return false;
    return ends_with_any(name, EXTENSIONS, sizeof EXTENSIONS / sizeof *EXTENSIONS);
}

/* Base name without the extension, malloc'ed. */
static char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *s = gm_copy_text(slash ? slash + 1 : path);
    char *dot = s ? strrchr(s, '.') : NULL;
    if (dot && dot != s) *dot = 0;
    return s;
}

static item *add(batch *b, const char *image, gm_error *e)
{
    if (b->n == b->room) {
        int64_t room = b->room ? 2 * b->room : 16;
        item *more = realloc(b->item, (size_t)room * sizeof *more);
        if (!more) {
            gm_fail(e, "out of memory for %lld images", (long long)room);
            return NULL;
        }
        b->item = more;
        b->room = room;
    }
    item *it = &b->item[b->n];
    *it = (item){ .image = gm_copy_text(image), .id = base_name(image) };
    b->n++;
    if (it->image && it->id) return it;
    gm_fail(e, "%s: out of memory", image);
    return NULL;
}

static int add_file(batch *b, const char *image, const asked *given, gm_error *e)
{
    item *it = add(b, image, e);
    return it ? questions_make(&it->q, &it->nq, given, e) : -1;
}

/* An item that only says what is wrong; fails when there is no memory even for that. */
static int add_problem(batch *b, const char *image, const char *problem, gm_error *e)
{
    item *it = add(b, image, e);
    if (it) it->problem = gm_copy_text(problem);
    return it && it->problem ? 0 : gm_fail(e, "%s: out of memory", image);
}

/* Tells of the pictures in a folder that are of kinds that are not read. */
static void note_left_out(const batch *b, const char *folder, char *const *name, int64_t n)
{
    char line[600];
    int64_t count = 0;
    const char *first = "";
    for (int64_t i = 0; i < n; i++)
        if (ends_with_any(name[i], NOT_READ, NNOT_READ) && !count++) first = name[i];
    if (!count || !b->note) return;
    snprintf(line, sizeof line,
             "%s: %lld picture%s left out (%s%s): only PNG, JPEG, BMP and PNM are read", folder,
             (long long)count, count == 1 ? "" : "s", first, count == 1 ? "" : ", ..");
    b->note(b->user, line);
}

static int add_folder(batch *b, const char *folder, const asked *given, gm_error *e)
{
    char **name;
    int64_t n, found = 0;
    gm_error why = { "" };
    if (gm_list_dir(folder, &name, &n, &why)) return add_problem(b, folder, why.text, e);
    int bad = 0;
    for (int64_t i = 0; i < n && !bad; i++) {
        if (!is_input(name[i])) continue;
        char *path = gm_path_join(folder, name[i]);
        bad = path ? add_file(b, path, given, e) : gm_fail(e, "%s: out of memory", folder);
        free(path);
        found++;
    }
    note_left_out(b, folder, name, n);
    gm_free_list(name, n);
    if (bad || found) return bad;
    snprintf(why.text, sizeof why.text, "%s: wanted a folder with images, found none in it",
             folder);
    return add_problem(b, folder, why.text, e);
}

/* "key": a text or a list of texts, written to out (room for all of the line); -1: neither. */
static int64_t texts_of(const json_t *line, const char *key, const char **out, gm_error *e)
{
    const json_t *v = json_object_get(line, key);
    if (json_is_string(v)) {
        *out = json_string_value(v);
        return 1;
    }
    if (!json_is_array(v)) return gm_fail(e, "\"%s\": wanted a text or a list of texts", key);
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!(out[i] = json_string_value(json_array_get(v, i))))
            return gm_fail(e, "\"%s\": wanted texts in the list", key);
    if (!json_array_size(v)) return gm_fail(e, "\"%s\": wanted at least one text", key);
    return (int64_t)json_array_size(v);
}

static int boxes_of(const json_t *boxes, double (**out)[4], gm_error *e)
{
    size_t n = json_array_size(boxes);
    if (!json_is_array(boxes)) return gm_fail(e, "\"boxes\": wanted [[x1, y1, x2, y2], ...]");
    *out = malloc((n ? n : 1) * sizeof **out);
    if (!*out) return gm_fail(e, "\"boxes\": out of memory");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 4; k++) {
            const json_t *box = json_array_get(boxes, i), *v = json_array_get(box, k);
            if (json_array_size(box) != 4 || !json_is_number(v))
                return gm_fail(e, "\"boxes\": wanted four numbers in box %zu", i);
            (*out)[i][k] = json_number_value(v);
        }
    return 0;
}

/* The texts of a line: "expression" and "phrase", each one or many. */
static int texts_from(item *it, asked *a, gm_error *e)
{
    size_t room = 2 + json_array_size(json_object_get(it->line, "expression"))
                + json_array_size(json_object_get(it->line, "phrase"));
    const char **at = it->text = calloc(room, sizeof *at);
    if (!at) return gm_fail(e, "out of memory");
    if (json_object_get(it->line, "expression")) {
        a->expression = at;
        a->nexpressions = texts_of(it->line, "expression", at, e);
        if (a->nexpressions < 0) return -1;
        at += a->nexpressions;
    }
    if (json_object_get(it->line, "phrase")) {
        a->phrase = at;
        a->nphrases = texts_of(it->line, "phrase", at, e);
        if (a->nphrases < 0) return -1;
    }
    return 0;
}

/* The questions of a line; its own keys in place of what the command line gave. */
static int questions_from(item *it, const asked *given, gm_error *e)
{
    asked a = *given;
    const json_t *v;
    if (texts_from(it, &a, e)) return -1;
    if ((v = json_object_get(it->line, "boxes"))) {
        if (boxes_of(v, &it->box, e)) return -1;
        a.box = (const double (*)[4])it->box;
        a.nboxes = (int64_t)json_array_size(v);
    }
    if ((v = json_object_get(it->line, "task")) && !(a.task = json_string_value(v)))
        return gm_fail(e, "\"task\": wanted a text");
    if ((v = json_object_get(it->line, "prompt")) && !(a.prompt = json_string_value(v)))
        return gm_fail(e, "\"prompt\": wanted a text");
    if ((v = json_object_get(it->line, "forced"))) a.forced = json_is_true(v);
    return questions_make(&it->q, &it->nq, &a, e);
}

/* An id names files: no folders, no hidden files. */
static void name_from_id(char *id)
{
    if (*id == '.') *id = '_';
    for (; *id; id++)
        if (*id == '/' || iscntrl((unsigned char)*id)) *id = '_';
}

/* What is wrong with the line goes into *why; -1 only when out of memory. */
static int add_line(batch *b, const char *list, const char *text, size_t n, const asked *given,
                    gm_error *why, gm_error *e)
{
    json_error_t je;
    json_t *line = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je),
           *id = json_object_get(line, "id");
    const char *image = json_string_value(json_object_get(line, "image"));
    if (!line) gm_fail(why, "%s at column %d", je.text, je.column);
    else if (!image || !*image) gm_fail(why, "wanted an object with \"image\": PATH");
    else if (id && !(json_is_string(id) && json_string_length(id)) && !json_is_integer(id))
        gm_fail(why, "\"id\": wanted a text or a whole number");
    item *it = add(b, image && *image ? image : list, e);
    if (!it) {
        json_decref(line);
        return -1;
    }
    it->line = line;
    if (*why->text) return 0;
    if (!gm_is_file(image) && *image != '/') {
        char *folder = gm_copy_text(list), *slash = folder ? strrchr(folder, '/') : NULL;
        if (slash) *slash = 0;
        char *beside = slash ? gm_path_join(folder, image) : NULL;
        if (beside && gm_is_file(beside)) {
            free(it->image);
            it->image = beside;
        } else {
            free(beside);
        }
        free(folder);
    }
    if (id) {
        char number[32];
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(id));
        free(it->id);
        it->id = gm_copy_text(json_is_string(id) ? json_string_value(id) : number);
        if (!it->id) return gm_fail(e, "%s: out of memory", list);
        name_from_id(it->id);
    }
    questions_from(it, given, why);
    return 0;
}

/* Tells of each key that has no meaning, once for a list. */
static void note_keys(const batch *b, const char *list, int number, const json_t *line,
                      json_t *seen)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)line, key, value) {
        bool known = false;
        char text[600];
        for (int i = 0; i < NKEYS; i++) known = known || strcmp(key, KEYS[i]) == 0;
        if (known || json_object_get(seen, key) || !b->note) continue;
        json_object_set_new(seen, key, json_true());
        snprintf(text, sizeof text, "%s, line %d: \"%s\" means nothing here and is left alone",
                 list, number, key);
        b->note(b->user, text);
    }
}

static int add_list(batch *b, const char *path, const asked *given, gm_error *e)
{
    gm_error why = { "" };
    char *text = gm_read_text(path, NULL, &why);
    if (!text) return add_problem(b, path, why.text, e);
    int bad = 0, number = 0;
    json_t *seen = json_object();
    bool marked = strncmp(text, "\xEF\xBB\xBF", 3) == 0;     /* a byte order mark, as on Windows */
    for (char *s = text + (marked ? 3 : 0); *s && !bad;) {
        size_t n = strcspn(s, "\n");
        number++;
        if (strspn(s, " \t\r") < n) {
            why.text[0] = 0;
            bad = add_line(b, path, s, n, given, &why, e);
            if (!bad) note_keys(b, path, number, b->item[b->n - 1].line, seen);
            if (!bad && *why.text) {
                char where[sizeof why.text + 512];
                snprintf(where, sizeof where, "%s, line %d: %s", path, number, why.text);
                item *it = &b->item[b->n - 1];
                it->problem = gm_copy_text(where);
                bad = it->problem ? 0 : gm_fail(e, "%s: out of memory", path);
            }
        }
        s += n + (s[n] == '\n');
    }
    json_decref(seen);
    free(text);
    return bad;
}

int batch_read(batch *b, char *const *path, int n, const asked *given, gm_error *e)
{
    int bad = 0;
    for (int i = 0; i < n && !bad; i++) {
        if (gm_is_dir(path[i])) bad = add_folder(b, path[i], given, e);
        else if (is_list(path[i])) bad = add_list(b, path[i], given, e);
        else bad = add_file(b, path[i], given, e);
    }
    return bad;
}

void batch_free(batch *b)
{
    for (int64_t i = 0; i < b->n; i++) {
        item *it = &b->item[i];
        free(it->image);
        free(it->id);
        free(it->q);
        free(it->problem);
        free(it->box);
        free(it->text);
        json_decref(it->line);
    }
    free(b->item);
    *b = (batch){ 0 };
}
