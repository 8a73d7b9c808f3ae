# One metric against the number of steps.
# ARG1 folder of templates, ARG2 data, ARG3 families, ARG4 the metric's title,
# ARG5 value of real motions or empty, ARG6 figure, ARG7 svg or png, ARG8 note
data = ARG2; families = int(ARG3); name = ARG4; real = ARG5
figure = ARG6; kind = ARG7; note = ARG8
load ARG1.'/style.gp'

stats data using 1 nooutput name 'steps'
set xrange [steps_min/1.25:steps_max*1.25]
set logscale x 2
set xlabel 'steps'
set ylabel name
set autoscale yfix
set offsets 0, 0, graph 0.06, graph 0.06
set format x '%g'

# Columns: steps, mean, interval; a header a family.
if (strlen(real) > 0) {
    plot real(real) with lines lc rgb '#888888' dt 2 lw 1.5 title 'real motions', \
         for [i=0:families-1] data index i using 1:2:3 with yerrorbars lt i+1 lw 1 ps 0 notitle, \
         for [i=0:families-1] data index i using 1:2 with linespoints lt i+1 title columnheader(1)
} else {
    plot for [i=0:families-1] data index i using 1:2:3 with yerrorbars lt i+1 lw 1 ps 0 notitle, \
         for [i=0:families-1] data index i using 1:2 with linespoints lt i+1 title columnheader(1)
}
unset output
