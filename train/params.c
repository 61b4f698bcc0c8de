/* See params.h. */
#include "params.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/file.h"
#include "../io/names.h"
#include "../io/os.h"
#include "../io/weights.h"
#include "../ref/hash.h"
#include "muon.h"

static const char *const RELEASED[] = {         /* train.py, set_trainable_modules */
    "*lm_head*", "*embed_tokens*", "*mask_decoder*", "*text_hidden_fcs*", "*region_encoder*", NULL
};
static const char *const PAPER[] = { "model.mm_projector.*", NULL };
static const char *const WITHOUT_LORA[] = { "model.layers.*", "model.mm_projector.*", NULL };
static const char *const ALL[] = { "*", NULL };

/* No parameter but a buffer: SAM's random matrix. */
static const char BUFFER[] = "*.positional_encoding_gaussian_matrix";

static bool fits(const char *name, const char *const *list)
{
    while (list && *list)
        if (gm_name_matches(name, *list++)) return true;
    return false;
}

static bool fits_words(const char *name, const gm_words *w)
{
    for (int64_t i = 0; i < w->n; i++)
        if (gm_name_matches(name, w->item[i])) return true;
    return false;
}

static bool trains(const char *name, const gm_train_policy *o)
{
    bool released = strcmp(o->freeze, "released") == 0, paper = strcmp(o->freeze, "paper") == 0;
    bool yes = fits_words(name, &o->include) || (strcmp(o->freeze, "full") == 0 && fits(name, ALL))
        || ((released || paper) && fits(name, RELEASED)) || (paper && fits(name, PAPER))
        || (released && !o->rank && fits(name, WITHOUT_LORA));
    return yes && !fits_words(name, &o->exclude) && !gm_name_matches(name, BUFFER);
}

/* "PATTERN FACTOR" */
static int rate_of(double *rate, const char *name, const gm_words *w, gm_error *e)
{
    *rate = 1;
    for (int64_t i = 0; i < w->n; i++) {
        char pattern[200];
        double factor;
        if (sscanf(w->item[i], "%199s %lf", pattern, &factor) != 2 || !(factor >= 0))
            return gm_fail(e, "rate: wanted PATTERN FACTOR, found '%s'", w->item[i]);
        if (gm_name_matches(name, pattern)) *rate = factor;
    }
    return 0;
}

/* A new parameter of x's sizes, its master uninitialised; NULL when out of memory. */
static gm_param *add(gm_params *ps, const char *name, gm_tensor x, const gm_train_policy *o,
                     gm_error *e)
{
    if (ps->n == ps->room) {
        int64_t room = ps->room ? 2 * ps->room : 64;
        gm_param *more = realloc(ps->p, (size_t)room * sizeof *more);
        if (!more) {
            gm_fail(e, "out of memory for the parameters");
            return NULL;
        }
        ps->p = more;
        ps->room = room;
    }
    gm_param *p = &ps->p[ps->n++];
    size_t n = (size_t)gm_numel(x);
    *p = (gm_param){ .name = gm_copy_text(name), .w = x, .stored = x.type,
                     .decay = x.nd >= 2 ? o->decay : 0,
                     .muon = x.nd == 2 && fits_words(name, &o->muon) };
    p->w.type = GM_F32;
    p->dw = p->w;
    p->w.data = gm_aligned_alloc(n * sizeof(float));
    p->dw.data = gm_aligned_alloc(n * sizeof(float));
    p->m = gm_aligned_alloc(n * sizeof(float));
    p->v = gm_aligned_alloc(n * sizeof(float));
    if (!p->name || !p->w.data || !p->dw.data || !p->m || !p->v) {
        gm_fail(e, "out of memory for %s: a master, a gradient and two moments of %zu values", name,
                n);
        return NULL;
    }
    if (!o->planning) {
        memset(p->dw.data, 0, n * sizeof(float));
        memset(p->m, 0, n * sizeof(float));
        memset(p->v, 0, n * sizeof(float));
    }
    return rate_of(&p->rate, name, &o->rates, e) ? NULL : p;
}

