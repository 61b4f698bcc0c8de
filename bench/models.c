/* The encoders at release size (docs/MODEL.md) with random weights, and their work in GFLOP.
 * Nothing is freed: each row is a process. */
#include <math.h>
#include <stdlib.h>
#include "bench.h"
#include "../io/os.h"
#include "../ref/kernels/typed.h"

/* SAM ViT-H at 1024 pixels: width, MLP, heads, grid, patch, window, output. */
enum { SC = 1280, SF = 5120, SNH = 16, SG = 64, SP = 16, SW = 14, SOUT = 256, SWINDOWS = 25 };
/* CLIP ViT-L/14 at 336 pixels: width, MLP, heads, layers, grid, patch; the 23rd state is used. */
enum { CC = 1024, CF = 4096, CNH = 16, CL = 24, CUSED = 23, CG = 24, CP = 14 };
/* Region encoder: RoI side, position width, LLaMA width, groups. */
enum { RP = 14, RNARROW = 256, RHIDDEN = 4096, RGROUPS = 64 };

/* Uniform in -scale .. scale, the same each time. */
gm_tensor bench_random(gm_dtype type, int nd, const int64_t *dim, float scale)
{
    gm_tensor x = { .nd = nd, .type = type };
    int64_t n = 1;
    for (int i = 0; i < nd; i++) n *= x.dim[i] = dim[i];
    int64_t runs = (n + 65535) / 65536;
    x.data = gm_aligned_alloc((size_t)n * gm_type_size(type));
    if (!x.data) abort();
    #pragma omp parallel for
    for (int64_t run = 0; run < runs; run++) {
        uint32_t s = (uint32_t)run * 2654435761u + 12345u;
        int64_t end = (run + 1) * 65536 < n ? (run + 1) * 65536 : n;
        for (int64_t i = run * 65536; i < end; i++) {
            s = s * 1664525u + 1013904223u;
            float v = ((float)(s >> 8) * 0x1p-23f - 1.0f) * scale;
            if (type == GM_F32) ((float *)x.data)[i] = v;
            else ((uint16_t *)x.data)[i] = type == GM_BF16 ? gm_to_bf16(v) : gm_to_f16(v);
        }
    }
    return x;
}

/* A weight whose products keep the size of their input; a vector. */
static gm_tensor weight(int nd, const int64_t *dim)
{
    double summed = 1;
    for (int i = 1; i < nd; i++) summed *= (double)dim[i];
    return bench_random(GM_F32, nd, dim, (float)sqrt(3 / summed));
}
static gm_tensor vector(int64_t n) { return bench_random(GM_F32, 1, &n, 0.1f); }

static sam_block random_block(int64_t S)
{
    int64_t rows = 2 * (S ? S : SG) - 1;
    return (sam_block){
        .ln1_w = vector(SC), .ln1_b = vector(SC), .ln2_w = vector(SC), .ln2_b = vector(SC), .S = S,
        .qkv_w = weight(2, GM_DIMS(3 * SC, SC)), .qkv_b = vector(3 * SC),
        .proj_w = weight(2, GM_DIMS(SC, SC)), .proj_b = vector(SC),
        .rel_h = weight(2, GM_DIMS(rows, SC / SNH)), .rel_w = weight(2, GM_DIMS(rows, SC / SNH)),
        .lin1_w = weight(2, GM_DIMS(SF, SC)), .lin1_b = vector(SF),
        .lin2_w = weight(2, GM_DIMS(SC, SF)), .lin2_b = vector(SC),
    };
}

void bench_sam(sam_encoder *m, int64_t windows, int64_t globals)
{
    *m = (sam_encoder){
        .L = windows + globals, .NH = SNH, .G = SG, .P = SP,
        .patch_w = weight(4, GM_DIMS(SC, 3, SP, SP)), .patch_b = vector(SC),
        .pos_embed = bench_random(GM_F32, 4, GM_DIMS(1, SG, SG, SC), 0.1f),
        .neck0_w = weight(4, GM_DIMS(SOUT, SC, 1, 1)), .neck1_w = vector(SOUT),
        .neck1_b = vector(SOUT),
        .neck2_w = weight(4, GM_DIMS(SOUT, SOUT, 3, 3)), .neck3_w = vector(SOUT),
        .neck3_b = vector(SOUT),
    };
    m->block = calloc((size_t)m->L + 1, sizeof *m->block);
    if (!m->block) abort();
    for (int64_t l = 0; l < m->L; l++) m->block[l] = random_block(l < windows ? SW : 0);
}

