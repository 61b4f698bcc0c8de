/* bench: the tables of docs/SPEED.md on this machine, one for each stage. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "preset.h"
#include "../io/os.h"

bench_choice bench_chosen = { .preset = "glamm-7b" };

/* Other processes' share above which a row is marked: they take a core now and then. */
static const double BUSY = 0.10;

/* By the first word of their rows' names. */
static const struct { const char *title, *words[7]; } STAGES[] = {
    { "limits of this machine", { "read", "fma", "vdpbf16ps", "vpdpbusd", "sgemm" } },
    { "CLIP", { "clip" } },
    { "SAM", { "sam" } },
    { "projector and region encoder", { "projector", "region" } },
    { "prefill", { "mm", "prefill" } },
    { "decode", { "dec", "long", "token", "kv", "batch" } },
    { "mask decoder", { "masks" } },
    { "the shipped model", { "nano" } },
    { "training", { "lin", "lora", "attn", "conv", "shapes" } },
    { "backend cuda", { "gpu" } },
};
enum { NSTAGES = sizeof STAGES / sizeof *STAGES };

typedef enum { TEXT, MARKDOWN, JSON } form;
typedef struct {
    bool quick, gpu;
    form form;
    const char *only, *type;
} settings;

static int misused(void)
{
    fprintf(stderr, "usage: bench [--preset NAME] [--type TYPE] [--whole] [--quick] [--json | "
                    "--markdown]\n"
                    "             [--only ROW] [--gpu]\n"
                    "  --preset  the model's sizes: %s (default glamm-7b); weights are random\n"
                    "  --type    of the language model's rows those of one type: bf16, q8_0, q4_0, "
                    "q4_1, q4_K,\n            with --gpu also q5_K, q6_K\n"
                    "  --whole   all its layers, not a few: as much memory as the model takes\n"
                    "  --quick   less of everything, large modules estimated from single blocks\n"
                    "  --json    one JSON object instead of the tables; --markdown: in markdown\n"
                    "  --gpu     the rows of backend cuda; --quick: small sizes, which prove "
                    "nothing\n"
                    "  --only    the limits and one row, or those of one first word (mm):\n"
                    "           ", gm_synth_presets());
    for (int i = 0; i < bench_nrows; i++) fprintf(stderr, " %s", bench_rows[i].name);
    for (int i = 0; i < bench_gpu_nrows; i++) fprintf(stderr, " %s", bench_gpu_rows[i].name);
    fprintf(stderr, "\n");
    return 2;
}

/* Whether a part of the row's name says a type, and another one: dec-q8_0-i8, gpu-row-q8_0. */
static bool of_another_type(const char *row, const char *type)
{
    static const char *const known[] = { "bf16", "q8_0", "q4_0", "q4_1", "q4_K", "q5_K", "q6_K" };
    for (const char *at = row; type && (at = strchr(at, '-')); at++)
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (bench_is(at + 1, known[i])) return strcmp(known[i], type) != 0;
    return false;
}

static bool wanted(const settings *o, const char *row)
{
    return (!o->only || !strcmp(row, o->only) || bench_is(row, o->only)) &&
           !of_another_type(row, o->type);
}

static int stage_of(const char *row)
{
    for (int s = 0; s < NSTAGES; s++)
        for (int w = 0; w < 7 && STAGES[s].words[w]; w++)
            if (bench_is(row, STAGES[s].words[w])) return s;
    return NSTAGES - 1;
}

/* The columns behind the name, "" where there is nothing to say. */
typedef struct { char work[24], rate[24], share[48], target[16]; } columns;

static columns columns_of(const bench_result *r)
{
    columns c = { "", "", "", "" };
    double work = r->gb > 0 ? r->gb : r->gflop;
    const char *unit = r->gb > 0 ? "GB" : "GFLOP";
    if (work > 0) snprintf(c.work, sizeof c.work, "%.2f %s", work, unit);
    if (work > 0) snprintf(c.rate, sizeof c.rate, "%.1f %s/s", work / r->seconds, unit);
    if (r->ratio > 0)
        snprintf(c.share, sizeof c.share, "%.1f %% of %s", 100 * r->ratio,
                 r->limit[0] ? r->limit : "sgemm");
    if (r->target > 0)
        snprintf(c.target, sizeof c.target, r->ratio > 0 ? "%.0f %%" : "%.0f s",
                 (r->ratio > 0 ? 100 : 1) * r->target);
    return c;
}

static void print_stage(form f, const char *title)
{
    if (f == MARKDOWN)
        printf("\n### %s\n\n| row | seconds | work | rate | of the limit | wanted | peak MB | |\n"
               "|---|---|---|---|---|---|---|---|\n", title);
    if (f == TEXT)
        printf("\n%s\n  %-16s %9s %14s %16s %20s %7s %8s\n", title, "row", "seconds", "work",
               "rate", "of the limit", "wanted", "peak MB");
}

