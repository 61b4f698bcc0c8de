/* The option parser: one table serves parsing, checks and the help text. */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/nearest.h"

enum { HELP_WIDTH = 92, HELP_INDENT = 26, MAX_WORD = 63 };

int misuse(const command_text *c, const char *format, ...)
{
    va_list a;
    va_start(a, format);
    fprintf(stderr, "glamm %s: ", c->name);
    vfprintf(stderr, format, a);
    fprintf(stderr, "\nTry 'glamm %s --help'.\n", c->name);
    va_end(a);
    return 2;
}

void text_list_free(text_list *l)
{
    free(l->item);
    *l = (text_list){ 0 };
}

/* Prints text from column `at`, breaking at spaces before HELP_WIDTH; continuation lines are
 * indented. */
static void print_wrapped(const char *text, int at, int indent)
{
    int column = at;
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (column > indent && column + 1 + (int)word > HELP_WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)word, text);
        column += (int)word;
        text += word;
        if (*text == '\n' && (text[1] == '\n' || text[1] == ' ' || text[1] == 0)) break;
        while (*text == ' ' || *text == '\n') text++;
    }
    putchar('\n');
}

/* Paragraphs are wrapped; a line that starts with a space is printed as it stands. */
static void print_about(const char *text)
{
    while (*text) {
        size_t line = strcspn(text, "\n");
        if (line == 0 || *text == ' ') {
            printf("%.*s\n", (int)line, text);
        } else {
            print_wrapped(text, 0, 0);
            while (text[line] == '\n' && text[line + 1] && text[line + 1] != '\n' &&
                   text[line + 1] != ' ')
                line += 1 + strcspn(text + line + 1, "\n");
        }
        text += line;
        if (*text) text++;
    }
}

static void print_option(const option *o)
{
    char head[160];
    int n = o->letter ? snprintf(head, sizeof head, "  -%c, --%s", o->letter, o->name)
                      : snprintf(head, sizeof head, "      --%s", o->name);
    if (o->kind != OPTION_FLAG)
        n += snprintf(head + n, sizeof head - (size_t)n, " %s", o->argument);
    printf("%s", head);
    if (n + 2 > HELP_INDENT) {
        putchar('\n');
        n = 0;
    }
    printf("%*s", HELP_INDENT - n, "");
    print_wrapped(o->help, HELP_INDENT, HELP_INDENT);
}

static void print_help(const command_text *c, const option_group *g, int groups)
{
    static const option help = { "help", 'h', OPTION_FLAG, 0, NULL, "This text.", 0, 0 };
    printf("glamm %s: %s\n\nUsage: glamm %s %s [options]\n\n", c->name, c->summary, c->name,
           c->arguments);
    print_about(c->about);
    for (int k = 0; k < groups; k++) {
        printf("\n%s\n", g[k].title);
        for (int i = 0; i < g[k].n; i++) print_option(&g[k].row[i]);
        if (k == groups - 1) print_option(&help);
    }
}

/* The option called name (length n; one letter for a short one), and its group's struct. */
static const option *find(const option_group *g, int groups, const char *name, size_t n,
                          int is_short, void **base)
{
    for (int k = 0; k < groups; k++)
        for (int i = 0; i < g[k].n; i++) {
            const option *o = &g[k].row[i];
            int same = is_short ? o->letter && o->letter == *name
                                : strlen(o->name) == n && !strncmp(o->name, name, n);
            if (same) {
                *base = g[k].base;
                return o;
            }
        }
    return NULL;
}

static int unknown(const command_text *c, const option_group *g, int groups, const char *found)
{
    const char *best = NULL;
    char name[MAX_WORD + 1];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(found, "="), found);
    for (int k = 0; k < groups && !best && name[1] == '-'; k++)
        for (int i = 0; i < g[k].n && !best; i++)
            best = gm_nearest_word(name + 2, &g[k].row[i].name, 1);
    if (best) return misuse(c, "%s: there is no such option; did you mean --%s?", name, best);
    return misuse(c, "%s: there is no such option", name);
}

