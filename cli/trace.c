/* glamm trace: every module's output, stored, compared, replaced, drawn. */
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../io/os.h"
#include "commands.h"

static const command_text TEXT = {
    .name = "trace",
    .arguments = "MODEL",
    .at_least = 1,
    .at_most = 1,
    .summary = "the output of every module: store, compare, replace, draw",
    .about = "Runs the model over a whole conversation at once, as training does, and takes every "
             "module's output under its PyTorch path. With --image the model first answers the "
             "question (the options of run), then the prompt with this answer is traced. With "
             "--case the conversation, answers included, and the boxes come from a stored case "
             "(golden/README.md).\n"
             "\n"
             "Files are .safetensors with the goldens' keys: tap_model.layers.0 for the module "
             "model.layers.0, #1 for its second call, :1 for its second output; clip_pixels, "
             "sam_pixels, input_ids, mask_logits_0.\n"
             "\n"
             "--compare prints a table and the first module that differs; exit status 1 if one "
             "does. Where a case's JSON stands beside the file, its tolerance and stride are "
             "used.\n"
             "\n"
             "Examples\n"
             "  glamm trace models/nano --image photo.png --out trace.safetensors\n"
             "  glamm trace models/nano --image photo.png --show all --show lm_head@40\n"
             "  glamm trace models/nano --image photo.png --expression \"the ball\" --pictures "
             "pictures\n"
             "  glamm trace golden/mini/model --case gcg.json --compare gcg.safetensors\n"
             "  glamm trace models/nano --case gcg0.json --out a.safetensors --inject "
             "model.norm=b.safetensors\n",
};

typedef struct {
    const char *image, *golden, *out, *compare, *pictures;
    text_list inject, show;
    double tolerance;
} trace_settings;
#define AT(field) offsetof(trace_settings, field)
static const option TRACE_OPTIONS[] = {
    { "image", 0, OPTION_TEXT, AT(image), "FILE", "The image to ask about.", 0, 0 },
    { "case", 0, OPTION_TEXT, AT(golden), "FILE.json", "A stored case in place of an image.", 0,
      0 },
    { "out", 'o', OPTION_TEXT, AT(out), "FILE", "Store inputs and outputs as .safetensors.", 0, 0 },
    { "compare", 0, OPTION_TEXT, AT(compare), "FILE", "Compare with stored tensors.", 0, 0 },
    { "tolerance", 0, OPTION_REAL, AT(tolerance), "X",
      "Largest difference as a share of the largest value, where no case says better (default "
      "1e-4).",
      0, 1 },
    { "inject", 0, OPTION_LIST, AT(inject), "NAME=FILE",
      "Replace the output of module NAME by tensor tap_NAME of FILE and go on from there. "
      "Repeatable.",
      0, 0 },
    { "show", 0, OPTION_LIST, AT(show), "NAME[@ROW]",
      "Print the numbers of a module's output, an input or mask_logits/0, or one row of it; all: "
      "of everything. Repeatable.",
      0, 0 },
    { "pictures", 0, OPTION_TEXT, AT(pictures), "DIR",
      "Draw inputs, feature maps, attention and masks of each stage.", 0, 0 },
};
#undef AT

/* A tensor that replaces a module's output. */
typedef struct { const char *name; gm_file *file; gm_tensor x; bool used; } injection;

typedef struct {
    const char *model_path;
    model_settings ms;
    ask_settings as;
    trace_settings ts;
    gm_model *model;
    trace_list list;
    injection *injection;
    int ninjections;
    gm_error error;             /* of a tap */
} trace;

/* ---- the list ---- */

int trace_add(trace_list *l, const char *name, gm_tensor x, gm_error *e)
{
    if (l->n == l->room) {
        int64_t room = l->room ? 2 * l->room : 128;
        traced *more = realloc(l->item, (size_t)room * sizeof *more);
        if (!more) return gm_fail(e, "out of memory for the trace");
        l->item = more;
        l->room = room;
    }
    size_t bytes = gm_bytes(x);
    traced *t = &l->item[l->n];
    *t = (traced){ gm_copy_text(name), x };
    t->x.data = malloc(bytes ? bytes : 1);
    if (!t->name || !t->x.data) {
        free(t->name);
        free(t->x.data);
        return gm_fail(e, "out of memory for the trace of %s: %zu bytes", name, bytes);
    }
    if (bytes) memcpy(t->x.data, x.data, bytes);
    l->n++;
    return 0;
}

const gm_tensor *trace_find(const trace_list *l, const char *name)
{
    for (int64_t i = 0; i < l->n; i++)
        if (strcmp(l->item[i].name, name) == 0) return &l->item[i].x;
    return NULL;
}

