/* See deal.h. */
#include "deal.h"

#include <stdlib.h>
#include "comm.h"
#include "muon.h"

/* Nanoseconds of one core, by the size: AdamW moves a value in about one, a product does 50 GFLOP a
 * second. */
static double cost(const gm_param *p)
{
    double values = (double)gm_numel(p->w);
    return values + (p->muon ? gm_muon_flop(p->w.dim[0], p->w.dim[1]) / 50 : 0);
}

static int by_cost(const void *a, const void *b)
{
    const gm_param *x = *(gm_param *const *)a, *y = *(gm_param *const *)b;
    double d = cost(y) - cost(x);
    return d > 0 ? 1 : d < 0 ? -1 : x < y ? -1 : 1;
}

/* The dearest first, each to the process that has least to do. */
static void deal(gm_param **p, int64_t n, double *load, int processes)
{
    for (int64_t i = 0; i < n; i++) {
        int least = 0;
        for (int k = 1; k < processes; k++)
            if (load[k] < load[least]) least = k;
        p[i]->owner = least;
        load[least] += cost(p[i]);
    }
}

int gm_deal_open(gm_params *ps, gm_error *e)
{
    int processes = gm_comm_near() ? gm_comm_size() : 1;
    if (processes == 1) return 0;
    gm_param **p = calloc((size_t)ps->n, sizeof *p);
    double *load = calloc((size_t)processes, sizeof *load);
    int bad = p && load ? 0 : gm_fail(e, "out of memory for the processes' shares");
    for (int64_t i = 0; !bad && i < ps->n; i++) p[i] = &ps->p[i];
    if (!bad) {
        qsort(p, (size_t)ps->n, sizeof *p, by_cost);
        deal(p, ps->n, load, processes);
    }
    for (int64_t i = 0; i < ps->n; i++) ps->p[i].elsewhere = ps->p[i].owner != gm_comm_rank();
    free(p);
    free(load);
    return bad;
}

int gm_deal_weights(gm_params *ps, gm_error *e)
{
    for (int64_t i = 0; i < ps->n; i++) {
        const gm_param *p = &ps->p[i];
        if (gm_comm_start_copy(p->w.data, gm_numel(p->w), p->owner, e) != 0) return -1;
    }
    return gm_comm_finish(e);
}

int gm_deal_moments(gm_params *ps, gm_error *e)
{
    for (int64_t i = 0; i < ps->n; i++) {
        const gm_param *p = &ps->p[i];
        if (gm_comm_start_copy(p->m, gm_numel(p->w), p->owner, e) != 0 ||
            gm_comm_start_copy(p->v, gm_numel(p->w), p->owner, e) != 0)
            return -1;
    }
    return gm_comm_finish(e);
}