static int is_choice(const char *words, const char *value)
{
    size_t n = strlen(value);
    for (const char *w = words; n; w += strcspn(w, "|") + 1) {
        size_t m = strcspn(w, "|");
        if (m == n && strncmp(w, value, n) == 0) return 1;
        if (!w[m]) break;
    }
    return 0;
}

/* Checks a value's text and stores it; PARSED or 2. */
static int store(const command_text *c, const option *o, void *base, const char *value, int room)
{
    void *at = (char *)base + o->at;
    int any = o->min == 0 && o->max == 0;
    char *end;
    errno = 0;
    if (o->kind == OPTION_TEXT) {
        *(const char **)at = value;
    } else if (o->kind == OPTION_CHOICE) {
        if (!is_choice(o->argument, value))
            return misuse(c, "--%s: wanted one of %s, found '%s'", o->name, o->argument, value);
        *(const char **)at = value;
    } else if (o->kind == OPTION_INT) {
        long long v = strtoll(value, &end, 10);
        if (end == value || *end || errno)
            return misuse(c, "--%s: wanted a whole number, found '%s'", o->name, value);
        if (!any && (v < o->min || v > o->max))
            return misuse(c, "--%s: wanted %.0f to %.0f, found %s", o->name, o->min, o->max, value);
        *(int64_t *)at = v;
    } else if (o->kind == OPTION_REAL) {
        double v = strtod(value, &end);
        if (end == value || *end || !isfinite(v))
            return misuse(c, "--%s: wanted a number, found '%s'", o->name, value);
        if (!any && (v < o->min || v > o->max))
            return misuse(c, "--%s: wanted %g to %g, found %s", o->name, o->min, o->max, value);
        *(double *)at = v;
    } else {
        text_list *l = at;
        if (!l->item) l->item = malloc((size_t)room * sizeof *l->item);
        if (!l->item) return misuse(c, "--%s: out of memory", o->name);
        l->item[l->n++] = value;
    }
    return PARSED;
}

/* The option at argv[*i], and its value, which may be argv[*i + 1]; PARSED or 2. */
static int take(const command_text *c, const option_group *g, int groups, int argc, char **argv,
                int *i)
{
    const char *a = argv[*i];
    int is_short = a[1] != '-';
    const char *name = a + (is_short ? 1 : 2);
    size_t n = is_short ? 1 : strcspn(name, "=");
    void *base = NULL;
    const option *o = find(g, groups, name, n, is_short, &base);
    if (!o || (is_short && name[1] && name[1] != '=')) return unknown(c, g, groups, a);
    const char *value = name[n] == '=' ? name + n + 1 : NULL;
    if (o->kind == OPTION_FLAG) {
        if (value) return misuse(c, "--%s: takes no value, found '%s'", o->name, value);
        *(int *)((char *)base + o->at) = 1;
        return PARSED;
    }
    if (!value) {
        if (*i + 1 >= argc)
            return misuse(c, "--%s: wanted %s after it, found nothing", o->name, o->argument);
        value = argv[++*i];
    }
    return store(c, o, base, value, argc);
}

int options_parse(const command_text *c, const option_group *g, int groups, int argc, char **argv,
                  int *n)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            print_help(c, g, groups);
            return 0;
        }
    int kept = 0, only_arguments = 0;
    for (int i = 1; i < argc; i++) {
        if (!only_arguments && !strcmp(argv[i], "--")) only_arguments = 1;
        else if (only_arguments || argv[i][0] != '-' || !argv[i][1]) argv[kept++] = argv[i];
        else {
            int r = take(c, g, groups, argc, argv, &i);
            if (r != PARSED) return r;
        }
    }
    *n = kept;
    if (kept < c->at_least) return misuse(c, "wanted %s, found %d of them", c->arguments, kept);
    if (c->at_most >= 0 && kept > c->at_most)
        return misuse(c, "%s: one argument too many", argv[c->at_most]);
    return PARSED;
}