/* Each pattern must fit some tensor: a misspelt one would freeze silently. */
static int check_patterns(const gm_words *w, const char *key, const gm_weights *all, gm_error *e)
{
    for (int64_t i = 0; i < w->n; i++) {
        bool any = false;
        for (int64_t k = 0; k < all->n && !any; k++)
            any = gm_name_matches(all->entry[k].name, w->item[i]);
        if (!any)
            return gm_fail(e, "%s: %s fits no tensor of the model (glamm info --tensors lists "
                           "them)", key, w->item[i]);
    }
    return 0;
}

/* Masters of the checkpoint's own tensors. */
static int add_tensors(gm_params *ps, gm_weights *w, const gm_train_policy *o, gm_error *e)
{
    if (check_patterns(&o->include, "include", w, e) ||
        check_patterns(&o->exclude, "exclude", w, e))
        return -1;
    for (int64_t i = 0; i < w->n; i++) {
        const gm_weight_entry *t = &w->entry[i];
        if (!t->used || !trains(t->name, o)) continue;
        gm_param *p = add(ps, t->name, t->x, o, e);
        if (!p) return -1;
        if (!o->planning) gm_to_float(p->w.data, t->x.data, t->x.type, gm_numel(t->x));
        if (gm_weights_replace(w, t->name, p->w, e) != 0) return -1;
    }
    return 0;
}

/* ---- LoRA ---- */

typedef struct { const char *part, *name; gm_tensor *weight; low_rank *slot; } projection;
enum { PROJECTIONS = 7 };

static void projections(projection out[PROJECTIONS], llama_layer *y)
{
    const projection all[PROJECTIONS] = {
        { "self_attn", "q_proj", &y->q_w, &y->q }, { "self_attn", "k_proj", &y->k_w, &y->k },
        { "self_attn", "v_proj", &y->v_w, &y->v }, { "self_attn", "o_proj", &y->o_w, &y->o },
        { "mlp", "gate_proj", &y->gate_w, &y->gate }, { "mlp", "up_proj", &y->up_w, &y->up },
        { "mlp", "down_proj", &y->down_w, &y->down },
    };
    memcpy(out, all, sizeof all);
}

static bool is_target(const char *name, const gm_words *w)
{
    for (int64_t i = 0; i < w->n; i++)
        if (strcmp(w->item[i], name) == 0) return true;
    return false;
}

static int check_targets(const gm_words *w, gm_error *e)
{
    llama_layer none = { 0 };
    projection all[PROJECTIONS];
    projections(all, &none);
    for (int64_t i = 0; i < w->n; i++) {
        int k = 0;
        while (k < PROJECTIONS && strcmp(all[k].name, w->item[i]) != 0) k++;
        if (k == PROJECTIONS)
            return gm_fail(e, "lora_targets: wanted q_proj, k_proj, v_proj, o_proj, gate_proj, "
                           "up_proj or down_proj, found '%s'", w->item[i]);
    }
    return 0;
}

/* Uniform in +- bound. */
static void start(float *a, gm_tensor x, double bound, uint64_t key)
{
    for (int64_t i = 0; i < gm_numel(x); i++)
        a[i] = (float)(bound * (2 * gm_hash_unit(key, (uint64_t)i) - 1));
}

static int add_pair(gm_params *ps, const projection *j, int64_t layer, const gm_train_policy *o,
                    gm_error *e)
{
    char base[120], name[160];
    gm_lora_pair *pair = &ps->pair[ps->pairs];
    gm_tensor A = *j->weight, B = *j->weight;           /* for their sizes */
    A.dim[0] = B.dim[1] = o->rank;
    snprintf(base, sizeof base, "model.layers.%lld.%s.%s", (long long)layer, j->part, j->name);
    *pair = (gm_lora_pair){ gm_copy_text(base), j->slot, j->weight, ps->n };
    ps->pairs++;
    if (!pair->base) return gm_fail(e, "out of memory");
    snprintf(name, sizeof name, "%s.lora_A.weight", base);
    gm_param *p = add(ps, name, A, o, e);
    if (!p) return -1;
    /* Kaiming-uniform with a = sqrt 5: 1 / sqrt(in) */
    start(p->w.data, p->w, 1 / sqrt((double)p->w.dim[1]),
          gm_hash(gm_hash(o->seed, 1), (uint64_t)ps->n));
    snprintf(name, sizeof name, "%s.lora_B.weight", base);
    p = add(ps, name, B, o, e);
    if (!p) return -1;
    memset(p->w.data, 0, (size_t)gm_numel(p->w) * sizeof(float));
    return 0;
}

