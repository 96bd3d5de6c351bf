"""Real servers for the tests, on this machine's own addresses: DNS, HTTPS, SMTP, and the certificates of a CA."""
