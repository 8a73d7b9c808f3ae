/* Trajectories that a person gives, clips joined into a stream, and the jerk that shows a bad seam. */
#include "../bench/trajectory_file.h"
#include "../engine/mlcm.h"
#include "../engine/stream_join.h"
#include "../metrics/seams.h"
#include "near.h"
#include "scratch.h"

#include <cmocka.h>
#include <limits.h>

enum { J = 22, FRAMES = 100 };

/* --- trajectory files ----------------------------------------------------------------- */

/* Writes `text` to a file called `name` and reads it. */
static int read_text(void **state, const char *name, const char *text, struct trajectory *t, struct error *e)
{
    char path[512];
    scratch_path(*state, name, path);
    assert_int_equal(scratch_write(path, text, strlen(text)), 0);
    memset(e, 0, sizeof *e);
    return trajectory_read(path, J, t, e);
}

static int on_clip(const struct trajectory *t, int frames, int cut, float *positions, unsigned char *mask, struct error *e)
{
    memset(e, 0, sizeof *e);
    return trajectory_on_clip(t, frames, 20, J, 0.9, cut, positions, mask, e);
}

static const float *at(const float *positions, int frame, int joint) { return positions + 3 * (frame * J + joint); }

static void test_points(void **state)
{
    static const char *const texts[2][2] = {
        {"a.json", "{\"points\": [{\"t\": 0.5, \"joint\": \"left_wrist\", \"x\": 0.25, \"y\": 1.5, \"z\": -0.5},"
                   " {\"frame\": 99, \"joint\": 15, \"x\": 1, \"y\": 2, \"z\": 3}]}"},
        {"a.csv", "# two joints\r\nt , joint,x,y,z\r\n0.5,left_wrist,0.25,1.5,-0.5\n\n 5 , 15, 1,2 ,3"}};
    static float positions[FRAMES * J * 3];
    static unsigned char mask[FRAMES * J];
    for (int k = 0; k < 2; k++) {
        struct trajectory t;
        struct error e;
        assert_int_equal(read_text(state, texts[k][0], texts[k][1], &t, &e), 0);
        assert_int_equal(t.point_count, 2);
        assert_int_equal(on_clip(&t, FRAMES, 0, positions, mask, &e), 0);
        int told = 0;
        for (int i = 0; i < FRAMES * J; i++) told += mask[i];
        assert_int_equal(told, 2);
        assert_int_equal(mask[10 * J + 20], 1);     /* 0.5 s at 20 frames a second; the left wrist */
        near((double)at(positions, 10, 20)[0], 0.25, 0);
        near((double)at(positions, 10, 20)[2], -0.5, 0);
        assert_int_equal(mask[99 * J + 15], 1);     /* a time of 5 s, the clip's end, is its last frame */
        near((double)at(positions, 99, 15)[1], 2, 0);
        trajectory_free(&t);
    }
}

static void test_waypoints(void **state)
{
    struct trajectory t;
    struct error e;
    static float positions[FRAMES * J * 3];
    static unsigned char mask[FRAMES * J];
    /* an even straight walk, though its waypoints are not: the curve is the line */
    assert_int_equal(read_text(state, "line.csv", "frame,x,z\n0,0,0\n10,0.5,1\n80,4,8\n", &t, &e), 0);
    assert_int_equal(on_clip(&t, FRAMES, 0, positions, mask, &e), 0);
    for (int f = 0; f < FRAMES; f++) {
        assert_int_equal(mask[f * J], f <= 80);
        if (f > 80) continue;
        near((double)at(positions, f, 0)[0], f * 0.05, 1e-6);
        near((double)at(positions, f, 0)[1], 0.9, 1e-6);
        near((double)at(positions, f, 0)[2], f * 0.1, 1e-6);
    }
    trajectory_free(&t);
    /* a bend: through the waypoints, without a corner, 25 % of the 81 frames, first and last among them */
    assert_int_equal(read_text(state, "bend.json", "{\"waypoints\": [{\"t\": 0, \"x\": 0, \"z\": 0}, {\"t\": 2, \"x\": 0, \"z\": 2, \"y\": 1},"
                                                   "{\"t\": 4, \"x\": 2, \"z\": 2}], \"density\": 25}", &t, &e), 0);
    assert_int_equal(on_clip(&t, FRAMES, 0, positions, mask, &e), 0);
    int told = 0;
    for (int f = 0; f < FRAMES; f++) told += mask[f * J];
    assert_int_equal(told, 20);
    assert_int_equal(mask[0], 1);
    assert_int_equal(mask[80 * J], 1);
    t.density = 100;
    assert_int_equal(on_clip(&t, FRAMES, 0, positions, mask, &e), 0);
    near((double)at(positions, 40, 0)[1], 1, 1e-6);
    near((double)at(positions, 40, 0)[2], 2, 1e-6);
    for (int f = 1; f < 80; f++)       /* twice differentiable but at the waypoints, where the slope is one */
        for (int c = 0; c < 3; c++)
            near((double)(at(positions, f + 1, 0)[c] - 2 * at(positions, f, 0)[c] + at(positions, f - 1, 0)[c]), 0, 0.01);
    /* cut where the clip ends, as experiments do */
    assert_int_equal(on_clip(&t, 41, 1, positions, mask, &e), 0);
    assert_int_equal(mask[40 * J], 1);
    assert_int_equal(on_clip(&t, 41, 0, positions, mask, &e), ERR_INPUT);
    trajectory_free(&t);
}

