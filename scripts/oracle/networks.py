"""Cases of schedules, the VAE, the denoiser, the ControlNet and the samplers."""
import torch

import case
import motionlcm as m

BASE = dict(latent_tokens=1, latent_dim=32, hidden_dim=32, pre_post_proj=0, num_layers=3, num_heads=4, ff_size=64,
            norm_eps=1e-5, max_positions=256, nfeats=263, njoints=22, text_dim=96, time_dim=64, time_cond_proj_dim=32,
            text_act="relu", controlnet_embed_dim=32, controlnet_act="none", num_train_timesteps=1000,
            beta_start=0.00085, beta_end=0.012)
V2 = dict(BASE, latent_tokens=4, latent_dim=12, pre_post_proj=1, text_act="none", controlnet_act="silu")


def settings(variant, **changes):
    return dict(V2 if variant == "v2" else BASE, variant=variant, **changes)


class Draw:
    """Random inputs that are float32 values, held in float64."""
    def __init__(self, seed):
        self.g = torch.Generator().manual_seed(seed)

    def normal(self, *shape):
        return torch.randn(shape, generator=self.g).double()

    def uniform(self, low, high, *shape):
        return (low + (high - low) * torch.rand(shape, generator=self.g)).double()

    def integers(self, low, high, *shape):
        return torch.randint(low, high, shape, generator=self.g)


def prefixed(**modules):
    return {f"{prefix}.{k}": v for prefix, module in modules.items() for k, v in module.state_dict().items()}


def motions(d, lengths, frames, width):
    valid = torch.arange(frames)[None] < torch.tensor(lengths)[:, None]
    return d.normal(len(lengths), frames, width) * valid[..., None], valid


def vae_case(folder, name, s, seed, lengths, frames=None):
    d = Draw(seed)
    frames = frames or max(lengths)
    net = m.randomise(m.Vae(s), d.g)
    x, valid = motions(d, lengths, frames, s["nfeats"])
    shape = (len(lengths), s["latent_tokens"], s["latent_dim"])
    eps, z = d.normal(*shape), d.normal(*shape)
    mu, logvar = net.encode(x, valid)
    std = (logvar.exp()) ** 0.5
    case.write(folder, name, {
        "in/motion": x, "in/lengths": lengths, "in/mask": valid.int(), "in/eps": eps, "in/z": z, "out/mu": mu,
        "out/logvar": logvar, "out/std": std, "out/z_sample": mu + std * eps, "out/feats": net.decode(z, valid),
        "out/recon": net.decode(mu + std * eps, valid)}, dict(s, case="vae_" + s["variant"], seed=seed))
    case.checkpoint(folder, name, prefixed(vae=net))


def denoiser_case(folder, name, s, seed, batch, timesteps, multi=4):
    d = Draw(seed)
    net, lcm = m.randomise(m.Denoiser(s), d.g), s["time_cond_proj_dim"] > 0
    sample = d.normal(batch, s["latent_tokens"], s["latent_dim"])
    text, empty = d.normal(batch, 1, s["text_dim"]), d.normal(1, 1, s["text_dim"]).repeat(batch, 1, 1)
    mixed = d.integers(0, 1000, batch)
    time, time_mixed = m.time_features(timesteps, s["time_dim"]), m.time_features(mixed, s["time_dim"])
    a = {"in/sample": sample, "in/timesteps": timesteps, "in/timesteps_mixed": mixed, "in/text_cond": text,
         "mid/time_proj": time, "mid/time_proj_mixed": time_mixed}
    guidance = None
    if lcm:
        a["in/w"] = w = d.uniform(0.5, 15, batch)
        a["in/w_embedding"] = guidance = m.guidance_features(w, s["time_cond_proj_dim"])
    each = lambda t, tokens: net.run(sample, t.expand(batch, -1), guidance, tokens)
    whole = lambda t, tokens: net(sample, t.expand(batch, -1), guidance, tokens)
    embedded = torch.stack([each(t, text)[1] for t in time])
    a["mid/time_embedding"] = embedded if lcm else embedded[:, 0]
    a["out/eps" if lcm else "out/eps_cond"] = torch.stack([whole(t, text) for t in time])
    a["out/eps_mixed"] = net(sample, time_mixed, guidance, text)
    if not lcm:
        a["in/text_uncond"], a["in/text_multi"] = empty, d.normal(batch, multi, s["text_dim"])
        a["out/eps_uncond"] = torch.stack([whole(t, empty) for t in time])
        a["out/eps_multi_text"] = net(sample, time_mixed, None, a["in/text_multi"])
    case.write(folder, name, a, dict(s, case=f"denoiser_{'lcm' if lcm else 'mld'}_{s['variant']}", seed=seed))
    case.checkpoint(folder, name, prefixed(denoiser=net))


