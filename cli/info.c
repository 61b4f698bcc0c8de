/* glamm info: what a checkpoint holds, and what a run with it will need. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../io/checkpoint.h"
#include "../io/image.h"
#include "../io/os.h"
#include "../ref/backend.h"
#include "../ref/kernels/cpu.h"
#include "../ref/kernels/typed.h"
#include "../ref/plan.h"
#include "commands.h"
#include "settings.h"
#include "train_plan.h"

static const command_text TEXT = {
    .name = "info",
    .arguments = "MODEL",
    .at_least = 0,
    .at_most = 1,
    .summary = "architecture, parameters, memory plan of a model",
    .about = "Reads configuration and headers, not the weights: the memory plan stands before "
             "anything is loaded. The stages of the plan are estimates for one image, a 128-token "
             "prompt and 512 new tokens. --check reads every weight and names those with NaN or "
             "infinite values (exit status 1).\n"
             "\n"
             "Examples\n"
             "  glamm info models/nano\n"
             "  glamm info models/nano --check --tensors\n"
             "  glamm info GLaMM-GCG --clip clip-vit-large-patch14-336 --json\n"
             "  glamm info GLaMM-GCG --memory 16      which type fits a machine of 16 GiB\n"
             "  glamm info --train my.conf\n",
};

typedef struct { int tensors, check, json; const char *train; double memory; } info_settings;
static const double GIB = 1 << 30;
#define AT(field) offsetof(info_settings, field)
static const option INFO_OPTIONS[] = {
    { "tensors", 0, OPTION_FLAG, AT(tensors), NULL,
      "List every tensor: type, sizes, file, whether it is used.", 0, 0 },
    { "check", 0, OPTION_FLAG, AT(check), NULL,
      "Read every weight; name those that are not finite.", 0, 0 },
    { "json", 0, OPTION_FLAG, AT(json), NULL, "Print one JSON object.", 0, 0 },
    { "train", 0, OPTION_TEXT, AT(train), "CONFIG",
      "In place of MODEL: the memory that glamm train CONFIG will take.", 0, 0 },
    { "memory", 0, OPTION_REAL, AT(memory), "GIB",
      "Plan for a machine with so much memory instead of this one.", 0.001, 1e9 },
};
#undef AT

typedef struct {
    const char *name, *prefix;
    int64_t tensors, parameters;
    double bytes;
    int types;
} module;

typedef struct {
    const char *path;
    const gm_config *g;
    glamm net;
    gm_kernels kernels;
    gm_engine engine;
    gm_stored *stored;
    int64_t nstored;
    module *modules;
    gm_plan plan;
    gm_error fault;             /* tensors that do not fit the model; "" when all do */
    char blas[160], products[200];
    double memory, available;   /* of the machine, and what is free now */
    bool *bad;                  /* --check: per tensor, NULL otherwise */
    int64_t nbad;
} info;

/* In this order the first prefix that fits takes a tensor; the last takes the rest. */
static const module MODULES[] = {
    { .name = "CLIP tower", .prefix = "model.vision_tower." },
    { .name = "V-L projector", .prefix = "model.mm_projector." },
    { .name = "region encoder", .prefix = "model.region_encoder." },
    { .name = "token embeddings", .prefix = "model.embed_tokens." },
    { .name = "LLaMA layers", .prefix = "model.layers." },
    { .name = "LLaMA final norm", .prefix = "model.norm." },
    { .name = "LLaMA head", .prefix = "lm_head." },
    { .name = "L-P projection", .prefix = "model.text_hidden_fcs." },
    { .name = "SAM image encoder", .prefix = "model.grounding_encoder.image_encoder." },
    { .name = "SAM prompt encoder", .prefix = "model.grounding_encoder.prompt_encoder." },
    { .name = "SAM mask decoder", .prefix = "model.grounding_encoder.mask_decoder." },
    { .name = "other", .prefix = "" },
};
enum { NMODULES = sizeof MODULES / sizeof *MODULES };

/* ---- gathering ---- */

static void count_parameters(info *f)
{
    for (int64_t i = 0; i < f->nstored; i++) {
        const gm_stored *s = &f->stored[i];
        module *m = f->modules;
        while (*m->prefix && strncmp(s->name, m->prefix, strlen(m->prefix)) != 0) m++;
        m->tensors++;
        m->parameters += gm_numel(s->tensor);
        m->bytes += (double)gm_bytes(s->tensor);
        m->types |= 1 << s->tensor.type;
    }
}

