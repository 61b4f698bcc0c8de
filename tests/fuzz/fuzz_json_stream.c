/* JSON element by element: the first byte is the form; what is found must be what jansson finds in
 * the whole, and evaluation's readers must survive every element. */
#include <stdlib.h>
#include <string.h>
#include "../../eval/gcg.h"
#include "../../eval/refseg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int good)
{
    if (!good) abort();
}

static void read_element(const json_t *o)
{
    gm_gcg_masks m = { 0 };
    gm_texts phrases = { 0 };
    gm_error e = { "" };
    char *caption = NULL;
    const gm_expression x = { .id = "1" };
    gm_rle r;
    int bad = gm_gcg_prediction(&m, &caption, &phrases, o, "F", &e);
    must(bad == (e.text[0] ? -1 : 0) && (bad != 0) == (caption == NULL));
    gm_gcg_masks_free(&m);
    gm_texts_free(&phrases);
    free(caption);
    gm_error why = { "" };
    must((gm_ref_found(&r, o, &x, "F", &why) == -1) == (why.text[0] != 0));
    gm_rle_free(&r);
}

/* How many elements the stream gives before its end, -1 for an error. */
static int64_t count(const char *text, size_t n, gm_json_form form)
{
    gm_error e = { "" };
    const char *key;
    json_t *o;
    int64_t found = 0;
    int more;
    gm_json_stream *s = gm_json_stream_bytes(text, n, "F", form, &e);
    must(s != NULL);
    while ((more = gm_json_next(s, &key, &o, &e)) == 1) {
        gm_json_place p = gm_json_here(s);
        must(p.length > 0 && p.offset + p.length <= n);
        read_element(o);
        json_decref(o);
        found++;
    }
    must((more < 0) == (e.text[0] != 0));
    gm_json_stream_free(s);
    return more < 0 ? -1 : found;
}

/* The same by jansson alone: elements of the list, or of the object's lists; -1: no JSON, or a byte
 * 0, which jansson takes for white space in some places. */
static int64_t counted(const char *text, size_t n)
{
    if (memchr(text, 0, n)) return -1;
    json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL), *v;
    const char *key;
    int64_t found = json_is_array(o) ? (int64_t)json_array_size(o) : 0;
    if (!o) return -1;
    json_object_foreach(o, key, v) found += (int64_t)json_array_size(v);
    json_decref(o);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0) return 0;
    const char *text = (const char *)data + 1;
    int64_t got = count(text, n - 1, *data == 'l' ? GM_JSON_LINES : GM_JSON_WHOLE);
    if (*data != 'l' && counted(text, n - 1) >= 0) must(got == counted(text, n - 1));
    return 0;
}
