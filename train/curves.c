/* See curves.h. */
#include "curves.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"

#define HEAD "update,kind,loss,ce,bce,dice,lr,grad_norm,samples,tokens,seconds,val_loss\n"

const char *gm_set_kind_name(gm_set_kind k)
{
    static const char *const name[GM_SET_KINDS] = { "caption", "region", "segm" };
    return name[k];
}

int gm_curves_add(gm_train_curves *c, const gm_train_row *r, gm_error *e)
{
    if (c->n == c->room) {
        int64_t room = c->room ? 2 * c->room : 256;
        gm_train_row *more = realloc(c->row, (size_t)room * sizeof *more);
        if (!more) return gm_fail(e, "out of memory for the log");
        c->row = more;
        c->room = room;
    }
    c->row[c->n++] = *r;
    return 0;
}

static bool read_row(gm_train_row *r, const char *line)
{
    char kind[16];
    long long update, samples, tokens;
    int at = 0;
    gm_train_report *p = &r->r;
    *r = (gm_train_row){ .val = NAN };
    if (sscanf(line, "%lld,%15[a-z],%lf,%lf,%lf,%lf,%lf,%lf,%lld,%lld,%lf,%n", &update, kind,
               &p->total, &p->ce, &p->bce, &p->dice, &p->rate, &p->norm, &samples, &tokens,
               &p->seconds, &at) < 11 || !at)
        return false;
    int k = 0;
    while (k < GM_SET_KINDS && strcmp(gm_set_kind_name((gm_set_kind)k), kind) != 0) k++;
    if (k == GM_SET_KINDS) return false;
    r->update = update, p->samples = samples, p->tokens = tokens, p->kind = (gm_set_kind)k;
    if (line[at] && line[at] != '\n') r->val = strtod(line + at, NULL);
    return true;
}

int gm_curves_open(gm_train_curves *c, const char *out, int64_t update, gm_error *e)
{
    *c = (gm_train_curves){ .path = gm_path_join(out, "log.csv") };
    if (!c->path) return gm_fail(e, "%s: out of memory", out);
    if (!gm_is_file(c->path)) return 0;
    char *text = gm_read_text(c->path, NULL, e);
    int bad = text ? 0 : -1;
    if (!bad && strncmp(text, HEAD, strlen(HEAD)) != 0)
        bad = gm_fail(e, "%s: wanted the columns %.*s", c->path, (int)strlen(HEAD) - 1, HEAD);
    int line = 2;
    for (const char *s = bad ? "" : text + strlen(HEAD); !bad && *s; line++) {
        gm_train_row r;
        if (!read_row(&r, s)) bad = gm_fail(e, "%s: line %d: not a row of the log", c->path, line);
        else if (r.update <= update) bad = gm_curves_add(c, &r, e);
        s += strcspn(s, "\n");
        s += *s == '\n';
    }
    free(text);
    return bad;
}

int gm_curves_write(const gm_train_curves *c, gm_error *e)
{
    gm_writer w;
    if (gm_create(&w, c->path, e) != 0) return -1;
    fputs(HEAD, w.file);
    for (int64_t i = 0; i < c->n; i++) {
        const gm_train_row *x = &c->row[i];
        const gm_train_report *r = &x->r;
        fprintf(w.file, "%lld,%s,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%lld,%lld,%.4f,",
                (long long)x->update, gm_set_kind_name(r->kind), r->total, r->ce, r->bce, r->dice,
                r->rate, r->norm, (long long)r->samples, (long long)r->tokens, r->seconds);
        if (isfinite(x->val)) fprintf(w.file, "%.9g", x->val);
        fputc('\n', w.file);
    }
    return gm_commit(&w, e);
}

void gm_curves_free(gm_train_curves *c)
{
    free(c->row);
    free(c->path);
    *c = (gm_train_curves){ 0 };
}
