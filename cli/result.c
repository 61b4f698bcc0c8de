/* Results as JSON and files. */
#include "result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image.h"
#include "../io/os.h"

static const char *const SCORE_MEANING =
    "score: mean logit inside the mask; predicted_iou: SAM's own estimate; both uncalibrated";

/* A text that may hold bytes that are no UTF-8 (a path): those become '?'. */
static json_t *text_json(const char *s)
{
    json_t *j = json_string(s);
    char *t = j ? NULL : gm_copy_text(s);
    for (char *c = t; c && *c; c++)
        if (*c & 0x80) *c = '?';
    if (t) j = json_string(t);
    free(t);
    return j;
}

static json_t *text_or_null(const char *s)
{
    return s ? text_json(s) : json_null();
}

/* FNV-1a (64 bit). */
static const uint64_t FNV_START = 0xcbf29ce484222325u;

static uint64_t fnv(uint64_t h, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static void hexadecimal(char hex[17], uint64_t h)
{
    snprintf(hex, 17, "%016llx", (unsigned long long)h);
}

/* Of a file's bytes: tells a picture that was changed from the one answered. */
static int fingerprint(const char *path, char hex[17], gm_error *e)
{
    size_t n;
    const uint8_t *p = gm_map(path, &n, e);
    if (!p) return -1;
    hexadecimal(hex, fnv(FNV_START, p, n));
    gm_unmap(p, n);
    return 0;
}

static bool is_model_file(const char *name)
{
    static const char *const end[] = { "config.json", "sizes.json", "prompts.json", ".index.json",
        "added_tokens.json", "tokenizer.model", ".bin", ".safetensors", ".pth" };
    for (size_t i = 0; i < sizeof end / sizeof *end; i++) {
        size_t n = strlen(name), m = strlen(end[i]);
        if (n >= m && strcmp(name + n - m, end[i]) == 0) return true;
    }
    return false;
}

/* Mixes in names, sizes and times of a model's files (their bytes would take minutes): a folder's
 * own, those of the CLIP tower in its folder clip, or one file. */
static uint64_t add_facts(uint64_t h, const char *path)
{
    gm_error none = { "" };
    uint64_t size;
    double changed;
    char **name;
    int64_t n;
    if (path && gm_file_facts(path, &size, &changed)) {
        h = fnv(h, path, strlen(path) + 1);
        h = fnv(h, &size, sizeof size);
        return fnv(h, &changed, sizeof changed);
    }
    if (!path || !gm_is_dir(path) || gm_list_dir(path, &name, &n, &none)) return h;
    for (int64_t i = 0; i < n; i++) {
        char *file = gm_path_join(path, name[i]);
        bool counts = is_model_file(name[i]) || strcmp(name[i], "clip") == 0;
        if (file && counts) h = add_facts(h, file);
        free(file);
    }
    gm_free_list(name, n);
    return h;
}

static json_t *boxes_json(const double (*boxes)[4], int64_t n)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(
            list, json_pack("[f,f,f,f]", boxes[i][0], boxes[i][1], boxes[i][2], boxes[i][3]));
    return list;
}

json_t *request_json(const char *model, const char *image, const model_settings *ms,
                     const ask_settings *as, const question *q, int64_t turn, gm_error *e)
{
    char hex[17], files[17];
    if (fingerprint(image, hex, e)) return NULL;
    uint64_t h = add_facts(add_facts(FNV_START, model), ms->clip);
    hexadecimal(files, add_facts(add_facts(h, ms->sam), ms->lora));
    json_t *r = json_pack("{so ss so ss ss so so sb sI}", "model", text_json(model), "model_files",
                          files, "image", text_json(image), "image_fnv1a", hex, "task",
                          task_name(q->task), "text", text_or_null(q->text), "boxes",
                          boxes_json(q->boxes, q->nboxes), "forced", q->forced, "turn",
                          (json_int_t)turn);
    json_t *how = json_pack(
        "{sI sf sf sI sb sb ss so so so ss sb ss so}", "max_tokens",
        (json_int_t)(as->max_tokens ? as->max_tokens : 512), "temp", as->temp, "top_p", as->top_p,
        "seed", (json_int_t)as->seed, "no_kv_cache", as->no_kv_cache, "no_masks", as->no_masks,
        "backend", ms->backend ? ms->backend : "cpu", "clip", text_or_null(ms->clip), "sam",
        text_or_null(ms->sam), "lora", text_or_null(ms->lora), "conversation",
        ms->conversation ? ms->conversation : "llava_v1", "exact_f32", ms->exact_f32,
        "activations", ms->activations ? ms->activations : "f32", "kv", text_or_null(ms->kv));
    int bad = json_object_update(r, how);
    json_decref(how);
    if (!bad) return r;
    json_decref(r);
    gm_fail(e, "%s: out of memory", image);
    return NULL;
}

