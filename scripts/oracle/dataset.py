"""Cases of word vectors and of the loader: toy folders in the published layout, read by the written rules of the loader."""
import os
import pickle

import numpy as np

import case

POS = "VERB NOUN DET ADP NUM AUX PRON ADJ ADV Loc_VIP Body_VIP Obj_VIP Act_VIP Desc_VIP OTHER".split()
VIP = {
    "Loc_VIP": "left right clockwise counterclockwise anticlockwise forward back backward up down straight curve",
    "Body_VIP": "arm chin foot feet face hand mouth leg waist eye knee shoulder thigh",
    "Obj_VIP": "stair dumbbell chair window floor car ball handrail baseball basketball",
    "Act_VIP": "walk run swing pick bring kick put squat throw hop dance jump turn stumble stop sit lift lower raise wash stand kneel "
               "stroll rub bend balance flap jog shuffle lean rotate spin spread climb",
    "Desc_VIP": "slowly carefully fast careful slow quickly happy angry sad happily angrily sadly"}
VIP = {w: k for k, words in reversed(VIP.items()) for w in words.split()}
WORDS = "sos eos unk a man person walk left arm slowly chair run the happily up basketball zigzag knee of".split()
UNKNOWN = "feet zebra Walk LEFT giraffe".split()
TAGS = POS[:9] + ["OTHER", "PROPN", "PUNCT", "X", "Act_VIP"]


class Words:
    def __init__(self, folder, rng, dim):
        os.makedirs(folder, exist_ok=True)
        rows = rng.permutation(len(WORDS) + 3)[: len(WORDS)]
        self.index, self.table = {w: int(r) for w, r in zip(WORDS, rows)}, rng.normal(size=(len(WORDS) + 3, dim))
        np.save(folder + "/our_vab_data.npy", self.table)
        for name, value in (("words", WORDS), ("idx", self.index)):
            with open(f"{folder}/our_vab_{name}.pkl", "wb") as f:
                pickle.dump(value, f, protocol=3)

    def one(self, token):
        word, tag = token.split("/")
        slot = VIP.get(word, tag if tag in POS else "OTHER") if word in self.index else "OTHER"
        return self.table[self.index.get(word, self.index["unk"])], np.eye(15)[POS.index(slot)]

    def sentence(self, tokens):
        """22 padded tokens, their vectors and slots, the sentence's length."""
        if len(tokens) < 20:
            tokens = ["sos/OTHER"] + tokens + ["eos/OTHER"]
            length = len(tokens)
            tokens = tokens + ["unk/OTHER"] * (22 - length)
        else:
            tokens, length = ["sos/OTHER"] + tokens[:20] + ["eos/OTHER"], 22
        vectors, slots = zip(*(self.one(t) for t in tokens))
        return tokens, np.array(vectors), np.array(slots), length


def random_tokens(rng, n):
    return [f"{rng.choice(WORDS[3:] + UNKNOWN)}/{rng.choice(TAGS)}" for _ in range(n)]


def strings(values):
    return np.array([v.encode() for v in values])


def words_case(folder, name, seed, dim):
    rng = np.random.default_rng(seed)
    words = Words(folder + "/" + name.replace("word_vectorizer", "glove_tiny"), rng, dim)
    tokens = [f"{w}/{t}" for w in WORDS + UNKNOWN for t in ("VERB", "OTHER", "X")]
    vectors, slots = zip(*(words.one(t) for t in tokens))
    a = {"word_vectors": np.array(vectors), "pos_onehot": np.array(slots), "known": [t.split("/")[0] in words.index for t in tokens]}
    import h5py
    texts = {"tokens": tokens}
    for n in (1, 2, 18, 19, 20, 21, 40):
        t = random_tokens(rng, n)
        padded, v, s, length = words.sentence(t)
        a.update({f"caption_{n}/word_embs": v, f"caption_{n}/pos_onehot": s, f"caption_{n}": {"sent_len": length}})
        texts.update({f"caption_{n}/tokens": t, f"caption_{n}/padded_tokens": padded})
    case.write(folder, name, a, dict(dim_word=dim, n_pos=15), double=["word_vectors", "pos_onehot"])
    with h5py.File(f"{folder}/{name}.h5", "a") as f:
        for k, v in texts.items():
            f[k] = strings(v)


