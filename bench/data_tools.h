/* mlcm data features, joints, bvh: the motion representation as a tool, both ways, and motion capture files.
 * argv[0] is the sub-verb; all return an exit code and print their own error. */
#ifndef MLCM_DATA_TOOLS_H
#define MLCM_DATA_TOOLS_H

int data_features(int argc, char **argv);
int data_joints(int argc, char **argv);
int data_bvh(int argc, char **argv);
int data_synthetic(int argc, char **argv);

#endif
