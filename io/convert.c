/* See convert.h.  Source of the language model's keys: llama.cpp convert_hf_to_gguf.py, LlamaModel;
 * gguf-py constants.py. */
#include "convert.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../ref/kernels/typed.h"
#include "checkpoint.h"
#include "folder.h"
#include "gguf.h"
#include "names.h"
#include "os.h"
#include "pieces.h"
#include "tokenizer.h"

enum { NAME_ROOM = 100 };

typedef struct {
    gm_checkpoint *k;
    gm_tokenizer *tokenizer;
    const gm_config *g;
    const gm_convert_options *o;
    gm_stored *stored;
    int64_t n;
    char (*name)[NAME_ROOM];    /* llama.cpp's, of the tensors in `llm` */
    gm_out_tensor *llm, *rest;
    int64_t nllm, nrest;
} work;

static void say(const work *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const work *w, const char *format, ...)
{
    char line[400];
    va_list a;
    if (!w->o->log) return;
    va_start(a, format);
    vsnprintf(line, sizeof line, format, a);
    va_end(a);
    w->o->log(w->o->user, line);
}

/* ---- which tensors ---- */

static bool ends(const char *s, const char *with)
{
    size_t n = strlen(s), m = strlen(with);
    return n >= m && strcmp(s + n - m, with) == 0;
}

/* Where a mixed file spends more bits: the output matrix; of the values and of the MLP's way down,
 * the first and last eighth of the layers and every third between.  llama.cpp llama-quant.cpp,
 * use_more_bits, LLAMA_FTYPE_MOSTLY_Q4_K_M and _Q5_K_M. */
static bool finer(const work *w, const char *name)
{
    int64_t l, n = w->g->llm.layers, eighth = n / 8;
    if (strcmp(name, "lm_head.weight") == 0) return true;
    if (!ends(name, "v_proj.weight") && !ends(name, "down_proj.weight")) return false;
    const char *number = strstr(name, "layers.");
    l = number ? strtoll(number + 7, NULL, 10) : 0;
    return l < eighth || l >= 7 * n / 8 || (l - eighth) % 3 == 2;
}

/* Matrices become the wanted type where their rows allow it; those that blocks of 256 do not divide
 * become q8_0, those that no block does stay.  Vectors become f32, as llama.cpp has them. */
static gm_dtype type_of(const work *w, const gm_stored *s)
{
    if (s->tensor.nd < 2) return GM_F32;
    gm_dtype type = w->o->mixed && finer(w, s->name) ? GM_Q6_K : w->o->type;
    int64_t C = s->tensor.dim[1];
    if (gm_is_matrix_type(type, C)) return type;
    bool small = gm_is_matrix_type(GM_Q8_0, C);
    gm_dtype other = small ? GM_Q8_0 : s->tensor.type;
    say(w, "%s %s %s: its rows of %lld are no whole blocks of %lld", s->name,
        small ? "becomes" : "stays", gm_type_name(other), (long long)C,
        (long long)gm_block_values(type));
    return other;
}

static int sort_tensors(work *w, gm_error *e)
{
    w->n = gm_checkpoint_tensors(w->k, NULL, 0);
    size_t n = (size_t)w->n + 1;
    w->stored = calloc(n, sizeof *w->stored);
    w->name = calloc(n, sizeof *w->name);
    w->llm = calloc(n, sizeof *w->llm);
    w->rest = calloc(n, sizeof *w->rest);
    if (!w->stored || !w->name || !w->llm || !w->rest) return gm_fail(e, "out of memory");
    gm_checkpoint_tensors(w->k, w->stored, w->n);
    for (int64_t i = 0; i < w->n; i++) {
        const gm_stored *s = &w->stored[i];
        gm_out_tensor t = { .name = s->name, .x = s->tensor, .type = s->tensor.type };
        if (gm_name_unused(s->name) || gm_name_is_lora(s->name)) continue;
        if (!gm_gguf_name(w->name[w->nllm], NAME_ROOM, s->name)) {
            w->rest[w->nrest++] = t;
            continue;
        }
        t.name = w->name[w->nllm];
        t.type = type_of(w, s);
        bool turn = !w->g->llm.interleaved;         /* a pair's rows stand in that order already */
        if (turn && ends(s->name, "q_proj.weight")) t.heads = w->g->llm.heads;
        if (turn && ends(s->name, "k_proj.weight")) t.heads = w->g->llm.kv_heads;
        w->llm[w->nllm++] = t;
    }
    return w->nllm ? 0 : gm_fail(e, "%s: no language model in it", gm_checkpoint_path(w->k));
}

/* ---- the language model's file ---- */

static const char *token_text(void *user, int64_t i)
{
    const char *piece = gm_token_piece(((work *)user)->tokenizer, (int32_t)i);
    return piece ? piece : "[UNUSED]";  /* rows of the table that no token has */
}

