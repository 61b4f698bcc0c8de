/* The program from outside: options, run, batches, resuming, chat, info. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/image.h"
#include "../io/os.h"
#include "program.h"
#include "vectors.h"

#define NANO "models/nano"
#define SCENE "golden/nano/cases/gcg2.png"
#define MINI "golden/mini/model"
#define SHORT MINI " --max-tokens 6"     /* fast; its answers mean nothing */
#define MASKED SHORT " --phrase 'a <p> dog </p> and <p> a cat </p>' --forced"
#define OUT OUTPUT "/out"

/* How often part stands in text. */
static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) n++;
    return n;
}

/* One of the results, as written. */
static json_t *result(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, OUT "/%s.json", name);
    return load_vectors(path);
}

static void check_contains(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "wanted \"%s\" in: %s", part, text);
}

static void check_one_line(const char *text)
{
    ck_assert_msg(*text && strchr(text, '\n') == text + strlen(text) - 1,
                  "wanted one line, found: %s", text);
}

/* ---- command lines ---- */

START_TEST(every_command_explains_itself)
{
    static const char *const command[] = { "run", "chat", "info", "trace", "tokenize", "eval" };
    ck_assert_int_eq(shell("$G --help"), 0);
    for (size_t i = 0; i < sizeof command / sizeof *command; i++)
        check_contains(said(), command[i]);
    for (size_t i = 0; i < sizeof command / sizeof *command; i++) {
        ck_assert_int_eq(shell("$G %s --help", command[i]), 0);
        check_contains(said(), "Usage: glamm ");
        check_contains(said(), "Example");
        check_contains(said(), "--help");
        ck_assert_str_eq(complained(), "");
        char last = 0;
        int column = 0;
        for (const char *s = said(); *s; s++) {
            column = *s == '\n' ? 0 : column + 1;
            ck_assert_msg(column <= 100, "%s --help has a line of more than 100 columns",
                          command[i]);
            last = *s;
        }
        ck_assert_int_eq(last, '\n');
    }
    ck_assert_int_eq(shell("$G --version"), 0);
    check_contains(said(), "glamm ");
}
END_TEST

