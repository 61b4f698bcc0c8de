/* Command lines, declared: a table of options per command gives parsing, checks and --help. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H
#include <stddef.h>
#include <stdint.h>

typedef enum {
    OPTION_FLAG,                /* int, set to 1 */
    OPTION_TEXT,                /* const char * */
    OPTION_CHOICE,              /* const char *, one of the words of `argument`, "ref|cpu" */
    OPTION_INT,                 /* int64_t, min..max */
    OPTION_REAL,                /* double, min..max */
    OPTION_LIST                 /* text_list: the option may be repeated */
} option_kind;

/* Values of a repeatable option, in order; item is malloc'ed (text_list_free), its texts are
 * argv's. */
typedef struct { const char **item; int n; } text_list;

typedef struct {
    const char *name;           /* without "--" */
    char letter;                /* 0: no short form */
    option_kind kind;
    size_t at;                  /* offset of the value in the group's struct */
    const char *argument;       /* as --help shows it: "DIR"; for a choice the words, "ref|cpu" */
    const char *help;
    double min, max;            /* both 0: any number */
} option;

/* Options that belong together: their values live in one struct. */
typedef struct { const char *title; const option *row; int n; void *base; } option_group;

typedef struct {
    const char *name;           /* "run" */
    const char *arguments;      /* "MODEL IMAGE..." */
    const char *summary;        /* one line */
    const char *about;          /* paragraphs, wrapped; a line that starts with a space is kept */
    int at_least, at_most;      /* positional arguments; at_most -1: any number */
} command_text;

enum { PARSED = -1 };

/* Sorts argv into options, stored through the groups, and positional arguments: argv[0] ..
 * argv[*n - 1] afterwards (argv[0], the command's name, is dropped).  --name value, --name=value,
 * -x value; "--" ends the options.  Returns PARSED, 0 after --help (printed), 2 after a misuse
 * (named on stderr). */
int options_parse(const command_text *c, const option_group *g, int groups, int argc, char **argv,
                  int *n);

/* "glamm NAME: " and the printf text on stderr, with a pointer to --help; returns 2. */
int misuse(const command_text *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

void text_list_free(text_list *l);

#endif
