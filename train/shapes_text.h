/* What is said about scenes: each world has its words, filled in here as tables and functions. */
#ifndef GM_TRAIN_SHAPES_TEXT_H
#define GM_TRAIN_SHAPES_TEXT_H
#include "../io/text.h"
#include "shapes_scene.h"

/* A caption with its phrases: bytes start..end of text speak of the objects whose bits are set. */
typedef struct { size_t start, end; uint32_t objects; } gm_shapes_span;
typedef struct {
    gm_text text;
    gm_shapes_span span[GM_SHAPES_MOST];
    int spans;                          /* from left to right, apart from each other */
} gm_shapes_caption;

/* A list of templates ends with NULL; "{}" is the place of the expression or of the region. */
typedef struct {
    const char *const *gcg, *const *refer, *const *refer_answers, *const *region, *const *caption;
    const char *phrase;
    void (*describe)(gm_shapes_caption *c, const gm_shapes_scene *s, gm_random *r);
    /* An expression that fits object k alone.  False: there is none. */
    bool (*refer_to)(gm_text *t, const gm_shapes_scene *s, int k, gm_random *r);
    void (*region_of)(gm_text *t, const gm_shapes_scene *s, int k, gm_random *r);
    void (*ask)(gm_text *question, gm_text *answer, const gm_shapes_scene *s, gm_random *r);
    bool asks_again;                    /* the same question may come twice in a conversation */
} gm_shapes_words;

extern const gm_shapes_words gm_shapes_words_a, gm_shapes_words_b;
/* Of world A or B. */
const gm_shapes_words *gm_shapes_words_of(gm_shapes_world w);
extern const char gm_shapes_system[], gm_shapes_begin[];

/* template with its "{}"s replaced, in order, by the texts that follow. */
void gm_shapes_say(gm_text *t, const char *format, ...);
/* One of a NULL-terminated list. */
const char *gm_shapes_pick(gm_random *r, const char *const *list);
/* "a" or "an", as it stands before the word. */
const char *gm_shapes_article(const char *word);
/* 0 to 8: "zero", "one", ... */
const char *gm_shapes_number(int n);
/* 0 .. n - 1 in random order. */
void gm_shapes_permutation(int *order, int n, gm_random *r);

/* The caption, as the answer has it: <p> .. </p> around each span, with " [SEG]" behind if seg. */
void gm_shapes_tag(gm_text *t, const gm_shapes_caption *c, bool seg);

#endif
