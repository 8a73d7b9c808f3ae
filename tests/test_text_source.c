/* Text encoders behind one interface, packed weights' accuracy, and timing with random weights. */
#include "../bench/decoder_work.h"
#include "../bench/sentences.h"
#include "../bench/text_deviation.h"
#include "../bench/time_random.h"
#include "scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { WIDTH = 48 };
static const struct sentence_random_size small = {.layers = 3, .heads = 4, .token_width = 64, .head_width = 16, .feed_forward = 128,
                                                  .vocabulary = 512, .width = WIDTH};
static struct device device;
static struct tape tape;

static int begin(void **state)
{
    struct error e;
    if (device_open_cpu(&device, 1, &e) || tape_init(&tape, &device)) return -1;
    return scratch_begin(state);
}

static int end(void **state)
{
    tape_free(&tape);
    device_close(&device);
    return scratch_end(state);
}

static void open_random(struct text_source *s, uint64_t seed)
{
    struct error e = {0};
    memset(s, 0, sizeof *s);
    if (sentence_encoder_random(&s->published, &device, &small, NULL, seed, &e)) fail_msg("%s", e.text);
    s->kind = TEXT_SOURCE_PUBLISHED;
}

static double apart(const float *a, const float *b, int n)
{
    double most = 0;
    for (int i = 0; i < n; i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= most)) most = fabs((double)a[i] - (double)b[i]);
    return most;
}

/* The vectors of two sentences and of "" together are those of each alone, of unit length, and depend on the words. */
static void guided_pair(void **state)
{
    struct text_source s;
    struct tensor *text, *empty;
    const char *const texts[2] = {sentence(0), sentence(1)}, *const nothing[1] = {""};
    float alone[WIDTH], none[WIDTH];
    (void)state;
    open_random(&s, 7);
    assert_int_equal(text_source_width(&s), WIDTH);
    tape_start(&tape, 0, 0, 0, 0);
    struct tensor *x = text_source_run(&tape, &s, texts + 1, 1), *y = text_source_run(&tape, &s, nothing, 1);
    assert_non_null(x);
    assert_non_null(y);
    memcpy(alone, x->x, sizeof alone);
    memcpy(none, y->x, sizeof none);
    text_source_run_guided(&tape, &s, texts, 2, &text, &empty);
    assert_non_null(text);
    assert_non_null(empty);
    assert_int_equal(text->rows, 2);
    assert_int_equal(empty->rows, 2);
    assert_true(apart(text->x + WIDTH, alone, WIDTH) < 1e-5);
    assert_true(apart(empty->x, none, WIDTH) < 1e-5);
    assert_true(apart(empty->x, empty->x + WIDTH, WIDTH) <= 0);
    assert_true(apart(text->x, text->x + WIDTH, WIDTH) > 1e-3);
    double squares = 0;
    for (int i = 0; i < WIDTH; i++) squares += (double)alone[i] * (double)alone[i];
    assert_float_equal(squares, 1, 1e-5);
    text_source_free(&s);
}

/* On a tape that records, a published encoder gives constants and leaves the tape recording. */
static void nothing_is_recorded(void **state)
{
    struct text_source s;
    const char *const text[1] = {sentence(2)};
    (void)state;
    open_random(&s, 7);
    tape_start(&tape, 1, 0, 1, 1);
    struct tensor *x = text_source_run(&tape, &s, text, 1);
    assert_non_null(x);
    assert_int_equal(x->constant, 1);
    assert_int_equal(tape.recording, 1);
    assert_int_equal(tape.node_count, 0);
    text_source_free(&s);
}

static void deviations(void **state)
{
    const float single[4] = {1, 0, 0, 2}, packed[4] = {1, 0.1f, 0, 2};
    struct text_deviation d;
    (void)state;
    text_deviation_of(packed, single, 2, 2, &d);
    assert_int_equal(d.sentences, 2);
    assert_float_equal(d.relative, 0.1, 1e-6);
    assert_true(fabs(d.cosine - 1 / sqrt(1.01)) < 1e-6);
    const float bad[4] = {1, NAN, 0, 2};
    text_deviation_of(bad, single, 2, 2, &d);
    assert_true(isnan(d.relative) || d.relative > 1e30);
}

