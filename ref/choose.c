/* Picking the next token.  Greedy: transformers 4.28 greedy_search (lowest id on ties, QUIRKS A3);
 * sampling: temperature and nucleus (TopPLogitsWarper). */
#include <stdlib.h>

#include "generate.h"

/* Colder than this only the largest logit has a chance, and logits / temperature may overflow. */
#define COLDEST 1e-6f

/* splitmix64: one 64-bit step of a seeded sequence, the same on every machine. */
static double uniform(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

typedef struct { float p; int32_t id; } candidate;

static int by_probability(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->p != y->p) return x->p < y->p ? 1 : -1;
    return x->id < y->id ? -1 : 1;
}

static int32_t draw(candidate *list, int64_t n, float top_p, uint64_t *state)
{
    double kept = 0, total = 0;
    int64_t m = 0;
    qsort(list, (size_t)n, sizeof *list, by_probability);
    if (top_p <= 0 || top_p > 1) top_p = 1;
    while (m < n && (m == 0 || kept < top_p)) kept += list[m++].p;
    double at = uniform(state) * kept;
    for (int64_t i = 0; i < m; i++)
        if ((total += list[i].p) > at) return list[i].id;
    return list[m - 1].id;
}

int32_t gm_choose(gm_ctx *c, gm_tensor logits, float temperature, float top_p, uint64_t *state)
{
    int32_t id = 0;
    gm_mark mark = gm_scope(c);
    if (!(temperature >= COLDEST)) {
        gm_to_host(c, &id, gm_argmax(c, logits));
    } else {
        int64_t n = logits.dim[logits.nd - 1];
        float *p = malloc((size_t)n * sizeof *p);
        candidate *list = malloc((size_t)n * sizeof *list);
        if (!p || !list)
            gm_set_error(c, "out of memory for the probabilities of %lld tokens", (long long)n);
        gm_tensor soft = gm_softmax(c, gm_scale(c, logits, 1 / temperature));
        if (gm_ok(c)) {
            gm_to_host(c, p, soft);
            for (int64_t i = 0; i < n; i++) list[i] = (candidate){ p[i], (int32_t)i };
            id = draw(list, n, top_p, state);
        }
        free(p);
        free(list);
    }
    gm_scope_end(c, mark, GM_NONE);
    return id;
}
