"""MTA-STS (RFC 8461) from one policy.yaml: lint it, build it, serve it, publish it, check it.

Floors, from the ground up. A module imports only from floors below its own, and from those named before it on its own:

0 findings · files · deadline · machine · rules · recipes · report
0 output · credentials · signals · exit_codes
1 names · policy · mx_hosts · reporting · record · document · edit
2 schema · judge · senders · meaning · hosting · config · lint · compose
3 page · packages · build · serve · records · recordset · zones · providers · publish · parameters · outputs
3 git · repository · cut · revisions · history · ownership · tip
3 tls · lookup · fetch · smtp · steps · verdict · check · checked · announcing · adopt · comment
3 life · change · gate · live · allow · plan · planned
4 verbs · cli
"""
