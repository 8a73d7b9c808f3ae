#include "rotation.h"

#include <float.h>
#include <math.h>
#include <string.h>

double vector_dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

void vector_cross(const double a[3], const double b[3], double out[3])
{
    const double x = a[1] * b[2] - a[2] * b[1];
    const double y = a[2] * b[0] - a[0] * b[2];
    const double z = a[0] * b[1] - a[1] * b[0];
    out[0] = x;
    out[1] = y;
    out[2] = z;
}

double vector_normalise(double v[3])
{
    const double length = sqrt(vector_dot(v, v));
    if (!(length > 0.0))
        return 0.0;
    for (int i = 0; i < 3; i++)
        v[i] /= length;
    return length;
}

void quaternion_identity(double q[4])
{
    q[0] = 1.0;
    q[1] = q[2] = q[3] = 0.0;
}

void quaternion_multiply(const double a[4], const double b[4], double out[4])
{
    const double w = a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3];
    const double x = a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2];
    const double y = a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1];
    const double z = a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0];
    out[0] = w;
    out[1] = x;
    out[2] = y;
    out[3] = z;
}

void quaternion_inverse(const double q[4], double out[4])
{
    out[0] = q[0];
    out[1] = -q[1];
    out[2] = -q[2];
    out[3] = -q[3];
}

void quaternion_rotate(const double q[4], const double v[3], double out[3])
{
    double uv[3], uuv[3];
    vector_cross(q + 1, v, uv);
    vector_cross(q + 1, uv, uuv);
    for (int i = 0; i < 3; i++)
        out[i] = v[i] + 2.0 * (q[0] * uv[i] + uuv[i]);
}

void quaternion_about(const double axis[3], double angle, double out[4])
{
    const double s = sin(0.5 * angle);
    out[0] = cos(0.5 * angle);
    for (int i = 0; i < 3; i++)
        out[1 + i] = s * axis[i];
}

static void half_turn(const double from[3], double out[4])
{
    int least = 0;
    for (int i = 1; i < 3; i++)
        if (fabs(from[i]) < fabs(from[least]))
            least = i;
    double axis[3] = {0.0, 0.0, 0.0};
    axis[least] = 1.0;
    const double along = from[least] / vector_dot(from, from);
    for (int i = 0; i < 3; i++)
        axis[i] -= along * from[i];
    vector_normalise(axis);
    out[0] = 0.0;
    memcpy(out + 1, axis, sizeof axis);
}

int quaternion_between(const double from[3], const double to[3], double out[4])
{
    double a[3], b[3];
    memcpy(a, from, sizeof a);
    memcpy(b, to, sizeof b);
    quaternion_identity(out);
    for (int i = 0; i < 3; i++)
        if (!isfinite(a[i]) || !isfinite(b[i]))
            return -1;
    /* Unit directions keep the products in range; the direction of the result is the same. */
    if (vector_normalise(a) == 0.0 || vector_normalise(b) == 0.0)
        return -1;
    double q[4];
    q[0] = 1.0 + vector_dot(a, b);
    vector_cross(a, b, q + 1);
    const double norm = sqrt(q[0] * q[0] + vector_dot(q + 1, q + 1));
    if (norm < 1e-12) {
        half_turn(a, out);
        return 0;
    }
    for (int i = 0; i < 4; i++)
        out[i] = q[i] / norm;
    return 0;
}

void quaternion_slerp(const double a[4], const double b[4], double u, double out[4])
{
    double dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
    const double sign = dot < 0.0 ? -1.0 : 1.0;
    dot = fmin(dot * sign, 1.0);
    double wa = 1.0 - u, wb = u;
    if (dot < 1.0 - 1e-10) {
        const double angle = acos(dot), s = sin(angle);
        wa = sin((1.0 - u) * angle) / s;
        wb = sin(u * angle) / s;
    }
    double q[4], norm = 0.0;
    for (int i = 0; i < 4; i++) {
        q[i] = wa * a[i] + sign * wb * b[i];
        norm += q[i] * q[i];
    }
    norm = sqrt(norm);
    for (int i = 0; i < 4; i++)
        out[i] = norm > 0.0 ? q[i] / norm : a[i];
}

void quaternion_continue(double *q, int n, int stride)
{
    for (int t = 1; t < n; t++) {
        const double *before = q + (long)(t - 1) * stride;
        double *now = q + (long)t * stride;
        double dot = 0.0;
        for (int i = 0; i < 4; i++)
            dot += before[i] * now[i];
        if (dot < 0.0)
            for (int i = 0; i < 4; i++)
                now[i] = -now[i];
    }
}

void quaternion_to_matrix(const double q[4], double m[9])
{
    const double w = q[0], x = q[1], y = q[2], z = q[3];
    const double s = 2.0 / (w * w + x * x + y * y + z * z);
    m[0] = 1.0 - s * (y * y + z * z);
    m[1] = s * (x * y - z * w);
    m[2] = s * (x * z + y * w);
    m[3] = s * (x * y + z * w);
    m[4] = 1.0 - s * (x * x + z * z);
    m[5] = s * (y * z - x * w);
    m[6] = s * (x * z - y * w);
    m[7] = s * (y * z + x * w);
    m[8] = 1.0 - s * (x * x + y * y);
}

void quaternion_to_6d(const double q[4], double d[6])
{
    double m[9];
    quaternion_to_matrix(q, m);
    for (int row = 0; row < 3; row++) {
        d[row] = m[3 * row];
        d[3 + row] = m[3 * row + 1];
    }
}

int matrix_from_6d(const double d[6], double m[9])
{
    double x[3] = {d[0], d[1], d[2]}, y[3], z[3];
    const int ok = vector_normalise(x) > 0.0;
    vector_cross(x, d + 3, z);
    if (!ok || !(vector_normalise(z) > DBL_MIN)) {
        static const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
        memcpy(m, identity, sizeof identity);
        return -1;
    }
    vector_cross(z, x, y);
    for (int row = 0; row < 3; row++) {
        m[3 * row] = x[row];
        m[3 * row + 1] = y[row];
        m[3 * row + 2] = z[row];
    }
    return 0;
}

void matrix_multiply(const double a[9], const double b[9], double out[9])
{
    double r[9];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            r[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
    memcpy(out, r, sizeof r);
}

void matrix_rotate(const double m[9], const double v[3], double out[3])
{
    double r[3];
    for (int i = 0; i < 3; i++)
        r[i] = m[3 * i] * v[0] + m[3 * i + 1] * v[1] + m[3 * i + 2] * v[2];
    memcpy(out, r, sizeof r);
}
