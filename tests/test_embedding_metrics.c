/* Metrics of embeddings: FID, KID, R-Precision and its pools, Diversity, MultiModality. */
#include "near.h"

#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_eigen.h>

#include "../datasets/consistency.h"
#include "../metrics/diversity.h"
#include "../metrics/frechet.h"
#include "../metrics/kernel_distance.h"
#include "../metrics/precision.h"
#include "../metrics/symmetric.h"

/* ---- eigenvalues ---- */

static void test_eigen_agrees_with_gsl(void **state)
{
    (void)state;
    enum { N = 37 };
    static double a[N * N], copy[N * N], vectors[N * N], values[N], product[N];
    struct rng r = rng_make(1, 0);
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++)
            a[i * N + j] = a[j * N + i] = rng_normal(&r);
    memcpy(copy, a, sizeof a);
    struct error e;
    assert_int_equal(symmetric_eigen(copy, N, values, vectors, &e), 0);
    for (int k = 0; k < N; k++) {    /* A v = lambda v, |v| = 1 */
        double norm = 0;
        for (int i = 0; i < N; i++) {
            product[i] = 0;
            for (int j = 0; j < N; j++)
                product[i] += a[i * N + j] * vectors[k * N + j];
            near(product[i], values[k] * vectors[k * N + i], 1e-12);
            norm += vectors[k * N + i] * vectors[k * N + i];
        }
        near(norm, 1, 1e-12);
    }
    double lonely[N];
    memcpy(copy, a, sizeof a);
    assert_int_equal(symmetric_eigen(copy, N, lonely, NULL, &e), 0);
    gsl_matrix_view m = gsl_matrix_view_array(a, N, N);
    gsl_vector *expected = gsl_vector_alloc(N);
    gsl_eigen_symm_workspace *w = gsl_eigen_symm_alloc(N);
    gsl_eigen_symm(&m.matrix, expected, w);
    for (int k = 0; k < N; k++) {
        double nearest = INFINITY;
        for (int i = 0; i < N; i++)
            nearest = fmin(nearest, fabs(lonely[i] - gsl_vector_get(expected, (size_t)k)));
        near(nearest, 0, 1e-12);
    }
    gsl_eigen_symm_free(w);
    gsl_vector_free(expected);
}

