/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SMTPCTL_ENCRYPT_H
#define SMTPD_SMTPCTL_ENCRYPT_H

/*
 * Prints the hash of a password, or (NULL) of each line of standard input.  0, or
 * the end of the program after an error.
 */
int	smtpctl_encrypt(const char *password);

#endif
