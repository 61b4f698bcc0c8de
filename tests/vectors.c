/* See vectors.h. */
#include "vectors.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include "../io/os.h"

const char added_32000[] =
    "{\"<im_start>\":32000,\"<im_end>\":32001,\"<bbox>\":32002,\"<point>\":32003,"
    "\"[SEG]\":32004,\"<p>\":32005,\"</p>\":32006}";

json_t *load_vectors(const char *path)
{
    json_error_t why;
    json_t *root = json_load_file(path, 0, &why);
    ck_assert_msg(root != NULL, "%s: line %d: %s", path, why.line, why.text);
    return root;
}

char *shared_path(const char *name, const char *skipped)
{
    const char *dir = getenv("GLAMM_SHARED");
    char *path = gm_path_join(dir ? dir : "../shared", name);
    ck_assert_ptr_nonnull(path);
    if (gm_is_file(path)) return path;
    fprintf(stderr, "skipped: %s: %s is not there (GLAMM_SHARED names its folder)\n", skipped,
            path);
    free(path);
    return NULL;
}

double number_in(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    ck_assert_msg(json_is_number(v), "no %s", key);
    return json_number_value(v);
}

int64_t floats_in(float *out, int64_t most, const json_t *list)
{
    int64_t n = (int64_t)json_array_size(list);
    ck_assert_int_le(n, most);
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)json_number_value(json_array_get(list, (size_t)i));
    return n;
}

const char *text_in(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    ck_assert_msg(s != NULL, "no text \"%s\"", key);
    return s;
}

void check_ids(const int32_t *got, int64_t n, const json_t *list, const char *what)
{
    ck_assert_msg(json_is_array(list), "%s: no ids to compare with", what);
    ck_assert_msg(n == (int64_t)json_array_size(list), "%s: %lld ids, wanted %zu", what,
                  (long long)n,
                  json_array_size(list));
    for (int64_t i = 0; i < n; i++) {
        long long want = json_integer_value(json_array_get(list, (size_t)i));
        ck_assert_msg(got[i] == want, "%s: id %lld is %ld, wanted %lld", what, (long long)i,
                      (long)got[i], want);
    }
}
