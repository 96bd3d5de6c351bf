"""The DNS records, and how octoDNS publishes them."""
