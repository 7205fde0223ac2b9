/* SPDX-License-Identifier: ISC */
/*
 * The Sender Rewriting Scheme.  A hash is the first 24 bits of HMAC-SHA1 over
 * what follows it, in lower case and without the separators between its
 * fields, as four characters of base64; a timestamp is the day, modulo 1024,
 * as two of base32.  Hosts on the way may change the case of all of it.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <ctype.h>
#include <string.h>

#include "lib/smtp_path.h"
#include "smtpd/srs.h"

#define TAG		4		/* bytes of "SRS0", "SRS1" */
#define HASH		4		/* characters of base64 */
#define DAY		86400
#define DAYS		1024		/* that a timestamp tells apart */

static const char	base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char	base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* A text that grows; what does not fit is noted. */
struct text {
	char	 buf[2 * SRS_MAX];
	size_t	 n;
	bool	 over;
};

static void
put(struct text *t, struct slice s)
{
	if (t->over || s.n > sizeof(t->buf) - t->n) {
		t->over = true;
		return;
	}
	if (s.n > 0)
		memcpy(t->buf + t->n, s.p, s.n);
	t->n += s.n;
}

static struct slice
text(const struct text *t)
{
	return slice_make(t->buf, t->n);
}

static bool
is_separator(char c)
{
	return c == '=' || c == '-' || c == '+';
}

static int
srs_kind(struct slice local)
{
	if (local.n <= TAG || strncasecmp(local.p, "SRS", 3) != 0 || !is_separator(local.p[TAG]) ||
	    (local.p[3] != '0' && local.p[3] != '1'))
		return -1;
	return local.p[3] - '0';
}

bool
srs_is_rewritten(struct slice local)
{
	if (local.n > 0 && *local.p == '"')
		local = slice_make(local.p + 1, local.n - 1);
	return srs_kind(local) != -1;
}

/* -- addresses -- */

/* Splits at the last @; -1 if there is none, or nothing on a side of it. */
static int
address_split(struct slice address, struct slice *local, struct slice *domain)
{
	const char	*at = address.n == 0 ? NULL : memrchr(address.p, '@', address.n);

	if (at == NULL || at == address.p || at + 1 == address.p + address.n)
		return -1;
	*local = slice_make(address.p, (size_t)(at - address.p));
	*domain = slice_make(at + 1, address.n - local->n - 1);
	return 0;
}

/* As the server takes it, SMTPUTF8 or not. */
static bool
domain_valid(struct slice domain)
{
	return smtp_mailbox_domain_valid(domain, SMTP_PATH_UTF8_OK);
}

static void
put_unquoted(struct text *t, struct slice local)
{
	if (t->over || local.n > sizeof(t->buf) - t->n)
		t->over = true;
	else
		t->n += smtp_local_unquote(local, t->buf + t->n);
}

static void
put_quoted(struct text *t, struct slice local)
{
	if (t->over || 2 * local.n + 2 > sizeof(t->buf) - t->n)
		t->over = true;
	else
		t->n += smtp_local_quote(local, t->buf + t->n);
}

/* local@domain, quoted where it must be, in buf: its length, or -1 if that is too long. */
static int
address_make(struct slice local, struct slice domain, char buf[SRS_MAX])
{
	struct text	 t = { .n = 0 };

	put_quoted(&t, local);
	put(&t, SLICE("@"));
	put(&t, domain);
	if (t.over || t.n >= SRS_MAX)
		return -1;
	memcpy(buf, t.buf, t.n);
	buf[t.n] = '\0';
	return (int)t.n;
}

/* -- hashes and timestamps -- */

