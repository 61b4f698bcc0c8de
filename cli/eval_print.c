/* What an evaluation found, as a table, as JSON and as CSV. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "eval.h"

int eval_failed(const gm_error *e)
{
    fprintf(stderr, "glamm eval: %s\n", e->text);
    return 1;
}

int eval_rows(eval_result *r, int64_t rows, gm_error *e)
{
    r->id = calloc((size_t)rows + 1, sizeof *r->id);
    r->found = calloc((size_t)rows + 1, sizeof *r->found);
    r->truth = calloc((size_t)rows + 1, sizeof *r->truth);
    r->cell = calloc((size_t)(rows * r->columns) + 1, sizeof *r->cell);
    r->rows = rows;
    if (r->id && r->found && r->truth && r->cell) return 0;
    return gm_fail(e, "out of memory for %lld items", (long long)rows);
}

void eval_result_free(eval_result *r)
{
    free(r->id);
    free(r->found);
    free(r->truth);
    free(r->cell);
    *r = (eval_result){ 0 };
}

eval_number *eval_add(eval_result *r, const char *key, const char *label, double value)
{
    eval_number *n = &r->number[r->n++];
    *n = (eval_number){ .key = key, .label = label, .value = value };
    return n;
}

/* ---- the table ---- */

/* A number, the published ones below their titles, and why it is missing. */
static void print_number(const eval_result *r, const eval_number *n)
{
    int due = 2;                        /* spaces before the next column */
    if (isnan(n->value)) printf("%-12s %8s", n->label, "-");
    else printf("%-12s %8.1f", n->label, 100 * n->value);
    for (int k = 0; k < 3 && r->paper[k]; k++) {
        int width = (int)strlen(r->paper[k]);
        if (n->paper[k]) printf("%*s%*s", due, "", width, n->paper[k]);
        due = n->paper[k] ? 2 : due + width + 2;
    }
    if (isnan(n->value) && n->why) printf("   %s", n->why);
    putchar('\n');
}

static void print_table(const eval_result *r)
{
    printf("%-12s %8s", "", "here");
    for (int k = 0; k < 3; k++)
        if (r->paper[k]) printf("  %s", r->paper[k]);
    putchar('\n');
    for (int i = 0; i < r->n; i++) {
        if (i == r->headline && i) putchar('\n');
        print_number(r, &r->number[i]);
    }
    printf("\nin percent; %lld %s, %lld without a prediction, %lld predictions of other %s\n",
           (long long)r->items, r->unit, (long long)r->missing, (long long)r->extra, r->unit);
    if (r->about) printf("%s\n", r->about);
}

/* ---- JSON ---- */

static json_t *number_or_null(double v)
{
    return isnan(v) ? json_null() : json_real(v);
}

static json_t *all_numbers(const eval_result *r, int *bad)
{
    json_t *o = json_object(), *why = json_object(), *rows = json_object();
    *bad |= json_object_set_new(o, "task", json_string(r->task));
    if (r->about) *bad |= json_object_set_new(o, "protocol", json_string(r->about));
    for (int i = 0; i < r->n; i++) {
        const eval_number *n = &r->number[i];
        if (n->key) *bad |= json_object_set_new(o, n->key, number_or_null(n->value));
        if (isnan(n->value) && n->why)
            *bad |= json_object_set_new(why, n->key ? n->key : n->label, json_string(n->why));
    }
    for (int64_t i = 0; !r->json && i < r->rows; i++) {
        json_t *row = json_object();
        for (int k = 0; k < r->columns; k++)
            *bad |= json_object_set_new(row, r->column[k],
                                        number_or_null(r->cell[i * r->columns + k]));
        *bad |= json_object_set_new(rows, r->id[i], row);
    }
    if (r->json) json_decref(rows);
    else *bad |= json_object_set_new(o, "per_item", rows);
    *bad |= json_object_set_new(o, "not_computed", why);
    *bad |= json_object_set_new(o, r->unit, json_integer(r->items));
    *bad |= json_object_set_new(o, "missing_predictions", json_integer(r->missing));
    *bad |= json_object_set_new(o, "extra_predictions", json_integer(r->extra));
    *bad |= json_object_set_new(o, "problems", json_integer(r->problems->n));
    return o;
}

static int print_json(const eval_result *r, gm_error *e)
{
    int bad = 0;
    json_t *o = all_numbers(r, &bad);
    if (!bad && r->json) bad = r->json(r->user, o);
    char *text = bad ? NULL : json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    json_decref(o);
    if (text) puts(text);
    free(text);
    return text ? 0 : gm_fail(e, "out of memory for the JSON");
}

/* ---- CSV ---- */

/* A text in quotes, " doubled (RFC 4180). */
static void put_cell(FILE *f, const char *text)
{
    putc('"', f);
    for (; *text; text++) {
        if (*text == '"') putc('"', f);
        putc(*text, f);
    }
    putc('"', f);
}

static int write_csv(const char *path, const eval_result *r, gm_error *e)
{
    gm_writer w;
    if (gm_create(&w, path, e) != 0) return -1;
    fputs("id", w.file);
    for (int k = 0; k < r->columns; k++) fprintf(w.file, ",%s", r->column[k]);
    bool texts = r->rows && r->found[0];
    fputs(texts ? ",found,truth\n" : "\n", w.file);
    for (int64_t i = 0; i < r->rows; i++) {
        put_cell(w.file, r->id[i]);
        for (int k = 0; k < r->columns; k++) {
            double v = r->cell[i * r->columns + k];
            if (isnan(v)) fputc(',', w.file);
            else fprintf(w.file, ",%.9g", v);
        }
        if (texts) {
            fputc(',', w.file);
            put_cell(w.file, r->found[i] ? r->found[i] : "");
            fputc(',', w.file);
            put_cell(w.file, r->truth[i] ? r->truth[i] : "");
        }
        fputc('\n', w.file);
    }
    return gm_commit(&w, e);
}

/* ---- all of it ---- */

int eval_finish(const eval_call *c, const eval_result *r)
{
    gm_error e = { "" };
    for (int64_t i = 0; i < r->problems->n; i++)
        fprintf(stderr, "glamm eval: %s\n", r->problems->text[i]);
    if (r->extra)
        fprintf(stderr, "glamm eval: %s: %lld predictions of other %s, such as %s\n", c->o.pred,
                (long long)r->extra, r->unit, r->first_extra);
    if (c->o.strict && (r->problems->n || (r->extra && !r->shared))) {
        fprintf(stderr, "glamm eval: stopped, for --strict\n");
        return 1;
    }
    int bad = c->o.json ? print_json(r, &e) : 0;
    if (!c->o.json) print_table(r);
    if (!bad && c->o.csv) bad = write_csv(c->o.csv, r, &e);
    if (!bad && c->o.report) bad = eval_report_write(c, r, &e);
    return bad ? eval_failed(&e) : c->failed;
}
