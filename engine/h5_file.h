/* What h5.c and h5_write.c share; nobody else includes it. */
#ifndef MLCM_H5_FILE_H
#define MLCM_H5_FILE_H

#include "file.h"
#include "h5.h"

#include <hdf5.h>

enum { H5_RANK_LIMIT = 8, H5_STRING_LIMIT = 1 << 20 };

struct h5 {
    hid_t id;
    int writing;
    struct file_writer writer;
    char path[1024];
};

/* Why a write failed: the error that it left in errno or, where the library lost it, what the disk says. */
const char *h5_why(const struct h5 *f, int why);

#endif
