#include "verify.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum result { RESULT_PASS, RESULT_MARGINAL, RESULT_FAIL };
static const char *const result_name[] = {"pass", "marginal", "fail"};

/* The differences of one array, gathered value by value in double. */
struct difference {
    double largest, squared, reference; /* max |got-want|, sum of squares of both */
    int finite;
};

static void difference_add(struct difference *d, double got, double want)
{
    double apart = fabs(got - want);
    if (!isfinite(got) || !isfinite(want))
        d->finite = 0;
    if (apart > d->largest)
        d->largest = apart;
    d->squared += apart * apart;
    d->reference += want * want;
}

/* JSON has no infinity and no NaN: such a number becomes null. */
static void add_number(cJSON *row, const char *name, double v)
{
    if (isfinite(v))
        cJSON_AddNumberToObject(row, name, v);
    else
        cJSON_AddNullToObject(row, name);
}

static void report(struct verify *v, const char *array, const char *shape, const struct difference *d,
                   double tolerance, enum result result)
{
    if (result == RESULT_PASS)
        v->passed++;
    else if (result == RESULT_MARGINAL)
        v->marginal++;
    else
        v->failed++;

    double worst = tolerance > 0 ? d->largest / tolerance : d->largest > 0 ? INFINITY : 0;
    if (!d->finite)
        worst = INFINITY;
    if (worst > v->worst || !v->worst_array[0]) {
        v->worst = worst;
        v->worst_error = d->finite ? d->largest : INFINITY;
        v->worst_tolerance = tolerance;
        snprintf(v->worst_array, sizeof v->worst_array, "%s", array);
    }

    double nmse = d->reference > 0 ? d->squared / d->reference : d->squared > 0 ? INFINITY : 0;
    if (!v->quiet || result != RESULT_PASS)
        fprintf(v->out ? v->out : stdout,
                "%-28s %-44s  %-10s  max %.2e  rel-l2 %.2e  nmse %.2e  tol %.0e  %s%s\n", v->case_name, array,
                shape, d->largest, sqrt(nmse), nmse, tolerance, result_name[result],
                d->finite ? "" : " (non-finite)");
    if (v->record) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "case", v->case_name);
        cJSON_AddStringToObject(row, "array", array);
        cJSON_AddStringToObject(row, "shape", shape);
        add_number(row, "max_abs_error", d->finite ? d->largest : NAN);
        add_number(row, "relative_l2", d->finite ? sqrt(nmse) : NAN);
        add_number(row, "nmse", d->finite ? nmse : NAN);
        add_number(row, "tolerance", tolerance);
        cJSON_AddStringToObject(row, "result", result_name[result]);
        cJSON_AddItemToArray(v->record, row);
    }
}

/* An array without a value compares nothing, which must not look like a pass. */
static enum result judge(const struct difference *d, size_t n, double tolerance)
{
    if (!n || !d->finite || !(d->largest <= 4 * tolerance))
        return RESULT_FAIL;
    return d->largest <= tolerance ? RESULT_PASS : RESULT_MARGINAL;
}

void verify_array(struct verify *v, const char *array, const char *shape, const float *got, const float *want,
                  size_t n, double tol)
{
    struct difference d = {.finite = 1};
    for (size_t i = 0; i < n; i++)
        difference_add(&d, (double)got[i], (double)want[i]);
    report(v, array, shape, &d, tol, judge(&d, n, tol));
}

void verify_array_double(struct verify *v, const char *array, const char *shape, const double *got,
                         const double *want, size_t n, double tol)
{
    struct difference d = {.finite = 1};
    for (size_t i = 0; i < n; i++)
        difference_add(&d, got[i], want[i]);
    report(v, array, shape, &d, tol, judge(&d, n, tol));
}

void verify_ints(struct verify *v, const char *array, const char *shape, const int *got, const int *want,
                 size_t n)
{
    struct difference d = {.finite = 1};
    for (size_t i = 0; i < n; i++)
        difference_add(&d, (double)got[i], (double)want[i]);
    report(v, array, shape, &d, 0, judge(&d, n, 0));
}

void verify_check(struct verify *v, const char *what, int ok)
{
    struct difference d = {.finite = 1, .largest = ok ? 0 : 1, .squared = ok ? 0 : 1};
    report(v, what, "yes/no", &d, 0, ok ? RESULT_PASS : RESULT_FAIL);
}
