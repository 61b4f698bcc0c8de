/* glamm tokenize: text to ids and pieces, ids to text. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/text.h"
#include "../io/tokenizer.h"
#include "commands.h"
#include "options.h"

static const command_text TOKENIZE = {
    "tokenize", "MODEL [TEXT | --decode ID...]", "text to token ids and pieces, and back",
    "Prints the ids of TEXT (of stdin when there is none, without its last newline) as the model "
    "gets them: BOS first, -200 for each <image>. One token per line, id and piece; a piece's "
    "U+2581 stands for a space.\n"
    "\n"
    "Examples\n"
    "  glamm tokenize models/nano \"Where is <p> the circle </p> ?\"\n"
    "  glamm tokenize models/nano --decode 1 468 477\n"
    "\n"
    "MODEL is a folder with tokenizer.model and added_tokens.json, or a GGUF.", 1, -1
};

typedef struct { int ids, json, decode; } tokenize_options;

static const option ROWS[] = {
    { "ids", 0, OPTION_FLAG, offsetof(tokenize_options, ids), NULL, "The ids alone, on one line.",
      0, 0 },
    { "json", 0, OPTION_FLAG, offsetof(tokenize_options, json), NULL,
      "An object with ids and pieces, or ids and text.", 0, 0 },
    { "decode", 0, OPTION_FLAG, offsetof(tokenize_options, decode), NULL,
      "The other way: the arguments, or the words of "
      "stdin, are ids; write -- in front of a negative one.", 0, 0 },
};

static int failed(const gm_error *e)
{
    fprintf(stderr, "glamm tokenize: %s\n", e->text);
    return 1;
}

/* All of stdin, malloc'ed. */
static char *read_stdin(gm_error *e)
{
    gm_text t = { 0 };
    char block[65536];
    for (size_t n; (n = fread(block, 1, sizeof block, stdin)) > 0;) {
        if (memchr(block, 0, n)) gm_fail(e, "stdin: wanted text, found a zero byte");
        gm_text_add(&t, block, n);
    }
    if (ferror(stdin)) gm_fail(e, "stdin: cannot read");
    if (t.n && t.s[t.n - 1] == '\n') t.s[--t.n] = 0;
    char *s = gm_text_take(&t);
    if (!s) gm_fail(e, "out of memory for stdin");
    if (!e || !e->text[0]) return s;
    free(s);
    return NULL;
}

static const char *piece_of(const gm_tokenizer *t, int32_t id)
{
    return id == GM_IMAGE_ID ? "<image>" : gm_token_piece(t, id);
}

/* {"ids": [...], and under another name a text or a list of texts}, printed; takes `value`. */
static int print_json(const int32_t *ids, int64_t n, const char *name, json_t *value)
{
    json_t *root = json_object(), *list = json_array();
    int bad = !value;
    for (int64_t i = 0; i < n; i++) bad |= json_array_append_new(list, json_integer(ids[i]));
    bad |= json_object_set_new(root, "ids", list);
    bad |= json_object_set_new(root, name, value);
    char *s = bad ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (s) puts(s);
    else fprintf(stderr, "glamm tokenize: out of memory, or a piece is not UTF-8\n");
    free(s);
    return s ? 0 : 1;
}

static int print_tokens(const gm_tokenizer *t, const int32_t *ids, int64_t n,
                        const tokenize_options *o)
{
    if (o->json) {
        json_t *pieces = json_array();
        for (int64_t i = 0; pieces && i < n; i++)
            if (json_array_append_new(pieces, json_string(piece_of(t, ids[i]))) != 0) {
                json_decref(pieces);
                pieces = NULL;
            }
        return print_json(ids, n, "pieces", pieces);
    }
    for (int64_t i = 0; i < n; i++) {
        if (o->ids) printf("%s%ld", i ? " " : "", (long)ids[i]);
        else printf("%6ld  %s\n", (long)ids[i], piece_of(t, ids[i]));
    }
    if (o->ids) putchar('\n');
    return 0;
}

static int encode(const gm_tokenizer *t, const char *text, const tokenize_options *o)
{
    gm_error e = { "" };
    int32_t *ids = NULL;
    int64_t n = 0;
    char *in = text ? NULL : read_stdin(&e);
    if ((!text && !in) || gm_encode(t, text ? text : in, &ids, &n, &e) != 0) {
        free(in);
        return failed(&e);
    }
    int status = print_tokens(t, ids, n, o);
    free(ids);
    free(in);
    return status;
}

/* The ids in words, each word one number. */
static int parse_ids(char *const *word, int nwords, int32_t *ids, gm_error *e)
{
    for (int i = 0; i < nwords; i++) {
        char *end;
        errno = 0;
        long long v = strtoll(word[i], &end, 10);
        if (errno || end == word[i] || *end || v < INT32_MIN || v > INT32_MAX)
            return gm_fail(e, "wanted a token id, found '%s'", word[i]);
        ids[i] = (int32_t)v;
    }
    return 0;
}

/* Cuts text at white space, in place; returns the words (malloc'ed list). */
static char **split(char *text, int *n)
{
    char **word = malloc((strlen(text) / 2 + 1) * sizeof *word);
    *n = 0;
    for (char *s = strtok(text, " \t\r\n"); word && s; s = strtok(NULL, " \t\r\n"))
        word[(*n)++] = s;
    return word;
}

static int decode(const gm_tokenizer *t, char **word, int n, const tokenize_options *o)
{
    gm_error e = { "" };
    char *in = n ? NULL : read_stdin(&e), **words = in ? split(in, &n) : NULL, *text = NULL;
    int32_t *ids = malloc(((size_t)n + 1) * sizeof *ids);
    int status = 1;
    if (!ids || (in && !words)) gm_fail(&e, "out of memory");
    if (!e.text[0] && parse_ids(words ? words : word, n, ids, &e) == 0)
        text = gm_decode(t, ids, n, &e);
    if (!text) status = failed(&e);
    else if (o->json) status = print_json(ids, n, "text", json_string(text));
    else status = puts(text) < 0;
    free(text);
    free(ids);
    free(words);
    free(in);
    return status;
}

int cmd_tokenize(int argc, char **argv)
{
    tokenize_options o = { 0 };
    const option_group group = { "Options", ROWS, sizeof ROWS / sizeof *ROWS, &o };
    gm_error e = { "" };
    int n;
    int r = options_parse(&TOKENIZE, &group, 1, argc, argv, &n);
    if (r != PARSED) return r;
    if (o.decode && o.ids)
        return misuse(&TOKENIZE, "--decode prints text: --ids does not go with it");
    if (!o.decode && n > 2) return misuse(&TOKENIZE, "wanted one TEXT, found %d: quote it", n - 1);
    gm_tokenizer *t = gm_tokenizer_open(argv[0], &e);
    if (!t) return failed(&e);
    int status = o.decode ? decode(t, argv + 1, n - 1, &o) : encode(t, n == 2 ? argv[1] : NULL, &o);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "glamm tokenize: cannot write to stdout\n");
        status = 1;
    }
    gm_tokenizer_free(t);
    return status;
}
