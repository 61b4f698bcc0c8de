/* One golden case: NAME.json, NAME.safetensors and the images beside them (golden/README.md). */
#ifndef GM_GOLDEN_CASE_H
#define GM_GOLDEN_CASE_H
#include <stdbool.h>
#include "../io/checkpoint.h"

/* What is stored of one tensor: every stride-th element of the flattened whole. */
typedef struct {
    const char *name;                   /* as in the JSON, with '/' */
    int64_t dim[8], numel, stride;
    int nd;
    double absmax, norm, f64_gap;       /* of the whole tensor; NaN where the JSON has none */
    gm_tensor stored;
    bool seen;                          /* compared with something */
} golden_tensor;

/* turn 2i is the user's, 2i + 1 the assistant's. */
typedef struct { const char **turn; int64_t turns; } golden_talk;

typedef struct {
    char *path;
    int64_t width, height, masks;
    double (*box)[4];                   /* 0..1 */
    int64_t boxes;
    golden_talk *talk;                  /* the image's conversations */
    int64_t talks;
} golden_image;

typedef struct {
    char *name;
    golden_image *image;
    int64_t images, *offset;            /* offset (images + 1) */
    golden_tensor *tensor;
    int64_t tensors;
    bool losses;
    int32_t *prompt_ids, *sequence;     /* NULL: the case does not generate */
    int64_t prompt_length, sequence_length, max_new_tokens;
    const char *answer;                 /* or NULL */
    void *json;
    gm_file *file;
} golden_case;

/* folder holds NAME.json.  Every stored tensor's length is checked against its shape and stride. */
int golden_case_open(golden_case *g, const char *folder, const char *name, gm_error *e);
/* The same for a file of values that belongs to no image. */
int golden_values_open(golden_case *g, const char *folder, const char *name, gm_error *e);
void golden_case_close(golden_case *g);
/* NULL when nothing of that name is stored. */
golden_tensor *golden_find(golden_case *g, const char *name);

#endif