START_TEST(misuse_names_the_option)
{
    static const struct { const char *arguments, *complaint; } wrong[] = {
        { "", "Usage" },
        { "rum", "did you mean run?" },
        { "run", "MODEL [IMAGE" },
        { "run m i --taks gcg", "did you mean --task?" },
        { "run m i --zzz", "--zzz" },
        { "run m i -Z", "-Z" },
        { "run m i --task", "--task: wanted" },
        { "run m i --task gcgg", "--task: wanted one of gcg|refer" },
        { "run m i --max-tokens many", "--max-tokens: wanted a whole number, found 'many'" },
        { "run m i --max-tokens 0", "--max-tokens: wanted 1 to" },
        { "run m i --max-tokens 5x", "--max-tokens" },
        { "run m i --temp nan", "--temp: wanted a number" },
        { "run m i -p 'a <bbox>' --box 1,2,3,4 --box 1,2,3,4", "as many as <bbox> in --prompt, 1" },
        { "run m i --top-p 2", "--top-p: wanted 0 to 1" },
        { "run m i --top-p 0.9", "--top-p: wanted --temp above 0" },
        { "chat m i --seed 3", "--seed: wanted --temp above 0" },
        { "run m i --json=yes", "--json: takes no value" },
        { "run m i --backend gpu", "--backend: wanted one of ref|cpu|cuda|cuda-bf16" },
        { "run m i --task refer", "--expression" },
        { "run m i --task region", "--box" },
        { "run m i --task phrase", "--phrase" },
        { "run m i --task chat", "--prompt" },
        { "run m i --phrase 'no tags'", "<p>" },
        { "run m i --box 1,2,3", "--box: wanted four numbers" },
        { "run m i --box 1,2,3,x", "--box: wanted four numbers" },
        { "run m i --box 1,2,3,4,5", "--box: wanted four numbers" },
        { "run m i --task gcg --box 1,2,3,4", "--box: wanted --task region" },
        { "run m i --task gcg --expression x", "--expression: task gcg" },
        { "run m i --forced", "--forced" },
        { "run m i --turns", "--turns" },
        { "run m", "--prompt alone for a text model" },
        { "run m --prompt x --box 1,2,3,4", "--prompt alone for a text model" },
        { "run m --prompt x --seed 3", "--seed: wanted --temp above 0" },
        { "chat", "MODEL [IMAGE]" },
        { "chat m --out o", "--out: wanted an IMAGE" },
        { "chat m --box 1,2,3,4", "--box: wanted an IMAGE" },
        { "chat m i j", "j: one argument too many" },
        { "chat m i --box 1", "--box" },
        { "info", "MODEL" },
        { "trace m", "--image" },
        { "trace m --image i --case c --out o", "--image" },
        { "trace m --image i", "--out" },
        { "trace m --image i --out o --inject x", "--inject: wanted NAME=FILE" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int status = shell("$G %s", wrong[i].arguments);
        ck_assert_msg(status == 2, "glamm %s: exit status %d", wrong[i].arguments, status);
        ck_assert_str_eq(said(), "");
        check_contains(complained(), wrong[i].complaint);
    }
}
END_TEST

/* ---- run ---- */

/* The mask's PNG has as many white pixels as the JSON says, and nothing but black and white. */
static void check_mask_file(const json_t *mask, const json_t *whole)
{
    char path[300];
    gm_error e = { "" };
    gm_image im;
    int64_t white = 0;
    snprintf(path, sizeof path, OUT "/%s", text_in(mask, "file"));
    ck_assert_msg(gm_image_read(&im, path, &e) == 0, "%s", e.text);
    ck_assert_int_eq(im.width, json_integer_value(json_object_get(whole, "width")));
    ck_assert_int_eq(im.height, json_integer_value(json_object_get(whole, "height")));
    for (int64_t i = 0; i < im.width * im.height; i++) {
        ck_assert(im.rgb[3 * i] == 0 || im.rgb[3 * i] == 255);
        white += im.rgb[3 * i] == 255;
    }
    ck_assert_int_eq(white, json_integer_value(json_object_get(mask, "area")));
    gm_image_free(&im);
}

START_TEST(a_run_leaves_a_complete_result)
{
    clean_output();
    ck_assert_int_eq(shell("$G run " NANO " golden/nano/cases/gcg0.png --out " OUT), 0);
    ck_assert_str_eq(complained(), "");
    json_t *r = result("gcg0"), *golden = load_vectors("golden/nano/cases/gcg0.json"), *p;
    const char *caption = text_in(r, "caption");
    ck_assert_int_eq((int)(strlen(caption) + 1), (int)strlen(said()));
    check_contains(said(), caption);
    ck_assert_str_eq(text_in(r, "answer"), text_in(json_object_get(golden, "generate"), "answer"));
    ck_assert_str_eq(text_in(r, "finish"), "end");
    json_t *prompt = json_object_get(json_object_get(golden, "generate"), "prompt_ids");
    ck_assert(json_equal(json_object_get(r, "prompt_ids"), prompt));
    size_t i;
    json_t *phrases = json_object_get(r, "phrases"), *masks = json_object_get(r, "masks");
    ck_assert_uint_ge(json_array_size(phrases), 2);
    ck_assert_uint_eq(json_array_size(phrases), count_of(text_in(r, "answer"), "<p>"));
    ck_assert_uint_eq(json_array_size(masks), count_of(text_in(r, "answer"), "[SEG]"));
    json_array_foreach(phrases, i, p) {
        size_t from = (size_t)json_integer_value(json_array_get(json_object_get(p, "bytes"), 0));
        size_t to = (size_t)json_integer_value(json_array_get(json_object_get(p, "bytes"), 1));
        ck_assert_uint_eq(strlen(text_in(p, "text")), to - from);
        ck_assert_int_eq(strncmp(caption + from, text_in(p, "text"), to - from), 0);
        ck_assert_int_eq(json_integer_value(json_object_get(p, "mask")), (int)i);
        ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(masks, i), "phrase")),
                         (int)i);
        check_mask_file(json_array_get(masks, i), r);
    }
    ck_assert(gm_is_file(OUT "/gcg0.overlay.png"));
    ck_assert_uint_gt(json_object_size(json_object_get(r, "seconds")), 3);
    json_decref(golden);
    json_decref(r);
}
END_TEST

