/* See json_stream.h.  The scanner only finds where values end; jansson parses them. */
#include "json_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "os.h"
#include "text.h"

enum { CHUNK = 1 << 16 };

/* Where the scanner stands: in front of the root value, among the members of the root object,
 * among a list's elements, behind the root value. */
typedef enum { START, MEMBERS, ELEMENTS, END } position;

struct gm_json_stream {
    FILE *file;                         /* NULL: all bytes are in the buffer */
    char *name, *own;                   /* own: the buffer, if it is ours */
    const char *buffer;
    size_t n, at, room;
    size_t held;                        /* bytes from here on are needed; SIZE_MAX: none */
    uint64_t base;                      /* offset of buffer[0] in the file */
    gm_json_form form;
    position now;
    bool in_object, first;              /* the list is a member; nothing came before */
    char *key;
    gm_text lists;                      /* names of the lists so far, a line each */
    gm_json_place place;
};

static gm_json_stream *new_stream(const char *name, gm_json_form form, gm_error *e)
{
    gm_json_stream *s = calloc(1, sizeof *s);
    if (s) s->name = gm_copy_text(name);
    if (s && s->name) {
        s->form = form;
        s->held = SIZE_MAX;
        s->first = true;
        return s;
    }
    free(s);
    gm_fail(e, "%s: out of memory", name);
    return NULL;
}

gm_json_stream *gm_json_stream_open(const char *path, gm_json_form form, gm_error *e)
{
    gm_json_stream *s = new_stream(path, form, e);
    if (!s) return NULL;
    s->file = gm_is_dir(path) ? NULL : fopen(path, "rb");
    s->own = malloc(CHUNK);
    s->buffer = s->own;
    s->room = CHUNK;
    if (s->file && s->own) return s;
    gm_fail(e, s->file ? "%s: out of memory" : "%s: cannot open the file", path);
    gm_json_stream_free(s);
    return NULL;
}

gm_json_stream *gm_json_stream_bytes(const char *bytes, size_t n, const char *name,
                                     gm_json_form form, gm_error *e)
{
    gm_json_stream *s = new_stream(name, form, e);
    if (!s) return NULL;
    s->buffer = bytes;
    s->n = n;
    return s;
}

void gm_json_stream_free(gm_json_stream *s)
{
    if (!s) return;
    if (s->file) fclose(s->file);
    gm_text_drop(&s->lists);
    free(s->own);
    free(s->key);
    free(s->name);
    free(s);
}

/* ---- bytes ---- */

static bool refill(gm_json_stream *s)
{
    size_t keep = s->held < s->n ? s->held : s->n;
    if (!s->file) return false;
    memmove(s->own, s->own + keep, s->n - keep);
    s->base += keep;
    s->n -= keep;
    s->at -= keep;
    if (s->held != SIZE_MAX) s->held = 0;
    if (s->n == s->room) {
        char *more = realloc(s->own, 2 * s->room);
        if (!more) return false;
        s->own = more;
        s->buffer = more;
        s->room *= 2;
    }
    size_t got = fread(s->own + s->n, 1, s->room - s->n, s->file);
    s->n += got;
    return got > 0;
}

/* The byte at hand, -1 at the end. */
static inline int peek(gm_json_stream *s)
{
    if (s->at == s->n && !refill(s)) return -1;
    return (unsigned char)s->buffer[s->at];
}

static bool is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int after_space(gm_json_stream *s)
{
    int c;
    while (is_space(c = peek(s))) s->at++;
    return c;
}

static int broken(gm_json_stream *s, const char *wanted, gm_error *e)
{
    int c = peek(s);
    unsigned long long at = (unsigned long long)(s->base + s->at);
    if (c < 0) return gm_fail(e, "%s: not valid JSON: the file ends at byte %llu, wanted %s",
                              s->name, at, wanted);
    return gm_fail(e, c > ' ' && c < 127 ? "%s: not valid JSON: byte %llu: wanted %s, found '%c'"
                                         : "%s: not valid JSON: byte %llu: wanted %s, found %d",
                   s->name, at, wanted, c);
}

/* ---- values ---- */

static int pass_text(gm_json_stream *s, gm_error *e)
{
    s->at++;
    for (int c; (c = peek(s)) != '"'; s->at++) {
        if (c == '\\') {
            s->at++;
            c = peek(s);
        }
        if (c < 0) return broken(s, "the end of a text", e);
    }
    s->at++;
    return 0;
}

/* Moves behind the value that starts here. */
static int pass_value(gm_json_stream *s, gm_error *e)
{
    int64_t depth = 0;
    int c = after_space(s);
    if (c < 0 || strchr(",:]}", c)) return broken(s, "a value", e);
    do {
        c = peek(s);
        if (c < 0) return broken(s, "the end of a value", e);
        if (c == '"') {
            if (pass_text(s, e) != 0) return -1;
            continue;
        }
        if (c == '{' || c == '[') depth++;
        if (c == '}' || c == ']') depth--;
        if (depth || c == '}' || c == ']') {
            s->at++;
            continue;
        }
        while ((c = peek(s)) >= 0 && !is_space(c) && !strchr(",:]}[{\"", c)) s->at++;
    } while (depth > 0);
    return 0;
}

