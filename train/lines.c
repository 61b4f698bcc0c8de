/* Data lines in files and folders. */
#include <stdlib.h>
#include <string.h>
#include "../io/os.h"
#include "set.h"

static int add_line(char ***line, int64_t *n, const char *text, gm_error *e)
{
    char **more = realloc(*line, (size_t)(*n + 1) * sizeof *more);
    if (!more) return gm_fail(e, "data: out of memory");
    *line = more;
    if (!(more[*n] = gm_copy_text(text))) return gm_fail(e, "data: out of memory");
    ++*n;
    return 0;
}

/* What a line of a file says about data: the part after "data =" or "val =", the whole line, or
 * NULL. */
static const char *data_part(const char *text)
{
    const char *s = text + strspn(text, " \t");
    if (gm_format_of(s)) return s;
    size_t key = strncmp(s, "data", 4) == 0 ? 4 : strncmp(s, "val", 3) == 0 ? 3 : 0;
    if (!key) return NULL;
    s += key + strspn(s + key, " \t");
    return *s == '=' ? s + 1 + strspn(s + 1, " \t") : NULL;
}

static int read_file(const char *path, char ***line, int64_t *n, gm_error *e)
{
    char *text = gm_read_text(path, NULL, e);
    int bad = text ? 0 : -1;
    for (char *s = text, *end; !bad && s && *s; s = end) {
        end = s + strcspn(s, "\n");
        if (*end) *end++ = 0;
        s[strcspn(s, "\r")] = 0;
        const char *part = data_part(s);
        if (part) bad = add_line(line, n, part, e);
    }
    free(text);
    if (!bad && *n == 0) bad = gm_fail(e, "%s: there is no data line in it", path);
    return bad;
}

static int read_folder(const char *path, char ***line, int64_t *n, gm_error *e)
{
    char *list = gm_path_join(path, "data.txt"), *own = gm_path_join(path, "annotations.json");
    gm_text text = { 0 };
    int bad = list && own ? 0 : gm_fail(e, "data: out of memory");
    if (!bad && gm_is_file(list)) {
        bad = read_file(list, line, n, e);
    } else if (!bad && gm_is_file(own)) {
        gm_text_adds(&text, "grandf \"");
        gm_text_adds(&text, path);
        gm_text_adds(&text, "\"");
        bad = text.failed ? gm_fail(e, "data: out of memory") : add_line(line, n, text.s, e);
    } else if (!bad) {
        bad = gm_fail(e, "%s: wanted data.txt or annotations.json in the folder", path);
    }
    gm_text_drop(&text);
    free(list);
    free(own);
    return bad;
}

int gm_data_lines(const char *what, char ***line, int64_t *n, gm_error *e)
{
    *line = NULL;
    *n = 0;
    int bad = gm_is_dir(what)      ? read_folder(what, line, n, e)
              : gm_format_of(what) ? add_line(line, n, what, e)
                                   : read_file(what, line, n, e);
    if (!bad) return 0;
    gm_free_list(*line, *n);
    *line = NULL;
    *n = 0;
    return -1;
}
