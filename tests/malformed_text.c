/* Malformed texts: vocabularies, configurations, motion capture, JSON documents, lists, captions. */
#include "../datasets/bvh.h"
#include "../datasets/text_lines.h"
#include "../engine/device.h"
#include "../engine/file.h"
#include "../engine/sentence_encoder.h"
#include "malformed.h"
#include "model_bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAD = ERR_INPUT };
#define BYTES(s) s, sizeof(s) - 1

static void texts(struct malformed *m, malformed_open *open, const char *const (*table)[3], size_t count)
{
    for (size_t i = 0; i < count; i++)
        malformed_file(m, table[i][0], table[i][1], strlen(table[i][1]), open, table[i][2] ? BAD : 0,
                       table[i][2] ? table[i][2] : "");
}
#define TEXTS(m, open, table) texts(m, open, table, sizeof table / sizeof *table)

/* ---- SentencePiece ---- */

void malformed_sentencepiece(void **state)
{
    struct malformed m;
    struct model_bytes b, inner;
    (void)state;
    malformed_begin(&m, "SentencePiece");
#define MODEL(name, code, rule) malformed_file(&m, name, b.data, b.size, open_sentencepiece, code, rule)
    small_model(&b);
    MODEL("sound", 0, "");
    size_t whole = b.size;
    for (size_t n = 1; n < whole; n += 5) { /* a cut between two pieces may leave a model */
        struct sentencepiece_model model;
        struct error e;
        if (sentencepiece_model_parse("x", b.data, n, &model, &e) == 0) {
            sentencepiece_model_free(&model);
            continue;
        }
        char name[40];
        snprintf(name, sizeof name, "cut at %zu", n);
        malformed_file(&m, name, b.data, n, open_sentencepiece, BAD, "");
    }
    put_piece(&b, "a", -1, PIECE_NORMAL);
    MODEL("a piece twice", BAD, "twice");
    small_model(&b);
    put_piece(&b, "c", 0.0f / 0.0f, PIECE_NORMAL);
    MODEL("score not a number", BAD, "not finite");
    small_model(&b);
    put_piece(&b, "c", 0, 7);
    MODEL("piece of type 7", BAD, "unknown type");
    small_model(&b);
    put_piece(&b, "c", 0, 0);
    MODEL("piece of type 0", BAD, "unknown type");
    small_model(&b);
    put_piece(&b, "", 0, PIECE_NORMAL);
    MODEL("empty piece", BAD, "empty");
    small_model(&b);
    put_piece(&b, "\xff", 0, PIECE_NORMAL);
    MODEL("piece that is not UTF-8", BAD, "UTF-8");
    small_model(&b);
    put_piece(&b, "<also>", 0, PIECE_UNKNOWN);
    MODEL("two unknown pieces", BAD, "two unknown");
    small_model(&b);
    put_setting(&b, 2, 3, 2);
    MODEL("pair encoding", BAD, "only unigram");
    small_model(&b);
    put_setting(&b, 2, 35, 1);
    MODEL("byte fallback without bytes", BAD, "byte pieces");
    small_model(&b);
    put_bytes(&b, 3, "\x12\x08\x10\0\0\0abcd", 10);
    MODEL("map larger than its field", BAD, "trie does not fit");
    small_model(&b);
    put_bytes(&b, 3, "\x12\x0a\x04\0\0\0\0\0\0\0ab", 12);
    MODEL("map without an end", BAD, "lacks its end");
    small_model(&b);
    inner.size = 0;
    put_bytes(&inner, 2, "\x04\0\0\0\xff\xff\xff\xff", 8);
    put_bytes(&b, 3, inner.data, inner.size);
    MODEL("map that points outside", 0, ""); /* no character reaches it */
    b.size = 0;
    put_piece(&b, "a", 0, PIECE_NORMAL);
    MODEL("no unknown piece", BAD, "no unknown");
    b.size = 0;
    put_piece(&b, "<unk>", 0, PIECE_UNKNOWN);
    MODEL("no pieces", BAD, "no pieces");
#undef MODEL
    static const struct {
        const char *name, *bytes;
        size_t size;
    } wire[] = {{"field number 0", BYTES("\x02\x00")},
                {"wire type 3", BYTES("\x0b")},
                {"length 2^63", BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f")},
                {"number of 11 bytes", BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
                {"number without an end", BYTES("\x0a\xff")},
                {"a part that is a number", BYTES("\x08\x01")},
                {"score of 8 bytes", BYTES("\x0a\x0a\x11\0\0\0\0\0\0\0\0\0")}};
    for (size_t i = 0; i < sizeof wire / sizeof *wire; i++)
        malformed_file(&m, wire[i].name, wire[i].bytes, wire[i].size, open_sentencepiece, BAD, "SentencePiece");
    malformed_end(&m);
}

/* ---- vocabularies and configurations ---- */

/* The file is the config.json of a folder. */
static int open_folder(const char *path, struct error *e)
{
    char folder[600];
    struct device device;
    struct sentence_encoder s;
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = 0;
    int rc = device_open_cpu(&device, 1, e);
    if (rc) return rc;
    rc = sentence_encoder_open(folder, &device, &s, e);
    if (!rc) sentence_encoder_free(&s);
    device_close(&device);
    return rc;
}

void malformed_vocabularies(void **state)
{
    static const char *const merges[][3] = {
        {"sound merges", "#version\na b\nab c</w>\n", NULL},
        {"windows merges", "#version\r\na b\r\nab c</w>\r\n", NULL},
        {"no merges", "#version\n", "no merges"},
        {"one symbol", "#v\nab\n", "two symbols"},
        {"three symbols", "#v\na b c\n", "one space"},
        {"two spaces", "#v\na  b\n", "one space"},
        {"empty line", "#v\n\na b\n", "two symbols"},
        {"merge twice", "#v\na b\na b\n", "twice"},
        {"symbol not made yet", "#v\nab c\n", "no line before"},
        {"merges not UTF-8", "#v\na \xff\n", "UTF-8"},
        {"gzip cut", "\x1f\x8b\x08", "gzip"},
        {"gzip junk", "\x1f\x8b\x08junkjunkjunk", "gzip"},
    };
    static const char *const pieces[][3] = {
        {"sound pieces", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nwalk\n", NULL},
        {"no special pieces", "walk\n", "lacks"},
        {"no [SEP]", "[PAD]\n[UNK]\n[CLS]\n", "[SEP]"},
        {"piece twice", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[PAD]\n", "line 1"},
        {"empty piece", "[PAD]\n\n[UNK]\n", ":2:"},
        {"pieces not UTF-8", "[PAD]\n\xff\n", "UTF-8"},
    };
    static const char *const configs[] = {"", "[]", "1", "null", "{", "{\"a\":1}x", "{\"a\":\"\xff\"}", "{\"a\":\"\\ud800\"}",
                                          "\xef\xbb\xbf{]", "{'a':1}", "<html>"};
    struct malformed m;
    (void)state;
    malformed_begin(&m, "vocabularies");
    TEXTS(&m, open_merges, merges);
    TEXTS(&m, open_pieces, pieces);
    char *line = malloc(4200);
    memcpy(line, "#v\n", 3);
    memset(line + 3, 'a', 4000);
    memcpy(line + 4003, " b\n", 4);
    malformed_file(&m, "symbol of 4000 bytes", line, 4006, open_merges, BAD, "two symbols");
    free(line);
    malformed_file(&m, "merges with a NUL", "#v\na \0b\n", 8, open_merges, BAD, "UTF-8");
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++)
        malformed_file(&m, "config.json", configs[i], strlen(configs[i]), open_folder, BAD, "");
    size_t deep = 100000;
    char *nested = malloc(deep);
    memset(nested, '[', deep);
    malformed_file(&m, "config.json", nested, deep, open_folder, BAD, "JSON");
    free(nested);
    malformed_end(&m);
}

/* ---- motion capture ---- */

#define JOINTS "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 3 Zrotation Xrotation Yrotation\nEnd Site\n{\nOFFSET 0 0 1\n}\n}\n"
#define FRAMES "MOTION\nFrames: 2\nFrame Time: 0.05\n1 2 3\n4 5 6"

static void many_joints(struct malformed *m, const char *name, size_t count, int deep, const char *rule)
{
    size_t used = 0;
    char *text = malloc(count * 60 + 100);
    used += (size_t)sprintf(text, "HIERARCHY\nROOT j\n{OFFSET 0 0 0 CHANNELS 0\n");
    for (size_t i = 0; i < count; i++)
        used += (size_t)sprintf(text + used, "JOINT j%zu\n{OFFSET 0 0 0 CHANNELS 0%s\n", i, deep ? "" : "}");
    malformed_file(m, name, text, used, open_motion_capture, BAD, rule);
    free(text);
}

void malformed_motion_capture(void **state)
{
    static const char *const table[][3] = {
        {"no final newline.bvh", JOINTS FRAMES, NULL},
        {"final newlines.bvh", JOINTS FRAMES "\n\n", NULL},
        {"unclosed brace.bvh", "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n" FRAMES, "found 'MOTION'"},
        {"unclosed at the end.bvh", "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 0\n", "never closed"},
        {"a brace too many.bvh", JOINTS "}\n" FRAMES, "expected 'MOTION'"},
        {"frames -1.bvh", JOINTS "MOTION\nFrames: -1\nFrame Time: 0.05\n", "whole number"},
        {"frames 0.bvh", JOINTS "MOTION\nFrames: 0\nFrame Time: 0.05\n", "at least 1"},
        {"frames 2^31.bvh", JOINTS "MOTION\nFrames: 2147483648\nFrame Time: 0.05\n1 2 3\n", "whole number"},
        {"frames nan.bvh", JOINTS "MOTION\nFrames: nan\nFrame Time: 0.05\n1 2 3\n", "finite number"},
        {"too few frames.bvh", JOINTS "MOTION\nFrames: 3\nFrame Time: 0.05\n1 2 3\n4 5 6\n", "truncated"},
        {"too many frames.bvh", JOINTS "MOTION\nFrames: 1\nFrame Time: 0.05\n1 2 3\n4 5 6\n", "follows the last"},
        {"a value too few.bvh", JOINTS "MOTION\nFrames: 2\nFrame Time: 0.05\n1 2\n4 5 6\n", "has 2 values"},
        {"a value too many.bvh", JOINTS "MOTION\nFrames: 1\nFrame Time: 0.05\n1 2 3 4\n", "more than the 3"},
        {"value nan.bvh", JOINTS "MOTION\nFrames: 1\nFrame Time: 0.05\n1 nan 3\n", "not a finite number"},
        {"value inf.bvh", JOINTS "MOTION\nFrames: 1\nFrame Time: 0.05\n1 -inf 3\n", "not a finite number"},
        {"value 1e999.bvh", JOINTS "MOTION\nFrames: 1\nFrame Time: 0.05\n1 1e999 3\n", "not a finite number"},
        {"value 1e300.bvh", JOINTS "MOTION\nFrames: 1\nFrame Time: 0.05\n1 1e300 3\n", "beyond"},
        {"value 0x10.bvh", JOINTS "MOTION\nFrames: 1\nFrame Time: 0.05\n1 0x10 3\n", "not a finite number"},
        {"comma decimals.bvh", JOINTS "MOTION\nFrames: 1\nFrame Time: 0.05\n1,5 2 3\n", "not a finite number"},
        {"comma in the frame time.bvh", JOINTS "MOTION\nFrames: 1\nFrame Time: 0,05\n1 2 3\n", "finite number"},
        {"frame time 0.bvh", JOINTS "MOTION\nFrames: 1\nFrame Time: 0\n1 2 3\n", "Frame Time"},
        {"no motion.bvh", JOINTS, "'MOTION'"},
        {"no hierarchy.bvh", FRAMES, "'HIERARCHY'"},
        {"seven channels.bvh", "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 7 Xposition\n", "0 to 6"},
        {"channel twice.bvh", "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 2 Xposition Xposition\n", "twice"},
        {"another channel.bvh", "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 1 Wrotation\n", "not a channel"},
        {"no channels at all.bvh", "HIERARCHY\nROOT a\n{OFFSET 0 0 0 CHANNELS 0}\nMOTION\nFrames: 1\nFrame Time: 1\n", "channel"},
        {"control character.bvh", "HIERARCHY\nROOT a\x01\n{\n", "control character"},
        {"html.bvh", "<!DOCTYPE html><html>", "HIERARCHY"},
    };
    struct malformed m;
    (void)state;
    malformed_begin(&m, "BVH");
    TEXTS(&m, open_motion_capture, table);
    char cr[] = JOINTS FRAMES;
    for (char *p = cr; *p; p++)
        if (*p == '\n') *p = '\r';
    malformed_file(&m, "carriage returns only.bvh", cr, sizeof cr - 1, open_motion_capture, 0, "");
    malformed_file(&m, "NUL.bvh", "HIERARCHY\nROOT\0a", 16, open_motion_capture, BAD, "");
    many_joints(&m, "10^6 joints.bvh", 1000000, 0, "more than 1024 joints");
    many_joints(&m, "65 levels.bvh", 65, 1, "deeper than 64");
    many_joints(&m, "10^6 levels.bvh", 1000000, 1, "deeper than 64");
    for (size_t n = 0; n < sizeof cr - 12; n += 11) {
        char name[40];
        snprintf(name, sizeof name, "cut at %zu.bvh", n);
        malformed_file(&m, name, JOINTS FRAMES, n, open_motion_capture, BAD, "");
    }
    malformed_end(&m);
}

/* ---- JSON ---- */

void malformed_json(void **state)
{
    static const char *const both[][3] = {
        {"1e999.json", "{\"seed\": 1e999}", "too large"},
        {"NaN.json", "{\"seed\": NaN}", "does not know"},
        {"Infinity.json", "{\"seed\": -Infinity}", "not a number"},
        {"duplicate keys.json", "{\"seed\": 1, \"seed\": 2}", "twice"},
        {"duplicate keys below.json", "{\"a\": [{\"b\": 1, \"b\": 2}]}", "twice"},
        {"lone surrogate.json", "{\"name\": \"\\ud800\"}", "not valid JSON"},
        {"lone surrogate as bytes.json", "{\"name\": \"\xed\xa0\x80\"}", "UTF-8"},
        {"overlong.json", "{\"name\": \"\xc0\xaf\"}", "UTF-8"},
        {"byte order mark.json", "\xef\xbb\xbf{}", "does not know"},
        {"escaped NUL.json", "{\"name\": \"a\\u0000b\"}", "\\u0000"},
        {"control character.json", "{\"name\": \"a\nb\"}", "control character"},
        {"leading zero.json", "{\"seed\": 01}", "not a number"},
        {"70 digits.json", "{\"seed\": 1234567890123456789012345678901234567890123456789012345678901234567890}", "not a number"},
        {"text behind.json", "{} x", "text after"},
        {"two documents.json", "{}{}", "text after"},
        {"comment.json", "{} // note", "does not know"},
        {"trailing comma.json", "{\"a\": 1,}", "not valid JSON"},
        {"single quotes.json", "{'a': 1}", "does not know"},
        {"open string.json", "{\"a", "closing quote"},
        {"open object.json", "{\"a\": {", "not valid JSON"},
        {"nothing.json", "", "not valid JSON"},
        {"a list.json", "[]", ""},
        {"a text.json", "\"x\"", ""},
        {"null.json", "null", ""},
    };
    static const char *const experiments[][3] = {
        {"seed beyond 2^53.json", "{\"seed\": 9007199254740993, \"data\": {\"set\": \"x\"}}", "seed"},
        {"seed 2^64.json", "{\"seed\": 18446744073709551616, \"data\": {\"set\": \"x\"}}", "seed"},
        {"negative seed.json", "{\"seed\": -1, \"data\": {\"set\": \"x\"}}", "seed"},
        {"seed of a half.json", "{\"seed\": 0.5, \"data\": {\"set\": \"x\"}}", "whole number"},
        {"no data.json", "{\"seed\": 1}", "data"},
        {"unknown key.json", "{\"sead\": 1}", "did you mean"},
        {"name with a slash.json", "{\"name\": \"../x\", \"data\": {\"set\": \"x\"}}", "/"},
        {"width is a text.json", "{\"data\": {\"set\": \"x\"}, \"vae\": {\"width\": \"16\"}}", "vae.width"},
        {"width 2^31.json", "{\"data\": {\"set\": \"x\"}, \"vae\": {\"width\": 2147483648}}", "vae.width"},
        {"base that is not there.json", "{\"base\": \"no such.json\"}", "no such"},
        {"base on itself.json", "{\"base\": \"base on itself.json\"}", "base"},
        {"base is a number.json", "{\"base\": 1}", "base"},
    };
    static const char *const documents[][3] = {
        {"another schema.json", "{\"schema\": \"x\"}", "schema"},
        {"no schema.json", "{}", "schema"},
        {"seed 2^53 + 2.json", "{\"schema\": \"mlcm-results-1\", \"protocol\": {\"seeds\": [9007199254740994]}}", "seed"},
        {"seeds are no list.json", "{\"schema\": \"mlcm-results-1\", \"protocol\": {\"seeds\": {}}}", "seeds"},
        {"rows are no list.json", "{\"schema\": \"mlcm-results-1\", \"rows\": 1}", "rows"},
        {"models are numbers.json", "{\"schema\": \"mlcm-results-1\", \"models\": [1]}", "models.0"},
        {"seconds are a text.json", "{\"schema\": \"mlcm-results-1\", \"seconds\": \"1\"}", "seconds"},
    };
    struct malformed m;
    (void)state;
    malformed_begin(&m, "JSON");
    TEXTS(&m, open_experiment, both);
    TEXTS(&m, open_results, both);
    TEXTS(&m, open_experiment, experiments);
    TEXTS(&m, open_results, documents);
    for (int kind = 0; kind < 2; kind++) {
        malformed_open *open = kind ? open_results : open_experiment;
        const size_t deep = 10000;
        char *text = malloc(6 * deep);
        memset(text, '[', deep);
        memset(text + deep, ']', deep);
        malformed_file(&m, "10^4 lists deep.json", text, 2 * deep, open, BAD, "nested too deep");
        for (size_t i = 0; i < deep; i++) memcpy(text + 5 * i, "{\"a\":", 5);
        malformed_file(&m, "10^4 objects deep.json", text, 5 * deep, open, BAD, "nested too deep");
        free(text);
        malformed_file(&m, "NUL inside.json", "{\"a\":\0 1}", 9, open, BAD, "does not know");
        malformed_file(&m, "NUL behind.json", "{}\0", 3, open, BAD, "does not know");
    }
    malformed_end(&m);
}

/* ---- lists of names, captions ---- */

static void names_are(struct malformed *m, const char *name, const char *text, const char *wanted)
{
    char path[600], **names = NULL, all[400] = "";
    int count = 0;
    struct error e = {0};
    malformed_file(m, name, text, strlen(text), open_names, 0, "");
    file_write(malformed_name(m, name, path), text, strlen(text), &e);
    if (!names_read(path, &names, &count, &e))
        for (int i = 0; i < count; i++) snprintf(all + strlen(all), sizeof all - strlen(all), "%s|", names[i]);
    malformed_check(m, strcmp(all, wanted) == 0, all);
    file_list_free(names, count);
    remove(path);
}

void malformed_text(void **state)
{
    static const char *const lists[][3] = {
        {"parent folder.txt", "000001\n../000002\n", "not a clip name"},
        {"two dots.txt", "..\n", "not a clip name"},
        {"absolute.txt", "/etc/passwd\n", "not a clip name"},
        {"folder inside.txt", "a/b\n", "not a clip name"},
        {"duplicate.txt", "000001\n000002\n000001\n", "twice"},
        {"duplicate behind blanks.txt", "000001\r\n000001 \n", "twice"},
        {"html.txt", "<!DOCTYPE html>\n<html></html>\n", "not a clip name"},
        {"pointer.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "not a clip name"},
    };
    static const char *const captions[][3] = {
        {"sound captions.txt", "a walk#a/DET walk/NOUN#0.0#0.0\n", NULL},
        {"carriage returns.txt", "a walk#a/DET walk/NOUN#0.0#0.0\r\n", NULL},
        {"nan times.txt", "a walk#a/DET walk/NOUN#nan#nan\n", NULL},
        {"no captions.txt", "", "holds no caption"},
        {"latin-1.txt", "caf\xe9#a/X#0#0\n", "UTF-8"},
    };
    struct malformed m;
    (void)state;
    malformed_begin(&m, "text");
    TEXTS(&m, open_names, lists);
    TEXTS(&m, open_captions, captions);
    names_are(&m, "carriage returns.txt", "000001\r\nM000002\r\n", "000001|M000002|");
    names_are(&m, "trailing blanks.txt", "000001  \n\t000002\t\n\n\n", "000001|000002|");
    names_are(&m, "mirrored names.txt", "000001\nM000001\n", "000001|M000001|");
    names_are(&m, "no final newline.txt", "000001\n000002", "000001|000002|");
    malformed_path(&m, "missing.txt", open_names, BAD, "cannot open");
    malformed_path(&m, "missing.txt", open_captions, BAD, "cannot open");
    malformed_file(&m, "NUL.txt", "000001\n0000\0" "02\n", 15, open_names, BAD, "NUL");
    malformed_file(&m, "NUL in a caption.txt", "a\0b#a/X#0#0\n", 12, open_captions, BAD, "NUL");
    char *wide = malloc(1 << 20);
    memset(wide, 'a', 1 << 20);
    malformed_file(&m, "name of 1 MiB.txt", wide, 1 << 20, open_names, BAD, "not a clip name");
    free(wide);
    malformed_end(&m);
}
