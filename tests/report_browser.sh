# The part of test_report.sh that needs Chromium; read by it.
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ]; then
    skip "Chromium is not here: the page was not run"
    finish
    exit
fi

# look PAGE FLAG…: runs the page with a script at its end; its findings come as lines "name=value" in $folder/dom.
look() {
    local page=$1
    shift
    # Chromium's virtual time does not wait for frames: they are made timers of that time, and what is on the page is seen.
    { sed '/^<\/body>/,$d; s|^</head>|<script>requestAnimationFrame = act => setTimeout(() => act(performance.now()), 16);\
IntersectionObserver = class { constructor(act) { this.act = act; } disconnect() {}\
observe(part) { setTimeout(() => this.act([{ isIntersecting: true, target: part }], this), 50); } };</script>\
</head>|' "$page"; cat <<'END'
<pre id="findings"></pre>
<script>
"use strict";
const findings = [], find = (name, value) => findings.push(name + "=" + value);
addEventListener("error", event => find("error", event.message));
const wait = ms => new Promise(done => setTimeout(done, ms));
const until = async holds => { for (let i = 0; i < 60 && !holds(); i++) await wait(50); };
/* Pixels of a canvas that are drawn. */
const drawn = canvas => {
  if (!canvas || !canvas.width) return 0;
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let n = 0;
  for (let i = 3; i < data.length; i += 4) n += data[i] > 0;
  return n;
};
const key = (target, name) => target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
(async () => {
  await wait(300);
  const host = document.querySelector(".player"), player = host && host.player;
  find("players", document.querySelectorAll(".player").length);
  find("broken", String(window.broken));
  if (player) {
    host.scrollIntoView({ behavior: "instant", block: "center" });
    const painted = async () => { await wait(60); await until(() => !player.waiting); };
    await until(() => player.playing);
    find("autoplay", player.playing);
    player.setPlaying(false);
    player.go(0);
    await painted();
    const canvas = host.querySelector("canvas");
    find("canvases", host.querySelectorAll("canvas").length);
    find("drawn", drawn(canvas) > 500);
    find("wide", document.documentElement.scrollWidth <= innerWidth);
    find("caption", host.querySelector(".caption").textContent.slice(0, 5));
    find("live", host.querySelector(".caption").getAttribute("aria-live"));
    const before = canvas.toDataURL();
    host.querySelector(".play").click();
    find("pressed", host.querySelector(".play").textContent);
    await until(() => player.frame > 0);
    find("advanced", player.frame > 0);
    host.querySelector(".play").click();
    const at = player.frame;
    await painted();
    find("stopped", player.frame === at);
    player.go(0);
    await painted();
    const stage = host.querySelector(".stage");
    stage.focus();
    find("focus", document.activeElement === stage);
    key(stage, "ArrowRight");
    await painted();
    find("turned", canvas.toDataURL() !== before);
    key(stage, "Home");
    await painted();
    find("home", canvas.toDataURL() === before);
    key(stage, ".");
    find("stepped", Math.round(player.frame));
    key(stage, " ");
    find("space", player.playing);
    key(stage, " ");
    const scrub = host.querySelector(".scrub");
    scrub.value = 2;
    scrub.dispatchEvent(new Event("input"));
    find("scrubbed", Math.round(player.frame));
    find("spoken", scrub.getAttribute("aria-valuetext"));
    host.querySelector(".next").click();
    await painted();
    find("second", host.querySelector(".caption").textContent);
    find("hints", player.clip.hints ? player.clip.hints.length : 0);
    find("missed", host.querySelector("figure:last-child figcaption").textContent.includes("missed by 5.0 cm"));
    const unnamed = [...document.querySelectorAll("button, input, select, canvas, [tabindex='0']")].filter(part =>
      !(part.textContent.trim() || part.getAttribute("aria-label") || part.closest("label") || part.title));
    find("unnamed", unnamed.length);
  }
  const table = document.querySelector("table.sortable"), first = () => table.tBodies[0].rows[0].cells[0].textContent;
  const button = [...table.querySelectorAll("thead button")].find(b => b.textContent.startsWith("FID"));
  button.click();
  find("sorted", table.querySelector("[aria-sort]").getAttribute("aria-sort") + " " + first());
  button.click();
  find("reversed", table.querySelector("[aria-sort]").getAttribute("aria-sort") + " " + first());
  button.click();
  find("unsorted", String(table.querySelector("[aria-sort]")) + " " + first());
  find("paper", getComputedStyle(document.body).backgroundColor);
  document.querySelector("[data-theme-choice=dark]").click();
  find("dark", getComputedStyle(document.body).backgroundColor);
  document.querySelector("[data-theme-choice=light]").click();
  find("light", getComputedStyle(document.body).backgroundColor);
  document.getElementById("findings").textContent = "\n" + findings.join("\n") + "\n";
})();
</script>
</body>
</html>
END
    } >"$folder/looked.html"
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir="$folder/browser$RANDOM" --enable-logging=stderr \
        --virtual-time-budget=20000 --dump-dom "$@" "file://$folder/looked.html" >"$folder/dom" 2>"$folder/log" </dev/null
}
# found NAME VALUE
found() {
    grep -qxF -- "$1=$2" "$folder/dom"
    check $? "browser: $1 is not $2 but $(grep -m 1 -- "^$1=" "$folder/dom" || echo missing)"
}

look "$page" --window-size=1200,900
grep -q 'CONSOLE' "$folder/log"
[ $? = 1 ]
check $? "browser: messages on the console: $(grep -m 3 CONSOLE "$folder/log")"
found players 1
found broken undefined
found canvases 2
found drawn true
found autoplay true
found wide true
found caption walks
found live polite
found pressed Pause
found advanced true
found stopped true
found focus true
found turned true
found home true
found stepped 1
found space true
found scrubbed 2
found spoken 'frame 3 of 3, 0.10 seconds'
found second second
found hints 2
found missed true
found unnamed 0
found sorted 'ascending Real'
found reversed 'descending A'
found unsorted 'null Real'
found paper 'rgb(255, 255, 255)'
found dark 'rgb(21, 24, 27)'
found light 'rgb(255, 255, 255)'
grep -q '^error=' "$folder/dom"
[ $? = 1 ]
check $? "browser: $(grep -m 1 '^error=' "$folder/dom")"

# Narrow, dark by the system, reduced motion
look "$page" --window-size=500,800 --force-prefers-reduced-motion --blink-settings=preferredColorScheme=0
found autoplay false
found wide true
found drawn true
found paper 'rgb(21, 24, 27)'
