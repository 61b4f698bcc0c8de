/* Zip archives whose entries are stored, not compressed (as torch.save writes them), in memory. */
#ifndef GM_IO_ZIP_H
#define GM_IO_ZIP_H
#include <stddef.h>
#include <stdint.h>
#include "../ref/error.h"
#include "name_index.h"

typedef struct {
    char *name;
    const uint8_t *data;                /* inside the archive's bytes */
    size_t size;
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
const gm_zip_entry *gm_zip_find(const gm_zip *z, const char *name);
void gm_zip_close(gm_zip *z);

#endif
