/* SPDX-License-Identifier: ISC */
/*
 * Questions to a real server, which is the scripted one of tests/dns.
 */
/* objects: lib/dns.o lib/dns_cache.o lib/dns_channel.o lib/dns_conf.o lib/dns_flight.o lib/dns_hosts.o lib/dns_name.o lib/dns_parse.o lib/dns_set.o */
#include "tests/unit/dns_world.h"

#include "lib/nitems.h"

static const char	 zone[] =
    "example.org SOA 300 60\n"
    "www.example.org A 60 192.0.2.1\n"
    "www.example.org A 30 192.0.2.2\n"
    "www.example.org AAAA 60 2001:db8::1\n"
    "zero.example.org A 0 192.0.2.1\n"
    "brief.example.org A 1 192.0.2.1\n"
    "192.0.2.1 PTR 60 WWW.example.org\n"
    "2001:db8::1 PTR 60 www.example.org\n"
    "192.0.2.2 PTR 60 bad|name.example.org\n"
    "192.0.2.3 PTR 60 bad|name.example.org\n"
    "192.0.2.3 PTR 60 good.example.org\n"
    "3.2.0.192.in-addr.arpa ! chain 2\n"
    "4.2.0.192.in-addr.arpa CNAME 60 4.0/25.2.0.192.in-addr.arpa\n"
    "4.0/25.2.0.192.in-addr.arpa PTR 60 four.example.org\n"
    "example.org MX 60 10 mx1.example.org\n"
    "example.org MX 60 5 mx0.example.org\n"
    "null.example.org MX 60 0 .\n"
    "odd.example.org MX 60 0 bad|name.example.org\n"
    "half.example.org MX 60 0 bad|name.example.org\n"
    "half.example.org MX 60 10 good.example.org\n"
    "text.example.org TXT 60 \"v=spf1 \" \"-all\"\n"
    "alias.example.org CNAME 20 www.example.org\n"
    "aliasnone.example.org CNAME 20 none.example.org\n"
    "ten.example.org ! chain 10\n"
    "ten.example.org A 60 192.0.2.10\n"
    "eleven.example.org ! chain 11\n"
    "eleven.example.org A 60 192.0.2.11\n"
    "circle.example.org ! loop cname\n"
    "pointer.example.org ! loop pointer\n"
    "shuffled.example.org ! shuffle\n"
    "shuffled.example.org ! chain 5\n"
    "shuffled.example.org A 60 192.0.2.12\n"
    "slow.example.org ! slow 300\n"
    "slow.example.org A 60 192.0.2.13\n"
    "silent.example.org ! silent\n"
    "once.example.org ! silent 1\n"
    "once.example.org A 60 192.0.2.14\n"
    "failing.example.org ! servfail\n"
    "failsonce.example.org ! servfail 1\n"
    "failsonce.example.org A 60 192.0.2.15\n"
    "refused.example.org ! refused\n"
    "formerr.example.org ! formerr\n"
    "big.example.org ! truncate\n"
    "big.example.org TXT 60 big\n"
    "bigclose.example.org ! truncate\n"
    "bigclose.example.org ! tcp-close\n"
    "bigsilent.example.org ! truncate\n"
    "bigsilent.example.org ! tcp-silent\n"
    "wrongid.example.org ! lie id\n"
    "wrongid.example.org A 60 192.0.2.66\n"
    "wrongname.example.org ! lie question\n"
    "wrongname.example.org A 60 192.0.2.66\n"
    "wrongport.example.org ! lie source\n"
    "wrongport.example.org A 60 192.0.2.66\n"
    "noanswer.example.org ! lie qr\n"
    "noanswer.example.org A 60 192.0.2.66\n"
    "stranger.example.org ! lie owner\n"
    "stranger.example.org A 60 192.0.2.66\n"
    "garbage.example.org ! garbage 200\n"
    "cut.example.org ! cut 2\n"
    "cut.example.org A 60 192.0.2.66\n"
    "many.example.org ! count 60000\n"
    "many.example.org A 60 192.0.2.66\n"
    "*.wild.example.org A 60 192.0.2.99\n"
    "nosoa.test A 60 192.0.2.1\n";

static struct responder	 server;
static struct event_base *base;

static int
setup(void **state)
{
	(void)state;
	responder_start(&server, zone);
	assert_non_null(base = event_base_new());
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	event_base_free(base);
	responder_stop(&server);
	return 0;
}

