/* Texts as vectors by a BERT encoder, compared by their angle: the text side of mask recall
 * (groundingLMM eval/gcg/evaluate.py get_bert_embedding, text_similarity_bert). */
#ifndef GM_EVAL_BERT_H
#define GM_EVAL_BERT_H
#include "../ref/error.h"

typedef struct gm_bert gm_bert;

/* folder: config.json, vocab.txt, model.safetensors or pytorch_model.bin of an uncased BERT
 * (bert-base-uncased is what the authors use; MiniLM's are BERTs too).  NULL with an error that
 * names what is missing or of another size. */
gm_bert *gm_bert_open(const char *folder, gm_error *e);
void gm_bert_free(gm_bert *b);
int64_t gm_bert_width(const gm_bert *b);

/* y (n, C): the mean of the last hidden state over all of a text's tokens, [CLS] and [SEP] too;
 * 512 tokens at the most. */
int gm_bert_embed(float *y, gm_bert *b, const char *const *text, int64_t n, gm_error *e);

/* The cosine of the angle between two vectors (C); 0 when one is zero (sklearn's rule). */
double gm_cosine(const float *a, const float *b, int64_t C);

#endif
