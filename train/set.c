/* Data lines, the table of formats, and the sample of one record. */
#include "set.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../io/records.h"

static const gm_format *const FORMATS[] = {
    &gm_grandf, &gm_refcocog_gcg, &gm_flickr_gcg, &gm_refer, &gm_ade20k, &gm_cocostuff, &gm_paco,
    &gm_pascal_part, &gm_refcoco_region, &gm_refcocog_region, &gm_vg_region, &gm_flickr_region,
    &gm_coco_caption, &gm_llava, &gm_shapes,
};
enum { NFORMATS = sizeof FORMATS / sizeof *FORMATS };

gm_problem gm_problem_say(gm_error *e, gm_problem p, const char *format, ...)
{
    char text[sizeof e->text];
    va_list a;
    va_start(a, format);
    vsnprintf(text, sizeof text, format, a);
    va_end(a);
    gm_fail(e, "%s", text);
    return p;
}

const char *gm_problem_name(gm_problem p)
{
    static const char *const names[GM_PROBLEMS] = {
        "good", "nothing to learn from", "damaged record", "image", "mask", "span of a phrase",
        "box", "text", "out of memory",
    };
    return names[p];
}

/* ---- data lines ---- */

/* The next word of *line, malloc'ed, quotes removed; NULL at the end or when out of memory. */
static char *take_word(const char **line)
{
    gm_text out = { 0 };
    const char *s = *line + strspn(*line, " \t");
    if (!*s) return NULL;
    for (bool quoted = false; *s && (quoted || !strchr(" \t", *s)); s++) {
        if (*s == '"') quoted = !quoted;
        else gm_text_add(&out, s, 1);
    }
    *line = s;
    return gm_text_take(&out);
}

/* _ is as good as -. */
const gm_format *gm_format_of(const char *line)
{
    const char *word = line + strspn(line, " \t");
    size_t n = strcspn(word, " \t\r\n");
    for (size_t i = 0; i < NFORMATS; i++) {
        const char *name = FORMATS[i]->name;
        size_t k = 0;
        while (k < n && (word[k] == name[k] || (word[k] == '_' && name[k] == '-'))) k++;
        bool ends = FORMATS[i]->drawn ? k == n || word[k] == ':' : k == n;
        if (ends && !name[k]) return FORMATS[i];
    }
    return NULL;
}

static int unknown_format(const char *line, const char *found, gm_error *e)
{
    char list[400] = "";
    for (size_t i = 0, n = 0; i < NFORMATS; i++, n = strlen(list))
        snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", FORMATS[i]->name);
    return gm_fail(e, "data %s: wanted one of the formats %s, found '%s'", line, list, found);
}

/* One key=value of the line. */
static int take_option(gm_set *s, char *word, gm_error *e)
{
    char *value = strchr(word, '='), *end;
    if (!value || !value[1])
        return gm_fail(e, "data %s: wanted images=DIR, rate=R, split=S or most=N, found '%s'",
                       s->line, word);
    *value++ = 0;
    if (!strcmp(word, "images") || !strcmp(word, "split")) {
        char **at = *word == 'i' ? &s->images : &s->split;
        if (*word == 's' && !s->format->split)
            return gm_fail(e, "data %s: format %s has no splits", s->line, s->format->name);
        free(*at);
        return (*at = gm_copy_text(value)) ? 0 : gm_fail(e, "data %s: out of memory", s->line);
    }
    double v = strtod(value, &end);
    bool number = end != value && !*end && isfinite(v);
    if (!strcmp(word, "rate")) {
        if (!number || v <= 0)
            return gm_fail(e, "data %s: rate: wanted a number above 0, found '%s'", s->line, value);
        s->rate = v;
        return 0;
    }
    if (strcmp(word, "most") != 0)
        return gm_fail(e, "data %s: wanted images, rate, split or most, found '%s'", s->line, word);
    if (!number || v < 1 || v > 100 || v != floor(v))
        return gm_fail(e, "data %s: most: wanted 1 to 100, found '%s'", s->line, value);
    s->most = (int64_t)v;
    return 0;
}

/* The folder that a file lies in, malloc'ed. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = gm_copy_text(slash ? path : ".");
    if (folder && slash) folder[slash == path ? 1 : slash - path] = 0;
    return folder;
}

/* A folder given for a file is a set of one's own: annotations.json and images in it.  Images lie
 * beside the file when the line does not say where. */
