"""Cases of motion data in NumPy, float64, from the written definition of the representation: features of other clips,
mirrored clips, the 21-joint skeleton, rotations near their singular points, statistics."""
import numpy as np

import case

UP, AHEAD = np.array([0.0, 1, 0]), np.array([0.0, 0, 1])


class Skeleton:
    def __init__(self, chains, raw, face, left, right, legs, threshold, scale):
        self.chains, self.raw, self.face, self.legs, self.threshold, self.scale = chains, np.array(raw, float), face, legs, threshold, scale
        self.feet = left + right
        self.parent = {c: p for chain in chains for p, c in zip(chain, chain[1:])}


X, Y, Z, N = [1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0]
D = [0, -1, 0]
H3D = Skeleton([[0, 2, 5, 8, 11], [0, 1, 4, 7, 10], [0, 3, 6, 9, 12, 15], [9, 14, 17, 19, 21], [9, 13, 16, 18, 20]],
               [[0, 0, 0], X, N, Y, D, D, Y, D, D, Y, Z, Z, Y, X, N, Z, D, D, D, D, D, D], (2, 1, 17, 16), [7, 10], [8, 11], (5, 8), 0.002, 1.0)
KIT = Skeleton([[0, 11, 12, 13, 14, 15], [0, 16, 17, 18, 19, 20], [0, 1, 2, 3, 4], [3, 5, 6, 7], [3, 8, 9, 10]],
               [[0, 0, 0], Y, Y, Y, Y, X, D, D, N, D, D, X, D, D, Z, Z, N, D, D, Z, Z], (11, 16, 5, 8), [19, 20], [14, 15], (17, 18), 0.05, 1000.0)


def mul(a, b):
    aw, av, bw, bv = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
    return np.concatenate([aw * bw - (av * bv).sum(-1, keepdims=True), aw * bv + bw * av + np.cross(av, bv)], -1)


def inv(q):
    return q * [1, -1, -1, -1]


def rotate(q, v):
    u = np.broadcast_to(q[..., 1:], np.broadcast_shapes(q[..., 1:].shape, v.shape))
    uv = np.cross(u, v)
    return v + 2 * (q[..., :1] * uv + np.cross(u, uv))


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def between(p, q):
    p, q = np.broadcast_arrays(p, q)
    w = np.sqrt((p ** 2).sum(-1, keepdims=True) * (q ** 2).sum(-1, keepdims=True)) + (p * q).sum(-1, keepdims=True)
    return unit(np.concatenate([w, np.cross(p, q)], -1))


def six(q):
    w, x, y, z = np.moveaxis(q, -1, 0)
    s = 2 / (q ** 2).sum(-1)
    return np.stack([1 - s * (y * y + z * z), s * (x * y + z * w), s * (x * z - y * w), s * (x * y - z * w), 1 - s * (x * x + z * z),
                     s * (y * z + x * w)], -1)


def gaussian(x, sigma=20, radius=80):
    k = np.exp(-np.arange(-radius, radius + 1) ** 2 / (2.0 * sigma ** 2))
    k /= k.sum()
    padded = np.concatenate([np.repeat(x[:1], radius, 0), x, np.repeat(x[-1:], radius, 0)])
    return np.stack([np.convolve(c, k, "valid") for c in padded.T], -1)


def inverse(s, J, smooth):
    f = s.face
    forward = np.cross(UP, unit((J[:, f[1]] - J[:, f[0]]) + (J[:, f[2]] - J[:, f[3]])))
    root = between(unit(gaussian(forward) if smooth else forward), AHEAD)
    root[0] = [1, 0, 0, 0]
    local = np.zeros((len(J), J.shape[1], 4))
    local[:, 0] = root
    for chain in s.chains:
        R = root
        for p, c in zip(chain, chain[1:]):
            local[:, c] = mul(inv(R), between(s.raw[c], unit(J[:, c] - J[:, p])))
            R = mul(R, local[:, c])
    return local


def forward(s, local, root, offsets):
    J = np.zeros(local.shape[:2] + (3,))
    J[:, 0] = root
    for chain in s.chains:
        R = local[:, 0]
        for p, c in zip(chain, chain[1:]):
            R = mul(R, local[:, c])
            J[:, c] = rotate(R, np.broadcast_to(offsets[c], (len(J), 3))) + J[:, p]
    return J


