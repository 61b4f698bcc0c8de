/* glamm eval: what its tasks share. */
#ifndef CLI_EVAL_H
#define CLI_EVAL_H
#include <jansson.h>
#include "../eval/predictions.h"
#include "settings.h"
#include "terminal.h"

typedef struct {
    const char *truth, *split, *pred;
    const char *model, *images; /* given: the model makes the predictions first */
    const char *answers;        /* the file that the task answers writes */
    const char *protocol, *csv, *report;
    const char *meteor, *bert, *recall_mode;
    int json, strict, redo;
    int64_t seed;               /* of the released protocol's draw */
} eval_options;

/* One run of the command. */
typedef struct {
    eval_options o;
    model_settings ms;
    ask_settings as;
    terminal t;
    bool failed;                /* the model could not make every prediction: exit status 1 */
} eval_call;

/* One number of the whole set. */
typedef struct {
    const char *key, *label;    /* in JSON; in the table */
    double value;               /* NAN: unknown, and why */
    const char *why;
    const char *paper[3];       /* published, or NULL */
} eval_number;
enum { EVAL_NUMBERS = 32, EVAL_COLUMNS = 12 };

/* A curve of the report: y over x, both 0..1; bars: a histogram of n bars over 0..1, heights y. */
typedef struct {
    const char *title, *x_label, *y_label;
    const double *y;
    int n;
    bool bars;
} eval_curve;

/* What an item of the report shows; all of it is its own (eval_item_free). */
typedef struct {
    char *image;                /* path of the picture, or NULL */
    char *question, *truth, *found;             /* texts, or NULL */
    gm_texts true_phrases, found_phrases;       /* parts of truth and found; number k has mask k */
    gm_rle *true_mask, *found_mask;
    int64_t ntrue, nfound;
    int64_t *colour;            /* of each found mask: the true mask whose colour it takes, or -1 */
    double box[1][4];           /* x1 y1 x2 y2 */
    bool boxed;
} eval_item;
void eval_item_free(eval_item *m);

/* What an evaluation found. */
typedef struct {
    const char *task;           /* "gcg" .. */
    const char *about;          /* a line below the table: protocol; or NULL */
    const char *paper[3];       /* titles of the published columns */
    eval_number number[EVAL_NUMBERS];
    int n, headline;            /* numbers of the headline come first, then a blank line */
    const char *unit;           /* "images", "expressions", .. */
    int64_t items, missing, extra;
    bool shared;                /* the folder may hold predictions of other splits */
    const char *first_extra;    /* one of the extra predictions' ids */
    const gm_texts *problems;
    /* one row an item */
    int64_t rows;
    const char **id;
    const char *column[EVAL_COLUMNS];
    int columns, rank;          /* rank: the column by which items are worst and best */
    double *cell;               /* (rows, columns) */
    const char **found, **truth;        /* (rows) texts for the CSV file; NULL: none */
    eval_curve curve[2];
    int curves;
    /* the report's: fills an item for a row */
    int (*item)(void *user, int64_t row, eval_item *out, gm_error *e);
    void *user;
    /* adds to the JSON what is not in the numbers, the items' own included; 0, or -1 when out of
     * memory; NULL: the rows are written under "per_item" */
    int (*json)(void *user, json_t *o);
} eval_result;

/* Room for rows; eval_result_free in any case. */
int eval_rows(eval_result *r, int64_t rows, gm_error *e);
void eval_result_free(eval_result *r);
eval_number *eval_add(eval_result *r, const char *key, const char *label, double value);

/* Names what is wrong, then prints, and writes the files asked for.  The exit status: 1 also when
 * the model failed for some items. */
int eval_finish(const eval_call *c, const eval_result *r);
int eval_failed(const gm_error *e);
/* eval_report.c: o.report/index.html and its pictures. */
int eval_report_write(const eval_call *c, const eval_result *r, gm_error *e);
/* eval_pictures.c: the item's picture with its true masks or its found ones (and its box);
 * *drawn: false when there is nothing to draw. */
int eval_picture_write(const char *path, const eval_item *m, bool truth, bool *drawn, gm_error *e);

/* The tasks; each its own file. */
int eval_gcg(eval_call *c);
int eval_refseg(eval_call *c);
int eval_captions(eval_call *c, bool regions);
int eval_vqa(eval_call *c);
int eval_answers(eval_call *c);

#endif
