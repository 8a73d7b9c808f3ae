"""The MotionLCM networks, losses and samplers in PyTorch, in float64."""
import math

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x, memory, valid=None):
        wq, wk, wv = self.in_proj_weight.chunk(3)
        bq, bk, bv = self.in_proj_bias.chunk(3)
        B, n, d = x.shape
        split = lambda y: y.reshape(B, -1, self.heads, d // self.heads).transpose(1, 2)
        q, k, v = split(F.linear(x, wq, bq)), split(F.linear(memory, wk, bk)), split(F.linear(memory, wv, bv))
        scores = q @ k.transpose(2, 3) / math.sqrt(d // self.heads)
        if valid is not None:
            scores = scores.masked_fill(~valid[:, None, None, :], -math.inf)
        return self.out_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(B, n, d))


class Layer(nn.Module):
    def __init__(self, width, heads, inner, eps, decoder):
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)
        if decoder:
            self.multihead_attn, self.norm3 = Attention(width, heads), nn.LayerNorm(width, eps)

    def forward(self, x, valid, memory):
        x = self.norm1(x + self.self_attn(x, x, valid))
        feed = lambda y: self.linear2(F.gelu(self.linear1(y)))
        if memory is None:
            return self.norm2(x + feed(x))
        x = self.norm2(x + self.multihead_attn(x, memory))
        return self.norm3(x + feed(x))


class SkipStack(nn.Module):
    def __init__(self, s, decoder=False, norm=True):
        super().__init__()
        make = lambda: Layer(s["hidden_dim"], s["num_heads"], s["ff_size"], s["norm_eps"], decoder)
        half = (s["num_layers"] - 1) // 2
        self.input_blocks = nn.ModuleList(make() for _ in range(half))
        self.middle_block = make()
        self.output_blocks = nn.ModuleList(make() for _ in range(half))
        self.linear_blocks = nn.ModuleList(nn.Linear(2 * s["hidden_dim"], s["hidden_dim"]) for _ in range(half))
        self.norm = nn.LayerNorm(s["hidden_dim"], s["norm_eps"]) if norm else None

    def forward(self, x, valid=None, memory=None, residuals=None, outputs=None):
        saved, j = [], 0

        def block(layer, y):
            nonlocal j
            y = layer(y, valid, memory)
            if outputs is not None:
                outputs.append(y)
            if residuals is not None:
                y = y + residuals[j]
            j += 1
            return y
        for layer in self.input_blocks:
            x = block(layer, x)
            saved.append(x)
        x = block(self.middle_block, x)
        for layer, linear in zip(self.output_blocks, self.linear_blocks):
            x = block(layer, linear(torch.cat([x, saved.pop()], -1)))
        return self.norm(x) if self.norm else x


