/* See ref/weights.h and weights.h. */
#include "../ref/kernels/typed.h"
#include "weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "os.h"

gm_weights *gm_weights_new(const char *path, const gm_model_options *o, gm_error *e)
{
    gm_weights *w = calloc(1, sizeof *w);
    if (w) w->path = gm_copy_text(path);
    if (!w || !w->path) {
        free(w);
        gm_fail(e, "%s: out of memory", path);
        return NULL;
    }
    if (o) {
        w->verbose = o->verbose;
        w->log = o->log;
        w->user = o->user;
    }
    return w;
}

static void free_notes(gm_notes *t)
{
    for (int64_t i = 0; i < t->n; i++) free(t->text[i]);
    free(t->text);
}

/* What lies on the device. */
static void free_copies(gm_weights *w, gm_weight_entry *t)
{
    const gm_memory *m = &w->memory;
    size_t bytes[2] = { gm_bytes(t->x), (size_t)gm_numel(t->x) * sizeof(float) };
    for (int k = 0; k < 2; k++) {
        if (!t->device[k]) continue;
        m->free(m->user, t->device[k], bytes[k]);
        w->uploaded -= bytes[k];
        t->device[k] = NULL;
    }
}

void gm_weights_free(gm_weights *w)
{
    if (!w) return;
    for (int64_t i = 0; i < w->n; i++) {
        gm_weight_entry *t = &w->entry[i];
        free_copies(w, t);
        if (t->f32.data && t->f32.data != t->x.data) free(t->f32.data);
        free(t->merged);
        free(t->name);
    }
    free_notes(&w->missing);
    free_notes(&w->misshaped);
    free(w->entry);
    free(w->order);
    free(w->path);
    free(w);
}

void gm_weights_say(const gm_weights *w, const char *format, ...)
{
    char line[1024];
    va_list a;
    if (!w->log) return;
    va_start(a, format);
    vsnprintf(line, sizeof line, format, a);
    va_end(a);
    w->log(w->user, line);
}

gm_weight_entry *gm_weights_find(const gm_weights *w, const char *name)
{
    int64_t i = w->order ? gm_names_find(w->order, w->n, name) : -1;
    return i < 0 ? NULL : &w->entry[i];
}

static int reindex(gm_weights *w, const char *file, gm_error *e)
{
    gm_named *order = realloc(w->order, (size_t)(w->n ? w->n : 1) * sizeof *order);
    if (!order) return gm_fail(e, "%s: out of memory", file);
    w->order = order;
    for (int64_t i = 0; i < w->n; i++) order[i] = (gm_named){ w->entry[i].name, i };
    const char *twice = gm_names_sort(order, w->n);
    return twice ? gm_fail(e, "%s: the tensor %.200s is there twice", file, twice) : 0;
}

/* Room for `more` further entries. */
static int reserve(gm_weights *w, int64_t more, const char *file, gm_error *e)
{
    if (w->n + more <= w->room) return 0;
    gm_weight_entry *bigger = realloc(w->entry, (size_t)(w->n + more) * sizeof *bigger);
    if (!bigger) return gm_fail(e, "%s: out of memory", file);
    w->entry = bigger;
    w->room = w->n + more;
    return 0;
}

int gm_weights_add(gm_weights *w, const gm_file *f, gm_name_source source, gm_error *e)
{
    if (reserve(w, f->n, f->path, e) != 0) return -1;
    for (int64_t i = 0; i < f->n; i++) {
        char *name = gm_memory_name(source, f->entry[i].name);
        if (!name) return gm_fail(e, "%s: out of memory", f->path);
        w->entry[w->n++] = (gm_weight_entry){ .name = name, .file = f->path, .x = f->entry[i].x };
    }
    return reindex(w, f->path, e);
}

int gm_weights_take(gm_weights *w, gm_weights *from, int64_t *replaced, int64_t *added, gm_error *e)
{
    int64_t before = w->n;                              /* names are looked up among these */
    *replaced = *added = 0;
    if (reserve(w, from->n, from->path, e) != 0) return -1;
    for (int64_t i = 0; i < from->n; i++) {
        gm_weight_entry *t = &from->entry[i];
        if (t->used || gm_name_is_lora(t->name)) continue;
        int64_t at = w->order ? gm_names_find(w->order, before, t->name) : -1;
        if (at >= 0) {
            free(w->entry[at].merged);
            w->entry[at].merged = NULL;
            w->entry[at].x = t->x;
            w->entry[at].file = t->file;
            ++*replaced;
        } else {
            w->entry[w->n++] = *t;
            t->name = NULL;
            ++*added;
        }
        t->used = true;
    }
    return reindex(w, from->path, e);
}