def signal(d, lengths, frames, njoints, share):
    """A normalised control signal and its mask; some frames and joints of each motion."""
    B = len(lengths)
    mask = (torch.rand(B, frames, njoints, 1, generator=d.g) < share).double()
    mask *= (torch.arange(frames)[None] < torch.tensor(lengths)[:, None])[..., None, None]
    mask[:, 0, 0] = 1
    mask = mask.expand(-1, -1, -1, 3).clone()
    return d.normal(B, frames, njoints, 3) * mask, mask


def controlnet_case(folder, name, s, seed, lengths, share=0.02):
    d = Draw(seed)
    B, frames = len(lengths), max(lengths)
    denoiser, control = m.randomise(m.Denoiser(s), d.g), m.randomise(m.ControlNet(s), d.g)
    trajectory = m.randomise(m.TrajectoryEncoder(s), d.g)
    hint, mask = signal(d, lengths, frames, s["njoints"], share)
    sample, text = d.normal(B, s["latent_tokens"], s["latent_dim"]), d.normal(B, 1, s["text_dim"])
    t, w = d.integers(0, 1000, B), d.uniform(1, 14, B)
    time = m.time_features(t, s["time_dim"])
    guidance = m.guidance_features(w, s["time_cond_proj_dim"])
    traj = trajectory(hint, mask)
    residuals, embedding = control.residuals(sample, time, guidance, text, traj)
    case.write(folder, name, {
        "in/hint": hint, "in/hint_mask": mask, "in/lengths": lengths, "in/sample": sample, "in/timesteps": t, "in/w": w,
        "in/w_embedding": guidance, "in/text_cond": text, "mid/time_proj": time,
        "mid/frame_mask": (mask.flatten(2) != 0).any(-1).int(), "mid/cond_embedding": embedding, "out/traj": traj,
        "out/residuals": torch.stack(residuals), "out/eps_no_control": denoiser(sample, time, guidance, text),
        "out/eps_control": denoiser(sample, time, guidance, text, residuals)},
        dict(s, case="controlnet_" + s["variant"], seed=seed))
    case.checkpoint(folder, name, prefixed(denoiser=denoiser, controlnet=control, traj_encoder=trajectory))


