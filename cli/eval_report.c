/* The report: one HTML page with its pictures beside it, nothing from elsewhere. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image.h"
#include "../io/os.h"
#include "eval.h"

enum { SHOWN = 12 };                    /* items of each kind, the worst and the best */

static const char STYLE[] =
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:24px;max-width:1180px;color:#1"
    "d1d22;background:#fbfbfa}h1{font-size:26px;margin:0 0 4px}h2{font-size:20px;margin:36px 0 12"
    "px}p.sub{color:#66666d;margin:0 0 20px}table{border-collapse:collapse}td,th{padding:3px 18px"
    " 3px 0;text-align:right;font-variant-numeric:tabular-nums}td:first-child,th:first-child{text"
    "-align:left}th{font-weight:600;color:#66666d;border-bottom:1px solid #d8d8d4}.why{color:#8a8"
    "a90;text-align:left;font-size:13px;max-width:200px;line-height:1.3}.top{display:flex;flex-wr"
    "ap:wrap;gap:32px;align-items:flex-start}figure{margin:0}figcaption{font-size:14px;color:#666"
    "66d}.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(520px,1fr));gap:18px}@"
    "media(max-width:600px){.cards{grid-template-columns:1fr}}.card{background:#fff;border:1px so"
    "lid #e3e3df;border-radius:8px;padding:14px;overflow-wrap:anywhere}.card h3{font-size:15px;ma"
    "rgin:0 0 8px;display:flex;justify-content:space-between;gap:12px}.chips{font-weight:400;colo"
    "r:#66666d;text-align:right}.card h3 span:first-child{white-space:nowrap}.pair{display:grid;g"
    "rid-template-columns:1fr 1fr;gap:10px}.pair>div{min-width:0}.pair img{width:100%;border-radi"
    "us:4px;display:block}.label{font-size:12px;letter-spacing:.04em;text-transform:uppercase;col"
    "or:#8a8a90;margin:0 0 2px}.q{font-style:italic;margin:0 0 8px}.text{margin:6px 0 10px;font-s"
    "ize:15px}mark{padding:1px 4px;border-radius:4px;color:inherit}svg text{font:12px system-ui,s"
    "ans-serif;fill:#66666d}details{margin:16px 0}pre{white-space:pre-wrap;font-size:13px;backgro"
    "und:#f1f1ee;padding:12px;border-radius:6px}";

/* ---- text ---- */

static void put_text(FILE *f, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '<') fputs("&lt;", f);
        else if (s[i] == '>') fputs("&gt;", f);
        else if (s[i] == '&') fputs("&amp;", f);
        else if (s[i] == '"') fputs("&quot;", f);
        else putc(s[i], f);
    }
}

static void put(FILE *f, const char *s)
{
    put_text(f, s, strlen(s));
}

/* The phrase in the text from `from` on, case aside; NULL when it is not there. */
static const char *find_phrase(const char *from, const char *phrase)
{
    size_t n = strlen(phrase);
    for (; n && *from; from++) {
        size_t k = 0;
        while (k < n && tolower((unsigned char)from[k]) == tolower((unsigned char)phrase[k])) k++;
        if (k == n) return from;
    }
    return NULL;
}

/* A text, phrase k on a light tint of colour[k] (NULL: of mask k's); those that it does not hold
 * are left out. */
static void put_caption(FILE *f, const char *text, const gm_texts *phrases, int64_t masks,
                        const int64_t *colour, int64_t behind)
{
    const char *at = text;
    for (int64_t k = 0; k < phrases->n; k++) {
        const char *found = find_phrase(at, phrases->text[k]);
        uint8_t c[3] = { 170, 170, 170 };
        if (!found) continue;
        size_t n = strlen(phrases->text[k]);
        int64_t number = colour && k < masks ? colour[k] : k;
        if (number < 0) number = behind;
        behind += colour && k < masks && colour[k] < 0;
        if (k < masks) gm_mask_colour(number, c);
        put_text(f, at, (size_t)(found - at));
        fprintf(f, "<mark style=\"background:rgba(%d,%d,%d,.4)\">", c[0], c[1], c[2]);
        put_text(f, found, n);
        fputs("</mark>", f);
        at = found + n;
    }
    put(f, at);
}

/* ---- numbers ---- */

/* Numbers [from, to). */
static void put_table(FILE *f, const eval_result *r, int from, int to)
{
    fputs("<table><tr><th>in percent</th><th>here</th>", f);
    for (int k = 0; k < 3 && r->paper[k] && !from; k++) {
        fputs("<th>", f);
        put(f, r->paper[k]);
        fputs("</th>", f);
    }
    fputs("<th></th></tr>\n", f);
    for (int i = from; i < to; i++) {
        const eval_number *n = &r->number[i];
        fputs("<tr><td>", f);
        put(f, n->label);
        if (isnan(n->value)) fputs("</td><td>&ndash;</td>", f);
        else fprintf(f, "</td><td>%.1f</td>", 100 * n->value);
        for (int k = 0; k < 3 && r->paper[k] && !from; k++)
            fprintf(f, "<td>%s</td>", n->paper[k] ? n->paper[k] : "");
        fprintf(f, "<td class=\"why\">%s</td></tr>\n", isnan(n->value) && n->why ? n->why : "");
    }
    fputs("</table>\n", f);
}

