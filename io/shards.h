/* The weight files of one folder. */
#ifndef GM_IO_SHARDS_H
#define GM_IO_SHARDS_H
#include "weights.h"

typedef struct { gm_file **file; int64_t n, room; } gm_files;

/* Opens one file and takes its tensors into w. */
int gm_open_weights(gm_files *files, gm_weights *w, const char *path, gm_name_source source,
                    gm_error *e);
/* The same for a folder: the first of model.safetensors, model.safetensors.index.json,
 * pytorch_model.bin, pytorch_model.bin.index.json; every tensor that an index names must be in its
 * shard. */
int gm_open_folder(gm_files *files, gm_weights *w, const char *folder, gm_name_source source,
                   gm_error *e);
void gm_close_files(gm_files *files);

#endif
