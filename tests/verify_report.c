/* See verify_report.h. */
#include "verify_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void verify_print_table(const verify_table *t, const char *under)
{
    static const char *const precision[] = { "float", "bfloat16", "float16" };
    int filled = 0;
    printf("table \"%s\" fills", t->name);
    for (int i = 0; i < ops_count(); i++)
        if (t->filled[i]) printf(filled++ ? ", %s" : " %s", ops_name(i));
    printf("%s; %d slots come from %s\n", filled ? "" : " no slot", ops_count() - filled, under);
    if (t->device[0]) printf("on %s\n", t->device);
    printf("precision %s: tolerances count in eps = %.3g\n", precision[t->precision],
           ops_eps(t->precision));
    for (int i = 0; i < ops_count(); i++)
        if (t->filled[i] && t->unsteady[i])
            printf("%s is declared non-deterministic\n", ops_name(i));
}

/* "R 3, C 7, number 1e-05" */
static void sizes_text(char *buf, size_t size, json_t *j)
{
    const char *name;
    json_t *v, *number = json_object_get(j, "number");
    size_t at = 0;
    buf[0] = 0;
    json_object_foreach(json_object_get(j, "sizes"), name, v) {
        int n = snprintf(buf + at, size - at, "%s%s %" PRId64, at ? ", " : "", name,
                         (int64_t)json_integer_value(v));
        if (n < 0 || (at += (size_t)n) >= size) return;
    }
    if (number)
        snprintf(buf + at, size - at, "%snumber %g", at ? ", " : "", json_number_value(number));
}

/* The worse of both comparisons. */
static const gm_comparison *worse(const verify_note *n)
{
    const gm_comparison *t = &n->torch, *o = &n->oracle;
    if (t->verdict != GM_PASS || !o->n) return t;
    return o->verdict != GM_PASS || o->ratio > t->ratio ? o : t;
}

/* The output that a comparison is about, in the case's list. */
static json_t *output_of(json_t *j, const verify_note *n, const gm_comparison *c)
{
    const char *its = c == &n->oracle ? n->oracle_out : n->torch_out;
    json_t *list = json_object_get(j, "out"), *out;
    size_t i;
    json_array_foreach(list, i, out)
        if (!strcmp(its, json_string_value(json_object_get(out, "name")))) return out;
    return NULL;
}

/* The worst element's place in the whole output. */
static int64_t element(json_t *out, const gm_comparison *c)
{
    json_t *stride = json_object_get(out, "stride");
    return c->worst * (stride ? (int64_t)json_integer_value(stride) : 1);
}

static gm_verdict verdict_of(const verify_note *n)
{
    return n->error[0] ? GM_FAIL : worse(n)->verdict;
}

