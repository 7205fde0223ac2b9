/* SPDX-License-Identifier: ISC */
/*
 * AUTH (RFC 4954): PLAIN and LOGIN, from the command to its last reply.  Who is
 * meant goes to the filters, user and password to the auth process; what is
 * secret is cleared once it was said.  smtp process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/base64.h"
#include "lib/nitems.h"
#include "lib/sasl.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_peers.h"

#define FAILURES	3		/* in a session; then it is ended */
#define BACKLOG_MAX	(256 * 1024)	/* bytes of questions that auth did not take */

enum mechanism { MECHANISM_PLAIN, MECHANISM_LOGIN };

static const char *const	 mechanisms[] = {
	[MECHANISM_PLAIN]	= "PLAIN",
	[MECHANISM_LOGIN]	= "LOGIN",
};

#define MECHANISM_NAME	5		/* bytes of the longest */

struct auth {				/* an exchange */
	TAILQ_ENTRY(auth) entry;	/* while auth is asked */
	struct session	*session;
	enum mechanism	 mechanism;
	uint32_t	 serial;	/* of our question */
	bool		 named;		/* the user name is there */
	bool		 other;		/* it wants to act for somebody else */
	bool		 asking;
	struct event	 pause;
	char		 username[SASL_NAME_MAX + 1];
	char		 password[SASL_SECRET_MAX + 1];
	char		 whom[MECHANISM_NAME + 1 + SASL_NAME_MAX + 1];	/* "PLAIN user" */
	char		 said[MECHANISM_NAME + 1 + COMMAND_MAX + 1];	/* "PLAIN AGEAYg==" */
};

static TAILQ_HEAD(, auth)	 questions = TAILQ_HEAD_INITIALIZER(questions);
static uint32_t			 last_serial;

/* -- what is offered -- */

static bool
is_loopback(const struct session *s)
{
	struct slice	 host = session_address(s);

	return slice_eq(host, SLICE("::1")) || (host.n > 4 && memcmp(host.p, "127.", 4) == 0) ||
	    (host.n > 11 && strncasecmp(host.p, "::ffff:127.", 11) == 0);
}

static bool
is_configured(const struct session *s)
{
	return s->listener->conf != NULL && s->listener->conf->auth != LISTEN_NO_AUTH;
}

bool
auth_is_offered(const struct session *s)
{
	return is_configured(s) && (s->secured ||
	    (s->listener->conf->auth_in_clear && is_loopback(s)));
}

bool
auth_is_missing(const struct session *s)
{
	return is_configured(s) && s->listener->conf->auth == LISTEN_AUTH && s->username == NULL;
}

/* Why there is no exchange, or REPLY_NONE. */
static enum reply
refusal(const struct session *s)
{
	if (!is_configured(s))
		return REPLY_NO_AUTH;
	if (!s->esmtp)
		return REPLY_SEQUENCE;
	if (!auth_is_offered(s))
		return s->listener->tls != NULL ? REPLY_TLS_FIRST : REPLY_NO_AUTH;
	return s->username != NULL ? REPLY_AUTH_TWICE : REPLY_NONE;
}

/* -- the end of an exchange -- */

void
auth_free(struct session *s)
{
	struct auth	*a = s->auth;

	if (a == NULL)
		return;
	if (a->asking)
		TAILQ_REMOVE(&questions, a, entry);
	if (event_initialized(&a->pause))
		event_del(&a->pause);
	s->auth = NULL;
	freezero(a, sizeof(*a));
}

void
auth_end(struct session *s, enum reply r)
{
	auth_free(s);
	session_enter(s, STATE_READY);
	session_reply(s, r, NULL, NULL);
}

static void
failed(struct session *s)
{
	if (++s->login_failures < FAILURES) {
		auth_end(s, REPLY_AUTH_FAIL);
		return;
	}
	auth_end(s, REPLY_TOO_MANY_LOGINS);
	session_enter(s, STATE_CLOSING);
}

static void
pause_cb(evutil_socket_t fd, short what, void *arg)
{
	struct session	*s = arg;

	(void)fd;
	(void)what;
	/* It may have been ended meanwhile. */
	if (s->waiting != WAITING_PAUSE)
		return;
	wait_end(s);
	failed(s);
	session_answered(s);
}

/* Who fails waits, the longer the more often; nobody else does. */
static void
slow_down(struct session *s)
{
	uint32_t	 n = penalty_failed(s), ms;
	struct timeval	 tv;

	ms = penalty_pause(n > s->login_failures ? n : s->login_failures + 1u);
	tv = (struct timeval){ ms / 1000, ms % 1000 * 1000 };
	evtimer_assign(&s->auth->pause, loop_base, pause_cb, s);
	event_add(&s->auth->pause, &tv);
	wait_begin(s, WAITING_PAUSE);
}