/* Code points in the first n bytes of UTF-8 text. */
static json_int_t code_points(const char *text, size_t n)
{
    json_int_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

static json_t *phrases_json(const gm_answer *a)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < a->nspans; i++) {
        const gm_span *s = &a->span[i];
        json_t *p = json_pack("{ss% s[I,I] s[I,I] so}", "text", a->caption + s->start,
                              s->end - s->start, "bytes", (json_int_t)s->start, (json_int_t)s->end,
                              "code_points", code_points(a->caption, s->start),
                              code_points(a->caption, s->end), "mask",
                              s->mask < 0 ? json_null() : json_integer(s->mask));
        json_array_append_new(list, p);
    }
    return list;
}

static json_t *phrase_of(const gm_answer *a, int64_t mask)
{
    for (int64_t i = 0; i < a->nspans; i++)
        if (a->span[i].mask == mask) return json_integer(i);
    return json_null();
}

/* A number, null where it is none: the mean logit of an empty mask. */
static json_t *number_or_null(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *mask_json(const gm_answer *a, int64_t k, const char *name, gm_error *e)
{
    const gm_mask *m = &a->mask[k];
    char *counts = gm_rle_from_logits(m->logits, a->height, a->width, e);
    if (!counts) return NULL;
    json_t *j = json_pack(
        "{s{s[I,I] ss} sI s[I,I,I,I] so so sb so}", "segmentation", "size", (json_int_t)a->height,
        (json_int_t)a->width, "counts", counts, "area", (json_int_t)m->area, "bbox",
        (json_int_t)m->box[0], (json_int_t)m->box[1], (json_int_t)m->box[2], (json_int_t)m->box[3],
        "score", number_or_null(m->area ? m->score : NAN), "predicted_iou",
        number_or_null(m->predicted_iou), "in_prompt", m->in_prompt, "phrase", phrase_of(a, k));
    free(counts);
    if (j && name)
        json_object_set_new(j, "file", json_sprintf("%s.mask%lld.png", name, (long long)k));
    return j;
}

static json_t *masks_json(const gm_answer *a, const char *name, gm_error *e)
{
    json_t *list = json_array();
    for (int64_t k = 0; k < a->nmasks; k++) {
        json_t *m = mask_json(a, k, name, e);
        if (!m || json_array_append_new(list, m)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *ids_json(const int32_t *id, int64_t n)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++) json_array_append_new(list, json_integer(id[i]));
    return list;
}

/* To the microsecond. */
static json_t *seconds_json(double s)
{
    return json_real(round(s * 1e6) / 1e6);
}

json_t *result_json(json_t *request, const char *name, const gm_answer *a, double total_seconds,
                    gm_error *e)
{
    json_t *masks = masks_json(a, name, e), *seconds = json_object();
    for (int i = 0; i < a->ntimings; i++)
        json_object_set_new(seconds, a->timing[i].stage, seconds_json(a->timing[i].seconds));
    json_object_set_new(seconds, "total", seconds_json(total_seconds));
    json_t *r = masks ? json_pack("{ss sO sI sI so so so so ss so so ss so}", "glamm", GM_VERSION,
                                  "request", request, "width", (json_int_t)a->width, "height",
                                  (json_int_t)a->height, "answer", text_json(a->text), "caption",
                                  text_json(a->caption), "phrases", phrases_json(a), "masks", masks,
                                  "score_meaning", SCORE_MEANING, "prompt_ids",
                                  ids_json(a->prompt_ids, a->nprompt_ids), "ids",
                                  ids_json(a->ids, a->nids), "finish",
                                  a->finished ? "end" : "length", "seconds", seconds)
                      : NULL;
    if (!masks) json_decref(seconds);
    bool drawn = a->nmasks || json_array_size(json_object_get(request, "boxes"));
    if (r && name && drawn) json_object_set_new(r, "overlay", json_sprintf("%s.overlay.png", name));
    if (!r) gm_fail(e, "out of memory for the result");
    return r;
}

/* out/NAMEsuffix, malloc'ed. */
static char *path_of(const char *out, const char *name, const char *suffix)
{
    char *s = gm_path_join(out, name);
    size_t n = s ? strlen(s) : 0;
    char *t = s ? realloc(s, n + strlen(suffix) + 1) : NULL;
    if (t) strcpy(t + n, suffix);
    else free(s);
    return t;
}

/* The JSON stored under a name, NULL when there is none; *there tells whether a file is. */
static json_t *stored(const char *out, const char *name, bool *there)
{
    char *path = path_of(out, name, ".json");
    *there = path && gm_is_file(path);
    json_t *j = *there ? json_load_file(path, 0, NULL) : NULL;
    free(path);
    return j;
}

char *result_name(json_t *used, const char *out, const char *base, const char *image, gm_error *e)
{
    size_t room = strlen(base) + 24;
    char *name = malloc(room);
    json_t *path = text_json(image);
    for (int k = 1; name && path; k++) {
        snprintf(name, room, k == 1 ? "%s" : "%s-%d", base, k);
        if (json_object_get(used, name)) continue;
        bool there;
        json_t *old = stored(out, name, &there);
        bool ours = !there ||
                    json_equal(json_object_get(json_object_get(old, "request"), "image"), path);
        json_decref(old);
        if (ours) break;
    }
    json_decref(path);
    if (name && path && json_object_set_new_nocheck(used, name, json_true()) == 0) return name;
    free(name);
    gm_fail(e, "%s: out of memory", image);
    return NULL;
}

/* Is the file that `holder` names under key there?  So is one that it does not name. */
static bool file_there(const char *out, const json_t *holder, const char *key)
{
    const char *file = json_string_value(json_object_get(holder, key));
    char *path = file ? gm_path_join(out, file) : NULL;
    bool there = !file || (path && gm_is_file(path));
    free(path);
    return there;
}

/* Of this version, with all its files? */
static bool complete(const char *out, const json_t *result)
{
    const char *version = json_string_value(json_object_get(result, "glamm"));
    const json_t *masks = json_object_get(result, "masks");
    bool whole = version && strcmp(version, GM_VERSION) == 0 && file_there(out, result, "overlay");
    for (size_t i = 0; whole && i < json_array_size(masks); i++)
        whole = file_there(out, json_array_get(masks, i), "file");
    return whole;
}

json_t *result_stored(const char *out, const char *name, const json_t *request)
{
    bool there;
    json_t *j = stored(out, name, &there);
    /* compared as written: a number that was read back may differ in its last digits */
    char *want = json_dumps(request, JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
    char *found =
        j ? json_dumps(json_object_get(j, "request"), JSON_SORT_KEYS | JSON_REAL_PRECISION(15))
          : NULL;
    bool same = want && found && strcmp(want, found) == 0 && complete(out, j);
    free(want);
    free(found);
    if (same) return j;
    json_decref(j);
    return NULL;
}

static int mask_write(const char *path, const gm_answer *a, int64_t k, gm_error *e)
{
    size_t n = (size_t)a->width * (size_t)a->height;
    uint8_t *pixels = malloc(n);
    if (!pixels) return gm_fail(e, "%s: out of memory", path);
    for (size_t i = 0; i < n; i++) pixels[i] = a->mask[k].logits[i] > 0 ? 255 : 0;
    int bad = gm_png_write(path, pixels, a->width, a->height, 1, e);
    free(pixels);
    return bad;
}

/* The masks, and removal of those that an earlier result of this name had beyond them. */
static int masks_write(const char *out, const char *name, const gm_answer *a, gm_error *e)
{
    int bad = 0, more = 1;
    for (int64_t k = 0; !bad && (k < a->nmasks || more); k++) {
        char suffix[40];
        snprintf(suffix, sizeof suffix, ".mask%lld.png", (long long)k);
        char *path = path_of(out, name, suffix);
        if (!path) bad = gm_fail(e, "%s: out of memory", out);
        else if (k < a->nmasks) bad = mask_write(path, a, k, e);
        else more = remove(path) == 0;
        free(path);
    }
    return bad;
}

/* One key a line, lists of objects one element a line: readable, and not a line a number. */
static void print_json(FILE *f, const json_t *object)
{
    const size_t how = JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY;
    const char *key, *before = "{\n";
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        fprintf(f, "%s \"%s\": ", before, key);
        size_t n = json_array_size(value);
        if (n && json_is_object(json_array_get(value, 0))) {
            for (size_t i = 0; i < n; i++) {
                fputs(i ? ",\n  " : "[\n  ", f);
                json_dumpf(json_array_get(value, i), f, how);
            }
            fputc(']', f);
        } else {
            json_dumpf(value, f, how);
        }
        before = ",\n";
    }
    fputs("\n}\n", f);
}

int result_write(const char *out, const char *name, const json_t *result, const gm_image *im,
                 const gm_answer *a, const question *q, gm_error *e)
{
    char *json = path_of(out, name, ".json"), *overlay = path_of(out, name, ".overlay.png");
    int bad = json && overlay ? 0 : gm_fail(e, "%s: out of memory", out);
    if (!bad) {
        remove(json);
        remove(overlay);
        bad = masks_write(out, name, a, e);
    }
    if (!bad && (a->nmasks || q->nboxes))
        bad = gm_overlay_write(overlay, im, a, q->boxes, q->nboxes, e);
    gm_writer w;
    if (!bad && !(bad = gm_create(&w, json, e))) {
        print_json(w.file, result);
        bad = gm_commit(&w, e);
    }
    free(json);
    free(overlay);
    return bad;
}