/* A dns that gives up soon. */
static struct dns *
quick(const char *list)
{
	struct dns_options	 o = { .timeout = 250, .tries = 2 };
	struct dns		*d = dns_new(base, &o);
	const char		*why;

	assert_non_null(d);
	if (list != NULL)
		assert_int_equal(dns_resolvers(d, list, &why), 0);
	return d;
}

static const struct {
	const char	*name;
	enum dns_type	 type;
	const char	*text;
	uint32_t	 ttl;
	const char	*canonical;	/* NULL: as asked */
} answers[] = {
	{ "www.example.org", DNS_A, "ok 192.0.2.1 192.0.2.2", 30, NULL },
	{ "WWW.Example.ORG.", DNS_A, "ok 192.0.2.1 192.0.2.2", 30, "www.example.org" },
	{ "www.example.org", DNS_AAAA, "ok 2001:db8::1", 60, NULL },
	{ "1.2.0.192.in-addr.arpa", DNS_PTR, "ok www.example.org", 60, NULL },
	{ "2.2.0.192.in-addr.arpa", DNS_PTR, "nodata", 60, NULL },
	{ "3.2.0.192.in-addr.arpa", DNS_PTR, "ok good.example.org", 60,
	    "chain1.3.2.0.192.in-addr.arpa" },
	{ "4.2.0.192.in-addr.arpa", DNS_PTR, "ok four.example.org", 60,
	    "4.0/25.2.0.192.in-addr.arpa" },
	{ "example.org", DNS_MX, "ok 10:mx1.example.org 5:mx0.example.org", 60, NULL },
	{ "null.example.org", DNS_MX, "ok 0:", 60, NULL },
	{ "odd.example.org", DNS_MX, "tempfail: no MX is a host name", 0, "" },
	{ "half.example.org", DNS_MX, "ok 10:good.example.org", 60, NULL },
	{ "text.example.org", DNS_TXT, "ok v=spf1 -all", 60, NULL },
	{ "alias.example.org", DNS_A, "ok 192.0.2.1 192.0.2.2", 20, "www.example.org" },
	{ "alias.example.org", DNS_MX, "nodata", 20, "www.example.org" },
	{ "aliasnone.example.org", DNS_A, "nxdomain", 20, "none.example.org" },
	{ "ten.example.org", DNS_A, "ok 192.0.2.10", 60, "chain9.ten.example.org" },
	{ "eleven.example.org", DNS_A, "tempfail: too many aliases", 0, "" },
	{ "circle.example.org", DNS_A, "tempfail: too many aliases", 0, "" },
	{ "pointer.example.org", DNS_A, "tempfail: a broken answer", 0, "" },
	{ "shuffled.example.org", DNS_A, "ok 192.0.2.12", 60, "chain4.shuffled.example.org" },
	{ "slow.example.org", DNS_A, "ok 192.0.2.13", 60, NULL },
	{ "silent.example.org", DNS_A, "tempfail: no answer in time", 0, "" },
	{ "once.example.org", DNS_A, "ok 192.0.2.14", 60, NULL },
	{ "failing.example.org", DNS_A, "tempfail: server failure", 0, "" },
	{ "refused.example.org", DNS_A, "tempfail: refused by the server", 0, "" },
	{ "formerr.example.org", DNS_A, "tempfail: the server calls it malformed", 0, "" },
	{ "big.example.org", DNS_TXT, "ok big", 60, NULL },
	{ "bigsilent.example.org", DNS_TXT, "tempfail: no answer in time", 0, "" },
	{ "wrongid.example.org", DNS_A, "tempfail: no answer in time", 0, "" },
	{ "wrongname.example.org", DNS_A, "tempfail: no answer in time", 0, "" },
	{ "wrongport.example.org", DNS_A, "tempfail: no answer in time", 0, "" },
	{ "noanswer.example.org", DNS_A, "tempfail: a broken answer", 0, "" },
	{ "stranger.example.org", DNS_A, "nodata", 0, NULL },
	{ "cut.example.org", DNS_A, "tempfail: a broken answer", 0, "" },
	{ "many.example.org", DNS_A, "tempfail: a broken answer", 0, "" },
	{ "a.b.wild.example.org", DNS_A, "ok 192.0.2.99", 60, NULL },
	{ "none.example.org", DNS_A, "nxdomain", 60, NULL },
	{ "wild.example.org", DNS_TXT, "nodata", 60, NULL },
	{ "www.example.org", DNS_MX, "nodata", 60, NULL },
	{ "none.test", DNS_A, "nxdomain", 0, NULL },
	{ "", DNS_A, "badname: no host name", 0, "" },
	{ ".", DNS_A, "badname: no host name", 0, "" },
	{ "a..b", DNS_A, "badname: no host name", 0, "" },
	{ "a b", DNS_A, "badname: no host name", 0, "" },
	{ "a|b", DNS_A, "badname: no host name", 0, "" },
	{ "-a.example", DNS_A, "badname: no host name", 0, "" },
	{ "192.0.2.1", DNS_MX, "badname: no host name", 0, "" },
	{ "a\\.b", DNS_TXT, "badname: no host name", 0, "" },
};

