/* glamm synth: a checkpoint of random weights. */
#include <stdio.h>
#include "../train/synth.h"
#include "commands.h"
#include "options.h"

static const command_text SYNTH = {
    "synth", "--out DIR", "write a checkpoint of random weights, of any released size",
    "Writes a folder in the layout of the released checkpoints, with random weights: to measure what "
    "a machine can do, and to try every command, before anything is downloaded. What it says is "
    "noise.\n"
    "\n"
    "Examples\n"
    "  glamm synth --preset glamm-7b --out glamm-random       (18 GB)\n"
    "  glamm info glamm-random\n"
    "  glamm convert glamm-random --out random-q8.gguf --type q8_0\n"
    "\n"
    "Presets: glamm-7b, the release's sizes; glamm-1b, its encoder widths on a small language model "
    "(3 GB); small, for tests (10 MB).", 0, 0
};

typedef struct { const char *out, *preset; int64_t seed; int quiet; } synth_options;

static const option ROWS[] = {
    { "out", 'o', OPTION_TEXT, offsetof(synth_options, out), "DIR", "Folder to write.", 0, 0 },
    { "preset", 'p', OPTION_CHOICE, offsetof(synth_options, preset), "glamm-7b|glamm-1b|small",
      "Sizes (default glamm-7b).", 0, 0 },
    { "seed", 0, OPTION_INT, offsetof(synth_options, seed), "S", "Of the weights (default 1).", 0,
      0x1p62 },
    { "quiet", 'q', OPTION_FLAG, offsetof(synth_options, quiet), NULL, "No progress.", 0, 0 },
};

static void log_line(void *user, const char *line)
{
    (void)user;
    fprintf(stderr, "glamm synth: %s\n", line);
}

int cmd_synth(int argc, char **argv)
{
    synth_options o = { .preset = "glamm-7b", .seed = 1 };
    const option_group group = { "Options", ROWS, sizeof ROWS / sizeof *ROWS, &o };
    int n, status = options_parse(&SYNTH, &group, 1, argc, argv, &n);
    if (status != PARSED) return status;
    if (!o.out) return misuse(&SYNTH, "wanted --out DIR");
    gm_error e = { "" };
    const gm_synth_options s = { o.preset, (uint64_t)o.seed, o.quiet ? NULL : log_line, NULL };
    if (gm_synth(o.out, &s, &e) != 0) {
        fprintf(stderr, "glamm synth: %s\n", e.text);
        return 1;
    }
    printf("%s\n", o.out);
    return 0;
}