class Positions(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.pe = nn.Parameter(torch.empty(s["max_positions"], 1, s["hidden_dim"]))

    def forward(self, x):
        return x + self.pe[: x.shape[1], 0]


class Vae(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.tokens, d, D = s["latent_tokens"], s["hidden_dim"], s["latent_dim"]
        self.global_motion_token = nn.Parameter(torch.empty(2 * self.tokens, d))
        self.projected = s["pre_post_proj"]
        if self.projected:
            self.latent_pre, self.latent_post = nn.Linear(d, D), nn.Linear(D, d)
        self.query_pos_encoder, self.query_pos_decoder = Positions(s), Positions(s)
        self.encoder, self.decoder = SkipStack(s), SkipStack(s, decoder=True)
        self.skel_embedding, self.final_layer = nn.Linear(s["nfeats"], d), nn.Linear(d, s["nfeats"])

    def encode(self, x, valid):
        B = len(x)
        seq = torch.cat([self.global_motion_token.expand(B, -1, -1), self.skel_embedding(x)], 1)
        valid = torch.cat([torch.ones(B, 2 * self.tokens, dtype=torch.bool), valid], 1)
        out = self.encoder(self.query_pos_encoder(seq), valid)[:, : 2 * self.tokens]
        if self.projected:
            out = self.latent_pre(out)
        return out[:, : self.tokens], out[:, self.tokens:]

    def decode(self, z, valid):
        memory = self.latent_post(z) if self.projected else z
        queries = torch.zeros(len(z), valid.shape[1], self.query_pos_decoder.pe.shape[2])
        out = self.final_layer(self.decoder(self.query_pos_decoder(queries), valid, memory))
        return out * valid[..., None]


class TimeEmbedding(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(s["time_dim"], s["hidden_dim"]), nn.Linear(s["hidden_dim"], s["hidden_dim"])
        if s["time_cond_proj_dim"]:
            self.cond_proj = nn.Linear(s["time_cond_proj_dim"], s["time_dim"], bias=False)

    def forward(self, time, guidance):
        return self.linear_2(F.silu(self.linear_1(time if guidance is None else time + self.cond_proj(guidance))))


class Denoiser(nn.Module):
    def __init__(self, s, norm=True):
        super().__init__()
        self.tokens, d, D = s["latent_tokens"], s["hidden_dim"], s["latent_dim"]
        self.projected, self.act = s["pre_post_proj"], s["text_act"]
        if self.projected:
            self.latent_pre, self.latent_post = nn.Linear(D, d), nn.Linear(d, D)
        self.time_embedding = TimeEmbedding(s)
        self.emb_proj = nn.Sequential(nn.ReLU() if self.act == "relu" else nn.Identity(), nn.Linear(s["text_dim"], d))
        self.query_pos, self.encoder = Positions(s), SkipStack(s, norm=norm)

    def run(self, sample, time, guidance, text, residuals=None, outputs=None):
        x = self.latent_pre(sample) if self.projected else sample
        embedded = self.time_embedding(time, guidance)
        seq = torch.cat([x, embedded[:, None], self.emb_proj(text)], 1)
        return self.encoder(self.query_pos(seq), residuals=residuals, outputs=outputs), embedded

    def forward(self, sample, time, guidance, text, residuals=None):
        out = self.run(sample, time, guidance, text, residuals)[0][:, : self.tokens]
        return self.latent_post(out) if self.projected else out


class TrajectoryEncoder(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.tokens, d = s["latent_tokens"], s["hidden_dim"]
        self.projected = s["pre_post_proj"]
        self.global_motion_token = nn.Parameter(torch.empty(self.tokens, d))
        if self.projected:
            self.latent_proj = nn.Linear(d, s["latent_dim"])
        self.skel_embedding = nn.Linear(3 * s["njoints"], d)
        self.query_pos_encoder, self.encoder = Positions(s), SkipStack(s)

    def forward(self, hint, mask):
        B, T = hint.shape[:2]
        seq = torch.cat([self.global_motion_token.expand(B, -1, -1), self.skel_embedding(hint.reshape(B, T, -1))], 1)
        valid = torch.cat([torch.ones(B, self.tokens, dtype=torch.bool), (mask.reshape(B, T, -1) != 0).any(-1)], 1)
        out = self.encoder(self.query_pos_encoder(seq), valid)[:, : self.tokens]
        return self.latent_proj(out) if self.projected else out


class ControlNet(Denoiser):
    def __init__(self, s):
        super().__init__(s, norm=False)
        D, e, d = s["latent_dim"], s["controlnet_embed_dim"], s["hidden_dim"]
        linears = [nn.Linear(D, e), nn.Linear(e, e), nn.Linear(e, D)]
        if s["controlnet_act"] == "silu":
            linears = [linears[0], nn.SiLU(), linears[1], nn.SiLU(), linears[2]]
        self.controlnet_cond_embedding = nn.Sequential(*linears)
        self.controlnet_down_mid_blocks = nn.ModuleList(nn.Linear(d, d) for _ in range(s["num_layers"]))

    def residuals(self, sample, time, guidance, text, trajectory):
        embedding, outputs = self.controlnet_cond_embedding(trajectory), []
        self.run(sample + embedding, time, guidance, text, outputs=outputs)
        return [linear(y) for linear, y in zip(self.controlnet_down_mid_blocks, outputs)], embedding


def randomise(module, generator, gain=1.0):
    """Every tensor, float32 values: matrices of the given gain, the rest near its usual start. Feedback through a
    sampler multiplies rounding: there a gain below 1 keeps what is compared well-conditioned."""
    with torch.no_grad():
        for name, p in module.named_parameters():
            noise = torch.randn(p.shape, generator=generator, dtype=torch.float32).double()
            if name.endswith(".pe"):
                p.copy_(0.5 * noise)
            elif "norm" in name and name.endswith("weight"):
                p.copy_(1 + 0.1 * noise)
            elif p.dim() == 1:
                p.copy_(0.1 * noise)
            elif name.endswith("global_motion_token"):
                p.copy_(noise)
            else:
                p.copy_(gain * noise / math.sqrt(p.shape[1]))
            p.copy_(p.float().double())
    return module


# --- sinusoids, schedule ---------------------------------------------------------------------------------------

def time_features(t, width):
    """Cosines first; float32 as published."""
    half = width // 2
    frequency = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)
    angle = torch.as_tensor(t).float()[:, None] * frequency
    return torch.cat([angle.cos(), angle.sin()], -1).double()


def guidance_features(w, width):
    """Sines first, of 1000 w; one zero more if the width is odd."""
    half = width // 2
    step = torch.log(torch.tensor(10000.0, dtype=torch.float32)) / (half - 1)
    frequency = torch.exp(torch.arange(half, dtype=torch.float32) * -step)
    angle = (1000 * torch.as_tensor(w).float())[:, None] * frequency
    out = torch.cat([angle.sin(), angle.cos()], -1)
    return F.pad(out, (0, width % 2)).double()


class Schedule:
    def __init__(self, steps=1000, beta_start=0.00085, beta_end=0.012):
        self.steps = steps
        self.beta = torch.linspace(beta_start ** 0.5, beta_end ** 0.5, steps, dtype=torch.float64) ** 2
        self.alpha = torch.cumprod(1 - self.beta, 0)

    def at(self, t):
        return self.alpha[torch.as_tensor(t).long()].reshape(-1, 1, 1)

    def noised(self, z, eps, t):
        return self.at(t).sqrt() * z + (1 - self.at(t)).sqrt() * eps

    def clean(self, z, eps, t):
        return (z - (1 - self.at(t)).sqrt() * eps) / self.at(t).sqrt()


def boundary(t, scaling=10.0, sigma=0.5):
    x = scaling * torch.as_tensor(t).double()
    return sigma ** 2 / (x ** 2 + sigma ** 2), x / (x ** 2 + sigma ** 2).sqrt()


def ddim_timesteps(n, train=1000, offset=1):
    return [train // n * i + offset for i in reversed(range(n))]


def lcm_timesteps(n, variant, train=1000, original=50):
    if variant == "v2":
        return {1: [799], 2: [699, 299], 4: [699, 399, 299, 299]}[n]
    grid = [train // original * (i + 1) - 1 for i in range(original)][::-1]
    return [grid[original * i // n] for i in range(n)]


def learning_rate(s, warmup, total):
    return s / warmup if s < warmup else 0.5 * (1 + math.cos(math.pi * (s - warmup) / (total - warmup)))


# --- joints and losses -------------------------------------------------------------------------------------------

def joints_of(x, mean, std, njoints):
    f = x * std + mean
    shifted = F.pad(f[:, :-1, :3], (0, 0, 1, 0))
    a = torch.cumsum(shifted[..., 0], 1)
    cos, sin = torch.cos(2 * a), torch.sin(2 * a)
    turn = lambda px, pz, c, s: (px * c - pz * s, px * s + pz * c)
    dx, dz = turn(shifted[..., 1], shifted[..., 2], cos, sin)
    rx, rz = torch.cumsum(dx, 1), torch.cumsum(dz, 1)
    local = f[..., 4: 4 + 3 * (njoints - 1)].reshape(*f.shape[:2], njoints - 1, 3)
    jx, jz = turn(local[..., 0], local[..., 2], cos[..., None], sin[..., None])
    rest = torch.stack([jx + rx[..., None], local[..., 1], jz + rz[..., None]], -1)
    root = torch.stack([rx, f[..., 3], rz], -1)[:, :, None]
    return torch.cat([root, rest], 2)


def element(kind, a, b):
    d = a - b
    if kind == "l1":
        return d.abs()
    if kind == "l2":
        return d ** 2
    return torch.where(d.abs() < 1, 0.5 * d ** 2, d.abs() - 0.5)


def reconstruction(kind, a, b, valid, masked):
    e = element(kind, a, b)
    if not masked:
        return e.mean()
    return ((valid * e.mean(-1)).sum(1) / valid.sum(1)).mean()


def controlled(kind, e, m, width):
    """e (B,T,J,c), m (B,T,J,1): the three kinds of control loss; width replaces 3."""
    if kind == "sum":
        return (m * e.sum(-1, keepdim=True)).sum() / m.sum()
    axes = tuple(range(1, e.dim()))
    if kind == "mask":
        return ((m * e).sum(axes) / (width * m.sum(axes))).mean()
    return ((m * e.sum(-1, keepdim=True)).sum(axes) / m.sum(axes)).mean()
