"""Cases of tokenizers on difficult texts, by their official libraries.

Needs: sentencepiece 0.1.97 … 0.2.0 (later ones break ties otherwise), transformers 4 (its slow T5Tokenizer and BertTokenizer, its CLIPTokenizerFast), regex, and OpenAI's
simple_tokenizer.py (any copy; ORACLE_CLIP names its folder), whose ftfy is replaced by the identity. Vocabularies: the
folder that MLCM_TOKENIZERS names, else ../shared/data/tokenizers; beside them tiny ones are trained into FOLDER_vocabularies."""
import os
import random
import shutil
import sys
import types
import unicodedata

import numpy as np

import case

VOCABULARIES = os.environ.get("MLCM_TOKENIZERS") or "../shared/data/tokenizers"

HAND = [
    "", " ", "\t", "\n", "   \u3000 \u00a0 ", "\u200b", "\ufeff", "\u00ad", "\x00", "a\x00b", "\x7f", "\u0085x\u0085", "\u2028line\u2029",
    "İSTANBUL ıI iİ Iı", "DİYARBAKIR ISPARTA", "ẞ ß SS ﬀ ﬁ ﬂ ﬃ ﬄ ﬅ ﬆ", "Σίσυφος ΟΔΥΣΣΕΥΣ ΑΣ Σ", "Å Å Å ａ ① ㍿ ㋿ ½ ²", "ﷺ ﷽", "ＦＵＬＬ ｗｉｄｔｈ　ｓｐａｃｅ",
    "e\u0301 é e\u0301\u0301\u0301 a\u0328\u0301 ą́ \u0301alone", "\u0344 \u1100\u1161\u11a8 각 한국어 텍스트", "नमस्ते दुनिया க் ஶ்ரீ", "ไทยภาษา กำ ก\u0e4d\u0e32", "עִבְרִית بِسْمِ",
    "漢字かな交じり文。テスト！", "㐀𠀀𪚥豈丽", "ﾊﾝｶｸ ｶﾞ ﾊﾟ", "👨‍👩‍👧‍👦 👩🏽‍🚀 🏳️‍🌈 🇩🇪🇫 ☝🏿 ❤️‍🔥 #️⃣", "👍👍👍👍👍", "\U0001F468\u200d", "a\u200db\u200cc\u2060d",
    "\U0001D400\U0001D7D8 𝓽𝓮𝔁𝓽 𝟙𝟚", "\U000E0041\U000E007F", "\ue000 \uf8ff \U000F0000 \U0010FFFD", "\ufffd \ufffe \uffff", "\u202eRTL\u202c \u2066x\u2069",
    "don't DON'T I'LL 'S 's ’s it’s 'tis rock'n'roll o''clock '' '", "a.b.c... ,,, !?!?! ---- ____ ~~~ ``` ^^^", "1234567890 3.14159 1,000 1e-5 ²³ ٣٤ ५६ Ⅳ ⅷ",
    "&amp; &lt;b&gt; &amp;lt; &#39; &#x27; &nbsp; &notit; &hellip &eacute; &#0; &#128; &#xD800; &#1114112; &", "<|startoftext|>", "<|endoftext|>x<|endoftext|>",
    "▁ ▁▁a ▁b", "a▁b", "http://x.y/?a=b&c=%20#d", "C:\\dir\\file.txt", "x" * 300, "walk" * 60, "ab " * 400, "supercalifragilistic" * 30,
    "é" * 120, "中" * 90, "🕺" * 40, " a  b   c    d ", "\r\n\r\na\r", "tab\tvt\x0bff\x0cfs\x1cgs\x1drs\x1eus\x1f", "\x01\x02\x03\x1b[0m", "\u180e \u2000\u2003\u2009\u202f\u205f",
    "Ａ\u0301Ｂ", "㎏ ㎡ ℃ ℡ ™ ℠ № ㏂", "ǅ Ǆ ǆ ŉ ǰ ΐ ΰ և ẖ", "K Ω Å", "ſtreet ſ", "Ⱥ ⱥ Ɐ Ꙁ ꙁ Ꭰ ꭰ Ა ა", "𐐀𐐨 𞤀𞤢", "\u0130", "\u0307 i\u0307 I\u0307", "ᾳ ᾼ ᾴ Ϗ",
    "\u1e9b\u0323 \u0f73 \u0f75 \u0f81", "q\u0307\u0323 q\u0323\u0307", "\u0958 \u09dc \ufb1d \ufb2c", "\u2126 \u212b", "naïve café", "a\u00a0b\u202fc\u2007d", "ÀÉÎÕÜ", "œ Œ æ Æ ø Ø đ Đ ł Ł ħ",
    "the man's left-hand side; 50% of (the) [way] {home}", "[PAD][UNK] x", "[ MASK ] [mask] [CLS", "A person\u2019s \u201cwave\u201d \u2014 done\u2026", "\ud7ff\ue000", "0" * 250, "a-b_c+d=e*f/g|h\\i",
]


