/* See state.h. */
#include "state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/json.h"
#include "../io/os.h"
#include "../io/tensor_out.h"
#include "export_files.h"

#define FOLDER "update-%08lld"
enum { EACH = 3 };                      /* tensors of a parameter: master and two moments */
static const char *const suffix[EACH] = { "", ".m", ".v" };

static char *folder_of(const char *out, int64_t update)
{
    char name[40];
    snprintf(name, sizeof name, FOLDER, (long long)update);
    return gm_path_join(out, name);
}

/* ---- saving ---- */

static const float *values(const gm_param *p, int k)
{
    return k == 0 ? p->w.data : k == 1 ? p->m : p->v;
}

static int write_tensors(const char *folder, const gm_params *ps, gm_error *e)
{
    gm_out_tensor *t = calloc((size_t)(EACH * ps->n) + 1, sizeof *t);
    char *path = gm_path_join(folder, "tensors.safetensors");
    int bad = t && path ? 0 : gm_fail(e, "%s: out of memory", folder);
    for (int64_t i = 0; !bad && i < EACH * ps->n; i++) {
        const gm_param *p = &ps->p[i / EACH];
        size_t n = strlen(p->name) + 3;
        char *name = malloc(n);
        if (!name) bad = gm_fail(e, "%s: out of memory", folder);
        else snprintf(name, n, "%s%s", p->name, suffix[i % EACH]);
        t[i] = (gm_out_tensor){ .name = name, .x = p->w, .type = GM_F32 };
        t[i].x.data = (void *)values(p, (int)(i % EACH));
    }
    if (!bad) bad = gm_safetensors_write_out(path, t, EACH * ps->n, e);
    for (int64_t i = 0; t && i < EACH * ps->n; i++) free((char *)t[i].name);
    free(t);
    free(path);
    return bad;
}

static int write_state(const char *folder, const gm_trainer *t, gm_error *e)
{
    json_t *steps = json_object();
    for (int64_t i = 0; i < t->ps.n; i++)
        json_object_set_new(steps, t->ps.p[i].name, json_integer(t->ps.p[i].steps));
    json_t *o = json_pack("{sI sI so so}", "update", (json_int_t)t->update, "best_update",
                          (json_int_t)t->best_update, "best",
                          isfinite(t->best) ? json_real(t->best) : json_null(), "steps", steps);
    int bad = export_json(folder, "state.json", o, e);
    json_decref(o);
    return bad;
}

/* Names of checkpoints in out, in order of their updates; *n of them. */
static char **checkpoints(const char *out, int64_t *n)
{
    char **names = NULL;
    int64_t all = 0;
    *n = 0;
    if (gm_list_dir(out, &names, &all, NULL) != 0) return NULL;
    for (int64_t i = 0; i < all; i++) {
        long long update;
        char end;
        bool fits = sscanf(names[i], "update-%8lld%c", &update, &end) == 1;
        if (fits) names[(*n)++] = names[i];
        else free(names[i]);
    }
    return names;
}

static int64_t update_of(const char *name)
{
    return strtoll(name + strlen("update-"), NULL, 10);
}

static int remove_old(const gm_trainer *t, const char *out, gm_error *e)
{
    int64_t n;
    int bad = 0;
    char **names = checkpoints(out, &n);
    for (int64_t i = 0; !bad && i < n - t->o->keep; i++) {
        if (update_of(names[i]) == t->best_update) continue;
        char *path = gm_path_join(out, names[i]);
        bad = path ? gm_remove_dir(path, e) : gm_fail(e, "%s: out of memory", out);
        free(path);
    }
    gm_free_list(names, n);
    return bad;
}

int gm_state_save(const gm_trainer *t, const char *out, gm_error *e)
{
    char *folder = folder_of(out, t->update);
    char *temporary = folder ? export_begin(folder, e) : NULL;
    int bad = folder ? 0 : gm_fail(e, "%s: out of memory", out);
    if (temporary) {
        bad = write_tensors(temporary, &t->ps, e);
        if (!bad) bad = write_state(temporary, t, e);
    }
    if (!bad || temporary) bad = export_end(temporary, folder, bad, e);
    free(folder);
    return bad ? -1 : remove_old(t, out, e);
}

/* ---- loading ---- */

int64_t gm_state_newest(const char *out)
{
    int64_t n, newest = -1;
    char **names = gm_is_dir(out) ? checkpoints(out, &n) : NULL;
    if (!names) return -1;
    if (n) newest = update_of(names[n - 1]);
    gm_free_list(names, n);
    return newest;
}

static int read_state(gm_trainer *t, const char *folder, gm_error *e)
{
    char *path = gm_path_join(folder, "state.json");
    json_t *o = path ? gm_json_read(path, e) : NULL, *steps = json_object_get(o, "steps");
    json_t *best = json_object_get(o, "best");
    int bad = o ? 0 : -1;
    if (!bad) bad = gm_json_int(o, "update", 0, INT64_MAX, &t->update, path, e);
    if (!bad) bad = gm_json_int(o, "best_update", -1, INT64_MAX, &t->best_update, path, e);
    if (json_is_real(best)) t->best = json_real_value(best);
    for (int64_t i = 0; !bad && i < t->ps.n; i++) {
        gm_param *p = &t->ps.p[i];
        if (!json_object_get(steps, p->name))
            bad = gm_fail(e, "%s: %s was not trained there: made with other settings", path,
                          p->name);
        else bad = gm_json_int(steps, p->name, 0, INT64_MAX, &p->steps, path, e);
    }
    if (!bad && (int64_t)json_object_size(steps) != t->ps.n)
        bad = gm_fail(e, "%s: %zu tensors were trained there, now %lld: made with other settings",
                      path, json_object_size(steps), (long long)t->ps.n);
    json_decref(o);
    free(path);
    return bad;
}

static int read_param(gm_param *p, const gm_file *f, const char *path, gm_error *e)
{
    char name[600], want[100], found[100];
    float *to[EACH] = { p->w.data, p->m, p->v };
    for (int k = 0; k < EACH; k++) {
        snprintf(name, sizeof name, "%s%s", p->name, suffix[k]);
        gm_tensor x = gm_file_find(f, name);
        bool same = x.data && x.type == GM_F32 && x.nd == p->w.nd;
        for (int d = 0; same && d < x.nd; d++) same = x.dim[d] == p->w.dim[d];
        if (!same)
            return gm_fail(e, "%s: %s: wanted %s, found %s", path, name, gm_shape_text(want, p->w),
                           x.data ? gm_shape_text(found, x) : "nothing");
        memcpy(to[k], x.data, (size_t)gm_numel(x) * sizeof(float));
    }
    return 0;
}

int gm_state_load(gm_trainer *t, const char *out, int64_t update, gm_error *e)
{
    char *folder = folder_of(out, update);
    char *path = folder ? gm_path_join(folder, "tensors.safetensors") : NULL;
    int bad = path ? read_state(t, folder, e) : gm_fail(e, "%s: out of memory", out);
    gm_file *f = bad ? NULL : gm_file_open(path, e);
    if (!f) bad = -1;
    for (int64_t i = 0; !bad && i < t->ps.n; i++) bad = read_param(&t->ps.p[i], f, path, e);
    if (!bad) bad = gm_params_push(&t->ps, e);
    gm_file_close(f);
    free(path);
    free(folder);
    return bad;
}
