/* SPDX-License-Identifier: ISC */
/*
 * The words of a transaction: its sender, MAIL and RCPT with what the server
 * offers, and what a message needs that it does not.  relay process.
 */
#include <stdio.h>
#include <string.h>

#include "lib/utf8.h"
#include "smtpd/dsn.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/relay_command.h"

#define ADDRESS_MAX	1000	/* RFC 5321 4.5.3.1.3 has 256 */

static bool
offers(const struct conn *c, enum smtp_ext_bit bit)
{
	return (c->ext.offered & bit) != 0;
}

/* -- what cannot be sent there -- */

static bool
is_ascii(struct slice s)
{
	return utf8_is_ascii(s.p, s.n);
}

/*
 * What stands in a command can end it.  Whoever took the address has seen to
 * that; nothing else stands between an address and the server's next command.
 */
static bool
is_sendable(struct slice s, size_t max)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return s.n <= max;
}

/* Bytes as RFC 1870 counts them: with CRLFs, without stuffed dots. */
static uint64_t
wire_size(const struct job *j)
{
	return j->size + (j->scanned ? j->lines : j->size / 32);
}

bool
command_needs_utf8(const struct conn *c)
{
	const struct job	*j = c->job;

	if (!is_ascii(c->sender))
		return true;
	return (j->body & BODY_SMTPUTF8) != 0 &&
	    (!j->scanned || j->eightbit_header);
}

void
command_refuse_all(struct conn *c, const char *why)
{
	relay_job_answer_all(c->job, JOB_PERMFAIL, 0, slice_str(c->name),
	    slice_str(c->text), slice_str(why));
}

static void
judge_words(struct conn *c)
{
	struct job	*j = c->job;
	uint32_t	 i;

	if (!is_sendable(c->sender, ADDRESS_MAX) ||
	    !is_sendable(j->envid, DSN_ENVID_MAX))
		command_refuse_all(c, "553 5.1.7 The sender cannot be sent");
	for (i = 0; i < j->nrcpt; i++)
		if (!is_sendable(j->rcpt[i].dest, ADDRESS_MAX) ||
		    !is_sendable(j->rcpt[i].orcpt, DSN_ORCPT_MAX))
			relay_job_answer(j, &j->rcpt[i], JOB_PERMFAIL, 0,
			    slice_str(c->name), slice_str(c->text),
			    SLICE("553 5.1.3 The address cannot be sent"));
}

void
command_judge(struct conn *c)
{
	struct job	*j = c->job;
	uint32_t	 i;

	judge_words(c);
	if (offers(c, SMTP_EXT_SIZE) && c->ext.size_max > 0 &&
	    j->size + (j->scanned ? j->lines : 0) > c->ext.size_max)
		command_refuse_all(c, "552 5.3.4 The message is larger than the server takes");
	else if (!offers(c, SMTP_EXT_8BITMIME) && j->eightbit)
		command_refuse_all(c, "554 5.6.3 The message has 8-bit content, which the server does not offer to take");
	else if (!offers(c, SMTP_EXT_SMTPUTF8) && command_needs_utf8(c))
		command_refuse_all(c, "554 5.6.7 The message needs SMTPUTF8, which the server does not offer");
	else if (!offers(c, SMTP_EXT_SMTPUTF8))
		for (i = 0; i < j->nrcpt; i++)
			if (!is_ascii(j->rcpt[i].dest))
				relay_job_answer(j, &j->rcpt[i], JOB_PERMFAIL,
				    0, slice_str(c->name), slice_str(c->text),
				    SLICE("554 5.6.7 The address needs SMTPUTF8, which the server does not offer"));
}

/* -- the sender -- */

int
command_sender(struct conn *c)
{
	const struct relay	*r = &c->dest->relay;
	struct slice		 from = c->job->sender;
	const char		*at = from.n == 0 ? NULL : memrchr(from.p, '@', from.n);
	int			 n;

	c->sender = from;
	if (from.n == 0)
		return 0;
	if (r->mail_from != NULL) {
		n = snprintf(c->path, sizeof(c->path), "%.*s%s",
		    r->mail_from[0] != '@' ? 0 :
		    (int)(at == NULL ? from.n : (size_t)(at - from.p)), from.p,
		    r->mail_from);
		if (n < 0 || (size_t)n >= sizeof(c->path))
			return -1;
	} else if (r->srs && proc_conf->srs_key != NULL) {
		n = srs_forward(proc_conf->srs_key, from,
		    slice_str(proc_conf->hostname), (int64_t)(loop_wall() / 1000000), c->path);
		if (n <= 0)
			return n;
	} else
		return 0;
	c->sender = slice_make(c->path, (size_t)n);
	return 0;
}

/* -- commands -- */

static size_t
mail_command(const struct conn *c, char *buf, size_t size)
{
	const struct job	*j = c->job;
	char			 sized[32] = "";
	bool			 dsn = offers(c, SMTP_EXT_DSN);
	bool			 ret = dsn && j->ret != RET_NONE && j->ret < RET_MAX;
	int			 n;

	if (offers(c, SMTP_EXT_SIZE))
		snprintf(sized, sizeof(sized), " SIZE=%llu",
		    (unsigned long long)wire_size(j));
	n = snprintf(buf, size, "MAIL FROM:<%.*s>%s%s%s%s%s%s%.*s",
	    (int)c->sender.n, c->sender.p, sized,
	    c->body8 ? " BODY=8BITMIME" : "", c->utf8 ? " SMTPUTF8" : "",
	    ret ? " RET=" : "", ret ? dsn_ret_names[j->ret] : "",
	    dsn && j->envid.n > 0 ? " ENVID=" : "",
	    dsn ? (int)j->envid.n : 0, j->envid.p);
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

static void
notify_words(unsigned notify, char *buf, size_t size)
{
	unsigned	 i;

	buf[0] = '\0';
	for (i = 0; i < DSN_NOTIFY_NAMES; i++)
		if (notify & 1u << i) {
			strlcat(buf, buf[0] == '\0' ? " NOTIFY=" : ",", size);
			strlcat(buf, dsn_notify_names[i], size);
		}
}

static size_t
rcpt_command(const struct conn *c, const struct job_rcpt *r, char *buf, size_t size)
{
	char	 notify[64] = "";
	bool	 dsn = offers(c, SMTP_EXT_DSN);
	int	 n;

	if (dsn)
		notify_words(r->notify, notify, sizeof(notify));
	n = snprintf(buf, size, "RCPT TO:<%.*s>%s%s%.*s", (int)r->dest.n,
	    r->dest.p, notify, dsn && r->orcpt.n > 0 ? " ORCPT=" : "",
	    dsn ? (int)r->orcpt.n : 0, r->orcpt.p);
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

struct slice
command_text(const struct conn *c, uint32_t i, char *buf, size_t size)
{
	if (i == 0)
		return slice_make(buf, mail_command(c, buf, size));
	if (i <= c->nrcpt)
		return slice_make(buf, rcpt_command(c, &c->job->rcpt[i - 1], buf, size));
	return SLICE("DATA");
}