static int add_lora(gm_params *ps, llama *m, const gm_train_policy *o, gm_error *e)
{
    if (!o->rank) return 0;
    if (check_targets(&o->targets, e) != 0) return -1;
    ps->pair = calloc((size_t)(m->L * PROJECTIONS), sizeof *ps->pair);
    if (!ps->pair) return gm_fail(e, "out of memory for the adapters");
    for (int64_t l = 0; l < m->L; l++) {
        projection all[PROJECTIONS];
        projections(all, &m->layer[l]);
        for (int k = 0; k < PROJECTIONS; k++)
            if (is_target(all[k].name, &o->targets) && add_pair(ps, &all[k], l, o, e) != 0)
                return -1;
    }
    return 0;
}

static void bind_lora(gm_params *ps, const gm_train_policy *o)
{
    for (int64_t i = 0; i < ps->pairs; i++) {
        const gm_param *a = &ps->p[ps->pair[i].at];
        *ps->pair[i].slot = (low_rank){ .a = a[0].live, .b = a[1].live,
                                        .scale = (float)(o->alpha / (double)o->rank) };
    }
}

/* ---- on a device ---- */

static gm_tensor device_tensor(const gm_params *ps, gm_tensor x)
{
    x.data = ps->memory.alloc(ps->memory.user, gm_bytes(x));
    return x;
}

/* Whether the device's copy is ours, not the checkpoint's. */
static bool is_ours(const gm_param *p) { return p->own || gm_name_is_lora(p->name); }

/* w: the checkpoint's tensors, which are on the device already. */
static int place(gm_params *ps, gm_param *p, const gm_weights *w, gm_error *e)
{
    p->live = p->w, p->dlive = p->dw;
    if (!ps->memory.upload) return 0;
    p->live = is_ours(p) ? device_tensor(ps, p->w) : gm_weights_bound(w, p->name);
    p->dlive = device_tensor(ps, p->dw);
    if (p->live.data && p->dlive.data) return 0;
    return gm_fail(e, "the device has no room for %s and its gradient: %.1f MB each", p->name,
                   (double)gm_bytes(p->w) / 1e6);
}

static void free_copies(gm_params *ps, gm_param *p)
{
    const gm_memory *m = &ps->memory;
    if (!m->upload) return;
    if (p->live.data && is_ours(p)) m->free(m->user, p->live.data, gm_bytes(p->w));
    if (p->dlive.data) m->free(m->user, p->dlive.data, gm_bytes(p->dw));
}

int gm_params_push(const gm_params *ps, gm_error *e)
{
    const gm_memory *m = &ps->memory;
    for (int64_t i = 0; m->upload && i < ps->n; i++) {
        const gm_param *p = &ps->p[i];
        if (m->upload(m->user, p->live.data, p->w.data, gm_bytes(p->w)))
            return gm_fail(e, "%s: the device took no data", p->name);
    }
    return 0;
}

int gm_params_pull(const gm_params *ps, gm_error *e)
{
    const gm_memory *m = &ps->memory;
    for (int64_t i = 0; m->upload && i < ps->n; i++) {
        const gm_param *p = &ps->p[i];
        if (m->download(m->user, p->dw.data, p->dlive.data, gm_bytes(p->dw)))
            return gm_fail(e, "the gradient of %s: the device gave no data", p->name);
    }
    return 0;
}

int gm_params_clear(gm_params *ps)
{
    for (int64_t i = 0; i < ps->n; i++) {
        const gm_param *p = &ps->p[i];
        memset(p->dw.data, 0, gm_bytes(p->dw));
        if (ps->memory.upload && ps->fill(p->dlive.data, gm_numel(p->dlive), 0)) return -1;
    }
    return 0;
}

