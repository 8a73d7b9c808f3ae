# One metric of a sweep: a place on the axis a cell, a colour a model.
# ARG1 folder of templates, ARG2 means, ARG3 the seeds' own means, ARG4 "MODELS CELLS NUMERIC",
# ARG5 the metric's title, ARG6 figure, ARG7 svg or png, ARG8 note
data = ARG2; seeds = ARG3; models = int(word(ARG4, 1)); cells = int(word(ARG4, 2)); numeric = int(word(ARG4, 3))
name = ARG5; figure = ARG6; kind = ARG7; note = ARG8
load ARG1.'/style.gp'

set xrange [0.4:cells+0.6]
set xtics rotate by -35 left noenhanced
set rmargin 12
set ylabel name
set autoscale yfix
set offsets 0, 0, graph 0.08, graph 0.06
set format y '%g'

# Columns: place, mean, interval, cell; a header a model. Small hollow points: the seeds.
if (numeric) {
    plot for [i=0:models-1] seeds index i using 1:2 with points lt i+1 lw 1 pt 6 ps 0.5 notitle, \
         for [i=0:models-1] data index i using 1:2:3:xtic(4) with yerrorbars lt i+1 lw 1.5 ps 0 notitle, \
         for [i=0:models-1] data index i using 1:2 with linespoints lt i+1 title columnheader(1)
} else {
    plot for [i=0:models-1] seeds index i using 1:2 with points lt i+1 lw 1 pt 6 ps 0.5 notitle, \
         for [i=0:models-1] data index i using 1:2:3 with yerrorbars lt i+1 lw 1.5 ps 0 notitle, \
         for [i=0:models-1] data index i using (floor($1+0.5)):(NaN):xtic(4) with points notitle, \
         for [i=0:models-1] data index i using 1:2 with points lt i+1 title columnheader(1)
}
unset output
