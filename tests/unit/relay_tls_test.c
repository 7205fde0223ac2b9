/* SPDX-License-Identifier: ISC */
/* objects: smtpd/relay.o smtpd/relay_auth.o smtpd/dsn.o smtpd/relay_command.o smtpd/relay_conn.o smtpd/relay_content.o smtpd/relay_dest.o smtpd/relay_hello.o smtpd/relay_host.o smtpd/relay_job.o smtpd/relay_query.o smtpd/relay_reply.o smtpd/relay_route.o smtpd/relay_tls.o smtpd/relay_tx.o smtpd/srs.o smtpd/io.o smtpd/io_tell.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/log.o smtpd/report_emit.o smtpd/report_remote.o smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_filter.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o */
/*
 * TLS and what comes of its failure, and AUTH.
 */
#include "tests/unit/relay_one.h"

/* -- what TLS needs -- */

static void
pem(const char *path, char *buf, size_t size, size_t *n)
{
	FILE	*f = fopen(path, "r");

	assert_non_null(f);
	*n = fread(buf, 1, size, f);
	fclose(f);
}

static void
ignore_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	(void)ipc;
	(void)msg;
	(void)arg;
}

/* A certificate of its own authority, for 127.0.0.1. */
static int
setup_tls(void **state)
{
	static char		 cert[8192], key[8192], dir[] = "/tmp/relay_test.XXXXXX";
	char			 command[1024], path[64];
	struct tls_config	*config = tls_config_new();
	struct ipc		*parent = world_peer(PROC_PARENT, ignore_cb);
	size_t			 ncert, nkey;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command), "openssl req -x509 -newkey ec "
	    "-pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x "
	    "-addext subjectAltName=IP:127.0.0.1 -keyout %s/k -out %s/c 2>/dev/null", dir, dir);
	assert_int_equal(system(command), 0);
	snprintf(path, sizeof(path), "%s/c", dir);
	pem(path, cert, sizeof(cert), &ncert);
	unlink(path);
	snprintf(path, sizeof(path), "%s/k", dir);
	pem(path, key, sizeof(key), &nkey);
	unlink(path);
	rmdir(dir);
	assert_int_equal(tls_config_set_keypair_mem(config, (uint8_t *)cert, ncert,
	    (uint8_t *)key, nkey), 0);
	server_tls = tls_server();
	assert_int_equal(tls_configure(server_tls, config), 0);
	tls_config_free(config);
	/* In two pieces, as a large one comes. */
	ipc_begin(parent, IPC_CA);
	ipc_put_slice(parent, SLICE(""));
	ipc_put_u8(parent, 0);
	ipc_put_slice(parent, slice_make(cert, 100));
	ipc_end(parent);
	ipc_begin(parent, IPC_CA);
	ipc_put_slice(parent, SLICE(""));
	ipc_put_u8(parent, 1);
	ipc_put_slice(parent, slice_make(cert + 100, ncert - 100));
	ipc_end(parent);
	return 0;
}

/* -- TLS -- */

#define TLS_HELLO	"C EHLO client.example\nS 250-mx.example\nS 250 PIPELINING\n"
#define STARTTLS	HELLO "S 250-PIPELINING\nS 250 STARTTLS\nC STARTTLS\n"

static void
starts_tls(void **state)
{
	(void)state;
	world_begin();
	run("r", STARTTLS "S 220 go\nT\n" TLS_HELLO ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));
	says("protocol-server|220 go\nlink-tls|TLSv1.3:");

	/* What came in clear behind the 220 is not believed. */
	world_begin();
	run("r", STARTTLS "I 250 injected\nT\n" TLS_HELLO ONE ACCEPTS, NULL,
	    TAKEN("127.0.0.1"));
	assert_null(strstr(world.events, "injected"));
}

static void
falls_back_to_clear(void **state)
{
	(void)state;
	/* Refused: on the same connection. */
	world_begin();
	run("r", STARTTLS "S 454 no\n" ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));

	/* A handshake that fails: on a new one, and so remembered. */
	world_begin();
	run("r", STARTTLS "S 220 go\nS rubbish that is no handshake\nX\n",
	    HELLO "S 250-PIPELINING\nS 250 STARTTLS\n" ONE ACCEPTS BYE, TAKEN("127.0.0.1"));
	world_skip(11);
	world.scripts[2] = HELLO "S 250-PIPELINING\nS 250 STARTTLS\n" ONE ACCEPTS;
	job("r", 1);
	world_results(2);

	/* After a while it is tried again. */
	world_begin();
	run("r", STARTTLS "S 220 go\nT\n" TLS_HELLO ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));
}