/* True if the session waits on. */
static bool
judged(struct session *s, enum login result)
{
	static const char *const	 results[] = {
		[LOGIN_PASS]	= "pass",
		[LOGIN_FAIL]	= "fail",
		[LOGIN_ERROR]	= "error",
	};
	struct slice	 name = slice_str(s->auth->username);

	if (result == LOGIN_PASS && (s->username = strndup(name.p, name.n)) == NULL)
		result = LOGIN_ERROR;
	report_link_auth(&s->source, results[result], name);
	switch (result) {
	case LOGIN_PASS:
		s->login_failures = 0;
		auth_end(s, REPLY_AUTH_PASS);
		break;
	case LOGIN_FAIL:
		if (!s->gone) {
			slow_down(s);
			return true;
		}
		penalty_failed(s);
		failed(s);
		break;
	case LOGIN_ERROR:
		auth_end(s, REPLY_AUTH_TEMPFAIL);
		break;
	}
	return false;
}

/* -- what auth says -- */

static void
answered(struct auth *a, enum login result)
{
	struct session	*s = a->session;

	TAILQ_REMOVE(&questions, a, entry);
	a->asking = false;
	wait_end(s);
	if (!judged(s, result))
		session_answered(s);
}

void
auth_answer(uint64_t id, uint32_t serial, enum login result)
{
	struct auth	*a;

	TAILQ_FOREACH(a, &questions, entry)
		if (a->serial == serial && a->session->source.session == id)
			break;
	if (a != NULL)
		answered(a, result);
	else
		log_debug("a login of session %016llx that is over", (unsigned long long)id);
}

void
auth_waited(struct session *s)
{
	answered(s->auth, LOGIN_ERROR);
}

void
auth_lost(void)
{
	struct auth	*a, *next;

	TAILQ_FOREACH_SAFE(a, &questions, entry, next)
		answered(a, LOGIN_ERROR);
}

static void
ask(struct session *s)
{
	struct auth	*a = s->auth;

	if (a->other) {
		judged(s, LOGIN_FAIL);
		return;
	}
	if (smtp_auth == NULL || ipc_backlog(smtp_auth) > BACKLOG_MAX) {
		judged(s, LOGIN_ERROR);
		return;
	}
	a->serial = ++last_serial;
	ipc_begin(smtp_auth, IPC_LOGIN);
	ipc_secret(smtp_auth);
	ipc_put_u64(smtp_auth, s->source.session);
	ipc_put_u32(smtp_auth, a->serial);
	ipc_put_u32(smtp_auth, s->listener->conf->index);
	ipc_put_slice(smtp_auth, session_address(s));
	ipc_put_slice(smtp_auth, slice_str(a->username));
	ipc_put_slice(smtp_auth, slice_str(a->password));
	ipc_end(smtp_auth);
	explicit_bzero(a->password, sizeof(a->password));
	TAILQ_INSERT_TAIL(&questions, a, entry);
	a->asking = true;
	wait_begin(s, WAITING_AUTH);
}

/* -- what filters say -- */

static void
set_username(struct auth *a, struct slice name)
{
	memcpy(a->username, name.p, name.n);
	a->username[name.n] = '\0';
}

/*
 * A filter means another user, "PLAIN user", or (no user name is that) another
 * password too, "PLAIN AGEAYg==".
 */
static bool
rewritten(struct auth *a, struct slice text)
{
	size_t			 n = strlen(mechanisms[a->mechanism]) + 1;
	char			 said[SASL_PLAIN_MAX];
	struct sasl_plain	 p;
	ssize_t			 len;

	if (text.n < n || strncasecmp(text.p, a->whom, n) != 0)
		return false;
	text = slice_make(text.p + n, text.n - n);
	if (a->mechanism == MECHANISM_PLAIN &&
	    (len = base64_decode(text, said, sizeof(said))) >= 0 &&
	    sasl_plain_parse(slice_make(said, (size_t)len), &p) == 0) {
		memcpy(a->password, p.password.p, p.password.n);
		a->password[p.password.n] = '\0';
		set_username(a, p.username);
		a->other = p.authzid.n > 0 && !slice_eq(p.authzid, p.username);
		explicit_bzero(said, sizeof(said));
		return true;
	}
	if (!sasl_name_valid(text))
		return false;
	set_username(a, text);
	return true;
}

/* Does the end of a text say what AUTH PLAIN may? */
static bool
is_plain(struct slice text)
{
	const char		*blank = text.n == 0 ? NULL : memrchr(text.p, ' ', text.n);
	struct sasl_plain	 p;
	char			 said[SASL_PLAIN_MAX];
	ssize_t			 n;
	bool			 is;

	if (blank != NULL)
		text = slice_make(blank + 1, text.n - (size_t)(blank + 1 - text.p));
	n = base64_decode(text, said, sizeof(said));
	is = n > 0 && sasl_plain_parse(slice_make(said, (size_t)n), &p) == 0;
	explicit_bzero(said, sizeof(said));
	return is;
}