static void print_row(form f, const bench_row *row, const bench_result *r, int bad)
{
    columns c = columns_of(r);
    if (bad) {
        printf(f == MARKDOWN ? "| `%s` | failed: %s | | | | | | |\n" : "  %-16s failed: %s\n",
               row->name, r->note);
        return;
    }
    printf(f == MARKDOWN ? "| `%s` | %.4f | %s | %s | %s | %s | %.0f | %s%s%s%s |\n"
                         : "  %-16s %9.4f %14s %16s %20s %7s %8.0f  %s%s%s%s\n",
           row->name, r->seconds, c.work, c.rate, c.share, c.target, r->peak_mb,
           r->others > BUSY ? "MACHINE BUSY; " : "", row->what, r->note[0] ? ": " : "", r->note);
}

static json_t *as_json(const bench_row *row, const bench_result *r, int bad)
{
    const char *stage = STAGES[stage_of(row->name)].title;
    if (bad)
        return json_pack("{s:s, s:s, s:s}", "name", row->name, "stage", stage, "error", r->note);
    return json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:s, s:f, s:f, s:f, s:b, s:s}", "name",
                     row->name, "stage", stage, "what", row->what, "seconds", r->seconds, "gflop",
                     r->gflop, "gb", r->gb, "ratio", r->ratio, "limit",
                     r->limit[0] ? r->limit : r->ratio > 0 ? "sgemm" : "", "target", r->target,
                     "peak_mb", r->peak_mb, "others", r->others, "busy", r->others > BUSY, "note",
                     r->note);
}

/* The rows of a stage that are asked for; failed counts. */
static int run_stage(const settings *o, int stage, json_t *list, int *failed)
{
    const bench_row *rows = o->gpu ? bench_gpu_rows : bench_rows;
    int ran = 0;
    for (int i = 0; i < (o->gpu ? bench_gpu_nrows : bench_nrows); i++) {
        bench_result r;
        bool limit = stage == 0 && !o->gpu;             /* stands in every table */
        if (stage_of(rows[i].name) != stage || (!limit && !wanted(o, rows[i].name))) continue;
        if (!ran++) print_stage(o->form, STAGES[stage].title);
        int bad = bench_in_child(&rows[i], o->quick, &r);
        *failed += bad != 0;
        if (o->form == JSON) json_array_append_new(list, as_json(&rows[i], &r, bad));
        else print_row(o->form, &rows[i], &r, bad);
        fflush(stdout);
    }
    return ran;
}

static int run(const settings *o)
{
    char machine[800];
    json_t *list = json_array();
    int failed = 0, ran = 0;
    bench_machine(machine, sizeof machine);
    if (o->form != JSON) printf("%s\npreset %s\n", machine, bench_chosen.preset);
    for (int s = 0; s < NSTAGES; s++) ran += run_stage(o, s, list, &failed);
    if (o->form == JSON) {
        json_t *all = json_pack("{s:s, s:s, s:b, s:b, s:O}", "machine", machine, "preset",
                                bench_chosen.preset, "quick", o->quick, "whole", bench_chosen.whole,
                                "rows", list);
        json_dumpf(all, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(all);
    }
    json_decref(list);
    return ran ? failed != 0 : misused();
}

/* Whether a row is called so, or begins with that word. */
static bool is_known(const char *word)
{
    bool known = false;
    for (int i = 0; i < bench_nrows; i++)
        known |= !strcmp(bench_rows[i].name, word) || bench_is(bench_rows[i].name, word);
    for (int i = 0; i < bench_gpu_nrows; i++)
        known |= !strcmp(bench_gpu_rows[i].name, word) || bench_is(bench_gpu_rows[i].name, word);
    return known;
}

int main(int argc, char **argv)
{
    settings o = { .form = TEXT };
    gm_calm_threads(argv);
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (!strcmp(argv[i], "--quick")) o.quick = true;
        else if (!strcmp(argv[i], "--gpu")) o.gpu = true;
        else if (!strcmp(argv[i], "--json")) o.form = JSON;
        else if (!strcmp(argv[i], "--markdown")) o.form = MARKDOWN;
        else if (!strcmp(argv[i], "--whole")) bench_chosen.whole = true;
        else if (!strcmp(argv[i], "--type") && more) o.type = argv[++i];
        else if (!strcmp(argv[i], "--only") && more) o.only = argv[++i];
        else if (!strcmp(argv[i], "--preset") && more) bench_chosen.preset = argv[++i];
        else return misused();
    }
    if (!gm_synth_sizes(bench_chosen.preset, &bench_chosen.s)) return misused();
    if (o.only && !is_known(o.only)) return misused();
    if (o.only && bench_is(o.only, "gpu")) o.gpu = true;
    return run(&o);
}
