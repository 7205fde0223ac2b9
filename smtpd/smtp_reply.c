/* SPDX-License-Identifier: ISC */
/*
 * Every text that a mail client is sent, a line each (RFC 5321, RFC 2034;
 * words as OpenSMTPD has them).  smtp process.
 */
#include <stdio.h>

#include "smtpd/smtp.h"

#define REPLY_TEXT_MAX	510	/* bytes of a line, RFC 5321 4.5.3.1.5 */

static const char *const texts[REPLY_MAX] = {
	[REPLY_NONE]		= "",
	[REPLY_BANNER]		= "220 %s ESMTP OpenSMTPD",
	[REPLY_HELO]		= "250 %s Hello %s, pleased to meet you",
	[REPLY_EHLO]		= "250 %s Hello %s, pleased to meet you",
	[REPLY_EXT_8BITMIME]	= "250 8BITMIME",
	[REPLY_EXT_STATUSCODES]	= "250 ENHANCEDSTATUSCODES",
	[REPLY_EXT_SIZE]	= "250 SIZE %s",
	[REPLY_EXT_DSN]		= "250 DSN",
	[REPLY_EXT_PIPELINING]	= "250 PIPELINING",
	[REPLY_EXT_CHUNKING]	= "250 CHUNKING",
	[REPLY_EXT_SMTPUTF8]	= "250 SMTPUTF8",
	[REPLY_EXT_STARTTLS]	= "250 STARTTLS",
	[REPLY_EXT_AUTH]	= "250 AUTH PLAIN LOGIN",
	[REPLY_EXT_HELP]	= "250 HELP",
	[REPLY_OK]		= "250 2.0.0 Ok",
	[REPLY_RESET]		= "250 2.0.0 Reset state",
	[REPLY_BYE]		= "221 2.0.0 Bye",
	[REPLY_VRFY]		= "252 2.0.0 Cannot VRFY; try RCPT to attempt delivery",
	[REPLY_HELP1]		= "214 This is pipepost, a mail server that you can pipe",
	[REPLY_HELP2]		= "214 Commands: HELO EHLO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT",
	[REPLY_HELP3]		= "214 2.0.0 End of HELP info",
	[REPLY_STARTTLS]	= "220 2.0.0 Ready to start TLS",
	[REPLY_MAIL_OK]		= "250 2.0.0 Ok",
	[REPLY_RCPT_OK]		= "250 2.1.5 Destination address valid: Recipient ok",
	[REPLY_DATA]		= "354 Enter mail, end with \".\" on a line by itself",
	[REPLY_CHUNK]		= "250 2.0.0 %s octets received",
	[REPLY_COMMIT]		= "250 2.0.0 %s Message accepted for delivery",
	[REPLY_AUTH_PLAIN]	= "334 ",
	[REPLY_AUTH_USERNAME]	= "334 VXNlcm5hbWU6",
	[REPLY_AUTH_PASSWORD]	= "334 UGFzc3dvcmQ6",
	[REPLY_AUTH_PASS]	= "235 2.0.0 Authentication succeeded",

	[REPLY_TIMEOUT]		= "421 4.4.2 Timeout, closing connection",
	[REPLY_TOO_MANY_ERRORS]	= "421 4.7.0 Too many errors, closing connection",
	[REPLY_SHUTDOWN]	= "421 4.3.2 Service shutting down, closing connection",
	[REPLY_TLS_BROKEN]	= "454 4.7.0 TLS not available due to temporary reason",
	[REPLY_TEMPFAIL]	= "451 4.3.0 Temporary failure, try again later",
	[REPLY_FULL]		= "452 4.3.1 Insufficient system storage, try again later",
	[REPLY_TOO_MANY_RCPTS]	= "452 4.5.3 Too many recipients",
	[REPLY_TOO_MANY_MAILS]	= "452 4.7.0 Too many messages sent in this session",
	[REPLY_FILTER_DOWN]	= "421 4.3.0 Temporary failure, closing connection",
	[REPLY_DNS_TEMPFAIL]	= "451 4.4.3 Temporary DNS failure",
	[REPLY_RCPT_TEMPFAIL]	= "451 4.3.0 Temporary failure looking up the recipient",
	[REPLY_NAME_TEMPFAIL]	= "451 4.3.0 Temporary failure looking up the recipient, or the name of the client",
	[REPLY_AUTH_TEMPFAIL]	= "454 4.7.0 Temporary authentication failure",
	[REPLY_TOO_MANY_LOGINS]	= "421 4.7.0 Too many failed logins, closing connection",

	[REPLY_UNKNOWN]		= "500 5.5.1 Invalid command: Command unrecognized",
	[REPLY_SEQUENCE]	= "503 5.5.1 Invalid command: Command not allowed at this point.",
	[REPLY_LINE_TOO_LONG]	= "500 5.5.2 Line too long",
	[REPLY_BAD_BYTES]	= "500 5.5.2 Invalid command: bare CR, bare LF or control character in the line",
	[REPLY_NO_ARGUMENTS]	= "501 5.5.4 Invalid command arguments: command does not accept arguments.",
	[REPLY_NEEDS_NAME]	= "501 5.5.4 Invalid command arguments: a host name or address literal is needed",
	[REPLY_BAD_NAME]	= "501 5.5.4 Invalid command arguments: not a host name or address literal",
	[REPLY_BAD_SENDER]	= "553 5.1.0 Sender address syntax error",
	[REPLY_BAD_RCPT]	= "501 5.1.3 Recipient address syntax error",
	[REPLY_MAIL_SYNTAX]	= "501 5.5.4 Invalid command arguments: MAIL FROM:<address> is needed",
	[REPLY_RCPT_SYNTAX]	= "501 5.5.4 Invalid command arguments: RCPT TO:<address> is needed",
	[REPLY_SENDER_UTF8]	= "553 5.6.7 Sender address is not ASCII: SMTPUTF8 is needed",
	[REPLY_RCPT_UTF8]	= "553 5.6.7 Recipient address is not ASCII: SMTPUTF8 is needed",
	[REPLY_BAD_CHUNK]	= "521 5.5.4 Invalid command arguments: BDAT size [LAST] is needed, closing connection",
	[REPLY_BAD_PARAM]	= "501 5.5.4 Invalid command arguments: bad value of parameter %s",
	[REPLY_UNKNOWN_PARAM]	= "555 5.5.4 Invalid command arguments: unsupported parameter %s",
	[REPLY_TLS_FIRST]	= "530 5.7.0 Must issue a STARTTLS command first",
	[REPLY_NO_RCPT]		= "503 5.5.4 Invalid command arguments: No recipient specified",
	[REPLY_TLS_ACTIVE]	= "503 5.5.1 Invalid command: TLS is already active",
	[REPLY_NO_TLS]		= "503 5.5.1 Invalid command: TLS is not offered",
	[REPLY_NO_AUTH]		= "503 5.5.1 Invalid command: AUTH is not offered",
	[REPLY_AUTH_FIRST]	= "530 5.7.0 Must issue an AUTH command first",
	[REPLY_AUTH_TWICE]	= "503 5.5.1 Invalid command: already authenticated",
	[REPLY_AUTH_NEEDS_MECHANISM] = "501 5.5.4 Invalid command arguments: a mechanism is needed, PLAIN or LOGIN",
	[REPLY_AUTH_MECHANISM]	= "504 5.5.4 Unrecognized authentication mechanism: PLAIN and LOGIN are offered",
	[REPLY_AUTH_MALFORMED]	= "501 5.5.2 Invalid command arguments: this is not base64, or not what the mechanism needs",
	[REPLY_AUTH_CANCELLED]	= "501 5.7.0 Authentication cancelled",
	[REPLY_AUTH_TOO_LONG]	= "500 5.5.6 Authentication exchange line is too long",
	[REPLY_AUTH_FAIL]	= "535 5.7.8 Authentication failed",
	[REPLY_TOO_BIG]		= "552 5.3.4 Message too big for system: Transaction failed, message too big",
	[REPLY_TOO_MANY_ENVELOPES] = "554 5.5.3 Too many recipients: they and their aliases are more than a message may have",
	[REPLY_LOOP]		= "554 5.4.6 Routing loop detected: Loop detected",
	[REPLY_NOT_A_MESSAGE]	= "550 5.7.1 Delivery not authorized, message refused: Message is not RFC 2822 compliant",
	[REPLY_BODY_LINE]	= "550 5.6.0 Message refused: a line is too long",
	[REPLY_NO_RULE]		= "550 5.7.1 Invalid recipient: <%s>",
	[REPLY_REJECTED]	= "550 5.7.1 Delivery not authorized, message refused: <%s>",
	[REPLY_UNKNOWN_USER]	= "550 5.1.1 Invalid recipient: <%s>",
	[REPLY_ALIAS_LOOP]	= "550 5.4.6 Invalid recipient: its aliases go in circles: <%s>",
	[REPLY_ALIAS_ERROR]	= "550 5.1.1 Invalid recipient: refused by its alias: <%s>",
};

