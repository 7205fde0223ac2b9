/* SPDX-License-Identifier: ISC */
/*
 * Paths, parameters and names in SMTP commands.
 */
#include <arpa/inet.h>

#include "lib/smtp_path.h"
#include "lib/utf8.h"

#define LOCAL_MAX	64
#define DOMAIN_MAX	255
#define PATH_BYTES	254	/* RFC 5321 4.5.3.1.3: 256 with the brackets */
#define LABEL_MAX	63

static bool
is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z');
}

bool
smtp_is_atext(unsigned char c)
{
	return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Above 127 where UTF-8 is allowed. */
static bool
is_atext(unsigned char c, unsigned flags)
{
	return c >= 128 ? (flags & SMTP_PATH_UTF8_OK) != 0 : smtp_is_atext(c);
}

/* Of a label that is not ASCII, DNS limits the other form (RFC 5890 4.2). */
static bool
labels_valid(struct slice s, bool underscore)
{
	size_t		 i, label = 0;
	bool		 wide = false;
	unsigned char	 c;

	if (s.n == 0 || s.n > DOMAIN_MAX)
		return false;
	for (i = 0; i < s.n; i++) {
		c = (unsigned char)s.p[i];
		if (c == '.') {
			if (label == 0 || s.p[i - 1] == '-')
				return false;
			label = 0;
			wide = false;
			continue;
		}
		wide = wide || c >= 128;
		if (!is_alnum(c) && c < 128 && !(c == '-' && label > 0) &&
		    !(c == '_' && underscore))
			return false;
		if (++label > LABEL_MAX && !wide)
			return false;
	}
	return label > 0 && s.p[s.n - 1] != '-';
}

static bool
is_ascii(struct slice s)
{
	return utf8_is_ascii(s.p, s.n);
}

bool
smtp_domain_valid(struct slice s)
{
	return is_ascii(s) && labels_valid(s, false);
}

bool
smtp_literal_valid(struct slice s)
{
	static const struct slice	 v6 = { "IPv6:", 5 };
	char				 text[INET6_ADDRSTRLEN];
	unsigned char			 addr[16];
	int				 family = AF_INET;

	if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	s = slice_make(s.p + 1, s.n - 2);
	if (s.n > v6.n && strncasecmp(s.p, v6.p, v6.n) == 0) {
		s = slice_make(s.p + v6.n, s.n - v6.n);
		family = AF_INET6;
	}
	/* A NUL would end the address early for inet_pton(3). */
	if (s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(family, text, addr) == 1;
}

bool
smtp_mailbox_domain_valid(struct slice s, unsigned flags)
{
	return smtp_literal_valid(s) || (labels_valid(s, true) &&
	    (flags & SMTP_PATH_UTF8_OK || is_ascii(s)));
}

bool
smtp_helo_valid(struct slice s)
{
	if (smtp_literal_valid(s))
		return true;
	if (s.n > 1 && s.p[s.n - 1] == '.')
		s.n--;
	return is_ascii(s) && labels_valid(s, true);
}

/* Bytes of a quoted string at the start of s, 0 if it is none. */
static size_t
quoted_len(struct slice s, unsigned flags)
{
	size_t		 i;
	unsigned char	 c;

	if (s.n == 0 || s.p[0] != '"')
		return 0;
	for (i = 1; i < s.n; i++) {
		c = (unsigned char)s.p[i];
		if (c == '"')
			return i + 1;
		if (c == '\\') {
			if (++i == s.n)
				return 0;
			c = (unsigned char)s.p[i];
		}
		if (c < 0x20 || c == 0x7f ||
		    (c >= 128 && !(flags & SMTP_PATH_UTF8_OK)))
			return 0;
	}
	return 0;
}

/* Bytes of a dot-string at the start of s, 0 if it is none. */
static size_t
dot_string_len(struct slice s, unsigned flags)
{
	size_t	 i;
	bool	 atom = false;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '.') {
			if (!atom)
				return 0;
			atom = false;
		} else if (is_atext((unsigned char)s.p[i], flags))
			atom = true;
		else
			break;
	}
	return atom ? i : 0;
}

/* @a,@b: in front of the mailbox is read and not followed (RFC 5321 C). */
static int
skip_route(struct slice *s)
{
	const char	*p = s->p, *end = s->p + s->n, *start;

	if (p == end || *p != '@')
		return 0;
	for (;;) {
		if (p == end || *p != '@')
			return -1;
		start = ++p;
		while (p < end && *p != ',' && *p != ':')
			p++;
		if (p == end ||
		    !smtp_domain_valid(slice_make(start, p - start)))
			return -1;
		if (*p++ == ':')
			break;
	}
	*s = slice_make(p, end - p);
	return 0;
}

/* The bracket that ends a path; those in a quoted string are text. */
static const char *
closing(struct slice s)
{
	size_t	 i;
	bool	 quoted = false;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == '\\' && quoted)
			i++;
		else if (s.p[i] == '>' && !quoted)
			return s.p + i;
	}
	return NULL;
}