def offsets_of(s, frame):
    return s.raw * np.array([0] + [np.linalg.norm(frame[c] - frame[s.parent[c]]) for c in range(1, len(frame))])[:, None]


def features(s, J, reference, threshold):
    """Every stage of the pipeline, by its name in a case."""
    out = {"stage1_ik_quat": inverse(s, J, False)}
    if reference is None:
        G = J.copy()
    else:
        leg = lambda o: sum(np.linalg.norm(o[i]) for i in s.legs)
        target = offsets_of(s, reference)
        G = forward(s, out["stage1_ik_quat"], leg(target) / leg(offsets_of(s, J[0])) * J[:, 0], target)
    out["stage1_uniform_skeleton"] = G.copy()
    G[..., 1] -= G[..., 1].min()
    G -= G[0, 0] * [1, 0, 1]
    f = s.face
    across = unit((G[0, f[0]] - G[0, f[1]]) + (G[0, f[2]] - G[0, f[3]]))
    G = rotate(between(unit(np.cross(UP, across)), AHEAD), G)
    out["stage2_global_positions"] = G
    local = out["stage3_ik_quat_smooth"] = inverse(s, G, True)
    r, step = local[:, 0], np.diff(G, axis=0)
    contacts = ((step[:, s.feet] ** 2).sum(-1) < threshold).astype(float)
    v = rotate(r[1:], step[:, 0])
    w = np.arcsin(np.clip(mul(r[1:], inv(r[:-1]))[:, 2], -1, 1))
    T = len(J) - 1
    local_positions = rotate(r[:, None], G - G[:, :1] * [1, 0, 1])[:T]
    velocities = rotate(r[:-1, None], step)
    out["features_expected"] = np.concatenate([w[:, None], v[:, [0]], v[:, [2]], local_positions[:, 0, 1:2], local_positions[:, 1:].reshape(T, -1),
                                               six(local[:T, 1:]).reshape(T, -1), velocities.reshape(T, -1), contacts], 1).astype(np.float32)
    return out


def recover(s, x):
    x, J = x.astype(np.float64), len(s.raw)
    angle = np.concatenate([[0], np.cumsum(x[:-1, 0])])
    q = np.stack([np.cos(angle), 0 * angle, np.sin(angle), 0 * angle], -1)
    d = np.zeros((len(x), 3))
    d[1:, 0], d[1:, 2] = x[:-1, 1], x[:-1, 2]
    p = np.cumsum(rotate(inv(q), d), 0)
    p[:, 1] = x[:, 3]
    joints = rotate(inv(q)[:, None], x[:, 4: 4 + 3 * (J - 1)].reshape(len(x), J - 1, 3)) + (p * [1, 0, 1])[:, None]
    return {"recovered_root_quat": q, "recovered_root_pos": p, "recovered_joints": np.concatenate([p[:, None], joints], 1)}


def smooth_noise(rng, n, *shape, knots=6):
    t, at = np.linspace(0, 1, n), np.linspace(0, 1, knots)
    y = rng.normal(size=(knots,) + shape).reshape(knots, -1)
    return np.stack([np.interp(t, at, c) for c in y.T], -1).reshape((n,) + shape)


def clip(rng, s, frames, turn, bend=0.25):
    """A moving figure: smooth random joint rotations, a heading that turns by `turn` in all, a path on the floor."""
    J = len(s.raw)
    lengths = rng.uniform(0.1, 0.4, J) * s.scale
    local = unit(np.concatenate([np.ones((frames, J, 1)), bend * smooth_noise(rng, frames, J, 3)], -1))
    heading = np.linspace(0, turn, frames) / 2 + rng.uniform(-1, 1)
    local[:, 0] = mul(np.stack([np.cos(heading), 0 * heading, np.sin(heading), 0 * heading], -1), unit(np.concatenate([np.ones((frames, 1)), 0.1 * smooth_noise(rng, frames, 3)], -1)))
    root = np.cumsum(smooth_noise(rng, frames, 3) * [0.02, 0.001, 0.02], 0) * s.scale + [0, s.scale, 0]
    still = rng.integers(0, max(frames - 8, 1))
    for x in (local, root):
        x[still: still + 6] = x[still]
    return forward(s, local, root, s.raw * lengths[:, None])


