/* ops [OP]: every case of golden/ops on both tables, the worst error of each op as a share of its
 * tolerance.  Exit 0 when all pass, 1 when not or when nothing ran, 2 for an unknown op. */
#include <stdio.h>
#include <string.h>
#include "ops_run.h"

typedef struct { double ratio; char worst[80]; } column;

static void note(void *user, const ops_report *r)
{
    column *t = user;
    char line[400];
    if (r->error[0] || r->c.verdict != GM_PASS) {
        printf("  %s, %s: %s\n", r->op, r->name,
               r->error[0] ? r->error : gm_comparison_text(line, sizeof line, &r->c));
        return;
    }
    if (r->c.ratio > t->ratio) {
        t->ratio = r->c.ratio;
        snprintf(t->worst, sizeof t->worst, "%s", r->name);
    }
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    ops_cases cases;
    char error[200];
    int64_t failed = 0, ran_all = 0;
    if (argc > 2 || (only && !ops_has(gm_kernels_ref(), only))) {
        fprintf(stderr, "usage: ops [OP], OP a slot of ref/kernels.h\n");
        return 2;
    }
    if (ops_cases_open(&cases, "golden/ops", error)) {
        fprintf(stderr, "%s\n", error);
        ops_cases_close(&cases);
        return 1;
    }
    gm_kernels cpu;
    gm_kernels_inherit(&cpu, gm_kernels_cpu(), gm_kernels_ref());
    printf("%-18s %5s  %-9s %-9s  %s\n", "op", "cases", "ref", "cpu",
           "worst case of cpu (error / tolerance)");
    for (int i = 0; i < ops_count(); i++) {
        const char *op = ops_name(i);
        int64_t ran = 0;
        column ref = { 0 }, own = { 0 };
        if (only && strcmp(only, op)) continue;
        failed += ops_run(&cases, gm_kernels_ref(), NULL, op, note, &ref, &ran);
        if (ops_has(gm_kernels_cpu(), op)) {
            failed += ops_run(&cases, &cpu, NULL, op, note, &own, NULL);
            printf("%-18s %5d  %-9.3f %-9.3f  %s\n", op, (int)ran, ref.ratio, own.ratio, own.worst);
        } else printf("%-18s %5d  %-9.3f %-9s\n", op, (int)ran, ref.ratio, "as ref");
        ran_all += ran;
    }
    ops_cases_close(&cases);
    printf("%d cases, %d failed\n", (int)ran_all, (int)failed);
    return failed || !ran_all;
}