/* Every one is refused with one line that names the file and matches. */
static void test_bad_trajectories(void **state)
{
    static const char *const rows[][3] = {
        {"a.csv", "t,joint,x,y,z\n1,left_wirst,0,0,0\n", "line 2: joint \"left_wirst\" is unknown; use left_wrist"},
        {"a.csv", "t,joint,x,y,z\n1,22,0,0,0\n", "joint 22 is unknown; the skeleton has joints 0 to 21"},
        {"a.csv", "t,joint,x,y,z\n1,-1,0,0,0\n", "joint -1 is unknown"},
        {"a.csv", "t,joint,x,y,z\n1,3,nan,0,0\n", "line 2: x is \"nan\"; give a finite number"},
        {"a.csv", "t,joint,x,y,z\n1,3,0,inf,0\n", "y is \"inf\""},
        {"a.csv", "t,joint,x,y,z\n1,3,0,1e9,0\n", "within 100 of the origin"},
        {"a.csv", "t,joint,x,y,z\n-1,3,0,1,0\n", "the time is -1"},
        {"a.csv", "t,joint,x,y,z\n1,3,0,1\n", "4 fields under a header of 5"},
        {"a.csv", "1,3,0,1,0\n", "unknown column \"1\""},
        {"a.csv", "t,joint,x,z\n1,3,0,1\n", "no header of a trajectory"},
        {"a.csv", "t,t,x,z\n1,3,0,1\n", "there twice"},
        {"a.csv", "frame,x,z\n1.5,0,1\n", "no whole number"},
        {"a.csv", "t,x,z\n", "no point and no waypoint"},
        {"a.csv", "", "no point and no waypoint"},
        {"a.json", "{\"points\": [{\"t\": 1, \"joint\": \"head\", \"x\": NaN, \"y\": 0, \"z\": 0}]}", "a.json"},
        {"a.json", "{\"points\": [{\"t\": 1, \"joint\": \"head\", \"x\": null, \"y\": 0, \"z\": 0}]}", "points.0.x"},
        {"a.json", "{\"points\": [{\"t\": 1, \"joint\": \"head\", \"x\": 0, \"z\": 0}]}", "points.0.y"},
        {"a.json", "{\"points\": [{\"t\": 1, \"joint\": 2.5, \"x\": 0, \"y\": 0, \"z\": 0}]}", "joint \"2.5\" is unknown"},
        {"a.json", "{\"points\": [{\"t\": 1, \"frame\": 1, \"joint\": 2, \"x\": 0, \"y\": 0, \"z\": 0}]}", "either t, in seconds, or frame"},
        {"a.json", "{\"points\": [{\"time\": 1, \"joint\": 2, \"x\": 0, \"y\": 0, \"z\": 0}]}", "time"},
        {"a.json", "{\"waypoint\": []}", "waypoint"},
        {"a.json", "{}", "no point and no waypoint"},
        {"a.json", "[]", "a.json"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trajectory t;
        struct error e;
        assert_int_equal(read_text(state, rows[i][0], rows[i][1], &t, &e), ERR_INPUT);
        if (!strstr(e.text, rows[i][2]) || !strstr(e.text, rows[i][0]) || strchr(e.text, '\n'))
            fail_msg("row %zu: \"%s\" lacks \"%s\"", i, e.text, rows[i][2]);
    }
}

static void test_bad_clips(void **state)
{
    static const char *const rows[][2] = {
        {"t,joint,x,y,z\n6,3,0,1,0\n", "time 6 lies outside the clip of 100 frames, 5 seconds"},
        {"frame,joint,x,y,z\n100,3,0,1,0\n", "frame 100 lies outside the clip of 100 frames, 0 to 99"},
        {"t,joint,x,y,z\n1,3,0,1,0\n1.01,3,0,1,0\n", "line 3: joint 3 is told twice at frame 20"},
        {"t,x,z\n0,1,0\n1,2,0\n", "the root starts at x 1, z 0"},
        {"t,x,z\n0,0,0\n0.01,0,0\n", "two waypoints at frame 0"},
    };
    static float positions[FRAMES * J * 3];
    static unsigned char mask[FRAMES * J];
    struct trajectory t;
    struct error e;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(read_text(state, "a.csv", rows[i][0], &t, &e), 0);
        assert_int_equal(on_clip(&t, FRAMES, 0, positions, mask, &e), ERR_INPUT);
        if (!strstr(e.text, rows[i][1]) || !strstr(e.text, "a.csv")) fail_msg("row %zu: \"%s\"", i, e.text);
        trajectory_free(&t);
    }
    static const double densities[] = {101, 300, 0, -5, 5};
    for (int i = 0; i < 5; i++) {      /* 5 is a number of frames: more than the three between these waypoints */
        assert_int_equal(read_text(state, "a.csv", i < 4 ? "t,x,z\n0,0,0\n2,1,0\n" : "frame,x,z\n0,0,0\n2,1,0\n", &t, &e), 0);
        t.density = densities[i];
        assert_int_equal(on_clip(&t, FRAMES, 0, positions, mask, &e), ERR_INPUT);
        if (!strstr(e.text, "density") || !strstr(e.text, "a.csv")) fail_msg("density %g: \"%s\"", densities[i], e.text);
        trajectory_free(&t);
    }
    assert_int_equal(read_text(state, "a.csv", "frame,joint,x,y,z\n90,3,0,1,0\n", &t, &e), 0);
    assert_int_equal(on_clip(&t, 50, 1, positions, mask, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "nothing is told"));
    trajectory_free(&t);
}

