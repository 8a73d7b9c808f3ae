# FID against seconds a sentence.
# ARG1 folder of templates, ARG2 models, ARG3 frontier, ARG4 families in ARG2,
# ARG5 FID of real motions or empty, ARG6 figure, ARG7 svg or png, ARG8 note
models = ARG2; frontier = ARG3; families = int(ARG4); real = ARG5
figure = ARG6; kind = ARG7; note = ARG8
load ARG1.'/style.gp'

# Room for the labels beside the last point.
stats models using 1 nooutput name 'time'
set xrange [time_min/1.4:time_max*2.2]
set logscale x
set xlabel 'AITS: seconds a sentence, batch 1 (log)'
set ylabel 'FID'
set yrange [0:*]
set offsets 0, 0, graph 0.06, 0
set format x '%g'
if (time_max / time_min < 50) {
    set xtics ()
    do for [k=-6:3] { set xtics add (1*10.0**k, 2*10.0**k, 5*10.0**k) }
} else {
    set mxtics 10
}

# Columns: time, its interval, FID, its interval, label; a header a family.
# The real motions' own FID is a floor: no generator is asked to be below it.
if (strlen(real) > 0) {
    plot frontier using 1:2 with lines lc rgb '#BBBBBB' lw 6 title 'Pareto front', \
         real(real) with lines lc rgb '#888888' dt 2 lw 1.5 title 'real motions', \
         for [i=0:families-1] models index i using 1:3:($1-$2):($1+$2):($3-$4):($3+$4) \
             with xyerrorbars lt i+1 lw 1 ps 0 notitle, \
         for [i=0:families-1] models index i using 1:3 with linespoints lt i+1 title columnheader(1), \
         for [i=0:families-1] models index i using 1:3:5 with labels offset char 0.8,0.7 left \
             tc lt i+1 notitle
} else {
    plot frontier using 1:2 with lines lc rgb '#BBBBBB' lw 6 title 'Pareto front', \
         for [i=0:families-1] models index i using 1:3:($1-$2):($1+$2):($3-$4):($3+$4) \
             with xyerrorbars lt i+1 lw 1 ps 0 notitle, \
         for [i=0:families-1] models index i using 1:3 with linespoints lt i+1 title columnheader(1), \
         for [i=0:families-1] models index i using 1:3:5 with labels offset char 0.8,0.7 left \
             tc lt i+1 notitle
}
unset output
