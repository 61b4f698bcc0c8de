/* What the two encoders see: resized, normalised pixels in planes, and boxes in 0..1. */
#include "image.h"

#include <math.h>
#include <string.h>

/* transformers 4.28.1 image_transforms.py, get_resize_output_image_size: the shortest side becomes
 * `shortest`, the other is truncated. */
void gm_size_clip(int64_t width, int64_t height, int64_t shortest, int64_t *ow, int64_t *oh)
{
    *ow = *oh = shortest;
    if (width <= height) *oh = (int64_t)((double)(shortest * height) / (double)width);
    else *ow = (int64_t)((double)(shortest * width) / (double)height);
}

/* groundingLMM model/SAM/utils/transforms.py, ResizeLongestSide.get_preprocess_shape. */
void gm_size_sam(int64_t width, int64_t height, int64_t S, int64_t *ow, int64_t *oh)
{
    double scale = (double)S * 1.0 / (double)(width > height ? width : height);
    *ow = (int64_t)((double)width * scale + 0.5);
    *oh = (int64_t)((double)height * scale + 0.5);
}

/* transformers 4.28.1 image_processing_clip.py, CLIPImageProcessor.preprocess: bicubic resize of
 * the shortest side, centre crop, 1/255 in double, then float32. */
int gm_pixels_clip(float *out, const gm_image *im, const gm_config *g, gm_error *e)
{
    int64_t side = g->clip.crop, ow, oh;
    gm_size_clip(im->width, im->height, g->clip.shortest, &ow, &oh);
    if (side < 1 || side > g->clip.shortest)
        return gm_fail(e, "global encoder: wanted a crop of 1 to %lld pixels (the shortest side), "
                       "found %lld",
                       (long long)g->clip.shortest, (long long)side);
    gm_image crop;
    if (gm_image_resize_part(&crop, im, ow, oh, GM_BICUBIC, (ow - side) / 2, (oh - side) / 2, side,
                             side, e) != 0)
        return -1;
    for (int64_t c = 0; c < 3; c++) {
        for (int64_t i = 0; i < side * side; i++) {
            float x = (float)(crop.rgb[3 * i + c] * (1 / 255.0));
            out[c * side * side + i] = (x - g->clip.mean[c]) / g->clip.std[c];
        }
    }
    gm_image_free(&crop);
    return 0;
}

/* groundingLMM ResizeLongestSide.apply_image (bilinear), then eval/utils.py,
 * grounding_image_ecoder_preprocess: normalised on 0..255 values, padded right and below with 0. */
int gm_pixels_sam(float *out, const gm_image *im, int64_t S, int64_t resized[2], gm_error *e)
{
    static const float mean[3] = { 123.675f, 116.28f, 103.53f };
    static const float std[3] = { 58.395f, 57.12f, 57.375f };
    int64_t ow, oh;
    gm_size_sam(im->width, im->height, S, &ow, &oh);
    if (ow < 1 || oh < 1)
        return gm_fail(e, "the image is too narrow for the grounding encoder: %lld x %lld pixels "
                       "would become %lld x %lld", (long long)im->width, (long long)im->height,
                       (long long)ow, (long long)oh);
    gm_image small;
    if (gm_image_resize(&small, im, ow, oh, GM_BILINEAR, e) != 0) return -1;
    memset(out, 0, (size_t)(3 * S * S) * sizeof *out);
    for (int64_t c = 0; c < 3; c++)
        for (int64_t y = 0; y < oh; y++) {
            const uint8_t *row = small.rgb + 3 * y * ow + c;
            for (int64_t x = 0; x < ow; x++)
                out[(c * S + y) * S + x] = ((float)row[3 * x] - mean[c]) / std[c];
        }
    resized[0] = oh;
    resized[1] = ow;
    gm_image_free(&small);
    return 0;
}

/* x rounded to `keep` significand bits below the leading one, ties to even. */
static float round_significand(float x, int keep)
{
    uint32_t b, drop = 1u << (23 - keep);
    memcpy(&b, &x, 4);
    b += drop / 2 - 1 + (b / drop & 1);
    b &= ~(drop - 1);
    memcpy(&x, &b, 4);
    return x;
}

/* As torch's double.half().bfloat16(): the double is rounded to float first. */
static float half_then_bf16(double v)
{
    const float normal = 0x1p-14f, tiny = 0x1p-24f;     /* smallest normal and subnormal half */
    float x = (float)v;
    if (isnan(x)) return x;
    if (fabsf(x) >= 65520) return copysignf(HUGE_VALF, x);
    x = fabsf(x) < normal ? nearbyintf(x / tiny) * tiny : round_significand(x, 10);
    return round_significand(x, 7);
}

/* groundingLMM eval/region_captioning/infer.py: x over width, y over height, then
 * .half().to(bfloat16). */
void gm_boxes_normalise(float *out, const double (*boxes)[4], int64_t n, int64_t width,
                        int64_t height, bool bf16)
{
    for (int64_t i = 0; i < 4 * n; i++) {
        double v = boxes[i / 4][i % 4] / (double)(i % 2 ? height : width);
        out[i] = bf16 ? half_then_bf16(v) : (float)v;
    }
}
