"""The walk of a sending server: DNS, HTTPS and SMTP."""
