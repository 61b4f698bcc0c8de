/* A trace against stored tensors: a table, and the first module that differs. */
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../io/os.h"
#include "../ref/kernels/typed.h"
#include "trace.h"

/* The JSON beside NAME.safetensors, its "tensors"; NULL when there is none. */
static json_t *facts_beside(const char *path)
{
    static const char end[] = ".safetensors";
    size_t n = strlen(path), m = strlen(end);
    if (n < m || strcmp(path + n - m, end) != 0) return NULL;
    char *json = gm_copy_text(path);
    if (!json) return NULL;
    memcpy(json + n - m, ".json", sizeof ".json");
    json_t *root = json_load_file(json, 0, NULL),
           *facts = json_incref(json_object_get(root, "tensors"));
    json_decref(root);
    free(json);
    return facts;
}

typedef struct { double error, absmax, tolerance; int64_t at; bool same_size; } difference;

static double value_at(gm_tensor x, int64_t i)
{
    if (x.type == GM_I32) return ((const int32_t *)x.data)[i];
    if (x.type == GM_I64) return (double)((const int64_t *)x.data)[i];
    return gm_typed(x.data, x.type, i);
}

/* x against a stored tensor of every stride-th element. */
static difference differ(gm_tensor x, gm_tensor stored, const json_t *facts, double tolerance)
{
    const json_t *stride_of = json_object_get(facts, "stride"),
                 *gap = json_object_get(facts, "f64_gap");
    int64_t stride = stride_of ? json_integer_value(stride_of) : 1, n = gm_numel(stored);
    difference d = { .at = -1,
                     .same_size = stride > 0 && (gm_numel(x) + stride - 1) / stride == n };
    for (int64_t i = 0; d.same_size && i < n; i++) {
        double want = value_at(stored, i), got = value_at(x, i * stride);
        double error = fabs(got - want);
        if (fabs(want) > d.absmax) d.absmax = fabs(want);
        if (error > d.error || isnan(error)) {
            d.error = error;
            d.at = i * stride;
        }
        if (isnan(error)) break;
    }
    if (json_is_number(json_object_get(facts, "absmax")))
        d.absmax = json_number_value(json_object_get(facts, "absmax"));
    d.tolerance = gap ? 8 * json_number_value(gap) + 4 * FLT_EPSILON * d.absmax
                      : tolerance * d.absmax;
    return d;
}

/* A row of the table; true when the tensor is within its tolerance. */
static bool compare_one(const traced *t, const gm_file *f, const json_t *facts, double tolerance)
{
    char key[600], shape[100], note[100] = "";
    trace_key(key, sizeof key, t->name);
    gm_tensor stored = gm_file_find(f, key);
    gm_shape_text(shape, t->x);
    if (!stored.data) return true;                      /* not asked about */
    difference d = differ(t->x, stored, json_object_get(facts, t->name), tolerance);
    bool exact = t->x.type == GM_I32;
    bool good = d.same_size && (exact ? d.error == 0 : d.error <= d.tolerance);
    if (!d.same_size)
        snprintf(note, sizeof note, "the file has %lld values", (long long)gm_numel(stored));
    else if (!good) snprintf(note, sizeof note, "worst at %lld", (long long)d.at);
    printf("%-4s %-70s %-20s %10.3g %10.3g  %s\n", good ? "ok" : "BAD", t->name, shape, d.error,
           exact ? 0 : d.tolerance, note);
    return good;
}

/* Stored outputs that no module of this trace gave. */
static int64_t missing(const trace_list *l, const gm_file *f)
{
    int64_t count = 0;
    for (int64_t i = 0; i < gm_file_count(f); i++) {
        const char *name = gm_file_name(f, i);
        bool ours = strncmp(name, "tap_", 4) != 0 && strncmp(name, "mask_logits_", 12) != 0;
        char key[600];
        for (int64_t k = 0; k < l->n && !ours; k++) {
            trace_key(key, sizeof key, l->item[k].name);
            ours = strcmp(key, name) == 0;
        }
        if (ours) continue;
        printf("BAD  %-70s stored, but no module of this run gave it\n", name);
        count++;
    }
    return count;
}

int64_t trace_compare(const trace_list *l, const char *path, double tolerance, gm_error *e)
{
    gm_file *f = gm_file_open(path, e);
    if (!f) return -1;
    json_t *facts = facts_beside(path);
    int64_t bad = 0, seen = 0;
    const char *first = NULL;
    printf("     %-70s %-20s %10s %10s\n", "tensor", "shape", "max error", "tolerance");
    for (int64_t i = 0; i < l->n; i++) {
        char key[600];
        trace_key(key, sizeof key, l->item[i].name);
        seen += gm_file_find(f, key).data != NULL;
        if (compare_one(&l->item[i], f, facts, tolerance)) continue;
        if (!first) first = l->item[i].name;
        bad++;
    }
    int64_t gone = missing(l, f);
    if (!seen) {
        bad = gm_fail(e, "%s: holds none of the tensors of this trace", path);
    } else {
        printf("%lld compared, %lld differ, %lld missing\n", (long long)seen, (long long)bad,
               (long long)gone);
        if (first) printf("the first to diverge: %s\n", first);
        bad += gone;
    }
    json_decref(facts);
    gm_file_close(f);
    return bad;
}
