/* JSON vectors for tests: loading, and the files that lie beside the repository. */
#ifndef GM_VECTORS_H
#define GM_VECTORS_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The added_tokens.json of the release. */
extern const char added_32000[];

/* The file's JSON; the test fails when it is not there. */
json_t *load_vectors(const char *path);
/* name inside the folder GLAMM_SHARED (default ../shared), malloc'ed, or NULL, after saying on
 * stderr what is skipped and why. */
char *shared_path(const char *name, const char *skipped);
/* A text of an object; the test fails when there is none. */
const char *text_in(const json_t *object, const char *key);
/* A number of an object; the test fails when there is none. */
double number_in(const json_t *object, const char *key);
/* A list of at most `most` numbers into out; how many. */
int64_t floats_in(float *out, int64_t most, const json_t *list);
/* The test fails with `what` where got differs from the list of integers. */
void check_ids(const int32_t *got, int64_t n, const json_t *list, const char *what);

#endif
