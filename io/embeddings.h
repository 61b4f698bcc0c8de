/* SAM's image embeddings, kept on disk between runs: a second question about an image starts without
 * its longest stage. */
#ifndef GM_IO_EMBEDDINGS_H
#define GM_IO_EMBEDDINGS_H
#include "../ref/weights.h"

typedef struct {
    const char *dir;
    int64_t most;               /* bytes the folder may take; the ones longest unused go */
    char key[33];               /* of an image under a model, as hex digits */
} gm_embeddings;

/* The key: the image's pixels, the grounding encoder's tensors (names, sizes, samples of their
 * values) and the backend, which may round differently. */
void gm_embeddings_key(gm_embeddings *d, const gm_image *image, const gm_weights *w,
                       const char *backend);
/* Fills E (n values); false when the folder has no such file, or a damaged one. */
bool gm_embeddings_read(const gm_embeddings *d, float *E, int64_t n);
/* Writes DIR/KEY.safetensors (to a temporary name, then renamed: several processes may share the
 * folder), and removes the files longest unused until the rest fits. */
int gm_embeddings_write(const gm_embeddings *d, gm_tensor E, gm_error *e);

#endif
