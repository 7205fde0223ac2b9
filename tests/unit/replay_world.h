/* SPDX-License-Identifier: ISC */
/*
 * For the tests of what is replayed: streams that are written short, "C " a
 * client's line, "S " a server's, others as they are.
 */
#ifndef TESTS_UNIT_REPLAY_WORLD_H
#define TESTS_UNIT_REPLAY_WORLD_H

#include <stdio.h>

#include "lib/replay_tape.h"

#define CONNECT	"link-connect|x|pass|192.0.2.1:1|192.0.2.2:25"

/* A line of a session at a time in microseconds. */
static inline void
feed(struct replay_tape *t, const char *version, uint64_t time, unsigned session,
    const char *text)
{
	char		 line[8192];
	struct report	 r;
	const char	*event = text[1] != ' ' ? NULL : text[0] == 'C' ?
			    "protocol-client" : "protocol-server";
	size_t		 name = event != NULL ? strlen(event) : strcspn(text, "|");

	snprintf(line, sizeof(line), "report|%s|%llu.%06u|smtp-in|%.*s|%016x%s%s", version,
	    (unsigned long long)(time / 1000000), (unsigned)(time % 1000000), (int)name,
	    event != NULL ? event : text, session, event != NULL ? "|" : "",
	    event != NULL ? text + 2 : text + name);
	assert_int_equal(report_parse(&r, slice_str(line)), REPORT_KNOWN);
	assert_int_equal(replay_tape_line(t, &r), 0);
}

/* A whole session, a line a second from 1 on; NULL ends it, and its link. */
static inline struct replay_session *
record(struct replay_tape *t, const char *const *lines)
{
	uint64_t	 second = 1;

	feed(t, "0.7", second * 1000000, 0xa, CONNECT);
	for (; *lines != NULL; lines++)
		feed(t, "0.7", ++second * 1000000, 0xa, *lines);
	feed(t, "0.7", ++second * 1000000, 0xa, "link-disconnect");
	return replay_tape_take(t);
}

#endif
