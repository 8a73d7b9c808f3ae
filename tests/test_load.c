/* From a published-size checkpoint to networks: peak memory, a file that changes meanwhile, and tensors
 * that do not fit, found before anything of their size is allocated. */
#include "../engine/controlnet.h"
#include "../engine/file.h"
#include "../engine/torch_write.h"
#include "../engine/trajectory_encoder.h"
#include "../engine/vae.h"
#include "../metrics/evaluator.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* MLCM_FULL_SIZE=1: the whole MotionLCM V1 checkpoint, VAE, denoiser and evaluator (212 MB), instead of the VAE. */
static const struct vae_size vae_v1 = {.nfeats = 263, .latent_tokens = 1, .latent_width = 256, .positions = 500,
                                       .transformer = {256, 1024, 9, 4, 1e-5f}};
static const struct denoiser_size denoiser_v1 = {.latent_tokens = 1, .latent_width = 256, .text_width = 768,
                                                 .time_width = 768, .guidance_width = 256, .positions = 500,
                                                 .text_act = ACT_RELU, .transformer = {256, 1024, 9, 4, 1e-5f}};
static const struct evaluator_size evaluator_t2m = {.nfeats = 263, .movement_hidden = 512, .movement_latent = 512,
                                                    .motion_hidden = 1024, .text_hidden = 512, .embedding = 512,
                                                    .word_width = 300, .parts_of_speech = 15};
static struct device device;

/* Adds every tensor of a registered network to the list, with values that tell their places. */
static void add_tensors(struct weights *w, const struct params *p, const char *prefix)
{
    char name[400];
    struct error e = {0};
    for (int i = 0; i < p->count; i++) {
        struct weight *item;
        snprintf(name, sizeof name, "%s%s", prefix, p->items[i]->name);
        if (weights_add(w, name, p->items[i]->rank, p->items[i]->shape, &item, &e))
            fail_msg("%s", e.text);
        for (size_t k = 0; k < item->count; k++)
            item->data[k] = (float)(k % 1000) + (float)i / 64;
    }
}

static void assert_values(const struct params *p)
{
    for (int i = 0; i < p->count; i++)
        for (size_t k = 0; k < p->items[i]->count; k++)
            if (p->items[i]->x[k] != (float)(k % 1000) + (float)i / 64)
                fail_msg("%s differs at %zu", p->items[i]->name, k);
}

/* ---- In the measured process ---- */

/* Peak resident memory of this process so far, in bytes. */
static long peak_memory(void)
{
    char line[200];
    long kilobytes = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %ld kB", &kilobytes) == 1)
            break;
    if (f)
        fclose(f);
    return 1024 * kilobytes;
}

