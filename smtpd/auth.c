/* SPDX-License-Identifier: ISC */
/*
 * The auth process: does user have that password?  Who knows the users (lookup
 * those of tables, the parent those of the system) is asked for a hash, then
 * crypt(3) takes its time here, where nobody else has to wait for it.
 */
#include <sys/queue.h>

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/crypto.h>

#include "lib/addr.h"
#include "lib/sasl.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/table.h"

#define JOBS		128	/* logins at once; more are told to come later, */
#define JOBS_CLIENT	32	/* so many of one client, so that it does not take the place of all */
#define TELL		60	/* seconds between two words about the same */

struct job {
	TAILQ_ENTRY(job) entry;
	uint32_t	 id;		/* of our question */
	uint64_t	 session;
	uint32_t	 serial;	/* of smtp's */
	const struct listen *listen;
	char		 client[ADDR_MAX];
	char		 user[SASL_NAME_MAX + 1];
	char		 password[SASL_SECRET_MAX + 1];
	bool		 known;		/* the hash is the user's; else anybody's */
	char		 hash[CRYPT_OUTPUT_SIZE];
};
TAILQ_HEAD(jobs, job);

static struct jobs	 asked = TAILQ_HEAD_INITIALIZER(asked);	/* without a hash yet */
static struct jobs	 ready = TAILQ_HEAD_INITIALIZER(ready);
static size_t		 njobs;
static uint32_t		 last_id;
static struct ipc	*to_smtp, *to_lookup;
static struct event	 next;
/* What an unknown user of the system costs: as the last one who was known. */
static char		 stand_in[CRYPT_OUTPUT_SIZE];

/* -- answers -- */

static void
finish(struct jobs *of, struct job *j, enum login result)
{
	if (to_smtp != NULL) {
		ipc_begin(to_smtp, IPC_LOGGED_IN);
		ipc_put_u64(to_smtp, j->session);
		ipc_put_u32(to_smtp, j->serial);
		ipc_put_u8(to_smtp, (uint8_t)result);
		ipc_end(to_smtp);
	}
	TAILQ_REMOVE(of, j, entry);
	njobs--;
	freezero(j, sizeof(*j));
}

static void
refuse(uint64_t session, uint32_t serial)
{
	ipc_begin(to_smtp, IPC_LOGGED_IN);
	ipc_put_u64(to_smtp, session);
	ipc_put_u32(to_smtp, serial);
	ipc_put_u8(to_smtp, LOGIN_ERROR);
	ipc_end(to_smtp);
}

/* Those whose hash does not come any more, or all. */
static void
drop(struct jobs *of, bool all)
{
	struct job	*j, *tmp;

	TAILQ_FOREACH_SAFE(j, of, entry, tmp)
		if (all || j->listen->credentials != NULL)
			finish(of, j, LOGIN_ERROR);
}

/* -- crypt(3) -- */

/* Of old ones there are still some; a hash without $ is as likely a password. */
static bool
is_known_kind(const char *hash)
{
	int	 n = hash[0] == '$' ? crypt_checksalt(hash) : CRYPT_SALT_INVALID;

	return n == CRYPT_SALT_OK || n == CRYPT_SALT_METHOD_LEGACY || n == CRYPT_SALT_TOO_CHEAP;
}

static void
tell_unknown_kind(const struct job *j)
{
	const struct table	*t = j->listen->credentials;

	log_warnx("%s%s: user %s: what should be the hash of the password is none that crypt(3) knows",
	    t == NULL ? "the system" : "table ", t == NULL ? "" : t->name, j->user);
}

static enum login
judge(const struct job *j)
{
	static struct crypt_data	 work;
	const char			*setting = j->hash, *made;
	enum login			 result = LOGIN_FAIL;

	if (j->known && !is_known_kind(j->hash)) {
		tell_unknown_kind(j);
		return LOGIN_ERROR;
	}
	if (!j->known && !is_known_kind(j->hash))
		setting = stand_in;
	else if (j->known && j->listen->credentials == NULL)
		memcpy(stand_in, j->hash, sizeof(stand_in));
	made = crypt_rn(j->password, setting, &work, sizeof(work));
	if (made == NULL && j->known) {
		tell_unknown_kind(j);
		result = LOGIN_ERROR;
	} else if (j->known && strlen(made) == strlen(j->hash) &&
	    CRYPTO_memcmp(made, j->hash, strlen(made)) == 0)
		result = LOGIN_PASS;
	explicit_bzero(&work, sizeof(work));
	return result;
}

/* One a turn: its answer goes out before the next is begun. */
static void
next_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 now = { 0, 0 };
	struct job			*j = TAILQ_FIRST(&ready);

	(void)fd;
	(void)what;
	(void)arg;
	if (j != NULL)
		finish(&ready, j, judge(j));
	if (!TAILQ_EMPTY(&ready))
		event_add(&next, &now);
}

/* -- questions -- */

static const struct listen *
listen_of(uint32_t index)
{
	const struct listen	*l;

	TAILQ_FOREACH(l, &proc_conf->listens, entry)
		if (l->index == index && l->auth != LISTEN_NO_AUTH)
			break;
	return l;
}

