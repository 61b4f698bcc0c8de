/* What make verify prints: lines for people, or one JSON object. */
#ifndef GM_VERIFY_REPORT_H
#define GM_VERIFY_REPORT_H
#include <stdbool.h>
#include "verify.h"

typedef struct {
    const ops_cases *cases;
    const char
        *again; /* how the command that repeats a case begins: "make verify KERNELS=mine.c" */
    const verify_peak *peak;        /* of this machine, where cases are timed; else NULL */
    json_t *list;                   /* outcomes, where JSON is wanted; else NULL */
    int64_t passed, failed, vacuous;
    const char *op;                 /* whose outcomes come now */
} verify_report;

/* Whose kernels, and which slots they fill; under: where the others come from. */
void verify_print_table(const verify_table *t, const char *under);
/* A verify_fn; user is a verify_report. */
void verify_note_case(void *user, const verify_note *n);
/* A verify_whole_fn; user is a verify_report, its op "". */
void verify_note_whole(void *user, const verify_whole_note *n);
/* The last line, or the whole JSON object; 0 when something ran and all passed, else 1. */
int verify_end(const verify_report *r, const verify_table *t);

#endif
