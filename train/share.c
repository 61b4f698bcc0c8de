/* See share.h.  Processes may finish gradients in different orders (a batch without masks does not
 * reach the mask decoder), so sums start in one fixed order, and one that is late holds up those
 * behind it: that costs time, never a wrong sum. */
#include "share.h"

#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "comm.h"

enum { GROUP = 1 << 18 };               /* values: 1 MB */

typedef struct {
    int64_t from, n;                    /* places in `order` */
    int64_t waits;                      /* for so many gradients */
    int64_t values;
    float *copy;                        /* its gradients side by side; NULL: a single one, in place */
} group;

struct gm_share {
    const gm_params *ps;
    int64_t *order, *group_of;          /* parameters by turn; the group of each parameter */
    bool *final;
    group *g;
    int64_t groups, started, finals, early;
    gm_share_report last;
    gm_error error;                     /* of a start inside the hook */
};

/* The way back through the model: what comes first is final first. */
static const char *const TURN[] = {
    "model.grounding_encoder.mask_decoder.", "model.grounding_encoder.prompt_encoder.",
    "model.grounding_encoder.", "model.text_hidden_fcs.", "lm_head.", "model.norm.",
    "model.layers.", "model.embed_tokens.", "model.region_encoder.", "model.mm_projector.", "",
};

static int turn_of(const char *name)
{
    int i = 0;
    while (strncmp(name, TURN[i], strlen(TURN[i])) != 0) i++;
    return i;
}

/* The first number in a name, its layer; -1: none, which stands before the layers. */
static long layer_of(const char *name)
{
    const char *digit = strpbrk(name, "0123456789");
    return digit ? strtol(digit, NULL, 10) : -1;
}

/* Parameters in the order of their turns; of one turn the last layer first. */
static int by_turn(const void *a, const void *b)
{
    const gm_param *x = *(const gm_param *const *)a, *y = *(const gm_param *const *)b;
    int i = turn_of(x->name), k = turn_of(y->name);
    long l = layer_of(x->name), m = layer_of(y->name);
    if (i != k) return i - k;
    if (l != m) return l < m ? 1 : -1;
    return strcmp(x->name, y->name);
}

static int set_order(gm_share *s, gm_error *e)
{
    int64_t n = s->ps->n;
    const gm_param **p = calloc((size_t)n, sizeof *p);
    if (!p) return gm_fail(e, "out of memory for the sums over the processes");
    for (int64_t i = 0; i < n; i++) p[i] = &s->ps->p[i];
    qsort(p, (size_t)n, sizeof *p, by_turn);
    for (int64_t i = 0; i < n; i++) s->order[i] = p[i] - s->ps->p;
    free(p);
    return 0;
}

/* Neighbours up to GROUP values; a larger tensor is a group of its own.  So is every one where sums
 * begin with a copy anyway. */
static int set_groups(gm_share *s, gm_error *e)
{
    int64_t most = gm_comm_near() ? 0 : GROUP;
    for (int64_t i = 0; i < s->ps->n; i++) {
        int64_t n = gm_numel(s->ps->p[s->order[i]].w);
        group *g = s->groups ? &s->g[s->groups - 1] : NULL;
        if (!g || g->values + n > most) {
            g = &s->g[s->groups++];
            g->from = i;
        }
        g->n++;
        g->values += n;
        s->group_of[s->order[i]] = s->groups - 1;
    }
    for (int64_t i = 0; i < s->groups; i++)
        if (s->g[i].n > 1 &&
            !(s->g[i].copy = gm_aligned_alloc((size_t)s->g[i].values * sizeof(float))))
            return gm_fail(e, "out of memory for the sums over the processes");
    return 0;
}

gm_share *gm_share_open(const gm_params *ps, gm_error *e)
{
    size_t n = (size_t)ps->n;
    gm_share *s = calloc(1, sizeof *s);
    if (s) *s = (gm_share){ .ps = ps, .order = calloc(n, sizeof *s->order),
                            .group_of = calloc(n, sizeof *s->group_of),
                            .final = calloc(n, sizeof *s->final), .g = calloc(n, sizeof *s->g) };
    int bad = s && s->order && s->group_of && s->final && s->g
                  ? 0 : gm_fail(e, "out of memory for the sums over the processes");
    if (!bad) bad = set_order(s, e) || set_groups(s, e);
    if (!bad) return s;
    gm_share_close(s);
    return NULL;
}

void gm_share_close(gm_share *s)
{
    if (!s) return;
    for (int64_t i = 0; s->g && i < s->groups; i++) free(s->g[i].copy);
    free(s->order);
    free(s->group_of);
    free(s->final);
    free(s->g);
    free(s);
}

void gm_share_begin(gm_share *s)
{
    s->started = s->finals = s->early = 0;
    s->error = (gm_error){ "" };
    for (int64_t i = 0; i < s->ps->n; i++) s->final[i] = false;
    for (int64_t i = 0; i < s->groups; i++) s->g[i].waits = s->g[i].n;
}

/* Gradients into the group's copy, or back. */
static void copy_group(const gm_share *s, const group *g, bool back)
{
    float *at = g->copy;
    for (int64_t i = 0; g->copy && i < g->n; i++) {
        gm_tensor dw = s->ps->p[s->order[g->from + i]].dw;
        size_t bytes = (size_t)gm_numel(dw) * sizeof(float);
        if (back) memcpy(dw.data, at, bytes);
        else memcpy(at, dw.data, bytes);
        at += gm_numel(dw);
    }
}

static void start_next(gm_share *s)
{
    group *g = &s->g[s->started++];
    copy_group(s, g, false);
    float *x = g->copy ? g->copy : s->ps->p[s->order[g->from]].dw.data;
    gm_comm_start_sum(x, g->values, &s->error);
}

void gm_share_final(void *user, gm_tensor dw)
{
    gm_share *s = user;
    int64_t i = 0;
    gm_comm_proceed();
    if (!dw.data) return;
    while (i < s->ps->n && s->ps->p[i].dw.data != dw.data) i++;
    if (i == s->ps->n || s->final[i]) return;
    s->final[i] = true;
    s->g[s->group_of[i]].waits--;
    while (s->started < s->groups && !s->g[s->started].waits) start_next(s);
    if (++s->finals < s->ps->n) s->early = s->started;
}

int gm_share_finish(gm_share *s, gm_error *e)
{
    double start = gm_seconds();
    s->last = (gm_share_report){ .groups = s->groups, .early = s->early };
    while (s->started < s->groups) start_next(s);
    int bad = gm_comm_finish(&s->error);
    for (int64_t i = 0; i < s->groups; i++) copy_group(s, &s->g[i], true);
    s->last.seconds = gm_seconds() - start;
    return bad || s->error.text[0] ? gm_fail(e, "%s", s->error.text) : 0;
}

gm_share_report gm_share_last(const gm_share *s) { return s->last; }
