/* See generate.h. */
#include "generate.h"

#include <stdlib.h>
#include <string.h>

#include "../io/os.h"

/* What generation carries from step to step. */
typedef struct {
    gm_ctx *c;
    const glamm *m;
    gm_scene *scene;
    const gm_generate_options *o;
    gm_generated *out;
    gm_tensor regions;                  /* (N, C) or GM_NONE */
    gm_past *past, own;                 /* the scene's, or one that lasts as long as this run */
    int64_t read;                       /* ids that past holds */
    bool cached;                        /* keys and values are kept */
    int64_t limit;                      /* ids at most */
    float *box;                         /* host copy of o->box */
    int64_t offset[2], boxes_of[2];
    double asked, started;
    const char *now;                    /* the stage that runs, or NULL */
    uint64_t random;
    gm_scene before;
    gm_mark mark, writing;              /* at the start, and when the first id was to be chosen */
    gm_tensor logits;                   /* (1, V), of the next id */
    bool active;                        /* ids are still to be written */
    int64_t written;
} run;

static void took(run *r, const char *name, double since)
{
    if (r->out->ntimes < 8)
        r->out->time[r->out->ntimes++] = (gm_stage_time){ name, gm_seconds() - since };
}

static void stage(run *r, const char *name, double done)
{
    if (done == 0) r->started = gm_seconds(), r->now = name;
    if (done == 1) {
        took(r, name, r->started);
        r->now = NULL;
        /* Blocks of this stage's sizes serve no other; on a device giving back costs time. */
        if (!gm_on_device(r->c)) gm_trim(r->c);
    }
    if (r->o->on_stage) r->o->on_stage(r->o->user, name, done);
}

/* A stage's tower; while ids are written the language model runs for each of them, unreported. */
static void progress(void *user, double done)
{
    run *r = user;
    if (r->now && done < 1 && strcmp(r->now, "generate") != 0) stage(r, r->now, done);
}

/* The ids so far as a batch of one conversation about one image. */
static gm_batch batch_of(run *r)
{
    r->offset[1] = 1;
    r->boxes_of[1] = r->o->box.data ? r->o->box.dim[0] : 0;
    return (gm_batch){ .B = 1, .L = r->out->n, .ids = r->out->ids, .images = 1, .offset = r->offset,
                       .box = r->o->box, .boxes_of = r->boxes_of };
}

/* The boxes' vectors; levels, where given, first make the scene's region maps anew. */
static void read_boxes(run *r, gm_tensor levels[4])
{
    gm_scene *s = r->scene;
    gm_batch b = batch_of(r);
    if (levels) gm_region_maps(r->c, &r->m->region, levels, s->maps);
    r->regions = gm_region(r->c, &r->m->region, s->maps, r->o->box, gm_box_images(r->c, &b));
}

/* CLIP and the projector; the region encoder when there are boxes.  Kept in the scene. */
static void see(run *r)
{
    gm_scene *s = r->scene;
    bool boxes = r->o->box.data && r->o->box.dim[0] > 0;
    bool maps = boxes && !s->maps[0].data;
    gm_tensor levels[4];
    if (r->m->config.text_only) return;
    if (!s->img.data || maps) {
        stage(r, "clip", 0);
        s->img = gm_image_tokens(r->c, r->m, s->clip_pixels, maps ? levels : NULL);
        stage(r, "clip", 1);
    }
    r->regions = GM_NONE;
    if (!boxes) return;
    stage(r, "region", 0);
    read_boxes(r, maps ? levels : NULL);
    stage(r, "region", 1);
}

/* Logits (1, V) after the last id; final states of all positions that the past does not have yet go
 * there.  Everything at once. */
