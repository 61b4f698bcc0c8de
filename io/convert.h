/* A model folder as a pair of GGUF files: docs/REAL_CHECKPOINT.md. */
#ifndef GM_IO_CONVERT_H
#define GM_IO_CONVERT_H
#include "tensor_out.h"

typedef struct {
    gm_dtype type;              /* of the language model's matrices */
    bool mixed;                 /* q4_K, q5_K: q6_K for some, as llama.cpp's Q4_K_M and Q5_K_M */
    /* A line for people now and then; may be NULL. */
    void (*log)(void *user, const char *line);
    /* Bytes written of the file at hand, and all of it. */
    void (*progress)(void *user, const char *path, uint64_t done, uint64_t all);
    void *user;
} gm_convert_options;

/* Reads the model at path (with the towers and adapters that o names) and writes out, MODEL.gguf: the
 * language model and the tokenizer as llama.cpp reads them; and beside it MODEL.vision.gguf:
 * everything else, and the folder's small files.  The language model's matrices become o->type
 * (those whose rows are no whole blocks q8_0 or their own, and are logged), its norms f32; all else stays
 * as stored.  Each file appears complete, and is then read again and held against its checksums.  path
 * may be a GGUF pair when o->type is f32: its values, unpacked. */
int gm_convert(const char *path, const gm_model_options *m, const char *out,
               const gm_convert_options *o, gm_error *e);

#endif