def random_texts(seed, count):
    """Texts of characters from many blocks, and mutated captions."""
    r = random.Random(seed)
    blocks = [(0x20, 0x7e), (0xa0, 0x17f), (0x180, 0x24f), (0x2b0, 0x36f), (0x370, 0x4ff), (0x531, 0x6ff), (0x900, 0xdff), (0xe00, 0x10ff),
              (0x1100, 0x11ff), (0x13a0, 0x1fff), (0x2000, 0x2bff), (0x3000, 0x33ff), (0x4e00, 0x4fff), (0xa640, 0xa7ff), (0xac00, 0xadff),
              (0xf900, 0xffef), (0x10400, 0x1049f), (0x1d400, 0x1d7ff), (0x1f300, 0x1faff), (0x20000, 0x200ff), (0x1e900, 0x1e943)]
    words = "a person walks forward slowly then turns around kicks jumping 3 times and waves both of his arms.".split()
    out = []
    for i in range(count):
        if i % 3 == 0:
            text = "".join(chr(r.randint(*r.choice(blocks))) for _ in range(r.randint(1, 40)))
        elif i % 3 == 1:
            low, high = r.choice(blocks)
            text = " ".join("".join(chr(r.randint(low, high)) for _ in range(r.randint(1, 8))) for _ in range(r.randint(1, 10)))
        else:
            text = list(" ".join(r.choice(words) for _ in range(r.randint(1, 25))))
            for _ in range(r.randint(0, 4)):
                text.insert(r.randint(0, len(text)), chr(r.randint(*r.choice(blocks))))
            text = "".join(text)
        out.append("".join(c for c in text if unicodedata.category(c) != "Cn"))    # libraries differ in their Unicode versions
    return out


def sound(text):
    """No surrogates, and no literal of a special token in the sets that are without them."""
    return not any(0xd800 <= ord(c) <= 0xdfff for c in text)


def ragged(name, rows, dtype=np.int32):
    flat = [x for row in rows for x in row]
    return {f"{name}/flat": np.array(flat or [0], dtype)[: max(len(flat), 1)], f"{name}/offsets": np.cumsum([0] + [len(r) for r in rows]).astype(np.int32)}


def texts_arrays(texts):
    return ragged("texts_utf8", [t.encode() for t in texts], np.uint8)


def t5_case(folder, name, texts, vocabularies, small=True):
    import sentencepiece
    from transformers import T5Tokenizer
    path = os.path.join(vocabularies, "t5_spiece.model")
    sp = sentencepiece.SentencePieceProcessor(model_file=path)
    hf = T5Tokenizer(path, legacy=True)
    a = texts_arrays(texts)
    a.update(ragged("ids_spm", [sp.encode(t) for t in texts]))
    a.update(ragged("ids_hf_eos_stripped", [hf(t.strip())["input_ids"] for t in texts]))
    a.update(ragged("ids_hf_eos_stripped_max256", [hf(t.strip(), truncation=True, max_length=256)["input_ids"] for t in texts]))
    tiny = os.path.join(vocabularies, "hf_test_sentencepiece_unigram1000.model")
    a.update(ragged("ids_spm_unigram1000", [sentencepiece.SentencePieceProcessor(model_file=tiny).encode(t) for t in texts]))
    case.write(folder, name, a, dict(eos=1, pad=0, unk=2))


def bert_case(folder, name, texts, vocabularies):
    from transformers import BertTokenizer
    hf = BertTokenizer(os.path.join(vocabularies, "bert_base_uncased_vocab.txt"))
    pieces = lambda t: [p for w in hf.basic_tokenizer.tokenize(t) for p in hf.wordpiece_tokenizer.tokenize(w)]
    a = texts_arrays(texts)
    a.update(ragged("ids_no_special", [hf(t, add_special_tokens=False)["input_ids"] for t in texts]))
    a.update(ragged("ids_basic_wordpiece", [hf.convert_tokens_to_ids(pieces(t)) for t in texts]))
    for n in (512, 256):
        a.update(ragged(f"ids_full_max{n}", [hf(t.strip(), truncation=True, max_length=n)["input_ids"] for t in texts]))
    case.write(folder, name, a, dict(cls=101, mask=103, pad=0, sep=102, unk=100))


