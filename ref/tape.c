/* Reverse mode: what is recorded, and the way back.  See tape.h; the ops are in tape_ops.c.
 *
 * A block of memory is held (scopes do not free it) while a node bears its address.  Addresses are
 * not used again while they are held, so they name tensors.  Gradients lie in blocks that are nodes
 * themselves. */
#include "tape.h"

#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "front.h"

/* A checkpointed block's record: what to run again.  Its args follow. */
typedef struct { gm_block_fn f; size_t args_bytes; } again;
#define AGAIN_MAX 512                   /* bytes of args */
static const char BLOCK[] = "block";

void gm_tape_start(gm_ctx *c)
{
    gm_tape_stop(c);
    c->tape.on = true;
}

void gm_tape_stop(gm_ctx *c)
{
    gm_record_cut(&c->tape.list, 0);
    free(c->tape.list.record);
    c->tape.list = (gm_record_list){ 0 };
    gm_nodes_free(&c->tape.nodes);
    free(c->tape.first);
    c->tape.first = NULL;
    c->tape.firsts = c->tape.room_firsts = 0;
    c->tape.on_final = NULL;
    c->tape.on = c->tape.inside = false;
}

void gm_set_checkpointing(gm_ctx *c, bool on) { c->tape.checkpointing = on; }

void gm_on_final(gm_ctx *c, gm_final_fn f, void *user)
{
    c->tape.on_final = f;
    c->tape.final_user = user;
}

static gm_node *node(gm_ctx *c, const void *p)
{
    gm_node *x = gm_nodes_add(&c->tape.nodes, p);
    if (!x) gm_set_error(c, "out of memory for the tape");
    return x;
}

void gm_want_gradient(gm_ctx *c, gm_tensor w, gm_tensor dw)
{
    if (c->failed) return;
    if (!w.data || !dw.data || dw.type != GM_F32 || gm_numel(w) != gm_numel(dw)) {
        char s[100], t[100];
        gm_set_error(c, "a gradient for %s: wanted f32 of its size, found %s",
                     gm_shape_text(s, w), gm_shape_text(t, dw));
        return;
    }
    gm_node *x = node(c, w.data);
    if (!x) return;
    x->leads = x->wanted = true;
    x->d = dw;
}

bool gm_has_gradient(const gm_ctx *c, gm_tensor x)
{
    const gm_node *n = gm_nodes_find(&c->tape.nodes, x.data);
    return n && n->leads;
}

float *gm_gradient(gm_ctx *c, gm_tensor x)
{
    gm_node *n = gm_nodes_find(&c->tape.nodes, x.data);
    if (c->failed || !n || !n->leads) return NULL;
    if (n->d.data) return n->d.data;
    gm_tensor d = gm_like(c, x);
    if (!d.data) return NULL;
    gm_zero(c, d);
    n->d = d;
    gm_node *own = node(c, d.data);     /* n is void from here */
    if (own) own->buffer = true;
    return d.data;
}

/* A record reads x: notes it when x is wanted and this is the first time. */
static void note_use(gm_ctx *c, gm_node *x)
{
    gm_tape *t = &c->tape;
    if (!x || !x->wanted || x->used) return;
    x->used = true;
    if (t->firsts == t->room_firsts) {
        int64_t room = t->room_firsts ? 2 * t->room_firsts : 64;
        gm_first *more = realloc(t->first, (size_t)room * sizeof *more);
        if (!more) {
            gm_set_error(c, "out of memory for the tape");
            return;
        }
        t->first = more;
        t->room_firsts = room;
    }
    t->first[t->firsts++] = (gm_first){ t->inside ? t->block_at : t->list.n, x->d };
}

enum { INPUTS = sizeof ((gm_record *)0)->x / sizeof (gm_tensor) };

void gm_tape_record(gm_ctx *c, const gm_record *r, size_t args_bytes)
{
    bool leads = false;
    for (int i = 0; i < INPUTS; i++) leads = leads || gm_has_gradient(c, r->x[i]);
    if (!leads || r->y.type != GM_F32) return;      /* decisions have no gradient */
    if (!gm_differentiable(r->op)) {
        gm_set_error(c, "%s: this operation has no gradient", r->op);
        return;
    }
    for (int i = 0; i < INPUTS; i++)
        if (r->x[i].data) note_use(c, node(c, r->x[i].data));
    gm_node *y = node(c, r->y.data);
    if (y) y->leads = true;
    if (!gm_record_append(&c->tape.list, r, args_bytes))
        gm_set_error(c, "out of memory for the tape");
}

/* Ends what began at block number `from`: what only the records there held is freed, but for y. */
static void let_go(gm_ctx *c, int64_t from, gm_tensor y)
{
    for (int64_t i = from; i < c->blocks.nlive; i++) {
        const void *p = c->blocks.live[i].p;
        const gm_node *n = gm_nodes_find(&c->tape.nodes, p);
        if (n && !n->buffer && p != y.data) gm_nodes_remove(&c->tape.nodes, p);
    }
    gm_scope_keep(c, (gm_mark){ from }, &y, 1);
}

