/* A checkpoint folder: config, weights in whatever form, tokenizer and prompts beside them. */
#ifndef GM_IO_CHECKPOINT_H
#define GM_IO_CHECKPOINT_H
#include "../ref/config.h"
#include "../ref/weights.h"

typedef struct gm_checkpoint gm_checkpoint;

/* Opens config.json (and sizes.json, the CLIP folder's config.json and preprocessor_config.json),
 * maps the weight files, merges LoRA.  Nothing is read beyond headers and merged tensors. */
gm_checkpoint *gm_checkpoint_open(const char *path, const gm_model_options *o, gm_error *e);
void gm_checkpoint_free(gm_checkpoint *k);
const gm_config *gm_checkpoint_config(const gm_checkpoint *k);
gm_weights *gm_checkpoint_weights(gm_checkpoint *k);
const char *gm_checkpoint_path(const gm_checkpoint *k);
/* The small files beside the weights (folder.h). */
struct gm_folder;
const struct gm_folder *gm_checkpoint_folder(const gm_checkpoint *k);

/* Every stored tensor, in file order (for info and --check). */
typedef struct { const char *name, *file; gm_tensor tensor; bool used; } gm_stored;
int64_t gm_checkpoint_tensors(const gm_checkpoint *k, gm_stored *out, int64_t max);

/* gm_file_forget, of whichever file holds x. */
void gm_checkpoint_forget(const gm_checkpoint *k, gm_tensor x);

/* Bytes of converted (f32) and merged copies held beside the maps; of all weights that are used. */
size_t gm_checkpoint_owned(const gm_checkpoint *k);
gm_weight_bytes gm_checkpoint_bytes(const gm_checkpoint *k);
/* The weights whose names start so leave this process's memory; they are read again when needed. */
void gm_checkpoint_forget_all(const gm_checkpoint *k, const char *prefix);

/* One file, whichever format (safetensors, torch zip, torch legacy), as a flat list: goldens,
 * tests. */
typedef struct gm_file gm_file;
gm_file *gm_file_open(const char *path, gm_error *e);
int64_t gm_file_count(const gm_file *f);
const char *gm_file_name(const gm_file *f, int64_t i);
gm_tensor gm_file_tensor(const gm_file *f, int64_t i);
gm_tensor gm_file_find(const gm_file *f, const char *name);
/* The tensor's bytes leave this process's memory when they lie in the map (gm_map_forget). */
void gm_file_forget(const gm_file *f, gm_tensor x);
void gm_file_close(gm_file *f);

/* Writes f32/i32 tensors as .safetensors (temporary name, then rename). */
int gm_safetensors_write(const char *path, const char *const *name, const gm_tensor *x, int64_t n,
                         gm_error *e);

#endif
