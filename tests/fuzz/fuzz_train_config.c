/* A training configuration: whatever is accepted, its text reads back to the same text. */
#include <stdlib.h>
#include <string.h>
#include "../../train/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    gm_train_plan p, q;
    gm_error e = { "" };
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    if (gm_train_plan_parse(&p, text, "fuzz", &e) == 0) {
        char *once = gm_train_config_text(&p.stage[0]), *twice = NULL;
        if (once && gm_train_plan_parse(&q, once, "again", &e) == 0) {
            twice = gm_train_config_text(&q.stage[0]);
            gm_train_plan_free(&q);
        }
        if (once && (!twice || strcmp(once, twice) != 0)) abort();
        free(once);
        free(twice);
        gm_train_plan_free(&p);
    }
    free(text);
    return 0;
}
