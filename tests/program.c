#include "program.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

int shell(const char *format, ...)
{
    char text[4000], command[5000];
    va_list a;
    va_start(a, format);
    int n = vsnprintf(text, sizeof text, format, a);
    va_end(a);
    ck_assert_int_lt(n, (int)sizeof text);
    snprintf(command, sizeof command,
             "mkdir -p %s; G=%s; { %s\n} > %s/stdout 2> %s/stderr < /dev/null", OUTPUT, PROGRAM,
             text, OUTPUT, OUTPUT);
    int status = system(command);
    ck_assert_msg(status != -1 && WIFEXITED(status), "ended by a signal: %s", text);
    return WEXITSTATUS(status);
}

static const char *text_of(const char *path, char **text)
{
    FILE *f = fopen(path, "rb");
    free(*text);
    *text = NULL;
    ck_assert_msg(f != NULL, "%s is not there", path);
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    *text = calloc((size_t)n + 1, 1);
    ck_assert_ptr_nonnull(*text);
    ck_assert_int_eq((long)fread(*text, 1, (size_t)n, f), n);
    fclose(f);
    return *text;
}

const char *said(void)
{
    static char *text;
    return text_of(OUTPUT "/stdout", &text);
}

const char *complained(void)
{
    static char *text;
    return text_of(OUTPUT "/stderr", &text);
}

void clean_output(void)
{
    ck_assert_int_eq(system("rm -rf " OUTPUT " && mkdir -p " OUTPUT), 0);
}

void write_file(const char *folder, const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    ck_assert_msg(f != NULL, "%s: cannot write", path);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}