static int set_tokens(gm_gguf_writer *f, work *w, gm_error *e)
{
    int64_t V = w->g->llm.vocab;
    float *score = calloc((size_t)V, sizeof *score);
    int32_t *type = calloc((size_t)V, sizeof *type);
    int bad = score && type ? 0 : gm_fail(e, "out of memory");
    for (int64_t i = 0; i < V && !bad; i++) {
        float s = 0;
        int t = gm_token_facts(w->tokenizer, (int32_t)i, &s);
        score[i] = t && t != GM_PIECE_ADDED ? s : -1000;
        type[i] = !t ? GM_PIECE_UNUSED : t == GM_PIECE_ADDED ? GM_PIECE_USER_DEFINED : t;
    }
    gm_gguf_set_text(f, "tokenizer.ggml.model", "llama");
    gm_gguf_set_text(f, "tokenizer.ggml.pre", "default");
    if (!bad) {
        gm_gguf_set_texts(f, "tokenizer.ggml.tokens", token_text, w, V);
        gm_gguf_set_array(f, "tokenizer.ggml.scores", GM_GGUF_F32, score, V);
        gm_gguf_set_array(f, "tokenizer.ggml.token_type", GM_GGUF_I32, type, V);
    }
    free(score);
    free(type);
    const struct { const char *key, *piece; } ids[] = {
        { "tokenizer.ggml.bos_token_id", "<s>" }, { "tokenizer.ggml.eos_token_id", "</s>" },
        { "tokenizer.ggml.unknown_token_id", "<unk>" },
        { "tokenizer.ggml.padding_token_id", "<unk>" },
    };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        gm_gguf_set_int(f, ids[i].key, GM_GGUF_U32, gm_token_id(w->tokenizer, ids[i].piece));
    gm_gguf_set_int(f, "tokenizer.ggml.add_bos_token", GM_GGUF_BOOL, 1);
    gm_gguf_set_int(f, "tokenizer.ggml.add_eos_token", GM_GGUF_BOOL, 0);
    return bad;
}

/* llama.cpp's number of "mostly of this type" (enum llama_ftype). */
static int file_type(gm_dtype t, bool mixed)
{
    switch (t) {
    case GM_Q4_K: return mixed ? 15 : 14;
    case GM_Q5_K: return mixed ? 17 : 16;
    case GM_Q6_K: return 18;
    case GM_F16: return 1;
    case GM_Q4_0: return 2;
    case GM_Q4_1: return 3;
    case GM_Q8_0: return 7;
    case GM_BF16: return 32;
    default: return 0;
    }
}

static void set_sizes(gm_gguf_writer *f, const work *w)
{
    const gm_config *g = w->g;
    const struct { const char *key; int64_t v; } sizes[] = {
        { "llama.context_length", g->llm.max_positions },
        { "llama.embedding_length", g->llm.hidden },
        { "llama.block_count", g->llm.layers },
        { "llama.feed_forward_length", g->llm.inter },
        { "llama.rope.dimension_count", g->llm.hidden / g->llm.heads },
        { "llama.attention.head_count", g->llm.heads },
        { "llama.attention.head_count_kv", g->llm.kv_heads },
        { "llama.vocab_size", g->llm.vocab },
    };
    gm_gguf_set_text(f, "general.architecture", "llama");
    gm_gguf_set_text(f, "general.name", "GLaMM language model");
    gm_gguf_set_int(f, "general.file_type", GM_GGUF_U32, file_type(w->o->type, w->o->mixed));
    gm_gguf_set_int(f, "general.quantization_version", GM_GGUF_U32, 2);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        gm_gguf_set_int(f, sizes[i].key, GM_GGUF_U32, sizes[i].v);
    gm_gguf_set_float(f, "llama.attention.layer_norm_rms_epsilon", g->llm.eps);
    gm_gguf_set_float(f, "llama.rope.freq_base", 10000);
}

/* ---- the file of everything else ---- */

static void set_file(gm_gguf_writer *f, const char *name, const char *text, size_t n)
{
    char key[200];
    snprintf(key, sizeof key, "%s%s", GM_PACKED, name);
    gm_gguf_set_array(f, key, GM_GGUF_U8, text, (int64_t)n);
}