def loader_case(folder, name, seed, channels, dim, clips):
    rng = np.random.default_rng(seed)
    words = Words(folder + "/" + name.replace("dataset_loader", "glove_tiny"), rng, dim)
    root = folder + "/" + name.replace("dataset_loader", "h3d_tiny")
    for sub in ("new_joint_vecs", "texts"):
        os.makedirs(f"{root}/{sub}", exist_ok=True)
    mean, std = rng.normal(size=channels).astype(np.float32), rng.uniform(0.3, 2, channels).astype(np.float32)
    np.save(root + "/Mean.npy", mean), np.save(root + "/Std.npy", std)
    names, items = [], []
    for i in range(clips):
        clip = f"{'M' if i % 5 == 4 else ''}{i:06d}"
        names.append(clip)
        n = int(rng.choice([rng.integers(20, 40), 39, 40, 41, 199, 200, rng.integers(40, 200), rng.integers(40, 200), rng.integers(200, 260)]))
        x, whole = rng.normal(size=(n, channels)).astype(np.float32), []
        lines = []
        for _ in range(rng.integers(1, 5)):
            tokens = random_tokens(rng, int(rng.integers(1, 26)))
            span = rng.choice(["whole", "whole", "nan", "segment"])
            lo = round(float(rng.uniform(0, 5)), 3)
            hi = round(lo + float(rng.uniform(1, 9)), 3)
            text = {"whole": "0.0#0.0", "nan": "nan#nan"}.get(span, f"{lo}#{hi}")
            caption = " ".join(t.split("/")[0] for t in tokens) + "."
            lines.append(f"{caption}#{' '.join(tokens)}#{text}")
            if n < 40 or n >= 200:
                continue
            if span == "segment":
                piece = x[int(lo * 20): int(hi * 20)]
                if 40 <= len(piece) < 200:
                    items.append((clip, piece, [(caption, tokens)], 1))
            else:
                whole.append((caption, tokens))
        if whole:
            items.append((clip, x, whole, 0))
        if i % 7 == 6:
            continue                                     # a name whose motion is missing
        np.save(f"{root}/new_joint_vecs/{clip}.npy", x)
        with open(f"{root}/texts/{clip}.txt", "w") as f:
            f.write("\n".join(lines) + "\n")
    present = {c for i, c in enumerate(names) if i % 7 != 6}
    items = sorted((it for it in items if it[0] in present), key=lambda it: len(it[1]))
    with open(root + "/test.txt", "w") as f:
        f.write("\n".join(names) + "\n")
    a = {}
    texts = {}
    for group in ("t2m", "motionlcm"):
        a.update({f"{group}/item_is_segment": [it[3] for it in items], f"{group}/item_lengths": [len(it[1]) for it in items],
                  f"{group}/item_n_captions": [len(it[2]) for it in items], group: {"n_items": len(items)}})
        texts[f"{group}/item_source_names"] = [it[0] for it in items]
    sentences = []
    for i, (_, x, captions, _) in enumerate(items):
        for coin in ("single", "double"):
            choice = int(rng.integers(len(captions)))
            m = 4 * (len(x) // 4 - (coin == "double"))
            start = int(rng.integers(0, len(x) - m + 1))
            caption, tokens = captions[choice]
            padded, v, s, length = words.sentence(tokens)
            at = f"items/{i}_{coin}"
            a.update({at + "/motion": (x[start: start + m] - mean) / std, at + "/word_embs": v, at + "/pos_onehot": s,
                      at: dict(item=i, caption_choice=choice, coin=coin, start_index=start, m_length=m, sent_len=length, caption=caption,
                               tokens="_".join(padded))})
            if coin == "single":
                sentences.append(length)
    order = sorted(range(len(items)), key=lambda i: -sentences[i])
    a.update({"collate/sent_lens_in_dataset_order": sentences, "collate/order": order,
              "collate/m_lengths_sorted": [4 * (len(items[i][1]) // 4) for i in order]})
    case.write(folder, name, a, dict(fps=20.0, max_len_exclusive=200, max_text_len=20, min_len=40, n_features=channels, unit_length=4))
    import h5py
    with h5py.File(f"{folder}/{name}.h5", "a") as f:
        for k, v in texts.items():
            f[k] = strings(v)


def generate(folder):
    words_case(folder, "word_vectorizer_oracle", 501, 6)
    words_case(folder, "word_vectorizer_wide", 502, 300)
    loader_case(folder, "dataset_loader_sixty", 511, 31, 5, 60)
    loader_case(folder, "dataset_loader_channels", 512, 263, 30, 25)
