/* glamm train: a model learns from data sets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../train/comm.h"
#include "../train/run.h"
#include "commands.h"
#include "options.h"
#include "train_plan.h"

static const command_text TEXT = {
    .name = "train",
    .arguments = "CONFIG",
    .at_least = 1,
    .at_most = 1,
    .summary = "fine-tune a model, or train one from nothing",
    .about = "CONFIG is a text file of `key = value` lines; every key is an option, too, which "
             "counts more. DIR holds the run: log.csv, curves.png, checkpoints, pictures of validation "
             "answers, and at the end the model. Ctrl-C saves and ends; --resume goes on to the "
             "bit. docs/TRAINING.md has a fine-tuning on one's own images step by step.\n"
             "\n"
             "Examples\n"
             "  glamm train my.conf --out run\n"
             "  glamm train my.conf --out run --resume\n"
             "  glamm train my.conf --out other --lr 1e-4 --updates 200\n"
             "  glamm train my.conf --dry-run\n",
};

typedef struct { const char *out; int resume, dry_run; } train_settings;
#define AT(field) offsetof(train_settings, field)
static const option RUN_OPTIONS[] = {
    { "out", 0, OPTION_TEXT, AT(out), "DIR", "Folder of the run.", 0, 0 },
    { "resume", 0, OPTION_FLAG, AT(resume), NULL, "Go on from the newest checkpoint in DIR.", 0,
      0 },
    { "dry-run", 0, OPTION_FLAG, AT(dry_run), NULL,
      "Open model and data, say what would be done, and end.", 0, 0 },
};
#undef AT

enum { MOST_KEYS = 100 };

/* The configuration's keys as options: their texts, and where these come in. */
typedef struct { const char *one; text_list many; } key_value;
typedef struct {
    option row[MOST_KEYS];
    char help[MOST_KEYS][320];
    key_value value[MOST_KEYS];
} key_options;

static void make_options(key_options *k)
{
    for (int i = 0; i < gm_train_nkeys; i++) {
        const gm_train_key *key = &gm_train_keys[i];
        bool many = key->kind == GM_KEY_LINES;
        size_t at = offsetof(key_options, value) + (size_t)i * sizeof(key_value);
        at += many ? offsetof(key_value, many) : offsetof(key_value, one);
        snprintf(k->help[i], sizeof k->help[i], "%s%s%s%s", key->help,
                 key->standard ? " (default " : "", key->standard ? key->standard : "",
                 key->standard ? ")" : "");
        k->row[i] = (option){ .name = key->key, .kind = many ? OPTION_LIST : OPTION_TEXT, .at = at,
                              .argument = key->argument, .help = k->help[i] };
    }
}

/* A given list takes the place of the file's. */
static int take_options(gm_train_plan *p, const key_options *k, gm_error *e)
{
    char where[60];
    bool asked = false;                 /* for processes */
    for (int i = 0; i < gm_train_nkeys; i++) {
        const key_value *v = &k->value[i];
        const char *key = gm_train_keys[i].key;
        snprintf(where, sizeof where, "--%s", key);
        if (v->one && gm_train_plan_set(p, key, v->one, where, e) != 0) return -1;
        if (v->many.n) gm_train_plan_clear(p, key);
        for (int j = 0; j < v->many.n; j++)
            if (gm_train_plan_set(p, key, v->many.item[j], where, e) != 0) return -1;
        asked = asked || (v->one && strcmp(key, "processes") == 0);
    }
    return asked ? gm_train_plan_check_processes(p, "--processes", e) : 0;
}

static void print_line(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "%s\n", text);
}

static int run(const char *path, const train_settings *s, const key_options *k)
{
    gm_train_plan p;
    gm_error e = { "" };
    gm_train_options o = { .out = s->out ? s->out : ".", .resume = s->resume != 0,
                           .dry_run = s->dry_run != 0, .interrupted = gm_interrupted };
    if (gm_train_plan_read(&p, path, &e) != 0) {
        fprintf(stderr, "glamm train: %s\n", e.text);
        return 1;
    }
    int bad = take_options(&p, k, &e), status = bad ? 2 : 1;
    if (!bad) bad = gm_train_plan_check(&p, path, &e);
    if (!bad) bad = gm_comm_start(o.dry_run ? 1 : (int)p.stage[0].processes, &e);
    if (!bad) {
        const gm_train_log log = { gm_comm_rank() == 0 ? print_line : NULL, NULL };
        gm_catch_interrupts();
        if (o.dry_run) bad = print_train_plan(&p, &e);
        if (!bad) bad = gm_train_run(&p, &o, &log, &e) < 0;
        if (bad && gm_comm_fail()) fprintf(stderr, "glamm train: %s\n", e.text);
        if (bad) gm_comm_abort();
        gm_comm_end();
    } else {
        fprintf(stderr, "glamm train: %s\n", e.text);
    }
    gm_train_plan_free(&p);
    return bad ? status : 0;
}

int cmd_train(int argc, char **argv)
{
    train_settings s = { 0 };
    key_options *k = calloc(1, sizeof *k);
    if (!k || gm_train_nkeys > MOST_KEYS) {
        free(k);
        return misuse(&TEXT, "out of memory for its options");
    }
    make_options(k);
    const option_group groups[] = {
        { "Run", RUN_OPTIONS, sizeof RUN_OPTIONS / sizeof *RUN_OPTIONS, &s },
        { "Keys of CONFIG", k->row, gm_train_nkeys, k },
    };
    int n, status = options_parse(&TEXT, groups, 2, argc, argv, &n);
    if (status == PARSED) {
        if (!s.out && !s.dry_run) status = misuse(&TEXT, "wanted --out DIR");
        else status = run(argv[0], &s, k);
    }
    for (int i = 0; i < gm_train_nkeys; i++) text_list_free(&k->value[i].many);
    free(k);
    return status;
}
