/* Tokenizer: the first byte says what the rest is: 'm' a tokenizer.model, 'a' an added_tokens.json,
 * 't' a text, 'i' token ids (4 bytes each); 'g' a GGUF with a byte-level vocabulary, 'b' a text for it.
 * Run from the repository's root. */
#include <stdlib.h>
#include <string.h>
#include "../../io/os.h"
#include "../../io/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const uint8_t *model;
static size_t model_size;
static gm_tokenizer *shipped, *bytes;

static void must(int good)
{
    if (!good) abort();
}

/* Every id exists, and the ids decode. */
static void use(const gm_tokenizer *t, const char *text)
{
    int32_t *ids;
    int64_t n;
    gm_error e = { "" };
    if (gm_encode(t, text, &ids, &n, &e) != 0) return;
    must(gm_token_id(t, "<s>") < 0 || (n >= 1 && ids[0] == gm_token_id(t, "<s>")));
    for (int64_t i = 0; i < n; i++)
        must(ids[i] == GM_IMAGE_ID || gm_token_piece(t, ids[i]) != NULL);
    char *s = gm_decode(t, ids, n, &e);
    must(s != NULL);
    free(s);
    free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    gm_error e = { "" };
    if (!shipped) {
        model = gm_map("golden/mini/model/tokenizer.model", &model_size, &e);
        shipped = gm_tokenizer_open("golden/mini/model", &e);
        bytes = gm_tokenizer_open("golden/tokenizer/bytes.gguf", &e);
        must(shipped != NULL && bytes != NULL);
    }
    if (n == 0) return 0;
    char *text = malloc(n);
    must(text != NULL);
    memcpy(text, data + 1, n - 1);
    text[n - 1] = 0;
    gm_tokenizer *t = NULL;
    if (*data == 'm') t = gm_tokenizer_parse(data + 1, n - 1, NULL, "m", &e);
    if (*data == 'a') t = gm_tokenizer_parse(model, model_size, text, "a", &e);
    if (t) use(t, " a \xE2\x98\x95 red  circle<s>[SEG]\n<p> <image> \xFF");
    else must((*data != 'm' && *data != 'a') || e.text[0]);
    if (*data == 'g') {
        gm_gguf g;
        if (gm_gguf_open(&g, data + 1, n - 1, "g", &e) == 0) t = gm_tokenizer_gguf(&g, &e);
        if (t) use(t, " a\xE2\x98\x95 red's  12 <|im_end|>\n\xFF");
        gm_gguf_close(&g);
    }
    if (*data == 't') use(shipped, text);
    if (*data == 'b') use(bytes, text);
    if (*data == 'i') {
        size_t k = (n - 1) / 4;
        int32_t *ids = calloc(k + 1, sizeof *ids);
        must(ids != NULL);
        for (size_t i = 0; i < 4 * k; i++)
            ids[i / 4] |= (int32_t)((uint32_t)data[1 + i] << 8 * (i % 4));
        free(gm_decode(shipped, ids, (int64_t)k, &e));
        free(ids);
    }
    gm_tokenizer_free(t);
    free(text);
    return 0;
}