int gm_weights_replace(gm_weights *w, const char *name, gm_tensor x, gm_error *e)
{
    gm_weight_entry *t = gm_weights_find(w, name);
    char want[100], found[100];
    if (!t) return gm_fail(e, "%s: there is no tensor %.200s to replace", w->path, name);
    bool same = x.nd == t->x.nd;
    for (int i = 0; same && i < x.nd; i++) same = x.dim[i] == t->x.dim[i];
    if (!same)
        return gm_fail(e, "%s: %.200s: wanted %s, found %s", w->path, name,
                       gm_shape_text(want, t->x), gm_shape_text(found, x));
    size_t n = (size_t)gm_numel(t->x);
    free_copies(w, t);
    if (t->f32.data && t->f32.data != t->x.data) {
        free(t->f32.data);
        w->owned -= n * sizeof(float);
    }
    if (t->merged) w->owned -= n * gm_type_size(t->x.type);
    free(t->merged);
    t->merged = NULL;
    t->f32 = GM_NONE;
    t->x = x;
    return 0;
}

/* ---- what model code asks ---- */

gm_tensor gm_weights_look(const gm_weights *w, const char *name)
{
    const gm_weight_entry *t = gm_weights_find(w, name);
    return t ? t->x : GM_NONE;
}

gm_tensor gm_weights_bound(const gm_weights *w, const char *name)
{
    const gm_weight_entry *t = gm_weights_find(w, name);
    if (!t || !t->used) return GM_NONE;
    gm_tensor x = t->f32.data ? t->f32 : t->x;
    if (w->memory.upload) x.data = t->device[1] ? t->device[1] : t->device[0];
    return x;
}

int64_t gm_weights_count(const gm_weights *w, const char *pattern)
{
    char name[GM_NAME_MAX];
    int64_t n = 0;
    do snprintf(name, sizeof name, pattern, (int)n);
    while (gm_weights_find(w, name) && ++n < w->n);
    return n;
}

static void note(gm_weights *w, gm_notes *t, const char *text)
{
    if (t->n == t->room) {
        int64_t room = t->room ? 2 * t->room : 32;
        char **more = realloc(t->text, (size_t)room * sizeof *more);
        w->out_of_memory |= !more;
        if (!more) return;
        t->text = more;
        t->room = room;
    }
    t->text[t->n] = gm_copy_text(text);
    w->out_of_memory |= !t->text[t->n];
    t->n += t->text[t->n] != NULL;
}

/* What kernels read: any float type, of matrices the quantised ones, too. */
static bool is_known(gm_tensor x)
{
    return gm_is_weight_type(x.type) || (x.nd == 2 && gm_is_matrix_type(x.type, x.dim[1]));
}

/* "(32, ?)": sizes demanded, -1 any. */
static void wanted_text(char *buf, size_t room, int nd, const int64_t *dim)
{
    size_t at = (size_t)snprintf(buf, room, "(");
    for (int i = 0; i < nd && at < room; i++) {
        const char *comma = i ? ", " : "";
        at += (size_t)(dim[i] < 0
                           ? snprintf(buf + at, room - at, "%s?", comma)
                           : snprintf(buf + at, room - at, "%s%lld", comma, (long long)dim[i]));
    }
    if (at < room) snprintf(buf + at, room - at, ")");
}

/* The entry of these sizes under the printed name, marked as used; NULL after a note. */
static gm_weight_entry *demand(gm_weights *w, int nd, const int64_t *dim, const char *format,
                               va_list a)
{
    char name[GM_NAME_MAX];
    vsnprintf(name, sizeof name, format, a);
    gm_weight_entry *t = gm_weights_find(w, name);
    if (!t) {
        note(w, &w->missing, name);
        return NULL;
    }
    t->used = true;
    bool same = t->x.nd == nd && is_known(t->x);
    for (int i = 0; same && i < nd; i++) same = dim[i] < 0 || dim[i] == t->x.dim[i];
    if (same) return t;
    char text[GM_NAME_MAX + 300], want[120], found[120];
    wanted_text(want, sizeof want, nd, dim);
    snprintf(text, sizeof text, "%s wanted %s, found %s %s", name, want, gm_shape_text(found, t->x),
             gm_type_name(t->x.type));
    note(w, &w->misshaped, text);
    return NULL;
}