/* --- joining --------------------------------------------------------------------------- */

/* Frame t of a stiff figure that walks with an even speed along a line from the origin: joint j stands 5 cm·j to
 * its right and 10 cm·j high. heading: of the line; 0 is +z. */
static void walker(float *clip, int frames, int joints, double from, double heading, double speed)
{
    for (int t = 0; t < frames; t++)
        for (int j = 0; j < joints; j++) {
            double along = (from + t) * speed, right = 0.05 * j;
            float *p = clip + 3 * ((size_t)t * (size_t)joints + (size_t)j);
            p[0] = (float)(-along * sin(heading) + right * cos(heading));
            p[1] = (float)(0.1 * j);
            p[2] = (float)(along * cos(heading) + right * sin(heading));
        }
}

static void test_join_even_walk(void **state)
{
    (void)state;
    enum { N = 4, LENGTH = 30, OVERLAP = 10, SEGMENTS = 4 };
    static float clip[LENGTH * N * 3], out[200 * N * 3], expected[200 * N * 3], hint[OVERLAP * N * 3], begun[OVERLAP * N * 3];
    struct stream_join s;
    struct error e;
    int made = 0;
    assert_int_equal(stream_join_open(&s, N, NULL, OVERLAP, &e), 0);
    walker(clip, LENGTH, N, 0, 0.3, 0.06);
    made += stream_join_add(&s, clip, LENGTH, out);
    assert_int_equal(made, LENGTH - OVERLAP);
    for (int k = 1; k < SEGMENTS; k++) {
        /* the hint is the walk as the next clip, which starts at the origin and faces +z, shall begin */
        stream_join_hint(&s, k == 1 ? 0.3 : -1.7, hint);
        walker(begun, OVERLAP, N, 0, 0, 0.06);
        for (int i = 0; i < OVERLAP * N * 3; i++) near((double)hint[i], (double)begun[i], 1e-5);
        /* wherever the next clip puts it, it goes on in the world's line */
        walker(clip, LENGTH, N, 7 * k, -1.7, 0.06);
        made += stream_join_add(&s, clip, LENGTH, out + (size_t)made * N * 3);
    }
    made += stream_join_finish(&s, out + (size_t)made * N * 3);
    assert_int_equal(made, LENGTH + (SEGMENTS - 1) * (LENGTH - OVERLAP));
    walker(expected, made, N, 0, 0.3, 0.06);
    for (int i = 0; i < made * N * 3; i++) near((double)out[i], (double)expected[i], 2e-5);
    assert_int_equal(stream_join_finish(&s, out), 0);
    stream_join_close(&s);
}

