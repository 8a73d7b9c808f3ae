/* Does a caption hold for a motion that it was not written for? */
#ifndef MLCM_CONSISTENCY_H
#define MLCM_CONSISTENCY_H

/* 1 if every slot that the caption asserts holds for the clip, else 0. A key that
 * the clip's slots lack (the measure was between two words) does not hold. A
 * caption without slots asserts nothing that can be checked: 0. */
int caption_consistent(const char *slots_of_caption, const char *slots_of_clip);

#endif
