#!/usr/bin/env python3
"""The same networks in PyTorch, random weights: what `mlcm time --random-weights` is compared to.

    python3 scripts/torch_speed.py [--latent 1x256|16x32] [--frames 196] [--runs 30] [--threads 1,2] [--text]

A development tool: nothing of mlcm needs it. PyTorch 1.13 or later on the CPU. For each number of
threads it times, at batch 1, MotionLCM with 1, 2 and 4 steps and MLD with 50 guided DDIM steps (batch 2 in
the denoiser), the decoder, and with --text a sentence-T5-large; the better number of threads is
printed for each. Times are seconds, medians over the runs.
"""
import argparse
import json
import math
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

WIDTH, FEED, LAYERS, HEADS, POSITIONS, FEATURES = 256, 1024, 9, 4, 500, 263


def attend(q, k, v, bias=None, scale=None):
    """(batch, heads, n, width of a head) each."""
    if hasattr(F, "scaled_dot_product_attention") and scale is None:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    scores = q @ k.transpose(-2, -1) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    return torch.softmax(scores if bias is None else scores + bias, -1) @ v


def heads(x, n):
    return x.view(x.shape[0], x.shape[1], n, -1).transpose(1, 2)


def joined(x):
    return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], -1)


class Layer(nn.Module):
    """Post-norm: self attention, cross attention in a decoder, feed-forward."""

    def __init__(self, decoder):
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, FEED), nn.Linear(FEED, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(3 if decoder else 2))
        self.decoder = decoder
        if decoder:
            self.query, self.memory, self.cross = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x, memory=None):
        q, k, v = (heads(part, HEADS) for part in self.qkv(x).chunk(3, -1))
        x = self.norms[0](x + self.out(joined(attend(q, k, v))))
        if self.decoder:
            k, v = (heads(part, HEADS) for part in self.memory(memory).chunk(2, -1))
            x = self.norms[1](x + self.cross(joined(attend(heads(self.query(x), HEADS), k, v))))
        return self.norms[-1](x + self.down(F.gelu(self.up(x))))