def clip_case(folder, name, texts, vocabularies):
    from transformers import CLIPTokenizerFast
    sys.modules["ftfy"] = types.SimpleNamespace(fix_text=lambda t: t)
    sys.path.insert(0, os.environ["ORACLE_CLIP"])
    from simple_tokenizer import SimpleTokenizer
    openai = SimpleTokenizer(os.path.join(vocabularies, "bpe_simple_vocab_16e6.txt.gz"))
    start, end = openai.encoder["<|startoftext|>"], openai.encoder["<|endoftext|>"]
    fast = CLIPTokenizerFast(os.path.join(vocabularies, "clip_vocab.json"), os.path.join(vocabularies, "clip_merges.txt"))
    ids = [openai.encode(t) for t in texts]

    def context(row, limit):
        row = [start] + row[: limit - 2] + [end]
        return row + [0] * (77 - len(row))
    a = texts_arrays(texts)
    a.update(ragged("ids_openai_without_ftfy", ids))
    a.update(ragged("ids_openai", ids))
    a["ftfy_changes_ids"] = np.zeros(len(texts), np.int32)
    a["tokens77_openai_without_ftfy"] = a["tokens77_openai"] = np.array([context(r, 77) for r in ids], np.int32)
    a["tokens22_pad77_mdm"] = np.array([context(r, 22) for r in ids], np.int32)
    a["tokens77_hf_fast_emulated"] = np.array([fast(t, padding="max_length", truncation=True, max_length=77)["input_ids"] for t in texts], np.int32)
    case.write(folder, name, a, dict(eot=end, sot=start, vocab_size=49408))


def train(target, texts, normaliser, **options):
    """A folder of vocabularies in which the T5 model and the BERT vocabulary are tiny ones of our own."""
    import sentencepiece
    from tokenizers import BertWordPieceTokenizer
    os.makedirs(target, exist_ok=True)
    corpus = os.path.join(target, "corpus.txt")
    with open(corpus, "w") as f:
        f.write("\n".join(t.replace("\n", " ").replace("\0", " ") for t in texts if len(t) < 4000 and max(map(ord, t or " ")) < 0x400))
    sentencepiece.SentencePieceTrainer.train(
        input=corpus, model_prefix=os.path.join(target, "t5_spiece"), model_type="unigram", hard_vocab_limit=False, pad_id=0, eos_id=1,
        unk_id=2, bos_id=-1, normalization_rule_name=normaliser, minloglevel=2, **dict(dict(character_coverage=0.98), **options))
    wordpiece = BertWordPieceTokenizer()
    wordpiece.train([corpus], vocab_size=400, show_progress=False)
    wordpiece.save_model(target)
    os.rename(os.path.join(target, "vocab.txt"), os.path.join(target, "bert_base_uncased_vocab.txt"))
    shutil.copy(os.path.join(target, "t5_spiece.model"), os.path.join(target, "hf_test_sentencepiece_unigram1000.model"))


def generate(folder):
    texts = [t for t in HAND + random_texts(1, 240) if sound(t)]
    long = [t for t in ["the quick person jumps over 13 lazy dogs, " * 240, "é🕺中 walk " * 1100, "a" * 10000, " " * 10000 + "x", "ab\u0301" * 3400] if sound(t)]
    for name, some in {"hand": texts[: len(HAND)], "random": texts[len(HAND):], "long": long}.items():
        t5_case(folder, f"tokenizer_t5_unigram_{name}", some, VOCABULARIES)
        bert_case(folder, f"tokenizer_bert_wordpiece_{name}", some, VOCABULARIES)
        if os.environ.get("ORACLE_CLIP"):
            clip_case(folder, f"tokenizer_clip_bpe_{name}", some, VOCABULARIES)
    for rule, size, options in (("nmt_nfkc", 300, {}), ("identity", 500, {}), ("nmt_nfkc_cf", 400, {}), ("nfkc", 900, dict(byte_fallback=True)),
                                ("nmt_nfkc", 1000, dict(remove_extra_whitespaces=False)), ("nmt_nfkc", 1000, dict(add_dummy_prefix=False)),
                                ("nmt_nfkc", 1000, dict(treat_whitespace_as_suffix=True)), ("nmt_nfkc", 1000, dict(user_defined_symbols=["walk", "person", "é"], split_digits=True))):
        key = "_".join([rule] + [k for k in options])
        target = f"{folder}_vocabularies/{key}"
        train(target, texts, rule, **dict(dict(vocab_size=size), **options))
        os.makedirs(f"{folder}_{key}", exist_ok=True)
        t5_case(f"{folder}_{key}", "tokenizer_t5_unigram_trained", texts, target)
        bert_case(f"{folder}_{key}", "tokenizer_bert_wordpiece_trained", texts, target)
