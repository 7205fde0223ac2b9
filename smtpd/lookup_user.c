/* SPDX-License-Identifier: ISC */
/*
 * The user data base: getpwnam_r(3), with a small cache of those who exist.
 * lookup process.
 */
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <time.h>

#include "smtpd/log.h"
#include "smtpd/lookup.h"

#define CACHE	256		/* a power of two */
#define KEEP	10		/* seconds */
#define LOGIN	64		/* bytes of a login name, NUL included */

static struct cached {
	char	 name[LOGIN];
	time_t	 until;			/* monotonic */
	bool	 root;
} cache[CACHE];

static struct cached *
slot(const char *name)
{
	unsigned	 h = 5381;

	for (; *name != '\0'; name++)
		h = h * 33 + (unsigned char)*name;
	return &cache[h & (CACHE - 1)];
}

static time_t
now(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static enum user_answer
ask(const char *name, struct slice *login)
{
	struct cached	*c = slot(name);
	struct passwd	 pw, *found;
	char		 buf[16384];
	int		 error;

	if (c->until > now() && strcmp(c->name, name) == 0) {
		*login = slice_str(c->name);
		return c->root ? USER_ROOT : USER_YES;
	}
	error = getpwnam_r(name, &pw, buf, sizeof(buf), &found);
	if (found == NULL) {
		/* These say "no such user" too, depending on the source. */
		if (error == 0 || error == ENOENT || error == ESRCH)
			return USER_NO;
		errno = error;
		log_warn("getpwnam %s", name);
		return USER_ERROR;
	}
	strlcpy(c->name, name, sizeof(c->name));
	c->until = now() + KEEP;
	c->root = pw.pw_uid == 0;
	*login = slice_str(c->name);
	return c->root ? USER_ROOT : USER_YES;
}

enum user_answer
lookup_user(struct slice s, struct slice *login)
{
	char			 name[LOGIN], lower[LOGIN];
	enum user_answer	 answer;
	size_t			 i;

	if (s.n == 0 || s.n >= sizeof(name))
		return USER_NO;
	for (i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f ||
		    s.p[i] == ':' || s.p[i] == '/')
			return USER_NO;
		name[i] = s.p[i];
		lower[i] = tolower((unsigned char)s.p[i]);
	}
	name[i] = lower[i] = '\0';
	answer = ask(name, login);
	if (answer == USER_NO && strcmp(name, lower) != 0)
		answer = ask(lower, login);
	return answer;
}