/* 0..1 by 0..1, drawn on 300 x 200; a histogram's heights are relative to its highest bar. */
static void put_curve(FILE *f, const eval_curve *c)
{
    enum { W = 300, H = 200, LEFT = 44, TOP = 10 };
    double most = 0;
    for (int i = 0; i < c->n; i++) most = fmax(most, c->y[i]);
    if (!c->bars || most == 0) most = 1;
    fprintf(f, "<figure><svg width=\"%d\" height=\"%d\" role=\"img\">", W + LEFT + 14,
            H + TOP + 42);
    for (int k = 0; k <= 4; k++) {
        double y = TOP + H - H * k / 4.0;
        fprintf(f, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#e3e3df\"/>", LEFT,
                LEFT + W, y, y);
        fprintf(f, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f %%</text>", LEFT - 6, y + 4,
                most < 0.04, 100 * most * k / 4);
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.2g</text>",
                LEFT + W * k / 4.0, TOP + H + 16, k / 4.0);
    }
    if (!c->bars)
        fputs("<polyline fill=\"none\" stroke=\"#2176ff\" stroke-width=\"2\" points=\"", f);
    for (int i = 0; i < c->n; i++) {
        double h = H * c->y[i] / most;
        if (c->bars)
            fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                       "fill=\"#2176ff\"/>", LEFT + (double)W * i / c->n + 1, TOP + H - h,
                    (double)W / c->n - 2, h);
        else fprintf(f, "%.1f,%.1f ", LEFT + (double)W * i / (c->n - 1), TOP + H - h);
    }
    if (!c->bars) fputs("\"/>", f);
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>", LEFT + W / 2,
            TOP + H + 36, c->x_label);
    fprintf(f, "</svg><figcaption>%s (%s)</figcaption></figure>\n", c->title, c->y_label);
}

/* ---- items ---- */

static void put_chips(FILE *f, const eval_result *r, int64_t row)
{
    fputs("<span class=\"chips\">", f);
    for (int k = 0, n = 0; k < r->columns; k++) {
        double v = r->cell[row * r->columns + k];
        if (isnan(v)) continue;
        bool whole = v == floor(v) && fabs(v) >= 2;
        fprintf(f, whole ? "%s%s %.0f" : "%s%s %.2f", n++ ? " &middot; " : "", r->column[k], v);
    }
    fputs("</span>", f);
}

/* The item's picture with one kind of masks; nothing where there is none. */
static int put_picture(FILE *f, const eval_call *c, const eval_item *m, bool truth,
                       const char *name, gm_error *e)
{
    char *path = gm_path_join(c->o.report, name);
    bool drawn = false;
    int bad = path ? 0 : gm_fail(e, "%s: out of memory", c->o.report);
    if (!bad) bad = eval_picture_write(path, m, truth, &drawn, e);
    if (drawn) fprintf(f, "<img src=\"%s\" alt=\"%s\" loading=\"lazy\">", name,
                       truth ? "true masks" : "masks found");
    free(path);
    return bad;
}

static void put_side_text(FILE *f, const eval_item *m, bool truth)
{
    const char *text = truth ? m->truth : m->found;
    if (!text) return;
    fputs("<p class=\"text\">", f);
    put_caption(f, *text ? text : "(nothing)", truth ? &m->true_phrases : &m->found_phrases,
                truth ? m->ntrue : m->nfound, truth ? NULL : m->colour, m->ntrue);
    fputs("</p>", f);
}

/* Truth and prediction side by side, each with its masks; without masks the one picture, and both
 * texts beside it. */
static int put_sides(FILE *f, const eval_call *c, const eval_item *m, const char *kind, int number,
                     gm_error *e)
{
    static const char *const label[] = { "<p class=\"label\">prediction</p>",
                                         "<p class=\"label\">truth</p>" };
    bool masks = m->ntrue || m->nfound;
    char name[80];
    int bad = 0;
    fputs("<div class=\"pair\">", f);
    if (!masks) {
        snprintf(name, sizeof name, "%s-%02d.png", kind, number);
        fputs("<div>", f);
        bad = put_picture(f, c, m, true, name, e);
        fputs("</div><div>", f);
    }
    for (int truth = 1; !bad && truth >= 0; truth--) {
        fprintf(f, "%s%s", masks ? "<div>" : "", label[truth]);
        snprintf(name, sizeof name, "%s-%02d-%s.png", kind, number, truth ? "truth" : "found");
        if (masks) bad = put_picture(f, c, m, truth, name, e);
        put_side_text(f, m, truth);
        if (masks) fputs("</div>", f);
    }
    fputs(masks ? "</div>" : "</div></div>", f);
    return bad;
}

