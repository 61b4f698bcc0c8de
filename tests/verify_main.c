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

static int usage(void)
{
    fprintf(stderr, "usage: verify [--op OP | --whole DIR] [--case NAME] [--json] [--bench] "
                    "[--limit SECONDS] [--cases DIR] [--again TEXT] "
                    "LIBRARY.so | --backend ref|cpu|cuda|cuda-bf16\n"
                    "       OP: a slot of ref/kernels.h\n");
    return 2;
}

/* 0, or -1 for what makes no sense. */
static int parse(options *o, int argc, char **argv)
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
        else return -1;
    }
    if (i < argc) o->source.library = argv[i++];
    const char *b = o->source.backend;
    bool known = b && (!strcmp(b, "ref") || !strcmp(b, "cpu") || !strcmp(b, "cuda") ||
                       !strcmp(b, "cuda-bf16"));
    if (i < argc || !b == !o->source.library || (b && !known)) return -1;
    char *end;
    if (!o->limit) o->limit = o->whole ? "300" : "20";
    o->source.limit = strtod(o->limit, &end);
    if (*end || !(o->source.limit > 0 && o->source.limit <= 86400)) return -1;
    if (o->whole && (o->op || o->source.bench)) return -1;
    return o->op && !ops_has(gm_kernels_ref(), o->op) ? -1 : 0;
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
    return verify_end(r, t);
}

int main(int argc, char **argv)
{
    gm_calm_threads(argv);
    options o = { .folder = "golden/ops" };
    char error[200], again[600];
    ops_cases cases;
    verify_table t;
    verify_peak peak = { 0, 0 };
    if (parse(&o, argc, argv)) return usage();
    snprintf(again, sizeof again, "make verify %s=%s%s%s", o.source.library ? "KERNELS" : "BACKEND",
             o.source.library ? o.source.library : o.source.backend, o.whole ? " WHOLE=" : "",
             o.whole ? o.whole : "");
    verify_report r = { .cases = &cases, .again = o.again ? o.again : again,
                        .list = o.json ? json_array() : NULL };
    int bad = 1;
    if (ops_cases_open(&cases, o.folder, error)) fprintf(stderr, "verify: %s\n", error);
    else if (verify_inspect(&o.source, &t)) fprintf(stderr, "verify: %s\n", t.error);
    else if (o.source.bench && verify_measure(&peak))
        fprintf(stderr, "verify: this machine's rates cannot be measured\n");
    else if (o.whole) bad = run_whole(&o, &t, &r);
    else {
        if (o.source.bench) r.peak = &peak;
        if (o.source.bench && !o.json)
            printf("this machine now: copies %.3g GB/s, products %.3g GFLOP/s\n",
                   peak.bytes * 1e-9, peak.flops * 1e-9);
        run(&o, &t, &r);
        bad = verify_end(&r, &t);
    }
    json_decref(r.list);
    ops_cases_close(&cases);
    return bad;
}
