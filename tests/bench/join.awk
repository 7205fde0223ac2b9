# SPDX-License-Identifier: ISC
# Transactions joined by awk, the peer of txjoin(1) in the benches: versions
# 0.6 and 0.7 only, no quirks, what of a session and its transaction is known.
# usage: mawk -f join.awk log
BEGIN { FS = OFS = "|" }

function finish(s, status)
{
	print "report", $2, $3, $4, "tx-summary", s, msgid[s], status, begin[s],
	    sprintf("%.6f", $3 - begin[s]), src[s], dest[s], rdns[s], fcrdns[s],
	    method[s], identity[s], tls[s], username[s], sender[s],
	    recipient[s], result[s], evpid[s], size[s], decision[s], reply[s]
	delete msgid[s]; delete begin[s]; delete sender[s]; delete recipient[s]
	delete result[s]; delete evpid[s]; delete size[s]; delete decision[s]
}

$5 == "protocol-server" { reply[$6] = $7; next }
$5 == "protocol-client" { next }
$5 == "filter-response" {
	if ($8 != "proceed")
		decision[$6] = decision[$6] (decision[$6] == "" ? "" : ",") $8
	next
}
$5 == "link-connect" { rdns[$6] = $7; fcrdns[$6] = $8; src[$6] = $9; dest[$6] = $10; next }
$5 == "link-identify" { method[$6] = $7; identity[$6] = $8; next }
$5 == "link-tls" { tls[$6] = $7; next }
$5 == "link-auth" { if ($7 == "pass") username[$6] = $8; else if ($8 == "pass") username[$6] = $7; next }
$5 == "tx-begin" { msgid[$6] = $7; begin[$6] = $3; next }
$5 == "tx-mail" { if ($8 == "ok") sender[$6] = $9; next }
$5 == "tx-envelope" { evpid[$6] = evpid[$6] (evpid[$6] == "" ? "" : ",") $8; next }
$5 == "tx-rcpt" {
	recipient[$6] = recipient[$6] (recipient[$6] == "" ? "" : ",") $9
	result[$6] = result[$6] (result[$6] == "" ? "" : ",") $8
	next
}
$5 == "tx-commit" { size[$6] = $8; finish($6, "commit"); next }
$5 == "tx-rollback" { if ($6 in msgid) finish($6, "rollback"); next }
$5 == "link-disconnect" {
	if ($6 in msgid)
		finish($6, "disconnect")
	delete rdns[$6]; delete fcrdns[$6]; delete src[$6]; delete dest[$6]
	delete method[$6]; delete identity[$6]; delete tls[$6]
	delete username[$6]; delete reply[$6]
}
