"""MTA-STS (RFC 8461) from one policy.yaml: lint it, build it, serve it, publish it.

Floors, from the ground up; a module imports only from floors below its own:
0 findings, rules, report · 1 names, policy, reporting, record, document · 2 schema, judge, hosting, config
3 page, packages, build, serve, zones · 4 verbs, cli
"""
