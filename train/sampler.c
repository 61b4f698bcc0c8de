/* The mixture: which set and which record sample number `place` is. */
#include <stdlib.h>
#include <string.h>
#include "set.h"

/* What the seed is mixed with first, so that choices of different uses are not related. */
enum { KINDS = 1, DRAWS, EPOCHS, RECORDS };
enum { ATTEMPTS = 100 };

static const double RELEASE[GM_SET_KINDS] = { 0.15, 0.40, 0.45 };   /* train.py, train */

struct gm_data {
    gm_set *set;
    int64_t sets, *first;           /* (sets + 1): the number of each one's first record */
    gm_data_options o;
    double weight[GM_SET_KINDS];    /* 0 for kinds without a set */
    int64_t skipped;
};

/* ---- opening ---- */

static int weigh_kinds(gm_data *d, gm_error *e)
{
    bool given = false, one = true;
    double sum = 0;
    for (int k = 0; k < GM_SET_KINDS; k++) given = given || d->o.weight[k] != 0;
    for (int64_t i = 0; i < d->sets; i++) {
        gm_set_kind k = d->set[i].kind;
        d->weight[k] = given ? d->o.weight[k] : RELEASE[k];
        one = one && k == d->set[0].kind;
    }
    for (int k = 0; k < GM_SET_KINDS; k++) {
        if (!(d->weight[k] >= 0)) return gm_fail(e, "data: a kind's weight is below 0");
        sum += d->weight[k];
    }
    if (d->o.by_epochs && !one)
        return gm_fail(e, "data: epochs want sets of one kind, found '%s' beside '%s'",
                       d->set[0].line, d->set[d->sets - 1].line);
    return sum > 0 ? 0 : gm_fail(e, "data: the kinds of all sets have weight 0");
}

gm_data *gm_data_open(const char *const *line, int64_t n, const gm_data_options *o, gm_error *e)
{
    gm_data *d = calloc(1, sizeof *d);
    int bad = d ? 0 : gm_fail(e, "data: out of memory");
    if (!bad && n < 1) bad = gm_fail(e, "data: wanted at least one set, found none");
    if (!bad) {
        d->o = *o;
        d->set = calloc((size_t)n, sizeof *d->set);
        d->first = calloc((size_t)n + 1, sizeof *d->first);
        if (!d->set || !d->first) bad = gm_fail(e, "data: out of memory");
    }
    for (int64_t i = 0; !bad && i < n; i++) {
        bad = gm_set_open(&d->set[i], line[i], o->prompts, e);
        if (bad) break;
        d->sets++;
        d->first[i + 1] = d->first[i] + d->set[i].n;
    }
    if (!bad) bad = weigh_kinds(d, e);
    if (!bad) return d;
    gm_data_close(d);
    return NULL;
}

void gm_data_close(gm_data *d)
{
    if (!d) return;
    for (int64_t i = 0; i < d->sets; i++) gm_set_close(&d->set[i]);
    free(d->set);
    free(d->first);
    free(d);
}

/* ---- drawing ---- */

/* One of n by their weights, whose sum is above 0; x in 0..1. */
static int64_t by_weight(const double *w, int64_t n, double x)
{
    double sum = 0;
    int64_t last = 0;
    for (int64_t i = 0; i < n; i++) sum += w[i];
    x *= sum;
    for (int64_t i = 0; i < n; i++) {
        if (w[i] <= 0) continue;
        last = i;
        if (x < w[i]) break;
        x -= w[i];
    }
    return last;
}

gm_set_kind gm_data_kind(const gm_data *d, int64_t update)
{
    gm_draw draw = { gm_mix(gm_mix(d->o.seed, KINDS), (uint64_t)update), 0 };
    return (gm_set_kind)by_weight(d->weight, GM_SET_KINDS, gm_draw_real(&draw));
}

/* A set of the kind by the rates; -1 when there is none. */
static int64_t choose_set(const gm_data *d, gm_set_kind kind, gm_draw *draw)
{
    double sum = 0, x = gm_draw_real(draw);
    int64_t last = -1;
    for (int64_t i = 0; i < d->sets; i++)
        if (d->set[i].kind == kind) sum += d->set[i].rate;
    x *= sum;
    for (int64_t i = 0; i < d->sets; i++) {
        if (d->set[i].kind != kind) continue;
        last = i;
        if (x < d->set[i].rate) break;
        x -= d->set[i].rate;
    }
    return last;
}

/* The set that record i of all of them belongs to. */
static int64_t set_of(const gm_data *d, int64_t i)
{
    int64_t k = 0;
    while (i >= d->first[k + 1]) k++;
    return k;
}

static gm_problem draw_once(gm_data *d, gm_set_kind kind, int64_t place, int64_t attempt,
                            gm_sample *s, gm_error *e)
{
    uint64_t key = gm_mix(gm_mix(d->o.seed, DRAWS), (uint64_t)(place * ATTEMPTS + attempt));
    gm_draw draw = { key, 0 };
    int64_t n = gm_data_size(d), i, k;
    if (!d->o.by_epochs) {
        k = choose_set(d, kind, &draw);
        if (k < 0) return gm_problem_say(e, GM_PROBLEM_MEMORY, "data: no set of that kind");
        i = gm_draw_below(&draw, d->set[k].n);
    } else {
        uint64_t epoch = gm_mix(gm_mix(d->o.seed, EPOCHS), (uint64_t)(place / n));
        i = attempt ? gm_draw_below(&draw, n) : gm_shuffled(epoch, place % n, n);
        k = set_of(d, i);
        i -= d->first[k];
    }
    return gm_set_sample(&d->set[k], i, gm_mix(key, UINT64_MAX), s, e);
}

int gm_data_draw(gm_data *d, gm_set_kind kind, int64_t place, gm_sample *s, gm_error *e)
{
    gm_error why = { "" };
    for (int64_t attempt = 0; attempt < ATTEMPTS; attempt++) {
        why.text[0] = 0;
        gm_problem p = draw_once(d, kind, place, attempt, s, &why);
        if (p == GM_PROBLEM_NONE) return 0;
        if (p == GM_PROBLEM_MEMORY) return gm_fail(e, "%s", why.text);
        d->skipped++;
        if (p != GM_PROBLEM_EMPTY && d->o.log) d->o.log(d->o.user, why.text);
    }
    return gm_fail(e, "%d records in a row cannot be used; the last: %s", ATTEMPTS, why.text);
}

gm_problem gm_data_record(gm_data *d, int64_t i, gm_sample *s, gm_error *e)
{
    int64_t k = set_of(d, i);
    return gm_set_sample(&d->set[k], i - d->first[k],
                         gm_mix(gm_mix(d->o.seed, RECORDS), (uint64_t)i), s, e);
}

/* ---- for reports ---- */

int64_t gm_data_size(const gm_data *d)
{
    return d->first[d->sets];
}

int64_t gm_data_skipped(const gm_data *d)
{
    return d->skipped;
}

int64_t gm_data_left_out(const gm_data *d)
{
    int64_t n = 0;
    for (int64_t i = 0; i < d->sets; i++) n += d->set[i].left_out;
    return n;
}

int64_t gm_data_sets(const gm_data *d)
{
    return d->sets;
}

const char *gm_data_set_line(const gm_data *d, int64_t set)
{
    return d->set[set].line;
}

int64_t gm_data_set_size(const gm_data *d, int64_t set)
{
    return d->set[set].n;
}

gm_set_kind gm_data_set_kind(const gm_data *d, int64_t set)
{
    return d->set[set].kind;
}

const char *gm_data_set_note(const gm_data *d, int64_t set)
{
    return d->set[set].note;
}