/* Spans count bytes and code points, each under its name. */
START_TEST(spans_in_bytes_and_code_points)
{
    clean_output();
    ck_assert_int_eq(shell("$G run " SHORT " " SCENE
                           " --phrase 'd\xc3\xa9j\xc3\xa0 <p> \xe2\x82\xac" "3 </p> vu' --forced "
                           "--out " OUT),
                     0);
    json_t *r = result("gcg2"), *p = json_array_get(json_object_get(r, "phrases"), 0);
    json_t *bytes = json_pack("[i,i]", 7, 11), *points = json_pack("[i,i]", 5, 7);
    ck_assert_str_eq(text_in(r, "caption"), "d\xc3\xa9j\xc3\xa0 \xe2\x82\xac" "3 vu");
    ck_assert_str_eq(text_in(p, "text"), "\xe2\x82\xac" "3");
    ck_assert(json_equal(json_object_get(p, "bytes"), bytes));
    ck_assert(json_equal(json_object_get(p, "code_points"), points));
    json_decref(bytes);
    json_decref(points);
    json_decref(r);
}
END_TEST

START_TEST(json_stands_alone_on_stdout)
{
    clean_output();
    ck_assert_int_eq(shell("$G run " NANO " " SCENE " --json --out " OUT), 0);
    ck_assert_str_eq(complained(), "");
    json_t *printed = json_loads(said(), 0, NULL), *stored = result("gcg2");
    ck_assert_msg(printed != NULL, "no JSON: %s", said());
    ck_assert(json_equal(json_object_get(printed, "masks"), json_object_get(stored, "masks")));
    ck_assert(json_equal(json_object_get(printed, "ids"), json_object_get(stored, "ids")));
    check_one_line(said());
    json_decref(printed);
    json_decref(stored);
}
END_TEST

START_TEST(a_bad_image_does_not_stop_the_rest)
{
    clean_output();
    ck_assert_int_eq(shell("mkdir -p %s/in/deep && cp " SCENE " %s/in/a.png && cp " SCENE
                           " %s/in/deep/a.png && cp golden/nano/cases/gcg0.png %s/in/c.png && echo "
                           "bad > %s/in/b.png && touch %s/in/x.txt %s/in/a.mask0.png "
                           "%s/in/a.overlay.png && printf 'P6 9000 1 255\n%%027000d' 0 > "
                           OUTPUT "/in/d.ppm && touch " OUTPUT "/in/e.webp",
                           OUTPUT, OUTPUT, OUTPUT, OUTPUT, OUTPUT, OUTPUT, OUTPUT, OUTPUT),
                     0);
    ck_assert_int_eq(shell("$G run " SHORT " %s/in %s/in/deep %s/none.png --out " OUT " --no-masks",
                           OUTPUT, OUTPUT, OUTPUT),
                     1);
    check_contains(complained(), "in/b.png: wanted a PNG");
    check_contains(complained(), "none.png: cannot open");
    check_contains(complained(), "in/d.ppm: the image is too narrow");
    check_contains(complained(), "in: 1 picture left out (e.webp)");
    check_contains(complained(), "3 of 6 failed");
    check_contains(said(), "in/a.png: ");
    check_contains(said(), "in/c.png: ");
    check_contains(said(), "in/deep/a.png: ");
    json_t *first = result("a"), *second = result("a-2"), *third = result("c");
    check_contains(text_in(json_object_get(first, "request"), "image"), "in/a.png");
    check_contains(text_in(json_object_get(second, "request"), "image"), "in/deep/a.png");
    json_decref(first);
    json_decref(second);
    json_decref(third);
}
END_TEST