/* sizes.json with what a tower in a folder of its own said, and preprocessor_config.json. */
static int set_made(gm_gguf_writer *f, const work *w, gm_error *e)
{
    const gm_config *g = w->g;
    if (fabsf(g->clip.eps - 1e-5f) > 1e-9f)
        return gm_fail(e, "CLIP's layer_norm_eps: wanted 1e-5, found %g: a GGUF pair cannot say it",
                       (double)g->clip.eps);
    json_t *sizes = json_pack(
        "{s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}}", "sizes", "kv_heads",
        (json_int_t)g->llm.kv_heads, "clip_image", (json_int_t)g->clip.image, "clip_patch",
        (json_int_t)g->clip.patch, "clip_hidden", (json_int_t)g->clip.hidden, "clip_inter",
        (json_int_t)g->clip.inter, "clip_layers", (json_int_t)g->clip.layers, "clip_heads",
        (json_int_t)g->clip.heads, "region_scale", (json_int_t)g->region.scale, "region_groups",
        (json_int_t)g->region.groups, "sam_dec_heads", (json_int_t)g->sam.decoder_heads,
        "sam_depth", (json_int_t)g->sam.depth);
    if (sizes && !g->sam.depth) json_object_del(json_object_get(sizes, "sizes"), "sam_depth");
    json_t *pixels = json_pack("{s:I, s:I, s:[f, f, f], s:[f, f, f]}", "size",
                               (json_int_t)g->clip.shortest, "crop_size", (json_int_t)g->clip.crop,
                               "image_mean", (double)g->clip.mean[0], (double)g->clip.mean[1],
                               (double)g->clip.mean[2], "image_std", (double)g->clip.std[0],
                               (double)g->clip.std[1], (double)g->clip.std[2]);
    char *a = sizes ? json_dumps(sizes, JSON_COMPACT) : NULL,
         *b = pixels ? json_dumps(pixels, JSON_COMPACT) : NULL;
    if (a && b) {
        set_file(f, "sizes.json", a, strlen(a));
        set_file(f, "preprocessor_config.json", b, strlen(b));
    }
    int bad = a && b ? 0 : gm_fail(e, "out of memory");
    free(a);
    free(b);
    json_decref(sizes);
    json_decref(pixels);
    return bad;
}

static int set_files(gm_gguf_writer *f, const work *w, gm_error *e)
{
    static const char *const names[] = {
        "config.json", "tokenizer.model", "added_tokens.json", "prompts.json"
    };
    gm_gguf_set_text(f, "general.architecture", "glamm-vision");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = 0;
        char *text = gm_folder_text(gm_checkpoint_folder(w->k), names[i], &n, e);
        if (!text && e->text[0]) return -1;
        if (text) set_file(f, names[i], text, n);
        free(text);
    }
    return set_made(f, w, e);
}

/* ---- writing ---- */

typedef struct { const work *w; const char *path; const gm_out_tensor *t; uint64_t all; } progress;

/* What is written need not stay in memory. */
static void done(void *user, int64_t i, uint64_t bytes)
{
    const progress *p = user;
    gm_checkpoint_forget(p->w->k, p->t[i].x);
    if (p->w->o->progress) p->w->o->progress(p->w->o->user, p->path, bytes, p->all);
}

static int write_one(const work *w, gm_gguf_writer *f, const char *path, const gm_out_tensor *t,
                     int64_t n, gm_error *e)
{
    progress p = { w, path, t, 0 };
    for (int64_t i = 0; i < n; i++) p.all += gm_out_bytes(&t[i]);
    if (gm_gguf_write(f, path, t, n, done, &p, e) != 0 || gm_gguf_verify(path, e) != 0) return -1;
    say(w, "%s: %lld tensors, %.2f GB, checksums verified", path, (long long)n,
        (double)p.all / 1e9);
    return 0;
}

static int write_both(work *w, const char *out, gm_error *e)
{
    char *vision = gm_vision_path(out);
    gm_gguf_writer *a = gm_gguf_new(), *b = gm_gguf_new();
    int bad = vision ? 0 : gm_fail(e, "%s: wanted a name that ends with .gguf", out);
    if (!bad && (!a || !b)) bad = gm_fail(e, "out of memory");
    if (!bad) {
        set_sizes(a, w);
        bad = set_tokens(a, w, e) || set_files(b, w, e);
    }
    /* The one that makes the pair complete comes last. */
    if (!bad) bad = write_one(w, b, vision, w->rest, w->nrest, e);
    if (!bad) bad = write_one(w, a, out, w->llm, w->nllm, e);
    gm_gguf_free(a);
    gm_gguf_free(b);
    free(vision);
    return bad ? -1 : 0;
}

int gm_convert(const char *path, const gm_model_options *m, const char *out,
               const gm_convert_options *o, gm_error *e)
{
    work w = { .o = o };
    int bad = -1;
    if ((w.k = gm_checkpoint_open(path, m, e))) {
        w.g = gm_checkpoint_config(w.k);
        if (w.g->llm.interleaved && o->type != GM_F32)
            gm_fail(e, "%s: wanted a model folder, found a GGUF pair (which has been rounded "
                    "already: --type f32 unpacks it)", path);
        else w.tokenizer = gm_tokenizer_in(gm_checkpoint_folder(w.k), e);
    }
    if (w.tokenizer) bad = sort_tensors(&w, e) || write_both(&w, out, e);
    free(w.stored);
    free(w.name);
    free(w.llm);
    free(w.rest);
    gm_tokenizer_free(w.tokenizer);
    gm_checkpoint_free(w.k);
    return bad ? -1 : 0;
}
