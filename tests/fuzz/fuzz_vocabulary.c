/* Vocabulary and configuration files of text encoders. First byte: 0 merges of OpenAI's layout
 * (plain or gzip), 1 vocab.json with merges.txt (parted by a NUL), 2 vocab.txt, 3 a configuration. */
#include "fuzz.h"
#include "../../engine/config_file.h"
#include "../../engine/tokenizer_bpe.h"
#include "../../engine/tokenizer_wordpiece.h"
#include "../../engine/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void encode(const struct bpe_tokenizer *b)
{
    struct token_list l = {0};
    struct error e = {0};
    fuzz_verdict(bpe_encode(b, "ab cd the &amp;", 15, CLIP_OPENAI, &l, &e), &e);
    token_list_free(&l);
}

static void read_config(const char *data, size_t size)
{
    cJSON *tree;
    struct error e = {0};
    int whole, on;
    double real;
    const char *text;
    if (fuzz_verdict(config_parse("fuzz.json", data, size, &tree, &e), &e)) return;
    fuzz_verdict(config_int("fuzz.json", tree, "n", 1, 1024, 3, &whole, &e), &e);
    fuzz_verdict(config_number("fuzz.json", tree, "n", 0, 1, 0.5, &real, &e), &e);
    fuzz_verdict(config_bool("fuzz.json", tree, "n", 1, &on, &e), &e);
    fuzz_verdict(config_string("fuzz.json", tree, "n", "x", &text, &e), &e);
    cJSON_Delete(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bpe_tokenizer b;
    struct wordpiece_tokenizer w;
    struct error e = {0};
    if (size == 0) return 0;
    int kind = data[0] & 3;
    const char *at = (const char *)data + 1, *nul = memchr(at, 0, --size);
    size_t first = nul ? (size_t)(nul - at) : size;
    if (kind == 0 && !fuzz_verdict(bpe_tokenizer_open_openai(fuzz_file(0, at, size), &b, &e), &e)) {
        encode(&b);
        bpe_tokenizer_free(&b);
    } else if (kind == 1) {
        const char *vocabulary = fuzz_file(0, at, first), *merges = fuzz_file(1, nul ? nul + 1 : at, nul ? size - first - 1 : 0);
        if (fuzz_verdict(bpe_tokenizer_open_hf(vocabulary, merges, &b, &e), &e)) return 0;
        encode(&b);
        bpe_tokenizer_free(&b);
    } else if (kind == 2 && !fuzz_verdict(wordpiece_tokenizer_open(fuzz_file(0, at, size), &w, &e), &e)) {
        struct token_list l = {0};
        fuzz_verdict(wordpiece_encode(&w, "walking [MASK]", 14, 1, &l, &e), &e);
        token_list_free(&l);
        wordpiece_tokenizer_free(&w);
    } else if (kind == 3) {
        read_config(at, size);
    }
    return 0;
}

/* The 512 symbols of bytes, the two special ones and one merge. */
static size_t hf_layout(char *out)
{
    size_t n = (size_t)sprintf(out, "%c{", 1);
    int number = 0;
    for (int end = 0; end < 2; end++)
        for (uint32_t byte = 0, other = 0x100; byte < 256; byte++, number++) {
            int printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
            out[n++] = '"';
            if (byte == '"' || byte == '\\') out[n++] = '\\';
            n += utf8_put(printable ? byte : other++, out + n);
            n += (size_t)sprintf(out + n, "%s\":%d,", end ? "</w>" : "", number);
        }
    n += (size_t)sprintf(out + n, "\"ab\":%d,\"<|startoftext|>\":%d,\"<|endoftext|>\":%d}", number, number + 1, number + 2);
    n++;
    return n + (size_t)sprintf(out + n, "#version\na b\n");
}

void fuzz_seeds(void)
{
    static char text[32768];
    static const char merges[] = "\0#version\na b\nab c</w>\nd e\n", pieces[] = "\2[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwalk\n##ing\n";
    static const char config[] = "\3{\"n\": 1, \"text_config\": {\"hidden_act\": \"gelu\"}, \"a\": [null, true, 1e-5]}";
    fuzz_seed("merges", merges, sizeof merges - 1);
    fuzz_seed("pieces", pieces, sizeof pieces - 1);
    fuzz_seed("config", config, sizeof config - 1);
    fuzz_seed("layout", text, hf_layout(text));
    z_stream z = {0};
    char packed[200] = "";
    memcpy(text, merges + 1, sizeof merges - 2);
    z.next_in = (Bytef *)text;
    z.avail_in = sizeof merges - 2;
    z.next_out = (Bytef *)packed + 1;
    z.avail_out = sizeof packed - 1;
    if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK || deflate(&z, Z_FINISH) != Z_STREAM_END)
        fuzz_breach("no gzip");
    fuzz_seed("packed", packed, 1 + z.total_out);
    deflateEnd(&z);
}
