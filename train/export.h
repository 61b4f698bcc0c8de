/* What training made, in the layouts that others read. */
#ifndef GM_TRAIN_EXPORT_H
#define GM_TRAIN_EXPORT_H
#include "params.h"

typedef struct {
    const char *type;           /* "stored" (as the base's file has each), "f32", "bf16", "f16" */
    bool safetensors;           /* instead of PyTorch's zip form */
    int64_t shard_bytes;        /* no file grows beyond; 0: 10 GB, as transformers */
} gm_export_options;

/* The whole model, adapters merged, as the authors' merge script saves it (scripts/
 * merge_lora_weights.py): config.json, pytorch_model*.bin with an index, tokenizer and added tokens
 * copied from the base model's folder.  A CLIP tower that lies inside the base model's folder lies
 * in the new one likewise; one that the caller brought from elsewhere is not copied unless it was
 * trained.  folder appears complete or not at all. */
int gm_export_model(const char *folder, const gm_params *ps, gm_model *m,
                    const gm_export_options *o, gm_error *e);

/* The pairs, and every other tensor that trains, in peft's layout: adapter_config.json and
 * adapter_model.bin or .safetensors, which peft 0.5.0 and --lora read.  base: the name of the base
 * model in adapter_config.json. */
int gm_export_adapter(const char *folder, const gm_params *ps, const char *base,
                      const gm_export_options *o, gm_error *e);

#endif