static void
test_answers(void **state)
{
	struct dns	*d = quick(server.list);
	struct got	 g;
	const char	*canonical;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(answers); i++) {
		/* What is cached is the next test's. */
		dns_free(d);
		d = quick(server.list);
		g = ask(base, d, answers[i].name, answers[i].type, 0);
		canonical = answers[i].canonical != NULL ? answers[i].canonical : answers[i].name;
		if (strcmp(g.text, answers[i].text) != 0 || g.ttl != answers[i].ttl ||
		    strcmp(g.canonical, canonical) != 0)
			fail_msg("%s %d: %s, ttl %u, canonical %s", answers[i].name,
			    answers[i].type, g.text, g.ttl, g.canonical);
		assert_int_equal(g.cached, 0);
	}
	dns_free(d);
}

/* Bytes that are none: whatever comes out, it is an answer. */
static void
test_garbage(void **state)
{
	struct dns	*d = quick(server.list);
	struct got	 g;
	int		 i;

	(void)state;
	for (i = 0; i < 200; i++) {
		g = ask(base, d, "garbage.example.org", DNS_A, 0);
		assert_int_equal(g.called, 1);
	}
	dns_free(d);
}

static void
test_cache(void **state)
{
	struct dns	*d = quick(server.list);
	struct dns_stat	 s;
	struct got	 g;

	(void)state;
	assert_int_equal(ask(base, d, "www.example.org", DNS_A, 0).cached, 0);
	g = ask(base, d, "WWW.example.org.", DNS_A, 0);
	assert_int_equal(g.cached, 1);
	assert_string_equal(g.text, "ok 192.0.2.1 192.0.2.2");
	assert_in_range(g.ttl, 28, 30);
	/* The other type is another question; what there is not is kept too. */
	assert_int_equal(ask(base, d, "www.example.org", DNS_AAAA, 0).cached, 0);
	assert_int_equal(ask(base, d, "none.example.org", DNS_A, 0).cached, 0);
	g = ask(base, d, "none.example.org", DNS_A, 0);
	assert_int_equal(g.cached, 1);
	assert_string_equal(g.text, "nxdomain");
	/* These are not: no SOA, a TTL of 0, a failure. */
	ask(base, d, "none.test", DNS_A, 0);
	assert_int_equal(ask(base, d, "none.test", DNS_A, 0).cached, 0);
	ask(base, d, "zero.example.org", DNS_A, 0);
	assert_int_equal(ask(base, d, "zero.example.org", DNS_A, 0).cached, 0);
	ask(base, d, "failing.example.org", DNS_A, 0);
	assert_int_equal(ask(base, d, "failing.example.org", DNS_A, 0).cached, 0);
	dns_stat(d, &s);
	assert_int_equal(s.queries, 11);
	assert_int_equal(s.hits, 2);
	assert_int_equal(s.sent, 9);
	assert_int_equal(s.entries, 3);
	dns_free(d);
}

static void
test_ttl(void **state)
{
	struct dns_options	 o = { .ttl_max = 1 };
	struct dns		*d = dns_new(base, &o);
	const char		*why;

	(void)state;
	dns_resolvers(d, server.list, &why);
	assert_int_equal(ask(base, d, "www.example.org", DNS_A, 0).ttl, 1);
	ask(base, d, "brief.example.org", DNS_A, 0);
	assert_int_equal(ask(base, d, "www.example.org", DNS_A, 0).cached, 1);
	loop_for(base, 1050);
	assert_int_equal(ask(base, d, "www.example.org", DNS_A, 0).cached, 0);
	assert_int_equal(ask(base, d, "brief.example.org", DNS_A, 0).cached, 0);
	dns_free(d);
}

