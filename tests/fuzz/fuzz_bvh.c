/* Motion capture text with resampling; text that begins with '!' is a joint map. */
#include "fuzz.h"
#include "../../datasets/bvh.h"
#include "../../datasets/skeleton.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error e = {0};
    struct bvh b;
    struct joint_map map;
    double *positions = NULL;
    int frames = 0;
    if (size > 0 && data[0] == '!') {
        fuzz_verdict(joint_map_parse("fuzz.map", (const char *)data + 1, size - 1, skeleton_humanml3d(), &map, &e), &e);
        return 0;
    }
    if (fuzz_verdict(bvh_parse("fuzz.bvh", (const char *)data, size, &b, &e), &e)) return 0;
    for (int i = 0; i < 2; i++) {
        if (fuzz_verdict(bvh_positions(&b, i ? 20.0 : 0.0, &positions, &frames, &e), &e)) continue;
        for (size_t k = 0; k < 3 * (size_t)frames * (size_t)b.njoints; k++)
            if (!isfinite(positions[k])) fuzz_breach("a position that is not finite");
        free(positions);
    }
    bvh_free(&b);
    return 0;
}

void fuzz_seeds(void)
{
    static const char figure[] = "HIERARCHY\nROOT Hips\n{\nOFFSET 7 7 7\nCHANNELS 6 Xposition Yposition Zposition Zrotation "
                                 "Xrotation Yrotation\nJOINT Left Leg\n{\nOFFSET 1 -2 0\nCHANNELS 4 Yposition Xrotation Yrotation "
                                 "Zrotation\nEnd Site\n{\nOFFSET 0 -1 0\n}\n}\n}\nMOTION\nFrames: 3\nFrame Time: 0.0333333\n"
                                 "0 10 0  0 0 0  -3 0 0 0\n1 1e1 +0 90 0 720.0 -3.0E0 0 0 0\n2 .5 0 -180 1 2 3 4 5 6\n";
    static const char one[] = "HIERARCHY\rROOT a{OFFSET 0 0 0 CHANNELS 3 Zrotation Xrotation Yrotation End Site{OFFSET 1 1 1}}\r"
                              "MOTION\rFrames: 1\rFrame Time: .05\r1 2 3";
    fuzz_seed("figure", figure, sizeof figure - 1);
    fuzz_seed("one", one, sizeof one - 1);
    char map[2000] = "!unit = 2 # comment\n";
    const struct skeleton *s = skeleton_humanml3d();
    for (int j = 0; j < skeleton_joints(s); j++)
        snprintf(map + strlen(map), sizeof map - strlen(map), "%s = %s\n", skeleton_joint_name(s, j),
                 j == 3 ? "0.25*Hips + 0.75 * Left Leg" : "Hips");
    fuzz_seed("map", map, strlen(map));
    fuzz_seed_file("bandai", "datasets/joint_maps/bandai.map", "!", 1);
}