/* Reads the checkpoint into networks and prints the peaks before and after. */
static int load_and_tell(const char *path)
{
    struct error e = {0};
    struct weights w;
    struct vae v = {0};
    struct denoiser d = {0};
    struct evaluator ev = {0};
    struct vae_size vae;
    struct denoiser_size denoiser;
    struct evaluator_size evaluator;
    struct timespec from, to;
    if (device_open_cpu(&device, 1, &e))
        return e.code;
    long base = peak_memory();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    int rc = weights_read(path, &w, &e);
    if (!rc) rc = vae_size_from(&w, "vae.", 4, &vae, &e);
    if (!rc) rc = vae_create(&v, &device, &vae, &e);
    if (!rc) rc = params_load(&v.params, &w, "vae.", &e);
    int whole = !rc && weights_find(&w, "denoiser.query_pos.pe") != NULL;
    if (!rc && whole) {
        rc = denoiser_size_from(&w, "denoiser.", 4, ACT_RELU, &denoiser, &e);
        if (!rc) rc = denoiser_create(&d, &device, &denoiser, &e);
        if (!rc) rc = params_load(&d.params, &w, "denoiser.", &e);
        if (!rc) rc = evaluator_size_from(&w, &evaluator, &e);
        if (!rc) rc = evaluator_create(&ev, &device, &evaluator, &e);
        if (!rc) rc = evaluator_load(&ev, &w, &e);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    long peak = peak_memory();
    if (!rc) {
        assert_values(&v.params);
        if (whole) {
            assert_values(&d.params);
            assert_values(&ev.motion);
        }
        printf("%ld %ld %.3f\n", base, peak,
               (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec));
    } else {
        fprintf(stderr, "%s\n", e.text);
    }
    evaluator_free(&ev);
    denoiser_free(&d);
    vae_free(&v);
    weights_free(&w);
    device_close(&device);
    return rc;
}

/* ---- Tests ---- */

/* The process that loads may need 1.2 times the file's size, its networks' own memory included, above what
 * the program needs for itself: its peak just before it opens the file, with all libraries loaded. */
static void loading_needs_little_more_than_the_file(void **state)
{
    char path[512];
    struct error e = {0};
    struct weights w = {.path = "made here"};
    const struct torch_section section = {"state_dict", ""};
    int whole = getenv("MLCM_FULL_SIZE") != NULL;
    struct vae v;
    assert_int_equal(vae_create(&v, &device, &vae_v1, &e), 0);
    add_tensors(&w, &v.params, "vae.");
    vae_free(&v);
    if (whole) {
        struct denoiser d;
        struct evaluator ev;
        assert_int_equal(denoiser_add(&d, &device, &denoiser_v1, 1, &e), 0);
        add_tensors(&w, &d.params, "denoiser.");
        denoiser_free(&d);
        assert_int_equal(evaluator_add(&ev, &device, &evaluator_t2m, &e), 0);
        add_tensors(&w, &ev.movement, "t2m_moveencoder.");
        add_tensors(&w, &ev.motion, "t2m_motionencoder.");
        add_tensors(&w, &ev.text, "t2m_textencoder.");
        evaluator_free(&ev);
    }
    scratch_path(*state, "full.ckpt", path);
    if (torch_write(path, &w, &section, 1, NULL, 0, 0, &e))
        fail_msg("%s", e.text);
    weights_free(&w);
    int64_t size = file_size(path);
    assert_true(size > 50 << 20);

    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "test_load", "load", path, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *told = fdopen(ends[0], "r");
    long base = 0, peak = 0;
    double seconds = 0;
    int fields = fscanf(told, "%ld %ld %lf", &base, &peak, &seconds), status = 0;
    fclose(told);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(fields, 3);
    print_message("%.1f MB: base %.1f MB, peak %.1f MB, %.3f of the file above the base, %.3f in all, %.3f s of one core\n",
                  (double)size / 1e6, (double)base / 1e6, (double)peak / 1e6, (double)(peak - base) / (double)size,
                  (double)peak / (double)size, seconds);
    assert_true(base > 0 && peak > base + size / 2); /* the networks themselves are there */
#ifndef __SANITIZE_ADDRESS__                        /* which keeps memory that was given back */
    assert_true((double)(peak - base) <= 1.2 * (double)size);
#endif
}

/* The same reader on a file that is cut off or written anew while it is open. */
static void a_file_that_changes_is_an_error(void **state)
{
    char path[512];
    struct error e = {0};
    struct weights w = {.path = "made here"}, back;
    const struct torch_section section = {"state_dict", ""};
    struct weight *item;
    const int shape[2] = {300, 200};
    assert_int_equal(weights_add(&w, "a", 2, shape, &item, &e), 0);
    scratch_path(*state, "cut.ckpt", path);
    for (int kind = 0; kind < 3; kind++) {
        const float *values = NULL;
        assert_int_equal(torch_write(path, &w, &section, 1, NULL, 0, 0, &e), 0);
        assert_int_equal(weights_read(path, &back, &e), 0);
        assert_int_equal(weight_values(&back, &back.items[0], &values, &e), 0);
        weight_done(&back, &back.items[0]);
        if (kind == 0)
            assert_int_equal(truncate(path, 5000), 0);
        if (kind == 1)
            assert_int_equal(torch_write(path, &w, &section, 1, NULL, 0, 0, &e), 0); /* renamed: the old file stays whole */
        if (kind == 2) {
            const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
            assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        }
        int rc = weight_values(&back, &back.items[0], &values, &e);
        assert_int_equal(rc, kind == 1 ? 0 : ERR_INPUT);
        if (rc)
            assert_non_null(strstr(e.text, "changed while being read"));
        weights_free(&back);
    }
    weights_free(&w);
}

/* A list with one network's tensors; the one called `name` is left out (shape NULL) or has another shape. */
static void add_but(struct weights *w, const struct params *p, const char *prefix, const char *name, const int *shape)
{
    struct weights all = {.path = "all"};
    struct error e = {0};
    add_tensors(&all, p, prefix);
    for (int i = 0; i < all.count; i++) {
        int wrong = strcmp(all.items[i].name, name) == 0;
        if (!wrong || shape)
            assert_int_equal(weights_add(w, all.items[i].name, wrong ? 2 : all.items[i].rank,
                                         wrong ? shape : all.items[i].shape, NULL, &e), 0);
    }
    weights_free(&all);
}

enum network { VAE, DENOISER, CONTROLNET, TRAJECTORY, EVALUATOR };

static int sizes_of(enum network network, struct weights *w, struct error *e)
{
    struct vae_size vae;
    struct denoiser_size denoiser;
    struct controlnet_size control;
    struct trajectory_encoder_size trajectory;
    struct evaluator_size evaluator;
    return network == VAE          ? vae_size_from(w, "n.", 4, &vae, e)
           : network == DENOISER   ? denoiser_size_from(w, "n.", 4, ACT_RELU, &denoiser, e)
           : network == CONTROLNET ? controlnet_size_from(w, "n.", 4, ACT_RELU, &control, e)
           : network == TRAJECTORY ? trajectory_encoder_size_from(w, "n.", 4, &trajectory, e)
                                   : evaluator_size_from(w, &evaluator, e);
}

/* Every network names the tensor that is missing or misshapen, with both shapes, when its sizes are read. */
static void wrong_tensors_are_named(void **state)
{
    (void)state;
    static const struct transformer_size small = {16, 24, 5, 4, 1e-5f};
    const struct vae_size vs = {.nfeats = 9, .latent_tokens = 2, .latent_width = 8, .projections = 1, .positions = 20,
                                .transformer = small};
    const struct denoiser_size ds = {.latent_tokens = 2, .latent_width = 8, .projections = 1, .text_width = 12,
                                     .time_width = 10, .guidance_width = 6, .positions = 20, .transformer = small};
    const struct controlnet_size cs = {.denoiser = ds, .embedding_width = 7, .embedding_act = ACT_SILU};
    const struct trajectory_encoder_size ts = {.joints = 3, .latent_tokens = 2, .latent_width = 8, .projections = 1,
                                               .positions = 20, .transformer = small};
    const struct evaluator_size es = {.nfeats = 9, .movement_hidden = 4, .movement_latent = 6, .motion_hidden = 7,
                                      .text_hidden = 5, .embedding = 3, .word_width = 8, .parts_of_speech = 2};
    static const struct {
        enum network network;
        const char *name, *has; /* "has": the shape the network needs */
    } table[] = {
        {VAE, "n.decoder.output_blocks.1.multihead_attn.in_proj_weight", "(48,16)"},
        {VAE, "n.final_layer.weight", "(9,16)"},
        {VAE, "n.latent_post.bias", "(16)"},
        {DENOISER, "n.time_embedding.cond_proj.weight", "(10,6)"},
        {DENOISER, "n.encoder.linear_blocks.0.weight", "(16,32)"},
        {DENOISER, "n.encoder.norm.bias", "(16)"},
        {CONTROLNET, "n.controlnet_down_mid_blocks.4.weight", "(16,16)"},
        {CONTROLNET, "n.controlnet_cond_embedding.2.bias", "(7)"},
        {TRAJECTORY, "n.encoder.middle_block.norm2.weight", "(16)"},
        {TRAJECTORY, "n.latent_proj.bias", "(8)"},
        {EVALUATOR, "t2m_motionencoder.gru.weight_hh_l0_reverse", "(21,7)"},
        {EVALUATOR, "t2m_textencoder.hidden", "(2,1,5)"},
        {EVALUATOR, "t2m_moveencoder.out_net.bias", "(6)"},
    };
    static const int wrong_shape[2] = {3, 11};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int misshapen = 0; misshapen < 2; misshapen++) {
            struct weights w = {.path = "some.ckpt"};
            struct error e = {0};
            const int *shape = misshapen ? wrong_shape : NULL;
            const char *name = table[i].name;
            struct vae v = {0};
            struct denoiser d = {0};
            struct controlnet c = {0};
            struct trajectory_encoder t = {0};
            struct evaluator ev = {0};
            switch (table[i].network) {
            case VAE:
                assert_int_equal(vae_create(&v, &device, &vs, &e), 0);
                add_but(&w, &v.params, "n.", name, shape);
                break;
            case DENOISER:
                assert_int_equal(denoiser_create(&d, &device, &ds, &e), 0);
                add_but(&w, &d.params, "n.", name, shape);
                break;
            case CONTROLNET:
                assert_int_equal(controlnet_create(&c, &device, &cs, &e), 0);
                add_but(&w, &c.base.params, "n.", name, shape);
                break;
            case TRAJECTORY:
                assert_int_equal(trajectory_encoder_create(&t, &device, &ts, &e), 0);
                add_but(&w, &t.params, "n.", name, shape);
                break;
            case EVALUATOR:
                assert_int_equal(evaluator_create(&ev, &device, &es, &e), 0);
                add_but(&w, &ev.movement, "t2m_moveencoder.", name, shape);
                add_but(&w, &ev.motion, "t2m_motionencoder.", name, shape);
                add_but(&w, &ev.text, "t2m_textencoder.", name, shape);
                break;
            }
            int rc = sizes_of(table[i].network, &w, &e);
            int whole = !misshapen && strstr(name, "cond_proj") != NULL; /* an MLD has none */
            if (whole ? rc != 0
                      : rc != ERR_INPUT || !strstr(e.text, "some.ckpt") || (!strstr(e.text, name) && !strstr(name, "cond_proj")) ||
                            (!strstr(e.text, table[i].has) && !strstr(name, "cond_proj")) ||
                            (misshapen && !strstr(e.text, "(3,11)") && !strstr(name, "cond_proj")))
                fail_msg("%s %s: code %d, %s", name, misshapen ? "misshapen" : "missing", rc, e.text);
            weights_free(&w);
            vae_free(&v);
            denoiser_free(&d);
            controlnet_free(&c);
            trajectory_encoder_free(&t);
            evaluator_free(&ev);
        }
}

