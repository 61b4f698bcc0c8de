/* Tensors as files of a folder: see export_files.h. */
#include <stdio.h>
#include <stdlib.h>
#include "../io/os.h"
#include "export_files.h"

#define SHARD_BYTES ((int64_t)10000000000)      /* transformers' save_pretrained: "10GB" */

int export_file(const char *folder, const char *name, bool safetensors, const gm_out_tensor *t,
                int64_t n, gm_error *e)
{
    char *path = gm_path_join(folder, name);
    int bad = !path ? gm_fail(e, "%s: out of memory", folder)
        : safetensors ? gm_safetensors_write_out(path, t, n, e) : gm_torch_write(path, t, n, e);
    free(path);
    return bad;
}

/* Where the shard that begins with tensor `from` ends. */
static int64_t shard_end(int64_t most, const gm_out_tensor *t, int64_t n, int64_t from)
{
    int64_t bytes = 0, i = from;
    while (i < n && (i == from || bytes + (int64_t)gm_out_bytes(&t[i]) <= most))
        bytes += (int64_t)gm_out_bytes(&t[i++]);
    return i;
}

int export_shards(const char *folder, bool safetensors, int64_t shard_bytes, const gm_out_tensor *t,
                  int64_t n, gm_error *e)
{
    const char *stem = safetensors ? "model" : "pytorch_model",
               *end = safetensors ? "safetensors" : "bin";
    char name[80];
    int64_t most = shard_bytes > 0 ? shard_bytes : SHARD_BYTES, shards = 0, k = 0, bytes = 0;
    for (int64_t i = 0; i < n; i = shard_end(most, t, n, i)) shards++;
    snprintf(name, sizeof name, "%s.%s", stem, end);
    if (shards <= 1) return export_file(folder, name, safetensors, t, n, e);
    json_t *map = json_object();
    int bad = map ? 0 : gm_fail(e, "out of memory");
    for (int64_t i = 0, next; !bad && i < n; i = next) {
        next = shard_end(most, t, n, i);
        snprintf(name, sizeof name, "%s-%05lld-of-%05lld.%s", stem, (long long)++k,
                 (long long)shards, end);
        bad = export_file(folder, name, safetensors, t + i, next - i, e);
        for (int64_t j = i; !bad && j < next; j++) {
            bytes += (int64_t)gm_out_bytes(&t[j]);
            json_object_set_new(map, t[j].name, json_string(name));
        }
    }
    json_t *index = json_pack("{s{sI}so}", "metadata", "total_size", (json_int_t)bytes, "weight_map",
                              map);
    snprintf(name, sizeof name, "%s.%s.index.json", stem, end);
    if (!bad) bad = export_json(folder, name, index, e);
    json_decref(index);
    return bad;
}
