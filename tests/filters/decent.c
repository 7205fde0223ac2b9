/* SPDX-License-Identifier: ISC */
/*
 * A filter on libopensmtpd, as its manual osmtpd_run(3) has them: refuses a
 * name and a sender, and puts a line into each message.
 */
#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <opensmtpd.h>

static void
connected(struct osmtpd_ctx *ctx, const char *rdns, struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_UNSPEC || rdns[0] == '\0')
		osmtpd_filter_disconnect(ctx, "who are you");
	else
		osmtpd_filter_proceed(ctx);
}

static void
identified(struct osmtpd_ctx *ctx, const char *name)
{
	if (strcmp(name, "nobody.example") == 0)
		osmtpd_filter_disconnect_enh(ctx, 4, 7, 1, "go away, %s", name);
	else
		osmtpd_filter_proceed(ctx);
}

static void
sender(struct osmtpd_ctx *ctx, const char *address)
{
	if (strcmp(address, "bad@client.example") == 0)
		osmtpd_filter_reject_enh(ctx, 550, 5, 7, 1, "not from %s", address);
	else
		osmtpd_filter_proceed(ctx);
}

static void
line(struct osmtpd_ctx *ctx, const char *text)
{
	if (strncmp(text, "Subject:", 8) == 0)
		osmtpd_filter_dataline(ctx, "X-Decent: %s for %s", ctx->mailfrom, ctx->rcptto[0]);
	osmtpd_filter_dataline(ctx, "%s", text);
}

static void
committed(struct osmtpd_ctx *ctx)
{
	osmtpd_filter_proceed(ctx);
}

int
main(void)
{
	osmtpd_need(OSMTPD_NEED_MAILFROM | OSMTPD_NEED_RCPTTO);
	osmtpd_register_filter_connect(connected);
	osmtpd_register_filter_ehlo(identified);
	osmtpd_register_filter_mailfrom(sender);
	osmtpd_register_filter_dataline(line);
	osmtpd_register_filter_commit(committed);
	osmtpd_run();
	return 0;
}