/* The value at hand, parsed. */
static json_t *take(gm_json_stream *s, gm_error *e)
{
    json_error_t why;
    after_space(s);
    s->held = s->at;
    json_t *v = NULL;
    if (pass_value(s, e) == 0) {
        size_t n = s->at - s->held;
        s->place = (gm_json_place){ s->base + s->held, n };
        v = json_loadb(s->buffer + s->held, n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
        if (!v)
            gm_fail(e, "%s: not valid JSON: byte %llu: %s", s->name,
                    (unsigned long long)s->place.offset, why.text);
    }
    s->held = SIZE_MAX;
    return v;
}

/* ---- the file ---- */

static int begin(gm_json_stream *s, gm_error *e)
{
    int c = after_space(s);
    if (s->form == GM_JSON_WHOLE && c != '{' && c != '[')
        return broken(s, "an object or a list", e);
    s->now = s->form == GM_JSON_LINES || c == '[' ? ELEMENTS : MEMBERS;
    s->in_object = false;
    if (s->form == GM_JSON_WHOLE) s->at++;
    s->key = gm_copy_text("");
    return s->key ? 0 : gm_fail(e, "%s: out of memory", s->name);
}

/* From one member of the object to the next list, or to the end. */
static int next_member(gm_json_stream *s, gm_error *e)
{
    int c = after_space(s);
    if (c == '}') {
        s->at++;
        s->now = END;
        return 0;
    }
    if (!s->first && c != ',') return broken(s, "a comma or the end of the object", e);
    if (!s->first) {
        s->at++;
        c = after_space(s);
    }
    s->first = false;
    if (c != '"') return broken(s, "a name", e);
    json_t *key = take(s, e);
    if (!key) return -1;
    free(s->key);
    s->key = gm_copy_text(json_string_value(key));
    json_decref(key);
    if (!s->key) return gm_fail(e, "%s: out of memory", s->name);
    if (after_space(s) != ':') return broken(s, "a colon", e);
    s->at++;
    if (after_space(s) != '[') return pass_value(s, e);
    s->at++;
    s->now = ELEMENTS;
    s->in_object = s->first = true;
    gm_text_adds(&s->lists, s->key);
    gm_text_adds(&s->lists, "\n");
    return s->lists.failed ? gm_fail(e, "%s: out of memory", s->name) : 0;
}

/* 1 when an element comes, 0 when the list is over. */
static int next_element(gm_json_stream *s, gm_error *e)
{
    int c = after_space(s);
    if (s->form == GM_JSON_LINES) {
        if (c < 0) s->now = END;
        return c >= 0;
    }
    if (c == ']') {
        s->at++;
        s->now = s->in_object ? MEMBERS : END;
        s->first = false;
        return 0;
    }
    if (!s->first && c != ',') return broken(s, "a comma or the end of the list", e);
    if (!s->first) s->at++;
    s->first = false;
    return 1;
}

int gm_json_next(gm_json_stream *s, const char **key, json_t **element, gm_error *e)
{
    for (;;) {
        if (s->now == START) {
            if (begin(s, e) != 0) return -1;
        } else if (s->now == MEMBERS) {
            if (next_member(s, e) != 0) return -1;
        } else if (s->now == ELEMENTS) {
            int more = next_element(s, e);
            if (more < 0) return -1;
            if (!more) continue;
            *key = s->key;
            *element = take(s, e);
            return *element ? 1 : -1;
        } else {
            return after_space(s) < 0 ? 0 : broken(s, "the end of the file", e);
        }
    }
}

bool gm_json_had_list(const gm_json_stream *s, const char *key)
{
    size_t n = strlen(key);
    for (const char *t = s->lists.s; t && *t; t += strcspn(t, "\n") + 1)
        if (strncmp(t, key, n) == 0 && t[n] == '\n') return true;
    return false;
}

gm_json_place gm_json_here(const gm_json_stream *s)
{
    return s->place;
}

json_t *gm_json_read_at(const char *path, gm_json_place p, gm_error *e)
{
    if (!p.length) return gm_json_read(path, e);
    char *text = malloc((size_t)p.length);
    FILE *f = text ? fopen(path, "rb") : NULL;
    bool good = f && fseek(f, (long)p.offset, SEEK_SET) == 0 &&
                fread(text, 1, (size_t)p.length, f) == p.length;
    json_t *o = good ? gm_json_object(text, (size_t)p.length, path, e) : NULL;
    if (!good) gm_fail(e, text ? "%s: cannot read the file" : "%s: out of memory", path);
    if (f) fclose(f);
    free(text);
    return o;
}

int gm_json_first_byte(const char *path)
{
    FILE *f = fopen(path, "rb");
    int c = f ? fgetc(f) : -1;
    while (is_space(c)) c = fgetc(f);
    if (f) fclose(f);
    return c;
}
