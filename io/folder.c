/* See folder.h. */
#include "folder.h"

#include <stdlib.h>
#include <string.h>
#include "os.h"

static const char GGUF[] = ".gguf", VISION[] = ".vision.gguf";

char *gm_vision_path(const char *path)
{
    size_t n = strlen(path), m = sizeof GGUF - 1;
    char *out = n > m && strcmp(path + n - m, GGUF) == 0 ? malloc(n - m + sizeof VISION) : NULL;
    if (!out) return NULL;
    memcpy(out, path, n - m);
    memcpy(out + n - m, VISION, sizeof VISION);
    return out;
}

static int open_pack(gm_folder *d, const char *path, gm_error *e)
{
    char *beside = gm_vision_path(path);
    if (!beside)
        return gm_fail(e, "%s: wanted a model folder (with config.json) or MODEL.gguf, found %s",
                       path, gm_is_file(path) ? "another file" : "nothing");
    bool pair = gm_is_file(beside), good = false;
    d->packed = true;
    d->alone = !pair;
    d->path = pair ? beside : gm_copy_text(path);
    if (pair || (d->path && gm_is_file(path))) {
        d->bytes = gm_map(d->path, &d->size, e);
        if (d->bytes) good = gm_gguf_open(&d->pack, d->bytes, d->size, d->path, e) == 0;
    }
    if (good && d->alone) good = !gm_gguf_find(&d->pack, GM_GGUF_SUMS);
    if (!good)
        gm_fail(e, "%s: the file beside it is missing: %s (glamm convert writes both)", path,
                beside);
    if (!pair) free(beside);
    return good ? 0 : -1;
}

int gm_folder_open(gm_folder *d, const char *path, gm_error *e)
{
    *d = (gm_folder){ 0 };
    if (!gm_is_dir(path)) return open_pack(d, path, e);
    d->path = gm_copy_text(path);
    return d->path ? 0 : gm_fail(e, "%s: out of memory", path);
}

void gm_folder_close(gm_folder *d)
{
    gm_gguf_close(&d->pack);
    if (d->bytes) gm_unmap(d->bytes, d->size);
    free(d->path);
    *d = (gm_folder){ 0 };
}

static char *packed_text(const gm_folder *d, const char *name, size_t *n, gm_error *e)
{
    char key[200];
    snprintf(key, sizeof key, "%s%s", GM_PACKED, name);
    const gm_gguf_value *v = gm_gguf_find(&d->pack, key);
    const uint8_t *bytes = v ? gm_gguf_bytes(v, n) : NULL;
    if (!v) return NULL;
    if (!bytes) {
        gm_fail(e, "%s: %s: wanted bytes", d->path, key);
        return NULL;
    }
    char *text = malloc(*n + 1);
    if (!text) {
        gm_fail(e, "%s: out of memory for %s", d->path, name);
        return NULL;
    }
    memcpy(text, bytes, *n);
    text[*n] = 0;
    return text;
}

char *gm_folder_text(const gm_folder *d, const char *name, size_t *n, gm_error *e)
{
    if (d->packed) return packed_text(d, name, n, e);
    char *path = gm_path_join(d->path, name), *text = NULL;
    if (!path) gm_fail(e, "%s: out of memory", d->path);
    else if (gm_is_file(path)) text = gm_read_text(path, n, e);
    free(path);
    return text;
}