static int
hash_make(const char *key, const struct slice *part, size_t n, char hash[HASH])
{
	struct text	 t = { .n = 0 };
	unsigned char	 digest[EVP_MAX_MD_SIZE];
	unsigned	 size;
	size_t		 i;

	for (i = 0; i < n; i++)
		put(&t, part[i]);
	for (i = 0; i < t.n; i++)
		t.buf[i] = (char)tolower((unsigned char)t.buf[i]);
	if (t.over || HMAC(EVP_sha1(), key, (int)strlen(key), (unsigned char *)t.buf, t.n, digest,
	    &size) == NULL)
		return -1;
	hash[0] = base64[digest[0] >> 2];
	hash[1] = base64[(digest[0] << 4 | digest[1] >> 4) & 63];
	hash[2] = base64[(digest[1] << 2 | digest[2] >> 6) & 63];
	hash[3] = base64[digest[2] & 63];
	return 0;
}

/* Compared in a time that does not tell how much was right. */
static bool
hash_is(const char *key, const struct slice *part, size_t n, struct slice given)
{
	char		 hash[HASH];
	unsigned	 differ = 0;
	size_t		 i;

	if (key == NULL || given.n != HASH || hash_make(key, part, n, hash) == -1)
		return false;
	for (i = 0; i < HASH; i++)
		differ |= (unsigned)(tolower((unsigned char)hash[i]) ^ tolower((unsigned char)given.p[i]));
	return differ == 0;
}

static bool
hash_valid(const struct srs_keys *keys, const struct slice *part, size_t n, struct slice given)
{
	return hash_is(keys->key, part, n, given) || hash_is(keys->backup, part, n, given);
}

static unsigned
today(int64_t now)
{
	return (unsigned)(now / DAY % DAYS);
}

static void
time_make(int64_t now, char stamp[2])
{
	stamp[0] = base32[today(now) >> 5];
	stamp[1] = base32[today(now) & 31];
}

static bool
time_valid(struct slice stamp, int64_t now, int64_t ttl)
{
	const char	*a, *b;
	unsigned	 day;

	if (stamp.n != 2 || (a = memchr(base32, toupper((unsigned char)stamp.p[0]), 32)) == NULL ||
	    (b = memchr(base32, toupper((unsigned char)stamp.p[1]), 32)) == NULL)
		return false;
	day = (unsigned)((a - base32) << 5 | (b - base32));
	return (today(now) + DAYS - day) % DAYS <= (ttl + DAY - 1) / DAY;
}

/* -- there and back -- */

/* Cuts what is before the next = off *s; false if there is none, or nothing before it. */
static bool
field_cut(struct slice *s, struct slice *field)
{
	const char	*p = s->n == 0 ? NULL : memchr(s->p, '=', s->n);

	if (p == NULL || p == s->p)
		return false;
	*field = slice_make(s->p, (size_t)(p - s->p));
	*s = slice_make(p + 1, s->n - field->n - 1);
	return s->n > 0;
}

static struct slice
without_tag(struct slice local, size_t n)
{
	return slice_make(local.p + n, local.n - n);
}

/* SRS0=hash=time=domain=local */
static int
forward_sender(const char *key, struct slice local, struct slice domain, int64_t now, struct text *out)
{
	char		 stamp[2], hash[HASH];
	const struct slice part[] = { slice_make(stamp, sizeof(stamp)), domain, local };

	time_make(now, stamp);
	if (hash_make(key, part, 3, hash) == -1)
		return -1;
	put(out, SLICE("SRS0="));
	put(out, slice_make(hash, sizeof(hash)));
	put(out, SLICE("="));
	put(out, part[0]);
	put(out, SLICE("="));
	put(out, domain);
	put(out, SLICE("="));
	put(out, local);
	return 0;
}

/* SRS1=hash=host=rest: rest is what stood behind the tag of the SRS0 made by host, its separator first. */
static int
forward_rewritten(const char *key, struct slice host, struct slice rest, struct text *out)
{
	const struct slice part[] = { host, rest };
	char		 hash[HASH];

	if (hash_make(key, part, 2, hash) == -1)
		return -1;
	put(out, SLICE("SRS1="));
	put(out, slice_make(hash, sizeof(hash)));
	put(out, SLICE("="));
	put(out, host);
	put(out, SLICE("="));
	put(out, rest);
	return 0;
}