/* However many names are asked, the cache keeps to its size. */
static void
test_cache_bound(void **state)
{
	struct dns_options	 o = { .cache = 4000 };
	struct dns		*d = dns_new(base, &o);
	struct dns_stat		 s;
	const char		*why;
	char			 name[64];
	int			 i;

	(void)state;
	dns_resolvers(d, server.list, &why);
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%d.wild.example.org", i);
		ask(base, d, name, DNS_A, 0);
		dns_stat(d, &s);
		assert_true(s.bytes <= 4000);
	}
	assert_in_range(s.entries, 5, 40);
	assert_int_equal(ask(base, d, "n99.wild.example.org", DNS_A, 0).cached, 1);
	assert_int_equal(ask(base, d, "n0.wild.example.org", DNS_A, 0).cached, 0);
	dns_free(d);
}

/* The same question under way is asked once; a cancelled one is not answered. */
static void
test_joined(void **state)
{
	struct dns		*d = quick(server.list);
	struct got		 g[5] = { { 0 } };
	struct dns_query	*q[5];
	struct dns_stat		 s;
	int			 i, before = responder_asked(&server, "udp slow.example.org AAAA");

	(void)state;
	for (i = 0; i < 5; i++) {
		g[i] = (struct got){ .base = base, .type = DNS_AAAA };
		q[i] = dns_ask(d, i % 2 ? "SLOW.example.org" : "slow.example.org", DNS_AAAA, 0,
		    got_cb, &g[i]);
	}
	dns_cancel(q[1]);
	loop_until(base, &g[4].called, 1);
	for (i = 0; i < 5; i++)
		assert_int_equal(g[i].called, i != 1);
	dns_stat(d, &s);
	assert_int_equal(s.sent, 1);
	/* Slower than the timeout: sent twice, by c-ares. */
	assert_in_range(responder_asked(&server, "udp slow.example.org AAAA") - before, 1, 2);
	dns_free(d);
}

/* All were cancelled before they were sent, while on their way, or when there was an answer. */
static void
test_cancelled(void **state)
{
	struct dns		*d = quick(server.list);
	struct got		 g = { .base = base };
	struct dns_query	*q;
	struct dns_stat		 s;

	(void)state;
	q = dns_ask(d, "slow.example.org", DNS_A, 0, got_cb, &g);
	dns_cancel(q);
	loop_for(base, 30);
	dns_stat(d, &s);
	assert_int_equal(s.sent, 0);
	q = dns_ask(d, "slow.example.org", DNS_A, 5000, got_cb, &g);
	loop_for(base, 30);
	dns_cancel(q);
	loop_for(base, 1000);
	assert_int_equal(ask(base, d, "slow.example.org", DNS_A, 0).cached, 1);
	q = dns_ask(d, "slow.example.org", DNS_A, 0, got_cb, &g);
	dns_cancel(q);
	loop_for(base, 30);
	assert_int_equal(g.called, 0);
	dns_free(d);
}

static void
test_deadline(void **state)
{
	struct dns	*d = dns_new(base, NULL);
	struct timespec	 start;
	struct got	 g;
	const char	*why;

	(void)state;
	dns_resolvers(d, server.list, &why);
	clock_gettime(CLOCK_MONOTONIC, &start);
	g = ask(base, d, "silent.example.org", DNS_A, 120);
	assert_string_equal(g.text, "tempfail: no answer in time");
	assert_in_range(elapsed_ms(&start), 100, 1000);
	/* Its answer comes in time. */
	assert_string_equal(ask(base, d, "slow.example.org", DNS_A, 5000).text, "ok 192.0.2.13");
	dns_free(d);
}

/* Nobody listens there: that is known at once, by tries without waiting. */
static void
test_refused(void **state)
{
	struct dns	*d = dns_new(base, NULL);
	struct timespec	 start;
	const char	*why;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_string_equal(ask(base, d, "www.example.org", DNS_A, 0).text,
	    "tempfail: no resolver is known");
	assert_int_equal(dns_resolvers(d, "127.0.0.1:1,[::1]:1", &why), 0);
	assert_string_equal(ask(base, d, "www.example.org", DNS_A, 0).text,
	    "tempfail: no resolver can be reached or has an answer");
	assert_in_range(elapsed_ms(&start), 0, 1000);
	dns_free(d);
}

