/* See config.h. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/nearest.h"
#include "../io/os.h"
#include "../io/text.h"

static void *field(gm_train_config *c, const gm_train_key *k)
{
    return (char *)c + k->at;
}

/* ---- one value ---- */

static bool is_choice(const char *words, const char *value)
{
    size_t n = strlen(value);
    for (const char *w = words; n && *w; w += *w == '|') {
        size_t m = strcspn(w, "|");
        if (m == n && strncmp(w, value, n) == 0) return true;
        w += m;
    }
    return false;
}

/* A number's text into *v; false when it is none, or a fraction where whole is set. */
static bool number(const char *value, bool whole, double *v)
{
    char *end;
    errno = 0;
    *v = strtod(value, &end);
    return end != value && !*end && errno == 0 && isfinite(*v) && (!whole || floor(*v) == *v);
}

static int set_number(gm_train_config *c, const gm_train_key *k, const char *value,
                      const char *where, gm_error *e)
{
    double v;
    bool whole = k->kind == GM_KEY_INT;
    if (!number(value, whole, &v))
        return gm_fail(e, "%s: wanted a %snumber, found '%.100s'", where, whole ? "whole " : "",
                       value);
    if ((k->min != 0 || k->max != 0) && (v < k->min || v > k->max))
        return gm_fail(e, "%s: wanted %g to %g, found %s", where, k->min, k->max, value);
    if (whole) *(int64_t *)field(c, k) = (int64_t)v;
    else *(double *)field(c, k) = v;
    return 0;
}

static int set_text(char **to, const char *value, const char *where, gm_error *e)
{
    char *copy = gm_copy_text(value);
    if (!copy) return gm_fail(e, "%s: out of memory", where);
    free(*to);
    *to = copy;
    return 0;
}

static int set(gm_train_config *c, const gm_train_key *k, const char *value, const char *where,
               gm_error *e)
{
    gm_words *w = field(c, k);
    if (!*value) return gm_fail(e, "%s: wanted %s, found nothing", where, k->argument);
    switch (k->kind) {
    case GM_KEY_INT:
    case GM_KEY_REAL: return set_number(c, k, value, where, e);
    case GM_KEY_YES:
        if (!is_choice("yes|no", value))
            return gm_fail(e, "%s: wanted yes or no, found '%.100s'", where, value);
        *(bool *)field(c, k) = strcmp(value, "yes") == 0;
        return 0;
    case GM_KEY_CHOICE:
        if (!is_choice(k->argument, value))
            return gm_fail(e, "%s: wanted one of %s, found '%.100s'", where, k->argument, value);
        return set_text(field(c, k), value, where, e);
    case GM_KEY_TEXT: return set_text(field(c, k), value, where, e);
    case GM_KEY_WORDS: gm_words_free(w); break;
    case GM_KEY_LINES: break;
    }
    int bad = k->kind == GM_KEY_LINES ? gm_words_add(w, value, strlen(value))
                                      : gm_words_split(w, value);
    return bad ? gm_fail(e, "%s: out of memory", where) : 0;
}

static const gm_train_key *find(const char *key, const char *where, gm_error *e)
{
    const char *names[100], *best;
    for (int i = 0; i < gm_train_nkeys; i++) {
        names[i] = gm_train_keys[i].key;
        if (strcmp(names[i], key) == 0) return &gm_train_keys[i];
    }
    best = gm_nearest_word(key, names, gm_train_nkeys);
    gm_fail(e, "%s: there is no such key%s%s%s", where, best ? "; did you mean " : "",
            best ? best : "", best ? "?" : "");
    return NULL;
}

/* ---- stages ---- */

static void free_stage(gm_train_config *c)
{
    for (int i = 0; i < gm_train_nkeys; i++) {
        const gm_train_key *k = &gm_train_keys[i];
        if (k->kind == GM_KEY_TEXT || k->kind == GM_KEY_CHOICE) free(*(char **)field(c, k));
        if (k->kind == GM_KEY_LINES || k->kind == GM_KEY_WORDS) gm_words_free(field(c, k));
    }
    free(c->stage);
}

/* A stage's value as a text, "" for none, into buf or the field itself. */
static const char *value_text(const gm_train_config *c, const gm_train_key *k, char buf[40])
{
    const void *at = (const char *)c + k->at;
    switch (k->kind) {
    case GM_KEY_INT: snprintf(buf, 40, "%lld", (long long)*(const int64_t *)at); return buf;
    case GM_KEY_REAL: snprintf(buf, 40, "%.17g", *(const double *)at); return buf;
    case GM_KEY_YES: return *(const bool *)at ? "yes" : "no";
    default: return *(char *const *)at ? *(char *const *)at : "";
    }
}

