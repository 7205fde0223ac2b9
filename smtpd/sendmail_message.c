/* SPDX-License-Identifier: ISC */
/*
 * sendmail: reads a message, takes the recipients out of its header, removes
 * what no recipient may see and adds what is missing.
 */
#include <ctype.h>
#include <err.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "lib/nitems.h"
#include "lib/smtp_date.h"
#include "smtpd/sendmail.h"

static const struct {
	const char	*name;
	size_t		 rcpt;		/* offset of the list its addresses go to */
	bool		 remove;
} rcpt_fields[] = {
	{ "To",		offsetof(struct message, rcpt),		false },
	{ "Cc",		offsetof(struct message, rcpt),		false },
	{ "Bcc",	offsetof(struct message, rcpt),		true },
	{ "Resent-To",	offsetof(struct message, resent),	false },
	{ "Resent-Cc",	offsetof(struct message, resent),	false },
	{ "Resent-Bcc",	offsetof(struct message, resent),	true },
};
static const struct {
	const char	*name;
	size_t		 has;
} needed_fields[] = {
	{ "From",	offsetof(struct message, has_from) },
	{ "Date",	offsetof(struct message, has_date) },
	{ "Message-Id",	offsetof(struct message, has_message_id) },
};

void
addresses_add(struct addresses *a, const char *p, size_t n)
{
	size_t	 i;

	if (n == 0)
		return;
	/* An address goes into a command and into a line of a file. */
	for (i = 0; i < n; i++)
		if (iscntrl((unsigned char)p[i]))
			errx(EX_DATAERR, "address with a control character: %.*s",
			    (int)strcspn(p, "\r\n"), p);
	a->list = reallocarray(a->list, a->n + 1, sizeof(*a->list));
	if (a->list == NULL || (a->list[a->n++] = strndup(p, n)) == NULL)
		err(EX_OSERR, NULL);
}