static bool
has_room(const char *client)
{
	const struct jobs	*lists[] = { &asked, &ready };
	const struct job	*j;
	size_t			 i, n = 0;

	for (i = 0; i < 2; i++)
		TAILQ_FOREACH(j, lists[i], entry)
			n += strcmp(j->client, client) == 0;
	return njobs < JOBS && n < JOBS_CLIENT;
}

static void
tell_full(void)
{
	static uint64_t	 told;
	uint64_t	 now = loop_mono() / SECOND;

	if (told != 0 && now - told < TELL)
		return;
	told = now;
	log_warnx("more logins than can be checked: some have to come later");
}

static void
copy(char *to, size_t size, struct slice s)
{
	size_t	 n = s.n < size ? s.n : size - 1;

	if (n > 0)
		memcpy(to, s.p, n);
	to[n] = '\0';
}

/* Its owner has checked it, but nothing here relies on that. */
static bool
is_sound(const struct listen *l, struct slice client, struct slice user, struct slice password)
{
	return l != NULL && client.n < ADDR_MAX && sasl_name_valid(user) && sasl_secret_valid(password);
}

static void
ask(struct job *j)
{
	struct ipc	*to = j->listen->credentials != NULL ? to_lookup : proc_parent;

	TAILQ_INSERT_TAIL(&asked, j, entry);
	njobs++;
	if (to == NULL) {
		finish(&asked, j, LOGIN_ERROR);
		return;
	}
	ipc_begin(to, IPC_HASH_WANT);
	ipc_put_u32(to, j->id);
	ipc_put_u32(to, j->listen->index);
	ipc_put_slice(to, slice_str(j->user));
	ipc_end(to);
}

static void
login(struct ipc *smtp, struct ipc_msg *msg)
{
	uint64_t		 session = ipc_get_u64(msg);
	uint32_t		 serial = ipc_get_u32(msg);
	const struct listen	*l = listen_of(ipc_get_u32(msg));
	struct slice		 client = ipc_get_slice(msg);
	struct slice		 user = ipc_get_slice(msg);
	struct slice		 password = ipc_get_slice(msg);
	struct job		*j;

	msg->secret = true;
	if (!ipc_complete(smtp, msg) || smtp != to_smtp)
		return;
	if (!is_sound(l, client, user, password) || (j = calloc(1, sizeof(*j))) == NULL) {
		log_warnx("a login that cannot be checked");
		refuse(session, serial);
		return;
	}
	copy(j->client, sizeof(j->client), client);
	if (!has_room(j->client)) {
		tell_full();
		free(j);
		refuse(session, serial);
		return;
	}
	j->id = ++last_id;
	j->session = session;
	j->serial = serial;
	j->listen = l;
	copy(j->user, sizeof(j->user), user);
	copy(j->password, sizeof(j->password), password);
	ask(j);
}

static struct job *
job_of(uint32_t id, bool of_table)
{
	struct job	*j;

	TAILQ_FOREACH(j, &asked, entry)
		if (j->id == id && (j->listen->credentials != NULL) == of_table)
			break;
	return j;
}

static void
hash(enum process from, struct ipc *ipc, struct ipc_msg *msg)
{
	static const struct timeval	 now = { 0, 0 };
	struct job	*j = job_of(ipc_get_u32(msg), from == PROC_LOOKUP);
	int		 answer = ipc_get_u8(msg) - 1;
	struct slice	 text = ipc_get_slice(msg);

	msg->secret = true;
	if (!ipc_complete(ipc, msg) || j == NULL)
		return;
	if (answer != TABLE_YES && answer != TABLE_NO) {
		finish(&asked, j, LOGIN_ERROR);
		return;
	}
	j->known = answer == TABLE_YES;
	/* One cut short is not known, or fails. */
	copy(j->hash, sizeof(j->hash), text);
	TAILQ_REMOVE(&asked, j, entry);
	TAILQ_INSERT_TAIL(&ready, j, entry);
	if (!event_pending(&next, EV_TIMEOUT, NULL))
		event_add(&next, &now);
}

/* -- the process -- */

void
auth_main(void)
{
	char	 setting[CRYPT_GENSALT_OUTPUT_SIZE];

	evtimer_assign(&next, loop_base, next_cb, NULL);
	if (crypt_gensalt_rn(NULL, 0, NULL, 0, setting, sizeof(setting)) == NULL)
		fatal("crypt_gensalt");
	strlcpy(stand_in, setting, sizeof(stand_in));
}

void
auth_peer(enum process peer, struct ipc *ipc, const char *instance)
{
	(void)instance;
	if (peer == PROC_SMTP) {
		/* Sessions of an older one are gone. */
		to_smtp = NULL;
		drop(&asked, true);
		drop(&ready, true);
		to_smtp = ipc;
	} else if (peer == PROC_LOOKUP) {
		drop(&asked, false);
		to_lookup = ipc;
	}
}

void
auth_message(enum process peer, struct ipc *ipc, struct ipc_msg *msg)
{
	if (msg == NULL) {
		if (ipc == to_smtp)
			to_smtp = NULL;
		if (ipc == to_lookup) {
			to_lookup = NULL;
			drop(&asked, false);
		}
		return;
	}
	if (msg->type == IPC_LOGIN)
		login(ipc, msg);
	else if (msg->type == IPC_HASH)
		hash(peer, ipc, msg);
	else
		log_warnx("unexpected %s", ipc_type_name(msg->type));
}

void
auth_stop(void)
{
	loop_stop();
}