gm_tensor gm_block_run(gm_ctx *c, gm_block_fn f, gm_tensor x, const void *args, size_t args_bytes)
{
    gm_tape *t = &c->tape;
    int64_t first = t->list.n, from = c->blocks.nlive;
    if (!t->on || !t->checkpointing || t->inside) return f(c, x, args);
    t->inside = true;
    t->block_at = first;
    gm_tensor y = f(c, x, args);
    t->inside = false;
    if (c->failed || t->list.n == first) return y;
    gm_record_cut(&t->list, first);
    let_go(c, from, y);
    char copy[sizeof(again) + AGAIN_MAX];
    if (args_bytes > AGAIN_MAX) {
        gm_set_error(c, "a block with %zu bytes of arguments: at most %d fit", args_bytes,
                     AGAIN_MAX);
        return GM_NONE;
    }
    memcpy(copy, &(again){ f, args_bytes }, sizeof(again));
    memcpy(copy + sizeof(again), args, args_bytes);
    gm_record r = { .op = BLOCK, .y = y, .x = { x }, .args = copy };
    if (!gm_record_append(&t->list, &r, sizeof(again) + args_bytes) || !node(c, x.data))
        gm_set_error(c, "out of memory for the tape");
    return y;
}

static void walk_back(gm_ctx *c, int64_t until, const void *keep);

/* Runs the block again, now with records, and goes back through these. */
static void block_backward(gm_ctx *c, const gm_record *r, gm_tensor dy)
{
    const again *g = r->args;
    int64_t first = c->tape.list.n, from = c->blocks.nlive;
    c->tap_off = c->tape.inside = true;
    gm_tensor y = g->f(c, r->x[0], (const char *)r->args + sizeof *g);
    c->tap_off = c->tape.inside = false;
    gm_node *n = gm_nodes_find(&c->tape.nodes, y.data);
    if (c->failed || !n) return;
    n->d = dy;                          /* the first run's gradient serves the second's output */
    walk_back(c, first, dy.data);
    let_go(c, from, GM_NONE);
}

/* y's gradient has been passed on: both can go. */
static void forget(gm_ctx *c, const void *y, const void *dy)
{
    gm_nodes_remove(&c->tape.nodes, y);
    gm_nodes_remove(&c->tape.nodes, dy);
    gm_blocks_release(&c->blocks, y);
    gm_blocks_release(&c->blocks, dy);
}

/* Gradients of tensors that no record before number `record` reads are final. */
static void tell_final(gm_ctx *c, int64_t record)
{
    gm_tape *t = &c->tape;
    while (t->firsts && t->first[t->firsts - 1].record >= record && !c->failed) {
        gm_tensor dw = t->first[--t->firsts].dw;
        if (t->on_final) t->on_final(t->final_user, dw);
    }
    if (t->on_final && !c->failed) t->on_final(t->final_user, GM_NONE);
}

/* Those of wanted tensors that no record reads. */
static void tell_unread(gm_ctx *c)
{
    gm_tape *t = &c->tape;
    for (int64_t i = 0; i < t->nodes.slots; i++) {
        const gm_node *x = &t->nodes.slot[i];
        if (x->p && x->wanted && !x->used && t->on_final) t->on_final(t->final_user, x->d);
    }
}

/* Back to record number `until`.  The gradient at `keep` is the caller's to forget. */
static void walk_back(gm_ctx *c, int64_t until, const void *keep)
{
    gm_record_list *l = &c->tape.list;
    while (l->n > until && !c->failed) {
        gm_record r = l->record[--l->n];
        gm_node *n = gm_nodes_find(&c->tape.nodes, r.y.data);
        gm_tensor dy = n ? n->d : GM_NONE;
        if (dy.data && r.op == BLOCK) block_backward(c, &r, dy);
        else if (dy.data) {
            int bad = gm_backward_op(c, &r, dy.data);
            if (bad)
                gm_set_error(c, "%s_backward: the kernel of backend %s failed with code %d", r.op,
                             c->k->name, bad);
        }
        free((void *)r.args);
        forget(c, r.y.data, dy.data == keep ? NULL : dy.data);
        if (!keep) tell_final(c, l->n);         /* inside a block its end decides */
    }
    gm_record_cut(l, until);
}

void gm_backward(gm_ctx *c, gm_tensor loss, float seed)
{
    if (!c->failed && (gm_numel(loss) != 1 || !gm_has_gradient(c, loss)))
        gm_set_error(c, "backward: wanted a loss of one number that depends on a trained tensor");
    gm_tensor one = gm_from(c, GM_F32, &seed, 1, GM_DIMS(1));
    gm_node *n = gm_nodes_find(&c->tape.nodes, loss.data);
    if (!c->failed && n) n->d = one;
    if (!c->failed) tell_unread(c);
    walk_back(c, 0, NULL);
    gm_nodes_clear(&c->tape.nodes);
    for (int64_t i = 0; i < c->tape.nodes.slots; i++) c->tape.nodes.slot[i].used = false;
    c->tape.firsts = 0;
}
