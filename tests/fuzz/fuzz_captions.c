/* Caption files of HumanML3D, on to the words' encoding; first byte odd: plain sentences too. */
#include "fuzz.h"
#include "../../datasets/text_lines.h"
#include "../../datasets/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const float features[12];
    const struct set_layout layout = {"toy", NULL, 3, 2, 20.0, 1, 40, 1};
    struct error e = {0};
    struct set_builder *b = NULL;
    struct set s;
    struct items items;
    int malformed = 0, plain = size > 0 && (data[0] & 1);
    if (size > 0) {
        data++;
        size--;
    }
    if (set_builder_new(&layout, &b, &e) || set_builder_clip(b, "one", "train", features, 4, "", &e))
        fuzz_breach(e.text);
    int rc = fuzz_verdict(captions_read(fuzz_file(0, data, size), plain, b, &malformed, &e), &e);
    if (!rc) rc = fuzz_verdict(set_builder_words_from_captions(b, 2, 1, &e), &e);
    if (rc) {
        set_builder_free(b);
        return 0;
    }
    if (fuzz_verdict(set_builder_finish(b, &s, &e), &e)) return 0;
    if (!fuzz_verdict(items_build(&s, "train", &items, &e), &e)) {
        for (int i = 0; i < items.count; i++)
            for (int k = 0; k < items.list[i].ncaptions; k++) {
                float vectors[WORDS_MAX_TOKENS * 2], one_hot[WORDS_MAX_TOKENS * WORDS_POS];
                int length = 0;
                const char *tokens = items.list[i].captions[k]->tokens;
                if (!fuzz_verdict(words_encode(&s.words, tokens, vectors, one_hot, &length, &e), &e) &&
                    (length < 2 || length > WORDS_MAX_TOKENS))
                    fuzz_breach("an impossible length of a sentence");
            }
        items_free(&items);
    }
    set_free(&s);
    return 0;
}

void fuzz_seeds(void)
{
    static const char text[] = "\0a walk.#a/DET walk/NOUN#nan#nan\nb#b/X unk/OTHER#0.05#0.2\r\nall#all/DET#0.0#0.0\nbroken#x\n";
    static const char plain[] = "\1A person walks slowly, then jumps left.\nhops#hop/VERB#0#0\n";
    fuzz_seed("text", text, sizeof text - 1);
    fuzz_seed("plain", plain, sizeof plain - 1);
}
