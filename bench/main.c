/* bench [--gpu] [--quick] [--json | --markdown] [--only NAME] [--type TYPE]: the table of
 * docs/SPEED.md on this machine. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "bench.h"
#include "../io/os.h"

/* Other processes' share above which a row is marked: they take a core now and then. */
static const double BUSY = 0.10;

static int misused(void)
{
    fprintf(stderr, "usage: bench [--gpu] [--quick] [--json | --markdown] [--only NAME] "
                    "[--type TYPE]\n"
                    "  --gpu    the rows of backend cuda; --quick: small sizes, which prove nothing\n"
                    "  --quick  estimate the large modules from single blocks\n"
                    "  --json   one JSON object instead of the table; --markdown: in markdown\n"
                    "  --type   decoding and prefill of one type: bf16, q8_0, q4_0, q4_1; with "
                    "--gpu also q4_K, q5_K, q6_K\n"
                    "  --only   one row:");
    for (int i = 0; i < bench_nrows; i++) fprintf(stderr, " %s", bench_rows[i].name);
    for (int i = 0; i < bench_gpu_nrows; i++) fprintf(stderr, " %s", bench_gpu_rows[i].name);
    fprintf(stderr, "\n");
    return 2;
}

/* The row's type of weights is a part of its name: dec-q8_0, dec-q8_0-i8, gpu-row-q8_0. */
static bool has_type(const bench_row *row, const char *type)
{
    size_t n = strlen(type);
    for (const char *at = row->name; (at = strchr(at, '-')) != NULL;) {
        at++;
        if (strncmp(at, type, n) == 0 && (at[n] == 0 || at[n] == '-')) return true;
    }
    return false;
}

static void print_markdown(const bench_row *row, const bench_result *r, int bad)
{
    if (bad) printf("| %s | failed: %s | | | |\n", row->name, r->note);
    else printf("| %s | %.4f | %.1f | %.1f %% | %.0f %% | %s%s |\n", row->name, r->seconds,
                r->gflop / r->seconds, 100 * r->ratio, 100 * r->target,
                r->others > BUSY ? "busy machine; " : "", r->note);
}

static void print(const bench_row *row, const bench_result *r, int bad)
{
    if (bad) {
        printf("%-16s failed: %s\n", row->name, r->note);
        return;
    }
    char rate[20] = "", ratio[20] = "", target[20] = "";
    if (r->gflop > 0) snprintf(rate, sizeof rate, "%.1f", r->gflop / r->seconds);
    if (r->ratio > 0) snprintf(ratio, sizeof ratio, "%.1f %%", 100 * r->ratio);
    if (r->target > 0 && r->ratio > 0) snprintf(target, sizeof target, "%.0f %%", 100 * r->target);
    else if (r->target > 0) snprintf(target, sizeof target, "%.0f s", r->target);
    printf("%-16s %9.4f %9s %9s %8s %9.0f  %s%s\n", row->name, r->seconds, rate, ratio, target,
           r->peak_mb, r->others > BUSY ? "MACHINE BUSY  " : "", r->note);
}

static json_t *as_json(const bench_row *row, const bench_result *r, int bad)
{
    if (bad) return json_pack("{s:s, s:s}", "name", row->name, "error", r->note);
    return json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:b, s:s}", "name", row->name,
                     "what", row->what, "seconds", r->seconds, "gflop", r->gflop, "ratio", r->ratio,
                     "target", r->target, "peak_mb", r->peak_mb, "others", r->others, "busy",
                     r->others > BUSY, "note", r->note);
}

int main(int argc, char **argv)
{
    gm_calm_threads(argv);
    bool quick = false, json = false, gpu = false, markdown = false;
    const char *only = NULL, *type = NULL;
    int failed = 0, ran = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) quick = true;
        else if (!strcmp(argv[i], "--gpu")) gpu = true;
        else if (!strcmp(argv[i], "--json")) json = true;
        else if (!strcmp(argv[i], "--markdown")) markdown = true;
        else if (!strcmp(argv[i], "--type") && i + 1 < argc) type = argv[++i];
        else if (!strcmp(argv[i], "--only") && i + 1 < argc) only = argv[++i];
        else return misused();
    }
    char machine[800];
    json_t *list = json_array();
    bench_machine(machine, sizeof machine);
    if (markdown && !json)
        printf("%s\n\n| row | seconds | GFLOP/s | share | wanted | |\n|---|---|---|---|---|---|\n",
               machine);
    else if (!json)
        printf("%s\n\n%-16s %9s %9s %9s %8s %9s\n", machine, "row", "seconds", "GFLOP/s",
               "share", "target", "peak MB");
    if (only && strncmp(only, "gpu-", 4) == 0) gpu = true;
    const bench_row *rows = gpu ? bench_gpu_rows : bench_rows;
    for (int i = 0; i < (gpu ? bench_gpu_nrows : bench_nrows); i++) {
        bench_result r;
        if ((only && strcmp(only, rows[i].name)) || (type && !has_type(&rows[i], type))) continue;
        int bad = bench_in_child(&rows[i], quick, &r);
        failed += bad != 0;
        ran++;
        if (json) json_array_append_new(list, as_json(&rows[i], &r, bad));
        else if (markdown) print_markdown(&rows[i], &r, bad);
        else print(&rows[i], &r, bad);
        fflush(stdout);
    }
    if (json) {
        json_t *all = json_pack("{s:s, s:b, s:O}", "machine", machine, "quick", quick, "rows",
                                list);
        json_dumpf(all, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(all);
    }
    json_decref(list);
    return ran ? failed != 0 : misused();
}
