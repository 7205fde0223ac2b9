/* SPDX-License-Identifier: ISC */
/*
 * Format specifiers: the table of names and modifiers, what one expands to,
 * and whole paths.  Commands are in format_command.c.
 * Used by conf and deliver.
 */
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/nitems.h"
#include "smtpd/format.h"
#include "smtpd/format_spec.h"

enum part { PART_WHOLE, PART_USER, PART_DOMAIN };

/* The names; offset is the slice, or the string, in struct format_values. */
static const struct name {
	const char	*name;
	size_t		 offset;
	enum part	 part;
	bool		 ours;		/* a string from the user data base */
	const char	*empty;		/* in place of an empty value */
} names[] = {
#define FROM(field)	offsetof(struct format_values, field)
	{ "sender",		FROM(sender),	PART_WHOLE,	false,	"" },
	{ "sender.user",	FROM(sender),	PART_USER,	false,	"" },
	{ "sender.domain",	FROM(sender),	PART_DOMAIN,	false,	"" },
	{ "rcpt",		FROM(rcpt),	PART_WHOLE,	false,	"" },
	{ "rcpt.user",		FROM(rcpt),	PART_USER,	false,	"" },
	{ "rcpt.domain",	FROM(rcpt),	PART_DOMAIN,	false,	"" },
	{ "dest",		FROM(dest),	PART_WHOLE,	false,	"" },
	{ "dest.user",		FROM(dest),	PART_USER,	false,	"" },
	{ "dest.domain",	FROM(dest),	PART_DOMAIN,	false,	"" },
	{ "mbox.from",		FROM(sender),	PART_WHOLE,	false,	"MAILER-DAEMON" },
	{ "user.username",	FROM(username),	PART_WHOLE,	true,	"" },
	{ "user.directory",	FROM(directory), PART_WHOLE,	true,	"" },
#undef FROM
};

enum { MOD_LOWERCASE = 1, MOD_UPPERCASE = 2, MOD_STRIP = 4, MOD_RAW = 8 };

static const struct modifier {
	const char	*name;
	unsigned	 bit;
} modifiers[] = {
	{ "lowercase",	MOD_LOWERCASE },
	{ "uppercase",	MOD_UPPERCASE },
	{ "strip",	MOD_STRIP },
	{ "raw",	MOD_RAW },
};

/* What OpenSMTPD writes as ':', so that paths stay what they were there. */
static const char escaped[] = "!#$%&'*/?^`{|}~";

static const char *
parse_name(struct format_spec *spec, struct slice s)
{
	size_t	 i;

	for (i = 0; i < nitems(names); i++)
		if (slice_eqi(s, slice_str(names[i].name))) {
			spec->name = i;
			return NULL;
		}
	if (slice_eqi(s, SLICE("mda")))
		return "%{mda} is for mda wrappers, which are not supported";
	return "unknown format specifier";
}

static const char *
parse_modifiers(struct format_spec *spec, struct slice s)
{
	struct slice	 word;
	const char	*bar;
	size_t		 i;

	for (;;) {
		bar = memchr(s.p, '|', s.n);
		word = slice_make(s.p, bar == NULL ? s.n : (size_t)(bar - s.p));
		for (i = 0; i < nitems(modifiers); i++)
			if (slice_eqi(word, slice_str(modifiers[i].name)))
				break;
		if (i == nitems(modifiers))
			return "unknown modifier; lowercase, uppercase, strip "
			    "and raw are known";
		spec->modifiers |= modifiers[i].bit;
		if (bar == NULL)
			return NULL;
		s = slice_make(bar + 1, s.n - word.n - 1);
	}
}

