/* Training's configuration: values, defaults, stages, errors that name line and key. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "../train/config.h"

#define BASE "model = golden/mini/model\ndata = shapes a.json\n"

static gm_train_plan parsed(const char *text)
{
    gm_train_plan p;
    gm_error e = { "" };
    ck_assert_msg(gm_train_plan_parse(&p, text, "t.conf", &e) == 0, "%s", e.text);
    return p;
}

START_TEST(values_and_defaults)
{
    gm_train_plan p = parsed("# a comment\n\n  model = some dir/with blanks   # and a comment\n"
                             "data = grandf a.json images=\"x#y\"\r\ndata = llava b.json\nlr=1e-4\n"
                             "checkpointing = yes\nlora_targets =  q_proj  o_proj\nexport = both\n"
                             "learn = decoder\nmuon = model.layers.*\nmuon = pretrain.*");
    const gm_train_config *c = &p.stage[0];
    gm_error e = { "" };
    ck_assert_int_eq(p.n, 1);
    ck_assert_str_eq(c->stage, "");
    ck_assert_str_eq(c->model, "some dir/with blanks");
    ck_assert_int_eq(c->data.n, 2);
    ck_assert_str_eq(c->data.item[0], "grandf a.json images=\"x#y\"");
    ck_assert_double_eq(c->lr, 1e-4);
    ck_assert(c->checkpointing && !c->by_epochs);
    ck_assert_int_eq(c->lora_targets.n, 2);
    ck_assert_str_eq(c->lora_targets.item[1], "o_proj");
    ck_assert_str_eq(c->learn, "decoder");
    ck_assert_int_eq(c->muon.n, 2);
    ck_assert_double_eq(c->momentum, 0.95);
    ck_assert_str_eq(gm_train_policy_of(c).muon.item[1], "pretrain.*");
    ck_assert_double_eq(gm_train_policy_of(c).momentum, 0.95);
    ck_assert_int_eq(c->lora_rank, 8);          /* the release's */
    ck_assert_double_eq(c->lora_alpha, 16);
    ck_assert_double_eq(c->beta2, 0.95);
    ck_assert_int_eq(c->accumulate, 10);
    ck_assert_int_eq(gm_train_policy_of(c).rank, 8);
    ck_assert_int_eq(gm_train_schedule_of(c).kind, GM_WARMUP_DECAY);
    ck_assert_int_eq(gm_train_plan_check(&p, "t.conf", &e), 0);
    gm_train_plan_free(&p);
}
END_TEST

START_TEST(stages_inherit_and_replace)
{
    gm_train_plan p = parsed(BASE "lr = 1\nstage = first\nlr = 2\nstage = second\n"
                             "data = llava x.json\nupdates = 7\n");
    gm_error e = { "" };
    ck_assert_int_eq(p.n, 2);
    ck_assert_str_eq(p.stage[0].stage, "first");
    ck_assert_double_eq(p.stage[0].lr, 2);
    ck_assert_str_eq(p.stage[0].data.item[0], "shapes a.json");
    ck_assert_double_eq(p.stage[1].lr, 1);
    ck_assert_int_eq(p.stage[1].data.n, 1);
    ck_assert_str_eq(p.stage[1].data.item[0], "llava x.json");
    ck_assert_int_eq(p.stage[1].updates, 7);
    ck_assert_int_eq(p.stage[0].updates, 5000);
    ck_assert_int_eq(gm_train_plan_set(&p, "lr", "3", "--lr", &e), 0);
    ck_assert_double_eq(p.stage[0].lr, 3);
    ck_assert_double_eq(p.stage[1].lr, 3);
    gm_train_plan_free(&p);
}
END_TEST

