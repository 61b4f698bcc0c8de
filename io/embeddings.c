/* See embeddings.h. */
#include "embeddings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include "checkpoint.h"
#include "names.h"
#include "os.h"
#include "weights.h"

static const char ENDING[] = ".safetensors", TENSOR[] = "image_embeddings",
                  ENCODER[] = GM_GROUNDING "image_encoder.";
enum { SAMPLE = 4096 };                 /* bytes of a tensor's start, middle and end */
static const double ABANDONED = 3600;   /* seconds after which nobody writes a temporary file on */

static void add_tensor(XXH3_state_t *h, const gm_weight_entry *t)
{
    const char *p = t->x.data;
    size_t n = gm_bytes(t->x), part = n < SAMPLE ? n : SAMPLE;
    XXH3_128bits_update(h, t->name, strlen(t->name) + 1);
    XXH3_128bits_update(h, t->x.dim, sizeof t->x.dim);
    XXH3_128bits_update(h, p, part);
    XXH3_128bits_update(h, p + (n - part) / 2, part);
    XXH3_128bits_update(h, p + n - part, part);
}

void gm_embeddings_key(gm_embeddings *d, const gm_image *image, const gm_weights *w,
                       const char *backend)
{
    d->key[0] = 0;
    XXH3_state_t *h = XXH3_createState();
    if (!h) return;                     /* no key, no cache */
    XXH3_128bits_reset(h);
    XXH3_128bits_update(h, backend, strlen(backend) + 1);
    for (int64_t i = 0; i < w->n; i++)
        if (strncmp(w->entry[i].name, ENCODER, sizeof ENCODER - 1) == 0) add_tensor(h, &w->entry[i]);
    XXH3_128bits_update(h, &image->width, sizeof image->width);
    XXH3_128bits_update(h, image->rgb, (size_t)(image->width * image->height * 3));
    XXH128_hash_t v = XXH3_128bits_digest(h);
    snprintf(d->key, sizeof d->key, "%016llx%016llx", (unsigned long long)v.high64,
             (unsigned long long)v.low64);
    XXH3_freeState(h);
}

static char *path_of(const gm_embeddings *d)
{
    char name[60];
    snprintf(name, sizeof name, "%s%s", d->key, ENDING);
    return d->key[0] ? gm_path_join(d->dir, name) : NULL;
}

bool gm_embeddings_read(const gm_embeddings *d, float *E, int64_t n)
{
    gm_error e = { "" };
    char *path = path_of(d);
    gm_file *f = path && gm_is_file(path) ? gm_file_open(path, &e) : NULL;
    gm_tensor x = f ? gm_file_find(f, TENSOR) : GM_NONE;
    bool good = x.type == GM_F32 && gm_numel(x) == n;
    if (good) {
        memcpy(E, x.data, (size_t)n * sizeof(float));
        gm_touch(path);
    }
    gm_file_close(f);
    free(path);
    return good;
}

/* ---- room ---- */

typedef struct { char *path; uint64_t bytes; double used; } kept;

static int longest_unused_first(const void *a, const void *b)
{
    const kept *x = a, *y = b;
    return (x->used > y->used) - (x->used < y->used);
}

/* What stands behind an embedding's name, "" of a whole one; NULL: another file. */
static const char *behind(const char *name)
{
    size_t m = sizeof ENDING - 1;
    bool ours = strspn(name, "0123456789abcdef") == 32 && strncmp(name + 32, ENDING, m) == 0;
    return ours ? name + 32 + m : NULL;
}

/* What a process that was killed left half written. */
static bool is_abandoned(const char *name, const char *path)
{
    uint64_t bytes;
    double changed;
    const char *rest = behind(name);
    return rest && strncmp(rest, ".tmp-", 5) == 0 && gm_file_facts(path, &bytes, &changed) &&
           gm_wall_seconds() - changed > ABANDONED;
}

/* Other processes may remove the same files: one that is gone is fine.  Each makes room after it
 * has written, so the last one sees all files. */
static int make_room(const gm_embeddings *d, gm_error *e)
{
    char **names = NULL;
    int64_t n = 0, m = 0;
    uint64_t all = 0;
    if (gm_list_dir(d->dir, &names, &n, e) != 0) return -1;
    kept *k = calloc((size_t)n + 1, sizeof *k);
    for (int64_t i = 0; k && i < n; i++) {
        const char *rest = behind(names[i]);
        char *path = rest ? gm_path_join(d->dir, names[i]) : NULL;
        if (path && !*rest && gm_file_facts(path, &k[m].bytes, &k[m].used)) {
            all += k[m].bytes;
            k[m++].path = path;
        } else {
            if (path && is_abandoned(names[i], path)) remove(path);
            free(path);
        }
    }
    if (k) qsort(k, (size_t)m, sizeof *k, longest_unused_first);
    for (int64_t i = 0; k && i < m; i++) {
        if (all > (uint64_t)d->most && (remove(k[i].path) == 0 || !gm_is_file(k[i].path)))
            all -= k[i].bytes;
        free(k[i].path);
    }
    free(k);
    gm_free_list(names, n);
    return k ? 0 : gm_fail(e, "%s: out of memory", d->dir);
}

int gm_embeddings_write(const gm_embeddings *d, gm_tensor E, gm_error *e)
{
    static const char *const name = TENSOR;
    if (!d->key[0]) return 0;
    if (gm_make_dir(d->dir, e) != 0) return -1;
    char *path = path_of(d);
    int bad = path ? gm_safetensors_write(path, &name, &E, 1, e)
                   : gm_fail(e, "%s: out of memory", d->dir);
    free(path);
    return bad ? -1 : make_room(d, e);
}
