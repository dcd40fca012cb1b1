"""What the service bears: see __main__.py."""
