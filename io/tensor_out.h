/* Tensors on their way into a file: converted, and merged with their adapter, row by row, so that
 * no second copy of a model is held. */
#ifndef GM_IO_TENSOR_OUT_H
#define GM_IO_TENSOR_OUT_H
#include <stdio.h>
#include "../ref/tensor.h"

/* x's values as `type` (x's own; for a float type a float or quantised one); where a is set, x is a
 * matrix (out, in) and scale b (out, rank) a (rank, in), in float, is added before the one rounding
 * (QUIRKS C4).  heads > 0: x (heads HD, in) is written with the rows of each head in the order 0,
 * HD / 2, 1, HD / 2 + 1, ..., as llama.cpp wants q and k (its rotary pairs are neighbours;
 * convert_hf_to_gguf.py, LlamaModel.permute).  make: values that come from nowhere, a row (the last
 * size) at a time. */
typedef struct {
    const char *name;
    gm_tensor x;
    gm_dtype type;
    const float *a, *b;
    int64_t rank;
    float scale;
    int64_t heads;
    /* Instead of x's values (x.data is then anything but NULL): fills row number r, as float. */
    void (*make)(const void *user, float *row, int64_t r);
    const void *user;
} gm_out_tensor;

/* crc, of what came before (0: nothing), continued over n bytes. */
uint32_t gm_crc32(uint32_t crc, const void *bytes, size_t n);
size_t gm_out_bytes(const gm_out_tensor *t);
/* Writes the values; *crc (may be NULL) is the CRC-32 of the bytes.  -1 when memory or the file
 * gives out; the file's own error says which. */
int gm_out_write(FILE *f, const gm_out_tensor *t, uint32_t *crc);

/* .safetensors and torch.save's zip form (io/safetensors.c, io/torch_write.c): to a temporary name,
 * then renamed.  Names must be different. */
int gm_safetensors_write_out(const char *path, const gm_out_tensor *t, int64_t n, gm_error *e);
/* The state dict as an OrderedDict of contiguous CPU tensors, which torch.load reads.  Source:
 * torch/serialization.py, _save; caffe2/serialize/inline_container.cc (alignment of 64). */
int gm_torch_write(const char *path, const gm_out_tensor *t, int64_t n, gm_error *e);

#endif