/* What one action makes of a host is nothing to another that would make less of it. */
static void
blames_no_host_for_an_action(void **state)
{
	(void)state;
	world_begin();
	world.hosts[0] = (struct ipc_host){ 0, SLICE("localhost"), SLICE("127.0.0.1") };
	world.nhosts = 1;
	world.scripts[0] = STARTTLS "S 220 go\nT\nX\n";
	world.scripts[1] = PIPELINING "C QUIT\nX\n";
	world.scripts[2] = HELLO "S 250-PIPELINING\nS 250 STARTTLS\n" ONE ACCEPTS;
	job("badname", 1);
	world_results(1);
	job("tls", 1);
	world_results(2);
	job("notls", 1);
	world_results(3);
	assert_non_null(strstr(world.results, TAKEN("127.0.0.1")));

	/* Its protocols do not suit the server; those of others may. */
	world_begin();
	world.scripts[0] = STARTTLS "S 220 go\nS rubbish that is no handshake\nX\n";
	world.scripts[1] = HELLO "S 250-PIPELINING\nS 250 STARTTLS\n" ONE ACCEPTS BYE;
	world.scripts[2] = STARTTLS "S 220 go\nT\n" TLS_HELLO ONE ACCEPTS;
	job("new", 1);
	world_results(1);
	job("r", 1);
	world_results(2);
}

/* A handshake that is never answered is one that fails. */
static void
falls_back_when_tls_stalls(void **state)
{
	(void)state;
	world_begin();
	world.scripts[0] = STARTTLS "S 220 go\nW\n";
	world.scripts[1] = HELLO "S 250-PIPELINING\nS 250 STARTTLS\n" ONE ACCEPTS;
	job("r", 1);
	world_settle();
	world_skip(121);
	world_results(1);
	assert_string_equal(world.results, TAKEN("127.0.0.1"));
}

static void
insists_on_tls(void **state)
{
	(void)state;
	world_begin();
	run("tls", PIPELINING "C QUIT\nX\n", NULL,
	    "1 tempfail unreached 127.0.0.1: 451 4.7.4 STARTTLS is not offered, and required here\n");
	world_begin();
	run("tls", STARTTLS "S 454 no\nC QUIT\nX\n", NULL,
	    "1 tempfail unreached 127.0.0.1: 454 no\n");
	world_begin();
	world.scripts[0] = STARTTLS "S 220 go\nX\n";
	job("tls", 1);
	world_results(1);
	assert_non_null(strstr(world.results,
	    "1 tempfail unreached 127.0.0.1: TLS: handshake failed"));

	/* The certificate is verified against the one authority, and the name. */
	world_begin();
	run("tls", STARTTLS "S 220 go\nT\n" TLS_HELLO ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));
	world_begin();
	world.hosts[0] = (struct ipc_host){ 0, SLICE("localhost"), SLICE("127.0.0.1") };
	world.nhosts = 1;
	run("badname", STARTTLS "S 220 go\nT\nX\n", NULL, "1 tempfail unreached "
	    "localhost: TLS: name `localhost' not present in server certificate\n");
	world_begin();
	run("noverify", STARTTLS "S 220 go\nT\n" TLS_HELLO ONE ACCEPTS, NULL,
	    TAKEN("127.0.0.1"));
	world_begin();
	run("otherca", STARTTLS "S 220 go\n", NULL, "1 tempfail unreached 127.0.0.1: "
	    "451 4.7.5 TLS cannot begin here: there are no certificates to verify it with\n");

	world_begin();
	run("smtps", "T\n" PIPELINING ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));
	says("|SERVER\nlink-tls|");
	world_begin();
	run("notls", HELLO "S 250-PIPELINING\nS 250 STARTTLS\n" ONE ACCEPTS, NULL,
	    TAKEN("127.0.0.1"));
}

/* -- AUTH -- */

#define AUTH(m)		HELLO "S 250-AUTH " m "\nS 250 PIPELINING\n"

