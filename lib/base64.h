/* SPDX-License-Identifier: ISC */
#ifndef LIB_BASE64_H
#define LIB_BASE64_H

/*
 * Base64 (RFC 4648 4), strictly: padded, no blanks, no bits left over.
 */
#include <sys/types.h>

#include "lib/slice.h"

/* The text without a NUL: how long it is; 0 if it does not fit. */
size_t	base64_encode(struct slice, char *buf, size_t size);
/* How many bytes it stands for; -1 if it is none, or they do not fit. */
ssize_t	base64_decode(struct slice, char *buf, size_t size);

#endif