static json_t *number_json(double v)
{
    return isfinite(v) ? json_real(v) : json_string(isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
}

static json_t *case_json(const verify_report *r, json_t *j, const verify_note *n, const char *again)
{
    const gm_comparison *c = worse(n);
    const char *verdict = gm_verdict_name(verdict_of(n));
    json_t *out = json_pack(
        "{s:s, s:O, s:O, s:s, s:s}", "op", r->op, "case", json_object_get(j, "case"), "sizes",
        json_object_get(j, "sizes"), "verdict",
        strcmp(verdict, "pass") ? strcmp(verdict, "FAIL") ? "vacuous" : "fail" : "pass", "again",
        again);
    if (n->error[0]) json_object_set_new(out, "error", json_string(n->error));
    else if (c->why[0]) json_object_set_new(out, "error", json_string(c->why));
    if (n->error[0] || c->worst < 0) return out;
    json_t *its = output_of(j, n, c);
    json_object_set(out, "output", json_object_get(its, "name"));
    json_object_set_new(out, "against", json_string(c == &n->oracle ? "oracle" : "PyTorch"));
    json_object_set_new(out, "fraction_pytorch", number_json(n->torch.ratio));
    if (n->oracle.n) json_object_set_new(out, "fraction_oracle", number_json(n->oracle.ratio));
    json_object_set_new(out, "element", json_integer(element(its, c)));
    json_object_set_new(out, "got", number_json(c->got));
    json_object_set_new(out, "want", number_json(c->want));
    json_object_set_new(out, "tolerance", number_json(c->tolerance));
    json_object_set_new(out, "outside", json_integer(c->bad));
    json_object_set_new(out, "compared", json_integer(c->n));
    if (!r->peak || !(n->seconds > 0)) return out;
    json_object_set_new(out, "seconds", json_real(n->seconds));
    json_object_set_new(out, "bytes", json_real(n->bytes));
    json_object_set_new(out, "flops", json_real(n->flops));
    json_object_set_new(out, "roofline", json_real(verify_roofline(r->peak, n)));
    return out;
}

static void print_time(const verify_peak *p, const verify_note *n)
{
    printf("; %.3g us, %.3g GB/s", n->seconds * 1e6, n->bytes / n->seconds * 1e-9);
    if (n->flops > 0) printf(", %.3g GFLOP/s", n->flops / n->seconds * 1e-9);
    printf(", %.3g of the roofline", verify_roofline(p, n));
}

static void print_case(const verify_report *r, json_t *j, const verify_note *n, const char *again)
{
    const gm_comparison *c = worse(n);
    gm_verdict v = verdict_of(n);
    const char *name = json_string_value(json_object_get(j, "case"));
    json_t *out = output_of(j, n, c);
    int several = json_array_size(json_object_get(j, "out")) > 1;
    char sizes[200], oracle[20] = "-";
    sizes_text(sizes, sizeof sizes, j);
    if (n->error[0])
        printf("  %-7s %9s %9s  %s (%s): %s\n", gm_verdict_name(v), "", "", name, sizes, n->error);
    else {
        if (n->oracle.n) snprintf(oracle, sizeof oracle, "%.3g", n->oracle.ratio);
        printf("  %-7s %9.3g %9s  %s (%s): %s%selement %" PRId64 " of %" PRId64
               ": got %.9g, want %.9g",
               gm_verdict_name(v), n->torch.ratio, oracle, name, sizes,
               several ? json_string_value(json_object_get(out, "name")) : "", several ? " " : "",
               element(out, c), (int64_t)json_integer_value(json_object_get(out, "n")), c->got,
               c->want);
        if (v == GM_FAIL)
            printf(" from %s; %" PRId64 " of %" PRId64 " outside",
                   c == &n->oracle ? "the oracle" : "PyTorch", c->bad, c->n);
        if (v == GM_VACUOUS) printf("; all wanted values are alike: proves nothing");
        if (r->peak && n->seconds > 0) print_time(r->peak, n);
        printf("%s%s\n", c->why[0] ? "; " : "", c->why);
    }
    if (v != GM_PASS) printf("          again: %s\n", again);
    fflush(stdout);
}

void verify_note_case(void *user, const verify_note *n)
{
    verify_report *r = user;
    json_t *j = json_array_get(r->cases->list, (size_t)n->index);
    gm_verdict v = verdict_of(n);
    char again[1200];
    snprintf(again, sizeof again, "%s OP=%s CASE='%s'", r->again, r->op,
             json_string_value(json_object_get(j, "case")));
    if (v == GM_PASS) r->passed++;
    else r->failed++;
    if (v == GM_VACUOUS) r->vacuous++;
    if (r->list) json_array_append_new(r->list, case_json(r, j, n, again));
    else print_case(r, j, n, again);
}

void verify_note_whole(void *user, const verify_whole_note *n)
{
    verify_report *r = user;
    int good = n->passed > 0 && n->failed == 0;
    char again[1200];
    snprintf(again, sizeof again, "%s CASE='%s'", r->again, n->name);
    if (good) r->passed++;
    else r->failed++;
    if (r->list) {
        json_t *j = json_pack("{s:s, s:s, s:I, s:I, s:s}", "case", n->name, "verdict",
                              good ? "pass" : "fail", "passed", (json_int_t)n->passed, "failed",
                              (json_int_t)n->failed, "again", again);
        json_object_set_new(j, "fraction_pytorch", number_json(n->ratio));
        if (n->first[0]) json_object_set_new(j, "first", json_string(n->first));
        if (n->why[0]) json_object_set_new(j, "error", json_string(n->why));
        json_array_append_new(r->list, j);
        return;
    }
    printf("  %-7s %9.3g  %s: %" PRId64 " of %" PRId64 " within tolerance\n",
           good ? "pass" : "FAIL", n->ratio, n->name, n->passed, n->passed + n->failed);
    if (!good && n->first[0]) printf("          first outside: %s\n", n->first);
    if (!good) printf("          %s\n          again: %s\n", n->why, again);
    fflush(stdout);
}

int verify_end(const verify_report *r, const verify_table *t)
{
    if (r->list) {
        json_t *filled = json_array();
        for (int i = 0; i < ops_count(); i++)
            if (t->filled[i]) json_array_append_new(filled, json_string(ops_name(i)));
        json_t *all = json_pack("{s:s, s:o, s:f, s:O, s:I, s:I, s:I}", "table", t->name, "filled",
                                filled, "eps", ops_eps(t->precision), "cases", r->list, "passed",
                                (json_int_t)r->passed, "failed", (json_int_t)r->failed, "vacuous",
                                (json_int_t)r->vacuous);
        if (r->peak)
            json_object_set_new(all, "peak", json_pack("{s:f, s:f}", "bytes", r->peak->bytes,
                                                       "flops", r->peak->flops));
        json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
        printf("\n");
        json_decref(all);
    } else {
        if (r->passed + r->failed == 0) printf("nothing ran\n");
        printf("%" PRId64 " passed, %" PRId64 " failed", r->passed, r->failed);
        if (r->vacuous) printf(", %" PRId64 " of these vacuous", r->vacuous);
        printf("\n");
    }
    return r->failed || !r->passed;
}
