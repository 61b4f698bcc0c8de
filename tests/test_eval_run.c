/* glamm eval with a model: predictions that resume, processes that share a folder, the protocols,
 * answers, reports. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "program.h"
#include "vectors.h"

#define DIR OUTPUT "/run"
#define MODEL "models/nano"
#define SCENES "golden/nano/scenes"
#define NANO "--model " MODEL " --images " SCENES
#define FULL "{\"size\":[256,256],\"counts\":[0,65536]}"

static void wanted(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "wanted \"%s\" in: %s", part, text);
}

static void set_up(void)
{
    gm_error e = { "" };
    clean_output();
    ck_assert_msg(gm_make_dir(DIR, &e) == 0, "%s", e.text);
    write_file(DIR, "val_gcg_coco_caption_gt.json",
               "{\"images\":[{\"id\":\"demo\"},{\"id\":\"two\"}],\"annotations\":[{\"image_id\":"
               "\"demo\",\"caption\":\"The image shows a purple heart.\",\"labels\":[\"a purple "
               "heart\"]},{\"image_id\":\"two\",\"caption\":\"a green heart & a ring\",\"labels\":["
               "\"a green heart\"]}]}");
    write_file(DIR, "val_gcg_coco_mask_gt.json",
               "{\"images\":[{\"id\":\"demo\"},{\"id\":\"two\"}],\"annotations\":[{\"id\":1,"
               "\"image_id\":\"two\",\"area\":65536,\"iscrowd\":0,\"category_id\":1,"
               "\"segmentation\":" FULL "}]}");
    write_file(DIR, "refer.json",
               "[{\"id\":1,\"image\":\"two.png\",\"expression\":\"the red ring\",\"segmentation\":"
               FULL "},{\"id\":2,\"image\":\"two.png\",\"expression\":\"the heart\","
               "\"segmentation\":" FULL "},{\"id\":3,\"image\":\"two.png\",\"expression\":"
               "\"the shape on the left\",\"segmentation\":" FULL "},{\"id\":4,\"image\":"
               "\"two.png\",\"expression\":\"the ring\",\"segmentation\":" FULL "}]");
}

#define GCG "$G eval gcg --truth " DIR " --pred " DIR "/gcg " NANO

/* A prediction has caption, phrases and as many masks as the same question's answer by glamm run. */
static void as_run_says(const char *name)
{
    char path[200];
    ck_assert_int_eq(shell("$G run " MODEL " " SCENES "/%s.png --out " DIR "/as-run", name), 0);
    snprintf(path, sizeof path, DIR "/as-run/%s.json", name);
    json_t *run = load_vectors(path), *phrases = json_object_get(run, "phrases");
    snprintf(path, sizeof path, DIR "/gcg/%s.json", name);
    json_t *got = load_vectors(path), *texts = json_object_get(got, "phrases");
    ck_assert_str_eq(text_in(got, "image_id"), name);
    ck_assert_str_eq(text_in(got, "caption"), text_in(run, "caption"));
    ck_assert_uint_ge(json_array_size(phrases), 2);
    ck_assert_uint_eq(json_array_size(texts), json_array_size(phrases));
    for (size_t i = 0; i < json_array_size(phrases); i++)
        ck_assert_str_eq(json_string_value(json_array_get(texts, i)),
                         text_in(json_array_get(phrases, i), "text"));
    ck_assert_uint_eq(json_array_size(json_object_get(got, "pred_masks")),
                      json_array_size(json_object_get(run, "masks")));
    json_decref(run);
    json_decref(got);
}

/* What is there is kept; another setting, or --redo, asks again. */
START_TEST(predictions_resume)
{
    set_up();
    ck_assert_int_eq(shell(GCG), 0);
    wanted(complained(), "2 answered, 0 complete already");
    as_run_says("two");
    ck_assert_int_eq(shell("rm %s/gcg/demo.json; " GCG, DIR), 0);
    wanted(complained(), "1 answered, 1 complete already");
    wanted(said(), "2 images, 0 without a prediction");
    ck_assert_int_eq(shell(GCG " --max-tokens 3"), 0);
    wanted(complained(), "2 answered, 0 complete already");
    ck_assert_int_eq(shell(GCG " --max-tokens 3 --redo"), 0);
    wanted(complained(), "2 answered, 0 complete already");
    ck_assert_int_eq(shell("ls -A %s/gcg", DIR), 0);
    ck_assert_str_eq(said(), "demo.json\ntwo.json\n");          /* no lock is left */
}
END_TEST

