"""Cases of text encoders: T5, CLIP, BERT and DistilBERT of Hugging Face transformers with other sizes."""
import torch
import transformers as hf

import case


def fill(model, seed, gain=1.0):
    """Random weights at which every part of the network matters."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=g)
            if "norm" in name.lower() and name.endswith("weight"):
                p.copy_(1 + 0.1 * noise)
            elif p.dim() == 1:
                p.copy_(0.1 * noise)
            elif "relative_attention_bias" in name or "embed" in name or name.startswith("shared"):
                p.copy_(noise)
            else:
                p.copy_(gain * noise / p.shape[1] ** 0.5)
    return model.eval()


def ids_and_mask(g, rows, longest, low, high, lengths):
    mask = (torch.arange(longest)[None] < torch.tensor(lengths)[:, None]).int()
    return torch.randint(low, high, (rows, longest), generator=g) * mask, mask


@torch.no_grad()
def t5(folder, name, seed, width, heads, d_kv, inner, layers, gated="relu", buckets=32, farthest=128, vocabulary=120, dense=20,
       half=False, eps=1e-6, lengths=((3, 12), (2, 150)), tied=True):
    g = torch.Generator().manual_seed(seed)
    config = hf.T5Config(vocab_size=vocabulary, d_model=width, d_kv=d_kv, d_ff=inner, num_layers=layers, num_heads=heads,
                         relative_attention_num_buckets=buckets, relative_attention_max_distance=farthest,
                         layer_norm_epsilon=eps, feed_forward_proj=gated, dropout_rate=0.0, attn_implementation="eager")
    model = fill(hf.T5EncoderModel(config), seed)
    for block in model.encoder.block:      # T5 does not divide scores by sqrt(d_kv): its queries are initialised smaller
        block.layer[0].SelfAttention.q.weight.mul_(d_kv ** -0.5)
    state = dict(model.state_dict())
    if half:
        state = {k: v.half() for k, v in state.items()}
        model.load_state_dict({k: v.float() for k, v in state.items()})
    if not tied:
        state = {k: v for k, v in state.items() if k != "encoder.embed_tokens.weight"}
    linear = torch.randn(dense, width, generator=g) / width ** 0.5
    first = []
    model.encoder.block[0].register_forward_hook(lambda _m, _i, out: first.append(out[0] if isinstance(out, tuple) else out))
    attention = model.encoder.block[0].layer[0].SelfAttention
    a = {}
    for group, (rows, longest) in zip(("short", "long"), lengths):
        ids, mask = ids_and_mask(g, rows, longest, 2, vocabulary, [longest] + [max(1, longest // (2 + i)) for i in range(rows - 1)])
        first.clear()
        last = model(input_ids=ids, attention_mask=mask).last_hidden_state
        m = mask[..., None].float()
        pooled = (last * m).sum(1) / m.sum(1).clamp(min=1e-9)
        a.update({f"{group}/input_ids": ids, f"{group}/attention_mask": mask, f"{group}/block0_out": first[0],
                  f"{group}/last_hidden_state": last, f"{group}/pooled": pooled, f"{group}/dense": pooled @ linear.T,
                  f"{group}/sentence_embedding": torch.nn.functional.normalize(pooled @ linear.T)})
    relative = torch.arange(-farthest * 3, farthest * 3 + 1)
    a["bucket/relative_position"] = relative
    a["bucket/bucket"] = attention._relative_position_bucket(relative, True, buckets, farthest)
    n = lengths[0][1]
    a["bucket/position_bias_short"] = attention.compute_bias(n, n)
    case.write(folder, name, a, dict(
        d_ff=inner, d_kv=d_kv, d_model=width, dense_out=dense, eos_id=1, feed_forward_proj=gated, fp16_storage=int(half),
        layer_norm_eps=eps, max_distance=farthest, num_buckets=buckets, num_heads=heads, num_layers=layers, pad_id=0,
        pooling="mean", seed=seed, vocab_size=vocabulary))
    torch.save({k: v for k, v in state.items()}, f"{folder}/{name}.ckpt")
    torch.save({"linear.weight": linear}, f"{folder}/{name}_2_Dense.ckpt")


def openai_names(state, layers):
    out = {"positional_embedding": state["text_model.embeddings.position_embedding.weight"],
           "token_embedding.weight": state["text_model.embeddings.token_embedding.weight"],
           "text_projection": state["text_projection.weight"].T.contiguous(), "logit_scale": torch.tensor(2.0)}
    for i in range(layers):
        a, b = f"text_model.encoder.layers.{i}.", f"transformer.resblocks.{i}."
        for kind in ("weight", "bias"):
            out[f"{b}attn.in_proj_{kind}"] = torch.cat([state[f"{a}self_attn.{x}_proj.{kind}"] for x in "qkv"])
            for x, y in (("self_attn.out_proj", "attn.out_proj"), ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"),
                         ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj")):
                out[f"{b}{y}.{kind}"] = state[f"{a}{x}.{kind}"]
    for kind in ("weight", "bias"):
        out[f"ln_final.{kind}"] = state[f"text_model.final_layer_norm.{kind}"]
    return out


@torch.no_grad()
def clip(folder, name, seed, width, heads, inner, layers, context=77, vocabulary=200, features=24, lengths=(5, 77, 1, 30)):
    g = torch.Generator().manual_seed(seed)
    sot, eot = vocabulary - 2, vocabulary - 1
    config = hf.CLIPTextConfig(vocab_size=vocabulary, hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
                               num_attention_heads=heads, max_position_embeddings=context, projection_dim=features,
                               hidden_act="quick_gelu", eos_token_id=eot, bos_token_id=sot, attn_implementation="eager")
    model = fill(hf.CLIPTextModelWithProjection(config), seed)
    body = torch.randint(1, sot, (len(lengths), context), generator=g)
    ids = {"eotpad": torch.full_like(body, eot), "zeropad": torch.zeros_like(body)}
    for i, n in enumerate(lengths):
        n = min(n, context - 2)
        for x in ids.values():
            x[i, 0], x[i, 1: n + 1], x[i, n + 1] = sot, body[i, :n], eot
    a, first = {}, []
    model.text_model.encoder.layers[0].register_forward_hook(lambda _m, _i, out: first.append(out[0] if isinstance(out, tuple) else out))
    for padding, x in ids.items():
        first.clear()
        out = model(input_ids=x)
        a[f"input_ids_{padding}"], a[f"last_hidden_state_{padding}"] = x, out.last_hidden_state
        if padding == "eotpad":
            a["embeddings"], a["block0_out"] = model.text_model.embeddings(input_ids=x), first[0]
            at = (x == eot).int().argmax(1)
            a["pooled_eotpad"] = out.last_hidden_state[torch.arange(len(lengths)), at]
            a["text_features"] = a["text_features_openai"] = out.text_embeds
    case.write(folder, name, a, dict(act="quick_gelu", context_length=context, embed_dim=features, eot=eot, heads=heads,
                                     layer_norm_eps=1e-5, layers=layers, seed=seed, sot=sot, vocab_size=vocabulary, width=width))
    state = dict(model.state_dict())
    state["text_model.embeddings.position_ids"] = torch.arange(context)[None]
    torch.save(state, f"{folder}/{name}_hf.ckpt")
    torch.save(openai_names(state, layers), f"{folder}/{name}_openai.ckpt")


@torch.no_grad()
def bert(folder, name, seed, width, heads, inner, layers, rows, longest, vocabulary=150, positions=64, lengths=None):
    g = torch.Generator().manual_seed(seed)
    model = fill(hf.BertModel(hf.BertConfig(
        vocab_size=vocabulary, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=inner,
        max_position_embeddings=positions, attn_implementation="eager")), seed)
    distilled = fill(hf.DistilBertModel(hf.DistilBertConfig(
        vocab_size=vocabulary, dim=width, n_layers=layers, n_heads=heads, hidden_dim=inner, max_position_embeddings=positions,
        attn_implementation="eager")), seed + 1)
    ids, mask = ids_and_mask(g, rows, longest, 1, vocabulary, lengths or [max(1, longest - 3 * i) for i in range(rows)])
    types = torch.randint(0, 2, (rows, longest), generator=g)
    first = []
    model.encoder.layer[0].register_forward_hook(lambda _m, _i, out: first.append(out[0] if isinstance(out, tuple) else out))
    out = model(input_ids=ids, attention_mask=mask, token_type_ids=types)
    m = mask[..., None].float()
    mean = (out.last_hidden_state * m).sum(1) / m.sum(1).clamp(min=1e-9)
    case.write(folder, name, {
        "input_ids": ids, "attention_mask": mask, "token_type_ids": types,
        "embeddings_out": model.embeddings(input_ids=ids, token_type_ids=types), "layer0_out": first[0],
        "last_hidden_state": out.last_hidden_state, "pooler_output": out.pooler_output, "mean_pooled": mean,
        "sentence_embedding": torch.nn.functional.normalize(mean),
        "distilbert_last_hidden_state": distilled(input_ids=ids, attention_mask=mask).last_hidden_state},
        dict(act="gelu_erf", heads=heads, hidden=width, inter=inner, layer_norm_eps=1e-12, layers=layers, max_pos=positions,
             seed=seed, vocab_size=vocabulary))
    torch.save(dict(model.state_dict()), f"{folder}/{name}.ckpt")
    torch.save(dict(distilled.state_dict()), f"{folder}/distil{name}.ckpt")


def generate(folder):
    torch.set_default_dtype(torch.float32)
    t5(folder, "t5_encoder_one_layer", 1, 24, 2, 12, 40, 1)
    t5(folder, "t5_encoder_deep", 2, 48, 6, 5, 96, 7, half=True)
    t5(folder, "t5_encoder_buckets", 3, 32, 4, 8, 50, 3, buckets=16, farthest=40, lengths=((1, 1), (2, 200)))
    t5(folder, "t5_encoder_wide_heads", 4, 40, 3, 33, 17, 2, buckets=64, farthest=256, lengths=((5, 7), (1, 256)), tied=False)
    t5(folder, "t5_encoder_dense", 5, 64, 8, 16, 128, 4, dense=128, eps=1e-5)
    t5(folder, "t5_gated_one_layer", 6, 24, 2, 12, 40, 1, gated="gated-gelu")
    t5(folder, "t5_gated_deep", 7, 36, 4, 11, 70, 6, gated="gated-gelu", buckets=20, farthest=100)
    t5(folder, "t5_gated_untied", 8, 32, 1, 32, 64, 3, gated="gated-gelu", tied=False, half=True)
    clip(folder, "clip_text_one_layer", 11, 24, 2, 48, 1)
    clip(folder, "clip_text_deep", 12, 40, 5, 160, 6, features=40)
    clip(folder, "clip_text_short_context", 13, 64, 1, 100, 3, context=20, lengths=(1, 18, 7))
    clip(folder, "clip_text_narrow", 14, 15, 3, 21, 4, features=7, vocabulary=50, lengths=(0, 40))
    bert(folder, "bert_one_layer", 21, 24, 2, 40, 1, 2, 9)
    bert(folder, "bert_deep", 22, 48, 12, 60, 6, 4, 64)
    bert(folder, "bert_one_token", 23, 30, 5, 33, 2, 1, 1)
    bert(folder, "bert_wide", 24, 64, 1, 200, 3, 5, 31, positions=512, lengths=[31, 1, 2, 30, 17])
