/* glamm shapes: drawn scenes as a data set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "../train/shapes.h"
#include "commands.h"
#include "options.h"

static const command_text SHAPES = {
    "shapes", "--out DIR", "draw scenes of coloured shapes, with masks and texts",
    "Draws scenes of coloured shapes and writes them as a data set in the formats of the real "
    "ones: images/, for each task its annotation file (gcg: GranD_f; refer: RefCOCO; region: "
    "RefCOCO's and Visual Genome's regions; caption: COCO; vqa: LLaVA-Instruct), prompts.json for "
    "a model that is trained on them, and data.txt, which names them all. The same seed draws the "
    "same scenes everywhere.\n"
    "\n"
    "Examples\n"
    "  glamm shapes --out shapes --count 5000\n"
    "  glamm shapes --out shapes-val --count 200 --split val --world b --task gcg\n"
    "\n"
    "Worlds: a, the one that models/nano knows; b, with overlap, textures, more shapes, colours "
    "and relations; mix, both. --split val draws other scenes than train does, and adds the files "
    "that glamm eval gcg compares with. docs/SHAPES.md describes it all.", 0, 0
};

typedef struct {
    const char *out, *world, *split;
    int64_t seed, count, objects;
    text_list tasks;
    int quiet;
} shapes_options;

static const option ROWS[] = {
    { "out", 'o', OPTION_TEXT, offsetof(shapes_options, out), "DIR",
      "Folder to write; files of the same names are replaced.", 0, 0 },
    { "count", 'n', OPTION_INT, offsetof(shapes_options, count), "N", "Scenes (default 1000).", 1,
      100000000 },
    { "seed", 0, OPTION_INT, offsetof(shapes_options, seed), "S",
      "Which scenes (default 1).", 0, 0x1p62 },
    { "world", 'w', OPTION_CHOICE, offsetof(shapes_options, world), "a|b|mix",
      "Which world (default a).", 0, 0 },
    { "objects", 0, OPTION_INT, offsetof(shapes_options, objects), "MAX",
      "At most so many objects a scene (default 4 in world a, 6 in b).", 1, GM_SHAPES_MOST },
    { "task", 't', OPTION_LIST, offsetof(shapes_options, tasks), "TASK",
      "gcg, refer, region, caption or vqa; may be repeated (default all).", 0, 0 },
    { "split", 0, OPTION_CHOICE, offsetof(shapes_options, split), "train|val",
      "Which split (default train).", 0, 0 },
    { "quiet", 'q', OPTION_FLAG, offsetof(shapes_options, quiet), NULL, "No progress.", 0, 0 },
};

/* The tasks as bits; 0 after a misuse, which is then said. */
static unsigned task_bits(const text_list *l)
{
    /* All that have files: phrase and objects have none. */
    unsigned bits = l->n ? 0 : (1u << GM_SHAPES_PHRASE) - 1;
    for (int i = 0; i < l->n; i++) {
        unsigned found = 0;
        for (int t = 0; t < GM_SHAPES_PHRASE; t++)
            if (!strcmp(l->item[i], gm_shapes_task_name((gm_shapes_task)t))) found = 1u << t;
        if (!found) {
            misuse(&SHAPES, "--task: wanted gcg, refer, region, caption or vqa, found '%s'",
                   l->item[i]);
            return 0;
        }
        bits |= found;
    }
    return bits;
}

static void show_progress(void *user, int64_t done, int64_t count)
{
    (void)user;
    if (done % 100 && done < count) return;
    fprintf(stderr, "\rscene %lld of %lld%s", (long long)done, (long long)count,
            done == count ? "\n" : "");
}

static int write_set(const shapes_options *o, unsigned tasks)
{
    gm_error e = { "" };
    gm_shapes_set set = {
        .dir = o->out, .seed = (uint64_t)o->seed, .count = o->count,
        .world = !strcmp(o->world, "a") ? GM_SHAPES_A
                 : !strcmp(o->world, "b") ? GM_SHAPES_B : GM_SHAPES_MIX,
        .max_objects = (int)o->objects, .tasks = tasks, .validation = !strcmp(o->split, "val"),
        .progress = o->quiet || !gm_is_terminal(2) ? NULL : show_progress
    };
    if (gm_shapes_write(&set, &e) != 0) {
        fprintf(stderr, "glamm shapes: %s\n", e.text);
        return 1;
    }
    printf("%s: %lld scenes of world %s, seed %lld, %s\n", o->out, (long long)o->count, o->world,
           (long long)o->seed, o->split);
    return 0;
}

int cmd_shapes(int argc, char **argv)
{
    shapes_options o = { .world = "a", .split = "train", .seed = 1, .count = 1000 };
    const option_group group = { "Options", ROWS, sizeof ROWS / sizeof *ROWS, &o };
    int n, status = options_parse(&SHAPES, &group, 1, argc, argv, &n);
    if (status == PARSED) {
        unsigned tasks = task_bits(&o.tasks);
        status = !tasks ? 2 : !o.out ? misuse(&SHAPES, "wanted --out DIR") : write_set(&o, tasks);
    }
    text_list_free(&o.tasks);
    return status;
}
