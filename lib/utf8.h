/* SPDX-License-Identifier: ISC */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

/*
 * UTF-8, as far as one has to know it to show bytes of a stranger.
 */
#include <stddef.h>

/*
 * How many bytes (1 to 4) the first character of n bytes has; 0 if they begin
 * with none: too short, overlong, a surrogate, past U+10FFFF, or n is 0.
 */
size_t	utf8_length(const char *, size_t n);

#endif
