/* verify [--op OP | --whole DIR] [--case NAME] [--json] [--bench] [--limit SECONDS]
 *        [--cases DIR] [--again TEXT] LIBRARY.so | --backend ref|cpu|cuda|cuda-bf16
 *
 * Runs the cases of golden/ops on a table of kernels: every slot that it fills, or OP alone,
 * against PyTorch's values and against the oracle.  Exit 0 when something ran and all passed, 1
 * when not, 2 for misuse.
 * --whole: the model and cases of a golden folder, with these kernels in place, instead.
 * --bench: also the time of each case that passes, and its share of the roofline.
 * --again: the command line that a failure repeats, less OP= and CASE= (make verify gives its
 * own). */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "verify_report.h"

typedef struct {
    const char *op, *only, *limit, *folder, *whole, *again;
    bool json;
    verify_source source;
} options;

static int usage(const char *why)
{
    fprintf(stderr, "verify: %s\n"
                    "usage: verify [--op OP | --whole DIR] [--case NAME] [--json] [--bench] "
                    "[--limit SECONDS] [--cases DIR] [--again TEXT] "
                    "LIBRARY.so | --backend ref|cpu|cuda|cuda-bf16\n"
                    "       make verify KERNELS=mine.c|mine.cu|mine.so [OP=softmax] ...: "
                    "docs/VERIFY.md\n", why);
    return 2;
}

/* What makes no sense, or NULL. */
static const char *parse(options *o, int argc, char **argv)
{
    const struct { const char *name, **value; } wanted[] = {
        { "--op", &o->op }, { "--case", &o->only }, { "--limit", &o->limit },
        { "--cases", &o->folder },
        { "--again", &o->again }, { "--whole", &o->whole }, { "--backend", &o->source.backend },
    };
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        size_t k = 0, n = sizeof wanted / sizeof *wanted;
        while (k < n && strcmp(argv[i], wanted[k].name) != 0) k++;
        if (k < n && i + 1 < argc) *wanted[k].value = argv[++i];
        else if (strcmp(argv[i], "--json") == 0) o->json = true;
        else if (strcmp(argv[i], "--bench") == 0) o->source.bench = 1;
        else return "unknown option, or one without its value";
    }
    if (i < argc) o->source.library = argv[i++];
    const char *b = o->source.backend;
    bool known = b && (!strcmp(b, "ref") || !strcmp(b, "cpu") || !strcmp(b, "cuda") ||
                       !strcmp(b, "cuda-bf16"));
    if (i < argc) return "more than one library";
    if (!o->source.library && (!b || !*b)) return "no kernels were named (make: KERNELS, BACKEND)";
    if (o->source.library && b) return "kernels of a library or of a backend, not both";
    if (b && !known) return "no such backend";
    char *end;
    if (!o->limit) o->limit = o->whole ? "300" : "20";
    o->source.limit = strtod(o->limit, &end);
    if (*end || !(o->source.limit > 0 && o->source.limit <= 86400))
        return "the limit is a number of seconds, at most 86400";
    if (o->whole && (o->op || o->source.bench)) return "a whole model has neither --op nor --bench";
    return o->op && !ops_has(gm_kernels_ref(), o->op)
           ? "no such op; docs/OPS.md has the names (and _backward)" : NULL;
}

/* Why no case of an op ran, on stderr. */
static void tell_why(const options *o, const verify_table *t, const ops_cases *cases)
{
    fflush(stdout);
    if (!o->op) return;
    for (int i = 0; i < ops_count(); i++)
        if (!strcmp(ops_name(i), o->op) && !t->filled[i]) {
            fprintf(stderr, "verify: table \"%s\" does not fill %s\n", t->name, o->op);
            return;
        }
    fprintf(stderr, "verify: %s has no case '%s'; it has\n", o->op, o->only ? o->only : "");
    for (size_t i = 0; i < json_array_size(cases->list); i++) {
        json_t *j = json_array_get(cases->list, i);
        if (!strcmp(json_string_value(json_object_get(j, "op")), o->op))
            fprintf(stderr, "    %s\n", json_string_value(json_object_get(j, "case")));
    }
}