static gm_tensor read_all(run *r)
{
    gm_batch b = batch_of(r);
    llama_cache *kv = r->cached ? &r->past->kv : NULL;
    int64_t at = kv ? kv->len : 0;
    gm_tensor x = gm_input_embeddings(r->c, r->m, &b, r->scene->img, r->regions);
    if (at) x = gm_slice(r->c, x, 1, at, x.dim[1] - at);
    gm_tensor h = gm_llama(r->c, &r->m->llama, x, kv, GM_NONE); /* (1, T, C); no mask: C8 */
    gm_place(r->c, r->past->hidden, h, at);
    r->read = r->out->n;
    h = gm_slice(r->c, h, 1, h.dim[1] - 1, 1);
    return gm_reshape(r->c, gm_linear(r->c, h, r->m->llama.head, GM_NONE), 2, GM_DIMS(1, -1));
}

/* The same for one more id, on top of the cache. */
static gm_tensor read_one(run *r, int32_t id)
{
    llama_cache *kv = &r->past->kv;
    int64_t at = kv->len;
    gm_step_begin(r->c);
    gm_tensor row = gm_from(r->c, GM_I32, &id, 1, GM_DIMS(1));
    gm_tensor x = gm_gather(r->c, r->m->llama.embed, row);
    gm_tensor h =
        gm_llama(r->c, &r->m->llama, gm_reshape(r->c, x, 3, GM_DIMS(1, 1, -1)), kv, GM_NONE);
    gm_place(r->c, r->past->hidden, h, at);
    r->read++;
    h = gm_reshape(r->c, gm_linear(r->c, h, r->m->llama.head, GM_NONE), 2, GM_DIMS(1, -1));
    gm_step_end(r->c);
    return h;
}

/* As the authors do: the whole model again for every token (Q7). */
static gm_tensor read_again(run *r)
{
    gm_scene *s = r->scene;
    gm_tensor levels[4];
    s->img = gm_image_tokens(r->c, r->m, s->clip_pixels, r->regions.data ? levels : NULL);
    if (r->regions.data) read_boxes(r, levels);
    return read_all(r);
}

/* The next id's logits, without the others. */
static void read_alone(run *r)
{
    gm_scene *s = r->scene;
    r->logits = r->cached ? read_one(r, r->out->ids[r->out->n - 1]) : read_again(r);
    gm_scope_keep(r->c, r->writing,
                  (gm_tensor[]){ r->logits, s->img, s->maps[0], s->maps[1], s->maps[2], s->maps[3],
                                 r->regions },
                  7);
}

/* The next ids' logits of n runs, in c: the weights are read once for all. */
static void read_together(gm_ctx *c, run *const *r, int64_t n)
{
    const llama *m = &r[0]->m->llama;
    llama_cache *kv[GM_MAX_TOGETHER];
    int32_t id[GM_MAX_TOGETHER];
    for (int64_t i = 0; i < n; i++) {
        id[i] = r[i]->out->ids[r[i]->out->n - 1];
        kv[i] = &r[i]->past->kv;
    }
    gm_scope_end(c, (gm_mark){ 0 }, GM_NONE);       /* the last ids are chosen */
    gm_step_begin(c);
    gm_tensor x = gm_gather(c, m->embed, gm_from(c, GM_I32, id, 1, GM_DIMS(n)));
    gm_tensor h = gm_llama_step(c, m, gm_reshape(c, x, 3, GM_DIMS(n, 1, -1)), kv);
    for (int64_t i = 0; i < n && gm_ok(c); i++)
        gm_place(c, r[i]->past->hidden, gm_llama_row(h, i), kv[i]->len - 1);
    h = gm_linear(c, h, m->head, GM_NONE);
    gm_step_end(c);
    for (int64_t i = 0; i < n; i++) {
        r[i]->read++;
        if (gm_ok(c)) r[i]->logits = gm_reshape(c, gm_llama_row(h, i), 2, GM_DIMS(1, -1));
        else gm_set_error(r[i]->c, "%s", gm_error_text(c));
    }
    gm_clear(c);
}