/* Marks tensors with a value that is not finite. */
static void check_values(info *f)
{
    for (int64_t i = 0; i < f->nstored; i++) {
        gm_tensor x = f->stored[i].tensor;
        bool is_float = x.type == GM_F32 || x.type == GM_F16 || x.type == GM_BF16;
        for (int64_t k = 0; is_float && !f->bad[i] && k < gm_numel(x); k++)
            f->bad[i] = !isfinite(gm_typed(x.data, x.type, k));
        f->nbad += f->bad[i];
    }
}

static int gather(info *f, gm_checkpoint *k, const info_settings *s, const char *kv, gm_error *e)
{
    gm_weights *w = gm_checkpoint_weights(k);
    gm_error bind = { "" };
    f->g = gm_checkpoint_config(k);
    int bad = gm_glamm_bind(&f->net, w, f->g, &bind);
    if (gm_weights_finish(w, &f->fault) == 0 && bad) f->fault = bind;
    f->nstored = gm_checkpoint_tensors(k, NULL, 0);
    f->stored = calloc((size_t)f->nstored + 1, sizeof *f->stored);
    f->modules = malloc(sizeof MODULES);
    f->bad = calloc((size_t)f->nstored + 1, sizeof *f->bad);
    if (!f->stored || !f->modules || !f->bad)
        return gm_fail(e, "out of memory for %lld tensors", (long long)f->nstored);
    gm_checkpoint_tensors(k, f->stored, f->nstored);
    memcpy(f->modules, MODULES, sizeof MODULES);
    count_parameters(f);
    if (gm_llama_kv(&f->net.llama, kv, e) != 0) return -1;
    gm_weight_bytes bytes = gm_checkpoint_bytes(k);
    if (!*f->fault.text)
        f->plan = gm_plan_memory(&f->net, &f->kernels, &bytes, GM_PLAN_ANSWER);
    f->memory = s->memory > 0 ? s->memory * GIB : (double)gm_machine_memory();
    f->available = s->memory > 0 ? f->memory : (double)gm_available_memory();
    gm_cpu_describe(f->blas, sizeof f->blas);
    gm_cpu_products(f->products, sizeof f->products);
    if (s->check) check_values(f);
    return 0;
}

/* ---- text ---- */

static const char *types_of(const module *m, char *buf)
{
    size_t n = 0;
    buf[0] = 0;
    for (int t = 0; t < GM_NTYPES; t++)
        if (m->types >> t & 1)
            n += (size_t)sprintf(buf + n, "%s%s", n ? ", " : "", gm_type_name((gm_dtype)t));
    return buf;
}

static void print_language(const gm_config *g, const glamm *m)
{
    printf("  LLaMA           %lld layers, width %lld, %lld heads of %lld (%lld key/value), MLP "
           "%lld, vocabulary %lld, %lld positions\n",
           (long long)g->llm.layers, (long long)g->llm.hidden, (long long)g->llm.heads,
           (long long)m->llama.HD, (long long)g->llm.kv_heads, (long long)g->llm.inter,
           (long long)g->llm.vocab, (long long)g->llm.max_positions);
}

static void print_text_model(const gm_config *g, const glamm *m)
{
    printf("\narchitecture     a language model alone: no images\n");
    print_language(g, m);
    printf("  rotary base     %g\n  head            %s\n", (double)g->llm.theta,
           g->llm.tied ? "the table of embeddings" : "its own");
}

