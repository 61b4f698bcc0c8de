/* glamm eval: the command line. */
#include "eval.h"
#include "../io/nearest.h"

#include <stdio.h>
#include <string.h>
#include "../io/nearest.h"
#include "commands.h"

static const command_text TEXT = {
    .name = "eval",
    .arguments = "TASK --truth T --pred P",
    .summary = "score predictions, stored ones or those that a model makes first",
    .about = "Scores predictions as the authors' scripts and pycocoevalcap do. What is wrong with "
             "single images (no prediction, broken JSON, masks of another size) is named on stderr "
             "and counted; such a prediction counts as an empty one.\n"
             "\n"
             "Tasks, and their files\n"
             "  gcg      T: folder with {val,test}_gcg_coco_{caption,mask}_gt.json;\n"
             "           P: ID.json with caption, phrases, pred_masks\n"
             "  refseg   T: folder with instances.json and refs(..).p, or a list of expressions;\n"
             "           P: ID.json with the masks of an image's expressions, or one for each\n"
             "  region   T: COCO file with bbox and caption; P: lists of {image_id, caption}\n"
             "  caption  T: COCO captions; P: lists of {image_id, caption}\n"
             "  vqa      T: LLaVA conversations or .jsonl questions with answers; P: .jsonl of\n"
             "           {question_id, text}\n"
             "  answers  T: .jsonl of {question_id, image, text}, as LLaVA-Bench has them;\n"
             "           --model answers them into --answers FILE\n"
             "P is a folder with a JSON for each image, or of lists, or one .json or .jsonl file.\n"
             "\n"
             "Examples\n"
             "  glamm eval gcg --truth golden/eval --split val --pred golden/eval/predictions\n"
             "  glamm eval refseg --truth refcoco --split testA --pred out --model GLaMM-RefSeg\n"
             "    --images train2014\n"
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
      "gcg: mask recall as the released script computes it (default), or as the paper says.", 0,
      0 },
    { "model", 0, OPTION_TEXT, AT(model), "MODEL",
      "Lets this model make the predictions first: one ID.json each in the folder --pred. What is "
      "there already is kept; several processes may share the folder.", 0, 0 },
    { "images", 0, OPTION_TEXT, AT(images), "DIR",
      "The folder of the images: for --model, and for the pictures of --report.", 0, 0 },
    { "answers", 0, OPTION_TEXT, AT(answers), "FILE",
      "answers: the JSON Lines to write (LLaVA's format); FILE.parts holds what is done.", 0, 0 },
    { "redo", 0, OPTION_FLAG, AT(redo), NULL, "With --model: predict anew what is there.", 0, 0 },
    { "json", 0, OPTION_FLAG, AT(json), NULL, "All numbers in full, of each item too.", 0, 0 },
    { "csv", 0, OPTION_TEXT, AT(csv), "FILE", "Writes a line for each item.", 0, 0 },
    { "report", 0, OPTION_TEXT, AT(report), "DIR",
      "Writes DIR/index.html: numbers, curves, and the worst and best items with their masks and "
      "texts (with --images on the pictures).", 0, 0 },
    { "strict", 0, OPTION_FLAG, AT(strict), NULL,
      "Stop with status 1 when anything is wrong with an image.", 0, 0 },
};
#undef AT

/* Of cli/settings.c's options those that have a meaning here: answers are greedy. */
static const option ANSWER[] = {
    { "max-tokens", 0, OPTION_INT, offsetof(ask_settings, max_tokens), "N",
      "Stop after N generated tokens (default 512).", 1, 1 << 20 },
    { "no-kv-cache", 0, OPTION_FLAG, offsetof(ask_settings, no_kv_cache), NULL,
      "Recompute everything at each step, as the authors' code does.", 0, 0 },
};

typedef enum { GCG, REFSEG, REGION, CAPTION, VQA, ANSWERS, NTASKS } eval_task;
static const char *const TASKS[] = { "gcg", "refseg", "region", "caption", "vqa", "answers" };

/* What does not go together; 0, or 2 after naming it. */
static int check(const eval_options *o, eval_task task)
{
    if (task == ANSWERS) {
        if (!o->truth || !o->answers) return misuse(&TEXT, "wanted --truth Q and --answers FILE");
        if (o->pred) return misuse(&TEXT, "--pred: answers writes --answers FILE instead");
        if (!o->model) return misuse(&TEXT, "answers: wanted --model MODEL");
    } else {
        if (!o->truth || !o->pred) return misuse(&TEXT, "wanted --truth T and --pred P");
        if (o->answers) return misuse(&TEXT, "--answers: wanted the task answers");
    }
    if (o->model && !o->images) return misuse(&TEXT, "--model: wanted --images DIR with it");
    if (!o->model && o->redo) return misuse(&TEXT, "--redo: wanted --model MODEL with it");
    if (!o->model && o->images && !o->report)
        return misuse(&TEXT, "--images: wanted --model MODEL or --report DIR with it");
    if (o->protocol && task != REFSEG) return misuse(&TEXT, "--protocol: wanted the task refseg");
    if (o->seed && (!o->protocol || strcmp(o->protocol, "released") != 0))
        return misuse(&TEXT, "--seed: wanted --protocol released with it");
    if (o->split && task != GCG && task != REFSEG)
        return misuse(&TEXT, "--split: wanted the task gcg or refseg");
    if (o->split && task == GCG && strcmp(o->split, "val") != 0 && strcmp(o->split, "test") != 0)
        return misuse(&TEXT, "--split: wanted val or test, found '%s'", o->split);
    return 0;
}

static int run(eval_call *c, eval_task task)
{
    switch (task) {
        case GCG: return eval_gcg(c);
        case REFSEG: return eval_refseg(c);
        case VQA: return eval_vqa(c);
        case ANSWERS: return eval_answers(c);
        default: return eval_captions(c, task == REGION);
    }
}

int cmd_eval(int argc, char **argv)
{
    eval_call c = { 0 };
    const option_group groups[] = {
        { "Options", ROWS, sizeof ROWS / sizeof *ROWS, &c.o },
        { "How the model answers", ANSWER, sizeof ANSWER / sizeof *ANSWER, &c.as },
        { "Model", MODEL_OPTIONS, NMODEL_OPTIONS, &c.ms },
    };
    int n, task = 0, r = options_parse(&TEXT, groups, 3, argc, argv, &n);
    if (r != PARSED) return r;
    while (task < NTASKS && strcmp(argv[0], TASKS[task]) != 0) task++;
    if (task == NTASKS) {
        const char *best = gm_nearest_word(argv[0], TASKS, NTASKS);
        return misuse(&TEXT, "wanted gcg, refseg, region, caption, vqa or answers, found "
                      "'%s'%s%s%s", argv[0], best ? "; did you mean " : "", best ? best : "",
                      best ? "?" : "");
    }
    r = check(&c.o, (eval_task)task);
    return r ? r : run(&c, (eval_task)task);
}