static void test_nuclear_norm(void **state)
{
    (void)state;
    struct error e;
    double norm;
    /* Rotations of diag(3, 2, 0) on both sides; the zero stays a zero. */
    double c = 0.6, s = 0.8;
    double a[] = {3 * c, -2 * s, 0, 3 * s, 2 * c, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(nuclear_norm(a, 4, 3, &norm, &e), 0);
    near(norm, 5, 1e-14);
    double one[] = {3, 4};
    assert_int_equal(nuclear_norm(one, 2, 1, &norm, &e), 0);
    near(norm, 5, 1e-14);
    double bad[] = {1, NAN, 2, 3};
    assert_int_equal(nuclear_norm(bad, 2, 2, &norm, &e), ERR_INTERNAL);
    /* A graded matrix whose smallest singular value a squared matrix would lose. */
    double graded[] = {1, 0, 0, 1e-9};
    assert_int_equal(nuclear_norm(graded, 2, 2, &norm, &e), 0);
    near(norm - 1, 1e-9, 1e-15);
}

/* ---- FID ---- */

enum { ROWS = 60, DIM = 8 };

static double fid(const float *x, int nx, const float *y, int ny, int dim)
{
    struct frechet d;
    struct error e;
    if (frechet_distance(x, nx, y, ny, dim, &d, &e))
        fail_msg("%s", e.text);
    return d.distance;
}

static void test_fid_identities(void **state)
{
    (void)state;
    float x[ROWS * DIM], y[ROWS * DIM], moved[ROWS * DIM];
    fill_integers(x, ROWS * DIM, 2);
    fill_integers(y, ROWS * DIM, 3);
    double d = fid(x, ROWS, y, ROWS, DIM);
    assert_true(d > 1);
    near(fid(x, ROWS, x, ROWS, DIM), 0, 1e-10);
    near(fid(y, ROWS, x, ROWS, DIM), d, 1e-10);
    for (int i = 0; i < ROWS; i++)    /* order of rows */
        memcpy(moved + (ROWS - 1 - i) * DIM, x + i * DIM, DIM * sizeof *x);
    near(fid(moved, ROWS, y, ROWS, DIM), d, 1e-10);
    double shift = 0;
    for (int i = 0; i < ROWS * DIM; i++)    /* a shift adds its square to FID(X, X) */
        moved[i] = x[i] + (float)(i % DIM);
    for (int k = 0; k < DIM; k++)
        shift += k * k;
    near(fid(x, ROWS, moved, ROWS, DIM), shift, 1e-10);
    for (int i = 0; i < ROWS * DIM; i++)
        moved[i] = 4 * x[i];
    float wide[ROWS * DIM];
    for (int i = 0; i < ROWS * DIM; i++)
        wide[i] = 4 * y[i];
    near(fid(moved, ROWS, wide, ROWS, DIM), 16 * d, 1e-9);
}

/* Rotates by the orthogonal 4 x 4 Hadamard matrix / 2 in each half of the row. */
static void rotate(float *x)
{
    for (int half = 0; half < ROWS * DIM; half += 4) {
        float a = x[half], b = x[half + 1], c = x[half + 2], d = x[half + 3];
        x[half] = (a + b + c + d) / 2;
        x[half + 1] = (a - b + c - d) / 2;
        x[half + 2] = (a + b - c - d) / 2;
        x[half + 3] = (a - b - c + d) / 2;
    }
}

static void test_fid_rotation(void **state)
{
    (void)state;
    float x[ROWS * DIM], y[ROWS * DIM];
    fill_integers(x, ROWS * DIM, 4);
    fill_integers(y, ROWS * DIM, 5);
    double d = fid(x, ROWS, y, ROWS, DIM);
    rotate(x);
    assert_true(fabs(fid(x, ROWS, y, ROWS, DIM) - d) > 1e-6);    /* one side only: it changes */
    rotate(y);
    near(fid(x, ROWS, y, ROWS, DIM), d, 1e-10);
}

/* Rows ±scale_k e_k have mean 0 and covariance diag(2 scale_k² / (2 DIM - 1)). */
static void test_fid_closed_form(void **state)
{
    (void)state;
    float x[2 * DIM * DIM] = {0}, y[2 * DIM * DIM] = {0};
    double expected = 0;
    for (int k = 0; k < DIM; k++) {
        float a = (float)(1 + k), b = (float)(k % 3), shift = 0.5f;    /* b = 0: singular */
        for (int row = 0; row < 2 * DIM; row++)
            y[row * DIM + k] = shift;
        x[2 * k * DIM + k] = a;
        x[(2 * k + 1) * DIM + k] = -a;
        y[2 * k * DIM + k] = shift + b;
        y[(2 * k + 1) * DIM + k] = shift - b;
        expected += 0.25 + 2.0 / (2 * DIM - 1) * pow((double)a - (double)b, 2);
    }
    struct frechet d;
    struct error e;
    assert_int_equal(frechet_distance(x, 2 * DIM, y, 2 * DIM, DIM, &d, &e), 0);
    near(d.distance, expected, 1e-12);
    near(d.mean_term, 0.25 * DIM, 1e-12);
    assert_int_equal(d.rank_x, DIM);
    assert_int_equal(d.rank_y, 5);    /* b = 0 for k = 0, 3, 6 */
}

/* Far fewer rows than dimensions: singular, yet exact. tr sqrt(C_x C_y) is then
 * the nuclear norm of the product of the centred rows themselves. */
static void test_fid_rank_deficient(void **state)
{
    (void)state;
    enum { FEW = 6, WIDE = 40 };
    float x[FEW * WIDE], y[FEW * WIDE];
    fill_integers(x, FEW * WIDE, 6);
    fill_integers(y, FEW * WIDE, 7);
    double mean_x[WIDE] = {0}, mean_y[WIDE] = {0}, product[FEW * FEW] = {0}, root, expected = 0;
    for (int i = 0; i < FEW * WIDE; i++) {
        mean_x[i % WIDE] += (double)x[i] / FEW;
        mean_y[i % WIDE] += (double)y[i] / FEW;
    }
    for (int k = 0; k < WIDE; k++) {
        expected += pow(mean_x[k] - mean_y[k], 2);
        for (int i = 0; i < FEW; i++) {
            expected += pow((double)x[i * WIDE + k] - mean_x[k], 2) / (FEW - 1);
            expected += pow((double)y[i * WIDE + k] - mean_y[k], 2) / (FEW - 1);
            for (int j = 0; j < FEW; j++)
                product[i * FEW + j] += ((double)x[i * WIDE + k] - mean_x[k]) *
                                        ((double)y[j * WIDE + k] - mean_y[k]) / (FEW - 1);
        }
    }
    struct error e;
    assert_int_equal(nuclear_norm(product, FEW, FEW, &root, &e), 0);
    struct frechet d;
    assert_int_equal(frechet_distance(x, FEW, y, FEW, WIDE, &d, &e), 0);
    near(d.distance, expected - 2 * root, 1e-9);
    assert_int_equal(d.rank_x, FEW - 1);
    assert_true(d.clamped_mass >= 0 && d.clamped_mass < 1e-9);
    near(fid(x, FEW, x, FEW, WIDE), 0, 1e-9);
}

static void test_fid_refuses(void **state)
{
    (void)state;
    float x[ROWS * DIM], y[ROWS * DIM];
    fill_integers(x, ROWS * DIM, 8);
    fill_integers(y, ROWS * DIM, 9);
    struct frechet d;
    struct error e;
    y[17 * DIM + 3] = NAN;
    assert_int_equal(frechet_distance(x, ROWS, y, ROWS, DIM, &d, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "row 17"));
    assert_non_null(strstr(e.text, "second set"));
    assert_int_equal(frechet_distance(x, 1, x, ROWS, DIM, &d, &e), ERR_INPUT);
    struct gaussian g;
    double mean[2] = {0}, covariance[4] = {1, 0, 0, INFINITY};
    assert_int_not_equal(gaussian_from_moments(mean, covariance, 10, 2, &g, &e), 0);
}

/* ---- KID ---- */

/* Averaged over all ways to split six points into two threes, an unbiased
 * estimate of the distance between equal distributions is exactly 0. */
static void test_kid_unbiased(void **state)
{
    (void)state;
    enum { POINTS = 6, D = 3 };
    float all[POINTS * D], x[3 * D], y[3 * D];
    fill_integers(all, POINTS * D, 10);
    double sum = 0, spread = 0, value;
    int splits = 0;
    struct error e;
    for (int set = 0; set < 1 << POINTS; set++) {
        if (__builtin_popcount((unsigned)set) != 3)
            continue;
        int nx = 0, ny = 0;
        for (int i = 0; i < POINTS; i++)
            memcpy(set >> i & 1 ? x + D * nx++ : y + D * ny++, all + D * i, D * sizeof *all);
        assert_int_equal(kernel_distance(x, 3, y, 3, D, &value, &e), 0);
        sum += value;
        spread += fabs(value);
        splits++;
    }
    assert_int_equal(splits, 20);
    assert_true(spread > 1);
    near(sum / spread, 0, 1e-12);
}

static void test_kid_closed_form(void **state)
{
    (void)state;
    /* One dimension: k(a, b) = (ab + 1)³. x = 0, 1; y = 1, 2, 0. */
    const float x[] = {0, 1}, y[] = {1, 2, 0};
    double value, xx = 1, yy = 2 * (27 + 1 + 1) / 6.0, xy = (1 + 1 + 1 + 8 + 27 + 1) / 6.0;
    struct error e;
    assert_int_equal(kernel_distance(x, 2, y, 3, 1, &value, &e), 0);
    near(value, xx + yy - 2 * xy, 1e-13);
    double other;
    assert_int_equal(kernel_distance(y, 3, x, 2, 1, &other, &e), 0);
    near(other, value, 1e-13);
    assert_int_equal(kernel_distance(x, 1, y, 3, 1, &value, &e), ERR_INPUT);
    const float bad[] = {0, INFINITY};
    assert_int_equal(kernel_distance(x, 2, bad, 2, 1, &value, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "row 1"));
}

static void test_kid_subsets(void **state)
{
    (void)state;
    float x[ROWS * DIM], y[ROWS * DIM];
    fill_integers(x, ROWS * DIM, 11);
    fill_integers(y, ROWS * DIM, 12);
    struct rng r = rng_make(1, 0);
    double mean, deviation, whole;
    struct error e;
    /* A subset of all rows is the set itself. */
    assert_int_equal(kernel_distance_subsets(x, ROWS, y, ROWS, DIM, 3, ROWS, &r, &mean, &deviation, &e), 0);
    assert_int_equal(kernel_distance(x, ROWS, y, ROWS, DIM, &whole, &e), 0);
    near(mean / whole, 1, 1e-10);
    near(deviation / fabs(whole), 0, 1e-9);
    assert_int_equal(kernel_distance_subsets(x, ROWS, y, ROWS, DIM, 3, ROWS + 1, &r, &mean, &deviation, &e),
                     ERR_USAGE);
}

/* ---- R-Precision ---- */

enum { PAIRS = 70 };

/* Texts at 0, 10, 20, …; motion i is `offset` texts further up. */
static void plant(float *text, float *motion, int pool, float offset)
{
    for (int i = 0; i < PAIRS; i++) {
        text[i] = (float)(10 * i);
        motion[i] = text[i] + 10 * offset + (i % pool >= pool - 3 ? 1000 : 0);
    }
}

static void test_precision_planted(void **state)
{
    (void)state;
    float text[PAIRS], motion[PAIRS];
    struct pools pools;
    struct precision p;
    struct error e;
    assert_int_equal(pools_in_order(PAIRS, POOL_SIZE, &pools, &e), 0);
    assert_int_equal(pools.count, 2);    /* 6 pairs are left over */
    plant(text, motion, PAIRS + 4, 0);
    assert_int_equal(r_precision(text, motion, PAIRS, 1, &pools, NULL, &p, &e), 0);
    assert_int_equal(p.queries, 64);
    assert_int_equal(p.hits[0], 64);
    near(p.mm_distance, 0, 0);
    /* Every motion lies 1.4 texts ahead: motion i - 1 at +0.4 and i - 2 at -0.6 are
     * nearer than i's own, except where a pool's first texts lack them. */
    plant(text, motion, PAIRS + 4, 1.4f);
    assert_int_equal(r_precision(text, motion, PAIRS, 1, &pools, NULL, &p, &e), 0);
    assert_int_equal(p.hits[0], 2);
    assert_int_equal(p.hits[1], 4);
    assert_int_equal(p.hits[2], 64);
    near(p.top[1], 4.0 / 64, 0);
    near(p.mm_distance, 14, 1e-4);
    pools_free(&pools);
}

static void test_precision_permutation(void **state)
{
    (void)state;
    float text[PAIRS * DIM], motion[PAIRS * DIM];
    int order[PAIRS];
    fill_integers(text, PAIRS * DIM, 13);
    for (int i = 0; i < PAIRS * DIM; i++)
        motion[i] = text[i] + (float)(i * 7 % 23 - 11);
    for (int i = 0; i < PAIRS; i++)
        order[i] = (i * 11) % PAIRS;
    float text_moved[PAIRS * DIM], motion_moved[PAIRS * DIM];
    for (int i = 0; i < PAIRS; i++) {
        memcpy(text_moved + i * DIM, text + order[i] * DIM, DIM * sizeof *text);
        memcpy(motion_moved + i * DIM, motion + order[i] * DIM, DIM * sizeof *text);
    }
    struct pools ordered, plain;
    struct precision a, b;
    struct error e;
    assert_int_equal(pools_of_order(order, PAIRS, POOL_SIZE, &ordered, &e), 0);
    assert_int_equal(pools_in_order(PAIRS, POOL_SIZE, &plain, &e), 0);
    assert_int_equal(r_precision(text, motion, PAIRS, DIM, &ordered, NULL, &a, &e), 0);
    assert_int_equal(r_precision(text_moved, motion_moved, PAIRS, DIM, &plain, NULL, &b, &e), 0);
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(a.hits[0] > 10 && a.hits[0] < 64);
    pools_free(&ordered);
    pools_free(&plain);
    order[3] = order[4];
    assert_int_equal(pools_of_order(order, PAIRS, POOL_SIZE, &ordered, &e), ERR_INPUT);
    struct rng r = rng_make(5, 0);
    int seen[PAIRS] = {0};
    assert_int_equal(pools_permuted(PAIRS, POOL_SIZE, &r, &plain, &e), 0);
    for (int i = 0; i < 64; i++)
        assert_int_equal(seen[plain.item[i]]++, 0);
    pools_free(&plain);
}

/* All motions alike: every distance ties, and ties must not look like hits. */
static void test_precision_collapse_is_chance(void **state)
{
    (void)state;
    float text[64], motion[64] = {0};
    fill_integers(text, 64, 14);
    struct pools pools;
    struct precision p;
    struct error e;
    assert_int_equal(pools_in_order(64, POOL_SIZE, &pools, &e), 0);
    assert_int_equal(r_precision(text, motion, 64, 1, &pools, NULL, &p, &e), 0);
    for (int k = 0; k < PRECISION_TOPS; k++)
        assert_int_equal(p.hits[k], 2 * (k + 1));
    pools_free(&pools);
}

static void test_precision_refuses(void **state)
{
    (void)state;
    float text[64], motion[64];
    fill_integers(text, 64, 15);
    fill_integers(motion, 64, 16);
    struct pools pools;
    struct precision p;
    struct error e;
    assert_int_equal(pools_in_order(31, POOL_SIZE, &pools, &e), ERR_INPUT);
    assert_int_equal(pools_in_order(64, POOL_SIZE, &pools, &e), 0);
    motion[40] = NAN;
    assert_int_equal(r_precision(text, motion, 64, 1, &pools, NULL, &p, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "motion embeddings: row 40"));
    motion[40] = 0;
    assert_int_equal(r_precision(text, motion, 63, 1, &pools, NULL, &p, &e), ERR_INPUT);
    pools_free(&pools);
}

/* Pairs of equal class mean the same. */
static int same_class(const void *context, int text, int motion)
{
    const int *class = context;
    return class[text] == class[motion];
}

static void test_precision_any_and_ceiling(void **state)
{
    (void)state;
    float text[8], motion[8];
    int class[8];
    /* Classes {0,1} {2,3} …: each motion sits on the other text of its class. */
    for (int i = 0; i < 8; i++) {
        class[i] = i / 2;
        text[i] = (float)(10 * i);
        motion[i] = (float)(10 * (i ^ 1));
    }
    struct consistency c = {same_class, class};
    struct pools pools;
    struct precision p;
    struct precision_ceiling ceiling;
    struct error e;
    assert_int_equal(pools_in_order(8, 8, &pools, &e), 0);
    assert_int_equal(r_precision(text, motion, 8, 1, &pools, NULL, &p, &e), 0);
    assert_int_equal(p.hits[0], 0);
    assert_int_equal(r_precision(text, motion, 8, 1, &pools, &c, &p, &e), 0);
    assert_int_equal(p.hits[0], 8);
    near(p.mm_distance, 10, 0);    /* still to its own motion */
    assert_int_equal(r_precision_ceiling(8, &pools, &c, &ceiling, &e), 0);
    near(ceiling.top[0], 0.5, 0);
    near(ceiling.top[1], 1, 0);
    near(ceiling.mean_consistent, 2, 0);
    near(ceiling.ambiguous, 1, 0);
    class[0] = class[1] = class[2];    /* one class of 4, two of 2 */
    assert_int_equal(r_precision_ceiling(8, &pools, &c, &ceiling, &e), 0);
    near(ceiling.top[0], (4 * 0.25 + 4 * 0.5) / 8, 1e-15);
    near(ceiling.top[2], (4 * 0.75 + 4) / 8, 1e-15);
    pools_free(&pools);
    unsigned char cell[4] = {0, 1, 0, 0};
    struct consistency_matrix m = {2, cell};
    assert_int_equal(consistency_from_matrix(&m, 0, 1), 1);
    assert_int_equal(consistency_from_matrix(&m, 1, 0), 0);
    assert_int_equal(consistency_from_matrix(&m, 2, 0), 0);
}

static void test_distinct_pools(void **state)
{
    (void)state;
    enum { N = 200, CLASSES = 40 };
    int class[N], times[N] = {0};
    for (int i = 0; i < N; i++)    /* half of all pairs are of class 0 */
        class[i] = i % 2 ? 0 : i / 2 % CLASSES;
    struct consistency c = {same_class, class};
    struct pools pools;
    struct error e;
    struct rng r = rng_make(7, 0);
    assert_int_equal(pools_distinct(N, POOL_SIZE, 6, &c, &r, &pools, &e), 0);
    assert_int_equal(pools.count, 6);
    for (int p = 0; p < 6; p++)
        for (int i = 0; i < POOL_SIZE; i++) {
            int *pool = pools.item + p * POOL_SIZE;
            times[pool[i]]++;
            for (int j = 0; j < i; j++)
                assert_int_not_equal(class[pool[i]], class[pool[j]]);
        }
    for (int i = 0; i < N; i++)
        assert_true(times[i] <= 3);
    pools_free(&pools);
    for (int i = 0; i < N; i++)
        class[i] %= 20;
    assert_int_equal(pools_distinct(N, POOL_SIZE, 1, &c, &r, &pools, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "20 of 32"));
}

static void test_slots(void **state)
{
    (void)state;
    const char *const caption[] = {"content=run;style=old", "content=sprint", "", "content"};
    const char *const motion[] = {"style=old;content=run,sprint", "content=run;style=older", "content=sprint",
                                  "content"};
    const int expected[4][4] = {{1, 0, 0, 0}, {1, 0, 1, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            assert_int_equal(caption_consistent(caption[i], motion[j]), expected[i][j]);
}

/* ---- Diversity, MultiModality ---- */

static void test_diversity(void **state)
{
    (void)state;
    const float x[] = {0, 0, 3, 4, 6, 8};
    const int first[] = {0, 0, 1}, second[] = {1, 2, 1};
    double value;
    struct error e;
    assert_int_equal(diversity(x, 3, 2, first, second, 3, &value, &e), 0);
    near(value, 5, 1e-15);
    const int outside[] = {0, 3, 1};
    assert_int_equal(diversity(x, 3, 2, first, outside, 3, &value, &e), ERR_INPUT);
    /* Two texts of three repeats: the pair (0, 2) is 2 apart and then 4. */
    const float repeats[] = {0, 1, 2, 10, 12, 14};
    const int a[] = {0}, b[] = {2};
    assert_int_equal(multimodality(repeats, 2, 3, 1, a, b, 1, &value, &e), 0);
    near(value, 3, 1e-15);
    const float bad[] = {0, 1, NAN};
    assert_int_equal(diversity(bad, 3, 1, a, b, 1, &value, &e), ERR_INPUT);
}

static void test_drawn_pairs(void **state)
{
    (void)state;
    enum { N = 50, COUNT = 30 };
    int first[COUNT], second[COUNT], seen[N] = {0}, equal = 0;
    struct rng r = rng_make(3, 9);
    struct error e;
    assert_int_equal(draw_pairs(N, COUNT, &r, first, second, &e), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(seen[first[i]]++, 0);
        equal += first[i] == second[i];
    }
    assert_true(equal < COUNT);
    assert_int_equal(draw_pairs(N, N + 1, &r, first, second, &e), ERR_INPUT);
    float x[N];
    fill_integers(x, N, 17);
    double a, b;
    struct rng one = rng_make(4, 0), two = rng_make(4, 0);
    assert_int_equal(diversity_drawn(x, N, 1, COUNT, &one, &a, &e), 0);
    assert_int_equal(diversity_drawn(x, N, 1, COUNT, &two, &b, &e), 0);
    near(a, b, 0);
    assert_int_equal(multimodality_drawn(x, 5, 10, 1, 4, &one, &a, &e), 0);
    assert_true(a > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eigen_agrees_with_gsl),
        cmocka_unit_test(test_nuclear_norm),
        cmocka_unit_test(test_fid_identities),
        cmocka_unit_test(test_fid_rotation),
        cmocka_unit_test(test_fid_closed_form),
        cmocka_unit_test(test_fid_rank_deficient),
        cmocka_unit_test(test_fid_refuses),
        cmocka_unit_test(test_kid_unbiased),
        cmocka_unit_test(test_kid_closed_form),
        cmocka_unit_test(test_kid_subsets),
        cmocka_unit_test(test_precision_planted),
        cmocka_unit_test(test_precision_permutation),
        cmocka_unit_test(test_precision_collapse_is_chance),
        cmocka_unit_test(test_precision_refuses),
        cmocka_unit_test(test_precision_any_and_ceiling),
        cmocka_unit_test(test_distinct_pools),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_diversity),
        cmocka_unit_test(test_drawn_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