/* Two stiff figures with another arm height: it goes over within the fade, and the jerk is that of the fade's
 * polynomial, 6u⁵ - 15u⁴ + 10u³ of u = i/n, third derivative at most 60/n³ a frame; a trial tells it beforehand. */
static void test_join_fades(void **state)
{
    (void)state;
    enum { N = 3, LENGTH = 40, OVERLAP = 15 };
    static float clip[LENGTH * N * 3], out[100 * N * 3];
    struct stream_join s;
    struct error e;
    assert_int_equal(stream_join_open(&s, N, NULL, OVERLAP, &e), 0);
    walker(clip, LENGTH, N, 0, 0, 0.05);
    int made = stream_join_add(&s, clip, LENGTH, out);
    near(stream_join_jerk(&s, clip, 20), 0, 1);
    for (int t = 0; t < LENGTH; t++) clip[3 * (t * N + 1) + 1] += 0.2f;
    double trial = stream_join_jerk(&s, clip, 20), seam = 0;
    made += stream_join_add(&s, clip, LENGTH, out + (size_t)made * N * 3);
    for (int t = LENGTH - OVERLAP - 3; t < LENGTH; t++) seam += stream_jerk(out + (size_t)t * N * 3, N, 20) / (OVERLAP + 3);
    near(trial, seam, 1e-9);
    assert_true(seam > 1 && seam < 60 * 0.2 / pow(OVERLAP, 3) * 8000 / N);
    double third = 60 * 0.2 / pow(OVERLAP, 3);
    for (int t = 0; t + 3 < made; t++) {
        const float *y = out + 3 * (t * N + 1) + 1;
        near((double)(y[9 * N] - 3 * y[6 * N] + 3 * y[3 * N] - y[0]), 0, third + 1e-6);
    }
    near((double)out[3 * ((LENGTH - OVERLAP - 1) * N + 1) + 1], 0.1, 1e-6);
    near((double)out[3 * (LENGTH * N + 1) + 1], 0.3, 1e-6);
    stream_join_close(&s);
    assert_int_equal(stream_join_open(&s, N, NULL, 0, &e), ERR_USAGE);
    stream_join_close(&s);
}

/* A first clip that is held whole gives no frame out; a trial of the next one stands on what is held. */
static void test_join_all_held(void **state)
{
    (void)state;
    enum { N = 2, OVERLAP = 12 };
    static float clip[2 * OVERLAP * N * 3], out[2 * OVERLAP * N * 3];
    struct stream_join s;
    struct error e;
    assert_int_equal(stream_join_open(&s, N, NULL, OVERLAP, &e), 0);
    for (int i = 0; i < (OVERLAP + 6) * N * 3; i++) s.trial[i] = NAN;
    walker(clip, 2 * OVERLAP, N, 0, 0, 0);
    assert_int_equal(stream_join_add(&s, clip, OVERLAP, out), 0);
    near(stream_join_jerk(&s, clip, 20), 0, 1e-9);
    assert_int_equal(stream_join_add(&s, clip, 2 * OVERLAP, out), OVERLAP);
    stream_join_close(&s);
}

/* Another pace: a joint goes on with the velocity that it had, and takes the new one within the fade. */
static void test_join_velocity(void **state)
{
    (void)state;
    enum { N = 1, LENGTH = 40, OVERLAP = 15 };
    static float clip[LENGTH * N * 3], out[100 * N * 3];
    struct stream_join s;
    struct error e;
    assert_int_equal(stream_join_open(&s, N, NULL, OVERLAP, &e), 0);
    for (int t = 0; t < LENGTH; t++) clip[3 * t + 1] = 0.01f * (float)t;
    int made = stream_join_add(&s, clip, LENGTH, out);
    for (int t = 0; t < LENGTH; t++) clip[3 * t + 1] = 0.25f - 0.01f * (float)t;
    made += stream_join_add(&s, clip, LENGTH, out + (size_t)made * N * 3);
    int seam = LENGTH - OVERLAP;
    near((double)(out[3 * seam + 1] - out[3 * seam - 2]), 0.01, 1e-6);
    near((double)(out[3 * seam + 4] - out[3 * seam + 1]), 0.01, 4e-3);
    near((double)(out[3 * (made - 1) + 1] - out[3 * (made - 2) + 1]), -0.01, 1e-6);
    stream_join_close(&s);
}

