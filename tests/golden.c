/* Golden values against this program: every case of every folder, on each kernel table.
 *
 *     golden [--backend ref|cpu|cuda] [--case NAME] [--tensor NAME] [--model DIR] [--clip DIR]
 *            [--all] [--checkpoint] [--packed] FOLDER...
 *
 * Without --backend the tables are ref and cpu.  On a device no slot may come from the CPU.
 * --all prints every row, not the worst of each case; --checkpoint goes back with activation
 * checkpointing; --packed computes only the positions that losses and masks read, as training does,
 * and compares no taps.
 *
 * A folder is laid out as golden/README.md says.  Where it has forms/, its cases run on each of
 * these checkpoints too.  The last line is `N passed, N failed, N not yet`; exit status 1 when
 * anything failed. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "golden_run.h"

#define GAUSSIAN                                                                                   \
    "model.grounding_encoder.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"

typedef struct { const char *backend, *only_case, *model, *clip; golden_report *report; } options;

/* 1 when this case ran. */
static int run_case(const options *o, const gm_model *m, const char *cases, const char *file)
{
    char name[256];
    size_t n = strlen(file);
    if (n < 6 || n >= sizeof name || strcmp(file + n - 5, ".json") != 0) return 0;
    memcpy(name, file, n - 5);
    name[n - 5] = 0;
    if (o->only_case && strcmp(o->only_case, name) != 0) return 0;
    golden_case g;
    gm_error e = { "" };
    if (golden_case_open(&g, cases, name, &e)) golden_failed(o->report, name, "", "%s", e.text);
    else {
        golden_run(o->report, m, &g);
        golden_case_close(&g);
    }
    return 1;
}

/* The random matrix of SAM's positional encoding is a buffer: unlike every parameter of the goldens
 * it is not exact in bf16.  A checkpoint that stores it so takes it from SAM's own file, as the
 * wanted values did. */
static gm_model *open_model(const char *model, const char *sam, gm_model_options *o, gm_error *e)
{
    gm_model *m = gm_model_open(model, o, e);
    gm_tensor x = m ? gm_weights_look(gm_checkpoint_weights(m->checkpoint), GAUSSIAN) : GM_NONE;
    if (!m || x.type == GM_F32 || !gm_is_file(sam)) return m;
    gm_model_free(m);
    o->sam = sam;
    printf("(stores SAM's random matrix in %s: SAM from %s)\n", gm_type_name(x.type), sam);
    return gm_model_open(model, o, e);
}

/* A device that leaves slots to the CPU proves nothing of these. */
static void check_device(golden_report *r, const gm_model *m)
{
    char names[600];
    if (gm_backend_lacks(&m->engine, false, names, sizeof names))
        golden_failed(r, "-", "", "these slots come from the CPU: %.500s", names);
    if (m->engine.library) printf("(%s)\n", m->engine.device.description);
}

/* All cases of folder with one checkpoint on one table. */
static void run_model(const options *o, const char *folder, const char *model, const char *clip,
                      const char *backend)
{
    golden_report *r = o->report;
    gm_model_options mo = { .backend = backend, .clip = clip };
    gm_error e = { "" };
    gm_model *m = NULL;
    char **files = NULL;
    int64_t n = 0, ran = 0, from = r->rows;
    double start = gm_seconds();
    snprintf(r->place, sizeof r->place, "--backend %s --model %s%s%s %s", backend, model,
             clip ? " --clip " : "", clip ? clip : "", folder);
    printf("\n%s\n", r->place);
    char *cases = gm_path_join(folder, "cases"), *sam = gm_path_join(folder, "model/sam.pth");
    if (!cases || !sam || gm_list_dir(cases, &files, &n, &e) ||
        !(m = open_model(model, sam, &mo, &e)))
        golden_failed(r, "-", "", "%s", e.text);
    else {
        check_device(r, m);
        for (int64_t i = 0; i < n; i++) ran += run_case(o, m, cases, files[i]);
        if (!ran)
            golden_failed(r, o->only_case ? o->only_case : "-", "", "%s: no such case", cases);
        gm_model_free(m);
    }
    golden_print(r, from);
    printf("%lld cases in %.1f s\n", (long long)ran, gm_seconds() - start);
    fflush(stdout);
    gm_free_list(files, n);
    free(cases);
    free(sam);
}

