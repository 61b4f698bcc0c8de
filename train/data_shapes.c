/* Scenes drawn in memory (shapes.h) as a set: shapes:task=gcg,world=b,seed=1,objects=4,count=1000.
 * turns=N, too.  Their conversations have the words of their world, not the prompts'. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "set.h"
#include "shapes.h"

typedef struct {
    gm_shapes_task task;
    gm_shapes_world world;
    int64_t seed, objects, turns;
    int64_t first;                          /* scene: training's and validation's are apart */
} scenes;

static const char *const WORLDS[GM_SHAPES_WORLDS] = { "a", "b", "mix" };

/* A whole number of lo..hi, n characters long. */
static bool take_number(const char *value, size_t n, int64_t lo, int64_t hi, int64_t *v)
{
    char digits[24], *end;
    if (n == 0 || n >= sizeof digits) return false;
    memcpy(digits, value, n);
    digits[n] = 0;
    long long number = strtoll(digits, &end, 10);
    if (*end || number < lo || number > hi) return false;
    *v = number;
    return true;
}

static bool is_word(const char *s, size_t n, const char *word)
{
    return strlen(word) == n && strncmp(s, word, n) == 0;
}

/* One key=value of n characters. */
static bool take_value(gm_set *s, scenes *c, const char *word, size_t n)
{
    size_t k = 0, m;
    while (k < n && word[k] != '=') k++;
    if (k == n) return false;
    const char *value = word + k + 1;
    m = n - k - 1;
    if (is_word(word, k, "seed")) return take_number(value, m, 0, INT64_MAX, &c->seed);
    if (is_word(word, k, "count")) return take_number(value, m, 1, GM_SHAPES_VALIDATION, &s->n);
    if (is_word(word, k, "objects")) return take_number(value, m, 1, GM_SHAPES_MOST, &c->objects);
    if (is_word(word, k, "turns")) return take_number(value, m, 1, GM_SHAPES_TURNS, &c->turns);
    for (int i = 0; i < GM_SHAPES_TASKS && is_word(word, k, "task"); i++) {
        c->task = (gm_shapes_task)i;
        if (is_word(value, m, gm_shapes_task_name(c->task))) return true;
    }
    for (int i = 0; i < GM_SHAPES_WORLDS && is_word(word, k, "world"); i++) {
        c->world = (gm_shapes_world)i;
        if (is_word(value, m, WORLDS[i])) return true;
    }
    return false;
}

static int open_set(gm_set *s, gm_error *e)
{
    static const gm_set_kind kind[GM_SHAPES_TASKS] = {
        GM_SET_SEGM, GM_SET_SEGM, GM_SET_REGION, GM_SET_CAPTION, GM_SET_CAPTION, GM_SET_SEGM,
        GM_SET_SEGM,
    };
    scenes *c = s->own = calloc(1, sizeof *c);
    if (!c) return gm_fail(e, "data %s: out of memory", s->line);
    s->n = 100000;
    const char *word = strchr(s->path, ':');
    while (word && *word) {
        size_t n = strcspn(++word, ",");
        if (!take_value(s, c, word, n))
            return gm_fail(e, "data %s: wanted task=gcg, refer, region, caption, vqa, phrase or "
                           "objects; world=a, b or mix; seed=N, count=N, objects=1 .. %d or "
                           "turns=1 .. %d; found '%.*s'", s->line, GM_SHAPES_MOST,
                           GM_SHAPES_TURNS, (int)n, word);
        word += n;
    }
    bool validation = !strcmp(s->split, "val");
    if (!validation && strcmp(s->split, "train") != 0)
        return gm_fail(e, "data %s: wanted split=train or val, found '%s'", s->line, s->split);
    c->first = validation ? GM_SHAPES_VALIDATION : 0;
    s->kind = kind[c->task];
    return 0;
}

static void close_set(gm_set *s)
{
    free(s->own);
}

static gm_problem sample(gm_set *s, int64_t i, gm_draw *d, gm_sample *out, gm_error *e)
{
    const scenes *c = s->own;
    (void)d;
    gm_sample_free(out);
    int bad = gm_shapes_sample(out, (uint64_t)c->seed, c->first + i, c->task, c->world,
                               (int)c->objects, (int)c->turns, e);
    return bad ? GM_PROBLEM_MEMORY : GM_PROBLEM_NONE;
}

const gm_format gm_shapes = {
    .name = "shapes", .kind = GM_SET_SEGM, .open = open_set, .sample = sample, .close = close_set,
    .split = "train", .drawn = true,
};
