/* Small text files of data sets: lists of names, captions with tokens and times. */
#ifndef MLCM_TEXT_LINES_H
#define MLCM_TEXT_LINES_H

#include "set_builder.h"

/* Names of a split file, one a line, blanks around them and empty lines dropped.
 * A name that is no plain file name, or is listed twice, is an ERR_INPUT.
 * *names: file_list_free. */
int names_read(const char *path, char ***names, int *count, struct error *e);

/* Adds the captions of a HumanML3D text file to the builder's last clip: lines
 * "caption#tokens#from#to", seconds, nan read as 0. A malformed line ends the file
 * and takes the whole-clip captions along, as in the published readers; *malformed
 * is then its number, else 0. `plain`: a line without any '#' is a caption of the
 * whole clip and is cut into tokens here. */
int captions_read(const char *path, int plain, struct set_builder *b, int *malformed,
                  struct error *e);

#endif
