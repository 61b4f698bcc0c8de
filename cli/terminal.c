/* Streams answers to a terminal and draws progress on stderr. */
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image.h"
#include "../io/os.h"

enum { BAR = 24 };

void terminal_open(terminal *t, bool quiet, bool stream)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    bool dumb = !term || strcmp(term, "dumb") == 0;
    *t = (terminal){ .label = "" };
    t->stream = stream && gm_is_terminal(1);
    t->colour = t->stream && !dumb && !(no_colour && *no_colour);
    if (t->colour) gm_last_words("\033[0m\n");
    t->notes = !quiet;
    t->progress = !quiet && !dumb && gm_is_terminal(2);
}

const char *terminal_colour(const terminal *t, int64_t k, char *buf)
{
    uint8_t c[3];
    const char *kind = getenv("COLORTERM");
    if (!t->colour) return "";
    gm_mask_colour(k, c);
    if (kind && (!strcmp(kind, "truecolor") || !strcmp(kind, "24bit")))
        snprintf(buf, 32, "\033[1;38;2;%d;%d;%dm", c[0], c[1], c[2]);
    else    /* the 6 x 6 x 6 cube of 256-colour terminals */
        snprintf(buf, 32, "\033[1;38;5;%dm", 16 + c[0] / 43 * 36 + c[1] / 43 * 6 + c[2] / 43);
    return buf;
}

const char *terminal_plain(const terminal *t)
{
    return t->colour ? "\033[0m" : "";
}

void terminal_clear(terminal *t)
{
    if (t->line) fputs("\r\033[K", stderr);
    t->line = false;
}

void terminal_log(void *user, const char *line)
{
    terminal *t = user;
    terminal_clear(t);
    if (t->notes) fprintf(stderr, "%s\n", line);
}

void terminal_stage(void *user, const char *stage, double done)
{
    terminal *t = user;
    bool same = strcmp(t->stage, stage) == 0;
    double now = gm_seconds();
    snprintf(t->stage, sizeof t->stage, "%s", stage);
    if (!t->progress || (same && done < 1 && now - t->drawn < 0.1)) return;
    if (t->stream && t->text) return;           /* the answer's line is being written */
    int full = (int)(done * BAR + 0.5);
    t->drawn = now;
    t->line = true;
    fprintf(stderr, "\r\033[K%s%s%-8s [%.*s%*s] %3.0f %%", t->label, *t->label ? "  " : "", stage,
            full, "########################", BAR - full, "", 100 * done);
    fflush(stderr);
}

void terminal_begin(terminal *t, const char *label, const char *image, int64_t masks)
{
    t->label = label;
    t->image = image;
    t->mask = masks;
    t->nheld = 0;
    t->stage[0] = 0;
    t->phrase = t->space = t->text = false;
}

/* A byte of visible text.  Runs of white space become one space, none at the start. */
static void show(terminal *t, char c)
{
    char buf[32];
    if (strchr(" \t\n\r\f\v", c)) {
        t->space = t->text;
        return;
    }
    if (!t->text) {
        terminal_clear(t);
        if (t->image) printf("%s: ", t->image);
    }
    if (t->space) putchar(' ');
    if (t->phrase && !t->coloured) fputs(terminal_colour(t, t->mask, buf), stdout);
    t->coloured = t->phrase;
    putchar(c);
    t->space = false;
    t->text = true;
}

/* What a complete tag does.  None is shown: the caption drops every <...> and [SEG]
 * (docs/TEXT.md). */
static void tag(terminal *t)
{
    t->held[t->nheld] = 0;
    if (strcmp(t->held, "[SEG]") == 0) t->mask++;
    if (strcmp(t->held, "<p>") == 0) t->phrase = true;
    if (strcmp(t->held, "</p>") == 0) {
        if (t->coloured) fputs(terminal_plain(t), stdout);
        t->phrase = t->coloured = false;
    }
    t->nheld = 0;
}

/* Shows what was held: it was no tag after all. */
static void release(terminal *t)
{
    for (size_t i = 0; i < t->nheld; i++) show(t, t->held[i]);
    t->nheld = 0;
}

static void take(terminal *t, char c)
{
    if (t->nheld && t->held[0] == '[' && c != "[SEG]"[t->nheld]) release(t);
    if (t->nheld + 1 == sizeof t->held || (t->nheld && c == '\n')) release(t);
    if (!t->nheld && c != '<' && c != '[') {
        show(t, c);
        return;
    }
    t->held[t->nheld++] = c;
    if ((t->held[0] == '<' && c == '>') || t->nheld == (t->held[0] == '[' ? strlen("[SEG]") : 0))
        tag(t);
}

void terminal_text(void *user, const char *text, size_t length)
{
    terminal *t = user;
    if (!t->stream) return;
    for (size_t i = 0; i < length; i++) take(t, text[i]);
    fflush(stdout);
}

void terminal_plain_text(void *user, const char *text, size_t length)
{
    terminal *t = user;
    if (!t->stream || !length) return;
    terminal_clear(t);
    fwrite(text, 1, length, stdout);
    t->text = true;
    fflush(stdout);
}

void terminal_end(terminal *t)
{
    release(t);
    if (t->coloured) fputs(terminal_plain(t), stdout);
    t->coloured = false;
    terminal_clear(t);
    if (t->stream && t->text) putchar('\n');
    fflush(stdout);
}

/* The phrase that mask k grounds, or NULL. */
static const gm_span *phrase_of(const gm_answer *a, int64_t k)
{
    for (int64_t i = 0; i < a->nspans; i++)
        if (a->span[i].mask == k) return &a->span[i];
    return NULL;
}

void terminal_masks(terminal *t, const gm_answer *a, bool all)
{
    char buf[32];
    double pixels = (double)a->width * (double)a->height;
    for (int64_t k = 0; k < a->nmasks; k++) {
        const gm_mask *m = &a->mask[k];
        const gm_span *s = phrase_of(a, k);
        if (m->in_prompt && !all) continue;
        printf("  %smask %lld%s  %5.1f %% of the image, x %lld y %lld, %lld x %lld",
               terminal_colour(t, k, buf), (long long)k, terminal_plain(t),
               100 * (double)m->area / pixels, (long long)m->box[0], (long long)m->box[1],
               (long long)m->box[2], (long long)m->box[3]);
        if (s) printf("  %.*s", (int)(s->end - s->start), a->caption + s->start);
        putchar('\n');
    }
}
