/* glamm quantize: what smaller weights cost, type by type. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../train/drift.h"
#include "../train/shapes.h"
#include "commands.h"
#include "convert.h"
#include "quantize.h"
#include "terminal.h"

static const command_text QUANTIZE = {
    "quantize", "MODEL [IMAGE | FOLDER | LIST.jsonl]...",
    "what each smaller type of weights costs a model's answers",
    "Converts the model to one type after the other and holds what it then says against what it "
    "said before, on answers that are given: the divergence of its predictions (KL, in nats a "
    "token), how often the likeliest token is the same, the perplexity of the answers, and the "
    "overlap of the masks (IoU).\n"
    "\n"
    "Without images the questions are about drawn scenes (glamm shapes), whose true answers are "
    "given: for models that know this world, such as models/nano. Of images, as glamm run takes "
    "them, the answers are those of the model itself before rounding.\n"
    "\n"
    "Examples\n"
    "  glamm quantize models/nano\n"
    "  glamm quantize models/nano --type q8_0 --type q4_0 --samples 100 --json\n"
    "  glamm quantize GLaMM-GCG --clip clip-vit-large-patch14-336 photos/ --scratch /big/disk\n"
    "\n"
    "One converted pair at a time stands in --scratch, and is removed.", 1, -1
};

typedef struct {
    text_list types;
    const char *scratch, *world;
    int64_t samples, seed, max_tokens;
    int json;
} quantize_options;

#define AT(f) offsetof(quantize_options, f)
static const option ROWS[] = {
    { "type", 0, OPTION_LIST, AT(types), CONVERT_TYPES,
      "A type to try; may be repeated (default bf16, q8_0, q6_K, q5_K_M, q4_K_M, q4_K, q4_1, "
      "q4_0).", 0, 0 },
    { "samples", 'n', OPTION_INT, AT(samples), "N", "Drawn scenes (default 30).", 1, 1000000 },
    { "seed", 0, OPTION_INT, AT(seed), "S", "Which scenes (default 1).", 0, 0x1p62 },
    { "world", 'w', OPTION_CHOICE, AT(world), "a|b", "Which world they are of (default a).", 0, 0 },
    { "max-tokens", 0, OPTION_INT, AT(max_tokens), "N",
      "Of images: at most so many tokens an answer (default 128).", 1, 1 << 20 },
    { "scratch", 0, OPTION_TEXT, AT(scratch), "DIR",
      "Folder in which a folder glamm-quantize.tmp is made for the converted pair (default: here).",
      0, 0 },
    { "json", 0, OPTION_FLAG, AT(json), NULL, "Print one JSON object.", 0, 0 },
};
#undef AT

static const char *const DEFAULT_TYPES[] = {
    "bf16", "q8_0", "q6_K", "q5_K_M", "q4_K_M", "q4_K", "q4_1", "q4_0"
};
enum { NDEFAULT = sizeof DEFAULT_TYPES / sizeof *DEFAULT_TYPES };

typedef struct {
    const quantize_options *o;
    const model_settings *ms;
    terminal t;
    const char *model;
    char *folder, *pair;        /* glamm-quantize.tmp, and MODEL.gguf in it */
    gm_sample *sample;
    gm_said *want;
    int64_t n;
    const char *type;           /* at hand */
    int others;                 /* its matrices that are of another type: no whole blocks */
    bool starred;
    json_t *rows;
} work;

/* ---- samples ---- */

static int draw_scenes(work *w, gm_error *e)
{
    gm_shapes_world world = w->o->world[0] == 'b' ? GM_SHAPES_B : GM_SHAPES_A;
    w->sample = calloc((size_t)w->o->samples, sizeof *w->sample);
    if (!w->sample) return gm_fail(e, "out of memory for %lld scenes", (long long)w->o->samples);
    for (; w->n < w->o->samples; w->n++)
        if (gm_shapes_sample(&w->sample[w->n], (uint64_t)w->o->seed, GM_SHAPES_VALIDATION + w->n,
                             (gm_shapes_task)(w->n % GM_SHAPES_OBJECTS), world, 0, 0, e) != 0)
            return -1;
    return 0;
}

