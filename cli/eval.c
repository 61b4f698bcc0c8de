/* glamm eval: scores of stored predictions. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../eval/gcg.h"
#include "commands.h"
#include "options.h"

static const command_text EVAL = {
    "eval", "gcg --truth DIR --pred DIR", "scores of stored predictions",
    "Scores grounded captions as the authors' eval/gcg/evaluate.py does, from the same files. "
    "--truth holds {val,test}_gcg_coco_{caption,mask}_gt.json, --pred one JSON per image with "
    "caption, phrases and pred_masks. What is wrong with single images is named on stderr and "
    "counted; a prediction that is missing or cannot be read counts as an empty caption without "
    "masks.\n"
    "\n"
    "Example\n"
    "  glamm eval gcg --truth golden/eval --split val --pred golden/eval/predictions\n"
    "\n"
    "METEOR and mask recall are not computed yet; docs/EVAL.md has the rules of all numbers.", 1, 1
};

typedef struct { const char *truth, *split, *pred; int json, strict; } eval_options;

static const option ROWS[] = {
    { "truth", 0, OPTION_TEXT, offsetof(eval_options, truth), "DIR",
      "Folder with the true captions and masks.", 0, 0 },
    { "split", 0, OPTION_CHOICE, offsetof(eval_options, split), "val|test",
      "Which truth (default val).", 0, 0 },
    { "pred", 0, OPTION_TEXT, offsetof(eval_options, pred), "DIR", "Folder with the predictions.",
      0, 0 },
    { "json", 0, OPTION_FLAG, offsetof(eval_options, json), NULL,
      "All numbers in full, of each image too.", 0, 0 },
    { "strict", 0, OPTION_FLAG, offsetof(eval_options, strict), NULL,
      "Stop with status 1 when anything is wrong with an image.", 0, 0 },
};

static const char NO_METEOR[] = "not computed yet: needs the word lists of the METEOR jar";
static const char NO_RECALL[] = "not computed yet: needs the similarity of texts by BERT";

/* {"name": value, ...}; takes the value. */
static void put(json_t *o, const char *name, json_t *value, int *bad)
{
    *bad |= json_object_set_new(o, name, value);
}

static json_t *caption_scores(const double *bleu, int first, double rouge, double cider, int *bad)
{
    json_t *o = json_object();
    char name[20];
    for (int k = first; k < GM_BLEU_MOST; k++) {
        snprintf(name, sizeof name, "Bleu_%d", k + 1);
        put(o, name, json_real(bleu[k]), bad);
    }
    put(o, "METEOR", json_null(), bad);
    put(o, "ROUGE_L", json_real(rouge), bad);
    put(o, "CIDEr", json_real(cider), bad);
    return o;
}

static json_t *all_numbers(const gm_gcg *g, const gm_gcg_scores *s, int *bad)
{
    json_t *o = json_object(), *stats = json_array(), *captions = json_object();
    json_t *images = json_object(), *missing = json_object();
    for (int i = 0; i < GM_AP_STATS; i++) *bad |= json_array_append_new(stats, json_real(s->ap[i]));
    put(o, "coco_stats", stats, bad);
    put(o, "caption", caption_scores(s->bleu, 0, s->rouge, s->cider, bad), bad);
    for (int64_t i = 0; i < g->captioned; i++) {
        const gm_gcg_image_scores *one = &s->each[i];
        json_t *image = json_object();
        json_t *caption = caption_scores(one->bleu, GM_BLEU_MOST - 1, one->rouge, one->cider, bad);
        put(captions, g->image[i].id, caption, bad);
        put(image, "miou", json_real(one->miou), bad);
        put(image, "labels", json_integer(g->image[i].labels.n), bad);
        put(images, g->image[i].id, image, bad);
    }
    put(o, "caption_per_image", captions, bad);
    put(o, "miou", json_real(s->miou), bad);
    put(o, "per_image", images, bad);
    put(o, "recall_released", json_null(), bad);
    put(missing, "METEOR", json_string(NO_METEOR), bad);
    put(missing, "recall_released", json_string(NO_RECALL), bad);
    put(o, "not_computed", missing, bad);
    put(o, "images", json_integer(g->captioned), bad);
    put(o, "missing_predictions", json_integer(g->missing), bad);
    put(o, "extra_predictions", json_integer(g->extra), bad);
    put(o, "problems", json_integer(g->problems.n), bad);
    return o;
}

