#!/usr/bin/env bash
# mlcm generate to .bvh, .h5, .html, and mlcm data bvh: what the files hold, and what is refused.
set -u
build=${1:-build}
mlcm=$build/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh
result=$folder/result
models=results/weights/bandai_small
if [ ! -e "$models/lcm.h5" ]; then
    skip "$models is not here: nothing was generated"
    finish
    exit
fi
walk=(generate "a person walks forward" --frames 48 --seed 3 --model "$models")

# --- .bvh --------------------------------------------------------------------------------------
runs 0 "${walk[@]}" -o "$folder/walk.bvh"
grep -q 'laid on constant ones its joints are [0-9.]* cm off on average, [0-9.]* cm at most' "$folder/err"
check $? "how near the file is was not said: $(cat "$folder/err")"
[ "$(grep -c 'JOINT' "$folder/walk.bvh")" = 21 ] && [ "$(grep -c 'End Site' "$folder/walk.bvh")" = 5 ] &&
    grep -q '^ROOT pelvis' "$folder/walk.bvh" && grep -q '^Frames: 48' "$folder/walk.bvh" && grep -q '^Frame Time: 0.05$' "$folder/walk.bvh"
check $? "the hierarchy or the frames of walk.bvh"
[ "$(grep -c 'CHANNELS 3 Zrotation Xrotation Yrotation' "$folder/walk.bvh")" = 21 ]
check $? "a joint has other channels than three rotations"
[ "$(sed -n '/^Frame Time/,$p' "$folder/walk.bvh" | sed 1d | awk 'NF != 69' | wc -l)" = 0 ]
check $? "a frame of walk.bvh has not 69 values"
# The same file from joints and from features that were written as .npy.
runs 0 "${walk[@]}" --joints -o "$folder/joints.npy"
runs 0 "${walk[@]}" -o "$folder/features.npy"
runs 0 data bvh --motion "$folder/joints.npy" --out "$folder/joints.bvh"
runs 0 data bvh --motion "$folder/features.npy" --out "$folder/features.bvh"
same "$folder/walk.bvh" "$folder/joints.bvh" "generate and data bvh --motion JOINTS differ"
# Joints recovered from features may differ in the last bit.
apart=$(paste <(tail -n 48 "$folder/walk.bvh") <(tail -n 48 "$folder/features.bvh") |
    awk '{ for (i = 1; i <= 69; i++) { d = $i - $(i + 69); d = d < 0 ? -d : d; if (d > most) most = d } } END { print NF, most < 0.01 }')
[ "$apart" = "138 1" ]
check $? "generate and data bvh --motion FEATURES differ: $apart"
runs 0 data bvh --motion "$folder/joints.npy" --out "$folder/fast.bvh" --fps 30 --scale 0.5
grep -q '^Frame Time: 0.0333333333$' "$folder/fast.bvh"
check $? "--fps 30 is not the frame time"
# Our own reader takes it: a map from each joint to itself.
sed -nE 's/^ *(ROOT|JOINT) (.*)/\2 = \2/p' "$folder/walk.bvh" >"$folder/same.map"
runs 0 data features --joints "$folder/walk.bvh" --map "$folder/same.map" --out "$folder/back.npy"
grep -q '47 frames of 263 features' "$folder/out"
check $? "the reader found other frames: $(cat "$folder/out")"
# One skeleton of constant bones, laid once more, is itself.
runs 0 data bvh --motion "$folder/back.npy" --out "$folder/back.bvh"

# --- .h5 ----------------------------------------------------------------------------------------
runs 0 "${walk[@]}" -o "$folder/walk.h5"
runs 0 info "$folder/walk.h5"
grep -qE 'features +48x263' "$folder/out" && grep -qE 'joints +48x22x3' "$folder/out" && grep -q 'motion' "$folder/out" &&
    grep -q 'a person walks forward' "$folder/out"
check $? "info of walk.h5: $(cat "$folder/out")"
for words in lcm_sha256 vae_sha256 'MotionLCM' "$(sha256sum <"$models/lcm.h5" | cut -c1-64)"; do
    grep -qa -- "$words" "$folder/walk.h5"
    check $? "walk.h5 lacks $words"
done
runs 0 "${walk[@]}" -o "$folder/again.h5"
same "$folder/walk.h5" "$folder/again.h5" "the same seed gives another .h5"

