/* What `make check-eval` asks of the library, line by line on stdin:
 * check_eval tokens                captions -> their Penn Treebank tokens
 * check_eval masks                 {"size", "segmentation"} -> compressed runs
 * check_eval cosines FOLDER        "A<tab>B" -> the cosine of BERT's vectors
 * check_eval pieces FOLDER         texts -> WordPiece ids */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/bert.h"
#include "../eval/ptb.h"
#include "../eval/wordpiece.h"
#include "../io/os.h"
#include "../io/segmentation.h"

enum { LINE = 1 << 20, MOST = 1 << 17 };

static char *lines[MOST];
static int64_t nlines;

static int read_lines(void)
{
    static char line[LINE];
    while (nlines < MOST && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (!(lines[nlines++] = gm_copy_text(line))) return -1;
    }
    return 0;
}

static int tokens(gm_error *e)
{
    char **out = calloc((size_t)nlines + 1, sizeof *out);
    const char *next = NULL;
    int bad = out ? 0 : gm_fail(e, "out of memory");
    for (int64_t i = nlines - 1; i >= 0 && !bad; i--) {
        bad = !(out[i] = gm_ptb_tokens(lines[i], next, e));
        if (lines[i][strspn(lines[i], " ")]) next = lines[i];
    }
    for (int64_t i = 0; i < nlines && !bad; i++) puts(out[i]);
    for (int64_t i = 0; out && i < nlines; i++) free(out[i]);
    free(out);
    return bad;
}

static int masks(gm_error *e)
{
    int bad = 0;
    for (int64_t i = 0; i < nlines && !bad; i++) {
        json_t *o = json_loads(lines[i], 0, NULL), *size = json_object_get(o, "size");
        gm_rle r = { 0 };
        bad = gm_segmentation_read(&r, json_object_get(o, "segmentation"),
                                   json_integer_value(json_array_get(size, 0)),
                                   json_integer_value(json_array_get(size, 1)), e);
        char *text = bad ? NULL : gm_rle_text(&r, e);
        if (text) puts(text);
        free(text);
        gm_rle_free(&r);
        json_decref(o);
    }
    return bad;
}

static int cosines(const char *folder, gm_error *e)
{
    gm_bert *b = gm_bert_open(folder, e);
    if (!b) return -1;
    int64_t C = gm_bert_width(b);
    const char **text = calloc((size_t)nlines * 2 + 1, sizeof *text);
    float *y = malloc((size_t)(nlines * 2 * C + 1) * sizeof *y);
    int bad = text && y ? 0 : gm_fail(e, "out of memory");
    for (int64_t i = 0; i < nlines && !bad; i++) {
        char *tab = strchr(lines[i], '\t');
        if (!tab) bad = gm_fail(e, "line %lld: no tab", (long long)i);
        else *tab = 0;
        text[2 * i] = lines[i];
        text[2 * i + 1] = bad ? NULL : tab + 1;
    }
    if (!bad) bad = gm_bert_embed(y, b, text, 2 * nlines, e);
    for (int64_t i = 0; i < nlines && !bad; i++)
        printf("%.9g\n", gm_cosine(y + 2 * i * C, y + (2 * i + 1) * C, C));
    free(text);
    free(y);
    gm_bert_free(b);
    return bad;
}

static int pieces(const char *folder, gm_error *e)
{
    char *path = gm_path_join(folder, "vocab.txt");
    gm_wordpiece *w = path ? gm_wordpiece_open(path, e) : NULL;
    for (int64_t i = 0; w && i < nlines; i++) {
        int64_t n;
        int32_t *id = gm_wordpiece_ids(w, lines[i], 512, &n);
        for (int64_t k = 0; id && k < n; k++) printf(k ? " %d" : "%d", id[k]);
        putchar('\n');
        free(id);
    }
    gm_wordpiece_free(w);
    free(path);
    return w ? 0 : -1;
}

int main(int argc, char **argv)
{
    gm_error e = { "" };
    const char *what = argc > 1 ? argv[1] : "";
    int bad = read_lines();
    if (!strcmp(what, "tokens")) bad = tokens(&e);
    else if (!strcmp(what, "masks")) bad = masks(&e);
    else if (!strcmp(what, "cosines") && argc > 2) bad = cosines(argv[2], &e);
    else if (!strcmp(what, "pieces") && argc > 2) bad = pieces(argv[2], &e);
    else return 2;
    if (bad) fprintf(stderr, "check_eval: %s\n", e.text);
    for (int64_t i = 0; i < nlines; i++) free(lines[i]);
    return bad ? 1 : 0;
}
