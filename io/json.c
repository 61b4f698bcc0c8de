/* See json.h. */
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include "os.h"

json_t *gm_json_object(const char *text, size_t n, const char *name, gm_error *e)
{
    json_error_t why;
    json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!o) {
        gm_fail(e, "%s: not valid JSON: line %d column %d: %s", name, why.line, why.column,
                why.text);
        return NULL;
    }
    if (!json_is_object(o)) {
        gm_fail(e, "%s: wanted a JSON object", name);
        json_decref(o);
        return NULL;
    }
    return o;
}

json_t *gm_json_read(const char *path, gm_error *e)
{
    size_t n;
    char *text = gm_read_text(path, &n, e);
    if (!text) return NULL;
    json_t *o = gm_json_object(text, n, path, e);
    free(text);
    return o;
}

/* The value, or NULL when there is none (null counts as none). */
static json_t *value(const json_t *o, const char *key)
{
    json_t *v = o ? json_object_get(o, key) : NULL;
    return v && !json_is_null(v) ? v : NULL;
}

int gm_json_int(const json_t *o, const char *key, int64_t lo, int64_t hi, int64_t *v,
                const char *name, gm_error *e)
{
    json_t *j = value(o, key);
    if (!j) return 0;
    if (!json_is_integer(j)) return gm_fail(e, "%s: %s: wanted a whole number", name, key);
    int64_t i = json_integer_value(j);
    if (i < lo || i > hi)
        return gm_fail(e, "%s: %s: wanted %lld to %lld, found %lld", name, key, (long long)lo,
                       (long long)hi, (long long)i);
    *v = i;
    return 0;
}

int gm_json_float(const json_t *o, const char *key, float *v, const char *name, gm_error *e)
{
    json_t *j = value(o, key);
    if (!j) return 0;
    if (!json_is_number(j)) return gm_fail(e, "%s: %s: wanted a number", name, key);
    float f = (float)json_number_value(j);
    if (!isfinite(f)) return gm_fail(e, "%s: %s: the number does not fit a float", name, key);
    *v = f;
    return 0;
}

int gm_json_bool(const json_t *o, const char *key, bool *v, const char *name, gm_error *e)
{
    json_t *j = value(o, key);
    if (!j) return 0;
    if (!json_is_boolean(j)) return gm_fail(e, "%s: %s: wanted true or false", name, key);
    *v = json_is_true(j);
    return 0;
}

const char *gm_json_text(const json_t *o, const char *key)
{
    return json_string_value(value(o, key));
}
