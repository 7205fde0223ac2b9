/* SPDX-License-Identifier: ISC */
/*
 * What is known of hosts, whoever met them: that they failed, that their TLS
 * does, and which addresses are our own.  relay process.
 */
#include <sys/types.h>
#include <ifaddrs.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/relay.h"

#define FAILED_FOR	(10 * SECOND)	/* not tried again */
#define DOUBTFUL_FOR	(300 * SECOND)	/* tried after others */
#define PLAIN_FOR	(1800 * SECOND)	/* spoken to in clear */

/* A note, where its hash says, in place of an older one: it is only a memory. */
static struct note {
	char		 dest[ADDR_MAX];
	char		 why[128];
	uint64_t	 failed;	/* monotonic ns; 0: never */
	uint64_t	 plain;
} notes[4096];

static struct note *
note_of(struct slice dest)
{
	uint64_t	 hash = 14695981039346656037ULL;
	size_t		 i;

	for (i = 0; i < dest.n; i++)
		hash = (hash ^ (unsigned char)dest.p[i]) * 1099511628211ULL;
	return &notes[(hash >> 32 ^ hash) % nitems(notes)];
}

static struct note *
note_find(struct slice dest)
{
	struct note	*n = note_of(dest);

	return slice_eq(slice_str(n->dest), dest) ? n : NULL;
}

static struct note *
note_make(struct slice dest)
{
	struct note	*n = note_of(dest);

	if (slice_eq(slice_str(n->dest), dest))
		return n;
	memset(n, 0, sizeof(*n));
	if (dest.n < sizeof(n->dest))
		memcpy(n->dest, dest.p, dest.n);
	return n;
}

static bool
since(uint64_t when, uint64_t length)
{
	return when != 0 && loop_mono() - when < length;
}

const char *
host_failed(struct slice dest)
{
	const struct note	*n = note_find(dest);

	return n != NULL && since(n->failed, FAILED_FOR) ? n->why : NULL;
}

bool
host_doubtful(struct slice dest)
{
	const struct note	*n = note_find(dest);

	return n != NULL && since(n->failed, DOUBTFUL_FOR);
}

bool
host_is_plain(struct slice dest)
{
	const struct note	*n = note_find(dest);

	return n != NULL && since(n->plain, PLAIN_FOR);
}

void
host_note_failure(struct slice dest, const char *why)
{
	struct note	*n = note_make(dest);

	n->failed = loop_mono();
	strlcpy(n->why, why, sizeof(n->why));
}

void
host_note_plain(struct slice dest)
{
	note_make(dest)->plain = loop_mono();
}

void
host_note_success(struct slice dest)
{
	struct note	*n = note_find(dest);

	if (n != NULL)
		n->failed = 0;
}

/* -- ourselves -- */

static bool
same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		    ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return a->sa_family == AF_INET6 && memcmp(
	    &((const struct sockaddr_in6 *)a)->sin6_addr,
	    &((const struct sockaddr_in6 *)b)->sin6_addr,
	    sizeof(struct in6_addr)) == 0;
}

static bool
is_loopback_or_any(const struct sockaddr *sa)
{
	const struct in6_addr	*six;
	uint32_t		 four;

	if (sa->sa_family == AF_INET) {
		four = ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr);
		return four >> 24 == 127 || four == INADDR_ANY;
	}
	six = &((const struct sockaddr_in6 *)sa)->sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(six) || IN6_IS_ADDR_UNSPECIFIED(six);
}

/* Is it an address of an interface of this name, or of any? */
static bool
is_interface_address(const struct sockaddr *sa, const char *name)
{
	struct ifaddrs	*all, *i;
	bool		 found = false;

	if (getifaddrs(&all) == -1) {
		log_warn("getifaddrs");
		return false;
	}
	for (i = all; i != NULL && !found; i = i->ifa_next)
		found = i->ifa_addr != NULL && same_address(i->ifa_addr, sa) &&
		    (name == NULL || strcmp(i->ifa_name, name) == 0);
	freeifaddrs(all);
	return found;
}

/* Does this directive listen there?  A name that only a resolver knows may be any of ours. */
static bool
listens_on(const struct listen *l, const struct sockaddr *sa)
{
	struct sockaddr_in	 four = { .sin_family = AF_INET };
	struct sockaddr_in6	 six = { .sin6_family = AF_INET6 };

	if (l->family != AF_UNSPEC && l->family != sa->sa_family)
		return false;
	if (inet_pton(AF_INET, l->on, &four.sin_addr) == 1)
		return four.sin_addr.s_addr != INADDR_ANY ?
		    same_address((struct sockaddr *)&four, sa) :
		    sa->sa_family == AF_INET && (is_loopback_or_any(sa) ||
		    is_interface_address(sa, NULL));
	if (inet_pton(AF_INET6, l->on, &six.sin6_addr) == 1)
		return !IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr) ?
		    same_address((struct sockaddr *)&six, sa) :
		    is_loopback_or_any(sa) || is_interface_address(sa, NULL);
	return is_interface_address(sa, l->on) || is_loopback_or_any(sa);
}

static uint16_t
sockaddr_port(const struct sockaddr *sa)
{
	return ntohs(sa->sa_family == AF_INET ?
	    ((const struct sockaddr_in *)sa)->sin_port :
	    ((const struct sockaddr_in6 *)sa)->sin6_port);
}

bool
host_is_self(const struct sockaddr *sa)
{
	const struct listen	*l;

	TAILQ_FOREACH(l, &proc_conf->listens, entry)
		if (!l->socket && l->on != NULL && l->port == sockaddr_port(sa) &&
		    listens_on(l, sa))
			return true;
	return false;
}