static void print_architecture(const info *f)
{
    const gm_config *g = f->g;
    const glamm *m = &f->net;
    long long n = g->clip.patch > 0 ? g->clip.image / g->clip.patch : 0, clip = g->clip.hidden,
              hidden = g->llm.hidden;
    printf("\narchitecture\n");
    printf("  CLIP tower      %lld x %lld pixels, patches of %lld: %lld tokens; %lld layers (state "
           "%lld is used), width %lld, %lld heads, MLP %lld\n",
           (long long)g->clip.image, (long long)g->clip.image, (long long)g->clip.patch, n * n,
           (long long)g->clip.layers, (long long)m->clip.select, clip, (long long)g->clip.heads,
           (long long)g->clip.inter);
    printf("  V-L projector   %lld -> %lld -> %lld, GELU\n", clip,
           (long long)m->projector.w0.dim[0], hidden);
    printf("  region encoder  4 levels, maps of %lld, %lld, %lld, %lld; width %lld, %lld fuse "
           "steps, %lld groups, RoI constant %lld\n",
           8 * n, 4 * n, 2 * n, n, clip, (long long)m->region.nfuse, (long long)g->region.groups,
           (long long)g->region.scale);
    print_language(g, m);
    printf("  L-P projection  %lld -> %lld -> %lld, ReLU\n", hidden,
           (long long)m->text_fcs.w0.dim[0], (long long)m->text_fcs.w2.dim[0]);
    printf("  SAM encoder     %lld x %lld pixels, patches of %lld: %lld x %lld tokens; %lld "
           "blocks, width %lld, %lld heads; windows:",
           (long long)gm_sam_side(m), (long long)gm_sam_side(m), (long long)m->sam.P,
           (long long)m->sam.G, (long long)m->sam.G, (long long)m->sam.L,
           (long long)m->sam.patch_w.dim[0], (long long)m->sam.NH);
    for (int64_t l = 0; l < m->sam.L; l++) {
        if (m->sam.block[l].S) printf(" %lld", (long long)m->sam.block[l].S);
        else printf(" global");
    }
    printf("\n  mask decoder    %lld two-way layers, width %lld, %lld heads; masks of %lld x %lld "
           "before enlarging\n",
           (long long)m->decoder.L, (long long)m->decoder.no_mask.dim[1], (long long)m->decoder.NH,
           (long long)(4 * m->sam.G), (long long)(4 * m->sam.G));
    printf("  rounding        %s\n",
           g->bf16 ? "as a bfloat16 release rounds (docs/QUIRKS.md Q4); --exact-f32 switches it off"
                   : "none: a float32 checkpoint");
}

static void print_modules(const info *f)
{
    char types[80], size[40];
    module all = { .name = "all" };
    printf("\n%-22s %8s %15s %12s  %s\n", "parameters", "tensors", "parameters", "size", "types");
    for (int i = 0; i <= NMODULES; i++) {
        const module *m = i < NMODULES ? &f->modules[i] : &all;
        if (m->tensors == 0) continue;
        printf("  %-20s %8lld %15lld %12s  %s\n", m->name, (long long)m->tensors,
               (long long)m->parameters, gm_size_text(m->bytes, size), types_of(m, types));
        all.tensors += m->tensors;
        all.parameters += m->parameters;
        all.bytes += m->bytes;
        all.types |= m->types;
    }
}

/* Whether the plan fits the machine, and how it could. */
static void print_fit(const info *f)
{
    const gm_plan *p = &f->plan;
    char size[40], other[40];
    double then;
    printf("  %-20s %12s  %s available now: %s\n", "this machine", gm_size_text(f->memory, size),
           gm_size_text(f->available, other),
           p->total <= f->available ? "it fits"
           : p->total - p->weights.others <= f->available
               ? "weights will be read again from disk as they are needed (slow)"
               : "it does not fit");
    const char *type = gm_plan_type(p, f->available, &then);
    if (type)
        printf("  %-20s %12s  with glamm convert --type %s, which fits\n", "smaller",
               gm_size_text(then, size), type);
}

static void print_plan(const info *f)
{
    char size[40];
    printf("\nmemory plan\n");
    for (int i = 0; i < f->plan.n; i++) {
        const gm_plan_row *r = &f->plan.row[i];
        printf("  %-20s %12s  %s%s\n", r->name, gm_size_text(r->bytes, size),
               r->at_once ? "while it runs: " : "", r->what);
    }
    printf("  %-20s %12s  what stays, and the largest stage\n", "in all, about",
           gm_size_text(f->plan.total, size));
    printf("  %-20s %12s  the same\n", "with boxes, about", gm_size_text(f->plan.with_boxes, size));
    print_fit(f);
}

static void print_tensors(const info *f)
{
    char shape[100];
    printf("\n%-4s %-24s %-6s %-40s %s\n", "type", "sizes", "used", "file", "tensor");
    for (int64_t i = 0; i < f->nstored; i++) {
        const gm_stored *s = &f->stored[i];
        const char *slash = strrchr(s->file, '/');
        printf("%-4s %-24s %-6s %-40s %s\n", gm_type_name(s->tensor.type),
               gm_shape_text(shape, s->tensor), s->used ? "yes" : "no", slash ? slash + 1 : s->file,
               s->name);
    }
}

