/* glamm trace, in pieces: what goes in, what every module gave, how it compares, how it looks. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H
#include "../ref/model_open.h"
#include "settings.h"

/* ---- what goes in (trace_inputs.c) ---- */

/* A batch and what it points to. */
typedef struct {
    gm_batch batch;
    int64_t images;
    int32_t *ids;
    int64_t *offset, *boxes_of;
    int64_t (*resized)[2], (*original)[2];
    char *answer;               /* what the model wrote, when it was asked; else NULL */
} trace_inputs;

/* The conversations of a golden case (golden/README.md), answers included. */
int trace_case(trace_inputs *in, gm_ctx *c, const gm_model *m, const char *path, gm_error *e);
/* A question about an image: the model answers it first; the whole conversation is the input. */
int trace_question(trace_inputs *in, gm_ctx *c, gm_model *m, const char *image, const question *q,
                   const ask_settings *as, gm_error *e);
void trace_inputs_free(trace_inputs *in);

/* ---- what came out ---- */

/* A copy on the host of a module's output (or an input), in the order of the forward pass.
 * name: as in the goldens, "tap/model.norm", "mask_logits/0". */
typedef struct { char *name; gm_tensor x; } traced;
typedef struct { traced *item; int64_t n, room; } trace_list;
int trace_add(trace_list *l, const char *name, gm_tensor x, gm_error *e);
const gm_tensor *trace_find(const trace_list *l, const char *name);
/* The name as a key of .safetensors files: '/' becomes '_'. */
void trace_key(char *key, size_t room, const char *name);

/* ---- how it compares (trace_compare.c) ---- */

/* Prints a table of the list against a stored file, each tensor within 8 x f64_gap + 4 eps x absmax
 * where the JSON beside the file says so (golden/README.md), else within tolerance x absmax; names
 * the first module that differs.  Returns how many differ or are missing, -1 on error. */
int64_t trace_compare(const trace_list *l, const char *path, double tolerance, gm_error *e);

/* ---- what it says (trace_show.c) ---- */

/* Prints shape, mean, extremes and first values of a tensor: a module's path, the name of an input
 * or a result, either with @ROW for one row of its last size; or "all". */
int trace_show(const trace_list *l, const char *wanted, gm_error *e);

/* ---- how it looks (trace_pictures.c) ---- */
int trace_pictures(const trace_list *l, gm_ctx *c, const gm_model *m, const trace_inputs *in,
                   const char *folder, gm_error *e);

#endif
