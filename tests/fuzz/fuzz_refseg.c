/* A folder of referring expressions as evaluation reads it: bytes up to the first zero-zero pair
 * are instances.json, the rest is the pickle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../eval/refseg.h"
#include "../../io/os.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define DIR "build/fuzz/refseg"

static void put(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    gm_ref_set s;
    gm_error e = { "" };
    size_t cut = 0;
    if (!gm_is_dir(DIR) && gm_make_dir(DIR, &e) != 0) abort();
    while (cut + 1 < n && (data[cut] || data[cut + 1])) cut++;
    if (cut + 2 >= n) return 0;
    put(DIR "/instances.json", data, cut);
    put(DIR "/refs(unc).p", data + cut + 2, n - cut - 2);
    int bad = gm_ref_set_read(&s, DIR, "train", &e) || gm_ref_choose(&s, GM_REF_RELEASED, n, &e);
    if ((bad != 0) != (e.text[0] != 0)) abort();
    for (int64_t k = 0; !bad && k < s.n && k < 8; k++) {
        int64_t H, W;
        gm_error why = { "" };
        uint8_t *mask = gm_ref_truth(&s, &s.expression[k], &H, &W, &why);
        if ((mask == NULL) != (why.text[0] != 0)) abort();
        free(mask);
    }
    gm_ref_set_free(&s);
    return 0;
}
