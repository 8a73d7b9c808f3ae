"""Cases of training steps: the VAE's, the distillation's, the ControlNet's, latent tuning."""
import torch

import case
import motionlcm as m
from networks import Draw, motions, prefixed, settings, signal

F = torch.nn.functional


def gradients(loss, module, prefix="", retain=True):
    """name -> gradient of every parameter that the loss depends on, and the sum of their squares."""
    names, params = zip(*module.named_parameters())
    g = torch.autograd.grad(loss, params, retain_graph=retain, allow_unused=True)
    return {prefix + n: x for n, x in zip(names, g) if x is not None}


def norm_of(g):
    return sum((x ** 2).sum() for x in g.values()).sqrt()


def statistics(d, nfeats):
    """Mean and deviation of features; those of the turning rate as small as real ones, for it is summed over a clip."""
    mean, std = 0.1 * d.normal(nfeats), d.uniform(0.02, 0.3, nfeats)
    mean[0], std[0] = mean[0] / 50, std[0] / 10
    return mean.float().double(), std.float().double()


# --- VAE -----------------------------------------------------------------------------------------------------------

def vae_terms(kinds, ratios, masked, x, y, jx, jy, mu, std, valid, njoints):
    flat = lambda j: j.flatten(2)
    local = slice(4, 4 + 3 * (njoints - 1))
    rec = ratios["rec_feats_ratio"] * m.reconstruction(kinds["rec_feats_loss"], y, x, valid, masked)
    joints = ratios["rec_joints_ratio"] * m.reconstruction(kinds["rec_joints_loss"], flat(jy), flat(jx), valid, masked)
    velocity = ratios["rec_velocity_ratio"] * m.reconstruction(kinds["rec_velocity_loss"], y[..., local], x[..., local], valid, masked)
    kl = ratios["kl_ratio"] * (0.5 * (std ** 2 + mu ** 2 - 1 - 2 * std.log())).mean()
    return {"rec_feats_loss": rec, "rec_joints_loss": joints, "rec_velocity_loss": velocity, "kl_loss": kl,
            "loss": rec + joints + velocity + kl}


def vae_step(folder, name, s, seed, lengths, kinds=("l1_smooth",) * 3, ratios=(1, 1, 0, 1e-4), masked=1, frames=None):
    d = Draw(seed)
    net = m.randomise(m.Vae(s), d.g)
    nf, nj, frames = s["nfeats"], s["njoints"], frames or max(lengths)
    x, valid = motions(d, lengths, frames, nf)
    eps = d.normal(len(lengths), s["latent_tokens"], s["latent_dim"])
    mean, std_f = statistics(d, nf)
    kind = dict(zip(("rec_feats_loss", "rec_joints_loss", "rec_velocity_loss"), kinds))
    ratio = dict(zip(("rec_feats_ratio", "rec_joints_ratio", "rec_velocity_ratio", "kl_ratio"), map(float, ratios)))
    mu, logvar = net.encode(x, valid)
    std = (0.5 * logvar).exp()
    z = mu + std * eps
    y = net.decode(z, valid)
    jx, jy = m.joints_of(x, mean, std_f, nj), m.joints_of(y, mean, std_f, nj)
    fvalid = valid.double()
    terms = lambda k, r, masked_: vae_terms(k, r, masked_, x, y, jx, jy, mu, std, fvalid, nj)
    out = terms(kind, ratio, masked)
    g = gradients(out["loss"], net)
    a = {"in/motion": x, "in/lengths": lengths, "in/mask": valid.int(), "in/eps": eps, "in/mean": mean, "in/std": std_f,
         "out/mu": mu, "out/std": std, "out/z": z, "out/feats_rst": y, "out/joints_rst": jy, "out/joints_ref": jx,
         "out/grad_norm": norm_of(g)}
    a.update({"out/" + k: v for k, v in out.items()})
    a.update({"grad/" + n: g.get(n, torch.zeros_like(p)) for n, p in net.named_parameters()})
    l1 = terms(dict.fromkeys(kind, "l1"), dict(ratio, rec_velocity_ratio=0.5, kl_ratio=1e-2), masked)
    l2 = terms(dict.fromkeys(kind, "l2"), dict(ratio, rec_joints_ratio=0.25, rec_velocity_ratio=0.5), 0)
    a.update({"alt_l1/" + k: v for k, v in l1.items()})
    a.update({"alt_l2_unmasked/" + k: v for k, v in l2.items()})
    case.write(folder, name, a, dict(s, case="vae_train_step", seed=seed, mask_loss=masked, **kind, **ratio))
    case.checkpoint(folder, name, prefixed(vae=net))


