"""What is deployed and served, and the parameters for Azure."""