class SkipTransformer(nn.Module):
    """The second half's layers take the mirrored layer's output beside their own input."""

    def __init__(self, decoder=False):
        super().__init__()
        self.layers = nn.ModuleList(Layer(decoder) for _ in range(LAYERS))
        self.joints = nn.ModuleList(nn.Linear(2 * WIDTH, WIDTH) for _ in range(LAYERS // 2))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x, memory=None):
        kept = []
        for i, layer in enumerate(self.layers):
            if i > LAYERS // 2:
                x = self.joints[i - LAYERS // 2 - 1](torch.cat([x, kept.pop()], -1))
            x = layer(x, memory)
            if i < LAYERS // 2:
                kept.append(x)
        return self.norm(x)


def sinusoid(value, width):
    half = width // 2
    angles = value * torch.exp(-math.log(10000) / half * torch.arange(half, dtype=torch.float32))
    return torch.cat([angles.cos(), angles.sin()])[None]


class Denoiser(nn.Module):
    def __init__(self, latent, guided, text=768, time_width=768, guidance=256):
        super().__init__()
        self.second = latent != WIDTH          # the second generation projects its narrow latents
        self.pre = nn.Linear(latent, WIDTH) if self.second else nn.Identity()
        self.post = nn.Linear(WIDTH, latent) if self.second else nn.Identity()
        self.guidance = nn.Linear(guidance, time_width, bias=False) if guided else None
        self.time = nn.Sequential(nn.Linear(time_width, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
        self.text = nn.Linear(text, WIDTH)
        self.positions = nn.Parameter(torch.rand(POSITIONS, WIDTH))
        self.stack = SkipTransformer()

    def forward(self, z, when, text, w=None):
        if w is not None:
            when = when + self.guidance(w)
        if not self.second:
            text = torch.relu(text)
        tokens = self.time(when)[:, None].expand(z.shape[0], -1, -1)
        x = torch.cat([self.pre(z), tokens, self.text(text)], 1)
        x = self.stack(x + self.positions[: x.shape[1]])
        return self.post(x[:, : z.shape[1]])


class Decoder(nn.Module):
    def __init__(self, latent):
        super().__init__()
        self.pre = nn.Linear(latent, WIDTH) if latent != WIDTH else nn.Identity()
        self.positions = nn.Parameter(torch.rand(POSITIONS, WIDTH))
        self.stack = SkipTransformer(True)
        self.last = nn.Linear(WIDTH, FEATURES)

    def forward(self, z, frames):
        x = self.positions[:frames].expand(z.shape[0], -1, -1)
        return self.last(self.stack(x, self.pre(z)))


class T5Layer(nn.Module):
    def __init__(self, width, feed, n):
        super().__init__()
        self.n = n
        self.scale = nn.ParameterList(nn.Parameter(torch.ones(width)) for _ in range(2))
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, feed, bias=False), nn.Linear(feed, width, bias=False)

    def forward(self, x, bias):
        q, k, v = (heads(part, self.n) for part in self.qkv(root_mean_square(x, self.scale[0])).chunk(3, -1))
        x = x + self.out(joined(attend(q, k, v, bias, 1.0)))
        return x + self.down(torch.relu(self.up(root_mean_square(x, self.scale[1]))))


def root_mean_square(x, scale):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * scale


class SentenceT5(nn.Module):
    """sentence-T5-large without its tokenizer; the bias by position is a random table of its own for each pair."""

    def __init__(self, width=1024, feed=4096, n=16, layers=24, vocabulary=32128, out=768):
        super().__init__()
        self.table = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(T5Layer(width, feed, n) for _ in range(layers))
        self.bias = nn.Parameter(torch.rand(n, 64, 64))
        self.scale = nn.Parameter(torch.ones(width))
        self.last = nn.Linear(width, out, bias=False)

    def forward(self, ids, mask):
        n = ids.shape[1]
        bias = self.bias[None, :, :n, :n] + (mask[:, None, None] - 1) * 1e9
        x = self.table(ids)
        for layer in self.layers:
            x = layer(x, bias)
        x = root_mean_square(x, self.scale) * mask[..., None]
        return F.normalize(self.last(x.sum(1) / mask.sum(1, keepdim=True)), dim=-1)[:, None]


def schedule():
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    return torch.cumprod(1 - betas, 0)


def lcm(model, alphas, z, text, steps):
    grid = {1: [999], 2: [999, 499], 4: [999, 759, 499, 259]}[steps]
    w = sinusoid(6.5 * 1000, 256)
    for i, t in enumerate(grid):
        noise = model(z, sinusoid(float(t), 768), text, w)
        a = alphas[t]
        clean = (z - (1 - a).sqrt() * noise) / a.sqrt()
        scaled = t * 10.0
        clean = 0.25 / (scaled**2 + 0.25) * z + scaled / math.sqrt(scaled**2 + 0.25) * clean
        if i + 1 < len(grid):
            b = alphas[grid[i + 1]]
            z = b.sqrt() * clean + (1 - b).sqrt() * torch.randn_like(z)
    return clean


def mld(model, alphas, z, text, steps=50, scale=7.5):
    for t in range(1000 - 1000 // steps + 1, 0, -(1000 // steps)):
        noise = model(torch.cat([z, z]), sinusoid(float(t), 768), text)
        empty, full = noise.chunk(2)
        noise = empty + scale * (full - empty)
        before = t - 1000 // steps
        a, b = alphas[t], alphas[before] if before >= 0 else alphas[0]
        clean = (z - (1 - a).sqrt() * noise) / a.sqrt()
        z = b.sqrt() * clean + (1 - b).sqrt() * noise
    return z


def median(run, runs):
    for _ in range(3):
        run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--latent", choices=["1x256", "16x32"], default="1x256")
    parser.add_argument("--frames", type=int, default=196)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--text", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tokens, width = (int(part) for part in options.latent.split("x"))
    torch.manual_seed(1234)
    consistency, plain, decoder = Denoiser(width, True).eval(), Denoiser(width, False).eval(), Decoder(width).eval()
    alphas, z = schedule(), torch.randn(1, tokens, width)
    text, both = torch.randn(1, 1, 768), torch.randn(2, 1, 768)
    work = {f"motionlcm_{n}": (lambda n=n: lcm(consistency, alphas, z, text, n)) for n in (1, 2, 4)}
    work["mld_50"] = lambda: mld(plain, alphas, z, both)
    work["decode"] = lambda: decoder(z, options.frames)
    if options.text:
        encoder = SentenceT5().eval()
        ids = torch.randint(3, 32000, (2, 16))
        mask = torch.ones(2, 16)
        mask[1, 1:] = 0                        # the empty sentence is its end alone
        work["text"] = lambda: encoder(ids[:1], mask[:1])
        work["text_guided"] = lambda: encoder(ids, mask)
    results = {}
    with torch.inference_mode():
        for threads in (int(part) for part in options.threads.split(",")):
            torch.set_num_threads(threads)
            for name, run in work.items():
                runs = max(5, options.runs // 5) if name == "mld_50" or name.startswith("text") else options.runs
                results.setdefault(name, {})[threads] = median(run, runs)
    best = {name: min(times.values()) for name, times in results.items()}
    if options.json:
        json.dump({"torch": torch.__version__, "seconds": best, "by_threads": results}, sys.stdout)
        print()
        return
    print(f"torch {torch.__version__}, latent {options.latent}, {options.frames} frames, median seconds, the better of threads {options.threads}")
    for name, times in results.items():
        each = ", ".join(f"{threads}: {seconds:.5f}" for threads, seconds in times.items())
        print(f"{name:14s} {best[name]:.5f}   ({each})")


main()