# --- distillation -----------------------------------------------------------------------------------------------------

def adamw(p, g, rate, decay, b1, b2, eps):
    p = p - rate * decay * p
    return p - rate * ((1 - b1) * g / (1 - b1)) / (((1 - b2) * g ** 2 / (1 - b2)).sqrt() + eps)


def distill_step(folder, name, s, seed, batch, points=50, huber_c=0.001, w_range=(5, 15), ema=0.95, rate=2e-4, clip=1.0,
                 decay=(0.0, 0.01), betas=(0.9, 0.999)):
    d = Draw(seed)
    online, target = m.randomise(m.Denoiser(s), d.g, 0.7), m.randomise(m.Denoiser(s), d.g, 0.7)
    teacher = m.randomise(m.Denoiser(dict(s, time_cond_proj_dim=0)), d.g, 0.7)
    plan = m.Schedule(1000, s["beta_start"], s["beta_end"])
    z0, eps = d.normal(batch, s["latent_tokens"], s["latent_dim"]), d.normal(batch, s["latent_tokens"], s["latent_dim"])
    text, empty = d.normal(batch, 1, s["text_dim"]), d.normal(1, 1, s["text_dim"]).repeat(batch, 1, 1)
    index = d.integers(0, points, batch)
    index[0] = 0
    w = d.uniform(*w_range, batch)
    k = 1000 // points
    start = k * (index + 1) - 1
    end = (start - k).clamp(min=0)
    guidance = m.guidance_features(w, s["time_cond_proj_dim"])
    ts, te = m.time_features(start, s["time_dim"]), m.time_features(end, s["time_dim"])
    col = lambda v: v.reshape(-1, 1, 1)
    (ss, so), (es, eo) = m.boundary(start), m.boundary(end)
    noisy = plan.noised(z0, eps, start)
    online_eps = online(noisy, ts, guidance, text)
    P = col(ss) * noisy + col(so) * plan.clean(noisy, online_eps, start)
    with torch.no_grad():
        ec, eu = teacher(noisy, ts, None, text), teacher(noisy, ts, None, empty)
        xc, xu = plan.clean(noisy, ec, start), plan.clean(noisy, eu, start)
        X, E = xc + col(w) * (xc - xu), ec + col(w) * (ec - eu)
        a_prev = plan.at(end)
        x_prev = a_prev.sqrt() * X + (1 - a_prev).sqrt() * E
        target_eps = target(x_prev, te, guidance, text)
        Q = col(es) * x_prev + col(eo) * plan.clean(x_prev, target_eps, end)
    a = {"in/latents": z0, "in/noise": eps, "in/index": index, "in/w": w, "in/w_embedding": guidance, "in/text_cond": text,
         "in/text_uncond": empty, "mid/start_timesteps": start, "mid/end_timesteps": end, "mid/c_skip_start": ss,
         "mid/c_out_start": so, "mid/c_skip_end": es, "mid/c_out_end": eo, "mid/time_proj_start": ts, "mid/time_proj_end": te,
         "mid/noisy": noisy, "mid/online_eps": online_eps, "mid/teacher_eps_cond": ec, "mid/teacher_eps_uncond": eu,
         "mid/target_eps": target_eps, "mid/x_prev": x_prev, "mid/model_pred": P, "mid/target": Q}
    losses = {"huber": (((P - Q) ** 2 + huber_c ** 2).sqrt() - huber_c).mean(), "l2": ((P - Q) ** 2).mean()}
    for (kind, loss), wd in zip(losses.items(), decay):
        g = gradients(loss, online)
        total = norm_of(g)
        factor = min(1.0, clip / (total.item() + 1e-6))
        a[kind + "/loss"], a[kind + "/grad_norm"] = loss, total
        targets = dict(target.named_parameters())
        for n, p in online.named_parameters():
            gradient = g.get(n, torch.zeros_like(p))
            after = adamw(p, gradient * factor, rate, wd, *betas, 1e-8)
            a[f"{kind}/grad/{n}"], a[f"{kind}/param_after/{n}"] = gradient, after
            if kind == "huber":
                a[f"huber/target_after/{n}"] = ema * targets[n] + (1 - ema) * after
    case.write(folder, name, a, dict(
        s, case="lcm_distill_step", seed=seed, num_ddim_timesteps=points, huber_c=huber_c, w_min=float(w_range[0]),
        w_max=float(w_range[1]), ema_decay=ema, learning_rate=rate, max_grad_norm=clip, huber_weight_decay=decay[0],
        l2_weight_decay=decay[1], adam_beta1=betas[0], adam_beta2=betas[1], adam_epsilon=1e-8))
    case.checkpoint(folder, name, prefixed(denoiser=online, target=target, teacher=teacher))