/* Packed weights move the vectors, and by little: 8 bits of a mantissa, or 8-bit weights and inputs. */
static void packed_weights(void **state)
{
    static const struct {
        enum weight_precision precision;
        double relative, cosine;
    } bounds[2] = {{PRECISION_BF16, 0.02, 0.9998}, {PRECISION_INT8, 0.06, 0.998}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct text_source s;
        struct text_deviation d;
        struct error e = {0};
        open_random(&s, 11);
        if (text_deviation_pack(&s.published, bounds[i].precision, &d, &e)) fail_msg("%s", e.text);
        print_message("%s: relative error %.2e, cosine %.6f\n", i ? "int8" : "bf16", d.relative, d.cosine);
        assert_int_equal(d.sentences, SENTENCE_COUNT);
        assert_true(d.relative > 1e-6 && d.relative < bounds[i].relative);
        assert_true(d.cosine > bounds[i].cosine);
        assert_int_equal(sentence_encoder_pack(&s.published, PRECISION_FP32, &e), ERR_INTERNAL); /* once only */
        text_source_free(&s);
    }
}

/* By hand: 2 frames, width 2, feed-forward 4, 3 layers, 5 features, one token. */
static void decoder_operations(void **state)
{
    struct vae_size v = {.nfeats = 5, .latent_tokens = 1, .latent_width = 2, .positions = 8, .transformer = {2, 4, 3, 1, 1e-5f}};
    (void)state;
    /* self: 24 + 16 + 8 in two layers; cross: 8 and feed-forward: 32 in three; one joint 16; last 20 */
    assert_float_equal(decoder_work(&v, 2), 2.0 * (2 * 48 + 3 * (8 + 32) + 16 + 20), 1e-9);
    v.latent_tokens = 3;      /* queries 8, keys and values 24, scores and mixture 24, out 8 */
    assert_float_equal(decoder_work(&v, 2), 2.0 * (2 * 48 + 3 * (64 + 32) + 16 + 20), 1e-9);
}

static void timing_without_data(void **state)
{
    static const char document[] =
        "{\"name\": \"t\", \"data\": {\"set\": \"nowhere.h5\"},"
        "\"vae\": {\"width\": 16, \"feed_forward\": 32, \"layers\": 3, \"heads\": 2, \"positions\": 40},"
        "\"text\": {\"width\": 16, \"feed_forward\": 32, \"layers\": 1, \"heads\": 2, \"text_width\": 24},"
        "\"denoiser\": {\"width\": 16, \"feed_forward\": 32, \"layers\": 3, \"heads\": 2, \"time_width\": 8, \"guidance_width\": 8,"
        "\"positions\": 10}, \"protocol\": {\"time_runs\": 3, \"time_warmup\": 1},"
        "\"models\": [{\"name\": \"two\", \"system\": \"motionlcm\", \"steps\": 2}, {\"name\": \"mld\", \"system\": \"mld\", \"steps\": 5}]}";
    char path[512];
    struct experiment x;
    struct results r;
    struct error e = {0};
    snprintf(path, sizeof path, "%s/e.json", ((struct scratch *)*state)->folder);
    assert_int_equal(file_write(path, document, strlen(document), &e), 0);
    if (experiment_read(path, &x, &e)) fail_msg("%s", e.text);
    results_begin(&r);
    struct timing_plan plan = {.frames = 32, .single = 1, .quiet = 1};
    if (time_random(&x, &plan, 0, &r, &e)) fail_msg("%s", e.text);
    assert_int_equal(r.ntimings, 4);                       /* with and without the text encoder, no batches */
    for (int i = 0; i < 4; i++) {
        assert_int_equal(r.timings[i].batch, 1);
        assert_int_equal(r.timings[i].latency.runs, 3);
        assert_true(r.timings[i].latency.p50 > 0 && r.timings[i].decode > 0);
    }
    results_free(&r);
    results_begin(&r);
    plan.frames = 41;
    assert_int_equal(time_random(&x, &plan, 0, &r, &e), ERR_USAGE);
    assert_non_null(strstr(e.text, "40 positions"));
    results_free(&r);
    experiment_free(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guided_pair),        cmocka_unit_test(nothing_is_recorded), cmocka_unit_test(deviations),
        cmocka_unit_test(packed_weights),     cmocka_unit_test(decoder_operations),  cmocka_unit_test(timing_without_data),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
