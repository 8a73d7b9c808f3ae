/* What this program is and what it is built on. */
#ifndef MLCM_VERSION_H
#define MLCM_VERSION_H

#define MLCM_VERSION "0.1.0"

/* The git commit that the program was built from, with "-dirty" where the
 * working tree differed from it, or "unknown". */
const char *version_commit(void);

/* The compiler and the instruction set it was asked for. */
const char *version_build(void);

/* The libraries, as they report themselves at run time. */
struct library_version {
    const char *name;
    char version[80];
};
enum { VERSION_LIBRARIES = 6 };
void version_libraries(struct library_version out[VERSION_LIBRARIES]);

#endif