/* The same numbers with the stored files alone. */
START_TEST(stored_predictions_score_the_same)
{
    set_up();
    ck_assert_int_eq(shell(GCG " --json > %s/a.json && $G eval gcg --truth %s --pred %s/gcg --json "
                           "> %s/b.json && cmp %s/a.json %s/b.json", DIR, DIR, DIR, DIR, DIR, DIR),
                     0);
}
END_TEST

/* What `glamm run` writes about the same images is scored alike. */
START_TEST(results_of_run_are_read)
{
    set_up();
    ck_assert_int_eq(shell(GCG " --json > %s/a.json && $G run " MODEL " " SCENES " --out "
                           "%s/run > %s/said && $G eval gcg --truth %s --pred %s/run --json > "
                           "%s/b.json && cmp %s/a.json %s/b.json", DIR, DIR, DIR, DIR, DIR, DIR,
                           DIR, DIR), 0);
}
END_TEST

START_TEST(a_foreign_prediction_stays)
{
    set_up();
    shell("mkdir %s/gcg", DIR);
    write_file(DIR, "gcg/two.json", "{\"caption\":\"mine\",\"phrases\":[],\"pred_masks\":[]}");
    ck_assert_int_eq(shell(GCG), 1);
    wanted(said(), "2 images, 0 without a prediction");         /* it is scored none the less */
    wanted(complained(), "gcg/two.json: is there, and not written by glamm eval");
    wanted(complained(), "1 of 2 failed");
    ck_assert_int_eq(shell("cat %s/gcg/two.json", DIR), 0);
    ck_assert_str_eq(said(), "{\"caption\":\"mine\",\"phrases\":[],\"pred_masks\":[]}");
}
END_TEST

/* A lock of a process that died is taken over; one of a living process is waited for. */
START_TEST(locks)
{
    set_up();
    ck_assert_int_eq(shell("mkdir %s/gcg; sh -c 'echo $(uname -n) $$' > %s/gcg/.two.lock; " GCG,
                           DIR, DIR), 0);
    wanted(complained(), "2 answered, 0 complete already");
    ck_assert_int_eq(shell("rm %s/gcg/*.json; echo $(uname -n) $$ > %s/gcg/.two.lock; "
                           "(sleep 1; rm %s/gcg/.two.lock) & " GCG, DIR, DIR, DIR), 0);
    wanted(complained(), "waiting for 1 of other processes");
    wanted(complained(), "2 answered, 0 complete already");
}
END_TEST

/* Three ranks: every image once, and rank 0 alone prints. */
START_TEST(ranks_share_the_work)
{
    set_up();
    ck_assert_int_eq(shell("for r in 0 1 2; do OMPI_COMM_WORLD_RANK=$r OMPI_COMM_WORLD_SIZE=3 " GCG
                           " -t 1 > %s/out$r 2> %s/err$r & done; wait; cat %s/out1 %s/out2; "
                           "cat %s/err? >&2", DIR, DIR, DIR, DIR, DIR), 0);
    ck_assert_str_eq(said(), "");
    int made = 0;                       /* of two images: one digit */
    for (const char *s = complained(); (s = strstr(s, " answered")); s++) made += s[-1] - '0';
    ck_assert_int_eq(made, 2);
    ck_assert_int_eq(shell("cat %s/out0", DIR), 0);
    wanted(said(), "2 images, 0 without a prediction");
}
END_TEST

#define REFER "$G eval refseg --truth " DIR "/refer.json --pred " DIR "/refer " NANO

START_TEST(both_protocols)
{
    set_up();
    ck_assert_int_eq(shell(REFER), 0);
    wanted(said(), "4 expressions, 0 without a prediction");
    wanted(said(), "protocol: all - every expression alone, answered freely");
    ck_assert_int_eq(shell(REFER " --protocol released"), 0);   /* another request: asked anew */
    wanted(complained(), "1 answered, 0 complete already");
    wanted(said(), "3 expressions, 0 without a prediction");
    wanted(said(), "protocol: released - at most three");
    ck_assert_int_eq(shell("cat %s/refer/two.json", DIR), 0);
    wanted(said(), "\"protocol\":\"released\"");
    ck_assert_int_eq(shell(REFER " --protocol released"), 0);
    wanted(complained(), "0 answered, 1 complete already");
}
END_TEST