static void print_check(const info *f)
{
    printf("\ncheck                %lld tensors, %lld with NaN or infinite values\n",
           (long long)f->nstored, (long long)f->nbad);
    for (int64_t i = 0; i < f->nstored; i++)
        if (f->bad[i]) printf("  not finite: %s\n", f->stored[i].name);
}

static void print_device(const gm_engine *g)
{
    char lacks[2][1200];
    for (int i = 0; i < 2; i++)
        if (!gm_backend_lacks(g, i, lacks[i], sizeof lacks[i])) strcpy(lacks[i], "none");
    printf("  device               %s\n  slots on the CPU     %s\n  backward, on the CPU %s\n",
           g->device.description, lacks[0], lacks[1]);
    if (g->device.caution) printf("  note                 %s\n", g->device.caution);
}

static void print_text(const info *f, const info_settings *s)
{
    printf("model                %s\n", f->path);
    if (f->g->text_only) print_text_model(f->g, &f->net);
    else print_architecture(f);
    print_modules(f);
    if (f->plan.n) print_plan(f);
    printf("\nprogram\n  version              %s\n  JPEG reader          %s\n  kernels             "
           " %s\n"
           "  BLAS                 %s\n"
           "  products             %s\n",
           GM_VERSION, gm_jpeg_reader(), f->kernels.name, f->blas, f->products);
    if (f->engine.library) print_device(&f->engine);
    if (s->tensors) print_tensors(f);
    if (s->check) print_check(f);
}

/* ---- JSON ---- */

static json_t *device_json(const gm_engine *g)
{
    char forward[1200], backward[1200];
    gm_backend_lacks(g, false, forward, sizeof forward);
    gm_backend_lacks(g, true, backward, sizeof backward);
    json_t *j = json_pack("{ss ss ss}", "description", g->device.description, "slots_on_the_cpu",
                          forward, "backward_slots_on_the_cpu", backward);
    if (g->device.caution) json_object_set_new(j, "note", json_string(g->device.caution));
    return j;
}

static json_t *language_json(const gm_config *g)
{
    return json_pack("{sI sI sI sI sI sI sI}", "layers", (json_int_t)g->llm.layers, "hidden",
                     (json_int_t)g->llm.hidden, "heads", (json_int_t)g->llm.heads, "kv_heads",
                     (json_int_t)g->llm.kv_heads, "inter", (json_int_t)g->llm.inter, "vocab",
                     (json_int_t)g->llm.vocab, "max_positions", (json_int_t)g->llm.max_positions);
}

static json_t *sizes_json(const info *f)
{
    const gm_config *g = f->g;
    const glamm *m = &f->net;
    json_t *windows = json_array(), *language = language_json(g);
    for (int64_t l = 0; l < m->sam.L; l++)
        json_array_append_new(windows, json_integer(m->sam.block[l].S));
    json_t *clip = json_pack("{sI sI sI sI sI sI sI}", "image", (json_int_t)g->clip.image, "patch",
                             (json_int_t)g->clip.patch, "layers", (json_int_t)g->clip.layers,
                             "state", (json_int_t)m->clip.select, "hidden",
                             (json_int_t)g->clip.hidden, "heads", (json_int_t)g->clip.heads,
                             "inter", (json_int_t)g->clip.inter);
    json_t *region = json_pack("{sI sI sI}", "fuse_steps", (json_int_t)m->region.nfuse, "groups",
        (json_int_t)g->region.groups, "scale", (json_int_t)g->region.scale);
    json_t *sam = json_pack("{sI sI sI sI sI so}", "image", (json_int_t)gm_sam_side(m), "patch",
                            (json_int_t)m->sam.P, "layers", (json_int_t)m->sam.L, "hidden",
                            (json_int_t)m->sam.patch_w.dim[0], "heads", (json_int_t)m->sam.NH,
                            "windows", windows);
    json_t *decoder = json_pack("{sI sI sI}", "layers", (json_int_t)m->decoder.L, "hidden",
        (json_int_t)m->decoder.no_mask.dim[1], "heads", (json_int_t)m->decoder.NH);
    return json_pack("{so so so so so sb}", "clip", clip, "region", region, "llama", language,
                     "sam", sam, "mask_decoder", decoder, "bf16_rounding", g->bf16);
}

