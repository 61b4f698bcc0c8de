/* What glamm data's parts share. */
#ifndef CLI_DATA_H
#define CLI_DATA_H
#include "../io/tokenizer.h"
#include "../train/data.h"

/* Open data sets, the words that questions are made of, and the tokenizer when a model is named. */
typedef struct {
    gm_data *data;
    gm_prompts *prompts;
    gm_tokenizer *tokenizer;
} data_work;

/* Writes pictures of `count` samples into folder; wants a tokenizer.  0 good. */
int data_preview(const data_work *w, int64_t count, const char *folder, gm_error *e);
/* One of them into a file: the image with masks and boxes, and below it every token that the model
 * reads, those that it is trained to write on green. */
int data_picture(const char *path, const data_work *w, const gm_sample *s, gm_error *e);

#endif