static int print_json(const gm_gcg *g, const gm_gcg_scores *s)
{
    int bad = 0;
    json_t *o = all_numbers(g, s, &bad);
    char *text = bad ? NULL : json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    json_decref(o);
    if (text) puts(text);
    else fprintf(stderr, "glamm eval: out of memory\n");
    free(text);
    return text ? 0 : 1;
}

/* The paper's numbers beside ours: GLaMM's table 2 (GCG), in percent. */
static void print_table(const gm_gcg *g, const gm_gcg_scores *s, const char *split)
{
    bool val = strcmp(split, "val") == 0;
    printf("%-10s %8s  %s\n", "", "here", "GLaMM paper");
    printf("%-10s %8s  %s   %s\n", "METEOR", "-", val ? "16.2" : "15.8", NO_METEOR);
    printf("%-10s %8.1f  %s\n", "CIDEr", 100 * s->cider, val ? "47.2" : "43.5");
    printf("%-10s %8.1f  %s\n", "AP50", 100 * s->ap[1], val ? "30.8" : "29.2");
    printf("%-10s %8.1f  %s\n", "mIoU", 100 * s->miou, val ? "66.3" : "65.6");
    printf("%-10s %8s  %s   %s\n\n", "Recall", "-", val ? "41.8" : "40.8", NO_RECALL);
    for (int k = 0; k < GM_BLEU_MOST; k++) printf("BLEU %-5d %8.1f\n", k + 1, 100 * s->bleu[k]);
    printf("%-10s %8.1f\n", "ROUGE-L", 100 * s->rouge);
    for (int i = 0; i < GM_AP_STATS; i++) {
        if (i == 1) continue;
        if (s->ap[i] < 0) printf("%-10s %8s  no true mask of this size\n", GM_AP_NAMES[i], "-");
        else printf("%-10s %8.1f\n", GM_AP_NAMES[i], 100 * s->ap[i]);
    }
    printf("\nin percent; %lld images, %lld without a prediction, %lld predictions of other "
           "images\n",
           (long long)g->captioned, (long long)g->missing, (long long)g->extra);
}

static int failed(const gm_error *e)
{
    fprintf(stderr, "glamm eval: %s\n", e->text);
    return 1;
}

/* Problems from number `first` on, on stderr. */
static void print_problems(const gm_gcg *g, int64_t first)
{
    for (int64_t i = first; i < g->problems.n; i++)
        fprintf(stderr, "glamm eval: %s\n", g->problems.text[i]);
}

static int eval_gcg(const eval_options *o, const char *split)
{
    gm_gcg g;
    gm_gcg_scores s = { .each = NULL };
    gm_error e = { "" };
    int status = 1;
    if (gm_gcg_read(&g, o->truth, split, o->pred, &e) != 0) {
        failed(&e);
    } else {
        int64_t before = g.problems.n;
        print_problems(&g, 0);
        if (o->strict && before) fprintf(stderr, "glamm eval: stopped, for --strict\n");
        else if (gm_gcg_score(&s, &g, &e) != 0) failed(&e);
        else {
            print_problems(&g, before);
            status = o->strict && g.problems.n ? 1 : 0;
            if (status) fprintf(stderr, "glamm eval: stopped, for --strict\n");
            else if (o->json) status = print_json(&g, &s);
            else print_table(&g, &s, split);
        }
    }
    free(s.each);
    gm_gcg_free(&g);
    return status;
}

int cmd_eval(int argc, char **argv)
{
    eval_options o = { 0 };
    const option_group group = { "Options", ROWS, sizeof ROWS / sizeof *ROWS, &o };
    int n;
    int r = options_parse(&EVAL, &group, 1, argc, argv, &n);
    if (r != PARSED) return r;
    if (strcmp(argv[0], "gcg") != 0) return misuse(&EVAL, "wanted gcg, found '%s'", argv[0]);
    if (!o.truth || !o.pred) return misuse(&EVAL, "wanted --truth DIR and --pred DIR");
    return eval_gcg(&o, o.split ? o.split : "val");
}
