/* Zip archives in memory: entries stored as they are (as torch.save writes them) or deflated. */
#ifndef GM_IO_ZIP_H
#define GM_IO_ZIP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../ref/error.h"
#include "name_index.h"

typedef struct {
    char *name;
    const uint8_t *data;                /* inside the archive's bytes */
    size_t size;
    size_t packed;                      /* bytes at data when the entry is deflated, else 0 */
} gm_zip_entry;

typedef struct {
    gm_zip_entry *entry;                /* in the order of the directory */
    int64_t n;
    gm_named *order;
} gm_zip;

/* Reads the directory at the end, zip64 fields included.  name is for messages.  Refuses
 * compressed and encrypted entries, entries outside the bytes, names that occur twice.  Release
 * with gm_zip_close, also after an error. */
int gm_zip_open(gm_zip *z, const uint8_t *bytes, size_t n, const char *name, gm_error *e);
/* The same, and takes deflated entries too (Java archives). */
int gm_zip_open_deflated(gm_zip *z, const uint8_t *bytes, size_t n, const char *name, gm_error *e);
const gm_zip_entry *gm_zip_find(const gm_zip *z, const char *name);
/* The entry called `entry` as text, 0-terminated, malloc'ed, unpacked where it is deflated; NULL
 * with an error when there is none or its bytes are damaged. */
char *gm_zip_text(const gm_zip *z, const char *entry, const char *name, gm_error *e);
void gm_zip_close(gm_zip *z);

#endif
