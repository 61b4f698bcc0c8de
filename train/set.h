/* One data set behind its format, and what the formats share: reading images and masks, building
 * conversations.  A format is one file, data_NAME.c, and one row of the table in set.c. */
#ifndef GM_TRAIN_SET_H
#define GM_TRAIN_SET_H
#include <jansson.h>
#include "../io/text.h"
#include "data.h"
#include "draw.h"

typedef struct gm_set gm_set;

typedef struct {
    const char *name;           /* as a data line has it */
    gm_set_kind kind;
    int64_t most;               /* expressions or boxes of a sample, where there may be many */
    /* Opens the index: s->n, s->own.  Lines were read before. */
    int (*open)(gm_set *s, gm_error *e);
    /* Record i: fills image, turns, masks, boxes of *out, which starts empty and is freed by the
     * caller whatever comes back.  e: what is wrong, without the record's name. */
    gm_problem (*sample)(gm_set *s, int64_t i, gm_draw *d, gm_sample *out, gm_error *e);
    void (*close)(gm_set *s);
    const char *split;          /* when the line has none; NULL: the format knows no splits */
    bool folder;                /* PATH is a folder, not a file */
    bool drawn;                 /* there are no files: NAME:WORDS in place of NAME PATH */
} gm_format;

extern const gm_format gm_grandf, gm_refcocog_gcg, gm_flickr_gcg, gm_refer, gm_refcoco_region,
    gm_refcocog_region, gm_vg_region, gm_flickr_region, gm_coco_caption, gm_llava, gm_ade20k,
    gm_cocostuff, gm_paco, gm_pascal_part, gm_shapes;

struct gm_set {
    const gm_format *format;
    char *line, *path, *images, *split;
    gm_set_kind kind;           /* the format's, unless its open says otherwise */
    double rate;
    int64_t most;
    const gm_prompts *prompts;
    int64_t n;                  /* records */
    int64_t left_out;           /* phrases that overlap another one */
    char *note;                 /* what was seen while opening and needs no error; or NULL */
    void *own;                  /* the format's */
};

/* The format that a line begins with, NULL when it is none. */
const gm_format *gm_format_of(const char *line);
int gm_set_open(gm_set *s, const char *line, const gm_prompts *p, gm_error *e);
void gm_set_close(gm_set *s);
/* A checked sample of record i: see gm_data_record. */
gm_problem gm_set_sample(gm_set *s, int64_t i, uint64_t key, gm_sample *out, gm_error *e);

/* Sets e as gm_fail does and returns p. */
gm_problem gm_problem_say(gm_error *e, gm_problem p, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- what formats share ---- */

/* A file that is a list of records: s->own becomes a gm_records, s->n its length. */
int gm_set_open_list(gm_set *s, gm_error *e);
void gm_set_close_list(gm_set *s);

/* out->image from the file `name` in s->images (NULL name: the record has none). */
gm_problem gm_set_image(const gm_set *s, const char *name, gm_sample *out, gm_error *e);

/* A mask of the image's size: COCO's compressed or uncompressed runs, a list of polygons or of runs
 * (their union), the name of a PNG file in `folder` whose pixels are not 0, an empty list. */
gm_problem gm_mask_of(gm_rle *r, const json_t *segmentation, const gm_image *im,
                      const char *folder, gm_error *e);
/* Takes r as the sample's next mask (freed when that fails). */
gm_problem gm_sample_mask(gm_sample *s, gm_rle *r, gm_error *e);

/* The next turn: takes text (NULL: out of memory). */
gm_problem gm_sample_turn(gm_sample *s, char *text, gm_error *e);
/* The next box: corners in pixels, divided by the sides of the sample's image. */
gm_problem gm_sample_box(gm_sample *s, const double corners[4], gm_error *e);
/* That turns, [SEG]s and masks, <bbox>es and boxes fit each other, as collation needs them. */
gm_problem gm_sample_check(const gm_sample *s, gm_error *e);

/* Turns about each of the n names in turn: one of `refer`, one of `refer_answers`. */
gm_problem gm_talk_refer(const gm_set *s, gm_draw *d, const char *const *name, int64_t n,
                         gm_sample *out, gm_error *e);
/* A question about each of n regions, and its answer; first: the conversation starts. */
gm_problem gm_talk_regions(const gm_set *s, gm_draw *d, const char *const *answer, int64_t n,
                           bool first, gm_sample *out, gm_error *e);
/* A question about all regions, answered by the caption, then one about each. */
gm_problem gm_talk_group(const gm_set *s, gm_draw *d, const char *caption,
                         const char *const *answer, int64_t n, gm_sample *out, gm_error *e);
gm_problem gm_talk_caption(const gm_set *s, gm_draw *d, const char *caption, gm_sample *out,
                           gm_error *e);

/* A phrase of a caption, in bytes, and what grounds it. */
typedef struct { int64_t start, end; gm_rle mask; } gm_phrase;
/* gcg's question and the caption with <p> phrase </p> [SEG] for each phrase; the masks go into the
 * sample (and out of the phrases) in the order of their starts.  A phrase that begins inside an
 * earlier one (the longer first when they begin together) is left out and counted. */
gm_problem gm_talk_gcg(gm_set *s, gm_draw *d, const char *caption, gm_phrase *phrase, int64_t n,
                       gm_sample *out, gm_error *e);
void gm_phrase_list_free(gm_phrase *p, int64_t n);

/* Python's caption[start:end] in characters as a phrase in bytes; SPAN unless it is a stretch of
 * the caption (an end past the caption's is the caption's). */
gm_problem gm_phrase_span(gm_phrase *p, const char *caption, const json_t *span, gm_error *e);

/* str.strip(), malloc'ed; marks: characters stripped before, as str.strip(marks), or NULL. */
char *gm_stripped(const char *s, const char *marks);

#endif
