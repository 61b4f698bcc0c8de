/* GGUF, the file format of llama.cpp: metadata (keys and values), then tensors.  Source: ggml
 * docs/gguf.md; versions 2 and 3, little-endian. */
#ifndef GM_IO_GGUF_H
#define GM_IO_GGUF_H
#include "file.h"
#include "tensor_out.h"

/* The format's numbers. */
typedef enum {
    GM_GGUF_U8, GM_GGUF_I8, GM_GGUF_U16, GM_GGUF_I16, GM_GGUF_U32, GM_GGUF_I32, GM_GGUF_F32,
    GM_GGUF_BOOL, GM_GGUF_TEXT, GM_GGUF_ARRAY, GM_GGUF_U64, GM_GGUF_I64, GM_GGUF_F64, GM_GGUF_TYPES
} gm_gguf_type;

/* Bytes of a value; 0 for texts and arrays. */
int gm_gguf_value_bytes(gm_gguf_type type);

typedef struct {
    const char *key;                    /* length bytes, not 0-terminated; in the file's bytes */
    size_t length;
    gm_gguf_type type;                  /* of an array: its elements' */
    bool array;
    uint64_t n;                         /* elements; 1 unless array */
    const uint8_t *data;                /* the first element */
} gm_gguf_value;

typedef struct {
    char *path;                         /* for messages */
    const uint8_t *bytes;
    size_t size;
    gm_gguf_value *value;
    int64_t n;
    size_t tensors;                     /* offset of the list of tensors */
    uint64_t ntensors, alignment;
} gm_gguf;

/* Reads the metadata of a file in memory, whose bytes must outlive g.  Every length is checked.
 * Release with gm_gguf_close, also after an error. */
int gm_gguf_open(gm_gguf *g, const uint8_t *bytes, size_t n, const char *name, gm_error *e);
void gm_gguf_close(gm_gguf *g);
/* NULL when the key is not there. */
const gm_gguf_value *gm_gguf_find(const gm_gguf *g, const char *key);

/* The value as a whole number or a number: 0, or an error that says what was wanted.  A key that is
 * not there leaves *v. */
int gm_gguf_int(const gm_gguf *g, const char *key, int64_t *v, gm_error *e);
int gm_gguf_float(const gm_gguf *g, const char *key, double *v, gm_error *e);
/* Texts of a value, one after the other: start with at = value->data; returns the bytes and their
 * number, and moves *at. */
const char *gm_gguf_next_text(const uint8_t **at, size_t *length);
/* The bytes of a U8 or I8 array, or of a text; NULL when it is neither. */
const uint8_t *gm_gguf_bytes(const gm_gguf_value *v, size_t *n);

/* ---- writing (gguf_write.c) ---- */

typedef struct gm_gguf_writer gm_gguf_writer;

/* Keys are collected; the first failure sticks and is reported by gm_gguf_write. */
gm_gguf_writer *gm_gguf_new(void);
void gm_gguf_free(gm_gguf_writer *w);
void gm_gguf_set_int(gm_gguf_writer *w, const char *key, gm_gguf_type type, int64_t v);
void gm_gguf_set_float(gm_gguf_writer *w, const char *key, float v);
void gm_gguf_set_text(gm_gguf_writer *w, const char *key, const char *v);
/* An array of n elements of a plain type, as they lie in memory. */
void gm_gguf_set_array(gm_gguf_writer *w, const char *key, gm_gguf_type type, const void *v,
                       int64_t n);
/* An array of n texts, of which text(user, i) is number i. */
void gm_gguf_set_texts(gm_gguf_writer *w, const char *key,
                       const char *(*text)(void *user, int64_t i), void *user, int64_t n);
/* The file: keys, then tensors in this order, to a temporary name, then renamed.  The CRC-32 of
 * each tensor's bytes stands in the array GM_GGUF_SUMS; that of all that comes before them (keys, list
 * of tensors, padding), in which it counts as 0 itself, in GM_GGUF_HEAD.  done (may be NULL) is told
 * that tensor i is written, and the bytes of all so far. */
#define GM_GGUF_SUMS "glamm.tensor_crc32"
#define GM_GGUF_HEAD "glamm.head_crc32"
int gm_gguf_write(gm_gguf_writer *w, const char *path, const gm_out_tensor *t, int64_t n,
                  void (*done)(void *user, int64_t i, uint64_t bytes), void *user, gm_error *e);

/* Holds the file against GM_GGUF_HEAD and GM_GGUF_SUMS: 0, or an error that names the first tensor
 * that differs.  A file without these keys (another program's) is an error that says so. */
int gm_gguf_verify(const char *path, gm_error *e);

#endif