/* A bound of a range; an empty one leaves *value alone. */
static const char *
parse_bound(int *value, struct slice s)
{
	char	 buf[8], *end;
	long	 v;

	if (s.n == 0)
		return NULL;
	if (s.n >= sizeof(buf) || !(isdigit((unsigned char)s.p[0]) ||
	    (s.p[0] == '-' && s.n > 1)))
		return "a range is [N], [N:], [:N] or [N:N]";
	memcpy(buf, s.p, s.n);
	buf[s.n] = '\0';
	v = strtol(buf, &end, 10);
	if (*end != '\0')
		return "a range is [N], [N:], [:N] or [N:N]";
	*value = (int)v;
	return NULL;
}

static const char *
parse_range(struct format_spec *spec, struct slice s)
{
	const char	*colon = memchr(s.p, ':', s.n);
	const char	*why;
	struct slice	 first = s;

	if (s.n == 0)
		return "a range is [N], [N:], [:N] or [N:N]";
	spec->range = true;
	if (colon == NULL) {
		why = parse_bound(&spec->first, s);
		spec->last = spec->first;
		return why;
	}
	first.n = colon - s.p;
	if ((why = parse_bound(&spec->first, first)) != NULL)
		return why;
	return parse_bound(&spec->last,
	    slice_make(colon + 1, s.n - first.n - 1));
}

const char *
format_spec_parse(struct format_spec *spec, const char *p, const char **end)
{
	const char	*brace = strchr(p, '}'), *q, *close, *why;

	if (brace == NULL)
		return "%{ without }";
	*end = brace + 1;
	*spec = (struct format_spec){ .last = INT_MAX };
	for (q = p; q < brace && *q != '[' && *q != ':'; q++)
		;
	if ((why = parse_name(spec, slice_make(p, q - p))) != NULL)
		return why;
	if (*q == '[') {
		if ((close = memchr(q, ']', brace - q)) == NULL)
			return "[ without ]";
		why = parse_range(spec, slice_make(q + 1, close - q - 1));
		if (why != NULL)
			return why;
		q = close + 1;
	}
	if (q == brace)
		return NULL;
	if (*q != ':')
		return "only :modifiers may follow a range";
	return parse_modifiers(spec, slice_make(q + 1, brace - q - 1));
}

/* The part of an address; what follows the last @ is the domain. */
static struct slice
address_part(struct slice s, enum part part)
{
	const char	*at;

	if (part == PART_WHOLE || s.n == 0)
		return s;
	at = memrchr(s.p, '@', s.n);
	if (part == PART_USER)
		return slice_make(s.p, at == NULL ? s.n : (size_t)(at - s.p));
	if (at == NULL)
		return SLICE("");
	return slice_make(at + 1, s.n - (at + 1 - s.p));
}

static struct slice
spec_value(const struct name *name, const struct format_values *v)
{
	const char	*field = (const char *)v + name->offset;
	struct slice	 s;

	if (name->ours)
		return slice_str(*(const char *const *)(const void *)field);
	s = *(const struct slice *)(const void *)field;
	if (s.n == 0)
		return slice_str(name->empty);
	return address_part(s, name->part);
}

/* user+tag@domain becomes user@domain. */
static size_t
strip_tag(char *buf, size_t n, char delim)
{
	char	*tag = memchr(buf, delim, n), *at = memrchr(buf, '@', n);

	if (at == NULL)
		at = buf + n;
	if (tag == NULL || tag >= at)
		return n;
	memmove(tag, at, buf + n - at);
	return n - (at - tag);
}

static size_t
modify(const struct format_spec *spec, char *buf, size_t n, char delim,
    bool ours)
{
	size_t	 i;

	if (spec->modifiers & MOD_STRIP)
		n = strip_tag(buf, n, delim);
	for (i = 0; i < n; i++) {
		if (spec->modifiers & MOD_LOWERCASE)
			buf[i] = tolower((unsigned char)buf[i]);
		if (spec->modifiers & MOD_UPPERCASE)
			buf[i] = toupper((unsigned char)buf[i]);
		if (!ours && !(spec->modifiers & MOD_RAW) && buf[i] != '\0' &&
		    strchr(escaped, buf[i]) != NULL)
			buf[i] = ':';
	}
	return n;
}