struct slice
reply_text(enum reply r, char *buf, size_t size, const char *a, const char *b)
{
	int	 n = snprintf(buf, size, texts[r], a, b);

	return slice_make(buf, n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1);
}

enum result
reply_result(enum reply r)
{
	switch (texts[r][0]) {
	case '4':
		return RESULT_TEMPFAIL;
	case '5':
		return RESULT_PERMFAIL;
	default:
		return RESULT_OK;
	}
}

/* -- sent to a client -- */

static void
reply_line(struct session *s, enum reply r, bool more, const char *a,
    const char *b)
{
	char		 buf[1024];
	struct slice	 text = reply_text(r, buf, sizeof(buf) - 2, a, b);

	if (more)
		buf[3] = '-';
	report_protocol_server(&s->source, text);
	memcpy(buf + text.n, "\r\n", 2);
	io_write(&s->io, buf, text.n + 2);
}

void
session_reply_more(struct session *s, enum reply r, const char *a,
    const char *b)
{
	reply_line(s, r, true, a, b);
}

void
session_reply_text(struct session *s, struct slice text)
{
	if (text.n > REPLY_TEXT_MAX)
		text.n = REPLY_TEXT_MAX;
	report_protocol_server(&s->source, text);
	io_write(&s->io, text.p, text.n);
	io_write(&s->io, "\r\n", 2);
	s->errors += text.p[0] == '5';
}

void
session_reply(struct session *s, enum reply r, const char *a, const char *b)
{
	reply_line(s, r, false, a, b);
	if (reply_result(r) == RESULT_PERMFAIL)
		s->errors++;
}
