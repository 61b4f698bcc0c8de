/* See past.h. */
#include "past.h"

#include <stdlib.h>
#include <string.h>

#define IMAGE_ID (-200)

/* Rooms are whole runs of so many positions: a conversation grows by less each turn. */
enum { RUN = 256 };

bool gm_past_open(gm_past *p, const gm_kernels *kernels, const gm_memory *memory)
{
    *p = (gm_past){ .c = gm_ctx_new(kernels, memory) };
    return p->c != NULL;
}

void gm_past_close(gm_past *p)
{
    gm_llama_cache_free(&p->kv);
    gm_ctx_free(p->c);
    free(p->ids);
    free(p->box);
    *p = (gm_past){ 0 };
}

void gm_past_forget(gm_past *p) { p->kv.len = p->n = 0; }

int64_t gm_positions(const glamm *m, const int32_t *ids, int64_t n)
{
    int64_t at = n;
    for (int64_t i = 0; i < n; i++)
        if (ids[i] == IMAGE_ID) at += gm_image_token_count(m) - 1;
    return at;
}

/* The box of <bbox> number k; NULL: none, the token stands for itself. */
static const float *box_of(const float *box, int64_t n, int64_t k)
{
    if (n == 1) return box;
    return k < n ? box + 4 * k : NULL;
}

int64_t gm_past_shared(const gm_past *p, const glamm *m, const int32_t *ids, int64_t n,
                       const float *box, int64_t nboxes)
{
    int64_t i = 0, bbox = 0;
    for (; i < n && i < p->n && ids[i] == p->ids[i]; i++) {
        if (ids[i] != m->bbox) continue;
        const float *a = box_of(p->box, p->nboxes, bbox), *b = box_of(box, nboxes, bbox);
        if (!a != !b || (a && memcmp(a, b, 4 * sizeof *a) != 0)) break;
        bbox++;
    }
    return i;
}

/* Bits that are only moved: two numbers of 16 bits are one float (heads have an even width). */
static gm_tensor as_floats(gm_tensor x)
{
    if (x.type != GM_F32) x.type = GM_F32, x.dim[2] /= 2;
    return x;
}

/* y (1, room, C) with the first `filled` rows of *x, whose block goes back. */
static void widen(gm_past *p, gm_tensor *x, int64_t filled, int64_t room)
{
    gm_tensor y = gm_new(p->c, x->type, 3, GM_DIMS(1, room, x->dim[2])), from = *x;
    from.dim[1] = filled;
    if (filled) gm_place(p->c, as_floats(y), as_floats(from), 0);
    gm_give_back(p->c, *x);
    *x = y;
}

static void make_room(gm_past *p, const glamm *m, int64_t filled, int64_t room)
{
    gm_ctx *c = p->c;
    if (!p->room) {
        p->hidden = gm_new(c, GM_F32, 3, GM_DIMS(1, room, m->config.llm.hidden));
        gm_llama_cache_new(c, &p->kv, &m->llama, 1, room);
    } else {
        for (int64_t l = 0; l < m->llama.L; l++) {
            widen(p, &p->kv.k[l], filled, room);
            widen(p, &p->kv.v[l], filled, room);
        }
        widen(p, &p->hidden, filled, room);
    }
    gm_trim(c);                         /* blocks of the old size serve nobody */
    p->room = room;
}

int gm_past_keep(gm_past *p, gm_ctx *c, const glamm *m, int64_t n, int64_t room)
{
    int64_t most = m->config.llm.max_positions, filled = gm_positions(m, p->ids, n);
    if (room > p->room) {
        room = (room + RUN - 1) / RUN * RUN;
        make_room(p, m, filled, room < most ? room : most);
    }
    if (gm_ok(p->c)) {
        p->n = n;
        p->kv.len = filled;
        return 0;
    }
    gm_set_error(c, "%s", gm_error_text(p->c));
    gm_clear(p->c);                     /* nothing of it is usable */
    gm_llama_cache_free(&p->kv);
    gm_scope_end(p->c, (gm_mark){ 0 }, GM_NONE);
    p->n = p->room = 0;
    return -1;
}

int gm_past_note(gm_past *p, gm_ctx *c, const int32_t *ids, int64_t n, const float *box,
                 int64_t nboxes)
{
    int32_t *copy = malloc((size_t)(n + 1) * sizeof *copy);
    float *boxes = malloc((size_t)(4 * nboxes + 1) * sizeof *boxes);
    free(p->ids);
    free(p->box);
    p->ids = copy;
    p->box = boxes;
    p->n = copy && boxes ? n : 0;
    if (!p->n) {
        p->kv.len = 0;
        gm_set_error(c, "out of memory for %lld token ids", (long long)n);
        return -1;
    }
    memcpy(copy, ids, (size_t)n * sizeof *copy);
    if (nboxes) memcpy(boxes, box, (size_t)nboxes * 4 * sizeof *boxes);
    p->nboxes = nboxes;
    return 0;
}