/* The second answers where the first refuses, fails or is silent; a dead one is left alone soon. */
static void
test_servers(void **state)
{
	struct responder	 other;
	struct dns		*d = quick(NULL);
	const char		*why;
	char			 list[160], name[64];
	int			 i;

	(void)state;
	responder_start(&other, "*.example.org ! silent\nfailing.example.org ! servfail\n");
	snprintf(list, sizeof(list), "127.0.0.1:1,%s", server.list);
	dns_resolvers(d, list, &why);
	assert_string_equal(ask(base, d, "zero.example.org", DNS_A, 0).text, "ok 192.0.2.1");
	snprintf(list, sizeof(list), "%s %s", server.list, other.list);
	dns_resolvers(d, list, &why);
	assert_string_equal(ask(base, d, "failing.example.org", DNS_A, 0).text,
	    "tempfail: no resolver can be reached or has an answer");
	assert_int_equal(responder_asked(&other, "udp failing.example.org A"), 1);
	snprintf(list, sizeof(list), "%s,%s", other.list, server.list);
	dns_resolvers(d, list, &why);
	for (i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "n%d.wild.example.org", i);
		assert_string_equal(ask(base, d, name, DNS_A, 0).text, "ok 192.0.2.99");
	}
	assert_int_equal(responder_asked(&other, "udp n2.wild.example.org A"), 1);
	assert_int_equal(responder_asked(&other, "udp n3.wild.example.org A"), 0);
	dns_free(d);
	responder_stop(&other);
}

/* What is under way ends with the old resolvers, what comes goes to the new ones. */
static void
test_change(void **state)
{
	struct responder	 other;
	struct dns		*d = quick(server.list);
	struct got		 old = { .base = base, .type = DNS_A }, late = old;
	const char		*why;

	(void)state;
	responder_start(&other, "slow.example.org A 60 198.51.100.1\n"
	    "www.example.org A 60 198.51.100.2\n");
	ask(base, d, "www.example.org", DNS_A, 0);
	dns_ask(d, "slow.example.org", DNS_A, 0, got_cb, &old);
	loop_for(base, 30);
	assert_int_equal(dns_resolvers(d, other.list, &why), 0);
	dns_ask(d, "slow.example.org", DNS_A, 0, got_cb, &late);
	loop_until(base, &late.called, 1);
	assert_string_equal(late.text, "ok 198.51.100.1");
	loop_until(base, &old.called, 1);
	assert_string_equal(old.text, "ok 192.0.2.13");
	/* The old answer is not kept for the new ones, nor what was. */
	assert_string_equal(ask(base, d, "slow.example.org", DNS_A, 0).text, "ok 198.51.100.1");
	assert_string_equal(ask(base, d, "www.example.org", DNS_A, 0).text, "ok 198.51.100.2");
	/* A list that is wrong changes nothing. */
	assert_int_equal(dns_resolvers(d, "example.org", &why), -1);
	assert_string_equal(why, "a resolver is not an address");
	assert_int_equal(ask(base, d, "www.example.org", DNS_A, 0).cached, 1);
	dns_free(d);
	responder_stop(&other);
}

static void
test_tcp(void **state)
{
	struct dns	*d = quick(server.list);
	struct dns_stat	 s;
	int		 before = responder_asked(&server, "tcp big.example.org TXT");

	(void)state;
	assert_string_equal(ask(base, d, "big.example.org", DNS_TXT, 0).text, "ok big");
	assert_int_equal(responder_asked(&server, "tcp big.example.org TXT"), before + 1);
	dns_stat(d, &s);
	assert_int_equal(s.tcp, 1);
	assert_memory_equal(ask(base, d, "bigclose.example.org", DNS_TXT, 0).text, "tempfail: ", 10);
	dns_free(d);
}

