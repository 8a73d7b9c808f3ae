"""python3 scripts/oracle/hostile.py PROGRAM CASES WORK [PREFIX,…]: damages every case of a folder in many ways and demands of
`PROGRAM verify` a clean answer: exit code 1 or 3 with a line that says fail (or 0 where the damage is harmless), no crash,
no hang. Prints what broke this rule, and the count."""
import collections
import os
import random
import shutil
import subprocess
import sys

import h5py
import numpy as np

def datasets(f):
    out = []
    f.visititems(lambda n, o: out.append(n) if isinstance(o, h5py.Dataset) else None)
    return out


def replace(f, name, value):
    del f[name]
    f[name] = value


def damages(path, r):
    """label -> a function that damages the open file."""
    with h5py.File(path) as f:
        names, attributes = datasets(f), list(f.attrs)
        kinds = {n: (f[n].dtype.kind, f[n].shape) for n in names}
    inputs = [n for n in names if n.startswith("in/") or "/" not in n] or names
    some = lambda xs, k: r.sample(xs, min(k, len(xs)))
    for n in some(names, 6) + some(inputs, 4):
        yield f"missing {n}", lambda f, n=n: f.__delitem__(n)
    for n in some(inputs, 4) + some(names, 4):
        kind, shape = kinds[n]
        if kind == "f":
            yield f"NaN in {n}", lambda f, n=n: replace(f, n, np.where(np.arange(f[n].size).reshape(f[n].shape) == f[n].size // 2, np.nan, f[n][()]))
            yield f"infinity in {n}", lambda f, n=n: replace(f, n, f[n][()] * np.inf)
            yield f"huge values in {n}", lambda f, n=n: replace(f, n, (f[n][()] * 1e30).astype(f[n].dtype))
        if kind in "iu":
            for v in (-1, 0, 1, 2**31 - 1, -2**31, 1000):
                yield f"{n} all {v}", lambda f, n=n, v=v: replace(f, n, np.full(f[n].shape, v, np.int64).astype(np.int32))
            yield f"{n} of 64 bits", lambda f, n=n: replace(f, n, np.full(f[n].shape, 2**40, np.int64))
        yield f"one row less in {n}", lambda f, n=n: replace(f, n, f[n][()][:-1])
        yield f"one column more in {n}", lambda f, n=n: replace(f, n, np.concatenate([f[n][()], f[n][()][..., :1]], -1) if f[n].ndim else f[n][()])
        yield f"flat {n}", lambda f, n=n: replace(f, n, f[n][()].reshape(-1))
        yield f"deeper {n}", lambda f, n=n: replace(f, n, f[n][()][None])
        yield f"scalar {n}", lambda f, n=n: replace(f, n, np.float32(3))
        yield f"empty {n}", lambda f, n=n: replace(f, n, np.zeros((0,) + f[n].shape[1:], np.float32))
        yield f"text {n}", lambda f, n=n: replace(f, n, b"words")
        yield f"group instead of {n}", lambda f, n=n: (f.__delitem__(n), f.create_group(n))
        if kind == "S":
            yield f"long text in {n}", lambda f, n=n: replace(f, n, np.array([b"x" * 100000] * f[n].size))
            yield f"no slash in {n}", lambda f, n=n: replace(f, n, np.array([b"word"] * f[n].size))
    for k in some(attributes, 6) + [k for k in attributes if k in ("case", "num_heads", "latent_tokens", "njoints", "num_inference_steps")]:
        for v in (-1, 0, 7, 2**31 - 1, 10**12, float("nan"), 1e308, "words", "x" * 5000):
            yield f"attribute {k}={str(v)[:12]}", lambda f, k=k, v=v: f.attrs.__setitem__(k, v)
        yield f"attribute {k} missing", lambda f, k=k: f.attrs.__delitem__(k)
        yield f"attribute {k} an array", lambda f, k=k: f.attrs.__setitem__(k, np.arange(5))


def companions(folder, name):
    return [x for x in os.listdir(folder) if x.endswith(".ckpt") and (x.startswith(name) or x == f"distil{name}.ckpt")] + \
           [x for x in os.listdir(folder) if os.path.isdir(os.path.join(folder, x))]


def run(program, path):
    p = subprocess.run([program, "verify", path, "--quiet"], capture_output=True, text=True, timeout=300, errors="replace")
    clean = p.returncode in (0, 1, 3) and (p.returncode == 0 or "fail" in p.stdout + p.stderr or p.returncode == 3)
    return p.returncode, clean and "Sanitizer" not in p.stderr and "runtime error" not in p.stderr, p.stdout, p.stderr


def main(program, cases, work, only="", seed=1):
    r, count, bad, codes = random.Random(seed), 0, 0, collections.Counter()
    os.makedirs(work, exist_ok=True)
    for file in sorted(x for x in os.listdir(cases) if x.endswith(".h5")):
        name = file[:-3]
        if os.path.getsize(os.path.join(cases, file)) > 3e6 or not name.startswith(tuple(only.split(","))) or name.startswith("bandai"):
            continue                                     # the clips of that archive take minutes
        for x in companions(cases, name):
            if not os.path.lexists(os.path.join(work, x)):
                os.symlink(os.path.abspath(os.path.join(cases, x)), os.path.join(work, x))
        target = os.path.join(work, file)
        for label, damage in damages(os.path.join(cases, file), r):
            shutil.copy(os.path.join(cases, file), target)
            os.chmod(target, 0o644)
            try:
                with h5py.File(target, "a") as f:
                    damage(f)
            except Exception:
                continue
            try:
                code, clean, out, err = run(program, target)
            except subprocess.TimeoutExpired:
                code, clean, out, err = "hang", False, "", ""
            count += 1
            codes[code] += 1
            harmless = code == 0 and label.startswith(("NaN in in/", "infinity in in/"))
            if not clean or harmless:
                bad += 1
                print(f"{name}: {label}: exit {code}: {(out + err)[-300:].strip()}", flush=True)
        # cut files, and a checkpoint that is missing or cut
        size = os.path.getsize(os.path.join(cases, file))
        for cut in (0, 7, 100, size // 3, size - 1):
            with open(os.path.join(cases, file), "rb") as f, open(target, "wb") as g:
                g.write(f.read(cut))
            code, clean, out, err = run(program, target)
            count, codes[code] = count + 1, codes[code] + 1
            if not clean or code == 0 and cut < size // 2:
                bad += 1
                print(f"{name}: cut at {cut}: exit {code}: {(out + err)[-300:].strip()}", flush=True)
        shutil.copy(os.path.join(cases, file), target)
        os.chmod(target, 0o644)
        for x in [c for c in companions(cases, name) if c.endswith(".ckpt")]:
            link, whole = os.path.join(work, x), open(os.path.join(cases, x), "rb").read()
            for label, data in (("missing", None), ("empty", b""), ("cut", whole[: len(whole) // 2]), ("last byte cut", whole[:-1]),
                                ("noise", bytes(r.randrange(256) for _ in range(2000))),
                                ("bytes changed", bytes(b ^ (r.random() < 0.001) * r.randrange(256) for b in whole[:40000]) + whole[40000:])):
                os.remove(link) if os.path.lexists(link) else None
                if data is not None:
                    with open(link, "wb") as f:
                        f.write(data)
                code, clean, out, err = run(program, target)
                count, codes[code] = count + 1, codes[code] + 1
                if not clean:
                    bad += 1
                    print(f"{name}: {x} {label}: exit {code}: {(out + err)[-300:].strip()}", flush=True)
            os.remove(link) if os.path.lexists(link) else None
            os.symlink(os.path.abspath(os.path.join(cases, x)), link)
        os.remove(target)
        print(f"{name}: done, {count} so far, {bad} answered badly", flush=True)
    print(f"{count} damaged cases, {bad} answered badly; exit codes {dict(codes)}")


if __name__ == "__main__":
    main(*sys.argv[1:5])
