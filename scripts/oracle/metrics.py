"""Cases of metrics in NumPy and SciPy, float64: embeddings, repeats, replications, control and reconstruction."""
import numpy as np
import scipy.ndimage

import case

POOL = 32


def fid(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    A, B = ((x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (a, b))
    cross = np.linalg.svd(A @ B.T, compute_uv=False).sum()     # trace of (C_a C_b)^(1/2), without roots of rounding errors
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + (A ** 2).sum() + (B ** 2).sum() - 2 * cross


def precision(text, motion):
    """R-precision at 1, 2, 3 and mean matching distance; ties: those before in the pool count as nearer, as in a stable sort."""
    text, motion = text.astype(np.float64), motion.astype(np.float64)
    hits, own, pools = np.zeros(3), [], len(text) // POOL
    for p in range(pools):
        t, x = text[p * POOL: (p + 1) * POOL], motion[p * POOL: (p + 1) * POOL]
        d = np.sqrt(((t[:, None] - x[None]) ** 2).sum(-1))
        rank = (np.argsort(d, axis=1, kind="stable") == np.arange(POOL)[:, None]).argmax(1)
        hits += [(rank < k).sum() for k in (1, 2, 3)]
        own.append(np.diag(d))
    return hits / (pools * POOL), np.concatenate(own).mean()


def pair_distance(x, a, b):
    x = x.astype(np.float64)
    return np.sqrt(((x[a] - x[b]) ** 2).sum(-1)).mean()


def t2m(rng, text, gen, gt, pairs):
    used = len(gen) // POOL * POOL
    out = {}
    for which, x in (("gen", gen), ("gt", gt)):
        tops, mm = precision(text, x)
        out.update({f"R_precision_{which}": tops, f"R_precision_{which}_f64": tops, f"MM_dist_{which}": mm, f"MM_dist_{which}_f64": mm})
    out["FID"] = out["FID_exact_f64"] = fid(gt[:used], gen[:used])
    if pairs:
        a, b = rng.choice(used, pairs, replace=False), rng.choice(used, pairs, replace=False)
        out.update(diversity_idx1=a, diversity_idx2=b, Diversity_gen=pair_distance(gen, a, b), Diversity_gen_f64=pair_distance(gen, a, b))
    return out


def motionlcm(rng, text, gen, gt, pairs):
    order = rng.permutation(len(gen))
    out = {"shuffle_idx": order, "FID": fid(gt, gen)}
    for before, x, which in (("", gen, "gen"), ("gt_", gt, "gt")):
        tops, mm = precision(text[order], x[order])
        out.update({f"{before}R_precision_top_{k + 1}": tops[k] for k in range(3)})
        out.update({f"R_precision_{which}_f64": tops, f"{before}Matching_score": mm, f"{before}Matching_score_f64": mm})
        a, b = rng.choice(len(gen), pairs, replace=False), rng.choice(len(gen), pairs, replace=False)
        out.update({f"diversity_{which}_idx1": a, f"diversity_{which}_idx2": b, f"{before}Diversity": pair_distance(x[order], a, b)})
    return out


def embeddings_case(folder, name, seed):
    rng = np.random.default_rng(seed)
    a = {}

    def group(label, text, gen, gt, pairs, protocols=True):
        text, gen, gt = (x.astype(np.float32) for x in (text, gen, gt))
        a.update({f"{label}/text": text, f"{label}/gen": gen, f"{label}/gt": gt, label: {"N": len(gen), "D": gen.shape[1]}})
        if protocols:
            a.update({f"{label}/t2m/{k}": v for k, v in t2m(rng, text, gen, gt, pairs).items()})
            a.update({f"{label}/motionlcm/{k}": v for k, v in motionlcm(rng, text, gen, gt, pairs).items()})
        a.update({f"{label}/all/FID": fid(gt, gen), f"{label}/all/FID_exact_f64": fid(gt, gen)})
        for which, x in (("gen", gen), ("gt", gt)):
            a[f"{label}/all/mu_{which}"] = x.astype(np.float64).mean(0)
            a[f"{label}/all/cov_{which}"] = np.cov(x.astype(np.float64), rowvar=False).reshape(x.shape[1], -1)
    def random(n, dim, scale=1.0):
        base = rng.normal(size=(n, dim)) * np.linspace(0.1, 2, dim) * scale
        return base, base + 0.7 * rng.normal(size=(n, dim)), base + 0.3 * rng.normal(size=(n, dim))
    group("wide", *random(640, 128), 300)
    group("one_dimension", *random(64, 1), 10)
    group("one_pool", *random(32, 9), 32)
    group("incomplete_pool", *random(63, 20), 31)
    group("large_values", *random(128, 16, 300.0), 64)
    text, gen, gt = random(20, 64)
    group("rank_deficient", text, gen, gt, 5, False)
    group("two_rows", text[:2], gen[:2], gt[:2], 2, False)
    text, gen, gt = random(96, 24)
    gen[:, ::3] = 0.25
    gt[:, 5] = gt[:, 6]
    group("constant_columns", text, gen, gt, 20)
    group("same_point", text, np.ones_like(gen), gt, 20, False)
    x, _, _ = random(96, 12)
    group("identical", x, x, x, 40)
    near = 1000 + 1e-3 * rng.normal(size=(96, 12))
    group("far_from_origin", near, near, near + 1e-3, 40, False)
    for label, shape, n in (("repeats", (7, 30, 5), 10), ("repeats_two", (1, 2, 3), 1), ("repeats_wide", (20, 10, 100), 10)):
        x = rng.normal(size=shape).astype(np.float32)
        i, j = rng.choice(shape[1], n, replace=False), rng.choice(shape[1], n, replace=False)
        value = np.sqrt(((x[:, i].astype(np.float64) - x[:, j]) ** 2).sum(-1)).mean()
        a.update({f"{label}/activation": x, f"{label}/idx1": i, f"{label}/idx2": j, f"{label}/MultiModality": value,
                  f"{label}/MultiModality_f64": value})
    for runs, k in ((20, 3), (1, 2), (5, 1)):
        v = rng.normal(size=(runs, k)) * 3 + 5
        a.update({f"replication_{runs}/values": v, f"replication_{runs}/mean": v.mean(0),
                  f"replication_{runs}/conf_interval": 1.96 * v.std(0) / np.sqrt(runs)})
    double = [k for k in a if not k.endswith(("/text", "/gen", "/gt", "/activation"))]
    case.write(folder, name, a, {"R_size": POOL}, double)


def skating(x, feet, fps=20):
    x = x[:, feet].astype(np.float64)
    v = fps * np.linalg.norm(np.diff(x[..., [0, 2]], axis=0), axis=-1)
    mean = scipy.ndimage.uniform_filter1d(v, 5, axis=0, mode="constant", origin=0)
    contact = (x[:-1, :, 1] < 0.05) & (x[1:, :, 1] < 0.05)
    slides = contact & (v > 0.5) & (mean > 0.5)
    return (slides[:, 0] | slides[:, 1]).sum() / (len(x) - 1), contact * mean


def five(distance, mask):
    e = distance[mask]
    if not len(e):
        return np.zeros(5)
    return np.array([(e > 0.2).any(), (e > 0.5).any(), (e > 0.2).mean(), (e > 0.5).mean(), e.mean()])


def aligned(p, r):
    """Per frame the best similarity transform of p onto r (joints, 3), then the mean joint distance."""
    a, b = p - p.mean(0), r - r.mean(0)
    u, s, vt = np.linalg.svd(a.T @ b)
    d = np.sign(np.linalg.det(u @ vt))
    turn = (u * [1, 1, d]) @ vt
    scale = (s * [1, 1, d]).sum() / (a ** 2).sum()
    return np.linalg.norm(scale * a @ turn - b, axis=-1).mean()


def control_case(folder, name, seed, lengths, frames, densities, controlled, temporal):
    rng = np.random.default_rng(seed)
    B, J = len(lengths), 22
    rest = rng.normal(size=(B, 1, J, 3)) * 0.3 + [0, 0.9, 0]
    x = rest + np.cumsum(rng.normal(size=(B, frames, 1, 3)) * [0.02, 0, 0.02], 1) + 0.01 * rng.normal(size=(B, frames, J, 3))
    x[:, :, [10, 11], 1] = np.abs(0.03 + 0.03 * rng.normal(size=(B, frames, 2)))
    reference = x + 0.02 * rng.normal(size=x.shape)
    error = rng.normal(size=(B, frames, J, 3)) * rng.choice([0.02, 0.1, 0.3], (B, 1, 1, 1))
    valid = np.arange(frames)[None] < np.array(lengths)[:, None]
    mask = np.zeros((B, frames, J, 3))
    counts = []
    for b, n in enumerate(lengths):
        k = densities[b] if densities[b] in (1, 2, 5) else n * densities[b] // 100
        counts.append(k)
        at = np.arange(k) if temporal[b] else np.sort(rng.choice(n, k, replace=False))
        mask[b, at[:, None], controlled[b]] = 1
    x, reference = (x * valid[..., None, None]).astype(np.float32), (reference * valid[..., None, None]).astype(np.float32)
    hint = ((x + error) * mask).astype(np.float32)
    raw_mean, raw_std = rng.normal(size=(J, 3)).astype(np.float32), rng.uniform(0.3, 1, (J, 3)).astype(np.float32)
    normalised = ((hint - raw_mean) / raw_std * mask).astype(np.float32)
    distance = np.linalg.norm(x.astype(np.float64) - hint, axis=-1) * mask[..., 0]
    rows = np.array([five(distance[b], mask[b, ..., 0] > 0) for b in range(B)])
    loose = rows.copy()
    loose[:, 0], loose[:, 1] = rows[:, 4] > 0.2, rows[:, 4] > 0.5
    ratios = np.array([skating(x[b, :n], [10, 11])[0] for b, n in enumerate(lengths)])
    padded = np.array([skating(x[b], [10, 11])[0] for b in range(B)])
    mean = rows.mean(0)
    a = {"in/joints": x, "in/lengths": lengths, "in/joints_reference": reference, "in/hint_normalised": normalised, "in/hint_mask": mask,
         "in/raw_mean": raw_mean, "in/raw_std": raw_std, "in/hint_3d": hint, "in/density": densities, "in/temporal": temporal,
         "in/n_control_frames": counts, "motionlcm/per_sequence_traj_err": rows, "motionlcm/per_sequence_traj_err_non_strict": loose,
         "motionlcm/per_sequence_skating_ratio": ratios, "motionlcm/Skating_Ratio": ratios.mean(), "motionlcm/Control_L2_dist": mean[4],
         "motionlcm/control_l2": distance, "omnicontrol/Skating_Ratio": padded.mean(), "omnicontrol/Control_L2_dist": mean[4],
         "omnicontrol/trajectory_errors": mean}
    for i, k in enumerate(("traj_fail_20cm", "traj_fail_50cm", "kps_fail_20cm", "kps_fail_50cm", "kps_mean_err_m")):
        a["motionlcm/" + k] = mean[i]
    for b, n in enumerate(lengths):
        a[f"motionlcm/skate_vel_seq{b}"] = skating(x[b, :n], [10, 11])[1]
    kit = np.abs(0.04 * rng.normal(size=(3, 40, 21, 3)))
    a["kit/joints"] = kit.astype(np.float32)
    a["kit/skating_ratio"] = [skating(k, [15, 20])[0] for k in kit.astype(np.float32)]
    ref, rst = rng.normal(size=(2, B, frames, 33)).astype(np.float32)
    total = sum(lengths)
    joints = [(x[b, :n].astype(np.float64), reference[b, :n].astype(np.float64)) for b, n in enumerate(lengths)]
    root = lambda y: y - y[:, :1]
    norm = lambda y: np.linalg.norm(y, axis=-1)
    mpjpe = sum(norm(root(p) - root(r)).mean(1).sum() for p, r in joints) / total
    a.update({"recon/feats_ref": ref, "recon/feats_rst": rst, "recon/MPJPE": mpjpe,
              "recon/MPJPE_unaligned": sum(norm(p - r).mean(1).sum() for p, r in joints) / total,
              "recon/FeaError": sum(np.sqrt(((ref[b, :n].astype(np.float64) - rst[b, :n]) ** 2).sum()) for b, n in enumerate(lengths)) / total,
              "mld_mr/MPJPE_mm": 1000 * mpjpe,
              "mld_mr/PAMPJPE_mm": 1000 * sum(aligned(p, r) for P, R in joints for p, r in zip(P, R)) / total,
              "mld_mr/ACCEL_mm": 1000 * sum(norm(np.diff(p, 2, axis=0) - np.diff(r, 2, axis=0)).mean(1).sum() for p, r in joints) / (total - 2 * B)})
    double = [k for k in a if not k.startswith("in/") and k not in ("kit/joints", "recon/feats_ref", "recon/feats_rst")]
    case.write(folder, name, a, dict(fps=20.0, joints_num=22), double)


def generate(folder):
    embeddings_case(folder, "metrics_embeddings_oracle", 301)
    embeddings_case(folder, "metrics_embeddings_other", 302)
    pose = [0, 10, 11, 15, 20, 21]
    control_case(folder, "control_metrics_mixed", 311, [196, 40, 61, 100], 196, [1, 2, 5, 25], [[0], pose, [15], [20, 21]], [0, 1, 0, 1])
    control_case(folder, "control_metrics_full", 312, [60, 44], 64, [100, 100], [[0], list(range(22))], [0, 0])
    control_case(folder, "control_metrics_short", 313, [5, 4, 8], 8, [25, 100, 50], [pose, [0], [0]], [1, 1, 0])