/* The folder's other checkpoints of the same weights. */
static void run_forms(const options *o, const char *folder, const char *model, const char *backend)
{
    char *forms = gm_path_join(folder, "forms"), **names = NULL;
    int64_t n = 0;
    if (forms && gm_is_dir(forms)) {
        gm_error e = { "" };
        if (gm_list_dir(forms, &names, &n, &e)) golden_failed(o->report, "-", "", "%s", e.text);
        for (int64_t i = 0; i < n; i++) {
            char *form = gm_path_join(forms, names[i]),
                 *weights = gm_path_join(form ? form : "", "tokenizer.model");
            if (!form || !weights) golden_failed(o->report, "-", "", "out of memory");
            else if (gm_is_file(weights)) run_model(o, folder, form, NULL, backend);
            else run_model(o, folder, model, form, backend);    /* a CLIP tower alone */
            free(form);
            free(weights);
        }
        gm_free_list(names, n);
    }
    free(forms);
}

static void run_folder(const options *o, const char *folder)
{
    static const char *const tables[] = { "ref", "cpu", "cuda" };
    char *own = gm_path_join(folder, "model");
    const char *model = o->model ? o->model : own;
    for (size_t i = 0; model && i < 3; i++) {
        if (o->backend ? strcmp(o->backend, tables[i]) != 0 : i == 2) continue;
        bool lora = o->only_case && strcmp(o->only_case, "lora") == 0;
        if (!lora) run_model(o, folder, model, o->clip, tables[i]);
        if (!lora && !o->model && !o->clip && strcmp(tables[i], "cpu") == 0)
            run_forms(o, folder, model, tables[i]);
        if (lora || !o->only_case) golden_lora(o->report, folder, model, tables[i]);
    }
    free(own);
}

static int usage(void)
{
    fprintf(stderr, "usage: golden [--backend ref|cpu|cuda] [--case NAME] [--tensor NAME] "
                    "[--model DIR] [--clip DIR] "
                    "[--all] [--checkpoint] [--packed] FOLDER...\n");
    return 2;
}

int main(int argc, char **argv)
{
    golden_report r = { 0 };
    options o = { .report = &r };
    const struct { const char *name, **value; } wanted[] = {
        { "--backend", &o.backend }, { "--case", &o.only_case }, { "--tensor", &r.only },
        { "--model", &o.model }, { "--clip", &o.clip },
    };
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        size_t k = 0, n = sizeof wanted / sizeof *wanted;
        while (k < n && strcmp(argv[i], wanted[k].name) != 0) k++;
        if (k < n && i + 1 < argc) *wanted[k].value = argv[++i];
        else if (strcmp(argv[i], "--all") == 0) r.all = true;
        else if (strcmp(argv[i], "--checkpoint") == 0) r.checkpoint = true;
        else if (strcmp(argv[i], "--packed") == 0) r.packed = true;
        else return usage();
    }
    if (i == argc) return usage();
    if (o.backend && strcmp(o.backend, "ref") && strcmp(o.backend, "cpu") &&
        strcmp(o.backend, "cuda"))
        return usage();
    for (; i < argc; i++) run_folder(&o, argv[i]);
    if (r.broken) fprintf(stderr, "golden: out of memory\n");
    int bad = r.failed > 0 || r.passed == 0 || r.broken;
    printf("\n%lld passed, %lld failed, %lld not yet\n", (long long)r.passed, (long long)r.failed,
           (long long)r.not_yet);
    golden_free(&r);
    return bad;
}
