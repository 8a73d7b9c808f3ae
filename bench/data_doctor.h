/* mlcm data doctor SET.h5: what is in a packed set and what is wrong with it. */
#ifndef MLCM_DATA_DOCTOR_H
#define MLCM_DATA_DOCTOR_H

int data_doctor(int argc, char **argv);
/* The same of a folder of published files: an exit code, after printing the findings. */
int folder_doctor(const char *folder);

#endif
