/* The two layouts of CLIP's vocabulary. */
#include "config_file.h"
#include "file.h"
#include "gunzip.h"
#include "tokenizer_bpe.h"
#include "unicode.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_FILE = 32 << 20, MOST_SYMBOLS = 1 << 20, LONGEST_SYMBOL = 1024, MOST_MERGES = 49152 - 256 - 2 };

static const char ending[] = "</w>", start_text[] = "<|startoftext|>", end_text[] = "<|endoftext|>";

/* The 256 bytes in the vocabulary's order: printable ones first. */
static int is_printable(int byte)
{
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
}

/* The character that stands for a byte: itself if printable, else the next from U+0100 on. */
static uint32_t byte_character(int byte)
{
    if (is_printable(byte)) return (uint32_t)byte;
    uint32_t c = 0x100;
    for (int i = 0; i < byte; i++) c += !is_printable(i);
    return c;
}

static size_t byte_text(int byte, int at_end, char text[12])
{
    size_t n = utf8_put(byte_character(byte), text);
    if (at_end) memcpy(text + n, ending, 4);
    return n + (at_end ? 4 : 0);
}

static int add_symbol(struct bpe_tokenizer *b, const char *s, size_t size, int number, struct error *e)
{
    if (string_table_find(&b->symbols, s, size) >= 0)
        return error_set(e, ERR_INPUT, "%s: the symbol '%.*s' occurs twice; fetch the file again", b->path,
                         (int)(size < 60 ? size : 60), s);
    return string_table_add(&b->symbols, s, size, number, e);
}

/* The numbers of the bytes and the special tokens, all of which must be there. */
static int find_symbols(struct bpe_tokenizer *b, struct error *e)
{
    char text[12];
    for (int i = 0; i < 512; i++) {
        int number = string_table_find(&b->symbols, text, byte_text(i & 255, i >> 8, text));
        if (number < 0)
            return error_set(e, ERR_INPUT, "%s: lacks a symbol for the byte %d%s; it is not CLIP's vocabulary", b->path,
                             i & 255, i >> 8 ? " at a word's end" : "");
        b->byte_symbol[i >> 8][i & 255] = number;
    }
    b->start = string_table_find(&b->symbols, start_text, sizeof start_text - 1);
    b->end = string_table_find(&b->symbols, end_text, sizeof end_text - 1);
    if (b->start < 0 || b->end < 0)
        return error_set(e, ERR_INPUT, "%s: lacks %s; it is not CLIP's vocabulary", b->path,
                         b->start < 0 ? start_text : end_text);
    return 0;
}

static int add_merge(struct bpe_tokenizer *b, int left, int right, int joined, struct error *e)
{
    int pair[2] = {left, right};
    if (string_table_find(&b->merges, (const char *)pair, sizeof pair) >= 0)
        return error_set(e, ERR_INPUT, "%s: the same merge stands on two lines; fetch the file again", b->path);
    if (b->merge_count == b->merge_capacity) {
        int capacity = b->merge_capacity ? 2 * b->merge_capacity : 1024;
        int *merged = realloc(b->merged, (size_t)capacity * sizeof *merged);
        if (!merged) return error_memory(e, b->path);
        b->merged = merged;
        b->merge_capacity = capacity;
    }
    int rc = string_table_add(&b->merges, (const char *)pair, sizeof pair, b->merge_count, e);
    if (!rc) b->merged[b->merge_count++] = joined;
    return rc;
}

/* One line "LEFT RIGHT" without its end. build: the joined symbol is new and gets the next number. */
static int read_merge(struct bpe_tokenizer *b, const char *path, const char *line, size_t size, int number, int build,
                      struct error *e)
{
    char joined[2 * LONGEST_SYMBOL];
    const char *space = memchr(line, ' ', size);
    size_t left = space ? (size_t)(space - line) : 0, right = space ? size - left - 1 : 0;
    if (!left || !right || left > LONGEST_SYMBOL || right > LONGEST_SYMBOL || memchr(space + 1, ' ', right))
        return error_set(e, ERR_INPUT, "%s:%d: a line is two symbols with one space between; fetch the file again", path,
                         number);
    memcpy(joined, line, left);
    memcpy(joined + left, space + 1, right);
    int l = string_table_find(&b->symbols, line, left), r = string_table_find(&b->symbols, space + 1, right);
    int j = build ? b->symbols.count : string_table_find(&b->symbols, joined, left + right);
    if (l < 0 || r < 0 || j < 0)
        return error_set(e, ERR_INPUT, "%s:%d: the merge needs a symbol that %s; the file is damaged or belongs to "
                                       "another vocabulary",
                         path, number, build ? "no line before it made" : "the vocabulary lacks");
    int rc = build ? add_symbol(b, joined, left + right, j, e) : 0;
    return rc ? rc : add_merge(b, l, r, j, e);
}