static int copy_stage(gm_train_config *to, const gm_train_config *from, gm_error *e)
{
    char buf[40];
    int bad = 0;
    *to = (gm_train_config){ 0 };
    for (int i = 0; !bad && i < gm_train_nkeys; i++) {
        const gm_train_key *k = &gm_train_keys[i];
        if (k->kind == GM_KEY_LINES || k->kind == GM_KEY_WORDS) {
            const gm_words *w = (const gm_words *)((const char *)from + k->at);
            for (int64_t j = 0; !bad && j < w->n; j++)
                bad = gm_words_add(field(to, k), w->item[j], strlen(w->item[j]));
        } else {
            const char *value = value_text(from, k, buf);
            if (*value) bad = set(to, k, value, k->key, e);
        }
    }
    return bad ? gm_fail(e, "out of memory for the settings") : 0;
}

static gm_train_config *add_stage(gm_train_plan *p, const char *name, gm_error *e)
{
    gm_train_config *more = realloc(p->stage, (size_t)(p->n + 1) * sizeof *more);
    if (more) p->stage = more;
    gm_train_config *c = more ? &more[p->n] : NULL;
    if (!c) gm_fail(e, "out of memory for the settings");
    else if (p->n++ == 0) {             /* the base: defaults */
        *c = (gm_train_config){ 0 };
        for (int i = 0; i < gm_train_nkeys; i++)
            if (gm_train_keys[i].standard &&
                set(c, &gm_train_keys[i], gm_train_keys[i].standard, gm_train_keys[i].key, e) != 0)
                return NULL;
    } else if (copy_stage(c, &p->stage[0], e) != 0) {
        return NULL;
    }
    if (!c || set_text(&c->stage, name, "stage", e) != 0) return NULL;
    return c;
}

/* Cuts blanks at both ends, in place. */
static char *trimmed(char *s)
{
    while (isspace((unsigned char)*s)) s++;
    size_t n = strlen(s);
    while (n && isspace((unsigned char)s[n - 1])) s[--n] = 0;
    return s;
}

/* seen: the lists that this stage has begun anew. */
static int take_line(gm_train_plan *p, char *line, const char *place, bool *seen, gm_error *e)
{
    char where[400], *equals;
    line = trimmed(line);
    if (!*line || *line == '#') return 0;
    for (char *h = line; (h = strchr(h, '#')); h++)
        if (isspace((unsigned char)h[-1]) || h[-1] == '=') *h = 0;      /* a comment */
    if (!(equals = strchr(line, '=')))
        return gm_fail(e, "%s: wanted `key = value`, found '%.100s'", place, line);
    *equals = 0;
    char *key = trimmed(line), *value = trimmed(equals + 1);
    snprintf(where, sizeof where, "%s: %s", place, key);
    if (strcmp(key, "stage") == 0) {
        memset(seen, 0, (size_t)gm_train_nkeys);
        if (!*value || strpbrk(value, "/ \t"))
            return gm_fail(e, "%s: wanted a name without blanks and /, found '%s'", where, value);
        for (int64_t i = 1; i < p->n; i++)
            if (strcmp(p->stage[i].stage, value) == 0)
                return gm_fail(e, "%s: there are two stages %s", where, value);
        return add_stage(p, value, e) ? 0 : -1;
    }
    const gm_train_key *k = find(key, where, e);
    if (!k) return -1;
    gm_train_config *c = &p->stage[p->n - 1];
    if (k->kind == GM_KEY_LINES && !seen[k - gm_train_keys]) gm_words_free(field(c, k));
    seen[k - gm_train_keys] = true;
    return set(c, k, value, where, e);
}

int gm_train_plan_parse(gm_train_plan *p, const char *text, const char *name, gm_error *e)
{
    char *copy = gm_copy_text(text), place[300];
    bool *seen = calloc((size_t)gm_train_nkeys, sizeof *seen);
    *p = (gm_train_plan){ 0 };
    int bad = copy && seen ? 0 : gm_fail(e, "%s: out of memory", name);
    if (!bad && !add_stage(p, "", e)) bad = -1;
    int line = 1;
    for (char *s = copy, *next; !bad && s && *s; s = next, line++) {
        size_t n = strcspn(s, "\n");
        next = s + n + (s[n] != 0);
        s[n] = 0;
        snprintf(place, sizeof place, "%s, line %d", name, line);
        bad = take_line(p, s, place, seen, e);
    }
    free(copy);
    free(seen);
    if (!bad && p->n > 1) {             /* what stood before the stages is in each of them */
        free_stage(&p->stage[0]);
        memmove(p->stage, p->stage + 1, (size_t)--p->n * sizeof *p->stage);
    }
    if (bad) gm_train_plan_free(p);
    return bad;
}

int gm_train_plan_read(gm_train_plan *p, const char *path, gm_error *e)
{
    size_t n;
    *p = (gm_train_plan){ 0 };
    char *text = gm_read_text(path, &n, e);
    if (!text) return -1;
    int bad = strlen(text) != n ? gm_fail(e, "%s: no text: a byte of it is 0", path)
                                : gm_train_plan_parse(p, text, path, e);
    free(text);
    return bad;
}

int gm_train_plan_set(gm_train_plan *p, const char *key, const char *value, const char *where,
                      gm_error *e)
{
    const gm_train_key *k = find(key, where, e);
    for (int64_t i = 0; k && i < p->n; i++)
        if (set(&p->stage[i], k, value, where, e) != 0) return -1;
    return k ? 0 : -1;
}

