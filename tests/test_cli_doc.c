/* docs/CLI.md is true: its examples run, and print what it says. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "program.h"

/* Does line (of n bytes) match what the document says: ".." at its end stands for the rest? */
static int line_fits(const char *want, size_t nwant, const char *line, size_t n)
{
    if (nwant >= 2 && memcmp(want + nwant - 2, "..", 2) == 0)
        return n >= nwant - 2 && memcmp(line, want, nwant - 2) == 0;
    while (n && line[n - 1] == ' ') n--;
    return n == nwant && memcmp(line, want, n) == 0;
}

/* Compares output with the document's lines up to its next command; a line ".." alone stands for
 * any lines. */
static void check_output(const char *command, const char *want, const char *end, const char *got)
{
    while (want < end) {
        size_t nwant = strcspn(want, "\n"), n = strcspn(got, "\n");
        if (nwant == 2 && memcmp(want, "..", 2) == 0) {
            const char *next = want + 3;
            size_t nnext = strcspn(next, "\n");
            while (*got && !(next < end && line_fits(next, nnext, got, strcspn(got, "\n"))))
                got += strcspn(got, "\n") + (got[strcspn(got, "\n")] == '\n');
            want = next;
            continue;
        }
        ck_assert_msg(line_fits(want, nwant, got, n), "%s\nthe document: %.*s\nthe program:  %.*s",
                      command, (int)nwant, want, (int)n, got);
        want += nwant + 1;
        got += n + (got[n] == '\n');
    }
    ck_assert_msg(*got == 0, "%s\nnot in the document: %s", command, got);
}

/* One fenced block: "$ command" lines, each with its output below. */
static int run_block(const char *s, const char *end)
{
    int ran = 0;
    while (s < end) {
        char command[500];
        size_t n = strcspn(s, "\n");
        ck_assert_msg(strncmp(s, "$ ", 2) == 0 && n < sizeof command, "wanted a command: %.*s",
                      (int)n, s);
        snprintf(command, sizeof command, "%.*s", (int)n - 2, s + 2);
        const char *output = s + n + 1, *next = output;
        while (next < end && strncmp(next, "$ ", 2) != 0) next += strcspn(next, "\n") + 1;
        shell("R=$PWD; glamm() { \"$R/$G\" \"$@\"; }; cd %s/doc && { %s\n} 2>&1", OUTPUT, command);
        ck_assert_str_eq(complained(), "");
        check_output(command, output, next, said());
        s = next;
        ran++;
    }
    return ran;
}

START_TEST(examples_print_what_the_document_says)
{
    gm_error e = { "" };
    int ran = 0;
    char *text = gm_read_text("docs/CLI.md", NULL, &e);
    ck_assert_msg(text != NULL, "%s", e.text);
    clean_output();
    ck_assert_int_eq(shell("mkdir %s/doc && ln -s $PWD/models $PWD/golden %s/doc/", OUTPUT, OUTPUT),
                     0);
    for (char *s = text; (s = strstr(s, "```console\n"));) {
        s += strlen("```console\n");
        char *end = strstr(s, "```");
        ck_assert_ptr_nonnull(end);
        ran += run_block(s, end);
        s = end + 3;
    }
    ck_assert_int_ge(ran, 15);
    free(text);
}
END_TEST

Suite *test_cli_doc(void);
Suite *test_cli_doc(void)
{
    Suite *s = suite_create("cli document");
    TCase *t = tcase_create("examples");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, examples_print_what_the_document_says);
    suite_add_tcase(s, t);
    return s;
}
