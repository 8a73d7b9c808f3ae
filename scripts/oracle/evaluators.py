"""Cases of the learned evaluator: embeddings, training steps, single layers, a whole evaluation (PyTorch, float64)."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import case
import metrics
from networks import Draw

SIZE = dict(dim_pose=27, dim_movement_enc_hidden=12, dim_movement_latent=10, dim_motion_hidden=14, dim_text_hidden=9,
            dim_word=18, dim_coemb_hidden=8, unit_length=4)
PARTS_OF_SPEECH = 15


def movement_encoder(s):
    net = nn.Module()
    net.main = nn.Sequential(nn.Conv1d(s["dim_pose"] - 4, s["dim_movement_enc_hidden"], 4, 2, 1), nn.Identity(), nn.LeakyReLU(0.2),
                             nn.Conv1d(s["dim_movement_enc_hidden"], s["dim_movement_latent"], 4, 2, 1), nn.Identity(), nn.LeakyReLU(0.2))
    net.out_net = nn.Linear(s["dim_movement_latent"], s["dim_movement_latent"])
    return net


def movement_decoder(s, hidden):
    net = nn.Module()
    net.main = nn.Sequential(nn.ConvTranspose1d(s["dim_movement_latent"], hidden, 4, 2, 1), nn.LeakyReLU(0.2),
                             nn.ConvTranspose1d(hidden, s["dim_pose"], 4, 2, 1), nn.LeakyReLU(0.2))
    net.out_net = nn.Linear(s["dim_pose"], s["dim_pose"])
    return net


class Recurrent(nn.Module):
    def __init__(self, width, hidden, out, text):
        super().__init__()
        self.hidden = nn.Parameter(torch.empty(2, 1, hidden))
        if text:
            self.pos_emb = nn.Linear(PARTS_OF_SPEECH, width)
        self.input_emb = nn.Linear(width, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.output_net = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.LayerNorm(hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, out))

    def forward(self, x, lengths, speech=None, stages=None):
        x = self.input_emb(x if speech is None else x + self.pos_emb(speech))
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.as_tensor(lengths), batch_first=True, enforce_sorted=False)
        seq, last = self.gru(packed, self.hidden.expand(-1, len(x), -1).contiguous())
        if stages is not None:
            seq = nn.utils.rnn.pad_packed_sequence(seq, batch_first=True, total_length=x.shape[1])[0]
            stages.update(input=x, sequence=seq, fwd=last[0], bwd=last[1])
        return self.output_net(torch.cat([last[0], last[1]], -1))


class Evaluator:
    def __init__(self, s, d):
        self.s = s
        self.movement = movement_encoder(s)
        self.motion = Recurrent(s["dim_movement_latent"], s["dim_motion_hidden"], s["dim_coemb_hidden"], False)
        self.text = Recurrent(s["dim_word"], s["dim_text_hidden"], s["dim_coemb_hidden"], True)
        for net in self.networks().values():
            fill(net, d)

    def networks(self):
        return {"movement_encoder": self.movement, "motion_encoder": self.motion, "text_encoder": self.text}

    def move(self, x, stages=None):
        conv1 = self.movement.main[0](x[..., :-4].transpose(1, 2))
        conv2 = self.movement.main[3](F.leaky_relu(conv1, 0.2))
        out = self.movement.out_net(F.leaky_relu(conv2, 0.2).transpose(1, 2))
        if stages is not None:
            stages.update(conv1=conv1, conv2=conv2, movement=out)
        return out

    def embed_motion(self, x, lengths, stages=None):
        return self.motion(self.move(x), [n // 4 for n in lengths], stages=stages)


def fill(net, d):
    with torch.no_grad():
        for name, p in net.named_parameters():
            noise = d.normal(*p.shape)
            p.copy_((1 + 0.1 * noise if name == "output_net.1.weight" else noise if name == "hidden" else 0.2 * noise if p.dim() == 1
                     else noise / (p.shape[1] * (p.shape[2] if p.dim() == 3 else 1)) ** 0.5).float().double())
    return net


def batch(d, s, n, frames, tokens, low=8):
    lengths = d.integers(low, frames + 1, n).tolist()
    lengths[n // 2] = frames
    x = d.normal(n, frames, s["dim_pose"]) * (torch.arange(frames)[None] < torch.tensor(lengths)[:, None])[..., None]
    caps = sorted(d.integers(2, tokens + 1, n).tolist(), reverse=True)
    caps[0] = tokens
    speech = F.one_hot(d.integers(0, PARTS_OF_SPEECH, n, tokens), PARTS_OF_SPEECH).double()
    return x, lengths, d.normal(n, tokens, s["dim_word"]), speech, caps


def order_of(lengths):
    """Longest first; equal ones in the order that a reversed ascending sort gives."""
    return np.argsort(lengths, kind="stable")[::-1].tolist()


def evaluator_case(folder, name, s, seed, n, frames, tokens):
    d = Draw(seed)
    ev = Evaluator(s, d)
    x, lengths, words, speech, caps = batch(d, s, n, frames, tokens)
    order = order_of(lengths)
    pick = lambda y, o=order: y[o]
    a = {"in/motions": x, "in/m_lens": lengths, "in/word_embs": words, "in/pos_onehot": speech, "in/cap_lens": caps, "out/align_idx": order}
    st, sm, sx = {}, {}, {}
    ev.move(x, sx)
    motion = ev.embed_motion(x[order], [lengths[i] for i in order], sm)
    text = pick(ev.text(words, caps, speech, st))
    for k, v in (("motion", motion), ("text", text)):
        a[f"out/{k}_embedding"], a[f"out/{k}_embedding_f64"] = v, v
    a.update({"stages/conv1": sx["conv1"], "stages/conv2": sx["conv2"], "stages/movement": sx["movement"],
              "stages/motion_input_emb_sorted": sm["input"], "stages/motion_gru_seq_sorted": sm["sequence"],
              "stages/motion_gru_last_fwd_sorted": sm["fwd"], "stages/motion_gru_last_bwd_sorted": sm["bwd"],
              "stages/text_input_emb": st["input"], "stages/text_gru_last_fwd": st["fwd"], "stages/text_gru_last_bwd": st["bwd"]})
    garbage = x + d.normal(*x.shape) * (torch.arange(frames)[None] >= torch.tensor(lengths)[:, None])[..., None]
    a["padding/motions_garbage_tail"] = garbage
    a["padding/motion_embedding_garbage_tail"] = pick(ev.embed_motion(garbage, lengths))
    subset = [i for i in range(n) if lengths[i] < frames] or [0]
    cut = max(lengths[i] for i in subset)
    sub_lengths = [lengths[i] for i in subset]
    sub_order = order_of(sub_lengths)
    a["padding/subset_indices"] = subset
    a["padding/motion_embedding_subset_full_padding"] = ev.embed_motion(x[subset], sub_lengths)[sub_order]
    a["padding/motion_embedding_subset_truncated_to_batch_max"] = ev.embed_motion(x[subset][:, :cut], sub_lengths)[sub_order]
    case.write(folder, name, a, s, double=[k for k in a if k.endswith("_f64")])
    state = {k: {n_: v.float() for n_, v in net.state_dict().items()} for k, net in ev.networks().items()}
    state.update(epoch=28, iter=12345)
    torch.save(state, f"{folder}/{name}.ckpt")
    torch.save(state, f"{folder}/{name}_legacy.ckpt", _use_new_zipfile_serialization=False)


def distance(a, b):
    return ((a - b + 1e-6) ** 2).sum(-1).sqrt()


def adam(p, g, state, i, rate, b1=0.9, b2=0.999, eps=1e-8):
    m, v = state
    m.mul_(b1).add_((1 - b1) * g)
    v.mul_(b2).add_((1 - b2) * g ** 2)
    with torch.no_grad():
        p -= rate * (m / (1 - b1 ** (i + 1))) / ((v / (1 - b2 ** (i + 1))).sqrt() + eps)


def matching_case(folder, name, s, seed, n, frames, tokens, runs, clip=0.5, rate=1e-4):
    """runs: name -> (margin, shifts of the steps)."""
    d = Draw(seed)
    ev = Evaluator(s, d)
    x, lengths, words, speech, caps = batch(d, s, n, frames, tokens)
    order = order_of(lengths)
    start = {k: {n_: v.clone() for n_, v in net.state_dict().items()} for k, net in ev.networks().items()}
    a = {"in/motions": x, "in/m_lens": lengths, "in/word_embs": words, "in/pos_onehot": speech, "in/cap_lens": caps}
    a.update({f"weights/{k}/{n_}": v for k, state in start.items() for n_, v in state.items()})
    for run, (margin, shifts) in runs.items():
        for k, net in ev.networks().items():
            net.load_state_dict(start[k])
        nets = {"text_encoder": ev.text, "motion_encoder": ev.motion}
        states = {k: {n_: (torch.zeros_like(p), torch.zeros_like(p)) for n_, p in net.named_parameters()} for k, net in nets.items()}
        for i, shift in enumerate(shifts):
            at = f"{run}/step{i}/"
            motion = ev.motion(ev.move(x).detach(), [l // 4 for l in lengths])[order]
            text = ev.text(words, caps, speech)[order]
            pos = (distance(text, motion) ** 2).mean()
            # sample i is paired with motion (i + s) mod n
            neg = (F.relu(margin - distance(text, motion.roll(-shift, 0))) ** 2).mean()
            a.update({at + "shift": [shift], at + "loss": pos + neg, at + "loss_pos": pos, at + "loss_neg": neg})
            if i == 0:
                a.update({at + "align_idx": order, at + "text_embedding": text, at + "motion_embedding": motion})
            for k, net in nets.items():
                names, params = zip(*net.named_parameters())
                g = torch.autograd.grad(pos + neg, params, retain_graph=True)
                norm = sum((y ** 2).sum() for y in g).sqrt()
                a[at + f"grad_norm_before_clip_{k}"] = norm
                for n_, p, y in zip(names, params, g):
                    if i == 0:
                        a[at + f"grad/{k}/{n_}"] = y
                    net.updates = getattr(net, "updates", []) + [(p, y * min(1.0, clip / (norm.item() + 1e-6)), states[k][n_])]
            for net in nets.values():
                for p, y, st in net.updates:
                    adam(p, y, st, i, rate)
                net.updates = []
        for k, net in nets.items():
            a.update({f"{run}/weights_after_{len(shifts)}_steps/{k}/{n_}": p.detach().clone() for n_, p in net.named_parameters()})
    case.write(folder, name, a, dict(s, negative_margin=10.0, lr=rate, clip_norm=clip, adam_beta1=0.9, adam_beta2=0.999, adam_eps=1e-8), double=True)


def autoencoder_case(folder, name, s, seed, n, frames, hidden, sparsity=0.001, smooth=0.001, rate=1e-4, dropout=0.2):
    d = Draw(seed)
    enc, dec = fill(movement_encoder(s), d), fill(movement_decoder(s, hidden), d)
    x = d.normal(n, frames, s["dim_pose"])
    c1, c2 = s["dim_movement_enc_hidden"], s["dim_movement_latent"]
    masks = [(torch.rand(n, c, f, generator=d.g) >= dropout).double() / (1 - dropout) for c, f in ((c1, frames // 2), (c2, frames // 4))]
    a = {"in/motions": x, "in/dropout_mask_1": masks[0], "in/dropout_mask_2": masks[1]}
    nets = {"movement_enc": enc, "movement_dec": dec}
    a.update({f"weights/{k}/{n_}": p for k, net in nets.items() for n_, p in net.state_dict().items()})
    for run, (f1, f2) in {"no_dropout": (1, 1), "with_dropout": masks}.items():
        y = F.leaky_relu(enc.main[0](x[..., :-4].transpose(1, 2)) * f1, 0.2)
        latents = enc.out_net(F.leaky_relu(enc.main[3](y) * f2, 0.2).transpose(1, 2))
        recon = dec.out_net(dec.main(latents.transpose(1, 2)).transpose(1, 2))
        rec, sp, sm = (recon - x).abs().mean(), latents.abs().mean(), (latents[:, 1:] - latents[:, :-1]).abs().mean()
        loss = rec + sparsity * sp + smooth * sm
        a.update({run + "/latents": latents, run + "/recon": recon, run + "/loss_rec": rec, run + "/loss_sparsity": sp,
                  run + "/loss_smooth": sm, run + "/loss": loss})
        for k, net in nets.items():
            for n_, p in net.named_parameters():
                g, = torch.autograd.grad(loss, p, retain_graph=True)
                a[f"{run}/grad/{k}/{n_}"] = g
                a[f"{run}/weights_after_1_step/{k}/{n_}"] = p - rate * g / (g.abs() + 1e-8)
    case.write(folder, name, a, dict(s, dim_movement_dec_hidden=hidden, lambda_sparsity=sparsity, lambda_smooth=smooth, lr=rate,
                                     window_size=frames, dropout_p=dropout), double=True)


def pipeline_case(folder, name, s, seed, n, frames, tokens, batch_size, longest, pairs):
    d = Draw(seed)
    ev = Evaluator(s, d)
    x, lengths, words, speech, caps = batch(d, s, n, frames, tokens)
    ref = d.normal(*x.shape) * (torch.arange(frames)[None] < torch.tensor(lengths)[:, None])[..., None]
    f = s["dim_pose"]
    mean, std, mean_e, std_e = d.normal(f), d.uniform(0.5, 2, f), d.normal(f), d.uniform(0.5, 2, f)
    renorm = lambda y: (y * std + mean - mean_e) / std_e
    a = {"in/gen_normalised": x, "in/ref_normalised": ref, "in/lengths": lengths, "in/word_embs": words, "in/pos_onehot": speech,
         "in/cap_lens": caps, "in/mean": mean, "in/std": std, "in/mean_eval": mean_e, "in/std_eval": std_e}
    a.update({f"weights/{k}/{n_}": v for k, net in ev.networks().items() for n_, v in net.state_dict().items()})
    text = ev.text(words, caps, speech)
    rng = np.random.default_rng(seed)

    def embed(y, rows, batch_max):
        ls = [lengths[i] for i in rows]
        if batch_max:
            return ev.embed_motion(renorm(y[rows][:, : max(ls)]), ls)
        z = torch.zeros(len(rows), longest, f)
        keep = min(frames, longest)
        valid = (torch.arange(keep)[None] < torch.tensor(ls)[:, None])[..., None]
        z[:, :keep] = renorm(y[rows][:, :keep]) * valid
        return ev.embed_motion(z, ls)
    for group, whole in (("motionlcm", True), ("t2m", False)):
        rows, gen, real = [], [], []
        for b in range(0, n if whole else n // batch_size * batch_size, batch_size):
            inside = list(range(b, min(b + batch_size, n)))
            inside = [inside[i] for i in order_of([lengths[i] for i in inside])]
            rows += inside
            gen.append(embed(x, inside, whole)), real.append(embed(ref, inside, whole))
        t, g, r = (y.detach().float().numpy() for y in (text[rows], torch.cat(gen), torch.cat(real)))
        a.update({f"{group}/emb_text": t, f"{group}/emb_gen": g, f"{group}/emb_gt": r, f"{group}/row_source_index": rows})
        if whole:
            a.update({f"{group}/{k}": v for k, v in metrics.motionlcm(rng, t, g, r, pairs).items() if not k.endswith("_f64")})
        else:
            a.update({f"t2m/{k}": v for k, v in metrics.t2m(rng, t, g, r, 0).items() if not k.endswith("_f64")})
            a["t2m"] = {"n_used": len(rows)}
    case.write(folder, name, a, dict(s, batch_size=batch_size, max_motion_length=longest, diversity_times=pairs),
               double=[k for k in a if not k.startswith(("in/gen", "in/ref")) or "eval" in k])


def layers_case(folder, name, seed, n, cin, cout, frames, hidden):
    d = Draw(seed)
    a = {"conv1d": {"kernel": 4, "padding": 1, "stride": 2}, "convtranspose1d": {"kernel": 4, "padding": 1, "stride": 2},
         "pairwise_distance": {"eps": 1e-6}}
    x, odd, w, b = d.normal(n, cin, frames), d.normal(n, cin, frames + 1), d.normal(cout, cin, 4), d.normal(cout)
    a.update({"conv1d/in": x, "conv1d/in_odd": odd, "conv1d/weight": w, "conv1d/bias": b, "conv1d/out": F.conv1d(x, w, b, 2, 1),
              "conv1d/out_odd": F.conv1d(odd, w, b, 2, 1)})
    wt = d.normal(cin, cout, 4)
    a.update({"convtranspose1d/in": x, "convtranspose1d/weight": wt, "convtranspose1d/bias": b, "convtranspose1d/out": F.conv_transpose1d(x, wt, b, 2, 1)})
    gru = fill(nn.GRU(cin, hidden, batch_first=True, bidirectional=True), d)
    seq, h0 = d.normal(n, frames, cin).requires_grad_(), d.normal(2, n, hidden).requires_grad_()
    lengths = d.integers(1, frames + 1, n).tolist()
    lengths[0] = frames
    packed = nn.utils.rnn.pack_padded_sequence(seq, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    out, last = gru(packed, h0)
    out = nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=frames)[0]
    ws, wl = d.normal(*out.shape), d.normal(*last.shape)
    loss = (out * ws).sum() + (last * wl).sum()
    names, params = zip(*gru.named_parameters())
    g = torch.autograd.grad(loss, (seq, h0) + params)
    a.update({"gru/x": seq, "gru/h0": h0, "gru/lengths": lengths, "gru/out_seq": out, "gru/out_last": last, "gru/loss": loss,
              "gru/loss_w_seq": ws, "gru/loss_w_last": wl, "gru/grad/x": g[0], "gru/grad/h0": g[1]})
    a.update({f"gru/{k}": p for k, p in zip(names, params)})
    a.update({f"gru/grad/{k}": y for k, y in zip(names, g[2:])})
    cell = fill(nn.GRUCell(cin, hidden), d)
    cx, ch = d.normal(n, cin), d.normal(n, hidden)
    a.update({"grucell/x": cx, "grucell/h": ch, "grucell/out": cell(cx, ch)})
    a.update({f"grucell/{k}": p for k, p in cell.named_parameters()})
    y, lw, lb = d.normal(n, cout), d.normal(cout), d.normal(cout)
    a.update({"layernorm/in": y, "layernorm/weight": lw, "layernorm/bias": lb, "layernorm/out": F.layer_norm(y, (cout,), lw, lb),
              "leakyrelu/in": y, "leakyrelu/out": F.leaky_relu(y, 0.2)})
    p, q = d.normal(n, cout), d.normal(n, cout)
    p[0] = q[0]
    a.update({"pairwise_distance/a": p, "pairwise_distance/b": q, "pairwise_distance/out": F.pairwise_distance(p, q)})
    case.write(folder, name, a, {}, double=True)


def generate(folder):
    torch.set_default_dtype(torch.float64)
    wide = dict(SIZE, dim_pose=263, dim_movement_enc_hidden=48, dim_movement_latent=40, dim_motion_hidden=64, dim_text_hidden=32, dim_word=300,
                dim_coemb_hidden=48)
    narrow = dict(SIZE, dim_pose=6, dim_movement_enc_hidden=3, dim_movement_latent=5, dim_motion_hidden=2, dim_text_hidden=3, dim_word=4, dim_coemb_hidden=2)
    evaluator_case(folder, "evaluators_wide", wide, 201, 5, 196, 22)
    evaluator_case(folder, "evaluators_narrow", narrow, 202, 40, 24, 3)
    evaluator_case(folder, "evaluators_kit", dict(wide, dim_pose=251), 203, 3, 60, 22)
    evaluator_case(folder, "evaluators_odd_frames", SIZE, 204, 9, 43, 5)
    evaluator_case(folder, "evaluators_two", SIZE, 205, 2, 12, 7)
    matching_case(folder, "evaluator_train_step_one", SIZE, 211, 4, 20, 6, {"margin10": (10, [1]), "margin3": (3.0, [2, 3])})
    matching_case(folder, "evaluator_train_step_wide", dict(wide, dim_pose=99), 212, 12, 60, 22, {"margin10": (10, [5, 0, 11, 1])}, clip=0.05, rate=1e-3)
    matching_case(folder, "evaluator_train_step_pair", narrow, 213, 2, 16, 2, {"margin1": (1, [0]), "margin10": (10, [1, 1])}, clip=100.0)
    autoencoder_case(folder, "movement_autoencoder_step_wide", dict(SIZE, dim_pose=80, dim_movement_enc_hidden=32, dim_movement_latent=24), 221, 9, 40, 20, 0.01, 0.1)
    autoencoder_case(folder, "movement_autoencoder_step_short", SIZE, 222, 1, 8, 3, rate=1e-3, dropout=0.5)
    pipeline_case(folder, "eval_pipeline_oracle", SIZE, 231, 101, 60, 9, 32, 64, 50)
    pipeline_case(folder, "eval_pipeline_batch", dict(SIZE, dim_coemb_hidden=20), 232, 64, 28, 22, 16, 48, 64)
    layers_case(folder, "units_gru_conv_oracle", 241, 3, 5, 7, 12, 6)
    layers_case(folder, "units_gru_conv_one", 242, 1, 1, 2, 2, 1)