void gm_weights_upload(gm_weights *w, const gm_memory *m) { w->memory = *m; }

/* x where the model reads it; *copy holds its place on the device. */
static gm_tensor placed(gm_weights *w, gm_tensor x, void **copy)
{
    const gm_memory *m = &w->memory;
    size_t bytes = gm_bytes(x);
    if (!m->upload || !x.data) return x;
    if (!*copy && !w->device_full) {
        void *p = m->alloc(m->user, bytes);
        if (p && m->upload(m->user, p, x.data, bytes)) {
            m->free(m->user, p, bytes);
            p = NULL;
        }
        w->device_full = !p;
        w->uploaded += p ? bytes : 0;
        *copy = p;
    }
    x.data = *copy;
    return *copy ? x : GM_NONE;
}

gm_tensor gm_weight(gm_weights *w, int nd, const int64_t *dim, const char *format, ...)
{
    va_list a;
    va_start(a, format);
    gm_weight_entry *t = demand(w, nd, dim, format, a);
    va_end(a);
    return t ? placed(w, t->x, &t->device[0]) : GM_NONE;
}

gm_tensor gm_weight_f32(gm_weights *w, int nd, const int64_t *dim, const char *format, ...)
{
    va_list a;
    va_start(a, format);
    gm_weight_entry *t = demand(w, nd, dim, format, a);
    va_end(a);
    if (!t) return GM_NONE;
    if (!t->f32.data) {
        gm_tensor y = t->x;
        if (y.type != GM_F32) {
            int64_t n = gm_numel(y);
            y.data = gm_aligned_alloc((size_t)n * sizeof(float));
            y.type = GM_F32;
            if (!y.data) {
                w->out_of_memory = true;
                return GM_NONE;
            }
            gm_to_float(y.data, t->x.data, t->x.type, n);
            w->owned += (size_t)n * sizeof(float);
        }
        t->f32 = y;
    }
    return placed(w, t->f32, t->f32.data == t->x.data ? &t->device[0] : &t->device[1]);
}

/* ---- the verdict ---- */

#define NAMED 5                         /* names a kind in the error; all of them through the log */

typedef struct { char text[sizeof ((gm_error *)0)->text]; size_t n; } message;

static void append(message *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(message *m, const char *format, ...)
{
    va_list a;
    if (m->n >= sizeof m->text) return;
    va_start(a, format);
    m->n += (size_t)vsnprintf(m->text + m->n, sizeof m->text - m->n, format, a);
    va_end(a);
}

static void complain(const gm_weights *w, message *m, const char *kind, const gm_notes *t)
{
    if (!t->n) return;
    append(m, "; %lld %s: ", (long long)t->n, kind);
    for (int64_t i = 0; i < t->n && i < NAMED; i++)
        append(m, "%s%.160s", i ? ", " : "", t->text[i]);
    if (t->n > NAMED) append(m, ", ...");
    for (int64_t i = 0; w->verbose && i < t->n; i++) gm_weights_say(w, "%s: %s", kind, t->text[i]);
}

static double stored_bytes(const gm_weights *w)
{
    double sum = 0;
    for (int64_t i = 0; i < w->n; i++)
        sum += (double)gm_bytes(w->entry[i].x);
    return sum;
}

int gm_weights_finish(gm_weights *w, gm_error *e)
{
    gm_notes extra = { 0 };
    int64_t unused = 0;
    for (int64_t i = 0; i < w->n; i++) {
        const gm_weight_entry *t = &w->entry[i];
        if (t->used) continue;
        if (!gm_name_unused(t->name)) note(w, &extra, t->name);
        else if (++unused && w->verbose) gm_weights_say(w, "not used: %s", t->name);
    }
    if (w->verbose)
        gm_weights_say(w, "%lld tensors, %lld of them not used", (long long)w->n,
                       (long long)unused);
    message m = { .n = 0 };
    complain(w, &m, "missing", &w->missing);
    complain(w, &m, "not known", &extra);
    complain(w, &m, "of other sizes or type", &w->misshaped);
    free_notes(&extra);
    if (w->device_full)
        return gm_fail(e, "%s: the device has no room for the weights: %.3f of about %.3f GB fit",
                       w->path, (double)w->uploaded / 1e9, stored_bytes(w) / 1e9);
    if (w->out_of_memory) return gm_fail(e, "%s: out of memory while reading the weights", w->path);
    return m.n ? gm_fail(e, "%s: the tensors do not fit the model: %s", w->path, m.text + 2) : 0;
}
