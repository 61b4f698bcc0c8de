/* glamm eval: the command line. */
#include "eval.h"

#include <stdio.h>
#include <string.h>
#include "commands.h"

static const command_text TEXT = {
    .name = "eval",
    .arguments = "TASK --truth T --pred P",
    .summary = "scores of stored predictions",
    .about = "Scores predictions as the authors' scripts and pycocoevalcap do. What is wrong with "
             "single images (no prediction, broken JSON, masks of another size) is named on stderr "
             "and counted; such a prediction counts as an empty one.\n"
             "\n"
             "Tasks, and their files\n"
             "  gcg      T: folder with {val,test}_gcg_coco_{caption,mask}_gt.json; P: ID.json with\n"
             "           caption, phrases, pred_masks\n"
             "  refseg   T: folder with instances.json and refs(..).p, or a list of expressions;\n"
             "           P: ID.json with the masks of an image's expressions, or one entry for each\n"
             "  region   T: COCO file with bbox and caption; P: lists of {image_id, caption}\n"
             "  caption  T: COCO captions; P: lists of {image_id, caption}\n"
             "  vqa      T: LLaVA conversations or .jsonl questions with answers; P: .jsonl of\n"
             "           {question_id, text}\n"
             "P is a folder with a JSON for each image, or of lists, or one .json or .jsonl file.\n"
             "\n"
             "Examples\n"
             "  glamm eval gcg --truth golden/eval --split val --pred golden/eval/predictions\n"
             "  glamm eval refseg --truth refcoco --split testA --pred out --protocol all\n"
             "\n"
             "docs/EVAL.md has the formats and the rules of all numbers.",
    .at_least = 1,
    .at_most = 1,
};

#define AT(field) offsetof(eval_options, field)
static const option ROWS[] = {
    { "truth", 0, OPTION_TEXT, AT(truth), "T", "What is true: a file, or a folder.", 0, 0 },
    { "split", 0, OPTION_TEXT, AT(split), "NAME",
      "gcg: val or test; refseg: val, testA, testB, .. (default val).", 0, 0 },
    { "pred", 0, OPTION_TEXT, AT(pred), "P", "The predictions: a folder, or one file.", 0, 0 },
    { "protocol", 0, OPTION_CHOICE, AT(protocol), "all|released",
      "refseg: every expression, answered freely (all, default), or at most three of each image, "
      "drawn at random and teacher-forced, as the released script does.", 0, 0 },
    { "seed", 0, OPTION_INT, AT(seed), "N", "Seed of the released protocol's draw (default 0).", 0,
      9e15 },
    { "meteor-data", 0, OPTION_TEXT, AT(meteor), "DIR",
      "Folder of pycocoevalcap's meteor.py: METEOR with its jar's word lists and its paraphrases; "
      "else METEOR(es), by exact and stem matches alone.", 0, 0 },
    { "bert", 0, OPTION_TEXT, AT(bert), "DIR",
      "gcg: folder of bert-base-uncased, which mask recall compares texts by.", 0, 0 },
    { "recall-mode", 0, OPTION_CHOICE, AT(recall_mode), "released|paper",
      "gcg: mask recall as the released script computes it (default), or as the paper says.", 0, 0 },
    { "json", 0, OPTION_FLAG, AT(json), NULL, "All numbers in full, of each item too.", 0, 0 },
    { "csv", 0, OPTION_TEXT, AT(csv), "FILE", "Writes a line for each item.", 0, 0 },
    { "strict", 0, OPTION_FLAG, AT(strict), NULL,
      "Stop with status 1 when anything is wrong with an image.", 0, 0 },
};
#undef AT

int cmd_eval(int argc, char **argv)
{
    static const char *const tasks[] = { "gcg", "refseg", "region", "caption", "vqa" };
    eval_call c = { 0 };
    const option_group group = { "Options", ROWS, sizeof ROWS / sizeof *ROWS, &c.o };
    int n, known = sizeof tasks / sizeof *tasks, r = options_parse(&TEXT, &group, 1, argc, argv, &n);
    if (r != PARSED) return r;
    int task = 0;
    while (task < known && strcmp(argv[0], tasks[task]) != 0) task++;
    if (task == known) {
        const char *best = nearest_word(argv[0], tasks, known);
        return misuse(&TEXT, "wanted gcg, refseg, region, caption or vqa, found '%s'%s%s%s",
                      argv[0], best ? "; did you mean " : "", best ? best : "", best ? "?" : "");
    }
    if (!c.o.truth || !c.o.pred) return misuse(&TEXT, "wanted --truth T and --pred P");
    if (task == 0) return eval_gcg(&c);
    if (task == 1) return eval_refseg(&c);
    if (task == 4) return eval_vqa(&c);
    return eval_captions(&c, task == 2);
}