/* ---- one model ---- */

static void show(work *w, int64_t done)
{
    if (w->t.progress)
        fprintf(stderr, "\r%s: %lld of %lld%s", w->type, (long long)done, (long long)w->n,
                done == w->n ? "\n" : "");
}

/* What it says of every sample: the first model's is kept, others' is held against it. */
static int listen(work *w, const gm_model *m, gm_drift *d, bool first, gm_error *e)
{
    for (int64_t i = 0; i < w->n; i++) {
        gm_said got;
        if (gm_said_make(&got, m, &w->sample[i], e) != 0) return -1;
        gm_drift_add(d, first ? &got : &w->want[i], &got);
        if (first) w->want[i] = got;
        else gm_said_free(&got);
        show(w, i + 1);
    }
    return 0;
}

/* ---- results ---- */

static double file_mb(const char *path)
{
    uint64_t size = 0;
    double changed;
    gm_file_facts(path, &size, &changed);
    return (double)size / 1e6;
}

static void add_row(work *w, const gm_drift *d, const char *file)
{
    double tokens = (double)d->tokens, masks = (double)d->masks;
    json_t *row = json_pack("{s:s, s:f, s:f, s:f, s:f}", "type", w->type, "kl", d->kl / tokens,
                            "most_kl", d->most_kl, "same_top1", (double)d->same / tokens,
                            "perplexity", exp(d->surprise / tokens));
    if (file) {
        json_object_set_new(row, "megabytes", json_real(file_mb(file)));
        json_object_set_new(row, "of_another_type", json_integer(w->others));
    }
    if (d->masks) json_object_set_new(row, "mask_iou", json_real(d->iou / masks));
    json_array_append_new(w->rows, row);
    if (w->o->json) return;
    printf("%-8s%c", w->type, w->others ? '*' : ' ');
    if (file) printf("%9.1f", file_mb(file));
    else printf("%9s", "");
    w->starred |= w->others > 0;        /* of the table alone */
    printf("  %10.2e  %10.2e  %7.2f %%  %10.4f", d->kl / tokens, d->most_kl,
           100 * (double)d->same / tokens, exp(d->surprise / tokens));
    if (d->masks) printf("  %8.4f", d->iou / masks);
    printf("\n");
    fflush(stdout);
}

static int first_model(work *w, char *const *image, int images, gm_error *e)
{
    gm_drift d = { 0 };
    gm_model_options mo = settings_model(w->ms, terminal_log, &w->t);
    mo.activations = NULL;                      /* exact; those of --activations are the types' */
    gm_model *m = gm_model_open(w->model, &mo, e);
    int bad = m ? 0 : -1;
    w->type = "as it is";
    if (m && !gm_model_sees(m))
        bad = gm_fail(e, "%s: wanted a model that sees images, found a text model", w->model);
    if (!bad && images)
        bad = quantize_ask(&w->sample, &w->n, m, image, images, w->o->max_tokens, &w->t, e);
    else if (!bad) bad = draw_scenes(w, e);
    if (!bad && !(w->want = calloc((size_t)w->n, sizeof *w->want)))
        bad = gm_fail(e, "out of memory");
    if (!bad) bad = listen(w, m, &d, true, e);
    gm_model_free(m);
    if (bad) return -1;
    if (!w->o->json) {
        printf("%lld conversations, %lld tokens of answers, %lld masks\n\n", (long long)w->n,
               (long long)d.tokens, (long long)d.masks);
        printf("%-8s %9s  %10s  %10s  %9s  %10s  %8s\n", "type", "MB", "mean KL", "most KL",
               "top-1", "perplexity", "mask IoU");
    }
    add_row(w, &d, NULL);
    return 0;
}

/* gm_convert names each matrix whose rows are no whole blocks. */
static void count_others(void *user, const char *line)
{
    work *w = user;
    if (strstr(line, "no whole blocks")) w->others++;
}