START_TEST(a_text_reads_back)
{
    gm_train_plan p = parsed(BASE "data = llava b.json\nrate = *.neck.* 0.5\nlr = 0.1\nseed = 77\n"
                             "lora_targets = k_proj up_proj\n");
    char *text = gm_train_config_text(&p.stage[0]);
    gm_train_plan q = parsed(text);
    char *again = gm_train_config_text(&q.stage[0]);
    ck_assert_str_eq(text, again);
    ck_assert_int_eq(q.stage[0].data.n, 2);
    ck_assert_double_eq(q.stage[0].lr, 0.1);
    ck_assert_str_eq(q.stage[0].rates.item[0], "*.neck.* 0.5");
    free(text);
    free(again);
    gm_train_plan_free(&p);
    gm_train_plan_free(&q);
}
END_TEST

static const struct { const char *text, *says[3]; } wrong[] = {
    { "\nlora_rnak = 8\n", { "t.conf, line 2", "lora_rnak", "did you mean lora_rank" } },
    { "lr = fast\n", { "line 1: lr", "a number", "'fast'" } },
    { "batch = 2.5\n", { "line 1: batch", "a whole number", "'2.5'" } },
    { "batch = 0\n", { "batch", "1 to 64", "found 0" } },
    { "freeze = paperr\n", { "freeze", "released|paper|full|none", "'paperr'" } },
    { "checkpointing = on\n", { "checkpointing", "yes or no", "'on'" } },
    { "just words\n", { "line 1", "key = value", "just words" } },
    { "model =\n", { "model", "wanted DIR", "nothing" } },
    { "model =# nothing\n", { "model", "wanted DIR", "nothing" } },
    { "stage = a b\n", { "stage", "blanks", "a b" } },
    { "stage = a\nstage = a\n", { "line 2", "two stages", "a" } },
    { "lr = 1e999\n", { "lr", "a number", "1e999" } },
    { "learn = walk\n", { "learn", "talk|clip|sam|decoder", "'walk'" } },
    { "momentum = 1.5\n", { "momentum", "0 to 1", "1.5" } },
};

START_TEST(mistakes_are_named)
{
    gm_train_plan p;
    gm_error e = { "" };
    ck_assert_int_ne(gm_train_plan_parse(&p, wrong[_i].text, "t.conf", &e), 0);
    for (int k = 0; k < 3; k++)
        ck_assert_msg(strstr(e.text, wrong[_i].says[k]) != NULL, "%s\nlacks %s", e.text,
                      wrong[_i].says[k]);
}
END_TEST

static const struct { const char *text, *says; } unfit[] = {
    { "data = x y\n", "model = DIR or init" },
    { "model = m\n", "data = FORMAT PATH" },
    { "model = m\ninit = s\ndata = x y\n", "either model = DIR or init" },
    { "init = s\ndata = x y\n", "tokenizer = DIR" },
    { BASE "updates = 10\n", "warmup" },
    { BASE "lora_rank = 0\nexport = adapter\n", "no adapter" },
    { BASE "val = shapes x\nlearn = clip\n", "there is no validation with learn = clip" },
    { BASE "weight_caption = 0\nweight_region = 0\nweight_segm = 0\n", "all 0" },
};

START_TEST(settings_that_do_not_fit_are_named)
{
    gm_train_plan p = parsed(unfit[_i].text);
    gm_error e = { "" };
    ck_assert_int_ne(gm_train_plan_check(&p, "t.conf", &e), 0);
    ck_assert_msg(strstr(e.text, unfit[_i].says) != NULL, "%s", e.text);
    gm_train_plan_free(&p);
}
END_TEST

Suite *test_train_config(void);
Suite *test_train_config(void)
{
    Suite *s = suite_create("train_config");
    TCase *t = tcase_create("config");
    tcase_add_test(t, values_and_defaults);
    tcase_add_test(t, stages_inherit_and_replace);
    tcase_add_test(t, a_text_reads_back);
    tcase_add_loop_test(t, mistakes_are_named, 0, sizeof wrong / sizeof *wrong);
    tcase_add_loop_test(t, settings_that_do_not_fit_are_named, 0, sizeof unfit / sizeof *unfit);
    suite_add_tcase(s, t);
    return s;
}
