"""What is deployed, served and told to Azure."""
