/* What the figures were taken on. */
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include "bench.h"
#include "../ref/kernels/cpu.h"

/* Jiffies are 10 ms on every Linux kernel's /proc. */
double bench_busy_seconds(void)
{
    long long t[8] = { 0 };             /* user nice system idle iowait irq softirq steal */
    FILE *f = fopen("/proc/stat", "r");
    if (!f) return 0;
    int n = fscanf(f, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &t[0], &t[1], &t[2], &t[3],
                   &t[4], &t[5], &t[6], &t[7]);
    fclose(f);
    return n < 8 ? 0 : (double)(t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) / 100;
}

/* The value of a /proc/cpuinfo line, without its newline. */
static void cpuinfo(const char *key, char *value, size_t size)
{
    char line[4096];
    value[0] = '\0';
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f) return;
    while (fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) || !colon) continue;
        snprintf(value, size, "%s", colon + 1 + (colon[1] == ' '));
        value[strcspn(value, "\n")] = '\0';
        break;
    }
    fclose(f);
}

void bench_machine(char *text, size_t size)
{
    static const char *const TOLD[] = { " sse4_2 ",  " avx2 ",        " fma ",
                                        " avx512f ", " avx512_vnni ", " avx512_bf16 " };
    char model[200], family[20], number[20], flags[4096], all[4100], blas[300];
    cpuinfo("model name", model, sizeof model);
    cpuinfo("cpu family", family, sizeof family);
    cpuinfo("model\t", number, sizeof number);
    cpuinfo("flags", flags, sizeof flags);
    snprintf(all, sizeof all, " %s ", flags);
    int n = snprintf(text, size, "%s (family %s, model %s),",
                     model[0] ? model : "unknown processor", family, number);
    for (size_t i = 0; i < sizeof TOLD / sizeof *TOLD; i++)
        if (strstr(all, TOLD[i]))
            n += snprintf(text + n, size - (size_t)n, "%.*s", (int)strlen(TOLD[i]) - 1, TOLD[i]);
    snprintf(text + n, size - (size_t)n, "\n%s%s", gm_cpu_describe(blas, sizeof blas),
             omp_get_max_threads() == 1 ? "; one thread: seconds are processor time" : "");
}