/* ---- all of it ---- */

/* Muon's, large enough for parameters from .. n - 1, too. */
static int add_scratch(gm_params *ps, int64_t from, gm_error *e)
{
    int64_t most = ps->scratch_size;
    for (int64_t i = from; i < ps->n; i++) {
        const gm_tensor *w = &ps->p[i].w;
        int64_t n = ps->p[i].muon ? gm_muon_scratch(w->dim[0], w->dim[1]) : 0;
        if (n > most) most = n;
    }
    if (most == ps->scratch_size) return 0;
    free(ps->scratch);
    ps->scratch_size = most;
    ps->scratch = gm_aligned_alloc((size_t)most * sizeof *ps->scratch);
    return ps->scratch ? 0 : gm_fail(e, "out of memory for Muon's %lld numbers", (long long)most);
}

/* A misspelt pattern would leave AdamW to what was meant for Muon. */
static int check_muon(const gm_params *ps, const gm_words *w, const gm_weights *all, gm_error *e)
{
    for (int64_t i = 0; i < w->n; i++) {
        bool any = strncmp(w->item[i], "pretrain.", strlen("pretrain.")) == 0;
        for (int64_t k = 0; k < ps->n && !any; k++)
            any = gm_name_matches(ps->p[k].name, w->item[i]);
        const gm_words one = { .item = &w->item[i], .n = 1 };
        if (!any && check_patterns(&one, "muon", all, e) != 0) return -1;
    }
    return 0;
}

int gm_params_open(gm_params *ps, gm_model *m, const gm_train_policy *o, gm_error *e)
{
    gm_weights *w = gm_checkpoint_weights(m->checkpoint);
    gm_config g = m->net.config;
    *ps = (gm_params){
        .alpha = o->alpha, .dropout = o->dropout, .rank = o->rank, .seed = o->seed,
        .momentum = o->momentum, .memory = m->engine.device.memory, .fill = m->kernels.fill,
    };
    if (g.llm.interleaved)
        return gm_fail(e, "%s: wanted a model folder to train, found a GGUF pair",
                       gm_checkpoint_path(m->checkpoint));
    if (add_tensors(ps, w, o, e) != 0) return -1;
    gm_glamm_free(&m->net);
    if (gm_glamm_bind(&m->net, w, &g, e) != 0 || gm_weights_finish(w, e) != 0) return -1;
    if (add_lora(ps, &m->net.llama, o, e) != 0 || check_muon(ps, &o->muon, w, e) != 0 ||
        add_scratch(ps, 0, e) != 0)
        return -1;
    for (int64_t i = 0; i < ps->n; i++)
        if (place(ps, &ps->p[i], w, e) != 0) return -1;
    bind_lora(ps, o);
    if (!ps->n)
        return gm_fail(e, "nothing trains: freeze = %s, no LoRA and nothing included", o->freeze);
    return gm_params_push(ps, e);
}

int gm_params_add(gm_params *ps, const char *name, int nd, const int64_t *dim, double bound,
                  const gm_train_policy *o, gm_error *e)
{
    gm_tensor x = { .data = ps, .type = GM_F32, .nd = nd };     /* data: there is something */
    for (int i = 0; i < nd; i++) x.dim[i] = dim[i];
    gm_param *p = add(ps, name, x, o, e);
    if (!p) return -1;
    p->own = true;
    if (!o->planning)
        start(p->w.data, p->w, bound, gm_hash(gm_hash(o->seed, 3), (uint64_t)ps->n));
    if (place(ps, p, NULL, e) != 0 || gm_params_push(ps, e) != 0) return -1;
    return add_scratch(ps, ps->n - 1, e);
}

void gm_params_free(gm_params *ps)
{
    for (int64_t i = 0; i < ps->n; i++) {
        free_copies(ps, &ps->p[i]);
        free(ps->p[i].name);
        free(ps->p[i].w.data);
        free(ps->p[i].dw.data);
        free(ps->p[i].m);
        free(ps->p[i].v);
    }
    for (int64_t i = 0; i < ps->pairs; i++) free(ps->pair[i].base);
    free(ps->pair);
    free(ps->scratch);
    free(ps->p);
    *ps = (gm_params){ 0 };
}

