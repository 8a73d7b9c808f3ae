# What all figures share. Expects the variables `kind` (svg or png), `figure`
# (output file) and `note` (a warning above the figure, or empty).
# Text from data files is never interpreted: enhanced mode is off.
if (kind eq 'svg') {
    set terminal svg size 900,560 font 'Helvetica,Arial,sans-serif,15' noenhanced background rgb 'white'
} else {
    set terminal pngcairo size 1800,1120 font 'sans,15' fontscale 1.6 linewidth 2 noenhanced background rgb 'white'
}
set output figure
set encoding utf8
set datafile separator "\t"
set datafile columnheaders

# Okabe and Ito's colours: told apart with any colour vision and in grey.
set linetype 1 lc rgb '#0072B2' lw 2 pt 7 ps 0.9
set linetype 2 lc rgb '#D55E00' lw 2 pt 5 ps 0.9
set linetype 3 lc rgb '#009E73' lw 2 pt 9 ps 1.0
set linetype 4 lc rgb '#CC79A7' lw 2 pt 13 ps 1.1
set linetype 5 lc rgb '#E69F00' lw 2 pt 11 ps 1.0
set linetype 6 lc rgb '#56B4E9' lw 2 pt 15 ps 1.0
set linetype 7 lc rgb '#555555' lw 2 pt 3 ps 0.9
set linetype cycle 7

set border 3 lw 1 lc rgb '#444444'
set tics nomirror out scale 0.6 textcolor rgb '#333333'
set grid lw 0.6 lc rgb '#DDDDDD' lt 1
set key top right outside samplen 1.5 spacing 1.25 textcolor rgb '#333333' Left reverse
set lmargin 10
if (strlen(note) > 0) { set title note textcolor rgb '#B00020' }