/* Past a comment, which may hold others. */
static const char *
skip_comment(const char *p)
{
	int	 depth = 0;

	for (; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return p;
}

/* Copies a quoted string to out, returns what follows it. */
static const char *
copy_quoted(const char *p, char *out, size_t *n)
{
	out[(*n)++] = *p++;
	while (*p != '\0' && *p != '"') {
		if (*p == '\\' && p[1] != '\0')
			out[(*n)++] = *p++;
		out[(*n)++] = *p++;
	}
	out[(*n)++] = '"';
	return *p == '\0' ? p : p + 1;
}

/*
 * Comments and white space go; the name of a group goes at its colon; what
 * stands in angle brackets is the address, whatever stood before it.
 */
void
addresses_parse(struct addresses *a, const char *p)
{
	char	*out;
	size_t	 n = 0;
	bool	 angle = false, complete = false;

	/* A quoted string that does not end is ended. */
	if ((out = malloc(strlen(p) + 2)) == NULL)
		err(EX_OSERR, NULL);
	while (*p != '\0') {
		if (*p == '(') {
			p = skip_comment(p);
		} else if (*p == '"' && !complete) {
			p = copy_quoted(p, out, &n);
		} else if (*p == '<') {
			n = 0;
			angle = true;
			complete = false;
			p++;
		} else if (*p == '>') {
			angle = false;
			complete = true;
			p++;
		} else if (!angle && (*p == ',' || *p == ';')) {
			addresses_add(a, out, n);
			n = 0;
			complete = false;
			p++;
		} else if (!angle && *p == ':') {
			n = 0;
			p++;
		} else {
			if (!complete && !isspace((unsigned char)*p))
				out[n++] = *p;
			p++;
		}
	}
	addresses_add(a, out, n);
	free(out);
}

char *
address_qualify(const char *address, const char *host)
{
	const char	*at = strrchr(address, '@');
	const char	*quote = strrchr(address, '"');
	char		*s;

	if (*address == '\0' || (at != NULL && (quote == NULL || at > quote)))
		s = strdup(address);
	else if (asprintf(&s, "%s@%s", address, host) == -1)
		s = NULL;
	if (s == NULL)
		err(EX_OSERR, NULL);
	return s;
}

/* Length of a field's name if line is the first of a field, else 0. */
static size_t
field_name(const char *line, size_t n)
{
	size_t	 i;

	for (i = 0; i < n && line[i] > ' ' && line[i] < 127 && line[i] != ':'; i++)
		;
	if (i == 0 || i == n)
		return 0;
	/* RFC 5322 4.5: white space before the colon is obsolete, not wrong. */
	return line[i + strspn(line + i, " \t")] == ':' ? i : 0;
}

/* A whole field, its continuation lines included. */
static void
field(struct message *m, const char *text, size_t len)
{
	size_t	 i, n = field_name(text, len);
	bool	 remove = false;

	for (i = 0; i < nitems(rcpt_fields); i++)
		if (strlen(rcpt_fields[i].name) == n &&
		    strncasecmp(rcpt_fields[i].name, text, n) == 0) {
			addresses_parse((struct addresses *)((char *)m +
			    rcpt_fields[i].rcpt), strchr(text, ':') + 1);
			remove = rcpt_fields[i].remove;
		}
	for (i = 0; i < nitems(needed_fields); i++)
		if (strlen(needed_fields[i].name) == n &&
		    strncasecmp(needed_fields[i].name, text, n) == 0)
			*(bool *)((char *)m + needed_fields[i].has) = true;
	if (!remove)
		fwrite(text, 1, len, m->text);
}

/* Reads a line without CR LF or LF; -1 at the end. */
static ssize_t
read_line(FILE *in, char **line, size_t *size, bool dot_ends)
{
	ssize_t	 n;

	if ((n = getline(line, size, in)) == -1)
		return -1;
	if ((*line)[n - 1] == '\n')
		n--;
	if (n > 0 && (*line)[n - 1] == '\r')
		n--;
	(*line)[n] = '\0';
	return dot_ends && strcmp(*line, ".") == 0 ? -1 : n;
}

static void
append(char **text, size_t *len, const char *line, size_t n)
{
	if ((*text = realloc(*text, *len + n + 2)) == NULL)
		err(EX_OSERR, NULL);
	memcpy(*text + *len, line, n);
	*len += n;
	(*text)[(*len)++] = '\n';
	(*text)[*len] = '\0';
}

/* Reads the header; the first line of the body that was read with it is left in *line. */
static ssize_t
read_header(struct message *m, FILE *in, char **line, size_t *size,
    bool dot_ends)
{
	char	*text = NULL;		/* the field so far */
	size_t	 len = 0;
	ssize_t	 n;
	bool	 first = true;

	while ((n = read_line(in, line, size, dot_ends)) > 0) {
		if (first && strncmp(*line, "From ", 5) == 0)
			continue;	/* of an mbox */
		first = false;
		if (len > 0 && (**line == ' ' || **line == '\t')) {
			append(&text, &len, *line, (size_t)n);
			continue;
		}
		if (field_name(*line, (size_t)n) == 0)
			break;
		if (len > 0)
			field(m, text, len);
		len = 0;
		append(&text, &len, *line, (size_t)n);
	}
	if (len > 0)
		field(m, text, len);
	free(text);
	return n;
}

void
message_read(struct message *m, FILE *in, bool dot_ends)
{
	char	*line = NULL;
	size_t	 size = 0;
	ssize_t	 n;

	memset(m, 0, sizeof(*m));
	if ((m->text = tmpfile()) == NULL)
		err(EX_CANTCREAT, "temporary file");
	n = read_header(m, in, &line, &size, dot_ends);
	putc('\n', m->text);
	if (n > 0) {
		fwrite(line, 1, (size_t)n, m->text);
		putc('\n', m->text);
	}
	if (n != -1)
		while ((n = read_line(in, &line, &size, dot_ends)) != -1) {
			fwrite(line, 1, (size_t)n, m->text);
			putc('\n', m->text);
		}
	free(line);
	if (ferror(in))
		err(EX_IOERR, "standard input");
	if (fflush(m->text) == EOF || ferror(m->text))
		err(EX_IOERR, "temporary file");
	rewind(m->text);
}

/* A name as RFC 5322 lets it stand before an address. */
static void
write_phrase(FILE *out, const char *name)
{
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789 !#$%&'*+-/=?^_`{|}~")] == '\0') {
		fprintf(out, "%s ", name);
		return;
	}
	putc('"', out);
	for (; *name != '\0'; name++)
		if (!iscntrl((unsigned char)*name)) {
			if (*name == '"' || *name == '\\')
				putc('\\', out);
			putc(*name, out);
		}
	fputs("\" ", out);
}

char *
message_head(const struct message *m, const char *host, const char *sender,
    const char *name)
{
	char		 date[SMTP_DATE_MAX];
	char		*head = NULL;
	size_t		 size;
	time_t		 now = time(NULL);
	FILE		*out;

	if ((out = open_memstream(&head, &size)) == NULL)
		err(EX_OSERR, NULL);
	if (!m->has_from) {
		fputs("From: ", out);
		if (*name != '\0')
			write_phrase(out, name);
		fprintf(out, "<%s>\n", sender);
	}
	if (!m->has_date)
		fprintf(out, "Date: %s\n", smtp_date(now, date));
	if (!m->has_message_id)
		fprintf(out, "Message-Id: <%08llx.%08x%08x@%s>\n",
		    (unsigned long long)now, arc4random(), arc4random(), host);
	if (fclose(out) == EOF)
		err(EX_OSERR, NULL);
	return head;
}
