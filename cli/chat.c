/* glamm chat: a conversation about one image, typed or read from a pipe. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../io/os.h"
#include "commands.h"
#include "result.h"
#include "terminal.h"

static const command_text TEXT = {
    .name = "chat",
    .arguments = "MODEL [IMAGE]",
    .at_least = 1,
    .at_most = 2,
    .summary = "a conversation about one image",
    .about = "Each line is a question; the model sees the whole conversation. From a pipe each "
             "line gets one line of answer and there are no prompts. With --out every answer is "
             "saved as it comes: NAME-turn1.json, masks and overlay. Without IMAGE, MODEL is a "
             "text model: the GGUF of a language model alone.\n"
             "\n"
             "Lines that start with / are commands\n"
             "  /gcg             describe the image, a mask for each phrase\n"
             "  /refer TEXT      mask what TEXT names\n"
             "  /box X1,Y1,X2,Y2 a box in pixels, for the next <bbox> of a question\n"
             "  /masks           list the masks of the conversation\n"
             "  /save [DIR]      write the last answer, its masks and the overlay (default out)\n"
             "  /reset           forget the conversation and its boxes, keep the image\n"
             "  /help, /quit\n"
             "\n"
             "Examples\n"
             "  glamm chat models/nano photo.png\n"
             "  printf '/gcg\\nWhat is in region1 <bbox>?\\n' | glamm chat models/nano photo.png "
             "--box 40,60,120,150\n",
};

typedef struct { const char *out; text_list boxes; } chat_settings;
#define AT(field) offsetof(chat_settings, field)
static const option CHAT_OPTIONS[] = {
    { "box", 0, OPTION_LIST, AT(boxes), "X1,Y1,X2,Y2", "A box, as with /box. Repeatable.", 0, 0 },
    { "out", 'o', OPTION_TEXT, AT(out), "DIR", "Save every answer in this folder.", 0, 0 },
};
#undef AT

typedef struct {
    const char *model_path, *image_path;
    model_settings ms;
    ask_settings as;
    chat_settings cs;
    terminal t;
    gm_model *model;
    gm_session *session;
    gm_image image;
    double (*box)[4];           /* for the next <bbox>; until others are given, those of the last */
    int64_t nboxes, turns;
    int64_t answers;            /* since the start: numbers what is saved */
    bool boxes_new;             /* no question has placed them yet */
    gm_answer *last;
    question asked;             /* which it answers; its text and boxes are malloc'ed */
    double seconds;
    bool failed;
} chat;

static void report(chat *c, const char *what)
{
    terminal_clear(&c->t);
    fprintf(stderr, "glamm chat: %s\n", what);
    c->failed = true;
}

/* One line of standard input without its end, malloc'ed; NULL at the end of the input. */
static char *read_line(void)
{
    size_t n = 0, room = 256;
    char *s = malloc(room);
    int c;
    while (s && (c = getchar()) != EOF && c != '\n') {
        if (n + 2 > room) {
            char *more = realloc(s, room *= 2);
            if (!more) free(s);
            s = more;
        }
        if (s) s[n++] = (char)c;
    }
    if (s && n == 0 && feof(stdin)) {
        free(s);
        return NULL;
    }
    if (s && n && s[n - 1] == '\r') n--;
    if (s) s[n] = 0;
    return s;
}

/* Adds the boxes of a list of "x1,y1,x2,y2" to those that no question has placed yet. */
static int add_boxes(chat *c, const text_list *l, gm_error *e)
{
    double (*more)[4], (*all)[4];
    int64_t n, before = c->boxes_new ? c->nboxes : 0;
    if (boxes_read(l, &more, &n, e)) return -1;
    all = n ? realloc(c->box, (size_t)(before + n) * sizeof *all) : NULL;
    if (all) {
        memcpy(all + before, more, (size_t)n * sizeof *all);
        c->box = all;
        c->nboxes = before + n;
        c->boxes_new = true;
    }
    free(more);
    return n && !all ? gm_fail(e, "out of memory for %lld boxes", (long long)n) : 0;
}