static void
test_hosts(void **state)
{
	struct dns		*d = quick(server.list);
	struct sockaddr_in	 in = { .sin_family = AF_INET };
	struct got		 g = { .base = base, .type = DNS_PTR };

	(void)state;
	assert_int_equal(dns_hosts(d, SLICE("127.0.0.1 localhost lo\n192.0.2.1 Www.example.org\n")), 0);
	g = ask(base, d, "www.example.org", DNS_A, 0);
	assert_string_equal(g.text, "ok 192.0.2.1");
	assert_int_equal(g.cached, 2);
	/* A name of the file is all there; its mail is not its business. */
	assert_string_equal(ask(base, d, "www.example.org", DNS_AAAA, 0).text, "nodata");
	assert_int_equal(ask(base, d, "www.example.org", DNS_MX, 0).cached, 0);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	g = (struct got){ .base = base, .type = DNS_PTR };
	dns_ask_ptr(d, (struct sockaddr *)&in, 0, got_cb, &g);
	loop_until(base, &g.called, 1);
	assert_string_equal(g.text, "ok localhost");
	dns_free(d);
}

/* Both files are read again when they change. */
static void
test_files(void **state)
{
	struct dns	*d = quick(NULL);
	char		 hosts[] = "/tmp/dns_hosts.XXXXXX", conf[] = "/tmp/dns_conf.XXXXXX";

	(void)state;
	close(mkstemp(hosts));
	close(mkstemp(conf));
	file_write(hosts, "192.0.2.50 a.test\n");
	file_write(conf, "nameserver 127.0.0.1\noptions attempts:1\n");
	dns_files(d, conf, hosts);
	assert_string_equal(ask(base, d, "a.test", DNS_A, 0).text, "ok 192.0.2.50");
	file_write(hosts, "192.0.2.51 a.test\n");
	assert_string_equal(ask(base, d, "a.test", DNS_A, 0).text, "ok 192.0.2.50");
	loop_for(base, 1050);
	assert_string_equal(ask(base, d, "a.test", DNS_A, 0).text, "ok 192.0.2.51");
	/* Files that are gone leave all as it was. */
	unlink(hosts);
	unlink(conf);
	loop_for(base, 1050);
	assert_string_equal(ask(base, d, "a.test", DNS_A, 0).text, "ok 192.0.2.51");
	dns_free(d);
}

/* A burst larger than the window, among it names that never answer. */
static void
test_burst(void **state)
{
	static struct got	 g[1000];
	struct dns		*d = dns_new(base, NULL);
	struct dns_stat		 s;
	const char		*why;
	char			 name[64];
	int			 i, done;

	(void)state;
	dns_resolvers(d, server.list, &why);
	for (i = 0; i < 1000; i++) {
		g[i] = (struct got){ .base = base, .type = DNS_A };
		snprintf(name, sizeof(name), i % 10 ? "n%d.wild.example.org" :
		    "silent.example.org", i);
		assert_non_null(dns_ask(d, name, DNS_A, 3000, got_cb, &g[i]));
	}
	for (done = 0; done < 1000; ) {
		loop_for(base, 50);
		for (i = done = 0; i < 1000; i++)
			done += g[i].called;
	}
	for (i = 0; i < 1000; i++)
		assert_string_equal(g[i].text, i % 10 ? "ok 192.0.2.99" :
		    "tempfail: no answer in time");
	dns_stat(d, &s);
	assert_int_equal(s.sent, 901);
	dns_free(d);
}

struct ender {
	struct dns	*d;
	int		 called;
};

static void
end_cb(const struct dns_answer *a, void *arg)
{
	struct ender	*e = arg;

	assert_int_equal(a->status, DNS_OK);
	e->called++;
	dns_free(e->d);
	/* Its records are there until this returns. */
	assert_int_equal(a->n, 1);
	assert_int_equal(a->record[0].a.s_addr, htonl(0xc000020d));
}

/* Freed by a callback, with questions under way, waiting and answered. */
static void
test_freed(void **state)
{
	struct ender		 e = { .d = quick(server.list) };
	struct got		 g = { .base = base };

	(void)state;
	dns_ask(e.d, "silent.example.org", DNS_A, 0, got_cb, &g);
	dns_ask(e.d, "slow.example.org", DNS_A, 0, end_cb, &e);
	dns_ask(e.d, "slow.example.org", DNS_A, 0, got_cb, &g);
	dns_ask(e.d, "www.example.org", DNS_A, 1, got_cb, &g);
	loop_until(base, &e.called, 1);
	loop_for(base, 50);
	assert_in_range(g.called, 0, 1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_cache_bound),
		cmocka_unit_test(test_joined),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_freed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
