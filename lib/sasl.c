/* SPDX-License-Identifier: ISC */
/*
 * The words of PLAIN and LOGIN, and lines of AUTH with their secrets masked.
 */
#include "lib/nitems.h"
#include "lib/sasl.h"
#include "lib/utf8.h"

static bool
is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

static bool
has_controls(struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (is_control(s.p[i]))
			return true;
	return false;
}

bool
sasl_name_valid(struct slice s)
{
	return s.n > 0 && s.n <= SASL_NAME_MAX && !has_controls(s) && utf8_is_text(s.p, s.n);
}

bool
sasl_secret_valid(struct slice s)
{
	return s.n > 0 && s.n <= SASL_SECRET_MAX && memchr(s.p, '\0', s.n) == NULL;
}

/* Cuts off what stands in front of the next NUL, which goes with it; false if there is none. */
static bool
cut(struct slice *rest, struct slice *part)
{
	const char	*nul = rest->n == 0 ? NULL : memchr(rest->p, '\0', rest->n);

	if (nul == NULL)
		return false;
	*part = slice_make(rest->p, (size_t)(nul - rest->p));
	*rest = slice_make(nul + 1, rest->n - part->n - 1);
	return true;
}

int
sasl_plain_parse(struct slice said, struct sasl_plain *p)
{
	if (!cut(&said, &p->authzid) || !cut(&said, &p->username))
		return -1;
	p->password = said;
	if (p->authzid.n > 0 && !sasl_name_valid(p->authzid))
		return -1;
	return sasl_name_valid(p->username) && sasl_secret_valid(p->password) ? 0 : -1;
}

/* -- lines -- */

/* What may stand behind AUTH without being somebody's password: each a mechanism of SASL. */
static const char *const	mechanisms[] = {
	"PLAIN", "LOGIN", "ANONYMOUS", "CRAM-MD5", "DIGEST-MD5", "EXTERNAL", "GSSAPI", "NTLM",
	"OAUTHBEARER", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS",
	"XOAUTH2",
};

static bool
is_blank(char c)
{
	return c == ' ' || is_control(c);
}

static bool
is_verb(const char *p, const char *end)
{
	return end - p >= 4 && strncasecmp(p, "AUTH", 4) == 0;
}

/* Where AUTH stands: as the first word, or anywhere, if the line may be several; or NULL. */
static const char *
find_verb(struct slice line)
{
	const char	*p = line.p, *end = line.p + line.n;

	while (p < end && is_blank(*p))
		p++;
	if (is_verb(p, end))
		return p;
	if (has_controls(line))
		for (; p < end; p++)
			if (is_verb(p, end))
				return p;
	return NULL;
}

bool
sasl_line_is_auth(struct slice line)
{
	return line.n > 0 && find_verb(line) != NULL;
}

static bool
is_mechanism(struct slice word)
{
	size_t	 i;

	for (i = 0; i < nitems(mechanisms); i++)
		if (slice_eqi(word, slice_str(mechanisms[i])))
			return true;
	return false;
}

struct slice
sasl_line_mask(struct slice line, char *buf)
{
	const char	*p = line.n == 0 ? NULL : find_verb(line), *end = line.p + line.n;
	const char	*keep, *word;
	size_t		 n;

	if (p == NULL)
		return line;
	keep = p += 4;
	while (p < end && is_blank(*p))
		p++;
	for (word = p; p < end && !is_blank(*p); p++)
		;
	if (word > keep && is_mechanism(slice_make(word, (size_t)(p - word))))
		keep = p;
	for (p = keep; p < end && is_blank(*p); p++)
		;
	if (p == end)
		return line;
	n = (size_t)(keep - line.p);
	memcpy(buf, line.p, n);
	memcpy(buf + n, " " SASL_MASK, sizeof(SASL_MASK));
	return slice_make(buf, n + sizeof(SASL_MASK));
}
