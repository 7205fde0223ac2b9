/* SPDX-License-Identifier: ISC */
#ifndef LIB_FCRDNS_H
#define LIB_FCRDNS_H

/*
 * Forward-confirmed reverse DNS: the iprev method of RFC 8601 2.7.3.  Does a
 * name of the address's PTR records have the address?
 */
#include "lib/dns.h"
#include "lib/report.h"

enum iprev { IPREV_PASS, IPREV_FAIL, IPREV_PERMERROR, IPREV_TEMPERROR, IPREV_MAX };
extern const char *const iprev_names[IPREV_MAX];

/* The word that reports have for it. */
static inline enum fcrdns
iprev_word(enum iprev verdict)
{
	return verdict == IPREV_PASS ? FCRDNS_PASS :
	    verdict == IPREV_TEMPERROR ? FCRDNS_ERROR : FCRDNS_FAIL;
}

#define FCRDNS_PTRS	10	/* names that are tried, RFC 8601 says to limit them */

struct fcrdns_result {
	enum iprev	 verdict;	/* PERMERROR: no PTR; FAIL: none of the names has the address */
	const char	*name;		/* in lower case: the one that passed, else the first; "" none */
	const char	*error;		/* TEMPERROR: why */
	uint32_t	 ttl;		/* seconds that this holds */
};

/* A step of the work, for whoever wants to show it. */
struct fcrdns_step {
	const char	*name;		/* what was asked */
	enum dns_type	 type;
	const struct dns_answer *answer;
};

struct fcrdns_query;
typedef void	(*fcrdns_cb)(const struct fcrdns_result *, void *arg);
typedef void	(*fcrdns_step_cb)(const struct fcrdns_step *, void *arg);

/*
 * Judges an address (AF_INET, AF_INET6; v4-mapped counts as IPv4).  cb is
 * called once, never before this returns.  deadline: ms for the whole, then
 * TEMPERROR unless a name has passed.  step may be NULL and must not cancel.
 * To be cancelled before dns_free().  NULL with errno.
 */
struct fcrdns_query *fcrdns_ask(struct dns *, const struct sockaddr *, int deadline,
		    fcrdns_step_cb step, fcrdns_cb cb, void *arg);
void		 fcrdns_cancel(struct fcrdns_query *);

#endif
