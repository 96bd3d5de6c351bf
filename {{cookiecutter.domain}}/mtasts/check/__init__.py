"""What a sending server does with a domain: DNS, HTTPS and SMTP."""
