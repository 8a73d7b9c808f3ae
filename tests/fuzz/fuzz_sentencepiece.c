/* SentencePiece models: two bytes give the length of a text at the end, which the model, if it is
 * sound, then cuts into pieces. */
#include "fuzz.h"
#include "../../engine/tokenizer_unigram.h"
#include "../model_bytes.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sentencepiece_model m;
    struct unigram_tokenizer u;
    struct token_list tokens = {0};
    struct error e = {0};
    if (size < 2) return 0;
    size_t length = (size_t)data[0] | (size_t)(data[1] & 3) << 8;
    data += 2;
    size -= 2;
    if (length > size) length = size;
    const char *text = (const char *)data + size - length;
    if (fuzz_verdict(sentencepiece_model_parse("fuzz.model", data, size - length, &m, &e), &e)) return 0;
    if (fuzz_verdict(unigram_tokenizer_from(&m, &u, &e), &e)) return 0;
    if (!fuzz_verdict(unigram_encode(&u, text, length, &tokens, &e), &e))
        for (int i = 0; i < tokens.count; i++)
            if (tokens.ids[i] < 0 || tokens.ids[i] >= u.model.count) fuzz_breach("a piece that is not there");
    token_list_free(&tokens);
    fuzz_verdict(unigram_encode_t5(&u, text, length, 20, &tokens, &e), &e);
    token_list_free(&tokens);
    unigram_tokenizer_free(&u);
    return 0;
}

static void seed(const char *name, const struct model_bytes *m, const char *text)
{
    unsigned char all[2 + sizeof m->data + 100];
    size_t n = strlen(text);
    all[0] = (unsigned char)n;
    all[1] = 0;
    memcpy(all + 2, m->data, m->size);
    memcpy(all + 2 + m->size, text, n);
    fuzz_seed(name, all, 2 + m->size + n);
}

void fuzz_seeds(void)
{
    static struct model_bytes m, s;
    enum { UNITS = 128 };
    uint32_t trie[UNITS] = {0};
    small_model(&m);
    seed("small", &m, "ab  a [x]b </s> \xff");
    put_setting(&m, 2, 24, 1);
    put_setting(&m, 3, 4, 0);
    seed("suffix", &m, " ab ba ");
    small_model(&m);
    for (unsigned i = 0; i < 256; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", i);
        put_piece(&m, name, 0, PIECE_BYTE);
    }
    put_setting(&m, 2, 35, 1);
    seed("bytes", &m, "a\xc3\xa9z");
    small_model(&m);
    trie[0] = 1u << 10;
    trie[1 ^ 'A'] = 2u << 10 | 1u << 8 | 'A';
    trie[(1 ^ 'A') ^ 2] = 0x80000000u;
    unsigned char map[4 + sizeof trie + 3] = {(unsigned char)(sizeof trie & 255), sizeof trie >> 8};
    memcpy(map + 4, trie, sizeof trie);
    memcpy(map + 4 + sizeof trie, "ab", 3);
    put_bytes(&s, 2, map, sizeof map);
    put_bytes(&m, 3, s.data, s.size);
    seed("map", &m, "bAb");
}