/* What is complete is not asked again: its file, times included, stays as it is. */
START_TEST(a_second_run_resumes)
{
    const char *both = SCENE " golden/nano/cases/gcg0.png";
    clean_output();
    ck_assert_int_eq(shell("$G run " MASKED " " SCENE " --out " OUT), 0);
    ck_assert_str_eq(said(), "a dog and a cat\n");
    json_t *before = result("gcg2");
    ck_assert_int_eq(shell("$G run " MASKED " %s --out " OUT, both), 0);
    check_contains(complained(), "1 of 2 complete already");
    check_contains(said(), SCENE ": a dog and a cat\n");
    json_t *after = result("gcg2");
    ck_assert(json_equal(before, after));
    /* one with a file missing, another question, another picture and --redo are asked */
    ck_assert_int_eq(shell("rm " OUT "/gcg2.overlay.png; $G run " MASKED " %s --out " OUT, both),
                     0);
    check_contains(complained(), "1 of 2 complete already");
    ck_assert_int_eq(shell("rm " OUT "/gcg2.mask1.png; $G run " MASKED " %s --out " OUT, both), 0);
    check_contains(complained(), "1 of 2 complete already");
    ck_assert_int_eq(shell("$G run " MASKED " %s --out " OUT, both), 0);
    check_contains(complained(), "2 of 2 complete already");
    ck_assert_int_eq(shell("$G run " SHORT " %s --out " OUT " --task caption", both), 0);
    ck_assert_str_eq(complained(), "");
    ck_assert(!gm_is_file(OUT "/gcg2.mask0.png")); /* a caption has none: the old ones are gone */
    ck_assert_int_eq(shell("$G run " SHORT " %s --out " OUT " --task caption --redo", both), 0);
    ck_assert_str_eq(complained(), "");
    ck_assert_int_eq(shell("cp " SCENE " %s/p.png; $G run " SHORT
                           " %s/p.png --task caption --out " OUT,
                           OUTPUT, OUTPUT),
                     0);
    ck_assert_int_eq(shell("cp golden/nano/cases/gcg0.png %s/p.png; $G run " SHORT
                           " %s/p.png --task caption --out " OUT,
                           OUTPUT, OUTPUT),
                     0);
    ck_assert_str_eq(complained(), "");
    /* a foreign file of that name is left alone */
    ck_assert_int_eq(shell("echo '{\"mine\": 1}' > " OUT "/gcg0.json; $G run " SHORT
                           " golden/nano/cases/gcg0.png --task caption --out " OUT "; cat " OUT
                           "/gcg0.json"),
                     0);
    check_contains(said(), "mine");
    ck_assert(gm_is_file(OUT "/gcg0-2.json"));
    json_decref(before);
    json_decref(after);
}
END_TEST

/* A result of other weights under the same path does not count. */
START_TEST(a_changed_model_is_asked_again)
{
    const char *run = "$G run " OUTPUT "/m " SCENE " --task caption --max-tokens 3 --out " OUT;
    clean_output();
    ck_assert_int_eq(shell("cp -r " MINI " " OUTPUT "/m; %s", run), 0);
    ck_assert_int_eq(shell("touch " OUTPUT "/m/notes.txt; %s", run), 0);
    check_contains(complained(), "1 of 1 complete already");
    static const char *const changed[] = { "pytorch_model.bin", "clip/pytorch_model.bin",
                                           "sizes.json" };
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        ck_assert_int_eq(shell("touch -d 2002-02-02 " OUTPUT "/m/%s; %s", changed[i], run), 0);
        ck_assert_str_eq(complained(), "");
    }
}
END_TEST

