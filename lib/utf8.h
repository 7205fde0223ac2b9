/* SPDX-License-Identifier: ISC */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

/*
 * UTF-8, as far as one has to know it to show bytes of a stranger.
 */
#include <stdbool.h>
#include <stddef.h>

/*
 * How many bytes (1 to 4) the first character of n bytes has; 0 if they begin
 * with none: too short, overlong, a surrogate, past U+10FFFF, or n is 0.
 */
size_t	utf8_length(const char *, size_t n);

/* Are they all below 128? */
bool	utf8_is_ascii(const char *, size_t n);
/* Is it all UTF-8, without the control characters of Latin-1 (U+0080 to U+009F)? */
bool	utf8_is_text(const char *, size_t n);

#endif
