/* Inside gm_weights: how io/checkpoint.c fills the list that ref/weights.h reads. */
#ifndef GM_IO_WEIGHTS_H
#define GM_IO_WEIGHTS_H
#include "file.h"
#include "names.h"

#define GM_NAME_MAX 512                 /* longest name that model code asks for, its 0 included */

typedef struct {
    char *name;                         /* in memory */
    const char *file;                   /* path of its file, which outlives the list */
    gm_tensor x;                        /* as stored, or merged */
    gm_tensor f32;                      /* x as float, once asked for */
    void *device[2];                    /* x and f32 on the device, once asked for */
    void *merged;                       /* owned, when x is */
    bool used;
} gm_weight_entry;

/* Names (with shapes) to complain about. */
typedef struct { char **text; int64_t n, room; } gm_notes;

struct gm_weights {
    char *path;                         /* of the checkpoint, for messages */
    gm_weight_entry *entry;
    int64_t n, room;
    gm_named *order;
    gm_notes missing, misshaped;
    size_t owned;                       /* bytes of float and merged copies */
    bool out_of_memory;
    gm_memory memory;                   /* a device's, or upload is NULL */
    size_t uploaded;                    /* bytes on it */
    bool device_full;
    bool verbose;
    void (*log)(void *user, const char *line);
    void *user;
};

gm_weights *gm_weights_new(const char *path, const gm_model_options *o, gm_error *e);
void gm_weights_free(gm_weights *w);
/* Takes in every tensor of f under its in-memory name; a name that is there already is an error. */
int gm_weights_add(gm_weights *w, const gm_file *f, gm_name_source source, gm_error *e);
/* Moves the tensors of `from` into w, where they take the place of those of the same name;
 * *replaced and *added count.  LoRA pairs stay behind. */
int gm_weights_take(gm_weights *w, gm_weights *from, int64_t *replaced, int64_t *added,
                    gm_error *e);
/* From now on `name` is x, of the same sizes, whose data are the caller's and outlive w: what is bound
 * again takes it.  -1 when there is no such tensor or it has other sizes. */
int gm_weights_replace(gm_weights *w, const char *name, gm_tensor x, gm_error *e);
gm_weight_entry *gm_weights_find(const gm_weights *w, const char *name);
/* One line through the log, when there is one. */
void gm_weights_say(const gm_weights *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* row (in) += scale (B A)[o], A (r, in), B (out, r). */
void gm_lora_row(float *row, const float *A, const float *B, int64_t in, int64_t r, float scale,
                 int64_t o);
/* Merges every pair X.lora_A[.name].weight (r, in), X.lora_B (out, r) of `from` (which may be w
 * itself) into X.weight of w: W + alpha / r (B A), summed in float, rounded once to W's type
 * (QUIRKS C4).  The pairs are marked as used.  *merged counts. */
int gm_lora_merge(gm_weights *w, gm_weights *from, double alpha, int64_t *merged, gm_error *e);

#endif