static void run(const options *o, const verify_table *t, verify_report *r)
{
    if (!r->list) verify_print_table(t, "ref");
    for (int i = 0; i < ops_count(); i++) {
        r->op = ops_name(i);
        if (!t->filled[i] || (o->op && strcmp(o->op, r->op))) continue;
        if (!r->list)
            printf("\n%s\n  %-7s %9s %9s  case: worst element\n", r->op, "", "PyTorch", "oracle");
        verify_op(&o->source, t, r->cases, r->op, o->only, verify_note_case, r);
    }
    if (!r->list) printf("\nPyTorch, oracle: worst error as a fraction of the tolerance\n");
}

/* Nothing runs where the model would call none of the slots: softmax serves sampled answers, which
 * no golden has. */
static int run_whole(const options *o, const verify_table *t, verify_report *r)
{
    gm_error e = { "" };
    int used = 0;
    for (int i = 0; i < ops_count(); i++) used += t->filled[i] && strcmp(ops_name(i), "softmax");
    r->op = "";
    if (!r->list) {
        verify_print_table(t, "cpu");
        printf("\n%s\n  %-7s %9s  case\n", o->whole, "", "PyTorch");
    }
    if (used && verify_whole(&o->source, t, o->whole, o->only, verify_note_whole, r, &e)) {
        fprintf(stderr, "verify: %s\n", e.text);
        return 1;
    }
    if (!r->list) printf("\nPyTorch: worst error of a module as a fraction of its tolerance\n");
    fflush(stdout);
    if (!used) fprintf(stderr, "verify: the model calls none of the slots that the table fills\n");
    else if (r->passed + r->failed == 0)
        fprintf(stderr, "verify: %s has no case '%s'\n", o->whole, o->only ? o->only : "");
    return verify_end(r, t);
}

/* The backend whose device the kernels run on, or NULL. */
static const char *device_of(const options *o, const verify_table *t)
{
    if (!t->device[0]) return NULL;
    return o->source.backend ? o->source.backend : "cuda";
}

int main(int argc, char **argv)
{
    gm_calm_threads(argv);
    options o = { .folder = "golden/ops" };
    char error[200], again[600];
    ops_cases cases;
    verify_table t;
    verify_peak peak = { 0, 0 };
    const char *why = parse(&o, argc, argv);
    if (why) return usage(why);
    snprintf(again, sizeof again, "make verify %s=%s%s%s", o.source.library ? "KERNELS" : "BACKEND",
             o.source.library ? o.source.library : o.source.backend, o.whole ? " WHOLE=" : "",
             o.whole ? o.whole : "");
    verify_report r = { .cases = &cases, .again = o.again ? o.again : again,
                        .list = o.json ? json_array() : NULL };
    int bad = 1;
    if (ops_cases_open(&cases, o.folder, error)) fprintf(stderr, "verify: %s\n", error);
    else if (verify_inspect(&o.source, &t)) fprintf(stderr, "verify: %s\n", t.error);
    else if (o.source.bench && verify_measure(device_of(&o, &t), &peak))
        fprintf(stderr, "verify: this machine's rates cannot be measured\n");
    else if (o.whole) bad = run_whole(&o, &t, &r);
    else {
        if (o.source.bench) r.peak = &peak;
        if (o.source.bench && !o.json)
            printf("this %s now: copies %.3g GB/s, products %.3g GFLOP/s\n",
                   t.device[0] ? "device" : "machine", peak.bytes * 1e-9, peak.flops * 1e-9);
        run(&o, &t, &r);
        if (r.passed + r.failed == 0) tell_why(&o, &t, &cases);
        bad = verify_end(&r, &t);
    }
    json_decref(r.list);
    ops_cases_close(&cases);
    return bad;
}
