/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SRS_H
#define SMTPD_SRS_H

/*
 * The Sender Rewriting Scheme, in the form of libsrs2 and Mail::SRS:
 * SRS0=HHHH=TT=domain=local@alias for a sender, SRS1=HHHH=host==HHHH=TT=... for
 * one that another host has rewritten.  Used by relay (forward) and lookup
 * (reverse).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/slice.h"

#define SRS_MAX		256	/* bytes of an address, NUL included (RFC 5321 4.5.3.1.3) */

/* Is it the local part of a rewritten address? */
bool	srs_is_rewritten(struct slice local);
/*
 * The sender as it is sent on from alias, with a NUL, in buf[SRS_MAX]: its
 * length.  0: it stays as it is, being null, without a valid domain, or of
 * alias already; -1: what would come of it is too long.
 */
int	srs_forward(const char *key, struct slice sender, struct slice alias, int64_t now,
	    char buf[SRS_MAX]);

struct srs_keys {
	const char	*key, *backup;	/* backup: an older one, or NULL */
	int64_t		 ttl;		/* seconds; days begun count whole */
};

/*
 * Whom a rewritten address stands for, with a NUL, in buf[SRS_MAX]: its length,
 * or -1 with *why in static words: forged, damaged, too old.
 */
int	srs_reverse(const struct srs_keys *, struct slice address, int64_t now, char buf[SRS_MAX],
	    const char **why);

#endif