/* A few tensors that claim a network of gigabytes: refused by comparison, not by lack of memory. */
static void small_files_do_not_ask_for_gigabytes(void **state)
{
    (void)state;
    struct weights w = {.path = "small.ckpt"};
    struct error e = {0};
    struct vae_size size;
    static const struct {
        const char *name;
        int shape[2];
    } claims[] = {{"vae.global_motion_token", {2, 4096}},       {"vae.skel_embedding.weight", {1, 263}},
                  {"vae.query_pos_encoder.pe", {10000, 1}},     {"vae.encoder.middle_block.linear1.weight", {16384, 1}},
                  {"vae.encoder.input_blocks.0.norm1.weight", {1, 1}}, {"vae.encoder.input_blocks.1.norm1.weight", {1, 1}}};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
        assert_int_equal(weights_add(&w, claims[i].name, 2, claims[i].shape, NULL, &e), 0);
    long before = peak_memory();
    assert_int_equal(vae_size_from(&w, "vae.", 4, &size, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "small.ckpt: tensor vae."));
    assert_true(peak_memory() - before < 1 << 24);
    weights_free(&w);
}

static int begin(void **state)
{
    struct error e = {0};
    return device_open_cpu(&device, 1, &e) || scratch_begin(state);
}

static int end(void **state)
{
    device_close(&device);
    return scratch_end(state);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "load") == 0)
        return load_and_tell(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loading_needs_little_more_than_the_file),
        cmocka_unit_test(a_file_that_changes_is_an_error),
        cmocka_unit_test(wrong_tensors_are_named),
        cmocka_unit_test(small_files_do_not_ask_for_gigabytes),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
