/* Tensor names: from what the files say to the authors' in-memory names, and the names nobody
 * needs. */
#ifndef GM_IO_NAMES_H
#define GM_IO_NAMES_H
#include <stdbool.h>
#include <stddef.h>

#define GM_TOWER "model.vision_tower.vision_tower."
#define GM_GROUNDING "model.grounding_encoder."
#define GM_REGION_ENCODER "model.region_encoder."

typedef enum { GM_FROM_MODEL, GM_FROM_CLIP, GM_FROM_SAM, GM_FROM_GGUF } gm_name_source;

/* malloc'ed; NULL when out of memory. */
char *gm_memory_name(gm_name_source source, const char *stored);
/* Whether the name is what the pattern says, in which '*' stands for any text. */
bool gm_name_matches(const char *name, const char *pattern);
/* llama.cpp's name of a tensor of the language model (gguf-py, tensor_mapping.py), by its in-memory
 * name, into out; false when it is none of that model's. */
bool gm_gguf_name(char *out, size_t room, const char *name);
/* Whether the forward pass is known not to use the tensor of this in-memory name. */
bool gm_name_unused(const char *name);
/* Whether the name is a half of a LoRA pair. */
bool gm_name_is_lora(const char *name);
/* "X.lora_A.weight" or "X.lora_A.default.weight" -> target "X.weight" and 1; other
 * names -> 0. */
int gm_lora_target(char *target, size_t room, const char *name);

#endif
