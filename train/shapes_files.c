/* JSON record by record, and the pickle that REFER reads (Python's pickletools: protocol 2). */
#include "shapes_files.h"

#include <stdlib.h>
#include <string.h>

/* ---- JSON ---- */

int gm_json_file_open(gm_json_file *f, const char *path, const char *head, gm_error *e)
{
    *f = (gm_json_file){ .coco = head != NULL };
    if (gm_create(&f->w, path, e) != 0) return -1;
    f->open = true;
    if (head) fprintf(f->w.file, "{%s,\n\"annotations\": [", head);
    else fputs("[", f->w.file);
    return 0;
}

int gm_json_file_put(gm_json_file *f, json_t *record, gm_error *e)
{
    fputs(f->n++ ? ",\n" : "\n", f->w.file);
    int bad = !record || json_dumpf(record, f->w.file, JSON_ENSURE_ASCII) != 0;
    json_decref(record);
    /* A full disk shows in gm_commit; here it looks like a record that cannot be written. */
    return bad && !ferror(f->w.file) ? gm_fail(e, "%s: out of memory", f->w.path) : 0;
}

int gm_json_file_image(gm_json_file *f, json_t *image, gm_error *e)
{
    char *text = image ? json_dumps(image, JSON_ENSURE_ASCII) : NULL;
    json_decref(image);
    if (!text) return gm_fail(e, "%s: out of memory", f->w.path);
    gm_text_adds(&f->images, f->images.n ? ",\n" : "\n");
    gm_text_adds(&f->images, text);
    free(text);
    return f->images.failed ? gm_fail(e, "%s: out of memory", f->w.path) : 0;
}

int gm_json_file_commit(gm_json_file *f, gm_error *e)
{
    fputs("\n]", f->w.file);
    if (f->coco) fprintf(f->w.file, ",\n\"images\": [%s\n]}", f->images.n ? f->images.s : "");
    fputs("\n", f->w.file);
    gm_text_drop(&f->images);
    f->open = false;
    return gm_commit(&f->w, e);
}

void gm_json_file_drop(gm_json_file *f)
{
    if (f->open) gm_discard(&f->w);
    gm_text_drop(&f->images);
    f->open = false;
}

/* ---- pickle ---- */

/* n bytes of v, the lowest first. */
static void put_bytes(FILE *f, uint64_t v, int n)
{
    for (; n > 0; n--, v >>= 8) fputc((int)(v & 255), f);
}

static void put_int(FILE *f, int64_t v)
{
    fputc('J', f);                                      /* BININT */
    put_bytes(f, (uint64_t)v, 4);
}

static void put_text(FILE *f, const char *s, size_t n)
{
    fputc('X', f);                                      /* BINUNICODE */
    put_bytes(f, n, 4);
    fwrite(s, 1, n, f);
}

static void put_key(FILE *f, const char *s) { put_text(f, s, strlen(s)); }

static void put_field(FILE *f, const char *key, int64_t v)
{
    put_key(f, key);
    put_int(f, v);
}

static void put_text_field(FILE *f, const char *key, const char *s)
{
    put_key(f, key);
    put_key(f, s);
}

/* {'tokens', 'raw', 'sent_id', 'sent'} */
static void put_sentence(FILE *f, const char *s, int64_t id)
{
    fputs("}(", f);                                     /* EMPTY_DICT, MARK */
    put_key(f, "tokens");
    fputs("](", f);                                     /* EMPTY_LIST, MARK */
    for (const char *at = s; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        put_text(f, at, n);
        at += n;
    }
    fputc('e', f);                                      /* APPENDS */
    put_text_field(f, "raw", s);
    put_field(f, "sent_id", id);
    put_text_field(f, "sent", s);
    fputc('u', f);                                      /* SETITEMS */
}

int gm_refer_file_open(gm_refer_file *f, const char *path, gm_error *e)
{
    f->open = gm_create(&f->w, path, e) == 0;
    if (!f->open) return -1;
    fputs("\x80\x02](", f->w.file);                     /* PROTO 2, EMPTY_LIST, MARK */
    return 0;
}

void gm_refer_file_put(gm_refer_file *file, const gm_refer_ref *r)
{
    FILE *f = file->w.file;
    fputs("}(", f);
    put_key(f, "sent_ids");
    fputs("](", f);
    for (int i = 0; i < r->n; i++) put_int(f, r->first_sentence + i);
    fputc('e', f);
    put_text_field(f, "file_name", r->file_name);
    put_field(f, "ann_id", r->ann_id);
    put_field(f, "ref_id", r->ref_id);
    put_field(f, "image_id", r->image_id);
    put_text_field(f, "split", r->split);
    put_key(f, "sentences");
    fputs("](", f);
    for (int i = 0; i < r->n; i++) put_sentence(f, r->sentence[i], r->first_sentence + i);
    fputc('e', f);
    put_field(f, "category_id", r->category_id);
    fputc('u', f);
}

int gm_refer_file_commit(gm_refer_file *f, gm_error *e)
{
    fputs("e.", f->w.file);                             /* APPENDS, STOP */
    f->open = false;
    return gm_commit(&f->w, e);
}

void gm_refer_file_drop(gm_refer_file *f)
{
    if (f->open) gm_discard(&f->w);
    f->open = false;
}