static int find_files(gm_set *s, gm_error *e)
{
    bool folder = gm_is_dir(s->path);
    char *images = folder ? gm_path_join(s->path, "images") : folder_of(s->path);
    if (folder && images && !gm_is_dir(images)) {
        free(images);
        images = gm_copy_text(s->path);
    }
    if (!s->images) s->images = images;
    else free(images);
    if (folder && !s->format->folder) {
        char *file = gm_path_join(s->path, "annotations.json");
        free(s->path);
        s->path = file;
    }
    if (!s->images || !s->path) return gm_fail(e, "data %s: out of memory", s->line);
    if (!gm_is_dir(s->images)) return gm_fail(e, "%s: wanted a folder of images", s->images);
    if (!folder && s->format->folder) return gm_fail(e, "%s: wanted a folder", s->path);
    return 0;
}

static int parse_line(gm_set *s, const char *line, gm_error *e)
{
    const char *at = line;
    char *word = take_word(&at);
    if (!word) return gm_fail(e, "data: wanted FORMAT PATH, found nothing");
    s->format = gm_format_of(word);
    int bad = s->format ? 0 : unknown_format(line, word, e);
    if (!bad && s->format->drawn) s->path = word;
    else free(word);
    if (bad) return bad;
    s->kind = s->format->kind;
    s->most = s->format->most;
    if (!s->path && !(s->path = take_word(&at)))
        return gm_fail(e, "data %s: wanted the path of the data after the format", line);
    while (!bad && (word = take_word(&at))) {
        bad = take_option(s, word, e);
        free(word);
    }
    if (!bad && s->format->split && !s->split && !(s->split = gm_copy_text(s->format->split)))
        bad = gm_fail(e, "data %s: out of memory", line);
    return bad || s->format->drawn ? bad : find_files(s, e);
}

int gm_set_open(gm_set *s, const char *line, const gm_prompts *p, gm_error *e)
{
    *s = (gm_set){ .rate = 1, .prompts = p, .line = gm_copy_text(line) };
    int bad = s->line ? parse_line(s, line, e) : gm_fail(e, "data %s: out of memory", line);
    if (!bad) bad = s->format->open(s, e);
    if (!bad && s->n == 0) bad = gm_fail(e, "data %s: there is no record in it", line);
    if (bad) gm_set_close(s);
    return bad ? -1 : 0;
}

void gm_set_close(gm_set *s)
{
    if (s->own) s->format->close(s);
    free(s->line);
    free(s->path);
    free(s->images);
    free(s->split);
    free(s->note);
    *s = (gm_set){ 0 };
}

int gm_set_open_list(gm_set *s, gm_error *e)
{
    gm_records *r = s->own = gm_records_open(s->path, NULL, 0, e);
    if (!r) return -1;
    s->n = gm_records_count(r, 0);
    return 0;
}

void gm_set_close_list(gm_set *s)
{
    gm_records_close(s->own);
}

/* ---- samples ---- */

gm_problem gm_set_image(const gm_set *s, const char *name, gm_sample *out, gm_error *e)
{
    enum { SLIMMEST = 128 };    /* beyond, a side of an encoder's picture may shrink to nothing */
    if (!name || !*name)
        return gm_problem_say(e, GM_PROBLEM_RECORD, "wanted the name of its image, found none");
    char *path = gm_path_join(s->images, name);
    int bad = path ? gm_image_read(&out->image, path, e) : -1;
    gm_problem p = !path ? GM_PROBLEM_MEMORY : bad ? GM_PROBLEM_IMAGE : GM_PROBLEM_NONE;
    int64_t w = out->image.width, h = out->image.height;
    if (!path) gm_fail(e, "out of memory");
    else if (!bad && (w > SLIMMEST * h || h > SLIMMEST * w || w * h < 2))
        p = gm_problem_say(e, GM_PROBLEM_IMAGE,
                           "%s: wanted sides of at most 1 : %d and two pixels or more, found %lld "
                           "x %lld", path, SLIMMEST, (long long)w, (long long)h);
    free(path);
    return p;
}

gm_problem gm_set_sample(gm_set *s, int64_t i, uint64_t key, gm_sample *out, gm_error *e)
{
    gm_error why = { "" };
    gm_draw d = { key, 0 };
    char number[40];
    gm_text source = { 0 };
    *out = (gm_sample){ .kind = s->kind };
    snprintf(number, sizeof number, ", record %lld", (long long)i);
    gm_text_adds(&source, s->path);
    gm_text_adds(&source, number);
    out->source = gm_text_take(&source);
    gm_problem p = out->source ? s->format->sample(s, i, &d, out, &why) : GM_PROBLEM_MEMORY;
    if (!p) p = gm_sample_check(out, &why);
    if (p) {
        gm_fail(e, "%s%s: %s", s->path, number, why.text[0] ? why.text : "out of memory");
        gm_sample_free(out);
    }
    return p;
}
