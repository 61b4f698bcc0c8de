/* The small files beside a model's weights (config.json, tokenizer.model, ...): in its folder, or
 * packed into the vision half of a GGUF pair (key "glamm.file.NAME"). */
#ifndef GM_IO_FOLDER_H
#define GM_IO_FOLDER_H
#include "gguf.h"

#define GM_PACKED "glamm.file."

typedef struct gm_folder {
    char *path;                         /* the folder, or the file that holds them */
    bool packed;
    bool alone;                         /* a text model: pack is the GGUF itself, no small files */
    gm_gguf pack;
    const uint8_t *bytes;               /* its map */
    size_t size;
} gm_folder;

/* path: a folder, or MODEL.gguf, whose neighbour MODEL.vision.gguf is opened; without a neighbour a
 * file of another program's is a text model, one of glamm convert's an error.  Release with
 * gm_folder_close, also after an error. */
int gm_folder_open(gm_folder *d, const char *path, gm_error *e);
void gm_folder_close(gm_folder *d);
/* The file's bytes, malloc'ed and 0-terminated; NULL when there is none, or with an error. */
char *gm_folder_text(const gm_folder *d, const char *name, size_t *n, gm_error *e);
/* "MODEL.vision.gguf" of "MODEL.gguf", malloc'ed; NULL when the name does not end so, or out of
 * memory. */
char *gm_vision_path(const char *path);

#endif
