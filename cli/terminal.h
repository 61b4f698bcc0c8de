/* What a person sees: the answer as it is generated, phrases in their masks' colours, progress on
 * stderr. In a pipe, or with NO_COLOR set, plain text. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../ref/glamm.h"

typedef struct {
    bool stream, colour;        /* stdout is a terminal; and may carry colours */
    bool progress, notes; /* stderr is a terminal and may carry progress; may carry notes at all */
    const char *label;          /* in front of the progress, "" or "3 of 10" */
    const char *image;          /* NAME in front of its answer, "NAME: ", or NULL */
    bool line;                  /* a progress line stands on stderr */
    double drawn;               /* when it was drawn, seconds */
    char stage[16];
    /* the stream */
    int64_t mask;               /* colour of the next phrase: [SEG] tokens so far */
    char held[64];              /* the beginning of a tag, perhaps */
    size_t nheld;
    bool phrase, coloured;      /* inside <p>; and its colour is on */
    bool space, text;           /* a space is due; something was printed */
} terminal;

/* stream: may the answer be shown as it comes? */
void terminal_open(terminal *t, bool quiet, bool stream);
/* A new answer begins; masks: how many the conversation has already.  The texts must last until its
 * end. */
void terminal_begin(terminal *t, const char *label, const char *image, int64_t masks);
/* gm_ask's callbacks; user is the terminal. */
void terminal_text(void *user, const char *text, size_t length);
/* The same for a text model: everything is shown as it is. */
void terminal_plain_text(void *user, const char *text, size_t length);
void terminal_stage(void *user, const char *stage, double done);
/* The answer is complete, or failed: flushes, ends its line if one was begun. */
void terminal_end(terminal *t);
/* Removes the progress line, so that something else can be written. */
void terminal_clear(terminal *t);
/* gm_model_options.log: a warning on stderr; user is the terminal. */
void terminal_log(void *user, const char *line);
/* Escape sequences of mask k's colour and of its end on this terminal, "" without colours.  buf
 * of 32. */
const char *terminal_colour(const terminal *t, int64_t k, char *buf);
const char *terminal_plain(const terminal *t);
/* The masks of an answer, a line each, on stdout; all: those of earlier turns too. */
void terminal_masks(terminal *t, const gm_answer *a, bool all);

#endif
