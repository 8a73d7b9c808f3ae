/* Decimal numbers in text, read the same under every locale. */
#ifndef MLCM_DECIMAL_H
#define MLCM_DECIMAL_H

/* Reads [+-]digits[.digits][e[+-]digits] at `text`, never at or beyond `end`.
 * Returns the first byte after the number, or NULL if there is none or its value
 * overflows. Hexadecimal, "inf" and "nan" are not numbers. Exact when the digits
 * fit 53 bits and the exponent is within +-22, else within 1 unit in the last place. */
const char *decimal_read(const char *text, const char *end, double *value);

#endif
