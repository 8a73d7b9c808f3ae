# Loss curves of a training run: the mean of each bin of steps, and its range.
# ARG1 folder of templates, ARG2 data, ARG3 curves, ARG4 1 for a logarithmic
# axis, ARG5 unused, ARG6 figure, ARG7 svg or png, ARG8 note
data = ARG2; curves = int(ARG3); logarithmic = int(ARG4)
figure = ARG6; kind = ARG7; note = ARG8
load ARG1.'/style.gp'

set xlabel 'step'
set ylabel (logarithmic ? 'value (log)' : 'value')
if (logarithmic) { set logscale y }
set format y '%g'
set format x '%.0s%c'
set yrange [*:*] noextend
set style fill transparent solid 0.18 noborder

# Columns: step, mean, least, greatest; a header a curve.
plot for [i=0:curves-1] data index i using 1:3:4 with filledcurves lt i+1 notitle, \
     for [i=0:curves-1] data index i using 1:2 with lines lt i+1 title columnheader(1)
unset output