static int
parse_mailbox(struct slice s, unsigned flags, struct smtp_path *out)
{
	size_t	 n = quoted_len(s, flags);

	if (n == 0)
		n = dot_string_len(s, flags);
	if (n == 0 || n > LOCAL_MAX)
		return -1;
	out->mailbox = s;
	out->local = slice_make(s.p, n);
	if (n == s.n) {
		out->domain = SLICE("");
		return flags & SMTP_PATH_POSTMASTER_OK ? 0 : -1;
	}
	if (s.p[n] != '@')
		return -1;
	out->domain = slice_make(s.p + n + 1, s.n - n - 1);
	return smtp_mailbox_domain_valid(out->domain, flags) ? 0 : -1;
}

size_t
smtp_local_unquote(struct slice local, char *out)
{
	size_t	 i, n = 0;

	if (local.n < 2 || local.p[0] != '"' || local.p[local.n - 1] != '"') {
		if (local.n > 0)
			memcpy(out, local.p, local.n);
		return local.n;
	}
	for (i = 1; i + 1 < local.n; i++) {
		if (local.p[i] == '\\' && i + 2 < local.n)
			i++;
		out[n++] = local.p[i];
	}
	return n;
}

size_t
smtp_local_quote(struct slice local, char *out)
{
	size_t	 i, n = 0;

	if (local.n > 0 && dot_string_len(local, SMTP_PATH_UTF8_OK) == local.n) {
		memcpy(out, local.p, local.n);
		return local.n;
	}
	out[n++] = '"';
	for (i = 0; i < local.n; i++) {
		if (local.p[i] == '"' || local.p[i] == '\\')
			out[n++] = '\\';
		out[n++] = local.p[i];
	}
	out[n++] = '"';
	return n;
}

int
smtp_path_parse(struct slice arg, unsigned flags, struct smtp_path *out,
    struct slice *params)
{
	const char	*end;
	struct slice	 typed, s;

	*out = (struct smtp_path){ .typed = SLICE_NONE };
	while (arg.n > 0 && (*arg.p == ' ' || *arg.p == '\t'))
		arg = slice_make(arg.p + 1, arg.n - 1);
	if (arg.n < 2 || *arg.p != '<')
		return -1;
	arg = slice_make(arg.p + 1, arg.n - 1);
	if ((end = closing(arg)) == NULL)
		return -1;
	typed = s = slice_make(arg.p, end - arg.p);
	*params = slice_make(end + 1, arg.n - typed.n - 1);
	if (params->n > 0 && *params->p != ' ' && *params->p != '\t')
		return -1;
	if (typed.n > PATH_BYTES || !utf8_is_text(typed.p, typed.n))
		return -1;
	if (s.n == 0) {
		if (!(flags & SMTP_PATH_NULL_OK))
			return -1;
		out->mailbox = out->local = out->domain = SLICE("");
	} else if (skip_route(&s) == -1 || parse_mailbox(s, flags, out) == -1)
		return -1;
	out->typed = typed;
	return 0;
}

/* esmtp-keyword: a letter or digit, then those and hyphens. */
static bool
keyword_valid(struct slice s)
{
	size_t	 i;

	if (s.n == 0 || s.p[0] == '-')
		return false;
	for (i = 0; i < s.n; i++)
		if (!is_alnum((unsigned char)s.p[i]) && s.p[i] != '-')
			return false;
	return true;
}

/* esmtp-value: one or more of %d33-60 / %d62-126, and of UTF-8 (RFC 6531 3.3). */
static bool
value_valid(struct slice s)
{
	size_t		 i;
	unsigned char	 c;

	for (i = 0; i < s.n; i++) {
		c = (unsigned char)s.p[i];
		if (c < 33 || c == 127 || c == '=')
			return false;
	}
	return s.n > 0 && utf8_is_text(s.p, s.n);
}

int
smtp_param_next(struct slice *rest, struct slice *name, struct slice *value)
{
	const char	*space, *equals;
	struct slice	 s;

	while (rest->n > 0 && (*rest->p == ' ' || *rest->p == '\t'))
		*rest = slice_make(rest->p + 1, rest->n - 1);
	if (rest->n == 0)
		return 0;
	space = memchr(rest->p, ' ', rest->n);
	s = slice_make(rest->p, space == NULL ? rest->n : (size_t)(space - rest->p));
	equals = memchr(s.p, '=', s.n);
	*name = slice_make(s.p, equals == NULL ? s.n : (size_t)(equals - s.p));
	*value = equals == NULL ? SLICE_NONE :
	    slice_make(equals + 1, s.p + s.n - equals - 1);
	if (!keyword_valid(*name) || (equals != NULL && !value_valid(*value))) {
		*rest = s;
		return -1;
	}
	*rest = slice_make(s.p + s.n, rest->n - s.n);
	return 1;
}

bool
smtp_number_parse(struct slice s, uint64_t *number)
{
	uint64_t	 n = 0;
	size_t		 i;
	unsigned	 digit;

	if (s.n == 0 || s.n > 20)
		return false;
	for (i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		digit = (unsigned)(s.p[i] - '0');
		n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
	}
	*number = n;
	return true;
}
