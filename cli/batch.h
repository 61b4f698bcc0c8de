/* The images of one command line: files, folders, JSON Lines lists. */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H
#include <jansson.h>
#include "settings.h"

typedef struct {
    char *image;                /* path */
    char *id; /* what its results are called: the list's "id", else the file's base name */
    question *q; int64_t nq;
    char *problem;              /* why nothing can be asked (a bad line of a list), or NULL */
    json_t *line;               /* the list's line, which holds the questions' texts; NULL */
    double (*box)[4];
    const char **text;
} item;

/* note: told, with user, what was left out of a folder or a list; NULL: nobody. */
typedef struct {
    item *item; int64_t n, room;
    void (*note)(void *user, const char *line);
    void *user;
} batch;

/* Files as they are, folders' images by name (without results of this program), and one item per
 * line of every .jsonl: {"image": .., "id": .., "task": .., "expression": text or [texts],
 * "phrase": likewise, "boxes": [[x1, y1, x2, y2], ..], "prompt": .., "forced": true}; other keys
 * are noted and left alone.  What a line does not say is as in `given`.  An image's path is taken
 * from here, else from the list's folder.  b comes with its note and nothing else.  A bad line or
 * an empty folder becomes an item with a problem; -1 only when out of memory. */
int batch_read(batch *b, char *const *path, int n, const asked *given, gm_error *e);
void batch_free(batch *b);
bool is_list(const char *path);

#endif
