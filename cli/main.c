/* glamm: the program.  Finds the subcommand; each lives in its own file. */
#include <stdio.h>
#include <string.h>
#include "../io/nearest.h"
#include "../io/os.h"
#include "../ref/glamm.h"
#include "commands.h"
#include "options.h"

typedef struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} command;

static const command COMMANDS[] = {
    { "run", cmd_run, "ask about images; write answers, masks and pictures" },
    { "chat", cmd_chat, "a conversation about one image" },
    { "info", cmd_info, "architecture, parameters, memory plan of a model" },
    { "trace", cmd_trace, "the output of every module: store, compare, replace, draw" },
    { "convert", cmd_convert, "write a model as GGUF, with smaller weights if wanted" },
    { "quantize", cmd_quantize, "what each smaller type of weights costs a model's answers" },
    { "synth", cmd_synth, "write a checkpoint of random weights, of any released size" },
    { "tokenize", cmd_tokenize, "text to token ids and pieces, and back" },
    { "train", cmd_train, "fine-tune a model, or train one from nothing" },
    { "shapes", cmd_shapes, "draw scenes of coloured shapes, with masks and texts" },
    { "data", cmd_data, "check training data, and see what a model would be shown" },
    { "eval", cmd_eval, "score predictions, stored ones or those that a model makes first" },
    { NULL, NULL, NULL }                /* the end */
};
enum { NCOMMANDS = sizeof COMMANDS / sizeof *COMMANDS - 1 };

static void help(FILE *f)
{
    fprintf(f,
            "glamm: describes images and marks what it speaks of, with pixel masks (GLaMM in C)\n\n"
            "Usage: glamm COMMAND ...\n\nCommands\n");
    for (int i = 0; i < NCOMMANDS; i++)
        fprintf(f, "  %-10s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    fprintf(f, "\n  --help     this text; glamm COMMAND --help has the options of one command\n"
               "  --version  the version\n\n"
               "Example\n  glamm run models/nano photo.png --out out\n\n"
               "Results go to stdout, progress and errors to stderr.\n"
               "Exit status: 0 good, 1 something failed, 2 the command line is wrong.\n");
}

/* A command's status, but 1 when its output did not arrive (a full disk, a closed pipe). */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    perror("glamm: standard output");
    return status ? status : 1;
}

int main(int argc, char **argv)
{
    gm_calm_threads(argv);
    const char *name = argc > 1 ? argv[1] : "";
    const char *known[NCOMMANDS + 1] = { NULL };
    for (int i = 0; i < NCOMMANDS; i++) {
        if (strcmp(name, COMMANDS[i].name) == 0) return finish(COMMANDS[i].run(argc - 1, argv + 1));
        known[i] = COMMANDS[i].name;
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        help(stdout);
        return 0;
    }
    if (!strcmp(name, "--version")) {
        puts("glamm " GM_VERSION);
        return 0;
    }
    if (!*name) {
        help(stderr);
        return 2;
    }
    const char *best = gm_nearest_word(name, known, NCOMMANDS);
    fprintf(stderr, "glamm: %s: there is no such command%s%s%s\nTry 'glamm --help'.\n", name,
            best ? "; did you mean " : "", best ? best : "", best ? "?" : "");
    return 2;
}