int
srs_forward(const char *key, struct slice sender, struct slice alias, int64_t now, char buf[SRS_MAX])
{
	struct text	 plain = { .n = 0 }, out = { .n = 0 };
	struct slice	 typed, local, domain, hash, host, rest;
	int		 result;

	if (address_split(sender, &typed, &domain) == -1 || slice_eqi(domain, alias) ||
	    !domain_valid(domain))
		return 0;
	put_unquoted(&plain, typed);
	local = text(&plain);
	switch (srs_kind(local)) {
	case 0:
		result = forward_rewritten(key, domain, without_tag(local, TAG), &out);
		break;
	case 1:
		/* The hash of the host before us gives way to ours; what the first host said stays. */
		rest = without_tag(local, TAG + 1);
		if (field_cut(&rest, &hash) && field_cut(&rest, &host) && is_separator(*rest.p)) {
			result = forward_rewritten(key, host, rest, &out);
			break;
		}
		/* FALLTHROUGH */
	default:
		result = forward_sender(key, local, domain, now, &out);
		break;
	}
	if (result == -1 || plain.over || out.over)
		return -1;
	return address_make(text(&out), alias, buf);
}

/* What stands in an address is to be an address again, whatever was signed. */
static int
reverse_make(struct slice local, struct slice domain, char buf[SRS_MAX], const char **why)
{
	int	 n = -1;
	size_t	 i;

	for (i = 0; i < local.n && (unsigned char)local.p[i] >= ' ' && local.p[i] != 0x7f; i++)
		;
	if (i < local.n || local.n == 0 || !domain_valid(domain) ||
	    (n = address_make(local, domain, buf)) == -1)
		*why = "what it stands for is no address";
	return n;
}

static int
reverse_sender(const struct srs_keys *keys, struct slice rest, int64_t now, char buf[SRS_MAX],
    const char **why)
{
	struct slice	 hash, stamp, domain;

	if (!field_cut(&rest, &hash) || !field_cut(&rest, &stamp) || !field_cut(&rest, &domain)) {
		*why = "a field is missing";
		return -1;
	}
	if (!hash_valid(keys, (const struct slice []){ stamp, domain, rest }, 3, hash)) {
		*why = "the hash is wrong";
		return -1;
	}
	if (!time_valid(stamp, now, keys->ttl)) {
		*why = "it is too old";
		return -1;
	}
	return reverse_make(rest, domain, buf, why);
}

static int
reverse_rewritten(const struct srs_keys *keys, struct slice rest, char buf[SRS_MAX], const char **why)
{
	struct text	 local = { .n = 0 };
	struct slice	 hash, host;

	if (!field_cut(&rest, &hash) || !field_cut(&rest, &host) || !is_separator(*rest.p)) {
		*why = "a field is missing";
		return -1;
	}
	if (!hash_valid(keys, (const struct slice []){ host, rest }, 2, hash)) {
		*why = "the hash is wrong";
		return -1;
	}
	put(&local, SLICE("SRS0"));
	put(&local, rest);
	return reverse_make(text(&local), host, buf, why);
}

int
srs_reverse(const struct srs_keys *keys, struct slice address, int64_t now, char buf[SRS_MAX],
    const char **why)
{
	struct text	 plain = { .n = 0 };
	struct slice	 typed, domain;
	int		 kind = -1;

	if (address_split(address, &typed, &domain) == 0) {
		put_unquoted(&plain, typed);
		kind = plain.over ? -1 : srs_kind(text(&plain));
	}
	switch (kind) {
	case 0:
		return reverse_sender(keys, without_tag(text(&plain), TAG + 1), now, buf, why);
	case 1:
		return reverse_rewritten(keys, without_tag(text(&plain), TAG + 1), buf, why);
	default:
		*why = "not a rewritten address";
		return -1;
	}
}
