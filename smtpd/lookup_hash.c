/* SPDX-License-Identifier: ISC */
/*
 * Hashes of passwords in the tables of listeners.  lookup process.
 */
#include "smtpd/log.h"
#include "smtpd/lookup.h"

#define HASH_MAX	384	/* what crypt(3) makes at most */

static struct table *
table_of(const struct conf *conf, uint32_t index)
{
	const struct listen	*l;

	TAILQ_FOREACH(l, &conf->listens, entry)
		if (l->index == index)
			return l->auth != LISTEN_NO_AUTH ? l->credentials : NULL;
	return NULL;
}

enum table_answer
lookup_hash(const struct conf *conf, uint32_t index, struct slice user, struct slice *hash)
{
	struct table		*t = table_of(conf, index);
	struct slice		 other;
	enum table_answer	 answer;

	*hash = SLICE("");
	if (t == NULL) {
		log_warnx("auth asks for users of a listener that has no table of them");
		return TABLE_ERROR;
	}
	answer = table_get(t, user, hash);
	/* Who is not there is told as late as who is: auth needs something to work on. */
	if (answer == TABLE_NO && table_nth(t, 0, true, &other, hash) != TABLE_YES)
		*hash = SLICE("");
	if (answer == TABLE_ERROR)
		*hash = SLICE("");
	if (hash->n <= HASH_MAX)
		return answer;
	*hash = SLICE("");
	if (answer == TABLE_NO)
		return TABLE_NO;
	log_warnx("table %s: user %.*s: longer than a hash may be", t->name, (int)user.n, user.p);
	return TABLE_ERROR;
}
