#!/usr/bin/env bash
# mlcm report: tables and the page, what is escaped, what is marked, what is refused; and, where Chromium is
# installed, the page as a browser runs it.
set -u
build=${1:-build}
mlcm=$build/mlcm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/checks.sh

# has FILE PATTERN WHAT: a line of FILE matches the extended regular expression.
has() {
    grep -qE -- "$2" "$1"
    check $? "$3: no \"$2\" in $(basename "$1")"
}
hasnt() {
    ! grep -qE -- "$2" "$1"
    check $? "$3: \"$2\" is in $(basename "$1")"
}

# --- documents made here: known numbers, hostile words ----------------------------------

# metric NAME DIRECTION MEAN CI
metric() {
    printf '{"name":"%s","unit":"","direction":"%s","mean":%s,"ci95":%s,"replications":[%s,%s]}' "$1" "$2" "$3" "$4" "$3" "$3"
}
# document LIMIT MODEL NOTE CHECK: a results document
document() {
    cat <<END
{"schema":"mlcm-results-1","tool":{"version":"0.1.0","commit":"abc1234","build":"gcc"},"host":{"cpu":"a cpu","threads":2},
 "libs":{"GSL":"2.7"},"command":"mlcm bench --config x.json","started":"2026-01-31T12:00:00Z","seconds":12,
 "experiment":{"name":"made","description":"A made table: with <b>bold</b> & more"},
 "data":{"name":"made up","split":"test","n_original":100,"n_used":90,"sha256":"$(printf '%064d' 1)","statistics":"$(printf '%064d' 2)","nan_ids":["007975"]},
 "evaluator":{"name":"an evaluator","sha256":"$(printf '%064d' 3)","padding_rule":"none"},
 "protocol":{"replications":2,"pool":32,"diversity_times":10,"limit":$1,"seeds":[1234]},
 "models":[{"name":"A","family":"F","steps":1,"guidance":5,"checkpoint_sha256":"$(printf '%064d' 4)"},{"name":"$2","family":"F","steps":2,"guidance":5}],
 "rows":[
  {"model":"Real","real":true,"metrics":[$(metric FID down 0.01 0.001),$(metric R_precision_top_3 up 0.9 0.01),$(metric Diversity "near real" 10 0.1)]},
  {"model":"Bound","reference":true,"metrics":[$(metric FID down 0.02 0.001),$(metric R_precision_top_3 up 0.99 0.01)]},
  {"model":"A","metrics":[$(metric FID down 0.5 0.001),$(metric R_precision_top_3 up 0.7 0.01),$(metric Diversity "near real" 9.5 0.1)]},
  {"model":"$2","metrics":[$(metric FID down 0.25 0.001),$(metric R_precision_top_3 up 0.6 0.01),$(metric Diversity "near real" 10.9 0.1)]}],
 "timings":[{"model":"A","name":"AITS","definition":"seconds a sentence","batch":1,"warmup":1,"runs":3,"mean":0.001,"p50":0.001,"p90":0.002,"p99":0.003,"stages":{"text":0.0001,"denoise":0.0005,"decode":0.0004}}],
 "checks":[{"name":"first","pass":true,"detail":"fine"},{"name":"second","pass":$4,"detail":"detail"}],
 "notes":["$3"]}
END
}
# motions CAPTION MODEL: two clips of three frames, 22 joints; every coordinate of frame 0 is 64 mm, the later ones go on
# by 1 mm; the second clip has hints. Codes: 2*64 = 128 is 0x80 0x01, 2*1 is 0x02.
motions() {
    local positions
    positions=$({ for _ in $(seq 66); do printf '\200\001'; done; for _ in $(seq 132); do printf '\002'; done; } | base64 -w 0)
    cat <<END
{"schema":"mlcm-motions-1","experiment":"made","fps":20,"joints":22,"clips":[
 {"caption":"$1","clip":"one","frames":3,"motions":[{"model":"Real","real":true,"positions":"$positions"},{"model":"$2","real":false,"positions":"$positions"}]},
 {"caption":"second","clip":"two","frames":3,"hints":[[0,0,64,64,64],[1,15,65,65,165]],"motions":[{"model":"Real","real":true,"positions":"$positions"},{"model":"$2","positions":"$positions"}]}]}
END
}
hostile='</script><script>window.broken=1</script><!-- & \" '"'"' {{body}} <img src=x onerror=window.broken=1>'
mkdir -p "$folder/in/made" "$folder/bad"
document 0 "B <x> & $hostile" "A note." true >"$folder/in/made.json"
motions "walks $hostile" "B $hostile" >"$folder/in/made/motions.json"
document 64 "C" "Synthetic <i>data</i>." false >"$folder/in/short.json"
echo '{"schema":"mlcm-sweep-0"}' >"$folder/in/other.json"
printf '<svg xmlns="http://www.w3.org/2000/svg"><script>window.broken=1</script><image href="http://example.org/x.png"/></svg>' >"$folder/in/made/loss_vae.svg"

