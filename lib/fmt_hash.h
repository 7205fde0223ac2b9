/* SPDX-License-Identifier: ISC */
#ifndef LIB_FMT_HASH_H
#define LIB_FMT_HASH_H

/*
 * SipHash-2-4 (Aumasson, Bernstein 2012): without the key nobody can try which
 * value has a hash.
 */
#include <stddef.h>
#include <stdint.h>

/* The hash of kind and n bytes; kinds are as different as keys. */
uint64_t	fmt_hash(const uint64_t key[2], uint64_t kind, const void *, size_t n);

#endif