/* Appends the next id; the run is active until </s>, the limit, or the end of the context. */
static void write_one(run *r)
{
    gm_ctx *c = r->c;
    gm_generated *out = r->out;
    bool stop = out->n >= r->limit;
    if (!stop) gm_tap(c, r->logits, "lm_head");
    int32_t id = stop ? 0 : gm_choose(c, r->logits, r->o->temperature, r->o->top_p, &r->random);
    if (gm_ok(c) && !stop) {
        if (!r->written++) took(r, "first_token", r->asked);
        out->ids[out->n++] = id;
        out->finished = id == r->m->eos;
        stop = r->o->on_ids && r->o->on_ids(r->o->user, out->ids, out->n);
    }
    r->active = gm_ok(c) && !stop && !out->finished && out->n < r->limit;
    if (!r->active) stage(r, "generate", 1);
}

/* Appends ids to all runs that are active. */
static void write_answers(gm_ctx *shared, run **r, int64_t n)
{
    for (;;) {
        int64_t active = 0;
        for (int64_t i = 0; i < n; i++) {
            if (r[i]->active) write_one(r[i]);
            if (r[i]->active) active++;
        }
        if (!active) return;
        run *on[GM_MAX_TOGETHER];
        int64_t together = 0;
        for (int64_t i = 0; i < n; i++) {
            if (!r[i]->active) continue;
            if (active > 1 && shared && r[i]->cached) on[together++] = r[i];
            else read_alone(r[i]);
        }
        if (together) read_together(shared, on, together);
        for (int64_t i = 0; i < n; i++)
            if (r[i]->active && !gm_ok(r[i]->c)) r[i]->active = false;
    }
}

/* The masks of every [SEG]: SAM only when there is one (Q8). */
static void draw(run *r)
{
    gm_ctx *c = r->c;
    gm_scene *s = r->scene;
    gm_batch b = batch_of(r);
    gm_tensor rows = gm_seg_rows(c, r->m, &b, 0, 1);
    gm_tensor h = gm_reshape(c, r->past->hidden, 2, GM_DIMS(r->past->room, -1));
    gm_tensor prompts = gm_project_text(c, r->m, gm_gather(c, h, rows));    /* (N, 256) */
    if (!gm_ok(c)) return;
    if (rows.dim[0] > 0 && !s->embedding.data) {
        stage(r, "sam", 0);
        s->embedding = gm_sam_encode(c, &r->m->sam, s->sam_pixels);
        stage(r, "sam", 1);
    }
    stage(r, "masks", 0);
    r->out->mask = gm_masks(c, r->m, s->embedding, prompts, s->resized, s->original, &r->out->iou);
    stage(r, "masks", 1);
}

/* The past that this run reads on from: the scene's, but where keys and values are not kept, or a
 * tap waits for every module's output.  The last id is always read: its logits are wanted. */
static int remember(run *r, int64_t room)
{
    const gm_generate_options *o = r->o;
    gm_ctx *c = r->c;
    int64_t nboxes = o->box.data ? o->box.dim[0] : 0, shared = 0;
    if (nboxes) {
        gm_tensor host = gm_host_copy(c, o->box);
        r->box = host.data;
    }
    r->past = r->scene->past;
    r->cached = !o->no_cache && (r->past || !o->answer);
    if (!r->past || o->no_cache || gm_tapped(c)) {
        r->past = &r->own;
        r->own = (gm_past){ .c = c, .room = room };
        r->own.hidden = gm_new(c, GM_F32, 3, GM_DIMS(1, room, r->m->config.llm.hidden));
        if (r->cached) gm_llama_cache_new(c, &r->own.kv, &r->m->llama, 1, room);
    } else if (gm_ok(c)) {
        shared = gm_past_shared(r->past, r->m, r->out->ids, r->out->n - 1, r->box, nboxes);
        gm_past_keep(r->past, c, r->m, shared, room);
    }
    return gm_ok(c) ? 0 : -1;
}

/* What was read stays for the next question; after an error nothing does. */
static void part(run *r)
{
    if (r->past == &r->own) gm_llama_cache_free(&r->own.kv);
    else if (r->past && gm_ok(r->c))
        gm_past_note(r->past, r->c, r->out->ids, r->read, r->box, r->boxes_of[1]);
    if (r->past && !gm_ok(r->c)) gm_past_forget(r->past);
    free(r->box);
}

