/* The JSON files of a model folder: every reader on the same object. */
#include <stdlib.h>
#include "../../io/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    gm_error e = { "" };
    json_t *o = gm_json_object((const char *)data, n, "FILE", &e);
    if (!o) {
        if (!e.text[0]) abort();
        return 0;
    }
    gm_config g;
    gm_config_defaults(&g);
    int bad = gm_config_sizes(&g, o, "FILE", &e) || gm_config_model(&g, o, "FILE", &e) ||
              gm_config_clip(&g, o, "FILE", &e) || gm_config_preprocessor(&g, o, "FILE", &e) ||
              gm_config_check(&g, "FILE", &e);
    json_decref(o);
    if (bad != (e.text[0] != 0)) abort();
    if (!bad && (g.llm.hidden % g.llm.heads || g.clip.image % g.clip.patch || g.llm.layers < 1))
        abort();
    return 0;
}