void gm_train_plan_clear(gm_train_plan *p, const char *key)
{
    const gm_train_key *k = find(key, key, NULL);
    for (int64_t i = 0; k && k->kind == GM_KEY_LINES && i < p->n; i++)
        gm_words_free(field(&p->stage[i], k));
}

static int check_stage(const gm_train_config *c, bool first, const char *name, gm_error *e)
{
    if (first && !c->model == !c->init)
        return gm_fail(e, "%s: wanted either model = DIR or init = FILE", name);
    if (c->init && !c->tokenizer)
        return gm_fail(e, "%s: init: wanted tokenizer = DIR beside it", name);
    if (!c->data.n) return gm_fail(e, "%s: wanted a line data = FORMAT PATH", name);
    if (c->weight[0] + c->weight[1] + c->weight[2] <= 0)
        return gm_fail(e, "%s: weight_caption, weight_region and weight_segm are all 0", name);
    if (strcmp(c->learn, "talk") != 0 && c->val.n)
        return gm_fail(e, "%s: val: there is no validation with learn = %s", name, c->learn);
    if (c->warmup > c->updates)
        return gm_fail(e, "%s: warmup: wanted at most updates = %lld, found %lld", name,
                       (long long)c->updates, (long long)c->warmup);
    if ((strcmp(c->exported, "adapter") == 0 || strcmp(c->exported, "both") == 0) && !c->lora_rank)
        return gm_fail(e, "%s: export = %s: there is no adapter with lora_rank = 0", name,
                       c->exported);
    return 0;
}

/* "NAME, stage S", or NAME where there are no stages. */
static void say_where(char where[300], const char *name, const gm_train_config *c)
{
    snprintf(where, 300, "%s%s%s", name, *c->stage ? ", stage " : "", c->stage);
}

int gm_train_plan_check_processes(const gm_train_plan *p, const char *name, gm_error *e)
{
    char where[300];
    for (int64_t i = 0; i < p->n; i++) {
        const gm_train_config *c = &p->stage[i];
        long long n = (long long)c->processes, all = (long long)p->stage[0].processes;
        say_where(where, name, c);
        if (n != all)
            return gm_fail(e, "%s: processes: wanted %lld as in the first stage, found %lld", where,
                           all, n);
        if (c->accumulate % n != 0)
            return gm_fail(e, "%s: accumulate: wanted a multiple of processes = %lld, found %lld",
                           where, n, (long long)c->accumulate);
        if (n > 1 && strcmp(c->backend, "cuda") == 0)
            return gm_fail(e, "%s: processes: wanted 1 with backend = cuda, found %lld", where, n);
    }
    return 0;
}

int gm_train_plan_check(const gm_train_plan *p, const char *name, gm_error *e)
{
    char where[300];
    for (int64_t i = 0; i < p->n; i++) {
        say_where(where, name, &p->stage[i]);
        if (check_stage(&p->stage[i], i == 0, where, e) != 0) return -1;
    }
    return gm_train_plan_check_processes(p, name, e);
}

void gm_train_plan_free(gm_train_plan *p)
{
    for (int64_t i = 0; i < p->n; i++) free_stage(&p->stage[i]);
    free(p->stage);
    *p = (gm_train_plan){ 0 };
}

char *gm_train_config_text(const gm_train_config *c)
{
    gm_text t = { 0 };
    char buf[40];
    for (int i = 0; i < gm_train_nkeys; i++) {
        const gm_train_key *k = &gm_train_keys[i];
        const gm_words *w = (const gm_words *)((const char *)c + k->at);
        bool list = k->kind == GM_KEY_LINES || k->kind == GM_KEY_WORDS;
        bool lines = k->kind == GM_KEY_LINES;
        for (int64_t j = 0; j < (list ? w->n : 1); j++) {
            const char *value = list ? w->item[j] : value_text(c, k, buf);
            if (!*value) continue;
            if (lines || j == 0) {
                gm_text_adds(&t, k->key);
                gm_text_adds(&t, " =");
            }
            gm_text_adds(&t, " ");
            gm_text_adds(&t, value);
            if (lines || !list || j == w->n - 1) gm_text_adds(&t, "\n");
        }
    }
    return gm_text_take(&t);
}

gm_train_policy gm_train_policy_of(const gm_train_config *c)
{
    return (gm_train_policy){ .freeze = c->freeze,
                              .include = c->include,
                              .exclude = c->exclude,
                              .rank = c->lora_rank,
                              .alpha = c->lora_alpha,
                              .dropout = c->lora_dropout,
                              .targets = c->lora_targets,
                              .decay = c->weight_decay,
                              .rates = c->rates,
                              .muon = c->muon,
                              .momentum = c->momentum,
                              .seed = (uint64_t)c->seed };
}

gm_schedule gm_train_schedule_of(const gm_train_config *c)
{
    static const char *const word[] = { "constant", "warmup_decay", "cosine", "hold_cosine" };
    int kind = 0;
    while (strcmp(word[kind], c->schedule) != 0) kind++;
    return (gm_schedule){ (gm_schedule_kind)kind, c->lr, c->warmup, c->updates, c->hold, c->floor };
}