/* Room for the prompt and the answer (which the context may cut short). */
static int prepare(run *r)
{
    const gm_generate_options *o = r->o;
    gm_ctx *c = r->c;
    int64_t extra = gm_image_token_count(r->m) - 1, context = r->m->config.llm.max_positions;
    int64_t fed = o->nprompt + (o->answer ? o->nanswer : 0), left = context - fed - extra;
    if (left < 0) {
        gm_set_error(c,
                     "the prompt needs %lld positions (%lld of them the image); the model's "
                     "context has %lld",
                     (long long)(fed + extra), (long long)extra + 1, (long long)context);
        return -1;
    }
    int64_t most = fed + (o->answer ? 0 : o->max_new < left ? o->max_new : left);
    r->limit = most;
    r->out->ids = malloc((size_t)(most + 1) * sizeof *r->out->ids);
    if (!r->out->ids) gm_set_error(c, "out of memory for %lld token ids", (long long)most);
    if (!gm_ok(c)) return -1;
    memcpy(r->out->ids, o->prompt, (size_t)o->nprompt * sizeof *o->prompt);
    if (o->answer)
        memcpy(r->out->ids + o->nprompt, o->answer, (size_t)o->nanswer * sizeof *o->answer);
    r->out->n = fed;
    return remember(r, most + extra);
}

/* From the question to the logits of its first new id. */
static void start(run *r, const glamm *m, const gm_generation *g)
{
    *r = (run){ .c = g->c, .m = m, .scene = g->scene, .o = g->options, .out = g->out,
                .random = g->options->seed, .asked = gm_seconds(), .before = *g->scene };
    *r->out = (gm_generated){ 0 };
    r->mark = gm_scope(r->c);
    gm_taps_restart(r->c);
    gm_set_progress(r->c, progress, r);
    if (prepare(r) != 0) return;
    see(r);
    stage(r, "prefill", 0);
    r->logits = read_all(r);
    stage(r, "prefill", 1);
    if (r->o->answer) {
        r->out->finished = r->out->ids[r->out->n - 1] == m->eos;
        return;
    }
    stage(r, "generate", 0);
    r->writing = gm_scope(r->c);
    r->active = gm_ok(r->c);
}

/* The masks, and what the scene keeps. */
static void finish(run *r)
{
    gm_scene *s = r->scene;
    const gm_scene *before = &r->before;
    if (gm_ok(r->c) && !r->o->no_masks) draw(r);
    gm_set_progress(r->c, NULL, NULL);
    part(r);
    if (!gm_ok(r->c)) *s = *before; /* what this run made may be half made */
    if (before->img.data) s->img = before->img; /* what it made again has the same values */
    if (before->maps[0].data) memcpy(s->maps, before->maps, sizeof s->maps);
    gm_tensor keep[] = { r->out->mask, r->out->iou, s->img,     s->maps[0],
                         s->maps[1],   s->maps[2],  s->maps[3], s->embedding };
    gm_scope_keep(r->c, r->mark, keep, sizeof keep / sizeof *keep);
}

int gm_generate(gm_ctx *c, const glamm *m, gm_scene *s, const gm_generate_options *o,
                gm_generated *out)
{
    run r, *all = &r;
    start(&r, m, &(gm_generation){ c, s, o, out });
    write_answers(NULL, &all, 1);
    finish(&r);
    return gm_ok(c) ? 0 : -1;
}

void gm_generate_each(gm_ctx *shared, const glamm *m, const gm_generation *g, int64_t n)
{
    run *r = calloc((size_t)n, sizeof *r), *all[GM_MAX_TOGETHER];
    for (int64_t i = 0; i < n; i++) {
        if (r && n <= GM_MAX_TOGETHER) start(all[i] = &r[i], m, &g[i]);
        else gm_set_error(g[i].c, "%lld questions side by side: wanted at most %d, and memory",
                          (long long)n, GM_MAX_TOGETHER);
    }
    if (r && n <= GM_MAX_TOGETHER) {
        write_answers(shared, all, n);
        for (int64_t i = 0; i < n; i++) finish(&r[i]);
    }
    free(r);
}