def ddim_case(folder, name, s, seed, batch, steps, scale):
    s = dict(s, time_cond_proj_dim=0, sampler="ddim", num_inference_steps=steps, guidance_scale=scale, eta=0.0,
             steps_offset=1, set_alpha_to_one=0)
    d = Draw(seed)
    net, plan = m.randomise(m.Denoiser(s), d.g, 0.5), m.Schedule(s["num_train_timesteps"], s["beta_start"], s["beta_end"])
    z = noise = d.normal(batch, s["latent_tokens"], s["latent_dim"])
    text, empty = d.normal(batch, 1, s["text_dim"]), d.normal(1, 1, s["text_dim"]).repeat(batch, 1, 1)
    times = m.ddim_timesteps(steps, s["num_train_timesteps"])
    outs, cleans, latents = [], [], []
    for t in times:
        time = m.time_features([t], s["time_dim"]).expand(batch, -1)
        cond, uncond = net(z, time, None, text), net(z, time, None, empty)
        eps = uncond + scale * (cond - uncond)
        clean, previous = plan.clean(z, eps, t), plan.at(max(t - s["num_train_timesteps"] // steps, 0))
        z = previous.sqrt() * clean + (1 - previous).sqrt() * eps
        outs.append(eps), cleans.append(clean), latents.append(z)
    case.write(folder, name, {
        "in/noise": noise, "in/text_cond": text, "in/text_uncond": empty, "out/timesteps": times,
        "out/model_output": torch.stack(outs), "out/pred_x0": torch.stack(cleans), "out/latents": torch.stack(latents),
        "out/final": z}, dict(s, case=name, seed=seed))
    case.checkpoint(folder, name, prefixed(denoiser=net))


def lcm_case(folder, name, s, seed, batch, steps, scale, original=50):
    s = dict(s, sampler="lcm", num_inference_steps=steps, guidance_scale=scale, w=scale - 1,
             original_inference_steps=original, sigma_data=0.5, timestep_scaling=10.0)
    d = Draw(seed)
    net, plan = m.randomise(m.Denoiser(s), d.g, 0.5), m.Schedule(s["num_train_timesteps"], s["beta_start"], s["beta_end"])
    z = noise = d.normal(batch, s["latent_tokens"], s["latent_dim"])
    text = d.normal(batch, 1, s["text_dim"])
    guidance = m.guidance_features(torch.full((batch,), scale - 1.0), s["time_cond_proj_dim"])
    times = m.lcm_timesteps(steps, s["variant"], s["num_train_timesteps"], original)
    features = m.time_features(times, s["time_dim"])
    fresh = d.normal(max(steps - 1, 1), *noise.shape)
    outs, cleans, latents = [], [], []
    for i, t in enumerate(times):
        eps = net(z, features[i].expand(batch, -1), guidance, text)
        skip, out = m.boundary(t)
        y = out * plan.clean(z, eps, t) + skip * z
        z = y
        if i + 1 < steps:
            z = plan.noised(y, fresh[i], times[i + 1])
        outs.append(eps), cleans.append(y), latents.append(z)
    a = {"in/noise": noise, "in/text_cond": text, "in/w_embedding": guidance, "mid/time_proj": features, "out/timesteps": times,
         "out/model_output": torch.stack(outs), "out/denoised": torch.stack(cleans), "out/latents": torch.stack(latents),
         "out/final": z}
    if steps > 1:
        a["in/step_noise"] = fresh
    case.write(folder, name, a, dict(s, case=name, seed=seed))
    case.checkpoint(folder, name, prefixed(denoiser=net))


def schedule_case(folder, name, beta_start, beta_end, widths, ddim, lcm, grids, rates):
    plan, d = m.Schedule(1000, beta_start, beta_end), Draw(7)
    t, w = sorted(set(d.integers(0, 1000, 20).tolist()) | {0, 999}), [0.0, 0.5, 4.0, 6.5, 14.999]
    skip, out = m.boundary(t)
    a = {"beta": plan.beta, "alpha_cumprod": plan.alpha, "t": [float(x) for x in t], "w": w, "c_skip": skip, "c_out": out}
    for E, G in widths:
        a[f"time_proj_{E}"], a[f"w_embedding_{G}"] = m.time_features(t, E), m.guidance_features(w, G)
        a[f"time_freq_{E}"] = torch.exp(-torch.log(torch.tensor(1e4).double()) * torch.arange(E // 2).double() / (E // 2))
        a[f"w_freq_{G}"] = torch.exp(-torch.log(torch.tensor(1e4).double()) * torch.arange(G // 2).double() / (G // 2 - 1))
    for n in ddim:
        a[f"ddim{n}_timesteps"] = m.ddim_timesteps(n)
    for n in lcm:
        a[f"lcm_v1_timesteps_{n}"] = m.lcm_timesteps(n, "v1")
    for n in (1, 2, 4):
        a[f"lcm_v2_timesteps_{n}"] = m.lcm_timesteps(n, "v2")
    for n in grids:
        k = 1000 // n
        a[f"solver{n}_timesteps"] = [k * (i + 1) - 1 for i in range(n)]
        a[f"solver{n}_alpha_prev"] = plan.alpha[[max(k * i - 1, 0) for i in range(n)]]
    for label, warm, total in rates:
        a[f"lr_{label}_warmup{warm}_total{total}"] = [m.learning_rate(i, warm, total) for i in range(total + 1)]
    case.write(folder, name, a, dict(case="schedules", beta_start=beta_start, beta_end=beta_end))


def generate(folder):
    torch.set_default_dtype(torch.float64)
    with torch.no_grad():
        v = lambda name, s, seed, lengths, frames=None: vae_case(folder, name, s, seed, lengths, frames)
        v("vae_v1_one_layer", settings("v1", num_layers=1), 1, [9, 1, 4])
        v("vae_v1_seven_layers", settings("v1", num_layers=7, hidden_dim=40, latent_dim=40, num_heads=5, ff_size=36), 2, [60, 3])
        v("vae_v2_wide_lengths", settings("v2", hidden_dim=48, num_heads=6, ff_size=100, latent_tokens=7, latent_dim=5), 3,
          [224, 1, 40, 196, 2, 77], 224)
        v("vae_v2_kit", settings("v2", nfeats=251, njoints=21, num_layers=5, num_heads=1, latent_tokens=16, latent_dim=32), 4, [24, 13])
        v("vae_v1_tokens", settings("v1", latent_tokens=3, num_heads=8, hidden_dim=64, latent_dim=64, norm_eps=1e-3), 5, [31])
        v("vae_v2_one_frame", settings("v2", num_heads=2), 6, [1])
        v("vae_v2_odd_widths", settings("v2", hidden_dim=33, num_heads=3, ff_size=17, latent_dim=3, latent_tokens=2), 7, [15, 8, 16])
        v("vae_v1_nine_layers", settings("v1", num_layers=9, hidden_dim=64, latent_dim=64, num_heads=4, ff_size=256), 8, [196, 40, 120])
        v("vae_v2_padding", settings("v2"), 9, [10, 12], 30)
        v("vae_v2_exact_positions", settings("v2", max_positions=48), 19, [40, 20])
        n = lambda name, s, seed, batch, t, **k: denoiser_case(folder, name, s, seed, batch, t, **k)
        n("denoiser_mld_v1_one_layer", settings("v1", num_layers=1, time_cond_proj_dim=0), 10, 1, [0, 999])
        n("denoiser_mld_v2_deep", settings("v2", num_layers=9, time_cond_proj_dim=0, latent_tokens=16, latent_dim=32, hidden_dim=64), 11, 5, [981, 1, 500], multi=7)
        n("denoiser_mld_v1_heads", settings("v1", num_layers=7, num_heads=2, time_dim=30, text_dim=17, time_cond_proj_dim=0), 12, 9, [3], multi=1)
        n("denoiser_mld_v2_odd", settings("v2", hidden_dim=35, num_heads=5, ff_size=51, latent_dim=7, latent_tokens=3, time_cond_proj_dim=0), 18, 33, [20, 700], multi=2)
        n("denoiser_lcm_v1_wide", settings("v1", hidden_dim=96, latent_dim=96, num_heads=12, ff_size=40, num_layers=5), 13, 4, [999, 19, 499])
        n("denoiser_lcm_v2_seven", settings("v2", num_layers=7, latent_tokens=10, latent_dim=3, time_cond_proj_dim=80), 14, 2, [799, 0])
        n("denoiser_lcm_v2_large_batch", settings("v2", num_layers=1, norm_eps=1e-6), 15, 70, [299])
        n("denoiser_lcm_v1_odd_guidance", settings("v1", time_cond_proj_dim=33), 16, 3, [259, 759])
        n("denoiser_lcm_v1_tokens", settings("v1", latent_tokens=5, text_act="none"), 17, 3, [259])
        c = lambda name, s, seed, lengths, **k: controlnet_case(folder, name, s, seed, lengths, **k)
        c("controlnet_v1_long", settings("v1", num_layers=5, controlnet_embed_dim=24), 20, [196, 5, 60])
        c("controlnet_v2_one_layer", settings("v2", num_layers=1, latent_tokens=6), 21, [30], share=1.0)
        c("controlnet_v2_nine", settings("v2", num_layers=9, hidden_dim=48, num_heads=3, controlnet_embed_dim=20), 22, [12, 40, 2, 7], share=0.3)
        c("controlnet_v1_tokens", settings("v1", latent_tokens=2), 23, [17, 3])
        c("controlnet_v2_kit", settings("v2", nfeats=251, njoints=21), 24, [9, 20])
        for i, (steps, scale) in enumerate([(1, 7.5), (2, 1.5), (10, 12.5), (20, 7.5), (25, 3.0), (100, 4.0)]):
            variant = "v2" if i % 2 else "v1"
            ddim_case(folder, f"sampler_ddim{steps}_oracle", settings(variant, num_layers=(1, 3, 5)[i % 3]), 30 + i, 1 + i % 4, steps, scale)
        for i, steps in enumerate((1, 2, 3, 4, 5, 6, 7, 8, 16, 50)):
            lcm_case(folder, f"sampler_lcm_{steps}_v1_oracle", settings("v1", num_layers=(5, 1, 3)[i % 3], num_heads=2), 40 + i,
                     1 + i % 3, steps, 2.5 + i)
        for i, steps in enumerate((1, 2, 4)):
            lcm_case(folder, f"sampler_lcm_{steps}_v2_oracle", settings("v2", latent_tokens=16, num_layers=5), 60 + i, 2, steps, 8.0 + 2.5 * i)
        lcm_case(folder, "sampler_lcm_4_v1_grid25", settings("v1"), 65, 2, 4, 7.5, original=25)
        lcm_case(folder, "sampler_lcm_2_v1_betas", settings("v1", beta_start=0.001, beta_end=0.02), 66, 2, 2, 7.5)
        ddim_case(folder, "sampler_ddim10_betas", settings("v2", beta_start=0.0005, beta_end=0.015), 67, 2, 10, 2.0)
    schedule_case(folder, "schedules_oracle", 0.001, 0.02, [(64, 32), (30, 33), (512, 512)], (1, 2, 5, 10, 20, 25, 100, 1000),
                  range(1, 51), (1, 5, 20, 25, 100, 1000), [("a", 1, 7), ("b", 0, 13), ("c", 100, 900)])