def clear_of_threshold(x, expected_stage, s, threshold):
    d = (np.diff(expected_stage[:, s.feet], axis=0) ** 2).sum(-1)
    return np.abs(d / threshold - 1).min() > 1e-3


def feature_case(folder, name, group, s, seed, frames, turn, threshold=None, own_reference=False):
    rng = np.random.default_rng(seed)
    threshold = threshold or s.threshold
    reference = clip(rng, s, 1, 0, 0.1)[0]
    while True:
        J = clip(rng, s, frames, turn)
        if own_reference:
            reference = J[0]
        stages = features(s, J, reference, threshold)
        if clear_of_threshold(J, stages["stage2_global_positions"], s, threshold):
            break
    a = {f"{group}/joints_in": J, "target_skeleton_joints": reference, "target_offsets": offsets_of(s, reference)}
    a.update({f"{group}/{k}": v for k, v in {**stages, **recover(s, stages["features_expected"])}.items()})
    case.write(folder, name, a, dict(feet_thre=threshold, joints_num=len(s.raw)), double=[f"{group}/joints_in", "target_skeleton_joints"])


LEFT, RIGHT = [1, 4, 7, 10, 13, 16, 18, 20], [2, 5, 8, 11, 14, 17, 19, 21]
LEFT_HAND, RIGHT_HAND = [22, 23, 24, 34, 35, 36, 25, 26, 27, 31, 32, 33, 28, 29, 30], [43, 44, 45, 46, 47, 48, 40, 41, 42, 37, 38, 39, 49, 50, 51]


def mirrored(J):
    out = J * [-1, 1, 1]
    l, r = (LEFT, RIGHT) if J.shape[1] <= 24 else (LEFT + LEFT_HAND, RIGHT + RIGHT_HAND)
    out[:, l + r] = out[:, r + l]
    return out


def mirror_case(folder, name, seed, frames):
    rng = np.random.default_rng(seed)
    reference = clip(rng, H3D, 1, 0, 0.1)[0]
    while True:
        J = clip(rng, H3D, frames, 1.0)
        m = mirrored(J)
        stages = features(H3D, m, reference, H3D.threshold)
        if clear_of_threshold(m, stages["stage2_global_positions"], H3D, H3D.threshold):
            break
    hands = rng.normal(size=(4, 52, 3))
    a = {"mirror/joints_original": J, "mirror/joints_mirrored": m, "mirror/features_expected": stages["features_expected"],
         "target_offsets": offsets_of(H3D, reference), "swap52/joints_in": hands, "swap52/joints_mirrored": mirrored(hands)}
    case.write(folder, name, a, dict(feet_thre=0.002, joints_num=22), double=[k for k in a if "features" not in k])


def rotation_case(folder, name, seed, n):
    rng = np.random.default_rng(seed)
    q, r = unit(rng.normal(size=(n, 4))), unit(rng.normal(size=(n, 4)))
    q[0], q[1], q[2] = [1, 0, 0, 0], [0, 1, 0, 0], [-1, 0, 0, 0]
    u, v = rng.normal(size=(n, 3)), rng.normal(size=(n, 3))
    u[0], v[0] = [0, 0, 2], [0, 0, 5]                       # parallel
    u[1], v[1] = [1, 0, 0], [0, 3, 0]                       # a right angle
    u[2], v[2] = [1, 0, 0], [-1, 1e-2, 0]                   # nearly opposite
    u[3], v[3] = [1e-5, 0, 0], [0, 0, 1e5]
    d = rng.normal(size=(n, 6))
    d[0], d[1] = [1, 0, 0, 1, 1e-3, 0], [2, 0, 0, 0, 0, -7]  # nearly parallel
    a, b = d[:, :3], d[:, 3:]
    x = unit(a)
    z = unit(np.cross(x, b))
    track = unit(np.cumsum(rng.normal(size=(40, 3, 4)), 0))
    track *= rng.choice([-1, 1], (40, 3, 1))
    fixed = track.copy()
    for t in range(1, len(track)):
        flip = (fixed[t] * fixed[t - 1]).sum(-1) < 0
        fixed[t, flip] *= -1
    w_, x_, y_, z_ = q.T
    matrix = np.stack([1 - 2 * (y_ * y_ + z_ * z_), 2 * (x_ * y_ - z_ * w_), 2 * (x_ * z_ + y_ * w_), 2 * (x_ * y_ + z_ * w_), 1 - 2 * (x_ * x_ + z_ * z_),
                       2 * (y_ * z_ - x_ * w_), 2 * (x_ * z_ - y_ * w_), 2 * (y_ * z_ + x_ * w_), 1 - 2 * (x_ * x_ + y_ * y_)], -1).reshape(n, 3, 3)
    out = {"in/q": q, "in/r": r, "in/u": u, "in/v": v, "in/cont6d": d, "in/qfix_seq": track, "out/qfix_seq": fixed, "out/qmul_q_r": mul(q, r),
           "out/qinv_q": inv(q), "out/qrot_q_v": rotate(q, v), "out/qbetween_u_v": between(u, v), "out/quaternion_to_matrix_q": matrix,
           "out/quaternion_to_cont6d_q": six(q), "out/cont6d_to_matrix": np.stack([x, np.cross(z, x), z], -1)}
    for m in (2, 80, 81, 161, 600):
        y = rng.normal(size=(m, 3))
        out.update({f"gaussian1d_sigma20_nearest/in_{m}": y, f"gaussian1d_sigma20_nearest/out_{m}": gaussian(y)})
    for m in (2, 4, 5, 196):
        y = rng.normal(size=m)
        out.update({f"uniform1d_size5_constant/in_{m}": y, f"uniform1d_size5_constant/out_{m}": np.convolve(np.pad(y, 2), np.ones(5) / 5, "valid")})
    case.write(folder, name, out, {}, double=True)