/* The first line is a heading; at most MOST_MERGES follow, the rest of the file is not used. */
static int read_merges(struct bpe_tokenizer *b, const char *path, int build, struct error *e)
{
    char *text, *plain;
    size_t size, plain_size;
    int rc = file_read(path, LARGEST_FILE, &text, &size, e);
    if (rc) return rc;
    if (size > 2 && !memcmp(text, "\x1f\x8b", 2)) {
        rc = gunzip(path, text, size, LARGEST_FILE, &plain, &plain_size, e);
        free(text);
        if (rc) return rc;
        text = plain;
        size = plain_size;
    }
    if (!utf8_valid(text, size) || memchr(text, 0, size))
        rc = error_set(e, ERR_INPUT, "%s: is not UTF-8 text; fetch the file again", path);
    const char *at = text, *end = text + size;
    for (int number = 1; !rc && at < end && b->merge_count < MOST_MERGES; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = newline ? (size_t)(newline - at) : (size_t)(end - at);
        size_t used = n && at[n - 1] == '\r' ? n - 1 : n;
        if (number > 1) rc = read_merge(b, path, at, used, number, build, e);
        at += n + (newline != NULL);
    }
    if (!rc && !b->merge_count) rc = error_set(e, ERR_INPUT, "%s: holds no merges; fetch the file again", path);
    free(text);
    return rc;
}

static void begin(struct bpe_tokenizer *b, const char *path)
{
    memset(b, 0, sizeof *b);
    snprintf(b->path, sizeof b->path, "%s", path);
}

int bpe_tokenizer_open_openai(const char *merges, struct bpe_tokenizer *b, struct error *e)
{
    int rc = 0;
    char text[12];
    begin(b, merges);
    for (int i = 0; !rc && i < 1024; i++) { /* inside a word, then at its end; printable bytes first */
        int byte = i & 255;
        if (is_printable(byte) == (i >> 8 & 1)) continue;
        size_t n = byte_text(byte, i >> 9, text);
        rc = add_symbol(b, text, n, b->symbols.count, e);
    }
    if (!rc) rc = read_merges(b, merges, 1, e);
    if (!rc) rc = add_symbol(b, start_text, sizeof start_text - 1, b->symbols.count, e);
    if (!rc) rc = add_symbol(b, end_text, sizeof end_text - 1, b->symbols.count, e);
    if (!rc) rc = find_symbols(b, e);
    if (rc) bpe_tokenizer_free(b);
    return rc;
}

static int read_vocabulary(struct bpe_tokenizer *b, struct error *e)
{
    cJSON *tree;
    int rc = config_read(b->path, LARGEST_FILE, &tree, e);
    if (rc) return rc;
    int count = cJSON_GetArraySize(tree);
    unsigned char *seen = calloc((size_t)count + 1, 1);
    if (!seen) rc = error_memory(e, b->path);
    else if (!cJSON_IsObject(tree) || count < 1 || count > MOST_SYMBOLS)
        rc = error_set(e, ERR_INPUT, "%s: must be an object of symbols and their numbers; fetch the file again", b->path);
    for (const cJSON *x = rc ? NULL : tree->child; x && !rc; x = x->next) {
        size_t n = strlen(x->string);
        double v = cJSON_IsNumber(x) ? x->valuedouble : -1;
        if (!n || n > LONGEST_SYMBOL || !(v >= 0 && v < count) || v != (int)v || seen[(int)v])
            rc = error_set(e, ERR_INPUT, "%s: '%.60s' must have a number of its own from 0 to %d; fetch the file again",
                           b->path, x->string, count - 1);
        else {
            seen[(int)v] = 1;
            rc = add_symbol(b, x->string, n, (int)v, e);
        }
    }
    free(seen);
    cJSON_Delete(tree);
    return rc;
}

int bpe_tokenizer_open_hf(const char *vocabulary, const char *merges, struct bpe_tokenizer *b, struct error *e)
{
    begin(b, vocabulary);
    int rc = read_vocabulary(b, e);
    if (!rc) rc = find_symbols(b, e);
    if (!rc) rc = read_merges(b, merges, 0, e);
    if (rc) bpe_tokenizer_free(b);
    return rc;
}

void bpe_tokenizer_free(struct bpe_tokenizer *b)
{
    string_table_free(&b->symbols);
    string_table_free(&b->merges);
    free(b->merged);
    memset(b, 0, sizeof *b);
}