/* Bounds below zero count from the end; the last one is included. */
static const char *
cut(const struct format_spec *spec, char *buf, size_t *n)
{
	int	 len = (int)*n, first = spec->first, last = spec->last;

	if (!spec->range || len == 0)
		return NULL;
	if (first < 0)
		first += len;
	if (last < 0)
		last += spec->last == spec->first ? len : len - 1;
	if (last >= len)
		last = len - 1;
	if (first < 0 || first > last)
		return "the range of a format specifier is outside its value";
	*n = last - first + 1;
	memmove(buf, buf + first, *n);
	return NULL;
}

/* What a value from outside must not be, in a path or as an argument. */
static const char *
objection(const char *buf, size_t n)
{
	size_t	 i;

	if (n > 0 && (buf[0] == '.' || buf[0] == '-'))
		return "the value of a format specifier starts with '.' or '-'";
	for (i = 0; i < n; i++)
		if (buf[i] == '/' || (unsigned char)buf[i] < ' ' ||
		    buf[i] == 0x7f)
			return "the value of a format specifier holds '/' or a "
			    "control character";
	return NULL;
}

const char *
format_spec_expand(const struct format_spec *spec,
    const struct format_values *v, char buf[FORMAT_VALUE])
{
	const struct name	*name = &names[spec->name];
	struct slice		 s = spec_value(name, v);
	const char		*why;
	size_t			 n = s.n;

	if (n >= FORMAT_VALUE)
		return "the value of a format specifier is too long";
	if (n > 0)
		memcpy(buf, s.p, n);
	n = modify(spec, buf, n, v->delim, name->ours);
	if ((why = cut(spec, buf, &n)) != NULL)
		return why;
	buf[n] = '\0';
	return name->ours ? NULL : objection(buf, n);
}

const char *
format_check(const char *path)
{
	struct format_spec	 spec;
	const char		*why;

	while ((path = strchr(path, '%')) != NULL) {
		path++;
		if (*path == '%')
			path++;
		else if (*path == '{' &&
		    (why = format_spec_parse(&spec, path + 1, &path)) != NULL)
			return why;
	}
	return NULL;
}

/* Appends to a path that has *n bytes; -1 if it does not fit. */
static int
append(char *buf, size_t size, size_t *n, const char *s, size_t len)
{
	if (size - *n <= len)
		return -1;
	memcpy(buf + *n, s, len);
	*n += len;
	buf[*n] = '\0';
	return 0;
}

const char *
format_expand(char *buf, size_t size, const char *path,
    const struct format_values *v)
{
	static const char	 too_long[] = "the path is too long";
	struct format_spec	 spec;
	char			 value[FORMAT_VALUE];
	const char		*why, *home = v->directory;
	size_t			 n = 0, len;

	if (size == 0)
		return too_long;
	buf[0] = '\0';
	if (strncmp(path, "~/", 2) == 0)
		path += 2;
	else if (path[0] == '/' || strncmp(path, "%{user.directory", 16) == 0)
		home = "";
	if (home[0] != '\0' &&
	    (append(buf, size, &n, home, strlen(home)) == -1 ||
	    append(buf, size, &n, "/", 1) == -1))
		return too_long;
	while (*path != '\0') {
		if (path[0] == '%' && path[1] == '{') {
			why = format_spec_parse(&spec, path + 2, &path);
			if (why == NULL)
				why = format_spec_expand(&spec, v, value);
			if (why != NULL)
				return why;
			if (append(buf, size, &n, value, strlen(value)) == -1)
				return too_long;
			continue;
		}
		if (path[0] == '%' && path[1] == '%')
			path++;
		len = 1 + strcspn(path + 1, "%");
		if (append(buf, size, &n, path, len) == -1)
			return too_long;
		path += len;
	}
	return NULL;
}
