/* The small files of an exported folder (export.c). */
#ifndef GM_TRAIN_EXPORT_FILES_H
#define GM_TRAIN_EXPORT_FILES_H
#include <jansson.h>
#include "../io/tensor_out.h"
#include "params.h"

/* The temporary folder beside `folder`, made anew: malloc'ed, NULL with an error. */
char *export_begin(const char *folder, gm_error *e);
/* Gives it its name, or, when bad, removes it; frees temporary and returns bad or -1. */
int export_end(char *temporary, const char *folder, int bad, gm_error *e);

int export_json(const char *folder, const char *name, const json_t *o, gm_error *e);
/* from/name to folder/name, when it is there. */
int export_copy(const char *from, const char *folder, const char *name, gm_error *e);
/* config.json with torch_dtype as `type` says (and, when own_tower, the tower in "clip"), and what
 * belongs to the tokenizer, the sizes and the prompts. */
int export_base_files(const char *base, const char *folder, const char *type, bool own_tower,
                      gm_error *e);
/* Tensors as one file, in safetensors or PyTorch's zip form. */
int export_file(const char *folder, const char *name, bool safetensors, const gm_out_tensor *t,
                int64_t n, gm_error *e);
/* model.safetensors or pytorch_model.bin; what would grow beyond shard_bytes (0: 10 GB) as numbered
 * shards with an index.  Source: transformers modeling_utils.py, save_pretrained. */
int export_shards(const char *folder, bool safetensors, int64_t shard_bytes, const gm_out_tensor *t,
                  int64_t n, gm_error *e);
/* Source: peft 0.5.0 tuners/lora.py, LoraConfig. */
int export_adapter_config(const char *folder, const gm_params *ps, const char *base, gm_error *e);

#endif