START_TEST(lists_say_what_to_ask)
{
    clean_output();
    FILE *f = fopen(OUTPUT "/list.jsonl", "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "\xEF\xBB\xBF{\"image\": \"" SCENE
               "\", \"expresion\": \"\", \"expression\": [\"the ring\", \"the white cross\"], "
               "\"id\": \"../x\"}\n\n"
               "{\"image\": \"pic.png\", \"task\": \"region\", \"boxes\": [[10, 20, 100, 120.5]], "
               "\"id\": 7}\n"
               "{\"image\": \"pic.png\", \"task\": \"nonsense\"}\n"
               "{\"image\": 3}\n"
               "{\"image\" \"pic.png\"}\n");
    fclose(f);
    ck_assert_int_eq(
        shell("cp " SCENE " %s/pic.png; $G run " SHORT " %s/list.jsonl --out " OUT, OUTPUT, OUTPUT),
        1);
    check_contains(complained(), "line 1: \"expresion\" means nothing here");
    check_contains(complained(), "line 4: --task: wanted gcg, refer");
    check_contains(complained(), "line 5: wanted an object with \"image\"");
    check_contains(complained(), "line 6: ");
    check_contains(complained(), "3 of 6 failed");
    json_t *one = result("_._x"), *two = result("_._x-2"), *three = result("7");
    ck_assert_str_eq(text_in(json_object_get(one, "request"), "text"), "the ring");
    ck_assert_str_eq(text_in(json_object_get(two, "request"), "text"), "the white cross");
    ck_assert_str_eq(text_in(json_object_get(three, "request"), "task"), "region");
    json_decref(one);
    json_decref(two);
    json_decref(three);
}
END_TEST

/* --turns: the second question sees the first; the ids are those of the golden's conversation. */
START_TEST(expressions_as_turns)
{
    clean_output();
    ck_assert_int_eq(
        shell("$G run " MINI
              " golden/mini/cases/refer.png --expression 'a ring' --expression 'a star' "
              "--max-tokens 8 --out " OUT " --quiet"),
        0);
    json_t *alone = result("refer-2");
    ck_assert_int_eq(
        shell("$G run " MINI
              " golden/mini/cases/refer.png --expression 'a ring' --expression 'a star' "
              "--max-tokens 8 --out " OUT " --quiet --turns"),
        0);
    json_t *first = result("refer"), *second = result("refer-2");
    size_t n = json_array_size(json_object_get(first, "prompt_ids"));
    ck_assert_uint_eq(json_array_size(json_object_get(alone, "prompt_ids")), n);
    ck_assert_uint_gt(json_array_size(json_object_get(second, "prompt_ids")), n);
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(second, "request"), "turn")), 1);
    json_decref(alone);
    json_decref(first);
    json_decref(second);
}
END_TEST

START_TEST(failures_are_one_line)
{
    clean_output();
    ck_assert_int_eq(shell("$G run no-model " SCENE " golden/nano/cases/gcg0.png --out " OUT), 1);
    check_contains(complained(), "no-model");
    check_one_line(complained());
    ck_assert_int_eq(shell("$G run " NANO " " SCENE " --json --no-masks --out " OUT " > /dev/full"),
                     1);
    check_contains(complained(), "standard output");
    ck_assert_int_eq(
        shell("touch %s/file; $G run " NANO " " SCENE " --out %s/file", OUTPUT, OUTPUT), 1);
    check_contains(complained(), "/file");
    ck_assert_str_eq(said(), "");
}
END_TEST

/* ---- on a terminal ---- */

/* What stands between the first two phrases of a result's caption, behind `before`. */
static void between(char out[100], const char *before, const char *name)
{
    json_t *r = result(name), *phrases = json_object_get(r, "phrases");
    json_t *first = json_object_get(json_array_get(phrases, 0), "bytes");
    json_t *second = json_object_get(json_array_get(phrases, 1), "bytes");
    int from = (int)json_integer_value(json_array_get(first, 1));
    int to = (int)json_integer_value(json_array_get(second, 0));
    ck_assert_int_gt(to, from);
    snprintf(out, 100, "%s%.*s", before, to - from, text_in(r, "caption") + from);
    json_decref(r);
}

