/* Moving skeletons: one camera and one clock for all motions of a caption.
 * A <div class="player" data-motions="ID"> becomes a player of the JSON in the element ID (bench/motions.h). */
"use strict";

/* Positions in millimetres (frames, joints, 3) of the file's base64 text. */
function decodePositions(text, count, width) {
  const bytes = atob(text), out = new Int32Array(count);
  for (let i = 0, at = 0; i < count; i++) {
    let code = 0, shift = 0, byte = 128;
    while (byte > 127) {
      byte = bytes.charCodeAt(at++);
      code |= (byte & 127) << shift;
      shift += 7;
    }
    out[i] = ((code >>> 1) ^ -(code & 1)) + (i >= width ? out[i - width] : 0);
  }
  return out;
}

const HOME = { yaw: 0.62, pitch: 0.16, zoom: 1 };
const EYE = 5.2;                       /* metres from the eye to what it looks at, where that is one figure */

class Player {
  constructor(host) {
    this.host = host;
    this.data = JSON.parse(document.getElementById(host.dataset.motions).textContent);
    this.width = 3 * this.data.joints;
    this.camera = { ...HOME };
    this.frame = 0;
    this.playing = false;
    this.rate = 1;
    this.hidden = new Set();           /* models that are not shown */
    host.append(document.getElementById("player-template").content.cloneNode(true));
    for (const name of ["clips", "previous", "next", "caption", "stage", "play", "scrub", "clock", "speed", "follow",
                        "ghost", "hints", "which", "models", "status", "reset"])
      this[name] = host.querySelector("." + name);
    this.data.clips.forEach((clip, i) => this.clips.add(new Option(`${i + 1}. ${clip.caption}`, i)));
    const several = this.data.clips.length > 1;
    host.querySelector(".choose").style.display = several ? "" : "none";
    this.caption.classList.toggle("hidden", !several && !this.data.clips[0].segments);   /* the page's title says it */
    this.listen();
    this.readColours();
    this.open(0);
    this.calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!this.calm && "IntersectionObserver" in window)
      new IntersectionObserver((seen, observer) => {
        if (seen.some(entry => entry.isIntersecting)) {
          observer.disconnect();
          if (!this.touched) this.setPlaying(true);
        }
      }, { threshold: 0.35 }).observe(this.stage);
  }

  listen() {
    const on = (target, event, act) => target.addEventListener(event, act);
    on(this.clips, "change", () => this.open(+this.clips.value, true));
    on(this.previous, "click", () => this.open(this.at - 1, true));
    on(this.next, "click", () => this.open(this.at + 1, true));
    on(this.play, "click", () => this.setPlaying(!this.playing, true));
    on(this.scrub, "input", () => { this.setPlaying(false, true); this.go(+this.scrub.value); });
    on(this.speed, "change", () => { this.rate = +this.speed.value; });
    on(this.reset, "click", () => { this.camera = { ...HOME }; this.draw(); });
    on(this.host.querySelector(".turn-left"), "click", () => this.turn(-0.25, 0));
    on(this.host.querySelector(".turn-right"), "click", () => this.turn(0.25, 0));
    for (const box of [this.follow, this.ghost, this.hints]) on(box, "change", () => this.draw());
    on(this.stage, "keydown", event => this.key(event));
    on(this.stage, "pointerdown", event => {
      this.drag = { x: event.clientX, y: event.clientY };
      this.stage.setPointerCapture(event.pointerId);
    });
    on(this.stage, "pointermove", event => {
      if (!this.drag) return;
      this.turn(-(event.clientX - this.drag.x) * 0.008, event.pointerType === "touch" ? 0 : (event.clientY - this.drag.y) * 0.006);
      this.drag = { x: event.clientX, y: event.clientY };
    });
    for (const end of ["pointerup", "pointercancel"]) on(this.stage, end, () => { this.drag = null; });
    new ResizeObserver(() => { this.arrange(); this.draw(); }).observe(this.stage);
    on(document, "colours", () => { this.readColours(); this.draw(); });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      ArrowLeft: () => this.turn(-0.12, 0), ArrowRight: () => this.turn(0.12, 0),
      ArrowUp: () => this.turn(0, 0.08), ArrowDown: () => this.turn(0, -0.08),
      "+": () => this.enlarge(1.1), "=": () => this.enlarge(1.1), "-": () => this.enlarge(1 / 1.1),
      Home: () => this.reset.click(), " ": () => this.setPlaying(!this.playing, true),
      ",": () => this.step(-1), ".": () => this.step(1)
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  turn(yaw, pitch) {
    this.camera.yaw += yaw;
    this.camera.pitch = Math.min(1.45, Math.max(-0.05, this.camera.pitch + pitch));
    this.draw();
  }

  enlarge(factor) {
    this.camera.zoom = Math.min(4, Math.max(0.4, this.camera.zoom * factor));
    this.draw();
  }

  step(by) {
    this.setPlaying(false, true);
    this.go(Math.round(this.frame) + by);
  }

  open(index, asked) {
    const clips = this.data.clips;
    this.at = (index + clips.length) % clips.length;
    this.clip = clips[this.at];
    this.clips.value = this.at;
    this.touched = this.touched || asked;
    const count = this.clip.frames * this.width;
    for (const motion of this.clip.motions)
      if (!motion.mm) motion.mm = decodePositions(motion.positions, count, this.width);
    this.sortHints();
    const told = !!this.clip.hints;
    for (const part of this.host.querySelectorAll(".hints-label, .hint-key")) part.style.display = told ? "" : "none";
    this.host.querySelector(".ghost-label").style.display =
      this.clip.motions.length > 1 && this.clip.motions.some(m => m.real) ? "" : "none";
    this.scrub.max = this.clip.frames - 1;
    this.listModels();
    this.build();
    this.segment = -1;
    this.last = 0;
    this.go(0);
    this.home = this.bounds();
    this.draw();
  }

  /* Hints by frame and by joint. */
  sortHints() {
    const clip = this.clip;
    if (!clip.hints || clip.byJoint) return;
    clip.byJoint = new Map();
    clip.byFrame = new Map();
    for (const hint of clip.hints) {
      const [frame, joint] = hint;
      if (!clip.byJoint.has(joint)) clip.byJoint.set(joint, []);
      if (!clip.byFrame.has(frame)) clip.byFrame.set(frame, []);
      clip.byJoint.get(joint).push(hint);
      clip.byFrame.get(frame).push(hint);
    }
  }

  /* Mean distance in centimetres of a motion's joints to where they were told to be. */
  missed(motion) {
    let sum = 0;
    for (const [frame, joint, x, y, z] of this.clip.hints) {
      const p = frame * this.width + 3 * joint;
      sum += Math.hypot(motion.mm[p] - x, motion.mm[p + 1] - y, motion.mm[p + 2] - z);
    }
    return sum / this.clip.hints.length / 10;
  }

  listModels() {
    this.models.style.display = this.clip.motions.length > 2 ? "" : "none";
    this.which.replaceChildren(...this.clip.motions.map(motion => {
      const label = document.createElement("label"), box = document.createElement("input");
      box.type = "checkbox";
      box.checked = !this.hidden.has(motion.model);
      box.addEventListener("change", () => {
        if (box.checked) this.hidden.delete(motion.model);
        else this.hidden.add(motion.model);
        this.build();
        this.draw();
      });
      label.append(box, " " + motion.model);
      return label;
    }));
  }

  /* A canvas a motion. */
  build() {
    this.shown = this.clip.motions.filter(motion => !this.hidden.has(motion.model));
    this.host.classList.toggle("single", this.shown.length === 1);
    this.stage.replaceChildren(...this.shown.map(motion => {
      const figure = document.createElement("figure"), canvas = document.createElement("canvas");
      const caption = document.createElement("figcaption"), name = document.createElement("b");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${motion.model}: a skeleton that moves; ${this.clip.caption}`);
      name.textContent = motion.model;
      caption.append(name);
      if (this.clip.hints && this.clip.hints.length && !motion.real)
        caption.append(`missed by ${this.missed(motion).toFixed(1)} cm`);
      else if (this.clip.hints && motion.real) caption.append("what is told comes from here");
      if (motion.real) figure.className = "is-real";
      motion.canvas = canvas;
      if (this.clip.motions.length > 1 || this.clip.hints) figure.append(canvas, caption);
      else figure.append(canvas);
      return figure;
    }));
    this.arrange();
  }

  /* As many columns as fit, in rows of equal length. */
  arrange() {
    const least = this.stage.clientWidth > 560 ? 172 : 140, fit = Math.max(1, Math.floor(this.stage.clientWidth / least));
    const rows = Math.ceil(this.shown.length / fit);
    this.stage.style.gridTemplateColumns = `repeat(${Math.max(1, Math.ceil(this.shown.length / rows))}, minmax(0, 1fr))`;
  }

  go(frame) {
    const last = this.clip.frames - 1;
    this.frame = Math.min(last, Math.max(0, frame));
    const whole = Math.round(this.frame), seconds = (whole / this.data.fps).toFixed(2);
    this.scrub.value = whole;
    if (!this.playing) this.scrub.setAttribute("aria-valuetext", `frame ${whole + 1} of ${last + 1}, ${seconds} seconds`);
    this.clock.textContent = `${seconds} s · ${whole + 1}/${last + 1}`;
    this.say();
    this.draw();
  }

  /* The caption, or that of the segment that is on now; screen readers are told when it changes. */
  say() {
    const segments = this.clip.segments;
    let now = 0;
    while (segments && now + 1 < segments.length && segments[now + 1].frame <= this.frame) now++;
    if (this.segment === now) return;
    this.segment = now;
    this.caption.textContent = segments ? segments[now].text : this.clip.caption;
  }

  setPlaying(playing, asked) {
    if (asked) {
      this.touched = true;
      this.status.textContent = playing ? "Playing" : "Paused";
    }
    if (playing === this.playing) return;
    this.playing = playing;
    this.play.textContent = playing ? "Pause" : "Play";
    this.last = 0;
    if (playing) requestAnimationFrame(time => this.tick(time));
    else this.go(this.frame);
  }

  tick(time) {
    if (!this.playing) return;
    if (this.last) {
      const pause = 0.5 * this.data.fps;              /* half a second at the end */
      this.ahead += Math.min(time - this.last, 250) / 1000 * this.data.fps * this.rate;
      if (this.ahead > this.clip.frames - 1 + pause) this.ahead = 0;
      this.go(this.ahead);
    } else this.ahead = this.frame >= this.clip.frames - 1 ? 0 : this.frame;
    this.last = time;
    requestAnimationFrame(next => this.tick(next));
  }

  readColours() {
    const style = getComputedStyle(document.documentElement);
    this.colour = {};
    for (const name of ["paper", "left", "right", "centre", "hint", "floor", "shadow", "ghost", "quiet"])
      this.colour[name] = style.getPropertyValue("--" + name).trim();
  }

  /* Centre and extent of all motions of the clip, for the view that does not follow. */
  bounds() {
    const low = [1e9, 1e9], high = [-1e9, -1e9];
    for (const motion of this.clip.motions)
      for (let p = 0; p < motion.mm.length; p += this.width)
        for (const [k, axis] of [[0, 0], [1, 2]]) {
          low[k] = Math.min(low[k], motion.mm[p + axis]);
          high[k] = Math.max(high[k], motion.mm[p + axis]);
        }
    return { x: (low[0] + high[0]) / 2000, z: (low[1] + high[1]) / 2000,
             size: Math.hypot(high[0] - low[0], high[1] - low[1]) / 1000 };
  }

  draw() {
    if (this.waiting || !this.clip) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      for (const motion of this.shown) this.paint(motion);
    });
  }

  /* Joints at the current time, between two frames, in metres. */
  pose(motion) {
    const last = this.clip.frames - 1, before = Math.min(Math.floor(this.frame), last), after = Math.min(before + 1, last);
    const u = this.frame - before, a = before * this.width, b = after * this.width, out = new Float64Array(this.width);
    for (let i = 0; i < this.width; i++) out[i] = (motion.mm[a + i] * (1 - u) + motion.mm[b + i] * u) / 1000;
    return out;
  }

  /* Where the root is, smoothed over a second so that the view does not shake. */
  centre(motion) {
    const half = this.data.fps / 2, last = this.clip.frames - 1;
    let x = 0, z = 0, n = 0;
    for (let f = Math.max(0, Math.ceil(this.frame - half)); f <= Math.min(last, this.frame + half); f++) {
      const weight = 1 + Math.cos(Math.PI * (f - this.frame) / (half + 1));
      x += weight * motion.mm[f * this.width];
      z += weight * motion.mm[f * this.width + 2];
      n += weight;
    }
    return { x: x / n / 1000, z: z / n / 1000 };
  }

  paint(motion) {
    const canvas = motion.canvas, ratio = window.devicePixelRatio || 1;
    const w = canvas.clientWidth, h = canvas.clientHeight;
    if (!w || !h) return;
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
      canvas.width = Math.round(w * ratio);
      canvas.height = Math.round(h * ratio);
    }
    const g = canvas.getContext("2d"), joints = this.pose(motion);
    const centre = this.follow.checked ? this.centre(motion) : this.home;
    const reach = this.follow.checked ? 2.15 : Math.max(2.15, 1.3 + this.home.size);
    const view = this.view(centre, w, h, Math.min(h / reach, w / (this.follow.checked ? 1.75 : reach)) * this.camera.zoom, EYE * Math.max(1, reach / 3));
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, w, h);
    g.lineCap = g.lineJoin = "round";
    this.paintFloor(g, view, centre, Math.min(12, Math.ceil(reach * 1.35)));
    this.paintTrail(g, view, motion);
    this.paintShadow(g, view, joints);
    const real = this.clip.motions.find(m => m.real);
    if (this.ghost.checked && real && real !== motion) this.paintBody(g, view, this.pose(real), true);
    if (this.clip.hints && this.hints.checked) this.paintHints(g, view, joints);
    this.paintBody(g, view, joints, false);
    if (this.clip.hints && this.hints.checked) this.paintTold(g, view, joints);
  }

  /* A projection: world metres to [x, y, pixels a metre there, depth]. */
  view(centre, w, h, scale, eye) {
    const { yaw, pitch } = this.camera, cy = Math.cos(yaw), sy = Math.sin(yaw), cp = Math.cos(pitch), sp = Math.sin(pitch);
    return (x, y, z) => {
      const dx = x - centre.x, dy = y - 0.88, dz = z - centre.z;
      const right = cy * dx - sy * dz, back = sy * dx + cy * dz;
      const depth = eye - (cp * back + sp * dy), up = cp * dy - sp * back, s = scale * eye / Math.max(0.3, depth);
      return [w / 2 + right * s, h * 0.5 - up * s, s, depth];
    };
  }

  paintFloor(g, view, centre, reach) {
    const cx = Math.round(centre.x), cz = Math.round(centre.z);
    g.strokeStyle = this.colour.floor;
    g.lineWidth = 1;
    for (let i = -reach; i <= reach; i++)
      for (let k = -reach; k < reach; k += 0.5)
        for (const along of [0, 1]) {
          const ax = along ? cx + i : cx + k, az = along ? cz + k : cz + i;
          const bx = along ? ax : ax + 0.5, bz = along ? az + 0.5 : az;
          const far = Math.hypot((ax + bx) / 2 - centre.x, (az + bz) / 2 - centre.z) / reach;
          if (far >= 1) continue;
          const a = view(ax, 0, az), b = view(bx, 0, bz);
          g.globalAlpha = (1 - far) * 0.9;
          g.beginPath();
          g.moveTo(a[0], a[1]);
          g.lineTo(b[0], b[1]);
          g.stroke();
        }
    g.globalAlpha = 1;
  }

  /* The root's path on the floor: walked, and still to be walked. */
  paintTrail(g, view, motion) {
    const now = Math.round(this.frame);
    for (const [from, to, alpha, dash] of [[now, this.clip.frames - 1, 0.35, [2, 4]], [0, now, 0.8, []]]) {
      g.beginPath();
      for (let f = from; f <= to; f++) {
        const p = view(motion.mm[f * this.width] / 1000, 0, motion.mm[f * this.width + 2] / 1000);
        if (f === from) g.moveTo(p[0], p[1]);
        else g.lineTo(p[0], p[1]);
      }
      g.setLineDash(dash);
      g.strokeStyle = this.colour.quiet;
      g.globalAlpha = alpha;
      g.lineWidth = 1.5;
      g.stroke();
    }
    g.setLineDash([]);
    g.globalAlpha = 1;
  }

  paintShadow(g, view, joints) {
    g.strokeStyle = this.colour.shadow;
    g.beginPath();
    for (let j = 1; j < this.data.joints; j++) {
      const p = 3 * this.data.parents[j], a = view(joints[p], 0, joints[p + 2]), b = view(joints[3 * j], 0, joints[3 * j + 2]);
      g.moveTo(a[0], a[1]);
      g.lineTo(b[0], b[1]);
      g.lineWidth = 0.07 * a[2];
    }
    g.stroke();
  }

  /* Bones from far to near, each with a rim of the background's colour so that limbs stand apart. */
  paintBody(g, view, joints, ghost) {
    const points = [], bones = [];
    for (let j = 0; j < this.data.joints; j++) points.push(view(joints[3 * j], joints[3 * j + 1], joints[3 * j + 2]));
    for (let j = 1; j < this.data.joints; j++)
      bones.push({ a: points[this.data.parents[j]], b: points[j], side: this.data.sides[j] });
    const head = points[this.data.head];
    bones.push({ a: head, b: head, side: "c", head: true });
    bones.sort((p, q) => (q.a[3] + q.b[3]) - (p.a[3] + p.b[3]));
    const colours = { l: this.colour.left, r: this.colour.right, c: this.colour.centre };
    for (const bone of bones) {
      const wide = Math.max(2, (bone.head ? 0.19 : 0.05) * (bone.a[2] + bone.b[2]) / 2);
      g.beginPath();
      g.moveTo(bone.a[0], bone.a[1]);
      g.lineTo(bone.b[0], bone.b[1] + (bone.head ? 0.01 : 0));
      if (!ghost) {
        g.strokeStyle = this.colour.paper;
        g.lineWidth = wide + 2.5;
        g.stroke();
      }
      g.strokeStyle = ghost ? this.colour.ghost : colours[bone.side];
      g.globalAlpha = ghost ? 0.4 : 1;
      g.lineWidth = ghost ? wide * 0.8 : wide;
      g.stroke();
      g.globalAlpha = 1;
    }
  }

  /* All told positions: lines through neighbouring frames, points where they are single. */
  paintHints(g, view) {
    g.strokeStyle = g.fillStyle = this.colour.hint;
    for (const hints of this.clip.byJoint.values()) {
      g.globalAlpha = 0.55;
      g.lineWidth = 2;
      g.beginPath();
      hints.forEach(([frame, , x, y, z], i) => {
        const p = view(x / 1000, y / 1000, z / 1000);
        if (i && hints[i - 1][0] === frame - 1) g.lineTo(p[0], p[1]);
        else g.moveTo(p[0], p[1]);
      });
      g.stroke();
      const every = hints.length > 40 ? 4 : 1;
      hints.forEach(([, , x, y, z], i) => {
        if (i % every) return;
        const p = view(x / 1000, y / 1000, z / 1000);
        g.beginPath();
        g.arc(p[0], p[1], every > 1 ? 1.6 : 3, 0, 2 * Math.PI);
        g.fill();
      });
    }
    g.globalAlpha = 1;
  }

  /* What is told at this frame: a ring, and a line to the joint. */
  paintTold(g, view, joints) {
    for (const [, joint, x, y, z] of this.clip.byFrame.get(Math.round(this.frame)) || []) {
      const p = view(x / 1000, y / 1000, z / 1000), q = view(joints[3 * joint], joints[3 * joint + 1], joints[3 * joint + 2]);
      g.strokeStyle = this.colour.hint;
      g.lineWidth = 1.5;
      g.beginPath();
      g.moveTo(p[0], p[1]);
      g.lineTo(q[0], q[1]);
      g.stroke();
      g.fillStyle = this.colour.paper;
      g.lineWidth = 2.5;
      g.beginPath();
      g.arc(p[0], p[1], 5, 0, 2 * Math.PI);
      g.fill();
      g.stroke();
    }
  }
}
