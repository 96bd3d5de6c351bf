"""DNS, TLS, HTTPS and SMTP, as a sending mail server speaks them: bounded in size and time."""
