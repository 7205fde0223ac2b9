/* SPDX-License-Identifier: ISC */
/*
 * Who the client is: its address as text, and its name, which dns is asked for
 * before anything is said.  smtp process.
 */
#include <stdio.h>

#include "lib/addr.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_peers.h"

#define BACKLOG_MAX	(1024 * 1024)	/* bytes of questions that dns did not take */

struct slice
session_address(const struct session *s)
{
	struct slice	 host, port;

	addr_split(slice_str(s->src), &host, &port);
	return host;
}

void
session_literal(const struct session *s, char *buf, size_t size)
{
	struct slice	 host = session_address(s);

	snprintf(buf, size, "%s%.*s", memchr(host.p, ':', host.n) == NULL ?
	    "" : "IPv6:", (int)host.n, host.p);
}

int
name_ask(const struct session *s)
{
	struct ipc_resolve	 m;

	if (smtp_dns == NULL || ipc_backlog(smtp_dns) > BACKLOG_MAX)
		return -1;
	m = (struct ipc_resolve){
		.id = s->source.session,
		.kind = RESOLVE_RDNS,
		.name = session_address(s),
	};
	ipc_send_resolve(smtp_dns, &m);
	return 0;
}

void
name_answer(struct ipc *ipc, struct ipc_msg *msg)
{
	struct ipc_resolved	 m;

	if (!ipc_get_resolved(ipc, msg, &m))
		return;
	/* It reads what strangers send: it is not believed what cannot be. */
	if (m.fcrdns >= FCRDNS_MAX)
		m.fcrdns = FCRDNS_ERROR;
	if (m.text.n > 0 && (m.text.p[0] == '[' || !smtp_helo_valid(m.text)))
		m.text = SLICE("");
	if (m.text.n == 0 && m.fcrdns == FCRDNS_PASS)
		m.fcrdns = FCRDNS_ERROR;
	session_named(m.id, m.text, m.fcrdns);
}

const char *
session_name(const struct session *s)
{
	return s->fcrdns == FCRDNS_PASS ? s->rdns : NULL;
}
