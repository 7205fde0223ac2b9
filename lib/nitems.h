/* SPDX-License-Identifier: ISC */
#ifndef LIB_NITEMS_H
#define LIB_NITEMS_H

/* How many items an array has; a is an array, never a pointer. */
#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

#endif