void trace_key(char *key, size_t room, const char *name)
{
    size_t n = 0;
    for (; name[n] && n + 1 < room; n++) key[n] = name[n] == '/' ? '_' : name[n];
    key[n] = 0;
}

static void list_free(trace_list *l)
{
    for (int64_t i = 0; i < l->n; i++) {
        free(l->item[i].name);
        free(l->item[i].x.data);
    }
    free(l->item);
}

static int list_write(const trace_list *l, const char *path, gm_error *e)
{
    const char **name = calloc((size_t)l->n, sizeof *name);
    gm_tensor *x = calloc((size_t)l->n, sizeof *x);
    char (*key)[600] = calloc((size_t)l->n, sizeof *key);
    int bad = name && x && key ? 0 : gm_fail(e, "%s: out of memory", path);
    for (int64_t i = 0; !bad && i < l->n; i++) {
        trace_key(key[i], sizeof key[i], l->item[i].name);
        name[i] = key[i];
        x[i] = l->item[i].x;
    }
    if (!bad) bad = gm_safetensors_write(path, name, x, l->n, e);
    free(name);
    free(x);
    free(key);
    return bad;
}

/* ---- taps ---- */

static void on_tap(void *user, gm_ctx *c, const char *name, gm_tensor x)
{
    trace *t = user;
    char full[320];
    snprintf(full, sizeof full, "tap/%s", name);
    for (int i = 0; i < t->ninjections; i++) {
        injection *j = &t->injection[i];
        if (strcmp(j->name, name) != 0) continue;
        j->used = true;
        if (gm_numel(j->x) == gm_numel(x) && j->x.type == x.type) {
            memcpy(x.data, j->x.data, gm_bytes(x));
            continue;
        }
        char want[100], found[100];
        gm_set_error(c, "--inject %s: wanted %s, %s, found %s, %s", name, gm_shape_text(want, x),
                     gm_type_name(x.type), gm_shape_text(found, j->x), gm_type_name(j->x.type));
        return;
    }
    if (trace_add(&t->list, full, x, &t->error)) gm_set_error(c, "%s", t->error.text);
}

/* Opens the files of --inject NAME=FILE. */
static int open_injections(trace *t, gm_error *e)
{
    t->injection = calloc((size_t)t->ts.inject.n + 1, sizeof *t->injection);
    if (!t->injection) return gm_fail(e, "out of memory");
    for (int i = 0; i < t->ts.inject.n; i++) {
        injection *j = &t->injection[t->ninjections++];
        char *name = gm_copy_text(t->ts.inject.item[i]), *file = name ? strchr(name, '=') : NULL,
             key[600];
        j->name = name;
        if (!name) return gm_fail(e, "out of memory");
        *file++ = 0;
        j->file = gm_file_open(file, e);
        if (!j->file) return -1;
        snprintf(key, sizeof key, "tap_%s", name);
        j->x = gm_file_find(j->file, key);
        if (!j->x.data) j->x = gm_file_find(j->file, name);
        if (!j->x.data) return gm_fail(e, "%s: wanted a tensor %s, found none", file, key);
    }
    return 0;
}

static int unused_injections(const trace *t, gm_error *e)
{
    for (int i = 0; i < t->ninjections; i++)
        if (!t->injection[i].used)
            return gm_fail(e, "--inject %s: this run has no such module", t->injection[i].name);
    return 0;
}

/* ---- the run ---- */

static int add_inputs(trace *t, const trace_inputs *in, gm_error *e)
{
    const gm_batch *b = &in->batch;
    gm_tensor ids = { .data = in->ids, .dim = { b->B, b->L }, .nd = 2, .type = GM_I32 };
    int bad = trace_add(&t->list, "input_ids", ids, e) ||
              trace_add(&t->list, "clip_pixels", b->clip_pixels, e);
    if (!bad && b->sam_pixels.data) bad = trace_add(&t->list, "sam_pixels", b->sam_pixels, e);
    return bad;
}

static int forward(trace *t, gm_ctx *c, const trace_inputs *in, gm_error *e)
{
    gm_output out;
    if (add_inputs(t, in, e)) return -1;
    gm_set_tap(c, on_tap, t);
    int bad = gm_forward(c, &t->model->net, &in->batch, &out);
    gm_set_tap(c, NULL, NULL);
    if (bad) return gm_fail(e, "%s", gm_error_text(c));
    for (int64_t i = 0; !bad && i < out.images; i++) {
        char name[40];
        snprintf(name, sizeof name, "mask_logits/%lld", (long long)i);
        if (!out.mask[i].data) continue;
        gm_tensor mask = gm_host_copy(c, out.mask[i]);
        bad = mask.data ? trace_add(&t->list, name, mask, e) : gm_fail(e, "%s", gm_error_text(c));
        free(mask.data);
    }
    return bad || unused_injections(t, e) ? -1 : 0;
}

