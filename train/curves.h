/* The record of a run: OUT/log.csv, a row an update, and OUT/curves.png. */
#ifndef GM_TRAIN_CURVES_H
#define GM_TRAIN_CURVES_H
#include "trainer.h"

typedef struct {
    int64_t update;             /* updates done when it was written */
    gm_train_report r;
    double val;                 /* validation loss after it; NaN where there was none */
} gm_train_row;

typedef struct { gm_train_row *row; int64_t n, room; char *path; } gm_train_curves;

/* The rows of out/log.csv up to `update`; later ones are dropped (a run that goes on from an
 * earlier checkpoint).  No file: no rows. */
int gm_curves_open(gm_train_curves *c, const char *out, int64_t update, gm_error *e);
int gm_curves_add(gm_train_curves *c, const gm_train_row *r, gm_error *e);
/* Writes log.csv (whole, under a temporary name). */
int gm_curves_write(const gm_train_curves *c, gm_error *e);
void gm_curves_free(gm_train_curves *c);

/* Losses (faint) with their running means, validation losses as dots; below, learning rate and
 * gradient norm. */
int gm_curves_draw(const gm_train_curves *c, const char *path, gm_error *e);

/* "caption", "region", "segm". */
const char *gm_set_kind_name(gm_set_kind k);

#endif
