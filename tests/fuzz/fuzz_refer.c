/* REFER's folder: bytes up to the first zero-zero pair are instances.json, the rest is the
 * pickle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../io/os.h"
#include "../../train/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define DIR "build/fuzz/refer"

static void put(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static gm_prompts *prompts;
    const char *lines[] = { "refer " DIR " images=golden/data/images" };
    gm_error e = { "" };
    size_t cut = 0;
    if (!prompts && (!(prompts = gm_prompts_open(NULL, &e)) || gm_make_dir(DIR, &e))) abort();
    while (cut + 1 < n && (data[cut] || data[cut + 1])) cut++;
    if (cut + 2 >= n) return 0;
    put(DIR "/instances.json", data, cut);
    put(DIR "/refs(unc).p", data + cut + 2, n - cut - 2);
    gm_data_options o = { .prompts = prompts };
    gm_data *d = gm_data_open(lines, 1, &o, &e);
    if (!d && !e.text[0]) abort();
    for (int64_t i = 0; d && i < gm_data_size(d) && i < 8; i++) {
        gm_sample s;
        gm_error why = { "" };
        gm_problem p = gm_data_record(d, i, &s, &why);
        if ((p == GM_PROBLEM_NONE) == (why.text[0] != 0)) abort();
        if (p == GM_PROBLEM_NONE) gm_sample_free(&s);
    }
    gm_data_close(d);
    return 0;
}