gm_param *gm_params_find(const gm_params *ps, const char *name)
{
    for (int64_t i = 0; i < ps->n; i++)
        if (strcmp(ps->p[i].name, name) == 0) return &ps->p[i];
    return NULL;
}

/* "X.lora_A.default.weight" -> "X.lora_A.weight", in place. */
static void drop_adapter_name(char *name)
{
    char *at = strstr(name, ".lora_"), *rest = at ? strchr(at + 1, '.') : NULL;
    char *end = rest ? strstr(rest, ".weight") : NULL;
    if (end && end != rest) memmove(rest, end, strlen(end) + 1);
}

static int load_one(gm_params *ps, const char *path, const char *stored, gm_tensor x,
                    int64_t *taken, gm_error *e)
{
    char *name = gm_memory_name(GM_FROM_MODEL, stored), want[100], found[100];
    if (!name) return gm_fail(e, "%s: out of memory", path);
    drop_adapter_name(name);
    gm_param *p = gm_params_find(ps, name);
    free(name);
    if (!p) return 0;
    bool same = x.nd == p->w.nd;
    for (int d = 0; same && d < x.nd; d++) same = x.dim[d] == p->w.dim[d];
    if (!same || gm_to_float(p->w.data, x.data, x.type, gm_numel(x)) != 0)
        return gm_fail(e, "%s: %.200s: wanted %s, found %s %s", path, stored,
                       gm_shape_text(want, p->w), gm_shape_text(found, x), gm_type_name(x.type));
    ++*taken;
    return 0;
}

int gm_params_load(gm_params *ps, const char *path, int64_t *taken, gm_error *e)
{
    gm_file *f = gm_file_open(path, e);
    int bad = !f;
    *taken = 0;
    for (int64_t i = 0; !bad && i < gm_file_count(f); i++)
        bad = load_one(ps, path, gm_file_name(f, i), gm_file_tensor(f, i), taken, e);
    gm_file_close(f);
    if (bad) return -1;
    if (!*taken) return gm_fail(e, "%s: none of its tensors trains here", path);
    return gm_params_push(ps, e);
}

void gm_params_dropout(gm_params *ps, int64_t number)
{
    for (int64_t i = 0; i < ps->pairs; i++) {
        low_rank *slot = ps->pair[i].slot;
        slot->dropout = number < 0 ? 0 : ps->dropout;
        slot->key = gm_hash(gm_hash(gm_hash(ps->seed, 2), (uint64_t)number), (uint64_t)i);
    }
}

double gm_params_norm(const gm_params *ps, double scale)
{
    double sum = 0;
    for (int64_t i = 0; i < ps->n; i++)
        sum += gm_sum_squares(ps->p[i].dw.data, gm_numel(ps->p[i].dw));
    return scale * sqrt(sum);
}

static bool reached(const gm_param *p)
{
    const float *dw = p->dw.data;
    int64_t n = gm_numel(p->dw);
    for (int64_t i = 0; i < n; i++)
        if (dw[i] != 0) return true;
    return false;
}

void gm_params_step(gm_params *ps, const gm_adamw *o, double lr, double scale)
{
    for (int64_t i = 0; i < ps->n; i++) {
        gm_param *p = &ps->p[i];
        if (!reached(p)) continue;
        p->steps++;
        if (p->elsewhere) continue;
        if (p->muon)
            gm_muon_step(p->w.data, p->dw.data, p->m, p->w.dim[0], p->w.dim[1], ps->momentum,
                         lr * p->rate, p->decay, scale, ps->scratch);
        else
            gm_adamw_step(p->w.data, p->dw.data, p->m, p->v, gm_numel(p->w), o, lr * p->rate,
                          p->decay, scale, p->steps);
    }
}

int64_t gm_params_count(const gm_params *ps)
{
    int64_t n = 0;
    for (int64_t i = 0; i < ps->n; i++) n += gm_numel(ps->p[i].w);
    return n;
}
