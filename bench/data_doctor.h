/* mlcm data doctor SET.h5: what is in a packed set and what is wrong with it. */
#ifndef MLCM_DATA_DOCTOR_H
#define MLCM_DATA_DOCTOR_H

int data_doctor(int argc, char **argv);

#endif