/* A prompt in the truth is what is asked: as a template would ask it, the answer is the same. */
START_TEST(prompts_in_the_truth)
{
    set_up();
    write_file(DIR, "asked.json",
               "[{\"id\":2,\"image\":\"two.png\",\"expression\":\"the heart\",\"prompt\":"
               "\"Please segment the heart in the image.\",\"segmentation\":" FULL "}]");
    write_file(DIR, "plain.json", "[{\"id\":2,\"image\":\"two.png\",\"expression\":\"the heart\","
                                  "\"segmentation\":" FULL "}]");
    ck_assert_int_eq(shell("for k in plain asked; do $G eval refseg --truth %s/$k.json --pred "
                           "%s/$k " NANO " --json > %s/$k.out || exit 9; done; cmp %s/plain.out "
                           "%s/asked.out", DIR, DIR, DIR, DIR, DIR), 0);
    ck_assert_int_eq(shell("cat %s/asked/two.json", DIR), 0);
    wanted(said(), "\"text\":\"Please segment the heart in the image.\"");
    write_file(DIR, "regions.json",
               "{\"images\":[{\"id\":1,\"file_name\":\"two.png\"}],\"annotations\":[{\"id\":7,"
               "\"image_id\":1,\"bbox\":[130,5,92,75],\"caption\":\"a large red heart\",\"prompt\":"
               "\"Please describe {}.\"}]}");
    ck_assert_int_eq(shell("$G run " MODEL " " SCENES "/two.png --box 130,5,222,80 --prompt "
                           "'Please describe region1 <bbox>.' --task region --out %s/run", DIR), 0);
    char line[200];
    const char *answer = said();        /* the next call of said frees it */
    snprintf(line, sizeof line, "\"caption\":\"%.*s\"", (int)strcspn(answer, "\n"), answer);
    ck_assert_int_eq(shell("$G eval region --truth %s/regions.json --pred %s/regions " NANO, DIR,
                           DIR), 0);
    ck_assert_int_eq(shell("cat %s/regions/7.json", DIR), 0);
    wanted(said(), line);
    wanted(said(), "\"text\":\"Please describe {}.\"");
    ck_assert_int_eq(shell("sed -i 's/\"id\":\"two\"/&,\"prompt\":\"Say it.\"/' "
                           "%s/val_gcg_coco_caption_gt.json; " GCG, DIR), 0);
    ck_assert_int_eq(shell("cat %s/gcg/two.json", DIR), 0);
    wanted(said(), "\"task\":\"gcg\",\"text\":\"Say it.\"");
}
END_TEST

START_TEST(regions_and_questions)
{
    set_up();
    write_file(DIR, "region.json",
               "{\"images\":[{\"id\":1,\"file_name\":\"two.png\"}],\"annotations\":[{\"id\":7,"
               "\"image_id\":1,\"caption\":\"a small green heart\",\"bbox\":[130,5,200,75]}]}");
    ck_assert_int_eq(shell("$G eval region --truth %s/region.json --pred %s/region " NANO, DIR,
                           DIR), 0);
    ck_assert_int_eq(shell("cat %s/region/7.json", DIR), 0);    /* the box was cut to the image */
    wanted(said(), "{\"annotation_id\":7,\"caption\":\"a ");
    write_file(DIR, "q.jsonl",
               "{\"question_id\":\"a\",\"image\":\"two.png\",\"text\":\"How many shapes are "
               "there?\"}\n{\"question_id\":8,\"image\":\"none.png\",\"text\":\"Why?\"}\n");
    ck_assert_int_eq(shell("$G eval answers --truth %s/q.jsonl --answers %s/a.jsonl " NANO, DIR,
                           DIR), 1);
    wanted(complained(), "none.png: cannot open");
    wanted(said(), "a.jsonl: 1 written, 1 missing");
    ck_assert_int_eq(shell("$G run " MODEL " " SCENES "/two.png --prompt 'How many shapes are there?' "
                           "--out %s/run", DIR), 0);
    char line[300];
    const char *answer = said();
    snprintf(line, sizeof line, "{\"question_id\":\"a\",\"prompt\":\"How many shapes are there?\","
             "\"text\":\"%.*s\",\"answer_id\":\"glamm-a\",\"model_id\":\"nano\",\"metadata\":{}}\n",
             (int)strcspn(answer, "\n"), answer);
    ck_assert_int_eq(shell("cat %s/a.jsonl", DIR), 0);
    ck_assert_str_eq(said(), line);
}
END_TEST

