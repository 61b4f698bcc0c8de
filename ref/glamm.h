/* libglamm: GLaMM, the pixel-grounding multimodal model, in C.
 *
 *     gm_error e = { "" };
 *     gm_model   *m = gm_model_open("models/nano", NULL, &e);
 *     gm_image   im;  gm_image_read(&im, "photo.png", &e);
 *     gm_session *s = gm_session_new(m, &im, &e);
 *     gm_ask      q = { .task = GM_REFER, .text = "the red ball" };
 *     gm_answer  *a = gm_session_ask(s, &q, &e);      // a->text, a->mask[0].logits ...
 *
 * Every function that can fail takes a gm_error (may be NULL) and returns NULL or -1.  The library
 * never prints, never exits, keeps no global state; two models may be open at once.  A model may be
 * shared by sessions of one thread; different models may be used from different threads. */
#ifndef GLAMM_H
#define GLAMM_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GM_VERSION "0.1.0"

/* The text says what was wanted, what was found, and in which file.  It must be "" before a call:
 * what is there stays, so that the first of several errors is the one that is told. */
typedef struct { char text[1600]; } gm_error;

typedef struct gm_model gm_model;
typedef struct gm_session gm_session;

/* ---- models ---- */

typedef struct {
    const char *backend;        /* "cpu" (default), "ref", "cuda", "cuda-bf16" */
    const char *clip; /* folder of the CLIP tower; NULL: what the config names, or inside */
    const char *sam;            /* SAM's own .pth, replacing the grounding encoder's weights */
    const char *lora;           /* folder or file of unmerged LoRA weights, merged while loading */
    const char *conversation;   /* "llava_v1" (default) or "llava_llama_2" */
    int exact_f32;              /* do not round where a bfloat16 release rounds (QUIRKS Q4) */
    int threads;                /* while a question is answered; 0: as OpenMP has it */
    int verbose;                /* name every missing or unused tensor through log */
    void (*log)(void *user, const char *line);          /* warnings; NULL: dropped */
    void *user;
    const char *cache;          /* folder for SAM's image embeddings, kept between runs; NULL: none */
    int64_t cache_bytes;        /* it may take as much; 0: 4 GB */
    const char *activations;    /* "f32" (default), or "q8": products with quantised weights read
                                   their other side in 8 bits, as llama.cpp does */
    const char *kv;             /* keys and values are kept in "f32", "bf16" or "f16"; NULL: f32, or
                                   f16 where activations are not f32 */
    int verify;                 /* a GGUF pair: hold every byte against its checksums first */
} gm_model_options;

/* path: a checkpoint folder as the authors publish it (config.json, .bin shards or .safetensors,
 * tokenizer.model), a pair of glamm convert's, or the GGUF of a llama model alone.  Weights are
 * mapped, not read. */
gm_model *gm_model_open(const char *path, const gm_model_options *o, gm_error *e);
void gm_model_free(gm_model *m);
/* 1 when it takes images; 0 for a text model: the GGUF of a language model alone. */
int gm_model_sees(const gm_model *m);
/* How many images, each with an answer of at most so many tokens (0: 512), fit the memory that is
 * free now: 1 to 64.  For gm_session_ask_each. */
int64_t gm_model_sessions(const gm_model *m, int64_t max_new_tokens);

/* ---- images ---- */

/* 8-bit RGB, row by row, height x width x 3; at least 1 x 1. */
typedef struct { int64_t width, height; uint8_t *rgb; } gm_image;

/* PNG, JPEG, BMP, PNM; EXIF orientation applied, alpha dropped, grey replicated. */
int gm_image_read(gm_image *im, const char *path, gm_error *e);
void gm_image_free(gm_image *im);

/* ---- asking ---- */

typedef enum { GM_GCG, GM_REFER, GM_REGION, GM_CAPTION, GM_PHRASE, GM_CHAT } gm_task;