# --- .html ---------------------------------------------------------------------------------------
runs 0 generate 'a person </script><script>alert(1)</script> & "waves"' --frames 40 --model "$models" -o "$folder/wave.html"
grep -q '<h1>a person &lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;waves&quot;</h1>' "$folder/wave.html" &&
    ! grep -q '<script>alert' "$folder/wave.html" && grep -q 'class="player" data-motions="motions-1"' "$folder/wave.html"
check $? "the text in wave.html"
! grep -qE '(src|href)="?(https?:|//|file:)' "$folder/wave.html"
check $? "an external reference in wave.html"
[ "$(stat -c %s "$folder/wave.html")" -lt 100000 ]
check $? "wave.html has $(stat -c %s "$folder/wave.html") bytes"

# --- several texts, control -------------------------------------------------------------------------
texts=(generate "a person walks forward" "a person bows" --frames 40 --model "$models")
runs 0 "${texts[@]}" -o "$folder/two.html"
grep -qE '"segments":\[\{"frame":0,"text":"a person walks forward"\},\{"frame":[1-4][0-9],"text":"a person bows"\}\]' "$folder/two.html" &&
    grep -q 'One motion from 2 texts' "$folder/two.html"
check $? "the segments of two.html: $(grep -o '"segments":.\{100\}' "$folder/two.html")"
runs 0 "${texts[@]}" -o "$folder/two.bvh"
grep -q '^Frames: 80' "$folder/two.bvh"
check $? "two.bvh has not 80 frames: $(grep Frames "$folder/two.bvh")"
runs 0 "${texts[@]}" -o "$folder/two.h5"
runs 0 info "$folder/two.h5"
grep -qE 'joints +80x22x3' "$folder/out" && grep -qE 'texts +2' "$folder/out" && grep -qE 'first_frames +2' "$folder/out"
check $? "info of two.h5: $(cat "$folder/out")"
printf 't,joint,x,y,z\n0.5,left_wrist,0.3,1.4,0.2\n1,left_wrist,0.3,1.5,0.3\n' >"$folder/told.csv"
if [ -e "$models/control.h5" ]; then
    runs 0 "${walk[@]}" --control "$folder/told.csv" -o "$folder/told.html"
    grep -q '"hints":\[\[10,20,300,1400,200\],\[20,20,300,1500,300\]\]' "$folder/told.html"
    check $? "the told positions in told.html"
    runs 0 "${walk[@]}" --control "$folder/told.csv" -o "$folder/told.h5"
    runs 0 info "$folder/told.h5"
    grep -qE 'told_mask +48x22' "$folder/out"
    check $? "info of told.h5: $(cat "$folder/out")"
else
    skip "no ControlNet in $models: told positions were not written"
fi

# --- refused ---------------------------------------------------------------------------------------------
refuses 2 'npy, .bvh, .h5, .html or .svg' "${walk[@]}" -o "$result.mp4"
refuses 2 '\.bvh, \.h5, \.html' "${texts[@]}" -o "$result.mp4"
refuses 4 'no-such-folder' "${walk[@]}" -o "$folder/no-such-folder/result.bvh"
refuses 4 'no-such-folder' "${walk[@]}" -o "$folder/no-such-folder/result.html"
refuses 4 'no-such-folder' "${walk[@]}" -o "$folder/no-such-folder/result.h5"
refuses 2 'data bvh needs' data bvh --motion "$folder/joints.npy"
refuses 2 'data bvh needs' data bvh --motion "$folder/joints.npy" --out "$result.npy"
refuses 3 'no-such' data bvh --motion "$folder/no-such.npy" --out "$result.bvh"
refuses 3 'walk.bvh' data bvh --motion "$folder/walk.bvh" --out "$result.bvh"
# 2 frames of 22 joints, the last value NaN; and 5 joints
{ printf '\223NUMPY\001\000\166\000'; printf "%-117s\n" "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 22, 3), }"
  head -c 524 /dev/urandom | tr '\000-\377' '\077\077\077\077'; printf '\000\000\300\177'; } >"$folder/nan.npy"
refuses 3 'nan.npy|frame 1' data bvh --motion "$folder/nan.npy" --out "$result.bvh"
{ printf '\223NUMPY\001\000\166\000'; printf "%-117s\n" "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 5, 3), }"
  head -c 120 /dev/zero; } >"$folder/five.npy"
refuses 3 'frames, 22, 3' data bvh --motion "$folder/five.npy" --out "$result.bvh"
finish