# --- ControlNet --------------------------------------------------------------------------------------------------------

def control_step(folder, name, s, seed, lengths, kind="sum", loss="l2", metric=0, rot=0.0, cond=1.0, share=0.05):
    d = Draw(seed)
    B, frames, nj, nf = len(lengths), max(lengths), s["njoints"], s["nfeats"]
    vae, denoiser = m.randomise(m.Vae(s), d.g), m.randomise(m.Denoiser(s), d.g)
    control, trajectory = m.randomise(m.ControlNet(s), d.g), m.randomise(m.TrajectoryEncoder(s), d.g)
    plan = m.Schedule(1000, s["beta_start"], s["beta_end"])
    x, valid = motions(d, lengths, frames, nf)
    hint, mask = signal(d, lengths, frames, nj, share)
    shape = (B, s["latent_tokens"], s["latent_dim"])
    vae_eps, noise, text = d.normal(*shape), d.normal(*shape), d.normal(B, 1, s["text_dim"])
    t, w = d.integers(0, 500, B), d.uniform(5, 15, B)
    mean, std = statistics(d, nf)
    raw_mean, raw_std = 0.3 * d.normal(nj, 3), d.uniform(0.3, 1, nj, 3)
    time, guidance = m.time_features(t, s["time_dim"]), m.guidance_features(w, s["time_cond_proj_dim"])
    with torch.no_grad():
        mu, logvar = vae.encode(x, valid)
        z = mu + (0.5 * logvar).exp() * vae_eps
        noisy = plan.noised(z, noise, t)
    traj = trajectory(hint, mask)
    residuals, _ = control.residuals(noisy, time, guidance, text, traj)
    eps = denoiser(noisy, time, guidance, text, residuals)
    clean = plan.clean(noisy, eps, t)
    feats = vae.decode(clean, valid)
    joints = m.joints_of(feats, mean, std, nj)
    one = mask[..., :1]

    def terms(kind_, loss_, metric_, rot_):
        a, b = (joints, (hint * raw_std + raw_mean)) if metric_ else ((joints - raw_mean) / raw_std, hint)
        diff = ((clean - z) ** 2).mean()
        c = cond * m.controlled(kind_, m.element(loss_, a, b), one, 3)
        r = rot_ * m.controlled(kind_, m.element(loss_, feats, x), valid.double()[..., None], nf)
        return {"diff_loss": diff, "cond_loss": c, "rot_loss": r, "router_loss": torch.zeros(1), "loss": diff + c + r}
    out = terms(kind, loss, metric, rot)
    a = {"in/motion": x, "in/lengths": lengths, "in/mask": valid.int(), "in/vae_eps": vae_eps, "in/noise": noise,
         "in/timesteps": t, "in/w": w, "in/w_embedding": guidance, "in/hint": hint, "in/hint_mask": mask, "in/text_cond": text,
         "in/mean": mean, "in/std": std, "in/raw_mean": raw_mean, "in/raw_std": raw_std, "mid/time_proj": time, "out/z": z,
         "out/traj": traj, "out/noise_pred": eps, "out/sample_pred": clean, "out/feats_rst": feats, "out/joints_rst": joints}
    a.update({"out/" + k: v for k, v in out.items()})
    grads = lambda l: {**gradients(l, control, "controlnet."), **gradients(l, trajectory, "traj_encoder.")}
    g = grads(out["loss"])
    a["out/grad_norm"] = norm_of(g)
    a.update({"grad/" + n: v for n, v in g.items()})
    if rot == 0:
        a.update({"grad_cond/" + n: v for n, v in grads(out["cond_loss"]).items()})
    for folder_, rule in {"alt_sum_mask": ("sum_mask", "l1", 0, 0.5), "alt_mask": ("mask", "l2", 1, 2.0),
                          "alt_sum": ("sum", "l1_smooth", 1, 1.0)}.items():
        a.update({f"{folder_}/{k}": v for k, v in terms(*rule).items()})
    case.write(folder, name, a, dict(
        s, case="control_train_step_" + s["variant"], seed=seed, vaeloss=1, vaeloss_type=kind, control_loss_func=loss,
        use_3d=metric, cond_ratio=cond, rot_ratio=rot))
    case.checkpoint(folder, name, prefixed(vae=vae, denoiser=denoiser, controlnet=control, traj_encoder=trajectory))