static int save(chat *c, const char *folder, gm_error *e)
{
    if (!c->last) return gm_fail(e, "/save: there is no answer yet");
    if (!c->image_path) return gm_fail(e, "/save: an answer without an image is not stored");
    if (gm_make_dir(folder, e)) return -1;
    const char *slash = strrchr(c->image_path, '/');
    char base[512];
    snprintf(base, sizeof base, "%.400s", slash ? slash + 1 : c->image_path);
    char *dot = strrchr(base, '.');
    if (dot && dot != base) *dot = 0;
    size_t n = strlen(base);
    snprintf(base + n, sizeof base - n, "-turn%lld", (long long)c->answers);
    json_t *used = json_object();
    char *name = result_name(used, folder, base, c->image_path, e);
    json_t *request =
        request_json(c->model_path, c->image_path, &c->ms, &c->as, &c->asked, c->turns - 1, e);
    json_t *result = name && request ? result_json(request, name, c->last, c->seconds, e) : NULL;
    int bad = result ? result_write(folder, name, result, &c->image, c->last, &c->asked, e) : -1;
    if (!bad && c->t.stream && c->t.notes) printf("  saved as %s/%s.json\n", folder, name);
    json_decref(used);
    json_decref(request);
    json_decref(result);
    free(name);
    return bad;
}

static void question_free(question *q)
{
    free((char *)q->text);
    free((void *)q->boxes);
    *q = (question){ 0 };
}

static void forget(chat *c)
{
    gm_answer_free(c->last);
    c->last = NULL;
    question_free(&c->asked);
}

/* A question with copies that last as long as its answer; of the boxes, if its text places them. */
static int question_new(question *q, const chat *c, gm_task task, const char *text, gm_error *e)
{
    int64_t n = text && strstr(text, "<bbox>") ? c->nboxes : 0;
    double (*box)[4] = malloc((size_t)(n + 1) * sizeof *box);
    if (box && n) memcpy(box, c->box, (size_t)n * sizeof *box);
    *q = (question){ .task = task, .boxes = (const double (*)[4])box, .nboxes = n };
    if (text) q->text = gm_copy_text(text);
    if (box && (q->text || !text)) return 0;
    question_free(q);
    return gm_fail(e, "out of memory");
}

static int ask(chat *c, gm_task task, const char *text, gm_error *e)
{
    bool placed = text && strstr(text, "<bbox>");
    if (task == GM_CHAT && c->boxes_new && !placed)
        return gm_fail(e, "a box was given: wanted a question that says where it belongs, as in "
                          "\"What is in region1 <bbox>?\"");
    question q;
    if (question_new(&q, c, task, text, e)) return -1;
    gm_ask how = question_ask(&q, &c->as);
    how.on_text = c->image_path ? terminal_text : terminal_plain_text;
    how.on_stage = terminal_stage;
    how.user = &c->t;
    terminal_begin(&c->t, "", NULL, c->last ? c->last->nmasks : 0);
    double start = gm_seconds();
    gm_answer *a = gm_session_ask(c->session, &how, e);
    terminal_end(&c->t);
    if (!a) {
        question_free(&q);
        return -1;
    }
    forget(c);
    c->last = a;
    c->asked = q;
    c->seconds = gm_seconds() - start;
    c->boxes_new = c->boxes_new && !placed;
    c->turns++;
    c->answers++;
    if (!(c->t.stream && c->t.text)) puts(a->caption);
    if (c->t.stream && c->t.notes) terminal_masks(&c->t, a, false);
    fflush(stdout);
    return c->cs.out ? save(c, c->cs.out, e) : 0;
}

/* The argument of a command if `line` is that command, else NULL: "/box 1,2,3,4" -> "1,2,3,4". */
static const char *argument_of(const char *line, const char *command)
{
    size_t n = strlen(command);
    if (strncmp(line, command, n) != 0 || (line[n] && line[n] != ' ')) return NULL;
    return line + n + strspn(line + n, " ");
}

