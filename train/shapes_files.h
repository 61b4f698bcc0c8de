/* Files of a drawn data set under way: JSON written record by record, and REFER's pickle. */
#ifndef GM_TRAIN_SHAPES_FILES_H
#define GM_TRAIN_SHAPES_FILES_H
#include <jansson.h>
#include "../io/os.h"
#include "../io/text.h"
#include "shapes.h"

/* A JSON file that is one list, or COCO's object, whose images are kept until the end. */
typedef struct {
    gm_writer w;
    bool open, coco;
    int64_t n;                          /* records so far */
    gm_text images;
} gm_json_file;

/* head: NULL for a list, else COCO's members before "annotations", as JSON without braces. */
int gm_json_file_open(gm_json_file *f, const char *path, const char *head, gm_error *e);
/* The next record of the list, or annotation; takes it (NULL: out of memory). */
int gm_json_file_put(gm_json_file *f, json_t *record, gm_error *e);
int gm_json_file_image(gm_json_file *f, json_t *image, gm_error *e);
/* Ends the text and renames the file to its name. */
int gm_json_file_commit(gm_json_file *f, gm_error *e);
/* Removes it, if it is still open. */
void gm_json_file_drop(gm_json_file *f);

/* One referred object of REFER's refs(..).p, with n expressions. */
typedef struct {
    int64_t ref_id, ann_id, image_id, category_id, first_sentence;
    const char *file_name, *split;
    const char *const *sentence;
    int n;
} gm_refer_ref;

/* A pickle of protocol 2: a list of dictionaries, written one by one. */
typedef struct { gm_writer w; bool open; } gm_refer_file;
int gm_refer_file_open(gm_refer_file *f, const char *path, gm_error *e);
void gm_refer_file_put(gm_refer_file *f, const gm_refer_ref *r);
int gm_refer_file_commit(gm_refer_file *f, gm_error *e);
void gm_refer_file_drop(gm_refer_file *f);

#endif
