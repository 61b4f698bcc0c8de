/* Safetensors headers: the input is the JSON up to its first zero byte, the rest the data; the
 * length in front is put there, so that most inputs reach the JSON. */
#include <stdlib.h>
#include <string.h>
#include "../../io/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *zero = n ? memchr(data, 0, n) : NULL;
    size_t json = zero ? (size_t)(zero - data) : n;
    uint8_t *b = malloc(n + 8);
    if (!b) return 0;
    for (int i = 0; i < 8; i++) b[i] = (uint8_t)((uint64_t)json >> (8 * i));
    if (n) memcpy(b + 8, data, n);
    gm_error e = { "" };
    gm_file *f = gm_file_parse(b, n + 8, "FILE", &e);
    if (!f && !e.text[0]) abort();
    for (int64_t i = 0; f && i < gm_file_count(f); i++) {
        gm_tensor x = gm_file_tensor(f, i);
        float *y = malloc(((size_t)gm_numel(x) + 1) * sizeof *y);
        if (y) gm_to_float(y, x.data, x.type, gm_numel(x));
        free(y);
    }
    gm_file_close(f);
    free(b);
    return 0;
}
