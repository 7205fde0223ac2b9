/* SPDX-License-Identifier: ISC */
/*
 * Pseudonyms, made with a keyed hash: no table of them is kept.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/fmt_anon.h"
#include "lib/fmt_hash.h"
#include "lib/nitems.h"
#include "lib/report_list.h"
#include "lib/report_part.h"

#define VALUE_MAX	80	/* longest pseudonym, and what stands around it */
#define NAME_DIGITS	12	/* of five bits each */
#define LOWER_MAX	255	/* longest name of the DNS, whose case is ignored */

enum kind { KIND_KEY, KIND_USER, KIND_NAME, KIND_IPV4, KIND_IPV6 = KIND_IPV4 + 4,
	KIND_IPV6_REST };

struct fmt_anon {
	uint64_t	 key[2];
	char		*buf;		/* of the values of one record */
	size_t		 size, n;
};

/* -- the key -- */

static int
key_read(struct fmt_anon *a, const char *file)
{
	static const uint64_t	 whiten[2][2] = { { 1, 2 }, { 3, 4 } };
	unsigned char		 buf[4096];
	size_t			 n = 0;
	ssize_t			 r;
	int			 fd, saved;

	if ((fd = open(file, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	while (n < sizeof(buf) && (r = read(fd, buf + n, sizeof(buf) - n)) != 0) {
		if (r == -1) {
			saved = errno;
			close(fd);
			errno = saved;
			return -1;
		}
		n += (size_t)r;
	}
	close(fd);
	if (n < FMT_ANON_KEY_MIN) {
		errno = EINVAL;
		return -1;
	}
	a->key[0] = fmt_hash(whiten[0], KIND_KEY, buf, n);
	a->key[1] = fmt_hash(whiten[1], KIND_KEY, buf, n);
	explicit_bzero(buf, sizeof(buf));
	return 0;
}

struct fmt_anon *
fmt_anon_new(const char *file)
{
	struct fmt_anon	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return NULL;
	if (file == NULL)
		arc4random_buf(a->key, sizeof(a->key));
	else if (key_read(a, file) == -1) {
		free(a);
		return NULL;
	}
	return a;
}

void
fmt_anon_free(struct fmt_anon *a)
{
	if (a == NULL)
		return;
	free(a->buf);
	explicit_bzero(a, sizeof(*a));
	free(a);
}

/* -- pieces; fmt_anon_record has made room -- */

static void
put(struct fmt_anon *a, const char *p, size_t n)
{
	memcpy(a->buf + a->n, p, n);
	a->n += n;
}

static void
put_str(struct fmt_anon *a, const char *s)
{
	put(a, s, strlen(s));
}

/* Short texts of ours and of digits only. */
static void
put_slice(struct fmt_anon *a, struct slice s)
{
	if (s.n > 0)
		put(a, s.p, s.n);
}

static void
put_hash(struct fmt_anon *a, enum kind kind, const char *p, size_t n)
{
	uint64_t	 h = fmt_hash(a->key, kind, p, n);
	int		 i;

	for (i = 0; i < NAME_DIGITS; i++, h >>= 5)
		a->buf[a->n++] = "abcdefghijklmnopqrstuvwxyz234567"[h & 31];
}

static void
put_user(struct fmt_anon *a, struct slice s)
{
	put_str(a, "u");
	put_hash(a, KIND_USER, s.p, s.n);
}

/* Loopback and "any" say nothing of anybody. */
static bool
is_special4(uint32_t ip)
{
	return ip >> 24 == 0 || ip >> 24 == 127;
}

/* One to one, so that two hosts never become one: a network of four rounds. */
static uint32_t
permute4(const struct fmt_anon *a, uint32_t ip)
{
	uint16_t	 left, right, next;
	int		 i;

	do {
		left = (uint16_t)(ip >> 16);
		right = (uint16_t)ip;
		for (i = 0; i < 4; i++) {
			next = left ^ (uint16_t)fmt_hash(a->key, KIND_IPV4 + (uint64_t)i,
			    (const char []){ (char)(right >> 8), (char)right }, 2);
			left = right;
			right = next;
		}
		ip = (uint32_t)left << 16 | right;
	} while (is_special4(ip));
	return ip;
}

static void
put_ipv4(struct fmt_anon *a, struct in_addr in)
{
	uint32_t	 ip = ntohl(in.s_addr);
	char		 text[INET_ADDRSTRLEN];

	if (!is_special4(ip))
		in.s_addr = htonl(permute4(a, ip));
	inet_ntop(AF_INET, &in, text, sizeof(text));
	put_str(a, text);
}

/* In 2001:db8::/32, which is nobody's. */
static void
put_ipv6(struct fmt_anon *a, struct in6_addr in6)
{
	char		 text[INET6_ADDRSTRLEN];
	unsigned char	 whole[16];
	uint64_t	 h;
	uint32_t	 ip;
	int		 i;

	memcpy(whole, in6.s6_addr, sizeof(whole));
	if (IN6_IS_ADDR_V4MAPPED(&in6)) {
		memcpy(&ip, whole + 12, 4);
		if (!is_special4(ntohl(ip)))
			ip = htonl(permute4(a, ntohl(ip)));
		memcpy(in6.s6_addr + 12, &ip, 4);
	} else if (!IN6_IS_ADDR_UNSPECIFIED(&in6) && !IN6_IS_ADDR_LOOPBACK(&in6)) {
		memcpy(in6.s6_addr, "\x20\x01\x0d\xb8", 4);
		h = fmt_hash(a->key, KIND_IPV6, whole, sizeof(whole));
		for (i = 4; i < 12; i++, h >>= 8)
			in6.s6_addr[i] = (uint8_t)h;
		h = fmt_hash(a->key, KIND_IPV6_REST, whole, sizeof(whole));
		for (; i < 16; i++, h >>= 8)
			in6.s6_addr[i] = (uint8_t)h;
	}
	inet_ntop(AF_INET6, &in6, text, sizeof(text));
	put_str(a, text);
}

/* If it is an address of a host, a zone after it left out: its pseudonym. */
static bool
put_ip(struct fmt_anon *a, struct slice s)
{
	char		 text[INET6_ADDRSTRLEN];
	struct in_addr	 in;
	struct in6_addr	 in6;
	const char	*zone = s.n == 0 ? NULL : memchr(s.p, '%', s.n);

	if (zone != NULL)
		s.n = (size_t)(zone - s.p);
	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (inet_pton(AF_INET, text, &in) == 1)
		put_ipv4(a, in);
	else if (inet_pton(AF_INET6, text, &in6) == 1)
		put_ipv6(a, in6);
	else
		return false;
	return true;
}

static bool
starts(struct slice s, struct slice with)
{
	return s.n >= with.n && strncasecmp(s.p, with.p, with.n) == 0;
}

static struct slice
cut(struct slice s, size_t before, size_t after)
{
	return slice_make(s.p + before, s.n - before - after);
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]" */
static bool
put_literal(struct fmt_anon *a, struct slice s)
{
	size_t	 from = a->n;

	if (s.n < 3 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	s = cut(s, 1, 1);
	put_str(a, "[");
	if (starts(s, SLICE("IPv6:"))) {
		put_str(a, "IPv6:");
		s = cut(s, 5, 0);
	}
	if (!put_ip(a, s)) {
		a->n = from;
		return false;
	}
	put_str(a, "]");
	return true;
}

/* A name of a host or a domain: the same for both, whatever its case. */
static void
put_name(struct fmt_anon *a, struct slice s)
{
	char	 lower[LOWER_MAX];
	size_t	 i;

	if (s.n == 0 || put_ip(a, s) || put_literal(a, s))
		return;
	if (slice_eqi(s, SLICE("localhost")) || slice_eq(s, SLICE("<unknown>"))) {
		put_slice(a, s);
		return;
	}
	if (s.n > 1 && s.p[s.n - 1] == '.')
		s.n--;
	if (s.n <= sizeof(lower)) {
		for (i = 0; i < s.n; i++)
			lower[i] = (char)tolower((unsigned char)s.p[i]);
		s.p = lower;
	}
	put_str(a, "d");
	put_hash(a, KIND_NAME, s.p, s.n);
	put_str(a, ".example");
}

/* -- values -- */

static bool
is_port(struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		;
	return s.n > 0 && s.n <= 5 && i == s.n;
}

static void
hide_address(struct fmt_anon *a, struct slice s)
{
	struct slice	 host, port;
	bool		 old = starts(s, SLICE("IPv6:"));

	addr_split(s, &host, &port);
	if (host.n == 0 || slice_eq(host, SLICE("local"))) {
		put_str(a, s.n == 0 ? "" : host.n == 0 ? ":0" :
		    starts(s, SLICE("unix:")) ? "unix:/var/run/smtpd.sock" : "local:0");
		return;
	}
	put_str(a, old ? "IPv6:" : s.p[0] == '[' ? "[" : "");
	if (!put_ip(a, host))
		put_name(a, host);
	put_str(a, s.p[0] == '[' ? "]" : "");
	if (is_port(port)) {
		put_str(a, ":");
		put_slice(a, port);
	}
}

static void
hide_mail(struct fmt_anon *a, struct slice s)
{
	static const struct report_name	 user = { RF_ADDRESS, PART_USER };
	static const struct report_name	 domain = { RF_ADDRESS, PART_DOMAIN };
	struct slice			 part;

	if (slice_eq(s, SLICE("<>")))
		put_str(a, "<>");
	if (report_text_part(s, user, &part))
		put_user(a, part);
	if (report_text_part(s, domain, &part)) {
		put_str(a, "@");
		put_name(a, part);
	}
}

static void
hide_username(struct fmt_anon *a, struct slice s)
{
	if (s.n > 0 && memchr(s.p, '@', s.n) != NULL)
		hide_mail(a, s);
	else if (s.n > 0)
		put_user(a, s);
}

static void
hide_all(struct fmt_anon *a, struct slice s)
{
	put_str(a, s.n == 0 ? "" : "***");
}

/* A client may say anything, a password for one: only known verbs stay. */
static void
hide_command(struct fmt_anon *a, struct slice s)
{
	static const char *const	 verbs[] = { "MAIL FROM:", "RCPT TO:",
	    "MAIL", "RCPT", "HELO", "EHLO", "LHLO", "AUTH", "STARTTLS", "DATA",
	    "BDAT", "RSET", "NOOP", "QUIT", "HELP", "VRFY", "EXPN", "." };
	size_t				 i, n;

	for (i = 0; i < nitems(verbs); i++) {
		n = strlen(verbs[i]);
		if (!starts(s, slice_str(verbs[i])))
			continue;
		if (s.n == n || s.p[n] == ' ' || s.p[n - 1] == ':') {
			put(a, s.p, n);
			if (s.n > n)
				put_str(a, s.p[n - 1] == ':' ? "***" : " ***");
			return;
		}
	}
	hide_all(a, s);
}

/* "250 ", "250-2.1.5 ": how many bytes of s are code. */
static size_t
code_length(struct slice s)
{
	size_t	 i, n, digits, dots = 0;

	for (i = 0; i < 3; i++)
		if (i == s.n || s.p[i] < '0' || s.p[i] > '9')
			return 0;
	if (s.n == 3 || (s.p[3] != ' ' && s.p[3] != '-'))
		return s.n == 3 ? 3 : 0;
	for (n = 4, digits = 0; n < s.n && n < 4 + 9; n++) {
		if (s.p[n] == '.' && digits > 0) {
			dots++;
			digits = 0;
		} else if (s.p[n] >= '0' && s.p[n] <= '9' && digits < 3)
			digits++;
		else
			break;
	}
	if (dots != 2 || digits == 0 || (n < s.n && s.p[n] != ' ' && s.p[n] != ':'))
		return 4;
	return n < s.n ? n + 1 : n;
}

static void
hide_reply(struct fmt_anon *a, struct slice s)
{
	size_t	 n = code_length(s);

	put_slice(a, slice_make(s.p, n));
	if (n < s.n)
		put_str(a, n > 0 && s.p[n - 1] == ':' ? " ***" : "***");
}

/* Where a dialect nobody knows has another order, a name may stand where a word should. */
static const char *const	 words[] = {
	"ok", "tempfail", "permfail", "pass", "fail", "error",
	"HELO", "EHLO", "LHLO",
	"connect", "connected", "helo", "ehlo", "starttls", "tls", "auth",
	"mail-from", "rcpt-to", "data", "data-line", "commit", "rset", "quit",
	"noop", "help",
	"proceed", "junk", "rewrite", "reject", "disconnect", "report", "bypass",
	"builtin", "proc",
};

static void
hide_word(struct fmt_anon *a, struct slice s)
{
	size_t	 i;

	for (i = 0; i < nitems(words); i++)
		if (slice_eq(s, slice_str(words[i])))
			break;
	if (i == nitems(words) && s.n != 0)
		put_str(a, "***");
	else
		put_slice(a, s);
}

static void	(*const hide[RF_MAX])(struct fmt_anon *, struct slice) = {
	[RF_RDNS]	= put_name,
	[RF_FCRDNS]	= hide_word,
	[RF_METHOD]	= hide_word,
	[RF_RESULT]	= hide_word,
	[RF_PHASE]	= hide_word,
	[RF_KIND]	= hide_word,
	[RF_SRC]	= hide_address,
	[RF_DEST]	= hide_address,
	[RF_HOSTNAME]	= put_name,
	[RF_IDENTITY]	= put_name,
	[RF_USERNAME]	= hide_username,
	[RF_ADDRESS]	= hide_mail,
	[RF_SENDER]	= hide_mail,
	[RF_RECIPIENT]	= hide_mail,
	[RF_COMMAND]	= hide_command,
	[RF_REPLY]	= hide_reply,
	[RF_EXPECTED]	= hide_reply,
	[RF_PARAM]	= hide_reply,
	[RF_MESSAGE]	= hide_all,
	[RF_REASON]	= hide_all,
};

/* -- a record -- */

/* A text that is encoded gets the pseudonym of what it stands for. */
static void
hide_item(struct fmt_anon *a, enum field f, struct slice item)
{
	/* At the end of the room, which is longer than the line by all of the rest. */
	hide[f](a, report_decode(item, a->buf + a->size - item.n, item.n));
}

static void
hide_list(struct fmt_anon *a, enum field f, struct slice list)
{
	struct slice	 item;
	size_t		 n = 0;

	while (report_item(&list, &item) == 1) {
		if (n++ > 0)
			put_str(a, ",");
		hide_item(a, f, item);
	}
}

static size_t
values_of(const struct report *r)
{
	size_t	 i, n = REPORT_FIELDS;

	if (report_is_derived(r->event))
		for (i = 0; i < r->line.n; i++)
			n += r->line.p[i] == ',';
	return n;
}

int
fmt_anon_record(struct fmt_anon *a, struct report *r, size_t *bound)
{
	size_t		 from, need = values_of(r) * VALUE_MAX + r->line.n;
	char		*p;
	enum field	 f;

	if (need > a->size) {
		if ((p = realloc(a->buf, need * 2)) == NULL)
			return -1;
		a->buf = p;
		a->size = need * 2;
	}
	a->n = 0;
	for (f = RF_SESSION + 1; f < RF_MAX; f++) {
		if (!report_has(r, f) || hide[f] == NULL)
			continue;
		from = a->n;
		if (report_is_list(r->event, f))
			hide_list(a, f, r->field[f]);
		else if (report_is_derived(r->event))
			hide_item(a, f, r->field[f]);
		else
			hide[f](a, r->field[f]);
		r->field[f] = slice_make(a->buf + from, a->n - from);
	}
	*bound = r->line.n + a->n;
	return 0;
}