START_TEST(colours_on_a_terminal_only)
{
    clean_output();
    if (shell("script -qec true /dev/null") != 0) {
        fprintf(stderr, "skipped: the program on a terminal (there is no script(1) here)\n");
        return;
    }
    ck_assert_int_eq(shell("TERM=xterm COLORTERM= NO_COLOR= script -qec \"$G run " NANO " " SCENE
                           " --out " OUT "\" /dev/null"),
                     0);
    check_contains(said(), "\033[1;38;5;");                     /* a phrase in its mask's colour */
    char words[100];
    between(words, "\033[0m", "gcg2");
    check_contains(said(), words);
    check_contains(said(), "mask 1");
    check_contains(said(), "clip "); /* progress (one stream on a terminal) */
    ck_assert_ptr_null(strstr(said(), "[SEG]"));
    ck_assert_int_eq(shell("TERM=xterm NO_COLOR=1 script -qec \"$G run " NANO " " SCENE
                           " --redo -q --out " OUT "\" /dev/null"),
                     0);
    ck_assert_ptr_null(strstr(said(), "\033["));
    between(words, "", "gcg2");
    check_contains(said(), words);
}
END_TEST

/* ---- chat ---- */

START_TEST(chat_from_a_pipe)
{
    clean_output();
    ck_assert_int_eq(
        shell("printf '/gcg\\n\\n/masks\\nWhat is in region1 <bbox>?\\n/refer the ring\\n/reset\\n"
              "What is in it?\\n' > %s/lines; $G chat " NANO " " SCENE
              " --box 50,10,100,60 --out " OUT " < %s/lines",
              OUTPUT, OUTPUT),
        0);
    ck_assert_str_eq(complained(), "");
    ck_assert_ptr_null(strstr(said(), ">"));
    json_t *turn[4], *again;
    char name[32];
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "gcg2-turn%d", i + 1);
        turn[i] = result(name);
        check_contains(said(), text_in(turn[i], "caption"));
    }
    check_contains(said(), "mask 0");
    ck_assert_uint_ge(json_array_size(json_object_get(turn[2], "masks")),
                      2); /* those of turn 1 stay */
    json_t *old = json_array_get(json_object_get(turn[2], "masks"), 0);
    ck_assert(json_is_true(json_object_get(old, "in_prompt")));
    /* after /reset the question is a first one */
    ck_assert_int_eq(shell("$G run " NANO " " SCENE " --prompt 'What is in it?' --out " OUT), 0);
    again = result("gcg2");
    ck_assert(
        json_equal(json_object_get(turn[3], "prompt_ids"), json_object_get(again, "prompt_ids")));
    ck_assert_str_eq(text_in(turn[3], "answer"), text_in(again, "answer"));
    for (int i = 0; i < 4; i++) json_decref(turn[i]);
    json_decref(again);
}
END_TEST

/* A later /box is for later questions; it joins those that no question has placed yet. */
START_TEST(chat_places_boxes_in_turn)
{
    static const char *const want[3] = { "[[50.0,10.0,100.0,60.0]]", "[[10.0,20.0,70.0,90.0]]",
                                         "[[1.0,1.0,9.0,9.0],[2.0,2.0,8.0,8.0]]" };
    clean_output();
    ck_assert_int_eq(
        shell("printf 'What is in <bbox>?\n/box 10,20,70,90\nAnd in <bbox>?\n/box 1,1,9,9\n"
              "/box 2,2,8,8\nIn <bbox> and <bbox>?\n' > %s/lines; $G chat " NANO " " SCENE
              " --no-masks --max-tokens 4 --box 50,10,100,60 --out " OUT " < %s/lines",
              OUTPUT, OUTPUT),
        0);
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "gcg2-turn%d", i + 1);
        json_t *turn = result(name);
        char *boxes = json_dumps(json_object_get(json_object_get(turn, "request"), "boxes"),
                                 JSON_COMPACT);
        ck_assert_str_eq(boxes, want[i]);
        free(boxes);
        json_decref(turn);
    }
}
END_TEST