/* An arm that points up in the old clip and down in the new one, longer there: led joint by joint it would pass through
 * the shoulder; with parents it keeps a length between both, and ends where the new clip is. */
static void test_join_bones(void **state)
{
    (void)state;
    enum { N = 3, LENGTH = 40, OVERLAP = 15 };
    static const int parents[N] = {-1, 0, 1}, late[N] = {-1, 2, 0};
    static float clip[LENGTH * N * 3], out[100 * N * 3];
    double shortest[2] = {9, 9}, longest = 0;
    struct stream_join s;
    struct error e;
    for (int kept = 0; kept < 2; kept++) {
        int made = 0;
        assert_int_equal(stream_join_open(&s, N, kept ? parents : NULL, OVERLAP, &e), 0);
        for (int turn = 0; turn < 2; turn++) {
            memset(clip, 0, sizeof clip);
            for (int t = 0; t < LENGTH; t++) {
                clip[3 * (t * N + 1)] = 0.2f;
                clip[3 * (t * N + 2)] = 0.2f;
                clip[3 * (t * N + 2) + 1] = turn ? -0.4f : 0.3f;
                clip[3 * (t * N + 2) + 2] = 0.01f * (float)t;
            }
            made += stream_join_add(&s, clip, LENGTH, out + (size_t)made * N * 3);
        }
        for (int t = 0; t < made; t++) {
            const float *a = out + 3 * (t * N + 1), *b = a + 3;
            double length = sqrt(pow((double)(b[0] - a[0]), 2) + pow((double)(b[1] - a[1]), 2) + pow((double)(b[2] - a[2]), 2));
            shortest[kept] = fmin(shortest[kept], length);
            if (kept) longest = fmax(longest, length);
        }
        near((double)out[3 * ((made - 1) * N + 2) + 1], -0.4, 1e-6);
        stream_join_close(&s);
    }
    assert_true(shortest[0] < 0.25);
    assert_true(shortest[1] > 0.2999 && longest < hypot(0.4, 0.4));
    assert_int_equal(stream_join_open(&s, N, late, OVERLAP, &e), ERR_USAGE);
    stream_join_close(&s);
}

/* --- jerk at seams -------------------------------------------------------------------------- */

static void test_seam_jerk(void **state)
{
    (void)state;
    enum { T = 60, N = 2 };
    static float x[T * N * 3];
    const int first[] = {20, 40};
    double each[2];
    struct seams s;
    struct error e;
    memset(x, 0, sizeof x);
    for (int t = 0; t < T; t++)         /* jerk 6·fps³ at joint 0, none at joint 1 */
        x[6 * t] = (float)(t * t * t);
    assert_int_equal(seam_jerk(x, T, N, 2, first, 2, 5, &s, each, &e), 0);
    near(s.inside, 24, 1e-9);
    near(s.worst, 24, 1e-9);
    near(s.median, 24, 1e-9);
    near(s.peak, 24, 1e-9);
    /* a jump of 1 m of joint 1 at frame 40: third differences 1, -2, 1 beside joint 0's 6, halved by the mean */
    for (int t = 40; t < T; t++) x[6 * t + 4] = 1;
    assert_int_equal(seam_jerk(x, T, N, 2, first, 2, 0, &s, each, &e), 0);
    near(s.inside, 24, 1e-9);
    near(each[0], 24, 1e-9);
    near(each[1], (6 + 4 / 3.0) / 2 * 8, 1e-9);
    near(s.worst, each[1], 0);
    near(s.peak, 8 / 2.0 * 8, 1e-9);
    x[7] = NAN;
    assert_int_equal(seam_jerk(x, T, N, 2, first, 2, 0, &s, each, &e), ERR_INPUT);
    x[7] = 0;
    const int outside[] = {60}, falling[] = {30, 30}, early[] = {1};
    assert_int_equal(seam_jerk(x, T, N, 2, outside, 1, 0, &s, NULL, &e), ERR_INPUT);
    assert_int_equal(seam_jerk(x, T, N, 2, falling, 2, 0, &s, NULL, &e), ERR_INPUT);
    assert_int_equal(seam_jerk(x, T, N, 2, early, 1, 60, &s, NULL, &e), ERR_INPUT);
}

