/* See shards.h.  Source: transformers modeling_utils.py, from_pretrained and
 * load_sharded_checkpoint. */
#include "shards.h"

#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "os.h"

static gm_file *keep(gm_files *files, gm_file *f, gm_error *e)
{
    if (files->n == files->room) {
        int64_t room = files->room ? 2 * files->room : 8;
        gm_file **more = realloc(files->file, (size_t)room * sizeof *more);
        if (!more) {
            gm_fail(e, "%s: out of memory", f->path);
            gm_file_close(f);
            return NULL;
        }
        files->file = more;
        files->room = room;
    }
    return files->file[files->n++] = f;
}

static gm_file *open_into(gm_files *files, gm_weights *w, const char *path, gm_name_source source,
                          gm_error *e)
{
    gm_file *f = gm_file_open(path, e);
    if (f) f = keep(files, f, e);
    return f && gm_weights_add(w, f, source, e) == 0 ? f : NULL;
}

int gm_open_weights(gm_files *files, gm_weights *w, const char *path, gm_name_source source,
                    gm_error *e)
{
    return open_into(files, w, path, source, e) ? 0 : -1;
}

/* Each (name, shard) of the index, sorted by shard. */
static int by_shard(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(x[1], y[1]);
}

static int open_shards(gm_files *files, gm_weights *w, const char *folder, const char *index,
                       const char *const *pair, int64_t n, gm_name_source source, gm_error *e)
{
    gm_file *f = NULL;
    for (int64_t i = 0; i < n; i++) {
        const char *name = pair[2 * i], *shard = pair[2 * i + 1];
        if (i == 0 || strcmp(shard, pair[2 * i - 1]) != 0) {
            f = NULL;
            if (!*shard || strchr(shard, '/'))
                return gm_fail(e, "%s: %.200s: a shard must be a file of the same folder", index,
                               shard);
            char *path = gm_path_join(folder, shard);
            if (path && !gm_is_file(path))
                gm_fail(e, "%s: the shard %.200s is missing", index, shard);
            else f = path ? open_into(files, w, path, source, e) : NULL;
            free(path);
            if (!f) return gm_fail(e, "%s: out of memory", index);
        }
        if (!gm_file_find(f, name).data)
            return gm_fail(e, "%s: the tensor %.200s is not in its shard %.200s", index, name,
                           shard);
    }
    return 0;
}

static int open_index(gm_files *files, gm_weights *w, const char *folder, const char *index,
                      gm_name_source source, gm_error *e)
{
    json_t *o = gm_json_read(index, e);
    if (!o) return -1;
    json_t *map = json_object_get(o, "weight_map"), *v;
    size_t n = json_object_size(map), k = 0;
    const char **pair = malloc((2 * n + 1) * sizeof *pair), *name;
    int bad = pair ? 0 : gm_fail(e, "%s: out of memory", index);
    if (!bad && n == 0) bad = gm_fail(e, "%s: wanted a weight_map of tensors to shards", index);
    json_object_foreach(map, name, v) {
        if (!bad && !json_is_string(v))
            bad = gm_fail(e, "%s: %.200s: its shard is not a text", index, name);
        if (bad) break;
        pair[k++] = name;
        pair[k++] = json_string_value(v);
    }
    if (!bad) {
        qsort(pair, n, 2 * sizeof *pair, by_shard);
        bad = open_shards(files, w, folder, index, pair, (int64_t)n, source, e);
    }
    free(pair);
    json_decref(o);
    return bad;
}

int gm_open_folder(gm_files *files, gm_weights *w, const char *folder, gm_name_source source,
                   gm_error *e)
{
    static const struct { const char *name; bool index; } form[] = {
        { "model.safetensors", false }, { "model.safetensors.index.json", true },
        { "pytorch_model.bin", false }, { "pytorch_model.bin.index.json", true },
    };
    for (int i = 0; i < 4; i++) {
        char *path = gm_path_join(folder, form[i].name);
        if (!path) return gm_fail(e, "%s: out of memory", folder);
        bool there = gm_is_file(path);
        int bad = !there ? 0 : form[i].index ? open_index(files, w, folder, path, source, e)
                                             : gm_open_weights(files, w, path, source, e);
        free(path);
        if (there) return bad;
    }
    return gm_fail(e, "%s: no weights: wanted model.safetensors or pytorch_model.bin, "
                   "or one of their index.json files", folder);
}

void gm_close_files(gm_files *files)
{
    for (int64_t i = 0; i < files->n; i++) gm_file_close(files->file[i]);
    free(files->file);
    *files = (gm_files){ 0 };
}