static int command(chat *c, const char *line, gm_error *e)
{
    const char *a;
    if ((a = argument_of(line, "/box"))) return add_boxes(c, &(text_list){ &a, 1 }, e);
    if ((a = argument_of(line, "/refer"))) return ask(c, GM_REFER, a, e);
    if ((a = argument_of(line, "/save"))) return save(c, *a ? a : "out", e);
    if (argument_of(line, "/gcg")) return ask(c, GM_GCG, NULL, e);
    if (argument_of(line, "/help")) {
        printf("%s", strstr(TEXT.about, "  /gcg"));
    } else if (argument_of(line, "/masks")) {
        if (c->last && c->last->nmasks) terminal_masks(&c->t, c->last, true);
        else puts("  no masks");
    } else if (argument_of(line, "/reset")) {
        gm_session_reset(c->session);
        forget(c);
        free(c->box);
        c->box = NULL;
        c->nboxes = c->turns = 0;
        c->boxes_new = false;
    } else {
        return gm_fail(e, "%s: there is no such command; /help lists them", line);
    }
    return 0;
}

static void converse(chat *c)
{
    bool typed = c->t.stream && gm_is_terminal(0);
    if (typed && c->t.notes)
        puts(c->image_path ? "Ask about the image; /help lists the commands, /quit ends."
                           : "Ask; /reset starts anew, /quit ends.");
    for (;;) {
        gm_error e = { "" };
        if (typed) {
            fputs("> ", stdout);
            fflush(stdout);
        }
        char *line = read_line();
        if (!line || argument_of(line, "/quit")) {
            if (!line && typed) putchar('\n');
            free(line);
            return;
        }
        int bad = *line == '/'                ? command(c, line, &e)
                  : line[strspn(line, " \t")] ? ask(c, GM_CHAT, line, &e)
                                              : 0;
        if (bad) report(c, e.text);
        fflush(stdout);
        free(line);
    }
}

static int open_and_converse(chat *c)
{
    gm_error e = { "" };
    gm_model_options o = settings_model(&c->ms, terminal_log, &c->t);
    int bad = c->cs.out ? gm_make_dir(c->cs.out, &e) : 0;
    const gm_image *image = c->image_path ? &c->image : NULL;
    if (!bad && image) bad = gm_image_read(&c->image, c->image_path, &e);
    bad = bad || !(c->model = gm_model_open(c->model_path, &o, &e));
    bad = bad || !(c->session = gm_session_new(c->model, image, &e));
    if (bad) report(c, e.text);
    else converse(c);
    forget(c);
    gm_session_free(c->session);
    gm_model_free(c->model);
    gm_image_free(&c->image);
    return c->failed ? 1 : 0;
}

int cmd_chat(int argc, char **argv)
{
    chat c = { 0 };
    const option_group groups[] = {
        { "Chat", CHAT_OPTIONS, sizeof CHAT_OPTIONS / sizeof *CHAT_OPTIONS, &c.cs },
        { "How to answer", ANSWER_OPTIONS, NANSWER_OPTIONS, &c.as },
        { "Model", MODEL_OPTIONS, NMODEL_OPTIONS, &c.ms },
    };
    int n, status = options_parse(&TEXT, groups, 3, argc, argv, &n);
    gm_error e = { "" };
    if (status == PARSED && (answer_check(&c.as, &e) || add_boxes(&c, &c.cs.boxes, &e)))
        status = misuse(&TEXT, "%s", e.text);
    if (status == PARSED && n < 2 && (c.cs.out || c.nboxes))
        status = misuse(&TEXT, "--%s: wanted an IMAGE with it", c.cs.out ? "out" : "box");
    if (status == PARSED) {
        c.model_path = argv[0];
        c.image_path = n > 1 ? argv[1] : NULL;
        terminal_open(&c.t, c.ms.quiet, true);
        status = open_and_converse(&c);
    }
    free(c.box);
    text_list_free(&c.cs.boxes);
    return status;
}
