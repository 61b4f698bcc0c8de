/* The types that convert and quantize write. */
#ifndef CLI_CONVERT_H
#define CLI_CONVERT_H
#include "../io/convert.h"

#define CONVERT_TYPES "f32|bf16|f16|q8_0|q6_K|q5_K|q5_K_M|q4_K|q4_K_M|q4_1|q4_0"

/* Sets type and mixed; false when name is none of the words. */
bool convert_type(gm_convert_options *o, const char *name);

#endif