/* The trace and what was asked for; the exit status. */
static int run(trace *t, const question *q, gm_error *e)
{
    gm_model_options o = settings_model(&t->ms, NULL, NULL);
    trace_inputs in = { 0 };
    gm_ctx *c = NULL;
    int64_t different = 0;
    t->model = gm_model_open(t->model_path, &o, e);
    int bad = !t->model || open_injections(t, e);
    if (!bad) c = gm_ctx_new(&t->model->kernels, &t->model->engine.device.memory);
    if (!bad && !c) bad = gm_fail(e, "out of memory");
    if (!bad && t->ts.golden) bad = trace_case(&in, c, t->model, t->ts.golden, e);
    else if (!bad) bad = trace_question(&in, c, t->model, t->ts.image, q, &t->as, e);
    if (!bad) bad = forward(t, c, &in, e);
    if (!bad && t->ts.out) bad = list_write(&t->list, t->ts.out, e);
    if (!bad && t->ts.pictures) bad = trace_pictures(&t->list, c, t->model, &in, t->ts.pictures, e);
    if (!bad && in.answer && !t->ms.quiet) printf("answer: %s\n", in.answer);
    for (int i = 0; !bad && i < t->ts.show.n; i++)
        bad = trace_show(&t->list, t->ts.show.item[i], e);
    if (!bad && t->ts.out && !t->ms.quiet)
        printf("%lld tensors in %s\n", (long long)t->list.n, t->ts.out);
    if (!bad && t->ts.compare) {
        different = trace_compare(&t->list, t->ts.compare, t->ts.tolerance, e);
        bad = different < 0;
    }
    trace_inputs_free(&in);
    gm_ctx_free(c);
    gm_model_free(t->model);
    for (int i = 0; i < t->ninjections; i++) {
        gm_file_close(t->injection[i].file);
        free((char *)t->injection[i].name);
    }
    free(t->injection);
    list_free(&t->list);
    return bad || different ? 1 : 0;
}

/* What is asked about --image: one question. */
static int make_question(const trace *t, double (**boxes)[4], question **q, gm_error *e)
{
    int64_t n;
    asked a = { .task = t->as.task, .prompt = t->as.prompt, .forced = t->as.forced,
        .expression = t->as.expressions.item, .nexpressions = t->as.expressions.n,
        .phrase = t->as.phrases.item, .nphrases = t->as.phrases.n };
    if (answer_check(&t->as, e) || boxes_read(&t->as.boxes, boxes, &a.nboxes, e)) return -1;
    a.box = (const double (*)[4])*boxes;
    if (questions_make(q, &n, &a, e)) return -1;
    return n == 1 ? 0
                  : gm_fail(e, "--image: wanted one question to trace, found %lld", (long long)n);
}

static int check(const trace *t, gm_error *e)
{
    if (!t->ts.image == !t->ts.golden)
        return gm_fail(e, "wanted either --image FILE or --case FILE.json");
    if (!t->ts.out && !t->ts.compare && !t->ts.pictures && !t->ts.show.n)
        return gm_fail(e, "wanted --out FILE, --compare FILE, --show NAME or --pictures DIR");
    for (int i = 0; i < t->ts.inject.n; i++)
        if (!strchr(t->ts.inject.item[i], '='))
            return gm_fail(e, "--inject: wanted NAME=FILE, found '%s'", t->ts.inject.item[i]);
    return 0;
}

int cmd_trace(int argc, char **argv)
{
    trace t = { .ts = { .tolerance = 1e-4 } };
    const option_group groups[] = {
        { "Trace", TRACE_OPTIONS, sizeof TRACE_OPTIONS / sizeof *TRACE_OPTIONS, &t.ts },
        { "What to ask about --image", ASK_OPTIONS, NASK_OPTIONS, &t.as },
        { "How to answer", ANSWER_OPTIONS, NANSWER_OPTIONS, &t.as },
        { "Model", MODEL_OPTIONS, NMODEL_OPTIONS, &t.ms },
    };
    int n, status = options_parse(&TEXT, groups, 4, argc, argv, &n);
    gm_error e = { "" };
    question *q = NULL;
    double (*boxes)[4] = NULL;
    if (status == PARSED && (check(&t, &e) || (t.ts.image && make_question(&t, &boxes, &q, &e))))
        status = misuse(&TEXT, "%s", e.text);
    if (status == PARSED) {
        t.model_path = argv[0];
        status = run(&t, q, &e);
        if (*e.text) fprintf(stderr, "glamm trace: %s\n", e.text);
    }
    free(q);
    free(boxes);
    text_list_free(&t.ts.inject);
    text_list_free(&t.ts.show);
    ask_settings_free(&t.as);
    return status;
}