struct slice
auth_told(const struct session *s, struct slice text)
{
	const char	*said = s->auth == NULL ? NULL : strchr(s->auth->said, ' ');

	if (text.n == 0)
		return text;
	if (is_plain(text) || (said != NULL && said[1] != '\0' && s->auth->mechanism == MECHANISM_PLAIN &&
	    memmem(text.p, text.n, said + 1, strlen(said + 1)) != NULL))
		return SLICE(SASL_MASK);
	return text;
}

static void
allowed(struct session *s, const struct outcome *o)
{
	struct auth	*a = s->auth;

	explicit_bzero(a->said, sizeof(a->said));
	if (o->result != RESULT_OK) {
		auth_free(s);
		session_enter(s, STATE_READY);
		outcome_reply(s, o);
	} else if (o->decision == DECISION_REWRITE && !rewritten(a, o->text))
		auth_end(s, REPLY_AUTH_MALFORMED);
	else if (a->mechanism == MECHANISM_LOGIN)
		session_reply(s, REPLY_AUTH_PASSWORD, NULL, NULL);
	else
		ask(s);
}

struct slice
auth_secret(const struct session *s)
{
	return s->auth == NULL ? SLICE_NONE : slice_str(s->auth->said);
}

/* Who is meant is known: said is how that was told. */
static void
named(struct session *s, struct slice username, struct slice said)
{
	struct auth	*a = s->auth;
	const char	*mechanism = mechanisms[a->mechanism];

	a->named = true;
	set_username(a, username);
	snprintf(a->whom, sizeof(a->whom), "%s %s", mechanism, a->username);
	snprintf(a->said, sizeof(a->said), "%s %.*s", mechanism, (int)said.n, said.p);
	phase_ask(s, PHASE_AUTH, slice_str(a->whom), allowed);
}

/* -- what the client says -- */

/* Each takes a response and what it stands for; false if that is malformed. */

static bool
plain_response(struct session *s, struct slice text, struct slice said)
{
	struct auth		*a = s->auth;
	struct sasl_plain	 p;

	if (sasl_plain_parse(said, &p) == -1)
		return false;
	a->other = p.authzid.n > 0 && !slice_eq(p.authzid, p.username);
	memcpy(a->password, p.password.p, p.password.n);
	named(s, p.username, text);
	return true;
}

static bool
login_response(struct session *s, struct slice text, struct slice said)
{
	struct auth	*a = s->auth;

	if (!a->named) {
		if (!sasl_name_valid(said))
			return false;
		named(s, said, text);
		return true;
	}
	if (!sasl_secret_valid(said))
		return false;
	memcpy(a->password, said.p, said.n);
	ask(s);
	return true;
}

static void
response(struct session *s, struct slice text)
{
	char	 said[SASL_PLAIN_MAX];
	ssize_t	 n = base64_decode(text, said, sizeof(said));
	bool	 sound = false;

	if (n >= 0)
		sound = (s->auth->mechanism == MECHANISM_PLAIN ? plain_response :
		    login_response)(s, text, slice_make(said, (size_t)n));
	explicit_bzero(said, sizeof(said));
	if (!sound)
		auth_end(s, REPLY_AUTH_MALFORMED);
}

void
auth_line(struct session *s, struct slice line, bool crlf)
{
	if (!crlf)
		auth_end(s, REPLY_BAD_BYTES);
	else if (slice_eq(line, SLICE("*")))
		auth_end(s, REPLY_AUTH_CANCELLED);
	else
		response(s, line);
}

static enum mechanism
mechanism_of(struct slice name)
{
	size_t	 i;

	for (i = 0; i < nitems(mechanisms); i++)
		if (slice_eqi(name, slice_str(mechanisms[i])))
			break;
	return (enum mechanism)i;
}

void
auth_begin(struct session *s, struct slice arg)
{
	const char	*blank = arg.n == 0 ? NULL : memchr(arg.p, ' ', arg.n);
	struct slice	 name = slice_make(arg.p, blank == NULL ? arg.n : (size_t)(blank - arg.p));
	enum mechanism	 m = mechanism_of(name);
	enum reply	 r = refusal(s);

	if (r == REPLY_NONE && (size_t)m == nitems(mechanisms))
		r = arg.n == 0 ? REPLY_AUTH_NEEDS_MECHANISM : REPLY_AUTH_MECHANISM;
	if (r == REPLY_NONE && (s->auth = calloc(1, sizeof(*s->auth))) == NULL)
		r = REPLY_AUTH_TEMPFAIL;
	if (r != REPLY_NONE) {
		session_reply(s, r, NULL, NULL);
		return;
	}
	s->auth->session = s;
	s->auth->mechanism = m;
	session_enter(s, STATE_AUTH);
	if (blank == NULL) {
		session_reply(s, m == MECHANISM_PLAIN ? REPLY_AUTH_PLAIN : REPLY_AUTH_USERNAME,
		    NULL, NULL);
		return;
	}
	for (arg.n -= name.n, arg.p += name.n; arg.n > 0 && *arg.p == ' '; arg.n--)
		arg.p++;
	/* An equals sign is how nothing is said (RFC 4954 4). */
	response(s, slice_eq(arg, SLICE("=")) ? SLICE("") : arg);
}