static int put_card(FILE *f, const eval_call *c, const eval_result *r, int64_t row,
                    const char *kind, int number, gm_error *e)
{
    eval_item m = { 0 };
    int bad = r->item(r->user, row, &m, e);
    fputs("<div class=\"card\"><h3><span>", f);
    put(f, r->id[row]);
    fputs("</span>", f);
    put_chips(f, r, row);
    fputs("</h3>", f);
    if (m.question) {
        fputs("<p class=\"q\">", f);
        put(f, m.question);
        fputs("</p>", f);
    }
    if (!bad) bad = put_sides(f, c, &m, kind, number, e);
    fputs("</div>\n", f);
    eval_item_free(&m);
    return bad;
}

typedef struct { double value; int64_t row; } ranked;

static int by_value(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int put_cards(FILE *f, const eval_call *c, const eval_result *r, gm_error *e)
{
    ranked *list = malloc((size_t)(r->rows + 1) * sizeof *list);
    int64_t worst = r->rows < SHOWN ? r->rows : SHOWN, best = r->rows - worst;
    int bad = list ? 0 : gm_fail(e, "out of memory for the report");
    if (best > SHOWN) best = SHOWN;
    for (int64_t i = 0; !bad && i < r->rows; i++)
        list[i] = (ranked){ r->cell[i * r->columns + r->rank], i };
    if (!bad) qsort(list, (size_t)r->rows, sizeof *list, by_value);
    fprintf(f, "<h2>The worst %lld by %s</h2><div class=\"cards\">\n", (long long)worst,
            r->column[r->rank]);
    for (int64_t i = 0; !bad && i < worst; i++)
        bad = put_card(f, c, r, list[i].row, "worst", (int)i + 1, e);
    if (best > 0)
        fprintf(f, "</div><h2>The best %lld</h2><div class=\"cards\">\n", (long long)best);
    for (int64_t i = 0; !bad && i < best; i++)
        bad = put_card(f, c, r, list[r->rows - 1 - i].row, "best", (int)i + 1, e);
    fputs("</div>\n", f);
    free(list);
    return bad;
}

/* ---- the page ---- */

static void put_problems(FILE *f, const gm_texts *t)
{
    enum { MOST = 200 };
    if (!t->n) return;
    fprintf(f, "<details><summary>%lld problem%s with single items</summary><pre>", (long long)t->n,
            t->n == 1 ? "" : "s");
    for (int64_t i = 0; i < t->n && i < MOST; i++) {
        put(f, t->text[i]);
        putc('\n', f);
    }
    fputs(t->n > MOST ? ".. and more\n</pre></details>\n" : "</pre></details>\n", f);
}

static int put_page(FILE *f, const eval_call *c, const eval_result *r, gm_error *e)
{
    fprintf(f, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
               "name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>glamm eval "
               "%s</title><style>%s</style></head><body>\n<h1>glamm eval %s</h1>\n<p "
               "class=\"sub\">", r->task, STYLE, r->task);
    fprintf(f, "%lld %s, %lld without a prediction, %lld predictions of others; truth <b>",
            (long long)r->items, r->unit, (long long)r->missing, (long long)r->extra);
    put(f, c->o.truth);
    fputs("</b>, predictions <b>", f);
    put(f, c->o.pred);
    fputs("</b>", f);
    if (c->o.model) {
        fputs(" by <b>", f);
        put(f, c->o.model);
        fputs("</b>", f);
    }
    if (r->about) {
        fputs("<br>", f);
        put(f, r->about);
    }
    fputs("</p>\n", f);
    put_problems(f, r->problems);
    fputs("<div class=\"top\"><div>", f);
    put_table(f, r, 0, r->headline);
    if (r->n > r->headline) {
        fputs("<details><summary>more numbers</summary>", f);
        put_table(f, r, r->headline, r->n);
        fputs("</details>", f);
    }
    fputs("</div><div class=\"top\">", f);
    for (int k = 0; k < r->curves; k++) put_curve(f, &r->curve[k]);
    fputs("</div></div>\n", f);
    int bad = r->item && r->rows ? put_cards(f, c, r, e) : 0;
    fprintf(f, "</body></html>\n");
    return bad;
}

int eval_report_write(const eval_call *c, const eval_result *r, gm_error *e)
{
    gm_writer w;
    if (gm_make_dir(c->o.report, e) != 0) return -1;
    char *path = gm_path_join(c->o.report, "index.html");
    int bad = path ? gm_create(&w, path, e) : gm_fail(e, "%s: out of memory", c->o.report);
    free(path);
    if (bad) return -1;
    if (put_page(w.file, c, r, e) == 0) return gm_commit(&w, e);
    gm_discard(&w);
    return -1;
}