static json_t *tensors_json(const info *f)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < f->nstored; i++) {
        const gm_stored *s = &f->stored[i];
        json_t *shape = json_array();
        for (int d = 0; d < s->tensor.nd; d++)
            json_array_append_new(shape, json_integer(s->tensor.dim[d]));
        json_array_append_new(list, json_pack("{ss ss so ss sb}", "name", s->name, "type",
            gm_type_name(s->tensor.type), "shape", shape, "file", s->file, "used", s->used));
    }
    return list;
}

static void print_json(const info *f, const info_settings *s)
{
    json_t *modules = json_array(), *plan = json_object(), *bad = json_array();
    char types[80];
    for (int i = 0; i < NMODULES; i++) {
        const module *m = &f->modules[i];
        if (m->tensors)
            json_array_append_new(
                modules, json_pack("{ss sI sI sI ss}", "name", m->name, "tensors",
                                   (json_int_t)m->tensors, "parameters", (json_int_t)m->parameters,
                                   "bytes", (json_int_t)m->bytes, "types", types_of(m, types)));
    }
    for (int i = 0; i < f->plan.n; i++)
        json_object_set_new(plan, f->plan.row[i].name,
                            json_integer((json_int_t)f->plan.row[i].bytes));
    json_object_set_new(plan, "total", json_integer((json_int_t)f->plan.total));
    json_object_set_new(plan, "with_boxes", json_integer((json_int_t)f->plan.with_boxes));
    json_object_set_new(plan, "machine", json_integer((json_int_t)f->memory));
    json_object_set_new(plan, "available", json_integer((json_int_t)f->available));
    for (int64_t i = 0; i < f->nstored; i++)
        if (f->bad[i]) json_array_append_new(bad, json_string(f->stored[i].name));
    json_t *j = json_pack("{ss ss so so so ss ss ss ss}", "glamm", GM_VERSION, "model", f->path,
                          "architecture",
                          f->g->text_only ? json_pack("{so}", "llama", language_json(f->g))
                                          : sizes_json(f),
                          "modules", modules, "memory_bytes", plan,
                          "jpeg_reader", gm_jpeg_reader(), "kernels", f->kernels.name, "blas",
                          f->blas, "products", f->products);
    if (j && f->engine.library) json_object_set_new(j, "device", device_json(&f->engine));
    if (j && s->check) json_object_set(j, "not_finite", bad);
    if (j && s->tensors) json_object_set_new(j, "tensors", tensors_json(f));
    if (j) json_dumpf(j, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(bad);
    json_decref(j);
}

/* ---- the command ---- */

static void log_line(void *user, const char *line)
{
    (void)user;
    fprintf(stderr, "%s\n", line);
}

static int run(info *f, const model_settings *ms, const info_settings *s)
{
    gm_error e = { "" };
    gm_model_options o = settings_model(ms, log_line, NULL);
    gm_checkpoint *k = NULL;
    int bad = gm_backend_open(&f->kernels, &f->engine, ms->backend, &e);
    if (!bad) k = gm_checkpoint_open(f->path, &o, &e);
    bad = !k || gather(f, k, s, gm_backend_kv(ms->kv, ms->activations), &e);
    if (!bad && s->json) print_json(f, s);
    else if (!bad) print_text(f, s);
    fflush(stdout);
    if (bad || *f->fault.text) fprintf(stderr, "glamm info: %s\n", bad ? e.text : f->fault.text);
    gm_glamm_free(&f->net);
    gm_checkpoint_free(k);
    gm_backend_close(&f->engine);
    free(f->stored);
    free(f->modules);
    free(f->bad);
    return bad || *f->fault.text || f->nbad ? 1 : 0;
}

int cmd_info(int argc, char **argv)
{
    info f = { 0 };
    model_settings ms = { 0 };
    info_settings s = { 0 };
    const option_group groups[] = {
        { "Info", INFO_OPTIONS, sizeof INFO_OPTIONS / sizeof *INFO_OPTIONS, &s },
        { "Model", MODEL_OPTIONS, NMODEL_OPTIONS, &ms },
    };
    int n, status = options_parse(&TEXT, groups, 2, argc, argv, &n);
    if (status != PARSED) return status;
    if (s.train && n) return misuse(&TEXT, "wanted MODEL or --train CONFIG, found both");
    if (s.train) return print_train_plan_of(s.train);
    if (!n) return misuse(&TEXT, "wanted MODEL");
    f.path = argv[0];
    return run(&f, &ms, &s);
}