static void
authenticates(void **state)
{
	(void)state;
	world_begin();
	world.answers[QUERY_CREDENTIALS] = "user:pass:word";
	run("auth", AUTH("LOGIN PLAIN") "C AUTH PLAIN AHVzZXIAcGFzczp3b3Jk\nS 235 ok\n"
	    ONE ACCEPTS, NULL, TAKEN("127.0.0.1"));
	says("protocol-client|AUTH PLAIN ********\n"
	    "link-auth|pass|user\nprotocol-server|235 ok\n");
	assert_null(strstr(world.events, "AHVz"));

	world_begin();
	world.answers[QUERY_CREDENTIALS] = "user:pass";
	run("auth", AUTH("LOGIN") "C AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC dXNlcg==\n"
	    "S 334 UGFzc3dvcmQ6\nC cGFzcw==\nS 235 ok\n" ONE ACCEPTS, NULL,
	    TAKEN("127.0.0.1"));
	says("protocol-client|AUTH LOGIN\n"
	    "protocol-server|334 VXNlcm5hbWU6\nprotocol-client|********\n"
	    "protocol-server|334 UGFzc3dvcmQ6\nprotocol-client|********\n"
	    "link-auth|pass|user\nprotocol-server|235 ok\n");

	/* Our password is wrong: mail is kept. */
	world_begin();
	world.answers[QUERY_CREDENTIALS] = "user:pass";
	run("auth", AUTH("PLAIN") "C AUTH PLAIN AHVzZXIAcGFzcw==\nS 535 no\nC QUIT\nX\n",
	    NULL, "1 tempfail unreached 127.0.0.1: 535 no\n");
	says("link-auth|fail|user\n");

	/* And no server makes us tell it. */
	world_begin();
	world.answers[QUERY_CREDENTIALS] = "user:pass";
	run("auth", AUTH("PLAIN") "C AUTH PLAIN AHVzZXIAcGFzcw==\nS 535-no:\nS 535 AHVzZXIAcGFzcw==\n"
	    "C QUIT\nX\n", NULL, "1 tempfail unreached 127.0.0.1: 535 ********\n");
	says("link-auth|fail|user\nprotocol-server|535 ********\n");
	world_begin();
	world.answers[QUERY_CREDENTIALS] = "user:pass";
	run("auth", AUTH("LOGIN") "C AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC dXNlcg==\n"
	    "S 334 UGFzc3dvcmQ6\nC cGFzcw==\nS 235 cGFzcw== is right\n"
	    "C MAIL*\nC RCPT*\nC DATA\nS 550 user with pass\nS 503 no\nS 503 no\n", NULL,
	    "1 permfail 127.0.0.1: 550 ********\n");
	assert_null(strstr(world.events, "pass|user\nprotocol-server|235 cGF"));

	/* It asks for more than was said: no success. */
	world_begin();
	world.answers[QUERY_CREDENTIALS] = "user:pass";
	run("auth", AUTH("PLAIN") "C AUTH PLAIN AHVzZXIAcGFzcw==\nS 334 more\nC QUIT\nX\n",
	    NULL, "1 tempfail unreached 127.0.0.1: 334 more\n");
	says("link-auth|error|user\n");

	world_begin();
	world.answers[QUERY_CREDENTIALS] = "user:pass";
	run("auth", AUTH("CRAM-MD5") "C QUIT\nX\n", NULL, "1 tempfail unreached 127.0.0.1: "
	    "451 4.7.4 Neither AUTH PLAIN nor AUTH LOGIN is offered\n");
	world_begin();
	run("auth", NULL, NULL, "1 tempfail unreached : "
	    "451 4.3.5 No credentials are to be had for the label: label\n");
}

static const char	 conf[] =
	"table auth { label = user:pass }\n"
	"ca other cert \"/nonexistent\"\n"
	"action r relay host \"smtp://127.0.0.1:PORT\"\n"
	"action new relay host \"smtp://127.0.0.1:PORT\" protocols \"tlsv1.3\"\n"
	"action tls relay host \"smtp+tls://127.0.0.1:PORT\"\n"
	"action badname relay host \"smtp+tls://localhost:PORT\"\n"
	"action noverify relay host \"smtp+tls://127.0.0.1:PORT\" tls no-verify\n"
	"action otherca relay host \"smtp+tls://127.0.0.1:PORT\" ca other\n"
	"action smtps relay host \"smtps://127.0.0.1:PORT\"\n"
	"action notls relay host \"smtp+notls://127.0.0.1:PORT\"\n"
	"action auth relay host \"smtp+notls://label@127.0.0.1:PORT\" auth <auth>\n";

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_tls),
		cmocka_unit_test(falls_back_to_clear),
		cmocka_unit_test(blames_no_host_for_an_action),
		cmocka_unit_test(falls_back_when_tls_stalls),
		cmocka_unit_test(insists_on_tls),
		cmocka_unit_test(authenticates),
	};

	world_init(conf);
	return cmocka_run_group_tests(tests, setup_tls, NULL);
}