# --- latent tuning ------------------------------------------------------------------------------------------------------

def correlation(z):
    u, total = z, 0
    while u.shape[1] > 2:
        total = total + (u * u.roll(1, 1)).mean() ** 2
        u = 0.5 * (u[:, 0::2] + u[:, 1::2])
    return total


def tuning_steps(folder, name, s, seed, frames, length, steps, warmup, rate=0.1, correlate=100.0, distance=0.0, t=799, w=7.0,
                 share=0.1):
    d = Draw(seed)
    nj, nf = s["njoints"], s["nfeats"]
    vae, denoiser = m.randomise(m.Vae(s), d.g), m.randomise(m.Denoiser(s), d.g)
    plan = m.Schedule(1000, s["beta_start"], s["beta_end"])
    valid = torch.arange(frames)[None] < length
    hint, mask = signal(d, [length], frames, nj, share)
    z0, text = d.normal(1, s["latent_tokens"], s["latent_dim"]), d.normal(1, 1, s["text_dim"])
    mean, std = statistics(d, nf)
    raw_mean, raw_std = 0.3 * d.normal(nj, 3), d.uniform(0.3, 1, nj, 3)
    time, guidance = m.time_features([t], s["time_dim"]), m.guidance_features([w], s["time_cond_proj_dim"])
    goal = (hint * raw_std + raw_mean) * mask
    skip, scale = m.boundary(t)
    z, m1, m2 = z0.clone(), torch.zeros_like(z0), torch.zeros_like(z0)
    out = {k: [] for k in ("grad_unit", "lr", "latents", "loss_hint", "loss_correlate")}
    for i in range(steps):
        z = z.detach().requires_grad_(True)
        sampled = scale * plan.clean(z, denoiser(z, time, guidance, text), t) + skip * z
        joints = m.joints_of(vae.decode(sampled, valid), mean, std, nj)
        hint_loss, c = (mask * (joints - goal) ** 2).sum() / mask.sum(), correlation(z)
        apart = (z - z0).norm() if (z - z0).abs().max() > 0 else 0.0 * z.sum()
        g, = torch.autograd.grad(hint_loss + correlate * c + distance * apart, z)
        g = g / g.norm()
        m1, m2 = 0.9 * m1 + 0.1 * g, 0.999 * m2 + 0.001 * g ** 2
        lr = rate * m.learning_rate(i, warmup, steps)
        z = z - lr * (m1 / (1 - 0.9 ** (i + 1))) / ((m2 / (1 - 0.999 ** (i + 1))).sqrt() + 1e-8)
        for k, v in zip(out, (g, torch.tensor(lr), z, hint_loss.reshape(1), torch.as_tensor(c).reshape(1))):
            out[k].append(v.detach())
    a = {"in/noise": z0, "in/text_cond": text, "in/w_embedding": guidance, "mid/time_proj": time, "in/mask": valid.int(),
         "in/lengths": [length], "in/hint": hint, "in/hint_mask": mask, "in/mean": mean, "in/std": std, "in/raw_mean": raw_mean,
         "in/raw_std": raw_std, "out/final": z}
    a.update({"out/" + k: torch.stack(v) for k, v in out.items()})
    case.write(folder, name, a, dict(
        s, case="clt_steps", seed=seed, timestep=t, w=w, max_train_steps=steps, lr_warmup_steps=warmup, learning_rate=rate,
        adam_beta1=0.9, adam_beta2=0.999, adam_epsilon=1e-8, loss_correlate_penalty=correlate, loss_diff_penalty=distance))
    case.checkpoint(folder, name, prefixed(vae=vae, denoiser=denoiser))