/* The windows' padding is computed as the authors do, and counted. */
double bench_sam_gflop(int64_t windows, int64_t globals)
{
    double T = SG * SG, C = SC, W = SW * SW, padded = SWINDOWS * W;
    double mlp = 4 * T * C * SF, ends = 2 * T * (3.0 * SP * SP * C + C * SOUT + 9.0 * SOUT * SOUT);
    double window = 8 * padded * C * C + mlp + padded * C * (4 * W + 4 * SW);
    double global = 8 * T * C * C + mlp + T * C * (4 * T + 4 * SG);
    return 1e-9 * (ends + (double)windows * window + (double)globals * global);
}

void bench_clip(clip_tower *m)
{
    *m = (clip_tower){
        .L = CL, .NH = CNH, .S = CG * CP, .P = CP, .eps = 1e-5f, .select = CUSED,
        .patch_w = weight(4, GM_DIMS(CC, 3, CP, CP)), .class_embedding = vector(CC),
        .position_w = bench_random(GM_F32, 2, GM_DIMS(CG * CG + 1, CC), 0.1f), .pre_w = vector(CC),
        .pre_b = vector(CC),
    };
    m->layer = calloc(CL, sizeof *m->layer);
    if (!m->layer) abort();
    for (int64_t l = 0; l < CUSED; l++)
        m->layer[l] = (clip_layer){
            .ln1_w = vector(CC), .ln1_b = vector(CC), .ln2_w = vector(CC), .ln2_b = vector(CC),
            .q_w = weight(2, GM_DIMS(CC, CC)), .q_b = vector(CC), .k_w = weight(2, GM_DIMS(CC, CC)),
            .k_b = vector(CC),
            .v_w = weight(2, GM_DIMS(CC, CC)), .v_b = vector(CC), .o_w = weight(2, GM_DIMS(CC, CC)),
            .o_b = vector(CC),
            .fc1_w = weight(2, GM_DIMS(CF, CC)), .fc1_b = vector(CF),
            .fc2_w = weight(2, GM_DIMS(CC, CF)), .fc2_b = vector(CC),
        };
}

double bench_clip_gflop(void)
{
    double T = CG * CG + 1, C = CC;
    return 1e-9 * (2 * (T - 1) * 3 * CP * CP * C +
                   CUSED * (8 * T * C * C + 4 * T * C * CF + 4 * T * T * C));
}

void bench_region(region_encoder *m, int64_t steps)
{
    *m = (region_encoder){
        .groups = RGROUPS, .scale = 224, .nfuse = steps,
        .pos0_w = weight(2, GM_DIMS(RNARROW, 4)), .pos0_b = vector(RNARROW),
        .pos2_w = vector(RNARROW), .pos2_b = vector(RNARROW),
        .pos3_w = weight(2, GM_DIMS(CC, RNARROW)), .pos3_b = vector(CC), .pos5_w = vector(CC),
        .pos5_b = vector(CC),
        .flatten_w = weight(2, GM_DIMS(CC, CC * RP * RP)), .flatten_b = vector(CC),
        .updims_w = weight(2, GM_DIMS(RHIDDEN, CC)), .updims_b = vector(RHIDDEN),
    };
    for (int i = 0; i < 4; i++) {
        m->input_w[i] = weight(4, GM_DIMS(CC, CC + 2, 1, 1)), m->input_b[i] = vector(CC);
        m->pconv_w[i] = weight(4, GM_DIMS(CC, CC, 3, 3)), m->pconv_b[i] = vector(CC);
    }
    for (int64_t i = 0; i < steps; i++) {
        m->fuse_w[i] = weight(4, GM_DIMS(CC, CC, 3, 3));
        m->gn_w[i] = vector(CC), m->gn_b[i] = vector(CC);
    }
}

double bench_region_gflop(int64_t steps, int64_t boxes)
{
    double C = CC, pixels = CG * CG * (1 + 4 + 16 + 64), N = (double)boxes;
    double head = 2 * N * RP * RP * C * (4 * 9 * C + C) + 2 * N * C * RHIDDEN;
    return 1e-9 * (2 * pixels * C * (C + 2) + (double)steps * 18 * pixels * C * C + head);
}
