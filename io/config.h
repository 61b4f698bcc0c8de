/* gm_config from the JSON files of a model folder.  Call in the order given here: later files fill
 * what the earlier left open; every value is checked, name is for messages. */
#ifndef GM_IO_CONFIG_H
#define GM_IO_CONFIG_H
#include "../ref/config.h"
#include "json.h"

/* The values that no file need state (transformers' defaults, and 224, 64, 4, 8 of the release). */
void gm_config_defaults(gm_config *g);
/* sizes.json: what no released file states, and CLIP's sizes where its config is not there. */
int gm_config_sizes(gm_config *g, const json_t *o, const char *name, gm_error *e);
/* config.json of the model (transformers LlamaConfig and the authors' keys). */
int gm_config_model(gm_config *g, const json_t *o, const char *name, gm_error *e);
/* config.json of the tower: a CLIPVisionConfig, or a CLIPConfig that has one as vision_config. */
int gm_config_clip(gm_config *g, const json_t *o, const char *name, gm_error *e);
/* preprocessor_config.json; without it shortest side and crop are the tower's image side. */
int gm_config_preprocessor(gm_config *g, const json_t *o, const char *name, gm_error *e);
/* That the values agree with each other. */
int gm_config_check(gm_config *g, const char *name, gm_error *e);

#endif
