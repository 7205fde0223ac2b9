/* SPDX-License-Identifier: ISC */
/*
 * What the system knows of a user's password: only a name comes here, only a
 * hash goes out, to auth.  Parent.
 */
#include <errno.h>
#include <pwd.h>
#include <shadow.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/parent.h"
#include "smtpd/proc.h"
#include "smtpd/table.h"

#define LOGIN	64		/* bytes of a login name, NUL included */
#define TELL	60		/* seconds between two words about the same */
#define DAY	86400
#define HASH_MAX	384	/* what crypt(3) makes at most */

/* Nobody asks for what the configuration does not give. */
static bool
is_wanted(void)
{
	const struct listen	*l;

	TAILQ_FOREACH(l, &parent_conf->listens, entry)
		if (l->auth != LISTEN_NO_AUTH && l->credentials == NULL)
			return true;
	return false;
}

static bool
login_name(struct slice s, char name[LOGIN])
{
	size_t	 i;

	if (s.n == 0 || s.n >= LOGIN)
		return false;
	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == ':' || s.p[i] == '/')
			return false;
	memcpy(name, s.p, s.n);
	name[s.n] = '\0';
	return true;
}

/* It would be said at each login. */
static void
tell(const char *name, const char *why)
{
	static uint64_t	 told;
	uint64_t	 now = loop_mono() / SECOND;

	if (told != 0 && now - told < TELL)
		return;
	told = now;
	log_warnx("the password of user %s cannot be told: %s", name, why);
}

static enum table_answer
failed(const char *name)
{
	/* These say "no such user" too, depending on the source. */
	if (errno == 0 || errno == ENOENT || errno == ESRCH)
		return TABLE_NO;
	tell(name, strerror(errno));
	return TABLE_ERROR;
}

static bool
is_expired(const struct spwd *sp)
{
	return sp->sp_expire > 0 && (uint64_t)sp->sp_expire * DAY <= loop_wall() / 1000000;
}

/* *hash is cleared by the caller; locked accounts and those of uid 0 have none. */
static enum table_answer
find(const char *name, char **hash)
{
	struct passwd	*pw;
	struct spwd	*sp;

	if (!proc_privileged) {
		tell(name, "smtpd was not started as root; auth <table> has users of its own");
		return TABLE_ERROR;
	}
	errno = 0;
	if ((pw = getpwnam(name)) == NULL)
		return failed(name);
	if (pw->pw_uid == 0)
		return TABLE_NO;
	errno = 0;
	if ((sp = getspnam(name)) != NULL)
		*hash = sp->sp_pwdp;
	else if (failed(name) == TABLE_ERROR)
		return TABLE_ERROR;
	else
		*hash = pw->pw_passwd;
	if ((sp != NULL && is_expired(sp)) || *hash == NULL || strchr("!*x", **hash) != NULL)
		return TABLE_NO;
	if (strlen(*hash) <= HASH_MAX)
		return TABLE_YES;
	tell(name, "it is longer than a hash may be");
	return TABLE_ERROR;
}

void
parent_shadow_answer(struct ipc *auth, struct ipc_msg *msg)
{
	uint32_t		 id = ipc_get_u32(msg);
	struct slice		 user, text = SLICE("");
	enum table_answer	 answer;
	char			 name[LOGIN], *hash = NULL;

	ipc_get_u32(msg);	/* the listener is lookup's business */
	user = ipc_get_slice(msg);
	if (!ipc_complete(auth, msg))
		return;
	if (!is_wanted()) {
		log_warnx("auth asks for users of the system, which no listener is for");
		answer = TABLE_ERROR;
	} else if (!login_name(user, name))
		answer = TABLE_NO;
	else
		answer = find(name, &hash);
	if (answer == TABLE_YES)
		text = slice_str(hash);
	ipc_begin(auth, IPC_HASH);
	ipc_secret(auth);
	ipc_put_u32(auth, id);
	ipc_put_u8(auth, (uint8_t)(1 + answer));
	ipc_put_slice(auth, text);
	ipc_end(auth);
	if (hash != NULL)
		explicit_bzero(hash, strlen(hash));
}