typedef struct {
    gm_task task;
    const char *text; /* REFER: expression; PHRASE: caption with <p> .. </p>; CHAT: the question;
                         others: NULL, or an instruction in place of the template's */
    const char *instruction;    /* PHRASE: in place of the template's; NULL: the template's */
    int64_t variant;            /* which of the task's templates, from 0 */
    const double (*boxes)[4];   /* pixels of the original image, x1 y1 x2 y2; one <bbox> each */
    int64_t nboxes;
    int forced;                 /* PHRASE: feed the caption as the answer instead of generating */
    int64_t max_new_tokens;     /* 0: 512 */
    float temperature, top_p;   /* 0: greedy */
    uint64_t seed;
    int no_kv_cache;            /* recompute everything each step, as the authors do */
    int no_masks;               /* text only */
    /* New answer text as it is decoded (bytes of whole characters, without </s>), and stages:
     * "clip", "region", "prefill", "generate", "sam", "masks", with work done so far in 0..1. NULL:
     * none. */
    void (*on_text)(void *user, const char *text, size_t length);
    void (*on_stage)(void *user, const char *stage, double done);
    void *user;
} gm_ask;

/* A span of the clean caption, in bytes [start, end), and the mask that grounds it (-1: none). */
typedef struct { size_t start, end; int64_t mask; } gm_span;

typedef struct {
    const float *logits;        /* height x width; the mask is where logits > 0 */
    int64_t area, box[4];       /* pixels; x y w h, all 0 when empty */
    double score;               /* mean logit inside the mask: uncalibrated */
    double predicted_iou;       /* SAM's own estimate: uncalibrated */
    int in_prompt;              /* the [SEG] stood in the prompt */
} gm_mask;

typedef struct { const char *stage; double seconds; } gm_timing;

typedef struct {
    char *text;                 /* the answer as generated, special tokens included */
    char *caption;              /* cleaned: no tags, no [SEG] */
    gm_span *span; int64_t nspans;
    gm_mask *mask; int64_t nmasks;      /* in the order of the [SEG] tokens */
    int64_t width, height;      /* of the masks: the original image's */
    int32_t *prompt_ids, *ids;  /* -200 is the image */
    int64_t nprompt_ids, nids;
    int finished;               /* 1: the model ended it, 0: the token limit did */
    gm_timing timing[8]; int ntimings;
} gm_answer;

/* One image and the conversation about it; of a text model image is NULL, and only GM_CHAT is
 * asked.  Image features, SAM's embedding and the history stay
 * between questions; the image is copied.  An image of one pixel is refused. */
gm_session *gm_session_new(gm_model *m, const gm_image *image, gm_error *e);
gm_answer *gm_session_ask(gm_session *s, const gm_ask *q, gm_error *e);
/* One question to each of n <= 64 different sessions of one model: the answers, as a[0] .. a[n - 1],
 * are written side by side, each step reading the language model's weights once for all.  A question
 * that fails leaves the others alone: its a[i] is NULL, and e[i] ("" before) says why.  How many
 * failed. */
int64_t gm_session_ask_each(gm_session *const *s, const gm_ask *q, int64_t n, gm_answer **a,
                            gm_error *e);
/* Forgets the conversation, keeps the image. */
void gm_session_reset(gm_session *s);
void gm_session_free(gm_session *s);
void gm_answer_free(gm_answer *a);

/* ---- text ---- */

/* Token ids of text (BOS first; -200 for each <image>), malloc'ed. */
int gm_tokenize(const gm_model *m, const char *text, int32_t **ids, int64_t *n, gm_error *e);
char *gm_detokenize(const gm_model *m, const int32_t *ids, int64_t n, gm_error *e);

/* ---- run-length masks (COCO) ---- */

/* The compressed COCO string of {logits > 0}, column-major, malloc'ed. */
char *gm_rle_from_logits(const float *logits, int64_t height, int64_t width, gm_error *e);

#ifdef __cplusplus
}
#endif
#endif
