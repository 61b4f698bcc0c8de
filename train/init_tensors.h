/* The list of all tensors of a model of given sizes (init.c, init_tensors.c). */
#ifndef GM_TRAIN_INIT_TENSORS_H
#define GM_TRAIN_INIT_TENSORS_H
#include <stdbool.h>
#include "../ref/tensor.h"

typedef struct {
    int64_t vocab, hidden, inter, layers, heads, kv_heads;
    int64_t clip_image, clip_patch, clip_hidden, clip_inter, clip_layers, clip_heads;
    int64_t region_mid, region_pos, region_groups, region_scale;
    int64_t sam_image, sam_patch, sam_dim, sam_depth, sam_heads, sam_window, sam_out, sam_mlp,
        sam_iou_hidden, sam_dec_heads;
    bool sam_global[64];        /* blocks whose attention sees the whole image */
} init_sizes;

typedef enum { INIT_MATRIX, INIT_CONV, INIT_TOKEN, INIT_TABLE, INIT_BIAS, INIT_NORM } init_kind;

/* gain: of a matrix's or convolution's 1 / sqrt(fan-in); of a token (an embedding) its std in
 * "fan_in"; a table (positions) likewise, 0 in "release". */
typedef struct { char *name; gm_tensor x; init_kind kind; double gain; } init_tensor;
typedef struct { init_tensor *t; int64_t n, room; bool failed; } init_list;

/* Names and sizes (x.data stays NULL), as the authors' modules have them. */
void init_tensors(init_list *l, const init_sizes *s);
void init_list_free(init_list *l);
/* init.c: the standard deviation of t's values in the way of starting "release", else "fan_in";
 * t->x must have data for its sizes to count. */
double init_spread(const init_tensor *t, bool release);

#endif