START_TEST(a_report)
{
    set_up();
    ck_assert_int_eq(shell(GCG " --report %s/report --csv %s/a.csv", DIR, DIR), 0);
    ck_assert_int_eq(shell("cd %s/report && ls && cat index.html", DIR), 0);
    wanted(said(), "index.html\nworst-01-found.png\nworst-01-truth.png\nworst-02-found.png\n");
    wanted(said(), "<mark style=\"background:rgba(230,57,70,.4)\">a green heart</mark> &amp; a");
    wanted(said(), "<svg");
    ck_assert(strstr(said(), "http") == NULL);                  /* nothing from elsewhere */
    ck_assert_int_eq(shell("$G eval refseg --truth %s/refer.json --pred %s/none.json --report "
                           "%s/empty", DIR, DIR, DIR), 1);
    wanted(complained(), "none.json: wanted a folder or file with predictions, found none");
    write_file(DIR, "none.json", "[]");
    ck_assert_int_eq(shell("$G eval refseg --truth %s/refer.json --pred %s/none.json --report "
                           "%s/empty", DIR, DIR, DIR), 0);
    ck_assert(gm_is_file(DIR "/empty/worst-01-truth.png"));     /* on grey, without images */
    ck_assert_int_eq(shell("grep -c 'no mask' %s/empty/index.html", DIR), 0);
}
END_TEST

START_TEST(what_is_not_there_is_named)
{
    set_up();
    ck_assert_int_eq(shell("$G eval gcg --truth %s --pred %s/p --model " MODEL " --images %s/none",
                           DIR, DIR, DIR), 1);
    wanted(complained(), "none: wanted a folder of images, found none");
    ck_assert_int_eq(shell("$G eval gcg --truth %s --pred %s/p --model %s/none --images "
                           SCENES, DIR, DIR, DIR), 1);
    wanted(complained(), "1 of 2 failed");                      /* the model, once */
    ck_assert_str_eq(said(), "");
    ck_assert_int_eq(shell("$G eval gcg --truth %s --pred %s/p --model " MODEL " --images %s",
                           DIR, DIR, DIR), 1);
    wanted(complained(), "demo.jpg: cannot open");
    wanted(said(), "2 images, 2 without a prediction");
    ck_assert_int_eq(shell("$G eval gcg --truth %s/none --pred %s", DIR, DIR), 1);
    wanted(complained(), "none: wanted a folder or a file, found none");
}
END_TEST

START_TEST(misuse_is_named)
{
    static const char *const list[][2] = {
        { "gcg --truth a --pred b --model m", "--model: wanted --images DIR" },
        { "gcg --truth a --pred b --redo", "--redo: wanted --model" },
        { "gcg --truth a --pred b --images i", "--images: wanted --model MODEL or --report" },
        { "gcg --truth a --pred b --protocol all", "--protocol: wanted the task refseg" },
        { "gcg --truth a --pred b --split train", "--split: wanted val or test, found 'train'" },
        { "region --truth a --pred b --split val", "--split: wanted the task gcg or refseg" },
        { "refseg --truth a --pred b --seed 3", "--seed: wanted --protocol released" },
        { "refseg --truth a --pred b --protocol some", "wanted one of all|released" },
        { "vqa --truth a", "wanted --truth T and --pred P" },
        { "answers --truth a", "wanted --truth Q and --answers FILE" },
        { "answers --truth a --answers b", "answers: wanted --model MODEL" },
        { "vqa --truth a --pred b --answers c", "--answers: wanted the task answers" },
        { "answer --truth a", "did you mean answers?" },
    };
    clean_output();
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        ck_assert_msg(shell("$G eval %s", list[i][0]) == 2, "%s", list[i][0]);
        wanted(complained(), list[i][1]);
        ck_assert_str_eq(said(), "");
    }
}
END_TEST

Suite *test_eval_run(void);
Suite *test_eval_run(void)
{
    Suite *s = suite_create("eval run");
    TCase *t = tcase_create("eval run");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, predictions_resume);
    tcase_add_test(t, stored_predictions_score_the_same);
    tcase_add_test(t, results_of_run_are_read);
    tcase_add_test(t, a_foreign_prediction_stays);
    tcase_add_test(t, locks);
    tcase_add_test(t, ranks_share_the_work);
    tcase_add_test(t, both_protocols);
    tcase_add_test(t, prompts_in_the_truth);
    tcase_add_test(t, regions_and_questions);
    tcase_add_test(t, a_report);
    tcase_add_test(t, what_is_not_there_is_named);
    tcase_add_test(t, misuse_is_named);
    suite_add_tcase(s, t);
    return s;
}
