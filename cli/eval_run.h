/* The model's part in an evaluation: it makes the predictions that are not there yet, one file
 * each, beside other processes that do the same. */
#ifndef CLI_EVAL_RUN_H
#define CLI_EVAL_RUN_H
#include "eval.h"

/* The model at work, with the image of the last question. */
typedef struct {
    eval_call *call;
    gm_model *model;
    gm_session *session;
    gm_image image;
    char *shown;                /* its path */
    bool hopeless;              /* the model cannot be opened: nothing else need be tried */
    int64_t number, total;      /* of the item at hand, for the progress line */
} eval_worker;

/* What is asked for one file. */
typedef struct {
    const char *id;             /* the file is called ID.json */
    char *image;                /* path of the picture, malloc'ed */
    question q;                 /* what the file's request records */
    const char *how;            /* whatever else decides the prediction, or NULL */
} eval_question;

typedef struct {
    int64_t n;
    int (*question)(void *user, int64_t i, eval_question *q, gm_error *e);
    /* The prediction: an object, which gains "glamm" and "request"; NULL with an error. */
    json_t *(*answer)(void *user, int64_t i, eval_worker *w, gm_error *e);
    void *user;
} eval_job;

/* Does what is to do in the folder o.pred.  0: everything is there, or named as failed; 1: it makes
 * no sense to go on; EVAL_DONE: another process (rank 0 of MPI) will score. */
enum { EVAL_DONE = 3 };
int eval_predict(eval_call *c, const eval_job *j);

/* One question about the worker's image, as the first of a conversation. */
gm_answer *eval_ask(eval_worker *w, const question *q, gm_error *e);
/* o.images/FILE, or o.images/ID with the ending of a picture that is there; malloc'ed, NULL when
 * out of memory. */
char *eval_image_path(const eval_call *c, const char *file, const char *id);
/* COCO's run-length mask of answer a's mask k; NULL with an error. */
json_t *eval_mask_json(const gm_answer *a, int64_t k, gm_error *e);
/* A whole number where the text is one, else the text. */
json_t *eval_id_json(const char *id);

#endif