# --- what is written ------------------------------------------------------------------------

out=$folder/page
runs 0 report "$folder/in" -o "$out"
page=$out/index.html
[ -s "$page" ]
check $? "no page was written"
has "$folder/err" '1 other JSON file' "a JSON file of another kind is counted"
for file in made/table.md made/table.tex made/table.csv short/table.md; do
    [ -s "$out/$file" ]
    check $? "$file was not written"
done

# Well-formed: each element that is opened is closed; one main, one h1; ids are unique.
for tag in html head body header main footer section table thead tbody tr th td caption figure figcaption details summary dl dt dd ul li \
           div p h1 h2 h3 pre button label select option template script style noscript; do
    # what stands in scripts is no markup
    opened=$(sed '/^<script>$/,/^<\/script>$/d' "$page" | grep -oE "<$tag[ >]" | wc -l)
    closed=$(sed '/^<script>$/,/^<\/script>$/d' "$page" | grep -oE "</$tag>" | wc -l)
    [ "$opened" = "$closed" ]
    check $? "<$tag> is opened $opened times and closed $closed times"
done
[ "$(grep -c '<h1' "$page")" = 1 ] && [ "$(grep -c '<main' "$page")" = 1 ]
check $? "not one h1 and one main"
[ -z "$(grep -oE ' id="[^"]*"' "$page" | sort | uniq -d)" ]
check $? "ids that stand twice: $(grep -oE ' id="[^"]*"' "$page" | sort | uniq -d | head -3)"
hasnt "$page" '\{\{(title|style|script|lead|foot)\}\}' "a mark of the template was left"
has "$page" '<html lang="en">' "language"

# Nothing from elsewhere: no address but those in image data, no link but within the page.
hasnt "$page" '(src|href|action|data|poster|srcset)="?(https?:|//|file:|ftp:)' "an external reference"
hasnt "$page" '@import|url\(' "a style sheet from elsewhere"
[ -z "$(grep -oE '(src|href)="[^"]{0,6}' "$page" | grep -vE '"(#|data:i)')" ]
check $? "a link that leaves the page"
has "$page" "Content-Security-Policy.*default-src 'none'" "a policy that forbids the network"

# Hostile words stay words.
hasnt "$page" '<img src=x|<x>|<i>data|<b>bold' "markup from a document"
[ "$(grep -c 'window.broken' "$page")" -ge 1 ] && hasnt "$page" '<script>window' "a script from a document"
has "$page" '&lt;/script&gt;&lt;script&gt;' "the model's name, escaped"
has "$page" '"caption":"walks \\u003c/script\\u003e' "the caption in the data, escaped"
has "$page" 'src="data:image/svg\+xml;base64,' "a picture from beside the document stands as an image"

# The best in bold, and only of those that compete.
cells() { grep -oE "<tr class=\"model\"><th scope=\"row\">$1.*" "$page" | head -n 1; }
cells A | grep -q '<strong>0.700</strong>' && cells A | grep -q '>0.500<' && cells A | grep -q '<strong>9.500</strong>'
check $? "model A: R@3 and Diversity are the best, FID is not: $(cells A)"
cells B | grep -q '<strong>0.250</strong>' && cells B | grep -q '>0.600<'
check $? "model B: FID is the best: $(cells B)"
hasnt "$page" '<strong>0.020|<strong>0.990|<strong>0.010' "a bound or the real row is in bold"
has "$out/made/table.tex" '\\mathbf\{0.250\}\^\{\\pm 0.001\}' "LaTeX: best in bold"
has "$out/made/table.tex" 'R@3 \$\\uparrow\$' "LaTeX: arrows"
has "$out/made/table.md" '\*\*0.250\*\* ± 0.001' "Markdown: best in bold"
has "$page" 'lower is better' "the direction in words"
has "$page" 'Fréchet distance between Gaussians' "a definition"

# Limited runs and failed checks are loud.
has "$page" 'class="loud"[^<]*<b>Limited run.</b> Only 64 items' "the limited run's warning"
has "$page" 'class="tag">limited run' "the limited run's tag"
has "$page" '<strong>Limited run of 64 items.</strong>' "the limited run's caption"
has "$page" '1 of 2 checks failed' "the failed check's warning"
has "$page" '<li class="fail"><b>FAILED</b> second' "the failed check"
has "$page" 'Synthetic &lt;i&gt;data' "the note"
[ "$(grep -c 'class="loud"' "$page")" = 4 ]
check $? "the full run is marked as limited"

# Provenance
for words in 'mlcm bench --config x.json' 'abc1234' 'a cpu' 'GSL 2.7' '007975' '1234' 'an evaluator' "$(printf '%064d' 4)"; do
    has "$page" "$words" "provenance"
done

# The same input, the same page.
runs 0 report "$folder/in" -o "$folder/again" --quiet
[ ! -s "$folder/err" ]
check $? "--quiet is not quiet"
same "$page" "$folder/again/index.html" "the page is not the same a second time"
# Two documents of one name keep apart.
cp "$folder/in/short.json" "$folder/bad/short.json"
runs 0 report "$folder/in/short.json" "$folder/bad/short.json" -o "$folder/twice"
[ -s "$folder/twice/short-2/table.md" ]
check $? "documents of one name wrote over each other"
rm "$folder/bad/short.json"

# --- comparisons and sweeps -----------------------------------------------------------------------------

mkdir "$folder/more"
runs 0 compare "$folder/in/made.json" "$folder/in/made.json" --gate --json "$folder/more/compare.json"
document 0 "cell" "A sweep." true >"$folder/more/cells.json"
echo '<svg xmlns="http://www.w3.org/2000/svg"/>' >"$folder/more/sweep_FID.svg"
echo '{"schema":"mlcm-compare-1","a":"<b>a</b>","b":7,"fingerprints":"x","metrics":[{"model":3},{"metric":"<i>","difference":1,"low":0,"high":2,"verdict":"worse"}],
 "gate":{"pass":false,"findings":[{"model":"<u>","metric":"m","finding":"f"}]}}' >"$folder/more/hostile.json"
runs 0 report "$folder/more" -o "$folder/moved"
moved=$folder/moved/index.html
has "$moved" 'Comparison of two results' "a comparison"
has "$moved" 'The gate passed' "a gate that passed"
has "$moved" '<b>The gate failed.</b>' "a gate that failed"
has "$moved" 'class="left verdict" ' "a verdict"
has "$moved" 'class="left verdict worse"' "a verdict that is worse"
has "$moved" 'FID in the cells of the sweep' "a sweep's figure"
hasnt "$moved" '<b>a</b>|<i>|<u>' "markup from a comparison"

# --- contrast: WCAG AA for words on paper and panels, 3:1 for drawn things -----------------------------------

awk '
function channel(h,   v) { v = h / 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ^ 2.4 }
function hex(s,   i, v) { v = 0; for (i = 1; i <= 2; i++) v = 16 * v + index("0123456789abcdef", substr(s, i, 1)) - 1; return v }
function light(c) { return 0.2126 * channel(hex(substr(c, 2, 2))) + 0.7152 * channel(hex(substr(c, 4, 2))) + 0.0722 * channel(hex(substr(c, 6, 2))) }
function contrast(a, b,   p, q) { p = light(a); q = light(b); return p > q ? (p + 0.05) / (q + 0.05) : (q + 0.05) / (p + 0.05) }
function must(theme, a, b, least,   c) {
    c = contrast(colour[theme, a], colour[theme, b]); n++
    if (c < least) { printf "fail: theme %s: %s on %s: contrast %.2f, not %s\n", theme, a, b, c, least; bad++ }
}
/:root/ { theme = /dark/ ? "dark" : /not/ ? "system" : "light" }
{ line = $0
  while (match(line, /--[a-z-]+: #[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f];/)) {
      split(substr(line, RSTART, RLENGTH - 1), part, ": "); colour[theme, substr(part[1], 3)] = part[2]
      line = substr(line, RSTART + RLENGTH) } }
END {
  themes = split("light system dark", theme_of, " ")
  for (t = 1; t <= themes; t++) {
    k = theme_of[t]
    if (!((k, "ink") in colour)) { print "fail: no colours of theme " k; bad++; continue }
    split("ink quiet accent fail pass", words, " ")
    for (w in words) { must(k, words[w], "paper", 4.5); must(k, words[w], "panel", 4.5) }
    must(k, "on-accent", "accent", 4.5); must(k, "warn-ink", "warn-paper", 4.5); must(k, "paper", "ink", 4.5)
    split("left right centre hint edge", drawn, " ")
    for (w in drawn) { must(k, drawn[w], "paper", 3); must(k, drawn[w], "panel", 3) }
    must(k, "warn-edge", "paper", 3)
  }
  for (key in colour) { split(key, p, SUBSEP); if (p[1] == "dark" && colour["system", p[2]] != colour[key]) { print "fail: the two dark themes differ in " p[2]; bad++ } }
  print n + 0, bad + 0 > "'"$folder/contrast"'"
}' bench/report/style.css
read -r pairs low <"$folder/contrast"
[ "$low" = 0 ] && [ "$pairs" -ge 60 ]
check $? "contrast: $low of $pairs pairs of colours are too weak"

# --- what is refused ------------------------------------------------------------------------------

refuses 2 'usage: mlcm report' report
refuses 3 'no/such' report no/such -o "$folder/result"
refuses 3 'no results document' report "$folder/bad" -o "$folder/result"
echo '{"schema":"mlcm-results-9","rows":[]}' >"$folder/bad/x.json"
refuses 3 'x.json.*schema' report "$folder/bad/x.json" -o "$folder/result"
: >"$folder/bad/x.json"
refuses 3 'x.json' report "$folder/bad/x.json" -o "$folder/result"
document 0 B note true | sed 's/"mean":0.5/"mean":1e999/' >"$folder/bad/x.json"
refuses 3 'x.json' report "$folder/bad/x.json" -o "$folder/result"
document 0 B note true >"$folder/bad/x.json"
refuses 4 '' report "$folder/bad/x.json" -o /proc/no/such
# motions: each of these must be named as wrong
wrong() {
    motions walks B | sed -E "$1" >"$folder/bad/motions.json"
    refuses 3 "motions.json: .*$2" report "$folder/bad/x.json" -o "$folder/result"
}
wrong 's/mlcm-motions-1/mlcm-motions-2/' 'schema'
wrong 's/"joints":22/"joints":7/' 'joints'
wrong 's/"fps":20/"fps":0/' 'fps'
wrong 's/"frames":3/"frames":4/' 'cut off'
wrong 's/"frames":3/"frames":2/' 'bytes after'
wrong 's/"frames":3/"frames":1000000000/' 'frames'
wrong 's/"positions":"..../"positions":"!!!!/' 'base64'
wrong 's/"positions":"..../"positions":"\/\/\/\//' ''
wrong 's/\[0,0,64/[3,0,64/' 'hints'
wrong 's/\[0,0,64/[0,22,64/' 'hints'
wrong 's/\[0,0,64/[0,0,1e9/' 'hints'
wrong 's/"model":"Real"/"model":3/' 'model'
wrong 's/"motions":\[/"motion":[/' 'motions'
rm "$folder/bad/motions.json"

. tests/report_browser.sh
finish
