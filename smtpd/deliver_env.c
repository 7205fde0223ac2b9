/* SPDX-License-Identifier: ISC */
/*
 * The environment of mda commands: fixed names, values of the envelope with
 * control bytes as '?'.  Nothing of the daemon's own goes through.
 * deliver process.
 */
#include <paths.h>
#include <stdlib.h>

#include "lib/nitems.h"
#include "smtpd/deliver.h"
#include "smtpd/deliver_env.h"

struct values {
	struct slice	 sender, rcpt, dest, local, domain, extension, user,
			 home;
};

/* NAME=, and where its value is: in struct values, or here. */
static const struct variable {
	const char	*name;
	const char	*fixed;
	size_t		 offset;
	bool		 optional;	/* not set if empty */
} variables[] = {
#define OF(field)	offsetof(struct values, field)
	{ "PATH=",	_PATH_DEFPATH,	0,		false },
	{ "SHELL=",	"/bin/sh",	0,		false },
	{ "HOME=",	NULL,		OF(home),	false },
	{ "LOGNAME=",	NULL,		OF(user),	false },
	{ "USER=",	NULL,		OF(user),	false },
	{ "SENDER=",	NULL,		OF(sender),	false },
	{ "RECIPIENT=",	NULL,		OF(dest),	false },
	{ "ORIGINAL_RECIPIENT=", NULL,	OF(rcpt),	false },
	{ "LOCAL=",	NULL,		OF(local),	false },
	{ "DOMAIN=",	NULL,		OF(domain),	false },
	{ "EXTENSION=",	NULL,		OF(extension),	true },
#undef OF
};

_Static_assert(nitems(variables) <
    sizeof(((struct environment *)0)->vars) / sizeof(char *),
    "a variable more than struct environment holds");

static void
split(struct slice address, char delim, struct values *v)
{
	const char	*at, *tag;

	v->local = address;
	v->domain = v->extension = SLICE("");
	if (address.n > 0 &&
	    (at = memrchr(address.p, '@', address.n)) != NULL) {
		v->local.n = at - address.p;
		v->domain = slice_make(at + 1, address.n - v->local.n - 1);
	}
	if (v->local.n > 0 &&
	    (tag = memchr(v->local.p, delim, v->local.n)) != NULL)
		v->extension = slice_make(tag + 1,
		    v->local.p + v->local.n - tag - 1);
}

static char *
variable_new(const char *name, struct slice s)
{
	size_t	 i, n = strlen(name);
	char	*p = malloc(n + s.n + 1);

	if (p == NULL)
		return NULL;
	memcpy(p, name, n);
	for (i = 0; i < s.n; i++)
		p[n + i] = (unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f ?
		    '?' : s.p[i];
	p[n + s.n] = '\0';
	return p;
}

int
env_fill(struct environment *env, const struct job *job,
    const struct deliver_user *user)
{
	struct values	 v = { .sender = job->sender, .rcpt = job->rcpt,
			    .dest = job->dest, .user = slice_str(user->name),
			    .home = slice_str(user->home) };
	struct slice	 s;
	size_t		 i, n = 0;

	memset(env, 0, sizeof(*env));
	split(job->rcpt, user->delim, &v);
	for (i = 0; i < nitems(variables); i++) {
		const struct variable	*var = &variables[i];

		if (var->fixed != NULL)
			s = slice_str(var->fixed);
		else
			memcpy(&s, (const char *)&v + var->offset, sizeof(s));
		if (s.n == 0 && var->optional)
			continue;
		if ((env->vars[n++] = variable_new(var->name, s)) == NULL) {
			env_free(env);
			return -1;
		}
	}
	return 0;
}

void
env_free(struct environment *env)
{
	size_t	 i;

	for (i = 0; env->vars[i] != NULL; i++)
		free(env->vars[i]);
	env->vars[0] = NULL;
}