/* --- the library's stream, on models where there are some -------------------------------------- */

static void test_stream(void **state)
{
    (void)state;
    const char *folder = getenv("MLCM_MODELS");
    char path[1100], said[600];
    mlcm *m;
    mlcm_stream *s;
    if (!folder) folder = "results/weights/bandai_small";
    snprintf(path, sizeof path, "%.1000s/lcm.h5", folder);
    if (!file_exists(path)) {
        printf("skip: %s not here\n", path);
        skip();
    }
    assert_int_equal(mlcm_open(&m, folder, 1, said, sizeof said), 0);
    struct mlcm_stream_options o = MLCM_STREAM_OPTIONS;
    o.frames = 24;
    o.overlap = 8;
    static float joints[3][100 * J * 3], alone[24 * J * 3];
    for (int run = 0; run < 2; run++) {
        int made, frames = 0;
        assert_int_equal(mlcm_stream_open(&s, m, &o, said, sizeof said), 0);
        assert_int_equal(mlcm_stream_next(s, "a person walks", joints[run], &made, said, sizeof said), 0);
        frames += made;
        assert_int_equal(made, 16);
        /* a refused segment changes nothing */
        assert_int_not_equal(mlcm_stream_next(s, NULL, joints[2], &made, said, sizeof said), 0);
        assert_int_equal(mlcm_stream_next(s, "a person runs", joints[run] + (size_t)frames * J * 3, &made, said, sizeof said), 0);
        frames += made;
        assert_int_equal(made, 24);
        mlcm_stream_finish(s, joints[run] + (size_t)frames * J * 3, &made);
        frames += made;
        assert_int_equal(frames, 48);
        mlcm_stream_close(s);
    }
    assert_memory_equal(joints[0], joints[1], 48 * J * 3 * sizeof(float));
    assert_int_equal(mlcm_generate(m, "a person walks", 24, NULL, NULL, alone, said, sizeof said), 0);
    for (int i = 0; i < 16 * J * 3; i++) near((double)joints[0][i], (double)alone[i], 1e-6);
    for (int i = 0; i < 47 * J * 3; i++) near((double)joints[0][i + J * 3], (double)joints[0][i], 0.6);    /* 12 m/s */
    /* told by latent tuning, which needs no ControlNet, a joint comes nearer than untold */
    static float positions[24 * J * 3], told[24 * J * 3];
    static unsigned char mask[24 * J];
    mask[23 * J + 20] = 1;
    for (int c = 0; c < 3; c++) positions[3 * (23 * J + 20) + c] = alone[3 * (23 * J + 20) + c] + 0.1f;
    struct mlcm_control c = {positions, mask, 30};
    assert_int_equal(mlcm_generate_controlled(m, "a person walks", 24, NULL, &c, NULL, told, said, sizeof said), 0);
    double before = 0, after = 0;
    for (int k = 3 * (23 * J + 20); k < 3 * (23 * J + 20) + 3; k++) {
        before += pow((double)(alone[k] - positions[k]), 2);
        after += pow((double)(told[k] - positions[k]), 2);
    }
    assert_true(after < before);
    positions[3 * (23 * J + 20)] = NAN;
    assert_int_equal(mlcm_generate_controlled(m, "a person walks", 24, NULL, &c, NULL, told, said, sizeof said), ERR_INPUT);
    assert_non_null(strstr(said, "not finite"));
    memset(mask, 0, sizeof mask);
    assert_int_not_equal(mlcm_generate_controlled(m, "a person walks", 24, NULL, &c, NULL, told, said, sizeof said), 0);
    o.frames = INT_MAX;
    o.overlap = 1;
    assert_int_equal(mlcm_stream_open(&s, m, &o, said, sizeof said), ERR_USAGE);
    o.frames = 24;
    o.overlap = 25;
    assert_int_not_equal(mlcm_stream_open(&s, m, &o, said, sizeof said), 0);
    assert_null(s);
    mlcm_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points),         cmocka_unit_test(test_waypoints),       cmocka_unit_test(test_bad_trajectories),
        cmocka_unit_test(test_bad_clips),      cmocka_unit_test(test_join_even_walk),  cmocka_unit_test(test_join_fades),
        cmocka_unit_test(test_join_velocity),  cmocka_unit_test(test_join_all_held),   cmocka_unit_test(test_join_bones),
        cmocka_unit_test(test_seam_jerk),      cmocka_unit_test(test_stream),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
