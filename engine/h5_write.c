/* HDF5 files: writing datasets and attributes. */
#include "h5_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int write_dataset(struct h5 *f, const char *name, int rank, const int *dims, hid_t stored,
                         hid_t memory, const void *data, struct error *e)
{
    hsize_t size[H5_RANK_LIMIT];
    size_t count = 1;
    if (rank < 0 || rank > H5_RANK_LIMIT)
        return error_set(e, ERR_INTERNAL, "%s: %s: %d dimensions; at most 8", f->path, name, rank);
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return error_set(e, ERR_INTERNAL, "%s: %s: negative dimension", f->path, name);
        size[i] = (hsize_t)dims[i];
        count *= (size_t)dims[i];
    }
    hid_t space = rank ? H5Screate_simple(rank, size, NULL) : H5Screate(H5S_SCALAR);
    hid_t links = H5Pcreate(H5P_LINK_CREATE), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    H5Pset_obj_track_times(creation, 0); /* the same data give the same bytes */
    errno = 0;
    hid_t id = H5Dcreate2(f->id, name, stored, space, links, creation, H5P_DEFAULT);
    int ok = id >= 0 && (count == 0 || H5Dwrite(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    int why = errno;                     /* of the system call that failed: the library itself keeps no word of it */
    if (id >= 0)
        ok &= H5Dclose(id) >= 0;
    H5Pclose(creation);
    H5Pclose(links);
    H5Sclose(space);
    if (!ok)
        return error_set(e, ERR_ENV, "%s: %s: cannot be written (%s); check the space on the disk", f->path, name,
                         h5_why(f, why));
    return 0;
}

int h5_write_float(struct h5 *f, const char *name, int rank, const int *dims, const float *data,
                   struct error *e)
{
    return write_dataset(f, name, rank, dims, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, data, e);
}

/* HDF5 1.10 has no half-precision type of its own; it converts to any that is described to it. */
static hid_t half_type(void)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    return type;
}

int h5_write_half(struct h5 *f, const char *name, int rank, const int *dims, const float *data,
                  struct error *e)
{
    size_t count = 1;
    for (int i = 0; i < rank && i < H5_RANK_LIMIT; i++)
        count *= dims[i] > 0 ? (size_t)dims[i] : 0;
    for (size_t i = 0; i < count; i++)
        if (!(data[i] >= -65504.0f && data[i] <= 65504.0f))
            return error_set(e, ERR_INPUT, "%s: %s: %g does not fit half precision; keep single precision", f->path,
                             name, (double)data[i]);
    hid_t type = half_type();
    int rc = write_dataset(f, name, rank, dims, type, H5T_NATIVE_FLOAT, data, e);
    H5Tclose(type);
    return rc;
}

int h5_write_double(struct h5 *f, const char *name, int rank, const int *dims, const double *data,
                    struct error *e)
{
    return write_dataset(f, name, rank, dims, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, data, e);
}

int h5_write_int(struct h5 *f, const char *name, int rank, const int *dims, const int32_t *data,
                 struct error *e)
{
    return write_dataset(f, name, rank, dims, H5T_STD_I32LE, H5T_NATIVE_INT32, data, e);
}

static hid_t string_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

int h5_write_strings(struct h5 *f, const char *name, int count, char *const *data, struct error *e)
{
    size_t width = 1;
    for (int i = 0; i < count; i++)
        if (strlen(data[i]) > width)
            width = strlen(data[i]);
    if (width > H5_STRING_LIMIT)
        return error_set(e, ERR_INTERNAL, "%s: %s: a string above 1 MiB", f->path, name);
    char *block = calloc(count > 0 ? (size_t)count : 1, width);
    if (block == NULL)
        return error_memory(e, f->path);
    for (int i = 0; i < count; i++)
        memcpy(block + (size_t)i * width, data[i], strlen(data[i]));
    hid_t type = string_type(width);
    int rc = write_dataset(f, name, 1, &count, type, type, block, e);
    H5Tclose(type);
    free(block);
    return rc;
}

/* Writes one value; an attribute of that name is replaced. */
static int write_attribute(struct h5 *f, const char *name, const char *attr, hid_t stored, hid_t memory,
                           const void *v, struct error *e)
{
    hid_t object = H5Oopen(f->id, name, H5P_DEFAULT);
    if (object < 0)
        return error_set(e, ERR_INTERNAL, "%s: %s: no such object for attribute '%s'", f->path, name, attr);
    if (H5Aexists(object, attr) > 0)
        H5Adelete(object, attr);
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t id = H5Acreate2(object, attr, stored, space, H5P_DEFAULT, H5P_DEFAULT);
    int ok = id >= 0 && H5Awrite(id, memory, v) >= 0;
    if (id >= 0)
        ok &= H5Aclose(id) >= 0;
    H5Sclose(space);
    H5Oclose(object);
    if (!ok)
        return error_set(e, ERR_ENV, "%s: %s: attribute '%s' cannot be written; at most 64 KiB fit", f->path,
                         name, attr);
    return 0;
}

int h5_write_attr_double(struct h5 *f, const char *name, const char *attr, double v, struct error *e)
{
    return write_attribute(f, name, attr, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &v, e);
}

int h5_write_attr_int(struct h5 *f, const char *name, const char *attr, int64_t v, struct error *e)
{
    return write_attribute(f, name, attr, H5T_STD_I64LE, H5T_NATIVE_INT64, &v, e);
}

int h5_write_attr_string(struct h5 *f, const char *name, const char *attr, const char *v, struct error *e)
{
    size_t n = strlen(v);
    hid_t type = string_type(n ? n : 1);
    int rc = write_attribute(f, name, attr, type, type, v, e);
    H5Tclose(type);
    return rc;
}
