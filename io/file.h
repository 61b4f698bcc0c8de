/* A weight file as a flat list of named tensors: what the format readers fill and the checkpoint
 * reads. Readers take bytes, so that they can be fuzzed; the bytes must outlive the gm_file. */
#ifndef GM_IO_FILE_H
#define GM_IO_FILE_H
#include "checkpoint.h"
#include "name_index.h"

/* Types as files store them.  f32, bf16, f16, i32, i64, u8 and quantised ones stay; the others become
 * the nearest gm_dtype (f64 -> f32 rounded, i16 and i8 -> i32, bool -> u8). */
typedef enum {
    GM_STORED_F32, GM_STORED_BF16, GM_STORED_F16, GM_STORED_F64, GM_STORED_I64, GM_STORED_I32,
    GM_STORED_I16, GM_STORED_I8, GM_STORED_U8, GM_STORED_BOOL, GM_STORED_Q8_0, GM_STORED_Q4_0,
    GM_STORED_Q4_1, GM_STORED_Q4_K, GM_STORED_Q5_K, GM_STORED_Q6_K, GM_STORED_NTYPES
} gm_stored_type;
/* Bytes of an element; of the quantised types, of a block. */
size_t gm_stored_size(gm_stored_type t);

typedef struct {
    char *name;
    gm_tensor x;                        /* data in the bytes, or in a copy that the file owns */
} gm_file_entry;

struct gm_file {
    char *path;                         /* for messages */
    const uint8_t *bytes;
    size_t size;
    bool mapped;                        /* bytes came from gm_map */
    gm_file_entry *entry;               /* in file order */
    int64_t n, room;
    gm_named *order;                    /* by name, built when the file is complete */
    void **copy;
    int64_t ncopies, copy_room;
    size_t copied;                      /* bytes of copies; bounded by the file's size */
};

/* One stored tensor.  name need not end with 0.  stride in elements, NULL: contiguous.  data: the
 * first element, of which `avail` bytes may be read.  Copies what is misaligned, strided or of a
 * type that gm_dtype lacks.  Fails on more than 4 sizes, on sizes that overflow or reach past
 * avail. */
typedef struct {
    const char *name;
    size_t name_length;
    gm_stored_type type;
    int nd;
    const int64_t *dim, *stride;
    const uint8_t *data;
    size_t avail;
} gm_stored_tensor;
int gm_file_add(gm_file *f, const gm_stored_tensor *t, gm_error *e);

/* Elements of dim, -1 when a size is negative or the product overflows int64. */
int64_t gm_count_elements(int nd, const int64_t *dim);

/* The format found by its first bytes; name is for messages. */
gm_file *gm_file_parse(const uint8_t *bytes, size_t n, const char *name, gm_error *e);
/* The readers: 0 when f->entry is complete. */
int gm_safetensors_read(gm_file *f, gm_error *e);
int gm_torch_zip_read(gm_file *f, gm_error *e);
int gm_torch_legacy_read(gm_file *f, gm_error *e);
int gm_gguf_read(gm_file *f, gm_error *e);
size_t gm_file_copied(const gm_file *f);

/* Values of a stored tensor as float; -1 for an integer type. */
int gm_to_float(float *y, const void *x, gm_dtype type, int64_t n);

#endif
