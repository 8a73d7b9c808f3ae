/* Rotations: unit quaternions (w, x, y, z), 3x3 matrices, and the continuous 6D
 * form (Zhou et al. 2019). Rotations act on column vectors. Outputs may alias
 * inputs. All in double. */
#ifndef MLCM_ROTATION_H
#define MLCM_ROTATION_H

double vector_dot(const double a[3], const double b[3]);
void vector_cross(const double a[3], const double b[3], double out[3]);
/* Scales v to length 1; returns its former length, 0 leaves v as it was. */
double vector_normalise(double v[3]);

void quaternion_identity(double q[4]);
/* Hamilton product a b: rotates by b first, then by a. */
void quaternion_multiply(const double a[4], const double b[4], double out[4]);
/* Conjugate: the inverse of a unit quaternion (no normalisation). */
void quaternion_inverse(const double q[4], double out[4]);
/* out = v + 2 (w (u x v) + u x (u x v)), u the vector part of the unit quaternion q. */
void quaternion_rotate(const double q[4], const double v[3], double out[3]);
/* Rotation by `angle` radians about the unit vector `axis`. */
void quaternion_about(const double axis[3], double angle, double out[4]);

/* The shortest rotation that takes direction `from` to direction `to` (any
 * lengths > 0): vector part from x to, scalar sqrt(|from|^2 |to|^2) + from.to,
 * normalised. Opposite directions have no unique shortest rotation: then the half
 * turn about the coordinate axis that is most nearly perpendicular to `from`, made
 * exactly perpendicular, is taken. Returns 0, or -1 (and the identity) when a
 * direction is zero or not finite. */
int quaternion_between(const double from[3], const double to[3], double out[4]);

/* Spherical interpolation from a (u = 0) to b (u = 1) along the shortest arc. */
void quaternion_slerp(const double a[4], const double b[4], double u, double out[4]);

/* Sign continuity along a track of n quaternions that lie `stride` doubles apart:
 * each is negated if that brings it nearer to its predecessor. */
void quaternion_continue(double *q, int n, int stride);

/* Rotation matrix, row-major; q need not be normalised. */
void quaternion_to_matrix(const double q[4], double m[9]);
/* First column of the rotation matrix, then its second. */
void quaternion_to_6d(const double q[4], double d[6]);
/* Columns X = a/|a|, Z = (X x b)/|X x b|, Y = Z x X of d = (a, b). Returns 0, or
 * -1 (and the identity) when a and b are parallel or zero. */
int matrix_from_6d(const double d[6], double m[9]);

void matrix_multiply(const double a[9], const double b[9], double out[9]);
void matrix_rotate(const double m[9], const double v[3], double out[3]);

#endif
