/* logits MODEL.gguf [ACTIVATIONS [KV]]: for each line of stdin, token ids separated by blanks, the
 * logits after every one of them, float32, (n, vocabulary), on stdout.  With KV, keys and values go
 * through a cache of that type. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../ref/model_open.h"

enum { MOST = 8192 };

static int fail(const char *what)
{
    fprintf(stderr, "logits: %s\n", what);
    return 1;
}

/* The ids of a line, or -1. */
static int64_t read_ids(char *line, int32_t *ids, int64_t V)
{
    int64_t n = 0;
    for (char *s = strtok(line, " \n"); s; s = strtok(NULL, " \n")) {
        char *end;
        long v = strtol(s, &end, 10);
        if (*end || v < 0 || v >= V || n == MOST) return -1;
        ids[n++] = (int32_t)v;
    }
    return n;
}

/* kept: keys and values are read from a cache, of the model's type. */
static int write_logits(gm_ctx *c, const glamm *m, const int32_t *ids, int64_t n, int kept)
{
    gm_mark mark = gm_scope(c);
    llama_cache kv = { 0 };
    if (kept) gm_llama_cache_new(c, &kv, &m->llama, 1, n);
    gm_tensor x = gm_gather(c, m->llama.embed, gm_from(c, GM_I32, ids, 1, GM_DIMS(n)));
    x = gm_reshape(c, x, 3, GM_DIMS(1, n, -1));
    x = gm_llama(c, &m->llama, x, kept ? &kv : NULL, GM_NONE);
    x = gm_linear(c, x, m->llama.head, GM_NONE);
    size_t count = gm_ok(c) ? (size_t)gm_numel(x) : 0;
    int bad = !count || fwrite(x.data, sizeof(float), count, stdout) != count;
    if (bad) fail(gm_ok(c) ? "cannot write" : gm_error_text(c));
    gm_llama_cache_free(&kv);
    gm_scope_end(c, mark, GM_NONE);
    return bad;
}

int main(int argc, char **argv)
{
    static char line[1 << 17];
    static int32_t ids[MOST];
    gm_error e = { "" };
    if (argc < 2 || argc > 4) return fail("usage: logits MODEL.gguf [ACTIVATIONS [KV]]"), 2;
    gm_model_options o = { .activations = argc > 2 ? argv[2] : NULL,
                           .kv = argc > 3 ? argv[3] : NULL };
    gm_model *m = gm_model_open(argv[1], &o, &e);
    if (!m) return fail(e.text);
    int bad = 0;
    gm_ctx *c = gm_ctx_new(&m->kernels, NULL);
    while (!bad && c && fgets(line, sizeof line, stdin)) {
        int64_t n = read_ids(line, ids, m->net.config.llm.vocab);
        bad = n < 1 ? fail("a line: wanted token ids") : write_logits(c, &m->net, ids, n, argc > 3);
    }
    if (!c) bad = fail("out of memory");
    gm_ctx_free(c);
    gm_model_free(m);
    return bad || fflush(stdout) != 0;
}
