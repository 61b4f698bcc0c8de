/* glamm convert: a model folder as a pair of GGUF files. */
#include <stdio.h>
#include <string.h>
#include "../io/gguf.h"
#include "../io/folder.h"
#include "../io/os.h"
#include "../ref/glamm.h"
#include "commands.h"
#include "convert.h"
#include "options.h"

static const command_text CONVERT = {
    "convert", "MODEL --out FILE.gguf", "write a model as GGUF, with smaller weights if wanted",
    "Writes a model folder as two files: FILE.gguf, the language model and its tokenizer, which "
    "llama.cpp opens as it is; and FILE.vision.gguf beside it, everything else. Both are needed "
    "here, and every command takes FILE.gguf in the place of a model folder.\n"
    "\n"
    "Examples\n"
    "  glamm convert GLaMM-GCG --clip clip-vit-large-patch14-336 --out glamm-q8.gguf --type q8_0\n"
    "  glamm run glamm-q8.gguf photo.jpg\n"
    "  glamm convert --verify glamm-q8.gguf\n"
    "\n"
    "Only the language model's matrices change their type; the encoders, projectors and the mask "
    "decoder stay as they are stored. Little memory is needed: tensors are converted row by row. "
    "What was written is read again and held against its checksums.", 0, 1
};

typedef struct {
    const char *out, *type, *clip, *sam, *lora, *verify;
    int quiet;
} convert_options;

#define AT(f) offsetof(convert_options, f)

static const option ROWS[] = {
    { "out", 'o', OPTION_TEXT, AT(out), "FILE.gguf", "File to write; its neighbour as well.", 0,
      0 },
    { "type", 't', OPTION_CHOICE, AT(type), CONVERT_TYPES,
      "Type of the language model's matrices (default bf16). _M: the output, and half of the "
      "values and of the MLP's last matrices, are q6_K.", 0, 0 },
    { "clip", 0, OPTION_TEXT, AT(clip), "DIR",
      "Folder of the CLIP tower, where MODEL does not hold it.", 0, 0 },
    { "sam", 0, OPTION_TEXT, AT(sam), "FILE", "SAM's own weights for the grounding encoder.", 0,
      0 },
    { "lora", 0, OPTION_TEXT, AT(lora), "DIR", "An adapter, merged before rounding.", 0, 0 },
    { "verify", 0, OPTION_TEXT, AT(verify), "FILE.gguf",
      "Write nothing: hold this pair against its checksums.", 0, 0 },
    { "quiet", 'q', OPTION_FLAG, AT(quiet), NULL, "No progress.", 0, 0 },
};

static void log_line(void *user, const char *line)
{
    (void)user;
    fprintf(stderr, "glamm convert: %s\n", line);
}

static void show(void *user, const char *path, uint64_t done, uint64_t all)
{
    (void)user;
    fprintf(stderr, "\r%s: %.2f of %.2f GB%s", path, (double)done / 1e9, (double)all / 1e9,
            done == all ? "\n" : "");
}

bool convert_type(gm_convert_options *o, const char *name)
{
    size_t n = strlen(name);
    o->mixed = n == 6 && strcmp(name + 2, "_K_M") == 0 && name[1] != '6';
    for (int t = GM_F32; t < GM_NTYPES; t++) {
        const char *known = gm_type_name((gm_dtype)t);
        o->type = (gm_dtype)t;
        if (t >= GM_I32 && t <= GM_U8) continue;        /* no types of matrices */
        if (o->mixed ? strncmp(known, name, 4) == 0 : strcmp(known, name) == 0) return true;
    }
    return false;
}

static int failed(const gm_error *e)
{
    fprintf(stderr, "glamm convert: %s\n", e->text);
    return 1;
}

static int verify(const char *path)
{
    gm_error e = { "" };
    gm_folder d;
    int bad = gm_folder_open(&d, path, &e);
    if (!bad && !d.packed) bad = gm_fail(&e, "%s: wanted FILE.gguf, found a folder", path);
    if (!bad) bad = gm_gguf_verify(path, &e) || gm_gguf_verify(d.path, &e);
    if (!bad) printf("%s, %s: all tensors agree with their checksums\n", path, d.path);
    gm_folder_close(&d);
    return bad ? failed(&e) : 0;
}

static int convert(const char *model, const convert_options *o)
{
    gm_error e = { "" };
    const gm_model_options m = { .clip = o->clip, .sam = o->sam, .lora = o->lora, .log = log_line };
    gm_convert_options c = { .log = o->quiet ? NULL : log_line,
                             .progress = o->quiet || !gm_is_terminal(2) ? NULL : show };
    convert_type(&c, o->type);          /* options_parse has checked the word */
    if (gm_convert(model, &m, o->out, &c, &e) != 0) return failed(&e);
    printf("%s\n", o->out);
    return 0;
}

int cmd_convert(int argc, char **argv)
{
    convert_options o = { .type = "bf16" };
    const option_group group = { "Options", ROWS, sizeof ROWS / sizeof *ROWS, &o };
    int n, status = options_parse(&CONVERT, &group, 1, argc, argv, &n);
    if (status != PARSED) return status;
    if (o.verify) return n ? misuse(&CONVERT, "--verify goes without MODEL") : verify(o.verify);
    if (!n) return misuse(&CONVERT, "wanted MODEL");
    if (!o.out) return misuse(&CONVERT, "wanted --out FILE.gguf");
    return convert(argv[0], &o);
}
