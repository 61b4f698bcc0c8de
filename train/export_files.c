/* See export_files.h. */
#include "export_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/json.h"
#include "../io/os.h"

char *export_begin(const char *folder, gm_error *e)
{
    size_t n = strlen(folder);
    char *temporary = malloc(n + 10);
    if (!temporary) {
        gm_fail(e, "%s: out of memory", folder);
        return NULL;
    }
    while (n > 1 && folder[n - 1] == '/') n--;
    snprintf(temporary, n + 10, "%.*s.partial", (int)n, folder);
    if (gm_remove_dir(temporary, e) == 0 && gm_make_dir(temporary, e) == 0) return temporary;
    free(temporary);
    return NULL;
}

int export_end(char *temporary, const char *folder, int bad, gm_error *e)
{
    if (!temporary) return -1;
    if (!bad) bad = gm_rename(temporary, folder, e);
    if (bad) gm_remove_dir(temporary, NULL);
    free(temporary);
    return bad ? -1 : 0;
}

int export_json(const char *folder, const char *name, const json_t *o, gm_error *e)
{
    char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL, *path = gm_path_join(folder, name);
    gm_writer w;
    int bad = text && path ? gm_create(&w, path, e) : gm_fail(e, "%s: out of memory", name);
    if (!bad) {
        fprintf(w.file, "%s\n", text);
        bad = gm_commit(&w, e);
    }
    free(text);
    free(path);
    return bad;
}

int export_copy(const char *from, const char *folder, const char *name, gm_error *e)
{
    char *a = gm_path_join(from, name), *b = gm_path_join(folder, name);
    int bad = !a || !b ? gm_fail(e, "%s: out of memory", name)
        : gm_is_file(a) ? gm_copy_file(a, b, e) : 0;
    free(a);
    free(b);
    return bad;
}

static int write_config(const char *base, const char *folder, const char *type, bool own_tower,
                        gm_error *e)
{
    static const char *const tower[] = {
        "mm_vision_tower", "vision_tower", "mm_vision_module", "vision_module"
    };
    char *path = gm_path_join(base, "config.json");
    json_t *o = path ? gm_json_read(path, e) : NULL;
    int bad = o ? 0 : gm_fail(e, "%s: out of memory", base);
    const char *dtype = strcmp(type, "f32") == 0 ? "float32" : strcmp(type, "f16") == 0 ? "float16"
        : strcmp(type, "bf16") == 0 ? "bfloat16" : NULL;
    if (!bad && dtype) json_object_set_new(o, "torch_dtype", json_string(dtype));
    for (int i = 0; !bad && own_tower && i < 4; i++)
        if (i == 0 || json_object_get(o, tower[i]))
            json_object_set_new(o, tower[i], json_string("clip"));
    if (!bad) bad = export_json(folder, "config.json", o, e);
    json_decref(o);
    free(path);
    return bad;
}

int export_base_files(const char *base, const char *folder, const char *type, bool own_tower,
                      gm_error *e)
{
    static const char *const name[] = {
        "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "generation_config.json", "sizes.json", "prompts.json", "preprocessor_config.json"
    };
    int bad = write_config(base, folder, type, own_tower, e);
    for (size_t i = 0; !bad && i < sizeof name / sizeof *name; i++)
        bad = export_copy(base, folder, name[i], e);
    return bad;
}

int export_adapter_config(const char *folder, const gm_params *ps, const char *base, gm_error *e)
{
    json_t *targets = json_array();
    json_t *alpha = ps->alpha == (double)(json_int_t)ps->alpha
        ? json_integer((json_int_t)ps->alpha) : json_real(ps->alpha);
    for (int64_t i = 0; i < ps->pairs; i++)
        json_array_append_new(targets, json_string(ps->pair[i].base));
    json_t *o = json_pack("{sn ss ss sb sb sb sn sn so sf sn ss sI sn so ss}", "auto_mapping",
                          "base_model_name_or_path", base, "bias", "none", "fan_in_fan_out", 0,
                          "inference_mode", 1, "init_lora_weights", 1, "layers_pattern",
                          "layers_to_transform", "lora_alpha", alpha, "lora_dropout",
                          ps->dropout, "modules_to_save", "peft_type", "LORA", "r",
                          (json_int_t)ps->rank, "revision", "target_modules", targets, "task_type",
                          "CAUSAL_LM");
    int bad = o ? export_json(folder, "adapter_config.json", o, e)
                : gm_fail(e, "adapter_config.json: out of memory");
    json_decref(o);
    return bad;
}