START_TEST(chat_goes_on_after_an_error)
{
    clean_output();
    ck_assert_int_eq(shell("printf '/nonsense\\n/save\\n/box 1,2\\n/box 10,10,60,60\\nNo box "
                           "here\\nWhat is it?' > %s/lines; $G chat " NANO " " SCENE " < %s/lines",
                           OUTPUT, OUTPUT),
                     1);
    check_contains(complained(), "/nonsense: there is no such command");
    check_contains(complained(), "there is no answer yet");
    check_contains(complained(), "wanted four numbers");
    check_contains(complained(), "<bbox>");
    ck_assert_int_eq(shell("printf '/box 10,10,60,6000\\nWhat is in <bbox>?\\n/reset\\nWhat is "
                           "it?' > %s/lines; $G chat " NANO " " SCENE " < %s/lines",
                           OUTPUT, OUTPUT),
                     1);
    check_contains(complained(), "6000");
    ck_assert_str_ne(said(), "");
}
END_TEST

/* ---- info ---- */

START_TEST(info_counts_and_checks)
{
    clean_output();
    ck_assert_int_eq(shell("$G info " NANO), 0);
    json_t *model = load_vectors("golden/nano/model.json");     /* by PyTorch */
    char parameters[40];
    snprintf(parameters, sizeof parameters, " %.0f ", number_in(model, "parameters"));
    check_contains(said(), parameters);
    check_contains(said(), "memory plan");
    check_contains(said(), "libjpeg-turbo\n");
    ck_assert_int_eq(shell("$G info " NANO " --json --tensors"), 0);
    json_t *j = json_loads(said(), 0, NULL);
    ck_assert_msg(j != NULL, "no JSON: %s", said());
    ck_assert_uint_eq(json_array_size(json_object_get(j, "tensors")),
                      (size_t)number_in(model, "tensors"));
    json_decref(model);
    json_decref(j);
    /* a NaN, an infinity as the last value: found, by name, and only when asked for */
    static const char *const last[] = { "\\377\\377", "\\200\\177" };
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(
            shell(
                "rm -rf %s/m && cp -rL " NANO
                " %s/m && chmod -R u+w %s/m && f=%s/m/model.safetensors && printf '%s' | dd of=$f "
                "conv=notrunc bs=1 seek=$(($(wc -c < $f) - 2)) status=none",
                OUTPUT, OUTPUT, OUTPUT, OUTPUT, last[i]),
            0);
        ck_assert_int_eq(shell("$G info %s/m", OUTPUT), 0);
        ck_assert_int_eq(shell("$G info %s/m --check", OUTPUT), 1);
        check_contains(said(), "not finite: model.");
        check_contains(said(), "1 with NaN");
    }
    ck_assert_int_eq(shell("$G info " NANO " --check"), 0);
}
END_TEST

Suite *test_cli(void);
Suite *test_cli(void)
{
    Suite *s = suite_create("cli");
    TCase *t = tcase_create("options");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, every_command_explains_itself);
    tcase_add_test(t, misuse_names_the_option);
    suite_add_tcase(s, t);
    t = tcase_create("run");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_run_leaves_a_complete_result);
    tcase_add_test(t, spans_in_bytes_and_code_points);
    tcase_add_test(t, json_stands_alone_on_stdout);
    tcase_add_test(t, a_bad_image_does_not_stop_the_rest);
    tcase_add_test(t, a_second_run_resumes);
    tcase_add_test(t, a_changed_model_is_asked_again);
    tcase_add_test(t, lists_say_what_to_ask);
    tcase_add_test(t, expressions_as_turns);
    tcase_add_test(t, failures_are_one_line);
    tcase_add_test(t, colours_on_a_terminal_only);
    suite_add_tcase(s, t);
    t = tcase_create("chat and info");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, chat_from_a_pipe);
    tcase_add_test(t, chat_places_boxes_in_turn);
    tcase_add_test(t, chat_goes_on_after_an_error);
    tcase_add_test(t, info_counts_and_checks);
    suite_add_tcase(s, t);
    return s;
}