def statistics_case(folder, name, s, seed, lengths, bias):
    rng = np.random.default_rng(seed)
    J = len(s.raw)
    F = 12 * J - 1
    clips = [(rng.normal(size=(n, F)) * rng.uniform(0.2, 3, F) + rng.normal(size=F)).astype(np.float32) for n in lengths]
    a = {f"clip_{i}": x for i, x in enumerate(clips)}
    broken = clips[0][:5].copy()
    broken[2, 7] = np.nan
    a[f"clip_{len(clips)}_has_nan"] = broken
    rows = np.concatenate(clips).astype(np.float64)
    mean, std = rows.mean(0), rows.std(0)
    edges = [0, 1, 3, 4, 4 + 3 * (J - 1), 4 + 9 * (J - 1), 4 + 9 * (J - 1) + 3 * J, F]
    grouped = std.copy()
    for lo, hi in zip(edges, edges[1:]):
        grouped[lo:hi] = std[lo:hi].mean()
    small = np.isin(np.arange(F), list(range(0, 4)) + list(range(F - 4, F)))
    a.update({"Mean": mean, "Mean_f64": mean, "Std": grouped, "Std_ungrouped_f64": std, "Std_feat_bias_once": np.where(small, grouped / bias, grouped),
              "Std_feat_bias_twice": np.where(small, grouped / bias ** 2, grouped)})
    case.write(folder, name, a, dict(feat_bias=bias, joints_num=J), double=["Mean_f64", "Std_ungrouped_f64", "Std_feat_bias_once", "Std_feat_bias_twice"])


def generate(folder):
    feature_case(folder, "features_oracle_short", "canonical", H3D, 401, 3, 0.1, own_reference=True)
    feature_case(folder, "features_oracle_two", "any", H3D, 402, 2, 0.0)
    feature_case(folder, "features_oracle_turn", "retarget", H3D, 403, 120, 2.5)
    feature_case(folder, "features_oracle_long", "retarget", H3D, 404, 300, -2.0)
    feature_case(folder, "features_oracle_threshold", "retarget", H3D, 405, 60, 1.0, threshold=1e-4)
    feature_case(folder, "features_oracle_kit", "kit", KIT, 406, 90, 1.5)
    feature_case(folder, "features_oracle_kit_threshold", "kit", KIT, 407, 40, 0.5, threshold=40.0)
    mirror_case(folder, "mirror_oracle", 411, 75)
    mirror_case(folder, "mirror_short", 412, 4)
    rotation_case(folder, "units_rotation_oracle", 421, 50)
    statistics_case(folder, "meanstd_oracle", H3D, 431, [40, 1, 199], 5.0)
    statistics_case(folder, "meanstd_kit", KIT, 432, [30, 77], 25.0)