static int one_type(work *w, const char *type, gm_error *e)
{
    gm_drift d = { 0 };
    gm_model_options mo = settings_model(w->ms, NULL, NULL);
    gm_convert_options c = { .log = count_others, .user = w };
    w->type = type;
    w->others = 0;
    convert_type(&c, type);
    if (gm_convert(w->model, &mo, w->pair, &c, e) != 0) return -1;
    mo.clip = mo.sam = mo.lora = NULL;          /* inside, and merged */
    mo.verify = 0;
    gm_model *m = gm_model_open(w->pair, &mo, e);
    int bad = m ? listen(w, m, &d, false, e) : -1;
    gm_model_free(m);
    if (!bad) add_row(w, &d, w->pair);
    return bad;
}

static int make_scratch(work *w, gm_error *e)
{
    w->folder = gm_path_join(w->o->scratch, "glamm-quantize.tmp");
    w->pair = w->folder ? gm_path_join(w->folder, "pair.gguf") : NULL;
    if (!w->pair) return gm_fail(e, "out of memory");
    if (gm_is_dir(w->folder) || gm_is_file(w->folder)) {
        gm_fail(e, "%s: is there already: another run's, or one's that was interrupted (remove it, "
                "or give --scratch another folder)", w->folder);
        free(w->folder);
        w->folder = NULL;                       /* not ours */
        return -1;
    }
    return gm_make_dir(w->folder, e);
}

static int quantize(work *w, char *const *image, int images)
{
    gm_error e = { "" }, none = { "" };
    const text_list *l = &w->o->types;
    int n = l->n ? l->n : NDEFAULT;
    w->rows = json_array();
    int bad = w->rows ? make_scratch(w, &e) : gm_fail(&e, "out of memory");
    if (!bad) bad = first_model(w, image, images, &e);
    for (int i = 0; !bad && i < n; i++) bad = one_type(w, l->n ? l->item[i] : DEFAULT_TYPES[i], &e);
    if (!bad && w->starred)
        printf("\n* matrices whose rows are no whole blocks are of another type: glamm convert "
               "names them\n");
    if (!bad && w->o->json) {
        json_t *all = json_pack("{s:s, s:I, s:O}", "model", w->model, "conversations",
                                (json_int_t)w->n, "types", w->rows);
        if (all) json_dumpf(all, stdout, JSON_INDENT(1)), printf("\n");
        json_decref(all);
    }
    if (w->folder) gm_remove_dir(w->folder, &none);
    for (int64_t i = 0; i < w->n; i++) {
        gm_sample_free(&w->sample[i]);
        if (w->want) gm_said_free(&w->want[i]);
    }
    free(w->sample);
    free(w->want);
    free(w->folder);
    free(w->pair);
    json_decref(w->rows);
    if (bad) fprintf(stderr, "glamm quantize: %s\n", e.text);
    return bad ? 1 : 0;
}

int cmd_quantize(int argc, char **argv)
{
    quantize_options o = { .scratch = ".", .world = "a", .samples = 30, .seed = 1,
                           .max_tokens = 128 };
    model_settings ms = { .backend = "cpu" };
    const option_group groups[] = {
        { "Options", ROWS, sizeof ROWS / sizeof *ROWS, &o },
        { "Model", MODEL_OPTIONS, NMODEL_OPTIONS, &ms },
    };
    gm_convert_options c;
    int n, status = options_parse(&QUANTIZE, groups, 2, argc, argv, &n);
    for (int i = 0; status == PARSED && i < o.types.n; i++)
        if (!convert_type(&c, o.types.item[i]))
            status = misuse(&QUANTIZE, "--type: wanted one of %s, found '%s'", CONVERT_TYPES,
                            o.types.item[i]);
    if (status == PARSED) {
        work w = { .o = &o, .ms = &ms, .model = argv[0] };
        terminal_open(&w.t, ms.quiet, false);
        status = quantize(&w, argv + 1, n - 1);
    }
    text_list_free(&o.types);
    return status;
}
