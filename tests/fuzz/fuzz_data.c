/* The readers of data sets: the first byte chooses a format, the rest is its file. */
#include <stdio.h>
#include <stdlib.h>
#include "../../train/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define FILE_NAME "build/fuzz/data.json"
static const char *const FORMATS[] = {
    "grandf", "refcocog-gcg", "flickr-gcg", "refcoco-region", "refcocog-region", "vg-region",
    "flickr-region", "coco-caption", "llava", "paco", "pascal-part",
};

static void read_all(gm_data *d)
{
    for (int64_t i = 0; i < gm_data_size(d) && i < 8; i++) {
        gm_sample s;
        gm_error e = { "" };
        gm_problem p = gm_data_record(d, i, &s, &e);
        if ((p == GM_PROBLEM_NONE) == (e.text[0] != 0)) abort();
        if (p == GM_PROBLEM_NONE && (s.turns < 2 || !s.image.rgb)) abort();
        if (p == GM_PROBLEM_NONE) gm_sample_free(&s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static gm_prompts *prompts;
    char line[100];
    const char *lines[] = { line };
    gm_error e = { "" };
    if (!prompts && !(prompts = gm_prompts_open(NULL, &e))) abort();
    FILE *f = n ? fopen(FILE_NAME, "wb") : NULL;
    if (!f) return 0;
    if (fwrite(data + 1, 1, n - 1, f) != n - 1 || fclose(f) != 0) abort();
    snprintf(line, sizeof line, "%s " FILE_NAME " images=golden/data/images",
             FORMATS[data[0] % (sizeof FORMATS / sizeof *FORMATS)]);
    gm_data_options o = { .prompts = prompts };
    gm_data *d = gm_data_open(lines, 1, &o, &e);
    if (!d && !e.text[0]) abort();
    if (d) read_all(d);
    gm_data_close(d);
    return 0;
}
