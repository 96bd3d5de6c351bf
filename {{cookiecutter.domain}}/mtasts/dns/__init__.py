"""What belongs into DNS, and how octoDNS brings it there."""