def generate(folder):
    torch.set_default_dtype(torch.float64)
    small = dict(hidden_dim=24, ff_size=40, max_positions=230)
    v1, v2 = dict(small, latent_dim=24), dict(small, latent_dim=12)
    v = lambda name, s, seed, lengths, **k: vae_step(folder, name, s, seed, lengths, **k)
    v("vae_train_step_v1", settings("v1", **v1), 101, [12, 5, 30])
    v("vae_train_step_one_layer", settings("v2", **dict(v2, num_layers=1)), 102, [1, 7], kinds=("l2", "l1", "l1_smooth"), ratios=(0.5, 2, 0.3, 1e-2))
    v("vae_train_step_unmasked", settings("v2", **dict(v2, num_layers=5, num_heads=3)), 103, [20, 9, 4], masked=0, frames=25)
    v("vae_train_step_kit", settings("v2", **dict(v2, nfeats=251, njoints=21)), 104, [10, 16], kinds=("l1", "l2", "l2"), ratios=(1, 1, 1, 1))
    v("vae_train_step_long", settings("v2", **dict(v2, latent_tokens=16)), 105, [196, 44])
    q = lambda name, s, seed, batch, **k: distill_step(folder, name, s, seed, batch, **k)
    q("lcm_distill_step_v2", settings("v2", **dict(v2, num_layers=5)), 110, 6, points=10, huber_c=0.5)
    q("lcm_distill_step_one", settings("v1", **dict(v1, num_layers=1, num_heads=2)), 111, 1, points=20, w_range=(2, 18), ema=0.5)
    q("lcm_distill_step_skip", settings("v1", **v1), 112, 33, points=1000, ema=0.0, rate=1e-3, clip=0.1, decay=(0.1, 0.0))
    q("lcm_distill_step_wide", settings("v2", **dict(v2, latent_tokens=16, latent_dim=8)), 113, 5, points=50, huber_c=0.1, w_range=(0, 1), betas=(0.5, 0.9), clip=1e6)
    c = lambda name, s, seed, lengths, **k: control_step(folder, name, s, seed, lengths, **k)
    c("control_train_step_v1_mask", settings("v1", **v1), 120, [20, 6], kind="mask", loss="l1_smooth", metric=1)
    c("control_train_step_v2_sum_mask", settings("v2", **dict(v2, num_layers=5)), 121, [9, 30, 14], kind="sum_mask", loss="l1", cond=0.1)
    c("control_train_step_v2_rot", settings("v2", **dict(v2, latent_tokens=2, num_heads=2)), 122, [12], kind="sum", rot=0.5, share=1.0)
    c("control_train_step_v1_one_layer", settings("v1", **dict(v1, num_layers=1)), 123, [7, 5, 3, 2], kind="sum", loss="l2", cond=10.0)
    c("control_train_step_v2_kit", settings("v2", **dict(v2, nfeats=251, njoints=21)), 124, [11, 8])
    t = lambda name, s, seed, *a, **k: tuning_steps(folder, name, s, seed, *a, **k)
    t("clt_steps_sixteen", settings("v2", **dict(v2, latent_tokens=16, latent_dim=6)), 130, 20, 20, 8, 3)
    t("clt_steps_distance", settings("v2", **dict(v2, latent_tokens=8)), 131, 16, 9, 6, 2, distance=0.3, rate=0.05)
    t("clt_steps_two_tokens", settings("v2", **dict(v2, latent_tokens=2, num_layers=1)), 132, 12, 12, 5, 1, correlate=1.0, t=499, w=3.0)
    t("clt_steps_v1", settings("v1", **v1), 133, 30, 24, 5, 2)
    t("clt_steps_kit", settings("v2", **dict(v2, nfeats=251, njoints=21)), 134, 14, 10, 5, 2)
