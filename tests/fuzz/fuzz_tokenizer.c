/* Any bytes as a caption, for every tokenizer and what stands before it. */
#include "fuzz.h"
#include "../../datasets/lexicon.h"
#include "../../engine/html_entities.h"
#include "../../engine/text_encoder.h"
#include "../../engine/tokenizer_bpe.h"
#include "../../engine/tokenizer_unigram.h"
#include "../../engine/tokenizer_wordpiece.h"
#include "../model_bytes.h"

#include <stdlib.h>

static struct bpe_tokenizer bpe;
static struct wordpiece_tokenizer wordpiece;
static struct unigram_tokenizer unigram;
static struct vocabulary vocabulary;

static void open_all(void)
{
    static int open;
    if (open++) return;
    static const char merges[] = "#version\na b\nab c</w>\nd e\nt h\nth e</w>\n";
    static const char pieces[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwalk\n##ing\n##er\nwa\n,\ncafe\n\xe6\x97\xa5\n\xcf\x83\n##\xcf\x82\n";
    static char a[] = "a", walk[] = "walks";
    char *const words[] = {a, walk};
    static struct model_bytes m;
    struct sentencepiece_model model;
    struct error e = {0};
    small_model(&m);
    if (bpe_tokenizer_open_openai(fuzz_file(0, merges, sizeof merges - 1), &bpe, &e) ||
        wordpiece_tokenizer_open(fuzz_file(1, pieces, sizeof pieces - 1), &wordpiece, &e) ||
        sentencepiece_model_parse("small", m.data, m.size, &model, &e) || unigram_tokenizer_from(&model, &unigram, &e) ||
        vocabulary_copy(&vocabulary, words, 2, &e))
        fuzz_breach(e.text);
}

static void check(int rc, struct token_list *l, int most, const struct error *e)
{
    if (!fuzz_verdict(rc, e))
        for (int i = 0; i < l->count; i++)
            if (l->ids[i] < 0 || l->ids[i] >= most) fuzz_breach("a token that is not there");
    token_list_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error e = {0};
    struct token_list l = {0};
    struct text_buffer b = {0};
    const char *text = (const char *)data;
    int ids[12], numbers[TEXT_MAX_TOKENS];
    open_all();
    for (int c = CLIP_OPENAI; c <= CLIP_FAST; c++) {
        check(bpe_encode(&bpe, text, size, (enum clip_cleaning)c, &l, &e), &l, bpe.symbols.count, &e);
        fuzz_verdict(bpe_encode_context(&bpe, text, size, (enum clip_cleaning)c, 8, 0, 12, ids, &e), &e);
        check(wordpiece_encode(&wordpiece, text, size, c == CLIP_FAST, &l, &e), &l, wordpiece.vocabulary.count, &e);
    }
    check(wordpiece_encode_sentence(&wordpiece, text, size, 8, &l, &e), &l, wordpiece.vocabulary.count, &e);
    check(unigram_encode(&unigram, text, size, &l, &e), &l, unigram.model.count, &e);
    check(unigram_encode_t5(&unigram, text, size, 8, &l, &e), &l, unigram.model.count + T5_EXTRA_TOKENS, &e);
    fuzz_verdict(html_unescape(text, size, &b, &e), &e);
    text_buffer_free(&b);
    fuzz_verdict(unicode_decompose(text, size, &b, &e), &e);
    text_buffer_free(&b);
    /* As a C string, to those that take one. */
    char *line = malloc(size + 1), *out = malloc(4 * size + 64);
    if (!line || !out) fuzz_breach("out of memory");
    memcpy(line, data, size);
    line[size] = 0;
    vocabulary_encode(&vocabulary, line, numbers, TEXT_MAX_TOKENS);
    tokens_of_text(line, out, size + 1);
    text_mirror(line, out, size + 1);
    free(line);
    free(out);
    return 0;
}

void fuzz_seeds(void)
{
    static const char *const texts[] = {"A person walks forward, then turns left.", "ABC ab &amp;lt; 12 &#x41;&notin;&#0;",
                                        "walk[MASK]ing CAF\xc3\x89 cafe\xcc\x81 \xe6\x97\xa5 \xce\xa3\xce\xa3 wa\xc2\xadlk\x07",
                                        " ab </s> ab <extra_id_0><extra_id_99> [x]", "a's <|endoftext|> it'll\t\xef\xbf\xbd\xf0\x9f\x98\x80",
                                        "Lefty runs CLOCKWISE counter-clockwise"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char name[] = "text0";
        name[4] = (char)('0' + (int)i);
        fuzz_seed(name, texts[i], strlen(texts[i]));
    }
}
